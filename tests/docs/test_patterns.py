"""The patterns page shows pieces of complete protocols: whole protocols that pass, and pieces that are theirs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kb
from kb.base import Base
from kb.coverage import coverage
from kb.scenarios import load_scenario_files, run_scenario
from tests.docs.test_code_blocks import Block, blocks

DOCS = Path(__file__).parents[2] / "site" / "docs"
PAGE = DOCS / "patterns.md"
BASE = Base(DOCS / "patterns")
PIECES = [block for block in blocks(PAGE) if block.language == "yaml"]


def runs(block: Block) -> list[list[str]]:
    """The lines of a piece, in runs that its file has in this order; a blank line or a key at the margin ends one."""
    found: list[list[str]] = [[]]
    for line in block.text.splitlines()[1:]:
        if line and not line.startswith(" "):
            found += [[line], []]
        elif line:
            found[-1].append(line)
        else:
            found.append([])
    return [run for run in found if run]


def test_the_protocols_are_without_a_complaint() -> None:
    found, checked = BASE.check(BASE.protocols())
    assert not found, found
    assert len(checked) >= 2 * len(BASE.protocols())


@pytest.mark.parametrize("id", BASE.protocols())
def test_a_pattern_does_what_its_worked_patients_expect(id: str) -> None:
    scenarios, found = load_scenario_files(BASE.scenario_files(id))
    assert scenarios
    assert not found, found
    guideline = kb.load(id, base=BASE.path)
    wrong = [str(each) for scenario in scenarios for each in run_scenario(guideline, scenario).mismatches]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("id", BASE.protocols())
def test_worked_patients_reach_every_step_of_a_pattern(id: str) -> None:
    guideline = kb.load(id, base=BASE.path)
    scenarios, _ = load_scenario_files(BASE.scenario_files(id))
    parts = coverage(guideline.program, [run_scenario(guideline, scenario) for scenario in scenarios])
    assert not [part for part in parts if part.kind == "step" and part.missing]


@pytest.mark.parametrize("block", PIECES, ids=lambda block: f"line {block.line}")
def test_a_piece_is_verbatim_from_a_whole_protocol(block: Block) -> None:
    name = block.text.splitlines()[0].removeprefix("# from: ")
    lines = (BASE.protocols_path / name).read_text("utf-8").splitlines()
    at = 0
    for run in runs(block):
        places = [n for n in range(at, len(lines)) if lines[n : n + len(run)] == run]
        assert places, f"{name} does not have, after line {at}:\n" + "\n".join(run)
        at = places[0] + len(run)


def test_every_pattern_is_shown_linked_and_in_the_table() -> None:
    text = PAGE.read_text("utf-8")
    shown = {block.text.splitlines()[0].removeprefix("# from: ") for block in PIECES}
    for id in BASE.protocols():
        assert {f"{id}/0.1.0.yaml", f"{id}/scenarios/{id}.yaml"} <= shown, id
    for target in re.findall(r"\]\((patterns/[^)]+)\)", text):
        assert (DOCS / target).is_file(), target
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    anchors = re.findall(r"^\| .* \| \[.*\]\(#(.+)\) \|$", text, re.MULTILINE)
    assert anchors == [title.lower().replace(" ", "-") for title in titles]
