"""Hypothesis strategies: whole small protocols over the library of `tests/meaning`, and charts for any Program."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from kb import program as ir
from tests.rows import NOW

Drawn = Any
"""What `st.composite` hands over: a function that draws from a strategy."""

ELEMENTS: dict[str, list[str]] = {
    "map": ["60 mmHg", "65 mmHg", "70 mmHg"],
    "systolic": ["90 mmHg", "100 mmHg"],
    "heart_rate": ["100 /min", "130 /min"],
    "lactate": ["2 mmol/L", "4 mmol/L"],
}
DRUGS: dict[str, list[str]] = {
    "vasopressin": ["0 units/min", "0.03 units/min"],
    "dobutamine": ["0 mcg/kg/min", "5 mcg/kg/min"],
    "dopamine": ["0 mcg/kg/min"],
}
BOOLEANS = ["ischaemia", "arrhythmia", "chronic_hypertension", "hypoperfusion", "allergy"]
CHOICES = {"pulse": ["present", "absent", "doubtful"], "mental_status": ["alert", "drowsy", "unresponsive"]}
DEFINES: dict[str, dict[str, Any]] = {
    "goal_pressure": {
        "title": "Target",
        "unit": "mmHg",
        "cases": [{"when": "chronic_hypertension", "value": "70 mmHg"}, {"value": "65 mmHg"}],
    },
    "low": {"title": "Low", "any": ["map is unobtainable", "map < goal_pressure"]},
    "shock_index": {"title": "Shock index", "value": "heart_rate / systolic", "unit": "/min/mmHg"},
    "too_fast": {"title": "Too fast", "latch": {"set": "heart_rate > 130 /min", "clear": "heart_rate < 110 /min"}},
    "band": {
        "title": "Band",
        "options": ["mild", "grave"],
        "cases": [
            {"when": "lactate > 4 mmol/L", "value": "grave"},
            {"when": "pulse is doubtful", "value": "grave"},
            {"value": "mild"},
        ],
    },
}
PLAIN = ["goal_pressure", "band", "shock_index"]


# ---------------------------------------------------------------- conditions


@st.composite
def comparisons(draw: Drawn) -> str:
    name = draw(st.sampled_from([*ELEMENTS, *DRUGS]))
    threshold = draw(st.sampled_from({**ELEMENTS, **DRUGS}[name]))
    if name in DRUGS:
        return f"{name} {draw(st.sampled_from(['>', '>=', '=']))} {threshold}"
    return f"{name} {draw(st.sampled_from(['<', '<=', '>', '>=']))} {threshold}"


def lawful_atoms() -> st.SearchStrategy[str]:
    """Conditions without `known`, therapies that may be absent, or the past: those of the law of rule 11."""
    return st.one_of(
        comparisons().filter(lambda text: "dopamine" not in text),
        st.sampled_from(BOOLEANS),
        st.sampled_from(BOOLEANS).map(lambda name: f"not {name}"),
        st.sampled_from(["pulse is absent or doubtful", "pulse is present", "mental_status is not alert"]),
        st.sampled_from(
            [
                "map < goal_pressure",
                "band is grave",
                "shock_index > 1 /min/mmHg",
                "map between 60 mmHg and 70 mmHg",
                "systolic - map > 40 mmHg",
                "heart_rate / systolic >= 1 /min/mmHg",
                "2 * map < 130 mmHg",
                "least(map, systolic) < 65 mmHg",
                "count(epinephrine in the episode) >= 2",
                "total(epinephrine in the episode) > 0.06 mg",
            ]
        ),
    )


def atoms() -> st.SearchStrategy[str]:
    return st.one_of(
        lawful_atoms(),
        comparisons(),
        st.sampled_from(
            [
                "known(lactate)",
                "map is unobtainable",
                "low",
                "too_fast",
                "persists(map < 65 mmHg, 5 min after vasopressin)",
                "count(epinephrine in the episode) > 0 and since(epinephrine) > 3 min",
                "dopamine > 0 mcg/kg/min",
            ]
        ),
    )


@st.composite
def conditions(draw: Drawn, base: st.SearchStrategy[str]) -> Any:
    """A condition as it stands in a file: a string, or a list with its word."""
    form = draw(st.sampled_from(["one", "one", "one", "and", "or", "all", "any", "none", "some"]))
    if form == "one":
        return draw(base)
    parts = draw(st.lists(base.filter(lambda text: " and " not in text), min_size=2, max_size=3, unique=True))
    if form in ("and", "or"):
        return f" {form} ".join(f"({part})" for part in parts)
    if form == "some":
        third = draw(base.filter(lambda text: " and " not in text and text not in parts))
        return {"at_least": 2, "of": [*parts[:2], third]}
    return {form: parts}


# ---------------------------------------------------------------- protocols


def actions(draw: Drawn, number: int, lawful: bool) -> dict[str, Any]:
    """One verb with its keys."""
    verb = draw(
        st.sampled_from(
            ["perform", "infuse", "give", "stop", "change", "call", "choose"]
            + ([] if lawful else ["measure", "exclude"])  # satisfied once known
        )
    )
    match verb:
        case "infuse":
            rate = draw(st.sampled_from(["0.03 to 0.04 units/min", "0.035 units/min", "0.05 units/min"]))
            return {"infuse": {"drug": "vasopressin", "rate": rate}}
        case "give":
            given: dict[str, Any] = draw(
                st.sampled_from(
                    [
                        {"give": {"drug": "epinephrine", "amount": "0.01 mg/kg", "max": "0.5 mg", "route": "im"}},
                        {
                            "give": {"drug": "epinephrine", "amount": "1 mg", "route": "iv"},
                            "repeat": {"every": "3 to 5 min", "at_most": 3, "in": "episode"},
                        },
                        {"give": {"drug": "epinephrine", "amount": "1 mg", "route": "iv"}},
                    ]
                )
            )
            return given
        case "measure":
            return {"measure": draw(st.sampled_from([["lactate"], ["map", "lactate"]]))}
        case "exclude":
            return {"exclude": ["ischaemia", "arrhythmia"]}
        case "stop":
            return {"stop": {"drug": "dobutamine"}}
        case "change":
            return {"change": {"drug": "dobutamine", "to": "5 mcg/kg/min"}}
        case "call":
            return {"call": "surgeon"}
        case "choose":
            return {
                "choose": {
                    "one_of": [
                        {
                            "id": "first",
                            "title": "Vasopressin",
                            "infuse": {"drug": "vasopressin", "rate": "0.03 units/min"},
                        },
                        {"id": "second", "title": "A line", "perform": "A line"},
                    ]
                }
            }
    return {"perform": f"Work {number}"}


@st.composite
def protocols(draw: Drawn, lawful: bool = False) -> dict[str, Any]:
    """A small protocol as data. `lawful`: without what the law of rule 11 leaves out."""
    base = lawful_atoms() if lawful else atoms()
    count = draw(st.integers(3, 8))
    names = [f"s{number}" for number in range(count)]
    led_to: set[str] = {names[0]}
    steps: dict[str, Any] = {}
    for number, name in enumerate(names):
        later = names[number + 1 :]
        kind = draw(st.sampled_from(["decide", "decide", "do", "do", "titrate", "end"])) if later else "end"

        def targets(later: list[str] = later) -> list[str]:
            found = draw(st.lists(st.sampled_from(later), min_size=1, max_size=2, unique=True))
            led_to.update(found)
            return list(found)

        if kind == "decide":
            whens = draw(st.lists(conditions(base), min_size=1, max_size=3, unique_by=repr))
            cases: list[dict[str, Any]] = [{"when": when, "go": targets()} for when in whens]
            if draw(st.sampled_from([True, True, True, False])):
                cases.append({"else": targets()})
            steps[name] = {"decide": f"Question {number}?", "cases": cases}
            if not lawful and draw(st.sampled_from([True, False, False])):
                steps[name]["if_unknown"] = targets()[0]
        elif kind == "do":
            made = {"do": f"Action {number}", **actions(draw, number, lawful)}
            if draw(st.sampled_from([False, True, False, False, False, False])) and not lawful:
                made["until"] = draw(conditions(base))
            if draw(st.sampled_from([True, False, False])):
                made["avoid_if"] = [{"when": draw(base), "because": "A reason"}]
            if draw(st.booleans()):
                made["with"] = targets()
            if draw(st.booleans()):
                made["then"] = targets()
            priority = draw(st.sampled_from(["stat", "asap", "urgent", "routine", None]))
            if priority:
                made["priority"] = priority
            steps[name] = made
        elif kind == "titrate" and not lawful:
            steps[name] = {
                "do": f"Titrate {number}",
                "titrate": {
                    "drug": "dobutamine",
                    "from": "2.5 mcg/kg/min",
                    "by": draw(st.sampled_from(["double", "2 mcg/kg/min"])),
                    "every": "15 min",
                    "to": "20 mcg/kg/min",
                    "while": draw(st.sampled_from(["hypoperfusion", "map < 65 mmHg"])),
                    "hold_if": [draw(st.sampled_from(["arrhythmia", "heart_rate > 130 /min"]))],
                    "on_hold": targets(),
                    "at_ceiling": targets(),
                },
            }
        else:
            steps[name] = {"end": f"End {number}"}
    start = [name for name in names if name not in led_to or name == names[0]]
    made_protocol: dict[str, Any] = {"start": start, "steps": steps}
    text = repr(steps)
    used = [name for name in DEFINES if name in text]
    if "low" in used or "goal_pressure" in used:
        used = sorted({*used, "goal_pressure"} if "'low'" in text or "low" in used else used)
    if used:
        made_protocol["define"] = {name: DEFINES[name] for name in DEFINES if name in used}
    if draw(st.booleans()):
        made_protocol["goals"] = {"pressure": {"title": "Pressure", "target": draw(conditions(base))}}
    if draw(st.booleans()):
        made_protocol["alerts"] = {"attention": {"when": draw(conditions(base)), "say": "Attention"}}
    if draw(st.sampled_from([True, False, False])):
        when = draw(st.sampled_from(["order.rate > 0.04 units/min", "order.rate > 0.04 units/min and not ischaemia"]))
        made_protocol["never"] = {"ceiling": {"order": "vasopressin", "when": when, "because": "Ceiling"}}
    if draw(st.sampled_from([True, False, False])):
        made_protocol["caps"] = {"most": {"drug": "epinephrine", "amount": "2 mg", "in": "episode"}}
    extra = {name for name in DEFINES if name in repr(made_protocol) and name not in made_protocol.get("define", {})}
    if extra:
        wanted = {*made_protocol.get("define", {}), *extra} | ({"goal_pressure"} if "low" in extra else set())
        made_protocol["define"] = {name: DEFINES[name] for name in DEFINES if name in wanted}
    return made_protocol


# ---------------------------------------------------------------- charts


def around(texts: list[str]) -> list[str]:
    """Each threshold, just below it and just above it."""
    found = []
    for text in texts:
        number, _, unit = text.partition(" ")
        value = Decimal(number)
        for other in (value, value - Decimal("0.00000001"), value + Decimal("0.00000001"), value + 1):
            if other >= 0:
                found.append(f"{other:f} {unit}")
    return found


VALUES: dict[str, list[Any]] = {
    **{name: [*around(texts), "not available"] for name, texts in ELEMENTS.items()},
    **{name: [True, False] for name in BOOLEANS},
    **{name: list(options) for name, options in CHOICES.items()},
    "weight": ["70 kg", "33 kg"],
}
VALUES["map"] = [*VALUES["map"], "unobtainable"]
VALUES["systolic"] = [*VALUES["systolic"], "unobtainable"]
RATES = {
    "vasopressin": ["0 units/min", "0.03 units/min", "0.02999999 units/min", "0.04 units/min"],
    "dobutamine": ["0 mcg/kg/min", "2.5 mcg/kg/min", "5 mcg/kg/min", "12 mcg/kg/min", "20 mcg/kg/min"],
    "dopamine": ["0 mcg/kg/min", "5 mcg/kg/min"],
}
FEATURES: dict[str, list[Any]] = {
    "count(epinephrine in the episode)": [0, 1, 2, 3],
    "total(epinephrine in the episode)": ["0 mg", "0.06 mg", "0.06000001 mg", "1 mg", "1.8 mg", "2 mg"],
    "since(epinephrine)": ["179 s", "3 min", "5 min", "301 s"],
    "since(epinephrine given)": ["179 s", "3 min", "5 min", "301 s"],
}


@st.composite
def moment_charts(draw: Drawn, program: ir.Program) -> dict[str, Any]:
    """A one-moment chart: any subset of what the Program reads, at its thresholds and beside them."""
    slots = {slot.name for slot in program.slots}
    pool: dict[str, list[Any]] = {name: values for name, values in VALUES.items() if name in slots}
    pool |= {name: list(values) for name, values in RATES.items() if name in slots}
    pool |= {name: values for name, values in FEATURES.items() if name in slots}
    chart = {
        name: draw(st.sampled_from(values))
        for name, values in pool.items()
        if draw(st.sampled_from([True, True, False]))
    }
    if draw(st.sampled_from([True, False, False])):
        chart["therapy_record"] = "complete"
        for name in list(chart):
            if name in FEATURES:
                del chart[name]
    return chart


AGES = [0, 30, 60, 120, 179, 180, 181, 299, 300, 301, 600, 899, 900, 901, 1800, 3600, 3601, 7200, 20000]


@st.composite
def entry_charts(draw: Drawn, program: ir.Program) -> dict[str, Any]:
    """A chart of entries: values current and stale, therapies, steps done and declined, openings."""
    slots = {slot.of for slot in program.slots} | {
        event.id
        for slot in program.slots
        if slot.feature is not None
        for event in (slot.feature.of, slot.feature.after)
        if event is not None
    }
    drugs = [drug.id for drug in program.drugs]
    entries: list[dict[str, Any]] = []

    def add(**fields: Any) -> None:
        age = draw(st.sampled_from(AGES))
        at = (NOW - timedelta(seconds=age)).isoformat()
        entries.append({"id": f"e{len(entries) + 1}", "at": at, **fields})

    read = [element.id for element in program.elements if element.id in VALUES]
    for name in read:
        for _ in range(draw(st.sampled_from([0, 1, 1, 2]))):
            add(kind="observation", element=name, value=draw(st.sampled_from(VALUES[name])))
    for name in drugs:
        if name in RATES and name in slots:
            for _ in range(draw(st.sampled_from([0, 0, 1, 2, 3]))):
                event = draw(st.sampled_from(["started", "changed", "stopped", "running"]))
                dose = {} if event == "stopped" else {"rate": draw(st.sampled_from(RATES[name][1:]))}
                add(kind="therapy", event=event, drug=name, **dose)
        if name == "epinephrine":
            for _ in range(draw(st.sampled_from([0, 0, 1, 2, 3]))):
                amount = draw(st.sampled_from(["0.06 mg", "1 mg"]))
                add(kind="therapy", event="given", drug=name, amount=amount)
    for step in program.steps:
        by_hand = step.kind == "do" and step.action is not None and step.action.verb in ("perform", "call")
        if by_hand and draw(st.sampled_from([True, False, False])):
            add(kind="step", event="done", protocol=program.id, step=step.id)
    if entries and draw(st.sampled_from([True, False, False])):
        add(retracts=draw(st.sampled_from([entry["id"] for entry in entries])), kind="retraction")
    made: dict[str, Any] = {"schema": "1.0.0", "entries": entries}
    if draw(st.booleans()):
        age = draw(st.sampled_from([600, 3600, 86400]))
        entries.append(
            {
                "id": "opened",
                "at": (NOW - timedelta(seconds=age)).isoformat(),
                "kind": "protocol",
                "event": "opened",
                "protocol": program.id,
                "version": program.version,
            }
        )
    if draw(st.sampled_from([True, True, False])):
        age = draw(st.sampled_from([600, 86400, 90000]))
        made["complete_from"] = (NOW - timedelta(seconds=age)).isoformat()
    return made


def charts(program: ir.Program) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(moment_charts(program), entry_charts(program))


# ---------------------------------------------------------------- charts for any Program


def parts(node: object) -> Iterator[object]:
    """`node` and everything inside it."""
    yield node
    if isinstance(node, tuple):
        for item in node:
            yield from parts(item)


def thresholds(program: ir.Program) -> dict[int, set[int]]:
    """The constants with which each slot is compared, directly or as a value that a definition takes from it."""
    found: dict[int, set[int]] = {}
    for node in parts((program.slots, program.steps, program.rules, program.goals, program.alerts, program.applies)):
        if isinstance(node, ir.Compare):
            consts = [part.value for part in parts(node) if isinstance(part, ir.Const) and isinstance(part.value, int)]
            slots = {part.slot for part in parts(node) if isinstance(part, ir.Get)}
            if len(slots) == 1:  # a factor between two inputs is a threshold of neither
                found.setdefault(slots.pop(), set()).update(int(value) for value in consts)
    for number, slot in reversed(list(enumerate(program.slots))):  # a definition reads only what stands before it
        for source, factor in taken(slot.expr):
            found.setdefault(source, set()).update(round(value * factor) for value in found.get(number, ()))
    return found


def taken(expr: ir.Expr | None) -> Iterator[tuple[int, Fraction]]:
    """The slots whose value a definition takes as its own in one of its cases; what one of its units is of theirs."""
    if isinstance(expr, ir.Cases):
        for _, value in expr.cases:
            yield from taken(value)
    elif isinstance(expr, ir.Get):
        yield expr.slot, Fraction(1)
    elif isinstance(expr, ir.Divide | ir.Multiply) and isinstance(expr.right, ir.Const):
        scale = Fraction(int(expr.right.value))
        for slot, factor in taken(expr.left):
            yield slot, factor * scale if isinstance(expr, ir.Divide) else factor / scale


def mixtures(program: ir.Program) -> dict[int, bool]:
    """The slots that are read together with others in one comparison or product."""
    found: dict[int, bool] = {}
    for node in parts((program.slots, program.steps, program.rules, program.caps, program.goals)):
        if isinstance(node, ir.Compare | ir.Multiply | ir.Divide):
            slots = [part.slot for part in parts(node) if isinstance(part, ir.Get)]
            if len(set(slots)) > 1:
                found.update(dict.fromkeys(slots, True))
    return found


def decimal_of(value: int, unit: str) -> str:
    number = format(Decimal(value) / Decimal(ir.SCALE), "f")
    return f"{number} {unit}".strip() if unit not in ("", "1") else number


_REPRESENTATIVES: dict[str, dict[str, list[Any]]] = {}


def representatives(program: ir.Program) -> dict[str, list[Any]]:
    """`find_representatives`, once for each Program."""
    if program.logic_digest not in _REPRESENTATIVES:
        _REPRESENTATIVES[program.logic_digest] = find_representatives(program)
    return _REPRESENTATIVES[program.logic_digest]


# What is met at a bedside, for inputs that no single threshold stands for.
ORDINARY = {"kg": (45, 70, 110, 300), "mL": (0, 250, 600, 1000, 2000), "years": (1, 20, 70)}


def ends(program: ir.Program, slot: ir.Slot) -> tuple[int, int]:
    """The least and the greatest that a numeric input may be, scaled."""
    elements = {element.id: element for element in program.elements}
    previous = slot.feature is not None and slot.feature.function == "previous"
    element = elements.get(slot.of) if slot.kind == "element" or previous else None
    low = 0 if element is None or element.low is None else element.low
    high = 100_000 * ir.SCALE if element is None or element.high is None else element.high
    if slot.feature is not None and slot.feature.function == "change":
        low = -high  # a value may have fallen
    return low, high


def extremes(program: ir.Program) -> dict[str, list[Any]]:
    """The ends of each numeric input: a comparison that no end changes is changed by nothing between them."""
    return {
        slot.name: [_charted(program, slot, end) for end in ends(program, slot)]
        for slot in program.slots
        if slot.kind in ("element", "rate", "feature") and slot.type == "number"
    }


def _charted(program: ir.Program, slot: ir.Slot, value: int) -> str:
    text = decimal_of(value, slot.unit)
    drug = next((drug for drug in program.drugs if drug.id == slot.of), None)
    return f"{text} as {drug.salts[0][0]}" if slot.kind == "rate" and drug is not None and drug.salts else text


def find_representatives(program: ir.Program) -> dict[str, list[Any]]:
    """For each input of the Program, values that stand for all: at its thresholds and on both sides of them."""
    found: dict[str, list[Any]] = {}
    compared, mixed = thresholds(program), mixtures(program)
    for number, slot in enumerate(program.slots):
        if slot.kind not in ("element", "rate", "feature") or slot.type not in ("boolean", "number", "choice"):
            continue
        if slot.type == "boolean":
            found[slot.name] = [True, False]
        elif slot.type == "choice":
            found[slot.name] = list(slot.options)
        else:
            low, high = ends(program, slot)
            whole = slot.feature is not None and slot.feature.function == "count"
            grain = ir.SCALE if whole else 1
            near = {value + shift for value in compared.get(number, ()) for shift in (-grain, 0, grain)}
            if not near or mixed.get(number):  # read only together with others: no single threshold stands for it
                near |= {size * ir.SCALE for size in ORDINARY.get(slot.unit, (0, 1, 10, 70, 300, 900, 3000))}
            if low < 0:
                near |= {-value for value in near}
            kept = sorted(value for value in near if low <= value <= high and (not whole or value % ir.SCALE == 0))
            found[slot.name] = [_charted(program, slot, value) for value in kept or [low]]
    return found


@st.composite
def any_charts(draw: Drawn, program: ir.Program, missing: int = 2) -> dict[str, Any]:
    """A one-moment chart for any Program; one input in `missing` + 1 is left out."""
    keep = [True] * missing + [False]
    return {
        name: draw(st.sampled_from(values))
        for name, values in representatives(program).items()
        if values and draw(st.sampled_from(keep))
    }
