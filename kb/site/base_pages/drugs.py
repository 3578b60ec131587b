"""The drugs and fluids, and which protocols order them how."""

from __future__ import annotations

from kb import program as ir
from kb.generator.markdown import anchor, quoted
from kb.generator.wording import listed
from kb.site.base_pages.protocols import link
from kb.site.base_pages.whole import Whole
from kb.site.dossier import Dossier
from kb.site.pages.doses import ordered
from kb.site.pages.frame import place


def body(whole: Whole) -> str | None:
    """The page without its head."""
    found: dict[str, list[tuple[Dossier, ir.Drug]]] = {}
    for dossier in whole.newest:
        for drug in dossier.program.drugs:
            found.setdefault(drug.id, []).append((dossier, drug))
    if not found:
        return None
    by_label = sorted(found.values(), key=lambda held: held[0][1].label.casefold())
    return "\n\n".join(_drug(held) for held in by_label)


def _drug(held: list[tuple[Dossier, ir.Drug]]) -> str:
    drug = held[0][1]
    lines = [f"## {place('drug', drug.id)}{quoted(drug.label)}", ""]
    if drug.synonyms:
        lines += [f"Also called {quoted(listed(drug.synonyms))}.", ""]
    for dossier, _ in held:
        lines.append("- " + link(dossier, f"doses.md#{anchor('drug', drug.id)}", dossier.told.title, drug.label))
        for step, dose in ordered(dossier, drug.id):
            told = quoted(f": {dose}") if dose else ""
            lines.append("    - " + link(dossier, f"list.md#{anchor('step', step)}", dossier.titles[step]) + told)
    return "\n".join(lines)
