"""`kb prove` tells what a protocol can do over several looks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kb.base import Base

ROOT = Path(__file__).parents[2]
PROTOCOL = """\
format: 1
id: twice
version: "1.0.0"
title: Epinephrine while the pressure is low
question: What next?
purpose: educational
updated: 2026-01-27
start: epinephrine
steps:
  epinephrine:
    do: Epinephrine
    give:
      drug: epinephrine
      amount: 1 mg
      route: iv
    until: map >= 65 mmHg
    priority: stat
    strength: strong
    cites: [S01]
"""
STATEMENTS = """\
format: 1
protocol: twice
source: {title: A made-up leaflet}
references:
  R1: {title: A made-up leaflet, kind: guideline}
statements:
  S01: {says: Give epinephrine 1 mg while the pressure is below 65 mmHg, kind: act, cites: [R1]}
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "protocols" / "twice"
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "protocols" / "library", tmp_path / "protocols" / "library")
    (folder / "1.0.0.yaml").write_text(PROTOCOL, encoding="utf-8")
    (folder / "statements.yaml").write_text(STATEMENTS, encoding="utf-8")
    return tmp_path


def test_a_drug_that_is_advised_again_at_once_is_told_with_the_run(base: Path) -> None:
    (proofs,) = Base(base).prove(["twice"])
    (broken,) = [verdict for verdict in proofs.verdicts if verdict.run is not None]
    assert broken.property.id == "over-time:rest:epinephrine"
    assert [look.advised for look in broken.run.looks] == [("epinephrine",)] * 3  # type: ignore[union-attr]
    assert any(item.code == "KB810" and "over-time:rest:epinephrine" in item.message for item in proofs.diagnostics)
    chart = json.loads(json.dumps(broken.to_json()))["chart"]
    assert sum(entry.get("event") == "given" for entry in chart["entries"]) == 3


def test_no_look_at_all_claims_nothing_over_time(base: Path) -> None:
    (proofs,) = Base(base).prove(["twice"], moments=0)
    assert not any(verdict.property.id.startswith("over-time:") for verdict in proofs.verdicts)
