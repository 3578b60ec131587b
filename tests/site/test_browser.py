"""The built site in a headless Chromium, at the widths of a phone and of a desktop, light and dark."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path
from typing import Any, Literal

import markdown
import pytest
from playwright.sync_api import Browser, Page

from kb.base import Base
from kb.generator.diagram import plan_flowchart
from kb.generator.readaloud import read_aloud
from kb.site import site_tree
from kb.site.build import build_site
from kb.site.dossier import Dossier
from kb.site.pages import pages_of
from tests.chromium import ROOT, SCHEMES, Site, axe, opened, served
from tests.generator.example import build
from tests.generator.test_hostile_text import ATTACKS, attacked

SHIPPED = Base(ROOT)
RICH = "refractory-hypotension"  # the largest, with pages of every kind
SMALL = "anaphylaxis"

Scheme = Literal["light", "dark"]


def pages(site: Site, protocol: str) -> list[str]:
    """One page of each kind, as paths below the address of the site."""
    folder = (site.folder / site.page(protocol, "index")).parent
    own = [file for file in sorted(folder.glob("*.html")) if not file.name.startswith("scenarios-")]
    some = [*sorted(folder.glob("scenarios-*.html"))[:1], site.folder / site.page("first-protocol", "index")]
    base = [*sorted((site.folder / "protocols").glob("*.html")), site.folder / "index.html"]
    base += [site.folder / "diagnostics" / name for name in ("index.html", "KB204.html")]
    return [file.relative_to(site.folder).as_posix() for file in (*own, *some, *base)]


def faults(page: Page, address: str) -> list[tuple[str, ...]]:
    """What axe-core has against a page, and whether it is wider than the screen."""
    page.goto(address, wait_until="load")
    over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*axe(page), *([("wider than the screen", f"by {over} px")] if over > 0 else [])]


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1200, "dark")])  # all four in the long run
def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(
    site: Site, browser: Browser, width: int, scheme: Scheme
) -> None:
    with opened(browser, width, scheme, bypass_csp=True) as page:
        found = {path: faults(page, f"{site.address}/{path}") for path in pages(site, SMALL)}
    assert {path: told for path, told in found.items() if told} == {}


@pytest.mark.long
def test_axe_finds_nothing_on_any_page_of_any_shipped_protocol(browser: Browser, tmp_path: Path) -> None:
    for name in ("protocols", "site"):
        shutil.copytree(ROOT / name, tmp_path / name)
    folder = build_site(tmp_path, site_tree(Base(tmp_path)), tmp_path / "built")
    files = [file for file in sorted(folder.rglob("*.html")) if "latest" not in file.parts]
    assert len(files) > 100
    found = {}
    with served(folder) as address:
        for width, scheme in product((360, 1200), SCHEMES):
            with opened(browser, width, scheme, bypass_csp=True) as page:
                for file in files:
                    path = file.relative_to(folder).as_posix()
                    found[width, scheme, path] = faults(page, f"{address}/{path}")
    assert {where: told for where, told in found.items() if told} == {}


# What is looked at on each page, which is loaded once for all: by its name, an expression that gives what is wrong.
LOOKED_AT = {
    "links of one name lead to several places": """
      Object.entries(Object.groupBy([...document.querySelectorAll("a[href], svg a")], (each) =>
        (each.getAttribute("aria-label") || each.textContent).trim().replace(/\\s+/g, " ")))
        .map(([name, all]) => [name, new Set(all.map((each) => each.getAttribute("href")))])
        .filter(([name, to]) => !name || to.size > 1).map(([name, to]) => `${name}: ${[...to].slice(0, 3)}`)""",
    "a target smaller than 24 px, and not within a sentence": """
      [...document.querySelectorAll("button, summary, select, input, nav a, .kb-home")].filter((each) => {
        const { width, height } = each.getBoundingClientRect();
        return each.checkVisibility() && (width < 24 || height < 24);
      }).map((each) => each.outerHTML)""",
    "a word broken in the head of a table": """
      [...document.querySelectorAll("th")].filter(({ firstChild: text }) =>
        text?.nodeType === Node.TEXT_NODE && [...text.data.matchAll(/\\w+/g)].some(({ 0: word, index }) => {
          const range = document.createRange();
          range.setStart(text, index);
          range.setEnd(text, index + word.length);
          return range.getClientRects().length > 1;
        })).map((each) => each.textContent)""",
    "a Tab order of its own": """
      [...document.querySelectorAll("[tabindex]")].filter((each) => each.tabIndex > 0).map((each) => each.outerHTML)""",
    "without the policy": """
      document.querySelector('meta[http-equiv="Content-Security-Policy"]') ? [] : ["no Content-Security-Policy"]""",
    "a font from a file": "[...document.fonts].map((each) => each.family)",
}


def test_every_kind_of_page_has_what_a_rule_cannot_see(site: Site, browser: Browser) -> None:
    """Served as on a ward: over HTTP, with the page of the runner, under the policy of the site."""
    told: list[str] = []
    asked: list[str] = []
    found: dict[tuple[str, str], list[str]] = {}
    with opened(browser, 360) as page:
        page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: asked.append(request.url))
        for path in pages(site, RICH):
            page.goto(f"{site.address}/{path}", wait_until="load")
            for name, script in LOOKED_AT.items():
                found[path, name] = page.evaluate(script)
    assert {where: wrong[:5] for where, wrong in found.items() if wrong} == {}
    assert told == []
    assert [url for url in asked if not url.startswith((site.address, "data:"))] == []


# ---------------------------------------------------------------- the flowchart


@pytest.mark.parametrize("id", [*SHIPPED.protocols()])
def test_what_the_chart_draws_is_what_the_list_tells(id: str) -> None:
    program, _ = SHIPPED.program(id)
    assert program is not None
    told = read_aloud(program)
    steps = {entry.number: entry.step for entry in told.entries}
    listed = {(entry.step, steps[to]) for entry in told.entries for way in entry.ways for to in way.to}
    chart = plan_flowchart(program)
    drawn = {(way.tail, head) for way in chart.ways for head in way.heads if way.tail in steps.values()}
    assert drawn == listed
    assert {steps[number] for number in told.starts} == set(chart.starts)


# Where the keyboard is on a page, and whether that is seen: by an outline, in a picture by the edge of the shape.
STOP = """() => {
  const { activeElement: here } = document;
  const style = getComputedStyle(here);
  const edges = here.tagName === "a" ? [...here.querySelectorAll("polygon, path")] : [];
  const seen = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2)
    || edges.some((each) => parseFloat(getComputedStyle(each).strokeWidth) >= 4);
  const step = here.tagName === "a" && (here.closest("[id^=step-]") ?? here.querySelector("[id^=step-]"))?.id;
  return [here.tagName, step ? `#${step}` : here.getAttribute("href"), seen];
}"""


@pytest.mark.parametrize("name", ["chart", "list"])
def test_the_keyboard_goes_through_the_steps_in_their_clinical_order_and_is_seen(
    site: Site, browser: Browser, name: str
) -> None:
    program, _ = site.base.program("anaphylaxis")
    assert program is not None
    order = [f"#step-{entry.step}" for entry in read_aloud(program).entries]
    with opened(browser, 360) as page:
        page.goto(f"{site.address}/{site.page('anaphylaxis', name)}")
        stops = []
        for _ in range(400):
            page.keyboard.press("Tab")
            tag, link, seen = page.evaluate(STOP)
            if tag == "BODY":
                break
            assert seen, (tag, link)
            stops.append(link or "")
        else:
            raise AssertionError("the keyboard does not come out of the page")
        # The list has a link from each step to its place on the chart; on the chart each step is a link.
        begins = {"chart": "#step-", "list": "chart.html#step-"}[name]
        visited = [f"#{stop.partition('#')[2]}" for stop in stops if stop.startswith(begins)]
    assert visited == order


SIZES = """[...document.querySelectorAll(".kb-figure svg a")].map((each) => {
  const { width, height } = each.getBoundingClientRect();
  return [each.href.baseVal, Math.min(width, height)];
})"""


def test_a_step_of_the_chart_is_large_enough_for_a_finger_or_in_the_list(site: Site, browser: Browser) -> None:
    with opened(browser, 360) as page:
        for id in ("anaphylaxis", "adult-cardiac-arrest", RICH):
            page.goto(f"{site.address}/{site.page(id, 'chart')}")
            small = {link for link, size in page.evaluate(SIZES) if size < 24}
            text = (site.folder / site.page(id, "list")).read_text("utf-8")
            assert {link for link in small if f'id="{link.partition("#")[2]}"' not in text} == set(), id


# Of each text of a picture the contrast with what was drawn last below its middle, as numbers of WCAG 2.2.
CONTRAST = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((each) => {
      const part = each / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const filled = (each) => {
    const { fill, fillOpacity } = getComputedStyle(each);
    return fill !== "none" && Number(fillOpacity) > 0 && (channels(fill)[3] ?? 1) > 0;
  };
  const poor = [];
  let count = 0;
  for (const picture of document.querySelectorAll(".kb-figure svg")) {
    const drawn = [...picture.querySelectorAll("text, path, polygon, rect, ellipse, circle")];
    drawn.forEach((text, place) => {
      if (text.tagName !== "text" || !text.textContent.trim()) return;
      count += 1;
      const box = text.getBBox();
      const point = new DOMPoint(box.x + box.width / 2, box.y + box.height / 2);
      const here = point.matrixTransform(text.getScreenCTM());
      const holds = (shape) => shape.isPointInFill(here.matrixTransform(shape.getScreenCTM().inverse()));
      const shapes = drawn.slice(0, place).filter((each) => each.tagName !== "text");
      const below = shapes.reverse().find((each) => filled(each) && holds(each));
      const ground = below ? getComputedStyle(below).fill : getComputedStyle(document.documentElement).backgroundColor;
      const [dark, bright] = [light(getComputedStyle(text).fill), light(ground)].sort((one, other) => one - other);
      const contrast = (bright + 0.05) / (dark + 0.05);
      if (contrast < 4.5) poor.push(`${text.textContent}: ${contrast.toFixed(2)} on ${ground}`);
    });
  }
  return [count, poor];
}"""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_of_a_chart_can_be_read_on_what_is_behind_it(site: Site, browser: Browser, scheme: Scheme) -> None:
    with opened(browser, 1200, scheme) as page:
        for id in ("anaphylaxis", RICH):
            page.goto(f"{site.address}/{site.page(id, 'chart')}")
            count, poor = page.evaluate(CONTRAST)
            assert count > 50
            assert poor == []


