"""A number that is carried out stands in a statement that its entry cites, and with the same size and unit.

What counts as the source of a number: the statements that the step, definition, rule or cap cites itself, on any of
its conditions, or through the definitions it uses; and the interpretations that it names, because they tell the
reader openly whose number it is. An option of a `choose` that cites for itself rests on that, and not on what stands
beside the other options. The strength of an ampoule counts as two numbers, `6.8 mmol` and `30 mL`. Where nothing of
that holds any number, only a statement that has the very number and is not cited is told: a summary without figures
cannot contradict one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.context import LintContext, listed
from kb.linter.quantities import Quantity, half_a_digit, quantities, ratio, same
from kb.values import BadValue

_STRENGTH = re.compile(r"(\d+(?:\.\d+)?) ([^\s/]+)/(?:(\d+(?:\.\d+)?) )?([^\s/]+)")
_SLIPS = frozenset(Fraction(10) ** power for power in (-6, -3, -2, -1, 1, 2, 3, 6))


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol = context.protocol
    if protocol.evidence is None:
        return
    parts = protocol.steps, protocol.defines, protocol.parameters, protocol.never, protocol.caps, protocol.goals
    for part in parts:
        for record in part.values():
            yield from _record(context, record)


def _record(context: LintContext, record: object) -> Iterator[Diagnostic]:
    apart = _options(record)
    own = {id(number) for option in apart for number in model.every(option.verb, tree.Number)}
    yield from _numbers(
        context, record, record, [each for each in model.every(record, tree.Number) if id(each) not in own], apart
    )
    for option in apart:
        assert isinstance(record, model.Do)
        # the reasons for and against rest on statements of their own; the step's readings are told with each option
        alone = replace(option, for_=(), against=()), model.Backing((), record.backing.interprets)
        yield from _numbers(context, option.verb, alone, list(model.every(option.verb, tree.Number)), ())


def _options(record: object) -> tuple[model.OptionDef, ...]:
    """The options of a step that cite for themselves."""
    if not isinstance(record, model.Do) or not isinstance(record.verb, model.Choose):
        return ()
    return tuple(option for option in record.verb.one_of if option.backing.cites)


def strengths(record: object, apart: tuple[model.OptionDef, ...] = ()) -> Iterator[tree.Number]:
    """Of `6.8 mmol/30 mL` the two numbers; of `1 mg/mL` the one."""
    others = [id(each) for option in apart for each in model.every(option.verb, model.Give)]
    for give in model.every(record, model.Give):
        strength = give.concentration
        match = None if strength is None or id(give) in others else _STRENGTH.fullmatch(strength.value.strip())
        if match is None or strength is None:
            continue
        amount, unit, per, volume = match.groups()
        if per is None:
            yield tree.Number(Decimal(amount), f"{unit}/{volume}", strength.span)
        else:
            yield tree.Number(Decimal(amount), unit, strength.span)
            yield tree.Number(Decimal(per), volume, strength.span)


def _numbers(
    context: LintContext,
    record: object,
    resting: object,
    written: list[tree.Number],
    apart: tuple[model.OptionDef, ...],
) -> Iterator[Diagnostic]:
    """Those of the numbers in `record` that what it rests on does not have."""
    numbers = [
        number
        for number in (*written, *strengths(record, apart))
        if number.value and _measured(context, number) and not _rounds(record, number)
    ]
    if not numbers:
        return
    cited, told = said(context, resting)
    if not cited:
        return  # that nothing is cited is told where citations are
    for number in numbers:
        if any(agrees(context, quantity, number) for _, quantity in told):
            continue
        shown = f"{number.value} {number.unit}"
        slip = next(((source, quantity) for source, quantity in told if _slipped(context, quantity, number)), None)
        if slip is None:
            having = _having(context, number)
            if not told and not having:
                continue
            yield found(
                "KB510",
                number.span,
                f"`{shown}` stands in none of what is cited here ({listed(sorted(cited), 6)})",
                "correct the number, or "
                + (f"cite {listed(having)}, which has it" if having else "cite the statement that has it")
                + ", or name the interpretation that explains it",
                "a number without a source cannot be checked by anybody",
            )
            continue
        source, quantity = slip
        place = context.protocol.evidence.statements.get(source) if context.protocol.evidence else None
        times = ratio(context, quantity, number)
        size = f"{_times(times)} of it" if times is not None else "the same figure in another unit"
        yield found(
            "KB460",
            number.span,
            f"`{shown}` is not what `{source}` says ({quantity.text}), but {size}",
            f"look at the decimal point and the unit; the source has {quantity.text}",
            "a shifted point or mg for mcg is the commonest way to a dose that kills",
            () if place is None else (Related(place.span, f"`{source}` stands here"),),
        )


def _having(context: LintContext, number: tree.Number) -> list[str]:
    """The statements that have the number, cited here or not."""
    evidence = context.protocol.evidence
    assert evidence is not None
    return [
        statement.id
        for statement in evidence.statements.values()
        if any(same(context, each, number) for each in quantities(context.scope.units, statement.says.value))
    ]


def _rounds(record: object, number: tree.Number) -> bool:
    """Whether it is how finely `round` rounds, which is no dose."""
    return any(
        call.function == "round" and call.arguments[1:2] and call.arguments[1] is number
        for call in model.every(record, tree.Call)
    )


def agrees(context: LintContext, quantity: Quantity, number: tree.Number) -> bool:
    """Whether prose has the number: with its unit, without any, or as the printed value whose lower edge it is."""
    if not quantity.unit:
        return quantity.value == Fraction(number.value)
    return same(context, quantity, number) or half_a_digit(context, quantity, number)


def _measured(context: LintContext, number: tree.Number) -> bool:
    """Counts and plain numbers are not looked at: prose says them in words."""
    try:
        return bool(number.unit) and bool(context.scope.units.parse(number.unit or "").dimension)
    except BadValue:
        return False


def said(context: LintContext, record: object) -> tuple[frozenset[str], list[tuple[str, Quantity]]]:
    """The statements and interpretations that a record rests on, and the numbers in them."""
    protocol, evidence = context.protocol, context.protocol.evidence
    assert evidence is not None
    statements: set[str] = set()
    readings: set[str] = set()
    seen: set[str] = set()
    stack = [record]
    while stack:
        current = stack.pop()
        backings = list(model.every(current, model.Backing))
        backings += [model.Backing(each.cites, each.interprets) for each in model.every(current, model.Condition)]
        statements |= {ref.id for backing in backings for ref in backing.cites}
        readings |= {ref.id for backing in backings for ref in backing.interprets}
        for name in {each.id for each in model.every(current, tree.Name)} | {
            each.id for each in model.every(current, model.Ref)
        }:
            following = protocol.defines.get(name) or protocol.parameters.get(name)
            if following is not None and name not in seen:
                seen.add(name)
                stack.append(following)
    units = context.scope.units
    told: list[tuple[str, Quantity]] = []
    for statement in evidence.statements.values():
        whole = statement.id in statements or statement.parent in statements
        if whole or any(id.rstrip("abcdefghijklmnopqrstuvwxyz") == statement.id for id in statements):
            told += [(statement.id, quantity) for quantity in quantities(units, statement.says.value)]
    for id in sorted(readings):
        reading = protocol.interpretations.get(id)
        if reading is not None:
            for text in (reading.reading, reading.because, *reading.rejected):
                told += [(id, quantity) for quantity in quantities(units, text.value)]
    return frozenset(statements | readings), told


def _slipped(context: LintContext, quantity: Quantity, number: tree.Number) -> bool:
    """Whether the number is the quantity but for its decimal point or its unit."""
    times = ratio(context, quantity, number)
    if times is not None:
        return times in _SLIPS or (quantity.value == Fraction(number.value) and quantity.unit != number.unit)
    return bool(quantity.unit) and quantity.value == Fraction(number.value) and _both_doses(context, quantity, number)


def _both_doses(context: LintContext, quantity: Quantity, number: tree.Number) -> bool:
    """Whether both are masses, volumes or units of a drug, perhaps per time or per kilogram."""
    doses = {"mass", "volume", "amount", "arbitrary"}
    try:
        said, ours = (context.scope.units.parse(unit or "1") for unit in (quantity.unit, number.unit))
    except BadValue:
        return False
    return all(any(base.partition(":")[0] in doses for base in each.dimension) for each in (said, ours))


def _times(times: Fraction) -> str:
    return (
        f"{times} times"
        if times.denominator == 1
        else f"one {times.denominator}th"
        if times.numerator == 1
        else (f"{float(times):g} times")
    )
