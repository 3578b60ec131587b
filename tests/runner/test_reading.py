"""The runner reads charts as Python does: rows with their causes and times, refusals word for word, local settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from kb.chart import ChartError
from kb.codec import program_to_json, value_to_json
from kb.conformance import vector, vectors
from kb.interpreter import Guideline
from kb.local import local_digest, settings_in_force
from kb.scenarios import Scenario, load_scenario_files
from tests.chromium import runner
from tests.engine import PROTOCOLS, load_file, load_fragment
from tests.rows import read_rows
from tests.runner.node import run

SHIPPED = sorted(PROTOCOLS.glob("*/[0-9]*.yaml"))


def iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def reading_of(guideline: Guideline, vector: dict[str, Any]) -> dict[str, Any]:
    """All that stands behind the advice of a vector, as `reading.mjs` tells it."""
    now = None if vector["now"] is None else datetime.fromisoformat(vector["now"])
    try:
        walk, _ = guideline.walk(vector["chart"], now, vector["local"], lenient=vector["lenient"])
    except ChartError as error:
        return {"refused": [item._asdict() for item in error.refusals]}
    reading, decision = walk.reading, walk.decision
    made = {
        "row": [value_to_json(value) for value in walk.row],
        "causes": [
            [index, [cause.kind, cause.asks, cause.text, None if cause.age is None else str(cause.age)]]
            for index, cause in sorted(reading.causes.items())
        ],
        "times": [[index, iso(at)] for index, at in sorted(reading.times.items())],
        "lower_bounds": [[index, str(bound)] for index, bound in sorted(reading.lower_bounds.items())],
        "refused": reading.refused,
        "not_used": reading.not_used,
        "assumptions": reading.assumptions,
        "episode": iso(reading.episode),
        "assumed_slots": reading.assumed_slots,
        "strengths": [
            [drug, [made.text, f"{made.value.numerator}/{made.value.denominator}", made.salt]]
            for drug, made in sorted(reading.strengths.items())
        ],
        "refusals": [item._asdict() for item in reading.refusals],
        "unused": [[item.entry, item.name, iso(item.at), item.why] for item in reading.unused],
        "masks": [str(mask) for mask in (decision.reached, decision.possible, decision.assumed)],
        "statuses": sorted(decision.statuses.items()),
        "outcomes": [[step, str(outcome)] for step, outcome in sorted(decision.outcomes.items())],
        "local_digest": local_digest(reading.local),
        "settings": [item._asdict() for item in settings_in_force(guideline.program, reading.local)],
    }
    plain: dict[str, Any] = json.loads(json.dumps(made))
    return plain


def differences(
    groups: list[tuple[Guideline, list[dict[str, Any]]]], run: Callable[[str, Any], Any] = run
) -> list[str]:
    """Where the runner reads vectors otherwise than Python does."""
    keys = ("chart", "now", "local", "lenient")
    given = [
        {
            "program": program_to_json(guideline.program),
            "vectors": [json.dumps({key: each[key] for key in keys}) for each in made],
        }
        for guideline, made in groups
    ]
    found = []
    for (guideline, made), read in zip(groups, run("reading.mjs", given), strict=True):
        for each, ours in zip(made, read, strict=True):
            wanted = reading_of(guideline, each)
            for key in sorted({*wanted, *ours}):
                if ours.get(key) != wanted.get(key):
                    found.append(f"{each['name']}: {key}: {ours.get(key)}, in Python {wanted.get(key)}")
    return found


def worked_patients(path: Path) -> list[Scenario]:
    scenarios, problems = load_scenario_files(sorted(path.parent.glob("scenarios/*.yaml")))
    assert not problems
    return [item for item in scenarios if item.version in ("", path.stem)]


def check_readings(path: Path, count: int, one_in: int = 1) -> None:
    """Hold every `one_in`-th worked patient of a protocol, and `count` generated ones, against Python."""
    guideline = load_file(path, PROTOCOLS / "library").guideline
    worked = worked_patients(path)[::one_in]
    made, number = vectors(guideline.program, worked, count), 0
    while batch := [slim(each) for each in islice(made, 500)]:
        number += len(batch)
        assert not differences([(guideline, batch)])
    assert number == len(worked) + count


def slim(made: dict[str, Any]) -> dict[str, Any]:
    """A vector without its advice, of which thousands would fill the memory."""
    return {key: made[key] for key in ("name", "chart", "now", "local", "lenient")}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")
def test_charts_are_read_as_in_python(path: Path) -> None:
    check_readings(path, 20, one_in=3)


@pytest.mark.long
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")
def test_many_charts_are_read_as_in_python(path: Path) -> None:
    check_readings(path, 4000)


def test_every_row_of_the_meaning_is_read_as_in_python() -> None:
    groups = []
    for row in read_rows():
        guideline = load_fragment(row.protocol).guideline
        name = f"{row.file}: {row.name}"
        groups.append((guideline, [vector(guideline, name, row.chart, row.now, row.local, row.lenient)]))
    assert not differences(groups)


def test_a_browser_reads_charts_as_python_does(browser: Browser) -> None:
    groups = []
    for path in SHIPPED:
        guideline = load_file(path, PROTOCOLS / "library").guideline
        made = vectors(guideline.program, worked_patients(path)[:10], 20, seed=1)
        groups.append((guideline, [slim(each) for each in made]))
    assert not differences(groups, runner(browser))
