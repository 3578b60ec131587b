"""Lines that several pages share: something said, with its sources, and what other sources say on it."""

from __future__ import annotations

from collections.abc import Iterable

from kb.generator.markdown import quoted
from kb.generator.readaloud import Said
from kb.site.pages.frame import basis, link, place


def said_lines(here: str, kind: str, items: Iterable[Said], lead: str = "") -> str:
    """A list of what is said, each under its name."""
    return "\n".join(_said(here, kind, item, lead) for item in items)


def elsewhere_lines(here: str, lines: Iterable[str], indent: str = "") -> list[str]:
    """What other sources say, each linked to its row in the table of all."""
    return [
        f"{indent}- Elsewhere {link(here, 'elsewhere', id)} {quoted(rest)}"
        for id, _, rest in (line.partition(" ") for line in lines)
    ]


def _said(here: str, kind: str, item: Said, lead: str) -> str:
    behind = basis(here, item.cites, item.interprets)
    told = f"- {place(kind, item.id)}**{quoted(item.id)}** {quoted(item.says)}" + (
        f" ({lead}{behind})" if behind else ""
    )
    return "\n".join((told, *elsewhere_lines(here, item.elsewhere, "    ")))
