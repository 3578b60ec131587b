"""A line that says how far long work is: on a terminal's standard error only, and only once it takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.text import Text

_AFTER = 1.0  # seconds; what is done sooner needs no telling
_EVERY = 0.1


def progress(doing: str) -> Callable[[list[str]], Iterator[str]]:
    """A function that yields ids as they are, and meanwhile tells `checking 12 of 400: NAME`; nothing of it stays."""
    return lambda ids: _told(ids, doing)


def _told(items: list[str], doing: str) -> Iterator[str]:
    if not sys.stderr.isatty():
        yield from items
        return
    line = Console(stderr=True, highlight=False)
    began = last = time.monotonic()
    shown = False
    try:
        for number, item in enumerate(items, start=1):
            now = time.monotonic()
            if now - began > _AFTER and now - last > _EVERY:
                name = "".join(letter for letter in item if letter.isprintable())
                text = Text(f"{doing} {number} of {len(items)}: {name}", "dim", overflow="ellipsis", no_wrap=True)
                text.truncate(max(line.width - 1, 10), overflow="ellipsis")
                line.file.write("\r\x1b[2K")
                line.print(text, end="")
                line.file.flush()
                last, shown = now, True
            yield item
    finally:
        if shown:
            line.file.write("\r\x1b[2K")
            line.file.flush()
