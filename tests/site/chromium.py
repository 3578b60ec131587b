"""Pages as headless Chromium prints and runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from pypdf import PageObject, PdfReader

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=3000")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("KB_REQUIRE_CHROMIUM"), reason="`chromium` is missing: no page was printed"
)


def chromium(*arguments: str) -> str:
    assert CHROMIUM is not None, "no chromium"
    done = subprocess.run([CHROMIUM, *FLAGS, *arguments], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def printed(page: Path, folder: Path) -> list[PageObject]:
    """The pages of paper that `page` is printed on."""
    file = folder / f"{page.stem}.pdf"
    chromium("--no-pdf-header-footer", f"--print-to-pdf={file}", page.as_uri())
    return list(PdfReader(file).pages)


def dom(page: Path, fragment: str = "") -> str:
    """The page after its scripts have run."""
    return chromium("--dump-dom", f"{page.as_uri()}{fragment}")
