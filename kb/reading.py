"""A chart read with one Program's dictionary: names, units, salts, concentrations, and what is refused.

`parse_chart` gives a `ParsedChart`, from which `kb.folds` makes the row; `parse_order` reads one order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction

from kb.chart import (
    ANY,
    EPOCH,
    OF_VALUES,
    RECORD,
    STATES,
    Chart,
    ChartError,
    Entry,
    NotUsed,
    Refusal,
    nearest,
    parse_time,
    quoted,
    read_chart,
    refusal,
    scaled_time,
    text_of,
)
from kb.program import SCALE, Compare, Const, Drug, Element, Get, Parameter, Program, Slot, Value
from kb.records import TYPE_CHECKING, NamedTuple
from kb.values import (
    ONE,
    BadValue,
    Measure,
    UnitTable,
    format_decimal,
    parse_molar_mass,
    parse_quantity,
    scale,
)

if TYPE_CHECKING:
    from typing import Any


# ---------------------------------------------------------------- what a Program makes of it


class Strength(NamedTuple):
    """A concentration as written: `value` base units of the drug per base unit of volume, in the form `salt`.

    `salt` is empty where it does not say one.
    """

    text: str
    value: Fraction
    salt: str = ""


class Binding(NamedTuple):
    """The name under which a hospital's system exports data. `unit` is that of a bare number.

    `values` takes its words to ours: an option, a truth value, `unobtainable` or `not available`.
    """

    name: str
    data: str
    unit: str = ""
    values: Mapping[str, str | bool] | None = None


class Dose(NamedTuple):
    """A charted rate or amount.

    `scaled` is set where nothing else is needed to know it. Otherwise `value` is in base units and `form`
    says what stands between it and the drug's unit: `direct`, `patient` (still to be divided by the
    weight) or `volume` (still to be multiplied by the concentration). `salt` is empty where a salt form
    is needed and not charted.
    """

    text: str
    value: Fraction
    form: str = "direct"
    salt: str = ""
    strength: Strength | None = None
    scaled: int | None = None


class Mark(NamedTuple):
    """One entry, read. `kind`: element, rate, given, done, declined, protocol, salt, record, unavailable (what
    is no data was asked for and cannot be had) or retraction.

    `state` of an element: empty (there is a value), unobtainable, not available, refused or conflict; of
    a therapy: empty, not available or refused.
    """

    at: int
    time: datetime
    id: str
    kind: str
    name: str
    value: Value = None
    state: str = ""
    event: str = ""
    dose: Dose | None = None
    reason: str = ""
    replaces: str = ""


class Index:
    """The marks that stand at one moment, by what they are about, in order of time."""

    __slots__ = ("marks",)

    def __init__(self, marks: Sequence[Mark]) -> None:
        gone = {mark.replaces for mark in marks if mark.replaces}
        self.marks: dict[tuple[str, str], list[Mark]] = {}
        for mark in marks:
            if mark.kind == "retraction" or mark.id in gone:
                continue
            listed = self.marks.setdefault((mark.kind, mark.name), [])
            if mark.kind == "element" and listed and listed[-1].at == mark.at:
                last = listed[-1]
                if last.state == "not available":
                    listed[-1] = mark
                elif mark.state != "not available" and (mark.value, mark.state) != (last.value, last.state):
                    listed[-1] = last._replace(value=None, state="conflict")
                continue
            listed.append(mark)

    def of(self, kind: str, name: str) -> Sequence[Mark]:
        """The marks about `name`, oldest first."""
        return self.marks.get((kind, name), ())


class ParsedChart(NamedTuple):
    """A chart read with one Program's dictionary.

    `moment`: it was a mapping, all of it of one moment. `features` are slots given outright.
    `doubtful` names what refused entries without a usable time were about: unknown until charted anew.
    """

    marks: tuple[Mark, ...]
    standing: Index
    last: int
    complete_from: int | None
    complete: bool
    moment: bool
    features: dict[int, Value]
    salts: dict[str, str]
    strengths: dict[str, Strength]
    doubtful: frozenset[str]
    refused: tuple[Refusal, ...]
    not_used: tuple[NotUsed, ...]
    lenient: bool
    chart: Chart | None


class Dictionary:
    """The names and units of one Program, ready for reading charts."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.elements = {element.id: element for element in program.elements}
        self.drugs = {drug.id: drug for drug in program.drugs}
        self.synonyms = {_plain(name): drug.id for drug in program.drugs for name in (*drug.synonyms, drug.id)}
        self.steps = {step.id for step in program.steps}
        self.units = UnitTable(program.units)
        self.slots = {slot.name: index for index, slot in enumerate(program.slots)}
        self.defines = [index for index, slot in enumerate(program.slots) if slot.kind == "define"]
        # Kept here for `kb.folds`: closures by the identity of conditions of the Program; what an empty mapping gives.
        self.closures: dict[tuple[int, ...], tuple[int, ...]] = {}
        self.blanks: dict[bool, Any] = {}
        self._measures: dict[str, Measure] = {}
        self._edges: dict[str, frozenset[int]] | None = None
        self._given: dict[str, frozenset[int]] | None = None

    def edges(self, name: str) -> frozenset[int]:
        """The numbers, scaled, with which the Program compares data or the rate of a drug anywhere."""
        if self._edges is None:
            found: dict[str, set[int]] = {}
            for compare in _compares(self.program):
                for one, other in ((compare.left, compare.right), (compare.right, compare.left)):
                    number = other.value if isinstance(other, Const) else None
                    if isinstance(one, Get) and isinstance(number, int) and not isinstance(number, bool):
                        found.setdefault(self.program.slots[one.slot].of, set()).add(number)
            self._edges = {of: frozenset(numbers) for of, numbers in found.items()}
        return self._edges.get(name, frozenset())

    def numbers(self, name: str) -> frozenset[int]:
        """As `edges`, and of a drug the doses and rates that the Program gives and compares orders with."""
        if self._given is None:
            found: dict[str, set[int]] = {}
            steps = [step.action for step in self.program.steps if step.action is not None]
            for action in (*steps, *(option.action for chosen in steps for option in chosen.options)):
                if action.dose is not None:
                    ends = (action.dose.low, action.dose.high, action.dose.most)
                    own = (end.value for end in ends if isinstance(end, Const))
                    found.setdefault(action.drug, set()).update(
                        value for value in (*own, *action.ladder) if isinstance(value, int)
                    )
            for rule in self.program.rules:
                for compare in _compares(rule.when):
                    one, other = compare.left, compare.right
                    ordered = isinstance(one, Get) and self.program.slots[one.slot].kind == "order"
                    if ordered and isinstance(other, Const) and isinstance(other.value, int):
                        for drug in rule.drugs:
                            found.setdefault(drug, set()).add(other.value)
            self._given = {of: frozenset(numbers) for of, numbers in found.items()}
        return self.edges(name) | self._given.get(name, frozenset())

    def drug(self, name: str) -> Drug | None:
        """The drug of an id or synonym, however it is capitalised or spaced."""
        return self.drugs.get(self.synonyms.get(_plain(name), ""))

    def measure(self, unit: str) -> Measure:
        """The meaning of a unit of the Program itself."""
        found = self._measures.get(unit)
        if found is None:
            found = self._measures[unit] = self.units.parse(unit or "1")
        return found

    def strength(self, text: str, drug: Drug) -> Strength:
        """A concentration such as `4 mg/50 mL`, perhaps with the salt form that it counts: `16 mcg/mL as base`.

        Raises:
            BadValue: not a concentration of this drug.

        """
        stated, as_, form = " ".join(text.split()).partition(" as ")
        salt = form.lower()
        if as_ and salt not in (known := [name for name, _ in drug.salts]):
            forms = nearest(salt, known) or (f"write one of {', '.join(known)}" if known else "leave the form out")
            raise BadValue("KB618", f"{quoted(form)} is not a salt form of `{drug.id}`", forms)
        over, slash, under = re.sub(r"\s+in\s+", "/", stated).partition("/")
        help = "write `1 mg/mL` or `4 mg/50 mL`"
        if not slash:
            raise BadValue("KB618", f"{quoted(text)} is not a concentration", help)
        try:
            value, unit = parse_quantity(over.strip())
            under = under.strip()
            volume, below = parse_quantity(under) if under[:1].isdigit() else (Fraction(1), under)
            top, bottom = self.units.parse(unit), self.units.parse(below)
        except BadValue as bad:
            raise BadValue("KB618", f"{quoted(text)} is not a concentration: {bad.message}", bad.help) from None
        if plain(bottom) != {"volume": 1} or volume <= 0 or value <= 0:
            raise BadValue("KB618", f"{quoted(text)} is not a concentration", help)
        wanted = plain(self.measure(drug.rate_unit or drug.amount_unit))
        wanted.pop("time", None)
        wanted.pop("body_mass", None)
        if plain(top) != wanted:
            raise BadValue("KB618", f"{quoted(text)} is not a concentration of `{drug.id}`", help)
        return Strength(text, value * top.factor / (volume * bottom.factor), salt)


