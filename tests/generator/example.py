"""A hand-made Program with every kind of step, for looking at what the renderers make of it."""

from __future__ import annotations

from typing import Any

from kb import program as ir

SCALE = ir.SCALE

ELEMENTS = (
    ir.Element("map", "Mean arterial pressure", "number", "mmHg", question="What is the mean arterial pressure?"),
    ir.Element("lactate", "Lactate", "number", "mmol/L"),
    ir.Element("urine_output", "Urine output", "number", "mL/h"),
    ir.Element("pulse", "Central pulse", "choice", options=("present", "absent", "doubtful")),
    ir.Element("capillary_refill", "Capillary refill time", "number", "s"),
    ir.Element("mental_status", "Mental status", "choice", options=("alert", "drowsy")),
)
DRUGS = tuple(
    ir.Drug(id, label)
    for id, label in (
        ("norepinephrine", "Norepinephrine"),
        ("vasopressin", "Vasopressin"),
        ("epinephrine", "Epinephrine"),
        ("dobutamine", "Dobutamine"),
        ("balanced-crystalloid", "Balanced crystalloid"),
    )
)
SLOTS = (
    ir.Slot("map", "element", "number", "map", "mmHg"),
    ir.Slot("pulse", "element", "choice", "pulse", options=("present", "absent", "doubtful")),
    ir.Slot(
        "hypotensive",
        "define",
        "boolean",
        "hypotensive",
        title="Pressure too low",
        expr=ir.Compare("<", ir.Get(0), ir.Const(65 * SCALE)),
    ),
    ir.Slot("reassess_after", "parameter", "number", "reassess_after", "min"),
)


def rate(low: str, text: str, unit: str) -> ir.Dose:
    return ir.Dose(ir.Const(int(float(low) * SCALE)), None, None, unit, text)


def infuse(drug: str, text: str, unit: str = "mcg/kg/min", **more: Any) -> ir.Action:
    return ir.Action("infuse", drug, dose=rate(text.split(" ", maxsplit=1)[0], text, unit), route="iv", **more)


REVIEW = ir.Review(ir.Get(3), ("map", "lactate", "urine_output"), "reassess_after")

