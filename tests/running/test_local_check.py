"""What `kb check` says of the numbers, dates and signatures of local settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.base import Base
from kb.diagnostics import all_notes

ROOT = Path(__file__).parents[2]
SHIPPED = Base(ROOT)
SIGNED = "format: 1\nname: St Example\napproved_by: Dr A. Example\napproved_on: 2026-01-01\n"


def told(path: Path, text: str) -> list[tuple[str, int, str]]:
    path.write_text(text, encoding="utf-8")
    return [(item.code, item.span.line, item.message) for item in SHIPPED.check_local(path)]


@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        # 30 mL/kg for the heaviest plausible patient of 400 kg
        ("parameters: {bolus_size: {value: 25000 mL, because: x}}", "KB733", "never above 12000 mL"),
        ("parameters: {bolus_size: {value: 0 mL, because: x}}", "KB733", "nothing of Balanced crystalloid"),
        ("parameters: {bolus_size: {value: 2500 mL, because: x}}", "KB732", "read `2500 mL` twice"),
        ("parameters: {epinephrine_step: {value: 5 mcg/kg/min, because: x}}", "KB733", "limit of 2 mcg/kg/min"),
        ("parameters: {epinephrine_interval: {value: 500 min, because: x}}", "KB732", "read `500 min` twice"),
        # 0.25 mcg/kg/min × 60 min / 0.016 mcg/mL
        ("concentrations: {norepinephrine: {value: 16 ng/mL as base, because: x}}", "KB732", "937.5 mL/h for each kg"),
        # 0.1 units/min × 60 min / 0.4 units/mL
        ("concentrations: {vasopressin: {value: 0.4 units/mL, because: x}}", "KB732", "runs at 15 mL/h"),
        ("concentrations: {insulin: {value: 1 units/mL, because: x, approved_on: 2026-02-30}}", "KB718", "not a date"),
    ],
)
def test_a_local_number_is_held_against_what_the_base_knows(
    tmp_path: Path, setting: str, code: str, words: str
) -> None:
    found = told(tmp_path / "local.yaml", f"{SIGNED}{setting}\n")
    assert any(item[0] == code and item[1] == 5 and words in item[2] for item in found), found


def test_a_number_inside_a_range_of_its_own_is_not_told(tmp_path: Path) -> None:
    text = f"{SIGNED}parameters: {{reassess_after: {{value: 5 min, because: x}}}}\n"
    assert told(tmp_path / "local.yaml", text) == []


@pytest.mark.parametrize(("date", "expected"), [("2026-12-31", []), ("2031-01-01", ["KB734"])])
def test_a_year_that_no_protocol_has_is_to_be_read_twice(tmp_path: Path, date: str, expected: list[str]) -> None:
    text = SIGNED.replace("2026-01-01", date) + "display_units: {map: kPa}\n"
    assert [code for code, _, _ in told(tmp_path / "local.yaml", text)] == expected


def test_a_setting_that_nobody_signed_is_shown_and_does_not_fail_the_check(tmp_path: Path) -> None:
    path = tmp_path / "local.yaml"
    path.write_text("format: 1\nname: St Example\nparameters: {reassess_after: 5 min}\n", encoding="utf-8")
    found = SHIPPED.check_local(path)
    assert [item.code for item in found] == ["KB716"]
    assert all_notes(found)
