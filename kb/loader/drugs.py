"""`drugs.yaml`: classes, drugs and their limits."""

from __future__ import annotations

import re
from decimal import Decimal

from kb import model
from kb.diagnostics import Related, Span
from kb.expression import tree
from kb.loader.data import no_origin, read_codes, read_origin
from kb.loader.reader import Reader
from kb.source import Entry, Mapping, Node, Scalar
from kb.validator import nearest

_END = re.compile(r"(up to|from) +(.+)")
_END_WORDS = re.compile(
    r"(?:(?P<most>max(?:imum|\.)?|at most|no more than|<=?|≤)|min(?:imum|\.)?|at least|>=?|≥)\s*(?P<rest>\d.*)",
    re.IGNORECASE,
)


def read_drugs(reader: Reader) -> tuple[dict[str, tuple[str, ...]], dict[str, model.DrugDef]]:
    """Classes with their drugs, and drugs by name."""
    assert reader.root is not None
    reader.names_no_words(reader.root.get("classes"), reader.root.get("drugs"))
    declared = dict(reader.entries(reader.root.get("classes")))
    drugs = reader.each(reader.root.get("drugs"), _drug)
    taken: dict[str, Span] = {name: entry.key.span for name, entry in declared.items()}
    for name, drug in drugs.items():
        if name in taken:
            related = (Related(taken[name], "it stands here first"),)
            reader.report(
                "KB219", drug.span, f"`{name}` is the name of a class already", "give one another name", related
            )
        taken.setdefault(name, drug.span)
    members: dict[str, list[str]] = {name: [] for name in declared}
    for name, entry in reader.entries(reader.root.get("drugs")):
        body = reader.mapping(entry.value)
        if body is None or name not in drugs:
            continue
        for synonym in reader.refs(body.get("synonyms")):
            key = synonym.id.lower()
            if key in taken:
                related = (Related(taken[key], "it stands here first"),)
                reader.report(
                    "KB219",
                    synonym.span,
                    f"`{synonym.id[:60]}` is the name of something else already",
                    "remove one",
                    related,
                )
            taken.setdefault(key, synonym.span)
        for group in reader.refs(body.get("classes")):
            if group.id in members:
                members[group.id].append(name)
            else:
                near = nearest(group.id, declared)
                help = f"did you mean `{near}`?" if near else "declare it at the top of the file, under `classes:`"
                reader.report("KB221", group.span, f"there is no class `{group.id}`", help)
    return {name: tuple(drugs_of) for name, drugs_of in members.items()}, drugs


