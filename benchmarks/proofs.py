"""`kb check`, `kb prove`, `kb diff`, a sample of `kb mutate`: shipped protocols, and generated ones as they grow.

Each is a whole process. The generated protocols are ladders (see `check.py`) of about 20, 100 and 500 steps; `diff`
compares one with itself where one threshold was moved. The baseline is `kb check` of the same protocol.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from check import LIBRARY, PROTOCOL, RUNG, STATEMENTS

ROOT = Path(__file__).parent.parent
LIMIT = 600


def timed(*arguments: str) -> tuple[float, subprocess.CompletedProcess[str] | None]:
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "kb", *arguments], capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return time.perf_counter() - start, None
    return time.perf_counter() - start, done


def undecided(done: subprocess.CompletedProcess[str] | None) -> str:
    """What a run of `kb prove --format json` left open."""
    if done is None:
        return "not finished"
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return "failed"
    outcomes = re.findall(r'"outcome": "(\w+)"', json.dumps(found))
    if not outcomes:
        return "failed"
    return ", ".join(f"{outcomes.count(word)} {word}" for word in dict.fromkeys(outcomes))


def measure(base: Path, id: str, version: str, sample: int) -> None:
    file = base / "protocols" / id / f"{version}.yaml"
    at = ("--base", str(base))
    checked, _ = timed(*at, "check", id)
    proved, verdicts = timed(*at, "prove", f"{id}@{version}", "--format", "json")
    with tempfile.TemporaryDirectory() as name:
        moved = Path(name) / "protocols"
        shutil.copytree(base / "protocols", moved)
        other = moved / id / file.name
        text = file.read_text(encoding="utf-8")
        number = re.search(r"(?:when: .*?|- .*?)[<>]=? (\d+)( [a-zA-Z%/]+)", text)
        if number is not None:
            moved_by_one = f"{int(number.group(1)) + 1}{number.group(2)}"
            if id.startswith("ladder-"):  # its prose says the number too, and would be an error beside the new one
                text = text.replace("".join(number.groups()), moved_by_one)
            else:
                text = f"{text[: number.start(1)]}{moved_by_one}{text[number.end(2) :]}"
        other.write_text(text, encoding="utf-8")
        compared, told = timed(*at, "diff", str(file), str(other), "--format", "json")
    mutated = "-"
    if sample:
        took, _ = timed(*at, "mutate", f"{id}@{version}", "--sample", str(sample), "--seed", "1")
        mutated = f"{took:.1f}"
    outcome = " diff not finished" if told is None else " diff refused" if told.returncode > 1 else ""
    print(f"{id:30}{checked:8.2f}{proved:9.2f}{compared:9.2f}{mutated:>9}   {undecided(verdicts)}{outcome}", flush=True)


def write_ladder(base: Path, steps: int) -> str:
    """A ladder of about `steps` steps, two a rung."""
    id, rungs = f"ladder-{steps}", (steps - 5) // 2
    folder = base / "protocols" / id
    folder.mkdir(parents=True)
    names = ["pressure", *(f"rung-{step}" for step in range(2, rungs + 1)), "call-for-help"]
    ladder = "".join(
        RUNG.format(name=names[step], step=step + 1, rate=f"{0.004 * (step + 1):.3f}", following=names[step + 1])
        for step in range(rungs)
    )
    (folder / "1.0.0.yaml").write_text(PROTOCOL.format(id=id, number=steps, limit=65, ladder=ladder), encoding="utf-8")
    (folder / "statements.yaml").write_text(STATEMENTS.format(id=id), encoding="utf-8")
    return id


def main() -> None:
    print(f"{'seconds, whole process':30}{'check':>8}{'prove':>9}{'diff':>9}{'mutate':>9}   proofs")
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        shutil.copytree(LIBRARY, base / "protocols" / "library")
        for steps in (20, 100, 500):
            measure(base, write_ladder(base, steps), "1.0.0", 0)
    for folder in sorted(path for path in (ROOT / "protocols").iterdir() if path.name != "library" and path.is_dir()):
        newest = max(folder.glob("[0-9]*.yaml"), key=lambda path: tuple(map(int, path.stem.split("."))))
        measure(ROOT, folder.name, newest.stem, 5)


if __name__ == "__main__":
    main()
