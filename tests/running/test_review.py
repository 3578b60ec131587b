"""Approval is worked out from records that people signed, holds for what they saw, and cannot be typed into a file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

import kb
from kb.base import Base
from kb.codec import checksum, program_file
from kb.interpreter import Guideline, banner
from kb.lock import file_digest
from kb.program import Standing
from kb.review import Record, fingerprint, said, with_id
from kb.reviewing import Entry, Prepared, ReviewError, prepare, statuses, verdict, write, write_lock
from kb.signing import Signer, SigningError

LIBRARY = Path(kb.__file__).parents[1] / "protocols" / "library"
POLICY = """\
format: 1
approval:
  roles: [clinical-lead, pharmacist]
people:
  ada-king: {name: Ada King, roles: [author]}
  ben-lee: {name: Ben Lee, roles: [clinical-lead, pharmacist]}
  cy-moss: {name: Cy Moss, roles: [pharmacist]}
"""
PROTOCOL = """\
format: 1
id: fever
version: "1.0.0"
title: Low pressure
question: What next?
purpose: educational
updated: 2026-01-27
start: pressure
steps:
  pressure:
    decide: Is the pressure low?
    cases:
      - when: map is unobtainable or map < 65 mmHg
        go: call
      - else: watch
  call:
    do: Call for help
    call: senior clinician
    priority: stat
    strength: strong
    cites: [S01]
  watch:
    end: The pressure is where it should be
"""
STATEMENTS = """\
format: 1
protocol: fever
source: {title: A made-up leaflet}
references:
  R1: {title: A made-up leaflet, kind: guideline}
statements:
  S01: {says: Call for help, kind: act, cites: [R1]}
"""
SCENARIOS = """\
format: 1
protocol: fever
scenarios:
  low:
    title: The pressure is low
    chart: {map: 50 mmHg}
    expect: {recommended: [call]}
"""
LOW = {"map": "50 mmHg"}
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base that nobody has reviewed yet."""
    shutil.copytree(LIBRARY, tmp_path / "protocols" / "library")
    for name, text in {
        "policy.yaml": POLICY,
        "fever/1.0.0.yaml": PROTOCOL,
        "fever/statements.yaml": STATEMENTS,
        "fever/scenarios/first.yaml": SCENARIOS,
    }.items():
        path = tmp_path / "protocols" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path


def decide(
    folder: Path, decision: str, who: str, role: str, day: str = "2026-02-01", signer: Signer | None = None, **more: Any
) -> Prepared:
    entry = Entry(decision, who, role, date.fromisoformat(day), **more)
    base = Base(folder)
    prepared = prepare(base, "fever", "1.0.0", entry, signer)
    write(base, prepared)
    return prepared


def approve(folder: Path, until: date | None = None) -> Path:
    """The base with its protocol submitted by one person and approved by two others."""
    decide(folder, "submit", "ada-king", "author")
    decide(folder, "start", "ben-lee", "clinical-lead")
    decide(folder, "approve", "ben-lee", "clinical-lead", "2026-02-02")
    decide(folder, "approve", "cy-moss", "pharmacist", "2026-02-03", valid_until=until)
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def codes(folder: Path) -> set[str]:
    return {item.code for item in Base(folder).check()[0]}


def records(folder: Path) -> Path:
    return folder / "protocols" / "fever" / "reviews" / "1.0.0.yaml"


def state(folder: Path) -> str:
    (status,) = statuses(Base(folder), ["fever"], date(2026, 6, 1))
    return status.state


# ---------------------------------------------------------------- the way to approval


def test_the_state_follows_the_records(folder: Path) -> None:
    assert state(folder) == "draft"
    made = [
        decide(folder, "submit", "ada-king", "author"),
        decide(folder, "start", "ben-lee", "clinical-lead"),
        decide(folder, "approve", "ben-lee", "clinical-lead"),
        decide(folder, "approve", "cy-moss", "pharmacist"),
        decide(folder, "retire", "cy-moss", "pharmacist", comment="a newer guideline"),
        decide(folder, "withdraw", "cy-moss", "pharmacist", comment="a dose is wrong"),
    ]
    told = ["submitted", "under review", "under review", "approved", "retired", "withdrawn"]
    assert [item.after for item in made] == told
    assert made[2].standing.missing == ("pharmacist",)
    assert codes(folder) == set()


