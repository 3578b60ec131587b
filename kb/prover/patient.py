"""From a row that the solver found to a patient: minimal, in the dictionary's units, and run through the interpreter.

A *question* is a function from a symbolic walk to terms that shall all hold. The same question is asked of all patients
at once, and then of the one that was found, over the row that the interpreter made of the patient's chart; only a
patient for whom the interpreter gives the answer too is ever shown.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from kb import program as ir
from kb.chart import ChartError, scaled_time
from kb.folds import build_row
from kb.interpreter import Advice, Guideline
from kb.prover.solver import Model, Term, Undecided, and_, at_most, equal, not_, or_, rest
from kb.prover.symbolic import Number, Symbol, SymbolicWalk, Truth
from kb.reading import parse_chart
from kb.values import format_decimal

Question: TypeAlias = Callable[[SymbolicWalk], Iterable[Term]]

NOW = datetime(2026, 1, 27, 12, tzinfo=UTC)
"""When a patient who was found is looked at; nothing but the patient's own date-times depends on it."""

# What is met at a bedside, tried first for a number that may be many things: it makes an example easier to picture
# and decides nothing.
_ORDINARY = {"kg": (70, 50, 90, 20, 10), "years": (60, 40, 20, 10, 5), "%": (97, 90, 85), "1": (1, 2, 3), "": (1, 2, 3)}
_GRAINS = tuple(Decimal(text) for text in ("10", "5", "1", "0.5", "0.1", "0.05", "0.01", "0.005", "0.001"))


class Patient(NamedTuple):
    """A one-moment chart (see `Guideline.advise`) with the local settings it needs, and the advice it gets."""

    chart: dict[str, Any]
    local: dict[str, Any]
    now: datetime
    advice: Advice

    def told(self) -> str:
        """The patient on one line, as one would type it."""
        said = [f"{name}: {_plain(value)}" for name, value in self.chart.items()]
        said += [f"{name}: {_plain(value)} (set locally)" for name, value in self.local.get("parameters", {}).items()]
        return ", ".join(said) or "nothing is known"


