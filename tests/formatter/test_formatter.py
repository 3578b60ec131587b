"""The form of a file, case by case; what is refused; and that nothing which is not form can change."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.formatter import format_file, format_text, replace_file
from kb.validator import file_kinds
from tests.formatter.test_respelling import ASKED, SHIPPED, content

CASES = sorted((Path(__file__).parent / "cases").glob("*.in.yaml"))

SMALL = """\
format: 1
protocol: example
scenarios:
  one:
    title: One
    chart: {}
    expect:
      recommended: []
"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.split(".")[0])
def test_a_case_gets_its_form(case: Path) -> None:
    text = case.read_text("utf-8")
    result = format_text(text, str(case))
    assert not result.refused, result.diagnostics
    assert result.text == Path(str(case).replace(".in.", ".out.")).read_text("utf-8")
    assert result.changed
    assert content(result.text) == content(text)
    assert format_text(result.text, str(case)) == type(result)(result.text, result.kind)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_shipped_file_has_its_form(path: Path) -> None:
    _, result = format_file(path)
    assert not result.diagnostics
    assert not result.changed, f"run `kb fmt {path}`"


# what stands in the file, the code, the line and some words of the message
REFUSED = {
    "a key twice": ("format: 1\nformat: 1\n", "KB108", 2, "second time"),
    "not YAML": ("format: [1\n", "KB120", 1, "not closed"),
    "empty": ("# nothing\n", "KB111", 1, "empty"),
    "a file of something else": ("services:\n  web: {image: x}\n", "KB130", 1, "no file that a knowledge base has"),
    "an alias": ("format: 1\nid: *x\n", "KB109", 2, "alias"),
    "text or comment in prose": (SMALL.replace("One\n", "Pump # 2\n"), "KB131", 5, "the text ends before this `#`"),
    "text or comment where no schema says": (SMALL + "    nots: Pump # 2\n", "KB131", 9, "the text ends before"),
    "a sentence cut at its comma": (
        "format: 1\nprotocol: x\nsource:\n  title: A page\n  claims: [do this, and that]\nstatements: {}\n",
        "KB131",
        5,
        "one sentence may have become two",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_refused_with_its_place(name: str) -> None:
    text, code, line, words = REFUSED[name]
    result = format_text(text, "file.yaml")
    assert result.refused
    assert result.text == text
    assert not result.changed
    (found,) = result.diagnostics
    assert (found.code, found.span.line) == (code, line)
    assert words in found.message
    assert found.help


def test_a_file_with_mistakes_that_leave_it_readable_is_formatted() -> None:
    result = format_text(SMALL.replace("title: One", "titel:   One"), "file.yaml")
    assert not result.refused
    assert "    titel: One\n" in result.text


def test_another_program_refuses_the_text() -> None:
    seen: list[str] = []

    def digests(text: str) -> tuple[str, str]:
        seen.append(text)
        return str(len(seen)), "same"

    result = format_text("format:  1\nid: x\nsteps: {}\n", "file.yaml", "protocol", digests)
    assert result.refused
    assert "another Program" in result.diagnostics[0].message
    assert len(seen) == 2


@pytest.mark.parametrize(("text", "kind"), [
    (SMALL, "scenario"),
    ("format: 1\nunits: {}\n", "units"),
    ("format: 1\ndata: {}\n", "data"),
    ("format: 1\nparameters: {wait: 5 min}\n", "local"),
    ("# yaml-language-server: $schema=../../schema/units.schema.json\nother: x\n", "units"),
])  # fmt: skip
def test_the_kind_of_a_file_is_told_from_what_stands_in_it(text: str, kind: str) -> None:
    assert kind in file_kinds()
    assert format_text(text, "any.yaml").kind == kind


def test_the_name_decides_where_the_keys_do_not() -> None:
    assert format_text("format: 1\n", "base/local.yaml").kind == "local"
    assert format_text("format: 1\n", "base/any.yaml").diagnostics[0].code == "KB130"


def test_line_ends_of_a_windows_checkout_stay() -> None:
    windows = format_text(SMALL.replace("\n", "\r\n"), "file.yaml").text
    assert windows == format_text(SMALL, "file.yaml").text.replace("\n", "\r\n")
    mixed = SMALL.replace("\n", "\r\n", 2)
    assert "\r" not in format_text(mixed, "file.yaml").text


# ---------------------------------------------------------------- hostile text

PIECES = [
    "#", " # x", '"', "'", ": ", "- ", "\n", "\n\n", "    ", "[", "]", "{", "}", ", ", "|", ">-\n", "&a ", "*a", "!t ",
    "%", "---\n", "...\n", "? ", "\t", "\u00a0", "\r\n", "~", "null", "\\", "(", "\u200b", "é", "\n# own\n", "<<: ",
    '"\\u0007"', "\u2028", "\x00", "\ufeff", "1.0.0", "no",
]  # fmt: skip


@ASKED
@given(st.text(st.sampled_from("ab:-#[]{}|>,'\"\n  \\&*!?%@`~\t1.é"), max_size=80), st.sampled_from(file_kinds()))
def test_no_text_is_a_fault(text: str, kind: str) -> None:
    result = format_text(text, "any.yaml", kind)
    assert result.refused == bool(result.diagnostics)
    if not result.refused:
        assert content(result.text) == content(text)


@ASKED
@given(st.sampled_from(SHIPPED), st.integers(0, 2**32))
def test_a_damaged_file_is_refused_or_says_the_same(path: Path, seed: int) -> None:
    random = Random(seed)
    text = "\n".join(path.read_text("utf-8").split("\n")[: random.randrange(5, 80)])
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice(PIECES) + text[at + random.choice([0, 0, 3]) :]
    result = format_text(text, str(path))
    if result.refused:
        assert result.text == text
        assert "fault of kb" not in str([found.help for found in result.diagnostics])
    else:
        assert content(result.text) == content(text.replace("\r\n", "\n"))
        assert format_text(result.text, str(path), result.kind).text == result.text


# ---------------------------------------------------------------- writing


def test_a_file_is_replaced_whole_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("before", "utf-8")
    path.chmod(0o640)
    assert replace_file(path, "before", "after ≥ é\r\n")
    assert path.read_bytes().decode("utf-8") == "after ≥ é\r\n"
    assert path.stat().st_mode & 0o7777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["file.yaml"]


def test_a_file_that_somebody_else_changed_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("theirs", "utf-8")
    assert not replace_file(path, "before", "after")
    assert path.read_text("utf-8") == "theirs"
    assert [each.name for each in tmp_path.iterdir()] == ["file.yaml"]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failure_at_any_step_leaves_the_old_file(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("before", "utf-8")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fails)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, "before", "after")
    assert path.read_text("utf-8") == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["file.yaml"]


def test_a_link_goes_on_leading_to_the_file(tmp_path: Path) -> None:
    path, link = tmp_path / "file.yaml", tmp_path / "link.yaml"
    path.write_text("before", "utf-8")
    link.symlink_to(path)
    assert replace_file(link, "before", "after")
    assert link.is_symlink()
    assert path.read_text("utf-8") == "after"
