"""What can be found, under which names, and that the box does what it says in a real browser."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import markdown
import pytest
from playwright.sync_api import Browser, Page, expect

from kb.base import Base
from kb.codes import CODES
from kb.site.base_pages import Whole
from kb.site.emit import dossiers_of
from kb.site.search import INDEX, Entry, addresses, entries_of, page_entries, synonyms
from tests.chromium import HOSTILE, OWN_PAGE, SCHEMES, Site, axe, opened

BASE = Base(Path(__file__).parents[2])


@pytest.fixture(scope="module")
def whole() -> Whole:
    return Whole(BASE, tuple(dossiers_of(BASE, {})))


# ---------------------------------------------------------------- what is in the index


def test_everything_that_a_protocol_tells_is_found_at_its_place(whole: Whole) -> None:
    for dossier in whole.newest:
        held = {entry.address.removeprefix(f"{dossier.folder}/"): entry for entry in entries_of(dossier)}
        program = dossier.program
        assert held["index.html"].title == dossier.told.title
        for step in dossier.told.entries:
            assert held[f"list.html#step-{step.step}"].title == f"{step.number}. {step.says}"
        for drug in program.drugs:
            assert held[f"doses.html#drug-{drug.id}"].title == drug.label
        places = {address.partition("#")[2] for address in held}
        assert {f"statement-{each.id}" for each in program.statements} <= places
        assert {f"reading-{each.id}" for each in program.interpretations} <= places
        assert {f"scenario-{each.id}" for each in dossier.scenarios} <= places
        assert all("draft" in entry.within for entry in held.values()), "the state stands beside what is found"


def test_the_names_of_the_glossary_mean_the_same(whole: Whole) -> None:
    names = [set(group) for group in synonyms(whole)]
    for dossier in whole.newest:
        for drug in dossier.program.drugs:
            assert not drug.synonyms or any({drug.label, *drug.synonyms} <= group for group in names), drug.id
    assert {"Epinephrine", "adrenaline"} in names
    assert {"Mean arterial pressure", "MAP"} in names
    assert all(len(group) > 1 for group in names)


def test_a_page_is_found_by_its_sections_and_not_by_its_code_blocks() -> None:
    assert list(page_entries("antidotes.md", OWN_PAGE)) == [
        Entry("page", "Our antidotes", "", "antidotes.html", f"Where the lipid is kept: {HOSTILE}"),
        Entry("page", "Who refills it", "Our antidotes", "antidotes.html#who-refills-it", "In anaemia"),
    ]


@pytest.mark.parametrize("page", sorted((BASE.path / "site" / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_sections_of_our_own_pages_lead_to_the_places_that_markdown_makes(page: Path) -> None:
    text = page.read_text("utf-8")
    shown = str(markdown.markdown(text, extensions=["tables", "toc", "fenced_code"]))
    found = list(page_entries(page.name, text))
    assert len(found) == shown.count("<h1") + shown.count("<h2") + shown.count("<h3") + shown.count("<h4")
    for entry in found:
        place = entry.address.partition("#")[2]
        assert not place or f'id="{place}"' in shown, entry


def test_the_index_of_a_site_has_its_pages_codes_and_newest_versions_and_is_small(site: Site) -> None:
    script = (site.folder / INDEX).read_text("utf-8")
    led = addresses(script)
    for code in CODES:
        assert f"diagnostics/{code}.html" in led
    for address in (
        "format.html",
        "antidotes.html",
        "antidotes.html#who-refills-it",
        "ward/index.html#who-refills-it",
        "protocols/drugs.html#drug-epinephrine",
        "protocols/adult-cardiac-arrest/0.1.0/list.html#step-adrenaline",
        "protocols/first-protocol/0.2.0/index.html",
    ):
        assert address in led
    assert not [address for address in led if "first-protocol/0.1.0" in address or "/latest/" in address]
    assert len(gzip.compress(script.encode())) < 100_000


# ---------------------------------------------------------------- the box


@pytest.fixture
def page(site: Site, browser: Browser) -> Iterator[Page]:
    """From the disk, on a phone."""
    with opened(browser, 360) as page:
        page.goto((site.folder / site.page("first-protocol", "list")).as_uri())
        yield page


def test_adrenaline_is_found_as_epinephrine_with_the_keyboard_alone(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    box = page.get_by_role("search").get_by_label("Search")
    assert asked == []
    box.focus()
    page.keyboard.type("Adrénal")
    first = page.locator("#kb-found li a").first
    expect(first).to_contain_text("Epinephrine")
    assert asked == [INDEX]
    page.keyboard.type("ine")
    status = page.get_by_role("status").first
    expect(status).to_contain_text("results for Adrénaline, also for Epinephrine")
    expect(page.locator("#kb-found")).to_contain_text("Adult cardiac arrest 0.1.0, draft")
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("Escape")
    expect(box).to_be_focused()
    expect(page.locator("#kb-found li")).to_have_count(0)
    page.keyboard.type("epinephrine")
    page.keyboard.press("Enter")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/protocols/drugs.html#drug-epinephrine")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("kb204", "KB204 bad-number"),
        ("at_most", "at_most"),
        ("who refills", "Who refills it"),
        ("adult arrest card", "Card: Adult cardiac arrest"),
        ("ANEMIA", "In anaemia"),
        ("onerror", HOSTILE),
    ],
)
def test_what_is_written_is_found_as_text(page: Page, text: str, title: str) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.get_by_label("Search").fill(text)
    expect(page.locator("#kb-found li").first).to_contain_text(title)
    assert page.locator("#kb-found :is(img, script)").count() == 0


def test_what_is_not_found_is_said_and_where_else_to_look(page: Page) -> None:
    page.get_by_label("Search").fill("fictopam")
    expect(page.get_by_role("status").first).to_have_text("No results for fictopam.")
    page.get_by_role("link", name="glossary").click()
    page.wait_for_url("**/protocols/glossary.html")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_in_the_results(site: Site, browser: Browser, scheme: Literal["light", "dark"]) -> None:
    with opened(browser, 360, scheme, bypass_csp=True) as page:
        page.goto((site.folder / "index.html").as_uri())
        page.get_by_label("Search").fill("adrenaline")
        expect(page.get_by_role("button", name="Show all")).to_be_visible()
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_a_script_there_is_no_box_and_a_link_to_the_names(site: Site, browser: Browser) -> None:
    with opened(browser, java_script_enabled=False) as page:
        page.goto((site.folder / "index.html").as_uri())
        expect(page.get_by_role("search")).to_have_count(0)
        page.get_by_role("link", name="glossary").click()
        page.wait_for_url("**/protocols/glossary.html")
