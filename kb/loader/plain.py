"""Files whose meaning is read elsewhere, as plain data with places: local settings, policies, review records."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kb.diagnostics import Diagnostic, Span
from kb.loader.reader import Reader, done
from kb.source import Mapping, Node, Reading, Scalar, Sequence, read_source


@dataclass(frozen=True, slots=True)
class LocalDef:
    """What a file says, as plain data (`kb.local`, `kb.review`); `spans` has the place of each key, by its path.

    With `""` behind it, a path leads to the value.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    spans: dict[tuple[str | int, ...], Span] = field(default_factory=dict)


def load_local(path: str | Path, read: Reading = read_source) -> tuple[LocalDef | None, list[Diagnostic]]:
    """`local.yaml`: what one hospital has settled."""
    reader = Reader(read(Path(path)), "local")
    return done(reader, read_plain(reader, reader.root) if reader.root is not None else None)


def load_plain(path: str | Path, kind: str, read: Reading = read_source) -> tuple[LocalDef | None, list[Diagnostic]]:
    """A file of `kind` whose meaning is read elsewhere: a policy, or review records."""
    reader = Reader(read(Path(path)), kind)
    return done(reader, read_plain(reader, reader.root) if reader.root is not None else None)


def read_plain(reader: Reader, body: Mapping) -> LocalDef:
    spans: dict[tuple[str | int, ...], Span] = {}
    settings = _data(reader, body, (), spans)
    return LocalDef(settings if isinstance(settings, dict) else {}, spans)


def _data(reader: Reader, node: Node, path: tuple[str | int, ...], spans: dict[tuple[str | int, ...], Span]) -> Any:
    """A tree as plain data; `spans` takes the places, as in `LocalDef`."""
    if isinstance(node, Scalar):
        spans[*path, ""] = node.span
        return reader.plain(node)
    made: dict[str, Any] = {}
    if isinstance(node, Sequence):
        items = [_data(reader, item, (*path, number), spans) for number, item in enumerate(reader.items(node))]
        return [item for item in items if item is not None]
    for name, entry in reader.entries(node):
        spans[*path, name] = entry.key.span
        value = _data(reader, entry.value, (*path, name), spans)
        if value is not None:
            made[name] = value
    if isinstance(node, Mapping) and path and isinstance(path[-1], int) and node.entries:
        spans[path] = next(iter(node.entries.values())).key.span
    return made
