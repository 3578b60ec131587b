"""From regions to a patient: as little charted as will do, in the dictionary's units, run through the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from kb import program as ir
from kb.chart import ChartError
from kb.folds import Reading, build_row
from kb.inspector.regions import Domain, Found
from kb.interpreter import Guideline
from kb.prover.patient import NOW, Patient, said
from kb.reading import parse_chart

Holds = Callable[[ir.Row], bool]
"""Whether a finding is true of the row that the interpreter made of a patient."""


class Witnesses:
    """Patients of one protocol."""

    def __init__(self, program: ir.Program) -> None:
        self.program = program

    @cached_property
    def guideline(self) -> Guideline:
        return Guideline(self.program)

    @cached_property
    def _blank(self) -> Reading:
        return build_row(self.program, parse_chart(self.program, {}))

    def patient(self, found: Found, holds: Holds) -> Patient | None:
        """One of the rows that were found, as a patient for whom the interpreter says so too; None where there is
        none of whom a chart of one moment can tell.
        """
        if not found.exact:
            return None
        chart: dict[str, str | bool] = {}
        parameters: dict[str, str | bool] = {}
        for key, domain in sorted(found.domains.items(), key=lambda item: str(item[0])):
            if isinstance(key, str):
                continue
            slot, blank = self.program.slots[key], self._blank.row[key]
            if slot.kind in ("order", "define", "computed", "now"):
                continue
            value = self.chosen(key, domain)
            if slot.kind == "unobtainable":
                if value is True:
                    chart[slot.of] = "unobtainable"
            elif slot.kind == "parameter":
                default = next(item.default for item in self.program.parameters if item.id == slot.of)
                if value is not None and value != default:
                    parameters[slot.of] = said(self.program, slot, value)
            elif value != blank:
                chart[slot.name] = "not available" if value is None else said(self.program, slot, value)
        return self.run(chart, parameters, holds)

    def run(
        self, chart: Mapping[str, str | bool], parameters: Mapping[str, str | bool], holds: Holds
    ) -> Patient | None:
        local = {"parameters": dict(parameters)} if parameters else {}
        try:
            advice = self.guideline.advise(dict(chart), NOW, local=local)
        except ChartError:
            return None
        row = list(advice.walk.row)
        return Patient(dict(chart), local, NOW, advice) if holds(row) else None

    def chosen(self, key: int, domain: Domain) -> ir.Value:
        """Of what an input can be: nothing charted, if that will do; else what is in the middle."""
        blank = self._blank.row[key]
        if blank in domain:
            return blank
        known = [value for value in domain if value is not None]
        return known[len(known) // 2] if known else None
