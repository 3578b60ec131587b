"""Knowledge bases for the tests of the language server: copies of the shipped one, and texts with a cursor."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CURSOR = "¦"


def copied(folder: Path, *protocols: str) -> Path:
    """A base in `folder` with the shipped library and the named protocols."""
    for name in ("library", *protocols):
        shutil.copytree(ROOT / "protocols" / name, folder / "protocols" / name)
    return folder


class Place(NamedTuple):
    """A text without its cursor, and where the cursor stood: line and UTF-16 character, from 0."""

    text: str
    line: int
    character: int


def with_cursor(text: str, anchor: str, replacement: str) -> Place:
    """`text` with `anchor`, which stands in it once, replaced; the cursor is the `¦` of the replacement."""
    assert text.count(anchor) == 1, (anchor, text.count(anchor))
    whole = text.replace(anchor, replacement)
    before, found, _ = whole.partition(CURSOR)
    assert found
    line = before.rpartition("\n")[2]
    return Place(whole.replace(CURSOR, ""), before.count("\n"), len(line.encode("utf-16-le")) // 2)
