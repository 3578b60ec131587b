"""Local settings: what counts, what is refused, and the digest that stands on every advice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import kb
from kb.base import Base
from kb.comparison.trial import trial_of
from kb.generator.bedside import advice_lines, verdict_lines
from kb.generator.diagram import plan_flowchart
from kb.generator.readaloud import read_aloud_text
from kb.generator.wording import Speaker
from kb.local import checked_local, read_local
from kb.scenarios import load_scenario_files, run_scenario
from kb.validator import schema_document

ROOT = Path(__file__).parents[2]
SHOCK = kb.load("refractory-hypotension", base=ROOT)
KETOACIDOSIS = kb.load("diabetic-ketoacidosis", base=ROOT)
BRADYCARDIA = kb.load("adult-bradycardia", base=ROOT)
ARREST = kb.load("adult-cardiac-arrest", base=ROOT)
FILE: dict[str, Any] = {
    "format": 1,
    "name": "St Example",
    "approved_by": "Dr A. Example",
    "approved_on": "2026-11-01",
    "parameters": {"reassess_after": "5 min", "adrenaline_timing": "us"},
}


def digest(local: dict[str, Any]) -> str:
    return SHOCK.advise({"age": "60 years"}, local=local).local_digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"parameters": {"reassess_after": "5 min"}}, {"parameters": {"reassess_after": {"value": "5 min"}}}),
        ({"parameters": {"reassess_after": "5 min"}}, {"parameters": {"reassess_after": "5  min"}, "limits": {}}),
        (
            {"parameters": {"reassess_after": "5 min", "bolus_size": "250 mL"}},
            {"parameters": {"bolus_size": "250 mL", "reassess_after": "5 min"}},
        ),
        (
            {"approved_by": "Dr A", "parameters": {"reassess_after": "5 min"}},
            {"parameters": {"reassess_after": {"value": "5 min", "approved_by": "Dr A"}}},
        ),
        ({"bindings": {"ABPm": "map"}}, {"bindings": {"ABPm": {"data": "map"}}}),
    ],
)
def test_settings_that_mean_the_same_have_one_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest(one) == digest(other) != ""


SETTLED: dict[str, Any] = {"parameters": {"reassess_after": "5 min"}}


@pytest.mark.parametrize(
    "more",
    [
        {"parameters": {"reassess_after": "6 min"}},
        {"parameters": {"reassess_after": {"value": "5 min", "because": "our rounds"}}},
        {"name": "St Other"},
        {"approved_by": "Dr B"},
        {"display_units": {"map": "kPa"}},
        {"concentrations": {"vasopressin": "0.4 units/mL"}},
        {"limits": {"vasopressin": [{"of": "rate", "hard": "up to 0.06 units/min"}]}},
        {"care_areas": {"ward": "General ward"}},
        {"care_areas": {"ward": "General ward"}, "care_area": "ward"},
        {"bindings": {"ABPm": "map"}},
        {"format": 1, "protocols": {"anaphylaxis": {"parameters": {"dosing_rule": "us"}}}},
    ],
)
def test_whatever_can_change_advice_or_what_is_shown_changes_the_digest(more: dict[str, Any]) -> None:
    assert digest({**SETTLED, **more}) != digest(SETTLED)


@pytest.mark.parametrize("local", [{}, {"format": 1, "name": "St Example"}, {"parameters": {}}])
def test_where_nothing_is_settled_there_is_no_digest(local: dict[str, Any]) -> None:
    assert digest(local) == ""


def test_one_file_serves_every_protocol() -> None:
    assert read_local(SHOCK.program, FILE).parameters == {"reassess_after": 5 * 10**8}
    assert read_local(ARREST.program, FILE).parameters == {"adrenaline_timing": "us"}
    assert SHOCK.advise({}, local=FILE).local_digest == ARREST.advise({}, local=FILE).local_digest


def test_what_is_said_for_one_protocol_counts_for_it_alone() -> None:
    local = {**FILE, "protocols": {"adult-cardiac-arrest": {"parameters": {"adrenaline_timing": "uk"}}}}
    assert read_local(ARREST.program, local).parameters == {"adrenaline_timing": "uk"}
    assert read_local(SHOCK.program, local).parameters == {"reassess_after": 5 * 10**8}


@pytest.mark.parametrize(
    ("local", "code", "words"),
    [
        ({"paramters": {}}, "KB646", "did you mean `parameters`?"),
        ({"parameters": {"reassess_after": {"valeu": "5 min"}}}, "KB646", "did you mean `value`?"),
        ({"parameters": {"adrenaline_timing": "us"}}, "KB620", "is not a parameter"),
        ({"limits": {"vasopresin": [{"of": "rate", "hard": "up to 1 units/min"}]}}, "KB647", "`vasopressin`?"),
        ({"limits": {"vasopressin": [{"of": "amount", "hard": "up to 1 units"}]}}, "KB647", "has no amount"),
        ({"limits": {"vasopressin": [{"of": "rate", "hard": "up to 1 mL/h"}]}}, "KB647", "volume"),
        ({"limits": {"vasopressin": [{"of": "rate", "hard": "1 units/min"}]}}, "KB647", "is no limit"),
        ({"limits": {"vasopressin": [{"of": "rate", "route": "im", "hard": "up to 1 units/min"}]}}, "KB647", "route"),
        ({"limits": {"vasopressin": [{"of": "rate", "hard": "up to 0.2 units/min"}]}}, "KB647", "gives no reason"),
        ({"care_area": "ward"}, "KB646", "is no care area"),
        ({"care_areas": {"ward": "Ward"}, "care_area": "wart"}, "KB646", "did you mean `ward`?"),
        ({"display_units": {"map": "L"}}, "KB649", "cannot be shown"),
        ({"display_units": {"pulse": "kPa"}}, "KB649", "cannot be shown"),
        ({"bindings": {"map": "heart_rate"}}, "KB648", "a name of ours"),
        ({"bindings": {"noradrenaline": "map"}}, "KB648", "a name of ours"),
        ({"bindings": {"ABPm": {"data": "map", "unit": "L"}}}, "KB648", "volume"),
        ({"bindings": {"P": {"data": "pulse", "values": {"ja": "presnt"}}}}, "KB648", "did you mean `present`?"),
    ],
)
def test_what_makes_no_sense_is_refused_even_leniently_where_it_would_hold_back(
    local: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(kb.ChartError, match=code) as caught:
        SHOCK.advise({"age": "60 years"}, local=local)
    assert [item.code for item in caught.value.refusals] == [code]
    assert words in str(caught.value)
    if code != "KB620":
        with pytest.raises(kb.ChartError):
            SHOCK.advise({"age": "60 years"}, local=local, lenient=True)


def test_a_scenario_takes_the_settings_a_file_takes() -> None:
    file, scenario = schema_document("local"), schema_document("scenario")
    assert file["definitions"].items() <= scenario["definitions"].items()
    own = scenario["definitions"]["scenario"]["properties"]["local"]["properties"]
    assert {key: own[key] for key in own if key != "care_area"}.items() <= file["properties"].items()


def test_a_file_of_settings_is_checked_against_the_whole_base(tmp_path: Path) -> None:
    path = tmp_path / "local.yaml"
    path.write_text(
        "format: 1\nname: St Example\napproved_by: Dr A. Example\n"
        "parameters:\n  reassess_after: {value: 50 min, because: rounds}\n  reasess: 5 min\n"
        "limits:\n  atenolol:\n    - {of: rate, hard: up to 1 mg/h}\n"
        "bindings:\n  ABPm: {data: mapp}\n"
    )
    told = [(item.code, item.span.line) for item in Base(ROOT).check_local(path)]
    assert told == [("KB711", 5), ("KB710", 6), ("KB710", 8), ("KB710", 11)]


# ---------------------------------------------------------------- limits and care areas

PATIENT = {"age": "60 years", "weight": "70 kg", "vasopressin": "0 units/min", "salvage_declared": True}
NARROW = {"of": "rate", "route": "iv", "hard": "up to 0.06 units/min", "because": "our pumps", "approved_by": "Dr A"}
WIDE = {"of": "rate", "route": "iv", "soft": "up to 0.09 units/min", "because": "cardiac unit", "approved_by": "Dr B"}
WARD = {"of": "rate", "hard": "up to 0.02 units/min", "because": "no arterial lines"}
AREAS: dict[str, Any] = {"care_areas": {"ward": {"title": "Ward", "limits": {"vasopressin": [WARD]}}, "icu": "ICU"}}


def verdict(rate: str, local: dict[str, Any], **more: str) -> Any:
    return SHOCK.check_orders(PATIENT, [{"drug": "vasopressin", "rate": rate, **more}], local=local)[0]


@pytest.mark.parametrize(
    ("rate", "local", "expected"),
    [
        ("0.06 units/min", {}, "allowed"),
        ("0.065 units/min", {}, "allowed"),
        ("0.06 units/min", {"limits": {"vasopressin": [NARROW]}}, "allowed"),
        ("0.065 units/min", {"limits": {"vasopressin": [NARROW]}}, "refused"),
        ("0.065 units/min", {"limits": {"argipressin": [NARROW]}}, "refused"),
        ("0.08 units/min", {}, "challenged"),
        ("0.08 units/min", {"limits": {"vasopressin": [WIDE]}}, "allowed"),
        ("0.095 units/min", {"limits": {"vasopressin": [WIDE]}}, "challenged"),
        ("0.11 units/min", {"limits": {"vasopressin": [WIDE]}}, "refused"),  # the library's hard limit still stands
        ("0.005 units/min", {"limits": {"vasopressin": [WIDE]}}, "challenged"),  # so does its lower end
        ("0.03 units/min", AREAS, "cannot tell"),
        ("0.015 units/min", AREAS, "allowed"),
        ("0.11 units/min", AREAS, "refused"),
        ("0.03 units/min", {**AREAS, "care_area": "ward"}, "refused"),
        ("0.03 units/min", {**AREAS, "care_area": "icu"}, "allowed"),
    ],
)
def test_an_order_is_held_against_the_limits_that_count_here(rate: str, local: dict[str, Any], expected: str) -> None:
    assert verdict(rate, local).verdict == expected


def test_a_refusal_by_a_local_limit_tells_the_librarys_and_who_signed() -> None:
    (because,) = verdict("0.065 units/min", {"limits": {"vasopressin": [NARROW]}}).because
    assert "local hard limit of 0.06 units/min" in because
    assert "the library's is 0.1 units/min; our pumps; Dr A" in because


def test_a_widened_limit_is_shown_beside_every_order_that_relies_on_it() -> None:
    local = {"limits": {"vasopressin": [WIDE]}}
    (note,) = verdict("0.08 units/min", local).notes
    assert "above the library's soft limit of 0.07 units/min" in note
    assert "0.09 units/min allows it (cardiac unit; Dr B)" in note
    assert verdict("0.05 units/min", local).notes == ()


def test_without_a_care_area_the_ask_is_which() -> None:
    assert verdict("0.03 units/min", AREAS).asks == ("care_area",)


def test_a_local_limit_never_touches_a_rule_of_the_protocol() -> None:
    patient = {**PATIENT, "salvage_declared": False}
    order = [{"drug": "vasopressin", "rate": "0.05 units/min"}]
    wide = {"limits": {"vasopressin": [{"of": "rate", "hard": "up to 5 units/min", "because": "made up"}]}}
    (found,) = SHOCK.check_orders(patient, order, local=wide)
    assert (found.verdict, found.rules) == ("refused", ("vasopressin-above-ceiling",))


SICK = {
    "age": "60 years", "weight": "70 kg", "pulse": "present", "map": "unobtainable", "vasopressin": "0 units/min",
    "norepinephrine": "0.08 mcg/kg/min as base", "therapy_record": "complete",
}  # fmt: skip


def test_our_own_dose_beyond_a_local_limit_is_withheld_and_says_why() -> None:
    assert SHOCK.advise(SICK).status("vasopressin") == "due"
    local = {**AREAS, "care_area": "ward"}
    advice = SHOCK.advise(SICK, local=local)
    (item,) = (item for item in advice.actions if item.step == "vasopressin")
    assert item.status == "withheld"
    assert "no arterial lines" in item.withheld_by[0]
    assert [(each.kind, each.name, each.area) for each in advice.local] == [
        ("care area", "ward", ""),
        ("limit", "vasopressin", "ward"),
    ]


def test_our_own_dose_that_a_care_area_would_forbid_is_shown_with_the_question() -> None:
    advice = SHOCK.advise(SICK, local=AREAS)
    (item,) = (item for item in advice.recommended if item.step == "vasopressin")
    assert item.asks[-1] == "care_area"
    assert any("which care area?" in caution for caution in item.cautions)
    (ask,) = (ask for ask in advice.asks if ask.name == "care_area")
    assert ask.options == ("ward", "icu")


@pytest.mark.parametrize(
    ("local", "severity", "words"),
    [
        ({**AREAS, "care_area": "ward"}, "critical", "running against hard-limit"),
        (AREAS, "warning", "which care area?"),
        ({"limits": {"vasopressin": [{**WIDE, "soft": "up to 0.09 units/min"}]}}, "information", "allows it"),
    ],
)
def test_a_running_rate_is_held_against_local_limits(local: dict[str, Any], severity: str, words: str) -> None:
    running = {**SICK, "vasopressin": "0.08 units/min", "salvage_declared": True}
    alerts = SHOCK.advise(running, local=local).alerts
    assert any(alert.severity == severity and words in alert.say for alert in alerts), alerts


def test_what_is_settled_stands_in_the_advice_beside_the_default() -> None:
    local = {"approved_by": "Dr A", "parameters": {"adrenaline_timing": {"value": "us", "because": "national rule"}}}
    (setting,) = ARREST.advise({}, local=local).local
    assert (setting.kind, setting.name, setting.value, setting.default) == (
        "parameter",
        "adrenaline_timing",
        "us",
        "uk",
    )
    assert (setting.because, setting.by) == ("national rule", "Dr A")


# ---------------------------------------------------------------- bindings

BOUND: dict[str, Any] = {
    "bindings": {
        "ABPm": {"data": "map", "unit": "mmHg", "values": {"nicht messbar": "unobtainable"}},
        "MAD": "map",
        "puls": {"data": "pulse", "values": {"vorhanden": "present", "fehlt": "absent"}},
    }
}


@pytest.mark.parametrize(
    ("chart", "expected"),
    [
        ({"ABPm": 58}, 58 * 10**8),
        ({"ABPm": "58"}, 58 * 10**8),
        ({"ABPm": "7.5 kPa"}, 5625478166),  # a unit that is stated counts: 7500 / 133.322 mmHg
        ({"MAD": "58 mmHg"}, 58 * 10**8),
        ({"MAD": "58 mmHg", "ABPm": "58"}, 58 * 10**8),
        ({"MAD": "58 mmHg", "ABPm": "60"}, None),
        ({"map": "58 mmHg", "ABPm": "60"}, None),
        ({"ABPm": "nicht messbar"}, None),
        ({"puls": "vorhanden"}, "present"),
        ({"puls": "not available"}, None),
    ],
)
def test_a_chart_in_the_hospitals_names_is_read_as_ours(chart: dict[str, Any], expected: object) -> None:
    slots = {slot.name: index for index, slot in enumerate(SHOCK.program.slots)}
    row = SHOCK.row(chart, local=BOUND)
    assert row[slots["pulse" if "puls" in chart else "map"]] == expected
    assert row[slots["map is unobtainable"]] is (
        True if "nicht messbar" in chart.values() else row[slots["map is unobtainable"]]
    )


@pytest.mark.parametrize(
    ("chart", "code"),
    [
        ({"MAD": "58"}, "KB604"),  # no unit is bound to this name
        ({"puls": "present"}, "KB603"),  # our word, where the hospital has words of its own
        ({"puls": "vorhandn"}, "KB603"),
        ({"ABPm": "900"}, "KB607"),
        ({"ABPs": "90 mmHg"}, "KB602"),
    ],
)
def test_what_a_binding_does_not_cover_is_refused_by_name(chart: dict[str, Any], code: str) -> None:
    with pytest.raises(kb.ChartError) as caught:
        SHOCK.advise(chart, local=BOUND)
    assert [item.code for item in caught.value.refusals] == [code]


def test_entries_in_the_hospitals_names_are_read_as_ours() -> None:
    at = "2026-01-27T12:00:00+00:00"
    entry = {"id": "a", "at": at, "kind": "observation", "element": "ABPm", "value": "58"}
    slots = {slot.name: index for index, slot in enumerate(SHOCK.program.slots)}
    now = kb.Chart.from_json({"entries": [entry]}).entries[0].at
    assert SHOCK.row({"entries": [entry]}, now, BOUND)[slots["map"]] == 58 * 10**8
    assert SHOCK.row({"entries": [entry]}, now)[slots["map"]] is None


# ---------------------------------------------------------------- mL/h, worked out by hand

TARTRATE, BASE_FORM = "16 mcg/mL as tartrate", "16 mcg/mL as base"


@pytest.mark.parametrize(
    ("drug", "rate", "concentration", "weight", "expected"),
    [
        ("vasopressin", "0.03 units/min", "0.4 units/mL", None, "4.5 mL/h"),  # 0.03 × 60 / 0.4
        ("vasopressin", "0.03 units/min", "20 units/50 mL", None, "4.5 mL/h"),
        ("vasopressin", "0.03 units/min", None, None, ""),
        ("dobutamine", "2.5 mcg/kg/min", "1 mg/mL", "70 kg", "10.5 mL/h"),  # 2.5 × 70 × 60 / 1000
        ("dobutamine", "2.5 mcg/kg/min", "1 mg/mL", None, ""),
        ("norepinephrine", "0.1 mcg/kg/min as base", BASE_FORM, "70 kg", "26.25 mL/h"),  # 0.1 × 70 × 60 / 16
        ("norepinephrine", "0.1 mcg/kg/min as base", TARTRATE, "70 kg", "52.5 mL/h"),  # half of it is base
        ("norepinephrine", "0.2 mcg/kg/min as tartrate", TARTRATE, "70 kg", "52.5 mL/h"),
        ("norepinephrine", "0.1 mcg/kg/min as base", "16 mcg/mL", "70 kg", ""),  # which form?
    ],
)
def test_a_running_rate_is_told_in_millilitres(
    drug: str, rate: str, concentration: str | None, weight: str | None, expected: str
) -> None:
    chart = {"age": "60 years", drug: rate} | ({"weight": weight} if weight else {})
    local = {"concentrations": {drug: concentration}} if concentration else None
    (running,) = (item for item in SHOCK.advise(chart, local=local).running if item.drug == drug)
    assert running.pump_rate == expected


def test_a_dose_of_ours_is_told_in_millilitres_with_the_working() -> None:
    advice = SHOCK.advise(SICK, local={"concentrations": {"vasopressin": "0.4 units/mL"}})
    (item,) = (item for item in advice.recommended if item.step == "vasopressin")
    assert item.dose is not None
    assert item.dose.pump_rate == "4.5 mL/h"
    assert "0.03 units/min at 0.4 units/mL = 4.5 mL/h" in (item.dose.working or "")


def test_the_concentration_that_hangs_comes_before_the_usual_one() -> None:
    chart = {**SICK, "vasopressin": {"rate": "0.03 units/min", "concentration": "1 units/mL"}}
    (running,) = (
        item
        for item in SHOCK.advise(chart, local={"concentrations": {"vasopressin": "0.4 units/mL"}}).running
        if item.drug == "vasopressin"
    )
    assert running.pump_rate == "1.8 mL/h"


def test_a_syringe_of_one_form_charted_as_another_is_unknown() -> None:
    slots = {slot.name: index for index, slot in enumerate(SHOCK.program.slots)}
    local = {"concentrations": {"norepinephrine": TARTRATE}}
    assert SHOCK.row({"weight": "70 kg", "norepinephrine": "52.5 mL/h"}, local=local)[slots["norepinephrine"]] == 10**7
    assert (
        SHOCK.row({"weight": "70 kg", "norepinephrine": "52.5 mL/h as base"}, local=local)[slots["norepinephrine"]]
        is None
    )


@pytest.mark.parametrize(
    ("protocol", "settings", "words"),
    [
        ("diabetic-ketoacidosis", {"insulin_ceiling": "12 units/h"}, "never above 12 units/h (set locally; default 15"),
        ("diabetic-ketoacidosis", {"target_window": "100 min"}, "target window (here 100 min; default 90 min) < 0.5"),
        (
            "diabetic-ketoacidosis",
            {"insulin_ceiling": "12 units/h"},
            "the ordered rate > insulin ceiling (here 12 units/h;",
        ),
        ("hyperkalaemia", {"insulin_dose": "8 units"}, "soluble insulin 8 units (set locally; default 10 units) IV"),
        ("hyperkalaemia", {}, "soluble insulin 10 units (unless set otherwise locally) IV"),
        ("hyperkalaemia", {"insulin_time": "20 min"}, "over insulin time, 20 min (set locally; no default)"),
        ("status-epilepticus", {"low_glucose": "4 mmol/L"}, "glucose < low glucose (here 4 mmol/L; no default)"),
        (
            "refractory-hypotension",
            {"reassess_after": "5 min"},
            "measured again 5 min (set locally; no default) or more",
        ),
    ],
)
def test_what_is_set_stands_beside_the_default_wherever_it_counts(
    protocol: str, settings: dict[str, str], words: str
) -> None:
    program = kb.load(protocol, base=ROOT).program
    assert words in read_aloud_text(program, checked_local(program, {"parameters": settings}))


# ---------------------------------------------------------------- display units

KPA: dict[str, Any] = {"display_units": {"map": "kPa", "vasopressin": "units/h"}}


@pytest.mark.parametrize(
    ("map_", "low", "shown"),
    [
        ("64.99 mmHg", False, "8.665 kPa (64.99 mmHg)"),
        ("65 mmHg", True, "8.666 kPa (65 mmHg)"),
        ("64.9999 mmHg", False, "just below 8.666 kPa (64.9999 mmHg)"),
        ("65.0005 mmHg", True, "just above 8.666 kPa (65.0005 mmHg)"),
        ("8.666 kPa", True, "just above 8.666 kPa"),
        ("8.6659 kPa", False, "just below 8.666 kPa"),
        ("64.996 mmHg", False, "8.665 kPa (64.996 mmHg)"),
    ],
)
def test_a_value_is_shown_in_the_hospitals_unit_and_exactly_in_ours(map_: str, low: bool, shown: str) -> None:
    advice = SHOCK.advise({**SICK, "map": map_, "chronic_hypertension": False}, local=KPA)
    (goal,) = (goal for goal in advice.goals if goal.id == "pressure")
    assert goal.state == ("met" if low else "not met")
    assert any(fact.value.startswith(shown) for fact in goal.facts)


def test_a_threshold_stands_in_the_protocols_unit_first_and_then_in_the_hospitals() -> None:
    units = {"display_units": {"potassium": "mEq/L", "glucose": "mg/dL"}}
    chart = {
        "age": "40 years",
        "ketones": "5 mmol/L",
        "glucose": "11.001 mmol/L",
        "ph": "7.2",
        "potassium": "3.4 mmol/L",
    }
    told = "\n".join(line.text for line in advice_lines(KETOACIDOSIS.advise(chart, local=units)))
    assert "potassium < 3.5 mmol/L (3.5 mEq/L)" in told
    assert "just above 198.2 mg/dL (11.001 mmol/L)" in told
    told = "\n".join(line.text for line in advice_lines(SHOCK.advise(SICK, local=KPA)))
    assert "vasopressin 0.03 units/min (1.8 units/h) IV" in told
    aloud = read_aloud_text(SHOCK.program, checked_local(SHOCK.program, KPA))
    assert "MAP < 65 mmHg (8.666 kPa) or (chronic hypertension and MAP < 70 mmHg (9.333 kPa))" in aloud
    assert "vasopressin 0.03 to 0.04 units/min (1.8 to 2.4 units/h) IV" in aloud
    assert "vasopressin > 0 units/min (0 units/h)" in aloud
    assert "norepinephrine ≥ 0.25 mcg/kg/min)" in aloud  # no unit of its own was given for it
    assert "below target (65 mmHg (8.666 kPa); 70 mmHg (9.333 kPa) with" in aloud  # numbers in titles too
    assert "the ordered rate > 0.04 units/min (2.4 units/h)" in aloud


@pytest.mark.parametrize(
    ("protocol", "units", "words"),
    [
        (KETOACIDOSIS, {"glucose": "mg/dL"}, "fall of glucose in the last target window < 3 mmol/L (54.05 mg/dL)"),
        (KETOACIDOSIS, {"potassium": "mEq/L"}, "No potassium is added above 5.5 mmol/L (5.5 mEq/L)"),
        (KETOACIDOSIS, {"potassium": "mEq/L"}, "Both (ketones < 0.6 mmol/L and ph > 7.3)"),
        (SHOCK, {"dobutamine": "mcg/kg/h"}, "2.5 → 5 → 10 → 20 mcg/kg/min (150 → 300 → 600 → 1200 mcg/kg/h)"),
        (SHOCK, {"norepinephrine": "mcg/kg/h"}, "norepinephrine at 0.25 mcg/kg/min (15 mcg/kg/h) of base or more?"),
        (SHOCK, {"epinephrine": "mcg/kg/h"}, "never above 0.5 mcg/kg/min (30 mcg/kg/h)"),
        (BRADYCARDIA, {"atropine": "mcg"}, "atropine-total: atropine: never more than 3 mg (3000 mcg) in the episode"),
    ],
)
def test_every_number_of_a_quantity_stands_in_the_hospitals_unit_too(
    protocol: kb.Guideline, units: dict[str, str], words: str
) -> None:
    assert words in read_aloud_text(protocol.program, checked_local(protocol.program, {"display_units": units}))


def test_the_flowchart_shows_the_hospitals_unit() -> None:
    local = checked_local(SHOCK.program, KPA)
    drawn = [" ".join(line.text for line in node.lines) for node in plan_flowchart(SHOCK.program, local).nodes]
    assert any("vasopressin 0.03 to 0.04 units/min (1.8 to 2.4 units/h) IV" in text for text in drawn)
    assert plan_flowchart(SHOCK.program) != plan_flowchart(SHOCK.program, local)


def test_limits_and_alerts_stand_in_the_hospitals_unit() -> None:
    order = [{"drug": "vasopressin", "rate": "0.2 units/min"}]
    (verdict,) = SHOCK.check_orders({**PATIENT, "salvage_declared": True}, order, local=KPA)
    limit = "0.2 units/min (12 units/h) is above the library's hard limit of 0.1 units/min (6 units/h)"
    assert any(limit in why for why in verdict.because), verdict.because
    alerts = SHOCK.advise({**PATIENT, "vasopressin": "0.2 units/min"}, local=KPA).alerts
    assert any(limit in alert.say for alert in alerts)
    (setting,) = (
        setting
        for setting in SHOCK.advise(
            PATIENT, local={**KPA, "limits": {"vasopressin": [{"of": "rate", "hard": "up to 0.06 units/min"}]}}
        ).local
        if setting.kind == "limit"
    )
    assert setting.value == "rate: hard up to 0.06 units/min (3.6 units/h)"


def test_an_order_is_answered_in_the_hospitals_unit_too() -> None:
    local = {"display_units": {"atropine": "mcg"}}
    chart = {"age": "60 years", "total(atropine in the episode)": "2 mg", "therapy_record": "complete"}
    (verdict,) = BRADYCARDIA.check_orders(chart, [{"drug": "atropine", "amount": "2 mg", "route": "iv"}], local=local)
    say = Speaker(BRADYCARDIA.program, checked_local(BRADYCARDIA.program, local))
    told = [line.text for line in verdict_lines(verdict, say)]
    assert told[0] == "REFUSED  drug atropine, amount 2 mg (2000 mcg), route iv"
    assert any("at most 3 mg (3000 mcg) in the episode; 1 mg (1000 mcg) is left" in line for line in told), told
    local = {"display_units": {"dopamine": "mcg/kg/h"}}
    (verdict,) = SHOCK.check_orders({"age": "60 years"}, [{"drug": "dopamine", "rate": "5 mcg/kg/min"}], local=local)
    assert {ask.name: ask.unit for ask in verdict.questions}["dopamine"] == "mcg/kg/h"


def test_what_a_change_does_is_told_with_the_hospitals_units() -> None:
    local = checked_local(SHOCK.program, KPA)
    files = sorted((ROOT / "protocols" / "refractory-hypotension" / "scenarios").glob("*.yaml"))[:1]
    worked = [each for each in load_scenario_files(files)[0] if each.version in ("", SHOCK.program.version)]
    trial = trial_of(SHOCK.program, [run_scenario(SHOCK, each) for each in worked], local)
    assert any("0.03 to 0.04 units/min (1.8 to 2.4 units/h)" in line for line in trial.parts["vasopressin"])
    told = [line for tried in trial.scenarios.values() for line in tried.advice if "vasopressin: 0.03" in line]
    assert told
    assert all("units/h)" in line for line in told)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.03 units/min", "0.03 units/min (1.8 units/h)"),
        ("0.03 to 0.04 units/min", "0.03 to 0.04 units/min (1.8 to 2.4 units/h)"),
        ("0.03 units/min: not known yet", "0.03 units/min (1.8 units/h): not known yet"),
        ("0.03 units/min as base", "0.03 units/min (1.8 units/h) as base"),
        ("0.03 units/min = 4.5 mL of 0.4 units/mL", "0.03 units/min (1.8 units/h) = 4.5 mL of 0.4 units/mL"),
        ("0.03 units/min (set locally; no default)", "0.03 units/min (1.8 units/h) (set locally; no default)"),
        ("0.03 units/min (1.8 units/h)", "0.03 units/min (1.8 units/h)"),  # once is enough
        ("0.03 units/min and more", "0.03 units/min and more"),
        ("vasopressin_dose", "vasopressin_dose"),
    ],
)
def test_a_written_dose_stands_in_the_hospitals_unit_too(text: str, shown: str) -> None:
    assert Speaker(SHOCK.program, checked_local(SHOCK.program, KPA)).dose_beside("vasopressin", text) == shown


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("20 mg/dL", "have it reported in `mmol/L`; nothing is converted, because the library has no `molar_mass`"),
        ("52 mmol/L", "if it was reported in `mg/dL`, have it reported in `mmol/L`"),
    ],
)
def test_ketones_in_mass_per_volume_are_told_what_to_do(value: str, words: str) -> None:
    with pytest.raises(kb.ChartError) as caught:
        KETOACIDOSIS.advise({"age": "40 years", "ketones": value})
    assert words in str(caught.value)


def test_a_number_that_fits_in_another_unit_is_told_so() -> None:
    with pytest.raises(kb.ChartError, match="if it was measured in `mg/dL`, write `250 mg/dL`"):
        KETOACIDOSIS.advise({"age": "40 years", "glucose": "250 mmol/L"})


@pytest.mark.parametrize("name", ["map", "vasopressin"])
def test_the_same_is_told_without_what_is_set_beside(name: str) -> None:
    """Only additions: whoever takes the hospital's numbers out again has the protocol's own list."""
    plain = read_aloud_text(SHOCK.program)
    unit = KPA["display_units"][name]
    aloud = read_aloud_text(SHOCK.program, checked_local(SHOCK.program, {"display_units": {name: unit}}))
    told = aloud.partition("\nAlso set by this hospital")[0]
    assert told != plain.partition("\nReadings of the source")[0]
    assert re.sub(rf" \([\d.]+(?: to [\d.]+)? {unit}\)", "", told) == plain.partition("\nReadings of the source")[0]


def test_questions_are_asked_in_the_hospitals_unit() -> None:
    units = {ask.name: ask.unit for ask in SHOCK.advise({"age": "60 years", "pulse": "present"}, local=KPA).asks}
    assert (units["map"], units["vasopressin"]) == ("kPa", "units/h")


def test_display_units_change_nothing_but_what_is_shown() -> None:
    ours, theirs = SHOCK.advise(SICK), SHOCK.advise(SICK, local=KPA)
    assert [item.step for item in ours.recommended] == [item.step for item in theirs.recommended]
    assert ours.trace == theirs.trace
