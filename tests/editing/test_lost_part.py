"""A protocol of which a part is gone is told as that, once; names that stand for nothing are few or told together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kb.diagnostics import Severity
from kb.linter import lint_protocol
from kb.loader.protocol import load_protocol_text
from tests.engine import PROTOCOLS, library
from tests.shell import kb

SHIPPED = sorted(PROTOCOLS.glob("*/[0-9]*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")
def test_a_file_cut_off_at_any_step_gives_few_errors_and_no_way_that_nobody_wrote(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines(keepends=True)
    begins = [number for number, line in enumerate(lines) if line.startswith("  ") and line[2:3].isalpha()]
    steps = lines.index("steps:\n")
    inside = [number for number in begins if number > steps]
    for number in inside[3 : len(inside) // 2 : 6]:
        found = checked("".join(lines[:number]), path)
        errors = [code for code, severity in found if severity is Severity.ERROR]
        assert 1 <= len(errors) <= 8, (number, errors)
        assert "KB403" not in errors


def checked(text: str, path: Path) -> list[tuple[str, Severity]]:
    protocol, found = load_protocol_text(text, str(path))
    made = [] if protocol is None else lint_protocol(protocol, library(PROTOCOLS / "library"))
    return [(item.code, item.severity) for item in (*found, *made)]


def test_what_is_missing_is_named_with_the_last_step_that_is_there(tmp_path: Path) -> None:
    home = tmp_path / "protocols" / "hyperkalaemia"
    home.mkdir(parents=True)
    (tmp_path / "protocols" / "library").symlink_to(PROTOCOLS / "library")
    whole = PROTOCOLS / "hyperkalaemia"
    (home / "statements.yaml").write_text((whole / "statements.yaml").read_text("utf-8"), "utf-8")
    text = (whole / "0.1.0.yaml").read_text("utf-8")
    (home / "0.1.0.yaml").write_text(text[: text.index("  insulin:\n    do:")], "utf-8")
    answer = kb("check", "hyperkalaemia", folder=tmp_path)
    assert answer.code == 1
    assert answer.out.count("error[") == 1
    assert "KB416" in answer.out
    assert re.search(r"stand for nothing that is in it: \d+ steps \(`", answer.out)
    assert "the last step of the file is" in answer.out
    assert "take it from an earlier state of the file" in answer.out
