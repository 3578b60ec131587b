"""A dose cites a statement about its drug, not one about another."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.linter.context import LintContext, listed
from kb.linter.orders import Order, orders


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol, evidence = context.protocol, context.protocol.evidence
    if evidence is None:
        return
    names = {id: _names(context, drug) for id, drug in context.library.drugs.items()}
    for order in orders(context):
        if not order.doses:
            continue
        backing = order.step.backing
        if order.option is not None and order.option.backing.cites:
            backing = order.option.backing
        told = [_whole(evidence, ref.id) for ref in backing.cites if _whole(evidence, ref.id)]
        if not told or any(names[order.drug.id].search(text) for text in told):
            continue
        text = "\n".join(told)
        others = sorted(id for id, pattern in names.items() if id != order.drug.id and pattern.search(text))
        mine = [
            statement.id
            for statement in evidence.statements.values()
            if names[order.drug.id].search(statement.says.value) and statement.id not in protocol.not_encoded
        ]
        if others and mine and not _shares_a_class(order, [context.library.drugs[id] for id in others]):
            yield found(
                "KB511",
                backing.cites[0].span,
                f"what {order.place} cites is about {listed(others)}, not about `{order.drug.id}`",
                f"cite the statement with this dose; about `{order.drug.id}` are {listed(mine)}",
                "a reader who checks the dose would find another drug",
                (Related(order.verb.drug.span, "the dose stands here"),),
            )


def drugs_in(context: LintContext, text: str) -> frozenset[str]:
    """The drugs that prose names, by their own names or by a class."""
    return frozenset(id for id, drug in context.library.drugs.items() if _names(context, drug).search(text))


def _names(context: LintContext, drug: model.DrugDef) -> re.Pattern[str]:
    """The names of a drug and of its classes, as prose has them."""
    classes = [*drug.classes, *(name.replace("-", " ") for name in drug.classes)]
    words = {drug.id, drug.id.replace("-", " "), drug.label, *drug.synonyms, *classes}
    first = re.split(r"[\s(]", drug.label)[0]
    words |= {first, *(part for part in drug.id.split("-") if len(part) > 5)}
    return re.compile("|".join(rf"\b{re.escape(word)}" for word in sorted(words) if word), re.IGNORECASE)


def _shares_a_class(order: Order, others: list[model.DrugDef]) -> bool:
    return any(set(order.drug.classes) & set(other.classes) for other in others) and len(others) > 3


def _whole(evidence: model.Evidence, id: str) -> str:
    """A statement with the one it belongs to, or with its atoms."""
    own = evidence.statements.get(id)
    parent = evidence.statements.get(own.parent) if own is not None and own.parent else None
    atoms = [each.says.value for each in evidence.statements.values() if each.parent == id]
    return "\n".join([*(each.says.value for each in (own, parent) if each is not None), *atoms])
