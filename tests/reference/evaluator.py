"""The walk, the statuses, the doses and the asks, by the letter of the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from kb import model
from kb.expression import tree
from kb.expression.text import to_text
from tests.reference.expressions import NO, NONE, YES, Look, Moment, Reader, both, either, negation, whole
from tests.reference.measures import Units, half_even, times
from tests.reference.record import Record, seconds

URGENCY = {"stat": 0, "asap": 1, "urgent": 2, "routine": 3, "": 4}
GAP = -1


@dataclass
class Node:
    """One step as the walk sees it. Conditions are looked up when they are needed."""

    id: str
    kind: str
    cases: list[tuple[Look, tuple[str, ...]]] = field(default_factory=list)
    if_unknown: str | None = None
    with_: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    satisfied: Look = NO
    fixed: str = ""
    waits_for: frozenset[str] = NONE
    step: model.Step | None = None
    dose: Callable[[], Dose] | None = None
    options: list[tuple[model.OptionDef, Node]] = field(default_factory=list)

    def possible(self) -> list[int]:
        """The cases that may be the one, and GAP where none may hold."""
        found = []
        for number, (when, _) in enumerate(self.cases):
            if when.value is not False:
                found.append(number)
            if when.value is True:
                return found
        return [*found, GAP]

    def targets(self, case: int) -> tuple[str, ...]:
        return () if case == GAP else self.cases[case][1]


@dataclass
class Dose:
    """A dose in base units with its unit; `exact` None where it is not known."""

    drug: str
    of: str
    unit: str
    look: Look
    rounded: Fraction | None


def ids(refs: Iterable[model.Ref]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ref.id for ref in refs))


def low_end(amount: model.Amount) -> tree.Expr:
    return amount.value.low if isinstance(amount.value, tree.Range) else amount.value


def written(value: model.Amount | model.Ref) -> tree.Expr:
    return tree.Name(value.id, value.span) if isinstance(value, model.Ref) else low_end(value)


class Walk:
    def __init__(self, reader: Reader, now: datetime) -> None:
        self.reader, self.now = reader, now
        self.units, self.protocol, self.library = reader.units, reader.protocol, reader.library
        self.moment = Moment(now)
        self.nodes: dict[str, Node] = {}
        for step in self.protocol.steps.values():
            for node in self.expand(step):
                self.nodes[node.id] = node
        self.starts = ids(self.protocol.start)
        self.memory: dict[tuple[str, str], bool] = {}

    def look(self, expr: tree.Expr) -> Look:
        return self.reader.look(expr, self.moment)

    # ---------------------------------------------------------------- steps

    def expand(self, step: model.Step) -> list[Node]:
        match step:
            case model.Decide():
                cases = [(YES if case.when is None else self.look(case.when.expr), ids(case.go)) for case in step.cases]
                unknown = step.if_unknown.id if step.if_unknown else None
                return [Node(step.id, "decide", cases, if_unknown=unknown, step=step)]
            case model.HandOver():
                return [Node(step.id, "hand_over", step=step)]
            case model.End():
                return [Node(step.id, "end", step=step)]
            case model.Do(verb=model.Titrate()):
                assert isinstance(step.verb, model.Titrate)
                return self.titration(step, step.verb)
        node = Node(step.id, "do", with_=ids(step.with_), then=ids(step.then), step=step)
        node.satisfied = self.satisfied(step)
        node.dose = self.dose_of(step.verb)
        if isinstance(step.verb, model.Choose):
            for option in step.verb.one_of:
                alone = replace(step, verb=option.verb, repeat=None)
                node.options.append((option, Node(step.id, "do", step=alone, dose=self.dose_of(option.verb))))
        return [node]

    def dose_of(self, verb: model.Verb) -> Callable[[], Dose] | None:
        if isinstance(verb, model.Give | model.Infuse) or (isinstance(verb, model.Change) and verb.to is not None):
            return lambda: self.dose(verb)
        return None

    def titration(self, step: model.Do, verb: model.Titrate) -> list[Node]:
        """Rule 16: hold, keep, start, ceiling, wait, raise: the first that holds."""
        name, span = verb.drug.id, verb.span
        drug, every = tree.Name(name, span), written(verb.every)
        running = self.look(drug)
        unit = self.library.drugs[name].rate_unit
        while_ = self.look(verb.while_.expr)
        top, start = self.look(low_end(verb.to)), self.look(low_end(verb.start))
        since = self.look(tree.TimeFeature("since", drug, None, span))
        settled = self.look(tree.Call("known", (tree.Persists(verb.while_.expr, every, drug, span),), span))
        cases = [("hold", either(*(self.look(item.expr) for item in verb.hold_if)))] if verb.hold_if else []
        cases += [
            ("keep", Look(None, while_.missing) if while_.value is None else Look(not while_.value)),
            ("start", self.reader.compare("=", running, Look(Fraction(0)))),
            ("ceiling", self.reader.compare(">=", running, top)),
            ("wait", either(self.reader.compare("<", since, self.look(every)), negation(settled))),
            ("raise", YES),
        ]
        if verb.by is None:
            following = self.reader.arithmetic("+", running, running)
        else:
            following = self.reader.arithmetic("+", running, self.look(low_end(verb.by)))
        raised = following
        if following.value is None or top.value is None:
            raised = Look(None, following.missing | top.missing)
        elif following.value > top.value:  # type: ignore[operator]
            raised = top
        leads = {"hold": ids(verb.on_hold), "ceiling": ids(verb.at_ceiling)}
        fixed = {"hold": "held", "keep": "satisfied", "ceiling": "satisfied", "wait": "waiting"}
        doses = {"start": start, "raise": raised}
        nodes = [Node(step.id, "decide", [(when, (f"{step.id}.{way}",)) for way, when in cases], step=step)]
        for way, _ in cases:
            node = Node(f"{step.id}.{way}", "do", with_=leads.get(way, ()), fixed=fixed.get(way, ""), step=step)
            if way in doses:
                node.dose = lambda look=doses[way]: self.rounded(name, "rate", unit, look)
            if way == "wait":
                node.waits_for = settled.missing
            if node.fixed == "satisfied":
                node.satisfied = YES
            nodes.append(node)
        return nodes

    def satisfied(self, step: model.Do) -> Look:
        """Rule 13."""
        given = NO
        if step.repeat is not None:
            count, _ = self.counted(step)
            if step.repeat.at_most is not None:
                given = self.reader.compare(">=", count, self.look(low_end(step.repeat.at_most)))
        if step.until is not None:
            return either(self.until(step.until.expr, step.id), given)
        if step.repeat is not None:
            return given
        return self.verb_satisfied(step.id, step.verb)

    def until(self, expr: tree.Expr, step: str) -> Look:
        """The condition, in which `done since X` means this step."""
        if isinstance(expr, tree.TimeFeature) and expr.of.id == "this":
            return self.reader.feature(expr, self.moment, this=step)
        if isinstance(expr, tree.And | tree.Or):
            items = [self.until(item, step) for item in expr.items]
            return both(*items) if isinstance(expr, tree.And) else either(*items)
        return self.look(expr)

    def verb_satisfied(self, step: str, verb: model.Verb) -> Look:
        compare, span = self.reader.compare, verb.span
        match verb:
            case model.Give():
                total = self.look(tree.TimeFeature("total", tree.Name(verb.drug.id, span), tree.InEpisode(span), span))
                return compare(">=", total, self.enough(verb))
            case model.Infuse():
                return compare(">=", self.look(tree.Name(verb.drug.id, span)), self.enough(verb))
            case model.Change() if verb.to is not None:
                rate, dose = self.look(tree.Name(verb.drug.id, span)), self.dose(verb)
                return either(compare("=", rate, dose.look), compare("=", rate, Look(dose.rounded)))
            case model.Stop():
                return compare("=", self.look(tree.Name(verb.drug.id, span)), Look(Fraction(0)))
            case model.Measure() | model.Exclude():
                known = [tree.Call("known", (tree.Name(ref.id, span),), span) for ref in verb.data]
                return both(*(self.look(call) for call in known))
            case model.Choose():
                return either(
                    *(
                        self.until(option.until.expr, step) if option.until else self.verb_satisfied(step, option.verb)
                        for option in verb.one_of
                    )
                )
        return self.look(tree.TimeFeature("done", tree.Name(step, span), tree.InEpisode(span), span))

    def enough(self, verb: model.Give | model.Infuse) -> Look:
        """What was given as advised is enough: the low end, or less where limit and rounding make it less; in base."""
        dose = self.dose(verb)
        if dose.look.value is None or dose.rounded is None:
            return Look(None, dose.look.missing)
        shares = dict(self.library.drugs[dose.drug].salts)
        share = Fraction(shares[verb.salt.value]) if verb.salt is not None else Fraction(1)
        return Look(min(Fraction(dose.look.value), dose.rounded) * share)

    def counted(self, step: model.Do) -> tuple[Look, Look]:
        """How often, and how long since, the action of a repeat."""
        assert step.repeat is not None
        drug = getattr(step.verb, "drug", None)
        of = tree.Name(drug.id if drug else step.id, step.span)
        return (
            self.look(tree.TimeFeature("count", of, step.repeat.window, step.span)),
            self.reader.since_given(drug.id, self.moment)
            if drug
            else self.look(tree.TimeFeature("since", of, None, step.span)),
        )

    # ---------------------------------------------------------------- doses

    def scaled(self, expr: tree.Expr, unit: str, weight: model.Text | None) -> Look:
        """An amount in `unit`, times the weight where it is written per kg; rounded once to eight places."""
        look = self.look(expr)
        wanted = self.units.parse(unit)[1]
        if self.reader.dimension(expr) == times(wanted, {"body_mass": 1}, -1) and not wanted.get("body_mass"):
            look = self.reader.arithmetic("*", look, self.reader.weight(self.moment, weight.value if weight else ""))
        return look if look.value is None else Look(self.units.round_in(Fraction(look.value), unit))

    def dose(self, verb: model.Give | model.Infuse | model.Change) -> Dose:
        drug = self.library.drugs[verb.drug.id]
        if isinstance(verb, model.Change):
            assert verb.to is not None
            return self.rounded(drug.id, "rate", drug.rate_unit, self.scaled(low_end(verb.to), drug.rate_unit, None))
        of = "amount" if isinstance(verb, model.Give) else "rate"
        unit = drug.amount_unit if of == "amount" else drug.rate_unit
        written_ = verb.amount if isinstance(verb, model.Give) else verb.rate
        looks = [self.scaled(low_end(written_), unit, verb.weight)]
        if verb.most is not None:
            looks.append(self.scaled(low_end(verb.most), unit, verb.weight))
        look = least(looks)
        if isinstance(written_.value, tree.Range):
            high = self.scaled(written_.value.high, unit, verb.weight)
            if high.value is None:  # a range with an unknown end is no dose yet
                look = Look(None, look.missing | high.missing)
        return self.rounded(drug.id, of, unit, look)

    def rounded(self, drug: str, of: str, unit: str, look: Look) -> Dose:
        if look.value is None:
            return Dose(drug, of, unit, look, None)
        value = Fraction(look.value)
        for rule in self.library.drugs[drug].delivery:
            if rule.of == of:
                step = self.look(low_end(rule.step)).value
                assert isinstance(step, Fraction)
                value = whole(value, step, rule.towards)
        return Dose(drug, of, unit, look, value)

    # ---------------------------------------------------------------- rules 9 and 10

    def ways(self, step: str) -> set[str]:
        """Where `step` may lead."""
        node = self.nodes[step]
        if node.kind == "decide":
            return {target for case in node.possible() for target in node.targets(case)}
        return {*node.with_, *(node.then if node.satisfied.value is not False else ())}

    def must(self, goal: str, step: str) -> bool:
        if goal == step:
            return True
        if (goal, step) not in self.memory:
            node = self.nodes[step]
            if node.kind == "decide":
                found = all(any(self.must(goal, target) for target in node.targets(case)) for case in node.possible())
            else:
                sure = {*node.with_, *(node.then if node.satisfied.value is True else ())}
                found = any(self.must(goal, target) for target in sure)
            self.memory[goal, step] = found
        return self.memory[goal, step]

    def may(self, starts: Iterable[str]) -> set[str]:
        found: set[str] = set()
        todo = list(starts)
        while todo:
            step = todo.pop()
            if step not in found:
                found.add(step)
                todo.extend(self.ways(step))
        return found

    def states(self) -> dict[str, str]:
        """Without assumptions."""
        possible = self.may(self.starts)
        return {
            step: "reached"
            if any(self.must(step, start) for start in self.starts)
            else "not known yet"
            if step in possible
            else "not reached"
            for step in self.nodes
        }

    def with_assumptions(self, states: dict[str, str]) -> tuple[dict[str, str], set[str]]:
        """Rule 10: states, and the steps that are assumed outright."""
        roots: set[str] = set()
        while True:
            held = {
                step for step in self.nodes if states[step] == "reached" or any(self.must(step, root) for root in roots)
            }
            more = {
                target
                for step in held
                if (target := self.nodes[step].if_unknown) is not None and len(self.nodes[step].possible()) > 1
            }
            if more <= roots:
                break
            roots |= more
        return {step: "assumed" if step in held and state != "reached" else state for step, state in states.items()}, {
            root for root in roots if states[root] != "reached"
        }

    # ---------------------------------------------------------------- statuses

    def declined(self, node: Node) -> bool:
        entries = self.reader.record.of_step(node.id, self.now, "declined", "done")
        if f"decline_stands({node.id})" in self.reader.record.given:
            return bool(self.reader.record.given[f"decline_stands({node.id})"])
        if not entries or entries[-1]["event"] != "declined":
            return False
        at = entries[-1]["at"]
        if self.reader.record.opened is not None and at < self.reader.record.opened:
            return False
        step = node.step
        if isinstance(step, model.Do) and step.review is not None:
            after = self.look(written(step.review.after)).value
            if isinstance(after, Fraction) and seconds(self.now, at) >= after:
                return False
        return not self.reopened(node.id, at)

    def reopened(self, step: str, at: datetime) -> bool:
        """Whether a condition on the way to `step` has another value now than when it was declined."""
        before = {name for name, node in self.nodes.items() if step in self.may([name])}
        for name in before:
            source = self.nodes[name].step
            if isinstance(source, model.Decide):
                for case in source.cases:
                    if case.when is not None:
                        then = self.reader.look(case.when.expr, Moment(at)).value
                        now = self.reader.look(case.when.expr, self.moment).value
                        if then is not None and now is not None and then != now:
                            return True
        return False

    def avoid(self, node: Node) -> list[Look]:
        return [self.look(reason.when.expr) for reason in node.step.avoid_if] if isinstance(node.step, model.Do) else []

    def status(self, node: Node) -> str:
        if node.fixed:
            return node.fixed
        step = node.step
        assert isinstance(step, model.Do)
        satisfied = node.satisfied.value
        if satisfied is True:
            return "satisfied"
        if self.declined(node):
            return "declined"
        if either(*self.avoid(node)).value is True:
            return "withheld"
        if satisfied is None:
            return "not known"
        status = "due"
        if step.repeat is not None:
            status = self.repeat_status(step)
        if node.options and all(self.is_out(option, alone) for option, alone in node.options):
            return "withheld"
        early = status != "waiting" and self.breaks_a_repeat(node)  # who waits for the gift waits, and breaks nothing
        return "withheld" if early or self.breaks_a_rule(node) else status

    def is_out(self, option: model.OptionDef, alone: Node) -> bool:
        """An option of a choice that a reason speaks against, or that a rule would refuse."""
        return self.any_true(option.against) or self.breaks_a_rule(alone) or self.breaks_a_repeat(alone)

    def offered(self, node: Node) -> list[str]:
        """The options that are not out, those that a reason speaks for first."""
        left = [option for option, alone in node.options if not self.is_out(option, alone)]
        return [option.id for option in sorted(left, key=lambda option: not self.any_true(option.for_))]

    def any_true(self, reasons: Iterable[model.Reason]) -> bool:
        return any(self.look(reason.when.expr).value is True for reason in reasons)

    def repeat_status(self, step: model.Do) -> str:
        assert step.repeat is not None
        every = step.repeat.every
        span = every.value if isinstance(every, model.Amount) else written(every)
        low, high = (span.low, span.high) if isinstance(span, tree.Range) else (span, span)
        count, since = self.counted(step)
        if count.value == 0:
            return "due"
        later = self.repeated(since, self.look(low), self.look(high))
        return "not known" if count.value is None and later != "due" else later

    def repeated(self, since: Look, low: Look, high: Look) -> str:
        """Where a repeat stands that was given before."""
        early, late = self.reader.compare("<", since, low).value, self.reader.compare("<=", since, high).value
        if early is None or (early is False and late is None):
            return "not known"
        return "waiting" if early else "due" if late else "overdue"

    def breaks_a_rule(self, node: Node) -> bool:
        """Rule 19: an action of ours that would be refused is withheld."""
        if node.dose is None:
            return False
        dose = self.capped(node)
        if any(left.value is not None and Fraction(left.value) <= 0 for left in self.remaining(dose.drug)):
            return True
        if dose.rounded is not None and dose.rounded <= 0 and self.remaining(dose.drug):
            return True
        order = self.order_of(node, dose)
        return any(verdict is True for verdict, _ in self.refusals(dose.drug, order, frozenset({dose.drug})))

    def breaks_a_repeat(self, node: Node) -> bool:
        """Rule 17: the repeat of another step refuses an earlier gift of its drug, ours as well."""
        if node.dose is None:
            return False
        dose = self.capped(node)
        order = self.order_of(node, dose)
        others = [step for step in self.protocol.steps.values() if isinstance(step, model.Do) and step.id != node.id]
        return any(repeat_refuses(self, step, dose.drug, order) is True for step in others)

    def capped(self, node: Node) -> Dose:
        """The dose, limited to what the caps leave."""
        assert node.dose is not None
        dose = node.dose()
        if dose.of == "amount" and any(_spent(left) for left in self.remaining(dose.drug)):
            return self.rounded(dose.drug, dose.of, dose.unit, Look(Fraction(0)))  # nothing is left, whatever the dose
        if dose.of != "amount" or dose.look.value is None:
            return dose
        looks = [dose.look, *self.remaining(dose.drug)]
        return self.rounded(dose.drug, dose.of, dose.unit, least(looks))

    def remaining(self, drug: str) -> list[Look]:
        left = []
        for cap in self.protocol.caps.values():
            if drug in self.reader.drugs(cap.drug.id):
                unit = self.library.drugs[drug].amount_unit
                feature = tree.TimeFeature("total", tree.Name(cap.drug.id, cap.span), cap.window, cap.span)
                total, most = self.look(feature), self.scaled(low_end(cap.amount), unit, cap.weight)
                least_total = self.reader.least_totals.get(to_text(feature), Fraction(0))
                if total.value is None and most.value is not None and least_total >= Fraction(most.value):
                    total = Look(least_total)
                left.append(self.reader.arithmetic("-", most, total))
        return left

    # ---------------------------------------------------------------- orders

    def order_of(self, node: Node, dose: Dose) -> dict[str, Look]:
        verb = node.step.verb if isinstance(node.step, model.Do) else None
        order = {f"order.{dose.of}": Look(dose.rounded)}
        for name in ("route", "intent", "line", "salt"):
            text = getattr(verb, name, None)
            order[f"order.{name}"] = Look("" if text is None else text.value)  # what is left out is nothing
        return order

    def refusals(self, drug: str, order: dict[str, Look], ordered: frozenset[str]) -> list[tuple[bool | None, str]]:
        """(refuses?, rule) of each never rule, generated repeat rule and hard limit about `drug`."""
        found: list[tuple[bool | None, str]] = []
        moment = Moment(self.now, order=order, ordered=ordered)
        for rule in self.protocol.never.values():
            if rule.order.id == "any" or drug in self.reader.drugs(rule.order.id):
                look = YES if rule.when is None else self.reader.look(rule.when.expr, moment)
                found.append((None if look.value is None else bool(look.value), rule.id))
        for limit in self.library.drugs[drug].limits:
            value = order.get(f"order.{limit.of}", Look(None)).value
            route = order.get("order.route", Look(None)).value
            if value is None or (limit.route and limit.route != route):
                continue
            assert isinstance(value, Fraction)
            ends = (limit.hard_low, limit.hard_high)
            low, high = (None if end is None else self.look(low_end(end)).value for end in ends)
            beyond = (low is not None and value < low) or (high is not None and value > high)  # type: ignore[operator]
            found.append((bool(beyond), f"hard limit of {drug}"))
        return found

    # ---------------------------------------------------------------- asks

    def asks_of(self, node: Node, states: dict[str, str]) -> frozenset[str]:
        now = states[node.id] == "reached"
        if node.kind == "decide":
            possible = node.possible()
            targets = {case: set(node.targets(case)) for case in possible}
            all_reached = GAP not in possible and all(
                states[target] == "reached" for case in possible for target in targets[case]
            )
            if (
                all(
                    found == targets[possible[0]] and (case == GAP) == (possible[0] == GAP)
                    for case, found in targets.items()
                )
                or all_reached
            ):
                return NONE
            return NONE.union(*(node.cases[case][0].missing for case in possible if case != GAP))
        if node.kind != "do" or node.fixed:
            return node.waits_for
        step = node.step
        assert isinstance(step, model.Do)
        status = self.status(node)
        if node.satisfied.value is True:
            return NONE
        asks = node.satisfied.missing
        if status == "declined" or (status == "withheld" and not node.options):
            return asks
        if status == "withheld" and either(*self.avoid(node)).value is True:
            return asks
        asks |= self.option_asks(node)
        asks = asks.union(*(look.missing for look in self.avoid(node)))
        if step.repeat is not None:
            count, since = self.counted(step)
            if count.value is not None or self.repeat_status(step) != "due":  # else due whether it was given or not
                asks |= count.missing
            if count.value != 0:
                asks |= since.missing
        if node.dose is not None:
            dose = node.dose()
            asks |= self.range_asks(node, dose)
            asks = asks.union(*(look.missing for look in self.remaining(dose.drug)))
            if now and status in ("due", "overdue", "waiting"):
                order = Moment(self.now, order=self.order_of(node, self.capped(node)), ordered=frozenset({dose.drug}))
                for rule in self.protocol.never.values():
                    covers = rule.order.id == "any" or dose.drug in self.reader.drugs(rule.order.id)
                    if covers and rule.when is not None:
                        look = self.reader.look(rule.when.expr, order)
                        asks |= look.missing if look.value is None else NONE
        return asks

    def option_asks(self, node: Node) -> frozenset[str]:
        """What ranks the options of a choice, and the dose of the first that no reason is against."""
        asks = NONE
        left = []
        for option, alone in node.options:
            for reason in (*option.against, *option.for_):
                look = self.look(reason.when.expr)
                asks |= look.missing if look.value is None else NONE
            if not self.any_true(option.against):
                left.append((0 if self.any_true(option.for_) else 1, alone))
        if left:
            first = min(left, key=lambda pair: pair[0])[1]
            if first.dose is not None:
                dose = first.dose()
                asks |= self.range_asks(first, dose)
                if dose.of == "amount":
                    asks = asks.union(*(look.missing for look in self.remaining(dose.drug)))
        return asks

    def range_asks(self, node: Node, dose: Dose) -> frozenset[str]:
        """What the dose, its upper end and its portions lack."""
        asks = dose.look.missing
        verb = node.step.verb if isinstance(node.step, model.Do) else None
        if isinstance(verb, model.Give) and verb.each is not None:
            asks |= self.look(written(verb.each)).missing
        if isinstance(verb, model.Give) and isinstance(verb.over, model.Ref):
            asks |= self.look(written(verb.over)).missing
        if isinstance(verb, model.Give | model.Infuse):
            amount = verb.amount if isinstance(verb, model.Give) else verb.rate
            if isinstance(amount.value, tree.Range):
                asks |= self.scaled(amount.value.high, dose.unit, verb.weight).missing
        return asks

    def review_asks(self, node: Node) -> frozenset[str]:
        """Rule 15: rounds of measuring, counted from the action; once due, what this round still lacks."""
        step, record = node.step, self.reader.record
        if not isinstance(step, model.Do) or record.one_moment:
            return NONE
        if step.review is None:
            return NONE
        after, measures = self.look(written(step.review.after)).value, ids(step.review.measure)
        drug = getattr(step.verb, "drug", None)
        entries = record.of_drugs([drug.id], self.now, "started", "changed", "given") if drug is not None else []
        entries = entries or record.of_step(node.id, self.now, "done")
        entries = [entry for entry in entries if record.opened is None or entry["at"] >= record.opened]
        if not isinstance(after, Fraction) or not entries or not measures:
            return NONE
        base = max(entry["at"] for entry in entries)
        while True:
            first = {
                name: [entry["at"] for entry in self.reader.readings(name, self.moment) if entry["at"] > base][:1]
                for name in measures
            }
            if not all(first.values()):
                break
            base = max(found[0] for found in first.values())
        if seconds(self.now, base) < after:
            return NONE
        return frozenset(name for name, found in first.items() if not found)


def _spent(left: Look) -> bool:
    return left.value is not None and Fraction(left.value) <= 0


def least(looks: list[Look]) -> Look:
    if any(look.value is None for look in looks):
        return Look(None, NONE.union(*(look.missing for look in looks)))
    return Look(max(Fraction(0), min(Fraction(look.value) for look in looks if look.value is not None)))


# ---------------------------------------------------------------- the front


def prepare(
    protocol: model.Protocol, library: model.Library, chart: Mapping[str, Any], now: datetime, local: Mapping[str, Any]
) -> tuple[Reader, Record, Walk]:
    units = Units(library.units)
    record = Record(protocol, library, units, chart, now)
    reader = Reader(protocol, library, record, units, local)
    return reader, record, Walk(reader, now)


def reference_advice(
    protocol: model.Protocol,
    library: model.Library,
    chart: Mapping[str, Any],
    *,
    now: datetime,
    local: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Advice as plain data; doses as (exact, rounded) fractions of the dose's unit."""
    reader, record, walk = prepare(protocol, library, chart, now, local or {})
    applies = YES if protocol.applies is None else walk.look(protocol.applies.expr)
    plain = walk.states()
    here = ("reached", "assumed")
    states, assumed = walk.with_assumptions(plain)
    statuses: dict[str, str] = {}
    options: dict[str, list[str]] = {}
    doses: dict[str, tuple[Fraction | None, Fraction | None, str]] = {}
    needs = NONE if applies.value is False else applies.missing
    for step, node in walk.nodes.items():
        if states[step] == "not reached":
            continue
        if plain[step] in ("reached", "not known yet"):
            needs |= walk.asks_of(node, plain)
        if states[step] not in ("reached", "assumed"):
            continue
        if plain[step] == "reached":
            needs |= walk.review_asks(node)
        if node.kind == "do":
            statuses[step] = walk.status(node)
            if node.options:
                options[step] = walk.offered(node)
            if node.dose is not None:
                dose = walk.capped(node)
                exact = node.dose().look.value
                doses[step] = (
                    None
                    if exact is None
                    else half_even(walk.units.shown(Fraction(exact), dose.unit), Fraction(1, 10**8)),
                    None if dose.rounded is None else walk.units.shown(dose.rounded, dose.unit),
                    dose.unit,
                )
    recommended = [step for step, status in statuses.items() if status in ("due", "overdue")]
    recommended += [s for s, n in walk.nodes.items() if n.kind == "hand_over" and states[s] in ("reached", "assumed")]
    recommended.sort(key=lambda step: URGENCY[getattr(walk.nodes[step].step, "priority", "")])
    gaps = [s for s, n in walk.nodes.items() if n.kind == "decide" and states[s] in here and n.possible() == [GAP]]
    if applies.value is None:  # whether the protocol is for this patient comes first
        states = {step: "not reached" if state == "not reached" else "not known yet" for step, state in plain.items()}
        statuses, doses, options, recommended, gaps = {}, {}, {}, [], []
    if applies.value is False:
        return {
            **{key: {} for key in ("states", "statuses", "options", "doses", "goals")},
            **{key: [] for key in ("recommended", "outcomes", "hand_overs")},
            **{key: set() for key in ("asks", "needs_policy", "alerts", "gaps")},
            "applies": False,
        }
    return {
        "applies": applies.value,
        "states": states,
        "statuses": statuses,
        "recommended": recommended,
        "options": options,
        "doses": doses,
        "asks": {name for name in needs if not name.startswith(("local ", "unavailable "))},
        "needs_policy": {name.removeprefix("local ") for name in needs if name.startswith("local ")},
        "alerts": {alert.id for alert in protocol.alerts.values() if walk.look(alert.when.expr).value is True},
        "gaps": set(gaps),
        "goals": {
            goal.id: {True: "met", False: "not met", None: "unknown"}[walk.look(goal.target.expr).value]  # type: ignore[index]
            for goal in protocol.goals.values()
        },
        "outcomes": [s for s, n in walk.nodes.items() if n.kind == "end" and states[s] in here],
        "hand_overs": [
            n.step.protocol.id
            for s, n in walk.nodes.items()
            if isinstance(n.step, model.HandOver) and states[s] in here
        ],
        "assumed": assumed,
        "refused": record.refused,
        "absences": reader.absences,
    }


