"""A titration goes up from its start to its ceiling."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.linter.context import LintContext
from kb.values import BadValue


def check(context: LintContext) -> Iterator[Diagnostic]:
    units = context.scope.units
    for step in context.protocol.steps.values():
        if not (isinstance(step, model.Do) and isinstance(step.verb, model.Titrate)):
            continue
        start, to = step.verb.start.value, step.verb.to.value
        if not (isinstance(start, tree.Number) and isinstance(to, tree.Number)):
            continue
        try:
            low = units.convert(_fraction(start), start.unit or "1", to.unit or "1")
        except BadValue:
            continue  # the dimensions differ: that is reported where they are checked
        if low <= 0 or low >= _fraction(to):
            yield found(
                "KB410",
                step.verb.to.span,
                f"this titration cannot rise: it starts at {step.verb.start.text} and ends at {step.verb.to.text}",
                "write the lower rate under `from:` and the ceiling under `to:`",
            )


def _fraction(number: tree.Number) -> Fraction:
    return Fraction(number.value)
