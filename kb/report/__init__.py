"""Findings made readable: for people (text) and for programs (the others). One format, one module.

`FORMATS` is the table: a format is a function from a `Report` to the whole document.
"""

from __future__ import annotations

from typing import Final

from kb.report import github, junit, sarif, text
from kb.report import json as json_format
from kb.report.record import Case, Refusal, Renderer, Report, report_of
from kb.report.text import render_text, summary

FORMATS: Final[dict[str, Renderer]] = {
    "text": text.render,
    "json": json_format.render,
    "sarif": sarif.render,
    "github": github.render,
    "junit": junit.render,
}

__all__ = ["FORMATS", "Case", "Refusal", "Renderer", "Report", "render_text", "report_of", "summary"]
