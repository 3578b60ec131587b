"""A drug that is recommended has limits in the library, or nothing would stop a tenfold error of an order of it."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.linter.context import LintContext
from kb.linter.orders import limits_of, orders


def check(context: LintContext) -> Iterator[Diagnostic]:
    told: set[tuple[str, str, str]] = set()
    for order in orders(context):
        kind = order.drug.id, order.of, order.route
        if isinstance(order.verb, model.Stop) or not order.unit or kind in told or limits_of(order):
            continue
        told.add(kind)
        by = f" by the route `{order.route}`" if order.route else ""
        yield found(
            "KB462",
            order.verb.drug.span,
            f"the library has no limit for `{order.drug.id}` given as {_article(order.of)}{by}",
            f"add one under `limits:` of `{order.drug.id}` in protocols/library/drugs.yaml, with its source; never one "
            "from memory",
            "an order of ten times the dose would pass without a word",
            (Related(order.drug.span, f"`{order.drug.id}` stands here"),),
        )


def _article(of: str) -> str:
    return "an amount" if of == "amount" else "a rate"
