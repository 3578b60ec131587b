"""`kb init`: a base that passes everything at once, that keeps what is there, and holds shipped protocols unchanged."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from kb import cli
from kb.base import Base
from kb.cli import COMMANDS
from kb.formatter import format_file
from kb.scaffold.bases import as_markdown, base_files, new_base
from kb.scaffold.placing import ScaffoldError, read_template
from kb.scaffold.protocols import new_protocol
from kb.site import site_tree
from kb.site.build import build_site
from kb.source import Mapping, Scalar, Sequence, read_text

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 3, 1)
SHIPPED = Base(ROOT)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def plain(node: Any) -> Any:
    """A YAML tree as plain data, every scalar as text."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    assert isinstance(node, Mapping)
    return {key: plain(entry.value) for key, entry in node.entries.items()}


def yaml_of(text: str) -> Any:
    read = read_text(text, "file.yaml")
    assert not read.diagnostics
    return plain(read.root)


def built(base: Path, out: Path | None = None) -> Path:
    return build_site(base, site_tree(Base(base)), out)


@pytest.mark.parametrize("empty_library", [False, True])
def test_a_new_base_passes_every_check_and_builds(tmp_path: Path, empty_library: bool) -> None:
    made = new_base(tmp_path / "base", TODAY, empty_library=empty_library)
    assert (made.kept, made.protocols, made.brought) == ((), ("first-protocol",), ())
    assert set(made.written) == set(tree(tmp_path / "base"))
    base = Base(tmp_path / "base")
    assert (base.check()[0], len(base.check()[1])) == ((), 2)
    assert bool(base.library.drugs) is not empty_library
    shipped = {path.name for path in (ROOT / "protocols" / "library").iterdir()}
    wanted = {"units.yaml", "data.yaml", "drugs.yaml", "safety.yaml"} if empty_library else shipped
    assert {path.name for path in (base.protocols_path / "library").iterdir()} == wanted
    assert base.local() == ({"format": 1}, ())
    out = built(base.path)
    assert out == base.path / "out" / "site"
    pages = out / "protocols" / "first-protocol" / "0.1.0"
    assert "DRAFT" in (pages / "index.html").read_text("utf-8")
    assert "<svg" in (pages / "chart.html").read_text("utf-8")
    for name in (
        "index.html",
        "format.html",
        "kb.css",
        "kb.js",
        "diagnostics/KB101.html",
        "protocols/first-protocol/0.1.0/flowchart.svg",
    ):
        assert (out / name).is_file(), name


def test_the_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    new_base(tmp_path / "base", TODAY)
    out = built(tmp_path / "base", tmp_path / "public")
    assert out == tmp_path / "public"
    loaded = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=["'](?:https?:)?//""")
    for page in out.rglob("*.html"):
        assert not loaded.search(page.read_text("utf-8")), page


@pytest.mark.parametrize("id", SHIPPED.protocols())
def test_a_protocol_taken_over_has_the_shipped_digests(tmp_path: Path, id: str) -> None:
    made = new_base(tmp_path / "base", TODAY, protocols=[id])
    base = Base(tmp_path / "base")
    assert id in made.protocols
    assert base.check()[0] == ()
    for each in (id, *made.brought):
        assert base.protocols()[each] == SHIPPED.protocols()[each]
        for version in SHIPPED.protocols()[each]:
            ours, theirs = base.program(each, version)[0], SHIPPED.program(each, version)[0]
            assert ours is not None
            assert theirs is not None
            assert (ours.logic_digest, ours.text_digest) == (theirs.logic_digest, theirs.text_digest)
        assert tree(base.protocols_path / each) == tree(SHIPPED.protocols_path / each)


@pytest.mark.parametrize("empty_library", [False, True])
def test_every_file_of_a_new_base_is_in_its_form(tmp_path: Path, empty_library: bool) -> None:
    title = 'A: <b> # "' + "long " * 30 + "'ward'"
    base = tmp_path / "base"
    new_base(base, TODAY, title, () if empty_library else ("refractory-hypotension",), empty_library)
    new_protocol(Base(base), "post-op-fever", TODAY, title)
    files = [*(base / "protocols").rglob("*.yaml"), base / "local.yaml"]
    assert len(files) > 9
    for path in files:
        result = format_file(path)[1]
        assert (path.name, result.changed, result.diagnostics) == (path.name, False, ())


def test_what_a_protocol_hands_over_to_comes_with_it(tmp_path: Path) -> None:
    made = new_base(tmp_path / "base", TODAY, protocols=["refractory-hypotension"])
    assert made.brought == ("adult-cardiac-arrest", "local-anaesthetic-toxicity")


