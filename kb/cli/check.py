"""`kb check`: everything wrong with a knowledge base."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from kb.cli.common import (
    COULD_NOT_RUN,
    FINDINGS,
    FINE,
    CommandError,
    Format,
    FormatOption,
    base_of,
    console,
    count,
    print_diagnostics,
    print_json,
)


def check(
    context: typer.Context,
    protocols: Annotated[list[str] | None, typer.Argument(metavar="[PROTOCOL]...", help="All, if left out.")] = None,
    format: FormatOption = Format.text,
) -> None:
    """Check protocols, library and evidence; print everything that is wrong."""
    base = base_of(context)
    ids = list(protocols or base.protocols())
    found, checked = base.check(ids)
    if not checked and not found:
        raise CommandError(f"nothing was checked: no protocol in {base.protocols_path}")
    if format is Format.json:
        from kb.report import as_json

        print_json(as_json(found))
    else:
        print_diagnostics(found)
        errors = sum(item.severity.value == "error" for item in found)
        warnings = len(found) - errors
        terminal = console()
        if found:
            terminal.print(f"{count(errors, 'error')}, {count(warnings, 'warning')} in {count(checked, 'file')}")
            terminal.print(Text("`kb explain CODE` tells what a code means", "dim"))
        else:
            told = f"{count(len(ids), 'protocol')} in {count(checked, 'file')}: {', '.join(ids)}"
            terminal.print(Text.assemble(("fine: ", "green"), told), soft_wrap=True)
    raise typer.Exit((FINDINGS if checked else COULD_NOT_RUN) if found else FINE)
