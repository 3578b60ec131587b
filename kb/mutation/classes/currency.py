"""A value counts for longer than it can be trusted, or is asked for again too soon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from kb import model
from kb.expression import tree
from kb.mutation.classes.numbers import said
from kb.mutation.sites import Change, Site

NAME = "currency"
ABOUT = "a value counts twice as long, half as long, or for good"

_SHARES = ("2", "0.5")


def faults(site: Site, protocol: model.Protocol) -> Iterator[Change]:
    node = site.node
    if not isinstance(node, model.ElementDef | model.DrugDef) or node.valid_for is None:
        return
    number = node.valid_for.value
    if not isinstance(number, tree.Number):
        return
    for share in _SHARES:
        other = replace(number, value=number.value * Decimal(share))
        made = replace(node, valid_for=replace(node.valid_for, value=other, text=said(other)))
        yield Change(made, f"`valid_for: {said(number)}` becomes `{said(other)}`", node.valid_for.span)
    lasting = replace(node, valid_for=None)
    if isinstance(lasting, model.ElementDef):
        lasting = replace(lasting, permanent=True)
    yield Change(lasting, f"`valid_for: {said(number)}` is missing: it counts for good", node.valid_for.span)
