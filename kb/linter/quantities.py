"""Numbers with a unit in prose, and whether a number of the protocol is one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from kb.expression import tree
from kb.linter.context import LintContext
from kb.values import BadValue, UnitTable

_NUMBER = r"\d+(?:[.,]\d+)?"
_UNIT = (
    r"%|(?:a|an|per) (?:minute|hour|day)|/[A-Za-z]+|"
    r"(?!(?:to|and|or|then|over|in|at|of|by|from|with)\b)[A-Za-zµμ°][A-Za-z0-9µμ%]*(?:/[A-Za-z0-9]+)*"
)
_QUANTITY = re.compile(
    rf"(?<![\w.,])({_NUMBER})(?:\s*({_UNIT}))?"
    rf"(?:\s*(?:to|and|or|then|–|-)\s*(?:above |below |over |under )?({_NUMBER})(?:\s*({_UNIT}))?)?"
)
_PER = (("minute", "/min"), ("hour", "/h"), ("day", "/day"))
WORDS = {
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
    "litre": "L",
    "litres": "L",
    "kilogram": "kg",
    "kilograms": "kg",
    **{f"{word} {unit}": short for word in ("a", "an", "per") for unit, short in _PER},
}


_FIRST = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SPELT = {word: str(number) for number, word in enumerate(_FIRST, start=1)}
_SPELT |= {"fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "sixty": "60"}
_SPELT_OUT = re.compile(rf"\b({'|'.join(_SPELT)})(?= (?:{'|'.join(word for word in WORDS if ' ' not in word)})\b)")


class Quantity(NamedTuple):
    """A number with its unit as prose has it (`unit` empty where it has none we know), and where it begins."""

    value: Fraction
    unit: str
    text: str
    begins: int
    of_range: bool = False
    """Whether it is the upper end of a range."""


def quantities(units: UnitTable, prose: str) -> Iterator[Quantity]:
    """Every number of `prose`, `ten minutes` too; in `0.1 to 0.5 mcg/kg/min` the unit belongs to both."""
    for match in _QUANTITY.finditer(in_figures(prose)):
        first, unit, second, last = match.groups()
        unit, last = _unit(units, unit), _unit(units, last)
        if second is not None:
            yield _quantity(first, unit or last, match.start())
            yield _quantity(second, last or unit, match.start(3))._replace(of_range=True)
        else:
            yield _quantity(first, unit, match.start())


def in_figures(prose: str) -> str:
    """`ten minutes` as `10 minutes`: what `Quantity.begins` counts in."""
    return _SPELT_OUT.sub(lambda match: _SPELT[match[1]], prose)


def _quantity(number: str, unit: str, begins: int) -> Quantity:
    return Quantity(Fraction(number.replace(",", ".")), unit, f"{number} {unit}".strip(), begins)


def _unit(units: UnitTable, written: str | None) -> str:
    unit = WORDS.get(written or "", written or "")
    try:
        units.parse(unit)
    except BadValue:
        return ""
    return unit


def ratio(context: LintContext, quantity: Quantity, number: tree.Number) -> Fraction | None:
    """How many times the quantity the number is; None where the two measure different things, or one is nothing."""
    units = context.scope.units
    try:
        said, ours = units.parse(quantity.unit), units.parse(number.unit or "1")
    except BadValue:
        return None
    if said.offset or ours.offset or not quantity.value or said.dimension != ours.dimension:
        return None
    return Fraction(number.value) * ours.factor / (quantity.value * said.factor)


def half_a_digit(context: LintContext, quantity: Quantity, number: tree.Number) -> bool:
    """Whether the number is the edge from which a measured value rounds up to the quantity: 5.95 for a printed 6.0."""
    _, point, decimals = quantity.text.split(" ")[0].partition(".")
    edge = quantity.value - Fraction(1, 2 * 10 ** len(decimals))
    return bool(point) and same(context, quantity._replace(value=edge), number)


def same(context: LintContext, quantity: Quantity, number: tree.Number) -> bool:
    """Equal, as a rate per minute equals sixty times the rate per hour."""
    units = context.scope.units
    try:
        return units.convert(quantity.value, quantity.unit or "1", number.unit or "1") == Fraction(number.value)
    except BadValue:
        return False
