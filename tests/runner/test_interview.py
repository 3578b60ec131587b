"""The conversation of the page: it asks what `kb run` asks, in its order, and charts what that charts."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

import kb
from kb import program as ir
from kb.chart import ChartError
from kb.codec import program_to_json
from kb.interpreter import Guideline
from kb.interview.charted import charted_text
from kb.interview.commands import obey
from kb.interview.conversation import Interview
from kb.interview.deeds import carried_out, change, give, start, stop
from kb.interview.heard import answer
from kb.interview.questions import ask_of, question_of
from kb.interview.talk import Question
from kb.reading import dictionary_of
from kb.session import Record
from kb.values import BadValue, format_decimal
from tests.engine import PROTOCOLS
from tests.runner.node import run

NOW = datetime(2026, 1, 27, 12, tzinfo=UTC)
SHIPPED = sorted({path.parent.name for path in PROTOCOLS.glob("*/[0-9]*.yaml")})
TOLD = ("form", "name", "text", "unit", "options", "note", "ask", "decides", "late", "step", "corrects")
DONE = {"given": give, "started": start, "changed": change, "stopped": stop}

Act = list[Any]


@cache
def guideline_of(id: str) -> Guideline:
    return kb.load(id, base=PROTOCOLS.parent)


def told(talk: Interview, refused: str) -> dict[str, Any]:
    question = talk.question
    fields = None if question is None else {key: getattr(question, key) for key in TOLD}
    if fields is not None:
        fields = {key: list(value) if isinstance(value, tuple) else value for key, value in fields.items()}
    standing = [entry for entry in talk.record.standing() if entry.kind != "protocol"]
    return {
        "refused": refused,
        "question": fields,
        "now": talk.now.isoformat(),
        "chart": talk.record.chart.to_json()["entries"],
        "charted": [charted_text(talk, entry) for entry in sorted(standing, key=lambda entry: entry.at)],
        "asks": [[ask.name, ask.now] for ask in talk.advice.asks],
        "recommended": [[item.step, item.status] for item in talk.advice.recommended],
    }


class Twin:
    """One conversation in Python, and the same acts in the words of the page."""

    def __init__(self, guideline: Guideline, chance: random.Random, local: Any = None) -> None:
        self.talk = Interview(Record(guideline, NOW), NOW, local)
        self.talk.greet()
        self.program = guideline.program
        self.chance = chance
        self.acts: list[Act] = []
        self.told = [told(self.talk, "")]

    def say(self, line: str, act: Act) -> None:
        self.do(lambda: obey(self.talk, line), act)

    def do(self, heard: Callable[[], object], act: Act) -> None:
        refused = ""
        now = self.talk.now
        before = self.talk.advice
        try:
            heard()
        except (BadValue, ChartError) as error:
            refused, self.talk.now = error.code, now
        self.talk._reply(None, before, refused=bool(refused))
        self.acts.append(act)
        self.told.append(told(self.talk, refused))

    # ------------------------------------------------------------ what a person might do

    def turn(self) -> None:
        question, chance = self.talk.question, self.chance
        acts = [
            self.wait,
            self.reassess,
            self.again,
            self.more,
            self.back,
            self.correct,
            self.remove,
            self.done,
            self.decline,
        ]
        if question is None or chance.random() < 0.25:
            chance.choice([*acts, self.other])()
        elif chance.random() < 0.1:
            self.say("skip", ["skip"])
        else:
            self.answer(question)

    def answer(self, question: Question) -> None:
        text, at = self.said(question), None
        element = dictionary_of(self.program).elements.get(question.name)
        when = question.form == "value" and element is not None and element.type == "date-time"
        needs_time = question.form in ("began", "given", "done", "earlier")
        timed = not when and question.form not in ("reason", "option") and text not in ("never", "not available")
        if timed and (needs_time or self.chance.random() < 0.15):
            at = (self.talk.now - timedelta(minutes=self.chance.choice([0, 1, 5, 20, 90]))).isoformat()
        heard = question
        if at is None:
            self.do(lambda: answer(self.talk, heard, text), ["answer", text])
        else:
            self.do(lambda: answer(self.talk, heard, f"{text} at {at}".strip()), ["answer", text, at])

    def said(self, question: Question) -> str:
        chance, names = self.chance, dictionary_of(self.program)
        if question.form in ("dose", "option", "reason", "amount"):
            many = {"option": question.options, "reason": ("not wanted",), "amount": ("1", "100", "2 bananas")}
            return chance.choice(many.get(question.form, ("1", "0.05")))
        if chance.random() < 0.12:
            return "not available"
        match question.form:
            case "value":
                return self.value(names.elements[question.name]) if question.name in names.elements else "1"
            case "rate":
                return self.rate(names.drugs[question.name], question.unit)
            case "salt":
                return chance.choice([*question.options, "as base", "sulfate"])
            case "record":
                return chance.choice(["yes", "no", "11:40", "perhaps"])
            case "began":
                return chance.choice(["started", f"raised from 0.01 {question.unit}", "raised", "never"])
            case "given":
                return chance.choice(["1", f"2 {question.unit}", "never"])
            case "done":
                return chance.choice(["", "never"])
        return self.value(names.elements[question.name]) if question.name in names.elements else "1"

    def value(self, element: ir.Element) -> str:
        chance = self.chance
        if element.can_be_unobtainable and chance.random() < 0.1:
            return "unobtainable"
        if element.type == "boolean":
            return chance.choice(["yes", "no", "perhaps"] if chance.random() < 0.1 else ["yes", "no"])
        if element.options:
            return chance.choice(element.options)
        if element.type == "date-time":
            return chance.choice(["11:40", "2026-01-26 23:00", "20 min ago", "23:50"])
        edges = sorted(dictionary_of(self.program).edges(element.id)) or [ir.SCALE]
        number = format_decimal(chance.choice(edges) + chance.choice([0, 0, ir.SCALE, -1]))
        return chance.choice([number, number, f"{number} {element.unit}", f"{number}{element.unit}"]).strip()

    def rate(self, drug: ir.Drug, unit: str) -> str:
        forms = [f" as {form}" for form, _ in drug.salts] or [""]
        numbers = ["0", "0.05", "0.1", "2", f"0.03 {unit}", "5 mL/h", "5 mL/h of 4 mg/50 mL", "not running", "stopped"]
        number = self.chance.choice(numbers)
        return number + (self.chance.choice(forms) if number[0].isdigit() and number != "0" else "")

    def other(self) -> None:
        """Something else than what is asked is said."""
        element = self.chance.choice(self.program.elements)
        text = self.value(element)
        question = question_of(self.talk, ask_of(self.talk, element.id))
        self.do(lambda: answer(self.talk, question, text), ["tell", element.id, text])

    def wait(self) -> None:
        span = self.chance.choice(["1 min", "15 min", "1 h 30 min", "90s", "5"])
        self.say(f"wait {span}", ["wait", span])

    def reassess(self) -> None:
        self.say("reassess", ["reassess"])

    def again(self) -> None:
        self.say("again", ["again"])

    def more(self) -> None:
        self.say("more", ["askMore"])

    def back(self) -> None:
        self.say("back", ["back"])

    def entry(self) -> str:
        standing = [entry.id for entry in self.talk.record.standing() if entry.kind != "protocol"]
        return self.chance.choice([*standing, "e999"])

    def correct(self) -> None:
        id = self.entry()
        if id == "e999":  # by an id that nothing has: in words that is a name nobody knows, with a code of its own
            return
        self.say(f"correct {id}", ["correct", id])

    def remove(self) -> None:
        id = self.entry()
        if id != "e999":
            self.say(f"remove {id}", ["remove", id])

    def step(self) -> ir.Step | None:
        steps = {step.id: step for step in self.program.steps if step.kind == "do"}
        items = [item.step for item in self.talk.advice.actions if item.kind == "do"]
        return steps[self.chance.choice(items)] if items else None

    def done(self) -> None:
        step = self.step()
        if step is None or step.action is None:
            return
        said = self.chance.choice(["", "", "1", "0.05"])
        if step.action.verb == "choose":  # in one line; the page may ask which it was, then how much
            option = self.chance.choice(step.action.options)
            said = f"{option.id} {'1' if option.action.verb in ('give', 'infuse') else ''}".strip()
        self.do(lambda: carried_out(self.talk, step, said), ["done", step.id, said])

    def tick(self) -> None:
        """The clock of the caller runs; it never runs back."""
        to = self.talk.now + timedelta(minutes=self.chance.choice([-5, 1, 20]))
        self.do(lambda: setattr(self.talk, "now", max(self.talk.now, to)), ["tick", to.isoformat()])

    def clock(self) -> None:
        to = (self.talk.now + timedelta(minutes=self.chance.choice([-5, 3]))).strftime("%H:%M")
        self.say(f"clock {to}", ["setClock", to])

    def therapy(self) -> None:
        drug, event = (
            self.chance.choice(self.program.drugs),
            self.chance.choice(["given", "started", "changed", "stopped"]),
        )
        unit = drug.amount_unit if event == "given" else drug.rate_unit
        dose = "" if event == "stopped" else self.chance.choice([f"1 {unit}", f"2{unit}", "3", "5 mL/h", ""]).strip()
        at = self.chance.choice([None, (self.talk.now - timedelta(minutes=7)).isoformat()])
        line = " ".join(filter(None, (drug.id, dose, at and f"at {at}")))
        self.do(lambda: DONE[event](self.talk, line), ["therapy", event, drug.id, dose, {"at": at}])

    def decline(self) -> None:
        step = self.step()
        if step is not None:
            reason = self.chance.choice(["", "the family does not want it"])
            self.say(f"decline {step.id} {reason}".strip(), ["decline", step.id, reason])


def compare(programs: list[str], seeds: range, turns: int, local: Any = None) -> None:
    guidelines = [guideline_of(id) for id in programs]
    twins = []
    for number, guideline in enumerate(guidelines):
        for seed in seeds:
            twin = Twin(guideline, random.Random(f"{guideline.program.id} {seed}"), local)
            for _ in range(turns):
                twin.turn()
            twins.append((number, twin))
    talks = [
        {"program": number, "now": NOW.isoformat(), "local": local, "chart": None, "acts": twin.acts}
        for number, twin in twins
    ]
    found = run("interview.mjs", {"programs": [program_to_json(item.program) for item in guidelines], "talks": talks})
    for (number, twin), page in zip(twins, found, strict=True):
        for turn, (wanted, got) in enumerate(zip(twin.told, page, strict=True)):
            act = twin.acts[turn - 1] if turn else "the beginning"
            assert got == wanted, f"{programs[number]}: turn {turn}, {act}"


def talk(ids: list[str], acts: list[Act], local: Any = None, chart: Any = None) -> list[dict[str, Any]]:
    """A conversation of the page alone, about the first of some protocols: what is told after each act."""
    one = {"program": 0, "now": NOW.isoformat(), "local": local, "chart": chart, "acts": acts}
    programs = [program_to_json(guideline_of(id).program) for id in ids]
    found: list[dict[str, Any]] = run("interview.mjs", {"programs": programs, "talks": [one]})[0]
    return found


def asked(told: dict[str, Any], key: str = "name") -> Any:
    return told["question"] and told["question"][key]


def charted(told: dict[str, Any]) -> list[str]:
    return [line.partition(", at ")[0] for line in told["charted"]]


def test_a_chart_taken_out_and_in_again_goes_on_as_it_was() -> None:
    acts = [["answer", "64"], ["answer", "present"], ["answer", "unobtainable"]]
    before = talk(["refractory-hypotension"], acts)[-1]
    chart = {"schema": "1.0.0", "entries": before["chart"]}
    (after,) = talk(["refractory-hypotension"], [], None, chart)
    assert after["chart"] == before["chart"]
    assert after["recommended"] == before["recommended"]
    advice = guideline_of("refractory-hypotension").advise(chart, NOW)
    assert after["recommended"] == [[item.step, item.status] for item in advice.recommended]


def test_a_mapping_of_what_is_known_is_charted_as_of_now() -> None:
    chart = {"age": "64 years", "pulse": "present", "norepinephrine": "0.08 mcg/kg/min as base", "weight": "70 kg"}
    (told,) = talk(["refractory-hypotension"], [], None, chart)
    wanted = {"age 64 years", "pulse present", "norepinephrine 0.08 mcg/kg/min as base running", "weight 70 kg"}
    assert set(charted(told)) == wanted
    assert asked(told) == "map"


def test_which_option_it_was_and_how_much_is_asked() -> None:
    start = {"age": "40 years", "weight": "70 kg"}
    begun = talk(["status-epilepticus"], [], None, start)
    acts: list[Act] = [["done", "give-benzodiazepine"], ["answer", "lorazepam"], ["answer", "4"]]
    _, which, much, done = talk(["status-epilepticus"], acts, None, start)
    assert begun[0]["chart"] == which["chart"] == much["chart"]
    assert (asked(which, "form"), asked(which, "options")) == ("option", ["lorazepam", "midazolam", "diazepam"])
    assert (asked(much, "form"), asked(much), asked(much, "unit")) == ("dose", "lorazepam", "mg")
    assert charted(done)[-2:] == [
        "lorazepam 4 mg IV given",
        f"done: {title('status-epilepticus', 'give-benzodiazepine')}",
    ]


def title(id: str, step: str) -> str:
    return next(item.title for item in guideline_of(id).program.steps if item.id == step)


def test_a_dose_that_is_refused_is_asked_again() -> None:
    acts: list[Act] = [["done", "give-benzodiazepine", "lorazepam"], ["answer", "2 bananas"]]
    _, much, refused = talk(["status-epilepticus"], acts, None, {"age": "40 years"})
    assert refused["refused"]
    assert refused["question"] == much["question"]
    assert refused["chart"] == much["chart"]


def test_a_hand_over_goes_on_with_the_other_protocol_on_the_same_chart() -> None:
    ids = ["refractory-hypotension", "adult-cardiac-arrest"]
    acts: list[Act] = [["answer", "64"], ["answer", "absent"], ["handOver", "1"], ["back"]]
    _, _, offered, over, back = talk(ids, acts)
    assert offered["recommended"][0][0] == "arrest"
    events = [(entry.get("event"), entry.get("protocol")) for entry in over["chart"] if entry["kind"] == "protocol"]
    assert events == [("opened", ids[0]), ("closed", ids[0]), ("opened", ids[1])]
    assert "pulse absent" in charted(over)
    assert back["refused"], "what was charted under the other protocol stays"


def test_the_care_area_becomes_a_local_setting() -> None:
    limit = {"norepinephrine": {"of": "rate", "hard": "up to 0.01 mcg/kg/min", "because": "an example"}}
    local = {"care_areas": {"icu": {"title": "Intensive care"}, "ward": {"title": "Ward", "limits": limit}}}
    start = {"age": "64 years", "pulse": "present", "norepinephrine": "0.08 mcg/kg/min as base"}
    acts: list[Act] = [["tell", "map", "50"], ["tell", "care_area", "attic"], ["tell", "care_area", "ward"]]
    first, _, wrong, right = talk(["refractory-hypotension"], acts, local, start)
    assert wrong["refused"] == "KB646"
    assert "care_area" in [name for name, _ in first["asks"]]
    assert "care_area" not in [name for name, _ in right["asks"]]
    assert right["chart"] == wrong["chart"], "it is no entry"


def test_what_may_be_needed_next_is_asked_on_request_only() -> None:
    _, nothing, more, less = talk(["early-warning"], [["answer", "not available"], ["askMore"], ["askMore", False]])
    assert nothing["question"] is None
    assert asked(more) == next(name for name, now in more["asks"] if not now)
    assert less["question"] is None


@pytest.mark.parametrize("chart", [{"map": "580 mmHg"}, {"mapp": "58 mmHg"}, {"since(vasopressin)": "5 min"}])
def test_a_chart_that_does_not_fit_is_refused_whole(chart: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="ChartError"):
        talk(["refractory-hypotension"], [], None, chart)


@pytest.mark.parametrize("id", SHIPPED)
def test_the_page_asks_and_charts_as_the_terminal_does(id: str) -> None:
    compare([id], range(3), 25)


HOSPITAL = {
    "parameters": {"reassess_after": "5 min", "bolus_size": "250 mL"},
    "display_units": {"map": "kPa", "norepinephrine": "mg/kg/h"},
    "concentrations": {"norepinephrine": "4 mg/50 mL as base"},
}


def test_the_page_asks_in_the_units_of_the_hospital() -> None:
    compare(["refractory-hypotension"], range(4), 30, HOSPITAL)
    compare(["adult-bradycardia"], range(2), 30, {"display_units": {"atropine": "mcg", "heart_rate": "1/s"}})


@pytest.mark.long
def test_the_page_asks_and_charts_as_the_terminal_does_at_length() -> None:
    compare(SHIPPED, range(40), 60)
