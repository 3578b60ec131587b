"""The tree walker: three values, cell by cell, and what could still change a value."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.evaluate import divide, evaluate, fill_defines, possible_cases, undecided
from kb.program import (
    FALSE,
    TRUE,
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
    Get,
    Greatest,
    Known,
    Least,
    Member,
    Multiply,
    Not,
    Row,
    Subtract,
    Sure,
    Value,
)
from tests.running.programs import INPUTS, VALUES, decide, define, end, exprs, make_program, rows, slot_tables
from tests.sampling import examples

A, B, C, N, M, O = Get(0), Get(1), Get(2), Get(4), Get(5), Get(8)  # noqa: E741
T, F, U = True, False, None


def row_of(**values: Value) -> Row:
    return [values.get(slot.name) for slot in INPUTS]


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (T, T, T, T),
        (T, F, F, T),
        (T, U, U, T),
        (F, T, F, T),
        (F, F, F, F),
        (F, U, F, U),
        (U, T, U, T),
        (U, F, F, U),
        (U, U, U, U),
    ],
)
def test_and_or(left: Value, right: Value, both: Value, either: Value) -> None:
    row = row_of(b0=left, b1=right)
    assert evaluate(All((A, B)), row) is both
    assert evaluate(Any_((A, B)), row) is either


@pytest.mark.parametrize(("value", "negated", "known", "sure"), [(T, F, T, T), (F, T, T, F), (U, U, F, F)])
def test_not_known_sure(value: Value, negated: Value, known: Value, sure: Value) -> None:
    row = row_of(b0=value)
    assert evaluate(Not(A), row) is negated
    assert evaluate(Known(A), row) is known
    assert evaluate(Sure(A), row) is sure


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        (All(()), T),
        (Any_(()), F),
        (AtLeast(0, ()), T),
        (AtLeast(1, ()), F),
        (Compare("<", N, Const(3)), T),
        (Compare("<=", N, Const(2)), T),
        (Compare(">", N, Const(2)), F),
        (Compare(">=", N, Const(2)), T),
        (Compare("=", N, Const(2)), T),
        (Compare("!=", N, Const(2)), F),
        (Compare("=", M, M), U),
        (Compare("=", O, Const("absent")), T),
        (Compare("=", A, TRUE), T),
        (Member(O, ("absent", "doubtful")), T),
        (Member(O, ()), F),
        (Member(M, (1, 2)), U),
        (Add(N, Const(5)), 7),
        (Subtract(N, Const(5)), -3),
        (Multiply(N, M), U),
        (Multiply(Const(0), M), U),
        (Least((N, Const(1))), 1),
        (Greatest((N, Const(1))), 2),
        (Least((N, M)), U),
        (Absolute(Const(-4)), 4),
        (Divide(N, Const(0)), U),
        (Divide(Const(7), N), 4),
        (Cases(((B, Const(1)), (TRUE, Const(2)))), U),
        (Cases(((B, Const(2)), (TRUE, N))), 2),
        (Cases(((C, M), (A, Const(1)), (B, M), (TRUE, M))), 1),
        (Cases(((B, M), (TRUE, Const(1)))), U),
        (AtLeast(1, (A, B)), T),
        (AtLeast(2, (A, B)), U),
        (AtLeast(2, (C, B)), F),
    ],
)
def test_operators(expr: Expr, value: Value) -> None:
    assert evaluate(expr, row_of(b0=True, b2=False, n0=2, c0="absent")) == value
    assert type(value) is type(evaluate(expr, row_of(b0=True, b2=False, n0=2, c0="absent")))


@given(st.integers(-(10**20), 10**20), st.integers(-(10**6), 10**6))
def test_a_quotient_is_rounded_half_even(left: int, right: int) -> None:
    assert divide(left, right) == (round(Fraction(left, right)) if right else None)


def test_possible_cases_stop_at_the_first_that_is_true() -> None:
    step = decide("ask", (A, ()), (B, ()), (C, ()))
    assert possible_cases(step, row_of(b0=False, b1=True)) == ([1], False)
    assert possible_cases(step, row_of(b1=True)) == ([0, 1], False)
    assert possible_cases(step, row_of(b1=False)) == ([0, 2], True)
    assert possible_cases(step, row_of(b0=False, b1=False, b2=False)) == ([], True)


# ---------------------------------------------------------------- what could still change a value


@pytest.mark.parametrize(
    ("expr", "open_"),
    [
        (All((A, B)), {1}),
        (All((C, B)), set()),
        (Any_((A, B)), set()),
        (Any_((C, B, Get(3))), {1, 3}),
        (AtLeast(1, (A, B)), set()),
        (AtLeast(2, (C, B)), set()),
        (AtLeast(2, (C, B, A)), {1}),
        (Compare("<", N, M), {5}),
        (Compare("<", Add(M, Get(6)), N), {5, 6}),
        (Compare("<", Add(M, Divide(N, Const(0))), N), set()),
        (Known(M), {5}),
        (Known(N), set()),
        (Sure(B), {1}),
        (Sure(A), set()),
        (Known(All((B, C))), set()),
        (Cases(((B, Const(1)), (TRUE, Const(1)))), set()),
        (Cases(((B, Const(1)), (TRUE, Const(2)))), {1}),
        (Cases(((C, M), (TRUE, Get(6)))), {6}),
        (Cases(((C, M), (A, N), (TRUE, Get(6)))), set()),
        (Cases(((B, Const(1)), (Get(3), Const(2)), (TRUE, Const(2)))), {1}),
        (All((Known(M), B)), {1, 5}),
        (Get(10), {1}),
        (All((Get(10), C)), set()),
        (Get(11), {1}),
    ],
)
def test_only_what_could_change_the_value_is_open(expr: Expr, open_: set[int]) -> None:
    slots = (*INPUTS, define("d", All((A, B))), define("e", Not(Get(10))))
    row = [*row_of(b0=True, b2=False, n0=2), None, None]
    assert undecided(expr, row, make_program(slots, [end("only")])) == open_


@settings(max_examples=examples(500, one_in=3), deadline=None)
@given(st.data())
def test_what_is_not_open_never_changes_the_value(data: st.DataObject) -> None:
    slots = data.draw(slot_tables())
    expr = data.draw(exprs(data.draw(st.sampled_from(["boolean", "number", "choice"])), slots))
    program = make_program(slots, [end("only")])
    row = data.draw(rows(slots))
    fill_defines(program, row)
    open_ = undecided(expr, row, program)
    assert all(row[index] is None and slots[index].expr is None for index in open_)
    learnt = row.copy()
    for index, slot in enumerate(slots):
        if slot.expr is None and row[index] is None and index not in open_:
            learnt[index] = data.draw(st.none() | VALUES[slot.type])
    fill_defines(program, learnt)
    assert evaluate(expr, learnt) == evaluate(expr, row)


@settings(max_examples=examples(300, one_in=3), deadline=None)
@given(st.data())
def test_a_known_value_without_known_or_sure_has_nothing_open(data: st.DataObject) -> None:
    slots = data.draw(slot_tables(monotone=True))
    expr = data.draw(exprs("boolean", slots, monotone=True))
    program = make_program(slots, [end("only")])
    row = data.draw(rows(slots))
    fill_defines(program, row)
    if evaluate(expr, row) is not None:
        assert undecided(expr, row, program) == frozenset()


def test_a_false_constant_closes_whatever_stands_beside_it() -> None:
    assert undecided(All((FALSE, B)), row_of(), make_program(INPUTS, [end("only")])) == frozenset()
