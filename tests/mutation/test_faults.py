"""Planted faults: what notices them, and that nothing is said of them that is not so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from kb.base import Base
from kb.diagnostics import has_errors
from kb.mutation.by_scenario import BrokenScenarioError
from kb.mutation.classes import CLASSES
from kb.mutation.judging import Bench, Verdict
from kb.scenarios import load_scenario_files, run_scenario
from tests.engine import PROTOCOLS
from tests.mutation.weak import CLAIM, PROTOCOL, make_base


def scenario(**parts: object) -> dict[str, object]:
    return {"title": "A patient"} | parts


AT_64 = scenario(
    chart={"map": "64 mmHg", "allergy": False}, expect={"recommended": ["fluid"], "doses": {"fluid": "500 mL"}}
)
AT_65 = scenario(chart={"map": "65 mmHg"}, expect={"outcomes": ["fine"]})
NOT_KNOWN = scenario(chart={}, expect={"states": {"fluid": "not known yet", "fine": "not known yet"}})
ALLERGIC = scenario(chart={"map": "50 mmHg", "allergy": True}, expect={"statuses": {"fluid": "withheld"}})


def verdicts(
    tmp_path: Path, scenarios: Mapping[str, object], kind: str = "", condition: str = "map < 65 mmHg"
) -> dict[str, Verdict]:
    base = make_base(tmp_path, scenarios, condition)
    found = base.mutate("weak", classes=[kind] if kind else ())
    return {f"{verdict.mutant.owner}: {verdict.mutant.told}": verdict for verdict in found.verdicts}


def test_a_threshold_that_no_patient_stands_at_survives_and_is_shown_as_that_patient(tmp_path: Path) -> None:
    far = scenario(chart={"map": "40 mmHg", "allergy": False}, expect={"recommended": ["fluid"]})
    found = verdicts(tmp_path, {"far": far, "well": scenario(chart={"map": "90 mmHg"}, expect={"outcomes": ["fine"]})})
    survived = found["pressure: `65 mmHg` becomes `64 mmHg`"]
    assert survived.outcome == "survived"
    assert survived.patient is not None
    assert survived.patient.chart["map"] == "64 mmHg"
    assert any("fine" in line.name for line in survived.patient.differs)
    assert survived.mutant.span.line == 1 + next(
        number for number, line in enumerate(PROTOCOL.splitlines()) if "map < 65" in line
    )


def test_the_same_threshold_is_noticed_by_patients_on_both_sides_of_it(tmp_path: Path) -> None:
    found = verdicts(tmp_path, {"low": AT_64, "well": AT_65}, "thresholds")
    assert {(verdict.outcome, verdict.by) for verdict in found.values()} == {("killed", "scenario")}
    assert found["pressure: `65 mmHg` becomes `64 mmHg`"].what == "low"
    assert found["pressure: `65 mmHg` becomes `66 mmHg`"].what == "well"


def test_a_guard_that_no_patient_needs_survives(tmp_path: Path) -> None:
    found = verdicts(tmp_path, {"low": AT_64, "well": AT_65}, "guards")
    assert found["fluid: `avoid_if allergy` is missing"].outcome == "survived"
    found = verdicts(tmp_path / "again", {"low": AT_64, "well": AT_65, "allergic": ALLERGIC}, "guards")
    assert found["fluid: `avoid_if allergy` is missing"].what == "allergic"


def test_a_guard_that_a_claim_needs_is_noticed_by_its_proof_where_no_patient_shows_it(tmp_path: Path) -> None:
    fault = "fluid: `avoid_if allergy` is missing"
    base = make_base(tmp_path, {"low": AT_64, "well": AT_65}, claim=CLAIM)
    found = {f"{each.mutant.owner}: {each.mutant.told}": each for each in base.mutate("weak").verdicts}
    assert (found[fault].outcome, found[fault].by) == ("killed", "proof")
    assert found[fault].what.startswith("`no-fluid-with-allergy` does not hold for map: ")
    assert "allergy: yes" in found[fault].what
    assert base.mutate("weak", classes=["guards"]).counts()["guards"]["proof"] == 1
    shown = make_base(tmp_path / "again", {"allergic": ALLERGIC}, claim=CLAIM).mutate("weak", classes=["guards"])
    assert [each.by for each in shown.verdicts] == ["scenario"]  # the cheapest witness is told


def test_a_claim_that_a_fault_leaves_true_notices_nothing(tmp_path: Path) -> None:
    far = scenario(chart={"map": "40 mmHg", "allergy": False}, expect={"recommended": ["fluid"]})
    strength = make_base(tmp_path, {"far": far}, claim=CLAIM).mutate("weak", classes=["thresholds"])
    found = {each.mutant.told: each.outcome for each in strength.verdicts}
    assert found["`65 mmHg` becomes `64 mmHg`"] == "survived"


def test_what_the_check_says_of_all_patients_notices_a_fault(tmp_path: Path) -> None:
    base = make_base(tmp_path, {"nothing": NOT_KNOWN}, "map < 65 mmHg and map > 60 mmHg")
    found = {each.mutant.told: each for each in base.mutate("weak", classes=["operators"]).verdicts}
    constant = found["all of becomes any of"]
    assert (constant.outcome, constant.by) == ("killed", "lint")
    assert constant.what.startswith("KB444")


def test_few_patients_show_many_faults(tmp_path: Path) -> None:
    base = make_base(tmp_path, {"nothing": NOT_KNOWN}, "map < 65 mmHg and systolic < 60 mmHg and lactate > 10 mmol/L")
    strength = base.mutate("weak", classes=["operators"])
    patients = {repr(each.patient.chart) for each in strength.survived if each.patient is not None}
    assert all(each.patient is not None and each.patient.differs for each in strength.survived)
    assert 0 < 2 * len(patients) <= len(strength.survived)


def test_what_is_not_known_taken_for_no_survives_where_every_chart_is_complete(tmp_path: Path) -> None:
    fault = "pressure: where `map < 65 mmHg` is not known, it is taken for no"
    survived = verdicts(tmp_path, {"low": AT_64, "well": AT_65}, "unknowns")[fault]
    assert survived.outcome == "survived"
    assert survived.patient is not None
    assert "map" not in survived.patient.chart
    with_missing = {"low": AT_64, "well": AT_65, "nothing": NOT_KNOWN}
    assert verdicts(tmp_path / "again", with_missing, "unknowns")[fault].what == "nothing"


def test_a_dose_of_ten_times_survives_where_no_scenario_expects_a_dose(tmp_path: Path) -> None:
    no_dose = scenario(chart={"map": "64 mmHg", "allergy": False}, expect={"recommended": ["fluid"]})
    fault = "fluid: `500 mL` becomes `5000 mL`"
    found = verdicts(tmp_path, {"low": no_dose, "well": AT_65}, "doses")
    assert not any(verdict.by == "scenario" for verdict in found.values())
    found = verdicts(tmp_path / "again", {"low": AT_64, "well": AT_65}, "doses")
    assert found[fault].by == "scenario"


def test_a_fault_that_changes_nobodys_advice_is_proved_to_change_none(tmp_path: Path) -> None:
    doubled = "map < 65 mmHg or map < 60 mmHg"
    found = verdicts(tmp_path, {"low": AT_64, "well": AT_65}, "thresholds", condition=doubled)
    for change in ("59 mmHg", "61 mmHg", "54 mmHg"):
        assert found[f"pressure: `60 mmHg` becomes `{change}`"].outcome == "equivalent"
    assert found["pressure: `60 mmHg` becomes `66 mmHg`"].outcome == "killed"


def test_a_duration_that_only_a_chart_over_time_can_tell_is_undecided_and_says_so(tmp_path: Path) -> None:
    over_time = "persists(map < 65 mmHg, 10 min after saline)"
    found = verdicts(tmp_path, {"nothing": NOT_KNOWN}, "thresholds", condition=over_time)
    undecided = found["pressure: `10 min` becomes `11 min`"]
    assert undecided.outcome == "undecided"
    assert "over time" in undecided.what
    # The condition inside is judged over time too: that the row looks the same proves nothing.
    assert found["pressure: `65 mmHg` becomes `64 mmHg`"].outcome == "undecided"


AGED = {
    "counts": {"entries": [("5 min", "map", "64 mmHg"), ("5 min", "allergy", False)], "fluid": "reached"},
    "too-old": {"entries": [("6 min", "map", "64 mmHg"), ("5 min", "allergy", False)], "fluid": "not known yet"},
}


def aged(name: str) -> dict[str, object]:
    """A patient over time; the library's `map` counts for 5 min."""
    chart = [{"ago": ago, "element": element, "value": value} for ago, element, value in AGED[name]["entries"]]
    return scenario(chart=chart, expect={"states": {"fluid": AGED[name]["fluid"]}})


