"""What an expression means before any patient: its type and dimension, and all that is wrong with it.

The checks give every finding of an expression, one per root cause: what depends on a part that is already
wrong is not reported again. A literal such as `0.03 units/min` or `5 mL/kg` takes the substance, or the weight
basis, of what it meets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction
from typing import TypeAlias, assert_never

from kb.codes import found
from kb.diagnostics import Diagnostic, Span
from kb.expression import tree
from kb.expression.scope import (
    COMPUTED,
    ORDER_ATTRIBUTES,
    Definition,
    DrugLike,
    ElementLike,
    LibraryLike,
    Scope,
    StepShape,
    children,
    nodes,
    value_of,
)
from kb.expression.text import to_text
from kb.values import BadValue, chemistry, describe_dimension, parse_molar_mass

__all__ = [
    "PLAIN",
    "Context",
    "Definition",
    "Scope",
    "Type",
    "check_amount",
    "check_condition",
    "check_define_guards",
    "check_defines",
    "check_duration",
    "check_element",
    "check_guards",
    "check_library",
    "check_parameters",
    "check_quantity",
    "check_value",
    "check_window",
    "children",
    "guards_of",
    "nodes",
    "unguarded",
]

Dimension: TypeAlias = "tuple[tuple[str, int], ...]"
"""Base to power, sorted. `body_mass[actual]` and `arbitrary[insulin]` are bases of their own."""

LARGEST_EXPANSION = (5_000, 60)
"""Size and depth to which the condition of `persists`, a latch or a computed definition may grow."""


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


def _bare(base: str) -> str:
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
    if _loose(one) == _loose(other):
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


def _loose(dimension: Mapping[str, int]) -> Dimension:
    powers: dict[str, int] = {}
    for base, power in dimension.items():
        powers[_bare(base)] = powers.get(_bare(base), 0) + power
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
    return _loose(dict(left.dimension)) != _loose(dict(right.dimension))


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


# ---------------------------------------------------------------- the checker


class Checker:
    """Types of the nodes of expressions, and what is wrong with them.

    `types` keeps the type of every node visited, by identity: the lowering reads it.
    """

    def __init__(self, scope: Scope, context: Context = ANYWHERE) -> None:
        self.scope = scope
        self.context = context
        self.found: list[Diagnostic] = []
        self.types: dict[int, Type] = {}

    def report(self, code: str, span: Span, message: str, help: str | None = None, why: str | None = None) -> Type:
        self.found.append(found(code, span, message, help, why))
        return ERROR

    # -------- expectations

    def boolean(self, expr: tree.Expr) -> None:
        """Report `expr` unless it is a condition."""
        made = self.type_of(expr)
        if made.kind in ("boolean", "error"):
            return
        text = to_text(expr)
        if made.kind == "choice":
            first = made.options[0] if made.options else "…"
            self.report("KB313", expr.span, f"`{text}` is a choice, not a condition", f"write `{text} is {first}`")
        elif made.kind == "number":
            example = f"{text} > 0 {made.unit}".strip()
            self.report("KB313", expr.span, f"`{text}` is a number, not a condition", f"compare it: `{example}`")
        elif made.kind == "text":
            self.report("KB320", expr.span, f"`{text}` is free text, which is shown but never compared")
        else:
            self.report("KB313", expr.span, f"`{text}` is a date-time, not a condition", f"write `now - {text} > 1 h`")

    def numeric(self, expr: tree.Expr) -> Type:
        """The type of `expr`, reported and ERROR unless it is a number."""
        made = self.type_of(expr)
        if made.kind in ("number", "error"):
            return made
        what = {"boolean": "a condition", "choice": "a choice", "date-time": "a date-time", "text": "free text"}
        code = "KB320" if made.kind == "text" else "KB313"
        return self.report(code, expr.span, f"`{to_text(expr)}` is {what[made.kind]}, and a number is needed here")

    def duration(self, expr: tree.Expr) -> None:
        made = self.numeric(expr)
        if made.number:
            self.same(SECONDS, made, expr, "a duration is needed", "min")

    def same(self, left: Type, right: Type, at: tree.Expr, what: str, unit: str) -> bool:
        """Whether `right` fits `left`; if not, reported at `at` with what is needed there."""
        problem = meet(left, right)
        if not isinstance(problem, str):
            return True
        text = to_text(at)
        if problem == "KB315":
            self.report("KB315", at.span, f"`{text}` has no unit: {what}", f"write `{text} {unit}`")
        else:
            self.report(problem, at.span, f"`{text}` is {_described(right)}: {what}", f"write it in `{unit}`")
        return False

    # -------- nodes

    def type_of(self, expr: tree.Expr) -> Type:
        made = self._type_of(expr)
        self.types[id(expr)] = made
        return made

    def _type_of(self, expr: tree.Expr) -> Type:
        match expr:
            case tree.Truth():
                return BOOLEAN
            case tree.Number():
                return self._literal(expr)
            case tree.Name():
                return self._name(expr)
            case tree.Compare():
                return self._compare(expr)
            case tree.Between(value, low, high):
                made = self.numeric_or_date(value)
                self._fits(expr, value, made, low, self.numeric_or_date(low))
                self._fits(expr, value, made, high, self.numeric_or_date(high))
                self._ascending(expr.span, low, high)
                return BOOLEAN
            case tree.Is():
                return self._is(expr)
            case tree.And(items) | tree.Or(items) | tree.AtLeast(_, items):
                for item in items:
                    self.boolean(item)
                return BOOLEAN
            case tree.Not(item):
                self.boolean(item)
                return BOOLEAN
            case tree.Implies(left, right):
                self.boolean(left)
                self.boolean(right)
                return BOOLEAN
            case tree.Arithmetic():
                return self._arithmetic(expr)
            case tree.Negate(item):
                made = self.numeric(item)
                if made.dimension == (("temperature", 1),) and not made.literal:
                    return self.report("KB314", expr.span, f"`{to_text(item)}` is a temperature and has no opposite")
                return made
            case tree.Call():
                return self._call(expr)
            case tree.TimeFeature():
                return self._feature(expr)
            case tree.Persists():
                return self._persists(expr)
            case tree.OfAdvice():
                return self._of_advice(expr)
            case _:
                assert_never(expr)

    def numeric_or_date(self, expr: tree.Expr) -> Type:
        made = self.type_of(expr)
        return made if made.kind == "date-time" else self._again_numeric(expr, made)

    def _again_numeric(self, expr: tree.Expr, made: Type) -> Type:
        if made.kind in ("number", "error"):
            return made
        what = {"boolean": "a condition", "choice": "a choice", "text": "free text"}[made.kind]
        code = {"text": "KB320", "choice": "KB319", "boolean": "KB321"}[made.kind]
        help = None
        if made.kind == "choice":
            help = f"write `{to_text(expr)} is {made.options[0] if made.options else '…'}`"
        if made.kind == "boolean":
            help = f"write `{to_text(expr)}` alone, or `not {to_text(expr)}`"
        return self.report(code, expr.span, f"`{to_text(expr)}` is {what} and is not compared by size", help)

    def _literal(self, expr: tree.Number) -> Type:
        if expr.unit is None:
            return Type("number", literal=True)
        try:
            measure = self.scope.units.parse(expr.unit)
        except BadValue as bad:
            help = bad.help
            if "/" in expr.unit and any(self.scope.kind_of(part) for part in expr.unit.split("/")):
                help = "to divide by a name, put spaces around the `/`"
            return self.report(bad.code, expr.span, bad.message, help)
        unit = "1" if not measure.dimension and expr.unit == "1" else expr.unit
        return Type("number", dimension_of(measure.dimension), unit, literal=True)

    # -------- names

    def _name(self, expr: tree.Name) -> Type:
        name, scope = expr.id, self.scope
        if name == "now":
            return DATE_TIME
        if name.startswith("order."):
            return self._order(expr)
        kind = scope.kind_of(name)
        if kind == "parameter":
            return self._parameter(name)
        if kind == "define":
            return self._defined(expr)
        if kind == "element":
            return element_type(scope, scope.elements[name])
        if kind == "drug":
            made = drug_type(scope, name, "rate")
            if made is None:
                return self.report(
                    "KB312",
                    expr.span,
                    f"`{name}` has no running rate: the library does not give it as an infusion",
                    f"write `total({name} in the episode)` or `count({name} in the episode)`",
                )
            return made
        if kind == "class":
            return self.report(
                "KB312",
                expr.span,
                f"`{name}` is a class of drugs and has no value",
                f"name a drug, or write `total({name} in the episode)`",
            )
        if kind == "step":
            return self.report(
                "KB312", expr.span, f"`{name}` is a step and has no value", f"write `done({name} in the episode)`"
            )
        return self._unknown(expr, (*scope.parameters, *scope.defines, *scope.elements, *scope.drugs), "name")

    def _unknown(self, name: tree.Name, candidates: Iterable[str], what: str) -> Type:
        """Report a name nobody knows, with the name that was probably meant."""
        id, scope = name.id, self.scope
        right = scope.synonyms.get(id.replace("_", "-"))
        if right is not None:
            return self.report(
                "KB311",
                name.span,
                f"`{id}` is called `{right}` in the drug library",
                f"write `{right}`",
                "one drug under two names can be given twice",
            )
        if id in scope.units:
            help = f"a unit follows its number after one space: `130 /{id}`, `5 {id}`"
            return self.report("KB304", name.span, f"`{id}` is a unit and has no value of its own", help)
        parts = id.split("-")
        for cut in range(1, len(parts)):
            left, after = "-".join(parts[:cut]), "-".join(parts[cut:])
            if scope.kind_of(left) and (scope.kind_of(after) or after.isdigit()):
                return self.report(
                    "KB304",
                    name.span,
                    f"unknown {what} `{id}`",
                    f"for a subtraction write spaces around the minus: `{left} - {after}`",
                )
        if id in ("else", "otherwise", "default"):
            help = "the last case, for whoever no other case holds, has no `when:`: write `- else: STEP`"
            return self.report("KB310", name.span, f"`{id}` is no condition", help)
        close = get_close_matches(id, [*candidates, *scope.shared], 1, 0.7)
        swapped = id.replace("_", "-") if "_" in id else id.replace("-", "_")
        if swapped != id and scope.kind_of(swapped):
            close = [swapped]
        help = f"did you mean `{close[0]}`?" if close else "define it in this file, or add it to the library"
        if self.context.order is not None and id in ORDER_ATTRIBUTES:
            help = f"write `order.{id}`"
        return self.report("KB310", name.span, f"unknown {what} `{id}`", help)

    def _order(self, expr: tree.Name) -> Type:
        attribute = expr.id.removeprefix("order.")
        drugs = self.context.order
        if attribute not in ORDER_ATTRIBUTES:
            close = get_close_matches(attribute, ORDER_ATTRIBUTES, 1, 0.5)
            help = (
                f"did you mean `order.{close[0]}`?"
                if close
                else "an order has " + ", ".join(f"`order.{name}`" for name in ORDER_ATTRIBUTES)
            )
            return self.report("KB310", expr.span, f"an order has no `{attribute}`", help)
        if drugs is None:
            return self.report(
                "KB329",
                expr.span,
                f"`{expr.id}` stands outside a `never` rule",
                "only a rule about orders sees an order; elsewhere name the drug",
            )
        if attribute in ("rate", "amount"):
            made = group_type(self.scope, drugs, attribute)
            if made is None:
                return self.report(
                    "KB314",
                    expr.span,
                    f"the drugs of this rule have no common unit for `{expr.id}`",
                    "write one rule for each drug",
                )
            return made
        if attribute == "route":
            routes = {route for id in drugs for route in self.scope.drugs[id].routes}
            return Type("choice", options=tuple(sorted(routes)), open=not routes)
        if attribute == "salt":
            salts = {salt for id in drugs for salt, _ in self.scope.drugs[id].salts}
            return Type("choice", options=tuple(sorted(salts)))
        if attribute == "weight":
            bases = {element.basis for element in self.scope.elements.values() if element.basis}
            return Type("choice", options=tuple(sorted(bases)))
        return Type("choice", open=True)

    def _parameter(self, name: str) -> Type:
        parameter = self.scope.parameters[name]
        if parameter.options:
            return Type("choice", options=tuple(parameter.options))
        if parameter.type == "boolean":
            return BOOLEAN
        try:
            measure = self.scope.units.parse(parameter.unit)
        except BadValue:
            return ERROR
        return Type("number", dimension_of(measure.dimension), "" if parameter.unit == "1" else parameter.unit)

    def _defined(self, expr: tree.Name) -> Type:
        types = define_types(self.scope)[0]
        return types.get(expr.id, ERROR)

    # -------- comparisons

    def _compare(self, expr: tree.Compare) -> Type:
        left, right = self.type_of(expr.left), self.type_of(expr.right)
        for side, made, other in ((expr.left, left, expr.right), (expr.right, right, expr.left)):
            if made.kind == "choice" and self._is_word(other, made):
                self._not_by_sign(expr, side, made, other)
                return BOOLEAN
        if "error" in (left.kind, right.kind):
            return BOOLEAN
        for side, made, other in ((expr.left, left, expr.right), (expr.right, right, expr.left)):
            if made.kind == "text":
                self.report(
                    "KB320",
                    side.span,
                    f"`{to_text(side)}` is free text, which is shown but never compared",
                    "chart it as a choice with options, and test it with `is`",
                )
                return BOOLEAN
            if made.kind == "choice":
                self._not_by_sign(expr, side, made, other)
                return BOOLEAN
        if left.kind == "boolean" or right.kind == "boolean":
            self._truth_by_sign(expr)
        elif left.kind != right.kind:
            self.report(
                "KB313",
                expr.span,
                f"`{to_text(expr.left)}` is {_kind(left)} and `{to_text(expr.right)}` is {_kind(right)}",
                "compare two values of one kind",
            )
        else:
            self._fits(expr, expr.left, left, expr.right, right)
        return BOOLEAN

    def _is_word(self, expr: tree.Expr, made: Type) -> bool:
        """Whether a name was reported as unknown though it is a word of the choice beside it."""
        if isinstance(expr, tree.Name) and not self.scope.kind_of(expr.id) and not expr.id.startswith("order."):
            self.found = [item for item in self.found if not (item.span == expr.span and item.code in _NAMES)]
            return True
        return False

    def _not_by_sign(self, expr: tree.Compare, side: tree.Expr, made: Type, other: tree.Expr) -> None:
        word = to_text(other) if isinstance(other, tree.Name) else made.options[0] if made.options else "…"
        negation = "not " if expr.op == "!=" else ""
        self.report(
            "KB319",
            expr.span,
            f"`{to_text(side)}` is a choice and is not compared by `{expr.op}`",
            f"write `{to_text(side)} is {negation}{word}`",
        )

    def _truth_by_sign(self, expr: tree.Compare) -> None:
        left, right = expr.left, expr.right
        value, other = (right, left) if isinstance(left, tree.Truth) else (left, right)
        text = to_text(value)
        positive = not isinstance(other, tree.Truth) or (other.value == (expr.op == "="))
        bare = text if positive else f"not {text}"
        self.report(
            "KB321",
            expr.span,
            f"`{to_text(expr)}` compares a truth value by `{expr.op}`",
            f"write `{bare}`, or `{text} is {'true' if positive else 'false'}`",
        )

    def _fits(self, expr: tree.Expr, left: tree.Expr, one: Type, right: tree.Expr, other: Type) -> None:
        """Two sides of a comparison, a sum, or the ends of `between`."""
        if "error" in (one.kind, other.kind):
            return
        if one.kind != other.kind:
            self.report(
                "KB313",
                expr.span,
                f"`{to_text(left)}` is {_kind(one)} and `{to_text(right)}` is {_kind(other)}",
                "compare two values of one kind",
            )
            return
        problem = meet(one, other)
        if isinstance(problem, str):
            self._mismatch(problem, expr, (left, one), (right, other))

    def _mismatch(
        self, code: str, expr: tree.Expr, left: tuple[tree.Expr, Type], right: tuple[tree.Expr, Type]
    ) -> None:
        if code == "KB315":
            (bare, _), (named, made) = (left, right) if left[1].literal and not left[1].unit else (right, left)
            help = f"write `{to_text(bare)} {made.unit}`"
            if re.fullmatch(r"[\d.]+ - [\d.]+ \S+", to_text(expr)):
                help = f"`-` is minus; a range is written `{to_text(expr).replace(' - ', ' to ')}`"
            self.report(
                "KB315",
                bare.span,
                f"`{to_text(bare)}` has no unit, and `{to_text(named)}` is {_described(made)}",
                help,
            )
            return
        text = f"`{to_text(left[0])}` is {_described(left[1])}, `{to_text(right[0])}` is {_described(right[1])}"
        help, why = "compare quantities of one kind", None
        known, written = (right, left) if left[1].literal else (left, right)
        if written[1].literal:
            help = f"write it in `{known[1].unit or '1'}`"
        one, other = (_loose(dict(made.dimension)) for made in (left[1], right[1]))
        differing = {base for base, _ in set(one) ^ set(other)}
        if code == "KB323":
            help = "one expression uses one weight; `weight:` of the protocol or dose says which"
            why = "a dose per kg of ideal weight is not the same dose per kg of actual weight"
        elif code == "KB324":
            help = "units are defined by an assay of each substance and do not convert"
        elif differing == {"body_mass"}:
            if written[1].literal and dict(written[1].dimension).get("body_mass"):
                help += f", or multiply it by the weight: `{to_text(written[0])} * weight`"
            why = "per kg and not per kg differ by the patient's weight, some seventy-fold"
        elif differing == {"mass", "amount"}:
            help += "; mass and mol convert once the data has its `molar_mass`"
        elif differing == {"charge", "amount"}:
            help += "; mEq and mmol convert once the data has its `valence`"
        elif differing == {"mass", "body_mass"}:
            help += "; `kg` is always body weight, g and mg are always of a substance"
        self.report(code, expr.span, text, help, why)

    def _ascending(self, at: Span, low: tree.Expr, high: tree.Expr) -> None:
        """Report two literal ends of one kind that stand in the wrong order."""
        one, other = literal_value(self.scope, low), literal_value(self.scope, high)
        alike = self.types.get(id(low), PLAIN).dimension == self.types.get(id(high), PLAIN).dimension
        if alike and one is not None and other is not None and one > other:
            self.report("KB336", at, f"`{to_text(low)}` is more than `{to_text(high)}`", "write the lower end first")

    def _is(self, expr: tree.Is) -> Type:
        value, words = expr.value, [option.id for option in expr.options]
        text = to_text(value)
        element = self._element_of(value)
        known = words
        if "unobtainable" in words and not (element is not None and "unobtainable" in element.options):
            if element is None:
                self.type_of(value)
                if self.types[id(value)].kind != "error":
                    self.report(
                        "KB322",
                        expr.span,
                        f"`{text}` is not data, and only data are charted `unobtainable`",
                        f"write `not known({text})`",
                    )
                return BOOLEAN
            self.types[id(value)] = element_type(self.scope, element)
            if not element.can_be_unobtainable:
                self.report(
                    "KB322",
                    expr.span,
                    f"`{text}` cannot be charted as unobtainable",
                    f"write `not known({text})`, or add `unobtainable: true` to `{text}` in the data",
                )
                return BOOLEAN
            known = [word for word in words if word != "unobtainable"]
            if not known:
                return BOOLEAN
        made = self.type_of(value)
        if made.kind == "boolean":
            for option in expr.options:
                if option.id not in ("true", "false", "unobtainable"):
                    self.report(
                        "KB318",
                        option.span,
                        f"`{text}` is true or false, never `{option.id}`",
                        f"write `{text}` or `not {text}`",
                    )
        elif made.kind == "choice":
            for option in expr.options:
                if option.id in known and option.id not in made.options and not made.open:
                    self._bad_option(option, text, made)
        elif made.kind == "text":
            self.report(
                "KB320",
                expr.span,
                f"`{text}` is free text, which is shown but never compared",
                "chart it as a choice with options",
            )
        elif made.kind in ("number", "date-time"):
            self.report(
                "KB313",
                expr.span,
                f"`{text}` is {_kind(made)} and has no options",
                "compare it: `" + f"{text} > 0 {made.unit}".strip() + "`" if made.number else None,
            )
        return BOOLEAN

    def _bad_option(self, option: tree.Name, text: str, made: Type) -> None:
        close = get_close_matches(option.id, made.options, 1, 0.6)
        offers = ", ".join(f"`{name}`" for name in made.options)
        help = f"did you mean `{close[0]}`?" if close else f"the options are {offers}"
        if not close and self.scope.kind_of(option.id):
            help = f"for a condition of its own write it first, or in brackets: `({text} is …) or {option.id}`"
        self.report("KB318", option.span, f"`{text}` has no option `{option.id}`", help)

    def _element_of(self, expr: tree.Expr) -> ElementLike | None:
        if isinstance(expr, tree.Name) and self.scope.kind_of(expr.id) == "element":
            return self.scope.elements[expr.id]
        return None

    # -------- arithmetic

    def _arithmetic(self, expr: tree.Arithmetic) -> Type:
        left, right = self.type_of(expr.left), self.type_of(expr.right)
        if "error" in (left.kind, right.kind):
            return ERROR
        if expr.op in "+-" and "date-time" in (left.kind, right.kind):
            return self._dates(expr, left, right)
        for side, made in ((expr.left, left), (expr.right, right)):
            if not made.number:
                code = "KB320" if made.kind == "text" else "KB313"
                return self.report(
                    code, side.span, f"`{to_text(side)}` is {_kind(made)}, and `{expr.op}` needs a number"
                )
        degrees = (("temperature", 1),)
        if expr.op in "+-":
            if left.dimension == degrees and right.dimension == degrees:
                if expr.op == "+" or left.literal or right.literal:
                    return self.report(
                        "KB314",
                        expr.span,
                        "temperatures are not added, nor degrees taken from them",
                        "compare the temperature itself, or `change(temperature in the last 1 h)`",
                    )
                return Type("number", (("temperature_difference", 1),), left.unit)
            problem = meet(left, right)
            if isinstance(problem, str):
                self._mismatch(problem, expr, (expr.left, left), (expr.right, right))
                return ERROR
            return agree(left, right)
        if expr.op == "/" and literal_value(self.scope, expr.right) == 0:
            return self.report(
                "KB333", expr.right.span, f"`{to_text(expr.right)}` is zero, and nothing is divided by zero"
            )
        if degrees in (left.dimension, right.dimension):
            return self.report(
                "KB314",
                expr.span,
                f"a temperature takes no part in `{expr.op}`",
                "degrees have an arbitrary zero; compare them instead",
            )
        made = product(self.scope, expr.op, left, right)
        for bare, code in (("body_mass", "KB323"), ("arbitrary", "KB324")):
            names = [base for base, _ in made.dimension if base.startswith(bare + "[")]
            if len(names) > 1:
                self._mismatch(code, expr, (expr.left, left), (expr.right, right))
                return ERROR
        return made

    def _dates(self, expr: tree.Arithmetic, left: Type, right: Type) -> Type:
        if left.kind == right.kind == "date-time":
            if expr.op == "-":
                return SECONDS
            return self.report("KB313", expr.span, "two date-times are not added", "subtract them, or add a duration")
        date_first = left.kind == "date-time"
        side, made = (expr.right, right) if date_first else (expr.left, left)
        if not made.number or (expr.op == "-" and not date_first):
            return self.report(
                "KB313",
                expr.span,
                f"`{to_text(side)}` is {_kind(made)}: a date-time takes a duration after it",
                "write `now - admission_time`, or `admission_time + 6 h`",
            )
        ok = self.same(SECONDS, made, side, "a date-time takes a duration", "h")
        return DATE_TIME if ok else ERROR

    # -------- functions

    def _call(self, expr: tree.Call) -> Type:
        function, arguments = expr.function, expr.arguments
        if function == "ordered":
            return self._ordered(expr)
        if function == "known":
            made = self.type_of(arguments[0])
            if made.kind == "text":
                self.report("KB320", expr.span, f"`{to_text(arguments[0])}` is free text, which no condition reads")
            return BOOLEAN
        if function in COMPUTED and not self.context.in_define:
            for argument in arguments:
                self.type_of(argument)
            return self.report(
                "KB328",
                expr.span,
                f"`{function}` stands outside a definition",
                "give the value a name under `define` and use the name here",
            )
        types = [self.numeric(argument) for argument in arguments]
        if any(made.kind == "error" for made in types):
            return ERROR
        if function in ("least", "greatest", "round"):
            joined = types[0]
            for argument, made in zip(arguments[1:], types[1:], strict=True):
                problem = meet(joined, made)
                if isinstance(problem, str):
                    self._mismatch(problem, expr, (arguments[0], joined), (argument, made))
                    return ERROR
                joined = agree(joined, made) if function != "round" else replace(joined, literal=False)
            step = literal_value(self.scope, arguments[1]) if function == "round" else None
            if step is not None and step <= 0:
                return self.report(
                    "KB333",
                    arguments[1].span,
                    f"`{to_text(arguments[1])}` is no step to round to",
                    "round to a step above zero, such as `1` or `0.1 mL`",
                )
            return joined
        if function == "abs":
            return replace(types[0], literal=False)
        for argument, made in zip(arguments, types, strict=True):
            if made.dimension:
                return self.report(
                    "KB314",
                    argument.span,
                    f"`{to_text(argument)}` is {_described(made)}, and `{function}` takes a plain number",
                    f"divide by the unit first: `{to_text(argument)} / 1 {made.unit}`",
                )
        return PLAIN

    def _ordered(self, expr: tree.Call) -> Type:
        argument = expr.arguments[0]
        if self.context.order is None:
            self.report(
                "KB329",
                expr.span,
                "`ordered` stands outside a `never` rule",
                "only a rule about orders sees the other orders",
            )
        elif not isinstance(argument, tree.Name) or self.scope.event_of(argument.id) not in ("drug", "class"):
            name = argument if isinstance(argument, tree.Name) else tree.Name(to_text(argument), argument.span)
            if self.scope.kind_of(name.id):
                self.report("KB312", argument.span, f"`{name.id}` is not a drug or class", "write `ordered(dopamine)`")
            else:
                self._unknown(name, (*self.scope.drugs, *self.scope.classes), "drug")
        return BOOLEAN

    # -------- what the advice says

    def _of_advice(self, expr: tree.OfAdvice) -> Type:
        text, function = to_text(expr), expr.function
        if not self.context.proving:
            return self.report(
                "KB800",
                expr.span,
                f"`{text}` stands outside `prove:`",
                "only a property speaks of the advice; elsewhere write what is known of the patient",
                "advice that depended on advice would have no beginning",
            )
        if expr.step is None:
            return BOOLEAN
        step = self.scope.steps.get(expr.step.id)
        if step is None:
            close = get_close_matches(expr.step.id, self.scope.steps, 1, 0.6)
            help = f"did you mean `{close[0]}`?" if close else "name a step under `steps:`"
            return self.report("KB801", expr.step.span, f"there is no step `{expr.step.id}`", help)
        if function in ("dose", "lowest_dose", "highest_dose"):
            return self._dose_of(expr, step)
        if (step.kind == "decide" and function != "reached") or step.kind == "end":
            what = "a question" if step.kind == "decide" else "an outcome"
            if function != "reached":
                return self.report(
                    "KB801",
                    expr.span,
                    f"`{expr.step.id}` is {what}, which is reached or not; `{function}` is asked of an action",
                    f"write `reached({expr.step.id})`, or name the action it leads to",
                )
        if step.kind == "hand_over" and function in ("satisfied", "withheld"):
            return self.report(
                "KB801",
                expr.span,
                f"`{expr.step.id}` hands over, which is never `{function}`",
                f"write `recommends({expr.step.id})`",
            )
        return BOOLEAN

    def _dose_of(self, expr: tree.OfAdvice, step: StepShape) -> Type:
        assert expr.step is not None
        id = expr.step.id
        if not step.drug or step.drug not in self.scope.drugs:
            if step.drug:
                return ERROR  # reported where drugs are
            return self.report(
                "KB802",
                expr.span,
                f"`{id}` recommends no dose of its own",
                "name a step that gives, infuses, changes or titrates one drug",
            )
        if step.ranged == (expr.function == "dose") and self._faulty_dose(step):
            return ERROR  # reported at the step: what it is mended to decides whether it is a range
        if step.ranged and expr.function == "dose":
            return self.report(
                "KB802",
                expr.span,
                f"the dose of `{id}` is a range",
                f"write `highest_dose({id})` where it must not be more, `lowest_dose({id})` where it must not be less",
                "a limit that only the lower end keeps is no limit",
            )
        if not step.ranged and expr.function != "dose":
            return self.report("KB802", expr.span, f"the dose of `{id}` is no range", f"write `dose({id})`")
        return drug_type(self.scope, step.drug, step.of) or ERROR

    def _faulty_dose(self, step: StepShape) -> bool:
        return step.dose is not None and bool(check_amount(self.scope, step.dose, step.drug, step.of, step.weight))

    # -------- time features

    def event(self, name: tree.Name, kinds: Sequence[str], feature: str) -> str:
        """The kind of what happened, or empty where it was reported."""
        scope = self.scope
        kind = scope.event_of(name.id)
        if kind in kinds:
            return kind
        if "step" in kinds and name.id in scope.steps:
            return "step"
        words = {"drug": "a drug", "class": "a class of drugs", "element": "data", "step": "a step"}
        wanted = _or([words[each] for each in kinds])
        if kind or scope.kind_of(name.id):
            have = words.get(kind) or f"a {'definition' if name.id in scope.defines else 'parameter'}"
            help = None
            if kind == "step" and feature in ("total", "previous", "change"):
                help = f"write `count({name.id} in the episode)`"
            elif feature in ("done", "declined"):
                help = f"write `count({name.id} in the episode) > 0`" if kind else None
            self.report("KB326", name.span, f"`{feature}` is asked of {wanted}, and `{name.id}` is {have}", help)
            return ""
        pools = {"drug": scope.drugs, "class": scope.classes, "element": scope.elements, "step": scope.steps}
        self._unknown(name, [each for wanted_kind in kinds for each in pools[wanted_kind]], "name")
        return ""

    def window(self, window: tree.Window) -> None:
        match window:
            case tree.InEpisode():
                pass
            case tree.SinceEvent(event):
                self.event(event, ("drug", "class", "element", "step"), "since")
            case tree.InLast(duration):
                self.duration(duration)
            case _:
                assert_never(window)

    def _feature(self, expr: tree.TimeFeature) -> Type:
        function, of, window = expr.function, expr.of, expr.window
        name = of.id
        if window is not None:
            self.window(window)
        if name == "this" and "this" not in self.scope.steps:
            if not self.context.this_step:
                return self.report(
                    "KB326",
                    expr.span,
                    "no step is named here",
                    f"write `{function}(STEP {to_text(window) if window else ''})`".replace(" )", ")"),
                )
            return BOOLEAN
        if function in ("since", "previous"):
            if window is not None:
                self.report("KB326", expr.span, f"`{function}` takes no window", f"write `{function}({name})`")
        elif window is None:
            others = f"`{function}({name} in the last 24 h)` or `{function}({name} since X)`"
            self.report(
                "KB325",
                expr.span,
                f"`{function}({name})` does not say over what time",
                f"write `{function}({name} in the episode)`, {others}",
            )
        if function == "since":
            kind = self.event(of, ("drug", "class", "element", "step"), function)
            return SECONDS if kind else ERROR
        if function == "count":
            kind = self.event(of, ("drug", "class", "element", "step"), function)
            return PLAIN if kind else ERROR
        if function in ("done", "declined"):
            if name not in self.scope.steps:
                self.event(of, ("step",), function)
            return BOOLEAN
        if function == "total":
            kind = self.event(of, ("drug", "class"), function)
            made = group_type(self.scope, self.scope.members(name), "amount") if kind else ERROR
            if made is None:
                return self.report(
                    "KB326",
                    expr.span,
                    f"amounts of `{name}` are not counted in one unit",
                    "the library gives it no `amount` unit, or its drugs have different ones",
                )
            return made
        return self._past_value(expr)

    def _past_value(self, expr: tree.TimeFeature) -> Type:
        """previous(x) and change(x …)."""
        kind = self.event(expr.of, ("element", "drug"), expr.function)
        if not kind:
            return ERROR
        name = expr.of.id
        made = (
            element_type(self.scope, self.scope.elements[name])
            if kind == "element"
            else drug_type(self.scope, name, "rate")
        )
        if made is None:
            return self.report(
                "KB326", expr.span, f"`{name}` has no running rate", f"write `count({name} in the episode)`"
            )
        if made.kind == "text":
            return self.report("KB320", expr.span, f"`{name}` is free text, which is shown but never compared")
        if expr.function == "change":
            if made.kind not in ("number", "error"):
                return self.report(
                    "KB326",
                    expr.span,
                    f"`change` is asked of numbers, and `{name}` is {_kind(made)}",
                    f"compare `{name}` with `previous({name})`" if made.kind == "date-time" else None,
                )
            if made.dimension == (("temperature", 1),):
                return Type("number", (("temperature_difference", 1),), made.unit)
        return made

    def _persists(self, expr: tree.Persists) -> Type:
        self.boolean(expr.condition)
        self.duration(expr.duration)
        self.event(expr.after, ("drug", "class", "step"), "persists")
        self.present(expr.condition, "the condition of `persists`")
        return BOOLEAN

    def present(self, expr: tree.Expr, what: str) -> None:
        """Report what looks back in time within `expr`, and an expansion beyond review."""
        for node in nodes(expr):
            looks_back = isinstance(node, tree.TimeFeature | tree.Persists)
            name = node.id if isinstance(node, tree.Name) else ""
            if looks_back or (name in self.scope.with_history and self.scope.kind_of(name) == "define"):
                self.report(
                    "KB330",
                    node.span,
                    f"{what} looks back in time by `{to_text(node)}`",
                    "it is judged on what is charted at each moment; take the look back out of it",
                )
                return
        self.small(expr, what)

    def small(self, expr: tree.Expr, what: str) -> None:
        size, depth = self.scope.extent_of(expr)
        if size > LARGEST_EXPANSION[0] or depth > LARGEST_EXPANSION[1]:
            self.report(
                "KB338",
                expr.span,
                f"{what} is too large once its definitions are written out",
                f"at most {LARGEST_EXPANSION[0]} parts, {LARGEST_EXPANSION[1]} levels deep",
            )


_NAMES = ("KB310", "KB311", "KB304")


def _kind(made: Type) -> str:
    return {"boolean": "a condition", "choice": "a choice", "date-time": "a date-time", "text": "free text"}.get(
        made.kind, "a number"
    )


def _described(made: Type) -> str:
    """`pressure (mmHg)`, `mass per body weight per time (mcg/kg/min)`, `a plain number`."""
    words = describe_dimension(dict(made.dimension))
    return f"{words} ({made.unit})" if made.unit not in ("", "1") and made.dimension else words


def _or(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


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


# ---------------------------------------------------------------- entry points


def check_condition(scope: Scope, expr: tree.Expr, context: Context = ANYWHERE) -> list[Diagnostic]:
    """What is wrong with a condition, guards aside (see `check_guards`)."""
    checker = Checker(scope, context)
    checker.boolean(expr)
    return checker.found


def check_value(scope: Scope, expr: tree.Expr, context: Context = ANYWHERE) -> tuple[Type, list[Diagnostic]]:
    """The type of a value and what is wrong with it."""
    checker = Checker(scope, context)
    return checker.type_of(expr), checker.found


def check_window(scope: Scope, window: tree.Window) -> list[Diagnostic]:
    checker = Checker(scope)
    checker.window(window)
    return checker.found


def check_duration(scope: Scope, value: tree.Expr | tree.Range) -> list[Diagnostic]:
    """What is wrong with an interval such as `15 min`, `reassess_after` or `3 to 5 min`."""
    checker = Checker(scope)
    for end in _ends(value):
        checker.duration(end)
        number = literal_value(scope, end)
        if number is not None and number < 0:
            checker.report("KB334", end.span, f"`{to_text(end)}` is less than nothing")
    if isinstance(value, tree.Range):
        checker._ascending(value.span, value.low, value.high)
    return checker.found


def check_quantity(scope: Scope, value: tree.Expr | tree.Range, unit: str, code: str = "KB332") -> list[Diagnostic]:
    """What is wrong with a quantity that is to be in `unit` (a bare number counts as being in it)."""
    checker = Checker(scope)
    try:
        wanted = unit_type(scope, unit)
    except BadValue as bad:
        return [found(bad.code, value.span, bad.message, bad.help)]
    for end in _ends(value):
        made = checker.numeric(end)
        bare = isinstance(end, tree.Number) and end.unit is None
        if made.number and not bare and isinstance(meet(wanted, made), str):
            checker.report(
                code,
                end.span,
                f"`{to_text(end)}` is {_described(made)}, and {_described(wanted)} is needed",
                f"write it in `{unit or '1'}`",
            )
    if isinstance(value, tree.Range):
        checker._ascending(value.span, value.low, value.high)
    return checker.found


def check_amount(
    scope: Scope, value: tree.Expr | tree.Range, drug: str, of: str, weight: str | None = None
) -> list[Diagnostic]:
    """What is wrong with a dose. `of`: rate or amount; `weight`: the basis the dose names, if it does.

    A dose is written in the drug's own unit, or in that unit per kg, which is then multiplied by the weight. The rate
    of a drug measured in arbitrary units is taken exactly as its library unit says: `units/min` is never per kg.
    """
    checker = Checker(scope)
    if drug not in scope.drugs:
        return []
    target = drug_type(scope, drug, of, weight)
    unit = scope.drugs[drug].rate_unit if of == "rate" else scope.drugs[drug].amount_unit
    if target is None:
        how = "an infusion" if of == "rate" else "single amounts"
        checker.report(
            "KB337",
            value.span,
            f"`{drug}` is not given as {how} in the drug library",
            f"use {'`give`' if of == 'rate' else '`infuse`'}, or add `{of}:` to `{drug}`",
        )
        return checker.found
    for end in _ends(value):
        made = checker.numeric(end)
        if not made.number or not target.number:
            continue
        problem = meet(target, made)
        if not isinstance(problem, str):
            continue
        per_weight = by_weight(target, made, weight or scope.basis)
        if per_weight and not (of == "rate" and any(_bare(base) == "arbitrary" for base, _ in target.dimension)):
            if scope.weighing(weight) is None:
                checker.report(
                    "KB337",
                    end.span,
                    f"`{to_text(end)}` is per kg, and no weight is named",
                    "write `weight: actual` (or `ideal`) in the protocol or in this dose",
                    "actual and ideal weight can differ twofold",
                )
            continue
        text = to_text(end)
        if problem == "KB315":
            checker.report(
                "KB315", end.span, f"`{text}` has no unit, and `{drug}` is given in `{unit}`", f"write `{text} {unit}`"
            )
            continue
        why = None
        one, other = (_loose(dict(made.dimension)), _loose(dict(target.dimension)))
        if {base for base, _ in set(one) ^ set(other)} == {"body_mass"}:
            why = "per kg and not per kg differ by the patient's weight, some seventy-fold"
        code = problem if problem in ("KB323", "KB324") else "KB337"
        checker.report(
            code,
            end.span,
            f"`{text}` is {_described(made)}, and the {of} of `{drug}` is {_described(target)}",
            f"write it in `{unit}`",
            why,
        )
    if isinstance(value, tree.Range):
        checker._ascending(value.span, value.low, value.high)
    for end in _ends(value):
        number = literal_value(scope, end)
        if number is not None and number < 0:
            checker.report("KB337", end.span, f"`{to_text(end)}` is less than nothing")
    return checker.found


def by_weight(target: Type, made: Type, basis: str = "") -> bool:
    """Whether `made` is `target` per kg of body weight."""
    weighed = dict(made.dimension)
    own = next((base for base in weighed if _bare(base) == "body_mass"), "")
    if weighed.get(own) != -1 or (own not in ("body_mass", f"body_mass[{basis}]") and basis):
        return False
    del weighed[own]
    return not isinstance(meet(target, replace(made, dimension=dimension_of(weighed))), str)


def _ends(value: tree.Expr | tree.Range) -> tuple[tree.Expr, ...]:
    return (value.low, value.high) if isinstance(value, tree.Range) else (value,)


# ---------------------------------------------------------------- definitions and parameters


def check_defines(scope: Scope) -> list[Diagnostic]:
    """What is wrong with the definitions: circles, types, units, cases."""
    return list(define_types(scope)[1])


def define_types(scope: Scope) -> tuple[Mapping[str, Type], tuple[Diagnostic, ...]]:
    """The type of every definition, and what is wrong with them; worked out once for a scope."""
    known: tuple[dict[str, Type], tuple[Diagnostic, ...]] | None = scope.memory.get("types")
    if known is not None:
        return known
    types: dict[str, Type] = {}
    diagnostics: list[Diagnostic] = []
    # What a definition sees while it is checked: the definitions before it.
    scope.memory["types"] = (types, ())
    order, circular = scope.order
    for id in circular:
        types[id] = ERROR
    if circular:
        first = scope.defines[circular[0]]
        circle = " → ".join(f"`{id}`" for id in (*circular, circular[0])) if len(circular) < 8 else f"`{circular[0]}`"
        diagnostics.append(
            found(
                "KB331",
                first.span,
                f"`{first.id}` is defined by itself: {circle}",
                "let one of them speak of data instead",
            )
        )
    for id in order:
        if id not in types:
            checker = Checker(scope, IN_DEFINE)
            types[id] = _define_type(checker, scope.defines[id])
            diagnostics += checker.found
    scope.memory["types"] = (types, tuple(diagnostics))
    return types, tuple(diagnostics)


def _define_type(checker: Checker, made: Definition) -> Type:
    if made.latch is not None:
        for part in made.latch:
            checker.boolean(part)
            checker.present(part, f"the latch `{made.id}`")
        return BOOLEAN
    if made.condition is not None:
        checker.boolean(made.condition)
        if made.id in checker.scope.computed:
            checker.small(made.condition, f"`{made.id}`")
        return BOOLEAN
    if made.value is not None:
        result = _case_type(checker, made, made.value)
        if result.kind == "boolean" and not made.cases:
            checker.report("KB339", made.value.span, f"`{made.id}` is a condition", "write it under `condition:`")
            return BOOLEAN
        values: tuple[tree.Expr | tree.Range, ...] = (made.value,)
    else:
        for when, _ in made.cases:
            if when is not None:
                checker.boolean(when)
        values = tuple(value for _, value in made.cases)
        result = _joined(checker, made, [_case_type(checker, made, value) for value in values], values)
    if made.id in checker.scope.computed:
        for part in made.parts:
            checker.small(part, f"`{made.id}`")
    return _with_unit(checker, made, result, values)


def _case_type(checker: Checker, made: Definition, value: tree.Expr | tree.Range) -> Type:
    if isinstance(value, tree.Range):
        return checker.report("KB336", value.span, f"`{made.id}` is one value, not a range", "give one value")
    if is_option(checker.scope, made, value):
        assert isinstance(value, tree.Name)
        if made.options and value.id not in made.options:
            checker._bad_option(value, made.id, Type("choice", options=made.options))
            return ERROR
        return Type("choice", options=made.options or (value.id,))
    return checker.type_of(value)


def is_option(scope: Scope, made: Definition, value: tree.Expr | tree.Range) -> bool:
    """Whether a case of a definition gives an option of a choice, not the value of something."""
    if not isinstance(value, tree.Name) or value.id.startswith("order.") or value.id == "now":
        return False
    if made.options:
        return value.id in made.options or not scope.kind_of(value.id)
    others = [other for _, other in made.cases if isinstance(other, tree.Name)]
    return not scope.kind_of(value.id) and len(made.cases) > 1 and len(others) == len(made.cases)


def _joined(checker: Checker, made: Definition, types: list[Type], values: Sequence[tree.Expr | tree.Range]) -> Type:
    result = types[0] if types else ERROR
    for value, other in zip(values[1:], types[1:], strict=True):
        if "error" in (result.kind, other.kind):
            result = (
                ERROR
                if result.kind == "error" and other.kind == "error"
                else result
                if result.kind != "error"
                else other
            )
        elif result.kind != other.kind:
            return checker.report(
                "KB339",
                value.span,
                f"`{to_text(value)}` is {_kind(other)}, and the cases before it are {_kind(result)}",
                "let all cases give the same kind of value",
            )
        elif result.kind == "choice":
            result = Type("choice", options=tuple(dict.fromkeys((*result.options, *other.options))))
        elif result.number:
            problem = meet(result, other)
            if isinstance(problem, str):
                code = problem if problem in ("KB315", "KB323", "KB324") else "KB339"
                return checker.report(
                    code,
                    value.span,
                    f"`{to_text(value)}` is {_described(other)}, and the cases before it are {_described(result)}",
                    "let all cases have one unit",
                )
            result = agree(result, other)
    return result


def _with_unit(checker: Checker, made: Definition, result: Type, values: Sequence[tree.Expr | tree.Range]) -> Type:
    if not made.unit:
        return replace(result, literal=False)
    try:
        wanted = unit_type(checker.scope, made.unit, basis="")
    except BadValue as bad:
        return checker.report(bad.code, made.span, bad.message, bad.help)
    if result.kind == "error":
        return result
    if not result.number:
        return checker.report(
            "KB332", made.span, f"`{made.id}` has the unit `{made.unit}` and is {_kind(result)}", "remove `unit:`"
        )
    problem = meet(wanted, replace(result, literal=True))
    if isinstance(problem, str):
        at = values[0]
        if problem == "KB315":
            return checker.report(
                "KB315",
                at.span,
                f"`{to_text(at)}` has no unit, and `{made.id}` is in `{made.unit}`",
                f"write `{to_text(at)} {made.unit}`",
            )
        return checker.report(
            "KB332",
            at.span,
            f"`{made.id}` is to be in `{made.unit}`, and its value is {_described(result)}",
            "correct the unit or the value",
        )
    unit = "" if made.unit == "1" else made.unit
    return (
        replace(result, unit=unit, literal=False, molar_mass=None, valence=0)
        if unit or not result.dimension
        else result
    )


def check_parameters(scope: Scope) -> list[Diagnostic]:
    """What is wrong with the parameters: their units, ranges and defaults."""
    diagnostics: list[Diagnostic] = []
    for parameter in scope.parameters.values():
        diagnostics += _check_parameter(scope, parameter.id, parameter)
    return diagnostics


def _check_parameter(scope: Scope, id: str, parameter: object) -> Iterator[Diagnostic]:
    options, unit = tuple(getattr(parameter, "options", ())), getattr(parameter, "unit", "")
    span, default, limits = (getattr(parameter, name) for name in ("span", "default", "range"))
    if options:
        value = None if default is None else value_of(default)
        if value is not None and not (
            isinstance(value, tree.Name | tree.Truth | tree.Number) and to_text(value) in options
        ):
            close = get_close_matches(to_text(value), options, 1, 0.5)
            help = f"did you mean `{close[0]}`?" if close else "the options are " + ", ".join(f"`{o}`" for o in options)
            yield found("KB318", value.span, f"`{id}` has no option `{to_text(value)}`", help)
        return
    if getattr(parameter, "type", "number") != "number":
        return
    try:
        scope.units.parse(unit)
    except BadValue as bad:
        yield found(bad.code, span, bad.message, bad.help)
        return
    faulty = False
    for amount in (limits, default):
        if amount is not None:
            problems = check_quantity(scope, value_of(amount), unit)
            faulty = faulty or bool(problems)
            yield from problems
    if limits is None or default is None or faulty:
        return
    bounds, value = value_of(limits), value_of(default)
    if not isinstance(bounds, tree.Range) or isinstance(value, tree.Range):
        return
    low, high, given = (literal_value(scope, _in_unit(part, unit)) for part in (bounds.low, bounds.high, value))
    if low is not None and high is not None and given is not None and not low <= given <= high:
        yield found(
            "KB334",
            value.span,
            f"the default `{to_text(value)}` of `{id}` is outside its range `{to_text(bounds)} {unit}`".replace(
                f" {unit} {unit}`", f" {unit}`"
            ),
            "correct the default or the range",
        )


def _in_unit(expr: tree.Expr, unit: str) -> tree.Expr:
    if isinstance(expr, tree.Negate):
        return tree.Negate(_in_unit(expr.item, unit), expr.span)
    if isinstance(expr, tree.Number) and expr.unit is None:
        return tree.Number(expr.value, unit or None, expr.span)
    return expr


# ---------------------------------------------------------------- library


def check_library(library: LibraryLike) -> list[Diagnostic]:
    """What is wrong with the units and quantities of the library: spellings, molar masses, limits, durations."""
    scope = Scope.over(library)
    diagnostics: list[Diagnostic] = [*_check_seconds(scope, library)]
    for element in library.elements.values():
        diagnostics += check_element(scope, element)
    for drug in library.drugs.values():
        diagnostics += _check_drug(scope, drug)
    diagnostics += check_defines(scope)
    diagnostics += check_define_guards(scope)
    return diagnostics


def _check_seconds(scope: Scope, library: LibraryLike) -> Iterator[Diagnostic]:
    """Every time is kept in seconds, whatever it is written in."""
    first = next(iter(library.units.values()), None)
    if first is None:
        return  # then every unit that stands anywhere is told as unknown
    try:
        second = scope.units.parse("s")
    except BadValue:
        message = "the units have no `s`, in which every time is kept"
    else:
        if second.factor == 1 and dict(second.dimension) == {"time": 1}:
            return
        first = library.units.get("s", first)
        message = "`s` is not the second, in which every time is kept"
    why = "how long a value stays current could not be worked out"
    yield found(
        "KB340",
        first.span,
        message,
        "write under `units:` an entry `s` with `ucum: s`, `factor: 1` and `of: {time: 1}`",
        why,
    )


def check_element(scope: Scope, element: ElementLike) -> list[Diagnostic]:
    """The same for one entry of the data dictionary, of the library or of a protocol's own."""
    diagnostics: list[Diagnostic] = []
    try:
        dimension = scope.units.parse(element.unit).dimension
        if element.type == "quantity" and not dimension and element.unit in ("", "1"):
            diagnostics.append(
                found("KB340", element.span, f"`{element.id}` is a quantity without a unit", "use `type: number`")
            )
        if element.basis and dict(dimension) != {"body_mass": 1}:
            diagnostics.append(
                found("KB340", element.span, f"`{element.id}` has a `basis` and is no weight", "give it in `kg`")
            )
        parse_molar_mass(element.molar_mass)
    except BadValue as bad:
        diagnostics.append(found(bad.code, element.span, f"`{element.id}`: {bad.message}", bad.help))
    if element.valid_for is not None:
        diagnostics += check_duration(scope, element.valid_for.value)
    return diagnostics


