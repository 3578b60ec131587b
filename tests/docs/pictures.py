"""The two pictures of the README, made anew: `make picture`, which runs `python -m tests.docs.pictures SITE`."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from kb.base import Base
from kb.generator.render import render_sheets
from tests.chromium import launched, opened, served
from tests.site.test_runner_page import PATIENT, PROTOCOL, asked, converse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
SHEET = ROOT / "site" / "docs" / "flowchart-sheet.svg"
PHONE = ROOT / "site" / "docs" / "runner-on-a-phone.png"
SHOWN = "antimicrobials"  # the step whose sheet is shown: a whole one that GitHub shows at a size to be read
ANSWERS = 5
TOP = "document.querySelector('#kb-run-question').scrollIntoView()"


def sheet() -> str:
    """The sheet of the flowchart, as a document of its own."""
    program, _ = Base(ROOT).program(PROTOCOL)
    assert program is not None
    return next(picture.svg for picture in render_sheets(program, alone=True) if SHOWN in picture.steps)


@contextmanager
def phone(browser: Browser, address: str) -> Iterator[Page]:
    """The runner's page on a phone, after some answers; its clock stands."""
    with opened(browser, 360, device_scale_factor=2, timezone_id="UTC", locale="en-GB") as page:
        page.clock.set_fixed_time(datetime(2026, 1, 27, 12, tzinfo=UTC))
        page.goto(address)
        converse(page, PATIENT, most=ANSWERS)
        assert asked(page)
        page.evaluate("document.activeElement.blur()")
        page.evaluate(TOP)
        yield page


def words(page: Page) -> str:
    """What is read on the picture: the text that stands for it where it is not seen. All of it is on the screen."""
    parts = [page.locator(place) for place in ("#kb-run-asked", "#kb-run-banner", "#kb-run-told")]
    for part in parts:
        box = part.bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 740, part
    question, banner, advised = (" ".join(part.inner_text().split()) for part in parts)
    return f"The runner on a phone asks: {question} Below it: {banner} {advised}"


def main(site: Path) -> None:
    SHEET.write_text(sheet(), "utf-8")
    version = Base(ROOT).protocols()[PROTOCOL][-1]
    with launched() as browser, served(site) as address:  # noqa: SIM117  # the page is closed first
        with phone(browser, f"{address}/protocols/{PROTOCOL}/{version}/run.html") as page:
            page.screenshot(path=PHONE)
            told = escape(words(page))
    text = README.read_text("utf-8")
    README.write_text(re.sub(rf'({PHONE.name}"[^>]*alt=")[^"]*', lambda found: found[1] + told, text), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
