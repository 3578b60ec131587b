"""What a decision rests on goes stale, can be asked for, and is measured again when its action is reviewed."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.context import LintContext, listed
from kb.linter.readings import elements_in, life, shortest, ways_to, written_out
from kb.values import format_duration


def check(context: LintContext) -> Iterator[Diagnostic]:
    yield from _decided_on(context)
    yield from _reviews(context)


def _decided_on(context: LintContext) -> Iterator[Diagnostic]:
    told: set[str] = set()
    for step in context.protocol.steps.values():
        if not isinstance(step, model.Decide):
            continue
        for condition in (case.when for case in step.cases if case.when is not None):
            for id in sorted(elements_in(context.scope, condition.expr) - told):
                element = (context.library.elements | context.protocol.elements)[id]
                place = (Related(element.span, f"`{id}` is declared here"),)
                if not element.question:
                    told.add(id)
                    yield found(
                        "KB479",
                        condition.span,
                        f"nobody can be asked for `{id}`: it has no `question:`",
                        "write the question as it is put to the reader",
                        "where it is not charted the protocol would stop without saying what it waits for",
                        place,
                    )
                if element.permanent and element.type in ("quantity", "choice", "number") and _changes(element):
                    told.add(id)
                    yield found(
                        "KB478",
                        condition.span,
                        f"`{id}` decides here and never goes stale",
                        f"give `{id}` a `valid_for:` in which it can be trusted; where it cannot change, say so in an "
                        "`allow:`",
                        "a value from days ago would decide as if it had just been measured",
                        place,
                    )


def _changes(element: model.ElementDef) -> bool:
    """Age and body weights are used for the whole of a stay."""
    return not element.basis and element.unit not in ("years", "months", "d") and element.type != "date-time"


def _reviews(context: LintContext) -> Iterator[Diagnostic]:
    scope = context.scope
    elements = context.library.elements | context.protocol.elements
    leading = ways_to(context.protocol)
    for step in context.protocol.steps.values():
        if not isinstance(step, model.Do) or step.review is None:
            continue
        first = shortest(scope, step.review.after)
        if first is None:
            continue
        measured = {ref.id for ref in step.review.measure}
        read: set[str] = set()
        for way in leading.get(step.id, ()):
            if way.case.when is not None:
                read |= elements_in(scope, way.case.when.expr)
        current = [id for id in sorted(read) if (lasts := life(scope, elements[id])) is not None and lasts > first]
        if measured and current and not read & measured:
            yield found(
                "KB477",
                step.review.span,
                f"the review after {format_duration(first)} measures nothing that decides: {listed(current)} "
                f"{'leads' if len(current) == 1 else 'lead'} here, and the old value is still current then",
                f"name {listed(current)} under `measure:`",
                "the reader would judge the effect by a value from before the action",
                tuple(Related(elements[id].span, f"`{id}` stays current for longer") for id in current[:2]),
            )


def unobtainable(context: LintContext) -> Iterator[Diagnostic]:
    """A decision on a value that can be unobtainable has a way for the patient in whom it is."""
    handled = _handled(context)
    for step in context.protocol.steps.values():
        if not isinstance(step, model.Decide) or step.if_unknown is not None:
            continue
        for case in step.cases:
            if case.when is None:
                continue
            for id in sorted(_compared(context, case.when.expr) - handled):
                element = (context.library.elements | context.protocol.elements)[id]
                yield found(
                    "KB480",
                    case.when.span,
                    f"`{id}` can be unobtainable, and no condition says what then follows",
                    f"add `{id} is unobtainable` to a condition, `if_unknown:` to this decision, or an alert",
                    "with an unobtainable value the comparison stays unknown: no case holds, and nothing is asked, "
                    "because it has been answered",
                    (Related(element.span, f"`{id}` is declared here"),),
                )
                handled = handled | {id}


def _handled(context: LintContext) -> frozenset[str]:
    """Data whose being unobtainable some case or alert looks at."""
    looked_at = [
        case.when
        for step in context.protocol.steps.values()
        if isinstance(step, model.Decide)
        for case in step.cases
        if case.when is not None
    ]
    looked_at += [alert.when for alert in context.protocol.alerts.values()]
    return frozenset(
        node.value.id
        for condition in looked_at
        for node in written_out(context.scope, condition.expr)
        if isinstance(node, tree.Is)
        and isinstance(node.value, tree.Name)
        and any(option.id == "unobtainable" for option in node.options)
    )


def _compared(context: LintContext, expr: tree.Expr) -> frozenset[str]:
    elements = context.library.elements | context.protocol.elements
    return frozenset(
        name.id
        for node in written_out(context.scope, expr)
        if isinstance(node, tree.Compare | tree.Between)
        for name in model.every(node, tree.Name)
        if name.id in elements and elements[name.id].can_be_unobtainable
    )
