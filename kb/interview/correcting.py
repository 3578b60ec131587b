"""Putting right what was charted: the last answer taken back, an entry corrected or removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kb.asks import ask_for
from kb.chart import Entry, quoted
from kb.interview.charted import charted_text
from kb.interview.heard import answer
from kb.interview.questions import question_of
from kb.interview.talk import Question, Talk
from kb.interview.understanding import known_name
from kb.reading import dictionary_of
from kb.values import BadValue


def back(talk: Talk, rest: str) -> None:
    if talk.pending is not None:
        talk.pending = None
        return
    standing = {entry.id: entry for entry in talk.record.standing()}
    while talk.acts:
        act = talk.acts.pop()
        ids = [id for id in act if id in standing]
        if ids:
            _take_back(talk, [standing[id] for id in ids], act)
            return
    raise BadValue("KB611", "there is nothing to take back")


def correct(talk: Talk, rest: str) -> None:
    entry, value = _entry_and_rest(talk, rest)
    if entry.kind == "step":
        raise BadValue("KB611", "what was done is taken back, not corrected", f"write `remove {entry.id}`")
    names = dictionary_of(talk.record.program)
    drug = names.drug(entry.drug) if entry.drug else None
    if entry.drug and drug is None:
        raise BadValue("KB602", f"{quoted(entry.drug)} is a drug this protocol does not know", "`remove` takes it back")
    if drug is not None and entry.event == "given":
        hints = (drug.amount_unit, "back leaves it as it is")
        text = f"How much {talk.say.drug(drug.id)} was given?"
        question = Question("amount", drug.id, text, drug.amount_unit, (), hints)
    else:
        question = question_of(talk, ask_for(talk.record.program, drug.id if drug is not None else entry.element))
    question = question._replace(corrects=entry.id)
    if value:
        answer(talk, question, value)
    else:
        talk.pending = question


def remove(talk: Talk, rest: str) -> None:
    _take_back(talk, [_entry_and_rest(talk, rest)[0]])


def _take_back(talk: Talk, entries: list[Entry], act: Iterable[str] = ()) -> None:
    """Retract entries; what they had corrected stands again, unless it came with them in one `act`."""
    known = {entry.id: entry for entry in talk.record.chart.entries}
    made: list[dict[str, Any]] = [{"at": entry.at, "retracts": entry.id} for entry in entries]
    back: list[dict[str, Any]] = []
    for entry in entries:
        if entry.replaces in known and entry.replaces not in act:
            old = known[entry.replaces].to_json()
            back.append({key: value for key, value in old.items() if key not in ("id", "replaces", "recorded")})
    ids = talk.record.append(*made, *_reopened(talk, act), *back)
    for entry in entries[:4]:
        talk.remark(f"taken back: {charted_text(talk, entry)}", "warn")
    if len(entries) > 4:
        talk.remark(f"and {len(entries) - 4} more", "warn")
    restored = [entry for entry in talk.entries(ids) if entry.kind != "protocol"]
    if restored:
        talk.acts.append(tuple(entry.id for entry in restored))
    for entry in restored:
        talk.remark(f"again: {charted_text(talk, entry)}", "good")
    talk.aside.clear()
    names = dictionary_of(talk.record.program)
    asked = [entry.about for entry in entries if entry.about in names.elements or entry.about in names.drugs]
    talk.queue[:0] = asked[:1] if len(entries) == 1 and not restored and entries[0].event in ("", "running") else []


def _reopened(talk: Talk, act: Iterable[str]) -> list[dict[str, Any]]:
    """The session's opening once more, where the chart that took its place is taken back."""
    known = {entry.id: entry for entry in talk.record.entries}
    openings = [known[known[id].retracts] for id in act if known[id].retracts]
    return [{**entry.to_json(), "id": None, "replaces": None} for entry in openings if entry.event == "opened"]


def _entry_of(talk: Talk, text: str) -> Entry:
    standing = {entry.id: entry for entry in talk.record.standing() if entry.kind != "protocol"}
    id = text if text in standing else f"e{text}"
    if id in standing:
        return standing[id]
    name = known_name(talk, text)
    names = dictionary_of(talk.record.program)
    found = [
        entry for entry in standing.values()
        if entry.about == name or ((drug := names.drug(entry.drug)) is not None and drug.id == name)
    ]  # fmt: skip
    if not found:
        raise BadValue("KB611", f"nothing is charted of `{name}`", "`chart` lists what is")
    return found[-1]


def _entry_and_rest(talk: Talk, text: str) -> tuple[Entry, str]:
    words = text.split()
    for size in range(min(len(words), 6), 0, -1):
        try:
            return _entry_of(talk, " ".join(words[:size])), " ".join(words[size:])
        except BadValue:
            if size == 1:
                raise
    raise BadValue(
        "KB611", "it does not say what", "write `correct map 58`, or `correct 3 58`; `chart` shows the numbers"
    )
