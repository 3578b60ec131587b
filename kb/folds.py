"""From a chart to the flat row a Program reads: what is current, what is running, what has happened.

Each slot is one fold over the chart (design rules 5 to 8, 14). What is not known comes with its cause
and with the names under which an answer would be charted. Nothing here decides anything clinical.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from kb.chart import RECORD, ChartError, NotUsed, Refusal, parse_time, scaled_time
from kb.evaluate import evaluate, slots_of, undecided
from kb.local import Local, read_local
from kb.program import SCALE, Drug, Event, Expr, Feature, Program, Row, Slot, Step, Value, Window
from kb.reading import (
    Dictionary,
    Index,
    Mark,
    Missing,
    ParsedChart,
    Strength,
    dictionary_of,
    parse_chart,
    plain,
    settle,
)
from kb.records import TYPE_CHECKING, NamedTuple
from kb.values import format_duration

if TYPE_CHECKING:
    from typing import Any

Reasons = Callable[[datetime, str], object]


class Cause(NamedTuple):
    """Why a slot is not known.

    `kind`: never charted, stale, unobtainable, not available, conflict, refused, salt form, weight, local
    policy, not recorded, not re-measured or no start. `asks`: names under which an answer would be
    charted. `age`: scaled seconds since the last entry, where there is one.
    """

    kind: str
    asks: tuple[str, ...] = ()
    text: str = ""
    age: int | None = None


class Reading(NamedTuple):
    """One chart at one time as a Program sees it.

    `row`: a value per slot; definitions and order attributes are left unknown. `causes` has an entry for
    every other unknown slot. `times`: when the value was charted. `lower_bounds`: scaled, for counts and
    totals with a gap. `assumed_slots`: taken for zero because nothing is charted (`absent: 0`).
    `refused` and `refusals`: names and details of what lenient reading left out; so `not_used`, `unused`.
    """

    row: Row
    causes: dict[int, Cause]
    times: dict[int, datetime | None]
    lower_bounds: dict[int, int]
    refused: tuple[str, ...]
    not_used: tuple[str, ...]
    assumptions: tuple[str, ...]
    episode: datetime | None
    assumed_slots: tuple[int, ...]
    local: Local
    strengths: dict[str, Strength]
    refusals: tuple[Refusal, ...]
    unused: tuple[NotUsed, ...]


class Rounds(NamedTuple):
    """How far a review has come: `base` is what it counts from; `overdue_by` plain seconds, None before it is due."""

    base: datetime
    due: datetime
    measure: tuple[str, ...]
    missing: tuple[str, ...]
    overdue_by: Fraction | None


class _Found(NamedTuple):
    """A value, or why there is none; the mark it comes from; the least a sum can be; taken from absence."""

    value: Value
    cause: Cause | None = None
    time: datetime | None = None
    bound: int | None = None
    assumed: bool = False


class _When(NamedTuple):
    """When something last happened. `state`: known, never or unknown."""

    state: str
    at: int | None = None
    time: datetime | None = None


class Blank(NamedTuple):
    """What a mapping that says nothing gives, and which slots each thing that it could say bears on.

    Most of a protocol is not charted for any one patient, so only the slots of `bears_on` are worked out
    for a mapping; the others read as here. `row` holds the definitions;
    `notes` are the assumptions made for each slot.
    """

    row: Row
    causes: dict[int, Cause]
    bounds: dict[int, int]
    assumed: frozenset[int]
    notes: dict[int, tuple[str, ...]]
    bears_on: dict[tuple[str, str], tuple[int, ...]]


_NO = _Found(False)
_ZERO = _Found(0)


def build_row(
    program: Program,
    chart: ParsedChart,
    now: datetime | None = None,
    local: Mapping[str, Any] | Local | None = None,
    reasons: Reasons | None = None,
) -> Reading:
    """Read `chart` at `now` into a row.

    Args:
        program: what the row is for.
        chart: as `parse_chart` gives it.
        now: with its offset; a mapping without times does without.
        local: what a hospital has settled (`kb.local`).
        reasons: what a step rested on at a time; where it differs between a refusal and now, the refusal
            stands no longer (design rule 14).

    Raises:
        ChartError: `local` names what the protocol does not have, or values outside their range. Where the chart
            was read leniently only for what would make advice less careful: limits, care area, bindings.

    """
    return _Fold(program, chart, now, local, reasons).reading()


class _Fold:
    """One reading of one chart at one time."""

    def __init__(
        self,
        program: Program,
        chart: ParsedChart,
        now: datetime | None,
        local: Mapping[str, Any] | Local | None,
        reasons: Reasons | None,
    ) -> None:
        self.program, self.chart, self.reasons = program, chart, reasons
        self.slots = program.slots
        self.names: Dictionary = dictionary_of(program)
        self.timed = now is not None
        self.time = now
        self.now = chart.last if now is None else scaled_time(parse_time(now))
        later = not chart.moment and chart.last > self.now
        self.index = Index([mark for mark in chart.marks if mark.at <= self.now]) if later else chart.standing
        self.problems: list[Refusal] = []
        self.local = read_local(program, local)
        if any(problem.grave for problem in self.local.problems):
            raise ChartError(problem.refusal() for problem in self.local.problems)
        self.problems += [problem.refusal() for problem in self.local.problems]
        self.parameters, self.strengths = self.local.parameters, self.local.concentrations
        self.row: Row = [None] * len(program.slots)
        self.causes: dict[int, Cause] = {}
        self.times: dict[int, datetime | None] = {}
        self.bounds: dict[int, int] = {}
        self.assumptions: dict[str, None] = {}
        self.assumed: list[int] = []
        starts = [] if chart.complete_from is None else [chart.complete_from]
        starts += [mark.value for mark in self.index.of("record", "") if isinstance(mark.value, int)]
        self.record_from = min(starts) if starts else None

    # ------------------------------------------------------------ the row

    def reading(self) -> Reading:
        if self.chart.moment:
            self._fill_from_blank(self._blank())
        else:
            notes = self._fill(range(len(self.slots)))
            self.assumptions = dict.fromkeys(note for made in notes.values() for note in made)
        for index in self.names.defines:
            self.row[index] = None  # they were filled in for the slots that need them
        if self.problems and not self.chart.lenient:
            raise ChartError(self.problems)
        return self._reading()

    def _fill(self, indexes: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """Work out slots, in their order; the assumptions that were made for each."""
        notes: dict[int, tuple[str, ...]] = {}
        row, features, slots = self.row, self.chart.features, self.slots
        marks, elements, doubtful = self.index.marks, self.names.elements, self.chart.doubtful
        last: list[int] = []
        for index in indexes:
            slot = slots[index]
            kind = slot.kind
            if kind == "element" and (seen := marks.get(("element", slot.of))) and not doubtful:
                mark, valid_for = seen[-1], elements[slot.of].valid_for
                if mark.state == "" and (valid_for is None or self.now - mark.at <= valid_for):
                    row[index], self.times[index] = mark.value, mark.time  # the common case, made quick
                    continue
            if kind == "define" or kind == "order":
                if kind == "define" and slot.expr is not None:
                    row[index] = evaluate(slot.expr, row)
                continue
            if kind == "feature":
                if index in features:
                    self._put(index, self._given(index, features[index]))
                elif slot.feature is not None and slot.feature.function == "decline_stands":
                    last.append(index)
                else:
                    self._put(index, self.feature(slot, self.now))
            else:
                self._put(index, self.plain_slot(slot, self.now))
            if self.assumptions:
                notes[index] = self._noted()
        for index in last:
            self._put(index, self.feature(slots[index], self.now))
            if self.assumptions:
                notes[index] = self._noted()
        return notes

    def _noted(self) -> tuple[str, ...]:
        noted = tuple(self.assumptions)
        self.assumptions.clear()
        return noted

    def _fill_from_blank(self, blank: Blank) -> None:
        said = [*self.index.marks, *(("slot", self.slots[index].name) for index in self.chart.features)]
        said += [("parameter", name) for name in self.parameters]
        if self.timed:
            said.append(("now", ""))
        bears_on = blank.bears_on
        touched = {index for key in said for index in bears_on.get(key, ())}
        self.row, self.causes, self.bounds = blank.row.copy(), blank.causes.copy(), blank.bounds.copy()
        row, causes, bounds = self.row, self.causes, self.bounds
        for index in touched:
            row[index] = None
            causes.pop(index, None)
            bounds.pop(index, None)
        notes = self._fill(sorted(touched))
        if blank.notes or notes:
            notes |= {index: note for index, note in blank.notes.items() if index not in touched}
            self.assumptions = dict.fromkeys(note for index in sorted(notes) for note in notes[index])
        self.assumed = sorted({*self.assumed, *(blank.assumed - touched)})

    def _blank(self) -> Blank:
        complete, blanks = self.chart.complete, self.names.blanks
        if complete not in blanks:
            nothing = parse_chart(self.program, {RECORD: "complete"} if complete else {})
            fold = _Fold(self.program, nothing, None, None, None)
            notes = fold._fill(range(len(self.slots)))
            bears_on = _bears_on(self.names)
            blanks[complete] = Blank(fold.row, fold.causes, fold.bounds, frozenset(fold.assumed), notes, bears_on)
        blank: Blank = blanks[complete]
        return blank

    def _reading(self) -> Reading:
        chart = self.chart
        refusals = (*chart.refused, *self.problems)
        unused = chart.not_used
        if not chart.moment and chart.last > self.now:
            late = [mark for mark in chart.marks if mark.at > self.now]
            unused += tuple(NotUsed(mark.id, mark.name, mark.time, "later than now") for mark in late)
        opened = self.opened(self.now)
        return Reading(
            row=self.row,
            causes=self.causes,
            times=self.times,
            lower_bounds=self.bounds,
            refused=tuple(dict.fromkeys(refusal.name for refusal in refusals)),
            not_used=tuple(f"{item.entry}: {item.why}" for item in unused),
            assumptions=tuple(self.assumptions),
            episode=self.time if chart.moment else None if opened is None else opened.time,
            assumed_slots=tuple(self.assumed),
            local=self.local,
            strengths={**self.local.concentrations, **dict(self.hanging())},
            refusals=refusals,
            unused=unused,
        )

    def _put(self, index: int, found: _Found) -> None:
        self.row[index] = found.value
        if found.value is None:
            cause = found.cause or Cause("never charted", (self.slots[index].name,))
            if cause.asks and cause.kind not in _SETTLED and all(map(self.unavailable, cause.asks)):
                cause = cause._replace(kind="not available", text=f"{cause.text}; it is not available now")
            self.causes[index] = cause
            if found.bound is not None:
                self.bounds[index] = found.bound
        if found.time is not None:
            self.times[index] = found.time
        if found.assumed:
            self.assumed.append(index)

    def _given(self, index: int, value: Value) -> _Found:
        if value is None:
            name = self.slots[index].name
            return _Found(None, Cause("refused", (name,), f"the value given for `{name}` was refused"))
        return _Found(value, None, self.time)

    def plain_slot(self, slot: Slot, at: int, after: int | None = None) -> _Found:
        """The value of a slot that is no feature, at a time; `after` as in `element`."""
        match slot.kind:
            case "element":
                return self.element(slot.of, at, after)
            case "unobtainable":
                return self.unobtainable(slot.of, at, after)
            case "rate":
                return self.rate(self.names.drugs[slot.of], at)
            case "parameter":
                return self.parameter(slot.of)
            case "now":
                if self.timed:
                    return _Found(at)
                return _Found(None, Cause("not recorded", ("now",), "the time now is not given"))
            case "computed" if slot.expr is not None:
                value = evaluate(slot.expr, self.row)
                return _Found(value) if value is not None else _Found(None, self.cause_of(slot.expr, slot.name))
        return _Found(None, Cause("not recorded", (), f"`{slot.name}` is not in a chart"))

    def cause_of(self, expr: Expr, name: str) -> Cause:
        """The cause of an unknown value worked out from other slots: theirs, together."""
        open_ = sorted(undecided(expr, self.row, self.program))
        causes = [self.causes[index] for index in open_ if index in self.causes]
        if not causes:
            return Cause("not recorded", (), f"`{name}` has no value for these data")
        return _joined(causes)

    # ------------------------------------------------------------ local policy

    def parameter(self, id: str) -> _Found:
        value = self.parameters.get(id)
        if value is None and id not in self.parameters:
            value = next((parameter.default for parameter in self.program.parameters if parameter.id == id), None)
        if value is None:
            return _Found(None, Cause("local policy", (id,), f"`{id}` is not set by local policy"))
        return _Found(value)

    # ------------------------------------------------------------ data

    def marks(self, kind: str, name: str, at: int) -> Sequence[Mark]:
        """The marks about `name` up to `at`, oldest first."""
        found = self.index.of(kind, name)
        if at < self.now and found and found[-1].at > at:
            return found[: bisect_right(found, at, key=_at)]
        return found

    def element(self, id: str, at: int, after: int | None = None) -> _Found:
        """The current value of data. With `after`, entries up to then do not count, except of permanent data."""
        valid_for = self.names.elements[id].valid_for
        found = self.marks("element", id, at)
        if after is not None and valid_for is not None:
            found = found[bisect_right(found, after, key=_at) :]
        if not found:
            if id in self.chart.doubtful:
                return _Found(None, Cause("refused", (id,), f"an entry about `{id}` was refused"))
            if after is not None and self.marks("element", id, at):
                return _Found(None, Cause("not re-measured", (id,), f"`{id}` was not charted since"))
            return _Found(None, Cause("never charted", (id,), f"`{id}` has not been charted"))
        answer = found[-1]
        reading: Mark | None = answer
        if answer.state == "not available":
            reading = next((mark for mark in reversed(found) if mark.state != "not available"), None)
        if reading is not None and (valid_for is None or at - reading.at <= valid_for):
            if reading.state == "":
                if id in self.chart.doubtful:
                    return _Found(None, Cause("refused", (id,), f"an entry about `{id}` was refused"))
                return _Found(reading.value, None, reading.time)
            if reading is answer or reading.state == "unobtainable":
                return _Found(None, _state_cause(id, reading, at), reading.time)
        if answer is not reading and (valid_for is None or at - answer.at <= valid_for):
            return _Found(None, _state_cause(id, answer, at), answer.time)
        if reading is None:
            return _Found(None, Cause("never charted", (id,), f"`{id}` has not been charted"))
        age = at - reading.at
        text = f"`{id}` is {_ago(age)} old and counts for {_ago(valid_for or 0)}"
        return _Found(None, Cause("stale", (id,), text, age), reading.time)

    def unobtainable(self, id: str, at: int, after: int | None = None) -> _Found:
        found = self.element(id, at, after)
        if found.value is not None:
            return _Found(False, None, found.time)
        if found.cause is not None and found.cause.kind == "unobtainable":
            return _Found(True, None, found.time)
        return found

    def unavailable(self, name: str) -> bool:
        """Whether what is no data was answered to be `not available`, and that still stands."""
        found = self.marks("unavailable", name, self.now)
        if not found:
            return False
        drug = self.names.drugs.get(name)
        if drug is None:
            return True
        rates = self.marks("rate", name, self.now)
        since = bool(rates) and rates[-1].at > found[-1].at
        return not since and (drug.valid_for is None or self.now - found[-1].at <= drug.valid_for)

    def readings(self, id: str, at: int) -> list[Mark]:
        """The times data were charted with a reading, oldest first."""
        return [mark for mark in self.marks("element", id, at) if mark.state not in ("not available", "refused")]

    # ------------------------------------------------------------ therapies

    def weight(self, at: int) -> tuple[Fraction | None, Cause]:
        index = self.program.weight
        if index is None:
            return None, Cause("weight", (), "no weight is known")
        slot = self.slots[index]
        found = self.element(slot.of, at) if slot.kind == "element" else _Found(self.row[index], self.causes.get(index))
        if isinstance(found.value, int) and found.value > 0:
            return Fraction(found.value, SCALE) * self.names.measure(slot.unit).factor, Cause("weight")
        inner = found.cause or Cause("weight", (slot.of,))
        kind = inner.kind if inner.kind in ("unobtainable", "not available") else "weight"
        return None, Cause(kind, inner.asks or (slot.of,), f"per kg, and {inner.text or 'the weight is not known'}")

    def salt(self, drug: Drug, at: int) -> str:
        """The salt form charted apart from the rates, or nothing."""
        found = self.marks("salt", drug.id, at)
        word = found[-1].value if found else self.chart.salts.get(drug.id)
        return word if isinstance(word, str) else ""

    def settled(self, drug: Drug, of: str, mark: Mark, at: int) -> int | Cause:
        """The rate or amount of a therapy mark, scaled in the drug's unit, or why it is not known."""
        dose = mark.dose
        if mark.event == "stopped":
            return 0
        if dose is None:
            kind = mark.state if mark.state in ("not available", "unobtainable") else "refused"
            return Cause(kind, (drug.id,), f"what was charted of `{drug.id}` was {kind}")
        if dose.scaled is not None:
            return dose.scaled
        salt = "" if dose.salt else self.salt(drug, at)
        weight = self.weight(at)[0] if dose.form != "direct" else None
        strength = self.chart.strengths.get(drug.id) or self.strengths.get(drug.id)
        value = settle(self.names, drug, of, dose, weight, salt, strength)
        if not isinstance(value, Missing):
            return value
        if value.kind == "salt form":
            forms = " or as ".join(form for form, _ in drug.salts)
            return Cause("salt form", (f"{drug.id}.salt",), f"`{drug.id}` {dose.text}: as {forms}?")
        if value.kind == "weight":
            cause = self.weight(at)[1]
            return cause._replace(text=f"`{drug.id}` {dose.text} is read {cause.text}")
        return Cause("not recorded", (drug.id,), f"`{drug.id}` {dose.text} is charted without its concentration")

    def hanging(self) -> Iterable[tuple[str, Strength]]:
        """The concentrations that are charted of what runs now; they come before those the hospital has settled."""
        yield from self.chart.strengths.items()
        for kind, name in self.index.marks:
            if kind == "rate":
                for mark in reversed(self.marks("rate", name, self.now)):
                    if mark.event == "stopped":
                        break
                    if mark.dose is not None and mark.dose.strength is not None:
                        yield name, mark.dose.strength
                        break

    def rate(self, drug: Drug, at: int) -> _Found:
        """The running rate of a drug."""
        found = self.marks("rate", drug.id, at)
        if drug.id in self.chart.doubtful:
            return _Found(None, Cause("refused", (drug.id,), f"an entry about `{drug.id}` was refused"))
        if not found:
            if self.covers(at):
                return _ZERO
            if drug.absent_is_zero:
                self.assumptions[f"absent: {drug.id}"] = None
                return _Found(0, assumed=True)
            text = f"whether `{drug.id}` runs has not been charted"
            return _Found(None, Cause("never charted", (drug.id,), text))
        last = found[-1]
        value = self.settled(drug, "rate", last, at)
        for mark in reversed(found[:-1]):
            if mark.at != last.at:
                break
            if self.settled(drug, "rate", mark, at) != value:
                text = f"`{drug.id}` has two rates charted at one time"
                return _Found(None, Cause("conflict", (drug.id,), text, at - last.at), last.time)
        age = at - last.at
        gone = last.event == "stopped" or (value == 0 and self.covers(last.at))
        if not gone and drug.valid_for is not None and age > drug.valid_for:
            text = f"the rate of `{drug.id}` was charted {_ago(age)} ago and counts for {_ago(drug.valid_for)}"
            return _Found(None, Cause("stale", (drug.id,), text, age), last.time)
        if isinstance(value, Cause):
            return _Found(None, value, last.time)
        return _Found(value, None, last.time)

    def covers(self, begin: int | None) -> bool:
        """Whether every therapy from `begin` on is charted (None: from the beginning of the record)."""
        if self.chart.moment:
            return self.chart.complete
        return self.record_from is not None and (begin is None or self.record_from <= begin)

    def gap(self, name: str, text: str) -> Cause:
        """What a gap in the therapy record hides: of a mapping the feature itself is asked, of a chart whether
        all that was given and is running stands in it.
        """
        return Cause("not recorded", (name if self.chart.moment else RECORD,), text)

    def drugs_of(self, event: Event) -> list[Drug]:
        """The drugs an event is about: one, or those of a class."""
        if event.kind in ("drug", "given"):
            return [self.names.drugs[event.id]]
        return [drug for drug in self.program.drugs if event.id in drug.classes]

    def changes(self, drug: Drug, at: int, only_rises: bool) -> list[tuple[int, datetime, bool]]:
        """When a drug was given, started, or raised (or changed at all): (time, time, exactly so)."""
        found = [(mark.at, mark.time, True) for mark in self.marks("given", drug.id, at)]
        before: int | Cause | None = None
        for mark in self.marks("rate", drug.id, at):
            rate = self.settled(drug, "rate", mark, at)
            comparable = isinstance(before, int) and isinstance(rate, int)
            if mark.event == "started":
                found.append((mark.at, mark.time, True))
            elif mark.event != "stopped":
                if comparable and (rate > before if only_rises else rate != before):  # type: ignore[operator]
                    # What is seen running higher was raised at some time before.
                    found.append((mark.at, mark.time, mark.event == "changed"))
                elif not comparable and rate != 0:
                    found.append((mark.at, mark.time, False))
            before = rate
        found.sort(key=_first)
        return found

    def last_event(self, event: Event, at: int, only_rises: bool = True) -> _When:
        """When `event` last happened: the start, rise or gift of a drug, data charted, or a step done."""
        if event.kind == "element":
            seen = self.readings(event.id, at)
            return _When("known", seen[-1].at, seen[-1].time) if seen else _When("never")
        if event.kind == "step":
            done = self.marks("done", event.id, at)
            return _When("known", done[-1].at, done[-1].time) if done else _When("never")
        drugs = self.drugs_of(event)
        if any(drug.id in self.chart.doubtful for drug in drugs):
            return _When("unknown")
        if self.chart.moment:
            return self._last_in_moment(event, drugs, at)
        if event.kind == "given":
            gifts = self.marks("given", drugs[0].id, at)
            if gifts:
                return _When("known", gifts[-1].at, gifts[-1].time)
            return _When("never" if self.covers(None) else "unknown")
        found = sorted((item for drug in drugs for item in self.changes(drug, at, only_rises)), key=_first)
        if found:
            last, time, exact = found[-1]
            return _When("known" if exact else "unknown", last, time)
        if self.covers(None):
            return _When("never")
        if all(drug.absent_is_zero and not self.marks("rate", drug.id, at) for drug in drugs):
            self.assumptions.update((f"absent: {drug.id}", None) for drug in drugs)
            return _When("never")
        return _When("unknown")

    def _last_in_moment(self, event: Event, drugs: list[Drug], at: int) -> _When:
        what = f"{event.id} given" if event.kind == "given" else event.id
        given = self.names.slots.get(f"since({what})")
        since = None if given is None else self.chart.features.get(given)
        if isinstance(since, int):
            return _When("known", at - since, self.time and self.time - _span(since))
        if event.kind == "given":
            return _When("never" if self.chart.complete and not self._gifts(drugs) else "unknown")
        if any(self.rate(drug, at).value != 0 for drug in drugs if drug.rate_unit):
            return _When("unknown")
        gifts = [drug for drug in drugs if drug.amount_unit]
        if len(gifts) == len(drugs) == 1:  # it does not run: then what counts is when it was last given
            return self._last_in_moment(Event("given", drugs[0].id), drugs, at)
        return _When("never" if not gifts or (self.chart.complete and not self._gifts(gifts)) else "unknown")

    def _gifts(self, drugs: list[Drug]) -> bool:
        """Whether a mapping says that one of `drugs` was given, by a count or a total."""
        given = tuple(start for drug in drugs for start in _sums_of(drug))
        return any(
            value and self.program.slots[index].name.startswith(given) for index, value in self.chart.features.items()
        )

    # ------------------------------------------------------------ episode and windows

    def opened(self, at: int) -> Mark | None:
        """The protocol's last opening, if nothing closed it since."""
        found = self.marks("protocol", "", at)
        return found[-1] if found and found[-1].event == "opened" else None

    def episode(self, at: int) -> int | None:
        """When the episode began; None: with the record."""
        if self.chart.moment:
            return at
        opened = self.opened(at)
        if opened is None:
            self.assumptions["episode: the whole record"] = None
            return None
        return opened.at

    def begin(self, window: Window | None, name: str, at: int) -> tuple[int | None, Cause | None]:
        """When a window begins (None: with the record), or why that is not known."""
        if window is None or window.kind == "episode":
            return self.episode(at), None
        if window.kind == "last":
            assert window.duration is not None
            duration = evaluate(window.duration, self.row)
            if not isinstance(duration, int):
                return None, self.cause_of(window.duration, name)
            return at - duration, None
        assert window.event is not None
        when = self.last_event(window.event, at)
        if when.state == "known":
            return when.at, None
        if when.state == "never":
            asks = (window.event.id,) if window.event.kind == "element" else (name,)
            return None, Cause("no start", asks, f"`{window.event.id}` has not been charted")
        return None, Cause("not recorded", (name,), f"when `{window.event.id}` last was is not charted")

    # ------------------------------------------------------------ features

    def feature(self, slot: Slot, at: int) -> _Found:
        feature = slot.feature
        assert feature is not None
        match feature.function:
            case "since":
                return self.since(feature, slot.name, at)
            case "count":
                return self.count(feature, slot.name, at)
            case "total":
                return self.total(feature, slot, at)
            case "previous":
                return self.previous(feature, slot, at)
            case "change":
                return self.change(feature, slot, at)
            case "done" | "declined":
                return self.done(feature, slot.name, at)
            case "persists":
                return self.persists(feature, slot.name, at)
            case "latch":
                return self.latch(feature, slot.name, at)
            case "decline_stands":
                return self.decline_stands(feature, at)
        raise AssertionError(feature.function)

    def since(self, feature: Feature, name: str, at: int) -> _Found:
        assert feature.of is not None
        when = self.last_event(feature.of, at, only_rises=False)
        if when.state == "known" and when.at is not None:
            return _Found(at - when.at, None, when.time)
        if when.state == "never":
            # Of a chart with its times the value itself is asked: charting it is what answers.
            charted = feature.of.kind == "element" and not self.chart.moment
            asks = (feature.of.id,) if charted else (name,)
            return _Found(None, Cause("no start", asks, f"`{feature.of.id}` has not been charted"))
        if feature.of.kind in ("element", "step"):
            return _Found(None, Cause("not recorded", (name,), f"when `{feature.of.id}` last was is not charted"))
        return _Found(None, self.gap(name, f"when `{feature.of.id}` last was is not charted"))

    def count(self, feature: Feature, name: str, at: int) -> _Found:
        assert feature.of is not None
        of = feature.of
        begin, cause = self.begin(feature.window, name, at)
        if cause is not None:
            return _Found(None, cause)
        if of.kind in ("element", "step"):
            if self.chart.moment and (feature.window is None or feature.window.kind != "episode"):
                return _Found(None, _unrecorded(name))
            marks: Sequence[Mark] = self.readings(of.id, at) if of.kind == "element" else self.marks("done", of.id, at)
            return _Found(_since(marks, begin) * SCALE)
        drugs = self.drugs_of(of)
        number = sum(_since(self.marks("given", drug.id, at), begin) for drug in drugs) * SCALE
        return self._known_from(number, drugs, begin, name)

    def _known_from(self, number: int, drugs: list[Drug], begin: int | None, name: str) -> _Found:
        """A count or sum over therapies: known where the record is complete, else a lower bound."""
        if any(drug.id in self.chart.doubtful for drug in drugs):
            return _Found(None, Cause("refused", (name,), "an entry was refused"), bound=number)
        if self.covers(begin):
            return _Found(number)
        if drugs and all(drug.absent_is_zero for drug in drugs):
            self.assumptions.update((f"absent: {drug.id}", None) for drug in drugs)
            return _Found(number, assumed=True)
        return _Found(None, self.gap(name, f"`{name}` cannot be told from this record"), bound=number)

    def total(self, feature: Feature, slot: Slot, at: int) -> _Found:
        assert feature.of is not None
        begin, cause = self.begin(feature.window, slot.name, at)
        if cause is not None:
            return _Found(None, cause)
        drugs = self.drugs_of(feature.of)
        whole: int | Fraction = 0
        causes: list[Cause] = []
        for drug in drugs:
            given = 0
            for mark in self.marks("given", drug.id, at):
                if begin is not None and mark.at < begin:
                    continue
                amount = self.settled(drug, "amount", mark, at)
                if isinstance(amount, Cause):
                    causes.append(amount._replace(asks=amount.asks if amount.kind in _ANSWERS else (slot.name,)))
                else:
                    given += amount
            if given and drug.amount_unit != slot.unit:
                whole += given * (self.names.measure(drug.amount_unit).factor / self.names.measure(slot.unit).factor)
            else:
                whole += given
            if self.chart.moment:
                if drug.rate_unit and self.rate(drug, at).value != 0:  # since when it runs is not told
                    causes.append(self.gap(slot.name, f"`{slot.name}` cannot be told from this record"))
            elif drug.rate_unit:
                whole += self.infused(drug, begin, at, slot, causes)
        found = self._known_from(round(whole), drugs, begin, slot.name)
        if causes and found.value is not None:
            return _Found(None, _joined(causes), bound=round(whole))
        return found

    def infused(self, drug: Drug, begin: int | None, at: int, slot: Slot, causes: list[Cause]) -> int | Fraction:
        """What has run in of a drug since `begin`, in scaled units of `slot`; where it is not known `causes` grows."""
        marks = self.marks("rate", drug.id, at)
        if not marks:
            return 0
        start = begin if begin is not None else self.record_from if self.record_from is not None else marks[0].at
        flow = 0  # rate times time, both scaled
        gap = marks[0].event != "started" and marks[0].at > start
        for number, mark in enumerate(marks):
            following = marks[number + 1] if number + 1 < len(marks) else None
            end = at if following is None else following.at
            if end <= start or mark.event == "stopped":
                continue
            rate = self.settled(drug, "rate", mark, at)
            seen = following is not None and following.event == "running" and rate != 0
            if seen and following is not None and self.settled(drug, "rate", following, at) != rate:
                gap = True  # changed at some time in between
                continue
            if isinstance(rate, Cause):
                causes.append(rate if rate.kind in _ANSWERS else rate._replace(asks=(slot.name,)))
                continue
            sure = end
            if rate and drug.valid_for is not None and (following is None or not self.covers(mark.at)):
                sure = min(end, mark.at + drug.valid_for)
                gap = gap or sure < end
            flow += rate * max(0, sure - max(mark.at, start))
        if gap:
            causes.append(self.gap(slot.name, f"the record of `{drug.id}` has a gap"))
        if not flow:
            return 0
        rate_measure, amount = self.names.measure(drug.rate_unit), self.names.measure(slot.unit)
        factor = rate_measure.factor / amount.factor
        dimension = plain(rate_measure)
        dimension.pop("time", 0)
        if dimension.pop("body_mass", 0):
            weight, cause = self.weight(at)
            if weight is None:
                causes.append(cause._replace(text=f"`{drug.id}` runs {cause.text}"))
                return 0
            factor *= weight
        if dimension != plain(amount):
            causes.append(Cause("not recorded", (slot.name,), f"a rate of `{drug.id}` does not add up to an amount"))
            return 0
        return Fraction(flow, SCALE) * factor

    def previous(self, feature: Feature, slot: Slot, at: int) -> _Found:
        assert feature.of is not None
        if feature.of.kind == "drug":
            drug = self.names.drugs[feature.of.id]
            marks = self.marks("rate", drug.id, at)
            if len(marks) < 2:
                return _Found(None, _unrecorded(slot.name))
            rate = self.settled(drug, "rate", marks[-2], at)
            return _Found(None, rate) if isinstance(rate, Cause) else _Found(rate, None, marks[-2].time)
        seen = self.readings(feature.of.id, at)
        if len(seen) < 2 or seen[-2].value is None:
            return _Found(None, _unrecorded(slot.name))
        return _Found(seen[-2].value, None, seen[-2].time)

    def change(self, feature: Feature, slot: Slot, at: int) -> _Found:
        """The latest value less the first one in the window."""
        assert feature.of is not None
        begin, cause = self.begin(feature.window, slot.name, at)
        if cause is not None:
            return _Found(None, cause)
        ends: list[object]
        if feature.of.kind == "drug":
            drug = self.names.drugs[feature.of.id]
            marks = [mark for mark in self.marks("rate", drug.id, at) if begin is None or mark.at >= begin]
            ends = [self.settled(drug, "rate", mark, at) for mark in (marks[:1] + marks[-1:])]
        else:
            marks = [mark for mark in self.readings(feature.of.id, at) if begin is None or mark.at >= begin]
            ends = [mark.value for mark in (marks[:1] + marks[-1:])]
        if len(marks) < 2 or not isinstance(ends[0], int) or not isinstance(ends[1], int):
            return _Found(None, _unrecorded(slot.name))
        return _Found(ends[1] - ends[0], None, marks[-1].time)

    def done(self, feature: Feature, name: str, at: int) -> _Found:
        assert feature.of is not None
        begin, cause = self.begin(feature.window, name, at)
        if cause is not None:
            return _NO if self.chart.moment else _Found(None, cause)
        marks = self.marks(feature.function, feature.of.id, at)
        if marks and (begin is None or marks[-1].at >= begin):
            return _Found(True, None, marks[-1].time)
        if feature.of.id in self.chart.doubtful:
            return _Found(None, Cause("refused", (name,), f"an entry about `{feature.of.id}` was refused"))
        return _NO

    def persists(self, feature: Feature, name: str, at: int) -> _Found:
        assert feature.after is not None
        assert feature.condition is not None
        assert feature.duration is not None
        when = self.last_event(feature.after, at)
        if when.state == "never":
            return _NO
        if when.state == "unknown" or when.at is None:
            return _Found(None, Cause("no start", (name,), f"when `{feature.after.id}` started is not charted"))
        duration = evaluate(feature.duration, self.row)
        if not isinstance(duration, int):
            return _Found(None, self.cause_of(feature.duration, name))
        if at - when.at < duration:
            return _Found(False, None, when.time)
        row, causes = self.inner(feature.condition, at, when.at)
        value = evaluate(feature.condition, row)
        if value is not None:
            return _Found(value, None, when.time)
        return _Found(None, self._of_inner(feature.condition, row, causes, name))

    def _of_inner(self, condition: Expr, row: Row, causes: dict[int, Cause], name: str) -> Cause:
        open_ = [causes[index] for index in sorted(undecided(condition, row, self.program)) if index in causes]
        return _joined(open_) if open_ else Cause("not recorded", (name,), f"`{name}` has no value for these data")

    def inner(self, condition: Expr, at: int, after: int | None) -> tuple[Row, dict[int, Cause]]:
        """A row for a condition at a time, from entries later than `after` where that is given."""
        row: Row = [None] * len(self.slots)
        causes: dict[int, Cause] = {}
        for index in self.closure(condition):
            slot = self.slots[index]
            if slot.kind in ("define", "computed"):
                if slot.expr is not None:
                    row[index] = evaluate(slot.expr, row)
                continue
            if slot.kind in ("element", "unobtainable") or at != self.now:
                found = self.feature(slot, at) if slot.kind == "feature" else self.plain_slot(slot, at, after)
                row[index] = found.value
                if found.value is None and found.cause is not None:
                    causes[index] = found.cause
            else:
                row[index] = self.row[index]
                if row[index] is None and index in self.causes:
                    causes[index] = self.causes[index]
        return row, causes

    def closure(self, *conditions: Expr) -> tuple[int, ...]:
        """Every slot the conditions need, in the order in which they can be worked out."""
        key = tuple(map(id, conditions))
        found = self.names.closures.get(key)
        if found is None:
            needed: set[int] = set()
            rest = [slot for condition in conditions for slot in slots_of(condition)]
            while rest:
                index = rest.pop()
                if index in needed:
                    continue
                needed.add(index)
                expr = self.slots[index].expr
                if expr is not None:
                    rest += slots_of(expr)
            found = self.names.closures[key] = tuple(sorted(needed))
        return found

    def values_at(self, needed: Iterable[int], at: int) -> Row:
        """A row with the slots of a closure as they were at a time."""
        row: Row = [None] * len(self.slots)
        for index in needed:
            slot = self.slots[index]
            if slot.kind in ("define", "computed"):
                row[index] = None if slot.expr is None else evaluate(slot.expr, row)
            elif slot.kind == "element":
                row[index] = self.value_of(slot.of, at)
            elif slot.kind == "feature":
                row[index] = self.feature(slot, at).value
            else:
                row[index] = self.plain_slot(slot, at).value
        return row

    def turns(self, needed: Iterable[int], at: int) -> list[int]:
        """The instants before `at` at which something was charted that a closure reads, and `at`.

        What is charted of other things has no part: it would make an ageing value count as unknown.
        """
        found: set[int] = set()
        for index in needed:
            slot = self.slots[index]
            if slot.kind in ("element", "unobtainable", "rate"):
                kind = "rate" if slot.kind == "rate" else "element"
                found.update(mark.at for mark in self.index.of(kind, slot.of))
        return [*sorted(instant for instant in found if instant < at), at]

    def value_of(self, id: str, at: int) -> Value:
        """The value of `element`, without saying why it is unknown."""
        found = self.index.of("element", id)
        place = bisect_right(found, at, key=_at)
        if not place:
            return None
        mark = found[place - 1]
        if mark.state == "not available":
            return self.element(id, at).value
        valid_for = self.names.elements[id].valid_for
        current = valid_for is None or at - mark.at <= valid_for
        return mark.value if current and id not in self.chart.doubtful else None

    def latch(self, feature: Feature, name: str, at: int) -> _Found:
        """Whether `set` has been true more lately than `clear`; not so at first."""
        assert feature.condition is not None
        assert feature.clear is not None
        needed = self.closure(feature.condition, feature.clear)
        # A mapping knows nothing of what was before, so in the dead band it cannot tell.
        state: Value = None if self.chart.moment else False
        for instant in self.turns(needed, at):
            row = self.values_at(needed, instant)
            sets, clears = evaluate(feature.condition, row), evaluate(feature.clear, row)
            held = False if clears is True or state is False else state if clears is False else None
            state = True if sets is True or held is True else held if sets is False else None
        if state is not None:
            return _Found(state)
        row, causes = self.inner(feature.condition, at, None)
        found = self._of_inner(feature.condition, row, causes, name)
        return _Found(None, _unrecorded(name) if found.kind == "not recorded" else found)

    def decline_stands(self, feature: Feature, at: int) -> _Found:
        assert feature.of is not None
        begin = self.episode(at)
        declined = [mark for mark in self.marks("declined", feature.of.id, at) if begin is None or mark.at >= begin]
        if not declined:
            return _NO
        last = declined[-1]
        step = next(step for step in self.program.steps if step.id == feature.of.id)
        done = self.marks("done", step.id, at)
        if done and done[-1].at >= last.at:
            return _NO
        if step.review is not None:
            after = evaluate(step.review.after, self.row)
            if isinstance(after, int) and at - last.at >= after:
                return _NO
        reasons, now = self.reasons, self.time
        if reasons is None or now is None or last.time == now or reasons(last.time, step.id) == reasons(now, step.id):
            return _Found(True, None, last.time)
        return _NO


