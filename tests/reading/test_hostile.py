"""Hostile files: no traceback, no hang, under 1 GiB, nothing accepted in silence. Each runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.reading.files import ROOT, SMALL

PROGRAM = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from kb.loader.evidence import load_evidence
from kb.loader.plain import load_local, load_plain
from kb.loader.protocol import load_protocol
from kb.loader.scenarios import load_scenarios
from kb.report import render_text
from kb.report.json import as_json
load = {"protocol": load_protocol, "statements": load_evidence, "scenario": load_scenarios,
        "local": load_local, "policy": lambda path: load_plain(path, "policy"),
        "review": lambda path: load_plain(path, "review")}
for line in sys.stdin:
    kind, path = json.loads(line)
    start = time.process_time()
    product, problems = load[kind](path)
    render_text(problems)
    found = as_json(problems)["diagnostics"]
    print(json.dumps([product is not None, [one["code"] for one in found], time.process_time() - start]))
"""
LONGEST = 15.0  # seconds of processor time for one file


def small(old: str, new: str) -> bytes:
    assert old in SMALL
    return SMALL.replace(old, new, 1).encode()


def nested_condition(depth: int) -> bytes:
    lines = ["        - when:"]
    for level in range(depth):
        lines += [" " * (12 + 2 * level) + "all:", " " * (12 + 2 * level) + "- "]
    return small("      - when: map < 65 mmHg\n", "\n".join(lines) + "\n")


HOSTILE: dict[str, Callable[[], bytes]] = {
    "20,000 brackets": lambda: b"a: " + b"[" * 20_000,
    "200,000 brackets": lambda: b"a: " + b"[" * 200_000 + b"]" * 200_000,
    "200,000 braces": lambda: b"a: " + b"{a: " * 200_000,
    "200,000 closing brackets": lambda: b"a: " + b"]" * 200_000,
    "200,000 dashes": lambda: b"- " * 200_000,
    "20,000 question marks": lambda: b"? " * 20_000,
    "a condition 100 deep": lambda: nested_condition(100),
    "200,000 round brackets": lambda: small("map < 65", "(" * 40_000 + "map < 65"),
    "a 5 MB scalar": lambda: small("Low pressure", "x" * 5_000_000),
    "a 900 KB scalar": lambda: small("Low pressure", "x" * 900_000),
    "300,000 keys": lambda: SMALL.encode() + b"".join(b"k%d: 1\n" % number for number in range(300_000)),
    "100,000 keys": lambda: SMALL.encode() + b"".join(b"k%d: 1\n" % number for number in range(100_000)),
    "100,000 list items": lambda: SMALL.encode() + b"cites:\n" + b"- S01\n" * 100_000,
    "300,000 commas": lambda: b"a: {" + b"x," * 300_000 + b"}",
    "400,001 quotes": lambda: b"a: " + b"'" * 400_001,
    "two documents": lambda: SMALL.encode() + b"---\n" + SMALL.encode(),
    "a byte-order mark": lambda: b"\xef\xbb\xbf" + SMALL.encode(),
    "UTF-16": lambda: SMALL.encode("utf-16"),
    "UTF-16 without mark": lambda: SMALL.encode("utf-16-le"),
    "UTF-32": lambda: SMALL.encode("utf-32"),
    "Latin-1": lambda: small("Low", "L\u00f6w").decode().encode("latin-1"),
    "NUL": lambda: small("Low", "L\x00w"),
    "direction controls": lambda: small("Low", "\u202eLow\u202c"),
    "a tab": lambda: small("  pressure", "\tpressure"),
    "an empty file": lambda: b"",
    "a list at the top": lambda: b"- a\n- b\n",
    "a billion laughs": lambda: b"a: &a [b]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "a Python object": lambda: small("Low pressure", "!!python/object/apply:os.system [true]"),
    "parent folders in the id": lambda: small("id: example", "id: ../../etc/passwd"),
    "parent folders in a hand-over": lambda: small(
        "    end: The pressure is where it should be", "    hand_over: ../x@1"
    ),
    "parent folders in a target": lambda: small("go: call", "go: ../call"),
    "keys that are not text": lambda: small("steps:\n", "steps:\n  1: {end: x}\n  1.5: {end: x}\n  null: {end: x}\n"),
    "not a number": lambda: small("format: 1", "format: .nan"),
    "an infinity": lambda: small("format: 1", "format: 1e400"),
    "an integer of 5,000 digits": lambda: small("format: 1", "format: " + "9" * 5_000),
    "a quantity of 5,000 digits": lambda: small("65 mmHg", "9" * 1_500 + " mmHg"),
    "a version of 5,000 digits": lambda: small('"1.0.0"', "1.0." + "9" * 5_000),
    "a date that never was": lambda: small("2026-01-27", "2026-99-99"),
    "a truth value for text": lambda: small("title: Low pressure", "title: [true]"),
    "nothing for everything": lambda: b"format:\nid:\nversion:\ntitle:\nsteps:\n",
    "a group for every word": lambda: b"format: {}\nid: {}\nversion: {}\ntitle: {}\nsteps: []\nstart: {}\nwhen: {}\n",
}


OTHERS = [
    (kind, name)
    for kind in ("statements", "scenario", "local", "policy", "review")
    for name in ("200,000 brackets", "100,000 keys", "nothing for everything", "not a number", "UTF-16")
]
Answers = dict[tuple[str, str], tuple[bool, list[str], float]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What a process that may use 1 GiB makes of every file, one after the other."""
    folder = tmp_path_factory.mktemp("hostile")
    asked = [("protocol", name) for name in HOSTILE] + OTHERS
    lines = []
    for number, (kind, name) in enumerate(asked):
        path = folder / f"{number}.yaml"
        path.write_bytes(HOSTILE[name]())
        lines.append(json.dumps([kind, str(path)]))
    pipe = folder / "pipe.yaml"
    os.mkfifo(pipe)
    asked.append(("protocol", "a pipe"))
    lines.append(json.dumps(["protocol", str(pipe)]))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        check=False,
    )
    given = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (asked[len(given)], done.stderr[-2000:])
    assert not done.stderr
    return {key: tuple(answer) for key, answer in zip(asked, given, strict=True)}


@pytest.mark.parametrize(("kind", "name"), [("protocol", name) for name in HOSTILE] + OTHERS)
def test_a_hostile_file_is_refused_with_a_diagnostic_and_in_time(kind: str, name: str, answers: Answers) -> None:
    taken, codes, seconds = answers[kind, name]
    assert not taken
    assert 0 < len(codes) <= 120
    assert seconds < LONGEST


def test_a_pipe_does_not_hang(answers: Answers) -> None:
    assert answers["protocol", "a pipe"][1] == ["KB101"]
