"""A dose that is written out can be delivered: rounding makes neither nothing of it nor more than the limit."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.context import LintContext
from kb.linter.orders import Order, limits_of, number_in, orders
from kb.values import format_fraction


def check(context: LintContext) -> Iterator[Diagnostic]:
    for order in orders(context):
        for delivery in order.drug.delivery:
            step = number_in(context.scope, delivery.step.value, order.unit)
            if delivery.of == order.of and step:
                for amount in order.doses:
                    yield from _rounded(context, order, amount, delivery, step)


def _rounded(
    context: LintContext, order: Order, amount: model.Amount, delivery: model.DeliveryDef, step: Fraction
) -> Iterator[Diagnostic]:
    value = amount.value
    ends = (value.low, value.high) if isinstance(value, tree.Range) else (value,)
    unit = next((end.unit for end in reversed(ends) if isinstance(end, tree.Number) and end.unit), None)
    for end in ends:
        if not isinstance(end, tree.Number):
            continue
        exact = number_in(context.scope, tree.Number(end.value, end.unit or unit, end.span), order.unit)
        if exact is None or exact <= 0 or exact % step == 0:
            continue
        rounded = exact // step * step
        if delivery.towards == "up" or (delivery.towards == "nearest" and exact - rounded > step / 2):
            rounded += step
        where = (Related(delivery.span, "what can be delivered stands here"),)
        help = "correct the dose, or what can be delivered in the library"
        if rounded == 0:
            yield found(
                "KB466",
                amount.span,
                f"`{amount.text}` of `{order.drug.id}` is rounded to nothing: it is delivered in steps of "
                f"{delivery.step.text}, rounded {_way(delivery)}",
                help,
                "the advice would be to give no drug",
                where,
            )
            return
        for edge, told in _edges(context, order):
            if exact <= edge < rounded:
                yield found(
                    "KB466",
                    amount.span,
                    f"`{amount.text}` of `{order.drug.id}` is rounded {_way(delivery)} to "
                    f"{format_fraction(rounded)} {order.unit}, above {told}",
                    help,
                    "a dose within its limit would leave it by rounding",
                    where,
                )
                return


def _way(delivery: model.DeliveryDef) -> str:
    return "to the nearest" if delivery.towards == "nearest" else delivery.towards


def _edges(context: LintContext, order: Order) -> Iterator[tuple[Fraction, str]]:
    for limit in limits_of(order):
        for kind, end in (("hard", limit.hard_high), ("soft", limit.soft_high)):
            edge = number_in(context.scope, end.value, order.unit) if end is not None else None
            if edge is not None:
                yield edge, f"the {kind} limit of the library"
