"""Reviewing a protocol version: what is being signed, the record of it, and what it makes of the version.

    prepared = prepare(base, "fever", "1.0.0", Entry("approve", "ada-king", "clinical-lead", date.today()))
    write(base, prepared)

Nothing is written before `write`. Whatever the records, the policy or the checks do not let pass is a `ReviewError`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import NamedTuple

from kb.base import Base
from kb.codes import REVIEWS
from kb.diagnostics import Diagnostic, Severity, has_errors
from kb.digest import digests
from kb.folders import VERSION
from kb.formatter import format_text
from kb.interpreter import Guideline
from kb.ledger import Version
from kb.loader.plain import load_plain
from kb.lock import NAME, LockError, read_lock, stored
from kb.program import Program, Standing
from kb.review import (
    APPROVE,
    DECISIONS,
    RETIRE,
    START,
    SUBMIT,
    WITHDRAW,
    History,
    NotARecord,
    Record,
    fingerprint,
    read_history,
    record_from,
    refusal,
    said,
    state_at,
    with_id,
)
from kb.scenarios import run_scenario
from kb.signing import Signer, verify
from kb.source import read_text
from kb.store import latest


class ReviewError(ValueError):
    """A review that cannot be recorded. `code` is stable; `found` says what is wrong with the files."""

    def __init__(self, code: str, message: str, found: Iterable[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.found = tuple(found)


class Entry(NamedTuple):
    """What somebody decides: as the policy names them and their role."""

    decision: str
    who: str
    role: str
    on: date
    comment: str = ""
    valid_until: date | None = None


class Verdict(NamedTuple):
    """What the checks say of a version: findings (none about reviews), scenarios as expected, and all of them."""

    found: tuple[Diagnostic, ...]
    passed: int
    scenarios: int

    @property
    def fine(self) -> bool:
        """No error, and every scenario is as expected, of which there is at least one."""
        return not has_errors(self.found) and 0 < self.scenarios == self.passed

    @property
    def text(self) -> str:
        errors = sum(item.severity is Severity.ERROR for item in self.found)
        warned = _counted(len(self.found) - errors, "warning")
        tested = f"{self.passed} of {_counted(self.scenarios, 'scenario')} as expected"
        return f"{_counted(errors, 'error')}, {warned}; {tested}"


class Status(NamedTuple):
    """Where one version stands. `state` and `standing` are of what the files say now (None: they cannot be compiled);
    `kept` is the state of the stored Program, empty where none is stored, and `same` whether it is what the files say.
    """

    protocol: str
    version: str
    state: str
    standing: Standing
    digests: tuple[str, str] | None
    records: int
    kept: str = ""
    same: bool = True
    wrong: str = ""


class Prepared(NamedTuple):
    """A record that can be written, what the checks say of what it is about, and the state before and with it."""

    protocol: str
    version: str
    record: Record
    verdict: Verdict
    before: str
    after: str
    standing: Standing


def verdict(base: Base, id: str, version: str) -> Verdict:
    """What `kb check` and `kb test` say of one version."""
    found = tuple(item for item in base.check([f"{id}@{version}"])[0] if item.code not in REVIEWS)
    program = base.program(id, version)[0]
    if program is None:
        return Verdict(found, 0, 0)
    guideline = Guideline(program._replace(state="draft"))
    newest = version == latest(base.protocols()[id])
    scenarios = [each for file in base.scenario_files(id) for each in base.scenarios(file)[0]]
    mine = [item for item in scenarios if item.version == version or (not item.version and newest)]
    return Verdict(found, sum(run_scenario(guideline, item).passed for item in mine), len(mine))


def prepare(base: Base, id: str, version: str, entry: Entry, signer: Signer | None = None) -> Prepared:
    """The record of a decision about a version as its files are now, signed if there is a `signer`.

    Raises:
        ReviewError: the policy, the records or the checks do not allow it.

    """
    if entry.decision not in DECISIONS:
        raise ReviewError("KB206", f"there is no decision `{entry.decision}`; there are: {', '.join(DECISIONS)}")
    name = f"{id}@{version}"
    kept = base.ledger.kept(id, version)
    ending = entry.decision in (RETIRE, WITHDRAW)
    if kept.diagnostics and not (entry.decision == WITHDRAW and kept.history.records):
        raise ReviewError(
            "KB845", f"the review records of {name} cannot be added to until this is put right", kept.diagnostics
        )
    program, found = base.program(id, version)
    if program is None and not ending:
        raise ReviewError("KB705", f"{name} cannot be reviewed until this is put right", found)
    seen = verdict(base, id, version)
    if entry.decision in (SUBMIT, APPROVE) and not seen.fine:
        errors = [item for item in seen.found if item.severity is Severity.ERROR]
        more = "; a protocol without scenarios is untested" if not seen.scenarios else ""
        raise ReviewError("KB705", f"what has {seen.text} cannot be given `{entry.decision}`{more}", errors)
    content = (program.logic_digest, program.text_digest) if program is not None else ("", "")
    history = kept.history
    record = Record(
        id="",
        decision=entry.decision,
        who=entry.who,
        role=entry.role,
        date=entry.on.isoformat(),
        after=history.records[-1].id if history.records else "",
        logic=content[0],
        text=content[1],
        checks=seen.text,
        comment=" ".join(entry.comment.split()),
        valid_until=entry.valid_until.isoformat() if entry.valid_until is not None else "",
        key=_key(signer),
    )
    if signer is not None:
        record = record._replace(signature=signer.sign(said(id, version, record)))
    record = with_id(id, version, record)
    with_it = read_history(id, version, (*history.records, record), history.policy, verify)
    number = len(history.records)
    wrong = next((item for item in with_it.problems if not item.path or item.path[:2] == ("records", number)), None)
    if wrong is not None:
        own = f"\n    your key is: {signer.public}" if signer is not None and wrong.code == "KB846" else ""
        raise ReviewError(wrong.code, f"{wrong.message}; {wrong.help}{own}".rstrip("; "), base.ledger._policy[2])
    state, standing = with_it.state(*content)
    return Prepared(id, version, record, seen, history.state(*content)[0], state, standing)


def _key(signer: Signer | None) -> str:
    try:
        return fingerprint(signer.public) if signer is not None else ""
    except NotARecord as wrong:  # a `Signer` has none but Ed25519 keys
        raise AssertionError(signer) from wrong


def write(base: Base, prepared: Prepared) -> list[Path]:
    """Add the record to its file and write the lock anew; the files that changed.

    Raises:
        ReviewError: the file was changed meanwhile, or has a form that cannot be added to.

    """
    id, version, record = prepared.protocol, prepared.version, prepared.record
    file = base.ledger.file(id, version)
    before = file.read_text("utf-8") if file.exists() else _HEAD.format(id=id, version=version)
    text = format_text(before.rstrip("\n") + "\n" + _record_text(record), str(file), "review").text
    read, found = load_plain(file, "review", lambda path: read_text(text, str(path)))
    records = [record_from(item) for item in read.settings["records"]] if read is not None else []
    if not records or records[:-1] != list(base.ledger.history(id, version).records) or records[-1] != record:
        told = f"{file} cannot be added to: it was changed meanwhile, or it is not in the form of `kb fmt`"
        raise ReviewError("KB845", told, found)
    _replace(file, text)
    base.forget(file)
    return [file, *write_lock(base)]


_HEAD = """\
# Written by `kb review`. Records are added, never edited: each names the one before it.
format: 1
protocol: {id}
version: "{version}"
records:
"""


def _record_text(record: Record) -> str:
    values = ((name, value) for name, value in record._asdict().items() if value)
    free = ("comment", "checks", "date", "valid_until", "id", "after", "logic", "text", "signature")
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False) if name in free else value}" for name, value in values]
    return "  - " + "\n    ".join(lines) + "\n"


def write_lock(base: Base) -> list[Path]:
    """Write `approved.lock` and the stored Programs as policy and records ask for; the files that changed.

    Raises:
        ReviewError: a stored Program was changed, or signatures that count cannot be checked here.

    """
    programs = {key: program for key in base.ledger.versions() if (program := _program(base, *key)) is not None}
    wanted = base.ledger.wanted(programs)
    if wanted.refused:
        raise ReviewError(wanted.refused[0].code, f"{NAME} was not written", wanted.refused)
    changed = []
    for file, content in wanted.stored.items():
        if content is None:
            file.unlink(missing_ok=True)
        else:
            _replace(file, content)
        changed.append(file)
    lock = base.protocols_path / NAME
    held = lock.read_text("utf-8") if lock.exists() else ""
    if wanted.content != held:
        _replace(lock, wanted.content) if wanted.content else lock.unlink()
        changed.append(lock)
    return changed


def _program(base: Base, id: str, version: str) -> Program | None:
    return base.program(id, version)[0] if base.file(id, version) is not None else None


def _replace(file: Path, text: str) -> None:
    """All of it or nothing, as seen by whoever reads meanwhile."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8", newline="\n")
    os.replace(beside, file)


