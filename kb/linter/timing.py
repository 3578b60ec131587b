"""Times that can be kept: an interval is longer than nothing, and a repeat counts what it repeats."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.expression.types import literal_value
from kb.linter.context import LintContext, verbs


def check(context: LintContext) -> Iterator[Diagnostic]:
    for step in context.protocol.steps.values():
        if not isinstance(step, model.Do):
            continue
        if step.repeat is not None:
            yield from _interval(context, step.repeat.every, "every")
            yield from _counted(step, step.repeat)
        if step.review is not None:
            yield from _interval(context, step.review.after, "after")
        for verb in verbs(step):
            if isinstance(verb, model.Titrate):
                yield from _interval(context, verb.every, "every")
            if isinstance(verb, model.Give) and isinstance(verb.over, model.Amount):
                yield from _plain(verb.over)


def _interval(context: LintContext, value: model.Amount | model.Ref, key: str) -> Iterator[Diagnostic]:
    if not isinstance(value, model.Amount):
        return
    ends = (value.value.low, value.value.high) if isinstance(value.value, tree.Range) else (value.value,)
    seconds = [_seconds(context, end) for end in ends]
    if any(number is not None and number <= 0 for number in seconds):
        yield found(
            "KB412",
            value.span,
            f"`{key}: {value.text}` is no time, or less than none",
            "write a time such as `5 min`, or a range as `5 to 10 min`",
            "the action would be overdue as soon as it is done",
        )


def _seconds(context: LintContext, expr: tree.Expr) -> Fraction | None:
    if isinstance(expr, tree.Arithmetic) and expr.op in ("+", "-"):
        left, right = _seconds(context, expr.left), _seconds(context, expr.right)
        if left is None or right is None:
            return None
        return left + right if expr.op == "+" else left - right
    return literal_value(context.scope, expr)


def _plain(over: model.Amount) -> Iterator[Diagnostic]:
    ends = (over.value.low, over.value.high) if isinstance(over.value, tree.Range) else (over.value,)
    if not all(isinstance(end, tree.Number) for end in ends):
        yield found(
            "KB413",
            over.span,
            f"`over: {over.text}` is not a written-out time",
            "write the time itself, or `local NAME` with a parameter; give two steps where it depends on the patient",
            "how fast a drug goes in is shown as it is written, and never worked out",
        )


def _counted(step: model.Do, repeat: model.RepeatDef) -> Iterator[Diagnostic]:
    """A repeat counts gifts of its one drug, or how often the step was charted as done."""
    if isinstance(step.verb, model.Choose) and any(hasattr(option.verb, "drug") for option in step.verb.one_of):
        what, help = "the drugs of a `choose`", "write a step with a `repeat:` for each drug, and decide between them"
    elif isinstance(step.verb, model.Measure | model.Exclude):
        what, help = "what was charted", "write `review:` on the action that is followed, with what to measure"
    elif isinstance(step.verb, model.Infuse | model.Change | model.Stop | model.Titrate):
        what, help = "an infusion", "use `titrate:`, or `review:`"
    else:
        return
    yield found(
        "KB414",
        repeat.span,
        f"a `repeat:` does not count {what}",
        help,
        "the action would stay due although it has been carried out",
    )
