"""What is charted, in words: as it was said, and in the unit of the protocol or of the hospital."""

from __future__ import annotations

from fractions import Fraction

from kb import program as ir
from kb.chart import RECORD, Entry
from kb.generator.wording import clean
from kb.interview.talk import Talk
from kb.local import in_local_unit
from kb.reading import dictionary_of
from kb.values import format_decimal


def charted_text(talk: Talk, entry: Entry) -> str:
    """`MAP 58 mmHg, at 14:05`."""
    return f"{_content(talk, entry)}, at {talk.clock_time(entry.at)}"


def _content(talk: Talk, entry: Entry) -> str:
    names = dictionary_of(talk.record.program)
    match entry.kind:
        case "observation" if entry.element == RECORD:
            if entry.value == "not available":
                return "the record of what was given and runs is not known to be complete"
            start = "" if entry.value == "complete" else f" from {clean(str(entry.value))} on"
            return f"the record of what was given and runs is complete{start}"
        case "observation" if entry.element in names.elements:
            return f"{talk.say.data(entry.element)} {_shown(talk, names.elements[entry.element], entry)}"
        case "observation":
            return f"{talk.say.condition(entry.element.replace('.salt', ' charted as'))} {clean(str(entry.value))}"
        case "therapy":
            drug = names.drug(entry.drug)
            label = talk.say.drug(drug.id) if drug is not None else clean(entry.drug)
            if entry.event == "running" and entry.rate == "0":
                return f"{label} not running"
            dose = _dose_shown(talk, drug, entry) if drug is not None else entry.rate or entry.amount
            words = (label, dose, f"as {entry.salt}" if entry.salt else "")
            of = f"of {entry.concentration}" if entry.concentration else ""
            return " ".join(clean(word) for word in (*words, of, entry.route.upper(), entry.event) if word)
        case "step":
            step = next((step for step in talk.record.program.steps if step.id == entry.step), None)
            reason = f" ({clean(entry.reason)})" if entry.reason else ""
            return f"{entry.event}: {talk.say.prose(step.title) if step is not None else clean(entry.step)}{reason}"
    return f"{entry.event} {entry.about}"


def _shown(talk: Talk, element: ir.Element, entry: Entry) -> str:
    """A value as it was said, and in the unit of the protocol where that is another."""
    if isinstance(entry.value, bool) or entry.value in ("true", "false"):
        return "yes" if entry.value in (True, "true") else "no"
    text = clean(str(entry.value))
    if element.type != "number" and not element.unit:
        return text.replace("_", " ")
    unit = text.partition(" ")[2]
    mark = talk.mark({**entry.to_json(), "at": entry.at, "replaces": None})
    if mark is None or not isinstance(mark.value, int):
        return text
    if unit and unit != element.unit:
        return f"{text} (= {_number(talk, element.id, mark.value)} {element.unit})"
    names = dictionary_of(talk.record.program)
    own = in_local_unit(talk.settled, names, element.id, element.unit, mark.value)
    return f"{text} (= {own})" if own else text


def _number(talk: Talk, name: str, scaled: int) -> str:
    """A number for the eye; in full where it would look like a number that it is compared with, and is not."""
    shown, edges = _short(scaled), dictionary_of(talk.record.program).edges(name)
    alike = any(edge != scaled and Fraction(shown) * ir.SCALE == edge for edge in edges)
    return format_decimal(scaled) if alike else shown


def _dose_shown(talk: Talk, drug: ir.Drug, entry: Entry) -> str:
    """A rate or amount as it was said; where the hospital shows the drug in a unit of its own, in both."""
    text, ours = clean(entry.rate or entry.amount or ""), drug.rate_unit if entry.rate else drug.amount_unit
    if not text or talk.unit(drug.id, ours) == ours:
        return text
    mark = talk.mark({**entry.to_json(), "at": entry.at})
    scaled = None if mark is None or mark.dose is None else mark.dose.scaled
    if scaled is None:
        return text
    if text.partition(" ")[2] != ours:
        return f"{text} (= {_number(talk, drug.id, scaled)} {ours})"
    own = in_local_unit(talk.settled, dictionary_of(talk.record.program), drug.id, ours, scaled)
    return f"{text} (= {own})" if own else text


def _short(scaled: int) -> str:
    """A number for the eye: four figures at least, never more than two places after them."""
    exact = format_decimal(scaled)
    whole, _, places = exact.partition(".")
    keep = max(1, 4 - len(whole.lstrip("-0")))
    return exact if len(places) <= keep else f"{round(scaled / ir.SCALE, keep):.{keep}f}"
