"""A YAML file as a tree of nodes with places, or the reasons why it is none.

Files are untrusted. Size and characters are checked before the parser sees the text; the tree is built
without recursion from parser events, which stop at the first that goes too deep. Nothing is guessed: a
scalar stays the text it is (`no`, `010`, `12:30`, `1.0.0`) until the schema says what belongs there.
The traps YAML lays for prose and comparisons get their own diagnostics.
"""

from __future__ import annotations

import re
import stat
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Span
from kb.letters import foreign_letter

MAX_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 60
MAX_NODES: Final = 50_000
MAX_SCALAR: Final = 50_000
MAX_DIAGNOSTICS: Final = 100

try:
    from yaml import CLoader as _Loader
except ImportError:  # the C extension is absent: the same events, more slowly
    from yaml import Loader as _Loader  # type: ignore[assignment]


# ---------------------------------------------------------------- nodes


class Scalar(NamedTuple):
    """One value as text. `style` is empty for unquoted text, else `'`, `"`, `|` or `>`.

    `raw` is what stands in the file, where that differs from `text`. `cut` marks unquoted text that a
    `#` one space behind it ends. `faulty` nodes have their diagnostic already and are passed over.
    """

    text: str
    span: Span
    style: str = ""
    raw: str = ""
    cut: bool = False
    faulty: bool = False
    commented: bool = False  # nothing but a comment stands where the value should be

    def place(self, start: int, end: int | None = None) -> Span:
        """The place in the file of `text[start:end]`; without `end`, of one character."""
        end = start + 1 if end is None else max(end, start)
        if not self.raw:
            line, column = self.span.line, self.span.column
            return Span(self.span.file, line, column + start, line, column + end)
        first, last = _raw_offsets(self, start, end)
        return Span(self.span.file, *_moved(self, first), *_moved(self, last))

    def at(self, offset: int) -> Span:
        """The place of the character at `offset` of `text`."""
        return self.place(offset)


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    items: tuple[Node, ...]
    span: Span
    flow: bool = False
    faulty: bool = False


class Entry(NamedTuple):
    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    entries: dict[str, Entry]
    span: Span
    flow: bool = False
    faulty: bool = False

    def get(self, key: str) -> Node | None:
        """The value under `key`, if it stands there."""
        entry = self.entries.get(key)
        return None if entry is None else entry.value


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Source:
    """What a file holds. `root` is None where it could not be read as keys and values."""

    file: str
    text: str
    root: Mapping | None
    diagnostics: tuple[Diagnostic, ...] = field(default=())


Reading = Callable[["str | Path"], Source]
"""How a file is read: `read_source`, or the same from what an editor holds and has not saved."""


def _raw_offsets(scalar: Scalar, start: int, end: int) -> tuple[int, int]:
    """Offsets into `raw` of the characters `start` and `end` of `text`, matching all but white space in order."""
    raw, text, style = scalar.raw, scalar.text, scalar.style
    at = 1 if style in ("'", '"') else 0
    if style in ("|", ">"):
        at = raw.find("\n") + 1
    first = last = None
    after = at
    for index, char in enumerate(text):
        if not char.isspace():
            while at < len(raw) and raw[at].isspace():
                at += 1
        if index == start:
            first = at
        if index == end:
            last = after
            break
        if style == '"' and raw[at : at + 1] == "\\":
            at += {"x": 4, "u": 6, "U": 10}.get(raw[at + 1 : at + 2], 2)
        elif char.isspace():
            at += at < len(raw) and raw[at].isspace()
        else:
            at += 2 if style == "'" and raw[at : at + 2] == "''" else 1
        after = at
    first = after if first is None else first
    last = after if last is None else last
    return first, max(first, last)


def _moved(scalar: Scalar, offset: int) -> tuple[int, int]:
    """Line and column of `offset` in the raw text of `scalar`."""
    before = scalar.raw[:offset]
    lines = before.count("\n")
    if not lines:
        return scalar.span.line, scalar.span.column + offset
    return scalar.span.line + lines, offset - before.rfind("\n")


# ---------------------------------------------------------------- characters

