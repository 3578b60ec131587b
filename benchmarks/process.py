"""A whole process that imports kb, loads a compiled Program and gives its first advice, beside a bare interpreter."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import kb

PATIENT = json.loads((Path(__file__).parent / "patient.json").read_text())

# Peak of this program alone: `ru_maxrss` would count the parent that it was forked from.
PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
BARE = PEAK
FIRST_ADVICE = """
import json, sys
import kb
guideline = kb.load_program(sys.argv[1])
advice = guideline.advise(json.loads(sys.argv[2]))
assert advice.recommended
"""
FIRST_ADVICE += PEAK


def run(code: str, *arguments: str) -> tuple[float, int]:
    """Wall seconds and peak KiB of one fresh process."""
    # An installed package is byte-compiled; a caller's wish not to write such files would be measured as kb's.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=tempfile.gettempdir(),
        env=environment,
    )
    return time.perf_counter() - start, int(done.stdout)


def main(rounds: int = 15) -> None:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program.json"
        from kb.codec import program_file

        program.write_text(json.dumps(program_file(kb.load("refractory-hypotension").program)))
        patient = json.dumps(PATIENT)
        run(FIRST_ADVICE, str(program), patient)  # byte-compiles what is new
        bare, first = [], []
        for _ in range(rounds):
            bare.append(run(BARE))
            first.append(run(FIRST_ADVICE, str(program), patient))
        bare_time, first_time = (statistics.median(item[0] for item in items) * 1000 for items in (bare, first))
        bare_memory, first_memory = (statistics.median(item[1] for item in items) / 1024 for items in (bare, first))
        size = program.stat().st_size / 1024
    print(f"compiled Program: {size:.0f} KiB of JSON; {rounds} processes of each, in turn; medians")
    print(f"{'':28}{'time':>10}{'peak memory':>16}")
    print(f"{'bare interpreter':28}{bare_time:8.1f} ms{bare_memory:12.1f} MiB")
    print(f"{'import, load, first advice':28}{first_time:8.1f} ms{first_memory:12.1f} MiB")
    print(f"{'above the bare interpreter':28}{first_time - bare_time:8.1f} ms{first_memory - bare_memory:12.1f} MiB")


if __name__ == "__main__":
    main()
