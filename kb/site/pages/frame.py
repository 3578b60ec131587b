"""What every page of a protocol shares: its head with state, version and digests, links to its sister pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from kb.diagnostics import Diagnostic
from kb.generator.markdown import anchor, escaped, quoted
from kb.generator.wording import short_digest
from kb.site.dossier import Dossier

# On which page the place of each kind of thing is.
PLACES = {
    "step": "list",
    "drug": "doses",
    "element": "doses",
    "setting": "doses",
    "local": "doses",
    "define": "doses",
    "never": "pitfalls",
    "cap": "pitfalls",
    "avoid": "pitfalls",
    "goal": "pitfalls",
    "alert": "pitfalls",
    "reading": "readings",
    "elsewhere": "readings",
    "statement": "evidence",
    "reference": "evidence",
    "scenario": "scenarios",
    "property": "proofs",
}


class PageKind(NamedTuple):
    """One page of a protocol. `make` gives its Markdown without the head, or None where there is nothing to show.

    `tells`: what is on it, for the overview. `more` gives further pages that belong to it: title and body by their id.
    """

    id: str
    title: str
    make: Callable[[Dossier], str | None]
    tells: str = ""
    more: Callable[[Dossier], Mapping[str, tuple[str, str]]] | None = None


def link(here: str, kind: str, id: str, text: str = "") -> str:
    """A link from page `here` to the place of something, as Markdown."""
    page = PLACES[kind]
    return f"[{quoted(text or id)}]({'' if page == here else f'{page}.md'}#{anchor(kind, id)})"


def html_link(here: str, kind: str, id: str, text: str = "") -> str:
    """`link` as HTML, for what stands inside an HTML block, which MkDocs leaves as it is."""
    page = PLACES[kind]
    return f'<a href="{"" if page == here else f"{page}.html"}#{anchor(kind, id)}">{escaped(text or id)}</a>'


def link_of(address: str, text: str, of: str) -> str:
    """A link as HTML whose words stand beside several things: who hears it alone hears of what it is.

    `address` is escaped already.
    """
    return f'<a href="{address}" aria-label="{quoted(text)}: {quoted(of)}">{quoted(text)}</a>'


def place(kind: str, id: str) -> str:
    """The place that `link` leads to."""
    return f'<a id="{anchor(kind, id)}"></a>'


def permalink(dossier: Dossier, step: str = "") -> str:
    """`STEP@VERSION`, or `PROTOCOL@VERSION`, as a link to an address that stays true, as HTML."""
    version = quoted(dossier.program.version)
    page = f"list.html#{anchor('step', step)}" if step else "index.html"
    return f'<a href="{page}">{quoted(step or dossier.program.id)}&#64;{version}</a>'


def counted(number: int, word: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number} {word}" + ("" if number == 1 else "s")


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
    kinds = list(kinds)
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
    if kind.id == "index":
        parts += ["## On the other pages", _contents(kinds)]
    return "\n\n".join(parts) + "\n"


def wrong(found: Iterable[Diagnostic], lead: str) -> str:
    """What is wrong with a file, where its reader is looking."""
    lines = "".join(
        f"<li><code>{quoted(item.code)}</code> {quoted(Path(item.span.file).name)}, line {item.span.line}: "
        f"{quoted(item.message)}{f'. {quoted(item.help)}' if item.help else ''}</li>"
        for item in found
    )
    return f'<div class="kb-wrong" role="alert"><p>{quoted(lead)}</p><ul>{lines}</ul></div>'


def _contents(kinds: Iterable[PageKind]) -> str:
    return "\n".join(
        f"- [{quoted(each.title)}]({each.id}.md){f': {quoted(each.tells)}' if each.tells else ''}"
        for each in kinds
        if each.id != "index"
    )
