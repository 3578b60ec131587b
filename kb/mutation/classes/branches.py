"""A way through the graph is another: cases swapped, in another order, or missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from kb import model
from kb.mutation.sites import Change, Site

NAME = "branches"
ABOUT = "two cases lead to each other's steps or change places, a case, `else` or a step that follows is missing"


def faults(site: Site, protocol: model.Protocol) -> Iterator[Change]:
    node = site.node
    match node:
        case model.Decide(cases=cases):
            yield from _cases(node, cases)
        case model.GoCase(go=go) if len(go) > 1:
            for place, ref in enumerate(go):
                yield Change(replace(node, go=go[:place] + go[place + 1 :]), f"does not lead to `{ref.id}`", ref.span)
        case model.Do():
            for place, ref in enumerate(node.with_):
                left = node.with_[:place] + node.with_[place + 1 :]
                yield Change(replace(node, with_=left), f"does not lead to `{ref.id}` beside it", ref.span)
            for place, ref in enumerate(node.then):
                left = node.then[:place] + node.then[place + 1 :]
                yield Change(replace(node, then=left), f"does not lead on to `{ref.id}`", ref.span)
        case model.Define(cases=cases) if len(cases) > 1:
            yield from _values(node, cases)


def _cases(node: model.Decide, cases: tuple[model.GoCase, ...]) -> Iterator[Change]:
    for place, (one, other) in enumerate(pairwise(cases)):
        before, after = cases[:place], cases[place + 2 :]
        if [ref.id for ref in one.go] != [ref.id for ref in other.go]:
            swapped = (replace(one, go=other.go), replace(other, go=one.go))
            told = f"`{_said(one)}` and `{_said(other)}` lead to each other's steps"
            yield Change(replace(node, cases=(*before, *swapped, *after)), told, one.span)
        if other.when is not None:
            told = f"`{_said(other)}` is looked at before `{_said(one)}`"
            yield Change(replace(node, cases=(*before, other, one, *after)), told, other.span)
    for place, case in enumerate(cases):
        if len(cases) > 1:
            left = cases[:place] + cases[place + 1 :]
            yield Change(replace(node, cases=left), f"the case `{_said(case)}` is missing", case.span)


def _values(node: model.Define, cases: tuple[model.ValueCase, ...]) -> Iterator[Change]:
    for place, case in enumerate(cases[:-1]):
        text = "else" if case.when is None else case.when.text
        other = cases[place + 1]
        swapped = (replace(case, value=other.value), replace(other, value=case.value))
        left = cases[:place] + cases[place + 1 :]
        yield Change(replace(node, cases=left), f"the value for `{text}` is missing", case.span)
        made = (*cases[:place], *swapped, *cases[place + 2 :])
        yield Change(replace(node, cases=made), f"`{text}` and the next case have each other's values", case.span)


def _said(case: model.GoCase) -> str:
    return "else" if case.when is None else case.when.text
