"""What a rule may look at, and the questions that several rules ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from kb import model
from kb.expression import tree
from kb.expression.scope import Scope


@dataclass(frozen=True, slots=True)
class LintContext:
    protocol: model.Protocol
    library: model.Library
    scope: Scope


def nearest(name: str, names: Iterable[str], otherwise: str) -> str:
    """`did you mean …?` for a near miss, else `otherwise`."""
    close = get_close_matches(name, sorted(names), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else otherwise


def listed(names: Iterable[str], most: int = 5) -> str:
    """Names in backticks, the first few of many."""
    shown = [f"`{name}`" for name in names]
    more = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {more} more" if more > 0 else "")


def names_in(root: object) -> frozenset[str]:
    """Every name that an expression inside `root` mentions."""
    return frozenset(name.id for name in model.every(root, tree.Name))


def verbs(step: model.Step) -> Iterator[model.Verb]:
    """The verb of a `do`, and those of the options it offers."""
    if isinstance(step, model.Do):
        yield step.verb
        if isinstance(step.verb, model.Choose):
            for option in step.verb.one_of:
                yield option.verb
