"""The page advises as Python does, to the letter: actions, doses, reasons, questions, alerts, why and until when."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from kb.actions import due_in
from kb.advice import to_json
from kb.codec import program_file
from kb.conformance import vector, vectors
from kb.interpreter import Guideline
from kb.scenarios import load_scenario_files
from tests.chromium import runner
from tests.engine import PROTOCOLS, load_file, load_fragment
from tests.rows import read_rows
from tests.runner.node import run

SHIPPED = sorted(PROTOCOLS.glob("*/[0-9]*.yaml"))
GIVEN = ("chart", "now", "local", "lenient")

Vector = dict[str, Any]


def whys(guideline: Guideline, made: Vector) -> list[Any]:
    now = None if made["now"] is None else datetime.fromisoformat(made["now"])
    advice = guideline.advise(made["chart"], now, made["local"], lenient=made["lenient"])
    dues = [due_in(advice.walk, place) for place in range(len(guideline.program.steps))]
    return [
        [advice.status(step.id), None if due is None else str(due), to_json(advice.why(step.id))]
        for step, due in zip(guideline.program.steps, dues, strict=True)
    ]


def compare(
    patients: Iterable[tuple[Guideline, Vector]], *, why: bool = False, run: Callable[[str, Any], Any] = run
) -> None:
    """Hold what the page says of each patient against what Python says."""
    listed = list(patients)
    guidelines = list({id(guideline): guideline for guideline, _ in listed}.values())
    places = {id(guideline): place for place, guideline in enumerate(guidelines)}
    given = {
        "programs": [program_file(guideline.program) for guideline in guidelines],
        "vectors": [[places[id(one)], json.dumps({key: made[key] for key in GIVEN})] for one, made in listed],
        "why": why,
    }
    for (guideline, made), found in zip(listed, run("advice.mjs", given), strict=True):
        name = f"{made['protocol']}: {made['name']}"
        assert found.get("refused") == made.get("refused"), name
        if "advice" not in made:
            continue
        assert list(found["advice"]) == list(made["advice"]), name
        for key, value in json.loads(json.dumps(made["advice"])).items():
            assert found["advice"][key] == value, f"{name}: {key}"
        if why:
            assert found["why"] == whys(guideline, made), name


def patients_of(path: Path, count: int, seed: int = 0, one_in: int = 1) -> Iterable[tuple[Guideline, Vector]]:
    """Every `one_in`-th worked patient of a protocol, where there is no seed, and `count` generated ones."""
    guideline = load_file(path, PROTOCOLS / "library").guideline
    scenarios, problems = load_scenario_files(sorted(path.parent.glob("scenarios/*.yaml")))
    assert not problems
    worked = [item for item in scenarios if item.version in ("", path.stem)]
    return [(guideline, made) for made in vectors(guideline.program, worked[::one_in] if not seed else (), count, seed)]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")
def test_worked_and_generated_patients_are_advised_as_in_python(path: Path) -> None:
    compare(patients_of(path, 20, one_in=3), why=True)


@pytest.mark.long
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")
def test_all_worked_patients_are_advised_as_in_python(path: Path) -> None:
    compare(patients_of(path, 60), why=True)


def test_every_rule_of_the_meaning_holds_in_the_page() -> None:
    patients = []
    for row in read_rows():
        guideline = load_fragment(row.protocol).guideline
        now = row.now if "entries" in row.chart or "now" in row.data else None
        made = vector(guideline, f"{row.file}: {row.name}", row.chart, now, row.local, row.lenient)
        patients.append((guideline, made))
    compare(patients, why=True)


def test_caps_stand_in_the_hospitals_units_in_both() -> None:
    patients = []
    for row in read_rows():
        if row.name == "at the cap nothing is left, though the dose itself is not known":
            now = row.now if "entries" in row.chart or "now" in row.data else None
            units = {**row.local, "display_units": {"epinephrine": "mcg"}}
            guideline = load_fragment(row.protocol).guideline
            patients.append((guideline, vector(guideline, row.name, row.chart, now, units, row.lenient)))
    assert any(
        "at most 2 mg (2000 mcg) in the episode; 0 mg (0 mcg) is left" in json.dumps(made) for _, made in patients
    )
    compare(patients, why=True)


def test_a_browser_advises_as_python_does(browser: Browser) -> None:
    patients = [patient for path in SHIPPED for patient in list(patients_of(path, 10, seed=21))]
    compare(patients, why=True, run=runner(browser))


@pytest.mark.long
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")
def test_twenty_thousand_patients_are_advised_as_in_python(path: Path) -> None:
    for seed in range(1, 21):
        compare(patients_of(path, 1000, seed))
