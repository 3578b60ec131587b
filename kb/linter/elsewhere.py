"""What others say: a number is about something the library knows and can be compared, words have a heading.

What is held against a statement is shown beside the steps that rest on it; against one that nothing uses, nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.linter.citations import cited, statement_ids
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
    used = {ref.id for ref in cited(context.protocol)}
    used |= {ref.id for item in context.protocol.interpretations.values() for ref in item.about}
    atoms = {item.id: item.parent for item in evidence.statements.values() if item.parent}
    used |= {atoms[id] for id in used if id in atoms} | {id for id, parent in atoms.items() if parent in used}
    for item in evidence.elsewhere.values():
        yield from _complete(item)
        if item.about and not any(ref.id in used for ref in item.about):
            yield found(
                "KB517",
                item.span,
                f"nothing in the protocol rests on what `{item.id}` is held against",
                "name under `about:` a statement that a step, a rule or a goal cites",
                "what another source says would be shown beside no step",
            )
        if item.of is not None and item.of.id not in names:
            yield found(
                "KB509",
                item.of.span,
                f"neither a drug nor data is called `{item.of.id}`",
                nearest(item.of.id, names, "name a drug or data of the library"),
                "the number would stand beside nothing, and a clash with ours would not be seen",
            )
        if item.value is not None:
            yield from _value(item.value, units)
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


def _complete(item: model.ElsewhereDef) -> Iterator[Diagnostic]:
    parts = {"of": item.of is not None, "what": bool(item.what), "value": item.value is not None}
    missing = [name for name, there in parts.items() if not there]
    if not missing:
        return
    if len(missing) < len(parts):
        told = f"`{item.id}` gives a number in part: {' and '.join(f'`{name}`' for name in missing)} missing"
        help = "a number has `of:`, `what:` and `value:`; leave all three out where the source says none"
    elif not (item.says and item.topic):
        told = f"`{item.id}` says neither a number nor words"
        help = "give it `of:`, `what:` and `value:`, or `topic:` and `says:`"
    else:
        return
    yield found("KB516", item.span, told, help, "half of it would be shown, and nobody could hold it against ours")


def _value(value: model.Text, units: UnitTable) -> Iterator[Diagnostic]:
    match = FIXED.fullmatch(value.value.strip())
    help = "write a number or a range with its unit, such as `0.01 to 0.07 units/min`; words belong under `says:`"
    if match is None:
        told = f"`{value.value}` is no number that could be compared"
        yield found("KB509", value.span, told, help)
        return
    try:
        units.parse(match[3] or "")
    except BadValue as bad:
        yield found("KB509", value.span, bad.message, bad.help or help)