# Each step once, with names in place of indexes; `build` numbers them.
STEPS: list[dict[str, Any]] = [
    {
        "id": "pulse",
        "kind": "decide",
        "title": "Is there a central pulse?",
        "cases": [
            ("pulse is absent or doubtful", "No definite pulse", ["arrest"]),
            ("", "", ["ventilation", "monitoring", "perfusion", "volume", "pressure", "causes"]),
        ],
        "interprets": ("A01",),
    },
    {
        "id": "arrest",
        "kind": "hand_over",
        "title": "Treat as cardiac arrest",
        "hand_over": "adult-cardiac-arrest@0",
        "priority": "stat",
    },
    {
        "id": "ventilation",
        "kind": "decide",
        "title": "Is breathing failing?",
        "cases": [
            ("any of: hypoxaemia_worsening, respiratory_effort_failing", "Any trigger", ["ventilate"]),
            ("", "", ["breathing-safe"]),
        ],
        "cites": ("S41",),
    },
    {
        "id": "ventilate",
        "kind": "do",
        "title": "Start mechanical ventilation without delay",
        "priority": "stat",
        "strength": "strong",
        "action": ir.Action("perform", subject=("Start mechanical ventilation",)),
        "cites": ("S41",),
        "interprets": ("A23",),
    },
    {"id": "breathing-safe", "kind": "end", "title": "Breathing holds: look again with every review"},
    {
        "id": "monitoring",
        "kind": "do",
        "title": "Place an arterial line",
        "priority": "stat",
        "strength": "strong",
        "action": ir.Action("perform", subject=("Place an arterial catheter",)),
        "with": ["access"],
        "cites": ("S09", "S10"),
        "interprets": ("A32",),
    },
    {
        "id": "access",
        "kind": "do",
        "title": "Check central venous access",
        "priority": "urgent",
        "strength": "strong",
        "action": ir.Action("perform", subject=("Check the line",)),
        "cites": ("S11",),
    },
    {
        "id": "perfusion",
        "kind": "do",
        "title": "Look at perfusion",
        "priority": "urgent",
        "strength": "strong",
        "action": ir.Action("measure", subject=("mental_status", "urine_output", "capillary_refill", "lactate")),
        "cites": ("S12", "S13"),
    },
    {
        "id": "volume",
        "kind": "decide",
        "title": "Has 30 mL/kg crystalloid been given?",
        "cases": [("crystalloid_given < 30 mL/kg", "", ["give-crystalloid"]), ("", "", ["volume-done"])],
        "cites": ("S03", "S05"),
    },
    {
        "id": "give-crystalloid",
        "kind": "do",
        "title": "Give balanced crystalloid, at least 30 mL/kg in all",
        "priority": "stat",
        "strength": "strong",
        "action": ir.Action(
            "give",
            "balanced-crystalloid",
            dose=rate("30", "30 mL/kg - crystalloid_given", "mL"),
            each_text="local bolus_size",
            route="iv",
        ),
        "avoid": (ir.Avoid(ir.FALSE, "pulmonary_oedema", "more fluid may harm", "causes"),),
        "review": ir.Review(ir.Const(900 * SCALE), ("map", "lactate", "urine_output"), "15 min"),
        "cites": ("S03", "S05", "S07", "S08"),
        "interprets": ("A07", "A08"),
    },
    {"id": "volume-done", "kind": "end", "title": "The first 30 mL/kg are in"},
    {
        "id": "pressure",
        "kind": "decide",
        "title": "What is the pressure?",
        "cases": [
            ("map is unobtainable", "No pressure can be recorded", ["vasopressin"]),
            ("hypotensive and norepinephrine >= 0.25 mcg/kg/min", "", ["vasopressin"]),
            ("hypotensive", "", ["raise-norepinephrine"]),
            ("", "", ["perfused"]),
        ],
        "cites": ("S02", "S15"),
        "interprets": ("A03", "A04"),
    },
    {
        "id": "vasopressin",
        "kind": "do",
        "title": "Start vasopressin as second agent",
        "priority": "stat",
        "strength": "strong",
        "action": infuse("vasopressin", "0.03 to 0.04 units/min", "units/min"),
        "review": REVIEW,
        "then": ["still-low"],
        "cites": ("S02", "S15", "S17"),
        "interprets": ("A03", "A05"),
    },
    {
        "id": "raise-norepinephrine",
        "kind": "do",
        "title": "Raise norepinephrine",
        "priority": "urgent",
        "decide_by": "senior clinician",
        "action": ir.Action("change", "norepinephrine", subject=("up",)),
        "cites": ("S28",),
    },
    {
        "id": "still-low",
        "kind": "decide",
        "title": "Still low on two agents?",
        "cases": [
            ("persists(hypotensive, reassess_after after vasopressin)", "", ["epinephrine"]),
            ("", "", ["perfused"]),
        ],
        "if_unknown": "perfused",
    },
    {
        "id": "epinephrine",
        "kind": "do",
        "title": "Consider epinephrine as third agent",
        "priority": "urgent",
        "strength": "conditional",
        "action": infuse("epinephrine", "0.1 to 0.5 mcg/kg/min"),
        "review": REVIEW,
        "with": ["support", "catheter"],
        "cites": ("S04", "S19", "S20"),
        "interprets": ("A09", "A10"),
    },
    {
        "id": "catheter",
        "kind": "do",
        "title": "Consider a pulmonary artery catheter",
        "strength": "conditional",
        "action": ir.Action("perform", subject=("Pulmonary artery catheter",)),
        "cites": ("S14", "S32"),
    },
    {
        "id": "perfused",
        "kind": "decide",
        "title": "Are the organs perfused?",
        "cases": [("hypoperfusion", "", ["dobutamine"]), ("", "", ["watch"])],
        "cites": ("S28", "S40"),
        "interprets": ("A35",),
    },
    {
        "id": "dobutamine",
        "kind": "decide",
        "title": "Add dobutamine and double it while perfusion stays poor",
        "cases": [
            ("excessive_tachycardia or arrhythmia or ischaemia", "", ["dobutamine.hold"]),
            ("dobutamine = 0 mcg/kg/min", "", ["dobutamine.start"]),
            ("dobutamine >= 20 mcg/kg/min", "", ["dobutamine.ceiling"]),
            ("since(dobutamine) < 15 min", "", ["dobutamine.wait"]),
            ("", "", ["dobutamine.raise"]),
        ],
    },
    {
        "id": "dobutamine.hold",
        "kind": "do",
        "title": "Hold dobutamine",
        "part_of": "dobutamine",
        "action": ir.Action("hold", "dobutamine"),
        "with": ["dobutamine-limit"],
    },
    {
        "id": "dobutamine.start",
        "kind": "do",
        "title": "Start dobutamine",
        "part_of": "dobutamine",
        "priority": "urgent",
        "strength": "conditional",
        "action": infuse("dobutamine", "2.5 mcg/kg/min", ladder=(250000000, 500000000, 1000000000, 2000000000)),
        "cites": ("S21", "S22", "S23", "S24"),
        "interprets": ("A11", "A12"),
    },
    {
        "id": "dobutamine.ceiling",
        "kind": "do",
        "title": "Ceiling",
        "part_of": "dobutamine",
        "action": ir.Action("ceiling", "dobutamine"),
        "with": ["support"],
    },
    {
        "id": "dobutamine.wait",
        "kind": "do",
        "title": "Wait",
        "part_of": "dobutamine",
        "action": ir.Action("wait", "dobutamine", each_text="15 min"),
    },
    {
        "id": "dobutamine.raise",
        "kind": "do",
        "title": "Double dobutamine",
        "part_of": "dobutamine",
        "action": infuse("dobutamine", "2 * dobutamine"),
    },
    {"id": "dobutamine-limit", "kind": "end", "title": "Stop raising dobutamine; a senior decides"},
    {
        "id": "support",
        "kind": "do",
        "title": "Mechanical support",
        "decide_by": "senior clinician",
        "action": ir.Action(
            "choose",
            options=(
                ir.Option("pump", "Balloon pump", ir.Action("perform", subject=("Balloon pump",)), ir.FALSE),
                ir.Option("vad", "Ventricular assist device", ir.Action("perform", subject=("Device",)), ir.FALSE),
            ),
        ),
        "strength": "conditional",
        "cites": ("S33", "S34"),
        "interprets": ("A24",),
    },
    {"id": "watch", "kind": "end", "title": "Target met; titrate on pressure and perfusion", "cites": ("S25", "S28")},
    {
        "id": "causes",
        "kind": "do",
        "title": "Look now for a cause that can be treated",
        "priority": "stat",
        "strength": "conditional",
        "action": ir.Action(
            "exclude",
            subject=("pulmonary_embolism", "cardiac_tamponade", "tension_pneumothorax", "severe_valve_disease"),
        ),
        "cites": ("S29", "S30", "S31"),
        "interprets": ("A25",),
    },
]


