"""What is not known is taken for known: the fault that a complete chart never shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kb import model
from kb.expression import tree
from kb.mutation.sites import Change, Site

NAME = "unknowns"
ABOUT = "what is not known is taken for no, or for yes; `if_unknown` or `known(…)` is missing"


def faults(site: Site, protocol: model.Protocol) -> Iterator[Change]:
    node = site.node
    match node:
        case model.Decide(if_unknown=ref) if ref is not None:
            yield Change(replace(node, if_unknown=None), f"`if_unknown: {ref.id}` is missing", ref.span)
        case tree.Call("known", arguments, span):
            yield Change(tree.Truth(True, span), f"`known({_named(arguments)})` is taken for granted")
        case model.GoCase(when=when) | model.Reason(when=when) if when is not None:
            if any(isinstance(above, model.OptionDef) for above in site.above):
                return
            known = tree.Call("known", (when.expr,), when.span)
            for to, word in (
                (tree.And((known, when.expr), when.span), "no"),
                (tree.Or((tree.Not(known, when.span), when.expr), when.span), "yes"),
            ):
                told = f"where `{when.text}` is not known, it is taken for {word}"
                yield Change(replace(node, when=replace(when, expr=to)), told, when.span)


def _named(arguments: tuple[tree.Expr, ...]) -> str:
    return ", ".join(item.id if isinstance(item, tree.Name) else "…" for item in arguments)
