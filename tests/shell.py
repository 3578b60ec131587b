"""`kb` as it is typed, in this process: a second per call is saved where the process itself is not the point.

tests/test_elsewhere.py, tests/test_init.py and tests/cli/ start real processes, where that is the point.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from kb import cli
from kb.base import Base
from kb.cli import common

ROOT = Path(__file__).parents[1]


class Answer(NamedTuple):
    """What a command left: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


def kb(*arguments: str, folder: Path | None = None, stdin: str = "") -> Answer:
    """Run `kb` in `folder` (the present one by default), with nobody at a terminal.

    What a process of its own would end with a traceback is one here as well: code 1, and the traceback on `err`.
    Of the shipped base each protocol is compiled once for all calls: no test changes it.
    """
    before, argv, opened = Path.cwd(), sys.argv, common.open_base
    out, err = _stream(), _stream()
    code: object = 0
    try:
        os.chdir(folder or before)
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            patch.object(
                common, "open_base", lambda asked: _shipped() if Path(asked).resolve() == ROOT else opened(asked)
            ),
        ):
            try:
                cli.run(list(arguments))
            except SystemExit as ended:
                code = ended.code
            except Exception:
                traceback.print_exc()
                code = 1
    finally:
        os.chdir(before)
        sys.stdin, sys.argv = sys.__stdin__, argv
    return Answer(code if isinstance(code, int) else int(code is not None), _told(out), _told(err))


@cache
def _shipped() -> Base:
    return Base(ROOT)


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)


def _told(stream: io.TextIOWrapper) -> str:
    stream.flush()
    data: bytes = stream.buffer.getvalue()  # type: ignore[attr-defined]
    return data.decode("utf-8")
