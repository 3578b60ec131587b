"""Proofs, differences and the check are worked out once, kept, and shown only while they are about what is there."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

import markdown
import pytest

from kb.base import Base
from kb.scaffold.bases import new_base
from kb.site import Dossier, EmitError, Reports, site_tree
from kb.site.emit import dossiers_of
from kb.site.pages import pages_of
from kb.site.reports import ReportStore
from tests.generator.example import build
from tests.scaffold.test_bases import TODAY
from tests.shell import kb as in_process

ID, FIRST, SECOND = "first-protocol", "0.1.0", "0.2.0"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with two versions of one protocol, and its reports."""
    folder = tmp_path_factory.mktemp("reports") / "base"
    new_base(folder, TODAY)
    first = folder / "protocols" / ID / f"{FIRST}.yaml"
    text = first.read_text("utf-8").replace(f'version: "{FIRST}"', f'version: "{SECOND}"')
    assert SECOND in text
    text = re.sub(r"^title: .*$", "title: Another <b>title", text, count=1, flags=re.MULTILINE)
    first.with_name(f"{SECOND}.yaml").write_text(text, "utf-8")
    ReportStore(Base(folder)).work_out()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "base")
    return tmp_path / "base"


def html(folder: Path, version: str, page: str, reports: bool = True) -> str:
    base = Base(folder)
    kept = ReportStore(base).kept() if reports else {}
    made = {each.program.version: each for each in dossiers_of(base, kept)}
    text = pages_of(made[version]).get(f"protocols/{ID}/{version}/{page}.md", "")
    return unescape(str(markdown.markdown(text, extensions=["tables", "toc"])))


def test_what_is_kept_is_not_worked_out_again(folder: Path) -> None:
    asked: list[str] = []

    def told(names: list[str]) -> list[str]:
        asked.extend(names)
        return names

    store = ReportStore(Base(folder))
    assert store.work_out(told) == store.kept()
    assert asked == []
    (folder / "out" / "reports" / f"{ID}@{SECOND}.proofs.json").unlink()
    store.work_out(told)
    assert asked == [f"{ID}@{SECOND} proofs"]


@pytest.mark.parametrize(
    ("file", "gone"),
    [
        (f"{ID}/{SECOND}.yaml", {(SECOND, "proofs"), (SECOND, "changes")}),
        (f"{ID}/{FIRST}.yaml", {(FIRST, "proofs"), (SECOND, "changes")}),
        ("library/drugs.yaml", {(FIRST, "proofs"), (SECOND, "proofs"), (SECOND, "changes")}),
    ],
)
def test_a_report_on_something_that_has_changed_is_not_shown(
    folder: Path, file: str, gone: set[tuple[str, str]]
) -> None:
    path = folder / "protocols" / file
    path.write_text(path.read_text("utf-8") + "# a remark\n", "utf-8")
    kept = ReportStore(Base(folder)).kept()
    there = {(version, kind) for (_, version), each in kept.items() for kind in each._fields if getattr(each, kind)}
    assert there == {(FIRST, "proofs"), (SECOND, "proofs"), (SECOND, "changes")} - gone


@pytest.mark.parametrize("content", ["", "[]", '{"rests_on": ""}', '{"report": {}}', "\x00"])
def test_a_damaged_report_counts_as_none(folder: Path, content: str) -> None:
    (folder / "out" / "reports" / f"{ID}@{SECOND}.changes.json").write_text(content, "utf-8")
    assert ReportStore(Base(folder)).kept()[ID, SECOND].changes is None


def test_every_property_is_told_with_its_verdict(folder: Path) -> None:
    proofs = ReportStore(Base(folder)).kept()[ID, FIRST].proofs
    assert proofs is not None
    told = html(folder, FIRST, "proofs")
    assert proofs["properties"]
    for each in proofs["properties"]:
        assert f'id="property-{each["id"]}"' in told
    proved = sum(each["outcome"] == "proved" for each in proofs["properties"])
    assert f"Proved ({proved})" in told


