"""`kb verify-site`: whether a built site has everything that it must have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from kb.cli.common import FINDINGS, FINE, CommandError, console


def verify_site(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the built site.")] = Path("out/site"),
) -> None:
    """Say what is missing from a built site: pages, banners, versions, digests, and the ends of dead links.

    Reads only the HTML: whatever built it, a page that was lost in silence is told.
    """
    from kb.site import verify_site as missing_from

    if not folder.is_dir():
        raise CommandError(f"there is no folder {folder}; `kb build` makes one")
    missing = missing_from(folder)
    for each in missing:
        console().print(Text(each), soft_wrap=True)
    if missing:
        raise typer.Exit(FINDINGS)
    console().print(Text(f"{folder}: every page, banner, version and digest is there, and every link leads somewhere"))
    raise typer.Exit(FINE)
