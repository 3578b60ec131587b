"""What an expression in a protocol says: data only; checking, printing and lowering are functions over it.

Every node keeps the place it came from. Names are not resolved here: `Name("map")` may turn out to
be data, a definition, a parameter or a drug; `kb.expression.names` decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from kb.diagnostics import Span

type_op = Literal["<", "<=", "=", "!=", ">=", ">"]


@dataclass(frozen=True, slots=True)
class Truth:
    """`true` or `false`."""

    value: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal with the unit as it was written; `unit` is None for a bare number."""

    value: Decimal
    unit: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    """A name still to be resolved. `order.rate` is the name `order.rate`."""

    id: str
    span: Span


@dataclass(frozen=True, slots=True)
class Compare:
    op: type_op
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Between:
    """`low <= value <= high`, both ends included."""

    value: Expr
    low: Expr
    high: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Is:
    """`value is x or y`; `x` is an option of a choice, `unobtainable`, `true` or `false`."""

    value: Expr
    options: tuple[Name, ...]
    negated: bool
    span: Span


@dataclass(frozen=True, slots=True)
class And:
    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Not:
    item: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Implies:
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class AtLeast:
    """`at_least: n, of: [...]` of a condition list."""

    count: int
    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Arithmetic:
    op: Literal["+", "-", "*", "/"]
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Negate:
    item: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A function of values: least, greatest, abs, round, ln, exp, sqrt, power, known, ordered."""

    function: str
    arguments: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class InEpisode:
    span: Span


@dataclass(frozen=True, slots=True)
class SinceEvent:
    """Since the last start, rise or gift of a drug, the last charting of data, or the last time a step was done."""

    event: Name
    span: Span


@dataclass(frozen=True, slots=True)
class InLast:
    duration: Expr
    span: Span


Window = InEpisode | SinceEvent | InLast


@dataclass(frozen=True, slots=True)
class TimeFeature:
    """since(x) · count(x W) · total(x W) · previous(x) · change(x W) · done(x W) · declined(x W).

    `window` is None where none was written; whether one is needed is a check, not grammar.
    """

    function: Literal["since", "count", "total", "previous", "change", "done", "declined"]
    of: Name
    window: Window | None
    span: Span


@dataclass(frozen=True, slots=True)
class Persists:
    """persists(condition, duration after event)."""

    condition: Expr
    duration: Expr
    after: Name
    span: Span


@dataclass(frozen=True, slots=True)
class OfAdvice:
    """What the advice on a patient says, for the properties under `prove:`. About one step: recommends, reached,
    satisfied, withheld, dose, lowest_dose, highest_dose; about no step (None): something recommended, applies, entered.
    """

    function: str
    step: Name | None
    span: Span


Expr = (
    Truth
    | Number
    | Name
    | Compare
    | Between
    | Is
    | And
    | Or
    | Not
    | Implies
    | AtLeast
    | Arithmetic
    | Negate
    | Call
    | TimeFeature
    | Persists
    | OfAdvice
)


@dataclass(frozen=True, slots=True)
class Range:
    """`0.03 to 0.04 units/min`: a dose or interval with a low and a high end."""

    low: Expr
    high: Expr
    span: Span
