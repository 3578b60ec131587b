"""The page of the runner in headless Chromium at a quarter of its speed: time to the first advice, and its weight."""

from __future__ import annotations

import gzip
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Browser

from kb.base import Base
from kb.site.build import preview_site
from kb.site.emit import dossiers_of, tree_of
from kb.site.pages.run import modules
from tests.chromium import launched, served

ROOT = Path(__file__).parents[1]
PROTOCOL = "refractory-hypotension"
SLOWER = 4
# The evaluator alone: expressions, the walk, what is undecided.
EVALUATOR = ("program.js", "values.js", "evaluate.js", "walk.js", "plan.js")
CONFIG = """\
site_name: runner
docs_dir: ../out/tree/docs
use_directory_urls: false
plugins: []
theme: {name: null, custom_dir: ../out/tree/theme, locale: en}
markdown_extensions: [tables]
"""
ADVICE = """async () => {
  const [{ load, advise }] = [await import(new URL("../../../runner/kb.js", location.href).href)];
  const guideline = load(document.getElementById("kb-program").textContent);
  const once = () => {
    const start = performance.now();
    JSON.stringify(advise(guideline, { age: "64 years", pulse: "present", map: "52 mmHg", norepinephrine: "0.3 mcg/kg/min as base" }));
    return performance.now() - start;
  };
  const first = once();
  const later = Array.from({ length: 30 }, once).sort((left, right) => left - right);
  return [first, later[15]];
}"""  # noqa: E501


def opened(browser: Browser, address: str) -> tuple[float, float, float, int]:
    """Milliseconds from the call of the page to the first question, first advice and later advice; files loaded."""
    with browser.new_context(viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        files: list[str] = []
        page.on("request", lambda request: files.append(request.url))
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(address)
        page.wait_for_selector("#kb-run-asked")
        shown = page.evaluate("performance.getEntriesByName('kb-run-ready')[0].startTime")
        first, later = page.evaluate(ADVICE)
        return shown, first, later, len(files)


def packed(content: bytes) -> int:
    return len(gzip.compress(content, mtime=0))


def main(rounds: int = 9) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "site" / "docs").mkdir(parents=True)
        (folder / "site" / "mkdocs.yml").write_text(CONFIG, "utf-8")
        dossiers = [each for each in dossiers_of(Base(ROOT), {}) if each.program.id == PROTOCOL]
        preview_site(folder, tree_of(Base(folder), dossiers), folder / "built")
        here = f"{dossiers[-1].folder}/run.html"
        with served(folder / "built") as site, launched() as browser:
            found = [opened(browser, f"{site}/{here}") for _ in range(rounds)]
        shown, first, later = (statistics.median(each[part] for each in found) for part in range(3))
        page = (folder / "built" / here).read_bytes()
        look = [(folder / "built" / file).read_bytes() for file in ("kb.css", "parts.css", "kb.js", "search.js")]
    code = list(modules().values())
    print(f"{PROTOCOL} in Chromium, processor {SLOWER} times slower, medians of {rounds}")
    print(f"  page called to first question      {shown:7.0f} ms   ({found[0][3]} files)")
    print(f"  first advice, as JSON              {first:7.1f} ms")
    print(f"  the same when warm                 {later:7.1f} ms")
    for what, parts in (
        ("the page with its Program", [page]),
        ("the runner, all of it", code),
        ("the look", look),
        ("first load", [page, *code, *look]),
        ("the evaluator alone", [modules()[file] for file in EVALUATOR]),
    ):
        print(f"  {what:33}  {sum(map(len, parts)) / 1000:7.1f} kB   {sum(map(packed, parts)) / 1000:6.1f} kB gzip")


if __name__ == "__main__":
    main()