def _check_drug(scope: Scope, drug: DrugLike) -> Iterator[Diagnostic]:
    units = {"rate": drug.rate_unit, "amount": drug.amount_unit}
    for of, unit in units.items():
        try:
            dimension = dict(scope.units.parse(unit).dimension)
        except BadValue as bad:
            yield found(bad.code, drug.span, f"`{of}` of `{drug.id}`: {bad.message}", bad.help)
            units[of] = ""
            continue
        if unit and (dimension.get("time", 0) == -1) != (of == "rate"):
            help = "write it per time, such as `mcg/kg/min`" if of == "rate" else "write it without a time"
            yield found("KB340", drug.span, f"`{unit}` is no {of} (`{drug.id}`)", help)
            units[of] = ""
    if drug.valid_for is not None:
        yield from check_duration(scope, drug.valid_for.value)
    quantities = [
        (limit.of, end)
        for limit in drug.limits
        for end in (limit.soft_low, limit.soft_high, limit.hard_low, limit.hard_high)
    ]
    quantities += [(made.of, made.step) for made in drug.delivery]
    for of, amount in quantities:
        unit = units.get(of, "")
        if amount is None or not unit:
            continue
        wanted = unit_type(scope, unit)
        checker = Checker(scope)
        for end in _ends(amount.value):
            made = checker.numeric(end)
            if made.number and isinstance(meet(wanted, made), str):
                help = f"write it in `{unit}`"
                checker.report("KB340", end.span, f"`{to_text(end)}` does not fit the {of} of `{drug.id}`", help)
        yield from checker.found


