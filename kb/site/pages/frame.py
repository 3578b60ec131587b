"""What every page of a protocol shares: its head with state, version and digests, links to its sister pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from kb.diagnostics import Diagnostic
from kb.generator.markdown import anchor, quoted
from kb.generator.wording import short_digest
from kb.site.dossier import Dossier

# On which page the place of each kind of thing is.
PLACES = {
    "step": "list",
    "never": "doses",
    "cap": "doses",
    "drug": "doses",
    "element": "doses",
    "goal": "doses",
    "alert": "doses",
    "setting": "doses",
    "local": "doses",
    "define": "doses",
    "reading": "evidence",
    "statement": "evidence",
    "elsewhere": "evidence",
    "reference": "evidence",
    "scenario": "scenarios",
}


class PageKind(NamedTuple):
    """One page of a protocol. `make` gives its Markdown without the head, or None where there is nothing to show."""

    id: str
    title: str
    make: Callable[[Dossier], str | None]


def link(here: str, kind: str, id: str, text: str = "") -> str:
    """A link from page `here` to the place of something, as Markdown."""
    page = PLACES[kind]
    return f"[{quoted(text or id)}]({'' if page == here else f'{page}.md'}#{anchor(kind, id)})"


def place(kind: str, id: str) -> str:
    """The place that `link` leads to."""
    return f'<a id="{anchor(kind, id)}"></a>'


def links(here: str, kind: str, ids: Iterable[str], most: int = 12) -> str:
    """Links to several; after `most` of them only how many more there are."""
    found = list(ids)
    told = " ".join(link(here, kind, id) for id in found[:most])
    return told + (f" and {len(found) - most} more" if len(found) > most else "")


def basis(here: str, cites: Iterable[str], interprets: Iterable[str]) -> str:
    """The statements and readings behind something."""
    readings = links(here, "reading", interprets, 99)
    return " · ".join(filter(None, (links(here, "statement", cites, 99), f"reading {readings}" if readings else "")))


def framed(dossier: Dossier, kind: PageKind, body: str, kinds: Iterable[PageKind]) -> str:
    """The whole page: title, sister pages, state, body."""
    program = dossier.program
    title = quoted(program.title) if kind.id == "index" else f"{quoted(kind.title)}: {quoted(program.title)}"
    sisters = "".join(
        f'<li><a href="{each.id}.html"{" aria-current=page" if each == kind else ""}>{quoted(each.title)}</a></li>'
        for each in kinds
    )
    newest = dossier.latest
    older = "" if program.version == newest else f" Version {quoted(newest)} is newer."
    parts = [
        f"# {title}",
        f'<nav class="kb-pages" aria-label="This protocol"><ul>{sisters}</ul></nav>',
        f'<div class="kb-banner" data-kb-page="{kind.id}" data-protocol="{quoted(program.id)}"'
        f' data-version="{quoted(program.version)}" data-state="{quoted(program.state or "draft")}"'
        f' data-logic="{short_digest(program.logic_digest)}" data-text="{short_digest(program.text_digest)}">'
        f"<p>{quoted(dossier.told.banner)}{older}</p></div>",
        *(
            [wrong(dossier.broken, "This file has errors; below is the last version without.")]
            if dossier.broken
            else []
        ),
        body,
    ]
    return "\n\n".join(parts) + "\n"


def wrong(found: Iterable[Diagnostic], lead: str) -> str:
    """What is wrong with a file, where its reader is looking."""
    lines = "".join(
        f"<li><code>{quoted(item.code)}</code> {quoted(Path(item.span.file).name)}, line {item.span.line}: "
        f"{quoted(item.message)}{f'. {quoted(item.help)}' if item.help else ''}</li>"
        for item in found
    )
    return f'<div class="kb-wrong" role="alert"><p>{quoted(lead)}</p><ul>{lines}</ul></div>'
