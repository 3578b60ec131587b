"""What notices one fault: a worked patient, the check, a proof; or nobody, and then for whom it matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from kb import model
from kb.compiler import compile_unchecked
from kb.diagnostics import Span
from kb.interpreter import Guideline
from kb.mutation.ages import Ages, change_of_age, read_by
from kb.mutation.by_check import Check
from kb.mutation.by_proof import Proofs
from kb.mutation.by_scenario import Scenarios, with_names_of
from kb.mutation.classes import CLASSES
from kb.mutation.difference import Compared, Pairs, Told
from kb.mutation.sites import LIBRARY, Site, Written, changed, sites, span_of
from kb.program import Program
from kb.scenarios import Scenario

KILLED, EQUIVALENT, UNDECIDED, SURVIVED = "killed", "equivalent", "undecided", "survived"


class Mutant(NamedTuple):
    """One fault: its class, the part of the protocol it is in, what it is in words, and its place."""

    number: int
    kind: str
    owner: str
    told: str
    span: Span


class Found(NamedTuple):
    """A patient whom the fault gives other advice and whom no scenario shows; `order` where it is an order."""

    chart: dict[str, Any]
    local: dict[str, Any]
    now: str
    order: dict[str, str]
    differs: tuple[Told, ...]
    told: str


class Verdict(NamedTuple):
    """What came of one fault. `by` is scenario, lint or proof where it was killed, with `what` noticed it;
    `what` of an undecided one is the reason.
    """

    mutant: Mutant
    outcome: str
    by: str = ""
    what: str = ""
    patient: Found | None = None


class _Outcome(NamedTuple):
    """A verdict on whatever compiles to the same."""

    outcome: str
    by: str = ""
    what: str = ""
    patient: Found | None = None


class Bench:
    """One protocol with its worked patients, ready for any number of faults."""

    def __init__(self, protocol: model.Protocol, library: model.Library, scenarios: Sequence[Scenario]) -> None:
        self.written = Written(protocol, library)
        self.program = compile_unchecked(protocol, library)
        self.guideline = Guideline(self.program)
        read = read_by(self.program)
        self._places = [
            (site, change, kind)
            for site in sites(self.written)
            if site.part != LIBRARY or site.path[1:] in read
            for kind, change in _faults(site, protocol)
        ]
        self.mutants = tuple(
            Mutant(number, kind, site.owner, change.told, span_of(site, change))
            for number, (site, change, kind) in enumerate(self._places)
        )
        self.worked = Scenarios(self.guideline, scenarios)
        self._check = Check(self.written, self.program)
        self._pairs: Pairs | None = None
        self._proofs: Proofs | None = None
        self._ages: Ages | None = None
        self._known: dict[str, _Outcome] = {}

    # ------------------------------------------------------------ one fault

    def judge(self, number: int) -> Verdict:
        """What notices fault `number`, the cheapest witness first."""
        site, change, kind = self._places[number]
        mutant = self.mutants[number]
        made = changed(self.written, site, change.to)
        if kind == "citations":
            return Verdict(mutant, *self._of_citation(made))
        program = self._check.compiled(made)
        if isinstance(program, str):
            return Verdict(mutant, KILLED, "lint", program)
        if program.logic_digest == self.program.logic_digest:
            return Verdict(mutant, EQUIVALENT, what="the compiled protocol is the same")
        if program.logic_digest not in self._known:
            self._known[program.logic_digest] = self._of_logic(made, program, site)
        return Verdict(mutant, *self._known[program.logic_digest])

    def in_few(self, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
        """The verdicts, with as few patients as suffice for what went unnoticed, each as rich as that takes."""
        found = self._aged_in_few(list(verdicts))
        places = [place for place, each in enumerate(found) if _of_one_moment(each.patient)]
        if len(places) < 2:
            return tuple(found)
        made = [self._made(verdicts[place].mutant.number) for place in places]
        for who, shown in self._held_against().few(made):
            for number, differs in shown.items():
                seen = Found(who.chart, who.local, who.now.isoformat(), {}, differs, who.told())
                found[places[number]] = found[places[number]]._replace(patient=seen)
        return tuple(found)

    def _aged_in_few(self, verdicts: list[Verdict]) -> list[Verdict]:
        """The verdicts, with as few patients over time as suffice."""
        wanted = {}
        for place, each in enumerate(verdicts):
            if each.patient is not None and "entries" in each.patient.chart:
                made = self._made(each.mutant.number)
                change = change_of_age(self.program, made.program)
                assert change is not None
                wanted[place] = (made, change)
        if len(wanted) > 1:
            for who, shown in self._by_age().few(wanted):
                for place, differs in shown.items():
                    seen = Found(who.chart, who.local, who.now.isoformat(), {}, differs, who.told())
                    verdicts[place] = verdicts[place]._replace(patient=seen)
        return verdicts

    def _by_age(self) -> Ages:
        if self._ages is None:
            self._ages = Ages(self._held_against(), self.worked.scenarios)
        return self._ages

    def _made(self, number: int) -> Guideline:
        site, change, _ = self._places[number]
        program = compile_unchecked(*changed(self.written, site, change.to))
        return Guideline(with_names_of(self.program, program))

    def _held_against(self) -> Pairs:
        if self._pairs is None:
            self._pairs = Pairs(self.guideline)
        return self._pairs

    def _apart(self, made: Guideline) -> Compared:
        aged = change_of_age(self.program, made.program)
        if aged is None:
            return self._held_against().compare(made)
        return self._by_age().compare(made, aged)

    def _of_citation(self, made: Written) -> _Outcome:
        lint = self._check.new_in(made)
        if lint:
            return _Outcome(KILLED, "lint", lint)
        return _Outcome(UNDECIDED, what="what a statement says is read by people: no check sees that it is another")

    def _of_logic(self, made: Written, program: Program, site: Site) -> _Outcome:
        guideline = Guideline(with_names_of(self.program, program))
        scenario = self.worked.failing(guideline, site)
        if scenario:
            return _Outcome(KILLED, "scenario", scenario)
        lint = self._check.new_in(made, program)
        if lint:
            return _Outcome(KILLED, "lint", lint)
        found = self._apart(guideline)
        if found.outcome == "equivalent":
            return _Outcome(EQUIVALENT, what="no patient gets other advice")
        if self._proofs is None:
            self._proofs = Proofs(self.written, self.program)
        broken = self._proofs.broken_by(made, program)
        if broken:
            return _Outcome(KILLED, "proof", broken)
        if found.patient is None:
            return _Outcome(UNDECIDED, what=found.why)
        who = found.patient
        seen = Found(who.chart, who.local, who.now.isoformat(), found.order, found.differs, who.told())
        return _Outcome(SURVIVED, patient=seen)


def _of_one_moment(patient: Found | None) -> bool:
    return patient is not None and not patient.order and "entries" not in patient.chart


def _faults(site: Site, protocol: model.Protocol) -> Iterator[tuple[str, Any]]:
    for kind, each in CLASSES.items():
        for change in each.faults(site, protocol):
            yield kind, change
