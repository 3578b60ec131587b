"""The tables of site/docs/expressions.md say what the checker says, and name every unit of the library."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from kb.base import Base
from kb.codes import CODES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "site" / "docs" / "expressions.md").read_text("utf-8")
PROTOCOL = """format: 1
id: a-mistake
version: "0.1.0"
title: A mistake
question: What does the checker say?
purpose: educational
updated: 2026-01-27
start: look
steps:
  look:
    decide: What does the checker say?
    cases:
      - when: {condition}
        go: one
      - else: other
    if_unknown: other
  one:
    end: One
  other:
    end: Other
"""


def table(heading: str, first: str) -> list[list[str]]:
    """The rows of the table below `heading` whose first column is called `first`."""
    section = PAGE.partition(heading + "\n")[2]
    rows = section[section.index(f"| {first} |") :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


MISTAKES = table("## Typical mistakes", "written")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base")
    shutil.copytree(ROOT / "protocols" / "library", path / "protocols" / "library")
    (path / "protocols" / "a-mistake").mkdir()
    return path


def findings(base: Path, condition: str) -> list[tuple[str, str]]:
    (base / "protocols" / "a-mistake" / "0.1.0.yaml").write_text(PROTOCOL.format(condition=condition), "utf-8")
    told = Base(base).program("a-mistake")[1]
    return [(item.code, item.message) for item in told]


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: row[0])
def test_a_mistake_gives_the_message_of_the_table(base: Path, row: list[str]) -> None:
    written, code, says, instead = row
    assert findings(base, written.strip("`")) == [(code, says)]
    assert code in CODES
    right = re.fullmatch(r"`([^`]+)`", instead)
    if right is not None:
        assert findings(base, right[1]) == []


def test_every_unit_of_the_library_is_in_the_table() -> None:
    named = {word for row in table("## Doses", "for") for word in re.findall(r"`([^`]+)`", row[1])}
    assert named == set(Base(ROOT).library.units)
