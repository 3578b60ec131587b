"""A dose of a drug with salt forms says in which it is counted."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.linter.context import LintContext
from kb.linter.orders import orders


def check(context: LintContext) -> Iterator[Diagnostic]:
    for order in orders(context):
        if isinstance(order.verb, model.Give | model.Infuse) and order.drug.salts and order.verb.salt is None:
            forms = " or ".join(f"`{name}`" for name, _ in order.drug.salts)
            yield found(
                "KB487",
                order.verb.drug.span,
                f"{order.place} does not say in which form this dose of `{order.drug.id}` is counted: {forms}",
                "write `salt:` with the form that the source counts in",
                "forms of one drug can differ twofold, and the reader sees a bare number",
                (Related(order.drug.span, f"the forms of `{order.drug.id}` stand here"),),
            )
