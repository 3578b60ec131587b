"""Whoever is handed over is one whom the other protocol is for (KB484).

Outside `applies:` of the protocol that is handed over to there is no advice. Its scope is asked of the patients for
whom this protocol hands over, by the names of their data. What this protocol knows nothing of can be anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kb import program as ir
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.evaluate import evaluate, fill_defines
from kb.inspector.context import InspectContext, Undecided
from kb.inspector.regions import FALSE, Regions, TooHard, Want
from kb.inspector.wording import example, told

_UNKNOWN = ir.Divide(ir.Const(0), ir.Const(0))


def check(context: InspectContext) -> Iterator[Diagnostic]:
    for index, scope, target in context.scopes_handed_to:
        step = context.program.steps[index]
        written = context.protocol.steps[step.id]
        what = f"whether `{step.id}` hands over somebody whom `{target.id}` is not for"
        text = f"`{step.id}` hands over to `{target.id}`, which is not for every such patient"
        help = "let a question before it part those patients, and say what is done for them; or widen the scope there"
        why = "outside its scope a protocol gives no advice: the reader is sent where nothing is said"
        made = context.find("KB484", written.span, what, (Want(scope, FALSE),), way=context.way_to(index))
        if isinstance(made, Undecided):
            continue
        if made is None:
            unseen = _unseen(context.program, target)
            if unseen:
                listed = ", ".join(f"`{name}`" for name in unseen)
                yield found("KB484", written.span, f"{text}: nothing is said here about {listed}", help, why)
            continue

        def holds(row: ir.Row, scope: ir.Expr = scope) -> bool:
            filled = [*row]
            fill_defines(context.program, filled)
            return evaluate(scope, filled) is False

        patient = context.patient("KB484", written.span, what, made, holds)
        if patient is not None:
            item = found("KB484", written.span, f"{text}: {told(patient)}", help, why)
            yield replace(item, example=example("KB484", step.id, context.protocol.span.file, patient))


def scopes(program: ir.Program, targets: Mapping[str, ir.Program]) -> Iterator[tuple[int, ir.Expr, ir.Program]]:
    """Each hand-over with the scope of its target, read by the inputs of `program`; what it has no input for is
    not known.
    """
    own = {(slot.name, slot.type, slot.unit): index for index, slot in enumerate(program.slots)}
    for index, step in enumerate(program.steps):
        target = targets.get(step.hand_over) if step.kind == "hand_over" else None
        if target is not None and not ir.is_constant(target.applies, True):
            yield index, _here(target.applies, target, own), target


def _here(expr: ir.Expr, target: ir.Program, own: Mapping[tuple[str, str, str], int]) -> ir.Expr:
    if type(expr) is ir.Get:
        slot = target.slots[expr.slot]
        if slot.kind == "define" and slot.expr is not None:
            return _here(slot.expr, target, own)
        place = own.get((slot.name, slot.type, slot.unit))
        return _UNKNOWN if place is None else ir.Get(place)
    fields = tuple(_field(field, target, own) for field in tuple(expr))
    return type(expr)(*fields)  # type: ignore[arg-type]


def _field(field: object, target: ir.Program, own: Mapping[tuple[str, str, str], int]) -> object:
    if isinstance(field, tuple) and hasattr(field, "_fields"):
        return _here(field, target, own)  # type: ignore[arg-type]
    return tuple(_field(item, target, own) for item in field) if isinstance(field, tuple) else field


def _unseen(program: ir.Program, target: ir.Program) -> list[str]:
    """Data by which somebody is outside the scope of the target, where this protocol has none of them."""
    known = {slot.name for slot in program.slots}
    regions = Regions(target, [target.applies])
    names = [target.slots[slot].name for slot in regions.inputs(target.applies)]
    if any(name in known for name in names):
        return []  # they have been looked at with all that this protocol asks
    try:
        outside = regions.find(Want(target.applies, FALSE))
    except TooHard:
        return []
    return sorted(set(names)) if outside is not None else []
