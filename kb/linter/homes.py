"""Every statement of the source has a home in the protocol, or a reason why it has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.linter.citations import cited, statement_ids
from kb.linter.context import LintContext


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol, evidence = context.protocol, context.protocol.evidence
    if evidence is None:
        return
    homes = {ref.id for ref in cited(replace(protocol, prove={}))} | set(protocol.not_encoded)  # to check is not to do
    for interpretation in protocol.interpretations.values():
        if interpretation.status == "disputed":
            homes |= {ref.id for ref in interpretation.about}
    atoms: dict[str, list[str]] = {}
    for statement in evidence.statements.values():
        if statement.parent:
            atoms.setdefault(statement.parent, []).append(statement.id)
    for statement in evidence.statements.values():
        if statement.id in context.library.shared.statements:
            continue  # it came with a shared definition
        if statement.id in atoms and all(atom in homes for atom in atoms[statement.id]):
            continue  # each of its atoms is cited by itself
        if statement.id not in homes and statement.parent not in homes:
            yield found(
                "KB504",
                statement.span,
                f"nothing in the protocol rests on statement `{statement.id}`",
                "cite it where it is encoded, or say under `not_encoded:` why it is not",
                "what the source says would be lost in silence",
            )
    known = statement_ids(evidence)
    for id, reason in protocol.not_encoded.items():
        if id not in known and not id.startswith("B"):  # a matter that nobody has a source for
            yield found(
                "KB502",
                reason.span,
                f"there is no statement `{id}`",
                "correct the number, or remove the line",
            )
