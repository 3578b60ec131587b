"""What regions cannot decide is handed to the solver; without one it is said to be open, never passed over."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kb.base import Base
from tests.inspector.test_faults import ROOT

PROTOCOL = """\
format: 1
id: example
version: "0.1.0"
title: Two inputs compared
question: What next?
purpose: educational
updated: 2026-01-27
start: index
define:
  shock_index:
    title: Shock index
    unit: "1"
    cases:
      - value: heart_rate * 1 min / (systolic / 1 mmHg)
  points:
    title: Points
    unit: points
    exclusive: true
    cases:
      - when: shock_index >= 0 and shock_index <= 0.5
        value: 0 points
      - when: shock_index >= 0.5 and shock_index < 1
        value: 1 points
      - value: 2 points
steps:
  index:
    decide: How high is the shock index?
    cases:
      - when: shock_index >= 1 and points >= 1 points
        go: help
      - when: shock_index < 0.9
        go: fine
    cites: [S01]
  help:
    do: Call for help
    call: senior clinician
    priority: stat
    strength: strong
    certainty: not graded
    cites: [S01]
  fine:
    end: Nothing more
    cites: [S01]
"""
STATEMENTS = """\
format: 1
protocol: example
source: {title: Made up, publisher: Nobody, updated: 2026-01-27, banner: An example}
references:
  R1: {title: Made up, kind: guideline, publisher: Nobody, year: 2026, tier: self}
statements:
  S01: {says: Get help where the shock index is high, kind: act, wording: bare imperative, cites: [R1], support: direct}
"""
WITHOUT_SOLVER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "z3":
            raise ModuleNotFoundError("blocked", name="z3")

sys.meta_path.insert(0, Blocked())
from kb.base import Base
for item in Base(sys.argv[1]).examine(["example"]).diagnostics:
    print(item.code, item.severity.value, item.message, "|", item.help, "|", item.why)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "protocols" / "library", tmp_path / "protocols" / "library")
    own = tmp_path / "protocols" / "example"
    own.mkdir()
    (own / "0.1.0.yaml").write_text(PROTOCOL, encoding="utf-8")
    (own / "statements.yaml").write_text(STATEMENTS, encoding="utf-8")
    return tmp_path


def test_a_gap_and_an_overlap_of_what_is_worked_out_of_two_inputs_have_their_patients(folder: Path) -> None:
    found = Base(folder).examine(["example"]).diagnostics
    assert [item.code for item in found] == ["KB442", "KB440"]
    for item in found:
        assert item.example is not None
        shown = dict(item.example.chart)
        index = float(str(shown["heart_rate"]).split()[0]) / float(str(shown["systolic"]).split()[0])
        assert index == 0.5 if item.code == "KB442" else 0.9 <= index < 1


def test_without_a_solver_the_same_is_told_as_not_decided(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOLVER, str(folder)], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    assert all(line.startswith("KB449 note not decided: ") for line in lines), lines
    assert [code for code in ("KB440", "KB442") if any(f"({code})" in line for line in lines)] == ["KB440", "KB442"]
    assert all("install z3-solver" in line and "z3-solver is not installed" in line for line in lines)
