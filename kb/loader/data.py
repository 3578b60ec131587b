"""Entries of the data dictionary, of the library or of a protocol's own, and where their numbers come from."""

from __future__ import annotations

import re
from decimal import Decimal

from kb import model
from kb.codes import found
from kb.diagnostics import Span
from kb.loader.reader import Reader, undashed
from kb.source import Entry, Mapping, Node, look_alike

_PLAIN_NUMBER = r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?"
_PLAUSIBLE = re.compile(rf"({_PLAIN_NUMBER}) +to +({_PLAIN_NUMBER})(?: +(\S+))?")
_STEP = re.compile(rf"({_PLAIN_NUMBER})(?: +(\S+))?")


def read_element(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.ElementDef:
    get = body.get
    kind = reader.word(get("type"))
    valid_for = reader.scalar(get("valid_for"))
    permanent = valid_for is not None and valid_for.text == "permanent"
    _fits_its_type(reader, name, entry, body, kind)
    unit = reader.word(get("unit"))
    numbers = "plausible" in body.entries or not permanent
    origin = "source" in body.entries or "confirm" in body.entries
    if numbers and not origin and body not in reader.checked.faulty:
        no_origin(reader, entry.key.span, name)
    return model.ElementDef(
        id=name,
        label=reader.word(get("label")).strip(),
        type=kind,
        span=entry.key.span,
        unit=unit,
        options=reader.names(get("options")),
        plausible=_plausible(reader, get("plausible"), unit),
        resolution=_resolution(reader, get("resolution"), unit),
        worse=reader.word(get("worse")),
        valid_for=None if permanent else reader.amount(valid_for),
        permanent=permanent,
        question=reader.word(get("question")).strip(),
        can_be_unobtainable=reader.word(get("unobtainable")) == "true",
        molar_mass=reader.word(get("molar_mass")),
        valence=int(reader.word(get("valence")) or 0),
        basis=reader.word(get("basis")),
        codes=read_codes(reader, get("codes")),
        origin=read_origin(reader, body),
    )


def _fits_its_type(reader: Reader, name: str, entry: Entry, body: Mapping, kind: str) -> None:
    if not kind or body in reader.checked.faulty:
        return
    needs = {"quantity": "unit", "choice": "options"}.get(kind)
    if needs and needs not in body.entries:
        reader.report("KB223", entry.key.span, f"`{name}` is a {kind} and has no `{needs}`", f"add `{needs}:`")
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
            and not (key == "unit" and kind == "number" and reader.word(body.get(key)) == "1")
        ):
            help = f"remove `{key}`, or correct `type`"
            reader.report(
                "KB223", body.entries[key].key.span, f"`{name}` is of type {kind}, which has no `{key}`", help
            )


def _plausible(reader: Reader, node: Node | None, unit: str) -> tuple[Decimal, Decimal] | None:
    scalar = reader.scalar(node)
    if scalar is None:
        return None
    match = _PLAUSIBLE.fullmatch(undashed(scalar.text, scalar.at)[0])
    if match is None:
        odd = look_alike(scalar)
        reader.diagnostics.append(
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
        reader.report(
            "KB220", scalar.span, f"the range is in `{match.group(3)}`, the entry in `{unit or 'no unit'}`", help
        )
    if low >= high:
        reader.report(
            "KB220", scalar.span, f"the range begins at {low} and ends at {high}", "write the lower end first"
        )
        return None
    return low, high


def _resolution(reader: Reader, node: Node | None, unit: str) -> Decimal | None:
    scalar = reader.scalar(node)
    if scalar is None:
        return None
    match = _STEP.fullmatch(scalar.text)
    shown = "" if unit in ("", "1") else f" {unit}"
    if match is None or Decimal(match.group(1)) <= 0:
        what, help = "this is not the step in which something is measured", f"write a number above 0: `1{shown}`"
        reader.report("KB220", scalar.span, what, help)
        return None
    if match.group(2) and match.group(2) != unit:
        what = f"the step is in `{match.group(2)}`, the entry in `{unit or 'no unit'}`"
        reader.report("KB220", scalar.span, what, f"write it like `{match.group(1)}{shown}`")
        return None
    return Decimal(match.group(1))


def read_origin(reader: Reader, body: Mapping) -> model.Origin:
    return model.Origin(reader.word(body.get("source")), reader.word(body.get("confirm")))


def read_codes(reader: Reader, node: Node | None) -> tuple[tuple[str, str], ...]:
    return tuple((system, reader.word(entry.value)) for system, entry in reader.entries(node))


def no_origin(reader: Reader, span: Span, name: str) -> None:
    reader.report(
        "KB222",
        span,
        f"the numbers of `{name}` do not say where they come from"
        if name
        else "this number does not say where it comes from",
        "add `source:` with the document, or `confirm:` with the role that must confirm them",
    )