# Controls, C1, soft hyphen, zero-width and direction characters, line and paragraph separators, tags, non-characters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
LOOK_ALIKES: Final[dict[str, str]] = {
    "\u00a0": "a plain space",
    "\u2002": "a plain space",
    "\u2003": "a plain space",
    "\u2007": "a plain space",
    "\u2009": "a plain space",
    "\u202f": "a plain space",
    "\u3000": "a plain space",
    "\u2018": "no quote at all, or a straight `'`",
    "\u2019": "no quote at all, or a straight `'`",
    "\u201c": 'no quote at all, or a straight `"`',
    "\u201d": 'no quote at all, or a straight `"`',
    "\u201e": 'no quote at all, or a straight `"`',
    "\u00ab": 'no quote at all, or a straight `"`',
    "\u00bb": 'no quote at all, or a straight `"`',
    "\u2010": "a plain `-`",
    "\u2011": "a plain `-`",
    "\u2012": "`to` in a range, a plain `-` for minus",
    "\u2013": "`to` in a range, a plain `-` for minus",
    "\u2014": "`to` in a range, a plain `-` for minus",
    "\u2212": "a plain `-`",
    "\u2264": "`<=`",
    "\u2265": "`>=`",
    "\u2260": "`!=`",
    "\u00d7": "`*`",
    "\u00f7": "`/`",
    "\u00b7": "`.` or `*`",
    "\u2044": "a plain `/`",
    "\u2215": "a plain `/`",
    "\uff1a": "a plain `:`",
    "\u2026": "three plain dots, or better the whole text",
}
_LOOK_ALIKE = re.compile("[" + "".join(LOOK_ALIKES) + "]")


def named_character(char: str) -> str:
    """`U+00A0 no-break space`: for characters that cannot be shown."""
    name = unicodedata.name(char, "").lower()
    return f"U+{ord(char):04X}" + (f" {name}" if name else "")


def look_alike(scalar: Scalar) -> Diagnostic | None:
    """KB117 for the first character of `scalar` that only looks like the one needed."""
    match = None if scalar.text.isascii() else _LOOK_ALIKE.search(scalar.text)
    if match is None:
        letter = None if scalar.text.isascii() else foreign_letter(scalar.text)
        return None if letter is None else found("KB117", scalar.place(letter[0]), letter[1], letter[2])
    char = match.group()
    shown = "" if char.isspace() else f"`{char}`, "
    return found(
        "KB117",
        scalar.place(match.start()),
        f"{shown}{named_character(char)}, is not the plain character it looks like",
        f"type {LOOK_ALIKES[char]}; word processors put the other in by themselves",
    )


# ---------------------------------------------------------------- reading


class _StopReading(Exception):  # noqa: N818 - carries a diagnostic, not an error
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def read_source(path: str | Path) -> Source:
    """Read the YAML file at `path`; whatever is wrong with it comes back as diagnostics."""
    file = str(path)
    whole = Span(printable(file))
    try:
        about = Path(path).stat()
        if stat.S_ISDIR(about.st_mode):
            return _unread(found("KB101", whole, "this is a folder, not a file", "name a YAML file inside it"))
        if not stat.S_ISREG(about.st_mode):
            return _unread(found("KB101", whole, "this is not a regular file", "name a YAML file"))
        with Path(path).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return _unread(found("KB101", whole, "there is no such file", "check the spelling of the path"))
    except PermissionError:
        return _unread(found("KB101", whole, "this file may not be read", "ask its owner for permission"))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "its name is not a valid path"
        return _unread(found("KB101", whole, f"this file cannot be read: {reason.lower()}"))
    return read_bytes(content, whole.file)


# How files begin that a text processor or a browser has saved under the name of a YAML file.
_DOCUMENTS = {
    b"{\\rtf": "a document in Rich Text Format",
    b"pk\x03\x04": "a document of a text processor, or an archive",
    b"\xd0\xcf\x11\xe0": "a document of a text processor",
    b"%pdf-": "a PDF",
    b"<!doctype": "a page of the web",
    b"<html": "a page of the web",
}


def read_bytes(content: bytes, file: str) -> Source:
    """The same for the content of a file already at hand."""
    top = Span(file)
    if len(content) > MAX_BYTES:
        return _unread(
            found(
                "KB102", top, f"this file is larger than {MAX_BYTES // 1024} KiB", "split it; nobody can review so much"
            )
        )
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(content) > 3 and b"\x00" in (content[:1], content[1:2])):
        return _unread(found("KB103", top, "this file is saved as UTF-16", "save it again as `UTF-8` (without BOM)"))
    if content[:3] == b"\xef\xbb\xbf":
        return _unread(
            found(
                "KB103",
                top,
                "this file begins with an invisible byte-order mark",
                "save it again as `UTF-8 without BOM`",
            )
        )
    for begins, what in _DOCUMENTS.items():
        if content[:64].lstrip().lower().startswith(begins):
            help = "save it again as plain text (`.yaml`, encoding UTF-8), with an editor for plain text"
            return _unread(found("KB103", top, f"this is {what}, not plain text", help))
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return _unread(
            found(
                "KB103",
                Span(file, line, column, line, column + 1),
                f"the byte {content[error.start]:#04x} here is not UTF-8 text",
                "save the file again as `UTF-8`; it was probably saved in an older encoding",
            )
        )
    return read_text(text, file)


