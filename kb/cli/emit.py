"""`kb emit`: the site as a plain tree, for whatever builds HTML from Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from kb.cli.common import FINE, CommandError, console, count, own_base_of
from kb.cli.progress import progress


def emit(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to write to; else out/tree in the base.")
    ] = None,
) -> None:
    """Write the site as plain Markdown, SVG and JSON: what `kb build` then hands to MkDocs.

    Shows the reports that an earlier `kb build` has kept in out/reports and works none out.
    """
    from kb.site import EmitError, site_tree
    from kb.site.emit import TREE
    from kb.site.reports import ReportStore

    base = own_base_of(context)
    folder, store = out or base.path / TREE, ReportStore(base)
    try:
        tree = site_tree(base, store.kept(), progress("writing"), store.check())
        changed = tree.write(folder)
    except EmitError as refused:
        raise CommandError(str(refused)) from refused
    told_text = f"{count(len(tree.files), 'file')} in {folder}, {len(changed)} of them new or changed"
    console().print(Text(told_text), soft_wrap=True)
    raise typer.Exit(FINE)
