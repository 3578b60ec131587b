"""What is wrong with the parameters of a protocol: their units, ranges and defaults."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.expression.checks import check_quantity
from kb.expression.scope import Scope, value_of
from kb.expression.text import to_text
from kb.expression.types import literal_value
from kb.values import BadValue


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
