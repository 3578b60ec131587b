"""The pictures of the README show what there is."""

from __future__ import annotations

from html import escape
from struct import unpack

from playwright.sync_api import Browser

from tests.chromium import Site
from tests.docs.pictures import PHONE, README, SHEET, phone, sheet, words
from tests.site.test_runner_page import PROTOCOL

AGAIN = "run `make picture` and look at it"


def test_the_sheet_of_the_flowchart_is_current() -> None:
    assert sheet() == SHEET.read_text("utf-8"), AGAIN


def test_the_phone_shows_what_the_runner_shows_now(site: Site, browser: Browser) -> None:
    with phone(browser, f"{site.address}/{site.page(PROTOCOL, 'run')}") as page:
        assert f'alt="{escape(words(page))}"' in README.read_text("utf-8"), AGAIN


def test_the_pictures_are_small_enough_for_a_page_that_is_read_first() -> None:
    for picture in (SHEET, PHONE):
        assert picture.stat().st_size < 150_000
        assert f'src="site/docs/{picture.name}"' in README.read_text("utf-8")
    assert unpack(">II", PHONE.read_bytes()[16:24]) == (720, 1480), "a phone of 360 x 740, at two dots a pixel"
