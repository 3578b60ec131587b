"""One patient's chart that lives in a journal: appended to, corrected, never erased, replayed to the same advice.

The journal is text, one JSON object a line. The first line says which Program the session was made for;
each further line holds the entries of one `append` with a checksum. A line counts from its newline on:
it is on disk before `append` returns, and what a kill cut short is set aside at the next opening and
reported, never read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

from kb.chart import (
    Chart,
    ChartError,
    Entry,
    Refusal,
    nearest,
    other_matter,
    parse_time,
    quoted,
    read_entry,
    refusal,
    same_matter,
)
from kb.program import Program
from kb.reading import parse_chart
from kb.values import BadValue

if TYPE_CHECKING:
    from kb.interpreter import Advice, Guideline

JOURNAL = "1.0.0"


class SessionError(ValueError):
    """A session that cannot be opened or written. `code` is stable and has a page."""

    code = "KB643"


class SessionLocked(SessionError):  # noqa: N818 - reads as what it says
    """Another process, or another session of this one, writes this journal."""

    code = "KB640"


class JournalDamaged(SessionError):  # noqa: N818
    """A line of the journal, not the last, cannot be read. `line` counts from 1."""

    code = "KB641"

    def __init__(self, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}, line {line}: {why}; take the journal from a copy, nothing in it was changed")
        self.line = line


class JournalCut(SessionError):  # noqa: N818
    """The journal lacks what it was made with: its first line, or the opening of the episode."""

    code = "KB720"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} {why}, so it was cut short or emptied; nothing in it was changed. Take the journal from a copy; "
            "without one, keep this file and begin a new session in another"
        )


class OtherProgram(SessionError):  # noqa: N818
    """The journal was made for another protocol, version or content. `made_for`: that protocol, as `id@version`."""

    code = "KB642"

    def __init__(self, message: str, made_for: str = "") -> None:
        super().__init__(message)
        self.made_for = made_for


class NotAJournal(SessionError):  # noqa: N818
    """The file is no journal of ours, or cannot be opened."""

    code = "KB643"


class JournalExists(SessionError):  # noqa: N818
    """A new session would write over something."""

    code = "KB644"


class SessionClosed(SessionError):  # noqa: N818
    """The session was closed, or an earlier write failed: open it again."""

    code = "KB645"


class Record:
    """A chart that grows by checked entries, and the Program it is read with; kept in memory alone.

    Entries are corrected and retracted, never erased. A `Session` is one with a journal.
    """

    def __init__(self, program: Program | Guideline, opened: datetime | None = None) -> None:
        """`opened`: when the protocol's episode begins; charted as the first entry."""
        self._guideline = program
        self.program: Program = program if isinstance(program, Program) else program.program
        self._writing = Lock()
        self._chart = Chart()
        self._ids: dict[str, Entry] = {}
        self._gone: dict[str, str] = {}
        self._batches: list[tuple[str, ...]] = []
        if opened is not None:
            self.begin(opened)

    def close(self) -> None:
        """Give free what it is kept in; here nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ what is known

    @property
    def guideline(self) -> Guideline:
        """The Program ready to run."""
        from kb.interpreter import Guideline

        if not isinstance(self._guideline, Guideline):
            self._guideline = Guideline(self.program)
        return self._guideline

    @property
    def chart(self) -> Chart:
        """The chart as it stands, with corrected and retracted entries beside what replaced them."""
        return self._chart

    def advise(self, now: datetime, local: Mapping[str, Any] | None = None, *, require: str | None = None) -> Advice:
        """The protocol's advice on this chart at `now`; `require` as for `Guideline.advise`."""
        return self.guideline.advise(self._chart, now, local, require=require)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries in the order in which they came: each stands after what it corrects."""
        return tuple(self._ids.values())

    @property
    def batches(self) -> tuple[tuple[str, ...], ...]:
        """The ids of the entries that each `append` brought, in order: what came together is taken back together."""
        return tuple(self._batches)

    def gone(self, id: str) -> Entry | None:
        """The entry that replaced or retracted `id`; None while it stands."""
        return self._ids.get(self._gone.get(id, ""))

    def standing(self) -> tuple[Entry, ...]:
        """The entries that nothing replaced or retracted, in the order in which they came."""
        return tuple(entry for id, entry in self._ids.items() if id not in self._gone and not entry.retracts)

    # ------------------------------------------------------------ writing

    def begin(self, at: datetime) -> None:
        """Open the protocol's episode.

        Raises:
            ChartError: `at` is no time with an offset.

        """
        self.append(_opening(self.program, at))

    def append(self, *entries: Mapping[str, Any] | Entry) -> tuple[str, ...]:
        """Chart entries, all or none; they are on disk when this returns their ids.

        An entry without `id` is given one. `at` may be a date-time.

        Raises:
            ChartError: what is wrong with them; nothing was written.
            SessionClosed: the session is closed.

        """
        with self._writing:  # threads of one process share the journal, and the ids it gives out
            read = self._read(entries)
            if read:
                self._commit(read)
        return tuple(entry.id for entry in read)

    def correct(self, id: str, **changes: Any) -> str:
        """Replace an entry by one with `changes`; both stay in the journal. The id of the new one.

        Raises:
            ChartError: no such entry, or the new one is refused.

        """
        old = self._standing(id)
        data = {key: value for key, value in old.to_json().items() if key not in ("id", "replaces", "recorded")}
        return self.append({**data, **changes, "replaces": id})[0]

    def retract(self, id: str, at: datetime | None = None, reason: str = "") -> str:
        """Take an entry back, from `at` on (by default from its own time on). The id of the retraction.

        Raises:
            ChartError: no such entry.

        """
        old = self._standing(id)
        return self.append({"at": at or old.at, "retracts": id, "reason": reason or None})[0]

    def hand_over(self, to: Program | Guideline, at: datetime) -> None:
        """Go on with another protocol on the same chart, as a `hand_over` of this one asks; the caller has
        confirmed it. The episode of this protocol is closed and that of the other opened, both at `at`.

        Raises:
            OtherProgram: no step of this protocol hands over to it.
            SessionClosed: the session is closed.

        """
        made = to if isinstance(to, Program) else to.program
        name = f"{made.id}@{made.version.partition('.')[0]}"
        offered = sorted({step.hand_over for step in self.program.steps if step.hand_over})
        if name not in offered:
            listed = ", ".join(offered) or "none"
            raise OtherProgram(f"{self.program.id} does not hand over to {name}; it hands over to: {listed}")
        episode = {"at": at, "kind": "protocol"}
        closing = {**episode, "event": "closed", "protocol": self.program.id, "version": self.program.version}
        with self._writing:
            entries = self._read((closing, _opening(made, at)))
            self._commit(entries, {"program": _identity(made)})
            self.program, self._guideline = made, to

    def _standing(self, id: str) -> Entry:
        found = self._ids.get(id)
        if found is None:
            help = nearest(id, self._ids)
            raise ChartError([refusal("KB611", "", f"no entry has the id {quoted(id)}", help)])
        return found

    def _read(self, entries: tuple[Mapping[str, Any] | Entry, ...]) -> list[Entry]:
        """The entries, checked; nothing is changed by it."""
        self._check_open()
        problems: list[Refusal] = []
        read: list[Entry] = []
        taken = set(self._ids)
        gone = dict(self._gone)
        number = len(taken)
        for item in entries:
            if isinstance(item, Mapping) and item.get("id") is None:
                while f"e{number}" in taken:
                    number += 1
                item = {**item, "id": f"e{number}"}
            entry = read_entry(item, problems)
            if entry is None:
                continue
            if entry.id in taken:
                message = f"an entry has the id {quoted(entry.id)} already"
                problems.append(refusal("KB610", entry.about, message, "leave `id` out to be given one", entry.id))
            target = entry.replaces or entry.retracts
            if target and target not in taken:
                help = nearest(target, taken)
                problems.append(refusal("KB611", entry.about, f"no entry has the id {quoted(target)}", help, entry.id))
            elif target in gone:
                message = f"{quoted(target)} was replaced or retracted already"
                problems.append(refusal("KB611", entry.about, message, f"correct `{gone[target]}`", entry.id))
            elif entry.replaces and entry.replaces in self._ids and not same_matter(entry, self._ids[target]):
                problems.append(other_matter(entry, self._ids[target]))
            elif target:
                gone[target] = entry.id
            taken.add(entry.id)
            read.append(entry)
        for entry in read:
            alone = Chart((entry._replace(replaces=""),)) if not entry.retracts else Chart()
            problems += parse_chart(self.program, alone, entry.at, lenient=True).refused
        if problems:
            raise ChartError(problems)
        return read

    def _commit(self, entries: list[Entry], more: Mapping[str, Any] | None = None) -> None:
        """Take checked entries in; a journal writes them first, with `more` beside them."""
        self._take(entries)

    def _check_open(self) -> None:
        """Refuse where nothing can be written any more."""

    def _take(self, entries: list[Entry]) -> None:
        self._chart = self._chart.add(entries)
        self._batches.append(tuple(entry.id for entry in entries))
        for entry in entries:
            self._ids[entry.id] = entry
            if entry.replaces or entry.retracts:
                self._gone[entry.replaces or entry.retracts] = entry.id


class Session(Record):
    """A chart, its journal, and the Program it is read with. One writer at a time; close it, or use `with`.

    `set_aside` is the text a kill left unfinished at the end of the journal, empty if there was none; it is
    kept beside the journal in a file ending in `.torn`.
    """

    def __init__(self, path: Path, program: Program | Guideline, descriptor: int) -> None:
        """Use `create` or `open`."""
        super().__init__(program)
        self.path = path
        self._descriptor: int | None = descriptor
        self.set_aside = ""

    # ------------------------------------------------------------ opening and closing

    @classmethod
    def create(
        cls,
        path: str | Path,
        program: Program | Guideline,
        opened: datetime | None = None,
        complete_from: datetime | None = None,
    ) -> Session:
        """A new session in a new journal that only its owner can read.

        Args:
            path: where the journal is to be; folders that are missing are made, for the owner alone.
            program: what it will be read with, now and always.
            opened: when the protocol's episode begins; charted as the first entry.
            complete_from: from when on every therapy is charted.

        Raises:
            JournalExists: there is a file at `path`.
            NotAJournal: it cannot be made.

        """
        path = Path(path)
        made = program if isinstance(program, Program) else program.program
        header = {"journal": JOURNAL, **_identity(made)}
        try:
            opened = None if opened is None else parse_time(opened)
        except BadValue as bad:  # before anything is written
            raise ChartError([refusal("KB608", "opened", bad.message, bad.help or "")]) from None
        if complete_from is not None:
            header["complete_from"] = parse_time(complete_from).isoformat()
        begun = [] if opened is None else [{**_opening(made, opened), "id": "e0", "at": opened.isoformat()}]
        if opened is not None:  # so that a journal without its first entry is known to be cut
            header["opened"] = opened.isoformat()
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            try:
                _write(descriptor, _line(header) + b"".join(_line({"entries": [entry]}) for entry in begun))
            finally:
                os.close(descriptor)
            try:
                os.link(new, path)  # unlike a rename it never replaces what is there
            finally:
                os.unlink(new)
            _sync_folder(path.parent)
        except FileExistsError:
            raise JournalExists(f"{path} exists; open it, or choose another name") from None
        except OSError as error:
            raise NotAJournal(f"cannot make {path}: {error.strerror}") from error
        return cls.open(path, program)

    @classmethod
    def open(cls, path: str | Path, program: Program | Guideline) -> Session:
        """The session in a journal, with all that was acknowledged.

        Raises:
            SessionLocked: somebody writes it.
            JournalDamaged: a line but the last cannot be read.
            JournalCut: it lacks its first line, or the opening of the episode that it was made with.
            OtherProgram: it was made for another protocol, version or content.
            NotAJournal: it is no journal.

        """
        path = Path(path)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except OSError as error:
            raise NotAJournal(f"cannot open {path}: {error.strerror}") from error
        try:
            _lock(descriptor, path)
            os.fchmod(descriptor, 0o600)
            session = cls(path, program, descriptor)
            session._replay()
        except BaseException:
            os.close(descriptor)
            raise
        return session

    def close(self) -> None:
        """Give the journal free; closing twice is no fault."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    # ------------------------------------------------------------ writing

    def _commit(self, entries: list[Entry], more: Mapping[str, Any] | None = None) -> None:
        assert self._descriptor is not None
        size = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            _write(self._descriptor, _line({"entries": [entry.to_json() for entry in entries], **(more or {})}))
        except BaseException:
            # What was not acknowledged leaves no trace; if that fails too, the next opening sets it aside.
            try:
                os.ftruncate(self._descriptor, size)
                os.fsync(self._descriptor)
            except OSError:
                self.close()
            raise
        self._take(entries)

    def _check_open(self) -> None:
        if self._descriptor is None:
            raise SessionClosed(f"the session in {self.path} is closed")

    # ------------------------------------------------------------ replay

    def _replay(self) -> None:
        assert self._descriptor is not None
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(0)
            data = file.read()
        whole, newline, torn = data.rpartition(b"\n")
        lines = whole.split(b"\n") if newline else []
        if not data:
            raise JournalCut(self.path, "is empty")
        if not lines and data.startswith(b"{"):
            raise JournalCut(self.path, "has no whole line")
        if not lines:
            raise NotAJournal(f"{self.path} is not a journal: it has no first line")
        header = self._check_header(_parse(lines[0]))
        for number, line in enumerate(lines[1:], 2):
            found = _parse(line)
            listed = found.get("entries") if found is not None else None
            if found is None or not isinstance(listed, list):
                raise JournalDamaged(self.path, number, "the line is damaged")
            problems: list[Refusal] = []
            entries = [entry for item in listed if (entry := read_entry(item, problems)) is not None]
            if problems or any(entry.id in self._ids for entry in entries):
                raise JournalDamaged(self.path, number, str(problems[0]) if problems else "an id stands twice")
            self._take(entries)
            header |= found.get("program", {})
        self._check_program(header)
        if header.get("opened") and not any(entry.event == "opened" for entry in self._ids.values()):
            raise JournalCut(self.path, f"has no opening, and its episode began at {header['opened']}")
        if torn:
            self._set_aside(torn, len(data) - len(torn))

    def _check_header(self, header: dict[str, Any] | None) -> dict[str, Any]:
        if header is None or "journal" not in header:
            raise NotAJournal(f"{self.path} is not a journal: its first line does not say so")
        if str(header["journal"]).split(".")[0] != JOURNAL.split(".")[0]:
            raise NotAJournal(f"{self.path} is a journal of format {header['journal']}; this version reads {JOURNAL}")
        if header.get("complete_from"):
            self._chart = Chart((), parse_time(header["complete_from"]))
        return header

    def _check_program(self, header: Mapping[str, Any]) -> None:
        """`header` names the Program that the journal was made for, or was last handed over to."""
        program = self.program
        made_for = f"{header.get('protocol')}@{header.get('version')}"
        ours = f"{program.id}@{program.version}"
        if made_for != ours:
            raise OtherProgram(f"{self.path} was made for {made_for}, not for {ours}", made_for)
        for key, ours in (("logic_digest", program.logic_digest), ("text_digest", program.text_digest)):
            if header.get(key) != ours:
                message = f"{self.path} was made for another content of {made_for}: its {key.replace('_', ' ')} is "
                raise OtherProgram(f"{message}{str(header.get(key))[:16]}, that of this Program {ours[:16]}")

    def _set_aside(self, torn: bytes, size: int) -> None:
        assert self._descriptor is not None
        beside = self.path.with_name(self.path.name + ".torn")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            _write(descriptor, torn + b"\n")
        finally:
            os.close(descriptor)
        os.ftruncate(self._descriptor, size)
        os.fsync(self._descriptor)
        self.set_aside = torn.decode("utf-8", "replace")


