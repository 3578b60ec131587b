"""Entries written to the record: their form, their place beside those of the same instant, what is said of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kb import dictation
from kb import program as ir
from kb.chart import RECORD, quoted
from kb.interview.charted import charted_text
from kb.interview.talk import Question, Talk
from kb.reading import dictionary_of
from kb.values import BadValue


def write(talk: Talk, question: Question | None, made: list[dict[str, Any]], *, exact: bool = False) -> None:
    """Chart entries, say what was charted, and go on to the next question."""
    corrects = question.corrects if question is not None else ""
    for said in made:
        check_form(talk, said)
    made = [_placed(talk, entry, exact, corrects) for entry in made]
    if corrects:
        made[-1]["replaces"] = corrects
    ids = talk.record.append(*made)
    talk.acts.append(ids)
    for entry in talk.entries(ids):
        talk.remark(f"{'corrected: ' if entry.replaces else ''}{charted_text(talk, entry)}", "good")
    if question is not None:
        talk.settle(question)
        # Asked once; where the answer does not settle it, that is told, and it is not asked again at once.
        talk.aside.add(question.key)
        if talk.queue and talk.queue[0] == question.name:
            talk.queue.pop(0)


def check_form(talk: Talk, entry: Mapping[str, Any]) -> None:
    """Refuse a salt form of a drug that has none: whoever says it may mean another drug."""
    named, of_salt, _ = str(entry.get("element", "")).partition(".salt")
    drug = dictionary_of(talk.record.program).drug(str(entry.get("drug") or (named if of_salt else "")))
    stated = str(entry.get("rate") or entry.get("amount") or "")
    says = of_salt and entry.get("value") != "not available"
    if drug is not None and not drug.salts and (says or entry.get("salt") or " as " in stated):
        raise BadValue("KB612", f"`{drug.id}` has no salt forms in this protocol", "leave the form out")


def _placed(talk: Talk, entry: dict[str, Any], exact: bool, corrects: str) -> dict[str, Any]:
    """An entry beside those of the same instant: a second value corrects the first, an action comes after it."""
    entry = dict(entry)
    about = entry.get("element") or entry.get("drug")
    if about is None or entry.get("event") == "given":
        return entry
    for other in talk.record.standing():
        if other.id == corrects or other.at != entry["at"] or other.kind != entry["kind"] or other.about != about:
            continue
        if other.event == "given":
            continue
        if about == RECORD and "not available" in (entry["value"], other.value):
            continue
        if entry["kind"] == "observation" or entry["event"] == other.event == "running":
            entry["replaces"] = other.id
        elif exact:
            help = f"write another time, or `correct {other.id}`"
            raise BadValue("KB614", f"`{about}` was charted at that time already", help)
        else:
            talk.now = max(talk.now, entry["at"] + timedelta(seconds=1))
            entry["at"] = talk.now
    return entry


def rate_said(talk: Talk, drug: ir.Drug, text: str, unit: str, at: datetime) -> dict[str, Any]:
    """`0.08 mcg/kg/min as base`, `5 mL/h of 4 mg/50 mL`; a bare number in `unit`."""
    stated, of, strength = text.partition(" of ")
    number, as_, form = stated.partition(" as ")
    made = {"rate": f"{dictation.quantity(number.strip(), unit)}{as_}{form}".strip()}
    if of:
        made["concentration"] = strength.strip()
    alone = {"kind": "therapy", "event": "running", "drug": drug.id, "at": at, "id": "x", **made}
    mark = talk.mark(alone)
    dose = None if mark is None else mark.dose
    by_volume = dose is not None and dose.form == "volume" and dose.scaled is None and dose.strength is None
    if by_volume and drug.id not in talk.advice.walk.reading.strengths:
        help = f"write `{stated} of 4 mg/50 mL` as it is on the syringe, or the rate in {drug.rate_unit}"
        raise BadValue("KB605", f"{quoted(stated)} needs the concentration", help)
    return made


def observation(element: str, value: str | bool, at: datetime) -> dict[str, Any]:
    return {"kind": "observation", "element": element, "value": value, "at": at}


def step_entry(talk: Talk, step: str, event: str, at: datetime) -> dict[str, Any]:
    return {"kind": "step", "event": event, "step": step, "protocol": talk.record.program.id, "at": at}
