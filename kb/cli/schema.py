"""`kb schema`: the JSON Schemas of this installation, for editors and for programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from kb.cli.common import COULD_NOT_RUN, CommandError, console, print_json, unknown


def schema(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="protocol, statements, scenario …")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Which there are, and for which files.")] = False,
    path: Annotated[bool, typer.Option("--path", help="Print where the schema is, not the schema.")] = False,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="Copy all schemas into a folder.")
    ] = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="Print settings for VS Code that name the schemas in ./schema.")
    ] = False,
) -> None:
    """Print, list or copy the JSON Schemas that editors complete and check files with."""
    from kb.editor.schemas import FILES, about, kinds, schema_path, write_schemas
    from kb.editor.schemas import settings as editor_settings

    if sum((kind is not None, list_, write is not None, settings)) != 1 or (path and kind is None):
        console().print(Text("name one schema, or use one of --list, --write DIR, --settings"))
        raise typer.Exit(COULD_NOT_RUN)
    if write is not None:
        try:
            for file in write_schemas(write):
                console().print(Text(str(file)), soft_wrap=True)
        except OSError as failed:
            raise CommandError(f"cannot write {failed.filename}: {failed.strerror}") from failed
    elif list_:
        width = max(len(files) for files in FILES.values())
        for name in kinds():
            line = Text.assemble((f"{name:<12}", "bold"), f"{FILES.get(name, 'JSON'):<{width}}  ", (about(name), "dim"))
            console().print(line, soft_wrap=True)
    elif settings:
        print_json(editor_settings())
    elif kind not in kinds():
        raise CommandError(unknown(str(kind), "schema", kinds()))
    elif path:
        console().print(Text(str(schema_path(kind))), soft_wrap=True)
    else:
        sys.stdout.write(schema_path(kind).read_text(encoding="utf-8"))
