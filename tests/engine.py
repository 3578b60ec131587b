"""The one place where these tests touch the engine: load, compile, advise, check orders; all as plain data."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from kb import model, program
from kb.advice import Item
from kb.compiler import compile_protocol
from kb.diagnostics import Diagnostic, has_errors
from kb.interpreter import Guideline
from kb.loader.library import load_library
from kb.loader.protocol import load_protocol

HERE = Path(__file__).parent
LIBRARY_FOLDER = HERE / "meaning" / "library"
PROTOCOLS = HERE.parent / "protocols"

DEFAULTS: dict[str, Any] = {
    "format": 1,
    "id": "fragment",
    "version": "1.0.0",
    "title": "A fragment",
    "question": "What next?",
    "purpose": "educational",
    "updated": "2026-01-27",
    "population": "Anybody",
    "weight": "actual",
}
ORDER = (
    *DEFAULTS,
    *("withdrawn", "applies", "enter", "not_encoded", "parameters", "data", "define", "start", "steps"),
    *("never", "caps", "goals", "alerts", "interpretations"),
)


class Broken(Exception):  # noqa: N818 - the protocol is broken, not the run
    """A protocol that does not compile: its diagnostics, one a line."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        super().__init__("\n".join(f"{d.code} line {d.span.line}: {d.message} ({d.help})" for d in diagnostics))


@dataclass(frozen=True)
class Loaded:
    """One protocol in both forms: as its editor wrote it, and compiled."""

    protocol: model.Protocol
    library: model.Library
    program: program.Program
    guideline: Guideline


@cache
def library(folder: Path = LIBRARY_FOLDER) -> model.Library:
    made, found = load_library(folder)
    if made is None or has_errors(found):
        raise Broken(found)
    return made


@cache
def load_file(path: Path, folder: Path = LIBRARY_FOLDER) -> Loaded:
    shelf = library(folder)
    protocol, found = load_protocol(path, shelf)
    if protocol is None or has_errors(found):
        raise Broken(found)
    made, lint = compile_protocol(protocol, shelf)
    if made is None:
        raise Broken(lint)
    return Loaded(protocol, shelf, made, Guideline(made))


BACKING = {"cites": ["S01"]}
"""Every recommendation of a fragment rests on the one statement of this source."""

STATEMENTS = """\
format: 1
protocol: fragment
source: {title: An example, publisher: Nobody, updated: 2026-01-27, disclaimer: Not medicine}
references:
  R1: {title: An example, kind: guideline, publisher: Nobody, year: 2026, tier: self, checked: 2026-01-27}
statements:
  S01: {says: This is an example, kind: act, cites: [R1], support: direct}
"""


class Dumper(yaml.SafeDumper):
    """YAML without anchors, which protocols do not use."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def complete(fragment: Mapping[str, Any]) -> dict[str, Any]:
    """A fragment with the boring parts of a protocol filled in, in the order of the format."""
    whole = {**DEFAULTS, **fragment}
    whole.setdefault("steps", {"watch": {"end": "Watch"}})
    whole.setdefault("start", next(iter(whole["steps"])))
    whole["steps"] = {
        id: {"priority": "routine", **step, "strength": "conditional", **BACKING} if "do" in step else step
        for id, step in whole["steps"].items()
    }
    for key in ("never", "caps", "goals"):
        if key in whole:
            whole[key] = {id: {**item, **BACKING} for id, item in whole[key].items()}
    return {key: whole[key] for key in (*ORDER, *sorted(set(whole) - set(ORDER))) if key in whole}


def load_fragment(fragment: Mapping[str, Any]) -> Loaded:
    """A protocol given as data, through its YAML text."""
    return _load_text(yaml.dump(complete(fragment), Dumper=Dumper, sort_keys=False, width=100_000, allow_unicode=True))


@lru_cache(maxsize=2000)
def _load_text(text: str) -> Loaded:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "fragment"
        folder.mkdir()
        path = folder / "1.0.0.yaml"
        path.write_text(text, encoding="utf-8")
        if "cites:" in text:
            (folder / "statements.yaml").write_text(STATEMENTS, encoding="utf-8")
        return load_file.__wrapped__(path)


# ---------------------------------------------------------------- asking the engine


def engine_advice(
    loaded: Loaded,
    chart: Mapping[str, Any],
    *,
    now: datetime,
    local: Mapping[str, Any] | None = None,
    lenient: bool = False,
) -> dict[str, Any]:
    """The engine's advice in the words of the reference evaluator."""
    advice = loaded.guideline.advise(chart, now, local, lenient=lenient)
    if advice.applies is not False:
        json.dumps(advice.to_json())
    doses = {item.step: dose_of(item) for item in advice.actions if item.dose is not None}
    return {
        "applies": advice.applies,
        "states": {state.step: state.state for state in advice.trace},
        "statuses": {item.step: item.status for item in advice.actions if item.kind == "do"},
        "recommended": [item.step for item in advice.recommended],
        "doses": doses,
        "options": {
            item.step: [option.id for option in item.options if option.eligible is not False]
            for item in advice.actions
            if item.options
        },
        "asks": {ask.name for ask in advice.asks},
        "needs_policy": {policy.parameter for policy in advice.needs_policy},
        "alerts": {alert.id for alert in advice.alerts},
        "goals": {goal.id: goal.state for goal in advice.goals},
        "outcomes": [outcome.step for outcome in advice.outcomes],
        "hand_overs": [hand_over.protocol for hand_over in advice.hand_overs],
        "assumptions": list(advice.assumptions),
        "unavailable": {item.name for item in advice.unavailable},
        "refused": list(advice.refused),
        "not_used": list(advice.not_used),
        "gaps": {alert.step for alert in advice.alerts if alert.step and alert.id.startswith("gap")},
    }


def dose_of(item: Item) -> tuple[Fraction | None, Fraction | None, str]:
    """(exact, rounded, unit) of a recommended dose."""
    dose = item.dose
    assert dose is not None
    exact, rounded = (None if text is None else Fraction(text) for text in (dose.exact, dose.rounded))
    return exact, rounded, dose.unit


def engine_orders(
    loaded: Loaded,
    chart: Mapping[str, Any],
    orders: list[dict[str, Any]],
    *,
    now: datetime,
    local: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    found = loaded.guideline.check_orders(chart, orders, now, local)
    return [{"verdict": order.verdict, "rules": list(order.rules), "asks": set(order.asks)} for order in found]
