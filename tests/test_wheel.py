"""The wheel carries the protocols, compiled, and needs no other package to run them."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.wheel import build_wheel

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs."""
    place = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("source"))) as archive:
        archive.extractall(place)
    return place


def run(installed: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python that sees the standard library and the wheel, nothing else."""
    start = f"import sys; sys.path.insert(0, {str(installed)!r})\n"
    return subprocess.run([sys.executable, "-S", "-I", "-c", start + code], capture_output=True, text=True, timeout=60)


def test_a_shipped_protocol_runs_without_any_other_package(installed: Path) -> None:
    done = run(
        installed,
        "import kb\n"
        "guideline = kb.load('refractory-hypotension')\n"
        "advice = guideline.advise({'age': '40 years', 'pulse': 'absent'})\n"
        "print(guideline.program.state, [item.step for item in advice.recommended])",
    )
    assert done.stdout.strip() == "draft ['arrest']", done.stderr


def test_yaml_without_the_authoring_extra_says_what_to_install(installed: Path) -> None:
    path = installed / "kb" / "shipped" / "base" / "protocols" / "refractory-hypotension" / "1.1.0.yaml"
    done = run(
        installed, f"import kb\ntry:\n    kb.load({str(path)!r})\nexcept kb.LoadError as error:\n    print(error)"
    )
    assert "guideline-kb[authoring]" in done.stdout, done.stderr


def test_everything_the_command_line_reads_is_inside(installed: Path) -> None:
    kb = installed / "kb"
    assert (kb / "py.typed").exists()
    assert (kb / "expression" / "grammar.lark").exists()
    assert {path.name for path in (kb / "schema").iterdir()} == {path.name for path in (ROOT / "schema").iterdir()}
    assert {path.name for path in (kb / "explain").iterdir()} == {path.name for path in (ROOT / "kb/explain").iterdir()}
    assert {path.name for path in (kb / "runner").iterdir()} == {path.name for path in (ROOT / "kb/runner").iterdir()}
    templates = {path.relative_to(ROOT / "kb") for path in (ROOT / "kb" / "templates").rglob("*") if path.is_file()}
    assert {path.relative_to(kb) for path in (kb / "templates").rglob("*") if path.is_file()} == templates
    versions = {path.relative_to(ROOT / "protocols").with_suffix("") for path in ROOT.glob("protocols/*/[0-9]*.yaml")}
    compiled = {path.relative_to(kb / "shipped/programs").with_suffix("") for path in kb.glob("shipped/programs/*/*")}
    assert compiled == versions
