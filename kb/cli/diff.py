"""`kb diff`: two versions of a protocol side by side."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from kb.cli.common import FINDINGS, FINE, CommandError, base_of


class DiffFormat(StrEnum):
    """How a comparison is printed."""

    text = "text"
    markdown = "markdown"
    json = "json"


def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A", help="Id@version, a file, or git:REVISION:FILE.")],
    after: Annotated[str | None, typer.Argument(metavar="B", help="The newer one; with --rev, A is the newer.")] = None,
    rev: Annotated[
        str | None, typer.Option("--rev", metavar="REVISION", help="Compare A with what a git revision has of it.")
    ] = None,
    renamed: Annotated[
        list[str] | None, typer.Option("--renamed", metavar="OLD=NEW", help="A step has another id; can be repeated.")
    ] = None,
    format: Annotated[
        DiffFormat, typer.Option("--format", "-f", help="text; markdown for a pull request; json for programs.")
    ] = DiffFormat.text,
) -> None:
    """Compare two versions: what changed, who is told otherwise, and which version number that demands."""
    from kb.base import DiffError
    from kb.comparison.report import FORMATS

    if (after is None) == (rev is None):
        raise CommandError("say what to compare with: a second version or file, or --rev REVISION")
    names = dict(_rename(text) for text in renamed or ())
    base = base_of(context)
    try:
        found = base.diff(before, after, rev=rev, renamed=names)
    except DiffError as wrong:
        raise CommandError(str(wrong), wrong.found, wrong.code) from wrong
    sys.stdout.write(FORMATS[format.value](found))
    raise typer.Exit(FINE if found.enough else FINDINGS)


def _rename(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise CommandError(f"--renamed {text}: write the older and the newer id, such as --renamed bolus=give-bolus")
    return old, new
