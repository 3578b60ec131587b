"""Why a step is reached or not: the conditions on the way, and the values that made them so.

Source: design rules 9 and 10; nothing here decides anything, it reads what was decided.
"""

from __future__ import annotations

from collections.abc import Iterable

from kb import program as ir
from kb.advice import CaseState, Fact, Reason, StepState
from kb.evaluate import evaluate
from kb.local import in_local_unit
from kb.plan import Edge, Walk
from kb.reading import dictionary_of
from kb.values import format_scaled


def show_value(slot: ir.Slot, value: ir.Value) -> str:
    """A value in words: with its unit, `not known` where it is missing."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        if slot.type == "date-time":
            from datetime import UTC, datetime

            return datetime.fromtimestamp(value / ir.SCALE, UTC).isoformat()
        return format_scaled(value, slot.unit)
    return value


def tell_value(walk: Walk, index: int) -> str:
    """As `show_value`; where the hospital has a unit of its own first in that, rounded, then exactly in ours."""
    slot, value = walk.program.slots[index], walk.row[index]
    told = show_value(slot, value)
    if slot.kind in ("element", "rate") and isinstance(value, int) and slot.of in walk.reading.local.units:
        own = in_local_unit(walk.reading.local, dictionary_of(walk.program), slot.of, slot.unit, value)
        return f"{own} ({told})" if own else told
    return told


def support(expr: ir.Expr, row: ir.Row, slots: tuple[ir.Slot, ...]) -> tuple[int, ...]:
    """The input slots that suffice to make `expr` what it is (all it reads, where it is not known)."""
    found: dict[int, None] = {}
    _support(expr, row, slots, found)
    return tuple(found)


def _support(expr: ir.Expr, row: ir.Row, slots: tuple[ir.Slot, ...], found: dict[int, None]) -> None:
    match expr:
        case ir.Const():
            return
        case ir.Get(slot):
            inner = slots[slot].expr
            if slots[slot].kind == "define" and inner is not None:
                _support(inner, row, slots, found)
            else:
                found[slot] = None
        case ir.All(items) | ir.Any_(items):
            settles = isinstance(expr, ir.Any_)
            for item in items:
                if evaluate(item, row) is settles:
                    _support(item, row, slots, found)
                    return
            _support_all(items, row, slots, found)
        case ir.AtLeast(_, items) | ir.Least(items) | ir.Greatest(items):
            _support_all(items, row, slots, found)
        case ir.Not(item) | ir.Sure(item) | ir.Known(item) | ir.Absolute(item) | ir.Member(item, _):
            _support(item, row, slots, found)
        case ir.Compare(_, left, right):
            _support_all((left, right), row, slots, found)
        case ir.Add(left, right) | ir.Subtract(left, right) | ir.Multiply(left, right) | ir.Divide(left, right):
            _support_all((left, right), row, slots, found)
        case ir.Function(_, arguments):
            _support_all(arguments, row, slots, found)
        case ir.Cases(cases):
            for when, value in cases:
                holds = evaluate(when, row)
                _support(when, row, slots, found)
                if holds is not False:
                    _support(value, row, slots, found)
                if holds is True:
                    return


def _support_all(items: Iterable[ir.Expr], row: ir.Row, slots: tuple[ir.Slot, ...], found: dict[int, None]) -> None:
    for item in items:
        _support(item, row, slots, found)


def facts(walk: Walk, expr: ir.Expr) -> tuple[Fact, ...]:
    """The values behind `expr`, with the time each was charted."""
    slots = walk.program.slots
    made = []
    for index in support(expr, walk.row, slots):
        at = walk.reading.times.get(index)
        made.append(Fact(slots[index].name, tell_value(walk, index), None if at is None else at.isoformat()))
    return tuple(made)


def _reason(walk: Walk, edge: Edge) -> Reason | None:
    """What the way `edge` says: the case that won, a step satisfied, an assumption; None for a plain `with`."""
    if edge not in walk.told:
        walk.told[edge] = _worked_out(walk, edge)
    return walk.told[edge]


def _worked_out(walk: Walk, edge: Edge) -> Reason | None:
    step = walk.program.steps[edge.source]
    if edge.kind == "case":
        case = step.cases[edge.case]
        others = step.cases[: edge.case]
        found = facts(walk, case.when) if case.text != "else" else ()
        if case.text == "else":
            seen: dict[Fact, None] = {}
            for other in others:
                seen.update(dict.fromkeys(facts(walk, other.when)))
            found = tuple(seen)
        holds = evaluate(case.when, walk.row)
        return Reason(
            step=step.id,
            question=step.title,
            case=case.title or case.text,
            holds=holds if holds is None else bool(holds),
            facts=found,
            cites=tuple(dict.fromkeys((*step.cites, *case.cites))),
            interprets=tuple(dict.fromkeys((*step.interprets, *case.interprets))),
        )
    if edge.kind == "then":
        holds = evaluate(step.satisfied, walk.row)
        return Reason(
            step.id,
            step.title,
            "satisfied",
            None if holds is None else bool(holds),
            facts(walk, step.satisfied),
            step.cites,
            step.interprets,
        )
    if edge.kind == "if_unknown":
        return Reason(step.id, step.title, "assumed while not known", None, (), step.cites, step.interprets)
    return None


def edge_holds(walk: Walk, edge: Edge) -> bool | None:
    """Whether the way `edge` is open: true, false, or None where it cannot be told yet."""
    step = walk.program.steps[edge.source]
    if edge.kind == "with":
        return True
    if edge.kind == "then":
        holds = evaluate(step.satisfied, walk.row)
        return None if holds is None else bool(holds)
    cases, gap = walk.open_cases(edge.source)
    undecided = len(cases) + gap > 1
    if edge.kind == "if_unknown":
        return undecided
    if edge.case not in cases:
        return False
    return None if undecided else True


def way_to(walk: Walk, step: int) -> tuple[Edge, ...]:
    """One way from the start to a reached or assumed step, earliest steps first."""
    way: list[Edge] = []
    current = step
    while current not in walk.program.starts:
        best: Edge | None = None
        for edge in walk.plan.edges[current]:
            if walk.state(edge.source) not in ("reached", "assumed"):
                continue
            holds = edge_holds(walk, edge)
            if holds is True and (edge.kind != "if_unknown" or best is None):
                best = edge
                if walk.state(edge.source) == "reached" and edge.kind != "if_unknown":
                    break
            elif holds is None and best is None:
                best = edge  # two undecided ways meet here: either leads to it
        if best is None:
            break
        way.append(best)
        current = best.source
    way.reverse()
    return tuple(way)


def reasons_for(walk: Walk, step: int) -> tuple[Reason, ...]:
    """The conditions on the way to a reached or assumed step."""
    return tuple(reason for edge in way_to(walk, step) if (reason := _reason(walk, edge)) is not None)


def reasons_against(walk: Walk, step: int) -> tuple[Reason, ...]:
    """The ways towards a step that is not reached, or not known yet, that are closed or still open."""
    found: dict[Reason, None] = {}
    seen: set[int] = set()
    stack = [step]
    while stack:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        for edge in walk.plan.edges[current]:
            if edge.kind == "if_unknown":
                continue
            state = walk.state(edge.source)
            holds = edge_holds(walk, edge)
            if state == "not reached" or (holds is True and state != "reached"):
                stack.append(edge.source)
                continue
            reason = _reason(walk, edge)
            if reason is None or holds is True:
                continue
            if edge.kind == "case" and holds is False and reason.holds is not False:
                winner = walk.open_cases(edge.source)[0]
                won = walk.program.steps[edge.source].cases[winner[0]] if winner else None
                if won is not None:
                    reason = reason._replace(
                        case=f"{reason.case} (not asked: `{won.title or won.text}` came first)",
                        holds=False,
                        facts=facts(walk, won.when),
                    )
            found[reason] = None
    return tuple(found)


def trace(walk: Walk) -> tuple[StepState, ...]:
    """The state of every step, and of every case of the decides on the way."""
    states = []
    for index, step in enumerate(walk.program.steps):
        state = walk.state(index)
        cases: list[CaseState] = []
        if step.kind == "decide" and state != "not reached":
            for case, holds in zip(step.cases, cases_hold(walk, step), strict=True):
                targets = tuple(walk.program.steps[target].id for target in case.targets)
                cases.append(CaseState(case.text, holds, targets))
        states.append(StepState(step.id, state, step.kind, tuple(cases)))
    return tuple(states)


def cases_hold(walk: Walk, step: ir.Step) -> list[bool | str | None]:
    """Of each case of a decide whether it holds; `not asked` after one that does."""
    found: list[bool | str | None] = []
    for case in step.cases:
        value = evaluate(case.when, walk.row)
        found.append(value if value is None else bool(value))
        if value is True:
            break
    return found + ["not asked"] * (len(step.cases) - len(found))