def test_an_approved_protocol_advises_and_says_by_whom(folder: Path) -> None:
    guideline = kb.load("fever", base=approve(folder), require="approved")
    advice = guideline.advise(LOW, require="approved")
    told = advice.to_json()
    assert (advice.state, [item.step for item in advice.recommended]) == ("approved", ["call"])
    assert [(item["name"], item["role"], item["signature"]) for item in told["approvals"]] == [
        ("Ben Lee", "clinical-lead", "unsigned"),
        ("Cy Moss", "pharmacist", "unsigned"),
    ]
    assert advice.banner.startswith("APPROVED by Ben Lee (clinical-lead, 2026-02-02, unsigned); Cy Moss (pharmacist")
    assert "not approved" not in advice.banner


def test_what_is_not_approved_is_refused_by_name(folder: Path) -> None:
    decide(folder, "submit", "ada-king", "author")
    with pytest.raises(kb.NotApprovedError, match="not approved") as caught:
        kb.load("fever", base=folder, require="approved")
    assert caught.value.code == "KB840"
    with pytest.raises(kb.NotApprovedError, match=r"fever@1\.0\.0 is submitted.*clinical-lead, pharmacist"):
        kb.load("fever", base=folder).advise(LOW, require="approved")
    with pytest.raises(kb.NotApprovedError):
        kb.load("fever", base=folder).check_orders(LOW, [{"drug": "vasopressin"}], require="approved")
    with pytest.raises(ValueError, match="approved"):
        kb.load("fever", base=folder).advise(LOW, require="yes")


def test_a_file_alone_is_a_draft_whatever_it_says(folder: Path, tmp_path: Path) -> None:
    guideline = kb.load("fever", base=approve(folder), require="approved")
    path = tmp_path / "fever.json"
    path.write_text(json.dumps(program_file(guideline.program)))
    for file in (path, folder / "protocols" / "fever" / "approved" / "1.0.0.json"):
        assert kb.load_program(file).program.state == "draft"
        assert kb.load(file).program.standing == Standing()
        with pytest.raises(kb.NotApprovedError, match="a file alone is a draft"):
            kb.load(file, require="approved")


def test_a_change_of_either_digest_returns_the_files_to_draft_and_the_stored_program_still_runs(folder: Path) -> None:
    approve(folder)
    file = folder / "protocols" / "fever" / "1.0.0.yaml"
    for old, new in (("title: Low pressure", "title: Very low pressure"), ("map < 65 mmHg", "map < 55 mmHg")):
        text = file.read_text("utf-8")
        edit(file, old, new)
        (status,) = statuses(Base(folder), ["fever"])
        assert (status.state, status.kept, status.same) == ("draft", "approved", False)
        assert codes(folder) == {"KB847"}
        advice = kb.load("fever", base=folder).advise({"map": "60 mmHg"}, require="approved")
        assert (advice.title, advice.status("call")) == ("Low pressure", "due")
        assert kb.load(file).advise(LOW).state in ("draft",)
        file.write_text(text, "utf-8")
    assert codes(folder) == set()


def test_a_change_of_the_library_is_a_change_of_what_was_approved(folder: Path) -> None:
    approve(folder)
    edit(folder / "protocols" / "library" / "data.yaml", "label: Mean arterial pressure", "label: Middle pressure")
    assert state(folder) == "draft"
    assert kb.load("fever", base=folder, require="approved").program.state == "approved"


def test_changes_asked_for_after_approval_take_it_back(folder: Path) -> None:
    approve(folder)
    decide(folder, "request-changes", "cy-moss", "pharmacist", "2026-03-01", comment="the dose is missing")
    assert state(folder) == "draft"
    assert not (folder / "protocols" / "fever" / "approved" / "1.0.0.json").exists()
    with pytest.raises(kb.NotApprovedError):
        kb.load("fever", base=folder, require="approved")
    assert kb.load("fever", base=folder).program.standing.reason == (
        "changes requested by cy-moss: the dose is missing"
    )


