"""Headless Chromium: one browser for all tests of a process, and one built site for all processes of a run."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pytest

if TYPE_CHECKING:  # no other test pays for importing what builds a site
    from playwright.sync_api import Browser, Page, Route
    from pypdf import PageObject

    from kb.base import Base

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

# Text of a base that is shown as it is, wherever its site is looked at: the title of its first protocol.
HOSTILE = "<img src=x onerror=alert(1)> & </script>"
OWN_PAGE = f"""# Our antidotes

Where the **lipid** is kept: `{HOSTILE}`

```sh
not prose
```

## Who refills *it*

In anaemia
"""


class Site(NamedTuple):
    """A base with three shipped protocols and those that they hand over to, and its site."""

    base: Base
    folder: Path
    address: str  # where it is served, without a slash at its end

    def page(self, protocol: str, name: str) -> str:
        """The address of a page of the newest version of a protocol, below that of the site."""
        return f"protocols/{protocol}/{self.base.protocols()[protocol][-1]}/{name}.html"


# ---------------------------------------------------------------- fixtures (known to every test by tests/conftest.py)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Without Chromium a test says so and is skipped; with `KB_REQUIRE_CHROMIUM` it fails."""
    if CHROMIUM is None:
        told = "Chromium is missing: pages and the runner were not tried in a browser; install chromium to try that"
        if os.environ.get("KB_REQUIRE_CHROMIUM"):
            pytest.fail(told)
        pytest.skip(told)
    with launched() as found:
        yield found


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Built by the first process of a run that asks for it."""
    from kb.base import Base
    from kb.site import site_tree
    from kb.site.build import build_site

    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "built-once"
    folder.mkdir(exist_ok=True)
    base, done = folder / "base", folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(base, ignore_errors=True)
            _example(base)
            done.write_text(str(build_site(base, site_tree(Base(base)))), "utf-8")
    built = Path(done.read_text("utf-8"))
    with served(built) as address:
        yield Site(Base(base), built, address)


def _example(folder: Path) -> None:
    """A base with shipped protocols, a hostile title, an older version, and pages of its own."""
    from kb.scaffold.bases import new_base

    new_base(folder, date(2026, 3, 1), protocols=("refractory-hypotension", "adult-cardiac-arrest", "anaphylaxis"))
    (folder / "protocols" / "refractory-hypotension" / "1.0.0.yaml").unlink()  # the newest has all that is looked at
    file = folder / "protocols" / "first-protocol" / "0.1.0.yaml"
    text = file.read_text("utf-8").replace("title: First protocol", f"title: {HOSTILE} first")
    assert HOSTILE in text
    file.write_text(text, "utf-8")
    file.with_name("0.2.0.yaml").write_text(text.replace('version: "0.1.0"', 'version: "0.2.0"'), "utf-8")
    for name in ("antidotes.md", "ward/README.md", ".notes/antidotes.md", "templates/antidotes.md"):
        page = folder / "site" / "docs" / name
        page.parent.mkdir(exist_ok=True)
        page.write_text(OWN_PAGE, "utf-8")


# ---------------------------------------------------------------- what is done with them


@contextmanager
def launched() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        found = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield found
        finally:
            found.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of each request."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which `folder` is served, without a slash at its end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def opened(
    browser: Browser, width: int = 1200, scheme: Literal["light", "dark"] = "light", **how: Any
) -> Iterator[Page]:
    """A page of its own, closed afterwards; what its scripts throw fails the test."""
    with browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme, **how) as context:
        page = context.new_page()
        thrown: list[str] = []
        page.on("pageerror", lambda error: thrown.append(str(error)))
        yield page
    assert thrown == []


def axe(page: Page) -> list[tuple[str, str]]:
    """What axe-core has against the page: the rule, and the first element.

    The page has to be opened with `bypass_csp=True`: axe is not of the site.
    """
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    told = page.evaluate("axe.run().then((told) => told.violations)")
    return [(each["id"], each["nodes"][0]["html"]) for each in told]


def printed(browser: Browser, address: str) -> list[PageObject]:
    """The pages of paper that a page is printed on."""
    from pypdf import PdfReader

    with opened(browser) as page:
        page.goto(address)
        return list(PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages)


# A script of tests/runner reads standard input through `given.mjs` and prints with `console.log`: both are the page's.
PAGE = (
    '<!doctype html><script type="importmap">{"imports": {"/tests/runner/given.mjs": "/given-by-fetch.mjs"}}</script>'
)
GIVEN = 'export const given = await (await fetch("/given.json")).json();\n'
PRINTED = """async (script) => {
  const told = [];
  console.log = (text) => told.push(text);
  await import("/tests/runner/" + script);
  return told.join("\\n");
}"""


EXPORTED = re.compile(r"^export (?:async )?(?:function\*?|const|class) (\w+)|^export \{(.*)\};$", re.MULTILINE)


def _from_the_site(file: Path) -> str:
    """A module of the runner as the page of the runner has it: what it exports, out of the one script of the site."""
    names = [each[0] or each[1] for each in EXPORTED.findall(file.read_text("utf-8"))]
    return f'import {{ {file.stem} }} from "/page.js";\nexport const {{ {", ".join(names)} }} = {file.stem};\n'


def runner(browser: Browser) -> Callable[[str, Any], Any]:
    """As `tests.runner.node.run` in Node.js, in a page: what runs a script of tests/runner and reads what it prints.

    The code is that of the site, where all modules are one script, to the byte.
    """
    from kb.site.pages.run import ENTRY, RUNNER, runner_files

    def run(script: str, given: Any) -> Any:
        made = {
            "/": ("text/html", PAGE),
            "/page.js": ("text/javascript", runner_files()[ENTRY].decode()),
            "/given-by-fetch.mjs": ("text/javascript", GIVEN),
            "/given.json": ("application/json", json.dumps(given)),
        }

        def answer(route: Route) -> None:
            path = route.request.url.removeprefix("http://runner.test")
            kind, text = made.get(path, ("", ""))
            file = (ROOT / path.lstrip("/")).resolve()
            if not kind and file.suffix in (".js", ".mjs") and ROOT in file.parents and file.is_file():
                kind, text = (
                    "text/javascript",
                    _from_the_site(file) if file.parent == RUNNER else file.read_text("utf-8"),
                )
            route.fulfill(status=200 if kind else 404, content_type=f"{kind or 'text/plain'}; charset=utf-8", body=text)

        with opened(browser) as page:
            page.set_default_timeout(180_000)
            page.route("http://runner.test/**", answer)
            page.goto("http://runner.test/")
            return json.loads(page.evaluate(PRINTED, script))

    return run
