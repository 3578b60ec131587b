"""What is proved of the shipped protocols, and what of the safety pack is known not to hold yet."""

from __future__ import annotations

from pathlib import Path

import pytest

import kb
from kb.base import Base

BASE = Base(Path(kb.__file__).parents[1])

# Faults that the prover found and that are still to be mended; each goes from here with its scenario.
KNOWN = {
    "adult-bradycardia": {"never-silent"},  # all that there is has been done, and the heart is still too slow
    "diabetic-ketoacidosis": {"one-order", "never-silent"},  # insulin at two rates at once; done with and silent
    "early-warning": {"asks-suffice"},  # a systolic pressure that cannot be had leaves the score open
    "hyperkalaemia": {"never-silent"},  # all that there is has been done
    "local-anaesthetic-toxicity": {"never-silent"},  # lipid given up to its limit before, and the patient gets worse
}


@pytest.mark.parametrize("id", sorted(BASE.protocols()))
def test_what_a_protocol_says_of_itself_is_proved(id: str) -> None:
    for version in BASE.protocols()[id]:
        (made,) = BASE.prove([f"{id}@{version}"])
        outcomes = {verdict.property.id: verdict.outcome for verdict in made.verdicts}
        assert {name for name, outcome in outcomes.items() if outcome != "proved"} == KNOWN.get(id, set())


def test_the_first_protocol_has_at_least_fifteen_properties_of_its_own() -> None:
    protocol = BASE.protocol("refractory-hypotension", "1.0.0")
    assert protocol is not None
    assert len(protocol.prove) >= 15
