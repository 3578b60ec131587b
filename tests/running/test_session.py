"""Sessions: what was acknowledged is there again, whatever happens; what was refused leaves no trace."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kb.chart import ChartError
from kb.codes import CODES
from kb.folds import build_row
from kb.reading import parse_chart
from kb.session import (
    JournalCut,
    JournalDamaged,
    JournalExists,
    NotAJournal,
    OtherProgram,
    Session,
    SessionClosed,
    SessionError,
    SessionLocked,
)
from tests.running.patients import NAMES, NOW, PROGRAM, ago

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from kb.session import Session
from tests.running.patients import PROGRAM, NOW
session = Session.open(sys.argv[1], PROGRAM)
for number in range(int(sys.argv[2]), 100000):
    score = {"kind": "observation", "element": "score", "value": str(number % 15)}
    session.append({**score, "id": f"n{number}", "at": NOW})
    print(number, flush=True)
"""


def observation(value: str = "58 mmHg", element: str = "map", at: str = "2 min") -> dict[str, Any]:
    return {"kind": "observation", "element": element, "value": value, "at": ago(at)}


def row_of(session: Session) -> list[Any]:
    return list(build_row(PROGRAM, parse_chart(PROGRAM, session.chart, NOW), NOW).row)


def test_reopening_gives_the_same_chart(tmp_path: Path) -> None:
    path = tmp_path / "patient.journal"
    with Session.create(path, PROGRAM, opened=ago("30 min"), complete_from=ago("6 h")) as session:
        ids = session.append(observation(), {**observation("60 mmHg", at="1 min"), "id": "mine"})
        session.append(
            {"kind": "therapy", "event": "started", "drug": "adrenaline", "rate": "0.1 mcg/kg/min", "at": NOW}
        )
        session.append({"kind": "step", "event": "declined", "step": "line", "reason": "später — \ud800", "at": NOW})
        chart, row = session.chart, row_of(session)
    assert ids == ("e1", "mine")
    with Session.open(path, PROGRAM) as again:
        assert again.chart == chart
        assert row_of(again) == row
        assert again.set_aside == ""
        assert again.chart.entries[0].event == "opened"


def test_entries_are_corrected_and_retracted_but_never_erased(tmp_path: Path) -> None:
    path = tmp_path / "patient.journal"
    with Session.create(path, PROGRAM) as session:
        (first,) = session.append(observation("158 mmHg"))
        second = session.correct(first, value="58 mmHg")
        assert row_of(session)[NAMES["map"]] == 58 * 10**8
        with pytest.raises(ChartError, match=f"correct `{second}`"):
            session.correct(first, value="59 mmHg")
        session.retract(second)
        assert row_of(session)[NAMES["map"]] is None
    text = path.read_text()
    assert "158 mmHg" in text
    assert '"58 mmHg"' in text


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (observation("580 mmHg"), "KB607"),
        (observation("58"), "KB604"),
        ({"kind": "observation", "element": "map", "at": NOW}, "KB616"),
        ({**observation(), "id": "e0"}, "KB610"),
        ({**observation(), "replaces": "e7"}, "KB611"),
        ({"retracts": "e7", "at": NOW}, "KB611"),
        ({**observation(), "at": "soon"}, "KB608"),
        ({"kind": "therapy", "event": "started", "drug": "vasopressin", "rate": "1 mg/h", "at": NOW}, "KB605"),
    ],
)
def test_what_is_refused_leaves_no_trace(tmp_path: Path, entry: dict[str, Any], code: str) -> None:
    path = tmp_path / "patient.journal"
    with Session.create(path, PROGRAM) as session:
        session.append(observation())
        before, chart = path.read_bytes(), session.chart
        with pytest.raises(ChartError) as caught:
            session.append(observation("60 mmHg", at="1 min"), entry)
        assert [item.code for item in caught.value.refusals] == [code]
        assert (path.read_bytes(), session.chart) == (before, chart)


def test_there_is_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "patient.journal"
    with Session.create(path, PROGRAM):
        with pytest.raises(SessionLocked):
            Session.open(path, PROGRAM)
        script = "import sys; from kb.session import *; from tests.running.patients import PROGRAM\n"
        script += "try: Session.open(sys.argv[1], PROGRAM)\nexcept SessionLocked as error: print(error.code)"
        made = subprocess.run(
            [sys.executable, "-c", script, path], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert made.stdout == "KB640\n"
    Session.open(path, PROGRAM).close()


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "ward" / "patient.journal"
    Session.create(path, PROGRAM).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [item.name for item in path.parent.iterdir()] == ["patient.journal"]


def test_a_new_session_writes_over_nothing(tmp_path: Path) -> None:
    path = tmp_path / "patient.journal"
    path.write_text("a letter")
    with pytest.raises(JournalExists):
        Session.create(path, PROGRAM)
    assert path.read_text() == "a letter"
    with pytest.raises(NotAJournal):
        Session.open(path, PROGRAM)
    with pytest.raises(NotAJournal):
        Session.open(tmp_path / "nowhere", PROGRAM)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SessionError):
        Session.create(path, PROGRAM)
    with pytest.raises(NotAJournal):
        Session.open(path, PROGRAM)


