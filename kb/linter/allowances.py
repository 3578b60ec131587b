"""A warning can be accepted where it stands; what accepts nothing, or no longer, is itself a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kb.codes import CODES, found
from kb.diagnostics import Allowance, Diagnostic, Severity
from kb.linter.context import LintContext, nearest

DATED = frozenset({"KB520"})
"""Warnings that depend on the day of the check: whether they are used is known on that day only."""
IN_LIBRARY = frozenset({"KB522", "KB523"})
"""Warnings that the library gives by itself; whether another one is needed there depends on the protocols of a base."""
_ITSELF = frozenset({"KB530", "KB531"})


def check(context: LintContext) -> Iterator[Diagnostic]:
    """Whether what is allowed can be: the library's allowances are looked at with the library."""
    yield from can_be_allowed(context.protocol.allowances)
    if context.protocol.evidence is not None:
        yield from can_be_allowed(context.protocol.evidence.allowances)


def can_be_allowed(allowances: Iterable[Allowance]) -> Iterator[Diagnostic]:
    for item in allowances:
        code = CODES.get(item.code)
        if code is None:
            yield found(
                "KB533",
                item.span,
                f"there is no code `{item.code}`",
                nearest(item.code, CODES, "write the code as it stands in the finding, such as `KB462`"),
            )
        elif code.severity is Severity.ERROR or item.code in _ITSELF:
            what = "is an error" if code.severity is Severity.ERROR else "is about allowances"
            yield found(
                "KB532",
                item.span,
                f"`{item.code}` {what} and cannot be allowed",
                "mend what it finds, and remove this",
                "a fault that could hurt a patient does not go away because somebody accepts it",
            )


def settle(diagnostics: Iterable[Diagnostic], allowances: Iterable[Allowance]) -> list[Diagnostic]:
    """The diagnostics; a warning that is allowed has its allowance, the innermost of those that cover it."""
    inner_first = sorted(allowances, key=lambda item: (item.extent.line, item.extent.column), reverse=True)
    return [
        item
        if item.severity is Severity.ERROR or item.allowed is not None or item.code in _ITSELF
        else replace(item, allowed=next((each for each in inner_first if each.covers(item)), None))
        for item in diagnostics
    ]


def unused(allowances: Iterable[Allowance], diagnostics: Iterable[Diagnostic], dated: bool) -> Iterator[Diagnostic]:
    """Allowances that none of `diagnostics` needed; those of dated warnings only if it was asked for a day."""
    used = {item.allowed for item in diagnostics}
    for item in allowances:
        code = CODES.get(item.code)
        if item in used or code is None or code.severity is Severity.ERROR or item.code in _ITSELF:
            continue
        if dated or item.code not in DATED:
            yield found(
                "KB531",
                item.span,
                f"nothing here is `{item.code} {code.name}`, so there is nothing to allow",
                "remove it; or, if the finding is elsewhere, move it to the step, entry or file that it names",
                "an allowance that is left behind would hide the next fault of its kind",
            )


def expired(allowances: Iterable[Allowance], at: str) -> Iterator[Diagnostic]:
    """Allowances whose last day lies before `at` (year-month-day)."""
    for item in allowances:
        if item.until < at:
            yield found(
                "KB530",
                item.span,
                f"`{item.code}` was allowed until {item.until} by {item.by}",
                "look at the finding again: mend it, or allow it anew with a new reason and a new date",
                f"it was accepted for a time only, because: {item.because}",
            )
