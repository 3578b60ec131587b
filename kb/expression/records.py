"""Library entries and parameters in their compiled form: numbers scaled, durations in seconds."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from kb import program
from kb.expression import tree
from kb.expression.scope import DrugLike, ElementLike, Scope, value_of
from kb.expression.text import to_text
from kb.values import scale


def constant(scope: Scope, amount: Any, unit: str) -> int | None:
    """The scaled integer of a literal quantity in `unit`; a bare number is in `unit` already. None for no quantity.

    Raises:
        BadValue: its unit does not convert. The checks tell an editor so before anything is compiled.

    """
    if amount is None:
        return None
    value = amount if isinstance(amount, tree.Number | tree.Negate) else amount.value
    sign = 1
    while isinstance(value, tree.Negate):
        sign, value = -sign, value.item
    if not isinstance(value, tree.Number):
        return None
    number = sign * Fraction(value.value)
    return scale(number) if value.unit is None else scope.units.to_scaled(number, value.unit, unit)


def element_record(scope: Scope, element: ElementLike) -> program.Element:
    low, high = (None, None) if element.plausible is None else element.plausible
    return program.Element(
        id=element.id,
        label=element.label,
        type=element.type,
        unit=element.unit,
        options=element.options,
        low=None if low is None else scale(Fraction(low)),
        high=None if high is None else scale(Fraction(high)),
        valid_for=constant(scope, element.valid_for, "s"),
        question=element.question,
        can_be_unobtainable=element.can_be_unobtainable,
        molar_mass=element.molar_mass,
        valence=element.valence,
        basis=element.basis,
        codes=element.codes,
        source=element.origin.source,
        confirm=element.origin.confirm,
    )


def drug_record(scope: Scope, drug: DrugLike) -> program.Drug:
    def unit(of: str) -> str:
        return drug.rate_unit if of == "rate" else drug.amount_unit

    return program.Drug(
        id=drug.id,
        label=drug.label,
        synonyms=drug.synonyms,
        classes=drug.classes,
        rate_unit=drug.rate_unit,
        amount_unit=drug.amount_unit,
        salts=tuple((name, _ratio(share)) for name, share in drug.salts),
        valid_for=constant(scope, drug.valid_for, "s"),
        absent_is_zero=drug.absent_is_zero,
        limits=tuple(
            program.Limit(
                of=limit.of,
                route=limit.route,
                soft_low=constant(scope, limit.soft_low, unit(limit.of)),
                soft_high=constant(scope, limit.soft_high, unit(limit.of)),
                hard_low=constant(scope, limit.hard_low, unit(limit.of)),
                hard_high=constant(scope, limit.hard_high, unit(limit.of)),
                source=limit.origin.source,
                confirm=limit.origin.confirm,
            )
            for limit in drug.limits
        ),
        delivery=tuple(
            program.Delivery(
                of=made.of,
                step=constant(scope, made.step, unit(made.of)) or 0,
                towards=made.towards,
                source=made.origin.source,
                confirm=made.origin.confirm,
            )
            for made in drug.delivery
        ),
        largest_step=drug.largest_step,
        routes=drug.routes,
        codes=drug.codes,
        source=drug.origin.source,
        confirm=drug.origin.confirm,
    )


def _ratio(value: object) -> str:
    share = Fraction(str(value))
    return f"{share.numerator}/{share.denominator}"


def parameter_record(scope: Scope, parameter: Any) -> program.Parameter:
    low = high = None
    if parameter.range is not None and isinstance(parameter.range.value, tree.Range):
        low = constant(scope, parameter.range.value.low, parameter.unit)
        high = constant(scope, parameter.range.value.high, parameter.unit)
    default: program.Value = None
    if parameter.default is not None:
        value = value_of(parameter.default)
        if parameter.options:
            default = to_text(value)
        elif isinstance(value, tree.Truth):
            default = value.value
        else:
            default = constant(scope, value, parameter.unit)
    return program.Parameter(
        id=parameter.id,
        title=parameter.title.value,
        type="choice" if parameter.options else parameter.type,
        unit=parameter.unit,
        options=parameter.options,
        low=low,
        high=high,
        default=default,
        cites=tuple(ref.id for ref in parameter.backing.cites),
        interprets=tuple(ref.id for ref in parameter.backing.interprets),
    )
