"""What is done again is not advised on a value from before it was last done.

A dose that is due again after 5 min, on a value that stays current for an hour, is advised a second time on what was
measured before the first: the review asks for a new value, and the old one still decides. A question that waits for
newer values (`persists(…, 5 min after drug)`) and a titration, which waits by itself, are not told. Intervals that a
hospital sets are not looked at: their length is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Span
from kb.expression import tree
from kb.linter.context import LintContext, listed, names_in
from kb.linter.readings import elements_in, life, reads_time, shortest, ways_to, written_out
from kb.values import format_duration


def check(context: LintContext) -> Iterator[Diagnostic]:
    scope = context.scope
    elements = context.library.elements | context.protocol.elements
    leading = ways_to(context.protocol)
    for step in context.protocol.steps.values():
        again = _again(context, step)
        if again is None or not isinstance(step, model.Do):
            continue
        after, span = again
        text = format_duration(after)
        measured = frozenset(ref.id for ref in step.review.measure) if step.review is not None else frozenset()
        ways = leading.get(step.id, ())
        everything = {id for way in ways if way.case.when is not None for id in elements_in(scope, way.case.when.expr)}
        if measured and not everything & measured:
            continue  # told as a review that measures nothing that decides
        for way in ways:
            if way.case.when is None or any(reads_time(scope, condition.expr) for condition in way.conditions):
                continue
            read = elements_in(scope, way.case.when.expr)
            lasting = {id: lasts for id in sorted(read) if (lasts := life(scope, elements[id])) is not None}
            old = [id for id, lasts in lasting.items() if lasts > after]
            if not old or len(old) < len(lasting):
                continue  # what goes stale before is asked for first
            drug: model.Ref | None = getattr(step.verb, "drug", None)
            last = step.id if drug is None else drug.id
            yield found(
                "KB476",
                span,
                f"`{step.id}` is due again after {text}, and {listed(old)} {'is' if len(old) == 1 else 'are'} still "
                "current then: it can be advised again on values from before it was last done",
                f"write `persists(…, {text} after {last})` in the case that leads here again, give the value a shorter "
                "`valid_for:`, or a later time, as the source has it",
                "the patient would be treated again for what the treatment may have mended",
                (
                    Related(way.case.when.span, "it is decided here"),
                    *(Related(elements[id].span, f"`{id}` stays current for longer") for id in old[:2]),
                ),
            )
            break


def _again(context: LintContext, step: model.Step) -> tuple[Fraction, Span] | None:
    """After which time, in seconds, and where it says so, a step is due again; None where never."""
    if not isinstance(step, model.Do):
        return None
    interval: model.Amount | model.Ref | None = step.review.after if step.review is not None else None
    span = step.review.span if step.review is not None else step.span
    if step.repeat is not None:
        interval, span = step.repeat.every, step.repeat.span
    elif isinstance(step.verb, model.Give):
        if step.until is None or not any(
            isinstance(node, tree.TimeFeature) and node.function == "total"
            for node in written_out(context.scope, step.until.expr)
        ):
            return None  # once charted it is done
    elif not (isinstance(step.verb, model.Change) and step.verb.drug.id in names_in(step.verb.to)):
        return None
    seconds = shortest(context.scope, interval)
    return None if seconds is None else (seconds, span)
