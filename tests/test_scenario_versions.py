"""Worked patients that hold for several versions of a protocol: written once, run by each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kb.base import Base
from kb.scenarios import load_scenario_files, run_scenario
from kb.store import load
from tests.cli.test_cli import Kb
from tests.cli.test_cli import kb as kb

ROOT = Path(__file__).parents[1]
PROTOCOL = """\
format: 1
id: example
version: "{version}"
title: Example
question: What next?
purpose: educational
updated: 2026-01-27
{data}
start: look
steps:
  look:
    decide: Is the pressure low?
    cases:
      - when: map < 65 mmHg
        go: low
      - else: {otherwise}
  low:
    end: Low
  fine:
    end: Fine
{steps}
"""
FIRST = PROTOCOL.format(version="1.0.0", data="", otherwise="fine", steps="")
SECOND = PROTOCOL.format(
    version="1.1.0",
    otherwise="asked",
    data="""\
data:
  cold:
    label: Cold
    type: boolean
    valid_for: 60 min
    question: Is the patient cold?
    confirm: nobody
""",
    steps="""\
  asked:
    decide: Is the patient cold?
    cases:
      - when: cold
        go: warm
      - else: fine
  warm:
    end: Warm the patient
""",
)
SCENARIOS = """\
format: 1
protocol: example
versions: ["1.0.0", "1.1.0"]
also_charted:
  "1.1.0": {cold: false}
scenarios:
  fine:
    title: Neither low nor cold
    chart: {map: 70 mmHg}
    expect: {outcomes: [fine], asks: []}
  over-time:
    title: The same with times
    opened: 10 min ago
    chart:
      - {ago: 1 min, element: map, value: 70 mmHg}
    expect: {outcomes: [fine], asks: []}
  cold:
    title: Cold, and charted so
    versions: ["1.1.0"]
    chart: {map: 70 mmHg, cold: true}
    expect: {outcomes: [warm]}
"""


def written(folder: Path, scenarios: str = SCENARIOS) -> Base:
    import shutil

    shutil.copytree(ROOT / "protocols" / "library", folder / "protocols" / "library")
    home = folder / "protocols" / "example"
    (home / "scenarios").mkdir(parents=True)
    (home / "1.0.0.yaml").write_text(FIRST, encoding="utf-8")
    (home / "1.1.0.yaml").write_text(SECOND, encoding="utf-8")
    (home / "scenarios" / "some.yaml").write_text(scenarios, encoding="utf-8")
    return Base(folder)


def test_a_scenario_is_run_by_each_version_it_names(tmp_path: Path) -> None:
    base = written(tmp_path)
    scenarios, problems = load_scenario_files(base.scenario_files("example"))
    assert not problems
    assert [(one.id, one.version) for one in scenarios] == [
        ("fine", "1.0.0"),
        ("fine", "1.1.0"),
        ("over-time", "1.0.0"),
        ("over-time", "1.1.0"),
        ("cold", "1.1.0"),
    ]
    for scenario in scenarios:
        guideline = load("example", scenario.version, base=base.path)
        assert not run_scenario(guideline, scenario).mismatches


def test_without_what_the_version_charts_besides_its_new_question_is_asked(tmp_path: Path) -> None:
    text = SCENARIOS.replace("also_charted:\n", "").replace('  "1.1.0": {cold: false}\n', "")
    base = written(tmp_path, text)
    scenarios, _ = load_scenario_files(base.scenario_files("example"))
    second = next(one for one in scenarios if (one.id, one.version) == ("fine", "1.1.0"))
    found = run_scenario(load("example", base=base.path), second).mismatches
    assert {item.what for item in found} == {"outcomes", "asks"}


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("outcomes: [fine], asks: []}\n  over", "outcomes: [warm], asks: []}\n  over", "KB730", 10),
        ("{cold: false}", "{colt: false}", "KB602", 5),
        ("{cold: false}", '{cold: "maybe"}', "KB603", 5),
        ('  "1.1.0": {cold', '  "1.2.0": {cold', "KB731", 5),
        ("versions: [", 'version: "1.0.0"\nversions: [', "KB731", 4),
    ],
)
def test_a_mistake_is_told_where_it_stands(old: str, new: str, code: str, line: int, tmp_path: Path) -> None:
    assert old in SCENARIOS
    found = written(tmp_path, SCENARIOS.replace(old, new, 1)).check(["example"])[0]
    assert (code, line) in {(item.code, item.span.line) for item in found}


def test_an_id_in_two_files_is_told_with_both_places(tmp_path: Path) -> None:
    base = written(tmp_path, SCENARIOS)
    (file,) = base.scenario_files("example")
    file.with_name("zz.yaml").write_text(SCENARIOS, encoding="utf-8")
    found = [item for item in base.check(["example"])[0] if item.code == "KB735"]
    assert {Path(item.span.file).name for item in found} == {"zz.yaml"}
    assert {item.span.line for item in found} == {item.related[0].span.line for item in found}
    assert "already" in found[0].message


def test_the_command_tells_each_version_apart(kb: Kb, tmp_path: Path) -> None:
    written(tmp_path, SCENARIOS.replace("outcomes: [warm]", "outcomes: [fine]"))
    code, out, _ = kb("--base", str(tmp_path), "test", "example")
    assert code == 1
    assert "failed  cold@1.1.0" in out
    assert "example@1.0.0: 2 of 2 scenarios as expected" in out
    assert "example@1.1.0: 2 of 3 scenarios as expected" in out
    code, out, _ = kb("--base", str(tmp_path), "test", "example@1.0.0", "--format", "json")
    assert code == 0
    assert [one["version"] for one in json.loads(out)[0]["scenarios"]] == ["1.0.0", "1.0.0"]
