"""Definitions of the library: used by name, carried with their sources, checked where they are written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import kb
from kb.base import Base
from kb.diagnostics import Diagnostic
from kb.program import Program
from tests.reading.files import LIBRARY

PROTOCOL = """\
format: 1
id: example
version: "1.0.0"
title: Fever
question: What next?
purpose: educational
updated: 2026-01-27
start: score
steps:
  score:
    decide: Is the patient hot?
    cases:
      - when: {when}
        go: call
      - else: watch
    cites: [S01]
  call:
    do: Call for help
    call: senior clinician
    priority: stat
    strength: strong
    cites: [S01]
  watch:
    end: Not hot
"""
STATEMENTS = """\
format: 1
protocol: example
source: {title: A page about fever}
references:
  R1: {title: A page about fever, kind: guideline}
statements:
  S01: {says: What the page says, kind: act, cites: [R1]}
"""
DEFINITIONS = """\
format: 1
references:
  LR1: {title: A page about points, kind: guideline}
  LR2: {title: Another page, kind: guideline}
statements:
  L01: {says: Points for heat, kind: assess, cites: [LR1]}
  L02:
    says: Points for a fast heart
    kind: assess
    cites: [LR2]
    atoms: {a: One for fast, b: Two for very fast}
  L03: {says: Nobody uses this, kind: assess, cites: [LR2]}
define:
  heat_points:
    title: Points for heat
    unit: points
    cases:
      - when: temperature > 38 Cel
        value: 2 points
      - value: 0 points
    cites: [L01]
    interprets: [LA01]
  heart_points:
    title: Points for a fast heart
    unit: points
    cases:
      - when: heart_rate > 100 /min
        value: 1 points
      - value: 0 points
    cites: [L02a]
  whole:
    title: Both
    unit: points
    value: heat_points + heart_points
    cites: [L01]
interpretations:
  LA01:
    about: [L01]
    reading: Exactly 38 is not hot
    because: the page says above
    confirm: ward nurse
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Base]:
    """A base with one protocol and definitions of its library."""

    def made(when: str = "whole >= 2 points", definitions: str | None = DEFINITIONS, more: str = "") -> Base:
        shutil.rmtree(tmp_path / "protocols", ignore_errors=True)
        shutil.copytree(LIBRARY, tmp_path / "protocols" / "library")
        (tmp_path / "protocols" / "library" / "definitions.yaml").unlink()
        if definitions is not None:
            (tmp_path / "protocols" / "library" / "definitions.yaml").write_text(definitions, encoding="utf-8")
        home = tmp_path / "protocols" / "example"
        home.mkdir()
        (home / "1.0.0.yaml").write_text(PROTOCOL.replace("{when}", when) + more, encoding="utf-8")
        (home / "statements.yaml").write_text(STATEMENTS, encoding="utf-8")
        return Base(tmp_path)

    return made


def found(base: Base) -> list[tuple[str, str, int]]:
    diagnostics: tuple[Diagnostic, ...] = base.check()[0]
    return [(item.code, Path(item.span.file).name, item.span.line) for item in diagnostics]


def program(base: Base) -> Program:
    made, diagnostics = base.program("example")
    assert made is not None, diagnostics
    return made


def test_a_definition_of_the_library_is_used_by_name_and_through_others(write: Callable[..., Base]) -> None:
    base = write()
    assert found(base) == []
    guideline = kb.Guideline(program(base))
    hot = {"temperature": "38.1 Cel", "heart_rate": "80 /min"}
    assert [item.step for item in guideline.advise(hot).recommended] == ["call"]
    assert [ask.name for ask in guideline.advise({"heart_rate": "80 /min"}).asks] == ["temperature"]


def test_a_protocol_carries_what_it_uses_with_its_sources_and_nothing_else(write: Callable[..., Base]) -> None:
    made = program(write("heart_points >= 1 points"))
    assert {slot.of for slot in made.slots if slot.kind == "define"} == {"heart_points"}
    assert [statement.id for statement in made.statements] == ["S01", "L02", "L02a", "L02b"]
    assert [reference.key for reference in made.references] == ["R1", "LR2"]
    assert made.interpretations == ()
    assert [item.id for item in program(write()).interpretations] == ["LA01"]


def test_a_change_in_a_shared_definition_changes_the_digest_of_those_that_use_it(write: Callable[..., Base]) -> None:
    before = program(write()), program(write("heart_rate > 90 /min"))
    changed = DEFINITIONS.replace("38 Cel", "38.5 Cel")
    after = program(write(definitions=changed)), program(write("heart_rate > 90 /min", definitions=changed))
    assert before[0].logic_digest != after[0].logic_digest
    assert before[1].logic_digest == after[1].logic_digest


def test_a_library_may_do_without_and_nobody_must_use_what_it_has(write: Callable[..., Base]) -> None:
    assert found(write("heart_rate > 90 /min", definitions=None)) == []
    assert found(write("heart_rate > 90 /min")) == []


def test_a_protocol_may_not_take_the_name_of_a_shared_definition(write: Callable[..., Base]) -> None:
    own = "define:\n  whole:\n    condition: heart_rate > 90 /min\n"
    assert found(write("whole", more=own)) == [("KB219", "1.0.0.yaml", 26)]


def test_a_misspelt_name_of_a_shared_definition_gets_a_suggestion(write: Callable[..., Base]) -> None:
    diagnostics = write("hole >= 2 points").check()[0]
    assert [(item.code, item.help) for item in diagnostics] == [("KB310", "did you mean `whole`?")]


MISTAKES = {
    "an unknown name": ("temperature > 38", "temprature > 38", [("KB310", 18)]),
    "a wrong unit": ("38 Cel", "38 mmHg", [("KB314", 18)]),
    "an unknown statement": ("cites: [L02a]", "cites: [L09]", [("KB502", 30)]),
    "an unknown reading": ("interprets: [LA01]", "interprets: [LA02]", [("KB503", 22)]),
    "an unknown reference": ("cites: [LR1]", "cites: [LR3]", [("KB506", 6)]),
    "the name of data": ("heart_points:\n    title", "lactate:\n    title", [("KB219", 23), ("KB310", 34)]),
    "a statement numbered as a protocol's": ("  L03:", "  S03:", [("KB207", 12)]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_once_at_its_place_in_the_library(name: str, write: Callable[..., Base]) -> None:
    before, after, expected = MISTAKES[name]
    assert before in DEFINITIONS
    told = found(write(definitions=DEFINITIONS.replace(before, after)))
    assert [(code, line) for code, file, line in told if file == "definitions.yaml"] == expected
    assert all(file == "definitions.yaml" for _, file, _ in told)
