"""What holds of all patients that a protocol decides about: one rule, one module, over the compiled Program.

A rule is a function from an `InspectContext` to diagnostics. They run in the order of `RULES` on a protocol that
compiled without errors. Where a rule could not look to the end, that is said as well (KB449).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.inspector import constants, gaps, handed_over, idle, overlaps, ranges, ranks, shadowed, slivers, unreached
from kb.inspector.context import InspectContext
from kb.program import Program

RULES: tuple[Callable[[InspectContext], Iterator[Diagnostic]], ...] = (
    constants.check,
    shadowed.check,
    gaps.check,
    slivers.check,
    overlaps.check,
    ranks.check,
    ranges.check,
    handed_over.check,
    idle.check,
    unreached.check,
)


def inspect_program(
    protocol: model.Protocol,
    program: Program,
    elements: Mapping[str, model.ElementDef],
    targets: Mapping[str, Program] | None = None,
) -> list[Diagnostic]:
    """Everything the rules find, in the order of the rules; `program` is what `protocol` compiled to, `elements` the
    library's data, `targets` the Programs that are handed over to, by `id@major`; without them hand-overs are not
    looked at.
    """
    context = InspectContext(protocol, program, elements, targets)
    made = [item for rule in RULES for item in rule(context)]
    told = {(item.code, item.span) for item in made}
    for item in dict.fromkeys(context.undecided):
        if (item.code, item.span) not in told:
            made.append(
                found(
                    "KB449",
                    item.span,
                    f"not decided: {item.what} ({item.code})",
                    "install z3-solver, or split the condition into parts with names of their own"
                    if "z3" in item.why
                    else "split the condition into parts with names of their own",
                    item.why,
                )
            )
    return made
