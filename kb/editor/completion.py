"""What may be written at a place: names with what they stand for, words of a choice, units of the right kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from kb.codes import CODES
from kb.diagnostics import Severity, Span
from kb.editor.cursor import Cursor, cursor_at, shape_at
from kb.editor.hover import brief, hover
from kb.editor.index import EVENTS, VALUES, Definition, FileIndex
from kb.editor.places import Position, Range, column_of, units
from kb.editor.workspace import Workspace
from kb.expression.parser import FUNCTIONS, OF_STEP
from kb.source import Mapping, Scalar, Sequence
from kb.validator import Shape
from kb.values import BadValue, UnitTable

MOST: Final = 500
_NAME = re.compile(r"[\w.@-]*$")
_UNIT = re.compile(r"(?:^|[\s(=<>])\d+(?:\.\d+)? +([A-Za-zµ%/.]*)$")
_IS = re.compile(r"([a-z][\w]*) +is +(?:not +)?(?:[\w-]+ +or +)*([\w-]*)$")
_COMPARED = re.compile(r"([a-z][\w]*)\s*(?:<=|>=|!=|<|>|=|between)\s*[\d.]+(?: *\S* +and +[\d.]+)? +\S*$")
_CALLED = re.compile(r"\b([a-z_]+)\(\s*[\w-]*$")
_AFTER = re.compile(r"\b(?:since|after) +[\w-]*$")
_FEATURES: Final = {
    "since": "time since the last entry",
    "count": "how often, in a window",
    "total": "sum of amounts, in a window",
    "previous": "the value before the last",
    "change": "how much it changed, in a window",
    "done": "whether a step was done, in a window",
    "declined": "whether a step was declined, in a window",
    "persists": "still true, measured anew, some time after an event",
}


Placed = Callable[[str], Range]
"""The range of a word that ends at the cursor."""


class Completion(NamedTuple):
    """One thing that may stand in `range`; `definition` is what it names, if it is a name."""

    label: str
    kind: str
    detail: str
    range: Range
    definition: Definition | None = None


def complete(workspace: Workspace, path: Path, line: int, character: int) -> list[Completion]:
    """What may stand at a place that counts from 0, in UTF-16 units; empty where anything may."""
    kind = workspace.kind(path)
    lines = workspace.lines(path)
    if kind is None or not 0 <= line < len(lines):
        return []
    column = column_of(lines[line], character)
    cursor = cursor_at(lines, line, column)
    shape = shape_at(kind, cursor)
    file = workspace.index(path) or _empty(path, kind)
    if shape is None or _in_comment(lines[line][:column]):
        return []

    def place(word: str) -> Range:
        start = units(lines[line][: column - len(word)])
        return Range(Position(line, start), Position(line, units(lines[line][:column])))

    return list(_offered(workspace, file, cursor, shape, place))[:MOST]


def documentation(workspace: Workspace, item: Completion, path: Path) -> str:
    """Markdown about what an item names."""
    file = workspace.index(path) or _empty(path, workspace.kind(path) or "protocol")
    return "" if item.definition is None else hover(workspace, item.definition, file)


def _empty(path: Path, kind: str) -> FileIndex:
    version = path.stem if kind == "protocol" else ""
    return FileIndex(path, kind, Mapping({}, Span(str(path))), (), path.parent.name, version)


def _in_comment(text: str) -> bool:
    return text.lstrip().startswith("#") or "  #" in text


def _offered(
    workspace: Workspace, file: FileIndex, cursor: Cursor, shape: Shape, place: Placed
) -> Iterator[Completion]:
    feature = "feature" in shape.names or (cursor.is_key and "feature" in shape.keys)
    if shape.expression or shape.window or feature:
        yield from _expression(workspace, file, cursor, shape, place)
        return
    if not shape.names and not cursor.is_key and not shape.prose and _UNIT.search(cursor.before):
        yield from _measured(workspace, file, cursor, place)  # a charted value, a default, a dose of an order
        return
    kinds = shape.keys if cursor.is_key and shape.keys else shape.names
    if cursor.is_key and not shape.names and not shape.keys:
        return
    found = _NAME.search(cursor.before)
    word = found[0] if found else ""
    if "unit" in kinds:
        yield from (Completion(unit, "unit", brief(one), place(word), one) for unit, one in _units(workspace, file))
        return
    yield from _named(
        workspace, file, kinds, place(word), major="@" in shape.pattern_text or "hand_overs" in cursor.path
    )


def _units(workspace: Workspace, file: FileIndex) -> Iterator[tuple[str, Definition]]:
    for home in workspace.homes("unit", file):
        yield from ((one.name, one) for one in home.of_kind("unit"))


def _named(
    workspace: Workspace, file: FileIndex, kinds: Iterable[str], place: Range, major: bool = False
) -> Iterator[Completion]:
    """Every name of some kinds that is known in `file`, the nearest definition of each."""
    seen: set[str] = set()
    for kind in kinds:
        if kind == "protocol":
            for id in workspace.base.protocols():
                other = workspace.protocol(id)
                definition = workspace.look_up(("protocol",), id, file)
                if other is None or definition is None:
                    continue
                name = f"{id}@{other.version.partition('.')[0]}" if major else id
                yield Completion(name, kind, brief(definition), place, definition)
            continue
        if kind in ("version", "code"):
            for name in _not_written(workspace, file, kind):
                definition = workspace.look_up((kind,), name, file)
                if definition is not None:
                    yield Completion(name, kind, brief(definition), place, definition)
            continue
        for home in workspace.homes(kind, file):
            for one in home.of_kind(kind):
                if one.name not in seen:
                    seen.add(one.name)
                    yield Completion(one.name, kind, brief(one), place, one)


def _not_written(workspace: Workspace, file: FileIndex, kind: str) -> list[str]:
    """Names that no key defines: the versions of the protocol, newest first, and the codes that can be allowed."""
    if kind == "version":
        return workspace.base.protocols().get(workspace.folder_of(file.path) or "", [])[::-1]
    return [code for code, about in CODES.items() if about.severity is not Severity.ERROR]


# ---------------------------------------------------------------- expressions


def _expression(
    workspace: Workspace, file: FileIndex, cursor: Cursor, shape: Shape, place: Placed
) -> Iterator[Completion]:
    text = cursor.before
    choice = _IS.search(text)
    if choice is not None:
        for word in options(workspace, file, choice[1]):
            yield Completion(word, "option", f"an option of {choice[1]}", place(choice[2]))
        return
    if _UNIT.search(text):
        yield from _measured(workspace, file, cursor, place)
        return
    found = re.search(r"[a-z][\w-]*$", text)
    word = found[0] if found else ""
    if re.search(r"\blocal +\w*$", text):
        yield from _named(workspace, file, ("parameter",), place(word))
        return
    if re.search(r"\d[\w.]*$", text):
        return
    called = _CALLED.search(text)
    if called is not None and called[1] in ("done", "declined", *OF_STEP):
        yield from _named(workspace, file, ("step",), place(word))
        return
    event = _AFTER.search(text) is not None
    yield from _named(workspace, file, EVENTS if event else VALUES, place(word))
    if not shape.window and not event:
        for name, told in _FEATURES.items():
            yield Completion(name, "function", told, place(word))
        for name in FUNCTIONS:
            yield Completion(name, "function", "a function of values", place(word))
        for name in OF_STEP if cursor.path[:1] == ("prove",) else ():
            yield Completion(name, "function", "what is advised, of a step", place(word))


def _measured(workspace: Workspace, file: FileIndex, cursor: Cursor, place: Placed) -> Iterator[Completion]:
    """The units for the number before the cursor."""
    number = _UNIT.search(cursor.before)
    unit = _unit_meant(workspace, file, cursor)
    for spelling in _alike(workspace, file, unit) if unit and number is not None else ():
        assert number is not None
        told = "the unit it is kept in" if spelling == unit else f"measures the same as {unit}"
        yield Completion(spelling, "unit", told, place(number[1]))


def options(workspace: Workspace, file: FileIndex, name: str) -> list[str]:
    """The words that may follow `name is`."""
    found = workspace.look_up(VALUES, name, file)
    if found is None or not isinstance(found.body, Mapping):
        return []
    listed = found.body.get("options")
    words = [item.text for item in listed.items if isinstance(item, Scalar)] if isinstance(listed, Sequence) else []
    kind = found.body.get("type")
    if isinstance(kind, Scalar) and kind.text == "boolean":
        words += ["true", "false"]
    able = found.body.get("unobtainable")
    if isinstance(able, Scalar) and able.text == "true":
        words.append("unobtainable")
    return words


def _unit_meant(workspace: Workspace, file: FileIndex, cursor: Cursor) -> str:
    """The unit that a number at the cursor most likely takes."""
    compared = _COMPARED.search(cursor.before)
    if compared is not None:
        return _unit_of(workspace.look_up(VALUES, compared[1], file), "rate")
    key = next((name for name in reversed(cursor.path) if name != "-"), "")
    drug = (
        cursor.beside.get("drug")
        or cursor.beside.get("fluid")
        or next(
            (cursor.beside[verb] for verb in ("started", "changed", "given", "running") if verb in cursor.beside), ""
        )
    )
    if key in ("every", "after", "over", "ago"):
        return "min"
    if key == "value" and "element" in cursor.beside:
        return _unit_of(workspace.look_up(("data",), cursor.beside["element"], file), "")
    if drug:
        amounts = ("amount", "each", "max") if "amount" in (*cursor.beside, key) else ("amount", "each")
        return _unit_of(workspace.look_up(("drug",), drug, file), "amount" if key in amounts else "rate")
    if (len(cursor.path) > 1 and cursor.path[-2] == "chart") or cursor.path[:1] == ("parameters",):
        return _unit_of(workspace.look_up(VALUES, key, file), "rate")
    if "unit" in cursor.beside:
        return cursor.beside["unit"]
    return ""


def _unit_of(found: Definition | None, quantity: str) -> str:
    if found is None or not isinstance(found.body, Mapping):
        return ""
    unit = found.body.get(quantity if found.kind == "drug" else "unit")
    return unit.text if isinstance(unit, Scalar) else ""


def _alike(workspace: Workspace, file: FileIndex, unit: str) -> list[str]:
    """The units that measure the same as `unit`: those of the library, and those the protocol writes."""
    table = UnitTable(workspace.base.library.units.values())
    try:
        wanted = table.parse(unit).dimension
    except BadValue:
        return [unit]
    known = [unit, *table.spelled(wanted)]
    for name in ("data", "drugs"):
        library = workspace.library(name)
        for one in library.definitions if library is not None else ():
            known += [found for found in (_unit_of(one, "rate"), _unit_of(one, "amount")) if found]
    fits = []
    for each in dict.fromkeys(known):
        try:
            if table.parse(each).dimension == wanted:
                fits.append(each)
        except BadValue:
            continue
    return fits
