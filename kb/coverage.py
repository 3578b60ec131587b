"""What a set of scenarios has shown of a Program: steps, cases by value, statuses, rules, thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kb import program as ir
from kb.evaluate import evaluate, fill_defines
from kb.reasons import cases_hold, show_value
from kb.scenarios import Result


class Part(NamedTuple):
    """One thing that can be shown: `kind` step, case, status, rule or threshold."""

    kind: str
    name: str
    shown: frozenset[str]
    wanted: frozenset[str]

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(sorted(self.wanted - self.shown))


class Threshold(NamedTuple):
    """A comparison with a fixed number, and where it stands."""

    compare: ir.Compare
    name: str


_NEAR = 20  # just below, or above: within a twentieth of the threshold


def coverage(program: ir.Program, results: Iterable[Result]) -> tuple[Part, ...]:
    """For each part of the Program what the scenarios have shown of it, and what they should have."""
    ran = [result for result in results if result.advice is not None]
    return (
        *_steps(program, ran),
        *_cases(program, ran),
        *_statuses(program, ran),
        *_rules(program, ran),
        *_thresholds(program, ran),
    )


def _steps(program: ir.Program, results: list[Result]) -> Iterator[Part]:
    shown = 0
    for result in results:
        assert result.advice is not None
        shown |= result.advice.walk.decision.reached | result.advice.walk.decision.assumed
    for index, step in enumerate(program.steps):
        yield Part("step", step.id, frozenset({"reached"} if shown >> index & 1 else ()), frozenset({"reached"}))


_WORD = {True: "true", False: "false", None: "not known"}


def _cases(program: ir.Program, results: list[Result]) -> Iterator[Part]:
    """`else` is true or not asked; the other cases are true, false and not known."""
    for index, step in enumerate(program.steps):
        shown_of: list[set[str]] = [set() for _ in step.cases]
        for result in results if step.cases else ():
            assert result.advice is not None
            walk = result.advice.walk
            if walk.state(index) == "not reached":
                continue
            open_ = False  # an earlier case may hold: then it is not shown that this one is taken
            for shown, holds in zip(shown_of, cases_hold(walk, step), strict=True):
                if isinstance(holds, str):
                    shown.add(holds)
                elif not (holds and open_):
                    shown.add(_WORD[holds])
                open_ |= holds is None
        for case, shown in zip(step.cases, shown_of, strict=True):
            constant = ir.is_constant(case.when, True)
            wanted = {"true"} if constant else {"true", "false"}
            if not constant and _can_be_unknown(program, case.when):
                wanted.add("not known")
            name = f"{step.id}: {case.title or case.text}"
            yield Part("case", name, frozenset(shown), frozenset(wanted))


def _can_be_unknown(program: ir.Program, expr: ir.Expr) -> bool:
    """Whether some row leaves `expr` unknown: the row that knows nothing but what is always known, if any does."""
    defaults = {parameter.id: parameter.default for parameter in program.parameters}
    row: ir.Row = [None] * len(program.slots)
    for index, slot in enumerate(program.slots):
        if slot.kind == "parameter":
            row[index] = defaults[slot.of]
        elif slot.feature is not None and slot.feature.of is not None and slot.feature.of.kind == "step":
            # What was done or declined is known: it is charted here or nowhere.
            row[index] = {"count": 0, "since": None}.get(slot.feature.function, False)
    fill_defines(program, row)
    return evaluate(expr, row) is None


def _possible_statuses(expr: ir.Expr) -> frozenset[str]:
    match expr:
        case ir.Const(value):
            return frozenset({str(value)})
        case ir.Cases(cases):
            return frozenset().union(*(_possible_statuses(value) for _, value in cases))
        case _:
            return frozenset()


def _statuses(program: ir.Program, results: list[Result]) -> Iterator[Part]:
    shown: dict[str, set[str]] = {step.id: set() for step in program.steps}
    for result in results:
        for item in result.advice.actions if result.advice is not None else ():
            shown[item.step].add(item.status)
    for step in program.steps:
        if step.kind == "do":
            yield Part("status", step.id, frozenset(shown[step.id]), _possible_statuses(step.status))


def _rules(program: ir.Program, results: list[Result]) -> Iterator[Part]:
    for rule in program.rules:
        shown: set[str] = set()
        for result in results:
            for verdict in result.verdicts:
                if rule.id in verdict.rules:
                    shown.add("refuses")
                elif verdict.drug in rule.drugs and verdict.verdict in ("allowed", "challenged"):
                    shown.add("lets pass")
        wanted = {"refuses"} if ir.is_constant(rule.when, True) else {"refuses", "lets pass"}
        yield Part("rule", rule.id, frozenset(shown), frozenset(wanted))


def comparisons(expr: ir.Expr) -> Iterator[ir.Compare]:
    """All comparisons inside an expression."""
    match expr:
        case ir.Compare(_, left, right):
            yield expr
            yield from comparisons(left)
            yield from comparisons(right)
        case ir.Cases(cases):
            for when, value in cases:
                yield from comparisons(when)
                yield from comparisons(value)
        case ir.All(items) | ir.Any_(items) | ir.AtLeast(_, items) | ir.Least(items) | ir.Greatest(items):
            for item in items:
                yield from comparisons(item)
        case ir.Function(_, arguments):
            for item in arguments:
                yield from comparisons(item)
        case ir.Not(item) | ir.Known(item) | ir.Sure(item) | ir.Member(item, _) | ir.Absolute(item):
            yield from comparisons(item)
        case ir.Add(left, right) | ir.Subtract(left, right) | ir.Multiply(left, right) | ir.Divide(left, right):
            yield from comparisons(left)
            yield from comparisons(right)
        case ir.Const() | ir.Get():
            return


def thresholds(program: ir.Program) -> tuple[Threshold, ...]:
    """The comparisons of one input with a fixed number that decide something in the Program."""
    found: dict[str, ir.Compare] = {}
    sites: list[ir.Expr] = [program.applies, *(slot.expr for slot in program.slots if slot.expr is not None)]
    for step in program.steps:
        sites += [case.when for case in step.cases]
        sites += [step.satisfied, *(reason.when for reason in step.avoid)]
    sites += [goal.target for goal in program.goals] + [alert.when for alert in program.alerts]
    for site in sites:
        for compare in comparisons(site):
            sides = (compare.left, compare.right)
            numbers = [side for side in sides if isinstance(side, ir.Const) and not isinstance(side.value, str)]
            inputs = [side for side in sides if isinstance(side, ir.Get)]
            if len(numbers) == 1 and len(inputs) == 1 and int(numbers[0].value) > 0:
                slot = program.slots[inputs[0].slot]
                if slot.type == "number":
                    found[f"{slot.name} {compare.op} {show_value(slot, numbers[0].value)}"] = compare
    return tuple(Threshold(compare, name) for name, compare in found.items())


def _thresholds(program: ir.Program, results: list[Result]) -> Iterator[Part]:
    for threshold in thresholds(program):
        left, right = threshold.compare.left, threshold.compare.right
        side, number = (left, right) if isinstance(right, ir.Const) else (right, left)
        assert isinstance(number, ir.Const)
        limit = int(number.value)
        shown: set[str] = set()
        for result in results:
            assert result.advice is not None
            value = evaluate(side, result.advice.walk.row)
            if not isinstance(value, int):
                continue
            if value == limit:
                shown.add("at")
            elif abs(value - limit) * _NEAR <= limit:
                shown.add("just below" if value < limit else "just above")
        wanted = {"at", "just below", "just above"}
        if side_is_count(program, side):
            wanted = {"at"}
        yield Part("threshold", threshold.name, frozenset(shown), frozenset(wanted))


def side_is_count(program: ir.Program, side: ir.Expr) -> bool:
    """Counts and scores step by one: nothing lies just beside them.

    A count in the chart, data of type `number`, whole numbers, and definitions made of these.
    """
    match side:
        case ir.Get(index):
            slot = program.slots[index]
            if slot.feature is not None:
                return slot.feature.function == "count"
            if slot.expr is not None:
                return side_is_count(program, slot.expr)
            return any(element.id == slot.of and element.type == "number" for element in program.elements)
        case ir.Const(value):
            return isinstance(value, int) and value % ir.SCALE == 0
        case ir.Add(left, right) | ir.Subtract(left, right):
            return side_is_count(program, left) and side_is_count(program, right)
        case ir.Least(items) | ir.Greatest(items):
            return all(side_is_count(program, item) for item in items)
        case ir.Cases(cases):
            return all(side_is_count(program, value) for _, value in cases)
        case _:
            return False
