"""What was proved of all patients at once, in words; who was found where it does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kb.generator.markdown import quoted
from kb.site.dossier import Dossier
from kb.site.pages.frame import links, place

HERE = "proofs"
OUTCOMES = (
    ("refuted", "It does not hold", "There is a patient for whom it is false."),
    ("undecided", "Not decided", "Nothing is known of it: it is not proved."),
    ("vacuous", "About nobody", "There is no patient whom it is about, so it says nothing."),
    ("left out", "Left out, with a reason", ""),
    ("proved", "Proved", "It holds for every patient: whatever is charted, and whatever is missing."),
)


def body(dossier: Dossier) -> str | None:
    """The page without its head."""
    proofs = dossier.reports.proofs
    if proofs is None or not proofs["properties"]:
        return None
    parts = ["What is claimed here was worked out for all patients at once, not for examples."]
    for outcome, heading, meaning in OUTCOMES:
        found = [each for each in proofs["properties"] if each["outcome"] == outcome]
        if found:
            parts += [f"## {heading} ({len(found)})", meaning, "\n".join(_property(each) for each in found)]
    return "\n\n".join(part for part in parts if part)


def _property(each: Mapping[str, Any]) -> str:
    pack = " (asked of every protocol)" if each["safety_pack"] else ""
    lines = [
        f"- {place('property', each['id'])}**{quoted(_sentence(each['title']))}** "
        f"<code>{quoted(each['id'])}</code>{pack}"
    ]
    return "\n".join([*lines, *(f"    - {line}" for line in _details(each))])


def _details(each: Mapping[str, Any]) -> Iterator[str]:
    if each["property"]:
        yield f"As it is written: <code>{quoted(each['property'])}</code>"
    if each["outcome"] == "vacuous":
        yield f"There is no patient for whom {quoted(each['reason'])}"
    elif each["reason"]:
        yield quoted(_sentence(each["reason"]))
    yield from (quoted(text) for text in each["where"])
    patient = each["patient"]
    if patient is not None:
        told = [f"{name.replace('_', ' ')} {_value(value)}" for name, value in patient["chart"].items()]
        yield f"The patient: {quoted(', '.join(told))}"
        yield f"What is advised: {quoted(patient['advice'])}"
    if each["cannot_be_told_for_some"]:
        yield "For some patients it cannot be told, because something is not known; for none is it false."
    behind = [links(HERE, "statement", each["cites"], 99), links(HERE, "reading", each["interprets"], 99)]
    if any(behind):
        yield f"Rests on {' · '.join(filter(None, behind))}"


def _value(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
