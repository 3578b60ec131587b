"""Where a conversation stands, and what it says of itself: its questions, its replies, its lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from kb import program as ir
from kb.chart import Chart, Entry, parse_time
from kb.generator.bedside import (
    EMPTY,
    Line,
    Span,
)
from kb.generator.wording import Speaker
from kb.interpreter import Advice, Guideline
from kb.local import checked_local, unit_in_use
from kb.reading import Mark, dictionary_of, parse_chart
from kb.session import Record


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


class Talk:
    """Where a conversation over one record stands: what is charted, asked, left aside and still to be told.

    `advice` is that of now; `question` the one that waits for an answer; `pending` what a command asks before the
    protocol's own questions; `queue` what is asked next by name; `aside` what is left for later; `acts` the entries
    that were charted together; `told` the lines of the reply that is being made.
    """

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
        self.local, self.programs, self.runs = local, programs, runs
        self.question: Question | None = None
        self.pending: Question | None = None
        self.queue: list[str] = []
        self.aside: set[tuple[str, str]] = set()
        self.more = False
        self.told: list[Line] = []
        self.full: object = None
        self.numbers: dict[str, int] = {}
        self.begin()

    def begin(self) -> None:
        self.numbers.clear()
        self.aside.clear()
        self.queue.clear()
        self.pending = None
        self.settled = checked_local(self.record.program, self.local)
        self.say = Speaker(self.record.program, self.settled)
        told = {entry.id for entry in self.record.standing() if entry.kind != "protocol"}
        # What was charted together is taken back together, also in a session that is gone on with.
        self.acts: list[tuple[str, ...]] = [batch for batch in self.record.batches if not told.isdisjoint(batch)]
        self.advice = self.advise()

    def advise(self) -> Advice:
        found = self.record.advise(self.now, self.local)
        for item in found.recommended:
            self.numbers.setdefault(item.step, len(self.numbers) + 1)
        return found

    def line(self, *spans: Span, indent: int = 0, hang: int = 0) -> None:
        self.told.append(Line(spans, indent, hang))

    def remark(self, text: str, style: str = "plain") -> None:
        self.line(Span(text, style), indent=2, hang=2)

    def refuse(self, message: str, help: str = "") -> None:
        self.line(Span(f"not taken: {message}" + (f" ({help})" if help else ""), "bad"), indent=2, hang=4)

    def heading(self, text: str) -> None:
        self.told.append(EMPTY)
        self.line(Span(text, "head"))

    def charted_now(self, name: str) -> bool:
        return any(entry.about == name and entry.at == self.now for entry in self.record.standing())

    def unit(self, name: str, unit: str) -> str:
        """The unit in which data or a drug is asked for, and a bare number is read: the hospital's, else ours."""
        return unit_in_use(self.settled, dictionary_of(self.record.program), name, unit)

    def runs_now(self, drug: ir.Drug) -> bool | None:
        """Whether a drug runs now; None where that is not known."""
        index = self.advice.walk.plan.rates.get(drug.id)
        rate = None if index is None else self.advice.walk.row[index]
        if index is None or rate is None:
            last = self.last_rate(drug.id)
            return None if last is None else last.event != "stopped"
        return bool(rate)

    def last_rate(self, drug: str) -> Entry | None:
        names = dictionary_of(self.record.program)
        found = [
            entry for entry in self.record.standing()
            if entry.kind == "therapy" and entry.event != "given" and entry.at <= self.now
            and (known := names.drug(entry.drug)) is not None and known.id == drug
        ]  # fmt: skip
        return max(found, key=lambda entry: entry.at, default=None)

    def mark(self, entry: dict[str, Any]) -> Mark | None:
        """An entry as the chart's rules read it.

        Raises:
            ChartError: it is refused.

        """
        chart = Chart.from_json({"entries": [{**entry, "at": entry["at"].isoformat()}]})
        found = parse_chart(self.record.program, chart, self.now)
        return found.marks[0] if found.marks else None

    def step(self, id: str) -> ir.Step:
        return next(step for step in self.record.program.steps if step.id == id)

    def settle(self, question: Question) -> None:
        if question == self.pending:
            self.pending = None

    def entries(self, ids: Iterable[str]) -> list[Entry]:
        wanted = set(ids)
        return [entry for entry in self.record.standing() if entry.id in wanted]

    def clock_time(self, at: datetime) -> str:
        """`14:05`; with the day where that is another."""
        at = at.astimezone(self.now.tzinfo)
        return f"{at:%H:%M}" if at.date() == self.now.date() else f"{at:%Y-%m-%d %H:%M}"
