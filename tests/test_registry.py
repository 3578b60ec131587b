"""The registry of numbers: what is held against what, and which verdict it gets."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import pytest

from kb.base import Base
from kb.registry import Quantity, UncheckedError, registry
from tests.cli.test_cli import Kb
from tests.cli.test_cli import kb as kb

ROOT = Path(__file__).parents[1]

PROTOCOL = """\
format: 1
id: {id}
version: "1.0.0"
title: {id}
question: What next?
purpose: educational
updated: 2026-01-27
{more}
start: go
steps:
  go:
    do: Give adrenaline
    give:
      drug: epinephrine
      amount: {amount}
      route: im
    priority: stat
    strength: strong
    cites: [S01]
"""
STATEMENTS = """\
format: 1
protocol: {id}
source:
  title: A page
references:
  R1:
    title: A guideline
    kind: guideline
    year: 2020
statements:
  S01:
    says: Give adrenaline
    kind: dose
    cites: [R1]
{more}
"""


def base(folder: Path, *, elsewhere: str = "", define: str = "", **amounts: str) -> Base:
    """A base with one protocol for each amount of adrenaline into the muscle; `elsewhere` goes to the first."""
    shutil.copytree(ROOT / "protocols" / "library", folder / "protocols" / "library")
    for number, (id, amount) in enumerate(amounts.items()):
        home = folder / "protocols" / id
        home.mkdir()
        protocol = PROTOCOL.format(id=id, amount=amount, more=define if "adult_dose" in amount else "")
        (home / "1.0.0.yaml").write_text(protocol, encoding="utf-8")
        more = elsewhere if number == 0 else ""
        (home / "statements.yaml").write_text(STATEMENTS.format(id=id, more=more), encoding="utf-8")
    return Base(folder)


@cache
def shipped() -> tuple[Quantity, ...]:
    return registry(Base(ROOT))


def dose(base: Base) -> Quantity:
    return next(item for item in registry(base) if (item.subject, item.role) == ("epinephrine", "dose into a muscle"))


def number(value: str, more: str = "") -> str:
    return (
        "elsewhere:\n  N01:\n    of: epinephrine\n    what: dose\n    route: im\n"
        f"    value: {value}\n{more}    cites: [R1]\n"
    )


DEFINE = """\
define:
  adult_dose:
    title: Dose
    unit: mg
    cases:
      - when: age < 12 years
        value: 0.3 mg
      - value: 0.5 mg
    cites: [S01]
"""


@pytest.mark.parametrize(
    ("amounts", "elsewhere", "verdict"),
    [
        ({"one": "0.5 mg"}, "", "one place"),
        ({"one": "0.5 mg", "two": "0.5 mg"}, "", "agree"),
        ({"one": "0.5 mg", "two": "500 mcg"}, "", "agree"),
        ({"one": "0.5 mg", "two": "0.3 mg"}, "", "clash"),
        ({"one": "0.5 mg", "two": "0.3 to 0.5 mg"}, "", "clash"),
        ({"one": "0.5 mg", "two": "0.01 mg/kg * weight"}, "", "cannot be compared"),
        ({"one": "adult_dose"}, "", "differs by case"),
        ({"one": "0.5 mg"}, number("500 mcg"), "agree"),
        ({"one": "0.5 mg"}, number("0.3 mg"), "clash"),
        ({"one": "0.5 mg"}, number("0.3 mg", "    superseded: true\n"), "one place"),
    ],
)
def test_the_same_quantity_gets_one_verdict(
    amounts: dict[str, str], elsewhere: str, verdict: str, tmp_path: Path
) -> None:
    assert dose(base(tmp_path, elsewhere=elsewhere, define=DEFINE, **amounts)).verdict == verdict


def test_every_number_comes_with_its_place_statement_source_and_date(tmp_path: Path) -> None:
    found = dose(base(tmp_path, one="0.5 mg", two="0.3 mg"))
    first, second = found.numbers
    assert (first.value, first.origin, first.place) == ("0.5 mg", "one@1.0.0", "go")
    assert (second.value, second.origin) == ("0.3 mg", "two@1.0.0")
    assert [(cite.statement, cite.source, cite.date) for cite in first.cites] == [("S01", "A guideline", "2020")]


def test_a_superseded_number_is_shown_and_clashes_with_nothing(tmp_path: Path) -> None:
    found = dose(base(tmp_path, one="0.5 mg", elsewhere=number("0.3 mg", "    superseded: true\n")))
    assert [(item.value, item.used, item.superseded) for item in found.numbers] == [
        ("0.3 mg", False, True),
        ("0.5 mg", True, False),
    ]


def test_a_protocol_with_errors_is_no_reason_to_leave_its_numbers_out(tmp_path: Path) -> None:
    with pytest.raises(UncheckedError, match="two"):
        registry(base(tmp_path, one="0.5 mg", two="0.5 furlongs"))


def test_clashes_come_first() -> None:
    order = ["clash", "cannot be compared", "differs by use", "differs by case", "agree", "one place"]
    ranks = [order.index(item.verdict) for item in shipped()]
    assert ranks == sorted(ranks)
    assert ranks[0] == 0


def test_the_shipped_vasopressin_rate_clashes_with_its_label() -> None:
    found = {(item.subject, item.role): item for item in shipped()}
    rate = found["vasopressin", "rate"]
    assert rate.verdict == "clash"
    assert {(item.value, item.used) for item in rate.numbers} >= {
        ("0.03 to 0.04 units/min", True),
        ("0.01 to 0.07 units/min", False),
    }
    largest = found["vasopressin", "largest rate"]
    assert "0.04 units/min" in {item.value for item in largest.numbers if item.used}


# ---------------------------------------------------------------- at the command line


def test_the_report_begins_with_clashes_and_counts_what_it_leaves_out(kb: Kb) -> None:
    code, out, _ = kb("parameters")
    assert code == 0
    assert out.startswith("CLASH  ")
    assert "on which nothing disagrees are not shown (--all shows them)" in out
    assert "elsewhere: US prescribing information for vasopressin injection" in out


def test_one_subject_is_shown_whole(kb: Kb) -> None:
    code, out, _ = kb("parameters", "Vasopressin")
    assert code == 0
    assert "Vasopressin: usual rate" in out
    assert "Dobutamine" not in out


def test_a_subject_nobody_knows_is_answered_with_the_nearest(kb: Kb) -> None:
    code, _, err = kb("parameters", "vasopresin")
    assert code == 2
    assert "did you mean `vasopressin`?" in err


def test_programs_read_the_report_as_json(kb: Kb) -> None:
    code, out, _ = kb("parameters", "--all", "--format", "json")
    assert code == 0
    found = json.loads(out)
    assert {"subject", "label", "role", "verdict", "numbers", "said"} == set(found[0])


def test_a_base_without_protocols_compared_nothing(kb: Kb, tmp_path: Path) -> None:
    (tmp_path / "protocols" / "library").mkdir(parents=True)
    code, _, err = kb("--base", str(tmp_path), "parameters")
    assert code == 2
    assert "nothing was compared" in err
