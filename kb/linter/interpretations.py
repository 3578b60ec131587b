"""Interpretations that are named exist; a disputed one is carried as text and not executed."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.linter.context import LintContext


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol = context.protocol
    named = [ref for backing in model.every(protocol, model.Backing) for ref in backing.interprets]
    named += [ref for condition in model.every(protocol, model.Condition) for ref in condition.interprets]
    for ref in named:
        if ref.id not in protocol.interpretations:
            yield found(
                "KB503",
                ref.span,
                f"there is no interpretation `{ref.id}`",
                "write it under `interpretations:`, or name one that is there",
            )
    disputed = {
        ref.id: interpretation
        for interpretation in protocol.interpretations.values()
        if interpretation.status == "disputed"
        for ref in interpretation.about
    }
    for condition in model.every(protocol, model.Condition):
        for ref in condition.cites:
            if ref.id in disputed and not _also_settled(protocol, ref.id):
                yield found(
                    "KB508",
                    ref.span,
                    f"a condition rests on `{ref.id}`, whose reading is disputed",
                    "carry the statement as text until the person named under `confirm:` has settled it",
                    "a reading that may harm must not decide anything",
                    (Related(disputed[ref.id].span, "disputed here"),),
                )


def _also_settled(protocol: model.Protocol, statement: str) -> bool:
    return any(
        interpretation.status != "disputed" and any(ref.id == statement for ref in interpretation.about)
        for interpretation in protocol.interpretations.values()
    )
