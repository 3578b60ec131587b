"""A Program in which nothing follows from data being absent, but what a reading of its author says."""

from __future__ import annotations

from kb import program as ir
from kb.evaluate import made_slots, slots_of


def without_absence(program: ir.Program) -> ir.Program:
    """`program` with `known(x)` unknown where `x` is, for data and rates; not where a reading is named beside it.

    Data that nobody has charted, that are out of date or that were refused all are unknown in a row, so advice that
    both Programs give rests on none of them. What a definition with a reading says stays as it is.
    """
    strict = _Strict(program)
    slots = tuple(
        slot if slot.expr is None or slot.interprets or slot.kind != "define" else slot._replace(expr=strict(slot.expr))
        for slot in program.slots
    )
    return program._replace(slots=slots, steps=tuple(_step(strict, step) for step in program.steps))


def _step(strict: _Strict, step: ir.Step) -> ir.Step:
    if step.interprets:
        return step
    cases = tuple(case if case.interprets else case._replace(when=strict(case.when)) for case in step.cases)
    return step._replace(cases=cases)


class _Strict:
    """Puts `x = x`, which is unknown where `x` is, in place of `known(x)`."""

    def __init__(self, program: ir.Program) -> None:
        self.program = program

    def _goes_missing(self, item: ir.Expr) -> bool:
        """Whether `item` is made of data and rates alone: a count or a time since is worked out of the whole record."""
        read = slots_of(item) | set(made_slots(item, self.program))
        kinds = {self.program.slots[index].kind for index in read}
        return bool(kinds) and kinds <= {"element", "rate", "define", "unobtainable"}

    def __call__(self, expr: ir.Expr) -> ir.Expr:
        match expr:
            case ir.Known(item):
                return ir.Compare("=", item, item) if self._goes_missing(item) else expr
            case ir.All(items) | ir.Any_(items) | ir.Least(items) | ir.Greatest(items):
                return type(expr)(tuple(self(item) for item in items))
            case ir.AtLeast(count, items):
                return ir.AtLeast(count, tuple(self(item) for item in items))
            case ir.Not(item) | ir.Sure(item) | ir.Absolute(item):
                return type(expr)(self(item))
            case ir.Member(item, options):
                return ir.Member(self(item), options)
            case ir.Compare(op, left, right):
                return ir.Compare(op, self(left), self(right))
            case ir.Add(left, right) | ir.Subtract(left, right) | ir.Multiply(left, right) | ir.Divide(left, right):
                return type(expr)(self(left), self(right))
            case ir.Cases(cases):
                return ir.Cases(tuple((self(when), self(then)) for when, then in cases))
            case ir.Function(name, arguments):
                return ir.Function(name, tuple(self(item) for item in arguments))
        return expr
