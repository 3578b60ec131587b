"""Reading expressions over a row, by walking the tree.

Plain and slow beside `kb.codegen`, which must agree with it. What is not known is `None`, and nothing
here raises for any row whose values have the types of their slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kb.program import (
    Absolute,
    Add,
    All,
    Any_,
    AtLeast,
    Cases,
    Compare,
    Const,
    Divide,
    Expr,
    Function,
    Get,
    Greatest,
    Known,
    Least,
    Member,
    Multiply,
    Not,
    Program,
    Row,
    Step,
    Subtract,
    Sure,
    Value,
)
from kb.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

NONE: frozenset[int] = frozenset()


def evaluate(expr: Expr, row: Row) -> Value:
    """The value of `expr` for `row`, None where it is not known. Definitions are read from their slots."""
    node: Any = expr
    kind = type(node)  # told by identity: a match by pattern takes twice as long
    if kind is Get:
        return row[node[0]]  # type: ignore[no-any-return]
    if kind is Const:
        return node[0]  # type: ignore[no-any-return]
    known: Value = None
    if kind is Compare:
        op, left, right = node
        return compare(op, evaluate(left, row), evaluate(right, row))
    if kind is All:
        known = True
        for item in node[0]:
            value = evaluate(item, row)
            if value is False:
                return False
            if value is None:
                known = None
        return known
    if kind is Any_:
        known = False
        for item in node[0]:
            value = evaluate(item, row)
            if value is True:
                return True
            if value is None:
                known = None
        return known
    if kind is Not:
        value = evaluate(node[0], row)
        return None if value is None else not value
    if kind is Known:
        return evaluate(node[0], row) is not None
    if kind is Sure:
        return evaluate(node[0], row) is True
    if kind is Member:
        value = evaluate(node[0], row)
        return None if value is None else value in node[1]
    if kind is Cases:
        first = True
        for when, then in node[0]:
            holds = evaluate(when, row)
            if holds is False:
                continue
            value = evaluate(then, row)
            if value is None or not (first or value == known):
                return None
            known, first = value, False
            if holds is True:
                break
        return known
    if kind is AtLeast:
        true = unknown = 0
        for item in node[1]:
            value = evaluate(item, row)
            if value is None:
                unknown += 1
            elif value:
                true += 1
        return True if true >= node[0] else False if true + unknown < node[0] else None
    values = [evaluate(part, row) for part in parts_of(expr)]
    return strict(expr, values)


def compare(op: str, left: Value, right: Value) -> bool | None:
    """`left op right`, None where a side is not known."""
    if left is None or right is None:
        return None
    if op == "=":
        return left == right
    if op == "!=":
        return left != right
    if op == "<":
        return left < right  # type: ignore[operator]
    if op == "<=":
        return left <= right  # type: ignore[operator]
    if op == ">":
        return left > right  # type: ignore[operator]
    return left >= right  # type: ignore[operator]


def strict(expr: Expr, values: list[Any]) -> Value:
    """The value of an operator that needs all its parts; `values` are theirs."""
    if None in values:
        return None
    match expr:
        case Add():
            return values[0] + values[1]  # type: ignore[no-any-return]
        case Subtract():
            return values[0] - values[1]  # type: ignore[no-any-return]
        case Multiply():
            return values[0] * values[1]  # type: ignore[no-any-return]
        case Least():
            return min(values)  # type: ignore[no-any-return]
        case Greatest():
            return max(values)  # type: ignore[no-any-return]
        case Absolute():
            return abs(values[0])  # type: ignore[no-any-return]
        case Divide():
            return divide(values[0], values[1])
        case Compare(op):
            return compare(op, values[0], values[1])
        case Member(_, options):
            return values[0] in options
        case Not():
            return not values[0]
        case Function(name):
            return apply(name, values)
    raise TypeError(f"not an operator on values: {type(expr).__name__}")


def divide(left: int, right: int) -> int | None:
    """The quotient rounded half-even; None for a divisor of zero."""
    if right == 0:
        return None
    quotient, rest = divmod(left, right)
    twice, whole = 2 * abs(rest), abs(right)
    return quotient + 1 if twice > whole or (twice == whole and quotient % 2) else quotient


def apply(name: str, arguments: Iterable[int]) -> int | None:
    """A function of scaled numbers; None outside its domain."""
    from kb.values import compute  # here, because few programs need it

    return compute(name, tuple(arguments))


def parts_of(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside `expr`."""
    return _PARTS[type(expr)](expr)


_PARTS: dict[type, Callable[[Any], tuple[Expr, ...]]] = {
    **dict.fromkeys((Const, Get), lambda expr: ()),
    **dict.fromkeys((Known, Sure, Not, Absolute, Member), lambda expr: (expr.item,)),
    **dict.fromkeys((All, Any_, Least, Greatest, AtLeast), lambda expr: expr.items),
    **dict.fromkeys((Compare, Add, Subtract, Multiply, Divide), lambda expr: (expr.left, expr.right)),
    Function: lambda expr: expr.arguments,
    Cases: lambda expr: tuple(part for case in expr.cases for part in case),
}


def is_expression(node: object) -> bool:
    """Whether a part of a Program is an expression, not a record that holds some."""
    return type(node) in _PARTS


def slots_of(expr: Expr) -> set[int]:
    """Every slot that `expr` reads; definitions are not followed."""
    found: set[int] = set()
    rest = [expr]
    while rest:
        part = rest.pop()
        if type(part) is Get:
            found.add(part.slot)
        else:
            rest += parts_of(part)
    return found