def read_text(text: str, file: str) -> Source:
    """The same for text already at hand, as in an editor."""
    if len(text) > MAX_BYTES:
        return read_bytes(b" " * (MAX_BYTES + 1), file)
    text = text.replace("\r\n", "\n")
    problems = list(_characters(text, file)) or list(_conflict(text, file))
    if problems:
        return Source(file, text, None, _limited(problems))
    builder = _Builder(text, file)
    try:
        root = builder.build()
    except _StopReading as stopped:
        return Source(file, text, None, _limited([*builder.diagnostics, stopped.diagnostic]))
    except yaml.YAMLError as error:
        stopped_by = _syntax(error, text, file)
        cut = [found.span for found in builder.diagnostics if found.code == "KB114"]
        told = (
            stopped_by.code == "KB114" and stopped_by.span in cut
        )  # the parser stumbles over the rest of a text cut off
        return Source(file, text, None, _limited([*builder.diagnostics, *([] if told else [stopped_by])]))
    return Source(file, text, root, _limited(builder.diagnostics))


def printable(text: str) -> str:
    """`text` with characters that a terminal would act on replaced by their number."""
    return _HIDDEN.sub(lambda match: f"<U+{ord(match.group()):04X}>", text)


def _unread(diagnostic: Diagnostic) -> Source:
    return Source(diagnostic.span.file, "", None, (diagnostic,))