@pytest.mark.parametrize(
    ("there", "fault", "age"),
    [
        ("too-old", "`valid_for: 5 min` becomes `2.5 min`", 5),
        ("counts", "`valid_for: 5 min` becomes `10 min`", 6),
    ],
)
def test_how_long_a_value_counts_is_noticed_by_a_patient_of_that_age_or_shown_as_one(
    tmp_path: Path, there: str, fault: str, age: int
) -> None:
    survived = verdicts(tmp_path, {"low": AT_64, there: aged(there)}, "currency")[f"map: {fault}"]
    assert survived.outcome == "survived"
    assert survived.patient is not None
    at = {entry.get("element"): entry["at"] for entry in survived.patient.chart["entries"]}
    now = datetime.fromisoformat(survived.patient.now)
    assert now - datetime.fromisoformat(at["map"]) == timedelta(minutes=age)
    assert any("fluid" in line.name for line in survived.patient.differs)
    both = {"low": AT_64, "counts": aged("counts"), "too-old": aged("too-old")}
    found = verdicts(tmp_path / "again", both, "currency")
    assert (found[f"map: {fault}"].outcome, found[f"map: {fault}"].by) == ("killed", "scenario")


def test_a_value_that_counts_for_good_is_noticed_by_the_check(tmp_path: Path) -> None:
    found = verdicts(tmp_path, {"low": AT_64}, "currency")["map: `valid_for: 5 min` is missing: it counts for good"]
    assert (found.outcome, found.by) == ("killed", "lint")


