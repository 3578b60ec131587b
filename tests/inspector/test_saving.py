"""One command makes a worked patient of the patient of a finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.base import Base
from kb.cli import run
from kb.interpreter import Guideline
from kb.scenarios import run_scenario
from tests.inspector.test_faults import FAULTS, base_with

GAP = next(fault for fault in FAULTS if "leaves a hole" in fault["fault"])


def check(folder: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        run(["--base", str(folder), "check", GAP["protocol"], *arguments])
    return int(left.value.code or 0)


def test_the_patient_of_a_finding_becomes_a_worked_patient(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base_with(tmp_path, GAP)
    assert check(tmp_path, "--save-scenario", "KB440:ecg-question") == 1
    assert "wrote `gap-ecg-question`" in capsys.readouterr().out
    base = Base(tmp_path)
    found, _ = base.check([GAP["protocol"]])
    assert [item.code for item in found] == GAP["told"]  # nothing is wrong with what was written
    program, _ = base.program(GAP["protocol"])
    assert program is not None
    (scenario,), _ = base.scenarios(tmp_path / "protocols" / GAP["protocol"] / "scenarios" / "found.yaml")
    assert run_scenario(Guideline(program), scenario).passed
    assert "gap" in scenario.expect["alerts"]


def test_a_finding_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base_with(tmp_path, GAP)
    assert check(tmp_path, "--save-scenario", "KB440:ecg-qestion") == 2
    assert "did you mean `KB440:ecg-question`?" in capsys.readouterr().err


def test_an_allowed_finding_fails_nothing_and_an_allowance_that_nothing_needs_is_told(tmp_path: Path) -> None:
    fault = next(item for item in FAULTS if item["told"] == ["KB445"])
    base = base_with(tmp_path, fault)
    file = base.file(fault["protocol"])
    assert file is not None
    allow = (
        "    allow:\n      KB445:\n        because: Kept while the source is read again\n"
        "        by: critical-care physician\n        until: 2027-01-01\n"
    )
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("\n  allergy:\n", f"\n  allergy:\n{allow}"), encoding="utf-8")
    examined = Base(tmp_path).examine([fault["protocol"]])
    assert not examined.diagnostics
    assert [item.code for item in examined.allowed].count("KB445") == 1
    file.write_text(
        text.replace("\n  allergy:\n", f"\n  allergy:\n{allow}").replace(fault["new"], fault["old"]), encoding="utf-8"
    )
    assert [item.code for item in Base(tmp_path).check([fault["protocol"]])[0]] == ["KB531"]
