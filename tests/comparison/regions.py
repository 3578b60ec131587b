"""Whether a chart lies in a region that was told, and whether the interpreter tells it apart."""

from __future__ import annotations

from typing import Any

from kb.comparison.behaviour import Behaviour, SideBySide
from kb.comparison.pairing import Names
from kb.interpreter import Advice, Guideline
from tests.rows import NOW


class Told:
    """Two versions compared, and any chart held against what was told."""

    def __init__(self, before: Guideline, after: Guideline, renamed: dict[str, str] | None = None) -> None:
        self.before, self.after = before, after
        self.work = SideBySide(before, after, Names(before.program, after.program, renamed))
        self.told: Behaviour = self.work.made(examples=0)

    def advice(self, chart: dict[str, Any]) -> tuple[Advice, Advice]:
        return self.before.advise(chart, NOW), self.after.advise(chart, NOW)

    def lies_inside(self, chart: dict[str, Any]) -> bool:
        """Whether the row of the chart lies in some region, or what differs has none of its own."""
        if self.told.untold or self.told.undecided:
            return True
        pair = self.work.pair
        row = [*pair.row_of(0, self.advice(chart)[0].walk), *pair.row_of(1, self.advice(chart)[1].walk)]
        assert pair.find(*row) is not None, "the row of this chart is none of those compared"
        return any(pair.find(found.term, *row) is not None for found in self.work.found)

    def told_apart(self, chart: dict[str, Any]) -> list[str]:
        """What the two advices say differently, but for what is asked."""
        old, new = (spoken(advice) for advice in self.advice(chart))
        return [f"{key}: {old.get(key)} / {new.get(key)}" for key in {**old, **new} if old.get(key) != new.get(key)]

    def wrongly_inside(self, chart: dict[str, Any]) -> bool:
        """Whether the chart lies in a region of which the solver says that somebody is not told otherwise."""
        pair = self.work.pair
        row = [*pair.row_of(0, self.advice(chart)[0].walk), *pair.row_of(1, self.advice(chart)[1].walk)]
        return any(
            pair.find(found.term, *row) is not None and not self.told_apart(chart)
            for found in self.work.found
            if not {item.kind for item, _ in found.changes} <= {"asked", "enter"}
        )


def spoken(advice: Advice) -> dict[str, object]:
    """Advice as the comparison looks at it: by what it is about."""
    made: dict[str, object] = {"applies": advice.applies}
    if advice.applies is not True:
        return made
    for item in advice.actions:
        told: tuple[object, ...] = (item.status, item.assumed, item.priority, item.verb)
        if item.dose is not None and item.status not in ("satisfied", "declined", "withheld"):
            told += (item.dose.exact, item.dose.rounded, item.dose.high)
        made[item.step] = told
    made |= {outcome.step: outcome.assumed for outcome in advice.outcomes}
    made |= {f"gap {alert.step}": True for alert in advice.alerts if alert.id == "gap"}
    return made
