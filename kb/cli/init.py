"""`kb init`: a knowledge base of your own."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from kb.cli.common import FINE, CommandError, console, count


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make it in.")],
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="What the base is called.")] = None,
    protocols: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="PROTOCOL", help="Take over a shipped protocol as it is; can be repeated."),
    ] = None,
    empty_library: Annotated[
        bool, typer.Option("--empty-library", help="Begin without the shipped data and drugs.")
    ] = False,
    here: Annotated[bool, typer.Option("--here", help="Write beside what is in the folder already.")] = False,
) -> None:
    """Make a knowledge base: library, example, local settings, schemas, site, checks for CI.

    Nothing that exists is written over. What is made passes `kb check`, `kb test` and `kb build` at once, offline.
    """
    from kb.scaffold.bases import new_base
    from kb.scaffold.placing import ScaffoldError

    try:
        made = new_base(folder, date.today(), title, protocols or (), empty_library, here)
    except ScaffoldError as refused:
        raise CommandError(str(refused)) from refused
    terminal = console()

    def say(text: str, style: str = "") -> None:
        terminal.print(Text(text, style), soft_wrap=True)

    say(
        f"made a knowledge base in {folder}: {count(len(made.written), 'file')}, protocols: {', '.join(made.protocols)}"
    )
    if made.brought:
        say(f"came along, because the others hand over to them: {', '.join(made.brought)}")
    if made.kept:
        say(f"left as they were: {', '.join(made.kept)}", "yellow")
    say("next:")
    if folder.resolve() != Path.cwd():
        say(f"  cd {_shell(folder)}")
    say("  kb check && kb test --coverage      # both pass from the start")
    say("  kb new my-protocol                  # yours, from a template; `first-protocol` can then go")
    say("  kb build                            # the site: open out/site/index.html")
    say("  git init && git add . && git commit # CI and pre-commit hooks are ready, README.md says how")
    raise typer.Exit(FINE)


def _shell(folder: Path) -> str:
    from shlex import quote

    return quote(str(folder))
