"""JSON by `schema/diagnostic.schema.json`; a refusal by `schema/refusal.schema.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from kb.codes import CODES
from kb.diagnostics import Diagnostic, Severity, Span, in_reading_order
from kb.report.record import Report

SCHEMA: Final = "1.0.0"


def render(report: Report) -> str:
    data: dict[str, Any] = as_json(report.diagnostics)
    if report.allowed:
        data["allowed"] = [_one(one) for one in report.allowed]
    if report.refusal is not None:
        error: dict[str, Any] = {"message": report.refusal.message}
        if report.refusal.code:
            error["code"] = report.refusal.code
        if report.diagnostics:
            error["diagnostics"] = data["diagnostics"]
        data = {"error": error}
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def as_json(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """The report as plain data; keys without a value are left out."""
    found = in_reading_order(diagnostics)
    return {
        "schema": SCHEMA,
        "errors": sum(one.severity is Severity.ERROR for one in found),
        "warnings": sum(one.severity is Severity.WARNING for one in found),
        "notes": sum(one.severity is Severity.NOTE for one in found),
        "diagnostics": [_one(one) for one in found],
    }


def _one(one: Diagnostic) -> dict[str, Any]:
    code = CODES.get(one.code)
    data: dict[str, Any] = {
        "code": one.code,
        "name": code.name if code else "",
        "severity": one.severity.value,
        "span": _place(one.span),
        "message": one.message,
    }
    if one.help:
        data["help"] = one.help
    if one.why:
        data["why"] = one.why
    if one.related:
        data["related"] = [{"span": _place(item.span), "message": item.message} for item in one.related]
    if one.example is not None:
        data["patient"] = {
            "id": one.example.id,
            "chart": dict(one.example.chart),
            "parameters": dict(one.example.parameters),
            "now": one.example.now,
        }
    if one.allowed is not None:
        given = one.allowed
        data["allowed"] = {
            "because": given.because,
            "by": given.by,
            "until": given.until,
            "span": _place(given.span),
        }
    return data


def _place(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }
