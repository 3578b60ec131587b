"""The conversation: what is said is charted as meant, only what is needed is asked, nothing acknowledged is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import kb
from kb.chart import RECORD, Chart
from kb.interview.conversation import Interview
from kb.interview.talk import Question, Reply
from kb.reading import dictionary_of
from kb.scenarios import Scenario, load_scenario_files
from kb.session import Record, Session
from tests.sampling import examples, sampled

NOW = datetime(2026, 1, 27, 12, tzinfo=UTC)
BASE = Path(__file__).parents[2]
GUIDES = {
    folder.name: kb.load(folder.name, base=BASE)
    for folder in sorted((BASE / "protocols").iterdir())
    if folder.name != "library" and any(folder.glob("*.yaml"))
}
SHOCK = GUIDES["refractory-hypotension"]


def talk(guideline: kb.Guideline = SHOCK, **more: Any) -> Interview:
    return Interview(Record(guideline, NOW), NOW, **more)


def text(reply: Reply) -> str:
    return "\n".join(line.text for line in reply.lines)


def said(conversation: Interview, *lines: str) -> str:
    return "\n".join(text(conversation.hear(line)) for line in lines)


def values(conversation: Interview) -> list[tuple[str, Any]]:
    return [(entry.about, entry.value or entry.rate or entry.amount) for entry in conversation.record.standing()][1:]


def test_a_bare_number_takes_the_unit_of_the_question_and_is_said_back() -> None:
    conversation = talk()
    conversation.greet()
    assert "age 64 years, at 12:00" in said(conversation, "64")
    assert "MAP 58 mmHg, at 12:00" in said(conversation, "present", "58")
    assert values(conversation) == [("age", "64 years"), ("pulse", "present"), ("map", "58 mmHg")]


@pytest.mark.parametrize(
    ("line", "charted", "shown"),
    [
        ("map 58", "58 mmHg", "MAP 58 mmHg, at 12:00"),
        ("map: 58mmHg", "58 mmHg", "MAP 58 mmHg, at 12:00"),
        ("MAP = 7.7 kPa", "7.7 kPa", "MAP 7.7 kPa (= 57.75 mmHg), at 12:00"),
        ("map 58 at 11:55", "58 mmHg", "MAP 58 mmHg, at 11:55"),
        ("map 58 5 min ago", "58 mmHg", "MAP 58 mmHg, at 11:55"),
        ("mean arterial pressure 58", "58 mmHg", "MAP 58 mmHg, at 12:00"),
        ("map u", "unobtainable", "MAP unobtainable, at 12:00"),
        ("map na", "not available", "MAP not available, at 12:00"),
        ("chronic_hypertension y", True, "chronic hypertension yes, at 12:00"),
        ("pulse abs", "absent", "pulse absent, at 12:00"),
        (
            "noradrenaline 0.08 as base",
            "0.08 mcg/kg/min as base",
            "norepinephrine 0.08 mcg/kg/min as base running, at 12:00",
        ),
        ("norepinephrine not running", "0", "norepinephrine not running, at 12:00"),
        (
            "noradrenaline 5 mL/h of 4 mg/50 mL as base",
            "5 mL/h",
            "norepinephrine 5 mL/h of 4 mg/50 mL as base running, at 12:00",
        ),
        (
            "noradrenaline 5 mL/h as base of 4 mg/50 mL",
            "5 mL/h as base",
            "norepinephrine 5 mL/h as base of 4 mg/50 mL running",
        ),
        (
            "shock_recognised 20 min ago",
            "2026-01-27T11:40:00+00:00",
            "shock recognised 2026-01-27T11:40:00+00:00, at 12:00",
        ),
        ("norepinephrine 5 mL/h as base", None, "needs the concentration"),
        ("map 580", None, "outside the range"),
        ("map 58 mL", None, "not taken"),
        ("map 5,8", None, "not taken"),
        ("map 58 at 12:05", None, "later than now"),
        ("pulse absnt", None, "did you mean `absent`?"),
        ("age unobtainable", None, "cannot be unobtainable"),
        ("give vasopressin 5", None, "not taken"),
        ("start vasopresin 0.03 units/min", None, "did you mean `vasopressin`?"),
    ],
)
def test_an_answer_is_charted_as_it_is_meant_or_refused_in_words(line: str, charted: Any, shown: str) -> None:
    conversation = talk()
    reply = conversation.hear(line)
    assert shown in text(reply)
    assert reply.refused is (charted is None)
    assert [value for _, value in values(conversation)] == ([] if charted is None else [charted])


# ---------------------------------------------------------------- every scenario, answered truthfully


class Truth:
    """A person who knows the chart of a scenario, and answers from it only what is asked."""

    def __init__(self, scenario: Scenario, guideline: kb.Guideline) -> None:
        self.scenario, self.names, self.now = scenario, dictionary_of(guideline.program), scenario.now
        self.moment = "entries" not in scenario.chart
        self.entries = [] if self.moment else Chart.from_json(scenario.chart).entries
        gone = {entry.replaces or entry.retracts for entry in self.entries}
        self.entries = [entry for entry in self.entries if entry.id not in gone and entry.at <= self.now]
        self.told: set[str] = set()

    def known_before(self) -> dict[str, Any]:
        """What nobody is asked for: what was done, when the episode began."""
        if self.moment:
            at = self.now.isoformat()
            return {
                "entries": [
                    {"id": "open", "at": at, "kind": "protocol", "event": "opened", "protocol": self.names.program.id}
                ]
            }
        return {"entries": [entry.to_json() for entry in self.entries if entry.kind in ("step", "protocol")]}

    def at(self, moment: datetime) -> str:
        return "" if moment == self.now else f" at {moment.isoformat()}"

    def answers(self, question: Question) -> Iterator[str]:
        if self.moment:
            yield from self.of_moment(question)
        else:
            yield from self.of_entries(question)

    def of_moment(self, question: Question) -> Iterator[str]:
        chart = {self.alias(key): value for key, value in self.scenario.chart.items()}
        value = chart.get(question.name)
        if question.form == "began":
            yield self.began(question, chart)
        elif question.form == "record":
            yield "yes" if value == "complete" else "not available"
        elif question.form == "given":
            since = chart.get(f"since({question.name} given)")
            yield "never" if since is None else f"{self.total(question.name, chart)} {since} ago"
        elif value is None and question.form == "rate" and chart.get(RECORD) == "complete":
            yield "not running"
        elif value is None or question.form in ("done", "earlier"):
            yield "not available"
        elif isinstance(value, dict):
            strength = f" of {value['concentration']}" if "concentration" in value else ""
            salt = f" as {value['salt']}" if "salt" in value else ""
            yield f"{value['rate']}{salt}{strength}"
        elif question.form == "rate" and f"{question.name}.concentration" in chart:
            yield f"{value} of {chart[question.name + '.concentration']}"
        else:
            yield {"True": "yes", "False": "no"}.get(str(value), str(value))

    def alias(self, key: str) -> str:
        drug = self.names.drug(key)
        return drug.id if drug is not None else key

    def began(self, question: Question, chart: dict[str, Any]) -> str:
        since = chart.get(f"since({question.name})")
        if since is not None:
            return f"started {since} ago"
        held = [
            value
            for key, value in chart.items()
            if key.startswith("persists(") and key.endswith(f"after {question.name})")
        ]
        return (
            "not available"
            if not held
            else "started 3 h ago"
            if any(str(item).lower() == "true" for item in held)
            else "started 1 s ago"
        )

    def total(self, drug: str, chart: dict[str, Any]) -> str:
        return next((str(value) for key, value in chart.items() if key.startswith(f"total({drug} ")), "1 mg")

    def of_entries(self, question: Question) -> Iterator[str]:
        about = [
            entry for entry in self.entries if self.alias(entry.drug) == question.name or entry.element == question.name
        ]
        rates = [entry for entry in about if entry.kind == "therapy" and entry.event != "given"]
        if question.form == "record":
            yield from (
                self.command(entry) for entry in self.entries if entry.kind == "therapy" and entry.id not in self.told
            )
            since = [str(entry.value) for entry in about if entry.value]
            since += [str(start) for start in [self.scenario.chart.get("complete_from")] if start]
            yield "not available" if not since else "yes" if "complete" in since else f"since {min(since)}"
        elif question.form in ("rate", "began"):
            yield from (self.command(entry) for entry in rates if entry.id not in self.told)
            yield "not running" if not rates and "complete_from" in self.scenario.chart else "not available"
        elif question.form == "given":
            yield from (self.command(entry) for entry in about if entry.event == "given" and entry.id not in self.told)
            yield "never"
        elif question.form == "done":
            yield "never"
        else:
            readings = [entry for entry in about if entry.id not in self.told]
            for entry in readings:
                self.told.add(entry.id)
                value = {"True": "yes", "False": "no"}.get(str(entry.value), str(entry.value))
                yield f"{question.name}: {value}{self.at(entry.at)}"
            yield "not available"  # unnamed: it is said only where the question still stands

    def command(self, entry: Any) -> str:
        self.told.add(entry.id)
        drug = self.alias(entry.drug)
        strength = f" of {entry.concentration}" if entry.concentration else ""
        salt = f" as {entry.salt}" if entry.salt else ""
        match entry.event:
            case "given":
                return f"give {drug} {entry.amount}{salt} {entry.route}".strip() + f" at {entry.at.isoformat()}"
            case "stopped":
                return f"stop {drug} at {entry.at.isoformat()}"
            case "running":
                return f"{drug}: {entry.rate}{salt}{strength} at {entry.at.isoformat()}"
            case _:
                verb = {"started": "start", "changed": "change"}[entry.event]
                return f"{verb} {drug} {entry.rate}{salt}{strength} at {entry.at.isoformat()}"


def scenarios() -> Iterator[Any]:
    for name in GUIDES:
        found, _ = load_scenario_files(sorted((BASE / "protocols" / name / "scenarios").glob("*.yaml")))
        for scenario in found:
            yield pytest.param(name, scenario, id=f"{name}: {scenario.id}")


def converse(name: str, scenario: Scenario) -> tuple[Interview, list[tuple[str, str]]]:
    """The conversation to its end, and what was asked."""
    truth = Truth(scenario, GUIDES[name])
    conversation = Interview(Record(GUIDES[name]), scenario.now, scenario.local)
    assert not conversation.take(truth.known_before()).refused
    asked: list[tuple[str, str]] = []
    while (question := conversation.question) is not None:
        asked.append(question.key)
        assert len(asked) < 200
        for line in truth.answers(question):
            by_name = ": " in line or line.split()[0] in ("give", "start", "change", "stop")
            if not by_name and (conversation.question is None or conversation.question.key != question.key):
                break
            reply = conversation.hear(line)
            if reply.refused:  # a chart that is refused in the scenario as well
                assert scenario.lenient or "refused" in scenario.expect, (line, text(reply))
                conversation.hear("skip")
    return conversation, asked


def beyond_a_conversation(scenario: Scenario) -> str:
    """Why what is asked cannot lead to the advice on the full chart, or nothing."""
    chart = scenario.chart
    if any(entry.get("event") == "declined" for entry in chart.get("entries", ())):
        return "a refusal rests on what was known when it was made"
    if any("(" in key for key in chart):
        return "a mapping may state outright what a conversation works out from times"
    named = {entry.get("element") for entry in chart.get("entries", ())} | set(chart)
    if named & {"ampoule_concentration", "mechanically_ventilated"}:
        return "a rule reads it where it is known, and nothing asks for it"
    return ""


@pytest.mark.parametrize(("name", "scenario"), sampled(scenarios(), one_in=6))
def test_truthful_answers_lead_to_the_advice_on_the_full_chart(name: str, scenario: Scenario) -> None:
    conversation, asked = converse(name, scenario)
    assert len(asked) == len(set(asked)), "something was asked twice without time passing"
    if not beyond_a_conversation(scenario):
        lenient = scenario.lenient or "refused" in scenario.expect
        full = GUIDES[name].advise(scenario.chart, scenario.now, scenario.local, lenient=lenient)
        assert {item.step for item in conversation.advice.recommended} == {item.step for item in full.recommended}


def test_most_scenarios_are_compared() -> None:
    found = [parameter.values[1] for parameter in scenarios()]
    assert sum(not beyond_a_conversation(scenario) for scenario in found) > 0.8 * len(found)


# ---------------------------------------------------------------- what was before the conversation


def test_when_something_began_is_asked_and_charted() -> None:
    conversation = talk(local={"parameters": {"reassess_after": "5 min"}})
    said(conversation, "age 60", "pulse present", "map 58", "norepinephrine 0.3 as base", "vasopressin 0.03")
    said(conversation, "vasopressin_allergy n")
    while conversation.question is not None and conversation.question.form != "began":
        conversation.hear("skip")
    assert conversation.question is not None
    assert conversation.question.text == "When was vasopressin last started, or changed?"
    assert "says" not in said(conversation, "20 min ago")
    assert "does not say what happened" in said(conversation, "20 min ago")
    assert "does not say from which rate" in said(conversation, "raised 11:40")
    shown = said(conversation, "raised 11:40 from 0.02")
    assert "vasopressin 0.02 units/min running, at 11:39" in shown
    assert "vasopressin 0.03 units/min changed, at 11:40" in shown
    assert "Consider epinephrine as third agent" in said(conversation, "epinephrine not running")


def test_a_record_that_is_not_complete_is_not_asked_for_again() -> None:
    conversation = talk()
    said(conversation, "age 60", "pulse present", "map 58")
    shown = said(conversation, "therapy_record no")
    assert "chart what is missing" in shown
    assert RECORD not in [ask.name for ask in conversation.advice.asks]
    assert "complete, at 12:00" in said(conversation, "therapy_record yes")


def test_that_an_earlier_value_is_not_to_be_had_is_said_by_its_name_too_and_asked_once() -> None:
    conversation = talk(GUIDES["diabetic-ketoacidosis"])
    said(
        conversation, "age 40", "ketones 4.9", "start soluble-insulin 7 units/h at 10:30", "therapy_record since 00:30"
    )
    said(
        conversation, "soluble-insulin 7", "ketone_meter y", "glucose 21", "potassium 4.5", "weight 70", "systolic 120"
    )
    assert conversation.question is not None
    assert conversation.question.form == "earlier"
    said(conversation, "ketones: not available")
    assert ("ketones", "4.9 mmol/L") in values(conversation)
    assert conversation.question.key != ("earlier", "ketones")


# ---------------------------------------------------------------- putting right


def test_back_takes_the_last_answer_back_and_asks_again() -> None:
    conversation = talk()
    said(conversation, "age 60", "pulse absent")
    assert conversation.advice.hand_overs
    assert "taken back: pulse absent, at 12:00" in said(conversation, "back")
    assert conversation.question is not None
    assert conversation.question.name == "pulse"
    assert values(conversation) == [("age", "60 years")]
    assert "nothing to take back" in said(conversation, "back", "back")
    assert [entry.value for entry in conversation.record.entries if entry.kind == "observation"] == [
        "60 years",
        "absent",
    ]


def test_a_correction_keeps_its_time_and_back_undoes_it() -> None:
    conversation = talk()
    said(conversation, "age 60", "map 85", "wait 5 min")
    assert "corrected: MAP 58 mmHg, at 12:00" in said(conversation, "correct map 58")
    assert values(conversation) == [("age", "60 years"), ("map", "58 mmHg")]
    assert "again: MAP 85 mmHg, at 12:00" in said(conversation, "back")
    assert values(conversation) == [("age", "60 years"), ("map", "85 mmHg")]
    assert "corrected: age 61 years, at 12:00" in said(conversation, "correct 1 61")
    assert "taken back: MAP" in said(conversation, "remove map")
    assert "corrected: age 62 years" in said(conversation, "correct age", "62")


def test_a_second_value_at_the_same_instant_corrects_the_first() -> None:
    conversation = talk()
    assert "corrected: MAP 59 mmHg" in said(conversation, "map 58", "map 59")
    assert values(conversation) == [("map", "59 mmHg")]


# ---------------------------------------------------------------- what was done


def recommended(conversation: Interview) -> list[str]:
    return [item.step for item in conversation.advice.recommended]


LOW = (
    "age 60",
    "weight 70",
    "pulse present",
    "map unobtainable",
    "norepinephrine 0.3 as base",
    "vasopressin not running",
    "vasopressin_allergy n",
)


def test_a_dose_that_is_a_range_is_asked_and_a_single_one_is_charted() -> None:
    conversation = talk(GUIDES["anaphylaxis"])
    said(conversation, "sudden_onset y", "age 40", "pulse present", "airway_problem n", "breathing_problem y")
    said(conversation, "therapy_record yes")
    assert "adrenaline" in recommended(conversation)
    number = conversation.numbers["adrenaline"]
    assert "epinephrine 0.5 mg IM given, at 12:00" in said(conversation, f"done {number}")
    assert "adrenaline" not in recommended(conversation)
    conversation = talk()
    said(conversation, *LOW)
    number = conversation.numbers["vasopressin"]
    assert "advised: 0.03 to 0.04 units/min" in said(conversation, f"done {number}")
    shown = said(conversation, "0.03")
    assert "vasopressin 0.03 units/min IV started, at 12:00" in shown
    assert "done: Start vasopressin" in shown
    assert "vasopressin" not in recommended(conversation)


def test_numbers_of_steps_never_move() -> None:
    conversation = talk()
    said(conversation, *LOW)
    before = dict(conversation.numbers)
    said(conversation, f"done {before['vasopressin']} 0.03", "wait 20 min", "map 70")
    assert {step: conversation.numbers[step] for step in before} == before


def test_what_is_declined_has_a_reason() -> None:
    conversation = talk()
    said(conversation, *LOW)
    number = conversation.numbers["vasopressin"]
    assert "Why is it declined" in said(conversation, f"decline {number}")
    assert "declined: Start vasopressin as second agent (family asked us to wait)" in said(
        conversation, "family asked us to wait"
    )
    assert "vasopressin" not in recommended(conversation)


def test_what_an_order_would_refuse_is_charted_and_told() -> None:
    conversation = talk()
    said(conversation, *LOW, "salvage_declared n")
    assert "REFUSED" in said(conversation, "order vasopressin 0.08 units/min")
    shown = said(conversation, "start vasopressin 0.08 units/min")
    assert "charted as done, but an order of it would be refused" in shown
    assert ("vasopressin", "0.08 units/min") in values(conversation)


def test_an_order_by_volume_says_the_rate_it_was_read_as() -> None:
    conversation = talk()
    said(conversation, *LOW)
    shown = said(conversation, "order norepinephrine 5 mL/h as base")
    assert "What is the concentration of Norepinephrine" in shown
    shown = said(conversation, "order norepinephrine 5 mL/h as base of 4 mg/50 mL")
    assert "read as 5 mL/h as base of 4 mg/50 mL at the weight charted = 0.0952381 mcg/kg/min as base" in shown


def test_a_review_is_asked_again_when_its_time_has_come() -> None:
    conversation = talk(local={"parameters": {"reassess_after": "5 min"}})
    said(conversation, *LOW, "done vasopressin 0.03")
    said(conversation, "wait 6 min", "pulse present")
    assert conversation.question is not None
    assert conversation.question.name == "map"
    assert "6 min 1 s old and counts for 5 min" in conversation.question.note
    conversation = talk(local={"parameters": {"reassess_after": "15 min"}})
    said(conversation, *LOW, "done vasopressin 0.03", "wait 2 min", "reassess")
    assert conversation.question is not None
    assert conversation.question.name == "map"


def test_a_lost_pulse_hands_over_once_it_is_confirmed() -> None:
    conversation = talk(programs=lambda name: GUIDES[name.partition("@")[0]])
    assert "switch" in said(conversation, "age 60", "pulse absent")
    assert "Go on with" in said(conversation, "switch")
    assert conversation.record.program.id == "refractory-hypotension"
    assert "stays" in said(conversation, "no")
    shown = said(conversation, "switch", "yes")
    assert "DRAFT" in shown
    assert conversation.advice.protocol == "adult-cardiac-arrest"
    assert conversation.advice.recommended


def test_why_sources_and_help_are_in_the_words_of_the_advice() -> None:
    conversation = talk()
    said(conversation, *LOW)
    assert "MAP unobtainable" in said(conversation, f"why {conversation.numbers['vasopressin']}")
    assert "not reached" in said(conversation, "why not epinephrine")
    assert "it decides" in said(conversation, "why")
    assert "S15" in said(conversation, "sources")
    assert "correct X VALUE" in said(conversation, "help")


# ---------------------------------------------------------------- what the hospital has settled

LOCAL = {
    "display_units": {"map": "kPa", "vasopressin": "units/h"},
    "care_areas": {"ward": {"limits": {"vasopressin": [{"of": "rate", "hard": "up to 0.02 units/min"}]}}},
}


@pytest.mark.parametrize(
    ("line", "charted", "shown"),
    [
        ("8", "8 kPa", "MAP 8 kPa (= 60.01 mmHg), at 12:00"),
        ("8.666", "8.666 kPa", "MAP 8.666 kPa (= 65.000"),
        ("8.6659", "8.6659 kPa", "MAP 8.6659 kPa (= 64.999"),
        ("map 8", "8 kPa", "MAP 8 kPa (= 60.01 mmHg), at 12:00"),
        ("58 mmHg", "58 mmHg", "MAP 58 mmHg (= 7.733 kPa), at 12:00"),
        ("64.9999 mmHg", "64.9999 mmHg", "MAP 64.9999 mmHg (= just below 8.666 kPa), at 12:00"),
        ("65", None, "outside the range"),
        ("vasopressin 1.8", "1.8 units/h", "vasopressin 1.8 units/h (= 0.03 units/min) running, at 12:00"),
        (
            "vasopressin 0.03 units/min",
            "0.03 units/min",
            "vasopressin 0.03 units/min (= 1.8 units/h) running, at 12:00",
        ),
    ],
)
def test_a_bare_answer_is_in_the_hospitals_unit_and_is_said_back_in_both(line: str, charted: Any, shown: str) -> None:
    conversation = talk(local=LOCAL)
    asked = said(conversation, "age 64", "pulse present")
    assert "in kPa (1.333 to 33.33 kPa; 10 to 250 mmHg)" in asked
    assert shown in said(conversation, line)
    assert [value for _, value in values(conversation)][2:] == ([] if charted is None else [charted])


def test_a_bare_dose_of_a_drug_with_two_units_needs_its_unit_unless_one_was_asked_in() -> None:
    conversation = talk(local=LOCAL)
    said(conversation, *LOW[:-2], "vasopressin not running", "vasopressin_allergy n")
    number = conversation.numbers["vasopressin"]
    assert "does not say in which unit" in said(conversation, f"done {number} 0.03")
    assert "0.03 to 0.04 units/min" in said(conversation, f"done {number}")
    assert "vasopressin 0.03 units/min (= 1.8 units/h) IV started" in said(conversation, "0.03")


def test_an_order_in_a_conversation_is_held_against_the_limits_of_the_care_area() -> None:
    order = "order vasopressin 0.03 units/min"
    assert "care area" in said(talk(local=LOCAL), *LOW, order)
    shown = said(talk(local={**LOCAL, "care_area": "ward"}), *LOW, order)
    assert "REFUSED" in shown
    assert "0.03 units/min (1.8 units/h) is above" in shown
    assert "local (ward) hard limit of 0.02 units/min" in shown


def test_what_an_order_is_for_can_be_said_in_a_conversation() -> None:
    asked = said(talk(), *LOW, "order dopamine 5 mcg/kg/min")
    assert "As which line of treatment is Dopamine ordered?" in asked
    assert "order … line first" in asked
    assert "order.line" not in asked
    assert "REFUSED" in said(talk(), *LOW, "order dopamine 5 mcg/kg/min iv line first")


# ---------------------------------------------------------------- charts in and out


def test_a_chart_goes_out_and_comes_in_to_the_same_advice() -> None:
    first = talk()
    said(first, *LOW, "correct weight 71", "wait 2 min", "map 61", "back", "done vasopressin 0.03")
    plain = first.record.chart.to_json()
    assert SHOCK.advise(plain, first.now) == first.advice
    second = Interview(Record(SHOCK), first.now)
    assert not second.take(plain).refused
    assert second.advice == first.advice
    count = len(second.record.entries)
    assert "0 entries" in text(second.take(plain))
    assert len(second.record.entries) == count


def test_a_chart_that_is_refused_leaves_no_trace() -> None:
    conversation = talk()
    reply = conversation.take({"map": "580 mmHg", "pulse": "present"})
    assert reply.refused
    assert "nothing of the chart was taken" in text(reply)
    assert values(conversation) == []
    assert "a chart with times" in text(conversation.take({"since(dobutamine)": "20 min"}))
    assert not conversation.take(
        {"map": "58 mmHg", "norepinephrine": "0.1 mcg/kg/min as base", "therapy_record": "complete"}
    ).refused
    assert conversation.advice.walk.row[conversation.advice.walk.plan.rates["vasopressin"]] == 0


def flat_trace(*more: dict[str, Any]) -> Chart:
    """The example chart, whose episode began at 11:50, with a bolus of 500 mL in it."""
    data = json.loads((BASE / "site" / "examples" / "flat-trace.json").read_text())
    bolus = {"kind": "therapy", "event": "given", "drug": "balanced-crystalloid", "amount": "500 mL"}
    data["entries"] += [{"id": "e10", "at": "2026-01-27T11:55:00+00:00", **bolus}, *more]
    return Chart.from_json(data)


@pytest.mark.parametrize("before", [(), ("age 64",), ("norepinephrine 0.08 as base",)])
def test_the_episode_of_a_chart_taken_in_goes_on_and_what_was_given_in_it_counts(before: tuple[str, ...]) -> None:
    conversation, chart = talk(), flat_trace()
    said(conversation, *before)
    shown = text(conversation.take(chart))
    assert "balanced crystalloid 900 mL" in shown
    assert "the episode began at 11:50" in shown
    if not before:
        ours, told = conversation.advice, SHOCK.advise(chart, NOW)
        assert ours.recommended == told.recommended
        assert (ours.asks, ours.alerts, ours.goals) == (told.asks, told.alerts, told.goals)
    said(conversation, "back")
    openings = [entry for entry in conversation.record.standing() if entry.kind == "protocol"]
    assert [entry.at for entry in openings] == [NOW], (
        "with the chart goes its episode, and the session has its own again"
    )


def test_an_episode_that_was_closed_or_in_which_things_were_done_here_is_not_joined() -> None:
    closed = {"kind": "protocol", "event": "closed", "protocol": "refractory-hypotension", "version": "1.0.0"}
    conversation = talk()
    conversation.take(flat_trace({"id": "e11", "at": "2026-01-27T11:59:40+00:00", **closed}))
    assert sum(entry.event == "opened" for entry in conversation.record.standing()) == 2
    conversation = talk()
    said(conversation, "give balanced-crystalloid 250 mL")
    shown = text(conversation.take(flat_trace()))
    assert "what was given before 12:00 does not count" in shown
    assert sum(entry.event == "opened" for entry in conversation.record.standing()) == 2


def never_opened() -> Chart:
    """The example chart with its bolus, as a system exports it that knows nothing of protocols."""
    chart = flat_trace()
    return chart._replace(entries=tuple(entry for entry in chart.entries if entry.kind != "protocol"))


@pytest.mark.parametrize("before", [(), ("age 64",), ("give balanced-crystalloid 250 mL",)])
def test_what_was_given_before_counts_also_where_the_chart_does_not_say_when_the_episode_began(
    before: tuple[str, ...],
) -> None:
    conversation, chart = talk(), never_opened()
    said(conversation, *before)
    shown = text(conversation.take(chart))
    assert "the chart does not say when the episode began" in shown
    begun = Interview(Record(SHOCK), NOW)  # as `kb run --chart` does
    begun.take(chart)
    said(begun, *before)
    ours, theirs = conversation.advice.to_json(), begun.advice.to_json()
    assert ours == theirs
    if not before:
        assert conversation.advice == SHOCK.advise(chart, NOW)
    said(conversation, "back")
    openings = [entry.at for entry in conversation.record.standing() if entry.kind == "protocol"]
    assert openings == [NOW], "with the chart goes its episode, and the session has its own again"


@pytest.mark.parametrize("chart", [flat_trace(), never_opened()], ids=["opened", "never opened"])
@pytest.mark.parametrize("before", [(), ("age 64",)])
def test_a_chart_is_taken_in_once_and_again_after_it_was_taken_back(chart: Chart, before: tuple[str, ...]) -> None:
    conversation = talk()
    said(conversation, *before)
    conversation.take(chart)
    held = conversation.record.standing()
    advised = conversation.advice
    assert "0 entries" in text(conversation.take(chart)), "ids of the session and of the chart are not the same"
    assert conversation.record.standing() == held
    said(conversation, "back")
    assert len([entry for entry in conversation.record.standing() if entry.kind != "protocol"]) == len(before)
    conversation.take(chart)
    assert conversation.advice.to_json() == advised.to_json() | {"not_used": conversation.advice.to_json()["not_used"]}
    assert len(conversation.record.standing()) == len(held)


def test_a_chart_with_corrections_is_taken_back_as_a_whole_and_comes_again() -> None:
    first = talk()
    said(first, *LOW, "correct map 61", "remove weight", "give balanced-crystalloid 500 mL")
    plain = first.record.chart.to_json()
    conversation = Interview(Record(SHOCK), first.now)
    for _ in range(2):
        conversation.take(plain)
        assert conversation.advice == first.advice
        said(conversation, "back")
        assert conversation.record.standing() == ()
    conversation.take(plain)
    said(conversation, "correct balanced-crystalloid 250 mL", "back")
    conversation.take(plain)
    given = [entry.amount for entry in conversation.record.standing() if entry.event == "given"]
    assert given == ["500 mL"], "what was put right and back again is the same dose"


def test_a_session_that_is_gone_on_with_takes_back_what_it_would_have(tmp_path: Path) -> None:
    path = tmp_path / "bed.session"
    with Session.create(path, SHOCK, NOW) as session:
        conversation = Interview(session, NOW)
        said(conversation, "age 64")
        conversation.take(flat_trace())
    with Session.open(path, SHOCK) as session:
        conversation = Interview(session, NOW)
        shown = said(conversation, "back")
        assert "taken back: " in shown
        standing = conversation.record.standing()
        assert [entry.at for entry in standing if entry.kind == "protocol"] == [NOW]
        assert [entry.about for entry in standing if entry.kind != "protocol"] == ["age"]
        said(conversation, "back")
    with Session.open(path, SHOCK) as session:
        conversation = Interview(session, NOW)
        assert "nothing to take back" in said(conversation, "back")
        assert len(conversation.record.standing()) == 1


def test_what_is_advised_already_is_shown_before_the_first_question() -> None:
    begun = Interview(Record(SHOCK), NOW)
    begun.take(flat_trace())
    lines = text(Interview(begun.record, NOW).greet())
    known, advised, question = (lines.index(word) for word in ("KNOWN SO FAR", "ADVISED NOW", "\n?  "))
    assert known < advised < question
    assert advised < lines.index("Start vasopressin as second agent") < lines.index("900 mL") < question
    first = talk()
    said(first, *LOW)
    again = text(Interview(first.record, NOW).greet())
    assert all(alert.say in again for alert in first.advice.alerts)
    assert all(item.title in again for item in first.advice.recommended)
    assert "ADVISED" not in text(talk().greet())


@pytest.mark.parametrize(
    "line",
    [
        "0.03 as base",
        "vasopressin 0.03 as base",
        "vasopressin 5 mL/h as base of 20 units/50 mL",
        "start vasopressin 0.03 units/min as base",
        "give balanced-crystalloid 500 mL as base",
        "vasopressin.salt base",
    ],
)
def test_a_salt_form_of_a_drug_that_has_none_is_refused(line: str) -> None:
    conversation = talk()
    said(conversation, *LOW[:4])
    while conversation.question and conversation.question.name != "vasopressin":
        conversation.hear("skip")
    asked, count = conversation.question, len(conversation.record.entries)
    assert asked is not None
    reply = conversation.hear(line)
    assert reply.refused
    assert "has no salt forms" in text(reply)
    assert (reply.question, len(conversation.record.entries)) == (asked, count)


# ---------------------------------------------------------------- anything at all


LINES = """58
present
y
n
no
not available
unobtainable
skip
back
more
again
advice
chart
why
sources
reassess
switch
yes
wait 5 min
wait 20 h
clock 12:40
done 1
done 2
done 3 0.03
decline 1 because it is late
give balanced-crystalloid 250 mL
start vasopressin 0.03 units/min
change vasopressin 0.04 units/min at 11:50
stop vasopressin
map 58
map u
norepinephrine 0.3 as base
correct map 60
correct 2
remove 1
remove map
therapy_record yes
therapy_record no
age 60
pulse absent
pulse present
0.03
11:40
started 11:40
raised 11:40 from 0.01
never
order vasopressin 0.08 units/min
why 1
why not epinephrine
export x
import x
save x

