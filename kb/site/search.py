"""The search index: what can be found, where it is, and which names mean the same.

It is written as a classic script that assigns one object, so that a page opened from the disk can load it too, when
its reader searches and not before. `theme/search.js` looks things up in it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html import unescape
from typing import NamedTuple

from kb import program as ir
from kb.generator.markdown import anchor
from kb.generator.wording import clean, listed
from kb.plan import all_said_elsewhere
from kb.site.base_pages import PAGES, Whole
from kb.site.base_pages.glossary import WORDS, abbreviation
from kb.site.dossier import Dossier
from kb.site.pages import KINDS
from kb.site.pages.doses import ordered
from kb.site.pages.frame import PLACES
from kb.site.pages.overview import state_of

INDEX = "search-index.js"
ASSIGNED = "globalThis.kbSearchIndex = "


class Entry(NamedTuple):
    """One thing to be found. `kind`: one word for the reader. `within`: what it is part of. `address`: page and place,
    from the root of the site; it is found by the words of its place too. `text`: what else it is found by, and what is
    shown of it.
    """

    kind: str
    title: str
    within: str
    address: str
    text: str = ""

    @property
    def page(self) -> str:
        """The Markdown page that its address leads to."""
        return self.address.partition("#")[0].removesuffix(".html") + ".md"


def search_index(whole: Whole, made: Mapping[str, str], written: Mapping[str, str]) -> str:
    """The script with the index of the newest versions and of every page that is not a protocol's.

    `made` and `written`: the Markdown of the pages that were made, and of those that stand in `site/docs`, by path.
    What is told of a page that is not there, or that somebody has written anew, is left out.
    """
    told = [*(entry for dossier in whole.newest for entry in entries_of(dossier)), *base_entries(whole)]
    entries = [entry for entry in told if entry.page in made and entry.page not in written]
    for path, text in {**made, **written}.items():
        if (path in written or not path.startswith("protocols/")) and _is_built(path):
            entries += page_entries(path, text)
    # What many entries share is told once, and each names it by its number.
    kinds, groups, pages = dict[str, int](), dict[str, int](), dict[str, int]()

    def row(entry: Entry) -> list[str | int]:
        title, within, address, text = _shown(entry)
        page, _, place = address.partition("#")
        numbers = [
            known.setdefault(one, len(known)) for known, one in ((kinds, entry.kind), (groups, within), (pages, page))
        ]
        return [*numbers, place, title, text]

    rows = [row(entry) for entry in entries]
    index = {
        "names": [list(names) for names in synonyms(whole)],
        "kinds": list(kinds),
        "groups": list(groups),
        "pages": list(pages),
        "entries": rows,
    }
    return f"{ASSIGNED}{json.dumps(index, ensure_ascii=False, separators=(',', ':'))};\n"


@lru_cache(maxsize=16384)
def _shown(entry: Entry) -> tuple[str, str, str, str]:
    return clean(entry.title), clean(entry.within), entry.address, clean(entry.text)


def addresses(script: str) -> list[str]:
    """Where the entries of an index lead, from the root of the site.

    Raises:
        ValueError: it is no such script, or a damaged one.

    """
    if not script.startswith(ASSIGNED):
        raise ValueError("no search index")
    found = json.loads(script.removeprefix(ASSIGNED).rstrip(";\n"))
    try:
        return [f"{found['pages'][page]}#{place}".rstrip("#") for _, _, page, place, *_ in found["entries"]]
    except (KeyError, TypeError, IndexError) as fault:
        raise ValueError("a damaged search index") from fault


def synonyms(whole: Whole) -> Iterator[tuple[str, ...]]:
    """Names of the same thing, as the glossary tells them: drugs with their synonyms, data with its short name."""
    found: dict[tuple[str, ...], None] = {}
    for dossier in whole.newest:
        for drug in dossier.program.drugs:
            found[drug.label, *drug.synonyms] = None
        for element in dossier.program.elements:
            found[element.label, abbreviation(dossier, element) or element.label] = None
    for names in found:
        different = tuple({clean(name).casefold(): clean(name) for name in names}.values())
        if len(different) > 1:
            yield different


# ---------------------------------------------------------------- protocols


def entries_of(dossier: Dossier) -> Iterator[Entry]:
    """What the pages of one version tell."""
    program, told = dossier.program, dossier.told
    within = f"{told.title} {program.version}, {state_of(dossier)}"

    def entry(kind: str, word: str, id: str, title: str, *text: str) -> Entry:
        place = f"{dossier.folder}/{PLACES[kind]}.html#{anchor(kind, id)}"
        return Entry(word, title, within, place, _joined(*text))

    yield Entry(
        "protocol",
        told.title,
        f"version {program.version}, {state_of(dossier)}",
        f"{dossier.folder}/index.html",
        _joined(told.question, told.population, told.enter),
    )
    for page in KINDS:
        if page.id != "index":
            yield Entry("page", f"{page.title}: {told.title}", within, f"{dossier.folder}/{page.id}.html", page.tells)
    for step in told.entries:
        said = (*step.lines, step.review, step.note)
        yield entry("step", "step", step.step, f"{step.number}. {step.says}", *said)
    for drug in program.drugs:
        doses = [f"{dossier.titles[step]}: {dose}" for step, dose in ordered(dossier, drug.id)]
        yield entry("drug", "drug in a protocol", drug.id, drug.label, *doses)
    for kind, word, items in (
        ("define", "definition", told.definitions),
        ("never", "never ordered", told.never),
        ("cap", "limit", told.caps),
        ("goal", "goal", told.goals),
        ("alert", "alert", told.alerts),
        ("setting", "local setting", told.settings),
    ):
        for item in items:
            name = _short(item.says)
            yield entry(kind, word, item.id, name, item.says if name != clean(item.says) else "")
    for reading in program.interpretations:
        disputed = "disputed, not carried out" if reading.status == "disputed" else ""
        said = (disputed, dossier.say.prose(reading.reading), reading.because)
        yield entry("reading", "reading", reading.id, f"Reading {reading.id}", *said)
    for row, other in zip(program.elsewhere, all_said_elsewhere(program), strict=True):
        said = ("Not carried out here", row.verdict, other.topic, other.number, other.says)
        yield entry("elsewhere", "another source", row.id, f"Elsewhere {row.id}", *said)
    for statement in program.statements:
        yield entry("statement", "statement", statement.id, f"Statement {statement.id}", statement.says)
    for scenario in dossier.scenarios:
        made = (
            "; " in scenario.title or ", charted " in scenario.title
        )  # it lists the chart: nobody has named the patient
        yield entry("scenario", "worked patient", scenario.id, scenario.id if made else _short(scenario.title, 64))
    for each in (dossier.reports.proofs or {}).get("properties", ()):
        yield entry("property", "proof", each["id"], each["title"], each["outcome"])


def _joined(*texts: str) -> str:
    return " · ".join(clean(text) for text in texts if text)


def _short(text: str, most: int = 90) -> str:
    """The beginning of what is said, as the name of its entry."""
    words = clean(text)
    if len(words) <= most:
        return words
    return words[:most].rpartition(" ")[0] + " …"


# ---------------------------------------------------------------- the base


def base_entries(whole: Whole) -> Iterator[Entry]:
    """What the pages about the base as a whole tell."""
    for page in PAGES:
        yield Entry("page", page.title, "all protocols", f"protocols/{page.id}.html")
    for word, told in WORDS:
        yield Entry("word", word, "words of these pages", "protocols/glossary.html", told)
    drugs: dict[str, ir.Drug] = {}
    elements: dict[str, ir.Element] = {}
    for dossier in whole.newest:
        drugs |= {drug.id: drug for drug in dossier.program.drugs}
        elements |= {element.id: element for element in dossier.program.elements}
    for drug in drugs.values():
        also = f"Also called {listed(drug.synonyms)}" if drug.synonyms else ""
        yield Entry(
            "drug", drug.label, "all protocols that order it", f"protocols/drugs.html#{anchor('drug', drug.id)}", also
        )
    for element in elements.values():
        unit = element.unit if element.unit != "1" else ""
        yield Entry(
            "data",
            element.label,
            "all protocols that use it",
            f"protocols/data.html#{anchor('element', element.id)}",
            _joined(element.question, unit),
        )


# ---------------------------------------------------------------- Markdown


def _is_built(path: str) -> bool:
    """Whether MkDocs makes a page of it: not of what is hidden, nor of templates."""
    return not path.startswith("templates/") and not any(part.startswith(".") for part in path.split("/"))


@lru_cache(maxsize=2048)  # a preview makes the index anew at each save, and hardly a page has changed
def page_entries(path: str, text: str) -> tuple[Entry, ...]:
    """The sections of a page, each with its heading."""
    return tuple(_page_entries(path, text))


def _page_entries(path: str, text: str) -> Iterator[Entry]:
    address = re.sub(r"(^|/)README\.md$", r"\1index.md", path).removesuffix(".md") + ".html"
    title, taken = "", set[str]()
    for heading, lines in _sections(text):
        name = _plain(heading)
        said = " ".join(filter(None, (_plain(_MARKER.sub("", line)) for line in lines)))
        if not title:
            title = name or path.rpartition("/")[2].removesuffix(".md")
            _place(name, taken)
            yield Entry("code" if path.startswith("diagnostics/KB") else "page", title, "", address, said)
        else:
            place = _place(name, taken)
            # With an attribute list the place is called otherwise: the page itself is where its text is found.
            yield Entry("page", name, title, address if "{" in heading else f"{address}#{place}", said)


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each heading with the lines below it, without code blocks; before the first heading there is none."""
    heading, lines, fence = "", list[str](), ""
    for line in text.splitlines():
        mark = re.match(r" {0,3}(```+|~~~+)", line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
        elif found := re.match(r"#{1,6} +(.*?)[ #]*$", line):
            if heading or any(each.strip() for each in lines):
                yield heading, lines
            heading, lines = found[1], []
        else:
            lines.append(line)
    yield heading, lines


_MARKS = re.compile(r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)|!?\[(?P<link>[^\]]*)\]\([^)]*\)|</?[A-Za-z!][^>]*>|\*+")
_MARKER = re.compile(r"^\s*(?:[-*+>]|\d+\.)\s")


def _plain(text: str) -> str:
    """What a reader sees of one line of Markdown."""
    if re.fullmatch(r"\s*\|[\s:|-]*", text):
        return ""

    def seen(found: re.Match[str]) -> str:
        return found["code"] or _plain(found["link"] or "")

    shown = _MARKS.sub(seen, text.replace("\\|", "/"))
    return " ".join(unescape(shown.replace("|", " ")).split())


def _place(name: str, taken: set[str]) -> str:
    """The id that Markdown's table of contents gives a heading."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    made = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())
    while made in taken or not made:
        numbered = re.fullmatch(r"(.*)_([0-9]+)", made)
        made = f"{numbered[1]}_{int(numbered[2]) + 1}" if numbered else f"{made}_1"
    taken.add(made)
    return made
