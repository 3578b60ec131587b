"""A compiled Program is run as it was compiled, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kb
from kb.codec import checksum, program_file

SHOCK = kb.load("refractory-hypotension", base=Path(__file__).parents[2])


def written(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    data = program_file(SHOCK.program)
    change(data)
    path = folder / "program.json"
    path.write_text(json.dumps(data))
    return path


def drop_the_rules(data: dict[str, Any]) -> None:
    data["rules"] = []


def retitle(data: dict[str, Any]) -> None:
    data["title"] = "Something else"


def forget_the_checksum(data: dict[str, Any]) -> None:
    del data["checksum"]


def approve(data: dict[str, Any]) -> None:
    data["state"] = "approved"
    data["checksum"] = checksum(data)


@pytest.mark.parametrize("change", [drop_the_rules, retitle, forget_the_checksum])
def test_a_program_that_was_changed_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(kb.LoadError, match="changed after it was compiled") as caught:
        kb.load_program(written(tmp_path, change))
    assert caught.value.code == "KB709"


def test_a_file_cannot_say_that_it_was_approved(tmp_path: Path) -> None:
    assert kb.load_program(written(tmp_path, approve)).program.state == "draft"


def test_an_unchanged_program_is_the_same_program(tmp_path: Path) -> None:
    assert kb.load_program(written(tmp_path, lambda data: None)).program == SHOCK.program
