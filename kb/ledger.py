"""The policy and the review records of a base: read, held against its files, and written into its lock.

`kb.review` says what records mean; this module adds files and places.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from kb.codec import ProgramError, checksum, program_file, program_from_json
from kb.codes import found
from kb.diagnostics import Diagnostic, Span
from kb.digest import digests
from kb.loader.plain import LocalDef, load_plain
from kb.lock import FORMAT, NAME, POLICY, LockError, file_digest, read_lock, reviews_path, stored, stored_path
from kb.program import Program
from kb.review import (
    APPROVE,
    APPROVED,
    DRAFT,
    RETIRED,
    START,
    SUBMIT,
    UNCHECKED,
    WITHDRAWN,
    History,
    NotARecord,
    Policy,
    Problem,
    Record,
    policy_from,
    policy_problems,
    read_history,
    record_from,
)
from kb.signing import verify
from kb.source import Reading, read_source

Version = tuple[str, str]
"""Id and version of a protocol."""


class Kept(NamedTuple):
    """The records of one version: what they amount to, their file's content as plain data, and what is wrong."""

    history: History
    data: tuple[Mapping[str, Any], ...]
    diagnostics: tuple[Diagnostic, ...]
    read: LocalDef


class Wanted(NamedTuple):
    """The lock as records and policy want it, and the stored Programs: content to write, None: to take away."""

    content: str
    stored: dict[Path, str | None]
    refused: tuple[Diagnostic, ...]


