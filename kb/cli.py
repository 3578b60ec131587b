"""The command line: each command turns its arguments into one call and prints the answer.

Exit codes: 0 fine; 1 something was found (a diagnostic, a failing scenario, an order not allowed);
2 the command could not run, or nothing was checked.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from kb.base import Base
    from kb.coverage import Part
    from kb.diagnostics import Diagnostic
    from kb.generator.bedside import Line
    from kb.interpreter import Guideline
    from kb.program import Program
    from kb.scenarios import Result

FINE, FINDINGS, COULD_NOT_RUN = 0, 1, 2

_KINDS = {"step": "steps", "case": "cases", "status": "statuses", "rule": "rules", "threshold": "thresholds"}
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

app = typer.Typer(
    name="kb",
    help="Clinical protocols as data: check them, run them on a patient, show them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Format(StrEnum):
    """How an answer is printed."""

    text = "text"
    json = "json"


class ShowFormat(StrEnum):
    """What `show` prints."""

    text = "text"
    dot = "dot"
    svg = "svg"
    json = "json"


class Engine(StrEnum):
    """What lays out a flowchart."""

    in_process = "in-process"
    system = "system"


class CommandError(Exception):
    """The command could not run; the text is for its user."""


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="text, or json for programs.")]
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
ProtocolArgument = Annotated[str, typer.Argument(metavar="PROTOCOL", help="Id, id@version, or a file.")]


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    base: Annotated[
        Path | None, typer.Option("--base", metavar="DIR", help="Knowledge base: the folder that holds protocols/.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version, and stop.")] = False,
) -> None:
    context.obj = base
    if version:
        import kb

        print(f"kb {kb.__version__}")
        raise typer.Exit(FINE)
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(COULD_NOT_RUN)


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line (`sys.argv` by default) and exit with its code; a user's mistake is never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show `≥` shows a question mark
    try:
        app(args=arguments, standalone_mode=True)
    except CommandError as told:
        _fail(str(told))
    except BrokenPipeError:
        # Whoever read the output had enough; nothing more can be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(COULD_NOT_RUN)
    except OSError as failed:
        _fail(f"cannot read or write {failed.filename or 'the output'}: {failed.strerror or failed}")
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "kb":
            raise
        _fail(f"`{missing.name}` is not installed; install the authoring extra: pip install 'guideline-kb[authoring]'")
    except Exception as fault:
        if os.environ.get("KB_TRACEBACK"):
            raise
        kind = f"{type(fault).__name__}: {fault}".splitlines()[0][:300]
        _fail(
            f"this is a fault of kb itself, not of your files ({kind})\n"
            "    please report it with what you ran; KB_TRACEBACK=1 shows where it happened"
        )
    sys.exit(FINE)


def _fail(message: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(Text.assemble(("kb: ", "bold red"), message), soft_wrap=True)
    sys.exit(COULD_NOT_RUN)


# ---------------------------------------------------------------- commands


@app.command()
def check(
    context: typer.Context,
    protocols: Annotated[list[str] | None, typer.Argument(metavar="[PROTOCOL]...", help="All, if left out.")] = None,
    format: FormatOption = Format.text,
) -> None:
    """Check protocols, library and evidence; print everything that is wrong."""
    base = _base(context)
    ids = list(protocols or base.protocols())
    found, checked = base.check(ids)
    if not checked and not found:
        raise CommandError(f"nothing was checked: no protocol in {base.protocols_path}")
    if format is Format.json:
        from kb.report import as_json

        _print_json(as_json(found))
    else:
        _print_diagnostics(found)
        errors = sum(item.severity.value == "error" for item in found)
        warnings = len(found) - errors
        console = _console()
        if found:
            console.print(f"{_count(errors, 'error')}, {_count(warnings, 'warning')} in {_count(checked, 'file')}")
            console.print(Text("`kb explain CODE` tells what a code means", "dim"))
        else:
            told = f"{_count(len(ids), 'protocol')} in {_count(checked, 'file')}: {', '.join(ids)}"
            console.print(Text.assemble(("fine: ", "green"), told), soft_wrap=True)
    raise typer.Exit((FINDINGS if checked else COULD_NOT_RUN) if found else FINE)


@app.command()
def advise(
    context: typer.Context,
    protocol: ProtocolArgument,
    chart: ChartOption,
    at: AtOption = None,
    local: LocalOption = None,
    lenient: Annotated[bool, typer.Option("--lenient", help="Count refused values as unknown, and list them.")] = False,
    why: Annotated[str | None, typer.Option("--why", metavar="STEP", help="Explain the state of one step.")] = None,
    format: FormatOption = Format.text,
) -> None:
    """Say what to do now for one patient: dose, reason, source, and what is still to be asked."""
    from kb.generator.bedside import advice_lines

    guideline, data, now, settings = _patient(context, protocol, chart, at, local)
    advice = _answered(lambda: guideline.advise(data, now, settings, lenient=lenient))
    if why is not None:
        try:
            explanation = advice.why(why)
        except KeyError:
            raise CommandError(_unknown(why, "step", [step.id for step in guideline.program.steps])) from None
        if format is Format.json:
            from kb.advice import to_json

            _print_json(to_json(explanation))
        else:
            _console().print(Text(str(explanation)), soft_wrap=True)
    elif format is Format.json:
        _print_json(advice.to_json())
    else:
        _print_lines(advice_lines(advice))


@app.command()
def order(
    context: typer.Context,
    protocol: ProtocolArgument,
    drug: Annotated[str, typer.Argument(metavar="DRUG", help="Id or synonym of the drug.")],
    rate: Annotated[list[str], typer.Argument(metavar="RATE...", help="Rate or amount with its unit: 0.03 units/min.")],
    chart: ChartOption,
    at: AtOption = None,
    local: LocalOption = None,
    route: Annotated[str | None, typer.Option(help="iv, im …")] = None,
    line: Annotated[str | None, typer.Option(help="first, second …")] = None,
    intent: Annotated[str | None, typer.Option(help="What the order is for.")] = None,
    salt: Annotated[str | None, typer.Option(help="Salt form the dose is stated as.")] = None,
    format: FormatOption = Format.text,
) -> None:
    """Check an order before it is carried out: allowed, challenged, refused, or cannot tell."""
    from kb.advice import to_json
    from kb.generator.bedside import verdict_lines

    guideline, data, now, settings = _patient(context, protocol, chart, at, local)
    quantity = " ".join(rate)
    attributes = {"route": route, "line": line, "intent": intent, "salt": salt}
    wanted: dict[str, Any] = {"drug": drug, _order_kind(quantity): quantity}
    wanted |= {name: value for name, value in attributes.items() if value is not None}
    verdicts = _answered(lambda: guideline.check_orders(data, [wanted], now, settings))
    if format is Format.json:
        _print_json([to_json(verdict) for verdict in verdicts])
    else:
        for verdict in verdicts:
            _print_lines(verdict_lines(verdict, guideline.program))
    raise typer.Exit(FINE if all(verdict.verdict == "allowed" for verdict in verdicts) else FINDINGS)


@app.command(name="test")
def run_scenarios(
    context: typer.Context,
    protocols: Annotated[list[str] | None, typer.Argument(metavar="[PROTOCOL]...", help="All, if left out.")] = None,
    coverage: Annotated[bool, typer.Option("--coverage", help="Show what no scenario reaches.")] = False,
    format: FormatOption = Format.text,
) -> None:
    """Run the scenarios of protocols; a protocol without scenarios is a failure."""
    base = _base(context)
    ids = list(protocols or base.protocols())
    if not ids:
        raise CommandError(f"nothing was tested: no protocol in {base.protocols_path}")
    reports = [_tested(base, id, coverage) for id in ids]
    if format is Format.json:
        _print_json([report.to_json() for report in reports])
    else:
        for report in reports:
            _print_test_report(report)
    if not any(report.results for report in reports):
        raise CommandError("nothing was tested: there are no scenarios")
    raise typer.Exit(FINDINGS if any(report.broken or not report.results for report in reports) else FINE)


class TestReport(NamedTuple):
    """What the scenarios of one protocol gave; `parts` is the coverage of each version, if it was asked for."""

    protocol: str
    results: tuple[Result, ...]
    parts: tuple[tuple[str, Part], ...]

    @property
    def broken(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.mismatches)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        from kb.advice import to_json

        return {
            "protocol": self.protocol,
            "scenarios": [
                {
                    "id": result.scenario.id,
                    "title": result.scenario.title,
                    "mismatches": [to_json(item) for item in result.mismatches],
                }
                for result in self.results
            ],
            "coverage": [
                {
                    "version": version,
                    "kind": part.kind,
                    "name": part.name,
                    "shown": sorted(part.shown & part.wanted),
                    "missing": list(part.missing),
                }
                for version, part in self.parts
            ],
        }


def _tested(base: Base, id: str, with_coverage: bool) -> TestReport:
    """Run the scenarios of one protocol, each against the version it names, else the latest."""
    from kb.coverage import coverage
    from kb.diagnostics import has_errors
    from kb.scenarios import load_scenario_files, run_scenario

    name, _, version = id.partition("@")
    scenarios, found = load_scenario_files(base.scenario_files(name))
    if has_errors(found):
        _print_diagnostics(found, error=True)
        raise CommandError(f"the scenarios of `{name}` cannot be run until this is put right")
    guidelines = {version: _guideline(base, id)}
    ran: dict[str, list[Result]] = {}
    for scenario in scenarios:
        if version and scenario.version and scenario.version != version:
            continue
        wanted = scenario.version or version
        if wanted not in guidelines:
            guidelines[wanted] = _guideline(base, f"{name}@{wanted}")
        ran.setdefault(wanted, []).append(run_scenario(guidelines[wanted], scenario))
    parts = [
        (guidelines[each].program.version, part)
        for each, results in ran.items()
        if with_coverage
        for part in coverage(guidelines[each].program, results)
    ]
    return TestReport(id, tuple(result for results in ran.values() for result in results), tuple(parts))


@app.command()
def show(
    context: typer.Context,
    protocol: ProtocolArgument,
    format: Annotated[ShowFormat, typer.Option("--format", "-f", help="text: the read-aloud list.")] = ShowFormat.text,
    engine: Annotated[Engine, typer.Option(help="in-process, or the system's Graphviz.")] = Engine.in_process,
) -> None:
    """Show a protocol: as a list to read aloud, or as a flowchart."""
    from kb.advice import to_json
    from kb.generator.readaloud import read_aloud, read_aloud_text

    program = _guideline(_base(context), protocol).program
    match format:
        case ShowFormat.text:
            sys.stdout.write(read_aloud_text(program))
        case ShowFormat.json:
            _print_json(to_json(read_aloud(program)))
        case ShowFormat.dot:
            from kb.generator.diagram import dot_source

            sys.stdout.write(dot_source(program))
        case ShowFormat.svg:
            from kb.generator.render import RenderingError, render_svg

            try:
                sys.stdout.write(render_svg(program, engine.value))
            except RenderingError as failed:
                raise CommandError(str(failed)) from failed


@app.command(name="compile")
def compile_(
    context: typer.Context,
    protocols: Annotated[list[str] | None, typer.Argument(metavar="[PROTOCOL]...", help="All, if left out.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE|DIR", help="A .json file for one protocol, or a folder."),
    ] = None,
) -> None:
    """Compile protocols to Programs, the JSON that `kb.load_program` reads."""
    base = _base(context)
    ids = list(protocols or base.protocols())
    if not ids:
        raise CommandError(f"nothing was compiled: no protocol in {base.path}")
    programs = [_guideline(base, id).program for id in ids]
    if output is None:
        if len(programs) > 1:
            raise CommandError("name one protocol, or a folder with --output")
        sys.stdout.write(_program_text(programs[0]))
        return
    one_file = output.suffix == ".json" and not output.is_dir()
    if one_file and len(programs) > 1:
        raise CommandError(
            f"{output} is one file, and there are {len(programs)} protocols; name a folder, or one protocol"
        )
    folder = output.parent if one_file else output
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for program in programs:
            path = output if one_file else output / f"{program.id}@{program.version}.json"
            path.write_text(_program_text(program), encoding="utf-8")
            _console().print(Text(str(path)), soft_wrap=True)
    except OSError as error:
        raise CommandError(f"cannot write {error.filename}: {error.strerror}") from error


@app.command()
def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="KB301, or a part of a name; all, if left out.")
    ] = None,
    format: FormatOption = Format.text,
) -> None:
    """Tell what a diagnostic code means, why it matters, and what to do."""
    from kb.codes import CODES

    if code is None:
        if format is Format.json:
            _print_json(
                [
                    {"code": key, "name": item.name, "severity": item.severity.value, "title": item.title}
                    for key, item in sorted(CODES.items())
                ]
            )
            return
        for key, item in sorted(CODES.items()):
            _console().print(Text.assemble((key, "bold"), f"  {item.severity.value:<7}  {item.title}"), soft_wrap=True)
        return
    wanted = code.upper()
    wanted = next((key for key, item in CODES.items() if item.name == code), wanted)
    page = Path(__file__).parent / "explain" / f"{wanted}.md"
    if wanted not in CODES or not page.is_file():
        raise CommandError(_unknown(code, "code", [*CODES, *(item.name for item in CODES.values())]))
    text = page.read_text(encoding="utf-8")
    if format is Format.json:
        item = CODES[wanted]
        _print_json(
            {"code": wanted, "name": item.name, "severity": item.severity.value, "title": item.title, "page": text}
        )
    elif sys.stdout.isatty():
        from rich.markdown import Markdown

        _console().print(Markdown(text))
    else:
        sys.stdout.write(text)


# ---------------------------------------------------------------- what commands share


def _base(context: typer.Context) -> Base:
    """The knowledge base asked for, the one the user stands in, or the shipped one."""
    from kb.base import Base, default_base

    given: Path | None = context.obj
    if given is not None:
        if not (given / "protocols").is_dir():
            raise CommandError(f"{given} is not a knowledge base: it has no folder protocols/")
        return Base(given)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "protocols" / "library").is_dir():
            return Base(os.path.relpath(folder))  # places in messages stay short
    return Base(default_base())


def _guideline(base: Base, protocol: str) -> Guideline:
    """The protocol ready to run; where it has errors they are printed, and nothing runs."""
    from kb.base import compile_file
    from kb.interpreter import Guideline
    from kb.store import LoadError, load_program

    if protocol.endswith(".json"):
        try:
            return load_program(protocol)
        except LoadError as wrong:
            raise CommandError(str(wrong)) from wrong
    if protocol.endswith((".yaml", ".yml")):
        program, found = compile_file(Path(protocol))
    else:
        id, _, version = protocol.partition("@")
        program, found = base.program(id, version or None)
    if program is None:
        _print_diagnostics(found, error=True)
        raise CommandError(f"`{protocol}` cannot be used until this is put right")
    return Guideline(program)


def _patient(
    context: typer.Context, protocol: str, chart: str, at: str | None, local: Path | None
) -> tuple[Guideline, Any, datetime | None, Mapping[str, Any] | None]:
    """Guideline, chart, time and local settings of one question."""
    from kb.chart import parse_time

    guideline = _guideline(_base(context), protocol)
    data = _read_chart(chart)
    now: datetime | None = None
    if at is not None:
        try:
            now = parse_time(at)
        except ValueError as wrong:
            raise CommandError(f"--at: {wrong}") from wrong
    elif isinstance(data, dict) and "entries" in data:
        now = datetime.now(UTC)
    return guideline, data, now, _local(context, local)


def _read_chart(name: str) -> Any:
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


def _local(context: typer.Context, path: Path | None) -> Mapping[str, Any] | None:
    """Local settings: of the file named, else of the base's local.yaml, else none."""
    from kb.diagnostics import has_errors
    from kb.loader import load_local

    settings: Mapping[str, Any] = {}
    found: Sequence[Diagnostic]
    if path is None:
        settings, found = _base(context).local()
    else:
        loaded, found = load_local(path)
        if loaded is not None:
            settings = {"parameters": loaded.parameters, "concentrations": loaded.concentrations}
    if has_errors(found):
        _print_diagnostics(found, error=True)
        raise CommandError("the local settings cannot be used until this is put right")
    return settings or None


