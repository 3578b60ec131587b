"""`kb vectors`: patients and what comes of them, to hold another implementation to."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from kb.cli.common import CommandError, base_of, console, guideline_of
from kb.cli.common import count as several

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kb.base import Base


def vectors(
    context: typer.Context,
    protocols: Annotated[list[str] | None, typer.Argument(metavar="[PROTOCOL]...", help="All, if left out.")] = None,
    count: Annotated[
        int, typer.Option("--count", "-n", metavar="N", min=0, help="How many patients to generate for each.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Another seed generates other patients.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "--out", "-o", metavar="FILE", help="A file; else they are printed.")
    ] = None,
) -> None:
    """Make conformance vectors: the worked patients of a protocol and generated ones, with the row and advice of each.

    One JSON object a line. Whoever reads Programs in another language can hold what they make of a chart against these.
    """
    base = base_of(context)
    names = list(protocols or base.protocols())
    if not names:
        raise CommandError(f"nothing was made: no protocol in {base.protocols_path}")
    lines = (line for name in names for line in _lines(base, name, count, seed))
    if output is None:
        for line in lines:
            sys.stdout.write(line)
        return
    made = 0
    try:
        with output.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line)
                made += 1
    except OSError as failed:
        raise CommandError(f"cannot write {failed.filename}: {failed.strerror}") from failed
    console().print(Text(f"{output}: {several(made, 'vector')}"), soft_wrap=True)


def _lines(base: Base, name: str, count: int, seed: int) -> Iterator[str]:
    from kb.conformance import vectors

    program = guideline_of(base, name).program
    latest = list(base.protocols().get(program.id, ()))[-1:] == [program.version]
    scenarios = [item for file in base.scenario_files(program.id) for item in base.scenarios(file)[0]]
    worked = [item for item in scenarios if item.version == program.version or (latest and not item.version)]
    for vector in vectors(program, worked, count, seed):
        yield json.dumps(vector, ensure_ascii=False) + "\n"