def test_the_history_tells_what_changed_against_the_version_before(folder: Path) -> None:
    told = html(folder, SECOND, "history")
    assert f"From {FIRST} to {SECOND}" in told
    assert "Nobody: proved for all patients" in told
    assert "Another <b>title" in told
    first = html(folder, FIRST, "history")
    assert f'href="../{SECOND}/history.md"' in first
    assert "From" not in first.split("Versions")[1]


def test_without_reports_there_are_versions_and_nothing_more(folder: Path) -> None:
    assert html(folder, SECOND, "proofs", reports=False) == ""
    assert "From" not in html(folder, SECOND, "history", reports=False).split("Versions")[1]


def test_a_protocol_with_one_version_has_no_history() -> None:
    assert not any(path.endswith("/history.md") for path in pages_of(Dossier(build())))


def test_what_does_not_hold_is_told_first_with_its_patient() -> None:
    verdict = {
        "id": "never-silent", "title": "it says <b>something", "property": "x implies y", "safety_pack": False,
        "outcome": "refuted", "reason": "", "cites": [], "interprets": [], "cannot_be_told_for_some": False,
        "where": ["step <i>a"], "patient": {"chart": {"map": "60 mmHg"}, "advice": "recommended: nothing"},
    }  # fmt: skip
    proved = verdict | {"id": "other", "outcome": "proved", "patient": None}
    dossier = Dossier(build(), reports=Reports({"properties": [proved, verdict]}))
    told = unescape(str(markdown.markdown(pages_of(dossier)[f"{dossier.folder}/proofs.md"])))
    assert told.index("It does not hold (1)") < told.index("Proved (1)")
    for text in ("It says <b>something", "step <i>a", "map 60 mmHg", "recommended: nothing"):
        assert text in told


# ---------------------------------------------------------------- commands


def test_a_build_keeps_reports_and_the_next_emit_shows_them(folder: Path) -> None:
    def kb(*arguments: str) -> None:
        done = in_process("--base", str(folder), *arguments)
        assert done.code == 0, done.err

    shutil.rmtree(folder / "out")
    kb("emit")
    list_ = folder / "out" / "tree" / "docs" / "protocols"
    assert not (list_ / ID / FIRST / "proofs.md").exists()
    assert not (list_ / "checks.md").exists()
    kb("build")
    kb("emit")
    assert (list_ / ID / FIRST / "proofs.md").exists()
    assert (list_ / "checks.md").exists()
    kb("build", "--no-reports")
    assert not (list_ / ID / FIRST / "proofs.md").exists()


# ---------------------------------------------------------------- the address for problems


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ("", None),
        ("extra: {other: 1}\n", None),
        ("extra:\n  kb:\n    report_to: mailto:kb@example.org\n", "mailto:kb@example.org"),
        ("extra:\n  kb:\n    report_to: https://example.org/new\n", "https://example.org/new"),
    ],
)
def test_problems_are_reported_to_the_address_of_the_site(folder: Path, extra: str, told: str | None) -> None:
    config = folder / "site" / "mkdocs.yml"
    config.write_text(config.read_text("utf-8") + extra, "utf-8")
    page = unescape(site_tree(Base(folder)).files[f"docs/protocols/{ID}/{FIRST}/list.md"].decode())
    assert ("report a problem" in page) is (told is not None)
    if told is not None:
        assert f'href="{told}?' in page


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "http://example.org", "kb@example.org", '"https://a/<b>"', "[1]", "mailto:a"]
)
def test_an_address_that_is_none_is_refused(folder: Path, address: str) -> None:
    config = folder / "site" / "mkdocs.yml"
    config.write_text(config.read_text("utf-8") + f"extra:\n  kb:\n    report_to: {address}\n", "utf-8")
    with pytest.raises(EmitError, match="write `report_to: mailto:NAME@HOST`"):
        site_tree(Base(folder))


def test_reports_are_plain_data(folder: Path) -> None:
    for file in (folder / "out" / "reports").glob("*.json"):
        assert set(json.loads(file.read_text("utf-8"))) == {"rests_on", "report"}
