"""`kb new`: what it writes passes every check at once; what it refuses leaves no trace."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kb import cli
from kb.base import Base
from kb.coverage import coverage
from kb.formatter import FormatResult, format_text
from kb.interpreter import Guideline
from kb.loader.protocol import load_protocol
from kb.scaffold.placing import ScaffoldError, read_template
from kb.scaffold.protocols import (
    check_id,
    check_title,
    nearest_id,
    new_protocol,
    new_version,
    protocol_files,
    templates,
)
from kb.scenarios import load_scenario_files, run_scenario
from kb.source import Scalar, read_text

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 3, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A knowledge base with the shipped library and no protocol."""
    shutil.copytree(ROOT / "protocols" / "library", tmp_path / "protocols" / "library")
    return tmp_path


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("template", templates())
def test_a_new_protocol_passes_every_check_and_its_scenarios_show_all_of_it(folder: Path, template: str) -> None:
    made = new_protocol(Base(folder), "post-op-fever", TODAY, template=template)
    assert made[0] == folder / "protocols" / "post-op-fever" / "0.1.0.yaml"
    base = Base(folder)
    found, checked = base.check()
    assert (found, len(checked)) == ((), 2)
    program, _ = base.program("post-op-fever")
    assert program is not None
    assert (program.title, program.version, program.updated) == ("Post op fever", "0.1.0", "2026-03-01")
    scenarios, _ = load_scenario_files(base.scenario_files("post-op-fever"))
    results = [run_scenario(Guideline(program), scenario) for scenario in scenarios]
    assert results
    assert [result.mismatches for result in results if result.mismatches] == []
    assert [part for part in coverage(program, results) if part.missing] == []


@pytest.mark.parametrize("template", templates())
def test_a_template_says_of_every_text_that_it_is_a_placeholder(template: str) -> None:
    texts = re.compile(r"^\s*(says|do|perform|end|decide|question|label|population|publisher|confirm|wording): (.*)$")
    for name, text in read_template(f"protocol/{template}").items():
        for line in text.splitlines():
            match = texts.match(line)
            if match and name != "scenarios/first.yaml":
                assert match[2].startswith("PLACEHOLDER"), f"{name}: {line}"


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_title_reads_back_as_it_was_given(title: str) -> None:
    try:
        check_title(title)
    except ScaffoldError:
        return
    text = protocol_files("a", TODAY, title)["0.1.0.yaml"]
    assert format_text(text) == FormatResult(text, "protocol")
    read = read_text(text, "0.1.0.yaml")
    assert read.root is not None
    assert not read.diagnostics
    value = read.root.get("title")
    assert isinstance(value, Scalar)
    assert value.text == title


@pytest.mark.parametrize(
    "title", ["A: b # c", '"quoted"', "yes", "- item", "it's", "12", "[x]", "<b>&", "100 % of it", "ß"]
)
def test_a_title_that_yaml_would_misread_is_quoted(folder: Path, title: str) -> None:
    new_protocol(Base(folder), "fever", TODAY, title)
    protocol, found = load_protocol(folder / "protocols" / "fever" / "0.1.0.yaml", Base(folder).library)
    assert not found
    assert protocol is not None
    assert protocol.title.value == title


@pytest.mark.parametrize("title", ["", "  ", "a\nb", "a\tb", "a\u200bb", "a\x1bb", "x" * 201])
def test_a_title_that_cannot_be_seen_whole_is_refused(title: str) -> None:
    with pytest.raises(ScaffoldError, match="title"):
        protocol_files("fever", TODAY, title)


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("Post-Op Fever", "post-op-fever"),
        ("post_op_fever", "post-op-fever"),
        ("Dyspnée aiguë", "dyspnee-aigue"),
        ("Übelkeit", "uebelkeit"),
        ("../../etc/passwd", "etc-passwd"),
        ("5-days", "protocol-5-days"),
        ("-x-", "x"),
        ("a--b", "a-b"),
        ("library", "library-protocol"),
    ],
)
def test_an_id_that_cannot_be_gets_the_nearest_that_can(given: str, near: str) -> None:
    with pytest.raises(ScaffoldError, match=f"`{near}` would do"):
        check_id(given)


@given(st.text(max_size=200))
def test_what_is_offered_as_an_id_is_one(text: str) -> None:
    near = nearest_id(text)
    assume(near)
    check_id(near)


@pytest.mark.parametrize("id", ["", "…", "42", "x" * 121])
def test_where_nothing_is_near_nothing_is_offered(id: str) -> None:
    with pytest.raises(ScaffoldError) as refused:
        check_id(id)
    assert "would do" not in str(refused.value)


def test_an_id_that_is_taken_is_refused_and_nothing_changes(folder: Path) -> None:
    new_protocol(Base(folder), "fever", TODAY)
    before = tree(folder)
    with pytest.raises(ScaffoldError, match=r"version 0\.1\.0.*kb new fever@0\.2\.0"):
        new_protocol(Base(folder), "fever", TODAY)
    assert tree(folder) == before


def test_a_folder_that_holds_something_else_is_left_alone(folder: Path) -> None:
    (folder / "protocols" / "fever").mkdir()
    (folder / "protocols" / "fever" / "notes.txt").write_text("mine")
    with pytest.raises(ScaffoldError, match="exists already"):
        new_protocol(Base(folder), "fever", TODAY)
    assert [path.name for path in (folder / "protocols").iterdir()] != []
    assert tree(folder / "protocols" / "fever") == {"notes.txt": b"mine"}


def test_where_writing_fails_nothing_is_left_behind(folder: Path) -> None:
    before = tree(folder)
    (folder / "protocols" / "fever").symlink_to("nowhere")
    with pytest.raises(ScaffoldError):
        new_protocol(Base(folder), "fever", TODAY)
    (folder / "protocols" / "fever").unlink()
    assert tree(folder) == before
    assert [path.name for path in (folder / "protocols").iterdir()] == ["library"]