def reference_orders(
    protocol: model.Protocol,
    library: model.Library,
    chart: Mapping[str, Any],
    orders: list[dict[str, Any]],
    *,
    now: datetime,
    local: Mapping[str, Any] | None = None,
) -> list[str]:
    """The verdict of each order: refused, cannot tell, challenged or allowed, the gravest first."""
    reader, _, walk = prepare(protocol, library, chart, now, local or {})
    reader.trusts_absence = False
    names = frozenset(reader.synonyms.get(order["drug"], order["drug"]) for order in orders)
    return [verdict(walk, order, names) for order in orders]


def verdict(walk: Walk, raw: dict[str, Any], ordered: frozenset[str]) -> str:
    reader = walk.reader
    drug = reader.synonyms.get(raw["drug"], raw["drug"])
    order = {f"order.{key}": Look(str(raw[key])) for key in ("route", "intent", "line", "salt") if key in raw}
    if "rate" in raw:
        weight = reader.weight(walk.moment).value
        state, rate = walk.reader.record.rate(drug, {"rate": raw["rate"], "salt": raw.get("salt")}, weight)
        if state in ("salt", "weight"):
            return "cannot tell"
        if state == "refused":
            return "refused"
        order["order.rate"] = Look(rate)
    if "amount" in raw:
        order["order.amount"] = Look(reader.record.amount(drug, {"amount": raw["amount"], "salt": raw.get("salt")}))
    refusals = [refuses for refuses, _ in walk.refusals(drug, order, ordered)]
    refusals += [
        repeat_refuses(walk, step, drug, order) for step in walk.protocol.steps.values() if isinstance(step, model.Do)
    ]
    amount = order.get("order.amount", Look(None))
    if amount.value is not None:
        refusals += [reader.compare(">", amount, left).value for left in walk.remaining(drug)]  # type: ignore[misc]
    if True in refusals:
        return "refused"
    doubts = [soft(walk, drug, limit, order) for limit in walk.library.drugs[drug].limits]
    largest = walk.library.drugs[drug].largest_step
    if largest and order.get("order.rate", Look(None)).value is not None:
        running = reader.rate(drug, walk.moment)
        tenfold = reader.arithmetic("*", running, Look(Fraction(Decimal(largest))))
        step = both(reader.compare(">", running, Look(Fraction(0))), reader.compare(">=", order["order.rate"], tenfold))
        doubts.append(step.value)  # type: ignore[arg-type]
    if None in refusals or None in doubts:
        return "cannot tell"
    return "challenged" if True in doubts else "allowed"


