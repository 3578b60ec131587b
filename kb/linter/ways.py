"""Every step can be reached from the start, and none leads back to itself."""

from __future__ import annotations

from collections.abc import Iterator

from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.graph import cycles, leads_to, reachable_steps
from kb.linter.context import LintContext


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol = context.protocol
    for cycle in cycles(protocol):
        first, following = protocol.steps[cycle[0]], cycle[1]
        place = next((ref.span for ref in leads_to(first) if ref.id == following), first.span)
        yield found(
            "KB403",
            place,
            f"this leads back to itself: {' → '.join(cycle)}",
            "a loop is not an edge: write a `review:` or `repeat:` on the action; the next reading starts at `start:`",
            "a walk must end for the reader to be told what to do now",
            tuple(Related(protocol.steps[id].span, f"`{id}` is on the way") for id in cycle[1:-1]),
        )
    reachable = reachable_steps(protocol)
    for step in protocol.steps.values():
        if step.id not in reachable:
            yield found(
                "KB402",
                step.span,
                f"nothing leads to `{step.id}`",
                "name it in a `go:`, `else:`, `with:` or `then:`, or remove it",
                "a step nobody can reach is dead text or, worse, a missing branch",
            )