def _limited(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    """At most so many that a person reads them, and a word about the others."""
    more = len(diagnostics) - MAX_DIAGNOSTICS
    if more <= 0:
        return tuple(diagnostics)
    last = diagnostics[MAX_DIAGNOSTICS]
    rest = found(
        last.code, last.span, f"{last.message}; {more - 1} more are not listed" if more > 1 else last.message, last.help
    )
    return (*diagnostics[:MAX_DIAGNOSTICS], rest)


def _characters(text: str, file: str) -> Iterator[Diagnostic]:
    """Characters no file may hold, the first of each line."""
    if "\t" not in text and _HIDDEN.search(text) is None:
        return
    for number, line in enumerate(text.split("\n"), start=1):
        hidden = _HIDDEN.search(line)
        if hidden:
            column = hidden.start() + 1
            yield found(
                "KB104",
                Span(file, number, column, number, column + 1),
                f"an invisible character stands here: {named_character(hidden.group())}",
                "delete it, and type the text around it again if need be",
                "what a reviewer sees would not be what the system reads",
            )
        elif "\t" in line:
            column = line.index("\t") + 1
            yield found(
                "KB105",
                Span(file, number, column, number, column + 1),
                "a tab stands here",
                "use spaces; most editors can be set to do so for YAML files",
            )


_CONFLICT = re.compile(r"^(?:<{7}(?: .*)?|\|{7}(?: .*)?|={7}|>{7}(?: .*)?)$", re.MULTILINE)


def _conflict(text: str, file: str) -> Iterator[Diagnostic]:
    """Marks that a merge left, told once at the first."""
    marks = list(_CONFLICT.finditer(text))
    if not marks:
        return
    places = []
    for mark in marks:
        line = text.count("\n", 0, mark.start()) + 1
        places.append(Span(file, line, 1, line, len(mark[0]) + 1))
    more = tuple(Related(place, "it goes on here") for place in places[1:7])
    yield found(
        "KB123",
        places[0],
        f"`{marks[0][0][:7]}` is a mark of two versions of this file that were put together and not yet settled",
        "for each place decide which of the two texts is right, keep that one, and delete the lines "
        "that begin with `<<<<<<<`, `=======`, `>>>>>>>` (and `|||||||`)",
        "between the marks stand two contradicting texts, and nobody has chosen one",
        more,
    )


# ---------------------------------------------------------------- the tree


class _Frame:
    """A list or group of keys that is still open."""

    __slots__ = ("column", "cut", "entries", "flow", "items", "key", "line")

    def __init__(self, is_mapping: bool, flow: bool, line: int, column: int) -> None:
        self.entries: dict[str, Entry] | None = {} if is_mapping else None
        self.items: list[Node] = []
        self.flow = flow
        self.key: Scalar | None = None
        self.line, self.column = line, column
        self.cut = False


_NOT_TEXT_KEY = re.compile(r"(?i:true|false|null|~|[-+.]?\d[\d._,:]*|\.nan|[-+]?\.inf)")


class _Builder:
    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.lines = text.split("\n")
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line) + 1)
        self.starts = starts
        self.diagnostics: list[Diagnostic] = []
        self.good: set[str] = set()  # unquoted keys that have been looked at: most stand in a file many times

    def build(self) -> Mapping | None:
        loader: Any = _Loader(self.text)
        try:
            return self._build(loader.get_event)
        finally:
            loader.dispose()

    def _build(self, next_event: Callable[[], Any]) -> Mapping | None:
        stack: list[_Frame] = []
        root: Node | None = None
        documents = nodes = 0
        while True:
            event = next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                node: Node | None = self._scalar(event, stack[-1] if stack else None)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._refuse_machinery(event)
                mark = event.start_mark
                if stack and stack[-1].entries is not None and stack[-1].key is None:
                    raise _StopReading(
                        found(
                            "KB113",
                            self._from(mark, 1),
                            "a list or group of keys cannot itself be a key",
                            "use a plain word",
                        )
                    )
                if len(stack) >= MAX_DEPTH:
                    raise _StopReading(
                        found(
                            "KB106",
                            self._from(mark, 1),
                            f"this is nested more than {MAX_DEPTH} levels deep",
                            "give inner conditions a name under `define`",
                        )
                    )
                is_mapping = kind is yaml.MappingStartEvent
                stack.append(_Frame(is_mapping, bool(event.flow_style), mark.line, mark.column))
                continue
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                node = self._closed(stack.pop(), event.end_mark)
            elif kind is yaml.AliasEvent:
                raise _StopReading(self._machinery(event.start_mark, "`*` begins an alias", event.anchor))
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _StopReading(
                        found(
                            "KB110",
                            self._from(event.start_mark, 3),
                            "a second document begins here",
                            "write one file each",
                        )
                    )
                if event.version or event.tags:
                    raise _StopReading(self._machinery(event.start_mark, "`%` begins a directive", "%"))
                continue
            elif kind is yaml.StreamEndEvent:
                break
            else:
                continue
            nodes += 1
            if nodes > MAX_NODES:
                raise _StopReading(
                    found("KB102", Span(self.file), f"this file holds more than {MAX_NODES:,} values", "split it")
                )
            if node is None:
                continue
            if not stack:
                root = node
            else:
                self._add(stack[-1], node)
        return self._as_root(root)

    def _as_root(self, root: Node | None) -> Mapping | None:
        if root is None or (isinstance(root, Scalar) and not root.style and root.text in ("", "~", "null")):
            self.diagnostics.append(found("KB111", Span(self.file), "this file is empty", "begin with `format: 1`"))
            return None
        if not isinstance(root, Mapping):
            what = "a list" if isinstance(root, Sequence) else "text"
            self.diagnostics.append(
                found("KB112", root.span, f"this file is {what}; it must be keys and values", "begin with `format: 1`")
            )
            return None
        return root

    # -- pieces

    def _from(self, mark: Any, width: int) -> Span:
        line, column = mark.line + 1, mark.column + 1
        return Span(self.file, line, column, line, column + width)

    def _offset(self, line: int, column: int) -> int:
        return min(self.starts[min(line, len(self.starts) - 1)] + column, len(self.text))

    def _machinery(self, mark: Any, what: str, name: str) -> Diagnostic:
        return found(
            "KB109",
            self._from(mark, len(name) + 1),
            f"{what}, which protocols do not use",
            "if it is text, put the whole value in quotes",
            "what a file says must be readable where it stands",
        )

    def _refuse_machinery(self, event: Any) -> None:
        if event.anchor is not None:
            raise _StopReading(self._machinery(event.start_mark, "`&` begins an anchor", event.anchor))
        if event.tag is not None:
            raise _StopReading(self._machinery(event.start_mark, "`!` begins a tag", "!"))

    def _scalar(self, event: Any, frame: _Frame | None) -> Scalar | None:
        start, end, text = event.start_mark, event.end_mark, event.value
        style = event.style or ""
        is_key = frame is not None and frame.entries is not None and frame.key is None
        if not style and text and event.anchor is None and event.tag is None and start.line == end.line:
            # A word in one line, with nothing behind it: most of what a file holds.
            line, end_column = start.line, end.column
            plain = len(self.lines[line]) == end_column and text[-1] != '"' and len(text) <= MAX_SCALAR
            if plain or (is_key and len(text) <= MAX_SCALAR):
                return Scalar(text, Span(self.file, line + 1, start.column + 1, line + 1, end_column + 1))
        if event.anchor is not None or (event.tag is not None and not (style and event.tag == "!")):
            self._refuse_machinery(event)
        if style in (":", None):
            style = ""
        line, column, end_line, end_column = start.line, start.column, end.line, end.column
        last = self._offset(end_line, end_column)
        raw = ""
        if style or end_line != line:
            first = self._offset(line, column)
            if style in ("|", ">") or not style:
                last = first + len(self.text[first:last].rstrip())
                end_line = bisect_right(self.starts, last) - 1
                end_column = last - self.starts[end_line]
            raw = self.text[first:last]
        span = Span(self.file, line + 1, column + 1, end_line + 1, end_column + 1)
        if len(text) > MAX_SCALAR:
            raise _StopReading(
                found(
                    "KB102",
                    Span(self.file, span.line, span.column, span.line, span.column + 1),
                    f"this text is longer than {MAX_SCALAR:,} characters",
                    "say it in fewer words",
                )
            )
        scalar = Scalar(text, span, style, raw)
        if is_key:
            return scalar
        if style in ("'", '"') and frame is not None and not frame.flow:
            below = [text for text in self.lines[line + 1 : end_line + 1] if text.strip()]
            if any(_depth(text) <= _depth(self.lines[line]) for text in below):
                place = Span(self.file, span.line, span.column, span.line, span.column + 1)
                raise _StopReading(_open_quote(place, style))
        if not style:
            if text.endswith('"') and text.count('"') == 1:
                self.diagnostics.append(
                    found(
                        "KB120",
                        scalar.at(len(text) - 1),
                        "this text ends with a quote and does not begin with one",
                        'write `"` at its beginning too, or take this one away',
                    )
                )
                return scalar._replace(faulty=True)
            if not text and self.text[self._offset(line, column) : self._offset(line + 1, 0)].lstrip().startswith("#"):
                return scalar._replace(commented=True)
            if self.text.startswith(" #", last):
                return self._cut_off(scalar, self.text[last : last + 3])
        elif style in ("|", ">"):
            self._check_block(scalar)
        return scalar

    def _cut_off(self, scalar: Scalar, behind: str) -> Scalar:
        """Unquoted text with `#` one space behind it: a comment, or text cut off?"""
        if len(behind) > 2 and behind[2] not in " #" and scalar.text:
            span = scalar.span
            place = Span(self.file, span.end_line, span.end_column + 1, span.end_line, span.end_column + 2)
            self.diagnostics.append(cut_text(scalar, place))
            return scalar._replace(faulty=True)
        return scalar._replace(cut=True)

    def _check_block(self, scalar: Scalar) -> None:
        header = scalar.raw.split("\n", 1)[0]
        if re.search(r"\d", header.split("#")[0]):
            raise _StopReading(_block(scalar.span, header))

    def _add(self, frame: _Frame, node: Node) -> None:
        if frame.entries is None:
            if frame.flow and isinstance(node, Scalar) and not node.style and _unbalanced(node.text):
                self._comma(frame, node)
            frame.items.append(node)
            return
        if frame.key is None:
            assert isinstance(node, Scalar)
            frame.key = node
            return
        key, frame.key = frame.key, None
        if frame.flow and not frame.cut and isinstance(node, Scalar) and not node.style:
            if not node.text and not self._has_colon(key):
                self._comma(frame, key)
            elif _unbalanced(node.text) or _unbalanced(key.text):
                self._comma(frame, node)
        if frame.cut or not self._good_key(key):
            return
        earlier = frame.entries.get(key.text)
        if earlier is not None:
            self.diagnostics.append(
                found(
                    "KB108",
                    key.span,
                    f"the key `{key.text}` stands here for the second time",
                    "remove one of the two, or give it another name",
                    "only one of the two could be followed, and a reader cannot tell which",
                    (Related(earlier.key.span, f"`{key.text}` stands here first"),),
                )
            )
            return
        frame.entries[key.text] = Entry(key, node)

    def _has_colon(self, key: Scalar) -> bool:
        rest = self.lines[key.span.end_line - 1][key.span.end_column - 1 :].lstrip()
        return rest.startswith(":")

    def _comma(self, frame: _Frame, node: Scalar) -> None:
        if frame.cut:
            return
        frame.cut = True
        brackets = "`{ }`" if frame.entries is not None else "`[ ]`"
        self.diagnostics.append(
            found(
                "KB116",
                node.span,
                f"inside {brackets} a comma ends the value, so this is only a part of it",
                "write it in block style, one key or item on a line, or put the whole value in quotes",
            )
        )

    def _good_key(self, key: Scalar) -> bool:
        text = key.text
        if text in self.good and not key.style:
            return True
        if text == "<<" and not key.style:
            self.diagnostics.append(
                found(
                    "KB109",
                    key.span,
                    "`<<` merges keys from elsewhere, which protocols do not use",
                    "write the keys out",
                )
            )
            return False
        odd = look_alike(key)
        if odd is not None and _LOOK_ALIKE.search(text):  # a foreign letter is told by the schema, which knows the key
            self.diagnostics.append(odd)
            return False
        if not text.strip() or key.style in ("|", ">") or "\n" in text or len(text) > 1000:
            message, help = "this key is not a plain word", "write a key, a colon, a space and the value"
        elif not key.style and _NOT_TEXT_KEY.fullmatch(text):
            message, help = f"`{text}` cannot be a key: it is not a word", "name it with a word"
        else:
            if not key.style:
                self.good.add(text)
            return True
        self.diagnostics.append(found("KB113", key.span, message, help))
        return False

    def _closed(self, frame: _Frame, mark: Any) -> Node:
        line, column = mark.line, mark.column
        if not frame.flow:  # the parser looks ahead to the next key: step back over white space
            last_item = frame.items[-1].span if frame.items else None
            if frame.entries:
                last_item = next(reversed(frame.entries.values())).value.span
            if last_item is not None:
                line, column = last_item.end_line - 1, last_item.end_column - 1
        span = Span(self.file, frame.line + 1, frame.column + 1, line + 1, column + 1)
        if frame.entries is not None:
            return Mapping(frame.entries, span, frame.flow, frame.cut)
        return Sequence(tuple(frame.items), span, frame.flow, frame.cut)


