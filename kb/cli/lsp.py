"""`kb lsp`: the language server, for editors to start."""

from __future__ import annotations

from kb.cli.common import CommandError


def lsp() -> None:
    """Serve an editor over standard input and output (Language Server Protocol); editors start it themselves."""
    try:
        from kb.editor.server import make_server
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise CommandError(
            "the language server needs the editor extra: pip install 'guideline-kb[authoring,editor]'"
        ) from missing
    make_server().start_io()
