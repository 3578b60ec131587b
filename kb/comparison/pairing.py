"""Two versions of a protocol read over the same patients: what belongs together by name, and both walks as formulas.

A patient is one row for both: what has the same name, type and unit in both versions is one symbol, and what only one
version reads is free beside it. What a chart can say is what both versions accept; where they read a chart otherwise
(other units, ranges, folds) the rows of one chart differ, which `kb.comparison.structure` tells by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from kb import program as ir
from kb.evaluate import parts_of
from kb.interpreter import Guideline
from kb.plan import Walk
from kb.prover.solver import (
    Model,
    Term,
    Variables,
    and_,
    any_of,
    at_most,
    choose,
    equal,
    iff,
    is_open,
    not_,
    or_,
)
from kb.prover.symbolic import Number, Symbol, SymbolicWalk, Truth


class StepPair(NamedTuple):
    """One step by its id in the newer version; None where that version has no such step."""

    id: str
    before: int | None
    after: int | None


class Names:
    """What belongs together in two Programs, by name; `renamed` takes old ids of steps to new ones."""

    def __init__(self, before: ir.Program, after: ir.Program, renamed: Mapping[str, str] | None = None) -> None:
        self.before, self.after = before, after
        mine, theirs = {step.id for step in before.steps}, {step.id for step in after.steps}
        self.renamed = {old: new for old, new in (renamed or {}).items() if old in mine and new in theirs}
        for old, new in list(self.renamed.items()):  # a titration's own steps go with it
            for id in mine:
                if id.startswith(f"{old}.") and new + id.removeprefix(old) in theirs:
                    self.renamed[id] = new + id.removeprefix(old)
        self._keys: dict[tuple[int, int], tuple[ir.Expr, object]] = {}

    def now_called(self, id: str) -> str:
        """The id in the newer version of a step of the older one."""
        return self.renamed.get(id, id)

    @cached_property
    def steps(self) -> tuple[StepPair, ...]:
        """All steps: those of the newer version in its order, then those that are gone."""
        old = {self.now_called(step.id): index for index, step in enumerate(self.before.steps)}
        new = {step.id: index for index, step in enumerate(self.after.steps)}
        common = {id: StepPair(id, old.get(id), index) for id, index in new.items()}
        gone = [StepPair(id, index, None) for id, index in old.items() if id not in new]
        return (*common.values(), *gone)

    @cached_property
    def slots(self) -> dict[int, int]:
        """Inputs of the newer version that the older one has too, as slots of both."""
        old = {self.slot_name(slot): index for index, slot in enumerate(self.before.slots)}
        made = {}
        for index, slot in enumerate(self.after.slots):
            other = old.get(slot.name)
            if other is None or slot.kind in ("define", "computed", "order", "walk"):
                continue
            mine = self.before.slots[other]
            if (mine.kind, mine.type, mine.unit) == (slot.kind, slot.type, slot.unit):
                made[index] = other
        return made

    def slot_name(self, slot: ir.Slot) -> str:
        """The name in the newer version of a slot of the older one."""
        name = slot.name
        for old, new in self.renamed.items():
            name = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w.-])", new, name)
        return name

    @cached_property
    def changed_steps(self) -> frozenset[str]:
        """Steps, by their newer id, that decide, lead on or get their status otherwise than before; new ones too."""
        return frozenset(
            step.id
            for step in self.steps
            if step.before is None
            or step.after is None
            or self._leads(self.before, step.before) != self._leads(self.after, step.after)
        )

    def _leads(self, program: ir.Program, index: int) -> object:
        step = program.steps[index]

        def called(targets: tuple[int, ...]) -> tuple[str, ...]:
            ids = (program.steps[target].id for target in targets)
            return tuple(sorted(self.now_called(id) if program is self.before else id for id in ids))

        cases = tuple((self.key(program, case.when), called(case.targets)) for case in step.cases)
        unknown = () if step.if_unknown is None else called((step.if_unknown,))
        states = (self.key(program, step.satisfied), self.key(program, step.status)) if step.kind == "do" else ()
        return (step.kind, cases, unknown, called(step.with_), called(step.then), states)

    def key(self, program: ir.Program, expr: ir.Expr) -> object:
        """What an expression says, definitions written out: equal in both versions where they say the same."""
        at = id(program), id(expr)
        if at not in self._keys:
            self._keys[at] = (expr, self._key(program, expr))
        return self._keys[at][1]

    def _key(self, program: ir.Program, expr: ir.Expr) -> object:
        if type(expr) is ir.Get:
            slot = program.slots[expr.slot]
            if slot.kind == "define" and slot.expr is not None:
                return self.key(program, slot.expr)
            name = self.slot_name(slot) if program is self.before else slot.name
            return ("slot", name, slot.kind, slot.unit, slot.type)
        parts = tuple(self.key(program, part) for part in parts_of(expr))
        match expr:
            case ir.Const(value):
                return ("const", type(value).__name__, value)
            case ir.Compare(op):
                return ("Compare", op, *parts)
            case ir.Member(_, options):
                return ("Member", tuple(sorted(map(str, options))), *parts)
            case ir.AtLeast(count):
                return ("AtLeast", count, *parts)
            case ir.Function(name):
                return ("Function", name, *parts)
            case ir.Cases(cases):
                return ("Cases", len(cases), *parts)
        return (type(expr).__name__, *parts)


class Pair:
    """The walks of two versions over the same patients."""

    def __init__(self, before: Guideline, after: Guideline, names: Names) -> None:
        self.names = names
        self.guidelines = (before, after)
        self._variables = Variables()
        moved, facts = self._moved_defaults()
        self.before = SymbolicWalk(before.program, shared=moved, variables=self._variables)
        shared: dict[int, Symbol] = {}
        for new, old in names.slots.items():
            shared[new] = self.before.slot(old)
            if old in moved:
                shared[new] = self._set_locally(after.program.slots[new], after.program)
        self.after = SymbolicWalk(after.program, prefix="after ", shared=shared, beside=self.before)
        self.walks = (self.before, self.after)
        for fact in facts:
            self._require(fact)
        self._hold_both_to_one_row()

    def find(self, *terms: Term) -> Model | None:
        """A row of both of which all `terms` hold (see `SymbolicWalk.find`)."""
        return self.before.find(*terms)

    def _require(self, fact: Term) -> None:
        if fact is not True:
            self.before.search.require(fact)

    # ------------------------------------------------------------ what both read

    def _moved_defaults(self) -> tuple[dict[int, Symbol], list[Term]]:
        """Parameters whose default differs: without a local setting the two versions read two values."""
        old, new = self.names.before, self.names.after
        defaults = {item.id: item.default for item in new.parameters}
        mine = {item.id: item for item in old.parameters}
        moved: dict[int, Symbol] = {}
        facts: list[Term] = []
        for other in self.names.slots.values():
            slot = old.slots[other]
            if slot.kind != "parameter" or mine[slot.of].default == defaults[slot.of]:
                continue
            moved[other] = self._set_locally(slot, old)
            parameter = mine[slot.of]
            value = self._variables.integer(f"{slot.name} as set")
            if slot.type == "number":
                facts += [at_most(0 if parameter.low is None else parameter.low, value)]
                facts += [] if parameter.high is None else [at_most(value, parameter.high)]
            else:
                facts.append(any_of(equal(value, self._variables.option(each)) for each in parameter.options))
        return moved, facts

    def _set_locally(self, slot: ir.Slot, program: ir.Program) -> Symbol:
        default = next(item.default for item in program.parameters if item.id == slot.of)
        given = self._variables.boolean(f"{slot.name} is set")
        if slot.type == "boolean":
            chosen = self._variables.boolean(f"{slot.name} as set is true")
            usual_true, usual_false = default is True, default is False
            return Truth(choose(given, chosen, usual_true), choose(given, not_(chosen), usual_false))
        value = self._variables.integer(f"{slot.name} as set")
        if default is None:
            return Number(given, value)
        usual = self._variables.option(default) if isinstance(default, str) else int(default)
        return Number(True, choose(given, value, usual))

    def _hold_both_to_one_row(self) -> None:
        for new, old in self.names.slots.items():
            slot, held = self.after.slots[new], self.after.slot(new)
            taken = self.before.taken_for_zero(old), self.after.taken_for_zero(new)
            if all(is_open(term) for term in taken):
                self._require(iff(*taken))
            if slot.feature is not None and slot.feature.function == "total":
                bound = self.before.bound(old)
                if bound is not None:
                    self.after.bounds[new] = bound
            if not isinstance(held, Number) or slot.type == "date-time":
                continue
            if slot.type == "choice":
                listed = slot.options or self._options(slot)
                if listed:
                    codes = (equal(held.value, self.after.code(option)) for option in listed)
                    self._require(or_(not_(held.known), *codes))
                continue
            low, high = self.after.ends(slot)
            if low is not None:
                self._require(or_(not_(held.known), at_most(low, held.value)))
            if high is not None:
                self._require(or_(not_(held.known), at_most(held.value, high)))

    def _options(self, slot: ir.Slot) -> tuple[str, ...]:
        program = self.names.after
        listed: tuple[ir.Element | ir.Parameter, ...] = (*program.elements, *program.parameters)
        return next((item.options for item in listed if item.id == slot.of), ())

    def row_of(self, side: int, walk: Walk) -> Iterator[Term]:
        """That the inputs of one version are what the interpreter has read."""
        own, reading = self.walks[side], walk.reading
        for index, held in list(own.inputs.items()):
            value = walk.row[index]
            if isinstance(held, Truth):
                yield and_(iff(held.true, value is True), iff(held.false, value is False))
            elif value is None or isinstance(value, bool):
                yield not_(held.known)
            else:
                yield and_(held.known, equal(held.value, own.code(value) if isinstance(value, str) else value))
            yield iff(own.taken_for_zero(index), index in reading.assumed_slots)
        for index, bound in own.bounds.items():
            yield equal(bound, reading.lower_bounds.get(index, 0))

    # ------------------------------------------------------------ what is told

    def applies(self, side: int) -> Truth:
        walk = self.walks[side]
        return walk.truth(walk.program.applies)

    def told(self, side: int, step: int) -> Term:
        """Whether advice speaks of a step: the protocol applies, and it is reached or assumed."""
        return and_(self.applies(side).true, self.walks[side].shown(step))

    def open(self, side: int, step: int) -> Term:
        """Whether advice may still come to a step, and asks for what it takes."""
        walk = self.walks[side]
        return and_(not_(self.applies(side).false), walk.may(step), not_(self.told(side, step)))

    def told_anything(self, side: int) -> Term:
        """Whether advice speaks of any action, hand-over or outcome."""
        steps = self.walks[side].program.steps
        return any_of(self.told(side, index) for index, step in enumerate(steps) if step.kind != "decide")
