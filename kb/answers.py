"""Everything a walk lets one say: actions, questions, alerts, goals, reviews. Each is a function of the walk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kb import program as ir
from kb.actions import ACTIVE, action_item, stays_withheld
from kb.advice import Alert, Ask, GoalState, HandOverAdvice, Item, Outcome, ReviewState, Running
from kb.asks import Questions, Wanted, questions, step_needs, wanted
from kb.doses import decimal, pump_rate
from kb.evaluate import evaluate
from kb.folds import review_rounds
from kb.local import CARE_AREA, prose_beside, unit_in_use
from kb.orders import judge, stop_by_text
from kb.plan import Walk
from kb.reading import Order, ParsedChart, dictionary_of
from kb.reasons import facts, reasons_for, tell_value
from kb.records import NamedTuple
from kb.values import format_duration

_PRIORITY = {"stat": 0, "asap": 1, "urgent": 2, "routine": 3, "": 4}


class Answer(NamedTuple):
    """What is said of one walk, before it is dressed as advice."""

    recommended: tuple[Item, ...]
    actions: tuple[Item, ...]
    questions: Questions
    alerts: tuple[Alert, ...]
    reviews: tuple[ReviewState, ...]
    assumptions: tuple[str, ...]


def answer(walk: Walk, chart: ParsedChart, now: datetime | None) -> Answer:
    """The actions reached, most urgent first, then in reading order, and what is still to be asked."""
    program, row, decision = walk.program, walk.row, walk.decision
    applies = evaluate(program.applies, row)
    shown = decision.reached | decision.assumed
    items: list[Item] = []
    alerts: list[Alert] = []
    extra: dict[int, frozenset[int]] = {}
    reviews: list[ReviewState] = []
    overdue: dict[str, str] = {}
    assumptions = list(walk.reading.assumptions)
    for index, step in enumerate(program.steps):
        if not shown >> index & 1:
            if decision.possible >> index & 1 and stays_withheld(walk, index):
                extra[index] = walk.undecided(step.satisfied)
            continue
        if step.kind == "do":
            item, needs = action_item(walk, index, alerts, now)
            items.append(item)
            settled = item.status == "withheld"  # then only what would satisfy it could still change anything
            extra[index] = walk.undecided(step.satisfied) if settled else step_needs(walk, index) | needs
            review = None if step.review is None else _review(walk, chart, step, now)
            if review is not None:
                reviews.append(review)
                if review.overdue_by:
                    overdue.update((name, review.overdue_by) for name in review.missing)
        elif step.kind == "hand_over":
            items.append(_hand_over(walk, index))
        elif step.kind == "decide":
            if walk.open_cases(index) == ((), True):
                alerts.append(Alert("gap", "critical", f"no case holds: {step.title}", step.id, step.cites))
            if step.if_unknown is not None and decision.assumed >> step.if_unknown & 1:
                assumptions.append(f"{program.steps[step.if_unknown].id}: assumed while not known: {step.title}")
    if applies is not False:
        for rule in program.alerts:
            if evaluate(rule.when, row) is True:
                say = prose_beside(walk.reading.local, dictionary_of(program), rule.say)
                alerts.append(Alert(rule.id, rule.severity, say, "", rule.cites, rule.interprets))
        alerts += _running_alerts(walk, now)
        needed = tuple(wanted(walk, extra))
        # What could still show that the protocol is not for this patient is asked, also where it holds without:
        # `not (known(age) and age < 18 years)`. Only where it does not, nothing else goes first.
        if scope := walk.undecided(program.applies):
            needed = (Wanted(-1, applies is None, scope), *needed)
        asked = questions(walk, needed, overdue)
        asked = asked._replace(asks=tuple(_in_local_unit(walk, ask) for ask in asked.asks))
        where = [item.step for item in items if CARE_AREA in item.asks]
        if where or any(alert.id == "local-limit" and alert.severity == "warning" for alert in alerts):
            asked = asked._replace(asks=(*asked.asks, _which_care_area(walk, where)))
    else:
        asked = questions(walk, (), {})
    items.sort(key=lambda item: _PRIORITY[item.priority])
    return Answer(
        tuple(item for item in items if item.status in ACTIVE),
        tuple(items),
        asked,
        tuple(dict.fromkeys(alerts)),
        tuple(reviews),
        tuple(assumptions),
    )


def _in_local_unit(walk: Walk, ask: Ask) -> Ask:
    return ask._replace(unit=unit_in_use(walk.reading.local, dictionary_of(walk.program), ask.name, ask.unit))


def _which_care_area(walk: Walk, steps: Iterable[str]) -> Ask:
    """The question whose answer is given as `care_area` of the local settings."""
    areas = tuple(walk.reading.local.areas)
    cause = "a limit of this hospital differs by care area"
    return Ask(CARE_AREA, "In which care area is the patient?", "choice", "", areas, tuple(steps), True, cause)


def _hand_over(walk: Walk, index: int) -> Item:
    step = walk.program.steps[index]
    return Item(
        step=step.id,
        kind="hand_over",
        status="due",
        title=step.title,
        priority=step.priority,
        assumed=not walk.decision.reached >> index & 1,
        reasons=reasons_for(walk, index),
        cites=step.cites,
        interprets=step.interprets,
        note=step.note,
        hand_over=step.hand_over,
        elsewhere=walk.plan.elsewhere.get(step.id, ()),
    )


def goals(walk: Walk) -> tuple[GoalState, ...]:
    """Each goal met, not met or unknown, with the values that make it so."""
    if evaluate(walk.program.applies, walk.row) is False:
        return ()
    made = []
    for goal in walk.program.goals:
        holds = evaluate(goal.target, walk.row)
        state = "unknown" if holds is None else "met" if holds else "not met"
        made.append(GoalState(goal.id, goal.title, state, goal.text, facts(walk, goal.target), goal.cites))
    return tuple(made)


def outcomes(walk: Walk) -> tuple[Outcome, ...]:
    """The `end` steps that are reached."""
    shown = walk.decision.reached | walk.decision.assumed
    return tuple(
        Outcome(step.id, step.title, step.cites, not walk.decision.reached >> index & 1)
        for index, step in enumerate(walk.program.steps)
        if step.kind == "end" and shown >> index & 1
    )


def hand_overs(actions: Iterable[Item]) -> tuple[HandOverAdvice, ...]:
    return tuple(
        HandOverAdvice(item.step, item.hand_over, item.title, item.assumed)
        for item in actions
        if item.kind == "hand_over"
    )


def running(walk: Walk, recommended: Iterable[Item]) -> tuple[Running, ...]:
    """Running therapies that nothing recommended changes."""
    steps, plan = walk.program.steps, walk.plan
    changed = {
        action.drug
        for item in recommended
        if (action := steps[plan.steps[item.step]].action) is not None and action.verb in ("infuse", "change", "stop")
    }
    made = []
    for drug, index in plan.rates.items():
        value = walk.row[index]
        if value and drug not in changed:
            at = walk.reading.times.get(index)
            shown = tell_value(walk, index)
            strength, weight = walk.reading.strengths.get(drug), walk.program.weight
            kilograms = None if weight is None else walk.row[weight]
            names = dictionary_of(walk.program)
            pumped = None
            if isinstance(value, int):
                pumped = pump_rate(walk.plan.drugs[drug], value, kilograms, names, strength)
            told = "" if pumped is None else f"{decimal(pumped)} mL/h"
            made.append(Running(drug, shown, None if at is None else at.isoformat(), told))
    return tuple(made)


def _running_alerts(walk: Walk, now: datetime | None) -> list[Alert]:
    """Running drugs held against the same rules as an order would be (design rule 19)."""
    alerts = []
    units = dictionary_of(walk.program).units
    for drug, index in walk.plan.rates.items():
        rate = walk.row[index]
        if not isinstance(rate, int) or not rate:
            continue
        route = "iv" if "iv" in walk.plan.drugs[drug].routes else None  # an infusion runs into a vein
        found = judge(walk, Order(drug, rate=rate, route=route), (), units, own=" running")
        label = walk.plan.drugs[drug].label
        alerts += [Alert("local-limit", "information", f"{label} is running: {note}") for note in found.notes]
        if CARE_AREA in found.unstated:
            say = f"{label} may be running against a limit of this hospital: which care area?"
            alerts.append(Alert("local-limit", "warning", say))
        for rule, why in found.refused:
            alerts.append(Alert("running", "critical", f"{label} is running against {rule}: {why}", "", found.cites))
        if found.stop_after is not None:
            alerts.append(Alert("cap", "warning", f"{label}: {stop_by_text(found.stop_after, now)}", "", found.cites))
    return alerts


def _review(walk: Walk, chart: ParsedChart, step: ir.Step, now: datetime | None) -> ReviewState | None:
    review = step.review
    assert review is not None
    after = evaluate(review.after, walk.row)
    if now is None or not isinstance(after, int):
        return None
    found = review_rounds(walk.program, chart, step, after, now)
    if found is None:
        return None
    late = "" if found.overdue_by is None or not found.missing else format_duration(found.overdue_by)
    return ReviewState(step.id, found.due.isoformat(), review.measure, found.missing, late)
