"""A YAML file of a knowledge base in its one form, with every comment, and the proof that it still says the same.

The tree of `kb.source` is written anew, and the comments between its nodes are put back where they belong. What
form a part takes, its schema says: the order of keys is that of `properties`, a list of names stands on one line
where it fits, and so does a group marked `x-line`; a group marked `x-apart` has blank lines between its parts.
Nothing is taken on trust: the result is read again, and where it differs in more than form the file is refused.
"""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from kb.codes import found
from kb.diagnostics import Diagnostic, Span, has_errors
from kb.source import Mapping, Node, Scalar, Sequence, Source, cut_text, read_source, read_text
from kb.validator import Checked, Shape, check_shape, file_kinds, schema_document, shape_of

WIDTH: Final = 118
"""The longest line, in characters, where text can be broken: the width of the protocols that ship."""

Digests: TypeAlias = Callable[[str], "tuple[str, str] | None"]
"""Logic and text digest of the Program that a text compiles to; None where it does not compile."""


@dataclass(frozen=True, slots=True)
class FormatResult:
    """`text` is the file in its one form; where `refused`, the text that came in, and `diagnostics` say why.

    `kind` is the schema the file was read by, empty where that could not be told.
    """

    text: str
    kind: str = ""
    changed: bool = False
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def refused(self) -> bool:
        return bool(self.diagnostics)


def format_text(
    text: str, file: str = "<text>", kind: str | None = None, digests: Digests | None = None
) -> FormatResult:
    """`text` in its one form, or the reasons why it is left as it is. Reads and writes nothing but its arguments.

    Args:
        file: name for places in diagnostics; its last part helps to tell the kind.
        kind: a name from `file_kinds()`; told from keys, modeline and name if left out.
        digests: for a protocol; if given, asked before and after, and a difference refuses the text.
    """
    source = read_text(text, file)
    if source.root is None or has_errors(source.diagnostics):
        return FormatResult(text, kind or "", diagnostics=source.diagnostics)
    kind = kind or kind_of(source)
    if kind is None:
        return FormatResult(text, diagnostics=(_unknown_kind(source.root),))
    checked = check_shape(source.root, kind)
    if not checked.complete:
        return FormatResult(text, kind, diagnostics=tuple(checked.diagnostics))
    layout = _Layout(source, kind)
    if layout.doubtful is not None:
        return FormatResult(text, kind, diagnostics=(layout.doubtful,))
    made = layout.text()
    if made != source.text:
        wrong = _difference(source, checked, made, kind) or _other_program(source, made, digests)
        if wrong is not None:
            return FormatResult(text, kind, diagnostics=(wrong,))
    if "\r\n" in text and text.count("\n") == text.count("\r\n"):
        made = made.replace("\n", "\r\n")  # a checkout that has them keeps its line ends
    return FormatResult(made, kind, changed=made != text)


def format_file(path: Path, digests: Digests | None = None) -> tuple[str, FormatResult]:
    """What stands in the file at `path`, which is only read, and the result of formatting that."""
    source = read_source(path)
    if source.root is None:
        return source.text, FormatResult(source.text, diagnostics=source.diagnostics)
    with path.open(encoding="utf-8", newline="") as stream:
        before = stream.read()
    return before, format_text(before, source.file, digests=digests)


def replace_file(path: Path, before: str, after: str) -> bool:
    """Put `after` in place of `before` in the file at `path`, all at once or not at all; its permissions stay.

    Returns:
        False, and nothing is written, where the file no longer holds `before`.

    Raises:
        OSError: it cannot be written; the old file is untouched.
    """
    target = path.resolve()  # of a link, the file it leads to is replaced, never the link
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(after.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, target.stat().st_mode & 0o7777)
        if target.read_bytes() != before.encode("utf-8"):
            os.unlink(name)
            return False
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


# ---------------------------------------------------------------- which kind of file

_MODELINE = re.compile(r"# *yaml-language-server: *\$schema=\S*?([\w-]+)\.schema\.json")


