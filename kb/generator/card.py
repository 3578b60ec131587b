"""The card: what cannot wait and every dose of a protocol, worked out for body weights beforehand, for one page.

The doses are those that `advise` gives to a patient of that weight who has been given nothing yet: the same rounding to
what can be delivered, the same caps. What a weight alone does not tell is said, not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kb import program as ir
from kb.actions import dose_beforehand
from kb.advice import DoseAdvice
from kb.chart import ChartError
from kb.generator.wording import Speaker, banner, clean, identity, listed, route_words
from kb.interpreter import Guideline
from kb.local import read_local
from kb.plan import Walk
from kb.values import format_scaled

WEIGHTS = tuple(range(40, 121, 10))  # kg
_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # no dose here depends on the time


class DoseRow(NamedTuple):
    """One dose. `cells` are for each of `WEIGHTS`, empty where the dose is the same for all: then it is `dose` alone.

    `how`: rule, route, largest dose. `needs`: what else must be known, where no number can be told.
    """

    number: int
    step: str
    title: str
    dose: str
    how: str
    cells: tuple[str, ...] = ()
    needs: str = ""


class Card(NamedTuple):
    """What stands on the card. `may_be_used`: it is approved; `until`: the last day of that, in words, or empty."""

    title: str
    question: str
    banner: str
    identity: str
    state: str
    until: str
    may_be_used: bool
    now: tuple[tuple[int, str], ...]
    rows: tuple[DoseRow, ...]
    caps: tuple[str, ...]
    local: bool


def card_of(program: ir.Program, settings: Mapping[str, Any] | None = None) -> Card | None:
    """The card of `program` under local `settings`; None where it has no dose.

    A protocol that was withdrawn has none: nobody is to act on it.
    """
    if program.withdrawn or program.state == "withdrawn":
        return None
    return _Maker(program, settings).card()


class _Maker:
    def __init__(self, program: ir.Program, settings: Mapping[str, Any] | None) -> None:
        self.program = program
        self.settings = settings
        self.say = Speaker(program, read_local(program, settings))
        told = [step for step in program.steps if not step.part_of]
        self.numbers = {step.id: number for number, step in enumerate(told, start=1)}
        self.titles = {step.id: self.say.prose(step.title) for step in told}
        self.guideline = Guideline(program)
        self.walks = [self._walk(weight) for weight in WEIGHTS]

    def card(self) -> Card | None:
        program = self.program
        rows = tuple(self._rows())
        if not rows:
            return None
        until = program.standing.valid_until
        return Card(
            title=clean(program.title),
            question=clean(program.question),
            banner=banner(program),
            identity=f"{program.id} · {identity(program)}",
            state=program.state or "draft",
            until=f"Valid until {until}" if until else "",
            may_be_used=program.state == "approved",
            now=tuple(
                (self.numbers[step.id], self.titles[step.id])
                for step in program.steps
                if step.priority == "stat" and step.id in self.numbers
            ),
            rows=rows,
            caps=tuple(
                f"{listed(self.say.drug(drug) for drug in cap.drugs)}: never more than {self.say.cap(cap)}"
                for cap in program.caps
            ),
            local=bool(self.settings),
        )

    def _walk(self, weight: int) -> Walk | None:
        """A patient of that weight of whom nothing else is known but that nothing was given yet."""
        slots = self.program.slots
        chart: dict[str, Any] = {
            slot.name: format_scaled(0, slot.unit) if slot.unit not in ("", "1") else 0
            for slot in slots
            if slot.kind == "feature" and slot.feature is not None and slot.feature.function in ("total", "count")
        }
        if self.program.weight is not None and slots[self.program.weight].kind == "element":
            chart[slots[self.program.weight].name] = f"{weight} kg"
        try:
            return self.guideline.walk(chart, _NO_TIME, self.settings, lenient=True)[0]
        except ChartError:
            return None

    def _rows(self) -> Iterator[DoseRow]:
        for step in self.program.steps:
            action = step.action
            if action is None or action.verb not in ("give", "infuse", "change", "choose"):
                continue
            id = step.part_of or step.id
            if step.part_of and not step.id.endswith(".start"):
                continue  # a titration is one row
            found = [(self.titles[id], action)] if action.verb != "choose" else []
            found += [(self.say.prose(option.title), option.action) for option in action.options]
            for title, each in found:
                if each.dose is not None:
                    yield self._row(step.id, id, title, each)

    def _row(self, step: str, id: str, title: str, action: ir.Action) -> DoseRow:
        first, *how = self.say.action_lines(action)
        if action.ladder:
            first = self.say.titration(action)
        made = [dose_beforehand(walk, step, action) for walk in self.walks if walk is not None]
        row = DoseRow(self.numbers[id], id, title, first, ", ".join(how))
        cells = tuple(_cell(dose, against) for dose, against in made)
        if len(made) < len(WEIGHTS) or not all(cells):
            asks = dict.fromkeys(name for dose, _ in made for name in dose.asks)
            if not asks:
                return row._replace(needs="worked out for the patient")
            return row._replace(needs=f"needs {listed(self._asked(name) for name in asks)}")
        if len(set(cells)) == 1:
            if action.ladder or any(against for _, against in made):
                return row._replace(needs=cells[0] if made[0][1] else "")
            to = "to " if action.verb == "change" else ""
            dose = self.say.dose_beside(action.drug, made[0][0].text)
            same = f"{self.say.drug(action.drug)} {to}{dose} {route_words(action.route)}".strip()
            return row._replace(dose=same)
        rates = {dose.rounded for dose, _ in made}
        if len(rates) == 1:  # the dose is the same, what the pump shows is not
            cells = tuple(cell.partition(" = ")[2] or cell for cell in cells)
        return row._replace(cells=cells)

    def _asked(self, name: str) -> str:
        """What must be known for a dose, in words."""
        if any(drug.id == name for drug in self.program.drugs):
            return f"what runs of {self.say.drug(name)}"
        label = self.say.label(name)
        return f"{label[:1].lower()}{label[1:]}" if label != self.say.data(name) else self.say.condition(name)


def _cell(dose: DoseAdvice, against: tuple[str, ...]) -> str:
    """What is given to one patient: the amount or the rate, and what a pump or a syringe shows."""
    if against:
        return f"not given: {'; '.join(against)}"
    if dose.rounded is None:
        return ""
    low = dose.low or dose.rounded
    told = f"{low} to {dose.high}" if dose.high not in (None, low) else dose.rounded
    text = f"{told} {dose.unit}"
    beside = dose.volume or dose.pump_rate
    if beside and not dose.volume and told != dose.rounded:
        beside = f"from {beside}"  # a pump rate is told of the low end
    return f"{text} = {beside}" if beside else text
