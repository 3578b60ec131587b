"""One reached action as advice: its status after every check, its dose, its options, what withholds it."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from kb import program as ir
from kb.advice import Alert, DoseAdvice, Item, OptionAdvice
from kb.asks import dose_needs, names_of
from kb.doses import DoseValue, describe_dose, dose_value, in_base
from kb.evaluate import evaluate
from kb.local import CARE_AREA, dose_beside, shown_beside
from kb.orders import Judgement, judge, own_order, remaining, stop_by_text
from kb.plan import NOTHING, Walk
from kb.reading import Order, dictionary_of
from kb.reasons import reasons_for

ACTIVE = ("due", "overdue")
FIND_OUT = "find out first: "  # then a condition as it is written


def action_item(walk: Walk, index: int, alerts: list[Alert], now: datetime | None) -> tuple[Item, frozenset[int]]:
    """The advice on one reached action, and the slots that its order check still needs."""
    program, row = walk.program, walk.row
    step = program.steps[index]
    action = step.action
    assert action is not None
    status = walk.decision.statuses.get(index) or "not known"
    withheld: list[str] = []
    instead: list[str] = []
    cautions: list[str] = []
    beside: set[int] = set()
    needs: set[int] = set()
    for reason in step.avoid:
        holds = evaluate(reason.when, row)
        if holds is True:
            withheld.append(reason.because or reason.text)
            instead += filter(None, (reason.instead,))
        elif holds is None and status in ACTIVE:
            cautions.append(f"{FIND_OUT}{reason.text}" + (f" ({reason.because})" if reason.because else ""))
            beside |= walk.undecided(reason.when)
    dose = None
    options: tuple[OptionAdvice, ...] = ()
    unstated = False
    if action.dose is not None:
        dose, value, cap_needs, note = action_dose(walk, action)
        if status not in ("satisfied", "declined", "withheld"):
            needs |= cap_needs
        # An action that may be due, and is not done, is held against the rules as well as one that is.
        maybe = status == "not known" and evaluate(step.satisfied, row) is False
        if status in ACTIVE or status == "waiting" or maybe:
            if note and value.rounded == 0:
                status = "withheld"
                withheld.append(note)
            found, refused = _refused(walk, step.id, action, value, waiting=status == "waiting")
            needs |= found.unknown
            if refused:
                status = "withheld"
                withheld += [f"{rule}: {why}" for rule, why in refused]
                instead += found.instead
                alerts.append(Alert("rule", "warning", f"withheld by {refused[0][0]}: {refused[0][1]}", step.id))
            cautions += [why for _, why in found.challenged]
            cautions += found.notes
            cautions += [_untold(name) for name in found.unstated]
            unstated = CARE_AREA in found.unstated
            if found.stop_after is not None:
                cautions.append(stop_by_text(found.stop_after, now))
        if action.ladder and status in ACTIVE:
            rate = walk.row[walk.plan.rates[action.drug]]
            if isinstance(rate, int) and rate and rate not in action.ladder:
                alerts.append(
                    Alert(
                        "off-ladder",
                        "warning",
                        f"the running rate of {action.drug}, {_told(walk, action.drug, action.dose.unit, rate)}, "
                        "is not one of the steps of this titration",
                        step.id,
                    )
                )
    if action.options:
        options, status = _options(walk, step, action, status)
    if status == "declined" and step.priority == "stat":
        alerts.append(Alert("declined", "critical", f"declined: {step.title}", step.id, step.cites))
    item = Item(
        step=step.id,
        kind="do",
        status=status,
        title=step.title,
        verb=action.verb,
        dose=dose,
        priority=step.priority,
        strength=step.strength,
        certainty=step.certainty,
        decide_by=step.decide_by,
        assumed=not walk.decision.reached >> index & 1,
        reasons=reasons_for(walk, index),
        cites=step.cites,
        interprets=step.interprets,
        note=step.note,
        withheld_by=tuple(withheld),
        instead=tuple(dict.fromkeys(instead)),
        cautions=tuple(cautions),
        asks=(
            *names_of(walk, beside | (walk.undecided(step.satisfied) if status == "not known" else NOTHING)),
            *((CARE_AREA,) if unstated or any(CARE_AREA in option.asks for option in options) else ()),
        ),
        options=options,
        review="" if step.review is None else f"after {step.review.text}: {', '.join(step.review.measure)}",
        elsewhere=walk.plan.elsewhere.get(step.id, ()),
    )
    return item, frozenset(needs)


def due_in(walk: Walk, index: int) -> Fraction | None:
    """Seconds until a waiting action is due: again, or for the next change of a titration.

    None where that is not known, or where it no longer waits for time but for a measurement.
    """
    program, row = walk.program, walk.row
    step = program.steps[index]
    if step.repeat is not None:
        since, after = row[step.repeat.since], evaluate(step.repeat.earliest, row)
    elif step.action is not None and step.action.verb == "wait":
        parent = program.steps[walk.plan.steps[step.part_of]]
        since = after = None
        for case in parent.cases:
            match case.when:  # as `titrate` is compiled: `since(drug) < every`, or not measured again
                case ir.Any_((ir.Compare("<", ir.Get(slot), every), *_)) if case.targets == (index,):
                    since, after = row[slot], evaluate(every, row)
    else:
        return None
    if not isinstance(since, int) or not isinstance(after, int) or (step.repeat is None and since >= after):
        return None
    return Fraction(max(0, after - since), ir.SCALE)


def stays_withheld(walk: Walk, index: int) -> bool:
    """Whether a cap or a rule would withhold an action that is not reached yet: then its dose is not asked."""
    step = walk.program.steps[index]
    action = step.action
    if action is None or action.dose is None:
        return False
    status = evaluate(step.status, walk.row)
    if status not in (*ACTIVE, "waiting") and not (status is None and evaluate(step.satisfied, walk.row) is False):
        return False
    _, value, _, note = action_dose(walk, action)
    return bool((note and value.rounded == 0) or _refused(walk, step.id, action, value, waiting=status == "waiting")[1])


def _refused(
    walk: Walk, step: str, action: ir.Action, value: DoseValue, *, waiting: bool
) -> tuple[Judgement, tuple[tuple[str, str], ...]]:
    """What stands against our own action, and what of it refuses it."""
    found = _judge_own(walk, step, action, value)
    if not waiting:
        return found, found.refused
    # Another step with the same drug waits for the same gift: that is one wait, not a rule against it.
    waits = {rule.id for rule in walk.program.rules if rule.made_by}
    return found, tuple(reason for reason in found.refused if reason[0] not in waits)


def dose_beforehand(walk: Walk, step: str, action: ir.Action) -> tuple[DoseAdvice, tuple[str, ...]]:
    """The dose of an action for a patient who is not there yet, and the rules that would refuse it."""
    dose, value, _, note = action_dose(walk, action)
    against = [f"{rule}: {why}" for rule, why in _refused(walk, step, action, value, waiting=False)[1]]
    return dose, tuple([note, *against] if note and value.rounded == 0 else against)


def action_dose(walk: Walk, action: ir.Action) -> tuple[DoseAdvice, DoseValue, frozenset[int], str]:
    """The dose, what a cap's total still needs, and what a cap says about it."""
    drug = walk.plan.drugs[action.drug]
    left: int | None = None
    needs: set[int] = set()
    note = ""
    unknown_cap = False
    if action.of == "amount":
        for cap in walk.program.caps:
            if drug.id not in cap.drugs:
                continue
            cap_left, cap_needs = remaining(walk, cap)
            needs |= cap_needs
            if cap_left is None:
                unknown_cap = True
            elif left is None or cap_left < left:
                told = _told(walk, drug.id, cap.unit, cap_left)
                most = dose_beside(walk.reading.local, dictionary_of(walk.program), drug.id, cap.text)
                left, note = cap_left, f"{cap.id}: at most {most}; {told} is left"
    value = DoseValue(None, None, None, None) if unknown_cap else dose_value(drug, action, walk.row, left)
    asks = names_of(walk, dose_needs(walk, action) | needs)
    names = dictionary_of(walk.program)
    strength = walk.reading.strengths.get(drug.id)
    if action.concentration:
        strength = names.strength(action.concentration, drug)
    text = describe_dose(drug, action, value, walk.row, walk.program, names, strength, asks)
    return text, value, frozenset(needs), note


