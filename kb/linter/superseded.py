"""What is carried out does not rest on superseded references alone."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.linter.context import LintContext


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol, evidence = context.protocol, context.protocol.evidence
    if evidence is None:
        return
    newer = {key: item.superseded_by.id for key, item in evidence.references.items() if item.superseded_by is not None}
    if not newer:
        return
    used = carried_out(protocol)
    for statement in evidence.statements.values():
        keys = [ref.id for ref in statement.cites]
        use = used.get(statement.id) or used.get(statement.parent)
        if use is None or not keys or any(key not in newer for key in keys):
            continue
        yield found(
            "KB420",
            statement.span,
            f"`{statement.id}` is carried out, but rests on superseded references only ({', '.join(keys)})",
            f"see what `{newer[keys[0]]}` says and cite a statement of it; this one may stay under `not_encoded:`, "
            "in an alert or in an interpretation",
            "a number that its own publisher has replaced would still be given",
            (Related(use.span, "it is carried out here"),),
        )


def carried_out(protocol: model.Protocol) -> dict[str, model.Ref]:
    """The statements that steps, definitions, parameters, rules, caps and goals cite, each with one place.

    Alerts are left out: an alert may tell that an old number is in use.
    """
    parts = (protocol.steps, protocol.defines, protocol.parameters, protocol.never, protocol.caps, protocol.goals)
    used: dict[str, model.Ref] = {}
    for part in parts:
        for record in part.values():
            refs = [ref for backing in model.every(record, model.Backing) for ref in backing.cites]
            refs += [ref for condition in model.every(record, model.Condition) for ref in condition.cites]
            for ref in refs:
                used.setdefault(ref.id, ref)
    return used
