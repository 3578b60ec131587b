"""What a change of a protocol changes: in the list that is read aloud, in the worked patients.

A `Trial` is one state of a protocol with what its scenarios gave; `compare` says how two of them differ. Nothing is
read or printed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from kb.advice import DoseAdvice
from kb.generator.readaloud import Entry, ReadAloud, Said, entry_lines, read_aloud
from kb.generator.wording import Speaker
from kb.interpreter import Advice
from kb.local import NO_LOCAL, Local
from kb.program import Program
from kb.scenarios import Result


class Tried(NamedTuple):
    """One scenario: what was not as expected, and the advice in short, a line for each thing that is advised."""

    title: str
    file: str
    line: int
    mismatches: tuple[str, ...]
    advice: tuple[str, ...]


class Trial(NamedTuple):
    """One state of a protocol. `parts`: the lines of each step and of each thing said beside the steps, by name."""

    program: Program
    parts: Mapping[str, tuple[str, ...]]
    scenarios: Mapping[str, Tried]

    @property
    def failing(self) -> tuple[str, ...]:
        return tuple(id for id, tried in self.scenarios.items() if tried.mismatches)


class LineChange(NamedTuple):
    """`mark`: `+` new, `-` gone, `~` other words; then `text` has `{old → new}` where they differ."""

    mark: str
    text: str


class PartChange(NamedTuple):
    """One step, or one thing said beside the steps. `lines` are those that differ."""

    mark: str
    name: str
    head: str
    lines: tuple[LineChange, ...]


class ScenarioChange(NamedTuple):
    """`how`: now fails, now passes, fails otherwise, other advice, new, new and fails, gone."""

    id: str
    how: str
    title: str
    file: str
    line: int
    mismatches: tuple[str, ...]
    advice: tuple[LineChange, ...]


class Change(NamedTuple):
    """How one trial differs from another. `same_logic`: no chart can tell them apart."""

    parts: tuple[PartChange, ...]
    order: bool
    scenarios: tuple[ScenarioChange, ...]
    same_logic: bool
    same_text: bool

    @property
    def nothing(self) -> bool:
        return self.same_logic and self.same_text and not (self.parts or self.order or self.scenarios)

    @property
    def steps(self) -> int:
        """How many steps are new, gone or told in other words."""
        return sum(not part.name.startswith("(") for part in self.parts)


def trial_of(program: Program, results: Iterable[Result], local: Local = NO_LOCAL) -> Trial:
    """One state of a protocol. `local`: the hospital's settings, told in the list and in whose units doses are told."""
    say = Speaker(program, local)
    tried = {result.scenario.id: _tried(result, say) for result in results}
    return Trial(program, _parts(read_aloud(program, local)), tried)


def compare(before: Trial, after: Trial) -> Change:
    """What is other in `after`."""
    parts = tuple(_part_changes(before.parts, after.parts))
    common = [name for name in before.parts if name in after.parts]
    return Change(
        parts=parts,
        order=common != [name for name in after.parts if name in before.parts],
        scenarios=tuple(_scenario_changes(before.scenarios, after.scenarios)),
        same_logic=before.program.logic_digest == after.program.logic_digest,
        same_text=before.program.text_digest == after.program.text_digest,
    )


# ---------------------------------------------------------------- the list


def _parts(told: ReadAloud) -> dict[str, tuple[str, ...]]:
    names = {entry.number: f"`{entry.step}`" for entry in told.entries}
    head = [told.title, told.question, told.population and f"For: {told.population}"]
    head += [told.applies and f"Applies if {told.applies}.", told.enter and f"Open it if {told.enter}."]
    head.append(f"Begin with {', '.join(names[number] for number in told.starts)}.")
    made = {"(head)": tuple(line for line in head if line)}
    made |= {entry.step: _step_lines(entry, names) for entry in told.entries}
    for kind, items in (
        ("word", told.definitions),
        ("never", told.never),
        ("cap", told.caps),
        ("goal", told.goals),
        ("alert", told.alerts),
        ("local", told.settings),
        ("reading", told.readings),
    ):
        made |= {f"({kind}) {item.id}": _said_lines(item) for item in items}
    return made


def _step_lines(entry: Entry, names: Mapping[int, str]) -> tuple[str, ...]:
    """Without its number: a step put in above would change that of every other."""
    return tuple(line.strip() for line in entry_lines(entry, names))


def _said_lines(item: Said) -> tuple[str, ...]:
    basis = " ".join((*item.cites, *item.interprets))
    return (item.says, basis) if basis else (item.says,)


def _part_changes(before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]) -> Iterator[PartChange]:
    for name, lines in after.items():
        old = before.get(name)
        if old is None:
            yield PartChange("+", name, lines[0], tuple(LineChange("+", line) for line in lines[1:]))
        elif old != lines:
            yield PartChange("~", name, lines[0], tuple(line_changes(old, lines)))
    for name, lines in before.items():
        if name not in after:
            yield PartChange("-", name, lines[0], ())


