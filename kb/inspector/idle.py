"""Everything that is asked can change something (KB445)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kb import model
from kb import program as ir
from kb.codes import found
from kb.diagnostics import Diagnostic, Span
from kb.inspector.context import InspectContext, Undecided
from kb.inspector.regions import FALSE, TRUE, Want


def check(context: InspectContext) -> Iterator[Diagnostic]:
    for step in context.program.steps:
        written = context.protocol.steps.get(step.id)
        if not isinstance(written, model.Decide):
            continue
        targets = {frozenset(case.targets) for case in step.cases}
        if len(step.cases) > 1 and len(targets) == 1:
            yield found(
                "KB445",
                written.span,
                f"`{step.id}` leads to {_listed(context, step.cases[0].targets)} whatever the answer is",
                "lead the cases to different steps, or take the question out",
                "somebody is asked for what changes nothing",
            )
            continue
        for case, made in zip(written.cases, step.cases, strict=True):
            if case.when is not None:
                yield from _idle(context, made.when, case.when.text, case.when.span)
    for slot in context.program.slots:
        define = context.protocol.defines.get(slot.of) if slot.kind == "define" else None
        if define is not None and define.condition is not None and slot.expr is not None:
            yield from _idle(context, slot.expr, define.condition.text, define.condition.span)


def _idle(context: InspectContext, expr: ir.Expr, text: str, span: Span) -> Iterator[Diagnostic]:
    """An input that stands in a condition more than once, and never turns it: one that stands once and alone does."""
    counted = Counter(context.inputs(expr))
    if len(counted) < 2:
        return
    for slot, times in counted.items():
        alone = context.regions.is_alone(expr, slot) and context.regions.is_split(expr, slot)
        if times < 2 or context.program.slots[slot].kind == "order" or not alone:
            continue
        answer = _matters(context, expr, slot, span, text)
        if answer is False:
            name = context.program.slots[slot].name
            yield found(
                "KB445",
                span,
                f"`{name}` never changes whether `{text}` holds",
                "take it out, or correct the condition: an `and` may be meant for an `or`",
                "somebody is asked for what changes nothing",
            )


def _matters(context: InspectContext, expr: ir.Expr, slot: int, span: Span, text: str) -> bool | None:
    values = context.regions.full(slot)
    put = {value: context.with_value(expr, slot, value) for value in values}
    for number, one in enumerate(values):
        for other in (*values[number + 1 : number + 2], values[-1]):
            for yes, no in ((one, other), (other, one)):
                made = context.find(
                    "KB445",
                    span,
                    f"whether `{context.program.slots[slot].name}` matters in `{text}`",
                    (Want(put[yes], TRUE), Want(put[no], FALSE)),
                )
                if isinstance(made, Undecided):
                    return None
                if made is not None:
                    return True
    return False


def _listed(context: InspectContext, targets: tuple[int, ...]) -> str:
    return ", ".join(f"`{context.program.steps[target].id}`" for target in targets)
