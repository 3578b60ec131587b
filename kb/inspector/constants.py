"""Every condition can hold, and can fail to (KB444)."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb import program as ir
from kb.codes import found
from kb.diagnostics import Diagnostic, Span
from kb.expression import tree
from kb.inspector.context import InspectContext, Undecided
from kb.inspector.regions import FALSE, TRUE, Want


def check(context: InspectContext) -> Iterator[Diagnostic]:
    for expr, condition in _conditions(context):
        yield from _constant(context, expr, condition.text, condition.span, condition.expr)


def _conditions(context: InspectContext) -> Iterator[tuple[ir.Expr, model.Condition]]:
    protocol, program = context.protocol, context.program
    for own, expr in ((protocol.applies, program.applies), (protocol.enter, program.enter)):
        if own is not None:
            yield expr, own
    for step in program.steps:
        written = protocol.steps.get(step.id)
        if isinstance(written, model.Decide):
            for case, made in zip(written.cases, step.cases, strict=True):
                if case.when is not None:
                    yield made.when, case.when
        elif isinstance(written, model.Do):
            for reason, avoid in zip(written.avoid_if, step.avoid, strict=True):
                yield avoid.when, reason.when
    for slot in program.slots:
        define = protocol.defines.get(slot.of) if slot.kind == "define" else None
        if define is None or slot.expr is None:
            continue
        if define.condition is not None:
            yield slot.expr, define.condition
        elif define.cases and type(slot.expr) is ir.Cases:
            for value, (when, _) in zip(define.cases, slot.expr.cases, strict=True):
                if value.when is not None:
                    yield when, value.when
    alerts = {alert.id: alert.when for alert in program.alerts}
    for id, alert in protocol.alerts.items():
        if id in alerts:
            yield alerts[id], alert.when


def _constant(
    context: InspectContext, expr: ir.Expr, text: str, span: Span, written: tree.Expr | None
) -> Iterator[Diagnostic]:
    """The outermost part that never holds, or always does; where the whole is fine, its parts are looked at."""
    if not context.inputs(expr) or _reads_orders(context, expr):
        return
    for wanted, how, effect in (
        (TRUE, "can never hold", "what it leads to is advised to nobody"),
        (FALSE, "always holds", "it decides nothing, and what stands after it may never be looked at"),
    ):
        made = context.find("KB444", span, f"whether `{text}` can be otherwise", (Want(expr, wanted),))
        if isinstance(made, Undecided):
            return
        if made is None:
            yield found(
                "KB444",
                span,
                f"`{text}` {how}, whatever is charted",
                "compare it with its source: a number, a `<` or an `and` may be meant otherwise; else take it out",
                effect,
            )
            return
    items = _written_parts(written)
    if type(expr) in (ir.All, ir.Any_) and len(items) == len(expr.items):  # type: ignore[union-attr]
        from kb.expression.text import to_text

        for part, item in zip(expr.items, items, strict=True):  # type: ignore[union-attr]
            yield from _constant(context, part, to_text(item), item.span, item)


def _written_parts(written: tree.Expr | None) -> tuple[tree.Expr, ...]:
    return written.items if isinstance(written, tree.And | tree.Or) else ()


def _reads_orders(context: InspectContext, expr: ir.Expr) -> bool:
    return any(context.program.slots[slot].kind == "order" for slot in context.inputs(expr))
