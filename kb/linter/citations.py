"""Statements that are cited exist, and so do the references that the statements cite."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.linter.context import LintContext


def cited(protocol: model.Protocol) -> Iterator[model.Ref]:
    """Every citation of a statement in the protocol."""
    for backing in model.every(protocol, model.Backing):
        yield from backing.cites
    for condition in model.every(protocol, model.Condition):
        yield from condition.cites


def statement_ids(evidence: model.Evidence | None) -> frozenset[str]:
    """Ids that can be cited: every atom, and the statement that lettered atoms belong to."""
    if evidence is None:
        return frozenset()
    parents = (statement.parent for statement in evidence.statements.values() if statement.parent)
    return frozenset(evidence.statements).union(parents)


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol, evidence = context.protocol, context.protocol.evidence
    known = statement_ids(evidence)
    own = evidence is not None and evidence.file != protocol.span.file  # what is shared brings its evidence along
    if not own and (first := next((ref for ref in cited(protocol) if ref.id not in known), None)) is not None:
        yield found(
            "KB502",
            first.span,
            "what this protocol cites stands nowhere: there is no `statements.yaml` beside it",
            "put the file back, or write one with `references:` and `statements:`; `kb new` makes an example",
            "a citation that leads nowhere is worse than none",
        )
        return
    for ref in cited(protocol):
        if ref.id not in known:
            yield found(
                "KB502",
                ref.span,
                f"there is no statement `{ref.id}`",
                "write it in statements.yaml, or cite one that is there",
                "a citation that leads nowhere is worse than none",
            )
    for interpretation in protocol.interpretations.values():
        for ref in interpretation.about:
            if ref.id not in known:
                yield found(
                    "KB502",
                    ref.span,
                    f"there is no statement `{ref.id}`",
                    "write it in statements.yaml, or cite one that is there",
                    "a citation that leads nowhere is worse than none",
                )
    for reference in evidence.references.values() if evidence is not None else ():
        newer = reference.superseded_by
        if evidence is not None and newer is not None and newer.id not in evidence.references:
            yield found(
                "KB506",
                newer.span,
                f"there is no reference `{newer.id}`",
                "write it under `references:`, or name one that is there",
            )
    for statement in evidence.statements.values() if evidence is not None else ():
        for ref in statement.cites:
            if evidence is not None and ref.id not in evidence.references:
                yield found(
                    "KB506",
                    ref.span,
                    f"there is no reference `{ref.id}`",
                    "write it under `references:`, or cite one that is there",
                )
