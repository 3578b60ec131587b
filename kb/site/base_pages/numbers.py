"""The same quantity across protocols and sources where its numbers disagree, as `kb parameters` tells it."""

from __future__ import annotations

from kb.generator.markdown import quoted
from kb.registry import AGREE, BY_CASE, SINGLE, VERDICTS, Cited, Number, Quantity
from kb.site.base_pages.whole import Whole
from kb.site.pages.frame import counted


def body(whole: Whole) -> str | None:
    """The page without its head."""
    if not whole.quantities:
        return None
    parts = []
    for verdict, meaning in VERDICTS.items():
        found = [each for each in whole.quantities if each.verdict == verdict]
        if not found or verdict in (AGREE, SINGLE, BY_CASE):
            continue
        parts += [
            f"## {quoted(verdict[:1].upper() + verdict[1:])} ({len(found)})",
            quoted(f"{meaning[:1].upper()}{meaning[1:]}."),
        ]
        parts += ["\n".join(_quantity(each) for each in found)]
    rest = sum(each.verdict in (AGREE, SINGLE, BY_CASE) for each in whole.quantities)
    told = f"{counted(len(whole.quantities), 'number')} with all that was found of each:"
    return "\n\n".join([f"{told} on {rest} nothing disagrees.", *parts])


def _quantity(each: Quantity) -> str:
    return "\n".join([f"- **{quoted(each.label)}: {quoted(each.role)}**", *map(_number, each.numbers)])


def _number(number: Number) -> str:
    notes = [number.when]
    if number.used:
        where = ", ".join(filter(None, (number.origin, number.place)))
        sources = "; ".join(dict.fromkeys(_source(cite) for cite in number.cites))
        where += f" ({sources})" if sources else ""
    else:
        where = f"elsewhere: {'; '.join(_source(cite) for cite in number.cites)}"
        notes += ["superseded"] if number.superseded else []
        notes += [] if number.verified else ["general knowledge, not verified"]
    told = " ".join(f"({note})" for note in notes if note)
    return f"    - **{quoted(number.value)}** {quoted(f'{where} {told}')}"


def _source(cite: Cited) -> str:
    return " ".join(filter(None, (cite.statement, cite.source, cite.date)))
