"""`kb diff` as it is typed: versions, files, git revisions, and what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.shell import kb

ROOT = Path(__file__).parents[2]
PROTOCOL = "protocols/adult-bradycardia/0.1.0.yaml"


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "protocols" / "library", tmp_path / "protocols" / "library")
    shutil.copytree(ROOT / "protocols" / "adult-bradycardia", tmp_path / "protocols" / "adult-bradycardia")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_version_against_itself_is_empty(base: Path) -> None:
    done = kb("diff", "adult-bradycardia@0.1.0", "adult-bradycardia@0.1.0")
    assert done.code == 0, done.err
    assert "nothing changed" in done.out


def test_words_that_changed_since_a_revision_are_a_patch_and_the_number_has_to_go_up(base: Path) -> None:
    change(base / PROTOCOL, "title: ", "title: The ")
    done = kb("diff", "adult-bradycardia", "--rev", "HEAD", "--format", "json")
    assert done.code == 1, done.err
    told = json.loads(done.out)
    assert (told["demanded"], told["made"], told["lowest"]) == ("patch", "none", "0.1.1")
    assert told["behaviour"]["same"]
    change(base / PROTOCOL, 'version: "0.1.0"', 'version: "0.1.1"')
    shutil.move(base / PROTOCOL, base / "protocols/adult-bradycardia/0.1.1.yaml")
    done = kb("diff", f"git:HEAD:{PROTOCOL}", "protocols/adult-bradycardia/0.1.1.yaml", "--format", "markdown")
    assert done.code == 0, done.out + done.err
    assert done.out.startswith("## ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["adult-bradycardia"], "", "say what to compare with"),
        (["adult-bradycardia", "--rev", "nonsense"], "KB824", "cannot be read from git"),
        (["adult-bradycardia", "anaphylaxis"], "KB703", "no protocol `anaphylaxis`"),
        (["adult-bradycardia", "adult-bradycardia", "--renamed", "a=b"], "KB823", "no step is renamed"),
        (["adult-bradycardia", "adult-bradycardia", "--renamed", "a"], "", "write the older and the newer id"),
        (["adult-bradycardia", "nowhere.yaml"], "KB703", "there is no file"),
    ],
)
def test_what_cannot_be_compared_is_told_in_words(base: Path, arguments: list[str], code: str, words: str) -> None:
    done = kb("diff", *arguments)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
