"""A number that decides is a little off: the smallest step to either side, or a tenth."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.expression import tree
from kb.mutation.classes import doses
from kb.mutation.classes.numbers import beside, put
from kb.mutation.sites import Change, Site

NAME = "thresholds"
ABOUT = "a number or a time is off by its smallest step, or by a tenth"


def faults(site: Site, protocol: model.Protocol) -> Iterator[Change]:
    if not isinstance(site.node, tree.Number) or doses.is_dose(site):
        return
    if site.part == "parameters" and "range" in site.path:  # what a hospital may set; the local check holds it
        return
    for value in beside(site.node):
        yield put(site.node, value)
