"""Doses: worked out exactly, then rounded to what can be delivered, towards the safer side (design rule 18)."""

from __future__ import annotations

from fractions import Fraction

from kb import program as ir
from kb.advice import DoseAdvice
from kb.evaluate import evaluate
from kb.reading import salt_fraction
from kb.records import TYPE_CHECKING, NamedTuple
from kb.values import format_decimal, format_scaled

if TYPE_CHECKING:
    from kb.reading import Dictionary, Strength
    from kb.values import UnitTable


def in_base(drug: ir.Drug, salt: str, value: int) -> int:
    """A dose stated as a salt form, as base: what charted rates, limits and rules speak of."""
    for name, share in drug.salts:
        if name == salt:
            return round(value * Fraction(share))
    return value


class DoseValue(NamedTuple):
    """Scaled values in the dose's unit; None where not known."""

    exact: int | None
    rounded: int | None
    low: int | None
    high: int | None


def deliverable(drug: ir.Drug, of: str, value: int, most: int | None = None) -> int:
    """`value` rounded to the drug's deliverable step towards its safer side, never above `most`."""
    for delivery in drug.delivery:
        if delivery.of != of:
            continue
        steps, rest = divmod(value, delivery.step)
        if rest:
            twice = 2 * rest
            up = delivery.towards == "up" or (
                delivery.towards == "nearest" and (twice > delivery.step or (twice == delivery.step and steps % 2 == 1))
            )
            steps += up
        rounded = steps * delivery.step
        if most is not None and rounded > most:
            rounded = most // delivery.step * delivery.step
        return rounded
    return value if most is None else min(value, most)


def dose_value(drug: ir.Drug, action: ir.Action, row: ir.Row, left: int | None = None) -> DoseValue:
    """The dose of `action` for this row; `left` is what a cap leaves of the drug, or None without a cap."""
    dose = action.dose
    assert dose is not None
    if left is not None and left <= 0:
        return DoseValue(0, 0, 0, None)  # the cap is used up: nothing, whatever the dose would be
    low = evaluate(dose.low, row)
    high = None if dose.high is None else evaluate(dose.high, row)
    most: int | None = left
    if dose.most is not None:
        limit = evaluate(dose.most, row)
        if limit is None:
            return DoseValue(None, None, None, None)
        assert isinstance(limit, int)
        most = limit if most is None else min(most, limit)
    if low is None or (dose.high is not None and high is None):
        return DoseValue(None, None, None, None)
    assert isinstance(low, int)
    exact = max(0, low if most is None else min(low, most))
    rounded = deliverable(drug, action.of, exact, most)
    top = None
    if high is not None:
        assert isinstance(high, int)
        top = deliverable(drug, action.of, max(0, high if most is None else min(high, most)), most)
    return DoseValue(exact, rounded, rounded, top)


def amount_per_second(rate: int, unit: str, weight: ir.Value, units: UnitTable) -> Fraction | None:
    """A running rate in base units per second; None where the weight it needs is not known."""
    measure = units.parse(unit)
    value = Fraction(rate, ir.SCALE) * measure.factor
    if any(base.startswith("body_mass") for base in measure.dimension):
        if not isinstance(weight, int):
            return None
        value *= Fraction(weight, ir.SCALE)
    return value


_MILLILITRES_PER_HOUR = Fraction(3_600_000)  # a litre per second in mL/h
_MILLILITRES = Fraction(1000)


def over_slot(program: ir.Program, action: ir.Action) -> int | None:
    """Where the row holds how long one gift takes, if that is a local parameter and not written out."""
    if not action.over or not action.over[0].isalpha():
        return None
    return next(
        (index for index, slot in enumerate(program.slots) if slot.kind == "parameter" and slot.of == action.over), None
    )


def strength_in_base(drug: ir.Drug, strength: Strength) -> Fraction | None:
    """A concentration as base; None where the salt form matters and it does not say which it counts."""
    share = salt_fraction(drug, strength.salt)
    return None if share is None else strength.value * share


def pump_rate(
    drug: ir.Drug, rate: int, kilograms: ir.Value, names: Dictionary, strength: Strength | None
) -> Fraction | None:
    """mL/h of a rate as base, scaled in the drug's unit; None where weight, concentration or salt form is missing."""
    per_second = amount_per_second(rate, drug.rate_unit, kilograms, names.units)
    if per_second is None:
        return None
    if "volume" in names.units.parse(drug.rate_unit).dimension:
        return per_second * _MILLILITRES_PER_HOUR
    base = None if strength is None else strength_in_base(drug, strength)
    return per_second / base * _MILLILITRES_PER_HOUR if base else None