class Ledger:
    """Policy and records below the folder `protocols/` of a base. Nothing is read until it is asked for."""

    def __init__(self, protocols: Path, read: Reading = read_source) -> None:
        self.path = protocols
        self.read = read
        self._kept: dict[Version, Kept] = {}

    def forget(self) -> None:
        """Read everything anew: a file has changed."""
        self._kept.clear()
        self.__dict__.pop("_policy", None)

    # ------------------------------------------------------------ what there is

    @cached_property
    def _policy(self) -> tuple[Policy | None, Any, tuple[Diagnostic, ...]]:
        """The policy, its content as plain data, and what is wrong with it."""
        file = self.path / POLICY
        if not file.exists():
            return None, None, ()
        read, diagnostics = load_plain(file, "policy", self.read)
        if read is None:
            return Policy((), ()), None, tuple(diagnostics)  # one under which nothing can be approved
        data = {key: value for key, value in read.settings.items() if key != "format"}
        try:
            policy = policy_from(data)
        except NotARecord as wrong:
            return Policy((), ()), None, (*diagnostics, found("KB217", _top(read), str(wrong)))
        told = [_diagnostic(problem, read) for problem in policy_problems(policy)]
        return policy, data, (*diagnostics, *told)

    @property
    def policy(self) -> Policy | None:
        """The policy; None where the base has none, and nothing can be approved."""
        return self._policy[0]

    def versions(self) -> list[Version]:
        """Every version that has review records."""
        files = sorted(self.path.glob("*/reviews/*.yaml"))
        return [(file.parent.parent.name, file.stem) for file in files]

    def file(self, id: str, version: str) -> Path:
        """Where the records of a version are, or would be."""
        return self.path / reviews_path(id, version)

    def stored_file(self, id: str, version: str) -> Path:
        """Where the approved Program of a version is stored, or would be."""
        return self.path / stored_path(id, version)

    def kept(self, id: str, version: str) -> Kept:
        """The records of a version; none where it has no file of them."""
        if (id, version) not in self._kept:
            self._kept[id, version] = self._read(id, version)
        return self._kept[id, version]

    def history(self, id: str, version: str) -> History:
        """The records of a version, read under the policy."""
        return self.kept(id, version).history

    def _read(self, id: str, version: str) -> Kept:
        file = self.file(id, version)
        if not file.exists():
            return Kept(read_history(id, version, (), self.policy, verify), (), (), LocalDef())
        read, diagnostics = load_plain(file, "review", self.read)
        if read is None:
            unread = Problem("KB845", (), "the review records cannot be read, so none of them counts")
            return Kept(History(id, version, (), self.policy, (), (unread,)), (), tuple(diagnostics), LocalDef())
        records: list[Record] = []
        told: list[Problem] = []
        data = read.settings["records"]
        for number, item in enumerate(data):
            try:
                records.append(record_from(item))
            except NotARecord as wrong:
                key = "valid_until" if str(item.get("valid_until", "-")) in str(wrong) else "date"
                code = "KB217" if "no date" in str(wrong) else "KB202"
                told.append(Problem(code, ("records", number, key), str(wrong), "a record is made by `kb review`"))
        history = read_history(id, version, tuple(records), self.policy, verify)
        if told:
            history = history._replace(problems=(*told, *history.problems))
        for key, code, wanted, what in (
            ("protocol", "KB218", id, "folder"),
            ("version", "KB212", version, "name of this file"),
        ):
            if read.settings[key] != wanted:
                place = read.spans.get((key, ""), _top(read))
                message = f"these records are of `{read.settings[key]}`, and the {what} is `{wanted}`"
                diagnostics.append(found(code, place, message, "records stay with the version they are about"))
                history = history._replace(problems=(*history.problems, Problem(code, (), message)))
        told = told or [problem for problem in history.problems if problem.path]
        diagnostics += [_diagnostic(problem, read) for problem in told]
        return Kept(history, tuple(data), tuple(diagnostics), read)

    def reviewed(self, program: Program) -> Program:
        """`program` with the state that its review records give it."""
        if not self.file(program.id, program.version).exists():
            return program
        state, standing = self.history(program.id, program.version).state(program.logic_digest, program.text_digest)
        return program._replace(state=state, standing=standing)

    # ------------------------------------------------------------ what is wrong

    def check_version(self, id: str, version: str, program: Program | None) -> Iterator[Diagnostic]:
        """Everything wrong with the records of one version; its files give `program` (None: they do not compile)."""
        kept = self.kept(id, version)
        yield from kept.diagnostics
        if kept.diagnostics or not kept.history.records:
            return
        history = kept.history
        for number, signature in enumerate(history.signatures):
            if signature == UNCHECKED:
                what = (
                    f"the signature of `{history.records[number].who}` was not checked: `cryptography` is not installed"
                )
                yield _found(
                    "KB850", ("records", number, "signature"), what, "pip install 'guideline-kb[signing]'", kept
                )
        last = len(history.records) - 1
        record = history.records[last]
        if program is None or record.decision not in (SUBMIT, START, APPROVE):
            return
        pairs = (("logic", record.logic, program.logic_digest), ("text", record.text, program.text_digest))
        changed = [side for side, then, now in pairs if then != now]
        if changed:
            sides = {"logic": "what decides", "text": "the wording or evidence"}
            parts = " and ".join(f"{sides[side]} (the {side} digest)" for side in changed)
            still = "; what was approved is stored and still runs" if self.stored_file(id, version).exists() else ""
            yield _found(
                "KB847",
                ("records", last, changed[0]),
                f"{parts} has changed since `{record.who}` decided `{record.decision}`: it is a draft again{still}",
                f"undo it, make the next version (`kb new {id}@…`), or submit it: `kb review {id}@{version} submit`",
                kept,
                "nobody has reviewed what the files say now",
            )

    def check(self, programs: Mapping[Version, Program | None], whole: bool) -> tuple[list[Diagnostic], list[Path]]:
        """Everything wrong with policy, records and lock; and the files looked at.

        `programs` has what the files of each version under test give; `whole`: it is the whole base.
        """
        told: list[Diagnostic] = list(self._policy[2])
        files = [self.path / POLICY] if (self.path / POLICY).exists() else []
        reviewed = self.versions()
        for id, version in reviewed:
            if (id, version) in programs:
                told += self.check_version(id, version, programs[id, version])
            elif whole and not self.stored_file(id, version).exists():
                what = f"these records are about {id}@{version}, which this base does not have"
                told.append(
                    found("KB852", Span(str(self.file(id, version))), what, "bring the version back, or move them out")
                )
            elif not whole:
                continue
            files.append(self.file(id, version))
        if whole and (reviewed or (self.path / NAME).exists()):
            if not told:
                told += self._check_lock({key: program for key, program in programs.items() if program is not None})
            files += [self.path / NAME] if (self.path / NAME).exists() else []
        return told, files

    def _check_lock(self, programs: Mapping[Version, Program]) -> Iterator[Diagnostic]:
        path = self.path / NAME
        place = Span(str(path))
        try:
            lock = read_lock(str(self.path))
            for id, version in lock.pins if lock is not None else ():
                stored(str(self.path), lock, id, version)  # type: ignore[arg-type]  # there is one where it has pins
        except LockError as wrong:
            yield found(wrong.code, place, str(wrong))
            return
        wanted = self.wanted(programs)
        if wanted.refused:
            yield from wanted.refused
        elif (path.read_text("utf-8") if path.exists() else _EMPTY) != wanted.content or wanted.stored:
            yield found(
                "KB849",
                place if path.exists() else Span(str(self.path)),
                f"{NAME} does not say what the policy and the review records say",
                "`kb lock` writes it anew",
                "what runs is what the lock says",
            )

    # ------------------------------------------------------------ the lock

    def wanted(self, programs: Mapping[Version, Program]) -> Wanted:
        """The lock that records and policy ask for; `programs` has what the files of each version give."""
        _, policy, _ = self._policy
        versions: dict[str, Any] = {}
        files: dict[Path, str | None] = {}
        refused: list[Diagnostic] = []
        pins = self._pinned()
        for id, version in self.versions():
            kept = self.kept(id, version)
            if UNCHECKED in kept.history.signatures and self.policy is not None and self.policy.signatures:
                what = f"the signatures of {id}@{version} cannot be checked: `cryptography` is not installed"
                help = "pip install 'guideline-kb[signing]'"
                refused.append(found("KB850", Span(str(self.file(id, version))), what, help))
                continue
            program, file = programs.get((id, version)), self.stored_file(id, version)
            content = file.read_text("utf-8") if file.exists() else None
            pinned = pins.get((id, version), "")
            if content is not None and pinned and file_digest(content.encode()) != pinned:
                what = f"{file.name} is not the Program that was approved: it was changed after {NAME} was written"
                refused.append(found("KB848", Span(str(file)), what, "take it from the history, or remove it"))
                continue
            now = kept.history.state(program.logic_digest, program.text_digest)[0] if program is not None else DRAFT
            if (
                program is not None
                and now == APPROVED
                and _digests(content) != (program.logic_digest, program.text_digest)
            ):
                content = files[file] = _program_text(program)
            then = kept.history.state(*(_digests(content) or ("", "")))[0]
            if content is not None and then not in (APPROVED, RETIRED, WITHDRAWN):
                content = files[file] = None  # its approval was taken back
            if content is not None or then in (RETIRED, WITHDRAWN):
                held: dict[str, Any] = {"program": file_digest(content.encode())} if content is not None else {}
                held["reviews"] = file_digest(self.file(id, version).read_bytes())
                versions[f"{id}@{version}"] = {**held, "records": list(kept.data)}
        if not versions:
            return Wanted(_EMPTY, files, tuple(refused))
        data: dict[str, Any] = {"format": FORMAT}
        if policy is not None:
            data |= {"policy_file": file_digest((self.path / POLICY).read_bytes()), "policy": policy}
        text = json.dumps({**data, "versions": versions}, ensure_ascii=False, indent=1) + "\n"
        return Wanted(text, files, tuple(refused))

    def _pinned(self) -> dict[Version, str]:
        try:
            lock = read_lock(str(self.path))
        except LockError:
            return {}
        return {key: pin.program for key, pin in lock.pins.items()} if lock is not None else {}


_EMPTY = ""


def _program_text(program: Program) -> str:
    return json.dumps(program_file(program), ensure_ascii=False, indent=1) + "\n"


def _digests(content: str | None) -> tuple[str, str] | None:
    """Of the Program in a stored file, taken anew; None where it is none."""
    if content is None:
        return None
    try:
        data = json.loads(content)
        if not isinstance(data, dict) or data.pop("checksum", "") != checksum(data):
            return None
        return digests(program_from_json(data))
    except (ValueError, RecursionError, ProgramError):
        return None


def _top(read: LocalDef) -> Span:
    return next(iter(read.spans.values()))


def _diagnostic(problem: Problem, read: LocalDef) -> Diagnostic:
    path = problem.path
    place = read.spans.get((*path, "")) or read.spans.get(path)
    while place is None and path:
        path = path[:-1]
        place = read.spans.get(path)
    return found(problem.code, place or _top(read), problem.message, problem.help or None, problem.why or None)


def _found(code: str, path: tuple[str | int, ...], message: str, help: str, kept: Kept, why: str = "") -> Diagnostic:
    return _diagnostic(Problem(code, path, message, help, why), kept.read)
