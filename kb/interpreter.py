"""A Program run on one patient's chart: what to do now, why, and what is still to be asked.

Pure: the same chart, Program, local settings and time always give the same advice. No clock,
randomness, environment or network is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from kb import program as ir
from kb.advice import (
    Alert,
    Ask,
    Explanation,
    Fact,
    GoalState,
    HandOverAdvice,
    Item,
    LocalSetting,
    OrderVerdict,
    Outcome,
    Policy,
    Reason,
    ReviewState,
    Running,
    StepState,
    Unavailable,
    elsewhere_line,
    to_json,
)
from kb.answers import Answer, answer, goals, hand_overs, outcomes, running
from kb.asks import names_of, order_ask
from kb.chart import Chart, ChartError
from kb.codegen import Decision, make_decider
from kb.evaluate import evaluate
from kb.folds import Reading, build_row
from kb.local import Local, local_digest, read_local, settings_in_force, unit_in_use
from kb.orders import Judgement, judge, stop_by_text
from kb.plan import Plan, Walk, walk_over
from kb.reading import Order, ParsedChart, dictionary_of, parse_chart, parse_order
from kb.reasons import facts, reasons_against, reasons_for, trace, way_to
from kb.records import TYPE_CHECKING
from kb.review import APPROVED, EXPIRED, UNCHECKED, UNSIGNED, VERIFIED, WITHDRAWN, state_at

if TYPE_CHECKING:
    from typing import Any, TypeVar

    _T = TypeVar("_T")

ADVICE_SCHEMA = "1.3.0"


class WithdrawnError(ValueError):
    """The protocol was withdrawn; it gives no advice. `code` is stable."""

    code = "KB708"


class NotApprovedError(ValueError):
    """Advice was asked of approved protocols only, and this is none. `code` is stable; `state`: what it is instead."""

    code = "KB840"

    def __init__(self, message: str, state: str) -> None:
        super().__init__(message)
        self.state = state


def banner(program: ir.Program, now: datetime | None = None) -> str:
    """The line that stands on everything said from this protocol; with `now`, whether its approval is over."""
    purpose = "For education" if program.purpose == "educational" else "Decision support under professional supervision"
    state = _state(program, now)
    if state == APPROVED:
        signed = "; ".join(signature_line(item) for item in program.standing.signed)
        until = f", valid until {program.standing.valid_until}" if program.standing.valid_until else ""
        return f"APPROVED by {signed}{until}. {purpose}; check against your own sources."
    over = f", its approval ended on {program.standing.valid_until}" if state == EXPIRED else ""
    return f"{state.upper()}{over}, not approved for clinical use. {purpose}; check against your own sources."


def signature_line(item: ir.Signed) -> str:
    """One approval in words; that it is unsigned, or that nobody could check the signature, is never left out."""
    words = {VERIFIED: "signature verified", UNSIGNED: "unsigned", UNCHECKED: "signature not checked"}
    return f"{item.name or item.who} ({item.role}, {item.date}, {words.get(item.signature, item.signature)})"


def _state(program: ir.Program, now: datetime | None) -> str:
    return program.state if now is None else state_at(program.state, program.standing, now.date().isoformat())


def _require(program: ir.Program, require: str | None, now: datetime | None) -> None:
    """Refuse what was withdrawn; and, where `require` says so, what is not approved at `now`."""
    name, standing = f"{program.id}@{program.version}", program.standing
    if program.withdrawn or program.state == WITHDRAWN:
        raise WithdrawnError(f"{name} was withdrawn: {program.withdrawn or standing.reason}")
    if require is None:
        return
    if require != APPROVED:
        raise ValueError(f"what can be required is `{APPROVED}`, not {require!r}")
    state = _state(program, now)
    if state == EXPIRED:
        why = f"its approval ended on {standing.valid_until}: those who signed must look at it again"
        raise NotApprovedError(f"{name} is not approved any more; {why}", state)
    if state != APPROVED:
        lacks = f"; still to approve: {', '.join(standing.missing)}" if standing.missing else ""
        why = f" ({standing.reason})" if standing.reason else ""
        raise NotApprovedError(f"{name} is {state}, and only what is approved may advise here{lacks}{why}", state)
    if standing.valid_until and now is None:
        why = f"its approval ends on {standing.valid_until}: give the time of the advice (`now`)"
        raise NotApprovedError(f"whether {name} is still approved cannot be told; {why}", state)


class Advice:
    """What a protocol says of one chart at one time. Immutable; `to_json` follows `schema/advice.schema.json`.

    The walk is done when advice is given; each part is put into words when it is first read. Nothing here
    was guessed: what is not known is in `asks`, `needs_policy` or `unavailable`.
    """

    __slots__ = ("_chart", "_made", "_now", "walk")

    FIELDS = (
        "schema",
        "protocol",
        "version",
        "title",
        "state",
        "banner",
        "approvals",
        "valid_until",
        "logic_digest",
        "text_digest",
        "local_digest",
        "local",
        "now",
        "applies",
        "entered",
        "recommended",
        "actions",
        "asks",
        "alerts",
        "goals",
        "outcomes",
        "hand_overs",
        "assumptions",
        "needs_policy",
        "unavailable",
        "running",
        "reviews",
        "refused",
        "not_used",
        "trace",
    )

    def __init__(self, walk: Walk, chart: ParsedChart, now: datetime | None) -> None:
        self.walk = walk
        self._chart = chart
        self._now = now
        self._made: dict[str, Any] = {}

    def __repr__(self) -> str:
        due = ", ".join(item.step for item in self.recommended) or "nothing"
        return f"<Advice {self.protocol}@{self.version} {self.state}: {due} recommended, {len(self.asks)} asks>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Advice) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def _once(self, name: str, make: Callable[[], _T]) -> _T:
        if name not in self._made:
            self._made[name] = make()
        made: _T = self._made[name]
        return made

    def _answer(self) -> Answer:
        return self._once("answer", lambda: answer(self.walk, self._chart, self._now))

    @property
    def schema(self) -> str:
        """Version of the form of this record."""
        return ADVICE_SCHEMA

    @property
    def protocol(self) -> str:
        return self.walk.program.id

    @property
    def version(self) -> str:
        return self.walk.program.version

    @property
    def title(self) -> str:
        return self.walk.program.title

    @property
    def state(self) -> str:
        """Review state of the protocol: draft until people have signed both digests; `expired` once that is over."""
        return _state(self.walk.program, self._now)

    @property
    def banner(self) -> str:
        """The line to show with every piece of this advice."""
        return banner(self.walk.program, self._now)

    @property
    def approvals(self) -> tuple[ir.Signed, ...]:
        """Who has approved this content, in which role, and whether the signature was verified."""
        return self.walk.program.standing.signed

    @property
    def valid_until(self) -> str | None:
        """The last day of the approval; None where there is none, or it does not end."""
        return self.walk.program.standing.valid_until or None

    @property
    def logic_digest(self) -> str:
        return self.walk.program.logic_digest

    @property
    def text_digest(self) -> str:
        return self.walk.program.text_digest

    @property
    def local_digest(self) -> str:
        """SHA-256 over all that the hospital has settled; empty where it has settled nothing."""
        return self._once("local_digest", lambda: local_digest(self.walk.reading.local))

    @property
    def local(self) -> tuple[LocalSetting, ...]:
        """What the hospital has settled and what bears on this protocol, beside what would count without it."""
        return self._once("local", lambda: settings_in_force(self.walk.program, self.walk.reading.local))

    @property
    def now(self) -> str | None:
        return None if self._now is None else self._now.isoformat()

    @property
    def applies(self) -> bool | None:
        """Whether the patient is in the protocol's scope; outside there is no advice but that."""
        return _truth(evaluate(self.walk.program.applies, self.walk.row))

    @property
    def entered(self) -> bool | None:
        """Whether the protocol is worth opening for this patient; it never gates the advice."""
        return _truth(evaluate(self.walk.program.enter, self.walk.row))

    @property
    def recommended(self) -> tuple[Item, ...]:
        """Actions and hand-overs that are due or overdue, most urgent first, then in reading order."""
        return self._answer().recommended

    @property
    def actions(self) -> tuple[Item, ...]:
        """Every action reached, whatever its status."""
        return self._answer().actions

    @property
    def asks(self) -> tuple[Ask, ...]:
        """What is still to be asked, most useful first."""
        return self._answer().questions.asks

    @property
    def needs_policy(self) -> tuple[Policy, ...]:
        """Parameters without a value: each hospital sets them, nobody is asked at the bedside."""
        return self._answer().questions.policies

    @property
    def unavailable(self) -> tuple[Unavailable, ...]:
        """Data that matter and cannot be had now."""
        return self._answer().questions.unavailable

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return self._answer().alerts

    @property
    def reviews(self) -> tuple[ReviewState, ...]:
        """When to look again, and at what."""
        return self._answer().reviews

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What was taken for granted."""
        return self._answer().assumptions

    @property
    def goals(self) -> tuple[GoalState, ...]:
        return self._once("goals", lambda: goals(self.walk))

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        return self._once("outcomes", lambda: outcomes(self.walk))

    @property
    def hand_overs(self) -> tuple[HandOverAdvice, ...]:
        return hand_overs(self.actions)

    @property
    def running(self) -> tuple[Running, ...]:
        """Running therapies that nothing advises to change."""
        return self._once("running", lambda: running(self.walk, self.recommended))

    @property
    def refused(self) -> tuple[str, ...]:
        """Charted values that were refused; read leniently, they count as unknown."""
        return self.walk.reading.refused

    @property
    def not_used(self) -> tuple[str, ...]:
        """Entries later than now, or about what this protocol does not know."""
        return self.walk.reading.not_used

    @property
    def trace(self) -> tuple[StepState, ...]:
        """The state of every step and of the cases on the way."""
        return self._once("trace", lambda: trace(self.walk))

    def to_json(self) -> dict[str, Any]:
        """Plain data: numbers as decimal strings, times as ISO 8601."""
        return {name: to_json(getattr(self, name)) for name in self.FIELDS}

    def status(self, step: str) -> str:
        """The status of a reached action, else the state of the step (`not reached`, `not known yet` …).

        Raises:
            KeyError: no such step.

        """
        for item in self.actions:
            if item.step == step:
                return item.status
        return self.walk.state(self.walk.plan.steps[step])

    def why(self, step: str) -> Explanation:
        """The conditions on the way to `step`, with the values and times that made them true; for a step
        that is not reached, those that keep it from being reached.

        Raises:
            KeyError: no such step.

        """
        index = self.walk.plan.steps[step]
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
        elsewhere = self.walk.plan.elsewhere.get(step, ())
        text += [f"elsewhere {elsewhere_line(said)}" for said in elsewhere]
        return Explanation(step, state, status, reasons, tuple(text), elsewhere)

    def why_not(self, step: str) -> Explanation:
        """Why `step` is not recommended: the ways to it that are closed or still open, or its status.

        Raises:
            KeyError: no such step.

        """
        index = self.walk.plan.steps[step]
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

    __slots__ = ("_decide", "_plan", "program")

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self._decide = make_decider(program)
        self._plan = Plan(program)

    def __repr__(self) -> str:
        return f"<Guideline {self.program.id}@{self.program.version} {self.program.state}>"

    def decide(self, row: ir.Row) -> Decision:
        """The states of all steps for a row with its inputs filled in; fills in the row's definitions."""
        return self._decide(row)

    def row(
        self,
        chart: Chart | ParsedChart | Mapping[str, Any],
        now: datetime | None = None,
        local: Mapping[str, Any] | Local | None = None,
    ) -> ir.Row:
        """The row that `chart` gives at `now`, for `decide`."""
        return self._read(chart, now, local, lenient=False)[0].row

    def advise(
        self,
        chart: Chart | ParsedChart | Mapping[str, Any],
        now: datetime | None = None,
        local: Mapping[str, Any] | Local | None = None,
        *,
        lenient: bool = False,
        require: str | None = None,
    ) -> Advice:
        """What to do now for the patient that `chart` describes.

        Args:
            chart: a `Chart`, its JSON form, or a plain mapping of names to values, all of now.
            now: the time of the advice, with offset; needed where the chart has times.
            local: what the hospital has settled: the content of a `local.yaml`, or any part of it.
            lenient: count refused values as unknown, and list them, instead of raising.
            require: `approved` refuses whatever people have not approved, or not for this time.

        Raises:
            ChartError: the chart has values that are refused; it lists all of them.
            NotApprovedError: approval is required, and there is none.
            WithdrawnError: the protocol was withdrawn.

        """
        walk, chart_read = self.walk(chart, now, local, lenient=lenient, require=require)
        return Advice(walk, chart_read, now)

    def walk(
        self,
        chart: Chart | ParsedChart | Mapping[str, Any],
        now: datetime | None = None,
        local: Mapping[str, Any] | Local | None = None,
        *,
        lenient: bool = False,
        require: str | None = None,
    ) -> tuple[Walk, ParsedChart]:
        """The chart read through the Program, before anything is said about it."""
        _require(self.program, require, now)
        reading, read = self._read(chart, now, local, lenient=lenient)
        row = reading.row
        decision = self._decide(row)
        applies = evaluate(self.program.applies, row)
        if applies is False:
            decision = Decision(0, 0, 0, {}, {})
        elif applies is None:
            decision = decision._replace(reached=0, assumed=0, statuses={})
        return walk_over(self._plan, reading, decision), read

    def check_orders(
        self,
        chart: Chart | ParsedChart | Mapping[str, Any],
        orders: Iterable[Mapping[str, Any]],
        now: datetime | None = None,
        local: Mapping[str, Any] | Local | None = None,
        *,
        lenient: bool = False,
        require: str | None = None,
    ) -> tuple[OrderVerdict, ...]:
        """Hold each order against the protocol's rules, caps and the drug library's limits.

        Args:
            chart: as for `advise`; so `now`, `local`, `lenient`, `require`.
            orders: mappings with `drug` and any of rate, amount, route, intent, line, weight, salt,
                concentration. They are checked as one set.

        Raises:
            ChartError: the chart has values that are refused.
            NotApprovedError: approval is required, and there is none.
            WithdrawnError: the protocol was withdrawn.

        """
        walk, _ = self.walk(chart, now, local, lenient=lenient, require=require)
        given = [order if isinstance(order, Mapping) else {"drug": str(order)} for order in orders]
        if evaluate(self.program.applies, walk.row) is False:
            why = f"the patient is outside the scope of this protocol: {self.program.applies_text}"
            return tuple(_unjudged(order, why) for order in given)
        read = [parse_order(self.program, order, walk.row, walk.reading.strengths) for order in given]
        standing = [item.order for item in read if item.order is not None and not item.problems]
        units = dictionary_of(self.program).units
        found = {id(order): judge(walk, order, _but(standing, order), units) for order in standing}
        while True:  # what is refused is not given, so it cannot count as ordered beside the others
            left = [order for order in standing if not found[id(order)].refused]
            again = {id(order): judge(walk, order, _but(left, order), units) for order in left}
            changed = any(judgement.refused for judgement in again.values())
            found |= again
            if not changed:
                break
            standing = left
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
                        questions=self._questions(walk, raw.get("drug"), item.asks, own=True),
                    )
                )
                continue
            made = _verdict(walk, item.order.drug, item.text, found[id(item.order)], now)
            questions = self._questions(walk, item.order.drug, made.asks)
            verdicts.append(made._replace(understood=item.understood, questions=questions))
        return tuple(verdicts)

    def _questions(self, walk: Walk, named: object, asks: Iterable[str], *, own: bool = False) -> tuple[Ask, ...]:
        drug = dictionary_of(self.program).drug(str(named))
        if drug is None:
            return ()
        areas, names = walk.reading.local.possible_areas(drug.id), dictionary_of(self.program)
        found = (order_ask(self.program, drug, name, own, filter(None, areas)) for name in asks)

        def about(ask: Ask) -> str:
            return drug.id if ask.name.startswith("order.") else ask.name

        return tuple(ask._replace(unit=unit_in_use(walk.reading.local, names, about(ask), ask.unit)) for ask in found)

    def _read(
        self,
        chart: Chart | ParsedChart | Mapping[str, Any],
        now: datetime | None,
        local: Mapping[str, Any] | Local | None,
        *,
        lenient: bool,
    ) -> tuple[Reading, ParsedChart]:
        settled = read_local(self.program, local)
        if any(problem.grave for problem in settled.problems):
            raise ChartError(problem.refusal() for problem in settled.problems)
        read = parse_chart(self.program, chart, now, lenient, settled.bindings)

        def reasons(at: datetime, step: str) -> object:
            earlier = build_row(self.program, read, at, settled, None)
            decision = self._decide(earlier.row)
            walk = walk_over(self._plan, earlier, decision)
            index = self._plan.steps[step]
            return walk.state(index), way_to(walk, index) if walk.state(index) in ("reached", "assumed") else ()

        reading = build_row(self.program, read, now, settled, reasons)
        # Without a time of the advice nothing was charted at any time.
        return (reading if now is not None else reading._replace(times={})), read


