"""Drugs with their limits, data with its units and how long it counts, what a hospital sets, the words used."""

from __future__ import annotations

from collections.abc import Iterator

from kb import program as ir
from kb.generator.markdown import quoted
from kb.generator.wording import clean, decimal_text, listed
from kb.plan import Plan
from kb.site.dossier import Dossier
from kb.site.pages.frame import link, links, place
from kb.site.pages.said import said_lines

HERE = "doses"
_ROUTES = {
    "iv": "into a vein",
    "io": "into the marrow",
    "im": "into a muscle",
    "sc": "under the skin",
    "po": "by mouth",
}
_DAY = 86400
_TIMES = (("days", _DAY), ("h", 3600), ("min", 60), ("s", 1))


def body(dossier: Dossier) -> str | None:
    """The page without its head."""
    told = dossier.told
    parts = []
    for heading, lines in (
        ("Drugs and fluids", "\n\n".join(_drug(dossier, drug) for drug in dossier.program.drugs)),
        ("What is measured and asked", _elements(dossier)),
        ("Set by each hospital", said_lines(HERE, "setting", told.settings)),
        ("Also set by this hospital", said_lines(HERE, "local", told.local)),
        ("Words used", said_lines(HERE, "define", told.definitions)),
    ):
        if lines:
            parts += [f"## {heading}", lines]
    return "\n\n".join(parts) or None


# ---------------------------------------------------------------- drugs


def _drug(dossier: Dossier, drug: ir.Drug) -> str:
    lines = [f"- {label}: {text}" if label else f"- {text}" for label, text in _about(dossier, drug) if text]
    return "\n".join([f"### {place('drug', drug.id)}{quoted(drug.label)}", "", *lines])


def _about(dossier: Dossier, drug: ir.Drug) -> Iterator[tuple[str, str]]:
    yield "Also called", quoted(listed(drug.synonyms))
    for step, dose in ordered(dossier, drug.id):
        told = quoted(f": {dose}") if dose else ""
        yield "", f"{link(HERE, 'step', step, dossier.titles[step])}{told}"
    for limit in drug.limits:
        yield _of(limit), _limit(dossier, drug, limit)
    if drug.largest_step:
        yield "One change", quoted(f"more than {drug.largest_step} times the running rate is questioned")
    for delivery in drug.delivery:
        way = {"down": "rounded down", "up": "rounded up", "nearest": "rounded to the nearest"}[delivery.towards]
        unit = drug.rate_unit if delivery.of == "rate" else drug.amount_unit
        told = f"in steps of {decimal_text(delivery.step)} {unit}, {way}"
        yield "Given", quoted(told) + _basis(delivery.source, delivery.confirm)
    if len(drug.salts) > 1:
        forms = [f"{base} of the {form} is base" for form, base in drug.salts if form != "base"]
        yield "Said as base or as salt", quoted("; ".join(forms))
    yield "Routes", quoted(listed((_ROUTES.get(route, route) for route in drug.routes), "or"))
    yield "A charted rate counts for", quoted(duration(drug.valid_for)) if drug.valid_for is not None else ""
    yield "Codes", _codes(drug.codes)
    yield "Source", quoted(drug.source)
    yield "To be confirmed by", quoted(drug.confirm)


def ordered(dossier: Dossier, drug: str) -> Iterator[tuple[str, str]]:
    """The steps that order a drug, each with its dose in words."""
    seen = set()
    for step in dossier.program.steps:
        for action in (step.action, *(option.action for option in step.action.options)) if step.action else ():
            id = dossier.whole[step.id]
            if action is None or action.drug != drug or (step.part_of and step.id.rpartition(".")[2] != "start"):
                continue
            words = dossier.say.titration(action) if step.part_of else ", ".join(dossier.say.action_lines(action))
            if (id, words) not in seen and id in dossier.titles:
                seen.add((id, words))
                yield id, words


def _of(limit: ir.Limit) -> str:
    what = "Rate" if limit.of == "rate" else "Single dose"
    return quoted(f"{what} {_ROUTES.get(limit.route, limit.route)}".strip())


