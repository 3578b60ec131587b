"""A dose that is repeated adds up to no more than may be given, and what follows a repeat can be reached."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.context import LintContext, names_in
from kb.linter.orders import Order, orders
from kb.values import BadValue, format_fraction


def check(context: LintContext) -> Iterator[Diagnostic]:
    for step in context.protocol.steps.values():
        if (
            isinstance(step, model.Do)
            and step.repeat is not None
            and step.repeat.at_most is None
            and step.until is None
            and step.then
        ):
            yield found(
                "KB481",
                step.then[0].span,
                f"what follows `{step.id}` is never reached: a `repeat:` without `at_most:` and `until:` is never done",
                "write `at_most:` or `until:`, or name what goes on meanwhile under `with:`",
                "the next treatment would never be advised",
            )
    ordered = list(orders(context))
    for order in ordered:
        if isinstance(order.verb, model.Give):
            yield from _given(context, order, order.verb)
            yield from _behind_a_cap(context, order, ordered)


def _behind_a_cap(context: LintContext, order: Order, ordered: list[Order]) -> Iterator[Diagnostic]:
    """What follows a repeat that its cap can end before it is done.

    Once the cap is used up the step is withheld, and a withheld step is not done. A repeat with `until:` ends there
    whenever the patient does not get that far; one with `at_most:` where other steps give of the same cap.
    """
    step, scope = order.step, context.scope
    if step.repeat is None or not step.then or (step.repeat.at_most is None and step.until is None):
        return
    for cap in context.protocol.caps.values():
        members = scope.members(cap.drug.id)
        if order.drug.id not in members:
            continue
        others = sorted({other.step.id for other in ordered if other.drug.id in members} - {step.id})
        if step.until is not None and not _totals(context, step.until) & {*members, cap.drug.id}:
            why = "`until:` may never come true"
        elif step.until is None and others:
            why = f"{', '.join(f'`{other}`' for other in others)} give of the same cap"
        else:
            continue
        yield found(
            "KB482",
            step.then[0].span,
            f"what follows `{step.id}` is never reached where the cap `{cap.id}` is used up first: {why}",
            f"add to `until:` that the cap is used up (`total({cap.drug.id} …) >= {cap.amount.text}`), or let a "
            "question on that total lead on",
            "the drug is withheld then, and the next treatment would never be advised",
            (Related(cap.span, "the cap stands here"),),
        )


def _totals(context: LintContext, condition: model.Condition) -> frozenset[str]:
    """The drugs whose total a condition reads, itself or by what is defined."""
    found_: set[str] = set()
    rest: list[object] = [condition]
    seen: set[str] = set()
    while rest:
        part = rest.pop()
        found_ |= {item.of.id for item in model.every(part, tree.TimeFeature) if item.function == "total"}
        named = (names_in(part) & context.protocol.defines.keys()) - seen
        seen |= named
        rest += [context.protocol.defines[name] for name in named]
    return frozenset(found_)


def _given(context: LintContext, order: Order, verb: model.Give) -> Iterator[Diagnostic]:
    repeat, scope = order.step.repeat, context.scope
    caps = [cap for cap in context.protocol.caps.values() if order.drug.id in scope.members(cap.drug.id)]
    if repeat is not None and repeat.at_most is None and order.step.until is None and not caps:
        yield found(
            "KB467",
            repeat.span,
            f"nothing ends the doses of `{order.drug.id}`: this `repeat:` has no `at_most:`, and the drug no cap",
            "write `at_most:`, `until:` or a cap, as the source says; where it names none, say so in an `allow:`",
            "the doses add up for as long as the reader follows the advice",
            (Related(order.drug.span, f"`{order.drug.id}` stands here"),),
        )
    times = Fraction(1)
    if repeat is not None and repeat.at_most is not None and isinstance(repeat.at_most.value, tree.Number):
        times = Fraction(repeat.at_most.value.value)
    single = verb.amount.value.high if isinstance(verb.amount.value, tree.Range) else verb.amount.value
    for cap in caps:
        if not (isinstance(single, tree.Number) and isinstance(cap.amount.value, tree.Number)):
            continue
        limit = cap.amount.value
        try:
            each = scope.units.convert(Fraction(single.value), single.unit or "1", limit.unit or "1")
        except BadValue:
            continue  # per kilogram on one side only: the patient decides
        most = Fraction(limit.value)
        if each * times > most:
            total = f"{format_fraction(each * times)} {limit.unit or ''}".strip()
            told = (
                f"{format_fraction(times)} doses of `{verb.amount.text}` are {total}"
                if times > 1
                else (f"`{verb.amount.text}` is")
            )
            yield found(
                "KB468",
                repeat.at_most.span if repeat is not None and repeat.at_most is not None else verb.amount.span,
                f"{told} more than the cap `{cap.id}` allows ({cap.amount.text})",
                "correct the dose, the number of doses or the cap",
                "the dose would be cut short or withheld where the protocol promises it",
                (Related(cap.span, "the cap stands here"),),
            )
