"""Local settings on the command line: whose fault a fault is, and what is shown of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from kb import cli
from kb.base import Base
from kb.cli import common

ROOT = Path(__file__).parents[2]
AT = "2026-01-27T12:00:00+00:00"
SHOCK = "refractory-hypotension"
CHART = ["--chart", str(ROOT / "site" / "examples" / "flat-trace.json"), "--at", AT]
SIGNED = "format: 1\nname: St Example\napproved_by: Dr A. Example\napproved_on: 2026-01-01\n"
SHIPPED = Base(".")  # kept, so that each protocol is compiled once for all these tests


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Kb = Callable[..., Answer]


@pytest.fixture
def kb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kb:
    """Run `kb` with `settings` as the local settings, from the top of the repository."""
    monkeypatch.chdir(ROOT)
    opened = common.open_base
    monkeypatch.setattr(common, "open_base", lambda folder: SHIPPED if folder == "." else opened(folder))
    path = tmp_path / "local.yaml"

    def call(settings: str, *arguments: str) -> Answer:
        path.write_text(SIGNED + settings, encoding="utf-8")
        with pytest.raises(SystemExit) as ended:
            cli.run([*arguments, "--local", str(path)])
        captured = capsys.readouterr()
        code = ended.value.code
        return Answer(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call


@pytest.mark.parametrize(
    "command",
    [
        ["advise", SHOCK, *CHART],
        ["order", SHOCK, "vasopressin", "0.03", "units/min", *CHART],
        ["show", SHOCK],
        ["run", SHOCK],
    ],
    ids=lambda command: command[0],
)
def test_a_fault_of_the_settings_is_told_as_theirs_with_its_line(kb: Kb, command: list[str]) -> None:
    told = kb("parameters:\n  reassess_after: {value: 50 min, because: rounds}\n", *command)
    assert told.code == 2
    assert "local.yaml:6:27" in told.err
    assert "its range is 1 to 15 min" in told.err
    assert "local.yaml cannot be used" in told.err
    assert "the chart was refused" not in told.err


def test_a_lenient_reading_passes_over_a_setting_that_holds_nothing_back_and_lists_it(kb: Kb) -> None:
    told = kb("parameters:\n  reassess_after: {value: 50 min, because: x}\n", "advise", SHOCK, *CHART, "--lenient")
    assert told.code == 0
    assert "`50 min` is outside the range of `reassess_after`" in told.err
    assert "local.yaml:6:27" in told.err


def test_a_care_area_that_is_not_there_is_a_fault_of_the_option(kb: Kb) -> None:
    told = kb("care_areas:\n  ward: General ward\n", "advise", SHOCK, *CHART, "--care-area", "wart")
    assert told.code == 2
    assert "--care-area: no care area `wart`; did you mean `ward`?" in told.err


def test_a_care_area_is_signed_by_whoever_signed_the_file(kb: Kb) -> None:
    told = kb("care_areas:\n  ward: General ward\n", "advise", SHOCK, *CHART, "--care-area", "ward")
    assert "care area: General ward; signed by Dr A. Example on 2026-01-01" in told.out


def test_a_setting_signed_after_the_time_of_the_advice_says_so(kb: Kb) -> None:
    late = "parameters:\n  reassess_after: {value: 5 min, because: rounds, approved_on: 2031-01-01}\n"
    told = kb(late, "advise", SHOCK, *CHART)
    assert "signed by Dr A. Example on 2031-01-01, which is after the time of this advice" in told.out


def test_a_new_base_with_unsigned_settings_passes_and_says_what_is_unsigned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: str) -> Answer:
        with pytest.raises(SystemExit) as ended:
            cli.run(list(arguments))
        captured = capsys.readouterr()
        return Answer(int(ended.value.code or 0), captured.out, captured.err)

    assert call("init", str(tmp_path / "base")).code == 0
    monkeypatch.chdir(tmp_path / "base")
    with Path("local.yaml").open("a", encoding="utf-8") as file:
        file.write("concentrations:\n  vasopressin: 0.4 units/mL\n")
    told = call("check")
    assert told.code == 0
    assert "note[KB716 unsigned-setting]" in told.out
    assert "2 notes" in told.out
    assert "::notice file=" in call("check", "--format", "github").out
    assert '"level": "note"' in call("check", "--format", "sarif").out
    assert 'failures="0"' in call("check", "--format", "junit").out