def _plain(name: str) -> str:
    return "-".join(name.casefold().split())


def plain(measure: Measure) -> dict[str, int]:
    """The dimension without weight bases and substances: a chart does not spell those out."""
    found: dict[str, int] = {}
    for base, power in measure.dimension.items():
        name = base.partition("[")[0]
        if name != "count":
            found[name] = found.get(name, 0) + power
    return {base: power for base, power in found.items() if power}


# Units in which the same thing is measured elsewhere, and which a number is written without thinking of.
_MISTAKEN = {"mmol/L": ("mg/dL",), "mg/dL": ("mmol/L",), "mmHg": ("kPa",), "kPa": ("mmHg",)}


def without_molar_mass(names: Dictionary, element: Element, given: str) -> str:
    """What to do with data in `given` that only a molar mass would convert, where none is known; else empty."""
    try:
        both = dict(names.units.parse(given).dimension), dict(names.units.parse(element.unit).dimension)
        differ = {base for base, _ in set(both[0].items()) ^ set(both[1].items())}
    except BadValue:
        return ""
    if element.molar_mass or differ != {"mass", "amount"}:
        return ""
    return (
        f"have it reported in `{element.unit}`; nothing is converted, because the library has no `molar_mass` for "
        f"`{element.id}`"
    )


def _compares(item: object) -> Iterator[Compare]:
    if isinstance(item, Compare):
        yield item
    if isinstance(item, tuple):
        for part in item:
            yield from _compares(part)


_DICTIONARIES: dict[int, Dictionary] = {}


