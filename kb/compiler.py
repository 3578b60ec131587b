"""A protocol without errors made into a Program.

Whatever an editor may leave unsaid (when an infusion counts as satisfied, the order a repeat
forbids, the sub-steps of a titration) is spelled out here, as ordinary conditions, so that every
reading of the Program sees only conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar, assert_never

from kb import digest, elsewhere, model, program
from kb.diagnostics import Diagnostic, Span, has_errors, in_reading_order
from kb.expression import tree
from kb.expression.lower import Lowering
from kb.expression.scope import Scope
from kb.graph import leads_to, reading_order
from kb.linter import lint_protocol, scope_of
from kb.values import round_half_even

_T = TypeVar("_T")


def compile_protocol(
    protocol: model.Protocol, library: model.Library
) -> tuple[program.Program | None, tuple[Diagnostic, ...]]:
    """The Program of `protocol`, or None where it has errors; with all that the linter found."""
    found = in_reading_order(lint_protocol(protocol, library))
    if has_errors(found):
        return None, found
    return compile_unchecked(protocol, library), found


def compile_unchecked(protocol: model.Protocol, library: model.Library) -> program.Program:
    """The Program of a protocol that is known to have no errors, or whose errors are looked for afterwards.

    Raises:
        Exception: it has errors, and one of them leaves nothing to compile.

    """
    return _Compiler(protocol, library).compile()


def with_slots(
    made: program.Program, protocol: model.Protocol, library: model.Library, lowering: Lowering
) -> program.Program:
    """`made` with the slots that `lowering` has added to its own, and what they need embedded; `made` itself if none.

    For readings that ask of a patient more than the protocol does. What the Program decides, and its digests, stay.
    """
    if len(lowering.slots) == len(made.slots):
        return made
    compiler = _Compiler(protocol, library)
    compiler.lowering = lowering
    return made._replace(
        slots=lowering.slots,
        elements=compiler.elements(made.steps),
        drugs=compiler.drugs(made.steps, made.rules, made.caps),
        parameters=compiler.parameters(),
    )


@dataclass(frozen=True, slots=True)
class _Node:
    """A step of the Program to be: its id, where it leads, and how to make its record."""

    id: str
    targets: tuple[str, ...]
    build: Callable[[], program.Step]


class _Compiler:
    """One compilation. `lowering` grows the slot table as conditions are lowered."""

    def __init__(self, protocol: model.Protocol, library: model.Library) -> None:
        self.protocol = protocol
        self.library = library
        self.scope: Scope = scope_of(protocol, library)
        self.lowering = Lowering(self.scope)
        self.index: dict[str, int] = {}
        self.made_rules: list[program.Rule] = []

    def compile(self) -> program.Program:
        protocol = self.protocol
        nodes = {node.id: node for step in protocol.steps.values() for node in self.nodes(step)}
        order = reading_order((ref.id for ref in protocol.start), {node.id: node.targets for node in nodes.values()})
        self.index = {id: place for place, id in enumerate(order)}
        applies, applies_text = self.condition_or_true(protocol.applies)
        enter, enter_text = self.condition_or_true(protocol.enter)
        steps = tuple(nodes[id].build() for id in order)
        rules = tuple(self.rule(never) for _, never in sorted(protocol.never.items())) + tuple(self.made_rules)
        caps = tuple(self.cap(cap) for _, cap in sorted(protocol.caps.items()))
        goals = tuple(self.goal(goal) for _, goal in sorted(protocol.goals.items()))
        alerts = tuple(self.alert(alert) for _, alert in sorted(protocol.alerts.items()))
        weight = None
        basis = self.scope.weight_element
        if basis is not None and any(slot.of == basis.id for slot in self.lowering.slots):
            weight = self.lowering.element(basis.id)
        if weight is None and basis is not None and self.charts_per_weight():
            weight = self.lowering.element(basis.id)
        drugs = self.drugs(steps, rules, caps)
        for drug in drugs:
            if drug.rate_unit:  # every drug that can be ordered has its running rate in the row (design rule 19)
                self.rate(model.Ref(drug.id, protocol.span))
        evidence = protocol.evidence
        made = program.Program(
            schema=program.SCHEMA,
            id=protocol.id,
            version=protocol.version,
            title=protocol.title.value,
            question=protocol.question.value,
            purpose=protocol.purpose,
            updated=protocol.updated,
            population=_text(protocol.population),
            state="draft",
            withdrawn=_text(protocol.withdrawn),
            logic_digest="",
            text_digest="",
            slots=tuple(self.lowering.slots),
            steps=steps,
            starts=tuple(self.index[ref.id] for ref in protocol.start),
            applies=applies,
            applies_text=applies_text,
            enter=enter,
            enter_text=enter_text,
            weight=weight,
            rules=rules,
            caps=caps,
            goals=goals,
            alerts=alerts,
            elements=self.elements(steps),
            drugs=drugs,
            units=tuple(
                program.Unit(unit.spelling, unit.ucum, unit.factor, tuple(sorted(unit.dimension)), unit.offset)
                for _, unit in sorted(self.library.units.items())
            ),
            parameters=self.parameters(),
            interpretations=tuple(
                program.Interpretation(
                    id=item.id,
                    about=_ids(item.about),
                    reading=item.reading.value,
                    rejected=tuple(text.value for text in item.rejected),
                    because=item.because.value,
                    confirm=item.confirm.value,
                    status=item.status,
                )
                for _, item in sorted(protocol.interpretations.items())
            ),
            statements=()
            if evidence is None
            else tuple(
                program.Statement(
                    item.id,
                    item.says.value,
                    item.kind,
                    _ids(item.cites),
                    item.support,
                    item.wording,
                    "" if item.grade is None else item.grade.text,
                )
                for item in evidence.statements.values()
            ),
            not_encoded=tuple((id, text.value) for id, text in sorted(protocol.not_encoded.items())),
            references=()
            if evidence is None
            else tuple(
                program.Reference(
                    item.key,
                    item.title,
                    item.kind,
                    item.publisher,
                    item.year,
                    item.tier,
                    item.identifier,
                    item.checked,
                    "" if item.superseded_by is None else item.superseded_by.id,
                )
                for item in evidence.references.values()
            ),
            source=program.Source()
            if evidence is None
            else program.Source(
                evidence.source.title,
                evidence.source.publisher,
                evidence.source.updated,
                evidence.source.banner,
                evidence.source.claims,
                evidence.source.disclaimer,
            ),
        )
        if evidence is not None and evidence.elsewhere:
            made = made._replace(elsewhere=elsewhere.beside(made, evidence))
        return digest.with_digests(made)

    # ------------------------------------------------------------ steps

    def nodes(self, step: model.Step) -> Iterator[_Node]:
        """The nodes that one step of the file becomes: itself, and the sub-steps of a titration."""
        if isinstance(step, model.Do) and isinstance(step.verb, model.Titrate):
            yield from self.titration(step, step.verb)
            return
        targets = tuple(dict.fromkeys(ref.id for ref in leads_to(step)))
        match step:
            case model.Decide():
                yield _Node(step.id, targets, lambda: self.decide(step))
            case model.Do():
                yield _Node(step.id, targets, lambda: self.do(step))
            case model.HandOver():
                yield _Node(step.id, targets, lambda: self.hand_over(step))
            case model.End():
                yield _Node(step.id, targets, lambda: self.end(step))
            case _:
                assert_never(step)

    def decide(self, step: model.Decide) -> program.Step:
        return program.Step(
            id=step.id,
            kind="decide",
            title=step.title.value,
            cases=tuple(
                program.Case(
                    when=program.TRUE if case.when is None else self.condition(case.when),
                    targets=self.targets(case.go),
                    text="else" if case.when is None else case.when.text,
                    title=_text(case.title),
                    cites=_ids(case.backing.cites) + (() if case.when is None else _ids(case.when.cites)),
                    interprets=_ids(case.backing.interprets)
                    + (() if case.when is None else _ids(case.when.interprets)),
                )
                for case in step.cases
            ),
            if_unknown=None if step.if_unknown is None else self.index[step.if_unknown.id],
            note=_text(step.note),
            cites=_ids(step.backing.cites),
            interprets=_ids(step.backing.interprets),
        )

    def hand_over(self, step: model.HandOver) -> program.Step:
        return program.Step(
            id=step.id,
            kind="hand_over",
            title=_text(step.title) or f"Go to {step.protocol.id}",
            priority=step.priority,
            note=_text(step.note),
            hand_over=step.protocol.id,
            cites=_ids(step.backing.cites),
            interprets=_ids(step.backing.interprets),
        )

    def end(self, step: model.End) -> program.Step:
        return program.Step(
            id=step.id,
            kind="end",
            title=step.title.value,
            note=_text(step.note),
            cites=_ids(step.backing.cites),
            interprets=_ids(step.backing.interprets),
        )

    def do(self, step: model.Do) -> program.Step:
        repeat = self.repeat(step) if step.repeat is not None else None
        satisfied = self.satisfied(step, repeat)
        action = self.action(step.id, step.verb)
        if repeat is not None and action.drug:
            self.made_rules.append(self.repeat_rule(step, repeat, action))
        return self.do_record(step, step.id, action, satisfied, repeat)

    def do_record(
        self,
        step: model.Do,
        id: str,
        action: program.Action,
        satisfied: program.Expr,
        repeat: program.Repeat | None,
        title: str = "",
        fixed: str = "",
        leads: tuple[model.Ref, ...] | None = None,
    ) -> program.Step:
        """The record of a `do`; `fixed` is the status of a sub-step that only says how things stand."""
        avoid = tuple(self.avoid(reason) for reason in step.avoid_if)
        return program.Step(
            id=id,
            kind="do",
            title=title or step.title.value,
            with_=self.targets(step.with_ if leads is None else leads),
            then=self.targets(step.then) if leads is None else (),
            satisfied=satisfied,
            status=program.Const(fixed) if fixed else self.status(id, satisfied, avoid, repeat),
            action=action,
            avoid=avoid,
            review=self.review(step),
            repeat=repeat,
            priority=step.priority,
            strength=step.strength,
            certainty=step.certainty,
            decide_by=_text(step.decide_by),
            note=_text(step.note),
            part_of=step.id if id != step.id else "",
            cites=_ids(step.backing.cites),
            interprets=_ids(step.backing.interprets),
        )

    def status(
        self,
        id: str,
        satisfied: program.Expr,
        avoid: tuple[program.Avoid, ...],
        repeat: program.Repeat | None,
    ) -> program.Expr:
        """Design rule 13, the first that holds, as one value over cases."""
        say = program.Const
        cases: list[tuple[program.Expr, program.Expr]] = []
        if not program.is_constant(satisfied, False):
            cases.append((program.Sure(satisfied), say("satisfied")))
        stands = self.lowering.implicit(
            f"decline_stands({id})",
            program.Feature("decline_stands", program.Event("step", id)),
            type="boolean",
            of=id,
        )
        cases.append((program.Sure(program.Get(stands)), say("declined")))
        if avoid:
            cases.append((program.Sure(program.Any_(tuple(reason.when for reason in avoid))), say("withheld")))
        if not program.is_constant(satisfied, False):
            cases.append((satisfied, say("satisfied")))
        if repeat is not None:
            count, since = program.Get(repeat.count), program.Get(repeat.since)
            cases += [
                (program.Compare("=", count, program.Const(0)), say("due")),
                (program.Compare("<", since, repeat.earliest), say("waiting")),
                (program.Compare("<=", since, repeat.latest), say("due")),
                (program.TRUE, say("overdue")),
            ]
        else:
            cases.append((program.TRUE, say("due")))
        return program.Cases(tuple(cases)) if len(cases) > 1 else cases[0][1]

    def satisfied(self, step: model.Do, repeat: program.Repeat | None) -> program.Expr:
        """Design rule 13: what makes this action satisfied."""
        if step.until is not None:
            until = self.lowering.condition(_this(step.until.expr, step.id))
            return until if repeat is None else _any(until, self.all_given(repeat))
        if repeat is not None:
            return self.all_given(repeat)
        return self.verb_satisfied(step.id, step.verb)

    def all_given(self, repeat: program.Repeat) -> program.Expr:
        if repeat.at_most is None:
            return program.FALSE
        return program.Compare(">=", program.Get(repeat.count), repeat.at_most)

    def verb_satisfied(self, id: str, verb: model.Verb) -> program.Expr:
        span = verb.span
        match verb:
            case model.Give():
                drug = tree.Name(verb.drug.id, verb.drug.span)
                total = tree.TimeFeature("total", drug, tree.InEpisode(span), span)
                unit = self.drug(verb.drug.id).amount_unit
                enough = self.enough(verb.drug.id, "amount", verb.amount, verb.most, verb.weight, verb.salt)
                return program.Compare(">=", self.lowering.amount(total, unit), enough)
            case model.Infuse():
                enough = self.enough(verb.drug.id, "rate", verb.rate, verb.most, verb.weight, verb.salt)
                return program.Compare(">=", self.rate(verb.drug), enough)
            case model.Change() if verb.to is not None:
                rate, to = self.rate(verb.drug), self.amount(_low(verb.to), self.drug(verb.drug.id).rate_unit, None)
                charted = program.Compare("=", rate, self.delivered(verb.drug.id, "rate", to))
                return _any(program.Compare("=", rate, to), charted)
            case model.Stop():
                return program.Compare("=", self.rate(verb.drug), program.Const(0))
            case model.Measure() | model.Exclude():
                return program.All(
                    tuple(
                        self.lowering.condition(tree.Call("known", (tree.Name(ref.id, ref.span),), ref.span))
                        for ref in verb.data
                    )
                )
            case model.Choose():
                return _any(*(self.option_satisfied(id, option) for option in verb.one_of))
            case model.Perform() | model.CallFor() | model.Change():
                done = tree.TimeFeature("done", tree.Name(id, span), tree.InEpisode(span), span)
                return self.lowering.condition(done)
            case model.Titrate():
                raise AssertionError("a titration is expanded before its parts are compiled")
            case _:
                assert_never(verb)

    def enough(
        self,
        drug: str,
        of: str,
        amount: model.Amount,
        most: model.Amount | None,
        weight: model.Text | None,
        salt: model.Text | None,
    ) -> program.Expr:
        """The least that counts as the dose: what is advised is limited and rounded, so that what was given as
        advised satisfies it. In base, as charted rates and totals are.
        """
        unit = self.drug(drug).amount_unit if of == "amount" else self.drug(drug).rate_unit
        low = self.amount(_low(amount), unit, weight)
        if most is not None:
            low = _least(low, self.amount(_low(most), unit, weight))
        low = _least(low, self.delivered(drug, of, low))
        fraction = next((share for name, share in self.drug(drug).salts if salt and name == salt.value), None)
        if fraction is None:
            return low
        over, under = Fraction(fraction).as_integer_ratio()
        return program.Divide(program.Multiply(low, program.Const(over)), program.Const(under))

    def delivered(self, drug: str, of: str, value: program.Expr) -> program.Expr:
        """`value` as it can be delivered, towards the drug's safer side (design rule 18)."""
        delivery = next((item for item in self.scope.drug_record(drug).delivery if item.of == of), None)
        if delivery is None:
            return value
        step, shift = (
            delivery.step,
            {"down": 1 - delivery.step, "up": delivery.step - 1, "nearest": 0}[delivery.towards],
        )
        if isinstance(value, program.Const):
            steps = round_half_even(2 * int(value.value) + shift, 2 * step)
            return program.Const(steps * step)
        # INVARIANT: with the shift the half-even quotient is the floor, or the ceiling, of value / step.
        twice = program.Add(program.Add(value, value), program.Const(shift))
        return program.Multiply(program.Divide(twice, program.Const(2 * step)), program.Const(step))

    def option_satisfied(self, id: str, option: model.OptionDef) -> program.Expr:
        if option.until is not None:
            return self.lowering.condition(_this(option.until.expr, id))
        return self.verb_satisfied(id, option.verb)

    # ------------------------------------------------------------ actions

    def action(self, id: str, verb: model.Verb) -> program.Action:
        match verb:
            case model.Give():
                unit = self.drug(verb.drug.id).amount_unit
                if isinstance(verb.over, model.Ref):
                    self.lowering.parameter(verb.over.id)  # `over` is text, its local value stands in the row
                return program.Action(
                    verb="give",
                    drug=verb.drug.id,
                    of="amount",
                    dose=self.dose(verb.amount, verb.most, unit, verb.weight),
                    each=self.quantity_or_parameter(verb.each, unit),
                    each_text=_written(verb.each),
                    over=_written(verb.over),
                    route=_text(verb.route),
                    salt=_text(verb.salt),
                    concentration=_text(verb.concentration),
                    intent=_text(verb.intent),
                    line=_text(verb.line),
                )
            case model.Infuse():
                unit = self.drug(verb.drug.id).rate_unit
                return program.Action(
                    verb="infuse",
                    drug=verb.drug.id,
                    of="rate",
                    dose=self.dose(verb.rate, verb.most, unit, verb.weight),
                    route=_text(verb.route),
                    salt=_text(verb.salt),
                    intent=_text(verb.intent),
                    line=_text(verb.line),
                )
            case model.Change():
                unit = self.drug(verb.drug.id).rate_unit
                return program.Action(
                    verb="change",
                    drug=verb.drug.id,
                    of="rate",
                    dose=None if verb.to is None else self.dose(verb.to, None, unit, None),
                    subject=() if verb.direction is None else (verb.direction.value,),
                )
            case model.Stop():
                return program.Action(verb="stop", drug=verb.drug.id, of="rate")
            case model.Perform():
                return program.Action(verb="perform", subject=(verb.what.value,))
            case model.CallFor():
                return program.Action(verb="call", subject=(verb.who.value,))
            case model.Measure():
                return program.Action(verb="measure", subject=_ids(verb.data))
            case model.Exclude():
                return program.Action(verb="exclude", subject=_ids(verb.data))
            case model.Choose():
                return program.Action(verb="choose", options=tuple(self.option(id, option) for option in verb.one_of))
            case model.Titrate():
                raise AssertionError("a titration is expanded before its parts are compiled")
            case _:
                assert_never(verb)

    def option(self, id: str, option: model.OptionDef) -> program.Option:
        return program.Option(
            id=option.id,
            title=option.title.value,
            action=self.action(id, option.verb),
            satisfied=self.option_satisfied(id, option),
            for_=tuple(self.avoid(reason) for reason in option.for_),
            against=tuple(self.avoid(reason) for reason in option.against),
            cites=_ids(option.backing.cites),
            interprets=_ids(option.backing.interprets),
        )

    def dose(
        self, amount: model.Amount, most: model.Amount | None, unit: str, weight: model.Text | None
    ) -> program.Dose:
        value = amount.value
        low, high = (value.low, value.high) if isinstance(value, tree.Range) else (value, None)
        return program.Dose(
            low=self.amount(low, unit, weight),
            high=None if high is None else self.amount(high, unit, weight),
            most=None if most is None else self.amount(_low(most), unit, weight),
            unit=unit,
            text=amount.text,
            weight=self.lowering.weight_slot(_low(amount), unit, _text(weight) or None),
        )

    def amount(self, expr: tree.Expr, unit: str, weight: model.Text | None) -> program.Expr:
        return self.lowering.amount(expr, unit, _text(weight) or None)

    def rate(self, ref: model.Ref) -> program.Expr:
        return self.lowering.amount(tree.Name(ref.id, ref.span), self.drug(ref.id).rate_unit)

    def quantity_or_parameter(self, value: model.Amount | model.Ref | None, unit: str) -> program.Expr | None:
        return None if value is None else self.lowering.amount(_expression(value), unit)

    def avoid(self, reason: model.Reason) -> program.Avoid:
        return program.Avoid(
            when=self.condition(reason.when),
            text=reason.when.text,
            because=_text(reason.because),
            instead="" if reason.instead is None else reason.instead.id,
            cites=_ids(reason.when.cites),
            interprets=_ids(reason.when.interprets),
        )

    def review(self, step: model.Do) -> program.Review | None:
        if step.review is None:
            return None
        for ref in step.review.measure:
            self.lowering.element(ref.id)
        return program.Review(
            after=self.lowering.seconds(_expression(step.review.after)),
            measure=_ids(step.review.measure),
            text=_written(step.review.after),
        )

    # ------------------------------------------------------------ repeat

    def repeat(self, step: model.Do) -> program.Repeat:
        made = step.repeat
        assert made is not None
        value = made.every.value if isinstance(made.every, model.Amount) else _expression(made.every)
        low, high = (value.low, value.high) if isinstance(value, tree.Range) else (value, value)
        drug = getattr(step.verb, "drug", None)
        of = tree.Name(drug.id if drug is not None else step.id, made.span)
        window = self.lowering.window(made.window)
        count = self.lowering.feature(tree.TimeFeature("count", of, made.window, made.span))
        if isinstance(step.verb, model.Give):
            # The interval runs from gift to gift: starting or changing an infusion of the drug is neither.
            since = self.lowering.implicit(
                f"since({of.id} given)",
                program.Feature("since", program.Event("given", of.id)),
                type="number",
                of=of.id,
                unit="s",
            )
        else:
            since = self.lowering.feature(tree.TimeFeature("since", of, None, made.span))
        return program.Repeat(
            earliest=self.lowering.seconds(low),
            latest=self.lowering.seconds(high),
            at_most=None if made.at_most is None else self.lowering.amount(_low(made.at_most), "1"),
            window=window,
            since=since,
            count=count,
            text=_written(made.every),
        )

    def repeat_rule(self, step: model.Do, repeat: program.Repeat, action: program.Action) -> program.Rule:
        """Design rule 17: an order before the earliest time, or after the last one allowed, is refused."""
        drug = self.drug(action.drug)
        count, since = program.Get(repeat.count), program.Get(repeat.since)
        early: list[program.Expr] = [
            program.All((program.Compare(">", count, program.Const(0)), program.Compare("<", since, repeat.earliest)))
        ]
        if repeat.at_most is not None:
            early.append(program.Compare(">=", count, repeat.at_most))
        attribute = "amount" if action.of == "amount" else "rate"
        unit = drug.amount_unit if action.of == "amount" else drug.rate_unit
        when: list[program.Expr] = [program.Known(program.Get(self.lowering.order(attribute, unit)))]
        if action.route:
            # What goes into the marrow is at once in the vein: one dose, whichever way.
            routes = ("iv", "io") if action.route in ("iv", "io") else (action.route,)
            when.append(program.Member(program.Get(self.lowering.order("route", "")), routes))
        when.append(_any(*early))
        limit = "" if repeat.at_most is None else f", at most {_written(step.repeat.at_most if step.repeat else None)}"
        return program.Rule(
            id=f"repeat-{step.id}",
            drugs=(action.drug,),
            when=program.All(tuple(when)),
            text=f"given again before {repeat.text} have passed{limit}",
            because=f"{step.title.value}: every {repeat.text}{limit}",
            made_by=step.id,
            cites=_ids(step.backing.cites),
            interprets=_ids(step.backing.interprets),
        )

    # ------------------------------------------------------------ titrate

    def titration(self, step: model.Do, verb: model.Titrate) -> Iterator[_Node]:
        """Design rule 16: a decision with one visible step for each way it can go."""
        span = verb.span
        drug = tree.Name(verb.drug.id, verb.drug.span)
        every = _expression(verb.every)
        while_ = verb.while_.expr
        zero = tree.Number(Decimal(0), self.drug(verb.drug.id).rate_unit, span)
        judged = tree.Persists(while_, every, drug, span)
        settled = tree.Call("known", (judged,), span)
        young = tree.Compare("<", tree.TimeFeature("since", drug, None, span), every, span)
        hold = tuple(condition.expr for condition in verb.hold_if)
        ways: list[tuple[str, tree.Expr | None, str]] = [
            ("keep", tree.Not(while_, span), f"not ({verb.while_.text})"),
            ("start", tree.Compare("=", drug, zero, span), f"{verb.drug.id} is not running"),
            ("ceiling", tree.Compare(">=", drug, _low(verb.to), span), f"{verb.drug.id} >= {verb.to.text}"),
            (
                "wait",
                tree.Or((young, tree.Not(settled, span)), span),
                f"less than {_written(verb.every)} since the last change, or not measured again since",
            ),
            ("raise", None, "else"),
        ]
        if hold:
            text = " or ".join(condition.text for condition in verb.hold_if)
            ways.insert(0, ("hold", tree.Or(hold, span) if len(hold) > 1 else hold[0], text))

        def parent() -> program.Step:
            return program.Step(
                id=step.id,
                kind="decide",
                title=step.title.value,
                cases=tuple(
                    program.Case(
                        when=program.TRUE if when is None else self.lowering.condition(when),
                        targets=(self.index[f"{step.id}.{name}"],),
                        text=text,
                        title=_TITRATE_LABELS[name],
                    )
                    for name, when, text in ways
                ),
                note=_text(step.note),
                cites=_ids(step.backing.cites),
                interprets=_ids(step.backing.interprets),
            )

        yield _Node(step.id, tuple(f"{step.id}.{name}" for name, _, _ in ways), parent)
        for name, _, _ in ways:
            leads = {"hold": verb.on_hold, "ceiling": verb.at_ceiling}.get(name, ())
            yield _Node(
                f"{step.id}.{name}",
                tuple(dict.fromkeys(ref.id for ref in leads)),
                self.titration_part(step, verb, name, leads, judged),
            )

    def titration_part(
        self, step: model.Do, verb: model.Titrate, name: str, leads: tuple[model.Ref, ...], judged: tree.Persists
    ) -> Callable[[], program.Step]:
        unit = self.drug(verb.drug.id).rate_unit
        drug_label = self.drug(verb.drug.id).label
        titles = {
            "hold": f"Hold {drug_label}: do not raise it",
            "keep": f"Keep {drug_label} as it is",
            "start": f"Start {drug_label}",
            "ceiling": f"{drug_label} is at its ceiling",
            "wait": f"Wait before changing {drug_label} again",
            "raise": f"Raise {drug_label}",
        }
        fixed = {"hold": "held", "keep": "satisfied", "ceiling": "satisfied", "wait": "waiting"}.get(name, "")

        def build() -> program.Step:
            satisfied: program.Expr = program.TRUE if fixed == "satisfied" else program.FALSE
            if name == "wait":
                # The wait is over when `while` has been judged anew: until then, that is what is asked.
                satisfied = self.lowering.condition(judged)
            if name in ("start", "raise"):
                low = self.amount(_low(verb.start), unit, None)
                to = self.amount(_low(verb.to), unit, None)
                ladder: tuple[int, ...] = self.ladder(verb, unit)
                if name == "raise":
                    rate = self.rate(verb.drug)
                    if verb.by is None:
                        following: program.Expr = program.Add(rate, rate)
                    else:
                        following = program.Add(rate, self.amount(_low(verb.by), unit, None))
                    low = program.Least((following, to))
                text = verb.start.text if name == "start" else f"{'double' if verb.by is None else verb.by.text}"
                action = program.Action(
                    verb="infuse" if name == "start" else "change",
                    drug=verb.drug.id,
                    of="rate",
                    dose=program.Dose(low, None, None, unit, f"{text}, to at most {verb.to.text}"),
                    ladder=ladder,
                )
            else:
                action = program.Action(verb=name, drug=verb.drug.id, of="rate")
            return self.do_record(
                step,
                f"{step.id}.{name}",
                action,
                satisfied,
                None,
                title=titles[name],
                fixed=fixed,
                leads=leads,
            )

        return build

    def ladder(self, verb: model.Titrate, unit: str) -> tuple[int, ...]:
        """The rates a titration passes through, scaled; empty where they depend on the patient."""
        start, to = self.amount(_low(verb.start), unit, None), self.amount(_low(verb.to), unit, None)
        by = None if verb.by is None else self.amount(_low(verb.by), unit, None)
        if not (isinstance(start, program.Const) and isinstance(to, program.Const)):
            return ()
        if by is not None and not isinstance(by, program.Const):
            return ()
        rung, top = int(start.value), int(to.value)
        rungs: list[int] = []
        while 0 < rung < top and len(rungs) < 1000:
            rungs.append(rung)
            rung = rung * 2 if by is None else rung + int(by.value)
        return (*rungs, top)

    # ------------------------------------------------------------ rules, caps, goals, alerts

    def rule(self, never: model.Never) -> program.Rule:
        drugs = self.scope.members(never.order.id)
        when: program.Expr = program.TRUE
        if never.when is not None:
            when = self.lowering.order_condition(never.when.expr, drugs)
        return program.Rule(
            id=never.id,
            drugs=drugs,
            when=when,
            text="always" if never.when is None else never.when.text,
            because=never.because.value,
            instead=_text(never.instead),
            cites=_ids(never.backing.cites),
            interprets=_ids(never.backing.interprets),
        )

    def cap(self, cap: model.CapDef) -> program.Cap:
        drugs = self.scope.members(cap.drug.id)
        unit = self.drug(drugs[0]).amount_unit
        of = tree.Name(cap.drug.id, cap.drug.span)
        total = self.lowering.feature(tree.TimeFeature("total", of, cap.window, cap.span))
        return program.Cap(
            id=cap.id,
            drugs=drugs,
            amount=self.amount(_low(cap.amount), unit, cap.weight),
            unit=unit,
            total=total,
            window=self.lowering.window(cap.window),
            text=f"{self.spoken(cap.amount)} {_spoken_window(cap.window_text)}",
            cites=_ids(cap.backing.cites),
            interprets=_ids(cap.backing.interprets),
        )

    def spoken(self, amount: model.Amount) -> str:
        """An amount in words: a definition by its title."""
        define = self.protocol.defines.get(amount.text)
        return amount.text if define is None or define.title is None else define.title.value

    def goal(self, goal: model.GoalDef) -> program.Goal:
        return program.Goal(
            goal.id,
            goal.title.value,
            self.condition(goal.target),
            goal.target.text,
            _ids(goal.backing.cites),
            _ids(goal.backing.interprets),
        )

    def alert(self, alert: model.AlertDef) -> program.AlertRule:
        return program.AlertRule(
            alert.id,
            alert.severity,
            self.condition(alert.when),
            alert.when.text,
            alert.say.value,
            _ids(alert.backing.cites),
            _ids(alert.backing.interprets),
        )

    # ------------------------------------------------------------ what is embedded

    def elements(self, steps: Iterable[program.Step]) -> tuple[program.Element, ...]:
        """The data dictionary entries that the Program reads, measures or looks for."""
        wanted = {slot.of for slot in self.lowering.slots if slot.kind in ("element", "unobtainable")}
        wanted |= {
            event.id
            for slot in self.lowering.slots
            if slot.feature is not None
            for event in _events(slot.feature)
            if event.kind == "element"
        }
        for step in steps:
            if step.action is not None and step.action.verb in ("measure", "exclude"):
                wanted |= set(step.action.subject)
            if step.review is not None:
                wanted |= set(step.review.measure)
        return tuple(self.scope.element_record(id) for id in sorted(wanted))

    def drugs(
        self, steps: Iterable[program.Step], rules: Iterable[program.Rule], caps: Iterable[program.Cap]
    ) -> tuple[program.Drug, ...]:
        wanted = {slot.of for slot in self.lowering.slots if slot.kind == "rate"}
        for slot in self.lowering.slots:
            if slot.kind == "order" and slot.of:
                wanted |= set(self.scope.members(slot.of))
            if slot.feature is not None:
                for event in _events(slot.feature):
                    if event.kind in ("drug", "class", "given"):
                        wanted |= set(self.scope.members(event.id))
        for step in steps:
            if step.action is not None:
                for action in (step.action, *(option.action for option in step.action.options)):
                    if action.drug:
                        wanted.add(action.drug)
        for rule in rules:
            wanted |= set(rule.drugs)
        for cap in caps:
            wanted |= set(cap.drugs)
        return tuple(self.scope.drug_record(id) for id in sorted(wanted))

    def charts_per_weight(self) -> bool:
        """Whether some rate per kg may be charted without its weight, so that the weight is needed to read it."""
        return any(slot.kind == "rate" and "/kg" in slot.unit for slot in self.lowering.slots)

    def parameters(self) -> tuple[program.Parameter, ...]:
        used = {slot.of for slot in self.lowering.slots if slot.kind == "parameter"}
        return tuple(
            self.scope.parameter_record(parameter)
            for id, parameter in sorted(self.protocol.parameters.items())
            if id in used
        )

    # ------------------------------------------------------------ small things

    def condition(self, condition: model.Condition) -> program.Expr:
        return self.lowering.condition(condition.expr)

    def condition_or_true(self, condition: model.Condition | None) -> tuple[program.Expr, str]:
        return (program.TRUE, "") if condition is None else (self.condition(condition), condition.text)

    def targets(self, refs: Iterable[model.Ref]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.index[ref.id] for ref in refs))

    def drug(self, id: str) -> model.DrugDef:
        return self.library.drugs[id]


