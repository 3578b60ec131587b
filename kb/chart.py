"""What is charted about one patient: entries, and what a Program makes of them.

A `Chart` is entries as they were written; nothing in it depends on a protocol. `parse_chart` reads a
chart, its JSON, or a plain mapping of what is known now, with the data dictionary and the drugs of one
Program. What it cannot take is refused by name, all of it in one `ChartError`, or, with `lenient=True`,
counts as unknown and is listed.

Two kinds of names are treated differently. One chart serves many protocols, so an entry about data, a
drug or a step this Program does not know is listed as not used. A mapping is written for one protocol,
so every key in it must be known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from kb.program import SCALE
from kb.records import TYPE_CHECKING, NamedTuple
from kb.values import (
    BadValue,
    parse_decimal,
)

if TYPE_CHECKING:
    from typing import Any

SCHEMA = "1.0.0"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# The names of the codes; the rows with titles and severities are in `kb.codes` and a test holds the two together.
RULES = {
    "KB601": "not-a-chart",
    "KB602": "unknown-chart-name",
    "KB603": "unknown-option",
    "KB604": "number-without-unit",
    "KB605": "unfit-unit",
    "KB606": "unreadable-value",
    "KB607": "implausible-value",
    "KB608": "unreadable-time",
    "KB609": "no-now",
    "KB610": "entry-id-taken",
    "KB611": "unknown-entry",
    "KB612": "unknown-salt",
    "KB613": "unknown-kind-of-entry",
    "KB614": "named-twice",
    "KB615": "always-obtainable",
    "KB616": "incomplete-entry",
    "KB617": "not-given-this-way",
    "KB618": "unreadable-concentration",
    "KB619": "worked-out-by-the-protocol",
    "KB620": "unknown-local-name",
    "KB621": "unfit-local-value",
    "KB630": "unknown-ordered-drug",
    "KB631": "unfit-part-of-an-order",
    "KB632": "order-without-dose",
    "KB646": "unknown-local-setting",
    "KB647": "unfit-local-limit",
    "KB648": "unfit-binding",
    "KB649": "unfit-display-unit",
}

# What the same faults are called where a quantity is read outside a chart.
OF_VALUES = {
    "KB304": "KB606", "KB306": "KB606", "KB309": "KB606", "KB314": "KB605", "KB315": "KB604", "KB316": "KB605",
    "KB317": "KB605",
}  # fmt: skip

EVENTS = {
    "therapy": ("started", "changed", "stopped", "given", "running"),
    "step": ("done", "declined"),
    "protocol": ("opened", "closed"),
}
RATE_EVENTS = ("started", "changed", "running")
_KEYS = (
    "id", "at", "recorded", "kind", "event", "element", "value", "drug", "rate", "amount", "salt",
    "concentration", "route", "protocol", "version", "digest", "step", "reason", "replaces", "retracts",
)  # fmt: skip
STATES = ("unobtainable", "not available")
_TIME = "write it as `2026-01-27T11:40:00+00:00`"
# The forms of ISO 8601 that are read: with or without their marks; what other readers of charts can hold to.
_ISO = re.compile(
    r"\d{4}(?:-\d\d-\d\d|\d{4})"
    r"(?:[Tt ](?:[01]\d|2[0-3])(?::[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?|[0-5]\d(?:[0-5]\d(?:[.,]\d+)?)?)?"
    r"(?:[Zz]|[+-](?:[01]\d|2[0-3])(?::[0-5]\d(?::[0-5]\d)?|[0-5]\d)?)?)?",
    re.ASCII,
)
RECORD = "therapy_record"
ANY = "*"  # an entry that cannot be read and does not say what it is about


class Refusal(NamedTuple):
    """One thing in a chart that is not taken: a stable code, the name it is about, and what to do."""

    code: str
    rule: str
    name: str
    message: str
    help: str = ""
    entry: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.rule}: {self.message}" + (f" ({self.help})" if self.help else "")


class ChartError(ValueError):
    """A chart was refused; `refusals` lists everything that is wrong with it."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__("\n".join(str(item) for item in self.refusals))

    @property
    def code(self) -> str:
        """The code of the first refusal."""
        return self.refusals[0].code if self.refusals else "KB601"


