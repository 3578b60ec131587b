"""Who has a table read to them is told the name of every column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kb.codes import CODES
from kb.editor.schemas import kinds
from kb.generator.reference import diagnostics_page, format_page
from kb.validator import schema_document

ROOT = Path(__file__).parents[2]
PAGES = {
    "format": format_page({kind: schema_document(kind) for kind in kinds()}),
    "diagnostics": diagnostics_page(CODES, CODES),
    **{page.stem: page.read_text("utf-8") for page in sorted((ROOT / "site" / "docs").glob("*.md"))},
}


@pytest.mark.parametrize("page", PAGES)
def test_every_column_has_a_name(page: str) -> None:
    for heads in re.findall(r"^(\|.*)\n\|[ :|-]*-[ :|-]*$", PAGES[page], re.MULTILINE):
        assert all(head.strip() for head in heads.strip().strip("|").split("|")), heads