def test_local_settings_list_what_the_protocols_leave_open_and_settle_nothing(tmp_path: Path) -> None:
    new_base(tmp_path / "base", TODAY, protocols=["refractory-hypotension"])
    path = tmp_path / "base" / "local.yaml"
    text = path.read_text("utf-8")
    assert [line for line in text.splitlines() if line and not line.startswith("#")] == ["format: 1"]
    program, _ = SHIPPED.program("refractory-hypotension")
    assert program is not None
    needed = [item.id for item in program.parameters if item.default is None]
    assert "reassess_after" in needed
    for id in needed:
        assert f"\n#  {id}:     # " in text
    # As its own comment says: take the marks away, and write a value.
    path.write_text(
        text.replace("#parameters:", "parameters:").replace("#  reassess_after:", "  reassess_after: 5 min")
    )
    settled, found = Base(tmp_path / "base").local()
    assert found == ()
    assert settled["parameters"] == {"reassess_after": "5 min"}


def test_the_title_stands_on_the_site_as_it_was_given(tmp_path: Path) -> None:
    title = "A: <b>&_*x*_` # Łódź’s “ward” [x](y)"
    new_base(tmp_path / "base", TODAY, title)
    out = built(tmp_path / "base")
    page = (out / "index.html").read_text("utf-8")
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", page)
    assert heading is not None
    assert unescape(heading[1]) == title
    name = re.search(r"<title>(.*?)</title>", page)
    assert name is not None
    assert title in unescape(name[1])


def test_a_folder_that_holds_something_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ScaffoldError, match=r"notes\.txt\n.*--here"):
        new_base(tmp_path, TODAY)
    assert tree(tmp_path) == {"notes.txt": b"mine"}


def test_an_empty_clone_becomes_a_base(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref")
    new_base(tmp_path, TODAY)
    assert len(Base(tmp_path).check()[1]) == 2
    assert Base(tmp_path).check()[0] == ()


def test_beside_other_files_nothing_of_them_is_touched(tmp_path: Path) -> None:
    mine = {"README.md": b"mine", "notes.txt": b"mine", ".vscode/settings.json": b"{}"}
    for name, content in mine.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    made = new_base(tmp_path, TODAY, here=True)
    assert set(made.kept) == {"README.md", ".vscode/settings.json"}
    after = tree(tmp_path)
    assert {name: after[name] for name in mine} == mine
    assert len(Base(tmp_path).check()[1]) == 2
    assert Base(tmp_path).check()[0] == ()


@pytest.mark.parametrize("name", ["local.yaml", "protocols/library/data.yaml", "site/mkdocs.yml"])
def test_a_file_that_would_have_to_be_written_over_is_named_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(ScaffoldError, match=re.escape(name)):
        new_base(tmp_path, TODAY, here=True)
    assert tree(tmp_path) == {name: b"mine"}


def test_where_writing_fails_half_way_all_is_taken_back(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file where a folder must be")
    with pytest.raises(ScaffoldError, match="nothing was written"):
        new_base(tmp_path, TODAY, here=True)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ScaffoldError, match="is a file"):
        new_base(tmp_path / "file", TODAY)


def test_a_protocol_that_does_not_ship_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match="did you mean `anaphylaxis`"):
        new_base(tmp_path / "base", TODAY, protocols=["anafylaxis"])
    with pytest.raises(ScaffoldError, match="shipped library"):
        new_base(tmp_path / "base", TODAY, protocols=["anaphylaxis"], empty_library=True)
    assert not (tmp_path / "base").exists()


def test_the_schemas_an_editor_is_told_of_are_in_the_base() -> None:
    files = base_files("A", TODAY, SHIPPED, ["anaphylaxis"])
    for schema in json.loads(files[".vscode/settings.json"])["yaml.schemas"]:
        assert schema.removeprefix("./") in files
    for name, text in files.items():
        for link in re.findall(r"^# yaml-language-server: \$schema=(\S+)$", text, re.MULTILINE):
            resolved = (Path("/") / name).parent.joinpath(link).resolve().relative_to("/").as_posix()
            assert resolved in files, f"{name}: {link}"
    assert json.loads(files[".vscode/extensions.json"])["recommendations"]