_TITRATE_LABELS = {
    "hold": "hold",
    "keep": "keep",
    "start": "start",
    "ceiling": "at the ceiling",
    "wait": "wait",
    "raise": "raise",
}


def _ids(refs: Iterable[model.Ref]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ref.id for ref in refs))


def _spoken_window(text: str) -> str:
    """`episode` as `in the episode`, `the last 24 h` as `in the last 24 h`."""
    return "in the episode" if text == "episode" else text if text.startswith(("in ", "since ")) else f"in {text}"


def _text(text: model.Text | None) -> str:
    return "" if text is None else text.value


def _written(value: model.Amount | model.Ref | None) -> str:
    if value is None:
        return ""
    return value.text if isinstance(value, model.Amount) else value.id


def _expression(value: model.Amount | model.Ref) -> tree.Expr:
    if isinstance(value, model.Ref):
        return tree.Name(value.id, value.span)
    return _low(value)


def _low(amount: model.Amount) -> tree.Expr:
    return amount.value.low if isinstance(amount.value, tree.Range) else amount.value


def _least(left: program.Expr, right: program.Expr) -> program.Expr:
    if isinstance(left, program.Const) and isinstance(right, program.Const):
        return left if int(left.value) <= int(right.value) else right
    return program.Least((left, right))


def _any(*items: program.Expr) -> program.Expr:
    kept = tuple(item for item in items if not program.is_constant(item, False))
    if not kept:
        return program.FALSE
    return kept[0] if len(kept) == 1 else program.Any_(kept)


def _events(feature: program.Feature) -> Iterator[program.Event]:
    for event in (feature.of, feature.after, feature.window.event if feature.window else None):
        if event is not None:
            yield event


def _this(expr: _T, id: str) -> _T:
    """`expr` with `done since rhythm` (this step) spelled out as `done(ID since rhythm)`."""
    if isinstance(expr, tree.TimeFeature) and expr.of.id == "this":
        return replace(expr, of=tree.Name(id, expr.of.span))
    if isinstance(expr, tuple) and not isinstance(expr, Span):
        return tuple(_this(item, id) for item in expr)  # type: ignore[return-value]
    if not is_dataclass(expr) or isinstance(expr, type):
        return expr
    changed: dict[str, Any] = {field.name: _this(getattr(expr, field.name), id) for field in fields(expr)}
    return replace(expr, **changed)
