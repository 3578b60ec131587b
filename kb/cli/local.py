"""`kb local`: what the protocols ask each hospital to settle, what is settled here, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kb.cli.common import (
    FINDINGS,
    FINE,
    CommandError,
    Format,
    FormatOption,
    LocalOption,
    base_of,
    console,
    count,
    guideline_of,
    print_diagnostics,
    print_json,
    print_lines,
)

if TYPE_CHECKING:
    from kb.base import Base
    from kb.diagnostics import Diagnostic
    from kb.generator.bedside import Line
    from kb.generator.settings import Settings


def local(
    context: typer.Context,
    protocols: Annotated[list[str] | None, typer.Argument(metavar="[PROTOCOL]...", help="All, if left out.")] = None,
    file: LocalOption = None,
    format: FormatOption = Format.text,
) -> None:
    """List what a hospital settles: by protocol, with default, range and source, what is set here, what is missing.

    Exits with 1 where something that has no default is not set, or where the settings have an error or a warning.
    """
    from kb.diagnostics import all_notes
    from kb.generator.settings import settings_asked
    from kb.local import read_local
    from kb.report import summary

    base = base_of(context)
    ids = list(protocols or base.protocols())
    if not ids:
        raise CommandError(f"nothing was listed: no protocol in {base.protocols_path}")
    settings, found = _settings(base, file)
    listed = [
        settings_asked(program, read_local(program, settings))
        for program in (guideline_of(base, id).program for id in ids)
    ]
    missing = [(each.protocol, item.name) for each in listed for item in each.asked if item.missing]
    if format is Format.json:
        print_json(_as_json(listed, found))
    else:
        print_lines(_lines(listed))
        print_diagnostics(found)
        told = [f"{count(len(missing), 'setting')} without default not set"] if missing else []
        told += [f"{summary(found)} in the local settings"] if found else []
        console().print("; ".join(told) or "everything that has no default is set")
    raise typer.Exit(FINDINGS if missing or not all_notes(found) else FINE)


def _settings(base: Base, file: Path | None) -> tuple[dict[str, Any], tuple[Diagnostic, ...]]:
    """The settings, as one file for all protocols, and everything wrong with them."""
    from kb.loader.plain import load_local

    path = file or base.path / "local.yaml"
    if file is None and not path.exists():
        return {}, ()
    loaded, _ = load_local(path)
    return {} if loaded is None else {"format": 1, **loaded.settings}, base.check_local(file)


def _lines(listed: Iterable[Settings]) -> Iterator[Line]:
    from kb.generator.bedside import EMPTY, Line, Span
    from kb.generator.settings import setting_words

    def labelled(label: str, text: str, style: str = "plain") -> Line:
        return Line((Span(f"{label:<9}", "label"), Span(text, style)), 4, 13)

    for each in listed:
        yield Line((Span(each.title, "head"), Span(f"  {each.protocol}@{each.version}", "quiet")))
        if not each.asked and not each.more:
            yield Line((Span("nothing to settle"),), 2, 2)
        for item in each.asked:
            mark = "!  " if item.missing else "   "
            yield Line((Span(mark, "warn"), Span(item.title, "title"), Span(f"  [{item.name}]", "quiet")), 0, 3)
            if item.may:
                yield labelled("may be", item.may)
            if item.kind == "parameter":
                yield labelled("default", item.default or "none: needs local policy")
            if item.basis:
                yield labelled("source", item.basis, "quiet")
            if item.here is not None:
                yield labelled("here", setting_words(item.here), "good")
            else:
                yield labelled("here", "NOT SET" if item.needed else "not set", "warn" if item.needed else "quiet")
        for setting in each.more:
            default = f" instead of {setting.default}" if setting.default else ""
            area = f" in {setting.area}" if setting.area else ""
            words = f"{setting.name}{area}: {setting_words(setting)}{default}"
            yield Line((Span(f"   {setting.kind} ", "label"), Span(words)), 0, 3)
        yield EMPTY


def _as_json(listed: Iterable[Settings], found: Iterable[Diagnostic]) -> dict[str, Any]:
    from kb.advice import to_json
    from kb.report.json import as_json

    protocols = []
    for each in listed:
        made = to_json(each)
        for item, record in zip(made["asked"], each.asked, strict=True):
            item["missing"] = record.missing
        protocols.append(made)
    return {"protocols": protocols, "findings": as_json(found)["diagnostics"]}
