"""Design §5, rule by rule, as rows of data: each row through the reference evaluator and through the engine."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.engine import Loaded, engine_advice, engine_orders, load_fragment
from tests.reference import reference_advice, reference_orders
from tests.rows import Row, read_rows

ROWS = read_rows()
UNKNOWN = {True: "true", False: "false", None: "unknown"}


def ids(row: Row) -> str:
    return f"{row.file}: {row.name}"


def check(expect: dict[str, Any], found: dict[str, Any]) -> None:
    """Hold advice (engine's or reference's) against `expect`; what a reading does not tell is not checked."""
    wrong: list[str] = []

    def differs(what: str, wanted: object, got: object) -> None:
        if wanted != got:
            wrong.append(f"{what}: expected {wanted}, found {got}")

    for key, wanted in expect.items():
        match key:
            case "orders":
                continue
            case "states" | "statuses" | "goals" | "options":
                for name, state in wanted.items():
                    differs(f"{key} {name}", state, found[key].get(name))
            case "doses":
                for name, text in wanted.items():
                    number, unit = text.split()
                    differs(f"dose {name}", (Fraction(number), unit), found["doses"].get(name, (None, None, None))[1:])
            case "applies":
                differs(key, str(wanted).lower(), UNKNOWN[found["applies"]])
            case "recommended":
                differs(key, wanted, found[key])
            case "outcomes" | "hand_overs":
                differs(key, sorted(wanted), sorted(found[key]))
            case "recommended_also":
                differs(key, [], [name for name in wanted if name not in found["recommended"]])
            case "not_recommended":
                differs(key, [], [name for name in wanted if name in found["recommended"]])
            case "asks" | "alerts" | "needs_policy":
                differs(key, set(wanted), set(found[key]))
            case "asks_also" | "alerts_also":
                differs(key, set(), set(wanted) - found[key.removesuffix("_also")])
            case "not_asked":
                differs(key, set(), set(wanted) & found["asks"])
            case "gaps" | "unavailable":
                differs(key, set(wanted), found.get(key, set(wanted)))
            case "refused":
                texts = " ".join(found["refused"])
                differs(key, [], [name for name in wanted if name not in texts] if wanted else list(found["refused"]))
            case "absences":
                if "absences" in found:
                    differs(key, set(wanted), found["absences"])
                else:
                    texts = " ".join(found["assumptions"])
                    differs(key, [], [name for name in wanted if name not in texts])
            case _:
                raise AssertionError(f"unknown expectation `{key}`")
    assert not wrong, "\n".join(wrong)


def test_there_are_rows_for_every_rule() -> None:
    assert {row.file[:6] for row in ROWS} == {f"rule{number:02}" for number in range(1, 20)}
    assert len(ROWS) >= 150


def test_no_two_rows_of_a_rule_share_a_name() -> None:
    assert len({(row.file, row.name) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_the_reference_reads_the_rule_as_the_row_says(row: Row) -> None:
    loaded = load_fragment(row.protocol)
    found = reference_advice(loaded.protocol, loaded.library, row.chart, now=row.now, local=row.local)
    check({key: value for key, value in row.expect.items() if key not in ("unavailable", "refused")}, found)
    if "orders" in row.data:
        verdicts = reference_orders(
            loaded.protocol, loaded.library, row.chart, row.data["orders"], now=row.now, local=row.local
        )
        assert verdicts == [order["verdict"] for order in row.expect["orders"]]


@pytest.mark.parametrize("row", ROWS, ids=ids)
def test_the_engine_reads_the_rule_as_the_row_says(row: Row) -> None:
    loaded: Loaded = load_fragment(row.protocol)
    check(row.expect, engine_advice(loaded, row.chart, now=row.now, local=row.local, lenient=row.lenient))
    if "orders" in row.data:
        found = engine_orders(loaded, row.chart, row.data["orders"], now=row.now, local=row.local)
        for wanted, verdict in zip(row.expect["orders"], found, strict=True):
            assert verdict["verdict"] == wanted["verdict"], verdict
            assert verdict["rules"] == wanted.get("rules", verdict["rules"])
            assert verdict["asks"] == set(wanted.get("asks", verdict["asks"]))
