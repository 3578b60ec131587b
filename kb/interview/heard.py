"""How an answer becomes chart entries, by the form of its question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from kb import dictation
from kb import program as ir
from kb.chart import RECORD, quoted
from kb.dictation import NO, NOT_AVAILABLE, UNOBTAINABLE, YES
from kb.interview.charting import observation, rate_said, step_entry, write
from kb.interview.deeds import carried_out, declined, give, option_chosen
from kb.interview.handing_over import confirmed
from kb.interview.talk import Question, Talk
from kb.reading import dictionary_of
from kb.values import BadValue

_GONE = frozenset({"0", "no", "n", "not running", "none", "off", "nil"})


def answer(talk: Talk, question: Question, text: str) -> None:
    """Chart what an answer says; one that a command had asked for goes on with that command."""
    if question.form == "confirm":
        return confirmed(talk, question, text)
    if question.form == "option":
        return option_chosen(talk, question, text)
    if question.form == "reason":
        return declined(talk, talk.step(question.step), text)
    if question.form == "dose":
        talk.settle(question)
        told = dictation.said(text, talk.now)
        stated = dictation.quantity(told.text, question.unit) + text[len(told.text) :]
        return carried_out(talk, talk.step(question.step), stated)
    if text.lower() in NOT_AVAILABLE:
        name = question.ask or question.name
        write(talk, question, [observation(name, "not available", talk.now)])
        return None
    element = dictionary_of(talk.record.program).elements.get(question.name)
    told = dictation.said(text, talk.now)
    if not told.text and question.form == "value" and element is not None and element.type == "date-time":
        told = dictation.Said(text)  # where a time is asked, `20 min ago` is the answer
    if told.text.lower() in NOT_AVAILABLE:
        name = question.ask or question.name
        write(talk, question, [observation(name, "not available", told.at or talk.now)], exact=True)
        return None
    old = next((entry for entry in talk.record.standing() if entry.id == question.corrects), None)
    at = told.at or (old.at if old is not None else talk.now)
    if not told.text and question.form not in ("began", "done"):
        raise BadValue("KB606", f"{quoted(text)} says when, but not what", "write the value before it")
    made = _HEARD[question.form](talk, question, told.text, at, told.at is not None)
    if made:
        write(talk, question, made, exact=told.at is not None)
    return None


def _heard_value(talk: Talk, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
    element = dictionary_of(talk.record.program).elements.get(question.name)
    if element is None:
        raise BadValue("KB602", f"{quoted(question.name)} cannot be charted", "`skip` leaves it open")
    return [observation(element.id, _value_said(talk, element, text, question.unit), at)]


def _value_said(talk: Talk, element: ir.Element, text: str, unit: str) -> str | bool:
    word = text.lower()
    if word in UNOBTAINABLE:
        return "unobtainable"
    if element.type == "boolean":
        if word in YES or word in NO:
            return word in YES
        raise BadValue("KB603", f"{quoted(text)} does not answer `{element.id}`", "write yes or no")
    if element.type == "choice":
        spelled = {option.lower().replace("_", " ").replace("-", " "): option for option in element.options}
        word = word.replace("_", " ").replace("-", " ")
        found = [option for key, option in spelled.items() if key.startswith(word)]
        return spelled.get(word) or (found[0] if len(found) == 1 and len(word) > 1 else text)
    if element.type == "date-time":
        return dictation.moment(text, talk.now).isoformat()
    if element.type == "text":
        return text
    return dictation.quantity(text, unit)


def _heard_rate(talk: Talk, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
    drug = dictionary_of(talk.record.program).drugs[question.name]
    entry: dict[str, Any] = {"kind": "therapy", "drug": drug.id, "at": at}
    if text.lower() in _GONE:
        return [{**entry, "event": "running", "rate": "0"}]
    if text.lower() in ("stopped", "stop"):
        return [{**entry, "event": "stopped"}]
    if text.lower().startswith("given "):
        give(talk, f"{drug.id} {text[6:]}" + (f" at {at.isoformat()}" if stated else ""))
        return []
    return [{**entry, "event": "running", **rate_said(talk, drug, text, question.unit, at)}]


def _heard_salt(talk: Talk, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
    return [observation(question.name, text.lower().removeprefix("as "), at)]


def _heard_record(talk: Talk, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
    word = text.lower()
    if word in YES or word == "complete":
        return [observation(RECORD, "complete", talk.now)]
    if word in NO:
        talk.remark("chart what is missing with `give` and `start` (… at 11:40), then `therapy_record yes`", "warn")
        return [observation(RECORD, "not available", talk.now)]
    for lead in ("since ", "from "):
        word = word.removeprefix(lead)
    return [observation(RECORD, dictation.moment(word, talk.now).isoformat(), talk.now)]


def _heard_began(talk: Talk, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
    """`started 11:40`, `raised 11:40 from 0.02 units/min`: what runs now began then."""
    drug = dictionary_of(talk.record.program).drugs[question.name]
    if text.lower() == "never":
        return _never_happened(talk, question)
    last = talk.last_rate(drug.id)
    if last is None or not last.rate:
        raise BadValue("KB606", f"at what rate `{drug.id}` runs is not charted", f"write `{drug.id} RATE` first")
    word, _, rest = text.partition(" ")
    when, _, former = rest.partition("from ")
    if not stated and when.strip():
        at, stated = dictation.moment(when.strip().removeprefix("at "), talk.now), True
    if word.lower() not in ("started", "raised", "changed", "lowered") or not stated:
        unit = f"RATE {drug.rate_unit}"
        raise BadValue(
            "KB606",
            f"{quoted(text or 'that')} does not say what happened then",
            f"write `started 11:40`, or `raised 11:40 from {unit}`",
        )
    entry = {"kind": "therapy", "drug": drug.id, "at": at, "rate": last.rate}
    entry |= {key: value for key in ("salt", "concentration") if (value := getattr(last, key))}
    if word.lower() == "started":
        return [{**entry, "event": "started"}]
    if not former.strip():
        raise BadValue(
            "KB606",
            f"{quoted(text)} does not say from which rate",
            "write `raised 11:40 from 0.02`, or `not available`",
        )
    before = {"kind": "therapy", "event": "running", "drug": drug.id, "at": at - timedelta(seconds=1)}
    unit = question.unit or drug.rate_unit
    return [
        {**before, **rate_said(talk, drug, former.strip(), question.unit or drug.rate_unit, at)},
        {**entry, "event": "changed"},
    ]


def _heard_given(talk: Talk, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
    if text.lower() == "never":
        return _never_happened(talk, question)
    if not stated:
        raise BadValue("KB608", f"{quoted(text)} does not say when", f"write `{text} at 11:40`, or … `20 min ago`")
    amount = dictation.quantity(text, question.unit)
    return [{"kind": "therapy", "event": "given", "drug": question.name, "amount": amount, "at": at}]


def _heard_done(talk: Talk, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
    if text.lower() == "never":
        return _never_happened(talk, question)
    if not stated:
        at = dictation.moment(text.removeprefix("at "), talk.now)
    return [step_entry(talk, question.name, "done", at)]


def _heard_earlier(talk: Talk, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
    if not stated:
        raise BadValue("KB608", f"{quoted(text)} does not say when", f"write `{text} at 11:40`")
    return _heard_value(talk, question, text, at, stated)


def _heard_amount(talk: Talk, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
    old = talk.entries([question.corrects])[0].to_json()
    kept = {key: value for key, value in old.items() if key not in ("id", "replaces", "recorded")}
    return [{**kept, "amount": dictation.quantity(text, question.unit), "at": at}]


def _never_happened(talk: Talk, question: Question) -> list[dict[str, Any]]:
    """That something never happened is known only of a record that is complete."""
    talk.aside.add(question.key)
    asked = [entry for entry in talk.record.standing() if entry.element == RECORD]
    if question.form in ("began", "given") and not asked:
        talk.remark("that counts where the record is known to be complete:", "quiet")
        talk.queue.insert(0, RECORD)
    return []


_HEARD: dict[str, Callable[[Talk, Question, str, datetime, bool], list[dict[str, Any]]]] = {
    "value": _heard_value,
    "rate": _heard_rate,
    "salt": _heard_salt,
    "record": _heard_record,
    "began": _heard_began,
    "given": _heard_given,
    "done": _heard_done,
    "earlier": _heard_earlier,
    "amount": _heard_amount,
}
