"""A hospital's first day: a base of its own from the wheel, in an empty folder, without a network.

The quick run lays the wheel before the packages of this interpreter and takes the network away with a
`sitecustomize` that refuses every connection. The long run installs the wheel into an environment of its own,
first without MkDocs, and takes the network away with `unshare --net` where the system allows it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from kb.scaffold.protocols import templates
from tests.scaffold.test_bases import yaml_of
from tests.wheel import build_wheel

# Refuses connections, and what is named in KB_TEST_MISSING cannot be imported.
OFFLINE = """
import os, socket, sys

def refuse(*args, **options):
    raise OSError("this test has no network")

for name in ("connect", "connect_ex", "bind", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.create_connection = refuse

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in os.environ.get("KB_TEST_MISSING", "").split():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


Shell = Callable[..., Done]


def run_offline(line: str, folder: Path, environment: Mapping[str, str], without_network: list[str]) -> Done:
    done = subprocess.run(
        [*without_network, "bash", "-c", line],
        cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment of variables in which `kb` is the one of the wheel."""
    place = tmp_path_factory.mktemp("laid")
    with zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("source"))) as archive:
        archive.extractall(place)
    (place / "sitecustomize.py").write_text(OFFLINE)
    commands = tmp_path_factory.mktemp("bin")
    (commands / "kb").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kb "$@"\n')
    (commands / "kb").chmod(0o755)
    return {"PYTHONPATH": str(place), "PATH": f"{commands}:/usr/bin:/bin", "HOME": str(commands), "LANG": "C.UTF-8"}


@pytest.fixture
def kb(laid: dict[str, str], tmp_path: Path) -> Shell:
    """Run one line of a shell in the empty folder, without a network."""
    return lambda line, folder=tmp_path, **more: run_offline(line, folder, {**laid, **more}, [])


def first_day(kb: Shell, empty: Path, options: str = "") -> Path:
    """Everything up to the first commit; the base."""
    done = kb(f"kb init our-protocols --title 'Our ward' {options}", empty)
    assert done.code == 0, done.err
    base = empty / "our-protocols"
    for line in (
        "kb check",
        "kb test --coverage",
        "kb new post-op-fever",
        "kb check",
        "kb test post-op-fever --coverage",
    ):
        done = kb(line, base)
        assert done.code == 0, f"{line}\n{done.out}{done.err}"
    assert set(re.findall(r"\d+%", done.out)) == {"100%"}
    return base


def play_workflow(kb: Shell, base: Path) -> None:
    """Every `run:` of the workflow as written, but for the installation."""
    jobs = yaml_of((base / ".github" / "workflows" / "kb.yml").read_text("utf-8"))["jobs"]
    lines = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert len(lines) > 3
    for line in lines:
        if not line.startswith("pip install "):
            done = kb(line, base)
            assert done.code == 0, f"{line}\n{done.out}{done.err}"


def play_hooks(kb: Shell, base: Path, changed: str) -> list[Done]:
    """Every hook as pre-commit would run it when `changed` was staged."""
    hooks = yaml_of((base / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    return [kb(f"{hook['entry']} '{changed}'", base) for hook in hooks if re.search(hook["files"], changed)]


def test_the_wheel_is_what_runs_and_there_is_no_network(kb: Shell, laid: dict[str, str]) -> None:
    done = kb(f"'{sys.executable}' -c 'import kb; print(kb.__file__)'")
    assert done.out.startswith(laid["PYTHONPATH"]), done.err
    asked = 'import socket\ntry:\n    socket.create_connection(("127.0.0.1", 9))\nexcept OSError as e:\n    print(e)'
    assert kb(f"'{sys.executable}' -c '{asked}'").out == "this test has no network\n"


def test_a_base_from_the_wheel_passes_everything_at_once(kb: Shell, tmp_path: Path) -> None:
    base = first_day(kb, tmp_path)
    done = kb("kb build", base, KB_TEST_MISSING="mkdocs")
    assert done.code == 2
    assert "pip install 'guideline-kb[authoring,site]'" in done.err
    play_workflow(kb, base)
    assert (base / "out" / "site" / "protocols" / "post-op-fever" / "0.1.0" / "index.html").is_file()
    statements = base / "protocols" / "post-op-fever" / "statements.yaml"
    assert {done.code for done in play_hooks(kb, base, str(statements.relative_to(base)))} == {0}
    statements.write_text(statements.read_text("utf-8").replace("S02:", "S03:"), "utf-8")
    assert 1 in {done.code for done in play_hooks(kb, base, str(statements.relative_to(base)))}


@pytest.mark.parametrize("template", templates())
def test_every_template_is_in_the_wheel(kb: Shell, tmp_path: Path, template: str) -> None:
    assert kb("kb init base --empty-library").code == 0
    done = kb(
        f"kb new mine --from {template} && kb check && kb test mine --coverage && kb fmt --check", tmp_path / "base"
    )
    assert done.code == 0, done.out + done.err


# ---------------------------------------------------------------- with an environment of its own


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def installed(environment: Path, wheel: Path, extras: str) -> None:
    done = subprocess.run(
        [environment / "bin" / "python", "-m", "pip", "install", "--quiet", f"{wheel}[{extras}]"],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def unshared() -> list[str]:
    """The command that runs another without any network, where the system lets us; else nothing."""
    command = ["unshare", "--map-root-user", "--net"]
    able = shutil.which("unshare") and not subprocess.run([*command, "true"], capture_output=True).returncode
    return command if able else []


@pytest.mark.long
def test_a_first_day_with_the_wheel_installed(wheel: Path, tmp_path: Path) -> None:
    environment, empty = tmp_path / "venv", tmp_path / "empty"
    empty.mkdir()
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, timeout=300)
    installed(environment, wheel, "authoring")
    without_network = unshared()
    variables = {"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    if not without_network:
        (tmp_path / "offline").mkdir()
        (tmp_path / "offline" / "sitecustomize.py").write_text(OFFLINE)
        variables["PYTHONPATH"] = str(tmp_path / "offline")

    def kb(line: str, folder: Path, **more: str) -> Done:
        return run_offline(line, folder, {**variables, **more}, without_network)

    asked = 'import socket; socket.create_connection(("1.1.1.1", 53), 2)'
    assert kb(f"python -c '{asked}' 2>/dev/null", empty).code != 0
    base = first_day(kb, empty, "--with adult-bradycardia")
    done = kb("kb build", base)
    assert done.code == 2
    assert "pip install 'guideline-kb[authoring,site]'" in done.err
    assert not (base / "out").exists()
    installed(environment, wheel, "authoring,site")
    play_workflow(kb, base)
    assert (base / "out" / "site" / "index.html").is_file()
    for file in ("protocols/post-op-fever/0.1.0.yaml", "protocols/library/data.yaml", "local.yaml"):
        assert {done.code for done in play_hooks(kb, base, file)} == {0}
    assert kb("kb new post-op-fever@0.2.0 && kb check && kb build", base).code == 0
    for extra in (["--empty-library"], [f"--with {id}" for id in ("anaphylaxis", "refractory-hypotension")]):
        name = f"base{len(extra)}"
        line = f"kb init {name} {' '.join(extra)} && cd {name} && kb check && kb test && kb build"
        done = kb(line, empty)
        assert done.code == 0, done.out + done.err
