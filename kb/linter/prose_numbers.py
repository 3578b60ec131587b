"""A number with a unit that stands in prose is one of the step's own, structured numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.linter.context import LintContext, names_in
from kb.values import BadValue

_NUMBER = r"\d+(?:[.,]\d+)?"  # 99,5 mg is read as a number too, or nothing would check it
_QUANTITY = re.compile(
    rf"(?<![\w.,])({_NUMBER})(?:\s*(?:to|and|–|-)\s*({_NUMBER}))?\s*(%|[A-Za-zµμ°][A-Za-z0-9µμ%]*(?:/[A-Za-z0-9]+)*)"
)
_WORDS = {
    "second": "s",
    "seconds": "s",
    "minute": "min",
    "minutes": "min",
    "hour": "h",
    "hours": "h",
    "day": "d",
    "days": "d",
    "year": "years",
    "microgram": "mcg",
    "micrograms": "mcg",
    "milligram": "mg",
    "milligrams": "mg",
    "millilitre": "mL",
    "millilitres": "mL",
    "kilogram": "kg",
    "kilograms": "kg",
}


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol = context.protocol
    parts = protocol.steps, protocol.never, protocol.goals, protocol.alerts, protocol.caps, protocol.defines
    for part in (*parts, protocol.prove):
        for record in part.values():
            yield from _record(context, record)


def _record(context: LintContext, record: object) -> Iterator[Diagnostic]:
    quantities = [
        (text, quantity) for text in model.every(record, model.Text) for quantity in _quantities(context, text.value)
    ]
    if not quantities:
        return
    own = _structured(context, record)
    for text, (value, unit, written) in quantities:
        if not any(_same(context, value, unit, number) for number in own):
            yield found(
                "KB505",
                text.span,
                f"`{written}` stands in the prose and in no field of this entry",
                "write the number where it is checked (a condition, a dose, a time), or take it out of the prose",
                "a number that nothing checks can drift away from the rule it describes",
            )


def _quantities(context: LintContext, prose: str) -> Iterator[tuple[Fraction, str, str]]:
    for match in _QUANTITY.finditer(prose):
        unit = _WORDS.get(match[3], match[3])
        try:
            measure = context.scope.units.parse(unit)
        except BadValue:
            continue
        if not measure.dimension and unit != "%":
            continue  # `2 breaths`, `30 drops`: a count of things, not a measured quantity
        if unit == "%" and any(match[0] in drug.label for drug in context.library.drugs.values()):
            continue  # a strength that is part of a drug's name
        for number in (match[1], match[2]):
            if number is not None:
                yield Fraction(number.replace(",", ".")), unit, f"{number} {match[3]}"


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
    from decimal import Decimal

    match = re.fullmatch(rf"({_NUMBER}) ([A-Za-z]+/[A-Za-z]+)", text.value)
    if match is not None:
        yield tree.Number(Decimal(match[1].replace(",", ".")), match[2], text.span)


def _same(context: LintContext, value: Fraction, unit: str, number: tree.Number) -> bool:
    try:
        return context.scope.units.convert(value, unit, number.unit or "1") == Fraction(number.value)
    except BadValue:
        return False
