"""The types of the definitions of a protocol: conditions, values with their cases and units, latches; and circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.expression.features import present, small
from kb.expression.scope import Definition, Scope
from kb.expression.text import to_text
from kb.expression.types import BOOLEAN, ERROR, IN_DEFINE, Type, agree, described, in_words, meet, unit_type
from kb.values import BadValue

if TYPE_CHECKING:
    from kb.expression.checker import Checker


def define_types(asking: Checker) -> tuple[Mapping[str, Type], tuple[Diagnostic, ...]]:
    """The type of every definition, and what is wrong with them; worked out once for a scope."""
    scope = asking.scope
    known: tuple[dict[str, Type], tuple[Diagnostic, ...]] | None = scope.memory.get("types")
    if known is not None:
        return known
    types: dict[str, Type] = {}
    diagnostics: list[Diagnostic] = []
    # What a definition sees while it is checked: the definitions before it.
    scope.memory["types"] = (types, ())
    order, circular = scope.order
    for id in circular:
        types[id] = ERROR
    if circular:
        first = scope.defines[circular[0]]
        circle = " → ".join(f"`{id}`" for id in (*circular, circular[0])) if len(circular) < 8 else f"`{circular[0]}`"
        diagnostics.append(
            found(
                "KB331",
                first.span,
                f"`{first.id}` is defined by itself: {circle}",
                "let one of them speak of data instead",
            )
        )
    for id in order:
        if id not in types:
            checker = asking.another(IN_DEFINE)
            types[id] = _define_type(checker, scope.defines[id])
            diagnostics += checker.found
    scope.memory["types"] = (types, tuple(diagnostics))
    return types, tuple(diagnostics)


def _define_type(checker: Checker, made: Definition) -> Type:
    if made.latch is not None:
        for part in made.latch:
            checker.boolean(part)
            present(checker, part, f"the latch `{made.id}`")
        return BOOLEAN
    if made.condition is not None:
        checker.boolean(made.condition)
        if made.id in checker.scope.computed:
            small(checker, made.condition, f"`{made.id}`")
        return BOOLEAN
    if made.value is not None:
        result = _case_type(checker, made, made.value)
        if result.kind == "boolean" and not made.cases:
            checker.report("KB339", made.value.span, f"`{made.id}` is a condition", "write it under `condition:`")
            return BOOLEAN
        values: tuple[tree.Expr | tree.Range, ...] = (made.value,)
    else:
        for when, _ in made.cases:
            if when is not None:
                checker.boolean(when)
        values = tuple(value for _, value in made.cases)
        result = _joined(checker, made, [_case_type(checker, made, value) for value in values], values)
    if made.id in checker.scope.computed:
        for part in made.parts:
            small(checker, part, f"`{made.id}`")
    return _with_unit(checker, made, result, values)


def _case_type(checker: Checker, made: Definition, value: tree.Expr | tree.Range) -> Type:
    if isinstance(value, tree.Range):
        return checker.report("KB336", value.span, f"`{made.id}` is one value, not a range", "give one value")
    if is_option(checker.scope, made, value):
        assert isinstance(value, tree.Name)
        if made.options and value.id not in made.options:
            checker.bad_option(value, made.id, Type("choice", options=made.options))
            return ERROR
        return Type("choice", options=made.options or (value.id,))
    return checker.type_of(value)


def is_option(scope: Scope, made: Definition, value: tree.Expr | tree.Range) -> bool:
    """Whether a case of a definition gives an option of a choice, not the value of something."""
    if not isinstance(value, tree.Name) or value.id.startswith("order.") or value.id == "now":
        return False
    if made.options:
        return value.id in made.options or not scope.kind_of(value.id)
    others = [other for _, other in made.cases if isinstance(other, tree.Name)]
    return not scope.kind_of(value.id) and len(made.cases) > 1 and len(others) == len(made.cases)


def _joined(checker: Checker, made: Definition, types: list[Type], values: Sequence[tree.Expr | tree.Range]) -> Type:
    result = types[0] if types else ERROR
    for value, other in zip(values[1:], types[1:], strict=True):
        if "error" in (result.kind, other.kind):
            result = (
                ERROR
                if result.kind == "error" and other.kind == "error"
                else result
                if result.kind != "error"
                else other
            )
        elif result.kind != other.kind:
            return checker.report(
                "KB339",
                value.span,
                f"`{to_text(value)}` is {in_words(other)}, and the cases before it are {in_words(result)}",
                "let all cases give the same kind of value",
            )
        elif result.kind == "choice":
            result = Type("choice", options=tuple(dict.fromkeys((*result.options, *other.options))))
        elif result.number:
            problem = meet(result, other)
            if isinstance(problem, str):
                code = problem if problem in ("KB315", "KB323", "KB324") else "KB339"
                return checker.report(
                    code,
                    value.span,
                    f"`{to_text(value)}` is {described(other)}, and the cases before it are {described(result)}",
                    "let all cases have one unit",
                )
            result = agree(result, other)
    return result


def _with_unit(checker: Checker, made: Definition, result: Type, values: Sequence[tree.Expr | tree.Range]) -> Type:
    if not made.unit:
        return replace(result, literal=False)
    try:
        wanted = unit_type(checker.scope, made.unit, basis="")
    except BadValue as bad:
        return checker.report(bad.code, made.span, bad.message, bad.help)
    if result.kind == "error":
        return result
    if not result.number:
        return checker.report(
            "KB332", made.span, f"`{made.id}` has the unit `{made.unit}` and is {in_words(result)}", "remove `unit:`"
        )
    problem = meet(wanted, replace(result, literal=True))
    if isinstance(problem, str):
        at = values[0]
        if problem == "KB315":
            return checker.report(
                "KB315",
                at.span,
                f"`{to_text(at)}` has no unit, and `{made.id}` is in `{made.unit}`",
                f"write `{to_text(at)} {made.unit}`",
            )
        return checker.report(
            "KB332",
            at.span,
            f"`{made.id}` is to be in `{made.unit}`, and its value is {described(result)}",
            "correct the unit or the value",
        )
    unit = "" if made.unit == "1" else made.unit
    return (
        replace(result, unit=unit, literal=False, molar_mass=None, valence=0)
        if unit or not result.dimension
        else result
    )
