"""A protocol over time: a bounded run of moments in which advice is followed or not.

At each moment physiology does what it likes: data are known or not, and free of what they were. Of what is advised,
any part is done or left. What was done is counted by formulas that say of gifts, rates, counts, totals and times what
the folds of `kb.folds` say of the chart that records them; the tests hold the two together. Everything else that a
chart can tell (trends, what persisted, refusals) is free at every moment, so what is proved holds whatever it is.

What does not change during a run: the parameters, and data that stay current for good (age, weight). The record of
therapies is complete, and the protocol is opened at the first moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from kb import program as ir
from kb.chart import ChartError, scaled_time
from kb.evaluate import slots_of
from kb.interpreter import Guideline
from kb.prover import solver
from kb.prover.patient import NOW, said
from kb.prover.solver import (
    LONG,
    Model,
    Search,
    Term,
    Undecided,
    Variables,
    add,
    all_of,
    and_,
    any_of,
    at_most,
    choose,
    equal,
    implies,
    not_,
    or_,
)
from kb.prover.symbolic import Number, Symbol, SymbolicWalk, Truth, in_base
from kb.values import format_scaled

SECOND = ir.SCALE


class Act(NamedTuple):
    """Something advised that can be done: an action of a step, or one of its options (`option` its number)."""

    step: int
    option: int | None
    action: ir.Action


class Done(NamedTuple):
    """Whether an act is done at a moment, and the amount or rate as base that goes with it."""

    act: Act
    taken: Term
    amount: Term


class Moment:
    """One look at the patient: the walk, what is done after it, and when."""

    def __init__(self, walk: SymbolicWalk, at: Term) -> None:
        self.walk, self.at = walk, at
        self.done: list[Done] = []
        self.performed: dict[int, Term] = {}
        self.ticked: dict[int, Term] = {}  # charted as a step that is done, beside what was given or set
        self.charted: dict[str, Term] = {}  # whether data were charted anew for this look, where that matters


class Course:
    """A run of `moments` moments of one program, as formulas.

    `facts` are what holds of every run. `modelled` names the slots whose value follows from what was done; the other
    features are free. Where physiology stands `still`, all that is free is the same at every moment, and the moments
    follow each other by the second.
    """

    def __init__(self, program: ir.Program, moments: int, extra: tuple[ir.Slot, ...] = (), still: bool = False) -> None:
        self.program, self.extra, self.still = program, extra, still
        self._flows: dict[str, list[Term]] = {}
        self.drugs = {drug.id: drug for drug in program.drugs}
        self.acts = tuple(_acts(program))
        self.facts: list[Term] = []
        self.variables = Variables()
        self.moments: list[Moment] = []
        self.permanent = {element.id for element in program.elements if element.valid_for is None}
        self._constant: dict[int, Symbol] = {}
        self.before: dict[str, tuple[Term, Term]] = {}
        self.rates_at_start: dict[str, Number] = {}
        self._rates: dict[tuple[str, int], Number] = {}
        self.timed = {
            event.id
            for slot in (*program.slots, *extra)
            if slot.feature is not None
            for event in (slot.feature.of if slot.feature.function == "since" else None, _event(slot.feature.window))
            if event is not None and event.kind == "element"
        }
        self._charted_now: dict[str, Term] = {}
        self.modelled = tuple(
            slot.name for slot in (*program.slots, *extra) if slot.kind == "rate" or self._follows(slot)
        )
        self._always = always = SymbolicWalk(program, extra, prefix="always: ", variables=self.variables)
        for index, slot in enumerate(always.slots):
            if slot.kind == "parameter" or (slot.kind == "element" and slot.of in self.permanent):
                self._constant[index] = always.slot(index)
        self.facts += always.facts
        for number in range(moments):
            self._add_moment(number)

    # ------------------------------------------------------------ one moment after the other

    def _add_moment(self, number: int) -> None:
        at: Term = 0
        if self.moments:
            at = self.variables.integer(f"time of moment {number + 1}")
            next_ = add(self.moments[-1].at, SECOND)
            self.facts.append(equal(next_, at) if self.still else at_most(next_, at))
            self.facts.append(equal(solver.rest(at, SECOND), 0))
        walk = SymbolicWalk(
            self.program, self.extra, prefix=f"at {number + 1}: ", shared=self._shared(at), variables=self.variables
        )
        for index, slot in enumerate(walk.slots):
            if self._is_constant(slot):
                if index in self._constant:
                    walk.inputs[index] = self._constant[index]
                else:
                    self._constant[index] = walk.slot(index)
        moment = Moment(walk, at)
        moment.charted = dict(self._charted_now)
        self._let_data_stand(number, moment)
        self.moments.append(moment)
        self._let_things_be_done(number, moment)

    def _let_data_stand(self, number: int, moment: Moment) -> None:
        """What is not charted anew is what it was, or has gone out of date."""
        for index, slot in enumerate(moment.walk.slots):
            if slot.kind != "element" or slot.of not in moment.charted:
                continue
            charted, now = moment.charted[slot.of], moment.walk.slot(index)
            if number and self.still:
                self.facts.append(not_(charted))
            if not number:
                self.facts.append(implies(and_(now.known, not_(charted)), self.before[slot.of][0]))
                continue
            then = self.moments[number - 1].walk.slot(index)
            stands = equal(now.true, then.true) if isinstance(now, Truth) else equal(now.value, then.value)  # type: ignore[union-attr]
            self.facts.append(implies(and_(now.known, not_(charted)), and_(then.known, stands)))

    def _is_constant(self, slot: ir.Slot) -> bool:
        if slot.kind == "parameter" or (slot.kind == "element" and slot.of in self.permanent):
            return True
        return self.still and slot.kind in ("element", "unobtainable", "feature") and slot.name not in self.modelled

    def _let_things_be_done(self, number: int, moment: Moment) -> None:
        walk, facts = moment.walk, self.facts
        rate_changes: dict[str, list[Term]] = {}
        for act in self.acts:
            name = f"at {number + 1}: {self.program.steps[act.step].id} {act.option}"
            taken = self.variables.boolean(f"{name} is done")
            facts.append(implies(taken, walk.recommended(act.step)))
            if act.option is not None:
                facts.append(implies(taken, walk.eligible(act.step, act.option)))
            amount: Term = 0
            if act.action.dose is not None:
                dose = walk.dose_of(act.action)
                drug = self.drugs[act.action.drug]
                facts.append(implies(taken, dose.known))
                amount = self.variables.integer(f"{name} amount")
                top = in_base(drug, act.action.salt, dose.high)
                low = in_base(drug, act.action.salt, dose.rounded)
                if act.action.of == "amount":  # a part of what is advised may be given
                    facts.append(implies(taken, and_(solver.less(0, amount), at_most(amount, top))))
                else:
                    facts.append(implies(taken, and_(at_most(low, amount), at_most(amount, top))))
            if act.action.of == "rate" or act.action.verb == "stop":
                rate_changes.setdefault(act.action.drug, []).append(taken)
            moment.done.append(Done(act, taken, amount))
        for acting in {act.step for act in self.acts}:
            chosen = [done.taken for done in moment.done if done.act.step == acting and done.act.option is not None]
            facts.extend(_one_at_most(chosen))
        for taken in rate_changes.values():
            facts.extend(_one_at_most(taken))
        for index, step in enumerate(self.program.steps):
            if step.kind != "do":
                continue
            mine = [done.taken for done in moment.done if done.act.step == index]
            if mine:
                moment.performed[index] = any_of(mine)
            else:
                moment.performed[index] = self.variables.boolean(f"at {number + 1}: {step.id} is done")
                facts.append(implies(moment.performed[index], walk.recommended(index)))
            moment.ticked[index] = moment.performed[index]
            if any(done.act.step == index and done.act.action.drug for done in moment.done):
                ticked = self.variables.boolean(f"at {number + 1}: {step.id} is ticked off")
                facts.append(implies(ticked, moment.performed[index]))
                moment.ticked[index] = ticked
        facts.extend(walk.facts)
        walk.facts.clear()

    # ------------------------------------------------------------ what follows from what was done

    def _follows(self, slot: ir.Slot) -> bool:
        """Whether this module says what the slot holds, given what was done."""
        feature = slot.feature
        if feature is None:
            return False
        if feature.function == "persists":
            return feature.after is not None and feature.after.kind in ("drug", "class")
        if feature.of is None:
            return False
        kind = feature.of.kind
        if feature.function in ("count", "total", "done"):
            if feature.window is None or feature.window.kind == "last":
                return False
            if kind == "step":
                return self._step(feature.of.id) is not None
            return kind in ("drug", "class", "given") and self._same_unit(slot)
        return feature.function == "since" and (kind != "step" or self._step(feature.of.id) is not None)

    def _same_unit(self, slot: ir.Slot) -> bool:
        assert slot.feature is not None
        if slot.feature.function != "total":
            return True
        return all(drug.amount_unit == slot.unit for drug in self._drugs_of(slot.feature.of))

    def _step(self, id: str) -> int | None:
        return next((index for index, step in enumerate(self.program.steps) if step.id == id), None)

    def _drugs_of(self, event: ir.Event | None) -> list[ir.Drug]:
        if event is None:
            return []
        return [drug for drug in self.program.drugs if event.id in (drug.id, *drug.classes)]

    def _shared(self, at: Term) -> dict[int, Symbol]:
        """The slots at a moment that follow from what was done before it."""
        made: dict[int, Symbol] = {}
        self._charted_now = {
            id: self.variables.boolean(f"at {len(self.moments) + 1}: {id} is charted anew") for id in sorted(self.timed)
        }
        for index, slot in enumerate((*self.program.slots, *self.extra)):
            if slot.kind == "rate":
                made[index] = self._charted_rate(slot.of, len(self.moments))
            elif slot.kind == "now":
                made[index] = Number(True, add(scaled_time(NOW), at))
            elif slot.kind == "feature" and self._follows(slot):
                made[index] = self._feature(slot, at)
        return made

    def _charted_rate(self, drug: str, number: int) -> Number:
        """What the chart tells of the rate: where it counts for a time only, it may be known or not at any moment."""
        running = self.rate(drug, number)
        if self.drugs[drug].valid_for is None:
            return running
        return Number(self.variables.boolean(f"at {number + 1}: the rate of {drug} is current"), running.value)

    def rate(self, drug: str, number: int) -> Number:
        """The rate that runs when moment `number` (from 0) is looked at."""
        if drug not in self.rates_at_start:
            rate = self.variables.integer(f"{drug} at the start")
            self.facts.append(at_most(0, rate))
            self.rates_at_start[drug] = Number(True, rate)
        if not number:
            return self.rates_at_start[drug]
        if (drug, number) not in self._rates:
            value = self.rate(drug, number - 1).value
            for done in self.moments[number - 1].done:
                if done.act.action.drug == drug and (done.act.action.of == "rate" or done.act.action.verb == "stop"):
                    new = 0 if done.act.action.verb == "stop" else done.amount
                    value = choose(done.taken, new, value)
            self._rates[drug, number] = Number(True, value)
        return self._rates[drug, number]

    def _gifts(self, drugs: Iterable[ir.Drug]) -> Iterator[tuple[Moment, Done]]:
        ids = {drug.id for drug in drugs}
        for moment in self.moments:
            for done in moment.done:
                if done.act.action.of == "amount" and done.act.action.drug in ids:
                    yield moment, done

    def _feature(self, slot: ir.Slot, at: Term) -> Symbol:
        feature = slot.feature
        assert feature is not None
        if feature.function == "persists":
            return self._persists(slot, feature, at)
        assert feature.of is not None
        of = feature.of
        if feature.function == "since":
            known, last = self._last(of, at, rises=False)
            return Number(known, solver.subtract(at, last))
        known, begin, outside = self._window(slot, feature, at)
        if feature.function == "done" or of.kind == "step":
            step = self._step(of.id)
            assert step is not None
            inside = [and_(moment.ticked[step], at_most(begin, moment.at)) for moment in self.moments]
            if feature.function == "done":
                ever = or_(not_(equal(outside, 0)), *inside)
                return Truth(and_(known, ever), and_(known, not_(ever)))
            return Number(known, add(outside, _sum(choose(one, SECOND, 0) for one in inside)))
        drugs = self._drugs_of(of)
        gifts = [(and_(done.taken, at_most(begin, moment.at)), done) for moment, done in self._gifts(drugs)]
        if feature.function == "count":
            return Number(known, add(outside, _sum(choose(given, SECOND, 0) for given, _ in gifts)))
        total = _sum(choose(given, done.amount, 0) for given, done in gifts)
        return Number(known, add(add(outside, total), self._flow(slot, drugs)))

    def _window(self, slot: ir.Slot, feature: ir.Feature, at: Term) -> tuple[Term, Term, Term]:
        """Whether it is known when a window begins, when that is, and what lies in it before the run (a number)."""
        assert feature.window is not None
        if feature.window.kind == "episode":
            return True, 0, 0
        assert feature.window.event is not None
        known, begin = self._last(feature.window.event, at, rises=True)
        outside = self.variables.integer(f"at {len(self.moments) + 1}: {slot.name} before the run")
        self.facts.append(at_most(0, outside))
        self.facts.append(equal(solver.rest(outside, SECOND), 0) if feature.function != "total" else True)
        self.facts.append(implies(at_most(0, begin), equal(outside, 0)))
        return known, begin, outside

    def _flow(self, slot: ir.Slot, drugs: list[ir.Drug]) -> Term:
        """What has run in: anything at all while a rate can run, never less than before."""
        if not any(drug.rate_unit for drug in drugs) or not self.moments:
            return 0
        number = len(self.moments)
        flow = self.variables.integer(f"at {number + 1}: what ran in of {slot.of}")
        before = self._flows.setdefault(slot.name, [0])[-1]
        self.facts.append(at_most(before, flow))
        stopped = all_of(equal(self.rate(drug.id, number).value, 0) for drug in drugs if drug.rate_unit)
        self.facts.append(equal(flow, before) if self.still else implies(stopped, equal(flow, before)))
        self._flows[slot.name].append(flow)
        return flow

    def _last(self, event: ir.Event, at: Term, rises: bool) -> tuple[Term, Term]:
        """Whether it is known when `event` last happened, and when.

        That is a gift, a start or a rise (without `rises` any change of a running rate), data charted, a step done.
        """
        if event.id not in self.before:
            was, when = (
                self.variables.boolean(f"{event.id} before"),
                self.variables.integer(f"time of {event.id} before"),
            )
            self.facts.append(solver.less(when, 0))
            self.facts.append(equal(solver.rest(when, SECOND), 0))
            self.before[event.id] = was, when
        known, last = self.before[event.id]
        if event.kind == "element":
            for moment in self.moments:
                charted = moment.charted[event.id]
                known, last = or_(known, charted), choose(charted, moment.at, last)
            charted = self._charted_now[event.id]
            return or_(known, charted), choose(charted, at, last)
        if event.kind == "step":
            step = self._step(event.id)
            for moment in self.moments if step is not None else ():
                assert step is not None
                ticked = moment.ticked[step]
                known, last = or_(known, ticked), choose(ticked, moment.at, last)
            return known, last
        ids = {drug.id for drug in self._drugs_of(event)}
        for number, moment in enumerate(self.moments):
            for done in moment.done:
                if done.act.action.drug not in ids:
                    continue
                happened = done.taken
                if done.act.action.of == "rate" or done.act.action.verb == "stop":
                    if event.kind == "given" or done.act.action.verb == "stop":
                        continue
                    running = self.rate(done.act.action.drug, number).value
                    moved = solver.less(running, done.amount) if rises else not_(equal(running, done.amount))
                    happened = and_(happened, moved, not_(equal(done.amount, 0)))
                known, last = or_(known, happened), choose(happened, moment.at, last)
        return known, last

    def _persists(self, slot: ir.Slot, feature: ir.Feature, at: Term) -> Symbol:
        """False before its time has passed since the start or rise; after that, whatever it is."""
        assert feature.after is not None
        known, last = self._last(feature.after, at, rises=True)
        number = len(self.moments) + 1
        true, false = (
            self.variables.boolean(f"at {number}: {slot.name}"),
            self.variables.boolean(f"at {number}: not {slot.name}"),
        )
        self.facts.append(not_(and_(true, false)))
        duration = self._settled_number(feature.duration)
        if duration is None:
            return Truth(and_(known, true), false)
        early = and_(known, duration.known, solver.less(solver.subtract(at, last), duration.value))
        return Truth(and_(known, duration.known, not_(early), true), or_(early, false))

    def _settled_number(self, expr: ir.Expr | None) -> Number | None:
        """A number made of what is the same throughout the run; None for anything else."""
        if expr is None or not slots_of(expr) <= self._constant.keys():
            return None
        return self._always.number(expr)


# ---------------------------------------------------------------- what must never happen


class Claim(NamedTuple):
    """Something that no run may do; `broken` says when it is done. `about` are steps it speaks of."""

    id: str
    title: str
    about: tuple[str, ...]
    broken: Callable[[Course], Term]
    still: bool = False  # asked of runs in which physiology stands still


def claims_of(program: ir.Program) -> tuple[Claim, ...]:
    """What is claimed of every protocol over time: caps, times between gifts, rates, and that something changes."""
    return (*_cap_claims(program), *_repeat_claims(program), *_rate_claims(program), *_loop_claims(program))


def _cap_claims(program: ir.Program) -> Iterator[Claim]:
    for cap in program.caps:
        names = " or ".join(drug.label for drug in program.drugs if drug.id in cap.drugs)

        def broken(course: Course, cap: ir.Cap = cap) -> Term:
            found = []
            for moment in course.moments:
                amount, total = moment.walk.number(cap.amount), moment.walk.slot(cap.total)
                assert isinstance(total, Number)
                given = _sum(
                    choose(done.taken, done.amount, 0)
                    for done in moment.done
                    if done.act.action.of == "amount" and done.act.action.drug in cap.drugs
                )
                within = at_most(total.value, amount.value)
                over = solver.less(amount.value, add(total.value, given))
                found.append(and_(amount.known, total.known, within, over))
            return any_of(found)

        steps = tuple(step.id for step in program.steps if step.action is not None and step.action.drug in cap.drugs)
        yield Claim(f"cap:{cap.id}", f"what is advised of {names} never goes past {cap.text}", steps, broken)


def _repeat_claims(program: ir.Program) -> Iterator[Claim]:
    for index, step in enumerate(program.steps):
        repeat, action = step.repeat, step.action
        if repeat is None or action is None or not action.drug:
            continue

        def too_soon(course: Course, repeat: ir.Repeat = repeat, drug: str = action.drug) -> Term:
            found = []
            for later, moment in enumerate(course.moments):
                gap = moment.walk.number(repeat.earliest)
                for earlier in course.moments[:later]:
                    both = and_(_given(earlier, drug), _given(moment, drug))
                    near = solver.less(solver.subtract(moment.at, earlier.at), gap.value)
                    found.append(and_(both, gap.known, near))
            return any_of(found)

        title = f"{action.drug} is never advised again before its time: {repeat.text}"
        yield Claim(f"interval:{step.id}", title, (step.id,), too_soon)
        if repeat.at_most is None:
            continue

        def too_often(course: Course, index: int = index, repeat: ir.Repeat = repeat) -> Term:
            assert repeat.at_most is not None
            most = course.moments[0].walk.number(repeat.at_most)
            given = _sum(
                choose(done.taken, SECOND, 0) for m in course.moments for done in m.done if done.act.step == index
            )
            return and_(most.known, solver.less(most.value, given))

        yield Claim(
            f"count:{step.id}", f"{action.drug} is never advised more often than {repeat.text}", (step.id,), too_often
        )


def _given(moment: Moment, drug: str) -> Term:
    return any_of(d.taken for d in moment.done if d.act.action.drug == drug and d.act.action.of == "amount")


def _rate_claims(program: ir.Program) -> Iterator[Claim]:
    for drug in program.drugs:
        steps = [step for step in program.steps if step.action is not None and step.action.drug == drug.id]
        raising = [step for step in steps if step.action is not None and step.action.verb in ("infuse", "change")]
        tops = [max(step.action.ladder) for step in raising if step.action is not None and step.action.ladder]
        tops += [limit.hard_high for limit in drug.limits if limit.of == "rate" and not limit.route and limit.hard_high]
        if not raising or not tops:
            continue
        top = min(tops)

        def above(course: Course, drug: ir.Drug = drug, top: int = top) -> Term:
            """Ours takes it above `top`; a rate that ran above before is not our doing."""
            return any_of(
                and_(done.taken, solver.less(top, done.amount))
                for moment in course.moments
                for done in moment.done
                if done.act.action.drug == drug.id and done.act.action.of == "rate"
            )

        told = format_scaled(top, drug.rate_unit)
        yield Claim(
            f"ceiling:{drug.id}", f"{drug.label} is never taken above {told}", tuple(s.id for s in raising), above
        )


def _loop_claims(program: ir.Program) -> Iterator[Claim]:
    """Where nothing changes in the patient, following advice comes to rest: it waits, is satisfied or asks a senior."""
    for index, step in enumerate(program.steps):
        action = step.action
        if step.kind != "do" or action is None or step.decide_by or action.verb in _SAYS_ONLY:
            continue
        if not action.drug and not any(option.action.drug for option in action.options):
            continue  # an attempt may well be repeated; a drug may not

        def again(course: Course, index: int = index) -> Term:
            every = []
            for moment in course.moments:
                done = [done for done in moment.done if done.act.step == index]
                every.append(moment.performed[index])
                every += [
                    implies(one.taken, equal(one.amount, moment.walk.dose_of(one.act.action).rounded))
                    for one in done
                    if one.act.action.dose is not None and not one.act.action.salt
                ]
            return and_(*every)

        yield Claim(
            f"rest:{step.id}",
            f"`{step.id}` is not advised again and again while nothing changes",
            (step.id,),
            again,
            still=True,
        )
    for drug in program.drugs:
        moving = [
            step
            for step in program.steps
            if step.action is not None
            and step.action.drug == drug.id
            and step.action.verb in ("infuse", "change", "stop")
        ]
        if len(moving) < 2:
            continue

        def to_and_fro(course: Course, drug: ir.Drug = drug) -> Term:
            rates = [course.rate(drug.id, number).value for number in range(len(course.moments) + 1)]
            found = []
            for number in range(len(course.moments) - 1):
                up = and_(
                    solver.less(0, rates[number + 2]),
                    solver.less(rates[number], rates[number + 1]),
                    solver.less(rates[number + 2], rates[number + 1]),
                )
                found.append(up)
            return any_of(found)

        title = f"{drug.label} is not raised and lowered in turn while nothing changes"
        yield Claim(f"to-and-fro:{drug.id}", title, tuple(step.id for step in moving), to_and_fro, still=True)


_SAYS_ONLY = ("keep", "wait", "hold", "ceiling")


# ---------------------------------------------------------------- the search, and the run that it finds


class Look(NamedTuple):
    """One moment of a run: what was charted for it, what was advised, what of it was done."""

    at: datetime
    charted: tuple[dict[str, Any], ...]
    advised: tuple[str, ...]
    done: tuple[dict[str, Any], ...]


class Run(NamedTuple):
    """A run that breaks a claim: a chart that `Guideline.advise` reads, and what it said at each moment."""

    chart: dict[str, Any]
    local: dict[str, Any]
    looks: tuple[Look, ...]


class Courses:
    """All runs of one protocol over some moments, asked for the one that breaks a claim."""

    def __init__(self, guideline: Guideline, moments: int = 4, extra: tuple[ir.Slot, ...] = ()) -> None:
        self.guideline, self.program, self.moments, self.extra = guideline, guideline.program, moments, extra
        self._courses: dict[bool, tuple[Course, Search]] = {}

    def course(self, still: bool = False) -> tuple[Course, Search]:
        if still not in self._courses:
            course = Course(self.program, min(3, self.moments) if still else self.moments, self.extra, still)
            self._courses[still] = course, Search(course.variables, course.facts, long=len(self.program.steps) >= LONG)
        return self._courses[still]

    def find(self, claim: Claim) -> Run | None:
        """A run that breaks `claim`, replayed moment by moment; None where none does.

        Raises:
            Undecided: the solver gave up, or the run that it found is not one that a chart can tell.

        """
        course, search = self.course(claim.still)
        broken = claim.broken(course)
        for moment in course.moments:  # what the claim reads may have made more slots
            for fact in moment.walk.facts:
                search.require(fact)
            moment.walk.facts.clear()
        if search.find(broken) is None:
            return None
        model = search.find(broken, *self._as_charted(course))
        if model is None:
            raise Undecided("a run was found that could break it, but only with data that vanish from a chart")
        run = self._replay(course, model)
        if run is None:
            raise Undecided("a run was found that could break it, but the chart that would show it says otherwise")
        return run

    def can_happen(self, claim: Claim) -> bool:
        """Whether what the claim speaks of can be done at all in some run; where not, the claim says nothing."""
        course, search = self.course(claim.still)
        steps = {index for index, step in enumerate(self.program.steps) if step.id in claim.about}
        performed = [moment.performed[step] for moment in course.moments for step in steps if step in moment.performed]
        return search.find(any_of(performed)) is not None

    def _as_charted(self, course: Course) -> Iterator[Term]:
        """What makes a run simple to chart: nothing is declined, and what is known stays known."""
        for number, moment in enumerate(course.moments):
            for index, symbol in moment.walk.inputs.items():
                slot = moment.walk.slots[index]
                if slot.feature is not None and slot.feature.function == "decline_stands":
                    assert isinstance(symbol, Truth)
                    yield symbol.false
                if slot.kind == "element" and number:
                    before = course.moments[number - 1].walk.inputs.get(index)
                    if before is not None:
                        yield implies(before.known, symbol.known)
            yield from (equal(bound, 0) for bound in moment.walk.bounds.values())
            yield from (
                not_(moment.walk.taken_for_zero(index))
                for index in list(moment.walk.inputs)
                if index in moment.walk._taken
            )

    # ------------------------------------------------------------ as a chart

    def _replay(self, course: Course, model: Model) -> Run | None:
        start = NOW
        entries: list[dict[str, Any]] = []

        def chart(at: datetime, **fields: Any) -> dict[str, Any]:
            entry = {"id": f"e{len(entries) + 1}", "at": at.isoformat(), **fields}
            entries.append(entry)
            return entry

        whole = {"schema": "1.0.0", "complete_from": (start - timedelta(days=2)).isoformat(), "entries": entries}
        local: dict[str, Any] = {}
        first = course.moments[0]
        for index, slot in enumerate(self.program.slots):
            if slot.kind == "parameter" and index in first.walk.inputs:
                value = first.walk.value_of(model, index)
                default = next(item.default for item in self.program.parameters if item.id == slot.of)
                if value is not None and value != default:
                    local.setdefault("parameters", {})[slot.of] = said(self.program, slot, value)
        for drug, (was, when) in course.before.items():
            held = course.rates_at_start.get(drug)
            running = 0 if held is None else model.number(held.value)
            if model.truth(was) and running:
                at = start + timedelta(seconds=model.number(when) / SECOND)
                chart(at, kind="therapy", event="started", drug=drug, **self._told(drug, "rate", running))
        chart(start, kind="protocol", event="opened", protocol=self.program.id)
        looks: list[Look] = []
        for number, moment in enumerate(course.moments):
            at = start + timedelta(seconds=model.number(moment.at) / SECOND)
            charted = list(self._observed(course, model, number, at, chart))
            for drug in course.rates_at_start:
                rate = model.number(course.rate(drug, number).value)
                if rate:
                    charted.append(
                        chart(at, kind="therapy", event="running", drug=drug, **self._told(drug, "rate", rate))
                    )
            try:
                advice = self.guideline.advise(whole, at, local=local)
            except ChartError:
                return None
            advised = {item.step for item in advice.recommended}
            done = list(self._done(moment, model, at, chart))
            if not {entry["step"] for entry in done if "step" in entry} <= advised:
                return None
            if not {self.program.steps[d.act.step].id for d in moment.done if model.truth(d.taken)} <= advised:
                return None
            looks.append(Look(at, tuple(charted), tuple(item.step for item in advice.recommended), tuple(done)))
        return Run(whole, local, tuple(looks))

    def _told(self, drug: str, of: str, value: int) -> dict[str, Any]:
        item = next(item for item in self.program.drugs if item.id == drug)
        unit = item.rate_unit if of == "rate" else item.amount_unit
        told = {of: format_scaled(value, unit)}
        return {**told, "salt": "base"} if item.salts else told

    def _observed(
        self, course: Course, model: Model, number: int, at: datetime, chart: Callable[..., dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        walk = course.moments[number].walk
        for index, slot in enumerate(self.program.slots):
            if index not in walk.inputs or (number and slot.kind == "element" and slot.of in course.permanent):
                continue
            if number and course.still and slot.kind in ("element", "unobtainable"):
                continue  # nothing is measured again
            value = walk.value_of(model, index)
            if slot.kind == "element" and value is not None:
                when, charted = at, course.moments[number].charted.get(slot.of)
                if charted is not None and not model.truth(charted):
                    if number:
                        continue
                    when = NOW + timedelta(seconds=model.number(course.before[slot.of][1]) / SECOND)
                yield chart(when, kind="observation", element=slot.of, value=said(self.program, slot, value))
            elif slot.kind == "unobtainable" and value is True:
                yield chart(at, kind="observation", element=slot.of, value="unobtainable")

    def _done(
        self, moment: Moment, model: Model, at: datetime, chart: Callable[..., dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        by_drug = set()
        for done in moment.done:
            if not model.truth(done.taken):
                continue
            action = done.act.action
            amount = model.number(done.amount)
            if action.drug:
                by_drug.add(done.act.step)
            if not action.drug:
                continue  # ticked off below
            if action.of == "amount":
                yield chart(
                    at, kind="therapy", event="given", drug=action.drug, **self._told(action.drug, "amount", amount)
                )
            elif action.verb == "stop" or not amount:
                yield chart(at, kind="therapy", event="stopped", drug=action.drug)
            else:
                word = "changed" if action.verb == "change" else "started"
                yield chart(at, kind="therapy", event=word, drug=action.drug, **self._told(action.drug, "rate", amount))
        for step_index, performed in moment.performed.items():
            if model.truth(moment.ticked[step_index] if step_index in by_drug else performed):
                yield chart(
                    at, kind="step", event="done", protocol=self.program.id, step=self.program.steps[step_index].id
                )


# ---------------------------------------------------------------- small things


def _event(window: ir.Window | None) -> ir.Event | None:
    return None if window is None else window.event


def _acts(program: ir.Program) -> Iterator[Act]:
    for index, step in enumerate(program.steps):
        action = step.action
        if step.kind != "do" or action is None:
            continue
        if action.options:
            yield from (Act(index, number, option.action) for number, option in enumerate(action.options))
        elif action.drug and action.verb in ("give", "infuse", "change", "stop"):
            yield Act(index, None, action)


def _sum(terms: Iterable[Term]) -> Term:
    total: Term = 0
    for term in terms:
        total = add(total, term)
    return total


def _one_at_most(terms: list[Term]) -> Iterator[Term]:
    """That no two of `terms` hold."""
    before: Term = False
    for term in terms:
        yield not_(and_(before, term))
        before = or_(before, term)
