"""`kb try`: a protocol looked at again each time it is saved."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.text import Text

from kb.cli.common import (
    FINDINGS,
    FINE,
    CommandError,
    ProtocolArgument,
    base_of,
    console,
    count,
    open_base,
    print_diagnostics,
)
from kb.watching import changed, settled, snapshot

if TYPE_CHECKING:
    from kb.base import Base
    from kb.comparison.trial import Change, LineChange, ScenarioChange, Trial
    from kb.diagnostics import Diagnostic
    from kb.local import Local
    from kb.program import Program
    from kb.scenarios import Result

_POLL = 0.1  # seconds between looks at the times of the files
_SHOWN = 8  # scenarios whose advice changed that are told in full, without --all
_STYLES = {"+": "green", "-": "red", "~": "yellow"}


def try_(
    context: typer.Context,
    protocol: ProtocolArgument,
    once: Annotated[
        bool, typer.Option("--once", help="Look once, compare with what was committed last (git), and stop.")
    ] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="REVISION", help="Compare with a git revision first.")
    ] = None,
    whole: Annotated[bool, typer.Option("--all", help="The whole list and every scenario, not only changes.")] = False,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Where to draw the flowchart; else a temporary folder.")
    ] = None,
) -> None:
    """Watch a protocol: on each save the verdict, what changed for readers and worked patients, the chart."""
    target = _target(context, protocol)
    if svg is not None and svg.resolve().is_relative_to((target.base / "protocols").resolve()):
        raise CommandError(f"{svg} is in the knowledge base; draw the chart somewhere else")
    if svg is None:
        name = f"{target.file.parent.name}.svg" if target.file.stem[:1].isdigit() else f"{target.file.stem}.svg"
        svg = Path(tempfile.mkdtemp(prefix="kb-try-")) / name
    bench = _Bench(target, svg, whole)
    revision = since or ("HEAD" if once else None)
    if revision is not None:
        bench.begin_with(_committed(bench, revision, named=since is not None), revision)
    seen = snapshot(target.files())
    fine = bench.look(())
    if once:
        raise typer.Exit(FINE if fine else FINDINGS)
    console().print(Text(f"watching {target.file} and what it rests on; Ctrl-C ends", "dim"), soft_wrap=True)
    try:
        while True:
            time.sleep(_POLL)
            if changed(seen, snapshot(target.files())):
                before, seen = seen, settled(target.files)
                bench.look(changed(before, seen))
    except KeyboardInterrupt:
        raise typer.Exit(FINE) from None


# ---------------------------------------------------------------- what is watched


class _Target(NamedTuple):
    """A protocol file and the base whose library it is read with."""

    base: Path
    file: Path

    def files(self) -> Iterator[Path]:
        """Everything that the verdict rests on, as far as it is there."""
        yield self.base / "local.yaml"
        for folder in (self.file.parent, self.file.parent / "scenarios", self.base / "protocols" / "library"):
            yield from folder.glob("*.yaml")


def _target(context: typer.Context, protocol: str) -> _Target:
    from kb.folders import default_base

    if protocol.endswith((".yaml", ".yml")):
        file = Path(protocol)
        if not file.is_file():
            raise CommandError(f"there is no file {file}")
        above = (folder for folder in file.resolve().parents if (folder / "protocols" / "library").is_dir())
        base = context.obj or next(above, default_base())
        return _Target(Path(os.path.relpath(base)), Path(os.path.relpath(file)))
    opened = base_of(context)
    id, _, version = protocol.partition("@")
    found = opened.file(id, version or None)
    if found is None:
        raise CommandError(f"there is no protocol `{protocol}`", opened.program(id, version or None)[1], "KB703")
    return _Target(opened.path, found)


# ---------------------------------------------------------------- one look


class _Bench:
    """What was seen last: each look is compared with the last state that was without errors."""

    def __init__(self, target: _Target, svg: Path, whole: bool) -> None:
        self.target, self.svg, self.whole = target, svg, whole
        self.base: Base = open_base(target.base)
        self.first: Trial | None = None
        self.last: Trial | None = None
        self.ran: dict[int, Result] = {}
        self.drawn: tuple[Program, Local] | None = None

    def begin_with(self, trial: Trial | None, revision: str) -> None:
        """Compare the first look with `trial`."""
        told = f"compared with {revision}" if trial is not None else f"nothing at {revision} to compare with"
        console().print(Text(told, "dim"), soft_wrap=True)
        self.first = self.last = trial

    def look(self, changed: list[Path] | tuple[Path, ...]) -> bool:
        """Read what changed, tell the verdict and what is other; whether all is fine."""
        from kb.comparison.trial import compare
        from kb.diagnostics import all_notes, has_errors

        began = time.perf_counter()
        for path in changed:
            self.base.forget(path)
        found = self.base.findings(self.target.file)
        if changed:
            names = ", ".join(sorted({path.name for path in changed}))
            console().print(Text(f"\n{datetime.now():%H:%M:%S}  {names}", "bold"), soft_wrap=True)
        print_diagnostics(found)
        program, _ = self.base.compile(self.target.file)
        if program is None or has_errors(found):
            kept = "; the next good state is compared with the last one" if self.last is not None else ""
            self._verdict("not yet", f"{_counted(found)}{kept}", "bold red")
            self._took(began)
            return False
        trial = self._trial(program)
        fine = all_notes(found) and not trial.failing
        steps = sum(not step.part_of for step in trial.program.steps)
        passed = len(trial.scenarios) - len(trial.failing)
        told = f"{count(steps, 'step')}; {passed} of {count(len(trial.scenarios), 'scenario')} as expected"
        if found:
            told += f"; {_counted(found)}"
        self._verdict("fine" if fine else "look", told, "green" if fine else "bold yellow")
        if self.last is not None:
            change = compare(self.last, trial)
            back = self.first is not None and not change.nothing and compare(self.first, trial).nothing
            self._tell(change, back)
        if self.whole:
            for name, lines in trial.parts.items():
                console().print(Text.assemble((f"  [{name}] ", "dim"), lines[0]), soft_wrap=True)
                for line in lines[1:]:
                    console().print(Text(f"      {line}"), soft_wrap=True)
        self.first = self.first or trial
        self.last = trial
        self._draw(trial.program, self.settled(trial.program))
        self._took(began)
        return fine

    def settled(self, program: Program) -> Local:
        """What the base has settled for `program`, as far as it can be used; what is wrong with it was told."""
        from kb.local import read_local

        return read_local(program, self.base.local()[0])

    def _trial(self, program: Program) -> Trial:
        """The scenarios run, those of an unchanged protocol that did not change themselves only once."""
        from kb.comparison.trial import trial_of
        from kb.interpreter import Guideline
        from kb.scenarios import run_scenario

        if self.last is not None and self.last.program == program:
            program = self.last.program
        else:
            self.ran = {}
        guideline = Guideline(program)
        version = program.version
        scenarios = [
            each
            for file in self.base.scenario_files_of(self.target.file)
            for each in self.base.scenarios(file)[0]
            if each.version in ("", version)
        ]
        self.ran = {id(each): self.ran.get(id(each)) or run_scenario(guideline, each) for each in scenarios}
        return trial_of(program, self.ran.values(), self.settled(program))

    def _draw(self, program: Program, local: Local) -> None:
        from kb.generator.render import RenderingError, render_svg

        if (program, local) == self.drawn and self.svg.is_file():
            told = f"  chart  {self.svg} (as it was)"
        else:
            try:
                picture = render_svg(program, local=local)
            except RenderingError as failed:
                console().print(Text(f"  no chart: {failed}", "red"), soft_wrap=True)
                return
            self.svg.parent.mkdir(parents=True, exist_ok=True)
            beside = self.svg.with_name(f".{self.svg.name}.{os.getpid()}")
            beside.write_text(picture, encoding="utf-8")
            beside.replace(self.svg)  # whoever shows it never sees half of it
            self.drawn = (program, local)
            told = f"  chart  {self.svg}"
        console().print(Text(told), soft_wrap=True)

    # -------------------------------------------------------------- telling

    def _verdict(self, word: str, told: str, style: str) -> None:
        console().print(Text.assemble((f"{word}: ", style), told), soft_wrap=True)

    def _took(self, began: float) -> None:
        console().print(Text(f"  ({time.perf_counter() - began:.2f} s)", "dim"))
        sys.stdout.flush()

    def _tell(self, change: Change, back: bool) -> None:
        terminal = console()
        if back:
            terminal.print(Text("  back to where you began", "green"))
            return
        if change.nothing:
            terminal.print(Text("  nothing changed in what it says or does", "dim"))
            return
        told = f"{count(change.steps, 'step')} changed" if change.steps else "no step changed"
        terminal.print(Text(f"  {told}", "bold"))
        for part in change.parts:
            head = (f"  {part.mark} [{part.name}] ", _STYLES[part.mark])
            terminal.print(Text.assemble(head, part.head), soft_wrap=True)
            for line in part.lines:
                self._line(line)
        if change.order:
            terminal.print(Text("  ~ the order of the list", _STYLES["~"]))
        if not change.parts and not change.same_logic:
            terminal.print(Text("  what it does changed, and no word of the list did", _STYLES["~"]), soft_wrap=True)
        self._scenarios(change.scenarios)

    def _line(self, line: LineChange, indent: int = 6) -> None:
        console().print(Text(f"{' ' * indent}{line.mark} {line.text}", _STYLES[line.mark]), soft_wrap=True)

    def _scenarios(self, changes: tuple[ScenarioChange, ...]) -> None:
        terminal = console()
        if not changes:
            terminal.print(Text("  no scenario changed", "dim"))
            return
        told = ", ".join(f"{number} {how}" for how, number in Counter(each.how for each in changes).items())
        terminal.print(Text(f"  scenarios: {told}", "bold"), soft_wrap=True)
        quiet = 0
        for each in sorted(changes, key=lambda each: "fail" not in each.how):
            if each.how == "other advice":
                quiet += 1
                if quiet > _SHOWN and not self.whole:
                    continue
            style = "bold red" if "fail" in each.how else "green" if each.how == "now passes" else ""
            terminal.print(
                Text.assemble((f"    {each.how}  ", style), (each.id, "bold"), f"  {each.title}"), soft_wrap=True
            )
            if each.mismatches:
                terminal.print(Text(f"        {each.file}:{each.line}", "dim"), soft_wrap=True)
            for mismatch in each.mismatches:
                terminal.print(Text(f"        {mismatch}"), soft_wrap=True)
            for line in each.advice if not each.mismatches else ():
                self._line(line, 8)
        if quiet > _SHOWN and not self.whole:
            terminal.print(Text(f"    … and {quiet - _SHOWN} more with other advice; --all shows them", "dim"))


def _counted(found: tuple[Diagnostic, ...]) -> str:
    from kb.report import summary

    return summary(found)


# ---------------------------------------------------------------- what was committed


def _committed(bench: _Bench, revision: str, named: bool) -> Trial | None:
    """The protocol as a git revision has it, with the settings of now; None where it has none without errors."""
    from kb.comparison.revision import unpack
    from kb.comparison.trial import trial_of
    from kb.interpreter import Guideline
    from kb.scenarios import run_scenario

    target = bench.target
    inside = Path(os.path.relpath(target.file, target.base))
    with tempfile.TemporaryDirectory(prefix="kb-try-") as name:
        folder = Path(name)
        wrong = unpack(target.base, revision, [Path("protocols/library"), inside.parent], folder)
        if wrong and named:
            raise CommandError(f"--since {revision}: {wrong}")
        base = open_base(folder)
        file = folder / inside
        if not file.is_file():
            file = base.file(inside.parent.name) or file
        program = base.compile(file)[0] if file.is_file() else None
        if program is None:
            return None
        guideline = Guideline(program)
        scenarios = [each for beside in base.scenario_files_of(file) for each in base.scenarios(beside)[0]]
        wanted = (each for each in scenarios if each.version in ("", program.version))
        results = [run_scenario(guideline, each) for each in wanted]
        return trial_of(program, results, bench.settled(program))
