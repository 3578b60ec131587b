"""Puts the shipped protocols into the wheel: as YAML, and compiled, so that running them needs no parser."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProtocolsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles every protocol version of `protocols/`; a protocol with errors stops the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add `kb/shipped` and `kb/schema` to the wheel; an editable install reads the repository instead."""
        if version == "editable" or self.target_name != "wheel":
            return
        root = Path(self.root)
        made = root / "build" / "shipped"
        shutil.rmtree(made, ignore_errors=True)
        sys.path.insert(0, str(root))
        try:
            self._compile(root, made)
        finally:
            sys.path.remove(str(root))
        include = build_data["force_include"]
        include[str(made)] = "kb/shipped/programs"
        include[str(root / "protocols")] = "kb/shipped/base/protocols"
        include[str(root / "schema")] = "kb/schema"

    def _compile(self, root: Path, made: Path) -> None:
        from kb.base import Base
        from kb.codec import program_file

        base = Base(root)
        for id, versions in base.protocols().items():
            for each in versions:
                program, found = base.program(id, each)
                if program is None:
                    told = "; ".join(f"{item.span.file}:{item.span.line}: {item.message}" for item in found)
                    raise RuntimeError(f"{id}@{each} cannot be compiled: {told}")
                path = made / id / f"{each}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(program_file(program), ensure_ascii=False), encoding="utf-8")

    def clean(self, versions: list[str]) -> None:
        """Forget what was compiled."""
        shutil.rmtree(Path(self.root) / "build" / "shipped", ignore_errors=True)
