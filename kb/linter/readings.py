"""What leads to a step: the conditions of the last decisions before it, the data they read, how long these last."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from kb import model
from kb.expression import tree
from kb.expression.scope import Scope, nodes
from kb.expression.types import literal_value


class Way(NamedTuple):
    """One case that leads straight to a step, with the conditions tried up to it, its own the last."""

    decide: model.Decide
    case: model.GoCase
    conditions: tuple[model.Condition, ...]


def ways_to(protocol: model.Protocol) -> dict[str, list[Way]]:
    """The cases that lead straight to each step."""
    found: dict[str, list[Way]] = {}
    for step in protocol.steps.values():
        if isinstance(step, model.Decide):
            tried: list[model.Condition] = []
            for case in step.cases:
                if case.when is not None:
                    tried.append(case.when)
                for ref in case.go:
                    found.setdefault(ref.id, []).append(Way(step, case, tuple(tried)))
    return found


def written_out(scope: Scope, root: tree.Expr) -> Iterator[tree.Expr]:
    """Every part of an expression, those of the definitions it uses among them."""
    seen: set[str] = set()
    stack = [root]
    while stack:
        for node in nodes(stack.pop()):
            yield node
            if isinstance(node, tree.Name) and node.id in scope.defines and node.id not in seen:
                seen.add(node.id)
                stack += scope.defines[node.id].parts


def elements_in(scope: Scope, root: tree.Expr) -> frozenset[str]:
    """The data that an expression reads, through definitions too."""
    return frozenset(
        node.id for node in written_out(scope, root) if isinstance(node, tree.Name) and node.id in scope.elements
    )


def life(scope: Scope, element: model.ElementDef) -> Fraction | None:
    """How long a value stays current, in seconds; None for what never goes stale."""
    if element.valid_for is None or isinstance(element.valid_for.value, tree.Range):
        return None
    return literal_value(scope, element.valid_for.value)


def shortest(scope: Scope, value: model.Amount | model.Ref | None) -> Fraction | None:
    """A written-out time in seconds, of a range its shorter end; None for what a hospital sets."""
    if not isinstance(value, model.Amount):
        return None
    return literal_value(scope, value.value.low if isinstance(value.value, tree.Range) else value.value)


def reads_time(scope: Scope, root: tree.Expr) -> bool:
    """Whether it waits for something: a time feature, or the time of day."""
    return any(
        isinstance(node, tree.TimeFeature | tree.Persists) or (isinstance(node, tree.Name) and node.id == "now")
        for node in written_out(scope, root)
    )
