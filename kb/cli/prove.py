"""`kb prove`: what must hold for every patient, proved or refuted by one of them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from kb.cli.common import FINDINGS, FINE, CommandError, base_of, count, guideline_of, own_base_of, print_json
from kb.cli.progress import progress

if TYPE_CHECKING:
    from kb.base import Base
    from kb.prover.verdict import Proofs


class ProofFormat(StrEnum):
    """How verdicts are printed."""

    text = "text"
    json = "json"
    markdown = "markdown"


def prove(
    context: typer.Context,
    protocols: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROTOCOL]...", help="Ids or id@version; the latest of all, if left out."),
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", "-p", metavar="ID", help="Only this property; can be repeated."),
    ] = None,
    format: Annotated[
        ProofFormat, typer.Option("--format", "-f", help="text; json for programs, markdown for a pull request.")
    ] = ProofFormat.text,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.01,
            help="How long one question may take. Without it the work is bounded, the same on every machine.",
        ),
    ] = None,
    moments: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=8, help="Over how many looks the claims over time are proved; 0: none of them."
        ),
    ] = 3,
    save: Annotated[
        str | None,
        typer.Option(
            "--save-scenario", metavar="ID", help="Write the patient who refutes this property as a scenario."
        ),
    ] = None,
) -> None:
    """Prove properties for every patient, or show one for whom they do not hold.

    Exits 0 where all is proved or left out with a reason, 1 where something is refuted, undecided or about nobody, 2
    where it could not run.
    """
    from kb.prover.solver import SolverMissingError
    from kb.prover.verdict import as_markdown, as_text

    base = base_of(context) if protocols and save is None else own_base_of(context)
    ids = [id for each in protocols or base.protocols() for id in base.named(each)]
    if not ids:
        raise CommandError(f"nothing was proved: no protocol in {base.protocols_path}", code="KB706")
    wanted = list(dict.fromkeys([*(properties or ()), *((save,) if save else ())]))
    for id in ids:
        guideline_of(base, id)  # what has errors is told before the first proof
    _known(base, ids, wanted)
    told = progress("proving") if format is ProofFormat.text else iter
    try:
        proofs = [each for each in base.prove(ids, wanted, timeout, told, moments) if each.verdicts]
    except SolverMissingError as missing:
        raise CommandError(str(missing), code=missing.code) from missing
    match format:
        case ProofFormat.json:
            print_json([each.to_json() for each in proofs])
        case ProofFormat.markdown:
            print(as_markdown(proofs))
        case _:
            print(as_text(proofs), end="")
    if save is not None:
        _save(base, proofs, save)
    found = any(each.diagnostics for each in proofs)
    raise typer.Exit(FINDINGS if found else FINE)


def _known(base: Base, ids: list[str], wanted: list[str]) -> None:
    """Refuse a property that none of the protocols has."""
    from difflib import get_close_matches

    from kb.prover.verdict import property_ids

    protocols = [base.protocol(id.partition("@")[0], id.partition("@")[2] or None) for id in ids]
    names = {name for made in protocols if made is not None for name in property_ids(made, base.library)}
    for id in wanted:
        if id not in names:
            close = get_close_matches(id, names, 1)
            told = f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(sorted(names)) or 'none'}"
            raise CommandError(f"no property `{id}` in {count(len(ids), 'protocol')}; {told}")


def _save(base: Base, proofs: list[Proofs], id: str) -> None:
    from kb.prover.scenario import ScenarioExistsError, save_scenario

    refuted = [(each, verdict) for each in proofs for verdict in each.verdicts if verdict.property.id == id]
    saved = [(each, verdict.patient) for each, verdict in refuted if verdict.patient is not None]
    if not saved:
        raise CommandError(f"`{id}` is not refuted, so there is no patient to write down")
    for each, patient in saved:
        try:
            path = save_scenario(base.protocols_path / each.protocol, each, id, patient)
        except ScenarioExistsError as exists:
            raise CommandError(str(exists)) from exists
        print(f"wrote {path}: it expects what is advised now; correct what is wrong, then mend the protocol")
