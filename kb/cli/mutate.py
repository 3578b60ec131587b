"""`kb mutate`: small faults put into a protocol, and what notices each of them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from kb.cli.common import FINDINGS, FINE, CommandError, base_of, console, count, own_base_of, print_json
from kb.cli.progress import progress

if TYPE_CHECKING:
    from kb.base import Base
    from kb.mutation.report import Strength


class MutateFormat(StrEnum):
    """How the report is printed."""

    text = "text"
    json = "json"
    markdown = "markdown"


def mutate(
    context: typer.Context,
    protocols: Annotated[list[str] | None, typer.Argument(metavar="[PROTOCOL]...", help="All, if left out.")] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="CLASS",
            help="thresholds, operators, doses, times, currency, branches, guards, unknowns or citations; "
            "can be repeated.",
        ),
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", min=1, help="Draw N faults of each protocol.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Another seed draws other faults.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", metavar="J", min=1, help="Processes to work with.")] = 1,
    undecided: Annotated[bool, typer.Option("--undecided", help="List what is undecided as well.")] = False,
    save: Annotated[
        bool,
        typer.Option("--save-scenarios", help="Add the patients to scenarios/found.yaml, to be reviewed."),
    ] = False,
    format: Annotated[
        MutateFormat, typer.Option("--format", "-f", help="text, json for programs, or markdown.")
    ] = MutateFormat.text,
) -> None:
    """Put small faults into a protocol and tell which of them neither a scenario nor the check notices.

    Each that is not noticed is shown as a patient whom it would give other advice: a scenario to add.
    """
    from kb.mutation.by_scenario import BrokenScenarioError
    from kb.mutation.classes import CLASSES
    from kb.prover.solver import SolverMissingError

    for name in classes or ():
        if name not in CLASSES:
            raise CommandError(f"there is no class of faults `{name}`; there are: {', '.join(CLASSES)}")
    base = own_base_of(context) if save else base_of(context)
    ids = list(protocols or base.protocols())
    if not ids:
        raise CommandError(f"nothing was tested: no protocol in {base.protocols_path}")
    told = progress("trying") if format is MutateFormat.text else iter
    found: list[Strength] = []
    for id in ids:
        name, _, version = id.partition("@")
        program, diagnostics = base.program(name, version or None)
        if program is None:
            raise CommandError(f"`{id}` cannot be used until this is put right", diagnostics, "KB705")
        try:
            strength = base.mutate(name, version or None, classes or (), sample, seed, jobs, told)
        except (BrokenScenarioError, SolverMissingError) as wrong:
            raise CommandError(str(wrong), code=wrong.code) from wrong
        found.append(strength)
        if format is MutateFormat.text:
            _print(strength, undecided)
        if save and strength.survived:
            _save(base, strength, format is MutateFormat.text)
    if not any(strength.verdicts for strength in found):
        raise CommandError("nothing was tested: there is no fault of this class to make", code="KB706")
    match format:
        case MutateFormat.json:
            print_json([strength.to_json() for strength in found])
        case MutateFormat.markdown:
            print("\n".join(strength.markdown() for strength in found), end="")
        case MutateFormat.text:
            pass
    raise typer.Exit(FINDINGS if any(strength.survived for strength in found) else FINE)


def _save(base: Base, strength: Strength, told: bool) -> None:
    from kb.scenario_text import FILE, ScenarioTextError
    from kb.strengthening import for_faults, save

    path = base.protocols_path / strength.protocol / "scenarios" / FILE
    try:
        saved = save(for_faults(strength), strength.protocol, strength.version, path)
    except ScenarioTextError as wrong:
        raise CommandError(str(wrong), wrong.found) from wrong
    if told:
        console().print(Text(f"  {count(len(saved), 'patient')} added to {path}: to be reviewed"), soft_wrap=True)


_HEADS = {"scenario": "scenario", "lint": "check", "proof": "proof"}


def _print(strength: Strength, undecided: bool) -> None:
    from kb.mutation.report import COLUMNS, place, why

    terminal = console()
    shown = [*strength.survived, *(strength.undecided if undecided else ())]
    for verdict in shown:
        word, style = (("unnoticed  ", "bold red"), "") if verdict.patient else (("undecided  ", "yellow"), "dim")
        terminal.print(Text.assemble(word, (verdict.mutant.owner, "bold"), f"  {verdict.mutant.told}"), soft_wrap=True)
        terminal.print(Text(f"           {place(verdict)}", "dim"), soft_wrap=True)
        for line in why(verdict):
            terminal.print(Text(f"           {line}", style), soft_wrap=True)
    head = Text.assemble((f"{strength.protocol} {strength.version}: ", "bold"), strength.summary())
    head.stylize("red" if strength.survived else "green", len(strength.protocol) + len(strength.version) + 3)
    terminal.print(head, soft_wrap=True)
    heads = [_HEADS.get(name, name) for name in COLUMNS]
    terminal.print(Text(f"  {'':<11}" + "".join(f"{name:>12}" for name in heads), "dim"), soft_wrap=True)
    for kind, of in strength.counts().items():
        terminal.print(Text(f"  {kind:<11}" + "".join(f"{of[name]:>12}" for name in COLUMNS)), soft_wrap=True)
