"""`kb check`: everything wrong with a knowledge base."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer
from rich.text import Text

from kb.cli.common import (
    COULD_NOT_RUN,
    FINDINGS,
    FINE,
    CommandError,
    ReportFormat,
    ReportFormatOption,
    ReportsOption,
    base_of,
    console,
    count,
    own_base_of,
    print_diagnostics,
    print_report,
    report_targets,
    write_reports,
)
from kb.cli.progress import progress


def check(
    context: typer.Context,
    protocols: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROTOCOL]...", help="Ids, id@version, or files of the base; all, if left out."),
    ] = None,
    format: ReportFormatOption = ReportFormat.text,
    reports: ReportsOption = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="DATE", help="Day on which reviews and allowances are due; today if left out."),
    ] = None,
    allowed: Annotated[bool, typer.Option("--allowed", help="Print the warnings that are allowed as well.")] = False,
) -> None:
    """Check protocols, library, evidence and local.yaml; print everything that is wrong.

    Exits with 0 where there is nothing or only notes, 1 where there is an error or a warning, 2 where it could not run.
    """
    from kb.diagnostics import all_notes
    from kb.report import report_of

    targets = report_targets(reports)
    base = base_of(context) if protocols else own_base_of(context)
    named = dict.fromkeys(id for each in protocols or () for id in base.named(each))
    ids = [id for id in named if id.partition("@")[0] == id or id.partition("@")[0] not in named]
    ids = ids or list(base.protocols())
    day = _day(at)
    examined = base.examine(ids, told=progress("checking") if format is ReportFormat.text else iter, at=day)
    found, checked, accepted = examined
    if not checked and not found:
        raise CommandError(f"nothing was checked: no protocol in {base.protocols_path}", code="KB706")
    report = report_of(found, checked, allowed=accepted)
    write_reports(report, targets)
    if format is not ReportFormat.text:
        print_report(report, format)
    else:
        print_diagnostics((*found, *accepted) if allowed else found)
        terminal = console()
        more = f"; {count(len(accepted), 'warning')} allowed" if accepted else ""
        notes = f", {count(report.notes, 'note')}" if report.notes else ""
        if not all_notes(found):
            told = f"{count(report.errors, 'error')}, {count(report.warnings, 'warning')}{notes}"
            terminal.print(f"{told} in {count(len(checked), 'file')}{more}")
        else:
            told = f"{count(len(ids), 'protocol')} in {count(len(checked), 'file')}{notes}: {', '.join(ids)}{more}"
            terminal.print(Text.assemble(("fine: ", "green"), told), soft_wrap=True)
        if found:
            terminal.print(Text("`kb explain CODE` tells what a code means", "dim"))
    raise typer.Exit(FINE if all_notes(found) else FINDINGS if checked else COULD_NOT_RUN)


def _day(at: str | None) -> str:
    """The day asked for, or today: below the command line nothing reads a clock."""
    try:
        return date.today().isoformat() if at is None else date.fromisoformat(at).isoformat()
    except ValueError:
        raise CommandError(f"there is no date `{at}`: write year-month-day, like 2026-01-27") from None
