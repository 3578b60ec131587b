"""What is told of two versions is so: everybody whose advice differs lies in a region, and all in a region differ."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given, seed, settings
from hypothesis import strategies as st

from kb.comparison.behaviour import PATCH
from kb.prover.solver import Undecided
from tests.comparison.regions import Told
from tests.engine import Broken, load_fragment
from tests.strategies import charts, protocols

NUMBER = re.compile(r"(?<![\w.])(\d+)(?= (?:mmHg|/min|mmol/L))")


def with_other_numbers(data: Any, draw: Any) -> Any:
    """A protocol, as data, with one threshold of a case moved."""
    text = repr(data["steps"])
    places = list(NUMBER.finditer(text))
    assume(places)
    place = places[draw.draw(st.integers(0, len(places) - 1), label="which number")]
    moved = int(place[1]) + draw.draw(st.sampled_from([-5, -1, 1, 5]), label="by how much")
    return {**data, "steps": eval(text[: place.start()] + str(moved) + text[place.end() :])}


def check_a_moved_threshold(draw: Any) -> None:
    fragment = draw.draw(protocols(), label="protocol")
    try:
        before = load_fragment(fragment)
        after = load_fragment(with_other_numbers(fragment, draw))
    except Broken:
        assume(False)
    assume(before.program.logic_digest != after.program.logic_digest)
    try:
        told = Told(before.guideline, after.guideline)
    except Undecided:
        assume(False)
    for _ in range(6):
        chart = draw.draw(charts(after.program), label="chart")
        if told.told_apart(chart):
            assert told.lies_inside(chart), (told.told_apart(chart), told.told)
        else:
            assert not told.wrongly_inside(chart), told.told


@settings(max_examples=5)
@given(st.data())
def test_whose_advice_a_moved_threshold_changes_lies_in_a_region(draw: st.DataObject) -> None:
    check_a_moved_threshold(draw)


@pytest.mark.long
@pytest.mark.parametrize("part", range(1, 9))  # half an hour in all: two workers share it
def test_whose_advice_one_of_600_moved_thresholds_changes_lies_in_a_region(part: int) -> None:
    @seed(part)
    @settings(max_examples=75)
    @given(st.data())
    def drawn(draw: st.DataObject) -> None:
        check_a_moved_threshold(draw)

    drawn()


@settings(max_examples=5)
@given(st.data())
def test_a_version_against_itself_is_proved_to_tell_everybody_the_same(draw: st.DataObject) -> None:
    fragment = draw.draw(protocols(), label="protocol")
    try:
        one, other = load_fragment(fragment), load_fragment({**fragment, "title": "Another title"})
    except Broken:
        assume(False)
    told = Told(one.guideline, other.guideline).told
    assert told.same
    assert told.level == PATCH
