"""The conditions that two versions are made of, and sets of patients told in them.

A region is a conjunction of literals over conditions of either version: that one surely holds, surely does not, or
may. Comparisons of one value with a number are told together, as the interval they leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from kb import program as ir
from kb.comparison.pairing import Pair
from kb.evaluate import parts_of
from kb.generator.wording import Speaker, clean, listed
from kb.prover.solver import Model, Term, not_
from kb.prover.symbolic import Truth
from kb.values import format_duration, format_fraction

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}

# How much a condition is wanted in the telling of a region: what changed says most, then what stands beside it in a
# step that changed, then the step one is at.
CHANGED, NEAR, PLACE, NAMED, PLAIN, RELATION = 5, 4, 3, 2, 1, 0


class Test(NamedTuple):
    """A condition on the value of one input: compared with a number, one of some options, or plainly true."""

    slot: str
    op: str = ""
    bound: Fraction = Fraction(0)
    options: frozenset[str] = frozenset()
    known: bool = False


class Condition(NamedTuple):
    """`wanted` and `place`: the order in which it is used to tell a region. `words`: where it is no `test`."""

    truth: Truth
    wanted: int
    place: int
    test: Test | None
    words: str = ""


@dataclass(frozen=True, slots=True, eq=False)  # compared by what it is: to compare two terms makes a third
class Literal:
    """`surely`: it is so (`holds`) or is surely not; else it only is not surely otherwise. `term` says so."""

    condition: Condition
    holds: bool
    surely: bool
    term: Term


def _literal(condition: Condition, holds: bool, surely: bool) -> Literal:
    true, false = condition.truth
    if surely:
        return Literal(condition, holds, surely, true if holds else false)
    return Literal(condition, holds, surely, not_(false if holds else true))


def literals_of(conditions: Iterable[Condition], model: Model) -> list[Literal]:
    """What holds in `model`, the most telling first, and of each condition what says less first."""
    made = []
    for item in sorted(conditions, key=lambda item: (-item.wanted, -item.place)):
        true, false = model.truth(item.truth.true), model.truth(item.truth.false)
        if item.wanted == PLACE:
            made += [_literal(item, True, True)] if true else []
            continue
        if not false:
            made.append(_literal(item, True, False))
        if not true:
            made.append(_literal(item, False, False))
        if true or false:
            made.append(_literal(item, true, True))
    return [literal for literal in made if literal.term is not True]


class Vocabulary:
    """All conditions of two versions, each once."""

    def __init__(self, pair: Pair, same: Iterable[tuple[int, int]]) -> None:
        """`same`: steps of both versions that the same patients come to."""
        self.pair, self.names = pair, pair.names
        self.speakers = Speaker(pair.names.before), Speaker(pair.names.after)
        self._units: dict[str, tuple[str, str]] = {}
        self._kinds: dict[str, str] = {}
        self._said: dict[str, object] = {}
        self._made: dict[object, Condition] = {}
        self._keys = [set(map(self._key_in(side), self._all_expressions(side))) for side in (0, 1)]
        self._near = False
        changed = pair.names.changed_steps
        for self._near in (True, False):
            for side in (1, 0):
                for expr in self._roots(side, changed):
                    self._collect(side, expr)
        for _, new in same:
            step, walk = self.names.after.steps[new], pair.after
            truth = Truth(walk.reached(new), walk.not_reached(new))
            if step.id in changed and truth.true is not True:
                self._made["at", step.id] = Condition(truth, PLACE, new, None, f"at `{step.id}`")
        self.conditions = tuple(self._made.values())

    # ------------------------------------------------------------ the conditions

    def _program(self, side: int) -> ir.Program:
        return self.pair.walks[side].program

    def _key_in(self, side: int) -> Callable[[ir.Expr], object]:
        return lambda expr: self.names.key(self._program(side), expr)

    def _roots(self, side: int, changed: frozenset[str] | None = None) -> Iterator[ir.Expr]:
        """The conditions of one version: while `_near`, those of the steps `changed`; else all others."""
        program = self._program(side)
        for step in program.steps:
            if changed is None or (self.names.now_called(step.id) in changed) == self._near:
                yield from conditions_of(step)
        if changed is None or not self._near:
            yield from (program.applies, program.enter)
            yield from (goal.target for goal in program.goals)
            yield from (alert.when for alert in program.alerts)

    def _all_expressions(self, side: int) -> Iterator[ir.Expr]:
        program, rest = self._program(side), list(self._roots(side))
        while rest:
            expr = rest.pop()
            yield expr
            if type(expr) is ir.Get:
                slot = program.slots[expr.slot]
                if slot.kind == "define" and slot.expr is not None:
                    rest.append(slot.expr)
            rest += parts_of(expr)

    def _collect(self, side: int, expr: ir.Expr) -> None:
        program, walk = self._program(side), self.pair.walks[side]
        key = self.names.key(program, expr)
        common = key in self._keys[1 - side]
        match expr:
            case ir.Const():
                return
            case ir.Get(index):
                slot = program.slots[index]
                if slot.kind == "define" and slot.expr is not None:
                    inner = slot.expr
                    if slot.type == "boolean" and common and slot.title and type(inner) not in (ir.Get, ir.Compare):
                        words = f"“{clean(slot.title)}”"
                        self._add(key, Condition(walk.truth(expr), NEAR if self._near else NAMED, 1, None, words))
                    self._collect(side, inner)
                elif slot.type == "boolean":
                    self._test(side, key, walk.truth(expr), common, self._slot(side, index), Test(slot.name))
                return
            case ir.Known(ir.Get(index)):
                self._collect(side, expr.item)
                slot = program.slots[index]
                if slot.kind != "define":
                    known = Test(self._slot(side, index), known=True)
                    self._test(side, key, walk.truth(expr), common, known.slot, known)
                return
            case ir.Compare():
                self._compare(side, key, expr, common)
                return
            case ir.Member(ir.Get(index), options) if program.slots[index].kind != "define":
                name = self._slot(side, index)
                self._test(side, key, walk.truth(expr), common, name, Test(name, options=frozenset(map(str, options))))
                return
        for part in parts_of(expr):
            self._collect(side, part)

    def _compare(self, side: int, key: object, expr: ir.Compare, common: bool) -> None:
        program, walk = self._program(side), self.pair.walks[side]
        truth = walk.truth(expr)
        found = self._single(program, expr)
        if found is not None:
            index, op, bound = found
            name = self._slot(side, index)
            self._test(side, key, truth, common, name, Test(name, op, bound))
            return
        left, right = expr.left, expr.right
        if isinstance(left, ir.Get) and isinstance(right, ir.Const) and isinstance(right.value, str):
            name = self._slot(side, left.slot)
            test = Test(name, "=" if expr.op == "=" else "!=", options=frozenset((right.value,)))
            self._test(side, key, truth, common, name, test)
            return
        for which, other in ((left, right), (right, left)):
            cases = self._cases(program, which)
            if cases is not None:  # a value by cases: who has which, and the comparison with each
                for when, value in cases.cases:
                    self._collect(side, when)
                    self._collect(side, ir.Compare(expr.op, *((value, other) if which is left else (other, value))))
        if any(type(part) is not ir.Const for part in (left, right)):
            words = self._relation(side, expr)
            if self._said.setdefault(words, key) != key:  # the same words mean something else in the other version
                words += f" (as in {program.version})"
            wanted = RELATION if common else CHANGED
            self._add(key, Condition(truth, wanted, 0, None, words))

    def _test(self, side: int, key: object, truth: Truth, common: bool, name: str, test: Test) -> None:
        wanted = CHANGED if not common else NEAR if self._near else PLAIN
        self._add(key, Condition(truth, wanted, 0, test._replace(slot=name)))

    def _add(self, key: object, condition: Condition) -> None:
        self._made.setdefault(key, condition)

    def _slot(self, side: int, index: int) -> str:
        slot = self._program(side).slots[index]
        name = slot.name if side else self.names.slot_name(slot)
        words = self.speakers[side].slot(index)
        if slot.feature is not None and slot.feature.function == "decline_stands":
            words = f"`{name.removeprefix('decline_stands(').removesuffix(')')}` declined"
        self._units.setdefault(name, (words, "" if slot.unit == "1" else slot.unit))
        self._kinds.setdefault(name, slot.kind)
        return name

    def _cases(self, program: ir.Program, expr: ir.Expr) -> ir.Cases | None:
        while type(expr) is ir.Get and program.slots[expr.slot].kind == "define":
            inner = program.slots[expr.slot].expr
            if inner is None:
                return None
            expr = inner
        return expr if isinstance(expr, ir.Cases) else None

    def _single(self, program: ir.Program, expr: ir.Compare) -> tuple[int, str, Fraction] | None:
        """One input compared with a number: which, how, and the number in the input's unit."""
        for side, other, op in ((expr.left, expr.right, expr.op), (expr.right, expr.left, _FLIPPED[expr.op])):
            factor = Fraction(1)
            while isinstance(side, ir.Multiply) and isinstance(side.right, ir.Const):
                factor, side = factor * int(side.right.value), side.left
            if isinstance(side, ir.Get) and isinstance(other, ir.Const) and type(other.value) is int and factor > 0:
                slot = program.slots[side.slot]
                if slot.kind == "define" and isinstance(slot.expr, ir.Get):
                    side, slot = slot.expr, program.slots[slot.expr.slot]
                if slot.type == "number" and slot.kind != "define":
                    return side.slot, op, Fraction(other.value) / factor / ir.SCALE
        return None

    def _relation(self, side: int, expr: ir.Compare) -> str:
        """A comparison of two worked-out values, with the unit of each value that goes into it."""
        speaker = self.speakers[side]
        if speaker.can_say(expr):
            return speaker.expression(expr)
        signs = {"<=": "≤", ">=": "≥", "!=": "≠"}
        sign = signs.get(expr.op, expr.op)
        return f"{self._formula(side, expr.left)} {sign} {self._formula(side, expr.right)}"

    def _formula(self, side: int, expr: ir.Expr) -> str:
        program = self._program(side)
        match expr:
            case ir.Get(index):
                slot = program.slots[index]
                if slot.kind == "define" and slot.title:
                    return f"“{clean(slot.title)}”"
                return f"{self.speakers[side].slot(index)}{f' in {slot.unit}' if slot.unit not in ('', '1') else ''}"
            case ir.Const(value):
                return format_fraction(Fraction(value) / ir.SCALE) if type(value) is int else str(value)
            case ir.Multiply(left, ir.Const(value)) if type(value) is int:
                return f"{value} × ({self._formula(side, left)})" if value != 1 else self._formula(side, left)
            case ir.Add(left, right):
                return f"{self._formula(side, left)} + {self._formula(side, right)}"
            case ir.Subtract(left, right):
                return f"{self._formula(side, left)} − {self._formula(side, right)}"
        inner = ", ".join(self._formula(side, part) for part in parts_of(expr))
        return f"{type(expr).__name__.lower().rstrip('_')} of ({inner})"

    # ------------------------------------------------------------ a region in words

    def told(self, literals: Sequence[Literal]) -> tuple[str, ...]:
        """A region in words, what changed first."""
        by_slot: dict[str, list[Literal]] = {}
        said: list[tuple[int, int, str]] = []
        by_name: dict[str, list[Literal]] = {}
        for literal in literals:
            item = literal.condition
            if item.test is not None:
                by_slot.setdefault(item.test.slot, []).append(literal)
            else:
                by_name.setdefault(item.words, []).append(literal)
        for named in by_name.values():
            item = named[0].condition
            said.append((item.wanted, item.place, _named(named)))
        for name, group in by_slot.items():
            wanted = max(literal.condition.wanted for literal in group)
            said.append((wanted, 0, self._value(name, group)))
        at = [text for wanted, _, text in sorted(said, key=lambda item: -item[1]) if wanted == PLACE]
        rest = [text for wanted, _, text in sorted(said, key=lambda item: -item[0]) if wanted != PLACE]
        return tuple(dict.fromkeys((*at, *rest)))

    def _value(self, name: str, literals: list[Literal]) -> str:
        """What some literals leave of the values of one input."""
        words, unit = self._units[name]
        known = any(literal.surely and not _is_unknown(literal) for literal in literals)
        tests = [literal for literal in literals if not literal.condition.test.known]  # type: ignore[union-attr]
        if any(_is_unknown(literal) for literal in literals):
            return f"{words} not known"
        options = [literal for literal in tests if literal.condition.test.options]  # type: ignore[union-attr]
        numbers = [literal for literal in tests if literal.condition.test.op and literal not in options]  # type: ignore[union-attr]
        plain = [literal for literal in tests if literal not in options and literal not in numbers]
        either = "" if known else " or not known"
        if options:
            return self._choice(words, options, either)
        if numbers:
            told = self._interval(name, words, unit, numbers)
            return f"{words} not known" if not told else f"{told}{either}"
        if plain:
            holds = {literal.holds for literal in plain}
            if len(holds) == 2:
                return f"{words} not known"
            return f"{words}: {'yes' if holds == {True} else 'no'}{either}"
        return f"{words} known"

    def _choice(self, words: str, literals: list[Literal], either: str) -> str:
        allowed: frozenset[str] | None = None
        barred: frozenset[str] = frozenset()
        for literal in literals:
            test = literal.condition.test
            assert test is not None
            if literal.holds == (test.op != "!="):
                allowed = test.options if allowed is None else allowed & test.options
            else:
                barred |= test.options
        if allowed is not None:
            left = sorted(allowed - barred)
            return f"{words} {listed([item.replace('_', ' ') for item in left], 'or')}{either}" if left else (
                f"{words} not known"
            )  # fmt: skip
        return f"{words} not {listed(sorted(item.replace('_', ' ') for item in barred), 'or')}{either}"

    def _interval(self, name: str, words: str, unit: str, literals: list[Literal]) -> str:
        low: tuple[Fraction, bool] | None = None  # the end, and whether it is left out
        high: tuple[Fraction, bool] | None = None
        barred: list[Fraction] = []
        for literal in literals:
            test = literal.condition.test
            assert test is not None
            op = test.op if literal.holds else _NEGATED[test.op]
            if op == "!=":
                barred.append(test.bound)
            if op in (">", ">=", "="):
                low = max((test.bound, op == ">"), low or (test.bound, False))
            if op in ("<", "<=", "="):
                end = (test.bound, op == "<")
                high = end if high is None or (end[0], not end[1]) < (high[0], not high[1]) else high
        if low is not None and high is not None and (low[0], low[1] or high[1]) > (high[0], False):
            return ""
        kind = self._kinds.get(name)
        if kind == "rate" and high is not None and high[0] == 0:
            return f"{words} not running"
        if kind == "rate" and low == (Fraction(0), True) and high is None:
            return f"{words} running"
        beside = [
            number for number in barred if (low is None or number > low[0]) and (high is None or number < high[0])
        ]
        other = f" other than {listed(self._number(number, unit) for number in beside)}" if beside else ""
        if low is None and high is None:
            return f"{words}{other}"
        if low is None:
            assert high is not None
            return f"{words} {'under' if high[1] else 'at most'} {self._number(high[0], unit)}{other}"
        if high is None:
            number = self._number(low[0], unit)
            return f"{words} above {number}{other}" if low[1] else f"{words} {number} or more{other}"
        if low[0] == high[0]:
            return f"{words} exactly {self._number(low[0], unit)}"
        first = self._number(low[0], unit)
        bare = first.removesuffix(f" {unit}") if unit and first.endswith(f" {unit}") else first
        start = f"above {bare} to" if low[1] else f"{bare} to"
        return f"{words} {start} {'under ' if high[1] else ''}{self._number(high[0], unit)}{other}"

    def _number(self, number: Fraction, unit: str) -> str:
        if unit == "s":
            return format_duration(number)
        return f"{format_fraction(number)} {unit}".rstrip()


def conditions_of(step: ir.Step) -> Iterator[ir.Expr]:
    """All that decides where a step leads and what its status is."""
    yield from (case.when for case in step.cases)
    if step.kind == "do":
        yield from (step.satisfied, step.status)
        yield from (avoid.when for avoid in step.avoid)
    for option in step.action.options if step.action is not None else ():
        yield from (reason.when for reason in (*option.for_, *option.against))


def _named(literals: Sequence[Literal]) -> str:
    """What some literals of one condition say together."""
    item = literals[0].condition
    if item.wanted == PLACE:
        return item.words
    if len({literal.holds for literal in literals}) == 2:
        return f"{item.words}: not known"
    word = "yes" if literals[0].holds else "no"
    return (
        f"{item.words}: {word}" if any(literal.surely for literal in literals) else f"{item.words}: {word} or not known"
    )


def _is_unknown(literal: Literal) -> bool:
    test = literal.condition.test
    return test is not None and test.known and not literal.holds
