"""The protocols by their problem: what each answers, for whom, when to open it, and its review state."""

from __future__ import annotations

from kb.generator.markdown import quoted
from kb.site.base_pages.whole import Whole
from kb.site.dossier import Dossier
from kb.site.pages.frame import counted, link_of


def body(whole: Whole) -> str:
    """The page without its head."""
    if not whole.newest:
        return "There is no protocol yet."
    ordered = sorted(whole.newest, key=lambda each: each.told.title.casefold())
    return "\n".join(_protocol(each) for each in ordered)


def _protocol(dossier: Dossier) -> str:
    told = dossier.told
    lines = [f"- **{link(dossier, 'index.md', told.title)}** {quoted(told.question)}"]
    if told.enter:
        lines.append(f"    - Open it if {quoted(told.enter)}")
    if told.applies:
        lines.append(f"    - Applies if {quoted(told.applies)}")
    state = "withdrawn" if dossier.program.withdrawn else dossier.program.state or "draft"
    facts = [
        link(dossier, "list.md", counted(len(told.entries), "step"), told.title),
        link(dossier, "chart.md", "flowchart", told.title),
        quoted(f"version {told.version}"),
        f"**{quoted(state)}**",
    ]
    lines.append(f"    - {' · '.join(facts)}")
    return "\n".join(lines)


def link(dossier: Dossier, page: str, text: str, of: str = "") -> str:
    """A link to a page of a protocol, from a page about the base; `of` what, where there are several of its words."""
    address = f"{dossier.folder.removeprefix('protocols/')}/{page}"
    return link_of(address.replace(".md", ".html", 1), text, of) if of else f"[{quoted(text)}]({address})"
