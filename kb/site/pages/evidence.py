"""What stands behind the steps: statements, readings, what other sources say, references."""

from __future__ import annotations

from kb import program as ir
from kb.generator.markdown import quoted
from kb.plan import all_said_elsewhere
from kb.site.dossier import Dossier
from kb.site.pages.frame import link, place
from kb.site.pages.said import said_lines

HERE = "evidence"


def body(dossier: Dossier) -> str | None:
    """The page without its head."""
    program, parts = dossier.program, []
    if dossier.told.readings:
        parts += ["## Readings of the source", said_lines(HERE, "reading", dossier.told.readings, "about ")]
    if program.statements:
        rows = ["| | what the source says, in our words | kind | from |", "|---|---|---|---|"]
        rows += [
            f"| {place('statement', item.id)}{quoted(item.id)} | {quoted(item.says)} "
            f"| {quoted(item.kind)}{f', {quoted(item.grade)}' if item.grade else ''} "
            f"| {' '.join(link(HERE, 'reference', key) for key in item.cites)} |"
            for item in program.statements
        ]
        parts += ["## Statements", "\n".join(rows)]
    if program.not_encoded:
        stated = {item.id for item in program.statements}
        stated |= {id[:-1] for id in stated}  # of lettered atoms
        rows = [
            f"- {link(HERE, 'statement', id) if id in stated else quoted(id)}: {quoted(why)}"
            for id, why in program.not_encoded
        ]
        parts += ["## Not in the steps, and why", "\n".join(rows)]
    if program.elsewhere:
        rows = ["| | on | here | elsewhere | from | verdict |", "|---|---|---|---|---|---|"]
        for other, item in zip(all_said_elsewhere(program), program.elsewhere, strict=True):
            judged = ": ".join(filter(None, (other.verdict, other.because)))
            told = ", ".join(filter(None, (other.number, other.says)))
            marks = "" if other.stored else " (general knowledge: nobody has read it)"
            marks += " (superseded)" if other.superseded else ""
            rows.append(
                f"| {place('elsewhere', other.id)}{quoted(other.id)} | {quoted(other.topic)} "
                f"| {' '.join(link(HERE, 'statement', id) for id in other.about)} | {quoted(told)} "
                f"| {' '.join(link(HERE, 'reference', key) for key in item.cites)}{quoted(marks)} | {quoted(judged)} |"
            )
        parts += ["## What other sources say", "Shown beside the steps it concerns. Nothing of it is carried out."]
        parts += ["\n".join(rows)]
    if program.references:
        rows = [f"- {place('reference', item.key)}{_reference(item)}" for item in program.references]
        parts += ["## References", "\n".join(rows)]
    source = program.source
    said = [text for text in (source.banner, *source.claims, source.disclaimer) if text]
    if source.title:
        known = ", ".join(text for text in (source.title, source.publisher, source.updated) if text)
        parts += ["## The source", quoted(known), "\n".join(f"- It says of itself: {quoted(text)}" for text in said)]
    return "\n\n".join(part for part in parts if part) or None


def _reference(item: ir.Reference) -> str:
    known = [item.title, item.publisher, item.year, item.kind, item.tier, item.identifier]
    told = ", ".join(text for text in known if text)
    notes = f" (checked {quoted(item.checked)})" if item.checked else ""
    notes += f" (superseded by {quoted(item.superseded_by)})" if item.superseded_by else ""
    return f"**{quoted(item.key)}** {quoted(told)}{notes}"
