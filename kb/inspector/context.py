"""What a rule may look at, and the questions that several rules ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from kb import model
from kb import program as ir
from kb.diagnostics import Span
from kb.inspector.regions import FALSE, NOTHING_ASKED, TRUE, Domain, Found, Key, Regions, Settled, TooHard, Want
from kb.plan import Edge, edges_into

if TYPE_CHECKING:
    from kb.inspector.patients import Witnesses
    from kb.prover.patient import Patient, Patients
    from kb.prover.solver import Term
    from kb.prover.symbolic import SymbolicWalk


class Table(NamedTuple):
    """Ordered cases: of a decide, or of a definition. `step` is the place of the decide in the Program, None of a
    definition; `whens` are the conditions without the last one that always holds; `closed` says whether there is one.
    """

    name: str
    span: Span
    step: int | None
    whens: tuple[ir.Expr, ...]
    texts: tuple[str, ...]
    spans: tuple[Span, ...]
    closed: bool
    exclusive: bool
    says: tuple[str, ...]
    """What each case leads to, in words; the last one's too."""


class Undecided(NamedTuple):
    """Something that could not be looked at to the end, and why."""

    code: str
    span: Span
    what: str
    why: str


class InspectContext:
    """One protocol and its Program. `dead` grows as rules find cases that nobody takes: (step, case).

    `elements`: the data dictionary, for what it says to the check and not to the Program; `targets`: the protocols
    that are handed over to, by `id@major`.
    """

    def __init__(
        self,
        protocol: model.Protocol,
        program: ir.Program,
        elements: Mapping[str, model.ElementDef],
        targets: Mapping[str, ir.Program] | None = None,
    ) -> None:
        self.protocol, self.program = protocol, program
        self.targets = targets or {}
        self.elements = {**elements, **protocol.elements}
        self.dead: set[tuple[int, int]] = set()
        self.undecided: list[Undecided] = []
        self.edges = edges_into(program)

    @cached_property
    def reach(self) -> tuple[ir.Expr, ...]:
        """For each step, that some way leads to it on which everything is known."""
        made: list[ir.Expr] = []
        for index, into in enumerate(self.edges):
            if index in self.program.starts:
                made.append(ir.TRUE)
                continue
            ways: list[ir.Expr] = []
            for edge in into:
                parts = [] if ir.is_constant(made[edge.source], True) else [made[edge.source]]
                ways.append(ir.All((*parts, *self._along(edge))))
            made.append(ways[0] if len(ways) == 1 else ir.Any_(tuple(ways)))
        return tuple(made)

    def _along(self, edge: Edge) -> tuple[ir.Expr, ...]:
        """What holds where a way goes on from its step to the next."""
        source = self.program.steps[edge.source]
        if edge.kind == "case":
            return (*(ir.Not(case.when) for case in source.cases[: edge.case]), source.cases[edge.case].when)
        return (source.satisfied,) if edge.kind == "then" else ()

    @cached_property
    def regions(self) -> Regions:
        """The regions of every condition of the Program."""
        program = self.program
        announced = [program.applies, program.enter, *self.reach]
        announced += [case.when for step in program.steps for case in step.cases]
        announced += [step.status for step in program.steps]
        announced += [reason.when for step in program.steps for reason in step.avoid]
        announced += [alert.when for alert in program.alerts]
        announced += [slot.expr for slot in program.slots if slot.expr is not None and slot.kind == "define"]
        announced += [wrong for *_, wrong in self.ranges]
        announced += [scope for _, scope, _ in self.scopes_handed_to]
        return Regions(program, announced)

    @cached_property
    def ranges(self) -> tuple[tuple[int, model.Amount, ir.Dose, ir.Expr], ...]:
        """Doses that are ranges with an end that is worked out: step, as written, and when it is upside down."""
        from kb.inspector.ranges import upside_down

        return tuple(upside_down(self.protocol, self.program))

    @cached_property
    def scopes_handed_to(self) -> tuple[tuple[int, ir.Expr, ir.Program], ...]:
        """Hand-overs, each with the scope of the protocol that it leads to in inputs of this one."""
        from kb.inspector.handed_over import scopes

        return tuple(scopes(self.program, self.targets))

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """Every decide and every definition with cases that stands in the protocol's file."""
        made = []
        for index, step in enumerate(self.program.steps):
            written = self.protocol.steps.get(step.id)
            if isinstance(written, model.Decide):
                closed = written.cases[-1].when is None
                open_cases = [case for case in written.cases if case.when is not None]
                made.append(
                    Table(
                        step.id,
                        written.span,
                        index,
                        tuple(case.when for case in step.cases[: len(open_cases)]),
                        tuple(case.text for case in step.cases[: len(open_cases)]),
                        tuple(case.when.span for case in open_cases if case.when is not None),
                        closed,
                        written.exclusive,
                        tuple(_steps(case.go) for case in written.cases),
                    )
                )
        for slot in self.program.slots:
            define = self.protocol.defines.get(slot.of) if slot.kind == "define" else None
            if define is None or not define.cases or type(slot.expr) is not ir.Cases:
                continue
            whens = [case.when for case in define.cases if case.when is not None]
            made.append(
                Table(
                    define.id,
                    define.span,
                    None,
                    tuple(when for when, _ in slot.expr.cases[: len(whens)]),
                    tuple(when.text for when in whens),
                    tuple(when.span for when in whens),
                    len(whens) < len(define.cases),
                    define.exclusive,
                    tuple(_value(case.value) for case in define.cases),
                )
            )
        return tuple(made)

    def element_of(self, slot: int) -> model.ElementDef | None:
        """The entry of the data dictionary whose value an input is."""
        here = self.program.slots[slot]
        return self.elements.get(here.of) if here.kind == "element" else None

    def resolution(self, slot: ir.Slot) -> int:
        """The step in which an input is measured, scaled; 0 where nobody has said."""
        element = self.elements.get(slot.of) if slot.kind == "element" else None
        step = None if element is None else element.resolution
        return 0 if step is None else int(step * ir.SCALE)

    def way_to(self, step: int | None) -> Settled:
        """That the protocol applies, and the way leads to `step`."""
        return self._applies if step is None else self._ways[step]

    @cached_property
    def _applies(self) -> Settled:
        return self.regions.settle(Want(self.program.applies, TRUE))

    @cached_property
    def _ways(self) -> tuple[Settled, ...]:
        """For each step the way there. Where a single way leads to it, it goes on from that of the step before."""
        made: list[Settled] = []
        for index, into in enumerate(self.edges):
            if index in self.program.starts:
                made.append(self._applies)
            elif len(into) == 1:
                along = (Want(part, TRUE) for part in self._along(into[0]))
                made.append(self.regions.settle(*along, since=made[into[0].source]))
            else:
                made.append(self.regions.settle(Want(self.reach[index], TRUE), since=self._applies))
        return tuple(made)

    def find(
        self,
        code: str,
        span: Span,
        what: str,
        wants: Sequence[Want],
        given: Mapping[Key, Domain] | None = None,
        way: Settled = NOTHING_ASKED,
    ) -> Found | Undecided | None:
        """As `Regions.find` on a `way`; where that gives up, what is to be said of it, kept in `undecided`."""
        try:
            return self.regions.find(*wants, given=given, since=way)
        except TooHard:
            item = Undecided(code, span, what, "there are too many ways in which its conditions can come out")
            self.undecided.append(item)
            return item

    def patient(
        self,
        code: str,
        span: Span,
        what: str,
        found: Found,
        holds: Callable[[ir.Row], bool],
        question: Callable[[SymbolicWalk], Iterable[Term]] | None = None,
    ) -> Patient | None:
        """A patient for whom the interpreter says what was found too; None where there is none, or none could be
        found: then it is kept in `undecided`.

        Args:
            holds: what is true of the row of such a patient.
            question: the same for the prover, which is asked where a row leans on what is worked out of several inputs.

        """
        from kb.prover.solver import SolverMissingError
        from kb.prover.solver import Undecided as GaveUp

        patient = self.witnesses.patient(found, holds)
        if patient is not None or question is None:
            return patient
        why = "no chart of one moment that shows it was found"
        try:
            patient = self.prover.find(question)
        except SolverMissingError:
            why = "its conditions compare what is worked out of several inputs, and z3-solver is not installed"
        except GaveUp as gave_up:
            why = str(gave_up)
        else:
            if patient is None or holds(list(patient.advice.walk.row)):
                return patient
        self.undecided.append(Undecided(code, span, what, why))
        return None

    @cached_property
    def witnesses(self) -> Witnesses:
        from kb.inspector.patients import Witnesses

        return Witnesses(self.program)

    @cached_property
    def prover(self) -> Patients:
        from kb.prover.patient import Patients

        return Patients(self.witnesses.guideline)

    def inputs(self, *exprs: ir.Expr) -> list[int]:
        """As `Regions.inputs`."""
        return self.regions.inputs(*exprs)

    def with_value(self, expr: ir.Expr, slot: int, value: ir.Value) -> ir.Expr:
        """`expr` of a row in which `slot` holds `value`."""
        return _With(self.program, slot, value).put(expr)


