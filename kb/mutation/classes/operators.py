"""A word of a condition is another: `<` for `<=`, `or` for `and`, one reason less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kb import model
from kb.expression import tree
from kb.mutation.sites import Change, Site

NAME = "operators"
ABOUT = "a comparison, `and`, `or`, `not`, a list of reasons or a sign is another one"

_OTHERS: dict[str, tuple[str, ...]] = {
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    ">": (">=", "<"),
    ">=": (">", "<"),
    "=": ("!=",),
    "!=": ("=",),
}
_SIGNS = {"+": "-", "-": "+", "*": "/", "/": "*"}
_FUNCTIONS = {"least": "greatest", "greatest": "least"}


def faults(site: Site, protocol: model.Protocol) -> Iterator[Change]:
    node = site.node
    match node:
        case tree.Compare(op):
            for other in _OTHERS[op]:
                yield Change(replace(node, op=other), f"`{op}` becomes `{other}`")  # type: ignore[arg-type]
        case tree.Between(value, low, high, span):
            above, below = tree.Compare(">=", value, low, span), tree.Compare("<=", value, high, span)
            yield Change(tree.And((replace(above, op=">"), below), span), "the lower end no longer counts as between")
            yield Change(tree.And((above, replace(below, op="<")), span), "the upper end no longer counts as between")
        case tree.Is(_, options, negated):
            yield Change(
                replace(node, negated=not negated), "`is not` becomes `is`" if negated else "`is` becomes `is not`"
            )
            if len(options) > 1:
                for place, option in enumerate(options):
                    words = options[:place] + options[place + 1 :]
                    yield Change(replace(node, options=words), f"`{option.id}` no longer counts", option.span)
        case tree.And(items, span) | tree.Or(items, span):
            names = ("all of", "any of") if isinstance(node, tree.And) else ("any of", "all of")
            kind = tree.Or if isinstance(node, tree.And) else tree.And
            yield Change(kind(items, span), f"{names[0]} becomes {names[1]}")
            for place, item in enumerate(items):
                left = items[:place] + items[place + 1 :]
                made = left[0] if len(left) == 1 else type(node)(left, span)
                yield Change(made, f"one of {len(items)} conditions is left out", item.span)
        case tree.AtLeast(count, items):
            for other_count in (count - 1, count + 1):
                if 0 < other_count <= len(items):
                    yield Change(replace(node, count=other_count), f"at least {count} becomes at least {other_count}")
        case tree.Not(item):
            yield Change(item, "`not` is left out")
        case tree.Arithmetic(op):
            yield Change(replace(node, op=_SIGNS[op]), f"`{op}` becomes `{_SIGNS[op]}`")  # type: ignore[arg-type]
        case tree.Call(function) if function in _FUNCTIONS:
            other_function = _FUNCTIONS[function]
            yield Change(replace(node, function=other_function), f"`{function}` becomes `{other_function}`")
