"""Where the patient is sicker, the points are not fewer (KB448)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

from kb import model
from kb import program as ir
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.inspector.context import InspectContext
from kb.inspector.regions import Found
from kb.inspector.wording import example
from kb.values import format_scaled


def check(context: InspectContext) -> Iterator[Diagnostic]:
    """Definitions in points over bands of one element that says which way is `worse`. A dose or a factor may well fall
    as the patient gets sicker, so only points are taken for a rank.
    """
    for slot in context.program.slots:
        define = context.protocol.defines.get(slot.of) if slot.kind == "define" else None
        if define is None or define.unit != "points" or type(slot.expr) is not ir.Cases:
            continue
        inputs = [*dict.fromkeys(context.inputs(slot.expr))]
        element = context.element_of(inputs[0]) if len(inputs) == 1 else None
        if element is not None and element.worse:
            yield from _falls(context, define, slot.expr, inputs[0], element.worse)


def _falls(
    context: InspectContext, define: model.Define, cases: ir.Cases, slot: int, worse: str
) -> Iterator[Diagnostic]:
    here = context.program.slots[slot]
    values = [value for value in context.regions.full(slot) if isinstance(value, int)]
    if worse == "lower":
        values.reverse()
    ranked = [(value, _points(context, cases, slot, value)) for value in values]
    for (well, more), (sick, fewer) in pairwise(ranked):
        if more is None or fewer is None or fewer >= more:
            continue
        case = _case(context, define, cases, slot, sick)
        span = define.span if case is None else case.span if case.when is None else case.when.span
        at, before = (format_scaled(value, here.unit) for value in (sick, well))
        item = found(
            "KB448",
            span,
            f"`{define.id}` falls from {format_scaled(more, define.unit)} to {format_scaled(fewer, define.unit)} as"
            f" `{here.name}` goes from {before} to {at}, and {worse} is worse",
            "compare the values of the cases with the source; if it does say so, take `worse:` out of the entry of"
            f" `{here.of}`, or allow this here",
            "the sicker patient gets the smaller score, and is treated as the less urgent one",
        )
        patient = context.patient("KB448", span, "", Found({slot: (sick,)}, True), partial(_charted, slot, sick))
        if patient is not None:
            item = replace(item, example=example("KB448", define.id, context.protocol.span.file, patient))
        yield item
        return


def _charted(slot: int, value: int, row: ir.Row) -> bool:
    return row[slot] == value


def _points(context: InspectContext, expr: ir.Expr, slot: int, value: int) -> int | None:
    made = context.regions.values(expr, {slot: (value,)}, {})
    return made[0] if made is not None and len(made) == 1 and isinstance(made[0], int) else None


def _case(
    context: InspectContext, define: model.Define, cases: ir.Cases, slot: int, value: int
) -> model.ValueCase | None:
    """The case that gives the value."""
    for written, (when, _) in zip(define.cases, cases.cases, strict=True):
        if context.regions.values(when, {slot: (value,)}, {}) == (True,):
            return written
    return None
