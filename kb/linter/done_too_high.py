"""An infusion that has a most is not taken for done while it runs faster than that.

`until: insulin <= 0.05 units/kg/h * weight` holds of a heavy patient whose insulin runs above the ceiling of the step:
then the step that would lower it has nothing left to say.
"""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.expression.text import to_text
from kb.linter.context import LintContext
from kb.linter.orders import number_in, orders


def check(context: LintContext) -> Iterator[Diagnostic]:
    for order in orders(context):
        until = order.option.until if order.option is not None else order.step.until
        most = order.most
        if until is None or most is None or not isinstance(order.verb, model.Infuse):
            continue
        if isinstance(most.value, tree.Range):
            continue
        ends = [each for each in model.every(until.expr, tree.Compare) if _is_end(each, order.drug.id)]
        open_ = next((each for each in ends if not _holds(context, each.right, most.value, order.unit)), None)
        if open_ is not None:
            yield found(
                "KB489",
                open_.span,
                f"{order.place} counts as done while `{order.drug.id}` runs above its own `max: {most.text}`",
                f"write `{order.drug.id} {open_.op} least({to_text(open_.right)}, {to_text(most.value)})`",
                "a rate above the ceiling would be taken for the right one, and nobody would be told to lower it",
                (Related(most.span, "the most is given here"),),
            )


def _is_end(compare: tree.Compare, drug: str) -> bool:
    return compare.op in ("<", "<=") and isinstance(compare.left, tree.Name) and compare.left.id == drug


def _holds(context: LintContext, end: tree.Expr, most: tree.Expr, unit: str) -> bool:
    """Whether what is at or below `end` is never above `most`, as far as the two are written."""
    if to_text(end) == to_text(most):
        return True
    if isinstance(end, tree.Call) and end.function == "least":
        return any(_holds(context, each, most, unit) for each in end.arguments)
    here, there = (number_in(context.scope, each, unit) for each in (end, most))
    return here is not None and there is not None and here <= there
