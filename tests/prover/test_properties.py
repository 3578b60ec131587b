"""What a property means on one patient, and what is proved, refuted, about nobody or left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import kb
from kb import model
from kb import program as ir
from kb.base import Base
from kb.compiler import compile_protocol
from kb.diagnostics import Span
from kb.interpreter import Guideline
from kb.loader.protocol import load_protocol_text
from kb.prover.patient import Patients
from kb.prover.properties import compile_properties
from kb.prover.verdict import Proofs, as_markdown, as_text, prove
from tests.reading.files import library
from tests.test_explain import BLOCK, PAGES, base_with

ROOT = Path(kb.__file__).parents[1]

PROTOCOL = """\
format: 1
id: example
version: "1.0.0"
title: Low pressure
question: What next?
purpose: educational
updated: 2026-01-27
applies: age >= 18 years
weight: actual
define:
  low:
    title: Low
    any:
      - map is unobtainable
      - map < 65 mmHg
start: pressure
steps:
  pressure:
    decide: Is the pressure low?
    cases:
      - when: low
        go: [vasopressin, fluid]
      - else: fine
  vasopressin:
    do: Start vasopressin
    infuse:
      drug: vasopressin
      rate: 0.03 to 0.04 units/min
      route: iv
    avoid_if:
      - when: vasopressin_allergy
    then: third
    priority: stat
    strength: strong
    cites: [S01]
  third:
    decide: Is it still low?
    cases:
      - when: norepinephrine > 0.5 mcg/kg/min
        go: epinephrine
      - else: fine
  epinephrine:
    do: Start epinephrine
    infuse:
      drug: epinephrine
      rate: 0.1 mcg/kg/min
      route: iv
    priority: stat
    strength: strong
    cites: [S01]
  fluid:
    do: Give fluid
    give:
      fluid: balanced-crystalloid
      amount: 10 mL/kg * weight
      route: iv
    until: pulmonary_oedema
    priority: stat
    strength: strong
    cites: [S01]
  fine:
    end: Nothing to do