def dictionary_of(program: Program) -> Dictionary:
    """The dictionary of a Program, made once while the Program lives on in a small cache."""
    found = _DICTIONARIES.get(id(program))
    if found is None or found.program is not program:
        if len(_DICTIONARIES) >= 32:
            _DICTIONARIES.clear()
        found = _DICTIONARIES[id(program)] = Dictionary(program)
    return found


def parse_chart(
    program: Program,
    data: object,
    now: datetime | None = None,
    lenient: bool = False,
    bindings: Mapping[str, Binding] | None = None,
) -> ParsedChart:
    """Read a `Chart`, its JSON object, or a mapping of what is known now.

    Args:
        now: with its offset. Needed for entries, and for data that are times; a mapping without them does
            without.
        lenient: what is wrong counts as unknown and is listed in `refused`, instead of raising.
        bindings: the names under which the hospital's own system exports data (`kb.local`).

    Raises:
        ChartError: everything that is refused.

    """
    if isinstance(data, ParsedChart):
        return data
    reader = _Reader(dictionary_of(program), lenient, bindings or {})
    if now is not None:
        try:
            now = parse_time(now)
        except BadValue as bad:
            raise ChartError([refusal("KB608", "now", bad.message, bad.help or "")]) from None
    if isinstance(data, Chart):
        chart: Chart | None = data
    elif isinstance(data, str) or (isinstance(data, Mapping) and "entries" in data):
        chart = read_chart(data, reader.problems, reader.doubtful)
    else:
        chart = None
    if chart is not None:
        if now is None:
            help = "say what time it is: `now`, with its offset"
            reader.problems.append(refusal("KB609", "now", "a chart with times is read for a moment", help))
            raise ChartError(reader.problems)
        return reader.of_chart(chart)
    if not isinstance(data, Mapping):
        message = "a chart is an object with `entries`, or a mapping of what is known now"
        raise ChartError([refusal("KB601", "", message)])
    return reader.of_mapping(data, now)


