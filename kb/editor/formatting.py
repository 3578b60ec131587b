"""A text in its one form, as `kb fmt` writes it, as edits of the lines that change; or the reason why not."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from pathlib import Path

from kb.editor.places import Position, Range, units
from kb.editor.rename import Edit
from kb.editor.workspace import Workspace
from kb.formatter import format_text

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class FormatError(Exception):
    """The text is left as it is; the message says where and why."""


def format_edits(workspace: Workspace, path: Path) -> list[Edit]:
    """What `kb fmt` would change in the text of `path`: whole lines, in order; empty where it has its form.

    Raises:
        FormatError: the text cannot be formatted, or not without changing more than its form.

    """
    text, kind = workspace.text(path), workspace.kind(path)
    if text is None or kind is None:
        raise FormatError("this is no file that a knowledge base has; nothing was formatted")
    base = workspace.base
    result = format_text(text, str(path), kind, (lambda each: base.digests(path, each)) if kind == "protocol" else None)
    if result.refused:
        first = result.diagnostics[0]
        raise FormatError(f"not formatted; line {first.span.line}: {first.message}")
    before, after = (_LINE.findall(each) for each in (text, result.text))

    def start(line: int) -> Position:
        if line == len(before) and before and not before[-1].endswith("\n"):
            return Position(line - 1, units(before[-1]))
        return Position(line, 0)

    return [
        Edit(path, Range(start(first), start(last)), "".join(after[low:high]))
        for what, first, last, low, high in SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        if what != "equal"
    ]
