"""The read-aloud list loses nothing that the flowchart shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kb
from kb.advice import to_json
from kb.generator.diagram import plan_flowchart
from kb.generator.readaloud import Entry, read_aloud, read_aloud_text
from kb.generator.wording import Speaker, decimal_text
from kb.program import SCALE, Compare, Const, Get, Repeat, Window
from tests.generator.example import build

ROOT = Path(__file__).parents[2]


def entry(id: str) -> Entry:
    return next(entry for entry in read_aloud(build()).entries if entry.step == id)


def test_entries_are_numbered_in_the_order_of_the_walk() -> None:
    told = read_aloud(build())
    assert [entry.number for entry in told.entries] == list(range(1, len(told.entries) + 1))
    assert told.starts == (1,)


def test_every_way_of_the_flowchart_is_told() -> None:
    program = build()
    told = read_aloud(program)
    number = {entry.step: entry.number for entry in told.entries}
    drawn = {(number[way.tail], number[head]) for way in plan_flowchart(program).ways for head in way.heads}
    said = {(entry.number, to) for entry in told.entries for way in entry.ways for to in way.to}
    assert said == drawn


def test_streams_that_start_together_are_said_to() -> None:
    assert "otherwise: start together 3, 6, 8, 9, 12 and 23" in read_aloud_text(build())


def test_a_dose_a_review_and_a_source_are_read_out() -> None:
    vasopressin = entry("vasopressin")
    assert vasopressin.lines == ("vasopressin 0.03 to 0.04 units/min IV",)
    assert (
        vasopressin.review
        == "look again after an interval that local policy must set (reassess_after): MAP, lactate, urine output"
    )
    assert vasopressin.cites == ("S02", "S15", "S17")
    assert entry("give-crystalloid").review == "look again in 15 min: MAP, lactate, urine output"


def test_a_titration_is_one_entry_with_its_limits() -> None:
    told = entry("dobutamine")
    assert told.lines[0] == "dobutamine 2.5 → 5 → 10 → 20 mcg/kg/min"
    assert [way.when for way in told.ways] == ["on hold", "at the ceiling"]


def test_a_choice_tells_what_is_done_unless_its_title_says_it() -> None:
    assert entry("support").lines[:2] == ("choice 1: Balloon pump", "choice 2: Ventricular assist device: Device")


def test_a_withdrawn_protocol_says_so_first() -> None:
    text = read_aloud_text(build(withdrawn="a dose was wrong"))
    assert text.splitlines()[1] == "WITHDRAWN: a dose was wrong"


def test_a_local_setting_without_default_needs_policy() -> None:
    assert "1 to 15 min, no default: needs local policy" in read_aloud_text(build())


def test_the_list_is_plain_data_too() -> None:
    assert json.loads(json.dumps(to_json(read_aloud(build()))))["entries"][0]["step"] == "pulse"


def test_conditions_are_said_in_words() -> None:
    say = Speaker(build())
    assert say.condition("map >= 65 mmHg") == "MAP ≥ 65 mmHg"
    assert (
        say.condition("count(epinephrine in the episode) >= 2")
        == "epinephrine was given 2 times or more in the episode"
    )
    assert say.condition("known(lactate) and not arrhythmia") == "lactate known and not arrhythmia"
    assert say.condition("persists(hypotensive, reassess_after after vasopressin)") == (
        "still hypotensive when measured again the local interval or more after vasopressin was started or raised"
    )


def test_definitions_are_said_from_the_compiled_form() -> None:
    told = read_aloud(build()).definitions
    assert [item.says for item in told] == ["Pressure too low: MAP < 65 mmHg"]


def test_decimals_are_the_shortest() -> None:
    assert [decimal_text(value) for value in (3000000, 250000000, 2000000000, -50000000, 0)] == [
        "0.03", "2.5", "20", "-0.5", "0",
    ]  # fmt: skip


def test_factors_between_units_are_not_said_and_local_doses_tell_their_default() -> None:
    text = read_aloud_text(kb.load("hyperkalaemia").program)
    assert "1 h if time since insulin < second potassium; second potassium if time since insulin < 360 min" in text
    assert "0 min if soluble insulin was not given in the episode; otherwise time since soluble insulin" in text
    assert "soluble insulin 10 units (unless set otherwise locally) IV" in text
    assert "over insulin time, which local policy sets" in text


def test_a_formula_that_cannot_be_said_as_written_is_left_to_its_title() -> None:
    lipid = read_aloud_text(kb.load("local-anaesthetic-toxicity").program)
    assert "   Pump rate of the first lipid infusion  [lipid_pump_rate] (S07" in lipid
    assert "still hold: worked out for the patient if lipid given before is known; otherwise worked out" in lipid
    adrenaline = read_aloud_text(kb.load("anaphylaxis").program)
    assert "30 mg if dosing rule" not in adrenaline
    assert "worked out for the patient if dosing rule is us; 0.1 mg if age < 0.5 years; 0.15 mg if age" in adrenaline


def test_what_follows_a_repeat_begins_when_the_repeat_is_over() -> None:
    program = build()
    step = next(step for step in program.steps if step.action is not None and step.action.verb == "give")
    window = Window("episode", None, None)
    repeat = Repeat(Const(0), Const(0), Const(3 * SCALE), window, 1, 0, "5 min")
    over = Compare(">=", Get(0), Const(3 * SCALE))
    say = Speaker(program)
    assert say.when_done(step._replace(repeat=repeat, satisfied=over)) == "once given 3 times"
    endless = step._replace(repeat=repeat._replace(at_most=None), satisfied=Const(False))
    assert say.when_done(endless) == "never, because it has no end"


def test_worked_out_doses_and_words_are_said_by_their_titles() -> None:
    told = read_aloud_text(kb.load("anaphylaxis").program)
    assert (
        "epinephrine (dose of adrenaline into the muscle) to (upper end of the dose of adrenaline into the muscle) IM"
        in told
    )
    assert "\n   Dose of adrenaline into the muscle: " in told
    assert "every 5 min to latest repeat (" in told


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("count(epinephrine in the episode) >= 1", "epinephrine was given at least once in the episode"),
        ("count(epinephrine in the episode) = 0", "epinephrine was not given in the episode"),
        ("count(epinephrine in the last 24 h) < 3", "epinephrine was given fewer than 3 times in the last 24 h"),
        ("count(lactate in the episode) > 1", "lactate was charted more than once in the episode"),
        ("1 mg * count(epinephrine in the episode)", "1 mg × number of times epinephrine was given in the episode"),
        ("change(lactate in the last 1 h) + 2 mmol/L > 0 mmol/L", "fall of lactate in the last 1 h < 2 mmol/L"),
        ("change(lactate in the last 1 h) + 2 mmol/L <= 0 mmol/L", "fall of lactate in the last 1 h ≥ 2 mmol/L"),
        ("not known(since(epinephrine))", "time since epinephrine not known"),
        ("now - time_zero >= 5 min", "time since time zero ≥ 5 min"),
        ("temperature < 36 Cel", "temperature < 36 °C"),
        (
            "order.route is iv and not ordered(vasopressin)",
            "the ordered route is iv and vasopressin is not ordered with it",
        ),
    ],
)
def test_what_programs_count_is_said_as_people_say_it(written: str, said: str) -> None:
    assert Speaker(build()).condition(written) == said


def test_what_is_compared_in_an_order_is_not_said_to_be_known() -> None:
    speaker = Speaker(build())
    assert speaker.condition("known(order.rate) and order.rate > 1 mg/h", ["x"]) == "the ordered rate > 1 mg/h"
    assert speaker.condition("known(order.rate) and order.route is iv", ["x"]).startswith("the ordered rate known")


def test_a_repeat_is_a_rule_that_reads_as_one() -> None:
    text = read_aloud_text(kb.load("adult-bradycardia", base=ROOT).program)
    assert "never order atropine again before 3 to 5 min have passed" in text
    assert "while not known: ask, and go to 10 meanwhile" in text
