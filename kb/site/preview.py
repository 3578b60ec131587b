"""A site on this machine that follows every save: what has errors is told in its page, above what was last without."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kb.base import Base
from kb.site.build import preview_site
from kb.site.dossier import Dossier
from kb.site.emit import dossiers_of, tree_of, uncollected
from kb.site.reports import ReportStore
from kb.watching import Seen, changed, settled, snapshot

_SCRIPT = b"""new EventSource("/kb-saved").onmessage = () => location.reload();
"""
_KEEP_ALIVE = 15.0  # seconds after which an idle stream is told so, so that a closed page is noticed


class Preview:
    """The site of a base in `folder`, kept up to date by `look`."""

    def __init__(self, base: Base, folder: Path) -> None:
        self.base = base
        self.folder = folder
        self.reports = ReportStore(base)
        self.saved = threading.Condition()
        self.number = 0
        self.nothing = "The site is being built."  # why there is no page at all
        self._before: dict[tuple[str, str], Dossier] = {}
        self._seen: Seen = {}

    def files(self) -> Iterator[Path]:
        """Everything that the site is made from."""
        yield self.base.path / "local.yaml"
        for folder in (self.base.protocols_path, self.base.path / "site", self.reports.folder):
            yield from (path for path in folder.rglob("*") if path.is_file())

    @uncollected()
    def look(self) -> tuple[str, ...]:
        """Build the pages of what has changed; what MkDocs complains of.

        Proofs, differences and the check are shown where an earlier build has kept them and they are about what is
        there now; nothing is worked out here, for a save is to be on the page within a second.

        Raises:
            EmitError: a protocol has errors that had none to show before.
            SiteError: the site cannot be built.

        """
        now = settled(self.files)
        touched, self._seen = changed(self._seen, now), now
        for file in touched:
            self.base.forget(file)
        made = {(each.program.id, each.program.version): each for each in self._dossiers()}
        tree = tree_of(self.base, list(made.values()), self.reports.check())
        complaints = preview_site(self.base.path, tree, self.folder)
        self._before, self.nothing = made, ""
        with self.saved:
            self.number += 1
            self.saved.notify_all()
        return complaints

    def is_stale(self) -> bool:
        """Whether a file has changed since the last look."""
        return bool(changed(self._seen, snapshot(self.files())))

    @property
    def broken(self) -> tuple[Dossier, ...]:
        """What is shown as it was before it had errors."""
        return tuple(each for each in self._before.values() if each.broken)

    def _dossiers(self) -> Iterable[Dossier]:
        return dossiers_of(self.base, self.reports.kept(), before=self._before)


def server_of(preview: Preview, host: str, port: int) -> ThreadingHTTPServer:
    """A server of the preview; `port` 0: any that is free."""
    server = ThreadingHTTPServer((host, port), partial(_Handler, preview=preview, directory=str(preview.folder)))
    server.daemon_threads = True
    return server


class _Handler(SimpleHTTPRequestHandler):
    """Pages as they are, with a script that loads them anew after a save."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, preview: Preview, **kwargs: Any) -> None:
        self.preview = preview
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        """A page, the script, or the stream that tells of saves."""
        if self.path == "/kb-saved.js":
            self._send(_SCRIPT, "text/javascript")
        elif self.path == "/kb-saved":
            self._stream()
        elif self.preview.nothing:
            told = f"<!DOCTYPE html><title>Not built</title><pre>{html.escape(self.preview.nothing)}</pre></body>"
            self._send(_with_script(told.encode()), "text/html; charset=utf-8", HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            file = Path(self.translate_path(self.path))
            file = file / "index.html" if file.is_dir() and self.path.partition("?")[0].endswith("/") else file
            if file.suffix == ".html" and file.is_file():
                self._send(_with_script(file.read_bytes()), "text/html; charset=utf-8")
            else:
                super().do_GET()

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        number = self.preview.number
        try:
            while True:
                with self.preview.saved:
                    self.preview.saved.wait(_KEEP_ALIVE)
                self.wfile.write(b"data: saved\n\n" if self.preview.number != number else b": still here\n\n")
                self.wfile.flush()
                number = self.preview.number
        except OSError:
            return  # the page was closed

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal tells what was saved."""


def _with_script(page: bytes) -> bytes:
    return page.replace(b"</body>", b'<script src="/kb-saved.js" defer></script></body>', 1)
