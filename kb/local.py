"""What one hospital has settled (`local.yaml`), read for one Program: the settings in force, and what is wrong.

Short and long form mean the same: `reassess_after: 5 min` is `reassess_after: {value: 5 min}`. A mapping with the
key `format` is a whole file: it serves many protocols and was checked with its base (`kb check`), so what it says of
things that this Program does not have is passed over. Without it, the mapping is meant for this Program, and every
name in it must be known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial

from kb import program as ir
from kb.advice import LocalSetting
from kb.chart import ANY, RECORD, RULES, STATES, ChartError, Refusal, nearest, quoted, text_of
from kb.limits import KINDS, SIDES, LocalLimit, Tell, edge_of, library_edge, unit_of, widened
from kb.program import SCALE, Drug, Element, Parameter, Program, Value
from kb.reading import Binding, Dictionary, Strength, dictionary_of, read_parameter, without_molar_mass
from kb.records import TYPE_CHECKING, NamedTuple
from kb.values import BadValue, format_decimal, format_scaled, parse_molar_mass, parse_quantity

if TYPE_CHECKING:
    from typing import Any

    Path = tuple[str | int, ...]

KEYS = (
    "format", "name", "approved_by", "approved_on", "parameters", "protocols", "display_units", "concentrations",
    "limits", "care_areas", "bindings", "care_area",
)  # fmt: skip
SIGNATURE = ("because", "approved_by", "approved_on")
CARE_AREA = "care_area"
SECTIONS = ("parameters", "protocols", "display_units", "concentrations", "limits", "care_areas", "bindings")


class Problem(NamedTuple):
    """One thing wrong with local settings. `path` leads to it through the keys of the file.

    `grave`: not even a lenient reading may pass it over, because advice would then be less careful than the
    hospital wants it. `wider`: a limit wider than the library's, without a reason.
    """

    code: str
    path: Path
    message: str
    help: str = ""
    grave: bool = True
    wider: bool = False

    def refusal(self) -> Refusal:
        return Refusal(self.code, RULES[self.code], str(self.path[-1]) if self.path else "", self.message, self.help)


class Signed(NamedTuple):
    """Why a setting was made, by whom it was signed and when; the file's own words where it says none."""

    because: str = ""
    by: str = ""
    on: str = ""


class Local(NamedTuple):
    """Local settings as one Program needs them.

    `areas` are the care areas and their titles, `area` the one that is named, or empty. `units` are display units
    by data element or drug, `raw` what was given.
    """

    parameters: dict[str, Value]
    concentrations: dict[str, Strength]
    units: dict[str, str]
    limits: dict[str, tuple[LocalLimit, ...]]
    areas: dict[str, str]
    area: str
    bindings: dict[str, Binding]
    problems: tuple[Problem, ...]
    raw: Mapping[str, Any]

    def possible_areas(self, drug: str) -> tuple[str, ...]:
        """The care areas the patient may be in, as far as they differ for a drug; empty text: none that is named."""
        if self.area:
            return (self.area,)
        own = dict.fromkeys(item.area for item in self.limits.get(drug, ()) if item.area)
        return ("", *own)


NO_LOCAL = Local({}, {}, {}, {}, {}, "", {}, (), {})


def read_local(program: Program, local: Mapping[str, Any] | Local | None) -> Local:
    """The settings of `local` for `program`; what is wrong with them is in `problems`."""
    if isinstance(local, Local):
        return local
    if local is None or (isinstance(local, Mapping) and not local):
        return NO_LOCAL
    return _Reader(dictionary_of(program), local).read()


def checked_local(program: Program, local: Mapping[str, Any] | Local | None) -> Local:
    """The settings of `local` for `program`.

    Raises:
        ChartError: something is wrong with them.

    """
    read = read_local(program, local)
    if read.problems:
        raise ChartError(problem.refusal() for problem in read.problems)
    return read


# ---------------------------------------------------------------- form


def long_form(raw: object, key: str = "value") -> Mapping[str, Any]:
    """A setting as a mapping, however it was written."""
    return raw if isinstance(raw, Mapping) else {key: raw}


