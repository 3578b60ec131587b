"""Every step can be reached from the start, and none leads back to itself."""

from __future__ import annotations

from collections.abc import Iterator

from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.graph import cycles, descendants, leads_to, reachable_steps
from kb.linter.context import LintContext, listed


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
    lost = {id: step for id, step in protocol.steps.items() if id not in reachable}
    led_to = {ref.id for id, step in lost.items() for ref in leads_to(step) if ref.id != id}
    roots = [step for id, step in lost.items() if id not in led_to] or list(lost.values())[:1]  # or a ring of them
    for step in roots:
        behind = [id for id in descendants(protocol, step.id) if id in lost and id != step.id]
        yield found(
            "KB402",
            step.span,
            f"nothing leads to `{step.id}`" + (f", and so not to {listed(behind)} behind it" if behind else ""),
            "name it in a `go:`, `else:`, `with:` or `then:`, or remove it",
            "a step nobody can reach is dead text or, worse, a missing branch",
        )
