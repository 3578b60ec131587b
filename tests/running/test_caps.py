"""A rate that will reach a cap comes with the moment at which it must stop (design rule 17).

Figures of the safety card: three boluses of 1.5 mL/kg leave 7.5 mL/kg of 12, which lasts 30 min at
15 mL/kg/h and 15 min at 30 mL/kg/h.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import kb

NOW = datetime(2026, 1, 27, 12, tzinfo=UTC)
LIPID = kb.load("local-anaesthetic-toxicity", base=Path(__file__).parents[2])


def chart(*entries: dict[str, Any]) -> dict[str, Any]:
    """70 kg, three boluses of 105 mL, the last a minute ago; then `entries`."""
    known: list[dict[str, Any]] = [
        {"kind": "observation", "element": "weight", "value": "70 kg"},
        {"kind": "observation", "element": "local_anaesthetic_given", "value": True},
        {"kind": "observation", "element": "lipid_given_before", "value": "0 mL"},
        {"kind": "observation", "element": "pulse", "value": "present"},
        *(
            {"kind": "therapy", "event": "given", "drug": "lipid-emulsion-20", "amount": "105 mL", "ago": ago}
            for ago in (11, 6, 1)
        ),
    ]
    made = [
        {"id": f"e{number}", "at": (NOW - timedelta(minutes=entry.get("ago", 0))).isoformat()}
        | {key: value for key, value in entry.items() if key != "ago"}
        for number, entry in enumerate([*known, *entries])
    ]
    opened = {"kind": "protocol", "event": "opened", "protocol": LIPID.program.id, "id": "opened"}
    start = (NOW - timedelta(minutes=20)).isoformat()
    return {"schema": "1.0.0", "complete_from": start, "entries": [{**opened, "at": start}, *made]}


@pytest.mark.parametrize(
    ("rate", "stop_by"),
    [
        ("15 mL/kg/h", "stop by 2026-01-27T12:30:00+00:00 (after 30 min)"),
        ("30 mL/kg/h", "stop by 2026-01-27T12:15:00+00:00 (after 15 min)"),
    ],
)
def test_an_ordered_rate_says_when_the_cap_is_reached(rate: str, stop_by: str) -> None:
    (verdict,) = LIPID.check_orders(chart(), [{"drug": "lipid-emulsion-20", "rate": rate}], NOW)
    assert verdict.stop_by == stop_by


def test_a_rate_next_to_nothing_reaches_the_cap_after_the_end_of_the_calendar() -> None:
    order = {"drug": "lipid-emulsion-20", "rate": "0.00000001 mL/kg/h"}
    (verdict,) = LIPID.check_orders(chart(), [order], NOW)
    assert verdict.stop_by.startswith("stop after")


def test_a_running_rate_is_an_alert_with_the_moment_to_stop() -> None:
    running = {"kind": "therapy", "event": "started", "drug": "lipid-emulsion-20", "rate": "15 mL/kg/h", "ago": 0}
    alerts = {alert.id: alert.say for alert in LIPID.advise(chart(running), NOW).alerts}
    assert alerts["cap"].endswith("stop by 2026-01-27T12:30:00+00:00 (after 30 min)")


def test_what_is_over_the_cap_is_refused_to_the_millilitre() -> None:
    orders = [{"drug": "lipid-emulsion-20", "amount": amount} for amount in ("525 mL", "525.01 mL")]
    allowed, refused = (LIPID.check_orders(chart(), [order], NOW)[0] for order in orders)
    assert not any("12 mL/kg" in why or "left" in why for why in allowed.because)
    assert refused.verdict == "refused"
    assert any("525 mL is left" in why for why in refused.because)
