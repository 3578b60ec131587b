"""The page of the runner in headless Chromium, as fast as it is and four times slower: time to the first advice, and
its weight.
"""

from __future__ import annotations

import gzip
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Browser

from kb.base import Base
from kb.site.build import preview_site
from kb.site.emit import dossiers_of, tree_of
from kb.site.joined import joined
from kb.site.pages.run import RUNNER, runner_files
from tests.chromium import launched, served

ROOT = Path(__file__).parents[1]
PROTOCOL = "refractory-hypotension"
SPEEDS = (1, 4)  # times slower
LOOK = ("kb.css", "parts.css", "flowchart.css", "kb.js", "search.js")
# The evaluator alone: expressions, the walk, what is undecided.
EVALUATOR = ("evaluate.js", "walk.js", "plan.js")
CONFIG = """\
site_name: runner
docs_dir: ../out/tree/docs
use_directory_urls: false
plugins: []
theme: {name: null, custom_dir: ../out/tree/theme, locale: en}
nav: [{Home: protocols/index.md}]
markdown_extensions: [tables]
"""
# Answers a question as a reader would; says how long the page took until advice and next question were known, and
# until they were drawn.
ANSWER = """(text) => {
  const field = document.getElementById("kb-answer");
  if (field === null) document.querySelector('#kb-run-question [data-key^="say:"]').click();
  else {
    field.value = text;
    field.form.requestSubmit();
  }
  return ["kb-run-advised", "kb-run-drawn"].map((name) => performance.getEntriesByName(name).at(-1).duration);
}"""
ANSWERS = ("64", "", "52", "not running", "not running")  # age, a pulse is felt, mean arterial pressure, two drugs


class Opened(NamedTuple):
    """Milliseconds after the page was called, or after an answer; files loaded."""

    asked: float
    advised: float  # after the first answer
    drawn: float
    later: float  # after the last of the answers
    files: int


def opened(browser: Browser, address: str, slower: int, *, at_once: bool) -> Opened:
    """A page called and answered: as soon as it asks, or once it has rehearsed, as while its first question is read."""
    with browser.new_context(viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        files: list[str] = []
        page.on("request", lambda request: files.append(request.url))
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
        page.goto(address)
        page.wait_for_selector("#kb-run-asked")
        while not at_once and not page.evaluate("performance.getEntriesByName('kb-run-rehearsed').length"):
            page.wait_for_timeout(100)
        found = [page.evaluate(ANSWER, text) for text in ANSWERS]
        asked = page.evaluate("performance.getEntriesByName('kb-run-ready')[0].startTime")
        return Opened(asked, *found[0], found[-1][0], len(files))


def _median(found: Sequence[Opened], part: str) -> float:
    return statistics.median(getattr(each, part) for each in found)


def packed(content: bytes) -> int:
    return len(gzip.compress(content, mtime=0))


def timed(browser: Browser, address: str, slower: int, rounds: int) -> None:
    cold, ready = (
        [opened(browser, address, slower, at_once=at_once) for _ in range(rounds)] for at_once in (True, False)
    )
    speed = f"processor {slower} times slower" if slower > 1 else "processor as fast as it is"
    print(f"{PROTOCOL} in Chromium, {speed}, medians of {rounds}")
    print(f"  page called to first question          {_median(cold, 'asked'):7.0f} ms   ({cold[0].files} files)")
    for told, of in (("answered at once", cold), ("answered after the rehearsal", ready)):
        for part in ("advised", "drawn", "later"):
            what = {"advised": "first advice", "drawn": "and drawn", "later": f"advice after answer {len(ANSWERS)}"}
            print(f"  {told:30}{what[part]:24} {_median(of, part):7.1f} ms")


def main(rounds: int = 7) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "site" / "docs").mkdir(parents=True)
        (folder / "site" / "mkdocs.yml").write_text(CONFIG, "utf-8")
        dossiers = [each for each in dossiers_of(Base(ROOT), {}) if each.program.id == PROTOCOL]
        preview_site(folder, tree_of(Base(folder), dossiers), folder / "built")
        here = f"{dossiers[-1].folder}/run.html"
        with served(folder / "built") as site, launched() as browser:
            for slower in SPEEDS:
                timed(browser, f"{site}/{here}", slower, rounds)
        page = (folder / "built" / here).read_bytes()
        look = [(folder / "built" / file).read_bytes() for file in LOOK]
    code = list(runner_files().values())
    print("weight")
    for what, parts in (
        ("the page with its Program", [page]),
        ("the runner, all of it", code),
        ("the look", look),
        ("first load", [page, *code, *look]),
        ("the evaluator alone", [joined(RUNNER, EVALUATOR).encode()]),
    ):
        print(f"  {what:33}  {sum(map(len, parts)) / 1000:7.1f} kB   {sum(map(packed, parts)) / 1000:6.1f} kB gzip")


if __name__ == "__main__":
    main()
