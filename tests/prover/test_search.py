"""The search gives the same answers however long the protocol is, and says how far it looked."""

from __future__ import annotations

import pytest

from kb.prover.solver import Search, Undecided, equal, integer, less, multiply


@pytest.mark.parametrize("long", [False, True])
def test_a_product_is_found_or_proved_impossible_for_short_protocols_and_long(long: bool) -> None:
    one, other = integer("one"), integer("other")
    search = Search([less(1, one), less(1, other)], long=long)
    found = search.find(equal(multiply(one, other), 35))
    assert found is not None
    assert {found.number(one), found.number(other)} == {5, 7}
    assert search.find(less(multiply(one, other), 4)) is None


def test_a_search_that_gives_up_says_how_far_it_looked() -> None:
    one, other = integer("one"), integer("other")
    search = Search([less(1, one), less(1, other)], effort=50)
    with pytest.raises(Undecided) as gave_up:
        search.find(equal(multiply(one, other), 35))
    assert gave_up.value.reason == "neither a proof nor a patient was found in 50 steps of the solver"