def _limit(dossier: Dossier, drug: ir.Drug, limit: ir.Limit) -> str:
    unit = drug.rate_unit if limit.of == "rate" else drug.amount_unit
    told = []
    for word, low, high in (
        ("questioned", limit.soft_low, limit.soft_high),
        ("refused", limit.hard_low, limit.hard_high),
    ):
        where = {(True, True): "outside", (True, False): "below", (False, True): "above"}.get(
            (low is not None, high is not None)
        )
        if where:
            ends = " to ".join(decimal_text(end) for end in (low, high) if end is not None)
            told.append(f"{word} {where} {dossier.say.dose_beside(drug.id, f'{ends} {unit}')}")
    return quoted("; ".join(told)) + _basis(limit.source, limit.confirm)


def _plausible(low: int | None, high: int | None, unit: str) -> str:
    if low is None and high is None:
        return ""
    ends = " to ".join(decimal_text(end) for end in (low, high) if end is not None)
    word = "from " if high is None else "up to " if low is None else ""
    return f"plausible {word}{ends} {unit}"


def _basis(source: str, confirm: str) -> str:
    told = "; ".join(filter(None, (source, f"to be confirmed by {confirm}" if confirm else "")))
    return f" {quoted(f'({told})')}" if told else ""


def _codes(codes: tuple[tuple[str, str], ...]) -> str:
    return quoted(", ".join(f"{system.upper()} {code}" for system, code in codes))


# ---------------------------------------------------------------- data


def _elements(dossier: Dossier) -> str:
    asking = _steps_of_elements(dossier)
    return "\n".join(_element(dossier, item, asking.get(item.id, ())) for item in dossier.program.elements)


def _element(dossier: Dossier, item: ir.Element, steps: tuple[str, ...]) -> str:
    unit = item.unit if item.unit != "1" else ""
    answers = {"boolean": "yes or no"}.get(item.type, unit)
    if item.options:
        answers = listed((option.replace("-", " ").replace("_", " ") for option in item.options), "or")
    facts = [
        answers,
        _plausible(item.low, item.high, unit).strip(),
        "counts for good" if item.valid_for is None else f"counts for {duration(item.valid_for)}",
        "can be unobtainable" if item.can_be_unobtainable else "",
        f"{item.basis} weight" if item.basis else "",
    ]
    lines = [f"- {place('element', item.id)}**{quoted(item.label)}** <code>{quoted(item.id)}</code>"]
    lines += [f"    - {quoted(item.question)}"] if item.question else []
    lines.append(f"    - {quoted(', '.join(text for text in facts if text))}")
    lines += [f"    - Decides in {links(HERE, 'step', steps, 8)}"] if steps else []
    told = "; ".join(filter(None, (_codes(item.codes), _basis(item.source, item.confirm).strip())))
    lines += [f"    - {told}"] if told else []
    return "\n".join(lines)


def _steps_of_elements(dossier: Dossier) -> dict[str, tuple[str, ...]]:
    """For each element the steps whose question, end or reason against depends on it."""
    program, plan = dossier.program, Plan(dossier.program)
    found: dict[str, dict[str, None]] = {}
    for step in program.steps:
        id = dossier.whole[step.id]
        mask = 0
        for case in step.cases:
            mask |= plan.inputs(case.when)
        if step.kind == "do":
            mask |= plan.inputs(step.satisfied)
        for avoid in step.avoid:
            mask |= plan.inputs(avoid.when)
        for index, slot in enumerate(program.slots):
            if mask >> index & 1 and slot.kind in ("element", "unobtainable") and id in dossier.titles:
                found.setdefault(slot.of, {})[id] = None
    return {of: tuple(ids) for of, ids in found.items()}


def duration(scaled: int) -> str:
    """Scaled seconds in the largest unit that says them whole: `15 min`, `1 day`."""
    for unit, seconds in _TIMES:
        if scaled % (seconds * ir.SCALE) == 0 and (scaled >= seconds * ir.SCALE or unit == "s"):
            number = scaled // (seconds * ir.SCALE)
            return f"{number} {unit}" if (unit, number) != ("days", 1) else "1 day"
    return f"{clean(decimal_text(scaled))} s"
