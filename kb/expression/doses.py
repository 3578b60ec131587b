"""What is wrong with a dose: whether it fits the unit of its drug, as it stands or times the body weight."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kb.diagnostics import Diagnostic
from kb.expression import tree
from kb.expression.scope import ends_of
from kb.expression.text import to_text
from kb.expression.types import Type, bare_base, described, dimension_of, drug_type, literal_value, loose, meet

if TYPE_CHECKING:
    from kb.expression.checker import Checker


def dose_problems(
    asking: Checker, value: tree.Expr | tree.Range, drug: str, of: str, weight: str | None = None
) -> list[Diagnostic]:
    """What is wrong with a dose. `of`: rate or amount; `weight`: the basis the dose names, if it does.

    A dose is written in the drug's own unit, or in that unit per kg, which is then multiplied by the weight. The rate
    of a drug measured in arbitrary units is taken exactly as its library unit says: `units/min` is never per kg.
    """
    checker = asking.another()
    scope = checker.scope
    if drug not in scope.drugs:
        return []
    target = drug_type(scope, drug, of, weight)
    unit = scope.drugs[drug].rate_unit if of == "rate" else scope.drugs[drug].amount_unit
    if target is None:
        how = "an infusion" if of == "rate" else "single amounts"
        checker.report(
            "KB337",
            value.span,
            f"`{drug}` is not given as {how} in the drug library",
            f"use {'`give`' if of == 'rate' else '`infuse`'}, or add `{of}:` to `{drug}`",
        )
        return checker.found
    for end in ends_of(value):
        made = checker.numeric(end)
        if not made.number or not target.number:
            continue
        problem = meet(target, made)
        if not isinstance(problem, str):
            continue
        per_weight = by_weight(target, made, weight or scope.basis)
        if per_weight and not (of == "rate" and any(bare_base(base) == "arbitrary" for base, _ in target.dimension)):
            if not (weight or scope.basis):  # one that is named and that nobody knows is told as that (KB411)
                checker.report(
                    "KB337",
                    end.span,
                    f"`{to_text(end)}` is per kg, and no weight is named",
                    "write `weight: actual` (or `ideal`) in the protocol or in this dose",
                    "actual and ideal weight can differ twofold",
                )
            continue
        text = to_text(end)
        if problem == "KB315":
            checker.report(
                "KB315", end.span, f"`{text}` has no unit, and `{drug}` is given in `{unit}`", f"write `{text} {unit}`"
            )
            continue
        why = None
        one, other = (loose(dict(made.dimension)), loose(dict(target.dimension)))
        if {base for base, _ in set(one) ^ set(other)} == {"body_mass"}:
            why = "per kg and not per kg differ by the patient's weight, some seventy-fold"
        code = problem if problem in ("KB323", "KB324") else "KB337"
        checker.report(
            code,
            end.span,
            f"`{text}` is {described(made)}, and the {of} of `{drug}` is {described(target)}",
            f"write it in `{unit}`",
            why,
        )
    if isinstance(value, tree.Range):
        checker.ascending(value.span, value.low, value.high)
    for end in ends_of(value):
        number = literal_value(scope, end)
        if number is not None and number < 0:
            checker.report("KB337", end.span, f"`{to_text(end)}` is less than nothing")
    return checker.found


def by_weight(target: Type, made: Type, basis: str = "") -> bool:
    """Whether `made` is `target` per kg of body weight."""
    weighed = dict(made.dimension)
    own = next((base for base in weighed if bare_base(base) == "body_mass"), "")
    if weighed.get(own) != -1 or (own not in ("body_mass", f"body_mass[{basis}]") and basis):
        return False
    del weighed[own]
    return not isinstance(meet(target, replace(made, dimension=dimension_of(weighed))), str)
