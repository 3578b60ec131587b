"""`kb run` as a person meets it: in a terminal, from a script, killed and gone on with."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from tests.shell import Answer
from tests.shell import kb as in_process

ROOT = Path(__file__).parents[2]
AT = ("--at", "2026-01-27T12:00:00+00:00")
SHOCK = ("run", "refractory-hypotension", *AT)


def kb(*arguments: str, text: str = "", folder: Path = ROOT) -> Answer:
    return in_process("--base", str(ROOT), *arguments, folder=folder, stdin=text)


def test_a_script_of_answers_runs_to_the_advice() -> None:
    done = kb(*SHOCK, text="60\npresent\nunobtainable\nadvice\n")
    assert done.code == 0, done.err
    assert done.out.count("DRAFT, not approved for clinical use") == 2, "at the start, and on the full advice"
    assert "MAP unobtainable, at 12:00" in done.out
    assert "Start vasopressin as second agent" in done.out
    assert "nothing was kept" in done.out


def test_a_script_stops_at_the_first_line_that_is_not_taken() -> None:
    done = kb(*SHOCK, text="60\npresent\n580\nabsent\n")
    assert done.code == 2
    assert "outside the range" in done.out
    assert "line 3 of the script was not taken" in done.err
    assert "Traceback" not in done.err


def test_a_session_is_kept_private_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "bed 7.session"
    first = kb(*SHOCK, "--session", str(path), text="60\npresent\n")
    assert first.code == 0, first.err
    assert f"the session is kept in {path}" in first.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second = kb(*SHOCK, "--session", str(path), text="58\n")
    assert "KNOWN SO FAR" in second.out
    assert "age 60 years, at 12:00" in second.out
    assert "MAP 58 mmHg" in second.out
    other = kb("run", "anaphylaxis", *AT, "--session", str(path))
    assert other.code == 2
    assert "was made for refractory-hypotension@1.1.0" in other.err
    assert kb(*SHOCK, "--session", str(path), "--chart", "x.json").code == 2


def test_a_journal_that_was_cut_is_refused_or_what_is_missing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.session"
    assert kb(*SHOCK, "--session", str(path), text="60\npresent\n").code == 0
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for left in (b"", lines[0][:40], lines[0], lines[0] + lines[1][:40]):
        path.write_bytes(left)
        done = kb(*SHOCK, "--session", str(path), text="60\n")
        assert done.code == 2, left
        assert "cut short or emptied" in done.err
        assert "Take the journal from a copy" in done.err
        assert path.read_bytes() == left
    path.write_bytes(whole[:-10])
    done = kb(*SHOCK, "--session", str(path))
    assert "the last line of the journal was cut short" in done.out
    assert f"{path}.torn" in done.out
    assert "age 60 years" in done.out
    assert "pulse present" not in done.out


def test_a_session_begun_with_a_chart_and_emptied_is_refused(tmp_path: Path) -> None:
    path, chart = tmp_path / "a.session", tmp_path / "chart.json"
    entry = {"id": "a", "at": "2026-01-27T11:00:00+00:00", "kind": "observation", "element": "age", "value": "60 years"}
    chart.write_text(json.dumps({"entries": [entry]}))
    assert kb(*SHOCK, "--session", str(path), "--chart", str(chart)).code == 0
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    done = kb(*SHOCK, "--session", str(path))
    assert done.code == 2
    assert "has no entries" in done.err


def test_a_session_that_was_handed_over_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "a.session"
    done = kb(*SHOCK, "--session", str(path), text="60\nabsent\nswitch\nyes\n")
    assert "Go on with" in done.out
    again = kb(*SHOCK, "--session", str(path))
    assert again.code == 0, again.err
    assert "goes on with adult-cardiac-arrest@0.1.0" in again.out


def test_what_is_exported_gives_the_same_advice(tmp_path: Path) -> None:
    chart = tmp_path / "chart.json"
    answers = "60\npresent\nunobtainable\nnoradrenaline 0.3 as base\nvasopressin not running\nn\n"
    done = kb(*SHOCK, text=f"{answers}export {chart}\nexport {chart}\n")
    assert f"the chart is in {chart}" in done.out
    assert "there already" in done.out
    assert done.code == 2
    assert stat.S_IMODE(chart.stat().st_mode) == 0o600
    asked = kb("advise", "refractory-hypotension", *AT, "--chart", str(chart), "--format", "json")
    assert json.loads(asked.out)["recommended"][0]["step"] == "vasopressin"
    saved = tmp_path / "b.session"
    again = kb(*SHOCK, "--chart", str(chart), text=f"save {saved}\nadvice\n")
    assert again.code == 0, again.err
    assert "Start vasopressin as second agent" in again.out
    assert "KNOWN SO FAR" in kb(*SHOCK, "--session", str(saved)).out


def test_a_chart_of_the_examples_is_taken_in() -> None:
    chart = str(ROOT / "site" / "examples" / "flat-trace.json")
    begun = kb(*SHOCK, "--chart", chart)
    assert "norepinephrine 0.08 mcg/kg/min as base changed, at 11:42" in begun.out
    assert "nothing to be asked" not in begun.out
    taken = kb(*SHOCK, text=f"import {chart}\n")
    assert "taken in" in taken.out
    assert kb(*SHOCK, text="import nowhere.json\n").code == 2


def test_what_a_chart_or_a_session_leads_to_is_told_at_once(tmp_path: Path) -> None:
    chart, path = str(ROOT / "site" / "examples" / "flat-trace.json"), str(tmp_path / "e.session")
    for begun in (kb(*SHOCK, "--chart", chart, "--session", path), kb(*SHOCK, "--session", path)):
        assert "Start vasopressin as second agent" in begun.out
        assert "`advice`" in begun.out


def test_a_session_does_not_go_back_in_time(tmp_path: Path) -> None:
    path = str(tmp_path / "f.session")
    kb(*SHOCK, "--session", path, text="60\nwait 10 min\npresent\n")
    again = kb("run", "refractory-hypotension", "--at", "2026-01-27T12:05:00+00:00", "--session", path)
    assert again.code == 2
    assert "the last entry of the session is of 2026-01-27T12:10:00+00:00" in again.err


def test_a_session_is_not_saved_into_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = kb(*SHOCK, text=f"save {tmp_path / 'nowhere' / 'g.session'}\n")
    assert done.code == 2
    assert f"there is no folder {tmp_path / 'nowhere'}" in done.out
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "refractory-hypotenion"), "did you mean"),
        (("run", "refractory-hypotension", "--at", "noon"), "--at"),
        (("run", "refractory-hypotension", "--session", "README.md"), "not a journal"),
        (("run", "refractory-hypotension", "--chart", "nowhere.json"), "cannot read the chart"),
    ],
)
def test_what_cannot_begin_says_why(arguments: tuple[str, ...], told: str) -> None:
    done = kb(*arguments)
    assert done.code == 2
    assert told in done.err
    assert "Traceback" not in done.err


# ---------------------------------------------------------------- a real terminal


class Terminal:
    """`kb run` in a pseudo-terminal."""

    def __init__(self, *arguments: str, columns: int = 80) -> None:
        self.shown = b""
        self.process, self.file = pty.fork()
        if self.process == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # who starts the tests in the background has it ignored
            os.environ |= {"PYTHONPATH": str(ROOT), "TERM": "dumb", "COLUMNS": str(columns), "NO_COLOR": "1"}
            os.execv(sys.executable, [sys.executable, "-m", "kb", "--base", str(ROOT), *arguments])

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """What was shown up to and with `text`."""
        end = time.monotonic() + seconds
        while text.encode() not in self.shown:
            ready = select.select([self.file], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"no {text!r} in:\n{self.shown.decode()}"
            try:
                self.shown += os.read(self.file, 4096)
            except OSError:  # it has ended
                break
        before, found, rest = self.shown.partition(text.encode())
        assert found, f"no {text!r} in:\n{before.decode()}"
        self.shown = rest
        return (before + found).decode().replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self.file, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C, as often as a person presses it: one that comes while the line is being set up waits for the next."""
        for _ in range(60):
            self.type("\x03")
            if select.select([self.file], [], [], 1)[0]:
                return

    def ends_with(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


@pytest.mark.parametrize("columns", [80, 40])
def test_a_conversation_in_a_terminal_is_wrapped_to_its_width(columns: int) -> None:
    terminal = Terminal(*SHOCK, columns=columns)
    first = terminal.wait_for("> ")
    assert "DRAFT" in first
    assert all(len(line) <= columns for line in first.splitlines())
    terminal.type("60\n")
    shown = terminal.wait_for("[pulse]") + terminal.wait_for("\n> ")
    terminal.type("pres\t\n")
    shown += terminal.wait_for("[map]") + terminal.wait_for("\n> ")
    assert "pulse present, at 12:00" in shown
    assert all(len(line) <= columns for line in shown.splitlines())
    terminal.type("\x04")
    terminal.wait_for("nothing was kept")
    assert terminal.ends_with() == 0


def test_an_interrupt_ends_politely_and_says_where_the_session_is(tmp_path: Path) -> None:
    path = tmp_path / "c.session"
    terminal = Terminal(*SHOCK, "--session", str(path))
    terminal.wait_for("> ")
    terminal.type("60\n")
    terminal.wait_for("[pulse]")
    terminal.wait_for("> ")
    terminal.interrupt()
    assert "Traceback" not in terminal.wait_for("is kept in")
    assert terminal.ends_with() == 0


def test_a_killed_session_has_all_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "d.session"
    terminal = Terminal(*SHOCK, "--session", str(path))
    terminal.wait_for("> ")
    for answer, next_ in (("60", "[pulse]"), ("present", "[map]"), ("58", "[norepinephrine]")):
        terminal.type(f"{answer}\n")
        terminal.wait_for(next_)
    os.kill(terminal.process, signal.SIGKILL)
    assert terminal.ends_with() == -signal.SIGKILL
    again = kb(*SHOCK, "--session", str(path))
    assert again.code == 0, again.err
    for known in ("age 60 years", "pulse present", "MAP 58 mmHg"):
        assert known in again.out
    assert "[norepinephrine]" in again.out