def _drug(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.DrugDef:
    get = body.get
    origin = read_origin(reader, body)
    limits = [
        _limit(reader, inner, origin) for inner in map(reader.mapping, reader.items(get("limits"))) if inner is not None
    ]
    delivery = [
        _delivered(reader, inner, origin)
        for inner in map(reader.mapping, reader.items(get("deliver")))
        if inner is not None
    ]
    numbers = [key for key in ("salts", "valid_for", "largest_step") if key in body.entries]
    if numbers and not (origin.source or origin.confirm) and body not in reader.checked.faulty:
        no_origin(reader, entry.key.span, name)
    for key, of in (("rate", "rate"), ("amount", "amount")):
        about: list[model.LimitDef | model.DeliveryDef] = [*limits, *delivery]
        for record in about:
            if record.of == of and key not in body.entries and body not in reader.checked.faulty:
                reader.report(
                    "KB223",
                    record.span,
                    f"this is about the {of} of `{name}`, which has no `{key}` unit",
                    f"add `{key}:` to the drug",
                )
    salts = []
    for salt, share in reader.entries(get("salts")):
        value = reader.checked.values.get(share.value)
        if isinstance(value, Decimal):
            salts.append((salt, value))
    return model.DrugDef(
        id=name,
        label=reader.word(get("label")).strip(),
        span=entry.key.span,
        synonyms=reader.names(get("synonyms")),
        classes=reader.names(get("classes")),
        rate_unit=reader.word(get("rate")),
        amount_unit=reader.word(get("amount")),
        salts=tuple(salts),
        valid_for=reader.amount(get("valid_for")),
        absent_is_zero="absent" in body.entries,
        limits=tuple(limits),
        delivery=tuple(delivery),
        largest_step=reader.word(get("largest_step")),
        routes=reader.names(get("routes")),
        codes=read_codes(reader, get("codes")),
        origin=origin,
    )


def _limit(reader: Reader, body: Mapping, whole: model.Origin) -> model.LimitDef:
    soft_low, soft_high = _ends(reader, body.get("soft"))
    hard_low, hard_high = _ends(reader, body.get("hard"))
    place = next(iter(body.entries.values())).key.span if body.entries else body.span
    own = read_origin(reader, body)
    origin = own if own.source or own.confirm else whole
    if body not in reader.checked.faulty:
        if "soft" not in body.entries and "hard" not in body.entries:
            reader.report("KB202", place, "a limit needs `soft` or `hard`, which is missing", "write `hard: up to X`")
        elif not (origin.source or origin.confirm):
            no_origin(reader, place, "")
    return model.LimitDef(
        of=reader.word(body.get("of")),
        span=place,
        route=reader.word(body.get("route")),
        soft_low=soft_low,
        soft_high=soft_high,
        hard_low=hard_low,
        hard_high=hard_high,
        origin=origin,
    )


def _delivered(reader: Reader, body: Mapping, whole: model.Origin) -> model.DeliveryDef:
    place = next(iter(body.entries.values())).key.span if body.entries else body.span
    own = read_origin(reader, body)
    origin = own if own.source or own.confirm else whole
    if not (origin.source or origin.confirm) and body not in reader.checked.faulty:
        no_origin(reader, place, "")
    return model.DeliveryDef(
        of=reader.word(body.get("of")),
        step=reader.some_amount(body.get("step"), body),
        towards=reader.word(body.get("towards")),
        span=place,
        origin=origin,
    )


def _ends(reader: Reader, node: Node | None) -> tuple[model.Amount | None, model.Amount | None]:
    """`X to Y`, `up to Y` or `from X`: the two ends."""
    scalar = reader.scalar(node)
    if scalar is None:
        return None, None
    end = _END.fullmatch(scalar.text)
    if end is not None:
        start = end.start(2)
        part = Scalar(end.group(2), scalar.place(start, end.end(2)))
        amount = reader.amount(part)
        if amount is not None and isinstance(amount.value, tree.Range):
            reader.report(
                "KB220",
                scalar.span,
                f"`{end.group(1)}` takes one end, not two",
                "write `X to Y`, `up to Y` or `from X`",
            )
            return None, None
        return (None, amount) if end.group(1) == "up to" else (amount, None)
    worded = _END_WORDS.fullmatch(scalar.text)
    if worded is not None:
        side = "up to" if worded["most"] else "from"
        reader.report("KB220", scalar.span, f"`{scalar.text}` is no range", f"write `{side} {worded['rest']}`")
        return None, None
    amount = reader.amount(scalar)
    if amount is None:
        return None, None
    if not isinstance(amount.value, tree.Range):
        reader.report("KB220", scalar.span, "one number is no range", "write `X to Y`, `up to Y` or `from X`")
        return None, None
    low, high = amount.value.low, amount.value.high
    if isinstance(low, tree.Number) and isinstance(high, tree.Number):
        if low.unit is None:
            low = tree.Number(low.value, high.unit, low.span)
        if low.unit == high.unit and low.value >= high.value:
            reader.report(
                "KB220",
                scalar.span,
                f"the range begins at {low.value} and ends at {high.value}",
                "write the lower end first",
            )
    return model.Amount(low, amount.text, amount.span), model.Amount(high, amount.text, amount.span)
