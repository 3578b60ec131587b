"""Some patient comes to every step (KB446), and every action is recommended to somebody (KB447)."""

from __future__ import annotations

from collections.abc import Iterator

from kb import program as ir
from kb.actions import ACTIVE
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.inspector.context import InspectContext, Undecided
from kb.inspector.regions import TRUE, Want


def check(context: InspectContext) -> Iterator[Diagnostic]:
    unreached: set[int] = set()
    for index, step in enumerate(context.program.steps):
        written = context.protocol.steps.get(step.part_of or step.id)
        if written is None:
            continue
        into = context.edges[index]
        if into and all(
            edge.source in unreached or (edge.kind == "case" and (edge.source, edge.case) in context.dead)
            for edge in into
        ):
            unreached.add(index)  # what makes it so is told where it is
            continue
        made = context.find(
            "KB446", written.span, f"whether anybody comes to `{step.id}`", (), way=context.way_to(index)
        )
        if made is None and step.part_of:
            continue  # a way of a titration that the way there leaves no room for: nobody wrote it
        if made is None:
            unreached.add(index)
            ways = ", ".join(dict.fromkeys(f"`{context.program.steps[edge.source].id}`" for edge in into))
            yield found(
                "KB446",
                written.span,
                f"no patient ever comes to `{step.id}`",
                f"what leads here from {ways or 'the start'} cannot hold together with the way there: mend one of them",
                "a step that nobody comes to is advice that nobody gets",
            )
        elif not isinstance(made, Undecided) and step.kind == "do" and type(step.status) is not ir.Const:
            due = (Want(ir.Member(step.status, ACTIVE), TRUE),)
            what = f"whether `{step.id}` is ever recommended"
            if context.find("KB447", written.span, what, due, way=context.way_to(index)) is None:
                yield found(
                    "KB447",
                    written.span,
                    f"`{step.id}` is recommended to nobody: whoever comes here has it done, or is kept from it",
                    "compare `until:` and `avoid_if:` with the conditions on the way here",
                    "an action that is never due is a treatment that is never given",
                )
