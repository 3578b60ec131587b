"""A conversation about one patient: one question at a time, what was said charted, the advice as it forms.

Pure of clock and terminal: `hear` takes a line and the time and gives back lines to show. What is said
goes through the rules of the chart; what they refuse comes back as words, and the question stays.
Files are the caller's: an `export`, `import`, `save` or `quit` comes back as a `Request`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from fractions import Fraction
from typing import Any, NamedTuple

from kb import dictation
from kb import program as ir
from kb.advice import Ask, Item
from kb.asks import ask_for, names_of
from kb.chart import RECORD, Chart, ChartError, Entry, nearest, parse_time, quoted
from kb.dictation import NO, NOT_AVAILABLE, UNOBTAINABLE, YES
from kb.generator.bedside import (
    EMPTY,
    Line,
    Span,
    advice_lines,
    due_text,
    explanation_lines,
    harmless_lines,
    item_lines,
    source_lines,
    verdict_lines,
)
from kb.generator.wording import Speaker, banner, clean, decimal_text, listed
from kb.interpreter import Advice, Guideline
from kb.local import checked_local, in_local_unit, unit_in_use
from kb.reading import Mark, dictionary_of, parse_chart
from kb.session import OtherProgram, Record
from kb.values import BadValue, format_decimal

_ORDER_WAYS = {"route": "order … iv", "line": "order … line first", "intent": "order … for WHAT"}
_GONE = frozenset({"0", "no", "n", "not running", "none", "off", "nil"})
_MOST = 400  # letters of one line that are read

HELP = (
    ("an answer", "58, 58 mmHg, 7.7 kPa, y, n, unobtainable, 58 mmHg at 11:40, 58 20 min ago"),
    ("NAME VALUE", "answer something else than what is asked: map 58"),
    ("not available", "it cannot be had now; it is not asked again while that stands"),
    ("skip", "leave the question for later; again brings all skipped ones back"),
    ("more", "ask what may be needed next as well"),
    ("back", "take the last answer back"),
    ("correct X VALUE", "put an earlier answer right, by its name or number; remove X takes it back"),
    ("done N", "a recommended action was carried out: done 2, done 2 500 mL"),
    ("give DRUG AMOUNT", "also: start DRUG RATE, change DRUG RATE, stop DRUG; all of them … at 11:40"),
    ("decline N because …", "a recommended action is not carried out, and why"),
    ("why, why N, why not N", "why it is asked; why a step is advised, or not"),
    ("sources", "what the advice rests on"),
    ("order DRUG DOSE", "check an order before it is carried out; also … iv line first for WHAT"),
    ("advice, chart", "all of the advice; all that is charted, with numbers"),
    ("wait 15 min", "let time pass; clock 14:05 sets it"),
    ("reassess", "measure again what the reviews want"),
    ("switch", "go on with the protocol that is handed over to"),
    ("export FILE", "write the chart; import FILE takes one in; save FILE keeps a journal from now on"),
    ("help, quit", ""),
)
COMMANDS = (
    "advice", "again", "back", "change", "chart", "clock", "correct", "decline", "done", "export", "give", "help",
    "import", "more", "not available", "order", "quit", "reassess", "remove", "save", "skip", "sources", "start",
    "stop", "switch", "unobtainable", "wait", "why", "why not",
)  # fmt: skip


class Question(NamedTuple):
    """One question. `form` says how it is answered: value, rate, salt, record, began, given, done, earlier, dose,
    option, reason or confirm. `name` is what is asked for, and `ask` the name under which the advice asks it.
    """

    form: str
    name: str
    text: str
    unit: str = ""
    options: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    note: str = ""
    ask: str = ""
    decides: tuple[str, ...] = ()
    late: str = ""
    step: str = ""
    corrects: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.form, self.name


class Request(NamedTuple):
    """What the caller is to do: export, import, save (each with `path`) or quit."""

    what: str
    path: str = ""


class Reply(NamedTuple):
    """What to show, what is asked next, and whether the line was refused."""

    lines: tuple[Line, ...]
    question: Question | None = None
    request: Request | None = None
    refused: bool = False


class Interview:
    """One conversation over one record. `advice` is that of now; `question` the one that waits for an answer."""

    def __init__(
        self,
        record: Record,
        now: datetime,
        local: Mapping[str, Any] | None = None,
        programs: Callable[[str], Guideline | None] = lambda name: None,
        *,
        runs: bool = False,
    ) -> None:
        """Begin, or go on with, a conversation.

        Args:
            record: where answers are charted; a `Session` keeps them.
            now: with its offset; times of day are read in it.
            local: the local settings.
            programs: the protocol that `id@major` names, for a hand-over.
            runs: the caller's clock runs by itself, so that `wait` and `clock` have no part.

        Raises:
            ChartError: the local settings do not fit.
            WithdrawnError: the protocol was withdrawn.

        """
        self.record, self.now = record, parse_time(now)
        self.local, self._programs, self.runs = local, programs, runs
        self.question: Question | None = None
        self._pending: Question | None = None
        self._queue: list[str] = []
        self._aside: set[tuple[str, str]] = set()
        self._more = False
        self._told: list[Line] = []
        self._full: object = None
        self._numbers: dict[str, int] = {}
        self._begin()

    def _begin(self) -> None:
        self._numbers.clear()
        self._aside.clear()
        self._queue.clear()
        self._pending = None
        self._settled = checked_local(self.record.program, self.local)
        self.say = Speaker(self.record.program, self._settled)
        told = {entry.id for entry in self.record.standing() if entry.kind != "protocol"}
        # What was charted together is taken back together, also in a session that is gone on with.
        self._acts: list[tuple[str, ...]] = [batch for batch in self.record.batches if not told.isdisjoint(batch)]
        self.advice = self._advise()

    # ------------------------------------------------------------ the turns of the conversation

    def greet(self) -> Reply:
        """The first thing said: the protocol, its review state, what is known, the first question."""
        program = self.record.program
        self._tell(Span(clean(program.title), "head"), Span(f"  {program.id}@{program.version}", "quiet"))
        self._tell(Span(banner(program), "draft"))
        self._tell(
            Span(f"it is {self.now:%Y-%m-%d %H:%M %Z}; `advice` shows all of it, `help` what can be said", "quiet")
        )
        known = [entry for entry in self.record.standing() if entry.kind != "protocol"]
        if known:
            self._heading("KNOWN SO FAR")
            self._show_chart(known)
            self.advice = self._advise()
            if self._next() is not None:  # else the advice follows in full
                self._show_advised()
        return self._reply(None, self.advice, short=bool(known))

    def hear(self, text: str, now: datetime | None = None) -> Reply:
        """One line of the person's, said at `now` (by default when the last one was)."""
        before, refused, request = self.advice, False, None
        if now is not None and parse_time(now) > self.now:
            self.now = parse_time(now)
        try:
            request = self._obey(dictation.plain(text[: 10 * _MOST])[:_MOST])
        except BadValue as bad:
            refused = True
            self._refuse(bad.message, bad.help or "")
        except ChartError as error:
            refused = True
            for item in error.refusals:
                self._refuse(item.message, item.help)
        return self._reply(request, before, refused=refused)

    def take(self, chart: object) -> Reply:
        """Entries of another chart (JSON data, or a `Chart`) taken in, all or none."""
        before, refused = self.advice, False
        try:
            self._import(chart)
        except ChartError as error:
            refused = True
            self._refuse("nothing of the chart was taken")
            for item in error.refusals:
                self._refuse(item.message, item.help)
        return self._reply(None, before, refused=refused)

    def tell(self, text: str, *, refused: bool = False) -> Reply:
        """What came of a request, and the question again."""
        self._say(text, "bad" if refused else "good")
        return self._reply(None, self.advice, refused=refused)

    def keep_in(self, record: Record) -> None:
        """Go on in another record that holds the same entries."""
        self.record = record

    def words(self) -> tuple[str, ...]:
        """What the next line may begin with, for completion."""
        names = [element.id for element in self.record.program.elements]
        names += [drug.id for drug in self.record.program.drugs]
        names += [step.id for step in self.record.program.steps if step.kind == "do"]
        return (*(self.question.options if self.question else ()), *COMMANDS, *names)

    def _advise(self) -> Advice:
        found = self.record.advise(self.now, self.local)
        for item in found.recommended:
            self._numbers.setdefault(item.step, len(self._numbers) + 1)
        return found

    def _reply(self, request: Request | None, before: Advice, *, refused: bool = False, short: bool = False) -> Reply:
        self.advice = self._advise()
        self.question = self._next()
        state = self._state()
        full = self.question is None and state != self._full
        if before is not self.advice and before.protocol == self.advice.protocol and not short:
            self._compare(before, brief=full)
        if full and not refused:
            self._show_advice()
        if self.question is not None:
            self._ask(self.question)
        elif not refused and request is None:
            self._closing()
        told = tuple(harmless_lines(self._told))
        self._told = []
        return Reply(told, self.question, request, refused)

    def _state(self) -> object:
        """What of the advice a person would want to see again when it changes."""
        found = self.advice
        return (
            found.protocol,
            found.applies,
            [(item.step, item.status, item.dose and item.dose.text) for item in found.actions],
            found.alerts,
            found.outcomes,
            [(goal.id, goal.state) for goal in found.goals],
        )

    # ------------------------------------------------------------ what is said

    def _tell(self, *spans: Span, indent: int = 0, hang: int = 0) -> None:
        self._told.append(Line(spans, indent, hang))

    def _say(self, text: str, style: str = "plain") -> None:
        self._tell(Span(text, style), indent=2, hang=2)

    def _refuse(self, message: str, help: str = "") -> None:
        self._tell(Span(f"not taken: {message}" + (f" ({help})" if help else ""), "bad"), indent=2, hang=4)

    def _heading(self, text: str) -> None:
        self._told.append(EMPTY)
        self._tell(Span(text, "head"))

    def _ask(self, question: Question) -> None:
        self._told.append(EMPTY)
        late = f"  overdue by {question.late}" if question.late else ""
        self._tell(
            Span("?  ", "warn"),
            Span(question.text, "title"),
            Span(late, "now"),
            Span(f"  [{question.name}]", "quiet"),
            hang=3,
        )
        if question.note:
            self._tell(Span(question.note, "quiet"), indent=3, hang=3)
        if question.hints:
            self._tell(Span(" · ".join(question.hints), "quiet"), indent=3, hang=3)

    def _closing(self) -> None:
        self._told.append(EMPTY)
        late = [ask for ask in self.advice.asks if ask.now]
        if late:
            names = listed(self.say.condition(ask.name) for ask in late[:4])
            self._say(f"left open: {names}; `again` asks once more", "warn")
        elif self.advice.asks and not self._more:
            self._say("nothing more is needed now; `more` asks what may be needed next", "quiet")
        else:
            self._say("nothing more is needed now", "quiet")
        due = sorted(state.due for state in self.advice.reviews)
        if due:
            self._say(f"next review at {datetime.fromisoformat(due[0]):%H:%M}", "quiet")

    def _show_advice(self) -> None:
        self._full = self._state()
        self._told.append(EMPTY)
        self._told += advice_lines(self.advice, self._numbers)

    def _show_advised(self) -> None:
        """In short what is advised now, on what was known before the conversation."""
        found = self.advice
        if found.alerts or found.recommended:
            self._heading("ADVISED NOW")
        for alert in found.alerts:
            self._tell(Span("!  ", "now"), Span(self.say.prose(alert.say), "now"), indent=2, hang=5)
        for item in found.recommended:
            self._told += item_lines(found, item, self._numbers[item.step])

    def _show_chart(self, entries: Iterable[Entry]) -> None:
        for entry in sorted(entries, key=lambda entry: entry.at):
            number = entry.id[1:] if entry.id[:1] == "e" and entry.id[1:].isdecimal() else entry.id
            self._tell(Span(f"{clean(number):>3}  ", "quiet"), Span(self._charted(entry)), hang=5)

    def _compare(self, before: Advice, brief: bool) -> None:
        """What is new and what is no longer, against the advice before."""
        now = self.advice
        if before.applies is not False and now.applies is False and not brief:
            scope = self.say.condition(self.record.program.applies_text)
            self._say(f"not for this patient: this protocol applies if {scope}", "now")
        old = {item.step: item for item in before.recommended}
        new = {item.step: item for item in now.recommended}
        waiting = {item.step: item.status for item in before.actions}
        for alert in now.alerts:
            if alert not in before.alerts:
                self._tell(Span("!  ", "now"), Span(self.say.prose(alert.say), "now"), indent=2, hang=5)
        for step, item in old.items():
            if step not in new:
                after = next((found for found in now.actions if found.step == step), None)
                due = "" if after is None else due_text(now, after)
                self._news(
                    "no longer", item.title or item.hand_over, ", ".join(filter(None, (self._status(step), due)))
                )
        for item in now.actions:
            status = waiting.get(item.step)
            known = item.step in new or item.step in old or item.status in (status, "not known")
            if not known and not (status is None and item.status == "satisfied"):
                due = due_text(now, item)
                self._news("now", item.title, f"{item.status}, {due}" if due else item.status)
        for step, item in new.items():
            was = old.get(step)
            if was is None:
                self._news("advised", "", "") if not brief else self._news("advised", item.title or item.hand_over, "")
                if not brief:
                    self._told += item_lines(now, item, self._numbers[step])
                if item.hand_over:
                    self._say(f"`switch` goes on with {clean(item.hand_over)} on this chart", "warn")
            elif was.status != item.status or (was.dose and was.dose.text) != (item.dose and item.dose.text):
                told = self.say.dose_beside(item.dose.drug, clean(item.dose.text)) if item.dose else ""
                dose = f"{self.say.drug(item.dose.drug)} {told}" if item.dose else ""
                self._news(
                    "changed", item.title, ", ".join(filter(None, (item.status * (was.status != item.status), dose)))
                )
        for outcome in now.outcomes:
            if outcome.step not in {found.step for found in before.outcomes}:
                self._news("outcome", outcome.title, "")
        states = {goal.id: goal.state for goal in before.goals}
        for goal in now.goals:
            if goal.state != states.get(goal.id) and goal.state != "unknown":
                self._news("goal", goal.title, goal.state)

    def _news(self, what: str, title: str, more: str) -> None:
        style = {"no longer": "warn", "outcome": "good"}.get(what, "label")
        if title:
            self._tell(
                Span(f"{what}: ", style),
                Span(self.say.prose(title)),
                Span(f" ({more})" if more else "", "quiet"),
                indent=2,
                hang=4,
            )
        else:
            self._tell(Span(what, style), indent=2)

    def _status(self, step: str) -> str:
        return self.advice.status(step) if step in self.advice.walk.plan.steps else ""

    # ------------------------------------------------------------ which question is next

    def _next(self) -> Question | None:
        if self._pending is not None:
            return self._pending
        while self._queue:
            if self._charted_now(self._queue[0]):
                self._queue.pop(0)
                continue
            return self._question(self._ask_of(self._queue[0]))
        if self.advice.applies is False:
            return None
        found: list[Question] = []
        for ask in (*self.advice.asks, *self._of_scope()):
            if ask.now or self._more or self._on_an_assumption(ask):
                question = self._question(ask)
                if question.key not in self._aside:
                    found.append(question)
                    # What was asked stays asked while it is still open: a command never changes it under the fingers.
                    if self.question is not None and question.key == self.question.key:
                        return question
        return found[0] if found else None

    def _of_scope(self) -> Iterator[Ask]:
        """What could still show that the patient is outside the scope, where the protocol goes on without it."""
        walk = self.advice.walk
        for name in names_of(walk, walk.undecided(walk.program.applies)):
            yield ask_for(walk.program, name)

    def _on_an_assumption(self, ask: Ask) -> bool:
        """Whether a step that is reached only by assumption needs it: what it assumes may never be known."""
        walk = self.advice.walk
        return any(walk.state(walk.plan.steps[step]) == "assumed" for step in ask.decides)

    def _ask_of(self, name: str) -> Ask:
        found = next((ask for ask in self.advice.asks if ask.name == name), None)
        return found or ask_for(self.record.program, name)

    def _charted_now(self, name: str) -> bool:
        return any(entry.about == name and entry.at == self.now for entry in self.record.standing())

    def _question(self, ask: Ask) -> Question:
        """An ask as something that a person can answer in a conversation."""
        program, names = self.record.program, dictionary_of(self.record.program)
        note = (
            ""
            if not ask.cause or ask.cause.endswith("has not been charted")
            else self.say.condition(ask.cause.replace("`", ""))
        )
        common: dict[str, Any] = {"ask": ask.name, "decides": ask.decides, "late": ask.overdue_by, "note": note}
        if ask.name in names.elements:
            return self._about_data(names.elements[ask.name], common)
        if ask.name in names.drugs:
            return self._about_rate(names.drugs[ask.name], common)
        if ask.name == RECORD:
            return self._about_record(ask, common)
        if ask.name.endswith(".salt"):
            return Question(
                "salt",
                ask.name,
                clean(ask.question),
                options=ask.options,
                hints=(*ask.options, "not available", "skip"),
                **common,
            )
        slot = program.slots[names.slots[ask.name]] if ask.name in names.slots else None
        if slot is None or slot.feature is None:
            return Question("value", ask.name, clean(ask.question), ask.unit, ask.options, ("skip",), **common)
        return self._about_past(slot, slot.feature, ask, common)

    def _about_record(self, ask: Ask, common: dict[str, Any]) -> Question:
        """Whether the record is complete; where that is charted or would not tell, what the record does not say."""
        standing = [entry for entry in self.record.standing() if entry.at <= self.now]
        said = [entry for entry in standing if entry.element == RECORD and entry.value != "not available"]
        complete = bool(said) or self.record.chart.complete_from is not None
        slots, causes = self.record.program.slots, self.advice.walk.reading.causes
        for index, cause in causes.items():
            feature = slots[index].feature
            if feature is None or RECORD not in cause.asks or cause.kind == "not available":
                continue
            seen = feature.of is not None and self._last_rate(feature.of.id) is not None
            if complete or (feature.function == "since" and seen):
                question = self._about_past(slots[index], feature, ask, common)
                if question.key not in self._aside and question.name != ask.name:
                    return question
        charted = [self._charted(entry) for entry in standing if entry.kind == "therapy"]
        note = "charted: " + ("; ".join(charted) if charted else "no drug or fluid so far")
        hints = ("yes", "since 11:40", "no", "`give` and `start` chart what is missing")
        return Question("record", RECORD, clean(ask.question), hints=hints, **{**common, "note": note})

    def _about_data(self, element: ir.Element, common: dict[str, Any]) -> Question:
        options = element.options or (("yes", "no") if element.type == "boolean" else ())
        hints: list[str] = list(options)
        unit = self._unit(element.id, element.unit)
        if element.type == "number" or element.unit:
            ends = [None if end is None else decimal_text(end) for end in (element.low, element.high)]
            span = (
                f"{ends[0]} to {ends[1]}"
                if all(ends)
                else f"from {ends[0]}"
                if ends[0]
                else f"up to {ends[1]}"
                if ends[1]
                else "a number"
            )
            span = f"{span} {element.unit if element.unit != '1' else ''}".strip()
            hints.append(f"in {unit} ({self._span_beside(element)}{span})" if unit != element.unit else span)
        elif element.type == "date-time":
            hints += ["14:05", "20 min ago"]
        if element.can_be_unobtainable:
            hints.append("unobtainable")
        text = self.say.prose(element.question) or f"{clean(element.label)}?"
        return Question("value", element.id, text, unit, options, (*hints, "not available", "skip"), **common)

    def _span_beside(self, element: ir.Element) -> str:
        """The plausible range of an element in the hospital's unit, to stand before ours: `2.666 to 40 kPa; `."""
        ends = [None if end is None else format_decimal(end) for end in (element.low, element.high)]
        own = self.say.range_beside(element.id, ends[0], ends[1], element.unit) if ends[0] and ends[1] else ""
        return f"{own}; " if own else ""

    def _about_rate(self, drug: ir.Drug, common: dict[str, Any]) -> Question:
        forms = [f"as {form}" for form, _ in drug.salts]
        unit = self._unit(drug.id, drug.rate_unit)
        hints = (unit, *forms, "not running", "stopped", "not available", "skip")
        text = f"At what rate is {self.say.drug(drug.id)} running now?"
        return Question("rate", drug.id, text, unit, (), hints, **common)

    def _about_past(self, slot: ir.Slot, feature: ir.Feature, ask: Ask, common: dict[str, Any]) -> Question:
        """A question about what was before this conversation: when something happened, or an earlier value."""
        names = dictionary_of(self.record.program)
        event = feature.after or (feature.window.event if feature.window is not None else None)
        if event is None and feature.function in ("since", "total", "count"):
            event = feature.of
        if event is not None and event.kind == "step":
            step = next((step for step in self.record.program.steps if step.id == event.id), None)
            title = self.say.prose(step.title) if step is not None else event.id
            hints: tuple[str, ...] = ("11:40", "20 min ago", "never", "not available", "skip")
            return Question("done", event.id, f"When was this last done: {title}?", hints=hints, **common)
        if event is not None and event.kind == "element" and event.id in names.elements:
            return self._about_data(names.elements[event.id], common)
        if event is not None:
            drugs = [drug for drug in names.program.drugs if drug.id == event.id or event.id in drug.classes]
            for drug in drugs:
                if event.kind != "given" and self._runs_now(drug) is None and drug.rate_unit:
                    return self._about_rate(drug, common)
                label = self.say.drug(drug.id)
                if event.kind != "given" and self._runs_now(drug):
                    unit = self._unit(drug.id, drug.rate_unit)
                    hints = ("started 11:40", f"raised 11:40 from … {unit}", "never", "not available", "skip")
                    text = f"When was {label} last started, or changed?"
                    return Question("began", drug.id, text, unit, hints=hints, **common)
                if drug.amount_unit:
                    unit = self._unit(drug.id, drug.amount_unit)
                    hints = (
                        f"… {unit} at 11:40",
                        f"… {unit} 20 min ago",
                        "never",
                        "not available",
                        "skip",
                    )
                    text = f"When was {label} last given, and how much?"
                    return Question("given", drug.id, text, unit, (), hints, **common)
        if feature.of is not None and feature.of.id in names.elements:
            element = names.elements[feature.of.id]
            text = f"What was {self.say.data(element.id)} before, and when?"
            unit = self._unit(element.id, element.unit)
            hints = (f"… {unit} at 11:40".replace("  ", " "), "not available", "skip")
            return Question("earlier", element.id, text, unit, element.options, hints, **common)
        return Question("earlier", ask.name, clean(ask.question), hints=("not available", "skip"), **common)

    def _unit(self, name: str, unit: str) -> str:
        """The unit in which data or a drug is asked for, and a bare number is read: the hospital's, else ours."""
        return unit_in_use(self._settled, dictionary_of(self.record.program), name, unit)

    def _runs_now(self, drug: ir.Drug) -> bool | None:
        """Whether a drug runs now; None where that is not known."""
        index = self.advice.walk.plan.rates.get(drug.id)
        rate = None if index is None else self.advice.walk.row[index]
        if index is None or rate is None:
            last = self._last_rate(drug.id)
            return None if last is None else last.event != "stopped"
        return bool(rate)

    def _last_rate(self, drug: str) -> Entry | None:
        names = dictionary_of(self.record.program)
        found = [
            entry for entry in self.record.standing()
            if entry.kind == "therapy" and entry.event != "given" and entry.at <= self.now
            and (known := names.drug(entry.drug)) is not None and known.id == drug
        ]  # fmt: skip
        return max(found, key=lambda entry: entry.at, default=None)

    # ------------------------------------------------------------ what is heard

    def _obey(self, text: str) -> Request | None:
        """Do what a line says: an answer, or a command."""
        question = self.question
        if not text:
            return None
        word, _, rest = text.partition(" ")
        word, rest = word.lower().strip(), rest.strip()
        options = {option.lower() for option in question.options} if question is not None else set()
        if text.lower() in options and question is not None:
            self._answer(question, text)
            return None
        if text.lower() in NOT_AVAILABLE and question is not None:
            self._answer(question, "not available")
            return None
        if (
            not rest
            and word in ("stop", "change", "start", "give", "done")
            and question is not None
            and question.form == "rate"
        ):
            raise BadValue("KB606", f"{quoted(text)} does not say what", f"write `stopped`, or `{word} DRUG …`")
        command = getattr(self, f"_do_{word}", None) if word.isalpha() and word.isascii() else None
        if command is not None:
            made: Request | None = command(rest)
            return made
        named = self._named_answer(text)
        if named is not None:
            about, said = named
            # What was before is asked by the name of what is measured: that it is not to be had answers that question.
            earlier = question is not None and question.form == "earlier" and question.name == about.name
            self._answer(question if question and earlier and said.lower() in NOT_AVAILABLE else about, said)
            return None
        if question is None:
            near = get_close_matches(word, COMMANDS, n=1)
            help = f"did you mean `{near[0]}`?" if near else "`help` lists what can be said"
            raise BadValue("KB606", f"{quoted(text)} is no command, and nothing is asked now", help)
        self._answer(question, text)
        return None

    def _named_answer(self, text: str) -> tuple[Question, str] | None:
        """`map 58`, `map: 58 mmHg`: an answer to something else than what is asked."""
        for mark in (":", "="):
            left, found, right = text.partition(mark)
            name = self._resolve(left) if found and right.strip() else ""
            if name:
                return self._question(self._ask_of(name)), right.strip()
        words = text.split()
        for size in range(min(len(words) - 1, 6), 0, -1):
            name = self._resolve(" ".join(words[:size]))
            if name:
                return self._question(self._ask_of(name)), " ".join(words[size:])
        return None

    def _resolve(self, text: str) -> str:
        """The element, drug, salt form or record that people mean by `text`, or nothing."""
        names, word = dictionary_of(self.record.program), text.strip().casefold()
        plain = word.replace(" ", "_")
        if plain in names.elements:
            return plain
        if plain in (RECORD, "record"):
            return RECORD
        drug = names.drug(word.removesuffix(".salt"))
        if drug is not None:
            return drug.id + (".salt" if word.endswith(".salt") else "")
        found = [
            item.id
            for item in names.program.elements
            if word in (item.label.casefold(), self.say.data(item.id).casefold())
        ]
        return found[0] if len(found) == 1 else ""

    def _known(self, text: str) -> str:
        name = self._resolve(text)
        if not name:
            names = dictionary_of(self.record.program)
            help = (
                nearest(text.casefold().replace(" ", "_"), (*names.elements, *names.synonyms))
                or "`chart` lists what is charted"
            )
            raise BadValue(
                "KB602", f"{quoted(text)} is unknown to this protocol" if text else "it does not say what", help
            )
        return name

    def _drug_and_rest(self, text: str) -> tuple[ir.Drug, str]:
        names, words = dictionary_of(self.record.program), text.split()
        for size in range(min(len(words), 6), 0, -1):
            drug = names.drug(" ".join(words[:size]))
            if drug is not None:
                return drug, " ".join(words[size:])
        what = quoted(words[0]) + " is a drug this protocol does not know" if words else "it does not say which drug"
        raise BadValue(
            "KB602", what, nearest(words[0].casefold(), names.synonyms) if words else "write `start DRUG RATE`"
        )

    def _step_and_rest(self, text: str) -> tuple[ir.Step, str]:
        """The step of a number or an id at the beginning of `text`."""
        word, _, rest = text.partition(" ")
        steps = {step.id: step for step in self.record.program.steps}
        by_number = {str(number): step for step, number in self._numbers.items()}
        id = by_number.get(word.rstrip("."), word)
        if id not in steps:
            help = nearest(word, steps) or "`advice` shows the recommended steps with their numbers"
            raise BadValue("KB602", f"there is no step {quoted(word)}" if word else "it does not say which step", help)
        return steps[id], rest.strip()

    # ------------------------------------------------------------ answers

    def _answer(self, question: Question, text: str) -> None:
        if question.form == "confirm":
            return self._confirmed(question, text)
        if question.form == "option":
            return self._chosen(question, text)
        if question.form == "reason":
            return self._declined(self._program_step(question.step), text)
        if question.form == "dose":
            self._settle_pending(question)
            told = dictation.said(text, self.now)
            stated = dictation.quantity(told.text, question.unit) + text[len(told.text) :]
            return self._carried_out(self._program_step(question.step), stated)
        if text.lower() in NOT_AVAILABLE:
            name = question.ask or question.name
            self._write(question, [self._observation(name, "not available", self.now)])
            return None
        element = dictionary_of(self.record.program).elements.get(question.name)
        told = dictation.said(text, self.now)
        if not told.text and question.form == "value" and element is not None and element.type == "date-time":
            told = dictation.Said(text)  # where a time is asked, `20 min ago` is the answer
        if told.text.lower() in NOT_AVAILABLE:
            name = question.ask or question.name
            self._write(question, [self._observation(name, "not available", told.at or self.now)], exact=True)
            return None
        old = next((entry for entry in self.record.standing() if entry.id == question.corrects), None)
        at = told.at or (old.at if old is not None else self.now)
        if not told.text and question.form not in ("began", "done"):
            raise BadValue("KB606", f"{quoted(text)} says when, but not what", "write the value before it")
        made = getattr(self, f"_heard_{question.form}")(question, told.text, at, told.at is not None)
        if made:
            self._write(question, made, exact=told.at is not None)
        return None

    def _program_step(self, id: str) -> ir.Step:
        return next(step for step in self.record.program.steps if step.id == id)

    def _observation(self, element: str, value: str | bool, at: datetime) -> dict[str, Any]:
        return {"kind": "observation", "element": element, "value": value, "at": at}

    def _heard_value(self, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
        element = dictionary_of(self.record.program).elements.get(question.name)
        if element is None:
            raise BadValue("KB602", f"{quoted(question.name)} cannot be charted", "`skip` leaves it open")
        return [self._observation(element.id, self._value(element, text, question.unit), at)]

    def _value(self, element: ir.Element, text: str, unit: str) -> str | bool:
        word = text.lower()
        if word in UNOBTAINABLE:
            return "unobtainable"
        if element.type == "boolean":
            if word in YES or word in NO:
                return word in YES
            raise BadValue("KB603", f"{quoted(text)} does not answer `{element.id}`", "write yes or no")
        if element.type == "choice":
            spelled = {option.lower().replace("_", " ").replace("-", " "): option for option in element.options}
            word = word.replace("_", " ").replace("-", " ")
            found = [option for key, option in spelled.items() if key.startswith(word)]
            return spelled.get(word) or (found[0] if len(found) == 1 and len(word) > 1 else text)
        if element.type == "date-time":
            return dictation.moment(text, self.now).isoformat()
        if element.type == "text":
            return text
        return dictation.quantity(text, unit)

    def _heard_rate(self, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
        drug = dictionary_of(self.record.program).drugs[question.name]
        entry: dict[str, Any] = {"kind": "therapy", "drug": drug.id, "at": at}
        if text.lower() in _GONE:
            return [{**entry, "event": "running", "rate": "0"}]
        if text.lower() in ("stopped", "stop"):
            return [{**entry, "event": "stopped"}]
        if text.lower().startswith("given "):
            self._do_give(f"{drug.id} {text[6:]}" + (f" at {at.isoformat()}" if stated else ""))
            return []
        return [{**entry, "event": "running", **self._rate(drug, text, question.unit, at)}]

    def _rate(self, drug: ir.Drug, text: str, unit: str, at: datetime) -> dict[str, Any]:
        """`0.08 mcg/kg/min as base`, `5 mL/h of 4 mg/50 mL`; a bare number in `unit`."""
        stated, of, strength = text.partition(" of ")
        number, as_, form = stated.partition(" as ")
        made = {"rate": f"{dictation.quantity(number.strip(), unit)}{as_}{form}".strip()}
        if of:
            made["concentration"] = strength.strip()
        alone = {"kind": "therapy", "event": "running", "drug": drug.id, "at": at, "id": "x", **made}
        mark = self._mark(alone)
        dose = None if mark is None else mark.dose
        by_volume = dose is not None and dose.form == "volume" and dose.scaled is None and dose.strength is None
        if by_volume and drug.id not in self.advice.walk.reading.strengths:
            help = f"write `{stated} of 4 mg/50 mL` as it is on the syringe, or the rate in {drug.rate_unit}"
            raise BadValue("KB605", f"{quoted(stated)} needs the concentration", help)
        return made

    def _mark(self, entry: dict[str, Any]) -> Mark | None:
        """An entry as the chart's rules read it.

        Raises:
            ChartError: it is refused.

        """
        chart = Chart.from_json({"entries": [{**entry, "at": entry["at"].isoformat()}]})
        found = parse_chart(self.record.program, chart, self.now)
        return found.marks[0] if found.marks else None

    def _heard_salt(self, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
        return [self._observation(question.name, text.lower().removeprefix("as "), at)]

    def _heard_record(self, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
        word = text.lower()
        if word in YES or word == "complete":
            return [self._observation(RECORD, "complete", self.now)]
        if word in NO:
            self._say("chart what is missing with `give` and `start` (… at 11:40), then `therapy_record yes`", "warn")
            return [self._observation(RECORD, "not available", self.now)]
        for lead in ("since ", "from "):
            word = word.removeprefix(lead)
        return [self._observation(RECORD, dictation.moment(word, self.now).isoformat(), self.now)]

    def _heard_began(self, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
        """`started 11:40`, `raised 11:40 from 0.02 units/min`: what runs now began then."""
        drug = dictionary_of(self.record.program).drugs[question.name]
        if text.lower() == "never":
            return self._never(question)
        last = self._last_rate(drug.id)
        if last is None or not last.rate:
            raise BadValue("KB606", f"at what rate `{drug.id}` runs is not charted", f"write `{drug.id} RATE` first")
        word, _, rest = text.partition(" ")
        when, _, former = rest.partition("from ")
        if not stated and when.strip():
            at, stated = dictation.moment(when.strip().removeprefix("at "), self.now), True
        if word.lower() not in ("started", "raised", "changed", "lowered") or not stated:
            unit = f"RATE {drug.rate_unit}"
            raise BadValue(
                "KB606",
                f"{quoted(text or 'that')} does not say what happened then",
                f"write `started 11:40`, or `raised 11:40 from {unit}`",
            )
        entry = {"kind": "therapy", "drug": drug.id, "at": at, "rate": last.rate}
        entry |= {key: value for key in ("salt", "concentration") if (value := getattr(last, key))}
        if word.lower() == "started":
            return [{**entry, "event": "started"}]
        if not former.strip():
            raise BadValue(
                "KB606",
                f"{quoted(text)} does not say from which rate",
                "write `raised 11:40 from 0.02`, or `not available`",
            )
        before = {"kind": "therapy", "event": "running", "drug": drug.id, "at": at - timedelta(seconds=1)}
        unit = question.unit or drug.rate_unit
        return [
            {**before, **self._rate(drug, former.strip(), question.unit or drug.rate_unit, at)},
            {**entry, "event": "changed"},
        ]

    def _heard_given(self, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
        if text.lower() == "never":
            return self._never(question)
        if not stated:
            raise BadValue("KB608", f"{quoted(text)} does not say when", f"write `{text} at 11:40`, or … `20 min ago`")
        amount = dictation.quantity(text, question.unit)
        return [{"kind": "therapy", "event": "given", "drug": question.name, "amount": amount, "at": at}]

    def _heard_done(self, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
        if text.lower() == "never":
            return self._never(question)
        if not stated:
            at = dictation.moment(text.removeprefix("at "), self.now)
        return [self._step_entry(question.name, "done", at)]

    def _heard_earlier(self, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
        if not stated:
            raise BadValue("KB608", f"{quoted(text)} does not say when", f"write `{text} at 11:40`")
        return self._heard_value(question, text, at, stated)

    def _never(self, question: Question) -> list[dict[str, Any]]:
        """That something never happened is known only of a record that is complete."""
        self._aside.add(question.key)
        asked = [entry for entry in self.record.standing() if entry.element == RECORD]
        if question.form in ("began", "given") and not asked:
            self._say("that counts where the record is known to be complete:", "quiet")
            self._queue.insert(0, RECORD)
        return []

    def _step_entry(self, step: str, event: str, at: datetime) -> dict[str, Any]:
        return {"kind": "step", "event": event, "step": step, "protocol": self.record.program.id, "at": at}

    def _write(self, question: Question | None, made: list[dict[str, Any]], *, exact: bool = False) -> None:
        """Chart entries, say what was charted, and go on to the next question."""
        corrects = question.corrects if question is not None else ""
        for said in made:
            self._check_form(said)
        made = [self._placed(entry, exact, corrects) for entry in made]
        if corrects:
            made[-1]["replaces"] = corrects
        ids = self.record.append(*made)
        self._acts.append(ids)
        for entry in self._entries(ids):
            self._say(f"{'corrected: ' if entry.replaces else ''}{self._charted(entry)}", "good")
        if question is not None:
            self._settle_pending(question)
            # Asked once; where the answer does not settle it, that is told, and it is not asked again at once.
            self._aside.add(question.key)
            if self._queue and self._queue[0] == question.name:
                self._queue.pop(0)

    def _check_form(self, entry: Mapping[str, Any]) -> None:
        """Refuse a salt form of a drug that has none: whoever says it may mean another drug."""
        named, of_salt, _ = str(entry.get("element", "")).partition(".salt")
        drug = dictionary_of(self.record.program).drug(str(entry.get("drug") or (named if of_salt else "")))
        stated = str(entry.get("rate") or entry.get("amount") or "")
        says = of_salt and entry.get("value") != "not available"
        if drug is not None and not drug.salts and (says or entry.get("salt") or " as " in stated):
            raise BadValue("KB612", f"`{drug.id}` has no salt forms in this protocol", "leave the form out")

    def _settle_pending(self, question: Question) -> None:
        if question == self._pending:
            self._pending = None

    def _placed(self, entry: dict[str, Any], exact: bool, corrects: str) -> dict[str, Any]:
        """An entry beside those of the same instant: a second value corrects the first, an action comes after it."""
        entry = dict(entry)
        about = entry.get("element") or entry.get("drug")
        if about is None or entry.get("event") == "given":
            return entry
        for other in self.record.standing():
            if other.id == corrects or other.at != entry["at"] or other.kind != entry["kind"] or other.about != about:
                continue
            if other.event == "given":
                continue
            if about == RECORD and "not available" in (entry["value"], other.value):
                continue
            if entry["kind"] == "observation" or entry["event"] == other.event == "running":
                entry["replaces"] = other.id
            elif exact:
                help = f"write another time, or `correct {other.id}`"
                raise BadValue("KB614", f"`{about}` was charted at that time already", help)
            else:
                self.now = max(self.now, entry["at"] + timedelta(seconds=1))
                entry["at"] = self.now
        return entry

    def _entries(self, ids: Iterable[str]) -> list[Entry]:
        wanted = set(ids)
        return [entry for entry in self.record.standing() if entry.id in wanted]

    # ------------------------------------------------------------ entries in words

    def _charted(self, entry: Entry) -> str:
        """`MAP 58 mmHg, at 14:05`."""
        return f"{self._content(entry)}, at {self._clock_time(entry.at)}"

    def _content(self, entry: Entry) -> str:
        names = dictionary_of(self.record.program)
        match entry.kind:
            case "observation" if entry.element == RECORD:
                if entry.value == "not available":
                    return "the record of what was given and runs is not known to be complete"
                start = "" if entry.value == "complete" else f" from {clean(str(entry.value))} on"
                return f"the record of what was given and runs is complete{start}"
            case "observation" if entry.element in names.elements:
                return f"{self.say.data(entry.element)} {self._shown(names.elements[entry.element], entry)}"
            case "observation":
                return f"{self.say.condition(entry.element.replace('.salt', ' charted as'))} {clean(str(entry.value))}"
            case "therapy":
                drug = names.drug(entry.drug)
                label = self.say.drug(drug.id) if drug is not None else clean(entry.drug)
                if entry.event == "running" and entry.rate == "0":
                    return f"{label} not running"
                dose = self._dose_shown(drug, entry) if drug is not None else entry.rate or entry.amount
                words = (label, dose, f"as {entry.salt}" if entry.salt else "")
                of = f"of {entry.concentration}" if entry.concentration else ""
                return " ".join(clean(word) for word in (*words, of, entry.route.upper(), entry.event) if word)
            case "step":
                step = next((step for step in self.record.program.steps if step.id == entry.step), None)
                reason = f" ({clean(entry.reason)})" if entry.reason else ""
                return f"{entry.event}: {self.say.prose(step.title) if step is not None else clean(entry.step)}{reason}"
        return f"{entry.event} {entry.about}"

    def _shown(self, element: ir.Element, entry: Entry) -> str:
        """A value as it was said, and in the unit of the protocol where that is another."""
        if isinstance(entry.value, bool) or entry.value in ("true", "false"):
            return "yes" if entry.value in (True, "true") else "no"
        text = clean(str(entry.value))
        if element.type != "number" and not element.unit:
            return text.replace("_", " ")
        unit = text.partition(" ")[2]
        mark = self._mark({**entry.to_json(), "at": entry.at, "replaces": None})
        if mark is None or not isinstance(mark.value, int):
            return text
        if unit and unit != element.unit:
            return f"{text} (= {self._short(element.id, mark.value)} {element.unit})"
        names = dictionary_of(self.record.program)
        own = in_local_unit(self._settled, names, element.id, element.unit, mark.value)
        return f"{text} (= {own})" if own else text

    def _short(self, name: str, scaled: int) -> str:
        """A number for the eye; in full where it would look like a number that it is compared with, and is not."""
        shown, edges = _short(scaled), dictionary_of(self.record.program).edges(name)
        alike = any(edge != scaled and Fraction(shown) * ir.SCALE == edge for edge in edges)
        return format_decimal(scaled) if alike else shown

    def _dose_shown(self, drug: ir.Drug, entry: Entry) -> str:
        """A rate or amount as it was said; where the hospital shows the drug in a unit of its own, in both."""
        text, ours = clean(entry.rate or entry.amount or ""), drug.rate_unit if entry.rate else drug.amount_unit
        if not text or self._unit(drug.id, ours) == ours:
            return text
        mark = self._mark({**entry.to_json(), "at": entry.at})
        scaled = None if mark is None or mark.dose is None else mark.dose.scaled
        if scaled is None:
            return text
        if text.partition(" ")[2] != ours:
            return f"{text} (= {self._short(drug.id, scaled)} {ours})"
        own = in_local_unit(self._settled, dictionary_of(self.record.program), drug.id, ours, scaled)
        return f"{text} (= {own})" if own else text

    # ------------------------------------------------------------ commands: the conversation

    def _do_help(self, rest: str) -> None:
        for said, does in HELP:
            self._tell(Span(f"{said:<22}", "title"), Span(f" {does}"), indent=2, hang=6)

    def _do_quit(self, rest: str) -> Request:
        return Request("quit")

    _do_exit = _do_quit

    def _do_advice(self, rest: str) -> None:
        self._show_advice()

    def _do_chart(self, rest: str) -> None:
        self._heading("CHARTED")
        self._show_chart(self.record.standing())

    def _do_sources(self, rest: str) -> None:
        self._told.append(EMPTY)
        self._told += source_lines(self.advice)

    def _do_skip(self, rest: str) -> None:
        if self._pending is not None:
            self._pending = None
        elif self._queue and self.question is not None and self.question.name == self._queue[0]:
            self._queue.pop(0)
            self._aside.add(self.question.key)
        elif self.question is not None:
            self._aside.add(self.question.key)

    _do_later = _do_skip

    def _do_again(self, rest: str) -> None:
        self._aside.clear()

    def _do_more(self, rest: str) -> None:
        self._more = True

    def _do_why(self, rest: str) -> None:
        if rest.lower().startswith("not "):
            rest = rest[4:].strip()
        if rest:
            step, _ = self._step_and_rest(rest)
            self._told.append(EMPTY)
            self._told += explanation_lines(self.advice, step.id)
            return
        question = self.question
        if question is None:
            raise BadValue("KB602", "it does not say which step", "write `why 1` or `why STEP`")
        titles = {step.id: self.say.prose(step.title) for step in self.record.program.steps}
        if question.decides:
            self._say(f"it decides: {listed(titles.get(step, step) for step in question.decides)}")
        elif question.step:
            self._say(f"it belongs to: {titles.get(question.step, question.step)}")
        else:
            self._say("a review asks for it" if question.late else "you asked for it")

    def _do_wait(self, rest: str) -> None:
        self._let_pass(self.now + dictation.span(rest))

    def _do_clock(self, rest: str) -> None:
        self._let_pass(dictation.later(rest, self.now))

    def _let_pass(self, to: datetime) -> None:
        if self.runs:
            raise BadValue(
                "KB608",
                f"the clock runs by itself; it is {self.now:%H:%M}",
                "begin with `--at TIME` to set it yourself",
            )
        if to.year > 2900:
            raise BadValue("KB608", "no patient lives that long")
        self.now = to
        self._aside.clear()
        self._say(
            f"it is {self.now:%H:%M}" if to.date() == self.now.date() else f"it is {self.now:%Y-%m-%d %H:%M}", "good"
        )

    def _do_reassess(self, rest: str) -> None:
        wanted: dict[str, None] = {}
        for entry in self.record.standing():
            # What was done is looked at again, also where its step is not reached while something else is not known.
            for step in self.record.program.steps:
                drug = step.action.drug if step.action is not None else ""
                acted = entry.event in ("given", "started", "changed", "done") and entry.about in (step.id, drug)
                if acted and step.review is not None:
                    wanted |= dict.fromkeys(step.review.measure)
        self._aside.clear()
        self._queue = [name for name in wanted if not self._charted_now(name)]
        if not wanted:
            self._say("no review asks for anything now")
        elif not self._queue:
            self._say("all that the reviews want was measured just now; let time pass first", "quiet")

    # ------------------------------------------------------------ commands: putting right

    def _do_back(self, rest: str) -> None:
        if self._pending is not None:
            self._pending = None
            return
        standing = {entry.id: entry for entry in self.record.standing()}
        while self._acts:
            act = self._acts.pop()
            ids = [id for id in act if id in standing]
            if ids:
                self._take_back([standing[id] for id in ids], act)
                return
        raise BadValue("KB611", "there is nothing to take back")

    _do_undo = _do_back

    def _reopened(self, act: Iterable[str]) -> list[dict[str, Any]]:
        """The session's opening once more, where the chart that took its place is taken back."""
        known = {entry.id: entry for entry in self.record.entries}
        openings = [known[known[id].retracts] for id in act if known[id].retracts]
        return [{**entry.to_json(), "id": None, "replaces": None} for entry in openings if entry.event == "opened"]

    def _take_back(self, entries: list[Entry], act: Iterable[str] = ()) -> None:
        """Retract entries; what they had corrected stands again, unless it came with them in one `act`."""
        known = {entry.id: entry for entry in self.record.chart.entries}
        made: list[dict[str, Any]] = [{"at": entry.at, "retracts": entry.id} for entry in entries]
        back: list[dict[str, Any]] = []
        for entry in entries:
            if entry.replaces in known and entry.replaces not in act:
                old = known[entry.replaces].to_json()
                back.append({key: value for key, value in old.items() if key not in ("id", "replaces", "recorded")})
        ids = self.record.append(*made, *self._reopened(act), *back)
        for entry in entries[:4]:
            self._say(f"taken back: {self._charted(entry)}", "warn")
        if len(entries) > 4:
            self._say(f"and {len(entries) - 4} more", "warn")
        restored = [entry for entry in self._entries(ids) if entry.kind != "protocol"]
        if restored:
            self._acts.append(tuple(entry.id for entry in restored))
        for entry in restored:
            self._say(f"again: {self._charted(entry)}", "good")
        self._aside.clear()
        names = dictionary_of(self.record.program)
        asked = [entry.about for entry in entries if entry.about in names.elements or entry.about in names.drugs]
        self._queue[:0] = (
            asked[:1] if len(entries) == 1 and not restored and entries[0].event in ("", "running") else []
        )

    def _entry_of(self, text: str) -> Entry:
        standing = {entry.id: entry for entry in self.record.standing() if entry.kind != "protocol"}
        id = text if text in standing else f"e{text}"
        if id in standing:
            return standing[id]
        name = self._known(text)
        names = dictionary_of(self.record.program)
        found = [
            entry for entry in standing.values()
            if entry.about == name or ((drug := names.drug(entry.drug)) is not None and drug.id == name)
        ]  # fmt: skip
        if not found:
            raise BadValue("KB611", f"nothing is charted of `{name}`", "`chart` lists what is")
        return found[-1]

    def _entry_and_rest(self, text: str) -> tuple[Entry, str]:
        words = text.split()
        for size in range(min(len(words), 6), 0, -1):
            try:
                return self._entry_of(" ".join(words[:size])), " ".join(words[size:])
            except BadValue:
                if size == 1:
                    raise
        raise BadValue(
            "KB611", "it does not say what", "write `correct map 58`, or `correct 3 58`; `chart` shows the numbers"
        )

    def _do_correct(self, rest: str) -> None:
        entry, value = self._entry_and_rest(rest)
        if entry.kind == "step":
            raise BadValue("KB611", "what was done is taken back, not corrected", f"write `remove {entry.id}`")
        names = dictionary_of(self.record.program)
        drug = names.drug(entry.drug) if entry.drug else None
        if entry.drug and drug is None:
            raise BadValue(
                "KB602", f"{quoted(entry.drug)} is a drug this protocol does not know", "`remove` takes it back"
            )
        if drug is not None and entry.event == "given":
            hints = (drug.amount_unit, "back leaves it as it is")
            text = f"How much {self.say.drug(drug.id)} was given?"
            question = Question("amount", drug.id, text, drug.amount_unit, (), hints)
        else:
            question = self._question(ask_for(self.record.program, drug.id if drug is not None else entry.element))
        question = question._replace(corrects=entry.id)
        if value:
            self._answer(question, value)
        else:
            self._pending = question

    def _heard_amount(self, question: Question, text: str, at: datetime, stated: bool) -> list[dict[str, Any]]:
        old = self._entries([question.corrects])[0].to_json()
        kept = {key: value for key, value in old.items() if key not in ("id", "replaces", "recorded")}
        return [{**kept, "amount": dictation.quantity(text, question.unit), "at": at}]

    def _do_remove(self, rest: str) -> None:
        self._take_back([self._entry_and_rest(rest)[0]])

    # ------------------------------------------------------------ commands: what was done

    def _do_done(self, rest: str) -> None:
        step, said = self._step_and_rest(rest)
        if step.kind == "hand_over":
            return self._do_switch("")
        if step.kind != "do" or step.action is None:
            raise BadValue(
                "KB602", f"`{step.id}` is a question or an end, nothing that is done", "`advice` shows the actions"
            )
        return self._carried_out(step, said)

    def _carried_out(self, step: ir.Step, said: str, action: ir.Action | None = None) -> None:
        """Chart that a step was carried out: its drug with the dose stated, or advised where that is one number."""
        chosen, action = action, action or step.action
        assert action is not None
        if action.verb == "choose":
            if not said:
                options = tuple(option.id for option in action.options)
                text = f"Which was it: {self.say.prose(step.title)}?"
                self._pending = Question("option", step.id, text, "", options, (*options, "back"), step=step.id)
                return
            self._chosen(Question("option", step.id, "", step=step.id), said)
            return
        if action.verb in ("measure", "exclude"):
            self._queue = [name for name in action.subject if not self._charted_now(name)]
            self._aside.clear()
            self._say("what was found counts once it is charted:", "quiet")
            return
        drug = dictionary_of(self.record.program).drugs.get(action.drug)
        told = dictation.said(said, self.now)
        at = told.at or self.now
        made: list[dict[str, Any]] = []
        if drug is not None and action.verb in ("give", "infuse", "change", "stop"):
            entry: dict[str, Any] = {"kind": "therapy", "drug": drug.id, "at": at}
            if action.route:
                entry["route"] = action.route
            if action.verb == "stop":
                made.append({**entry, "event": "stopped"})
            else:
                of, unit = ("amount", drug.amount_unit) if action.verb == "give" else ("rate", drug.rate_unit)
                stated = told.text or self._advised(step, chosen)
                if not stated:
                    self._pending = self._how_much(step, drug, of, unit, chosen)
                    return
                if dictation.bare(stated) and self._unit(drug.id, unit) != unit:
                    help = f"write {stated} {unit}, or {stated} {self._unit(drug.id, unit)}"
                    raise BadValue("KB604", f"{quoted(stated)} does not say in which unit", help)
                event = "given" if of == "amount" else "changed" if self._runs_now(drug) else "started"
                dose = (
                    {"amount": dictation.quantity(stated, unit)}
                    if of == "amount"
                    else self._rate(drug, stated, unit, at)
                )
                if action.salt and drug.salts and " as " not in stated:
                    dose["salt"] = action.salt
                made.append({**entry, "event": event, **dose})
        made.append(self._step_entry(step.id, "done", at))
        self._warn(made[0])
        self._write(None, made, exact=told.at is not None)

    def _item(self, step: str) -> Item | None:
        return next((item for item in self.advice.actions if item.step == step), None)

    def _advised(self, step: ir.Step, option: ir.Action | None) -> str:
        """The dose that is advised, where it is one number that is given at once; else nothing."""
        item = self._item(step.id)
        dose = None if item is None or option is not None else item.dose
        if dose is None or dose.rounded is None or dose.each or dose.high not in (None, dose.rounded):
            return ""
        return f"{dose.rounded} {dose.unit}"

    def _how_much(self, step: ir.Step, drug: ir.Drug, of: str, unit: str, option: ir.Action | None) -> Question:
        item = self._item(step.id)
        doses = [item.dose] if item is not None and item.dose is not None and option is None else []
        note = (
            ", each ".join(
                self.say.dose_beside(drug.id, clean(text)) for text in (doses[0].text, doses[0].each) if text
            )
            if doses
            else ""
        )
        note = f"advised: {note}" if note else ""
        text = (
            f"How much {self.say.drug(drug.id)} was given?"
            if of == "amount"
            else f"To what rate was {self.say.drug(drug.id)} set?"
        )
        name = drug.id if option is None else f"{drug.id} "
        return Question("dose", name, text, unit, (), (unit, "… at 11:40", "back"), note, step=step.id)

    def _chosen(self, question: Question, text: str) -> None:
        step = self._program_step(question.step)
        assert step.action is not None
        word = text.lower()
        for option in sorted(step.action.options, key=lambda option: -len(option.id)):
            if (
                word == option.id.lower()
                or word.startswith(f"{option.id.lower()} ")
                or word == clean(option.title).lower()
            ):
                self._settle_pending(question if question.text else self._pending or question)
                said = text[len(option.id) :].strip() if word.startswith(option.id.lower()) else ""
                drug = dictionary_of(self.record.program).drugs.get(option.action.drug)
                if drug is not None and option.action.verb in ("give", "infuse") and not said:
                    verb = "give" if option.action.verb == "give" else "start"
                    self._say(f"chart how much: `{verb} {drug.id} …`", "warn")
                    return
                self._carried_out(step, said, option.action)
                return
        options = [option.id for option in step.action.options]
        raise BadValue(
            "KB603",
            f"{quoted(text)} is not one of the options",
            nearest(word, options) or f"write one of {', '.join(options)}",
        )

    def _do_give(self, rest: str) -> None:
        self._therapy("given", rest)

    def _do_start(self, rest: str) -> None:
        self._therapy("started", rest)

    def _do_change(self, rest: str) -> None:
        self._therapy("changed", rest)

    def _do_stop(self, rest: str) -> None:
        self._therapy("stopped", rest)

    def _therapy(self, event: str, rest: str) -> None:
        told = dictation.said(rest, self.now)
        drug, dose = self._drug_and_rest(told.text)
        entry: dict[str, Any] = {"kind": "therapy", "event": event, "drug": drug.id, "at": told.at or self.now}
        words = dose.split()
        if words and words[-1].lower() in drug.routes:
            entry["route"] = words.pop().lower()
            dose = " ".join(words)
        if event == "stopped" and dose:
            raise BadValue(
                "KB606", f"{quoted(dose)} has no place here", f"write `stop {drug.id}`, or `change {drug.id} {dose}`"
            )
        if event == "given":
            entry["amount"] = dictation.quantity(dose, "")
        elif event != "stopped" and dose:
            entry |= self._rate(drug, dose, "", entry["at"])
        if event != "stopped" and not dose:
            of = drug.amount_unit if event == "given" else drug.rate_unit
            raise BadValue("KB604", "it does not say how much", f"write the dose with its unit: … {of}".rstrip())
        self._warn(entry)
        self._write(None, [entry], exact=told.at is not None)

    def _warn(self, entry: dict[str, Any]) -> None:
        """Say where the protocol stands against what was done; it is charted all the same, because it is so."""
        self._check_form(entry)
        if entry.get("event") not in ("given", "started", "changed"):
            return
        order = {
            key: entry[key] for key in ("drug", "rate", "amount", "route", "salt", "concentration") if entry.get(key)
        }
        (verdict,) = self.record.guideline.check_orders(self.record.chart, [order], self.now, self.local)
        if verdict.verdict == "refused" and "order-not-read" not in verdict.rules:
            because = "; ".join(self.say.prose(text) for text in verdict.because)
            self._say(f"charted as done, but an order of it would be refused: {because}", "now")

    def _do_decline(self, rest: str) -> None:
        step, said = self._step_and_rest(rest)
        if step.kind != "do":
            raise BadValue("KB602", f"`{step.id}` is nothing that is done", "`advice` shows the actions")
        reason = said.removeprefix("because").strip()
        if reason:
            self._declined(step, reason)
        else:
            self._pending = Question(
                "reason",
                step.id,
                f"Why is it declined: {self.say.prose(step.title)}?",
                step=step.id,
                hints=("in your words", "back"),
            )

    def _declined(self, step: ir.Step, reason: str) -> None:
        self._pending = None
        self._write(None, [{**self._step_entry(step.id, "declined", self.now), "reason": reason}])

    def _do_order(self, rest: str) -> None:
        drug, dose = self._drug_and_rest(rest)
        words = dose.split()
        order: dict[str, Any] = {"drug": drug.id}
        if words and words[-1].lower() in drug.routes:
            order["route"] = words.pop().lower()
        for key, lead in (("intent", "for"), ("line", "line")):
            if len(words) > 2 and words[-2].lower() == lead:
                order[key] = words.pop().lower()
                words.pop()
        if words and words[-1].lower() in drug.routes:
            order.setdefault("route", words.pop().lower())
        text = " ".join(words)
        if not text:
            raise BadValue(
                "KB632",
                "the order has no dose",
                f"write `order {drug.id} {(drug.rate_unit and '… ' + drug.rate_unit) or '… ' + drug.amount_unit}`",
            )
        text, _, strength = text.partition(" of ")
        if strength:
            order["concentration"] = strength
        order["rate" if dictation.is_rate(text) else "amount"] = dictation.quantity(text, "")
        (verdict,) = self.record.guideline.check_orders(self.record.chart, [order], self.now, self.local)
        self._told.append(EMPTY)
        self._told += verdict_lines(verdict, self.say, _ORDER_WAYS)

    # ------------------------------------------------------------ commands: hand-over and files

    def _do_switch(self, rest: str) -> None:
        offered = list(dict.fromkeys(item.protocol for item in self.advice.hand_overs))
        if not offered:
            raise BadValue("KB602", "nothing is handed over to another protocol now")
        made = self._programs(offered[0])
        if made is None:
            raise BadValue("KB703", f"this knowledge base does not hold `{offered[0]}`", "look for it elsewhere")
        text = f"Go on with {clean(made.program.title)} on this chart?"
        self._pending = Question("confirm", offered[0], text, "", ("yes", "no"), ("yes", "no"))

    def _confirmed(self, question: Question, text: str) -> None:
        word = text.lower()
        if word not in YES and word not in NO:
            raise BadValue("KB603", f"{quoted(text)} is no answer to that", "write yes or no")
        self._pending = None
        made = self._programs(question.name) if word in YES else None
        if made is None:
            self._say("it stays with this protocol")
            return
        try:
            self.record.hand_over(made, self.now)
        except OtherProgram as other:
            raise BadValue("KB642", str(other)) from None
        self._begin()
        self._acts = []
        self._full = None
        self._heading(clean(made.program.title))
        self._tell(Span(banner(made.program), "draft"))

    def _file(self, what: str, rest: str) -> Request:
        if not rest:
            raise BadValue("KB601", "it does not say which file", f"write `{what} FILE`")
        return Request(what, rest)

    def _do_export(self, rest: str) -> Request:
        return self._file("export", rest)

    def _do_import(self, rest: str) -> Request:
        return self._file("import", rest)

    def _do_save(self, rest: str) -> Request:
        return self._file("save", rest)

    def _import(self, data: object) -> None:
        if isinstance(data, Mapping) and "entries" not in data:
            entries = list(_of_moment(self.record.program, data, self.now))
        else:
            chart = data if isinstance(data, Chart) else Chart.from_json(data)
            entries = [entry.to_json() for entry in _originals_first(chart.entries)]
            said = [entry.value for entry in self.record.standing() if entry.element == RECORD]
            if chart.complete_from is not None and said[-1:] != [chart.complete_from.isoformat()]:
                entries.append(self._observation(RECORD, chart.complete_from.isoformat(), self.now))
        taken = self._new_of(entries)
        timed = not (isinstance(data, Mapping) and "entries" not in data)
        ids = self.record.append(*taken, *(self._joined(taken) if timed else ()))
        if ids:
            self._acts.append(ids)
        self._aside.clear()
        ids = ids[: len(taken)]
        self._say(f"{len(ids)} entries taken in" if len(ids) != 1 else "1 entry taken in", "good")
        unused = parse_chart(self.record.program, self.record.chart, self.now, lenient=True).not_used
        for item in unused[:6]:
            self._say(f"not used: {item.why}", "warn")

    def _new_of(self, entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The entries of a chart that the record does not hold already, under ids that are free in it."""
        entries = list(entries)
        known = {entry.id: entry for entry in self.record.entries}
        taken_away = {entry.get("retracts") for entry in entries}
        names: dict[str, str] = {}  # by the id in the chart, that in the record
        used: set[str] = set()
        taken: list[dict[str, Any]] = []
        for entry in entries:
            id = entry.pop("id", None)
            for key in ("replaces", "retracts"):
                if entry.get(key) in names:
                    entry[key] = names[entry[key]]
            if entry.get("retracts") in known and self.record.gone(entry["retracts"]) is not None:
                continue  # it was taken back already
            if id is not None:
                name, number, held = id, 2, ""
                while (name in known or name in used) and not held:
                    if name in known and known[name].to_json() == {**entry, "id": name}:
                        held = name if id in taken_away else self._held_as(known[name])
                    name, number = f"{id}.{number}", number + 1
                names[id] = held or name
                if held:
                    continue
                used.add(name)
                entry["id"] = name
            taken.append(entry)
        return taken

    def _held_as(self, entry: Entry) -> str:
        """The id under which the record still holds what `entry` says, or the entry that was said to put it right.

        Nothing where it was taken back: then another chart may bring it again.
        """
        last: Entry | None = entry
        while last is not None and (gone := self.record.gone(last.id)) is not None:
            last = gone if gone.replaces else None
        if last is not None:
            return entry.id
        # A correction that was taken back leaves a copy of what it had corrected.
        copies = (other.id for other in self.record.standing() if _content(other) == _content(entry))
        return next(copies, "")

    def _joined(self, taken: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The session's own opening taken back, where the chart taken in began before it: with an episode that
        still goes on, or without any, which is the whole record, as wherever a chart was never opened.

        Two openings would begin the episode anew, and what was given in it would no longer count.
        """
        mine = self.record.program.id
        standing = self.record.standing()
        own = [entry for entry in standing if entry.event == "opened" and entry.protocol == mine]
        gone = {entry.get("replaces") or entry.get("retracts") for entry in taken}
        left = [
            (parse_time(entry["at"]), entry.get("event"), entry.get("protocol"), entry.get("kind")) for entry in taken
            if entry.get("id") not in gone and not entry.get("retracts")
        ]  # fmt: skip
        episode = sorted((at, event) for at, event, protocol, kind in left if kind == "protocol" and protocol == mine)
        if len(own) != 1:
            return []
        began, ours = own[0].at, own[0].at.astimezone(self.now.tzinfo)
        if not episode:
            earlier = [at for at, *_ in left if at < began]
            if not earlier or self._came_with_a_chart(own[0]):
                return []
            self._say(
                f"the chart does not say when the episode began, so all that is charted counts, from "
                f"{self._clock_time(min(earlier))} on, not only from {ours:%H:%M} on",
                "warn",
            )
            return [{"at": own[0].at, "retracts": own[0].id}]
        before = [event for event in episode if event[0] < began]
        if not before or before[-1][1] != "opened":
            return []
        first = self._clock_time(before[-1][0])
        if any(entry.kind == "step" or entry.event in ("given", "started", "changed", "stopped") for entry in standing):
            self._say(
                f"the chart has an episode from {first} on, this session its own, in which something was done: "
                f"what was given before {ours:%H:%M} does not count; `kb run --chart` goes on with the earlier one",
                "warn",
            )
            return []
        self._say(f"the episode began at {first}, as the chart says, not at {ours:%H:%M}", "warn")
        return [{"at": own[0].at, "retracts": own[0].id}]

    def _came_with_a_chart(self, opening: Entry) -> bool:
        kinds = {entry.id: entry.kind for entry in self.record.entries}
        batch = next(batch for batch in self.record.batches if opening.id in batch)
        return any(kinds[id] not in ("", "protocol") for id in batch)

    def _clock_time(self, at: datetime) -> str:
        """`14:05`; with the day where that is another."""
        at = at.astimezone(self.now.tzinfo)
        return f"{at:%H:%M}" if at.date() == self.now.date() else f"{at:%Y-%m-%d %H:%M}"


def _content(entry: Entry) -> Entry:
    """An entry without what tells it from another that says the same."""
    return entry._replace(id="", replaces="", recorded=None)


def _originals_first(entries: Iterable[Entry]) -> list[Entry]:
    """Entries so that each stands after what it corrects."""
    left = list(entries)
    placed: list[Entry] = []
    ids: set[str] = set()
    known = {entry.id for entry in left}
    while left:
        ready = [
            entry
            for entry in left
            if not (target := entry.replaces or entry.retracts) or target in ids or target not in known
        ]
        if not ready:  # they correct each other; the record says so
            return placed + left
        placed += ready
        ids |= {entry.id for entry in ready}
        left = [entry for entry in left if entry.id not in ids]
    return placed


def _of_moment(program: ir.Program, data: Mapping[Any, Any], now: datetime) -> Iterator[dict[str, Any]]:
    """A mapping of what is known now as entries.

    Raises:
        ChartError: it is refused, or says what only a record over time can tell.

    """
    from kb.chart import refusal

    parsed = parse_chart(program, data, now)
    names = dictionary_of(program)
    if parsed.features:
        told = [program.slots[index].name for index in parsed.features]
        message = f"a chart with times is needed for {listed(quoted(name) for name in told)}"
        raise ChartError([refusal("KB619", told[0], message, "leave it out; it will be asked for")])
    for raw, value in data.items():
        key = " ".join(str(raw).split())
        drug = names.drug(key)
        if value is None:
            continue
        if key in names.elements or key == RECORD or key.endswith(".salt"):
            if not (key == RECORD and value == "not complete"):
                yield {"kind": "observation", "element": key, "value": value, "at": now}
        elif drug is not None and value == "not available":
            yield {"kind": "observation", "element": drug.id, "value": value, "at": now}
        elif drug is not None:
            parts = dict(value) if isinstance(value, Mapping) else {"rate": value}
            concentration = data.get(f"{drug.id}.concentration")
            if concentration and "concentration" not in parts:
                parts["concentration"] = concentration
            yield {"kind": "therapy", "event": "running", "drug": drug.id, **parts, "at": now}


def _short(scaled: int) -> str:
    """A number for the eye: four figures at least, never more than two places after them."""
    exact = format_decimal(scaled)
    whole, _, places = exact.partition(".")
    keep = max(1, 4 - len(whole.lstrip("-0")))
    return exact if len(places) <= keep else f"{round(scaled / ir.SCALE, keep):.{keep}f}"