def kind_of(source: Source) -> str | None:
    """The kind whose schema the keys of a file fit best; where that leaves a doubt, its modeline or name decides."""
    assert source.root is not None
    keys = set(source.root.entries)
    fits: dict[str, tuple[int, int]] = {}
    for kind in file_kinds():
        schema = schema_document(kind)
        known = keys & set(schema["properties"])
        if "format" in known and 1 < len(known) > len(keys) - len(known):
            fits[kind] = len(known), -len(set(schema.get("required", ())) - keys)
    best = [kind for kind, fit in fits.items() if fit == max(fits.values())]
    if len(best) == 1:
        return best[0]
    named = [match[1] for line in source.text.split("\n")[:5] if (match := _MODELINE.match(line))]
    named.append(Path(source.file).stem)
    return next((kind for kind in named if kind in (best or file_kinds())), None)


def _unknown_kind(root: Mapping) -> Diagnostic:
    key = next(iter(root.entries.values())).key if root.entries else None
    kinds = ", ".join(f"`{kind}`" for kind in file_kinds())
    return found(
        "KB130",
        root.span if key is None else key.span,
        "these keys are of no file that a knowledge base has, so nobody can say what order they have",
        f"begin with `format: 1` and the keys of a kind of file ({kinds}), or leave this file out",
    )


# ---------------------------------------------------------------- comments and parts


@dataclass(slots=True)
class _Comment:
    """`own`: on a line of its own. `gap`: a blank line stands before it."""

    text: str
    offset: int
    line: int
    column: int
    own: bool
    gap: bool


@dataclass(slots=True, eq=False)
class _Part:
    """One key with its value, one item of a list, or the whole file; places count from 0.

    Its comments stand `above` it, at its `side`, or `below` the last part of its value. `gap`: a blank line
    stands between the comments above and the part.
    """

    key: Scalar | None
    node: Node
    shape: Shape | None
    parent: _Part | None
    known: bool = False
    start: int = -1
    value_start: int = -1
    end: int = -1
    line: int = -1
    column: int = 0
    parts: list[_Part] = field(default_factory=list)
    above: list[_Comment] = field(default_factory=list)
    side: _Comment | None = None
    below: list[_Comment] = field(default_factory=list)
    gap: bool = False

    @property
    def flow(self) -> bool:
        return not isinstance(self.node, Scalar) and self.node.flow

    @property
    def is_block(self) -> bool:
        return not isinstance(self.node, Scalar) and not self.node.flow and bool(self.parts)

    @property
    def is_group(self) -> bool:
        """Whether it holds things under names that the editor chose, each a group of keys."""
        if self.shape is None or not self.parts or not isinstance(self.node, Mapping):
            return False
        inner = [shape for _, _, shape in self.shape.patterns] + ([self.shape.extra] if self.shape.extra else [])
        return any(shape.kinds or "object" in shape.types for shape in inner)


class _Lines:
    """The text of a source, and how places in it convert."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)

    def offset(self, line: int, column: int) -> int:
        return self.starts[line - 1] + column - 1

    def place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.starts, offset) - 1
        return line, offset - self.starts[line]

    def is_blank(self, line: int) -> bool:
        return 0 <= line < len(self.lines) and not self.lines[line].strip()


_HEADER = re.compile(r"[|>][-+0-9]*[ ]+(#.*)")


def _between(source: Source, lines: _Lines) -> tuple[list[_Comment], list[int]]:
    """The comments of a file, and where the dashes of its lists are: all that stands between scalars is known."""
    assert source.root is not None
    comments: list[_Comment] = []
    dashes: list[int] = []

    def comment(text: str, offset: int) -> None:
        line, column = lines.place(offset)
        own = not lines.lines[line][:column].strip()
        comments.append(_Comment(text.rstrip(), offset, line, column, own, own and lines.is_blank(line - 1)))

    at = 0
    for scalar in [*_scalars(source.root), None]:
        first = len(source.text) if scalar is None else lines.offset(scalar.span.line, scalar.span.column)
        for match in re.finditer(r"#[^\n]*|-", source.text[at:first]):
            if match[0] == "-":
                dashes.append(at + match.start())
            else:
                comment(match[0], at + match.start())
        if scalar is not None:
            at = lines.offset(scalar.span.end_line, scalar.span.end_column)
            if scalar.style in ("|", ">"):
                header = _HEADER.match(scalar.raw.split("\n", 1)[0])
                if header:
                    comment(header[1], first + header.start(1))
    return comments, dashes


def _scalars(node: Node) -> Iterator[Scalar]:
    """All scalars below `node`, keys among them, in the order of the file."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _scalars(item)
    else:
        for entry in node.entries.values():
            yield entry.key
            yield from _scalars(entry.value)


