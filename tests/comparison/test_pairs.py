"""Version pairs whose difference is known: the regions, the step of the version number, the three formats."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from kb.comparison import Comparison, compare_versions
from kb.comparison.behaviour import told_changes
from kb.comparison.report import as_json, render_markdown, render_text
from kb.comparison.trial import trial_of
from kb.comparison.version import at_least, made, suffices
from kb.prover import solver
from kb.validator import schema_document
from tests.engine import load_fragment

PAIRS = yaml.safe_load((Path(__file__).parent / "pairs.yaml").read_text("utf-8"))
pairs = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["name"])


def compared(pair: dict[str, Any]) -> Comparison:
    before, after = load_fragment(pair["base"]), load_fragment({**pair["base"], **pair["change"]})
    return compare_versions(trial_of(before.program, ()), trial_of(after.program, ()), pair.get("renamed"))


@pairs
def test_who_is_told_otherwise_is_told_as_expected(pair: dict[str, Any]) -> None:
    found = compared(pair)
    assert found.behaviour is not None
    assert found.behaviour.complete
    regions = [
        (list(region.where), told_changes(region.changes))
        for region in found.behaviour.regions
        if region.changes[0].kind != "asked"
    ]
    assert found.demanded == pair["demanded"], found.reasons
    if "regions" in pair:
        assert regions == [(region["where"], region["says"]) for region in pair["regions"]]
    else:
        assert pair["says"] in [says for _, says in regions]


@pairs
def test_every_example_is_a_patient_whose_advice_differs(pair: dict[str, Any]) -> None:
    found = compared(pair)
    assert found.behaviour is not None
    for region in found.behaviour.regions:
        if {change.kind for change in region.changes} & {"new", "gone", "dose", "status"}:
            assert region.example is not None
            assert region.example.before != region.example.after


@pairs
def test_the_report_follows_its_schema_and_says_the_same_in_text_and_markdown(pair: dict[str, Any]) -> None:
    found = compared(pair)
    jsonschema.Draft7Validator(schema_document("diff")).validate(json.loads(json.dumps(as_json(found))))
    for told in (render_text(found), render_markdown(found)):
        assert f"{found.demanded}" in told.splitlines()[2]
        assert ("KB821" in told) is (not found.enough)


def test_a_version_against_itself_is_empty() -> None:
    found = compared({"base": PAIRS[0]["base"], "change": {}})
    assert found.empty
    assert found.enough
    assert not found.changes
    assert not found.reasons
    assert "nothing changed" in render_text(found)


def test_fingerprints_stay_as_long_as_what_is_found_does() -> None:
    pair = PAIRS[0]
    moved = {**pair, "change": {**pair["change"], "title": "Another title"}}
    prints = [
        {region["fingerprint"] for region in as_json(compared(each))["behaviour"]["regions"]} for each in (pair, moved)
    ]
    assert prints[0] == prints[1] != set()


@pytest.fixture
def no_solver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where the extra is not installed."""
    solver.z3.cache_clear()
    monkeypatch.setitem(sys.modules, "z3", None)
    yield
    solver.z3.cache_clear()


@pytest.mark.usefixtures("no_solver")
def test_without_the_solver_the_changes_are_told_and_the_step_is_the_largest() -> None:
    found = compared(PAIRS[0])
    assert found.behaviour is None
    assert found.demanded == "major"
    assert found.changes
    assert "KB819" in render_text(found)
    assert compared(PAIRS[1]).demanded == "patch"  # one logic digest needs no solver


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        ("1.0.0", "1.0.0", "none"),
        ("1.0.0", "1.0.1", "patch"),
        ("1.0.9", "1.1.0", "minor"),
        ("1.9.0", "2.0.0", "major"),
        ("1.1.0", "1.0.9", "down"),
        ("0.1.0", "0.2.0", "major"),
        ("0.1.0", "0.1.1", "minor"),
        ("0.9.0", "1.0.0", "major"),
    ],
)
def test_the_step_from_one_number_to_another(before: str, after: str, step: str) -> None:
    assert made(before, after) == step


@pytest.mark.parametrize("before", ["1.2.3", "0.2.3"])
@pytest.mark.parametrize("demanded", ["patch", "minor", "major"])
def test_the_number_that_is_named_makes_the_step_demanded(before: str, demanded: str) -> None:
    assert suffices(made(before, at_least(before, demanded)), demanded)
