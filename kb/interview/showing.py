"""What is shown of a conversation: the question, the advice and what is new in it, the chart."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kb.chart import Entry
from kb.generator.bedside import (
    EMPTY,
    Span,
    advice_lines,
    due_text,
    item_lines,
)
from kb.generator.wording import clean, listed
from kb.interpreter import Advice
from kb.interview.charted import charted_text
from kb.interview.talk import Question, Talk


def show_question(talk: Talk, question: Question) -> None:
    talk.told.append(EMPTY)
    late = f"  overdue by {question.late}" if question.late else ""
    talk.line(
        Span("?  ", "warn"),
        Span(question.text, "title"),
        Span(late, "now"),
        Span(f"  [{question.name}]", "quiet"),
        hang=3,
    )
    if question.note:
        talk.line(Span(question.note, "quiet"), indent=3, hang=3)
    if question.hints:
        talk.line(Span(" · ".join(question.hints), "quiet"), indent=3, hang=3)


def show_closing(talk: Talk) -> None:
    talk.told.append(EMPTY)
    late = [ask for ask in talk.advice.asks if ask.now]
    if late:
        names = listed(talk.say.condition(ask.name) for ask in late[:4])
        talk.remark(f"left open: {names}; `again` asks once more", "warn")
    elif talk.advice.asks and not talk.more:
        talk.remark("nothing more is needed now; `more` asks what may be needed next", "quiet")
    else:
        talk.remark("nothing more is needed now", "quiet")
    due = sorted(state.due for state in talk.advice.reviews)
    if due:
        talk.remark(f"next review at {datetime.fromisoformat(due[0]):%H:%M}", "quiet")


def in_view(talk: Talk) -> object:
    """What of the advice a person would want to see again when it changes."""
    found = talk.advice
    return (
        found.protocol,
        found.applies,
        [(item.step, item.status, item.dose and item.dose.text) for item in found.actions],
        found.alerts,
        found.outcomes,
        [(goal.id, goal.state) for goal in found.goals],
    )


def show_advice(talk: Talk) -> None:
    talk.full = in_view(talk)
    talk.told.append(EMPTY)
    talk.told += advice_lines(talk.advice, talk.numbers)


def show_advised(talk: Talk) -> None:
    """In short what is advised now, on what was known before the conversation."""
    found = talk.advice
    if found.alerts or found.recommended:
        talk.heading("ADVISED NOW")
    for alert in found.alerts:
        talk.line(Span("!  ", "now"), Span(talk.say.prose(alert.say), "now"), indent=2, hang=5)
    for item in found.recommended:
        talk.told += item_lines(found, item, talk.numbers[item.step])


def show_chart(talk: Talk, entries: Iterable[Entry]) -> None:
    for entry in sorted(entries, key=lambda entry: entry.at):
        number = entry.id[1:] if entry.id[:1] == "e" and entry.id[1:].isdecimal() else entry.id
        talk.line(Span(f"{clean(number):>3}  ", "quiet"), Span(charted_text(talk, entry)), hang=5)


def show_changes(talk: Talk, before: Advice, brief: bool) -> None:
    """What is new and what is no longer, against the advice before."""
    now = talk.advice
    if before.applies is not False and now.applies is False and not brief:
        scope = talk.say.condition(talk.record.program.applies_text)
        talk.remark(f"not for this patient: this protocol applies if {scope}", "now")
    old = {item.step: item for item in before.recommended}
    new = {item.step: item for item in now.recommended}
    waiting = {item.step: item.status for item in before.actions}
    for alert in now.alerts:
        if alert not in before.alerts:
            talk.line(Span("!  ", "now"), Span(talk.say.prose(alert.say), "now"), indent=2, hang=5)
    for step, item in old.items():
        if step not in new:
            after = next((found for found in now.actions if found.step == step), None)
            due = "" if after is None else due_text(now, after)
            _news(talk, "no longer", item.title or item.hand_over, ", ".join(filter(None, (_status(talk, step), due))))
    for item in now.actions:
        status = waiting.get(item.step)
        known = item.step in new or item.step in old or item.status in (status, "not known")
        if not known and not (status is None and item.status == "satisfied"):
            due = due_text(now, item)
            _news(talk, "now", item.title, f"{item.status}, {due}" if due else item.status)
    for step, item in new.items():
        was = old.get(step)
        if was is None:
            _news(talk, "advised", "", "") if not brief else _news(talk, "advised", item.title or item.hand_over, "")
            if not brief:
                talk.told += item_lines(now, item, talk.numbers[step])
            if item.hand_over:
                talk.remark(f"`switch` goes on with {clean(item.hand_over)} on this chart", "warn")
        elif was.status != item.status or (was.dose and was.dose.text) != (item.dose and item.dose.text):
            told = talk.say.dose_beside(item.dose.drug, clean(item.dose.text)) if item.dose else ""
            dose = f"{talk.say.drug(item.dose.drug)} {told}" if item.dose else ""
            _news(
                talk, "changed", item.title, ", ".join(filter(None, (item.status * (was.status != item.status), dose)))
            )
    for outcome in now.outcomes:
        if outcome.step not in {found.step for found in before.outcomes}:
            _news(talk, "outcome", outcome.title, "")
    states = {goal.id: goal.state for goal in before.goals}
    for goal in now.goals:
        if goal.state != states.get(goal.id) and goal.state != "unknown":
            _news(talk, "goal", goal.title, goal.state)


def _news(talk: Talk, what: str, title: str, more: str) -> None:
    style = {"no longer": "warn", "outcome": "good"}.get(what, "label")
    if title:
        talk.line(
            Span(f"{what}: ", style),
            Span(talk.say.prose(title)),
            Span(f" ({more})" if more else "", "quiet"),
            indent=2,
            hang=4,
        )
    else:
        talk.line(Span(what, style), indent=2)


def _status(talk: Talk, step: str) -> str:
    return talk.advice.status(step) if step in talk.advice.walk.plan.steps else ""
