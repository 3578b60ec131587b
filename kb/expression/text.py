"""A tree back to text: the one canonical wording, which is also the name of a time feature.

Reading the text again gives the same tree (places aside), but for lists written as `at_least:`, which have no
wording inside an expression.
"""

from __future__ import annotations

from decimal import Decimal
from typing import assert_never

from kb.expression import tree

_CONNECTIVE, _OPERAND, _COMPARISON, _SUM, _PRODUCT, _UNARY = range(6)
"""How tightly a node holds together; a looser one inside a tighter place stands in brackets."""


def to_text(expr: tree.Expr | tree.Range | tree.Window) -> str:
    """The canonical wording: single spaces, brackets only where they are needed, numbers without idle zeros."""
    match expr:
        case tree.Range(low, high):
            return _range(low, high, " to ")
        case tree.InEpisode() | tree.SinceEvent() | tree.InLast():
            return window_text(expr)
        case _:
            return _write(expr)


def window_text(window: tree.Window) -> str:
    match window:
        case tree.InEpisode():
            return "in the episode"
        case tree.SinceEvent(event):
            return f"since {event.id}"
        case tree.InLast(duration):
            return f"in the last {_within(duration, _SUM)}"
        case _:
            assert_never(window)


def number_text(value: Decimal) -> str:
    """A decimal without exponent or idle zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _range(low: tree.Expr, high: tree.Expr, joint: str) -> str:
    if isinstance(low, tree.Number) and isinstance(high, tree.Number) and low.unit == high.unit:
        return number_text(low.value) + joint + _write(high)
    return _within(low, _SUM) + joint + _within(high, _SUM)


def _level(expr: tree.Expr) -> int:
    match expr:
        case tree.And() | tree.Or() | tree.Implies() | tree.AtLeast():
            return _CONNECTIVE
        case tree.Not():
            return _OPERAND
        case tree.Is(options=options) if len(options) > 1:
            return _CONNECTIVE
        case tree.TimeFeature(of=tree.Name("this")):
            return _COMPARISON
        case tree.Compare() | tree.Between() | tree.Is():
            return _COMPARISON
        case tree.Arithmetic(op):
            return _SUM if op in "+-" else _PRODUCT
        case tree.Truth() | tree.Number() | tree.Name() | tree.Negate() | tree.Call() | tree.TimeFeature():
            return _UNARY
        case tree.Persists() | tree.OfAdvice():
            return _UNARY
        case _:
            assert_never(expr)


def _within(expr: tree.Expr, level: int) -> str:
    text = _write(expr)
    return text if _level(expr) >= level else f"({text})"


def _chain(items: tuple[tree.Expr, ...], word: str, empty: str) -> str:
    if not items:
        return empty
    texts = [_within(item, _OPERAND) for item in items]
    for place, item in enumerate(items[:-1]):
        # `x is a or b` would read as two options.
        if word == " or " and isinstance(item, tree.Is) and isinstance(items[place + 1], (tree.Name, tree.Truth)):
            texts[place] = f"({_write(item)})"
    return word.join(texts) if len(items) > 1 else texts[0]


def _write(expr: tree.Expr) -> str:
    match expr:
        case tree.Truth(value):
            return "true" if value else "false"
        case tree.Number(value, unit):
            return number_text(value) if unit is None else f"{number_text(value)} {unit}"
        case tree.Name(id):
            return id
        case tree.Compare(op, left, right):
            return f"{_within(left, _SUM)} {op} {_within(right, _SUM)}"
        case tree.Between(value, low, high):
            return f"{_within(value, _SUM)} between {_range(low, high, ' and ')}"
        case tree.Is(value, options, negated):
            words = " or ".join(option.id for option in options)
            if negated and len(options) > 1:
                return f"not ({_within(value, _SUM)} is {words})"
            return f"{_within(value, _SUM)} is {'not ' if negated else ''}{words}"
        case tree.And(items):
            return _chain(items, " and ", "true")
        case tree.Or(items):
            return _chain(items, " or ", "false")
        case tree.Not(item):
            return f"not {_within(item, _OPERAND)}"
        case tree.Implies(left, right):
            return f"{_within(left, _OPERAND)} implies {_within(right, _OPERAND)}"
        case tree.AtLeast(count, items):
            return f"at least {count} of ({', '.join(_write(item) for item in items)})"
        case tree.Arithmetic(op, left, right):
            level = _SUM if op in "+-" else _PRODUCT
            return f"{_within(left, level)} {op} {_within(right, level + 1)}"
        case tree.Negate(item):
            return f"-{_within(item, _UNARY) if not isinstance(item, tree.Negate) else f'({_write(item)})'}"
        case tree.Call(function, arguments):
            return f"{function}({', '.join(_write(argument) for argument in arguments)})"
        case tree.TimeFeature(function, of, window):
            if of.id == "this" and window is not None and function in ("done", "declined"):
                return f"{function} {window_text(window)}"
            return f"{function}({of.id})" if window is None else f"{function}({of.id} {window_text(window)})"
        case tree.Persists(condition, duration, after):
            return f"persists({_write(condition)}, {_within(duration, _SUM)} after {after.id})"
        case tree.OfAdvice(function, step):
            return function if step is None else f"{function}({step.id})"
        case _:
            assert_never(expr)
