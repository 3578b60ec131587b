"""Places as editors count them: lines and characters from 0, characters in UTF-16 units; and ours, from 1."""

from __future__ import annotations

from typing import NamedTuple

from kb.diagnostics import Span


class Position(NamedTuple):
    """A place between two characters."""

    line: int
    character: int


class Range(NamedTuple):
    start: Position
    end: Position


def units(text: str) -> int:
    """How many UTF-16 units `text` takes."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def column_of(line: str, character: int) -> int:
    """The index into `line` of the place `character` units into it; the end of the line if it is shorter."""
    if line.isascii():
        return min(max(character, 0), len(line))
    taken = 0
    for index, char in enumerate(line):
        if taken >= character:
            return index
        taken += 2 if ord(char) > 0xFFFF else 1
    return len(line)


def range_of(span: Span, lines: list[str]) -> Range:
    """The range of `span` in a text of `lines`; at least one character wide, and never outside the text."""
    start = _position(span.line, span.column, lines)
    end = max(_position(span.end_line, span.end_column, lines), start)
    if end == start and 0 <= start.line < len(lines):
        end = Position(start.line, min(start.character + 1, units(lines[start.line])))
    return Range(start, end)


def _position(line: int, column: int, lines: list[str]) -> Position:
    row = min(max(line - 1, 0), max(len(lines) - 1, 0))
    text = lines[row] if lines else ""
    if line - 1 > row:
        return Position(row, units(text))
    return Position(row, units(text[: max(column - 1, 0)]))
