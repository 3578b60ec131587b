"""What is wrong with one condition, value, window, time, quantity or dose, and with the definitions of a scope."""

from __future__ import annotations

from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.expression.checker import Checker
from kb.expression.definitions import define_types
from kb.expression.doses import dose_problems
from kb.expression.features import time_window
from kb.expression.scope import Scope, ends_of
from kb.expression.text import to_text
from kb.expression.types import ANYWHERE, Context, Type, described, literal_value, meet, unit_type
from kb.values import BadValue


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
    time_window(checker, window)
    return checker.found


def check_duration(scope: Scope, value: tree.Expr | tree.Range) -> list[Diagnostic]:
    """What is wrong with an interval such as `15 min`, `reassess_after` or `3 to 5 min`."""
    checker = Checker(scope)
    for end in ends_of(value):
        checker.duration(end)
        number = literal_value(scope, end)
        if number is not None and number < 0:
            checker.report("KB334", end.span, f"`{to_text(end)}` is less than nothing")
    if isinstance(value, tree.Range):
        checker.ascending(value.span, value.low, value.high)
    return checker.found


def check_quantity(scope: Scope, value: tree.Expr | tree.Range, unit: str, code: str = "KB332") -> list[Diagnostic]:
    """What is wrong with a quantity that is to be in `unit` (a bare number counts as being in it)."""
    checker = Checker(scope)
    try:
        wanted = unit_type(scope, unit)
    except BadValue as bad:
        return [found(bad.code, value.span, bad.message, bad.help)]
    for end in ends_of(value):
        made = checker.numeric(end)
        bare = isinstance(end, tree.Number) and end.unit is None
        if made.number and not bare and isinstance(meet(wanted, made), str):
            checker.report(
                code,
                end.span,
                f"`{to_text(end)}` is {described(made)}, and {described(wanted)} is needed",
                f"write it in `{unit or '1'}`",
            )
    if isinstance(value, tree.Range):
        checker.ascending(value.span, value.low, value.high)
    return checker.found


def check_amount(
    scope: Scope, value: tree.Expr | tree.Range, drug: str, of: str, weight: str | None = None
) -> list[Diagnostic]:
    """What is wrong with a dose (see `dose_problems`)."""
    return dose_problems(Checker(scope), value, drug, of, weight)


def check_defines(scope: Scope) -> list[Diagnostic]:
    """What is wrong with the definitions: circles, types, units, cases."""
    return list(define_types(Checker(scope))[1])
