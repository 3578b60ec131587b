"""`kb build`: the site of a knowledge base."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from kb.cli.common import FINDINGS, FINE, CommandError, console, count, own_base_of, print_diagnostics
from kb.cli.progress import progress

if TYPE_CHECKING:
    from kb.base import Base


def build(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to build into; else the one mkdocs.yml names.")
    ] = None,
) -> None:
    """Build the site of the knowledge base, to be opened from the disk or put on any web server."""
    from kb.diagnostics import has_errors

    base = own_base_of(context)
    site_needs(base)
    from kb.site import EmitError, site_tree
    from kb.site.build import SiteError, build_site

    found, _ = base.check()
    if has_errors(found):
        print_diagnostics(found, error=True)
        console().print("nothing was built: put the errors right first; `kb explain CODE` tells what a code means")
        raise typer.Exit(FINDINGS)
    try:
        folder = build_site(base.path, site_tree(base, told=progress("writing")), out)
    except (SiteError, EmitError) as refused:
        raise CommandError(f"the site was not built:\n{refused}") from refused
    index = min(os.path.relpath(folder / "index.html"), str(folder / "index.html"), key=len)
    told = f"{count(len(base.protocols()), 'protocol')} on the site: open {index}"
    console().print(Text(told), soft_wrap=True)
    raise typer.Exit(FINE)


def site_needs(base: Base) -> None:
    """Refuse a base without a site, and a machine without MkDocs."""
    config = base.path / "site" / "mkdocs.yml"
    if not config.is_file():
        raise CommandError(f"{base.path} has no site: there is no {config}; `kb init` writes one with a new base")
    try:
        import kb.site.build  # noqa: F401  whether it can be imported is the question
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "mkdocs":
            raise
        raise CommandError(
            "building the site needs MkDocs, which is not installed: pip install 'guideline-kb[authoring,site]'"
        ) from missing
