"""A number with a unit that stands in prose is one of the step's own, structured numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.linter.context import LintContext, names_in
from kb.linter.quantities import Quantity, quantities, same

_CONCENTRATION = re.compile(r"(\d+(?:[.,]\d+)?) ([A-Za-z]+/[A-Za-z]+)")


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol = context.protocol
    parts = protocol.steps, protocol.never, protocol.goals, protocol.alerts, protocol.caps, protocol.defines
    for part in (*parts, protocol.prove):
        for record in part.values():
            yield from _record(context, record)


def _record(context: LintContext, record: object) -> Iterator[Diagnostic]:
    told = [(text, quantity) for text in model.every(record, model.Text) for quantity in _measured(context, text.value)]
    if not told:
        return
    own = _structured(context, record)
    for text, quantity in told:
        if not any(same(context, quantity, number) for number in own):
            yield found(
                "KB505",
                text.span,
                f"`{quantity.text}` stands in the prose and in no field of this entry",
                "write the number where it is checked (a condition, a dose, a time), or take it out of the prose",
                "a number that nothing checks can drift away from the rule it describes",
            )


def _measured(context: LintContext, prose: str) -> Iterator[Quantity]:
    """The quantities of `prose` that are measured: no count of things, no strength that is part of a drug's name."""
    units = context.scope.units
    for quantity in quantities(units, prose):
        if quantity.unit == "%":
            if not any(quantity.text.replace(" ", "") in drug.label for drug in context.library.drugs.values()):
                yield quantity
        elif quantity.unit and units.parse(quantity.unit).dimension:
            yield quantity


def _structured(context: LintContext, record: object) -> list[tree.Number]:
    """The numbers of a record, those of the definitions and parameters that it uses among them."""
    protocol = context.protocol
    numbers: list[tree.Number] = []
    seen: set[str] = set()
    stack: list[object] = [record]
    while stack:
        current = stack.pop()
        numbers += model.every(current, tree.Number)
        names = names_in(current) | {ref.id for ref in model.every(current, model.Ref)}
        for name in names - seen:
            seen.add(name)
            following = protocol.defines.get(name) or protocol.parameters.get(name)
            if following is not None:
                stack.append(following)
    for text in model.every(record, model.Text):
        numbers += _concentration(text)
    return numbers


def _concentration(text: model.Text) -> Iterator[tree.Number]:
    """`1 mg/mL` in a `concentration:` is a structured number although it is kept as text."""
    match = _CONCENTRATION.fullmatch(text.value)
    if match is not None:
        yield tree.Number(Decimal(match[1].replace(",", ".")), match[2], text.span)
