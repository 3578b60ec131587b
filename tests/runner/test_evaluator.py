"""The evaluator in JavaScript reads rows as Python does: definitions, walk, statuses, and what could still change."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kb import program as ir
from kb.codec import program_to_json
from kb.evaluate import undecided
from kb.interpreter import Guideline
from kb.values import compute
from tests.engine import PROTOCOLS, load_file
from tests.runner.node import run
from tests.strategies import parts

SHIPPED = sorted(PROTOCOLS.glob("*/[0-9]*.yaml"))


def constants(program: ir.Program) -> list[int]:
    """Every number that stands in the Program: what is compared and worked out meets its thresholds."""
    nodes = parts((program.slots, program.steps, program.applies))
    found = {node.value for node in nodes if isinstance(node, ir.Const) and type(node.value) is int}
    return sorted(int(number) for number in found)


def rows(program: ir.Program, count: int, seed: str) -> Iterator[ir.Row]:
    chance, near = random.Random(seed), constants(program) or [0]
    for _ in range(count):
        missing = chance.choice([0.1, 0.3, 0.6])
        row: ir.Row = []
        for slot in program.slots:
            if slot.kind == "define" or chance.random() < missing:
                row.append(None)
            elif slot.type == "boolean":
                row.append(chance.random() < 0.5)
            elif slot.type == "choice":
                row.append(chance.choice(slot.options) if slot.options else None)
            else:
                row.append(chance.choice(near) + chance.choice([-1, 0, 1]))
        yield row


def text(value: ir.Value) -> Any:
    return {"n": str(value)} if isinstance(value, int) and not isinstance(value, bool) else value


def decided(guideline: Guideline, row: ir.Row) -> dict[str, Any]:
    decision, program = guideline.decide(row), guideline.program
    return {
        "row": [text(value) for value in row],
        "masks": [str(mask) for mask in (decision.reached, decision.possible, decision.assumed)],
        "statuses": [list(item) for item in sorted(decision.statuses.items())],
        "outcomes": [[step, str(outcome)] for step, outcome in sorted(decision.outcomes.items())],
        "undecided": [
            sorted(undecided(expr, row, program))
            for step in program.steps
            for expr in [*(case.when for case in step.cases), step.status]
        ],
    }


def check_rows(path: Path, count: int) -> None:
    guideline = load_file(path, PROTOCOLS / "library").guideline
    made = list(rows(guideline.program, count, path.parent.name))
    given = {"program": program_to_json(guideline.program), "rows": [[text(value) for value in row] for row in made]}
    for number, (row, ours) in enumerate(zip(made, run("evaluator.mjs", given), strict=True)):
        wanted = decided(guideline, row)
        for key, value in wanted.items():
            assert ours[key] == value, f"row {number}: {key}"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")
def test_rows_are_read_as_in_python(path: Path) -> None:
    check_rows(path, 40)


@pytest.mark.long
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")
def test_many_rows_are_read_as_in_python(path: Path) -> None:
    check_rows(path, 4000)


def calls(count: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    chance, one = random.Random("functions"), ir.SCALE
    makers: list[Callable[[], int]] = [
        lambda: chance.randint(1, 10**12),
        lambda: chance.randint(1, 10**30),
        lambda: chance.randint(1, 400) * one,
        lambda: chance.randint(1, 100) * one // 4,
        lambda: chance.randint(0, 3),
        lambda: one + chance.randint(-3, 3),
        lambda: chance.randint(-(10**12), 10**10),
    ]
    exponents: list[Callable[[], int]] = [
        lambda: chance.randint(-60 * one, 75 * one),
        lambda: chance.choice([1, 2, 3, -1, -2]) * one // chance.choice([1, 2, 3, 4, 5]),
        lambda: chance.randint(-5, 5) * one,
        lambda: chance.randint(-(10**12), 10**12),
        lambda: 0,
    ]
    for _ in range(count):
        name = chance.choice(["ln", "exp", "sqrt", "power", "round"])
        value, exponent = chance.choice(makers)(), chance.choice(exponents)()
        yield (
            name,
            {"exp": (exponent,), "power": (value, exponent), "round": (value, chance.choice(makers)())}.get(
                name, (value,)
            ),
        )


def test_functions_round_as_in_python() -> None:
    made = list(calls(1000))
    found = run("evaluator.mjs", {"functions": [[name, *map(str, values)] for name, values in made]})
    wrong = [(call, ours) for call, ours in zip(made, found, strict=True) if ours != text(compute(call[0], call[1]))]
    assert not wrong