def _unbalanced(text: str) -> bool:
    return text.count("(") != text.count(")")


def cut_text(scalar: Scalar, place: Span | None = None) -> Diagnostic:
    """KB114: what stands behind ` #` is read as a comment."""
    span = scalar.span
    place = place or Span(span.file, span.end_line, span.end_column + 1, span.end_line, span.end_column + 2)
    shown = scalar.text if len(scalar.text) <= 40 else "…" + scalar.text[-38:]
    return found(
        "KB114",
        place,
        f"the text ends before this `#`: only `{shown}` is read",
        "put the text in quotes if `#` belongs to it; put two spaces before the `#` of a comment",
    )


def _block(span: Span, value: str) -> Diagnostic:
    sign = value[0]
    place = Span(span.file, span.line, span.column, span.line, span.column + len(value))
    return found(
        "KB115",
        place,
        f"a value that begins with `{sign}` is read as a block of text, not as a comparison",
        "begin with the name of what is compared, as in `lactate > 2 mmol/L`; put text in quotes",
    )


# ---------------------------------------------------------------- what the parser could not read

_BLOCK_TRAP = re.compile(r"^(\s*(?:- +)*(?:[^\s'\"#][^:#'\"]*: +)?)([>|])(?![+-]?\s*(?: #.*)?$)(.*)$")
_TEXT_BEHIND_QUOTE = re.compile(
    r"""^\s*(?:- +)*(?:[\w-]+: +)?(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*(?![\s,#:\]}])(\S)"""
)
_NO_SPACE = re.compile(r"^\s*(?:- +)*([A-Za-z_][\w-]*):([^\s:/].*)$")


