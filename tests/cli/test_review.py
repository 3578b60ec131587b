"""`kb review`, `status`, `log` and `lock`, as they are typed."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from kb import cli
from tests.running.test_review import LOW, folder, records

__all__ = ["folder"]  # the fixture


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Kb = Callable[..., Answer]


@pytest.fixture
def kb(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Kb:
    """Run `kb` in the base, with nobody at the terminal."""
    monkeypatch.chdir(folder)

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        with pytest.raises(SystemExit) as ended:
            cli.run(list(arguments))
        captured = capsys.readouterr()
        return Answer(ended.value.code if isinstance(ended.value.code, int) else 0, captured.out, captured.err)

    return call


def approve(kb: Kb) -> None:
    for decision, who, role in (
        ("submit", "ada-king", "author"),
        ("approve", "ben-lee", "clinical-lead"),
        ("approve", "cy-moss", "pharmacist"),
    ):
        done = kb("review", "fever", decision, "--who", who, "--role", role, "--on", "2026-02-01", "--yes")
        assert done.code == 0, done.err


def test_what_would_be_signed_is_shown_and_nothing_written(kb: Kb, folder: Path) -> None:
    shown = kb("review", "fever")
    assert shown.code == 0
    for part in (
        "fever@1.0.0",
        "logic",
        "text",
        "0 errors, 0 warnings; 1 of 1 scenario as expected",
        "draft",
        "submit",
    ):
        assert part in shown.out
    told = json.loads(kb("review", "fever", "--format", "json").out)
    assert (told["state"], told["fine"], told["decisions"]) == ("draft", True, ["submit", "retire", "withdraw"])
    assert not records(folder).exists()


def test_nothing_is_written_without_a_yes(kb: Kb, folder: Path) -> None:
    done = kb("review", "fever", "submit", "--who", "ada-king")
    assert (done.code, records(folder).exists()) == (2, False)
    assert "UNSIGNED" in done.out
    assert "--yes" in done.err


def test_the_way_to_approval_and_what_it_shows(kb: Kb) -> None:
    approve(kb)
    shown = kb("status", "fever", "--on", "2026-03-01").out
    assert "approved by Ben Lee (clinical-lead, 2026-02-01, unsigned)" in shown
    (told,) = json.loads(kb("status", "fever", "--format", "json").out)
    assert (told["state"], told["stored"], told["stored_is_the_files"], told["missing"]) == (
        "approved",
        "approved",
        True,
        [],
    )
    assert kb("log", "fever").out.count("UNSIGNED") == 3
    assert [item["decision"] for item in json.loads(kb("log", "fever", "-f", "json").out)] == [
        "submit",
        "approve",
        "approve",
    ]
    assert kb("lock").out == "nothing to write: the lock says what policy and records say\n"
    assert kb("check").code == 0
    assert kb("fmt", "--check", "protocols/fever/reviews").code == 0


def test_advice_can_be_required_to_be_approved(kb: Kb, folder: Path) -> None:
    chart = folder / "chart.json"
    chart.write_text(json.dumps(LOW))
    asked = ("advise", "fever", "--chart", str(chart), "--require", "approved")
    refused = kb(*asked)
    assert refused.code == 2
    assert "not approved" in refused.err
    order = kb("order", "fever", "--chart", str(chart), "--require", "approved", "vasopressin", "0.03", "units/min")
    assert order.code == 2
    assert "not approved" in order.err
    approve(kb)
    given = kb(*asked)
    assert given.code == 0
    assert "APPROVED by Ben Lee (clinical-lead, 2026-02-01, unsigned)" in given.out


MISTAKES = {
    "nobody named": (("submit",), "name who decides"),
    "a misspelt person": (("submit", "--who", "ada-kin"), "did you mean `ada-king`?"),
    "two roles": (("submit", "--who", "ben-lee"), "name one with --role: clinical-lead, pharmacist"),
    "no such decision": (("bless", "--who", "ada-king"), "there is no decision `bless`"),
    "no reason": (("withdraw", "--who", "ada-king"), "say why with --comment"),
    "no date": (("submit", "--who", "ada-king", "--on", "yesterday"), "`yesterday` is no date"),
    "no key": (("submit", "--who", "ada-king", "--sign", "nothing.key"), "nothing.key"),
    "no private key": (("submit", "--who", "ada-king", "--sign", "protocols/policy.yaml"), "ssh-keygen -t ed25519"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_words(kb: Kb, folder: Path, name: str) -> None:
    arguments, words = MISTAKES[name]
    done = kb("review", "fever", *arguments, "--yes")
    assert done.code == 2
    assert words in done.err
    assert not records(folder).exists()


def test_names_that_are_not_there_are_told(kb: Kb) -> None:
    assert "did you mean `fever`?" in kb("review", "fevr").err
    assert "has no version 9.0.0" in kb("log", "fever@9.0.0").err
    assert "no protocol `x`" in kb("status", "x").err


def test_a_comment_cannot_move_the_cursor(kb: Kb) -> None:
    done = kb("review", "fever", "submit", "--who", "ada-king", "--comment", "fine\x1b[2J[red]", "--yes")
    assert done.code in (0, 2)
    assert "\x1b" not in done.out + kb("log", "fever").out


def test_status_tells_what_was_tampered_with_and_exits_with_1(kb: Kb, folder: Path) -> None:
    approve(kb)
    (folder / "protocols" / "fever" / "approved" / "1.0.0.json").write_text("{}")
    done = kb("status", "fever")
    assert done.code == 1
    assert "is not the Program that was approved" in done.out


@pytest.mark.parametrize("file", ["policy.yaml", "approved.lock", "fever/reviews/1.0.0.yaml"])
def test_the_files_of_reviews_are_checked_by_name(kb: Kb, folder: Path, file: str) -> None:
    """As pre-commit hands them over."""
    approve(kb)
    done = kb("check", f"protocols/{file}")
    assert (done.code, done.err) == (0, "")
    policy = folder / "protocols" / "policy.yaml"
    policy.write_text(policy.read_text("utf-8").replace("Cy Moss", "Ben Lee"), "utf-8")
    assert "KB843" in kb("check", "protocols/policy.yaml").out
