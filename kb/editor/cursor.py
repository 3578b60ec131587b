"""Where a cursor stands: the keys above it and what is written before it, read from indentation alone.

The text is being typed, so it is seldom YAML at that moment; nothing here needs it to be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from kb.validator import Shape, shape_of

ITEM = "-"
_PIECE = re.compile(r"(-)(?=\s|$)|([A-Za-z_][\w.@-]*|\"[^\"]*\"|'[^']*')\s*:(?=\s|$)")


class Cursor(NamedTuple):
    """`path` holds the keys from the top of the file, `-` for an item of a list; `before` is what the value says so
    far; `is_key` where no key stands on this line yet. `beside` are keys and values written next to it.
    """

    path: tuple[str, ...]
    before: str
    is_key: bool
    beside: dict[str, str]


def _pieces(line: str) -> tuple[list[tuple[int, str]], int]:
    """The dashes and the key that begin a line, with their columns; and where what follows them begins."""
    found: list[tuple[int, str]] = []
    at = len(line) - len(line.lstrip(" "))
    while match := _PIECE.match(line, at):
        if match[1]:
            found.append((at, ITEM))
        else:
            found.append((at, match[2].strip("\"'")))
        end = match.end()
        at = end + len(line[end:]) - len(line[end:].lstrip(" "))
        if not match[1]:
            break
    return found, at


def cursor_at(lines: Sequence[str], row: int, column: int) -> Cursor:
    """What the text says about the place before `column` of line `row`, both counted from 0."""
    line = lines[row][:column] if row < len(lines) else ""
    own, at = _pieces(line)
    before = line[at:]
    limit = own[0][0] if own else len(line) - len(line.lstrip(" "))
    chain = list(own)
    first_is_item = bool(own) and own[0][1] == ITEM
    if not own and before.strip() == "":
        limit = column if not before else at
    beside: dict[str, str] = {}
    level = own[-1][0] if own else limit
    for number in range(row - 1, -1, -1):
        text = lines[number]
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        pieces, rest = _pieces(text)
        if not pieces:
            continue
        if pieces[-1][0] == level and (pieces[0][0] == level or ITEM in (name for _, name in pieces)):
            beside.setdefault(pieces[-1][1], text[rest:].strip())
        for place, name in reversed(pieces):
            # A list may begin at the column of its key; everything else stands deeper than what holds it.
            if place < limit or (place == limit and first_is_item and name != ITEM):
                chain.insert(0, (place, name))
                limit, first_is_item = place, name == ITEM
        if pieces[0][0] < level:
            level = -1  # what stands further up is not beside it
        if limit == 0 and not first_is_item:
            break
    path = [name for _, name in chain]
    is_key = not own or own[-1][1] == ITEM
    return _in_brackets(path, before, is_key, beside)


def _in_brackets(path: list[str], before: str, is_key: bool, beside: dict[str, str]) -> Cursor:
    """Go into `[…]` and `{…}` written on the line."""
    text = before
    while match := re.match(r"\s*([\[{])", text):
        inside, depth, start, stack = text[match.end() :], 0, 0, ""
        for index, char in enumerate(inside):
            if char in "[{(":
                depth += 1
                stack += char
            elif char in "]})":
                depth -= 1
                stack = stack[:-1]
            elif char == "," and depth == 0:
                if match[1] == "{":
                    _note(inside[start:index], beside)
                start = index + 1
            if depth < 0:
                return Cursor(tuple(path), "", False, beside)
        text = inside[start:].lstrip()
        if match[1] == "[":
            path.append(ITEM)
            is_key = False
        else:
            key = re.match(r"([\w-]+)\s*:\s+", text)
            is_key = key is None
            if key is not None:
                path.append(key[1])
                text = text[key.end() :]
    return Cursor(tuple(path), text, is_key, beside)


def _note(pair: str, beside: dict[str, str]) -> None:
    key, colon, value = pair.partition(":")
    if colon:
        beside[key.strip()] = value.strip()


def shape_at(kind: str, cursor: Cursor) -> Shape | None:
    """What the schema for files of `kind` expects at the place; for a key, the group that the key belongs to."""
    shape: Shape | None = shape_of(kind)
    steps = list(cursor.path)
    for index, name in enumerate(steps):
        if shape is None:
            return None
        if name == ITEM:
            shape = shape.items
            continue
        if shape.kinds:
            following = {name, *cursor.beside}
            kinds = [one for key, one in shape.kinds.items() if key in following] or [
                one for one in shape.kinds.values() if name in one.properties
            ]
            shape = kinds[0] if kinds else None
            if shape is None:
                return None
        inner = shape.properties.get(name)
        if inner is None:
            inner = next((found for pattern, _, found in shape.patterns if pattern.match(name)), shape.extra)
        if inner is None and index == len(steps) - 1 and not cursor.is_key:
            return None
        shape = inner
    return shape
