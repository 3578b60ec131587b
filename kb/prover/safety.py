"""The kinds of check that a safety pack may name: what must never be, for any protocol, as one condition over a row.

One function, one kind, one row of `KINDS`; the closed list of names is in `schema/safety.schema.json`. Each says where
the property is *violated*, true or false on every row, or None where a protocol has nothing that it could be about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from kb import program as ir
from kb.evaluate import slots_of
from kb.limits import bears_on, edge_of, unit_of
from kb.plan import edges_into
from kb.prover.advised import Advised
from kb.values import format_scaled

Get, All, Any_, Not, Sure, Known, Const, Compare = (
    ir.Get, ir.All, ir.Any_, ir.Not, ir.Sure, ir.Known, ir.Const, ir.Compare
)  # fmt: skip


class Forbidden(NamedTuple):
    """What must not be, in words, and where it is; `finer`: each of which it is made, where that says more."""

    text: str
    where: ir.Expr
    finer: tuple[tuple[str, ir.Expr], ...] = ()


def violated_by(check: str, limits: str, program: ir.Program, advised: Advised) -> Iterator[Forbidden]:
    """Where the check is violated, over the slots of `program` and those of `advised`."""
    return KINDS[check](program, advised, limits)


# ---------------------------------------------------------------- doses


class _Given(NamedTuple):
    """A dose that is recommended: `when` it is, and its ends as base."""

    step: str
    name: str
    action: ir.Action
    route: str
    when: ir.Expr
    doses: tuple[ir.Expr, ...]


def _given(program: ir.Program, advised: Advised) -> Iterator[_Given]:
    """Every dose that the advice may hold, those of options among them."""
    drugs = {drug.id: drug for drug in program.drugs}

    def one(step: ir.Step, action: ir.Action, option: str) -> _Given:
        drug, words = drugs[action.drug], ("offers", "option_dose", "highest_option_dose")
        when, low, high = words if option else ("recommends", "dose", "highest_dose")
        ends = (low, high) if action.dose is not None and action.dose.high is not None else (low,)
        share = Fraction(dict(drug.salts).get(action.salt, "1"))
        return _Given(
            step.id,
            f"{step.id}, {option}" if option else step.id,
            action,
            action.route or (drug.routes[0] if len(drug.routes) == 1 else ""),
            advised.get(when, step.id, option),
            tuple(_in_base(advised.get(word, step.id, option), share) for word in ends) if action.dose else (),
        )

    for step in program.steps:
        if step.action is None:
            continue
        if step.action.drug:
            yield one(step, step.action, "")
        for option in step.action.options:
            if option.action.drug:
                yield one(step, option.action, option.id)


def _in_base(dose: ir.Expr, share: Fraction) -> ir.Expr:
    """A dose stated as a salt, as base; rounded as `kb.doses.in_base` rounds."""
    if share == 1:
        return dose
    return ir.Divide(ir.Multiply(dose, Const(share.numerator)), Const(share.denominator))


def _doses_within_limits(program: ir.Program, advised: Advised, limits: str) -> Iterator[Forbidden]:
    drugs = {drug.id: drug for drug in program.drugs}
    for given in _given(program, advised):
        for limit in drugs[given.action.drug].limits:
            if limit.of != given.action.of or not bears_on(limit, given.route):
                continue
            low, high = edge_of(limit, limits, "low"), edge_of(limit, limits, "high")
            unit = unit_of(drugs[given.action.drug], limit.of)
            for dose in given.doses:
                if high is not None:
                    above = f"{given.name}: above the {limits} limit of {format_scaled(high, unit)}"
                    yield Forbidden(above, Sure(All((given.when, Compare(">", dose, Const(high))))))
                if low is not None:  # a dose of nothing is none
                    below = f"{given.name}: below the {limits} limit of {format_scaled(low, unit)}"
                    nonzero = Compare("!=", dose, Const(0))
                    yield Forbidden(below, Sure(All((given.when, Compare("<", dose, Const(low)), nonzero))))


def _rules_kept(program: ir.Program, advised: Advised, limits: str) -> Iterator[Forbidden]:
    classes = {drug.id: (drug.id, *drug.classes) for drug in program.drugs}
    drugs = {drug.id: drug for drug in program.drugs}
    for given in _given(program, advised):
        action, drug = given.action, drugs[given.action.drug]
        beside = {
            other.id: classes[other.action.drug]
            for other in program.steps
            if other.action is not None and other.action.drug and other.id != given.step
        }
        texts = {"route": given.route, "intent": action.intent, "line": action.line, "weight": "", "salt": action.salt}
        units = {"rate": drug.rate_unit, "amount": drug.amount_unit}
        for rule in program.rules:
            if action.drug not in rule.drugs or rule.made_by == given.step:
                continue
            for dose in given.doses or (None,):
                known: dict[int, ir.Expr] = {}
                for index, slot in enumerate(program.slots):
                    if slot.kind != "order":
                        continue
                    attribute = slot.name.removeprefix("order.").partition(" ")[0]
                    if slot.name.startswith("ordered("):
                        others = [advised.get("recommends", id) for id, names in beside.items() if slot.of in names]
                        known[index] = Any_(tuple(others)) if others else ir.FALSE
                    elif attribute in texts:
                        known[index] = Const(texts[attribute])
                    elif dose is not None and attribute == action.of and slot.unit == units[attribute]:
                        known[index] = dose
                against = f"{given.name}: against {rule.id}"
                yield Forbidden(against, Sure(All((given.when, _with(rule.when, known)))))


def _with(expr: ir.Expr, known: dict[int, ir.Expr]) -> ir.Expr:
    """`expr` with what an order says put in place of its slots."""
    if type(expr) is Get:
        return known.get(expr.slot, expr)
    if not slots_of(expr) & known.keys():
        return expr
    match expr:
        case ir.All(items) | ir.Any_(items) | ir.Least(items) | ir.Greatest(items):
            return type(expr)(tuple(_with(item, known) for item in items))
        case ir.AtLeast(count, items):
            return ir.AtLeast(count, tuple(_with(item, known) for item in items))
        case ir.Not(item) | ir.Known(item) | ir.Sure(item) | ir.Absolute(item):
            return type(expr)(_with(item, known))
        case ir.Member(item, options):
            return ir.Member(_with(item, known), options)
        case ir.Compare(op, left, right):
            return Compare(op, _with(left, known), _with(right, known))
        case ir.Add(left, right) | ir.Subtract(left, right) | ir.Multiply(left, right) | ir.Divide(left, right):
            return type(expr)(_with(left, known), _with(right, known))
        case ir.Cases(cases):
            return ir.Cases(tuple((_with(when, known), _with(then, known)) for when, then in cases))
        case ir.Function(name, arguments):
            return ir.Function(name, tuple(_with(item, known) for item in arguments))
    return expr


def _one_order_per_drug(program: ir.Program, advised: Advised, limits: str) -> Iterator[Forbidden]:
    """Two steps that give, or set the rate of, one drug; a gift beside a rate is a bolus beside an infusion."""
    ordering: dict[tuple[str, str], list[str]] = {}
    for step in program.steps:
        action = step.action
        if action is not None and action.drug and action.verb in ("give", "infuse", "change", "stop"):
            ordering.setdefault((action.drug, action.of), []).append(step.id)
    for (drug, _), steps in ordering.items():
        if len(steps) > 1:
            due = {id: advised.get("recommends", id) for id in steps}
            pairs = tuple(
                (f"{one} and {other}: both order {drug}", All((due[one], due[other])))
                for one, other in combinations(steps, 2)
            )
            # counted, not pair by pair: 250 steps of one drug are 31,000 pairs
            yield Forbidden(f"several orders of {drug}", ir.AtLeast(2, tuple(due.values())), pairs)


# ---------------------------------------------------------------- silence and questions


def _nothing_rests_on_absence(program: ir.Program, advised: Advised, limits: str) -> Iterator[Forbidden]:
    """A step is recommended, and would not be if `known(x)` did not tell what nobody knows from the rest."""
    for step in program.steps:
        if step.kind in ("do", "hand_over"):
            yield Forbidden(f"{step.id}: only because something is not known", advised.get("absent", step.id))


def _never_silent(program: ir.Program, advised: Advised, limits: str) -> Iterator[Forbidden]:
    """Silence: nothing is open, nothing handed over, no outcome reached, every action reached is satisfied, and none of
    them says when to look again.
    """
    quiet: list[ir.Expr] = [Sure(program.applies), Sure(program.enter)]
    for step in program.steps:
        closed = advised.get("not_reached", step.id)
        if step.kind == "do" and step.review is None:
            quiet.append(Any_((closed, advised.get("satisfied", step.id))))
        elif step.kind == "decide":
            quiet.append(Any_((closed, advised.get("reached", step.id))))
        else:
            quiet.append(closed)
    yield Forbidden("nothing to do, to wait for or to find out", All(tuple(quiet)))


def _asks_suffice(program: ir.Program, advised: Advised, limits: str) -> Iterator[Forbidden]:
    """A step, or its status, is not known although all that it depends on has been answered."""
    into = edges_into(program)
    answered = _Answered(program)
    needed: list[set[int]] = []
    for index, step in enumerate(program.steps):
        inputs: set[int] = set()
        for edge in into[index]:  # in an order in which every step stands after those that lead to it
            before = program.steps[edge.source]
            inputs |= needed[edge.source]
            for expr in (*(case.when for case in before.cases), before.satisfied):
                inputs |= answered.inputs(expr)
        needed.append(inputs)
        told = [advised.get("reached", step.id), advised.get("not_reached", step.id)]
        if inputs:
            stuck = f"{step.id}: whether it is reached stays open, and nothing is left to ask"
            open_ = (Not(item) for item in told)
            yield Forbidden(stuck, All((Sure(program.applies), *open_, *answered.all_of(inputs))))
        if step.kind == "do" and slots_of(step.status):
            own = answered.inputs(step.status)
            stuck = f"{step.id}: its status stays open, and nothing is left to ask"
            unknown = Not(Known(step.status))
            yield Forbidden(stuck, All((Sure(program.applies), told[0], unknown, *answered.all_of(own))))


class _Answered:
    """Which inputs an expression depends on, and whether each has an answer: a value, or that none can be had."""

    def __init__(self, program: ir.Program) -> None:
        self._slots = program.slots
        self._unobtainable = {slot.of: index for index, slot in enumerate(program.slots) if slot.kind == "unobtainable"}

    def inputs(self, expr: ir.Expr) -> set[int]:
        found: set[int] = set()
        rest, seen = list(slots_of(expr)), set[int]()
        while rest:
            index = rest.pop()
            if index in seen:
                continue
            seen.add(index)
            inner = self._slots[index].expr
            if inner is not None:
                rest += slots_of(inner)
            else:
                found.add(index)
        return found

    def all_of(self, inputs: set[int]) -> list[ir.Expr]:
        made: list[ir.Expr] = []
        for index in sorted(inputs):
            slot = self._slots[index]
            known: ir.Expr = Known(Get(index))
            if slot.kind == "element" and slot.of in self._unobtainable:
                known = Any_((known, Sure(Get(self._unobtainable[slot.of]))))
            made.append(known)
        return made


Kind = Callable[[ir.Program, Advised, str], Iterator[Forbidden]]

KINDS: dict[str, Kind] = {
    "doses-within-limits": _doses_within_limits,
    "rules-kept": _rules_kept,
    "one-order-per-drug": _one_order_per_drug,
    "never-silent": _never_silent,
    "asks-suffice": _asks_suffice,
    "nothing-rests-on-absence": _nothing_rests_on_absence,
}
