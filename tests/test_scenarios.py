"""What a worked patient expects is held against what advice says, to the end of each dose."""

from __future__ import annotations

from typing import Any

import pytest

from kb.base import Base
from kb.diagnostics import Span
from kb.interpreter import Guideline
from kb.scenarios import NOW, Scenario, dose_said, run_scenario
from tests.engine import PROTOCOLS

NEWBORN = {"circulation_problem": True, "age": "0 years"}
ADULT = {"circulation_problem": True, "age": "60 years"}
DOSES = [
    # chart, the expected dose, and what is told where it is not what advice shows
    (NEWBORN, "0.1 to 0.15 mg", ""),
    (NEWBORN, "100 to 150 mcg", ""),
    (NEWBORN, "0.1 to 0.15 mg = 0.1 to 0.15 mL of 1 mg/mL", ""),
    (NEWBORN, "0.1 mg", "expected 0.1 mg, got 0.1 to 0.15 mg (a range: expect both ends)"),
    (NEWBORN, "0.15 mg", "expected 0.15 mg, got 0.1 to 0.15 mg (a range: expect both ends)"),
    (NEWBORN, "0.1 to 0.2 mg", "expected 0.1 to 0.2 mg, got 0.1 to 0.15 mg"),
    (NEWBORN, "0.15 to 0.1 mg", "expected 0.15 to 0.1 mg, got 0.1 to 0.15 mg"),
    (NEWBORN, "0.1 mg to 0.15 mg", "expected 0.1 mg to 0.15 mg, got 0.1 to 0.15 mg"),
    (NEWBORN, "0.1 to 0.15 mcg", "expected 0.1 to 0.15 mcg, got 0.1 to 0.15 mg"),
    (NEWBORN, "0.1 to 0.15 mmHg", "expected 0.1 to 0.15 mmHg, got 0.1 to 0.15 mg"),
    (NEWBORN, "0.1 to 0.15", "expected 0.1 to 0.15, got 0.1 to 0.15 mg"),
    (NEWBORN, "not known", "expected not known, got 0.1 to 0.15 mg"),
    (
        NEWBORN,
        "0.1 to 0.15 mg = 1 to 1.5 mL of 0.1 mg/mL",
        "expected 0.1 to 0.15 mg = 1 to 1.5 mL of 0.1 mg/mL, got 0.1",
    ),
    (ADULT, "0.5 mg", ""),
    (ADULT, "500 mcg", ""),
    (ADULT, "0.5 mg = 0.5 mL of 1 mg/mL", ""),
    (ADULT, "0.5 to 0.5 mg", "expected 0.5 to 0.5 mg, got 0.5 mg"),
    (ADULT, "0.5 to 0.15 mg", "expected 0.5 to 0.15 mg, got 0.5 mg"),
    (ADULT, "0.3 mg", "expected 0.3 mg, got 0.5 mg"),
    (ADULT, "0.5 mg as base", "expected 0.5 mg as base, got 0.5 mg"),
]


@pytest.fixture(scope="module")
def anaphylaxis() -> Guideline:
    program, _ = Base(PROTOCOLS.parent).program("anaphylaxis")
    assert program is not None
    return Guideline(program)


def patient(chart: dict[str, Any], expect: dict[str, Any]) -> Scenario:
    return Scenario("one", "One", Span("one.yaml"), "", "", NOW, chart, {}, (), expect)


@pytest.mark.parametrize(("chart", "wanted", "told"), DOSES, ids=[f"{row[1]} of {row[0]['age']}" for row in DOSES])
def test_a_dose_is_expected_as_it_is_shown(
    anaphylaxis: Guideline, chart: dict[str, Any], wanted: str, told: str
) -> None:
    result = run_scenario(anaphylaxis, patient(chart, {"doses": {"adrenaline": wanted}}))
    found = [str(mismatch) for mismatch in result.mismatches]
    assert len(found) == bool(told)
    assert all(one.startswith(f"dose of adrenaline: {told}") for one in found)
    advice = result.advice
    assert advice is not None
    shown = next(dose_said(item.dose) for item in advice.actions if item.dose is not None)
    assert run_scenario(anaphylaxis, patient(chart, {"doses": {"adrenaline": shown}})).passed
