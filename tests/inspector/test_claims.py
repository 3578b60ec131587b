"""What an editor claims for the check alone: where it is true nothing is told, and it changes no Program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kb.base import Base
from kb.diagnostics import Diagnostic
from tests.inspector.test_faults import FAULTS, ROOT, base_with

BANDS = "      - when: spo2 < 94 %\n        value: 2 points\n      - when: spo2 < 96 %\n"
APART = (
    "      - when: spo2 >= 92 % and spo2 < 94 %\n        value: 2 points\n      - when: spo2 >= 94 % and spo2 < 96 %\n"
)
DATA = "library/data.yaml"
TRUE_CLAIMS: list[dict[str, Any]] = [
    {
        "claim": "bands that exclude each other",
        "file": "library/definitions.yaml",
        "old": "    cases:\n      - when: spo2 < 92 %\n",
        "new": "    exclusive: true\n    cases:\n      - when: spo2 < 92 %\n",
        "also": [{"file": "library/definitions.yaml", "old": BANDS, "new": APART}],
    },
    {
        "claim": "bands that meet, with a step",
        "file": DATA,
        "old": "    plausible: 20 to 100\n",
        "new": "    plausible: 20 to 100\n    resolution: 1\n",
    },
    {
        "claim": "points that rise as it gets worse; bands that hang on something else as well are not judged",
        "file": DATA,
        "old": "    plausible: 20 to 100\n",
        "new": "    plausible: 20 to 100\n    worse: lower\n",
    },
]


@pytest.mark.parametrize("claim", TRUE_CLAIMS, ids=lambda claim: claim["claim"])
def test_a_true_claim_is_told_nothing(claim: dict[str, Any], tmp_path: Path) -> None:
    base = base_with(tmp_path, {"protocol": "early-warning", **claim})
    assert not base.examine(["early-warning"]).diagnostics


FALSE_CLAIMS = [fault for fault in FAULTS if "claim to exclude each other" in fault["fault"]]


@pytest.mark.parametrize("claim", [TRUE_CLAIMS[1], TRUE_CLAIMS[2], *FALSE_CLAIMS], ids=lambda item: item["new"].strip())
def test_a_claim_changes_no_program(claim: dict[str, Any], tmp_path: Path) -> None:
    claim = {"protocol": "early-warning", **claim}
    before, _ = Base(ROOT).program(claim["protocol"])
    after, _ = base_with(tmp_path, claim).program(claim["protocol"])
    assert before is not None
    assert after == before


def told_of(tmp_path: Path, line: str) -> list[Diagnostic]:
    edit = {"file": DATA, "old": "    plausible: 20 to 100\n", "new": f"    plausible: 20 to 100\n    {line}\n"}
    return list(base_with(tmp_path, {"protocol": "early-warning", **edit}).examine(["early-warning"]).diagnostics)


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("resolution: 1 mmHg", "KB220", "the step is in `mmHg`, the entry in `%`"),
        ("resolution: fine", "KB220", "this is not the step in which something is measured"),
        ("resolution: 0", "KB220", "this is not the step in which something is measured"),
        ("worse: up", "KB206", "up"),
    ],
)
def test_a_claim_that_cannot_be_read_is_told(line: str, code: str, says: str, tmp_path: Path) -> None:
    first = told_of(tmp_path, line)[0]
    assert first.code == code
    assert says in first.message
    assert first.help


def test_exclusive_goes_with_cases(tmp_path: Path) -> None:
    edit = {
        "protocol": "early-warning",
        "file": "library/definitions.yaml",
        "old": "    title: NEWS2, the sum of all seven parts\n    unit: points\n",
        "new": "    title: NEWS2, the sum of all seven parts\n    unit: points\n    exclusive: true\n",
    }
    first = base_with(tmp_path, edit).examine(["early-warning"]).diagnostics[0]
    assert (first.code, "cases" in first.message) == ("KB216", True)
