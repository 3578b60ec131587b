"""What a step or an option does: its one verb, and the reasons for and against."""

from __future__ import annotations

import re
from collections.abc import Callable

from kb import model
from kb.diagnostics import Related, Span
from kb.loader.reader import Reader, nothing
from kb.source import Mapping, Node


def read_verb(reader: Reader, body: Mapping) -> model.Verb | None:
    """The one verb of a step or option."""
    entry = next((body.entries[key] for key in _VERBS if key in body.entries), None)
    if entry is None or (entry.value in reader.checked.faulty and not isinstance(entry.value, Mapping)):
        return None
    node, span = entry.value, entry.key.span
    match entry.key.text:
        case "perform":
            return model.Perform(reader.needed(node, body), span)
        case "call":
            return model.CallFor(reader.needed(node, body), span)
        case "measure":
            return model.Measure(reader.refs(node), span)
        case "exclude":
            return model.Exclude(reader.refs(node), span)
    inner = reader.mapping(node)
    make = _VERBS[entry.key.text]
    return make(reader, inner, span) if inner is not None and make is not None else None


def _drug_of(reader: Reader, body: Mapping) -> model.Ref:
    return reader.some_ref(body.get("drug") or body.get("fluid"), body)


def _give(reader: Reader, body: Mapping, span: Span) -> model.Give:
    get = body.get
    return model.Give(
        drug=_drug_of(reader, body),
        amount=reader.some_amount(get("amount"), body),
        span=span,
        each=reader.amount_or_ref(get("each")),
        over=reader.amount_or_ref(get("over")),
        most=reader.amount(get("max")),
        route=reader.label(get("route")),
        salt=reader.label(get("salt")),
        concentration=reader.label(get("concentration")),
        weight=reader.label(get("weight")),
        intent=reader.label(get("intent")),
        line=reader.label(get("line")),
    )


def _infuse(reader: Reader, body: Mapping, span: Span) -> model.Infuse:
    get = body.get
    return model.Infuse(
        drug=_drug_of(reader, body),
        rate=reader.some_amount(get("rate"), body),
        span=span,
        most=reader.amount(get("max")),
        route=reader.label(get("route")),
        salt=reader.label(get("salt")),
        weight=reader.label(get("weight")),
        intent=reader.label(get("intent")),
        line=reader.label(get("line")),
    )


def _change(reader: Reader, body: Mapping, span: Span) -> model.Change:
    return model.Change(
        _drug_of(reader, body), span, reader.amount(body.get("to")), reader.label(body.get("direction"))
    )


def _stop(reader: Reader, body: Mapping, span: Span) -> model.Stop:
    return model.Stop(_drug_of(reader, body), span)


def _titrate(reader: Reader, body: Mapping, span: Span) -> model.Titrate:
    get = body.get
    return model.Titrate(
        drug=_drug_of(reader, body),
        span=span,
        start=reader.some_amount(get("from"), body),
        by=None if reader.word(get("by")) == "double" else _by_how_much(reader, get("by"), body),
        every=reader.amount_or_ref(get("every")) or nothing(span),
        to=reader.some_amount(get("to"), body),
        while_=reader.some_condition(get("while"), body),
        hold_if=reader.conditions(get("hold_if")),
        on_hold=reader.refs(get("on_hold")),
        at_ceiling=reader.refs(get("at_ceiling")),
    )


def _by_how_much(reader: Reader, node: Node | None, parent: Mapping) -> model.Amount:
    """How far a titration is raised at once, where it is not `double`."""
    scalar = reader.scalar(node)
    if scalar is not None and re.fullmatch(r"[a-z]+|[x×]? ?\d[\d.]* ?(?:[x×%]|times|-?fold)?", scalar.text):
        help = "write `double`, or the rate that is added, such as `2.5 mcg/kg/min`"
        reader.report("KB206", scalar.span, f"a titration cannot go up by `{scalar.text}`", help)
        return nothing(scalar.span)
    return reader.some_amount(node, parent)


def _choose(reader: Reader, body: Mapping, span: Span) -> model.Choose:
    options: dict[str, model.OptionDef] = {}
    for item in reader.items(body.get("one_of")):
        inner = reader.mapping(item)
        verb = read_verb(reader, inner) if inner is not None else None
        name = reader.scalar(inner.get("id")) if inner is not None else None
        if (
            inner is None
            or name is None
            or not isinstance(verb, model.Give | model.Infuse | model.Change | model.Stop | model.Perform)
        ):
            continue
        if name.text in options:
            related = (Related(options[name.text].span, f"`{name.text}` stands here first"),)
            reader.report(
                "KB219",
                name.span,
                f"the option `{name.text}` stands here twice",
                "give one of the two another id",
                related,
            )
            continue
        options[name.text] = model.OptionDef(
            id=name.text,
            title=reader.needed(inner.get("title"), inner),
            verb=verb,
            span=name.span,
            for_=read_reasons(reader, inner.get("for")),
            against=read_reasons(reader, inner.get("against")),
            until=reader.condition(inner.get("until")),
            backing=reader.backing(inner),
        )
    return model.Choose(tuple(options.values()), span)


def read_reasons(reader: Reader, node: Node | None) -> tuple[model.Reason, ...]:
    made = []
    for item in reader.items(node):
        body = reader.mapping(item)
        when = reader.condition_of(body) if body is not None else None
        if body is not None and when is not None:
            made.append(model.Reason(when, reader.text(body.get("because")), reader.ref(body.get("instead"))))
    return tuple(made)


_VERBS: dict[str, Callable[[Reader, Mapping, Span], model.Verb] | None] = {
    "give": _give,
    "infuse": _infuse,
    "change": _change,
    "stop": _stop,
    "titrate": _titrate,
    "choose": _choose,
    "perform": None,
    "measure": None,
    "exclude": None,
    "call": None,
}
