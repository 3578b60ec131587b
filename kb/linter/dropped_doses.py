"""A dose that a statement gives stands somewhere where that statement is cited.

Another dose of the same source in its place passes every rule about the number that is there: 150 mg, for the second
gift, given first. So the statement is held against the protocol as well. A dose is a number of the statement in a unit
in which the order that cites it could be written. It stands where an entry that cites the statement has it, in a
definition or a parameter, or where a reading that the order names speaks of it. Where the order gives a dose of another
part of the same statement (S47a, S47b), this part says something beside it and is not looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.context import LintContext
from kb.linter.orders import Order, orders
from kb.linter.quantities import Quantity, quantities, same
from kb.linter.sourced_numbers import strengths
from kb.values import BadValue

_SHARED = ""


def check(context: LintContext) -> Iterator[Diagnostic]:
    if context.protocol.evidence is None:
        return
    told: set[str] = set()
    written = _written(context.protocol)
    for order in orders(context):
        missing = [each for each in _missing(context, order, written) if each[0].id not in told]
        if not missing:
            continue
        statement, dose = missing[0]
        told |= {each.id for each, _ in missing}
        yield found(
            "KB488",
            order.doses[-1].span if order.doses else order.verb.span,
            f"`{statement.id}`, which {order.place} cites, gives {dose.text}; that stands nowhere where it is cited",
            f"put the dose of `{statement.id}` in its place; where it is left out on purpose, say so in an "
            "interpretation that has it, and name that here",
            "a dose may have been replaced by another one of the same source",
            (Related(statement.span, "the statement stands here"),),
        )


def _missing(
    context: LintContext, order: Order, resting: Mapping[str, list[tree.Number]]
) -> Iterator[tuple[model.StatementDef, Quantity]]:
    """The doses of the statements that an order cites which stand nowhere, the first of each statement."""
    evidence = context.protocol.evidence
    assert evidence is not None
    backing = order.step.backing
    if order.option is not None and order.option.backing.cites:
        backing = order.option.backing
    cited = [evidence.statements[ref.id] for ref in backing.cites if ref.id in evidence.statements]
    kinds = _kinds(context, order)
    own = list(_numbers([order.verb]))
    given = {each.id for each in cited if _has(context, _doses(context, each, kinds), own)}
    for statement in cited:
        if statement.parent and any(other.parent == statement.parent and other.id in given for other in cited):
            continue
        ids = [statement.id, *([statement.parent] if statement.parent else []), _SHARED]
        written = [*(number for id in ids for number in resting.get(id, ())), *_readings(context, order)]
        for dose in _doses(context, statement, kinds):
            if not _has(context, [dose], written):
                yield statement, dose
                break


def _kinds(context: LintContext, order: Order) -> set[tuple[tuple[str, int], ...]]:
    """The dimensions of the doses of an order: as the library has its drug, and as it is written."""
    units = {order.unit, *(number.unit for number in model.every(order.verb, tree.Number))}
    made = {_dimension(context, unit or "") for unit in units}
    return made - {(), (("time", 1),)}


def _dimension(context: LintContext, unit: str) -> tuple[tuple[str, int], ...]:
    """Without the substance: prose says `units` of what it speaks of."""
    try:
        dimension = context.scope.units.parse(unit).dimension if unit else ()
    except BadValue:
        return ()
    return tuple(sorted((base.partition(":")[0], power) for base, power in dict(dimension).items()))


def _doses(
    context: LintContext, statement: model.StatementDef, kinds: set[tuple[tuple[str, int], ...]]
) -> list[Quantity]:
    said = quantities(context.scope.units, statement.says.value)
    return [each for each in said if each.unit and _dimension(context, each.unit) in kinds]


def _written(protocol: model.Protocol) -> dict[str, list[tree.Number]]:
    """The numbers of what cites each statement; under no name, those of every definition, parameter and cap."""
    made: dict[str, list[tree.Number]] = {}
    for part in (protocol.steps, protocol.never, protocol.goals, protocol.alerts):
        for record in part.values():
            numbers = list(_numbers([record]))
            for id in {ref.id for ref in _cites(record)}:
                made.setdefault(id, []).extend(numbers)
    for shared in (protocol.defines, protocol.parameters, protocol.caps):
        made.setdefault(_SHARED, []).extend(_numbers(shared.values()))
    return made


def _cites(record: object) -> Iterator[model.Ref]:
    for backing in model.every(record, model.Backing):
        yield from backing.cites
    for condition in model.every(record, model.Condition):
        yield from condition.cites


def _numbers(records: Iterable[object]) -> Iterator[tree.Number]:
    for record in records:
        unit = record.unit if isinstance(record, model.ParameterDef) else ""
        for number in model.every(record, tree.Number):
            yield replace(number, unit=unit) if unit and not number.unit else number
        yield from strengths(record)


def _readings(context: LintContext, order: Order) -> list[tree.Number]:
    """The numbers of the readings that an order names, as if it had them; what is rejected is in none of them."""
    backings = [order.step.backing, *([order.option.backing] if order.option is not None else [])]
    ids = {ref.id for backing in backings for ref in backing.interprets}
    made = []
    for reading in (context.protocol.interpretations[id] for id in ids if id in context.protocol.interpretations):
        for text in (reading.reading, reading.because):
            for each in quantities(context.scope.units, text.value):
                made.append(tree.Number(Decimal(each.text.split()[0].replace(",", ".")), each.unit, text.span))
    return made


def _has(context: LintContext, doses: Iterable[Quantity], numbers: Iterable[tree.Number]) -> bool:
    held = list(numbers)
    return any(same(context, dose, number) for dose in doses for number in held)
