"""Two steps that can be reached together do not order one drug twice, or up and down at once.

"Together" is taken from the shape of the graph alone: two steps count as exclusive only where every pair of ways to
them parts at different cases of one decision. `together` is the one question that the proof over all patients can
answer exactly; whoever has that answer passes it in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.graph import leads_to, reading_order
from kb.linter.context import LintContext
from kb.linter.orders import Order, orders

Pair = tuple[str, str]


def check(context: LintContext) -> Iterator[Diagnostic]:
    by_drug: dict[str, list[Order]] = {}
    for order in orders(context):
        by_drug.setdefault(order.drug.id, []).append(order)
    if not any(len({order.step.id for order in group}) > 1 for group in by_drug.values()):
        return
    reached = together(context.protocol)
    for drug, group in by_drug.items():
        told: set[frozenset[str]] = set()
        for one, other in combinations(group, 2):
            pair = frozenset((one.step.id, other.step.id))
            what = _clash(one, other)
            if len(pair) == 2 and pair not in told and pair in reached and what:
                told.add(pair)
                yield found(
                    "KB470",
                    other.verb.drug.span,
                    f"{other.place} {what} `{drug}` in {one.place}, and both can be reached for one patient at once",
                    "part them by the cases of one decision, or join them to one step",
                    "a reader would be given two orders for one drug",
                    (Related(one.verb.drug.span, "the other order stands here"),),
                )


def _clash(one: Order, other: Order) -> str:
    """How the second order clashes with the first; empty where the two go together."""
    kinds = {type(one.verb), type(other.verb)}
    if one.of != other.of:
        return ""  # a bolus beside an infusion
    if model.Stop in kinds:
        return "" if kinds == {model.Stop} else "contradicts the order of"
    if kinds == {model.Change} or kinds == {model.Infuse, model.Change} or kinds == {model.Titrate, model.Change}:
        return "changes"
    return "repeats the order of"


def together(protocol: model.Protocol) -> set[frozenset[str]]:
    """Pairs of steps that one reading may reach together; what `then:` leads to comes after its step is done."""
    targets = {id: tuple(ref.id for ref in leads_to(step)) for id, step in protocol.steps.items()}
    order = {id: place for place, id in enumerate(reading_order((ref.id for ref in protocol.start), targets))}
    seen: set[tuple[str, str, bool]] = set()
    stack: list[tuple[str, str, bool]] = []

    def add(pairs: Iterator[Pair], held: bool = False) -> None:
        for one, other in pairs:
            if one in order and other in order:
                swapped = not held and order[one] > order[other]
                state = (other, one, held) if swapped else (one, other, held)
                if state not in seen:
                    seen.add(state)
                    stack.append(state)

    starts = [ref.id for ref in protocol.start]
    add((one, other) for one in starts for other in starts)
    while stack:
        # The earlier of the two goes on first, so that both stand at a decision they have in common at one time.
        first, second, held = stack.pop()
        step = protocol.steps[first]
        if held:
            add(((first, one) for group in _ways(protocol.steps[second]) for one in group), True)
        elif first == second:
            for group in _ways(step):
                add((one, other) for one in group for other in group)
            if isinstance(step, model.Do):  # its own order stands while what is beside it goes on
                add(((first, ref.id) for ref in step.with_), True)
        else:
            for group in _ways(step):
                add((one, second) for one in group)
            if isinstance(step, model.Do):
                add(iter([(first, second)]), True)
    return {frozenset(state[:2]) for state in seen if state[0] != state[1]}


def _ways(step: model.Step) -> Iterator[tuple[str, ...]]:
    """The groups of steps that are reached at once when `step` is: one group for each case."""
    match step:
        case model.Decide():
            for case in step.cases:
                yield tuple(ref.id for ref in case.go)
            if step.if_unknown is not None:
                yield (step.if_unknown.id,)
        case model.Do():
            yield tuple(ref.id for ref in leads_to(step))