weight 70 at 11:59
0
stopped"""
WORDS = st.sampled_from(LINES.split("\n"))
HOSTILE = st.text(max_size=60) | st.builds(
    "{} {}".format,
    st.sampled_from(
        [
            "done",
            "correct",
            "give",
            "start",
            "why",
            "wait",
            "clock",
            "order",
            "map",
            "decline",
            "remove",
            "take",
            "hear",
            "_begin",
        ]
    ),
    st.text(max_size=30),
)


@settings(max_examples=examples(150, one_in=3), deadline=None)
@given(lines=st.lists(st.one_of(WORDS, WORDS, WORDS, HOSTILE), max_size=25))
@example(lines=["58", "pulse absent", "export x"])
def test_no_line_breaks_a_conversation_or_loses_what_was_charted(lines: list[str]) -> None:
    conversation = talk(
        programs=lambda name: GUIDES.get(name.partition("@")[0]), local={"parameters": {"reassess_after": "5 min"}}
    )
    conversation.greet()
    kept = conversation.record.entries
    for line in lines:
        reply = conversation.hear(line)
        assert reply.lines or reply.request  # never silence: words, or something for the caller to do
        assert all("\x1b" not in item.text and "\n" not in item.text for item in reply.lines)
        assert conversation.record.entries[: len(kept)] == kept
        if reply.refused:
            assert conversation.record.entries == kept
        kept = conversation.record.entries
    again = Chart.from_json(conversation.record.chart.to_json())
    assert conversation.record.guideline.advise(again, conversation.now, conversation.local) == conversation.advice


def test_what_begins_to_wait_is_told_with_its_time() -> None:
    conversation = talk(GUIDES["adult-bradycardia"])
    heard = said(conversation, "pulse present", "heart_rate 38", "shock_from_rate y", "therapy_record y")
    assert "advised" in heard
    done = said(conversation, f"done {conversation.numbers['atropine']}", "1 mg")
    assert "no longer: Give atropine into a vein (waiting, due at 12:03, in 3 min)" in done
