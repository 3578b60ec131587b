"""A dose goes in over the time that its source gives for it, and not over another time that is cited beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.context import LintContext
from kb.linter.orders import Order, orders
from kb.linter.quantities import Quantity, quantities, same

_OVER = re.compile(r"\b(?:over|within|for|in|during) (?:about |at least )?$", re.IGNORECASE)
_LISTED = re.compile(r"[\d.]+(?: ?[A-Za-z]+)?(?:,? (?:and|or|then|to) |, )")


def check(context: LintContext) -> Iterator[Diagnostic]:
    if context.protocol.evidence is None:
        return
    for order in orders(context):
        if isinstance(order.verb, model.Give) and isinstance(order.verb.over, model.Amount):
            yield from _speed(context, order, order.verb.over)


def _speed(context: LintContext, order: Order, over: model.Amount) -> Iterator[Diagnostic]:
    value = over.value
    ends = (value.low, value.high) if isinstance(value, tree.Range) else (value,)
    spoken = list(_spoken(context, order))
    for end in ends:
        if not isinstance(end, tree.Number) or not spoken:
            continue
        if any(same(context, quantity, end) for _, quantity in spoken) or _read(context, order, end):
            continue
        statement, quantity = spoken[0]
        yield found(
            "KB485",
            over.span,
            f"`over: {over.text}` is not the time that `{statement.id}` gives, which {order.place} cites: over "
            f"{quantity.text}",
            "correct the time; where two sources differ, name the interpretation that says which is followed",
            "too fast a dose can stop the heart, and too slow a one comes too late",
            (Related(statement.span, "the statement stands here"),),
        )
        return


def _spoken(context: LintContext, order: Order) -> Iterator[tuple[model.StatementDef, Quantity]]:
    """The times over which something goes in, in the statements that an order cites."""
    evidence = context.protocol.evidence
    assert evidence is not None
    backing = order.step.backing
    if order.option is not None and order.option.backing.cites:
        backing = order.option.backing
    cited = {ref.id for ref in backing.cites}
    for statement in evidence.statements.values():
        if statement.id not in cited and statement.parent not in cited:
            continue
        for quantity in _timed(context, statement.says.value):
            yield statement, quantity


def _timed(context: LintContext, text: str) -> Iterator[Quantity]:
    """The times in prose over which something is done; in `over 2 h, 2 h and 6 h` all three."""
    before: Quantity | None = None
    for quantity in quantities(context.scope.units, text):
        listed = before is not None and _LISTED.fullmatch(text[before.begins : quantity.begins]) is not None
        is_time = dict(context.scope.units.parse(quantity.unit or "1").dimension) == {"time": 1}
        before = quantity if is_time and (listed or _OVER.search(text[: quantity.begins])) else None
        if before is not None:
            yield before


def _read(context: LintContext, order: Order, number: tree.Number) -> bool:
    """Whether a reading that the order names gives that time."""
    backings = [order.step.backing, *([order.option.backing] if order.option is not None else [])]
    readings = {ref.id for backing in backings for ref in backing.interprets}
    texts = [
        context.protocol.interpretations[id].reading.value for id in readings if id in context.protocol.interpretations
    ]
    return any(same(context, quantity, number) for text in texts for quantity in _timed(context, text))
