"""A titration stays on its ladder: its last step reaches the ceiling, and no step is larger than the drug allows."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.linter.context import LintContext
from kb.linter.orders import Order, number_in, orders
from kb.values import format_fraction

_MOST_STEPS = 200


def check(context: LintContext) -> Iterator[Diagnostic]:
    for order in orders(context):
        if isinstance(order.verb, model.Titrate):
            yield from _ladder(context, order, order.verb)


def _ladder(context: LintContext, order: Order, verb: model.Titrate) -> Iterator[Diagnostic]:
    uncut = _uncut(context, order, verb)
    if not uncut:
        return  # worked out from the patient, or reported where ladders that cannot rise are
    rungs, start, to = uncut
    if rungs[-1] > to:
        yield found(
            "KB463",
            verb.to.span,
            f"the last step of this titration is cut short: from {_told(rungs[-2])} it would go to "
            f"{_told(rungs[-1])}, and ends at {_told(to)} {order.unit}",
            "compare start, step and ceiling with the source; one of the three may be mistyped",
            "a ladder that misses its own ceiling is the commonest sign of a wrong number in it",
        )
    largest = Fraction(order.drug.largest_step) if order.drug.largest_step else None
    if largest is not None and len(rungs) > 1 and min(rungs[1], to) >= start * largest:
        yield found(
            "KB463",
            verb.by.span if verb.by is not None else verb.span,
            f"the first step goes from {_told(start)} to {_told(min(rungs[1], to))} {order.unit}, "
            f"{_told(largest)} times or more at once",
            "write a smaller step, as the source has it; look for a shifted decimal point",
            f"every such order of `{order.drug.id}` would be challenged",
        )


def rungs_of(context: LintContext, order: Order, verb: model.Titrate) -> list[Fraction]:
    """The rates of a ladder, in the unit of its drug, to its ceiling; none where the patient decides them."""
    uncut = _uncut(context, order, verb)
    return [min(rate, uncut[2]) for rate in uncut[0]] if uncut else []


def _uncut(context: LintContext, order: Order, verb: model.Titrate) -> tuple[list[Fraction], Fraction, Fraction] | None:
    """The rungs, where it starts and where it ends; the last rung may lie above the end."""
    start, to = (number_in(context.scope, end.value, order.unit) for end in (verb.start, verb.to))
    by = None if verb.by is None else number_in(context.scope, verb.by.value, order.unit)
    if start is None or to is None or not 0 < start < to or (verb.by is not None and (by is None or by <= 0)):
        return None
    rungs = [start]
    while rungs[-1] < to and len(rungs) < _MOST_STEPS:
        rungs.append(rungs[-1] * 2 if by is None else rungs[-1] + by)
    return rungs, start, to


def _told(value: Fraction) -> str:
    return format_fraction(value)
