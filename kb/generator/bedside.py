"""Advice in words for a terminal: what to do now, how much, why, from where, how sure, what is still to be asked.

Lines carry styles by meaning (`now`, `dose`, `source` …); whoever prints them chooses the colours,
and without colours nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from kb.actions import FIND_OUT, due_in
from kb.advice import Ask, DoseAdvice, Explanation, Fact, Item, OrderVerdict, Reason, Running, SaidElsewhere
from kb.doses import pump_working
from kb.evaluate import evaluate
from kb.generator.wording import (
    Speaker,
    clean,
    elsewhere_words,
    harmless,
    listed,
    setting_basis,
    setting_line,
    short_digest,
)
from kb.program import SCALE
from kb.values import format_duration, format_scaled

if TYPE_CHECKING:
    from kb import program as ir
    from kb.interpreter import Advice

_GUTTER = 8
_DISAGREES = {"conflicts", "absent here"}
_UNOBTAINABLE = " is unobtainable"
_ORDERED = re.compile(r"(?:(?<=, rate )|(?<=, amount ))[^,]+")
_URGENCY = {"stat": "NOW", "asap": "SOON", "urgent": "URGENT", "routine": ""}


class Span(NamedTuple):
    """A piece of a line. `style`: plain, head, draft, now, dose, title, label, quiet, good, bad, warn."""

    text: str
    style: str = "plain"


class Line(NamedTuple):
    """One line; where it is wrapped, what follows hangs at `hang` columns."""

    spans: tuple[Span, ...]
    indent: int = 0
    hang: int = 0

    @property
    def text(self) -> str:
        return " " * self.indent + "".join(span.text for span in self.spans)


EMPTY = Line(())


def advice_lines(advice: Advice, numbers: Mapping[str, int] | None = None) -> Iterator[Line]:
    """The whole advice, most urgent first.

    Args:
        numbers: of recommended steps, where a conversation has numbered them; else they are counted.

    """
    yield from harmless_lines(_Bedside(advice, advice.walk.program, numbers).lines())


def item_lines(advice: Advice, item: Item, number: int) -> Iterator[Line]:
    """One recommendation in short: title, dose, why, source."""
    told = _Bedside(advice, advice.walk.program)
    yield from harmless_lines(
        (*told.title(number, item), *told.dose(item), *told.details(item), *told.why(item.reasons), *told.source(item))
    )


def explanation_lines(advice: Advice, step: str) -> Iterator[Line]:
    """Why a step is in the state it is in; in full where it is recommended.

    Raises:
        KeyError: no such step.

    """
    found, told = advice.why(step), _Bedside(advice, advice.walk.program)
    yield from harmless_lines(told.explained(found))


def source_lines(advice: Advice) -> Iterator[Line]:
    """What the recommendations rest on: the statements they cite, and the documents behind those."""
    yield from harmless_lines(_Bedside(advice, advice.walk.program).sources())


def due_text(advice: Advice, item: Item) -> str:
    """`due at 12:04, in 3 min`, of what waits for its time; else nothing."""
    return harmless(_Bedside(advice, advice.walk.program).waits_until(item))


def fact_text(advice: Advice, fact: Fact) -> str:
    """`MAP 58 mmHg (12:02, 20 min ago)`."""
    return harmless(_Bedside(advice, advice.walk.program).fact(fact))


def harmless_lines(lines: Iterable[Line]) -> Iterator[Line]:
    """What was said, whoever said it, with nothing in it that a terminal would act on."""
    for line in lines:
        yield line._replace(spans=tuple(Span(harmless(span.text), span.style) for span in line.spans))


class _Bedside:
    def __init__(self, advice: Advice, program: ir.Program, numbers: Mapping[str, int] | None = None) -> None:
        self.advice = advice
        self.program = program
        self.numbers = numbers or {}
        self.say = Speaker(program, advice.walk.reading.local)
        self.now = datetime.fromisoformat(advice.now) if advice.now else None
        self.questions = {element.id: self.say.prose(element.question or element.label) for element in program.elements}
        self.keys: dict[str, None] = {}
        self.readings: dict[str, None] = {}
        self.titles = {step.id: self.say.prose(step.title) for step in program.steps}

    def lines(self) -> Iterator[Line]:
        advice = self.advice
        yield Line((Span(clean(advice.title), "head"), Span(f"  {advice.protocol}@{advice.version}", "quiet")))
        yield Line((Span(clean(advice.banner), "draft"),))
        when = f"{self.now:%Y-%m-%d %H:%M %Z} · " if self.now else ""
        local = f" · local {short_digest(advice.local_digest)}" if advice.local_digest else ""
        digests = f"logic {short_digest(advice.logic_digest)} · text {short_digest(advice.text_digest)}{local}"
        yield Line((Span(when + digests, "quiet"),))
        if advice.applies is False:
            yield from self.heading("NOT FOR THIS PATIENT")
            yield _labelled("scope", f"this protocol applies if {self.say.condition(self.program.applies_text)}")
            return
        yield from self.alerts()
        yield from self.do_now()
        yield from self.ask()
        yield from self.others()
        yield from self.policy()
        yield from self.settled()
        yield from self.goals()
        yield from self.rest()
        yield from self.footnotes()

    def heading(self, text: str, note: str = "") -> Iterator[Line]:
        yield EMPTY
        yield Line((Span(text, "head"), Span(f"  {note}" if note else "", "quiet")))

    # -------------------------------------------------------- what to do

    def do_now(self) -> Iterator[Line]:
        items = self.advice.recommended
        if not items:
            yield from self.heading("DO NOW")
            reason = "nothing until the questions below are answered" if self.advice.asks else "nothing is due"
            yield Line((Span(reason),), 2, 2)
            return
        yield from self.heading("DO NOW", "all of it; most urgent first" if len(items) > 1 else "")
        for number, item in enumerate(items, start=1):
            if number > 1:
                yield EMPTY
            yield from self.item(self.numbers.get(item.step, number), item)

    def title(self, number: int, item: Item) -> Iterator[Line]:
        urgency = _URGENCY.get(item.priority, item.priority.upper())
        spans = [Span(f"{number:>2}  ", "quiet")]
        if urgency:
            spans.append(Span(f"{urgency}  ", "now" if item.priority == "stat" else "warn"))
        spans.append(Span(self.say.prose(item.title) or f"Go on with {item.hand_over}", "title"))
        if item.status == "overdue":
            spans.append(Span("  overdue", "now"))
        if item.assumed:
            spans.append(Span("  assumed", "warn"))
        spans.append(Span(f"  [{item.step}]", "quiet"))
        yield Line(tuple(spans), 0, 4)

    def item(self, number: int, item: Item) -> Iterator[Line]:
        yield from self.title(number, item)
        yield from self.dose(item)
        yield from self.details(item)
        yield from self.why(item.reasons)
        yield from self.source(item)
        yield from self.sure(item)
        if item.review:
            yield _labelled("review", self.review(item))
        if item.note:
            yield _labelled("note", self.say.prose(item.note), "quiet")
        yield from self.elsewhere(item.elsewhere)

    def elsewhere(self, said: Iterable[SaidElsewhere], whole: bool = False) -> Iterator[Line]:
        """What other sources say: in full where they conflict, or say what ours does not; the rest is named.

        `whole`: all of it in full.
        """
        label, rest = "other", []
        for one in said:
            if not whole and one.verdict not in _DISAGREES:
                rest.append(one.id)
                continue
            yield _labelled(label, elsewhere_words(one), "quiet")
            label = ""
        if rest:
            yield _labelled(label, f"{', '.join(rest)}: no conflict; --why tells them", "quiet")

    def dose(self, item: Item) -> Iterator[Line]:
        dose = item.dose
        if dose is None:
            return
        words = self.dose_words(dose)
        if item.verb == "infuse" and dose.high and dose.low and dose.low != dose.high:
            words = [self.say.drug(dose.drug), self.say.dose_beside(dose.drug, f"{dose.low} {dose.unit}"), *words[2:]]
            words.append(f"(range {self.say.dose_beside(dose.drug, f'{dose.low} to {dose.high} {dose.unit}')})")
        style = "dose" if dose.rounded is not None else "warn"
        yield Line((Span(_label("dose"), "label"), Span(" ".join(words), style)), 4, 4 + _GUTTER)
        if dose.each:
            yield _labelled("", f"each {self.say.dose_beside(dose.drug, dose.each)}")
        if dose.rule and dose.rounded is not None and self.say.condition(dose.rule) not in " ".join(words):
            yield _labelled("", f"rule: {self.say.condition(dose.rule)}", "quiet")
        if dose.working:
            yield _labelled("", clean(dose.working), "quiet")
        if dose.asks:
            yield _labelled("", f"needs {listed(self.ask_name(name) for name in dose.asks)}", "warn")

    def dose_words(self, dose: DoseAdvice) -> list[str]:
        """Drug, dose, route, how fast."""
        words = [self.say.drug(dose.drug), self.say.dose_beside(dose.drug, clean(dose.text))]
        if dose.route:
            words.append({"iv": "IV", "im": "IM", "io": "IO"}.get(dose.route, dose.route))
        if dose.over:
            words.append(f"over {self.say.condition(dose.over.removeprefix('local '))}")
        if dose.pump_rate:
            words.append(f"= {dose.pump_rate}")
        return words

    def details(self, item: Item) -> Iterator[Line]:
        step = next((step for step in self.program.steps if step.id == item.step), None)
        if item.hand_over:
            yield _labelled("go to", item.hand_over, "title")
        elif item.dose is None and step is not None and step.action is not None and not item.options:
            for line in self.say.action_lines(step.action):
                if line.lower() != self.say.prose(item.title).lower():
                    yield _labelled("do", line)
        for option in item.options:
            mark = {True: "possible", False: "not advised", None: "ask first"}[option.eligible]
            dose = f": {' '.join(self.dose_words(option.dose))}" if option.dose is not None else ""
            text = f"{self.say.prose(option.title)}{dose}  ({mark})"
            yield _labelled("choose", text, "bad" if option.eligible is False else "plain")
            for reason in option.in_favour:
                yield _labelled("", f"for: {self.say.prose(reason)}")
            for reason in option.against:
                yield _labelled("", f"against: {self.say.prose(reason)}")
            for caution in option.cautions:
                yield _labelled("", self.say.prose(caution), "warn")
        if item.decide_by:
            yield _labelled("who", f"decided by: {clean(item.decide_by)}; the source gives no number")
        for caution in item.cautions:
            first, asked, rest = clean(caution).partition(FIND_OUT)
            words = f"{asked}{self.say.condition(rest)}" if asked and not first else self.say.prose(caution)
            yield _labelled("careful", words, "warn")
        for reason in item.withheld_by:
            yield _labelled("because", self.say.prose(reason), "warn")
        for other in item.instead:
            yield _labelled("instead", self.titles.get(other, self.say.prose(other)))

    def why(self, reasons: Iterable[Reason]) -> Iterator[Line]:
        label = "why"
        for reason in reasons:
            case = "otherwise" if reason.case == "else" else self.say.condition(reason.case)
            facts = self.facts(reason.facts)
            question = self.say.prose(reason.question)
            text = f"{question}{'' if question.endswith('?') else ':'} {case}" + (f" — {facts}" if facts else "")
            yield _labelled(label, text)
            label = ""

    def facts(self, facts: Iterable[Fact]) -> str:
        """What was charted; that a pressure could be obtained goes without saying where it stands beside."""
        told = [fact for fact in facts if not (fact.name.endswith(_UNOBTAINABLE) and fact.value != "yes")]
        return ", ".join(self.fact(fact) for fact in told)

    def fact(self, fact: Fact) -> str:
        """`MAP 58 mmHg (12:02, 20 min old)`."""
        name = self.say.condition(fact.name)
        if fact.name.endswith(_UNOBTAINABLE):
            return f"{name.removesuffix(_UNOBTAINABLE)} unobtainable{self.age(fact.at)}"
        return f"{name} {clean(fact.value)}{self.age(fact.at)}"

    def age(self, at: str | None) -> str:
        if not at or self.now is None:
            return ""
        charted = datetime.fromisoformat(at)
        minutes = int((self.now - charted).total_seconds() // 60)
        if minutes < 1:
            return " (now)"
        ago = f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"
        if minutes >= 2880:
            return f" ({charted:%Y-%m-%d %H:%M}, {minutes // 1440} days ago)"
        return f" ({charted:%H:%M}, {ago})"

    def source(self, item: Item) -> Iterator[Line]:
        statements = {statement.id: statement for statement in self.program.statements}
        keys: dict[str, None] = {}
        for cite in item.cites:
            if cite in statements:
                keys |= dict.fromkeys(statements[cite].cites)
        behind = f" from {', '.join(sorted(keys))}" if keys else ""
        read = f"; reading {', '.join(item.interprets)}" if item.interprets else ""
        if item.cites:
            yield _labelled("source", f"{', '.join(item.cites)}{behind}{read}")
        elif item.interprets:
            yield _labelled("source", f"no statement of the source, an editor's reading: {', '.join(item.interprets)}")
        self.keys |= keys
        self.readings |= dict.fromkeys(item.interprets)

    def sure(self, item: Item) -> Iterator[Line]:
        words = [f"{item.strength} recommendation" if item.strength else "strength not stated"]
        if item.kind == "do":
            words.append(f"certainty {item.certainty or 'not graded'}")
            yield _labelled("sure", ", ".join(words))

    def review(self, item: Item) -> str:
        for state in self.advice.reviews:
            if state.step == item.step:
                due = datetime.fromisoformat(state.due)
                late = f", overdue by {state.overdue_by}" if state.overdue_by else ""
                return f"at {due:%H:%M}{late}: {', '.join(self.say.data(id) for id in state.measure)}"
        step = next((step for step in self.program.steps if step.id == item.step), None)
        if step is None or step.review is None:
            return clean(item.review)
        after = evaluate(step.review.after, self.advice.walk.row)
        if not isinstance(after, int):
            return self.say.review(step.review)
        what = ", ".join(self.say.data(id) for id in step.review.measure)
        return f"in {format_duration(Fraction(after, SCALE))}: {what}"

    # -------------------------------------------------------- what to ask

    def ask_name(self, name: str) -> str:
        return self.say.condition(name)

    def ask(self) -> Iterator[Line]:
        for now, heading, note in (
            (True, "ASK NOW", "what could still change this advice, most useful first"),
            (False, "MAY BE NEEDED NEXT", ""),
        ):
            asks = [ask for ask in self.advice.asks if ask.now is now]
            if not asks:
                continue
            yield from self.heading(heading, note)
            before: list[str] = []
            for ask in asks:
                late = f"  overdue by {ask.overdue_by}" if ask.overdue_by else ""
                yield Line(
                    (
                        Span("?  ", "warn"),
                        Span(self.say.prose(ask.question) or self.ask_name(ask.name), "title" if now else "plain"),
                        Span(_answers(ask)),
                        Span(late, "now"),
                        Span(f"  [{ask.name}]", "quiet"),
                    ),
                    2,
                    5,
                )
                if now:
                    told = [clean(ask.cause)] if ask.cause and not ask.cause.endswith("has not been charted") else []
                    decides = listed(self.titles.get(step, step) for step in ask.decides[:3])
                    more = f" and {len(ask.decides) - 3} more" if len(ask.decides) > 3 else ""
                    scope = "" if decides or ask.overdue_by else "whether the protocol is for this patient"
                    told += [f"decides: {decides}{more}{scope}"] if decides or scope else []
                    if told and told != before:
                        yield Line((Span("; ".join(told), "quiet"),), 5, 5)
                    before = told
        for item in self.advice.unavailable:
            yield Line((Span(f"not to be had: {self.ask_name(item.name)} ({clean(item.why)})", "quiet"),), 2, 5)

    def policy(self) -> Iterator[Line]:
        if self.advice.needs_policy:
            yield from self.heading("NEEDS LOCAL POLICY", "the source gives no number; a hospital sets it once")
            for policy in self.advice.needs_policy:
                unit = f" in {policy.unit}" if policy.unit else ""
                yield Line((Span(f"{clean(policy.title)}{unit}"), Span(f"  [{policy.parameter}]", "quiet")), 2, 5)

    def settled(self) -> Iterator[Line]:
        """What this hospital has settled, each beside what would count without it."""
        if self.advice.local:
            yield from self.heading("SET BY THIS HOSPITAL", "beside each what would count without it")
            for setting in self.advice.local:
                if setting.kind == "parameter":
                    default = f" (default {clean(setting.default)})" if setting.default else " (no default)"
                    words = f"{clean(setting.value)}{default}; {setting_basis(setting)}"
                else:
                    words = setting_line(setting)
                if self.advice.now and setting.on[:10] > self.advice.now[:10]:
                    words += ", which is after the time of this advice"
                yield Line((Span(f"{clean(setting.name)}  ", "title"), Span(words)), 2, 5)

    # -------------------------------------------------------- the rest

    def alerts(self) -> Iterator[Line]:
        if self.advice.alerts:
            yield from self.heading("ALERTS")
            order = {"critical": 0, "warning": 1, "information": 2}
            for alert in sorted(self.advice.alerts, key=lambda alert: order.get(alert.severity, 3)):
                style = "now" if alert.severity == "critical" else "warn"
                cites = f"  {' '.join((*alert.cites, *alert.interprets))}" if alert.cites or alert.interprets else ""
                yield Line((Span("!  ", style), Span(self.say.prose(alert.say), style), Span(cites, "quiet")), 2, 5)

    def others(self) -> Iterator[Line]:
        for heading, wanted in (("FIRST FIND OUT WHETHER DONE", True), ("IN HAND, WAITING OR WITHHELD", False)):
            items = [
                item
                for item in self.advice.actions
                if item.status not in {"due", "overdue"} and (item.status == "not known") is wanted
            ]
            if items:
                yield from self.heading(heading)
            for item in items:
                status = Span("" if wanted else f"{item.status}  ", "quiet")
                spans = [status, Span(self.say.prose(item.title)), Span(f"  [{item.step}]", "quiet")]
                if until := self.waits_until(item):
                    spans.append(Span(f"  {until}", "plain"))
                yield Line(tuple(spans), 2, 5)
                for reason in item.withheld_by:
                    yield _labelled("because", self.say.prose(reason), "warn")
                for other in item.instead:
                    yield _labelled("instead", self.titles.get(other, self.say.prose(other)))
                for name in item.asks:
                    yield _labelled("ask", self.questions.get(name, self.ask_name(name)))

    def goals(self) -> Iterator[Line]:
        if self.advice.goals:
            yield from self.heading("GOALS")
            for goal in self.advice.goals:
                style = {"met": "good", "not met": "bad"}.get(goal.state, "quiet")
                facts = self.facts(goal.facts)
                yield Line(
                    (
                        Span(f"{goal.state:<8} ", style),
                        Span(f"{self.say.prose(goal.title)}: {self.say.condition(goal.text)}"),
                        Span(f"  ({facts})" if facts else "", "quiet"),
                    ),
                    2,
                    11,
                )

    def rest(self) -> Iterator[Line]:
        advice = self.advice
        for heading, texts in (
            (
                "OUTCOME",
                [
                    self.say.prose(outcome.title) + (" (assumed)" if outcome.assumed else "")
                    for outcome in advice.outcomes
                ],
            ),
            (
                "RUNNING, NO CHANGE ADVISED",
                [self.running(item) for item in advice.running],
            ),
            ("ASSUMED", [self.say.prose(text) for text in advice.assumptions]),
            ("NOT USED", [clean(text) for text in (*advice.refused, *advice.not_used)]),
        ):
            if texts:
                yield from self.heading(heading)
                for text in texts:
                    yield Line((Span(text),), 2, 4)

    def running(self, item: Running) -> str:
        """`norepinephrine 0.3 mcg/kg/min as base (12:00, 5 min ago): × 70 kg at 16 mcg/mL as base = 78.75 mL/h`."""
        walk = self.advice.walk
        drug, strength, weight = walk.plan.drugs[item.drug], walk.reading.strengths.get(item.drug), self.program.weight
        stated = f"{item.rate} as base" if any(name == "base" for name, _ in drug.salts) else item.rate
        told = f"{self.say.drug(item.drug)} {stated}{self.age(item.at)}"
        if not item.pump_rate:
            return told
        if strength is None:
            return f"{told} = {item.pump_rate}"
        rate, kilograms = walk.row[walk.plan.rates[item.drug]], None if weight is None else walk.row[weight]
        exact = format_scaled(rate, drug.rate_unit) if isinstance(rate, int) else item.rate
        return f"{told}; {pump_working(exact, drug.rate_unit, kilograms, strength, item.pump_rate)}"

    def waits_until(self, item: Item) -> str:
        """When what waits for its next time is due: `due at 12:04, in 3 min`; empty where it waits for more."""
        walk = self.advice.walk
        left = due_in(walk, walk.plan.steps[item.step]) if item.status == "waiting" else None
        if left is None:
            return ""
        due = None if self.now is None else self.now + timedelta(seconds=float(left))
        at = "" if due is None else f"at {due:%H:%M:%S}, ".replace(":00, ", ", ")
        return f"due {at}in {format_duration(left)}"

    def explained(self, found: Explanation) -> Iterator[Line]:
        """The way to a step, or what keeps it from being reached."""
        status = f", {found.status}" if found.status else ""
        title = self.titles.get(found.step) or found.step
        yield Line((Span(title, "title"), Span(f"  {found.state}{status}", "warn"), Span(f"  [{found.step}]", "quiet")))
        item = next((item for item in self.advice.actions if item.step == found.step), None)
        if item is not None:
            yield from self.dose(item)
            yield from self.details(item)
        if self.advice.applies is not True:
            word = "is" if self.advice.applies is False else "may be"
            scope = self.say.condition(self.program.applies_text)
            yield _labelled("scope", f"the patient {word} outside the scope of this protocol: {scope}")
        words = {True: "yes", False: "no", None: "not known"}
        for reason in found.reasons:
            case = "otherwise" if reason.case == "else" else self.say.condition(reason.case)
            facts = self.facts(reason.facts)
            told = f"{self.say.prose(reason.question)} — {case}: {words[reason.holds]}" + (
                f" ({facts})" if facts else ""
            )
            yield _labelled("why", told)
        if item is not None:
            yield from self.source(item)
            yield from self.sure(item)
            if item.review:
                yield _labelled("review", self.review(item))
            if item.note:
                yield _labelled("note", self.say.prose(item.note), "quiet")
        yield from self.elsewhere(found.elsewhere, whole=True)

    def sources(self) -> Iterator[Line]:
        statements = {statement.id: statement for statement in self.program.statements}
        cited: dict[str, None] = {}
        for item in self.advice.recommended:
            cited |= dict.fromkeys(item.cites)
            self.readings |= dict.fromkeys(item.interprets)
        if not self.advice.recommended:
            yield Line((Span("nothing is recommended now that would rest on a source"),))
        for id in cited:
            if id in statements:
                self.keys |= dict.fromkeys(statements[id].cites)
                behind = f" ({', '.join(statements[id].cites)})" if statements[id].cites else ""
                yield Line(
                    (Span(f"{id}  ", "label"), Span(f"{self.say.prose(statements[id].says)}{behind}")), 2, 4 + len(id)
                )
        yield from self.footnotes()

    def footnotes(self) -> Iterator[Line]:
        """The readings and references named above, each once."""
        readings = [item for item in self.program.interpretations if item.id in self.readings]
        if readings:
            yield from self.heading("READINGS OF THE SOURCE", "chosen by an editor, not confirmed by anyone yet")
            for item in readings:
                told = f"{self.say.prose(item.reading)} (to be confirmed by {clean(item.confirm)})"
                yield Line((Span(f"{item.id}  ", "label"), Span(told)), 2, 2 + len(item.id) + 2)
        references = [item for item in self.program.references if item.key in self.keys]
        if references:
            yield from self.heading("SOURCES")
            for ref in references:
                known = [ref.title, ref.publisher, ref.year, f"{ref.tier} source" if ref.tier else ""]
                told = ", ".join(clean(text) for text in known if text)
                yield Line((Span(f"{ref.key}  ", "label"), Span(told)), 2, 2 + len(ref.key) + 2)


def verdict_lines(verdict: OrderVerdict, say: Speaker, ways: Mapping[str, str] | None = None) -> Iterator[Line]:
    """One order and what the protocol says to it.

    Args:
        say: of the protocol, with the settings under which the order was judged.
        ways: how what is asked can be answered here, by the last part of its name.

    """
    yield from harmless_lines(_verdict(verdict, say, ways or {}))


def _verdict(verdict: OrderVerdict, say: Speaker, ways: Mapping[str, str]) -> Iterator[Line]:
    style = {"allowed": "good", "refused": "now", "challenged": "warn"}.get(verdict.verdict, "warn")
    order = _ORDERED.sub(lambda found: say.dose_beside(verdict.drug, found[0]), clean(verdict.order))
    yield Line((Span(f"{verdict.verdict.upper()}  ", style), Span(order or say.drug(verdict.drug), "title")))
    if verdict.understood:
        yield _labelled("read as", clean(verdict.understood))
    rules = [*verdict.rules, *[""] * len(verdict.because)]
    for rule, because in zip(rules, verdict.because, strict=False):
        yield _labelled("because", say.prose(because) + (f"  [{rule}]" if rule else ""))
    for text in verdict.instead:
        yield _labelled("instead", say.prose(text))
    for text in verdict.notes:
        yield _labelled("local", say.prose(text), "warn")
    label = "ask"
    for ask in verdict.questions:
        way = ways.get(ask.name.rpartition(".")[2], "") if "." in ask.name else ways.get(ask.name, "")
        yield Line(
            (
                Span(_label(label), "label"),
                Span(say.prose(ask.question) or say.condition(ask.name)),
                Span(_answers(ask)),
                Span(f"  ({way})" if way else f"  [{ask.name}]", "quiet"),
            ),
            4,
            4 + _GUTTER,
        )
        label = ""
    if verdict.stop_by:
        yield _labelled("stop", clean(verdict.stop_by))
    if verdict.cites or verdict.interprets:
        readings = f"; reading {', '.join(verdict.interprets)}" if verdict.interprets else ""
        yield _labelled("source", f"{', '.join(verdict.cites)}{readings}")


def _answers(ask: Ask) -> str:
    """How a question is answered: in a unit, or by one of some words."""
    unit = f" in {ask.unit}" if ask.unit and ask.unit not in {"1", "s"} else ""
    choices = f" ({listed(ask.options, 'or')})" if ask.options else ""
    return f"{unit}{choices}" + (" (yes or no)" if ask.type == "boolean" and not choices else "")


def _label(label: str) -> str:
    return f"{label:<{_GUTTER}}"


def _labelled(label: str, text: str, style: str = "plain") -> Line:
    return Line((Span(_label(label), "label"), Span(text, style)), 4, 4 + _GUTTER)
