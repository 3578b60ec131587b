"""The chart as its entries, read for one moment; every question about the past is one loop over them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from kb import model
from kb.expression import tree
from tests.reference.measures import Dimension, Refused, Units, Value, times

Entry = dict[str, Any]


def instant(text: object) -> datetime:
    return text if isinstance(text, datetime) else datetime.fromisoformat(str(text).replace("Z", "+00:00"))


def seconds(later: datetime, earlier: datetime) -> Fraction:
    passed = later - earlier
    return Fraction(passed.days * 86400 + passed.seconds) + Fraction(passed.microseconds, 10**6)


class Record:
    """What is charted up to `now`. A mapping is the chart of one moment; `given` holds what it states outright."""

    def __init__(
        self, protocol: model.Protocol, library: model.Library, units: Units, chart: Mapping[str, Any], now: datetime
    ) -> None:
        self.library, self.units, self.now, self.protocol = library, units, now, protocol
        self.elements = {**library.elements, **protocol.elements}
        self.names = {name: drug.id for drug in library.drugs.values() for name in (drug.id, *drug.synonyms)}
        self.given: dict[str, Any] = {}
        self.refused: set[str] = set()
        self.one_moment = "entries" not in chart
        self.complete_from: datetime | None = None
        entries: list[Entry] = []
        if self.one_moment:
            self.complete = chart.get("therapy_record") == "complete"
            for name, value in chart.items():
                if name in self.elements:
                    entries.append({"id": name, "kind": "observation", "element": name, "value": value, "at": now})
                elif name != "therapy_record":
                    self.given[self.names.get(name, name)] = value
        else:
            entries = [dict(entry, at=instant(entry["at"])) for entry in chart["entries"]]
            if chart.get("complete_from"):
                self.complete_from = instant(chart["complete_from"])
            self.complete = self.complete_from is not None and self.complete_from <= now
        for entry in entries:
            if "drug" in entry:
                entry["drug"] = self.names.get(entry["drug"], entry["drug"])
        seen = [entry for entry in entries if entry["at"] <= now]
        gone = {entry[key] for entry in seen for key in ("replaces", "retracts") if entry.get(key)}
        kept = [entry for entry in seen if entry["id"] not in gone and not entry.get("retracts")]
        self.entries = sorted(kept, key=lambda entry: entry["at"])
        self.opened = self.find_opening()

    # ---------------------------------------------------------------- episode

    def find_opening(self) -> datetime | None:
        """When the episode began: None where no opening is charted."""
        found: datetime | None = None
        for entry in self.entries:
            if entry["kind"] == "protocol" and entry["protocol"] == self.protocol.id:
                found = entry["at"] if entry["event"] == "opened" else None
        return found

    @property
    def episode(self) -> datetime | None:
        return self.now if self.one_moment else self.opened

    def covered(self, begin: datetime | None) -> bool:
        """Whether the therapy record is complete from `begin` on (None: from ever)."""
        if self.one_moment:
            return self.complete
        if self.complete_from is None:
            return False
        return begin is None or self.complete_from <= begin

    # ---------------------------------------------------------------- observations

    def of_element(self, name: str, moment: datetime, after: datetime | None = None) -> list[Entry]:
        return [
            entry
            for entry in self.entries
            if entry["kind"] == "observation"
            and entry["element"] == name
            and entry["at"] <= moment
            and (after is None or entry["at"] > after)
        ]

    def read_value(self, name: str, raw: object) -> Value:
        """A charted value of data in base units, rounded once; unknown where the data dictionary refuses it."""
        element = self.elements[name]
        if raw in ("unobtainable", "not available"):
            return None
        if element.type == "boolean":
            return raw if isinstance(raw, bool) else {"true": True, "false": False}[str(raw)]
        if element.type == "choice":
            if str(raw) not in element.options:
                self.refused.add(name)
                return None
            return str(raw)
        if element.type == "date-time":
            return seconds(instant(raw), datetime.fromisoformat("1970-01-01T00:00:00+00:00"))
        if element.type == "text":
            return str(raw)
        try:
            value, dimension = self.units.read(raw)
            wanted = self.units.parse(element.unit)[1]
            if dimension != wanted:
                value = self.convert(element, value, dimension, wanted)
            value = self.units.round_in(value, element.unit)
        except Refused:
            self.refused.add(name)
            return None
        if element.plausible is not None:
            low, high = (self.units.quantity(Decimal(end), element.unit) for end in element.plausible)
            if not low <= value <= high:
                self.refused.add(name)
                return None
        return value

    def convert(self, element: model.ElementDef, value: Fraction, found: Dimension, wanted: Dimension) -> Fraction:
        if element.molar_mass and times(found, {"mass": 1}, -1) == times(wanted, {"amount": 1}, -1):
            return value / self.units.read(element.molar_mass)[0]
        if element.valence and times(found, {"charge": 1}, -1) == times(wanted, {"amount": 1}, -1):
            return value / element.valence
        raise Refused("another dimension")

    def current(self, name: str, moment: datetime, after: datetime | None = None) -> tuple[str, Value]:
        """(state, value) of data at `moment`: never, stale, conflict, unobtainable, not available, refused or value."""
        element = self.elements[name]
        entries = self.of_element(name, moment, None if element.permanent else after)
        if not entries:
            return "never", None
        limit = None if element.valid_for is None else self.units.quantity(*literal(element.valid_for))
        if all(entry["value"] == "not available" for entry in entries if entry["at"] == entries[-1]["at"]):
            # An answer "not available now" takes nothing from a reading that is still current.
            readings = [entry for entry in entries if entry["value"] != "not available"]
            if readings and (limit is None or seconds(moment, readings[-1]["at"]) <= limit):
                entries = readings
        last = entries[-1]["at"]
        if limit is not None and seconds(moment, last) > limit:
            return "stale", None
        at_once = [entry["value"] for entry in entries if entry["at"] == last]
        at_once = [raw for raw in at_once if raw != "not available"] or at_once
        values = {raw if raw in ("unobtainable", "not available") else self.read_value(name, raw) for raw in at_once}
        if len(values) > 1:
            return "conflict", None
        if at_once[0] in ("unobtainable", "not available"):
            return str(at_once[0]), None
        value = values.pop()
        return ("refused", None) if value is None else ("value", value)

    # ---------------------------------------------------------------- therapies

    def of_drugs(self, drugs: Iterable[str], moment: datetime, *events: str) -> list[Entry]:
        wanted = set(drugs)
        return [
            entry
            for entry in self.entries
            if entry["kind"] == "therapy"
            and entry["drug"] in wanted
            and entry["at"] <= moment
            and (not events or entry["event"] in events)
        ]

    def rate(self, name: str, raw: Entry, weight: Value) -> tuple[str, Value]:
        """(state, rate) of one therapy entry: value, salt, weight or refused."""
        drug = self.library.drugs[name]
        found = re.match(r"^(.*?)(?: as ([a-z]+))?$", str(raw["rate"]))
        assert found is not None
        salt = raw.get("salt") or found[2]
        try:
            value, dimension = self.units.read(found[1])
        except Refused:
            return "refused", None
        if raw.get("concentration") and dimension == {"volume": 1, "time": -1}:
            strength, per = self.units.read(raw["concentration"])
            value, dimension = value * strength, times(dimension, per)
        fraction = Fraction(1)
        if drug.salts and value != 0:
            if salt is None:
                return "salt", None
            fraction = Fraction(dict(drug.salts)[salt])
        wanted = self.units.parse(drug.rate_unit)[1]
        if dimension != wanted and times(wanted, {"body_mass": 1}) == dimension:
            if weight is None and value != 0:
                return "weight", None
            value = value / Fraction(weight or 1)
            dimension = wanted
        if dimension != wanted:
            return "refused", None
        return "value", self.units.round_in(value * fraction, drug.rate_unit)

    def amount(self, name: str, raw: Entry) -> Value:
        drug = self.library.drugs[name]
        try:
            value, dimension = self.units.read(raw["amount"])
        except Refused:
            return None
        if dimension != self.units.parse(drug.amount_unit)[1]:
            return None
        salt = raw.get("salt")
        fraction = Fraction(dict(drug.salts)[salt]) if drug.salts and salt else Fraction(1)
        return self.units.round_in(value * fraction, drug.amount_unit)

    def running(self, name: str, moment: datetime, weight: Value) -> tuple[str, Value]:
        """(state, running rate): never, stale, conflict, salt, weight, refused, absent or value."""
        drug = self.library.drugs[name]
        if self.one_moment:
            if name in self.given:
                raw = self.given[name]
                salt = self.given.get(f"{name}.salt")
                return self.rate(name, {"rate": raw, "salt": salt}, weight)
            if self.complete:
                return "value", Fraction(0)
            return ("absent", Fraction(0)) if drug.absent_is_zero else ("never", None)
        entries = self.of_drugs([name], moment, "started", "changed", "stopped", "running")
        if not entries:
            if self.complete_from is not None and self.complete_from <= moment:
                return "value", Fraction(0)
            return ("absent", Fraction(0)) if drug.absent_is_zero else ("never", None)
        last = entries[-1]["at"]
        at_once = [entry for entry in entries if entry["at"] == last]
        rates = [
            ("value", Fraction(0)) if entry["event"] == "stopped" else self.rate(name, entry, weight)
            for entry in at_once
        ]
        if len(set(rates)) > 1:
            return "conflict", None
        stopped = at_once[0]["event"] == "stopped"
        limit = None if drug.valid_for is None else self.units.quantity(*literal(drug.valid_for))
        if not stopped and limit is not None and seconds(moment, last) > limit:
            return "stale", None
        return rates[0]

    def changes(self, name: str, moment: datetime, weight: Value, rises_only: bool) -> list[tuple[datetime, bool]]:
        """When `name` was started, raised (or changed at all) or given, and whether just then."""
        found: list[tuple[datetime, bool]] = []
        before: Value = None
        for entry in self.of_drugs([name], moment):
            event = entry["event"]
            if event == "given":
                found.append((entry["at"], True))
                continue
            rate = Fraction(0) if event == "stopped" else self.rate(name, entry, weight)[1]
            if event == "started":
                found.append((entry["at"], True))
            elif event != "stopped":
                if rate is None or before is None:
                    if rate != 0:
                        found.append((entry["at"], False))
                elif Fraction(rate) > Fraction(before) or (rate != before and not rises_only):
                    found.append((entry["at"], event == "changed"))
            before = rate
        return sorted(found)

    # ---------------------------------------------------------------- steps

    def of_step(self, step: str, moment: datetime, *events: str) -> list[Entry]:
        return [
            entry
            for entry in self.entries
            if entry["kind"] == "step"
            and entry["step"] == step
            and entry.get("protocol", self.protocol.id) == self.protocol.id
            and entry["at"] <= moment
            and entry["event"] in events
        ]


def literal(amount: model.Amount) -> tuple[Decimal, str | None]:
    """Number and unit of an amount that is a plain quantity."""
    value = amount.value
    assert isinstance(value, tree.Number)
    return value.value, value.unit
