"""A rate stays within the caps of its drug: a titration reaches its ceiling before a cap is used up, and can keep it.

What runs in adds up. Each step of a ladder is run for as long as the titration waits (`every:`, the shorter end of a
range, so that the least is counted that can have gone in); a rate that a cap with a window of its own holds (`in: last
24 h`) is counted for that window. Where only one side is per kilogram the patient decides, and nothing is said here.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Span
from kb.expression import tree
from kb.expression.types import literal_value
from kb.linter.context import LintContext
from kb.linter.orders import Order, number_in, orders
from kb.linter.readings import shortest
from kb.linter.titrations import rungs_of
from kb.values import BadValue, format_duration, format_fraction


def check(context: LintContext) -> Iterator[Diagnostic]:
    for order in orders(context):
        if order.of != "rate":
            continue
        for cap in context.protocol.caps.values():
            if order.drug.id in context.scope.members(cap.drug.id):
                most = _most(context, order, cap)
                if most is not None:
                    yield from _held(context, order, cap, most)


def _most(context: LintContext, order: Order, cap: model.CapDef) -> Fraction | None:
    """For how many seconds the cap lets one unit of the rate run; None where that hangs on the patient."""
    limit, units = cap.amount.value, context.scope.units
    if not isinstance(limit, tree.Number):
        return None
    try:
        rate, whole = units.parse(order.unit or "1"), units.parse(limit.unit or "1")
    except BadValue:
        return None
    per_second = {base: power for base, power in rate.dimension.items() if base != "time"}
    if rate.dimension.get("time") != -1 or per_second != dict(whole.dimension):
        return None
    return Fraction(limit.value) * whole.factor / rate.factor


def _held(context: LintContext, order: Order, cap: model.CapDef, most: Fraction) -> Iterator[Diagnostic]:
    window = literal_value(context.scope, cap.window.duration) if isinstance(cap.window, tree.InLast) else None
    verb = order.verb
    if isinstance(verb, model.Titrate):
        rungs = rungs_of(context, order, verb)
        wait = shortest(context.scope, verb.every)
        if rungs and wait:
            for number, rate in enumerate(rungs[:-1], start=1):
                span = number * wait
                used = sum(
                    (each * _within(place * wait, wait, span, window) for place, each in enumerate(rungs[:number]))
                )
                if used > most:
                    yield _told(
                        order,
                        cap,
                        verb.to.span,
                        f"this titration uses up the cap `{cap.id}` ({cap.amount.text} in {cap.window_text}) before "
                        f"it reaches its ceiling: at {format_fraction(rate)} {order.unit}, within {_time(span)}",
                        "compare start, step, interval and cap with the source; one of them may be mistyped",
                    )
                    return
    highest = _highest(context, order)
    if window is not None and highest is not None and highest[0] * window > most:
        rate, span_ = highest
        yield _told(
            order,
            cap,
            span_,
            f"{format_fraction(rate)} {order.unit} of `{order.drug.id}` can run for {_time(most / rate)} of the "
            f"{_time(window)} that the cap `{cap.id}` ({cap.amount.text}) counts",
            "correct the rate or the cap; where another step stops or lowers the drug in time, say so in an `allow:`",
        )


def _within(start: Fraction, lasts: Fraction, now: Fraction, window: Fraction | None) -> Fraction:
    """How much of a stretch that begins at `start` lies in the window that ends `now`."""
    return lasts if window is None else max(Fraction(0), start + lasts - max(start, now - window))


def _told(order: Order, cap: model.CapDef, span: Span, message: str, help: str) -> Diagnostic:
    why = "the drug would be stopped by its cap where the protocol goes on with it"
    return found("KB473", span, message, help, why, (Related(cap.span, "the cap stands here"),))


def _highest(context: LintContext, order: Order) -> tuple[Fraction, Span] | None:
    """The highest rate that is written out, in the unit of the drug, and where."""
    found_ = []
    for amount in order.doses:
        end = amount.value.high if isinstance(amount.value, tree.Range) else amount.value
        value = number_in(context.scope, end, order.unit)
        if value is not None:
            found_.append((value, amount.span))
    limit = None if order.most is None else number_in(context.scope, order.most.value, order.unit)
    top = max(found_, key=lambda each: each[0], default=None)
    return top if top is None or limit is None or top[0] <= limit else (limit, top[1])


def _time(seconds: Fraction) -> str:
    return format_duration(int(seconds))