@pytest.mark.parametrize(
    "other",
    [{"id": "large"}, {"version": "1.1.0"}, {"logic_digest": "0" * 64}, {"text_digest": "0" * 64}],
    ids=lambda change: next(iter(change)),
)
def test_another_program_is_refused_by_name(tmp_path: Path, other: dict[str, str]) -> None:
    path = tmp_path / "patient.journal"
    Session.create(path, PROGRAM).close()
    with pytest.raises(OtherProgram, match=r"small@1\.0\.0"):
        Session.open(path, PROGRAM._replace(**other))  # type: ignore[arg-type]
    Session.open(path, PROGRAM).close()


def test_a_closed_session_takes_nothing(tmp_path: Path) -> None:
    session = Session.create(tmp_path / "patient.journal", PROGRAM)
    session.close()
    session.close()
    with pytest.raises(SessionClosed):
        session.append(observation())


def test_a_failed_write_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "patient.journal"
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 20:
            return write(descriptor, data[:20])
        raise OSError(28, "No space left on device")

    with Session.create(path, PROGRAM) as session:
        session.append(observation())
        before = path.read_bytes()
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            session.append(observation("60 mmHg"))
        monkeypatch.setattr(os, "write", write)
        assert path.read_bytes() == before
        assert session.append(observation("61 mmHg", at="1 min")) == ("e1",)


def test_a_line_cut_short_is_set_aside_and_said(tmp_path: Path) -> None:
    path = tmp_path / "patient.journal"
    with Session.create(path, PROGRAM) as session:
        session.append(observation())
        session.append(observation("60 mmHg", at="1 min"))
        chart = session.chart
    whole = path.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        with Session.open(path, PROGRAM) as again:
            assert [entry.id for entry in again.chart.entries] == ["e0"]
            assert again.set_aside == whole[start:end].decode()
        assert path.read_bytes() == whole[:start]
    beside = path.with_name("patient.journal.torn")
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    assert beside.read_bytes().splitlines()[-1] == whole[start : len(whole) - 1]
    path.write_bytes(whole)
    with Session.open(path, PROGRAM) as again:
        assert again.chart == chart


def test_a_journal_cut_within_its_beginning_is_no_empty_session(tmp_path: Path) -> None:
    path = tmp_path / "patient.journal"
    Session.create(path, PROGRAM, NOW).close()
    whole = path.read_bytes()
    assert whole.count(b"\n") == 2, "the first line and the opening are on disk at once"
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(JournalCut, match="cut short or emptied; nothing in it was changed") as caught:
            Session.open(path, PROGRAM)
        assert "begin a new session in another" in str(caught.value)
        assert path.read_bytes() == whole[:end]
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
    path.write_bytes(whole)
    with Session.open(path, PROGRAM) as session:
        assert [(entry.id, entry.event, entry.at) for entry in session.entries] == [("e0", "opened", NOW)]


def test_a_damaged_line_is_named_and_nothing_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "patient.journal"
    with Session.create(path, PROGRAM) as session:
        for minute in range(5, 0, -1):
            session.append(observation(at=f"{minute} min"))
    whole = path.read_bytes()
    lines = whole.split(b"\n")
    for number in range(2, 7):
        damaged = [*lines]
        damaged[number - 1] = damaged[number - 1].replace(b"58 mmHg", b"85 mmHg")
        path.write_bytes(b"\n".join(damaged))
        with pytest.raises(JournalDamaged, match=f"line {number}:") as caught:
            Session.open(path, PROGRAM)
        assert caught.value.line == number
        assert path.read_bytes() == b"\n".join(damaged)
    path.write_bytes(whole)
    Session.open(path, PROGRAM).close()


def test_every_error_has_a_code_of_the_table() -> None:
    kinds = (SessionLocked, JournalDamaged, JournalCut, OtherProgram, NotAJournal, JournalExists, SessionClosed)
    names = [CODES[kind.code].name for kind in kinds]
    assert names == [
        "session-locked",
        "damaged-journal",
        "journal-cut",
        "journal-of-another-protocol",
        "not-a-journal",
        "journal-exists",
        "session-closed",
    ]


def kill_and_reopen(path: Path, kills: int, seed: int) -> None:
    """Kill a writer at random moments, again and again; all that it acknowledged must be there."""
    dice = random.Random(seed)
    Session.create(path, PROGRAM).close()
    acknowledged = -1
    for _ in range(kills):
        command = [sys.executable, "-c", WRITER, str(path), str(acknowledged + 1)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(dice.random() * 0.02)
            writer.send_signal(signal.SIGKILL)
            said = [line for line in (first + writer.stdout.read()).split("\n")[:-1] if line]
        if said:
            acknowledged = int(said[-1])
        with Session.open(path, PROGRAM) as again:
            ids = {entry.id for entry in again.chart.entries}
            assert {f"n{number}" for number in range(acknowledged + 1)} <= ids
            # One more may have reached the disk without being acknowledged.
            assert len(ids) <= acknowledged + 2
            acknowledged = len(ids) - 1
    assert acknowledged >= kills - 1


def test_a_kill_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    kill_and_reopen(tmp_path / "patient.journal", 20, seed=1)


@pytest.mark.long
def test_two_hundred_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    kill_and_reopen(tmp_path / "patient.journal", 200, seed=2)


def test_a_session_advises_as_its_chart_does(tmp_path: Path) -> None:
    from kb.interpreter import advise

    with Session.create(tmp_path / "patient.journal", PROGRAM, opened=ago("30 min")) as session:
        session.append(observation())
        later = NOW + timedelta(seconds=1)
        assert session.advise(later).to_json() == advise(PROGRAM, session.chart, later).to_json()
