"""A dose that is a range has its lower end first, for every patient (KB483).

Ends that are written out are compared where the file is read. Here one or both are worked out: the cases of the two
ends are paired, pairs that cannot be the wrong way round fall away, and the others are looked for among all patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kb import model
from kb import program as ir
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.evaluate import evaluate, fill_defines
from kb.expression import tree
from kb.inspector.context import InspectContext, Undecided
from kb.inspector.regions import TRUE, Want
from kb.inspector.wording import example, told
from kb.values import format_scaled

_MOST_PAIRS = 400


def check(context: InspectContext) -> Iterator[Diagnostic]:
    for index, amount, dose, wrong in context.ranges:
        yield from _told(context, index, amount, dose, wrong)


def upside_down(protocol: model.Protocol, program: ir.Program) -> Iterator[tuple[int, model.Amount, ir.Dose, ir.Expr]]:
    """Each dose with two ends that could be the wrong way round, and when they are."""
    for index, step in enumerate(program.steps):
        written = protocol.steps.get(step.id)
        if not isinstance(written, model.Do) or step.action is None:
            continue
        options = written.verb.one_of if isinstance(written.verb, model.Choose) else ()
        pairs: list[tuple[model.Verb, ir.Action]] = [(written.verb, step.action)]
        pairs += [(one.verb, other.action) for one, other in zip(options, step.action.options, strict=True)]
        for verb, action in pairs:
            amount, dose = _range(verb), action.dose
            if amount is not None and dose is not None and dose.high is not None:
                wrong = _below(program, dose.high, dose.low)
                if wrong is not None:
                    yield index, amount, dose, wrong


def _range(verb: object) -> model.Amount | None:
    """The dose of a verb, where it is a range with an end that is worked out."""
    amount = verb.amount if isinstance(verb, model.Give) else verb.rate if isinstance(verb, model.Infuse) else None
    if amount is None or not isinstance(amount.value, tree.Range):
        return None
    ends = amount.value.low, amount.value.high
    return None if all(isinstance(end, tree.Number) for end in ends) else amount


def _told(
    context: InspectContext, index: int, amount: model.Amount, dose: ir.Dose, wrong: ir.Expr
) -> Iterator[Diagnostic]:
    what = f"whether the upper end of `{amount.text}` is ever below the lower"
    made = context.find("KB483", amount.span, what, (Want(wrong, TRUE),), way=context.way_to(index))
    if made is None or isinstance(made, Undecided):
        return

    def holds(row: ir.Row) -> bool:
        filled = [*row]
        fill_defines(context.program, filled)
        return evaluate(wrong, filled) is True

    patient = context.patient(
        "KB483", amount.span, what, made, holds, lambda walk: [walk.truth(wrong).true, walk.shown(index)]
    )
    if patient is None:
        return
    row = [*patient.advice.walk.row]
    low, top = (evaluate(end, row) for end in (dose.low, dose.high) if end is not None)
    ends = " to ".join(format_scaled(end, dose.unit) for end in (low, top) if isinstance(end, int))
    item = found(
        "KB483",
        amount.span,
        f"`{amount.text}` has its upper end below the lower for a patient: {told(patient)}: {ends}",
        "compare the cases of the two ends with the source; where there is one dose, both ends are that dose",
        "nobody can tell which of the two is meant, and a rule on the largest dose looks at the wrong one",
    )
    where = context.program.steps[index].id
    yield replace(item, example=example("KB483", where, context.protocol.span.file, patient))


def _below(program: ir.Program, high: ir.Expr, low: ir.Expr) -> ir.Expr | None:
    """That `high` is less than `low`; None where no pair of their cases could make it so."""
    tops, bottoms = _split(program, high), _split(program, low)
    if repr(high) == repr(low):
        return None
    if len(tops) * len(bottoms) > _MOST_PAIRS:
        return ir.Compare("<", high, low)
    ways: list[ir.Expr] = []
    for top_when, top in tops:
        if repr(top) == repr(low):
            continue
        for bottom_when, bottom in bottoms:
            if repr(top) == repr(bottom):
                continue
            if type(top) is ir.Const and type(bottom) is ir.Const:
                if isinstance(top.value, int) and isinstance(bottom.value, int) and top.value < bottom.value:
                    ways.append(ir.All((*top_when, *bottom_when)))
            else:
                ways.append(ir.All((*top_when, *bottom_when, ir.Compare("<", top, bottom))))
    return ir.Any_(tuple(ways)) if ways else None


def _split(program: ir.Program, expr: ir.Expr) -> list[tuple[tuple[ir.Expr, ...], ir.Expr]]:
    """The values of an expression over cases, each with what makes it that one."""
    inner = expr
    if type(expr) is ir.Get:
        slot = program.slots[expr.slot]
        if slot.kind != "define" or slot.expr is None:
            return [((), expr)]
        inner = slot.expr
    if type(inner) is not ir.Cases:
        return [((), expr if type(inner) is not ir.Const else inner)]
    made: list[tuple[tuple[ir.Expr, ...], ir.Expr]] = []
    before: tuple[ir.Expr, ...] = ()
    for when, value in inner.cases:
        here = before if ir.is_constant(when, True) else (*before, when)
        made.append((here, value))
        before = (*before, ir.Not(when))
    return made
