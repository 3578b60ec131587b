"""A Program run on one patient's chart: what to do now, why, and what is still to be asked.

Pure: the same chart, Program, local settings and time always give the same advice. No clock,
randomness, environment or network is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from kb import program as ir
from kb.advice import (
    Alert,
    Ask,
    Explanation,
    Fact,
    GoalState,
    HandOverAdvice,
    Item,
    OptionAdvice,
    OrderVerdict,
    Outcome,
    Policy,
    Reason,
    ReviewState,
    Running,
    StepState,
    Unavailable,
    to_json,
)
from kb.asks import dose_needs, questions, wanted
from kb.chart import Chart, Order, ParsedChart, dictionary_of, parse_chart, parse_order
from kb.codegen import Decision, make_decider
from kb.doses import DoseValue, describe_dose, dose_value
from kb.evaluate import evaluate, undecided
from kb.folds import Reading, build_row, review_rounds
from kb.orders import Judgement, judge, own_order, remaining, stop_by_text
from kb.reasons import Walk, edges_into, facts, reasons_against, reasons_for, show_value, trace, way_to
from kb.values import UnitTable, format_duration, format_scaled

ADVICE_SCHEMA = "1.0.0"
_PRIORITY = {"stat": 0, "asap": 1, "urgent": 2, "routine": 3, "": 4}
_ACTIVE = ("due", "overdue")


class WithdrawnError(ValueError):
    """The protocol was withdrawn; it gives no advice. `code` is stable."""

    code = "KB690"


class Advice(NamedTuple):
    """What a protocol says of one chart at one time. Immutable; `to_json` follows `schema/advice.schema.json`.

    `recommended` are the actions and hand-overs that are due or overdue, most urgent first, then in
    reading order; `actions` are all that were reached, with their status. `applies` and `entered` are
    true, false or None (not known). Nothing here was guessed: what is not known is in `asks`,
    `needs_policy` or `unavailable`.
    """

    schema: str
    protocol: str
    version: str
    title: str
    state: str
    banner: str
    logic_digest: str
    text_digest: str
    local_digest: str
    now: str | None
    applies: bool | None
    entered: bool | None
    recommended: tuple[Item, ...]
    actions: tuple[Item, ...]
    asks: tuple[Ask, ...]
    alerts: tuple[Alert, ...]
    goals: tuple[GoalState, ...]
    outcomes: tuple[Outcome, ...]
    hand_overs: tuple[HandOverAdvice, ...]
    assumptions: tuple[str, ...]
    needs_policy: tuple[Policy, ...]
    unavailable: tuple[Unavailable, ...]
    running: tuple[Running, ...]
    reviews: tuple[ReviewState, ...]
    refused: tuple[str, ...]
    not_used: tuple[str, ...]
    walk: Walk

    @property
    def trace(self) -> tuple[StepState, ...]:
        """The state of every step and of the cases on the way."""
        return trace(self.walk)

    def to_json(self) -> dict[str, Any]:
        """Plain data: numbers as decimal strings, times as ISO 8601."""
        made: dict[str, Any] = to_json(self)
        made["trace"] = to_json(self.trace)
        return made

    def status(self, step: str) -> str:
        """The status of a reached action, else the state of the step (`not reached`, `not known yet` …).

        Raises:
            KeyError: no such step.

        """
        for item in self.actions:
            if item.step == step:
                return item.status
        return self.walk.state(_step_index(self.walk.program, step))

    def why(self, step: str) -> Explanation:
        """The conditions on the way to `step`, with the values and times that made them true; for a step
        that is not reached, those that keep it from being reached.

        Raises:
            KeyError: no such step.

        """
        index = _step_index(self.walk.program, step)
        state = self.walk.state(index)
        if state not in ("reached", "assumed"):
            return self.why_not(step)
        reasons = reasons_for(self.walk, index)
        made = self.walk.program.steps[index]
        text = [f"{step} is {state}: {made.title}", *(_reason_line(reason) for reason in reasons)]
        status = self.status(step) if made.kind == "do" else ""
        if status and made.kind == "do":
            text.append(f"status: {status}" + _because(facts(self.walk, made.satisfied)))
        if made.cites:
            text.append("rests on " + ", ".join(made.cites))
        text += [f"reading {id}: {_reading(self.walk.program, id)}" for id in _interpretations(made, reasons)]
        return Explanation(step, state, status, reasons, tuple(text))

    def why_not(self, step: str) -> Explanation:
        """Why `step` is not recommended: the ways to it that are closed or still open, or its status.

        Raises:
            KeyError: no such step.

        """
        index = _step_index(self.walk.program, step)
        state = self.walk.state(index)
        made = self.walk.program.steps[index]
        if state in ("reached", "assumed"):
            found = self.why(step)
            return found
        if self.applies is not True:
            word = "is outside" if self.applies is False else "may be outside"
            line = f"the patient {word} the scope of this protocol: {self.walk.program.applies_text}"
            return Explanation(step, state, "", (), (f"{step} is {state}: {made.title}", line))
        reasons = reasons_against(self.walk, index)
        text = [f"{step} is {state}: {made.title}", *(_reason_line(reason) for reason in reasons)]
        return Explanation(step, state, "", reasons, tuple(text))


class Guideline:
    """A Program made ready to run: compiled once, used for any number of charts, from any thread."""

    __slots__ = ("_decide", "_edges", "_units", "program")

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self._decide = make_decider(program)
        self._edges = edges_into(program)
        self._units = UnitTable(program.units)

    def __repr__(self) -> str:
        return f"<Guideline {self.program.id}@{self.program.version} {self.program.state}>"

    def decide(self, row: ir.Row) -> Decision:
        """The states of all steps for a row with its inputs filled in; fills in the row's definitions."""
        return self._decide(row)

    def row(
        self,
        chart: Chart | ParsedChart | Mapping[str, Any],
        now: datetime | None = None,
        local: Mapping[str, Any] | None = None,
    ) -> ir.Row:
        """The row that `chart` gives at `now`, for `decide`."""
        return self._read(chart, now, local, lenient=False)[0].row

    def advise(
        self,
        chart: Chart | ParsedChart | Mapping[str, Any],
        now: datetime | None = None,
        local: Mapping[str, Any] | None = None,
        *,
        lenient: bool = False,
    ) -> Advice:
        """What to do now for the patient that `chart` describes.

        Args:
            chart: a `Chart`, its JSON form, or a plain mapping of names to values, all of now.
            now: the time of the advice, with offset; needed where the chart has times.
            local: content of a `local.yaml`: `parameters`, `concentrations`.
            lenient: count refused values as unknown, and list them, instead of raising.

        Raises:
            ChartError: the chart has values that are refused; it lists all of them.
            WithdrawnError: the protocol was withdrawn.

        """
        walk, chart_read = self.walk(chart, now, local, lenient=lenient)
        return _advice(self, walk, chart_read, now, local)

    def walk(
        self,
        chart: Chart | ParsedChart | Mapping[str, Any],
        now: datetime | None = None,
        local: Mapping[str, Any] | None = None,
        *,
        lenient: bool = False,
    ) -> tuple[Walk, ParsedChart]:
        """The chart read through the Program, before anything is said about it."""
        if self.program.withdrawn:
            raise WithdrawnError(f"{self.program.id}@{self.program.version} was withdrawn: {self.program.withdrawn}")
        reading, read = self._read(chart, now, local, lenient=lenient)
        row = reading.row
        decision = self._decide(row)
        applies = evaluate(self.program.applies, row)
        if applies is False:
            decision = Decision(0, 0, 0, {}, {})
        elif applies is None:
            decision = decision._replace(reached=0, assumed=0, statuses={})
        return Walk(self.program, self._edges, reading, row, decision), read

    def check_orders(
        self,
        chart: Chart | ParsedChart | Mapping[str, Any],
        orders: Iterable[Mapping[str, Any]],
        now: datetime | None = None,
        local: Mapping[str, Any] | None = None,
        *,
        lenient: bool = False,
    ) -> tuple[OrderVerdict, ...]:
        """Hold each order against the protocol's rules, caps and the drug library's limits.

        Args:
            chart: as for `advise`; so `now`, `local`, `lenient`.
            orders: mappings with `drug` and any of rate, amount, route, intent, line, weight, salt,
                concentration. They are checked as one set.

        Raises:
            ChartError: the chart has values that are refused.
            WithdrawnError: the protocol was withdrawn.

        """
        walk, _ = self.walk(chart, now, local, lenient=lenient)
        given = list(orders)
        read = [parse_order(self.program, order, walk.row, walk.reading.concentrations) for order in given]
        known = [item.order for item in read if item.order is not None]
        verdicts = []
        for raw, item in zip(given, read, strict=True):
            if item.order is None or item.problems:
                verdicts.append(
                    OrderVerdict(
                        drug=str(raw.get("drug", "")),
                        order=item.text,
                        verdict="cannot tell" if item.asks and not item.problems else "refused",
                        rules=("order-not-read",) if item.problems else (),
                        because=tuple(item.problems),
                        asks=tuple(item.asks),
                    )
                )
                continue
            others = [other for other in known if other is not item.order]
            found = judge(walk, item.order, others, self._units)
            verdicts.append(_verdict(walk, item.order.drug, item.text, found))
        return tuple(verdicts)

    def _read(
        self,
        chart: Chart | ParsedChart | Mapping[str, Any],
        now: datetime | None,
        local: Mapping[str, Any] | None,
        *,
        lenient: bool,
    ) -> tuple[Reading, ParsedChart]:
        read = parse_chart(self.program, chart, now, lenient)

        def reasons(at: datetime, step: str) -> object:
            earlier = build_row(self.program, read, at, local, None)
            decision = self._decide(earlier.row)
            walk = Walk(self.program, self._edges, earlier, earlier.row, decision)
            index = _step_index(self.program, step)
            return walk.state(index), way_to(walk, index) if walk.state(index) in ("reached", "assumed") else ()

        return build_row(self.program, read, now, local, reasons), read


