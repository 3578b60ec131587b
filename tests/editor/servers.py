"""Where the language servers are that the tests talk to."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.prefix) / "node" / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


def yaml_language_server() -> list[str]:
    """The command of npm's yaml-language-server, which `make test` installs beside the environment.

    Asked for where a module is read. Without Node.js that module is skipped, in one line, unless `KB_REQUIRE_NODE`
    says that it must not be.
    """
    node = shutil.which("node")
    if node is None or not SCRIPT.is_file():
        missing = "Node.js is" if node is None else "yaml-language-server is"
        told = f"{missing} missing: what the YAML language server makes of the schemas was not tried"
        if os.environ.get("KB_REQUIRE_NODE"):
            pytest.fail(told)
        pytest.skip(told, allow_module_level=True)
    return [node, str(SCRIPT), "--stdio"]
