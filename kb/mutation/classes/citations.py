"""What a step rests on is another statement, or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kb import model
from kb.mutation.sites import Change, Site

NAME = "citations"
ABOUT = "a citation is missing, or names the next statement"


def faults(site: Site, protocol: model.Protocol) -> Iterator[Change]:
    node = site.node
    if not isinstance(node, model.Backing | model.Condition) or not node.cites:
        return
    known = [] if protocol.evidence is None else list(protocol.evidence.statements)
    cited = {ref.id for ref in node.cites}
    for place, ref in enumerate(node.cites):
        left = node.cites[:place] + node.cites[place + 1 :]
        yield Change(replace(node, cites=left), f"`{ref.id}` is not cited", ref.span)
        if ref.id in known:
            at = known.index(ref.id)
            other = next((id for id in (*known[at + 1 :], *known[:at]) if id not in cited), None)
            if other is not None:
                made = (*node.cites[:place], replace(ref, id=other), *node.cites[place + 1 :])
                yield Change(replace(node, cites=made), f"`{other}` is cited in place of `{ref.id}`", ref.span)
