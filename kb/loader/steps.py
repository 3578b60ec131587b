"""The steps of a protocol: questions with their cases, actions with their rhythm, hand-overs and ends."""

from __future__ import annotations

from kb import model
from kb.loader.reader import Reader, nothing
from kb.loader.verbs import read_reasons, read_verb
from kb.source import Entry, Mapping, Node


def read_step(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.Step | None:
    span, get, backing = entry.key.span, body.get, reader.backing(body)
    if "decide" in body.entries:
        return model.Decide(
            id=name,
            span=span,
            title=reader.needed(get("decide"), body),
            cases=_go_cases(reader, get("cases")),
            if_unknown=reader.ref(get("if_unknown")),
            note=reader.text(get("note")),
            backing=backing,
            exclusive=reader.word(get("exclusive")) == "true",
        )
    if "do" in body.entries:
        title = reader.needed(get("do"), body)
        verb = read_verb(reader, body)
        if verb is None:
            return None
        return model.Do(
            id=name,
            span=span,
            title=title,
            verb=verb,
            until=reader.condition(get("until")),
            repeat=_repeat(reader, get("repeat")),
            review=_review(reader, get("review")),
            avoid_if=read_reasons(reader, get("avoid_if")),
            with_=reader.refs(get("with")),
            then=reader.refs(get("then")),
            priority=reader.word(get("priority")),
            strength=reader.word(get("strength")),
            certainty=reader.word(get("certainty"), "not graded"),
            decide_by=reader.text(get("decide_by")),
            note=reader.text(get("note")),
            backing=backing,
        )
    if "hand_over" in body.entries:
        return model.HandOver(
            id=name,
            span=span,
            protocol=reader.some_ref(get("hand_over"), body),
            title=reader.text(get("title")),
            priority=reader.word(get("priority"), "stat"),
            note=reader.text(get("note")),
            backing=backing,
        )
    if "end" in body.entries:
        return model.End(
            id=name, span=span, title=reader.needed(get("end"), body), note=reader.text(get("note")), backing=backing
        )
    return None


def _go_cases(reader: Reader, node: Node | None) -> tuple[model.GoCase, ...]:
    made: list[model.GoCase] = []
    items = reader.items(node)
    for index, item in enumerate(items):
        body = reader.mapping(item)
        if body is None:
            continue
        place = next(iter(body.entries.values())).key.span if body.entries else body.span
        otherwise = "else" in body.entries
        if otherwise and index < len(items) - 1:
            reader.report("KB215", place, "`else` hides the cases below it", "make it the last case")
        made.append(
            model.GoCase(
                when=None if otherwise else reader.some_condition(body.get("when"), body),
                go=reader.refs(body.get("else" if otherwise else "go")),
                span=place,
                title=reader.text(body.get("title")),
                backing=reader.backing(body),
            )
        )
    return tuple(made)


def _repeat(reader: Reader, node: Node | None) -> model.RepeatDef | None:
    body = reader.mapping(node)
    if body is None:
        return None
    window, text = reader.window(body.get("in"), body)
    every = reader.amount_or_ref(body.get("every")) or nothing(body.span)
    return model.RepeatDef(every, reader.amount(body.get("at_most")), window, text, body.span)


def _review(reader: Reader, node: Node | None) -> model.ReviewDef | None:
    body = reader.mapping(node)
    if body is None:
        return None
    after = reader.amount_or_ref(body.get("after")) or nothing(body.span)
    return model.ReviewDef(after, reader.refs(body.get("measure")), body.span)
