"""What a protocol holds besides its steps: rules about orders, caps, goals, alerts and properties to prove."""

from __future__ import annotations

from kb import model
from kb.loader.reader import Reader
from kb.source import Entry, Mapping


def read_never(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.Never:
    return model.Never(
        id=name,
        span=entry.key.span,
        order=reader.some_ref(body.get("order"), body),
        when=reader.condition(body.get("when")),
        because=reader.needed(body.get("because"), body),
        instead=reader.text(body.get("instead")),
        backing=reader.backing(body),
    )


def read_cap(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.CapDef:
    window, text = reader.window(body.get("in"), body)
    return model.CapDef(
        id=name,
        span=entry.key.span,
        drug=reader.some_ref(body.get("drug"), body),
        amount=reader.some_amount(body.get("amount"), body),
        window=window,
        window_text=text,
        weight=reader.label(body.get("weight")),
        backing=reader.backing(body),
    )


def read_goal(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.GoalDef:
    title, target = reader.needed(body.get("title"), body), reader.some_condition(body.get("target"), body)
    return model.GoalDef(name, entry.key.span, title, target, reader.backing(body))


def read_alert(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.AlertDef:
    return model.AlertDef(
        id=name,
        span=entry.key.span,
        when=reader.some_condition(body.get("when"), body),
        say=reader.needed(body.get("say"), body),
        severity=reader.word(body.get("severity"), "warning"),
        backing=reader.backing(body),
    )


def read_property(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.PropertyDef:
    return model.PropertyDef(
        id=name,
        span=entry.key.span,
        always=reader.some_condition(body.get("always"), body),
        when=reader.condition(body.get("when")),
        title=reader.text(body.get("title")),
        backing=reader.backing(body),
    )