def advise(
    program: ir.Program | Guideline,
    chart: Chart | ParsedChart | Mapping[str, Any],
    now: datetime | None = None,
    local: Mapping[str, Any] | None = None,
    *,
    lenient: bool = False,
) -> Advice:
    """`Guideline.advise` for a single call; make a `Guideline` once to advise many times."""
    guideline = program if isinstance(program, Guideline) else Guideline(program)
    return guideline.advise(chart, now, local, lenient=lenient)


# ---------------------------------------------------------------- putting advice together


def _advice(
    guideline: Guideline, walk: Walk, chart: ParsedChart, now: datetime | None, local: Mapping[str, Any] | None
) -> Advice:
    program, row, decision, reading = walk.program, walk.row, walk.decision, walk.reading
    applies = evaluate(program.applies, row)
    entered = evaluate(program.enter, row)
    shown = decision.reached | decision.assumed
    items: list[Item] = []
    alerts: list[Alert] = []
    extra: dict[int, frozenset[int]] = {}
    reviews: list[ReviewState] = []
    overdue: dict[str, str] = {}
    assumptions = list(reading.assumptions)
    for index, step in enumerate(program.steps):
        if not shown >> index & 1:
            continue
        if step.kind == "do":
            item, needs = _item(guideline, walk, index, alerts)
            items.append(item)
            if needs:
                extra[index] = needs
            if step.review is not None:
                review = _review(walk, chart, step, now)
                if review is not None:
                    reviews.append(review)
                    if review.overdue_by:
                        overdue.update((name, review.overdue_by) for name in review.missing)
        elif step.kind == "hand_over":
            items.append(
                Item(
                    step=step.id,
                    kind="hand_over",
                    status="due",
                    title=step.title,
                    priority=step.priority,
                    assumed=not decision.reached >> index & 1,
                    reasons=reasons_for(walk, index),
                    cites=step.cites,
                    interprets=step.interprets,
                    note=step.note,
                    hand_over=step.hand_over,
                )
            )
        elif step.kind == "decide" and _gap(walk, index):
            alerts.append(Alert("gap", "critical", f"no case holds: {step.title}", step.id, step.cites))
    if decision.assumed:
        for index, step in enumerate(program.steps):
            if step.if_unknown is not None and decision.assumed >> step.if_unknown & 1 and shown >> index & 1:
                assumptions.append(f"{program.steps[step.if_unknown].id}: assumed while not known: {step.title}")
    for rule in program.alerts if applies is not False else ():
        if evaluate(rule.when, row) is True:
            alerts.append(Alert(rule.id, rule.severity, rule.say, "", rule.cites, rule.interprets))
    if applies is not False:
        alerts += _running_alerts(guideline, walk)
        needs_list = tuple(wanted(walk, extra))
        if applies is None:
            from kb.asks import Wanted

            scope = Wanted(0, True, undecided(program.applies, row, program))
            needs_list = (scope, *needs_list)
        asked = questions(walk, needs_list, overdue)
    else:
        asked = questions(walk, (), {})
    items.sort(key=lambda item: _PRIORITY[item.priority])
    recommended = tuple(item for item in items if item.status in _ACTIVE)
    return Advice(
        schema=ADVICE_SCHEMA,
        protocol=program.id,
        version=program.version,
        title=program.title,
        state=program.state,
        banner=banner(program),
        logic_digest=program.logic_digest,
        text_digest=program.text_digest,
        local_digest=_local_digest(local),
        now=None if now is None else now.isoformat(),
        applies=None if applies is None else bool(applies),
        entered=None if entered is None else bool(entered),
        recommended=recommended,
        actions=tuple(items),
        asks=asked.asks,
        alerts=tuple(dict.fromkeys(alerts)),
        goals=tuple(_goal(walk, goal) for goal in program.goals) if applies is not False else (),
        outcomes=tuple(
            Outcome(step.id, step.title, step.cites, not decision.reached >> index & 1)
            for index, step in enumerate(program.steps)
            if step.kind == "end" and shown >> index & 1
        ),
        hand_overs=tuple(
            HandOverAdvice(item.step, item.hand_over, item.title, item.assumed)
            for item in items
            if item.kind == "hand_over"
        ),
        assumptions=tuple(assumptions),
        needs_policy=asked.policies,
        unavailable=asked.unavailable,
        running=_running(walk, recommended),
        reviews=tuple(reviews),
        refused=reading.refused,
        not_used=reading.not_used,
        walk=walk,
    )


