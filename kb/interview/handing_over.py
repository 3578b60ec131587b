"""Going on with the protocol that is handed over to, on the same chart."""

from __future__ import annotations

from kb.chart import quoted
from kb.dictation import NO, YES
from kb.generator.bedside import (
    Span,
)
from kb.generator.wording import banner, clean
from kb.interview.talk import Question, Talk
from kb.session import OtherProgram
from kb.values import BadValue


def switch(talk: Talk, rest: str) -> None:
    offered = list(dict.fromkeys(item.protocol for item in talk.advice.hand_overs))
    if not offered:
        raise BadValue("KB602", "nothing is handed over to another protocol now")
    made = talk.programs(offered[0])
    if made is None:
        raise BadValue("KB703", f"this knowledge base does not hold `{offered[0]}`", "look for it elsewhere")
    text = f"Go on with {clean(made.program.title)} on this chart?"
    talk.pending = Question("confirm", offered[0], text, "", ("yes", "no"), ("yes", "no"))


def confirmed(talk: Talk, question: Question, text: str) -> None:
    word = text.lower()
    if word not in YES and word not in NO:
        raise BadValue("KB603", f"{quoted(text)} is no answer to that", "write yes or no")
    talk.pending = None
    made = talk.programs(question.name) if word in YES else None
    if made is None:
        talk.remark("it stays with this protocol")
        return
    try:
        talk.record.hand_over(made, talk.now)
    except OtherProgram as other:
        raise BadValue("KB642", str(other)) from None
    talk.begin()
    talk.acts = []
    talk.full = None
    talk.heading(clean(made.program.title))
    talk.line(Span(banner(made.program), "draft"))
