"""Node.js, where the runner of the browser is tried without one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

HERE = Path(__file__).parent
RUNNER = HERE.parents[1] / "kb" / "runner"
TSC = Path(sys.prefix) / "node" / "node_modules" / "typescript" / "bin" / "tsc"


def node() -> str:
    """The program `node`. Without it a test says so and is skipped; with `KB_REQUIRE_NODE` it fails."""
    return shutil.which("node") or _missing("Node.js is missing: the runner in JavaScript was not tried")


def type_checker() -> list[str]:
    """The command of TypeScript's checker, which `make test` installs beside the environment."""
    if not TSC.is_file():
        _missing("typescript is missing: the types of the runner were not checked")
    return [node(), str(TSC)]


def _missing(told: str) -> NoReturn:
    if os.environ.get("KB_REQUIRE_NODE"):
        pytest.fail(told)
    pytest.skip(told)


def run(script: str, given: Any, timeout: float = 300) -> Any:
    """What a script of this folder prints, as JSON, given `given` as JSON."""
    done = subprocess.run(
        [node(), str(HERE / script)], input=json.dumps(given), capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)
