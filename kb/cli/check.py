"""`kb check`: everything wrong with a knowledge base."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    unknown,
    write_reports,
)
from kb.cli.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kb.base import Base
    from kb.diagnostics import Diagnostic


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
    save: Annotated[
        list[str] | None,
        typer.Option(
            "--save-scenario",
            metavar="CODE:NAME",
            help="Write the patient of a finding, such as KB440:pressure, as a worked patient; can be repeated.",
        ),
    ] = None,
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
        ids_of_patients = list(dict.fromkeys(item.example.id for item in found if item.example is not None))
        if ids_of_patients and not save:
            told = f"`--save-scenario {ids_of_patients[0]}` writes the patient of a finding as a worked patient"
            terminal.print(Text(told, "dim"), soft_wrap=True)
    for wanted in save or ():
        _save(base, wanted, (*found, *accepted))
    raise typer.Exit(FINE if all_notes(found) else FINDINGS if checked else COULD_NOT_RUN)


def _save(base: Base, wanted: str, found: Iterable[Diagnostic]) -> None:
    """Write the patient of the finding `wanted`, CODE:NAME, beside the protocol that it was found in."""
    from kb.codes import CODES
    from kb.interpreter import Guideline
    from kb.prover.patient import Patient
    from kb.scenario_text import FILE, ScenarioTextError, append_scenario

    shown = {item.example.id: (item, item.example) for item in found if item.example is not None}
    if wanted not in shown:
        have = f"; there are: {', '.join(shown)}" if shown else "; no finding shows a patient"
        raise CommandError(f"--save-scenario: {unknown(wanted, 'finding', shown)}{have}")
    item, example = shown[wanted]
    file = Path(example.file)
    program = base.compile(file)[0]
    assert program is not None, "what was found in all patients was found in a Program"
    chart, local, now = dict(example.chart), dict(example.parameters), datetime.fromisoformat(example.now)
    settings = {"parameters": local} if local else {}
    patient = Patient(chart, settings, now, Guideline(program).advise(chart, now, local=settings))
    name = wanted.partition(":")[2].replace("_", "-").replace(".", "-")
    path = file.parent / "scenarios" / FILE
    title = f"{CODES[item.code].name.replace('-', ' ').capitalize()} in {wanted.partition(':')[2]}"
    try:
        saved = append_scenario(path, program.id, program.version, f"{CODES[item.code].name}-{name}", title, patient)
    except ScenarioTextError as refused:
        raise CommandError(f"--save-scenario: {refused}", refused.found) from refused
    except OSError as failed:
        raise CommandError(f"--save-scenario: cannot write {path}: {failed.strerror}") from failed
    told = (
        f"wrote `{saved.scenario}` to {saved.path}: it expects what advice says now; correct it to what it should say"
    )
    console().print(Text(told), soft_wrap=True)


def _day(at: str | None) -> str:
    """The day asked for, or today: below the command line nothing reads a clock."""
    try:
        return date.today().isoformat() if at is None else date.fromisoformat(at).isoformat()
    except ValueError:
        raise CommandError(f"there is no date `{at}`: write year-month-day, like 2026-01-27") from None
