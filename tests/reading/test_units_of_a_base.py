"""A base says what it needs of its units in words, where the engine would fail without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kb.base import Base

ROOT = Path(__file__).parents[2]
SECOND = "  s:\n    ucum: s\n    factor: 1\n    of: {time: 1}\n"


@pytest.mark.parametrize(
    ("instead", "says"),
    [
        ("", "the units have no `s`, in which every time is kept"),
        (SECOND.replace("factor: 1", "factor: 60"), "`s` is not the second, in which every time is kept"),
        (SECOND.replace("time: 1", "length: 1"), "`s` is not the second, in which every time is kept"),
    ],
)
def test_times_need_the_second(tmp_path: Path, instead: str, says: str) -> None:
    for name in ("library", "adult-bradycardia"):
        shutil.copytree(ROOT / "protocols" / name, tmp_path / "protocols" / name)
    units = tmp_path / "protocols" / "library" / "units.yaml"
    text = units.read_text(encoding="utf-8")
    assert SECOND in text
    units.write_text(text.replace(SECOND, instead), encoding="utf-8")
    found = [item for item in Base(tmp_path).check()[0] if item.code == "KB340" and item.message == says]
    assert [Path(item.span.file).name for item in found] == ["units.yaml"]
    assert found[0].help == "write under `units:` an entry `s` with `ucum: s`, `factor: 1` and `of: {time: 1}`"
