"""Which words of a statement put the number of a threshold on which side of it; when nothing can be said (KB514)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_explain import base_with

PROTOCOL = """\
# S01 says: {says}
format: 1
id: example
version: "1.0.0"
title: Low pressure
question: What next?
purpose: educational
updated: 2026-01-27
start: asked
steps:
  asked:
    decide: Which way?
    cases:
      - when: {when}
        go: low
      - else: fine
    cites: [S01]
    {reading}
  low:
    do: Call for help
    call: senior clinician
    priority: stat
    strength: strong
    cites: [S01]
  fine:
    end: The pressure will do
    cites: [S01]
"""
READING = """\
interpretations:
  A01:
    about: [S01]
    reading: {reading}
    because: The source leaves it open
    confirm: critical-care physician
"""

ABOVE = ("map < 65 mmHg", "map >= 65 mmHg", "65 mmHg > map")
BELOW = ("map > 65 mmHg", "map <= 65 mmHg", "65 mmHg >= map")
"""Comparisons that put 65 itself above the threshold, and below it."""

WORDINGS = [
    *(
        (f"Call at {words}", ABOVE)
        for words in ("a pressure below 65 mmHg", "less than 65 mmHg", "< 65", "not below 65")
    ),
    *(
        (f"Call at {words}", ABOVE)
        for words in ("at least 65 mmHg", "no less than 65", "65 mmHg or more", "65 or above")
    ),
    *(
        (f"Call at {words}", BELOW)
        for words in ("a pressure above 65 mmHg", "more than 65 mmHg", "> 65", "not above 65")
    ),
    *((f"Call at {words}", BELOW) for words in ("at most 65 mmHg", "no more than 65", "65 mmHg or less", "up to 65")),
    ("Call from 50 to below 65 mmHg", ABOVE),
    ("Call from 65 mmHg on", ABOVE),
    ("Call from 65 upwards", ABOVE),
    ("Call above 65 to 90 mmHg", BELOW),
]


def codes(folder: Path, says: str, when: str, reading: str = "") -> list[str]:
    text = PROTOCOL.format(says=says, when=when, reading="interprets: [A01]" if reading else "# no reading")
    base, own = base_with(text + (READING.format(reading=reading) if reading else ""), folder)
    found = base.examine(at="2026-06-30").diagnostics
    return [item.code for item in found if item.code == "KB514" and item.span.file == str(own)]


@pytest.mark.parametrize(("says", "fitting"), WORDINGS)
def test_a_comparison_is_told_where_the_words_put_the_number_on_the_other_side(
    says: str, fitting: tuple[str, ...], tmp_path: Path
) -> None:
    for number, when in enumerate((*ABOVE, *BELOW)):
        (folder := tmp_path / str(number)).mkdir()
        assert codes(folder, says, when) == ([] if when in fitting else ["KB514"]), when


@pytest.mark.parametrize(
    "says",
    [
        "Call at a pressure of 65 mmHg",
        "Call from 50 to 65 mmHg",
        "A pressure above 65 mmHg is high. From 65 mmHg on somebody is called",
        "Call below 65 mmHg, and at no more than 65 mmHg in a child",
        "Call below 60 mmHg, at the latest at 65 mmHg",
    ],
)
def test_nothing_is_told_where_the_words_leave_it_open_or_disagree(says: str, tmp_path: Path) -> None:
    for number, when in enumerate((*ABOVE, *BELOW)):
        (folder := tmp_path / str(number)).mkdir()
        assert codes(folder, says, when) == [], when


def test_an_interpretation_that_has_the_number_is_the_editors_open_choice(tmp_path: Path) -> None:
    assert codes(tmp_path, "Call below 65 mmHg", "map <= 65 mmHg", "65 mmHg itself is low as well") == []


def test_time_that_something_runs_over_is_no_threshold(tmp_path: Path) -> None:
    says = "Give it over 10 min"
    assert codes(tmp_path, says, "age >= 10 min") == []