# ---------------------------------------------------------------- guards (design rule 8)


def guards_of(scope: Scope, expr: tree.Expr) -> frozenset[str]:
    """What an expression tests to have happened: `known(since(x))`, `count(x …)`, `done(x …)`, `total(x …)`, a rate
    compared with a number, or the presence of data. Definitions are followed.
    """
    tested: set[str] = set()
    seen: set[str] = set()
    waiting = [expr]
    while waiting:
        for node in nodes(waiting.pop()):
            match node:
                case tree.Call("known", (tree.TimeFeature(_, of, _),)):
                    tested.add(of.id)
                case tree.Call("known", (tree.Name(id),)):
                    tested.add(id)
                case tree.TimeFeature("count", of, _) if of.id in scope.drugs and not scope.drugs[of.id].amount_unit:
                    pass  # only gifts are counted, and it is never given as one: the count is always 0
                case tree.TimeFeature("count" | "done" | "total" | "declined", of, _):
                    tested.add(of.id)
                case tree.Persists(_, _, after):
                    tested.add(after.id)
                case tree.Compare(_, left, right):
                    for side, other in ((left, right), (right, left)):
                        if (
                            isinstance(side, tree.Name)
                            and side.id in scope.drugs
                            and literal_value(scope, other) is not None
                        ):
                            tested.add(side.id)
                case tree.Name(id) if scope.kind_of(id) == "define" and id not in seen:
                    seen.add(id)
                    waiting += scope.defines[id].parts
                case _:
                    pass
    return frozenset(tested)


