"""The schemas as an editor needs them: which files each is for, and settings that say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from kb.validator import schema_document, schema_folder

# Files of a knowledge base that people write, as patterns below its folder.
FILES: Final = {
    "protocol": "protocols/*/[0-9]*.yaml",
    "statements": "protocols/*/statements.yaml",
    "scenario": "protocols/*/scenarios/*.yaml",
    "data": "protocols/library/data.yaml",
    "drugs": "protocols/library/drugs.yaml",
    "units": "protocols/library/units.yaml",
    "definitions": "protocols/library/definitions.yaml",
    "safety": "protocols/library/safety.yaml",
    "policy": "protocols/policy.yaml",
    "review": "protocols/*/reviews/*.yaml",
    "local": "local.yaml",
}


def kinds() -> list[str]:
    """The kinds of file that have a schema: those that people write, then those that programs exchange."""
    every = sorted(path.name.removesuffix(".schema.json") for path in schema_folder().glob("*.schema.json"))
    return [*FILES, *(kind for kind in every if kind not in FILES)]


def schema_path(kind: str) -> Path:
    """The file of a schema in this installation."""
    return schema_folder() / f"{kind}.schema.json"


def about(kind: str) -> str:
    """What files of `kind` are, in one line."""
    told: str = schema_document(kind).get("description", "")
    return told


def write_schemas(folder: Path) -> list[Path]:
    """Copy every schema into `folder`, so that a knowledge base carries them; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in kinds():
        source = schema_path(kind)
        path = folder / source.name
        path.write_bytes(source.read_bytes())
        written.append(path)
    return written


def modeline(kind: str, depth: int, folder: str = "schema") -> str:
    """The first line of a file that names its schema: `depth` folders below the one that holds `folder`."""
    return f"# yaml-language-server: $schema={'../' * depth}{folder}/{kind}.schema.json"


def settings(folder: str = "./schema") -> dict[str, Any]:
    """What `.vscode/settings.json` says: the schemas in `folder`, each for its files."""
    return {
        "yaml.schemas": {f"{folder}/{kind}.schema.json": f"/{files}" for kind, files in FILES.items()},
        "yaml.schemaStore.enable": False,
        "[yaml]": {"editor.tabSize": 2, "editor.quickSuggestions": {"strings": True, "other": True, "comments": False}},
    }