class _Reader:
    """One reading of one chart: collects what is refused and what is not used."""

    def __init__(self, names: Dictionary, lenient: bool, bindings: Mapping[str, Binding] | None = None) -> None:
        self.names = names
        self.bindings = bindings or {}
        self.lenient = lenient
        self.problems: list[Refusal] = []
        self.not_used: list[NotUsed] = []
        self.doubtful: set[str] = set()

    # ------------------------------------------------------------ entries

    def of_chart(self, chart: Chart) -> ParsedChart:
        marks: list[Mark] = []
        for entry in chart.entries:
            mark = self.mark(entry)
            if mark is not None:
                marks.append(mark)
        complete_from = None if chart.complete_from is None else scaled_time(chart.complete_from)
        return self.result(marks, complete_from, chart)

    def result(self, marks: list[Mark], complete_from: int | None, chart: Chart | None) -> ParsedChart:
        if self.problems and not self.lenient:
            raise ChartError(self.problems)
        return ParsedChart(
            marks=tuple(marks),
            standing=Index(marks),
            last=marks[-1].at if marks else 0,
            complete_from=complete_from,
            complete=False,
            moment=False,
            features={},
            salts={},
            strengths={},
            doubtful=frozenset(
                name for told in self.doubtful for name in (self.names.drugs if told == ANY else (self.meant(told),))
            ),
            refused=tuple(self.problems),
            not_used=tuple(self.not_used),
            lenient=self.lenient,
            chart=chart,
        )

    def mark(self, entry: Entry) -> Mark | None:
        names = self.names
        at, replaces = scaled_time(entry.at), entry.replaces or entry.retracts
        if entry.retracts:
            return Mark(at, entry.at, entry.id, "retraction", "", replaces=replaces)
        gone = Mark(at, entry.at, entry.id, "retraction", "", replaces=replaces) if replaces else None
        if entry.kind == "observation":
            binding = self.bindings.get(entry.element)
            if binding is not None:
                value, state = self.bound(binding, entry.value, entry.id)
                return Mark(at, entry.at, entry.id, "element", binding.data, value, state, replaces=replaces)
            element = names.elements.get(entry.element)
            if element is not None:
                value, state = self.observed(element, entry.value, entry.id)
                return Mark(at, entry.at, entry.id, "element", element.id, value, state, replaces=replaces)
            asked = self.asked(entry.element) if entry.value == "not available" else ""
            if asked:
                return Mark(at, entry.at, entry.id, "unavailable", asked, replaces=replaces)
            drug = names.drug(entry.element.removesuffix(".salt"))
            if drug is not None and entry.element.endswith(".salt"):
                salt = self.salt(drug, str(entry.value), entry.id)
                return Mark(at, entry.at, entry.id, "salt", drug.id, salt or None, replaces=replaces)
            if entry.element == RECORD:
                return self.record(entry, at) or gone
            self.unused(entry, entry.element, (*names.elements, *names.drugs))
            return gone
        if entry.kind == "therapy":
            drug = names.drug(entry.drug)
            if drug is None:
                from difflib import get_close_matches  # seldom needed, and slow to import

                meant = get_close_matches(_plain(entry.drug), names.synonyms, n=1, cutoff=0.8)
                if not meant:
                    self.unused(entry, entry.drug, names.synonyms)
                    return gone
                # Passed over as another drug, a misspelt dose would be given again.
                message = f"{quoted(entry.drug)} is a drug this protocol does not know"
                self.problems.append(refusal("KB602", entry.drug, message, f"did you mean `{meant[0]}`?", entry.id))
                self.doubtful.add(names.synonyms[meant[0]])
                return gone
            dose, state = None, ""
            if entry.event != "stopped":
                of = "amount" if entry.event == "given" else "rate"
                dose = self.dose(drug, of, getattr(entry, of), entry.salt, entry.concentration, entry.id)
                state = "refused" if dose is None else ""
            kind = "given" if entry.event == "given" else "rate"
            return Mark(at, entry.at, entry.id, kind, drug.id, None, state, entry.event, dose, "", replaces)
        if entry.kind == "step":
            if entry.protocol not in ("", names.program.id):
                return gone
            if entry.step not in names.steps:
                self.unused(entry, entry.step, names.steps)
                return gone
            return Mark(at, entry.at, entry.id, entry.event, entry.step, reason=entry.reason, replaces=replaces)
        if entry.protocol != names.program.id:
            return gone
        return Mark(at, entry.at, entry.id, "protocol", "", event=entry.event, replaces=replaces)

    def asked(self, name: str) -> str:
        """What else than data may be asked for under `name`: a rate, a salt form, the record, a feature."""
        drug = self.names.drug(name.removesuffix(".salt"))
        if drug is not None:
            return drug.id + (".salt" if name.endswith(".salt") else "")
        slot = self.feature_slot(name)
        return RECORD if name == RECORD else "" if slot is None else self.names.program.slots[slot].name

    def record(self, entry: Entry, at: int) -> Mark | None:
        """An entry that says from when the therapy record is complete: `complete` (from ever) or a time."""
        start = 0
        if entry.value != "complete":
            try:
                start = scaled_time(parse_time(entry.value))
            except BadValue:
                help = "write `complete`, or the time from which it is"
                message = f"{quoted(entry.value)} does not say from when the therapy record is complete"
                self.problems.append(refusal("KB606", RECORD, message, help, entry.id))
                return None
        return Mark(at, entry.at, entry.id, "record", "", start, replaces=entry.replaces)

    def unused(self, entry: Entry, name: str, known: Iterable[str]) -> None:
        why = f"{quoted(name)} is unknown to this protocol"
        hint = nearest(name, known)
        self.not_used.append(NotUsed(entry.id, name, entry.at, f"{why}; {hint}" if hint else why))

    # ------------------------------------------------------------ a mapping

    def of_mapping(self, data: Mapping[Any, Any], now: datetime | None) -> ParsedChart:
        names, slots = self.names, self.names.program.slots
        time = EPOCH if now is None else now
        at = 0 if now is None else scaled_time(now)
        marks: list[Mark] = []
        features: dict[int, Value] = {}
        rates: dict[str, tuple[str, object]] = {}
        salts: dict[str, str] = {}
        strengths: dict[str, Strength] = {}
        complete = False
        for raw_key, raw in data.items():
            key = " ".join(raw_key.split()) if isinstance(raw_key, str) else str(raw_key)
            if raw is None:
                continue
            drug_name, dot, part = key.rpartition(".")
            drug = names.drug(drug_name if dot else key)
            binding = self.bindings.get(key)
            if binding is not None or key in names.elements:
                element = names.elements[key if binding is None else binding.data]
                if element.type == "date-time" and now is None and raw not in STATES:
                    help = "say what time it is: `now`, with its offset"
                    self.problems.append(refusal("KB609", key, f"`{key}` is a time and `now` is not given", help))
                    continue
                value, state = self.observed(element, raw, "") if binding is None else self.bound(binding, raw, "")
                marks.append(Mark(at, time, key, "element", element.id, value, state))
            elif drug is not None and not dot:
                if drug.id in rates:
                    self.twice(drug.id, rates[drug.id][0], key)
                    continue
                rates[drug.id] = (key, raw)
            elif drug is not None and part == "salt":
                if drug.id in salts:
                    self.twice(f"{drug.id}.salt", f"{drug.id}.salt", key)
                    continue
                salts[drug.id] = self.salt(drug, str(raw), "")
            elif drug is not None and part == "concentration":
                try:
                    strengths[drug.id] = names.strength(str(raw), drug)
                except BadValue as bad:
                    self.refuse(bad, key, "")
            elif key == RECORD:
                complete = raw == "complete"
                if raw not in ("complete", "not complete"):
                    help = "write `complete` where every therapy now running is given here"
                    self.problems.append(refusal("KB606", key, f"{quoted(raw)} is not known here", help))
            else:
                slot = self.feature_slot(key)
                if slot is None:
                    self.unknown_key(key)
                elif slot in features:
                    self.twice(slots[slot].name, slots[slot].name, key)
                else:
                    features[slot] = self.feature(slots[slot], raw)
        for id, (key, raw) in rates.items():
            marks.append(self.rate_now(names.drugs[id], key, raw, salts.get(id, ""), at, time))
        found = self.result(marks, None, None)
        return found._replace(
            complete=complete, moment=True, features=features, salts=salts, strengths=strengths, last=at
        )

    def rate_now(self, drug: Drug, key: str, raw: object, salt: str, at: int, time: datetime) -> Mark:
        concentration = ""
        if isinstance(raw, Mapping):
            for part in raw:
                if part not in ("rate", "salt", "concentration"):
                    help = nearest(str(part), ("rate", "salt", "concentration"))
                    self.problems.append(refusal("KB613", key, f"a therapy has no {quoted(part)} here", help))
            salt = str(raw.get("salt") or salt)
            concentration = str(raw.get("concentration") or "")
            raw = raw.get("rate", "")
        if raw in STATES:
            return Mark(at, time, key, "rate", drug.id, None, str(raw), "running")
        dose = self.dose(drug, "rate", raw, salt, concentration, "")
        return Mark(at, time, key, "rate", drug.id, None, "" if dose else "refused", "running", dose)

    def twice(self, name: str, first: str, second: str) -> None:
        message = f"`{first}` and {quoted(second)} are the same; one value is taken, not two"
        self.problems.append(refusal("KB614", name, message, "leave one of them out"))

    def feature_slot(self, key: str) -> int | None:
        """The slot of a feature under its generated name; drugs in it may be named by their synonyms."""
        slots, found = self.names.program.slots, self.names.slots.get(key)
        if found is None and "(" in key:
            spelled = re.sub(r"[a-z][a-z0-9_-]*", lambda word: self.names.synonyms.get(word[0], word[0]), key)
            found = self.names.slots.get(spelled)
        return found if found is not None and slots[found].kind == "feature" else None

    def unknown_key(self, key: str) -> None:
        program, names = self.names.program, self.names
        kind = program.slots[names.slots[key]].kind if key in names.slots else ""
        if kind == "unobtainable" or key.endswith(" is unobtainable"):
            of = key.removesuffix(" is unobtainable")
            message, help = f"{quoted(key)} is not a key", f"write `{of}: unobtainable`"
            self.problems.append(refusal("KB602", key, message, help))
            return
        if kind == "parameter" or any(parameter.id == key for parameter in program.parameters):
            message = f"`{key}` is settled by local policy, not charted"
            self.problems.append(refusal("KB619", key, message, "set it under `parameters` of the local settings"))
            return
        if kind:
            message = f"`{key}` is worked out by the protocol"
            self.problems.append(refusal("KB619", key, message, "give the data it is worked out from"))
            return
        known = [slot.name for slot in program.slots if slot.kind == "feature"]
        known += [*names.elements, *names.synonyms, RECORD]
        known += [f"{drug.id}.salt" for drug in program.drugs if drug.salts]
        if "(" not in key:
            known = [name for name in known if "(" not in name]
        message = f"{quoted(key)} is unknown to this protocol"
        words = key.casefold().replace("-", "_").replace(" ", "_")
        longer = sorted(name for name in known if f"_{words}_" in f"_{name.replace('-', '_')}_")
        help = nearest(key, known) or nearest(words, known) or (f"did you mean `{longer[0]}`?" if longer else "")
        help = help or "leave it out: nothing in this protocol reads it"
        self.problems.append(refusal("KB602", key, message, help))

    def feature(self, slot: Slot, raw: object) -> Value:
        """The value of a feature given outright; unknown where it is refused."""
        try:
            if slot.type == "boolean":
                return _truth(slot.name, raw)
            if slot.type == "choice":
                return _option(slot.name, raw, slot.options)
            if slot.type == "date-time":
                return scaled_time(parse_time(raw))
            value = self.quantity(slot.name, raw, slot.unit, self.names.elements.get(_of(slot)))
            function = slot.feature.function if slot.feature else ""
            if value < 0 and function not in ("change", "previous"):
                raise BadValue("KB607", f"`{slot.name}` cannot be negative")
            if function == "count" and value % SCALE:
                raise BadValue("KB607", f"`{slot.name}` is a whole number")
            return value
        except BadValue as bad:
            self.refuse(bad, slot.name, "")
        return None

    # ------------------------------------------------------------ values

    def refuse(self, bad: BadValue, name: str, entry: str) -> None:
        code = OF_VALUES.get(bad.code, bad.code)
        self.problems.append(refusal(code, name, bad.message, bad.help or "", entry))

    def meant(self, told: str) -> str:
        """Our name of what an entry is about."""
        binding = self.bindings.get(told)
        return self.names.synonyms.get(_plain(told), told) if binding is None else binding.data

    def bound(self, binding: Binding, raw: object, entry: str) -> tuple[Value, str]:
        """(value, state) of an observation under a name of the hospital's, in its words and its unit."""
        element = self.names.elements[binding.data]
        try:
            text = text_of(raw)
        except BadValue as bad:
            self.refuse(bad, element.id, entry)
            return None, "refused"
        word = str(text).lower() if isinstance(text, bool) else " ".join(text.split())
        if binding.values is not None and word in binding.values:
            return self.observed(element, binding.values[word], entry)
        if word in STATES:
            return self.observed(element, word, entry)
        if binding.values is not None and element.type not in ("number", "quantity"):
            help = nearest(word, binding.values) or f"the local settings know {', '.join(binding.values)}"
            message = f"{quoted(raw)} is not a word of `{binding.name}`, which is `{element.id}` here"
            self.problems.append(refusal("KB603", element.id, message, help, entry))
            return None, "refused"
        if binding.unit and not isinstance(text, bool) and " " not in word:
            return self.observed(element, f"{word} {binding.unit}", entry)
        return self.observed(element, raw, entry)

    def observed(self, element: Element, raw: object, entry: str) -> tuple[Value, str]:
        """(value, state) of one observation."""
        try:
            if raw == "not available":
                return None, "not available"
            if raw == "unobtainable":
                if element.can_be_unobtainable:
                    return None, "unobtainable"
                raise BadValue("KB615", f"`{element.id}` cannot be unobtainable", "write `not available`")
            if element.type == "boolean":
                return _truth(element.id, raw), ""
            if element.type == "choice":
                return _option(element.id, raw, element.options), ""
            if element.type == "date-time":
                return scaled_time(parse_time(raw)), ""
            if element.type == "text":
                return str(text_of(raw)), ""
            return self.quantity(element.id, raw, element.unit, element), ""
        except BadValue as bad:
            self.refuse(bad, element.id, entry)
        return None, "refused"

    def quantity(self, name: str, raw: object, unit: str, element: Element | None) -> int:
        """A number with its unit, scaled in `unit`; within the range of `element` where it has one."""
        text = text_of(raw)
        if isinstance(text, bool):
            raise BadValue("KB606", f"`{name}` is a number, not {str(text).lower()}")
        value, given = self.split(text, name, unit)
        if given == unit:
            scaled = scale(value)
            if element is not None:
                self.check_range(element.low, element.high, unit, name, scaled, text)
            return scaled
        molar_mass = parse_molar_mass(element.molar_mass) if element is not None else None
        valence = element.valence if element is not None else 0
        try:
            scaled = self.names.units.to_scaled(value, given, unit, molar_mass, valence)
        except BadValue as bad:
            help = bad.help if element is None else without_molar_mass(self.names, element, given) or bad.help
            raise BadValue(bad.code, f"`{name}`: {bad.message}", help) from None
        if element is not None and element.unit == unit:
            self.check_range(element.low, element.high, unit, name, scaled, text)
        return scaled

    def split(self, text: str, name: str, unit: str) -> tuple[Fraction, str]:
        """Number and unit of `text`, which is to be in `unit`."""
        try:
            value, given = parse_quantity(text)
        except BadValue as bad:
            raise BadValue(bad.code, f"`{name}`: {bad.message}", bad.help) from None
        if not given and unit not in ("", "1"):
            raise BadValue("KB604", f"{quoted(text)} has no unit (`{name}`)", f"write `{text.strip()} {unit}`")
        return value, given

    def check_range(self, low: int | None, high: int | None, unit: str, name: str, scaled: int, raw: object) -> None:
        """Refuse a value outside its range; both ends are in it."""
        if (low is not None and scaled < low) or (high is not None and scaled > high):
            ends = [format_decimal(end) for end in (low, high) if end is not None]
            span = " to ".join(ends) if len(ends) == 2 else ("from " if high is None else "up to ") + ends[0]
            message = f"{quoted(raw)} is outside the range of `{name}`"
            raise BadValue("KB607", message, f"its range is {span} {unit}".rstrip() + self.other_unit(name, unit, raw))

    def other_unit(self, name: str, unit: str, raw: object) -> str:
        """The unit in which a number outside its range may have been measured; empty where none would fit."""
        element, given = self.names.elements.get(name), str(raw).split()
        if element is None or element.unit != unit or len(given) < 2 or given[1] != unit:
            return ""
        for other in _MISTAKEN.get(unit, ()):
            if without_molar_mass(self.names, element, other):
                return f"; if it was reported in `{other}`, {without_molar_mass(self.names, element, other)}"
            molar_mass = parse_molar_mass(element.molar_mass)
            scaled = self.names.units.to_scaled(parse_quantity(str(raw))[0], other, unit, molar_mass, element.valence)
            if (element.low is None or scaled >= element.low) and (element.high is None or scaled <= element.high):
                return f"; if it was measured in `{other}`, write `{given[0]} {other}`"
        return ""

    def salt(self, drug: Drug, text: str, entry: str) -> str:
        """A salt form of `drug`, or nothing where it is refused."""
        word = " ".join(text.lower().split()).removeprefix("as ")
        known = [salt for salt, _ in drug.salts]
        if word in known:
            return word
        if known:
            message = f"{quoted(text)} is not a salt form of `{drug.id}` here"
            help = nearest(word, known) or f"write one of {', '.join(known)}"
        else:  # whoever says it may mean another drug
            message, help = f"`{drug.id}` has no salt forms in this protocol", "leave the form out"
        self.problems.append(refusal("KB612", drug.id, message, help, entry))
        return ""

    def dose(self, drug: Drug, of: str, raw: object, salt: str, concentration: str, entry: str) -> Dose | None:
        """A charted rate or amount of a drug; None where it is refused."""
        before = len(self.problems)
        unit = drug.rate_unit if of == "rate" else drug.amount_unit
        try:
            if not unit:
                other = "chart the amount `given`" if of == "rate" else "chart the running rate"
                raise BadValue("KB617", f"`{drug.id}` has no {of} here", other)
            text = text_of(raw)
            if isinstance(text, bool):
                raise BadValue("KB606", f"the {of} of `{drug.id}` is a number with its unit")
            stated, as_, form = text.partition(" as ")
            word = (self.salt(drug, form, entry) if as_ else "") or (self.salt(drug, salt, entry) if salt else "")
            if as_ and salt and self.salt(drug, salt, entry) != word:
                raise BadValue("KB612", f"`{drug.id}` is charted as two salt forms")
            nothing = of == "rate" and stated.strip() == "0"  # no infusion is none in every unit
            value, given = (Fraction(0), "") if nothing else self.split(stated, drug.id, unit)
            if value < 0:
                raise BadValue("KB607", f"the {of} of `{drug.id}` cannot be negative")
            strength = self.names.strength(concentration, drug) if concentration else None
            dose = self.weighed(drug, of, unit, Dose(text, value, "direct", word, strength), given)
        except BadValue as bad:
            self.refuse(bad, drug.id, entry)
            return None
        return dose if len(self.problems) == before else None

    def weighed(self, drug: Drug, of: str, unit: str, dose: Dose, given: str) -> Dose:
        """`dose` in base units, with what is still needed to know it in `unit`."""
        if dose.value == 0 and not given:
            return dose._replace(scaled=0)
        wanted = self.names.measure(unit)
        try:
            measure = self.names.units.parse(given)
        except BadValue as bad:
            raise BadValue(bad.code, f"`{drug.id}`: {bad.message}", bad.help or f"write it in `{unit}`") from None
        have, need = plain(measure), plain(wanted)
        per_patient = {base: power for base, power in need.items() if base != "body_mass"}
        by_volume = {"volume": 1, "time": -1} if of == "rate" else {"volume": 1}
        value = dose.value * measure.factor
        form = "direct" if have == need else "patient" if have == per_patient else "volume" if have == by_volume else ""
        if not form or (form == "patient" and self.names.program.weight is None):
            why = ": it is read per kg, and this protocol knows no weight" if form else ""
            message = f"`{given or dose.text}` is not a unit for the {of} of `{drug.id}`{why}"
            raise BadValue("KB605", message, f"write it in `{unit}`")
        if dose.value == 0:
            return dose._replace(value=value, form=form, scaled=0)
        fraction = salt_fraction(drug, dose.salt)
        if fraction is None or form != "direct":
            return dose._replace(value=value, form=form)
        if fraction is ONE and given == unit:
            return dose._replace(value=value, scaled=scale(dose.value))
        return dose._replace(value=value, scaled=round(value * fraction / wanted.factor * SCALE))