"""


PLACE = Span("statements.yaml")
EVIDENCE = model.Evidence(
    model.SourceDef("A page"),
    {"S01": model.StatementDef("S01", model.Text("What it says", PLACE), "act", (model.Ref("R1", PLACE),), PLACE)},
    {"R1": model.ReferenceDef("R1", "A page", "guideline", PLACE)},
    "statements.yaml",
)


def stated(text: str) -> tuple[model.Protocol, ir.Program]:
    protocol, problems = load_protocol_text(text, "example.yaml", library(), EVIDENCE)
    assert protocol is not None, problems
    program, found = compile_protocol(protocol, library())
    assert program is not None, found
    return protocol, program


def with_property(*lines: str) -> str:
    return PROTOCOL + "prove:\n  it:\n" + "".join(f"    {line}\n" for line in lines)


ADULT = {"age": "60 years"}
LOW = {**ADULT, "map": "50 mmHg", "vasopressin": "0 units/min", "pulmonary_oedema": False}
ON = {**LOW, "vasopressin": "0.03 units/min"}
THIRD = {**ON, "norepinephrine": "1 mcg/kg/min as base"}

HOLDS: list[tuple[str, str, dict[str, Any], bool]] = [
    # a sentence alone is violated where it is false
    ("true", "map < 65 mmHg", LOW, True),
    ("false", "map < 65 mmHg", {"map": "70 mmHg"}, False),
    ("not known is not false", "map < 65 mmHg", {}, True),
    ("one of two is false", "map < 65 mmHg and pulse is present", {**LOW, "pulse": "absent"}, False),
    ("a dose that is not recommended", "highest_dose(vasopressin) <= 0.01 units/min", ADULT, True),
    ("the higher end of a dose", "highest_dose(vasopressin) <= 0.039 units/min", LOW, False),
    ("the lower end of a dose", "lowest_dose(vasopressin) >= 0.03 units/min", LOW, True),
    # after a premise that is true, not known is a violation
    ("premise and conclusion true", "recommends(epinephrine) implies vasopressin > 0 units/min", THIRD, True),
    ("premise not true", "recommends(epinephrine) implies vasopressin > 0 units/min", ADULT, True),
    ("conclusion not known", "recommends(vasopressin) implies norepinephrine < 1 mcg/kg/min", LOW, False),
    ("premise not known", "low implies pulse is present", ADULT, True),
    ("conclusion false", "low implies pulse is present", {**LOW, "pulse": "absent"}, False),
    ("two premises, the inner one not true", "low implies (pregnant implies pulse is present)", LOW, True),
    ("two premises", "low implies (pregnant implies pulse is present)", {**LOW, "pregnant": True}, False),
    ("a dose not known yet", "recommends(fluid) implies dose(fluid) > 0 mL", LOW, False),
    (
        "the same once the weight is known",
        "recommends(fluid) implies dose(fluid) > 0 mL",
        {**LOW, "weight": "70 kg"},
        True,
    ),
    # what the advice says is never unknown
    ("recommended", "recommends(vasopressin)", LOW, True),
    ("not known yet is not recommended", "recommends(vasopressin)", ADULT, False),
    ("out of scope nothing is", "something recommended", {**LOW, "age": "10 years"}, False),
    ("scope not known", "something recommended", {"map": "50 mmHg"}, False),
    ("something", "something recommended", LOW, True),
    ("reached", "reached(fine)", {**ADULT, "map": "70 mmHg"}, True),
    ("satisfied", "satisfied(fluid)", {**LOW, "pulmonary_oedema": True}, True),
    ("withheld", "withheld(vasopressin)", {**LOW, "vasopressin_allergy": True}, True),
    ("withheld is not recommended", "recommends(vasopressin)", {**LOW, "vasopressin_allergy": True}, False),
    ("applies", "applies", ADULT, True),
    ("a name that only the property reads", "systolic > 90 mmHg", {"systolic": "80 mmHg"}, False),
]


@pytest.mark.parametrize(("always", "chart", "holds"), [row[1:] for row in HOLDS], ids=[row[0] for row in HOLDS])
def test_a_property_holds_for_a_patient_or_does_not(always: str, chart: dict[str, Any], holds: bool) -> None:
    protocol, program = stated(with_property(f"always: {always}"))
    made = compile_properties(protocol, library(), program)
    guideline = Guideline(made.program)
    it = made.properties[0]
    found = Patients(guideline, made.extra).holds(lambda walk: [walk.truth(it.holds).true], guideline.advise(chart))
    assert found is holds


def test_when_is_a_premise() -> None:
    protocol, program = stated(with_property("always: pulse is present", "when: low"))
    made = compile_properties(protocol, library(), program)
    guideline = Guideline(made.program)
    patients, it = Patients(guideline, made.extra), made.properties[0]
    for chart, holds in ((LOW, False), (ADULT, True), ({**LOW, "pulse": "present"}, True)):
        assert patients.holds(lambda walk: [walk.truth(it.holds).true], guideline.advise(chart)) is holds


def test_properties_change_nothing_of_the_program() -> None:
    plain = stated(PROTOCOL)[1]
    assert stated(with_property("always: systolic > 90 mmHg implies reached(fine)"))[1] == plain


def proofs(text: str, *wanted: str) -> Proofs:
    protocol, program = stated(text)
    return prove(protocol, library(), program, wanted)


PROOFS = [
    ("highest_dose(vasopressin) <= 0.04 units/min", "proved"),
    ("highest_dose(vasopressin) < 0.04 units/min", "refuted"),
    ("recommends(vasopressin) implies low", "proved"),
    ("recommends(epinephrine) implies vasopressin > 0 units/min", "proved"),
    ("recommends(epinephrine) implies known(pulse)", "refuted"),
    ("low implies something recommended", "refuted"),  # an unknown age
    ("(applies and low) implies something recommended", "refuted"),  # allergy, and oedema
    ("(applies and low and not vasopressin_allergy and not pulmonary_oedema) implies something recommended", "refuted"),
    ("(map > 80 mmHg and map < 65 mmHg) implies reached(fine)", "vacuous"),
    ("recommends(epinephrine) implies recommends(vasopressin)", "refuted"),
]


@pytest.mark.parametrize(("always", "outcome"), PROOFS)
def test_a_property_is_proved_or_refuted_by_a_patient_of_the_interpreter(always: str, outcome: str) -> None:
    protocol, program = stated(with_property(f"always: {always}"))
    (verdict,) = prove(protocol, library(), program, ["it"]).verdicts
    assert (verdict.outcome, verdict.patient is not None) == (outcome, outcome == "refuted")
    if verdict.patient is not None:  # the advice shown is the advice given
        patient = verdict.patient
        assert Guideline(program).advise(patient.chart, patient.now, patient.local) == patient.advice


def test_what_the_safety_pack_asks_is_left_out_with_its_reason_only() -> None:
    left_out = "not_proved:\n  one-order: Two orders are meant here\n"
    by_id = {verdict.property.id: verdict for verdict in proofs(PROTOCOL + left_out).verdicts}
    assert (by_id["one-order"].outcome, by_id["one-order"].reason) == ("left out", "Two orders are meant here")
    assert "one-order" not in {
        verdict.property.id for verdict in proofs(PROTOCOL).verdicts if verdict.outcome == "left out"
    }


PACK = [
    pytest.param(
        "never-silent",
        ("        go: epinephrine\n      - else: fine", "        go: epinephrine"),
        True,
        id="everything done and still low",
    ),
    pytest.param(
        "asks-suffice",
        ("      - map is unobtainable\n", ""),
        True,
        id="a pressure that cannot be had",
    ),
    pytest.param("asks-suffice", ("", ""), False, id="a pressure that cannot be had is a case of its own"),
    pytest.param(
        "one-order",
        ("        go: [vasopressin, fluid]", "        go: [vasopressin, fluid, more]"),
        True,
        id="two steps give one fluid",
    ),
    pytest.param("hard-limits", ("", ""), False, id="doses within their limits"),
    pytest.param(
        "nothing-rests-on-absence",
        (
            "      - when: low\n        go: [vasopressin, fluid]",
            "      - when: not known(map)\n        go: [vasopressin, fluid]",
        ),
        True,
        id="treated because nobody measured",
    ),
    pytest.param("nothing-rests-on-absence", ("", ""), False, id="treated because it was measured"),
]
MORE = """\
  more:
    do: Give more fluid
    give:
      fluid: balanced-crystalloid
      amount: 500 mL
      route: iv
    priority: stat
    strength: strong
    cites: [S01]
