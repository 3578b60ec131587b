"""Definitions with their cases, and interpretations: of a protocol, or shared in the library."""

from __future__ import annotations

from kb import model
from kb.loader.reader import Reader, nothing
from kb.source import Entry, Mapping, Node
from kb.validator import nearest


def read_define(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.Define | None:
    get = body.get
    options = reader.names(get("options"))
    latch = reader.mapping(get("latch"))
    is_list = any(key in body.entries for key in ("all", "any", "none", "of", "condition"))
    words = "options" in body.entries
    if words and "cases" not in body.entries and body not in reader.checked.faulty:
        reader.report(
            "KB216",
            body.entries["options"].key.span,
            "`options` go with `cases`",
            "write the value of each case under `cases:`",
        )
    return model.Define(
        id=name,
        span=entry.key.span,
        title=reader.text(get("title")),
        unit=reader.word(get("unit")),
        options=options,
        condition=reader.condition_of(body) if is_list else None,
        cases=_value_cases(reader, get("cases"), words, options),
        value=reader.amount(get("value")),
        latch_set=reader.some_condition(latch.get("set"), latch) if latch else None,
        latch_clear=reader.some_condition(latch.get("clear"), latch) if latch else None,
        backing=reader.backing(body),
        exclusive=reader.word(get("exclusive")) == "true",
    )


def _value_cases(
    reader: Reader, node: Node | None, words: bool, options: tuple[str, ...]
) -> tuple[model.ValueCase, ...]:
    made: list[model.ValueCase] = []
    items = reader.items(node)
    for index, item in enumerate(items):
        body = reader.mapping(item)
        if body is None:
            continue
        place = next(iter(body.entries.values())).key.span if body.entries else body.span
        last = index == len(items) - 1
        if "when" in body.entries and last:
            help = "add a last case with `value` alone, for all other patients"
            reader.report("KB215", place, "the last case must do without `when`, so that there is always a value", help)
        elif "when" not in body.entries and not last and body not in reader.checked.faulty:
            reader.report("KB215", place, "a case without `when` hides the cases below it", "make it the last case")
        value: model.Amount | model.Ref | None = (
            reader.ref(body.get("value")) if words else reader.amount(body.get("value"))
        )
        if isinstance(value, model.Ref) and options and value.id not in options:
            near = nearest(value.id, options)
            help = (
                f"did you mean `{near}`?" if near else "the options are " + ", ".join(f"`{word}`" for word in options)
            )
            reader.report("KB206", value.span, f"`{value.id[:60]}` is not one of the options", help)
        made.append(model.ValueCase(reader.condition(body.get("when")), value or nothing(place), place))
    return tuple(made)


def read_interpretation(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.InterpretationDef:
    rejected = (reader.text(item) for item in reader.items(body.get("rejected")))
    return model.InterpretationDef(
        id=name,
        span=entry.key.span,
        about=reader.refs(body.get("about")),
        reading=reader.needed(body.get("reading"), body),
        rejected=tuple(text for text in rejected if text is not None),
        because=reader.needed(body.get("because"), body),
        confirm=reader.needed(body.get("confirm"), body),
        status=reader.word(body.get("status"), "chosen"),
    )
