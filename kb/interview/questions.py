"""Which question is next, and what the advice asks for as something that a person can answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kb import program as ir
from kb.advice import Ask
from kb.asks import ask_for, names_of
from kb.chart import RECORD
from kb.generator.wording import clean, decimal_text
from kb.interview.charted import charted_text
from kb.interview.talk import Question, Talk
from kb.reading import dictionary_of
from kb.values import format_decimal


def next_question(talk: Talk) -> Question | None:
    if talk.pending is not None:
        return talk.pending
    while talk.queue:
        if talk.charted_now(talk.queue[0]):
            talk.queue.pop(0)
            continue
        return question_of(talk, ask_of(talk, talk.queue[0]))
    if talk.advice.applies is False:
        return None
    found: list[Question] = []
    for ask in (*talk.advice.asks, *_of_scope(talk)):
        if ask.now or talk.more or _on_an_assumption(talk, ask):
            question = question_of(talk, ask)
            if question.key not in talk.aside:
                found.append(question)
                # What was asked stays asked while it is still open: a command never changes it under the fingers.
                if talk.question is not None and question.key == talk.question.key:
                    return question
    return found[0] if found else None


def _of_scope(talk: Talk) -> Iterator[Ask]:
    """What could still show that the patient is outside the scope, where the protocol goes on without it."""
    walk = talk.advice.walk
    for name in names_of(walk, walk.undecided(walk.program.applies)):
        yield ask_for(walk.program, name)


def _on_an_assumption(talk: Talk, ask: Ask) -> bool:
    """Whether a step that is reached only by assumption needs it: what it assumes may never be known."""
    walk = talk.advice.walk
    return any(walk.state(walk.plan.steps[step]) == "assumed" for step in ask.decides)


def ask_of(talk: Talk, name: str) -> Ask:
    found = next((ask for ask in talk.advice.asks if ask.name == name), None)
    return found or ask_for(talk.record.program, name)


def question_of(talk: Talk, ask: Ask) -> Question:
    """An ask as something that a person can answer in a conversation."""
    program, names = talk.record.program, dictionary_of(talk.record.program)
    note = (
        ""
        if not ask.cause or ask.cause.endswith("has not been charted")
        else talk.say.condition(ask.cause.replace("`", ""))
    )
    common: dict[str, Any] = {"ask": ask.name, "decides": ask.decides, "late": ask.overdue_by, "note": note}
    if ask.name in names.elements:
        return _about_data(talk, names.elements[ask.name], common)
    if ask.name in names.drugs:
        return _about_rate(talk, names.drugs[ask.name], common)
    if ask.name == RECORD:
        return _about_record(talk, ask, common)
    if ask.name.endswith(".salt"):
        return Question(
            "salt",
            ask.name,
            clean(ask.question),
            options=ask.options,
            hints=(*ask.options, "not available", "skip"),
            **common,
        )
    slot = program.slots[names.slots[ask.name]] if ask.name in names.slots else None
    if slot is None or slot.feature is None:
        return Question("value", ask.name, clean(ask.question), ask.unit, ask.options, ("skip",), **common)
    return _about_past(talk, slot, slot.feature, ask, common)


def _about_record(talk: Talk, ask: Ask, common: dict[str, Any]) -> Question:
    """Whether the record is complete; where that is charted or would not tell, what the record does not say."""
    standing = [entry for entry in talk.record.standing() if entry.at <= talk.now]
    said = [entry for entry in standing if entry.element == RECORD and entry.value != "not available"]
    complete = bool(said) or talk.record.chart.complete_from is not None
    slots, causes = talk.record.program.slots, talk.advice.walk.reading.causes
    for index, cause in causes.items():
        feature = slots[index].feature
        if feature is None or RECORD not in cause.asks or cause.kind == "not available":
            continue
        seen = feature.of is not None and talk.last_rate(feature.of.id) is not None
        if complete or (feature.function == "since" and seen):
            question = _about_past(talk, slots[index], feature, ask, common)
            if question.key not in talk.aside and question.name != ask.name:
                return question
    charted = [charted_text(talk, entry) for entry in standing if entry.kind == "therapy"]
    note = "charted: " + ("; ".join(charted) if charted else "no drug or fluid so far")
    hints = ("yes", "since 11:40", "no", "`give` and `start` chart what is missing")
    return Question("record", RECORD, clean(ask.question), hints=hints, **{**common, "note": note})


def _about_data(talk: Talk, element: ir.Element, common: dict[str, Any]) -> Question:
    options = element.options or (("yes", "no") if element.type == "boolean" else ())
    hints: list[str] = list(options)
    unit = talk.unit(element.id, element.unit)
    if element.type == "number" or element.unit:
        ends = [None if end is None else decimal_text(end) for end in (element.low, element.high)]
        span = (
            f"{ends[0]} to {ends[1]}"
            if all(ends)
            else f"from {ends[0]}"
            if ends[0]
            else f"up to {ends[1]}"
            if ends[1]
            else "a number"
        )
        span = f"{span} {element.unit if element.unit != '1' else ''}".strip()
        hints.append(f"in {unit} ({_span_beside(talk, element)}{span})" if unit != element.unit else span)
    elif element.type == "date-time":
        hints += ["14:05", "20 min ago"]
    if element.can_be_unobtainable:
        hints.append("unobtainable")
    text = talk.say.prose(element.question) or f"{clean(element.label)}?"
    return Question("value", element.id, text, unit, options, (*hints, "not available", "skip"), **common)


def _span_beside(talk: Talk, element: ir.Element) -> str:
    """The plausible range of an element in the hospital's unit, to stand before ours: `2.666 to 40 kPa; `."""
    ends = [None if end is None else format_decimal(end) for end in (element.low, element.high)]
    own = talk.say.range_beside(element.id, ends[0], ends[1], element.unit) if ends[0] and ends[1] else ""
    return f"{own}; " if own else ""


