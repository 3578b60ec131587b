"""A ceiling that holds one dose of a drug holds each dose of it that is worked out from the patient.

Where `raise-insulin` goes no higher than `insulin_ceiling`, and the first rate, so much per kilogram, is held by
nothing, the heaviest patients start above the ceiling. Doses that are written out are as large as they say; a dose
that is worked out is as large as the patient makes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.expression.scope import Scope
from kb.linter.context import LintContext
from kb.linter.orders import Order, extent, extent_of_dose, in_unit, is_per_kg, orders, per_kg
from kb.linter.readings import written_out
from kb.values import BadValue, format_fraction


class _Ceiling(NamedTuple):
    """What holds a dose of `order`: as written, and its largest value in base units."""

    order: Order
    text: str
    value: Fraction


def check(context: LintContext) -> Iterator[Diagnostic]:
    alike: dict[tuple[str, str, str], list[Order]] = {}
    for order in orders(context):
        if order.doses:
            route = order.route if order.of == "amount" else ""  # what runs in, runs into a vein
            alike.setdefault((order.drug.id, order.of, route), []).append(order)
    for group in alike.values():
        try:
            yield from _held_alike(context, group)
        except BadValue:
            continue  # a unit nobody knows is reported where units are


def _held_alike(context: LintContext, group: list[Order]) -> Iterator[Diagnostic]:
    scope = context.scope
    held = [(order, _ceiling(scope, order)) for order in group]
    ceilings = [ceiling for _, ceiling in held if ceiling is not None]
    if not ceilings:
        return
    highest = max(ceilings, key=lambda each: each.value)
    for order, own in held:
        if own is not None:
            continue
        for amount in order.doses:
            high = extent_of_dose(scope, order, amount).high
            if high is None or high <= highest.value or not _worked_out(scope, order, amount):
                continue  # what has no end at all is told as such
            yield found(
                "KB474",
                amount.span,
                f"`{amount.text}` can come to {format_fraction(in_unit(scope, high, order.unit))} {order.unit} for a "
                f"plausible patient, and another dose of `{order.drug.id}` is held at `{highest.text}`",
                f"hold it at the same: `max: {highest.text}`; where it may go higher, say so in an `allow:`",
                "the heaviest patients would get more than the protocol allows elsewhere",
                (Related(highest.order.verb.span, f"{highest.order.place} is held here"),),
            )
            break


def _ceiling(scope: Scope, order: Order) -> _Ceiling | None:
    """The number or parameter that a dose does not pass, whatever the patient; None where there is none."""
    if order.most is not None:
        high = extent_of_dose(scope, order, order.most).high
        return None if high is None else _Ceiling(order, order.most.text, high)
    for amount in order.doses:
        call = amount.value
        if isinstance(call, tree.Call) and call.function == "least":
            for part in call.arguments:
                plain = isinstance(part, tree.Number) or (
                    isinstance(part, tree.Name) and scope.kind_of(part.id) == "parameter"
                )
                high = extent(scope, part).high if plain else None
                if high is not None:
                    text = part.id if isinstance(part, tree.Name) else amount.text
                    return _Ceiling(order, text, high)
    return None


def _worked_out(scope: Scope, order: Order, amount: model.Amount) -> bool:
    """Whether the patient decides how large it is, and not a table."""
    value = amount.value
    if per_kg(scope, value) and not is_per_kg(scope, order.unit):
        return True
    ends = (value.low, value.high) if isinstance(value, tree.Range) else (value,)
    return any(isinstance(node, tree.Arithmetic) for end in ends for node in written_out(scope, end))