def test_for_how_long_a_value_counts_that_decides_nothing_changes_nobodys_advice(tmp_path: Path) -> None:
    idle = "map < 65 mmHg or (map < 60 mmHg and lactate > 4 mmol/L)"
    found = verdicts(tmp_path, {"low": AT_64}, "currency", condition=idle)
    assert found["lactate: `valid_for: 2 h` becomes `4 h`"].outcome == "equivalent"


def test_where_no_worked_patient_reads_the_value_for_how_long_it_counts_is_undecided(tmp_path: Path) -> None:
    found = verdicts(tmp_path, {"nothing": NOT_KNOWN}, "currency")
    undecided = found["map: `valid_for: 5 min` becomes `10 min`"]
    assert undecided.outcome == "undecided"
    assert "`map` counts" in undecided.what


def test_a_citation_is_noticed_by_the_check_or_left_to_people(tmp_path: Path) -> None:
    found = verdicts(tmp_path, {"low": AT_64}, "citations")
    assert {(verdict.outcome, verdict.by) for verdict in found.values()} <= {("killed", "lint"), ("undecided", "")}
    assert found["fluid: `S01` is not cited"].by == "lint"


def test_nothing_is_judged_while_a_scenario_fails(tmp_path: Path) -> None:
    wrong = scenario(chart={"map": "64 mmHg"}, expect={"outcomes": ["fine"]})
    with pytest.raises(BrokenScenarioError, match="`wrong`"):
        verdicts(tmp_path, {"wrong": wrong})


def test_a_sample_is_the_same_for_the_same_seed_and_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    base = make_base(tmp_path, {"low": AT_64, "well": AT_65})
    one = base.mutate("weak", sample=10, seed=3)
    assert one.verdicts == base.mutate("weak", sample=10, seed=3, jobs=2).verdicts
    assert len(one.verdicts) == 10 < one.possible
    other = base.mutate("weak", sample=10, seed=4)
    assert [verdict.mutant for verdict in one.verdicts] != [verdict.mutant for verdict in other.verdicts]


def test_every_patient_to_add_gets_other_advice_once_the_fault_is_made(tmp_path: Path) -> None:
    base = make_base(tmp_path, {"low": AT_64})
    strength = base.mutate("weak")
    assert strength.survived
    for verdict in strength.survived:
        assert verdict.patient is not None
        assert verdict.patient.differs


def test_every_class_makes_faults_in_a_shipped_protocol() -> None:
    base = Base(PROTOCOLS.parent)
    protocol = base.protocol("refractory-hypotension")
    assert protocol is not None
    assert {mutant.kind for mutant in Bench(protocol, base.library, ()).mutants} == set(CLASSES)


def test_a_weak_base_is_a_fair_one(tmp_path: Path) -> None:
    base = make_base(tmp_path, {"low": AT_64, "well": AT_65, "nothing": NOT_KNOWN, "allergic": ALLERGIC})
    assert not has_errors(base.check()[0])
    files = base.scenario_files("weak")
    scenarios, problems = load_scenario_files(files)
    assert not problems
    assert yaml.safe_load(files[0].read_text(encoding="utf-8"))["protocol"] == "weak"
    program, _ = base.program("weak")
    assert program is not None
    from kb.interpreter import Guideline

    assert all(run_scenario(Guideline(program), each).passed for each in scenarios)