def test_the_latest_approved_version_is_what_is_loaded_where_approval_is_required(folder: Path) -> None:
    approve(folder)
    home = folder / "protocols" / "fever"
    (home / "1.1.0.yaml").write_text(PROTOCOL.replace("1.0.0", "1.1.0"), "utf-8")
    assert kb.load("fever", base=folder).program.version == "1.1.0"
    assert kb.load("fever", base=folder, require="approved").program.version == "1.0.0"
    with pytest.raises(kb.NotApprovedError, match=r"fever@1\.1\.0"):
        kb.load("fever@1.1.0", base=folder, require="approved")


def test_what_was_withdrawn_is_refused_whatever_its_files_say(folder: Path) -> None:
    approve(folder)
    decide(folder, "withdraw", "ada-king", "author", "2026-03-01", comment="a dose is wrong")
    edit(folder / "protocols" / "fever" / "1.0.0.yaml", "65 mmHg", "60 mmHg")
    program = Base(folder).program("fever")[0]
    assert program is not None
    for guideline in (kb.load("fever", base=folder), Guideline(program)):
        with pytest.raises(kb.WithdrawnError, match="was withdrawn: a dose is wrong"):
            guideline.advise(LOW)
    with pytest.raises(ReviewError, match="withdrawn"):
        decide(folder, "submit", "ada-king", "author", "2026-03-02")


def test_an_approval_ends_on_its_day(folder: Path) -> None:
    guideline = kb.load("fever", base=approve(folder, until=date(2026, 6, 1)), require="approved")
    assert guideline.advise(LOW, NOW, require="approved").valid_until == "2026-06-01"
    later = NOW.replace(day=2)
    assert guideline.advise(LOW, later).state == "expired"
    assert guideline.advise(LOW, later).banner.startswith("EXPIRED, its approval ended on 2026-06-01, not approved")
    with pytest.raises(kb.NotApprovedError, match="ended on 2026-06-01"):
        guideline.advise(LOW, later, require="approved")
    with pytest.raises(kb.NotApprovedError, match="give the time of the advice"):
        guideline.advise(LOW, require="approved")


def test_the_policy_can_say_how_long_an_approval_lasts_and_it_can_be_renewed(folder: Path) -> None:
    edit(folder / "protocols" / "policy.yaml", "pharmacist]\npeople", "pharmacist]\n  valid_days: 30\npeople")
    approve(folder)
    assert state(folder) == "expired"
    decide(folder, "approve", "ben-lee", "clinical-lead", "2026-05-20")
    decide(folder, "approve", "cy-moss", "pharmacist", "2026-05-20")
    assert state(folder) == "approved"


