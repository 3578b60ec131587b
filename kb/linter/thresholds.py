"""The number at which a condition changes belongs to the side that its source puts it on.

A statement that says "below 65" or "65 or more" puts 65 itself above; "above 65" or "at most 65" puts it below. What is
compared with that very number where the statement is cited does the same, whichever of the two sides it asks for.
Ranges (`33 to 50`) say nothing of their ends. Where the statements that are cited disagree, or an interpretation that
is named has the number, the editor has chosen openly, and nothing is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.expression.text import to_text
from kb.linter.context import LintContext
from kb.linter.quantities import Quantity, in_figures
from kb.linter.sourced_numbers import agrees, said

Side = Literal["above", "below"]

_SIDES: Final[dict[str, Side]] = {"<": "above", ">=": "above", ">": "below", "<=": "below"}
_OTHER: Final = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_BEFORE: Final[tuple[tuple[re.Pattern[str], Side], ...]] = (
    (
        re.compile(r"(?:\b(?:below|under|(?:less|fewer|lower|younger) than|at least)|<|>=|≥)\s*$", re.IGNORECASE),
        "above",
    ),
    (
        re.compile(
            r"(?:\b(?:above|over|(?:more|greater|higher|older) than|exceed(?:s|ing)?|at most|up to)|>|<=|≤)\s*$",
            re.IGNORECASE,
        ),
        "below",
    ),
)
_FIGURE = r"[\d.,]*\d\s*(?:(?!(?:or|and|on)\b)\S+\s+){0,2}"
_OR = _FIGURE + r"(?:or|and)\s+"
_AFTER: Final[tuple[tuple[re.Pattern[str], Side], ...]] = (
    (re.compile(_OR + r"(?:more|above|higher|greater|over|older|upwards?)\b", re.IGNORECASE), "above"),
    (re.compile(_OR + r"(?:less|fewer|below|lower|under|younger)\b", re.IGNORECASE), "below"),
)
_FROM = re.compile(r"\bfrom\s*$", re.IGNORECASE)
_ON = re.compile(_FIGURE + r"(?:on|onwards?|upwards?)\b(?! the\b)", re.IGNORECASE)
_OVER_A_TIME = re.compile(r"\bover\s*$", re.IGNORECASE)
_TIMES = frozenset({"s", "min", "h", "d"})


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol = context.protocol
    if protocol.evidence is None:
        return
    parts = protocol.steps, protocol.defines, protocol.never, protocol.caps, protocol.goals, protocol.alerts
    for part in parts:
        for record in part.values():
            yield from _record(context, record)


def _record(context: LintContext, record: object) -> Iterator[Diagnostic]:
    evidence = context.protocol.evidence
    assert evidence is not None
    compared = list(_thresholds(record))
    if not compared:
        return
    _, sources = said(context, record)
    for comparison, op, number in compared:
        sides: dict[Side, tuple[model.StatementDef, str]] = {}
        for source, quantity in sources:
            if not agrees(context, quantity, number):
                continue
            statement = evidence.statements.get(source)
            if statement is None:  # a reading has the number
                sides.clear()
                break
            worded = _side(in_figures(statement.says.value), quantity)
            if worded is not None:
                sides.setdefault(worded[0], (statement, worded[1]))
        if len(sides) != 1 or _SIDES[op] in sides:
            continue
        ((statement, words),) = sides.values()
        shown = f"{number.value} {number.unit or ''}".strip()
        yield found(
            "KB514",
            comparison.span,
            f"`{to_text(comparison)}`: `{statement.id}` says `{words}`, which puts {shown} itself on the other side",
            f"write `{_OTHER[comparison.op]}`, or name an interpretation that says why {shown} belongs here",
            "whoever is charted with exactly this number is answered as the source does not mean",
            (Related(statement.span, f"`{statement.id}` stands here"),),
        )


def _thresholds(record: object) -> Iterator[tuple[tree.Compare, str, tree.Number]]:
    """What holds a name against a number, with the operator as if the name stood first."""
    for comparison in model.every(record, tree.Compare):
        match comparison:
            case tree.Compare(op, tree.Name(), tree.Number() as number) if op in _SIDES and number.value:
                yield comparison, op, number
            case tree.Compare(op, tree.Number() as number, tree.Name()) if op in _SIDES and number.value:
                yield comparison, _FLIPPED[op], number


def _side(says: str, quantity: Quantity) -> tuple[Side, str] | None:
    """On which side of it the words put the number, and those words; None where they do not say."""
    before = says[: quantity.begins]
    for words, side in _BEFORE:
        match = words.search(before)
        if match is not None and not (quantity.unit in _TIMES and _OVER_A_TIME.search(before)):
            return side, f"{match[0].strip()} {quantity.text}"
    match = _ON.match(says, quantity.begins)
    if match is not None and _FROM.search(before):
        return "above", f"from {match[0]}"
    for words, side in _AFTER:
        match = words.match(says, quantity.begins)
        if match is not None:
            return side, match[0]
    return None
