"""What is wrong with the units and quantities of the library, before any protocol uses them."""

from __future__ import annotations

from collections.abc import Iterator

from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression.checker import Checker
from kb.expression.checks import check_defines, check_duration
from kb.expression.guards import check_define_guards
from kb.expression.scope import DrugLike, ElementLike, LibraryLike, Scope, ends_of
from kb.expression.text import to_text
from kb.expression.types import meet, unit_type
from kb.values import BadValue, parse_molar_mass


def check_library(library: LibraryLike) -> list[Diagnostic]:
    """What is wrong with the units and quantities of the library: spellings, molar masses, limits, durations."""
    scope = Scope.over(library)
    diagnostics: list[Diagnostic] = [*_check_seconds(scope, library)]
    for element in library.elements.values():
        diagnostics += check_element(scope, element)
    for drug in library.drugs.values():
        diagnostics += _check_drug(scope, drug)
    diagnostics += check_defines(scope)
    diagnostics += check_define_guards(scope)
    return diagnostics


def _check_seconds(scope: Scope, library: LibraryLike) -> Iterator[Diagnostic]:
    """Every time is kept in seconds, whatever it is written in."""
    first = next(iter(library.units.values()), None)
    if first is None:
        return  # then every unit that stands anywhere is told as unknown
    try:
        second = scope.units.parse("s")
    except BadValue:
        message = "the units have no `s`, in which every time is kept"
    else:
        if second.factor == 1 and dict(second.dimension) == {"time": 1}:
            return
        first = library.units.get("s", first)
        message = "`s` is not the second, in which every time is kept"
    why = "how long a value stays current could not be worked out"
    yield found(
        "KB340",
        first.span,
        message,
        "write under `units:` an entry `s` with `ucum: s`, `factor: 1` and `of: {time: 1}`",
        why,
    )


def check_element(scope: Scope, element: ElementLike) -> list[Diagnostic]:
    """The same for one entry of the data dictionary, of the library or of a protocol's own."""
    diagnostics: list[Diagnostic] = []
    try:
        dimension = scope.units.parse(element.unit).dimension
        if element.type == "quantity" and not dimension and element.unit in ("", "1"):
            diagnostics.append(
                found("KB340", element.span, f"`{element.id}` is a quantity without a unit", "use `type: number`")
            )
        if element.basis and dict(dimension) != {"body_mass": 1}:
            diagnostics.append(
                found("KB340", element.span, f"`{element.id}` has a `basis` and is no weight", "give it in `kg`")
            )
        parse_molar_mass(element.molar_mass)
    except BadValue as bad:
        diagnostics.append(found(bad.code, element.span, f"`{element.id}`: {bad.message}", bad.help))
    if element.valid_for is not None:
        diagnostics += check_duration(scope, element.valid_for.value)
    return diagnostics


def _check_drug(scope: Scope, drug: DrugLike) -> Iterator[Diagnostic]:
    units = {"rate": drug.rate_unit, "amount": drug.amount_unit}
    for of, unit in units.items():
        try:
            dimension = dict(scope.units.parse(unit).dimension)
        except BadValue as bad:
            yield found(bad.code, drug.span, f"`{of}` of `{drug.id}`: {bad.message}", bad.help)
            units[of] = ""
            continue
        if unit and (dimension.get("time", 0) == -1) != (of == "rate"):
            help = "write it per time, such as `mcg/kg/min`" if of == "rate" else "write it without a time"
            yield found("KB340", drug.span, f"`{unit}` is no {of} (`{drug.id}`)", help)
            units[of] = ""
    if drug.valid_for is not None:
        yield from check_duration(scope, drug.valid_for.value)
    quantities = [
        (limit.of, end)
        for limit in drug.limits
        for end in (limit.soft_low, limit.soft_high, limit.hard_low, limit.hard_high)
    ]
    quantities += [(made.of, made.step) for made in drug.delivery]
    for of, amount in quantities:
        unit = units.get(of, "")
        if amount is None or not unit:
            continue
        wanted = unit_type(scope, unit)
        checker = Checker(scope)
        for end in ends_of(amount.value):
            made = checker.numeric(end)
            if made.number and isinstance(meet(wanted, made), str):
                help = f"write it in `{unit}`"
                checker.report("KB340", end.span, f"`{to_text(end)}` does not fit the {of} of `{drug.id}`", help)
        yield from checker.found