def test_the_next_version_is_the_latest_with_its_own_version_and_date(folder: Path) -> None:
    new_protocol(Base(folder), "fever", TODAY)
    old = folder / "protocols" / "fever" / "0.1.0.yaml"
    made = new_version(Base(folder), "fever", "0.10.0", date(2026, 4, 5))
    assert (made.copied, made.withdrawn) == ("0.1.0", False)
    wanted = old.read_text("utf-8").replace('version: "0.1.0"', 'version: "0.10.0"').replace("2026-03-01", "2026-04-05")
    assert made.path.read_text("utf-8") == wanted
    base = Base(folder)
    assert base.check()[0] == ()
    assert base.protocols() == {"fever": ["0.1.0", "0.10.0"]}
    assert new_version(base, "fever", "0.11.0", TODAY).copied == "0.10.0"


def test_every_shipped_protocol_can_have_a_next_version_with_its_comments_and_logic(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "protocols", tmp_path / "protocols")
    for id, versions in Base(tmp_path).protocols().items():
        made = new_version(Base(tmp_path), id, "9.0.0", TODAY)
        old = (tmp_path / "protocols" / id / f"{versions[-1]}.yaml").read_text("utf-8").splitlines()
        new = made.path.read_text("utf-8").splitlines()
        changed = [line for line, other in zip(new, old, strict=True) if line != other]
        assert changed == ['version: "9.0.0"', "updated: 2026-03-01"], id


def test_line_ends_of_windows_and_a_comment_behind_the_version_are_kept(folder: Path) -> None:
    new_protocol(Base(folder), "fever", TODAY)
    path = folder / "protocols" / "fever" / "0.1.0.yaml"
    text = (
        path.read_text("utf-8").replace('version: "0.1.0"', "version: '0.1.0'   # not released").replace("\n", "\r\n")
    )
    path.write_bytes(text.encode())
    new = new_version(Base(folder), "fever", "0.2.0", TODAY).path.read_bytes()
    assert b'version: "0.2.0"   # not released\r\n' in new
    assert new.count(b"\r\n") == new.count(b"\n")


def test_a_copy_of_a_withdrawn_version_says_that_it_is_still_withdrawn(folder: Path) -> None:
    new_protocol(Base(folder), "fever", TODAY)
    path = folder / "protocols" / "fever" / "0.1.0.yaml"
    path.write_text(path.read_text("utf-8").replace("purpose:", "withdrawn: wrong\npurpose:"), "utf-8")
    assert new_version(Base(folder), "fever", "0.2.0", TODAY).withdrawn


@pytest.mark.parametrize(
    ("id", "version", "told"),
    [
        ("fevr", "0.2.0", "did you mean `fever`"),
        ("cough", "0.2.0", "`kb new cough` begins one"),
        ("fever", "0.1.0", "never edited"),
        ("fever", "0.0.9", r"0\.1\.1, 0\.2\.0, 1\.0\.0"),
        ("fever", "2", "three numbers"),
        ("fever", "../../x", "three numbers"),
        ("fever", "", "three numbers"),
        ("fever", "00.2.0", "three numbers"),
    ],
)
def test_a_next_version_that_cannot_be_is_refused(folder: Path, id: str, version: str, told: str) -> None:
    new_protocol(Base(folder), "fever", TODAY)
    before = tree(folder)
    with pytest.raises(ScaffoldError, match=told):
        new_version(Base(folder), id, version, TODAY)
    assert tree(folder) == before


@pytest.mark.parametrize("text", ["", "id: [", "format: 1\nversion: [1]\nupdated: x\n", "\xff"])
def test_a_latest_version_that_cannot_be_read_is_not_copied(folder: Path, text: str) -> None:
    new_protocol(Base(folder), "fever", TODAY)
    (folder / "protocols" / "fever" / "0.1.0.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ScaffoldError, match=r"kb check fever@0\.1\.0"):
        new_version(Base(folder), "fever", "0.2.0", TODAY)
    assert not (folder / "protocols" / "fever" / "0.2.0.yaml").exists()


# ---------------------------------------------------------------- the command


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.run(list(arguments))
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


def test_the_command_names_what_it_made_and_what_to_do_next(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "protocols" / "deep").mkdir()
    monkeypatch.chdir(folder / "protocols" / "deep")
    code, out, _ = run(capsys, "new", "fever")
    assert code == 0
    assert "0.1.0.yaml" in out
    assert "kb test fever --coverage" in out
    monkeypatch.chdir(folder)
    assert run(capsys, "check", "fever")[0] == 0
    code, out, _ = run(capsys, "test", "fever", "--coverage")
    assert code == 0
    assert set(re.findall(r"\d+%", out)) == {"100%"}
    code, out, _ = run(capsys, "new", "fever@1.0.0")
    assert code == 0
    assert "as a copy of 0.1.0" in out


def test_outside_a_base_the_shipped_one_is_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "new", "fever")
    assert code == 2
    assert "kb init" in err
    code, _, err = run(capsys, "--base", str(tmp_path), "new", "fever")
    assert code == 2
    assert "not a knowledge base" in err
    assert list(tmp_path.iterdir()) == []


def test_the_command_refuses_a_title_for_a_next_version_and_an_unknown_template(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["--base", str(folder)]
    assert run(capsys, *base, "new", "fever", "--from", "questoin")[2].strip().endswith("did you mean `question`?")
    assert run(capsys, *base, "new", "fever")[0] == 0
    code, _, err = run(capsys, *base, "new", "fever@0.2.0", "--title", "x")
    assert code == 2
    assert "copy of the latest" in err
