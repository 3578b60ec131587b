"""The versions of a protocol, and what this one changed for whom against the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kb.generator.markdown import coded, quoted
from kb.site.dossier import Dossier
from kb.site.pages.frame import html_link

HERE = "history"
_STEPS = {
    "major": "somebody is told otherwise, or nobody could tell whether",
    "minor": "additions only",
    "patch": "words and evidence only",
    "none": "nothing",
}


def body(dossier: Dossier) -> str | None:
    """The page without its head."""
    if len(dossier.versions) < 2:
        return None
    parts = ["## Versions", "\n".join(_versions(dossier))]
    changes = dossier.reports.changes
    if changes is not None:
        before, after = changes["before"]["version"], changes["after"]["version"]
        parts.append(f"## From {quoted(before)} to {quoted(after)}")
        if changes["empty"]:
            parts.append("Nothing changed: both do and say the same.")
        else:
            for heading, lines in (
                ("", [_verdict(changes)]),
                ("Who is told otherwise", list(_behaviour(changes["behaviour"]))),
                ("What was changed", [_change(each) for each in changes["changes"]]),
                ("Worked patients", list(_scenarios(changes["scenarios"], dossier))),
            ):
                if lines:
                    parts += [f"### {heading}"] if heading else []
                    parts.append("\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts)


def _versions(dossier: Dossier) -> Iterator[str]:
    for version in reversed(dossier.versions):
        notes = [text for text, holds in (("newest", version == dossier.latest),) if holds]
        note = f" ({', '.join(notes)})" if notes else ""
        if version == dossier.program.version:
            yield f"- **{quoted(version)}**, this one{note}"
        else:
            yield f"- [{quoted(version)}](../{version}/history.md){note}"


def _verdict(changes: Mapping[str, Any]) -> str:
    demanded = changes["demanded"]
    told = (
        f"The changes are {demanded} ({_STEPS.get(demanded, '')}); the step of the version number is {changes['made']}"
    )
    return quoted(told + (": that is enough" if changes["enough"] else f": it should be {changes['lowest']} or higher"))


def _behaviour(told: Mapping[str, Any] | None) -> Iterator[str]:
    if told is None:
        yield "Not worked out."
        return
    if told["same"]:
        yield "Nobody: proved for all patients, missing data included."
        return
    for region in told["regions"]:
        where = ", ".join(region["where"])
        yield f"{quoted(where)}: **{coded(region['says'])}** ({quoted(region['level'])})" + _example(region["example"])
    if told["untold"]:
        yield coded(f"and more: {'; '.join(dict.fromkeys(each['says'] for each in told['untold']))}")
    for text in told["undecided"]:
        yield f"**Not decided**, so it counts as a change: {quoted(text)}"
    if told["complete"]:
        yield "Nobody else: proved for all patients, missing data included."


def _example(example: Mapping[str, Any] | None) -> str:
    return f"\n    - for example {quoted(example['told'])}" if example is not None else ""


def _change(each: Mapping[str, Any]) -> str:
    return f"{quoted(each['kind'])}, <code>{quoted(each['about'])}</code>: {coded(each['text'])}"


def _scenarios(found: Sequence[Mapping[str, Any]], dossier: Dossier) -> Iterator[str]:
    """Those that are new or gone by name, the others each with what is advised otherwise."""
    held = {scenario.id for scenario in dossier.scenarios}
    names = {
        each["id"]: html_link(HERE, "scenario", each["id"])
        if each["id"] in held
        else f"<code>{quoted(each['id'])}</code>"
        for each in found
    }
    for how in ("new", "gone"):
        listed = [names[each["id"]] for each in found if each["how"] == how]
        if listed:
            yield f"{how}: {', '.join(listed)}"
    for each in found:
        if each["how"] in ("new", "gone"):
            continue
        lines = [f"{quoted(each['how'])}: {names[each['id']]} {quoted(each['title'])}"]
        lines += [f"    - {quoted(mismatch)}" for mismatch in each["mismatches"]]
        if not each["mismatches"]:
            lines += [f"    - {quoted(line['mark'])} {quoted(line['text'])}" for line in each["advice"]]
        yield "\n".join(lines)
