"""The symbolic walk says of a settled row what the interpreter says of the same chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kb.prover.solver import not_
from kb.prover.symbolic import SymbolicWalk
from tests.engine import PROTOCOLS, Broken, load_file, load_fragment
from tests.prover.agreement import differences
from tests.strategies import any_charts, charts, protocols

SHIPPED = sorted(path for path in PROTOCOLS.glob("*/[0-9]*.yaml"))
shipped = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")


@shipped
@settings(max_examples=60)
@given(data=st.data())
def test_formulas_and_interpreter_agree_on_charts_of_shipped_protocols(path: Path, data: st.DataObject) -> None:
    loaded = load_file(path, PROTOCOLS / "library")
    chart = data.draw(any_charts(loaded.program), label="chart")
    found = differences(loaded, chart)
    assert not found, "\n".join(found)


def check_generated(data: st.DataObject) -> None:
    fragment = data.draw(protocols(), label="protocol")
    try:
        loaded = load_fragment(fragment)
    except Broken:
        assume(False)
    chart = data.draw(charts(loaded.program), label="chart")
    found = differences(loaded, chart)
    assert not found, "\n".join(found)


@settings(max_examples=150)
@given(st.data())
def test_formulas_and_interpreter_agree_on_generated_protocols(data: st.DataObject) -> None:
    check_generated(data)


@pytest.mark.long
@settings(max_examples=4000)
@given(st.data())
def test_formulas_and_interpreter_agree_on_many_generated_protocols(data: st.DataObject) -> None:
    check_generated(data)


def test_a_ladder_of_500_steps_has_formulas_that_grow_with_its_length_only() -> None:
    """Deeper than Python recurses; the way to the last rung is found, and nobody is on it and off the ladder."""
    rungs = 250
    steps: dict[str, Any] = {"done": {"end": "Nothing more"}}
    for rung in range(rungs):
        following = f"rung-{rung + 1}" if rung + 1 < rungs else "done"
        on = f"map < {rungs + 30 - rung} mmHg"
        steps[f"rung-{rung}"] = {
            "decide": "Lower still?",
            "cases": [{"when": on, "go": [following, f"call-{rung}"]}, {"else": "done"}],
        }
        steps[f"call-{rung}"] = {"do": "Call", "call": "senior clinician"}
    loaded = load_fragment({"start": "rung-0", "steps": steps})
    walk = SymbolicWalk(loaded.program)
    last, second = (walk.steps[id] for id in (f"call-{rungs - 1}", "call-1"))
    assert walk.find(walk.reached(last)) is not None
    assert walk.find(walk.reached(last), not_(walk.reached(second))) is None
    assert walk.find(walk.reached(last), walk.not_reached(second)) is None
    assert walk.find(walk.not_reached(last), walk.reached(second)) is not None
