"""JUnit XML: what CI services list as tests. A file that was checked is a test case, and so is a scenario.

There is no standard, and several readers show only the first `failure` of a test case: so each failing case has
one, whose text holds everything that is wrong.
"""

from __future__ import annotations

from xml.etree import ElementTree

from kb.diagnostics import Diagnostic, all_notes
from kb.report.record import Case, Report, counted, name_of, path_below, storable
from kb.report.text import render_text


def render(report: Report) -> str:
    cases = report.cases or _files(report)
    root = ElementTree.Element("testsuites", {"name": "kb"})
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    for group, members in groups.items():
        _suite(root, report, group, members)
    if report.refusal is not None:
        suite = ElementTree.SubElement(root, "testsuite", _counts("kb", 1, 0, 1))
        case_ = ElementTree.SubElement(suite, "testcase", {"classname": "kb", "name": "kb can run"})
        told = storable(report.refusal.message)
        ElementTree.SubElement(
            case_, "error", {"message": told.split("\n")[0], "type": report.refusal.code}
        ).text = told
    failed = sum(bool(case.failures) for case in cases)
    root.attrib |= _counts("kb", len(cases) + (report.refusal is not None), failed, int(report.refusal is not None))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _counts(name: str, tests: int, failures: int, errors: int) -> dict[str, str]:
    return {"name": storable(name), "tests": str(tests), "failures": str(failures), "errors": str(errors)}


def _suite(root: ElementTree.Element, report: Report, group: str, cases: list[Case]) -> None:
    failed = sum(bool(case.failures) for case in cases)
    suite = ElementTree.SubElement(root, "testsuite", _counts(group, len(cases), failed, 0))
    for case in cases:
        named = {"classname": storable(case.group), "name": storable(case.name)}
        named["file"] = storable(path_below(report.root, case.file)[0])
        made = ElementTree.SubElement(suite, "testcase", named | {"line": str(case.line)})
        if case.failures:
            failure = ElementTree.SubElement(made, "failure", {"message": storable(case.failures[0])})
            failure.text = storable(case.details or "\n".join(case.failures))


def _files(report: Report) -> tuple[Case, ...]:
    """A case for each file that was checked, and for each other file with findings; a note is no failure."""
    found: dict[str, list[Diagnostic]] = {file: [] for file in report.files}
    for one in report.diagnostics:
        found.setdefault(one.span.file, []).append(one)
    return tuple(
        Case(
            group="kb check",
            name=path_below(report.root, file)[0],
            file=file,
            line=ones[0].span.line if ones else 1,
            failures=() if all_notes(ones) else (_headline(ones),),
            details=render_text(ones, lines=report.lines),
        )
        for file, ones in found.items()
    )


def _headline(ones: list[Diagnostic]) -> str:
    codes = dict.fromkeys(name_of(one.code) for one in ones)
    return f"{counted(len(ones), 'finding')}: {', '.join(codes)}"
