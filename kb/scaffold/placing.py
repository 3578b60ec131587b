"""Files put in their place together: all of them, or none, and never over one that is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

TEMPLATES = Path(__file__).parents[1] / "templates"


class ScaffoldError(ValueError):
    """Nothing was written; the text says why, and what to do."""


def read_template(folder: str) -> dict[str, str]:
    """The files of one folder of `kb/templates/`, by their path inside it."""
    top = TEMPLATES / folder
    return {
        path.relative_to(top).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(top.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"  # pip compiles what it installs
    }


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with each placeholder, a word in capitals such as `PROTOCOL-ID`, replaced by its value."""
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def place_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Make `folder`, which does not exist yet, with `files` in it.

    It is made beside its place and moved there in one go: a disk that is full leaves nothing behind.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".kb-", dir=folder.parent))
    try:
        whole = made / folder.name
        for name, text in files.items():
            path = whole / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
        # INVARIANT: `os.rename` of a folder fails where the target holds anything.
        os.rename(whole, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def add_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write `files` into `folder`, which exists: all, or none. Where one exists, FileExistsError."""
    written: list[Path] = []
    made: list[Path] = []
    try:
        for name, text in files.items():
            path = folder / name
            missing = [parent for parent in path.parents if not parent.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            made += reversed(missing)
            place_file(path, text.encode("utf-8"))
            written.append(path)
    except OSError:
        for path in written:
            path.unlink(missing_ok=True)
        for path in reversed(made):
            path.rmdir()
        raise


def place_file(path: Path, content: bytes) -> None:
    """Make the file `path`, whole; where it exists, FileExistsError."""
    with path.open("xb") as stream:
        try:
            stream.write(content)
            stream.flush()
        except OSError:
            path.unlink()
            raise


def exists(path: Path) -> bool:
    """Whether anything stands at `path`, a link that leads nowhere too."""
    return path.is_symlink() or path.exists()