def section(raw: Mapping[str, Any], key: str) -> Iterator[tuple[str, object]]:
    """The named settings of one kind; nothing where it is no mapping."""
    found = raw.get(key)
    if isinstance(found, Mapping):
        yield from ((str(name), value) for name, value in found.items() if value is not None)


def signed(raw: Mapping[str, Any], setting: object) -> Signed:
    """The reason of a setting, and who signed it: as it says itself, else as the file does."""
    own = setting if isinstance(setting, Mapping) else {}
    return Signed(
        _words(own.get("because")),
        _words(own.get("approved_by")) or _words(raw.get("approved_by")),
        _words(own.get("approved_on")) or _words(raw.get("approved_on")),
    )


def _words(raw: object) -> str:
    return "" if raw is None else " ".join(str(raw).split())


def local_digest(local: Mapping[str, Any] | Local | None) -> str:
    """SHA-256 over all that can change advice or what is shown with it; empty where nothing is settled.

    The order of keys and the short or long form of a setting make no difference.
    """
    raw = local.raw if isinstance(local, Local) else local
    if not raw or not isinstance(raw, Mapping):
        return ""
    made = {key: _canonical(raw, key) for key in (*SECTIONS, CARE_AREA, "name")}
    made = {key: value for key, value in made.items() if value}
    if not set(made) - {"name"}:
        return ""
    import hashlib
    import json

    return hashlib.sha256(json.dumps(made, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _canonical(raw: Mapping[str, Any], key: str) -> object:
    if key in ("name", CARE_AREA):
        return _words(raw.get(key))
    if key in ("display_units", "concentrations", "parameters"):
        return {name: _setting(raw, value) for name, value in section(raw, key)}
    if key == "limits":
        return _limits(raw, raw)
    if key == "bindings":
        return {name: _setting(raw, value, "data") for name, value in section(raw, key)}
    inner = {}
    for name, value in section(raw, key):
        part = value if isinstance(value, Mapping) else {}
        inner[name] = {
            "title": _words(part.get("title")),
            "limits": _limits(raw, part),
            "parameters": {id: _setting(raw, setting) for id, setting in section(part, "parameters")},
        }
    return inner


def _limits(raw: Mapping[str, Any], part: Mapping[str, Any]) -> object:
    made = {}
    for drug, entries in section(part, "limits"):
        listed = entries if isinstance(entries, list | tuple) else [entries]
        made[drug] = [_setting(raw, entry, "limit") for entry in listed]
    return made


def _setting(raw: Mapping[str, Any], setting: object, key: str = "value") -> object:
    own = long_form(setting, key)
    made = {str(name): _plain(value) for name, value in own.items() if value is not None and name not in SIGNATURE}
    return [made, list(signed(raw, own))]


def _plain(raw: object) -> object:
    if isinstance(raw, Mapping):
        return {str(name): _plain(value) for name, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [_plain(item) for item in raw]
    try:
        text = text_of(raw)
    except BadValue:
        return str(raw)
    return text if isinstance(text, bool) else " ".join(text.split())


# ---------------------------------------------------------------- reading


class _Reader:
    def __init__(self, names: Dictionary, local: object) -> None:
        self.names, self.program = names, names.program
        self.problems: list[Problem] = []
        self.raw: Mapping[str, Any] = local if isinstance(local, Mapping) else {}
        self.whole = "format" in self.raw
        if not isinstance(local, Mapping):
            self.report("KB621", ("local",), "the local settings are a mapping with `parameters` and so on")

    def report(
        self, code: str, path: Path, message: str, help: str = "", grave: bool = True, wider: bool = False
    ) -> None:
        self.problems.append(Problem(code, path, message, help or "", grave, wider))

    def read(self) -> Local:
        raw = self.raw
        known = {parameter.id: parameter for parameter in self.program.parameters}
        for key in raw:
            if key in known:
                help = "put it under `parameters`"
                self.report("KB621", (key,), f"{quoted(key)} stands beside `parameters`", help)
            elif key not in KEYS:
                help = nearest(str(key), KEYS) or f"the keys are {', '.join(KEYS)}"
                self.report("KB646", (str(key),), f"local settings have no {quoted(key)}", help)
        parameters = dict(self.parameters(known))
        areas = dict(self.care_areas())
        made = Local(
            parameters,
            dict(self.concentrations()),
            dict(self.display_units()),
            self.all_limits(areas),
            areas,
            self.care_area(areas),
            dict(self.bindings()),
            (),
            raw,
        )
        return made._replace(problems=tuple(self.problems))

    def settings(self, part: Mapping[str, Any], key: str, *path: str | int) -> Iterable[tuple[str, object, Path]]:
        found = part.get(key)
        if found is None:
            return
        if not isinstance(found, Mapping):
            grave = key not in ("parameters", "concentrations")
            message = f"`{key}` of the local settings is a mapping of names to values"
            self.report("KB621", (*path, key), message, grave=grave)
            return
        for name, raw in section(part, key):
            yield name, raw, (*path, key, name)

    def keys(self, setting: object, path: Path, allowed: Sequence[str], key: str = "value") -> Mapping[str, Any] | None:
        """A setting in its long form; None where it has a key that it must not have, or lacks its value."""
        own = long_form(setting, key)
        for name in own:
            if name not in (*allowed, *SIGNATURE):
                help = nearest(str(name), (*allowed, *SIGNATURE)) or f"its keys are {', '.join((*allowed, *SIGNATURE))}"
                self.report("KB646", path, f"a setting has no {quoted(name)} (`{path[-1]}`)", help)
                return None
        if own.get(key) is None:
            self.report("KB621", path, f"`{path[-1]}` has no `{key}`", f"write `{key}: …`", grave=False)
            return None
        return own

    def unknown(self, code: str, path: Path, what: str, known: Iterable[str], grave: bool = True) -> None:
        """A name that this Program does not have: another protocol's in a whole file, else a mistake."""
        if not self.whole:
            name = str(path[-1])
            help = (
                nearest(name, known)
                or "a file for several protocols says `format: 1`; then it may name what others have"
            )
            self.report(code, path, f"{quoted(name)} is not {what} of this protocol", help, grave)

    # ------------------------------------------------------------ parameters

    def parameters(self, known: Mapping[str, Parameter]) -> Iterator[tuple[str, Value]]:
        for name, raw, path in self.settings(self.raw, "parameters"):
            if name in known:
                yield name, self.parameter(known[name], raw, path)
            else:
                self.unknown("KB620", path, "a parameter", known, grave=False)
        for id, part, place in self.settings(self.raw, "protocols"):
            if not isinstance(part, Mapping):
                self.report("KB621", place, f"`{id}` is a mapping with `parameters`")
                continue
            for key in part:
                if key != "parameters":
                    self.report(
                        "KB646", place, f"a protocol has no {quoted(key)} here", "only `parameters` differ by protocol"
                    )
            if id != self.program.id:
                continue
            for name, raw, path in self.settings(part, "parameters", "protocols", id):
                if name in known:
                    yield name, self.parameter(known[name], raw, path)
                else:
                    message = f"{quoted(name)} is not a parameter of `{id}`"
                    self.report("KB620", path, message, nearest(name, known), grave=False)

    def parameter(self, parameter: Parameter, raw: object, path: Path) -> Value:
        own = self.keys(raw, path, ("value",))
        if own is None:
            return None
        try:
            return read_parameter(self.names, parameter, own["value"])
        except BadValue as bad:
            self.report("KB621", path, bad.message, bad.help or "", grave=False)
            return None

    # ------------------------------------------------------------ concentrations and display units

    def concentrations(self) -> Iterator[tuple[str, Strength]]:
        seen: dict[str, str] = {}
        for name, raw, path in self.settings(self.raw, "concentrations"):
            own, drug = self.keys(raw, path, ("value",)), self.names.drug(name)
            if drug is None:
                self.unknown("KB646", path, "a drug", self.names.synonyms, grave=False)
            elif own is not None and not self.again(drug, name, seen, path):
                try:
                    yield drug.id, self.names.strength(str(text_of(own["value"])), drug)
                except BadValue as bad:
                    self.report("KB618", path, bad.message, bad.help or "", grave=False)

    def again(self, drug: Drug, name: str, seen: dict[str, str], path: Path) -> bool:
        """Whether a drug stands twice in one place, under two of its names."""
        if drug.id in seen:
            message = f"{quoted(name)} and {quoted(seen[drug.id])} are one drug, `{drug.id}`"
            self.report("KB646", path, message, "leave one of them out")
            return True
        seen[drug.id] = name
        return False

    def display_units(self) -> Iterator[tuple[str, str]]:
        for name, raw, path in self.settings(self.raw, "display_units"):
            own, element, drug = self.keys(raw, path, ("value",)), self.names.elements.get(name), self.names.drug(name)
            if element is None and drug is None:
                self.unknown("KB649", path, "data or a drug", (*self.names.elements, *self.names.synonyms))
            elif own is not None:
                try:
                    unit = str(text_of(own["value"]))
                    if element is not None:
                        self.shown_in(element.unit, unit, element)
                    elif drug is not None:
                        self.shown_as(drug, unit)
                except BadValue as bad:
                    self.report("KB649", path, f"`{name}` cannot be shown so: {bad.message}", bad.help or "")
                else:
                    yield (name if element is not None else drug.id if drug is not None else name), unit

    def shown_in(self, unit: str, other: str, element: Element | None = None) -> None:
        if element is not None and element.type not in ("number", "quantity"):
            raise BadValue("KB649", f"it is a {element.type}, and has no unit")
        molar_mass = None if element is None else parse_molar_mass(element.molar_mass)
        try:
            self.names.units.convert(Fraction(1), unit, other, molar_mass, 0 if element is None else element.valence)
        except BadValue as bad:
            if element is not None and without_molar_mass(self.names, element, other):
                help = f"leave it in `{unit}`, or give `{element.id}` its `molar_mass:` in library/data.yaml"
                raise BadValue(bad.code, bad.message, help) from None
            raise

    def shown_as(self, drug: Drug, other: str) -> None:
        units = [unit for unit in (drug.rate_unit, drug.amount_unit) if unit]
        for unit in units:
            try:
                self.shown_in(unit, other)
            except BadValue:
                continue
            return
        self.names.units.parse(other)
        raise BadValue("KB649", f"{quoted(other)} is another thing than {' or '.join(f'`{unit}`' for unit in units)}")

    # ------------------------------------------------------------ limits and care areas

    def care_areas(self) -> Iterator[tuple[str, str]]:
        for id, part, path in self.settings(self.raw, "care_areas"):
            own = {"title": part} if isinstance(part, str) else part
            if not isinstance(own, Mapping):
                self.report("KB621", path, f"`{id}` is a mapping with `title` and `limits`")
                continue
            for key in own:
                if key not in ("title", "limits"):
                    help = nearest(str(key), ("title", "limits")) or "its keys are title, limits"
                    self.report("KB646", path, f"a care area has no {quoted(key)}", help)
            yield id, _words(own.get("title")) or id

    def care_area(self, areas: Mapping[str, str]) -> str:
        area = _words(self.raw.get(CARE_AREA))
        if area and area not in areas:
            help = nearest(area, areas) or f"there are: {', '.join(areas) or 'none'}"
            self.report("KB646", (CARE_AREA,), f"{quoted(area)} is no care area of the local settings", help)
        return area

    def all_limits(self, areas: Iterable[str]) -> dict[str, tuple[LocalLimit, ...]]:
        found: dict[str, list[LocalLimit]] = {}
        for drug, limit in self.limits_of(self.raw, ""):
            found.setdefault(drug, []).append(limit)
        for area in areas:
            part = self.raw["care_areas"][area]
            for drug, limit in self.limits_of(part, area, "care_areas", area) if isinstance(part, Mapping) else ():
                found.setdefault(drug, []).append(limit)
        return {drug: tuple(limits) for drug, limits in found.items()}

    def limits_of(self, part: Mapping[str, Any], area: str, *place: str) -> Iterator[tuple[str, LocalLimit]]:
        seen: dict[str, str] = {}
        for name, raw, path in self.settings(part, "limits", *place):
            drug = self.names.drug(name)
            if drug is None:
                self.unknown("KB647", path, "a drug", self.names.synonyms)
                continue
            if self.again(drug, name, seen, path):
                continue
            for number, entry in enumerate(raw if isinstance(raw, list | tuple) else [raw]):
                limit = self.limit(drug, entry, area, (*path, number))
                if limit is not None:
                    yield drug.id, limit

    def limit(self, drug: Drug, raw: object, area: str, path: Path) -> LocalLimit | None:
        if not isinstance(raw, Mapping):
            self.report("KB647", path, f"a limit of `{drug.id}` is a mapping with `of`, and `soft` or `hard`")
            return None
        own = self.keys(raw, path, ("of", "route", *KINDS), "of")
        if own is None:
            return None
        of, route = _words(own["of"]), _words(own.get("route"))
        unit = unit_of(drug, of) if of in ("rate", "amount") else ""
        why = ""
        if of not in ("rate", "amount"):
            why = f"{quoted(of)} is neither `rate` nor `amount`"
        elif not unit:
            why = f"`{drug.id}` has no {of}"
        elif route and drug.routes and route not in drug.routes:
            why = f"{quoted(route)} is not a route of `{drug.id}`"
        elif not any(own.get(kind) is not None for kind in KINDS):
            why = f"a limit of `{drug.id}` has neither `soft` nor `hard`"
        if why:
            help = nearest(route, drug.routes) or (f"it is given {', '.join(drug.routes)}" if route and unit else "")
            self.report("KB647", path, why, help)
            return None
        ends: dict[str, int | None] = {}
        for kind in KINDS:
            try:
                if own.get(kind) is not None:
                    ends[f"{kind}_low"], ends[f"{kind}_high"] = self.ends(str(text_of(own[kind])), unit)
            except BadValue as bad:
                self.report("KB647", (*path, kind), f"`{drug.id}`: {bad.message}", bad.help or "")
                return None
        made = ir.Limit(
            of, route, ends.get("soft_low"), ends.get("soft_high"), ends.get("hard_low"), ends.get("hard_high")
        )
        told = signed(self.raw, own)
        for side in SIDES:
            soft, hard = edge_of(made, "soft", side), edge_of(made, "hard", side)
            if soft is not None and hard is not None and (soft > hard if side == "high" else soft < hard):
                message = f"the soft limit of `{drug.id}`, {format_scaled(soft, unit)}, lies beyond the hard one"
                self.report(
                    "KB647",
                    path,
                    message,
                    "a hard limit refuses what a soft one only challenges: widen the hard, or tighten the soft",
                )
        if not told.because:
            for kind, _, library, edge in widened(drug, made):
                message = (
                    f"the {kind} limit of `{drug.id}`, {format_scaled(edge, unit)}, is wider than the library's "
                    f"{format_scaled(library, unit)}, and gives no reason"
                )
                help = "write `because:`; it is shown with every dose that relies on it"
                self.report("KB647", (*path, kind), message, help, wider=True)
                return None
        return LocalLimit(made, area, *told)

    def ends(self, text: str, unit: str) -> tuple[int | None, int | None]:
        """`up to X`, `from X`, `X to Y`: scaled in `unit`."""
        words = " ".join(text.replace("\u2013", " to ").split())
        for lead, low in (("up to ", False), ("from ", True)):
            if words.startswith(lead):
                end = self.end(words.removeprefix(lead), unit)
                return (end, None) if low else (None, end)
        first, to, second = words.partition(" to ")
        if not to:
            raise BadValue("KB647", f"{quoted(text)} is no limit", "write `up to X`, `from X` or `X to Y`")
        stated = second.partition(" ")[2]
        ends = self.end(first if " " in first else f"{first} {stated}", unit), self.end(second, unit)
        if ends[0] >= ends[1]:
            raise BadValue("KB647", f"{quoted(text)} ends before it begins", "write the lower end first")
        return ends

    def end(self, text: str, unit: str) -> int:
        value, given = parse_quantity(text)
        if value < 0:
            raise BadValue("KB647", f"{quoted(text)} is less than nothing")
        return self.names.units.to_scaled(value, given, unit)

    # ------------------------------------------------------------ bindings

    def bindings(self) -> Iterator[tuple[str, Binding]]:
        taken = {*self.names.elements, *self.names.synonyms, *self.names.slots, RECORD, ANY, CARE_AREA}
        taken |= {f"{drug}.{part}" for drug in self.names.synonyms for part in ("salt", "concentration")}
        for raw_name, raw, path in self.settings(self.raw, "bindings"):
            name = " ".join(raw_name.split())
            own = self.keys(raw, path, ("data", "unit", "values"), "data")
            if own is None:
                continue
            data = _words(own["data"])
            element = self.names.elements.get(data)
            if name in taken or self.names.drug(name) is not None:
                help = "give the values under that name without a binding, or rename them on their way here"
                self.report("KB648", path, f"{quoted(name)} is a name of ours already", help)
            elif element is None:
                if not self.whole:
                    help = nearest(data, self.names.elements)
                    self.report("KB648", path, f"{quoted(data)} (`{name}`) is not data of this protocol", help)
            else:
                binding = self.binding(name, element, own, path)
                if binding is not None:
                    yield name, binding

    def binding(self, name: str, element: Element, own: Mapping[str, Any], path: Path) -> Binding | None:
        unit, values = _words(own.get("unit")), own.get("values")
        try:
            if unit:
                self.shown_in(element.unit, unit, element)
            if values is None:
                return Binding(name, element.id, unit)
            if not isinstance(values, Mapping) or not values:
                raise BadValue("KB648", "`values` is a mapping of your words to ours")
            made = {str(word): self.foreign(element, raw) for word, raw in values.items()}
        except BadValue as bad:
            self.report("KB648", path, f"{quoted(name)}: {bad.message}", bad.help or "")
            return None
        return Binding(name, element.id, unit, made)

    def foreign(self, element: Element, raw: object) -> str | bool:
        """The value of ours that a word of the hospital stands for."""
        if element.type == "boolean" and (isinstance(raw, bool) or raw in ("true", "false")):
            return raw if isinstance(raw, bool) else raw == "true"
        word = _words(raw)
        known = [*element.options, *(STATES if element.can_be_unobtainable else STATES[1:])]
        if word in known:
            return word
        listed = ["true", "false", *known] if element.type == "boolean" else known
        help = nearest(word, listed) or f"write one of {', '.join(listed)}"
        raise BadValue("KB648", f"{quoted(raw)} is not a value of `{element.id}`", help)


# ---------------------------------------------------------------- display units
# All that is shown of a quantity in the hospital's unit is decided here: for facts, doses, conditions, limits, prose.

_NUMBER = r"\d+(?:\.\d+)?"
_DOSE = re.compile(
    rf"(?P<low>{_NUMBER})(?: to (?P<high>{_NUMBER}))? (?P<unit>[^\s(),:]+)"
    r"(?P<rest>(?::| as | in | since | = | \((?!\d)).*)?"
)
_IN_PROSE = re.compile(
    rf"(?<![\w.,/-])(?P<low>{_NUMBER})(?: to (?P<high>{_NUMBER}))? (?P<unit>[A-Za-zµ%][\w%/]*)(?![\w/]| \(\d)"
)


def same_dimension(names: Dictionary, name: str, unit: str, other: str) -> bool:
    """Whether a value of `name` in `unit` can be said in `other`."""
    return _converted(names, name, unit, other, Fraction(1)) is not None


def in_local_unit(local: Local, names: Dictionary, name: str, unit: str, value: int) -> str:
    """A scaled value in the hospital's unit, rounded to four figures; empty where it has none that fits.

    The protocol's own value always stands beside it, exactly. Where rounding would make the value look like a
    number that the protocol compares it with, and it is not that number, it is `just below` or `just above` it:
    rounded numbers never change places, so that none seems to lie on the other side.
    """
    other = local.units.get(name)
    if other is None or other == unit:
        return ""
    found = _converted(names, name, unit, other, Fraction(value, SCALE))
    if found is None:
        return ""
    shown = _four_figures(found)
    for edge in sorted(names.edges(name) - {value}):
        near = _converted(names, name, unit, other, Fraction(edge, SCALE))
        if near is not None and _four_figures(near) == shown:
            return f"just {'below' if found < near else 'above'} {shown} {other}"
    return f"{shown} {other}"


def number_in_local_unit(local: Local, names: Dictionary, name: str, unit: str, number: str) -> str:
    """A number that a protocol is written with, in the hospital's unit: `8.666 kPa`; empty where it has none."""
    other = local.units.get(name)
    if other is None or " ".join(other.split()) == " ".join(unit.split()):
        return ""
    found = _converted(names, name, unit, other, Fraction(number))
    return "" if found is None else f"{_four_figures(found)} {other}"


def shown_beside(local: Local, names: Dictionary, name: str, unit: str, value: int) -> str:
    """A scaled value in the protocol's unit, and in the hospital's where it has one: `65 mmHg (8.666 kPa)`."""
    told = format_scaled(value, unit)
    own = number_in_local_unit(local, names, name, unit, format_decimal(value))
    return f"{told} ({own})" if own else told


def range_beside(local: Local, names: Dictionary, name: str, low: str, high: str, unit: str) -> str:
    """A number, or two of them, that a protocol is written with, in the hospital's unit: `1.8 to 2.4 units/h`."""
    ends = [number_in_local_unit(local, names, name, unit, end) for end in (low, high) if end]
    if not all(ends):
        return ""
    other = local.units[name]
    return " to ".join([*(end.removesuffix(f" {other}") for end in ends[:-1]), ends[-1]])


def dose_beside(local: Local, names: Dictionary, drug: str, text: str) -> str:
    """A dose or rate of a drug as it is written; where the hospital has a unit of its own for the drug, in that too."""
    found = _DOSE.fullmatch(text) if drug in local.units else None
    if found is None:
        return text
    own, rest = range_beside(local, names, drug, found["low"], found["high"] or "", found["unit"]), found["rest"] or ""
    return f"{text.removesuffix(rest)} ({own}){rest}" if own else text


def prose_beside(local: Local, names: Dictionary, text: str) -> str:
    """A text of the protocol; where a number in it surely is of data or a drug with a unit of the hospital's, that too.

    Sure is what the Program compares that one thing with or gives of it. Where more than one thing has the number, the
    one that the text names; where the unit depends on the substance (mmol/L as mg/dL), only what the text names.
    """
    if not local.units:
        return text

    def beside(found: re.Match[str]) -> str:
        own = _of_prose(local, names, text, found)
        return f"{found.group()} ({own})" if own else found.group()

    return _IN_PROSE.sub(beside, text)


def _of_prose(local: Local, names: Dictionary, text: str, found: re.Match[str]) -> str:
    unit, low, high = found["unit"], found["low"], found["high"] or ""
    having = [
        name
        for name in (*names.elements, *names.drugs)
        if all(_is_number_of(names, name, end, unit) for end in (low, high) if end)
    ]
    named = [name for name in having if _named(names, name, text)]
    chosen = named or having
    told = {range_beside(local, names, name, low, high, unit) if name in local.units else "" for name in chosen}
    if len(told) != 1 or not (
        named or all(_plainly(names, unit, local.units[name]) for name in chosen if told != {""})
    ):
        return ""
    return told.pop()


def _is_number_of(names: Dictionary, name: str, number: str, unit: str) -> bool:
    element, drug = names.elements.get(name), names.drugs.get(name)
    for own in (element.unit,) if element is not None else (drug.rate_unit, drug.amount_unit) if drug else ():
        if own:
            try:
                if names.units.to_scaled(Fraction(number), unit, own) in names.numbers(name):
                    return True
            except BadValue:
                continue
    return False


def _named(names: Dictionary, name: str, text: str) -> bool:
    element, drug = names.elements.get(name), names.drugs.get(name)
    label = element.label if element is not None else drug.label.partition(" (")[0] if drug is not None else ""
    words = {name.replace("_", " ").replace("-", " ").lower(), label.lower()} - {""}
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text.lower()) for word in words)


def _plainly(names: Dictionary, unit: str, other: str) -> bool:
    """Whether one unit becomes the other whatever is measured."""
    try:
        names.units.convert(Fraction(1), unit, other)
    except BadValue:
        return False
    return True


def unit_in_use(local: Local, names: Dictionary, name: str, unit: str) -> str:
    """The hospital's unit for data or a drug that the protocol has in `unit`; that one where there is no other."""
    other = local.units.get(name)
    return other if other is not None and unit and same_dimension(names, name, unit, other) else unit


def _converted(names: Dictionary, name: str, unit: str, other: str, value: Fraction) -> Fraction | None:
    element = names.elements.get(name)
    molar_mass = None if element is None else parse_molar_mass(element.molar_mass)
    try:
        return names.units.convert(value, unit, other, molar_mass, 0 if element is None else element.valence)
    except BadValue:
        return None


def _four_figures(value: Fraction) -> str:
    places = 0
    while places < 8 and abs(value) * 10**places < 1000:
        places += 1
    return format_decimal(round(value * 10**places) * SCALE // 10**places)


# ---------------------------------------------------------------- what is in force


def settings_in_force(program: Program, local: Local) -> tuple[LocalSetting, ...]:
    """Every setting that bears on `program`, beside what would count without it."""
    raw, names = local.raw, dictionary_of(program)
    made: list[LocalSetting] = []
    if local.area:
        areas = dict(section(raw, "care_areas"))
        title = local.areas.get(local.area, local.area)
        made.append(LocalSetting("care area", local.area, title, "", *signed(raw, areas.get(local.area))))
    own: dict[str, object] = dict(section(raw, "parameters"))
    for id, part in section(raw, "protocols"):
        if id == program.id and isinstance(part, Mapping):
            own |= dict(section(part, "parameters"))
    for parameter in program.parameters:
        if local.parameters.get(parameter.id) is not None:
            made.append(
                LocalSetting(
                    "parameter",
                    parameter.id,
                    show_parameter(parameter, local.parameters[parameter.id]),
                    show_parameter(parameter, parameter.default),
                    *signed(raw, own.get(parameter.id)),
                )
            )
    for name, setting in section(raw, "concentrations"):
        drug = names.drug(name)
        if drug is not None and drug.id in local.concentrations:
            told = signed(raw, setting)
            made.append(LocalSetting("concentration", drug.id, local.concentrations[drug.id].text, "", *told))
    for id, limits in local.limits.items():
        drug = names.drugs[id]
        for item in limits:
            if not local.area or item.area in ("", local.area):
                tell = partial(shown_beside, local, names, id)
                shown = show_limit(drug, item.limit, tell), library_limit(drug, item.limit, tell)
                made.append(LocalSetting("limit", id, *shown, item.because, item.by, item.on, item.area))
    for name, setting in section(raw, "display_units"):
        element, drug = names.elements.get(name), names.drug(name)
        key = name if element is not None else drug.id if drug is not None else ""
        if key in local.units:
            default = element.unit if element is not None else (drug.rate_unit or drug.amount_unit) if drug else ""
            made.append(LocalSetting("display unit", key, local.units[key], default, *signed(raw, setting)))
    for name, setting in section(raw, "bindings"):
        binding = local.bindings.get(" ".join(name.split()))
        if binding is not None:
            unit = f" in {binding.unit}" if binding.unit else ""
            made.append(LocalSetting("binding", binding.name, f"{binding.data}{unit}", "", *signed(raw, setting)))
    return tuple(made)


def show_parameter(parameter: Parameter, value: Value) -> str:
    """A parameter's value with its unit; empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return format_scaled(value, parameter.unit)
    return str(value)


def show_limit(drug: Drug, limit: ir.Limit, tell: Tell) -> str:
    """`rate iv: hard up to 1 mcg/kg/min`; `tell` says a quantity of the drug."""
    return _shown(drug, limit, tell, {(kind, side): edge_of(limit, kind, side) for kind in KINDS for side in SIDES})


def library_limit(drug: Drug, limit: ir.Limit, tell: Tell) -> str:
    """What the library says of the edges that `limit` sets; empty where it says nothing."""
    edges = {
        (kind, side): library_edge(drug, limit.of, limit.route, kind, side)
        for kind in KINDS
        for side in SIDES
        if edge_of(limit, kind, side) is not None
    }
    return _shown(drug, limit, tell, edges) if any(edge is not None for edge in edges.values()) else ""


def _shown(drug: Drug, limit: ir.Limit, tell: Tell, edges: Mapping[tuple[str, str], int | None]) -> str:
    unit = unit_of(drug, limit.of)
    told = []
    for kind in KINDS:
        low, high = edges.get((kind, "low")), edges.get((kind, "high"))
        if low is not None and high is not None:
            told.append(f"{kind} {format_decimal(low)} to {tell(unit, high)}")
        elif high is not None:
            told.append(f"{kind} up to {tell(unit, high)}")
        elif low is not None:
            told.append(f"{kind} from {tell(unit, low)}")
    where = f"{limit.of} {limit.route}".strip()
    return f"{where}: {', '.join(told)}"
