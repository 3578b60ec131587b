"""`kb doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import sys

import typer

from kb.cli.common import FINDINGS, FINE, Format, FormatOption, print_json


def doctor(context: typer.Context, format: FormatOption = Format.text) -> None:
    """Tell what is installed, what it is for, what is missing and how to get it."""
    from kb.doctor import as_json, as_text, examine, healthy

    rows = examine(context.obj)
    if format is Format.json:
        print_json(as_json(rows))
    else:
        sys.stdout.write(as_text(rows))
    raise typer.Exit(FINE if healthy(rows) else FINDINGS)
