"""`kb test`: the scenarios of protocols, and what they leave untested."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.text import Text

from kb.cli.common import (
    FINDINGS,
    FINE,
    CommandError,
    ReportFormat,
    ReportsOption,
    base_of,
    console,
    count,
    guideline_of,
    own_base_of,
    print_json,
    print_report,
    report_targets,
    write_reports,
)
from kb.cli.progress import progress

if TYPE_CHECKING:
    from kb.base import Base
    from kb.coverage import Part
    from kb.report import Case
    from kb.scenarios import Result

_KINDS = {"step": "steps", "case": "cases", "status": "statuses", "rule": "rules", "threshold": "thresholds"}


def run_scenarios(
    context: typer.Context,
    protocols: Annotated[list[str] | None, typer.Argument(metavar="[PROTOCOL]...", help="All, if left out.")] = None,
    coverage: Annotated[bool, typer.Option("--coverage", help="Show what no scenario reaches.")] = False,
    generate: Annotated[
        bool,
        typer.Option("--generate", help="Propose patients for what no scenario shows, as YAML."),
    ] = False,
    save: Annotated[
        bool, typer.Option("--save", help="With --generate: add them to scenarios/found.yaml, to be reviewed.")
    ] = False,
    format: Annotated[
        ReportFormat,
        typer.Option("--format", "-f", help="text; json, github (workflow commands) or junit for programs."),
    ] = ReportFormat.text,
    reports: ReportsOption = None,
) -> None:
    """Run the scenarios of protocols; a protocol without scenarios is a failure."""
    from kb.report import report_of

    if save and not generate:
        raise CommandError("--save says where patients go that --generate proposes: give both")
    if generate:
        _generate(context, protocols, save)
        return
    targets = report_targets(reports)
    if ReportFormat.sarif in {format, *targets.values()}:
        raise CommandError("a scenario is no finding in a file: use --format junit or github, or `kb check` for SARIF")
    base = base_of(context) if protocols else own_base_of(context)
    ids = list(protocols or base.protocols())
    if not ids:
        raise CommandError(f"nothing was tested: no protocol in {base.protocols_path}")
    told = progress("testing") if format is ReportFormat.text else iter
    tested = [_tested(base, id, coverage) for id in told(ids)]
    if not any(report.results for report in tested):
        raise CommandError("nothing was tested: there are no scenarios", code="KB706")
    report = report_of((), cases=[case for each in tested for case in each.cases()])
    write_reports(report, {path: wanted for path, wanted in targets.items() if wanted is not ReportFormat.json})
    plain = [each.to_json() for each in tested]
    for path in (path for path, wanted in targets.items() if wanted is ReportFormat.json):
        path.write_text(json.dumps(plain, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    match format:
        case ReportFormat.json:
            print_json(plain)
        case ReportFormat.text:
            for each in tested:
                _print_test_report(each)
        case _:
            print_report(report, format)
    raise typer.Exit(FINDINGS if any(each.broken or not each.results for each in tested) else FINE)


def _generate(context: typer.Context, protocols: list[str] | None, save_them: bool) -> None:
    """Print, or add, a patient for each thing that no scenario of these protocols shows."""
    from kb.prover.solver import SolverMissingError
    from kb.scenario_text import FILE, ScenarioTextError
    from kb.strengthening import for_gaps, save, yaml_of

    base = own_base_of(context) if save_them else base_of(context)
    aside = Console(stderr=True, highlight=False)
    for id in protocols or base.protocols():
        name = id.partition("@")[0]
        guideline = guideline_of(base, id)
        program = guideline.program
        tested = _tested(base, f"{name}@{program.version}", False)
        if tested.broken:
            raise CommandError(
                f"scenario `{tested.broken[0].scenario.id}` fails: mend it first (`kb test {id}`)", code="KB830"
            )
        try:
            proposed, missing = for_gaps(guideline, tested.results, progress("looking for patients"))
        except SolverMissingError as wrong:
            raise CommandError(str(wrong), code=wrong.code) from wrong
        if proposed and save_them:
            try:
                path = base.protocols_path / name / "scenarios" / FILE
                save(proposed, program.id, program.version, path)
            except ScenarioTextError as wrong:
                raise CommandError(str(wrong), wrong.found) from wrong
            console().print(
                Text(f"{id}: {count(len(proposed), 'patient')} added to {path}: to be reviewed"), soft_wrap=True
            )
        elif proposed:
            print(yaml_of(proposed, program.id, program.version), end="")
        aside.print(Text(f"{id}: {count(len(proposed), 'patient')} proposed"), soft_wrap=True)
        for item in missing:
            aside.print(Text(f"  {item.what}: {item.why}", "dim"), soft_wrap=True)


class TestReport(NamedTuple):
    """What the scenarios of one protocol gave; `parts` is the coverage of each version, if it was asked for."""

    protocol: str
    results: tuple[Result, ...]
    parts: tuple[tuple[str, Part], ...]

    @property
    def broken(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.mismatches)

    @property
    def several(self) -> bool:
        """Whether more than one version was tested."""
        return len({result.scenario.version for result in self.results}) > 1

    def cases(self) -> list[Case]:
        """For a report: one for each scenario, and a failing one where there is none."""
        from kb.report import Case

        if not self.results:
            return [Case(self.protocol, "has scenarios", "protocols", failures=("a protocol without scenarios",))]
        return [
            Case(
                group=self.protocol,
                name=f"{result.scenario.id}@{result.scenario.version}" if self.several else result.scenario.id,
                file=result.scenario.span.file,
                line=result.scenario.span.line,
                failures=tuple(str(item) for item in result.mismatches),
                details="\n".join((result.scenario.title, *(str(item) for item in result.mismatches))),
            )
            for result in self.results
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        from kb.advice import to_json

        return {
            "protocol": self.protocol,
            "scenarios": [
                {
                    "id": result.scenario.id,
                    "version": result.scenario.version,
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
        raise CommandError(f"the scenarios of `{name}` cannot be run until this is put right", found)
    asked = guideline_of(base, id)
    guidelines = {asked.program.version: asked}
    ran: dict[str, list[Result]] = {}
    for scenario in scenarios:
        wanted = scenario.version or asked.program.version
        if version and wanted != version:
            continue
        if wanted not in guidelines:
            guidelines[wanted] = guideline_of(base, f"{name}@{wanted}")
        ran.setdefault(wanted, []).append(run_scenario(guidelines[wanted], scenario._replace(version=wanted)))
    parts = [
        (each, part)
        for each, results in ran.items()
        if with_coverage
        for part in coverage(guidelines[each].program, results)
    ]
    return TestReport(id, tuple(result for results in ran.values() for result in results), tuple(parts))


def _print_test_report(report: TestReport) -> None:
    terminal = console()
    if not report.results:
        told = f"{report.protocol}: a protocol without scenarios is untested"
        terminal.print(Text.assemble(("no scenarios  ", "bold red"), told))
        return
    for result in report.broken:
        scenario = result.scenario
        version = f"@{scenario.version}" if report.several else ""
        terminal.print(
            Text.assemble(("failed  ", "bold red"), (scenario.id + version, "bold"), f"  {scenario.title}"),
            soft_wrap=True,
        )
        terminal.print(Text(f"        {scenario.span.file}:{scenario.span.line}", "dim"), soft_wrap=True)
        for item in result.mismatches:
            terminal.print(Text(f"        {item}"), soft_wrap=True)
    for version in dict.fromkeys(result.scenario.version for result in report.results):
        _print_version(report, version)


def _print_version(report: TestReport, version: str) -> None:
    """How many scenarios of one version are as expected, and what they have shown of it."""
    terminal = console()
    results = [result for result in report.results if result.scenario.version == version]
    ran, broken = len(results), sum(bool(result.mismatches) for result in results)
    name = f"{report.protocol}@{version}" if report.several else report.protocol
    style = "bold red" if broken else "green"
    fine = f"{ran - broken} of {count(ran, 'scenario')} as expected"
    terminal.print(Text.assemble((f"{name}: ", "bold"), (fine, style)), soft_wrap=True)
    found = [part for each, part in report.parts if each == version]
    for kind in dict.fromkeys(part.kind for part in found):
        parts = [part for part in found if part.kind == kind]
        shown = sum(len(part.shown & part.wanted) for part in parts)
        wanted = shown + sum(len(part.missing) for part in parts)
        share = f"{100 * shown // wanted}%" if wanted else "-"
        terminal.print(Text(f"  {_KINDS.get(kind, kind):<11}{shown:>5} of {wanted:<5} {share:>4}"))
        for part in parts:
            if part.missing:
                told = f"      {part.name}: not shown {', '.join(part.missing)}"
                terminal.print(Text(told, "dim"), soft_wrap=True)
