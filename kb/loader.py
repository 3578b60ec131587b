"""Files as their editors wrote them: a node tree made into the records of `kb.model`, with places, nothing resolved.

Every function returns its record and all diagnostics of the run; the record is None where any is an error.
A part whose shape is already known to be wrong is passed over, so one mistake is told once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from kb import model
from kb.codes import found
from kb.diagnostics import Allowance, Diagnostic, Related, Span, has_errors, in_reading_order
from kb.expression import parser, tree
from kb.mending import told_as_a_slip
from kb.shared import with_shared
from kb.source import Entry, Mapping, Node, Reading, Scalar, Sequence, Source, look_alike, read_source, read_text
from kb.validator import Checked, check_shape, nearest

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*")
_LOCAL = re.compile(r"local +([a-z][a-z0-9_]*)")
_DASHED = re.compile(r"(?<=[0-9]) ?[\u2012\u2013\u2014] ?(?=[0-9])")
_PLAIN_NUMBER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?"
_PLAUSIBLE = re.compile(rf"({_PLAIN_NUMBER}) +to +({_PLAIN_NUMBER})(?: +(\S+))?")
_STEP = re.compile(rf"({_PLAIN_NUMBER})(?: +(\S+))?")
_END = re.compile(r"(up to|from) +(.+)")
_END_WORDS = re.compile(
    r"(?:(?P<most>max(?:imum|\.)?|at most|no more than|<=?|≤)|min(?:imum|\.)?|at least|>=?|≥)\s*(?P<rest>\d.*)",
    re.IGNORECASE,
)
_FRACTION = re.compile(r"[1-9][0-9]{0,17}/[1-9][0-9]{0,17}|(?!0+(?:\.0+)?$)(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?")

Place: TypeAlias = Callable[[int], Span]
T = TypeVar("T")

# ---------------------------------------------------------------- records of files that are not in the model

Plain: TypeAlias = "str | bool | int | Decimal"


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
class LocalDef:
    """What a file says, as plain data (`kb.local`, `kb.review`); `spans` has the place of each key, by its path.

    With `""` behind it, a path leads to the value.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    spans: dict[tuple[str | int, ...], Span] = field(default_factory=dict)


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


# ---------------------------------------------------------------- the front


def load_protocol(
    path: str | Path, library: model.Library | None = None, read: Reading = read_source
) -> tuple[model.Protocol | None, list[Diagnostic]]:
    """The protocol at `path`, with the `statements.yaml` beside it.

    With a `library`, names the protocol gives to its own parameters and definitions are compared with it.
    """
    path = Path(path)
    reader = _opened(path, "protocol", read)
    evidence: model.Evidence | None = None
    evidence_problems: list[Diagnostic] = []
    beside = path.parent / "statements.yaml"
    if beside.is_file():
        evidence, evidence_problems = load_evidence(beside, read)
    protocol = reader.protocol(path, library, evidence) if reader.root is not None else None
    if protocol is not None and library is not None:
        protocol = with_shared(protocol, library)
    return _done(reader, protocol, evidence_problems)


def load_protocol_text(
    text: str, file: str, library: model.Library | None = None, evidence: model.Evidence | None = None
) -> tuple[model.Protocol | None, list[Diagnostic]]:
    """The same for text that is not (yet) in a file; nothing is compared with folder or file name."""
    reader = _Reader(read_text(text, file), "protocol")
    protocol = reader.protocol(None, library, evidence) if reader.root is not None else None
    if protocol is not None and library is not None:
        protocol = with_shared(protocol, library)
    return _done(reader, protocol)


def load_evidence(path: str | Path, read: Reading = read_source) -> tuple[model.Evidence | None, list[Diagnostic]]:
    """`statements.yaml`: what the sources of a protocol say."""
    reader = _opened(Path(path), "statements", read)
    return _done(reader, reader.evidence(Path(path)) if reader.root is not None else None)


def load_library(folder: str | Path, read: Reading = read_source) -> tuple[model.Library | None, list[Diagnostic]]:
    """`units.yaml`, `data.yaml`, `drugs.yaml` and, where they are, `definitions.yaml` and `safety.yaml` of a folder."""
    folder = Path(folder)
    units, data, drugs = (_part_of_library(folder / f"{kind}.yaml", kind, read) for kind in _LIBRARY)
    if data.root is not None:
        data.names_no_words(data.root.get("data"))
    classes, known = drugs.drugs() if drugs.root is not None else ({}, {})
    library = model.Library(
        units.units() if units.root is not None else {},
        data.elements(data.root.get("data")) if data.root is not None else {},
        known,
        classes,
    )
    readers = [units, data, drugs]
    if (folder / "definitions.yaml").is_file():
        definitions = _opened(folder / "definitions.yaml", "definitions", read)
        if definitions.root is not None:
            library = replace(library, shared=definitions.shared())
        readers.append(definitions)
    if (folder / "safety.yaml").is_file():
        safety = _opened(folder / "safety.yaml", "safety", read)
        if safety.root is not None:
            library = replace(library, safety=safety.each(safety.root.get("safety"), safety.safety))
        readers.append(safety)
    allowances = [item for reader in readers if reader.root is not None for item in reader.allowances()]
    library = replace(library, allowances=tuple(allowances))
    problems = list(in_reading_order(problem for reader in readers for problem in reader.diagnostics))
    return (None if has_errors(problems) else library), problems


_LIBRARY = {
    "units": "the spellings of units that editors may use",
    "data": "the data that can be asked for and charted",
    "drugs": "the drugs with their limits",
}


def _part_of_library(path: Path, kind: str, read: Reading) -> _Reader:
    """One file of the library; where it is missing, which, and what a library is made of."""
    reader = _opened(path, kind, read)
    if [item.code for item in reader.diagnostics] == ["KB101"] and not path.exists():
        beside = ", ".join(f"`{name}.yaml`" for name in _LIBRARY)
        reader.diagnostics = [
            found(
                "KB101",
                reader.top,
                f"the library has no `{path.name}`, {_LIBRARY[kind]}",
                f"put it back; every base has {beside} in protocols/library, and `kb init DIR` writes all three",
            )
        ]
    return reader


def load_scenarios(path: str | Path, read: Reading = read_source) -> tuple[ScenarioFile | None, list[Diagnostic]]:
    """A file of worked patients."""
    reader = _opened(Path(path), "scenario", read)
    return _done(reader, reader.scenarios(Path(path)) if reader.root is not None else None)


def load_local(path: str | Path, read: Reading = read_source) -> tuple[LocalDef | None, list[Diagnostic]]:
    """`local.yaml`: what one hospital has settled."""
    reader = _opened(Path(path), "local", read)
    return _done(reader, reader.local(reader.root) if reader.root is not None else None)


def load_plain(path: str | Path, kind: str, read: Reading = read_source) -> tuple[LocalDef | None, list[Diagnostic]]:
    """A file of `kind` whose meaning is read elsewhere: a policy, or review records."""
    reader = _opened(Path(path), kind, read)
    return _done(reader, reader.local(reader.root) if reader.root is not None else None)


def _opened(path: Path, kind: str, read: Reading) -> _Reader:
    return _Reader(read(path), kind)


def _done(reader: _Reader, product: T | None, more: Iterable[Diagnostic] = ()) -> tuple[T | None, list[Diagnostic]]:
    problems = list(in_reading_order([*reader.diagnostics, *more]))
    return (None if has_errors(problems) else product), problems


# ---------------------------------------------------------------- reading nodes


