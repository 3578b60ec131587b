"""The runner's page in headless Chromium: a conversation by keyboard says what Python says of the same chart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, expect

import kb
from kb.base import Base
from kb.codec import program_file
from kb.scaffold.bases import new_base
from kb.site.build import preview_site
from kb.site.dossier import Dossier
from kb.site.emit import Tree, tree_of
from kb.site.pages.run import body, runner_files
from tests.chromium import ROOT, Site, opened, served
from tests.generator.example import build
from tests.generator.test_hostile_text import ATTACKS, attacked, plain
from tests.scaffold.test_bases import TODAY

PROTOCOL = "refractory-hypotension"
PATIENT = {
    "age": "64",
    "pulse": "present",
    "map": "52 mmHg",
    "norepinephrine": "0.3",
    "vasopressin": "Not running",
    "weight": "80",
    "crystalloid_before": "2500",
    "__record__": "Yes, all of it",
}
KEPT = """async () => [
  localStorage.length, sessionStorage.length, document.cookie, (await indexedDB.databases()).length,
  (await caches.keys()).length, name, location.href,
]"""
NOW = "2026-01-27T12:00:00+00:00"
LONGEST = 60  # questions of one conversation


@pytest.fixture
def base(site: Site) -> Base:
    return site.base


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    with opened(browser, 360) as page:
        page.goto(address(site))
        expect(page.locator("#kb-run-asked")).to_be_visible()
        yield page


def address(site: Site) -> str:
    return f"{site.address}/{site.page(PROTOCOL, 'run')}"


def asked(page: Page) -> str:
    """The name of what is asked; empty where nothing is."""
    form = page.locator("#kb-run-question form")
    return (form.get_attribute("data-name") or "") if form.count() else ""


def focused(page: Page) -> str:
    return str(page.evaluate("(document.activeElement.innerText || document.activeElement.id).trim()"))


def press(page: Page, text: str) -> None:
    """Go on with Tab to what has this text, and press it."""
    for _ in range(80):
        if focused(page) == text:
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {text!r}; {asked(page)} is asked")


def answer(page: Page, text: str, salt: str = "") -> None:
    """Answer the question with the keyboard, from where the page has put the focus."""
    before = asked(page)
    if page.locator("#kb-answer").count() and not page.get_by_role("button", name=text, exact=True).count():
        if focused(page) != "kb-answer":
            page.locator("#kb-answer").focus()
        page.keyboard.type(text)
        if salt:
            page.keyboard.press("Tab")
            page.keyboard.type(salt)
            page.keyboard.press("Tab")
            press(page, "Answer")
        else:
            page.keyboard.press("Enter")
    else:
        press(page, text)
    assert page.locator("#kb-run-refused").inner_text() == "", before


def converse(page: Page, patient: dict[str, str], most: int = LONGEST) -> list[str]:
    """Answer what is asked until nothing is; what was asked."""
    names: list[str] = []
    page.locator("#kb-run-asked").focus()
    while (name := asked(page)) and len(names) < most:
        names.append(name)
        options = page.locator(".kb-run-choices button").all_inner_texts()
        said = patient.get(name, "no" if "no" in options else "Not available now")
        answer(page, said, "as base" if name == "norepinephrine" else "")
    return names


def exported(page: Page) -> tuple[dict[str, Any], str]:
    """The chart that the page gives out, and the time of its advice."""
    command = page.locator("#kb-run-command").text_content() or ""
    return json.loads(page.locator("#kb-run-json").input_value()), command.rpartition("--at ")[2]


def shown(page: Page) -> list[tuple[str, str, str]]:
    """Recommended steps with their status and dose, as they stand on the page."""
    items = page.locator(".kb-run-do > li > .kb-run-item")
    return [
        (
            item.get_attribute("data-step") or "",
            item.get_attribute("data-status") or "",
            "\n".join(item.locator(":scope > .kb-run-dose").all_inner_texts()),
        )
        for item in items.all()
    ]


def way(page: Page) -> str:
    """Where the flowchart shows the way of the patient."""
    return page.get_by_role("link", name="Show this patient's way on the flowchart").get_attribute("href") or ""


def agrees(page: Page, base: Base, protocol: str = PROTOCOL) -> list[str]:
    """That the page shows what Python advises for the chart that it gives out; the steps."""
    chart, now = exported(page)
    settings, _ = base.local()
    program, _ = base.program(protocol)
    assert program is not None
    advice = kb.Guideline(program).advise(
        chart, now=datetime.fromisoformat(now), local={"format": 1, **settings} if settings else None
    )
    told = shown(page)
    assert [(step, status) for step, status, _ in told] == [(item.step, item.status) for item in advice.recommended]
    for item, (_, _, dose) in zip(advice.recommended, told, strict=True):
        if item.dose is None:
            assert not dose
        else:
            ends = [item.dose.low, item.dose.high] if item.verb == "infuse" else []
            assert item.dose.text in dose or all(end in dose for end in ends if end), item.step
            assert (item.dose.pump_rate or "") in dose
    assert page.locator("#kb-run-local [data-digest]").get_attribute("data-digest") == advice.local_digest
    assert page.locator("#kb-run-banner").inner_text() == advice.banner
    return [step for step, _, _ in told]


def test_a_whole_conversation_by_keyboard_says_what_python_says_of_the_same_chart(page: Page, base: Base) -> None:
    names = converse(page, PATIENT)
    assert {"age", "pulse", "map", "norepinephrine", "vasopressin"} <= set(names)
    assert len(names) < LONGEST
    assert "Nothing more is asked now." in page.locator("#kb-run-question").inner_text()
    assert "vasopressin" in agrees(page, base)
    again = "Look again: after an interval that local policy must set (reassess_after): MAP"
    assert again in page.locator("#kb-run-advice").inner_text()


def test_the_focus_goes_to_the_next_question_and_never_to_a_button(page: Page) -> None:
    page.locator("#kb-answer").focus()
    page.keyboard.type("64")
    page.keyboard.press("Enter")
    assert asked(page) == "pulse"
    assert focused(page) == page.locator("#kb-run-asked").inner_text()
    page.keyboard.press("Enter")
    assert asked(page) == "pulse"


def test_what_is_rehearsed_before_the_first_answer_leaves_nothing_behind(page: Page) -> None:
    question, advice = asked(page), page.locator("#kb-run-advice").inner_html()
    while not page.evaluate("performance.getEntriesByName('kb-run-rehearsed').length"):
        page.wait_for_timeout(50)
    chart, _ = exported(page)
    assert [entry["kind"] for entry in chart["entries"]] == ["protocol"]
    assert (asked(page), page.locator("#kb-run-advice").inner_html()) == (question, advice)


def test_a_value_that_cannot_be_so_is_refused_beside_its_field(page: Page) -> None:
    page.locator("#kb-answer").fill("640")
    page.keyboard.press("Enter")
    assert asked(page) == "age"
    assert "120" in page.locator("#kb-run-refused").inner_text()
    assert page.locator("#kb-answer").get_attribute("aria-invalid") == "true"
    assert focused(page) == "kb-answer"


def test_an_answer_is_taken_back_changed_and_removed(page: Page, base: Base) -> None:
    converse(page, PATIENT, most=3)
    page.get_by_role("button", name="Back").click()
    assert asked(page) == "map"
    answer(page, "75")
    before = way(page)
    page.get_by_role("button", name=re.compile("^Change: MAP 75")).click()
    assert asked(page) == "map"
    page.get_by_role("button", name="Unobtainable").click()
    assert "unobtainable" in page.locator("#kb-run-charted").inner_text()
    assert way(page) != before
    agrees(page, base)
    page.get_by_role("button", name=re.compile("^Remove: pulse")).click()
    assert asked(page) == "pulse"
    agrees(page, base)


def test_what_is_not_available_is_listed_and_not_asked_again(page: Page, base: Base) -> None:
    answer(page, "64")
    page.get_by_role("button", name="Not available now").click()
    assert asked(page) != "pulse"
    assert "Not available" in page.locator("#kb-run-advice").inner_text()
    agrees(page, base)


def test_time_passes_and_what_was_done_is_looked_at_again(page: Page, base: Base) -> None:
    converse(page, PATIENT)
    page.get_by_role("button", name=re.compile("^Done: Start vasopressin")).click()
    assert asked(page) == "vasopressin"
    answer(page, "0.03")
    assert "vasopressin" not in agrees(page, base)
    page.get_by_role("button", name="Let 15 min pass").click()
    page.get_by_role("button", name="Reassess now").click()
    assert asked(page) == "map"
    answer(page, "72")
    agrees(page, base)


def test_a_chart_goes_out_and_comes_back(page: Page, base: Base, tmp_path: Path) -> None:
    converse(page, PATIENT, most=5)
    before = agrees(page, base)
    chart, now = exported(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the chart").click()
    file = tmp_path / "chart.json"
    waiting.value.save_as(file)
    assert json.loads(file.read_text("utf-8")) == chart
    page.reload()
    assert shown(page) == []
    page.get_by_text("Go on with a chart").click()
    page.set_input_files("#kb-run-file", file)
    page.get_by_label("The time now").fill(now)
    page.get_by_role("button", name="Read the chart").click()
    assert agrees(page, base) == before
    # A one-moment chart, with numbers; and what is no chart is refused, and changes nothing.
    page.get_by_label("Or its text, pasted").fill('{"age": "70 years", "pulse": "absent"}')
    page.get_by_label("The time now").fill("")
    page.get_by_role("button", name="Read the chart").click()
    assert agrees(page, base) == ["arrest"]
    for wrong in ("{", "[]", '{"mapp": 50}'):
        page.get_by_label("Or its text, pasted").fill(wrong)
        page.get_by_role("button", name="Read the chart").click()
        assert page.locator("#kb-run-read-refused").inner_text()
        assert [step for step, _, _ in shown(page)] == ["arrest"]


def test_a_hand_over_takes_the_chart_to_the_page_of_the_other_protocol(page: Page, base: Base) -> None:
    converse(page, {**PATIENT, "pulse": "absent"}, most=3)
    before, now = exported(page)
    with page.context.expect_page() as waiting:
        page.get_by_role("button", name="Go on with adult-cardiac-arrest@0, with this chart").click()
    there = waiting.value
    assert re.search(r"/adult-cardiac-arrest/[0-9.]+/run\.html$", there.url)
    expect(there.locator("#kb-run-charted")).to_contain_text("pulse absent")
    over, at = exported(there)
    assert at == now
    events = [(entry["event"], entry["protocol"]) for entry in over["entries"] if entry["kind"] == "protocol"]
    assert events == [("opened", PROTOCOL), ("closed", PROTOCOL), ("opened", "adult-cardiac-arrest")]
    assert [entry for entry in over["entries"] if entry["kind"] != "protocol"] == [
        entry for entry in before["entries"] if entry["kind"] != "protocol"
    ]
    assert agrees(there, base, "adult-cardiac-arrest")
    assert "is not seen there" in page.locator("#kb-run-told").inner_text()
    assert exported(page)[0] == before
    there.reload()
    expect(there.locator("#kb-run-asked")).to_be_visible()
    assert there.locator("#kb-run-charted").inner_text() == "Nothing yet."


def test_a_chart_is_taken_over_only_from_the_page_that_opened_this_one(page: Page) -> None:
    handed = {"kind": "kb-hand-over", "protocol": "x", "version": "1.0.0", "to": f"{PROTOCOL}@1", "at": NOW}
    page.evaluate("handed => postMessage(handed)", {**handed, "chart": '{"pulse": "absent"}'})
    page.get_by_role("button", name="Let 15 min pass").click()
    assert page.locator("#kb-run-charted").inner_text() == "Nothing yet."


def test_a_chart_that_is_handed_over_and_cannot_be_read_is_refused_in_words(page: Page) -> None:
    with page.context.expect_page() as waiting:
        page.evaluate(
            """handed => {
              const there = window.open(location.href);
              window.addEventListener("message", () => there.postMessage(handed, location.origin));
            }""",
            {"kind": "kb-hand-over", "protocol": "x", "version": "1", "to": f"{PROTOCOL}@1", "at": NOW, "chart": "{"},
        )
    there = waiting.value
    expect(there.locator("#kb-run-read-refused")).to_contain_text("not JSON")
    assert there.locator("#kb-run-charted").inner_text() == "Nothing yet."


def test_the_way_is_lit_on_the_flowchart(page: Page) -> None:
    converse(page, PATIENT, most=3)
    assert way(page).startswith("chart.html#way=pulse:1,pressure:1")


def test_a_source_is_looked_up_without_losing_the_conversation(page: Page) -> None:
    converse(page, PATIENT, most=3)
    with page.context.expect_page() as waiting:
        page.locator(".kb-run-do .kb-run-basis a").locator("visible=true").first.click()
    assert re.search(r"/(evidence|readings)\.html#", waiting.value.url)
    assert "MAP 52 mmHg" in page.locator("#kb-run-charted").inner_text()


def test_nothing_is_sent_and_nothing_is_stored(page: Page) -> None:
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    converse(page, PATIENT, most=6)
    page.get_by_role("button", name="Let 15 min pass").click()
    assert sent == []
    kept = page.evaluate(KEPT)
    assert kept[:6] == [0, 0, "", 0, 0, ""]
    assert kept[6].endswith("/run.html")


def test_every_file_of_the_page_comes_from_its_own_site(browser: Browser, site: Site) -> None:
    with opened(browser) as page:
        asked_for: list[str] = []
        page.on("request", lambda request: asked_for.append(request.url))
        page.goto(address(site))
        expect(page.locator("#kb-run-asked")).to_be_visible()
        assert asked_for
        assert [url for url in asked_for if not url.startswith((site.address, "data:"))] == []


def test_a_failure_is_told_and_leaves_no_advice_standing(page: Page) -> None:
    converse(page, PATIENT, most=4)
    assert shown(page)
    page.evaluate("document.getElementById('kb-run-way').remove()")
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("alert").first).to_contain_text("This page has failed, and gives no advice now")
    assert shown(page) == []


def test_a_page_whose_program_is_damaged_says_so(browser: Browser, site: Site) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        text = context.request.get(address(site)).text().replace('"slots":[', '"slotz":[')
        page.route("**/run.html", lambda route: route.fulfill(body=text, content_type="text/html"))
        page.goto(address(site))
        expect(page.get_by_role("alert").first).to_contain_text("This page has failed")


def test_from_the_disk_or_without_scripts_it_says_what_to_do(browser: Browser, site: Site) -> None:
    with opened(browser) as page:
        page.goto((site.folder / site.page(PROTOCOL, "run")).as_uri())
        expect(page.locator("#kb-run-asleep")).to_contain_text("kb run refractory-hypotension@1.1.0")
        expect(page.locator("#kb-run-body")).to_be_hidden()
    with opened(browser, java_script_enabled=False) as page:
        page.goto(address(site))
        expect(page.locator("#kb-run-asleep")).to_contain_text("It needs JavaScript")
        expect(page.locator("#kb-run-asleep").get_by_role("link")).to_have_attribute("href", "list.html")


def test_hostile_text_stays_text(browser: Browser, tmp_path: Path) -> None:
    attack = " ".join(plain(each) for each in ATTACKS)
    new_base(tmp_path / "base", TODAY)
    base = Base(tmp_path / "base")
    whole = tree_of(base, [Dossier(attacked(build(), attack))]).files
    needed = {path: text for path, text in whole.items() if path.endswith(("/run.md", ".js", ".css", "main.html"))}
    # Only its page is built; what it leads to is not there.
    preview_site(base.path, Tree({**needed, "docs/index.md": b"# A page"}), tmp_path / "hostile")
    with served(tmp_path / "hostile") as at, opened(browser) as page:
        said: list[str] = []

        def spoken(dialog: Dialog) -> None:
            said.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", spoken)
        (file,) = (tmp_path / "hostile").glob("protocols/*/*.*.*/run.html")
        page.goto(f"{at}/{file.relative_to(tmp_path / 'hostile').as_posix()}")
        expect(page.locator("#kb-run-asked")).to_contain_text("<script>alert(1)</script>")
        while asked(page):
            page.get_by_role("button", name="Not available now").click()
        assert page.locator("#kb-run img, #kb-run svg, #kb-run script:not([type='application/json'])").count() == 0
        links = page.locator("#kb-run a").evaluate_all("all => all.map(each => each.getAttribute('href'))")
        assert all(re.fullmatch(r"[a-z/.-]*[a-z]+\.html(#[\w=%:,.-]*)?", link) for link in links)
        assert said == []


def test_data_in_the_page_cannot_end_its_own_block() -> None:
    made = body(Dossier(attacked(build(), "</script><script>alert(1)</script>")))
    blocks = re.findall(r'<script type="application/json" id="[a-z-]+">([^<]*)</script>', made)
    assert len(blocks) == 3
    assert json.loads(blocks[0])["id"]


def test_the_runner_is_one_script_that_says_where_its_modules_can_be_read() -> None:
    files = runner_files()
    assert list(files) == ["page.js", "page.css"]
    script = files["page.js"].decode()
    assert re.search(r"^/\* The runner of guideline-kb, Apache-2\.0\. .* kb/runner\. \*/$", script, re.MULTILINE)
    assert "@param" not in script
    assert set(re.findall(r'(?:src|href)="([^"]*runner/[^"]*)"', body(Dossier(build())))) == {
        "../../../runner/page.js",
        "../../../runner/page.css",
    }


def test_the_page_holds_the_program_without_the_texts_that_no_conversation_shows() -> None:
    program, _ = Base(ROOT).program(PROTOCOL)
    assert program is not None
    block = re.search(r'id="kb-program">([^<]*)<', body(Dossier(program)))
    assert block is not None
    held = json.loads(block[1])
    whole = json.loads(json.dumps(program_file(program)))
    left_out = {key for key in whole if whole[key] != held[key]}
    assert left_out == {"statements", "not_encoded", "interpretations", "checksum"}
