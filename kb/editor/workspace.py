"""One knowledge base as an editor has it open: files on disk, texts not saved yet, and what names mean there.

A text that cannot be read as YAML keeps its last good index, so that completion goes on while somebody types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from kb import source
from kb.base import Base
from kb.codes import CODES, explain_page
from kb.diagnostics import Diagnostic, Span
from kb.editor.index import Definition, FileIndex, Use, index_text, kind_of
from kb.editor.places import column_of
from kb.editor.schemas import FILES
from kb.source import Scalar, Source, read_source, read_text

_LIBRARY: Final = {
    "data": "data", "drug": "drugs", "class": "drugs", "unit": "units", "safety": "safety", "define": "definitions",
    "statement": "definitions", "reference": "definitions", "interpretation": "definitions",
}  # fmt: skip
_BESIDE: Final = ("statement", "reference")


class Mention(NamedTuple):
    """A use, and the file it stands in."""

    file: FileIndex
    use: Use


Usage = Mapping[Definition, Sequence[Mention]]
"""Every use of every definition of a base."""


class Found(NamedTuple):
    """What stands at a place: a name, where it stands, and its definition, if there is one."""

    name: str
    span: Span
    definition: Definition | None


def base_of(path: Path) -> Path | None:
    """The folder of the knowledge base that `path` belongs to."""
    return next((folder for folder in path.parents if (folder / "protocols" / "library").is_dir()), None)


class Workspace:
    """A base, the texts an editor holds of it, and an index of each file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.base = Base(root, self.read)
        self._texts: dict[Path, str] = {}
        self._seen: dict[Path, str] = {}  # what the base has read of each file
        self._indexes: dict[Path, tuple[object, FileIndex | None]] = {}
        self._usage: tuple[object, Usage] = (None, {})

    # -- texts

    def hold(self, path: Path, text: str) -> None:
        """From now on `text` is what `path` says."""
        self._texts[path] = text
        self._read_anew(path)

    def release(self, path: Path) -> None:
        """What stands on the disk counts again."""
        self._texts.pop(path, None)
        self._read_anew(path)

    def _read_anew(self, path: Path) -> None:
        """Have the base read `path` again, unless it says what was read of it: it was only opened, or closed."""
        text = self.text(path)
        if not text or self._seen.get(path) != text.replace("\r\n", "\n"):
            self._seen.pop(path, None)
            self.base.forget(path)

    def is_held(self, path: Path) -> bool:
        """Whether the editor has it open."""
        return path in self._texts

    def folder_of(self, path: Path) -> str | None:
        """The protocol folder that a file belongs to, if it belongs to one."""
        kind = self.kind(path)
        if kind == "scenario":
            return path.parent.parent.name
        return path.parent.name if kind in ("protocol", "statements") else None

    def text(self, path: Path) -> str | None:
        """What `path` says: as it is held, else as it is on the disk."""
        if path in self._texts:
            return self._texts[path]
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None

    def lines(self, path: Path) -> list[str]:
        return (self.text(path) or "").replace("\r\n", "\n").split("\n")

    def read(self, path: str | Path) -> Source:
        text = self._texts.get(Path(path))
        found = read_source(path) if text is None else read_text(text, str(path))
        self._seen[Path(path)] = found.text
        return found

    # -- indexes

    def kind(self, path: Path) -> str | None:
        return kind_of(path, self.root)

    def paths(self) -> list[Path]:
        """Every file of the base that people write."""
        found = {path for pattern in FILES.values() for path in self.root.glob(pattern)}
        return sorted(path for path in found | self._texts.keys() if self.kind(path) is not None)

    def index(self, path: Path) -> FileIndex | None:
        """What `path` defines and uses; while it cannot be read, what it did when it last could."""
        kind = self.kind(path)
        if kind is None:
            return None
        state: object = self._texts.get(path)
        if state is None:
            try:
                about = path.stat()
            except OSError:
                return None
            state = about.st_mtime_ns, about.st_size
        known, index = self._indexes.get(path, (None, None))
        if known != state:
            text = self.text(path)
            made = None if text is None else index_text(text, path, kind)
            index = made or index
            self._indexes[path] = state, index
        return index

    def indexes(self) -> Iterator[FileIndex]:
        for path in self.paths():
            index = self.index(path)
            if index is not None:
                yield index

    # -- what names mean

    def protocol_of(self, file: FileIndex) -> FileIndex | None:
        """The protocol version a file is about: itself, or the one that its scenarios run."""
        if file.kind == "protocol":
            return file
        if file.kind == "scenario":
            return self.protocol(file.path.parent.parent.name, file.version)
        if file.kind == "statements":
            return self.protocol(file.path.parent.name)
        return None

    def protocol(self, id: str, version: str = "") -> FileIndex | None:
        """A version of a protocol, the latest by default."""
        path = self.base.file(id, version or None) or self.base.file(id)
        return None if path is None else self.index(path)

    def statements(self, file: FileIndex) -> FileIndex | None:
        """The statements that a protocol or scenario file rests on."""
        folder = file.path.parent.parent if file.kind == "scenario" else file.path.parent
        return self.index(folder / "statements.yaml")

    def library(self, name: str) -> FileIndex | None:
        return self.index(self.base.protocols_path / "library" / f"{name}.yaml")

    def homes(self, kind: str, file: FileIndex) -> list[FileIndex]:
        """The files in which a name of `kind`, used in `file`, may be defined; the nearest first."""
        if kind in _BESIDE:
            found = [self.statements(file)] if file.kind != "definitions" else []
        elif kind == "scenario":
            found = [file]
        else:
            found = [self.protocol_of(file)]
            if file.kind == "local":
                found = [self.protocol(id) for id in self.base.protocols()]
        if kind in _LIBRARY:
            found.append(self.library(_LIBRARY[kind]))
        return [one for one in found if one is not None]

    def look_up(self, kinds: tuple[str, ...], name: str, file: FileIndex) -> Definition | None:
        """The definition of a name used in `file`, of the first of `kinds` that has it."""
        for kind in kinds:
            if kind == "protocol":
                other = self.protocol(name)
                if other is not None:
                    return _named_by(other, kind, "id", other.protocol)
            elif kind == "version":
                path = self.base.file(self.folder_of(file.path) or "", name)
                other = None if path is None else self.index(path)
                if other is not None:
                    return _named_by(other, kind, "version", other.version)
            elif kind == "code" and name in CODES:
                return _code(name)
            for home in self.homes(kind, file):
                defined = home.definition(kind, name)
                if defined is not None:
                    return defined
        return self._by_synonym(name, file) if "drug" in kinds else None

    def _by_synonym(self, name: str, file: FileIndex) -> Definition | None:
        library = self.library("drugs")
        for drug in library.of_kind("drug") if library is not None else ():
            synonyms = drug.body.get("synonyms") if isinstance(drug.body, source.Mapping) else None
            words = synonyms.items if isinstance(synonyms, source.Sequence) else ()
            if any(isinstance(word, Scalar) and word.text == name for word in words):
                return drug
        return None

    def at(self, path: Path, line: int, character: int) -> Found | None:
        """The name at a place that counts from 0, in UTF-16 units."""
        file = self.index(path)
        if file is None or not 0 <= line < len(file.lines):
            return None
        row, column = line + 1, column_of(file.lines[line], character) + 1

        def holds(span: Span) -> bool:
            return span.line == row == span.end_line and span.column <= column <= span.end_column

        for defined in file.definitions:
            if holds(defined.span):
                return Found(defined.name, defined.span, defined)
        for use in file.uses:
            if holds(use.span):
                return Found(use.name, use.span, self.look_up(use.kinds, use.name, file))
        return None

    def usage(self) -> Usage:
        """Every use of every definition of the base."""
        files = list(self.indexes())
        state = tuple(map(id, files))
        if self._usage[0] != state:
            found: dict[Definition, list[Mention]] = {}
            for file in files:
                known: dict[tuple[tuple[str, ...], str], Definition | None] = {}
                for use in file.uses:
                    key = use.kinds, use.name
                    if key not in known:
                        known[key] = self.look_up(use.kinds, use.name, file)
                    defined = known[key]
                    if defined is not None:
                        found.setdefault(defined, []).append(Mention(file, use))
            self._usage = state, found
        return self._usage[1]

    def uses_of(self, definition: Definition) -> Sequence[Mention]:
        return self.usage().get(definition, ())

    # -- what is wrong

    def check(self, path: Path) -> dict[Path, list[Diagnostic]]:
        """What `kb check` says after a change of `path`: for every file that the change can have touched."""
        kind = self.kind(path)
        if kind is None:
            return {}
        own = self.folder_of(path)
        alone = own is not None and own in self.base.protocols()
        diagnostics, _ = self.base.check([own] if alone and own else ())
        covered = [one for one in self.paths() if not alone or self.folder_of(one) in (own, None)]
        found: dict[Path, list[Diagnostic]] = {one: [] for one in covered}
        for one in diagnostics:
            found.setdefault(Path(one.span.file), []).append(one)
        return found


def _named_by(file: FileIndex, kind: str, key: str, name: str) -> Definition:
    """A protocol file as the definition of its own id or version, which stands under `key`."""
    entry = file.root.entries.get(key)
    value = entry.value if entry is not None else file.root
    return Definition(kind, name, value.span, file.root, value.span)


@cache
def _code(name: str) -> Definition:
    """A code of the check, defined by its page."""
    span = Span(str(explain_page(name)))
    return Definition("code", name, span, source.Mapping({}, span), span)
