"""`kb status`, `kb log` and `kb lock`: where reviews stand, how they came there, and the lock that running reads."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from kb.cli.common import (
    FINDINGS,
    FINE,
    CommandError,
    Format,
    FormatOption,
    ProtocolArgument,
    base_of,
    console,
    own_base_of,
    print_diagnostics,
    print_json,
    unknown,
)
from kb.cli.review import day_of, signed_how, version_of

if TYPE_CHECKING:
    from kb.reviewing import Status

_STYLES = {"approved": "bold green", "withdrawn": "bold red", "expired": "bold red", "retired": "red"}


def status(
    context: typer.Context,
    protocols: Annotated[list[str] | None, typer.Argument(metavar="[PROTOCOL]...", help="All, if left out.")] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="The day to look at; today if left out.")
    ] = None,
    format: FormatOption = Format.text,
) -> None:
    """Tell the review state of every version: who approved it, what is missing, and which Program runs.

    Exits with 1 where what was approved was tampered with.
    """
    from kb.reviewing import statuses

    base = base_of(context)
    known = {*base.protocols(), *(id for id, _ in base.ledger.versions())}
    for name in protocols or ():
        if name.partition("@")[0] not in known:
            raise CommandError(unknown(name.partition("@")[0], "protocol", known), code="KB703")
        if "@" in name:
            version_of(base, name)
    found = statuses(base, protocols or (), day_of("--on", on) or date.today())  # whether an approval is over
    if not found:
        raise CommandError(f"nothing to tell: no protocol in {base.protocols_path}")
    if format is Format.json:
        print_json([_as_json(each) for each in found])
    else:
        width = max(len(f"{each.protocol}@{each.version}") for each in found)
        for each in found:
            _print(each, width)
    raise typer.Exit(FINDINGS if any(each.wrong for each in found) else FINE)


def _print(each: Status, width: int) -> None:
    from kb.interpreter import signature_line
    from kb.source import printable

    def more(text: str, style: str = "") -> None:
        console().print(Text(f"{'':<{width + 2}}{printable(text)}", style), soft_wrap=True)

    name = f"{each.protocol}@{each.version}"
    state = Text.assemble((f"{name:<{width + 2}}", "bold"), (each.state, _STYLES.get(each.state, "yellow")))
    if each.digests is None:
        state.append(" (the files cannot be compiled)")
    if each.standing.valid_until:
        state.append(f", valid until {each.standing.valid_until}")
    console().print(state, soft_wrap=True)
    for item in each.standing.signed:
        more(f"approved by {signature_line(item)}")
    if each.standing.missing and each.state != "draft":
        more(f"still to approve: {', '.join(each.standing.missing)}")
    if each.standing.reason:
        more(each.standing.reason)
    if each.kept and not each.same:
        more(f"the files are not what was approved; the stored Program is {each.kept}, and it is what runs", "yellow")
    if each.wrong:
        more(each.wrong, "bold red")


def _as_json(each: Status) -> dict[str, Any]:
    from kb.advice import to_json

    logic, text = each.digests or (None, None)
    return {
        **{"protocol": each.protocol, "version": each.version, "state": each.state, "logic": logic, "text": text},
        **{"approvals": [to_json(item) for item in each.standing.signed], "missing": list(each.standing.missing)},
        **{"valid_until": each.standing.valid_until or None, "reason": each.standing.reason, "records": each.records},
        **{"stored": each.kept or None, "stored_is_the_files": each.same, "wrong": each.wrong or None},
    }


def log(context: typer.Context, protocol: ProtocolArgument, format: FormatOption = Format.text) -> None:
    """List the review records of a version, oldest first."""
    from kb.source import printable

    base = base_of(context)
    id, version = version_of(base, protocol)
    kept = base.ledger.kept(id, version)
    history = kept.history
    rows = list(zip(history.records, history.signatures, strict=True))
    if format is Format.json:
        print_json(
            [
                {**{key: value for key, value in record._asdict().items() if value}, "signed": signature}
                for record, signature in rows
            ]
        )
        raise typer.Exit(FINDINGS if kept.diagnostics else FINE)
    terminal = console()
    terminal.print(Text(f"{id}@{version}", "bold"))
    if not rows:
        terminal.print(Text("  no review records"))
    for record, signature in rows:
        person = history.policy.person(record.who) if history.policy is not None else None
        name = f" ({person.name})" if person is not None else ""
        head = f"  {record.date}  {record.decision} by {record.who}{name} as {record.role}"
        style = "green" if signature == "verified" else "yellow"
        terminal.print(
            Text.assemble((printable(head), "bold"), "  ", (signed_how(record, signature), style)), soft_wrap=True
        )
        about = f"logic {record.logic[:12] or '-'}, text {record.text[:12] or '-'}; {record.checks}"
        until = f"valid until {record.valid_until}" if record.valid_until else ""
        for text in (record.comment, until, about, f"record {record.id[:12]}"):
            if text:
                terminal.print(
                    Text(f"              {printable(text)}", "" if text == record.comment else "dim"), soft_wrap=True
                )
    print_diagnostics(kept.diagnostics)
    raise typer.Exit(FINDINGS if kept.diagnostics else FINE)


def lock(context: typer.Context) -> None:
    """Write protocols/approved.lock and the stored Programs anew from policy and records, after a merge or an edit."""
    from kb.reviewing import ReviewError, write_lock

    base = own_base_of(context)
    try:
        changed = write_lock(base)
    except ReviewError as refused:
        raise CommandError(str(refused), refused.found, refused.code) from refused
    for path in changed:
        console().print(Text(f"{'wrote' if path.exists() else 'removed'} {path}"), soft_wrap=True)
    if not changed:
        console().print(Text("nothing to write: the lock says what policy and records say"))