class _With:
    """Expressions with a value in place of one input. Not known is `_NOBODY`, a division by zero."""

    def __init__(self, program: ir.Program, slot: int, value: ir.Value) -> None:
        self.program, self.slot, self.value = program, slot, value
        self.memo: dict[int, tuple[ir.Expr, ir.Expr]] = {}

    def put(self, expr: ir.Expr) -> ir.Expr:
        held = self.memo.get(id(expr))
        if held is None:
            held = self.memo[id(expr)] = expr, self._put(expr)
        return held[1]

    def _put(self, expr: ir.Expr) -> ir.Expr:
        if type(expr) is ir.Get:
            if expr.slot == self.slot:
                return _NOBODY if self.value is None else ir.Const(self.value)
            slot = self.program.slots[expr.slot]
            if slot.kind == "define" and slot.expr is not None:
                made = self.put(slot.expr)
                return expr if made is slot.expr else made
            return expr
        fields = tuple(expr)
        made_fields = tuple(self._field(field) for field in fields)
        if all(new is old for new, old in zip(made_fields, fields, strict=True)):
            return expr
        return type(expr)(*made_fields)  # type: ignore[arg-type]

    def _field(self, field: object) -> object:
        if isinstance(field, tuple) and hasattr(field, "_fields"):
            return self.put(field)  # type: ignore[arg-type]
        if isinstance(field, tuple):
            made = tuple(self._field(item) for item in field)
            return field if all(new is old for new, old in zip(made, field, strict=True)) else made
        return field


_NOBODY = ir.Divide(ir.Const(0), ir.Const(0))


def all_false(whens: Iterable[ir.Expr]) -> Iterator[Want]:
    return (Want(when, FALSE) for when in whens)


def _steps(refs: Iterable[model.Ref]) -> str:
    return ", ".join(f"`{ref.id}`" for ref in refs)


def _value(value: model.Amount | model.Ref) -> str:
    return value.text if isinstance(value, model.Amount) else f"`{value.id}`"