def _bears_on(names: Dictionary) -> dict[tuple[str, str], tuple[int, ...]]:
    """For each thing that a mapping can say (see `Index.marks`) the slots whose value or cause it can change.

    The dose of a drug may need a weight, a salt form or a concentration, but only where a dose is charted,
    and then the slots of the drug are here for its own sake.
    """
    program = names.program
    rests_on: list[set[tuple[str, str]]] = []
    for slot in program.slots:
        keys = {("slot", slot.name)}
        if slot.kind in ("element", "unobtainable"):
            keys.add(("element", slot.of))
        elif slot.kind in ("rate", "parameter"):
            keys.add((slot.kind, slot.of))
        elif slot.kind == "now":
            keys.add(("now", ""))
        parts = [slot.expr]
        feature = slot.feature
        if feature is not None:
            parts += [feature.condition, feature.clear, feature.duration]
            events = [feature.of, feature.after]
            if feature.window is not None:
                parts.append(feature.window.duration)
                events.append(feature.window.event)
            for event in events:
                keys.update(_marks_of(names, event))
        for part in parts:
            for index in slots_of(part) if part is not None else ():
                keys |= rests_on[index]
        rests_on.append(keys)
    found: dict[tuple[str, str], list[int]] = {}
    for index, keys in enumerate(rests_on):
        for key in keys:
            found.setdefault(key, []).append(index)
    return {key: tuple(indexes) for key, indexes in found.items()}


