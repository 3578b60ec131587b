"""A patient who was found is written as a worked patient: read, checked and met as it stands."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kb.base import Base
from kb.formatter import format_text
from kb.interpreter import Guideline
from kb.prover.patient import NOW, Patient
from kb.scenario_text import FILE, ScenarioTextError, append_scenario, scenario_yaml
from kb.scenarios import run_scenario

ROOT = Path(__file__).parents[2]
ID, VERSION = "refractory-hypotension", "1.1.0"
CHART = {
    "age": "60 years",
    "pulse": "present",
    "map": "58 mmHg",
    "weight": "70 kg",
    "norepinephrine": "0.3 mcg/kg/min as base",
    "chronic_hypertension": False,
    "vasopressin": "0 units/min",
    "vasopressin_allergy": False,
}
LOCAL = {"parameters": {"bolus_size": "250 mL"}}


@pytest.fixture
def base(tmp_path: Path) -> Base:
    (tmp_path / "protocols").mkdir()
    for folder in (ROOT / "protocols").iterdir():
        (tmp_path / "protocols" / folder.name).symlink_to(folder)
    (tmp_path / "protocols" / ID).unlink()
    shutil.copytree(ROOT / "protocols" / ID, tmp_path / "protocols" / ID)
    return Base(tmp_path)


def patient(base: Base, chart: dict[str, Any] = CHART, now: datetime = NOW) -> Patient:
    program, _ = base.program(ID)
    assert program is not None
    return Patient(chart, LOCAL, now, Guideline(program).advise(chart, now, local=LOCAL))


def saved(base: Base, file: str = FILE, **other: Any) -> Path:
    path = base.protocols_path / ID / "scenarios" / file
    append_scenario(path, ID, VERSION, "found-here", "Quotes: `x`, 5.5 & more", patient(base, **other))
    return path


def test_what_is_written_is_in_its_form(base: Base) -> None:
    text = scenario_yaml(ID, VERSION, "found-here", "Somebody: 5.5", patient(base))
    result = format_text(text, "found.yaml")
    assert not result.refused
    assert not result.changed


def test_what_is_written_passes_the_check_and_is_met(base: Base) -> None:
    path = saved(base)
    found, checked = base.check([ID])
    assert not found
    assert path in checked
    scenarios, _ = base.scenarios(path)
    program, _ = base.program(ID)
    assert program is not None
    result = run_scenario(Guideline(program), scenarios[0])
    assert result.passed
    assert [item.step for item in result.advice.recommended][:1] == ["vasopressin"]  # type: ignore[union-attr]
    assert scenarios[0].expect["doses"]["vasopressin"] == "0.03 to 0.04 units/min"
    assert scenarios[0].local == LOCAL


def test_another_time_than_the_usual_is_written_down(base: Base) -> None:
    path = saved(base, now=datetime(2026, 3, 1, 8, 30, tzinfo=UTC))
    assert base.scenarios(path)[0][0].now == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


def test_the_next_patient_stands_after_those_that_are_there(base: Base) -> None:
    path = base.protocols_path / ID / "scenarios" / "additions.yaml"
    before = path.read_text(encoding="utf-8")
    saved(base, "additions.yaml")
    after = path.read_text(encoding="utf-8")
    assert after.startswith(before.rstrip("\n"))
    assert base.scenarios(path)[0][-1].id == "found-here"
    assert not base.check([ID])[0]


def test_an_id_that_is_taken_is_numbered(base: Base) -> None:
    path = saved(base)
    again = append_scenario(path, ID, VERSION, "found-here", "The same", patient(base))
    assert again.scenario == "found-here-2"
    assert [item.id for item in base.scenarios(path)[0]] == ["found-here", "found-here-2"]


def test_an_id_that_another_file_has_is_numbered_too(base: Base) -> None:
    saved(base)
    beside = base.protocols_path / ID / "scenarios" / "additions.yaml"
    assert append_scenario(beside, ID, VERSION, "found-here", "The same", patient(base)).scenario == "found-here-2"
    new = append_scenario(beside.with_name("new.yaml"), ID, VERSION, "found-here", "The same", patient(base))
    assert new.scenario == "found-here-3"
    assert not base.check([ID])[0]


def test_a_file_about_another_version_is_left_alone(base: Base) -> None:
    path = base.protocols_path / ID / "scenarios" / "old.yaml"
    before = scenario_yaml(ID, "0.9.0", "older", "An older one", patient(base))
    path.write_text(before, encoding="utf-8")
    with pytest.raises(ScenarioTextError, match=r"is about refractory-hypotension 0\.9\.0"):
        saved(base, "old.yaml")
    assert path.read_text(encoding="utf-8") == before


def test_a_broken_file_is_left_alone_and_told(base: Base) -> None:
    path = base.protocols_path / ID / "scenarios" / "broken.yaml"
    path.write_text("format: 1\nprotocol: refractory-hypotension\n", encoding="utf-8")
    with pytest.raises(ScenarioTextError) as refused:
        saved(base, "broken.yaml")
    assert refused.value.found
