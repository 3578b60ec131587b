"""A number given elsewhere is about something the library knows, and has a unit that can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.linter.citations import statement_ids
from kb.linter.context import LintContext, nearest
from kb.values import BadValue, UnitTable

FIXED = re.compile(r"(?:up to )?(\d+(?:\.\d+)?)(?: to (\d+(?:\.\d+)?))?(?: (\S+))?")


def check(context: LintContext) -> Iterator[Diagnostic]:
    evidence = context.protocol.evidence
    if evidence is None or not evidence.elsewhere:
        return
    names = {
        *context.library.drugs,
        *context.library.elements,
        *context.protocol.elements,
        *context.protocol.parameters,
    }
    units = UnitTable(context.library.units.values())
    known = statement_ids(evidence)
    for item in evidence.elsewhere.values():
        if item.of.id not in names:
            yield found(
                "KB509",
                item.of.span,
                f"neither a drug nor data is called `{item.of.id}`",
                nearest(item.of.id, names, "name a drug or data of the library"),
                "the number would stand beside nothing, and a clash with ours would not be seen",
            )
        yield from _value(item, units)
        for ref in item.about:
            if ref.id not in known:
                yield found("KB502", ref.span, f"there is no statement `{ref.id}`", nearest(ref.id, known, ""))
        for ref in item.cites:
            if ref.id not in evidence.references:
                yield found(
                    "KB506",
                    ref.span,
                    f"there is no reference `{ref.id}`",
                    "write it under `references:`, or cite one that is there",
                )


def _value(item: model.ElsewhereDef, units: UnitTable) -> Iterator[Diagnostic]:
    match = FIXED.fullmatch(item.value.value.strip())
    help = "write a number or a range with its unit, such as `0.01 to 0.07 units/min`; words belong under `says:`"
    if match is None:
        told = f"`{item.value.value}` is no number that could be compared"
        yield found("KB509", item.value.span, told, help)
        return
    try:
        units.parse(match[3] or "")
    except BadValue as bad:
        yield found("KB509", item.value.span, bad.message, bad.help or help)
