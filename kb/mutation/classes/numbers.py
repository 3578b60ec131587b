"""Numbers as they are written, and numbers beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from kb.expression import tree
from kb.mutation.sites import Change


def said(number: tree.Number, value: Decimal | None = None) -> str:
    text = format((number.value if value is None else value), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} {number.unit}" if number.unit and number.unit != "1" else text


def grain(number: tree.Number) -> Decimal:
    """One in the last place that is written: 1 for 65, 0.01 for 0.25."""
    exponent = number.value.as_tuple().exponent
    return Decimal(1).scaleb(min(exponent, 0)) if isinstance(exponent, int) else Decimal(1)


def put(number: tree.Number, value: Decimal) -> Change:
    return Change(replace(number, value=value), f"`{said(number)}` becomes `{said(number, value)}`")


def beside(number: tree.Number, shares: tuple[str, ...] = ("0.9", "1.1")) -> Iterator[Decimal]:
    """One grain to either side, and the shares of it that lie farther off; never below zero."""
    step = grain(number)
    found = [number.value - step, number.value + step]
    if number.unit is not None:  # a bare number counts something: a tenth of a count is nobody's slip
        found += [value for share in shares if abs((value := number.value * Decimal(share)) - number.value) > step]
    yield from (value for value in dict.fromkeys(found) if value >= 0)
