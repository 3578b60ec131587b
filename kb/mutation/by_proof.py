"""What is proved of a protocol as it stands, held against the protocol with a fault in it."""

from __future__ import annotations

from kb.mutation.sites import Written
from kb.program import Program
from kb.prover.verdict import PROVED, REFUTED, VACUOUS, one_by_one


class Proofs:
    """The properties of one protocol, those of the safety pack and those over time, that are proved of it."""

    def __init__(self, written: Written, program: Program) -> None:
        verdicts = one_by_one(*written, program)
        self._proved = frozenset(verdict.property.id for verdict in verdicts if verdict.outcome == PROVED)

    def broken_by(self, made: Written, program: Program) -> str:
        """What is no longer so of `made`, which compiles to `program`: the first that is refuted, or that is now about
        nobody. Empty where there is none; what is undecided breaks nothing.
        """
        for verdict in one_by_one(*made, program):
            name = verdict.property.id
            if name not in self._proved:
                continue
            if verdict.outcome == REFUTED:
                whom = f" for {verdict.patient.told()}" if verdict.patient is not None else ""
                return f"`{name}` does not hold{whom}"
            if verdict.outcome == VACUOUS:
                return f"`{name}` is about nobody"
        return ""
