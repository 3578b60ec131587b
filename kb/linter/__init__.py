"""What can be said against a protocol before anyone relies on it: one rule, one module.

A rule is a function from a `LintContext` to diagnostics. `RULES` lists them in the order in which they
run; each rule's codes have their pages in `kb/explain/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kb import model
from kb.diagnostics import Diagnostic
from kb.expression.scope import Scope
from kb.linter import (
    citations,
    drug_forms,
    elsewhere,
    expressions,
    homes,
    interpretations,
    ladders,
    names,
    prose_numbers,
    recommendations,
    superseded,
    timing,
    unused,
    ways,
)
from kb.linter.context import LintContext

RULES: tuple[Callable[[LintContext], Iterator[Diagnostic]], ...] = (
    names.check,
    ways.check,
    expressions.check,
    drug_forms.check,
    ladders.check,
    timing.check,
    unused.check,
    recommendations.check,
    citations.check,
    elsewhere.check,
    interpretations.check,
    homes.check,
    superseded.check,
    prose_numbers.check,
)


def scope_of(protocol: model.Protocol, library: model.Library) -> Scope:
    """What names mean inside `protocol`."""
    return Scope.of(protocol, library)


def lint_protocol(protocol: model.Protocol, library: model.Library) -> list[Diagnostic]:
    """Everything the rules find, in the order of the rules."""
    context = LintContext(protocol, library, scope_of(protocol, library))
    return [found for rule in RULES for found in rule(context)]