def fill_defines(program: Program, row: Row) -> None:
    """Work out the definitions of `program` and put them into `row`."""
    for index, slot in enumerate(program.slots):
        if slot.kind == "define" and slot.expr is not None:
            row[index] = evaluate(slot.expr, row)


def possible_cases(step: Step, row: Row) -> tuple[list[int], bool]:
    """The cases of a decide that are possible, in order, and whether none of them may hold (design rule 4)."""
    possible = []
    for index, case in enumerate(step.cases):
        holds = evaluate(case.when, row)
        if holds is not False:
            possible.append(index)
            if holds:
                return possible, False
    return possible, True


# ---------------------------------------------------------------- what could still change a value


class Weighed(NamedTuple):
    """A value; the unknown inputs that could change it; whether they can do so only while it is unknown."""

    value: Value
    open: frozenset[int]
    settles: bool


def undecided(
    expr: Expr,
    row: Row,
    program: Program,
    made: tuple[int, ...] | None = None,
    weighed: dict[int, Weighed] | None = None,
) -> frozenset[int]:
    """The unknown input slots that could still change the value of `expr`.

    Definitions and computed slots are followed through to what they are made of. Sound: giving values
    to other unknown inputs never changes the value. Tight as far as one look at the structure goes: a
    false part closes an `and`, cases that are not possible do not count, and so on.

    Args:
        made: what `made_slots` says of `expr`, where that is known.
        weighed: keeps what is found of made slots, for other expressions over the same row.

    """
    if made is None:
        made = made_slots(expr, program)
    if weighed is None:
        weighed = {}
    slots = program.slots
    for index in made:
        slot = slots[index]
        if index in weighed or slot.expr is None:
            continue
        found = _weigh(slot.expr, row, weighed)
        if slot.kind == "computed" and row[index] != found.value:
            # Whoever built the row knew better.
            found = Weighed(row[index], NONE if row[index] is not None else found.open, found.settles)
        weighed[index] = found
    return _weigh(expr, row, weighed).open


def made_slots(expr: Expr, program: Program) -> tuple[int, ...]:
    """The definitions and computed slots that `expr` needs, directly or not; each after all that it needs."""
    needed: set[int] = set()
    rest = list(slots_of(expr))
    while rest:
        index = rest.pop()
        inner = program.slots[index].expr
        if inner is not None and index not in needed:
            needed.add(index)
            rest += slots_of(inner)
    return tuple(sorted(needed))


def _weigh(expr: Expr, row: Row, made: dict[int, Weighed]) -> Weighed:
    match expr:
        case Const(constant):
            return Weighed(constant, NONE, True)
        case Get(slot):
            if slot in made:
                return made[slot]
            held = row[slot]
            return Weighed(held, NONE if held is not None else frozenset((slot,)), True)
        case Known(item):
            part = _weigh(item, row, made)
            if part.settles and part.value is not None:
                return Weighed(True, NONE, True)
            return Weighed(part.value is not None, part.open, not part.open)
        case Sure(item):
            part = _weigh(item, row, made)
            if part.settles and part.value is not None:
                return Weighed(part.value, NONE, True)
            return Weighed(part.value is True, part.open, not part.open)
        case Cases(cases):
            return _weigh_cases(cases, row, made)
    parts = [_weigh(item, row, made) for item in parts_of(expr)]
    value: Value
    match expr:
        case All() | Any_():
            closing = isinstance(expr, Any_)
            value = not closing
            for part in parts:
                if part.value is closing:
                    value = closing
                    if not part.open:
                        return Weighed(closing, NONE, True)
                elif part.value is None and value is not closing:
                    value = None
        case AtLeast(count):
            true = sum(part.value is True for part in parts)
            unknown = sum(part.value is None for part in parts)
            value = True if true >= count else False if true + unknown < count else None
            surely_true = sum(part.value is True and not part.open for part in parts)
            open_parts = sum(bool(part.open) for part in parts)
            if surely_true >= count or surely_true + open_parts < count:
                return Weighed(value, NONE, True)
        case _:
            for part in parts:
                if part.value is None and not part.open:
                    return Weighed(None, NONE, True)  # a part that nothing can make known
            value = strict(expr, [part.value for part in parts])
    return _closed(value, parts)


def _weigh_cases(cases: tuple[tuple[Expr, Expr], ...], row: Row, made: dict[int, Weighed]) -> Weighed:
    live: list[tuple[Weighed, Weighed]] = []
    for when, then in cases:
        holds = _weigh(when, row, made)
        if holds.value is False and not holds.open:
            continue
        live.append((holds, _weigh(then, row, made)))
        if holds.value is True and not holds.open:
            break
    value: Value = None
    first = True
    for holds, then_ in live:
        if holds.value is False:
            continue
        if then_.value is None or not (first or then_.value == value):
            value = None
            break
        value, first = then_.value, False
        if holds.value is True:
            break
    # From the end: where all that may follow has one and the same value, which case holds is idle.
    matters: list[Weighed] = []
    last: Weighed | None = None
    differ = False
    for holds, then_ in reversed(live):
        last = last or then_
        differ = differ or bool(then_.open) or then_.value is None or then_.value != last.value
        matters.append(then_)
        if differ:
            matters.append(holds)
    return _closed(value, matters)


def _closed(value: Value, parts: list[Weighed]) -> Weighed:
    """`value` made of `parts`. Where these only ever settle, a known value stays."""
    settles = True
    open_: set[int] = set()
    for part in parts:
        if part.open:
            open_ |= part.open
            settles = settles and part.settles
    if not open_ or (settles and value is not None):
        return Weighed(value, NONE, True)
    return Weighed(value, frozenset(open_), settles)
