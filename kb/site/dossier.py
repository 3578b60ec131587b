"""Everything the pages of one protocol version are made from, gathered once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from kb import program as ir
from kb.codec import program_file
from kb.coverage import Part, coverage
from kb.diagnostics import Diagnostic, Span
from kb.generator.diagram import Node
from kb.generator.markdown import anchor
from kb.generator.readaloud import ReadAloud, read_aloud
from kb.generator.render import Picture, render_sheets, render_svg
from kb.generator.wording import Speaker, clean
from kb.interpreter import Guideline
from kb.local import Local, read_local
from kb.reasons import cases_hold
from kb.review import History
from kb.scenarios import Result, Scenario, run_scenario
from kb.store import latest


class Reports(NamedTuple):
    """What takes minutes and is worked out beforehand: `proofs` as `kb prove --format json` writes them of one version,
    `changes` as `kb diff --format json` does against the version before; None where nobody has asked for them.
    """

    proofs: Mapping[str, Any] | None = None
    changes: Mapping[str, Any] | None = None


class Worked(NamedTuple):
    """A worked patient and the steps it reaches."""

    result: Result
    reached: tuple[str, ...]


class WalkedWay(NamedTuple):
    """The way of one worked patient over the flowchart: the steps it reaches, in their order, and which ways on from
    each question it takes, counted from 0.
    """

    scenario: str
    title: str
    steps: tuple[str, ...]
    cases: Mapping[str, tuple[int, ...]]


class Dossier:
    """One version of one protocol: its Program, its worked patients, and what is known of both.

    `versions`: all of this protocol. `scenarios`: the worked patients of this version. `settings`: what `local.yaml`
    says. `broken`: what is wrong with the file now, where `program` is the last one that could be compiled.
    `report_to`: the address to which a reader reports a problem. `history`: its review records. `others`: the
    protocols that have pages in this site, and their versions.
    """

    def __init__(
        self,
        program: ir.Program,
        versions: Sequence[str] = (),
        scenarios: Sequence[Scenario] = (),
        settings: Mapping[str, Any] | None = None,
        reports: Reports = Reports(),  # noqa: B008  a named tuple cannot change
        broken: Sequence[Diagnostic] = (),
        report_to: str = "",
        history: History | None = None,
        others: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.program = program
        self.versions = tuple(versions) or (program.version,)
        self.latest = latest(list(self.versions))
        self.scenarios = _named_apart(scenarios)
        self.settings = settings
        self.reports = reports
        self.broken = tuple(broken)
        self.report_to = report_to
        self.history = history
        self.others = {id: tuple(each) for id, each in (others or {}).items()}

    def same_as(self, other: Dossier) -> bool:
        """Whether the pages of `other` are the same as of this."""
        return self.program is other.program and all(
            getattr(self, name) == getattr(other, name)
            for name in ("versions", "scenarios", "settings", "reports", "broken", "report_to", "history", "others")
        )

    @cached_property
    def broken_at(self) -> Mapping[str, tuple[Diagnostic, ...]]:
        """What is wrong, by the step in whose lines it stands; by no name where it stands in none."""
        found: dict[str, list[Diagnostic]] = {}
        known = {step.part_of or step.id for step in self.program.steps}
        for item in self.broken:
            step = _step_at(item.span)
            found.setdefault(step if step in known else "", []).append(item)
        return {step: tuple(items) for step, items in found.items()}

    @property
    def folder(self) -> str:
        """Where its pages stand in the site."""
        return f"protocols/{self.program.id}/{self.program.version}"

    @cached_property
    def file(self) -> Mapping[str, Any]:
        """What `kb compile` writes of it."""
        return program_file(self.program)

    @cached_property
    def local(self) -> Local:
        return read_local(self.program, self.settings)

    @cached_property
    def told(self) -> ReadAloud:
        return read_aloud(self.program, self.local)

    @cached_property
    def picture(self) -> str:
        """The whole flowchart, an SVG document."""
        return render_svg(self.program, local=self.local)

    @cached_property
    def sheets(self) -> tuple[Picture, ...]:
        """The flowchart for its page: one picture, or an overview and its sheets; its steps lead to the list."""
        return render_sheets(self.program, self.local, self._leads_to)

    @cached_property
    def taking_over(self) -> Mapping[str, str]:
        """Where the protocols stand to which this one hands over, by `id@major`: the newest version of each."""
        found = {}
        for name in dict.fromkeys(step.hand_over for step in self.program.steps if step.hand_over):
            id, _, major = name.partition("@")
            fitting = [each for each in self.others.get(id, ()) if each.partition(".")[0] == major]
            if fitting:
                found[name] = f"../../{id}/{latest(fitting)}"
        return found

    def _leads_to(self, node: Node) -> str:
        if not node.is_step:
            return f"#sheet-{node.goes_to}"
        if node.goes_to in self.others:
            return f"../../{node.goes_to}/latest/index.html"
        return f"list.html#{anchor('step', node.id)}"

    @cached_property
    def ways(self) -> Mapping[str, WalkedWay]:
        """The ways of its worked patients over the flowchart, by the id of the patient."""
        made = {}
        for result in self.results:
            if result.advice is None:
                continue
            walk = result.advice.walk
            gone = walk.decision.reached | walk.decision.assumed
            steps: dict[str, None] = {}
            cases: dict[str, tuple[int, ...]] = {}
            for index, step in enumerate(self.program.steps):
                if not gone >> index & 1:
                    continue
                steps[self.whole[step.id]] = None
                if step.kind != "decide" or step.part_of or step.id in self._titrations:
                    continue
                leading = [place for place, case in enumerate(step.cases) if case.targets]
                # What holds is gone; where that is not known, what all that may hold lead to (design rule 4).
                possible = [at for at, holds in enumerate(cases_hold(walk, step)) if holds is None or holds is True]
                agreed = all(gone >> target & 1 for at in possible for target in step.cases[at].targets)
                taken = [leading.index(at) for at in possible if at in leading] if agreed else []
                if not taken and step.if_unknown is not None and gone >> step.if_unknown & 1:
                    taken = [len(leading)]
                cases[step.id] = tuple(taken)
            scenario = result.scenario
            made[scenario.id] = WalkedWay(scenario.id, clean(scenario.title), tuple(steps), cases)
        return made

    @cached_property
    def _titrations(self) -> frozenset[str]:
        return frozenset(step.part_of for step in self.program.steps if step.part_of)

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """What comes of each of its worked patients."""
        guideline = Guideline(self.program)
        return tuple(run_scenario(guideline, each) for each in self.scenarios)

    @cached_property
    def coverage(self) -> tuple[Part, ...]:
        return coverage(self.program, self.results)

    @cached_property
    def say(self) -> Speaker:
        return Speaker(self.program, self.local)

    @cached_property
    def named(self) -> Callable[[str], str]:
        """A drug or an element in words, by its name; worked patients name each of them hundreds of times."""
        return cache(lambda name: self.say.drug(name) if name in self.drugs else self.say.condition(name))

    @cached_property
    def drugs(self) -> Mapping[str, ir.Drug]:
        return {drug.id: drug for drug in self.program.drugs}

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """Of each step of the list its title."""
        return {entry.step: entry.says for entry in self.told.entries}

    @cached_property
    def whole(self) -> Mapping[str, str]:
        """For each step of the Program the step of the list it is part of: a titration is one."""
        return {step.id: step.part_of or step.id for step in self.program.steps}

    @cached_property
    def steps_of_statement(self) -> Mapping[str, tuple[str, ...]]:
        """For each statement the steps that cite it."""
        return _turned((entry.step, entry.cites) for entry in self.told.entries)

    @cached_property
    def steps_of_reading(self) -> Mapping[str, tuple[str, ...]]:
        """For each reading of the source the steps that use it."""
        return _turned((entry.step, entry.interprets) for entry in self.told.entries)

    @cached_property
    def beside_steps_of_statement(self) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """For each statement what else cites it: kind and id of rules, caps, goals, alerts, settings, definitions."""
        told = self.told
        said = (
            ("never", told.never),
            ("cap", told.caps),
            ("goal", told.goals),
            ("alert", told.alerts),
            ("setting", told.settings),
            ("define", told.definitions),
        )
        found: dict[str, dict[tuple[str, str], None]] = {}
        for kind, items in said:
            for item in items:
                for id in item.cites:
                    found.setdefault(id, {})[kind, item.id] = None
        return {id: tuple(named) for id, named in found.items()}

    @cached_property
    def worked(self) -> tuple[Worked, ...]:
        """The worked patients, each with the steps of the list that its walk reaches."""
        made = []
        for result in self.results:
            reached: dict[str, None] = {}
            if result.advice is not None:
                decision = result.advice.walk.decision
                shown = decision.reached | decision.assumed
                reached = {
                    self.whole[step.id]: None for index, step in enumerate(self.program.steps) if shown >> index & 1
                }
            made.append(Worked(result, tuple(reached)))
        return tuple(made)

    @cached_property
    def called(self) -> Mapping[str, str]:
        """What each worked patient is called, by its id; with that where another one is called the same."""
        often = Counter(each.title for each in self.scenarios)
        return {
            each.id: f"{each.title} ({each.id})" if often[each.title] > 1 else each.title for each in self.scenarios
        }

    @cached_property
    def scenarios_of_step(self) -> Mapping[str, tuple[str, ...]]:
        """For each step of the list the worked patients whose walk reaches it."""
        return _turned((each.result.scenario.id, each.reached) for each in self.worked)

    @cached_property
    def scenarios_of_statement(self) -> Mapping[str, tuple[str, ...]]:
        """For each statement the worked patients whose walk reaches a step that cites it."""
        found = {}
        for id, steps in self.steps_of_statement.items():
            reached = dict.fromkeys(name for step in steps for name in self.scenarios_of_step.get(step, ()))
            found[id] = tuple(reached)
        return found


def _named_apart(scenarios: Sequence[Scenario]) -> tuple[Scenario, ...]:
    """The worked patients, each with a name of its own: a file gives a name once, and pages show those of all files."""
    often = Counter(each.id for each in scenarios)
    return tuple(
        each._replace(id=f"{PurePath(each.span.file).stem}.{each.id}") if often[each.id] > 1 else each
        for each in scenarios
    )


def _turned(pairs: Iterable[tuple[str, Iterable[str]]]) -> Mapping[str, tuple[str, ...]]:
    """For each of the names on the right those on the left that go with it."""
    found: dict[str, dict[str, None]] = {}
    for name, others in pairs:
        for other in others:
            found.setdefault(other, {})[name] = None
    return {other: tuple(names) for other, names in found.items()}


def _step_at(span: Span) -> str:
    """The step in whose lines a place of a protocol file lies. The file may be no YAML, so only lines are looked at."""
    try:
        lines = Path(span.file).read_text("utf-8").splitlines()[: span.line]
    except (OSError, ValueError):
        return ""
    step, inside = "", False
    for line in lines:
        section = re.match(r"([a-z_]+):", line)
        if section is not None:
            inside = section[1] == "steps"
            step = ""
        elif (named := re.match(r"  ([a-z0-9-]+):", line)) is not None and inside:
            step = named[1]
    return step
