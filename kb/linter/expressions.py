"""Names, types, units, windows and guards of every condition, dose and time in a protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kb import model
from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.expression.checks import (
    check_amount,
    check_condition,
    check_defines,
    check_duration,
    check_quantity,
    check_window,
)
from kb.expression.guards import check_define_guards, check_guards
from kb.expression.library import check_element
from kb.expression.parameters import check_parameters
from kb.expression.scope import Scope
from kb.expression.types import Context
from kb.linter.context import LintContext


def check(context: LintContext) -> Iterator[Diagnostic]:
    scope, protocol = context.scope, context.protocol
    for element in protocol.elements.values():
        yield from check_element(scope, element)
    yield from check_parameters(scope)
    yield from check_defines(scope)
    yield from check_define_guards(scope)
    for condition in (protocol.applies, protocol.enter):
        yield from _conditions(scope, (condition,))
    for step in protocol.steps.values():
        if isinstance(step, model.Decide):
            yield from _conditions(scope, (case.when for case in step.cases))
        elif isinstance(step, model.Do):
            yield from _do(scope, step)
    for never in protocol.never.values():
        drugs = scope.members(never.order.id)
        if drugs:  # an unknown drug is reported where drugs are
            yield from _conditions(scope, (never.when,), Context(order=drugs))
    for cap in protocol.caps.values():
        yield from check_window(scope, cap.window)
        for drug in scope.members(cap.drug.id)[:1]:
            yield from check_amount(scope, cap.amount.value, drug, "amount", _word(cap.weight))
    for goal in protocol.goals.values():
        yield from _conditions(scope, (goal.target,))
    for alert in protocol.alerts.values():
        yield from _conditions(scope, (alert.when,))
    whole = scope.for_properties(context.library) if protocol.prove else scope
    for made in protocol.prove.values():
        yield from _conditions(whole, (made.when, made.always), Context(proving=True))


def _conditions(
    scope: Scope, conditions: Iterable[model.Condition | None], context: Context | None = None
) -> Iterator[Diagnostic]:
    """Conditions that are tried one after the other: an earlier one guards the later ones."""
    written = [condition.expr for condition in conditions if condition is not None]
    for expr in written:
        yield from check_condition(scope, expr, context or Context())
    yield from check_guards(scope, written)


def _do(scope: Scope, step: model.Do) -> Iterator[Diagnostic]:
    yield from _conditions(scope, (step.until,), Context(this_step=True))
    for reason in step.avoid_if:
        yield from _conditions(scope, (reason.when,))
    if step.repeat is not None:
        yield from _duration(scope, step.repeat.every)
        yield from check_window(scope, step.repeat.window)
        if step.repeat.at_most is not None:
            yield from check_quantity(scope, step.repeat.at_most.value, "1")
    if step.review is not None:
        yield from _duration(scope, step.review.after)
    yield from _verb(scope, step.verb)


def _verb(scope: Scope, verb: model.Verb) -> Iterator[Diagnostic]:
    match verb:
        case model.Give():
            for amount in (verb.amount, verb.most, verb.each):
                yield from _dose(scope, verb.drug, amount, "amount", verb.weight)
            yield from _duration(scope, verb.over)
        case model.Infuse():
            for amount in (verb.rate, verb.most):
                yield from _dose(scope, verb.drug, amount, "rate", verb.weight)
        case model.Change():
            yield from _dose(scope, verb.drug, verb.to, "rate", None)
        case model.Titrate():
            for amount in (verb.start, verb.by, verb.to):
                yield from _dose(scope, verb.drug, amount, "rate", None)
            yield from _duration(scope, verb.every)
            yield from _conditions(scope, (*verb.hold_if, verb.while_))
        case model.Choose():
            for option in verb.one_of:
                yield from _verb(scope, option.verb)
                yield from _conditions(scope, (option.until,), Context(this_step=True))
                for reason in (*option.for_, *option.against):
                    yield from _conditions(scope, (reason.when,))
        case _:
            return


def _dose(
    scope: Scope, drug: model.Ref, amount: model.Amount | model.Ref | None, of: str, weight: model.Text | None
) -> Iterator[Diagnostic]:
    known = scope.drugs.get(drug.id)
    if known is None or not (known.rate_unit if of == "rate" else known.amount_unit):
        return  # reported where drugs and their forms are
    if isinstance(amount, model.Amount):
        # Both ends of a range are written in one unit: what is wrong with it is said once.
        problems = check_amount(scope, amount.value, drug.id, of, _word(weight))
        yield from {problem.code: problem for problem in reversed(problems)}.values()
    elif amount is not None and amount.id in scope.parameters:
        yield from check_amount(scope, tree.Name(amount.id, amount.span), drug.id, of, _word(weight))


def _duration(scope: Scope, value: model.Amount | model.Ref | None) -> Iterator[Diagnostic]:
    if isinstance(value, model.Amount):
        yield from check_duration(scope, value.value)
    elif value is not None and value.id in scope.parameters:
        yield from check_duration(scope, tree.Name(value.id, value.span))


def _word(text: model.Text | None) -> str | None:
    return None if text is None else text.value
