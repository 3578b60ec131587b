"""Whether some row makes conditions come out as wanted: an exact search over the regions of each input.

An input is split where some condition compares it: into the values at its thresholds and those between them, and
"not known". Within one region no condition can tell two values apart, so one value stands for all of them, and
the search is over finitely many rows. It wants and splits one condition at a time, with all other inputs left
open, and stops where the answer is settled: a conjunction of twenty conditions is twenty look-ups.

Where a condition compares what is worked out of several inputs (`now - onset`, `30 mL/kg * weight`), that number is
taken as if it were an input of its own. More rows are then looked at than there are: an answer of "none" holds all
the same; a row that was found and that leans on such a number is said to (`Found.exact` is False), for the prover.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from itertools import pairwise, product
from typing import Final, NamedTuple

from kb import program as ir
from kb.evaluate import compare, parts_of, strict

TRUE, FALSE, UNKNOWN = 1, 2, 4
ANY: Final = TRUE | FALSE | UNKNOWN
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
_EFFORT = 3_000
_MOST_VALUES = 256
"""A number that can be more things than this is taken as open."""

Key = int | str
"""An input: its slot, or the text of a number that is worked out of several inputs."""

Domain = tuple[ir.Value, ...]
Domains = dict[Key, Domain]


class Want(NamedTuple):
    """`expr` shall come out as one of `among`, a sum of TRUE, FALSE and UNKNOWN."""

    expr: ir.Expr
    among: int


class Found(NamedTuple):
    """Rows that were found: for each input that matters what it can be. `exact`: there is such a row in truth."""

    domains: Mapping[Key, Domain]
    exact: bool


class Settled(NamedTuple):
    """What some wants leave: for each input that they bear on what it can be, and those of them that need a choice."""

    domains: Mapping[Key, Domain]
    open: tuple[Want, ...]


NOTHING_ASKED: Final = Settled({}, ())
_NOBODY: Final = Settled({}, (Want(ir.Const(False), TRUE),))


class TooHard(Exception):  # noqa: N818 - an answer, not a fault
    """The search was given up: nothing is known."""


class Regions:
    """The inputs of one Program and their regions. Expressions that are asked about must be announced first."""

    def __init__(self, program: ir.Program, announced: Iterable[ir.Expr] = ()) -> None:
        self.program = program
        self.elements = {element.id: element for element in program.elements}
        self.parameters = {parameter.id: parameter for parameter in program.parameters}
        self._obtained = {slot.of: index for index, slot in enumerate(program.slots) if slot.kind == "unobtainable"}
        self._element_slots = {slot.of: index for index, slot in enumerate(program.slots) if slot.kind == "element"}
        self._cuts: dict[Key, set[int]] = {}
        self._kinds: dict[int, tuple[ir.Expr, tuple[str, str, int] | None]] = {}
        self._seen: set[int] = set()
        self._full: dict[Key, Domain] = {}
        self._single: dict[int, tuple[ir.Expr, int | None]] = {}
        self._finite: dict[int, tuple[ir.Expr, bool]] = {}
        self._kept: list[ir.Expr] = []
        self._effort = 0
        for expr in announced:
            self.announce(expr)

    # ------------------------------------------------------------ where inputs are split

    def announce(self, expr: ir.Expr) -> None:
        """Split inputs where `expr` compares them."""
        rest = [expr]
        while rest:
            part = rest.pop()
            if id(part) in self._seen:
                continue
            self._seen.add(id(part))
            self._kept.append(part)
            if type(part) is ir.Get:
                inner = self.program.slots[part.slot].expr
                if inner is not None and self.program.slots[part.slot].kind == "define":
                    rest.append(inner)
                continue
            if type(part) is ir.Compare:
                self._announce_comparison(part)
            rest += parts_of(part)

    def _announce_comparison(self, part: ir.Compare) -> None:
        left, right = part.left, part.right
        if type(left) is ir.Const:
            left, right = right, left
        if type(right) is not ir.Const or isinstance(right.value, (bool, str)):
            if self._is_number(left):
                self._cuts.setdefault(_text_of(part), set()).add(0)
            return
        linear = self._linear(left)
        if linear is not None:
            slot, factor, offset = linear
            whole, rest = divmod(right.value - offset, factor)
            self._cuts.setdefault(slot, set()).update((whole,) if not rest else (whole, whole + 1))
        elif not self._is_finite(left):
            self._cuts.setdefault(repr(left), set()).add(right.value)

    def _linear(self, expr: ir.Expr) -> tuple[int, int, int] | None:
        """Slot, factor and offset, where `expr` is a whole multiple of one input plus a number."""
        match expr:
            case ir.Get(slot) if self.program.slots[slot].kind != "define":
                return slot, 1, 0
            case ir.Get(slot):
                inner = self.program.slots[slot].expr
                return None if inner is None else self._linear(inner)
            case ir.Multiply(left, ir.Const(int(value))) if value:
                inner_ = self._linear(left)
                return None if inner_ is None else (inner_[0], inner_[1] * value, inner_[2] * value)
            case ir.Multiply(ir.Const(int(value)), right) if value:
                inner_ = self._linear(right)
                return None if inner_ is None else (inner_[0], inner_[1] * value, inner_[2] * value)
            case ir.Add(left, ir.Const(int(value))):
                inner_ = self._linear(left)
                return None if inner_ is None else (inner_[0], inner_[1], inner_[2] + value)
            case ir.Subtract(left, ir.Const(int(value))):
                inner_ = self._linear(left)
                return None if inner_ is None else (inner_[0], inner_[1], inner_[2] - value)
        return None

    def _is_number(self, expr: ir.Expr) -> bool:
        match expr:
            case ir.Get(slot):
                return self.program.slots[slot].type in ("number", "date-time")
            case ir.Const(value):
                return isinstance(value, int) and not isinstance(value, bool)
            case ir.Cases(cases):
                return self._is_number(cases[0][1])
            case ir.Add() | ir.Subtract() | ir.Multiply() | ir.Divide() | ir.Least() | ir.Greatest() | ir.Absolute():
                return True
            case ir.Function():
                return True
        return False

    def _is_finite(self, expr: ir.Expr) -> bool:
        """Whether a number is one of a few, by its form: a score of points over cases."""
        held = self._finite.get(id(expr))
        if held is None:
            held = self._finite[id(expr)] = expr, self._has_few_values(expr)
        return held[1]

    def _has_few_values(self, expr: ir.Expr) -> bool:
        match expr:
            case ir.Const():
                return True
            case ir.Get(slot):
                here = self.program.slots[slot]
                return here.kind == "define" and here.expr is not None and self._is_finite(here.expr)
            case ir.Cases(cases):
                return all(self._is_finite(then) for _, then in cases)
            case ir.Function():
                return False
        parts = parts_of(expr)
        return bool(parts) and all(self._is_finite(part) for part in parts)

    def _input_of(self, expr: ir.Expr) -> int | None:
        """The one input that a number is made of, or None."""
        held = self._single.get(id(expr))
        if held is None:
            found = {*self.inputs(expr)}
            held = self._single[id(expr)] = expr, found.pop() if len(found) == 1 else None
        return held[1]

    def is_split(self, expr: ir.Expr, slot: int) -> bool:
        """Whether `slot` is compared by itself alone in `expr`, so that a value can be put in its place."""
        return all(self.opaque(part) is None for part in self.comparisons(expr) if slot in self.inputs(part))

    def is_alone(self, expr: ir.Expr, slot: int) -> bool:
        """Whether no comparison in `expr` reads `slot` together with another input."""
        return all({*self.inputs(part)} == {slot} for part in self.comparisons(expr) if slot in self.inputs(part))

    def comparisons(self, expr: ir.Expr) -> list[ir.Compare]:
        """The comparisons in `expr`, definitions followed."""
        return [part for part in self._inside(expr) if type(part) is ir.Compare]

    def inputs(self, *exprs: ir.Expr) -> list[int]:
        """The inputs that expressions read, definitions followed; each as often as it is read."""
        return [part.slot for expr in exprs for part in self._inside(expr) if type(part) is ir.Get]

    def _inside(self, expr: ir.Expr) -> Iterator[ir.Expr]:
        rest = [expr]
        while rest:
            part = rest.pop()
            if type(part) is ir.Get:
                slot = self.program.slots[part.slot]
                if slot.kind == "define" and slot.expr is not None:
                    rest.append(slot.expr)
                    continue
            yield part
            rest += parts_of(part)

    def compared(self, *exprs: ir.Expr) -> list[int]:
        """The inputs that conditions themselves hold against numbers, not by way of a number worked out of them."""
        found: dict[int, None] = {}
        rest = [*exprs]
        while rest:
            part = rest.pop()
            if type(part) is ir.Get:
                slot = self.program.slots[part.slot]
                if slot.kind == "define" and slot.type == "boolean" and slot.expr is not None:
                    rest.append(slot.expr)
            elif type(part) is ir.Compare:
                for side in (part.left, part.right):
                    linear = self._linear(side)
                    if linear is not None and self.program.slots[linear[0]].type == "number":
                        found[linear[0]] = None
            elif type(part) in (ir.All, ir.Any_, ir.Not, ir.AtLeast, ir.Sure, ir.Known):
                rest += parts_of(part)
        return [
            slot
            for slot in sorted(found)
            if self.program.slots[slot].kind != "order" and all(self.is_split(expr, slot) for expr in exprs)
        ]

    # ------------------------------------------------------------ regions

    def full(self, key: Key) -> Domain:
        """One value for each region of an input, None for "not known" last."""
        if key not in self._full:
            self._full[key] = self._make(key)
        return self._full[key]

    def _make(self, key: Key) -> Domain:
        if isinstance(key, str):
            return (*_split(sorted(self._cuts.get(key, ())), None, None, ""), None)
        slot = self.program.slots[key]
        if slot.kind == "order":
            return (False,) if slot.type == "boolean" else (None,)
        if slot.type == "boolean":
            always = slot.feature is not None and slot.feature.function == "decline_stands"
            return (False, True) if always else (True, False, None)
        if slot.type == "choice":
            if slot.kind == "parameter":
                parameter = self.parameters[slot.of]
                return parameter.options if parameter.default is not None else (*parameter.options, None)
            element = self.elements.get(slot.of)
            return (*(slot.options or (element.options if element is not None else ())), None)
        low, high = self.ends(slot)
        values = _split(sorted(self._cuts.get(key, ())), low, high, self.grain_of(slot))
        if slot.kind == "parameter" and self.parameters[slot.of].default is not None:
            return tuple(values)
        return (*values, None)

    def cuts(self, slot: int) -> frozenset[int]:
        """Where an input is compared, and the ends of what it can be: the numbers that are regions by themselves."""
        ends = [end for end in self.ends(self.program.slots[slot]) if end is not None]
        return frozenset((*self._cuts.get(slot, ()), *ends))

    def grain_of(self, slot: ir.Slot) -> str:
        """`whole` where only whole numbers can be."""
        return "whole" if slot.feature is not None and slot.feature.function == "count" else ""

    def ends(self, slot: ir.Slot) -> tuple[int | None, int | None]:
        """The least and the most that a chart can say in a slot of numbers; as `kb.prover.symbolic` has it."""
        if slot.kind == "parameter":
            parameter = self.parameters[slot.of]
            if parameter.low is None and parameter.high is None:
                return 0, None
            return parameter.low, parameter.high
        function = None if slot.feature is None else slot.feature.function
        if slot.kind == "element" or function in ("previous", "change"):
            element = self.elements.get(slot.of)
            if element is None:
                return None, None
            if function == "change":
                if element.low is None or element.high is None:
                    return None, None
                return element.low - element.high, element.high - element.low
            return element.low, element.high
        if slot.kind == "rate" or function in ("count", "total", "since"):
            return 0, None
        return None, None

    # ------------------------------------------------------------ what an expression can be

    def values(self, expr: ir.Expr, domains: Mapping[Key, Domain], memo: dict[int, Domain | None]) -> Domain | None:
        """All that a value can be (None among them: not known); None: it is open."""
        kind = type(expr)
        if kind is ir.Const:
            return (expr[0],)  # type: ignore[return-value]
        if kind is ir.Get:
            slot: int = expr[0]  # type: ignore[assignment]
            here = self.program.slots[slot]
            if here.kind != "define" or here.expr is None:
                return domains.get(slot) or self.full(slot)
            expr = here.expr
        held = memo.get(id(expr), _MISSING)
        if held is not _MISSING:
            return held  # type: ignore[return-value]
        made = self._values(expr, domains, memo)
        memo[id(expr)] = made
        return made

    def _values(self, expr: ir.Expr, domains: Mapping[Key, Domain], memo: dict[int, Domain | None]) -> Domain | None:
        match expr:
            case ir.Const(value):
                return (value,)
            case ir.Get():
                return self.values(expr, domains, memo)
            case ir.All(items) | ir.Any_(items):
                closing = FALSE if type(expr) is ir.All else TRUE
                found = (TRUE | FALSE) ^ closing
                for item in items:
                    mask = self.mask(item, domains, memo)
                    found = _both(found, mask, closing)
                    if found == closing:
                        break
                return _listed(found)
            case ir.Not(item):
                return _listed(_flip(self.mask(item, domains, memo)))
            case ir.Known(item):
                held = self.values(item, domains, memo)
                if held is None:
                    return (True, False)
                return tuple({value is not None: None for value in held})
            case ir.Sure(item):
                mask = self.mask(item, domains, memo)
                return _listed((mask & TRUE) | (FALSE if mask & (FALSE | UNKNOWN) else 0))
            case ir.AtLeast(count, items):
                return _listed(_at_least(count, [self.mask(item, domains, memo) for item in items]))
            case ir.Compare():
                return self._compared(expr, domains, memo)
            case ir.Member(item, options):
                held = self.values(item, domains, memo)
                if held is None:
                    return (True, False, None)
                return tuple({None if value is None else value in options: None for value in held})
            case ir.Cases(cases):
                return self._cases(cases, domains, memo)
            case ir.Function():
                return None
        parts = [self.values(part, domains, memo) for part in parts_of(expr)]
        if not self._is_finite(expr):
            if self._linear(expr) is not None:
                rows = _rows([part for part in parts if part is not None])
                return tuple({strict(expr, row): None for row in rows})
            if any(part is not None and part == (None,) for part in parts):
                return (None,)
            return None
        rows = _rows([part for part in parts if part is not None])
        if type(expr) is ir.Add:  # a score is a long sum
            found_ = {None if a is None or b is None else a + b for a, b in rows}  # type: ignore[operator]
        else:
            found_ = {strict(expr, row) for row in rows}
        if len(found_) > _MOST_VALUES:
            return None
        known = sorted(value for value in found_ if value is not None)
        return (*known, None) if None in found_ else tuple(known)

    def _compared(self, expr: ir.Compare, domains: Mapping[Key, Domain], memo: dict[int, Domain | None]) -> Domain:
        left = self.values(expr.left, domains, memo)
        right = self.values(expr.right, domains, memo)
        opaque = self.opaque(expr)
        if opaque is None and left is not None and right is not None:
            found: dict[ir.Value, None] = {}
            op = expr.op
            for a in left:
                for b in right:
                    found[compare(op, a, b)] = None
                    if len(found) == 3:
                        return (True, False, None)
            return tuple(found)
        if left == (None,) or right == (None,):
            return (None,)
        if opaque is None:
            return (True, False, None)
        key, op, number = opaque
        return tuple({compare(op, value, number): None for value in domains.get(key) or self.full(key)})

    def opaque(self, expr: ir.Compare) -> tuple[str, str, int] | None:
        """The worked-out number that a comparison is about, the operator and what it is held against; None: an input
        or a few values.
        """
        held = self._kinds.get(id(expr))
        if held is None:
            held = self._kinds[id(expr)] = (expr, self._opaque(expr))
        return held[1]

    def _opaque(self, expr: ir.Compare) -> tuple[str, str, int] | None:
        left, right, op = expr.left, expr.right, expr.op
        if type(left) is ir.Const:
            left, right, op = right, left, _FLIPPED[op]
        if type(right) is ir.Const:
            if isinstance(right.value, (bool, str)) or self._linear(left) is not None or self._is_finite(left):
                return None
            return repr(left), op, right.value
        if not self._is_number(left) or (self._is_finite(left) and self._is_finite(right)):
            return None
        text = _text_of(expr)
        return text, op if repr(expr.left) <= repr(expr.right) else _FLIPPED[op], 0

    def _cases(
        self, cases: tuple[tuple[ir.Expr, ir.Expr], ...], domains: Mapping[Key, Domain], memo: dict[int, Domain | None]
    ) -> Domain | None:
        # The value so far: _START, a value on which the possible cases agree, or None where they do not.
        states: set[object] = {_START}
        results: dict[ir.Value, None] = {}
        for when, then in cases:
            mask = self.mask(when, domains, memo)
            if mask == FALSE:
                continue
            values = self.values(then, domains, memo)
            if values is None:
                return None
            met = {
                value if state is _START or state == value else None
                for state in states
                for value in values
                if state is not None
            }
            if None in states:
                met.add(None)
            if mask & TRUE:
                results |= dict.fromkeys(met)
            states = (states if mask & FALSE else set()) | (met if mask & UNKNOWN else set())
            if not states:
                break
        results |= dict.fromkeys(None if state is _START else state for state in states)  # type: ignore[misc]
        return tuple(results)

    def mask(self, expr: ir.Expr, domains: Mapping[Key, Domain], memo: dict[int, Domain | None]) -> int:
        """As `values`, of a truth value."""
        found = self.values(expr, domains, memo)
        if found is None:
            return ANY
        return sum(_BIT[value] for value in found)  # type: ignore[index, misc]

    # ------------------------------------------------------------ the search

    def find(
        self, *wants: Want, given: Mapping[Key, Domain] | None = None, since: Settled = NOTHING_ASKED
    ) -> Found | None:
        """Rows on which all `wants` come out; None where there are none.

        Args:
            given: what inputs are limited to.
            since: what else shall come out, settled beforehand.

        Raises:
            TooHard: the search was given up.

        """
        self._effort = 0
        domains = dict(since.domains)
        for key, values in (given or {}).items():
            domains[key] = tuple(value for value in domains.get(key, values) if value in values)
            if not domains[key]:
                return None
        made = self._search([*since.open, *wants], domains)
        if made is None:
            return None
        return Found(made, not any(isinstance(key, str) or self.program.slots[key].kind == "computed" for key in made))

    def settle(self, *wants: Want, since: Settled = NOTHING_ASKED) -> Settled:
        """`wants` beside what was settled `since`, as far as no choice is needed: so a long way is followed once, and
        each question at a step of it begins where the way there has led.
        """
        domains: Domains = dict(since.domains)
        todo, later = list(wants), list(since.open)
        while True:
            while todo:
                goal = todo.pop()
                made = self._narrow(goal, domains, todo)
                if made is False:
                    return _NOBODY
                if made is None:
                    later.append(goal)
            memo: dict[int, Domain | None] = {}
            held = {id(goal.expr) for goal in later if goal.among == TRUE}
            open_: dict[tuple[int, int], Want] = {}
            for goal in later:
                mask = self.mask(goal.expr, domains, memo)
                if not mask & goal.among:
                    return _NOBODY
                if not mask & ~goal.among:
                    continue
                only = self._only_way_out(goal, domains, memo, held)
                if only is None:
                    open_[id(goal.expr), goal.among] = goal
                else:
                    todo.append(only)
            later = list(open_.values())
            if not todo:
                return Settled(domains, tuple(later))

    def _only_way_out(
        self, goal: Want, domains: Domains, memo: dict[int, Domain | None], held: set[int]
    ) -> Want | None:
        """The one part that has to fail for a conjunction to fail: all others hold already, or are wanted to."""
        if type(goal.expr) is not ir.All or goal.among != FALSE:
            return None
        items = [
            item
            for item in goal.expr.items
            if id(self._followed(item)) not in held and self.mask(item, domains, memo) & FALSE
        ]
        return Want(items[0], FALSE) if len(items) == 1 else None

    def _followed(self, expr: ir.Expr) -> ir.Expr:
        """What a name stands for."""
        while type(expr) is ir.Get:
            slot = self.program.slots[expr.slot]
            if slot.kind != "define" or slot.expr is None:
                break
            expr = slot.expr
        return expr

    def _search(self, goals: list[Want], domains: Domains) -> Domains | None:
        """`domains` narrowed until every goal holds of all rows that are left; it is changed on the way."""
        todo = goals
        later: list[Want] = []
        while todo or later:
            self._effort += 1
            if self._effort > _EFFORT:
                raise TooHard
            if todo:
                goal = todo.pop()
                made = self._narrow(goal, domains, todo)
                if made is False:
                    return None
                if made is None:
                    later.append(goal)
                continue
            # Everything that is left needs a choice: what is settled by now goes, the rest is split.
            memo: dict[int, Domain | None] = {}
            open_: list[Want] = []
            for goal in later:
                mask = self.mask(goal.expr, domains, memo)
                if not mask & goal.among:
                    return None
                if mask & ~goal.among:
                    open_.append(goal)
            if not open_:
                return domains
            open_.sort(key=lambda goal: len(parts_of(goal.expr)))
            first = open_[0]
            for branch in self._branches(first, domains, memo):
                found = self._search([*open_[1:], *branch.goals], {**domains, **branch.limits})
                if found is not None:
                    return found
            return None
        return domains

    def _narrow(self, goal: Want, domains: Domains, todo: list[Want]) -> bool | None:
        """True: done (perhaps with new goals); False: it cannot be; None: a choice has to be made."""
        expr, among = goal
        match expr:
            case ir.Const(value):
                return bool(_BIT[value] & among)  # type: ignore[index]
            case ir.Get(slot) if self.program.slots[slot].kind == "define":
                inner = self.program.slots[slot].expr
                assert inner is not None
                todo.append(Want(inner, among))
                return True
            case ir.Get(slot):
                return self._limit(slot, domains, lambda value: bool(_BIT[value] & among))  # type: ignore[index]
            case ir.Not(item):
                todo.append(Want(item, _flip(among)))
                return True
            case ir.Sure(item):
                inner_among = (among & TRUE) | ((FALSE | UNKNOWN) if among & FALSE else 0)
                todo.append(Want(item, inner_among))
                return bool(inner_among)
            case ir.All(items) if among in (TRUE, TRUE | UNKNOWN):
                todo += [Want(item, among) for item in items]
                return True
            case ir.Any_(items) if among in (FALSE, FALSE | UNKNOWN):
                todo += [Want(item, among) for item in items]
                return True
            case ir.Known(ir.Get(slot)) if self.program.slots[slot].kind != "define":
                wanted = {bool(bit == TRUE) for bit in (TRUE, FALSE) if bit & among}
                return self._limit(slot, domains, lambda value: (value is not None) in wanted)
            case ir.Member(ir.Get(slot), options) if self.program.slots[slot].kind != "define":
                return self._limit(
                    slot, domains, lambda value: bool(_BIT[None if value is None else value in options] & among)
                )
            case ir.Compare():
                return self._narrow_comparison(expr, among, domains)
        return None

    def _narrow_comparison(self, expr: ir.Compare, among: int, domains: Domains) -> bool | None:
        opaque = self.opaque(expr)
        if opaque is not None:
            return self._limit_by(*opaque, among, domains)
        for one, other, as_is in ((expr.left, expr.right, True), (expr.right, expr.left, False)):
            slot = self._input_of(one)
            if slot is not None and type(other) is ir.Const:
                if type(one) is ir.Get and one.slot == slot:  # the input itself
                    return self._limit_by(slot, expr.op if as_is else _FLIPPED[expr.op], other.value, among, domains)

                def holds(value: ir.Value, slot: int = slot) -> bool:
                    return bool(self.mask(expr, {slot: (value,)}, {}) & among)

                return self._limit(slot, domains, holds)
        return None

    def _limit_by(self, key: Key, op: str, number: ir.Value, among: int, domains: Domains) -> bool:
        return self._limit(key, domains, lambda value: bool(_BIT[compare(op, value, number)] & among))

    def _limit(self, key: Key, domains: Domains, holds: Callable[[ir.Value], bool]) -> bool:
        held = domains.get(key) or self.full(key)
        kept = tuple(value for value in held if holds(value))
        if not kept:
            return False
        domains[key] = kept
        return len(kept) == len(held) or not isinstance(key, int) or self._obtain(key, kept, domains)

    def _obtain(self, slot: int, kept: Domain, domains: Domains) -> bool:
        """Hold a reading and whether it could be obtained together: what is there was obtained."""
        here = self.program.slots[slot]
        if here.kind == "element" and here.of in self._obtained:
            other = self._obtained[here.of]
            allowed = ({True, None} if None in kept else set()) | (
                {False} if any(v is not None for v in kept) else set()
            )
        elif here.kind == "unobtainable" and here.of in self._element_slots:
            other = self._element_slots[here.of]
            known, unknown = False in kept, True in kept or None in kept
            held = domains.get(other) or self.full(other)
            left = tuple(value for value in held if (known if value is not None else unknown))
            if not left:
                return False
            domains[other] = left
            return True
        else:
            return True
        left = tuple(value for value in domains.get(other) or self.full(other) if value in allowed)
        if not left:
            return False
        domains[other] = left
        return True

    # ------------------------------------------------------------ choices

    def _branches(self, goal: Want, domains: Domains, memo: dict[int, Domain | None]) -> Iterator[_Branch]:
        """Ways to make a goal that cannot be narrowed easier; together they leave nothing out."""
        expr, among = goal
        match expr:
            case ir.Any_(items) if among == TRUE:
                yield from (_Branch([Want(item, TRUE)], {}) for item in items if self.mask(item, domains, memo) & TRUE)
                return
            case ir.All(items) if among == FALSE:
                yield from (
                    _Branch([Want(item, FALSE)], {}) for item in items if self.mask(item, domains, memo) & FALSE
                )
                return
        chosen = self._open_input(expr, domains, memo)
        if chosen is None:
            raise TooHard
        key, split = chosen
        held = domains.get(key) or self.full(key)
        groups: dict[ir.Value, list[ir.Value]] = {}
        for value in held:
            groups.setdefault(split(value), []).append(value)
        for group in groups.values():
            limits: Domains = {**domains, key: tuple(group)}
            if isinstance(key, int) and not self._obtain(key, tuple(group), limits):
                continue
            yield _Branch([goal], limits)

    def _open_input(
        self, expr: ir.Expr, domains: Domains, memo: dict[int, Domain | None]
    ) -> tuple[Key, Callable[[ir.Value], ir.Value]] | None:
        """An input on which `expr` still hangs, with what a comparison makes of each of its values."""
        rest = [expr]
        seen: set[int] = set()
        while rest:
            part = rest.pop()
            if type(part) is ir.Get:
                slot = part.slot
                here = self.program.slots[slot]
                if here.kind == "define" and here.expr is not None:
                    part = here.expr
                else:
                    held = domains.get(slot) or self.full(slot)
                    if len(held) > 1:
                        return slot, lambda value: value
                    continue
            if id(part) in seen:
                continue
            seen.add(id(part))
            values = self.values(part, domains, memo)
            if values is not None and len(values) == 1:
                continue
            if type(part) is ir.Compare:
                opaque = self.opaque(part)
                if opaque is not None:
                    key, op, number = opaque
                    held = domains.get(key) or self.full(key)
                    if len({compare(op, value, number) for value in held}) > 1:
                        return key, partial(_compared_with, op, number)
                    continue
                comparison: ir.Compare = part
                for one, other in ((part.left, part.right), (part.right, part.left)):
                    slot_ = self._input_of(one)
                    if slot_ is not None and type(other) is ir.Const:
                        held = domains.get(slot_) or self.full(slot_)

                        def told(value: ir.Value, expr: ir.Compare = comparison, slot: int = slot_) -> ir.Value:
                            found = self.values(expr, {slot: (value,)}, {})
                            return found[0] if found else None

                        if len({told(value) for value in held}) > 1:
                            return slot_, told
            rest += reversed(parts_of(part))
        return None


def _compared_with(op: str, number: int, value: ir.Value) -> ir.Value:
    return compare(op, value, number)


class _Branch(NamedTuple):
    goals: list[Want]
    limits: Domains


_MISSING: Final = object()
_START: Final = object()
_BIT = {True: TRUE, False: FALSE, None: UNKNOWN}


def _listed(mask: int) -> Domain:
    return _LISTS[mask]


_LISTS: dict[int, Domain] = {
    mask: tuple(value for value, bit in ((True, TRUE), (False, FALSE), (None, UNKNOWN)) if mask & bit)
    for mask in range(8)
}


def _flip(mask: int) -> int:
    return (mask & UNKNOWN) | (FALSE if mask & TRUE else 0) | (TRUE if mask & FALSE else 0)


def _both(left: int, right: int, closing: int) -> int:
    """All that `and` (where FALSE closes) or `or` (where TRUE does) can make of two masks."""
    opening = (TRUE | FALSE) ^ closing
    made = closing if (left | right) & closing else 0
    if left & opening and right & opening:
        made |= opening
    if (left & UNKNOWN and right & (UNKNOWN | opening)) or (right & UNKNOWN and left & opening):
        made |= UNKNOWN
    return made


def _at_least(count: int, masks: list[int]) -> int:
    """What `at least` can make of independent masks: by how many are true, and how many true or unknown."""
    states = {(0, 0)}  # true so far, true or unknown so far
    for mask in masks:
        states = {
            (true + (bit == TRUE), open_ + (bit != FALSE))
            for true, open_ in states
            for bit in (TRUE, FALSE, UNKNOWN)
            if mask & bit
        }
    return sum({TRUE if true >= count else FALSE if open_ < count else UNKNOWN for true, open_ in states})


def _rows(parts: list[Domain]) -> Iterator[list[ir.Value]]:
    return (list(row) for row in product(*parts))


def _text_of(expr: ir.Compare) -> str:
    left, right = sorted((repr(expr.left), repr(expr.right)))
    return f"{left} against {right}"


# ---------------------------------------------------------------- numbers that stand for regions

_GRAINS = tuple(
    int(Decimal(text) * ir.SCALE) for text in ("10", "5", "1", "0.5", "0.1", "0.05", "0.01", "0.001", "0.0001")
)


def _split(cuts: list[int], low: int | None, high: int | None, grain: str) -> list[int]:
    """A number in each region between `low` and `high`: each cut, and one between each two; round where it can be."""
    whole = grain == "whole"
    inside = [cut for cut in cuts if (low is None or cut >= low) and (high is None or cut <= high)]
    if whole:
        inside = [cut for cut in inside if cut % ir.SCALE == 0]
    ends = ([low] if low is not None else []) + inside + ([high] if high is not None else [])
    ends = sorted(set(ends))
    if not ends:
        return [0]
    made = [] if low is not None else [ends[0] - _beyond(ends[0])]
    for first, second in pairwise(ends):
        made.append(first)
        between = _between(first, second, whole)
        if between is not None:
            made.append(between)
    made.append(ends[-1])
    if high is None:
        made.append(ends[-1] + (ir.SCALE if whole else _beyond(ends[-1])))
    return made


def _between(first: int, second: int, whole: bool) -> int | None:
    """The roundest number strictly between two, nearest the middle."""
    middle = (first + second) // 2
    for grain in _GRAINS:
        if whole and grain < ir.SCALE:
            return None
        near = round(middle / grain) * grain
        for number in (near, near - grain, near + grain):
            if first < number < second:
                return number
    return middle if first < middle < second else None


def _beyond(end: int) -> int:
    return max(abs(end) // 2 // ir.SCALE * ir.SCALE, abs(end) // 2 if 0 < abs(end) < 2 * ir.SCALE else ir.SCALE)
