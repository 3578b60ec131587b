"""A Program read over all patients at once: every expression, state, status and dose as a formula.

The mirror of `kb.evaluate`, `kb.codegen`, `kb.doses` and `kb.actions` with terms in place of values. Over a row
whose values are settled every formula here works out to a plain value, and must be what those modules say: the tests
hold the two together that way.

What a formula speaks of is every row a chart can give: each input known or not known, a known number anywhere in its
plausible range, a choice among its options, a parameter at its default or anywhere in its range. Features of the chart
(counts, totals, times) are free of each other. A row can be rarer than any patient; none is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from kb import program as ir
from kb.actions import ACTIVE
from kb.evaluate import parts_of
from kb.limits import bears_on, edge_of
from kb.plan import Edge, edges_into
from kb.prover import solver
from kb.prover.absence import without_absence
from kb.prover.solver import (
    LONG,
    Model,
    Search,
    Term,
    Variables,
    add,
    all_of,
    and_,
    any_of,
    choose,
    equal,
    implies,
    not_,
    or_,
)


class Truth(NamedTuple):
    """A truth value: whether it is true, whether it is false. Neither: not known."""

    true: Term
    false: Term

    @property
    def known(self) -> Term:
        return or_(self.true, self.false)


class Number(NamedTuple):
    """A scaled number, or an option by its number in `Variables.options`; `value` means nothing unless `known`."""

    known: Term
    value: Term


Symbol = Truth | Number

UNKNOWN = Number(False, 0)


class Dose(NamedTuple):
    """As `kb.doses.DoseValue`: known together."""

    known: Term
    exact: Term
    rounded: Term
    high: Term


class SymbolicWalk:
    """All rows of one Program; `extra` slots stand after its own, for what a property speaks of.

    Args:
        row: settled values for the Program's own slots (definitions are worked out), in place of free ones.
        taken: slots of `row` that are zero only because nothing is charted.
        bounds: for slots of `row` that are not known, the least they can be (`Reading.lower_bounds`).
        prefix: what the names of variables begin with, so that several walks can stand side by side.
        shared: symbols for some slots, by index, made by another walk.
        variables: where they are made, for several walks that stand side by side.
        beside: a walk to be searched together with: one search holds the facts of both, and they share the variables
            and what opaque functions give.
        same_rows: a walk of another Program over the same rows: slots of one name hold the same here and there, and so
            do quotients and functions of the same numbers. Its facts count here too.

    """

    def __init__(
        self,
        program: ir.Program,
        extra: tuple[ir.Slot, ...] = (),
        row: ir.Row | None = None,
        taken: Iterable[int] = (),
        bounds: Mapping[int, int] | None = None,
        prefix: str = "",
        shared: Mapping[int, Symbol] | None = None,
        variables: Variables | None = None,
        beside: SymbolicWalk | None = None,
        same_rows: SymbolicWalk | None = None,
    ) -> None:
        self.program = program
        self.slots = (*program.slots, *extra)
        self.prefix = prefix
        known = beside or same_rows
        self.variables: Variables = variables or (Variables() if known is None else known.variables)
        self.steps = {step.id: index for index, step in enumerate(program.steps)}
        self.drugs = {drug.id: drug for drug in program.drugs}
        self.edges = edges_into(program)
        self.facts: list[Term] = []
        self.inputs: dict[int, Symbol] = dict(shared or {})
        self._elements = {element.id: element for element in program.elements}
        self._parameters = {parameter.id: parameter for parameter in program.parameters}
        self._rates = {slot.of: index for index, slot in enumerate(self.slots) if slot.kind == "rate"}
        self._settled, self._settled_taken = row, frozenset(taken)
        self._settled_bounds = bounds or {}
        self._symbols: dict[int, Symbol] = {}
        self._memo: dict[int, tuple[ir.Expr, Symbol]] = {}
        self._orders: dict[int, Symbol] | None = None  # while an order is held against a rule: its attributes
        self._functions: dict[tuple[str, tuple[str, ...]], Number] = {}
        self._quotients: dict[tuple[tuple[bool, int], tuple[bool, int]], tuple[Term, Term, Term]] = {}
        self._must: dict[tuple[int, int], Term] = {}
        self._reached: dict[int, Term] = {}
        self._possible: dict[int, tuple[tuple[Term, ...], Term]] = {}
        self._may: dict[int, Term] = {}
        self._assumed: dict[int, Term] = {}
        self._shown: dict[int, Term] = {}
        self._statuses: dict[int, Number] = {}
        self._final: dict[int, Number] = {}
        self._doses: dict[int, Dose] = {}
        self._taken: dict[int, Term] = {}
        self.bounds: dict[int, Term] = {}
        self._home: SymbolicWalk | None = None  # the walk over whose rows this one looks as well
        self._any_order: dict[int, Symbol] | None = None
        self._numbers = itertools.count(1)
        self._search: Search | None = None
        self.seconds: float | None = None  # how long one question may take (see `Search`), set before the first one
        if beside is not None:
            self._search, self._functions = beside.search, beside._functions
        self._same_rows = same_rows
        self._same = {} if same_rows is None else self._over_rows_of(same_rows)

    def _over_rows_of(self, other: SymbolicWalk) -> dict[int, int]:
        """Take over what the other walk holds; which of its slots is which of ours."""
        self._numbers = other._numbers
        self._functions, self._quotients = other._functions, other._quotients
        theirs = {(slot.name, slot.kind, slot.type): index for index, slot in enumerate(other.slots)}
        same = {}
        for index, slot in enumerate(self.slots):
            key = slot.name, slot.kind, slot.type
            if slot.kind not in ("define", "computed", "walk", "order") and key in theirs:
                same[index] = theirs[key]
                self.inputs.setdefault(index, other.slot(same[index]))
        return same

    # ------------------------------------------------------------ inputs

    def code(self, option: str) -> int:
        """The number that stands for an option's name."""
        return self.variables.option(option)

    def slot(self, index: int) -> Symbol:
        """What slot `index` holds."""
        if self._orders is not None:
            if index in self._orders:
                return self._orders[index]
            if self.slots[index].expr is not None and self._reads_order(index):
                return self.read(self.slots[index].expr)  # type: ignore[arg-type]
        if index not in self._symbols:
            self._symbols[index] = self._make_slot(index)
        return self._symbols[index]

    def _reads_order(self, index: int) -> bool:
        return any(inner in (self._orders or ()) for inner in _slots_below(self.slots, index))

    def _make_slot(self, index: int) -> Symbol:
        slot = self.slots[index]
        if slot.expr is not None and slot.kind in ("define", "computed"):
            orders, self._orders = self._orders, None
            made = self.read(slot.expr)
            self._orders = orders
            return made
        if slot.kind == "walk":
            return self._of_walk(slot)
        if slot.kind == "order":
            return Truth(False, False) if slot.type == "boolean" else UNKNOWN
        if index in self.inputs:
            return self.inputs[index]
        made = self._settled_symbol(slot, self._settled[index]) if self._settled is not None else self._free(slot)
        self.inputs[index] = made
        return made

    def _settled_symbol(self, slot: ir.Slot, value: ir.Value) -> Symbol:
        if slot.type == "boolean":
            return Truth(value is True, value is False)
        if value is None:
            return UNKNOWN
        return Number(True, self.code(value) if isinstance(value, str) else value)

    def _free(self, slot: ir.Slot) -> Symbol:
        """A fresh symbol that can be all that a chart can say in this slot."""
        name = f"{self.prefix}{slot.name}"
        if slot.type == "boolean":
            true = self.variables.boolean(f"{name} is true")
            always_known = slot.feature is not None and slot.feature.function == "decline_stands"
            false = not_(true) if always_known else self.variables.boolean(f"{name} is false")
            self._require(not_(and_(true, false)))
            if slot.kind == "unobtainable":
                element = next((i for i, item in enumerate(self.slots) if _is_element(item, slot.of)), None)
                if element is not None:  # a reading that is there was obtained
                    held = self.slot(element)
                    self._require(equal(false, held.known))
                    self._require(not_(and_(true, held.known)))
            return Truth(true, false)
        known, value = self.variables.boolean(f"{name} is known"), self.variables.integer(name)
        if slot.type == "date-time":  # told to the microsecond
            self._require(equal(solver.rest(value, ir.SCALE // 10**6), 0))
        if slot.type == "choice":
            options = slot.options or self._options_of(slot)
            if options or slot.kind != "order":  # an order may say any word
                self._require(or_(*(equal(value, self.code(option)) for option in options)))
            return Number(known, value)
        low, high = self.ends(slot)
        if low is not None:
            self._require(solver.at_most(low, value))
        if high is not None:
            self._require(solver.at_most(value, high))
        if slot.feature is not None and slot.feature.function == "count":
            self._require(equal(solver.rest(value, ir.SCALE), 0))
        if slot.kind == "parameter" and self._parameters[slot.of].default is not None:
            known = True
        return Number(known, value)

    def _options_of(self, slot: ir.Slot) -> tuple[str, ...]:
        if slot.kind == "parameter":
            return self._parameters[slot.of].options
        element = self._elements.get(slot.of)
        return () if element is None else element.options

    def ends(self, slot: ir.Slot) -> tuple[int | None, int | None]:
        """The least and the most that a chart can say in a slot of numbers, scaled; None: no end is known."""
        if slot.kind == "parameter":
            parameter = self._parameters[slot.of]
            if parameter.low is None and parameter.high is None:
                return (0, None)
            return parameter.low, parameter.high
        function = None if slot.feature is None else slot.feature.function
        if slot.kind == "element" or function in ("previous", "change"):
            element = self._elements.get(slot.of) or self._elements.get(_event_of(slot))
            if element is None:
                return None, None
            if function == "change":
                if element.low is None or element.high is None:
                    return None, None
                return element.low - element.high, element.high - element.low
            return element.low, element.high
        if slot.kind == "rate" or function in ("count", "total", "since"):
            return 0, None
        return None, None

    def _require(self, fact: Term) -> None:
        if self._home is not None:
            self._home._require(fact)
        elif fact is not True:
            self.facts.append(fact)
            if self._search is not None:
                self._search.require(fact)

    def taken_for_zero(self, index: int) -> Term:
        """Whether what slot `index` holds is so only because nothing is charted (design rule 7)."""
        if self._settled is not None:
            return index in self._settled_taken
        if self._same_rows is not None and index in self._same:
            return self._same_rows.taken_for_zero(self._same[index])
        if index not in self._taken:
            slot, held = self.slots[index], self.slot(index)
            taken: Term = False
            if isinstance(held, Number) and self._may_be_taken(slot):
                taken = self.variables.boolean(f"{self.prefix}{slot.name} is taken for zero")
                zero = equal(held.value, 0) if slot.kind == "rate" else True
                self._require(implies(taken, and_(held.known, zero)))
            self._taken[index] = taken
        return self._taken[index]

    def bound(self, index: int) -> Term | None:
        """The least that a total which is not known can be, or None where nothing is known of it."""
        if self._settled is not None:
            return self._settled_bounds.get(index)
        if self._same_rows is not None and index in self._same:
            return self._same_rows.bound(self._same[index])
        if index not in self.bounds:
            self.bounds[index] = self.variables.integer(f"{self.prefix}least {self.slots[index].name}")
            self._require(solver.at_most(0, self.bounds[index]))
        return self.bounds[index]

    def _may_be_taken(self, slot: ir.Slot) -> bool:
        if slot.kind == "rate":
            return self.drugs[slot.of].absent_is_zero
        feature = slot.feature
        if feature is None or feature.of is None or feature.function not in ("count", "total"):
            return False
        drugs = [drug for drug in self.program.drugs if feature.of.id in (drug.id, *drug.classes)]
        return bool(drugs) and all(drug.absent_is_zero for drug in drugs)

    # ------------------------------------------------------------ expressions

    def read(self, expr: ir.Expr) -> Symbol:
        """The value of `expr`."""
        if self._orders is not None:
            return self._read(expr)
        held = self._memo.get(id(expr))
        if held is None:
            held = self._memo[id(expr)] = (expr, self._read(expr))  # `expr` is kept, so that its id stays its own
        return held[1]

    def truth(self, expr: ir.Expr) -> Truth:
        found = self.read(expr)
        assert isinstance(found, Truth), expr
        return found

    def number(self, expr: ir.Expr) -> Number:
        found = self.read(expr)
        assert isinstance(found, Number), expr
        return found

    def _read(self, expr: ir.Expr) -> Symbol:
        match expr:
            case ir.Get(slot):
                return self.slot(slot)
            case ir.Const(value):
                if isinstance(value, bool):
                    return Truth(value, not value)
                return Number(True, self.code(value) if isinstance(value, str) else value)
            case ir.All(items):
                parts = [self.truth(item) for item in items]
                return Truth(all_of(part.true for part in parts), any_of(part.false for part in parts))
            case ir.Any_(items):
                parts = [self.truth(item) for item in items]
                return Truth(any_of(part.true for part in parts), all_of(part.false for part in parts))
            case ir.Not(item):
                part = self.truth(item)
                return Truth(part.false, part.true)
            case ir.Known(item):
                known = self.read(item).known
                return Truth(known, not_(known))
            case ir.Sure(item):
                true = self.truth(item).true
                return Truth(true, not_(true))
            case ir.AtLeast(count, items):
                parts = [self.truth(item) for item in items]
                true = _counted([part.true for part in parts], count)
                return Truth(true, _counted([part.false for part in parts], len(parts) - count + 1))
            case ir.Compare(op, left, right):
                return _compared(op, self.read(left), self.read(right))
            case ir.Member(item, options):
                return self._member(self.read(item), options)
            case ir.Cases(cases):
                return self._cases(cases)
            case ir.Function(name, arguments):
                return self._function(name, [self.number(item) for item in arguments])
        parts_ = [self.number(item) for item in parts_of(expr)]
        known = all_of(part.known for part in parts_)
        values = [part.value for part in parts_]
        match expr:
            case ir.Add():
                return Number(known, add(*values))
            case ir.Subtract():
                return Number(known, solver.subtract(*values))
            case ir.Multiply():
                return Number(known, solver.multiply(*values))
            case ir.Least():
                return Number(known, solver.least(values))
            case ir.Greatest():
                return Number(known, solver.greatest(values))
            case ir.Absolute():
                return Number(known, solver.greatest([values[0], solver.subtract(0, values[0])]))
            case ir.Divide():
                return self._divided(known, values[0], values[1])
        raise TypeError(f"not an expression: {type(expr).__name__}")

    def _member(self, item: Symbol, options: Sequence[ir.Value]) -> Truth:
        if isinstance(item, Truth):
            true = or_(*(item.true if option else item.false for option in options))
        else:
            codes = [self.code(option) if isinstance(option, str) else option for option in options]
            true = and_(item.known, or_(*(equal(item.value, code) for code in codes)))
        return Truth(true, and_(item.known, not_(true)))

    def _cases(self, cases: tuple[tuple[ir.Expr, ir.Expr], ...]) -> Symbol:
        possible, _ = _possible([self.truth(when) for when, _ in cases])
        values = [self.read(then) for _, then in cases]
        some = or_(*possible)
        if isinstance(values[0], Truth):
            return Truth(
                and_(some, *(implies(open_, item.true) for open_, item in zip(possible, values, strict=True))),  # type: ignore[union-attr]
                and_(some, *(implies(open_, item.false) for open_, item in zip(possible, values, strict=True))),  # type: ignore[union-attr]
            )
        numbers = [item for item in values if isinstance(item, Number)]
        value = numbers[-1].value
        for open_, item in zip(reversed(possible[:-1]), reversed(numbers[:-1]), strict=True):
            value = choose(open_, item.value, value)
        agree = (
            implies(open_, and_(item.known, equal(item.value, value)))
            for open_, item in zip(possible, numbers, strict=True)
        )
        return Number(and_(some, *agree), value)

    def _divided(self, known: Term, left: Term, right: Term) -> Number:
        """The quotient rounded half-even; not known for a divisor of zero."""
        if not solver.is_open(right):
            if right == 0:
                return UNKNOWN
            if right < 0:
                left, right = solver.subtract(0, left), -right
            quotient, rest = solver.floor(left, right), solver.rest(left, right)
            twice = solver.multiply(2, rest)
            odd = equal(solver.rest(quotient, 2), 1)
            up = or_(solver.less(right, twice), and_(equal(twice, right), odd))
            return Number(known, choose(up, add(quotient, 1), quotient))
        nonzero = not_(equal(right, 0))
        key = solver.identity(left), solver.identity(right)
        if key in self._quotients:
            return Number(and_(known, nonzero), self._quotients[key][0])
        quotient, size = self._new("quotient"), choose(solver.less(right, 0), solver.subtract(0, right), right)
        self._quotients[key] = quotient, left, right  # kept, so that their identities stay their own
        off = solver.subtract(left, solver.multiply(quotient, right))
        off = solver.multiply(2, solver.greatest([off, solver.subtract(0, off)]))
        self._require(implies(nonzero, solver.at_most(off, size)))
        self._require(implies(and_(nonzero, equal(off, size)), equal(solver.rest(quotient, 2), 0)))
        return Number(and_(known, nonzero), quotient)

    def _function(self, name: str, arguments: list[Number]) -> Number:
        """`round` exactly; other functions are any number at all, the same for the same arguments."""
        known = all_of(item.known for item in arguments)
        values = [item.value for item in arguments]
        if not any(solver.is_open(value) for value in values):
            from kb.evaluate import apply

            found = apply(name, values)
            return UNKNOWN if found is None else Number(known, found)
        if name == "round" and not solver.is_open(values[1]) and values[1] > 0:
            rounded = self._divided(known, values[0], values[1])
            return Number(known, solver.multiply(rounded.value, values[1]))
        key = name, tuple(str(value) for value in values)
        if key not in self._functions:
            defined = self.variables.boolean(f"{self.prefix}{name} {next(self._numbers)} is defined")
            self._functions[key] = Number(defined, self._new(name))
        made = self._functions[key]
        return Number(and_(known, made.known), made.value)

    @property
    def is_exact(self) -> bool:
        """Whether no function stands for any number at all: then what is found is so in truth."""
        return not self._functions

    def _new(self, name: str) -> Term:
        return self.variables.integer(f"{self.prefix}{name} {next(self._numbers)}")

    # ------------------------------------------------------------ the walk (design rules 9 and 10)

    def possible(self, step: int) -> tuple[tuple[Term, ...], Term]:
        """Which cases of a decide are possible, and whether none of them may hold."""
        if step not in self._possible:
            whens = [self.truth(case.when) for case in self.program.steps[step].cases]
            self._possible[step] = _possible(whens)
        return self._possible[step]

    def case_holds(self, step: int, case: int) -> Term:
        """Whether this case surely holds, all before it being surely false."""
        whens = [self.truth(item.when) for item in self.program.steps[step].cases[: case + 1]]
        return and_(*(when.false for when in whens[:-1]), whens[-1].true)

    def gap(self, step: int) -> Term:
        """Whether all cases are surely false."""
        return all_of(self.truth(case.when).false for case in self.program.steps[step].cases)

    def _open(self, step: int) -> Term:
        cases = range(len(self.program.steps[step].cases))
        return not_(or_(self.gap(step), *(self.case_holds(step, case) for case in cases)))

    def satisfied(self, step: int) -> Truth:
        return self.truth(self.program.steps[step].satisfied)

    def must(self, goal: int, step: int) -> Term:
        """Whether `goal` must follow where `step` is reached.

        What every way to `goal` passes must follow itself, and `goal` after it. So along a protocol each stretch
        between two such gates is worked out once, and not once for each step above it.
        """
        if goal == step:
            return True
        if goal < step or step not in self._ancestors(goal):
            return False
        gates = [goal]  # a way of 500 steps is no depth of calls
        while (gates[-1], step) not in self._must and not self._is_gate(self._gates[gates[-1]], step):
            gates.append(self._gates[gates[-1]])
        for gate in reversed(gates):
            if (gate, step) not in self._must:
                before = self._gates[gate]
                if self._is_gate(before, step):
                    self._fill_stretch(gate, step)
                else:
                    self._fill_stretch(gate, before)
                    self._must[gate, step] = and_(self._must[before, step], self._must[gate, before])
        return self._must[goal, step]

    def _is_gate(self, gate: int, step: int) -> bool:
        """Whether every way to `step` passes `gate`."""
        while gate >= 0 and step > gate:
            step = self._gates[step]
        return gate < 0 or step == gate

    def _fill_stretch(self, goal: int, step: int) -> None:
        """Work out `must` of `goal` from its near end up to `step`; no gate of `goal` lies between."""
        above = self._ancestors(goal)
        for source in range(goal - 1, step - 1, -1):
            if source in above and (goal, source) not in self._must:
                self._must[goal, source] = self._must_by_way(goal, source)

    @cached_property
    def _gates(self) -> list[int]:
        """Of each step the nearest other one that every way to it passes; -1: there is none."""
        gates: list[int] = []
        for step, into in enumerate(self.edges):
            found = -1 if step in self.program.starts or not into else into[0].source
            for edge in into:
                other = edge.source
                while found != other:
                    if found > other:
                        found = gates[found]
                    else:
                        other = gates[other]
            gates.append(found)
        return gates

    def _must_by_way(self, goal: int, step: int) -> Term:
        here = self.program.steps[step]
        if here.kind == "decide":
            cases, gap = self.possible(step)
            leads = [any_of(self.must(goal, target) for target in case.targets) for case in here.cases]
            if all(lead is False for lead in leads):
                return False
            return and_(not_(gap), *(implies(open_, lead) for open_, lead in zip(cases, leads, strict=True)))
        with_ = any_of(self.must(goal, target) for target in here.with_)
        then = any_of(self.must(goal, target) for target in here.then)
        return with_ if then is False else or_(with_, and_(self.satisfied(step).true, then))

    def _ancestors(self, goal: int) -> frozenset[int]:
        return self._all_ancestors[goal]

    @cached_property
    def _all_ancestors(self) -> list[frozenset[int]]:
        found: list[frozenset[int]] = []
        for into in self.edges:
            above: set[int] = set()
            for edge in into:
                if edge.kind != "if_unknown":
                    above |= {edge.source} | found[edge.source]
            found.append(frozenset(above))
        return found

    def reached(self, step: int) -> Term:
        gates = [step]
        while gates[-1] not in self._reached and self._gates[gates[-1]] >= 0:
            gates.append(self._gates[gates[-1]])
        for gate in reversed(gates):
            if gate not in self._reached:
                before = self._gates[gate]
                if before < 0:
                    self._reached[gate] = any_of(self.must(gate, start) for start in self.program.starts)
                else:
                    self._reached[gate] = and_(self._reached[before], self.must(gate, before))
        return self._reached[step]

    def may(self, step: int) -> Term:
        """Whether some possible way leads to `step`."""
        if step not in self._may:
            ways = (and_(self.may(edge.source), self._passable(edge)) for edge in self.edges[step])
            self._may[step] = True if step in self.program.starts else any_of(ways)
        return self._may[step]

    def _passable(self, edge: Edge) -> Term:
        if edge.kind == "case":
            return self.possible(edge.source)[0][edge.case]
        if edge.kind == "then":
            return not_(self.satisfied(edge.source).false)
        return edge.kind == "with"

    def not_reached(self, step: int) -> Term:
        return not_(self.may(step))

    def assumed(self, step: int) -> Term:
        """Whether `step` follows from an `if_unknown`, and is not reached without."""
        if step not in self._assumed:
            ways = []
            for source, here in enumerate(self.program.steps[:step]):
                if here.if_unknown is not None:
                    follows = self.must(step, here.if_unknown)
                    if follows is not False:
                        ways.append(and_(self.shown(source), self._open(source), follows))
            self._assumed[step] = and_(or_(*ways), not_(self.reached(step)))
        return self._assumed[step]

    def shown(self, step: int) -> Term:
        """Reached or assumed: what advice speaks of."""
        if step not in self._shown:
            reached = self.reached(step)
            self._shown[step] = or_(reached, self.assumed(step)) if reached is not True else True
        return self._shown[step]

    # ------------------------------------------------------------ actions (design rules 13, 17 to 19)

    def base_status(self, step: int) -> Number:
        """The status before caps, rules and limits; an option's code."""
        if step not in self._statuses:
            found = self.read(self.program.steps[step].status)
            self._statuses[step] = found if isinstance(found, Number) else UNKNOWN
        return self._statuses[step]

    def final_status(self, step: int) -> Number:
        """The status as advice tells it: withheld where a cap is used up or a rule or hard limit refuses."""
        if step not in self._final:
            base, action = self.base_status(step), self.program.steps[step].action
            withheld = self.code("withheld")
            made = base
            if action is not None and action.dose is not None:
                active = self._is(base, ACTIVE)
                waiting = self._is(base, ("waiting",))
                maybe = and_(not_(base.known), self.satisfied(step).false)
                held = or_(active, waiting, maybe)
                dose, capped = self._dose(action)
                waits = {rule.id for rule in self.program.rules if rule.made_by}
                spent = and_(capped, dose.known, equal(dose.rounded, 0))
                refused = choose(waiting, self.refused(step, action, dose, waits), self.refused(step, action, dose, ()))
                stopped = and_(held, or_(spent, refused))
                made = Number(or_(base.known, stopped), choose(stopped, withheld, base.value))
            if action is not None and action.options:
                none_left = all_of(self._option_is_out(step, option) for option in action.options)
                stopped = and_(self._is(made, ACTIVE), none_left)
                made = Number(made.known, choose(stopped, withheld, made.value))
            self._final[step] = made
        return self._final[step]

    def _is(self, status: Number, names: Iterable[str]) -> Term:
        return and_(status.known, or_(*(equal(status.value, self.code(name)) for name in names)))

    def status(self, step: int, *names: str) -> Term:
        """Whether the action has one of these statuses, as advice tells it; only what is shown has one."""
        if names == ("not known",):
            return and_(self.shown(step), not_(self.final_status(step).known))
        return and_(self.shown(step), self._is(self.final_status(step), names))

    def recommended(self, step: int) -> Term:
        """Due or overdue, in a patient the protocol applies to; a hand-over that is reached."""
        here = self.program.steps[step]
        within = self.truth(self.program.applies).true
        if here.kind == "hand_over":
            return and_(within, self.shown(step))
        if here.kind != "do":
            return False
        return and_(within, self.status(step, *ACTIVE))

    def something_recommended(self) -> Term:
        return any_of(self.recommended(step) for step in range(len(self.program.steps)))

    def _option_is_out(self, step: int, option: ir.Option) -> Term:
        against = any_of(self.truth(reason.when).true for reason in option.against)
        if option.action.dose is None:
            return against
        dose, capped = self._dose(option.action)
        spent = and_(capped, dose.known, equal(dose.rounded, 0))
        return or_(against, spent, self.refused(step, option.action, dose, ()))

    def dose(self, step: int) -> Dose:
        """The dose of an action, limited to what caps leave, before and after rounding."""
        if step not in self._doses:
            action = self.program.steps[step].action
            assert action is not None
            self._doses[step] = self.dose_of(action)
        return self._doses[step]

    def dose_of(self, action: ir.Action) -> Dose:
        """The dose of an action or an option, limited to what caps leave."""
        return Dose(False, 0, 0, 0) if action.dose is None else self._dose(action)[0]

    def eligible(self, step: int, option: int) -> Term:
        """Whether nothing speaks against an option of a `choose`."""
        action = self.program.steps[step].action
        assert action is not None
        return not_(self._option_is_out(step, action.options[option]))

    def _dose(self, action: ir.Action) -> tuple[Dose, Term]:
        """The dose, and whether a cap bears on it."""
        rule, drug = action.dose, self.drugs[action.drug]
        assert rule is not None
        left: Number | None = None
        sure: Term = True
        if action.of == "amount":
            for cap in self.program.caps:
                if drug.id in cap.drugs:
                    rest = self.remaining(cap)
                    sure = and_(sure, rest.known)
                    left = rest if left is None else Number(True, solver.least([left.value, rest.value]))
        low = self.number(rule.low)
        high = None if rule.high is None else self.number(rule.high)
        most = None if rule.most is None else self.number(rule.most)
        limits = [item.value for item in (left, most) if item is not None]
        bound = solver.least(limits) if limits else None
        known = and_(low.known, *(item.known for item in (high, most) if item is not None))
        exact = _bounded(low.value, bound)
        rounded = self._deliverable(drug, action.of, exact, bound)
        top = rounded if high is None else self._deliverable(drug, action.of, _bounded(high.value, bound), bound)
        if left is not None:  # used up: nothing, whatever the dose would be
            spent = and_(sure, equal(left.value, 0))
            known = or_(spent, known)
            exact, rounded, top = (choose(spent, 0, value) for value in (exact, rounded, top))
        return Dose(and_(sure, known), exact, rounded, top), left is not None

    def _deliverable(self, drug: ir.Drug, of: str, value: Term, most: Term | None) -> Term:
        for delivery in drug.delivery:
            if delivery.of != of:
                continue
            steps, rest = solver.floor(value, delivery.step), solver.rest(value, delivery.step)
            twice = solver.multiply(2, rest)
            nearest = or_(
                solver.less(delivery.step, twice),
                and_(equal(twice, delivery.step), equal(solver.rest(steps, 2), 1)),
            )
            up = {"up": not_(equal(rest, 0)), "nearest": nearest}.get(delivery.towards, False)
            rounded = solver.multiply(choose(up, add(steps, 1), steps), delivery.step)
            if most is not None:
                below = solver.multiply(solver.floor(most, delivery.step), delivery.step)
                rounded = choose(solver.less(most, rounded), below, rounded)
            return rounded
        return value if most is None else solver.least([value, most])

    def remaining(self, cap: ir.Cap) -> Number:
        """What a cap still leaves, never below zero; not known where the total or the amount is not.

        A total with a gap is a lower bound: once that alone reaches the cap, nothing is left.
        """
        amount, total = self.number(cap.amount), self.slot(cap.total)
        assert isinstance(total, Number)
        left = solver.greatest([0, solver.subtract(amount.value, total.value)])
        bound = self.bound(cap.total)
        used = False if bound is None else and_(not_(total.known), solver.at_most(amount.value, bound))
        return Number(and_(amount.known, or_(total.known, used)), choose(used, 0, left))

    def refused(self, step: int, action: ir.Action, dose: Dose, without: Iterable[str]) -> Term:
        """Whether our own action would break a rule, a cap or a hard limit of the library."""
        found = [when for _, when in self.refusals(step, action, dose, without)]
        return any_of(found)

    def refusals(self, step: int, action: ir.Action, dose: Dose, without: Iterable[str] = ()) -> list[tuple[str, Term]]:
        """Each rule, cap and hard limit that bears on this action, and whether it refuses it."""
        drug, own = self.drugs[action.drug], self.program.steps[step].id
        base = in_base(drug, action.salt, dose.rounded)
        route = action.route or (drug.routes[0] if len(drug.routes) == 1 else "")
        attributes = self._attributes(step, action, Number(dose.known, base), route)
        found: list[tuple[str, Term]] = []
        for rule in self.program.rules:
            if action.drug in rule.drugs and rule.made_by != own and rule.id not in without:
                self._orders = attributes
                broken = self.truth(rule.when).true
                self._orders = None
                found.append((rule.id, broken))  # a rule may hold whatever the dose is
        for limit in drug.limits:
            if limit.of == action.of and bears_on(limit, route):
                low, high = edge_of(limit, "hard", "low"), edge_of(limit, "hard", "high")
                over = False if high is None else solver.less(high, base)
                under = False if low is None else solver.less(base, low)
                nonzero = not_(equal(base, 0))
                found.append(("hard-limit", and_(dose.known, nonzero, or_(over, under))))
        for cap in self.program.caps:
            if action.drug in cap.drugs:
                left = self.remaining(cap)
                more = solver.less(left.value, base) if action.of == "amount" else False
                used = and_(left.known, or_(equal(left.value, 0), more))
                found.append((cap.id, and_(dose.known, not_(equal(base, 0)), used)))
        return found

    def _attributes(self, step: int, action: ir.Action, dose: Number, route: str) -> dict[int, Symbol]:
        """What a rule reads where it is held against our own action: `kb.orders` fills its row the same way."""
        drug = self.drugs[action.drug]
        texts = {
            "route": route, "intent": action.intent, "line": action.line, "weight": "", "salt": action.salt
        }  # fmt: skip
        made: dict[int, Symbol] = {}
        for index, slot in enumerate(self.slots):
            if slot.kind in ("rate", "feature") and self._may_be_taken(slot):
                held = self.slot(index)
                if isinstance(held, Number):
                    made[index] = Number(and_(held.known, not_(self.taken_for_zero(index))), held.value)
            if slot.kind != "order":
                continue
            attribute = slot.name.removeprefix("order.").partition(" ")[0]
            if slot.name.startswith("ordered("):
                beside = self._ordered_beside(step, slot.of)
                made[index] = Truth(beside, not_(beside))
            elif attribute in ("rate", "amount"):
                unit = drug.rate_unit if attribute == "rate" else drug.amount_unit
                mine = attribute == action.of and slot.unit == unit
                made[index] = dose if mine else UNKNOWN
            else:
                made[index] = Number(True, self.code(texts[attribute]))
        return made

    def _ordered_beside(self, step: int, id: str) -> Term:
        """Whether another action of ours that is due has this drug or class."""
        found = []
        for index, other in enumerate(self.program.steps):
            action = other.action
            if index == step or action is None or not action.drug:
                continue
            if action.drug == id or id in self.drugs[action.drug].classes:
                orders, self._orders = self._orders, None
                found.append(and_(self.shown(index), self._is(self.base_status(index), ACTIVE)))
                self._orders = orders
        return any_of(found)

    def any_order(self, rule: ir.Rule) -> Truth:
        """Whether `rule` refuses an order of which each attribute may be anything, or not be known."""
        self._orders = self._any_orders()
        try:
            return self.truth(rule.when)
        finally:
            self._orders = None

    def _any_orders(self) -> dict[int, Symbol]:
        if self._any_order is None:
            theirs: dict[str, Symbol] = {}
            if self._same_rows is not None:
                held, slots = self._same_rows._any_orders(), self._same_rows.slots
                theirs = {slots[index].name: symbol for index, symbol in held.items()}
            self._any_order = {
                index: theirs[slot.name] if slot.name in theirs else self._free(slot)
                for index, slot in enumerate(self.slots)
                if slot.kind == "order"
            }
        return self._any_order

    # ------------------------------------------------------------ what properties speak of

    def _of_walk(self, slot: ir.Slot) -> Symbol:
        """A slot of kind walk: what the advice on this row says of a step, or of an option of it."""
        word, step = slot.name.partition("(")[0], self.steps[slot.of]
        applies = self.truth(self.program.applies)
        if slot.options:
            option = next(item for item in self.program.steps[step].action.options if item.id == slot.options[0])  # type: ignore[union-attr]
            offered = and_(self.recommended(step), not_(self._option_is_out(step, option)))
            if word == "offers":
                return _sure(offered)
            dose = self._dose(option.action)[0]
            return Number(and_(dose.known, offered), dose.high if word == "highest_option_dose" else dose.rounded)
        if word in ("dose", "highest_dose"):
            dose = self.dose(step)
            return Number(
                and_(dose.known, self.recommended(step)), dose.high if word == "highest_dose" else dose.rounded
            )
        told: dict[str, Callable[[int], Term]] = {
            "recommends": self.recommended,
            "reached": lambda index: and_(applies.true, self.shown(index)),
            "not_reached": lambda index: or_(applies.false, and_(self.not_reached(index), not_(self.shown(index)))),
            "satisfied": lambda index: and_(applies.true, self.status(index, "satisfied")),
            "withheld": lambda index: and_(applies.true, self.status(index, "withheld")),
            "absent": lambda index: and_(self.recommended(index), not_(self._without_absence.recommended(index))),
        }
        return _sure(told[word](step))

    @cached_property
    def _without_absence(self) -> SymbolicWalk:
        """The same rows, read by a Program in which nothing follows from data being absent."""
        made = {index: self.slot(index) for index, slot in enumerate(self.program.slots) if slot.kind != "define"}
        other = SymbolicWalk(
            without_absence(self.program),
            row=self._settled,
            taken=self._settled_taken,
            bounds=self._settled_bounds,
            prefix=f"{self.prefix}without absence ",
            variables=self.variables,
        )
        other._home = self
        other._symbols.update(made)
        other._taken = {index: self.taken_for_zero(index) for index in made}
        for cap in self.program.caps:
            self.bound(cap.total)
        other.bounds = self.bounds
        return other

    # ------------------------------------------------------------ the search

    @property
    def search(self) -> Search:
        """The solver with every fact about these rows; made once."""
        if self._search is None:
            self._search = Search(
                self.variables, self.facts, seconds=self.seconds, long=len(self.program.steps) >= LONG
            )
        return self._search

    def find(self, *terms: Term) -> Model | None:
        """A row of which all `terms` hold; None where there is none.

        Raises:
            Undecided: the solver gave up.

        """
        return self.search.find(*terms)

    def row_of(self, model: Model) -> ir.Row:
        """The inputs of a row that was found; definitions and order attributes are left unknown."""
        return [
            None if slot.kind in ("define", "computed", "order") else self.value_of(model, index)
            for index, slot in enumerate(self.program.slots)
        ]

    def value_of(self, model: Model, index: int) -> ir.Value:
        """What an input was found to be; None where it is not known, or nothing speaks of it."""
        held = self.inputs.get(index)
        if held is None:
            return None
        if isinstance(held, Truth):
            return True if model.truth(held.true) else False if model.truth(held.false) else None
        if not model.truth(held.known):
            return None
        number = model.number(held.value)
        if self.slots[index].type != "choice":
            return number
        return next(name for name, code in self.variables.options.items() if code == number)


def _sure(term: Term) -> Truth:
    return Truth(term, not_(term))


def _is_element(slot: ir.Slot, id: str) -> bool:
    return slot.kind == "element" and slot.of == id


def _event_of(slot: ir.Slot) -> str:
    return slot.feature.of.id if slot.feature is not None and slot.feature.of is not None else ""


def _slots_below(slots: Sequence[ir.Slot], index: int) -> set[int]:
    """Every slot that a definition reads, directly or not."""
    found: set[int] = set()
    rest: list[ir.Expr] = [slots[index].expr] if slots[index].expr is not None else []  # type: ignore[list-item]
    while rest:
        part = rest.pop()
        if type(part) is ir.Get:
            if part.slot not in found:
                found.add(part.slot)
                inner = slots[part.slot].expr
                if inner is not None:
                    rest.append(inner)
        else:
            rest += parts_of(part)
    return found


def _possible(whens: Sequence[Truth]) -> tuple[tuple[Term, ...], Term]:
    """Which of ordered conditions are possible (design rule 4), and whether none of them may hold."""
    made = []
    before: Term = True  # no earlier one surely holds
    for when in whens:
        made.append(and_(before, not_(when.false)))
        before = and_(before, not_(when.true))
    return tuple(made), before


def _counted(terms: list[Term], count: int) -> Term:
    """Whether at least `count` of `terms` hold."""
    if count <= 0:
        return True
    if count > len(terms):
        return False
    if 2 * count > len(terms) + 1:  # fewer are counted that do not hold
        return not_(_counted([not_(term) for term in terms], len(terms) - count + 1))
    table: list[Term] = [True] + [False] * count
    for term in terms:
        for wanted in range(count, 0, -1):
            table[wanted] = or_(table[wanted], and_(table[wanted - 1], term))
    return table[count]


def _compared(op: str, left: Symbol, right: Symbol) -> Truth:
    if isinstance(left, Truth) and isinstance(right, Truth):
        both = and_(left.known, right.known)
        same = or_(and_(left.true, right.true), and_(left.false, right.false))
        other = and_(both, not_(same))
        return Truth(same, other) if op == "=" else Truth(other, same)
    assert isinstance(left, Number)
    assert isinstance(right, Number)
    known = and_(left.known, right.known)
    a, b = left.value, right.value
    holds = {
        "=": lambda: equal(a, b),
        "!=": lambda: not_(equal(a, b)),
        "<": lambda: solver.less(a, b),
        "<=": lambda: solver.at_most(a, b),
        ">": lambda: solver.less(b, a),
        ">=": lambda: solver.at_most(b, a),
    }[op]()
    return Truth(and_(known, holds), and_(known, not_(holds)))


def _bounded(value: Term, most: Term | None) -> Term:
    return solver.greatest([0, value if most is None else solver.least([value, most])])


def in_base(drug: ir.Drug, salt: str, value: Term) -> Term:
    """As `kb.doses.in_base`: rounded half-even to a whole scaled unit."""
    for name, share in drug.salts:
        if name == salt:
            part = Fraction(share)
            if part == 1:
                return value
            if not solver.is_open(value):
                return round(value * part)
            top, under = solver.multiply(value, part.numerator), part.denominator
            quotient, rest = solver.floor(top, under), solver.rest(top, under)
            twice = solver.multiply(2, rest)
            up = or_(solver.less(under, twice), and_(equal(twice, under), equal(solver.rest(quotient, 2), 1)))
            return choose(up, add(quotient, 1), quotient)
    return value
