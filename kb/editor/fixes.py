"""The one-step repair of a diagnostic, where its help names one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from kb.diagnostics import Diagnostic
from kb.editor.places import Range, range_of

_MEANT = re.compile(r"did you mean `([^`]+)`\?")


class Fix(NamedTuple):
    """Put `text` in place of `range`; `title` names it in a menu."""

    title: str
    range: Range
    text: str


def fix_of(diagnostic: Diagnostic, lines: Sequence[str]) -> Fix | None:
    """The nearest spelling in place of the wrong one; None where the help names none, or the place holds more."""
    span = diagnostic.span
    meant = _MEANT.search(diagnostic.help or "")
    if meant is None or span.line != span.end_line or not 1 <= span.line <= len(lines):
        return None
    line = lines[span.line - 1]
    start = span.column - 1
    written = line[start : span.end_column - 1]
    wrong = next((word for word in re.findall(r"`([^`]+)`", diagnostic.message) if word and word in written), None)
    if wrong is None or meant[1] == wrong:
        return None
    start += written.index(wrong)
    end = start + len(wrong)
    place = type(span)(span.file, span.line, start + 1, span.line, end + 1)
    return Fix(f"Change to {meant[1]}", range_of(place, list(lines)), meant[1])
