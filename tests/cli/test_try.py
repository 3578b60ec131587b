"""`kb try`, run as an editor runs it: a real file is saved, and what is told is read off the output."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.shell import ROOT, kb

PROTOCOL = """\
format: 1
id: low-output
version: "0.1.0"
title: Low urine output
question: What comes first?
purpose: educational
updated: 2026-01-27
applies: age >= 18 years
start: output
steps:
  output:
    decide: Is output low?
    cases:
      - when: urine_output <= 50 mL/h
        go: fluid
      - else: enough
    cites: [S01]
  fluid:
    do: Give a bolus of balanced crystalloid
    give:
      drug: balanced-crystalloid
      amount: 250 mL
      route: iv
    priority: urgent
    strength: strong
    certainty: not graded
    cites: [S01]
  enough:
    end: Output is enough
    cites: [S01]
"""
STATEMENTS = """\
format: 1
protocol: low-output
source:
  title: A made-up leaflet
references:
  R1:
    title: A made-up leaflet
    kind: consensus
statements:
  S01:
    says: With 50 mL/h or less, give 250 mL of balanced crystalloid
    kind: dose
    cites: [R1]
"""
SCENARIOS = """\
format: 1
protocol: low-output
scenarios:
  exactly-50:
    title: 50 mL/h counts as low
    chart:
      age: 50 years
      urine_output: 50 mL/h
      therapy_record: complete
    expect:
      recommended: [fluid]
  plenty:
    title: More is enough
    chart:
      age: 50 years
      urine_output: 90 mL/h
    expect:
      outcomes: [enough]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base with one small protocol and the shipped library."""
    place = tmp_path / "protocols" / "low-output"
    (place / "scenarios").mkdir(parents=True)
    library = tmp_path / "protocols" / "library"
    library.mkdir()
    for file in (ROOT / "protocols" / "library").glob("*.yaml"):
        (library / file.name).write_bytes(file.read_bytes())
    (place / "0.1.0.yaml").write_text(PROTOCOL, encoding="utf-8")
    (place / "statements.yaml").write_text(STATEMENTS, encoding="utf-8")
    (place / "scenarios" / "first.yaml").write_text(SCENARIOS, encoding="utf-8")
    return tmp_path


class Watched:
    """A running `kb try`; its output is read by a thread, so that waiting for it can end."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.file = folder / "protocols" / "low-output" / "0.1.0.yaml"
        self.lines: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kb", "try", "low-output", *arguments],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def told(self, last: str = " s)\n") -> str:
        """Everything up to the line that ends a look."""
        text = ""
        while not text.endswith(last):
            line = self.lines.get(timeout=120)
            assert line, f"it ended: {text}"
            text += line
        return text

    def save(self, text: str) -> str:
        self.file.write_text(text, encoding="utf-8")
        return self.told()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)
        self.reader.join(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def watch(folder: Path) -> Iterator[Callable[..., Watched]]:
    started: list[Watched] = []

    def start(*arguments: str) -> Watched:
        watched = Watched(folder, *arguments)
        started.append(watched)
        first = watched.told("Ctrl-C ends\n")
        assert "fine: 3 steps; 2 of 2 scenarios as expected" in first
        return watched

    yield start
    for watched in started:
        watched.end()


def test_each_kind_of_save_tells_what_it_changed(watch: Callable[..., Watched]) -> None:
    watched = watch()

    told = watched.save(PROTOCOL.replace("<= 50 mL/h", "<= 40 mL/h"))
    assert "look: 3 steps; 1 of 2 scenarios as expected" in told
    assert "~ [output]" in told
    assert "{50 → 40} mL/h" in told
    assert "now fails  exactly-50" in told
    assert "first.yaml:4" in told
    assert "expected [fluid], got []" in told
    assert "1 step changed" in told

    told = watched.save(PROTOCOL)
    assert "back to where you began" in told
    assert "fine: 3 steps" in told

    told = watched.save(PROTOCOL.replace("250 mL", "500 mL"))
    assert "{250 → 500} mL" in told
    assert "other advice  exactly-50" in told
    assert "now fails" not in told

    told = watched.save(PROTOCOL.replace("250 mL", "500 mL").replace("Output is enough", "Output is plenty"))
    assert "{enough → plenty}" in told
    assert "250" not in told
    assert "no scenario changed" in told

    watched.save(PROTOCOL)
    told = watched.save(PROTOCOL.replace("  enough:\n", "  # a remark\n  enough:\n"))
    assert "nothing changed in what it says or does" in told
    assert "(as it was)" in told

    more = PROTOCOL.replace("        go: fluid\n", "        go: [fluid, look]\n").replace(
        "  enough:\n    end",
        "  look:\n    do: Look at the catheter\n    perform: Look whether the catheter drains\n"
        "    priority: asap\n    strength: strong\n    cites: [S01]\n  enough:\n    end",
    )
    told = watched.save(more)
    assert "+ [look] " in told
    assert "2 steps changed" in told  # the new one, and the one that leads to it
    assert "~ [fluid]" not in told
    told = watched.save(PROTOCOL)
    assert "back to where you began" in told


def test_a_broken_save_keeps_the_last_good_state(watch: Callable[..., Watched]) -> None:
    watched = watch()
    told = watched.save(PROTOCOL.replace("urine_output <=", "urine_ouput <="))
    assert "error[KB310 unknown-name]" in told
    assert "did you mean `urine_output`?" in told
    assert "not yet: 1 error" in told
    told = watched.save(PROTOCOL[:200] + "\n  : [\n")
    assert "not yet" in told
    assert "Traceback" not in told
    told = watched.save(PROTOCOL.replace("250 mL", "300 mL"))
    assert "{250 → 300} mL" in told
    assert "1 step changed" in told


def test_library_scenarios_and_local_settings_are_watched_too(watch: Callable[..., Watched], folder: Path) -> None:
    watched = watch()
    scenarios = folder / "protocols" / "low-output" / "scenarios" / "first.yaml"
    scenarios.write_text(SCENARIOS.replace("[enough]", "[fluid]"), encoding="utf-8")
    told = watched.told()
    assert "first.yaml" in told
    assert "now fails  plenty" in told
    scenarios.write_text(SCENARIOS, encoding="utf-8")
    assert "back to where you began" in watched.told()

    data = folder / "protocols" / "library" / "data.yaml"
    whole = data.read_text("utf-8")
    data.write_text(whole.replace("  urine_output:\n", "  urine_outflow:\n"), encoding="utf-8")
    told = watched.told()
    assert "data.yaml" in told
    assert "unknown name `urine_output`" in told
    data.write_text(whole, encoding="utf-8")
    assert "fine: 3 steps" in watched.told()

    (folder / "local.yaml").write_text("nonsense: 1\n", encoding="utf-8")
    assert "not yet: " in watched.told()
    (folder / "local.yaml").unlink()
    assert "fine: 3 steps" in watched.told()


def test_a_file_may_go_and_come_back_or_be_replaced_by_renaming(watch: Callable[..., Watched]) -> None:
    watched = watch()
    watched.file.unlink()
    told = watched.told()
    assert "not yet" in told
    assert "Traceback" not in told
    assert "fine: 3 steps" in watched.save(PROTOCOL)
    beside = watched.file.with_name(".0.1.0.yaml.swp")
    beside.write_text(PROTOCOL.replace("250 mL", "350 mL"), encoding="utf-8")
    os.replace(beside, watched.file)
    assert "{250 → 350} mL" in watched.told()


def test_the_chart_is_drawn_where_it_is_said(watch: Callable[..., Watched], tmp_path: Path) -> None:
    picture = tmp_path / "out" / "chart.svg"
    watched = watch("--svg", str(picture))
    assert "250 mL" in picture.read_text("utf-8")
    assert f"chart  {picture}" in watched.save(PROTOCOL.replace("250 mL", "450 mL"))
    assert "450 mL" in picture.read_text("utf-8")


def git(folder: Path, *arguments: str) -> None:
    named = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *named, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def test_one_look_compares_with_what_was_committed(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    done = kb("try", "low-output", "--once", folder=folder)
    assert done.code == 0, done.out + done.err
    assert "nothing changed in what it says or does" in done.out
    file = folder / "protocols" / "low-output" / "0.1.0.yaml"
    file.write_text(PROTOCOL.replace("<= 50 mL/h", "< 50 mL/h"), encoding="utf-8")
    done = kb("try", str(file), "--once", folder=folder)
    assert done.code == 1
    assert "now fails  exactly-50" in done.out
    assert "compared with HEAD" in done.out
    done = kb("try", "low-output", "--once", "--since", "no-such-revision", folder=folder)
    assert done.code == 2
    assert "no-such-revision" in done.err


def test_one_look_without_git_tells_the_verdict_and_the_whole_list(folder: Path) -> None:
    done = kb("try", "low-output", "--once", "--all", folder=folder)
    assert done.code == 0, done.out + done.err
    assert "nothing at HEAD to compare with" in done.out
    assert "[enough] Outcome: Output is enough" in done.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("low-outputt",), "did you mean `low-output`?"),
        (("no-such.yaml",), "there is no file"),
        (("low-output", "--svg", "protocols/low-output/x.svg"), "somewhere else"),
    ],
)
def test_what_cannot_be_tried_says_why(folder: Path, arguments: tuple[str, ...], told: str) -> None:
    done = kb("try", *arguments, folder=folder)
    assert done.code == 2
    assert told in done.err
    assert "Traceback" not in done.err
