"""Whether people have approved a protocol version: worked out from review records, never typed by anyone.

Records are about two digests, of what decides and of what is said (`kb.digest`). A state holds for one pair of digests:
what has others is a draft. Each record is named by the SHA-256 of what it says, of the version it is about and of
the record before it, so that an edited, moved or replayed record is seen. That is no proof of who wrote it: whoever
can write the file can write all of it anew. A signature is, and a record without one is called unsigned wherever it
is shown.

Pure: no clock, no files. The running side reads the same records through it as `kb check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kb.program import Signed, Standing
from kb.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    # (public key, message, signature) to: it is the key's signature; None where that cannot be checked here.
    Verify: TypeAlias = Callable[[str, bytes, str], bool | None]

SUBMIT, START, APPROVE, CHANGES = "submit", "start", "approve", "request-changes"
RETIRE, WITHDRAW = "retire", "withdraw"
DECISIONS = (SUBMIT, START, APPROVE, CHANGES, RETIRE, WITHDRAW)

DRAFT, SUBMITTED, UNDER_REVIEW, APPROVED = "draft", "submitted", "under review", "approved"
RETIRED, WITHDRAWN = "retired", "withdrawn"
EXPIRED = "expired"  # approved until a day that is over

VERIFIED, UNSIGNED, UNCHECKED, WRONG = "verified", "unsigned", "not checked", "wrong"


class NotARecord(ValueError):  # noqa: N818 - reads as what it says
    """Data that is no record or policy; the text says why."""


class Record(NamedTuple):
    """What one person decided about a version. Dates are `YYYY-MM-DD`; empty: not said."""

    id: str
    decision: str
    who: str
    role: str
    date: str
    after: str = ""
    logic: str = ""
    text: str = ""
    checks: str = ""
    comment: str = ""
    valid_until: str = ""
    key: str = ""
    signature: str = ""


class Person(NamedTuple):
    """Who may sign, as what, with which public keys (`ssh-ed25519 …`), and until when."""

    id: str
    name: str
    roles: tuple[str, ...]
    keys: tuple[str, ...] = ()
    until: str = ""


class Policy(NamedTuple):
    """`roles` must all have approved. `signatures`: an approval must be signed. `several_roles`: one person may
    approve in more than one. `own_work`: who submitted may approve. `valid_days`: how long an approval lasts; 0: for
    good.
    """

    roles: tuple[str, ...]
    people: tuple[Person, ...]
    signatures: bool = False
    several_roles: bool = False
    own_work: bool = False
    valid_days: int = 0

    def person(self, id: str) -> Person | None:
        return next((person for person in self.people if person.id == id), None)


class Problem(NamedTuple):
    """Why records do not count. `path`: where in the file, from its top."""

    code: str
    path: tuple[str | int, ...]
    message: str
    help: str = ""
    why: str = ""


class History(NamedTuple):
    """The records of one version, read under a policy. With any problem nothing in them approves anything."""

    protocol: str
    version: str
    records: tuple[Record, ...]
    policy: Policy | None
    signatures: tuple[str, ...]  # of each record: verified, unsigned, not checked or wrong
    problems: tuple[Problem, ...]

    def state(self, logic: str, text: str) -> tuple[str, Standing]:
        """State of the content with these digests, who signed it, and what it lacks.

        Retired and withdrawn are said of the version, whatever its content; they hold even where the records have
        problems, because doubt must not bring a withdrawn protocol back.
        """
        for decision, state in ((WITHDRAW, WITHDRAWN), (RETIRE, RETIRED)):
            last = next((record for record in reversed(self.records) if record.decision == decision), None)
            if last is not None:
                return state, Standing(reason=last.comment)
        if self.problems:
            return DRAFT, Standing(reason="the review records have problems, so none of them counts: see `kb check`")
        state, reason = DRAFT, ""
        approvals: dict[str, int] = {}
        for number, record in enumerate(self.records):
            if (record.logic, record.text) == (logic, text):
                state, approvals, reason = _after(state, approvals, record, number)
        if state == DRAFT:
            return state, Standing(reason=reason)
        return self._standing(state, approvals)

    def _standing(self, state: str, approvals: Mapping[str, int]) -> tuple[str, Standing]:
        policy = self.policy
        signed, ends = [], []
        for role, number in approvals.items():
            record = self.records[number]
            person = policy.person(record.who) if policy is not None else None
            signed.append(Signed(record.who, person.name if person else "", role, record.date, self.signatures[number]))
            ends += [end for end in (record.valid_until, _later(record.date, policy)) if end]
        if policy is None:
            return state, Standing(signed=tuple(signed), reason="the base has no policy, so nothing can be approved")
        counting = {item.role for item in signed if item.signature == VERIFIED or not policy.signatures}
        missing = tuple(role for role in policy.roles if role not in counting)
        unchecked = any(item.signature == UNCHECKED and item.role in missing for item in signed)
        reason = "signatures cannot be checked here: pip install 'guideline-kb[signing]'" if unchecked else ""
        if state == UNDER_REVIEW and not missing:
            state = APPROVED
        return state, Standing(tuple(signed), missing, min(ends, default=""), reason)


def state_at(state: str, standing: Standing, day: str) -> str:
    """`state` on a day: an approval that is over is `expired`."""
    return EXPIRED if state == APPROVED and standing.valid_until and day > standing.valid_until else state


def read_history(
    protocol: str, version: str, records: tuple[Record, ...], policy: Policy | None, verify: Verify
) -> History:
    """The records of a version held against each other, their own ids, the policy and their signatures."""
    if policy is not None and policy_problems(policy):
        unread = tuple(UNCHECKED if record.signature else UNSIGNED for record in records)
        unusable = Problem("KB843", (), "the policy of the base cannot be used, so nothing in it is approved")
        return History(protocol, version, records, policy, unread, (unusable,))
    problems: list[Problem] = []
    signatures: list[str] = []
    states: dict[tuple[str, str], tuple[str, dict[str, int], str]] = {}
    submitters: dict[tuple[str, str], str] = {}
    closed = ""
    for number, record in enumerate(records):
        content = record.logic, record.text
        state, approvals, _ = states.get(content, (DRAFT, {}, ""))
        told = list(_chained(protocol, version, records, number))
        if not told:
            told = list(_in_turn(record, number, state, closed))
        told += _allowed(record, number, policy)
        signature, wrong = _signature(protocol, version, record, number, policy, verify)
        signatures.append(signature)
        told += wrong
        if not told and policy is not None and record.decision == APPROVE:
            told += _four_eyes(records, number, approvals, submitters.get(content, ""), policy)
        problems += told
        if record.decision == SUBMIT:
            submitters[content] = record.who
        if record.decision in (RETIRE, WITHDRAW):
            closed = record.decision
        states[content] = _after(state, approvals, record, number)
    return History(protocol, version, records, policy, tuple(signatures), tuple(problems))


def _after(state: str, approvals: dict[str, int], record: Record, number: int) -> tuple[str, dict[str, int], str]:
    """State, approvals by role (numbers of records) and the reason for a draft, once `record` is in."""
    if record.decision == SUBMIT:
        return SUBMITTED, {}, ""
    if record.decision == CHANGES:
        return DRAFT, {}, f"changes requested by {record.who}: {record.comment}"
    if state in (SUBMITTED, UNDER_REVIEW):
        if record.decision == APPROVE:
            return UNDER_REVIEW, {**approvals, record.role: number}, ""
        if record.decision == START:
            return UNDER_REVIEW, approvals, ""
    return state, approvals, ""


# ---------------------------------------------------------------- what a record says, and its name


def said(protocol: str, version: str, record: Record) -> bytes:
    """What the id of a record is taken of, and what is signed: all but these two, and the version it is about."""
    import json

    content = {name: value for name, value in record._asdict().items() if value and name not in ("id", "signature")}
    whole = {"review": 1, "protocol": protocol, "version": version, "record": content}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def with_id(protocol: str, version: str, record: Record) -> Record:
    """`record` under the name that its content gives it."""
    import hashlib

    return record._replace(id=hashlib.sha256(said(protocol, version, record)).hexdigest())


def fingerprint(key: str) -> str:
    """Of a public key `ssh-ed25519 …`, as `ssh-keygen -lf` shows it.

    Raises:
        NotARecord: the text is no such key.

    """
    import base64
    import hashlib

    words = key.split()
    try:
        raw = base64.b64decode(words[1], validate=True)
    except (IndexError, ValueError):
        raw = b""
    # The form of RFC 8709: the name of the algorithm and 32 bytes of key, each with its length before it.
    if words[:1] != ["ssh-ed25519"] or len(raw) != 51 or raw[:19] != b"\0\0\0\x0bssh-ed25519\0\0\0 ":
        raise NotARecord("it is not a public key of the form `ssh-ed25519 AAAA…`")
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode("ascii").rstrip("=")


def record_from(data: object) -> Record:
    """A record from plain data, as YAML or JSON gives it.

    Raises:
        NotARecord: it is none.

    """
    if not isinstance(data, Mapping):
        raise NotARecord("a record is a group of keys")
    for name in data:
        if name not in Record._fields:
            raise NotARecord(f"a record has no `{name}`")
    values = {name: _text(data, name) for name in data}
    missing = [name for name in ("id", "decision", "who", "role", "date") if not values.get(name)]
    if missing:
        raise NotARecord(f"a record needs `{missing[0]}`")
    if values["decision"] not in DECISIONS:
        raise NotARecord(f"`{values['decision']}` is no decision")
    for name in ("date", "valid_until"):
        if values.get(name) and not _is_date(values[name]):
            raise NotARecord(f"`{values[name]}` is no date")
    if not (values.get("logic") and values.get("text")) and values["decision"] not in (RETIRE, WITHDRAW):
        raise NotARecord("a record names both digests of what it is about")
    return Record(**values)


def policy_from(data: object) -> Policy:
    """A policy from plain data, as YAML or JSON gives it.

    Raises:
        NotARecord: it is none.

    """
    if not isinstance(data, Mapping) or not isinstance(
        data.get(
            "approval",
        ),
        Mapping,
    ):
        raise NotARecord("a policy says `approval:`")
    if not isinstance(data.get("people"), Mapping):
        raise NotARecord("a policy says who the `people` are")
    approval = data["approval"]
    people = []
    for id, person in data["people"].items():
        if not isinstance(person, Mapping):
            raise NotARecord("a person is a group of keys")
        until = _text(person, "until")
        if until and not _is_date(until):
            raise NotARecord(f"`{until}` is no date")
        roles, keys = _texts(person, "roles"), _texts(person, "keys")
        people.append(Person(str(id), _text(person, "name"), roles, keys, until))
    days = approval.get("valid_days", 0)
    if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= 36525:
        raise NotARecord("`valid_days` is a whole number of days")
    words = {"signatures": ("required", "optional"), "several_roles": (True, False), "own_work": (True, False)}
    for name, offered in words.items():
        if approval.get(name, offered[1]) not in offered:
            raise NotARecord(f"`{name}` is `{offered[0]}` or `{offered[1]}`")
    return Policy(
        roles=_texts(approval, "roles"),
        people=tuple(people),
        signatures=approval.get("signatures") == "required",
        several_roles=approval.get("several_roles") is True,
        own_work=approval.get("own_work") is True,
        valid_days=days,
    )


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise NotARecord(f"`{name}` is text")
    return value


def _texts(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = data.get(name, ())
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise NotARecord(f"`{name}` is a list of words")
    return tuple(value)


def _is_date(text: str) -> bool:
    from datetime import date

    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _later(day: str, policy: Policy | None) -> str:
    """The day on which an approval of `day` ends by the policy; empty where it does not."""
    from datetime import date, timedelta

    if policy is None or not policy.valid_days:
        return ""
    try:
        return (date.fromisoformat(day) + timedelta(days=policy.valid_days)).isoformat()
    except OverflowError:
        return ""


# ---------------------------------------------------------------- what can be wrong


def policy_problems(policy: Policy) -> tuple[Problem, ...]:
    """What is wrong with a policy that has its shape: under any of it, nothing can be approved."""
    found: list[Problem] = []
    if not policy.roles:
        found.append(Problem("KB843", ("approval",), "no role must sign", "name at least one under `roles`"))
    held = {role for person in policy.people if not person.until for role in person.roles}
    for number, role in enumerate(policy.roles):
        if role not in held:
            what = f"nobody is `{role}`, so nothing can be approved"
            found.append(Problem("KB843", ("approval", "roles", number), what, "name who is, under `people`"))
    names: dict[str, str] = {}
    keys: dict[str, str] = {}
    for person in policy.people:
        place = ("people", person.id)
        name = " ".join(person.name.casefold().split())
        if name and names.setdefault(name, person.id) != person.id:
            what = f"`{person.id}` and `{names[name]}` have one name: one person stands once"
            found.append(
                Problem("KB843", (*place, "name"), what, "give one of them a name that tells them apart, or join them")
            )
        for number, key in enumerate(person.keys):
            try:
                mark = fingerprint(key)
            except NotARecord as wrong:
                help = "take the one line of the `.pub` file that `ssh-keygen -t ed25519` makes"
                found.append(Problem("KB843", (*place, "keys", number), f"a key of `{person.id}`: {wrong}", help))
                continue
            if keys.setdefault(mark, person.id) != person.id:
                what = f"`{person.id}` and `{keys[mark]}` have one key"
                found.append(
                    Problem("KB843", (*place, "keys", number), what, "each person signs with a key of their own")
                )
    return tuple(found)


def _chained(protocol: str, version: str, records: tuple[Record, ...], number: int) -> list[Problem]:
    record = records[number]
    before = records[number - 1].id if number else ""
    if with_id(protocol, version, record).id != record.id:
        return [
            Problem(
                "KB845",
                ("records", number, "id"),
                f"this record of `{record.who}` is not what its id was made of: it was edited, or is another version's",
                "take it as it was from the history of the file; what is said anew is a new record, by `kb review`",
                "nobody signed what it says now",
            )
        ]
    if record.after != before:
        key = "after" if record.after else "id"
        return [
            Problem(
                "KB844",
                ("records", number, key),
                "this record does not follow the one before it: one was removed, put in or moved",
                "take the file as it was from its history; of two added side by side, one is given again",
                "a review that is gone may be the one that asked for changes",
            )
        ]
    if number and record.date < records[number - 1].date:
        what = f"this record is of {record.date}, the one before it of {records[number - 1].date}"
        return [
            Problem("KB844", ("records", number, "date"), what, "records are added in the order in which they are made")
        ]
    return []


_NEEDS = {
    START: (SUBMITTED, UNDER_REVIEW),
    APPROVE: (SUBMITTED, UNDER_REVIEW),
    CHANGES: (SUBMITTED, UNDER_REVIEW),
}


def refusal(decision: str, state: str, closed: str) -> str:
    """Why a decision cannot be made about what has this state; empty where it can."""
    if closed == WITHDRAW or (closed == RETIRE and decision != WITHDRAW):
        return f"the version was {WITHDRAWN if closed == WITHDRAW else RETIRED}; that is the end of it"
    if decision == SUBMIT and state != DRAFT:
        return "the same content was submitted already"
    if decision in _NEEDS and state not in _NEEDS[decision]:
        return f"`{decision}` is about what was submitted, and nobody has submitted content with these digests"
    return ""


def _in_turn(record: Record, number: int, state: str, closed: str) -> list[Problem]:
    why = refusal(record.decision, state, closed)
    return [Problem("KB844", ("records", number, "decision"), why, "`kb review` adds records in turn")] if why else []


def _allowed(record: Record, number: int, policy: Policy | None) -> list[Problem]:
    def wrong(key: str, what: str, help: str, code: str = "KB842") -> list[Problem]:
        return [Problem(code, ("records", number, key), what, help, "an approval counts only from who may give it")]

    if policy is None:
        if record.decision != APPROVE:
            return []
        help = "write protocols/policy.yaml: which roles must sign, and who has them"
        return wrong("decision", "there is no policy under which this approval could count", help, "KB841")
    person = policy.person(record.who)
    if person is None:
        return wrong("who", f"the policy does not know `{record.who}`", _near(record.who, policy))
    if record.role not in person.roles:
        roles = ", ".join(f"`{role}`" for role in person.roles) or "nothing"
        return wrong("role", f"`{record.who}` is not `{record.role}` by the policy", f"by the policy they are {roles}")
    if record.decision == APPROVE and record.role not in policy.roles:
        roles = ", ".join(f"`{role}`" for role in policy.roles)
        return wrong("role", f"an approval as `{record.role}` counts for nothing", f"the policy asks for {roles}")
    if person.until and record.date > person.until:
        return wrong("date", f"`{record.who}` could sign until {person.until} only", "somebody else signs in that role")
    return []


def _near(name: str, policy: Policy) -> str:
    from difflib import get_close_matches

    known = [person.id for person in policy.people]
    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"it knows {', '.join(known) or 'nobody'}"


def _signature(
    protocol: str, version: str, record: Record, number: int, policy: Policy | None, verify: Verify
) -> tuple[str, list[Problem]]:
    def wrong(what: str, help: str) -> tuple[str, list[Problem]]:
        why = "somebody else may have written it"
        return WRONG, [Problem("KB846", ("records", number, "signature"), what, help, why)]

    if not record.signature:
        if record.key:
            return wrong("a key is named, and nothing is signed with it", "take the record as it was from the history")
        if policy is not None and policy.signatures and record.decision == APPROVE:
            return UNSIGNED, wrong(
                "the policy asks for signatures, and this approval has none", "approve with `--sign`"
            )[1]
        return UNSIGNED, []
    person = policy.person(record.who) if policy is not None else None
    keys = {}
    for key in person.keys if person is not None else ():
        try:
            keys[fingerprint(key)] = key
        except NotARecord:
            continue  # told where it stands
    if record.key not in keys:
        help = "put their public key under `keys` in the policy, if it is theirs"
        return wrong(f"it is signed with a key that the policy does not give to `{record.who}`", help)
    good = verify(keys[record.key], said(protocol, version, record), record.signature)
    if good is None:
        return UNCHECKED, []
    if not good:
        return wrong(f"the signature is not by `{record.who}` over this record", "it is signed anew by who decides")
    return VERIFIED, []


def _four_eyes(
    records: tuple[Record, ...], number: int, approvals: Mapping[str, int], submitter: str, policy: Policy
) -> list[Problem]:
    """Nobody approves their own work, or in two roles, unless the policy lets them."""
    record = records[number]
    place, help = ("records", number, "who"), "somebody else approves; or the policy says `{}: true`"
    why = "two roles are asked for so that two people look"
    if not policy.own_work and submitter == record.who:
        what = f"`{record.who}` submitted this and cannot approve it as well"
        return [Problem("KB851", place, what, help.format("own_work"), why)]
    other = next(
        (role for role, at in approvals.items() if role != record.role and records[at].who == record.who), None
    )
    if other is not None and not policy.several_roles:
        what = f"`{record.who}` approved this as `{other}` already and cannot approve it as `{record.role}` too"
        return [Problem("KB851", place, what, help.format("several_roles"), why)]
    return []
