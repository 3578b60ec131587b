"""The command line: each command turns its arguments into one call and prints the answer.

Exit codes: 0 fine; 1 something was found (a diagnostic, a failing scenario, an order not allowed);
2 the command could not run, or nothing was checked. One command, one module; `COMMANDS` is the order of the help.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from kb.cli import (
    advise,
    build,
    check,
    compile,
    completion,
    diff,
    doctor,
    emit,
    explain,
    fmt,
    init,
    interview,
    local,
    lsp,
    mutate,
    new,
    order,
    parameters,
    prove,
    review,
    schema,
    serve,
    show,
    status,
    test,
    try_,
    vectors,
    verify_site,
)
from kb.cli.common import COULD_NOT_RUN, FINE, CommandError, ReportFormat, refuse, spell_what_can_be_shown

COMMANDS: dict[str, Callable[..., None]] = {
    "init": init.init,
    "new": new.new,
    "check": check.check,
    "advise": advise.advise,
    "run": interview.run,
    "order": order.order,
    "test": test.run_scenarios,
    "prove": prove.prove,
    "mutate": mutate.mutate,
    "show": show.show,
    "try": try_.try_,
    "diff": diff.diff,
    "local": local.local,
    "review": review.review,
    "status": status.status,
    "log": status.log,
    "lock": status.lock,
    "compile": compile.compile_,
    "vectors": vectors.vectors,
    "parameters": parameters.parameters,
    "build": build.build,
    "serve": serve.serve,
    "emit": emit.emit,
    "verify-site": verify_site.verify_site,
    "fmt": fmt.fmt,
    "explain": explain.explain,
    "doctor": doctor.doctor,
    "completion": completion.completion,
    "schema": schema.schema,
    "lsp": lsp.lsp,
}

_UsageError: Any = typer.BadParameter.__base__  # what typer raises for any misuse, and does not export


def _formats_in(args: list[str]) -> list[str]:
    """What stands behind `--format`, in its order."""
    given = [after for word, after in pairwise(args) if word in ("--format", "-f")]
    return given + [word.removeprefix("--format=") for word in args if word.startswith("--format=")]


class Commands(TyperGroup):
    """All commands. A misuse before one of them is found is told in the format that was asked for as well."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        found: list[str] = self._told(list(args), lambda: super(Commands, self).parse_args(ctx, args))
        return found

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return self._told(list(args), lambda: super(Commands, self).resolve_command(ctx, args))

    def _told(self, args: list[str], read: Callable[[], Any]) -> Any:
        try:
            return read()
        except _UsageError as wrong:
            asked = next((name for name in reversed(_formats_in(args)) if name in list(ReportFormat)), "text")
            if asked == ReportFormat.text:
                raise
            refuse(CommandError(f"{wrong.format_message()} (`kb --help` lists the commands)"), asked)


app = typer.Typer(
    name="kb",
    cls=Commands,
    help="Clinical protocols as data: check them, run them on a patient, show them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    base: Annotated[
        Path | None, typer.Option("--base", metavar="DIR", help="Knowledge base: the folder that holds protocols/.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version, and stop.")] = False,
) -> None:
    context.obj = base
    if version:
        import kb

        print(f"kb {kb.__version__}")
        raise typer.Exit(FINE)
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(COULD_NOT_RUN)


class Command(TyperCommand):
    """A command whose failures are told in words, and in the format that was asked for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        asked = self._format_in(list(args))
        try:
            return super().parse_args(ctx, args)
        except _UsageError as wrong:
            if asked is None:
                raise
            refuse(CommandError(f"{wrong.format_message()} (`{ctx.command_path} --help` shows the options)"), asked)

    def _format_in(self, args: list[str]) -> str | None:
        """The format that `args` ask for, where it is one of this command; the last one counts."""
        formats = get_type_hints(COMMANDS[str(self.name)]).get("format", ())
        choices = [str(choice) for choice in formats]
        given = _formats_in(args)
        return given[-1] if given and given[-1] in choices else None

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except (typer.Exit, typer.Abort):
            raise
        except BrokenPipeError:
            # Whoever read the output had enough; nothing more can be written.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(COULD_NOT_RUN)
        except Exception as failed:
            refuse(told_of(failed), context.params.get("format"), context.params.get("reports"))


def told_of(failed: Exception) -> CommandError:
    """What went wrong in the words of its user; with `KB_TRACEBACK` set, a fault of kb is raised."""
    match failed:
        case CommandError():
            return failed
        case OSError():
            name = failed.filename or "the output"
            return CommandError(f"cannot read or write {name}: {failed.strerror or failed}")
        case ModuleNotFoundError() if (failed.name or "").partition(".")[0] != "kb":
            what = f"`{failed.name}` is not installed"
            if failed.name == "minify":
                needed = "site extra: pip install 'guideline-kb[authoring,site]'"
            else:
                needed = "authoring extra: pip install 'guideline-kb[authoring]'"
            return CommandError(f"{what}; install the {needed}", code="KB704")
    if os.environ.get("KB_TRACEBACK"):
        raise failed
    kind = f"{type(failed).__name__}: {failed}".splitlines()[0][:300]
    return CommandError(
        f"this is a fault of kb itself, not of your files ({kind})\n"
        "    please report it with what you ran; KB_TRACEBACK=1 shows where it happened"
    )


for _name, _command in COMMANDS.items():
    app.command(name=_name, cls=Command)(_command)


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line (`sys.argv` by default) and exit with its code; a user's mistake is never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=spell_what_can_be_shown())
    app(args=arguments, standalone_mode=True)
    sys.exit(FINE)
