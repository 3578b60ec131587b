"""What the symbolic walk says of one settled row, beside what the interpreter says of the same chart."""

from __future__ import annotations

from typing import Any

from kb.interpreter import Advice
from kb.prover.symbolic import Number, SymbolicWalk
from tests.engine import Loaded
from tests.rows import NOW


def differences(
    loaded: Loaded, chart: dict[str, Any], local: dict[str, Any] | None = None, now: Any = NOW
) -> list[str]:
    """Every step whose state, status or dose the two tell differently."""
    advice = loaded.guideline.advise(chart, now, local=local)
    walk = settled(loaded, advice)
    found = []

    def compare(what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            found.append(f"{what}: the formulas {ours}, the interpreter {theirs}")

    applies = walk.truth(loaded.program.applies)
    compare("applies", True if applies.true else False if applies.false else None, advice.applies)
    if advice.applies is not True:
        return found
    for index, step in enumerate(loaded.program.steps):
        compare(f"state of {step.id}", state_of(walk, index), advice.walk.state(index))
    actions = {item.step: item for item in advice.actions}
    for index, step in enumerate(loaded.program.steps):
        item = actions.get(step.id)
        compare(f"{step.id} recommended", walk.recommended(index), step.id in {i.step for i in advice.recommended})
        if step.kind != "do" or item is None:
            continue
        names = {code: name for name, code in walk.variables.options.items()}
        status = walk.final_status(index)
        compare(f"status of {step.id}", names[status.value] if status.known else "not known", item.status)
        if item.dose is not None:
            dose = walk.dose(index)
            told = None if item.dose.rounded is None else scaled(item.dose.rounded)
            compare(f"dose of {step.id}", dose.rounded if dose.known else None, told)
    return found


def settled(loaded: Loaded, advice: Advice) -> SymbolicWalk:
    row = [
        None if slot.kind == "order" else value
        for slot, value in zip(loaded.program.slots, advice.walk.row, strict=True)
    ]
    reading = advice.walk.reading
    return SymbolicWalk(loaded.program, row=row, taken=reading.assumed_slots, bounds=reading.lower_bounds)


def state_of(walk: SymbolicWalk, index: int) -> str:
    if walk.reached(index):
        return "reached"
    if walk.assumed(index):
        return "assumed"
    return "not known yet" if walk.may(index) else "not reached"


def scaled(text: str) -> int:
    from decimal import Decimal

    return int(Decimal(text) * 10**8)


def value_of(number: Number) -> int | None:
    return number.value if number.known else None
