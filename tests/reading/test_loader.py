"""Files become records; a mistake is told once, where it is, in the editor's words."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from kb import model
from kb.expression import tree
from kb.loader.evidence import load_evidence
from kb.loader.library import load_library
from kb.loader.plain import load_local
from kb.loader.protocol import load_protocol
from kb.loader.scenarios import load_scenarios
from tests.reading.files import LIBRARY, ROOT, SMALL, changed, load, loaded, told

PROTOCOLS = sorted(path for path in (ROOT / "protocols").glob("*/*.yaml") if path.name[0].isdigit())
INFUSE = """\
    do: Start vasopressin
    infuse:
      drug: vasopressin
      rate: 0.03 to 0.04 units/min
      route: iv
"""
WITH_INFUSION = changed("    do: Call for help\n    call: senior clinician\n", INFUSE)

ROOT_CAUSES = [
    (
        "a misspelt verb",
        changed("    infuse:", "    infus:", WITH_INFUSION),
        "KB201",
        "unknown key `infus` in a `do` step",
        "did you mean `infuse`?",
    ),
    (
        "a misspelt kind of step",
        changed("    decide:", "    deside:"),
        "KB201",
        "unknown key `deside` in a step",
        "did you mean `decide`?",
    ),
    (
        "a misspelt key of a case",
        changed("        go: call", "        goto: call"),
        "KB201",
        "unknown key `goto` in a case",
        "did you mean `go`?",
    ),
    (
        "a misspelt key in an infusion",
        changed("      rate:", "      rat:", WITH_INFUSION),
        "KB201",
        "unknown key `rat` in an `infuse`",
        "did you mean `rate`?",
    ),
    (
        "a misspelt key at the top",
        changed("question:", "qestion:"),
        "KB201",
        "unknown key `qestion` in a protocol",
        "did you mean `question`?",
    ),
    (
        "a key of another file",
        changed("start:", "drugs: {}\nstart:"),
        "KB201",
        "unknown key `drugs` in a protocol",
        "write `drugs:` in protocols/library/drugs.yaml; a protocol uses what stands there by its name",
    ),
    (
        "a key of another kind of step",
        changed("    call: senior", "    cases: []\n    call: senior"),
        "KB201",
        "unknown key `cases` in a `do` step",
        "`cases` belongs to a `decide` step",
    ),
    (
        "two kinds of step",
        changed("    call: senior", "    end: x\n    call: senior"),
        "KB208",
        "`call` is both `do` and `end`",
        "two steps",
    ),
    (
        "no kind of step",
        changed("    do: Call for help\n", ""),
        "KB208",
        "`call` does not say what kind of step it is",
        "add `do:`",
    ),
    ("no verb", changed("    call: senior clinician\n", ""), "KB209", "this `do` step has no verb", "`give`"),
    (
        "two verbs",
        changed("    call: senior", "    perform: x\n    call: senior"),
        "KB209",
        "`perform` or `call`, not both",
        "step of its own",
    ),
    (
        "an infusion of nothing",
        changed("      drug: vasopressin\n", "", WITH_INFUSION),
        "KB202",
        "this `infuse` is incomplete",
        "`drug`",
    ),
    (
        "an infusion that is text",
        changed("    call: senior clinician", "    infuse: vasopressin"),
        "KB203",
        "`infuse` is text, but a group of keys is expected",
        "`rate`",
    ),
    (
        "a list for text",
        changed("title: Low pressure", "title: [Low, pressure]"),
        "KB203",
        "`title` is a list, but text is expected",
        "",
    ),
    (
        "text for a list",
        changed("cites: [S01]", "cites: S01"),
        "KB203",
        "`cites` is text, but a list is expected",
        "`[S01]`",
    ),
    (
        "a word that is no option",
        changed("priority: stat", "priority: urgently"),
        "KB206",
        "`priority` cannot be `urgently`",
        "did you mean `urgent`?",
    ),
    ("a citation in another form", changed("[S01]", "[s1]"), "KB207", "`s1` is not in the form", "like `S01`"),
    (
        "a name that begins with a digit",
        changed("\n  call:", "\n  2nd-call:"),
        "KB207",
        "`2nd-call` cannot be a name",
        "begins with a letter",
    ),
    ("curly quotes around an id", changed("go: call", "go: ‘call’"), "KB117", "left single quotation mark", "straight"),
    (
        "an empty value",
        changed("    call: senior clinician", "    call:"),
        "KB210",
        "`call` has no value",
        "remove the key",
    ),
    ("an empty list", changed("cites: [S01]", "cites: []"), "KB210", "the list `cites` is empty", "remove the key"),
    ("no steps", SMALL[: SMALL.index("steps:")] + "steps: {}\n", "KB210", "`steps` is empty", ""),
    (
        "a list beside `go`",
        changed("- when: map < 65 mmHg", "- all: [map < 65 mmHg]"),
        "KB201",
        "unknown key `all` in a case",
        "under `when:`",
    ),
    ("a case without `go`", changed("        go: call\n", ""), "KB202", "a case needs `go`", "go:"),
    (
        "`else` with `when`",
        changed("- else: watch", "- else: watch\n        when: map < 50 mmHg"),
        "KB215",
        "no `when`",
        "two cases",
    ),
    (
        "`else` before the end",
        changed("      - when: map", "      - else: watch\n      - when: map"),
        "KB215",
        "hides the cases below",
        "last",
    ),
    ("a quoted number", changed("format: 1", 'format: "1"'), "KB204", "`format` is a whole number", "without quotes"),
    ("another format", changed("format: 1", "format: 2"), "KB213", "reads format 1", "format: 1"),
    (
        "a word for an empty list",
        changed("cites: [S01]", "cites: none"),
        "KB203",
        "`cites` is text",
        "leave the line out",
    ),
    (
        "a list whose first dash lacks its space",
        changed("cites: [S01]", "cites:\n      -S01\n      - S02"),
        "KB121",
        "a space is missing behind this dash",
        "before it",
    ),
    (
        "one name whose dash lacks its space",
        changed("- else: watch", "- else:\n          -watch\n          - pressure"),
        "KB207",
        "a space is missing behind the first dash",
        "write `- watch`",
    ),
    ("a date that is none", changed("2026-01-27", "2026-13-01"), "KB217", "no date", "year-month-day"),
    (
        "a comment that cuts prose",
        changed("Call for help", "Call for help # 2"),
        "KB114",
        "only `Call for help` is read",
        "quotes",
    ),
    (
        "half a sentence in a list",
        changed(
            "start: pressure",
            "interpretations:\n  A01: {about: [S01], reading: x, because: x, confirm: x,\n"
            "    rejected: [it is low, because of the cuff]}\nstart: pressure",
        ),
        "KB116",
        "one sentence may have become two",
        "one item on a line",
    ),
]


@pytest.mark.parametrize(
    ("text", "code", "message", "help"), [pytest.param(*case[1:], id=case[0]) for case in ROOT_CAUSES]
)
def test_one_mistake_gives_one_diagnostic_that_names_it(text: str, code: str, message: str, help: str) -> None:
    ((found_code, _, found_message, found_help),) = told(text)
    assert found_code == code
    assert message in found_message
    assert help in found_help


def test_all_mistakes_of_a_file_are_told_in_one_run() -> None:
    text = changed("priority: stat", "priority: now", changed("go: call", "goo: call", changed("[S01]", "[x]")))
    found = {(code, line) for code, line, _, _ in told(text)}
    assert found == {("KB201", 14), ("KB206", 19), ("KB207", 20)}


def test_a_mistake_in_a_condition_points_into_the_line() -> None:
    ((_, line, _, _),) = told(changed("map < 65 mmHg", "map < < 65 mmHg"))
    assert line == 13
    _, problems = load(changed("map < 65 mmHg", "map < < 65 mmHg"))
    assert problems[0].span.column >= 21


def test_a_small_protocol_is_read_with_its_places() -> None:
    protocol = loaded(SMALL)
    assert list(protocol.steps) == ["pressure", "call", "watch"]
    step = protocol.steps["pressure"]
    assert isinstance(step, model.Decide)
    assert [case.go[0].id for case in step.cases] == ["call", "watch"]
    assert step.cases[1].when is None
    assert step.span.line == 10
    condition = step.cases[0].when
    assert condition is not None
    assert isinstance(condition.expr, tree.Compare)
    assert (condition.expr.right.span.line, condition.expr.right.span.column) == (13, 21)
    assert "Call for help" in [text.value for text in protocol.texts]


CONDITIONS = [
    ("a list of all", "all: [a < 1, b < 2]", tree.And, "a < 1 and b < 2"),
    ("a list of any", "any: [a < 1, b < 2]", tree.Or, "a < 1 or b < 2"),
    ("a list of none", "none: [a < 1, b < 2]", tree.Not, "not (a < 1 or b < 2)"),
    ("a list of one", "any: [a < 1]", tree.Compare, "a < 1"),
    ("a count", "{at_least: 2, of: [a < 1, b < 2, c < 3]}", tree.AtLeast, "at least 2 of: a < 1; b < 2; c < 3"),
    ("a list in a list", "all: [a < 1, {any: [b < 2, c < 3]}]", tree.And, "a < 1 and (b < 2 or c < 3)"),
    ("items with citations", "all: [{when: a < 1, cites: [S07]}, b < 2]", tree.And, "a < 1 and b < 2"),
]


@pytest.mark.parametrize(("text", "kind", "wording"), [pytest.param(*case[1:], id=case[0]) for case in CONDITIONS])
def test_a_condition_written_as_a_list(text: str, kind: type, wording: str) -> None:
    written = text if text.startswith("{") else "{" + text + "}"
    step = loaded(changed("map < 65 mmHg", written)).steps["pressure"]
    assert isinstance(step, model.Decide)
    condition = step.cases[0].when
    assert condition is not None
    assert isinstance(condition.expr, kind)
    assert condition.text == wording
    assert [ref.id for ref in condition.cites] == (["S07"] if "S07" in text else [])


def test_more_items_than_there_are_can_never_be_true() -> None:
    ((code, *_),) = told(changed("map < 65 mmHg", "{at_least: 3, of: [map < 65 mmHg, arrhythmia]}"))
    assert code == "KB214"


@pytest.mark.parametrize("dash", ["0.03 to 0.04 units/min", "0.03–0.04 units/min", "0.03 – 0.04 units/min"])
def test_a_dash_is_read_as_to_where_a_range_is_expected(dash: str) -> None:
    step = loaded(changed("0.03 to 0.04 units/min", dash, WITH_INFUSION)).steps["call"]
    assert isinstance(step, model.Do)
    assert isinstance(step.verb, model.Infuse)
    assert step.verb.rate.text == dash
    value = step.verb.rate.value
    assert isinstance(value, tree.Range)
    assert isinstance(value.low, tree.Number)
    assert isinstance(value.high, tree.Number)
    assert (value.low.value, value.high.value) == (Decimal("0.03"), Decimal("0.04"))
    assert value.high.span.line == 20


def test_a_dash_is_explained_where_no_range_is_expected() -> None:
    ((_, line, _, help),) = told(changed("map < 65 mmHg", "map < 60–65 mmHg"))
    assert line == 13
    assert help


@pytest.mark.parametrize(
    ("after", "kind"), [("15 min", model.Amount), ("reassess_after", model.Ref), ("local reassess_after", model.Ref)]
)
def test_an_interval_is_a_quantity_or_the_name_of_a_parameter(after: str, kind: type) -> None:
    text = changed("    cites: [S01]\n", f"    review: {{after: {after}, measure: [map]}}\n")
    step = loaded(text).steps["call"]
    assert isinstance(step, model.Do)
    assert step.review is not None
    assert isinstance(step.review.after, kind)


@pytest.mark.parametrize("window", ["episode", "the last 24 h", "since rhythm"])
def test_a_repeat_names_its_window(window: str) -> None:
    text = changed("    cites: [S01]\n", f"    repeat: {{every: 3 to 5 min, at_most: 3, in: {window}}}\n")
    step = loaded(text).steps["call"]
    assert isinstance(step, model.Do)
    assert step.repeat is not None
    assert step.repeat.window_text == window


def test_until_done_since_means_this_step() -> None:
    step = loaded(changed("    cites: [S01]\n", "    until: done since rhythm\n")).steps["call"]
    assert isinstance(step, model.Do)
    assert step.until is not None
    assert isinstance(step.until.expr, tree.TimeFeature)
    assert step.until.expr.of.id == "this"


def test_words_that_yaml_would_turn_into_something_else_stay_words() -> None:
    text = changed(
        "start: pressure",
        "parameters:\n  rule:\n    title: Which\n    options: [no, yes, on]\n    default: no\nstart: pressure",
    )
    rule = loaded(text).parameters["rule"]
    assert rule.options == ("no", "yes", "on")
    assert isinstance(rule.default, model.Ref)
    assert rule.default.id == "no"


def test_a_definition_of_words_has_names_as_values() -> None:
    text = changed(
        "start: pressure",
        "define:\n  band:\n    options: [adult, child]\n    cases:\n"
        "      - when: age < 18 years\n        value: child\n      - value: adult\nstart: pressure",
    )
    band = loaded(text).defines["band"]
    assert band.options == ("adult", "child")
    assert [case.value.id for case in band.cases if isinstance(case.value, model.Ref)] == ["child", "adult"]
    ((code, *_),) = told(text.replace("value: child", "value: chld"))
    assert code == "KB206"


@pytest.mark.parametrize("name", ["map", "norepinephrine"])
def test_a_definition_cannot_take_a_name_of_the_library(name: str) -> None:
    ((code, *_),) = told(
        changed("start: pressure", f"define:\n  {name}:\n    condition: age > 1 years\nstart: pressure")
    )
    assert code == "KB219"


@pytest.mark.parametrize("path", PROTOCOLS, ids=lambda path: path.parent.name)
def test_a_shipped_protocol_loads(path: Path) -> None:
    library, problems = load_library(LIBRARY)
    assert library is not None, problems
    protocol, problems = load_protocol(path, library)
    assert protocol is not None, problems
    assert protocol.evidence is not None
    assert not problems


def test_atoms_of_a_statement_follow_it(tmp_path: Path) -> None:
    path = tmp_path / "statements.yaml"
    path.write_text(
        "format: 1\nprotocol: example\nsource: {title: A guideline}\nstatements:\n"
        "  S12:\n    says: Two things.\n    kind: act\n    cites: [R1]\n    atoms: {a: One thing, b: Another}\n"
        "references:\n  R1: {title: A paper, kind: research, year: 2021}\n"
    )
    evidence, problems = load_evidence(path)
    assert evidence is not None, problems
    assert list(evidence.statements) == ["S12", "S12a", "S12b"]
    assert evidence.statements["S12b"].parent == "S12"
    assert evidence.references["R1"].year == "2021"


SCENARIO = """\
format: 1
protocol: example
scenarios:
  one-moment:
    title: Low
    chart:
      map: 58 mmHg
      chronic_hypertension: true
      count(epinephrine in the episode): 1
    expect: {recommended: [call], applies: unknown}
  course:
    title: Low for a while
    opened: 30 min ago
    chart:
      - {ago: 4 min 59 s, element: map, value: 58 mmHg}
      - {ago: 1 min, given: balanced-crystalloid, amount: 500 mL, route: iv}
    expect:
      asks: []
      statuses: {call: due}
      orders: [{verdict: refused, rules: [x]}]
