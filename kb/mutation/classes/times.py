"""A time is of another size, or nothing is said of it: hours for minutes, no `over`, no review, nothing to persist."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kb import model
from kb.expression import tree
from kb.mutation.classes.numbers import said
from kb.mutation.sites import Change, Site

NAME = "times"
ABOUT = "a time is in another unit (`h` for `min`), or `over`, a review, `persists` or `in the last` is missing"

_SLIPS = {"s": ("min",), "min": ("h",), "h": ("min", "d"), "d": ("h",)}  # what is written for what


def faults(site: Site, protocol: model.Protocol) -> Iterator[Change]:
    node = site.node
    match node:
        case tree.Number(unit=unit) if unit in _SLIPS and "range" not in site.path:
            for other in _SLIPS[unit]:
                made = replace(node, unit=other)
                yield Change(made, f"`{said(node)}` becomes `{said(made)}`")
        case model.Give(over=over) if over is not None:
            yield Change(replace(node, over=None), "`over` is missing", over.span)
        case model.Do(review=review) if review is not None:
            yield Change(replace(node, review=None), "`review` is missing", review.span)
        case tree.Persists(condition=condition):
            yield Change(condition, "it need not persist")
        case tree.InLast(span=span):
            yield Change(tree.InEpisode(span), "`in the last` becomes `in the episode`")
