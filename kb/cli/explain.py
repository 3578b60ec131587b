"""`kb explain`: what a diagnostic code means."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.text import Text

from kb.cli.common import CommandError, Format, FormatOption, console, print_json, unknown


def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="KB301, or a part of a name; all, if left out.")
    ] = None,
    format: FormatOption = Format.text,
) -> None:
    """Tell what a diagnostic code means, why it matters, and what to do."""
    from kb.codes import CODES, explanation

    if code is None:
        if format is Format.json:
            print_json(
                [
                    {"code": key, "name": item.name, "severity": item.severity.value, "title": item.title}
                    for key, item in sorted(CODES.items())
                ]
            )
            return
        for key, item in sorted(CODES.items()):
            console().print(Text.assemble((key, "bold"), f"  {item.severity.value:<7}  {item.title}"), soft_wrap=True)
        return
    wanted = code.upper()
    wanted = next((key for key, item in CODES.items() if item.name == code), wanted)
    text = explanation(wanted)
    if not text:
        raise CommandError(unknown(code, "code", [*CODES, *(item.name for item in CODES.values())]))
    if format is Format.json:
        item = CODES[wanted]
        print_json(
            {"code": wanted, "name": item.name, "severity": item.severity.value, "title": item.title, "page": text}
        )
    elif sys.stdout.isatty():
        from rich.markdown import Markdown

        console().print(Markdown(text))
    else:
        sys.stdout.write(text)
