"""`kb vectors`: one JSON object a line, always the same, or words where nothing can be made."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_cli import Kb, kb

__all__ = ["kb"]  # the fixture


def test_worked_patients_come_first_then_generated_ones(kb: Kb) -> None:
    answer = kb("vectors", "anaphylaxis", "--count", "3")
    made = [json.loads(line) for line in answer.out.splitlines()]
    names = [vector["name"] for vector in made]
    assert answer.code == 0
    assert len(names) > 20
    assert names[-3:] == ["generated-0-0", "generated-0-1", "generated-0-2"]
    assert all(("refused" in vector) != ("advice" in vector) for vector in made)
    assert {vector["advice"]["state"] for vector in made if "advice" in vector} == {"draft"}


def test_a_file_holds_what_would_be_printed(kb: Kb, tmp_path: Path) -> None:
    file = tmp_path / "vectors.jsonl"
    answer = kb("vectors", "anaphylaxis", "-n", "2", "--seed", "5", "--output", str(file))
    assert answer.out == f"{file}: {len(file.read_text().splitlines())} vectors\n"
    assert file.read_text(encoding="utf-8") == kb("vectors", "anaphylaxis", "-n", "2", "--seed", "5").out


def test_what_cannot_be_made_is_said(kb: Kb, tmp_path: Path) -> None:
    assert "there is no protocol `anaphylaxi`" in kb("vectors", "anaphylaxi").err
    assert kb("vectors", "anaphylaxis", "--output", str(tmp_path / "no" / "where")).code == 2
