"""Patients to add: what is written passes as it stands, and afterwards notices what went unnoticed."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from kb.base import Base
from kb.cli import app
from kb.diagnostics import has_errors
from kb.formatter import format_text
from kb.interpreter import Guideline
from kb.mutation.expecting import expectation
from kb.scenarios import load_scenario_files, run_scenario
from kb.strengthening import for_faults, for_gaps, save, yaml_of
from tests.engine import PROTOCOLS
from tests.mutation.test_faults import AT_65, scenario
from tests.mutation.weak import make_base

FAR = scenario(chart={"map": "40 mmHg", "allergy": False}, expect={"recommended": ["fluid"]})


def test_with_the_patients_added_no_fault_goes_unnoticed(tmp_path: Path) -> None:
    base = make_base(tmp_path, {"far": FAR, "well": AT_65})
    before = base.mutate("weak")
    assert before.survived
    path = base.protocols_path / "weak" / "scenarios" / "found.yaml"
    save(for_faults(before), "weak", "1.0.0", path)
    again = Base(tmp_path)
    assert not has_errors(again.check()[0])
    assert again.mutate("weak").survived == ()


def test_what_is_proposed_is_in_the_form_of_kb_fmt_and_says_that_it_is_to_be_reviewed(tmp_path: Path) -> None:
    base = make_base(tmp_path, {"far": FAR})
    text = yaml_of(for_faults(base.mutate("weak")), "weak", "1.0.0")
    assert format_text(text, "found.yaml", "scenario").text == text
    assert "To be reviewed" in text


def test_patients_over_time_are_added_as_such_and_notice_for_how_long_a_value_counts(tmp_path: Path) -> None:
    base = make_base(tmp_path, {"low": FAR})
    before = base.mutate("weak", classes=["currency"])
    assert len(before.survived) == 2
    path = base.protocols_path / "weak" / "scenarios" / "found.yaml"
    assert len(save(for_faults(before), "weak", "1.0.0", path)) == 2  # as old as may be, and a minute older
    assert "{ago: 6 min, element: map, value: 40 mmHg}" in path.read_text(encoding="utf-8")
    again = Base(tmp_path)
    assert not has_errors(again.check()[0])
    assert again.mutate("weak", classes=["currency"]).survived == ()


def test_a_range_whose_ends_are_one_number_is_expected_as_that_number() -> None:
    program, _ = Base(PROTOCOLS.parent).program("anaphylaxis")
    assert program is not None
    advice = Guideline(program).advise({"circulation_problem": True, "age": "60 years"})
    made = expectation(advice, ["dose of adrenaline"])
    assert made["doses"] == {"adrenaline": "0.5 mg"}


def test_a_gap_in_coverage_becomes_a_patient_and_what_needs_an_order_is_said(tmp_path: Path) -> None:
    base = make_base(tmp_path, {"far": FAR})
    program, _ = base.program("weak")
    assert program is not None
    guideline = Guideline(program)
    scenarios, _ = load_scenario_files(base.scenario_files("weak"))
    proposed, missing = for_gaps(guideline, [run_scenario(guideline, each) for each in scenarios])
    charts = [item.patient.chart.get("map") for item in proposed]
    assert {"65 mmHg", "64 mmHg", None} <= set(charts)  # at the threshold, just below it, and not measured
    assert any("fine" in item.expect.get("outcomes", ()) for item in proposed)
    assert not missing


def test_the_commands_add_patients_that_pass(tmp_path: Path) -> None:
    make_base(tmp_path, {"far": FAR})
    run = CliRunner()
    said = run.invoke(app, ["--base", str(tmp_path), "mutate", "weak", "--class", "thresholds", "--save-scenarios"])
    assert said.exit_code == 1
    assert "unnoticed" in said.output
    assert run.invoke(app, ["--base", str(tmp_path), "mutate", "weak", "--class", "thresholds"]).exit_code == 0
    assert run.invoke(app, ["--base", str(tmp_path), "test", "weak", "--generate", "--save"]).exit_code == 0
    assert run.invoke(app, ["--base", str(tmp_path), "test", "weak"]).exit_code == 0


def test_a_class_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    make_base(tmp_path, {"far": FAR})
    said = CliRunner().invoke(app, ["--base", str(tmp_path), "mutate", "weak", "--class", "dose"])
    assert said.exit_code == 2
    assert "doses" in said.output
