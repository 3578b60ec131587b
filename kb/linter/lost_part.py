"""Many names of a file that stand for nothing are one finding: a part of the file is missing.

A name beside them that resembles another is among them: in such a file it is more likely missing than misspelt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.linter.context import listed

MANY = 6
"""From how many missing names on they are told together: fewer are told one by one, with what to do about each."""

_MISSING = {"KB401": "step", "KB503": "interpretation", "KB406": "parameter", "KB310": "name"}
_BEHIND = {"KB402", "KB407", "KB503", "KB504"}  # what only what is missing would have led to, used or rested on
_NAME = re.compile(r"`([^`]+)`")


def told_together(protocol: model.Protocol, diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics; where many names stand for nothing and resemble nothing, one for all of them."""
    missing = [item for item in diagnostics if item.code in _MISSING]
    if sum(not (item.help or "").startswith("did you mean") for item in missing) < MANY:
        return list(diagnostics)
    kinds: dict[str, list[str]] = {}
    for item in missing:
        name = _NAME.search(item.message)
        kinds.setdefault(_MISSING[item.code], []).append(name[1] if name is not None else item.message)
    what = "; ".join(
        f"{len(names)} {kind}{'s' * (len(names) > 1)} ({listed(names, 3)})" for kind, names in kinds.items()
    )
    last = list(protocol.steps.values())[-1:]
    one = found(
        "KB416",
        missing[0].span,
        f"{len(missing)} names of this file stand for nothing that is in it: {what}",
        "if a part of the file was lost, take it from an earlier state of the file; else write what they stand for",
        "what is missing may be the part that says when not to give a drug",
        (
            *(Related(step.span, f"the last step of the file is `{step.id}`") for step in last),
            *(Related(item.span, item.message) for item in missing[1:]),
        ),
    )
    dropped = {id(item) for item in missing}
    kept = [item for item in diagnostics if id(item) not in dropped and item.code not in _BEHIND]
    return [one, *kept]
