"""The read-aloud list: every step in the order of the walk, in plain sentences."""

from __future__ import annotations

from kb.generator.markdown import quoted
from kb.generator.readaloud import Entry, ReadAloud, WayOn
from kb.site.dossier import Dossier
from kb.site.pages.frame import basis, link, place, wrong
from kb.site.pages.said import elsewhere_lines

HERE = "list"


def body(dossier: Dossier) -> str:
    """The page without its head."""
    return "\n\n".join(_entry(entry, dossier) for entry in dossier.told.entries)


def _entry(entry: Entry, dossier: Dossier) -> str:
    told = dossier.told
    urgency = {"stat": "NOW", "asap": "soon", "urgent": "urgent"}.get(entry.priority, "")
    badge = f' <span class="kb-priority kb-{quoted(entry.priority)}">{urgency}</span>' if urgency else ""
    lines = [
        place("step", entry.step),
        f"### {entry.number}. {quoted(entry.says)}{badge}",
        "",
        f'<p class="kb-kind">{entry.kind} · <code>{quoted(entry.step)}</code></p>',
        "",
    ]
    if entry.step in dossier.broken_at:
        lines += [wrong(dossier.broken_at[entry.step], "Here:"), ""]
    dosed = entry.kind == "action" and entry.lines
    lines += [
        f"- **{quoted(line)}**" if dosed and number == 0 else f"- {quoted(line)}"
        for number, line in enumerate(entry.lines)
    ]
    if entry.review:
        lines.append(f"- Clock: {quoted(entry.review)}")
    lines += [f"- {_way(way, told)}" for way in entry.ways]
    if entry.note:
        lines.append(f"- Note: {quoted(entry.note)}")
    grade = [f"{entry.strength} recommendation"] if entry.strength else []
    grade += [f"certainty {entry.certainty}"] if entry.certainty and entry.strength else []
    behind = basis(HERE, entry.cites, entry.interprets)
    if grade or behind:
        lines.append(f"- {quoted(', '.join(grade))}{' · ' if grade and behind else ''}{behind}")
    lines += elsewhere_lines(HERE, entry.elsewhere)
    return "\n".join(lines)


def _way(way: WayOn, told: ReadAloud) -> str:
    steps = {entry.number: entry for entry in told.entries}
    to = ", ".join(
        f"{link(HERE, 'step', steps[number].step, str(number))} {quoted(steps[number].says)}" for number in way.to
    )
    verb = "assume" if way.assumed else "start together" if len(way.to) > 1 else "go to"
    return f"{quoted(way.when) or 'at once'}: {verb} {to}"
