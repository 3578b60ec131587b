"""What the shipped protocols say of themselves, and the safety pack, are proved of all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import kb
from kb.base import Base

BASE = Base(Path(kb.__file__).parents[1])


@pytest.mark.parametrize("id", sorted(BASE.protocols()))
def test_what_a_protocol_says_of_itself_is_proved(id: str) -> None:
    for version in BASE.protocols()[id]:
        (made,) = BASE.prove([f"{id}@{version}"])
        outcomes = {verdict.property.id: verdict.outcome for verdict in made.verdicts}
        assert {name for name, outcome in outcomes.items() if outcome != "proved"} == set()


def test_the_first_protocol_has_at_least_fifteen_properties_of_its_own() -> None:
    protocol = BASE.protocol("refractory-hypotension", "1.0.0")
    assert protocol is not None
    assert len(protocol.prove) >= 15
