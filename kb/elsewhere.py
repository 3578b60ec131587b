"""What other sources say, and which steps, rules and goals of a Program it concerns."""

from __future__ import annotations

from collections.abc import Iterable

from kb import model
from kb import program as ir


def beside(program: ir.Program, evidence: model.Evidence) -> tuple[ir.Elsewhere, ...]:
    """Every entry of `elsewhere:`, with the names of what it concerns, in the order of their ids."""
    drugs = _drugs_of_steps(program)
    parents = {item.id: item.parent for item in evidence.statements.values()}
    made = []
    for _, item in sorted(evidence.elsewhere.items()):
        of = "" if item.of is None else item.of.id
        about = frozenset(ref.id for ref in item.about)
        dosed = of if item.what != "threshold" and of in {drug.id for drug in program.drugs} else ""

        def rests(cites: Iterable[str], about: frozenset[str] = about) -> bool:
            return any(cite in about or parents.get(cite) in about for cite in cites)

        steps = [step.id for step in program.steps if rests(_cites(step)) or (not about and dosed in drugs[step.id])]
        if dosed:  # how much of a drug is given concerns the steps that give it
            steps = [id for id in steps if dosed in drugs[id]]
        rules = [rule.id for rule in program.rules if rests(rule.cites) and (not dosed or dosed in rule.drugs)]
        goals = [goal.id for goal in program.goals if rests(goal.cites) and not dosed]
        if about and not (steps or rules or goals):  # carried as a reading only: beside what uses the reading
            readings = {one.id for one in program.interpretations if about & set(one.about)}
            steps = [step.id for step in program.steps if readings & set(_readings(step))]
            goals = [goal.id for goal in program.goals if readings & set(goal.interprets)]
        made.append(
            ir.Elsewhere(
                id=item.id,
                cites=tuple(ref.id for ref in item.cites),
                topic=item.topic,
                of=of,
                what=item.what,
                value="" if item.value is None else item.value.value,
                says=item.says,
                about=tuple(ref.id for ref in item.about),
                verdict=item.verdict,
                because=item.because,
                stored=item.stored,
                superseded=item.superseded,
                steps=tuple(steps),
                rules=tuple(rules),
                goals=tuple(goals),
            )
        )
    return tuple(made)


def _cites(step: ir.Step) -> Iterable[str]:
    yield from step.cites
    for case in step.cases:
        yield from case.cites
    for option in step.action.options if step.action is not None else ():
        yield from option.cites


def _readings(step: ir.Step) -> Iterable[str]:
    yield from step.interprets
    for case in step.cases:
        yield from case.interprets


def _drugs_of_steps(program: ir.Program) -> dict[str, frozenset[str]]:
    """The drugs that each step is about; all steps of one titration are about its drug."""
    found: dict[str, set[str]] = {}
    for step in program.steps:
        if step.action is not None:
            own = found.setdefault(step.part_of or step.id, set())
            own |= {step.action.drug, *(option.action.drug for option in step.action.options)} - {""}
    return {step.id: frozenset(found.get(step.part_of or step.id, ())) for step in program.steps}
