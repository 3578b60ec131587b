"""Reading charts: what is taken, what is refused and how it is said."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import kb.chart
from kb.chart import RULES, Chart, ChartError
from kb.codes import CODES
from kb.folds import build_row
from kb.program import SCALE
from kb.reading import parse_chart, parse_order
from tests.running.patients import NAMES, NOW, PROGRAM, ago, chart_of, entries

REFUSALS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("chart_refusals.yaml").read_text())
PAGES = Path(kb.chart.__file__).parent / "explain"
BLOCK = re.compile(r"```json (bad|good)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case["name"])
def test_a_chart_is_refused_for_exactly_what_is_wrong_with_it(case: dict[str, Any]) -> None:
    data = case["raw"] if "raw" in case else chart_of(case["chart"])
    now = NOW if case.get("now", NOW) else None
    found: tuple[Any, ...] = ()
    try:
        parsed = parse_chart(PROGRAM, data, now)
        assert [item.name for item in parsed.not_used] == case.get("not_used", [])
    except ChartError as error:
        found = error.refusals
    assert [item.code for item in found] == case["codes"]
    if "names" in case:
        assert [item.name for item in found] == case["names"]
    text = "\n".join(map(str, found))
    for part in case.get("says", ()):
        assert part in text


#: Where there is a time and a chart: without them nothing is read, leniently or not.
READABLE = [case for case in REFUSALS if case.get("now", NOW) is not None and case["codes"] != ["KB601"]]


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case["name"])
def test_read_leniently_the_same_is_listed_and_nothing_raises(case: dict[str, Any]) -> None:
    parsed = parse_chart(PROGRAM, chart_of(case["chart"]), NOW, lenient=True)
    assert [item.code for item in parsed.refused] == case["codes"]
    reading = build_row(PROGRAM, parsed, NOW)
    assert set(case.get("names", ())) <= set(reading.refused)


def test_every_code_has_its_row_and_its_page() -> None:
    assert {code: CODES[code].name for code in RULES} == RULES
    for code in (code for code in CODES if "KB601" <= code <= "KB649"):
        page = (PAGES / f"{code}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {code} {CODES[code].name}\n"), code


def _examples() -> list[tuple[str, str, str]]:
    return [
        (code, kind, text)
        for code in sorted(RULES)
        for kind, text in BLOCK.findall((PAGES / f"{code}.md").read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("code", "kind", "text"), _examples())
def test_the_examples_of_a_page_are_what_they_say(code: str, kind: str, text: str) -> None:
    """An example is a chart; with `chart` as a key it may also have `now`, `local` and `order`."""
    data = json.loads(text)
    whole = data if "chart" in data else {"chart": data}
    now = whole.get("now", "2026-01-27T12:00:00+00:00")
    refused: list[str] = []
    try:
        moment = None if now is None else NOW
        build_row(PROGRAM, parse_chart(PROGRAM, whole["chart"], moment), moment, whole.get("local"))
        if "order" in whole:
            refused = [item.code for item in parse_order(PROGRAM, whole["order"]).refusals]
    except ChartError as error:
        refused = [item.code for item in error.refusals]
    assert refused == ([code] if kind == "bad" else [])


def test_every_page_has_both_kinds_of_example() -> None:
    kinds: dict[str, set[str]] = {code: set() for code in RULES}
    for code, kind, _ in _examples():
        kinds[code].add(kind)
    assert all(found == {"bad", "good"} for found in kinds.values()), kinds


@pytest.mark.parametrize("value", ["58 mmHg", "58.0 mmHg", "58.00 mmHg"])
def test_spellings_of_one_number_are_one_value(value: str) -> None:
    assert _read({"map": value}, "map") == 58 * SCALE


@pytest.mark.parametrize("value", [7, "7", 7.0, Decimal(7), "7.0", Decimal("7.00")])
def test_numbers_of_every_type_are_read(value: object) -> None:
    assert _read({"score": value}, "score") == 7 * SCALE


def test_a_float_counts_by_its_shortest_spelling() -> None:
    assert _read({"score": 0.1}, "score") == SCALE // 10
    assert _read({"score": 1e-07}, "score") == 10


def _read(data: dict[str, Any], name: str) -> object:
    return build_row(PROGRAM, parse_chart(PROGRAM, data, NOW), NOW).row[NAMES[name]]


def test_the_json_of_a_chart_reads_back_to_an_equal_chart() -> None:
    listed: list[dict[str, Any]] = [
        {"ago": "30 min", "opened": "small", "version": "1.0.0", "digest": "abc"},
        {"ago": "9 min", "started": "vasopressin", "rate": "0.03 units/min", "recorded": NOW.isoformat()},
        {"ago": "8 min", "element": "chronic_hypertension", "value": False},
        {"ago": "3 min", "declined": "line", "reason": "not now"},
        {"ago": "1 min", "retracts": "e1"},
    ]
    chart = Chart.from_json(chart_of(listed, "6 h"))
    assert Chart.from_json(json.loads(json.dumps(chart.to_json()))) == chart
    assert Chart.from_json(json.dumps(chart.to_json())) == chart


def test_entries_stand_in_order_of_time_then_of_recording_then_of_arrival() -> None:
    listed = entries(
        [
            {"ago": "1 min", "element": "map", "value": "60 mmHg"},
            {"ago": "2 min", "element": "map", "value": "61 mmHg", "recorded": NOW.isoformat()},
            {"ago": "2 min", "element": "map", "value": "62 mmHg", "recorded": ago("1 min").isoformat()},
            {"ago": "2 min", "element": "lactate", "value": "2 mmol/L"},
        ]
    )
    assert [entry.id for entry in Chart.from_json({"entries": listed}).entries] == ["e3", "e2", "e1", "e0"]


def test_a_chart_is_never_changed() -> None:
    chart = Chart.from_json({"entries": entries([{"ago": "1 min", "element": "map", "value": "60 mmHg"}])})
    longer = chart.add(
        Chart.from_json({"entries": entries([{"ago": "2 min", "element": "pulse", "value": "absent"}])}).entries
    )
    assert len(chart.entries) == 1
    assert len(longer.entries) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from([*NAMES, "noradrenaline", "therapy_record", "norepinephrine.salt", "entries"])
WORDS = st.sampled_from(
    """unobtainable|not available|58 mmHg|0.1 mcg/kg/min as base|1 mg|started|given|observation|therapy|step|protocol
    |2026-01-27T11:00:00+00:00|map|vasopressin|epinephrine|line|done""".replace("\n    ", "").split("|")
)
ENTRY = st.dictionaries(st.sampled_from([*kb.chart.Entry._fields]), WORDS | JSON, max_size=8)


@settings(max_examples=300, deadline=None)
@given(JSON | st.dictionaries(KEYS, WORDS | JSON, max_size=6) | st.fixed_dictionaries({"entries": st.lists(ENTRY)}))
def test_any_data_at_all_gives_a_row_or_a_named_refusal(data: object) -> None:
    refused = refusals_of(data, lenient=False)
    assert all(item.code in RULES and item.message for item in refused)
    assert [item.code for item in refusals_of(data, lenient=True)] in ([], ["KB601"])


def refusals_of(data: object, *, lenient: bool) -> tuple[kb.chart.Refusal, ...]:
    try:
        build_row(PROGRAM, parse_chart(PROGRAM, data, NOW, lenient), NOW)
    except ChartError as error:
        return error.refusals
    return ()


@pytest.mark.parametrize(
    ("order", "order_read", "problems", "asks"),
    [
        ({"drug": "vasopressin", "rate": "0.03 units/min"}, (3000000, None), [], []),
        ({"drug": "adrenaline", "amount": "1 mg", "route": "iv"}, (None, SCALE), [], []),
        ({"drug": "norepinephrine", "rate": "8 mcg/min as base"}, (10000000, None), [], []),
        ({"drug": "norepinephrine", "rate": "0.2 mcg/kg/min", "salt": "tartrate"}, (10000000, None), [], []),
        ({"drug": "norepinephrine", "rate": "0.2 mcg/kg/min"}, None, [], ["norepinephrine.salt"]),
        ({"drug": "norepinephrine", "rate": "6 mL/h as base"}, None, [], ["norepinephrine.concentration"]),
        ({"drug": "epinephrine", "amount": "1 mg", "route": "im", "intent": "arrest"}, (None, SCALE), [], []),
        ({"drug": "digoxin", "amount": "1 mg"}, None, ["KB630"], []),
        ({"drug": "epinephrine", "amount": "1 mg", "route": "po"}, (None, SCALE), ["KB631"], []),
        ({"drug": "epinephrine", "dose": "1 mg"}, (None, None), ["KB631"], []),
        ({"drug": "epinephrine"}, (None, None), ["KB632"], []),
        ({"drug": "vasopressin", "rate": "0.03 units/kg/min"}, (None, None), ["KB605"], []),
    ],
)
def test_orders_are_read_as_charts_are(
    order: dict[str, str], order_read: tuple[int | None, int | None] | None, problems: list[str], asks: list[str]
) -> None:
    row = build_row(PROGRAM, parse_chart(PROGRAM, {"weight": "80 kg"}, NOW), NOW).row
    found = parse_order(PROGRAM, order, row)
    assert [item.code for item in found.refusals] == problems
    assert list(found.asks) == asks
    assert (None if found.order is None else (found.order.rate, found.order.amount)) == order_read
