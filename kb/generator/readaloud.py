"""The linear read-aloud list: a protocol as numbered sentences, in the order of the walk.

Whoever cannot see the flowchart, reads it over a telephone or prints it loses nothing: every
question, dose, review, source and way on of the flowchart is here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kb import program as ir
from kb.generator.wording import (
    Speaker,
    banner,
    clean,
    elsewhere_words,
    identity,
    listed,
    question_mark,
    setting_line,
)
from kb.local import NO_LOCAL, Local, settings_in_force
from kb.plan import all_said_elsewhere

_KINDS = {"decide": "question", "do": "action", "hand_over": "hand-over", "end": "outcome"}


class WayOn(NamedTuple):
    """Where an entry leads: `when` in words, empty where it leads on at once; `to` are entry numbers."""

    when: str
    to: tuple[int, ...]
    assumed: bool = False


class Entry(NamedTuple):
    """One step. `lines` say the dose and how; `kind`: question, action, hand-over, outcome."""

    number: int
    step: str
    kind: str
    says: str
    priority: str
    lines: tuple[str, ...]
    review: str
    ways: tuple[WayOn, ...]
    strength: str
    certainty: str
    note: str
    cites: tuple[str, ...]
    interprets: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()


class Said(NamedTuple):
    """Something beside the walk: a definition, rule, cap, goal, alert, local setting or reading.

    `elsewhere`: what other sources say on it, a line each; so too in an `Entry`.
    """

    id: str
    says: str
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


class ReadAloud(NamedTuple):
    """The whole list. `starts` are the numbers to begin with; several begin together."""

    protocol: str
    version: str
    title: str
    question: str
    banner: str
    identity: str
    population: str
    applies: str
    enter: str
    starts: tuple[int, ...]
    entries: tuple[Entry, ...]
    definitions: tuple[Said, ...]
    never: tuple[Said, ...]
    caps: tuple[Said, ...]
    goals: tuple[Said, ...]
    alerts: tuple[Said, ...]
    settings: tuple[Said, ...]
    local: tuple[Said, ...]
    readings: tuple[Said, ...]


def read_aloud(program: ir.Program, local: Local = NO_LOCAL) -> ReadAloud:
    """The list of `program`; the steps a `titrate` expands to are one entry again.

    `local`: what the hospital has settled is told beside each default.
    """
    return _Reader(program, local).read()


class _Reader:
    def __init__(self, program: ir.Program, local: Local) -> None:
        self.program = program
        self.say = Speaker(program, local)
        self.local = settings_in_force(program, local)
        told = [step for step in program.steps if not step.part_of]
        self.numbers = {step.id: number for number, step in enumerate(told, start=1)}
        self.told = told
        self.parts: dict[str, dict[str, ir.Step]] = {}
        lines = {item.id: elsewhere_words(item) for item in all_said_elsewhere(program)}
        self.beside_steps: dict[str, tuple[str, ...]] = {}
        self.beside_rules: dict[str, tuple[str, ...]] = {}
        self.beside_goals: dict[str, tuple[str, ...]] = {}
        for item in program.elsewhere:
            for beside, names in (
                (self.beside_steps, item.steps),
                (self.beside_rules, item.rules),
                (self.beside_goals, item.goals),
            ):
                for name in names:
                    beside[name] = (*beside.get(name, ()), lines[item.id])
        for step in program.steps:
            if step.part_of:
                self.parts.setdefault(step.part_of, {})[step.id.rsplit(".", 1)[-1]] = step

    def read(self) -> ReadAloud:
        program, say = self.program, self.say
        return ReadAloud(
            protocol=program.id,
            version=program.version,
            title=clean(program.title),
            question=clean(program.question),
            banner=banner(program),
            identity=identity(program),
            population=clean(program.population),
            applies=say.condition(program.applies_text),
            enter=say.condition(program.enter_text),
            starts=self.to(program.starts),
            entries=tuple(self.entry(step) for step in self.told),
            definitions=tuple(
                Said(slot.of or slot.name, self.definition(slot), slot.cites, slot.interprets)
                for slot in program.slots
                if slot.kind in {"define", "computed"} and slot.expr is not None
            ),
            never=tuple(
                Said(rule.id, self.rule(rule), rule.cites, rule.interprets, self.beside_rules.get(rule.id, ()))
                for rule in program.rules
            ),
            caps=tuple(
                Said(
                    cap.id,
                    f"{listed(say.drug(drug) for drug in cap.drugs)}: never more than {say.cap(cap)}",
                    cap.cites,
                    cap.interprets,
                )
                for cap in program.caps
            ),
            goals=tuple(
                Said(
                    goal.id,
                    f"{say.prose(goal.title)}: {say.condition(goal.text)}",
                    goal.cites,
                    goal.interprets,
                    self.beside_goals.get(goal.id, ()),
                )
                for goal in program.goals
            ),
            alerts=tuple(
                Said(
                    alert.id,
                    f"{alert.severity}, whenever {say.condition(alert.text)}: {say.prose(alert.say)}",
                    alert.cites,
                    alert.interprets,
                )
                for alert in program.alerts
            ),
            settings=tuple(
                Said(item.id, say.setting(item), item.cites, item.interprets) for item in program.parameters
            ),
            local=tuple(
                Said(setting.name, setting_line(setting)) for setting in self.local if setting.kind != "parameter"
            ),
            readings=tuple(Said(item.id, self.reading(item), item.about) for item in program.interpretations),
        )

    def to(self, indexes: tuple[int, ...]) -> tuple[int, ...]:
        ids = (self.program.steps[index].part_of or self.program.steps[index].id for index in indexes)
        return tuple(dict.fromkeys(self.numbers[id] for id in ids))

    def entry(self, step: ir.Step) -> Entry:
        parts = self.parts.get(step.id)
        if parts is not None:
            return self.titration(step, parts)
        ways: list[WayOn] = []
        lines: list[str] = []
        review = ""
        says = self.say.prose(step.title)
        if step.kind == "decide":
            says = question_mark(says)
            ways = [WayOn(self.say.case_in_full(step, case), self.to(case.targets)) for case in step.cases]
            if step.if_unknown is not None:
                ways.append(WayOn("while not known, assume", self.to((step.if_unknown,)), assumed=True))
        elif step.kind == "hand_over":
            says = says or f"Go on with {step.hand_over}"
            lines = [f"go on with the protocol {step.hand_over}"]
        elif step.kind == "do":
            lines, review = self.how(step), self.review(step)
            ways = [WayOn("", self.to(step.with_))] if step.with_ else []
            if step.then:
                ways.append(WayOn(self.say.when_done(step), self.to(step.then)))
        return self.made(step, step, says, lines, review, ways)

    def titration(self, step: ir.Step, parts: dict[str, ir.Step]) -> Entry:
        lead = parts.get("start", step)
        lines = [self.say.titration(lead.action)]
        ways: list[WayOn] = []
        for case in step.cases:
            name = self.program.steps[case.targets[0]].id.rsplit(".", 1)[-1] if case.targets else ""
            words = self.say.condition(case.text)
            part = parts.get(name)
            leads = self.to((*part.with_, *part.then)) if part is not None else ()
            match name:
                case "hold":
                    lines.append(f"hold it if {words}")
                    ways += [WayOn("on hold", leads)] if leads else []
                case "keep":
                    lines.append(f"keep it as it is if {words}")
                case "wait":
                    lines.append(f"wait while {words}")
                case "ceiling":
                    ways += [WayOn("at the ceiling", leads)] if leads else []
        lines += [f"not if {self.say.avoid(avoid)}" for avoid in lead.avoid]
        return self.made(step, lead, self.say.prose(step.title), lines, self.review(lead), ways, kind="action")

    def made(
        self,
        step: ir.Step,
        lead: ir.Step,
        says: str,
        lines: list[str],
        review: str,
        ways: list[WayOn],
        kind: str = "",
    ) -> Entry:
        cites = dict.fromkeys((*lead.cites, *step.cites))
        interprets = dict.fromkeys((*lead.interprets, *step.interprets))
        for case in step.cases:
            cites |= dict.fromkeys(case.cites)
            interprets |= dict.fromkeys(case.interprets)
        return Entry(
            number=self.numbers[step.id],
            step=step.id,
            kind=kind or _KINDS[step.kind],
            says=says,
            priority=lead.priority,
            lines=tuple(line for line in lines if line),
            review=review,
            ways=tuple(ways),
            strength=clean(lead.strength),
            certainty=clean(lead.certainty),
            note=self.say.prose(lead.note or step.note),
            cites=tuple(cites),
            interprets=tuple(interprets),
            elsewhere=tuple(dict.fromkeys((*self.beside_steps.get(lead.id, ()), *self.beside_steps.get(step.id, ())))),
        )

    def how(self, step: ir.Step) -> list[str]:
        lines = [] if step.action is None else self.say.action_lines(step.action)
        lines = [line for line in lines if line.lower() != clean(step.title).lower()]
        if step.action is not None and step.action.verb == "choose":
            lines = [f"choice {number}: {line}" for number, line in enumerate(lines, start=1)]
        if step.decide_by:
            lines.append(f"decided by: {clean(step.decide_by)}")
        for avoid in step.avoid:
            instead = f"; instead go to {self.numbers[avoid.instead]}" if avoid.instead in self.numbers else ""
            lines.append(f"not if {self.say.avoid(avoid)}{instead}")
        return lines

    def review(self, step: ir.Step) -> str:
        said = [self.say.repeat(step.repeat)] if step.repeat is not None else []
        if step.review is not None:
            said.append(f"look {self.say.review(step.review)}")
        return "; ".join(said)

    def definition(self, slot: ir.Slot) -> str:
        assert slot.expr is not None
        name = self.say.prose(slot.title) or self.say.data(slot.of or slot.name)
        if not self.say.can_say(slot.expr):
            return name
        return self.say.prose(f"{name}: {self.say.expression(slot.expr, slot.unit)}")

    def rule(self, rule: ir.Rule) -> str:
        drugs = listed((self.say.drug(drug) for drug in rule.drugs), "or") or "any drug"
        when = "" if rule.text in {"", "always"} else f" when {self.say.condition(rule.text, rule.drugs)}"
        instead = f"; instead: {self.say.prose(rule.instead)}" if rule.instead else ""
        if rule.made_by and rule.text.startswith("given again "):  # the rule that a `repeat` makes
            when = f" {self.say.condition(rule.text.removeprefix('given '))}"
        because = self.say.prose(rule.because.replace("_", " ") if rule.made_by else rule.because)
        return f"never order {drugs}{when}: {because}{instead}"

    def reading(self, item: ir.Interpretation) -> str:
        disputed = "disputed, not carried out: " if item.status == "disputed" else ""
        rejected = f" Not read as: {listed((clean(text) for text in item.rejected), 'or')}." if item.rejected else ""
        return (
            f"{disputed}{self.say.prose(item.reading)}.{rejected} Because {clean(item.because)}."
            f" To be confirmed by: {clean(item.confirm)}."
        ).replace("..", ".")


# ---------------------------------------------------------------- text


def read_aloud_text(program: ir.Program, local: Local = NO_LOCAL) -> str:
    """The list as plain text, a sentence a line."""
    told = read_aloud(program, local)
    lines = [told.title, told.banner, told.identity, "", told.question]
    lines += [f"For: {told.population}"] if told.population else []
    lines += [f"Applies if {told.applies}."] if told.applies else []
    lines += [f"Open it if {told.enter}."] if told.enter else []
    lines += [f"Begin with {_numbers(told.starts)}."] if told.starts != (1,) else []
    for entry in told.entries:
        lines += ["", *entry_lines(entry)]
    for heading, items in (
        ("Words used", told.definitions),
        ("Never", told.never),
        ("Caps", told.caps),
        ("Goals", told.goals),
        ("Alerts", told.alerts),
        ("Set by each hospital", told.settings),
        ("Also set by this hospital", told.local),
        ("Readings of the source", told.readings),
    ):
        if items:
            lines += ["", heading]
            if heading == "Words used":  # which begin with their title
                lines += [f"   {item.says}  [{item.id}]{basis_text(item.cites, item.interprets)}" for item in items]
                continue
            for item in items:
                lines.append(f"   {item.id}: {item.says}{basis_text(item.cites, item.interprets)}")
                lines += [f"      Elsewhere {line}" for line in item.elsewhere]
    return "\n".join(lines) + "\n"


def entry_lines(entry: Entry, names: Mapping[int, str] | None = None) -> list[str]:
    """One step as text. With `names`, steps are named by them instead of being numbered."""
    urgency = {"stat": "NOW: ", "asap": "As soon as possible: ", "urgent": "Urgent: "}.get(entry.priority, "")
    lead = {"outcome": "Outcome: ", "hand-over": "Hand over: "}.get(entry.kind, "")
    said = f"{urgency}{lead}{entry.says}"
    lines = [said if names else f"{entry.number}. {said}  [{entry.step}]"]
    lines += [f"   {line}" for line in entry.lines]
    if entry.review:
        lines.append(f"   {entry.review}")
    for way in entry.ways:
        lines.append(f"   - {way_text(way, names)}")
    strength = [entry.strength, f"certainty {entry.certainty}" if entry.certainty else ""]
    basis = "; ".join(text for text in strength if text and entry.strength)
    sources = basis_text(entry.cites, entry.interprets).strip()
    if basis or sources:
        lines.append(f"   {' '.join(text for text in (basis, sources) if text)}")
    if entry.note:
        lines.append(f"   Note: {entry.note}")
    lines += [f"   Elsewhere {line}" for line in entry.elsewhere]
    return lines


def way_text(way: WayOn, names: Mapping[int, str] | None = None) -> str:
    """`if MAP < 65 mmHg: go to 4`; with `names`, they stand for the numbers."""
    go = f"{'start together ' if len(way.to) > 1 else 'go to '}{_numbers(way.to, names)}"
    if way.assumed:
        return f"while not known: ask, and {go} meanwhile"
    return f"{way.when}: {go}" if way.when else f"at once {go}"


def basis_text(cites: tuple[str, ...], interprets: tuple[str, ...]) -> str:
    """Sources and readings in brackets, with a leading space; empty where there are none."""
    parts = [" ".join(cites)] if cites else []
    if interprets:
        parts.append(f"reading {' '.join(interprets)}")
    return f" ({'; '.join(parts)})" if parts else ""


def _numbers(numbers: tuple[int, ...], names: Mapping[int, str] | None = None) -> str:
    return listed(str(number) if names is None else names[number] for number in numbers)
