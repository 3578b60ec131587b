"""What people mean by the beginning of a line: data, a drug, a step, by name, synonym or number."""

from __future__ import annotations

from kb import program as ir
from kb.chart import RECORD, nearest, quoted
from kb.interview.questions import ask_of, question_of
from kb.interview.talk import Question, Talk
from kb.reading import dictionary_of
from kb.values import BadValue


def named_answer(talk: Talk, text: str) -> tuple[Question, str] | None:
    """`map 58`, `map: 58 mmHg`: an answer to something else than what is asked."""
    for mark in (":", "="):
        left, found, right = text.partition(mark)
        name = _resolve(talk, left) if found and right.strip() else ""
        if name:
            return question_of(talk, ask_of(talk, name)), right.strip()
    words = text.split()
    for size in range(min(len(words) - 1, 6), 0, -1):
        name = _resolve(talk, " ".join(words[:size]))
        if name:
            return question_of(talk, ask_of(talk, name)), " ".join(words[size:])
    return None


def known_name(talk: Talk, text: str) -> str:
    name = _resolve(talk, text)
    if not name:
        names = dictionary_of(talk.record.program)
        help = (
            nearest(text.casefold().replace(" ", "_"), (*names.elements, *names.synonyms))
            or "`chart` lists what is charted"
        )
        raise BadValue("KB602", f"{quoted(text)} is unknown to this protocol" if text else "it does not say what", help)
    return name


def _resolve(talk: Talk, text: str) -> str:
    """The element, drug, salt form or record that people mean by `text`, or nothing."""
    names, word = dictionary_of(talk.record.program), text.strip().casefold()
    plain = word.replace(" ", "_")
    if plain in names.elements:
        return plain
    if plain in (RECORD, "record"):
        return RECORD
    drug = names.drug(word.removesuffix(".salt"))
    if drug is not None:
        return drug.id + (".salt" if word.endswith(".salt") else "")
    found = [
        item.id for item in names.program.elements if word in (item.label.casefold(), talk.say.data(item.id).casefold())
    ]
    return found[0] if len(found) == 1 else ""


def drug_and_rest(talk: Talk, text: str) -> tuple[ir.Drug, str]:
    names, words = dictionary_of(talk.record.program), text.split()
    for size in range(min(len(words), 6), 0, -1):
        drug = names.drug(" ".join(words[:size]))
        if drug is not None:
            return drug, " ".join(words[size:])
    what = quoted(words[0]) + " is a drug this protocol does not know" if words else "it does not say which drug"
    raise BadValue("KB602", what, nearest(words[0].casefold(), names.synonyms) if words else "write `start DRUG RATE`")


def step_and_rest(talk: Talk, text: str) -> tuple[ir.Step, str]:
    """The step of a number or an id at the beginning of `text`."""
    word, _, rest = text.partition(" ")
    steps = {step.id: step for step in talk.record.program.steps}
    by_number = {str(number): step for step, number in talk.numbers.items()}
    id = by_number.get(word.rstrip("."), word)
    if id not in steps:
        help = nearest(word, steps) or "`advice` shows the recommended steps with their numbers"
        raise BadValue("KB602", f"there is no step {quoted(word)}" if word else "it does not say which step", help)
    return steps[id], rest.strip()
