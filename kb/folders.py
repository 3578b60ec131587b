"""Where a knowledge base is, and what stands in it by name alone: no file is opened, nothing is compiled."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

VERSION = re.compile(r"\d+\.\d+\.\d+")


class Found(NamedTuple):
    """A knowledge base, and why it is that one; `own`: not the one that ships."""

    path: Path
    why: str
    own: bool = True


def find_base(given: Path | None = None) -> Found:
    """The base asked for, the one the user stands in, or the shipped one."""
    if given is not None:
        return Found(given, "named with --base")
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "protocols" / "library").is_dir():
            why = "the folder you stand in" if folder == here else "the nearest folder above you with protocols/library"
            return Found(Path(os.path.relpath(folder)), why)  # places in messages stay short
    return Found(default_base(), "no folder above you has protocols/library: the base that ships with kb", own=False)


def default_base() -> Path:
    """The base of the protocols that ship: in a checkout the folder above the package, else the package's own."""
    here = Path(__file__).parent
    shipped = here / "shipped" / "base"
    return shipped if shipped.is_dir() else here.parent


def protocols_in(folder: Path) -> dict[str, list[str]]:
    """Ids of the protocols in a folder `protocols/` and, for each, its versions, lowest first."""
    made: dict[str, list[str]] = {}
    if folder.is_dir():
        for each in sorted(folder.iterdir()):
            versions = [path.stem for path in each.glob("*.yaml") if VERSION.fullmatch(path.stem)]
            if versions and each.name != "library":
                made[each.name] = sorted(versions, key=lambda text: [int(part) for part in text.split(".")])
    return made
