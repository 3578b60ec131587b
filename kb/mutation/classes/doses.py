"""A dose is another: ten times, a tenth, a thousand times, one step more or less, another unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from kb import model
from kb.expression import tree
from kb.mutation.classes.numbers import grain, put, said
from kb.mutation.sites import Change, Site

NAME = "doses"
ABOUT = "a dose is ten or a thousand times, a tenth, one step off, or in another unit"

_VERBS = (model.Give, model.Infuse, model.Change, model.Titrate, model.CapDef)
_SHARES = ("10", "0.1", "1000")
_SLIPS = {"mg": "mcg", "mcg": "mg", "g": "mg"}  # what is written for what, in a unit of mass


def is_dose(site: Site) -> bool:
    """Whether a number says how much: not when to look again, not what decides."""
    if not site.inside(*_VERBS) or site.inside(model.Condition, tree.InLast):
        return False
    return not any(name in site.path for name in ("every", "over", "window"))


def faults(site: Site, protocol: model.Protocol) -> Iterator[Change]:
    number = site.node
    if not isinstance(number, tree.Number) or not is_dose(site):
        return
    step = grain(number)
    found = [number.value * Decimal(share) for share in _SHARES] + [number.value - step, number.value + step]
    for value in dict.fromkeys(found):
        if value >= 0 and value != number.value:
            yield put(number, value)
    for unit in _mistaken(number.unit or ""):
        made = replace(number, unit=unit)
        yield Change(made, f"`{said(number)}` becomes `{said(made)}`")


def _mistaken(unit: str) -> Iterator[str]:
    first, slash, rest = unit.partition("/")
    if first in _SLIPS:
        yield f"{_SLIPS[first]}{slash}{rest}"
    for written, meant in (("/min", "/h"), ("/h", "/min")):
        if unit.endswith(written):
            yield unit.removesuffix(written) + meant
