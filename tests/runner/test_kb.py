"""What the page is told of a Program's review, and which Programs it does not take."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

import kb
from kb.advice import to_json
from kb.codec import program_file, program_to_json
from kb.interpreter import Guideline, NotApprovedError, WithdrawnError
from kb.program import Program, Signed, Standing
from tests.engine import PROTOCOLS
from tests.runner.node import run

DRAFT = kb.load("anaphylaxis", base=PROTOCOLS.parent).program
SIGNED = (
    Signed("asha", "Dr Asha Rao", "critical-care physician", "2026-01-02", "verified"),
    Signed("ben", "", "pharmacist", "2026-01-03", "unsigned"),
)
STATES = {
    "draft": DRAFT,
    "approved": DRAFT._replace(state="approved", standing=Standing(SIGNED, (), "2026-02-01")),
    "approved for good": DRAFT._replace(state="approved", standing=Standing(SIGNED)),
    "in review": DRAFT._replace(state="in-review", standing=Standing((), ("pharmacist",), "", "one has signed")),
    "withdrawn": DRAFT._replace(state="withdrawn", standing=Standing(reason="a wrong dose")),
}
CALLS: list[dict[str, Any]] = [
    {"now": now, "require": require, "more": {}}
    for now in (None, "2026-02-01T23:30:00+00:00", "2026-02-01T23:30:00-05:00", "2026-02-02T00:00:00+00:00")
    for require in (None, "approved")
]


def in_python(program: Program, now: str | None, require: str | None) -> Any:
    moment = None if now is None else datetime.fromisoformat(now)
    try:
        advice = Guideline(program).advise({}, moment, require=require)
    except (WithdrawnError, NotApprovedError) as error:
        return f"{error.code} {error}"
    names = ("state", "banner", "approvals", "valid_until")
    return {name: to_json(getattr(advice, name)) for name in names}


@pytest.mark.parametrize("name", STATES)
def test_the_review_state_is_told_and_required_as_in_python(name: str) -> None:
    program = STATES[name]
    signed, missing, valid_until, reason = to_json(program.standing).values()
    standing = {"signed": signed, "missing": missing, "validUntil": valid_until, "reason": reason}
    review = {"state": program.state, "standing": standing}
    found = run("review.mjs", {"program": program_file(DRAFT), "review": review, "calls": CALLS})
    assert found == [in_python(program, call["now"], call["require"]) for call in CALLS]


def test_a_file_that_claims_an_approval_is_a_draft() -> None:
    claimed = program_to_json(STATES["approved for good"])
    calls = [{"now": None, "require": None, "more": {"checked": True}}]
    (told,) = run("review.mjs", {"program": claimed, "review": None, "calls": calls})
    assert told == in_python(DRAFT, None, None)


@pytest.mark.parametrize("change", ["other", "none", "text"])
def test_a_program_that_was_changed_or_cut_is_refused(change: str) -> None:
    data: Any = program_file(DRAFT)
    if change == "other":
        data["title"] = "Something else"
    elif change == "none":
        del data["checksum"]
    else:
        data = json.dumps(data)[:-5]
    calls: list[dict[str, Any]] = [{"now": None, "require": None, "more": {}}]
    (told,) = run("review.mjs", {"program": data, "review": None, "calls": calls})
    assert told.startswith("ProgramError ")
