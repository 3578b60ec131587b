"""Cases that claim to exclude each other do (KB442)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, islice

from kb import program as ir
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.evaluate import evaluate, fill_defines
from kb.inspector.context import InspectContext, Table, Undecided
from kb.inspector.regions import FALSE, TRUE, Found, Want
from kb.inspector.wording import example, told
from kb.values import format_scaled


def check(context: InspectContext) -> Iterator[Diagnostic]:
    for table in context.tables:
        if table.exclusive:
            for other in range(1, len(table.whens)):
                yield from islice(_exclusive(context, table, other), 1)
            continue
        for one, other in combinations(range(len(table.whens)), 2):
            yield from _touching(context, table, one, other)


def _exclusive(context: InspectContext, table: Table, other: int) -> Iterator[Diagnostic]:
    """A case before holds as well for somebody, where the editor says that only one can."""
    for one in range(other):
        yield from _both(context, table, one, other)


def _both(context: InspectContext, table: Table, one: int, other: int) -> Iterator[Diagnostic]:
    what = f"whether cases {one + 1} and {other + 1} of `{table.name}` exclude each other"
    wants = (Want(table.whens[one], TRUE), Want(table.whens[other], TRUE))
    made = context.find("KB442", table.spans[other], what, wants, way=context.way_to(table.step))
    if made is not None and not isinstance(made, Undecided):
        yield from _told(context, table, one, other, made, "both hold")


def _touching(context: InspectContext, table: Table, one: int, other: int) -> Iterator[Diagnostic]:
    """One number belongs to both, below it only to one, above it only to the other: bands that were to meet."""
    first, second = table.whens[one], table.whens[other]
    regions = context.regions
    for slot in sorted(set(regions.compared(first)) & set(regions.compared(second))):
        here = context.program.slots[slot]
        values = [value for value in context.regions.full(slot) if isinstance(value, int)]
        cuts = context.regions.cuts(slot)
        for middle in range(1, len(values) - 1):
            if values[middle] not in cuts:
                continue
            at = [context.with_value(when, slot, values[middle]) for when in (first, second)]
            if not all(context.regions.mask(when, {}, {}) & TRUE for when in at):
                continue
            below, above = (
                [context.with_value(when, slot, values[number]) for when in (first, second)]
                for number in (middle - 1, middle + 1)
            )
            for low, high in ((0, 1), (1, 0)):
                wants = [
                    *(Want(when, TRUE) for when in at),
                    Want(below[low], TRUE),
                    Want(below[high], FALSE),
                    Want(above[high], TRUE),
                    Want(above[low], FALSE),
                ]
                what = f"whether the cases of `{table.name}` share a number"
                made = context.find("KB442", table.spans[other], what, wants)
                if made is None or isinstance(made, Undecided):
                    continue
                number = format_scaled(values[middle], here.unit)
                both = Found({**made.domains, slot: (values[middle],)}, made.exact)
                yield from _told(context, table, one, other, both, f"both hold for `{here.name}` exactly {number}")
                return


def _told(context: InspectContext, table: Table, one: int, other: int, made: Found, how: str) -> Iterator[Diagnostic]:
    def holds(row: ir.Row) -> bool:
        filled = [*row]
        fill_defines(context.program, filled)
        return all(evaluate(table.whens[number], filled) is True for number in (one, other))

    def question(walk):  # type: ignore[no-untyped-def]
        yield walk.truth(context.program.applies).true
        yield from (walk.truth(table.whens[number]).true for number in (one, other))

    patient = context.patient(
        "KB442", table.spans[other], f"cases {one + 1} and {other + 1} of `{table.name}`", made, holds, question
    )
    if patient is None:
        return
    yield replace(
        found(
            "KB442",
            table.spans[other],
            f"cases {one + 1} and {other + 1} of `{table.name}` overlap: {how}: {told(patient)}",
            "give what they share to one of them, `<` beside `>=`, as the source has it; or leave `exclusive` out, if"
            " the first one is meant to count"
            if table.exclusive
            else "give the number to one of them, `<` beside `>=`, as the source has it",
            f"the first one counts and gives {table.says[one]}, the second would give {table.says[other]}",
            (Related(table.spans[one], "this one comes first"),),
        ),
        example=example("KB442", table.name, context.protocol.span.file, patient),
    )
