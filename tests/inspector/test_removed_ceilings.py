"""A ceiling that is taken out of a shipped protocol does not pass the check: each `max:`, and all caps at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kb.base import Base
from kb.source import Source, read_source, read_text

ROOT = Path(__file__).parents[2]
FILES = sorted(file for id in Base(ROOT).protocols() for file in (ROOT / "protocols" / id).glob("[0-9]*.yaml"))
CAPS = re.compile(r"^caps:\n(?:  .*\n|\n)+", re.MULTILINE)
SAMPLE = {"0.1.0.yaml: insulin", "0.1.0.yaml: lower-insulin", "0.1.0.yaml: second-drug"}


def ceilings() -> list[tuple[Path, str, str, str]]:
    """Each file with a ceiling, where the ceiling stands, its line, and the text without it.

    Left out is a `max:` at which the range of its dose ends by itself, `0.1 to 0.5` with `max: 0.5`: without it
    nobody's dose is another.
    """
    made = []
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        step = dose = ""
        for number, line in enumerate(lines):
            step = line.strip(" :\n") if re.fullmatch(r"  [a-z][\w-]*:\n", line) else step
            dose = line.strip() if line.strip().startswith(("rate: ", "amount: ")) else dose
            if line.strip().startswith("max: ") and not dose.endswith(f" to {line.strip().removeprefix('max: ')}"):
                made.append((file, step, line.strip(), "".join(lines[:number] + lines[number + 1 :])))
        if (caps := CAPS.search(text)) is not None:
            made.append((file, "caps", "caps:", text[: caps.start()] + text[caps.end() :]))
    return made


ALL = ceilings()


@pytest.mark.parametrize(
    ("file", "without"),
    [
        pytest.param(
            one[0], one[3], marks=() if f"{one[0].name}: {one[1]}" in SAMPLE or one[1] == "caps" else pytest.mark.long
        )
        for one in ALL
    ],
    ids=[f"{file.parent.name} {file.stem} {step} {line}" for file, step, line, _ in ALL],
)
def test_a_ceiling_that_is_taken_out_is_told(file: Path, without: str) -> None:
    def read(path: str | Path) -> Source:
        return read_text(without, str(path)) if Path(path) == file else read_source(path)

    found = [one.code for one in Base(ROOT, read).findings(file) if one.allowed is None]
    assert found
    assert not {"KB530", "KB531"}.issuperset(found), "an allowance that nothing needs says nothing of the dose"
