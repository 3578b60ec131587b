"""Reports for programs: well formed, escaped, and with places that their readers understand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as OfficialSarif

from kb.cli.common import ReportFormat
from kb.codes import CODES, found
from kb.diagnostics import Diagnostic, Related, Span
from kb.report import FORMATS, Case, Refusal, Report
from kb.report.record import Lines, path_below
from kb.validator import reference_errors
from tests.reading.files import changed, load

ROOT = Path("/base")
HOSTILE = "x\r\n::set-output name=a::b\x1b[31m%0A,:=]]>&<b>\u202e\x00\ud800 [go](https://example.org) {0} ##[error]"


def report(*diagnostics: Diagnostic, text: str = "", refusal: Refusal | None = None) -> Report:
    file = diagnostics[0].span.file if diagnostics else "/base/a.yaml"
    return Report(diagnostics, ("/base/a.yaml",), refusal, (), ROOT, Lines({file: text}))


def diagnostic(span: Span, message: str = "unknown name `mapp`") -> Diagnostic:
    return found("KB310", span, message, "did you mean `map`?", "it is never answered", (Related(span, "it is here"),))


def results(document: str) -> list[dict[str, object]]:
    OfficialSarif.model_validate_json(document)
    return list(json.loads(document)["runs"][0]["results"])


EVERYTHING = [
    report(),
    report(refusal=Refusal("nothing was checked", "KB706")),
    report(diagnostic(Span("/base/a.yaml", 1, 2, 1, 4)), text="when: mapp"),
    report(diagnostic(Span(f"/base/{HOSTILE.replace('/', '')}.yaml", 1, 2, 3, 4), HOSTILE), text=HOSTILE),
    report(diagnostic(Span("/base/a.yaml"), HOSTILE), refusal=Refusal(HOSTILE)),
    Report(cases=(Case(HOSTILE, HOSTILE, HOSTILE, 3, (HOSTILE, HOSTILE)), Case("p", "fine", "f")), root=ROOT),
]


def test_the_command_line_offers_every_format() -> None:
    assert [format.value for format in ReportFormat] == list(FORMATS)


@pytest.mark.parametrize("made", EVERYTHING)
def test_json_is_by_its_schema(made: Report) -> None:
    data = json.loads(FORMATS["json"](made))
    assert reference_errors(data, "diagnostic" if made.refusal is None else "refusal") == []


@pytest.mark.parametrize("made", EVERYTHING)
def test_sarif_is_by_the_official_schema(made: Report) -> None:
    document = FORMATS["sarif"](made)
    document.encode("utf-8")
    OfficialSarif.model_validate_json(document)
    run = json.loads(document)["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is (made.refusal is None)
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


@pytest.mark.parametrize("made", EVERYTHING)
def test_junit_is_xml_that_counts_right(made: Report) -> None:
    document = FORMATS["junit"](made)
    root = ElementTree.fromstring(document.encode("utf-8"))
    for suite in [root, *root.findall("testsuite")]:
        assert int(suite.get("tests", "")) == len(list(suite.iter("testcase")))
        assert int(suite.get("failures", "")) == len(list(suite.iter("failure")))
        assert int(suite.get("errors", "")) == len(list(suite.iter("error")))
    for case in root.iter("testcase"):
        assert len(case) <= 1  # several readers show only the first


@pytest.mark.parametrize("made", EVERYTHING)
def test_no_text_of_a_base_begins_a_workflow_command(made: Report) -> None:
    lines = FORMATS["github"](made).splitlines()
    wanted = len(made.diagnostics) + (made.refusal is not None) + sum(bool(case.failures) for case in made.cases)
    assert len(lines) == wanted
    for line in lines:
        properties, _, message = line.partition(" ")[2].partition("::")
        assert line.startswith(("::error ", "::warning "))
        assert set(re.findall(r"(\w+)=", re.sub(r"=[^,]*", "=", properties))) <= {
            "file", "line", "endLine", "col", "endColumn", "title"
        }  # fmt: skip
        assert message
        assert not set("\r\n\x1b\x00") & set(line)


def test_a_workflow_command_names_the_place_and_what_to_do() -> None:
    made = report(diagnostic(Span("/base/protocols/a.yaml", 7, 9, 7, 13)))
    assert FORMATS["github"](made) == (
        "::error file=protocols/a.yaml,line=7,endLine=7,col=9,endColumn=13,title=KB310 unknown-name::"
        "unknown name `mapp`%0Ahelp: did you mean `map`?%0Awhy: it is never answered%0Aprotocols/a.yaml:7: it is here\n"
    )


def test_a_workflow_command_over_several_lines_has_no_columns() -> None:
    assert "col=" not in FORMATS["github"](report(diagnostic(Span("/base/a.yaml", 1, 2, 3, 4))))


def test_what_separates_properties_is_escaped() -> None:
    made = report(diagnostic(Span("/base/a,b:c%.yaml", 1, 1, 1, 2)))
    assert "file=a%2Cb%3Ac%25.yaml," in FORMATS["github"](made)


def test_sarif_counts_columns_in_utf_16() -> None:
    text = "note: 🫀🫀 mapp"
    (result,) = results(FORMATS["sarif"](report(diagnostic(Span("/base/a.yaml", 1, 10, 1, 14)), text=text)))
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "a.yaml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 1, "startColumn": 12, "endLine": 1, "endColumn": 16},
            }
        }
    ]


def test_a_fingerprint_stays_when_lines_are_put_in_above_and_changes_with_the_text() -> None:
    def prints(text: str, *lines: int) -> list[object]:
        ones = [diagnostic(Span("/base/a.yaml", line, 1, line, 2)) for line in lines]
        return [result["partialFingerprints"] for result in results(FORMATS["sarif"](report(*ones, text=text)))]

    first = prints("when: mapp\nwhen: mapp", 1, 2)
    assert first[0] != first[1]
    assert prints("new\n\n  when: mapp\nwhen: mapp", 3, 4) == first
    assert prints("when: mapp < 3", 1)[0] not in first


def test_rules_carry_the_page_of_their_code() -> None:
    document = json.loads(FORMATS["sarif"](report(diagnostic(Span("/base/a.yaml")))))
    (rule,) = document["runs"][0]["tool"]["driver"]["rules"]
    assert rule["name"] == "UnknownName"
    assert rule["shortDescription"]["text"] == CODES["KB310"].title
    assert rule["help"]["markdown"].startswith("# KB310 unknown-name")


def test_text_of_a_base_is_no_link_and_no_placeholder_in_sarif() -> None:
    (result,) = results(FORMATS["sarif"](report(diagnostic(Span("/base/a.yaml"), "[go](https://example.org) {0}"))))
    message = result["message"]
    assert isinstance(message, dict)
    assert message["text"].startswith("\\[go\\](https://example.org) {{0}}")


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("/base/protocols/a.yaml", ("protocols/a.yaml", True)),
        ("/base/x/../protocols/a.yaml", ("protocols/a.yaml", True)),
        ("/elsewhere/a.yaml", ("/elsewhere/a.yaml", False)),
        ("/base/../../../a.yaml", ("/a.yaml", False)),
    ],
)
def test_files_are_named_from_the_top_of_the_repository(file: str, told: tuple[str, bool]) -> None:
    assert path_below(ROOT, file) == told


def test_a_file_is_one_junit_case_whose_failure_tells_everything() -> None:
    ones = [diagnostic(Span("/base/a.yaml", line, 1, line, 2)) for line in (1, 2)]
    root = ElementTree.fromstring(FORMATS["junit"](report(*ones, text="one\ntwo")))
    (failure,) = root.iter("failure")
    assert failure.get("message") == "2 findings: KB310 unknown-name"
    assert (failure.text or "").count("error[KB310 unknown-name]") == 2


def test_the_json_report_holds_everything_found() -> None:
    _, problems = load(changed("question: What next?", "title: Again"))
    data = json.loads(FORMATS["json"](Report(tuple(problems))))
    assert data["errors"] == len(problems) >= 1
    assert reference_errors(data, "diagnostic") == []
