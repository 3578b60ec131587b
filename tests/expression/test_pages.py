"""The pages of KB3xx are true: the bad example is found as it says and nothing else, the good one is clean."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from kb import model
from kb.codes import CODES
from kb.diagnostics import Diagnostic
from kb.expression.library import check_library
from kb.linter import lint_protocol
from kb.loader.library import load_library
from kb.loader.protocol import load_protocol_text

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "kb" / "explain").glob("KB3*.md"))
BLOCK = re.compile(r"^```yaml (bad|good)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# An example has no statements file, so what it cites, and whether all of a source is used, is not judged here.
ELSEWHERE = re.compile(r"KB5\d\d")


@cache
def library() -> model.Library:
    made, found = load_library(ROOT / "protocols" / "library")
    assert made is not None, found
    return made


def examine(text: str, tmp_path: Path) -> list[Diagnostic]:
    if text.startswith("# file: "):
        for part in ("data.yaml", "drugs.yaml", "units.yaml"):
            source = text if text.startswith(f"# file: {part}\n") else None
            original = (ROOT / "protocols" / "library" / part).read_text(encoding="utf-8")
            (tmp_path / part).write_text(source or original, encoding="utf-8")
        made, found = load_library(tmp_path)
        return [*found, *(check_library(made) if made is not None else [])]
    protocol, found = load_protocol_text(text, "example.yaml", library())
    return [*found, *(lint_protocol(protocol, library()) if protocol is not None else [])]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem} {CODES[page.stem].name}\n")
    blocks = BLOCK.findall(text)
    assert [kind for kind, _ in blocks] == ["bad", "good"]
    for kind, block in blocks:
        marked = {
            (number, code)
            for number, line in enumerate(block.splitlines(), start=1)
            for code in re.findall(r"# expect: (KB\d+)", line)
        }
        found = [item for item in examine(block, tmp_path) if not ELSEWHERE.fullmatch(item.code)]
        assert {(item.span.line, item.code) for item in found} == marked, found
        assert bool(marked) == (kind == "bad")


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert [page.stem for page in PAGES] == sorted(code for code in CODES if code.startswith("KB3"))