# ---------------------------------------------------------------- where things stand


def statuses(base: Base, names: Iterable[str] = (), on: date | None = None) -> list[Status]:
    """Where versions stand on a day (without one, no approval ends): all, or those named by id or `id@version`."""
    made = []
    for name in list(names) or list(base.protocols()):
        id, _, version = name.partition("@")
        held = {version for known, version in base.ledger.versions() if known == id and VERSION.fullmatch(version)}
        listed = sorted(
            {*base.protocols().get(id, ()), *held}, key=lambda text: [int(part) for part in text.split(".")]
        )
        for each in [version] if version else listed:
            made.append(_status(base, (id, each), on))
    return made


def _status(base: Base, key: Version, on: date | None) -> Status:
    history = base.ledger.history(*key)
    program = _program(base, *key)
    content = (program.logic_digest, program.text_digest) if program is not None else None
    state, standing = history.state(*(content or ("", "")))
    day = on.isoformat() if on is not None else ""
    kept, same, wrong = "", True, ""
    try:
        lock = read_lock(str(base.protocols_path))
        held = stored(str(base.protocols_path), lock, *key) if lock is not None else None
        if held is not None:
            kept, same = state_at(held.state, held.standing, day), digests(held) == content
    except LockError as error:
        wrong = str(error)
    return Status(*key, state_at(state, standing, day), standing, content, len(history.records), kept, same, wrong)


def next_decisions(history: History, logic: str, text: str) -> tuple[str, ...]:
    """What can be decided next about the content with these digests."""
    state = history.state(logic, text)[0]
    closed = next((item.decision for item in reversed(history.records) if item.decision in (WITHDRAW, RETIRE)), "")
    allowed = [decision for decision in DECISIONS if not refusal(decision, _reviewing(state), closed)]
    return tuple(decision for decision in allowed if not (decision == START and state != "submitted"))


def _reviewing(state: str) -> str:
    """An approved version is still under review in this: it may be approved again, and changes may be asked for."""
    return "under review" if state == "approved" else state


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
