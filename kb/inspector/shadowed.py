"""Every case is the first that holds for somebody (KB443)."""

from __future__ import annotations

from collections.abc import Iterator

from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.inspector.context import InspectContext, Undecided, all_false
from kb.inspector.regions import TRUE, Want


def check(context: InspectContext) -> Iterator[Diagnostic]:
    for table in context.tables:
        for number, when in enumerate(table.whens):
            span, text = table.spans[number], table.texts[number]
            what = f"whether anybody comes to `{text}`"
            own = (Want(when, TRUE),)
            if context.find("KB443", span, what, own) is None:
                if table.step is not None:
                    context.dead.add((table.step, number))
                continue  # that it never holds is told by KB444
            first = (*all_false(table.whens[:number]), *own)
            made = context.find("KB443", span, what, first)
            if made is not None and not isinstance(made, Undecided) and table.step is not None:
                made = context.find("KB443", span, what, first, way=context.way_to(table.step))
                if made is None:
                    context.dead.add((table.step, number))
                    yield found(
                        "KB443",
                        span,
                        f"nobody comes to this case of `{table.name}`: on the way here `{text}` is settled already",
                        "take the case out, or mend the way that leads here",
                        f"{table.says[number]} is advised to nobody by this case",
                    )
                continue
            if made is None:
                if table.step is not None:
                    context.dead.add((table.step, number))
                taking = next(
                    (
                        earlier
                        for earlier in range(number)
                        if context.find("KB443", span, what, (*all_false(table.whens[earlier : earlier + 1]), *own))
                        is None
                    ),
                    None,
                )
                by = "earlier cases take" if taking is None else f"`{table.texts[taking]}` above takes"
                related = () if taking is None else (Related(table.spans[taking], "this takes them all"),)
                yield found(
                    "KB443",
                    span,
                    f"this case of `{table.name}` is never the first that holds: {by} everybody with `{text}`",
                    "put the narrower case first, or correct its number",
                    f"{table.says[number]} is never what comes of it",
                    related,
                )
