"""The folder of the library: units, data and drugs, and the definitions and safety rules that protocols share."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, has_errors, in_reading_order
from kb.loader.data import read_element
from kb.loader.definitions import read_define, read_interpretation
from kb.loader.drugs import read_drugs
from kb.loader.evidence import read_reference, read_statements
from kb.loader.reader import Reader
from kb.source import Entry, Mapping, Reading, read_source

_FRACTION = re.compile(r"[1-9][0-9]{0,17}/[1-9][0-9]{0,17}|(?!0+(?:\.0+)?$)(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?")

_LIBRARY = {
    "units": "the spellings of units that editors may use",
    "data": "the data that can be asked for and charted",
    "drugs": "the drugs with their limits",
}


def load_library(folder: str | Path, read: Reading = read_source) -> tuple[model.Library | None, list[Diagnostic]]:
    """`units.yaml`, `data.yaml`, `drugs.yaml` and, where they are, `definitions.yaml` and `safety.yaml` of a folder."""
    folder = Path(folder)
    units, data, drugs = (_part_of_library(folder / f"{kind}.yaml", kind, read) for kind in _LIBRARY)
    if data.root is not None:
        data.names_no_words(data.root.get("data"))
    classes, known = read_drugs(drugs) if drugs.root is not None else ({}, {})
    library = model.Library(
        units.each(units.root.get("units"), _unit) if units.root is not None else {},
        data.each(data.root.get("data"), read_element) if data.root is not None else {},
        known,
        classes,
    )
    readers = [units, data, drugs]
    if (folder / "definitions.yaml").is_file():
        definitions = Reader(read(folder / "definitions.yaml"), "definitions")
        if definitions.root is not None:
            library = replace(library, shared=_shared(definitions))
        readers.append(definitions)
    if (folder / "safety.yaml").is_file():
        safety = Reader(read(folder / "safety.yaml"), "safety")
        if safety.root is not None:
            library = replace(library, safety=safety.each(safety.root.get("safety"), _safety))
        readers.append(safety)
    allowances = [item for reader in readers if reader.root is not None for item in reader.allowances()]
    library = replace(library, allowances=tuple(allowances))
    problems = list(in_reading_order(problem for reader in readers for problem in reader.diagnostics))
    return (None if has_errors(problems) else library), problems


def _part_of_library(path: Path, kind: str, read: Reading) -> Reader:
    """One file of the library; where it is missing, which, and what a library is made of."""
    reader = Reader(read(path), kind)
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


def _unit(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.UnitDef:
    for key in ("factor", "offset"):
        number = reader.scalar(body.get(key))
        if (
            number is not None
            and _FRACTION.fullmatch(number.text.lstrip("-") if key == "offset" else number.text) is None
        ):
            if key == "offset" and number.text == "0":
                continue
            help = "write a plain number, or a fraction such as `1/1000000`"
            reader.report("KB204", number.span, f"`{number.text[:40]}` is not a number or fraction above zero", help)
    dimension = []
    for base, power in reader.entries(body.get("of")):
        value = reader.checked.values.get(power.value)
        if isinstance(value, Decimal) and value:
            dimension.append((base, int(value)))
    return model.UnitDef(
        spelling=name,
        ucum=reader.word(body.get("ucum")),
        factor=reader.word(body.get("factor")),
        dimension=tuple(dimension),
        span=entry.key.span,
        offset=reader.word(body.get("offset"), "0"),
    )


def _shared(reader: Reader) -> model.Shared:
    assert reader.root is not None
    get = reader.root.get
    reader.names_no_words(get("define"))
    return model.Shared(
        defines=reader.each(get("define"), read_define),
        statements=read_statements(reader, get("statements")),
        references=reader.each(get("references"), read_reference),
        interpretations=reader.each(get("interpretations"), read_interpretation),
    )


def _safety(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.SafetyDef:
    return model.SafetyDef(
        id=name,
        span=entry.key.span,
        title=reader.needed(body.get("title"), body),
        check=reader.word(body.get("check")),
        limits=reader.word(body.get("limits"), "hard"),
        because=reader.text(body.get("because")),
    )
