"""A value that counts for longer or shorter than it should: who gets other advice from a chart with times.

A chart of one moment knows nothing of it. Whether it matters at all is asked of all rows: whether one in which the
value is known says something else than the same row without it. Whom it matters for is shown by a worked patient, whose
newest entry about it is put back to the age at which the two Programs part: as old as may be, or one step older.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from kb import program as ir
from kb.chart import ChartError, parse_time, scaled_time
from kb.diagnostics import Span
from kb.interpreter import Advice, Guideline
from kb.mutation.difference import Compared, Pairs, Told, told_apart
from kb.prover.solver import Undecided
from kb.scenarios import Scenario

_TRIED = 80  # worked patients, those of whom most is charted, in whom much is put back at once
_BEFORE = timedelta(days=2)  # a chart of one moment is written as one that is complete from then on


class ChangeOfAge(NamedTuple):
    """For how long data or a drug's rate counts, in one Program and another: scaled seconds, None for good."""

    kind: str  # element or rate
    id: str
    now: int | None
    then: int | None

    @property
    def is_longer(self) -> bool:
        return self.now is not None and (self.then is None or self.then > self.now)

    @property
    def age(self) -> int:
        """The age at which the two part: the oldest that still counts, or one step older, scaled seconds."""
        if self.now is None:
            assert self.then is not None
            return self.then + _grain(self.then)
        if self.then is not None and self.then < self.now:
            return self.now
        return self.now + _grain(self.now)


def _grain(age: int) -> int:
    """One of the largest unit in which an age is a whole number: an hour, a minute or a second."""
    return next(size * ir.SCALE for size in (3600, 60, 1) if age % (size * ir.SCALE) == 0 or size == 1)


class AgedPatient(NamedTuple):
    """A chart of entries (see `schema/chart.schema.json`) and the advice it gets; `said` on one line."""

    chart: dict[str, Any]
    local: dict[str, Any]
    now: datetime
    advice: Advice
    said: str

    def told(self) -> str:
        return self.said


def change_of_age(one: ir.Program, other: ir.Program) -> ChangeOfAge | None:
    """What counts for another time in `other`, if anything does."""
    for kind, mine, theirs in (("element", one.elements, other.elements), ("rate", one.drugs, other.drugs)):
        held = {item.id: item.valid_for for item in theirs}
        for item in mine:
            if item.id in held and held[item.id] != item.valid_for:
                return ChangeOfAge(kind, item.id, item.valid_for, held[item.id])
    return None


def read_by(program: ir.Program) -> frozenset[tuple[str, str]]:
    """What a Program reads of the library whose values age: `elements` and `drugs`, with their ids."""
    elements = {("elements", element.id) for element in program.elements}
    return frozenset(elements | {("drugs", drug.id) for drug in program.drugs if drug.rate_unit})


class Ages:
    """One Program with its worked patients, held against others in which something counts for another time."""

    def __init__(self, pairs: Pairs, scenarios: Sequence[Scenario]) -> None:
        self._pairs, self._guideline = pairs, pairs.guideline
        charts = [(_entries_of(self._guideline.program, each), each) for each in scenarios if not each.lenient]
        self._charts = sorted(
            ((chart, each) for chart, each in charts if chart is not None), key=lambda pair: len(pair[0]["entries"])
        )

    def compare(self, other: Guideline, change: ChangeOfAge) -> Compared:
        """For whom `other`, which differs by `change`, gives other advice."""
        try:
            matters = self._pairs.matters(change.kind, change.id)
        except Undecided as gave_up:
            return Compared("undecided", gave_up.reason)
        if not matters and not self._over_time(change):
            return Compared("equivalent")
        best: Compared | None = None
        for chart, scenario in (*self._charts, *self._sought(change)):
            found = self._shown(other, change, chart, scenario)
            if found is not None and _in_advice(found.differs):
                return found
            best = best or found
        if best is not None:
            return best
        return Compared("undecided", f"no worked patient put back in time shows for how long `{change.id}` counts")

    def _sought(self, change: ChangeOfAge) -> Iterator[tuple[dict[str, Any], Scenario]]:
        """Where no worked patient shows it: one whose advice hangs on the value, if entries can say that chart."""
        try:
            patient = self._pairs.whom_it_matters(change.kind, change.id)
        except Undecided:
            return
        if patient is None:
            return
        made = Scenario(patient.told(), "", Span(""), "", "", patient.now, patient.chart, patient.local, (), {})
        chart = _entries_of(self._guideline.program, made)
        if chart is not None:
            yield chart, made

    def _over_time(self, change: ChangeOfAge) -> bool:
        """Whether a time feature looks at what was current then: that it matters to no row then proves nothing.

        Counts, gifts and times since an event are told by entries of any age.
        """
        program = self._guideline.program
        names = {change.id, *(name for drug in program.drugs if drug.id == change.id for name in drug.classes)}
        for slot in program.slots:
            feature = slot.feature
            if feature is None:
                continue
            judged: list[object] = [feature.condition, feature.clear]
            if feature.function in ("total", "previous", "change"):
                judged.append(feature.of)
            if names.intersection(_words(tuple(judged), program.slots)):
                return True
        return False

    def _shown(
        self, other: Guideline, change: ChangeOfAge, chart: dict[str, Any], scenario: Scenario
    ) -> Compared | None:
        patient = self._aged(chart, scenario, [change])
        differs = apart(patient, other) if patient is not None else ()
        return Compared("differs", "", patient, {}, differs) if differs else None

    def _aged(self, chart: dict[str, Any], scenario: Scenario, changes: Sequence[ChangeOfAge]) -> AgedPatient | None:
        """The patient of a scenario with all of this put back that the chart has; None where it has none of it."""
        put_back = []
        for change in changes:
            aged = _put_back(chart, change, scenario.now)
            if aged is not None:
                chart = aged
                put_back.append(f"`{change.id}` {_ago(change.age)} ago")
        if not put_back:
            return None
        try:
            advice = self._guideline.advise(chart, scenario.now, scenario.local)
        except ChartError:
            return None
        more = f" and {len(put_back) - 3} more" if len(put_back) > 3 else ""
        said = f"{f'As `{scenario.id}`' if scenario.title else scenario.id}, charted {', '.join(put_back[:3])}{more}"
        return AgedPatient(chart, dict(scenario.local), scenario.now, advice, said)

    def few(
        self, wanted: Mapping[int, tuple[Guideline, ChangeOfAge]]
    ) -> Iterator[tuple[AgedPatient, dict[int, tuple[Told, ...]]]]:
        """Few patients, each with those of `wanted`, by their keys, that give other advice, not only other questions.

        All that counts for too short, or all that counts for too long, is put back at once, in the worked patient
        whom that shows most of; and so on with what is left. What no patient shows so is in none of them.
        """
        for longer in (False, True):
            left = {key: pair for key, pair in wanted.items() if pair[1].is_longer is longer}
            changes = list({change.id: change for _, change in left.values()}.values())
            made = [self._aged(chart, scenario, changes) for chart, scenario in self._charts[-_TRIED:]]
            shown = [
                (patient, {key: told for key, (other, _) in left.items() if _in_advice(told := apart(patient, other))})
                for patient in made
                if patient is not None
            ]
            while shown:
                patient, most = max(shown, key=lambda pair: len(pair[1]))
                if not most:
                    break
                yield patient, most
                shown = [(who, {key: told for key, told in of.items() if key not in most}) for who, of in shown]


