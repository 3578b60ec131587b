"""`local.yaml` held against its base: every name exists, every value fits, every setting is signed.

What a value must be is said in one place, `kb.local`, for charts and for files alike; this module adds the
places in the file, and what only the whole base can tell: whether a name exists anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Span
from kb.expression.records import drug_record, element_record
from kb.expression.scope import Scope
from kb.loader import LocalDef
from kb.local import Problem, long_form, read_local, section, signed
from kb.program import Program
from kb.validator import nearest
from kb.values import BadValue

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
            wrong.add(problem.path)
            if (problem.path, told_as.code) not in told:
                told.add((problem.path, told_as.code))
                yield told_as
    yield from _unsigned(local, wrong)
    yield from _without_salt(local, library, wrong)


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
    yield programs[0]._replace(id="", elements=elements, drugs=drugs, parameters=(), slots=(), steps=())


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
