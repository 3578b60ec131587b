"""Files of a knowledge base as a git revision has them."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path


def unpack(base: Path, revision: str, paths: list[Path], folder: Path) -> str:
    """Write the files of `revision` to `folder`; what went wrong, or nothing."""
    if revision.startswith("-"):
        return "not a revision"
    command = ["git", "-C", str(base), "archive", "--format=tar", revision, "--", *(path.as_posix() for path in paths)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as failed:
        return f"git cannot be run: {failed}"
    if done.returncode:
        return done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            path = folder / member.name
            if content is not None and ".." not in path.parts:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
    return ""
