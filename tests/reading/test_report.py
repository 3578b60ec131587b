"""Diagnostics are shown with their line, and never act on a terminal."""

from __future__ import annotations

from kb import report
from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Severity, Span
from tests.reading.files import changed, load

TEXT = changed("    call: senior", "    cal: senior")


def test_a_report_shows_line_caret_and_help() -> None:
    _, problems = load(TEXT)
    assert report.render_text(problems, {"example.yaml": TEXT}) == (
        "error[KB201 unknown-key]: unknown key `cal` in a `do` step\n"
        " --> example.yaml:18:5\n"
        "  18 |     cal: senior clinician\n"
        "     |     ^^^\n"
        "  help: did you mean `call`?\n"
    )


def test_related_places_and_reasons_are_shown() -> None:
    text = changed("question: What next?", "title: Again")
    _, problems = load(text)
    shown = report.render_text(problems, {"example.yaml": text})
    assert "note: `title` stands here first" in shown
    assert "why: only one of the two could be followed" in shown
    assert "   4 | title: Low pressure" in shown


def test_colours_appear_only_where_they_are_wanted() -> None:
    _, problems = load(TEXT)
    assert "\x1b" not in report.render_text(problems, {"example.yaml": TEXT})
    assert "\x1b[" in report.render_text(problems, {"example.yaml": TEXT}, colour=True)


def test_control_characters_and_long_lines_do_not_reach_the_terminal() -> None:
    text = "a: \x1b[31m" + "x" * 5_000 + "\u202e\n"
    problem = found("KB104", Span("f\x1b.yaml", 1, 4_000, 1, 4_001), "bad \x07 thing")
    shown = report.render_text([problem], {"f\x1b.yaml": text})
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert max(map(len, shown.splitlines())) < 200
    lines = shown.splitlines()
    assert lines[2][lines[3].index("^")] == "x"


def test_a_place_behind_the_end_of_a_file_is_no_problem() -> None:
    problem = Diagnostic(
        "KB104", Severity.WARNING, Span("none.yaml", 9, 9, 9, 9), "x", related=(Related(Span("x"), "y"),)
    )
    assert "none.yaml:9:9" in report.render_text([problem])
    assert report.summary([problem]) == "1 warning"
    assert report.summary([]) == "no problems"
