"""One small Program that reads charts in every way there is, and charts in the words of a scenario."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from kb.program import (
    FALSE,
    SCALE,
    Action,
    Compare,
    Const,
    Drug,
    Element,
    Event,
    Feature,
    Get,
    Multiply,
    Parameter,
    Program,
    Review,
    Slot,
    Step,
    Unit,
    Window,
)
from tests.running.programs import make_program

NOW = datetime.fromisoformat("2026-01-27T12:00:00+00:00")
MINUTE, HOUR = 60 * SCALE, 3600 * SCALE

UNITS = (
    Unit("s", "s", "1", (("time", 1),)),
    Unit("min", "min", "60", (("time", 1),)),
    Unit("h", "h", "3600", (("time", 1),)),
    Unit("g", "g", "1", (("mass", 1),)),
    Unit("mg", "mg", "1/1000", (("mass", 1),)),
    Unit("mcg", "ug", "1/1000000", (("mass", 1),)),
    Unit("kg", "kg", "1", (("body_mass", 1),)),
    Unit("L", "L", "1", (("volume", 1),)),
    Unit("dL", "dL", "1/10", (("volume", 1),)),
    Unit("mL", "mL", "1/1000", (("volume", 1),)),
    Unit("mmHg", "mm[Hg]", "133.322", (("pressure", 1),)),
    Unit("kPa", "kPa", "1000", (("pressure", 1),)),
    Unit("mol", "mol", "1", (("amount", 1),)),
    Unit("mmol", "mmol", "1/1000", (("amount", 1),)),
    Unit("mEq", "meq", "1/1000", (("charge", 1),)),
    Unit("units", "[iU]", "1", (("arbitrary", 1),)),
    Unit("Cel", "Cel", "1", (("temperature", 1),), "273.15"),
    Unit("K", "K", "1", (("temperature", 1),)),
)

ELEMENTS = (
    Element("map", "Mean arterial pressure", "quantity", "mmHg", (), 10 * SCALE, 250 * SCALE, 5 * MINUTE, "", True),
    Element("heart_rate", "Heart rate", "quantity", "/min", (), 0, 350 * SCALE, 5 * MINUTE),
    Element("lactate", "Lactate", "quantity", "mmol/L", (), 0, 40 * SCALE, 2 * HOUR),
    Element("glucose", "Glucose", "quantity", "mmol/L", (), 0, 100 * SCALE, HOUR, molar_mass="180.16 g/mol"),
    Element("potassium", "Potassium", "quantity", "mmol/L", (), 0, 15 * SCALE, 2 * HOUR, valence=1),
    Element("temperature", "Temperature", "quantity", "Cel", (), 10 * SCALE, 45 * SCALE, HOUR),
    Element("weight", "Weight", "quantity", "kg", (), 0, 400 * SCALE, None, basis="actual"),
    Element("score", "Score", "number", "", (), 0, 15 * SCALE, HOUR),
    Element("pulse", "Pulse", "choice", "", ("present", "absent", "doubtful"), valid_for=MINUTE),
    Element("rhythm", "Rhythm", "choice", "", ("shockable", "non-shockable"), valid_for=2 * MINUTE),
    Element("chronic_hypertension", "Chronic hypertension", "boolean"),
    Element("onset", "Time of onset", "date-time"),
)

DRUGS = (
    Drug(
        "norepinephrine",
        "Norepinephrine",
        ("noradrenaline",),
        ("vasopressor",),
        "mcg/kg/min",
        "mcg",
        (("base", "1"), ("tartrate", "1/2")),
        HOUR,
        routes=("iv",),
    ),
    Drug("vasopressin", "Vasopressin", (), ("vasopressor",), "units/min", "units", (), HOUR),
    Drug("epinephrine", "Epinephrine", ("adrenaline",), (), "mcg/kg/min", "mg", (), HOUR, routes=("iv", "im")),
    Drug("dopamine", "Dopamine", (), (), "mcg/kg/min", "", (), HOUR, absent_is_zero=True),
    Drug("balanced-crystalloid", "Balanced crystalloid", (), ("crystalloid",), "", "mL"),
    Drug("saline", "Saline", (), ("crystalloid",), "mL/h", "mL", (), HOUR),
)

PARAMETERS = (
    Parameter("reassess_after", "How soon to look again", "number", "min", (), SCALE, 15 * SCALE),
    Parameter("pause", "Pause", "number", "min", (), None, None, 5 * SCALE),
    Parameter("rule", "Which rule", "choice", "", ("us", "uk"), None, None, "uk"),
)

EPISODE = Window("episode")
NAMES: dict[str, int] = {}


def _slots() -> Iterable[Slot]:
    def known(slot: Slot) -> Slot:
        NAMES[slot.name] = len(NAMES)
        return slot

    def feature(name: str, unit: str, feature: Feature, type: str = "number") -> Slot:
        return known(Slot(name, "feature", type, "", unit, feature=feature))

    def get(name: str) -> Get:
        return Get(NAMES[name])

    types = {"quantity": "number"}
    for element in ELEMENTS:
        kind = types.get(element.type, element.type)
        yield known(Slot(element.id, "element", kind, element.id, element.unit, options=element.options))
    yield known(Slot("map is unobtainable", "unobtainable", "boolean", "map"))
    for drug in DRUGS:
        if drug.rate_unit:
            yield known(Slot(drug.id, "rate", "number", drug.id, drug.rate_unit))
    for parameter in PARAMETERS:
        yield known(
            Slot(parameter.id, "parameter", parameter.type, parameter.id, parameter.unit, options=parameter.options)
        )
    yield known(Slot("now", "now", "date-time", "now"))
    low = Compare("<", get("map"), Const(65 * SCALE))
    yield known(Slot("low", "define", "boolean", "low", expr=low))
    yield known(Slot("double_map", "computed", "number", "double_map", "mmHg", expr=Multiply(Const(2), get("map"))))
    epinephrine, vasopressin = Event("drug", "epinephrine"), Event("drug", "vasopressin")
    crystalloid, rhythm = Event("class", "crystalloid"), Event("element", "rhythm")
    shock, day = Event("step", "shock"), Window("last", duration=Const(24 * HOUR))
    lactate = Event("element", "lactate")
    yield feature("since(epinephrine)", "s", Feature("since", epinephrine))
    yield feature("since(vasopressin)", "s", Feature("since", vasopressin))
    yield feature("since(rhythm)", "s", Feature("since", rhythm))
    yield feature("since(shock)", "s", Feature("since", shock))
    yield feature("count(epinephrine in the episode)", "1", Feature("count", epinephrine, EPISODE))
    yield feature("count(epinephrine in the last 24 h)", "1", Feature("count", epinephrine, day))
    yield feature("count(shock in the episode)", "1", Feature("count", shock, EPISODE))
    yield feature("count(lactate in the episode)", "1", Feature("count", lactate, EPISODE))
    yield feature("total(crystalloid in the episode)", "mL", Feature("total", crystalloid, EPISODE))
    yield feature("total(saline in the last 24 h)", "mL", Feature("total", Event("drug", "saline"), day))
    yield feature("total(vasopressin in the episode)", "units", Feature("total", vasopressin, EPISODE))
    yield feature(
        "total(norepinephrine in the episode)", "mcg", Feature("total", Event("drug", "norepinephrine"), EPISODE)
    )
    yield feature("previous(lactate)", "mmol/L", Feature("previous", lactate))
    two_hours = Window("last", duration=Const(2 * HOUR))
    yield feature("change(lactate in the last 2 h)", "mmol/L", Feature("change", lactate, two_hours))
    yield feature("done(shock in the episode)", "", Feature("done", shock, EPISODE), "boolean")
    yield feature("done(shock since rhythm)", "", Feature("done", shock, Window("since", rhythm)), "boolean")
    yield feature("declined(line in the episode)", "", Feature("declined", Event("step", "line"), EPISODE), "boolean")
    after = Multiply(get("reassess_after"), Const(60))
    yield feature(
        "persists(low, reassess_after after vasopressin)",
        "",
        Feature("persists", condition=get("low"), duration=after, after=vasopressin),
        "boolean",
    )
    fast, slow = (
        Compare(">", get("heart_rate"), Const(130 * SCALE)),
        Compare("<", get("heart_rate"), Const(110 * SCALE)),
    )
    yield feature("latch(too_fast)", "", Feature("latch", condition=fast, clear=slow), "boolean")
    yield feature("decline_stands(line)", "", Feature("decline_stands", Event("step", "line")), "boolean")
    yield feature("decline_stands(vaso)", "", Feature("decline_stands", Event("step", "vaso")), "boolean")
    yield known(Slot("order.rate", "order", "number", "rate", "units/min"))


def _make() -> Program:
    slots = tuple(_slots())
    steps = (
        Step("shock", "do", "Shock", action=Action("perform")),
        Step("line", "do", "Line", action=Action("perform"), review=Review(Const(30 * MINUTE), ("map",))),
        Step(
            "vaso",
            "do",
            "Vasopressin",
            action=Action("infuse", "vasopressin", "rate"),
            review=Review(Const(15 * MINUTE), ("map", "lactate")),
        ),
    )
    made = make_program(slots, steps)
    return made._replace(
        units=UNITS, elements=ELEMENTS, drugs=DRUGS, parameters=PARAMETERS, weight=NAMES["weight"], enter=FALSE
    )


PROGRAM = _make()


def ago(text: str, now: datetime = NOW) -> datetime:
    """`20 min` before now; negative: after it."""
    number, unit = text.split()
    return now - timedelta(seconds=float(number) * {"s": 1, "min": 60, "h": 3600}[unit])


def entries(listed: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Entries in the words of a scenario (`ago: 20 min`, `started: vasopressin`) as chart JSON."""
    made = []
    for number, short in enumerate(listed):
        entry: dict[str, Any] = {"id": f"e{number}"}
        for key, value in short.items():
            if key == "ago":
                entry["at"] = ago(value).isoformat()
            elif key in ("started", "changed", "stopped", "given", "running"):
                entry |= {"kind": "therapy", "event": key, "drug": value}
            elif key in ("done", "declined"):
                entry |= {"kind": "step", "event": key, "step": value}
            elif key in ("opened", "closed"):
                entry |= {"kind": "protocol", "event": key, "protocol": value}
            elif key == "element":
                entry |= {"kind": short.get("kind", "observation"), "element": value}
            else:
                entry[key] = value
        made.append(entry)
    return made


def chart_of(data: Mapping[str, Any] | Sequence[Mapping[str, Any]], complete_from: str = "") -> dict[str, Any]:
    """A mapping as it is; a list of short entries as a chart."""
    if isinstance(data, Mapping):
        return dict(data)
    made: dict[str, Any] = {"schema": "1.0.0", "entries": entries(data)}
    if complete_from:
        made["complete_from"] = ago(complete_from).isoformat()
    return made
