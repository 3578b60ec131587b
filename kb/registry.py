"""Every number that the protocols of a base use, by what it is a number of; where two disagree, that first.

A quantity is a subject (a drug, an element of data, a setting) and a role (dose into the muscle, rate, ceiling,
interval, threshold …). Its numbers come with the protocol, the place, and the statements and sources they rest on.
Numbers in the statements' own words are listed beside them as said, for their role cannot be read off a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from kb import model
from kb import program as ir
from kb.base import Base
from kb.coverage import comparisons
from kb.generator.wording import Speaker, clean, decimal_text
from kb.values import BadValue, UnitTable, parse_decimal

CLASH, OPEN, BY_USE, BY_CASE, AGREE, SINGLE = (
    "clash",
    "cannot be compared",
    "differs by use",
    "differs by case",
    "agree",
    "one place",
)
VERDICTS = {
    CLASH: "one quantity, other numbers in another protocol or source",
    OPEN: "in one place a fixed number, in another a formula or local policy",
    BY_USE: "lines drawn at other values in other protocols, which may be on purpose",
    BY_CASE: "several numbers within one protocol, by case",
    AGREE: "the same number wherever it stands",
    SINGLE: "a number that stands in one place",
}
THRESHOLD, DEFINITION = "threshold", "definition"


class Cited(NamedTuple):
    """A statement and the reference behind it; `date` is the year of the reference, `checked` when somebody looked."""

    statement: str
    source: str
    date: str = ""
    checked: str = ""


class Number(NamedTuple):
    """One number or range: `value` as written, both ends exact, in base units of `dimension`.

    Without a fixed end (`up to`, a formula) `low` or both are None. `origin` is the protocol that uses it, `library`,
    or the source that gives it elsewhere (`used` is then false). `when` is the case it holds for.
    """

    value: str
    low: Fraction | None
    high: Fraction | None
    dimension: str
    origin: str
    place: str
    when: str = ""
    cites: tuple[Cited, ...] = ()
    used: bool = True
    superseded: bool = False
    verified: bool = True

    @property
    def amount(self) -> tuple[Fraction | None, Fraction | None, str]:
        """What two numbers are compared by."""
        return (self.low, self.high, self.value if self.high is None else self.dimension)


class Said(NamedTuple):
    """A statement that names the subject and holds a number, and on which no number in use rests."""

    protocol: str
    says: str
    cite: Cited


class Quantity(NamedTuple):
    """All numbers for one subject in one role."""

    subject: str
    label: str
    role: str
    verdict: str
    numbers: tuple[Number, ...]
    said: tuple[Said, ...] = ()


def as_json(quantity: Quantity) -> dict[str, Any]:
    """Plain data; the ends that numbers are compared by stay inside."""
    kept = ("value", "origin", "place", "when", "used", "superseded", "verified")
    numbers = [
        {name: getattr(number, name) for name in kept} | {"cites": [cite._asdict() for cite in number.cites]}
        for number in quantity.numbers
    ]
    said = [{"protocol": item.protocol, "says": item.says, **item.cite._asdict()} for item in quantity.said]
    return {**quantity._asdict(), "numbers": numbers, "said": said}


class _Row(NamedTuple):
    subject: str
    role: str
    number: Number


def registry(base: Base) -> tuple[Quantity, ...]:
    """The quantities of a base (the latest version of each protocol, and the library), clashes first.

    Raises:
        UncheckedError: a protocol has errors; a report without it would pass over its numbers in silence.

    """
    grouped: dict[tuple[str, str], dict[Number, None]] = {}
    labels: dict[str, str] = {}
    said: dict[str, dict[Said, None]] = {}
    broken = [id for id in base.protocols() if base.program(id)[0] is None]
    if broken:
        raise UncheckedError(broken)
    for id in base.protocols():
        program, protocol = base.program(id)[0], base.protocol(id)
        assert program is not None
        assert protocol is not None
        reader = _Reader(program, protocol)
        for row in reader.rows():
            grouped.setdefault((row.subject, row.role), {})[row.number] = None
        labels |= {drug.id: clean(drug.label) for drug in program.drugs}
        labels |= {element.id: clean(element.label) for element in program.elements}
        for subject, item in reader.said():
            said.setdefault(subject, {})[item] = None
    labels = {drug.id: clean(drug.label) for drug in base.library.drugs.values()} | labels
    labels = {item.id: clean(item.label) for item in base.library.elements.values()} | labels
    resting = {
        (number.origin, cite.statement) for numbers in grouped.values() for number in numbers for cite in number.cites
    }
    quantities = []
    for (subject, role), numbers in grouped.items():
        listed = tuple(sorted(numbers, key=lambda number: (number.origin, number.place, number.low or 0)))
        label = labels.get(subject, subject.replace("_", " ").replace("-", " "))
        verdict = _verdict(role, listed)
        rest = [item for item in said.get(subject, ()) if (item.protocol, item.cite.statement) not in resting]
        beside = tuple(rest) if verdict == CLASH else ()
        quantities.append(Quantity(subject, label, role, verdict, listed, beside))
    order = list(VERDICTS)
    return tuple(sorted(quantities, key=lambda item: (order.index(item.verdict), item.label.lower(), item.role)))


class UncheckedError(ValueError):
    """Some protocols have errors; `protocols` are their ids."""

    def __init__(self, protocols: Iterable[str]) -> None:
        self.protocols = tuple(protocols)
        super().__init__(f"these protocols have errors: {', '.join(self.protocols)}")


def _verdict(role: str, numbers: tuple[Number, ...]) -> str:
    """A clash is between origins. Thresholds of two protocols differ by use: nobody can tell from outside that two
    mean the same; a source's threshold was written down because it does.
    """
    counted = [number for number in numbers if not number.superseded and number.verified]  # nobody stands by the others
    by_origin: dict[str, set[tuple[Fraction | None, Fraction | None, str]]] = {}
    for number in counted:
        by_origin.setdefault(number.origin.partition("@")[0], set()).add(number.amount)
    amounts = {number.amount for number in counted}
    if len(by_origin) > 1:
        if all(found == amounts for found in by_origin.values()):
            return AGREE
        fixed = [
            {amount for amount in found if amount[1] is not None or role == DEFINITION} for found in by_origin.values()
        ]
        if len({frozenset(found) for found in fixed if found}) < 2:
            return OPEN
        return BY_USE if role == THRESHOLD and all(number.used for number in counted) else CLASH
    if len(amounts) > 1:
        return BY_CASE
    return AGREE if len(counted) > 1 else SINGLE


_QUANTITY = re.compile(
    r"(?<![\w.])(\d+(?:\.\d+)?)(?: (?:to|and) (\d+(?:\.\d+)?))? ?([a-zA-Z%][\w%]*(?:/[a-zA-Z]+)*)?(?![\w.]*\d)"
)
_ROUTES = {
    "iv": "into a vein",
    "im": "into a muscle",
    "io": "into the marrow",
    "sc": "under the skin",
    "po": "by mouth",
}


def _by(route: str) -> str:
    return f" {_ROUTES.get(route, clean(route))}" if route else ""


class _Reader:
    """Reads the numbers of one Program."""

    def __init__(self, program: ir.Program, protocol: model.Protocol) -> None:
        self.program = program
        self.protocol = protocol
        self.name = f"{program.id}@{program.version}"
        self.say = Speaker(program)
        self.units = UnitTable(program.units)
        self.statements = {item.id: item for item in program.statements}
        self.references = {item.key: item for item in program.references}

    def rows(self) -> Iterator[_Row]:
        for step in self.program.steps:
            if step.action is not None:
                yield from self._action(step, step.action, step.cites)
                for option in step.action.options:
                    yield from self._action(step, option.action, option.cites or step.cites, f": {option.id}")
            yield from self._times(step)
        for cap in self.program.caps:
            for drug in cap.drugs:
                yield self._written(drug, "largest total", cap.text, cap.id, cap.cites)
        yield from self._rules()
        yield from self._settings()
        yield from self._limits()
        yield from self._thresholds()
        yield from self._definitions()
        yield from self._elsewhere()

    # ------------------------------------------------------------ steps

    def _action(self, step: ir.Step, action: ir.Action, cites: tuple[str, ...], more: str = "") -> Iterator[_Row]:
        if action.dose is None or not action.drug:
            return
        if step.part_of and action.verb == "change":
            return  # the rungs of a titration come with its start and its end
        place = (step.part_of or step.id) + more
        what = "dose" if action.of == "amount" else "rate"
        route = _by(action.route) if what == "dose" else ""
        role = {"change": f"new {what}"}.get(action.verb, what) + route
        text = action.dose.text
        first, ceiling, most = text.partition(", to at most ")
        if ceiling:
            yield self._written(action.drug, "first rate", first, place, cites)
            yield self._written(action.drug, "largest rate", most, place, cites)
            return
        defined = self.protocol.defines.get(text.partition(" to ")[0])
        if defined is not None:
            yield from self._defined(action.drug, role, defined, place, cites)
            return
        yield self._written(action.drug, role, text, place, cites)
        if action.dose.most is not None:
            fixed = self.say.expression(action.dose.most, action.dose.unit)
            yield self._written(action.drug, f"largest {what}{route}", fixed, place, cites)

    def _defined(
        self, drug: str, role: str, define: model.Define, place: str, cites: tuple[str, ...]
    ) -> Iterator[_Row]:
        """A dose that a definition gives by cases: one row each."""
        cites = tuple(ref.id for ref in define.backing.cites) or cites
        for case in define.cases:
            words = self.say.condition(case.when.text) if case.when is not None else "otherwise"
            text = case.value.text if isinstance(case.value, model.Amount) else case.value.id
            yield self._written(drug, role, text, f"{place}, {define.id}", cites, words)
        if define.value is not None:
            yield self._written(drug, role, define.value.text, f"{place}, {define.id}", cites)

    def _times(self, step: ir.Step) -> Iterator[_Row]:
        drug = step.action.drug if step.action is not None else ""
        if step.repeat is not None:
            subject = drug or step.id
            yield self._written(subject, "interval", step.repeat.text, step.id, step.cites)
            if step.repeat.at_most is not None:
                text = self.say.expression(step.repeat.at_most)
                yield self._written(subject, "times", text, step.id, step.cites)
        if step.review is not None and step.review.text and drug:
            yield self._written(drug, "look again", step.review.text, step.part_of or step.id, step.cites)

    # ------------------------------------------------------------ rules, settings, limits, thresholds

    def _rules(self) -> Iterator[_Row]:
        """Largest rates and doses that a rule lets pass: what it refuses begins above them."""
        for rule in self.program.rules:
            if rule.made_by:
                continue
            for compare in comparisons(rule.when):
                slot, number, sign = self._sides(compare)
                if slot is None or slot.kind != "order" or sign not in (">", ">="):
                    continue
                what = {"order.rate": "rate", "order.amount": "dose"}.get(slot.name.partition(" ")[0])
                if what is not None:
                    text = f"{decimal_text(number)} {slot.unit}".strip()
                    for drug in rule.drugs:
                        yield self._written(drug, f"largest {what}", text, f"rule {rule.id}", rule.cites)

    def _settings(self) -> Iterator[_Row]:
        for item in self.program.parameters:
            place = f"setting {item.id}"
            if item.low is not None and item.high is not None:
                text = f"{decimal_text(item.low)} to {decimal_text(item.high)} {item.unit}".strip()
                yield self._written(item.id, "range of the local setting", text, place, item.cites)
            if item.default is not None:
                value = item.default
                text = f"{decimal_text(value)} {item.unit}".strip() if type(value) is int else str(value)
                yield self._written(item.id, "default of the local setting", text, place, item.cites)

    def _limits(self) -> Iterator[_Row]:
        """Limits of the library: one library serves the whole base, so each is listed once."""
        for drug in self.program.drugs:
            for limit in drug.limits:
                unit = drug.rate_unit if limit.of == "rate" else drug.amount_unit
                what = "rate" if limit.of == "rate" else "dose"
                origin = limit.source or (f"to be confirmed by {limit.confirm}" if limit.confirm else "no source")
                route = _by(limit.route) if limit.of == "amount" else ""
                ends = (("usual", limit.soft_low, limit.soft_high), ("limit of", limit.hard_low, limit.hard_high))
                for word, low, high in ends:
                    if low is None and high is None:
                        continue
                    text = " to ".join(decimal_text(end) for end in (low, high) if end is not None)
                    text = f"{text} {unit}" if low is not None else f"up to {text} {unit}"
                    number = self._number(text, "", (), "")._replace(
                        origin="library", cites=(Cited("", clean(origin)),)
                    )
                    yield _Row(drug.id, f"{word} {what}{route}", number)

    def _thresholds(self) -> Iterator[_Row]:
        sites: list[tuple[str, ir.Expr, tuple[str, ...]]] = [("applies", self.program.applies, ())]
        sites += [
            (f"define {slot.name}", slot.expr, slot.cites)
            for slot in self.program.slots
            if slot.kind == "define" and slot.expr is not None
        ]
        for step in self.program.steps:
            sites += [(step.id, case.when, case.cites or step.cites) for case in step.cases]
        sites += [(f"goal {goal.id}", goal.target, goal.cites) for goal in self.program.goals]
        sites += [(f"alert {alert.id}", alert.when, alert.cites) for alert in self.program.alerts]
        for place, site, cites in sites:
            for compare in comparisons(site):
                slot, number, sign = self._sides(compare)
                if slot is None or slot.type != "number" or slot.kind not in ("element", "rate"):
                    continue
                if slot.kind == "rate" and number == 0:
                    continue  # whether it runs at all
                side = {"<": "below", "<=": "at or below", ">": "above", ">=": "at or above"}.get(sign, "exactly")
                # `x < 65` and `x >= 65` draw the line at the same place.
                role = THRESHOLD if sign in ("<", ">=", "<=", ">") else "exact value"
                text = f"{decimal_text(number)} {slot.unit}".strip()
                yield self._written(slot.of, role, text, place, cites, side)

    def _definitions(self) -> Iterator[_Row]:
        """Conditions with a name: two protocols that share the name should mean the same."""
        for define in self.protocol.defines.values():
            if define.condition is not None:
                cites = tuple(ref.id for ref in define.backing.cites)
                yield self._written(define.id, DEFINITION, define.condition.text, "define", cites)

    def _elsewhere(self) -> Iterator[_Row]:
        """What other sources say; never used, only held against what is."""
        evidence = self.protocol.evidence
        for item in evidence.elsewhere.values() if evidence is not None else ():
            if item.of is None or item.value is None:
                continue  # words, which nothing can compare
            route = _by(item.route) if item.what in ("dose", "largest dose") else ""
            for ref in item.cites:
                reference = self.references.get(ref.id)
                origin = f"{reference.publisher or reference.title}" if reference is not None else ref.id
                number = self._number(item.value.value, f"{self.program.id} {item.id}", (), item.says)
                date = reference.year if reference is not None else ""
                checked = reference.checked if reference is not None else ""
                title = reference.title if reference is not None else ref.id
                cited = (Cited(item.id, clean(title), date, checked),)
                yield _Row(
                    item.of.id,
                    item.what + route,
                    number._replace(
                        origin=clean(origin),
                        cites=cited,
                        used=False,
                        superseded=item.superseded,
                        verified=item.stored,
                    ),
                )

    def _sides(self, compare: ir.Compare) -> tuple[ir.Slot | None, int, str]:
        """Slot, number and sign of a comparison of one input with one number, as seen from the input."""
        turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
        for one, other, sign in (
            (compare.left, compare.right, compare.op),
            (compare.right, compare.left, turned.get(compare.op, compare.op)),
        ):
            if isinstance(one, ir.Get) and isinstance(other, ir.Const) and type(other.value) is int:
                return self.program.slots[one.slot], other.value, sign
        return None, 0, ""

    # ------------------------------------------------------------ numbers and sources

    def _written(self, subject: str, role: str, text: str, place: str, cites: tuple[str, ...], when: str = "") -> _Row:
        return _Row(subject, role, self._number(text, place, cites, when))

    def _number(self, text: str, place: str, cites: tuple[str, ...], when: str) -> Number:
        low, high, dimension = self._range(text.removeprefix("up to "))
        if text.startswith("up to "):
            low = None
        return Number(self.say.condition(text), low, high, dimension, self.name, place, when, self._cited(cites))

    def _range(self, text: str) -> tuple[Fraction | None, Fraction | None, str]:
        """Both ends in base units and what they measure; None twice where the text is no fixed number."""
        found = re.fullmatch(r"([\d.]+)(?: to ([\d.]+))?(?: (\S+))?", text.strip())
        if found is None:
            return None, None, ""
        try:
            measure = self.units.parse(found[3] or "")
            low = parse_decimal(found[1]) * measure.factor
            high = parse_decimal(found[2]) * measure.factor if found[2] else low
        except BadValue:
            return None, None, ""
        return low, high, " ".join(f"{base}{power}" for base, power in measure.dimension.items())

    def _cited(self, ids: tuple[str, ...]) -> tuple[Cited, ...]:
        cited = []
        for id in ids:
            statement = self.statements.get(id)
            if statement is None:
                continue
            if not statement.cites:
                cited.append(Cited(id, clean(self.program.source.title), self.program.source.updated))
            for key in statement.cites:
                reference = self.references.get(key)
                if reference is not None:
                    source = clean(reference.publisher or reference.title)
                    cited.append(Cited(id, source, reference.year, reference.checked))
        return tuple(cited)

    def said(self) -> Iterator[tuple[str, Said]]:
        """Statements with a number, under each drug and element they name."""
        names: dict[str, tuple[str, ...]] = {
            drug.id: (drug.id.replace("-", " "), clean(drug.label), *drug.synonyms) for drug in self.program.drugs
        }
        names |= {
            item.id: (item.id.replace("_", " "), clean(item.label)) for item in self.program.elements if item.unit
        }
        for statement in self.program.statements:
            says = clean(statement.says)
            if not any(match[3] for match in _QUANTITY.finditer(says)):
                continue
            lower = says.lower()
            cites = self._cited((statement.id,))
            for subject, spelled in names.items():
                if any(re.search(rf"\b{re.escape(name.lower())}\b", lower) for name in spelled if name):
                    yield subject, Said(self.name, says, cites[0] if cites else Cited(statement.id, "no source"))