# ---------------------------------------------------------------- without scripts, and with hostile ones


def test_an_address_without_a_version_leads_on_to_the_place_in_the_newest(site: Site, browser: Browser) -> None:
    newest = site.page("refractory-hypotension", "list")
    with opened(browser) as page:
        page.goto(f"{site.address}/protocols/refractory-hypotension/latest/list.html#step-pulse")
        page.wait_for_url(f"{site.address}/{newest}#step-pulse")
    with opened(browser, java_script_enabled=False) as page:
        page.goto(f"{site.address}/protocols/refractory-hypotension/latest/list.html")
        page.get_by_role("link", name="Version").click()
        assert page.url == f"{site.address}/{newest}"


def test_without_scripts_all_but_the_runner_can_be_read_and_the_runner_says_so(site: Site, browser: Browser) -> None:
    said = {
        "list": "Give adrenaline",
        "chart": "Give adrenaline",
        "evidence": "adrenaline",
        "run": "It needs JavaScript",
    }
    with opened(browser, 360, java_script_enabled=False) as page:
        page.goto(f"{site.address}/{site.page('anaphylaxis', 'index')}")
        for name, words in said.items():
            page.locator(f'.kb-pages a[href="{name}.html"]').click()
            page.wait_for_url(f"**/{name}.html")
            assert words.lower() in (page.locator("main").text_content() or "").lower()
            assert page.locator("main").is_visible()


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_text_runs_nothing_where_it_is_really_rendered(browser: Browser, attack: str) -> None:
    opened_by_it: list[str] = []

    def seen(dialog: Any) -> None:
        opened_by_it.append(dialog.message)
        dialog.dismiss()

    with opened(browser) as page:  # without the policy of the site: what is hostile must not even be stopped by it
        page.on("dialog", seen)
        for path, text in pages_of(Dossier(attacked(build(), attack))).items():
            page.set_content(markdown.markdown(text, extensions=["tables", "toc"]))
            strange = (
                "img, iframe, object, style, script:not([src]):not([type='application/json']), [onload], [onerror]"
            )
            assert page.locator(f":is({strange}):not(head *)").count() == 0, path
            assert page.locator("a[href^='javascript:' i]").count() == 0, path
    assert opened_by_it == []
