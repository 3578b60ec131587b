"""What the commands share: options, finding a base and a protocol, reading a chart, printing."""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from kb.base import Base
    from kb.diagnostics import Diagnostic
    from kb.generator.bedside import Line
    from kb.interpreter import Guideline
    from kb.program import Program
    from kb.report import Report

FINE, FINDINGS, COULD_NOT_RUN = 0, 1, 2

_STYLES = {
    "plain": "",
    "head": "bold",
    "draft": "bold yellow",
    "now": "bold red",
    "warn": "yellow",
    "dose": "bold cyan",
    "title": "bold",
    "label": "dim",
    "quiet": "dim",
    "good": "green",
    "bad": "red",
}


class Format(StrEnum):
    """How an answer is printed."""

    text = "text"
    json = "json"


class ReportFormat(StrEnum):
    """How findings are printed: the formats of `kb.report`."""

    text = "text"
    json = "json"
    sarif = "sarif"
    github = "github"
    junit = "junit"


class Requirement(StrEnum):
    """What a protocol must be to be run."""

    approved = "approved"


class CommandError(Exception):
    """The command could not run; the text is for its user. `found` is told before it."""

    def __init__(self, message: str, found: Iterable[Diagnostic] = (), code: str = "") -> None:
        super().__init__(message)
        self.found = tuple(found)
        self.code = code


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="text, or json for programs.")]
ReportFormatOption = Annotated[
    ReportFormat,
    typer.Option("--format", "-f", help="text; json, sarif, github (workflow commands) or junit for programs."),
]
ReportsOption = Annotated[
    list[str] | None,
    typer.Option("--report", metavar="FORMAT=FILE", help="Write a report to a file as well; can be repeated."),
]
ChartOption = Annotated[
    str,
    typer.Option("--chart", "-c", metavar="FILE", help="The patient's chart, JSON; - reads it from standard input."),
]
AtOption = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="Time of the advice, ISO 8601 with offset; now if left out.")
]
LocalOption = Annotated[
    Path | None,
    typer.Option("--local", metavar="FILE", help="Local settings (YAML or JSON); else local.yaml of the base."),
]
CareAreaOption = Annotated[
    str | None, typer.Option("--care-area", metavar="AREA", help="Care area of the patient, as local.yaml names it.")
]
RequireOption = Annotated[
    Requirement | None,
    typer.Option("--require", help="`approved`: refuse whatever people have not approved for this time."),
]
ProtocolArgument = Annotated[str, typer.Argument(metavar="PROTOCOL", help="Id, id@version, or a file.")]


def open_base(folder: str | Path) -> Base:
    """The knowledge base in `folder`."""
    from kb.base import Base

    return Base(folder)


def base_of(context: typer.Context) -> Base:
    """The knowledge base asked for, the one the user stands in, or the shipped one."""
    from kb.folders import default_base

    folder = _own_folder(context)
    if folder is None:
        _tell_shipped(context)
    return open_base(folder or default_base())


def _tell_shipped(context: typer.Context) -> None:
    """Who stands in another folder than meant must see that no hospital's settings count here; told once."""
    if not context.meta.get("kb.shipped"):
        context.meta["kb.shipped"] = True
        told = "no knowledge base here or above; the shipped protocols are used, without local settings"
        Console(stderr=True, highlight=False).print(Text.assemble(("kb: ", "bold"), told), soft_wrap=True)


def own_base_of(context: typer.Context) -> Base:
    """The knowledge base asked for or stood in: one that may be written to, never the shipped one."""
    folder = _own_folder(context)
    if folder is None:
        raise CommandError(
            f"{Path.cwd()} is not in a knowledge base: no folder protocols/library here or above\n"
            "    make one with `kb init DIR`, or name one: `kb --base DIR ...`"
        )
    return open_base(folder)


def _own_folder(context: typer.Context) -> Path | None:
    from kb.folders import find_base

    given: Path | None = context.obj
    if given is not None:
        if not (given / "protocols").is_dir():
            raise CommandError(
                f"{given} is not a knowledge base: it has no folder protocols/; `kb init {given}` makes one"
            )
        return given
    found = find_base()
    return found.path if found.own else None


