"""One slip that explains what is wrong with a whole file: found by undoing it in a copy.

A line moved by two spaces, or a heading deleted, makes the parser stumble further down, or half the schema fail. The
likely slips near that place are undone one at a time. One that leaves a file of the right shape is told at its own
line, in place of what it caused. Nothing is changed for the editor: the copy is thrown away.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from kb.codes import found
from kb.diagnostics import Diagnostic, Span
from kb.source import Source, inside_block_text, read_text
from kb.validator import Shape, check_shape, shape_of

_BY_A_SLIP: Final = frozenset(
    {"KB107", "KB108", "KB119", "KB121", "KB201", "KB202", "KB203", "KB208", "KB209", "KB210"}
)
_WIDTHS: Final = (2, -2, 1, -1, 4, -4, 3, -3)
_MOST_TRIED: Final = 300
_MOST_LINES: Final = 4_000  # a longer file is not read over and over
_MOST_LEFT: Final = 3  # of other mistakes elsewhere in the file
_APART: Final = 8  # lines between the slip and a mistake that has nothing to do with it
_KEY: Final = re.compile(r"(?:- +)*([\w-]+):(?: |$)")
_NAMES: Final = ("a-name", "a_name", "S999", "A999", "R999")  # in the forms that steps, data and evidence take
_TEXT_WITH_COLON: Final = re.compile(r"\s*(?:- +)*[\w-]+: +[^\s\"'\[{][^#]*: ")


class _Slip(NamedTuple):
    """A copy with one slip undone; `told` is what is said if it helps. `names` are headings that would do."""

    lines: list[str]
    told: Diagnostic
    name: str = ""


def told_as_a_slip(source: Source, kind: str, problems: Sequence[Diagnostic]) -> tuple[Diagnostic, ...] | None:
    """The `problems` of a file with those that one slip explains told as that slip; None where there is none.

    `problems` are all that the reader and the schema for files of `kind` found.
    """
    lines = source.text.split("\n")
    if not problems or len(lines) > _MOST_LINES or not any(one.code in _BY_A_SLIP for one in problems):
        return None
    if all(one.code == "KB203" and re.match(r"write `\[(?!-)", one.help or "") for one in problems):
        return None  # a value in its place that lacks its brackets: no line has moved
    unread = source.root is None
    if unread and (problems[-1].code not in _BY_A_SLIP or _TEXT_WITH_COLON.match(lines[problems[-1].span.line - 1])):
        return None
    before = {(one.code, one.message) for one in problems}
    best: list[tuple[_Slip, list[Diagnostic]]] = []
    for slip in _some(_Copies(source.file, lines, kind, problems, unread).all()):
        if best and not best[0][1] and slip.told.span != best[0][0].told.span:
            break  # nothing is left to explain; only other names for the same line were worth a look
        left = _left(slip, kind)
        if left is None or len(left) > _MOST_LEFT or any(_beside(one, slip.told) for one in left):
            continue
        if not unread and (len(left) >= len(problems) or not {(one.code, one.message) for one in left} <= before):
            continue
        if best and len(left) > len(best[0][1]):
            continue
        if best and len(left) < len(best[0][1]):
            best.clear()
        best.append((slip, left))
        if not left and (not slip.name or slip.name.strip(" :") in _NAMES):
            break
    if not best:
        return None
    first, left = best[0]
    kept = [one for one in problems if (one.code, one.message) in {(other.code, other.message) for other in left}]
    names = list(dict.fromkeys(slip.name for slip, _ in best if slip.name and slip.told.span == first.told.span))
    return (*kept, _missing(first.told.span, names) if first.name else first.told)


def _some(slips: Iterable[_Slip]) -> Iterator[_Slip]:
    for number, slip in enumerate(slips):
        if number == _MOST_TRIED:
            return
        yield slip


def _left(slip: _Slip, kind: str) -> list[Diagnostic] | None:
    """What is still wrong with the copy; None where it cannot be read."""
    made = read_text("\n".join(slip.lines), slip.told.span.file)
    return None if made.root is None else [*made.diagnostics, *check_shape(made.root, kind).diagnostics]


def _beside(one: Diagnostic, other: Diagnostic) -> bool:
    return abs(one.span.line - other.span.line) <= _APART


class _Copies:
    """The copies of one file that are worth a try, the likeliest first."""

    def __init__(self, file: str, lines: list[str], kind: str, problems: Sequence[Diagnostic], unread: bool) -> None:
        self.file, self.lines, self.kind = file, lines, kind
        hidden = inside_block_text(lines)
        #: Lines that are neither blank nor a comment nor text of a block; the places where a slip can be.
        self.plain = [
            number
            for number, line in enumerate(lines)
            if number not in hidden and line.strip() and not line.lstrip().startswith("#")
        ]
        self._indents = [len(line) - len(line.lstrip(" ")) for line in lines]
        self.misspelt = {one.span.line - 1 for one in problems if one.code == "KB201"}
        self.repeated = not unread and all(one.code == "KB108" for one in problems)
        #: A heading that is gone makes everything below it wrong; a line that has moved, only its neighbours.
        self.many = not unread and len(problems) > 9
        at = [one.span.line - 1 for one in problems]
        at = at if unread else sorted(at)
        self.rows = sorted({row for row in (at[-1:] if unread else at[:3]) if row in set(self.plain)})

    def all(self) -> Iterator[_Slip]:
        hollow, near = self._hollow(), self._near()
        if self.many:
            for row in sorted(near[:4], key=self._indent):  # the outermost has the fewest names that it can have
                yield from self._headed(row, 2)
        for widths, above in ((_WIDTHS[:2], 2), (_WIDTHS[2:], 4)):
            if not self.repeated:
                for row in near:
                    yield from self._shifted(row, [row + 1], widths)
                for row in hollow:
                    yield from self._shifted(row, self._ends(row, 8), widths)
                for row in near:
                    yield from self._shifted(row, self._ends(row, 1)[1:], widths)
            if above == 2:
                for row in near:
                    yield from self._dashed(row)
                    yield from self._keyed(row)
            for row in self.rows[:2]:
                yield from self._headed(row, above)

    # -- places

    def _near(self) -> list[int]:
        """The rows themselves, the line above each, and those above that each is read as belonging to or beside."""
        near: dict[int, None] = {}
        for row in self.rows:
            near[row] = None
            above = [number for number in self.plain if number < row]
            near.update(dict.fromkeys(above[-1:]))
            for depth in (self._indent(row) - 1, self._indent(row)):
                near.update(dict.fromkeys([number for number in above if self._indent(number) <= depth][-1:]))
        return list(near)

    def _hollow(self) -> list[int]:
        """The line behind a heading with nothing below it, the nearest above each row."""
        hollow: dict[int, None] = {}
        for row in self.rows:
            for number, after in reversed(list(zip(self.plain, self.plain[1:], strict=False))):
                empty = self.lines[number].split(" #")[0].rstrip().endswith(":")
                if number <= row and empty and self._indent(after) <= self._indent(number):
                    hollow[after] = None
                    break
        return list(hollow)

    def _indent(self, number: int) -> int:
        return self._indents[number]

    def _end(self, number: int) -> int:
        """The line behind the last that belongs to line `number`."""
        indent, indents, plain = self._indents[number], self._indents, self.plain
        later = (plain[at] for at in range(bisect_right(plain, number), len(plain)))
        return next((other for other in later if indents[other] <= indent), len(self.lines))

    # -- slips

    def _ends(self, row: int, runs: int) -> list[int]:
        """Behind which lines a part that begins with line `row` may end: the line itself, what belongs to it …"""
        ends = {row + 1: None}
        end = row
        for _ in range(runs):
            end = self._end(end)
            ends[end] = None
            if end >= len(self.lines) or self._indent(end) != self._indent(row):
                break
        behind = self._end(row)
        inside = [number for number in self.plain if row < number < behind]
        headings = [
            number
            for number in inside[1:]
            if self._indent(number) == self._indent(inside[0]) and self.lines[number].endswith(":")
        ]
        blank = [number for number in range(row + 1, len(self.lines)) if not self.lines[number].strip()]
        later = [number for number in self.rows if number > row] if runs > 1 else []
        return list(ends | dict.fromkeys([*later, *blank[:1], *headings[:3]]))

    def _shifted(self, row: int, ends: list[int], widths: tuple[int, ...]) -> Iterator[_Slip]:
        key = _KEY.match(self.lines[row].strip())
        if row in self.misspelt and key and key[1] not in _keys(self.kind) and not self.lines[row].endswith(":"):
            return  # a word the format does not have is misspelt, wherever it stands
        for end in ends:
            for width in widths:
                if self._indent(row) + width >= 0:
                    yield self._shift(row, end, width)

    def _shift(self, row: int, end: int, width: int) -> _Slip:
        moved = [" " * width + line if width > 0 else line[-width:] for line in self.lines[row:end] if line.strip()]
        blank = len(self.lines[row:end]) - len(moved)
        lines = [*self.lines[:row], *moved, *[""] * blank, *self.lines[end:]]
        count = len([number for number in self.plain if row <= number < end])
        spaces = "1 space" if abs(width) == 1 else f"{abs(width)} spaces"
        what = "this line begins" if count == 1 else f"this line and the {count - 1} below it begin"
        if count == 2:
            what = "this line and the one below it begin"
        side = "left" if width > 0 else "right"
        whom = "it" if count == 1 else "each of them"
        do = f"put {spaces} before {whom}" if width > 0 else f"take {spaces} away before {whom}"
        help = do + self._home(lines, row, "it belongs" if count == 1 else "they belong")
        return _Slip(lines, self._told("KB121", row, f"{what} {spaces} too far to the {side}", help))

    def _home(self, lines: list[str], row: int, belongs: str) -> str:
        """Where line `row` belongs once it is moved."""
        indent = len(lines[row]) - len(lines[row].lstrip())
        if not indent:
            return ", so that the line begins at the very left"
        for number in reversed([number for number in self.plain if number < row]):
            above = lines[number]
            key = _KEY.match(above.lstrip())
            deep = len(above) - len(above.lstrip()) + (len(above.lstrip()) - len(above.lstrip().lstrip("- ")))
            if deep < indent and key:
                return f", so that {belongs} to `{key[1]}:` in line {number + 1}"
        return ""

    def _dashed(self, row: int) -> Iterator[_Slip]:
        """A list item that has lost its dash, the space behind it, or has a sign of a text editor in its place."""
        line = self.lines[row]
        if item := re.match(r"( *)([-\u2013\u2014\u2022\u25cf\u25e6\u25aa\u00b7\uf0b7]) *(?=[^\s-])(.*)", line):
            lead, sign, rest = item.groups()
            if sign == "-" and line[len(lead) + 1] == " ":
                return
            lines = [*self.lines[:row], f"{lead}- {rest}", *self.lines[row + 1 :]]
            message = "a space is missing behind this dash" if sign == "-" else f"`{sign}` begins no item of a list"
            help = f"write `- ` (a dash and a space) {'before it' if sign == '-' else 'in its place'}"
            yield _Slip(lines, self._told("KB121", row, message, help))
        elif not line.lstrip().startswith("- "):
            lines = [*self.lines[:row], line[: self._indent(row)] + "- " + line.lstrip(), *self.lines[row + 1 :]]
            message = "this line stands in a list and does not begin with `- `"
            yield _Slip(lines, self._told("KB121", row, message, "write `- ` (a dash and a space) before it"))

    def _keyed(self, row: int) -> Iterator[_Slip]:
        """A key that has lost its colon, or a case its `when`."""
        line = self.lines[row].rstrip()
        if _KEY.match(line.lstrip()):
            return
        match = re.fullmatch(r"( *(?:- +)*)([A-Za-z][\w-]*)( *[=;,:] *| +|$)(.*)", line)
        lead, word, sign, rest = match.groups() if match else ("", "", "", "(")
        if word in _keys(self.kind) or not rest:
            value = f"{word}: {rest}".rstrip()
            lines = [*self.lines[:row], lead + value, *self.lines[row + 1 :]]
            lacks = f"a space is missing behind `{word}:`" if ":" in sign else f"the colon behind `{word}` is missing"
            yield _Slip(lines, self._told("KB121", row, lacks, f"write `{value[:60]}`"))
        if line.lstrip().startswith("- "):
            value = f"- when: {line.lstrip()[2:]}"
            lines = [*self.lines[:row], line[: self._indent(row)] + value, *self.lines[row + 1 :]]
            message = "this condition has keys below it and no `when:` of its own"
            yield _Slip(lines, self._told("KB121", row, message, "write `- when: ` before the condition"))

    def _headed(self, row: int, above: int) -> Iterator[_Slip]:
        """A heading that is gone, `above` spaces further left than line `row`: a name, then each key that can be."""
        indent = self._indent(row) - above
        if indent < 0:
            return
        top = set(shape_of(self.kind).properties)
        if indent:
            names = [*_NAMES, *(name for name in _headings(self.kind) if name not in top)]
            if self.lines[row].lstrip().startswith("- "):
                names += [f"- {name}" for name in ("all", "any", "none")]
        else:
            there = {key[1] for line in self.lines if (key := _KEY.match(line))}
            names = [name for name in _headings(self.kind) if name in top - there]
        for name in names:
            heading = f"{' ' * indent}{name}:"
            lines = [*self.lines[:row], heading, *self.lines[row:]]
            yield _Slip(lines, self._told("KB122", row, "", ""), heading)

    def _told(self, code: str, row: int, message: str, help: str) -> Diagnostic:
        line = self.lines[row]
        return found(
            code,
            Span(self.file, row + 1, self._indent(row) + 1, row + 1, len(line.rstrip()) + 1),
            message,
            help,
            "how far a line is indented says what it belongs to" if code == "KB121" else None,
        )


def _missing(span: Span, headings: list[str]) -> Diagnostic:
    indent = len(headings[0]) - len(headings[0].lstrip())
    names = [heading.strip() for heading in headings]
    before = f"with {indent} spaces before it" if indent else "at its very beginning"
    where = f"on a line of its own above this one, {before}"
    why = "without it this belongs to the part above"
    if names[0].rstrip(":") in _NAMES:
        return found("KB122", span, "the name of this part is missing", f"write its name and a colon {where}", why)
    shown = " or ".join(f"`{name}`" for name in names[:4])
    help = f"write {shown} {where}"
    if any("all:" in name for name in names):
        help += " (`all`: every one below holds; `any`: at least one; `none`: not one)"
    return found("KB122", span, f"the line {shown} is missing above this one", help, why)


@cache
def _keys(kind: str) -> frozenset[str]:
    """Every key that the format of files of `kind` has."""
    return frozenset(key for shape in _shapes(kind) for key in shape.properties)


@cache
def _headings(kind: str) -> tuple[str, ...]:
    """Keys that have a list or a group of keys below them."""
    found = {
        key: None
        for shape in _shapes(kind)
        for key, inner in shape.properties.items()
        if "object" in inner.types or "array" in inner.types or inner.kinds
    }
    return tuple(found)


def _shapes(kind: str) -> Iterator[Shape]:
    waiting, seen = [shape_of(kind)], set()
    while waiting:
        shape = waiting.pop(0)
        if id(shape) in seen:
            continue
        seen.add(id(shape))
        yield shape
        inner = [*shape.properties.values(), *(each for _, _, each in shape.patterns), *shape.kinds.values()]
        waiting += [*inner, *(each for each in (shape.extra, shape.items) if each is not None)]
