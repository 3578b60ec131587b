"""Slots, their names and order; doses by weight; the integer forms themselves."""

from __future__ import annotations

from typing import Any

import pytest

from kb import program
from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.expression.checks import check_amount, check_duration
from kb.expression.guards import guards_of
from kb.expression.library import check_library
from kb.expression.lower import Lowering
from kb.expression.parser import parse_amount, parse_expression
from kb.program import SCALE, Compare, Const, Divide, Get, Multiply

from .world import DRUGS, ELEMENTS, HERE, make_scope, read_units


def read(text: str) -> Any:
    made = parse_amount(text, HERE)
    assert not isinstance(made, Diagnostic), made
    return made


def lower(text: str, **settings: Any) -> tuple[program.Expr, Lowering]:
    lowering = Lowering(make_scope(**settings))
    return lowering.condition(read(text)), lowering


def test_a_comparison_has_no_division_and_keeps_the_slot_bare() -> None:
    assert lower("map < 65 mmHg")[0] == Compare("<", Get(0), Const(65 * SCALE))
    assert lower("since(epinephrine) >= 3 min")[0] == Compare(">=", Get(0), Const(180 * SCALE))
    assert lower("map < 9 kPa")[0] == Compare(
        "<", Get(0), Const(6750573799)
    )  # 67.5 mmHg and a bit, as 9 kPa are charted
    assert lower("2 * map < 9 kPa")[0] == Compare("<", Multiply(Get(0), Const(133322)), Const(4_500_000 * SCALE))


def test_slots_stand_after_what_they_need() -> None:
    defines = {
        "target": {
            "unit": "mmHg",
            "cases": [{"when": "chronic_hypertension", "value": "70 mmHg"}, {"value": "65 mmHg"}],
        },
        "low": {"condition": "(map is unobtainable) or map < target"},
    }
    _, lowering = lower("persists(low, reassess_after after vasopressin) and low", defines=defines)
    assert [(slot.kind, slot.name) for slot in lowering.slots] == [
        ("unobtainable", "map is unobtainable"),
        ("element", "map"),
        ("element", "chronic_hypertension"),
        ("parameter", "reassess_after"),
        ("feature", "persists(low, reassess_after after vasopressin)"),
        ("define", "target"),
        ("define", "low"),
    ]


def slots_read(expr: Any) -> set[int]:
    if isinstance(expr, Get):
        return {expr.slot}
    return (
        set().union(*(slots_read(part) for part in expr if isinstance(part, tuple)))
        if isinstance(expr, tuple)
        else set()
    )


def test_the_condition_of_a_feature_reads_no_definition() -> None:
    defines = {"low": {"condition": "map < 65 mmHg"}, "racing": {"set": "low", "clear": "not low"}}
    _, lowering = lower("persists(low, 5 min after vasopressin) or racing", defines=defines)
    for slot in lowering.slots:
        assert slot.kind == "feature" or slot.kind == "element"
        if slot.feature is not None:
            assert {lowering.slots[index].kind for index in slots_read(slot.feature)} == {"element"}


def test_a_computed_slot_reads_no_definition() -> None:
    defines = {"half": {"value": "score / 2"}, "root": {"value": "sqrt(half)"}}
    _, lowering = lower("root > 2", defines=defines)
    assert [(slot.kind, slot.name) for slot in lowering.slots] == [("element", "score"), ("computed", "root")]


def test_features_have_their_canonical_name_unit_and_fold() -> None:
    _, lowering = lower("total( crystalloid  in the last 3.0 h) > 1 L and count(shock since ringer) < 2")
    total, count = lowering.slots
    assert (total.name, total.unit, total.of) == ("total(crystalloid in the last 3 h)", "mL", "crystalloid")
    assert total.feature == program.Feature(
        "total",
        program.Event("class", "crystalloid"),
        program.Window("last", duration=Const(3 * 3600 * SCALE)),
    )
    assert count.feature == program.Feature(
        "count", program.Event("step", "shock"), program.Window("since", program.Event("drug", "ringer"))
    )
    assert count.unit == "1"


def test_a_drug_and_a_step_of_one_name_are_told_apart() -> None:
    _, lowering = lower("done(vasopressin in the episode) and count(vasopressin in the episode) > 0")
    events = [slot.feature.of for slot in lowering.slots if slot.feature is not None]
    assert events == [program.Event("step", "vasopressin"), program.Event("drug", "vasopressin")]


