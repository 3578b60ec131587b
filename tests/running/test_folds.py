"""What a chart gives a Program to read: a table of charts, slot by slot."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from kb.chart import Chart, ChartError
from kb.folds import Reading, build_row, review_rounds
from kb.program import SCALE, Value
from kb.reading import parse_chart
from kb.values import format_decimal, format_scaled
from tests.running.patients import MINUTE, NAMES, NOW, PROGRAM, ago, chart_of

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("folds.yaml").read_text())


def read(case: dict[str, Any]) -> Reading:
    data = chart_of(case["chart"], case.get("complete", ""))
    chart = parse_chart(PROGRAM, data, NOW, lenient=case.get("lenient", False))
    return build_row(PROGRAM, chart, NOW, case.get("local"))


def written(value: Value, slot: int) -> object:
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return format_scaled(value, PROGRAM.slots[slot].unit)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_chart_gives_this_row(case: dict[str, Any]) -> None:
    reading = read(case)
    for name, value in case.get("gives", {}).items():
        slot = NAMES[name]
        assert written(reading.row[slot], slot) == value, (name, reading.causes.get(slot))
        assert slot not in reading.causes
    for name, (kind, *asks) in case.get("unknown", {}).items():
        slot = NAMES[name]
        assert reading.row[slot] is None, name
        assert (reading.causes[slot].kind, list(reading.causes[slot].asks)) == (kind, asks)
    for name, bound in case.get("bounds", {}).items():
        assert written(reading.lower_bounds[NAMES[name]], NAMES[name]) == bound
    for name, age in case.get("ages", {}).items():
        assert reading.causes[NAMES[name]].age == age * SCALE
    if "assumptions" in case:
        assert list(reading.assumptions) == case["assumptions"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_unknown_input_has_a_cause_and_nothing_else_has(case: dict[str, Any]) -> None:
    reading = read(case)
    inputs = [i for i, slot in enumerate(PROGRAM.slots) if slot.kind not in ("define", "order")]
    assert set(reading.causes) == {i for i in inputs if reading.row[i] is None}
    assert all(cause.text for cause in reading.causes.values())
    assert all(reading.row[i] is None for i in range(len(PROGRAM.slots)) if i not in inputs)


@pytest.mark.parametrize("case", [case for case in CASES if isinstance(case["chart"], list)], ids=lambda c: c["name"])
def test_entries_later_than_now_never_change_the_row(case: dict[str, Any]) -> None:
    later = [{"id": "late1", "ago": "-1 s", "element": "map", "value": "11 mmHg"}]
    later += [{"id": "late2", "ago": "-1 s", "stopped": "vasopressin"}, {"id": "late3", "ago": "-2 s", "done": "line"}]
    more = read({**case, "chart": [*case["chart"], *later]})
    assert more.row == read(case).row
    assert [text for text in more.not_used if text.startswith("late")] == [
        "late1: later than now",
        "late2: later than now",
        "late3: later than now",
    ]


def test_times_are_those_of_the_entries() -> None:
    chart = chart_of([{"ago": "4 min", "element": "map", "value": "60 mmHg"}, {"ago": "9 min", "opened": "small"}])
    reading = build_row(PROGRAM, parse_chart(PROGRAM, chart, NOW), NOW)
    assert reading.times[NAMES["map"]] == ago("4 min")
    assert reading.episode == ago("9 min")


def test_what_is_taken_for_zero_is_marked() -> None:
    reading = read({"chart": {}})
    assert reading.assumed_slots == (NAMES["dopamine"],)


@pytest.mark.parametrize(
    ("local", "code"),
    [
        ({"parameters": {"reasess_after": "5 min"}}, "KB620"),
        ({"parameters": {"reassess_after": "16 min"}}, "KB621"),
        ({"parameters": {"reassess_after": "5"}}, "KB621"),
        ({"parameters": {"rule": "fr"}}, "KB621"),
        ({"parameters": ["reassess_after"]}, "KB621"),
        ({"concentrations": {"norepinephrine": "strong"}}, "KB618"),
    ],
)
def test_local_settings_that_do_not_fit_are_refused_by_name(local: dict[str, Any], code: str) -> None:
    with pytest.raises(ChartError) as caught:
        build_row(PROGRAM, parse_chart(PROGRAM, {}, NOW), NOW, local)
    assert [item.code for item in caught.value.refusals] == [code]
    reading = build_row(PROGRAM, parse_chart(PROGRAM, {}, NOW, lenient=True), NOW, local)
    assert reading.row[NAMES["reassess_after"]] is None
    assert [item.code for item in reading.refusals] == [code]


def test_a_refusal_stands_no_longer_once_a_reason_has_changed() -> None:
    data = chart_of([{"ago": "10 min", "declined": "line", "reason": "not now"}])
    parsed = parse_chart(PROGRAM, data, NOW)
    same = build_row(PROGRAM, parsed, NOW, None, lambda at, step: step)
    other = build_row(PROGRAM, parsed, NOW, None, lambda at, step: at)
    assert (same.row[NAMES["decline_stands(line)"]], other.row[NAMES["decline_stands(line)"]]) == (True, False)


VASO = next(step for step in PROGRAM.steps if step.id == "vaso")
START = {"ago": "40 min", "started": "vasopressin", "rate": "0.03 units/min"}


@pytest.mark.parametrize(
    ("listed", "base", "missing", "late"),
    [
        ([START], "40 min", ("map", "lactate"), "1500"),
        ([START, {"ago": "1 min", "element": "map", "value": "70 mmHg"}], "40 min", ("lactate",), "1500"),
        (
            [
                START,
                {"ago": "16 min", "element": "map", "value": "70 mmHg"},
                {"ago": "14 min", "element": "lactate", "value": "2 mmol/L"},
            ],
            "14 min",
            ("map", "lactate"),
            None,
        ),
        (
            [
                START,
                {"ago": "30 min", "element": "map", "value": "70 mmHg"},
                {"ago": "30 min", "element": "lactate", "value": "2 mmol/L"},
                {"ago": "20 min", "element": "map", "value": "70 mmHg"},
            ],
            "30 min",
            ("lactate",),
            "900",
        ),
        (
            [START, {"ago": "10 min", "changed": "vasopressin", "rate": "0.04 units/min"}],
            "10 min",
            ("map", "lactate"),
            None,
        ),
        (
            [START, {"ago": "1 min", "element": "lactate", "value": "not available"}],
            "40 min",
            ("map", "lactate"),
            "1500",
        ),
    ],
)
def test_a_review_is_due_after_its_last_complete_round(
    listed: list[dict[str, str]], base: str, missing: tuple[str, ...], late: str | None
) -> None:
    parsed = parse_chart(PROGRAM, chart_of(listed, "6 h"), NOW)
    found = review_rounds(PROGRAM, parsed, VASO, 15 * MINUTE, NOW)
    assert found is not None
    assert (found.base, found.missing) == (ago(base), missing)
    assert found.due == ago(base, ago("-15 min"))
    assert (None if found.overdue_by is None else str(found.overdue_by)) == late


def test_an_action_not_taken_has_no_review() -> None:
    parsed = parse_chart(PROGRAM, chart_of([START, {"ago": "10 min", "opened": "small"}]), NOW)
    assert review_rounds(PROGRAM, parsed, VASO, 15 * MINUTE, NOW) is None


def test_the_integral_of_a_rate_is_exact() -> None:
    listed = [{"ago": "30 min", "started": "vasopressin", "rate": "0.03 units/min"}]
    listed += [
        {"ago": f"{m} min", "changed": "vasopressin", "rate": f"0.0{1 + m % 4} units/min"} for m in range(29, 0, -1)
    ]
    reading = build_row(PROGRAM, parse_chart(PROGRAM, chart_of(listed, "6 h"), NOW), NOW)
    exact = Fraction(3, 100) + sum((Fraction(1 + m % 4, 100) for m in range(29, 0, -1)), Fraction(0))
    value = reading.row[NAMES["total(vasopressin in the episode)"]]
    assert isinstance(value, int)
    assert format_decimal(value) == str(float(exact))


def test_reading_twice_gives_the_same_row() -> None:
    data = chart_of(CASES[0]["chart"])
    parsed = parse_chart(PROGRAM, Chart.from_json(data), NOW)
    assert build_row(PROGRAM, parsed, NOW) == build_row(PROGRAM, parsed, NOW)