# ---------------------------------------------------------------- the layout


class _Layout:
    """One file: its parts with their comments, then its lines."""

    def __init__(self, source: Source, kind: str) -> None:
        assert source.root is not None
        self.lines = _Lines(source.text)
        self.comments, self.dashes = _between(source, self.lines)
        self.order: list[_Part] = []
        self.doubtful: Diagnostic | None = None
        self.root = self._part(None, source.root, shape_of(kind), None)
        self._place_comments()
        self.out: list[str] = []

    def text(self) -> str:
        first = self.root.parts[0] if self.root.parts else None
        if first is not None:  # what stands at the top of a file stays there, whichever key comes first
            header, first.above = first.above, []
            gap, first.gap = first.gap, False
            self._comments(header, 0, first=True)
            if header and gap:
                self.out.append("")
        self._block(self.root, 0)
        return "\n".join(self.out) + "\n"

    # -- parts

    def _part(self, key: Scalar | None, node: Node, shape: Shape | None, parent: _Part | None) -> _Part:
        if shape is not None and isinstance(node, Mapping):
            shape = shape.meant(node.entries)
        part = _Part(key, node, shape, parent)
        part.value_start = self.lines.offset(node.span.line, node.span.column)
        part.end = self.lines.offset(node.span.end_line, node.span.end_column)
        if parent is not None:
            self.order.append(part)
            if key is not None:
                part.start = self.lines.offset(key.span.line, key.span.column)
                part.known = parent.shape is not None and key.text in parent.shape.properties
            elif parent.flow:
                part.start = part.value_start
            else:
                part.start = self.dashes[bisect_left(self.dashes, part.value_start) - 1]
            part.line, part.column = self.lines.place(part.start)
        if isinstance(node, Scalar):
            if node.cut and shape is None and self.doubtful is None:
                cut = cut_text(node)  # no schema says whether this is prose, where it would be a mistake
                self.doubtful = _not_kept(cut.span, cut.message, cut.help)
        elif isinstance(node, Sequence):
            inner = None if shape is None else shape.items
            part.parts = [self._part(None, item, inner, part) for item in node.items]
        else:
            part.parts = [
                self._part(entry.key, entry.value, None if shape is None else shape.under(name), part)
                for name, entry in node.entries.items()
            ]
        return part

    def _place_comments(self) -> None:
        starts = [part.start for part in self.order]
        earlier, last = -1, self.root
        for comment in self.comments:
            index = bisect_right(starts, comment.offset)
            before = self.order[index - 1] if index else self.root
            if not comment.own and before is not self.root:
                while before.parent is not None and before.parent.flow and comment.offset >= before.parent.end:
                    before = before.parent
                if before.side is None:
                    before.side = comment
                else:
                    before.above.append(comment)
                continue
            following = self.order[index] if index < len(self.order) else None
            home = self._home(comment, before, following, last if index == earlier else None)
            (home.above if home is following or home is before else home.below).append(comment)
            earlier, last = index, home
        for part in self.order:
            if part.above and part.above[-1].line < part.line:
                part.gap = self.lines.is_blank(part.line - 1)
            if not part.parts and part.below:  # brackets with nothing but a comment inside
                part.above += part.below
                part.below = []

    def _home(self, comment: _Comment, before: _Part, following: _Part | None, last: _Part | None) -> _Part:
        """The part that a comment on a line of its own stands above or, as the end of a block, belongs to.

        `before` and `following` are the parts it stands between; `last` took the comment on the line above.
        """
        holder: _Part | None = before
        while holder is not None and not (holder.flow and holder.value_start <= comment.offset < holder.end):
            holder = holder.parent
        if holder is not None:
            return following if following is not None and following.parent is holder else holder
        if comment.offset < before.value_start and not before.is_block:
            return before
        if last is not None and last is following:
            return last
        ended: list[_Part] = []
        part: _Part | None = before
        while part is not None and part is not (following.parent if following else None):
            if part.is_block:
                ended.append(part)
            part = part.parent
        if last is not None and last in ended:
            ended = ended[ended.index(last) :]
        floor = following.column if following is not None else -1
        for part in ended:
            if floor < part.parts[0].column <= comment.column:
                return part
        return following or self.root

    # -- lines

    def _comments(self, comments: list[_Comment], indent: int, first: bool = False) -> None:
        for comment in comments:
            if comment.gap and not first:
                self.out.append("")
            self.out.append(" " * indent + comment.text)
            first = False

    def _block(self, part: _Part, indent: int) -> None:
        """The parts of `part`, each on lines of its own."""
        parts = _in_order(part)
        apart = part.shape is not None and part.shape.apart
        for index, each in enumerate(parts):
            if index and (apart or (part is self.root and (each.is_group or parts[index - 1].is_group))):
                self._gap()
            self._write(each, indent, first=not index)
        self._comments(part.below, indent)

    def _gap(self) -> None:
        if self.out and self.out[-1]:
            self.out.append("")

    def _write(self, part: _Part, indent: int, first: bool) -> None:
        head = " " * indent + ("-" if part.key is None else _key(part.key, part.known) + ":")
        value, rest = "", list[str]()
        above, gap, side = part.above, part.gap, part.side
        hoisted: list[_Comment] = []
        block = False
        if isinstance(part.node, Scalar):
            value, rest = _value(part.node, part.shape, len(head) + 1, indent + 2)
        else:
            compact = part.key is None and isinstance(part.node, Mapping) and bool(part.parts)
            if compact and (inner := _in_order(part)[0]).above:
                # `- key: …`: what stands above the first key stands above the dash, or it would part the two.
                hoisted, gap = inner.above, inner.gap
                inner.above, inner.gap = [], False
            flat = _flat(part)
            may_break = bool(part.parts) and part.shape is not None
            block = flat is None or (may_break and len(head) + 1 + len(flat) > WIDTH)
            value = "" if block else flat or ""
            if block and compact and side is not None:
                above, side = [*above, side], None
            above = [*above, *hoisted]
        if above:
            if not first and above[0].gap:
                self._gap()
            self._comments(above, indent, first=True)
            if gap:
                self.out.append("")
        mark = len(self.out)
        self.out.append(head + (f" {value}" if value else "") + (f"  {side.text}" if side else ""))
        self.out += rest
        if not block:
            return
        if part.key is None and isinstance(part.node, Mapping):
            self.out.pop()
            self._block(part, indent + 2)
            self.out[mark] = head + self.out[mark][indent + 1 :]
        else:
            self._block(part, indent + 2)


