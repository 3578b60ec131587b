"""`kb try`: from a save of the first protocol to the last line of the answer, seen from outside."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
ID = "refractory-hypotension"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(ROOT / "protocols", Path(name) / "protocols")
        file = Path(name) / "protocols" / ID / "1.1.0.yaml"
        whole = file.read_text("utf-8")
        command = [sys.executable, "-m", "kb", "--base", name, "try", ID]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            start = time.perf_counter()
            for line in process.stdout:
                if "Ctrl-C ends" in line:
                    break
            print(f"{'start, first look and chart':32}{time.perf_counter() - start:8.2f} s")
            for what, text in (
                ("a threshold", whole.replace("map < 65 mmHg", "map < 64 mmHg")),
                ("back", whole),
                ("another", whole.replace("map < 65 mmHg", "map < 63 mmHg")),
                ("a remark", whole.replace("map < 65 mmHg", "map < 63 mmHg") + "# a remark\n"),
            ):
                start = time.perf_counter()
                file.write_text(text, encoding="utf-8")
                inside = next(line for line in process.stdout if line.endswith(" s)\n"))
                told = inside.strip().strip("()")
                print(f"{what:32}{time.perf_counter() - start:8.2f} s  of which looking {told}")
            process.terminate()


if __name__ == "__main__":
    main()