def test_running_what_was_approved_needs_the_standard_library_alone(folder: Path) -> None:
    approve(folder)
    for path in (folder / "protocols" / "fever").rglob("*.yaml"):
        path.unlink()
    program = f"""
import sys
sys.path.insert(0, {str(Path(kb.__file__).parents[1])!r})
import kb
guideline = kb.load("fever", base={str(folder)!r}, require="approved")
print(guideline.advise({LOW!r}, require="approved").state)
"""
    done = subprocess.run([sys.executable, "-S", "-I", "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "approved", done.stderr


# ---------------------------------------------------------------- who may decide what


REFUSED = {
    "an approval of what nobody submitted": (("approve", "ben-lee", "clinical-lead"), False, "KB844"),
    "somebody the policy does not know": (("approve", "eve", "pharmacist"), True, "KB842"),
    "a role that is not theirs": (("approve", "cy-moss", "clinical-lead"), True, "KB842"),
    "a role that the policy does not ask for": (("approve", "ada-king", "author"), True, "KB842"),
    "the same content twice": (("submit", "ada-king", "author"), True, "KB844"),
    "no such decision": (("bless", "ada-king", "author"), True, "KB206"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_decision_that_does_not_count_is_not_recorded(folder: Path, name: str) -> None:
    given, submitted, code = REFUSED[name]
    if submitted:
        decide(folder, "submit", "ada-king", "author")
    before = records(folder).read_text("utf-8") if submitted else ""
    with pytest.raises(ReviewError) as caught:
        decide(folder, *given)
    assert caught.value.code == code
    assert (records(folder).read_text("utf-8") if records(folder).exists() else "") == before


def test_nobody_approves_in_two_roles_unless_the_policy_says_so(folder: Path) -> None:
    decide(folder, "submit", "ada-king", "author")
    decide(folder, "approve", "ben-lee", "clinical-lead")
    with pytest.raises(ReviewError, match="approved this as `clinical-lead` already") as caught:
        decide(folder, "approve", "ben-lee", "pharmacist")
    assert caught.value.code == "KB851"
    edit(folder / "protocols" / "policy.yaml", "pharmacist]\npeople", "pharmacist]\n  several_roles: true\npeople")
    assert decide(folder, "approve", "ben-lee", "pharmacist").after == "approved"


def test_nobody_approves_their_own_work_unless_the_policy_says_so(folder: Path) -> None:
    decide(folder, "submit", "ben-lee", "clinical-lead")
    with pytest.raises(ReviewError, match="submitted this and cannot approve it") as caught:
        decide(folder, "approve", "ben-lee", "clinical-lead")
    assert caught.value.code == "KB851"
    edit(folder / "protocols" / "policy.yaml", "pharmacist]\npeople", "pharmacist]\n  own_work: true\npeople")
    assert decide(folder, "approve", "ben-lee", "clinical-lead").after == "under review"


def test_without_a_policy_nothing_can_be_approved(folder: Path) -> None:
    (folder / "protocols" / "policy.yaml").unlink()
    decide(folder, "submit", "anybody", "author")
    with pytest.raises(ReviewError, match="no policy") as caught:
        decide(folder, "approve", "anybody-else", "pharmacist")
    assert caught.value.code == "KB841"


def test_taking_the_policy_away_takes_the_approval_away(folder: Path) -> None:
    approve(folder)
    (folder / "protocols" / "policy.yaml").unlink()
    assert state(folder) == "draft"
    assert codes(folder) == {"KB841"}


def test_who_left_has_still_signed(folder: Path) -> None:
    approve(folder)
    edit(folder / "protocols" / "policy.yaml", "[pharmacist]}", "[pharmacist], until: 2026-02-10}")
    write_lock(Base(folder))
    assert state(folder) == "approved"
    with pytest.raises(ReviewError, match="until 2026-02-10 only"):
        decide(folder, "approve", "cy-moss", "pharmacist", "2026-02-11")


def test_a_role_that_the_policy_adds_is_missing_at_once(folder: Path) -> None:
    approve(folder)
    edit(
        folder / "protocols" / "policy.yaml",
        "roles: [clinical-lead, pharmacist]\n",
        "roles: [clinical-lead, pharmacist, author]\n",
    )
    write_lock(Base(folder))
    (status,) = statuses(Base(folder), ["fever"])
    assert (status.state, status.standing.missing, status.kept) == ("under review", ("author",), "")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("fever/1.0.0.yaml", "map < 65 mmHg", "map < 65"),
        ("fever/scenarios/first.yaml", "[call]", "[]"),
        ("fever/scenarios/first.yaml", "50 mmHg", "90 mmHg"),
    ],
)
def test_what_the_checks_do_not_pass_cannot_be_submitted(folder: Path, file: str, old: str, new: str) -> None:
    edit(folder / "protocols" / file, old, new)
    with pytest.raises(ReviewError) as caught:
        decide(folder, "submit", "ada-king", "author")
    assert caught.value.code == "KB705"


def test_the_record_says_what_the_checks_said(folder: Path) -> None:
    made = decide(folder, "submit", "ada-king", "author")
    assert made.record.checks == verdict(Base(folder), "fever", "1.0.0").text
    assert made.record.checks == "0 errors, 0 warnings; 1 of 1 scenario as expected"


# ---------------------------------------------------------------- hostile hands


def restore_ids(path: Path) -> None:
    """What somebody does who knows how ids are made: chain the records anew."""
    text, before = path.read_text("utf-8"), ""
    for old in Base(path.parents[3]).ledger.history("fever", "1.0.0").records:
        made = with_id("fever", "1.0.0", old._replace(after=before))
        text, before = text.replace(old.id, made.id), made.id
    path.write_text(text, "utf-8")


EDITS: dict[str, tuple[Callable[[Path], None], str]] = {
    "an edited comment": (lambda path: edit(path, "after reading", "without reading"), "KB845"),
    "an edited role": (lambda path: edit(path, "role: pharmacist", "role: clinical-lead"), "KB845"),
    "an edited date": (lambda path: edit(path, "2026-02-03", "2026-02-04"), "KB845"),
    "a digest of other content": (lambda path: _other_digest(path), "KB845"),
    "a record taken out": (lambda path: _without(path, 1), "KB844"),
    "two records in another order": (lambda path: _swapped(path), "KB844"),
    "a date that never was": (lambda path: edit(path, "2026-02-03", "2026-02-30"), "KB217"),
}


def _blocks(path: Path) -> tuple[str, list[str]]:
    head, *rest = path.read_text("utf-8").split("  - ")
    return head, rest


def _without(path: Path, number: int) -> None:
    head, rest = _blocks(path)
    path.write_text("  - ".join([head, *rest[:number], *rest[number + 1 :]]), "utf-8")


def _swapped(path: Path) -> None:
    head, rest = _blocks(path)
    path.write_text("  - ".join([head, rest[0], rest[2], rest[1], *rest[3:]]), "utf-8")


def _other_digest(path: Path) -> None:
    logic = Base(path.parents[3]).ledger.history("fever", "1.0.0").records[0].logic
    edit(path, logic, "0" * 64)


@pytest.mark.parametrize("name", EDITS)
def test_records_that_were_tampered_with_approve_nothing(folder: Path, name: str) -> None:
    decide(folder, "submit", "ada-king", "author")
    decide(folder, "approve", "ben-lee", "clinical-lead", "2026-02-02", comment="after reading")
    decide(folder, "approve", "cy-moss", "pharmacist", "2026-02-03")
    change, code = EDITS[name]
    change(records(folder))
    assert code in codes(folder)
    assert state(folder) == "draft"
    with pytest.raises(kb.TamperedError, match=r"reviews/1\.0\.0\.yaml has changed since") as caught:
        kb.load("fever", base=folder)
    assert caught.value.code == "KB849"
    write_lock(Base(folder))  # nobody can lock in what the records do not say
    with pytest.raises(kb.NotApprovedError):
        kb.load("fever", base=folder, require="approved")


def test_records_copied_to_another_version_approve_nothing(folder: Path) -> None:
    approve(folder)
    home = folder / "protocols" / "fever"
    (home / "1.1.0.yaml").write_text(PROTOCOL.replace("1.0.0", "1.1.0"), "utf-8")
    copy = home / "reviews" / "1.1.0.yaml"
    shutil.copy(records(folder), copy)
    assert "KB212" in codes(folder)
    edit(copy, '"1.0.0"', '"1.1.0"')
    assert "KB845" in codes(folder)
    assert [item.state for item in statuses(Base(folder), ["fever"])] == ["approved", "draft"]


def test_a_withdrawal_holds_even_where_the_records_were_tampered_with(folder: Path) -> None:
    approve(folder)
    decide(folder, "withdraw", "cy-moss", "pharmacist", "2026-03-01", comment="a dose is wrong")
    edit(records(folder), "2026-02-02", "2026-02-01")
    assert state(folder) == "withdrawn"


def test_a_stored_program_that_was_changed_does_not_run(folder: Path) -> None:
    approve(folder)
    stored = folder / "protocols" / "fever" / "approved" / "1.0.0.json"
    data = json.loads(stored.read_text("utf-8"))
    data["title"] = "Something else"
    data.pop("checksum")
    stored.write_text(json.dumps({**data, "checksum": checksum(data)}), "utf-8")
    with pytest.raises(kb.TamperedError, match="not the Program that was approved") as caught:
        kb.load("fever", base=folder)
    assert caught.value.code == "KB848"
    assert codes(folder) == {"KB848"}
    with pytest.raises(ReviewError) as refused:
        write_lock(Base(folder))
    assert refused.value.code == "KB848"
    # Whoever pins it as well has still no record that approves these digests.
    lock = folder / "protocols" / "approved.lock"
    pins = json.loads(lock.read_text("utf-8"))
    pins["versions"]["fever@1.0.0"]["program"] = file_digest(stored.read_bytes())
    lock.write_text(json.dumps(pins), "utf-8")
    with pytest.raises(kb.TamperedError, match="its records do not approve it"):
        kb.load("fever", base=folder)


def test_a_stored_program_that_is_gone_is_told(folder: Path) -> None:
    approve(folder)
    (folder / "protocols" / "fever" / "approved" / "1.0.0.json").unlink()
    with pytest.raises(kb.TamperedError, match="is missing"):
        kb.load("fever", base=folder)
    assert codes(folder) == {"KB848"}


LOCKS = ["", "{", "[]", '{"format": 2}', '{"format": 1, "versions": {"../x@1.0.0": {"records": []}}}',
         '{"format": 1, "versions": {"fever@1.0.0": {"records": [{}]}}}', '{"format": 1, "format": 1}', "[" * 100_000,
         '{"format": 1, "versions": {"fever@1.0.0": {"records": 7}}}',
         '{"format": 1, "versions": {}, "policy": {"approval": {"roles": "all"}, "people": {}}}']  # fmt: skip


@pytest.mark.parametrize("text", LOCKS, ids=range(len(LOCKS)))
def test_a_lock_that_is_none_is_refused_by_name(folder: Path, text: str) -> None:
    approve(folder)
    (folder / "protocols" / "approved.lock").write_text(text, "utf-8")
    with pytest.raises(kb.TamperedError, match=r"approved\.lock cannot be read") as caught:
        kb.load("fever", base=folder)
    assert caught.value.code == "KB848"
    assert codes(folder) == {"KB848"}


def test_a_lock_that_is_behind_is_told_and_written_anew(folder: Path) -> None:
    approve(folder)
    lock = folder / "protocols" / "approved.lock"
    held = lock.read_text("utf-8")
    lock.unlink()
    assert codes(folder) == {"KB849"}
    assert write_lock(Base(folder)) == [lock]
    assert lock.read_text("utf-8") == held
    assert write_lock(Base(folder)) == []


def test_line_ends_of_another_system_are_no_change(folder: Path) -> None:
    approve(folder)
    path = records(folder)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert kb.load("fever", base=folder, require="approved").program.state == "approved"


# ---------------------------------------------------------------- signatures


KEY, OTHER = Ed25519PrivateKey.from_private_bytes(b"1" * 32), Ed25519PrivateKey.from_private_bytes(b"2" * 32)


def signer(key: Ed25519PrivateKey = KEY) -> Signer:
    return Signer(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "key.pem")


def with_keys(folder: Path, required: bool = True) -> None:
    policy = folder / "protocols" / "policy.yaml"
    if required:
        edit(policy, "pharmacist]\npeople", "pharmacist]\n  signatures: required\npeople")
    edit(policy, "[clinical-lead, pharmacist]}", f"[clinical-lead], keys: [{signer().public}]}}")
    edit(policy, "roles: [pharmacist]}", f"roles: [pharmacist], keys: [{signer(OTHER).public}]}}")


def approve_signed(folder: Path) -> Path:
    with_keys(folder)
    decide(folder, "submit", "ada-king", "author")
    decide(folder, "approve", "ben-lee", "clinical-lead", signer=signer())
    decide(folder, "approve", "cy-moss", "pharmacist", signer=signer(OTHER))
    return folder


def test_a_signed_approval_says_that_it_was_verified(folder: Path) -> None:
    advice = kb.load("fever", base=approve_signed(folder), require="approved").advise(LOW, require="approved")
    assert [item.signature for item in advice.approvals] == ["verified", "verified"]
    assert advice.banner.count("signature verified") == 2
    assert codes(folder) == set()


def test_an_unsigned_approval_does_not_count_where_signatures_are_required(folder: Path) -> None:
    with_keys(folder)
    decide(folder, "submit", "ada-king", "author")
    with pytest.raises(ReviewError, match="has none") as caught:
        decide(folder, "approve", "ben-lee", "clinical-lead")
    assert caught.value.code == "KB846"


def test_a_key_of_somebody_else_is_refused_and_the_own_one_shown(folder: Path) -> None:
    with_keys(folder)
    decide(folder, "submit", "ada-king", "author")
    with pytest.raises(ReviewError, match="ssh-ed25519 AAAA") as caught:
        decide(folder, "approve", "ben-lee", "clinical-lead", signer=signer(OTHER))
    assert caught.value.code == "KB846"


def test_an_edit_after_signing_is_seen_even_where_the_ids_were_made_anew(folder: Path) -> None:
    approve_signed(folder)
    edit(records(folder), "2026-02-01", "2026-01-01")
    restore_ids(records(folder))
    assert codes(folder) == {"KB846"}
    assert state(folder) == "draft"


def test_a_signature_moved_to_another_digest_is_seen(folder: Path) -> None:
    approve_signed(folder)
    edit(folder / "protocols" / "fever" / "1.0.0.yaml", "65 mmHg", "60 mmHg")
    program = Base(folder).program("fever")[0]
    assert program is not None
    edit(records(folder), Base(folder).ledger.history("fever", "1.0.0").records[0].logic, program.logic_digest)
    edit(records(folder), Base(folder).ledger.history("fever", "1.0.0").records[0].text, program.text_digest)
    restore_ids(records(folder))
    assert "KB846" in codes(folder)
    assert state(folder) == "draft"


def test_a_forged_record_needs_the_key(folder: Path) -> None:
    """Everything but the key is known to the forger: the form, the chain, the fingerprint."""
    with_keys(folder)
    decide(folder, "submit", "ada-king", "author")
    (last,) = Base(folder).ledger.history("fever", "1.0.0").records
    forged = last._replace(id="", after=last.id, decision="approve", who="ben-lee", role="clinical-lead")
    forged = forged._replace(key=fingerprint(signer().public))
    forged = forged._replace(signature=signer(OTHER).sign(said("fever", "1.0.0", forged)))
    path = records(folder)
    path.write_text(path.read_text("utf-8") + as_yaml(with_id("fever", "1.0.0", forged)), "utf-8")
    (found,) = [item for item in Base(folder).check()[0] if item.code == "KB846"]
    assert "not by `ben-lee`" in found.message
    assert state(folder) == "draft"


def as_yaml(record: Record) -> str:
    values = [f"{name}: {json.dumps(value)}" for name, value in record._asdict().items() if value]
    return "  - " + "\n    ".join(values) + "\n"


def test_without_cryptography_required_signatures_do_not_count_and_it_says_what_to_install(folder: Path) -> None:
    approve_signed(folder)
    program = f"""
import sys
sys.path.insert(0, {str(Path(kb.__file__).parents[1])!r})
import kb
try:
    kb.load("fever", base={str(folder)!r}, require="approved")
except kb.NotApprovedError as refused:
    print(refused.code, refused)
print(kb.load("fever", base={str(folder)!r}).advise({LOW!r}).banner)
"""
    done = subprocess.run([sys.executable, "-S", "-I", "-c", program], capture_output=True, text=True, timeout=60)
    first, second = done.stdout.splitlines()
    assert first.startswith("KB840"), done.stderr
    assert second.startswith("UNDER REVIEW, not approved")


def test_keys_of_other_kinds_and_forms_are_told_in_words() -> None:
    encrypted = KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"secret"))
    assert Signer(encrypted, "id", lambda: "secret").public == signer().public
    for content, words in ((b"", "no private key"), (encrypted, "encrypted"), (b"\x00\xff", "no private key")):
        with pytest.raises(SigningError, match=words):
            Signer(content, "id")
    with pytest.raises(SigningError, match="passphrase"):
        Signer(encrypted, "id", lambda: "wrong")


def test_a_policy_in_which_one_person_is_two_approves_nothing(folder: Path) -> None:
    approve(folder)
    edit(folder / "protocols" / "policy.yaml", "name: Cy Moss", "name: ben  LEE")
    assert codes(folder) == {"KB843"}
    assert state(folder) == "draft"


def test_nothing_that_ships_is_approved() -> None:
    base = Base(Path(kb.__file__).parents[1])
    assert base.ledger.policy is None
    assert base.ledger.versions() == []
    assert not (base.protocols_path / "approved.lock").exists()


def test_the_banner_of_an_approval_says_what_is_unsigned(folder: Path) -> None:
    approve(folder)
    program = kb.load("fever", base=folder).program
    assert banner(program).count("unsigned") == 2


def test_a_session_can_require_approval(folder: Path) -> None:
    from kb.session import Record as Chart

    with pytest.raises(kb.NotApprovedError):
        Chart(kb.load("fever", base=folder), NOW).advise(NOW, require="approved")
    assert Chart(kb.load("fever", base=approve(folder)), NOW).advise(NOW, require="approved").state == "approved"
