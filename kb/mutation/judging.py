"""What notices one fault: a worked patient, the check, a proof; or nobody, and then for whom it matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from kb import model
from kb.compiler import compile_unchecked
from kb.diagnostics import Diagnostic, Severity, Span, has_errors
from kb.interpreter import Guideline
from kb.linter import lint_protocol
from kb.mutation.classes import CLASSES
from kb.mutation.difference import Pairs, Told
from kb.mutation.sites import Site, changed, sites, span_of
from kb.program import Get, Program
from kb.scenarios import Result, Scenario, run_scenario

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


class BrokenScenarioError(ValueError):
    """A scenario fails before any fault is made: then no failure of it means anything. `code` is stable."""

    code = "KB830"


class Bench:
    """One protocol with its worked patients, ready for any number of faults."""

    def __init__(self, protocol: model.Protocol, library: model.Library, scenarios: Sequence[Scenario]) -> None:
        self.protocol, self.library = protocol, library
        self.scenarios = tuple(scenarios)
        self.program = compile_unchecked(protocol, library)
        self.guideline = Guideline(self.program)
        self._places = [(site, change, kind) for site in sites(protocol) for kind, change in _faults(site, protocol)]
        self.mutants = tuple(
            Mutant(number, kind, site.owner, change.told, span_of(site, change))
            for number, (site, change, kind) in enumerate(self._places)
        )
        self._results: list[Result] | None = None
        self._lint: frozenset[tuple[str, str, int, str]] | None = None
        self._pairs: Pairs | None = None
        self._known: dict[str, tuple[str, str, str, Found | None]] = {}
        self._kills: Counter[int] = Counter()

    # ------------------------------------------------------------ one fault

    def judge(self, number: int) -> Verdict:
        """What notices fault `number`, the cheapest witness first."""
        site, change, kind = self._places[number]
        mutant = self.mutants[number]
        made = changed(self.protocol, site, change.to)
        if kind == "citations":
            return Verdict(mutant, *self._of_citation(made))
        program = self._compiled(made)
        if program is None:
            return Verdict(mutant, KILLED, "lint", self._refusal(made))
        if program.logic_digest == self.program.logic_digest:
            return Verdict(mutant, EQUIVALENT, what="the compiled protocol is the same")
        if program.logic_digest not in self._known:
            self._known[program.logic_digest] = self._of_logic(made, program, site)
        return Verdict(mutant, *self._known[program.logic_digest])

    def _of_citation(self, made: model.Protocol) -> tuple[str, str, str]:
        lint = self._new_findings(made)
        if lint:
            return KILLED, "lint", lint
        return UNDECIDED, "", "what a statement says is read by people: no check sees that it is another"

    def _of_logic(self, made: model.Protocol, program: Program, site: Site) -> tuple[str, str, str, Found | None]:
        guideline = Guideline(_with_names_of(self.program, program))
        for place in self._in_order(site):
            if not run_scenario(guideline, self.scenarios[place]).passed:
                self._kills[place] += 1
                return KILLED, "scenario", self.scenarios[place].id, None
        lint = self._new_findings(made)
        if lint:
            return KILLED, "lint", lint, None
        if self._pairs is None:
            self._pairs = Pairs(self.guideline)
        found = self._pairs.compare(guideline)
        if found.outcome == "equivalent":
            return EQUIVALENT, "", "no patient gets other advice", None
        if found.patient is None:
            return UNDECIDED, "", found.why, None
        who = found.patient
        seen = Found(who.chart, who.local, who.now.isoformat(), found.order, found.differs, who.told())
        return SURVIVED, "", "", seen

    # ------------------------------------------------------------ worked patients

    @property
    def results(self) -> list[Result]:
        """The scenarios over the protocol as it is.

        Raises:
            BrokenScenarioError: one of them fails.

        """
        if self._results is None:
            self._results = [run_scenario(self.guideline, scenario) for scenario in self.scenarios]
            broken = [result.scenario.id for result in self._results if not result.passed]
            if broken:
                self._results = None
                raise BrokenScenarioError(
                    f"scenario `{broken[0]}` of `{self.protocol.id}` fails already; mend it first (`kb test`)"
                )
        return self._results

    def _in_order(self, site: Site) -> Iterator[int]:
        """Scenarios that reach the step with the fault first, and of these the ones that have noticed most.

        A scenario in which the step cannot be reached, and which checks no order, cannot notice it.
        """
        index = {step.id: place for place, step in enumerate(self.program.steps)}
        own = [
            place for id, place in index.items() if id == site.owner or self.program.steps[place].part_of == site.owner
        ]
        ranked = []
        for place, result in enumerate(self.results):
            rank = 0
            if site.part == "steps" and own and result.advice is not None:
                states = {result.advice.walk.state(step) for step in own}
                if states == {"not reached"} and not result.scenario.orders:
                    continue
                rank = 0 if states & {"reached", "assumed"} else 1
            elif site.part in ("never", "caps"):
                rank = 0 if result.scenario.orders else 1
            ranked.append((rank, -self._kills[place], place))
        return (place for _, _, place in sorted(ranked))

    # ------------------------------------------------------------ the check

    def _compiled(self, made: model.Protocol) -> Program | None:
        try:
            return compile_unchecked(made, self.library)
        except Exception:
            if self._refusal(made):  # the check says what is wrong with it, so that nobody ever compiles it
                return None
            raise

    def _refusal(self, made: model.Protocol) -> str:
        found = lint_protocol(made, self.library)
        return _said(item for item in found if item.severity is Severity.ERROR) if has_errors(found) else ""

    def _new_findings(self, made: model.Protocol) -> str:
        """What the check says of the protocol with the fault and does not say of it as it is; notes do not count."""
        if self._lint is None:
            self._lint = frozenset(_key(item) for item in lint_protocol(self.protocol, self.library))
        new = [item for item in lint_protocol(made, self.library) if _key(item) not in self._lint]
        return _said(item for item in new if item.severity is not Severity.NOTE and item.allowed is None)


def _with_names_of(original: Program, made: Program) -> Program:
    """The Program with a fault, which can still be told all that the original could be told.

    What only the part with the fault looked at would else be refused as a name that nobody knows, and every chart with
    it would seem to notice the fault.
    """
    names = {slot.name for slot in made.slots}
    slots = [
        slot
        for slot in original.slots
        if slot.name not in names
        and slot.kind in ("element", "unobtainable", "rate", "feature")
        and not _reads_row(slot)
    ]
    elements = {element.id for element in made.elements}
    drugs = {drug.id for drug in made.drugs}
    return made._replace(
        slots=(*made.slots, *slots),
        elements=(*made.elements, *(element for element in original.elements if element.id not in elements)),
        drugs=(*made.drugs, *(drug for drug in original.drugs if drug.id not in drugs)),
    )


def _reads_row(node: Any) -> bool:
    """Whether a record speaks of other slots by their number."""
    if isinstance(node, Get):
        return True
    return isinstance(node, tuple) and any(_reads_row(item) for item in node)


def _faults(site: Site, protocol: model.Protocol) -> Iterator[tuple[str, Any]]:
    for kind, each in CLASSES.items():
        for change in each.faults(site, protocol):
            yield kind, change


def _key(item: Diagnostic) -> tuple[str, str, int, str]:
    return item.code, item.span.file, item.span.line, item.message


def _said(found: Iterator[Diagnostic]) -> str:
    return next((f"{item.code}: {item.message}" for item in found), "")
