"""`kb order`: an order checked before it is carried out."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kb.cli.common import (
    FINDINGS,
    FINE,
    AtOption,
    CareAreaOption,
    ChartOption,
    Format,
    FormatOption,
    LocalOption,
    ProtocolArgument,
    RequireOption,
    answered,
    patient_of,
    print_json,
    print_lines,
)

_WAYS = {name: f"--{name}" for name in ("route", "line", "intent", "salt", "concentration")} | {
    "care_area": "--care-area"
}


def order(
    context: typer.Context,
    protocol: ProtocolArgument,
    drug: Annotated[str, typer.Argument(metavar="DRUG", help="Id or synonym of the drug.")],
    rate: Annotated[list[str], typer.Argument(metavar="RATE...", help="Rate or amount with its unit: 0.03 units/min.")],
    chart: ChartOption,
    at: AtOption = None,
    local: LocalOption = None,
    care_area: CareAreaOption = None,
    route: Annotated[str | None, typer.Option(help="iv, im …")] = None,
    line: Annotated[str | None, typer.Option(help="first, second …")] = None,
    intent: Annotated[str | None, typer.Option(help="What the order is for.")] = None,
    salt: Annotated[str | None, typer.Option(help="Salt form the dose is stated as.")] = None,
    concentration: Annotated[str | None, typer.Option(help="Of the syringe or bag: 4 mg/50 mL.")] = None,
    require: RequireOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Check an order before it is carried out: allowed, challenged, refused, or cannot tell."""
    from kb.advice import to_json
    from kb.dictation import is_rate
    from kb.generator.bedside import verdict_lines
    from kb.generator.wording import Speaker
    from kb.local import checked_local

    guideline, data, now, settings = patient_of(context, protocol, chart, at, local, care_area, require=require)
    quantity = " ".join(rate)
    attributes = {"route": route, "line": line, "intent": intent, "salt": salt, "concentration": concentration}
    wanted: dict[str, Any] = {"drug": drug, "rate" if is_rate(quantity) else "amount": quantity}
    wanted |= {name: value for name, value in attributes.items() if value is not None}
    verdicts = answered(lambda: guideline.check_orders(data, [wanted], now, settings, require=require))
    if format is Format.json:
        print_json([to_json(verdict) for verdict in verdicts])
    else:
        say = Speaker(guideline.program, checked_local(guideline.program, settings))
        for verdict in verdicts:
            print_lines(verdict_lines(verdict, say, _WAYS))
    raise typer.Exit(FINE if all(verdict.verdict == "allowed" for verdict in verdicts) else FINDINGS)
