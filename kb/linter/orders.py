"""What a protocol orders: every dose of every step and option, and how large it can become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from kb import model
from kb.expression import tree
from kb.expression.checks import check_value
from kb.expression.scope import Scope
from kb.expression.types import literal_value
from kb.linter.context import LintContext
from kb.values import BadValue

Ordering: TypeAlias = model.Give | model.Infuse | model.Change | model.Stop | model.Titrate


class Order(NamedTuple):
    """One verb that orders a drug, with its step and the option it stands in."""

    step: model.Do
    verb: Ordering
    drug: model.DrugDef
    option: model.OptionDef | None = None

    @property
    def of(self) -> str:
        return "amount" if isinstance(self.verb, model.Give) else "rate"

    @property
    def unit(self) -> str:
        return self.drug.amount_unit if self.of == "amount" else self.drug.rate_unit

    @property
    def route(self) -> str:
        """As written; else the only one that the drug has."""
        route: model.Text | None = getattr(self.verb, "route", None)
        if route is not None:
            return "iv" if route.value == "io" else route.value
        return self.drug.routes[0] if len(self.drug.routes) == 1 else ""

    @property
    def doses(self) -> tuple[model.Amount, ...]:
        """The doses as written, without what limits them."""
        match self.verb:
            case model.Give(amount=amount):
                return (amount,)
            case model.Infuse(rate=rate):
                return (rate,)
            case model.Change(to=to):
                return () if to is None else (to,)
            case model.Titrate(start=start, to=ceiling):
                return start, ceiling
        return ()

    @property
    def most(self) -> model.Amount | None:
        return getattr(self.verb, "most", None)

    @property
    def place(self) -> str:
        return f"`{self.step.id}`" if self.option is None else f"`{self.option.id}` of `{self.step.id}`"


def orders(context: LintContext) -> Iterator[Order]:
    for step in context.protocol.steps.values():
        if not isinstance(step, model.Do):
            continue
        chosen = step.verb.one_of if isinstance(step.verb, model.Choose) else ()
        for verb, option in ((step.verb, None), *((each.verb, each) for each in chosen)):
            if isinstance(verb, Ordering):
                drug = context.library.drugs.get(verb.drug.id)
                if drug is not None:
                    yield Order(step, verb, drug, option)


def limits_of(order: Order) -> list[model.LimitDef]:
    """The limits of the library that an order of this kind and route is held against; without a route, all."""
    fits = [limit for limit in order.drug.limits if limit.of == order.of]
    return [limit for limit in fits if not order.route or limit.route in ("", order.route)]


def number_in(scope: Scope, number: tree.Expr | tree.Range, unit: str) -> Fraction | None:
    """A number that is written out, in `unit`; None for anything else, or where it is of another dimension."""
    if not isinstance(number, tree.Number):
        return None
    try:
        return scope.units.convert(Fraction(number.value), number.unit or "1", unit or "1")
    except BadValue:
        return None


# ---------------------------------------------------------------- how large a value can become


class Extent(NamedTuple):
    """The smallest and the largest value for a plausible patient, in base units; None where there is no end."""

    low: Fraction | None
    high: Fraction | None


ENDLESS = Extent(None, None)
_MOST_DEPTH = 24
_ANYBODY: Mapping[str, Extent] = {}
_UPWARDS = {">": True, ">=": True, "<": False, "<=": False}


def extent_of_dose(scope: Scope, order: Order, amount: model.Amount) -> Extent:
    """The extent of a dose, in base units of the unit in which its drug is ordered.

    A dose per kilogram of a drug that is ordered by the whole is multiplied by the plausible weights.
    """
    value = amount.value
    if isinstance(value, tree.Range):
        low, high = _extent(scope, _with_unit(value.low, value.high), 0), _extent(scope, value.high, 0)
        found = Extent(low.low, high.high)
    else:
        found = _extent(scope, value, 0)
    if per_kg(scope, value) and not is_per_kg(scope, order.unit):
        basis: model.Text | None = getattr(order.verb, "weight", None)
        weight = scope.weighing(None if basis is None else basis.value)
        if weight is None:
            return ENDLESS
        return _times(found, _extent(scope, tree.Name(weight.id, amount.span), 0))
    return found


def extent(scope: Scope, expr: tree.Expr) -> Extent:
    return _extent(scope, expr, 0)


def in_unit(scope: Scope, value: Fraction, unit: str) -> Fraction:
    return value / scope.units.parse(unit or "1").factor


def _with_unit(low: tree.Expr, high: tree.Expr) -> tree.Expr:
    if isinstance(low, tree.Number) and low.unit is None and isinstance(high, tree.Number):
        return tree.Number(low.value, high.unit, low.span)
    return low


def is_per_kg(scope: Scope, unit: str | None) -> bool:
    try:
        return scope.units.parse(unit or "1").dimension.get("body_mass", 0) < 0
    except BadValue:
        return False


def per_kg(scope: Scope, value: tree.Expr | tree.Range) -> bool:
    """Whether a dose is per kilogram: a number as written, or a parameter or definition that is."""
    return any(
        power < 0
        for end in _ends(value)
        for base, power in check_value(scope, end)[0].dimension
        if base.startswith("body_mass")
    )


def _extent(scope: Scope, expr: tree.Expr, depth: int, within: Mapping[str, Extent] = _ANYBODY) -> Extent:
    """`within`: what names can be besides, where only some patients come."""
    if depth > _MOST_DEPTH:
        return ENDLESS
    match expr:
        case tree.Number():
            value = literal_value(scope, expr)
            return Extent(value, value)
        case tree.Name(id=id):
            return _both(_named(scope, id, depth, within), within.get(id, ENDLESS))
        case tree.Negate(item=item):
            low, high = _extent(scope, item, depth + 1, within)
            return Extent(None if high is None else -high, None if low is None else -low)
        case tree.Arithmetic(op=op, left=left, right=right):
            return _computed(op, _extent(scope, left, depth + 1, within), _extent(scope, right, depth + 1, within))
        case tree.Call(function="least", arguments=arguments):
            return _least([_extent(scope, each, depth + 1, within) for each in arguments])
        case tree.Call(function="greatest", arguments=arguments):
            parts = [_extent(scope, each, depth + 1, within) for each in arguments]
            highs, lows = [part.high for part in parts], [part.low for part in parts if part.low is not None]
            high = None if None in highs else max(each for each in highs if each is not None)
            return Extent(max(lows, default=None), high)
        case tree.Call(function="round", arguments=(first, *_)):
            return _extent(scope, first, depth + 1, within)
        case tree.TimeFeature(function="total" | "count" | "since"):
            return Extent(Fraction(0), None)
    return ENDLESS


def _named(scope: Scope, id: str, depth: int, within: Mapping[str, Extent]) -> Extent:
    match scope.kind_of(id):
        case "parameter":
            parameter = scope.parameters[id]
            if parameter.range is not None and isinstance(parameter.range.value, tree.Range):
                ends = parameter.range.value.low, parameter.range.value.high
                try:
                    factor = scope.units.parse(parameter.unit or "1").factor
                except BadValue:
                    return ENDLESS
                low, high = (_plain(scope, end, factor) for end in ends)
                return Extent(low, high)
            if isinstance(parameter.default, model.Amount) and not isinstance(parameter.default.value, tree.Range):
                return _extent(scope, parameter.default.value, depth + 1, within)
        case "element":
            element = scope.elements[id]
            if element.plausible is not None:
                try:
                    measure = scope.units.parse(element.unit or "1")
                except BadValue:
                    return ENDLESS
                return Extent(*(Fraction(end) * measure.factor + measure.offset for end in element.plausible))
        case "drug":
            return Extent(Fraction(0), None)
        case "define":
            parts = [_extent(scope, value, depth + 1, here) for value, here in _cases_of(scope, id, within)]
            if parts and all(part.high is not None for part in parts):
                lows = [part.low for part in parts if part.low is not None]
                low = min(lows) if len(lows) == len(parts) else None
                return Extent(low, max(part.high for part in parts if part.high is not None))
    return ENDLESS


def _cases_of(scope: Scope, id: str, within: Mapping[str, Extent]) -> Iterator[tuple[tree.Expr, Mapping[str, Extent]]]:
    """The values that a definition can have, each with what names can be where it is the one."""
    define = scope.defines[id]
    rest = dict(within)
    for when, value in define.cases:
        here = dict(rest)
        for part in when.items if isinstance(when, tree.And) else (when,):
            _narrow(scope, here, part, holds=True)
        for part in when.items if isinstance(when, tree.Or) else (when,):
            _narrow(scope, rest, part, holds=False)
        if not any(of.low is not None and of.high is not None and of.low > of.high for of in here.values()):
            yield from ((end, here) for end in _ends(value))
    if define.value is not None:
        yield from ((end, within) for end in _ends(define.value))


def _narrow(scope: Scope, names: dict[str, Extent], part: tree.Expr | None, holds: bool) -> None:
    """Take from `names` what cannot be where a comparison holds, or does not; any other condition takes nothing."""
    match part:
        case tree.Compare(op, tree.Name(id=id), tree.Number() as number) if op in _UPWARDS:
            end = literal_value(scope, number)
            above = _UPWARDS[op] is holds
            names[id] = _both(names.get(id, ENDLESS), Extent(end, None) if above else Extent(None, end))


def _both(one: Extent, other: Extent) -> Extent:
    lows = [end for end in (one.low, other.low) if end is not None]
    highs = [end for end in (one.high, other.high) if end is not None]
    return Extent(max(lows, default=None), min(highs, default=None))


def _ends(value: tree.Expr | tree.Range) -> tuple[tree.Expr, ...]:
    return (value.low, value.high) if isinstance(value, tree.Range) else (value,)


def _plain(scope: Scope, end: tree.Expr, factor: Fraction) -> Fraction | None:
    if isinstance(end, tree.Number) and end.unit is None:
        return Fraction(end.value) * factor
    return literal_value(scope, end)


def _computed(op: str, left: Extent, right: Extent) -> Extent:
    if op == "+":
        return Extent(_sum(left.low, right.low), _sum(left.high, right.high))
    if op == "-":
        return Extent(
            None if left.low is None or right.high is None else left.low - right.high,
            None if left.high is None or right.low is None else left.high - right.low,
        )
    if op == "*":
        return _times(left, right)
    if right.low is None or right.low <= 0 or right.high is None:
        return ENDLESS
    return _times(left, Extent(1 / right.high, 1 / right.low))


def _sum(one: Fraction | None, other: Fraction | None) -> Fraction | None:
    return None if one is None or other is None else one + other


def _times(left: Extent, right: Extent) -> Extent:
    ends = [*left, *right]
    if any(end is None for end in ends):
        positive = all(end is not None and end >= 0 for end in (left.low, right.low))
        return Extent(Fraction(0), None) if positive else ENDLESS
    products = [one * other for one in left for other in right if one is not None and other is not None]
    return Extent(min(products), max(products))


def _least(parts: Iterable[Extent]) -> Extent:
    known = list(parts)
    highs = [part.high for part in known if part.high is not None]
    lows = [part.low for part in known]
    low = None if None in lows else min(each for each in lows if each is not None)
    return Extent(low, min(highs, default=None))
