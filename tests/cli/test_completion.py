"""Completion: what a shell offers, asked for the way the shell asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kb.cli import COMMANDS, app
from kb.cli.completion import Shell, words_for
from kb.codes import CODES

ROOT = Path(__file__).parents[2]
PROTOCOL = "refractory-hypotension"
ROWS: list[tuple[str, list[str], list[str]]] = [  # the line, what is offered among others, what is not
    ("kb ", ["check", "advise", "explain"], ["--base"]),
    ("kb che", ["check"], ["test"]),
    ("kb --b", ["--base"], ["--version"]),
    ("kb check ", [PROTOCOL, "anaphylaxis"], [f"{PROTOCOL}@1.0.0"]),
    ("kb check anaphylaxis ref", [PROTOCOL], ["anaphylaxis"]),
    (f"kb check {PROTOCOL}", [f"{PROTOCOL}@1.0.0"], ["anaphylaxis"]),
    (f"kb check {PROTOCOL}@", [f"{PROTOCOL}@1.0.0"], [PROTOCOL]),
    ("kb check --f", ["--format"], ["--report"]),
    ("kb check --format s", ["sarif"], ["json"]),
    ("kb show --format s", ["svg"], ["text"]),
    ("kb explain KB30", ["KB301"], ["KB201", "not-understood"]),
    ("kb explain not-und", ["not-understood"], ["KB301"]),
    (f"kb advise {PROTOCOL} --chart x.json --why vaso", ["vasopressin"], ["arrest"]),
    (f"kb advise {PROTOCOL}@1.0.0 --why ", ["vasopressin", "arrest"], ["hypotensive", "pressure-goal"]),
    ("kb advise no-such --why ", [], ["vasopressin"]),
    ("kb --base no-such check ", [], [PROTOCOL]),
    ("kb advise x --chart ", [], ["x"]),
    ("kb show one two", [], [PROTOCOL]),
    ("kb nonsense ", list(COMMANDS), []),
    ("kb completion ", list(Shell), []),
]


@pytest.fixture(autouse=True)
def _from_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(("line", "offered", "others"), ROWS, ids=[row[0] for row in ROWS])
def test_what_is_offered(line: str, offered: list[str], others: list[str]) -> None:
    words = [word.text for word in words_for(app, COMMANDS, line)]
    assert set(offered) <= set(words)
    assert not set(others) & set(words)
    assert len(words) == len(set(words))
    if not offered:
        assert words == []


def test_every_code_is_offered() -> None:
    words = {word.text for word in words_for(app, COMMANDS, "kb explain KB")}
    assert words == set(CODES)


@pytest.fixture
def command(tmp_path: Path) -> dict[str, str]:
    """An environment in which `kb` runs from this tree."""
    script = tmp_path / "bin" / "kb"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kb "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return {**os.environ, "PATH": f"{script.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("kb expl", ["explain"]),
        ("kb check refr", [PROTOCOL]),
        (f"kb check {PROTOCOL}@", ["1.0.0", "1.1.0"]),  # bash itself keeps what stands before the `@`
        (f"kb advise {PROTOCOL} --why=x --why vasop", ["vasopressin", "vasopressin-review"]),
        ("kb advise x --chart ", []),  # then bash offers files
    ],
)
def test_bash_completes(command: dict[str, str], line: str, replies: list[str]) -> None:
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("bash is missing: whether it completes by this script was not tried; CI has bash")
    script = (
        'eval "$(kb completion bash)"; complete -p kb >/dev/null || exit 9\n'
        f'COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; _kb_completion kb\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run([shell, "--norc", "-c", script], env=command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    offered = [word for word in done.stdout.split("\n") if word]
    assert set(offered) <= set(replies), done.stderr
    assert bool(offered) == bool(replies)


@pytest.mark.parametrize("shell", [shell for shell in Shell if shell is not Shell.bash])
def test_other_shells_read_their_script(command: dict[str, str], shell: str) -> None:
    program = shutil.which(shell)
    printed = subprocess.run(
        ["kb", "completion", shell], env=command, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert "_KB_COMPLETE" in printed
    if program is None:
        pytest.skip(f"{shell} is missing: its script was printed and not read by it; install {shell} to try that")
    done = subprocess.run([program, "-n"], input=printed, env=command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_fish_completes(command: dict[str, str]) -> None:
    program = shutil.which("fish")
    if program is None:
        pytest.skip("fish is missing: whether it completes by its script was not tried; install fish to try that")
    lines = [f"kb check {PROTOCOL}@", "kb show --format s", "kb advise x --chart READ"]
    script = "kb completion fish | source\n" + "\n".join(f"complete -C '{line}'" for line in lines)
    done = subprocess.run(
        [program, "--no-config", "-c", script], env=command, capture_output=True, text=True, timeout=60
    )
    words = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert words == [f"{PROTOCOL}@1.0.0", f"{PROTOCOL}@1.1.0", "svg", "README.md"], done.stderr


def test_zsh_and_fish_are_told_what_each_word_is(command: dict[str, str]) -> None:
    for shell, mark in (("zsh", ":"), ("fish", "\t")):
        asked = {**command, "_KB_COMPLETE": shell, "_KB_LINE": "kb explain KB301"}
        done = subprocess.run(["kb"], env=asked, capture_output=True, text=True, timeout=60)
        assert done.stdout == f"KB301{mark}{CODES['KB301'].title}\n"