def _about_rate(talk: Talk, drug: ir.Drug, common: dict[str, Any]) -> Question:
    forms = [f"as {form}" for form, _ in drug.salts]
    unit = talk.unit(drug.id, drug.rate_unit)
    hints = (unit, *forms, "not running", "stopped", "not available", "skip")
    text = f"At what rate is {talk.say.drug(drug.id)} running now?"
    return Question("rate", drug.id, text, unit, (), hints, **common)


def _about_past(talk: Talk, slot: ir.Slot, feature: ir.Feature, ask: Ask, common: dict[str, Any]) -> Question:
    """A question about what was before this conversation: when something happened, or an earlier value."""
    names = dictionary_of(talk.record.program)
    event = feature.after or (feature.window.event if feature.window is not None else None)
    if event is None and feature.function in ("since", "total", "count"):
        event = feature.of
    if event is not None and event.kind == "step":
        step = next((step for step in talk.record.program.steps if step.id == event.id), None)
        title = talk.say.prose(step.title) if step is not None else event.id
        hints: tuple[str, ...] = ("11:40", "20 min ago", "never", "not available", "skip")
        return Question("done", event.id, f"When was this last done: {title}?", hints=hints, **common)
    if event is not None and event.kind == "element" and event.id in names.elements:
        return _about_data(talk, names.elements[event.id], common)
    if event is not None:
        drugs = [drug for drug in names.program.drugs if drug.id == event.id or event.id in drug.classes]
        for drug in drugs:
            if event.kind != "given" and talk.runs_now(drug) is None and drug.rate_unit:
                return _about_rate(talk, drug, common)
            label = talk.say.drug(drug.id)
            if event.kind != "given" and talk.runs_now(drug):
                unit = talk.unit(drug.id, drug.rate_unit)
                hints = ("started 11:40", f"raised 11:40 from … {unit}", "never", "not available", "skip")
                text = f"When was {label} last started, or changed?"
                return Question("began", drug.id, text, unit, hints=hints, **common)
            if drug.amount_unit:
                unit = talk.unit(drug.id, drug.amount_unit)
                hints = (
                    f"… {unit} at 11:40",
                    f"… {unit} 20 min ago",
                    "never",
                    "not available",
                    "skip",
                )
                text = f"When was {label} last given, and how much?"
                return Question("given", drug.id, text, unit, (), hints, **common)
    if feature.of is not None and feature.of.id in names.elements:
        element = names.elements[feature.of.id]
        text = f"What was {talk.say.data(element.id)} before, and when?"
        unit = talk.unit(element.id, element.unit)
        hints = (f"… {unit} at 11:40".replace("  ", " "), "not available", "skip")
        return Question("earlier", element.id, text, unit, element.options, hints, **common)
    return Question("earlier", ask.name, clean(ask.question), hints=("not available", "skip"), **common)