_BLOCK_HEADER = re.compile(r"^\s*(?:- +)*[^\s'\"#][^:#]*: +[>|][+-]?\s*(?: #.*)?$")
_BEFORE_VALUE = re.compile(r"^\s*(?:- +)*(?:[\w-]+: +)?")


def _open_quote(place: Span, quote: str) -> Diagnostic:
    help = f"write `{quote}` at the end of the text in this line, or take this one away"
    if quote == "'":
        help += "; inside '…' write an apostrophe twice, or use \"…\""
    why = "all that follows up to the next such quote would be read as this text"
    return found("KB120", place, "this quote is never closed", help, why)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def inside_block_text(lines: list[str]) -> set[int]:
    """The lines, counted from 0, of text under a `>` or `|`, where nothing is a key."""
    inside: set[int] = set()
    least = header = -1  # how far the text is indented (0: its first line is still to come), and its key
    for number, line in enumerate(lines):
        if least >= 0:
            if least == 0 and line.strip() and _depth(line) > header:
                least = _depth(line)
            if not line.strip() or (least and _depth(line) >= least):
                inside.add(number)
                continue
        header, least = (_depth(line), 0) if _BLOCK_HEADER.match(line) else (-1, -1)
    return inside


def _closes(line: str, start: int, quote: str) -> int | None:
    """Where in `line` text quoted with `quote` ends, which goes on at `start`; None if not in this line."""
    at = start
    while at < len(line):
        if line[at : at + 2] == "''" == 2 * quote or (quote == '"' and line[at] == "\\"):
            at += 2
        elif line[at] == quote:
            return at
        else:
            at += 1
    return None


