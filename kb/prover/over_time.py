"""What is claimed of every protocol over time, as verdicts beside those on its properties."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb import program as ir
from kb.interpreter import Guideline
from kb.prover.properties import Property
from kb.prover.solver import Undecided
from kb.prover.unroll import Claim, Courses, Run, claims_of

MOMENTS = 3


def judged(protocol: model.Protocol, program: ir.Program, moments: int) -> Iterator[tuple[Property, Run | None, str]]:
    """Each claim over `moments` looks: the run that breaks it, or why it is undecided; neither where it is proved."""
    courses = Courses(Guideline(program), moments)
    for claim in claims_of(program):
        try:
            yield _stated(protocol, claim, moments), courses.find(claim), ""
        except Undecided as gave_up:
            yield _stated(protocol, claim, moments), None, gave_up.reason


def told(run: Run) -> tuple[str, ...]:
    """The run, a line for each look: what is advised, and what of it is done."""
    lines = []
    for look in run.looks:
        done = [" ".join(filter(None, (each.get("step") or each.get("drug"), _dose(each)))) for each in look.done]
        at = look.at.strftime("%H:%M:%S")
        lines.append(f"{at} advised: {', '.join(look.advised) or 'nothing'}; done: {', '.join(done) or 'nothing'}")
    return tuple(lines)


def _dose(entry: dict[str, str]) -> str:
    return entry.get("amount") or entry.get("rate") or ("stopped" if entry.get("event") == "stopped" else "")


def _stated(protocol: model.Protocol, claim: Claim, moments: int) -> Property:
    steps = [step for id, step in protocol.steps.items() if id in {name.partition(".")[0] for name in claim.about}]
    span = steps[0].span if steps else protocol.span
    looks = f"{min(moments, 3) if claim.still else moments} looks"
    return Property(f"over-time:{claim.id}", claim.title, f"whatever happens over {looks}", span, ir.TRUE)
