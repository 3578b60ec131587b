"""What is proved of a protocol: each property has a name of its own, and what is left out is in the safety pack."""

from __future__ import annotations

from collections.abc import Iterator

from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.expression.scope import nodes
from kb.linter.context import LintContext, nearest

SPEAKS = (tree.Name, tree.Is, tree.TimeFeature, tree.Persists, tree.OfAdvice)


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol, pack = context.protocol, context.library.safety
    for id, reason in protocol.not_proved.items():
        if id not in pack:
            yield found(
                "KB803",
                reason.span,
                f"the safety pack has no property `{id}`",
                nearest(id, pack, f"it has: {', '.join(f'`{name}`' for name in sorted(pack)) or 'none'}"),
                "the property that was meant would still be held against this protocol",
            )
    for id, made in protocol.prove.items():
        if id in pack:
            yield found(
                "KB804",
                made.span,
                f"`{id}` is the name of a property in the safety pack",
                "give it a name of its own",
                related=(Related(pack[id].span, "the safety pack has it here"),),
            )
        for condition in (made.when, made.always):
            if condition is not None and not any(isinstance(node, SPEAKS) for node in nodes(condition.expr)):
                yield found(
                    "KB805",
                    condition.span,
                    f"`{condition.text}` speaks of no patient and no advice, so there is nothing to prove",
                    "name data, drugs, definitions or steps",
                )
