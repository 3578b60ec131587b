"""Every recommendation says what it rests on, how urgent and how strong it is."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Span
from kb.linter.context import LintContext


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol = context.protocol
    for step in protocol.steps.values():
        if not isinstance(step, model.Do):
            continue
        yield from _backed(step.backing, step.span, f"`{step.id}` recommends something", "the step")
        if not step.priority:
            yield found(
                "KB507",
                step.span,
                f"`{step.id}` does not say how urgent it is",
                "write `priority:` with `stat`, `asap`, `urgent` or `routine`",
                "what cannot wait would stand below what can",
            )
        if not step.strength:
            yield found(
                "KB507",
                step.span,
                f"`{step.id}` does not say how strong the recommendation is",
                "write `strength: strong` or `strength: conditional`, as the source words it",
            )
        if isinstance(step.verb, model.Choose):
            for option in step.verb.one_of:
                if not option.backing.cites and not option.backing.interprets:
                    yield from _backed(step.backing, option.span, f"the option `{option.id}` offers something", "it")
    for kind, records in (("rule", protocol.never), ("goal", protocol.goals), ("cap", protocol.caps)):
        for record in records.values():
            yield from _backed(record.backing, record.span, f"the {kind} `{record.id}` demands something", "it")


def _backed(backing: model.Backing, span: Span, what: str, where: str) -> Iterator[Diagnostic]:
    if not backing.cites and not backing.interprets:
        yield found(
            "KB501",
            span,
            f"{what} and cites nothing",
            f"give {where} `cites:` with the statements it rests on, or `interprets:` where an editor decided it",
            "a reader must be able to see where a recommendation comes from",
        )
