"""Large tables and drawn examples in two parts: every so-many-th in `make test`, all of them in `make test-long`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import pytest

_run = {"whole": False}


def sampled(rows: Iterable[Any], one_in: int, kind: Callable[[Any], Hashable] | None = None) -> list[Any]:
    """The rows as parameters of a test; all but each `one_in`-th, and the first of each `kind`, are marked `long`."""
    made = []
    seen: set[Hashable] = set()
    for number, row in enumerate(rows):
        each = row if hasattr(row, "marks") else pytest.param(*row if isinstance(row, tuple) else (row,))
        new = kind is not None and kind(row) not in seen
        if kind is not None:
            seen.add(kind(row))
        marks = each.marks if new or number % one_in == 0 else (*each.marks, pytest.mark.long)
        made.append(pytest.param(*each.values, id=each.id, marks=marks))
    return made


def ask_for(marks: str) -> None:
    """Take in which tests are asked for (`-m`), before any of them is read."""
    _run["whole"] = "long" in marks.replace("not long", "")


def examples(whole: int, one_in: int) -> int:
    """How many examples Hypothesis draws for a test: all in `make test-long`, one in so many otherwise."""
    return whole if _run["whole"] else whole // one_in
