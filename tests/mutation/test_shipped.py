"""The shipped protocols under faults: a few in every run, and all of those that are known to leave none unnoticed."""

from __future__ import annotations

import pytest

from kb.base import Base
from tests.engine import PROTOCOLS

BASE = Base(PROTOCOLS.parent)


@pytest.mark.parametrize("kind", ["branches", "guards"])
def test_a_few_faults_of_one_protocol_are_all_noticed(kind: str) -> None:
    strength = BASE.mutate("adult-bradycardia", classes=[kind], sample=8)
    assert [verdict.mutant for verdict in strength.survived] == []
    assert strength.killed


# Not every protocol is here yet: a protocol comes in once its complete run has left nothing unnoticed.
@pytest.mark.long
@pytest.mark.parametrize("protocol", ["adult-bradycardia"])
def test_no_fault_goes_unnoticed(protocol: str) -> None:
    strength = BASE.mutate(protocol, jobs=2)
    assert [(verdict.mutant.owner, verdict.mutant.told) for verdict in strength.survived] == []
