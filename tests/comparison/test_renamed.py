"""A version lists the steps that had another id before; a comparison follows them, and an id means one thing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kb.base import Base

ROOT = Path(__file__).parents[2]
LISTED = "renamed:\n  not-slow: fast-enough\n"


def base_with(folder: Path, listed: str) -> Base:
    """A base whose newer version of one protocol calls a step otherwise."""
    for name in ("library", "adult-bradycardia"):
        shutil.copytree(ROOT / "protocols" / name, folder / "protocols" / name)
    home = folder / "protocols" / "adult-bradycardia"
    shutil.rmtree(home / "scenarios")
    text = (home / "0.1.0.yaml").read_text("utf-8").replace('version: "0.1.0"', 'version: "0.2.0"')
    text = text.replace("not-slow", "fast-enough").replace("\nstart:", f"\n{listed}\nstart:", 1)
    (home / "0.2.0.yaml").write_text(text, encoding="utf-8")
    return Base(folder)


def test_a_step_that_a_version_lists_as_renamed_is_followed(tmp_path: Path) -> None:
    found = base_with(tmp_path, LISTED).diff("adult-bradycardia@0.1.0", "adult-bradycardia@0.2.0")
    assert [(each.kind, each.about) for each in found.changes] == [("step renamed", "fast-enough")]
    assert found.behaviour is not None
    assert found.behaviour.same
    assert found.demanded == "major"  # charts, scenarios and journals name the step


def test_a_step_that_no_version_lists_is_gone_and_new(tmp_path: Path) -> None:
    found = base_with(tmp_path, "").diff("adult-bradycardia@0.1.0", "adult-bradycardia@0.2.0")
    assert {each.about for each in found.changes} >= {"not-slow", "fast-enough"}


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("not-slow: fast-enuogh", "KB401", "there is no step `fast-enuogh`"),
        ("atropine: fast-enough", "KB219", "`atropine` is said to be `fast-enough` now, and is a step of this version"),
    ],
)
def test_what_is_listed_is_a_step_now_and_was_none_of_the_others(
    line: str, code: str, says: str, tmp_path: Path
) -> None:
    base = base_with(tmp_path, f"renamed:\n  {line}\n")
    file = base.file("adult-bradycardia", "0.2.0")
    assert file is not None
    found = base.compile(file)[1]
    assert [(one.code, says in one.message) for one in found] == [(code, True)]
    assert found[0].help
