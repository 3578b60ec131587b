"""Whether files have changed: by their times, sizes and, where they are fresh, their content."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

_SETTLE = 0.05  # an editor that saves by renaming is done when two looks this far apart see the same

Seen: TypeAlias = Mapping[Path, tuple[int, ...]]


def snapshot(files: Iterable[Path]) -> Seen:
    """What tells one state of the files from the next, on any file system."""
    made: dict[Path, tuple[int, ...]] = {}
    for path in files:
        try:
            told = path.stat()
            made[path] = (told.st_mtime_ns, told.st_size, told.st_ino)
            if abs(time.time() - told.st_mtime) < 3:  # some drives keep whole seconds only
                made[path] += (zlib.crc32(path.read_bytes()),)
        except OSError:
            continue  # gone, or about to be replaced
    return made


def settled(files: Callable[[], Iterable[Path]]) -> Seen:
    """The state of the files once nobody is writing them any more."""
    seen = snapshot(files())
    for _ in range(20):
        time.sleep(_SETTLE)
        before, seen = seen, snapshot(files())
        if not changed(before, seen):
            break
    return seen


def changed(before: Seen, after: Seen) -> list[Path]:
    """The files that differ between two states, gone and new ones among them."""
    return sorted(path for path in {*before, *after} if _differs(before.get(path), after.get(path)))


def _differs(before: tuple[int, ...] | None, after: tuple[int, ...] | None) -> bool:
    """The content is told only while a file is fresh: that it is no longer told is no change."""
    if before is None or after is None:
        return True
    return any(mine != theirs for mine, theirs in zip(before, after, strict=False))
