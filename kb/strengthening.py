"""Patients to add to the worked ones: for whom a fault would go unnoticed, or a part of a protocol is not shown.

What is proposed expects what the protocol says today. A person reads it before it counts for anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from kb import program as ir
from kb.coverage import coverage, thresholds
from kb.diagnostics import Span
from kb.interpreter import Advice, Guideline
from kb.mutation.expecting import expectation
from kb.mutation.judging import Found
from kb.mutation.report import Strength
from kb.program import Program
from kb.prover.patient import Patient, Patients, Question
from kb.prover.solver import Term, Undecided, equal, not_
from kb.prover.symbolic import SymbolicWalk
from kb.scenario_text import Saved, append_scenario, said_now, scenario_yaml
from kb.scenarios import Result, Scenario

REVIEW: Final = "To be reviewed: it expects what advice says now."
_LONGEST = 110


class ProposedPatient(NamedTuple):
    """A chart of one moment, or of entries, with the advice that it gets."""

    chart: dict[str, Any]
    local: dict[str, Any]
    now: datetime
    advice: Advice


class Proposed(NamedTuple):
    """A scenario to add. `shows` says what it is for; `orders` are empty where it is about advice."""

    id: str
    title: str
    shows: tuple[str, ...]
    patient: ProposedPatient
    expect: dict[str, Any]
    orders: tuple[dict[str, str], ...] = ()

    @property
    def note(self) -> str:
        more = f", and {len(self.shows) - 2} more" if len(self.shows) > 2 else ""
        return f"{REVIEW} Shows: {'; '.join(self.shows[:2])}{more}."


def for_faults(strength: Strength) -> list[Proposed]:
    """A scenario for each patient whom unnoticed faults would give other advice; one patient may show several."""
    held: dict[str, tuple[Found, str, list[str], list[list[str]]]] = {}
    for verdict in strength.survived:
        if verdict.patient is not None:
            key = repr((verdict.patient.chart, verdict.patient.local, verdict.patient.now, verdict.patient.order))
            kept = held.setdefault(key, (verdict.patient, verdict.mutant.owner, [], []))
            kept[2].append(f"{verdict.mutant.owner}, {verdict.mutant.told}")
            kept[3].append([item.name for item in verdict.patient.differs])
    return [_proposed(strength.guideline, found, owner, shows, names) for found, owner, shows, names in held.values()]


def _proposed(guideline: Guideline, found: Found, owner: str, shows: list[str], names: list[list[str]]) -> Proposed:
    now = datetime.fromisoformat(found.now)
    patient = ProposedPatient(found.chart, found.local, now, guideline.advise(found.chart, now, found.local))
    expect: dict[str, Any] = {}
    for each in names:  # what one fault changes may be told by less than what another does
        for key, value in expectation(patient.advice, each).items():
            expect[key] = {**expect[key], **value} if isinstance(value, dict) and key in expect else value
    orders: tuple[dict[str, str], ...] = ()
    if found.order:
        orders = (found.order,)
        verdict = guideline.check_orders(found.chart, orders, now, found.local)[0]
        said: dict[str, Any] = {"verdict": verdict.verdict, "rules": list(verdict.rules)}
        expect["orders"] = [said | ({"asks": list(verdict.asks)} if verdict.asks else {})]
    title = found.told if "entries" in found.chart else title_of(guideline.program, found.chart, found.order)
    return Proposed(owner.replace("_", "-").lower(), title, tuple(shows), patient, expect, orders)


def title_of(program: Program, chart: Mapping[str, Any], order: Mapping[str, str] | None = None) -> str:
    """The patient in the words of the data dictionary, on one line."""
    labels = {slot.name: slot.title or slot.name for slot in program.slots}
    labels |= {element.id: element.label for element in program.elements}
    drugs = {drug.id: drug.label for drug in program.drugs}
    labels |= {slot.name: drugs.get(slot.of, slot.name) for slot in program.slots if slot.kind == "rate"}
    parts = []
    for name, value in chart.items():
        said = {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
        parts.append(_feature_said(name, said) or f"{labels.get(name, name)}: {said.replace('_', ' ')}")
    if order:
        parts.insert(
            0, f"Ordered: {drugs.get(order['drug'], order['drug'])} {' '.join(list(order.values())[1:])}".strip()
        )
    title = "; ".join(parts) or "Nothing is known"
    return title if len(title) <= _LONGEST else f"{title[:_LONGEST].rpartition('; ')[0] or title[:_LONGEST]} …"


_TIMES = re.compile(r"(count|total|since|persists)\((.+)\)")


def _feature_said(name: str, value: str) -> str:
    """A time feature as one says it: `count(atropine in the episode)` of 1 is `atropine counted 1 in the episode`."""
    found = _TIMES.fullmatch(name)
    if found is None:
        return ""
    kind, inside = found.groups()
    what, _, window = inside.partition(" ")
    if kind == "persists":
        condition, _, duration = inside.rpartition(", ")
        return f"{condition.replace('_', ' ')} {'persists' if value == 'yes' else 'does not persist'} {duration}"
    if kind == "since":
        return f"{value} since {inside}"
    return f"{what.replace('_', ' ')} {'counted' if kind == 'count' else 'in all'} {value} {window}".strip()


def yaml_of(proposed: Iterable[Proposed], protocol: str, version: str) -> str:
    """One scenario file, in the form of `kb fmt`, with all of these."""
    made = ""
    taken: dict[str, int] = {}
    for item in proposed:
        taken[item.id] = taken.get(item.id, 0) + 1
        id = item.id if taken[item.id] == 1 else f"{item.id}-{taken[item.id]}"
        text = scenario_yaml(protocol, version, id, item.title, item.patient, item.note, item.expect, item.orders)
        made += text if not made else "\n" + text.partition("scenarios:\n")[2]
    return made


def save(proposed: Iterable[Proposed], protocol: str, version: str, path: Path) -> list[Saved]:
    """Append these to the scenario file `path`, which is made where it is not there.

    Raises:
        kb.scenario_text.ScenarioTextError: the file cannot be read, or is about another protocol or version.

    """
    return [
        append_scenario(path, protocol, version, item.id, item.title, item.patient, item.note, item.expect, item.orders)
        for item in proposed
    ]


# ---------------------------------------------------------------- what no scenario shows


class Missing(NamedTuple):
    """Something no scenario shows and for which no patient is proposed, and why."""

    what: str
    why: str


def for_gaps(
    guideline: Guideline, results: Iterable[Result], told: Callable[[list[str]], Iterable[str]] = iter
) -> tuple[list[Proposed], list[Missing]]:
    """A patient for each step, value of a case, status and side of a threshold that `results` do not show.

    One patient may show several. Where nobody can, that is proved and said.

    Raises:
        kb.prover.solver.SolverMissingError: the solver is not installed.

    """
    program = guideline.program
    patients = Patients(guideline)
    shown: dict[tuple[str, str], set[str]] = {}
    wanted = [(part.kind, part.name, value) for part in coverage(program, results) for value in part.missing]
    made: list[Proposed] = []
    missing: list[Missing] = []
    lines = [f"{name}: {value}" for _, name, value in wanted]
    for line, (kind, name, value) in zip(told(lines), wanted, strict=True):
        if value in shown.get((kind, name), ()):
            continue
        question = _question(program, kind, name, value)
        if question is None:
            missing.append(Missing(line, "it takes an order: write it by hand, with `orders:`"))
            continue
        try:
            found = patients.find(question)
        except Undecided as gave_up:
            missing.append(Missing(line, f"undecided: {gave_up.reason}"))
            continue
        if found is None:
            missing.append(Missing(line, "no chart can show it"))
            continue
        patient = ProposedPatient(found.chart, found.local, found.now, found.advice)
        title = title_of(program, found.chart)
        made.append(Proposed(_id_of(kind, name), title, (line,), patient, said_now(found.advice)))
        for part in coverage(program, [_result_of(found)]):
            shown.setdefault((part.kind, part.name), set()).update(part.shown)
    return made, missing


def _result_of(found: Patient) -> Result:
    scenario = Scenario("", "", Span(""), "", "", found.now, found.chart, found.local, (), {})
    return Result(scenario, (), found.advice, ())


def _id_of(kind: str, name: str) -> str:
    words = re.findall(r"[a-z0-9]+", name.lower())
    return "-".join((kind, *words))[:60].rstrip("-")


def _question(program: Program, kind: str, name: str, value: str) -> Question | None:
    """What has to hold of a patient who shows this; None where only an order does."""
    steps = {step.id: place for place, step in enumerate(program.steps)}
    if kind == "step":
        return lambda walk: [walk.shown(steps[name])]
    if kind == "status":
        return lambda walk: [walk.status(steps[name], value)]
    if kind == "case":
        return _of_case(program, name, value)
    if kind == "threshold":
        compare = next(item.compare for item in thresholds(program) if item.name == name)
        return lambda walk: _beside(walk, compare, value)
    return None


def _of_case(program: Program, name: str, value: str) -> Question:
    place, number = next(
        (place, number)
        for place, step in enumerate(program.steps)
        for number, case in enumerate(step.cases)
        if name == f"{step.id}: {case.title or case.text}"
    )
    cases = program.steps[place].cases

    def terms(walk: SymbolicWalk) -> list[Term]:
        earlier = [not_(walk.truth(case.when).true) for case in cases[:number]]
        here = walk.truth(cases[number].when)
        if value == "true":
            return [walk.shown(place), *(walk.truth(case.when).false for case in cases[:number]), here.true]
        return [walk.shown(place), *earlier, here.false if value == "false" else not_(here.known)]

    return terms


def _beside(walk: SymbolicWalk, compare: ir.Compare, side: str) -> list[Term]:
    """The number that is compared stands at the threshold, or one in the last written place beside it."""
    item, number = (
        (compare.left, compare.right) if isinstance(compare.right, ir.Const) else (compare.right, compare.left)
    )
    assert isinstance(number, ir.Const)
    limit = int(number.value)
    grain = 1
    while grain < ir.SCALE and limit % (grain * 10) == 0:
        grain *= 10
    held = walk.number(item)
    wanted = limit + {"at": 0, "just below": -grain, "just above": grain}[side]
    return [held.known, equal(held.value, wanted)]
