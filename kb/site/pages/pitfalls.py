"""What is never ordered, how much at most, what keeps a step from being taken; goals; alerts."""

from __future__ import annotations

from kb import program as ir
from kb.generator.markdown import quoted
from kb.site.dossier import Dossier
from kb.site.pages.frame import basis, link, place
from kb.site.pages.said import said_lines

HERE = "pitfalls"


def body(dossier: Dossier) -> str | None:
    """The page without its head."""
    told = dossier.told
    parts = []
    for heading, lines in (
        ("Never", said_lines(HERE, "never", told.never)),
        ("Never more than", said_lines(HERE, "cap", told.caps)),
        ("Not in these patients", _avoided(dossier)),
        ("Goals", said_lines(HERE, "goal", told.goals)),
        ("Alerts", said_lines(HERE, "alert", told.alerts)),
    ):
        if lines:
            parts += [f"## {heading}", lines]
    return "\n\n".join(parts) or None


def _avoided(dossier: Dossier) -> str:
    """For each step what withholds it, and what is done instead."""
    shown = {entry.step: entry for entry in dossier.told.entries}
    lines = []
    for step in dossier.program.steps:
        entry = shown.get(step.part_of or step.id)
        if entry is None or (step.part_of and not step.id.endswith(".start")):
            continue  # a titration is withheld as a whole
        reasons = [_avoid(dossier, avoid, shown.keys()) for avoid in step.avoid]
        for option in step.action.options if step.action is not None else ():
            reasons += [f"{quoted(option.title)}: {_avoid(dossier, avoid, shown.keys())}" for avoid in option.against]
        if reasons:
            lines.append(f"- {place('avoid', entry.step)}{link(HERE, 'step', entry.step, entry.says)}")
            lines += [f"    - not if {reason}" for reason in reasons]
    return "\n".join(lines)


def _avoid(dossier: Dossier, avoid: ir.Avoid, shown: object) -> str:
    behind = basis(HERE, avoid.cites, avoid.interprets)
    instead = ""
    if avoid.instead in dossier.titles:
        instead = f"; instead {link(HERE, 'step', avoid.instead, dossier.titles[avoid.instead])}"
    return f"{quoted(dossier.say.avoid(avoid))}{instead}{f' ({behind})' if behind else ''}"
