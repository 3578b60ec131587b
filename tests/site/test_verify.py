"""A site that lost something says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kb.base import Base
from kb.scaffold.bases import new_base
from kb.site import EmitError, Tree, site_tree, verify_site
from kb.site.build import build_site
from tests.cli.test_cli import Kb
from tests.cli.test_cli import kb as kb
from tests.scaffold.test_bases import TODAY

PAGE = "protocols/first-protocol/0.1.0/list.html"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "base"
    new_base(folder, TODAY)
    return build_site(folder, site_tree(Base(folder)))


def test_a_site_just_built_is_whole(whole: Path, kb: Kb) -> None:
    assert verify_site(whole) == ()
    assert kb("verify-site", str(whole))[0] == 0


def replaced(old: str, new: str) -> Callable[[Path], None]:
    def change(site: Path) -> None:
        text = (site / PAGE).read_text("utf-8")
        assert old in text
        (site / PAGE).write_text(text.replace(old, new), "utf-8")

    return change


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda site: (site / PAGE).unlink(), f"{PAGE} is missing: the page of first-protocol@0.1.0 was not built"),
        (replaced("data-kb-page", "data-other"), f"{PAGE} has no banner"),
        (replaced('data-state="draft"', 'data-state="approved"'), "does not tell the right state"),
        (replaced('data-logic="', 'data-logic="0'), "does not tell the right logic"),
        (replaced("DRAFT", ""), "does not show the banner"),
        (replaced('href="chart.html"', 'href="gone.html"'), "leads to gone.html, which is not there"),
        (replaced('href="chart.html"', 'href="chart.html#gone"'), "there is no such place on that page"),
        (replaced('href="chart.html"', 'href="/chart.html"'), "begins at the root of a server"),
        (replaced('src="../../../kb.js"', 'src="//elsewhere.example/kb.js"'), "loads //elsewhere.example/kb.js"),
        (lambda site: (site / "kb-site.json").unlink(), "kb-site.json is not in"),
        (lambda site: (site / "kb-site.json").write_text("[]"), "kb-site.json is not in"),
        (lambda site: (site / "search-index.js").write_text("[]"), "search-index.js is missing or damaged"),
        (replaced('id="step-first-question"', 'id="other"'), "the search leads to"),
        (replaced('id="step-first-question"', 'id="step-first-action"'), "has two places called step-first-action"),
        (lambda site: (site / "format.html").unlink(), "the search leads to format.html, which is not there"),
    ],
)
def test_what_is_lost_is_told(whole: Path, tmp_path: Path, kb: Kb, damage: Callable[[Path], object], told: str) -> None:
    site = tmp_path / "site"
    shutil.copytree(whole, site)
    damage(site)
    assert any(told in line for line in verify_site(site)), verify_site(site)
    assert kb("verify-site", str(site))[0] == 1


UNTIDY = """
<!-- <a href="commented.html">no link</a> -->
<script>const told = '<a href="scripted.html">no link</a>';</script>
<style>a::after { content: "<a href='styled.html'>"; }</style>
<A HREF=bare.html ID=one>b</A><a title='1 > 0 "so"' href="quo&amp;ted.html"
 id='two'>q</a><svg><a xlink:href="drawn.html"></a></svg>
<p hidden>x &lt;a href="told.html"&gt;</p><a>no address</a>"""


def test_pages_are_read_however_they_are_written(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "site")
    page = tmp_path / "site" / PAGE
    page.write_text(page.read_text("utf-8").replace("</body>", f"{UNTIDY}</body>"), "utf-8")
    led = ("bare", "quo&ted", "drawn")
    assert verify_site(tmp_path / "site") == tuple(f"{PAGE} leads to {name}.html, which is not there" for name in led)


def test_a_tree_writes_what_changed_and_removes_what_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    assert set(Tree({"docs/a.md": b"a", "docs/b/c.md": b"c"}).write(folder)) == {"docs/a.md", "docs/b/c.md"}
    assert Tree({"docs/a.md": b"a2"}).write(folder) == ("docs/a.md", "docs/b/c.md")
    assert not (folder / "docs" / "b").exists()
    assert Tree({"docs/a.md": b"a2"}).write(folder) == ()


def test_a_tree_is_not_written_over_what_is_someone_elses(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(EmitError, match="did not write"):
        Tree({"docs/a.md": b"a"}).write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
