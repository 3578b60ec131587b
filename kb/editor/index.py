"""Where every name is defined and used: one file at a time, from its nodes and the marks in its schema.

`x-defines` in a schema says that the keys of a group define names of a kind, `x-names` and `x-keys` that a value
or a key is such a name. Names inside expressions are found in their trees. Nothing is checked here: a name that
nothing defines is a use all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from kb.chart import RECORD
from kb.diagnostics import Diagnostic, Span
from kb.expression import tree
from kb.expression.parser import RESERVED, parse_amount, parse_window
from kb.source import Mapping, Node, Scalar, Sequence, read_text
from kb.validator import Shape, shape_of

VALUES: Final = ("define", "parameter", "data", "drug", "class")
"""The kinds a name in an expression may be of, in the order in which they are looked for."""

EVENTS: Final = ("data", "drug", "class", "define", "step")
_LOCAL = re.compile(r"local +([a-z][a-z0-9_]*)")
_OF_STEP = re.compile(r"decline_stands\(([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
_OF_DRUG = re.compile(r"([a-z][a-z0-9-]*)\.(?:salt|concentration)")
_OF_REPEAT = re.compile(r"repeat-([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
_MATTER = re.compile(r"B[0-9]{2}")
_WORD = re.compile(r"[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*")


class Definition(NamedTuple):
    """Where a name is defined: `span` is the key, `body` what stands under it."""

    kind: str
    name: str
    span: Span
    body: Node
    whole: Span


class Use(NamedTuple):
    """One mention of a name, of the first of `kinds` that has it; `owner` is what it stands in: kind and name."""

    kinds: tuple[str, ...]
    name: str
    span: Span
    owner: tuple[str, str]


class Word(NamedTuple):
    """A word after `is`, and the name before it."""

    of: str
    word: str
    span: Span


@dataclass(frozen=True)
class FileIndex:
    """What one file defines and uses. `protocol` and `version` are those that it names."""

    path: Path
    kind: str
    root: Mapping
    lines: tuple[str, ...]
    protocol: str = ""
    version: str = ""
    definitions: tuple[Definition, ...] = ()
    uses: tuple[Use, ...] = ()
    words: tuple[Word, ...] = field(default=())

    @cached_property
    def by_name(self) -> dict[tuple[str, str], Definition]:
        return {(one.kind, one.name): one for one in self.definitions}

    def definition(self, kind: str, name: str) -> Definition | None:
        return self.by_name.get((kind, name))

    def of_kind(self, kind: str) -> list[Definition]:
        return [one for one in self.definitions if one.kind == kind]


def kind_of(path: Path, base: Path) -> str | None:
    """The kind of file that stands at `path` of the base, as in `kb.editor.schemas.FILES`."""
    try:
        parts = path.relative_to(base).parts
    except ValueError:
        return None
    match parts:
        case ("local.yaml",):
            return "local"
        case (
            "protocols",
            "library",
            ("data.yaml" | "drugs.yaml" | "units.yaml" | "definitions.yaml" | "safety.yaml") as name,
        ):
            return name.removesuffix(".yaml")
        case ("protocols", "policy.yaml"):
            return "policy"
        case ("protocols", _, "reviews", name) if name.endswith(".yaml"):
            return "review"
        case ("protocols", _, "statements.yaml"):
            return "statements"
        case ("protocols", _, "scenarios", name) if name.endswith(".yaml"):
            return "scenario"
        case ("protocols", folder, name) if folder != "library" and re.fullmatch(r"\d+\.\d+\.\d+\.yaml", name):
            return "protocol"
    return None


def index_text(text: str, path: Path, kind: str) -> FileIndex | None:
    """The index of one text; None where it cannot be read as YAML."""
    source = read_text(text, str(path))
    if source.root is None:
        return None
    walk = _Walk()
    walk.node(source.root, shape_of(kind), ("", ""))
    names = {key: _text(source.root.get(key)) for key in ("id", "protocol", "version")}
    return FileIndex(
        path,
        kind,
        source.root,
        tuple(source.text.split("\n")),
        names["id"] or names["protocol"],
        names["version"] or (path.stem if kind == "protocol" else ""),
        tuple(walk.definitions),
        tuple(walk.uses),
        tuple(walk.words),
    )


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


class _Walk:
    def __init__(self) -> None:
        self.definitions: list[Definition] = []
        self.uses: list[Use] = []
        self.words: list[Word] = []

    def node(self, node: Node, shape: Shape, owner: tuple[str, str]) -> None:
        if isinstance(node, Scalar):
            self.scalar(node, shape, owner)
        elif isinstance(node, Sequence):
            for item in node.items if shape.items is not None else ():
                assert shape.items is not None
                self.node(item, shape.items, owner)
        else:
            self.mapping(node, shape, owner)

    def mapping(self, node: Mapping, shape: Shape, owner: tuple[str, str]) -> None:
        if shape.kinds:
            present = next((key for key in shape.kinds if key in node.entries), None)
            if present is None:
                return
            shape = shape.kinds[present]
        for key, entry in node.entries.items():
            inside = owner
            if shape.defines:
                defined = Definition(shape.defines, key, entry.key.span, entry.value, _joined(entry.key, entry.value))
                if shape.defines == "atom":
                    defined = defined._replace(kind="statement", name=owner[1] + key)
                self.definitions.append(defined)
                inside = (defined.kind, defined.name)
            elif shape.keys == ("statement",) and _MATTER.fullmatch(
                key
            ):  # no source read for it: the reason defines it
                whole = _joined(entry.key, entry.value)
                self.definitions.append(Definition("matter", key, entry.key.span, entry.value, whole))
            elif shape.keys:
                self.named(entry.key, shape.keys, owner)
            inner = shape.properties.get(key)
            if inner is None:
                inner = next((found for pattern, _, found in shape.patterns if pattern.match(key)), shape.extra)
            if inner is not None:
                self.node(entry.value, inner, inside)

    def scalar(self, node: Scalar, shape: Shape, owner: tuple[str, str]) -> None:
        if shape.names:
            self.named(node, shape.names, owner)
        elif shape.expression or shape.window:
            self.uses += self.expression(node, shape.window, owner)

    def named(self, node: Scalar, kinds: tuple[str, ...], owner: tuple[str, str]) -> None:
        if kinds == ("feature",) and node.text == RECORD:
            return  # a word of charts
        if (
            kinds == ("feature",) and _OF_DRUG.fullmatch(node.text) is None
        ):  # data by name, or a feature of the chart as it stands in the protocol
            self.uses += self.expression(node, False, owner)
            return
        name = node.text
        made = (
            _OF_DRUG.fullmatch(name) if "feature" in kinds else _OF_REPEAT.fullmatch(name) if "never" in kinds else None
        )
        if made is not None:  # a part of a name that is charted, or the rule that a `repeat:` gives its step
            self.uses.append(
                Use(("drug",) if "feature" in kinds else ("step",), made[1], node.place(*made.span(1)), owner)
            )
            return
        if "step" in kinds:
            name = name.partition(".")[0]  # `dobutamine.raise` is a part of the step `dobutamine`
        elif "protocol" in kinds:
            name = name.partition("@")[0]
        if name and not node.faulty:
            self.uses.append(Use(kinds, name, node.place(0, len(name)), owner))

    def expression(self, node: Scalar, window: bool, owner: tuple[str, str]) -> Iterator[Use]:
        made = _OF_STEP.match(node.text)
        if made is not None:  # a feature of a step, as charts name it; `.start` is a part of a titration
            yield Use(("step",), made[1], node.place(*made.span(1)), owner)
            return
        local = _LOCAL.fullmatch(node.text)
        if local is not None:
            yield Use(("parameter",), local[1], node.place(*local.span(1)), owner)
            return
        parsed = parse_window(node.text, node.at) if window else parse_amount(node.text, node.at)
        if isinstance(parsed, Diagnostic):  # half written: the words in it that are names
            for word in _WORD.finditer(node.text):
                if word[0] in RESERVED or word[0] == "given":
                    continue
                yield Use((*VALUES, "step"), word[0], node.place(*word.span()), owner)
            return
        for name, kinds in names_in(parsed):
            yield Use(kinds, name.id, name.span, owner)
        for one in _inside(parsed, tree.Is):
            assert isinstance(one, tree.Is)
            if isinstance(one.value, tree.Name):
                self.words += [Word(one.value.id, option.id, option.span) for option in one.options]


def _joined(key: Scalar, value: Node) -> Span:
    return Span(key.span.file, key.span.line, key.span.column, value.span.end_line, value.span.end_column)


def names_in(root: object, kinds: tuple[str, ...] = VALUES) -> Iterator[tuple[tree.Name, tuple[str, ...]]]:
    """Every name in an expression that stands for something, with the kinds it may be of."""
    match root:
        case tree.Name():
            if not root.id.startswith("order."):
                yield root, kinds
        case tree.Is(value=value):
            yield from names_in(value, kinds)
        case tree.TimeFeature(function=function, of=of, window=window):
            if of.id != "this":  # `done since X`: the step it stands in
                yield of, ("step",) if function in ("done", "declined") else EVENTS
            yield from names_in(window, kinds)
        case tree.SinceEvent(event=event):
            yield event, EVENTS
        case tree.OfAdvice(step=step):
            if step is not None:
                yield step, ("step",)
        case tree.Persists(condition=condition, duration=duration, after=after):
            yield from names_in(condition, kinds)
            yield from names_in(duration, kinds)
            yield after, EVENTS
        case _:
            for part in _parts(root):
                yield from names_in(part, kinds)


def _parts(root: object) -> Iterable[object]:
    if isinstance(root, tuple):
        return () if isinstance(root, Span) else root
    if is_dataclass(root) and not isinstance(root, type):
        return [getattr(root, one.name) for one in fields(root)]
    return ()


def _inside(root: object, kind: type) -> Iterator[object]:
    if isinstance(root, kind):
        yield root
    for part in _parts(root):
        yield from _inside(part, kind)