def salt_fraction(drug: Drug, salt: str) -> Fraction | None:
    """The fraction of base in a salt form; None where the form matters and is not known."""
    fractions = dict(drug.salts)
    if salt:
        share = fractions.get(salt, "1")
        return ONE if share == "1" else Fraction(share)
    if len(set(fractions.values())) > 1 or any(Fraction(value) != 1 for value in fractions.values()):
        return None
    return ONE


def _of(slot: Slot) -> str:
    """The data a feature has its range from: only a previous value is a value of the data."""
    feature = slot.feature
    return feature.of.id if feature is not None and feature.of and feature.function == "previous" else ""


def _truth(name: str, raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if raw in ("true", "false"):
        return raw == "true"
    raise BadValue("KB603", f"{quoted(raw)} does not answer `{name}`", "write true or false")


def _option(name: str, raw: object, options: tuple[str, ...]) -> str:
    word = raw.strip() if isinstance(raw, str) else str(raw)
    if word in options:
        return word
    help = nearest(word, options) or f"write one of {', '.join(options)}"
    raise BadValue("KB603", f"{quoted(raw)} is not an option of `{name}`", help)


def read_parameter(names: Dictionary, parameter: Parameter, raw: object) -> Value:
    """A value of the local settings for a parameter: an option, or a number within its range, scaled.

    Raises:
        BadValue: it does not fit.

    """
    if parameter.options:
        return _option(parameter.id, raw, parameter.options)
    reader = _Reader(names, False)
    scaled = reader.quantity(parameter.id, raw, parameter.unit, None)
    if scaled < 0 and parameter.low is None:
        raise BadValue("KB621", f"{quoted(raw)} is less than nothing", "write the value without a sign")
    reader.check_range(parameter.low, parameter.high, parameter.unit, parameter.id, scaled, raw)
    return scaled


# ---------------------------------------------------------------- doses and orders


class Missing(NamedTuple):
    """What keeps a charted dose from being known: salt form, weight or concentration."""

    kind: str


def settle(
    names: Dictionary, drug: Drug, of: str, dose: Dose, weight: Fraction | None, salt: str, strength: Strength | None
) -> int | Missing:
    """A charted rate or amount, scaled in the drug's unit.

    Args:
        weight: base units (kg) of the weight that `per kg` means.
        salt: the form that was charted apart from the dose, or nothing.
        strength: the concentration that holds where the entry names none. Where it says its salt form, a rate
            by volume needs none of its own, and must not say another.

    """
    if dose.scaled is not None:
        return dose.scaled
    wanted = names.measure(drug.rate_unit if of == "rate" else drug.amount_unit)
    strength = dose.strength or strength
    said = dose.salt or salt
    if dose.form == "volume" and strength is not None and strength.salt:
        if said and salt_fraction(drug, said) != salt_fraction(drug, strength.salt):
            return Missing("salt form")
        said = strength.salt
    fraction = salt_fraction(drug, said)
    if fraction is None:
        return Missing("salt form")
    value = dose.value * fraction
    if dose.form == "volume":
        if strength is None:
            return Missing("concentration")
        value *= strength.value
    if dose.form != "direct" and "body_mass" in plain(wanted):
        if not weight:
            return Missing("weight")
        value /= weight
    return round(value / wanted.factor * SCALE)


class Order(NamedTuple):
    """One order, read: `rate` and `amount` scaled in the drug's units, None where not stated."""

    drug: str
    rate: int | None = None
    amount: int | None = None
    route: str | None = None
    intent: str | None = None
    line: str | None = None
    weight: str | None = None
    salt: str | None = None


class ParsedOrder(NamedTuple):
    """An order as read. `problems` say why it is refused, `asks` what would tell its dose; `order` None: unreadable.

    `understood`: what its dose comes to in the drug's unit, where it was not stated so, and by what.
    """

    text: str
    order: Order | None
    problems: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    understood: str = ""


_ORDER_KEYS = ("drug", "rate", "amount", "route", "intent", "line", "weight", "salt", "concentration")


def parse_order(
    program: Program,
    order: Mapping[str, Any],
    row: Sequence[Value] = (),
    concentrations: Mapping[str, Strength] | None = None,
) -> ParsedOrder:
    """Read one order: `drug` and any of rate, amount, route, intent, line, weight, salt, concentration.

    Args:
        row: the patient's row, for the weight.
        concentrations: those of the local settings, by drug.

    """
    reader = _Reader(dictionary_of(program), True)
    names, text = reader.names, ", ".join(f"{key} {value}" for key, value in order.items() if value is not None)
    name = str(order.get("drug", ""))
    for key in order:
        if key not in _ORDER_KEYS:
            help = nearest(str(key), _ORDER_KEYS)
            reader.problems.append(refusal("KB631", name, f"an order has no {quoted(key)}", help))
    drug = names.drug(name)
    if drug is None:
        message = f"{quoted(name)} is a drug this protocol does not know" if name else "an order names its `drug`"
        reader.problems.append(refusal("KB630", name, message, nearest(name, names.synonyms)))
        return _order(text, None, reader.problems)
    found: dict[str, str] = {}
    for key in ("route", "intent", "line", "weight", "salt", "concentration"):
        raw = order.get(key)
        if raw is not None and not isinstance(raw, str):
            reader.problems.append(refusal("KB631", drug.id, f"`{key}` of an order is text"))
        elif raw:
            found[key] = " ".join(raw.split())
    if found.get("route") and drug.routes and found["route"] not in drug.routes:
        help = nearest(found["route"], drug.routes) or f"it is given {', '.join(drug.routes)}"
        message = f"{quoted(found['route'])} is not a route of `{drug.id}`"
        reader.problems.append(refusal("KB631", drug.id, message, help))
    kilograms = row[program.weight] if program.weight is not None and program.weight < len(row) else None
    weight = None
    if program.weight is not None and isinstance(kilograms, int):
        weight = Fraction(kilograms, SCALE) * names.measure(program.slots[program.weight].unit).factor
    asks: list[str] = []
    doses: dict[str, int | None] = {}
    understood: list[str] = []
    for of in ("rate", "amount"):
        if order.get(of) is None:
            continue
        dose = reader.dose(drug, of, order[of], found.get("salt", ""), found.get("concentration", ""), "")
        if dose is None:
            continue
        strength = (concentrations or {}).get(drug.id)
        if dose.salt:
            found["salt"] = dose.salt
        value = settle(names, drug, of, dose, weight, "", strength)
        if isinstance(value, Missing):
            asks.append(_asked(program, drug, value.kind))
        else:
            doses[of] = value
            understood.append(_understood(program, drug, of, dose, value, dose.strength or strength))
    if not doses and not asks and not reader.problems:
        message = f"the order of `{drug.id}` has no dose"
        reader.problems.append(refusal("KB632", drug.id, message, "state its `rate` or its `amount`"))
    found.pop("concentration", None)
    if asks:  # INVARIANT: an order whose dose is not known is never judged as if it had none
        return _order(text, None, reader.problems, asks)
    made = _order(text, Order(drug.id, doses.get("rate"), doses.get("amount"), **found), reader.problems)
    return made._replace(understood="; ".join(filter(None, understood)))


def _understood(program: Program, drug: Drug, of: str, dose: Dose, scaled: int, strength: Strength | None) -> str:
    """`5 mL/h of 4 mg/50 mL, for weight, = 0.0952 mcg/kg/min as base`; nothing where the dose was stated so."""
    unit = drug.rate_unit if of == "rate" else drug.amount_unit
    stated = " ".join(dose.text.partition(" as ")[0].split())
    form = dose.salt or (strength.salt if dose.form == "volume" and strength is not None else "")
    converted = bool(form) and len(drug.salts) > 1 and salt_fraction(drug, form) != ONE
    told = f"{format_decimal(scaled)} {unit}"
    if dose.value == 0 or (dose.form == "direct" and not converted and stated == told):
        return ""
    by_weight = dose.form != "direct" and "body_mass" in plain(dictionary_of(program).measure(unit))
    said = [f"{stated} as {dose.salt}" if dose.salt else stated]
    if dose.form == "volume" and strength is not None:
        said.append(f"of {strength.text}")
    if by_weight and program.weight is not None:
        said.append(f"at the {program.slots[program.weight].of.replace('_', ' ')} charted")
    base = " as base" if drug.salts else ""
    return f"{' '.join(said)} = {told}{base}"


def _asked(program: Program, drug: Drug, kind: str) -> str:
    if kind == "weight" and program.weight is not None:
        return program.slots[program.weight].of
    return f"{drug.id}.salt" if kind == "salt form" else f"{drug.id}.concentration"


def _order(text: str, order: Order | None, problems: list[Refusal], asks: Iterable[str] = ()) -> ParsedOrder:
    words = tuple(item.message + (f" ({item.help})" if item.help else "") for item in problems)
    return ParsedOrder(text, order, words, tuple(asks), tuple(problems))
