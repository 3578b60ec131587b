"""`kb fmt`: the files of a knowledge base in their one form."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from kb.cli.common import (
    COULD_NOT_RUN,
    FINDINGS,
    FINE,
    CommandError,
    base_of,
    console,
    count,
    open_base,
    print_diagnostics,
    unknown,
)

if TYPE_CHECKING:
    from kb.base import Base
    from kb.diagnostics import Diagnostic

_SUFFIXES = (".yaml", ".yml")


def fmt(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|DIR|PROTOCOL]...", help="All of the base, if left out; - is standard input to output."
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; name the files that would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change.")] = False,
) -> None:
    """Give YAML files their one form: order of keys, quotes, spacing. Comments stay, the meaning is proved to."""
    if files == ["-"]:
        _standard_input(context, check or diff, diff)
    wanted = list(dict.fromkeys(_wanted(context, files or [])))
    if not wanted:
        raise CommandError("nothing was formatted: there is no YAML file")
    named = {Path(word) for word in files or []}
    changed = refused = failed = links = 0
    terminal = console()
    for path in wanted:
        if path.is_symlink() and path not in named:
            links += 1
            terminal.print(Text.assemble(("a link, left alone  ", "yellow"), str(path)), soft_wrap=True)
            continue
        try:
            before, after, found = _formatted(path)
            if found:
                refused += 1
                print_diagnostics(found, error=True)
            elif before != after:
                if not (check or diff):
                    _write(path, before, after)
                changed += 1
                what = "would change  " if check or diff else "formatted  "
                terminal.print(Text.assemble((what, "bold"), str(path)), soft_wrap=True)
                if diff:
                    sys.stdout.writelines(_difference(before, after, str(path)))
        except (OSError, CommandError) as wrong:
            failed += 1
            reason = str(wrong) if isinstance(wrong, CommandError) else f"{wrong.strerror or wrong}"
            told = Text.assemble(("not written  ", "bold red"), f"{path}: {reason}")
            console(error=True).print(told, soft_wrap=True)
    fine = len(wanted) - changed - refused - failed - links
    parts = [
        f"{count(changed, 'file')} {'would change' if check or diff else 'formatted'}" if changed else "",
        f"{count(fine, 'file')} in {'its' if fine == 1 else 'their'} form" if fine else "",
        f"{count(refused, 'file')} refused, left as {'it is' if refused == 1 else 'they are'}" if refused else "",
        f"{count(failed, 'file')} not written" if failed else "",
    ]
    terminal.print(", ".join(part for part in parts if part) or "nothing was formatted", soft_wrap=True)
    if failed:
        raise typer.Exit(COULD_NOT_RUN)
    raise typer.Exit(FINDINGS if refused or (changed and (check or diff)) else FINE)


def _formatted(path: Path) -> tuple[str, str, tuple[Diagnostic, ...]]:
    """What stands in a file, what should, and why it is refused; a protocol is proved by its digests as well."""
    from kb.base import base_around
    from kb.formatter import format_file

    before, result = format_file(path, lambda text: base_around(path).digests(path, text))
    return before, result.text, result.diagnostics


def _write(path: Path, before: str, after: str) -> None:
    from kb.formatter import replace_file

    if not replace_file(path, before, after):
        raise CommandError("somebody else changed it just now; run `kb fmt` again")


def _standard_input(context: typer.Context, check: bool, diff: bool) -> None:
    from kb.formatter import format_text
    from kb.source import read_bytes

    name = "<standard input>"
    content = sys.stdin.buffer.read()
    source = read_bytes(content, name)
    if source.root is None:
        print_diagnostics(source.diagnostics, error=True)
        raise typer.Exit(FINDINGS)
    before = content.decode("utf-8")
    base = base_of(context)
    result = format_text(before, name, digests=lambda text: base.digests(Path(name), text))
    if result.refused:
        print_diagnostics(result.diagnostics, error=True)
        raise typer.Exit(FINDINGS)
    if diff:
        sys.stdout.writelines(_difference(before, result.text, name))
    elif not check:
        sys.stdout.flush()
        sys.stdout.buffer.write(result.text.encode("utf-8"))  # as it is: no other line ends, no other encoding
    raise typer.Exit(FINDINGS if check and result.changed else FINE)


def _wanted(context: typer.Context, words: list[str]) -> Iterator[Path]:
    """The files that are asked for, in the order asked."""
    if not words:
        yield from _of_base(base_of(context))
    for word in words:
        path = Path(word)
        if path.is_dir():
            yield from _of_base(open_base(path)) if (path / "protocols").is_dir() else _below(path)
        elif word.endswith(_SUFFIXES) or path.exists():
            yield path
        else:
            yield from _of_protocol(base_of(context), word)


def _of_base(base: Base) -> Iterator[Path]:
    yield from _below(base.protocols_path)
    if (local := base.path / "local.yaml").exists():
        yield local


def _of_protocol(base: Base, word: str) -> Iterator[Path]:
    """The files of one protocol; of one version, all but the other versions."""
    id, _, version = word.partition("@")
    known = base.protocols()
    if id not in known:
        raise CommandError(unknown(id, "file, folder or protocol", known))
    if version and version not in known[id]:
        raise CommandError(f"`{id}` has no version {version}; there are: {', '.join(known[id])}")
    others = {base.file(id, each) for each in known[id] if version and each != version}
    yield from (path for path in _below(base.protocols_path / id) if path not in others)


def _below(folder: Path) -> Iterator[Path]:
    """The YAML files in `folder` and its folders, hidden ones aside; folders that are links are not entered."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if name.endswith(_SUFFIXES) and name[0] != ".")


def _difference(before: str, after: str, name: str) -> Iterator[str]:
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, f"{name} (formatted)", n=1)
    for line in lines:
        yield line if line.endswith("\n") else line + "\n\\ no newline at the end of the file\n"
