"""What notices the faults of a protocol, as records, plain data and Markdown."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from kb.interpreter import Guideline
from kb.mutation.classes import CLASSES
from kb.mutation.judging import EQUIVALENT, KILLED, SURVIVED, UNDECIDED, Verdict

COLUMNS = ("scenario", "lint", "proof", EQUIVALENT, UNDECIDED, SURVIVED)
"""In the order in which a fault is looked at: noticed by whom, or what became of it."""


class Strength(NamedTuple):
    """The verdicts on the faults that were tried, of `possible` ones."""

    protocol: str
    version: str
    guideline: Guideline
    verdicts: tuple[Verdict, ...]
    possible: int

    @property
    def survived(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == SURVIVED)

    @property
    def undecided(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == UNDECIDED)

    @property
    def killed(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == KILLED)

    def counts(self) -> dict[str, Counter[str]]:
        """For each class with a fault that was tried, how many went into each of `COLUMNS`."""
        made: dict[str, Counter[str]] = {}
        for kind in CLASSES:
            of = [verdict for verdict in self.verdicts if verdict.mutant.kind == kind]
            if of:
                made[kind] = Counter(verdict.by or verdict.outcome for verdict in of)
        return made

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "protocol": self.protocol,
            "version": self.version,
            "tried": len(self.verdicts),
            "possible": self.possible,
            "classes": {kind: {name: count[name] for name in COLUMNS} for kind, count in self.counts().items()},
            "faults": [_plain(verdict) for verdict in self.verdicts],
        }

    def markdown(self) -> str:
        """A report to read and to keep."""
        lines = [f"# What notices a fault in {self.protocol} {self.version}", "", self.summary(), ""]
        lines += [f"| class | {' | '.join(COLUMNS)} |", f"| --- |{' ---: |' * len(COLUMNS)}"]
        for kind, count in self.counts().items():
            lines.append(f"| {kind} | {' | '.join(str(count[name]) for name in COLUMNS)} |")
        for title, verdicts in (("Patients to add", self.survived), ("Undecided", self.undecided)):
            if verdicts:
                lines += ["", f"## {title}", ""]
                for verdict in verdicts:
                    lines.append(f"- {place(verdict)} {verdict.mutant.owner}: {verdict.mutant.told}")
                    lines += [f"    - {line}" for line in why(verdict)]
        return "\n".join(lines) + "\n"

    def summary(self) -> str:
        """One line."""
        tried = f"{len(self.verdicts)} faults"
        if len(self.verdicts) < self.possible:
            tried = f"{len(self.verdicts)} of {self.possible} faults"
        same = sum(verdict.outcome == EQUIVALENT for verdict in self.verdicts)
        return (
            f"{tried}: {len(self.killed)} noticed, {same} change nobody's advice, "
            f"{len(self.undecided)} undecided, {len(self.survived)} unnoticed"
        )


def place(verdict: Verdict) -> str:
    """Where in the file the fault was made."""
    return f"{verdict.mutant.span.file}:{verdict.mutant.span.line}"


def why(verdict: Verdict) -> list[str]:
    """Lines under a fault: the patient who would have shown it, or why nobody can tell."""
    patient = verdict.patient
    if patient is None:
        return [verdict.what]
    order = ", ".join(patient.order.values())
    return [f"patient: {patient.told}" + (f"; ordered: {order}" if order else ""), *map(str, patient.differs[:4])]


def _plain(verdict: Verdict) -> dict[str, Any]:
    mutant, patient = verdict.mutant, verdict.patient
    return {
        "class": mutant.kind,
        "part": mutant.owner,
        "fault": mutant.told,
        "file": mutant.span.file,
        "line": mutant.span.line,
        "outcome": verdict.outcome,
        "by": verdict.by,
        "what": verdict.what,
        "patient": None
        if patient is None
        else {
            "chart": patient.chart,
            "local": patient.local,
            "now": patient.now,
            "order": patient.order,
            "differs": [item._asdict() for item in patient.differs],
        },
    }