def banner(program: ir.Program) -> str:
    """The line that stands on everything said from this protocol."""
    purpose = "For education" if program.purpose == "educational" else "Decision support under professional supervision"
    return f"{program.state.upper()}, not approved for clinical use. {purpose}; check against your own sources."


def _item(guideline: Guideline, walk: Walk, index: int, alerts: list[Alert]) -> tuple[Item, frozenset[int]]:
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
        elif holds is None and status in _ACTIVE:
            cautions.append(f"find out first: {reason.text}" + (f" ({reason.because})" if reason.because else ""))
            beside |= undecided(reason.when, row, program)
    dose = None
    options: tuple[OptionAdvice, ...] = ()
    if action.dose is not None:
        dose, value, cap_needs, note = _dose(guideline, walk, action)
        if status not in ("satisfied", "declined", "withheld"):
            needs |= cap_needs
        if status in _ACTIVE or status == "waiting":
            if note and value.rounded == 0:
                status = "withheld"
                withheld.append(note)
            found = _judge_own(guideline, walk, step.id, action, value)
            if found is not None:
                needs |= found.unknown
                if found.refused:
                    status = "withheld"
                    withheld += [f"{rule}: {why}" for rule, why in found.refused]
                    instead += found.instead
                    alerts.append(
                        Alert("rule", "warning", f"withheld by {found.refused[0][0]}: {found.refused[0][1]}", step.id)
                    )
                cautions += [why for _, why in found.challenged]
                cautions += [f"cannot tell whether a rule forbids this: {name}" for name in found.unstated]
                if found.stop_after is not None:
                    cautions.append(stop_by_text(found.stop_after))
        if action.ladder and status in _ACTIVE:
            rate = _rate(walk, action.drug)
            if isinstance(rate, int) and rate and rate not in action.ladder:
                alerts.append(
                    Alert(
                        "off-ladder",
                        "warning",
                        f"the running rate of {action.drug}, {format_scaled(rate, action.dose.unit)}, "
                        "is not one of the steps of this titration",
                        step.id,
                    )
                )
    if action.options:
        options, status = _options(guideline, walk, step, action, status)
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
        asks=_names(walk, beside | (undecided(step.satisfied, row, program) if status == "not known" else set())),
        options=options,
        review="" if step.review is None else f"after {step.review.text}: {', '.join(step.review.measure)}",
    )
    return item, frozenset(needs)


