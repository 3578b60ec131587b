"""Each property proved for all patients, refuted by one of them, or left undecided; and what was found, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from kb import model
from kb import program as ir
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.interpreter import Advice, Guideline
from kb.prover.over_time import MOMENTS, judged
from kb.prover.over_time import told as told_run
from kb.prover.patient import Patient, Patients
from kb.prover.properties import Property, compile_properties
from kb.prover.solver import Undecided, z3
from kb.prover.unroll import Run

PROVED, REFUTED, UNDECIDED, VACUOUS, LEFT_OUT = "proved", "refuted", "undecided", "vacuous", "left out"
_CODES = {REFUTED: "KB810", UNDECIDED: "KB811", VACUOUS: "KB812"}


class Verdict(NamedTuple):
    """What is known of one property.

    `outcome`: proved (it holds for every patient, missing data included), refuted (not for `patient`, in whom `where`
    says what is wrong), undecided (`reason`), vacuous (`reason`: whom it is about, and nobody is) or left out (the
    protocol's `reason`). `open`: of some patients a proved property can be told neither way. `run`: what breaks a claim
    over time, as a chart with times.
    """

    property: Property
    outcome: str
    reason: str = ""
    patient: Patient | None = None
    where: tuple[str, ...] = ()
    open: bool = False
    run: Run | None = None

    def to_json(self) -> dict[str, Any]:
        made = self.property
        return {
            "id": made.id,
            "title": made.title,
            "property": made.text,
            "safety_pack": made.shared,
            "file": made.span.file,
            "line": made.span.line,
            "outcome": self.outcome,
            "reason": self.reason,
            "cites": list(made.cites),
            "interprets": list(made.interprets),
            "cannot_be_told_for_some": self.open,
            "where": list(self.where),
            "patient": None if self.patient is None else patient_json(self.patient),
            "chart": None if self.run is None else self.run.chart,
            "local": None if self.run is None else self.run.local,
        }


class Proofs(NamedTuple):
    """The verdicts on one version of one protocol; `place` is where its file begins."""

    protocol: str
    version: str
    logic_digest: str
    verdicts: tuple[Verdict, ...]
    diagnostics: tuple[Diagnostic, ...]

    def count(self, outcome: str) -> int:
        return sum(verdict.outcome == outcome for verdict in self.verdicts)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "protocol": self.protocol,
            "version": self.version,
            "logic_digest": self.logic_digest,
            "properties": [verdict.to_json() for verdict in self.verdicts],
        }


def prove(
    protocol: model.Protocol,
    library: model.Library,
    program: ir.Program,
    wanted: Iterable[str] = (),
    seconds: float | None = None,
    told: Callable[[list[str]], Iterable[str]] = iter,
    moments: int = MOMENTS,
) -> Proofs:
    """Every property of `protocol` (or those `wanted`, by id) and of the safety pack, proved or refuted.

    Where none is chosen, what is claimed of every protocol over `moments` looks as well (see `kb.prover.unroll`).

    Args:
        program: what `protocol` compiles to.
        wanted: ids that it does not have are passed over (see `property_ids`).
        seconds: how long one question may take; by default its work is bounded, the same on every machine.
        told: is given the ids and yields each as its turn comes.

    Raises:
        SolverMissingError: Z3 is not installed.

    """
    verdicts = tuple(one_by_one(protocol, library, program, wanted, seconds, told, moments))
    return Proofs(
        program.id,
        program.version,
        program.logic_digest,
        verdicts,
        tuple(_diagnostic(protocol, verdict) for verdict in verdicts if verdict.outcome in _CODES),
    )


def one_by_one(
    protocol: model.Protocol,
    library: model.Library,
    program: ir.Program,
    wanted: Iterable[str] = (),
    seconds: float | None = None,
    told: Callable[[list[str]], Iterable[str]] = iter,
    moments: int = MOMENTS,
) -> Iterator[Verdict]:
    """The verdicts of `prove`, each worked out when its turn comes."""
    z3()
    stated, wanted = compile_properties(protocol, library, program), list(wanted)
    by_id = {each.id: each for each in stated.properties if not wanted or each.id in wanted}
    patients = Patients(Guideline(stated.program), stated.extra)
    patients.walk.seconds = seconds
    yield from (_judge(patients, by_id[id]) for id in told(list(by_id)))
    yield from (_left_out(made, reason) for made, reason in stated.left_out if not wanted or made.id in wanted)
    if moments and not wanted:
        yield from (_over_time(*each) for each in judged(protocol, program, moments))


def property_ids(protocol: model.Protocol, library: model.Library) -> tuple[str, ...]:
    """The ids under which something is proved of a protocol."""
    return (*protocol.prove, *library.safety)


def _left_out(made: model.SafetyDef, reason: str) -> Verdict:
    because = "" if made.because is None else made.because.value
    stated = Property(made.id, made.title.value, made.check, made.span, ir.TRUE, because=because, shared=True)
    return Verdict(stated, LEFT_OUT, reason)


def _over_time(made: Property, run: Run | None, undecided: str) -> Verdict:
    if run is not None:
        return Verdict(made, REFUTED, where=told_run(run), run=run)
    return Verdict(made, UNDECIDED, undecided) if undecided else Verdict(made, PROVED)


def _judge(patients: Patients, made: Property) -> Verdict:
    try:
        patient = patients.find(lambda walk: [walk.truth(made.holds).false])
    except Undecided as gave_up:
        return Verdict(made, UNDECIDED, gave_up.reason)
    if patient is not None:
        return Verdict(made, REFUTED, patient=patient, where=_where(patients, made, patient.advice))
    try:
        for premise in made.premises:
            if patients.walk.find(patients.walk.truth(premise.met).true) is None:
                return Verdict(made, VACUOUS, premise.text)
        open_ = made.open is not None and patients.walk.find(patients.walk.truth(made.open).true) is not None
    except Undecided as gave_up:
        return Verdict(
            made, UNDECIDED, f"it holds, but whether it is about anybody was not found out: {gave_up.reason}"
        )
    return Verdict(made, PROVED, open=open_)


def _where(patients: Patients, made: Property, advice: Advice) -> tuple[str, ...]:
    """Which of the things that a property of the pack forbids this patient shows."""
    shown = (
        part.text
        for part in made.parts
        if patients.holds(lambda walk, part=part: [walk.truth(part.violated).true], advice)  # type: ignore[misc]
    )
    return tuple(dict.fromkeys(shown))


# ---------------------------------------------------------------- in words


def _diagnostic(protocol: model.Protocol, verdict: Verdict) -> Diagnostic:
    made = verdict.property
    name = f"`{made.id}`"
    where = f" in `{protocol.id}`" if made.shared else ""
    span = protocol.span if made.shared else made.span
    related = (Related(made.span, "the safety pack asks for it here"),) if made.shared else ()
    code = _CODES[verdict.outcome]
    if verdict.patient is not None:
        parts = "; ".join(verdict.where)
        message = f"{name} does not hold{where}: {made.title}" + (f" ({parts})" if parts else "")
        told = f"for this patient: {verdict.patient.told()} — {advice_text(verdict.patient.advice)}"
        return found(code, span, message, told, made.because or None, related)
    if verdict.run is not None:
        message = f"{name} does not hold: {made.title} ({made.text})"
        return found(code, span, message, "; ".join(verdict.where), None, related)
    if verdict.outcome == VACUOUS:
        message = f"{name} is about nobody{where}: there is no patient for whom {verdict.reason}"
        return found(
            code, span, message, "look for the mistake in this condition, or remove the property", None, related
        )
    message = f"{name} could not be decided{where}: {made.title} ({verdict.reason})"
    help = "give it longer with `--timeout`, or state it for fewer patients under `when:`"
    return found(code, span, message, help, "nothing is known of it: it is not proved", related)


def advice_text(advice: Advice) -> str:
    """What the advice says, on one line."""
    if advice.applies is False:
        return "the protocol does not apply"
    due = [item.step + (f" {item.dose.text}" if item.dose is not None else "") for item in advice.recommended]
    said = [f"recommended: {', '.join(due) or 'nothing'}"]
    other = [f"{item.step} ({item.status})" for item in advice.actions if item.status not in ("due", "overdue")]
    if other:
        said.append(f"also: {', '.join(other)}")
    if advice.outcomes:
        said.append(f"outcomes: {', '.join(item.step for item in advice.outcomes)}")
    if advice.asks:
        said.append(f"asks: {', '.join(ask.name for ask in advice.asks)}")
    return "; ".join(said)


def patient_json(patient: Patient) -> dict[str, Any]:
    return {
        "chart": dict(patient.chart),
        "local": dict(patient.local),
        "now": patient.now.isoformat(),
        "advice": advice_text(patient.advice),
    }


_MARKS = {PROVED: "proved", REFUTED: "REFUTED", UNDECIDED: "undecided", VACUOUS: "vacuous", LEFT_OUT: "left out"}


def as_text(proofs: Iterable[Proofs]) -> str:
    """A line for each property, with the patient below where there is one."""
    lines: list[str] = []
    for each in proofs:
        if lines:
            lines.append("")
        lines.append(f"{each.protocol}@{each.version}")
        for verdict in each.verdicts:
            made = verdict.property
            lines.append(f"  {_MARKS[verdict.outcome]:<10} {made.id}: {made.title}")
            lines += [f"             {text}" for text in _details(verdict)]
        lines.append(f"  {summary(each)}")
    return "\n".join(lines) + "\n"


def summary(proofs: Proofs) -> str:
    counted = [(outcome, proofs.count(outcome)) for outcome in _MARKS]
    return ", ".join(f"{number} {outcome}" for outcome, number in counted if number) or "nothing to prove"


def _details(verdict: Verdict) -> Iterable[str]:
    if verdict.patient is not None:
        yield from (f"what: {part}" for part in verdict.where)
        yield f"patient: {verdict.patient.told()}"
        yield f"advice: {advice_text(verdict.patient.advice)}"
    elif verdict.run is not None:
        yield from verdict.where
    elif verdict.outcome == VACUOUS:
        yield f"there is no patient for whom {verdict.reason}"
    elif verdict.reason:
        yield f"reason: {verdict.reason}"
    if verdict.open:
        yield "for some patients it cannot be told; for none is it false"


def as_markdown(proofs: Iterable[Proofs]) -> str:
    """Tables for a pull request; whatever a file says is escaped."""
    lines: list[str] = []
    for each in proofs:
        lines += [f"## {_cell(each.protocol)} {_cell(each.version)}", "", f"{summary(each)}.", ""]
        lines += ["| property | verdict | |", "|---|---|---|"]
        for verdict in each.verdicts:
            made = verdict.property
            told = "<br>".join(_cell(text) for text in _details(verdict))
            lines.append(f"| `{made.id}`: {_cell(made.title)} | {verdict.outcome} | {told} |")
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    escaped = "".join(f"&#{ord(letter)};" if letter in "\\`*_[]<>#|~&$" else letter for letter in text)
    return " ".join(escaped.split())
