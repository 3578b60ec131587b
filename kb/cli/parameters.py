"""`kb parameters`: every number in use, where it stands and what it rests on; clashes first."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from kb.cli.common import (
    CommandError,
    Format,
    FormatOption,
    base_of,
    console,
    print_json,
    unknown,
)

if TYPE_CHECKING:
    from kb.registry import Cited, Number, Quantity

_STYLES = {"clash": "bold red", "cannot be compared": "yellow", "differs by use": "yellow"}


def parameters(
    context: typer.Context,
    subjects: Annotated[
        list[str] | None, typer.Argument(metavar="[SUBJECT]...", help="A drug, data or setting; all, if left out.")
    ] = None,
    all: Annotated[bool, typer.Option("--all", help="Also numbers on which nothing disagrees.")] = False,
    format: FormatOption = Format.text,
) -> None:
    """Compare the numbers of all protocols and sources: the same quantity side by side, clashes first."""
    from kb.registry import AGREE, SINGLE, VERDICTS, UncheckedError, as_json, registry

    base = base_of(context)
    if not base.protocols():
        raise CommandError(f"nothing was compared: no protocol in {base.protocols_path}")
    try:
        found = registry(base)
    except UncheckedError as wrong:
        names = " ".join(wrong.protocols)
        raise CommandError(
            f"{wrong}; their numbers would be missing here: put them right, see kb check {names}"
        ) from wrong
    for name in subjects or ():
        if not any(_is(item, name) for item in found):
            raise CommandError(unknown(name, "number of", {item.subject for item in found}))
    chosen = [item for item in found if not subjects or any(_is(item, name) for name in subjects)]
    shown = [item for item in chosen if all or subjects or item.verdict not in (AGREE, SINGLE)]
    if format is Format.json:
        print_json([as_json(item) for item in shown])
        return
    terminal = console()
    for verdict, group in groupby(shown, key=lambda item: item.verdict):
        style = _STYLES.get(verdict, "bold")
        terminal.print(Text.assemble((verdict.upper(), style), (f"  {VERDICTS[verdict]}", "dim")), soft_wrap=True)
        for item in group:
            _print_quantity(item)
        terminal.print()
    hidden = len(chosen) - len(shown)
    clashes = sum(item.verdict == "clash" for item in chosen)
    told = f"{len(chosen)} quantities, {clashes} of them clash"
    more = f"; {hidden} on which nothing disagrees are not shown (--all shows them)" if hidden else ""
    terminal.print(told + more, soft_wrap=True)


def _is(item: Quantity, name: str) -> bool:
    return name.lower() in (item.subject.lower(), item.label.lower())


def _print_quantity(item: Quantity) -> None:
    terminal = console()
    terminal.print(Text.assemble((f"  {item.label}", "bold"), f": {item.role}"), soft_wrap=True)
    for number in item.numbers:
        words = f"  ({number.when})" if number.when else ""
        if number.used:
            place = ", ".join(part for part in (number.origin, number.place) if part)
        else:
            place = f"elsewhere: {'; '.join(_source(cite) for cite in number.cites)}"
            words += "  (superseded)" if number.superseded else ""
            words += "" if number.verified else "  (general knowledge, not verified)"
        terminal.print(Text.assemble("    ", (number.value, "cyan"), f"  {place}{words}"), soft_wrap=True)
        if number.used and number.cites:
            terminal.print(Text(f"        {_sources(number)}", "dim"), soft_wrap=True)
    for said in item.said:
        terminal.print(Text(f"    said  {said.protocol} {said.cite.statement}: {said.says}", "dim"), soft_wrap=True)


def _sources(number: Number) -> str:
    """`S10, S11: American Heart Association 2020; Resuscitation Council UK 2021`."""
    statements = ", ".join(dict.fromkeys(cite.statement for cite in number.cites if cite.statement))
    sources = "; ".join(dict.fromkeys(_source(cite) for cite in number.cites))
    return f"{statements}: {sources}" if statements else sources


def _source(cite: Cited) -> str:
    checked = f", looked at {cite.checked}" if cite.checked else ""
    return f"{cite.source} {cite.date or 'without a date'}{checked}"
