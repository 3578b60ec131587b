"""The symbolic walk says of a settled row what the interpreter says of the same chart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.engine import PROTOCOLS, Broken, load_file, load_fragment
from tests.prover.agreement import differences
from tests.sampling import examples
from tests.strategies import any_charts, charts, protocols

SHIPPED = sorted(path for path in PROTOCOLS.glob("*/[0-9]*.yaml"))
shipped = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")


@shipped
@settings(max_examples=examples(60, one_in=3))
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


@settings(max_examples=examples(150, one_in=3))
@given(st.data())
def test_formulas_and_interpreter_agree_on_generated_protocols(data: st.DataObject) -> None:
    check_generated(data)


@pytest.mark.long
@settings(max_examples=4000)
@given(st.data())
def test_formulas_and_interpreter_agree_on_many_generated_protocols(data: st.DataObject) -> None:
    check_generated(data)