def _told(walk: Walk, drug: str, unit: str, value: int) -> str:
    return shown_beside(walk.reading.local, dictionary_of(walk.program), drug, unit, value)


def _judge_own(walk: Walk, step: str, action: ir.Action, value: DoseValue) -> Judgement:
    """Our own action as an order; where its dose is not known yet, what holds whatever the dose is still refuses it."""
    rate = amount = None
    if value.rounded is not None:
        dose = in_base(walk.plan.drugs[action.drug], action.salt, value.rounded)
        rate, amount = (dose, None) if action.of == "rate" else (None, dose)
    order = own_order(action, rate, amount)
    found = judge(walk, order, _own_others(walk, step), dictionary_of(walk.program).units, own=step)
    if value.rounded is None:  # what the dose needs is asked for already
        own = f"order.{action.of}"
        found = found._replace(unstated=tuple(name for name in found.unstated if name != own))
    return found


def _untold(name: str) -> str:
    if name == CARE_AREA:
        return "cannot tell whether a limit of this hospital forbids this: which care area?"
    return f"cannot tell whether a rule forbids this: {name}"


def _own_others(walk: Walk, step: str) -> list[Order]:
    """The other drugs that this advice starts, gives or changes, for rules that read the rest of the set."""
    made = []
    for index, status in walk.decision.statuses.items():
        other = walk.program.steps[index]
        if other.id != step and status in ACTIVE and other.action is not None and other.action.drug:
            made.append(Order(other.action.drug))
    return made


