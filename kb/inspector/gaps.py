"""For every patient some case holds (KB440)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kb import program as ir
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.evaluate import evaluate, fill_defines
from kb.inspector.context import InspectContext, Table, Undecided, all_false
from kb.inspector.regions import Regions
from kb.inspector.wording import Stretch, example, told, written_grain
from kb.prover.solver import Term
from kb.prover.symbolic import SymbolicWalk


def check(context: InspectContext) -> Iterator[Diagnostic]:
    for table in context.tables:
        if table.closed:
            continue
        step = table.step
        what = f"whether some case of `{table.name}` holds for everybody"
        rows = context.find("KB440", table.span, what, tuple(all_false(table.whens)), way=context.way_to(step))
        if rows is None or isinstance(rows, Undecided):
            continue

        def holds(row: ir.Row, table: Table = table) -> bool:
            way = table.step is None or evaluate(context.reach[table.step], row) is True
            return way and _in_scope(context, row) and _falls_through(table, row)

        def question(walk: SymbolicWalk, table: Table = table) -> Iterable[Term]:
            yield walk.truth(context.program.applies).true
            if table.step is not None:
                yield walk.truth(context.reach[table.step]).true
            yield from (walk.truth(when).false for when in table.whens)

        patient = context.patient("KB440", table.span, what, rows, holds, question)
        if patient is None:
            continue
        stretch = hole(context, table, list(patient.advice.walk.row))
        where = "" if stretch is None else f", {stretch}"
        help = "add a case for them, or an `else:` that says what is to be done for everybody not named above"
        if stretch is not None and is_narrow(context, stretch):
            help = f"the hole is {width(context, stretch)}: let one case end where the next begins, `<` beside `>=`"
        yield replace(
            found(
                "KB440",
                table.span,
                f"no case of `{table.name}` holds for a patient{where}: {told(patient)}",
                help,
                "at the bedside nothing follows but an alert, and the patient is left without advice",
            ),
            example=example("KB440", table.name, context.protocol.span.file, patient),
        )


def _in_scope(context: InspectContext, row: ir.Row) -> bool:
    return evaluate(context.program.applies, row) is True


def _falls_through(table: Table, row: ir.Row) -> bool:
    return all(evaluate(when, row) is False for when in table.whens)


def hole(context: InspectContext, table: Table, row: ir.Row) -> Stretch | None:
    """How far a patient's number can go with still no case: of the input where that is bounded best."""
    best: Stretch | None = None
    for slot in dict.fromkeys(context.inputs(*table.whens)):
        here = context.program.slots[slot]
        value = row[slot]
        if here.type != "number" or not isinstance(value, int):
            continue
        values = [item for item in context.regions.full(slot) if isinstance(item, int)]
        place = max((number for number, item in enumerate(values) if item <= value), default=0)
        if values[place] != value:  # between two cuts: the region after the one that was found, if that is a cut
            place = min(place + 1, len(values) - 1) if values[place] in context.regions.cuts(slot) else place

        def through(number: int, slot: int = slot, values: list[int] = values) -> bool:
            other = [*row]
            other[slot] = values[number]
            fill_defines(context.program, other)
            return _falls_through(table, other)

        if not through(place):
            continue
        low = high = place
        while low > 0 and through(low - 1):
            low -= 1
        while high < len(values) - 1 and through(high + 1):
            high += 1
        stretch = stretch_of(context.regions, slot, values, low, high)
        ends = (stretch.low is not None) + (stretch.high is not None)
        if ends and (best is None or ends > (best.low is not None) + (best.high is not None)):
            best = stretch
    return best


def stretch_of(split: Regions, slot: int, values: list[int], low: int, high: int) -> Stretch:
    """The regions from number `low` to number `high` as a stretch of numbers."""
    cuts = split.cuts(slot)
    first = values[low] in cuts
    last = values[high] in cuts
    return Stretch(
        split.program.slots[slot],
        values[low] if first else values[low - 1] if low > 0 else None,
        first,
        values[high] if last else values[high + 1] if high < len(values) - 1 else None,
        last,
    )


def is_narrow(context: InspectContext, stretch: Stretch) -> bool:
    """Whether a hole is no wider than the step in which its element is measured, or one of the numbers as written."""
    if stretch.low is None or stretch.high is None:
        return False
    grain = max(written_grain(stretch.low, stretch.high), context.resolution(stretch.slot))
    return stretch.high - stretch.low <= grain


def width(context: InspectContext, stretch: Stretch) -> str:
    from kb.values import format_scaled

    assert stretch.low is not None
    assert stretch.high is not None
    if stretch.low == stretch.high:
        return "one single number"
    size = format_scaled(stretch.high - stretch.low, stretch.slot.unit)
    step = context.resolution(stretch.slot)
    if stretch.high - stretch.low <= step:
        measured = f"`{stretch.slot.name}` is measured in steps of {format_scaled(step, stretch.slot.unit)}"
        return f"no wider than {size}, and {measured}"
    return f"no wider than {size}, one step of the numbers as they are written"
