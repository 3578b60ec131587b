"""What an expression means before any patient: its type and dimension, and how they meet.

A literal such as `0.03 units/min` or `5 mL/kg` takes the substance, or the weight basis, of what it meets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from kb.expression import tree
from kb.expression.scope import ElementLike, Scope
from kb.values import BadValue, chemistry, describe_dimension, parse_molar_mass

Dimension: TypeAlias = "tuple[tuple[str, int], ...]"
"""Base to power, sorted. `body_mass[actual]` and `arbitrary[insulin]` are bases of their own."""


@dataclass(frozen=True, slots=True)
class Type:
    """`kind`: boolean, number, choice, date-time, text, or error (reported already).

    `unit` is how the value would be written, `literal` says that a person wrote it as a plain quantity.
    """

    kind: str
    dimension: Dimension = ()
    unit: str = ""
    options: tuple[str, ...] = ()
    open: bool = False
    molar_mass: Fraction | None = None
    valence: int = 0
    literal: bool = False

    @property
    def number(self) -> bool:
        return self.kind == "number"


ERROR = Type("error")
BOOLEAN = Type("boolean")
PLAIN = Type("number")
SECONDS = Type("number", (("time", 1),), "s")
DATE_TIME = Type("date-time")


@dataclass(frozen=True, slots=True)
class Context:
    """Where an expression stands, and so what it may use.

    `order` are the drugs of a `never` rule (None elsewhere); `this_step` allows the short `done since rhythm`;
    `proving` allows what a property may ask of the advice.
    """

    in_define: bool = False
    order: tuple[str, ...] | None = None
    this_step: bool = False
    proving: bool = False


ANYWHERE = Context()
IN_DEFINE = Context(in_define=True)


# ---------------------------------------------------------------- dimensions


def dimension_of(powers: Mapping[str, int]) -> Dimension:
    return tuple(sorted((base, power) for base, power in powers.items() if power))


def bare_base(base: str) -> str:
    return base.partition("[")[0]


def specify(dimension: Mapping[str, int], substance: str = "", basis: str = "") -> Dimension:
    """The dimension with arbitrary units of `substance` and body weight of `basis`, where they are given."""
    named = {
        "arbitrary": f"arbitrary[{substance}]" if substance else "arbitrary",
        "body_mass": f"body_mass[{basis}]" if basis else "body_mass",
    }
    return dimension_of({named.get(base, base): power for base, power in dimension.items()})


def _adapt(left: Dimension, right: Dimension) -> tuple[dict[str, int], dict[str, int]]:
    """Both dimensions, where one leaves substance or basis open and the other names it: named in both."""
    one, other = dict(left), dict(right)
    for bare in ("arbitrary", "body_mass"):
        for open_side, named_side in ((one, other), (other, one)):
            names = [base for base in named_side if base.startswith(bare + "[")]
            if bare in open_side and len(names) == 1:
                open_side[names[0]] = open_side.get(names[0], 0) + open_side.pop(bare)
    return one, other


def meet(left: Type, right: Type) -> Fraction | str:
    """What to multiply `right` by (in base units) to compare it with `left`, or the code of what forbids it."""
    if left.dimension == right.dimension:
        return Fraction(1)
    one, other = _adapt(left.dimension, right.dimension)
    if one == other:
        return Fraction(1)
    if loose(one) == loose(other):
        return "KB323" if any(base.startswith("body_mass") for base in set(one) ^ set(other)) else "KB324"
    for degrees, written in ((left, right), (right, left)):
        if degrees.dimension == (("temperature_difference", 1),) and written.dimension == (("temperature", 1),):
            return Fraction(1) if written.literal else "KB314"
    ratio = chemistry(other, one, left.molar_mass or right.molar_mass, left.valence or right.valence)
    if ratio is not None:
        return ratio
    for bare, named in ((left, right), (right, left)):
        if bare.literal and not bare.unit and named.dimension:
            return "KB315"
    return "KB314"


def loose(dimension: Mapping[str, int]) -> Dimension:
    powers: dict[str, int] = {}
    for base, power in dimension.items():
        powers[bare_base(base)] = powers.get(bare_base(base), 0) + power
    return dimension_of(powers)


def agree(left: Type, right: Type) -> Type:
    """The type of two numbers that meet, as a sum or as the cases of one value."""
    named = left if _specific(left) >= _specific(right) else right
    first = right if left.literal and not right.literal else left
    dimension = named.dimension if not _differs(left, right) else first.dimension
    return Type("number", dimension, first.unit or right.unit, molar_mass=first.molar_mass, valence=first.valence)


def _specific(made: Type) -> int:
    return sum("[" in base for base, _ in made.dimension)


def _differs(left: Type, right: Type) -> bool:
    return loose(dict(left.dimension)) != loose(dict(right.dimension))


def product(scope: Scope, op: str, left: Type, right: Type) -> Type:
    """The type of `left * right` or `left / right`."""
    sign = 1 if op == "*" else -1
    one, other = _adapt(left.dimension, tuple((base, sign * power) for base, power in right.dimension))
    powers = dict(one)
    for base, power in other.items():
        powers[base] = powers.get(base, 0) + power
    dimension = dimension_of(powers)
    unit = _compose(scope, left.unit, right.unit, sign) if dimension else ""
    return Type("number", dimension, unit)


def _compose(scope: Scope, left: str, right: str, sign: int) -> str:
    powers: dict[str, int] = {}
    for unit, factor in ((left, 1), (right, sign)):
        for spelling, power in scope.units.parts(unit) if unit not in ("", "1") else ():
            powers[spelling] = powers.get(spelling, 0) + factor * power
    above = [spelling for spelling, power in powers.items() for _ in range(power)]
    below = ["/" + spelling for spelling, power in powers.items() for _ in range(-power)]
    return ".".join(above) + "".join(below)


# ---------------------------------------------------------------- types of names


def element_type(scope: Scope, element: ElementLike) -> Type:
    if element.type == "boolean":
        return BOOLEAN
    if element.type == "choice":
        return Type("choice", options=element.options)
    if element.type in ("quantity", "number"):
        try:
            measure = scope.units.parse(element.unit)
            molar_mass = parse_molar_mass(element.molar_mass)
        except BadValue:
            return ERROR  # said once, where the library is checked
        dimension = specify(measure.dimension, element.id, element.basis)
        unit = "" if element.unit == "1" else element.unit
        return Type("number", dimension, unit, molar_mass=molar_mass, valence=element.valence)
    return DATE_TIME if element.type == "date-time" else Type("text")


def unit_type(scope: Scope, unit: str, substance: str = "", basis: str | None = None) -> Type:
    """The type of a value in `unit`.

    Raises:
        BadValue: not a unit.

    """
    dimension = scope.units.parse(unit).dimension
    return Type("number", specify(dimension, substance, scope.basis if basis is None else basis), unit)


def drug_type(scope: Scope, id: str, of: str, basis: str | None = None) -> Type | None:
    """The type of a drug's running rate or amounts; None where it is not given so."""
    drug = scope.drugs[id]
    unit = drug.rate_unit if of == "rate" else drug.amount_unit
    if not unit:
        return None
    try:
        return unit_type(scope, unit, id, basis)
    except BadValue:
        return ERROR