def _in_order(part: _Part) -> list[_Part]:
    """The parts of `part`: keys of a closed group as its schema lists them, all else as written.

    A key that the schema does not know stays behind the key it stands behind.
    """
    shape = part.shape
    if not isinstance(part.node, Mapping) or shape is None or not shape.closed or shape.patterns:
        return part.parts
    places = {key: place for place, key in enumerate(shape.properties)}
    ranks: list[int] = []
    for each in part.parts:
        assert each.key is not None
        ranks.append(places.get(each.key.text, ranks[-1] if ranks else -1))
    return [part.parts[index] for index in sorted(range(len(ranks)), key=ranks.__getitem__)]


def _flat(part: _Part) -> str | None:
    """A list or group on one line, without its comments; None where it does not belong on one."""
    node, shape = part.node, part.shape
    assert not isinstance(node, Scalar)
    if not part.parts:
        return "[]" if isinstance(node, Sequence) else "{}"
    if part.below or any(each.above or each.side for each in part.parts):
        return None
    if isinstance(node, Mapping):
        if not (node.flow if shape is None else shape.line):
            return None
    elif shape is None or shape.items is None:
        if not node.flow:
            return None
    elif not _is_name(shape.items):
        return None
    written: list[str] = []
    for each in _in_order(part):
        if isinstance(each.node, Scalar):
            value = None if "\n" in each.node.text else _spelled(each.node, each.shape, flow=True)
        else:
            value = _flat(each)
        if not value:
            return None
        written.append(value if each.key is None else f"{_key(each.key, each.known, flow=True)}: {value}")
    return ("[{}]" if isinstance(node, Sequence) else "{{{}}}").format(", ".join(written))


