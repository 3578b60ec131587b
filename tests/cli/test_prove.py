"""`kb prove`: what it prints, what it writes, and how it exits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kb import Guideline
from kb.base import Base
from tests.shell import ROOT, kb

PROPERTY = "prove:\n  never-treated:\n    title: Nobody is given a bolus\n    always: not recommends(vasopressin)\n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The first protocol with a property that does not hold."""
    shutil.copytree(ROOT / "protocols" / "library", tmp_path / "protocols" / "library")
    for id in ("refractory-hypotension", "adult-cardiac-arrest"):
        shutil.copytree(ROOT / "protocols" / id, tmp_path / "protocols" / id)
    file = tmp_path / "protocols" / "refractory-hypotension" / "1.0.0.yaml"
    text = file.read_text("utf-8").partition("\nprove:\n")[0]
    file.write_text(text.rstrip("\n") + "\n\n" + PROPERTY, "utf-8")
    return tmp_path


def test_what_is_proved_exits_0() -> None:
    done = kb("prove", "refractory-hypotension@1.0.0", "--property", "never-silent", folder=ROOT)
    assert (done.code, done.err) == (0, "")
    assert "proved     never-silent" in done.out


def test_what_is_refuted_exits_1_and_shows_the_patient(base: Path) -> None:
    done = kb("--base", str(base), "prove", "refractory-hypotension@1.0.0", "-p", "never-treated")
    assert done.code == 1
    assert "REFUTED    never-treated: Nobody is given a bolus" in done.out
    assert "patient: " in done.out
    (advice,) = (line for line in done.out.splitlines() if "advice: " in line)
    assert "vasopressin 0.03 to 0.04 units/min" in advice


def test_json_holds_a_patient_that_can_be_advised(base: Path) -> None:
    done = kb("--base", str(base), "prove", "refractory-hypotension@1.0.0", "-p", "never-treated", "-f", "json")
    (proofs,) = json.loads(done.out)
    (verdict,) = proofs["properties"]
    assert (verdict["outcome"], verdict["line"] > 1) == ("refuted", True)
    program, _ = Base(base).program("refractory-hypotension", "1.0.0")
    assert program is not None
    advice = Guideline(program).advise(verdict["patient"]["chart"], local=verdict["patient"]["local"])
    assert "vasopressin" in [item.step for item in advice.recommended]


def test_the_patient_becomes_a_scenario_that_runs(base: Path) -> None:
    arguments = ("--base", str(base), "prove", "refractory-hypotension@1.0.0", "--save-scenario", "never-treated")
    done = kb(*arguments)
    written = base / "protocols" / "refractory-hypotension" / "scenarios" / "proved-never-treated.yaml"
    assert f"wrote {written}" in done.out
    assert kb("--base", str(base), "test", "refractory-hypotension@1.0.0").code == 0
    assert kb("--base", str(base), "fmt", "--check").code == 0
    again = kb(*arguments)
    assert again.code == 2
    assert "is there already" in again.err


def test_a_misspelt_property_gets_a_suggestion() -> None:
    done = kb("prove", "refractory-hypotension", "--property", "never-silnt", folder=ROOT)
    assert done.code == 2
    assert "did you mean `never-silent`?" in done.err


def test_a_protocol_with_errors_is_not_proved(base: Path) -> None:
    file = base / "protocols" / "refractory-hypotension" / "1.0.0.yaml"
    file.write_text(
        file.read_text("utf-8").replace("not recommends(vasopressin)", "not recommends(vasopresin)"), "utf-8"
    )
    done = kb("--base", str(base), "prove", "refractory-hypotension@1.0.0")
    assert done.code == 2
    assert "KB801" in done.out + done.err


def test_too_little_time_is_undecided_and_never_proved(base: Path) -> None:
    done = kb("--base", str(base), "prove", "refractory-hypotension@1.0.0", "--timeout", "0.01", "-f", "json")
    outcomes = {verdict["outcome"] for proofs in json.loads(done.out) for verdict in proofs["properties"]}
    assert outcomes <= {"proved", "undecided", "refuted"}


def test_without_the_solver_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "z3.py").write_text("raise ImportError('not here')\n", "utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-m", "kb", "prove", "refractory-hypotension"],
        capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "guideline-kb[prove]" in done.stderr