def group_type(scope: Scope, drugs: Sequence[str], of: str) -> Type | None:
    """The common type of rates or amounts of several drugs; None where they have none in common."""
    types = [drug_type(scope, id, of) for id in drugs]
    known = [made for made in types if made is not None]
    if not known or len(known) < len(types):
        return None
    first = known[0]
    if any(isinstance(meet(first, other), str) for other in known[1:]):
        return None
    return first


# ---------------------------------------------------------------- types in words


def in_words(made: Type) -> str:
    return {"boolean": "a condition", "choice": "a choice", "date-time": "a date-time", "text": "free text"}.get(
        made.kind, "a number"
    )


def described(made: Type) -> str:
    """`pressure (mmHg)`, `mass per body weight per time (mcg/kg/min)`, `a plain number`."""
    words = describe_dimension(dict(made.dimension))
    return f"{words} ({made.unit})" if made.unit not in ("", "1") and made.dimension else words


# ---------------------------------------------------------------- literals


def literal_value(scope: Scope, expr: tree.Expr) -> Fraction | None:
    """The value of a literal in base units; None for what is no literal, or has no known unit."""
    sign = 1
    while isinstance(expr, tree.Negate):
        sign, expr = -sign, expr.item
    if not isinstance(expr, tree.Number):
        return None
    try:
        measure = scope.units.parse(expr.unit or "")
    except BadValue:
        return None
    return sign * Fraction(expr.value) * measure.factor + measure.offset