def soft(walk: Walk, drug: str, limit: model.LimitDef, order: dict[str, Look]) -> bool:
    value = order.get(f"order.{limit.of}", Look(None)).value
    route = order.get("order.route", Look(None)).value
    if not isinstance(value, Fraction) or (limit.route and limit.route != route):
        return False
    ends = (limit.soft_low, limit.soft_high)
    low, high = (None if end is None else walk.look(low_end(end)).value for end in ends)
    return bool((low is not None and value < low) or (high is not None and value > high))  # type: ignore[operator]


def repeat_refuses(walk: Walk, step: model.Do, drug: str, order: dict[str, Look]) -> bool | None:
    """Rule 17: an order before the earliest time, or after the last one allowed."""
    named = getattr(step.verb, "drug", None)
    if step.repeat is None or named is None or named.id != drug:
        return False
    count, since = walk.counted(step)
    every = step.repeat.every
    span = every.value if isinstance(every, model.Amount) else written(every)
    low = span.low if isinstance(span, tree.Range) else span
    early = both(walk.reader.compare(">", count, Look(Fraction(0))), walk.reader.compare("<", since, walk.look(low)))
    spent = NO
    if step.repeat.at_most is not None:
        spent = walk.reader.compare(">=", count, walk.look(low_end(step.repeat.at_most)))
    route = getattr(step.verb, "route", None)
    same = YES
    if route is not None:
        named_route = order.get("order.route", Look(None)).value
        same = Look(None if named_route is None else named_route == route.value)
    found = both(either(early, spent), same).value
    return None if found is None else bool(found)
