"""Guards (design rule 8): what a condition must have tested to have happened, before it asks how long ago it was."""

from __future__ import annotations

from collections.abc import Iterable

from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.expression.scope import Scope, children, nodes
from kb.expression.text import to_text
from kb.expression.types import literal_value


def guards_of(scope: Scope, expr: tree.Expr) -> frozenset[str]:
    """What an expression tests to have happened: `known(since(x))`, `count(x …)`, `done(x …)`, `total(x …)`, a rate
    compared with a number, or the presence of data. Definitions are followed.
    """
    tested: set[str] = set()
    seen: set[str] = set()
    waiting = [expr]
    while waiting:
        for node in nodes(waiting.pop()):
            match node:
                case tree.Call("known", (tree.TimeFeature(_, of, _),)):
                    tested.add(of.id)
                case tree.Call("known", (tree.Name(id),)):
                    tested.add(id)
                case tree.TimeFeature("count", of, _) if of.id in scope.drugs and not scope.drugs[of.id].amount_unit:
                    pass  # only gifts are counted, and it is never given as one: the count is always 0
                case tree.TimeFeature("count" | "done" | "total" | "declined", of, _):
                    tested.add(of.id)
                case tree.Persists(_, _, after):
                    tested.add(after.id)
                case tree.Compare(_, left, right):
                    for side, other in ((left, right), (right, left)):
                        if (
                            isinstance(side, tree.Name)
                            and side.id in scope.drugs
                            and literal_value(scope, other) is not None
                        ):
                            tested.add(side.id)
                case tree.Name(id) if scope.kind_of(id) == "define" and id not in seen:
                    seen.add(id)
                    waiting += scope.defines[id].parts
                case _:
                    pass
    return frozenset(tested)


def unguarded(scope: Scope, expr: tree.Expr, guards: frozenset[str] = frozenset()) -> list[tree.TimeFeature]:
    """The `since(x)` and `previous(x)` of a condition whose event neither it nor `guards` tests.

    A definition that is a value counts as what it is made of; one that is a condition has its own check.
    """
    tested = guards | guards_of(scope, expr)
    asked: list[tree.TimeFeature] = []
    seen: set[str] = set()
    waiting: list[tuple[tree.Expr, bool]] = [(expr, False)]
    while waiting:
        node, sheltered = waiting.pop()
        if isinstance(node, tree.TimeFeature) and node.function in ("since", "previous"):
            if not sheltered and node.of.id not in tested and not _covered(scope, node.of.id, tested):
                asked.append(node)
            continue
        if isinstance(node, tree.Name) and scope.kind_of(node.id) == "define" and node.id not in seen:
            seen.add(node.id)
            made = scope.defines[node.id]
            if made.value is not None or made.cases:
                own = frozenset().union(*(guards_of(scope, part) for part in made.parts))
                waiting += [(part, sheltered or bool(own)) for part in made.parts]
            continue
        known = isinstance(node, tree.Call) and node.function == "known"
        waiting += [(child, sheltered or known) for child in reversed(children(node))]
    return asked


def _covered(scope: Scope, name: str, tested: frozenset[str]) -> bool:
    """Whether a member of a class, or the class of a drug, was tested."""
    return any(name in scope.members(other) or other in scope.members(name) for other in tested)


def check_guards(scope: Scope, conditions: Iterable[tree.Expr]) -> list[Diagnostic]:
    """What is not guarded in conditions that are tried one after the other, as the cases of a `decide`.

    A test in an earlier condition guards the later ones.
    """
    diagnostics: list[Diagnostic] = []
    guards: frozenset[str] = frozenset()
    told: set[str] = set()  # the first place is where the test belongs; later cases repeat the same mistake
    for condition in conditions:
        for feature in unguarded(scope, condition, guards):
            name = feature.of.id
            if to_text(feature) in told:
                continue
            told.add(to_text(feature))
            diagnostics.append(
                found(
                    "KB327",
                    feature.span,
                    f"`{to_text(feature)}` is unknown until `{name}` has happened once",
                    f"test first, in an earlier case or the same condition: `known({to_text(feature)})` or "
                    f"`count({name} in the episode) > 0`",
                    "before the first time the answer would stay open and no step would be reached",
                )
            )
        guards |= guards_of(scope, condition)
    return diagnostics


def check_define_guards(scope: Scope) -> list[Diagnostic]:
    """What is not guarded in definitions that are conditions, and in the conditions of cases."""
    diagnostics: list[Diagnostic] = []
    for made in scope.defines.values():
        if made.condition is not None:
            diagnostics += check_guards(scope, (made.condition,))
        diagnostics += check_guards(scope, (when for when, _ in made.cases if when is not None))
    return diagnostics
