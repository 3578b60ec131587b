"""Planted faults are told once, at their place, with a patient whom the interpreter confirms; what ships is clean."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from kb.base import Base
from kb.diagnostics import Diagnostic
from kb.interpreter import Guideline
from kb.report import report_of
from kb.report.json import render
from kb.scenarios import NOW

ROOT = Path(__file__).parents[2]
FAULTS = yaml.safe_load((Path(__file__).parent / "faults.yaml").read_text(encoding="utf-8"))
SHIPPED = sorted(Base(ROOT).protocols())


def base_with(folder: Path, fault: dict[str, Any]) -> Base:
    """A base whose protocol, or library, has the fault."""
    shutil.copytree(ROOT / "protocols", folder / "protocols")
    own = f"{fault['protocol']}/{Base(ROOT).protocols()[fault['protocol']][-1]}.yaml"
    for edit in (fault, *fault.get("also", ())):
        file = folder / "protocols" / edit.get("file", own)
        text = file.read_text(encoding="utf-8")
        assert edit["old"] in text, "the protocol has changed: choose another place for this fault"
        file.write_text(text.replace(edit["old"], edit["new"], 1), encoding="utf-8")
    return Base(folder)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["fault"])
def test_a_planted_fault_is_told_once_at_its_place(fault: dict[str, Any], tmp_path: Path) -> None:
    base = base_with(tmp_path, fault)
    found = base.examine([fault["protocol"]]).diagnostics
    assert [item.code for item in found] == fault["told"]
    first = found[0]
    assert fault["says"] in first.message
    lines = Path(first.span.file).read_text(encoding="utf-8").splitlines()
    assert fault["line"] in lines[first.span.line - 1]
    assert first.help
    if first.code in ("KB440", "KB441", "KB442", "KB448"):
        patient_is_confirmed(base, fault, found)


def patient_is_confirmed(base: Base, fault: dict[str, Any], found: Sequence[Diagnostic]) -> None:
    data = json.loads(render(report_of(found)))["diagnostics"][0]["patient"]
    assert data["id"].startswith(fault["told"][0])
    program, _ = base.program(fault["protocol"])
    assert program is not None
    settings = {"parameters": data["parameters"]} if data["parameters"] else {}
    advice = Guideline(program).advise(data["chart"], NOW, local=settings)
    assert not advice.refused
    if fault["told"][0] == "KB440":
        assert "gap" in [alert.id for alert in advice.alerts]


KNOWN = {"anaphylaxis": ["KB484"], "local-anaesthetic-toxicity": ["KB484"]}
"""What is allowed in place: no protocol for the arrest of a child ships, and the note of the step says so."""


@pytest.mark.parametrize("protocol", SHIPPED)
def test_what_ships_is_clean_but_for_what_its_text_admits(protocol: str) -> None:
    base = Base(ROOT)
    file = base.file(protocol)
    assert file is not None
    found = base.inspect(file)
    assert [item for item in found if item.allowed is None] == []
    assert [item.code for item in found] == KNOWN.get(protocol, [])
