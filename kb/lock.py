"""`protocols/approved.lock`: what was approved, as the running side reads it, with the standard library alone.

The lock holds what `protocols/policy.yaml` and the review records say, as JSON, and pins each stored Program
(`protocols/<id>/approved/<version>.json`) and each of those YAML files by its SHA-256. No state stands in it: that is
worked out anew from the records whenever a Program is loaded, over digests taken anew from the Program.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from kb.codec import ProgramError, checksum, program_from_json
from kb.digest import digests
from kb.program import Program
from kb.records import TYPE_CHECKING, NamedTuple
from kb.review import APPROVED, DRAFT, History, NotARecord, Policy, Record, policy_from, read_history, record_from
from kb.signing import verify

if TYPE_CHECKING:
    from typing import Any

NAME = "approved.lock"
POLICY = "policy.yaml"
FORMAT = 1


class LockError(ValueError):
    """The lock, a stored Program or the records beside it are not what was pinned. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Pin(NamedTuple):
    """What the lock says of one version: digests of the stored Program's file (empty: none is stored) and of the
    file of records, and the records.
    """

    program: str
    reviews: str
    records: tuple[Record, ...]


class Lock(NamedTuple):
    """`policy_file` is the digest of the policy's file; `pins` are by id and version."""

    policy: Policy | None
    policy_file: str
    pins: Mapping[tuple[str, str], Pin]

    def approved(self, protocols: str, id: str) -> list[str]:
        """Versions of `id` whose stored Program is approved.

        Raises:
            LockError: one of them is not what was pinned.

        """
        versions = [version for held, version in self.pins if held == id and self.pins[held, version].program]
        found = {version: stored(protocols, self, id, version) for version in versions}
        return [version for version, program in found.items() if program is not None and program.state == APPROVED]


def stored_path(id: str, version: str) -> str:
    """Where the approved Program of a version is stored, below `protocols/`."""
    return f"{id}/approved/{version}.json"


def reviews_path(id: str, version: str) -> str:
    """Where the review records of a version are, below `protocols/`."""
    return f"{id}/reviews/{version}.yaml"


def file_digest(content: bytes) -> str:
    """SHA-256 of a text file, the same whatever ends its lines."""
    import hashlib

    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def read_lock(protocols: str) -> Lock | None:
    """The lock of a folder `protocols/`; None where there is none.

    Raises:
        LockError: it cannot be read.

    """
    path = os.path.join(protocols, NAME)
    content = _content(path)
    if content is None:
        return None
    try:
        data = json.loads(content, object_pairs_hook=_once)
        return _lock(data)
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, NotARecord) else "it is not JSON of the right form"
        raise LockError("KB848", f"{path} cannot be read: {why}; `kb lock` writes it anew from the records") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NotARecord("a key stands twice")
    return made


def _lock(data: Any) -> Lock:
    if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("versions"), dict):
        raise NotARecord(f"its format is not {FORMAT}")
    pins: dict[tuple[str, str], Pin] = {}
    for name, held in data["versions"].items():
        id, at, version = name.partition("@")
        if not (_plain(id, "-") and at and _plain(version, ".")) or not isinstance(held, dict):
            raise NotARecord(f"`{name[:40]}` is no version of a protocol")
        records = held.get("records")
        if not isinstance(records, list) or not all(
            isinstance(held.get(key, ""), str) for key in ("program", "reviews")
        ):
            raise NotARecord(f"what it says of {name} has not its form")
        pins[id, version] = Pin(held.get("program", ""), held.get("reviews", ""), tuple(map(record_from, records)))
    policy, policy_file = data.get("policy"), data.get("policy_file", "")
    if not isinstance(policy_file, str):
        raise NotARecord("`policy_file` is a digest")
    return Lock(policy_from(policy) if policy is not None else None, policy_file, pins)


def _plain(text: str, joint: str) -> bool:
    """Whether a name can stand in a path."""
    return all(part.isascii() and part.isalnum() for part in text.split(joint))


def stored(protocols: str, lock: Lock, id: str, version: str) -> Program | None:
    """The stored Program of a version with the state that its records give it; None where none is pinned.

    Raises:
        LockError: it is not what was pinned, or the policy or records beside it have changed since.

    """
    pin = lock.pins.get((id, version))
    if pin is None:
        return None
    name = f"{id}@{version}"
    for file, pinned in ((POLICY, lock.policy_file), (reviews_path(id, version), pin.reviews)):
        content = _content(os.path.join(protocols, *file.split("/")))
        if content is not None and file_digest(content) != pinned:
            told = f"{file} has changed since {NAME} was written, so whether {name} is approved cannot be told"
            raise LockError("KB849", f"{told}; `kb check` it, then `kb lock`")
    if not pin.program:
        return None
    path = os.path.join(protocols, *stored_path(id, version).split("/"))
    content = _content(path)
    if content is None:
        raise LockError("KB848", f"{path} is missing: {name} was approved, and its stored Program is what runs")
    if file_digest(content) != pin.program:
        told = f"{path} is not the Program that was approved: it was changed after {NAME} was written"
        raise LockError("KB848", f"{told}; take it from the history, or have the version reviewed again")
    try:
        data = json.loads(content)
        if isinstance(data, dict) and data.pop("checksum", "") != checksum(data):
            raise ProgramError("it does not have the checksum it states")
        program = program_from_json(data)
    except (ValueError, RecursionError) as error:
        raise LockError("KB848", f"{path} is not a compiled Program: {error}") from error
    if (program.id, program.version) != (id, version):
        raise LockError("KB848", f"{path} is {program.id}@{program.version}, not {name}")
    logic, text = digests(program)  # taken anew: what the file says of itself is not believed
    state, standing = history(lock, id, version).state(logic, text)
    program = program._replace(logic_digest=logic, text_digest=text, state=state, standing=standing)
    if state == DRAFT:
        why = standing.reason or "no approval is about these digests"
        raise LockError("KB848", f"{NAME} pins {name}, but its records do not approve it: {why}")
    return program


def history(lock: Lock, id: str, version: str) -> History:
    """The records that the lock has of a version, read under the policy that it has."""
    pin = lock.pins.get((id, version))
    return read_history(id, version, pin.records if pin is not None else (), lock.policy, verify)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LockError("KB848", f"cannot read {path}: {error.strerror}") from error
