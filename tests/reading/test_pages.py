"""The examples on the pages of KB1xx and KB2xx give exactly the diagnostics they are marked with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kb.codes import CODES, FORMATTING
from kb.formatter import format_file
from tests.reading.files import BLOCK, PAGES, check_file, kind_of

EXAMPLES = [
    pytest.param(page.stem, kind, text, id=f"{page.stem}-{kind}")
    for page in PAGES
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("page", "kind", "text"), EXAMPLES)
def test_the_example_of_a_page_gives_exactly_what_it_is_marked_with(
    page: str, kind: str, text: str, tmp_path: Path
) -> None:
    named = re.match(r"# file: (\S+)\n", text)
    path = tmp_path / (named.group(1) if named else "example.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    expected = {
        (number, match.group(1))
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := re.search(r"# expect: (KB\d+)", line))
    }
    if page in FORMATTING:
        found = list(format_file(path)[1].diagnostics)
    else:
        found = check_file(path, kind_of(named.group(1) if named else "example.yaml"))
    assert {(one.span.line, one.code) for one in found} == expected, found
    assert (kind == "bad") == bool(expected)
    assert {code for _, code in expected} <= {code for code in [page] if kind == "bad"}


@pytest.mark.parametrize("code", sorted(code for code in CODES if code[:3] in ("KB1", "KB2")))
def test_every_code_of_reading_has_a_page_with_its_name(code: str) -> None:
    (page,) = [page for page in PAGES if page.stem == code]
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {code} {CODES[code].name}\n")
    assert "**Why it matters.**" in text
    assert "**What to do.**" in text
