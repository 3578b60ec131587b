"""A dose that is written out lies within the limits of its drug."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.context import LintContext, verbs
from kb.values import BadValue, UnitTable


class _Dose(NamedTuple):
    """A dose as written, and how it is given."""

    drug: model.Ref
    amount: model.Amount
    of: str
    route: str = ""


def check(context: LintContext) -> Iterator[Diagnostic]:
    units = context.scope.units
    for step in context.protocol.steps.values():
        for verb in verbs(step):
            for dose in _doses(context, verb):
                drug = context.library.drugs.get(dose.drug.id)
                if drug is not None:
                    yield from _against(drug, dose, units)


def _doses(context: LintContext, verb: model.Verb) -> Iterator[_Dose]:
    match verb:
        case model.Give(drug=drug, salt=None, amount=amount, most=most):
            route = verb.route.value if verb.route is not None else ""
            for each in (amount, most):
                yield from (_Dose(drug, found, "amount", route) for found in _spelled_out(context, each))
        case model.Infuse(drug=drug, salt=None, rate=rate, most=most):
            route = verb.route.value if verb.route is not None else ""
            for each in (rate, most):
                yield from (_Dose(drug, found, "rate", route) for found in _spelled_out(context, each))
        case model.Change(drug=drug, to=to):
            yield from (_Dose(drug, found, "rate") for found in _spelled_out(context, to))
        case model.Titrate(drug=drug, start=start, to=ceiling):
            yield _Dose(drug, start, "rate")
            yield _Dose(drug, ceiling, "rate")
        case _:
            return


def _spelled_out(context: LintContext, amount: model.Amount | None) -> Iterator[model.Amount]:
    """The amount; where it is the name of a definition, the values of its cases."""
    if amount is None:
        return
    ends = (amount.value.low, amount.value.high) if isinstance(amount.value, tree.Range) else (amount.value,)
    names = [end.id for end in ends if isinstance(end, tree.Name)]
    if not names:
        yield amount
    for name in names:
        define = context.protocol.defines.get(name)
        for case in define.cases if define is not None else ():
            if isinstance(case.value, model.Amount):
                yield case.value


def _against(drug: model.DrugDef, dose: _Dose, units: UnitTable) -> Iterator[Diagnostic]:
    """What is beyond a hard limit is an error; beyond a soft one alone, a warning. The worse is told."""
    unit = drug.rate_unit if dose.of == "rate" else drug.amount_unit
    route = dose.route or (drug.routes[0] if len(drug.routes) == 1 else "")
    route = "iv" if route == "io" else route  # what goes into the marrow is at once in the vein
    limits = [limit for limit in drug.limits if limit.of == dose.of and limit.route in ("", route)]
    for kind, code in (("hard", "KB430"), ("soft", "KB431")):
        for limit in limits:
            low, high = getattr(limit, f"{kind}_low"), getattr(limit, f"{kind}_high")
            told = _beyond(dose.amount, low, high, unit, units)
            if told is not None:
                yield found(
                    code,
                    dose.amount.span,
                    f"`{dose.amount.text}` is {told} of `{drug.id}`",
                    "look for a wrong unit or a shifted decimal point; if the dose is right, the library is not",
                    "an order of it would be refused" if kind == "hard" else "every order of it would be challenged",
                    (Related(limit.span, f"the {kind} limit stands here"),),
                )
                return


def _beyond(
    amount: model.Amount, low: model.Amount | None, high: model.Amount | None, unit: str, units: UnitTable
) -> str | None:
    values = [value for number in _numbers(amount) if (value := _in(number, unit, units)) is not None]
    if not values:
        return None
    for end, words, past in ((high, "above the limit", max(values)), (low, "below the limit", min(values))):
        limit = [_in(number, unit, units) for number in _numbers(end)] if end is not None else []
        if limit and limit[0] is not None and (past > limit[0] if end is high else past < limit[0]):
            return f"{words} {end.text}" if end is not None else None
    return None


def _numbers(amount: model.Amount) -> tuple[tree.Number, ...]:
    """The fixed numbers of an amount; the unit of a range stands at its end."""
    if not isinstance(amount.value, tree.Range):
        return (amount.value,) if isinstance(amount.value, tree.Number) else ()
    low, high = amount.value.low, amount.value.high
    ends = tuple(end for end in (low, high) if isinstance(end, tree.Number))
    unit = next((end.unit for end in reversed(ends) if end.unit is not None), None)
    return tuple(end if end.unit is not None else tree.Number(end.value, unit, end.span) for end in ends)


def _in(number: tree.Number, unit: str, units: UnitTable) -> Fraction | None:
    """The number in `unit`; None where it is in another dimension, such as mg/kg: the patient decides then."""
    try:
        return units.convert(Fraction(number.value), number.unit or "1", unit or "1")
    except BadValue:
        return None
