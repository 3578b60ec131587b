"""What a name in an expression stands for, its type, and what is said of a name nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from kb.expression import tree
from kb.expression.scope import ORDER_ATTRIBUTES
from kb.expression.types import BOOLEAN, DATE_TIME, ERROR, Type, dimension_of, drug_type, element_type, group_type
from kb.values import BadValue

if TYPE_CHECKING:
    from kb.expression.checker import Checker


def name_type(checker: Checker, expr: tree.Name) -> Type:
    name, scope = expr.id, checker.scope
    if name == "now":
        return DATE_TIME
    if name.startswith("order."):
        return _order(checker, expr)
    kind = scope.kind_of(name)
    if kind == "parameter":
        return _parameter(checker, name)
    if kind == "define":
        return checker.definitions.get(name, ERROR)
    if kind == "element":
        return element_type(scope, scope.elements[name])
    if kind == "drug":
        made = drug_type(scope, name, "rate")
        if made is None:
            return checker.report(
                "KB312",
                expr.span,
                f"`{name}` has no running rate: the library does not give it as an infusion",
                f"write `total({name} in the episode)` or `count({name} in the episode)`",
            )
        return made
    if kind == "class":
        return checker.report(
            "KB312",
            expr.span,
            f"`{name}` is a class of drugs and has no value",
            f"name a drug, or write `total({name} in the episode)`",
        )
    if kind == "step":
        return checker.report(
            "KB312", expr.span, f"`{name}` is a step and has no value", f"write `done({name} in the episode)`"
        )
    return unknown(checker, expr, (*scope.parameters, *scope.defines, *scope.elements, *scope.drugs), "name")


def unknown(checker: Checker, name: tree.Name, candidates: Iterable[str], what: str) -> Type:
    """Report a name nobody knows, with the name that was probably meant."""
    id, scope = name.id, checker.scope
    right = scope.synonyms.get(id.replace("_", "-"))
    if right is not None:
        return checker.report(
            "KB311",
            name.span,
            f"`{id}` is called `{right}` in the drug library",
            f"write `{right}`",
            "one drug under two names can be given twice",
        )
    if id in scope.units:
        help = f"a unit follows its number after one space: `130 /{id}`, `5 {id}`"
        return checker.report("KB304", name.span, f"`{id}` is a unit and has no value of its own", help)
    parts = id.split("-")
    for cut in range(1, len(parts)):
        left, after = "-".join(parts[:cut]), "-".join(parts[cut:])
        if scope.kind_of(left) and (scope.kind_of(after) or after.isdigit()):
            return checker.report(
                "KB304",
                name.span,
                f"unknown {what} `{id}`",
                f"for a subtraction write spaces around the minus: `{left} - {after}`",
            )
    if id in ("else", "otherwise", "default"):
        help = "the last case, for whoever no other case holds, has no `when:`: write `- else: STEP`"
        return checker.report("KB310", name.span, f"`{id}` is no condition", help)
    close = get_close_matches(id, [*candidates, *scope.shared], 1, 0.7)
    swapped = id.replace("_", "-") if "_" in id else id.replace("-", "_")
    if swapped != id and scope.kind_of(swapped):
        close = [swapped]
    help = f"did you mean `{close[0]}`?" if close else "define it in this file, or add it to the library"
    if checker.context.order is not None and id in ORDER_ATTRIBUTES:
        help = f"write `order.{id}`"
    return checker.report("KB310", name.span, f"unknown {what} `{id}`", help)


def _order(checker: Checker, expr: tree.Name) -> Type:
    attribute = expr.id.removeprefix("order.")
    drugs = checker.context.order
    if attribute not in ORDER_ATTRIBUTES:
        close = get_close_matches(attribute, ORDER_ATTRIBUTES, 1, 0.5)
        help = (
            f"did you mean `order.{close[0]}`?"
            if close
            else "an order has " + ", ".join(f"`order.{name}`" for name in ORDER_ATTRIBUTES)
        )
        return checker.report("KB310", expr.span, f"an order has no `{attribute}`", help)
    if drugs is None:
        return checker.report(
            "KB329",
            expr.span,
            f"`{expr.id}` stands outside a `never` rule",
            "only a rule about orders sees an order; elsewhere name the drug",
        )
    if attribute in ("rate", "amount"):
        made = group_type(checker.scope, drugs, attribute)
        if made is None:
            return checker.report(
                "KB314",
                expr.span,
                f"the drugs of this rule have no common unit for `{expr.id}`",
                "write one rule for each drug",
            )
        return made
    if attribute == "route":
        routes = {route for id in drugs for route in checker.scope.drugs[id].routes}
        return Type("choice", options=tuple(sorted(routes)), open=not routes)
    if attribute == "salt":
        salts = {salt for id in drugs for salt, _ in checker.scope.drugs[id].salts}
        return Type("choice", options=tuple(sorted(salts)))
    if attribute == "weight":
        bases = {element.basis for element in checker.scope.elements.values() if element.basis}
        return Type("choice", options=tuple(sorted(bases)))
    return Type("choice", open=True)


def _parameter(checker: Checker, name: str) -> Type:
    parameter = checker.scope.parameters[name]
    if parameter.options:
        return Type("choice", options=tuple(parameter.options))
    if parameter.type == "boolean":
        return BOOLEAN
    try:
        measure = checker.scope.units.parse(parameter.unit)
    except BadValue:
        return ERROR
    return Type("number", dimension_of(measure.dimension), "" if parameter.unit == "1" else parameter.unit)
