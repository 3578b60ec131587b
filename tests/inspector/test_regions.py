"""Regions decide as every row does that can be tried, and as the prover does over all of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import product

import pytest

from kb import program as ir
from kb.evaluate import evaluate
from kb.inspector.regions import FALSE, TRUE, UNKNOWN, Domain, Key, Regions, Want
from kb.prover.symbolic import SymbolicWalk
from tests.generator.example import build

S = ir.SCALE
SLOTS = (
    ir.Slot("a", "element", "number", "a", "1"),
    ir.Slot("b", "element", "number", "b", "1"),
    ir.Slot("p", "element", "boolean", "p"),
    ir.Slot("q", "element", "boolean", "q"),
    ir.Slot("c", "element", "choice", "c", options=("x", "y", "z")),
    ir.Slot(
        "points",
        "define",
        "number",
        "points",
        "1",
        expr=ir.Cases(
            (
                (ir.Compare("<", ir.Get(0), ir.Const(3 * S)), ir.Const(2 * S)),
                (ir.Get(2), ir.Const(S)),
                (ir.TRUE, ir.Const(0)),
            )
        ),
    ),
)
ELEMENTS = (
    ir.Element("a", "a", "number", "1", low=0, high=9 * S),
    ir.Element("b", "b", "number", "1", low=0, high=9 * S),
    ir.Element("p", "p", "boolean"),
    ir.Element("q", "q", "boolean"),
    ir.Element("c", "c", "choice", options=("x", "y", "z")),
)
PROGRAM = build()._replace(slots=SLOTS, elements=ELEMENTS, steps=(), starts=(), parameters=(), drugs=(), rules=())
NUMBERS = (None, *(half * S // 2 for half in range(19)))  # each threshold below is whole: halves lie between
GIVEN = {TRUE: True, FALSE: False, UNKNOWN: None}


def condition(dice: random.Random, depth: int) -> ir.Expr:
    """A random condition over the slots; thresholds are whole numbers from 1 to 8."""
    kind = dice.randrange(9 if depth else 5)
    if kind == 0:
        return ir.Compare(dice.choice(["<", "<=", "=", "!=", ">=", ">"]), ir.Get(dice.randrange(2)), threshold(dice))
    if kind == 1:
        return ir.Get(dice.choice([2, 3]))
    if kind == 2:
        return ir.Member(ir.Get(4), tuple(dice.sample(["x", "y", "z"], dice.randrange(1, 3))))
    if kind == 3:
        return ir.Known(ir.Get(dice.randrange(6)))
    if kind == 4:
        score = ir.Add(ir.Get(5), ir.Cases(((ir.Get(3), ir.Const(S)), (ir.TRUE, ir.Const(0)))))
        return ir.Compare(dice.choice(["<", ">="]), score, ir.Const(dice.randrange(4) * S))
    items = tuple(condition(dice, depth - 1) for _ in range(dice.randrange(2, 4)))
    if kind == 5:
        return ir.All(items)
    if kind == 6:
        return ir.Any_(items)
    if kind == 7:
        return ir.AtLeast(2, items)
    return ir.Not(items[0]) if dice.randrange(2) else ir.Sure(items[0])


def threshold(dice: random.Random) -> ir.Const:
    return ir.Const(dice.randrange(1, 9) * S)


def rows() -> list[ir.Row]:
    made: list[ir.Row] = []
    for a, b in product(NUMBERS, NUMBERS):
        for p, q, c in product((True, False, None), (True, False, None), ("x", "y", "z", None)):
            row: ir.Row = [a, b, p, q, c, None]
            row[5] = evaluate(SLOTS[5].expr, row)  # type: ignore[arg-type]
            made.append(row)
    return made


ROWS = rows()


def agree(seed: int, sample: int) -> None:
    dice = random.Random(seed)
    whens = [condition(dice, 2) for _ in range(3)]
    regions = Regions(PROGRAM, whens)
    walk = SymbolicWalk(PROGRAM)
    tried = dice.sample(ROWS, sample) if sample < len(ROWS) else ROWS
    for among in product((TRUE, FALSE, UNKNOWN), repeat=2):
        for pair in ((0, 1), (1, 2)):
            chosen = [whens[number] for number in pair]
            one, other = (Want(when, each) for when, each in zip(chosen, among, strict=True))
            found = regions.find(one, other)
            settled = regions.find(other, since=regions.settle(one))
            assert (settled is None) == (found is None), (chosen, among)
            some = any(
                all(evaluate(when, row) is GIVEN[each] for when, each in zip(chosen, among, strict=True))
                for row in tried
            )
            assert not some or found is not None, (chosen, among)
            terms = []
            for when, each in zip(chosen, among, strict=True):
                truth = walk.truth(when)
                terms.append({TRUE: truth.true, FALSE: truth.false}.get(each))
                if each == UNKNOWN:
                    from kb.prover.solver import not_

                    terms[-1] = not_(truth.known)
            possible = not any(term is False for term in terms) and walk.find(*terms) is not None
            assert (found is not None) == possible, (chosen, among)
            if found is not None and settled is not None:
                assert found.exact
                for row in (*a_row_of(found.domains, regions), *a_row_of(settled.domains, regions)):
                    assert [evaluate(when, row) for when in chosen] == [GIVEN[each] for each in among]


def a_row_of(domains: Mapping[Key, Domain], regions: Regions) -> list[ir.Row]:
    """Two rows of what was found: every one of them must do."""
    made = []
    for pick in (0, -1):
        row: ir.Row = [(domains.get(slot) or regions.full(slot))[pick] for slot in range(5)] + [None]
        row[5] = evaluate(SLOTS[5].expr, row)  # type: ignore[arg-type]
        made.append(row)
    return made


@pytest.mark.parametrize("seed", range(12))
def test_regions_decide_as_rows_and_prover_do(seed: int) -> None:
    agree(seed, 400)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 400))
def test_regions_decide_as_all_rows_and_prover_do(seed: int) -> None:
    agree(seed, 4000)


def test_a_chain_of_many_conditions_is_decided_without_trying_all_rows() -> None:
    slots = tuple(ir.Slot(f"n{number}", "element", "number", f"n{number}", "1") for number in range(12))
    elements = tuple(ir.Element(slot.of, slot.of, "number", "1", low=0, high=9 * S) for slot in slots)
    program = PROGRAM._replace(slots=slots, elements=elements)
    low = [ir.Compare("<", ir.Get(number), ir.Const(5 * S)) for number in range(12)]
    every = ir.All(tuple(low))
    regions = Regions(program, [every])
    assert regions.find(Want(every, TRUE), Want(ir.Compare(">=", ir.Get(11), ir.Const(5 * S)), TRUE)) is None
    assert regions.find(Want(ir.AtLeast(12, tuple(low)), TRUE)) is not None
    assert regions.find(Want(every, FALSE), *(Want(item, TRUE) for item in low)) is None


def test_what_is_worked_out_of_two_inputs_is_said_to_be_inexact() -> None:
    total = ir.Add(ir.Get(0), ir.Get(1))
    more, less = ir.Compare(">=", total, ir.Const(5 * S)), ir.Compare("<", total, ir.Const(5 * S))
    regions = Regions(PROGRAM, [more, less])
    found = regions.find(Want(more, TRUE))
    assert found is not None
    assert not found.exact
    assert regions.find(Want(more, TRUE), Want(less, TRUE)) is None  # and yet they exclude each other
