"""Entries of another chart taken in: those that are new, under free ids, with the episode that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from kb import program as ir
from kb.chart import RECORD, Chart, ChartError, Entry, parse_time, quoted, refusal
from kb.generator.wording import listed
from kb.interview.charting import observation
from kb.interview.talk import Talk
from kb.reading import dictionary_of, parse_chart


def take_in(talk: Talk, data: object) -> None:
    if isinstance(data, Mapping) and "entries" not in data:
        entries = list(_of_moment(talk.record.program, data, talk.now))
    else:
        chart = data if isinstance(data, Chart) else Chart.from_json(data)
        entries = [entry.to_json() for entry in _originals_first(chart.entries)]
        said = [entry.value for entry in talk.record.standing() if entry.element == RECORD]
        if chart.complete_from is not None and said[-1:] != [chart.complete_from.isoformat()]:
            entries.append(observation(RECORD, chart.complete_from.isoformat(), talk.now))
    taken = _new_of(talk, entries)
    timed = not (isinstance(data, Mapping) and "entries" not in data)
    ids = talk.record.append(*taken, *(_joined(talk, taken) if timed else ()))
    if ids:
        talk.acts.append(ids)
    talk.aside.clear()
    ids = ids[: len(taken)]
    talk.remark(f"{len(ids)} entries taken in" if len(ids) != 1 else "1 entry taken in", "good")
    unused = parse_chart(talk.record.program, talk.record.chart, talk.now, lenient=True).not_used
    for item in unused[:6]:
        talk.remark(f"not used: {item.why}", "warn")


def _new_of(talk: Talk, entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of a chart that the record does not hold already, under ids that are free in it."""
    entries = list(entries)
    known = {entry.id: entry for entry in talk.record.entries}
    taken_away = {entry.get("retracts") for entry in entries}
    names: dict[str, str] = {}  # by the id in the chart, that in the record
    used: set[str] = set()
    taken: list[dict[str, Any]] = []
    for entry in entries:
        id = entry.pop("id", None)
        for key in ("replaces", "retracts"):
            if entry.get(key) in names:
                entry[key] = names[entry[key]]
        if entry.get("retracts") in known and talk.record.gone(entry["retracts"]) is not None:
            continue  # it was taken back already
        if id is not None:
            name, number, held = id, 2, ""
            while (name in known or name in used) and not held:
                if name in known and known[name].to_json() == {**entry, "id": name}:
                    held = name if id in taken_away else _held_as(talk, known[name])
                name, number = f"{id}.{number}", number + 1
            names[id] = held or name
            if held:
                continue
            used.add(name)
            entry["id"] = name
        taken.append(entry)
    return taken


def _held_as(talk: Talk, entry: Entry) -> str:
    """The id under which the record still holds what `entry` says, or the entry that was said to put it right.

    Nothing where it was taken back: then another chart may bring it again.
    """
    last: Entry | None = entry
    while last is not None and (gone := talk.record.gone(last.id)) is not None:
        last = gone if gone.replaces else None
    if last is not None:
        return entry.id
    # A correction that was taken back leaves a copy of what it had corrected.
    copies = (other.id for other in talk.record.standing() if _content(other) == _content(entry))
    return next(copies, "")


def _joined(talk: Talk, taken: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The session's own opening taken back, where the chart taken in began before it: with an episode that
    still goes on, or without any, which is the whole record, as wherever a chart was never opened.

    Two openings would begin the episode anew, and what was given in it would no longer count.
    """
    mine = talk.record.program.id
    standing = talk.record.standing()
    own = [entry for entry in standing if entry.event == "opened" and entry.protocol == mine]
    gone = {entry.get("replaces") or entry.get("retracts") for entry in taken}
    left = [
        (parse_time(entry["at"]), entry.get("event"), entry.get("protocol"), entry.get("kind")) for entry in taken
        if entry.get("id") not in gone and not entry.get("retracts")
    ]  # fmt: skip
    episode = sorted((at, event) for at, event, protocol, kind in left if kind == "protocol" and protocol == mine)
    if len(own) != 1:
        return []
    began, ours = own[0].at, own[0].at.astimezone(talk.now.tzinfo)
    if not episode:
        earlier = [at for at, *_ in left if at < began]
        if not earlier or _came_with_a_chart(talk, own[0]):
            return []
        talk.remark(
            f"the chart does not say when the episode began, so all that is charted counts, from "
            f"{talk.clock_time(min(earlier))} on, not only from {ours:%H:%M} on",
            "warn",
        )
        return [{"at": own[0].at, "retracts": own[0].id}]
    before = [event for event in episode if event[0] < began]
    if not before or before[-1][1] != "opened":
        return []
    first = talk.clock_time(before[-1][0])
    if any(entry.kind == "step" or entry.event in ("given", "started", "changed", "stopped") for entry in standing):
        talk.remark(
            f"the chart has an episode from {first} on, this session its own, in which something was done: "
            f"what was given before {ours:%H:%M} does not count; `kb run --chart` goes on with the earlier one",
            "warn",
        )
        return []
    talk.remark(f"the episode began at {first}, as the chart says, not at {ours:%H:%M}", "warn")
    return [{"at": own[0].at, "retracts": own[0].id}]


def _came_with_a_chart(talk: Talk, opening: Entry) -> bool:
    kinds = {entry.id: entry.kind for entry in talk.record.entries}
    batch = next(batch for batch in talk.record.batches if opening.id in batch)
    return any(kinds[id] not in ("", "protocol") for id in batch)


def _content(entry: Entry) -> Entry:
    """An entry without what tells it from another that says the same."""
    return entry._replace(id="", replaces="", recorded=None)


def _originals_first(entries: Iterable[Entry]) -> list[Entry]:
    """Entries so that each stands after what it corrects."""
    left = list(entries)
    placed: list[Entry] = []
    ids: set[str] = set()
    known = {entry.id for entry in left}
    while left:
        ready = [
            entry
            for entry in left
            if not (target := entry.replaces or entry.retracts) or target in ids or target not in known
        ]
        if not ready:  # they correct each other; the record says so
            return placed + left
        placed += ready
        ids |= {entry.id for entry in ready}
        left = [entry for entry in left if entry.id not in ids]
    return placed


def _of_moment(program: ir.Program, data: Mapping[Any, Any], now: datetime) -> Iterator[dict[str, Any]]:
    """A mapping of what is known now as entries.

    Raises:
        ChartError: it is refused, or says what only a record over time can tell.

    """
    parsed = parse_chart(program, data, now)
    names = dictionary_of(program)
    if parsed.features:
        told = [program.slots[index].name for index in parsed.features]
        message = f"a chart with times is needed for {listed(quoted(name) for name in told)}"
        raise ChartError([refusal("KB619", told[0], message, "leave it out; it will be asked for")])
    for raw, value in data.items():
        key = " ".join(str(raw).split())
        drug = names.drug(key)
        if value is None:
            continue
        if key in names.elements or key == RECORD or key.endswith(".salt"):
            if not (key == RECORD and value == "not complete"):
                yield {"kind": "observation", "element": key, "value": value, "at": now}
        elif drug is not None and value == "not available":
            yield {"kind": "observation", "element": drug.id, "value": value, "at": now}
        elif drug is not None:
            parts = dict(value) if isinstance(value, Mapping) else {"rate": value}
            concentration = data.get(f"{drug.id}.concentration")
            if concentration and "concentration" not in parts:
                parts["concentration"] = concentration
            yield {"kind": "therapy", "event": "running", "drug": drug.id, **parts, "at": now}
