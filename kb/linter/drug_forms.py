"""A drug is given in a form the library knows: a rate, an amount, a route, a salt."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.linter.context import LintContext, nearest, verbs


def check(context: LintContext) -> Iterator[Diagnostic]:
    for step in context.protocol.steps.values():
        for verb in verbs(step):
            ref = getattr(verb, "drug", None)
            drug = None if ref is None else context.library.drugs.get(ref.id)
            if drug is None:
                continue
            yield from _form(verb, drug)
            route, salt = getattr(verb, "route", None), getattr(verb, "salt", None)
            if route is not None and drug.routes and route.value not in drug.routes:
                yield found(
                    "KB408",
                    route.span,
                    f"`{drug.id}` is not given by the route `{route.value}`",
                    nearest(route.value, drug.routes, f"the drug library lists: {', '.join(drug.routes)}"),
                    "the right drug by the wrong route is a wrong dose",
                )
            forms = [name for name, _ in drug.salts]
            if salt is not None and salt.value not in forms:
                listed = f"the drug library lists: {', '.join(forms)}" if forms else "the drug library lists no salts"
                yield found(
                    "KB408",
                    salt.span,
                    f"`{drug.id}` has no salt form `{salt.value}`",
                    nearest(salt.value, forms, listed),
                )
        if (
            isinstance(step, model.Do)
            and isinstance(step.verb, model.Change)
            and step.verb.to is None
            and step.decide_by is None
        ):
            yield found(
                "KB409",
                step.verb.span,
                "this change has no `to:`, and nobody is named who decides it",
                "write the new rate under `to:`, or `decide_by:` and who decides",
                "a reader would be told to change a drug without being told to what",
            )


def _form(verb: model.Verb, drug: model.DrugDef) -> Iterator[Diagnostic]:
    if isinstance(verb, model.Give) and not drug.amount_unit:
        yield found(
            "KB408",
            verb.drug.span,
            f"`{drug.id}` is not given in amounts",
            "use `infuse:`, or add `amount:` to the drug in protocols/library/drugs.yaml",
        )
    elif isinstance(verb, model.Infuse | model.Change | model.Stop | model.Titrate) and not drug.rate_unit:
        yield found(
            "KB408",
            verb.drug.span,
            f"`{drug.id}` is not given as an infusion",
            "use `give:`, or add `rate:` to the drug in protocols/library/drugs.yaml",
        )
