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
from kb.generator.markdown import quoted
from kb.generator.reference import diagnostics_page, explanation_page, format_page
from kb.site.dossier import Dossier
from kb.site.emit import site_tree
from kb.site.pages import pages_of
from tests.editor.bases import copied
from tests.generator.example import build

ROOT = Path(__file__).parents[2]


def html(page: str) -> str:
    return str(markdown.markdown(page, extensions=["tables", "toc", "fenced_code"]))


def dangling(page: str) -> set[str]:
    """Links within the page that lead nowhere."""
    made = html(page)
    return set(re.findall(r'href="#([^"]+)"', made)) - set(re.findall(r'id="([^"]+)"', made))


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """The pages of the example, by name."""
    return {path.rpartition("/")[2]: page for path, page in pages_of(Dossier(build())).items()}


def test_every_page_begins_with_its_review_state_version_and_digests(example: dict[str, str]) -> None:
    for name, page in example.items():
        banner = page.index('data-state="draft"')
        assert page.index("DRAFT") < 2000, name
        assert "data-logic=" in page[banner : banner + 200], name


def test_the_chart_stands_on_its_page(example: dict[str, str]) -> None:
    assert "<svg" in example["chart.md"]


def test_every_step_with_its_dose_and_sources_is_on_the_list(example: dict[str, str]) -> None:
    made = html(example["list.md"])
    for step in build().steps:
        if not step.part_of:
            assert f'id="step-{step.id}"' in made
    assert "<strong>vasopressin 0.03 to 0.04 units/min IV</strong>" in made
    assert 'href="evidence.md#statement-S02">S02</a>' in made


def test_a_protocol_has_pages_for_each_version_and_an_address_for_the_newest(tmp_path: Path) -> None:
    files = site_tree(Base(copied(tmp_path, "refractory-hypotension", "adult-cardiac-arrest"))).files
    for version in ("1.0.0", "1.1.0"):
        assert f"docs/protocols/refractory-hypotension/{version}/list.md" in files
    onward = files["docs/protocols/refractory-hypotension/latest/list.md"].decode()
    assert "../1.1.0/list.html" in onward
    assert b"is newer" in files["docs/protocols/refractory-hypotension/1.0.0/list.md"]
    assert b"is newer" not in files["docs/protocols/refractory-hypotension/1.1.0/list.md"]


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


def test_quoted_text_is_shown_as_it_is() -> None:
    text = "a_b *c* <d> [e](f) `g` | & # 1. ~ \\"
    made = html(quoted(text))
    assert re.findall(r"<[^>]+>", made) == ["<p>", "</p>"]
    assert unescape(made) == f"<p>{text}</p>"
