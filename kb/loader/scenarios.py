"""Scenario files: worked patients, with their charts and what is expected of the advice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from kb import model
from kb.diagnostics import Diagnostic, Span
from kb.loader.plain import LocalDef, read_plain
from kb.loader.reader import Plain, Reader, done
from kb.source import Entry, Mapping, Node, Reading, Scalar, Sequence, read_source

# ---------------------------------------------------------------- records


@dataclass(frozen=True, slots=True)
class ChartEntryDef:
    """One chart entry of a scenario: its keys as written (`ago`, `element`, `started` …), values as plain data."""

    values: dict[str, Plain]
    span: Span


@dataclass(frozen=True, slots=True)
class OrderDef:
    values: dict[str, Plain]
    span: Span


@dataclass(frozen=True, slots=True)
class VerdictDef:
    verdict: str
    span: Span
    rules: tuple[model.Ref, ...] | None = None
    asks: tuple[model.Ref, ...] | None = None


@dataclass(frozen=True, slots=True)
class ExpectDef:
    """What a scenario expects; None where it says nothing, an empty tuple where it expects none.

    `names` has the lists (recommended, recommended_also, not_recommended, asks, asks_also, not_asked, alerts,
    alerts_also, outcomes, hand_overs, needs_policy, assumptions, refused); `words` the mappings (states, statuses,
    doses, each, reviews, goals), each name with its expected text; `options` the options expected of each `choose`.
    """

    span: Span
    names: dict[str, tuple[model.Ref, ...]] = field(default_factory=dict)
    words: dict[str, dict[str, model.Text]] = field(default_factory=dict)
    options: dict[str, tuple[model.Ref, ...]] = field(default_factory=dict)
    applies: str | None = None  # "true", "false" or "unknown"; so is `entered`
    entered: str | None = None
    orders: tuple[VerdictDef, ...] | None = None


@dataclass(frozen=True, slots=True)
class ScenarioDef:
    """One patient. `moment` is the one-moment chart (a mapping), `entries` the chart as a list; one is None."""

    id: str
    span: Span
    title: model.Text
    expect: ExpectDef
    moment: dict[str, Plain] | None = None
    entries: tuple[ChartEntryDef, ...] | None = None
    spans: dict[str, Span] = field(default_factory=dict)  # of the keys of `moment`
    vignette: str = ""
    note: str = ""
    now: str = ""
    complete_from: str = ""
    opened: str = ""
    lenient: bool = False
    local: LocalDef = field(default=LocalDef())
    orders: tuple[OrderDef, ...] = ()
    versions: tuple[str, ...] = ()  # where they are not those of the file


@dataclass(frozen=True, slots=True)
class AlsoCharted:
    """What is charted besides in every scenario of one version; `spans` has the place of each name."""

    values: dict[str, Plain]
    spans: dict[str, Span]


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """`versions`: those that run the scenarios, empty for the latest. `also_charted`: by version."""

    protocol: model.Ref
    scenarios: dict[str, ScenarioDef]
    file: str
    versions: tuple[str, ...] = ()
    also_charted: dict[str, AlsoCharted] = field(default_factory=dict)


# ---------------------------------------------------------------- reading


def load_scenarios(path: str | Path, read: Reading = read_source) -> tuple[ScenarioFile | None, list[Diagnostic]]:
    """A file of worked patients."""
    reader = Reader(read(Path(path)), "scenario")
    return done(reader, _scenarios(reader, Path(path)) if reader.root is not None else None)


def _scenarios(reader: Reader, path: Path) -> ScenarioFile:
    root = reader.root
    assert root is not None
    folder = path.absolute().parent
    reader.of_this_folder(folder.parent if folder.name == "scenarios" else folder, root)
    if root.get("version") is not None and root.get("versions") is not None:
        reader.report(
            "KB731",
            root.entries["versions"].key.span,
            "`version` and `versions` both say which versions run the scenarios",
            "keep one of them",
        )
    one = reader.word(root.get("version"))
    file = ScenarioFile(
        protocol=reader.some_ref(root.get("protocol"), root),
        scenarios=reader.each(root.get("scenarios"), _scenario),
        file=reader.file,
        versions=(one,) if one else _versions(reader, root.get("versions")),
        also_charted={
            version: AlsoCharted(*reader.plain_by_name(entry.value))
            for version, entry in reader.entries(root.get("also_charted"))
        },
    )
    run = {*file.versions, *(version for item in file.scenarios.values() for version in item.versions)}
    for version, entry in reader.entries(root.get("also_charted")):
        if version not in run:
            reader.report(
                "KB731",
                entry.key.span,
                f"no scenario of this file is run by version {version}",
                "name it under `versions:`, or take this out",
            )
    return file


def _versions(reader: Reader, node: Node | None) -> tuple[str, ...]:
    return tuple(reader.word(item) for item in reader.items(node))


def _scenario(reader: Reader, name: str, entry: Entry, body: Mapping) -> ScenarioDef | None:
    get = body.get
    chart = get("chart")
    moment, spans = reader.plain_by_name(chart)
    entries = [
        ChartEntryDef(reader.plain_by_name(item)[0], item.span)
        for item in reader.items(chart)
        if isinstance(item, Mapping)
    ]
    expect = reader.mapping(get("expect"))
    local = reader.mapping(get("local"))
    if expect is None:
        return None
    for place in (body, *(item for item in reader.items(chart) if isinstance(item, Mapping))):
        for key in ("now", "at", "recorded", "complete_from", "opened"):
            _moment(reader, reader.scalar(place.get(key)))
    orders = [OrderDef(reader.plain_by_name(item)[0], item.span) for item in reader.items(get("orders"))]
    return ScenarioDef(
        id=name,
        span=entry.key.span,
        title=reader.needed(get("title"), body),
        expect=_expected(reader, expect),
        moment=moment if isinstance(chart, Mapping) else None,
        entries=tuple(entries) if isinstance(chart, Sequence) else None,
        spans=spans,
        vignette=reader.word(get("vignette")),
        note=reader.word(get("note")),
        now=reader.word(get("now")),
        complete_from=reader.word(get("complete_from")),
        opened=reader.word(get("opened")),
        lenient=reader.word(get("lenient")) == "true",
        local=read_plain(reader, local) if local is not None else LocalDef(),
        orders=tuple(orders),
        versions=_versions(reader, get("versions")),
    )


def _moment(reader: Reader, scalar: Scalar | None) -> None:
    """A date and time in its form may still name a day that never was."""
    if scalar is None or "T" not in scalar.text:
        return
    try:
        datetime.fromisoformat(scalar.text)
    except ValueError:
        help = "write it like `2026-01-27T12:00:00+00:00`"
        reader.report("KB217", scalar.span, f"there is no moment `{scalar.text[:40]}`", help)


def _expected(reader: Reader, body: Mapping) -> ExpectDef:
    names: dict[str, tuple[model.Ref, ...]] = {}
    words: dict[str, dict[str, model.Text]] = {}
    options: dict[str, tuple[model.Ref, ...]] = {}
    orders: tuple[VerdictDef, ...] | None = None
    for key, entry in body.entries.items():
        if key == "orders":
            found = [item for item in reader.items(entry.value) if isinstance(item, Mapping)]
            orders = tuple(_verdict(reader, item) for item in found)
        elif key == "options":
            options = {name: reader.refs(inner.value) for name, inner in reader.entries(entry.value)}
        elif isinstance(entry.value, Sequence):
            names[key] = reader.refs(entry.value)
        elif isinstance(entry.value, Mapping):
            texts = ((name, reader.label(inner.value)) for name, inner in reader.entries(entry.value))
            words[key] = {name: text for name, text in texts if text is not None}
    applies = reader.word(body.get("applies")) or None
    entered = reader.word(body.get("entered")) or None
    return ExpectDef(body.span, names, words, options, applies, entered, orders)


def _verdict(reader: Reader, body: Mapping) -> VerdictDef:
    rules, asks = body.get("rules"), body.get("asks")
    return VerdictDef(
        reader.word(body.get("verdict")),
        body.span,
        reader.refs(rules) if rules is not None else None,
        reader.refs(asks) if asks is not None else None,
    )
