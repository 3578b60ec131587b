"""Diagnostics made readable: the line, a caret, what to do and why; or JSON by `schema/diagnostic.schema.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from kb.codes import CODES
from kb.diagnostics import Diagnostic, Severity, Span, in_reading_order
from kb.source import MAX_BYTES, printable

SCHEMA: Final = "1.0.0"
_WIDTH: Final = 110  # longer source lines are shown in part
_STYLES: Final = {"error": "bold red", "warning": "bold yellow"}


def as_json(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """The report as plain data; keys without a value are left out."""
    found = in_reading_order(diagnostics)
    return {
        "schema": SCHEMA,
        "errors": sum(one.severity is Severity.ERROR for one in found),
        "warnings": sum(one.severity is Severity.WARNING for one in found),
        "diagnostics": [_one_as_json(one) for one in found],
    }


def _one_as_json(one: Diagnostic) -> dict[str, Any]:
    code = CODES.get(one.code)
    data: dict[str, Any] = {
        "code": one.code,
        "name": code.name if code else "",
        "severity": one.severity.value,
        "span": _place_as_json(one.span),
        "message": one.message,
    }
    if one.help:
        data["help"] = one.help
    if one.why:
        data["why"] = one.why
    if one.related:
        data["related"] = [{"span": _place_as_json(item.span), "message": item.message} for item in one.related]
    return data


def _place_as_json(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    return json.dumps(as_json(diagnostics), indent=2, ensure_ascii=False)


def render_text(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, str] | None = None, colour: bool = False
) -> str:
    """All of `diagnostics` as text, in reading order.

    `sources` has the text of files already at hand; others are read. With `colour`, ANSI colours for a terminal.
    """
    lines = _Lines(dict(sources or {}))
    found = in_reading_order(diagnostics)
    return "\n\n".join(_one_as_text(one, lines, colour) for one in found) + ("\n" if found else "")


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    found = in_reading_order(diagnostics)
    errors = sum(one.severity is Severity.ERROR for one in found)
    warnings = len(found) - errors
    parts = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((errors, "error"), (warnings, "warning"))
        if count
    ]
    return ", ".join(parts) or "no problems"


class _Lines:
    """Lines of files, each file read once."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.files = {file: text.replace("\r\n", "\n").split("\n") for file, text in sources.items()}

    def line(self, file: str, number: int) -> str | None:
        if file not in self.files:
            text = ""
            try:
                if Path(file).is_file():  # opening a pipe would wait for ever
                    with Path(file).open("rb") as stream:
                        text = stream.read(MAX_BYTES).decode("utf-8", "replace")
            except (OSError, ValueError):
                pass
            self.files[file] = text.replace("\r\n", "\n").split("\n")
        lines = self.files[file]
        return lines[number - 1] if 0 < number <= len(lines) and lines != [""] else None


def _one_as_text(one: Diagnostic, lines: _Lines, colour: bool) -> str:
    severity = one.severity.value
    code = CODES.get(one.code)
    name = f" {code.name}" if code else ""
    head = _painted(f"{severity}[{one.code}{name}]", _STYLES[severity], colour) + ": " + _plain(one.message)
    out = [head, *_excerpt(one.span, lines, _STYLES[severity], colour)]
    for related in one.related:
        out += [f"  {_painted('note', 'bold cyan', colour)}: {_plain(related.message)}"]
        out += _excerpt(related.span, lines, "cyan", colour)
    if one.help:
        out.append(f"  {_painted('help', 'bold green', colour)}: {_plain(one.help)}")
    if one.why:
        out.append(f"  {_painted('why', 'bold', colour)}: {_plain(one.why)}")
    return "\n".join(out)


def _excerpt(span: Span, lines: _Lines, style: str, colour: bool) -> list[str]:
    where = f" --> {_plain(span.file)}:{span.line}:{span.column}"
    line = lines.line(span.file, span.line)
    if line is None:
        return [where]
    start = max(0, span.column - 1)
    end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    shift = 0 if len(line) <= _WIDTH or start < _WIDTH - 30 else start - 30
    shown = line[shift : shift + _WIDTH]
    lead = "… " if shift else ""
    tail = " …" if shift + _WIDTH < len(line) else ""
    before = _plain(shown[: start - shift])
    marked = _plain(shown[start - shift : max(end, start + 1) - shift])
    carets = "^" * max(1, len(marked))
    gutter = f"{span.line:>4} | "
    return [
        where,
        gutter + lead + _plain(shown) + tail,
        " " * 4 + " | " + " " * (len(lead) + len(before)) + _painted(carets, style, colour),
    ]


def _plain(text: str) -> str:
    """Nothing a terminal acts on; a tab takes one column, so that carets stand where they should."""
    return printable(text.replace("\t", " ").replace("\n", " "))


def _painted(text: str, style: str, colour: bool) -> str:
    if not colour:
        return text
    from rich.style import Style  # only where colour is wanted: a plain report needs no outside package

    return Style.parse(style).render(text)