def line_changes(before: Sequence[str], after: Sequence[str]) -> Iterator[LineChange]:
    """The lines that differ, each told once."""
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        old, new = list(before[a:b]), list(after[c:d])
        for was, now in zip(old, new, strict=False):
            if SequenceMatcher(None, was.split(), now.split(), autojunk=False).ratio() >= 0.4:
                yield LineChange("~", _merged(was, now))
            else:
                yield LineChange("-", was)
                yield LineChange("+", now)
        yield from (LineChange("-", line) for line in old[len(new) :])
        yield from (LineChange("+", line) for line in new[len(old) :])


_WORD = re.compile(r"\S+")


def _merged(was: str, now: str) -> str:
    """`vasopressin {0.03 → 0.04} units/min`; long runs of equal words are shortened."""
    old, new = _WORD.findall(was), _WORD.findall(now)
    made: list[str] = []
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for number, (what, a, b, c, d) in enumerate(codes):
        if what == "equal":
            words = old[a:b]
            first, last = number == 0, number == len(codes) - 1
            if len(words) > 12:
                lead = words[:6] if not first or not last else []
                words = ([] if first else lead) + ["…"] + ([] if last else words[-6:])
            made += words
        elif what == "replace":
            made.append(f"{{{' '.join(old[a:b])} → {' '.join(new[c:d])}}}")
        else:
            made.append(f"{{-{' '.join(old[a:b])}}}" if what == "delete" else f"{{+{' '.join(new[c:d])}}}")
    return " ".join(made)


# ---------------------------------------------------------------- the scenarios


def _tried(result: Result, say: Speaker) -> Tried:
    scenario = result.scenario
    mismatches = tuple(str(item) for item in result.mismatches)
    return Tried(scenario.title, scenario.span.file, scenario.span.line, mismatches, tuple(_advice(result, say)))


_ASSUMED = ", under an assumption"
_WORDS = {True: "yes", False: "no", None: "not known"}


def _advice(result: Result, say: Speaker) -> Iterator[str]:
    if result.advice is None:
        yield "the chart is refused"
        return
    yield from advice_lines(result.advice, say)
    for verdict in result.verdicts:
        rules = f" ({', '.join((*verdict.rules, *verdict.asks))})" if verdict.rules or verdict.asks else ""
        yield f"order {verdict.order}: {verdict.verdict}{rules}"


def advice_lines(advice: Advice, say: Speaker | None = None) -> Iterator[str]:
    """Advice in short, a line for each thing that is advised; doses as `say` tells them."""
    tell = say or Speaker(advice.walk.program)

    def told(dose: DoseAdvice) -> str:
        return tell.dose_beside(dose.drug, dose.text)

    yield f"applies: {_WORDS[advice.applies]}"
    yield f"entered: {_WORDS[advice.entered]}"
    for item in advice.actions:
        options = "".join(f"; {option.id}: {told(option.dose)}" for option in item.options if option.dose)
        dose = f": {told(item.dose)}" if item.dose else ""
        yield f"{item.status}: {item.step}{dose}{options}{_ASSUMED if item.assumed else ''}"
    yield from (f"ask: {ask.name}" for ask in advice.asks)
    yield from (f"alert: {alert.id}" for alert in advice.alerts)
    yield from (f"outcome: {item.step}{_ASSUMED if item.assumed else ''}" for item in advice.outcomes)
    yield from (f"hand over: {item.protocol}" for item in advice.hand_overs)
    yield from (f"needs local policy: {item.parameter}" for item in advice.needs_policy)
    yield from (f"unavailable: {item.name}" for item in advice.unavailable)
    yield from (f"goal {goal.id}: {goal.state}" for goal in advice.goals)


def _scenario_changes(before: Mapping[str, Tried], after: Mapping[str, Tried]) -> Iterator[ScenarioChange]:
    for id, now in after.items():
        was = before.get(id)
        how = _how(was, now)
        if how:
            changes = () if was is None else tuple(line_changes(was.advice, now.advice))
            yield ScenarioChange(id, how, now.title, now.file, now.line, now.mismatches, changes)
    for id, was in before.items():
        if id not in after:
            yield ScenarioChange(id, "gone", was.title, was.file, was.line, (), ())


def _how(was: Tried | None, now: Tried) -> str:
    if was is None:
        return "new and fails" if now.mismatches else "new"
    if bool(was.mismatches) != bool(now.mismatches):
        return "now fails" if now.mismatches else "now passes"
    if was.mismatches != now.mismatches:
        return "fails otherwise"
    return "other advice" if was.advice != now.advice else ""
