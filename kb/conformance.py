"""Conformance vectors: patients and what a Program makes of them, so that every implementation can be held to this one.

A vector is a JSON object: a chart, a time and local settings, and the row and the advice they lead to, or why they are
refused. First come the worked patients of the protocol, then generated ones: values at and beside every number that
the Program compares with, data missing, unobtainable and not available, therapies started, changed, given and
stopped, ages at and beside every span of time, unknown and faulty settings, and worked patients with changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from kb import program as ir
from kb.chart import RECORD, ChartError
from kb.codec import value_to_json
from kb.evaluate import evaluate, made_slots, slots_of
from kb.interpreter import Guideline
from kb.program import SCALE
from kb.reading import Dictionary, dictionary_of
from kb.scenarios import Scenario
from kb.values import BadValue, format_decimal, format_fraction, format_scaled, parse_molar_mass

NOW = datetime(2026, 1, 27, 12, tzinfo=UTC)


def vectors(
    program: ir.Program, scenarios: Iterable[Scenario] = (), count: int = 0, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """The vector of each scenario, then `count` generated ones; the same arguments give the same vectors.

    The Program is run as a draft: no file of one can claim more.
    """
    guideline = Guideline(program._replace(state="draft", standing=ir.Standing()))
    worked = list(scenarios)
    for item in worked:
        yield vector(guideline, item.id, item.chart, item.now, item.local, item.lenient)
    bedside = _Bedside(program, worked, Random(f"{seed} {program.id}@{program.version}"))
    for number in range(count):
        chart, now, local, lenient = bedside.patient(number)
        yield vector(guideline, f"generated-{seed}-{number}", chart, now, local, lenient)


def vector(
    guideline: Guideline,
    name: str,
    chart: Mapping[str, Any],
    now: datetime | None,
    local: Mapping[str, Any] | None = None,
    lenient: bool = False,
) -> dict[str, Any]:
    """One patient, and what comes of them: `row` and `advice`, or `refused`."""
    program = guideline.program
    made: dict[str, Any] = {
        "protocol": program.id,
        "version": program.version,
        "logic_digest": program.logic_digest,
        "name": name,
        "chart": _plain(chart),
        "now": None if now is None else now.isoformat(),
        "local": _plain(local) if local else None,
        "lenient": lenient,
    }
    try:
        advice = guideline.advise(chart, now, local, lenient=lenient)
    except ChartError as error:
        return {**made, "refused": [item._asdict() for item in error.refusals]}
    return {**made, "row": [value_to_json(value) for value in advice.walk.row], "advice": advice.to_json()}


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it; numbers keep their spelling."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value) if repr(float(value)) == str(value) else str(value)
    return value


# ---------------------------------------------------------------- what the Program looks at


def _parts(node: object) -> Iterator[object]:
    yield node
    if isinstance(node, tuple):
        for item in node:
            yield from _parts(item)


def _inputs(program: ir.Program, expr: ir.Expr) -> set[int]:
    """The slots that `expr` depends on, through definitions."""
    made = made_slots(expr, program)
    found = set(slots_of(expr))
    for index in made:
        inner = program.slots[index].expr
        found |= slots_of(inner) if inner is not None else set()
    return found - set(made)


def _constants(program: ir.Program, expr: ir.Expr) -> set[int]:
    exprs = [expr, *(program.slots[index].expr for index in made_slots(expr, program))]
    nodes = (node for item in exprs for node in _parts(item))
    return {int(node.value) for node in nodes if isinstance(node, ir.Const) and type(node.value) is int}


def _crossing(program: ir.Program, compare: ir.Compare, slot: int) -> int | None:
    """Where both sides of a comparison that reads one slot are equal; None where they are no straight lines."""
    made = made_slots(compare, program)

    def apart(value: int) -> int | None:
        row: ir.Row = [None] * len(program.slots)
        row[slot] = value
        for index in made:
            inner = program.slots[index].expr
            row[index] = None if inner is None else evaluate(inner, row)
        left, right = evaluate(compare.left, row), evaluate(compare.right, row)
        return left - right if type(left) is int and type(right) is int else None

    low, middle, high = (apart(value) for value in (0, 10**12, 2 * 10**12))
    if low is None or middle is None or high is None or high - middle != middle - low or middle == low:
        return None
    return -low * 10**12 // (middle - low)


def thresholds(program: ir.Program) -> dict[int, tuple[int, ...]]:
    """For each input slot that is a number, the numbers at which a comparison can change, scaled."""
    found: dict[int, set[int]] = {}
    for node in _parts(program):
        if not isinstance(node, ir.Compare):
            continue
        slots = [index for index in _inputs(program, node) if program.slots[index].type == "number"]
        crossing = _crossing(program, node, slots[0]) if len(slots) == 1 else None
        for index in slots:
            found.setdefault(index, set()).update(_constants(program, node) if crossing is None else {crossing})
    return {index: tuple(sorted(numbers)) for index, numbers in sorted(found.items())}


def spans(program: ir.Program) -> tuple[int, ...]:
    """Every span of time that the Program knows, scaled: how long values count, and how long it waits."""
    found = {element.valid_for for element in program.elements} | {drug.valid_for for drug in program.drugs}
    exprs: list[ir.Expr | None] = []
    for slot in program.slots:
        if slot.feature is not None:
            exprs += [slot.feature.duration, None if slot.feature.window is None else slot.feature.window.duration]
    for step in program.steps:
        exprs += [] if step.review is None else [step.review.after]
        exprs += [] if step.repeat is None else [step.repeat.earliest, step.repeat.latest]
    for expr in exprs:
        found |= set() if expr is None else _constants(program, expr)
    for index, numbers in thresholds(program).items():
        feature = program.slots[index].feature
        if feature is not None and feature.function == "since":
            found |= set(numbers)
    return tuple(sorted(span for span in found if span is not None and span > 0))


# What is met at a bedside, where no threshold says it.
_ORDINARY = {"kg": (45, 70, 110), "mL": (250, 600, 2000), "years": (1, 20, 70), "mmHg": (50, 80, 140)}
_FAULTS: tuple[Any, ...] = (
    "", "58", "58mmHg", "1,5 mmHg", "1.234,5 mg", "nan", "-3 mmHg", "1e400 mg", "60 mmHG", "5 U", "5 µg", "5 mgg",
    "many", True, False, 12, 10**31, "0." + "1" * 70 + " mg", "60 mmHg and more", "yes", "0 mg/kg/min", "3 mmol/L/h",
    "5 mg as tartrat", "1e-3 mg", "+5 mg", "5 mL/h", "unobtainable", "not available", [], {"rate": "5 mg/h", "sort": 1},
)  # fmt: skip
_MICROSECOND = SCALE // 10**6


class _Bedside:
    """Patients for one Program, drawn by chance."""

    def __init__(self, program: ir.Program, worked: Sequence[Scenario], chance: Random) -> None:
        self.program, self.chance = program, chance
        self.worked = worked
        self.names: Dictionary = dictionary_of(program)
        self.elements = {element.id: element for element in program.elements}
        self.drugs = list(program.drugs)
        self.spans = spans(program) or (600 * SCALE,)
        found = thresholds(program)
        self.numbers = {index: found.get(index, ()) for index, slot in enumerate(program.slots)}
        kinds = ("element", "rate", "feature")
        self.inputs = [index for index, slot in enumerate(program.slots) if slot.kind in kinds and slot.type != "text"]
        self.has_dates = any(program.slots[index].type == "date-time" for index in self.inputs)
        self.edges = [
            (index, number + shift)
            for index in self.inputs
            for number in found.get(index, ())
            for shift in (-self.grain(index), 0, self.grain(index))
        ]

    def patient(self, number: int) -> tuple[dict[str, Any], datetime | None, dict[str, Any] | None, bool]:
        """Chart, time, local settings, and whether to read leniently; each edge of the Program has its turn."""
        edge = self.edges[number % len(self.edges)] if self.edges else (-1, 0)
        now: datetime | None = self.moment(timedelta(0))
        form = self.chance.random()
        if self.worked and form < 0.4:
            chart, now = self.changed(self.chance.choice(self.worked), edge)
        elif form < 0.7:
            chart = self.mapping(edge)
        else:
            chart = self.entries(edge)
        if self.likely(0.08):
            self.spoil(chart)
        if "entries" not in chart and self.likely(0.1 if self.has_dates else 0.3):
            now = None
        return chart, now, self.local(), self.likely(0.5)

    def likely(self, share: float) -> bool:
        return self.chance.random() < share

    # ------------------------------------------------------------ values

    def grain(self, index: int) -> int:
        """The least by which a number can differ: counts are whole."""
        feature = self.program.slots[index].feature
        return SCALE if feature is not None and feature.function == "count" else 1

    def number(self, index: int, edge: tuple[int, int]) -> int:
        if index == edge[0]:
            return edge[1]
        slot, grain = self.program.slots[index], self.grain(index)
        element = self.elements.get(slot.of) if slot.kind == "element" else None
        low = element.low if element is not None and element.low is not None else 0
        high = element.high if element is not None and element.high is not None else None
        near = self.numbers[index]
        if slot.feature is not None and slot.feature.function == "since":
            return self.age()
        if near and self.likely(0.7):
            made = self.chance.choice(near) + self.chance.choice((-grain, 0, grain))
        elif high is not None and self.likely(0.3):
            made = self.chance.choice((low - 1, low, high, high + 1, self.chance.randint(low, high)))
        else:
            made = self.chance.choice(_ORDINARY.get(slot.unit, (0, 1, 3, 10, 70, 150))) * SCALE
            made = made * self.chance.choice((1, 1, 1, 7, 13)) // self.chance.choice((1, 1, 3, 10, 100))
        if slot.feature is not None and slot.feature.function == "change":
            return self.chance.choice((made, -made))
        made = abs(made) // grain * grain
        return made if self.likely(0.01) else max(low, made if high is None else min(made, high))

    def value(self, index: int, edge: tuple[int, int]) -> Any:
        """What may be charted for a slot."""
        slot = self.program.slots[index]
        if slot.kind == "element":
            element = self.elements[slot.of]
            if self.likely(0.06):
                return "unobtainable" if element.can_be_unobtainable or self.likely(0.01) else "not available"
            if self.likely(0.03):
                return "not available"
        if slot.type == "boolean":
            return self.likely(0.5) if self.likely(0.9) else self.chance.choice(("true", "false"))
        if slot.type == "choice":
            return self.chance.choice(slot.options)
        if slot.type == "date-time":
            return self.moment(self.back(self.age())).isoformat()
        made = self.number(index, edge)
        if slot.kind == "rate":
            return self.dose(self.names.drugs[slot.of], "rate", made)
        return self.in_some_unit(made, slot)

    def in_some_unit(self, made: int, slot: ir.Slot) -> str:
        """A number in its unit, sometimes in another one that means the same."""
        element = self.elements.get(slot.of) if slot.kind == "element" else None
        if slot.unit not in ("", "1") and self.likely(0.08):
            units = self.names.units
            other = self.chance.choice(units.spelled(self.names.measure(slot.unit).dimension) or (slot.unit,))
            molar_mass = parse_molar_mass(element.molar_mass) if element is not None else None
            if molar_mass is not None and self.likely(0.5):
                other = self.chance.choice(("mg/dL", "mmol/L", "g/L"))
            valence = 0 if element is None else element.valence
            try:
                converted = units.convert(Fraction(made, SCALE), slot.unit, other, molar_mass, valence)
            except BadValue:
                return f"{format_decimal(made)} {other}"
            return f"{format_fraction(converted)} {other}"
        return format_scaled(made, slot.unit)

    def dose(self, drug: ir.Drug, of: str, made: int) -> Any:
        """A rate or amount as it may be charted: with a salt form, for the patient, or by volume."""
        unit = drug.rate_unit if of == "rate" else drug.amount_unit
        text = format_scaled(made, unit)
        form = self.chance.random()
        if form < 0.1:
            text = text.replace("/kg", "")
        elif form < 0.2 and of == "rate":
            rate = f"{self.chance.choice((1, 2.5, 7, 12))} mL/h"
            known = self.likely(0.7)
            return {"rate": rate, "concentration": self.strength(drug), "salt": self.form(drug)} if known else rate
        if drug.salts and self.likely(0.8):
            text += f" as {self.form(drug)}"
        return text

    def form(self, drug: ir.Drug) -> str:
        return self.chance.choice(drug.salts)[0] if drug.salts else ""

    def strength(self, drug: ir.Drug) -> str:
        base = (drug.rate_unit or drug.amount_unit).partition("/")[0]
        text = self.chance.choice((f"16 {base}/mL", f"4 {base}/50 mL", f"0.5 {base} in 250 mL"))
        return f"{text} as {self.form(drug)}" if drug.salts and self.likely(0.3) else text

    # ------------------------------------------------------------ times

    def age(self) -> int:
        """Scaled seconds: at and beside the spans of the Program, or anything from now to days ago."""
        if self.likely(0.6):
            return max(0, self.chance.choice(self.spans) + self.chance.choice((-1, 0, 1, 60 * 10**6)) * _MICROSECOND)
        return self.chance.choice((0, 30, 60, 240, 600, 1200, 5400, 86400, 200000)) * SCALE

    def back(self, age: int) -> timedelta:
        return timedelta(microseconds=age // _MICROSECOND)

    def moment(self, age: timedelta) -> datetime:
        """A time so long ago, in some offset."""
        hours = self.chance.choice((0, 0, 0, 1, -5, 5.5))
        return (NOW - age).astimezone(timezone(timedelta(hours=hours)))

    # ------------------------------------------------------------ charts

    def mapping(self, edge: tuple[int, int]) -> dict[str, Any]:
        """What is known now."""
        made: dict[str, Any] = {}
        missing = self.chance.choice((0.1, 0.3, 0.6))
        for index in self.inputs:
            slot = self.program.slots[index]
            if index != edge[0] and self.likely(missing if slot.kind != "feature" else 0.5 + missing / 2):
                continue
            if slot.feature is not None and slot.feature.function == "decline_stands":
                continue
            made[slot.name] = self.value(index, edge)
            if slot.kind == "rate" and self.likely(0.05):
                made[f"{slot.of}.salt"] = self.form(self.names.drugs[slot.of]) or (None if self.likely(0.9) else "base")
            if slot.kind == "rate" and self.likely(0.03):
                made[f"{slot.of}.concentration"] = self.strength(self.names.drugs[slot.of])
        if self.likely(0.5):
            made[RECORD] = self.chance.choice(("complete", "complete", "not complete"))
        return made

    def entries(self, edge: tuple[int, int]) -> dict[str, Any]:
        """A chart with its times."""
        listed: list[dict[str, Any]] = []

        def add(age: int, **entry: Any) -> None:
            at = self.moment(self.back(age if self.likely(0.97) else -age))
            listed.append({"id": f"e{len(listed)}", "at": at.isoformat(), **entry})
            if self.likely(0.05):
                listed[-1]["recorded"] = self.moment(self.back(self.age())).isoformat()

        missing = self.chance.choice((0.1, 0.3, 0.6))
        for index in self.inputs:
            slot = self.program.slots[index]
            if slot.kind != "element" or (index != edge[0] and self.likely(missing)):
                continue
            for _ in range(self.chance.choice((1, 1, 2, 3))):
                add(self.age(), kind="observation", element=slot.of, value=self.value(index, edge))
        for drug in self.drugs:
            if not self.likely(missing):
                self.therapy(drug, edge, add)
        for step in self.program.steps:
            if step.kind == "do" and self.likely(0.15):
                event = self.chance.choice(("done", "done", "declined"))
                add(self.age(), kind="step", event=event, protocol=self.program.id, step=step.id)
        self.about_the_chart(add, listed)
        made: dict[str, Any] = {"schema": "1.0.0", "entries": listed}
        if self.likely(0.6):
            made["complete_from"] = self.moment(self.back(self.age())).isoformat()
        return made

    def therapy(self, drug: ir.Drug, edge: tuple[int, int], add: Any) -> None:
        rate = next((i for i in self.inputs if self.program.slots[i][:4] == (drug.id, "rate", "number", drug.id)), None)
        ages = sorted((self.age() for _ in range(self.chance.choice((1, 1, 2, 3, 4)))), reverse=True)
        for place, age in enumerate(ages):
            events = ["started", "running"] if place == 0 else ["changed", "running", "changed", "stopped"]
            event = (
                self.chance.choice(events) if drug.rate_unit and (not drug.amount_unit or self.likely(0.5)) else "given"
            )
            entry: dict[str, Any] = {"kind": "therapy", "event": event, "drug": drug.id}
            if drug.synonyms and self.likely(0.1):
                entry["drug"] = self.chance.choice(drug.synonyms).upper()
            if event != "stopped":
                of = "amount" if event == "given" else "rate"
                made = self.number(rate, edge) if rate is not None else self.chance.choice((1, 2, 5, 10)) * SCALE // 2
                dose = self.dose(drug, of, made)
                entry |= (
                    {of: dose} if isinstance(dose, str) else {of: dose["rate"], **{k: dose[k] for k in dose if dose[k]}}
                )
            add(age, **entry)

    def about_the_chart(self, add: Any, listed: list[dict[str, Any]]) -> None:
        """Opening and closing, corrections, what is not available, and what is of no use here."""
        program = self.program
        if self.likely(0.6):
            add(self.age(), kind="protocol", event="opened", protocol=program.id, version=program.version)
        if self.likely(0.1):
            add(self.age(), kind="protocol", event="closed", protocol=program.id)
        if listed and self.likely(0.15):
            add(0, kind="retraction", retracts=self.chance.choice(listed)["id"])
        if listed and self.likely(0.15):
            other = self.chance.choice(listed)
            if "kind" in other and other["kind"] != "retraction":
                add(0, **{key: value for key, value in other.items() if key not in ("id", "at")}, replaces=other["id"])
        if self.likely(0.15):
            add(self.age(), kind="observation", element=RECORD, value="complete")
        for index in self.inputs:
            slot = program.slots[index]
            if slot.kind != "element" and self.likely(0.02):
                add(self.age(), kind="observation", element=slot.name, value="not available")
        for drug in self.drugs:
            if drug.salts and self.likely(0.1):
                add(self.age(), kind="observation", element=f"{drug.id}.salt", value=self.form(drug))
        if self.likely(0.05):
            add(self.age(), kind="observation", element="shoe_size", value="42")
        if self.likely(0.05):
            add(
                self.age(),
                kind="therapy",
                event="given",
                drug=self.chance.choice(("norepinefrine", "water")),
                amount="1 mg",
            )

    def changed(self, worked: Scenario, edge: tuple[int, int]) -> tuple[dict[str, Any], datetime]:
        """A worked patient with a few things otherwise, or looked at later."""
        slot = self.program.slots[edge[0]]
        if "entries" not in worked.chart:
            chart = dict(worked.chart)
            for key in [key for key in chart if self.likely(0.1)]:
                del chart[key]
            for index in [index for index in self.inputs if self.likely(3 / len(self.inputs))]:
                chart[self.program.slots[index].name] = self.value(index, edge)
            if slot.kind in ("element", "rate", "feature") and self.likely(0.5):
                chart[slot.name] = self.value(edge[0], edge)
            return chart, worked.now
        listed = [dict(entry) for entry in worked.chart["entries"] if not self.likely(0.08)]
        at = worked.now - self.back(self.age())
        if slot.kind == "element" and self.likely(0.5):
            value = self.value(edge[0], edge)
            entry = {"id": "edge", "at": at.isoformat(), "kind": "observation", "element": slot.of, "value": value}
            listed.append(entry)
        later = worked.now + (self.back(self.age()) if self.likely(0.6) else timedelta(0))
        return {**worked.chart, "entries": listed}, later

    def spoil(self, chart: dict[str, Any]) -> None:
        """Something that is refused, or nearly."""
        fault = self.chance.choice(_FAULTS)
        if "entries" not in chart:
            keys = list(chart) or ["map"]
            chart[self.chance.choice((*keys, "mapp", "now", f"{keys[0]} is unobtainable", "vasopresin"))] = fault
            return
        entries = chart["entries"] or [{}]
        entry = self.chance.choice(entries)
        keys = [
            "value",
            "rate",
            "amount",
            "element",
            "drug",
            "salt",
            "event",
            "kind",
            "id",
            "replaces",
            "concentration",
        ]
        key = self.chance.choice([key for key in keys if key in entry] * 3 + keys)
        if self.likely(0.3):
            entry["at"] = self.chance.choice(("2026-01-27 11:00", "noon", "2026-02-30T10:00Z", "2026-01-27T10:00Z", 5))
        else:
            entry[key] = fault
        if self.likely(0.1):
            entries.append(dict(entry))

    # ------------------------------------------------------------ local settings

    def local(self) -> dict[str, Any] | None:
        """Settings of a hospital: parameters, concentrations, display units, limits; some that are wrong."""
        program = self.program
        parameters: dict[str, Any] = {}
        for parameter in program.parameters:
            if self.likely(0.3):
                continue
            text: Any = self.chance.choice(parameter.options) if parameter.options else self.policy(parameter)
            parameters[parameter.id] = text if self.likely(0.8) else {"value": text, "approved_by": "A. Nobody"}
        if self.likely(0.02):
            parameters["no_such_parameter"] = "5 min"
        made: dict[str, Any] = {"parameters": parameters} if parameters else {}
        if self.drugs and self.likely(0.15):
            drug = self.chance.choice(self.drugs)
            made["concentrations"] = {drug.id: self.strength(drug)}
        numeric = [element for element in program.elements if element.unit not in ("", "1")]
        if numeric and self.likely(0.15):
            element = self.chance.choice(numeric)
            units = self.names.units.spelled(self.names.measure(element.unit).dimension)
            made["display_units"] = {element.id: self.chance.choice(units or (element.unit,))}
            if self.likely(0.05):
                made["display_units"][element.id] = self.chance.choice(("kPa", "mg/dL"))
        if self.drugs and self.likely(0.15):
            made |= self.limits(self.chance.choice(self.drugs))
        if made and self.likely(0.2):
            made = {"format": 1, "name": "Example hospital", **made}
        return made or None

    def policy(self, parameter: ir.Parameter) -> str:
        ends = [end for end in (parameter.low, parameter.high, parameter.default) if type(end) is int]
        values = (
            [*ends, *(end + 1 for end in ends[:1]), sum(ends) // max(1, len(ends))] if ends else [0, SCALE, 10 * SCALE]
        )
        return format_scaled(self.chance.choice(values), parameter.unit)

    def limits(self, drug: ir.Drug) -> dict[str, Any]:
        of = "rate" if drug.rate_unit else "amount"
        unit = drug.rate_unit or drug.amount_unit
        kind = self.chance.choice(("hard", "soft"))
        limit = {"of": of, kind: f"up to {self.chance.choice((0.01, 0.5, 2, 40))} {unit}", "because": "an example"}
        if self.likely(0.3):
            del limit["because"]
        if self.likely(0.4):
            area: dict[str, Any] = {"care_areas": {"icu": {"title": "Intensive care", "limits": {drug.id: limit}}}}
            return area | ({"care_area": self.chance.choice(("icu",) * 9 + ("ward",))} if self.likely(0.7) else {})
        return {"limits": {drug.id: [limit] if self.likely(0.5) else limit}}
