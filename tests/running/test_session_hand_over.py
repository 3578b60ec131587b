"""A session follows a hand-over on the same chart, and is reopened with the protocol it went on to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import kb
from kb.session import OtherProgram, Session

NOW = datetime(2026, 1, 27, 12, tzinfo=UTC)
BASE = Path(__file__).parents[2]
SHOCK = kb.load("refractory-hypotension", base=BASE)
ARREST = kb.load("adult-cardiac-arrest", base=BASE)
LIPID = kb.load("local-anaesthetic-toxicity", base=BASE)


def test_a_lost_pulse_hands_over_and_the_other_protocol_starts_on_the_same_chart(tmp_path: Path) -> None:
    path = tmp_path / "patient.journal"
    with Session.create(path, SHOCK, opened=NOW - timedelta(minutes=5)) as session:
        session.append({"kind": "observation", "element": "age", "value": "61 years", "at": NOW})
        session.append({"kind": "observation", "element": "pulse", "value": "absent", "at": NOW})
        (offered,) = session.advise(NOW).hand_overs
        assert offered.protocol == "adult-cardiac-arrest@0"
        session.hand_over(ARREST, NOW)
        advice = session.advise(NOW)
        assert advice.protocol == "adult-cardiac-arrest"
        assert advice.recommended
    with Session.open(path, ARREST) as again:
        assert again.advise(NOW) == advice
    with pytest.raises(OtherProgram):
        Session.open(path, SHOCK)


def test_a_session_goes_only_where_a_step_hands_over_to(tmp_path: Path) -> None:
    with Session.create(tmp_path / "patient.journal", SHOCK, opened=NOW) as session:
        with pytest.raises(OtherProgram, match="hands over to: adult-cardiac-arrest@0"):
            session.hand_over(LIPID, NOW)
        assert session.program is SHOCK.program
