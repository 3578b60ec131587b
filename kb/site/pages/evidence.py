"""What stands behind the steps: statements and the steps that rest on them, how both were tried, references."""

from __future__ import annotations

from collections.abc import Iterator

from kb import program as ir
from kb.coverage import Part
from kb.generator.markdown import anchor, quoted
from kb.site.dossier import Dossier
from kb.site.pages.frame import counted, link, link_of, links, place

HERE = "evidence"
KINDS = {
    "step": ("steps", "reached"),
    "case": ("cases of questions", "true, false and not known"),
    "status": ("states of actions", "due, done, withheld and so on"),
    "rule": ("rules against orders", "an order refused, an order let pass"),
    "threshold": ("thresholds", "a value at it, just below it, just above it"),
}


def body(dossier: Dossier) -> str | None:
    """The page without its head."""
    program, parts = dossier.program, []
    if program.statements:
        parts += [
            "## What the source says, and what rests on it",
            "In our words. A statement without a step is in none of them, or is said why below.",
            "\n".join(_statement(dossier, item) for item in program.statements),
        ]
    parts += ["## Step by step", "\n".join(_step(dossier, entry.step) for entry in dossier.told.entries)]
    if dossier.results:
        parts += ['<h2 id="tried">What the worked patients have shown</h2>', _coverage(dossier.coverage)]
    if program.not_encoded:
        stated = {item.id for item in program.statements}
        stated |= {id[:-1] for id in stated}  # of lettered atoms
        rows = [
            f"- {link(HERE, 'statement', id) if id in stated else quoted(id)}: {quoted(why)}"
            for id, why in program.not_encoded
        ]
        parts += ["## Not in the steps, and why", "\n".join(rows)]
    if program.references:
        parts += ["## References", "\n".join(_reference(dossier, item) for item in program.references)]
    source = program.source
    said = [text for text in (source.banner, *source.claims, source.disclaimer) if text]
    if source.title:
        known = ", ".join(text for text in (source.title, source.publisher, source.updated) if text)
        parts += ["## The source", quoted(known), "\n".join(f"- It says of itself: {quoted(text)}" for text in said)]
    return "\n\n".join(part for part in parts if part) or None


def _statement(dossier: Dossier, item: ir.Statement) -> str:
    kind = ", ".join(filter(None, (item.kind, item.grade)))
    sources = links(HERE, "reference", item.cites, 99)
    lines = [f"- {place('statement', item.id)}**{quoted(item.id)}** {quoted(item.says)} ({quoted(kind)}; {sources})"]
    steps = dossier.steps_of_statement.get(item.id, ())
    others = dossier.beside_steps_of_statement.get(item.id, ())
    named = [link(HERE, "step", id) for id in steps] + [link(HERE, kind, id, f"{kind} {id}") for kind, id in others]
    lines += [f"    - In {' '.join(named)}"] if named else []
    if steps:
        lines.append(f"    - {_reached(dossier.scenarios_of_statement.get(item.id, ()), dossier)}")
    return "\n".join(lines)


def _step(dossier: Dossier, step: str) -> str:
    entry = next(entry for entry in dossier.told.entries if entry.step == step)
    behind = [links(HERE, "statement", entry.cites, 99), links(HERE, "reading", entry.interprets, 99)]
    rests = " · ".join(filter(None, behind)) or "no statement cited"
    return (
        f"- {place('by-step', step)}{link(HERE, 'step', step, str(entry.number))} {quoted(entry.says)}: {rests}; "
        f"{_reached(dossier.scenarios_of_step.get(step, ()), dossier)}"
    )


def _reached(names: tuple[str, ...], dossier: Dossier) -> str:
    if not dossier.results:
        return "untested"
    if not names:
        return "**no worked patient reaches it**"
    verb = "reaches" if len(names) == 1 else "reach"
    some = " ".join(link_of(f"scenarios.html#{anchor('scenario', id)}", id, "worked patient") for id in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{counted(len(names), 'worked patient')} {verb} it: {some}{more}"


def _coverage(parts: tuple[Part, ...]) -> str:
    rows = ["| what | shown | of | what counts as shown |", "|---|---|---|---|"]
    missing: list[str] = []
    for kind, found in by_kind(parts):
        shown, wanted = sums(found)
        name, meaning = KINDS.get(kind, (kind, ""))
        rows.append(f"| {quoted(name)} | {shown} | {wanted} | {quoted(meaning)} |")
        for part in found:
            if part.missing:
                missing.append("- " + quoted(f"{name}: {part.name}: not shown {', '.join(part.missing)}"))
    told = "\n".join(rows)
    return f"{told}\n\nNot shown by any of them:\n\n" + "\n".join(missing) if missing else told


def by_kind(parts: tuple[Part, ...]) -> Iterator[tuple[str, list[Part]]]:
    """The parts of each kind, in the order of the kinds."""
    for kind in dict.fromkeys(part.kind for part in parts):
        yield kind, [part for part in parts if part.kind == kind]


def sums(parts: list[Part]) -> tuple[int, int]:
    """How much of what should be shown is shown, as `kb test --coverage` counts it."""
    return sum(len(part.shown & part.wanted) for part in parts), sum(len(part.wanted) for part in parts)


def _reference(dossier: Dossier, item: ir.Reference) -> str:
    known = [item.title, item.publisher, item.year, item.kind, item.tier, item.identifier]
    told = ", ".join(text for text in known if text)
    notes = f" (checked {quoted(item.checked)})" if item.checked else ""
    notes += f" (superseded by {quoted(item.superseded_by)})" if item.superseded_by else ""
    behind = [each.id for each in dossier.program.statements if item.key in each.cites]
    cited = f"; behind {links(HERE, 'statement', behind, 99)}" if behind else ""
    return f"- {place('reference', item.key)}**{quoted(item.key)}** {quoted(told)}{notes}{cited}"