def guideline_of(base: Base, protocol: str, patient: bool = False, require: str | None = None) -> Guideline:
    """The protocol ready to run; where it has errors they are printed, and nothing runs.

    For a `patient`, a version that was approved is the Program that was stored then, not what its files say now; where
    that is required (`require`) and no version is named, it is the latest approved one.
    """
    from kb.base import compile_file
    from kb.interpreter import Guideline, NotApprovedError
    from kb.store import LoadError, load_program, stored_program

    if protocol.endswith(".json"):
        try:
            return load_program(protocol)
        except LoadError as wrong:
            raise CommandError(str(wrong), code=wrong.code) from wrong
    if protocol.endswith((".yaml", ".yml")):
        program, found = compile_file(Path(protocol))
    else:
        id, _, version = protocol.partition("@")
        try:
            kept = stored_program(base.path, id, version or None, require) if patient else None
        except (LoadError, NotApprovedError) as wrong:
            raise CommandError(str(wrong), code=wrong.code) from wrong
        program, found = (kept, ()) if kept is not None else base.program(id, version or None)
    if program is None:
        raise CommandError(f"`{protocol}` cannot be used until this is put right", found, "KB705")
    return Guideline(program)


def patient_of(
    context: typer.Context,
    protocol: str,
    chart: str,
    at: str | None,
    local: Path | None,
    care_area: str | None = None,
    lenient: bool = False,
    require: str | None = None,
) -> tuple[Guideline, Any, datetime | None, Mapping[str, Any] | None]:
    """Guideline, chart, time and local settings of one question."""
    from kb.chart import parse_time

    guideline = guideline_of(base_of(context), protocol, patient=True, require=require)
    data = read_chart(chart)
    now: datetime | None = None
    if at is not None:
        try:
            now = parse_time(at)
        except ValueError as wrong:
            raise CommandError(f"--at: {wrong}") from wrong
    elif isinstance(data, dict) and "entries" in data:
        now = datetime.now(UTC)
    settings = local_of(context, guideline.program, local, care_area, lenient)
    return guideline, data, now, settings


def read_chart(name: str) -> Any:
    """The JSON of a chart; a key that stands twice is refused, numbers stay exact."""
    source = "standard input" if name == "-" else name
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else "it is not UTF-8 text"
        raise CommandError(f"cannot read the chart {source}: {reason}") from failed

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in pairs:
            if key in made:
                raise CommandError(f"the chart {source} says `{key}` twice")
            made[key] = value
        return made

    def refuse(word: str) -> NoReturn:
        raise CommandError(f"the chart {source} has the number {word}")

    try:
        return json.loads(text, object_pairs_hook=once, parse_float=Decimal, parse_constant=refuse)
    except json.JSONDecodeError as wrong:
        place = f"line {wrong.lineno}, column {wrong.colno}"
        raise CommandError(f"the chart {source} is not JSON: {wrong.msg} at {place}") from wrong
    except (RecursionError, ValueError) as wrong:
        raise CommandError(
            f"the chart {source} cannot be read: it is nested too deeply or has too long a number"
        ) from wrong


def local_of(
    context: typer.Context, program: Program, path: Path | None, care_area: str | None = None, lenient: bool = False
) -> Mapping[str, Any] | None:
    """Local settings for `program`: of the file named, else of the base's local.yaml, else none; with the care area
    that is named. What is wrong with them is told as faults of that file, not of the patient's chart.
    """
    from kb.diagnostics import Severity, has_errors
    from kb.loader.plain import LocalDef, load_local
    from kb.local_check import check_local_for

    file = path or base_of(context).path / "local.yaml"
    loaded: LocalDef | None = LocalDef()
    found: Sequence[Diagnostic] = ()
    if path is not None or file.exists():
        loaded, found = load_local(file)
        if loaded is not None and not has_errors(found):
            found = tuple(check_local_for(loaded, program))
            if lenient and not any(check_local_for(loaded, program, lenient)):
                print_diagnostics(found, error=True)  # they count as not set, which the advice says by name only
                found = ()
    if loaded is None or has_errors(found):
        told = f"the local settings in {file} cannot be used: put right what is listed above; nothing was advised"
        code = next(item.code for item in found if item.severity is Severity.ERROR)
        raise CommandError(told, found, code)
    settings = loaded.settings
    if care_area is not None:
        areas = [str(area) for area in settings.get("care_areas") or ()]
        if care_area not in areas:
            known = f"{file} has: {', '.join(areas)}" if areas else f"{file} has none"
            raise CommandError(f"--care-area: {unknown(care_area, 'care area', areas)}; {known}")
        settings = {**settings, "care_area": care_area}
    return settings or None


