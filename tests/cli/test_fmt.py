"""`kb fmt`: which files, what is written, and the exit codes."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from kb import cli

ROOT = Path(__file__).parents[2]
LIBRARY = len(list((ROOT / "protocols" / "library").iterdir()))  # files, in their form
UNTIDY = "id: example\nformat: 1\nversion: 0.1.0\n# why\nstart: [a,   b]\n"
TIDY = 'format: 1\nid: example\nversion: "0.1.0"\n# why\nstart: [a, b]\n'


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Fmt = Callable[..., Answer]


@pytest.fixture
def fmt(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fmt:
    """Run `kb fmt` in process, in a base with one untidy protocol file."""
    shutil.copytree(ROOT / "protocols" / "library", tmp_path / "protocols" / "library")
    home = tmp_path / "protocols" / "example"
    home.mkdir()
    (home / "0.1.0.yaml").write_text(UNTIDY, "utf-8")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, stdin: str = "") -> Answer:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            cli.run(["fmt", *arguments])
        out, err = capsys.readouterr()
        return Answer(ended.value.code if isinstance(ended.value.code, int) else 0, out, err)

    return call


FILE = Path("protocols/example/0.1.0.yaml")


def test_all_files_of_the_base_are_formatted_once(fmt: Fmt) -> None:
    Path("local.yaml").write_text("parameters: {wait: 5 min}\nformat: 1\n", "utf-8")
    told = fmt()
    assert told.code == 0
    assert told.out.splitlines() == [
        f"formatted  {FILE}",
        "formatted  local.yaml",
        f"2 files formatted, {LIBRARY} files in their form",
    ]
    assert FILE.read_text("utf-8") == TIDY
    assert Path("local.yaml").read_text("utf-8") == "format: 1\n\nparameters:\n  wait: 5 min\n"
    assert fmt() == Answer(0, f"{LIBRARY + 2} files in their form\n", "")


def test_check_names_the_files_and_writes_nothing(fmt: Fmt) -> None:
    told = fmt("--check")
    assert told.code == 1
    assert told.out.splitlines() == [f"would change  {FILE}", f"1 file would change, {LIBRARY} files in their form"]
    assert FILE.read_text("utf-8") == UNTIDY


def test_diff_shows_what_would_change_and_writes_nothing(fmt: Fmt) -> None:
    told = fmt("example", "--diff")
    assert told.code == 1
    assert "-version: 0.1.0\n" in told.out
    assert '+version: "0.1.0"\n' in told.out
    assert FILE.read_text("utf-8") == UNTIDY


def test_one_protocol_one_version_one_file_or_one_folder(fmt: Fmt) -> None:
    (FILE.parent / "0.2.0.yaml").write_text(UNTIDY, "utf-8")
    assert "2 files would change\n" in fmt("example", "--check").out
    told = fmt("example@0.2.0", "--check").out
    assert "0.2.0.yaml" in told
    assert "0.1.0.yaml" not in told
    assert fmt(str(FILE), "--check").code == 1
    assert fmt("protocols/library", "--check").out == f"{LIBRARY} files in their form\n"
    assert f"2 files would change, {LIBRARY} files in their form\n" in fmt(".", "--check").out


@pytest.mark.parametrize(("word", "told"), [
    ("exmple", "no file, folder or protocol `exmple`; did you mean `example`?"),
    ("example@9.0.0", "`example` has no version 9.0.0; there are: 0.1.0"),
])  # fmt: skip
def test_a_word_that_names_nothing_is_told(word: str, told: str, fmt: Fmt) -> None:
    assert fmt(word) == Answer(2, "", f"kb: {told}\n")


def test_a_folder_without_yaml_is_not_taken_for_fine(fmt: Fmt) -> None:
    Path("empty").mkdir()
    assert fmt("empty") == Answer(2, "", "kb: nothing was formatted: there is no YAML file\n")


def test_a_refused_file_stays_and_the_others_are_formatted(fmt: Fmt) -> None:
    broken = FILE.parent / "0.0.1.yaml"
    broken.write_text("format: 1\nformat: 1\n", "utf-8")
    told = fmt()
    assert told.code == 1
    assert "error[KB108 duplicate-key]" in told.err
    assert f"1 file formatted, {LIBRARY} files in their form, 1 file refused, left as it is\n" in told.out
    assert broken.read_text("utf-8") == "format: 1\nformat: 1\n"
    assert FILE.read_text("utf-8") == TIDY


def test_a_file_that_is_not_there_is_told(fmt: Fmt) -> None:
    told = fmt("missing.yaml")
    assert told.code == 1
    assert "KB101" in told.err


def test_a_link_found_in_a_folder_is_left_alone_and_named(fmt: Fmt) -> None:
    Path("elsewhere.yaml").write_text(UNTIDY, "utf-8")
    link = FILE.parent / "0.2.0.yaml"
    link.symlink_to(Path("elsewhere.yaml").resolve())
    told = fmt()
    assert told.code == 0
    assert f"a link, left alone  {link}\n" in told.out
    assert Path("elsewhere.yaml").read_text("utf-8") == UNTIDY
    assert fmt(str(link)).code == 0
    assert Path("elsewhere.yaml").read_text("utf-8") == TIDY


def test_a_file_that_cannot_be_written_is_told_and_the_others_are_formatted(
    fmt: Fmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FILE.parent / "0.2.0.yaml"
    other.write_text(UNTIDY, "utf-8")
    replace = os.replace

    def full(source: str, target: str) -> None:
        if Path(target).name == "0.1.0.yaml":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    told = fmt("example")
    assert told.code == 2
    assert f"not written  {FILE}: No space left on device\n" in told.err
    assert FILE.read_text("utf-8") == UNTIDY
    assert other.read_text("utf-8") == TIDY


def test_standard_input_comes_out_in_its_form(fmt: Fmt) -> None:
    assert fmt("-", stdin=UNTIDY) == Answer(0, TIDY, "")
    assert fmt("-", "--check", stdin=UNTIDY).code == 1
    assert fmt("-", "--check", stdin=TIDY) == Answer(0, "", "")
    assert '+version: "0.1.0"' in fmt("-", "--diff", stdin=UNTIDY).out


def test_standard_input_that_is_refused_gives_no_output(fmt: Fmt) -> None:
    for text in ("a: [1", "services: {}\n"):
        told = fmt("-", stdin=text)
        assert (told.code, told.out) == (1, "")
        assert "error[KB1" in told.err


def test_a_protocol_is_formatted_only_with_equal_digests(fmt: Fmt, monkeypatch: pytest.MonkeyPatch) -> None:
    from kb.base import Base

    asked: list[Path] = []
    digests = Base.digests

    def told(self: Base, file: Path, text: str) -> tuple[str, str] | None:
        asked.append(file)
        return digests(self, file, text)

    monkeypatch.setattr(Base, "digests", told)
    shutil.copytree(ROOT / "protocols" / "anaphylaxis", "protocols/anaphylaxis")
    file = Path("protocols/anaphylaxis/0.1.0.yaml")
    text = file.read_text("utf-8")
    file.write_text(text.replace("start: circulation", "start:    circulation"), "utf-8")
    assert fmt(str(file)).code == 0
    assert asked == [file, file]
    assert file.read_text("utf-8") == text
