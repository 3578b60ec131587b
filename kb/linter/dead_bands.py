"""Between the value at which a drug is raised and the value at which it is lowered, something is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Span
from kb.expression import tree
from kb.expression.types import literal_value
from kb.linter.context import LintContext
from kb.linter.orders import Order, orders


class _Side(NamedTuple):
    """One end of what leads to a step: the data, the end in base units, and whether it lies above it."""

    element: str
    edge: Fraction
    above: bool
    span: Span


_TURNED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def check(context: LintContext) -> Iterator[Diagnostic]:
    ways: dict[str, dict[str, list[tuple[Order, _Side]]]] = {}
    sides = _sides(context)
    for order in orders(context):
        way = _direction(order)
        if way:
            for side in sides.get(order.step.id, ()):
                ways.setdefault(order.drug.id, {}).setdefault(way, []).append((order, side))
    for drug, ends in ways.items():
        for up, high in ends.get("up", ()):
            for down, low in ends.get("down", ()):
                if high.element != low.element or high.above == low.above:
                    continue
                above, below = (high, low) if high.above else (low, high)
                if above.edge <= below.edge:
                    yield found(
                        "KB471",
                        low.span,
                        f"`{drug}` is raised by `{up.step.id}` and lowered by `{down.step.id}` at one value of "
                        f"`{low.element}`, with nothing between",
                        "leave a band in which the rate is kept: two thresholds from the source, or a `latch:` with "
                        "`set:` and `clear:`",
                        "a value that moves a little around the threshold would turn the pump up and down",
                        (Related(high.span, "it is raised here"),),
                    )
                    return


def _direction(order: Order) -> str:
    verb = order.verb
    if isinstance(verb, model.Stop):
        return "down"
    if isinstance(verb, model.Change):
        if verb.direction is not None:
            return verb.direction.value
        for node in model.every(verb.to, tree.Arithmetic):
            if isinstance(node.left, tree.Name) and node.left.id == order.drug.id:
                return {"+": "up", "-": "down", "/": "down"}.get(node.op, "")
    return ""


def _sides(context: LintContext) -> dict[str, list[_Side]]:
    """What the last decision before a step says of single values: its own case, and the earlier ones turned round."""
    found: dict[str, list[_Side]] = {}
    for step in context.protocol.steps.values():
        if not isinstance(step, model.Decide):
            continue
        turned: list[_Side] = []
        for case in step.cases:
            own = [] if case.when is None else list(_compared(context, case.when.expr, False))
            span = case.span
            tightest: dict[tuple[str, bool], _Side] = {}
            for side in (*own, *turned):
                before = tightest.get((side.element, side.above))
                if before is None or (side.edge > before.edge if side.above else side.edge < before.edge):
                    tightest[side.element, side.above] = side
            for ref in case.go:
                found.setdefault(ref.id, []).extend(side._replace(span=span) for side in tightest.values())
            if case.when is not None and isinstance(case.when.expr, tree.Compare):
                turned += _compared(context, case.when.expr, True)
    return found


def _compared(context: LintContext, expr: tree.Expr, turned: bool) -> Iterator[_Side]:
    parts = expr.items if isinstance(expr, tree.And) else (expr,)
    for part in parts:
        if not (isinstance(part, tree.Compare) and isinstance(part.left, tree.Name) and part.op in _TURNED):
            continue
        edge = literal_value(context.scope, part.right)
        if edge is not None and part.left.id in context.scope.elements:
            op = _TURNED[part.op] if turned else part.op
            yield _Side(part.left.id, edge, op in (">", ">="), part.span)
