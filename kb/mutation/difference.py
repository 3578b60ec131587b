"""Whether any patient gets other advice from one Program than from another that differs in one place.

Two walks stand side by side over the same rows. Where nothing a reader can see differs for any row, missing data
included, the two are equivalent. Where something does, the row becomes a patient, whose chart is run through both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple
from typing import Protocol as Shape

from kb import program as ir
from kb.chart import ChartError
from kb.interpreter import Advice, Guideline
from kb.prover.patient import Patient, Patients, Question
from kb.prover.solver import Term, Undecided, and_, any_of, equal, iff, is_same, not_, or_
from kb.prover.symbolic import UNKNOWN, Dose, Number, Symbol, SymbolicWalk, Truth
from kb.values import format_scaled


class Told(NamedTuple):
    """One thing that is told differently: what it is, what is said now, and what with the fault."""

    name: str
    now: str
    then: str

    def __str__(self) -> str:
        return f"{self.name}: {self.now}; with the fault: {self.then}"


class Someone(Shape):
    """A patient with the advice that the first of two Programs gives: with a chart of one moment or of entries."""

    @property
    def chart(self) -> dict[str, Any]: ...

    @property
    def local(self) -> dict[str, Any]: ...

    @property
    def now(self) -> datetime: ...

    @property
    def advice(self) -> Advice: ...

    def told(self) -> str: ...


class Compared(NamedTuple):
    """`outcome`: equivalent, undecided or differs. `why` of what is undecided; `patient` for whom advice differs."""

    outcome: str
    why: str = ""
    patient: Someone | None = None
    order: dict[str, str] = {}  # noqa: RUF012 - never written to
    differs: tuple[Told, ...] = ()


class Pairs:
    """One Program, and others held against it one after the other."""

    def __init__(self, guideline: Guideline) -> None:
        self.guideline = guideline
        self._patients = _Pair(guideline)
        walk = self._patients.walk
        for index in range(len(walk.program.slots)):  # every slot, so that each other walk finds it there
            walk.slot(index)
            walk.taken_for_zero(index)
        self._told = dict(_seen(walk))
        assert walk.find() is not None, "no row at all: then nothing could ever differ"
        self._features = _features(guideline.program)

    def compare(self, other: Guideline) -> Compared:
        """For whom `other` gives other advice."""
        mine = self._patients.walk
        new = [name for name in _features(other.program) if name not in self._features]
        if new:
            return Compared("undecided", f"`{new[0]}` is read from a chart over time, not from one moment")
        advice, orders, facts = self._apart(other)
        try:
            for terms, ordered in ((advice, False), (orders, True)):
                if terms and mine.find(any_of(terms), *facts) is not None:
                    candidates = _orders(self.guideline.program, other.program) if ordered else ()
                    return self._patients.who(other, [any_of(terms), *facts], candidates)
            assert mine.find(*facts) is not None, "no row at all: then nothing could ever differ"
        except Undecided as gave_up:
            return Compared("undecided", gave_up.reason)
        for name, feature in _features(other.program).items():
            if feature != self._features[name]:
                return Compared("undecided", f"what `{name}` looks for over time is another condition")
        return Compared("equivalent")

    def _apart(self, other: Guideline) -> tuple[list[Term], list[Term], list[Term]]:
        """Where advice differs, where the verdict on an order does, and what holds of the rows of both."""
        mine = self._patients.walk
        held, defaults = _defaults(mine, other.program)
        walk = SymbolicWalk(other.program, shared=held, same_rows=mine)
        seen = dict(_seen(walk))
        advice: list[Term] = []
        orders: list[Term] = []
        for key in dict.fromkeys((*self._told, *seen)):
            term = _differs(self._told.get(key), seen.get(key))
            if term is not False:
                (orders if key.startswith(("rule ", "cap ")) else advice).append(term)
        return advice, orders, [*walk.facts, *defaults]

    def matters(self, kind: str, id: str) -> bool:
        """Whether advice to anybody hangs on the current value of this element or rate (`kind`), all else being equal.

        Raises:
            Undecided: the solver gave up.

        """
        terms = self._without(kind, id)
        return bool(terms) and self._patients.walk.find(*terms) is not None

    def whom_it_matters(self, kind: str, id: str) -> Patient | None:
        """Somebody whose advice hangs on it, whose chart is of one moment and says the value.

        Raises:
            Undecided: the solver gave up, or no chart gives such a row.

        """
        return _Somebody(self.guideline, walk=self._patients.walk).find(lambda walk: self._without(kind, id), tries=1)

    def _without(self, kind: str, id: str) -> list[Term]:
        """What holds where the value is known and something else is told without it; empty where none reads it."""
        mine, program = self._patients.walk, self.guideline.program
        unknown: dict[int, Symbol] = {}
        facts: list[Term] = []
        for index, slot in enumerate(program.slots):
            if slot.of != id or slot.kind not in (kind, "unobtainable" if kind == "element" else kind):
                continue
            unknown[index] = Truth(False, False) if slot.type == "boolean" else UNKNOWN
            if slot.kind == kind:
                facts += [mine.slot(index).known, not_(mine.taken_for_zero(index))]
        if not facts:
            return []
        walk = SymbolicWalk(program, shared=unknown, same_rows=mine)
        seen = dict(_seen(walk))
        terms = [_differs(self._told.get(key), seen.get(key)) for key in dict.fromkeys((*self._told, *seen))]
        return [any_of(terms), *facts, *walk.facts]

    def few(self, others: Sequence[Guideline]) -> Iterator[tuple[Patient, dict[int, tuple[Told, ...]]]]:
        """Few patients, each with those of `others`, by their places, that give other advice.

        Each is sought for as many at once as can be, one after the other; whom it shows beside those counts too. One
        of which no patient was found, or that differs in verdicts on orders only, is in none of them.
        """
        left: dict[int, list[Term]] = {}
        for place, other in enumerate(others):
            advice, _, facts = self._apart(other)
            if advice:
                left[place] = [any_of(advice), *facts]
        while left:
            first = next(iter(left))
            terms = left.pop(first)
            wanted = [first]
            for place, more in left.items():
                if self._can(*terms, *more, *self._patients.as_charted()):
                    terms, wanted = [*terms, *more], [*wanted, place]
            patient = self._patients.for_all([others[place] for place in wanted], terms)
            if patient is None:
                continue
            shown = {place: told_apart(patient.advice, others[place], patient) for place in (first, *left)}
            shown = {place: differs for place, differs in shown.items() if differs}
            for place in shown:
                left.pop(place, None)
            yield patient, shown

    def _can(self, *terms: Term) -> bool:
        try:
            return self._patients.walk.find(*terms) is not None
        except Undecided:
            return False


class _Pair(Patients):
    """Patients for whom two guidelines say different things, of what to do or of one of some orders."""

    _other: Guideline
    _orders: tuple[dict[str, str], ...] = ()
    _found: Compared
    _all: Sequence[Guideline] = ()

    def who(self, other: Guideline, terms: list[Term], orders: tuple[dict[str, str], ...]) -> Compared:
        self._other, self._orders = other, orders
        self.find(lambda walk: terms, tries=4)
        return self._found

    def for_all(self, others: Sequence[Guideline], terms: list[Term]) -> Patient | None:
        """A patient for whom each of `others` says something else; None where none was found."""
        self._all = others
        try:
            return self.find(lambda walk: terms, tries=4)
        except Undecided:
            return None
        finally:
            self._all = ()

    def confirms(self, question: Question, patient: Patient) -> bool:
        if self._all:
            return all(told_apart(patient.advice, other, patient) for other in self._all)
        if self._orders:
            order, differs = judged_apart(self.guideline, self._other, patient, self._orders)
        else:
            order, differs = {}, told_apart(patient.advice, self._other, patient)
        self._found = Compared("differs", "", patient, order, differs)
        return bool(differs)


class _Somebody(Patients):
    """Patients of whom the question says all: what each is told is looked at by who asks."""

    def confirms(self, question: Question, patient: Patient) -> bool:
        return True


def _chart_for(other: Guideline, patient: Someone) -> tuple[dict[str, Any], dict[str, Any]]:
    """The patient as the other Program can read it: without what it has no name for."""
    program = other.program
    known = {slot.name for slot in program.slots} | {slot.of for slot in program.slots}
    known |= {element.id for element in program.elements}
    parameters = {parameter.id for parameter in program.parameters}
    local = dict(patient.local)
    if "parameters" in local:
        local["parameters"] = {name: value for name, value in local["parameters"].items() if name in parameters}
    if "entries" in patient.chart:
        return patient.chart, local
    return {name: value for name, value in patient.chart.items() if name in known}, local


def judged_apart(
    guideline: Guideline, other: Guideline, patient: Someone, orders: tuple[dict[str, str], ...]
) -> tuple[dict[str, str], tuple[Told, ...]]:
    """The first order of which the two say different things, and what they say."""
    chart, local = _chart_for(other, patient)
    for order in orders:
        try:
            mine = guideline.check_orders(patient.chart, [order], patient.now, patient.local)[0]
            theirs = other.check_orders(chart, [order], patient.now, local)[0]
        except ChartError:
            continue
        if (mine.verdict, mine.rules) != (theirs.verdict, theirs.rules):
            text = ", ".join(order.values())
            one, two = (" ".join((item.verdict, *item.rules)) for item in (mine, theirs))
            return order, (Told(f"order of {text}", one, two),)
    return {}, ()


def _orders(one: ir.Program, other: ir.Program) -> tuple[dict[str, str], ...]:
    """Orders worth trying: of the drugs of what differs, at the numbers and words that its condition names."""
    rules = {rule.id: rule for rule in one.rules}
    others = {rule.id: rule for rule in other.rules}
    drugs: dict[str, set[int]] = {}
    words: dict[str, set[str]] = {}
    for id in dict.fromkeys((*rules, *others)):
        pair = [held[id] for held in (rules, others) if id in held]
        if len(pair) == 2 and _written(pair[0].when, one.slots) == _written(pair[1].when, other.slots):
            continue
        for rule, slots in zip(pair, (one.slots, other.slots) if id in rules else (other.slots,), strict=False):
            numbers = set(_numbers_in(rule.when))
            for name in rule.drugs:
                drugs.setdefault(name, set()).update(numbers)
            for attribute, said in _words_in(rule.when, slots):
                words.setdefault(attribute, set()).update(said)
    caps, their_caps = {cap.id: cap for cap in one.caps}, {cap.id: cap for cap in other.caps}
    for id in dict.fromkeys((*caps, *their_caps)):
        for cap in (held[id] for held in (caps, their_caps) if id in held):
            for name in cap.drugs:
                drugs.setdefault(name, set()).update(_numbers_in(cap.amount))
    found: list[dict[str, str]] = []
    library = {drug.id: drug for drug in one.drugs}
    for drug_id, values in drugs.items():
        drug = library[drug_id]
        grains = [delivery.step for delivery in drug.delivery] or [ir.SCALE // 100]
        shifts = (-min(grains), 0, min(grains))
        near = sorted({*grains, *(max(0, value + shift) for value in values for shift in shifts)})
        doses: list[dict[str, str]] = [{}]
        for of, unit in (("rate", drug.rate_unit), ("amount", drug.amount_unit)):
            doses += [{of: format_scaled(value, unit)} for value in near] if unit else []
        chosen = product(*map(sorted, words.values()))
        named = [dict(zip(words, each, strict=True)) for each in chosen][:8]
        found += [{"drug": drug_id, **dose, **said} for dose in doses for said in ({}, *named)]
    return tuple(found[:200])


def _numbers_in(expr: Any) -> Iterator[int]:
    if isinstance(expr, ir.Const):
        if isinstance(expr.value, int) and not isinstance(expr.value, bool):
            yield expr.value
    elif isinstance(expr, tuple):
        for item in expr:
            yield from _numbers_in(item)


def _words_in(expr: Any, slots: tuple[ir.Slot, ...]) -> Iterator[tuple[str, set[str]]]:
    """Attributes of the order that are held against words: `line`, and `first`."""
    if isinstance(expr, ir.Member) and isinstance(expr.item, ir.Get) and slots[expr.item.slot].kind == "order":
        yield slots[expr.item.slot].name.removeprefix("order."), {str(option) for option in expr.options}
    elif isinstance(expr, ir.Compare) and isinstance(expr.left, ir.Get) and isinstance(expr.right, ir.Const):
        slot, value = slots[expr.left.slot], expr.right.value
        if slot.kind == "order" and isinstance(value, str):
            yield slot.name.removeprefix("order."), {value}
    elif isinstance(expr, tuple):
        for item in expr:
            yield from _words_in(item, slots)


def told_apart(advice: Advice, other: Guideline, patient: Someone) -> tuple[Told, ...]:
    """What a reader would see differently."""
    chart, local = _chart_for(other, patient)
    try:
        theirs = other.advise(chart, patient.now, local)
    except ChartError:
        return ()
    mine, them = told(advice), told(theirs)
    names_ = dict.fromkeys((*mine, *them))
    return tuple(
        Told(name, mine.get(name, "nothing"), them.get(name, "nothing"))
        for name in names_
        if mine.get(name) != them.get(name)
    )


_WORD = {True: "yes", False: "no", None: "not known"}


def told(advice: Advice) -> dict[str, str]:
    """What one can expect of advice in a scenario, by name."""
    made = {
        "applies": _WORD[advice.applies],
        "entered": _WORD[advice.entered],
        "recommended": ", ".join(item.step for item in advice.recommended) or "nothing",
        "asks": ", ".join(sorted(ask.name for ask in advice.asks)) or "nothing",
        "alerts": ", ".join(sorted({alert.id for alert in advice.alerts})) or "none",
        "needs policy": ", ".join(item.parameter for item in advice.needs_policy) or "none",
    }
    for item in advice.actions:
        made[f"status of {item.step}"] = item.status
        if item.review:
            made[f"review of {item.step}"] = item.review
        for name, dose in ((item.step, item.dose), *((f"{item.step}.{each.id}", each.dose) for each in item.options)):
            if dose is not None:
                parts = (dose.text, f"{dose.each} each" if dose.each else "", f"over {dose.over}" if dose.over else "")
                made[f"dose of {name}"] = ", ".join(part for part in parts if part)
        if item.options:
            made[f"options of {item.step}"] = ", ".join(each.id for each in item.options if each.eligible is not False)
    made |= {f"state of {state.step}": state.state for state in advice.trace}
    made |= {f"goal {goal.id}": goal.state for goal in advice.goals}
    return made


# ---------------------------------------------------------------- what a reader can see, as terms


class _Seen(NamedTuple):
    """One thing that is told `when` a term holds: its value, as terms and as plain data."""

    when: Term
    terms: tuple[Term, ...] = ()
    plain: tuple[Any, ...] = ()


def _seen(walk: SymbolicWalk) -> Iterator[tuple[str, _Seen]]:
    program = walk.program
    applies = walk.truth(program.applies)
    yield "applies", _Seen(True, applies)
    yield "entered", _Seen(True, walk.truth(program.enter))
    for index, step in enumerate(program.steps):
        yield from _step(walk, index, step, applies.true)
    for goal in program.goals:
        yield f"goal {goal.id}", _Seen(True, walk.truth(goal.target))
    for alert in program.alerts:
        yield f"alert {alert.id}", _Seen(walk.truth(alert.when).true, (), (alert.severity, alert.say))
    for rule in program.rules:
        plain = (rule.drugs, rule.because, rule.instead)
        yield f"rule {rule.id}", _Seen(True, walk.any_order(rule), plain)
    for cap in program.caps:
        yield f"cap {cap.id}", _Seen(True, _number(walk.remaining(cap)), (cap.drugs, cap.unit))
    for parameter in program.parameters:
        yield f"parameter {parameter.id}", _Seen(True, (), (parameter.type, parameter.low, parameter.high))


def _step(walk: SymbolicWalk, index: int, step: ir.Step, applies: Term) -> Iterator[tuple[str, _Seen]]:
    shown = and_(applies, walk.shown(index))  # nobody is told of a step while the protocol may not be for the patient
    yield f"state of {step.id}", _Seen(walk.may(index), (and_(applies, walk.reached(index)), shown))
    yield f"{step.id} recommended", _Seen(and_(applies, walk.recommended(index)))
    action = step.action
    fixed: tuple[object, ...] = (step.kind, step.title, step.priority, step.hand_over, step.decide_by, step.part_of)
    if action is not None:
        fixed += (action.verb, action.drug, action.of, action.over, action.route, action.salt, action.intent)
        fixed += (action.line, action.subject, action.concentration, action.ladder)
    yield f"{step.id} as it stands", _Seen(shown, (), fixed)
    if step.kind == "decide":
        yield f"gap at {step.id}", _Seen(and_(shown, walk.gap(index)))
    if action is None:
        return
    yield f"status of {step.id}", _Seen(shown, _number(walk.final_status(index)))
    if action.dose is not None:
        yield f"dose of {step.id}", _Seen(shown, _dose(walk.dose(index), action), (action.dose.unit,))
    if action.each is not None:
        yield f"each of {step.id}", _Seen(shown, _number(walk.number(action.each)))
    if step.review is not None:
        after = _number(walk.number(step.review.after))
        yield f"review of {step.id}", _Seen(shown, after, (step.review.measure,))
    active = and_(shown, walk.status(index, "due", "overdue"))
    unsure = any_of(not_(or_(*walk.truth(reason.when))) for reason in step.avoid)
    yield f"caution on {step.id}", _Seen(and_(active, unsure))
    for place, option in enumerate(action.options):
        offered = walk.eligible(index, place)
        reasons = tuple(term for reason in (*option.for_, *option.against) for term in walk.truth(reason.when))
        yield f"option {step.id}.{option.id}", _Seen(shown, (offered, *reasons))
        if option.action.dose is not None:
            made = walk.dose_of(option.action)
            unit = (option.action.dose.unit,)
            yield f"dose of {step.id}.{option.id}", _Seen(shown, _dose(made, option.action), unit)


def _number(number: Number) -> tuple[Term, ...]:
    return (number.known, number)


def _dose(dose: Dose, action: ir.Action) -> tuple[Term, ...]:
    ends = [Number(dose.known, dose.rounded), Number(dose.known, dose.exact)]
    if action.dose is not None and action.dose.high is not None:
        ends.append(Number(dose.known, dose.high))
    return (dose.known, *ends)


def _differs(one: _Seen | None, other: _Seen | None) -> Term:
    """Whether two readers see something different here."""
    if one is None or other is None:
        there = one or other
        return False if there is None else there.when
    if one.plain != other.plain or len(one.terms) != len(other.terms):
        return or_(one.when, other.when)
    inside = any_of(_apart(a, b) for a, b in zip(one.terms, other.terms, strict=True))
    return or_(_apart(one.when, other.when), and_(one.when, inside))


def _apart(one: Term | Number, other: Term | Number) -> Term:
    if isinstance(one, Number) and isinstance(other, Number):
        if is_same(one.value, other.value):
            return False
        return and_(one.known, other.known, not_(equal(one.value, other.value)))
    return False if is_same(one, other) else not_(iff(one, other))


# ---------------------------------------------------------------- what is not in the row


def _defaults(walk: SymbolicWalk, other: ir.Program) -> tuple[dict[int, Symbol], list[Term]]:
    """Parameters whose default differs: each Program with its own, nothing being set locally; all else is open."""
    theirs = {parameter.id: parameter.default for parameter in other.parameters}
    mine = {parameter.id: parameter.default for parameter in walk.program.parameters}
    apart = {id for id in mine if id in theirs and theirs[id] != mine[id]}
    held: dict[int, Symbol] = {}
    facts: list[Term] = []
    for slots, defaults, ours in ((walk.slots, mine, True), (other.slots, theirs, False)):
        for index, slot in enumerate(slots):
            if slot.kind != "parameter" or slot.of not in apart:
                continue
            default = defaults[slot.of]
            code = walk.code(default) if isinstance(default, str) else default
            symbol = Number(code is not None, int(code or 0))
            if not ours:
                held[index] = symbol
                continue
            own = walk.slot(index)
            assert isinstance(own, Number)
            facts.append(equal(own.value, symbol.value) if code is not None else not_(own.known))
    return held, facts


def _features(program: ir.Program) -> dict[str, Any]:
    """What each time feature looks for in the chart, with the definitions that it reads written out."""
    return {
        slot.name: _written(slot.feature, program.slots) if slot.feature is not None else (slot.kind, slot.unit)
        for slot in program.slots
        if slot.kind not in ("define", "computed", "order")
    }


def _written(node: Any, slots: tuple[ir.Slot, ...]) -> Any:
    if isinstance(node, ir.Get):
        slot = slots[node.slot]
        inner = slot.expr if slot.expr is not None else slot.feature
        return (slot.name, None if inner is None else _written(inner, slots))
    if isinstance(node, tuple):
        return (type(node).__name__, *(_written(item, slots) for item in node))
    return node
