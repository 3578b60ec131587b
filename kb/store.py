"""Where Programs come from: a compiled file, the protocols that ship with the package, a base, or a YAML file.

Of a version that was approved, the Program that was stored then is what runs (`kb.lock`). Running a compiled Program
needs the standard library only; YAML needs the `authoring` extra, and says so.
"""

from __future__ import annotations

import json
import os

from kb.codec import ProgramError, checksum, program_from_json
from kb.interpreter import Guideline, NotApprovedError
from kb.lock import Lock, LockError, read_lock, stored
from kb.program import Program, Standing
from kb.records import TYPE_CHECKING
from kb.review import APPROVED

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

# Paths are text here: `pathlib` takes as long to import as all of kb that runs.
SHIPPED = os.path.join(os.path.dirname(__file__), "shipped")


class LoadError(ValueError):
    """A protocol or Program could not be loaded; the message says what to do. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TamperedError(LoadError):
    """What was approved is not what is there: a stored Program, the lock, the records or the policy was changed."""


def load_program(path: str | Path) -> Guideline:
    """A Guideline from a file made by `kb compile`.

    Raises:
        LoadError: the file cannot be read or is not a Program.

    """
    try:
        with open(path, "rb") as file:
            data: Any = json.loads(file.read())
    except OSError as error:
        raise LoadError("KB701", f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise LoadError("KB702", f"{path} is not a compiled Program: it is not JSON") from error
    if isinstance(data, dict) and data.pop("checksum", "") != checksum(data):
        told = "it does not have the checksum it states; compile it again"
        raise LoadError("KB709", f"{path} was changed after it was compiled: {told}")
    try:
        program = program_from_json(data)
    except ProgramError as error:
        raise LoadError("KB702", f"{path} is not a compiled Program: {error}") from error
    # A file cannot say that it was reviewed: that is worked out from review records, and without them
    # every Program is a draft.
    return Guideline(program._replace(state="draft", standing=Standing()))


def load(
    protocol: str | Path, version: str | None = None, *, base: str | Path | None = None, require: str | None = None
) -> Guideline:
    """A Guideline by protocol id, by `id@version`, or from a path to YAML or to a compiled Program.

    Args:
        protocol: `refractory-hypotension`, `refractory-hypotension@1.0.0`, or a path.
        version: the version; the latest by default.
        base: the folder of a knowledge base; the protocols that ship with the package by default.
        require: `approved` gives the latest approved version, or that version if it is approved, and nothing else.
            Ask it of `advise` too: an approval can end.

    Raises:
        LoadError: no such protocol, or YAML that has errors, or YAML without the `authoring` extra.
        NotApprovedError: approval is required, and there is none. A file alone is never approved.
        TamperedError: what was approved was changed.

    """
    if require not in (None, APPROVED):
        raise ValueError(f"what can be required is `{APPROVED}`, not {require!r}")
    text = str(protocol)
    if require is not None and text.endswith((".json", ".yaml", ".yml")):
        raise NotApprovedError(
            f"{text} is a file, and a file alone is a draft; load it by its id from its base", "draft"
        )
    if text.endswith(".json"):
        return load_program(text)
    if text.endswith((".yaml", ".yml")):
        return Guideline(_compile(text))
    id, _, at = text.partition("@")
    version = version or at or None
    if base is None and os.path.isdir(SHIPPED):
        if require is not None:
            raise NotApprovedError(f"{id} ships as a draft that nobody has approved", "draft")
        return load_program(_shipped(id, version))
    return Guideline(_from_base(id, version, base, require))


def stored_program(base: str | Path, id: str, version: str | None = None, require: str | None = None) -> Program | None:
    """The stored Program of a version (the latest of the base, or the latest approved where that is required).

    None where none is stored: the version was never approved.

    Raises:
        NotApprovedError: approval is required, and there is none.
        TamperedError: what was approved was changed.

    """
    if not _plain(id):
        return None
    folder = os.path.join(base, "protocols")
    try:
        lock = read_lock(folder)
        if lock is None and require is None:
            return None
        lock = lock or Lock(None, "", {})
        if version is None:
            listed = lock.approved(folder, id) if require is not None else _versions(folder, lock, id)
            version = latest(listed) if listed else None
        program = None if version is None else stored(folder, lock, id, version)
    except LockError as error:
        raise TamperedError(error.code, str(error)) from error
    if require is not None and (program is None or program.state != APPROVED):
        name = f"{id}@{version}" if version is not None else f"every version of {id}"
        state, standing = (program.state, program.standing) if program is not None else ("draft", Standing())
        lacks = f"; still to approve: {', '.join(standing.missing)}" if standing.missing else ""
        why = f" ({standing.reason})" if standing.reason else ""
        told = f"{name} is {state if program is not None else 'not approved'}, and only what is approved may run here"
        raise NotApprovedError(f"{told}{lacks}{why}; `kb status {id}` tells what is missing", state)
    return program


def _versions(folder: str, lock: Lock, id: str) -> list[str]:
    """Every version of a protocol in a folder `protocols/`: its files, and what the lock pins."""
    here = os.path.join(folder, id)
    names = os.listdir(here) if os.path.isdir(here) else []
    files = {name.removesuffix(".yaml") for name in names if name.endswith(".yaml") and name[0].isdigit()}
    return sorted(files | {version for held, version in lock.pins if held == id})


def latest(versions: list[str]) -> str:
    """The highest of some versions, read as numbers."""
    return max(versions, key=lambda text: [int(part) if part.isdigit() else -1 for part in text.split(".")])


def _shipped(id: str, version: str | None) -> str:
    programs = os.path.join(SHIPPED, "programs")
    folder = os.path.join(programs, id)
    files = os.listdir(folder) if _plain(id) and os.path.isdir(folder) else []
    found = {name.removesuffix(".json"): os.path.join(folder, name) for name in files if name.endswith(".json")}
    if not found:
        names = ", ".join(sorted(os.listdir(programs)))
        raise LoadError("KB703", f"no protocol `{id}` ships with this package; there are: {names}")
    if version is not None and version not in found:
        raise LoadError("KB703", f"`{id}` has no version {version}; there are: {', '.join(sorted(found))}")
    return found[version or latest(list(found))]


def _plain(id: str) -> bool:
    return id.replace("-", "").isalnum()


def _authoring() -> Any:
    try:
        from kb import base as authoring
    except ImportError as error:
        raise LoadError(
            "KB704",
            f"reading YAML needs the authoring tools ({error.name} is missing): "
            "pip install 'guideline-kb[authoring]'; a compiled Program needs nothing more",
        ) from error
    return authoring


def _compile(path: str) -> Program:
    from pathlib import Path

    program, diagnostics = _authoring().compile_file(Path(path))
    return _compiled(program, diagnostics, path)


def _from_base(id: str, version: str | None, base: str | Path | None, require: str | None) -> Program:
    if base is None:
        from kb.folders import default_base

        base = default_base()
    program = stored_program(base, id, version, require)
    if program is not None:
        return program
    found = _authoring().Base(base)
    program, diagnostics = found.program(id, version)
    return _compiled(program, diagnostics, id)


def _compiled(program: Program | None, diagnostics: Any, name: str) -> Program:
    if program is None:
        from kb.report import render_text

        raise LoadError("KB705", f"{name} has errors:\n{render_text(diagnostics)}")
    return program