def _left_open(line: str) -> tuple[int, str] | None:
    """Column and sign of a quote that begins a value, or an item of a one-line list, and does not end in `line`."""
    match = _BEFORE_VALUE.match(line)
    at = match.end() if match else 0
    listed = line[at : at + 1] in ("[", "{")
    at += listed
    while at < len(line):
        char = line[at]
        if char in "'\"" and (not listed or line[:at].rstrip()[-1:] in "[{,:"):
            closed = _closes(line, at + 1, char)
            if closed is None:
                return at, char
            at = closed
        if not listed:
            return None
        at += 1
    return None


def _never_closed(lines: list[str]) -> tuple[int, int] | None:
    """Line and column, from 0, of the first quote whose text runs into lines that do not belong to its key."""
    hidden = inside_block_text(lines)
    rest = iter(range(len(lines)))
    for number in rest:
        line = lines[number]
        opened = None if number in hidden or line.lstrip().startswith("#") else _left_open(line)
        if opened is None:
            continue
        for later in rest:
            if lines[later].strip() and _depth(lines[later]) <= _depth(line):
                return number, opened[0]
            if _closes(lines[later], 0, opened[1]) is not None:
                break
        else:
            return number, opened[0]
    return None


def _glued(place: Span, match: re.Match[str]) -> Diagnostic:
    key, value = match.group(1), match.group(2).strip()
    return found("KB121", place, f"no space follows the colon of `{key}:`", f"write `{key}: {value[:40]}`")


