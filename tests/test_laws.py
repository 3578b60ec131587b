"""What must hold of every protocol and every chart: the laws of design §5, as properties."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kb import program as ir
from kb.interpreter import Advice, Guideline
from tests.engine import PROTOCOLS, Broken, Loaded, load_file, load_fragment
from tests.rows import NOW
from tests.strategies import any_charts, decimal_of, extremes, moment_charts, parts, protocols, representatives

SHIPPED = sorted(path for path in PROTOCOLS.glob("*/[0-9]*.yaml"))
shipped = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")
DECIDED = ("reached", "not reached")


def states(advice: Advice) -> dict[str, str]:
    return {state.step: state.state for state in advice.trace}


def decided(advice: Advice) -> dict[str, str]:
    return {step: state for step, state in states(advice).items() if state in DECIDED}


def drawn(data: st.DataObject, *, lawful: bool) -> Loaded:
    fragment = data.draw(protocols(lawful=lawful), label="protocol")
    try:
        return load_fragment(fragment)
    except Broken:
        assume(False)
        raise


def unknowns(loaded: Loaded, chart: dict[str, Any], local: Mapping[str, Any] | None = None) -> dict[str, list[Any]]:
    """The inputs that are not known from `chart`, with values that stand for all of theirs."""
    row = loaded.guideline.row(chart, NOW, local)
    names = [slot.name for slot, value in zip(loaded.program.slots, row, strict=True) if value is None]
    values = representatives(loaded.program)
    return {name: values[name] for name in names if name not in chart and values.get(name)}


def lawful(program: ir.Program) -> bool:
    """Whether rule 11 claims anything: no `known`, no assumption, no therapy taken for absent, no past to judge."""
    if any(step.if_unknown is not None for step in program.steps):
        return False
    if any(isinstance(part, ir.Known) for part in parts((program.steps, program.slots))):
        return False
    return not any(drug.absent_is_zero for drug in program.drugs)


# ---------------------------------------------------------------- rule 11


def law_of_filling(guideline: Guideline, chart: dict[str, Any], name: str, value: Any) -> None:
    before, after = (guideline.advise(each, NOW) for each in (chart, {**chart, name: value}))
    if before.applies is None:
        return
    for step, state in decided(before).items():
        assert states(after)[step] == state, (step, name, value)


@settings(max_examples=60)
@given(st.data())
def test_filling_an_unknown_never_changes_what_was_decided(data: st.DataObject) -> None:
    loaded = drawn(data, lawful=True)
    assume(lawful(loaded.program))
    chart = data.draw(moment_charts(loaded.program), label="chart")
    values = unknowns(loaded, chart)
    assume(values)
    name = data.draw(st.sampled_from(list(values)))
    law_of_filling(loaded.guideline, chart, name, data.draw(st.sampled_from(values[name])))


# ---------------------------------------------------------------- order in the file


def check_order_never_matters(fragment: dict[str, Any], data: st.DataObject) -> None:
    try:
        loaded = load_fragment(fragment)
    except Broken:
        assume(False)
        return
    chart = data.draw(moment_charts(loaded.program), label="chart")
    names = data.draw(st.permutations(list(fragment["steps"])))
    shuffled = {**fragment, "steps": {name: fragment["steps"][name] for name in names}}
    other = load_fragment(shuffled)
    assert other.program.logic_digest == loaded.program.logic_digest
    assert other.guideline.advise(chart, NOW).to_json() == loaded.guideline.advise(chart, NOW).to_json()


@settings(max_examples=40)
@given(st.data())
def test_the_order_of_steps_in_the_file_never_matters(data: st.DataObject) -> None:
    check_order_never_matters(data.draw(protocols(), label="protocol"), data)


# ---------------------------------------------------------------- asks


def answers(loaded: Loaded, name: str) -> list[Any]:
    """Plausible answers to an ask."""
    known = representatives(loaded.program).get(name)
    if known:
        return known
    program = loaded.program
    if name.endswith(".salt"):
        drug = next(drug for drug in program.drugs if f"{drug.id}.salt" == name)
        return [form for form, _ in drug.salts]
    for element in program.elements:
        if element.id == name:
            if element.type == "boolean":
                return [True, False]
            if element.options:
                return list(element.options)
            if element.type == "date-time":
                return [(NOW - timedelta(minutes=10)).isoformat()]
            middle = (
                50 if element.low is None or element.high is None else (element.low + element.high) // 2 // ir.SCALE
            )
            return [f"{middle} {element.unit}".strip()]
    for drug in program.drugs:
        if drug.id == name:
            return [f"0 {drug.rate_unit}"]
    return []


def answer_all(loaded: Loaded, chart: dict[str, Any], choose: Any) -> tuple[dict[str, Any], Advice]:
    """Answer asks until there are none; every ask must be answerable and every answer must be taken."""
    chart = dict(chart)
    for _ in range(30):
        advice = loaded.guideline.advise(chart, NOW)
        if not advice.asks:
            return chart, advice
        for ask in advice.asks:
            assert ask.name not in chart or ask.name == "weight", f"asked again: {ask.name}"
            possible = answers(loaded, ask.name)
            assert possible, f"nobody can answer {ask.name}"
            chart[ask.name] = choose(possible)
    raise AssertionError("asks never end")


def check_asks(loaded: Loaded, chart: dict[str, Any], choose: Any) -> None:
    _, advice = answer_all(loaded, chart, choose)
    if advice.unavailable or advice.needs_policy or advice.applies is not True or undivided(loaded.program):
        return
    open_ = [step for step, state in states(advice).items() if state == "not known yet"]
    assert not open_, open_


def undivided(program: ir.Program) -> bool:
    """Whether a value may be unknown for good: a quotient, a function, or a constraint between features."""
    return any(isinstance(part, ir.Divide | ir.Function) for part in parts((program.slots, program.steps)))


@settings(max_examples=60)
@given(st.data())
def test_answering_every_ask_leaves_no_ask_and_decides_every_step(data: st.DataObject) -> None:
    loaded = drawn(data, lawful=False)
    chart = data.draw(moment_charts(loaded.program), label="chart")
    check_asks(loaded, chart, lambda values: data.draw(st.sampled_from(values)))


@shipped
@settings(max_examples=10)
@given(data=st.data())
def test_answering_every_ask_of_a_shipped_protocol_decides_every_step(path: Path, data: st.DataObject) -> None:
    loaded = load_file(path, PROTOCOLS / "library")
    chart = data.draw(any_charts(loaded.program), label="chart")
    check_asks(loaded, chart, lambda values: data.draw(st.sampled_from(values)))


@settings(max_examples=60)
@given(st.data())
def test_answering_what_was_not_asked_changes_nothing_that_was_decided(data: st.DataObject) -> None:
    loaded = drawn(data, lawful=True)
    assume(lawful(loaded.program))
    chart = data.draw(moment_charts(loaded.program), label="chart")
    before = loaded.guideline.advise(chart, NOW)
    asked = {ask.name for ask in before.asks}
    values = unknowns(loaded, chart)
    names = [name for name in values if name not in asked]
    assume(names)
    name = data.draw(st.sampled_from(names))
    after = loaded.guideline.advise({**chart, name: data.draw(st.sampled_from(values[name]))}, NOW)
    assert {step: states(after)[step] for step in decided(before)} == decided(before)
    assert asked == {ask.name for ask in after.asks}


# ---------------------------------------------------------------- how tight the asks are


def picture(advice: Advice) -> object:
    """What an ask may be about: the state of every step, the status and dose of every action, cautions, goals."""
    items = tuple((item.step, item.status, item.dose and item.dose.rounded, item.cautions) for item in advice.actions)
    return tuple(sorted(states(advice).items())), items, advice.applies


def measures(step: ir.Step) -> tuple[str, ...]:
    """What a step wants charted."""
    looks = step.action.subject if step.action is not None and step.action.verb in ("measure", "exclude") else ()
    return (*looks, *(step.review.measure if step.review is not None else ()))


class Tightness(NamedTuple):
    """Asks that change nothing under any completion; steps not known yet though every completion agrees."""

    superfluous: list[str]
    agreed: list[str]


def policies(program: ir.Program, draw: random.Random) -> dict[str, Any]:
    """Local settings for all that local policy must set: without them a step stays open whatever is answered."""

    def value(parameter: ir.Parameter) -> str:
        if parameter.type != "number":
            return draw.choice(parameter.options)
        low = 0 if parameter.low is None else parameter.low
        high = low + ir.SCALE if parameter.high is None else parameter.high
        return decimal_of(draw.choice((low, (low + high) // 2, high)), parameter.unit)

    return {"parameters": {each.id: value(each) for each in program.parameters if each.default is None}}


def tightness(loaded: Loaded, chart: dict[str, Any], local: Mapping[str, Any], most: int) -> Tightness | None:
    """By trying every completion of at most 6 unknown inputs; None where there is too much to try."""
    advice = loaded.guideline.advise(chart, NOW, local)
    maybe = {element.id for element in loaded.program.elements if element.can_be_unobtainable}
    values = {
        name: list(dict.fromkeys([*found, *extremes(loaded.program).get(name, [])]))
        + ["unobtainable"] * (name in maybe)
        for name, found in unknowns(loaded, chart, local).items()
    }
    asked = [ask.name for ask in advice.asks]
    total = math.prod(len(found) for found in values.values())
    if not asked or len(values) > 6 or total > most or any(name not in values for name in asked):
        return None
    names = list(values)
    open_steps = [step for step, state in states(advice).items() if state == "not known yet"]
    seen: dict[str, set[str]] = {step: set() for step in open_steps}
    grid: dict[tuple[Any, ...], object] = {}
    for combination in itertools.product(*values.values()):
        made = loaded.guideline.advise({**chart, **dict(zip(names, combination, strict=True))}, NOW, local)
        grid[combination] = picture(made)
        for step in open_steps:
            seen[step].add(states(made)[step])
    measured = {name for step in loaded.program.steps for name in measures(step)}
    idle = []
    for place, name in enumerate(names):
        if name in measured:
            continue  # charting it is itself what a step asks for, whatever the value
        groups: dict[tuple[Any, ...], set[object]] = {}
        for combination, found in grid.items():
            groups.setdefault(combination[:place] + combination[place + 1 :], set()).add(found)
        if name in asked and all(len(group) == 1 for group in groups.values()):
            idle.append(name)
    return Tightness(idle, [step for step, found in seen.items() if len(found) == 1])


def measure_tightness(path: Path, charts: int, most: int, seed: int) -> tuple[int, list[str]]:
    """(charts measured, what was loose in any of them)."""
    loaded = load_file(path, PROTOCOLS / "library")
    values = {name: found for name, found in representatives(loaded.program).items() if found}
    draw = random.Random(seed)
    measured, loose = 0, []
    for _ in range(charts * 5):
        if measured >= charts:
            break
        missing = set(draw.sample(list(values), min(len(values), draw.randint(1, 3))))
        chart = {name: draw.choice(found) for name, found in values.items() if name not in missing}
        found = tightness(loaded, chart, policies(loaded.program, draw), most)
        if found is not None:
            measured += 1
            if found.superfluous or found.agreed:
                loose.append(f"without {sorted(missing)}: {found}")
    return measured, loose


@shipped
def test_hardly_any_chart_meets_a_superfluous_ask(path: Path) -> None:
    measured, loose = measure_tightness(path, charts=12, most=40, seed=1)
    assert len(loose) <= max(1, 0.02 * measured), "\n".join(loose)


# Steps that no completion reaches stay "not known yet" where one value is read twice on the way to them and its two
# readings rule each other out (insulin running: at the start, and again at the targets). Rule 9 settles each decision
# for itself. What is asked there is needed all the same, for other steps.
READS_ONE_VALUE_TWICE = {"diabetic-ketoacidosis"}


@pytest.mark.long
def test_fewer_than_two_in_a_hundred_charts_of_the_shipped_protocols_meet_a_superfluous_ask() -> None:
    """Of charts that have an ask at all, which is stricter than of all charts; together, and each but the one above."""
    results = {path: measure_tightness(path, charts=300, most=400, seed=2) for path in SHIPPED}
    told = "\n".join(
        line
        for path, (measured, loose) in results.items()
        for line in (f"{path.parent.name}@{path.stem}: {len(loose)} of {measured}", *loose)
    )
    print(told)
    assert sum(len(loose) for _, loose in results.values()) < 0.02 * sum(measured for measured, _ in results.values())
    for path, (measured, loose) in results.items():
        if path.parent.name not in READS_ONE_VALUE_TWICE:
            assert len(loose) < max(1.0, 0.02 * measured), told
        else:
            assert not any("superfluous=['" in line for line in loose), told
