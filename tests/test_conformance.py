"""Conformance vectors: always the same, true to the interpreter, and at every threshold."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from kb.chart import ChartError
from kb.conformance import spans, thresholds, vectors
from kb.interpreter import Guideline
from kb.program import SCALE, Program
from tests.engine import PROTOCOLS, load_file

FIRST = PROTOCOLS / "refractory-hypotension" / "1.1.0.yaml"


@pytest.fixture(scope="module")
def program() -> Program:
    return load_file(FIRST, PROTOCOLS / "library").program


def slot_named(program: Program, name: str) -> int:
    return next(index for index, slot in enumerate(program.slots) if slot.name == name)


def test_the_same_arguments_give_the_same_vectors(program: Program) -> None:
    made = list(vectors(program, count=20))
    assert json.dumps(made) == json.dumps(list(vectors(program, count=20)))
    assert [item["chart"] for item in made] != [item["chart"] for item in vectors(program, count=20, seed=1)]


def test_a_vector_read_back_gives_its_advice_or_its_refusals(program: Program) -> None:
    guideline = Guideline(program)
    refused = 0
    for line in [json.dumps(item) for item in vectors(program, count=60)]:
        vector: dict[str, Any] = json.loads(line, parse_float=Decimal)
        now = vector["now"] and datetime.fromisoformat(vector["now"])
        how = {"now": now, "local": vector["local"], "lenient": vector["lenient"]}
        if "refused" in vector:
            with pytest.raises(ChartError) as found:
                guideline.advise(vector["chart"], **how)
            assert [item._asdict() for item in found.value.refusals] == vector["refused"]
            refused += 1
            continue
        advice = guideline.advise(vector["chart"], **how)
        assert json.loads(json.dumps(advice.to_json())) == json.loads(line)["advice"]
        assert len(vector["row"]) == len(program.slots)
    assert 0 < refused < 30


def test_thresholds_are_where_a_comparison_can_change(program: Program) -> None:
    found = thresholds(program)
    assert 65 * SCALE in found[slot_named(program, "map")]  # through the definition of the target
    assert 18 * SCALE in found[slot_named(program, "age")]


def test_each_threshold_is_met_and_passed_on_both_sides(program: Program) -> None:
    charts = json.dumps([item["chart"] for item in vectors(program, count=1500)])
    for text in ("17.99999999 years", "18 years", "18.00000001 years"):
        assert text in charts


def test_spans_are_those_that_the_program_waits(program: Program) -> None:
    ages = {element.valid_for for element in program.elements if element.valid_for is not None}
    assert ages <= set(spans(program))
