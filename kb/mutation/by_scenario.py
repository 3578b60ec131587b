"""Which worked patient notices a fault: those whom the place of the fault tells something else are looked at first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kb import program as ir
from kb.evaluate import evaluate, fill_defines, is_expression
from kb.interpreter import Guideline
from kb.mutation.sites import Site
from kb.scenarios import Result, Scenario, run_scenario


class BrokenScenarioError(ValueError):
    """A scenario fails before any fault is made: then no failure of it means anything. `code` is stable."""

    code = "KB830"


class Scenarios:
    """The worked patients of one protocol, and what came of them as it stands."""

    def __init__(self, guideline: Guideline, scenarios: Sequence[Scenario]) -> None:
        self.guideline = guideline
        self.scenarios = tuple(scenarios)
        self._results: tuple[Result, ...] | None = None

    @property
    def results(self) -> tuple[Result, ...]:
        """What came of each of them.

        Raises:
            BrokenScenarioError: one of them fails.

        """
        if self._results is None:
            results = tuple(run_scenario(self.guideline, scenario) for scenario in self.scenarios)
            broken = [result.scenario.id for result in results if not result.passed]
            if broken:
                id = self.guideline.program.id
                raise BrokenScenarioError(f"scenario `{broken[0]}` of `{id}` fails already; mend it first (`kb test`)")
            self._results = results
        return self._results

    def failing(self, made: Guideline, site: Site) -> str:
        """The id of the first that fails with `made`, which has a fault at `site`; empty where all pass."""
        for place in self._in_order(made.program, site):
            if not run_scenario(made, self.scenarios[place]).passed:
                return self.scenarios[place].id
        return ""

    def _in_order(self, made: ir.Program, site: Site) -> Iterator[int]:
        """First those for whom a part with the fault has another value, then those for whom its value is not settled.

        A scenario in which the step with the fault cannot be reached, and which checks no order, cannot notice it.
        """
        program = self.guideline.program
        steps = [place for place, step in enumerate(program.steps) if site.owner in (step.id, step.part_of)]
        mine, theirs = _expressions(program, site), _expressions(made, site)
        ranked = []
        for place, result in enumerate(self.results):
            assert result.advice is not None
            walk, ordered = result.advice.walk, bool(result.scenario.orders)
            near = ordered if site.part in ("never", "caps") else True
            if site.part == "steps" and steps:
                states = {walk.state(step) for step in steps}
                if states == {"not reached"} and not ordered:
                    continue
                near = bool(states & {"reached", "assumed"})
            values, others = _values(program, mine, program, walk.row), _values(made, theirs, program, walk.row)
            ranked.append((not near, values == others, None not in values, place))
        return (place for *_, place in sorted(ranked))


def _expressions(program: ir.Program, site: Site) -> list[ir.Expr]:
    """What the part with the fault decides by."""
    match site.part:
        case "applies":
            return [program.applies]
        case "enter":
            return [program.enter]
        case "steps":
            owner = site.owner
            return list(_inside(tuple(step for step in program.steps if owner in (step.id, step.part_of))))
        case "defines":
            return [
                ir.Get(place)
                for place, slot in enumerate(program.slots)
                if (slot.kind, slot.of) == ("define", site.owner)
            ]
        case "goals":
            return [goal.target for goal in program.goals if goal.id == site.owner]
        case "alerts":
            return [alert.when for alert in program.alerts if alert.id == site.owner]
    return []


def _inside(node: Any) -> Iterator[ir.Expr]:
    """The expressions in a record, outermost only."""
    if is_expression(node):
        yield node
    elif isinstance(node, tuple):
        for item in node:
            yield from _inside(item)


def _values(made: ir.Program, expressions: list[ir.Expr], of: ir.Program, row: ir.Row) -> list[ir.Value]:
    """What `expressions` of `made` come to for a row of the Program `of`; a slot it has not is not known."""
    if made is not of:
        held = dict(zip((slot.name for slot in of.slots), row, strict=True))
        row = [held.get(slot.name) for slot in made.slots]
    else:
        row = list(row)
    fill_defines(made, row)
    return [evaluate(expression, row) for expression in expressions]


def with_names_of(original: ir.Program, made: ir.Program) -> ir.Program:
    """The Program with a fault, which can still be told all that the original could be told.

    What only the part with the fault looked at would else be refused as a name that nobody knows, and every chart with
    it would seem to notice the fault.
    """
    names = {slot.name for slot in made.slots}
    slots = [
        slot
        for slot in original.slots
        if slot.name not in names
        and slot.kind in ("element", "unobtainable", "rate", "feature")
        and not _reads_row(slot)
    ]
    elements = {element.id for element in made.elements}
    drugs = {drug.id for drug in made.drugs}
    return made._replace(
        slots=(*made.slots, *slots),
        elements=(*made.elements, *(element for element in original.elements if element.id not in elements)),
        drugs=(*made.drugs, *(drug for drug in original.drugs if drug.id not in drugs)),
    )


def _reads_row(node: Any) -> bool:
    """Whether a record speaks of other slots by their number."""
    if isinstance(node, ir.Get):
        return True
    return isinstance(node, tuple) and any(_reads_row(item) for item in node)
