"""Checked expressions to the integer language of `kb.program`, and the slots they read.

A number is lowered to an integer expression and what one of it is worth, an exact fraction of base units, perhaps
over a divisor. Comparisons are brought to a common worth by whole factors, so nothing rounds; only `scaled`, which
definitions and doses go through, divides. Slots stand in the order in which they need each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from math import lcm
from typing import NamedTuple, assert_never

from kb import program
from kb.expression import tree
from kb.expression.checker import Checker
from kb.expression.definitions import is_option
from kb.expression.doses import by_weight
from kb.expression.scope import Definition, Scope
from kb.expression.text import to_text
from kb.expression.types import Context, Type, meet, unit_type
from kb.program import SCALE, Const, Get
from kb.values import common_measure, round_half_even

ONE, ZERO = Const(1), Const(0)


class Num(NamedTuple):
    """`expr` / `divisor` × `worth` + `offset`, in base units. `divisor` None is 1."""

    expr: program.Expr
    worth: Fraction
    offset: Fraction = Fraction(0)
    divisor: program.Expr | None = None


class Lowering:
    """Lowers the expressions of one protocol, and grows its table of slots as they are named.

    What is given to it has passed the checks of `kb.expression.checks`.
    """

    def __init__(self, scope: Scope, slots: Sequence[program.Slot] = ()) -> None:
        """`slots` are those of a Program that is there already; what is named anew comes after them."""
        self.scope = scope
        self._slots: list[program.Slot] = list(slots)
        self._index: dict[str, int] = {slot.name: index for index, slot in enumerate(slots)}
        self._types: dict[int, Type] = {}
        self._order: tuple[str, ...] | None = None
        self._written_out = False  # definitions are written out, not read from their slots
        self._expanded: dict[str, program.Expr] = {}
        self._alive: list[object] = []  # INVARIANT: types are kept by identity, so their trees stay alive

    @property
    def slots(self) -> tuple[program.Slot, ...]:
        return tuple(self._slots)

    # ------------------------------------------------------------ entry points

    def condition(self, expr: tree.Expr) -> program.Expr:
        """A condition over the row."""
        self._learn(expr)
        return self._condition(expr)

    def order_condition(self, expr: tree.Expr, drugs: tuple[str, ...]) -> program.Expr:
        """A condition of a `never` rule, which also sees an order of one of `drugs`."""
        before, self._order = self._order, drugs
        try:
            return self.condition(expr)
        finally:
            self._order = before

    def amount(self, expr: tree.Expr, unit: str, weight: str | None = None) -> program.Expr:
        """The scaled integer of a quantity in `unit`, times the weight of basis `weight` where it is per kg."""
        self._learn(expr)
        made = self._fitted(expr, unit)
        if self._per_weight(expr, unit, weight):
            made = _multiply(made, self._number_of_slot(self._weighing(weight), "kg"))
        return self._scaled(made, unit)

    def weight_slot(self, expr: tree.Expr, unit: str, weight: str | None = None) -> int | None:
        """The slot of the weight that `amount` multiplies by, or None."""
        self._learn(expr)
        return self._weighing(weight) if self._per_weight(expr, unit, weight) else None

    def seconds(self, expr: tree.Expr) -> program.Expr:
        """A duration in scaled seconds."""
        return self.amount(expr, "s")

    def feature(self, expr: tree.TimeFeature | tree.Persists) -> int:
        """The slot of a time feature."""
        self._learn(expr)
        return self._feature(expr)

    def window(self, window: tree.Window) -> program.Window:
        match window:
            case tree.InEpisode():
                return program.Window("episode")
            case tree.SinceEvent(event):
                return program.Window("since", event=self.event(event.id))
            case tree.InLast(duration):
                with self._writing_out():
                    return program.Window("last", duration=self.seconds(duration))
            case _:
                assert_never(window)

    def event(self, id: str) -> program.Event:
        return program.Event(self.scope.event_of(id) or "step", id)

    def implicit(self, name: str, feature: program.Feature, type: str, of: str, unit: str = "", title: str = "") -> int:
        """The slot of a feature no expression names, such as `decline_stands(STEP)`."""
        return self._slot(
            name, lambda: program.Slot(name, "feature", type, of, unit=unit, title=title or name, feature=feature)
        )

    # ------------------------------------------------------------ slots

    def _slot(self, name: str, make: Callable[[], program.Slot]) -> int:
        place = self._index.get(name)
        if place is None:
            made = make()  # may add the slots it needs
            place = self._index[name] = len(self._slots)
            self._slots.append(made)
        return place

    def element(self, id: str) -> int:
        element = self.scope.elements[id]
        kind = "number" if element.type == "quantity" else element.type
        unit = (element.unit or "1") if kind == "number" else ""
        return self._slot(
            id, lambda: program.Slot(id, "element", kind, id, unit, element.label, options=element.options)
        )

    def unobtainable(self, id: str) -> int:
        label = self.scope.elements[id].label
        name = f"{id} is unobtainable"
        return self._slot(
            name, lambda: program.Slot(name, "unobtainable", "boolean", id, title=f"{label} cannot be obtained")
        )

    def rate(self, id: str) -> int:
        drug = self.scope.drugs[id]
        return self._slot(id, lambda: program.Slot(id, "rate", "number", id, drug.rate_unit, drug.label))

    def parameter(self, id: str) -> int:
        made = self.scope.parameters[id]
        kind = "choice" if made.options else made.type
        unit = (made.unit or "1") if kind == "number" else ""
        return self._slot(
            id,
            lambda: program.Slot(
                id,
                "parameter",
                kind,
                id,
                unit,
                made.title.value,
                options=tuple(made.options),
                cites=tuple(ref.id for ref in made.backing.cites),
                interprets=tuple(ref.id for ref in made.backing.interprets),
            ),
        )

    def now(self) -> int:
        return self._slot("now", lambda: program.Slot("now", "now", "date-time", "now", title="Now"))

    def order(self, attribute: str, unit: str = "") -> int:
        """The slot of an attribute of an order: `order.route`; with the unit in its name where it has one."""
        name = f"order.{attribute} {unit}" if unit else f"order.{attribute}"
        kind = "number" if attribute in ("rate", "amount") else "choice"
        title = f"{attribute.capitalize()} of the order"
        return self._slot(name, lambda: program.Slot(name, "order", kind, "", unit, title))

    def ordered(self, id: str) -> int:
        name = f"ordered({id})"
        return self._slot(name, lambda: program.Slot(name, "order", "boolean", id, title=f"{id} is ordered too"))

    def define(self, id: str) -> int:
        """The slot of a definition: worked out by the Program, computed with the row, or the feature of a latch."""
        made = self.scope.defines[id]
        title = made.title or id
        if made.latch is not None:
            name = f"latch({id})"

            def make_latch() -> program.Slot:
                assert made.latch is not None
                with self._writing_out():
                    set_, clear = (self.condition(part) for part in made.latch)
                feature = program.Feature("latch", condition=set_, clear=clear)
                return program.Slot(
                    name,
                    "feature",
                    "boolean",
                    id,
                    title=title,
                    feature=feature,
                    cites=made.cites,
                    interprets=made.interprets,
                )

            return self._slot(name, make_latch)
        computed = id in self.scope.computed

        def make() -> program.Slot:
            if computed:
                with self._writing_out():
                    expr = self._defined(made)
            else:
                before, self._written_out = self._written_out, False
                expr = self._defined(made)
                self._written_out = before
            type = Checker(self.scope).definitions[id]
            unit = self._unit_of(made) if type.number else ""
            options = type.options if type.kind == "choice" else ()
            kind = "computed" if computed else "define"
            return program.Slot(
                id,
                kind,
                type.kind,
                id,
                unit,
                title,
                expr=expr,
                options=options,
                cites=made.cites,
                interprets=made.interprets,
            )

        for earlier in self._before(id):
            self.define(earlier)
        return self._slot(id, make)

    def _before(self, id: str) -> Iterator[str]:
        """Definitions this one needs, innermost first, where making them by recursion would go too deep."""
        if id in self._index or f"latch({id})" in self._index:
            return
        needed: set[str] = set()
        waiting = [id]
        while waiting:
            for name in self.scope.uses[waiting.pop()]:
                if name not in needed:
                    needed.add(name)
                    waiting.append(name)
        if len(needed) > 20:
            yield from (name for name in self.scope.order[0] if name in needed and name not in self._index)

    def _defined(self, made: Definition) -> program.Expr:
        """The expression of a definition that is no latch: its number is scaled in the definition's unit."""
        if made.condition is not None:
            self._learn(made.condition)
            return self._condition(made.condition)
        if made.value is not None and not made.cases:
            return self._value(made, made.value)
        return program.Cases(
            tuple(
                (program.TRUE if when is None else self.condition(when), self._value(made, value))
                for when, value in made.cases
            )
        )

    def _value(self, made: Definition, value: tree.Expr | tree.Range) -> program.Expr:
        assert not isinstance(value, tree.Range)
        if is_option(self.scope, made, value):
            assert isinstance(value, tree.Name)
            return Const(value.id)
        kind = self._learn(value).kind
        if kind == "number":
            return self._scaled(self._fitted(value, self._unit_of(made)), self._unit_of(made))
        if kind == "date-time":
            return self._date(value)
        return self._choice(value) if kind == "choice" else self._condition(value)

    def _unit_of(self, made: Definition) -> str:
        return Checker(self.scope).definitions[made.id].unit or "1"

    def _feature(self, expr: tree.TimeFeature | tree.Persists) -> int:
        name = to_text(expr)
        if isinstance(expr, tree.Persists):

            def make_persists() -> program.Slot:
                with self._writing_out():
                    condition, duration = (
                        self._condition(expr.condition),
                        self._scaled(self._number(expr.duration), "s"),
                    )
                feature = program.Feature(
                    "persists", condition=condition, duration=duration, after=self.event(expr.after.id)
                )
                return program.Slot(name, "feature", "boolean", expr.after.id, title=name, feature=feature)

            return self._slot(name, make_persists)
        of, window = expr.of.id, expr.window
        step = expr.function in ("done", "declined")
        event = program.Event("step", of) if step else self.event(of)

        def make() -> program.Slot:
            made = self._types[id(expr)]
            unit = (made.unit or "1") if made.number else ""
            feature = program.Feature(expr.function, of=event, window=None if window is None else self.window(window))
            return program.Slot(name, "feature", made.kind, of, unit, title=name, feature=feature, options=made.options)

        return self._slot(name, make)

    @contextmanager
    def _writing_out(self) -> Iterator[None]:
        """Within, definitions are written out: folds and computed slots are worked out before any definition is."""
        before, self._written_out = self._written_out, True
        try:
            yield
        finally:
            self._written_out = before

    def _read_define(self, id: str) -> program.Expr:
        made = self.scope.defines[id]
        if not self._written_out or made.latch is not None or id in self.scope.computed:
            return Get(self.define(id))
        expr = self._expanded.get(id)
        if expr is None:
            expr = self._expanded[id] = self._defined(made)
        return expr

    # ------------------------------------------------------------ types

    def _learn(self, expr: tree.Expr) -> Type:
        """The type of `expr`; those of its parts are remembered."""
        known = self._types.get(id(expr))
        if known is None:
            checker = Checker(self.scope, Context(in_define=True, order=self._order, this_step=True, proving=True))
            known = checker.type_of(expr)
            self._types.update(checker.types)
            self._alive.append(expr)
        return known

    # ------------------------------------------------------------ conditions

    def _condition(self, expr: tree.Expr) -> program.Expr:
        match expr:
            case tree.Truth(value):
                return Const(value)
            case tree.Name(id):
                return self._read(id)
            case tree.Compare(op, left, right):
                if self._types[_key(left)].kind == "date-time":
                    return program.Compare(op, self._date(left), self._date(right))
                return self._comparison(op, left, right)
            case tree.Between(value, low, high):
                if self._types[_key(value)].kind == "date-time":
                    moment = self._date(value)
                    return program.All(
                        (
                            program.Compare(">=", moment, self._date(low)),
                            program.Compare("<=", moment, self._date(high)),
                        )
                    )
                return program.All((self._comparison(">=", value, low), self._comparison("<=", value, high)))
            case tree.Is():
                return self._is(expr)
            case tree.And(items):
                return program.All(tuple([self._condition(item) for item in items]))
            case tree.Or(items):
                return program.Any_(tuple([self._condition(item) for item in items]))
            case tree.Not(item):
                return program.Not(self._condition(item))
            case tree.Implies(left, right):
                return program.Any_((program.Not(self._condition(left)), self._condition(right)))
            case tree.AtLeast(count, items):
                return program.AtLeast(count, tuple([self._condition(item) for item in items]))
            case tree.Call("known", (argument,)):
                return program.Known(self._any(argument))
            case tree.Call("ordered", (tree.Name(id),)):
                return Get(self.ordered(id))
            case tree.TimeFeature() | tree.Persists():
                return Get(self._feature(expr))
            case tree.OfAdvice():
                return self._of_advice(expr)
            case _:
                raise AssertionError(f"not a condition: {to_text(expr)}")

    def _any(self, expr: tree.Expr) -> program.Expr:
        """A value of any type, for a question whether it is known."""
        kind = self._types[id(expr)]
        if kind.kind == "number":
            if isinstance(expr, tree.Name | tree.TimeFeature):
                return self._number(expr).expr
            return self._scaled(self._number(expr), kind.unit or "1")
        if kind.kind == "date-time":
            return self._date(expr)
        return self._choice(expr) if kind.kind == "choice" else self._condition(expr)

    def _is(self, expr: tree.Is) -> program.Expr:
        words = tuple(option.id for option in expr.options)
        value = expr.value
        made: list[program.Expr] = []
        if (
            "unobtainable" in words
            and isinstance(value, tree.Name)
            and value.id in self.scope.elements
            and ("unobtainable" not in self.scope.elements[value.id].options)
        ):
            made.append(Get(self.unobtainable(value.id)))
            words = tuple(word for word in words if word != "unobtainable")
        if words and self._types[id(value)].kind == "boolean":
            item = self._condition(value)
            made += [item if word == "true" else program.Not(item) for word in words]
        elif words:
            choice = self._choice(value)
            one = len(words) == 1
            made.append(program.Compare("=", choice, Const(words[0])) if one else program.Member(choice, words))
        result = made[0] if len(made) == 1 else program.Any_(tuple(made))
        if not expr.negated:
            return result
        if isinstance(result, program.Compare) and result.op == "=":
            return result._replace(op="!=")
        return program.Not(result)

    def _read(self, id: str) -> program.Expr:
        """The value of a name that is no number."""
        if id == "now":
            return Get(self.now())
        if id.startswith("order."):
            return Get(self.order(id.removeprefix("order.")))
        kind = self.scope.kind_of(id)
        if kind == "define":
            return self._read_define(id)
        return Get(self.parameter(id) if kind == "parameter" else self.element(id))

    def _choice(self, expr: tree.Expr) -> program.Expr:
        if isinstance(expr, tree.TimeFeature):
            return Get(self._feature(expr))
        assert isinstance(expr, tree.Name)
        return self._read(expr.id)

    def _date(self, expr: tree.Expr) -> program.Expr:
        match expr:
            case tree.Name(id):
                return self._read(id)
            case tree.TimeFeature():
                return Get(self._feature(expr))
            case tree.Arithmetic(op, left, right):
                if self._types[_key(left)].kind != "date-time":
                    left, right = right, left
                seconds = self._scaled(self._number(right), "s")
                return (
                    program.Add(self._date(left), seconds) if op == "+" else program.Subtract(self._date(left), seconds)
                )
            case _:
                raise AssertionError(f"not a date-time: {to_text(expr)}")

    # ------------------------------------------------------------ comparisons

    def _comparison(self, op: str, left: tree.Expr, right: tree.Expr) -> program.Expr:
        one, other = self._meeting(left, right)
        if isinstance(left, tree.Name) and isinstance(right, tree.Number):
            other = _at_the_door(other, one)
        elif isinstance(left, tree.Number) and isinstance(right, tree.Name):
            one = _at_the_door(one, other)
        if one.divisor is None and other.divisor is None:
            a, b = _aligned(one, other)
            return program.Compare(op, a, b)
        (a, b), common = _common([one, other])
        first, second = _aligned(Num(a, one.worth), Num(b, other.worth))
        # `common` is a square, so it keeps the order; 0 / divisor is 0, and unknown where the divisor is zero.
        for made in (one, other):
            if made.divisor is not None:
                second = program.Add(second, program.Divide(ZERO, made.divisor))
        assert common is not None
        return program.Compare(op, first, second)

    def _meeting(self, left: tree.Expr, right: tree.Expr) -> tuple[Num, Num]:
        """Two numbers in the same base units."""
        return self._number(left), self._meets(self._types[id(left)], right)

    def _meets(self, wanted: Type, expr: tree.Expr) -> Num:
        """A number in the base units of `wanted`: by molar mass or valence, or degrees as a difference."""
        made, number = self._types[id(expr)], self._number(expr)
        ratio = meet(wanted, made)
        assert not isinstance(ratio, str), to_text(expr)
        if ratio != 1:
            number = number._replace(worth=number.worth * ratio)
        if _difference(wanted) and not _difference(made):
            number = number._replace(offset=Fraction(0))
        return number

    def _fitted(self, expr: tree.Expr, unit: str) -> Num:
        """A number that is going to be scaled in `unit`."""
        wanted, made = unit_type(self.scope, unit, basis=""), self._types[id(expr)]
        if made.dimension == wanted.dimension:
            return self._number(expr)
        ratio = meet(wanted, made)
        number = self._number(expr)
        return number if isinstance(ratio, str) or ratio == 1 else number._replace(worth=number.worth * ratio)

    # ------------------------------------------------------------ numbers

    def _number(self, expr: tree.Expr) -> Num:
        match expr:
            case tree.Number(value, unit):
                measure = self.scope.units.parse(unit or "")
                top, bottom = value.as_integer_ratio()
                return Num(Const(top), measure.factor / bottom, measure.offset)
            case tree.Name(id):
                return self._named(id)
            case tree.Negate(item):
                number = self._number(item)
                return number._replace(expr=_times(number.expr, -1))
            case tree.Arithmetic(op, left, right):
                return self._arithmetic(op, left, right)
            case tree.Call(function, arguments):
                return self._call(expr, function, arguments)
            case tree.TimeFeature():
                slot = self._feature(expr)
                unit = self._slots[slot].unit
                degrees = expr.function == "change"
                return self._number_of_slot(slot, unit, difference=degrees)
            case tree.OfAdvice():
                return self._dose_advised(expr)
            case _:
                raise AssertionError(f"not a number: {to_text(expr)}")

    def _of_advice(self, expr: tree.OfAdvice) -> program.Expr:
        """What the advice says; only a reading that has advice can tell (`kb.prover.properties`)."""
        raise AssertionError(f"not of the Program: {to_text(expr)}")

    def _dose_advised(self, expr: tree.OfAdvice) -> Num:
        raise AssertionError(f"not of the Program: {to_text(expr)}")

    def _named(self, id: str) -> Num:
        if id.startswith("order."):
            attribute = id.removeprefix("order.")
            assert self._order
            drug = self.scope.drugs[self._order[0]]
            unit = drug.rate_unit if attribute == "rate" else drug.amount_unit
            return self._number_of_slot(self.order(attribute, unit), unit)
        kind = self.scope.kind_of(id)
        if kind == "define":
            made = self.scope.defines[id]
            difference = _difference(Checker(self.scope).definitions[id])
            measure = self.scope.units.parse(self._unit_of(made))
            return Num(self._read_define(id), measure.factor / SCALE, Fraction(0) if difference else measure.offset)
        slot = self.parameter(id) if kind == "parameter" else self.rate(id) if kind == "drug" else self.element(id)
        return self._number_of_slot(slot, self._slots[slot].unit)

    def _number_of_slot(self, slot: int, unit: str, difference: bool = False) -> Num:
        measure = self.scope.units.parse(unit)
        return Num(Get(slot), measure.factor / SCALE, Fraction(0) if difference else measure.offset)

    def _arithmetic(self, op: str, left: tree.Expr, right: tree.Expr) -> Num:
        if self._types[id(left)].kind == "date-time":
            return Num(program.Subtract(self._date(left), self._date(right)), Fraction(1, SCALE))
        if op == "*":
            return _multiply(self._number(left), self._number(right))
        if op == "/":
            return _divide(self._number(left), self._number(right))
        one, other = self._meeting(left, right)
        offset = one.offset + other.offset if op == "+" else one.offset - other.offset
        (a, b), common = _common([one, other])
        worth = common_measure(one.worth, other.worth)
        a, b = _times(a, one.worth / worth), _times(b, other.worth / worth)
        return Num(_add(a, b) if op == "+" else _subtract(a, b), worth, offset, common)

    def _call(self, expr: tree.Call, function: str, arguments: Sequence[tree.Expr]) -> Num:
        if function in ("least", "greatest"):
            numbers = [self._number(arguments[0])]
            numbers += [self._meets(self._types[id(arguments[0])], argument) for argument in arguments[1:]]
            numbers = [_without_other_offset(number, numbers[0].offset) for number in numbers]
            parts, common = _common(numbers)
            worth = numbers[0].worth
            for number in numbers[1:]:
                worth = common_measure(worth, number.worth)
            items = tuple(_times(part, number.worth / worth) for part, number in zip(parts, numbers, strict=True))
            made = program.Least(items) if function == "least" else program.Greatest(items)
            return Num(made, worth, numbers[0].offset, common)
        if function == "abs":
            (part,), common = _common([self._number(arguments[0])])
            return Num(program.Absolute(part), self._number(arguments[0]).worth, divisor=common)
        # round, ln, exp, sqrt and power work on scaled numbers: in the unit of the first argument, or plain ones.
        first = self._types[id(arguments[0])]
        unit = (first.unit or "1") if function == "round" else "1"
        scaled = [self._scaled(self._number(arguments[0]), unit)]
        scaled += [self._scaled(self._meets(first, argument), unit) for argument in arguments[1:]]
        measure = self.scope.units.parse(unit)
        return Num(program.Function(function, tuple(scaled)), measure.factor / SCALE, measure.offset)

    def _scaled(self, number: Num, unit: str) -> program.Expr:
        """The scaled integer of a number in `unit`: exact where it can be, else rounded half-even once."""
        measure = self.scope.units.parse(unit)
        one = measure.factor / SCALE
        ratio = number.worth / one
        offset = (number.offset - measure.offset) / one if number.offset else Fraction(0)
        bottom = lcm(ratio.denominator, offset.denominator)
        top = _times(number.expr, ratio * bottom)
        if number.divisor is None:
            top = _add(top, Const(int(offset * bottom)))
            if bottom == 1:
                return top
            if isinstance(top, Const):
                return Const(round_half_even(int(top.value), bottom))
            return program.Divide(top, Const(bottom))
        return program.Divide(top, _times(number.divisor, bottom))

    # ------------------------------------------------------------ weights

    def _per_weight(self, expr: tree.Expr, unit: str, weight: str | None) -> bool:
        wanted, made = unit_type(self.scope, unit, basis=weight or self.scope.basis), self._types[id(expr)]
        return isinstance(meet(wanted, made), str) and by_weight(wanted, made)

    def _weighing(self, weight: str | None) -> int:
        element = self.scope.weighing(weight)
        assert element is not None
        return self.element(element.id)