class NotUsed(NamedTuple):
    """An entry that was read and had no part: `why` says so in words."""

    entry: str
    name: str
    at: datetime | None
    why: str


class Entry(NamedTuple):
    """One line of a chart, as written. Values are text or truth values; times carry their offset."""

    id: str
    at: datetime
    kind: str = ""
    event: str = ""
    element: str = ""
    value: str | bool | None = None
    drug: str = ""
    rate: str = ""
    amount: str = ""
    salt: str = ""
    concentration: str = ""
    route: str = ""
    protocol: str = ""
    version: str = ""
    digest: str = ""
    step: str = ""
    reason: str = ""
    recorded: datetime | None = None
    replaces: str = ""
    retracts: str = ""

    @property
    def about(self) -> str:
        """The data, drug, step or protocol the entry is about."""
        return self.element or self.drug or self.step or self.protocol

    def to_json(self) -> dict[str, Any]:
        """Plain data; keys without content are left out."""
        found: dict[str, Any] = {}
        for key in _KEYS:
            value = getattr(self, key)
            if value not in ("", None) or (key == "value" and value is not None):
                found[key] = value.isoformat() if isinstance(value, datetime) else value
        return found


class Chart(NamedTuple):
    """Entries sorted by `at`, then `recorded`, then the order in which they came. Never changed: `add` makes a new one.

    Inside the time from `complete_from` on every therapy is charted, so its absence is knowledge.
    """

    entries: tuple[Entry, ...] = ()
    complete_from: datetime | None = None

    @classmethod
    def from_json(cls, data: object) -> Chart:
        """The chart in a JSON object (or its text).

        Raises:
            ChartError: everything that is wrong with its form; whether names and values fit a protocol is
                seen by `parse_chart`.

        """
        problems: list[Refusal] = []
        chart = read_chart(data, problems, set())
        if problems:
            raise ChartError(problems)
        return chart

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back to an equal chart."""
        found: dict[str, Any] = {"schema": SCHEMA}
        if self.complete_from is not None:
            found["complete_from"] = self.complete_from.isoformat()
        found["entries"] = [entry.to_json() for entry in self.entries]
        return found

    def add(self, entries: Iterable[Entry]) -> Chart:
        """The chart with `entries` as well."""
        return self._replace(entries=_sorted((*self.entries, *entries)))


def _sorted(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda entry: (entry.at, entry.recorded or entry.at)))


# ---------------------------------------------------------------- times and words


def parse_time(text: object) -> datetime:
    """A date-time with its offset.

    Raises:
        BadValue: not a time, or without an offset.

    """
    if isinstance(text, str):
        try:
            moment = datetime.fromisoformat(text.strip().upper()) if _ISO.fullmatch(text.strip()) else None
        except ValueError:
            moment = None
        if moment is None:
            raise BadValue("KB608", f"{quoted(text)} is not a time", _TIME)
    elif isinstance(text, datetime):
        moment = text
    else:
        raise BadValue("KB608", f"{quoted(text)} is not a time", _TIME)
    if moment.utcoffset() is None:
        raise BadValue("KB608", f"{quoted(text)} has no offset", "write `+00:00`, or the local one, after the time")
    if not 1800 <= moment.year <= 2999:
        raise BadValue("KB608", f"{quoted(text)} is not a time of a living patient")
    return moment


def scaled_time(moment: datetime) -> int:
    """Scaled seconds since 1970-01-01 UTC, as in a row."""
    return (moment - EPOCH) // _MICROSECOND * (SCALE // 10**6)


def quoted(value: object) -> str:
    """User text in backticks, cut where it is long."""
    text = " ".join(str(value).replace("`", "'").split())
    return f"`{text[:57]}…`" if len(text) > 60 else f"`{text}`"


def nearest(name: str, names: Iterable[str]) -> str:
    """``did you mean `x`?`` where a known name is close, else nothing."""
    from difflib import get_close_matches

    known = list(names)
    close = get_close_matches(name[:80], known, n=1, cutoff=0.72)
    if not close:  # in a short name two letters that changed places leave little that is alike
        turned = [other for other in dict.fromkeys(known) if len(name) > 2 and sorted(other) == sorted(name)]
        close = turned if len(turned) == 1 else []
    return f"did you mean `{close[0]}`?" if close else ""


def refusal(code: str, name: str, message: str, help: str = "", entry: str = "") -> Refusal:
    """A refusal with the name its code has."""
    return Refusal(code, RULES[code], name, message, help, entry)


def text_of(value: object) -> str | bool:
    """A value of a chart as text: numbers without exponent, floats by their shortest spelling.

    Raises:
        BadValue: neither text, nor number, nor truth value.

    """
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        if abs(value) >= 10**30:
            raise BadValue("KB606", "a number this long is not a measurement")
        return str(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise BadValue("KB606", f"{quoted(value)} is not a number")
        text = repr(value)
        if "e" not in text:
            return text.removesuffix(".0")
        value = parse_decimal(text)
    elif isinstance(value, datetime):
        return value.isoformat()
    elif type(value).__name__ == "Decimal":
        text = str(value)
        if "E" not in text:
            return text
        value = parse_decimal(text)
    if isinstance(value, Fraction):
        from decimal import Decimal

        return format(Decimal(value.numerator) / Decimal(value.denominator), "f")
    raise BadValue("KB606", f"{quoted(type(value).__name__)} is not a value", "write text, a number, true or false")


# ---------------------------------------------------------------- the form of a chart


def read_chart(data: object, problems: list[Refusal], doubtful: set[str]) -> Chart:
    """The chart in JSON data. Entries that cannot be read are left out; what they are about becomes doubtful."""
    if isinstance(data, str):
        import json

        try:
            data = json.loads(data, parse_float=str)
        except (ValueError, RecursionError):
            problems.append(refusal("KB601", "", "the chart is not JSON"))
            return Chart()
    if not isinstance(data, Mapping):
        problems.append(refusal("KB601", "", "a chart is an object with `entries`, or a mapping of what is known now"))
        return Chart()
    for key in data:
        if key not in ("schema", "complete_from", "entries"):
            known = ("schema", "complete_from", "entries")
            problems.append(refusal("KB601", str(key), f"a chart has no {quoted(key)}", nearest(str(key), known)))
    schema = data.get("schema", SCHEMA)
    if not isinstance(schema, str) or schema.split(".")[0] != SCHEMA.split(".")[0]:
        problems.append(refusal("KB601", "schema", f"this version reads charts of schema {SCHEMA}"))
    complete_from = None
    if data.get("complete_from") is not None:
        try:
            complete_from = parse_time(data["complete_from"])
        except BadValue as bad:
            problems.append(refusal("KB608", "complete_from", bad.message, bad.help or ""))
    listed = data.get("entries")
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        problems.append(refusal("KB601", "entries", "`entries` is a list"))
        return Chart((), complete_from)
    entries: list[Entry] = []
    for number, item in enumerate(listed, 1):
        entry = read_entry(item, problems, f"entry {number}")
        if entry is None:
            doubtful.update(_named(item) or (ANY,))
        else:
            entries.append(entry)
    seen: set[str] = set()
    taken: list[Entry] = []
    for entry in entries:
        if entry.id in seen:
            help = "give it its own id; a correction names the other one in `replaces`"
            problems.append(
                refusal("KB610", entry.about, f"two entries have the id {quoted(entry.id)}", help, entry.id)
            )
            doubtful.add(entry.about)
        else:
            taken.append(entry)
        seen.add(entry.id)
    by_id = {entry.id: entry for entry in taken}
    for entry in taken:
        if entry.replaces in by_id and not same_matter(entry, by_id[entry.replaces]):
            problems.append(other_matter(entry, by_id[entry.replaces]))
            doubtful.update((entry.about, by_id[entry.replaces].about))
        for target in (entry.replaces, entry.retracts):
            if target and (target not in seen or target == entry.id):
                message = f"{quoted(entry.id)} corrects {quoted(target)}, " + (
                    "which is itself" if target == entry.id else "and no entry has that id"
                )
                problems.append(refusal("KB611", entry.about, message, nearest(target, seen - {entry.id}), entry.id))
                doubtful.add(entry.about)
    return Chart(_sorted(taken), complete_from)


def same_matter(entry: Entry, other: Entry) -> bool:
    """Whether a correction is about what it corrects."""
    return (entry.kind, entry.about) == (other.kind, other.about)


def other_matter(entry: Entry, other: Entry) -> Refusal:
    """A correction that would take away something else unseen."""
    message = (
        f"{quoted(entry.id)} is about {quoted(entry.about)} and would replace an entry about {quoted(other.about)}"
    )
    return refusal("KB611", entry.about, message, "chart it by itself, and retract the other entry", entry.id)


def _named(item: object) -> Iterable[str]:
    """What an unreadable entry may be about."""
    if isinstance(item, Mapping):
        return [item[key] for key in ("element", "drug", "step") if isinstance(item.get(key), str)]
    return ()


def read_entry(item: object, problems: list[Refusal], place: str = "the entry") -> Entry | None:
    """The entry in JSON data, or None with what is wrong in `problems`."""
    if isinstance(item, Entry):
        return item
    if not isinstance(item, Mapping):
        problems.append(refusal("KB601", "", f"{place} is not an object"))
        return None
    before = len(problems)
    name = next(iter(_named(item)), "")
    id = item.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= 200:
        problems.append(refusal("KB616", name, f"{place} has no `id`", "give every entry an id of its own"))
        id = place

    def refuse(code: str, message: str, help: str = "") -> None:
        problems.append(refusal(code, name, message, help, str(id)))

    for key in item:
        if key not in _KEYS:
            refuse("KB613", f"an entry has no {quoted(key)}", nearest(str(key), _KEYS))
    at = recorded = None
    if item.get("at") is None:
        refuse("KB616", f"{quoted(id)} has no time", "write when it was so: `at: 2026-01-27T11:40:00+00:00`")
    try:
        at = None if item.get("at") is None else parse_time(item["at"])
        recorded = None if item.get("recorded") is None else parse_time(item["recorded"])
    except BadValue as bad:
        refuse("KB608", bad.message, bad.help or "")
    words: dict[str, str] = {}
    value: str | bool | None = None
    for key in _KEYS[3:]:
        raw = item.get(key)
        if raw is None:
            continue
        try:
            text = text_of(raw)
        except BadValue as bad:
            refuse("KB606", f"`{key}` of {quoted(id)}: {bad.message}", bad.help or "")
            continue
        if key == "value":
            value = text
        elif isinstance(text, str):
            words[key] = text
        else:
            refuse("KB606", f"`{key}` of {quoted(id)} is text")
    kind, event = words.get("kind", ""), words.get("event", "")
    if words.get("retracts"):
        if words.get("replaces") or any(key in words for key in ("element", "drug", "step", "rate", "amount")):
            refuse(
                "KB613", f"{quoted(id)} retracts an entry and says something else", "write `replaces` to correct one"
            )
    elif kind == "observation":
        if not words.get("element") or value is None:
            refuse("KB616", f"the observation {quoted(id)} needs `element` and `value`")
    elif kind not in EVENTS:
        kinds = ("observation", *EVENTS)
        help = nearest(kind, kinds) or f"write one of {', '.join(kinds)}"
        refuse("KB613", f"{quoted(kind)} is not a kind of entry" if kind else f"{quoted(id)} has no `kind`", help)
    elif event not in EVENTS[kind]:
        help = nearest(event, EVENTS[kind]) or f"write one of {', '.join(EVENTS[kind])}"
        refuse("KB613", f"{quoted(event)} is not an event of a {kind} entry", help)
    else:
        needed = {"therapy": "drug", "step": "step", "protocol": "protocol"}[kind]
        dose = {"given": "amount", "started": "rate", "changed": "rate", "running": "rate"}.get(event)
        for key in (needed, dose):
            if key and not words.get(key):
                refuse("KB616", f"the {kind} entry {quoted(id)} needs `{key}`")
    if len(problems) > before or at is None:
        return None
    return Entry(id=id, at=at, recorded=recorded, value=value, **{key: words.get(key, "") for key in words})