def _dose(guideline: Guideline, walk: Walk, action: ir.Action) -> tuple[Any, DoseValue, frozenset[int], str]:
    """The dose, what a cap's total still needs, and what a cap says about it."""
    drug = _drug(walk.program, action.drug)
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
                left, note = cap_left, f"{cap.id}: at most {cap.text}; {format_scaled(cap_left, cap.unit)} is left"
    value = DoseValue(None, None, None, None) if unknown_cap else dose_value(drug, action, walk.row, left)
    asks = _names(walk, dose_needs(walk, action) | needs)
    concentration = action.concentration or walk.reading.concentrations.get(drug.id, "")
    text = describe_dose(
        drug, action, value, walk.row, walk.program.weight, dictionary_of(walk.program), concentration, asks
    )
    return text, value, frozenset(needs), note


def _judge_own(guideline: Guideline, walk: Walk, step: str, action: ir.Action, value: DoseValue) -> Judgement | None:
    if value.rounded is None:
        return None
    rate, amount = (value.rounded, None) if action.of == "rate" else (None, value.rounded)
    order = own_order(action, rate, amount)
    return judge(walk, order, _own_others(walk, step), guideline._units, own=step)


def _own_others(walk: Walk, step: str) -> list[Order]:
    """The other drugs that this advice starts, gives or changes, for rules that read the rest of the set."""
    made = []
    for index, status in walk.decision.statuses.items():
        other = walk.program.steps[index]
        if other.id != step and status in _ACTIVE and other.action is not None and other.action.drug:
            made.append(Order(other.action.drug))
    return made


