"""The built site in a headless Chromium, at the widths of a phone and of a desktop, light and dark."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import markdown
import pytest

from kb.base import Base
from kb.scaffold.bases import new_base
from kb.site.build import build_site
from kb.site.dossier import Dossier
from kb.site.emit import site_tree
from kb.site.pages import pages_of
from tests.generator.example import build
from tests.generator.test_hostile_text import ATTACKS, attacked
from tests.scaffold.test_bases import TODAY

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None and not os.environ.get("KB_REQUIRE_CHROMIUM"):
    pytest.skip("chromium is not installed", allow_module_level=True)

PAGES = "protocols/first-protocol/0.1.0"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "base"
    new_base(folder, TODAY)
    return build_site(folder, site_tree(Base(folder)))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def pages(site: Path) -> list[Path]:
    return [*sorted((site / PAGES).glob("*.html")), *sorted((site / "protocols").glob("*.html")), site / "index.html"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(
    site: Path, chromium: Any, width: int, scheme: str
) -> None:
    axe = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    context = chromium.new_context(
        viewport={"width": width, "height": 740},
        color_scheme=scheme,
        bypass_csp=True,  # axe is not of the site
    )
    page = context.new_page()
    found = []
    for file in pages(site):
        page.goto(file.as_uri())
        page.evaluate(axe)
        report = page.evaluate("axe.run()")
        found += [(file.name, each["id"], each["nodes"][0]["html"]) for each in report["violations"]]
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [(file.name, "wider than the screen", over)] if over > 0 else []
    context.close()
    assert not found


def test_the_policy_is_kept_and_nothing_is_asked_of_elsewhere(site: Path, chromium: Any) -> None:
    page = chromium.new_page()
    told: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    for file in pages(site):
        if file.name == "run.html":
            continue  # modules are not loaded from the disk; the tests of the runner serve it
        page.goto(file.as_uri())
        assert page.locator('meta[http-equiv="Content-Security-Policy"]').count() == 1, file.name
    page.close()
    assert told == []
    assert [url for url in asked if not url.startswith((site.as_uri(), "data:"))] == []


def test_the_first_stops_of_the_keyboard_on_the_list_show_that_they_are(site: Path, chromium: Any) -> None:
    page = chromium.new_page()
    page.goto((site / PAGES / "list.html").as_uri())
    for _ in range(12):
        page.keyboard.press("Tab")
        shown = page.evaluate("[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]")
        assert shown[0] != "BODY"
        assert shown[1] != "none"
    page.close()


def test_links_of_the_chart_lead_to_places_of_the_list_each_with_its_own_name(site: Path, chromium: Any) -> None:
    context = chromium.new_context(java_script_enabled=True)
    page = context.new_page()
    page.goto((site / PAGES / "list.html").as_uri())
    places = page.evaluate("[...document.querySelectorAll('[id^=step-]')].map(each => each.id)")
    page.goto((site / PAGES / "chart.html").as_uri())
    links = page.evaluate(
        """[...document.querySelectorAll('.kb-figure svg a')].map(each =>
             [each.href.baseVal.split('#')[1], each.getAttribute('aria-label') || each.textContent.trim()])"""
    )
    context.close()
    assert links
    assert {target for target, _ in links} <= set(places)
    assert len({name for _, name in links}) == len(links)


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_runs_nothing_where_it_is_really_rendered(chromium: Any, attack: str) -> None:
    page = chromium.new_page()  # without the policy of the site: what is hostile must not even be stopped by it
    opened: list[str] = []

    def seen(dialog: Any) -> None:
        opened.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", seen)
    for path, text in pages_of(Dossier(attacked(build(), attack))).items():
        page.set_content(markdown.markdown(text, extensions=["tables", "toc"]))
        strange = "img, iframe, object, style, script:not([src]):not([type='application/json']), [onload], [onerror]"
        assert page.locator(f":is({strange}):not(head *)").count() == 0, path
        assert page.locator("a[href^='javascript:' i]").count() == 0, path
    page.close()
    assert opened == []