def _is_name(shape: Shape) -> bool:
    """Whether a value is a name or number: neither a group, nor a list, nor prose, nor a condition."""
    return bool(shape.types) and not shape.prose and not {"object", "array"} & set(shape.types)


# ---------------------------------------------------------------- scalars

# What another reader of YAML, or a reviewer, would take for something else than text.
_DOUBTFUL = re.compile(
    r"(?i)~|null|true|false|yes|no|on|off|y|n|=|<<|[-+]?\.(?:inf|nan)|0[xo][\da-f_]+"
    r"|[-+]?\.?\d[\d_.,:]*(?:e[-+]?\d+)?|\d[\dTZ .:+-]*:[\dTZ .:+-]*"
)
_OPENERS: Final = frozenset(",[]{}#&*!|>'\"%@`")


def _is_plain(text: str, flow: bool = False) -> bool:
    """Whether YAML reads `text` without quotes as just this text; errs on the side of quotes."""
    if not text or text != text.strip() or text[0] in _OPENERS or text.startswith(("---", "...")):
        return False
    if text[0] in "-?:" and not (text[1:2].isalnum() or text[:2] == "-."):
        return False
    if ": " in text or " #" in text or text.endswith(":"):
        return False
    if not text.isprintable() and any(not char.isprintable() and unicodedata.category(char) != "Zs" for char in text):
        return False
    return not flow or not (set(",[]{}:") & set(text) or text.count("(") != text.count(")"))


def _quoted(text: str) -> str:
    """In double quotes; in single ones where double ones would need a backslash. Nothing invisible stays so."""
    if ('"' in text or "\\" in text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    written = []
    for char in text:
        if char in '"\\':
            written.append("\\" + char)
        elif char == "\n":
            written.append("\\n")
        elif char.isprintable():
            written.append(char)
        else:
            number = ord(char)
            written.append(
                f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}"
            )
    return '"' + "".join(written) + '"'


def _key(key: Scalar, known: bool, flow: bool = False) -> str:
    plain = _is_plain(key.text, flow) and (known or not _DOUBTFUL.fullmatch(key.text))
    return key.text if plain else _quoted(key.text)


def _spelled(node: Scalar, shape: Shape | None, flow: bool = False) -> str:
    """A scalar on one line: without quotes where every reader sees the same text."""
    text = node.text
    if shape is None or shape.reads_otherwise(text):
        plain = not node.style  # quotes make a difference here, so they stay as they are
        return text if plain and (not text or _is_plain(text, flow)) else _quoted(text)
    if node.style and not text.isprintable():
        return _quoted(text)
    return text if _is_plain(text, flow) and not _DOUBTFUL.fullmatch(text) else _quoted(text)


def _value(node: Scalar, shape: Shape | None, column: int, indent: int) -> tuple[str, list[str]]:
    """What stands behind the colon or dash at `column`, and the lines below it."""
    written = _spelled(node, shape)
    if "\n" not in node.text and column + len(written) <= WIDTH:
        return written, []
    if written == node.text and (shape is None or shape.reads_otherwise(node.text)):
        return written, []
    block = _block_of_text(node.text, indent)
    return block or (written, [])


def _block_of_text(text: str, indent: int) -> tuple[str, list[str]] | None:
    """Long text as a block: folded, or literal where it has short lines of its own; None where neither can hold it."""
    body = text.rstrip("\n")
    end = len(text) - len(body)
    paragraphs = body.split("\n")
    if end > 1 or not body or paragraphs[0][:1] in ("", " "):
        return None
    if any(line != line.rstrip() or not line.isprintable() for line in paragraphs):
        return None
    pad = " " * indent
    sign = "" if end else "-"
    if len(paragraphs) > 1 and (
        all(indent + len(line) <= WIDTH for line in paragraphs) or any(line.startswith(" ") for line in paragraphs)
    ):
        return "|" + sign, [pad + line if line else "" for line in paragraphs]
    lines: list[str] = []
    for number, paragraph in enumerate(paragraphs):
        folded = _folded(paragraph, WIDTH - indent)
        if len(paragraphs) == 1 and len(folded) == 1:
            return None
        lines += [""] if number else []
        lines += [pad + line if line else "" for line in folded] if paragraph else []
    return ">" + sign, lines


