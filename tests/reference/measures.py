"""Units as fractions of base units, and the values a chart may hold."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

from kb import model

Dimension = dict[str, int]
Value = bool | Fraction | str | None

GRAIN = Fraction(1, 10**8)
QUANTITY = re.compile(r"^([+-]?[0-9]+(?:\.[0-9]+)?)(?:\s*(\S+))?$")


class Refused(Exception):  # noqa: N818 - a value is refused, nothing failed
    """A charted value that cannot be taken."""


def half_even(value: Fraction, grain: Fraction) -> Fraction:
    """`value` rounded to a multiple of `grain`, ties to even."""
    return round(value / grain) * grain


def times(left: Dimension, right: Dimension, power: int = 1) -> Dimension:
    total = dict(left)
    for base, exponent in right.items():
        total[base] = total.get(base, 0) + power * exponent
    return {base: exponent for base, exponent in total.items() if exponent}


class Units:
    def __init__(self, table: dict[str, model.UnitDef]) -> None:
        self.table = table

    def parse(self, text: str) -> tuple[Fraction, Dimension, Fraction]:
        """Factor to base units, dimension and offset of a spelling such as `mcg/kg/min`."""
        factor, dimension, offset = Fraction(1), Dimension(), Fraction(0)
        for number, part in enumerate(text.split("/")):
            power = -1 if number else 1
            for word in part.split("."):
                if word in ("", "1"):
                    continue
                if word not in self.table:
                    raise Refused(f"no unit {text}")
                unit = self.table[word]
                factor *= Fraction(unit.factor) ** power
                dims = {base: power * exponent for base, exponent in unit.dimension if base != "count"}
                dimension = times(dimension, dims)
                offset = Fraction(unit.offset)
        return factor, dimension, offset

    def quantity(self, value: Decimal | Fraction | int, unit: str | None) -> Fraction:
        factor, _, offset = self.parse(unit or "1")
        return Fraction(value) * factor + offset

    def grain(self, unit: str) -> Fraction:
        return GRAIN * self.parse(unit or "1")[0]

    def round_in(self, value: Fraction, unit: str) -> Fraction:
        """`value` (base units) rounded once to eight places of `unit`."""
        factor, _, offset = self.parse(unit or "1")
        return half_even((value - offset) / factor, GRAIN) * factor + offset

    def shown(self, value: Fraction, unit: str) -> Fraction:
        """The number of `unit` in `value`."""
        factor, _, offset = self.parse(unit or "1")
        return (value - offset) / factor

    def read(self, text: object) -> tuple[Fraction, Dimension]:
        """A charted quantity, in base units."""
        found = QUANTITY.match(str(text).strip())
        if len(str(text)) > 60:
            raise Refused("too long to be a measurement")
        if isinstance(text, bool) or not found:
            raise Refused(f"not a quantity: {text}")
        factor, dimension, offset = self.parse(found[2] or "1")
        return Fraction(found[1]) * factor + offset, dimension
