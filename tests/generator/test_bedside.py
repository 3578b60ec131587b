"""Advice at a terminal: complete, most urgent first, and safe to print."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

import kb
from kb.generator.bedside import advice_lines, verdict_lines
from kb.generator.wording import Speaker
from tests.engine import load_fragment
from tests.generator.test_hostile_text import ATTACKS, attacked
from tests.rows import read_rows

CHART: dict[str, Any] = {
    "age": "64 years",
    "weight": "70 kg",
    "pulse": "present",
    "map": "unobtainable",
    "norepinephrine": "0.08 mcg/kg/min as base",
    "therapy_record": "complete",
    "crystalloid_before": "700 mL",
    "vasopressin_allergy": True,
}
GUIDELINE = kb.load("refractory-hypotension")


def told(chart: dict[str, Any], guideline: kb.Guideline = GUIDELINE, **more: Any) -> str:
    return "\n".join(line.text for line in advice_lines(guideline.advise(chart, **more)))


def test_every_recommended_step_and_every_ask_is_told() -> None:
    advice = GUIDELINE.advise(CHART)
    text = told(CHART)
    for item in advice.recommended:
        assert f"[{item.step}]" in text
    for ask in advice.asks:
        assert ask.question in text


def test_what_is_asked_to_tell_whether_the_protocol_is_for_the_patient_is_said_to_be_for_that() -> None:
    age = {ask.name: ask for ask in GUIDELINE.advise({"pulse": "present"}).asks}["age"]
    assert (age.decides, age.now) == ((), True)
    assert "[age]\n     decides: whether the protocol is for this patient" in told({"pulse": "present"})


def test_the_most_urgent_comes_first() -> None:
    lines = told(CHART).splitlines()
    order = [line.split()[1] for line in lines if re.match(r" ?\d+  (NOW|SOON|URGENT)", line)]
    assert order == sorted(order, key=["NOW", "SOON", "URGENT"].index)


def test_what_is_withheld_says_why_and_what_instead() -> None:
    text = told(CHART)
    assert "withheld  Start vasopressin as second agent" in text
    assert "instead Call a senior clinician" in text


def test_a_dose_that_needs_a_number_says_which() -> None:
    without = {name: value for name, value in CHART.items() if name != "weight"}
    text = told(without)
    assert "What does the patient weigh?" in text


def test_what_is_refused_is_listed_when_lenient() -> None:
    assert "NOT USED" in told({**CHART, "lactate": "-3 mmol/L"}, lenient=True)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_text_reaches_the_terminal_as_a_command(attack: str) -> None:
    hostile = kb.Guideline(attacked(GUIDELINE.program, attack))
    advice = hostile.advise(CHART)
    lines = [line.text for line in advice_lines(advice)]
    for verdict in hostile.check_orders(CHART, [{"drug": "vasopressin", "rate": "0.06 units/min"}]):
        lines += [line.text for line in verdict_lines(verdict, Speaker(hostile.program))]
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "".join(lines))


def test_what_runs_is_told_as_base_with_its_working() -> None:
    local = {"concentrations": {"norepinephrine": "16 mcg/mL as base", "vasopressin": "0.4 units/mL"}}
    chart = {**CHART, "norepinephrine": "0.3 mcg/kg/min as base", "vasopressin": "0.03 units/min"}
    text = told(chart, local=local)
    at = "0.3 mcg/kg/min × 70 kg at 16 mcg/mL as base = 78.75 mL/h"
    assert f"norepinephrine 0.3 mcg/kg/min as base; {at}" in text
    assert "vasopressin 0.03 units/min; 0.03 units/min at 0.4 units/mL = 4.5 mL/h" in text
    assert "norepinephrine 0.3 mcg/kg/min as base\n" in told(chart)  # without a concentration no mL/h
    without = {name: value for name, value in chart.items() if name != "weight"}
    assert "norepinephrine 0.3 mcg/kg/min as base\n" in told(without, local=local)  # nor without the weight


def test_what_waits_says_when_it_is_due() -> None:
    at = "2026-01-27T11:58:00+00:00"
    values = {"age": "60 years", "pulse": "present", "heart_rate": "38 /min", "shock_from_rate": True}
    entries: list[dict[str, Any]] = [
        {"id": name, "at": at, "kind": "observation", "element": name, "value": value} for name, value in values.items()
    ]
    opened = {"id": "opened", "at": at, "kind": "protocol", "event": "opened", "protocol": "adult-bradycardia"}
    gift = {"id": "gift", "at": "2026-01-27T11:59:00+00:00", "kind": "therapy", "event": "given", "drug": "atropine"}
    chart = {
        "schema": "1.0.0",
        "complete_from": at,
        "entries": [{**opened, "version": "0.1.0"}, *entries, {**gift, "amount": "1 mg", "route": "iv"}],
    }
    text = told(chart, kb.load("adult-bradycardia"), now=datetime.fromisoformat("2026-01-27T12:00:00+00:00"))
    assert "waiting  Give atropine into a vein  [atropine]  due at 12:02, in 2 min" in text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("one second before the interval it waits", "due at 12:00:01, in 1 s"),
        ("without a new measurement it waits", ""),  # no longer for time
    ],
)
def test_a_titration_that_waits_says_when_it_is_due(row: str, words: str) -> None:
    (found,) = (each for each in read_rows() if each.name == row)
    guideline = load_fragment(found.protocol).guideline
    lines = [line for line in told(found.chart, guideline, now=found.now).splitlines() if "[dobu.wait]" in line]
    assert len(lines) == 1
    assert lines[0].partition("[dobu.wait]")[2].strip() == words
