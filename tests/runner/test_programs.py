"""The runner reads Programs as hostile: what is none is refused by its place, as in Python; so is a changed file."""

from __future__ import annotations

from typing import Any

from kb.codec import checksum, program_file
from tests.runner.node import run
from tests.running.test_program import BROKEN, as_json, full_program


def refused(programs: list[Any]) -> list[Any]:
    return list(run("programs.mjs", programs))


def test_what_is_not_a_program_is_refused_by_the_same_place() -> None:
    rows = [row for row in BROKEN if row[1] != ["get", 0.0]]  # JSON numbers have one kind in JavaScript
    programs = []
    for put, value, _, _ in rows:
        data = as_json(full_program())
        put(data, value)
        programs.append(data)
    wrong = [
        (place, problem, found)
        for (_, _, place, problem), found in zip(rows, refused(programs), strict=True)
        if found[0] != place or problem not in found[1]
    ]
    assert not wrong


def test_what_is_no_object_is_no_program() -> None:
    assert refused([None, [], "x", 3, True]) == [["", "a Program is an object"]] * 5


def test_a_file_that_was_changed_after_it_was_compiled_is_refused() -> None:
    file = program_file(full_program())
    told = "it was changed after it was compiled; compile it again"
    found = refused([file, {**file, "title": "Ein anderer Titel – größer"}])
    assert found == [[file["id"], "draft", []], ["checksum", told]]


def test_a_file_cannot_say_that_it_was_reviewed() -> None:
    claimed = {**program_file(full_program()), "state": "approved", "standing": {"missing": ["a pharmacist"]}}
    assert refused([{**claimed, "checksum": checksum(claimed)}]) == [[claimed["id"], "draft", []]]


def test_the_checksum_of_any_text_is_that_of_python() -> None:
    program = full_program()._replace(title='Ä "quoted" \\ \t\n\x7f 𝒜 \u2028', question="ﬁ")
    file = program_file(program)
    assert refused([file])[0][0] == file["id"]