_key = id


def _difference(made: Type) -> bool:
    return made.dimension == (("temperature_difference", 1),)


# ---------------------------------------------------------------- integer expressions


def _times(expr: program.Expr, factor: Fraction | int) -> program.Expr:
    whole = int(factor)
    assert whole == factor
    if whole == 1:
        return expr
    if isinstance(expr, Const):
        return Const(int(expr.value) * whole)
    if isinstance(expr, program.Multiply) and isinstance(expr.right, Const):
        return program.Multiply(expr.left, Const(int(expr.right.value) * whole))
    return program.Multiply(expr, Const(whole))


def _product(left: program.Expr, right: program.Expr) -> program.Expr:
    if isinstance(right, Const):
        return _times(left, int(right.value))
    if isinstance(left, Const):
        return _times(right, int(left.value))
    return program.Multiply(left, right)


def _add(left: program.Expr, right: program.Expr) -> program.Expr:
    if isinstance(right, Const):
        if right.value == 0:
            return left
        if isinstance(left, Const):
            return Const(int(left.value) + int(right.value))
    return program.Add(left, right)


def _subtract(left: program.Expr, right: program.Expr) -> program.Expr:
    if isinstance(right, Const) and isinstance(left, Const):
        return Const(int(left.value) - int(right.value))
    return program.Subtract(left, right)


