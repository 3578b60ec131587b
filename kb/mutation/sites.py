"""Places in a protocol where a fault can be put, and the protocol with that fault in it.

A mutant is made of the protocol as its editors wrote it, so its place is a line of their file, and is compiled as they
would compile it. Of the library only what says how long a value counts is looked at, as far as the protocol reads it:
the rest is shared, and changing it changes every protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, NamedTuple

from kb import model
from kb.diagnostics import Span
from kb.expression import tree
from kb.expression.text import to_text


class Drop(Enum):
    """What stands in the place of a node that is taken out: an entry goes, a single field becomes empty."""

    it = "it"


DROP = Drop.it

PARTS = ("applies", "enter", "parameters", "defines", "steps", "never", "caps", "goals", "alerts")
"""The fields of a protocol that decide something."""


LIBRARY = "library"
"""What a path begins with that leads into the library."""


class Written(NamedTuple):
    """What editors wrote: a protocol, and the library that it reads."""

    protocol: model.Protocol
    library: model.Library


class Site(NamedTuple):
    """One record of a protocol or of its library. `path` leads to it, `above` are those around it, outermost first."""

    path: tuple[str | int, ...]
    node: Any
    above: tuple[Any, ...]

    @property
    def owner(self) -> str:
        """What an editor calls the part it stands in: `decide-fluids`, `map_target`, `applies`."""
        if self.part == LIBRARY:
            return str(self.path[2])
        return str(self.path[0] if self.part in ("applies", "enter") else self.path[1])

    @property
    def part(self) -> str:
        """The heading in the file: steps, defines, never …; `library` for all of the library."""
        return str(self.path[0])

    def inside(self, *kinds: type) -> bool:
        return any(isinstance(node, kinds) for node in self.above)


class Change(NamedTuple):
    """`to` in the place of a site's node; `told` in words; `span` where not that of the node."""

    to: Any
    told: str
    span: Span | None = None


def sites(written: Written) -> Iterator[Site]:
    """Every record that decides something, outermost first, in the order of the file."""
    protocol, library = written
    for part in PARTS:
        yield from _inside(getattr(protocol, part), (part,), ())
    for id, element in protocol.elements.items():
        yield Site(("elements", id), element, ())
    for id, element in library.elements.items():
        if id not in protocol.elements:
            yield Site((LIBRARY, "elements", id), element, ())
    for id, drug in library.drugs.items():
        yield Site((LIBRARY, "drugs", id), drug, ())


def _inside(node: Any, path: tuple[str | int, ...], above: tuple[Any, ...]) -> Iterator[Site]:
    if isinstance(node, dict):
        for name, entry in node.items():
            yield from _inside(entry, (*path, name), above)
    elif isinstance(node, tuple) and not isinstance(node, Span):
        for place, entry in enumerate(node):
            yield from _inside(entry, (*path, place), above)
    elif is_dataclass(node):
        yield Site(path, node, above)
        for item in fields(node):
            yield from _inside(getattr(node, item.name), (*path, item.name), (*above, node))


def changed(written: Written, site: Site, to: Any) -> Written:
    """What is written with `to` in the place of the site's node; nothing else differs."""
    if site.part == LIBRARY:
        return written._replace(library=_put(written.library, site.path[1:], to))
    return written._replace(protocol=_put(written.protocol, site.path, to))


def _put(node: Any, path: tuple[str | int, ...], to: Any) -> Any:
    if not path:
        return None if to is DROP else to
    first, rest = path[0], path[1:]
    gone = to is DROP and not rest
    if isinstance(node, dict):
        return {
            name: _put(entry, rest, to) if name == first else entry
            for name, entry in node.items()
            if not (gone and name == first)
        }
    if isinstance(node, tuple):
        return tuple(
            _put(entry, rest, to) if place == first else entry
            for place, entry in enumerate(node)
            if not (gone and place == first)
        )
    made = replace(node, **{str(first): _put(getattr(node, str(first)), rest, to)})
    if isinstance(made, model.Amount):  # its wording is shown beside the value
        return replace(made, text=_worded(made.value))
    return made


def _worded(value: tree.Expr | tree.Range) -> str:
    if isinstance(value, tree.Range):
        return f"{to_text(value.low)} to {to_text(value.high)}"
    return to_text(value)


def span_of(site: Site, change: Change) -> Span:
    """Where in the file the fault is."""
    if change.span is not None:
        return change.span
    for node in (site.node, *reversed(site.above)):
        span = getattr(node, "span", None)
        if isinstance(span, Span):
            return span
    raise AssertionError(f"no place for {site.path}")