def _answered(call: Any) -> Any:
    """The answer of the interpreter; what it refuses becomes words."""
    from kb.chart import ChartError
    from kb.interpreter import WithdrawnError

    try:
        return call()
    except ChartError as refused:
        lines = "\n".join(f"  {refusal}" for refusal in refused.refusals)
        raise CommandError(f"the chart was refused, nothing was advised:\n{lines}") from refused
    except WithdrawnError as withdrawn:
        raise CommandError(str(withdrawn)) from withdrawn


def _order_kind(quantity: str) -> str:
    """Whether an order states a rate (its unit ends in a time) or an amount."""
    return "rate" if re.search(r"/\s*(s|min|h|hr|hour|hours|day|d)\b", quantity) else "amount"


def _unknown(name: str, what: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(names), n=1)
    return f"no {what} `{name}`" + (f"; did you mean `{near[0]}`?" if near else "")


def _program_text(program: Program) -> str:
    from kb.codec import program_file

    return json.dumps(program_file(program), ensure_ascii=False, indent=1) + "\n"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


# ---------------------------------------------------------------- printing


def _print_test_report(report: TestReport) -> None:
    console = _console()
    if not report.results:
        told = f"{report.protocol}: a protocol without scenarios is untested"
        console.print(Text.assemble(("no scenarios  ", "bold red"), told))
        return
    for result in report.broken:
        scenario = result.scenario
        console.print(
            Text.assemble(("failed  ", "bold red"), (scenario.id, "bold"), f"  {scenario.title}"), soft_wrap=True
        )
        console.print(Text(f"        {scenario.span.file}:{scenario.span.line}", "dim"), soft_wrap=True)
        for item in result.mismatches:
            console.print(Text(f"        {item}"), soft_wrap=True)
    count, broken = len(report.results), len(report.broken)
    fine = f"{count - broken} of {_count(count, 'scenario')} as expected"
    style = "bold red" if broken else "green"
    console.print(Text.assemble((f"{report.protocol}: ", "bold"), (fine, style)), soft_wrap=True)
    for kind in dict.fromkeys(part.kind for _, part in report.parts):
        parts = [part for _, part in report.parts if part.kind == kind]
        shown = sum(len(part.shown & part.wanted) for part in parts)
        wanted = shown + sum(len(part.missing) for part in parts)
        share = f"{100 * shown // wanted}%" if wanted else "-"
        console.print(Text(f"  {_KINDS.get(kind, kind):<11}{shown:>5} of {wanted:<5} {share:>4}"))
        for part in parts:
            if part.missing:
                told = f"      {part.name}: not shown {', '.join(part.missing)}"
                console.print(Text(told, "dim"), soft_wrap=True)


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def _print_json(data: Any) -> None:
    json.dump(data, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def _print_lines(lines: Iterable[Line]) -> None:
    """On a terminal with colours, wrapped with hanging indents; else one plain line each."""
    console = _console()
    if not console.is_terminal:
        for line in lines:
            sys.stdout.write(line.text.rstrip() + "\n")
        return
    for line in lines:
        text = Text.assemble(*((span.text, _STYLES[span.style]) for span in line.spans))
        first = " " * line.indent
        wrapped = Text(first).append_text(text).wrap(console, max(console.width - line.hang, 30))
        for number, part in enumerate(wrapped):
            part.rstrip()
            lead = "" if number == 0 else " " * line.hang
            console.print(Text(lead).append_text(part), soft_wrap=True)


def _print_diagnostics(found: Iterable[Diagnostic], error: bool = False) -> None:
    from kb.report import render_text

    stream = sys.stderr if error else sys.stdout
    colour = stream.isatty() and "NO_COLOR" not in os.environ
    told = render_text(found, colour=colour)
    stream.write(told + ("\n" if told else ""))
