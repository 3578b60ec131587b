"""Workflow commands of GitHub Actions: each finding is shown at its line of a pull request.

`::error file=…,line=…,endLine=…,col=…,endColumn=…,title=…::message`. What a knowledge base says is escaped, so
that no text of it can begin a command of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kb.diagnostics import Severity, Span
from kb.report.record import Report, in_full, name_of, path_below
from kb.source import printable

_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(report: Report) -> str:
    lines = list(_commands(report))
    return "".join(f"{line}\n" for line in lines)


def _commands(report: Report) -> Iterator[str]:
    if report.refusal is not None:
        yield f"::error title={_property('kb could not run')}::{_text(report.refusal.message)}"
    for one in report.diagnostics:
        level = _LEVELS[one.severity]
        told = [in_full(one)]
        told += [f"{_short(report, item.span)}: {item.message}" for item in one.related]
        yield f"::{level} {_place(report, one.span)},title={_property(name_of(one.code))}::{_text(chr(10).join(told))}"
    for case in report.cases:
        if case.failures:
            place = f"file={_property(path_below(report.root, case.file)[0])},line={case.line}"
            title = _property(f"scenario {case.name} of {case.group}")
            yield f"::error {place},title={title}::{_text(chr(10).join(case.failures))}"


def _place(report: Report, span: Span) -> str:
    place = f"file={_property(path_below(report.root, span.file)[0])},line={span.line},endLine={span.end_line}"
    if span.end_line != span.line:  # GitHub takes columns only within one line
        return place
    return f"{place},col={span.column},endColumn={max(span.column, span.end_column)}"


def _short(report: Report, span: Span) -> str:
    return f"{path_below(report.root, span.file)[0]}:{span.line}"


def _text(text: str) -> str:
    shown = "\n".join(printable(line) for line in text.replace("\r\n", "\n").split("\n"))
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _text(text).replace(":", "%3A").replace(",", "%2C")