def _options(walk: Walk, step: ir.Step, action: ir.Action, status: str) -> tuple[tuple[OptionAdvice, ...], str]:
    """Options ranked: those with a reason for them first, those with a reason against them last."""
    ranked: list[tuple[int, OptionAdvice]] = []
    for option in action.options:
        against = [reason for reason in option.against if evaluate(reason.when, walk.row) is True]
        unsure = [reason for reason in option.against if evaluate(reason.when, walk.row) is None]
        favour = [reason for reason in option.for_ if evaluate(reason.when, walk.row) is True]
        stopped = [reason.because or reason.text for reason in against]
        dose, where = None, False
        notes: tuple[str, ...] = ()
        if option.action.dose is not None:
            dose, value, _, note = action_dose(walk, option.action)
            found = _judge_own(walk, step.id, option.action, value)
            stopped += [note] if note and value.rounded == 0 else []
            stopped += [f"{rule}: {why}" for rule, why in found.refused]
            notes = (*found.notes, *(_untold(name) for name in found.unstated if name == CARE_AREA))
            where = CARE_AREA in found.unstated
        needs = {slot for reason in unsure for slot in walk.undecided(reason.when)}
        ranked.append(
            (
                2 if stopped else 0 if favour else 1,
                OptionAdvice(
                    option.id,
                    option.title,
                    dose,
                    False if stopped else None if unsure or where else True,
                    tuple(reason.because or reason.text for reason in favour),
                    tuple(stopped),
                    (*names_of(walk, needs), *((CARE_AREA,) if where else ())),
                    notes,
                ),
            )
        )
    ranked.sort(key=lambda pair: pair[0])
    options = tuple(option for _, option in ranked)
    if status in ACTIVE and all(option.eligible is False for option in options):
        status = "withheld"
    return options, status
