"""The next drug is added on a value that was measured after the drug before it had its time."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Span
from kb.linter.context import LintContext, names_in
from kb.linter.orders import Order, orders
from kb.linter.readings import reads_time


def check(context: LintContext) -> Iterator[Diagnostic]:
    by_step: dict[str, list[Order]] = {}
    for order in orders(context):
        if isinstance(order.verb, model.Infuse | model.Change | model.Titrate):
            by_step.setdefault(order.step.id, []).append(order)
    for id, before in by_step.items():
        step = context.protocol.steps[id]
        assert isinstance(step, model.Do)
        for ref in step.then:
            yield from _after(context, {order.drug.id for order in before}, before[0].step, ref.id, by_step)
    for step in context.protocol.steps.values():
        if isinstance(step, model.Decide):
            yield from _while_running(context, step, by_step)


def _after(
    context: LintContext, drugs: set[str], before: model.Do, first: str, by_step: dict[str, list[Order]]
) -> Iterator[Diagnostic]:
    """Ways from the end of `before` to the order of another drug on which nothing waits."""
    steps = context.protocol.steps
    stack, seen = [first], {first}
    while stack:
        step = steps.get(stack.pop())
        if not isinstance(step, model.Decide):
            others = [order for order in by_step.get(first, ()) if order.drug.id not in drugs]
            if step is not None and step.id == first and others:
                yield _told(context, before, others[0], before.then[0].span)
            continue
        waited = False
        for case in step.cases:
            waited = waited or (case.when is not None and reads_time(context.scope, case.when.expr))
            if waited:
                continue
            for ref in case.go:
                looked_at = names_in(case.when) if case.when is not None else frozenset()
                others = [
                    order for order in by_step.get(ref.id, ()) if order.drug.id not in (drugs | looked_at)
                ]  # a case that looks at a drug's own rate is about that drug, not about the one before
                if others:
                    yield _told(context, before, others[0], case.span)
                elif ref.id not in seen:
                    seen.add(ref.id)
                    stack.append(ref.id)


def _while_running(context: LintContext, step: model.Decide, by_step: dict[str, list[Order]]) -> Iterator[Diagnostic]:
    """Cases that look at the running rate of one drug and lead straight to another one."""
    scope = context.scope
    waited = False
    for case in step.cases:
        waited = waited or (case.when is not None and reads_time(scope, case.when.expr))
        if case.when is None or waited:
            continue
        running = {name for name in names_in(case.when.expr) if scope.kind_of(name) == "drug"}
        for ref in case.go:
            for order in by_step.get(ref.id, ()):
                starts = isinstance(order.verb, model.Infuse | model.Titrate)
                if running and starts and order.drug.id not in running:
                    drug = context.library.drugs[min(running)]
                    yield found(
                        "KB475",
                        case.when.span,
                        f"`{order.drug.id}` is added while `{drug.id}` runs, on a value that may be older than its "
                        "last change",
                        f"write `persists(…, TIME after {drug.id})` in this case, with the time that the source or "
                        "the hospital gives",
                        "a reading from before the rise would call for the next drug at once",
                        (Related(order.step.span, "it leads here"),),
                    )
                    return


def _told(context: LintContext, before: model.Do, order: Order, span: Span) -> Diagnostic:
    drug = getattr(before.verb, "drug", None)
    name = drug.id if drug is not None else before.id
    return found(
        "KB475",
        span,
        f"`{order.step.id}` follows `{before.id}` without a look at whether `{name}` has had its time",
        f"write `persists(…, TIME after {name})` in the case, with the time that the source or the hospital gives",
        "a reading from before the drug was started would call for the next one at once",
        (Related(order.step.span, "it leads here"),),
    )
