"""A source whose publisher was to review it by now is looked at again."""

from __future__ import annotations

from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic


def overdue(protocol: model.Protocol, at: str) -> Iterator[Diagnostic]:
    """References of the protocol that were to be reviewed before the day `at` (year-month-day)."""
    evidence = protocol.evidence
    for reference in evidence.references.values() if evidence is not None else ():
        if reference.review_due and reference.review_due < at and reference.superseded_by is None:
            yield found(
                "KB520",
                reference.span,
                f"`{reference.key}` was to be reviewed by {reference.review_due}",
                "look whether a newer edition is out: add it with `superseded_by:`, or correct `review_due:`",
                "numbers that their publisher has changed would still be given",
            )
