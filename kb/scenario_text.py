"""A patient who was found, written down as a worked patient: in the form of `kb fmt`, with what advice says now.

What is written passes `kb check` and `kb test` as it stands. It is a beginning: the advice is what the protocol says
today, and a clinician puts in its place what it should say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from kb.chart import parse_time
from kb.diagnostics import Diagnostic
from kb.formatter import format_text, replace_file
from kb.interpreter import Advice
from kb.loader.scenarios import load_scenarios
from kb.scenarios import KINDS, NOW, dose_said

NOTE: Final = "Found by a check; expects what advice says now. Correct it to what it should say"


FILE: Final = "found.yaml"
"""Where in `scenarios/` of a protocol a patient goes who was found, if nobody says where."""


class FoundPatient(Protocol):
    """What is written down: a `kb.prover.patient.Patient`, or anything with the same four things."""

    @property
    def chart(self) -> Mapping[str, Any]:
        """A one-moment chart, or the JSON object of a chart of entries."""

    @property
    def local(self) -> Mapping[str, Any]:
        """Local settings, empty where none are needed."""

    @property
    def now(self) -> datetime: ...

    @property
    def advice(self) -> Advice: ...


class Saved(NamedTuple):
    """Where a scenario was written, and under which id: another than was asked for where that was taken."""

    path: Path
    scenario: str


class ScenarioTextError(ValueError):
    """Nothing was written; the text says why, `found` in detail."""

    def __init__(self, message: str, found: tuple[Diagnostic, ...] = ()) -> None:
        super().__init__(message)
        self.found = found


def scenario_yaml(
    protocol_id: str,
    version: str,
    scenario_id: str,
    title: str,
    patient: FoundPatient,
    note: str = NOTE,
    expect: Mapping[str, Any] | None = None,
    orders: Sequence[Mapping[str, str]] = (),
) -> str:
    """A scenario file with this one patient; `expect` in the place of all that advice says now."""
    head = [
        "# yaml-language-server: $schema=../../../schema/scenario.schema.json",
        "format: 1",
        f"protocol: {protocol_id}",
        f"version: {json.dumps(version)}",
        "",
        "scenarios:",
    ]
    return _formed(
        "\n".join([*head, *_entry(protocol_id, scenario_id, title, patient, note, expect, orders)]) + "\n",
        f"{scenario_id}.yaml",
    )


def append_scenario(
    path: Path,
    protocol_id: str,
    version: str,
    scenario_id: str,
    title: str,
    patient: FoundPatient,
    note: str = NOTE,
    expect: Mapping[str, Any] | None = None,
    orders: Sequence[Mapping[str, str]] = (),
) -> Saved:
    """Put this patient at the end of the scenario file `path`, which is made where it is not there.

    Raises:
        ScenarioTextError: the file cannot be read, or is about another protocol or version.
        OSError: the file cannot be written.

    """
    beside = _ids_beside(path)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        free = _free(scenario_id, beside)
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(scenario_yaml(protocol_id, version, free, title, patient, note, expect, orders))
        return Saved(path, free)
    loaded, wrong = load_scenarios(path)
    if loaded is None or wrong:
        raise ScenarioTextError(f"{path} cannot be added to until it is put right", tuple(wrong))
    if (loaded.protocol.id, loaded.versions) not in ((protocol_id, (version,)), (protocol_id, ())):
        about = f"{loaded.protocol.id} {' and '.join(loaded.versions)}".strip()
        raise ScenarioTextError(f"{path} is about {about}, and this patient about {protocol_id} {version}")
    taken = _free(scenario_id, beside | loaded.scenarios.keys())
    before = path.read_bytes().decode("utf-8")
    whole = _formed(before, str(path))  # in its one form, `scenarios` stand last
    after = _formed(
        whole.rstrip("\n")
        + "\n\n"
        + "\n".join(_entry(protocol_id, taken, title, patient, note, expect, orders))
        + "\n",
        str(path),
    )
    if "\r\n" in before:
        after = after.replace("\r\n", "\n").replace("\n", "\r\n")
    if not replace_file(path, before, after):
        raise ScenarioTextError(f"somebody else changed {path} just now; try again")
    return Saved(path, taken)


def _ids_beside(path: Path) -> set[str]:
    """The scenarios of the other files of the protocol; one that cannot be read is told by `kb check`."""
    others = (load_scenarios(file)[0] for file in path.parent.glob("*.yaml") if file.name != path.name)
    return {id for other in others if other is not None for id in other.scenarios}


def _free(wanted: str, taken: Set[str]) -> str:
    """The id, or the first `id-2`, `id-3` … that no scenario of the protocol has."""
    free, number = wanted, 1
    while free in taken:
        number += 1
        free = f"{wanted}-{number}"
    return free


def _formed(text: str, name: str) -> str:
    result = format_text(text, name, "scenario")
    if result.refused:
        raise ScenarioTextError(f"{name} cannot be brought into its form", result.diagnostics)
    return result.text


def _entry(
    protocol: str,
    scenario_id: str,
    title: str,
    patient: FoundPatient,
    note: str,
    expect: Mapping[str, Any] | None,
    orders: Sequence[Mapping[str, str]],
) -> Iterator[str]:
    yield f"  {scenario_id}:"
    yield f"    title: {_scalar(title)}"
    if note:
        yield f"    note: {_scalar(note)}"
    if patient.now != NOW:
        yield f"    now: {_scalar(patient.now.isoformat())}"
    if "entries" in patient.chart:
        yield from _entries(patient.chart, protocol, patient.now)
    else:
        yield from _mapping("chart", patient.chart, 4)
    if patient.local:
        yield from _mapping("local", patient.local, 4)
    if orders:
        yield from _lines("orders", orders, 4)
    yield from _mapping("expect", said_now(patient.advice) if expect is None else expect, 4)


def _entries(chart: Mapping[str, Any], protocol: str, now: datetime) -> Iterator[str]:
    """A chart over time in the short form of a scenario: how long ago, and what."""
    if "complete_from" in chart:
        yield f"    complete_from: {_since(chart['complete_from'], now)}"
    named = any(entry.get("replaces") or entry.get("retracts") for entry in chart["entries"])
    lines: list[dict[str, Any]] = []
    opened = ""
    for entry in sorted(chart["entries"], key=lambda each: parse_time(each["at"])):
        kind, event = entry.get("kind"), entry.get("event")
        if not opened and (kind, event, entry.get("protocol")) == ("protocol", "opened", protocol):
            opened = f"    opened: {_since(entry['at'], now)}"
            yield opened
            continue
        ago = _ago(entry["at"], now)
        short = {"ago": ago} if ago else {"at": entry["at"]}
        left = {name: value for name, value in entry.items() if name not in ("at", "kind", "event")}
        if not named:
            left.pop("id", None)
        if event:
            short[event] = left.pop(KINDS[kind])
        if kind == "step" and left.get("protocol") == protocol:
            left.pop("protocol")
        lines.append({**short, **left})
    yield from _lines("chart", lines, 4)


def _since(at: str, now: datetime) -> str:
    ago = _ago(at, now)
    return f"{ago} ago" if ago else json.dumps(at)


def _ago(at: str, now: datetime) -> str:
    """`2 h 5 min`, as a scenario says how long ago something was; empty where it was not whole seconds ago."""
    seconds = (now - parse_time(at)).total_seconds()
    if seconds != int(seconds) or seconds < 0:
        return ""
    parts, left = [], int(seconds)
    for size, unit in ((3600, "h"), (60, "min"), (1, "s")):
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts) or "0 min"


def said_now(advice: Advice) -> dict[str, Any]:
    """What advice says, as a scenario expects it: everything that a reader would act on."""
    found: dict[str, Any] = {
        "applies": {True: True, False: False, None: "unknown"}[advice.applies],
        "recommended": [item.step for item in advice.recommended],
        "doses": {item.step: dose_said(item.dose) for item in advice.recommended if item.dose is not None},
        "asks": [ask.name for ask in advice.asks],
        "alerts": list(dict.fromkeys(alert.id for alert in advice.alerts)),
        "outcomes": [outcome.step for outcome in advice.outcomes],
        "hand_overs": [item.protocol for item in advice.hand_overs],
        "needs_policy": [item.parameter for item in advice.needs_policy],
    }
    always = ("applies", "recommended", "asks")
    return {key: value for key, value in found.items() if value or key in always}


def _mapping(key: str, values: Mapping[str, Any], indent: int) -> Iterator[str]:
    space = " " * indent
    if not values:
        yield f"{space}{key}: {{}}"
        return
    yield f"{space}{key}:"
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _mapping(name, value, indent + 2)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield from _lines(name, value, indent + 2)
        elif isinstance(value, list):
            yield f"{space}  {_scalar(name)}: [{', '.join(_scalar(item) for item in value)}]"
        else:
            yield f"{space}  {_scalar(name)}: {_scalar(value)}"


def _lines(key: str, items: Sequence[Mapping[str, Any]], indent: int) -> Iterator[str]:
    """Mappings, a line each."""
    yield f"{' ' * indent}{key}:"
    for item in items:
        said = (f"{name}: {_flow(value)}" for name, value in item.items())
        yield f"{' ' * indent}  - {{{', '.join(said)}}}"


def _flow(value: object) -> str:
    return f"[{', '.join(_scalar(item) for item in value)}]" if isinstance(value, list) else _scalar(value)


def _scalar(value: object) -> str:
    """Quoted, so that nothing in it is read as anything else; the formatter takes the quotes off where it may."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(str(value), ensure_ascii=False)