def test_workflow_and_hooks_run_commands_that_exist() -> None:
    files = base_files("A", TODAY, SHIPPED)
    steps = yaml_of(files[".github/workflows/kb.yml"])["jobs"]["kb"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert runs[0] == f"pip install 'guideline-kb[authoring,site]=={version}'"
    hooks = yaml_of(files[".pre-commit-config.yaml"])["repos"][0]
    assert hooks["repo"] == "local"
    entries = [hook["entry"] for hook in hooks["hooks"]]
    assert {hook["language"] for hook in hooks["hooks"]} == {"system"}
    assert "kb fmt --check" in runs
    assert "kb fmt --check" in entries
    for command in (*runs[1:], *entries):
        words = command.split()
        assert words[0] == "kb"
        assert words[1] in COMMANDS


def test_no_placeholder_of_a_template_is_left_over() -> None:
    left = re.compile(
        r"\b(?:PROTOCOL|BASE|KB|LOCAL|PROTOCOLS)-(?:ID|TITLE|HEADING|VERSION|PARAMETERS|HELD)\b|\bTODAY\b"
    )
    assert any(left.search(text) for text in read_template("base").values())
    for name, text in base_files("A", TODAY, SHIPPED, ["anaphylaxis"]).items():
        assert not left.search(text), name


def test_markdown_of_a_title_is_quoted() -> None:
    assert as_markdown("plain, 5% (of it)") == "plain, 5% (of it)"
    assert not set("<>*_`&[]#|") & set(re.sub(r"&#\d+;", "", as_markdown("<b>*a*_b_`c`&[d]#|")))


# ---------------------------------------------------------------- the commands


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.run(list(arguments))
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    new_base(tmp_path / "base", TODAY)
    monkeypatch.chdir(tmp_path / "base")
    return tmp_path / "base"


def test_init_ends_with_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "init", "our base", "--with", "refractory-hypotension")
    assert code == 0
    lines = out.splitlines()
    steps = lines[lines.index("next:") + 1 :]
    assert len(steps) == 5
    assert steps[0] == "  cd 'our base'"
    assert [word for word in ("kb check && kb test", "kb new", "kb build", "git init") if word not in out] == []
    code, _, err = run(capsys, "init", "our base")
    assert code == 2
    assert "not empty" in err


def test_build_says_where_the_site_is(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "build") == (0, "1 protocol on the site: open out/site/index.html\n", "")
    assert run(capsys, "build", "--out", "out/site")[0] == 0


def test_build_never_empties_a_folder_it_did_not_make(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(made)
    code, _, err = run(capsys, "build", "--out", ".")
    assert code == 2
    assert "holds what no build of this site made" in err
    assert tree(made) == before


def test_build_refuses_a_base_with_errors_and_shows_them(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made / "protocols" / "first-protocol" / "0.1.0.yaml"
    path.write_text(path.read_text("utf-8").replace("go: first-action", "go: frist-action"), "utf-8")
    code, out, err = run(capsys, "build")
    assert code == 1
    assert "did you mean `first-action`" in err
    assert "nothing was built" in out
    assert not (made / "out").exists()


def test_a_link_that_leads_nowhere_stops_the_build(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = made / "site" / "docs" / "index.md"
    page.write_text(page.read_text("utf-8") + "\n[gone](gone.md)\n", "utf-8")
    code, _, err = run(capsys, "build")
    assert code == 2
    assert "gone.md" in err


def test_a_page_of_ones_own_takes_the_place_of_a_made_one(made: Path) -> None:
    (made / "site" / "docs" / "kb.css").write_text("/* ours */")
    assert (built(made) / "kb.css").read_text() == "/* ours */"


def test_a_base_without_a_site_says_so(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (made / "site" / "mkdocs.yml").unlink()
    code, _, err = run(capsys, "build")
    assert code == 2
    assert "has no site" in err


def test_outside_a_base_there_is_nothing_to_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "build")
    assert code == 2
    assert "kb init DIR" in err


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (["protocols/a/0.1.0.yaml"], "1 protocol in 2 files: a@0.1.0"),
        (["protocols/a/0.1.0.yaml", "protocols/a/statements.yaml"], "1 protocol in 2 files: a"),
        (["protocols/a/scenarios/first.yaml", "protocols/first-protocol"], "2 protocols in 4 files: a, first-protocol"),
        (["protocols/library/data.yaml"], "2 protocols in 4 files: a, first-protocol"),
        (["local.yaml", "protocols/a/statements.yaml"], "2 protocols in 4 files: a, first-protocol"),
    ],
)
def test_files_are_checked_with_the_protocols_they_are_about(
    made: Path, capsys: pytest.CaptureFixture[str], files: list[str], told: str
) -> None:
    run(capsys, "new", "a")
    allowed = "2 warnings allowed"  # of the library
    assert run(capsys, "check", *files) == (0, f"fine: {told}; {allowed}\n", "")


@pytest.mark.parametrize("file", ["nope.yaml", "protocols/nope/0.1.0.yaml", "README.md", "site/mkdocs.yml"])
def test_a_file_that_is_about_no_protocol_is_not_passed_as_fine(
    made: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    assert run(capsys, "check", file)[0] == 2