class Patients:
    """All patients of one protocol, as the rows that a one-moment chart can give.

    Args:
        guideline: what runs the patients that are found.
        extra: slots for what a question speaks of (see `SymbolicWalk`).
        walk: the formulas, where they stand beside those of another version already.

    """

    def __init__(self, guideline: Guideline, extra: tuple[ir.Slot, ...] = (), walk: SymbolicWalk | None = None) -> None:
        self.guideline, self.program, self.extra = guideline, guideline.program, extra
        self.walk = SymbolicWalk(self.program, extra) if walk is None else walk
        self._blank = build_row(self.program, parse_chart(self.program, {}))
        self._charted: dict[int, Term] = {}

    def find(self, question: Question, tries: int = 8) -> Patient | None:
        """A patient for whom every term of `question` holds; None where there is none, missing data included.

        Raises:
            Undecided: the solver gave up, or what it found is no row that a chart gives.

        """
        terms = [term for term in question(self.walk) if term is not True]
        if any(term is False for term in terms):
            return None
        if self.walk.find(*terms) is None:
            return None
        terms += [term for term in self.as_charted() if term is not True]
        for _ in range(tries):
            model = self.walk.find(*terms)
            if model is None:
                break
            terms_of_patient = self.simplest(model, terms)
            last = self.walk.find(*terms, *terms_of_patient)
            assert last is not None
            made = self._run(self.walk.row_of(last), last)
            if made is not None and self.confirms(question, made):
                return made
            terms.append(not_(and_(*terms_of_patient)))
        raise Undecided("a row was found that could break it, but no chart of one moment gives that row")

    def confirms(self, question: Question, patient: Patient) -> bool:
        """Whether the interpreter gives the answer that was asked for."""
        return self.holds(question, patient.advice)

    def holds(self, question: Question, advice: Advice) -> bool:
        """Whether every term of `question` holds over the row that the interpreter made."""
        reading = advice.walk.reading
        row = [
            None if slot.kind == "order" else value
            for slot, value in zip(self.program.slots, advice.walk.row, strict=True)
        ]
        walk = SymbolicWalk(
            self.program, self.extra, row, reading.assumed_slots, reading.lower_bounds, variables=self.walk.variables
        )
        return all(term is True for term in question(walk))

    # ------------------------------------------------------------ what a chart of one moment can say

    def as_charted(self) -> Iterable[Term]:
        """What no chart of one moment can leave open: a feature that has a value unless it is given another."""
        for index, symbol in list(self.walk.inputs.items()):
            if index not in self._charted:
                self._charted[index] = self._can_be_charted(index, symbol)
            yield self._charted[index]
        for index, bound in self.walk.bounds.items():
            yield equal(bound, self._blank.lower_bounds.get(index, 0))

    def _can_be_charted(self, index: int, symbol: Symbol) -> Term:
        if index >= len(self.program.slots):
            return True
        slot, blank = self.program.slots[index], self._blank.row[index]
        if slot.kind == "feature" and isinstance(symbol, Number):
            if index in self._blank.assumed_slots:
                return and_(symbol.known, not_(self.walk.taken_for_zero(index)))
            return and_(symbol.known if blank is not None else True, not_(self.walk.taken_for_zero(index)))
        if slot.kind == "feature" and blank is not None:
            return symbol.known
        return True

    def _run(self, row: ir.Row, model: Model) -> Patient | None:
        chart, local, now = self.chart_of(row, model)
        try:
            advice = self.guideline.advise(chart, now, local=local)
        except ChartError:  # refused: then no chart says so
            return None
        return Patient(chart, local, now, advice)

    def chart_of(self, row: ir.Row, model: Model) -> tuple[dict[str, Any], dict[str, Any], datetime]:
        """The chart of one moment, the local settings and the time that give `row`."""
        chart: dict[str, Any] = {}
        local: dict[str, Any] = {}
        now = NOW
        for index, slot in enumerate(self.program.slots):
            if slot.kind == "now" and isinstance(row[index], int):
                now = _time(int(row[index] or 0))
        for index, slot in enumerate(self.program.slots):
            value = row[index]
            if index not in self.walk.inputs or slot.kind in ("define", "computed", "order", "now"):
                continue
            if slot.kind == "unobtainable":
                if value is True:
                    chart[slot.of] = "unobtainable"
                continue
            if slot.kind == "parameter":
                parameter = next(item for item in self.program.parameters if item.id == slot.of)
                if value is not None and value != parameter.default:
                    local.setdefault("parameters", {})[slot.of] = said(self.program, slot, value)
                continue
            if slot.kind == "rate" and self._taken(model, index):
                continue
            if value is None and slot.kind == "rate" and index in self._blank.assumed_slots:
                chart[slot.name] = "not available"
            elif value is not None and (value != self._blank.row[index] or index in self._blank.assumed_slots):
                chart[slot.name] = said(self.program, slot, value)
        return chart, local, now

    def _taken(self, model: Model, index: int) -> bool:
        return bool(model.truth(self.walk.taken_for_zero(index)))

    # ------------------------------------------------------------ the simplest of them

    def simplest(self, model: Model, terms: Sequence[Term], settled: Container[int] = ()) -> list[Term]:
        """Terms that make a row as empty, and its numbers as round, as the question allows.

        Args:
            model: one way to make `terms` true.
            terms: the question.
            settled: slots that `terms` pin down already.

        """
        kept: list[Term] = []
        open_ = {index: held for index, held in self.walk.inputs.items() if index not in settled}
        inputs = [(index, symbol) for index, symbol in open_.items() if index < len(self.program.slots)]
        usual = [self._is_usual(index, symbol) for index, symbol in inputs]
        self._keep_most([wish for wish in usual if wish is not True], [*terms], kept)
        blanks = [self._is_blank(index, symbol) for index, symbol in inputs]
        self._keep_most([blank for blank in blanks if blank is not True], [*terms], kept)
        found = self.walk.find(*terms, *kept)
        for index, symbol in open_.items():
            if index >= len(self.program.slots) or found is None:
                continue
            slot = self.program.slots[index]
            if isinstance(symbol, Truth):
                kept += [equal(symbol.true, found.truth(symbol.true)), equal(symbol.false, found.truth(symbol.false))]
                continue
            known = found.truth(symbol.known)
            kept.append(symbol.known if known else not_(symbol.known))
            if known and slot.type == "number":
                kept.append(self._round_number(slot, symbol.value, [*terms, *kept], found))
                found = self.walk.find(*terms, *kept)
            elif known:
                kept.append(equal(symbol.value, found.number(symbol.value)))
        return [term for term in kept if term is not True]

    def _is_usual(self, index: int, symbol: Symbol) -> Term:
        """What is wished of an example: it is looked at now, and no infusion runs beyond the library's limits."""
        slot = self.program.slots[index]
        if isinstance(symbol, Truth):
            return True
        if slot.kind == "now":
            return and_(symbol.known, equal(symbol.value, scaled_time(NOW)))
        if slot.type == "date-time":
            minute, month = 60 * ir.SCALE, 30 * 86400 * ir.SCALE
            recent = and_(at_most(scaled_time(NOW) - month, symbol.value), at_most(symbol.value, scaled_time(NOW)))
            return or_(not_(symbol.known), and_(recent, equal(rest(symbol.value, minute), 0)))
        if slot.kind == "rate":
            limits = [limit for drug in self.program.drugs if drug.id == slot.of for limit in drug.limits]
            ends = [limit.soft_high or limit.hard_high for limit in limits if limit.of == "rate"]
            known = [end for end in ends if end is not None]
            return or_(not_(symbol.known), at_most(symbol.value, max(known))) if known else True
        return True

    def _is_blank(self, index: int, symbol: Symbol) -> Term:
        slot, blank = self.program.slots[index], self._blank.row[index]
        if slot.kind == "parameter":
            default = next(item.default for item in self.program.parameters if item.id == slot.of)
            blank = default
        if isinstance(symbol, Truth):
            return symbol.true if blank is True else symbol.false if blank is False else not_(symbol.known)
        taken = self.walk.taken_for_zero(index)
        if index in self._blank.assumed_slots and slot.kind == "rate":
            return taken
        if blank is None:
            return not_(symbol.known)
        code = self.walk.code(blank) if isinstance(blank, str) else blank
        return and_(symbol.known, equal(symbol.value, code))

    def _keep_most(self, wishes: list[Term], terms: list[Term], kept: list[Term]) -> None:
        """Add to `kept` as many `wishes` as can hold beside `terms`, by halves."""
        if not wishes:
            return
        try:
            possible = self.walk.find(*terms, *kept, *wishes) is not None
        except Undecided:
            possible = False
        if possible:
            kept += wishes
        elif len(wishes) > 1:
            half = len(wishes) // 2
            self._keep_most(wishes[:half], terms, kept)
            self._keep_most(wishes[half:], terms, kept)

    def _round_number(self, slot: ir.Slot, value: Term, terms: list[Term], found: Model) -> Term:
        for number in _ORDINARY.get(slot.unit, ()):
            wish = equal(value, number * ir.SCALE)
            if self._can(terms, wish):
                return wish
        for grain in _GRAINS:
            scaled = int(grain * ir.SCALE)
            even = equal(rest(value, scaled), 0)
            for wish in (and_(even, at_most(scaled, value)), even):
                try:
                    model = self.walk.find(*terms, wish)
                except Undecided:
                    continue
                if model is not None:
                    return equal(value, self._towards_ordinary(slot, value, [*terms, wish], scaled, model))
        return equal(value, found.number(value))

    def _towards_ordinary(self, slot: ir.Slot, value: Term, terms: list[Term], grain: int, model: Model) -> int:
        """Of the numbers on one grain, one within sight of what is usual: not at the far end of what is plausible."""
        number = model.number(value)
        low, high = self.walk.ends(slot)
        if low is None or high is None:
            return number
        middle = (low + high) // 2
        for share in (4, 2):
            near = (high - low) // share
            wish = and_(at_most(middle - near, value), at_most(value, middle + near))
            try:
                better = self.walk.find(*terms, wish)
            except Undecided:
                return number
            if better is not None:
                return better.number(value)
        return number

    def _can(self, terms: list[Term], wish: Term) -> bool:
        try:
            return self.walk.find(*terms, wish) is not None
        except Undecided:
            return False


def said(program: ir.Program, slot: ir.Slot, value: ir.Value) -> Any:
    """A value as one writes it in a chart."""
    if slot.type == "date-time":
        return _time(int(value or 0)).isoformat()
    if slot.type != "number":
        return value
    text = _decimal(int(value or 0))
    if slot.unit and slot.unit != "1":
        text = f"{text} {slot.unit}"
    if slot.kind == "rate" and value:
        drug = next(drug for drug in program.drugs if drug.id == slot.of)
        text += " as base" if drug.salts else ""
    return text


def _decimal(scaled: int) -> str:
    return format_decimal(scaled)


def _time(scaled: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=scaled / ir.SCALE)


def _plain(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
