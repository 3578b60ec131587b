"""The turns of a conversation: what is heard, and the reply to it."""

from __future__ import annotations

from datetime import datetime

from kb import dictation
from kb.chart import ChartError, parse_time
from kb.generator.bedside import (
    Span,
    harmless_lines,
)
from kb.generator.wording import banner, clean
from kb.interpreter import Advice
from kb.interview.commands import COMMANDS, obey
from kb.interview.importing import take_in
from kb.interview.questions import next_question
from kb.interview.showing import (
    in_view,
    show_advice,
    show_advised,
    show_changes,
    show_chart,
    show_closing,
    show_question,
)
from kb.interview.talk import Reply, Request, Talk
from kb.session import Record
from kb.values import BadValue

_MOST = 400  # letters of one line that are read


class Interview(Talk):
    """One conversation over one record: its turns."""

    def greet(self) -> Reply:
        """The first thing said: the protocol, its review state, what is known, the first question."""
        program = self.record.program
        self.line(Span(clean(program.title), "head"), Span(f"  {program.id}@{program.version}", "quiet"))
        self.line(Span(banner(program), "draft"))
        self.line(
            Span(f"it is {self.now:%Y-%m-%d %H:%M %Z}; `advice` shows all of it, `help` what can be said", "quiet")
        )
        known = [entry for entry in self.record.standing() if entry.kind != "protocol"]
        if known:
            self.heading("KNOWN SO FAR")
            show_chart(self, known)
            self.advice = self.advise()
            if next_question(self) is not None:  # else the advice follows in full
                show_advised(self)
        return self._reply(None, self.advice, short=bool(known))

    def hear(self, text: str, now: datetime | None = None) -> Reply:
        """One line of the person's, said at `now` (by default when the last one was)."""
        before, refused, request = self.advice, False, None
        if now is not None and parse_time(now) > self.now:
            self.now = parse_time(now)
        try:
            request = obey(self, dictation.plain(text[: 10 * _MOST])[:_MOST])
        except BadValue as bad:
            refused = True
            self.refuse(bad.message, bad.help or "")
        except ChartError as error:
            refused = True
            for item in error.refusals:
                self.refuse(item.message, item.help)
        return self._reply(request, before, refused=refused)

    def take(self, chart: object) -> Reply:
        """Entries of another chart (JSON data, or a `Chart`) taken in, all or none."""
        before, refused = self.advice, False
        try:
            take_in(self, chart)
        except ChartError as error:
            refused = True
            self.refuse("nothing of the chart was taken")
            for item in error.refusals:
                self.refuse(item.message, item.help)
        return self._reply(None, before, refused=refused)

    def tell(self, text: str, *, refused: bool = False) -> Reply:
        """What came of a request, and the question again."""
        self.remark(text, "bad" if refused else "good")
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

    def _reply(self, request: Request | None, before: Advice, *, refused: bool = False, short: bool = False) -> Reply:
        self.advice = self.advise()
        self.question = next_question(self)
        state = in_view(self)
        full = self.question is None and state != self.full
        if before is not self.advice and before.protocol == self.advice.protocol and not short:
            show_changes(self, before, brief=full)
        if full and not refused:
            show_advice(self)
        if self.question is not None:
            show_question(self, self.question)
        elif not refused and request is None:
            show_closing(self)
        told = tuple(harmless_lines(self.told))
        self.told = []
        return Reply(told, self.question, request, refused)