def _syntax(error: yaml.YAMLError, text: str, file: str) -> Diagnostic:
    """The reason an editor would recognise for what stopped the parser."""
    lines = text.split("\n")
    problem = getattr(error, "problem", None) or "it breaks a rule of YAML"
    context = getattr(error, "context", None) or ""
    mark: Any = getattr(error, "problem_mark", None)
    started: Any = getattr(error, "context_mark", None) or mark
    if mark is None:
        return found("KB107", Span(file), f"this is not YAML: {problem}")

    def here(line: int, column: int, width: int = 1) -> Span:
        return Span(file, line + 1, column + 1, line + 1, column + 1 + width)

    row = min(mark.line, len(lines) - 1)
    line = lines[row]
    column = min(mark.column, len(line))
    at = here(row, column)
    unclosed = _never_closed(lines)
    if unclosed is not None:
        return _open_quote(here(*unclosed), lines[unclosed[0]][unclosed[1]])
    near = [number for number in (row, started.line, row - 1) if 0 <= number < len(lines)]
    for number in near:
        trap = _BLOCK_TRAP.match(lines[number])
        if trap and "quoted" not in context:
            start = len(trap.group(1))
            return _block(here(number, start), lines[number][start:].rstrip())
    if "quoted scalar" in context and "escape" in problem:
        return found(
            "KB120",
            at,
            'inside "…" a backslash has a special meaning',
            "use '…' quotes, or write the backslash twice",
        )
    if "quoted scalar" in context:
        return _open_quote(here(started.line, started.column), lines[started.line][started.column])
    if "alias" in context or "anchor" in context or "tag" in context:
        char = lines[started.line][started.column : started.column + 1]
        return found(
            "KB109",
            here(started.line, started.column),
            f"`{char}` at the beginning of a value belongs to YAML's own machinery, which protocols do not use",
            "write `- ` where an item of a list begins"
            if lines[started.line][: started.column + 2].strip() == "*"
            else "if it is text, put the whole value in quotes",
        )
    char = line[column : column + 1]
    if "cannot start any token" in problem and char:
        return found(
            "KB118",
            at,
            f"unquoted text cannot begin with `{printable(char)}`",
            "put the whole value in quotes",
        )
    if "are not allowed in this context" in problem and char in ("-", "?"):
        return found(
            "KB118",
            at,
            f"unquoted text cannot begin with `{char}` and a space",
            "put the whole value in quotes; a list begins on the line below, each item after `- `",
        )
    if any(text.rstrip() == "..." for text in lines[:row]):
        number = next(number for number, text in enumerate(lines) if text.rstrip() == "...")
        return found("KB110", here(number, 0, 3), "three points end the file here", "delete this line")
    ended = re.match(r"^\s*(?:- +)*(?:[\w-]+: +)?(?=[\]},])", line)
    if ended:
        shown = line[ended.end()]
        return found(
            "KB118",
            here(row, ended.end()),
            f"unquoted text cannot begin with `{shown}`",
            "take it away, or put the whole value in quotes",
        )
    behind_list = re.match(r"^\s*(?:- +)*[\w-]+: +(?:\[[^\]]*\]|\{[^}]*\}) *([^\s#])", line)
    if behind_list:
        return found(
            "KB120",
            here(row, behind_list.start(1)),
            "text stands behind the closing bracket",
            "take it away, or write the whole value without brackets; a range is written `0.03 to 0.04 units/min`",
        )
    if "mapping values are not allowed" in problem:
        if re.search(r":\s", line[:column]) or re.match(r"^\s*- ", line):
            return found(
                "KB119",
                at,
                "the text ends at this colon, because a colon and a space begin a new value",
                "put the whole text in quotes, or use a dash or a full stop instead of the colon",
            )
        glued = _NO_SPACE.match(lines[row - 1]) if row else None
        if glued:
            return _glued(here(row - 1, glued.start(1), len(glued.group(1)) + 1), glued)
        return found(
            "KB121",
            here(row, len(line) - len(line.lstrip()), max(1, len(line.strip()))),
            "this key is indented deeper than the value above allows",
            "begin it exactly below the key it belongs beside",
        )
    for number in near:
        behind = _TEXT_BEHIND_QUOTE.match(lines[number])
        if behind:
            return found(
                "KB120",
                here(number, behind.start(1)),
                "text stands behind the closing quote",
                "put the whole value in one pair of quotes, or in none; "
                'if this quote is an apostrophe, use "…" around the text',
            )
    if "flow" in context:
        return found(
            "KB120",
            here(started.line, started.column),
            "this bracket is not closed, or a comma is missing before the next item",
            "write the items in block style, one on a line",
        )
    for number in (started.line, row):
        missing = _NO_SPACE.match(lines[number]) if number < len(lines) else None
        if missing:
            return _glued(here(number, missing.start(1), len(missing.group(1)) + 1), missing)
    for number in (started.line - 1, row - 1):
        if 0 <= number < len(lines) and re.search(r"\S #", lines[number]):
            column = lines[number].index(" #") + 1
            return found(
                "KB114",
                here(number, column),
                "the text ends before this `#`, and what follows belongs to nothing",
                "put the whole text in quotes if `#` belongs to it",
            )
    if "expected ':'" in problem:
        number = started.line
        indent = len(lines[number]) - len(lines[number].lstrip())
        return found(
            "KB121",
            here(number, indent, max(1, len(lines[number].strip()))),
            "this line has no key: a word, a colon and a space are missing",
            "if it goes on with the text above, indent it deeper than the key of that text; "
            "if it is a remark for readers, begin it with `# `",
        )
    if "expected" in problem:
        indent = len(line) - len(line.lstrip())
        return found(
            "KB121",
            here(row, indent, max(1, len(line.strip()))),
            "this line does not fit the lines above it",
            "indent it exactly like the other keys or items of its group",
        )
    help = "compare this line with those above it: it needs a key, a colon, a space and a value, and nothing else"
    return found("KB107", at, f"this is not YAML: {problem}", help)
