"""A row of a table has the value that its source gives for that band, not the one of another row.

A definition by cases that compare one thing with numbers is a table, and each case a band between the numbers at which
it begins and ends. Where a statement that is cited has all the numbers of a band, its value is one of that statement's;
what only another statement of the table has was swapped, or has slipped by a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.context import LintContext
from kb.linter.quantities import Quantity, ratio
from kb.linter.sourced_numbers import agrees, said


class _Row(NamedTuple):
    ends: tuple[tree.Number, ...]  # where its band begins and ends; one of them for the first and the last
    value: tree.Number


def check(context: LintContext) -> Iterator[Diagnostic]:
    evidence = context.protocol.evidence
    if evidence is None:
        return
    for define in context.protocol.defines.values():
        rows = _rows(define)
        if len(rows) < 2:
            continue
        _, sources = said(context, define)
        by_statement: dict[str, list[Quantity]] = {}
        for source, quantity in sources:
            by_statement.setdefault(source, []).append(quantity)
        if by_statement.keys() - evidence.statements.keys():
            continue  # a reading has numbers: whose number stands where is told openly
        for row in rows:
            yield from _row(context, define, row, by_statement)


def _row(
    context: LintContext, define: model.Define, row: _Row, by_statement: dict[str, list[Quantity]]
) -> Iterator[Diagnostic]:
    def has(source: str, number: tree.Number) -> bool:
        return any(agrees(context, quantity, number) for quantity in by_statement[source])

    band = [source for source in by_statement if all(has(source, end) for end in row.ends)]
    others = [source for source in by_statement if source not in band and has(source, row.value)]
    if not band or not others or any(has(source, row.value) for source in band):
        return
    alike = [
        (source, quantity)
        for source in band
        for quantity in by_statement[source]
        if ratio(context, quantity, row.value) is not None
        and not any(agrees(context, quantity, end) for end in row.ends)
    ]
    if not alike:
        return
    evidence = context.protocol.evidence
    assert evidence is not None
    source, quantity = alike[0]
    ends = " and ".join(_shown(end) for end in row.ends)
    yield found(
        "KB515",
        row.value.span,
        f"this row of `{define.id}` gives {_shown(row.value)}, and `{source}`, which has {ends}, gives {quantity.text}",
        f"put {quantity.text} here, or look whether the number stands in the right row: `{others[0]}` has it",
        "rows that are swapped give each patient the value of another",
        (
            Related(evidence.statements[source].span, f"`{source}` stands here"),
            Related(evidence.statements[others[0]].span, f"`{others[0]}` stands here"),
        ),
    )


def _shown(number: tree.Number) -> str:
    return f"{number.value} {number.unit or ''}".strip()


def _rows(define: model.Define) -> list[_Row]:
    """Its cases, where all compare one thing with numbers and give numbers; else none."""
    made: list[_Row] = []
    names: set[str] = set()
    last: tree.Number | None = None
    for case in define.cases:
        ends: list[tree.Number] = []
        parts: tuple[tree.Expr, ...] = ()
        if case.when is not None:
            parts = case.when.expr.items if isinstance(case.when.expr, tree.And) else (case.when.expr,)
        for part in parts:
            match part:
                case tree.Compare("<" | "<=" | ">" | ">=", tree.Name(id=id), tree.Number() as number):
                    names.add(id)
                    ends.append(number)
                case _:
                    return []
        if last is not None and not any(_equal(last, end) for end in ends) and len(ends) < 2:
            ends.insert(0, last)
        if parts:
            last = ends[-1]
        if isinstance(case.value, model.Amount) and isinstance(case.value.value, tree.Number) and ends:
            made.append(_Row(tuple(ends), case.value.value))
    return made if len(names) == 1 else []


def _equal(one: tree.Number, other: tree.Number) -> bool:
    return one.value == other.value and one.unit == other.unit
