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
    from collections.abc import Mapping

    from kb.base import Base
    from kb.site import Reports
    from kb.site.reports import ReportStore


def build(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to build into; else the one mkdocs.yml names.")
    ] = None,
    with_reports: Annotated[
        bool,
        typer.Option(
            "--reports/--no-reports",
            help="Show what holds for all patients and whom a new version tells otherwise; without: leave that out.",
        ),
    ] = True,
) -> None:
    """Build the site of the knowledge base, to be opened from the disk or put on any web server.

    Proofs and differences between versions are worked out where the solver is installed and kept in out/reports, so
    that only what has changed is worked out the next time.
    """
    from kb.diagnostics import has_errors

    base = own_base_of(context)
    site_needs(base)
    from kb.site import EmitError, site_tree
    from kb.site.build import SiteError, build_site, guard
    from kb.site.reports import ReportStore

    examined = base.examine()
    if has_errors(examined.diagnostics):
        print_diagnostics(examined.diagnostics, error=True)
        console().print("nothing was built: put the errors right first; `kb explain CODE` tells what a code means")
        raise typer.Exit(FINDINGS)
    store = ReportStore(base)
    try:
        if out is not None:
            guard(out)  # before anything is written
        store.keep_check(examined)
        worked_out = _reports(store) if with_reports else {}
        folder = build_site(base.path, site_tree(base, worked_out, progress("writing"), store.check()), out)
    except (SiteError, EmitError) as refused:
        raise CommandError(f"the site was not built:\n{refused}") from refused
    index = min(os.path.relpath(folder / "index.html"), str(folder / "index.html"), key=len)
    told = f"{count(len(base.protocols()), 'protocol')} on the site: open {index}"
    console().print(Text(told), soft_wrap=True)
    raise typer.Exit(FINE)


def _reports(store: ReportStore) -> Mapping[tuple[str, str], Reports]:
    """The reports, worked out where they are missing; without the solver those that are kept, and a word on it."""
    from kb.prover.solver import SolverMissingError

    try:
        return store.work_out(progress("working out"))
    except SolverMissingError as missing:
        console(error=True).print(
            Text(f"without new proofs and differences between versions: {missing}"), soft_wrap=True
        )
        return store.kept()


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