"""


def test_scenarios_are_read_as_plain_data(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(SCENARIO)
    read, problems = load_scenarios(path)
    assert read is not None, problems
    moment, course = read.scenarios["one-moment"], read.scenarios["course"]
    assert moment.moment == {"map": "58 mmHg", "chronic_hypertension": True, "count(epinephrine in the episode)": 1}
    assert moment.entries is None
    assert moment.expect.applies == "unknown"
    assert [ref.id for ref in moment.expect.names["recommended"]] == ["call"]
    assert course.entries is not None
    assert course.entries[1].values["amount"] == "500 mL"
    assert course.expect.names["asks"] == ()
    assert course.expect.words["statuses"]["call"].value == "due"
    assert course.expect.orders is not None
    assert course.expect.orders[0].verdict == "refused"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ago: 1 min", "ago: 99999999999 d"),
        ("ago: 1 min", "ago: yesterday"),
        ("opened: 30 min ago", "opened: 30 min"),
        ("ago: 1 min", "at: 2026-02-30T12:00:00+00:00"),
        ("ago: 1 min", "at: 2026-02-03T12:00:00"),
        ("ago: 1 min, ", ""),
        ("given: balanced-crystalloid", "gave: balanced-crystalloid"),
        ("{recommended: [call], applies: unknown}", "{}"),
        ("applies: unknown", "applies: maybe"),
        ("statuses: {call: due}", "statuses: {call: done}"),
    ],
)
def test_a_mistake_in_a_scenario_is_told_once(old: str, new: str, tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(changed(old, new, SCENARIO))
    read, problems = load_scenarios(path)
    assert read is None
    assert len(problems) == 1, problems


def test_local_policy_is_read(tmp_path: Path) -> None:
    path = tmp_path / "local.yaml"
    path.write_text(
        "format: 1\nname: A hospital\nparameters: {reassess_after: 5 min, rule: uk}\n"
        "concentrations: {norepinephrine: 16 mcg/mL}\n"
    )
    local, problems = load_local(path)
    assert local is not None, problems
    assert local.settings["parameters"] == {"reassess_after": "5 min", "rule": "uk"}
    assert local.settings["concentrations"] == {"norepinephrine": "16 mcg/mL"}
    assert local.spans["parameters", "rule"].line == 3


def test_a_folder_without_library_says_which_files_are_missing(tmp_path: Path) -> None:
    library, problems = load_library(tmp_path)
    assert library is None
    assert [one.code for one in problems] == ["KB101"] * 3
