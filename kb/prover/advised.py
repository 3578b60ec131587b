"""What the advice on a row says, as slots that a property reads: kind `walk`, behind those of the Program."""

from __future__ import annotations

from kb import program as ir

NUMBERS = ("dose", "highest_dose", "option_dose", "highest_option_dose")


class Advised:
    """Grows the table of such slots as they are named; until `begin_after` says where they stand, none is made."""

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self._steps = {step.id: step for step in program.steps}
        self._parts: dict[str, list[str]] = {}
        for step in program.steps:
            if step.part_of:
                self._parts.setdefault(step.part_of, []).append(step.id)
        self._first: int | None = None
        self._index: dict[str, int] = {}
        self._slots: list[ir.Slot] = []

    @property
    def slots(self) -> tuple[ir.Slot, ...]:
        return tuple(self._slots)

    def begin_after(self, count: int) -> None:
        self._first = count

    def get(self, word: str, step: str, option: str = "") -> ir.Expr:
        """What the advice says of a step, or of an option of it.

        Two-valued: recommends, reached, not_reached, satisfied, withheld, absent, offers. Unknown where the step or
        option is not recommended: dose, highest_dose, option_dose, highest_option_dose, before a salt is made base.
        """
        if self._first is None:
            return ir.Const(0) if word in NUMBERS else ir.TRUE
        name = f"{word}({step}, {option})" if option else f"{word}({step})"
        place = self._index.get(name)
        if place is None:
            place = self._index[name] = len(self._slots)
            kind = "number" if word in NUMBERS else "boolean"
            self._slots.append(ir.Slot(name, "walk", kind, step, title=name, options=(option,) if option else ()))
        return ir.Get(self._first + place)

    # ------------------------------------------------------------ steps

    @property
    def actions(self) -> tuple[str, ...]:
        """The steps that can be recommended."""
        return tuple(step.id for step in self.program.steps if step.kind in ("do", "hand_over"))

    def parts(self, step: str) -> tuple[str, ...]:
        """The steps of the Program that a step of the file became."""
        return tuple(self._parts.get(step, (step,)))

    def dosed(self, step: str) -> tuple[str, ...]:
        """Those of its parts that have a dose."""
        return tuple(id for id in self.parts(step) if self.action(id).dose is not None)

    def action(self, step: str) -> ir.Action:
        action = self._steps[step].action
        assert action is not None, step
        return action
