"""Limits of a drug: the library's and, where a hospital has settled its own, those in their place.

A local limit takes the place of one edge of the library's (soft or hard, lowest or highest) for the routes it
names; edges that it does not name stay the library's. Where several local limits speak, the strictest counts,
and those of a care area come before those of the whole hospital. Nothing here knows of rules or caps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from kb import program as ir
from kb.records import NamedTuple

KINDS = ("hard", "soft")
SIDES = ("high", "low")

Tell = Callable[[str, int], str]  # a quantity in words, from its unit and scaled value
Say = Callable[[int], str]


class LocalLimit(NamedTuple):
    """A limit that a hospital has set: `limit` in the drug's unit; `area` is a care area, empty for all of them."""

    limit: ir.Limit
    area: str = ""
    because: str = ""
    by: str = ""
    on: str = ""


class Held(NamedTuple):
    """What stands against a dose, as (rule, words); `notes` say where it lies in what a hospital has widened."""

    refused: tuple[tuple[str, str], ...] = ()
    challenged: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def edge_of(limit: ir.Limit, kind: str, side: str) -> int | None:
    """One of the four edges of a limit, scaled."""
    edge: int | None = getattr(limit, f"{kind}_{side}")
    return edge


def beyond(value: int, edge: int, side: str) -> bool:
    return value > edge if side == "high" else value < edge


def strictest(edges: Iterable[int], side: str) -> int | None:
    found = list(edges)
    return None if not found else min(found) if side == "high" else max(found)


def library_edge(drug: ir.Drug, of: str, route: str, kind: str, side: str) -> int | None:
    """The strictest edge of the library for the routes that a limit for `route` (empty: any) bears on."""
    edges = (
        edge_of(limit, kind, side)
        for limit in drug.limits
        if limit.of == of
        and (not limit.route or not route or limit.route in _same(route) or route in _same(limit.route))
    )
    return strictest((edge for edge in edges if edge is not None), side)


def widened(drug: ir.Drug, limit: ir.Limit) -> Iterator[tuple[str, str, int, int]]:
    """The edges of a local limit that lie beyond the library's: kind, side, the library's edge and its own."""
    for kind in KINDS:
        for side in SIDES:
            own, library = edge_of(limit, kind, side), library_edge(drug, limit.of, limit.route, kind, side)
            if own is not None and library is not None and beyond(own, library, side):
                yield kind, side, library, own


def unit_of(drug: ir.Drug, of: str) -> str:
    return drug.rate_unit if of == "rate" else drug.amount_unit


def hold(
    drug: ir.Drug, of: str, value: int, route: str | None, local: Sequence[LocalLimit], area: str, tell: Tell
) -> Held:
    """A rate or amount held against the limits for its route, in one care area (empty: none of those named).

    `tell` says a quantity of the drug as this hospital shows it.
    """
    if not value:
        return Held()
    unit = unit_of(drug, of)

    def say(scaled: int) -> str:
        return tell(unit, scaled)

    own: dict[tuple[str, str], tuple[int, LocalLimit]] = {}
    for item in sorted(local, key=lambda item: not item.area):
        if item.limit.of != of or item.area not in ("", area) or not bears_on(item.limit, route):
            continue
        for kind in KINDS:
            for side in SIDES:
                edge = edge_of(item.limit, kind, side)
                if edge is None:
                    continue
                before = own.get((kind, side))
                stricter = before is not None and before[1].area == item.area and beyond(before[0], edge, side)
                if before is None or stricter:
                    own[kind, side] = edge, item
    refused: list[tuple[str, str]] = []
    challenged: list[tuple[str, str]] = []
    notes: dict[str, None] = {}
    for limit in drug.limits:
        if limit.of != of or not bears_on(limit, route):
            continue
        for kind in KINDS:
            crossed = [side for side in SIDES if _is_beyond(value, edge_of(limit, kind, side), side)]
            if not crossed:
                continue
            side = crossed[0]
            edge = edge_of(limit, kind, side) or 0
            settled = own.get((kind, side))
            if settled is not None:
                if not beyond(value, settled[0], side):
                    notes[_note(drug, say, value, kind, side, edge, settled)] = None
                continue
            into = refused if kind == "hard" else challenged
            into.append((f"{kind}-limit", _against_library(drug, say, value, kind, side, edge, limit)))
            if kind == "hard":
                break
    for (kind, side), (edge, item) in own.items():
        if not beyond(value, edge, side):
            continue
        library = library_edge(drug, of, item.limit.route, kind, side)
        into = refused if kind == "hard" else challenged
        into.append((f"{kind}-limit", _against_local(drug, say, value, kind, side, edge, item, library)))
    return Held(tuple(refused), tuple(challenged), tuple(notes))


def _is_beyond(value: int, edge: int | None, side: str) -> bool:
    return edge is not None and beyond(value, edge, side)


def _same(route: str) -> tuple[str, ...]:
    """What goes into the marrow is at once in the vein."""
    return ("io", "iv") if route == "io" else (route,)


def bears_on(limit: ir.Limit, route: str | None) -> bool:
    """Whether a limit is about a dose by `route`; one for a named route says nothing of another."""
    return not limit.route or (bool(route) and limit.route in _same(route or ""))


def _side(side: str) -> str:
    return "above" if side == "high" else "below"


def _against_library(drug: ir.Drug, say: Say, value: int, kind: str, side: str, edge: int, limit: ir.Limit) -> str:
    where = limit.source or (f"to be confirmed by {limit.confirm}" if limit.confirm else "")
    return f"{say(value)} is {_side(side)} the library's {kind} limit of {say(edge)} for {drug.label}" + (
        f" ({where})" if where else ""
    )


def _against_local(
    drug: ir.Drug, say: Say, value: int, kind: str, side: str, edge: int, item: LocalLimit, library: int | None
) -> str:
    return (
        f"{say(value)} is {_side(side)} the {_whose(item)} {kind} limit of "
        f"{say(edge)} for {drug.label} "
        f"({'; '.join([_library(library, say), *_signed(item)])})"
    )


def _note(drug: ir.Drug, say: Say, value: int, kind: str, side: str, edge: int, settled: tuple[int, LocalLimit]) -> str:
    own, item = settled
    return (
        f"{say(value)} is {_side(side)} the library's {kind} limit of {say(edge)} for "
        f"{drug.label}; the {_whose(item)} limit of {say(own)} allows it"
        f" ({'; '.join(_signed(item)) or 'no reason given'})"
    )


def _whose(item: LocalLimit) -> str:
    return f"local ({item.area})" if item.area else "local"


def _library(edge: int | None, say: Say) -> str:
    return "the library has none" if edge is None else f"the library's is {say(edge)}"


def _signed(item: LocalLimit) -> list[str]:
    signed = ", ".join(text for text in (item.by, item.on) if text)
    return [text for text in (item.because, signed) if text]
