"""The value of an authoring expression at one moment, and the unknown inputs that could still change it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from kb import model
from kb.expression import tree
from kb.expression.parser import parse_expression
from kb.expression.text import to_text
from tests.reference.measures import Dimension, Units, Value, half_even, times
from tests.reference.record import Record, literal, seconds

NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Look:
    """A value, and the unknown inputs that could still change it (a known value: only through `known`)."""

    value: Value
    missing: frozenset[str] = NONE


YES, NO = Look(True), Look(False)


@dataclass(frozen=True)
class Moment:
    """When, and from which entries: `after` limits data to later entries (for persists)."""

    at: datetime
    after: datetime | None = None
    order: Mapping[str, Look] = field(default_factory=dict)
    ordered: frozenset[str] = NONE


def shape(node: object) -> object:
    """An expression without its places, to compare wordings."""
    if is_dataclass(node) and not isinstance(node, type):
        return (type(node).__name__, *(shape(getattr(node, part.name)) for part in fields(node) if part.name != "span"))
    if isinstance(node, tuple):
        return tuple(shape(item) for item in node)
    return node


def both(*items: Look) -> Look:
    """Kleene and: closed by a part that is false for good."""
    if any(item.value is False and not item.missing for item in items):
        return NO
    missing = NONE.union(*(item.missing for item in items))
    if any(item.value is False for item in items):
        return Look(False, missing)
    return Look(None if any(item.value is None for item in items) else True, missing)


def negation(item: Look) -> Look:
    return Look(None if item.value is None else not item.value, item.missing)


def either(*items: Look) -> Look:
    """Kleene or."""
    return negation(both(*(negation(item) for item in items)))


def at_least(count: int, items: tuple[Look, ...]) -> Look:
    sure = sum(item.value is True for item in items)
    unknown = sum(item.value is None for item in items)
    value = True if sure >= count else False if sure + unknown < count else None
    fixed = sum(item.value is True and not item.missing for item in items)
    never = sum(item.value is False and not item.missing for item in items)
    if fixed >= count or len(items) - never < count:
        return Look(value)
    return Look(value, NONE.union(*(item.missing for item in items)))


def agreed(cases: list[tuple[Look, Callable[[], Look]]]) -> Look:
    """A value over cases: that of the possible cases where they agree."""
    possible: list[Look] = []
    missing = NONE
    for when, value in cases:
        if when.value is False:
            continue
        possible.append(value())
        if when.value is True:
            break
        missing |= when.missing
    first = possible[0]
    if all(item.value is not None and item.value == first.value for item in possible):
        return Look(first.value)
    return Look(None, missing.union(*(item.missing for item in possible if item.value is None)))


class Reader:
    """Reads expressions of one protocol over one record."""

    def __init__(
        self, protocol: model.Protocol, library: model.Library, record: Record, units: Units, local: Mapping[str, Any]
    ) -> None:
        self.protocol, self.library, self.record, self.units = protocol, library, record, units
        self.local = {**local.get("parameters", {})}
        self.elements = {**library.elements, **protocol.elements}
        self.synonyms = record.names
        self.unavailable: set[str] = set()
        self.policy: set[str] = set()
        self.absences: set[str] = set()
        self.least_totals: dict[str, Fraction] = {}  # a total with a gap is a lower bound
        self.trusts_absence = True  # never by itself allows an order
        outright = ("latch(", "decline_stands(")
        self.given = {
            self.key(name): value
            for name, value in record.given.items()
            if "(" in name and not name.startswith(outright) and not name.endswith(" given)")
        }

    @staticmethod
    def key(text: str) -> object:
        from kb.diagnostics import Diagnostic, Span

        parsed = parse_expression(text, Span("chart"))
        assert not isinstance(parsed, Diagnostic), text
        return shape(parsed)

    # ---------------------------------------------------------------- names

    def weight_element(self, basis: str = "") -> str:
        wanted = basis or (self.protocol.weight.value if self.protocol.weight else "actual")
        return next(element.id for element in self.elements.values() if element.basis == wanted)

    def weight(self, moment: Moment, basis: str = "") -> Look:
        if not any(element.basis for element in self.elements.values()):
            return Look(None)
        return self.element(self.weight_element(basis), moment)

    def element(self, name: str, moment: Moment) -> Look:
        state, value = self.record.current(name, moment.at, moment.after)
        if state == "value":
            return Look(value)
        if state in ("unobtainable", "not available"):
            self.unavailable.add(name)
            return Look(None, frozenset({f"unavailable {name}"}))
        return Look(None, frozenset({name}))

    def unobtainable(self, name: str, moment: Moment) -> Look:
        state, _ = self.record.current(name, moment.at, moment.after)
        if state in ("never", "stale", "conflict", "refused"):
            return Look(None, frozenset({name}))
        if state == "not available":
            self.unavailable.add(name)
            return Look(None, frozenset({f"unavailable {name}"}))
        return Look(state == "unobtainable")

    def rate(self, name: str, moment: Moment) -> Look:
        weight = self.weight(moment)
        state, value = self.record.running(name, moment.at, weight.value)
        if state == "absent":
            self.absences.add(name)
            if not self.trusts_absence:
                return Look(None, frozenset({name}))
        if state in ("value", "absent"):
            return Look(value)
        if state == "weight":
            return Look(None, weight.missing)
        return Look(None, frozenset({f"{name}.salt" if state == "salt" else name}))

    def parameter(self, name: str) -> Look:
        parameter = self.protocol.parameters[name]
        if name in self.local:
            raw = self.local[name]
            if parameter.type == "choice" or parameter.options:
                return Look(str(raw))
            return Look(self.units.round_in(self.units.read(raw)[0], parameter.unit))
        if parameter.default is None:
            self.policy.add(name)
            return Look(None, frozenset({f"local {name}"}))
        if isinstance(parameter.default, model.Ref):
            return Look(parameter.default.id)
        assert not isinstance(parameter.default.value, tree.Range)
        return self.look(parameter.default.value, Moment(self.record.now))

    def define(self, name: str, moment: Moment) -> Look:
        found = self.protocol.defines[name]
        if found.condition is not None:
            return self.look(found.condition.expr, moment)
        if found.latch_set is not None and found.latch_clear is not None:
            return self.latch(name, found.latch_set.expr, found.latch_clear.expr, moment)
        if found.value is not None:
            return self.rounded(self.amount(found.value, moment), found)
        cases: list[tuple[Look, Callable[[], Look]]] = []
        for case in found.cases:
            when = YES if case.when is None else self.look(case.when.expr, moment)
            cases.append((when, lambda value=case.value: self.rounded(self.amount(value, moment), found)))  # type: ignore[misc]
        return agreed(cases)

    def rounded(self, look: Look, define: model.Define) -> Look:
        if isinstance(look.value, Fraction) and not isinstance(look.value, bool) and define.unit:
            return Look(self.units.round_in(look.value, define.unit))
        return look

    def amount(self, amount: model.Amount | model.Ref, moment: Moment) -> Look:
        if isinstance(amount, model.Ref):
            return Look(amount.id) if self.kind(amount.id) is None else self.name(amount.id, moment)
        assert not isinstance(amount.value, tree.Range)
        if isinstance(amount.value, tree.Name) and self.kind(amount.value.id) is None:
            return Look(amount.value.id)
        return self.look(amount.value, moment)

    def kind(self, name: str) -> str | None:
        tables: tuple[tuple[str, Any], ...] = (
            ("define", self.protocol.defines),
            ("parameter", self.protocol.parameters),
            ("element", self.elements),
            ("drug", self.synonyms),
            ("class", self.library.classes),
            ("step", self.protocol.steps),
        )
        return next((kind for kind, table in tables if name in table), None)

    def name(self, name: str, moment: Moment) -> Look:
        if name == "now":
            return Look(seconds(moment.at, datetime.fromisoformat("1970-01-01T00:00:00+00:00")))
        if name.startswith("order."):
            return moment.order.get(name, Look(None))
        kind = self.kind(name)
        if kind == "define":
            return self.define(name, moment)
        if kind == "parameter":
            return self.parameter(name)
        if kind == "element":
            return self.element(name, moment)
        if kind == "drug":
            return self.rate(self.synonyms[name], moment)
        return Look(name)  # an option of a choice

    # ---------------------------------------------------------------- expressions

    def look(self, expr: tree.Expr, moment: Moment) -> Look:
        match expr:
            case tree.Truth(value=value):
                return Look(value)
            case tree.Number(value=number, unit=unit):
                return Look(self.units.quantity(number, unit))
            case tree.Name(id=name):
                return self.name(name, moment)
            case tree.And(items=items):
                return both(*(self.look(item, moment) for item in items))
            case tree.Or(items=items):
                return either(*(self.look(item, moment) for item in items))
            case tree.Not(item=item):
                return negation(self.look(item, moment))
            case tree.Implies(left=left, right=right):
                return either(negation(self.look(left, moment)), self.look(right, moment))
            case tree.AtLeast(count=count, items=items):
                return at_least(count, tuple(self.look(item, moment) for item in items))
            case tree.Compare(op=op, left=left, right=right):
                return self.compare(op, self.beside(left, right, moment), self.beside(right, left, moment))
            case tree.Between(value=value_, low=low, high=high):
                middle = self.look(value_, moment)
                return both(
                    self.compare("<=", self.beside(low, value_, moment), middle),
                    self.compare("<=", middle, self.beside(high, value_, moment)),
                )
            case tree.Is():
                found = self.member(expr, moment)
                return negation(found) if expr.negated else found
            case tree.Arithmetic(op=op_, left=left, right=right):
                return self.arithmetic(op_, self.look(left, moment), self.look(right, moment))
            case tree.Negate(item=item):
                return self.arithmetic("-", Look(Fraction(0)), self.look(item, moment))
            case tree.Call():
                return self.call(expr, moment)
            case tree.TimeFeature():
                return self.feature(expr, moment)
            case tree.Persists():
                return self.persists(expr, moment)
        raise AssertionError(expr)

    def beside(self, expr: tree.Expr, other: tree.Expr, moment: Moment) -> Look:
        """A value; a number beside a name is rounded as a charted value of that name would be."""
        look = self.look(expr, moment)
        if not (isinstance(expr, tree.Number) and isinstance(other, tree.Name)) or not isinstance(look.value, Fraction):
            return look
        unit = self.unit_of_name(other.id)
        return look if unit is None else Look(self.units.round_in(look.value, unit))

    def unit_of_name(self, id: str) -> str | None:
        """The unit in which the row holds a name; None where it holds no number, or one of another kind."""
        for found in (self.protocol.elements.get(id), self.library.elements.get(id)):
            if found is not None:
                return found.unit or "1"
        drug = self.library.drugs.get(id)
        if drug is not None:
            return drug.rate_unit
        parameter, define = self.protocol.parameters.get(id), self.protocol.defines.get(id)
        return (parameter.unit if parameter is not None else define.unit if define is not None else "") or None

    def compare(self, op: str, left: Look, right: Look) -> Look:
        if left.value is None or right.value is None:
            return Look(None, left.missing | right.missing)
        a: Any = left.value
        b: Any = right.value
        return Look(
            {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]
            if op not in ("=", "!=")
            else (a == b) == (op == "=")
        )

    def member(self, expr: tree.Is, moment: Moment) -> Look:
        names = [option.id for option in expr.options]
        if names == ["unobtainable"] and isinstance(expr.value, tree.Name):
            return self.unobtainable(expr.value.id, moment)
        if isinstance(expr.value, tree.Name) and expr.value.id in ("order.line", "order.route", "order.intent"):
            value = moment.order.get(expr.value.id, Look(None))
        else:
            value = self.look(expr.value, moment)
        if value.value is None:
            return value
        wanted = [{"true": True, "false": False}.get(name, name) for name in names]
        return Look(value.value in wanted)

    def arithmetic(self, op: str, left: Look, right: Look) -> Look:
        a, b = left.value, right.value
        if a is None or b is None:
            return Look(None, left.missing | right.missing)
        assert isinstance(a, Fraction | int)
        assert isinstance(b, Fraction | int)
        if op == "/":
            return Look(None) if b == 0 else Look(Fraction(a) / b)
        return Look(Fraction({"+": a + b, "-": a - b, "*": a * b}[op]))

    def call(self, expr: tree.Call, moment: Moment) -> Look:
        if expr.function == "ordered":
            name = expr.arguments[0]
            assert isinstance(name, tree.Name)
            return Look(self.synonyms.get(name.id, name.id) in moment.ordered)
        looks = [self.look(item, moment) for item in expr.arguments]
        if expr.function == "known":
            # Charting what is missing would make it known: it can still change, though it is never unknown.
            return Look(looks[0].value is not None, looks[0].missing)
        if any(item.value is None for item in looks):
            return Look(None, NONE.union(*(item.missing for item in looks)))
        values = [Fraction(item.value) for item in looks if not isinstance(item.value, str) and item.value is not None]
        return self.function(expr.function, values)

    def function(self, name: str, values: list[Fraction]) -> Look:
        with localcontext() as context:
            context.prec = 60
            decimals = [Decimal(value.numerator) / Decimal(value.denominator) for value in values]
            first = decimals[0]
            match name:
                case "least":
                    return Look(min(values))
                case "greatest":
                    return Look(max(values))
                case "abs":
                    return Look(abs(values[0]))
                case "round":
                    return Look(None) if values[1] <= 0 else Look(half_even(values[0], values[1]))
                case "ln" if first > 0:
                    return Look(Fraction(first.ln()))
                case "exp":
                    return Look(Fraction(first.exp()))
                case "sqrt" if first >= 0:
                    return Look(Fraction(first.sqrt()))
                case "power" if first > 0 or (first == 0 and decimals[1] > 0):
                    return Look(Fraction(first ** decimals[1]))
        return Look(None)

    # ---------------------------------------------------------------- dimensions

    def dimension(self, expr: tree.Expr) -> Dimension:
        match expr:
            case tree.Number(unit=unit):
                return self.units.parse(unit or "1")[1]
            case tree.Name(id=name):
                return self.dimension_of(name)
            case tree.Negate(item=item):
                return self.dimension(item)
            case tree.Arithmetic(op=op, left=left, right=right):
                if op in ("+", "-"):
                    return self.dimension(left)
                return times(self.dimension(left), self.dimension(right), 1 if op == "*" else -1)
            case tree.Call(function="power" | "ln" | "exp"):
                return {}
            case tree.Call(function="sqrt", arguments=arguments):
                return {base: power // 2 for base, power in self.dimension(arguments[0]).items()}
            case tree.Call(arguments=arguments):
                return self.dimension(arguments[0])
            case tree.TimeFeature(function="since"):
                return {"time": 1}
            case tree.TimeFeature(function="total", of=of):
                return self.units.parse(self.library.drugs[self.drugs(of.id)[0]].amount_unit)[1]
            case tree.TimeFeature(function="previous" | "change", of=of):
                return self.dimension_of(of.id)
        return {}

    def dimension_of(self, name: str) -> Dimension:
        match self.kind(name):
            case "define":
                found = self.protocol.defines[name]
                value = found.value or (found.cases[0].value if found.cases else None)
                if isinstance(value, model.Amount) and not isinstance(value.value, tree.Range):
                    return self.dimension(value.value)
            case "parameter":
                return self.units.parse(self.protocol.parameters[name].unit or "1")[1]
            case "element":
                return self.units.parse(self.elements[name].unit or "1")[1]
            case "drug":
                return self.units.parse(self.library.drugs[self.synonyms[name]].rate_unit)[1]
        return {}

    # ---------------------------------------------------------------- time

    def drugs(self, name: str) -> list[str]:
        if name in self.synonyms:
            return [self.synonyms[name]]
        return [drug.id for drug in self.library.drugs.values() if name in drug.classes]

    def names_in(self, expr: object) -> list[str]:
        """The data and drugs an expression reads, through definitions, in order."""
        if isinstance(expr, tree.Name):
            if expr.id in self.protocol.defines:
                return self.names_in(self.protocol.defines[expr.id])
            return [self.synonyms.get(expr.id, expr.id)]
        if isinstance(expr, tuple):
            parts: Any = expr
        elif is_dataclass(expr) and not isinstance(expr, type):
            parts = [getattr(expr, part.name) for part in fields(expr)]
        else:
            return []
        return list(dict.fromkeys(name for part in parts for name in self.names_in(part)))

    def readings(self, name: str, moment: Moment) -> list[dict[str, Any]]:
        """The entries about data that hold a reading."""
        return [entry for entry in self.record.of_element(name, moment.at) if entry["value"] != "not available"]

    def last_event(self, name: str, moment: Moment, rises_only: bool = True) -> tuple[str, datetime | None]:
        """(known | never | unknown, when): the last start, rise or gift, charting, or doing of `name`."""
        kind = self.kind(name)
        if kind == "element":
            entries = self.readings(name, moment)
            return ("known", entries[-1]["at"]) if entries else ("never", None)
        if kind == "step":
            entries = self.record.of_step(name, moment.at, "done")
            return ("known", entries[-1]["at"]) if entries else ("never", None)
        weight = self.weight(Moment(moment.at)).value
        if self.record.one_moment:
            since = self.given.get(self.key(f"since({name})"))
            if since is not None:
                return "known", moment.at - timedelta(microseconds=int(self.units.read(since)[0] * 10**6))
            return self.last_in_one_moment(name, moment)
        found = [item for drug in self.drugs(name) for item in self.record.changes(drug, moment.at, weight, rises_only)]
        if found:
            when, exact = max(found)
            return ("known", when) if exact else ("unknown", None)
        if self.record.complete_from is not None:
            return "never", None
        if all(self.library.drugs[drug].absent_is_zero for drug in self.drugs(name)):
            self.absences.update(self.drugs(name))
            return "never", None
        return "unknown", None

    def last_in_one_moment(self, name: str, moment: Moment) -> tuple[str, datetime | None]:
        """That nothing runs now says nothing of gifts: only a complete record says that there were none."""
        drugs = [self.library.drugs[drug] for drug in self.drugs(name)]
        if any(self.rate(drug.id, moment).value != 0 for drug in drugs if drug.rate_unit):
            return "unknown", None
        gifts = [drug for drug in drugs if drug.amount_unit]
        if len(gifts) == len(drugs) == 1:
            since = self.record.given.get(f"since({gifts[0].id} given)")
            if since is not None:
                return "known", moment.at - timedelta(microseconds=int(self.units.read(since)[0] * 10**6))
        told = any(
            key.startswith((f"count({drug.id} ", f"total({drug.id} ")) and self.units.read(str(value))[0] != 0
            for drug in gifts
            for key, value in self.record.given.items()
        )
        return ("never" if not gifts or (self.record.covered(None) and not told) else "unknown"), None

    def not_recorded(self, name: str) -> Look:
        """Unknown because the therapy record is not complete: of entries, that is what is asked."""
        return Look(None, frozenset({name if self.record.one_moment else "therapy_record"}))

    def since_given(self, name: str, moment: Moment) -> Look:
        """Since a drug was last given as an amount; how it runs does not count."""
        label = f"since({name} given)"
        if label in self.record.given:
            return Look(self.units.read(self.record.given[label])[0])
        given = self.record.of_drugs([name], moment.at, "given")
        if given:
            return Look(seconds(moment.at, given[-1]["at"]))
        never = self.record.covered(None) or self.library.drugs[name].absent_is_zero
        return Look(None, frozenset({label})) if never else self.not_recorded(label)

    def begin(self, window: tree.Window | None, moment: Moment) -> tuple[bool, datetime | None, Look]:
        """(known, when the window begins, what is missing)."""
        match window:
            case tree.InLast(duration=duration):
                look = self.look(duration, moment)
                if look.value is None:
                    return False, None, look
                assert isinstance(look.value, Fraction)
                return True, moment.at - timedelta(microseconds=int(look.value * 10**6)), look
            case tree.SinceEvent(event=event):
                state, when = self.last_event(event.id, moment)
                first = {event.id} if state == "never" and self.kind(event.id) == "element" else set()
                return state == "known", when, Look(None, frozenset(first))
        return True, self.record.episode, Look(None)

    def feature(self, expr: tree.TimeFeature, moment: Moment, this: str = "") -> Look:
        of = this if expr.of.id == "this" else expr.of.id
        expr = replace(expr, of=replace(expr.of, id=of))
        name = to_text(expr)
        if shape(expr) in self.given:
            return self.direct(expr, self.given[shape(expr)])
        unknown = Look(None, frozenset({name}))
        known, begin, missing = self.begin(expr.window, moment)
        if expr.function in ("done", "declined"):
            if not known:
                return NO if self.record.one_moment else Look(None, missing.missing or frozenset({name}))
            entries = self.record.of_step(of, moment.at, expr.function)
            return Look(any(begin is None or entry["at"] >= begin for entry in entries))
        if expr.function == "since":
            state, when = self.last_event(of, moment, rises_only=False)
            if when is not None:
                return Look(seconds(moment.at, when))
            by_record = state == "unknown" and self.kind(of) not in ("element", "step")
            if state == "never" and self.kind(of) == "element" and not self.record.one_moment:
                return Look(None, frozenset({of}))
            return self.not_recorded(name) if by_record else unknown
        if expr.function == "previous":
            found = self.readings(of, moment)
            before = self.record.read_value(of, found[-2]["value"]) if len(found) > 1 else None
            return unknown if before is None else Look(before)
        if not known:
            return Look(None, missing.missing or frozenset({name}))
        if expr.function == "change":
            found = [entry for entry in self.readings(of, moment) if begin is None or entry["at"] >= begin]
            values = [self.record.read_value(of, entry["value"]) for entry in found]
            if len(values) < 2 or not isinstance(values[0], Fraction) or not isinstance(values[-1], Fraction):
                return unknown
            return Look(values[-1] - values[0])
        kind = self.kind(of)
        if kind in ("element", "step"):
            if self.record.one_moment and not isinstance(expr.window, tree.InEpisode):
                return unknown
            entries = self.readings(of, moment) if kind == "element" else self.record.of_step(of, moment.at, "done")
            return Look(Fraction(sum(begin is None or entry["at"] >= begin for entry in entries)))
        drugs = self.drugs(of)
        given = [e for e in self.record.of_drugs(drugs, moment.at, "given") if begin is None or e["at"] >= begin]
        if expr.function == "total":
            amounts = [self.record.amount(entry["drug"], entry) for entry in given]
            flows = [self.infused(drug, begin, moment) for drug in drugs if not self.record.one_moment]
            total = sum((Fraction(amount) for amount in amounts if isinstance(amount, Fraction)), Fraction(0))
            total += sum((flow for flow, _ in flows), Fraction(0))
            self.least_totals[name] = total  # whatever else was given before the record begins
        if not self.record.covered(begin):
            if not all(self.library.drugs[drug].absent_is_zero for drug in drugs):
                return self.not_recorded(name)
            self.absences.update(drugs)
        if expr.function == "count":
            return Look(Fraction(len(given)))
        if any(amount is None for amount in amounts):
            return unknown
        if not all(whole for _, whole in flows):
            return self.not_recorded(name)
        return Look(total)

    def infused(self, name: str, begin: datetime | None, moment: Moment) -> tuple[Fraction, bool]:
        """What has run in of a drug since `begin`, and whether the record tells all of it."""
        drug, weight = self.library.drugs[name], self.weight(moment).value
        entries = self.record.of_drugs([name], moment.at, "started", "changed", "stopped", "running")
        per_kg = "body_mass" in self.units.parse(drug.rate_unit or "1")[1]
        start = begin or self.record.complete_from or (entries[0]["at"] if entries else moment.at)
        total, whole_ = Fraction(0), True
        for number, entry in enumerate(entries):
            last = number + 1 == len(entries)
            end = moment.at if last else entries[number + 1]["at"]
            rate = Fraction(0) if entry["event"] == "stopped" else self.record.rate(name, entry, weight)[1]
            if end <= start or rate == 0:
                continue
            if (number == 0 and entry["event"] != "started" and entry["at"] > start) or rate is None:
                whole_ = False
            if rate is None or (per_kg and weight is None):
                whole_ = False
                continue
            if drug.valid_for is not None and (last or not self.record.covered(entry["at"])):
                valid = self.units.quantity(*literal(drug.valid_for))
                if seconds(end, entry["at"]) > valid:
                    whole_ = False
                    end = entry["at"] + timedelta(microseconds=int(valid * 10**6))
            run = max(Fraction(0), seconds(end, max(entry["at"], start)))
            total += Fraction(rate) * (Fraction(weight or 0) if per_kg else 1) * run
        return self.units.round_in(total, drug.amount_unit) if total else total, whole_

    def direct(self, expr: tree.TimeFeature | tree.Persists, raw: object) -> Look:
        if isinstance(raw, bool):
            return Look(raw)
        if isinstance(expr, tree.TimeFeature) and expr.function == "previous":
            return Look(self.record.read_value(expr.of.id, raw))
        return Look(self.units.read(raw)[0])

    def persists(self, expr: tree.Persists, moment: Moment) -> Look:
        name = to_text(expr)
        if shape(expr) in self.given:
            return self.direct(expr, self.given[shape(expr)])
        state, when = self.last_event(expr.after.id, moment)
        if state == "never":
            return NO
        if when is None:
            return Look(None, frozenset({name}) | self.look(expr.duration, moment).missing)
        duration = self.look(expr.duration, moment)
        if duration.value is None:
            return duration
        assert isinstance(duration.value, Fraction)
        if seconds(moment.at, when) < duration.value:
            return NO
        return self.look(expr.condition, replace(moment, after=when))

    def latch(self, name: str, set_: tree.Expr, clear: tree.Expr, moment: Moment) -> Look:
        if f"latch({name})" in self.record.given:
            return Look(bool(self.record.given[f"latch({name})"]))
        state = Look(None, frozenset({f"latch({name})"})) if self.record.one_moment else NO
        read = {*self.names_in(set_), *self.names_in(clear)}
        about = [entry for entry in self.record.entries if entry.get("element", entry.get("drug")) in read]
        for at in sorted({entry["at"] for entry in about if entry["at"] <= moment.at} | {moment.at}):
            then = replace(moment, at=at)
            state = either(self.look(set_, then), both(state, negation(self.look(clear, then))))
        others = state.missing - {f"latch({name})"}
        return Look(state.value, others or state.missing)


def whole(value: Fraction, step: Fraction, towards: str) -> Fraction:
    """`value` at the nearest multiple of `step` on the safer side."""
    ratio = value / step
    steps = math.floor(ratio) if towards == "down" else math.ceil(ratio) if towards == "up" else round(ratio)
    return steps * step