def unguarded(scope: Scope, expr: tree.Expr, guards: frozenset[str] = frozenset()) -> list[tree.TimeFeature]:
    """The `since(x)` and `previous(x)` of a condition whose event neither it nor `guards` tests.

    A definition that is a value counts as what it is made of; one that is a condition has its own check.
    """
    tested = guards | guards_of(scope, expr)
    asked: list[tree.TimeFeature] = []
    seen: set[str] = set()
    waiting: list[tuple[tree.Expr, bool]] = [(expr, False)]
    while waiting:
        node, sheltered = waiting.pop()
        if isinstance(node, tree.TimeFeature) and node.function in ("since", "previous"):
            if not sheltered and node.of.id not in tested and not _covered(scope, node.of.id, tested):
                asked.append(node)
            continue
        if isinstance(node, tree.Name) and scope.kind_of(node.id) == "define" and node.id not in seen:
            seen.add(node.id)
            made = scope.defines[node.id]
            if made.value is not None or made.cases:
                own = frozenset().union(*(guards_of(scope, part) for part in made.parts))
                waiting += [(part, sheltered or bool(own)) for part in made.parts]
            continue
        known = isinstance(node, tree.Call) and node.function == "known"
        waiting += [(child, sheltered or known) for child in reversed(children(node))]
    return asked


