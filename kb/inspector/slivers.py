"""Between two bands that meet, no number falls through to the last line, or to a band further down (KB441).

Of an element whose `resolution:` is known, a hole no wider than that is told whatever numbers it begins and ends with.
Of others, only one between two numbers, without them: an end that is in it may be what the last line is for. Where the
last line takes other numbers besides, or a case further down holds on both sides of the hole as well, it is not there
for the hole: then one single number is told too, such as six months exactly between `< 6 months` and `> 6 months`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kb import program as ir
from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Span
from kb.evaluate import evaluate, fill_defines
from kb.inspector.context import InspectContext, Table, Undecided
from kb.inspector.gaps import is_narrow, stretch_of, width
from kb.inspector.regions import FALSE, TRUE, Found, Regions, Want
from kb.inspector.wording import Stretch, example, told


def check(context: InspectContext) -> Iterator[Diagnostic]:
    for table in context.tables:
        if len(table.whens) < 2:
            continue
        own = Regions(context.program, table.whens)  # where other tables split an input, nothing ends here
        for slot in context.regions.compared(*table.whens):
            yield from _slivers(context, own, table, slot) if table.closed else ()
            yield from _caught(context, own, table, slot)


def _slivers(context: InspectContext, own: Regions, table: Table, slot: int) -> Iterator[Diagnostic]:
    """Numbers of one input that only the last line catches, where a step lower and a step higher a case holds."""
    values = [value for value in own.full(slot) if isinstance(value, int)]
    cuts = own.cuts(slot)
    what = f"whether a number falls between the cases of `{table.name}`"

    def at(number: int) -> list[ir.Expr]:
        return [context.with_value(when, slot, values[number]) for when in table.whens]

    def asked(wants: list[Want]) -> Found | Undecided | None:
        return context.find("KB441", table.span, what, wants, way=context.way_to(None))

    for first, last, stretch in (*_narrow(context, own, slot, values), *_single(context, own, slot, values)):
        inside = range(first, last + 1)
        wants = [
            *(Want(when, FALSE) for number in inside for when in at(number)),
            Want(ir.Any_(tuple(at(first - 1))), TRUE),
            Want(ir.Any_(tuple(at(last + 1))), TRUE),
        ]
        made = asked(wants)
        if made is None or isinstance(made, Undecided):
            continue
        elsewhere = (*range(first - 1), *range(last + 2, len(values)))
        if (
            first == last
            and values[first] in cuts
            and not any(
                isinstance(asked([*wants, *(Want(when, FALSE) for when in at(number))]), Found) for number in elsewhere
            )
        ):
            continue  # the last line may be there for this one number
        charted = next((values[number] for number in inside if values[number] in cuts), values[first])
        yield _told(context, table, slot, stretch, Found({**made.domains, slot: (charted,)}, made.exact))
        return


def _caught(context: InspectContext, own: Regions, table: Table, slot: int) -> Iterator[Diagnostic]:
    """Numbers that a case takes which holds beside them too, where cases above it take what is beside them."""
    values = [value for value in own.full(slot) if isinstance(value, int)]
    for later in range(2, len(table.whens)):
        if slot not in context.inputs(table.whens[later]):
            continue
        above = [when for when in table.whens[:later] if slot in context.inputs(when)]
        if len(above) < 2:
            continue
        for first, last, stretch in (*_narrow(context, own, slot, values), *_single(context, own, slot, values)):
            inside = range(first, last + 1)
            beside = (first - 1, last + 1)

            def at(when: ir.Expr, number: int) -> ir.Expr:
                return context.with_value(when, slot, values[number])

            wants = [
                *(Want(at(when, number), FALSE) for number in inside for when in table.whens[:later]),
                *(Want(at(table.whens[later], number), TRUE) for number in (*inside, *beside)),
                *(Want(ir.Any_(tuple(at(when, number) for when in above)), TRUE) for number in beside),
            ]
            made = context.find(
                "KB441",
                table.spans[later],
                f"whether a number falls between the cases of `{table.name}`",
                wants,
                way=context.way_to(None),
            )
            if made is None or isinstance(made, Undecided):
                continue
            yield _told(
                context, table, slot, stretch, Found({**made.domains, slot: (values[first],)}, made.exact), later
            )
            return


def _narrow(context: InspectContext, own: Regions, slot: int, values: list[int]) -> Iterator[tuple[int, int, Stretch]]:
    """The first and the last region of each stretch that a hole may fill; never one single number."""
    cuts = own.cuts(slot)
    measured = context.resolution(context.program.slots[slot])
    for first in range(1, len(values) - 1):
        for last in range(first, len(values) - 1):
            stretch = stretch_of(own, slot, values, first, last)
            if not is_narrow(context, stretch):
                break
            assert stretch.low is not None
            assert stretch.high is not None
            if first == last:
                if values[first] not in cuts:
                    yield first, last, stretch
            elif stretch.high - stretch.low <= measured:
                yield first, last, stretch


def _single(context: InspectContext, own: Regions, slot: int, values: list[int]) -> Iterator[tuple[int, int, Stretch]]:
    """The numbers that conditions name, each as a stretch of its own."""
    cuts = own.cuts(slot)
    for place in range(1, len(values) - 1):
        if values[place] in cuts:
            yield place, place, stretch_of(own, slot, values, place, place)


def _told(
    context: InspectContext, table: Table, slot: int, stretch: Stretch, made: Found, later: int | None = None
) -> Diagnostic:
    """`later`: the case that takes what is in the hole; None for the last line."""

    def holds(row: ir.Row) -> bool:
        filled = [*row]
        fill_defines(context.program, filled)
        return all(evaluate(when, filled) is False for when in table.whens[:later]) and (
            later is None or evaluate(table.whens[later], filled) is True
        )

    patient = context.patient("KB441", table.span, f"the bands of `{table.name}`", made, holds)
    near = next(
        (
            span
            for when, span in zip(table.whens, table.spans, strict=True)
            if slot in context.inputs(when) and _compares(context, when, slot, (stretch.low, stretch.high))
        ),
        table.span,
    )
    if stretch.low == stretch.high:
        near = _next_band(context, table, slot, stretch, later)
    said = f"no band of `{table.name}` holds, and the last line gives {table.says[-1]}"
    if later is not None:
        near = _next_band(context, table, slot, stretch, later)
        said = f"the bands of `{table.name}` on both sides stop short, and `{table.texts[later]}` further down gives "
        said += table.says[later]
    shown = "" if patient is None else f": {told(patient)}"
    who = "a mean of two readings, or one converted from another unit,"
    if stretch.with_low or stretch.with_high:
        who = "such a reading"
    item = found(
        "KB441",
        near,
        f"with {stretch} {said}{shown}",
        f"let one band end where the next begins, `<` beside `>=`: the hole is {width(context, stretch)}",
        f"{who} falls into it",
        (Related(table.span, f"the cases of `{table.name}`"),) if near != table.span else (),
    )
    return (
        item
        if patient is None
        else replace(item, example=example("KB441", table.name, context.protocol.span.file, patient))
    )


def _next_band(context: InspectContext, table: Table, slot: int, stretch: Stretch, later: int | None) -> Span:
    """The band that begins above the hole."""
    values = [value for value in context.regions.full(slot) if isinstance(value, int)]
    within = next(
        (
            value
            for value in values
            if (stretch.low is None or value > stretch.low - stretch.with_low)
            and (stretch.high is None or value < stretch.high + stretch.with_high)
        ),
        None,
    )
    above = next(
        (value for value in values if stretch.high is not None and value >= stretch.high and value != within), None
    )

    def holds(when: ir.Expr, value: int | None) -> bool:
        return value is not None and bool(context.regions.mask(context.with_value(when, slot, value), {}, {}) & TRUE)

    return next(
        (
            span
            for when, span in zip(table.whens[:later], table.spans[:later], strict=True)
            if slot in context.inputs(when) and holds(when, above) and not holds(when, within)
        ),
        table.span,
    )


def _compares(context: InspectContext, when: ir.Expr, slot: int, numbers: tuple[int | None, ...]) -> bool:
    """Whether a condition holds at one of `numbers` and not beyond: it is one that the hole lies beside."""
    return any(
        number is not None and context.regions.mask(context.with_value(when, slot, number), {}, {}) & TRUE
        for number in numbers
    )
