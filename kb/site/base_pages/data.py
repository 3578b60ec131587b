"""What is measured and asked, and which protocols decide by it."""

from __future__ import annotations

from kb import program as ir
from kb.generator.markdown import anchor, quoted
from kb.site.base_pages.protocols import link
from kb.site.base_pages.whole import Whole
from kb.site.dossier import Dossier
from kb.site.pages.frame import place


def body(whole: Whole) -> str | None:
    """The page without its head."""
    found: dict[str, list[tuple[Dossier, ir.Element]]] = {}
    for dossier in whole.newest:
        for element in dossier.program.elements:
            found.setdefault(element.id, []).append((dossier, element))
    if not found:
        return None
    by_label = sorted(found.values(), key=lambda held: held[0][1].label.casefold())
    return "\n".join(_element(held) for held in by_label)


def _element(held: list[tuple[Dossier, ir.Element]]) -> str:
    element = held[0][1]
    unit = f", {element.unit}" if element.unit not in ("", "1") else ""
    to = f"doses.md#{anchor('element', element.id)}"
    places = [link(dossier, to, dossier.told.title, element.label) for dossier, _ in held]
    return (
        f"- {place('element', element.id)}**{quoted(element.label)}** <code>{quoted(element.id)}</code>"
        f"{quoted(unit)}: {', '.join(places)}"
    )