def answered(call: Any) -> Any:
    """The answer of the interpreter; what it refuses becomes words."""
    from kb.chart import ChartError
    from kb.interpreter import NotApprovedError, WithdrawnError

    try:
        return call()
    except ChartError as refused:
        lines = "\n".join(f"  {refusal}" for refusal in refused.refusals)
        raise CommandError(f"the chart was refused, nothing was advised:\n{lines}", code=refused.code) from refused
    except (WithdrawnError, NotApprovedError) as refused:
        raise CommandError(str(refused), code=refused.code) from refused


def unknown(name: str, what: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(names), n=1)
    return f"no {what} `{name}`" + (f"; did you mean `{near[0]}`?" if near else "")


def count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


# ---------------------------------------------------------------- printing


def console(error: bool = False) -> Console:
    return Console(stderr=error, highlight=False, markup=False, emoji=False)


_SPELT = {
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "×": "x",
    "→": "->",
    "·": "-",
    "—": "-",
    "–": "-",
    "…": "...",
    "µ": "u",
    "²": "2",
}


def spell_what_can_be_shown() -> str:
    """The name of an error handler for output: a sign that its encoding lacks is spelt with letters that it has.

    A threshold whose `≥` became a question mark would say nothing; what has no such spelling becomes one.
    """

    def spell(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeEncodeError)
        lacking = error.object[error.start : error.end]
        return "".join(_SPELT.get(letter, "?") for letter in lacking), error.end

    codecs.register_error("kb-spelt", spell)
    return "kb-spelt"


def print_json(data: Any) -> None:
    json.dump(data, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def print_lines(lines: Iterable[Line]) -> None:
    """On a terminal with colours, wrapped with hanging indents; else one plain line each."""
    terminal = console()
    if not terminal.is_terminal:
        for line in lines:
            sys.stdout.write(line.text.rstrip() + "\n")
        return
    for line in lines:
        text = Text.assemble(*((span.text, _STYLES[span.style]) for span in line.spans))
        first = " " * line.indent
        wrapped = Text(first).append_text(text).wrap(terminal, max(terminal.width - line.hang, 20))
        for number, part in enumerate(wrapped):
            part.rstrip()
            lead = "" if number == 0 else " " * line.hang
            terminal.print(Text(lead).append_text(part), soft_wrap=True)


def print_diagnostics(found: Iterable[Diagnostic], error: bool = False) -> None:
    from kb.report import render_text

    stream = sys.stderr if error else sys.stdout
    colour = stream.isatty() and "NO_COLOR" not in os.environ
    told = render_text(found, colour=colour)
    stream.write(told + ("\n" if told else ""))


# ---------------------------------------------------------------- reports


def report_targets(wanted: Iterable[str] | None) -> dict[Path, ReportFormat]:
    """The files and formats of `--report FORMAT=FILE`."""
    made: dict[Path, ReportFormat] = {}
    for each in wanted or ():
        name, equals, file = each.partition("=")
        if not equals or not file:
            raise CommandError(f"--report {each}: write a format and a file, such as --report sarif=kb.sarif")
        if name not in list(ReportFormat):
            raise CommandError(f"--report: {unknown(name, 'format', list(ReportFormat))}")
        made[Path(file)] = ReportFormat(name)
    return made


def write_reports(report: Report, targets: Mapping[Path, ReportFormat]) -> None:
    from kb.report import FORMATS

    for path, format in targets.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FORMATS[format](report), encoding="utf-8", errors="replace", newline="\n")


def print_report(report: Report, format: ReportFormat) -> None:
    from kb.report import FORMATS

    sys.stdout.write(FORMATS[format](report))


def refuse(refused: CommandError, format: str | None = None, reports: Iterable[str] | None = None) -> NoReturn:
    """Say why the command could not run, on standard error and in the formats asked for, and exit with 2."""
    from kb.report import FORMATS, Refusal, report_of

    report = report_of(refused.found, refusal=Refusal(str(refused), refused.code))
    if format in FORMATS and format != ReportFormat.text:
        sys.stdout.write(FORMATS[format](report))
    elif refused.found:
        print_diagnostics(refused.found, error=True)
    with suppress(CommandError, OSError):  # a file that cannot be written may be what is being told
        write_reports(report, report_targets(reports))
    told = Text.assemble(("kb: ", "bold red"), str(refused))
    Console(stderr=True, highlight=False).print(told, soft_wrap=True)
    sys.exit(COULD_NOT_RUN)
