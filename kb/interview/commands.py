"""What a line does: an answer, or one of the commands; those that are about the conversation itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from kb import dictation
from kb.chart import quoted
from kb.dictation import NOT_AVAILABLE
from kb.generator.bedside import (
    EMPTY,
    Span,
    explanation_lines,
    source_lines,
    verdict_lines,
)
from kb.generator.wording import listed
from kb.interview.correcting import back, correct, remove
from kb.interview.deeds import change, decline, done, give, start, stop
from kb.interview.handing_over import switch
from kb.interview.heard import answer
from kb.interview.showing import (
    show_advice,
    show_chart,
)
from kb.interview.talk import Request, Talk
from kb.interview.understanding import drug_and_rest, named_answer, step_and_rest
from kb.values import BadValue

_ORDER_WAYS = {"route": "order … iv", "line": "order … line first", "intent": "order … for WHAT"}


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


def obey(talk: Talk, text: str) -> Request | None:
    """Do what a line says: an answer, or a command."""
    question = talk.question
    if not text:
        return None
    word, _, rest = text.partition(" ")
    word, rest = word.lower().strip(), rest.strip()
    options = {option.lower() for option in question.options} if question is not None else set()
    if text.lower() in options and question is not None:
        answer(talk, question, text)
        return None
    if text.lower() in NOT_AVAILABLE and question is not None:
        answer(talk, question, "not available")
        return None
    if (
        not rest
        and word in ("stop", "change", "start", "give", "done")
        and question is not None
        and question.form == "rate"
    ):
        raise BadValue("KB606", f"{quoted(text)} does not say what", f"write `stopped`, or `{word} DRUG …`")
    command = _DOES.get(word)
    if command is not None:
        return command(talk, rest)
    named = named_answer(talk, text)
    if named is not None:
        about, said = named
        # What was before is asked by the name of what is measured: that it is not to be had answers that question.
        earlier = question is not None and question.form == "earlier" and question.name == about.name
        answer(talk, question if question and earlier and said.lower() in NOT_AVAILABLE else about, said)
        return None
    if question is None:
        near = get_close_matches(word, COMMANDS, n=1)
        help = f"did you mean `{near[0]}`?" if near else "`help` lists what can be said"
        raise BadValue("KB606", f"{quoted(text)} is no command, and nothing is asked now", help)
    answer(talk, question, text)
    return None


def _help(talk: Talk, rest: str) -> None:
    for said, does in HELP:
        talk.line(Span(f"{said:<22}", "title"), Span(f" {does}"), indent=2, hang=6)


def _quit(talk: Talk, rest: str) -> Request:
    return Request("quit")


def _advice(talk: Talk, rest: str) -> None:
    show_advice(talk)


def _chart(talk: Talk, rest: str) -> None:
    talk.heading("CHARTED")
    show_chart(talk, talk.record.standing())


def _sources(talk: Talk, rest: str) -> None:
    talk.told.append(EMPTY)
    talk.told += source_lines(talk.advice)


def _skip(talk: Talk, rest: str) -> None:
    if talk.pending is not None:
        talk.pending = None
    elif talk.queue and talk.question is not None and talk.question.name == talk.queue[0]:
        talk.queue.pop(0)
        talk.aside.add(talk.question.key)
    elif talk.question is not None:
        talk.aside.add(talk.question.key)


def _again(talk: Talk, rest: str) -> None:
    talk.aside.clear()


def _ask_more(talk: Talk, rest: str) -> None:
    talk.more = True


def _why(talk: Talk, rest: str) -> None:
    if rest.lower().startswith("not "):
        rest = rest[4:].strip()
    if rest:
        step, _ = step_and_rest(talk, rest)
        talk.told.append(EMPTY)
        talk.told += explanation_lines(talk.advice, step.id)
        return
    question = talk.question
    if question is None:
        raise BadValue("KB602", "it does not say which step", "write `why 1` or `why STEP`")
    titles = {step.id: talk.say.prose(step.title) for step in talk.record.program.steps}
    if question.decides:
        talk.remark(f"it decides: {listed(titles.get(step, step) for step in question.decides)}")
    elif question.step:
        talk.remark(f"it belongs to: {titles.get(question.step, question.step)}")
    elif not question.late and any(ask.name == question.ask for ask in talk.advice.asks):
        talk.remark("it decides: whether the protocol is for this patient")
    else:
        talk.remark("a review asks for it" if question.late else "you asked for it")


def _wait(talk: Talk, rest: str) -> None:
    _let_pass(talk, talk.now + dictation.span(rest))


def _clock(talk: Talk, rest: str) -> None:
    _let_pass(talk, dictation.later(rest, talk.now))


def _let_pass(talk: Talk, to: datetime) -> None:
    if talk.runs:
        raise BadValue(
            "KB608",
            f"the clock runs by itself; it is {talk.now:%H:%M}",
            "begin with `--at TIME` to set it yourself",
        )
    if to.year > 2900:
        raise BadValue("KB608", "no patient lives that long")
    talk.now = to
    talk.aside.clear()
    talk.remark(
        f"it is {talk.now:%H:%M}" if to.date() == talk.now.date() else f"it is {talk.now:%Y-%m-%d %H:%M}", "good"
    )


def _reassess(talk: Talk, rest: str) -> None:
    wanted: dict[str, None] = {}
    for entry in talk.record.standing():
        # What was done is looked at again, also where its step is not reached while something else is not known.
        for step in talk.record.program.steps:
            drug = step.action.drug if step.action is not None else ""
            acted = entry.event in ("given", "started", "changed", "done") and entry.about in (step.id, drug)
            if acted and step.review is not None:
                wanted |= dict.fromkeys(step.review.measure)
    talk.aside.clear()
    talk.queue = [name for name in wanted if not talk.charted_now(name)]
    if not wanted:
        talk.remark("no review asks for anything now")
    elif not talk.queue:
        talk.remark("all that the reviews want was measured just now; let time pass first", "quiet")


def _order(talk: Talk, rest: str) -> None:
    drug, dose = drug_and_rest(talk, rest)
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
    (verdict,) = talk.record.guideline.check_orders(talk.record.chart, [order], talk.now, talk.local)
    talk.told.append(EMPTY)
    talk.told += verdict_lines(verdict, talk.say, _ORDER_WAYS)


def _export(talk: Talk, rest: str) -> Request:
    return _file(talk, "export", rest)


def _import_file(talk: Talk, rest: str) -> Request:
    return _file(talk, "import", rest)


def _save(talk: Talk, rest: str) -> Request:
    return _file(talk, "save", rest)


def _file(talk: Talk, what: str, rest: str) -> Request:
    if not rest:
        raise BadValue("KB601", "it does not say which file", f"write `{what} FILE`")
    return Request(what, rest)


_DOES: dict[str, Callable[[Talk, str], Request | None]] = {
    "advice": _advice,
    "again": _again,
    "back": back,
    "change": change,
    "chart": _chart,
    "clock": _clock,
    "correct": correct,
    "decline": decline,
    "done": done,
    "exit": _quit,
    "export": _export,
    "give": give,
    "help": _help,
    "import": _import_file,
    "later": _skip,
    "more": _ask_more,
    "order": _order,
    "quit": _quit,
    "reassess": _reassess,
    "remove": remove,
    "save": _save,
    "skip": _skip,
    "sources": _sources,
    "start": start,
    "stop": stop,
    "switch": switch,
    "undo": back,
    "wait": _wait,
    "why": _why,
}
