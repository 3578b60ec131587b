"""Text for people: the line, a caret, what to do and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from kb.codes import CODES
from kb.diagnostics import Diagnostic, Severity, Span, in_reading_order
from kb.report.record import Lines, Report, counted
from kb.source import printable

_WIDTH: Final = 110  # longer source lines are shown in part
_STYLES: Final = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


def render(report: Report) -> str:
    """Without colours, for a file or a log."""
    told = render_text(report.diagnostics, lines=report.lines)
    for case in report.cases:
        if case.failures:
            told += f"failed  {_plain(case.name)}  {_plain(case.file)}:{case.line}\n"
            told += "".join(f"        {_plain(failure)}\n" for failure in case.failures)
    if report.refusal is not None:
        return f"{told}kb: {report.refusal.message}\n"
    if report.cases:
        fine = sum(not case.failures for case in report.cases)
        return f"{told}{fine} of {counted(len(report.cases), 'scenario')} as expected\n"
    allowed = f", {counted(len(report.allowed), 'warning')} allowed" if report.allowed else ""
    return f"{told}{summary(report.diagnostics)} in {counted(len(report.files), 'file')}{allowed}\n"


def render_text(
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, str] | None = None,
    colour: bool = False,
    lines: Lines | None = None,
) -> str:
    """All of `diagnostics` as text, in reading order.

    `sources` has the text of files already at hand, or `lines` those already read; others are read. With `colour`,
    ANSI colours for a terminal.
    """
    lines = lines or Lines(sources or {})
    found = in_reading_order(diagnostics)
    return "\n\n".join(_one_as_text(one, lines, colour) for one in found) + ("\n" if found else "")


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning, 1 note`."""
    found = in_reading_order(diagnostics)
    numbers = ((sum(one.severity is severity for one in found), severity.value) for severity in Severity)
    parts = [counted(number, word) for number, word in numbers if number]
    return ", ".join(parts) or "no problems"


def _one_as_text(one: Diagnostic, lines: Lines, colour: bool) -> str:
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
    if one.allowed is not None:
        given = one.allowed
        told = f"until {given.until} by {given.by}: {given.because}"
        out.append(f"  {_painted('allowed', 'bold green', colour)}: {_plain(told)}")
    if one.why:
        out.append(f"  {_painted('why', 'bold', colour)}: {_plain(one.why)}")
    return "\n".join(out)


def _excerpt(span: Span, lines: Lines, style: str, colour: bool) -> list[str]:
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