def _options(
    guideline: Guideline, walk: Walk, step: ir.Step, action: ir.Action, status: str
) -> tuple[tuple[OptionAdvice, ...], str]:
    """Options ranked: those with a reason for them first, those with a reason against them last."""
    ranked: list[tuple[int, OptionAdvice]] = []
    for option in action.options:
        against = [reason for reason in option.against if evaluate(reason.when, walk.row) is True]
        unsure = [reason for reason in option.against if evaluate(reason.when, walk.row) is None]
        favour = [reason for reason in option.for_ if evaluate(reason.when, walk.row) is True]
        stopped = [reason.because or reason.text for reason in against]
        dose = None
        if option.action.dose is not None:
            dose, value, _, _ = _dose(guideline, walk, option.action)
            found = _judge_own(guideline, walk, step.id, option.action, value)
            stopped += [f"{rule}: {why}" for rule, why in found.refused] if found is not None else []
        needs = {slot for reason in unsure for slot in undecided(reason.when, walk.row, walk.program)}
        ranked.append(
            (
                2 if stopped else 0 if favour else 1,
                OptionAdvice(
                    option.id,
                    option.title,
                    dose,
                    False if stopped else None if unsure else True,
                    tuple(reason.because or reason.text for reason in favour),
                    tuple(stopped),
                    _names(walk, needs),
                ),
            )
        )
    ranked.sort(key=lambda pair: pair[0])
    options = tuple(option for _, option in ranked)
    if status in _ACTIVE and all(option.eligible is False for option in options):
        status = "withheld"
    return options, status


def _gap(walk: Walk, index: int) -> bool:
    step = walk.program.steps[index]
    return all(evaluate(case.when, walk.row) is False for case in step.cases)


def _goal(walk: Walk, goal: ir.Goal) -> GoalState:
    holds = evaluate(goal.target, walk.row)
    state = "unknown" if holds is None else "met" if holds else "not met"
    return GoalState(goal.id, goal.title, state, goal.text, facts(walk, goal.target), goal.cites)


