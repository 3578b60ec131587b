"""`kb serve`: the site on this machine, made anew with every save."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from kb.cli.build import site_needs
from kb.cli.common import FINE, CommandError, console, count, own_base_of, print_diagnostics

if TYPE_CHECKING:
    from kb.site.preview import Preview

_POLL = 0.1  # seconds between looks at the times of the files


def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="0: any that is free.")] = 8000,
    host: Annotated[
        str, typer.Option("--host", help="127.0.0.1: only this machine sees it; 0.0.0.0: its network too.")
    ] = "127.0.0.1",
) -> None:
    """Show the site on this machine; each save is on the open page within a second. Ctrl-C ends.

    A file with errors is told in its page, at the step concerned; the last good chart stays, greyed.
    """
    base = own_base_of(context)
    site_needs(base)
    from kb.site.preview import Preview, server_of

    preview = Preview(base, base.path / "out" / "preview")
    try:
        server = server_of(preview, host, port)
    except OSError as taken:
        raise CommandError(f"cannot listen on {host}:{port}: {taken.strerror}; name another with --port") from taken
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://{host}:{server.server_address[1]}/"
    console().print(Text(f"building; then at {address}", "dim"), soft_wrap=True)
    try:
        _look(preview)
        console().print(Text(f"the site is at {address}; Ctrl-C ends"), soft_wrap=True)
        while True:
            time.sleep(_POLL)
            if preview.is_stale():
                _look(preview)
    except KeyboardInterrupt:
        raise typer.Exit(FINE) from None
    finally:
        server.shutdown()


def _look(preview: Preview) -> None:
    """Build what has changed, and say what is wrong."""
    from kb.site.build import SiteError
    from kb.site.emit import EmitError

    began = time.monotonic()
    try:
        complaints = preview.look()
    except EmitError as refused:
        print_diagnostics(refused.diagnostics, error=True)
        preview.nothing = preview.nothing and str(refused)
        console().print(Text(f"{refused}; there is nothing to show of it yet", "bold yellow"), soft_wrap=True)
        return
    except SiteError as refused:
        preview.nothing = preview.nothing and str(refused)
        console().print(Text(f"the site was not built:\n{refused}", "bold yellow"), soft_wrap=True)
        return
    told = [f"{datetime.now():%H:%M:%S} shown, {time.monotonic() - began:.1f} s"]
    broken = preview.broken
    if broken:
        names = ", ".join(f"{each.program.id}@{each.program.version}" for each in broken)
        told.append(f"{count(len(broken), 'file')} with errors, shown as before: {names}")
        print_diagnostics([item for each in broken for item in each.broken], error=True)
    told += complaints
    console().print(Text("; ".join(told), "bold yellow" if broken or complaints else "green"), soft_wrap=True)