class _Reader:
    """One file being made into records. Asks for what should be there, and goes on where it is not."""

    def __init__(self, source: Source, kind: str) -> None:
        self.file = source.file
        self.root = source.root
        self.diagnostics: list[Diagnostic] = list(source.diagnostics)
        self.texts: list[model.Text] = []
        self.checked = Checked()
        if self.root is not None:
            self.checked = check_shape(self.root, kind)
            self.diagnostics += self.checked.diagnostics
            if not self.checked.complete:
                self.root = None
        slip = told_as_a_slip(source, kind, self.diagnostics)
        if slip is not None:
            self.diagnostics, self.root = list(slip), None
        self.top = Span(self.file)

    def report(
        self, code: str, span: Span, message: str, help: str | None = None, related: tuple[Related, ...] = ()
    ) -> None:
        self.diagnostics.append(found(code, span, message, help, related=related))

    # -- what a node is

    def scalar(self, node: Node | None) -> Scalar | None:
        return node if isinstance(node, Scalar) and node not in self.checked.faulty else None

    def mapping(self, node: Node | None) -> Mapping | None:
        return node if isinstance(node, Mapping) and not node.faulty else None

    def entries(self, node: Node | None) -> Iterable[tuple[str, Entry]]:
        mapping = self.mapping(node)
        return mapping.entries.items() if mapping is not None else ()

    def items(self, node: Node | None) -> tuple[Node, ...]:
        return node.items if isinstance(node, Sequence) and not node.faulty else ()

    # -- words

    def word(self, node: Node | None, default: str = "") -> str:
        """An id, an option or other text that is not prose."""
        scalar = self.scalar(node)
        return default if scalar is None else scalar.text

    def text(self, node: Node | None) -> model.Text | None:
        """Prose, kept for the checks over prose."""
        scalar = self.scalar(node)
        if scalar is None:
            return None
        text = model.Text(scalar.text.strip(), scalar.span)
        self.texts.append(text)
        return text

    def label(self, node: Node | None) -> model.Text | None:
        """A word with its place, not prose."""
        scalar = self.scalar(node)
        return None if scalar is None else model.Text(scalar.text, scalar.span)

    def needed(self, node: Node | None, parent: Mapping) -> model.Text:
        return self.text(node) or model.Text("", parent.span)

    def ref(self, node: Node | None) -> model.Ref | None:
        scalar = self.scalar(node)
        return None if scalar is None else model.Ref(scalar.text, scalar.span)

    def some_ref(self, node: Node | None, parent: Mapping) -> model.Ref:
        return self.ref(node) or model.Ref("", parent.span)

    def refs(self, node: Node | None) -> tuple[model.Ref, ...]:
        """A name or a list of names."""
        if isinstance(node, Scalar):
            one = self.ref(node)
            return () if one is None else (one,)
        return tuple(found for found in map(self.ref, self.items(node)) if found is not None)

    def names(self, node: Node | None) -> tuple[str, ...]:
        return tuple(ref.id for ref in self.refs(node))

    def backing(self, mapping: Mapping) -> model.Backing:
        cites, interprets = mapping.get("cites"), mapping.get("interprets")
        if cites is None and interprets is None:
            return _NO_BACKING
        return model.Backing(self.refs(cites), self.refs(interprets))

    # -- expressions

    def amount(self, node: Node | None) -> model.Amount | None:
        scalar = self.scalar(node)
        if scalar is None:
            return None
        text, at = _undashed(scalar.text, scalar.at)
        value = parser.parse_amount(text, at)
        if isinstance(value, Diagnostic):
            if value.code == "KB301" and "is left over after" in value.message and not re.search(r"[<>=()]", text):
                value = replace(value, help="write a number and its unit and nothing else, such as `30 mL` or `10 min`")
            self.diagnostics.append(value)
            return None
        return model.Amount(value, scalar.text, scalar.span)

    def by_how_much(self, node: Node | None, parent: Mapping) -> model.Amount:
        """How far a titration is raised at once, where it is not `double`."""
        scalar = self.scalar(node)
        if scalar is not None and re.fullmatch(r"[a-z]+|[x×]? ?\d[\d.]* ?(?:[x×%]|times|-?fold)?", scalar.text):
            help = "write `double`, or the rate that is added, such as `2.5 mcg/kg/min`"
            self.report("KB206", scalar.span, f"a titration cannot go up by `{scalar.text}`", help)
            return _nothing(scalar.span)
        return self.some_amount(node, parent)

    def some_amount(self, node: Node | None, parent: Mapping) -> model.Amount:
        return self.amount(node) or _nothing(parent.span)

    def amount_or_ref(self, node: Node | None) -> model.Amount | model.Ref | None:
        """A quantity, `local NAME`, or the bare name of a parameter."""
        scalar = self.scalar(node)
        if scalar is None:
            return None
        local = _LOCAL.fullmatch(scalar.text)
        if local:
            return model.Ref(local.group(1), scalar.place(local.start(1), local.end(1)))
        if _NAME.fullmatch(scalar.text):
            return model.Ref(scalar.text, scalar.span)
        return self.amount(node)

    def window(self, node: Node | None, parent: Mapping) -> tuple[tree.Window, str]:
        """`episode`, `the last 24 h` or `since X`, as after `in:`."""
        scalar = self.scalar(node)
        if scalar is None:
            return tree.InEpisode(parent.span), ""
        window = parser.parse_window(scalar.text, scalar.at)
        if isinstance(window, Diagnostic):
            self.diagnostics.append(window)
            return tree.InEpisode(scalar.span), ""
        return window, scalar.text

    def condition(self, node: Node | None) -> model.Condition | None:
        """A sentence, or a list of them under `all`, `any`, `none` or `at_least` with `of`."""
        if node is None or node in self.checked.faulty:
            return None
        if isinstance(node, Scalar):
            sentence = parser.parse_expression(node.text, node.at)
            if isinstance(sentence, Diagnostic):
                self.diagnostics.append(sentence)
                return None
            return model.Condition(sentence, node.text, node.span)
        mapping = self.mapping(node)
        return None if mapping is None else self.condition_of(mapping)

    def condition_of(self, mapping: Mapping) -> model.Condition | None:
        """The condition in a mapping that has, perhaps among other keys, one of the list words."""
        kind = next((key for key in ("all", "any", "none", "of", "when", "condition") if key in mapping.entries), None)
        if kind is None:
            return None
        if kind in ("when", "condition"):
            inner = self.condition(mapping.get(kind))
            if inner is None or kind == "condition":
                return inner
            backing = self.backing(mapping)
            cites, interprets = (*inner.cites, *backing.cites), (*inner.interprets, *backing.interprets)
            return model.Condition(inner.expr, inner.text, inner.span, cites, interprets)
        found = [self.condition(item) for item in self.items(mapping.get(kind))]
        items = [item for item in found if item is not None]
        if not items or len(items) != len(found):
            return None
        entry = mapping.entries[kind]
        last = items[-1].span
        span = Span(self.file, entry.key.span.line, entry.key.span.column, last.end_line, last.end_column)
        expressions = tuple(item.expr for item in items)
        expr: tree.Expr
        texts = [item.text for item in items]
        if kind == "all":
            expr = expressions[0] if len(items) == 1 else tree.And(expressions, span)
            text = " and ".join(_bracketed(items))
        elif kind == "any":
            expr = expressions[0] if len(items) == 1 else tree.Or(expressions, span)
            text = " or ".join(_bracketed(items))
        elif kind == "none":
            expr = tree.Not(expressions[0] if len(items) == 1 else tree.Or(expressions, span), span)
            text = f"not ({' or '.join(_bracketed(items))})" if len(items) > 1 else f"not ({texts[0]})"
        else:
            count = int(self.word(mapping.get("at_least")) or 1)
            if count > len(items):
                place = mapping.entries["at_least"].value.span
                self.report(
                    "KB214", place, f"{count} of {len(items)} can never be true", "lower the number or add items"
                )
                return None
            expr = tree.AtLeast(count, expressions, span)
            text = f"at least {count} of: {'; '.join(texts)}"
        cites = tuple(ref for item in items for ref in item.cites)
        interprets = tuple(ref for item in items for ref in item.interprets)
        return model.Condition(expr, text, span, cites, interprets)

    def some_condition(self, node: Node | None, parent: Mapping) -> model.Condition:
        return self.condition(node) or model.Condition(tree.Truth(False, parent.span), "", parent.span)

    def allowances(self) -> tuple[Allowance, ...]:
        """What the file accepts of its own warnings: each `allow:` holds for the record that it stands in."""
        assert self.root is not None
        end = Span(self.file, 10**9)
        made: list[Allowance] = []
        stack: list[tuple[Node, Span]] = [(self.root, Span(self.file, 1, 1, end.line, 1))]
        while stack:
            node, extent = stack.pop()
            if isinstance(node, Sequence):
                stack += [(item, item.span) for item in node.items]
            for key, entry in self.entries(node):
                begins, ends = entry.key.span, entry.value.span
                if key == "allow" and entry.value not in self.checked.faulty and self.is_allowing(entry.value):
                    made += self.each(
                        entry.value,
                        lambda code, entry, body, extent=extent: Allowance(  # type: ignore[misc]
                            code,
                            self.word(body.get("because")),
                            self.word(body.get("by")),
                            self.date(body.get("until")),
                            entry.key.span,
                            extent,
                        ),
                    ).values()
                else:
                    inner = Span(self.file, begins.line, begins.column, ends.end_line, ends.end_column)
                    stack.append((entry.value, inner))
        return tuple(sorted(made, key=lambda item: item.span))

    def is_allowing(self, node: Node) -> bool:
        """Whether the keys are codes: a step, drug or definition may be called `allow`."""
        return all(re.fullmatch("KB[0-9]{3}", code) for code, _ in self.entries(node))

    def date(self, node: Node | None) -> str:
        scalar = self.scalar(node)
        if scalar is None:
            return ""
        try:
            date.fromisoformat(scalar.text)
        except ValueError:
            self.report(
                "KB217",
                scalar.span,
                f"there is no date `{scalar.text[:40]}`",
                "write year-month-day, like `2026-01-27`",
            )
        return scalar.text

    # ------------------------------------------------------------ protocol

    def protocol(
        self, path: Path | None, library: model.Library | None, evidence: model.Evidence | None
    ) -> model.Protocol | None:
        root = self.root
        assert root is not None
        if path is not None:
            self.belongs_here(path, root)
        get = root.get
        protocol = model.Protocol(
            id=self.word(get("id")),
            version=self.word(get("version")),
            title=self.needed(get("title"), root),
            question=self.needed(get("question"), root),
            purpose=self.word(get("purpose")),
            updated=self.date(get("updated")),
            span=next(iter(root.entries.values())).key.span if root.entries else root.span,
            start=self.refs(get("start")),
            population=self.text(get("population")),
            withdrawn=self.text(get("withdrawn")),
            applies=self.condition(get("applies")),
            enter=self.condition(get("enter")),
            weight=self.label(get("weight")),
            not_encoded=self.prose_by_name(get("not_encoded")),
            renamed={name: self.some_ref(entry.value, root) for name, entry in self.entries(get("renamed"))},
            parameters=self.each(get("parameters"), self.parameter),
            elements=self.elements(get("data")),
            defines=self.each(get("define"), self.define),
            steps=self.each(get("steps"), self.step),
            never=self.each(get("never"), self.never),
            caps=self.each(get("caps"), self.cap),
            goals=self.each(get("goals"), self.goal),
            alerts=self.each(get("alerts"), self.alert),
            interpretations=self.each(get("interpretations"), self.interpretation),
            prove=self.each(get("prove"), self.property),
            not_proved=self.prose_by_name(get("not_proved")),
            evidence=None if evidence is None else _of_version(evidence, self.word(get("version"))),
            allowances=self.allowances(),
            texts=(),
        )
        self.names_no_words(get("parameters"), get("data"), get("define"))
        self.names_once(protocol, library)
        if has_errors(self.diagnostics):
            return None
        return replace(protocol, texts=tuple(self.texts))

    def belongs_here(self, path: Path, root: Mapping) -> None:
        """In a folder under `protocols/`, the id is the folder's name and the version the file's."""
        whole = path.absolute()
        if len(whole.parts) < 3 or whole.parent.parent.name != "protocols":
            return
        identifier, version = self.scalar(root.get("id")), self.scalar(root.get("version"))
        if identifier is not None and identifier.text != whole.parent.name:
            self.report(
                "KB211",
                identifier.span,
                f"the id is `{identifier.text}`, but the folder is `{whole.parent.name}`",
                "give both the same name",
            )
        if version is not None and version.text != whole.stem:
            self.report(
                "KB212",
                version.span,
                f"the version is `{version.text}`, but the file is `{whole.name}`",
                f"name the file `{version.text}.yaml`, or correct the version",
            )

    def each(self, node: Node | None, make: Callable[[str, Entry, Mapping], T | None]) -> dict[str, T]:
        """Records by name, of a mapping whose values are mappings."""
        made: dict[str, T] = {}
        for name, entry in self.entries(node):
            inner = self.mapping(entry.value)
            record = make(name, entry, inner) if inner is not None else None
            if record is not None:
                made[name] = record
        return made

    def prose_by_name(self, node: Node | None) -> dict[str, model.Text]:
        texts = ((name, self.text(entry.value)) for name, entry in self.entries(node))
        return {name: text for name, text in texts if text is not None}

    def names_no_words(self, *groups: Node | None) -> None:
        """What a condition can name is not called like a word of conditions."""
        for name, entry in (each for group in groups for each in self.entries(group)):
            if name in parser.RESERVED:
                self.report(
                    "KB135",
                    entry.key.span,
                    f"`{name}` is a word of conditions and cannot be a name",
                    "give it a name that says more; two words are never taken for one of the language",
                )

    def names_once(self, protocol: model.Protocol, library: model.Library | None) -> None:
        """Parameters, data and definitions share one name space."""
        seen: dict[str, Span] = {}
        own: list[tuple[str, model.ParameterDef | model.ElementDef | model.Define]] = [
            *protocol.parameters.items(),
            *protocol.elements.items(),
            *protocol.defines.items(),
        ]
        for name, record in own:
            if name in seen:
                related = (Related(seen[name], f"`{name}` stands here first"),)
                self.report(
                    "KB219",
                    record.span,
                    f"the name `{name}` is taken already",
                    "give one of the two another name",
                    related,
                )
            elif (
                library is not None
                and not isinstance(record, model.ElementDef)
                and (name in library.elements or name in library.drugs)
            ):
                what = "data" if name in library.elements else "a drug"
                self.report(
                    "KB219", record.span, f"`{name}` is the name of {what} in the library", "give it a name of its own"
                )
            elif library is not None and name in library.shared.defines:
                self.report(
                    "KB219",
                    record.span,
                    f"`{name}` is the name of a definition in the library",
                    "use that one and remove this, or give this a name of its own",
                    (Related(library.shared.defines[name].span, "the library defines it here"),),
                )
            seen.setdefault(name, record.span)

    def parameter(self, name: str, entry: Entry, body: Mapping) -> model.ParameterDef:
        options = self.names(body.get("options"))
        default: model.Amount | model.Ref | None
        if "options" in body.entries:
            default = self.ref(body.get("default"))
            if default is not None and options and default.id not in options:
                near = nearest(default.id, options)
                help = (
                    f"did you mean `{near}`?"
                    if near
                    else "the options are " + ", ".join(f"`{word}`" for word in options)
                )
                self.report(
                    "KB206", default.span, f"`default` is `{default.id}`, which is not one of the options", help
                )
            for key in ("unit", "range"):
                if key in body.entries:
                    self.report(
                        "KB223",
                        body.entries[key].key.span,
                        f"a parameter with options has no `{key}`",
                        f"remove `{key}`",
                    )
        else:
            default = self.amount(body.get("default"))
            if "unit" not in body.entries and body not in self.checked.faulty:
                help = 'write its unit, `unit: "1"` for a plain number, or the words to choose from under `options:`'
                self.report("KB223", entry.key.span, f"the parameter `{name}` has neither `unit` nor `options`", help)
        return model.ParameterDef(
            id=name,
            title=self.needed(body.get("title"), body),
            span=entry.key.span,
            type="choice" if "options" in body.entries else "number",
            unit=self.word(body.get("unit")),
            options=options,
            range=self.amount(body.get("range")),
            default=default,
            backing=self.backing(body),
        )

    def define(self, name: str, entry: Entry, body: Mapping) -> model.Define | None:
        get = body.get
        options = self.names(get("options"))
        latch = self.mapping(get("latch"))
        is_list = any(key in body.entries for key in ("all", "any", "none", "of", "condition"))
        words = "options" in body.entries
        if words and "cases" not in body.entries and body not in self.checked.faulty:
            self.report(
                "KB216",
                body.entries["options"].key.span,
                "`options` go with `cases`",
                "write the value of each case under `cases:`",
            )
        return model.Define(
            id=name,
            span=entry.key.span,
            title=self.text(get("title")),
            unit=self.word(get("unit")),
            options=options,
            condition=self.condition_of(body) if is_list else None,
            cases=self.value_cases(get("cases"), words, options),
            value=self.amount(get("value")),
            latch_set=self.some_condition(latch.get("set"), latch) if latch else None,
            latch_clear=self.some_condition(latch.get("clear"), latch) if latch else None,
            backing=self.backing(body),
            exclusive=self.word(get("exclusive")) == "true",
        )

    def value_cases(self, node: Node | None, words: bool, options: tuple[str, ...]) -> tuple[model.ValueCase, ...]:
        made: list[model.ValueCase] = []
        items = self.items(node)
        for index, item in enumerate(items):
            body = self.mapping(item)
            if body is None:
                continue
            place = next(iter(body.entries.values())).key.span if body.entries else body.span
            last = index == len(items) - 1
            if "when" in body.entries and last:
                help = "add a last case with `value` alone, for all other patients"
                self.report(
                    "KB215", place, "the last case must do without `when`, so that there is always a value", help
                )
            elif "when" not in body.entries and not last and body not in self.checked.faulty:
                self.report("KB215", place, "a case without `when` hides the cases below it", "make it the last case")
            value: model.Amount | model.Ref | None = (
                self.ref(body.get("value")) if words else self.amount(body.get("value"))
            )
            if isinstance(value, model.Ref) and options and value.id not in options:
                near = nearest(value.id, options)
                help = (
                    f"did you mean `{near}`?"
                    if near
                    else "the options are " + ", ".join(f"`{word}`" for word in options)
                )
                self.report("KB206", value.span, f"`{value.id[:60]}` is not one of the options", help)
            made.append(model.ValueCase(self.condition(body.get("when")), value or _nothing(place), place))
        return tuple(made)

    # -- steps

    def step(self, name: str, entry: Entry, body: Mapping) -> model.Step | None:
        span, get, backing = entry.key.span, body.get, self.backing(body)
        if "decide" in body.entries:
            return model.Decide(
                id=name,
                span=span,
                title=self.needed(get("decide"), body),
                cases=self.go_cases(get("cases")),
                if_unknown=self.ref(get("if_unknown")),
                note=self.text(get("note")),
                backing=backing,
                exclusive=self.word(get("exclusive")) == "true",
            )
        if "do" in body.entries:
            title = self.needed(get("do"), body)
            verb = self.verb(body)
            if verb is None:
                return None
            return model.Do(
                id=name,
                span=span,
                title=title,
                verb=verb,
                until=self.condition(get("until")),
                repeat=self.repeat(get("repeat")),
                review=self.review(get("review")),
                avoid_if=self.reasons(get("avoid_if")),
                with_=self.refs(get("with")),
                then=self.refs(get("then")),
                priority=self.word(get("priority")),
                strength=self.word(get("strength")),
                certainty=self.word(get("certainty"), "not graded"),
                decide_by=self.text(get("decide_by")),
                note=self.text(get("note")),
                backing=backing,
            )
        if "hand_over" in body.entries:
            return model.HandOver(
                id=name,
                span=span,
                protocol=self.some_ref(get("hand_over"), body),
                title=self.text(get("title")),
                priority=self.word(get("priority"), "stat"),
                note=self.text(get("note")),
                backing=backing,
            )
        if "end" in body.entries:
            return model.End(
                id=name, span=span, title=self.needed(get("end"), body), note=self.text(get("note")), backing=backing
            )
        return None

    def go_cases(self, node: Node | None) -> tuple[model.GoCase, ...]:
        made: list[model.GoCase] = []
        items = self.items(node)
        for index, item in enumerate(items):
            body = self.mapping(item)
            if body is None:
                continue
            place = next(iter(body.entries.values())).key.span if body.entries else body.span
            otherwise = "else" in body.entries
            if otherwise and index < len(items) - 1:
                self.report("KB215", place, "`else` hides the cases below it", "make it the last case")
            made.append(
                model.GoCase(
                    when=None if otherwise else self.some_condition(body.get("when"), body),
                    go=self.refs(body.get("else" if otherwise else "go")),
                    span=place,
                    title=self.text(body.get("title")),
                    backing=self.backing(body),
                )
            )
        return tuple(made)

    def reasons(self, node: Node | None) -> tuple[model.Reason, ...]:
        made = []
        for item in self.items(node):
            body = self.mapping(item)
            when = self.condition_of(body) if body is not None else None
            if body is not None and when is not None:
                made.append(model.Reason(when, self.text(body.get("because")), self.ref(body.get("instead"))))
        return tuple(made)

    def conditions(self, node: Node | None) -> tuple[model.Condition, ...]:
        return tuple(item for item in map(self.condition, self.items(node)) if item is not None)

    def repeat(self, node: Node | None) -> model.RepeatDef | None:
        body = self.mapping(node)
        if body is None:
            return None
        window, text = self.window(body.get("in"), body)
        every = self.amount_or_ref(body.get("every")) or _nothing(body.span)
        return model.RepeatDef(every, self.amount(body.get("at_most")), window, text, body.span)

    def review(self, node: Node | None) -> model.ReviewDef | None:
        body = self.mapping(node)
        if body is None:
            return None
        after = self.amount_or_ref(body.get("after")) or _nothing(body.span)
        return model.ReviewDef(after, self.refs(body.get("measure")), body.span)

    def drug_of(self, body: Mapping) -> model.Ref:
        return self.some_ref(body.get("drug") or body.get("fluid"), body)

    def verb(self, body: Mapping) -> model.Verb | None:
        """The one verb of a step or option."""
        entry = next((body.entries[key] for key in _VERBS if key in body.entries), None)
        if entry is None or (entry.value in self.checked.faulty and not isinstance(entry.value, Mapping)):
            return None
        node, span = entry.value, entry.key.span
        match entry.key.text:
            case "perform":
                return model.Perform(self.needed(node, body), span)
            case "call":
                return model.CallFor(self.needed(node, body), span)
            case "measure":
                return model.Measure(self.refs(node), span)
            case "exclude":
                return model.Exclude(self.refs(node), span)
        inner = self.mapping(node)
        make = _VERBS[entry.key.text]
        return make(self, inner, span) if inner is not None and make is not None else None

    def give(self, body: Mapping, span: Span) -> model.Give:
        get = body.get
        return model.Give(
            drug=self.drug_of(body),
            amount=self.some_amount(get("amount"), body),
            span=span,
            each=self.amount_or_ref(get("each")),
            over=self.amount_or_ref(get("over")),
            most=self.amount(get("max")),
            route=self.label(get("route")),
            salt=self.label(get("salt")),
            concentration=self.label(get("concentration")),
            weight=self.label(get("weight")),
            intent=self.label(get("intent")),
            line=self.label(get("line")),
        )

    def infuse(self, body: Mapping, span: Span) -> model.Infuse:
        get = body.get
        return model.Infuse(
            drug=self.drug_of(body),
            rate=self.some_amount(get("rate"), body),
            span=span,
            most=self.amount(get("max")),
            route=self.label(get("route")),
            salt=self.label(get("salt")),
            weight=self.label(get("weight")),
            intent=self.label(get("intent")),
            line=self.label(get("line")),
        )

    def change(self, body: Mapping, span: Span) -> model.Change:
        return model.Change(self.drug_of(body), span, self.amount(body.get("to")), self.label(body.get("direction")))

    def stop(self, body: Mapping, span: Span) -> model.Stop:
        return model.Stop(self.drug_of(body), span)

    def titrate(self, body: Mapping, span: Span) -> model.Titrate:
        get = body.get
        return model.Titrate(
            drug=self.drug_of(body),
            span=span,
            start=self.some_amount(get("from"), body),
            by=None if self.word(get("by")) == "double" else self.by_how_much(get("by"), body),
            every=self.amount_or_ref(get("every")) or _nothing(span),
            to=self.some_amount(get("to"), body),
            while_=self.some_condition(get("while"), body),
            hold_if=self.conditions(get("hold_if")),
            on_hold=self.refs(get("on_hold")),
            at_ceiling=self.refs(get("at_ceiling")),
        )

    def choose(self, body: Mapping, span: Span) -> model.Choose:
        options: dict[str, model.OptionDef] = {}
        for item in self.items(body.get("one_of")):
            inner = self.mapping(item)
            verb = self.verb(inner) if inner is not None else None
            name = self.scalar(inner.get("id")) if inner is not None else None
            if (
                inner is None
                or name is None
                or not isinstance(verb, model.Give | model.Infuse | model.Change | model.Stop | model.Perform)
            ):
                continue
            if name.text in options:
                related = (Related(options[name.text].span, f"`{name.text}` stands here first"),)
                self.report(
                    "KB219",
                    name.span,
                    f"the option `{name.text}` stands here twice",
                    "give one of the two another id",
                    related,
                )
                continue
            options[name.text] = model.OptionDef(
                id=name.text,
                title=self.needed(inner.get("title"), inner),
                verb=verb,
                span=name.span,
                for_=self.reasons(inner.get("for")),
                against=self.reasons(inner.get("against")),
                until=self.condition(inner.get("until")),
                backing=self.backing(inner),
            )
        return model.Choose(tuple(options.values()), span)

    # -- rules, goals, readings

    def never(self, name: str, entry: Entry, body: Mapping) -> model.Never:
        return model.Never(
            id=name,
            span=entry.key.span,
            order=self.some_ref(body.get("order"), body),
            when=self.condition(body.get("when")),
            because=self.needed(body.get("because"), body),
            instead=self.text(body.get("instead")),
            backing=self.backing(body),
        )

    def cap(self, name: str, entry: Entry, body: Mapping) -> model.CapDef:
        window, text = self.window(body.get("in"), body)
        return model.CapDef(
            id=name,
            span=entry.key.span,
            drug=self.some_ref(body.get("drug"), body),
            amount=self.some_amount(body.get("amount"), body),
            window=window,
            window_text=text,
            weight=self.label(body.get("weight")),
            backing=self.backing(body),
        )

    def goal(self, name: str, entry: Entry, body: Mapping) -> model.GoalDef:
        title, target = self.needed(body.get("title"), body), self.some_condition(body.get("target"), body)
        return model.GoalDef(name, entry.key.span, title, target, self.backing(body))

    def alert(self, name: str, entry: Entry, body: Mapping) -> model.AlertDef:
        return model.AlertDef(
            id=name,
            span=entry.key.span,
            when=self.some_condition(body.get("when"), body),
            say=self.needed(body.get("say"), body),
            severity=self.word(body.get("severity"), "warning"),
            backing=self.backing(body),
        )

    def property(self, name: str, entry: Entry, body: Mapping) -> model.PropertyDef:
        return model.PropertyDef(
            id=name,
            span=entry.key.span,
            always=self.some_condition(body.get("always"), body),
            when=self.condition(body.get("when")),
            title=self.text(body.get("title")),
            backing=self.backing(body),
        )

    def safety(self, name: str, entry: Entry, body: Mapping) -> model.SafetyDef:
        return model.SafetyDef(
            id=name,
            span=entry.key.span,
            title=self.needed(body.get("title"), body),
            check=self.word(body.get("check")),
            limits=self.word(body.get("limits"), "hard"),
            because=self.text(body.get("because")),
        )

    def interpretation(self, name: str, entry: Entry, body: Mapping) -> model.InterpretationDef:
        rejected = (self.text(item) for item in self.items(body.get("rejected")))
        return model.InterpretationDef(
            id=name,
            span=entry.key.span,
            about=self.refs(body.get("about")),
            reading=self.needed(body.get("reading"), body),
            rejected=tuple(text for text in rejected if text is not None),
            because=self.needed(body.get("because"), body),
            confirm=self.needed(body.get("confirm"), body),
            status=self.word(body.get("status"), "chosen"),
        )

    # ------------------------------------------------------------ library

    def origin(self, body: Mapping) -> model.Origin:
        return model.Origin(self.word(body.get("source")), self.word(body.get("confirm")))

    def codes(self, node: Node | None) -> tuple[tuple[str, str], ...]:
        return tuple((system, self.word(entry.value)) for system, entry in self.entries(node))

    def elements(self, node: Node | None) -> dict[str, model.ElementDef]:
        return self.each(node, self.element)

    def element(self, name: str, entry: Entry, body: Mapping) -> model.ElementDef:
        get = body.get
        kind = self.word(get("type"))
        valid_for = self.scalar(get("valid_for"))
        permanent = valid_for is not None and valid_for.text == "permanent"
        self.fits_its_type(name, entry, body, kind)
        unit = self.word(get("unit"))
        numbers = "plausible" in body.entries or not permanent
        origin = "source" in body.entries or "confirm" in body.entries
        if numbers and not origin and body not in self.checked.faulty:
            self.no_origin(entry.key.span, name)
        return model.ElementDef(
            id=name,
            label=self.word(get("label")).strip(),
            type=kind,
            span=entry.key.span,
            unit=unit,
            options=self.names(get("options")),
            plausible=self.plausible(get("plausible"), unit),
            resolution=self.resolution(get("resolution"), unit),
            worse=self.word(get("worse")),
            valid_for=None if permanent else self.amount(valid_for),
            permanent=permanent,
            question=self.word(get("question")).strip(),
            can_be_unobtainable=self.word(get("unobtainable")) == "true",
            molar_mass=self.word(get("molar_mass")),
            valence=int(self.word(get("valence")) or 0),
            basis=self.word(get("basis")),
            codes=self.codes(get("codes")),
            origin=self.origin(body),
        )

    def fits_its_type(self, name: str, entry: Entry, body: Mapping, kind: str) -> None:
        if not kind or body in self.checked.faulty:
            return
        needs = {"quantity": "unit", "choice": "options"}.get(kind)
        if needs and needs not in body.entries:
            self.report("KB223", entry.key.span, f"`{name}` is a {kind} and has no `{needs}`", f"add `{needs}:`")
        allowed = {
            "unit": ("quantity",),
            "options": ("choice",),
            "plausible": ("quantity", "number"),
            "resolution": ("quantity", "number"),
            "worse": ("quantity", "number"),
            "molar_mass": ("quantity",),
            "valence": ("quantity",),
            "basis": ("quantity",),
        }
        for key, kinds in allowed.items():
            if (
                key in body.entries
                and kind not in kinds
                and not (key == "unit" and kind == "number" and self.word(body.get(key)) == "1")
            ):
                help = f"remove `{key}`, or correct `type`"
                self.report(
                    "KB223", body.entries[key].key.span, f"`{name}` is of type {kind}, which has no `{key}`", help
                )

    def plausible(self, node: Node | None, unit: str) -> tuple[Decimal, Decimal] | None:
        scalar = self.scalar(node)
        if scalar is None:
            return None
        match = _PLAUSIBLE.fullmatch(_undashed(scalar.text, scalar.at)[0])
        if match is None:
            odd = look_alike(scalar)
            self.diagnostics.append(
                odd
                or found(
                    "KB220",
                    scalar.span,
                    "this is not a range of plain numbers",
                    "write it like `10 to 250`, in the unit of the entry",
                )
            )
            return None
        low, high = Decimal(match.group(1)), Decimal(match.group(2))
        if match.group(3) and match.group(3) != unit:
            help = f"leave the unit out: the range is in `{unit}`" if unit else "leave the unit out"
            self.report(
                "KB220", scalar.span, f"the range is in `{match.group(3)}`, the entry in `{unit or 'no unit'}`", help
            )
        if low >= high:
            self.report(
                "KB220", scalar.span, f"the range begins at {low} and ends at {high}", "write the lower end first"
            )
            return None
        return low, high

    def resolution(self, node: Node | None, unit: str) -> Decimal | None:
        scalar = self.scalar(node)
        if scalar is None:
            return None
        match = _STEP.fullmatch(scalar.text)
        shown = "" if unit in ("", "1") else f" {unit}"
        if match is None or Decimal(match.group(1)) <= 0:
            what, help = "this is not the step in which something is measured", f"write a number above 0: `1{shown}`"
            self.report("KB220", scalar.span, what, help)
            return None
        if match.group(2) and match.group(2) != unit:
            what = f"the step is in `{match.group(2)}`, the entry in `{unit or 'no unit'}`"
            self.report("KB220", scalar.span, what, f"write it like `{match.group(1)}{shown}`")
            return None
        return Decimal(match.group(1))

    def ends(self, node: Node | None) -> tuple[model.Amount | None, model.Amount | None]:
        """`X to Y`, `up to Y` or `from X`: the two ends."""
        scalar = self.scalar(node)
        if scalar is None:
            return None, None
        end = _END.fullmatch(scalar.text)
        if end is not None:
            start = end.start(2)
            part = Scalar(end.group(2), scalar.place(start, end.end(2)))
            amount = self.amount(part)
            if amount is not None and isinstance(amount.value, tree.Range):
                self.report(
                    "KB220",
                    scalar.span,
                    f"`{end.group(1)}` takes one end, not two",
                    "write `X to Y`, `up to Y` or `from X`",
                )
                return None, None
            return (None, amount) if end.group(1) == "up to" else (amount, None)
        worded = _END_WORDS.fullmatch(scalar.text)
        if worded is not None:
            side = "up to" if worded["most"] else "from"
            self.report("KB220", scalar.span, f"`{scalar.text}` is no range", f"write `{side} {worded['rest']}`")
            return None, None
        amount = self.amount(scalar)
        if amount is None:
            return None, None
        if not isinstance(amount.value, tree.Range):
            self.report("KB220", scalar.span, "one number is no range", "write `X to Y`, `up to Y` or `from X`")
            return None, None
        low, high = amount.value.low, amount.value.high
        if isinstance(low, tree.Number) and isinstance(high, tree.Number):
            if low.unit is None:
                low = tree.Number(low.value, high.unit, low.span)
            if low.unit == high.unit and low.value >= high.value:
                self.report(
                    "KB220",
                    scalar.span,
                    f"the range begins at {low.value} and ends at {high.value}",
                    "write the lower end first",
                )
        return model.Amount(low, amount.text, amount.span), model.Amount(high, amount.text, amount.span)

    def drugs(self) -> tuple[dict[str, tuple[str, ...]], dict[str, model.DrugDef]]:
        """Classes with their drugs, and drugs by name."""
        assert self.root is not None
        self.names_no_words(self.root.get("classes"), self.root.get("drugs"))
        declared = dict(self.entries(self.root.get("classes")))
        drugs = self.each(self.root.get("drugs"), self.drug)
        taken: dict[str, Span] = {name: entry.key.span for name, entry in declared.items()}
        for name, drug in drugs.items():
            if name in taken:
                related = (Related(taken[name], "it stands here first"),)
                self.report(
                    "KB219", drug.span, f"`{name}` is the name of a class already", "give one another name", related
                )
            taken.setdefault(name, drug.span)
        members: dict[str, list[str]] = {name: [] for name in declared}
        for name, entry in self.entries(self.root.get("drugs")):
            body = self.mapping(entry.value)
            if body is None or name not in drugs:
                continue
            for synonym in self.refs(body.get("synonyms")):
                key = synonym.id.lower()
                if key in taken:
                    related = (Related(taken[key], "it stands here first"),)
                    self.report(
                        "KB219",
                        synonym.span,
                        f"`{synonym.id[:60]}` is the name of something else already",
                        "remove one",
                        related,
                    )
                taken.setdefault(key, synonym.span)
            for group in self.refs(body.get("classes")):
                if group.id in members:
                    members[group.id].append(name)
                else:
                    near = nearest(group.id, declared)
                    help = f"did you mean `{near}`?" if near else "declare it at the top of the file, under `classes:`"
                    self.report("KB221", group.span, f"there is no class `{group.id}`", help)
        return {name: tuple(drugs_of) for name, drugs_of in members.items()}, drugs

    def drug(self, name: str, entry: Entry, body: Mapping) -> model.DrugDef:
        get = body.get
        origin = self.origin(body)
        limits = [
            self.limit(inner, origin) for inner in map(self.mapping, self.items(get("limits"))) if inner is not None
        ]
        delivery = [
            self.delivered(inner, origin)
            for inner in map(self.mapping, self.items(get("deliver")))
            if inner is not None
        ]
        numbers = [key for key in ("salts", "valid_for", "largest_step") if key in body.entries]
        if numbers and not (origin.source or origin.confirm) and body not in self.checked.faulty:
            self.no_origin(entry.key.span, name)
        for key, of in (("rate", "rate"), ("amount", "amount")):
            about: list[model.LimitDef | model.DeliveryDef] = [*limits, *delivery]
            for record in about:
                if record.of == of and key not in body.entries and body not in self.checked.faulty:
                    self.report(
                        "KB223",
                        record.span,
                        f"this is about the {of} of `{name}`, which has no `{key}` unit",
                        f"add `{key}:` to the drug",
                    )
        salts = []
        for salt, share in self.entries(get("salts")):
            value = self.checked.values.get(share.value)
            if isinstance(value, Decimal):
                salts.append((salt, value))
        return model.DrugDef(
            id=name,
            label=self.word(get("label")).strip(),
            span=entry.key.span,
            synonyms=self.names(get("synonyms")),
            classes=self.names(get("classes")),
            rate_unit=self.word(get("rate")),
            amount_unit=self.word(get("amount")),
            salts=tuple(salts),
            valid_for=self.amount(get("valid_for")),
            absent_is_zero="absent" in body.entries,
            limits=tuple(limits),
            delivery=tuple(delivery),
            largest_step=self.word(get("largest_step")),
            routes=self.names(get("routes")),
            codes=self.codes(get("codes")),
            origin=origin,
        )

    def no_origin(self, span: Span, name: str) -> None:
        self.report(
            "KB222",
            span,
            f"the numbers of `{name}` do not say where they come from"
            if name
            else "this number does not say where it comes from",
            "add `source:` with the document, or `confirm:` with the role that must confirm them",
        )

    def limit(self, body: Mapping, whole: model.Origin) -> model.LimitDef:
        soft_low, soft_high = self.ends(body.get("soft"))
        hard_low, hard_high = self.ends(body.get("hard"))
        place = next(iter(body.entries.values())).key.span if body.entries else body.span
        own = self.origin(body)
        origin = own if own.source or own.confirm else whole
        if body not in self.checked.faulty:
            if "soft" not in body.entries and "hard" not in body.entries:
                self.report("KB202", place, "a limit needs `soft` or `hard`, which is missing", "write `hard: up to X`")
            elif not (origin.source or origin.confirm):
                self.no_origin(place, "")
        return model.LimitDef(
            of=self.word(body.get("of")),
            span=place,
            route=self.word(body.get("route")),
            soft_low=soft_low,
            soft_high=soft_high,
            hard_low=hard_low,
            hard_high=hard_high,
            origin=origin,
        )

    def delivered(self, body: Mapping, whole: model.Origin) -> model.DeliveryDef:
        place = next(iter(body.entries.values())).key.span if body.entries else body.span
        own = self.origin(body)
        origin = own if own.source or own.confirm else whole
        if not (origin.source or origin.confirm) and body not in self.checked.faulty:
            self.no_origin(place, "")
        return model.DeliveryDef(
            of=self.word(body.get("of")),
            step=self.some_amount(body.get("step"), body),
            towards=self.word(body.get("towards")),
            span=place,
            origin=origin,
        )

    def units(self) -> dict[str, model.UnitDef]:
        assert self.root is not None
        return self.each(self.root.get("units"), self.unit)

    def unit(self, name: str, entry: Entry, body: Mapping) -> model.UnitDef:
        for key in ("factor", "offset"):
            number = self.scalar(body.get(key))
            if (
                number is not None
                and _FRACTION.fullmatch(number.text.lstrip("-") if key == "offset" else number.text) is None
            ):
                if key == "offset" and number.text == "0":
                    continue
                help = "write a plain number, or a fraction such as `1/1000000`"
                self.report("KB204", number.span, f"`{number.text[:40]}` is not a number or fraction above zero", help)
        dimension = []
        for base, power in self.entries(body.get("of")):
            value = self.checked.values.get(power.value)
            if isinstance(value, Decimal) and value:
                dimension.append((base, int(value)))
        return model.UnitDef(
            spelling=name,
            ucum=self.word(body.get("ucum")),
            factor=self.word(body.get("factor")),
            dimension=tuple(dimension),
            span=entry.key.span,
            offset=self.word(body.get("offset"), "0"),
        )

    # ------------------------------------------------------------ evidence

    def shared(self) -> model.Shared:
        assert self.root is not None
        get = self.root.get
        self.names_no_words(get("define"))
        return model.Shared(
            defines=self.each(get("define"), self.define),
            statements=self.statements(get("statements")),
            references=self.each(get("references"), self.reference),
            interpretations=self.each(get("interpretations"), self.interpretation),
        )

    def statements(self, node: Node | None) -> dict[str, model.StatementDef]:
        made: dict[str, model.StatementDef] = {}
        for name, entry in self.entries(node):
            body = self.mapping(entry.value)
            if body is not None:
                self.statement(name, entry, body, made)
        return made

    def evidence(self, path: Path) -> model.Evidence:
        root = self.root
        assert root is not None
        self.of_this_folder(path.absolute().parent, root)
        source = self.mapping(root.get("source"))
        return model.Evidence(
            source=self.source(source) if source is not None else model.SourceDef(),
            statements=self.statements(root.get("statements")),
            references=self.each(root.get("references"), self.reference),
            file=self.file,
            elsewhere=self.each(root.get("elsewhere"), self.elsewhere),
            allowances=self.allowances(),
        )

    def of_this_folder(self, folder: Path, root: Mapping) -> None:
        name = self.scalar(root.get("protocol"))
        if name is not None and folder.parent.name == "protocols" and name.text != folder.name:
            self.report(
                "KB218",
                name.span,
                f"this file is about `{name.text}`, but the folder is `{folder.name}`",
                "give both the same name",
            )

    def source(self, body: Mapping) -> model.SourceDef:
        claims = (self.text(item) for item in self.items(body.get("claims")))
        return model.SourceDef(
            title=self.word(body.get("title")).strip(),
            publisher=self.word(body.get("publisher")).strip(),
            updated=self.word(body.get("updated")),
            banner=self.word(body.get("banner")).strip(),
            claims=tuple(text.value for text in claims if text is not None),
            disclaimer=self.word(body.get("disclaimer")).strip(),
            url=self.word(body.get("url")),
        )

    def statement(self, name: str, entry: Entry, body: Mapping, made: dict[str, model.StatementDef]) -> None:
        """The statement, followed by its lettered atoms."""
        whole = model.StatementDef(
            id=name,
            says=self.needed(body.get("says"), body),
            kind=self.word(body.get("kind")),
            cites=self.refs(body.get("cites")),
            span=entry.key.span,
            support=self.word(body.get("support")),
            wording=self.word(body.get("wording")),
            grade=self.grade(body.get("grade")),
            from_version=self.word(body.get("from_version")),
        )
        made[name] = whole
        for letter, atom in self.entries(body.get("atoms")):
            says = self.text(atom.value)
            if says is not None:
                made[name + letter] = replace(whole, id=name + letter, says=says, span=atom.key.span, parent=name)

    def grade(self, node: Node | None) -> model.GradeDef | None:
        body = self.mapping(node)
        if body is None:
            return None
        keys = ("by", "strength", "certainty", "class", "level")
        return model.GradeDef(*(self.word(body.get(key)) for key in keys))

    def elsewhere(self, name: str, entry: Entry, body: Mapping) -> model.ElsewhereDef:
        get = body.get
        return model.ElsewhereDef(
            id=name,
            span=entry.key.span,
            of=None if get("of") is None else self.some_ref(get("of"), body),
            what=self.word(get("what")),
            value=None if get("value") is None else self.needed(get("value"), body),
            cites=self.refs(get("cites")),
            route=self.word(get("route")),
            topic=self.word(get("topic")).strip(),
            says=self.word(get("says")).strip(),
            superseded=self.word(get("superseded")) == "true",
            stored=self.word(get("stored"), "true") == "true",
            verdict=self.word(get("verdict")),
            because=self.word(get("because")).strip(),
            about=self.refs(get("about")),
            from_version=self.word(get("from_version")),
        )

    def reference(self, name: str, entry: Entry, body: Mapping) -> model.ReferenceDef:
        get = body.get
        if "checked" in body.entries:
            self.date(get("checked"))
        return model.ReferenceDef(
            key=name,
            title=self.word(get("title")).strip(),
            kind=self.word(get("kind")),
            span=entry.key.span,
            publisher=self.word(get("publisher")).strip(),
            year=self.word(get("year")),
            tier=self.word(get("tier")),
            identifier=self.word(get("identifier")),
            checked=self.word(get("checked")),
            review_due=self.date(get("review_due")),
            superseded_by=next(iter(self.refs(get("superseded_by"))), None),
            from_version=self.word(get("from_version")),
        )

    # ------------------------------------------------------------ scenarios and local policy

    def plain(self, node: Node | None) -> Plain | None:
        """A charted value: `true` and numbers as such, everything else as text."""
        scalar = self.scalar(node)
        if scalar is None:
            return None
        value = self.checked.values.get(scalar, scalar.text)
        if isinstance(value, Decimal):
            return int(value) if value == value.to_integral_value() and "." not in scalar.text else value
        return value if isinstance(value, bool) else scalar.text

    def plain_by_name(self, node: Node | None) -> tuple[dict[str, Plain], dict[str, Span]]:
        values: dict[str, Plain] = {}
        spans: dict[str, Span] = {}
        for name, entry in self.entries(node):
            value = self.plain(entry.value)
            if value is not None:
                values[name], spans[name] = value, entry.value.span
        return values, spans

    def scenarios(self, path: Path) -> ScenarioFile:
        root = self.root
        assert root is not None
        folder = path.absolute().parent
        self.of_this_folder(folder.parent if folder.name == "scenarios" else folder, root)
        if root.get("version") is not None and root.get("versions") is not None:
            self.report(
                "KB731",
                root.entries["versions"].key.span,
                "`version` and `versions` both say which versions run the scenarios",
                "keep one of them",
            )
        one = self.word(root.get("version"))
        file = ScenarioFile(
            protocol=self.some_ref(root.get("protocol"), root),
            scenarios=self.each(root.get("scenarios"), self.scenario),
            file=self.file,
            versions=(one,) if one else self.versions(root.get("versions")),
            also_charted={
                version: AlsoCharted(*self.plain_by_name(entry.value))
                for version, entry in self.entries(root.get("also_charted"))
            },
        )
        run = {*file.versions, *(version for item in file.scenarios.values() for version in item.versions)}
        for version, entry in self.entries(root.get("also_charted")):
            if version not in run:
                self.report(
                    "KB731",
                    entry.key.span,
                    f"no scenario of this file is run by version {version}",
                    "name it under `versions:`, or take this out",
                )
        return file

    def versions(self, node: Node | None) -> tuple[str, ...]:
        return tuple(self.word(item) for item in self.items(node))

    def scenario(self, name: str, entry: Entry, body: Mapping) -> ScenarioDef | None:
        get = body.get
        chart = get("chart")
        moment, spans = self.plain_by_name(chart)
        entries = [
            ChartEntryDef(self.plain_by_name(item)[0], item.span)
            for item in self.items(chart)
            if isinstance(item, Mapping)
        ]
        expect = self.mapping(get("expect"))
        local = self.mapping(get("local"))
        if expect is None:
            return None
        for place in (body, *(item for item in self.items(chart) if isinstance(item, Mapping))):
            for key in ("now", "at", "recorded", "complete_from", "opened"):
                self.moment(self.scalar(place.get(key)))
        orders = [OrderDef(self.plain_by_name(item)[0], item.span) for item in self.items(get("orders"))]
        return ScenarioDef(
            id=name,
            span=entry.key.span,
            title=self.needed(get("title"), body),
            expect=self.expected(expect),
            moment=moment if isinstance(chart, Mapping) else None,
            entries=tuple(entries) if isinstance(chart, Sequence) else None,
            spans=spans,
            vignette=self.word(get("vignette")),
            note=self.word(get("note")),
            now=self.word(get("now")),
            complete_from=self.word(get("complete_from")),
            opened=self.word(get("opened")),
            lenient=self.word(get("lenient")) == "true",
            local=self.local(local) if local is not None else LocalDef(),
            orders=tuple(orders),
            versions=self.versions(get("versions")),
        )

    def moment(self, scalar: Scalar | None) -> None:
        """A date and time in its form may still name a day that never was."""
        if scalar is None or "T" not in scalar.text:
            return
        try:
            datetime.fromisoformat(scalar.text)
        except ValueError:
            help = "write it like `2026-01-27T12:00:00+00:00`"
            self.report("KB217", scalar.span, f"there is no moment `{scalar.text[:40]}`", help)

    def expected(self, body: Mapping) -> ExpectDef:
        names: dict[str, tuple[model.Ref, ...]] = {}
        words: dict[str, dict[str, model.Text]] = {}
        options: dict[str, tuple[model.Ref, ...]] = {}
        orders: tuple[VerdictDef, ...] | None = None
        for key, entry in body.entries.items():
            if key == "orders":
                found = [item for item in self.items(entry.value) if isinstance(item, Mapping)]
                orders = tuple(self.verdict(item) for item in found)
            elif key == "options":
                options = {name: self.refs(inner.value) for name, inner in self.entries(entry.value)}
            elif isinstance(entry.value, Sequence):
                names[key] = self.refs(entry.value)
            elif isinstance(entry.value, Mapping):
                texts = ((name, self.label(inner.value)) for name, inner in self.entries(entry.value))
                words[key] = {name: text for name, text in texts if text is not None}
        applies = self.word(body.get("applies")) or None
        entered = self.word(body.get("entered")) or None
        return ExpectDef(body.span, names, words, options, applies, entered, orders)

    def verdict(self, body: Mapping) -> VerdictDef:
        rules, asks = body.get("rules"), body.get("asks")
        return VerdictDef(
            self.word(body.get("verdict")),
            body.span,
            self.refs(rules) if rules is not None else None,
            self.refs(asks) if asks is not None else None,
        )

    def local(self, body: Mapping) -> LocalDef:
        spans: dict[tuple[str | int, ...], Span] = {}
        settings = self.data(body, (), spans)
        return LocalDef(settings if isinstance(settings, dict) else {}, spans)

    def data(self, node: Node, path: tuple[str | int, ...], spans: dict[tuple[str | int, ...], Span]) -> Any:
        """A tree as plain data; `spans` takes the places, as in `LocalDef`."""
        if isinstance(node, Scalar):
            spans[*path, ""] = node.span
            return self.plain(node)
        made: dict[str, Any] = {}
        if isinstance(node, Sequence):
            items = [self.data(item, (*path, number), spans) for number, item in enumerate(self.items(node))]
            return [item for item in items if item is not None]
        for name, entry in self.entries(node):
            spans[*path, name] = entry.key.span
            value = self.data(entry.value, (*path, name), spans)
            if value is not None:
                made[name] = value
        if isinstance(node, Mapping) and path and isinstance(path[-1], int) and node.entries:
            spans[path] = next(iter(node.entries.values())).key.span
        return made


