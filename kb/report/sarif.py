"""SARIF 2.1.0 (OASIS), the format of code scanning services and editors.

Files are named from the top of the repository. Columns count UTF-16 units, as every reader of SARIF expects.
A fingerprint is made of the code, the file and the text of the line, so that a finding stays the same one when
lines are put in above it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import kb
from kb.codes import CODES, explanation
from kb.diagnostics import Diagnostic, Span
from kb.report.record import Report, in_full, path_below, storable

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT: Final = "%SRCROOT%"
_PROBLEMS: Final = {"error": "error", "warning": "warning", "note": "recommendation"}  # the words GitHub reads
_FINGERPRINT: Final = "primaryLocationLineHash"  # the name that GitHub reads


def render(report: Report) -> str:
    results = (*report.diagnostics, *report.allowed)
    codes = sorted({one.code for one in results})
    seen: Counter[str] = Counter()
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "guideline-kb",
                "version": kb.__version__,
                "semanticVersion": kb.__version__,
                "rules": [_rule(code) for code in codes],
            }
        },
        "invocations": [_invocation(report)],
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The top of the repository."}}},
        "results": [_result(report, one, codes.index(one.code), seen) for one in results],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _invocation(report: Report) -> dict[str, Any]:
    if report.refusal is None:
        return {"executionSuccessful": True}
    told = {"level": "error", "message": _message(report.refusal.message)}
    return {"executionSuccessful": False, "toolExecutionNotifications": [told]}


def _rule(code: str) -> dict[str, Any]:
    known = CODES.get(code)
    if known is None:
        return {"id": code}
    page = explanation(code)
    rule: dict[str, Any] = {
        "id": code,
        "name": "".join(word.capitalize() for word in known.name.split("-")),
        "shortDescription": {"text": known.title},
        "defaultConfiguration": {"level": known.severity.value},
        "properties": {"problem.severity": _PROBLEMS[known.severity.value], "tags": ["clinical-safety"]},
    }
    if page:
        paragraphs = page.split("\n\n")
        rule["fullDescription"] = {"text": paragraphs[1].strip()}
        rule["help"] = {"text": f"`kb explain {code}` tells more.\n\n{page}", "markdown": page}
    return rule


def _result(report: Report, one: Diagnostic, rule: int, seen: Counter[str]) -> dict[str, Any]:
    mark = _mark(report, one)
    seen[mark] += 1
    result: dict[str, Any] = {
        "ruleId": one.code,
        "ruleIndex": rule,
        "level": one.severity.value,
        "message": _message(in_full(one)),
        "locations": [{"physicalLocation": _place(report, one.span)}],
        "partialFingerprints": {_FINGERPRINT: f"{mark}:{seen[mark]}"},
    }
    if one.related:
        result["relatedLocations"] = [
            {"id": number, "message": _message(item.message), "physicalLocation": _place(report, item.span)}
            for number, item in enumerate(one.related, start=1)
        ]
    if one.allowed is not None:
        given = one.allowed
        told = storable(f"{given.because} (allowed by {given.by} until {given.until})")
        place = _place(report, given.span)
        result["suppressions"] = [
            {"kind": "inSource", "status": "accepted", "justification": told, "location": {"physicalLocation": place}}
        ]
    return result


_BRACKET = re.compile(r"([\[\]])")
_PLACEHOLDER = re.compile(r"\{(\d+)\}")


def _message(text: str) -> dict[str, Any]:
    """What a knowledge base says is never a link or a placeholder."""
    told = storable(text)
    if "](" in told:
        told = _BRACKET.sub(r"\\\1", told)
    return {"text": _PLACEHOLDER.sub(r"{{\1}}", told)}


def _place(report: Report, span: Span) -> dict[str, Any]:
    path, below = path_below(report.root, span.file)
    artifact = {"uri": quote(storable(path)), "uriBaseId": ROOT} if below else {"uri": Path(storable(path)).as_uri()}
    region = {
        "startLine": span.line,
        "startColumn": _column(report, span, span.line, span.column),
        "endLine": span.end_line,
        "endColumn": _column(report, span, span.end_line, span.end_column),
    }
    return {"artifactLocation": artifact, "region": region}


def _column(report: Report, span: Span, line: int, column: int) -> int:
    """A column of `Span`, which counts characters, in UTF-16 units."""
    before = (report.lines.line(span.file, line) or "")[: column - 1]
    return column + sum(ord(character) > 0xFFFF for character in before)


def _mark(report: Report, one: Diagnostic) -> str:
    """The same for the same mistake on the same text, wherever in the file it stands."""
    path, below = path_below(report.root, one.span.file)
    line = report.lines.line(one.span.file, one.span.line)
    about = one.message if line is None else " ".join(line.split())
    told = "\0".join((one.code, path if below else Path(path).name, about))
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16]