def _multiply(one: Num, other: Num) -> Num:
    divisor = one.divisor
    if other.divisor is not None:
        divisor = other.divisor if divisor is None else _product(divisor, other.divisor)
    return Num(_product(one.expr, other.expr), one.worth * other.worth, divisor=divisor)


def _divide(one: Num, other: Num) -> Num:
    """A literal divisor goes into the worth; any other is kept apart, and its own divisor moves up."""
    if other.divisor is None and isinstance(other.expr, Const) and other.expr.value != 0:
        number = int(other.expr.value)  # INVARIANT: worth is positive
        expr = one.expr if number > 0 else _times(one.expr, -1)
        return one._replace(expr=expr, worth=one.worth / (other.worth * abs(number)))
    divisor = other.expr if one.divisor is None else _product(one.divisor, other.expr)
    expr = one.expr
    if other.divisor is not None:
        # a / (b / c) is a c / b, and unknown where c is zero: (a c) c / (b c), which then is 0 / 0.
        expr = _product(_product(expr, other.divisor), other.divisor)
        divisor = _product(divisor, other.divisor)
    return Num(expr, one.worth / other.worth, divisor=divisor)


def _common(numbers: Sequence[Num]) -> tuple[list[program.Expr], program.Expr | None]:
    """The dividends over one common divisor, a product of squares, so that it keeps order and sign."""
    squares = [None if number.divisor is None else _product(number.divisor, number.divisor) for number in numbers]
    common: program.Expr | None = None
    for square in squares:
        if square is not None:
            common = square if common is None else _product(common, square)
    parts = []
    for place, number in enumerate(numbers):
        part = number.expr if number.divisor is None else _product(number.expr, number.divisor)
        for other, square in enumerate(squares):
            if other != place and square is not None:
                part = _product(part, square)
        parts.append(part)
    return parts, common