def _covered(scope: Scope, name: str, tested: frozenset[str]) -> bool:
    """Whether a member of a class, or the class of a drug, was tested."""
    return any(name in scope.members(other) or other in scope.members(name) for other in tested)


def check_guards(scope: Scope, conditions: Iterable[tree.Expr]) -> list[Diagnostic]:
    """What is not guarded in conditions that are tried one after the other, as the cases of a `decide`.

    A test in an earlier condition guards the later ones.
    """
    diagnostics: list[Diagnostic] = []
    guards: frozenset[str] = frozenset()
    told: set[str] = set()  # the first place is where the test belongs; later cases repeat the same mistake
    for condition in conditions:
        for feature in unguarded(scope, condition, guards):
            name = feature.of.id
            if to_text(feature) in told:
                continue
            told.add(to_text(feature))
            diagnostics.append(
                found(
                    "KB327",
                    feature.span,
                    f"`{to_text(feature)}` is unknown until `{name}` has happened once",
                    f"test first, in an earlier case or the same condition: `known({to_text(feature)})` or "
                    f"`count({name} in the episode) > 0`",
                    "before the first time the answer would stay open and no step would be reached",
                )
            )
        guards |= guards_of(scope, condition)
    return diagnostics


def check_define_guards(scope: Scope) -> list[Diagnostic]:
    """What is not guarded in definitions that are conditions, and in the conditions of cases."""
    diagnostics: list[Diagnostic] = []
    for made in scope.defines.values():
        if made.condition is not None:
            diagnostics += check_guards(scope, (made.condition,))
        diagnostics += check_guards(scope, (when for when, _ in made.cases if when is not None))
    return diagnostics
