"""What is wrong, where, and what to do about it: values, not exceptions.

An author's mistake is data. Stages return diagnostics beside their product; only bugs raise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """How bad a finding is: an error stops compilation, a warning does not.

    A note is nothing to mend: a person is to look at it, and a check passes with it.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Span(NamedTuple):  # not a dataclass, which takes four times as long to make: every value of a file has one
    """A range in a file; lines and columns count from 1, the end column is exclusive."""

    file: str
    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that explains a diagnostic."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """A warning that somebody accepts where it stands: `code`, inside `extent`.

    `until` is the last day on which it holds, year-month-day; `span` is where it is written.
    """

    code: str
    because: str
    by: str
    until: str
    span: Span
    extent: Span

    def covers(self, found: Diagnostic) -> bool:
        """Whether `found`, or a place that explains it, lies where this is written."""
        places = (found.span, *(item.span for item in found.related))
        return found.code == self.code and any(_inside(place, self.extent) for place in places)


def _inside(place: Span, extent: Span) -> bool:
    begins, ends = (extent.line, extent.column), (extent.end_line, extent.end_column)
    return place.file == extent.file and begins <= (place.line, place.column) < ends


@dataclass(frozen=True, slots=True)
class Example:
    """A patient whom a finding is about, as a one-moment chart with the local parameters that it needs.

    `id` is what `kb check --save-scenario` takes: the code and where it was found. `file` is the protocol's. `now` is
    the moment of the advice, in ISO 8601.
    """

    id: str
    file: str
    chart: tuple[tuple[str, str | bool], ...]
    parameters: tuple[tuple[str, str | bool], ...] = ()
    now: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing wrong with a file, ready for any renderer.

    `message` is one line in the editor's words: lower case, no full stop, user text in backticks.
    `help` is what to do about it. `why` says why it matters to a patient, where that is not plain. `allowed` is set
    where the file itself accepts it. `example` is a patient who shows it.
    """

    code: str
    severity: Severity
    span: Span
    message: str
    help: str | None = None
    why: str | None = None
    related: tuple[Related, ...] = field(default=())
    allowed: Allowance | None = None
    example: Example | None = None


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of `diagnostics` is an error."""
    return any(found.severity is Severity.ERROR for found in diagnostics)


def all_notes(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether nothing in `diagnostics` is to be mended."""
    return all(found.severity is Severity.NOTE for found in diagnostics)


def in_reading_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by file and place, without repeats."""
    unique = dict.fromkeys(diagnostics)
    return tuple(sorted(unique, key=lambda found: (found.span, found.code, found.message)))