@pytest.mark.parametrize(
    ("text", "drug", "of", "weight", "code"),
    [
        ("0.03 to 0.04 units/min", "vasopressin", "rate", None, ""),
        ("1.8 units/h", "vasopressin", "rate", None, ""),
        ("0.0004 units/kg/min", "vasopressin", "rate", None, "KB337"),
        ("0.03", "vasopressin", "rate", None, "KB315"),
        ("0.03 mcg/min", "vasopressin", "rate", None, "KB337"),
        ("0.1 mcg/kg/min", "norepinephrine", "rate", None, ""),
        ("0.1 mcg/kg/min", "norepinephrine", "rate", "ideal", ""),
        ("7 mcg/min", "norepinephrine", "rate", None, "KB337"),
        ("30 mL/kg", "ringer", "amount", None, ""),
        ("30 mL/kg - total(ringer in the episode) / weight", "ringer", "amount", None, ""),
        ("30 mL/kg * weight - total(ringer in the episode)", "ringer", "amount", None, ""),
        ("30 mL/kg * ideal_body_weight", "ringer", "amount", None, ""),
        ("10 mL/kg/h", "ringer", "rate", None, ""),
        ("80 units/kg", "insulin", "amount", None, ""),
        ("300 mg", "ringer", "amount", None, "KB337"),
        ("300 mg", "aspirin", "rate", None, "KB337"),
        ("6 to 5 mL", "ringer", "amount", None, "KB336"),
        ("-5 mL", "ringer", "amount", None, "KB337"),
        ("xyz", "ringer", "amount", None, "KB310"),
        ("a", "ringer", "amount", None, "KB313"),
        ("ln(5) * 1 mL", "ringer", "amount", None, "KB328"),
    ],
)
def test_a_dose_has_the_dimension_of_its_drug(text: str, drug: str, of: str, weight: str | None, code: str) -> None:
    found = check_amount(make_scope(), read(text), drug, of, weight)
    assert [item.code for item in found] == ([code] if code else []), found


def test_a_dose_per_kg_needs_a_weight() -> None:
    found = check_amount(make_scope(weight=""), read("30 mL/kg"), "ringer", "amount")
    assert [item.code for item in found] == ["KB337"]
    assert "no weight is named" in found[0].message


def test_a_dose_per_kg_is_multiplied_by_the_weight_it_names() -> None:
    for weight, name in ((None, "weight"), ("ideal", "ideal_body_weight")):
        lowering = Lowering(make_scope())
        expr = lowering.amount(read("30 mL/kg"), "mL", weight)
        place = lowering.weight_slot(read("30 mL/kg"), "mL", weight)
        assert place is not None
        assert lowering.slots[place].name == name
        assert expr == Multiply(Get(place), Const(30))
        assert lowering.weight_slot(read("300 mL"), "mL", weight) is None


def test_doses_are_scaled_in_the_unit_of_the_drug() -> None:
    lowering = Lowering(make_scope())
    assert lowering.amount(read("1.8 units/h"), "units/min") == Const(3_000_000)
    assert lowering.amount(read("1 units/h"), "units/min") == Const(1_666_667)
    assert lowering.amount(tree.Name("score", HERE), "1") == Get(0)
    assert lowering.amount(read("insulin"), "units/min") == Divide(Get(1), Const(60))
    assert lowering.seconds(read("3 to 5 min").low) == Const(180 * SCALE)


@pytest.mark.parametrize(
    ("text", "code"),
    [("3 to 5 min", ""), ("reassess_after", ""), ("5", "KB315"), ("5 mL", "KB314"), ("5 to 3 min", "KB336")],
)
def test_durations(text: str, code: str) -> None:
    found = check_duration(make_scope(), read(text))
    assert [item.code for item in found] == ([code] if code else []) or (text == "5" and found[0].code == code)


def test_a_long_chain_of_definitions_is_no_recursion() -> None:
    defines: dict[str, Any] = {"part_0": {"value": "score"}}
    defines |= {f"part_{place}": {"value": f"part_{place - 1} + 1"} for place in range(1, 400)}
    scope = make_scope(defines=dict(reversed(defines.items())))
    lowering = Lowering(scope)
    made = parse_expression("part_399 > 3", HERE)
    assert not isinstance(made, Diagnostic)
    lowering.condition(made)
    assert len(lowering.slots) == 401


def test_guards_follow_definitions() -> None:
    scope = make_scope(defines={"started": {"condition": "epinephrine > 0 mcg/kg/min"}})
    assert guards_of(scope, read("started")) == {"epinephrine"}


def test_records_of_the_library_are_scaled() -> None:
    scope = make_scope()
    record = scope.drug_record("norepinephrine")
    assert record.salts == (("base", "1/1"), ("tartrate", "1/2"))
    assert scope.element_record("map").can_be_unobtainable
    assert scope.members("vasopressor") == ("epinephrine", "norepinephrine", "vasopressin")
    assert scope.elements_of(read("map < 65 mmHg and known(since(lactate)) and since(lactate) > 1 h")) == (
        "map",
        "lactate",
    )


def test_this_little_library_is_without_fault() -> None:
    from kb import model

    library = model.Library(read_units(), {one.id: one for one in ELEMENTS}, {one.id: one for one in DRUGS}, {})
    assert check_library(library) == []
