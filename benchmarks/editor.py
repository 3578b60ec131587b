"""`kb lsp` on the first protocol: until the first answer, from a change to its diagnostics, and completion.

Beside them: one `kb check` of the same protocol as a process, which is what an editor without a server would run.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tests.editor.client import Client  # noqa: E402 - the client of the tests, found beside this folder

ID = "refractory-hypotension"
PAUSE = 150  # milliseconds the server waits for more typing


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(HERE.parent / "protocols", folder / "protocols")
        path = folder / "protocols" / ID / "1.1.0.yaml"
        text = path.read_text(encoding="utf-8")
        lines = text.split("\n")
        row = lines.index("        go: arrest")
        where = {"line": row, "character": len(lines[row]) - 2}
        figures: dict[str, float] = {}
        command = [sys.executable, "-m", "kb", "--base", str(folder), "check", ID]
        figures["kb check as a process"] = timed(lambda: subprocess.run(command, check=True, capture_output=True))
        with Client([sys.executable, "-m", "kb", "lsp"], cwd=HERE.parent) as client:
            uri = path.as_uri()

            def first() -> None:
                client.initialize(folder)
                client.open(path)
                client.diagnostics(uri)

            figures["start to the first diagnostics"] = timed(first)
            place = {"textDocument": {"uri": uri}, "position": where}
            changes, completions, hovers = [], [], []
            for number in range(2, 22):
                wrong = number % 2 == 0

                def change(number: int = number, wrong: bool = wrong) -> None:
                    client.change(uri, text.replace("go: arrest", "go: arest") if wrong else text, number)
                    client.diagnostics(uri, lambda told: bool(told) == wrong)

                changes.append(timed(change))
                completions.append(timed(lambda: client.request("textDocument/completion", place)))
                hovers.append(timed(lambda: client.request("textDocument/hover", place)))
            document = {"textDocument": {"uri": uri}}
            client.request("textDocument/codeLens", document)
            lenses = [timed(lambda: client.request("textDocument/codeLens", document)) for _ in range(5)]
        figures[f"change to diagnostics, of which {PAUSE} ms pause"] = statistics.median(changes)
        figures["completion"] = statistics.median(completions)
        figures["hover"] = statistics.median(hovers)
        figures["lenses of a whole protocol"] = statistics.median(lenses)
    for what, milliseconds in figures.items():
        print(f"{what:<48}{milliseconds:9.1f} ms")


if __name__ == "__main__":
    main()
