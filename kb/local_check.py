"""`local.yaml` held against its base: every name exists, every value fits, every setting is signed.

What a value must be is said in one place, `kb.local`, for charts and for files alike; this module adds the
places in the file, and what only the whole base can tell: whether a name exists anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import product
from typing import Any

from kb import model
from kb import program as ir
from kb.codes import found
from kb.diagnostics import Diagnostic, Span
from kb.doses import decimal, in_base, pump_rate
from kb.evaluate import evaluate, slots_of
from kb.expression.records import drug_record, element_record
from kb.expression.scope import Scope
from kb.limits import KINDS, library_edge, unit_of
from kb.loader.plain import LocalDef
from kb.local import Problem, long_form, read_local, section, signed
from kb.program import Const, Program
from kb.reading import Strength, dictionary_of
from kb.records import NamedTuple
from kb.validator import nearest
from kb.values import BadValue, format_scaled

CODES = {
    "KB618": "KB713",
    "KB620": "KB710",
    "KB621": "KB711",
    "KB646": "KB718",
    "KB647": "KB714",
    "KB648": "KB717",
    "KB649": "KB712",
}
WHY = {
    "KB710": "a setting under a misspelt name is never used, and nobody is told",
    "KB714": "a limit that cannot be read holds nothing back",
    "KB715": "whoever relies on it at the bedside must see why it is wider",
}
REASONED = ("parameters", "concentrations", "limits")  # the others do not decide what a patient is given

Path = tuple[str | int, ...]


def check_local(local: LocalDef, library: model.Library, programs: Sequence[Program]) -> Iterator[Diagnostic]:
    """Everything wrong with local settings whose shape is right."""
    wrong: set[Path] = set()
    yield from _names(local, library, programs, wrong)
    settings = {"format": 1, **local.settings}
    told: set[tuple[Path, str]] = set()
    for program in (*programs, *_library_programs(library, programs)):
        for problem in read_local(program, settings).problems:
            told_as = _told(local, problem)
            wrong |= (
                {problem.path, problem.path[:-1]} if problem.path[-1:] in (("soft",), ("hard",)) else {problem.path}
            )
            if (problem.path, told_as.code) not in told:
                told.add((problem.path, told_as.code))
                yield told_as
    yield from _unsigned(local, wrong)
    yield from _without_salt(local, library, wrong)
    yield from _dates(local, programs)
    yield from _unranged(local, library, programs, wrong)


def check_local_for(local: LocalDef, program: Program, lenient: bool = False) -> Iterator[Diagnostic]:
    """What keeps local settings from being used with one Program.

    `lenient`: only what even a lenient reading does not pass over.
    """
    for problem in read_local(program, local.settings).problems:
        if problem.grave or not lenient:
            yield _told(local, problem)


def _told(local: LocalDef, problem: Problem) -> Diagnostic:
    code = "KB715" if problem.wider else CODES[problem.code]
    place = _place_of_value(local, problem.path)
    return found(code, place, problem.message, problem.help or None, WHY.get(code))


def _library_programs(library: model.Library, programs: Sequence[Program]) -> Iterator[Program]:
    """A Program that has all of the library: what no protocol uses yet is checked as well."""
    if not programs:
        return
    scope = Scope.over(library)
    try:
        elements = tuple(element_record(scope, element) for element in library.elements.values())
        drugs = tuple(drug_record(scope, drug) for drug in library.drugs.values())
    except BadValue:
        return  # the library's own check says so
    nothing: dict[str, Any] = dict.fromkeys(("parameters", "slots", "steps", "rules", "caps", "goals", "alerts"), ())
    always = Const(True)
    yield programs[0]._replace(id="", elements=elements, drugs=drugs, applies=always, enter=always, **nothing)


def _place(local: LocalDef, path: Path) -> Span:
    """The place of a path, or of the nearest key above it."""
    while path and path not in local.spans:
        path = path[:-1]
    return local.spans.get(path) or next(iter(local.spans.values()))


def _place_of_value(local: LocalDef, path: Path) -> Span:
    """The place of a value, in its long or its short form."""
    return local.spans.get((*path, "value", "")) or local.spans.get((*path, "")) or _place(local, path)


def _names(
    local: LocalDef, library: model.Library, programs: Iterable[Program], wrong: set[Path]
) -> Iterator[Diagnostic]:
    programs = list(programs)
    of_protocols: dict[str, set[str]] = {}
    for program in programs:
        of_protocols.setdefault(program.id, set()).update(parameter.id for parameter in program.parameters)
    parameters = set().union(*of_protocols.values())
    data = set(library.elements) | {element.id for program in programs for element in program.elements}
    drugs = set(library.drugs) | {name for drug in library.drugs.values() for name in drug.synonyms}
    known: list[tuple[str, set[str], str]] = [
        ("parameters", parameters, "no protocol of this base has a parameter"),
        ("protocols", set(of_protocols), "this base has no protocol"),
        ("display_units", data | drugs, "the library has no data or drug"),
        ("concentrations", drugs, "the drug library has no"),
        ("limits", drugs, "the drug library has no"),
    ]
    raw = local.settings
    for key, names, what in known:
        yield from _unknown(local, wrong, (key,), section(raw, key), names, what)
    for id, part in section(raw, "protocols"):
        if id in of_protocols and isinstance(part, Mapping):
            path = ("protocols", id, "parameters")
            yield from _unknown(
                local, wrong, path, section(part, "parameters"), of_protocols[id], f"`{id}` has no parameter"
            )
    for area, part in section(raw, "care_areas"):
        if isinstance(part, Mapping):
            path = ("care_areas", area, "limits")
            yield from _unknown(local, wrong, path, section(part, "limits"), drugs, "the drug library has no")
    for name, setting in section(raw, "bindings"):
        wanted = str(long_form(setting, "data").get("data", ""))
        if wanted and wanted not in data:
            wrong.add(("bindings", name))
            place = local.spans.get(("bindings", name, "data", "")) or _place_of_value(local, ("bindings", name))
            yield from _unknown(local, wrong, ("bindings",), [(wanted, None)], data, "the library has no data", place)


def _unknown(
    local: LocalDef,
    wrong: set[Path],
    path: Path,
    named: Iterable[tuple[str, object]],
    known: set[str],
    what: str,
    place: Span | None = None,
) -> Iterator[Diagnostic]:
    for name, _ in named:
        if name not in known and name.replace("-", " ") not in known:
            near = nearest(name, known)
            help = f"did you mean `{near}`?" if near else "take its name from the protocol or the library"
            wrong.add((*path, name))
            yield found("KB710", place or _place(local, (*path, name)), f"{what} `{name}`", help, WHY["KB710"])


def _each(raw: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    """Every setting with its path."""
    for key in ("parameters", "display_units", "concentrations", "bindings"):
        for name, setting in section(raw, key):
            yield (key, name), setting
    for id, part in section(raw, "protocols"):
        for name, setting in section(part, "parameters") if isinstance(part, Mapping) else ():
            yield ("protocols", id, "parameters", name), setting
    yield from _each_limit(raw, ())
    for area, part in section(raw, "care_areas"):
        if isinstance(part, Mapping):
            yield from _each_limit(part, ("care_areas", area))


def _each_limit(part: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, object]]:
    for drug, limits in section(part, "limits"):
        for number, limit in enumerate(limits if isinstance(limits, list) else [limits]):
            yield (*path, "limits", drug, number), limit


def _unsigned(local: LocalDef, wrong: set[Path]) -> Iterator[Diagnostic]:
    for path, setting in _each(local.settings):
        if path in wrong or path[:-1] in wrong:
            continue
        told = signed(local.settings, setting)
        kinds = {part for part in path if isinstance(part, str)}
        missing = ["`because`"] if kinds & set(REASONED) and not told.because else []
        missing += ["`approved_by`"] if not told.by else []
        missing += ["`approved_on`"] if not told.on else []
        if missing:
            name = next(part for part in reversed(path) if isinstance(part, str))
            lacks = " and ".join([", ".join(missing[:-1]), missing[-1]]) if len(missing) > 1 else missing[0]
            yield found(
                "KB716",
                _place(local, path),
                f"the setting `{name}` has no {lacks}",
                "write it beside the value; name and date may stand once, at the top of the file",
                "whoever meets the setting at the bedside can ask why, and of whom",
            )


def _without_salt(local: LocalDef, library: model.Library, wrong: set[Path]) -> Iterator[Diagnostic]:
    for name, setting in section(local.settings, "concentrations"):
        path = ("concentrations", name)
        drug = next((drug for drug in library.drugs.values() if name in (drug.id, *drug.synonyms)), None)
        if drug is None or path in wrong or not any(str(share) != "1" for _, share in drug.salts):
            continue
        if " as " not in str(long_form(setting).get("value", "")):
            forms = " or ".join(f"`as {form}`" for form, _ in drug.salts)
            yield found(
                "KB719",
                _place_of_value(local, path),
                f"the concentration of `{name}` does not say which salt form it counts",
                f"write {forms} behind it; until then no mL/h is shown",
                "the same syringe counted as the other form runs at another dose",
            )


def _dates(local: LocalDef, programs: Iterable[Program]) -> Iterator[Diagnostic]:
    """Dates that are none, and the latest one where its year is later than any that the base knows: no clock here."""
    dated: list[tuple[date, Path]] = []
    for path, place in local.spans.items():
        if path[-2:] != ("approved_on", ""):
            continue
        text = str(_at(local.settings, path[:-1]))
        try:
            dated.append((date.fromisoformat(text), path))
        except ValueError:
            yield found("KB718", place, f"`{text}` is not a date", "write year-month-day, such as `2026-01-27`")
    known = [date.fromisoformat(program.updated[:10]).year for program in programs if program.updated]
    latest, path = max(dated, default=(date.min, ()))
    if known and latest.year > max(known):
        yield found(
            "KB734",
            local.spans[path],
            f"`{latest}` is of a later year than any protocol of this base ({max(known)})",
            "read the year twice; where it is right, leave it",
            "a check has no clock, so it cannot tell the future from yesterday",
        )


def _at(settings: Any, path: Path) -> Any:
    for part in path:
        settings = settings[part]
    return settings


def _unranged(
    local: LocalDef, library: model.Library, programs: Sequence[Program], wrong: set[Path]
) -> Iterator[Diagnostic]:
    """Numbers beyond what the library knows of the drug, and those that nothing can be held against."""
    settings = {"format": 1, **local.settings}
    known: dict[Path, list[tuple[str, str, Known]]] = {}
    for program in (*programs, *_library_programs(library, programs)):
        read = read_local(program, settings)
        names = dictionary_of(program)
        for path, setting in _each(local.settings):
            if path in wrong or path[:-1] in wrong:
                continue
            name, text = str(path[-1]), " ".join(str(long_form(setting).get("value", "")).split())
            if "parameters" in path and (path[0] != "protocols" or path[1] == program.id):
                for parameter in program.parameters:
                    value = read.parameters.get(parameter.id)
                    if parameter.id == name and isinstance(value, int) and not isinstance(value, bool):
                        known.setdefault(path, []).append((name, text, known_of_parameter(program, parameter, value)))
            elif path[0] == "concentrations":
                drug = names.drug(name)
                if drug is not None and drug.id in read.concentrations:
                    found_out = known_of_concentration(program, drug, read.concentrations[drug.id])
                    known.setdefault(path, []).append((name, text, found_out))
    for path, held in known.items():
        name, text, _ = held[0]
        place = _place_of_value(local, path)
        beyond = next((item.beyond for _, _, item in held if item.beyond), "")
        if beyond:
            why = "a slip of the decimal point or of the unit would be given to every patient"
            yield found("KB733", place, f"`{text}` for `{name}` is implausible: {beyond}", "mend the number", why)
        elif not any(item.ranged for _, _, item in held):
            means = next((item.means for _, _, item in held if item.means), "")
            yield found(
                "KB732",
                place,
                f"no range is known for `{name}`: read `{text}` twice" + (f"; {means}" if means else ""),
                "nothing here can tell a slip of the decimal point or of the unit",
            )


# ---------------------------------------------------------------- how large a local number may be

_CORNERS = 8  # more data with a range of their own in one dose than this, and its largest value is not sought


class Known(NamedTuple):
    """What a base knows of how large a local number may be; nothing is invented.

    `ranged`: there was something to hold the number against; `beyond` says which it is beyond, if any.

    `means` says what follows from the number, for whoever reads it twice.
    """

    ranged: bool = False
    beyond: str = ""
    means: str = ""


def known_of_parameter(program: ir.Program, parameter: ir.Parameter, value: int) -> Known:
    """What is known of a scaled value of `parameter`, whose own range it keeps."""
    ranged = parameter.low is not None or parameter.high is not None
    place = next((i for i, slot in enumerate(program.slots) if (slot.kind, slot.of) == ("parameter", parameter.id)), -1)
    set_here = {place: value}
    drugs = {drug.id: drug for drug in program.drugs}
    for action in _actions(program):
        dose, drug = action.dose, drugs.get(action.drug)
        if dose is None or drug is None:
            continue
        for expr in (dose.low, dose.high, dose.most, action.each):
            if expr is None or place not in _leaves(program, expr):
                continue
            largest = _largest(program, expr, set_here)
            if largest is None:
                continue
            if largest <= 0:
                return Known(True, f"nothing of {drug.label} would be given")
            alone = (
                value if parameter.unit == dose.unit else 0
            )  # a dose may be cut off above, and hide a raise too large
            given = in_base(drug, action.salt, max(largest, alone))
            for kind in KINDS:
                edge = library_edge(drug, action.of, action.route, kind, "high")
                ranged = ranged or edge is not None
                if edge is not None and given > edge:
                    limit = format_scaled(edge, unit_of(drug, action.of))
                    return Known(True, f"it is above the library's {kind} limit of {limit} for {drug.label}")
            whole = _largest(program, dose.high or dose.low, set_here) if expr is action.each else None
            if whole is not None and largest > whole:  # far off, so it is no range: what is below is still read twice
                told = f"{format_scaled(whole, dose.unit)} of {drug.label}"
                return Known(True, f"the whole dose is never above {told}, whatever plausible patient it is for")
    return Known(ranged)


def known_of_concentration(program: ir.Program, drug: ir.Drug, strength: Strength) -> Known:
    """No base has a range of concentrations; but it can say how fast the pump would run."""
    names = dictionary_of(program)
    edges = [library_edge(drug, "rate", "iv", kind, "high") for kind in KINDS]
    rate = next((edge for edge in edges if edge), None) or max(names.edges(drug.id), default=0)
    if not rate or not drug.rate_unit:
        return Known()
    pumped = pump_rate(drug, rate, ir.SCALE, names, strength)
    each = " for each kg of weight" if pump_rate(drug, rate, None, names, strength) is None else ""
    if pumped is None:
        return Known()
    return Known(means=f"with it {format_scaled(rate, drug.rate_unit)} runs at {decimal(pumped)} mL/h{each}")


def _actions(program: ir.Program) -> Iterator[ir.Action]:
    for step in program.steps:
        if step.action is not None:
            yield step.action
            yield from (option.action for option in step.action.options)


def _leaves(program: ir.Program, expr: ir.Expr) -> dict[int, None]:
    """The slots that `expr` rests on in the end, definitions followed."""
    leaves: dict[int, None] = {}
    waiting = list(slots_of(expr))
    while waiting:
        index = waiting.pop()
        inner = program.slots[index].expr
        if inner is None:
            leaves[index] = None
        else:
            waiting += slots_of(inner)
    return leaves


def _largest(program: ir.Program, expr: ir.Expr, fixed: dict[int, int]) -> int | None:
    """The largest value of `expr` over the ends of the plausible ranges, with nothing given or running yet.

    None where it rests on something without a range.
    """
    elements = {element.id: element for element in program.elements}
    ends: dict[int, tuple[ir.Value, ...]] = {}
    for index in _leaves(program, expr):
        slot = program.slots[index]
        element = elements.get(slot.of) if slot.kind == "element" else None
        if index in fixed:
            ends[index] = (fixed[index],)
        elif element is not None and element.low is not None and element.high is not None:
            ends[index] = (element.low, element.high)
        elif element is not None and element.options:
            ends[index] = element.options
        elif slot.type == "boolean":
            ends[index] = (True, False)
        elif slot.kind == "rate" or (slot.feature is not None and slot.feature.function == "total"):
            ends[index] = (0,)
        else:
            return None
    if sum(len(values) > 1 for values in ends.values()) > _CORNERS:
        return None
    made: list[int] = []
    for corner in product(*ends.values()):
        row: ir.Row = [None] * len(program.slots)
        for index, value in zip(ends, corner, strict=True):
            row[index] = value
        for index, slot in enumerate(program.slots):
            if slot.expr is not None:
                row[index] = evaluate(slot.expr, row)
        worked_out = evaluate(expr, row)
        if isinstance(worked_out, int) and not isinstance(worked_out, bool):
            made.append(worked_out)
    return max(made, default=None)
