"""A small language client: JSON-RPC over the standard streams of a server, as an editor speaks it."""

from __future__ import annotations

import itertools
import json
import queue
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

PATIENCE = 60.0  # seconds; a limit for what hangs, not a measure of speed


class Client:
    """One server process. What it asks for in turn (its configuration) is answered from `settings`."""

    def __init__(
        self, command: Sequence[str], settings: Mapping[str, Any] | None = None, cwd: Path | None = None
    ) -> None:
        self.settings = settings or {}
        self.folder = cwd or Path.cwd()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd
        )
        self.numbers = itertools.count(1)
        self.answers: dict[int, dict[str, Any]] = {}
        self.published: dict[str, list[dict[str, Any]]] = {}
        self.versions: dict[str, int] = {}
        self.notices: list[dict[str, Any]] = []
        self.errors = bytearray()
        self.came: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.readers = [threading.Thread(target=work, daemon=True) for work in (self._read, self._read_errors)]
        for reader in self.readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            try:
                self.request("shutdown", None)
                self.notify("exit", None)
                self.process.wait(PATIENCE)
            except (AssertionError, OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    # -- the wire

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while True:
            length = 0
            while True:
                line = stream.readline()
                if not line:
                    self.came.put(None)
                    return
                if line == b"\r\n":
                    break
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            self.came.put(json.loads(stream.read(length)))

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors += line

    def send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _take(self) -> None:
        """Take in one message of the server."""
        try:
            message = self.came.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"the server says nothing more\n{self.errors.decode(errors='replace')}") from None
        assert message is not None, f"the server has stopped\n{self.errors.decode(errors='replace')}"
        method = message.get("method")
        if method is None:
            self.answers[message["id"]] = message
        elif "id" in message:
            self.send({"id": message["id"], "result": self._asked(method, message.get("params"))})
        elif method == "textDocument/publishDiagnostics":
            said = message["params"]
            self.published[said["uri"]] = said["diagnostics"]
            if said.get("version") is not None:
                self.versions[said["uri"]] = said["version"]
        else:
            self.notices.append(message)

    def _asked(self, method: str, params: Any) -> Any:
        if method == "workspace/configuration":
            return [self.settings.get(item.get("section", ""), None) for item in params["items"]]
        return None

    # -- what an editor does

    def request(self, method: str, params: Any) -> Any:
        """The result of a request; its error as a failure."""
        answer = self.try_request(method, params)
        assert "error" not in answer, answer["error"]
        return answer.get("result")

    def try_request(self, method: str, params: Any) -> dict[str, Any]:
        """The whole answer to a request."""
        number = next(self.numbers)
        self.send({"id": number, "method": method, "params": params})
        while number not in self.answers:
            self._take()
        return self.answers.pop(number)

    def notify(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    def initialize(self, root: Path, capabilities: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Capabilities of the server."""
        wanted = {
            "workspace": {"configuration": True, "workspaceEdit": {"documentChanges": True}},
            "textDocument": {
                "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}},
                "hover": {"contentFormat": ["markdown"]},
                "publishDiagnostics": {"relatedInformation": True, "versionSupport": True},
            },
        }
        params = {
            "processId": None,
            "rootUri": root.as_uri(),
            "capabilities": {**wanted, **(capabilities or {})},
            "workspaceFolders": [{"uri": root.as_uri(), "name": root.name}],
        }
        result: dict[str, Any] = self.request("initialize", params)
        self.notify("initialized", {})
        return result

    def open(self, path: Path, text: str | None = None) -> str:
        """Open a document, with `text` where the editor holds something else than the file; its URI."""
        content = path.read_text(encoding="utf-8") if text is None else text
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": content}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return path.as_uri()

    def change(self, uri: str, text: str, version: int = 2) -> None:
        identity = {"uri": uri, "version": version}
        self.published.pop(uri, None)
        self.notify("textDocument/didChange", {"textDocument": identity, "contentChanges": [{"text": text}]})

    def at(self, method: str, uri: str, line: int, character: int, **more: Any) -> Any:
        """A request about a place; line and character count from 0, in UTF-16 units."""
        place = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        return self.request(f"textDocument/{method}", {**place, **more})

    def diagnostics(
        self, uri: str, until: Callable[[list[dict[str, Any]]], bool] = lambda _: True
    ) -> list[dict[str, Any]]:
        """The diagnostics of a document, once they have been published and satisfy `until`."""
        while uri not in self.published or not until(self.published[uri]):
            self._take()
        return self.published[uri]