def _marks_of(names: Dictionary, event: Event | None) -> Iterable[tuple[str, str]]:
    """What may be charted of an event. How long ago it was may be given outright, as a feature."""
    if event is None:
        return
    if event.kind == "element":
        yield "element", event.id
    elif event.kind == "step":
        yield "done", event.id
        yield "declined", event.id
    else:
        yield "slot", f"since({event.id})"
        for drug in names.program.drugs:
            if drug.id == event.id or event.id in drug.classes:
                yield "rate", drug.id
                yield "given", drug.id
                yield "slot", f"since({drug.id})"
                yield "slot", f"since({drug.id} given)"
                for slot in names.program.slots:
                    if slot.name.startswith(_sums_of(drug)):
                        yield "slot", slot.name  # what counts its gifts says that there were some


def _sums_of(drug: Drug) -> tuple[str, ...]:
    """How the names of features begin that count or add up what was given of a drug."""
    return f"count({drug.id} ", f"total({drug.id} "


_SETTLED = ("unobtainable", "not available", "local policy")
_ANSWERS = ("salt form", "weight", "unobtainable", "not available")


def _at(mark: Mark) -> int:
    return mark.at


def _first(item: tuple[int, datetime, bool]) -> int:
    return item[0]


def _since(marks: Sequence[Mark], begin: int | None) -> int:
    return len(marks) if begin is None else sum(mark.at >= begin for mark in marks)


