"""A largest dose that a cited statement names stands in the protocol, and where doses are held against it.

A number that no dose meets is no ceiling: it may stand in a definition or a question long after the cap that used it
is gone. What holds a dose: a cap, a `never` rule, `max:`, `at_most:`, `until:` of a repeat, a reason under `avoid_if:`,
the dose itself and the end of its ladder, with all definitions and parameters that these use. For a ceiling on a whole
course ("in total") the dose itself does not, because doses add up; for any other, the questions on the way to a dose
do as well. Each dose that cites the statement is held against it besides, as large as a plausible patient makes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.expression import tree
from kb.linter.about_the_drug import drugs_in
from kb.linter.context import LintContext, names_in, verbs
from kb.linter.orders import extent_of_dose, in_unit, orders
from kb.linter.quantities import Quantity, quantities, same
from kb.linter.superseded import carried_out
from kb.values import BadValue, format_fraction

_CEILING = re.compile(
    r"\b(?:at most|no more than|not more than|never more than|up to|at the most|"
    r"(?:not|never|nothing)(?: go| going| be| run| rise)? above|"
    r"going above|exceed|exceeding|maximum(?: of)?|ceiling(?: of)?|largest)\W+(?=[\d])",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"\b(?:in total|total|in all|altogether|cumulative|whole course)\b", re.IGNORECASE)
_WORDED = re.compile(r"\b(?:at most|no more than|(?:do )?not exceed|maximum)\b", re.IGNORECASE)
_KINDS = frozenset({"dose", "titrate", "contra"})


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol, evidence = context.protocol, context.protocol.evidence
    if evidence is None:
        return
    used = carried_out(protocol)
    numbers: list[tree.Number] | None = None
    holding: dict[bool, list[tree.Number]] = {}
    lost: set[str] = set()
    for statement in evidence.statements.values():
        use = used.get(statement.id)
        if use is None or statement.kind not in _KINDS or statement.id in context.library.shared.statements:
            continue
        for ceiling in _ceilings(context, statement):
            if numbers is None:
                parts = (protocol.steps, protocol.defines, protocol.parameters, protocol.never, protocol.caps)
                numbers = _numbers(context, parts)
            uses = [number for number in numbers if _used(context, ceiling, number)]
            if not uses:
                lost.add(statement.id)
                yield found(
                    "KB469",
                    use.span,
                    f"`{statement.id}` gives {ceiling.text} as the most, and the protocol nowhere uses that number",
                    "write it where it is checked: `max:` of a dose, `at_most:` of a repeat, a cap or a `never` rule",
                    "the source's own ceiling would be lost, with a citation that looks sound",
                    (Related(statement.span, "the statement stands here"),),
                )
                continue
            whole = _WHOLE.search(statement.says.value) is not None and _is_amount(context, ceiling)
            if whole not in holding:
                holding[whole] = _numbers(context, _holding(context, whole))
            if not any(_used(context, ceiling, number) for number in holding[whole]):
                kind = "the most in all" if whole else "the most"
                yield found(
                    "KB472",
                    use.span,
                    f"`{statement.id}` gives {ceiling.text} as {kind}, and no dose is held against it: the number "
                    "only stands in definitions or questions",
                    "write a cap" + ("" if whole else ", `max:` of the dose") + ", `at_most:` of a repeat or a `never` "
                    "rule with it",
                    "doses would go past the source's own ceiling without a word",
                    (
                        Related(statement.span, "the statement stands here"),
                        Related(uses[0].span, "the number stands here"),
                    ),
                )
                lost.add(statement.id)
    yield from _past(context, lost)


def _past(context: LintContext, told: set[str]) -> Iterator[Diagnostic]:
    """Doses that can come to more than anything in the statements they rest on, one of which names a ceiling.

    A statement may have a ceiling for each of several patients, and a ceiling on a step beside one on the rate: what is
    larger than all its numbers is too much for everybody.

    Args:
        told: statements whose ceiling is lost for every dose, and told so.

    """
    protocol, scope = context.protocol, context.scope
    assert protocol.evidence is not None
    for order in orders(context):
        backing = order.step.backing
        if order.option is not None and order.option.backing.cites:
            backing = order.option.backing
        most: tuple[Fraction, Quantity, model.StatementDef] | None = None
        ceiled = False
        for ref in backing.cites:
            statement = protocol.evidence.statements.get(ref.id)
            if statement is None or statement.kind not in _KINDS or _WHOLE.search(statement.says.value):
                continue
            ceilings = any(_fits(context, ceiling, order.unit) for ceiling in _ceilings(context, statement))
            for said in quantities(scope.units, statement.says.value):
                try:
                    value = scope.units.convert(said.value, said.unit or "1", order.unit or "1")
                except BadValue:
                    continue  # a number of something else
                ceiled = ceiled or ceilings
                if most is None or value > most[0]:
                    most = value, said, statement
        if most is None or not ceiled or most[2].id in told:
            continue
        limit = None if order.most is None else extent_of_dose(scope, order, order.most).high
        for amount in order.doses:
            high = extent_of_dose(scope, order, amount).high
            reached = high if limit is None else limit if high is None else min(high, limit)
            if reached is None or in_unit(scope, reached, order.unit) <= most[0]:
                continue  # what has no end at all is told as such
            named = drugs_in(context, most[2].says.value)
            if named and order.drug.id not in named:
                break
            yield found(
                "KB472",
                amount.span,
                f"`{amount.text}` can come to {format_fraction(in_unit(scope, reached, order.unit))} {order.unit}, and "
                f"`{most[2].id}`, which {order.place} cites, gives {most[1].text} as the most",
                f"write `max: {most[1].text}`, or correct the dose",
                "doses would go past the source's own ceiling without a word",
                (Related(most[2].span, "the statement stands here"),),
            )
            break


def _fits(context: LintContext, ceiling: Quantity, unit: str) -> bool:
    """Whether it is a ceiling on what is ordered in this unit."""
    try:
        context.scope.units.convert(ceiling.value, ceiling.unit or "1", unit or "1")
    except BadValue:
        return False
    return True


def _numbers(context: LintContext, parts: object) -> list[tree.Number]:
    """The numbers in `parts`; those of a parameter have its unit."""
    numbers = list(model.every(parts, tree.Number))
    numbers += [
        tree.Number(number.value, parameter.unit, number.span)
        for parameter in model.every(parts, model.ParameterDef)
        for number in model.every((parameter.range, parameter.default), tree.Number)
        if number.unit is None
    ]
    return numbers


def _holding(context: LintContext, whole: bool) -> list[object]:
    """All that a dose is held against, and the definitions and parameters in it.

    Args:
        whole: a ceiling on a whole course is asked for, which a single dose says nothing of.

    """
    protocol = context.protocol
    made: list[object] = [*protocol.never.values(), *protocol.caps.values()]
    for step in protocol.steps.values():
        if not isinstance(step, model.Do):
            if not whole:
                made.append(step)
            continue
        made += [step.avoid_if, None if step.repeat is None else step.repeat.at_most]
        if step.repeat is not None:
            made.append(step.until)
        if not whole:
            made += verbs(step)
    seen: set[str] = set()
    rest = list(made)
    while rest:
        for name in names_in(rest.pop()) - seen:
            seen.add(name)
            following = protocol.defines.get(name) or protocol.parameters.get(name)
            if following is not None:
                made.append(following)
                rest.append(following)
    return made


def _is_amount(context: LintContext, ceiling: Quantity) -> bool:
    """Whether it is so much of a drug, and not so much a minute."""
    try:
        dimension = context.scope.units.parse(ceiling.unit or "1").dimension
    except BadValue:
        return False
    return bool(dimension) and "time" not in dimension


def _ceilings(context: LintContext, statement: model.StatementDef) -> Iterator[Quantity]:
    says, plain = statement.says.value, True
    for match in _CEILING.finditer(says):
        told = list(quantities(context.scope.units, says[match.end() :]))
        if told and told[0].begins == 0:
            top = told[1] if len(told) > 1 and told[1].of_range else told[0]
            if top.value > Fraction(0):
                plain = False
                yield top
    if plain and _WORDED.search(statement.wording):  # the word for it stands elsewhere: "the largest doses", by drug
        amounts = [each for each in quantities(context.scope.units, says) if _is_amount(context, each)]
        yield from amounts[:1]


def _used(context: LintContext, ceiling: Quantity, number: tree.Number) -> bool:
    """A ceiling that prose gives without a unit is any number of that size."""
    return same(context, ceiling, number) or (not ceiling.unit and ceiling.value == Fraction(number.value))