def advise(
    program: ir.Program | Guideline,
    chart: Chart | Mapping[str, Any],
    now: datetime | None = None,
    local: Mapping[str, Any] | Local | None = None,
    *,
    lenient: bool = False,
    require: str | None = None,
) -> Advice:
    """`Guideline.advise` for a single call; make a `Guideline` once to advise many times."""
    guideline = program if isinstance(program, Guideline) else Guideline(program)
    return guideline.advise(chart, now, local, lenient=lenient, require=require)


def _unjudged(order: object, why: str) -> OrderVerdict:
    """An order that this protocol has nothing to say about."""
    read = order if isinstance(order, Mapping) else {}
    text = ", ".join(f"{key} {value}" for key, value in read.items())
    return OrderVerdict(str(read.get("drug", "")), text, "cannot tell", because=(why,))


def _but(orders: Iterable[Order], one: Order) -> list[Order]:
    return [order for order in orders if order is not one]


def _verdict(walk: Walk, drug: str, text: str, found: Judgement, now: datetime | None) -> OrderVerdict:
    rules = found.refused or found.challenged
    asks = (*names_of(walk, found.unknown), *found.unstated)
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
        stop_by=stop_by_text(found.stop_after, now),
        notes=found.notes,
    )


def _truth(value: ir.Value) -> bool | None:
    return None if value is None else bool(value)


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
