"""The search gives the same answers however long the protocol is, and says how far it looked."""

from __future__ import annotations

from bisect import bisect_left

import pytest

from kb.prover.solver import Search, Undecided, Variables, add, equal, less, multiply


@pytest.mark.parametrize("long", [False, True])
def test_a_product_is_found_or_proved_impossible_for_short_protocols_and_long(long: bool) -> None:
    variables = Variables()
    one, other = variables.integer("one"), variables.integer("other")
    search = Search(variables, [less(1, one), less(1, other)], long=long)
    found = search.find(equal(multiply(one, other), 35))
    assert found is not None
    assert {found.number(one), found.number(other)} == {5, 7}
    assert search.find(less(multiply(one, other), 4)) is None


def test_a_search_that_gives_up_says_how_far_it_looked() -> None:
    variables = Variables()
    one, other = variables.integer("one"), variables.integer("other")
    search = Search(variables, [less(1, one), less(1, other)], effort=50)
    with pytest.raises(Undecided) as gave_up:
        search.find(equal(multiply(one, other), 35))
    assert gave_up.value.reason == "neither a proof nor a patient was found in 50 steps of the solver"


def is_found_with(effort: int) -> bool:
    variables = Variables()
    one, two, three = (variables.integer(name) for name in ("one", "two", "three"))
    search = Search(variables, [less(1, term) for term in (one, two, three)], effort=effort)
    cubes = [multiply(multiply(term, term), term) for term in (one, two, three)]
    try:
        return search.find(equal(add(add(cubes[0], cubes[1]), cubes[2]), 160)) is not None
    except Undecided:
        return False


def test_what_is_found_within_an_effort_does_not_depend_on_what_was_asked_before_in_the_process() -> None:
    def enough() -> int:
        return bisect_left(range(1_000_000), True, key=is_found_with)

    alone = enough()
    assert 100 < alone < 1_000_000
    others = Variables()
    three, two = others.integer("three"), others.integer("two")
    search = Search(others, [less(three, two)])
    assert search.find(less(multiply(two, three), -7)) is not None
    assert enough() == alone
