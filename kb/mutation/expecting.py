"""What a worked patient has to expect to notice a fault: what is done, and what the fault would change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kb.advice import Item
from kb.interpreter import Advice
from kb.scenarios import dose_said

_TRUTH = {True: True, False: False, None: "unknown"}
_MOST = 4  # states of steps: a fault early in the graph changes all that follows, and one of them tells it


def expectation(advice: Advice, names: Iterable[str]) -> dict[str, Any]:
    """Of advice, the parts with these names (see `kb.mutation.difference.told`), as a scenario expects them."""
    made: dict[str, Any] = {"recommended": [item.step for item in advice.recommended]}
    wanted = list(dict.fromkeys(names))
    states = [name.removeprefix("state of ") for name in wanted if name.startswith("state of ")]
    items = {item.step: item for item in advice.actions}
    for name in wanted:
        kind, _, of = name.partition(" of ")
        if name in ("applies", "entered"):
            made[name] = _TRUTH[getattr(advice, name)]
        elif name == "alerts":
            made["alerts"] = sorted({alert.id for alert in advice.alerts})
        elif name == "needs policy":
            made["needs_policy"] = [item.parameter for item in advice.needs_policy]
        elif name.startswith("goal "):
            of = name.removeprefix("goal ")
            made.setdefault("goals", {})[of] = next(goal.state for goal in advice.goals if goal.id == of)
        elif kind == "status" and of in items:
            made.setdefault("statuses", {})[of] = items[of].status
        elif kind == "status":
            states.append(of)
        elif kind == "dose":
            _dose(made, items, of)
        elif kind == "review" and of in items:
            step = next(step for step in advice.walk.program.steps if step.id == of)
            if step.review is not None:
                made.setdefault("reviews", {})[of] = step.review.text
        elif kind == "options" and of in items:
            offered = [option.id for option in items[of].options if option.eligible is not False]
            made.setdefault("options", {})[of] = offered
    told = {state.step: state.state for state in advice.trace}
    states = [step for step in dict.fromkeys(states) if step in told][:_MOST]
    if states:
        made["states"] = {step: told[step] for step in states}
    if list(made) == ["recommended"] and "asks" in wanted:
        made["asks"] = [ask.name for ask in advice.asks]
    return made


def _dose(made: dict[str, Any], items: dict[str, Item], name: str) -> None:
    step, _, option = name.partition(".")
    if step not in items:
        return
    item = items[step]
    dose = next((each.dose for each in item.options if each.id == option), None) if option else item.dose
    if dose is None:
        return
    made.setdefault("doses", {})[name] = dose_said(dose)
    if dose.each and not option:
        made.setdefault("each", {})[name] = dose.each
    if dose.over and not option:
        made.setdefault("over", {})[name] = dose.over
