"""What a property asks of the advice, under `prove:` alone: `recommends(step)`, `dose(step)` and their like."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from kb.expression import tree
from kb.expression.doses import dose_problems
from kb.expression.scope import StepShape
from kb.expression.text import to_text
from kb.expression.types import BOOLEAN, ERROR, Type, drug_type

if TYPE_CHECKING:
    from kb.expression.checker import Checker


def advice_type(checker: Checker, expr: tree.OfAdvice) -> Type:
    text, function = to_text(expr), expr.function
    if not checker.context.proving:
        return checker.report(
            "KB800",
            expr.span,
            f"`{text}` stands outside `prove:`",
            "only a property speaks of the advice; elsewhere write what is known of the patient",
            "advice that depended on advice would have no beginning",
        )
    if expr.step is None:
        return BOOLEAN
    step = checker.scope.steps.get(expr.step.id)
    if step is None:
        close = get_close_matches(expr.step.id, checker.scope.steps, 1, 0.6)
        help = f"did you mean `{close[0]}`?" if close else "name a step under `steps:`"
        return checker.report("KB801", expr.step.span, f"there is no step `{expr.step.id}`", help)
    if function in ("dose", "lowest_dose", "highest_dose"):
        return _dose_type(checker, expr, step)
    if (step.kind == "decide" and function != "reached") or step.kind == "end":
        what = "a question" if step.kind == "decide" else "an outcome"
        if function != "reached":
            return checker.report(
                "KB801",
                expr.span,
                f"`{expr.step.id}` is {what}, which is reached or not; `{function}` is asked of an action",
                f"write `reached({expr.step.id})`, or name the action it leads to",
            )
    if step.kind == "hand_over" and function in ("satisfied", "withheld"):
        return checker.report(
            "KB801",
            expr.span,
            f"`{expr.step.id}` hands over, which is never `{function}`",
            f"write `recommends({expr.step.id})`",
        )
    return BOOLEAN


def _dose_type(checker: Checker, expr: tree.OfAdvice, step: StepShape) -> Type:
    assert expr.step is not None
    id = expr.step.id
    if not step.drug or step.drug not in checker.scope.drugs:
        if step.drug:
            return ERROR  # reported where drugs are
        return checker.report(
            "KB802",
            expr.span,
            f"`{id}` recommends no dose of its own",
            "name a step that gives, infuses, changes or titrates one drug",
        )
    if step.ranged == (expr.function == "dose") and _faulty_dose(checker, step):
        return ERROR  # reported at the step: what it is mended to decides whether it is a range
    if step.ranged and expr.function == "dose":
        return checker.report(
            "KB802",
            expr.span,
            f"the dose of `{id}` is a range",
            f"write `highest_dose({id})` where it must not be more, `lowest_dose({id})` where it must not be less",
            "a limit that only the lower end keeps is no limit",
        )
    if not step.ranged and expr.function != "dose":
        return checker.report("KB802", expr.span, f"the dose of `{id}` is no range", f"write `dose({id})`")
    return drug_type(checker.scope, step.drug, step.of) or ERROR


def _faulty_dose(checker: Checker, step: StepShape) -> bool:
    return step.dose is not None and bool(dose_problems(checker, step.dose, step.drug, step.of, step.weight))
