"""Steps, drugs, data and parameters that are named outside expressions exist."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.graph import targets_of
from kb.linter.context import LintContext, nearest, verbs


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol = context.protocol
    for ref in (*protocol.start, *(ref for step in protocol.steps.values() for ref in targets_of(step))):
        if ref.id not in protocol.steps:
            yield found(
                "KB401",
                ref.span,
                f"there is no step `{ref.id}`",
                nearest(ref.id, protocol.steps, "write the step under `steps:`, or name one that is there"),
                "a reader sent there would find nothing to do",
            )
    yield from _renamed(protocol)
    for step in protocol.steps.values():
        for verb in verbs(step):
            yield from _verb(context, verb)
        if isinstance(step, model.Do):
            if step.review is not None:
                for ref in step.review.measure:
                    yield from _data(context, ref, "review")
                yield from _parameter(context, step.review.after)
            if step.repeat is not None:
                yield from _parameter(context, step.repeat.every)
    yield from _weights(context)
    for never in protocol.never.values():
        if never.order.id != "any":
            yield from _drug(context, never.order, "an order of it cannot be recognised")
    for cap in protocol.caps.values():
        yield from _drug(context, cap.drug, "its total cannot be known")


def _renamed(protocol: model.Protocol) -> Iterator[Diagnostic]:
    """An older id leads to a step of this version and is none of its steps: ids are never used for something else."""
    for old, ref in protocol.renamed.items():
        if ref.id not in protocol.steps:
            yield found(
                "KB401",
                ref.span,
                f"there is no step `{ref.id}`",
                nearest(ref.id, protocol.steps, f"write the id that `{old}` has now, or remove the line"),
                "a comparison of versions would take the step for gone and for new",
            )
        elif old in protocol.steps:
            yield found(
                "KB219",
                ref.span,
                f"`{old}` is said to be `{ref.id}` now, and is a step of this version as well",
                "give the new step an id that no version has had, or remove the line",
                "one id with two meanings: what was charted, reviewed or tested for the one would count for the other",
                (Related(protocol.steps[old].span, f"`{old}` stands here"),),
            )


def _weights(context: LintContext) -> Iterator[Diagnostic]:
    """Every weight that `per kg` is said to mean is the `basis:` of some data."""
    protocol = context.protocol
    bases = {element.basis for element in (context.library.elements | protocol.elements).values() if element.basis}
    named = [protocol.weight, *(cap.weight for cap in protocol.caps.values())]
    named += [getattr(verb, "weight", None) for step in protocol.steps.values() for verb in verbs(step)]
    for weight in named:
        if weight is not None and weight.value not in bases:
            yield found(
                "KB411",
                weight.span,
                f"no data are the weight `{weight.value}`",
                nearest(
                    weight.value, bases, f"write one that the data dictionary has: {', '.join(sorted(bases)) or 'none'}"
                ),
                "actual and ideal weight can differ twofold, and every dose per kg with them",
            )


def _verb(context: LintContext, verb: model.Verb) -> Iterator[Diagnostic]:
    drug = getattr(verb, "drug", None)
    if drug is not None:
        yield from _drug(context, drug, "its units and limits are not known", classes=False)
    for name in ("each", "over", "every"):
        yield from _parameter(context, getattr(verb, name, None))
    if isinstance(verb, model.Measure | model.Exclude):
        for ref in verb.data:
            yield from _data(context, ref, "measure" if isinstance(verb, model.Measure) else "exclude")


def _drug(context: LintContext, ref: model.Ref, why: str, classes: bool = True) -> Iterator[Diagnostic]:
    library = context.library
    known = set(library.drugs) | (set(library.classes) if classes else set())
    if ref.id in known:
        return
    synonym = next((drug.id for drug in library.drugs.values() if ref.id in drug.synonyms), None)
    if synonym is not None:
        help = f"it is a synonym; write `{synonym}`"
    elif ref.id in library.classes:
        help = "it is a class of drugs; name one drug"
    else:
        help = nearest(ref.id, known, "add it to protocols/library/drugs.yaml")
    yield found("KB404", ref.span, f"unknown drug `{ref.id}`", help, why)


def _data(context: LintContext, ref: model.Ref, verb: str) -> Iterator[Diagnostic]:
    elements = context.library.elements | context.protocol.elements
    element = elements.get(ref.id)
    if element is None:
        defined = ref.id in context.protocol.defines
        help = (
            "it is a definition; name the data it is worked out from"
            if defined
            else nearest(ref.id, elements, "declare it under `data:` or in protocols/library/data.yaml")
        )
        yield found("KB405", ref.span, f"unknown data `{ref.id}`", help, "nobody could chart it")
    elif verb == "exclude" and element.type != "boolean":
        yield found(
            "KB405",
            ref.span,
            f"`{ref.id}` is not a yes-or-no element, so it cannot be excluded",
            "name boolean data here, or use `measure:`",
        )


def _parameter(context: LintContext, value: model.Amount | model.Ref | None) -> Iterator[Diagnostic]:
    if isinstance(value, model.Ref) and value.id not in context.protocol.parameters:
        yield found(
            "KB406",
            value.span,
            f"unknown parameter `{value.id}`",
            nearest(value.id, context.protocol.parameters, "declare it under `parameters:`, or write a quantity"),
        )