def _aligned(one: Num, other: Num) -> tuple[program.Expr, program.Expr]:
    """The two sides of a comparison as whole numbers of one worth; a literal takes the factor if it can."""
    shift = other.offset - one.offset  # belongs to the right side
    ratio = one.worth / other.worth
    top, bottom = ratio.numerator, ratio.denominator
    left, right = _times(one.expr, top), _times(other.expr, bottom)
    if shift:
        unit = one.worth / top  # what both sides now count
        extra = shift / unit
        left, right = _times(left, extra.denominator), _times(right, extra.denominator)
        right = _add(right, Const(extra.numerator))
    return _lean(left, right)


def _at_the_door(literal: Num, read: Num) -> Num:
    """A literal rounded as a charted value of what it is compared with is: 7 months are never below 7 months."""
    if not isinstance(literal.expr, Const) or type(read.expr) is not Get:
        return literal
    base = int(literal.expr.value) * literal.worth + literal.offset - read.offset
    ratio = base / read.worth
    return Num(Const(round_half_even(ratio.numerator, ratio.denominator)), read.worth, read.offset)


def _lean(left: program.Expr, right: program.Expr) -> tuple[program.Expr, program.Expr]:
    """`x · 60 < 600` as `x < 10`, where the division leaves no rest."""
    for one, other, swapped in ((left, right, False), (right, left, True)):
        if isinstance(one, program.Multiply) and isinstance(one.right, Const) and isinstance(other, Const):
            factor, value = int(one.right.value), int(other.value)
            if factor > 0 and value % factor == 0:
                pair = (one.left, Const(value // factor))
                return (pair[1], pair[0]) if swapped else pair
    return left, right


def _without_other_offset(number: Num, offset: Fraction) -> Num:
    """The same number with `offset` (the units of two temperatures may differ)."""
    if number.offset == offset:
        return number
    shift = number.offset - offset
    worth = common_measure(number.worth, shift)
    expr = _add(_times(number.expr, number.worth / worth), Const(int(shift / worth)))
    return Num(expr, worth, offset, number.divisor)
