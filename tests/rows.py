"""Rows of data as charts and protocols: the scenario style (`ago: 20 min`) made into chart JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

MEANING = Path(__file__).parent / "meaning"
NOW = datetime.fromisoformat("2026-01-27T12:00:00+00:00")
SECONDS = {"s": 1, "min": 60, "h": 3600, "days": 86400}
EVENTS = ("started", "changed", "stopped", "given", "running")


class Loader(yaml.SafeLoader):
    """Scalars as an editor means them: no dates, no octal, numbers as written."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[1] in ("bool", "null", "int", "float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Row:
    """One row: where it stands, what is run, and what is expected."""

    file: str
    name: str
    data: dict[str, Any]
    protocol: dict[str, Any]

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self.data["now"]) if "now" in self.data else NOW

    @property
    def local(self) -> dict[str, Any]:
        made: dict[str, Any] = self.data.get("local", {})
        return made

    @property
    def lenient(self) -> bool:
        return bool(self.data.get("lenient")) or "refused" in self.data

    @property
    def chart(self) -> dict[str, Any]:
        chart = self.data.get("chart", self.data.get("entries", self.data.get("inputs", {})))
        opened = self.data.get("opened")
        return make_chart(chart, self.now, self.data.get("complete_from"), opened, self.protocol.get("id", "fragment"))

    @property
    def expect(self) -> dict[str, Any]:
        """What is expected, in the words of a scenario; that of an expression is the state of a goal."""
        expect = dict(self.data.get("expect", {}))
        if "expr" in self.data or "condition" in self.data:
            state = "unknown" if "value" not in self.data else "met" if self.data["value"] else "not met"
            expect["goals"] = {"it-holds": state}
            if "refused" in self.data:
                expect["refused"] = self.data["refused"]
        return expect


def read_rows() -> list[Row]:
    rows = []
    for path in sorted(MEANING.glob("*.yaml")):
        data = yaml.load(path.read_text(encoding="utf-8"), Loader)
        for raw in data["rows"]:
            rows.append(Row(path.stem, raw["name"], raw, fragment_of(raw, data.get("protocols", {}))))
    return rows


def fragment_of(raw: Mapping[str, Any], named: Mapping[str, Any]) -> dict[str, Any]:
    fragment: dict[str, Any] = {**(named[raw["use"]] if "use" in raw else {}), **raw.get("protocol", {})}
    if "define" in raw and "expr" in raw:
        fragment["define"] = {**fragment.get("define", {}), "it": raw["define"]}
    if "expr" in raw or "condition" in raw:
        target = raw.get("expr", raw.get("condition"))
        fragment["goals"] = {"it-holds": {"title": "It holds", "target": target}}
    return fragment


def duration(text: str) -> timedelta:
    words = text.removesuffix(" ago").split()
    parts = zip(words[::2], words[1::2], strict=True)
    return timedelta(seconds=float(sum(Fraction(Decimal(number)) * SECONDS[unit] for number, unit in parts)))


def moment(text: str, now: datetime) -> datetime:
    return now - duration(text) if " " in text.removesuffix(" ago") else datetime.fromisoformat(text)


def make_chart(
    chart: Any, now: datetime, complete_from: str | None = None, opened: str | None = None, protocol: str = "fragment"
) -> dict[str, Any]:
    """Chart JSON of a list of entries; a mapping stays the one-moment chart it is."""
    if isinstance(chart, Mapping) and opened is None and complete_from is None:
        return dict(chart)
    entries = [make_entry(dict(raw), number, now, protocol) for number, raw in enumerate(chart, start=1)]
    if opened is not None:
        at = moment(opened, now).isoformat()
        entries.append(
            {
                "id": "opened",
                "at": at,
                "kind": "protocol",
                "event": "opened",
                "protocol": protocol,
                "version": "1.0.0",
            }
        )
    made: dict[str, Any] = {"schema": "1.0.0", "entries": entries}
    if complete_from is not None:
        made["complete_from"] = moment(complete_from, now).isoformat()
    return made


def make_entry(raw: dict[str, Any], number: int, now: datetime, protocol: str) -> dict[str, Any]:
    at = now - duration(raw.pop("ago")) if "ago" in raw else datetime.fromisoformat(raw.pop("at"))
    entry: dict[str, Any] = {"id": raw.pop("id", f"e{number}"), "at": at.isoformat()}
    for event in EVENTS:
        if event in raw:
            return {**entry, "kind": "therapy", "event": event, "drug": raw.pop(event), **raw}
    for event in ("done", "declined"):
        if event in raw:
            return {**entry, "kind": "step", "event": event, "protocol": protocol, "step": raw.pop(event), **raw}
    if set(raw) == {"retracts"}:
        return {**entry, "kind": "retraction", **raw}
    return {**entry, "kind": "observation", **raw}
