"""A dose that is worked out from the patient stays within limits for every plausible patient.

Fixed numbers are held against the library's limits elsewhere (KB430, KB431). Here the plausible ranges of the data and
the ranges of the parameters are put into a dose, and what it can come to is held against the limits of the library
and the protocol's own rules. An end that is not known counts as unlimited only where the dose reads a running rate,
or is per kilogram of a drug that nothing limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Span
from kb.expression import tree
from kb.linter.context import LintContext, names_in
from kb.linter.orders import Order, extent_of_dose, in_unit, limits_of, number_in, orders
from kb.values import BadValue, format_fraction


def check(context: LintContext) -> Iterator[Diagnostic]:
    for order in orders(context):
        try:
            yield from _dose(context, order)
        except BadValue:
            continue  # a unit nobody knows is reported where units are


def _dose(context: LintContext, order: Order) -> Iterator[Diagnostic]:
    scope = context.scope
    for amount in order.doses:
        high = extent_of_dose(scope, order, amount).high
        if order.most is not None:
            most = extent_of_dose(scope, order, order.most).high
            high = most if high is None else high if most is None else min(high, most)
        if high is None:
            yield from _endless(context, order, amount)
            continue
        value = in_unit(scope, high, order.unit)
        fixed = number_in(scope, amount.value, order.unit) is not None or _fixed_range(context, order, amount)
        yield from _beyond(context, order, amount, value, fixed)


def _fixed_range(context: LintContext, order: Order, amount: model.Amount) -> bool:
    """Whether KB430 and KB431 look at it: numbers in the drug's own dimension, or a definition whose cases are."""
    value = amount.value
    ends = (value.low, value.high) if isinstance(value, tree.Range) else (value,)
    numbers = [end for end in ends if isinstance(end, tree.Number)]
    last = next((end.unit for end in reversed(numbers) if end.unit), None)
    whole = [tree.Number(end.value, end.unit or last, end.span) for end in numbers]
    return len(whole) == len(ends) and all(number_in(context.scope, end, order.unit) is not None for end in whole)


def _beyond(
    context: LintContext, order: Order, amount: model.Amount, value: Fraction, fixed: bool
) -> Iterator[Diagnostic]:
    comes_to = f"`{amount.text}` can come to {_told(value)} {order.unit} for a plausible patient"
    help = "limit it with `max:` or `least(…, …)`, from the source"
    if not fixed:
        for kind, word in (("hard", "hard"), ("soft", "soft")):
            for limit in limits_of(order):
                end: model.Amount | None = getattr(limit, f"{kind}_high")
                edge = number_in(context.scope, end.value, order.unit) if end is not None else None
                if edge is not None and value > edge:
                    yield found(
                        "KB461",
                        amount.span,
                        f"{comes_to}, above the {word} limit of `{order.drug.id}`",
                        help,
                        "the largest patients would get no dose, because an order of it is refused"
                        if kind == "hard"
                        else "every such order would be challenged",
                        (Related(limit.span, f"the {kind} limit stands here"),),
                    )
                    return
    for rule, edge, span in _own_rules(context, order):
        if value > edge:
            told = f"`{amount.text}` is" if fixed else f"{comes_to}, which is"
            yield found(
                "KB465",
                amount.span,
                f"{told} more than the protocol's own rule `{rule}` lets pass",
                "correct the dose or the rule; if the rule is right, limit the dose with `max:`",
                "the protocol would advise a dose and withhold it in one breath",
                (Related(span, "the rule stands here"),),
            )
            return


def _endless(context: LintContext, order: Order, amount: model.Amount) -> Iterator[Diagnostic]:
    scope = context.scope
    reads_rate = any(scope.kind_of(name) == "drug" for name in names_in(amount))
    if not reads_rate or order.of != "rate":
        return
    yield found(
        "KB464",
        amount.span,
        f"nothing limits `{amount.text}`: each time it is followed, the rate goes up from where it is",
        f"write the ceiling into it: `to: least({amount.text}, …)`, with the ceiling that the source gives",
        "a rise that is repeated without end passes every safe rate",
        (Related(order.drug.span, f"`{order.drug.id}` stands here"),),
    )


def _own_rules(context: LintContext, order: Order) -> Iterator[tuple[str, Fraction, Span]]:
    """Largest rates or amounts that a rule of the protocol lets pass, whatever else is known of the patient."""
    wanted = f"order.{order.of}"
    for rule in context.protocol.never.values():
        if rule.when is None or order.drug.id not in context.scope.members(rule.order.id):
            continue
        parts = rule.when.expr.items if isinstance(rule.when.expr, tree.And) else (rule.when.expr,)
        edges: list[Fraction] = []
        for part in parts:
            if isinstance(part, tree.Compare) and isinstance(part.left, tree.Name) and part.left.id == wanted:
                edge = number_in(context.scope, part.right, order.unit)
                if edge is None or part.op not in (">", ">="):
                    break
                edges.append(edge)
            elif isinstance(part, tree.Call) and part.function == "known":
                continue
            elif not _of_this_route(part, order.route):
                break
        else:
            if edges:
                yield rule.id, max(edges), rule.span


def _of_this_route(part: tree.Expr, route: str) -> bool:
    return (
        isinstance(part, tree.Is)
        and isinstance(part.value, tree.Name)
        and part.value.id == "order.route"
        and not part.negated
        and bool(route)
        and route in {option.id for option in part.options}
    )


def _told(value: Fraction) -> str:
    return format_fraction(value)
