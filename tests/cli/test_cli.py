"""The command line: exit codes, plain output, and no traceback for anything a user can do."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from kb import cli
from kb.base import Base
from kb.cli import common
from kb.validator import reference_errors

ROOT = Path(__file__).parents[2]
CHART = str(ROOT / "site" / "examples" / "flat-trace.json")
LOCAL = str(ROOT / "site" / "examples" / "local.yaml")
AT = "2026-01-27T12:00:00+00:00"
PROTOCOL = "refractory-hypotension"


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Kb = Callable[..., Answer]


SHIPPED = Base(".")  # kept, so that each protocol is compiled once for all these tests


@pytest.fixture
def kb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Kb:
    """Run `kb` in process, from the top of the repository."""
    monkeypatch.chdir(ROOT)
    opened = common.open_base
    monkeypatch.setattr(common, "open_base", lambda folder: SHIPPED if folder == "." else opened(folder))

    def call(*arguments: str, stdin: str = "") -> Answer:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            cli.run(list(arguments))
        captured = capsys.readouterr()
        code = ended.value.code
        return Answer(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call


def base(folder: Path, **files: str) -> str:
    """A knowledge base with the shipped library and the files given as `id__name="text"`."""
    (folder / "protocols").mkdir(parents=True)
    (folder / "protocols" / "library").symlink_to(ROOT / "protocols" / "library")
    for key, text in files.items():
        path = folder / "protocols" / key.replace("__", "/").replace("_", "-").replace("-yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return str(folder)


def test_check_finds_nothing_wrong_with_what_ships(kb: Kb) -> None:
    answer = kb("check")
    assert answer.code == 0, answer.out
    assert answer.out.startswith("fine: ")


def test_check_of_nothing_is_a_failure(kb: Kb, tmp_path: Path) -> None:
    answer = kb("--base", base(tmp_path / "empty"), "check")
    assert answer.code == 2
    assert "nothing was checked" in answer.err


def test_check_tells_place_and_help(kb: Kb, tmp_path: Path) -> None:
    text = (ROOT / "protocols" / PROTOCOL / "1.1.0.yaml").read_text("utf-8").replace("map < 65 mmHg", "mapp < 65 mmHg")
    folder = base(tmp_path / "kb")
    (tmp_path / "kb" / "protocols" / PROTOCOL).mkdir()
    for name, content in (
        ("1.1.0.yaml", text),
        ("statements.yaml", (ROOT / "protocols" / PROTOCOL / "statements.yaml").read_text("utf-8")),
    ):
        (tmp_path / "kb" / "protocols" / PROTOCOL / name).write_text(content, encoding="utf-8")
    answer = kb("--base", folder, "check", PROTOCOL)
    assert answer.code == 1
    assert "1.1.0.yaml:" in answer.out
    assert "did you mean `map`?" in answer.out
    report = json.loads(kb("--base", folder, "check", PROTOCOL, "--format", "json").out)
    assert report["errors"] >= 1
    assert report["diagnostics"][0]["code"].startswith("KB3")


def test_a_protocol_with_errors_gives_no_advice(kb: Kb, tmp_path: Path) -> None:
    folder = base(tmp_path / "kb", broken__0_1_0_yaml="")
    (tmp_path / "kb" / "protocols" / "broken" / "0.1.0.yaml").write_text("format: 1\n", encoding="utf-8")
    answer = kb("--base", folder, "advise", "broken", "--chart", CHART)
    assert answer.code == 2
    assert answer.out == ""
    assert "cannot be used until this is put right" in answer.err


def test_advice_names_dose_unit_reason_source_and_review_state(kb: Kb) -> None:
    answer = kb("advise", PROTOCOL, "--chart", CHART, "--at", AT, "--local", LOCAL)
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert "DRAFT" in lines[1]
    first = next(number for number, line in enumerate(lines) if line.startswith(" 1  NOW"))
    item = "\n".join(lines[first : first + 10])
    for part in ("Start vasopressin", "vasopressin 0.03 units/min IV", "why", "MAP unobtainable (11:58, 2 min ago)",
                 "source  S02", "strong recommendation, certainty not graded", "review  in 5 min: MAP"):  # fmt: skip
        assert part in item
    assert "ASK NOW" in answer.out
    assert "balanced crystalloid 1400 mL IV" in answer.out
    assert "\x1b" not in answer.out


def test_advice_as_json_is_the_advice(kb: Kb) -> None:
    answer = kb("advise", PROTOCOL, "--chart", CHART, "--at", AT, "--format", "json")
    advice = json.loads(answer.out)
    assert advice["recommended"][0]["dose"]["rounded"] == "0.03"
    assert advice["state"] == "draft"


def test_a_chart_comes_from_standard_input(kb: Kb) -> None:
    answer = kb("advise", PROTOCOL, "--chart", "-", stdin='{"age": "40 years", "pulse": "absent"}')
    assert answer.code == 0
    assert "go to   adult-cardiac-arrest@0" in answer.out


def test_a_patient_outside_the_scope_gets_no_advice_but_that(kb: Kb) -> None:
    answer = kb("advise", PROTOCOL, "--chart", "-", stdin='{"age": "4 years", "map": "30 mmHg"}')
    assert "NOT FOR THIS PATIENT" in answer.out
    assert "DO NOW" not in answer.out


def test_why_explains_one_step(kb: Kb) -> None:
    answer = kb("advise", PROTOCOL, "--chart", CHART, "--at", AT, "--why", "vasopressin")
    assert answer.code == 0
    assert "vasopressin is reached" in answer.out
    wrong = kb("advise", PROTOCOL, "--chart", CHART, "--at", AT, "--why", "vasopresin")
    assert wrong.code == 2
    assert "did you mean `vasopressin`?" in wrong.err


@pytest.mark.parametrize(
    ("chart", "told"),
    [
        ('{"map": "58"}', "write `58 mmHg`"),
        ('{"puls": "present"}', "did you mean `pulse`?"),
        ('{"map": "58 mmHg", "map": "90 mmHg"}', "twice"),
        ('{"map": NaN}', "NaN"),
        ('{"map": 1e999999999}', ""),
        ("{", "not JSON"),
        ("[" * 100_000, "nested"),
        ("[]", ""),
        ("3", ""),
        ("", "not JSON"),
    ],
)
def test_a_bad_chart_is_refused_in_words(kb: Kb, chart: str, told: str) -> None:
    answer = kb("advise", PROTOCOL, "--chart", "-", stdin=chart)
    assert answer.code == 2
    assert answer.out == ""
    assert told in answer.err
    assert "fault of kb" not in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("advise", "no-such", "--chart", CHART),
        ("advise", f"{PROTOCOL}@9.9.9", "--chart", CHART),
        ("advise", "../../etc/passwd", "--chart", CHART),
        ("advise", "no-such.json", "--chart", CHART),
        ("advise", "no-such.yaml", "--chart", CHART),
        ("advise", PROTOCOL, "--chart", "no-such.json"),
        ("advise", PROTOCOL, "--chart", CHART, "--at", "yesterday"),
        ("advise", PROTOCOL, "--chart", CHART, "--at", "2026-01-27T12:00:00"),
        ("advise", PROTOCOL, "--chart", CHART, "--at", AT, "--local", "no-such.yaml"),
        ("show", "no-such"),
        ("compile", "no-such"),
        ("compile",),
        ("test", "no-such"),
        ("explain", "KB000"),
        ("--base", "no-such", "check"),
        ("check", "--no-such"),
        ("advise", PROTOCOL),
    ],
)
def test_what_cannot_run_says_why_and_exits_with_2(kb: Kb, arguments: tuple[str, ...]) -> None:
    answer = kb(*arguments)
    assert answer.code == 2
    assert answer.err.strip()
    assert "fault of kb" not in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("words", "code", "verdict"),
    [
        (["vasopressin", "0.03", "units/min"], 0, "ALLOWED"),
        (["vasopressin", "0.06 units/min"], 1, "REFUSED"),
        (["vasopressin", "0.03 units/kg/min"], 1, "REFUSED"),
        (["dopamine", "5 mcg/kg/min", "--line", "first"], 1, "REFUSED"),
    ],
)
def test_orders_are_checked(kb: Kb, words: list[str], code: int, verdict: str) -> None:
    answer = kb("order", PROTOCOL, "--chart", CHART, "--at", AT, *words)
    assert answer.out.startswith(verdict), answer.out + answer.err
    assert answer.code == code


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("norepinephrine", "0.1 mcg/kg/min"),
            ("Is the dose ordered as base or as tartrate? (base or tartrate)  (--salt)\n",),
        ),
        (
            ("norepinephrine", "5 mL/h", "--salt", "base"),
            ("What is the concentration of Norepinephrine (such as 4 mg/50 mL)?  (--concentration)",),
        ),
        (
            ("dopamine", "5 mcg/kg/min"),
            ("As which line of treatment is Dopamine ordered? (first or another)  (--line)",
             "What is Dopamine ordered for? (renal-protection or another)  (--intent)"),
        ),
        (
            ("norepinephrine", "5 mL/h", "--salt", "tartrate", "--concentration", "8 mg/50 mL"),
            ("read as 5 mL/h as tartrate of 8 mg/50 mL at the weight charted = 0.0952381 mcg/kg/min as base",),
        ),
    ],
)  # fmt: skip
def test_an_order_asks_in_words_and_says_how_it_was_understood(
    kb: Kb, words: tuple[str, ...], told: tuple[str, ...]
) -> None:
    answer = kb("order", PROTOCOL, "--chart", CHART, "--at", AT, *words)
    for each in told:
        assert each in answer.out, answer.out + answer.err


def test_orders_as_json(kb: Kb) -> None:
    answer = kb("order", PROTOCOL, "--chart", CHART, "--at", AT, "vasopressin", "0.06 units/min", "-f", "json")
    assert json.loads(answer.out)[0]["rules"] == ["vasopressin-above-ceiling"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("advise", "no-such", "--chart", CHART),
        ("advise", PROTOCOL, "--chart", "no-such.json"),
        ("advise", PROTOCOL, "--chart", CHART, "--local", "no-such.yaml"),
        ("order", "no-such", "--chart", CHART, "vasopressin", "0.03 units/min"),
        ("show", "no-such"),
        ("test", "no-such"),
        ("explain", "KB000"),
        ("--base", "no-such", "check"),
        ("check", "--no-such"),
        ("chek",),
        ("--no-such", "check"),
    ],
)
def test_what_cannot_run_says_so_in_json_where_json_is_asked_for(kb: Kb, arguments: tuple[str, ...]) -> None:
    answer = kb(*arguments, "--format", "json")
    assert answer.code == 2
    refusal = json.loads(answer.out)
    assert reference_errors(refusal, "refusal") == []
    assert refusal["error"]["message"] in answer.err.replace("kb: ", "", 1)


@pytest.mark.parametrize("command", ["check", "test"])
@pytest.mark.parametrize("format", ["json", "sarif", "github", "junit"])
def test_a_report_of_nothing_is_well_formed_and_a_failure(kb: Kb, tmp_path: Path, command: str, format: str) -> None:
    file = tmp_path / "report"
    answer = kb("--base", base(tmp_path / "kb"), command, "--format", format, "--report", f"{format}={file}")
    assert answer.code == 2
    well_formed(format, answer.out)
    assert answer.out == file.read_text("utf-8")
    assert "nothing was" in answer.out or (command, format) == ("test", "sarif")


def well_formed(format: str, text: str) -> None:
    match format:
        case "json" | "sarif":
            json.loads(text)
        case "junit":
            ElementTree.fromstring(text.encode("utf-8"))
        case "github":
            assert all(line.startswith("::") for line in text.splitlines())


def test_one_run_prints_text_and_writes_reports(kb: Kb, tmp_path: Path) -> None:
    folder = base(tmp_path / "kb", broken__x_yaml="")
    (tmp_path / "kb" / "protocols" / "broken" / "0.1.0.yaml").write_text("format: 1\n", encoding="utf-8")
    wanted = [word for name in ("sarif", "junit", "github", "json", "text")
              for word in ("--report", f"{name}={tmp_path / 'new' / name}")]  # fmt: skip
    answer = kb("--base", folder, "check", *wanted)
    assert answer.code == 1
    assert answer.out.startswith("error[KB")
    for name in ("sarif", "junit", "github", "json"):
        text = (tmp_path / "new" / name).read_text("utf-8")
        well_formed(name, text)
        assert "broken/0.1.0.yaml" in text


@pytest.mark.parametrize(
    ("report", "told"),
    [("sarif", "--report sarif=kb.sarif"), ("sarf=x", "did you mean `sarif`?"), ("sarif=/proc/x", "cannot")],
)
def test_a_report_that_cannot_be_written_is_told(kb: Kb, report: str, told: str) -> None:
    answer = kb("check", PROTOCOL, "--report", report)
    assert answer.code == 2
    assert told in answer.err
    assert "fault of kb" not in answer.err


def test_scenarios_are_test_cases(kb: Kb) -> None:
    answer = kb("test", "anaphylaxis", "--format", "junit")
    suite = ElementTree.fromstring(answer.out.encode("utf-8"))[0]
    assert suite.get("name") == "anaphylaxis"
    assert int(suite.get("tests", "0")) > 10
    assert suite.get("failures") == "0"


def test_scenarios_run_and_coverage_is_told(kb: Kb) -> None:
    answer = kb("test", PROTOCOL, "--coverage")
    assert answer.code == 0, answer.out
    for kind in ("steps", "cases", "statuses", "rules", "thresholds"):
        assert f"  {kind}" in answer.out
    report = json.loads(kb("test", PROTOCOL, "--coverage", "--format", "json").out)[0]
    assert all(not scenario["mismatches"] for scenario in report["scenarios"])
    assert {part["kind"] for part in report["coverage"]} == {"step", "case", "status", "rule", "threshold"}


def test_a_protocol_without_scenarios_is_a_failure(kb: Kb, tmp_path: Path) -> None:
    folder = base(tmp_path / "kb")
    (tmp_path / "kb" / "protocols" / PROTOCOL).mkdir()
    for name in ("1.1.0.yaml", "statements.yaml"):
        (tmp_path / "kb" / "protocols" / PROTOCOL / name).symlink_to(ROOT / "protocols" / PROTOCOL / name)
    answer = kb("--base", folder, "test")
    assert answer.code == 2
    assert "no scenarios" in answer.out + answer.err


def test_a_failing_scenario_says_what_was_expected(kb: Kb, tmp_path: Path) -> None:
    folder = base(tmp_path / "kb")
    place = tmp_path / "kb" / "protocols" / PROTOCOL
    (place / "scenarios").mkdir(parents=True)
    for name in ("1.1.0.yaml", "statements.yaml"):
        (place / name).symlink_to(ROOT / "protocols" / PROTOCOL / name)
    (place / "scenarios" / "wrong.yaml").write_text(
        "format: 1\nprotocol: refractory-hypotension\nscenarios:\n  wrong:\n    title: No pulse\n"
        "    chart:\n      age: 40 years\n      pulse: absent\n    expect:\n      recommended: [vasopressin]\n",
        encoding="utf-8",
    )
    answer = kb("--base", folder, "test", PROTOCOL)
    assert answer.code == 1
    assert "expected [vasopressin], got [arrest" in answer.out
    (failure,) = ElementTree.fromstring(kb("--base", folder, "test", "--format", "junit").out.encode()).iter("failure")
    assert "expected [vasopressin], got [arrest" in (failure.text or "")
    annotation = kb("--base", folder, "test", "--format", "github").out
    assert annotation.startswith("::error file=")
    assert "wrong.yaml,line=" in annotation


def test_show_in_every_format(kb: Kb) -> None:
    assert "1. Is there a definite central pulse?" in kb("show", PROTOCOL).out
    assert kb("show", PROTOCOL, "--format", "dot").out.startswith("digraph protocol {")
    assert kb("show", PROTOCOL, "--format", "svg").out.startswith("<svg ")
    assert json.loads(kb("show", PROTOCOL, "--format", "json").out)["entries"]


def test_a_compiled_program_runs_like_its_protocol(kb: Kb, tmp_path: Path) -> None:
    answer = kb("compile", PROTOCOL, "--output", str(tmp_path))
    assert answer.code == 0
    path = tmp_path / f"{PROTOCOL}@1.1.0.json"
    arguments = ("--chart", CHART, "--at", AT, "--format", "json")
    assert kb("advise", str(path), *arguments).out == kb("advise", PROTOCOL, *arguments).out


def test_every_code_is_explained(kb: Kb) -> None:
    codes = json.loads(kb("explain", "--format", "json").out)
    assert codes
    page = kb("explain", codes[0]["code"])
    assert page.out.startswith(f"# {codes[0]['code']}")
    assert kb("explain", codes[0]["name"]).out == page.out


def test_without_its_libraries_the_command_says_what_to_install() -> None:
    code = "import importlib.util, sys; sys.path.insert(0, sys.argv[1])\nfrom kb.__main__ import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", code, str(ROOT)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "guideline-kb[authoring]" in done.stderr
    assert "Traceback" not in done.stderr


def test_output_cut_short_is_no_fault(tmp_path: Path) -> None:
    command = f"{sys.executable} -m kb show {PROTOCOL} | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("Refractory")
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_the_settings_of_a_hospital_are_listed_with_what_is_missing(kb: Kb, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "protocols", tmp_path / "protocols")
    code, out, _ = kb("--base", str(tmp_path), "local", "anaphylaxis")
    assert (code, "default  uk" in out, "not set" in out) == (0, True, True)
    code, out, _ = kb("--base", str(tmp_path), "local", "refractory-hypotension")
    assert (code, "NOT SET" in out) == (1, True)
    (tmp_path / "local.yaml").write_text(
        "format: 1\napproved_by: Dr A. Example\napproved_on: 2026-11-01\n"
        "parameters:\n  dosing_rule:\n    value: us\n    because: we follow the US rule\n"
    )
    code, out, _ = kb("--base", str(tmp_path), "local", "anaphylaxis", "--format", "json")
    (asked,) = json.loads(out)["protocols"][0]["asked"]
    assert (code, asked["default"], asked["here"]["value"]) == (0, "uk", "us")
    assert (asked["here"]["by"], asked["here"]["because"]) == ("Dr A. Example", "we follow the US rule")


def test_signs_that_the_output_cannot_carry_are_spelt() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
    shown = subprocess.run(
        [sys.executable, "-m", "kb", "--base", str(ROOT), "show", PROTOCOL],
        capture_output=True, timeout=120, check=True, env=environment,
    ).stdout.decode("cp1252")  # fmt: skip
    assert "Applies if age >= 18 years." in shown
    assert " ? " not in shown
    assert "→" not in shown
    assert "2.5 -> 5" in shown
