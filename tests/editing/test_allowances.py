"""A warning can be accepted where it stands: it no longer counts, is still told on request, and is looked at again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kb.base import Base, Examined
from kb.cli import app
from kb.formatter import format_text

ROOT = Path(__file__).parents[2]
ID = "refractory-hypotension"
UNUSUAL = ("      rate: 0.03 to 0.04 units/min\n", "      rate: 0.005 to 0.04 units/min\n")
STEP = "    interprets: [A03, A05, A07, A37, A39]\n"
ALLOW = """\
    allow:
      KB431:
        because: A test
        by: protocol editor
        until: 2027-01-31
"""
FILE_WIDE = "\n".join(line[4:] for line in ALLOW.splitlines()) + "\n"


def base(folder: Path, *changes: tuple[str, str], file: str = "1.0.0.yaml") -> Base:
    """The first protocol with a dose below the usual range of its drug, and `changes` in one of the files."""
    home = folder / "protocols" / ID
    (home / "scenarios").mkdir(parents=True)
    shutil.copytree(ROOT / "protocols" / "adult-cardiac-arrest", home.parent / "adult-cardiac-arrest")
    shutil.copytree(ROOT / "protocols" / "library", home.parent / "library")
    for name in ("1.0.0.yaml", "statements.yaml"):
        text = (ROOT / "protocols" / ID / name).read_text(encoding="utf-8")
        for old, new in ((UNUSUAL,) if name == "1.0.0.yaml" else ()) + (changes if name == file else ()):
            assert old in text
            text = text.replace(old, new, 1)
        (home / name).write_text(text, encoding="utf-8")
    return Base(folder)


def codes(examined: Examined) -> list[str]:
    return [item.code for item in examined.diagnostics]


def own(examined: Examined) -> list[str]:
    """Why the warning of the changed dose is allowed; those that ship with the protocols are left out."""
    return [item.allowed.because for item in examined.allowed if item.code == "KB431" and item.allowed is not None]


@pytest.mark.parametrize(
    ("old", "new"),
    [(STEP, STEP + ALLOW), ("\nstart: [pulse, airway]", f"\n{FILE_WIDE}\nstart: [pulse, airway]")],
    ids=["on the step", "for the file"],
)
def test_an_allowed_warning_no_longer_counts_and_is_still_told(old: str, new: str, tmp_path: Path) -> None:
    examined = base(tmp_path, (old, new)).examine([ID], at="2026-06-30")
    assert codes(examined) == []
    assert own(examined) == ["A test"]


def test_the_innermost_allowance_counts_and_the_other_is_not_needed(tmp_path: Path) -> None:
    wide = ("\nstart: [pulse, airway]", f"\n{FILE_WIDE.replace('A test', 'The whole file')}\nstart: [pulse, airway]")
    examined = base(tmp_path, (STEP, STEP + ALLOW), wide).examine([ID])
    assert own(examined) == ["A test"]
    assert codes(examined) == ["KB531"]


def test_an_allowance_on_another_step_allows_nothing(tmp_path: Path) -> None:
    other = "    interprets: [A10]\n\n  wait-and-measure:"
    examined = base(tmp_path, (other, other.replace("\n\n", f"\n{ALLOW}\n"))).examine([ID])
    assert sorted(codes(examined)) == ["KB431", "KB531"]


def test_an_allowance_may_stand_where_the_finding_points_to(tmp_path: Path) -> None:
    checked = base(tmp_path)
    drugs = tmp_path / "protocols" / "library" / "drugs.yaml"
    text = drugs.read_text(encoding="utf-8")
    place = "    codes: {atc: H01BA01}\n    confirm: critical-care pharmacist\n"
    assert place in text
    drugs.write_text(text.replace(place, place + ALLOW), encoding="utf-8")
    examined = checked.examine([ID])
    assert codes(examined) == []
    assert own(examined) == ["A test"]


def test_on_its_last_day_it_holds_and_on_the_next_it_is_a_finding(tmp_path: Path) -> None:
    checked = base(tmp_path, (STEP, STEP + ALLOW.replace("2027-01-31", "2026-03-01")))
    assert codes(checked.examine([ID], at="2026-03-01")) == []
    late = checked.examine([ID], at="2026-03-02")
    assert codes(late) == ["KB530"]
    assert late.diagnostics[0].help
    assert own(late) == ["A test"], "one fault is told once"
    assert codes(checked.examine([ID])) == [], "without a day nothing is dated"


def test_an_error_cannot_be_allowed(tmp_path: Path) -> None:
    changes = (UNUSUAL[1], UNUSUAL[1].replace("0.04", "0.2")), (STEP, STEP + ALLOW.replace("KB431", "KB430"))
    assert codes(base(tmp_path, *changes).examine([ID])) == ["KB430", "KB532"]


def test_in_a_file_with_an_error_nothing_is_called_unused(tmp_path: Path) -> None:
    changes = (UNUSUAL[1], UNUSUAL[1].replace("0.04", "0.2")), (STEP, STEP + ALLOW)
    assert codes(base(tmp_path, *changes).examine([ID])) == ["KB430"]


def test_an_allowance_of_the_statements_is_judged_with_all_versions_of_its_protocol(tmp_path: Path) -> None:
    change = ("\nreferences:\n", f"\n{FILE_WIDE}\nreferences:\n")
    checked = base(tmp_path, change, file="statements.yaml")
    assert sorted(codes(checked.examine([ID]))) == ["KB431", "KB531"]
    assert codes(checked.examine([f"{ID}@1.0.0"])) == ["KB431"]


def test_a_date_that_does_not_exist_is_told(tmp_path: Path) -> None:
    checked = base(tmp_path, (STEP, STEP + ALLOW.replace("2027-01-31", "2027-02-31")))
    assert codes(checked.examine([ID])) == ["KB217"]


def test_an_allowance_says_why_by_whom_and_until_when(tmp_path: Path) -> None:
    checked = base(tmp_path, (STEP, STEP + "    allow:\n      KB431:\n        because: A test\n"))
    assert codes(checked.examine([ID])) == ["KB202"], "both missing keys are one finding"


def test_the_order_of_its_keys_is_put_right() -> None:
    text = (ROOT / "protocols" / ID / "1.0.0.yaml").read_text(encoding="utf-8").replace(STEP, STEP + ALLOW, 1)
    lines = ALLOW.splitlines(keepends=True)
    mixed = text.replace(ALLOW, "".join([*lines[:2], lines[4], lines[3], lines[2]]))
    assert mixed != text
    assert format_text(mixed, "1.0.0.yaml", "protocol").text == text


def run(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["--base", str(folder), "check", ID, "--at", "2026-06-30", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_every_format_says_how_many_are_allowed(tmp_path: Path) -> None:
    base(tmp_path, (STEP, STEP + ALLOW))
    assert " allowed" in run(tmp_path)
    assert "A test" not in run(tmp_path)
    assert "until 2027-01-31 by protocol editor: A test" in run(tmp_path, "--allowed")

    told = json.loads(run(tmp_path, "--format", "json"))
    assert (told["errors"], told["warnings"], told["diagnostics"]) == (0, 0, [])
    assert [one["allowed"]["because"] for one in told["allowed"] if one["code"] == "KB431"] == ["A test"]

    results = json.loads(run(tmp_path, "--format", "sarif"))["runs"][0]["results"]
    [suppressed] = [one["suppressions"] for one in results if one["ruleId"] == "KB431"]
    assert suppressed[0]["kind"] == "inSource"
    assert suppressed[0]["justification"] == "A test (allowed by protocol editor until 2027-01-31)"
    assert "A test" not in run(tmp_path, "--format", "github")


def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", ID, "--at", "soon"])
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_what_the_library_allows_is_told_nowhere_else_either() -> None:
    shipped = Base(ROOT)
    file = shipped.file(ID)
    assert file is not None
    assert shipped.findings(file) == ()
    assert shipped.program(ID)[1] == ()
