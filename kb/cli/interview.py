"""`kb run`: a conversation about one patient, in the terminal or from a script."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kb.cli.common import (
    COULD_NOT_RUN,
    FINE,
    CareAreaOption,
    CommandError,
    LocalOption,
    ProtocolArgument,
    answered,
    base_of,
    guideline_of,
    local_of,
    print_lines,
    read_chart,
)

if TYPE_CHECKING:
    from kb.base import Base
    from kb.interpreter import Guideline
    from kb.interview.conversation import Interview
    from kb.interview.talk import Reply, Request
    from kb.session import Record


def run(
    context: typer.Context,
    protocol: ProtocolArgument,
    session: Annotated[
        Path | None, typer.Option("--session", "-s", metavar="FILE", help="Keep the session in FILE, or go on with it.")
    ] = None,
    chart: Annotated[
        str | None, typer.Option("--chart", "-c", metavar="FILE", help="Begin with what this chart (JSON) knows.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="Begin at this time, ISO 8601 with offset; then only `wait` moves it."
        ),
    ] = None,
    local: LocalOption = None,
    care_area: CareAreaOption = None,
) -> None:
    """Ask one question at a time, and say what to do as the answers come in."""
    from kb.interview.conversation import Interview

    base = base_of(context)
    guideline = guideline_of(base, protocol, patient=True)
    settings = local_of(context, guideline.program, local, care_area)
    begins = _clock(at)
    now = begins or _now()
    record, known = _record(base, guideline, session, now, chart is not None)
    with record:
        last = max((entry.at for entry in record.standing()), default=now) if known else now
        if begins is not None and last > begins:
            raise CommandError(f"--at: the last entry of the session is of {last.isoformat()}; begin then, or later")
        talk: Interview = answered(
            lambda: Interview(record, now, settings, lambda name: _handed_to(base, name), runs=begins is None)
        )
        torn = getattr(record, "set_aside", "")
        if torn:
            print(
                f"the last line of the journal was cut short, and what it said is not in the session; it was put into "
                f"{session}.torn ({len(torn)} characters): see what is missing below"
            )
        face = _Face(talk, protocol, session)
        if chart is not None and not known:
            face.begin_with(read_chart(chart))
        raise typer.Exit(face.talk())


def _clock(at: str | None) -> datetime | None:
    from kb.chart import parse_time

    try:
        return None if at is None else parse_time(at)
    except ValueError as wrong:
        raise CommandError(f"--at: {wrong}") from wrong


def _now() -> datetime:
    """The time on the wall, to the second; times of day are said and shown in its zone."""
    return datetime.now().astimezone().replace(microsecond=0)


def _handed_to(base: Base, name: str) -> Guideline | None:
    """The latest protocol of `id@major`, as hand-overs name it."""
    id, _, major = name.partition("@")
    versions = [version for version in base.protocols().get(id, []) if version.partition(".")[0] == major]
    try:
        return guideline_of(base, f"{id}@{versions[-1]}", patient=True) if versions else None
    except CommandError:
        return None


def _record(
    base: Base, guideline: Guideline, path: Path | None, now: datetime, begins_with_chart: bool
) -> tuple[Record, bool]:
    """The record to talk over, and whether it was there before."""
    from kb.session import JournalCut, OtherProgram, Record, Session, SessionError

    opened = None if begins_with_chart else now
    try:
        if path is None:
            return Record(guideline, opened), False
        if not path.exists():
            return Session.create(path, guideline, opened), False
        if begins_with_chart:
            raise CommandError(f"{path} is a session already; go on with it without --chart, and use `import` there")
        try:
            record: Record = Session.open(path, guideline)
        except OtherProgram as other:
            record = _gone_on(base, guideline, path, other)
        if not record.entries:  # a conversation begins with an opening or a chart
            record.close()
            raise JournalCut(path, "has no entries")
        return record, True
    except SessionError as error:
        raise CommandError(str(error), code=error.code) from error


def _gone_on(base: Base, guideline: Guideline, path: Path, other: Exception) -> Record:
    """A session that was handed over from `guideline` to another protocol is opened with that one."""
    from kb.session import Session

    id, _, version = str(getattr(other, "made_for", "")).partition("@")
    program = base.program(id, version)[0] if id and id != guideline.program.id else None
    if program is None:
        raise other
    record = Session.open(path, program)
    if not any(entry.protocol == guideline.program.id and entry.event == "closed" for entry in record.entries):
        record.close()
        raise other
    print(f"this session was handed over and goes on with {id}@{version}")
    return record


class _Face:
    """The terminal, or a script, in front of one conversation."""

    def __init__(self, talk: Interview, protocol: str, session: Path | None) -> None:
        self.conversation, self.protocol, self.session = talk, protocol, session
        self.tty = sys.stdin.isatty()

    def begin_with(self, chart: Any) -> None:
        """Take the chart of `--chart` in; an episode that it does not open is the whole record, as in `kb advise`."""
        reply = self.conversation.take(chart)
        if reply.refused:
            text = "\n".join(line.text for line in reply.lines if line.text.strip().startswith("not taken"))
            raise CommandError(f"the chart was refused:\n{text}")
        if isinstance(chart, dict) and "entries" not in chart:
            self.conversation.record.begin(self.conversation.now)

    def talk(self) -> int:
        """Until the person leaves; the exit code."""
        self._show(self.conversation.greet())
        if self.tty:
            _complete(self.conversation)
        try:
            for number, line in enumerate(self._lines(), start=1):
                reply = self.conversation.hear(line, None if not self.conversation.runs else _now())
                self._show(reply)
                if reply.request is not None and reply.request.what != "quit":
                    reply = self._serve(reply.request)
                    self._show(reply)
                if reply.request is not None:
                    break
                if reply.refused and not self.tty:
                    # What follows was meant for the questions after this one; no answer may go to the wrong one.
                    print(f"kb: line {number} of the script was not taken; nothing after it was read", file=sys.stderr)
                    self._goodbye()
                    return COULD_NOT_RUN
        except KeyboardInterrupt:
            print()
        finally:
            self.conversation.record.close()  # another one than at first, after `save`
        self._goodbye()
        return FINE

    def _lines(self) -> Iterator[str]:
        while True:
            if self.tty:
                try:
                    yield input("> ")
                except EOFError:
                    print()
                    return
                continue
            line = sys.stdin.readline()
            if not line:
                return
            print(f"> {line.rstrip()}", flush=True)
            yield line

    def _show(self, reply: Reply) -> None:
        print_lines(reply.lines)
        sys.stdout.flush()

    def _goodbye(self) -> None:
        record = self.conversation.record
        if self.session is not None:
            name = record.program.id if self.protocol.partition("@")[0] == record.program.id else self.protocol
            print(f"the session is kept in {self.session}; go on with: kb run {name} --session {self.session}")
        else:
            print("nothing was kept; `--session FILE`, or `save FILE`, keeps a session")

    # ------------------------------------------------------------ files

    def _serve(self, request: Request) -> Reply:
        """Do what the conversation asks of its caller; what cannot be done comes back as words."""
        path = Path(request.path).expanduser()
        try:
            if request.what == "import":
                return self.conversation.take(read_chart(str(path)) if str(path) != "-" else {})
            told = self._export(path) if request.what == "export" else self._save(path)
        except (CommandError, OSError, ValueError) as failed:
            return self.conversation.tell(f"not done: {_reason(failed)}", refused=True)
        return self.conversation.tell(told)

    def _export(self, path: Path) -> str:
        chart = self.conversation.record.chart.to_json()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # a chart is for its owner's eyes
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(chart, file, ensure_ascii=False, indent=2)
            file.write("\n")
        return f"the chart is in {path}"

    def _save(self, path: Path) -> str:
        from kb.session import Session

        if not path.parent.is_dir():
            raise CommandError(f"there is no folder {path.parent}; make it first, or choose another")
        old = self.conversation.record
        new = Session.create(path, old.guideline, complete_from=old.chart.complete_from)
        entries = {entry.id: entry for entry in old.entries}
        for batch in old.batches:
            new.append(*(entries[id] for id in batch))
        self.conversation.keep_in(new)
        old.close()
        self.session = path
        return f"the session is kept in {path} from now on"


def _reason(failed: Exception) -> str:
    if isinstance(failed, FileExistsError):
        return f"{failed.filename} is there already; choose another name"
    if isinstance(failed, OSError):
        return f"cannot write {failed.filename}: {failed.strerror}"
    return str(failed)


def _complete(talk: Interview) -> None:
    """Completion of commands, options and names with the tab key, where the system has it."""
    try:
        import readline
    except ImportError:
        return

    def complete(text: str, state: int) -> str | None:
        found = sorted({word for word in talk.words() if word.startswith(text)})
        return found[state] if state < len(found) else None

    readline.set_completer_delims(" ")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
