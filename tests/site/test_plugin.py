"""The pages of a base in somebody else's site: whole, or it is said."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort
from mkdocs.plugins import get_plugins
from mkdocs.structure.files import Files

from kb.scaffold.bases import new_base
from kb.site import verify_site
from tests.cli.test_cli import Kb
from tests.cli.test_cli import kb as kb
from tests.scaffold.test_bases import TODAY
from tests.site.declared import declare

PLUGIN = "plugins:\n  - guideline-kb:\n      base: ../base\n"
CONFIG = "site_name: Handbook\nsite_url: https://handbook.example/a/\ntheme: {name: THEME}\n"
PAGE = "guidelines/protocols/first-protocol/0.1.0/list.html"


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The plugin, as `pyproject.toml` declares it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(declare(tmp_path_factory.mktemp("installed")))
        # MkDocs looks at what is installed once, when it is imported; that was before.
        patched.setattr(MkDocsConfig.plugins, "installed_plugins", get_plugins())
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with two versions of a protocol, and beside it a site of somebody else."""
    folder = tmp_path_factory.mktemp("plugin")
    new_base(folder / "base", TODAY)
    first = folder / "base" / "protocols" / "first-protocol" / "0.1.0.yaml"
    first.with_name("0.2.0.yaml").write_text(first.read_text("utf-8").replace('"0.1.0"', '"0.2.0"'), "utf-8")
    docs = folder / "handbook" / "docs"
    (docs / "wards").mkdir(parents=True)
    (docs / "index.md").write_text("# Handbook\n\n[Protocols](guidelines/protocols/index.md)\n", "utf-8")
    (docs / "wards" / "two.md").write_text("# Ward two\n", "utf-8")
    return folder


@pytest.fixture
def handbook(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "made")
    return tmp_path / "made" / "handbook"


@pytest.fixture(scope="module")
def whole(made: Path) -> Path:
    """The site, built with the plugin."""
    return built(made / "handbook", CONFIG.replace("THEME", "readthedocs") + PLUGIN)


def built(handbook: Path, config: str) -> Path:
    (handbook / "mkdocs.yml").write_text(config, "utf-8")
    settings = load_config(str(handbook / "mkdocs.yml"))
    build(settings)
    return Path(settings.site_dir)


def test_a_site_of_somebody_else_has_every_page_of_the_base(whole: Path, kb: Kb) -> None:
    assert verify_site(whole) == ()
    assert kb("verify-site", str(whole))[0] == 0
    page = (whole / PAGE).read_text("utf-8")
    assert "DRAFT" in page
    for look in ("parts.css", "elsewhere.css", "flowchart.css"):
        assert f'href="../../../{look}"' in page
    assert (whole / "wards" / "two" / "index.html").is_file(), "pages of the site keep their own form of address"
    nav = re.findall(r'href="guidelines/([^"]*)"', (whole / "index.html").read_text("utf-8"))
    assert set(nav) <= {"protocols/index.html", "parts.css", "elsewhere.css", "flowchart.css"}


def test_in_another_theme_it_is_whole_too(handbook: Path) -> None:
    assert verify_site(built(handbook, CONFIG.replace("THEME", "mkdocs") + PLUGIN)) == ()


def test_where_the_plugin_did_not_run_the_verification_fails_and_says_what_to_do(handbook: Path, kb: Kb) -> None:
    site = built(handbook, CONFIG.replace("THEME", "mkdocs"))
    (told,) = verify_site(site)
    for words in ("kb-site.json is not in", "did not run it", "`kb emit`", "pip install"):
        assert words in told
    assert kb("verify-site", str(site))[0] == 1