def build(steps: list[dict[str, Any]] | None = None, **changes: Any) -> ir.Program:
    """The example as a Program; `changes` replace fields of it."""
    table = STEPS if steps is None else steps
    number = {step["id"]: index for index, step in enumerate(table)}

    def indexes(ids: list[str]) -> tuple[int, ...]:
        return tuple(number[id] for id in ids)

    made = []
    for step in table:
        plain = {key: value for key, value in step.items() if key not in {"cases", "with", "then", "if_unknown"}}
        made.append(
            ir.Step(
                cases=tuple(
                    ir.Case(ir.Get(2) if text else ir.TRUE, indexes(go), text, title)
                    for text, title, go in step.get("cases", [])
                ),
                with_=indexes(step.get("with", [])),
                then=indexes(step.get("then", [])),
                status=ir.Const("due") if step["kind"] == "do" else ir.FALSE,
                if_unknown=number[step["if_unknown"]] if "if_unknown" in step else None,
                **plain,
            )
        )
    program = ir.Program(
        schema=ir.SCHEMA,
        id="refractory-hypotension",
        version="1.0.0",
        title="Refractory hypotension on norepinephrine",
        question="What next for a patient on norepinephrine whose blood pressure cannot be recorded?",
        purpose="educational",
        updated="2026-01-27",
        population="Adults",
        state="draft",
        withdrawn="",
        logic_digest="1f2e3d4c5b6a79880011",
        text_digest="a0b1c2d3e4f5061728",
        slots=SLOTS,
        steps=tuple(made),
        starts=(0,),
        applies=ir.TRUE,
        applies_text="age >= 18 years",
        enter=ir.TRUE,
        enter_text="norepinephrine > 0 mcg/kg/min and hypotensive",
        weight=None,
        rules=(
            ir.Rule(
                "vasopressin-above-ceiling",
                ("vasopressin",),
                ir.TRUE,
                "order.rate > 0.04 units/min",
                "Higher rates are kept for salvage therapy",
                cites=("S17",),
                interprets=("A05",),
            ),
        ),
        caps=(),
        goals=(ir.Goal("pressure", "Mean arterial pressure", ir.TRUE, "map >= map_target", ("S25",)),),
        alerts=(
            ir.AlertRule(
                "lactate-unreliable",
                "warning",
                ir.TRUE,
                "epinephrine > 0 mcg/kg/min",
                "Epinephrine raises lactate: it no longer tells perfusion",
                interprets=("A16",),
            ),
        ),
        elements=ELEMENTS,
        drugs=DRUGS,
        units=(),
        parameters=(
            ir.Parameter(
                "reassess_after",
                "How soon to look again after a change",
                "number",
                "min",
                low=SCALE,
                high=15 * SCALE,
                interprets=("A27",),
            ),
        ),
        interpretations=(
            ir.Interpretation(
                "A05",
                ("S15", "S17"),
                "0.03 to 0.04 is the dose; 0.04 is the ceiling",
                ("a range cannot be a ceiling",),
                "the safest reading that keeps both true",
                "critical-care pharmacist",
            ),
        ),
        statements=(
            ir.Statement("S02", "When no pressure can be recorded, add vasopressin at once.", "dose", ("R1", "R2")),
            ir.Statement("S17", "Keep vasopressin at or below its ceiling.", "contra", ("R1",)),
        ),
        not_encoded=(("S06", "a rationale, told with S05"),),
        references=(
            ir.Reference("R1", "A drip protocol", "guideline", "A publisher", "2026", "secondary"),
            ir.Reference("R2", "Vasopressors in critical care", "guideline", "A publisher", "2026"),
        ),
        source=ir.Source(
            "Refractory hypotension on norepinephrine", "A publisher", "2026-01-27", "Educational purpose only"
        ),
    )
    return program._replace(**changes)
