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
) -> None:
    """Check protocols, library and evidence; print everything that is wrong."""
    from kb.report import report_of

    targets = report_targets(reports)
    base = base_of(context) if protocols else own_base_of(context)
    named = dict.fromkeys(id for each in protocols or () for id in base.named(each))
    ids = [id for id in named if id.partition("@")[0] == id or id.partition("@")[0] not in named]
    ids = ids or list(base.protocols())
    found, checked = base.check(ids, told=progress("checking") if format is ReportFormat.text else iter)
    if not checked and not found:
        raise CommandError(f"nothing was checked: no protocol in {base.protocols_path}", code="KB706")
    report = report_of(found, checked)
    write_reports(report, targets)
    if format is not ReportFormat.text:
        print_report(report, format)
    else:
        print_diagnostics(found)
        terminal = console()
        if found:
            told = f"{count(report.errors, 'error')}, {count(report.warnings, 'warning')}"
            terminal.print(f"{told} in {count(len(checked), 'file')}")
            terminal.print(Text("`kb explain CODE` tells what a code means", "dim"))
        else:
            told = f"{count(len(ids), 'protocol')} in {count(len(checked), 'file')}: {', '.join(ids)}"
            terminal.print(Text.assemble(("fine: ", "green"), told), soft_wrap=True)
    raise typer.Exit((FINDINGS if checked else COULD_NOT_RUN) if found else FINE)
