"""The scripts of this folder as a page of headless Chromium runs them: served from this machine, to nobody else."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")

# A script reads standard input through `given.mjs` and prints with `console.log`: here both are the page's own.
PAGE = """<!doctype html>
<title>{script}</title>
<script type="importmap">{{"imports": {{"/tests/runner/given.mjs": "/given-by-fetch.mjs"}}}}</script>
<script type="module">
const send = (kind, text) => fetch("/" + kind, {{ method: "POST", body: text }});
console.log = (text) => send("result", text);
import("/tests/runner/{script}").catch((error) => send("failed", String(error.stack)));
</script>
"""
GIVEN = 'export const given = await (await fetch("/given.json")).json();\n'


def run(script: str, given: Any, folder: Path, timeout: float = 180) -> Any:
    """What a script of this folder prints in Chromium, as JSON; `folder` is for its profile.

    Without Chromium the test says so and is skipped; with `KB_REQUIRE_CHROMIUM` it fails.
    """
    if CHROMIUM is None:
        told = "Chromium is missing: the runner was not tried in a browser"
        if os.environ.get("KB_REQUIRE_CHROMIUM"):
            pytest.fail(told)
        pytest.skip(told)
    answers: queue.Queue[tuple[str, str]] = queue.Queue()
    made = {
        "/": ("text/html", PAGE.format(script=script)),
        "/given-by-fetch.mjs": ("text/javascript", GIVEN),
        "/given.json": ("application/json", json.dumps(given)),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = made.get(self.path, ("", ""))
            file = (ROOT / self.path.lstrip("/")).resolve()
            if not kind and file.suffix in (".js", ".mjs") and ROOT in file.parents and file.is_file():
                kind, text = "text/javascript", file.read_text(encoding="utf-8")
            self.reply(200 if kind else 404, kind or "text/plain", text)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.reply(200, "text/plain", "")
            answers.put((self.path, body))

        def reply(self, status: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile = f"--user-data-dir={folder / 'profile'}"
    page = f"http://127.0.0.1:{server.server_address[1]}/"
    browser = subprocess.Popen([CHROMIUM, *FLAGS, profile, page], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        kind, text = answers.get(timeout=timeout)
    finally:
        browser.terminate()
        browser.wait(timeout=30)
        server.shutdown()
        server.server_close()
    assert kind == "/result", text
    return json.loads(text)
