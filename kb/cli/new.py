"""`kb new`: a protocol from a template, or the next version of one."""

from __future__ import annotations

import os
from datetime import date
from typing import Annotated

import typer
from rich.text import Text

from kb.cli.common import FINE, CommandError, console, own_base_of


def new(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the new protocol; or ID@VERSION, its next version.")],
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="Its title for readers.")] = None,
    template: Annotated[
        str | None, typer.Option("--from", metavar="TEMPLATE", help="What to begin with; `question` if left out.")
    ] = None,
) -> None:
    """Begin a protocol from a template, or its next version (ID@VERSION) as a copy of the latest.

    What is written passes `kb check` and `kb test` at once; nothing that exists is touched.
    """
    from kb.scaffold.placing import ScaffoldError
    from kb.scaffold.protocols import DEFAULT_TEMPLATE, new_protocol, new_version

    base = own_base_of(context)
    name, at, version = id.partition("@")
    terminal = console()
    today = date.today()  # the day stands in `updated:`; nothing is worked out from it
    try:
        if at:
            if title is not None or template is not None:
                raise CommandError(
                    "a next version is a copy of the latest: leave --title and --from out, and edit the copy"
                )
            made = new_version(base, name, version, today)
            told = f"made {_near(made.path)} as a copy of {made.copied}, with its own version and date"
            terminal.print(Text(told), soft_wrap=True)
            if made.withdrawn:
                withdrawn = "it is still withdrawn: take out `withdrawn:` if this version answers the reason"
                terminal.print(Text(withdrawn, "yellow"), soft_wrap=True)
            terminal.print(
                Text(f"next: edit it, then `kb check {name}` and `kb test {name} --coverage`"), soft_wrap=True
            )
        else:
            for path in new_protocol(base, name, today, title, template or DEFAULT_TEMPLATE):
                terminal.print(Text(f"made {_near(path)}"), soft_wrap=True)
            checks = f"`kb check {name}` and `kb test {name} --coverage`"
            terminal.print(
                Text(f"next: write what stands as PLACEHOLDER, statements.yaml first; {checks} pass from the start"),
                soft_wrap=True,
            )
    except ScaffoldError as refused:
        raise CommandError(str(refused)) from refused
    raise typer.Exit(FINE)


def _near(path: os.PathLike[str]) -> str:
    """`path` as seen from here, where that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)