def _opening(program: Program, at: datetime) -> dict[str, Any]:
    """The entry with which an episode begins."""
    named = {"protocol": program.id, "version": program.version, "digest": program.logic_digest}
    return {"kind": "protocol", "event": "opened", **named, "at": at}


def _identity(program: Program) -> dict[str, str]:
    """What tells one Program from another in a journal."""
    return {
        "protocol": program.id,
        "version": program.version,
        "logic_digest": program.logic_digest,
        "text_digest": program.text_digest,
    }


def _line(content: Mapping[str, Any]) -> bytes:
    """A journal line: the content, then its checksum."""
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    data = text.encode()
    return data[:-1] + f',"sum":"{crc32(data):08x}"}}\n'.encode()


def _parse(line: bytes) -> dict[str, Any] | None:
    """The content of a line, or None where it is not what was written."""
    content, mark, rest = line.rpartition(b',"sum":"')
    if not mark or rest[8:] != b'"}' or f"{crc32(content + b'}'):08x}".encode() != rest[:8]:
        return None
    try:
        found = json.loads(content + b"}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _write(descriptor: int, data: bytes) -> None:
    """Write all of `data` at the end and wait until it is on disk."""
    os.lseek(descriptor, 0, os.SEEK_END)
    while data:
        data = data[os.write(descriptor, data) :]
    os.fsync(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        raise NotAJournal("sessions need file locks as POSIX systems have them") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SessionLocked(f"{path} is being written by another session; close that one first") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