def apart(patient: AgedPatient, other: Guideline) -> tuple[Told, ...]:
    """What a reader would see differently."""
    return told_apart(patient.advice, other, patient)


def _in_advice(differs: Sequence[Told]) -> bool:
    return bool({told.name for told in differs} - {"asks"})


def _put_back(chart: Mapping[str, Any], change: ChangeOfAge, now: datetime) -> dict[str, Any] | None:
    """The chart with its newest entry about this at the age of the change; None where it has none to put back."""
    instant = now - timedelta(microseconds=change.age * 10**6 // ir.SCALE)
    entries = [dict(entry) for entry in chart["entries"]]
    about = [entry for entry in entries if _is_about(entry, change) and parse_time(entry["at"]) <= now]
    if not about:
        return None
    newest = max(about, key=lambda entry: scaled_time(parse_time(entry["at"])))
    if parse_time(newest["at"]) < instant:
        return None
    gone = [entry for entry in about if entry is not newest and parse_time(entry["at"]) >= instant]
    newest["at"] = instant.isoformat()
    return {**chart, "entries": [entry for entry in entries if not any(entry is item for item in gone)]}


def _is_about(entry: Mapping[str, Any], change: ChangeOfAge) -> bool:
    if change.kind == "element":
        return bool(entry.get("element") == change.id)
    return bool(entry.get("drug") == change.id and "rate" in entry)


def _entries_of(program: ir.Program, scenario: Scenario) -> dict[str, Any] | None:
    """The chart as entries; None where it is of one moment and says what no entry can say."""
    chart = scenario.chart
    if "entries" in chart:
        return dict(chart)
    elements = {element.id for element in program.elements}
    rates = {slot.of for slot in program.slots if slot.kind == "rate"}
    at = scenario.now.isoformat()
    made: list[dict[str, Any]] = [
        {"kind": "protocol", "event": "opened", "protocol": program.id, "at": (scenario.now - _BEFORE).isoformat()}
    ]
    for name, value in chart.items():
        if name in elements:
            made.append({"kind": "observation", "element": name, "value": value, "at": at})
        elif name in rates and str(value)[:1].isdigit():
            rate, _, salt = str(value).partition(" as ")
            entry = {"kind": "therapy", "event": "running", "drug": name, "rate": rate, "at": at}
            made.append(entry | ({"salt": salt} if salt else {}))
        else:
            return None
    entries = [{"id": f"e{number}", **entry} for number, entry in enumerate(made, start=1)]
    return {"schema": "1.0.0", "complete_from": (scenario.now - _BEFORE).isoformat(), "entries": entries}


def _words(node: Any, slots: tuple[ir.Slot, ...]) -> Iterator[str]:
    """All names in a record, and in the definitions that it reads."""
    if isinstance(node, ir.Get):
        slot = slots[node.slot]
        yield slot.of
        yield from _words(slot.expr if slot.expr is not None else slot.feature, slots)
    elif isinstance(node, tuple):
        for item in node:
            yield from _words(item, slots)
    elif isinstance(node, str):
        yield node


def _ago(age: int) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if age % (size * ir.SCALE) == 0:
            return f"{age // (size * ir.SCALE)} {unit}"
    return f"{age // ir.SCALE} s"