_NO_BACKING = model.Backing()
_VERBS: dict[str, Callable[[_Reader, Mapping, Span], model.Verb] | None] = {
    "give": _Reader.give,
    "infuse": _Reader.infuse,
    "change": _Reader.change,
    "stop": _Reader.stop,
    "titrate": _Reader.titrate,
    "choose": _Reader.choose,
    "perform": None,
    "measure": None,
    "exclude": None,
    "call": None,
}


def _of_version(evidence: model.Evidence, version: str) -> model.Evidence:
    """What belongs to one version of the protocol; what came later would change a version that is released."""

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(".") if part.isdigit()]

    ours = numbers(version)
    return replace(
        evidence,
        statements={id: item for id, item in evidence.statements.items() if numbers(item.from_version) <= ours},
        references={id: item for id, item in evidence.references.items() if numbers(item.from_version) <= ours},
        elsewhere={id: item for id, item in evidence.elsewhere.items() if numbers(item.from_version) <= ours},
    )


def _nothing(span: Span) -> model.Amount:
    """Stands where an amount could not be read; never leaves the loader, because there is an error then."""
    return model.Amount(tree.Number(Decimal(0), None, span), "", span)


def _bracketed(items: list[model.Condition]) -> list[str]:
    """The wording of each item, in brackets where it holds an `and` or `or` of its own."""
    many = len(items) > 1
    joined = (tree.And, tree.Or, tree.AtLeast, tree.Implies)
    return [f"({item.text})" if many and isinstance(item.expr, joined) else item.text for item in items]


def _undashed(text: str, at: Place) -> tuple[str, Place]:
    """`30–40` as `30 to 40`, with the places of the text as it was."""
    if text.isascii():
        return text, at
    pieces: list[str] = []
    offsets: list[int] = []
    last = 0
    for match in _DASHED.finditer(text):
        pieces += [text[last : match.start()], " to "]
        offsets += [*range(last, match.start()), *([match.start()] * 4)]
        last = match.end()
    if not pieces:
        return text, at
    pieces.append(text[last:])
    offsets += [*range(last, len(text)), len(text)]
    return "".join(pieces), lambda offset: at(offsets[min(offset, len(offsets) - 1)])
