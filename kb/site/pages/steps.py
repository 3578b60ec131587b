"""The read-aloud list: every step in the order of the walk, in plain sentences; what cannot wait first."""

from __future__ import annotations

from urllib.parse import quote

from kb.generator.markdown import anchor, quoted
from kb.generator.readaloud import Entry, ReadAloud, WayOn
from kb.site.dossier import Dossier
from kb.site.pages.frame import basis, counted, link, link_of, links, permalink, place, wrong
from kb.site.pages.said import elsewhere_lines

HERE = "list"


def body(dossier: Dossier) -> str:
    """The page without its head."""
    told = dossier.told
    return "\n\n".join([*_first(told), *(_entry(entry, dossier) for entry in told.entries)])


def _first(told: ReadAloud) -> list[str]:
    """Where to begin and what cannot wait: the lines that are read before anything else."""
    begin = [entry for entry in told.entries if entry.number in told.starts]
    lines = [f"Begin with {_named(begin)}"] if begin else []
    now = [entry for entry in told.entries if entry.priority == "stat" and entry.number not in told.starts]
    if now and len(told.entries) > len(now) + 3:
        lines.append("Cannot wait, once its question leads there:")
        lines.append("\n".join(f"- {_urgent(entry)}" for entry in now))
    return [*lines, "## The steps in order"]


def _named(entries: list[Entry]) -> str:
    return ", ".join(_leads_to(entry) for entry in entries)


def _leads_to(entry: Entry) -> str:
    """A link with all that is said of the step, so that a finger finds it and no two have one name."""
    return link(HERE, "step", entry.step, f"{entry.number} {entry.says}")


def _urgent(entry: Entry) -> str:
    dose = f": **{quoted(entry.lines[0])}**" if entry.kind == "action" and entry.lines else ""
    return f"{link(HERE, 'step', entry.step, f'{entry.number}. {entry.says}')}{dose}"


def _entry(entry: Entry, dossier: Dossier) -> str:
    urgency = {"stat": "NOW", "asap": "soon", "urgent": "urgent"}.get(entry.priority, "")
    badge = f' <span class="kb-priority kb-{quoted(entry.priority)}">{urgency}</span>' if urgency else ""
    lines = [
        place("step", entry.step),
        f"### {entry.number}. {quoted(entry.says)}{badge}",
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
    lines += [f"- {_way(way, dossier.told)}" for way in entry.ways]
    if entry.note:
        lines.append(f"- Note: {quoted(entry.note)}")
    grade = [f"{entry.strength} recommendation"] if entry.strength else []
    grade += [f"certainty {entry.certainty}"] if entry.certainty and entry.strength else []
    behind = basis(HERE, entry.cites, entry.interprets)
    if grade or behind:
        lines.append(f"- {quoted(', '.join(grade))}{' · ' if grade and behind else ''}{behind}")
    lines += _elsewhere(entry, dossier)
    lines += ["", f'<p class="kb-kind">{" · ".join(_about(entry, dossier))}</p>']
    return "\n".join(lines)


def _elsewhere(entry: Entry, dossier: Dossier) -> list[str]:
    """What conflicts with it in full; of the rest of what other sources say, where it is told."""
    verdicts = {item.id: item.verdict or "not judged" for item in dossier.program.elsewhere}
    by_verdict: dict[str, list[str]] = {}
    conflicts = []
    for line in entry.elsewhere:
        id = line.partition(" ")[0]
        if verdicts[id] == "conflicts":
            conflicts.append(line)
        else:
            by_verdict.setdefault(verdicts[id], []).append(id)
    told = "; ".join(f"{quoted(verdict)} {links(HERE, 'elsewhere', ids, 99)}" for verdict, ids in by_verdict.items())
    return [*elsewhere_lines(HERE, conflicts), *([f"- Elsewhere: {told}"] if told else [])]


def _about(entry: Entry, dossier: Dossier) -> list[str]:
    """What kind of step it is, its address for good, its place on the chart, how it was tried, where to report."""
    of = f"{entry.number} {entry.says}"
    told = [
        quoted(entry.kind),
        permalink(dossier, entry.step),
        link_of(f"chart.html#{anchor('step', entry.step)}", "on the flowchart", of),
    ]
    names = dossier.scenarios_of_step.get(entry.step, ())
    if names:
        patients = counted(len(names), "worked patient")
        told.append(link_of(f"evidence.html#{anchor('by-step', entry.step)}", patients, of))
    if dossier.report_to:
        told.append(link_of(_report(entry, dossier), "report a problem with this step", of))
    return told


def _report(entry: Entry, dossier: Dossier) -> str:
    """The address for problems, with the step in its subject (mail) or title (web)."""
    about = quote(f"{dossier.program.id}@{dossier.program.version} {entry.step}: ", safe="")
    key = "subject" if dossier.report_to.startswith("mailto:") else "title"
    sign = "&amp;" if "?" in dossier.report_to else "?"
    return f"{quoted(dossier.report_to)}{sign}{key}={about}"


def _way(way: WayOn, told: ReadAloud) -> str:
    steps = {entry.number: entry for entry in told.entries}
    to = _named([steps[number] for number in way.to])
    verb = "assume" if way.assumed else "start together" if len(way.to) > 1 else "go to"
    return f"{quoted(way.when) or 'at once'}: {verb} {to}"
