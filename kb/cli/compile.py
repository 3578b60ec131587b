"""`kb compile`: protocols made into Programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from kb.cli.common import CommandError, base_of, console, guideline_of
from kb.cli.progress import progress

if TYPE_CHECKING:
    from kb.program import Program


def compile_(
    context: typer.Context,
    protocols: Annotated[list[str] | None, typer.Argument(metavar="[PROTOCOL]...", help="All, if left out.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE|DIR", help="A .json file for one protocol, or a folder."),
    ] = None,
) -> None:
    """Compile protocols to Programs, the JSON that `kb.load_program` reads."""
    base = base_of(context)
    ids = list(protocols or base.protocols())
    if not ids:
        raise CommandError(f"nothing was compiled: no protocol in {base.path}")
    programs = [guideline_of(base, id).program for id in progress("compiling")(ids)]
    if output is None:
        if len(programs) > 1:
            raise CommandError("name one protocol, or a folder with --output")
        sys.stdout.write(_program_text(programs[0]))
        return
    one_file = output.suffix == ".json" and not output.is_dir()
    if one_file and len(programs) > 1:
        raise CommandError(
            f"{output} is one file, and there are {len(programs)} protocols; name a folder, or one protocol"
        )
    folder = output.parent if one_file else output
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for program in programs:
            path = output if one_file else output / f"{program.id}@{program.version}.json"
            path.write_text(_program_text(program), encoding="utf-8")
            console().print(Text(str(path)), soft_wrap=True)
    except OSError as error:
        raise CommandError(f"cannot write {error.filename}: {error.strerror}") from error


def _program_text(program: Program) -> str:
    from kb.codec import program_file

    return json.dumps(program_file(program), ensure_ascii=False, indent=1) + "\n"
