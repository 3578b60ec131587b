"""The shipped protocols under faults: a few of several in every run, and all faults of all of them in the long run."""

from __future__ import annotations

import pytest

from kb.base import Base
from kb.mutation.classes import CLASSES
from kb.mutation.report import Strength
from tests.engine import PROTOCOLS

BASE = Base(PROTOCOLS.parent)
SHIPPED = [f"{id}@{versions[-1]}" for id, versions in BASE.protocols().items()] + ["refractory-hypotension@1.0.0"]


def unnoticed(strength: Strength) -> list[tuple[str, str]]:
    return [(verdict.mutant.owner, verdict.mutant.told) for verdict in strength.survived]


@pytest.mark.parametrize(
    ("protocol", "faults"),
    [("adult-bradycardia", 16), ("anaphylaxis", 8), ("local-anaesthetic-toxicity", 6), ("early-warning", 6)],
)
def test_a_few_faults_are_all_noticed(protocol: str, faults: int) -> None:
    strength = BASE.mutate(protocol, classes=[kind for kind in CLASSES if kind != "citations"], sample=faults)
    assert unnoticed(strength) == []
    assert len(strength.killed) > faults / 2


@pytest.mark.long
@pytest.mark.parametrize("protocol", SHIPPED)
def test_no_fault_goes_unnoticed(protocol: str) -> None:
    id, _, version = protocol.partition("@")
    strength = BASE.mutate(id, version, jobs=2)
    cited = sum(verdict.mutant.kind == "citations" for verdict in strength.undecided)
    print(f"{protocol}: {strength.summary()}; {cited} of the undecided are citations")
    assert unnoticed(strength) == []
    assert all(verdict.what for verdict in strength.undecided)  # each with its reason, none passed over
