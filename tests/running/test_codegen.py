"""The generated decider does what the tree walker and a plain reading of the rules of the walk do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.codegen import Decision, make_decider, make_evaluator
from kb.evaluate import evaluate, fill_defines, possible_cases
from kb.program import (
    FALSE,
    TRUE,
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
    Multiply,
    Not,
    Program,
    Row,
    Sure,
    Value,
)
from tests.running.programs import (
    INPUTS,
    VALUES,
    decide,
    define,
    do,
    element,
    end,
    exprs,
    make_program,
    programs,
    rows,
    slot_tables,
)
from tests.sampling import examples

# ---------------------------------------------------------------- the rules of the walk, word for word


def possible_ways(program: Program, index: int, row: Row) -> list[tuple[int, ...]]:
    """The targets of each possible case of a decide, the gap among them as a case without targets."""
    numbers, gap = possible_cases(program.steps[index], row)
    ways = [program.steps[index].cases[number].targets for number in numbers]
    return [*ways, ()] if gap else ways


def must(program: Program, goal: int, index: int, row: Row) -> bool:
    step = program.steps[index]
    if index == goal:
        return True
    if step.kind == "decide":
        ways = possible_ways(program, index, row)
        return all(any(must(program, goal, target, row) for target in targets) for targets in ways)
    if step.kind == "do":
        sure = step.with_ + (step.then if evaluate(step.satisfied, row) is True else ())
        return any(must(program, goal, target, row) for target in sure)
    return False


def can(program: Program, goal: int, index: int, row: Row) -> bool:
    step = program.steps[index]
    if index == goal:
        return True
    if step.kind == "decide":
        return any(can(program, goal, target, row) for way in possible_ways(program, index, row) for target in way)
    if step.kind == "do":
        open_ = step.with_ + (step.then if evaluate(step.satisfied, row) is not False else ())
        return any(can(program, goal, target, row) for target in open_)
    return False


def walk(program: Program, row: Row) -> tuple[set[int], set[int], set[int], dict[int, Value]]:
    """Reached, possible, assumed and statuses, by the definitions and without any care for speed."""
    fill_defines(program, row)
    every = range(len(program.steps))
    reached = {goal for goal in every if any(must(program, goal, start, row) for start in program.starts)}
    possible = {goal for goal in every if any(can(program, goal, start, row) for start in program.starts)}
    assumed: set[int] = set()
    while True:
        more = {
            goal
            for index in reached | assumed
            for fallback in [program.steps[index].if_unknown]
            if fallback is not None and len(possible_ways(program, index, row)) > 1
            for goal in every
            if must(program, goal, fallback, row)
        } - reached
        if more <= assumed:
            break
        assumed |= more
    statuses = {
        index: evaluate(program.steps[index].status, row)
        for index in reached | assumed
        if program.steps[index].kind == "do"
    }
    return reached, possible, assumed, statuses


def members(mask: int) -> set[int]:
    return {index for index in range(mask.bit_length()) if mask >> index & 1}


def run(program: Program, *values: Value) -> Decision:
    row = [*values, *[None] * (len(program.slots) - len(values))]
    decision = make_decider(program, compile_after=0)(row)
    assert make_decider(program)([*values, *[None] * (len(program.slots) - len(values))]) == decision
    return decision


@settings(max_examples=examples(300, one_in=3), deadline=None)
@given(st.data())
def test_the_decider_agrees_with_the_rules_of_the_walk(data: st.DataObject) -> None:
    program = data.draw(programs())
    compiled, walking = make_decider(program, compile_after=0), make_decider(program)
    for _ in range(4):
        row = data.draw(rows(program.slots))
        naive, again = row.copy(), row.copy()
        reached, possible, assumed, statuses = walk(program, naive)
        decision = compiled(row)
        assert walking(again) == decision
        assert again == row
        assert members(decision.reached) == reached
        assert members(decision.possible) == possible
        assert members(decision.assumed) == assumed
        assert decision.statuses == statuses
        assert row == naive
        for index in reached | possible | assumed:
            step = program.steps[index]
            if step.kind == "decide":
                numbers, gap = possible_cases(step, row)
                assert members(decision.outcomes[index]) == {*numbers, *([len(step.cases)] if gap else [])}
            elif step.then:
                value = evaluate(step.satisfied, row)
                assert decision.outcomes[index] == (3 if value is None else 1 if value else 2)


@settings(max_examples=examples(200, one_in=3), deadline=None)
@given(st.data())
def test_learning_a_value_never_changes_a_step_that_is_settled(data: st.DataObject) -> None:
    program = data.draw(programs(monotone=True, assumptions=False))
    row = data.draw(rows(program.slots))
    unknown = [index for index, slot in enumerate(program.slots) if slot.expr is None and row[index] is None]
    learnt = row.copy()
    for index in unknown:
        learnt[index] = data.draw(st.none() | VALUES[program.slots[index].type])
    decider = make_decider(program, compile_after=0)
    before, after = decider(row), decider(learnt)
    assert before.reached & ~after.reached == 0
    assert after.possible & ~before.possible == 0
    for index, status in before.statuses.items():
        assert status is None or after.statuses[index] == status


@settings(max_examples=examples(500, one_in=3), deadline=None)
@given(st.data())
def test_generated_conditions_have_the_values_of_the_tree(data: st.DataObject) -> None:
    slots = data.draw(slot_tables())
    expressions = [data.draw(exprs(kind, slots)) for kind in ("boolean", "number", "choice")]
    program = make_program(slots, [end("only")])
    evaluator = make_evaluator(program, expressions)
    row = data.draw(rows(slots))
    fill_defines(program, row)
    found = evaluator(row)
    expected = tuple(evaluate(expr, row) for expr in expressions)
    assert [(type(value), value) for value in found] == [(type(value), value) for value in expected]


# ---------------------------------------------------------------- by example

UNSURE = Get(0)


def test_two_undecided_ways_that_meet_again_are_no_longer_undecided() -> None:
    program = make_program(
        INPUTS,
        [decide("ask", (UNSURE, (1,)), (TRUE, (2,))), do("left", with_=(3,)), do("right", with_=(3,)), end("both")],
    )
    decision = run(program)
    assert members(decision.reached) == {0, 3}
    assert members(decision.possible) == {0, 1, 2, 3}
    assert decision.outcomes[0] == 0b11


def test_ways_meet_again_only_through_what_surely_follows() -> None:
    steps = [
        decide("ask", (UNSURE, (1,)), (TRUE, (2,))),
        do("left", then=(3,), satisfied=Get(1)),
        do("right", with_=(3,)),
        end("both"),
    ]
    program = make_program(INPUTS, steps)
    assert members(run(program, None, True).reached) == {0, 3}
    assert members(run(program, None, None).reached) == {0}
    assert members(run(program, None, None).possible) == {0, 1, 2, 3}
    assert members(run(program, True, False).possible) == {0, 1}


def test_a_gap_that_is_possible_leads_nowhere() -> None:
    program = make_program(INPUTS, [decide("ask", (UNSURE, (1,)), (Get(1), (1,))), end("there")])
    assert members(run(program, None, True).reached) == {0, 1}
    assert members(run(program, None, None).reached) == {0}
    assert run(program, False, False) == Decision(1, 1, 0, {}, {0: 0b100})


def test_an_unknown_decide_assumes_its_fallback_and_what_follows_it() -> None:
    steps = [
        decide("ask", (UNSURE, (1,)), (TRUE, (2,)), if_unknown=3),
        end("yes"),
        end("no"),
        do("safe", with_=(4,)),
        decide("again", (Get(1), (5,)), (TRUE, (6,)), if_unknown=5),
        do("deep"),
        end("other"),
    ]
    decision = run(make_program(INPUTS, steps))
    assert members(decision.assumed) == {3, 4, 5}
    assert members(decision.reached) == {0}
    assert members(decision.possible) == {0, 1, 2}
    assert decision.statuses == {3: "due", 5: "due"}
    assert run(make_program(INPUTS, steps), True).assumed == 0


def test_a_fallback_that_is_reached_anyway_is_not_assumed() -> None:
    steps = [decide("ask", (UNSURE, (1,)), (TRUE, (1,)), if_unknown=1), do("there", with_=(2,)), end("end")]
    decision = run(make_program(INPUTS, steps))
    assert (members(decision.reached), decision.assumed) == ({0, 1, 2}, 0)


def test_steps_nobody_reaches_are_not_evaluated() -> None:
    steps = [decide("ask", (UNSURE, (1,)), (TRUE, (2,))), do("left"), do("right")]
    assert run(make_program(INPUTS, steps), True).statuses == {1: "due"}
    assert run(make_program(INPUTS, steps), None).statuses == {}


def test_definitions_are_left_in_the_row() -> None:
    slots = [element("a"), define("not-a", Not(Get(0))), define("again", Not(Get(1)))]
    for compile_after in (0, 1, 2):
        row: Row = [True, None, None]
        make_decider(make_program(slots, [end("only")]), compile_after)(row)
        assert row == [True, False, True]


def test_a_graph_of_five_hundred_steps() -> None:
    size = 500
    steps = [
        decide(f"s{index}", (Compare("<", Get(4), Const(index)), (index + 1,)), (TRUE, (index + 1, size - 1)))
        if index % 2
        else do(f"s{index}", with_=(index + 1,), status=Cases(((Get(0), Const("waiting")), (TRUE, Const("due")))))
        for index in range(size - 1)
    ]
    program = make_program(INPUTS, [*steps, end("end")])
    everything = (1 << size) - 1
    decider = make_decider(program, compile_after=0)
    assert decider([None] * len(INPUTS)).reached == everything
    assert decider([True, None, None, None, 250, None, None, None, None, None]).reached == everything


def nested(kind: str, depth: int) -> Expr:
    expr: Expr = Compare("<", Get(4), Const(3)) if kind not in ("sum", "product", "quotient") else Get(4)
    for index in range(depth):
        match kind:
            case "not":
                expr = Not(expr)
            case "and-or":
                expr = All((Any_((expr, Get(1))), Get(0))) if index % 2 else Any_((Get(1), All((expr, Get(2)))))
            case "cases":
                expr = Cases(((expr, Get(2)), (Get(1), Get(0)), (TRUE, Get(1))))
            case "case values":
                expr = Cases(((Get(2), Get(1)), (Get(1), expr), (TRUE, Get(1))))
            case "sum":
                expr = Add(expr, Get(5))
            case "product":
                expr = Greatest((Multiply(Const(-1), expr), Get(5)))
            case "quotient":
                expr = Divide(Add(expr, Get(5)), Get(6))
            case "sure":
                expr = Any_((Not(Known(expr)), Get(1))) if index % 2 else All((Sure(expr), Get(0)))
            case _:
                expr = AtLeast(1, (expr, Get(1)))
    return expr


KINDS = ("not", "and-or", "cases", "case values", "sum", "product", "quotient", "sure", "at least")


@pytest.mark.parametrize("depth", [5, 25, 59, 90])
@pytest.mark.parametrize("kind", KINDS)
def test_deep_expressions_are_within_python_s_limits(kind: str, depth: int) -> None:
    expr = nested(kind, depth)
    program = make_program(INPUTS, [end("only")])
    evaluator = make_evaluator(program, [expr])
    some: Row = [None, False, True, None, 2, 1, 3, 0, None, None]
    others: Row = [True, True, None, None, None, None, 0, 1, "absent", "present"]
    for row in (some, others):
        assert evaluator(row) == (evaluate(expr, row),)


def test_strings_of_a_program_cannot_become_code() -> None:
    hostile = "'); import os #\"\n\\"
    slots = (*INPUTS, define("d", Cases(((UNSURE, Const(hostile)), (TRUE, Const("\x00{}%s")))), "choice"))
    steps = [do(hostile, satisfied=FALSE, status=Get(len(INPUTS)))]
    assert run(make_program(slots, steps), True).statuses == {0: hostile}
    assert run(make_program(slots, steps), False).statuses == {0: "\x00{}%s"}


def test_a_decider_that_is_used_often_is_compiled_once_and_stays_the_same() -> None:
    program = make_program(INPUTS, [decide("ask", (UNSURE, (1,)), (TRUE, (2,))), do("left"), do("right")])
    decider = make_decider(program, compile_after=2)
    assert len({repr(decider([True, *[None] * 9])) for _ in range(5)}) == 1
