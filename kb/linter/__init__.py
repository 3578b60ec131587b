"""What can be said against a protocol before anyone relies on it: one rule, one module.

A rule is a function from a `LintContext` to diagnostics. `RULES` and `JUDGEMENTS` list them in the order in which
they run; each rule's codes have their pages in `kb/explain/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from kb import model
from kb.codes import OF_PROGRAMS
from kb.diagnostics import Diagnostic, Related, has_errors
from kb.expression.scope import Scope
from kb.linter import (
    about_the_drug,
    allowances,
    ceilings,
    citations,
    conflicts,
    dead_bands,
    done_too_high,
    dose_extremes,
    dropped_doses,
    drug_forms,
    elsewhere,
    escalation,
    expressions,
    freshness,
    homes,
    interpretations,
    ladders,
    limits,
    lost_part,
    meanings,
    names,
    no_limits,
    old_values,
    properties,
    prose_numbers,
    rates_and_caps,
    recommendations,
    repeats,
    reviews_due,
    rounding,
    salts,
    same_ceiling,
    shared_data,
    sourced_numbers,
    speeds,
    strength,
    superseded,
    table_rows,
    thresholds,
    timing,
    titrations,
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
    limits.check,
    timing.check,
    shared_data.check,
    unused.check,
    recommendations.check,
    citations.check,
    elsewhere.check,
    interpretations.check,
    homes.check,
    superseded.check,
    table_rows.check,
    thresholds.check,
    properties.check,
    prose_numbers.check,
    allowances.check,
)
JUDGEMENTS: tuple[Callable[[LintContext], Iterator[Diagnostic]], ...] = (
    dose_extremes.check,
    no_limits.check,
    titrations.check,
    rounding.check,
    salts.check,
    repeats.check,
    rates_and_caps.check,
    same_ceiling.check,
    conflicts.check,
    dead_bands.check,
    ceilings.check,
    done_too_high.check,
    escalation.check,
    freshness.check,
    freshness.unobtainable,
    old_values.check,
    sourced_numbers.check,
    dropped_doses.check,
    speeds.check,
    about_the_drug.check,
    strength.check,
    meanings.check,
)
"""Rules that read a protocol as a colleague would: only once it has no error, so that one slip is told once."""


def scope_of(protocol: model.Protocol, library: model.Library) -> Scope:
    """What names mean inside `protocol`."""
    return Scope.of(protocol, library)


def lint_protocol(protocol: model.Protocol, library: model.Library) -> list[Diagnostic]:
    """Everything the rules find, in the order of the rules; what is allowed in place says so (`allowed`)."""
    context = LintContext(protocol, library, scope_of(protocol, library))
    found = lost_part.told_together(protocol, _once_each(item for rule in RULES for item in rule(context)))
    if any(item.code.startswith("KB3") for item in found):  # prose is held against numbers once all can be read
        found = [item for item in found if item.code != "KB505"]
    if not has_errors(found):
        found += _once_each(item for rule in JUDGEMENTS for item in rule(context))
        found = _without_echoes(found)
    evidence = protocol.evidence.allowances if protocol.evidence is not None else ()
    found = allowances.settle(found, (*protocol.allowances, *evidence, *library.allowances))
    if not has_errors(found):  # with an error, rules may not have said all that they have to say
        own = [item for item in protocol.allowances if item.code not in OF_PROGRAMS]
        found += allowances.unused(own, found, dated=False)
    return found


def _without_echoes(found: list[Diagnostic]) -> list[Diagnostic]:
    """One wrong number is told by the rule that knows most of it: its source, then its limits."""
    slips = {(item.span.file, item.span.line) for item in found if item.code == "KB460"}
    unusual = {(item.span.file, item.span.line) for item in found if item.code == "KB431"}
    beyond = {(item.span.file, item.span.line) for item in found if item.code in ("KB461", "KB465")}
    sourced = {(item.span.file, item.span.line) for item in found if item.code == "KB472"} | beyond | slips
    told_by_source = slips | {(item.span.file, item.span.line) for item in found if item.code == "KB510"}
    echoes = {
        "KB431": slips,
        "KB510": slips | unusual,
        "KB461": slips,
        "KB472": slips | beyond,
        "KB474": sourced,
        "KB485": told_by_source,
        "KB488": told_by_source | beyond | unusual,
    }
    lost = {place.span for item in found if item.code == "KB469" for place in item.related}
    return [
        item
        for item in found
        if (item.span.file, item.span.line) not in echoes.get(item.code, ())
        and not (item.code == "KB488" and any(place.span in lost for place in item.related))
    ]


def lint_library(library: model.Library) -> list[Diagnostic]:
    """What the rules find in the library by itself."""
    found = [
        *meanings.in_library(library),
        *strength.in_library(library),
        *allowances.can_be_allowed(library.allowances),
    ]
    return allowances.settle(found, library.allowances)


def lint_dates(protocol: model.Protocol, library: model.Library, at: str) -> list[Diagnostic]:
    """What is no longer so on the day `at` (year-month-day): reviews and allowances that are overdue."""
    evidence = protocol.evidence
    own = (*protocol.allowances, *(evidence.allowances if evidence is not None else ()))
    found = [*reviews_due.overdue(protocol, at), *allowances.expired((*own, *library.allowances), at)]
    return allowances.settle(found, (*own, *library.allowances))


# A name that is missing is one mistake, however often it is used.
_MISSING_NAMES = {code: code for code in ("KB310", "KB401", "KB404", "KB406", "KB502", "KB503", "KB506")} | {
    "KB801": "KB401"
}
"""Each code that says so, with the code under which it counts: a property misses the same step as the way to it."""


def _once_each(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics; what is said of one missing name is said once, with the other places beside it."""
    made: list[Diagnostic] = []
    first: dict[tuple[str, str], int] = {}
    for item in diagnostics:
        key = _MISSING_NAMES.get(item.code, item.code), item.message
        if item.code in _MISSING_NAMES and key in first:
            said = made[first[key]]
            made[first[key]] = replace(said, related=(*said.related, Related(item.span, "and here")))
        else:
            first[key] = len(made)
            made.append(item)
    return made
