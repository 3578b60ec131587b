"""A definition of the library reads the data it was written for, not data that the protocol declares anew."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.context import LintContext


def check(context: LintContext) -> Iterator[Diagnostic]:
    shared, protocol = context.library.shared.defines, context.protocol
    readers: dict[str, model.Define] = {}
    for id, define in protocol.defines.items():
        if id in shared:
            for name in model.every(define, tree.Name):
                if name.id in protocol.elements:
                    readers.setdefault(name.id, define)
    for id, define in readers.items():
        yield found(
            "KB415",
            protocol.elements[id].span,
            f"`{id}` is declared here anew, and `{define.id}` of the library reads it",
            "remove this entry and use the library's data, or give this a name of its own",
            "a score would be worked out from other data than the ones it was written for",
            (Related(define.span, f"`{define.id}` is defined here"),),
        )
