"""The search gives the same answers however many facts it holds, and says how far it looked."""

from __future__ import annotations

import pytest

from kb.prover.solver import Search, Undecided, boolean, equal, integer, less, multiply, not_, or_


@pytest.mark.parametrize("beside", [0, Search.MANY])
def test_a_product_is_found_or_proved_impossible_beside_few_facts_and_many(beside: int) -> None:
    one, other, fact = integer("one"), integer("other"), boolean("fact")
    search = Search([less(1, one), less(1, other), *(or_(not_(fact), boolean(f"{each}")) for each in range(beside))])
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
