"""`kb review`: what is to be signed, and the record of who decided what about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from kb.cli.common import (
    FINE,
    CommandError,
    Format,
    FormatOption,
    console,
    own_base_of,
    print_diagnostics,
    print_json,
    unknown,
)

if TYPE_CHECKING:
    from kb.base import Base
    from kb.review import Record
    from kb.reviewing import Prepared
    from kb.signing import Signer


def review(
    context: typer.Context,
    protocol: Annotated[
        str, typer.Argument(metavar="PROTOCOL", help="Id, or id@version; the latest version by default.")
    ],
    decision: Annotated[
        str | None,
        typer.Argument(
            metavar="[DECISION]",
            help="submit, start, approve, request-changes, retire or withdraw; without it, show what would be signed.",
        ),
    ] = None,
    who: Annotated[
        str, typer.Option("--who", metavar="NAME", help="Who decides, as protocols/policy.yaml names them.")
    ] = "",
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="In which role; needed where they have several.")
    ] = "",
    comment: Annotated[str, typer.Option("--comment", "-m", metavar="TEXT", help="What they say about it.")] = "",
    sign: Annotated[
        Path | None, typer.Option("--sign", metavar="KEYFILE", help="Private Ed25519 key (`ssh-keygen -t ed25519`).")
    ] = None,
    valid_until: Annotated[
        str | None, typer.Option("--valid-until", metavar="DATE", help="The last day on which this approval counts.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="The day of the decision; today if left out.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write the record without asking.")] = False,
    format: FormatOption = Format.text,
) -> None:
    """Record a decision about a version: shows digests and verdict of the checks first, writes once that is confirmed.

    The state of the version is worked out from the records; nobody sets it.
    """
    from kb.reviewing import Entry, ReviewError, prepare, write

    base = own_base_of(context)
    id, version = version_of(base, protocol)
    try:
        if decision is None:
            _show(base, id, version, format)
            raise typer.Exit(FINE)
        if not who:
            raise CommandError("name who decides: --who NAME, as protocols/policy.yaml names them")
        entry = Entry(
            decision,
            who,
            role or _only_role(base, who, decision),
            day_of("--on", on) or date.today(),  # a record says when it was made
            comment,
            day_of("--valid-until", valid_until),
        )
        if decision in ("request-changes", "retire", "withdraw") and not entry.comment.strip():
            raise CommandError(f"say why with --comment: it stands wherever the version is shown as {decision}")
        prepared = prepare(base, id, version, entry, _signer(sign))
        if format is Format.text:
            _preview(prepared)
        if not yes:
            _confirm()
        changed = write(base, prepared)
    except ReviewError as refused:
        raise CommandError(str(refused), refused.found, refused.code) from refused
    if format is Format.json:
        print_json({**_as_json(prepared), "changed": [str(path) for path in changed]})
        raise typer.Exit(FINE)
    terminal = console()
    for path in changed:
        terminal.print(Text(f"{'wrote' if path.exists() else 'removed'} {path}"), soft_wrap=True)
    missing = f"; still to approve: {', '.join(prepared.standing.missing)}" if prepared.standing.missing else ""
    terminal.print(Text.assemble((f"{id}@{version} is {prepared.after}", "bold"), missing), soft_wrap=True)


def version_of(base: Base, protocol: str) -> tuple[str, str]:
    """The id and version that are meant; the latest version by default."""
    from kb.store import latest

    id, _, version = protocol.partition("@")
    held = {known for name, known in base.ledger.versions() if name == id}
    listed = [*base.protocols().get(id, ()), *sorted(held)]
    if not listed:
        raise CommandError(unknown(id, "protocol", base.protocols()), code="KB703")
    if version and version not in listed:
        raise CommandError(
            f"`{id}` has no version {version}; there are: {', '.join(dict.fromkeys(listed))}", code="KB703"
        )
    return id, version or latest(listed)


def day_of(option: str, text: str | None) -> date | None:
    """A date on the command line, year-month-day."""
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError as wrong:
        raise CommandError(f"{option}: `{text}` is no date, such as 2026-11-01") from wrong


def signed_how(record: Record, signature: str) -> str:
    """Whether a record is signed, in words."""
    words = {"verified": f"signed with {record.key}, signature verified", "unsigned": "UNSIGNED"}
    return words.get(signature, f"signature {signature.upper()} ({record.key})")


def _only_role(base: Base, who: str, decision: str) -> str:
    """The role that needs no asking: the only one they have, or the only one that can give this decision."""
    policy = base.ledger.policy
    person = policy.person(who) if policy is not None else None
    if person is None:
        if policy is not None and policy.people:
            raise CommandError(unknown(who, "person in the policy", [item.id for item in policy.people]), code="KB842")
        raise CommandError("name the role: --role ROLE (the base has no policy that says it)")
    fitting = [role for role in person.roles if decision != "approve" or (policy is not None and role in policy.roles)]
    if len(fitting) > 1:
        raise CommandError(f"`{who}` has several roles; name one with --role: {', '.join(fitting)}")
    return fitting[0] if fitting else person.roles[0]


def _signer(path: Path | None) -> Signer | None:
    from kb.signing import Signer, SigningError

    if path is None:
        return None
    try:
        return Signer(path.read_bytes(), str(path), lambda: str(typer.prompt("passphrase", hide_input=True, err=True)))
    except SigningError as wrong:
        raise CommandError(str(wrong), code="KB846") from wrong


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise CommandError("nothing was written: look at what is shown, then give the same command with --yes")
    if not typer.confirm("write this record?", default=False):
        raise CommandError("nothing was written")


def _show(base: Base, id: str, version: str, format: Format) -> None:
    """What would be signed, and what can be decided about it."""
    from kb.reviewing import ReviewError, next_decisions, verdict

    program, found = base.program(id, version)
    if program is None:
        raise ReviewError("KB705", f"{id}@{version} cannot be reviewed until this is put right", found)
    seen = verdict(base, id, version)
    after = next_decisions(base.ledger.history(id, version), program.logic_digest, program.text_digest)
    if format is Format.json:
        print_json(
            {
                **{"protocol": id, "version": version, "state": program.state, "logic": program.logic_digest},
                **{"text": program.text_digest, "checks": seen.text, "fine": seen.fine, "decisions": list(after)},
            }
        )
        return
    print_diagnostics(seen.found)
    for line in _about(id, version, program.title, program.logic_digest, program.text_digest, seen.text):
        console().print(line, soft_wrap=True)
    for line in (
        _row("state", program.state),
        _row("next", f"{', '.join(after)}: `kb review {id}@{version} DECISION`"),
    ):
        console().print(line, soft_wrap=True)


def _preview(prepared: Prepared) -> None:
    terminal, record = console(), prepared.record
    for line in _about(prepared.protocol, prepared.version, "", record.logic, record.text, record.checks):
        terminal.print(line, soft_wrap=True)
    rows = [
        ("decision", f"{record.decision} by {record.who} as {record.role} on {record.date}"),
        ("comment", record.comment),
        ("valid", f"until {record.valid_until}" if record.valid_until else ""),
        ("signature", f"with {record.key}" if record.key else "UNSIGNED: shown as such everywhere"),
        ("state", f"{prepared.before}, and {prepared.after} with this"),
    ]
    for label, text in rows:
        if text:
            terminal.print(_row(label, text), soft_wrap=True)


def _about(id: str, version: str, title: str, logic: str, text: str, checks: str) -> Iterator[Text]:
    yield Text.assemble((f"{id}@{version}", "bold"), f"  {title}" if title else "")
    yield _row("logic", logic or "the files cannot be compiled")
    yield _row("text", text or "the files cannot be compiled")
    yield _row("checks", checks)


def _row(label: str, text: str) -> Text:
    from kb.source import printable

    return Text.assemble((f"  {label:<10} ", "dim"), printable(text))


def _as_json(prepared: Prepared) -> dict[str, object]:
    record = {name: value for name, value in prepared.record._asdict().items() if value}
    return {
        **{"protocol": prepared.protocol, "version": prepared.version, "record": record},
        **{"before": prepared.before, "state": prepared.after, "missing": list(prepared.standing.missing)},
    }
