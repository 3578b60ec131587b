"""A row of a table has its own statement's value (KB515); nothing is told where the source does not settle it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_explain import base_with

PROTOCOL = """\
# S01 says: {one}
# S02 says: {two}
# S03 says: {three}
format: 1
id: example
version: "1.0.0"
title: Low pressure
question: What next?
purpose: educational
updated: 2026-01-27
define:
  bolus:
    title: Dose by weight
    unit: mg
    cases:
      - when: {first}
        value: {low} mg
      - when: {second}
        value: {middle} mg
      - value: {high} mg
    cites: [S01, S02, S03]
start: go
steps:
  go:
    do: Give amiodarone
    give:
      drug: amiodarone
      amount: bolus
      route: iv
    priority: stat
    strength: strong
    cites: [S01, S02, S03]
"""
SAYS = {
    "one": "Below 40 kg amiodarone 150 mg",
    "two": "From 40 to under 80 kg amiodarone 200 mg",
    "three": "From 80 kg on amiodarone 300 mg",
    "first": "weight < 40 kg",
    "second": "weight < 80 kg",
}
DOWNWARDS = {"first": "weight >= 80 kg", "second": "weight >= 40 kg"}


def told(folder: Path, low: int, middle: int, high: int, other: dict[str, str]) -> list[tuple[str, str]]:
    base, own = base_with(PROTOCOL.format(low=low, middle=middle, high=high, **{**SAYS, **other}), folder)
    found = base.examine(at="2026-06-30").diagnostics
    return [(item.code, item.help or "") for item in found if item.code == "KB515" and item.span.file == str(own)]


def test_a_table_as_its_source_has_it_is_fine(tmp_path: Path) -> None:
    (tmp_path / "down").mkdir()
    (tmp_path / "up").mkdir()
    assert told(tmp_path / "up", 150, 200, 300, {}) == []
    assert told(tmp_path / "down", 300, 200, 150, DOWNWARDS) == []


@pytest.mark.parametrize(("values", "other"), [((150, 300, 200), {}), ((300, 150, 200), DOWNWARDS)])
def test_rows_that_are_swapped_are_told_with_what_belongs_there(
    values: tuple[int, int, int], other: dict[str, str], tmp_path: Path
) -> None:
    ((_, help),) = told(tmp_path, *values, other)
    assert help.startswith("put 200 mg here")


def test_a_band_of_which_no_statement_speaks_is_left_alone(tmp_path: Path) -> None:
    assert told(tmp_path, 150, 300, 300, {"two": "Amiodarone 200 mg in between"}) == []


def test_a_table_over_two_things_is_left_alone(tmp_path: Path) -> None:
    assert told(tmp_path, 150, 300, 200, {"first": "weight < 40 kg and age < 80 years"}) == []
