"""Definitions, data and parameters of a protocol are used by it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression.scope import Scope
from kb.linter.context import LintContext, names_in


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol = context.protocol
    used = {ref.id for ref in model.every(protocol, model.Ref)}
    for part in (
        protocol.steps,
        protocol.never,
        protocol.caps,
        protocol.goals,
        protocol.alerts,
        protocol.prove,
        protocol.applies,
        protocol.enter,
    ):
        used |= names_in(part)
    used |= _through_defines(protocol, used)
    kinds = (
        ("definition", protocol.defines),
        ("data element", protocol.elements),
        ("parameter", protocol.parameters),
    )
    idle = [
        (kind, id, record)
        for kind, records in kinds
        for id, record in records.items()
        if id not in used and not (isinstance(record, model.ElementDef) and record.basis)
    ]
    meant = _meant(used, context.scope) if idle else set()
    meant |= _through_defines(protocol, meant)
    for kind, id, record in idle:
        if id not in meant:
            yield found(
                "KB407",
                record.span,
                f"the {kind} `{id}` is used nowhere",
                "use it in a condition, a dose or a step, or remove it",
                "an editor may believe that it does something",
            )


def _meant(used: set[str], scope: Scope) -> set[str]:
    """What was probably meant by names that nobody knows: a misspelt name is one mistake, and told as such."""
    known = [*scope.parameters, *scope.defines, *scope.elements, *scope.drugs]
    unknown = [name for name in used if not scope.kind_of(name)]
    return {close for name in unknown for close in get_close_matches(name, known, 1, 0.7)}


def _through_defines(protocol: model.Protocol, used: set[str]) -> set[str]:
    """Names that the used definitions use in their turn."""
    reached: set[str] = set()
    stack = [id for id in used if id in protocol.defines]
    while stack:
        id = stack.pop()
        if id in reached:
            continue
        reached.add(id)
        inner = names_in(protocol.defines[id]) | {
            case.value.id for case in protocol.defines[id].cases if isinstance(case.value, model.Ref)
        }
        reached |= {name for name in inner if name not in protocol.defines}
        stack.extend(name for name in inner if name in protocol.defines)
    return reached
