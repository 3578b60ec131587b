"""A comparison made readable: text for the terminal, Markdown for a pull request, JSON for programs.

JSON is by `schema/diff.schema.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from kb.comparison import Comparison, fingerprint
from kb.comparison.behaviour import Difference, Region, phrase, told_changes
from kb.comparison.trial import LineChange, line_changes
from kb.generator.wording import clean, harmless
from kb.prover.solver import HINT

SCHEMA: Final = "1.0.0"


def render_text(found: Comparison) -> str:
    return "\n".join(harmless(line) for line in _lines(found, "")) + "\n"


def render_markdown(found: Comparison) -> str:
    """One report that fits a pull request; every fingerprint once, so that two reports can be held side by side."""
    return "\n".join(_lines(found, "#")) + "\n"


def render_json(found: Comparison) -> str:
    return json.dumps(as_json(found), indent=2, ensure_ascii=False) + "\n"


FORMATS: Final = {"text": render_text, "markdown": render_markdown, "json": render_json}


# ---------------------------------------------------------------- lines


def _lines(found: Comparison, mark: str) -> Iterator[str]:
    """The report, a line each; `mark` is that of a Markdown heading, empty for plain text."""
    item = "- " if mark else "  "
    yield f"{mark * 2}{' ' if mark else ''}{_plain(found.title, mark)}: {found.before.version} → {found.after.version}"
    yield ""
    yield from _verdict(found, mark)
    if found.empty:
        return
    yield from _behaviour(found, mark, item)
    if found.changes:
        yield from _heading("What was changed", mark)
        yield from (f"{item}{change.kind}, `{change.about}`: {_plain(change.text, mark)}" for change in found.changes)
    yield from _heading("Worked patients", mark)
    if not found.scenarios:
        yield f"{item}no scenario changed"
    for how in ("new", "gone"):
        ids = [f"`{scenario.id}`" for scenario in found.scenarios if scenario.how == how]
        if ids:
            yield f"{item}{how}: {', '.join(ids)}"
    for scenario in found.scenarios:
        if scenario.how in ("new", "gone"):
            continue
        yield f"{item}{scenario.how}: `{scenario.id}`, {_plain(scenario.title, mark)}"
        for mismatch in scenario.mismatches:
            yield f"  {item}{_plain(mismatch, mark)}"
        if not scenario.mismatches:
            yield from (f"  {item}{_line(line, mark)}" for line in scenario.advice)


def _heading(text: str, mark: str) -> Iterator[str]:
    yield ""
    yield f"{mark * 3} {text}" if mark else text
    if mark:
        yield ""


def _verdict(found: Comparison, mark: str) -> Iterator[str]:
    strong = "**" if mark else ""
    if found.empty:
        yield "nothing changed: both do and say the same"
        return
    yield f"{strong}{found.demanded}{strong} is demanded: {_because(found)}"
    if found.enough:
        yield f"the step from {found.before.version} to {found.after.version} is {found.made}: that is enough"
    else:
        step = {"none": "the version number is still the same", "down": "the version number goes down"}.get(
            found.made, f"the step from {found.before.version} to {found.after.version} is {found.made}"
        )
        yield f"{strong}KB821{strong}: {step}; call it {found.lowest} or higher"


def _because(found: Comparison) -> str:
    told = found.behaviour
    if told is None:
        return "nobody has worked out for whom advice differs, and what is not decided counts as a change for somebody"
    if told.undecided:
        return "something could not be decided, and that counts as a change for somebody"
    if told.same and found.demanded == "patch":
        return "nobody is told otherwise (proved); words and evidence changed"
    if told.same:
        return "nobody is told otherwise (proved); " + next(
            reason.text for reason in found.reasons if reason.level == found.demanded
        )
    return {"major": "somebody is told otherwise", "minor": "there are additions only"}.get(found.demanded, "")


def _behaviour(found: Comparison, mark: str, item: str) -> Iterator[str]:
    told = found.behaviour
    yield from _heading("Who is told otherwise", mark)
    if told is None:
        yield f"{item}KB819: not worked out; {HINT}"
        return
    if told.same:
        yield f"{item}nobody: proved for all patients, missing data included"
        return
    for where, regions in _by_place(told.regions).items():
        yield f"{item}{_plain(', '.join(where), mark)}:"
        for region in regions:
            yield f"  {item}{_plain(told_changes(region.changes), mark)} ({region.level}, {_print_of(region)})"
        example = next((region.example for region in regions if region.example is not None), None)
        if example is not None:
            yield f"    {item}for example {_plain(example.told, mark)}"
            for line in line_changes(example.before, example.after):
                yield f"      {item}{_line(line, mark)}"
    if told.untold:
        more = dict.fromkeys(phrase(difference) for difference in told.untold)
        yield f"{item}and more, without a region of their own: {_plain('; '.join(more), mark)}"
    for text in told.undecided:
        yield f"{item}KB822: undecided, counted as a change for somebody: {_plain(text, mark)}"
    if told.complete:
        yield f"{item}nobody else is told otherwise: proved for all patients, missing data included"


def _by_place(regions: tuple[Region, ...]) -> dict[tuple[str, ...], list[Region]]:
    made: dict[tuple[str, ...], list[Region]] = {}
    for region in regions:
        made.setdefault(region.where, []).append(region)
    return made


def _print_of(region: Region) -> str:
    return fingerprint(*region.where, *("/".join(change) for change in region.changes))


def _line(line: LineChange, mark: str) -> str:
    return f"{line.mark} {_plain(line.text, mark)}" if not mark else f"`{line.mark}` {_plain(line.text, mark)}"


def _plain(text: str, mark: str) -> str:
    """Text that Markdown shows as it stands."""
    text = clean(text)
    if not mark:
        return text
    for sign in "\\*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    parts = text.split("`")
    return "`".join(_unescaped(part) if number % 2 else part for number, part in enumerate(parts))


def _unescaped(code: str) -> str:
    """Inside backticks nothing is escaped."""
    for sign in "*_[]<>|\\":
        code = code.replace(f"\\{sign}", sign)
    return code


# ---------------------------------------------------------------- JSON


def as_json(found: Comparison) -> dict[str, Any]:
    """The comparison as plain data."""
    told = found.behaviour
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "protocol": found.protocol,
        "before": found.before._asdict(),
        "after": found.after._asdict(),
        "empty": found.empty,
        "demanded": found.demanded,
        "made": found.made,
        "enough": found.enough,
        "lowest": found.lowest,
        "reasons": [reason._asdict() for reason in found.reasons],
        "changes": [
            {**change._asdict(), "fingerprint": fingerprint(change.kind, change.about, change.text)}
            for change in found.changes
        ],
        "scenarios": [
            {
                "id": each.id,
                "how": each.how,
                "title": each.title,
                "mismatches": list(each.mismatches),
                "advice": [line._asdict() for line in each.advice],
            }
            for each in found.scenarios
        ],
        "behaviour": None,
    }
    if told is not None:
        data["behaviour"] = {
            "same": told.same,
            "complete": told.complete,
            "level": told.level,
            "undecided": list(told.undecided),
            "untold": [_difference(each) for each in told.untold],
            "regions": [_region(each) for each in told.regions],
        }
    return data


def _difference(each: Difference) -> dict[str, str]:
    return {**each._asdict(), "says": phrase(each)}


def _region(region: Region) -> dict[str, Any]:
    made: dict[str, Any] = {
        "where": list(region.where),
        "says": told_changes(region.changes),
        "changes": [_difference(each) for each in region.changes],
        "level": region.level,
        "fingerprint": _print_of(region),
        "example": None,
    }
    example = region.example
    if example is not None:
        made["example"] = {
            "told": example.told,
            "chart": example.chart,
            "local": example.local,
            "at": example.now.isoformat(),
            "before": list(example.before),
            "after": list(example.after),
        }
    return made