"""


@pytest.mark.parametrize(("id", "change", "faulty"), PACK)
def test_the_safety_pack_finds_what_is_planted(id: str, change: tuple[str, str], faulty: bool) -> None:
    text = PROTOCOL.replace(*change) if change[0] else PROTOCOL
    if "more]" in text:
        text = text.replace("  fine:\n", MORE + "  fine:\n")
    (verdict,) = proofs(text, id).verdicts
    assert (verdict.outcome == "refuted") is faulty, as_text([proofs(text, id)])
    assert bool(verdict.where) is faulty


EXAMPLES = [
    pytest.param(page.stem, kind, text, id=f"{page.stem}-{kind}")
    for page in sorted(PAGES.glob("KB81*.md"))
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("page", "kind", "text"), EXAMPLES)
def test_an_example_of_a_page_is_proved_or_not_as_it_says(page: str, kind: str, text: str, tmp_path: Path) -> None:
    base, _ = base_with(text, tmp_path)
    (made,) = base.prove(["example"], ["vasopressin-when-low"])
    marked = {
        (number - 1, code)
        for number, line in enumerate(text.splitlines(), start=1)
        for code in re.findall(r"# expect: (KB\d+)", line)
    }
    assert {(item.span.line, item.code) for item in made.diagnostics} == marked
    assert bool(marked) == (kind == "bad")


def test_a_report_holds_no_markup_of_a_protocol() -> None:
    text = with_property("title: <b>|`x`", "always: low implies pulse is present")
    report = as_markdown([proofs(text, "it")])
    assert "<b>" not in report
    assert report.count("|") == 3 * 4


def test_a_base_proves_its_protocols_by_name() -> None:
    (made,) = Base(ROOT).prove(["refractory-hypotension@1.0.0"], ["never-silent"])
    assert [(verdict.property.id, verdict.outcome) for verdict in made.verdicts] == [("never-silent", "proved")]