def _folded(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` characters where it has single spaces to break at."""
    lines: list[str] = []
    line = ""
    for word in re.split(r"(?<=[^ ]) (?=[^ ])", text):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


# ---------------------------------------------------------------- the proof


def _difference(source: Source, checked: Checked, made: str, kind: str) -> Diagnostic | None:
    """Why `made` may not take the place of `source`; None where it says the same, with the same comments."""
    assert source.root is not None
    again = read_text(made, source.file)
    if again.root is None or again.diagnostics:
        reason = again.diagnostics[0].message if again.diagnostics else "it could not be read"
        return _not_kept(source.root.span, f"the text in its new form could not be read: {reason}")
    unlike = _unlike(source.root, again.root, shape_of(kind))
    if unlike is not None:
        return _not_kept(unlike, "the text in its new form would not say the same from here on")
    recheck = check_shape(again.root, kind)
    for old, new in zip(_scalars_by_name(source.root), _scalars_by_name(again.root), strict=True):
        if checked.values.get(old, old.text) != recheck.values.get(new, new.text):
            return _not_kept(old.span, "this value would be read as something else")
    hidden = Counter(one.code for one in checked.diagnostics) - Counter(one.code for one in recheck.diagnostics)
    for one in checked.diagnostics:
        if one.code in hidden:
            return _not_kept(one.span, f"a mistake would be hidden: {one.message}", one.help)
    if len(recheck.diagnostics) != len(checked.diagnostics):
        return _not_kept(source.root.span, f"it would be wrong in its new form: {recheck.diagnostics[0].message}")
    before, after = (_between(each, _Lines(each.text))[0] for each in (source, again))
    lost = Counter(one.text for one in before)
    lost.subtract(one.text for one in after)
    for comment in before:
        if lost[comment.text]:
            place = Span(source.file, comment.line + 1, comment.column + 1, comment.line + 1, comment.column + 2)
            return _not_kept(place, "this comment would be lost")
    if +lost or -lost:
        return _not_kept(source.root.span, "text would become a comment")
    if _Layout(again, kind).text() != made:
        return _not_kept(source.root.span, "formatting it twice would not give the same as once")
    return None


def _unlike(old: Node, new: Node, shape: Shape | None) -> Span | None:
    """Where two trees differ in more than form and the order of keys of closed groups."""
    if isinstance(old, Scalar):
        return None if isinstance(new, Scalar) and new.text == old.text else old.span
    if isinstance(old, Sequence):
        if not isinstance(new, Sequence) or len(new.items) != len(old.items):
            return old.span
        inner = None if shape is None else shape.items
        unlike = (_unlike(one, other, inner) for one, other in zip(old.items, new.items, strict=True))
        return next((span for span in unlike if span is not None), None)
    if not isinstance(new, Mapping) or set(new.entries) != set(old.entries):
        return old.span
    shape = None if shape is None else shape.meant(old.entries)
    free = shape is not None and shape.closed and not shape.patterns
    if not free and list(new.entries) != list(old.entries):
        return old.span
    for name, entry in old.entries.items():
        span = _unlike(entry.value, new.entries[name].value, None if shape is None else shape.under(name))
        if span is not None:
            return span
    return None


def _scalars_by_name(node: Node) -> Iterator[Scalar]:
    """The values below `node`, keys of each group in the order of the alphabet."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _scalars_by_name(item)
    else:
        for name in sorted(node.entries):
            yield from _scalars_by_name(node.entries[name].value)


def _other_program(source: Source, made: str, digests: Digests | None) -> Diagnostic | None:
    assert source.root is not None
    if digests is None or digests(source.text) == digests(made):
        return None
    return _not_kept(source.root.span, "the protocol in its new form would compile to another Program")


def _not_kept(span: Span, reason: str, help: str | None = None) -> Diagnostic:
    return found(
        "KB131", span, f"this file is left as it is: {reason}", help or "please report this; it is a fault of kb"
    )
