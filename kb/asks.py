"""What is still to be asked: the data that could still change the answer, and as nearly as can be no others.

Source: design rules 9, 10 and 13. With `evaluate.undecided` a question belongs to a step
that is reached or could still be, and to a condition whose value could still change where it leads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kb import program as ir
from kb.advice import Ask, Policy, Unavailable
from kb.chart import RECORD
from kb.doses import over_slot
from kb.evaluate import evaluate
from kb.local import CARE_AREA
from kb.orders import remaining
from kb.plan import Walk
from kb.records import NamedTuple


class Wanted(NamedTuple):
    """Unknown slots that a step still needs; `now` where the step is reached. Step -1: the scope of the protocol."""

    step: int
    now: bool
    slots: frozenset[int]


class Questions(NamedTuple):
    """`unavailable`: asked, and answered that it cannot be had."""

    asks: tuple[Ask, ...]
    policies: tuple[Policy, ...]
    unavailable: tuple[Unavailable, ...]


def step_needs(walk: Walk, index: int) -> frozenset[int]:
    """The unknown inputs that could still change where the step leads, its status or its dose."""
    step = walk.program.steps[index]
    if step.kind == "decide":
        return _decide_needs(walk, index)
    if step.kind != "do" or step.action is None:
        return frozenset()
    row = walk.row
    needs = set(walk.undecided(step.status)) | walk.undecided(step.satisfied)
    status = evaluate(step.status, row)
    if status in ("satisfied", "declined", "withheld", "held"):
        return frozenset(needs)
    needs |= _limited_dose_needs(walk, step.action)
    needs |= option_needs(walk, step.action)
    return frozenset(needs)


def dose_needs(walk: Walk, action: ir.Action) -> frozenset[int]:
    """The unknown inputs of a dose."""
    dose = action.dose
    if dose is None:
        return frozenset()
    needs: set[int] = set()
    for expr in (dose.low, dose.high, dose.most, action.each):
        if expr is not None:
            needs |= walk.undecided(expr)
    over = over_slot(walk.program, action)
    if over is not None and walk.row[over] is None:
        needs.add(over)
    return frozenset(needs)


def _limited_dose_needs(walk: Walk, action: ir.Action) -> frozenset[int]:
    """The unknown inputs of a dose and of the caps that limit it."""
    needs = set(dose_needs(walk, action))
    for cap in walk.program.caps:
        if action.of == "amount" and action.dose is not None and action.drug in cap.drugs:
            needs |= remaining(walk, cap)[1]
    return frozenset(needs)


def option_needs(walk: Walk, action: ir.Action) -> frozenset[int]:
    """What ranks the options of a `choose`, and the dose of the one that would be first."""
    needs: set[int] = set()
    ranked: list[tuple[bool, ir.Option]] = []
    for option in action.options:
        for reason in (*option.against, *option.for_):
            needs |= walk.undecided(reason.when)
        if not any(evaluate(reason.when, walk.row) is True for reason in option.against):
            ranked.append((not any(evaluate(reason.when, walk.row) is True for reason in option.for_), option))
    if ranked:
        needs |= _limited_dose_needs(walk, min(ranked, key=lambda pair: pair[0])[1].action)
    return frozenset(needs)


def _decide_needs(walk: Walk, index: int) -> frozenset[int]:
    step = walk.program.steps[index]
    cases, gap = walk.open_cases(index)
    if len(cases) + gap <= 1:
        return frozenset()
    ways = {frozenset(step.cases[number].targets) for number in cases}
    if gap:
        ways.add(frozenset())
    reached = walk.decision.reached
    if len(ways) == 1 or (not gap and all(reached >> target & 1 for way in ways for target in way)):
        return frozenset()
    needs: set[int] = set()
    for number in cases:
        needs |= walk.undecided(step.cases[number].when)
    return frozenset(needs)


def wanted(walk: Walk, actions: dict[int, frozenset[int]]) -> Iterator[Wanted]:
    """What each step that is reached, or could be, still needs; `actions` has it for the actions reached,
    which know what their order check needs and whether anything could still change them.
    """
    for index in range(len(walk.program.steps)):
        bit = 1 << index
        now = bool(walk.decision.reached & bit)
        if not now and not walk.decision.possible & bit:
            continue
        slots = actions[index] if index in actions else step_needs(walk, index)
        if slots:
            yield Wanted(index, now, slots)


def questions(walk: Walk, needs: tuple[Wanted, ...], overdue: dict[str, str]) -> Questions:
    """Needs as questions, most useful first: overdue reviews, then what a reached step needs, in reading order."""
    program = walk.program
    by_name: dict[str, Ask] = {}
    policies: dict[str, Policy] = {}
    unavailable: dict[str, Unavailable] = {}
    needed: set[str] = set()
    for name, late in overdue.items():
        by_name[name] = ask_for(program, name, "review")._replace(overdue_by=late)
    for need in sorted(needs, key=lambda need: (not need.now, need.step)):
        step = program.steps[need.step].id if need.step >= 0 else ""
        for index in sorted(need.slots):
            slot, cause = program.slots[index], walk.reading.causes.get(index)
            kind = "" if cause is None else cause.kind
            if slot.kind == "parameter" or kind == "local policy":
                names = (slot.of,) if slot.kind == "parameter" else (() if cause is None else cause.asks)
                for name in names:
                    before = policies.get(name) or Policy(name, _parameter_title(program, name), slot.unit)
                    policies[name] = before._replace(decides=_with(before.decides, step))
                continue
            if cause is not None and kind in ("unobtainable", "not available"):
                unavailable.setdefault(slot.of or slot.name, Unavailable(slot.of or slot.name, cause.text or kind))
                continue
            for parameter in _unset_parameters(walk, slot):
                before = policies.get(parameter.of) or Policy(parameter.of, parameter.title, parameter.unit)
                policies[parameter.of] = before._replace(decides=_with(before.decides, step))
            for name in cause.asks if cause is not None else (slot.name,):
                ask = by_name.get(name) or ask_for(program, name, kind, slot)
                if cause is not None and not ask.cause:
                    ask = ask._replace(cause=cause.text)
                now = ask.now if name in needed else need.now
                by_name[name] = ask._replace(decides=_with(ask.decides, step), now=now)
                needed.add(name)
    return Questions(tuple(by_name.values()), tuple(policies.values()), tuple(unavailable.values()))


def _unset_parameters(walk: Walk, slot: ir.Slot) -> Iterator[ir.Slot]:
    """The parameters without a value that the times of a feature need, whatever else it lacks."""
    feature = slot.feature
    for expr in () if feature is None else (feature.duration, feature.window and feature.window.duration):
        for index in walk.undecided(expr) if expr is not None else ():
            if walk.program.slots[index].kind == "parameter":
                yield walk.program.slots[index]


def _with(steps: tuple[str, ...], step: str) -> tuple[str, ...]:
    return (*steps, step) if step and step not in steps else steps


def _parameter_title(program: ir.Program, id: str) -> str:
    return next((parameter.title for parameter in program.parameters if parameter.id == id), id)


def ask_for(program: ir.Program, name: str, kind: str = "", slot: ir.Slot | None = None) -> Ask:
    """The question whose answer is charted under `name`."""
    if name == RECORD:
        return Ask(
            name, "Is everything that was given, and all that is running, on the chart?", "choice", "", ("complete",)
        )
    for element in program.elements:
        if element.id == name:
            return Ask(
                name,
                element.question or f"{element.label}?",
                element.type,
                element.unit,
                element.options or (("yes", "no") if element.type == "boolean" else ()),
            )
    for drug in program.drugs:
        if drug.id == name:
            return Ask(name, f"At what rate is {drug.label} running now (0 if it is not)?", "number", drug.rate_unit)
        if f"{drug.id}.salt" == name:
            forms = tuple(form for form, _ in drug.salts)
            return Ask(name, f"Is the rate of {drug.label} charted as {' or as '.join(forms)}?", "choice", "", forms)
    if slot is None or slot.name != name:
        slot = next((slot for slot in program.slots if slot.name == name), slot)
    if slot is None:
        return Ask(name, f"{name}?", "text")
    return Ask(name, feature_question(program, slot), slot.type, slot.unit, slot.options)


def order_ask(program: ir.Program, drug: ir.Drug, name: str, own: bool, areas: Iterable[str]) -> Ask:
    """The question for what would settle the verdict on an order of `drug`.

    Args:
        own: the order itself does not state it, and `name` is not about what runs.
        areas: the care areas of the hospital.

    """
    if name == CARE_AREA:
        return Ask(name, "In which care area is the patient?", "choice", "", tuple(areas))
    if own and name == f"{drug.id}.salt":
        forms = tuple(form for form, _ in drug.salts)
        return Ask(name, f"Is the dose ordered as {' or as '.join(forms)}?", "choice", "", forms)
    if name == f"{drug.id}.concentration":
        unit = (drug.rate_unit or drug.amount_unit).partition("/")[0].replace("mcg", "mg")
        return Ask(name, f"What is the concentration of {drug.label} (such as 4 {unit}/50 mL)?", "text")
    attribute = name.removeprefix("order.")
    if attribute == name and not name.startswith("ordered("):
        return ask_for(program, name)
    slots = {slot.name.partition(" ")[0]: (index, slot) for index, slot in enumerate(program.slots)}
    index, slot = slots.get(name, (-1, None))
    match attribute:
        case "route":
            return Ask(name, f"By which route is {drug.label} ordered?", "choice", "", drug.routes)
        case "line":
            words = _words_of_rules(program, drug, index)
            return Ask(name, f"As which line of treatment is {drug.label} ordered?", "choice", "", words)
        case "intent":
            words = _words_of_rules(program, drug, index)
            return Ask(name, f"What is {drug.label} ordered for?", "choice", "", words)
        case "rate":
            return Ask(name, f"At what rate is {drug.label} ordered?", "number", drug.rate_unit)
        case "amount":
            return Ask(name, f"How much {drug.label} is ordered?", "number", drug.amount_unit)
        case "weight":
            return Ask(name, f"From which weight is the dose of {drug.label} worked out?", "text")
        case "salt":
            return order_ask(program, drug, f"{drug.id}.salt", True, areas)._replace(name=name)
    return Ask(name, f"{slot.title if slot is not None else name}?", "boolean", "", ("yes", "no"))


def _words_of_rules(program: ir.Program, drug: ir.Drug, slot: int) -> tuple[str, ...]:
    """What the rules about a drug compare an attribute of its order with; anything else is `another`."""
    found: dict[str, None] = {}

    def collect(expr: object) -> None:
        match expr:
            case ir.Compare(_, ir.Get(at), ir.Const(word)) if at == slot:
                found[str(word)] = None
            case ir.Member(ir.Get(at), options) if at == slot:
                found.update(dict.fromkeys(str(option) for option in options))
        for part in expr if isinstance(expr, tuple) else ():
            collect(part)

    for rule in program.rules:
        if drug.id in rule.drugs:
            collect(rule.when)
    return (*found, "another") if found else ()


def feature_question(program: ir.Program, slot: ir.Slot) -> str:
    """A question for something that would be read from the record if there were one."""
    feature = slot.feature
    if feature is None:
        return f"{slot.title or slot.name}?"
    of = _event_label(program, feature.of) if feature.of is not None else ""
    when = ""
    if feature.window is not None:
        event = feature.window.event
        when = {
            "episode": " in this episode",
            "since": f" since {_event_label(program, event)}" if event is not None else "",
            "last": " " + slot.name[slot.name.find("in the last") : -1] if "in the last" in slot.name else "",
        }[feature.window.kind]
    match feature.function:
        case "since" if feature.of is not None and feature.of.kind == "step":
            return f"How long ago was this last done: {of}?"
        case "since":
            return f"How long ago was the last {of}?"
        case "count":
            return f"How many times has {of} been given or done{when}?"
        case "total":
            return f"How much {of} has been given{when}?"
        case "previous":
            return f"What was the value of {of} before this one?"
        case "change":
            return f"By how much has {of} changed{when}?"
        case "done":
            return f"Has this been done{when}: {of}?"
        case "declined":
            return f"Has this been declined{when}: {of}?"
        case "persists" if feature.after is not None:
            condition, _, timing = slot.name.removeprefix("persists(").removesuffix(")").rpartition(", ")
            titles = {made.name: made.title for made in program.slots if made.kind == "define" and made.title}
            # What is started or raised is a drug, also where a step has its id.
            after = next((drug.label for drug in program.drugs if drug.id == feature.after.id), "")
            after = after or _event_label(program, feature.after)
            long = timing.partition(" after ")[0]
            if any(parameter.id == long for parameter in program.parameters):
                long = "the interval set locally"
            return (
                f"Measured again at least {long} after {after} was last started or raised, "
                f"was it still so: {titles.get(condition, condition)}?"
            )
        case _:
            return f"Is this so: {slot.title or slot.name}?"


def _event_label(program: ir.Program, event: ir.Event) -> str:
    """The name for readers: a step may have the id of a drug or class."""
    match event.kind:
        case "step":
            labels = {step.id: step.title for step in program.steps}
        case "element":
            labels = {element.id: element.label for element in program.elements}
        case _:
            labels = {drug.id: drug.label for drug in program.drugs}
    return labels.get(event.id, event.id.replace("-", " "))


def names_of(walk: Walk, slots: Iterable[int]) -> tuple[str, ...]:
    """The names under which the unknown `slots` would be answered."""
    names: dict[str, None] = {}
    for index in sorted(slots):
        cause = walk.reading.causes.get(index)
        if cause is None:
            names[walk.program.slots[index].name] = None
        elif cause.kind not in ("unobtainable", "not available", "local policy"):
            names.update(dict.fromkeys(cause.asks))
    return tuple(names)
