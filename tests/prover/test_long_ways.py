"""A long way through a protocol is no depth of calls."""

from __future__ import annotations

from pathlib import Path

from kb.interpreter import Guideline
from kb.prover.patient import Patients
from tests.mutation.weak import make_base

STEPS = 250


def _step(number: int) -> str:
    following = f"step-{number + 1}" if number < STEPS else "fluid"
    return (
        f"  step-{number}:\n    decide: How high is lactate?\n    cases:\n"
        f"      - when: lactate > {number / 100} mmol/L\n        go: {following}\n"
        "      - else: fine\n    cites: [S01]\n"
    )


def test_whether_the_end_of_a_way_of_many_steps_is_reached_can_be_asked_first(tmp_path: Path) -> None:
    base = make_base(tmp_path, {"well": {"title": "Well", "chart": {"map": "90 mmHg"}, "expect": {}}})
    path = base.protocols_path / "weak" / "1.0.0.yaml"
    way = "".join(_step(number) for number in range(1, STEPS + 1))
    text = path.read_text(encoding="utf-8").replace("        go: fluid\n", "        go: step-1\n", 1)
    path.write_text(text.replace("  fluid:\n", way + "  fluid:\n", 1), encoding="utf-8")
    program, diagnostics = base.program("weak")
    assert program is not None, diagnostics
    patients = Patients(Guideline(program))
    end = next(index for index, step in enumerate(program.steps) if step.id == "fluid")
    found = patients.find(lambda walk: [walk.reached(end)])
    assert found is not None
    assert found.advice.walk.state(end) == "reached"
