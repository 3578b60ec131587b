"""The engine and the naive reference evaluator agree: on rows, on scenarios, on generated protocols and charts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.engine import PROTOCOLS, Broken, Loaded, engine_advice, load_file, load_fragment
from tests.reference import reference_advice
from tests.rows import NOW, Loader, Row, make_chart, read_rows
from tests.sampling import examples, sampled
from tests.strategies import any_charts, charts, protocols

READABLE = [row for row in read_rows() if not row.lenient and "orders" not in row.data]


def differences(loaded: Loaded, chart: dict[str, Any], **more: Any) -> list[str]:
    """Where engine and reference part; empty where they agree."""
    now = more.pop("now", NOW)
    engine = engine_advice(loaded, chart, now=now, **more)
    reference = reference_advice(loaded.protocol, loaded.library, chart, now=now, **more)
    found = []

    def compare(what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            found.append(f"{what}: engine {ours}, reference {theirs}")

    compare("applies", engine["applies"], reference["applies"])
    if reference["applies"] is False:
        compare("recommended", engine["recommended"], [])
        return found
    for key in ("states", "statuses", "doses"):
        for name in sorted({*engine[key], *reference[key]}):
            ours, theirs = engine[key].get(name), reference[key].get(name)
            if key == "doses" and ours is not None and theirs is not None:
                ours, theirs = ours[1:], theirs[1:]  # the exact dose may be limited before or after it is shown
            compare(f"{key} {name}", ours, theirs)
    compare("recommended", sorted(engine["recommended"]), sorted(reference["recommended"]))
    for key in ("options", "asks", "needs_policy", "goals", "gaps"):
        compare(key, engine[key], reference[key])
    own = set(loaded.protocol.alerts)
    compare("alerts", engine["alerts"] & own, reference["alerts"])
    for key in ("outcomes", "hand_overs"):
        compare(key, sorted(engine[key]), sorted(reference[key]))
    return found


@pytest.mark.parametrize("row", READABLE, ids=lambda row: f"{row.file}: {row.name}")
def test_engine_and_reference_agree_on_every_row(row: Row) -> None:
    found = differences(load_fragment(row.protocol), row.chart, now=row.now, local=row.local)
    assert not found, "\n".join(found)


def scenarios() -> Iterator[Any]:
    for path in sorted(PROTOCOLS.glob("*/scenarios/*.yaml")):
        data = yaml.load(path.read_text(encoding="utf-8"), Loader)
        folder = PROTOCOLS / data["protocol"]
        latest = max(folder.glob("[0-9]*.yaml"), key=lambda file: tuple(int(part) for part in file.stem.split(".")))
        for name, scenario in data["scenarios"].items():
            own = [data["version"]] if "version" in data else data.get("versions", [latest.stem])
            for version in scenario.get("versions", own):
                also = data.get("also_charted", {}).get(version, {})
                file = folder / f"{version}.yaml"
                yield pytest.param(file, also, scenario, id=f"{data['protocol']}@{version}: {name}")


@pytest.mark.parametrize(("file", "also", "scenario"), sampled(scenarios(), one_in=6))
def test_engine_and_reference_agree_on_every_scenario(
    file: Path, also: dict[str, Any], scenario: dict[str, Any]
) -> None:
    if scenario.get("expect", {}).get("refused"):
        pytest.skip("the chart is refused: the reference reads only what is accepted")
    loaded, protocol = load_file(file, PROTOCOLS / "library"), file.parent.name
    row = Row(file.stem, scenario.get("title", ""), scenario, {"id": protocol})
    opened, complete = scenario.get("opened"), scenario.get("complete_from")
    charted = scenario.get("chart", {})
    if isinstance(charted, dict):
        charted = {**also, **charted}
    else:
        beside = {name: value for name, value in also.items() if name not in {one.get("element") for one in charted}}
        charted = [*charted, *({"ago": "0 min", "element": name, "value": value} for name, value in beside.items())]
    chart = make_chart(charted, row.now, complete, opened, protocol)
    found = differences(loaded, chart, now=row.now, local=scenario.get("local", {}))
    assert not found, "\n".join(found)


def check_generated(data: st.DataObject, charts_each: int) -> None:
    fragment = data.draw(protocols(), label="protocol")
    try:
        loaded = load_fragment(fragment)
    except Broken:
        assume(False)
    for _ in range(charts_each):
        chart = data.draw(charts(loaded.program), label="chart")
        found = differences(loaded, chart)
        assert not found, "\n".join(found)


@settings(max_examples=60)
@given(st.data())
def test_engine_and_reference_agree_on_generated_protocols(data: st.DataObject) -> None:
    check_generated(data, charts_each=4)


@pytest.mark.long
@settings(max_examples=4000)
@given(st.data())
def test_engine_and_reference_agree_on_many_generated_protocols(data: st.DataObject) -> None:
    check_generated(data, charts_each=5)


SHIPPED = sorted(path for path in PROTOCOLS.glob("*/[0-9]*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}@{path.stem}")
@settings(max_examples=examples(20, one_in=2))
@given(data=st.data())
def test_engine_and_reference_agree_on_generated_charts_of_shipped_protocols(path: Path, data: st.DataObject) -> None:
    loaded = load_file(path, PROTOCOLS / "library")
    chart = data.draw(any_charts(loaded.program), label="chart")
    found = differences(loaded, chart)
    assert not found, "\n".join(found)


def test_the_reference_shares_no_code_with_the_engine() -> None:
    barred = (
        "program",
        "evaluate",
        "codegen",
        "folds",
        "interpreter",
        "compiler",
        "values",
        "chart",
        "orders",
        "doses",
    )
    for path in (Path(__file__).parent / "reference").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for name in barred:
            assert f"kb.{name}" not in text, (path.name, name)
            assert f"from kb import {name}" not in text, (path.name, name)
