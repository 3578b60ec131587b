"""Ways in which a dose could be given twice, or a check be passed by: each was possible once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import kb

NOW = datetime(2026, 1, 27, 12, tzinfo=UTC)
BASE = Path(__file__).parents[2]
ANAPHYLAXIS = kb.load("anaphylaxis", base=BASE)
ARREST = kb.load("adult-cardiac-arrest", base=BASE)
SHOCK = kb.load("refractory-hypotension", base=BASE)
LIPID = kb.load("local-anaesthetic-toxicity", base=BASE)


def entries(*given: dict[str, Any]) -> dict[str, Any]:
    """A chart complete from an hour ago; `ago` in minutes."""
    made = [
        {"id": f"e{number}", "at": (NOW - timedelta(minutes=entry.get("ago", 0))).isoformat()}
        | {key: value for key, value in entry.items() if key != "ago"}
        for number, entry in enumerate(given)
    ]
    return {"schema": "1.0.0", "complete_from": (NOW - timedelta(hours=1)).isoformat(), "entries": made}


def gift(drug: str, amount: str, route: str, ago: int = 1) -> dict[str, Any]:
    return {"kind": "therapy", "event": "given", "drug": drug, "amount": amount, "route": route, "ago": ago}


@pytest.mark.parametrize("name", ["Adrenaline", " epinephrine", "EPINEPHRINE", "adrenaline"])
def test_a_dose_counts_however_its_drug_is_written(name: str) -> None:
    (verdict,) = ANAPHYLAXIS.check_orders(
        entries(gift(name, "0.5 mg", "im")), [{"drug": "epinephrine", "amount": "0.5 mg", "route": "im"}], NOW
    )
    assert verdict.verdict == "refused"


def test_a_dose_of_a_misspelt_drug_is_refused_and_read_leniently_leaves_that_drug_unknown() -> None:
    chart = entries(gift("adrenalin", "0.5 mg", "im"))
    with pytest.raises(kb.ChartError, match="did you mean"):
        ANAPHYLAXIS.advise(chart, NOW)
    order = {"drug": "epinephrine", "amount": "0.5 mg", "route": "im"}
    (verdict,) = ANAPHYLAXIS.check_orders(chart, [order], NOW, lenient=True)
    assert verdict.verdict == "cannot tell"


def test_a_rate_of_zero_does_not_say_that_no_dose_was_given() -> None:
    chart = {
        "age": "40 years",
        "pulse": "present",
        "sudden_onset": True,
        "airway_problem": True,
        "epinephrine": "0 mcg/kg/min",
        "count(epinephrine in the episode)": 2,
        "since(epinephrine given)": "6 min",
    }
    assert "expert-help" in [item.step for item in ANAPHYLAXIS.advise(chart).recommended]


def test_amounts_of_one_set_count_together_against_a_cap() -> None:
    chart = entries(
        {"kind": "observation", "element": "weight", "value": "70 kg"},
        {"kind": "observation", "element": "lipid_given_before", "value": "0 mL"},
    )
    orders = [{"drug": "lipid-emulsion-20", "amount": "800 mL"}] * 2
    assert {verdict.verdict for verdict in LIPID.check_orders(chart, orders, NOW)} == {"refused"}


def test_a_running_infusion_of_unknown_start_has_no_known_total() -> None:
    chart = {
        "weight": "70 kg",
        "lipid_given_before": "0 mL",
        "lipid-emulsion-20": "15 mL/kg/h",
        "therapy_record": "complete",
    }
    (verdict,) = LIPID.check_orders(chart, [{"drug": "lipid-emulsion-20", "amount": "100 mL"}])
    assert verdict.verdict in ("cannot tell", "refused")


def test_the_marrow_counts_as_the_vein() -> None:
    chart = entries(gift("epinephrine", "1 mg", "iv"))
    (verdict,) = ARREST.check_orders(chart, [{"drug": "epinephrine", "amount": "1 mg", "route": "io"}], NOW)
    assert verdict.verdict == "refused"


@pytest.mark.parametrize("route", ["iv", "io"])
def test_an_amount_for_the_muscle_is_refused_into_vein_and_marrow_while_there_is_a_pulse(route: str) -> None:
    chart = entries({"kind": "observation", "element": "pulse", "value": "present"})
    (verdict,) = ANAPHYLAXIS.check_orders(chart, [{"drug": "epinephrine", "amount": "0.5 mg", "route": route}], NOW)
    assert verdict.rules == ("muscle-amount-into-vein",)


def test_what_is_no_order_is_refused_and_nothing_raises() -> None:
    (verdict,) = ARREST.check_orders({}, [None])  # type: ignore[list-item]
    assert verdict.verdict == "refused"


def test_two_rates_of_one_drug_in_one_set_are_challenged() -> None:
    chart = {"age": "60 years", "vasopressin": "0 units/min"}
    orders = [{"drug": "vasopressin", "rate": "0.03 units/min"}] * 2
    assert {verdict.verdict for verdict in SHOCK.check_orders(chart, orders)} == {"challenged"}


def test_an_order_for_a_patient_outside_the_scope_cannot_be_told() -> None:
    (verdict,) = SHOCK.check_orders({"age": "12 years"}, [{"drug": "vasopressin", "rate": "0.03 units/min"}])
    assert verdict.verdict == "cannot tell"


@pytest.mark.parametrize(
    "local",
    [
        {"parameters": {"epinephrine_step": "-1 mcg/kg/min"}},
        {"parameters": {"bolus_size": "-500 mL"}},
        {"bolus_size": "250 mL"},
    ],
)
def test_local_settings_that_make_no_sense_are_refused(local: dict[str, Any]) -> None:
    with pytest.raises(kb.ChartError):
        SHOCK.advise({"age": "60 years"}, local=local)


def test_a_correction_is_about_what_it_corrects() -> None:
    chart = entries(gift("epinephrine", "0.5 mg", "im"))
    chart["entries"].append(
        {
            "id": "x",
            "at": NOW.isoformat(),
            "kind": "observation",
            "element": "age",
            "value": "40 years",
            "replaces": "e0",
        }
    )
    with pytest.raises(kb.ChartError, match="would replace"):
        ANAPHYLAXIS.advise(chart, NOW)


def test_threads_that_share_a_session_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "patient.journal"
    with kb.Session.create(path, SHOCK, opened=NOW) as session:

        def work() -> None:
            for _ in range(15):
                session.append({"kind": "observation", "element": "map", "value": "58 mmHg", "at": NOW})

        threads = [Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with kb.Session.open(path, SHOCK) as again:
        assert len(again.chart.entries) == 1 + 45


def test_a_session_that_cannot_be_opened_leaves_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "patient.journal"
    with pytest.raises(kb.ChartError):
        kb.Session.create(path, SHOCK, opened=datetime(2026, 1, 27))
    assert not path.exists()