def _rate(walk: Walk, drug: str) -> ir.Value:
    for index, slot in enumerate(walk.program.slots):
        if slot.kind == "rate" and slot.of == drug:
            return walk.row[index]
    return None


def _running(walk: Walk, recommended: Iterable[Item]) -> tuple[Running, ...]:
    steps = {step.id: step for step in walk.program.steps}
    changed = {
        action.drug
        for item in recommended
        if (action := steps[item.step].action) is not None and action.verb in ("infuse", "change", "stop")
    }
    made = []
    for index, slot in enumerate(walk.program.slots):
        value = walk.row[index]
        if slot.kind == "rate" and value and slot.of not in changed:
            at = walk.reading.times.get(index)
            made.append(Running(slot.of, show_value(slot, value), None if at is None else at.isoformat()))
    return tuple(made)


def _running_alerts(guideline: Guideline, walk: Walk) -> list[Alert]:
    """Running drugs held against the same rules as an order would be (design rule 19)."""
    alerts = []
    for index, slot in enumerate(walk.program.slots):
        rate = walk.row[index]
        if slot.kind != "rate" or not isinstance(rate, int) or not rate:
            continue
        found = judge(walk, Order(slot.of, rate=rate), (), guideline._units, own=" running")
        label = _drug(walk.program, slot.of).label
        for rule, why in found.refused:
            alerts.append(Alert("running", "critical", f"{label} is running against {rule}: {why}", "", found.cites))
        if found.stop_after is not None:
            alerts.append(Alert("cap", "warning", f"{label}: {stop_by_text(found.stop_after)}", "", found.cites))
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


def _verdict(walk: Walk, drug: str, text: str, found: Judgement) -> OrderVerdict:
    rules = found.refused or found.challenged
    asks = (*_names(walk, found.unknown), *found.unstated)
    if found.refused:
        verdict = "refused"
    elif asks:
        verdict = "cannot tell"
    else:
        verdict = "challenged" if found.challenged else "allowed"
    return OrderVerdict(
        drug=drug,
        order=text,
        verdict=verdict,
        rules=tuple(rule for rule, _ in rules),
        because=tuple(why for _, why in rules),
        instead=found.instead,
        asks=() if found.refused else asks,
        cites=found.cites,
        interprets=found.interprets,
        stop_by=stop_by_text(found.stop_after),
    )


def _names(walk: Walk, slots: Iterable[int]) -> tuple[str, ...]:
    """The names under which the unknown `slots` would be answered."""
    names: dict[str, None] = {}
    for index in sorted(slots):
        cause = walk.reading.causes.get(index)
        if cause is None:
            names[walk.program.slots[index].name] = None
        elif cause.kind not in ("unobtainable", "not available", "local policy"):
            names.update(dict.fromkeys(cause.asks))
    return tuple(names)


def _drug(program: ir.Program, id: str) -> ir.Drug:
    return next(drug for drug in program.drugs if drug.id == id)


def _step_index(program: ir.Program, id: str) -> int:
    for index, step in enumerate(program.steps):
        if step.id == id:
            return index
    raise KeyError(id)


def _local_digest(local: Mapping[str, Any] | None) -> str:
    if not local:
        return ""
    import hashlib
    import json

    return hashlib.sha256(json.dumps(local, sort_keys=True, default=str).encode()).hexdigest()


def _interpretations(step: ir.Step, reasons: Iterable[Reason]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*step.interprets, *(id for reason in reasons for id in reason.interprets))))


def _reading(program: ir.Program, id: str) -> str:
    for item in program.interpretations:
        if item.id == id:
            return f"{item.reading} (to be confirmed by {item.confirm})"
    return "unknown interpretation"


def _because(found: tuple[Fact, ...]) -> str:
    return f" ({', '.join(_fact(fact) for fact in found)})" if found else ""


def _fact(fact: Fact) -> str:
    return f"{fact.name} = {fact.value}" + (f" at {fact.at}" if fact.at else "")


def _reason_line(reason: Reason) -> str:
    word = {True: "yes", False: "no", None: "not known"}[reason.holds]
    return f"{reason.question} — {reason.case}: {word}{_because(reason.facts)}"