def pump_working(stated: str, unit: str, kilograms: ir.Value, strength: Strength, pumped: str) -> str:
    """How a rate becomes mL/h: `0.3 mcg/kg/min × 70 kg at 16 mcg/mL as base = 78.75 mL/h`."""
    times = f" × {format_scaled(kilograms, 'kg')}" if "/kg" in unit and isinstance(kilograms, int) else ""
    return f"{stated}{times} at {strength.text} = {pumped}"


def describe_dose(
    drug: ir.Drug,
    action: ir.Action,
    value: DoseValue,
    row: ir.Row,
    program: ir.Program,
    names: Dictionary,
    strength: Strength | None,
    asks: tuple[str, ...],
) -> DoseAdvice:
    """The dose in words: with mL of a named concentration, mL/h and the working where they can be told."""
    dose, units, weight = action.dose, names.units, program.weight
    assert dose is not None
    over, local = action.over, over_slot(program, action)
    if local is not None:
        took = row[local]
        over = format_scaled(took, program.slots[local].unit) if isinstance(took, int) else f"local policy: {over}"
    each = None
    if action.each is not None:
        size = evaluate(action.each, row)
        each = format_scaled(size, dose.unit) if isinstance(size, int) else f"local policy: {action.each_text}"
    common = {"drug": drug.id, "unit": dose.unit, "rule": dose.text, "route": action.route, "salt": action.salt}
    if value.rounded is None or value.exact is None:
        return DoseAdvice(**common, text=f"{dose.text}: not known yet", over=over, each=each, asks=asks)
    text = format_scaled(value.rounded, dose.unit)
    if value.high is not None and value.high != value.rounded:
        text = f"{format_decimal(value.rounded)} to {format_scaled(value.high, dose.unit)}"
    if action.salt:
        text += f" as {action.salt}"
    working = []
    kilograms = row[weight] if weight is not None else None
    if dose.weight is not None and isinstance(row[dose.weight], int):
        working.append(f"{dose.text} with {format_scaled(int(row[dose.weight] or 0), 'kg')}")
    pumped = volume = None
    if strength is not None and action.concentration and not strength.salt:
        strength = strength._replace(salt=action.salt)  # its author states dose and concentration in one form
    unsaid = strength is not None and strength_in_base(drug, strength) is None
    if unsaid and strength is not None and value.rounded:
        forms = " or as ".join(name for name, _ in drug.salts)
        working.append(f"no mL: {strength.text} does not say whether it counts as {forms}")
    in_ml = None
    if action.of == "rate" and value.rounded:
        in_ml = pump_rate(drug, in_base(drug, action.salt, value.rounded), kilograms, names, strength)
    if in_ml is not None:
        pumped = f"{decimal(in_ml)} mL/h"
        if strength is not None and "volume" not in units.parse(dose.unit).dimension:
            stated = format_scaled(value.rounded, dose.unit)
            working.append(pump_working(stated, dose.unit, kilograms, strength, pumped))
    base = None if strength is None else strength_in_base(drug, strength)
    if action.of == "amount" and strength is not None and base and value.rounded:
        ends = [value.rounded] if value.high in (None, value.rounded) else [value.rounded, value.high]
        factor = units.parse(dose.unit).factor * _MILLILITRES / base / ir.SCALE
        volume = f"{' to '.join(decimal(in_base(drug, action.salt, end) * factor) for end in ends)} mL"
        working.append(f"{text} at {strength.text} = {volume}")
        text += f" = {volume} of {strength.text}"
    if value.exact != value.rounded:
        working.append(f"exactly {format_scaled(value.exact, dose.unit)}, rounded to what can be delivered")
    return DoseAdvice(
        **common,
        text=text,
        exact=format_decimal(value.exact),
        rounded=format_decimal(value.rounded),
        low=format_decimal(value.low if value.low is not None else value.rounded),
        high=None if value.high is None else format_decimal(value.high),
        each=each,
        volume=volume,
        pump_rate=pumped,
        working="; ".join(working) or None,
        over=over,
        asks=asks,
    )


def decimal(value: Fraction) -> str:
    """At most two places: what a pump or a syringe can show."""
    hundredths = round(value * 100)
    return format_decimal(hundredths * (ir.SCALE // 100))
