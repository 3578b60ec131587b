"""`kb advise`: what to do now for one patient."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from kb.cli.common import (
    AtOption,
    CareAreaOption,
    ChartOption,
    CommandError,
    Format,
    FormatOption,
    LocalOption,
    ProtocolArgument,
    RequireOption,
    answered,
    console,
    patient_of,
    print_json,
    print_lines,
    unknown,
)


def advise(
    context: typer.Context,
    protocol: ProtocolArgument,
    chart: ChartOption,
    at: AtOption = None,
    local: LocalOption = None,
    care_area: CareAreaOption = None,
    lenient: Annotated[bool, typer.Option("--lenient", help="Count refused values as unknown, and list them.")] = False,
    why: Annotated[str | None, typer.Option("--why", metavar="STEP", help="Explain the state of one step.")] = None,
    require: RequireOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Say what to do now for one patient: dose, reason, source, and what is still to be asked."""
    from kb.generator.bedside import advice_lines

    guideline, data, now, settings = patient_of(context, protocol, chart, at, local, care_area, lenient, require)
    advice = answered(lambda: guideline.advise(data, now, settings, lenient=lenient, require=require))
    if why is not None:
        try:
            explanation = advice.why(why)
        except KeyError:
            raise CommandError(unknown(why, "step", [step.id for step in guideline.program.steps])) from None
        if format is Format.json:
            from kb.advice import to_json

            print_json(to_json(explanation))
        else:
            console().print(Text(str(explanation)), soft_wrap=True)
    elif format is Format.json:
        print_json(advice.to_json())
    else:
        print_lines(advice_lines(advice))