def replaced(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(site: Path) -> None:
        text = (site / path).read_text("utf-8")
        assert old in text
        (site / path).write_text(text.replace(old, new), "utf-8")

    return change


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda site: (site / PAGE).unlink(), f"{PAGE} is missing: the page of first-protocol@0.1.0 was not built"),
        (lambda site: shutil.rmtree(site / "guidelines"), f"{PAGE} is missing"),
        (replaced(PAGE, "data-kb-page", "data-other"), f"{PAGE} has no banner"),
        (replaced(PAGE, "DRAFT", ""), f"{PAGE} does not show the banner"),
        (replaced(PAGE, 'data-version="0.1.0"', 'data-version="0.2.0"'), "does not tell the right version"),
        (replaced(PAGE, 'data-text="', 'data-text="0'), "does not tell the right text"),
        (replaced(PAGE, 'href="chart.html"', 'href="gone.html"'), "leads to gone.html, which is not there"),
    ],
)
def test_what_is_lost_afterwards_is_told(
    whole: Path, tmp_path: Path, damage: Callable[[Path], object], told: str
) -> None:
    site = tmp_path / "site"
    shutil.copytree(whole, site)
    damage(site)
    assert any(told in line for line in verify_site(site)), verify_site(site)


def test_a_theme_that_leaves_the_banner_out_fails_the_build(handbook: Path, caplog: pytest.LogCaptureFixture) -> None:
    (handbook / "bare").mkdir()
    (handbook / "bare" / "main.html").write_text("<h1>{{ page.title }}</h1>{{ page.content[:200] }}", "utf-8")
    config = CONFIG.replace("{name: THEME}", "{name: null, custom_dir: bare}")
    with pytest.raises(Abort):
        built(handbook, config + PLUGIN)
    assert "has no banner" in caplog.text
    assert "a theme has to show the whole content of a page" in caplog.text


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ("plugins: [{guideline-kb: {base: nowhere}}]", "it has no folder protocols/; name one with `base:`"),
        ("plugins: [{guideline-kb: {base: ../base, folder: wards/../..}}]", "is no folder of the site"),
        ("plugins: [{guideline-kb: {base: ../base, folder: /}}]", "is no folder of the site"),
    ],
)
def test_a_setting_that_cannot_be_is_told(
    handbook: Path, caplog: pytest.LogCaptureFixture, plugin: str, told: str
) -> None:
    with pytest.raises(Abort):
        built(handbook, CONFIG.replace("THEME", "mkdocs") + plugin)
    assert told in caplog.text


@pytest.mark.parametrize("place", ["guidelines/protocols/index.md", "kb-site.json"])
def test_a_page_of_the_site_is_never_replaced(handbook: Path, place: str, caplog: pytest.LogCaptureFixture) -> None:
    (handbook / "docs" / place).parent.mkdir(parents=True, exist_ok=True)
    (handbook / "docs" / place).write_text("ours", "utf-8")
    with pytest.raises(Abort):
        built(handbook, CONFIG.replace("THEME", "mkdocs") + PLUGIN)
    assert f"{place} is there already" in caplog.text


def test_a_protocol_with_errors_is_told_with_its_line(handbook: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = handbook.parent / "base" / "protocols" / "first-protocol" / "0.2.0.yaml"
    file.write_text(file.read_text("utf-8").replace("go: first-action", "go: frist-action"), "utf-8")
    with pytest.raises(Abort):
        built(handbook, CONFIG.replace("THEME", "mkdocs") + PLUGIN)
    assert "first-protocol@0.2.0 has errors" in caplog.text
    assert re.search(r"0\.2\.0\.yaml:\d+: KB\d+ ", caplog.text)


def test_a_server_that_follows_saves_makes_anew_what_has_changed(handbook: Path) -> None:
    (handbook / "mkdocs.yml").write_text(CONFIG.replace("THEME", "mkdocs") + PLUGIN, "utf-8")
    config = load_config(str(handbook / "mkdocs.yml"))
    config = config.plugins.on_config(config)
    assert str(handbook.parent / "base" / "protocols") in config.watch

    def page(version: str) -> str:
        files = config.plugins.on_files(Files([]), config=config)
        held = files.get_file_from_path(f"guidelines/protocols/first-protocol/{version}/list.md")
        assert held is not None
        return held.content_string

    assert page("0.1.0").startswith("---\nsearch:\n  exclude: true\n---\n\n# "), "older versions are not searched"
    before = page("0.2.0")
    assert before.startswith("# ")
    assert page("0.2.0") == before
    file = handbook.parent / "base" / "protocols" / "first-protocol" / "0.2.0.yaml"
    file.write_text(file.read_text("utf-8").replace("title: First protocol", "title: Another title"), "utf-8")
    assert "Another title" in page("0.2.0")
