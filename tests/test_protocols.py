"""The protocols that ship: every scenario as expected, nothing left unshown, every statement at home."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest

import kb
from kb.base import Base
from kb.coverage import Part, coverage
from kb.scenarios import Result, Scenario, load_scenario_files, run_scenario
from kb.site.dossier import Dossier
from kb.site.pages import pages_of

BASE = Base(Path(__file__).parents[1])
PROTOCOLS = list(BASE.protocols())
SCENARIOS = {id: load_scenario_files(BASE.scenario_files(id))[0] for id in PROTOCOLS}
VERSIONS = [f"{id}@{version}" for id, versions in BASE.protocols().items() for version in versions]


@cache
def guideline(id: str) -> kb.Guideline:
    """By id (the latest version) or `id@version`."""
    return kb.load(id, base=BASE.path)


def scenarios_of(name: str) -> list[Scenario]:
    """The worked patients of `id@version`; those that name no version are of the latest."""
    id, _, version = name.partition("@")
    latest = guideline(id).program.version
    return [scenario for scenario in SCENARIOS[id] if (scenario.version or latest) == version]


@cache
def results(name: str) -> tuple[Result, ...]:
    return tuple(run_scenario(guideline(name), scenario) for scenario in scenarios_of(name))


@pytest.mark.parametrize(
    ("name", "scenario"),
    [pytest.param(name, each, id=f"{name}-{each.id}") for name in VERSIONS for each in scenarios_of(name)],
)
def test_a_worked_patient_gets_the_advice_that_is_expected(name: str, scenario: Scenario) -> None:
    mismatches = run_scenario(guideline(name), scenario).mismatches
    assert not mismatches, "\n".join(str(mismatch) for mismatch in mismatches)


@pytest.mark.parametrize("name", VERSIONS)
def test_scenarios_show_every_step_case_status_rule_and_threshold(name: str) -> None:
    unshown: list[Part] = [part for part in coverage(guideline(name).program, results(name)) if part.missing]
    assert not unshown


@pytest.mark.parametrize("id", PROTOCOLS)
def test_the_shipped_protocols_have_no_finding_and_no_claim_of_approval(id: str) -> None:
    diagnostics, checked = BASE.check([id])
    assert not diagnostics
    assert len(checked) > 1
    for version in BASE.protocols()[id]:
        assert guideline(f"{id}@{version}").program.state == "draft"


def test_the_first_guideline_keeps_every_statement_and_every_ambiguity_of_its_source() -> None:
    program = guideline("refractory-hypotension@1.0.0").program
    statements = {statement.id for statement in program.statements}
    numbers = {id.rstrip("abcde") for id in statements}
    parents = {id.rstrip("abcde") for id in statements if id[-1] in "abcde"}
    assert numbers == {f"S{number:02}" for number in range(1, 42)}
    assert len(statements - parents) == 48
    assert {f"A{number:02}" for number in range(1, 39)} <= {item.id for item in program.interpretations}
    assert [item.id for item in program.interpretations if item.status == "disputed"] == ["A14"]
    assert all(item.confirm for item in program.interpretations)


def test_every_vignette_of_the_source_is_a_scenario() -> None:
    shown = {scenario.vignette for scenario in SCENARIOS["refractory-hypotension"]}
    assert {f"V{number:02}" for number in range(1, 19)} <= shown


@pytest.mark.parametrize("name", VERSIONS)
def test_every_recommendation_is_cited_and_says_how_urgent_and_how_strong(name: str) -> None:
    for step in guideline(name).program.steps:
        if step.kind == "do":
            assert step.cites or step.interprets, step.id
            assert step.priority, step.id
            assert step.strength in ("strong", "conditional"), step.id
            assert step.certainty, step.id


def test_one_calcium_in_two_salts_is_one_drug_and_shown_with_its_volume() -> None:
    chart = {
        "age": "70 years",
        "pulse": "present",
        "potassium": "6.6 mEq/L",
        "sample_haemolysed": False,
        "ecg_changes": True,
        "digoxin_toxicity_feared": False,
        "therapy_record": "complete",
    }
    given: dict[str, tuple[str | None, ...]] = {}
    for near_arrest in (False, True):
        advice = guideline("hyperkalaemia").advise(chart | {"near_arrest": near_arrest})
        calcium = [(item.step, item.dose) for item in advice.recommended if item.step.startswith("calcium")]
        given |= {step: (dose.rounded, dose.volume, dose.over) for step, dose in calcium if dose is not None}
    assert given == {
        "calcium-gluconate": ("6.8", "30 mL", "10 min"),
        "calcium-chloride": ("6.8", "10 mL", "5 min"),
    }


@pytest.mark.parametrize(
    ("local", "over"), [({}, "local policy: insulin_time"), ({"insulin_time": "30 min"}, "30 min")]
)
def test_how_long_a_gift_takes_is_the_hospitals_value_or_said_to_be_missing(local: dict[str, str], over: str) -> None:
    chart = {"age": "70 years", "pulse": "present", "potassium": "6.6 mmol/L", "therapy_record": "complete"}
    advice = guideline("hyperkalaemia").advise(chart, local={"parameters": local})
    assert [item.dose.over for item in advice.recommended if item.step == "insulin" and item.dose is not None] == [over]
    assert [policy.parameter for policy in advice.needs_policy] == ([] if local else ["insulin_time"])


@pytest.mark.parametrize(
    ("expected", "mismatch"),
    [
        ({"give-benzodiazepine": ["lorazepam", "midazolam", "diazepam"]}, None),
        ({"give-benzodiazepine": ["midazolam", "lorazepam", "diazepam"]}, "got [lorazepam, midazolam, diazepam]"),
        ({"give-benzodiazepine": []}, "expected [], got [lorazepam, midazolam, diazepam]"),
        ({"airway": ["lorazepam"]}, "got no choice"),
        ({"second-drug": ["valproate"]}, "got no choice"),
    ],
)
def test_a_scenario_expects_the_options_of_a_choice_in_their_order(
    expected: dict[str, list[str]], mismatch: str | None
) -> None:
    scenario = next(item for item in SCENARIOS["status-epilepticus"] if item.id == "six-minutes")
    found = run_scenario(guideline("status-epilepticus"), scenario._replace(expect={"options": expected})).mismatches
    assert (mismatch in str(found[0])) if mismatch else not found


def test_the_patients_that_the_notes_name_are_scenarios() -> None:
    assert {
        "eighty-kilograms",
        "late-arrival",
        "two-before-arrival",
        "pregnant",
        "stopped-at-nine-minutes",
        "glucose-2-1",
        "weight-13",
        "weight-12-9",
        "weight-not-known",
        "onset-not-known",
    } <= {scenario.id for scenario in SCENARIOS["status-epilepticus"]}


def changed_base(folder: Path, *changes: tuple[str, str, str]) -> Base:
    """A copy of the shipped protocols with some lines of one protocol changed."""
    shutil.copytree(BASE.path / "protocols", folder / "protocols")
    for file, old, new in changes:
        path = folder / "protocols" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return Base(folder)


def test_a_step_cannot_go_back_to_the_older_figure_for_bradycardia(tmp_path: Path) -> None:
    base = changed_base(tmp_path, ("adult-bradycardia/0.1.0.yaml", "cites: [S04]", "cites: [S07]"))
    assert [item.code for item in base.check(["adult-bradycardia"])[0]] == ["KB420"]


def test_the_reference_that_supersedes_another_exists(tmp_path: Path) -> None:
    change = ("adult-bradycardia/statements.yaml", "superseded_by: R1", "superseded_by: R9")
    found = changed_base(tmp_path, change).check(["adult-bradycardia"])[0]
    assert [(item.code, item.message) for item in found] == [("KB506", "there is no reference `R9`")]


def test_readers_see_which_reference_is_superseded() -> None:
    references = {item.key: item.superseded_by for item in guideline("adult-bradycardia").program.references}
    assert references == {"R1": "", "R2": "R1"}
    assert "superseded by R1" in "".join(pages_of(Dossier(guideline("adult-bradycardia").program)).values())


# The table of NEWS2 as printed: points, and the first and the last value of each band.
NEWS2 = {
    ("respiration", "respiratory_rate", "/min"): "3: 5 8, 1: 9 11, 0: 12 20, 2: 21 24, 3: 25 40",
    ("systolic", "systolic", "mmHg"): "3: 60 90, 2: 91 100, 1: 101 110, 0: 111 219, 3: 220 250",
    ("pulse", "heart_rate", "/min"): "3: 30 40, 1: 41 50, 0: 51 90, 1: 91 110, 2: 111 130, 3: 131 180",
    ("temperature", "temperature", "Cel"): "3: 30.0 35.0, 1: 35.1 36.0, 0: 36.1 38.0, 1: 38.1 39.0, 2: 39.1 41.0",
    ("saturation_scale_1", "spo2", "%"): "3: 70 91, 2: 92 93, 1: 94 95, 0: 96 100",
    ("saturation_scale_2", "spo2", "%"): "3: 70 83, 2: 84 85, 1: 86 87, 0: 88 92, 1: 93 94, 2: 95 96, 3: 97 100",
}


@pytest.mark.parametrize(
    ("part", "element", "value", "points"),
    [
        pytest.param(part, element, f"{value} {unit}", int(points), id=f"{part}-{value}")
        for (part, element, unit), bands in NEWS2.items()
        for points, ends in (band.split(":") for band in bands.split(","))
        for value in ends.split()
    ],
)
def test_news2_gives_the_points_of_the_printed_table(part: str, element: str, value: str, points: int) -> None:
    program = guideline("early-warning").program
    advice = guideline("early-warning").advise({element: value, "supplemental_oxygen": True})
    slot = next(index for index, slot in enumerate(program.slots) if slot.of == f"news2_{part}")
    assert advice.walk.row[slot] == points * 10**8
