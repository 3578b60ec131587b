"""A largest dose that a cited statement names stands in the protocol as a number that is checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.context import LintContext
from kb.linter.quantities import Quantity, quantities, same
from kb.linter.superseded import carried_out

_CEILING = re.compile(
    r"\b(?:at most|no more than|not more than|never more than|up to|at the most|"
    r"(?:not|never|going|nothing) above|exceed|exceeding|maximum(?: of)?|ceiling(?: of)?|largest)\W+(?=[\d])",
    re.IGNORECASE,
)
_KINDS = frozenset({"dose", "titrate", "contra"})


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol, evidence = context.protocol, context.protocol.evidence
    if evidence is None:
        return
    used = carried_out(protocol)
    numbers: list[tree.Number] | None = None
    for statement in evidence.statements.values():
        use = used.get(statement.id)
        if use is None or statement.kind not in _KINDS or statement.id in context.library.shared.statements:
            continue
        for ceiling in _ceilings(context, statement.says.value):
            if numbers is None:
                parts = (protocol.steps, protocol.defines, protocol.parameters, protocol.never, protocol.caps)
                numbers = [number for part in parts for number in model.every(part, tree.Number)]
                numbers += [
                    tree.Number(number.value, parameter.unit, number.span)
                    for parameter in protocol.parameters.values()
                    for number in model.every((parameter.range, parameter.default), tree.Number)
                    if number.unit is None
                ]
            if not any(_used(context, ceiling, number) for number in numbers):
                yield found(
                    "KB469",
                    use.span,
                    f"`{statement.id}` gives {ceiling.text} as the most, and the protocol nowhere uses that number",
                    "write it where it is checked: `max:` of a dose, `at_most:` of a repeat, a cap or a `never` rule",
                    "the source's own ceiling would be lost, with a citation that looks sound",
                    (Related(statement.span, "the statement stands here"),),
                )


def _ceilings(context: LintContext, says: str) -> Iterator[Quantity]:
    for match in _CEILING.finditer(says):
        told = list(quantities(context.scope.units, says[match.end() :]))
        if told and told[0].begins == 0:
            top = told[1] if len(told) > 1 and told[1].of_range else told[0]
            if top.value > Fraction(0):
                yield top


def _used(context: LintContext, ceiling: Quantity, number: tree.Number) -> bool:
    """A ceiling that prose gives without a unit is any number of that size."""
    return same(context, ceiling, number) or (not ceiling.unit and ceiling.value == Fraction(number.value))
