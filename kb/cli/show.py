"""`kb show`: a protocol as a list to read aloud, or as a flowchart."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from kb.cli.common import (
    CommandError,
    LocalOption,
    ProtocolArgument,
    base_of,
    guideline_of,
    local_of,
    print_json,
)


class ShowFormat(StrEnum):
    """What `show` prints."""

    text = "text"
    dot = "dot"
    svg = "svg"
    json = "json"


class Engine(StrEnum):
    """What lays out a flowchart."""

    in_process = "in-process"
    system = "system"


def show(
    context: typer.Context,
    protocol: ProtocolArgument,
    local: LocalOption = None,
    format: Annotated[ShowFormat, typer.Option("--format", "-f", help="text: the read-aloud list.")] = ShowFormat.text,
    engine: Annotated[Engine, typer.Option(help="in-process, or the system's Graphviz.")] = Engine.in_process,
) -> None:
    """Show a protocol: as a list to read aloud, or as a flowchart."""
    from kb.advice import to_json
    from kb.generator.readaloud import read_aloud, read_aloud_text
    from kb.local import checked_local

    program = guideline_of(base_of(context), protocol).program
    settled = checked_local(program, local_of(context, program, local))
    match format:
        case ShowFormat.text:
            sys.stdout.write(read_aloud_text(program, settled))
        case ShowFormat.json:
            print_json(to_json(read_aloud(program, settled)))
        case ShowFormat.dot:
            from kb.generator.diagram import dot_source

            sys.stdout.write(dot_source(program, settled))
        case ShowFormat.svg:
            from kb.generator.render import RenderingError, render_svg

            try:
                sys.stdout.write(render_svg(program, engine.value, settled))
            except RenderingError as failed:
                raise CommandError(str(failed)) from failed
