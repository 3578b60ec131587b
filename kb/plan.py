"""What can be worked out of a Program before any chart, once, and the state of one walk over it."""

from __future__ import annotations

from kb import program as ir
from kb.advice import Reason, SaidElsewhere
from kb.evaluate import Weighed, made_slots, possible_cases, slots_of, undecided
from kb.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kb.codegen import Decision
    from kb.folds import Reading

NOTHING: frozenset[int] = frozenset()


class Edge(NamedTuple):
    """A way into a step: `kind` is case, with, then or if_unknown; `case` counts from 0 for a case."""

    source: int
    kind: str
    case: int = -1


def all_said_elsewhere(program: ir.Program) -> tuple[SaidElsewhere, ...]:
    """What other sources say, as it is shown; in the order of the Program."""
    titles = {item.key: ", ".join(filter(None, (item.title, item.year))) for item in program.references}
    return tuple(
        SaidElsewhere(
            item.id,
            item.topic or item.of,
            f"{item.what} {item.value}".strip(),
            item.says,
            tuple(titles.get(key, key) for key in item.cites),
            item.about,
            item.verdict,
            item.because,
            item.stored,
            item.superseded,
        )
        for item in program.elsewhere
    )


def said_elsewhere(program: ir.Program) -> dict[str, tuple[SaidElsewhere, ...]]:
    """What other sources say, by the id of the step it concerns."""
    found: dict[str, tuple[SaidElsewhere, ...]] = {}
    for item, said in zip(program.elsewhere, all_said_elsewhere(program), strict=True):
        for step in item.steps:
            found[step] = (*found.get(step, ()), said)
    return found


class Plan:
    """Look-ups of one Program: ways into each step, ids, and which inputs an expression can depend on."""

    __slots__ = (
        "_inputs_of_expr",
        "_inputs_of_slot",
        "_made_of_expr",
        "drugs",
        "edges",
        "elsewhere",
        "orders",
        "program",
        "rates",
        "steps",
    )

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self.edges = edges_into(program)
        self.steps = {step.id: index for index, step in enumerate(program.steps)}
        self.drugs = {drug.id: drug for drug in program.drugs}
        self.rates = {slot.of: index for index, slot in enumerate(program.slots) if slot.kind == "rate"}
        self.elsewhere = said_elsewhere(program)
        self.orders = tuple(index for index, slot in enumerate(program.slots) if slot.kind == "order")
        masks: list[int] = []
        for index, slot in enumerate(program.slots):
            mask = 0 if slot.kind == "define" else 1 << index
            for other in slots_of(slot.expr) if slot.expr is not None else ():
                mask |= masks[other]
            masks.append(mask)
        self._inputs_of_slot = masks
        self._inputs_of_expr: dict[int, int] = {}
        self._made_of_expr: dict[int, tuple[int, ...]] = {}

    def inputs(self, expr: ir.Expr) -> int:
        """The input slots, as a mask, that `expr` can depend on; `expr` is part of the Program."""
        mask = self._inputs_of_expr.get(id(expr))
        if mask is None:
            mask = 0
            for slot in slots_of(expr):
                mask |= self._inputs_of_slot[slot]
            self._inputs_of_expr[id(expr)] = mask
        return mask

    def made(self, expr: ir.Expr) -> tuple[int, ...]:
        """The made slots that `expr`, a part of the Program, needs."""
        found = self._made_of_expr.get(id(expr))
        if found is None:
            found = self._made_of_expr[id(expr)] = made_slots(expr, self.program)
        return found


class Walk(NamedTuple):
    """One patient read through one Program: what every answer is taken from.

    `unknown` masks the unknown slots; `weighed` keeps what `undecided` found of definitions, `told` the reasons of
    ways that several steps lie behind.
    """

    plan: Plan
    reading: Reading
    row: ir.Row
    decision: Decision
    unknown: int
    weighed: dict[int, Weighed]
    told: dict[Edge, Reason | None]

    @property
    def program(self) -> ir.Program:
        return self.plan.program

    def state(self, step: int) -> str:
        """reached, assumed, not known yet or not reached."""
        bit = 1 << step
        if self.decision.reached & bit:
            return "reached"
        if self.decision.assumed & bit:
            return "assumed"
        return "not known yet" if self.decision.possible & bit else "not reached"

    def undecided(self, expr: ir.Expr) -> frozenset[int]:
        """The unknown inputs that could still change `expr`, a part of the Program."""
        if not self.plan.inputs(expr) & self.unknown:
            return NOTHING
        return undecided(expr, self.row, self.plan.program, self.plan.made(expr), self.weighed)

    def open_cases(self, step: int) -> tuple[tuple[int, ...], bool]:
        """The possible cases of a decide that was looked at, and whether no case may hold (design rule 4)."""
        cases = self.plan.program.steps[step].cases
        mask = self.decision.outcomes.get(step)
        if mask is None:
            found, gap = possible_cases(self.plan.program.steps[step], self.row)
            return tuple(found), gap
        return tuple([number for number in range(len(cases)) if mask >> number & 1]), bool(mask >> len(cases) & 1)


def walk_over(plan: Plan, reading: Reading, decision: Decision) -> Walk:
    """The walk that `decision` made over the row of `reading`."""
    unknown = 0
    for index, value in enumerate(reading.row):
        if value is None:
            unknown |= 1 << index
    return Walk(plan, reading, reading.row, decision, unknown, {}, {})


def edges_into(program: ir.Program) -> tuple[tuple[Edge, ...], ...]:
    """For each step the ways into it, in the order of the steps they come from."""
    into: list[list[Edge]] = [[] for _ in program.steps]
    for source, step in enumerate(program.steps):
        for number, case in enumerate(step.cases):
            for target in case.targets:
                into[target].append(Edge(source, "case", number))
        for target in step.with_:
            into[target].append(Edge(source, "with"))
        for target in step.then:
            into[target].append(Edge(source, "then"))
        if step.if_unknown is not None:
            into[step.if_unknown].append(Edge(source, "if_unknown"))
    return tuple(tuple(edges) for edges in into)
