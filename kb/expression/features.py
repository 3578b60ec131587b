"""What looks back in time: the types of `since`, `count`, `total`, `change` and their like, windows and `persists`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_never

from kb.expression import tree
from kb.expression.names import unknown
from kb.expression.scope import nodes
from kb.expression.text import to_text
from kb.expression.types import BOOLEAN, ERROR, PLAIN, SECONDS, Type, drug_type, element_type, group_type, in_words

if TYPE_CHECKING:
    from kb.expression.checker import Checker

LARGEST_EXPANSION = (5_000, 60)
"""Size and depth to which the condition of `persists`, a latch or a computed definition may grow."""


def event_kind(checker: Checker, name: tree.Name, kinds: Sequence[str], feature: str) -> str:
    """The kind of what happened, or empty where it was reported."""
    scope = checker.scope
    kind = scope.event_of(name.id)
    if kind in kinds:
        return kind
    if "step" in kinds and name.id in scope.steps:
        return "step"
    words = {"drug": "a drug", "class": "a class of drugs", "element": "data", "step": "a step"}
    wanted = _or([words[each] for each in kinds])
    if kind or scope.kind_of(name.id):
        have = words.get(kind) or f"a {'definition' if name.id in scope.defines else 'parameter'}"
        help = None
        if kind == "step" and feature in ("total", "previous", "change"):
            help = f"write `count({name.id} in the episode)`"
        elif feature in ("done", "declined"):
            help = f"write `count({name.id} in the episode) > 0`" if kind else None
        checker.report("KB326", name.span, f"`{feature}` is asked of {wanted}, and `{name.id}` is {have}", help)
        return ""
    pools = {"drug": scope.drugs, "class": scope.classes, "element": scope.elements, "step": scope.steps}
    unknown(checker, name, [each for wanted_kind in kinds for each in pools[wanted_kind]], "name")
    return ""


def time_window(checker: Checker, window: tree.Window) -> None:
    match window:
        case tree.InEpisode():
            pass
        case tree.SinceEvent(event):
            event_kind(checker, event, ("drug", "class", "element", "step"), "since")
        case tree.InLast(duration):
            checker.duration(duration)
        case _:
            assert_never(window)


def feature_type(checker: Checker, expr: tree.TimeFeature) -> Type:
    function, of, window = expr.function, expr.of, expr.window
    name = of.id
    if window is not None:
        time_window(checker, window)
    if name == "this" and "this" not in checker.scope.steps:
        if not checker.context.this_step:
            return checker.report(
                "KB326",
                expr.span,
                "no step is named here",
                f"write `{function}(STEP {to_text(window) if window else ''})`".replace(" )", ")"),
            )
        return BOOLEAN
    if function in ("since", "previous"):
        if window is not None:
            checker.report("KB326", expr.span, f"`{function}` takes no window", f"write `{function}({name})`")
    elif window is None:
        others = f"`{function}({name} in the last 24 h)` or `{function}({name} since X)`"
        checker.report(
            "KB325",
            expr.span,
            f"`{function}({name})` does not say over what time",
            f"write `{function}({name} in the episode)`, {others}",
        )
    if function == "since":
        kind = event_kind(checker, of, ("drug", "class", "element", "step"), function)
        return SECONDS if kind else ERROR
    if function == "count":
        kind = event_kind(checker, of, ("drug", "class", "element", "step"), function)
        return PLAIN if kind else ERROR
    if function in ("done", "declined"):
        if name not in checker.scope.steps:
            event_kind(checker, of, ("step",), function)
        return BOOLEAN
    if function == "total":
        kind = event_kind(checker, of, ("drug", "class"), function)
        made = group_type(checker.scope, checker.scope.members(name), "amount") if kind else ERROR
        if made is None:
            return checker.report(
                "KB326",
                expr.span,
                f"amounts of `{name}` are not counted in one unit",
                "the library gives it no `amount` unit, or its drugs have different ones",
            )
        return made
    return _past_value(checker, expr)


def _past_value(checker: Checker, expr: tree.TimeFeature) -> Type:
    """previous(x) and change(x …)."""
    kind = event_kind(checker, expr.of, ("element", "drug"), expr.function)
    if not kind:
        return ERROR
    name = expr.of.id
    made = (
        element_type(checker.scope, checker.scope.elements[name])
        if kind == "element"
        else drug_type(checker.scope, name, "rate")
    )
    if made is None:
        return checker.report(
            "KB326", expr.span, f"`{name}` has no running rate", f"write `count({name} in the episode)`"
        )
    if made.kind == "text":
        return checker.report("KB320", expr.span, f"`{name}` is free text, which is shown but never compared")
    if expr.function == "change":
        if made.kind not in ("number", "error"):
            return checker.report(
                "KB326",
                expr.span,
                f"`change` is asked of numbers, and `{name}` is {in_words(made)}",
                f"compare `{name}` with `previous({name})`" if made.kind == "date-time" else None,
            )
        if made.dimension == (("temperature", 1),):
            return Type("number", (("temperature_difference", 1),), made.unit)
    return made


def persists(checker: Checker, expr: tree.Persists) -> Type:
    checker.boolean(expr.condition)
    checker.duration(expr.duration)
    event_kind(checker, expr.after, ("drug", "class", "step"), "persists")
    present(checker, expr.condition, "the condition of `persists`")
    return BOOLEAN


def present(checker: Checker, expr: tree.Expr, what: str) -> None:
    """Report what looks back in time within `expr`, and an expansion beyond review."""
    for node in nodes(expr):
        looks_back = isinstance(node, tree.TimeFeature | tree.Persists)
        name = node.id if isinstance(node, tree.Name) else ""
        if looks_back or (name in checker.scope.with_history and checker.scope.kind_of(name) == "define"):
            checker.report(
                "KB330",
                node.span,
                f"{what} looks back in time by `{to_text(node)}`",
                "it is judged on what is charted at each moment; take the look back out of it",
            )
            return
    small(checker, expr, what)


def small(checker: Checker, expr: tree.Expr, what: str) -> None:
    size, depth = checker.scope.extent_of(expr)
    if size > LARGEST_EXPANSION[0] or depth > LARGEST_EXPANSION[1]:
        checker.report(
            "KB338",
            expr.span,
            f"{what} is too large once its definitions are written out",
            f"at most {LARGEST_EXPANSION[0]} parts, {LARGEST_EXPANSION[1]} levels deep",
        )


def _or(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]
