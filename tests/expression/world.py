"""A small library and protocol for the tables of this folder, and what an expression means in it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from kb import model, program
from kb.diagnostics import Diagnostic, Span
from kb.evaluate import evaluate
from kb.expression import tree
from kb.expression.checks import check_condition, check_defines, check_value
from kb.expression.guards import check_define_guards, check_guards
from kb.expression.lower import Lowering
from kb.expression.parameters import check_parameters
from kb.expression.parser import parse_amount, parse_expression
from kb.expression.scope import Scope
from kb.expression.types import Context
from kb.values import format_scaled, parse_quantity

HERE = Span("protocol.yaml", 1, 1, 1, 1)
UNITS = Path(__file__).parents[2] / "protocols" / "library" / "units.yaml"


@cache
def read_units() -> dict[str, model.UnitDef]:
    entries: dict[str, Any] = yaml.safe_load(UNITS.read_text(encoding="utf-8"))["units"]
    return {
        name: model.UnitDef(
            name, one["ucum"], str(one["factor"]), tuple(sorted(one["of"].items())), HERE, str(one.get("offset", "0"))
        )
        for name, one in entries.items()
    }


def element(id: str, unit: str = "", **more: Any) -> model.ElementDef:
    kind = more.pop("type", "quantity" if unit else "boolean")
    return model.ElementDef(id=id, label=id, type=kind, span=HERE, unit=unit, permanent=True, **more)


def drug(id: str, rate: str = "", amount: str = "", *classes: str, **more: Any) -> model.DrugDef:
    return model.DrugDef(id=id, label=id, span=HERE, rate_unit=rate, amount_unit=amount, classes=classes, **more)


ELEMENTS = [
    element("map", "mmHg", can_be_unobtainable=True),
    element("systolic", "mmHg"),
    element("heart_rate", "/min"),
    element("lactate", "mmol/L"),
    element("glucose", "mmol/L", molar_mass="180.16 g/mol"),
    element("potassium", "mmol/L", valence=1),
    element("calcium", "mmol/L", valence=2, molar_mass="40.08 g/mol"),
    element("temperature", "Cel"),
    element("spo2", "%"),
    element("age", "years"),
    element("height", "cm"),
    element("urine_output", "mL/kg/h"),
    element("weight", "kg", basis="actual"),
    element("ideal_body_weight", "kg", basis="ideal"),
    element("score", "1", type="number"),
    element("anti_xa", "units/L"),
    element("a"),
    element("b"),
    element("chronic_hypertension"),
    element("pulse", type="choice", options=("present", "absent", "doubtful"), can_be_unobtainable=True),
    element("mental_status", type="choice", options=("alert", "drowsy", "unresponsive")),
    element("admission_time", type="date-time"),
    element("surgery_time", type="date-time"),
    element("story", type="text"),
]
DRUGS = [
    drug("norepinephrine", "mcg/kg/min", "mcg", "vasopressor", synonyms=("noradrenaline", "levarterenol"),
         salts=(("base", Decimal(1)), ("tartrate", Decimal("0.5"))), routes=("iv",)),
    drug("epinephrine", "mcg/kg/min", "mg", "vasopressor", synonyms=("adrenaline",), routes=("im", "iv")),
    drug("vasopressin", "units/min", "units", "vasopressor", routes=("iv",)),
    drug("insulin", "units/h", "units", routes=("iv", "sc")),
    drug("ringer", "mL/h", "mL", "crystalloid"),
    drug("saline", "mL/h", "mL", "crystalloid"),
    drug("aspirin", "", "mg"),
]  # fmt: skip
STEPS = ["shock", "arterial-line", "vasopressin"]


def make_define(id: str, raw: dict[str, Any]) -> model.Define:
    def amount(text: str) -> model.Amount:
        value = parse_amount(text, HERE)
        assert not isinstance(value, Diagnostic), (text, value)
        return model.Amount(value, text, HERE)

    def condition(text: str) -> model.Condition:
        value = parse_expression(text, HERE)
        assert not isinstance(value, Diagnostic), (text, value)
        return model.Condition(value, text, HERE)

    return model.Define(
        id=id,
        span=HERE,
        unit=raw.get("unit", ""),
        condition=condition(raw["condition"]) if "condition" in raw else None,
        value=amount(raw["value"]) if "value" in raw else None,
        cases=tuple(
            model.ValueCase(condition(case["when"]) if "when" in case else None, amount(str(case["value"])), HERE)
            for case in raw.get("cases", ())
        ),
        latch_set=condition(raw["set"]) if "set" in raw else None,
        latch_clear=condition(raw["clear"]) if "clear" in raw else None,
    )


def make_parameter(id: str, raw: dict[str, Any]) -> model.ParameterDef:
    def amount(text: Any) -> model.Amount:
        value = parse_amount(str(text), HERE)
        assert not isinstance(value, Diagnostic), (text, value)
        return model.Amount(value, str(text), HERE)

    default = raw.get("default")
    return model.ParameterDef(
        id=id,
        title=model.Text(id, HERE),
        span=HERE,
        unit=raw.get("unit", ""),
        options=tuple(raw.get("options", ())),
        range=amount(raw["range"]) if "range" in raw else None,
        default=None if default is None else model.Ref(default, HERE) if raw.get("options") else amount(default),
    )


def make_scope(
    defines: dict[str, Any] | None = None, parameters: dict[str, Any] | None = None, weight: str = "actual"
) -> Scope:
    settings = {"reassess_after": {"unit": "min"}, "timing": {"options": ["us", "uk"]}, **(parameters or {})}
    protocol = model.Protocol(
        id="test",
        version="1.0.0",
        title=model.Text("Test", HERE),
        question=model.Text("Test?", HERE),
        purpose="educational",
        updated="2026-01-27",
        span=HERE,
        start=(),
        steps={id: model.End(id, HERE, model.Text(id, HERE)) for id in STEPS},
        weight=model.Text(weight, HERE) if weight else None,
        parameters={id: make_parameter(id, raw) for id, raw in settings.items()},
        defines={id: make_define(id, raw) for id, raw in (defines or {}).items()},
    )
    library = model.Library(
        units=read_units(),
        elements={one.id: one for one in ELEMENTS},
        drugs={one.id: one for one in DRUGS},
        classes={"vasopressor": ("Vasopressors",), "crystalloid": ("Crystalloids",), "empty": ("None",)},
    )
    return Scope.of(protocol, library)


def check(scope: Scope, text: str, order: tuple[str, ...] | None = None, this_step: bool = False) -> list[Diagnostic]:
    """Everything that is said against a condition, as a linter would say it."""
    made = parse_expression(text, HERE)
    if isinstance(made, Diagnostic):
        return [made]
    found = [*check_parameters(scope), *check_defines(scope), *check_define_guards(scope)]
    context = Context(order=order, this_step=this_step)
    return [*found, *check_condition(scope, made, context), *check_guards(scope, [made])]


def scaled(slot: program.Slot, value: Any, scope: Scope) -> program.Value:
    if value is None or isinstance(value, bool):
        return value
    if slot.type == "choice":
        return str(value)
    number, unit = parse_quantity(str(value))
    if slot.type == "date-time":
        return scope.units.to_scaled(number, unit, "s")
    target = scope.elements.get(slot.of)
    mass = None if target is None or not target.molar_mass else Fraction(target.molar_mass.split()[0])
    return scope.units.to_scaled(number, unit or slot.unit, slot.unit, mass, target.valence if target else 0)


def fill(lowering: Lowering, inputs: dict[str, Any]) -> list[program.Value]:
    """The row of these inputs; definitions and computed slots are worked out in their order."""
    slots = lowering.slots
    unknown = set(inputs) - {slot.name for slot in slots}
    assert not unknown, f"no slot reads {unknown}; there are {[slot.name for slot in slots]}"
    row: list[program.Value] = []
    for slot in slots:
        if slot.expr is not None:
            row.append(evaluate(slot.expr, row))
        else:
            row.append(scaled(slot, inputs.get(slot.name), lowering.scope))
    return row


def answer(scope: Scope, text: str, inputs: dict[str, Any], order: tuple[str, ...] | None = None) -> Any:
    """The value of an expression: true, false, None, an option, or a number as text in its unit."""
    made = parse_expression(text, HERE)
    assert not isinstance(made, Diagnostic), made
    lowering = Lowering(scope)
    kind, _ = check_value(scope, made, Context(order=order, this_step=True, in_define=True))
    if kind.kind == "number":
        expr = lowering.amount(made, kind.unit or "1")
    elif order is None:
        expr = lowering.condition(made)
    else:
        expr = lowering.order_condition(made, order)
    value = evaluate(expr, fill(lowering, inputs))
    if isinstance(value, int) and not isinstance(value, bool):
        return format_scaled(value, kind.unit)
    return value


__all__ = ["HERE", "answer", "check", "fill", "make_scope", "tree"]