def _span(scaled: int) -> timedelta:
    return timedelta(microseconds=scaled * 10**6 // SCALE)


def _ago(scaled: int) -> str:
    seconds = Fraction(scaled, SCALE)
    return format_duration(seconds if seconds < 60 else int(seconds))


def _unrecorded(name: str) -> Cause:
    return Cause("not recorded", (name,), f"`{name}` cannot be told from this record")


def _state_cause(id: str, mark: Mark, at: int) -> Cause:
    words = {
        "unobtainable": f"`{id}` is unobtainable",
        "not available": f"`{id}` is not available now",
        "conflict": f"`{id}` has two values charted at one time",
        "refused": f"the value charted for `{id}` was refused",
    }
    return Cause(mark.state, (id,), words[mark.state], at - mark.at)


def _joined(causes: Sequence[Cause]) -> Cause:
    """Several causes as one: what can be asked comes before what is unavailable or local policy."""
    order = {"unobtainable": 1, "not available": 1, "local policy": 2}
    kind = min((cause.kind for cause in causes), key=lambda kind: order.get(kind, 0))
    rank = order.get(kind, 0)
    same = [cause for cause in causes if order.get(cause.kind, 0) == rank]
    asks = tuple(dict.fromkeys(name for cause in same for name in cause.asks))
    text = "; ".join(dict.fromkeys(cause.text for cause in causes if cause.text))
    ages = [cause.age for cause in same if cause.age is not None]
    kinds = {cause.kind for cause in same}
    if len(kinds) > 1 and "not re-measured" in kinds:
        kind = "not re-measured"
    return Cause(kind, asks, text, max(ages) if ages else None)


# ---------------------------------------------------------------- reviews


def review_rounds(program: Program, chart: ParsedChart, step: Step, after: int, now: datetime) -> Rounds | None:
    """When the action of `step` is to be looked at again, and what is still to be measured (design rule 15).

    A round is complete at the first instant at which every measure has been charted since its base; that
    instant is the next base. None where the action has no entry in the episode.
    """
    review = step.review
    if review is None or chart.moment:
        return None
    fold = _Fold(program, chart, now, None, None)
    opened = fold.opened(fold.now)
    begin = None if opened is None else opened.at
    entries: list[Mark] = []
    if step.action is not None and step.action.drug:
        entries = [mark for mark in fold.marks("rate", step.action.drug, fold.now) if mark.event in _ACTS]
        entries += fold.marks("given", step.action.drug, fold.now)
    if not entries:
        entries = list(fold.marks("done", step.id, fold.now))
    entries = [mark for mark in entries if begin is None or mark.at >= begin]
    if not entries:
        return None
    last = max(entries, key=_at)
    base, base_time = last.at, last.time
    charted = {name: fold.readings(name, fold.now) for name in review.measure}
    while True:
        following = {name: marks[place:][:1] for name, marks in charted.items() if (place := _after(marks, base)) >= 0}
        missing = tuple(name for name in review.measure if not following[name])
        if missing or not following:
            break
        complete = max((marks[0] for marks in following.values()), key=_at)
        base, base_time = complete.at, complete.time
    due = base_time + _span(after)
    late = fold.now - (base + after)
    return Rounds(base_time, due, review.measure, missing, None if late < 0 else Fraction(late, SCALE))


_ACTS = ("started", "changed")


def _after(marks: Sequence[Mark], base: int) -> int:
    return bisect_right(marks, base, key=_at)
