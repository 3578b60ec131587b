"""Who is found is a patient: the chart is accepted, minimal, and gets the advice that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.prover.patient import Patients
from kb.prover.solver import not_
from kb.prover.symbolic import SymbolicWalk
from tests.engine import PROTOCOLS, load_file, load_fragment

SHIPPED = sorted(path for path in PROTOCOLS.glob("*/[0-9]*.yaml"))
shipped = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")

# Sub-steps of a titration that only say how things stand: nothing to do, so never recommended.
SAYS_ONLY = ("keep", "wait", "hold", "ceiling")


@shipped
def test_every_action_and_hand_over_has_a_patient_for_whom_it_is_recommended(path: Path) -> None:
    loaded = load_file(path, PROTOCOLS / "library")
    patients = Patients(loaded.guideline)
    for index, step in enumerate(loaded.program.steps):
        if step.kind not in ("do", "hand_over") or (step.action is not None and step.action.verb in SAYS_ONLY):
            continue

        def recommended(walk: SymbolicWalk, index: int = index) -> list[object]:
            return [walk.recommended(index)]

        found = patients.find(recommended)
        assert found is not None, step.id
        assert step.id in {item.step for item in found.advice.recommended}, found.told()


LADDER = {
    "start": "pressure",
    "steps": {
        "pressure": {
            "decide": "Is the pressure low?",
            "cases": [{"when": "map < 65 mmHg", "go": "raise"}, {"when": "map >= 66 mmHg", "go": "keep"}],
        },
        "raise": {"do": "Call for help", "call": "a senior"},
        "keep": {"end": "Keep going"},
    },
}


def test_a_hole_between_two_cases_is_found_as_a_patient_with_nothing_else_charted() -> None:
    loaded = load_fragment(LADDER)
    found = Patients(loaded.guideline).find(lambda walk: [walk.gap(0)])
    assert found is not None
    assert list(found.chart) == ["map"]
    number, unit = found.chart["map"].split(" ")
    assert 65 <= float(number) < 66
    assert unit == "mmHg"
    assert [alert.id for alert in found.advice.alerts] == ["gap"]


def test_what_no_patient_can_be_is_told_as_nobody() -> None:
    loaded = load_fragment(LADDER)
    patients = Patients(loaded.guideline)
    assert patients.find(lambda walk: [walk.case_holds(0, 0), walk.case_holds(0, 1)]) is None


def test_a_value_outside_its_plausible_range_is_no_patient() -> None:
    loaded = load_fragment(LADDER)
    index = next(number for number, slot in enumerate(loaded.program.slots) if slot.name == "map")
    high = next(element.high for element in loaded.program.elements if element.id == "map")
    assert high is not None
    patients = Patients(loaded.guideline)
    assert patients.find(lambda walk: [walk.slot(index).known, walk.slot(index).value > high]) is None  # type: ignore[union-attr]


def test_missing_data_is_part_of_all_patients() -> None:
    loaded = load_fragment(LADDER)
    found = Patients(loaded.guideline).find(lambda walk: [not_(walk.reached(1)), not_(walk.not_reached(1))])
    assert found is not None
    assert found.told() == "nothing is known"
    assert [ask.name for ask in found.advice.asks] == ["map"]
