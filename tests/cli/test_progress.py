"""How far long work is: told on a terminal, and nowhere else."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import pytest

from kb.cli.progress import progress

pty = pytest.importorskip("pty", reason="no terminals of this kind here (Windows): the progress line was not tried")
IDS = ["a", "b\x1b[31m", "c"]


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> str:
    """What `work` writes to a standard error that is a terminal."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        work()
        stream.write("|")
        stream.flush()
        seen = ""
        while not seen.endswith("|"):
            seen += os.read(leader, 4096).decode()
    os.close(leader)
    return seen[:-1]


def test_long_work_is_told_and_nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))  # each look a second later
    seen = on_a_terminal(monkeypatch, lambda: list(progress("checking")(IDS)))
    assert "checking 2 of 3: b[31m" in seen
    assert "checking 3 of 3: c" in seen
    assert "1 of 3" not in seen
    assert seen.endswith("\r\x1b[2K")


def test_short_work_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_a_terminal(monkeypatch, lambda: list(progress("checking")(IDS))) == ""


def test_nothing_is_told_into_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    assert list(progress("checking")(IDS)) == IDS
    assert capsys.readouterr() == ("", "")


def test_the_line_goes_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))

    def fail() -> None:
        for each in progress("checking")(IDS):
            if each == "c":
                raise ValueError("no")

    def work() -> None:
        with pytest.raises(ValueError, match="no"):
            fail()

    assert on_a_terminal(monkeypatch, work).endswith("\r\x1b[2K")
