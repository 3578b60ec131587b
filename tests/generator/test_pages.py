"""Pages hold what they should, and every link on them leads somewhere."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import markdown
import pytest

from kb.base import Base
from kb.codes import CODES
from kb.generator.pages import (
    FLOWCHART_MARK,
    diagnostics_page,
    explanation_page,
    format_page,
    protocol_page,
    protocols_page,
    quoted,
)
from tests.generator.example import build

ROOT = Path(__file__).parents[2]
BASE = Base(ROOT)


def html(page: str) -> str:
    return str(markdown.markdown(page, extensions=["tables", "toc", "fenced_code"]))


def dangling(page: str) -> set[str]:
    """Links within the page that lead nowhere."""
    made = html(page)
    return set(re.findall(r'href="#([^"]+)"', made)) - set(re.findall(r'id="([^"]+)"', made))


@pytest.mark.parametrize("id", BASE.protocols())
def test_every_link_of_a_protocol_page_leads_to_its_place(id: str) -> None:
    program, _ = BASE.program(id)
    assert program is not None
    assert dangling(protocol_page(program)) == set()


def test_a_protocol_page_begins_with_its_review_state() -> None:
    page = protocol_page(build())
    assert page.index("DRAFT") < page.index("## Flowchart")
    assert FLOWCHART_MARK.format(id="flowchart-refractory-hypotension") in page


def test_every_step_with_its_dose_and_sources_is_on_the_page() -> None:
    made = html(protocol_page(build()))
    for step in build().steps:
        if not step.part_of:
            assert f'id="entry-{step.id}"' in made
    assert "<strong>vasopressin 0.03 to 0.04 units/min IV</strong>" in made
    assert '<a href="#statement-S02">S02</a>' in made


def test_the_format_page_describes_every_key_of_every_schema() -> None:
    schemas = {path.name.split(".")[0]: json.loads(path.read_text("utf-8")) for path in ROOT.glob("schema/*.json")}
    page = format_page(schemas)
    assert dangling(page) == set()
    for schema in schemas.values():
        for shape in (schema, *schema.get("definitions", {}).values()):
            for key in shape.get("properties", {}):
                assert f"`{key}`" in page, key


def test_the_diagnostics_page_lists_every_code() -> None:
    page = diagnostics_page(CODES, ["KB101"])
    assert all(code in page for code in CODES)
    assert "[KB101](KB101.md)" in page


def test_an_explanation_shows_its_examples_as_code() -> None:
    page = explanation_page("# KB1 x\n\n```yaml bad\na: <b>\n```\n\n```yaml good\na: b\n```\n")
    made = html(page)
    assert made.count("<pre>") == 2
    assert "Wrong" in made
    assert "Right" in made
    assert "&lt;b&gt;" in made


def test_the_list_of_protocols_tells_the_state_of_each() -> None:
    assert "| draft |" in protocols_page([build()])


def test_quoted_text_is_shown_as_it_is() -> None:
    text = "a_b *c* <d> [e](f) `g` | & # 1. ~ \\"
    made = html(quoted(text))
    assert re.findall(r"<[^>]+>", made) == ["<p>", "</p>"]
    assert unescape(made) == f"<p>{text}</p>"
