"""What a new version of a protocol changes: in its words, for its worked patients, and for all patients.

`compare_versions` brings the three together and says which step up of the version number they demand. Without the
solver the third is left out, and the step demanded is the largest: what nobody decided counts as a change for somebody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kb.comparison import version
from kb.comparison.behaviour import LEVELS, MAJOR, MINOR, PATCH, Behaviour, behaviour, told_changes
from kb.comparison.pairing import Names
from kb.comparison.structure import Change, changes
from kb.comparison.trial import ScenarioChange, Trial, compare
from kb.interpreter import Guideline
from kb.prover.solver import SolverMissingError

SAME = Behaviour((), True, True, (), (), PATCH)
"""Of two Programs with one logic digest: no chart can tell them apart."""


class Identity(NamedTuple):
    """A version by its number and digests."""

    version: str
    logic_digest: str
    text_digest: str


class Reason(NamedTuple):
    """Why a step up is demanded. `fingerprint` stays the same as long as what is found does, wherever it stands."""

    level: str
    text: str
    fingerprint: str


class Comparison(NamedTuple):
    """Two versions of one protocol.

    `behaviour` is None where the solver is not installed. `demanded` and `made` are steps of the version number: major,
    minor, patch or none (`made` also down); `enough`: the step made is at least the one demanded. `lowest` is the
    lowest number that would do.
    """

    protocol: str
    title: str
    before: Identity
    after: Identity
    changes: tuple[Change, ...]
    behaviour: Behaviour | None
    scenarios: tuple[ScenarioChange, ...]
    reasons: tuple[Reason, ...]
    demanded: str
    made: str
    enough: bool
    lowest: str

    @property
    def empty(self) -> bool:
        """Whether the two are the same in all that is done and said."""
        return self.demanded == version.NONE


def compare_versions(before: Trial, after: Trial, renamed: Mapping[str, str] | None = None) -> Comparison:
    """How `after` differs from `before`. `renamed` takes older ids of steps to newer ones."""
    old, new = before.program, after.program
    names = Names(old, new, renamed)
    trial = compare(before, after)
    told: Behaviour | None
    if trial.same_logic:
        told = SAME
    else:
        try:
            told = behaviour(Guideline(old), Guideline(new), names)
        except SolverMissingError:
            told = None
    listed = () if trial.same_logic and trial.same_text else changes(names, trial.parts)
    reasons = tuple(dict.fromkeys(_reasons(listed, told, trial.same_logic, trial.same_text)))
    demanded = max((reason.level for reason in reasons), key=LEVELS.index, default=version.NONE)
    step = version.made(old.version, new.version)
    return Comparison(
        protocol=new.id,
        title=new.title,
        before=Identity(old.version, old.logic_digest, old.text_digest),
        after=Identity(new.version, new.logic_digest, new.text_digest),
        changes=listed,
        behaviour=told,
        scenarios=trial.scenarios,
        reasons=reasons,
        demanded=demanded,
        made=step,
        enough=version.suffices(step, demanded),
        lowest=old.version if demanded == version.NONE else version.at_least(old.version, demanded),
    )


def _reasons(listed: tuple[Change, ...], told: Behaviour | None, same_logic: bool, same_text: bool) -> Iterator[Reason]:
    if told is None:
        yield _reason(MAJOR, "nobody has worked out for whom advice differs: the solver is not installed")
    else:
        for region in told.regions:
            yield _reason(region.level, f"{told_changes(region.changes)} ({'; '.join(region.where)})")
        for difference in told.untold:
            yield _reason(told.level, f"{told_changes((difference,))}, in more patients than are told here")
        for text in told.undecided:
            yield _reason(MAJOR, f"undecided: {text}")
    for change in listed:
        yield _reason(change.level, f"{change.kind}, `{change.about}`: {change.text}")
    if not same_logic:
        yield _reason(MINOR, "what is decided changed: what is asked for, and in which order, may differ")
    elif not same_text:
        yield _reason(PATCH, "only words and evidence changed: both versions have one logic digest")


def _reason(level: str, text: str) -> Reason:
    return Reason(level, text, fingerprint(text))


def fingerprint(*parts: str) -> str:
    """Twelve hexadecimal digits that stay the same as long as `parts` do."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


__all__ = ["Comparison", "Identity", "Reason", "compare_versions", "fingerprint"]
