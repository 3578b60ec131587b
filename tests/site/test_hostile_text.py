"""Text of a knowledge base stays text on every page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import markdown
import pytest

from kb.base import Base
from kb.diagnostics import Span
from kb.review import History, Record
from kb.scenarios import NOW, Scenario
from kb.site.base_pages import Whole, base_pages
from kb.site.dossier import Dossier
from kb.site.pages import pages_of
from tests.generator.example import build
from tests.generator.test_hostile_text import ATTACKS, attacked, plain

EMPTY = "no-such-folder"
# What the page of the runner has besides; what its script puts in is tried in tests/site/test_runner_page.py.
RUN = {"link", "section", "h2", "form", "label", "input", "textarea", "button", "pre", "script"}
SVG = {"script", "h2", "b", "svg", "g", "title", "desc", "text", "path", "polygon", "polyline", "ellipse"}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.scripts: set[tuple[str, str]] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "script":
            held = dict(attrs)
            self.scripts.add((held.get("type") or "", held.get("src") or ""))
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in {"href", "src"}}

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def patients(attack: str) -> tuple[Scenario, ...]:
    """One that is advised, one whose chart is refused; all that is free text in them is `attack`."""
    charts: tuple[dict[str, object], ...] = ({"map": "55 mmHg", "pulse": "present"}, {"map": attack, "pulse": True})
    span = Span("attack <b>.yaml")
    expect = {"alerts": [attack]}
    return tuple(
        Scenario(f"patient-{number}", attack, span, "", attack, NOW, chart, {}, (), expect)
        for number, chart in enumerate(charts)
    )


def checked(attack: str) -> dict[str, Any]:
    """What a check tells of a base in which every text is `attack`."""
    each = {"code": "KB510", "severity": "warning", "file": attack, "line": 1, "message": attack, "help": attack}
    return {"files": 1, "found": [each], "allowed": [{**each, "because": attack, "by": attack, "until": "2027-01-01"}]}


def reviewed(attack: str) -> History:
    record = Record("1", "request-changes", "ada", attack, "2026-01-27", comment=attack)
    return History("refractory-hypotension", "1.0.0", (record,), None, ("unsigned",), ())


@pytest.mark.parametrize("attack", ATTACKS)
def test_pages_show_hostile_text_as_text(attack: str) -> None:
    program = attacked(build(), attack)
    dossier = Dossier(program, scenarios=patients(attack), history=reviewed(attack))
    pages = {**pages_of(dossier), **base_pages(Whole(Base(EMPTY), [dossier], checked(attack)))}
    allowed = {"br", "h1", "h2", "h3", "p", "ul", "ol", "li", "a", "b", "details", "summary", "strong",
               "code", "span", "div", "nav", "table", "thead", "tbody", "tr", "th", "td"}  # fmt: skip
    shown = 0
    for path, page in pages.items():
        found = Tags()
        found.feed(markdown.markdown(page, extensions=["tables", "toc"]))
        besides = {"chart.md": SVG, "run.md": RUN}.get(path.rpartition("/")[2], set())
        assert found.tags <= allowed | besides, path
        scripts = {("application/json", ""), ("", "../../../way.js"), ("module", "../../../runner/page.js")}
        assert found.scripts <= scripts, path
        assert not {name for name in found.attributes if name.startswith("on") or name == "style"}, path
        assert all(
            re.fullmatch(r"([a-z0-9./-]+(KB\d+)?\.(svg|md|html|js|css))?(#[A-Za-z0-9.=-]+)?", link)
            for link in found.links
        ), path
        shown += plain(attack) in " ".join(found.text.split())
    assert shown == len(pages)
