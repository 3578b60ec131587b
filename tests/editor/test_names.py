"""What names mean in a base an editor has open: found, completed, explained, counted and renamed, without a server."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.base import Base
from kb.codec import program_to_json
from kb.diagnostics import Severity
from kb.editor.completion import complete, documentation
from kb.editor.cursor import cursor_at, shape_at
from kb.editor.fixes import fix_of
from kb.editor.hover import hover
from kb.editor.index import index_text
from kb.editor.lens import count, lenses, reached
from kb.editor.places import Position, column_of, range_of
from kb.editor.rename import Edit, RenameError, applied, rename, renameable
from kb.editor.workspace import Workspace
from kb.interpreter import Guideline
from kb.scenarios import run_scenario
from kb.source import MAX_BYTES
from kb.validator import file_kinds, schema_document
from tests.editor.bases import ROOT, copied, with_cursor
from tests.sampling import sampled
from tests.test_explain import EXAMPLES, base_with

HYPOTENSION = "refractory-hypotension"
PROTOCOLS = (HYPOTENSION, "adult-cardiac-arrest", "local-anaesthetic-toxicity")  # the first hands over to the others
PULSE = "  pulse:\n    decide: Is there a definite central pulse?\n"
"""A step of the first protocol, in front of which tests write."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("base"), *PROTOCOLS)


@pytest.fixture(scope="module")
def open_base(folder: Path) -> Workspace:
    return Workspace(folder)


@pytest.fixture
def workspace(open_base: Workspace) -> Iterator[Workspace]:
    """The base as it stands on the disk, however others left it."""
    yield open_base
    for path in open_base.paths():
        if open_base.is_held(path):
            open_base.release(path)


def protocol(workspace: Workspace, id: str = HYPOTENSION) -> Path:
    path = workspace.base.file(id)
    assert path is not None
    return path


def offered(workspace: Workspace, text: str, anchor: str = PULSE, path: Path | None = None) -> dict[str, str]:
    """Label and detail of what is offered at the cursor of `text`, written before `anchor` in a file of the base."""
    path = path or protocol(workspace)
    workspace.index(path)
    content = path.read_text(encoding="utf-8")
    place = with_cursor(content, anchor, text + anchor)
    workspace.hold(path, place.text)
    return {one.label: one.detail for one in complete(workspace, path, place.line, place.character)}


# ---------------------------------------------------------------- completion

STEPS = {"pulse", "arrest", "give-crystalloid", "dobutamine"}
DECIDE = "  new:\n    decide: Is it so?\n    cases:\n      - when: low\n"
COMPLETED = {
    "steps after go": (DECIDE + "        go: ¦\n", STEPS, {"map", "S01"}),
    "steps in a list on one line": (DECIDE + "        go: [arrest, ¦]\n", STEPS, {"map"}),
    "steps in a list on lines": (DECIDE + "        go:\n          - ¦\n", STEPS, {"map"}),
    "steps in a list at the column of its key": (DECIDE + "        go:\n        - ¦\n", STEPS, {"map"}),
    "steps after then": ("  new:\n    do: Do it\n    then: ¦\n", STEPS, {"map"}),
    "steps after if_unknown": ("  new:\n    decide: Is it so?\n    if_unknown: ¦\n", STEPS, {"map"}),
    "steps inside done": ("  new:\n    do: Do it\n    until: done(¦\n", STEPS, {"map"}),
    "statements": ("  new:\n    do: Do it\n    cites: [S01, ¦]\n", {"S01", "S12"}, {"A01", "map"}),
    "interpretations": ("  new:\n    do: Do it\n    interprets: [¦\n", {"A01", "A07"}, {"S01", "map"}),
    "drugs": ("  new:\n    do: Do it\n    infuse:\n      drug: ¦\n", {"vasopressin"}, {"map", "arrest"}),
    "data to measure": ("  new:\n    do: Do it\n    measure: [¦]\n", {"map", "lactate"}, {"vasopressin"}),
    "protocols": ("  new:\n    hand_over: ¦\n", {"adult-cardiac-arrest@0"}, {"arrest"}),
    "parameters after local": (
        "  new:\n    do: Do it\n    review:\n      after: local ¦\n",
        {"reassess_after"},
        {"map"},
    ),
    "names in a condition": (
        "  new:\n    decide: Is it so?\n    cases:\n      - when: not (hypo¦\n",
        {"hypotensive", "map", "reassess_after", "vasopressin", "since", "least"},
        {"arrest", "S01"},
    ),
    "names in a list of conditions": (
        "  new:\n    do: Do it\n    until:\n      all:\n        - map < 65 mmHg\n        - ¦\n",
        {"hypotensive", "map"},
        {"arrest"},
    ),
    "options after is": (
        DECIDE.replace("low", "pulse is ¦"),
        {"present", "absent", "doubtful"},
        {"map", "unobtainable"},
    ),
    "options after or": (DECIDE.replace("low", "pulse is absent or ¦"), {"doubtful"}, {"map"}),
    "a reading that is no number": (DECIDE.replace("low", "map is ¦"), {"unobtainable"}, {"present"}),
    "units of a comparison": (DECIDE.replace("low", "map < 65 ¦"), {"mmHg", "kPa"}, {"mL", "map"}),
    "units of a rate": (
        "  new:\n    do: Do it\n    infuse:\n      drug: vasopressin\n      rate: 0.03 ¦\n",
        {"units/min"},
        {"mcg/kg/min"},
    ),
    "what only a property may ask": (DECIDE.replace("low", "rec¦"), {"map"}, {"recommends", "dose"}),
    "codes that can be allowed": (
        "  new:\n    do: Do it\n    allow:\n      ¦\n", {"KB462", "KB475"}, {"KB101", "map"}),
    "events after since": (DECIDE.replace("low", "total(crystalloid since ¦"), {"vasopressin", "map"}, {"since"}),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPLETED)
def test_completion_offers_what_may_stand_there_and_nothing_else(workspace: Workspace, name: str) -> None:
    text, wanted, unwanted = COMPLETED[name]
    found = offered(workspace, text)
    assert found.keys() >= wanted
    assert not found.keys() & unwanted


IN_PROPERTIES = {
    "steps after a question to the advice": ("highest_dose(¦", STEPS, {"map", "S01", "recommends"}),
    "steps after another": ("not recommends(¦", STEPS, {"map"}),
    "what is asked of the advice": ("hypotensive implies rec¦", {"recommends", "withheld", "dose", "map"}, {"arrest"}),
}


@pytest.mark.parametrize("name", IN_PROPERTIES)
def test_completion_in_a_property_offers_steps_and_what_is_asked_of_them(workspace: Workspace, name: str) -> None:
    text, wanted, unwanted = IN_PROPERTIES[name]
    found = offered(workspace, f"  new:\n    always: {text}\n", "  children-get-no-advice:\n")
    assert found.keys() >= wanted
    assert not found.keys() & unwanted


def test_nothing_is_offered_in_prose_or_in_a_comment(workspace: Workspace) -> None:
    assert offered(workspace, "  new:\n    do: Start the ¦\n") == {}
    workspace.release(protocol(workspace))
    assert offered(workspace, "  # see ¦\n") == {}


SCENARIO = "  v02-flat-trace"
IN_SCENARIOS = {
    "the steps it expects": ("    expect:\n      recommended: [¦]\n", STEPS),
    "the steps whose state it expects": ("    expect:\n      states:\n        ¦\n", STEPS),
    "data in a chart of one moment": ("    chart:\n      ma¦\n", {"map", "vasopressin"}),
    "data in an entry on one line": ("    chart:\n      - {ago: 5 min, element: ¦\n", {"map", "pulse"}),
    "drugs in an entry": ("    chart:\n      - {ago: 5 min, started: ¦}\n", {"vasopressin"}),
    "units of an entry": ("    chart:\n      - {ago: 5 min, element: map, value: 65 ¦}\n", {"mmHg"}),
    "parameters of the hospital": ("    local:\n      parameters:\n        ¦\n", {"reassess_after"}),
}


@pytest.mark.parametrize("name", IN_SCENARIOS)
def test_completion_in_scenarios(workspace: Workspace, name: str) -> None:
    path = workspace.base.protocols_path / HYPOTENSION / "scenarios" / "vignettes.yaml"
    text, wanted = IN_SCENARIOS[name]
    first = re.search(r"^scenarios:\n(?:  #.*\n)*", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert first is not None
    found = offered(workspace, f"scenarios:\n  new-patient:\n    title: Somebody\n{text}", "scenarios:\n", path)
    assert found.keys() >= wanted


def test_what_is_offered_says_what_it_is(workspace: Workspace) -> None:
    found = offered(workspace, DECIDE.replace("low", "¦"))
    assert found["map"] == "Mean arterial pressure (mmHg)"
    path = protocol(workspace)
    items = complete(workspace, path, workspace.lines(path).index("      - when: "), 14)
    (item,) = (one for one in items if one.label == "map")
    assert "plausible: 10 to 250" in documentation(workspace, item, path)


def test_while_the_text_is_no_yaml_the_last_good_names_are_offered(workspace: Workspace) -> None:
    found = offered(workspace, '  new:\n    decide: "not closed\n    cases:\n      - when: ¦\n')
    assert index_text(workspace.text(protocol(workspace)) or "", protocol(workspace), "protocol") is None
    assert found.keys() >= {"hypotensive", "map"}


def test_behind_letters_of_two_units_the_range_is_still_right(workspace: Workspace) -> None:
    path = protocol(workspace)
    place = with_cursor(path.read_text(encoding="utf-8"), PULSE, "  new: {do: 𝛼𝛽 é, then: [arr¦]}\n" + PULSE)
    workspace.hold(path, place.text)
    (item, *_) = [one for one in complete(workspace, path, place.line, place.character) if one.label == "arrest"]
    assert item.range.end == Position(place.line, place.character)
    assert item.range.start == Position(place.line, place.character - 3)


# ---------------------------------------------------------------- places


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r")), st.integers(0, 300))
def test_a_place_in_utf_16_and_its_column_belong_together(line: str, character: int) -> None:
    column = column_of(line, character)
    units = len(line[:column].encode("utf-16-le")) // 2
    assert 0 <= column <= len(line)
    assert units >= min(character, len(line.encode("utf-16-le")) // 2)
    assert units <= character + 1


def test_a_range_never_leaves_the_text() -> None:
    from kb.diagnostics import Span

    for span in (Span("x", 1, 1, 1, 1), Span("x", 9, 9, 12, 3), Span("x", 2, 40, 1, 1)):
        found = range_of(span, ["one", "two"])
        assert found.start <= found.end <= Position(1, 3)


# ---------------------------------------------------------------- definitions, uses, hover


def test_a_name_leads_to_its_definition(workspace: Workspace) -> None:
    path = protocol(workspace)
    for name, within, file, kind in (
        ("arrest", "        go: arrest", "1.1.0.yaml", "step"),
        ("adult-cardiac-arrest", "hand_over: adult-cardiac-arrest@0", "0.1.0.yaml", "protocol"),
        ("epinephrine_interval", "persists(hypotensive, epinephrine_interval after", "1.1.0.yaml", "parameter"),
        ("map", "  - map is unobtainable", "data.yaml", "data"),
        ("vasopressin", "      drug: vasopressin", "drugs.yaml", "drug"),
    ):
        rows = [number for number, line in enumerate(workspace.lines(path)) if within in line]
        found = workspace.at(path, rows[0], workspace.lines(path)[rows[0]].index(name) + 1)
        assert found is not None
        assert found.definition is not None, name
        assert (found.definition.kind, Path(found.definition.span.file).name) == (kind, file), name
        assert found.definition.name == name


ENGINE_WORDS = {
    "rule": {"hard-limit", "soft-limit", "largest-step", "order-not-read"},
    "alert": {"running", "rule", "declined"},
}
"""What the engine itself says, in scenarios, beside the rules and alerts of a protocol."""


@pytest.fixture(scope="module")
def whole() -> Workspace:
    """The base as it ships, every protocol in it."""
    return Workspace(ROOT)


def test_every_name_of_the_shipped_base_has_a_definition(whole: Workspace) -> None:
    """But for words of the language, of a choice, and of the engine."""
    kinds = set()
    for file in whole.indexes():
        kinds.add(file.kind)
        lost = {
            (use.kinds, use.name)
            for use in file.uses
            if use.name not in ("any", "double", "uk", "us", "now")
            and "unit" not in use.kinds  # a unit may be made of units, as mcg/kg/min is
            and not ("never" in use.kinds and use.name in ENGINE_WORDS["rule"])
            and not ("alert" in use.kinds and use.name in ENGINE_WORDS["alert"])
            and whole.look_up(use.kinds, use.name, file) is None
        }
        assert not lost, (file.path, lost)
    assert kinds >= {"protocol", "statements", "scenario", "data", "drugs", "definitions", "safety"}


def test_references_are_found_in_the_protocol_and_its_scenarios(workspace: Workspace) -> None:
    path = protocol(workspace)
    file = workspace.index(path)
    assert file is not None
    step = file.definition("step", "arrest")
    assert step is not None
    mentions = workspace.uses_of(step)
    assert {mention.file.kind for mention in mentions} == {"protocol", "scenario"}
    for mention in mentions:
        span = mention.use.span
        line = workspace.lines(mention.file.path)[span.line - 1]
        assert line[span.column - 1 : span.end_column - 1] == "arrest"


HOVERS = {
    ("data", "map"): ["Mean arterial pressure", "unit: mmHg", "plausible: 10 to 250", "stays current for: 5 min",
                      "asked as: What is the mean arterial pressure", "confirmed by: critical-care physician"],
    ("drug", "vasopressin"): ["rate in: units/min", "hard up to 0.1 units/min", "US label of vasopressin",
                               "argipressin"],
    ("drug", "norepinephrine"): ["tartrate: 0.5"],
    ("statement", "S05"): ["crystalloid boluses of at least 30 mL/kg", "R1: Norepinephrine Drip"],
    ("interpretation", "A14"): ["disputed"],
    ("step", "dobutamine"): ["titrate:", "2.5 mcg/kg/min", "S22: Dobutamine begins at", "to be confirmed by"],
    ("define", "hypotensive"): ["map is unobtainable or map < 65 mmHg", "S25:"],
    ("parameter", "reassess_after"): ["no default: each hospital sets it", "range: 1 to 15"],
}  # fmt: skip


@pytest.mark.parametrize("of", HOVERS, ids="-".join)
def test_hover_tells_what_a_name_stands_for(workspace: Workspace, of: tuple[str, str]) -> None:
    file = workspace.index(protocol(workspace))
    assert file is not None
    definition = workspace.look_up((of[0],), of[1], file)
    assert definition is not None
    text = hover(workspace, definition, file).replace("\\", "")
    for part in HOVERS[of]:
        assert part in text


def test_hover_resolves_the_definitions_behind_a_definition(workspace: Workspace) -> None:
    file = workspace.index(protocol(workspace))
    assert file is not None
    behind = next(
        one
        for one in file.of_kind("define")
        if any(use.owner == ("define", one.name) and use.name == "hypotensive" for use in file.uses)
    )
    assert "`hypotensive`: is `map is unobtainable or" in hover(workspace, behind, file)


def test_hover_shows_text_of_the_base_as_text(workspace: Workspace) -> None:
    path = workspace.base.protocols_path / "library" / "data.yaml"
    text = path.read_text(encoding="utf-8").replace(
        "label: Mean arterial pressure", 'label: "<script>alert(1)</script> [x](javascript:y) `z`"'
    )
    workspace.hold(path, text)
    file = workspace.index(path)
    assert file is not None
    definition = file.definition("data", "map")
    assert definition is not None
    shown = hover(workspace, definition, file)
    assert "<script>" not in shown.replace("\\<", "")
    assert "[x](" not in shown.replace("\\[", "")


# ---------------------------------------------------------------- lenses


def test_a_lens_counts_steps_behind_definitions_and_scenarios(workspace: Workspace) -> None:
    library = workspace.library("data")
    assert library is not None
    definition = library.definition("data", "map")
    assert definition is not None
    counted = count(workspace, definition, workspace.usage())
    assert counted["step"] > 5
    assert counted["scenario"] > 100
    texts = [lens.text for lens in lenses(workspace, protocol(workspace))]
    assert all(re.fullmatch(r"used by \d+ [a-z]+(, \d+ [a-z]+)*|not used", text) for text in texts)


def test_scenarios_that_come_to_a_step_are_those_that_coverage_counts(workspace: Workspace) -> None:
    program, _ = workspace.base.program(HYPOTENSION)
    assert program is not None
    guideline = Guideline(program)
    path = workspace.base.scenario_files(HYPOTENSION)[-1]
    for scenario in workspace.base.scenarios(path)[0]:
        advice = run_scenario(guideline, scenario).advice
        assert advice is not None
        states = {
            step.id.partition(".")[0]
            for index, step in enumerate(program.steps)
            if advice.walk.state(index) in ("reached", "assumed")
        }
        assert reached(guideline, scenario) == states


# ---------------------------------------------------------------- rename


def edited(workspace: Workspace, edits: list[Edit]) -> None:
    for path in {edit.path for edit in edits}:
        text = path.read_text(encoding="utf-8")
        path.write_text(applied(text, [edit for edit in edits if edit.path == path]), encoding="utf-8")
        workspace.release(path)


def at_definition(workspace: Workspace, kind: str, name: str) -> tuple[Path, int, int]:
    file = workspace.index(protocol(workspace))
    assert file is not None
    found = workspace.look_up((kind,), name, file)
    assert found is not None
    return Path(found.span.file), found.span.line - 1, found.span.column - 1


RENAMED = {
    "step": ("dobutamine", "raise-contractility"),
    "define": ("hypotensive", "low_pressure"),
    "parameter": ("reassess_after", "look_again_after"),
    "interpretation": ("A07", "A77"),
    "statement": ("S05", "S95"),
    "alert": ("cuff-may-mislead", "cuff-misleads"),
}


def only_version(folder: Path, version: str, *others: str) -> None:
    """The first protocol in `folder` as if it had only this version: a released version would not change."""
    home = folder / "protocols" / HYPOTENSION
    for other in others:
        (home / f"{other}.yaml").unlink()
    for path in (home / "scenarios").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if any(f'\nversion: "{other}"' in text for other in others):
            path.unlink()
            continue
        path.write_text(re.sub(r"^( *versions:).*$", rf'\1 ["{version}"]', text, flags=re.MULTILINE), encoding="utf-8")


def test_renamed_everywhere_the_base_still_checks_and_its_scenarios_pass(tmp_path: Path) -> None:
    only_version(copied(tmp_path, *PROTOCOLS), "1.1.0", "1.0.0")
    workspace = Workspace(tmp_path)
    before, _ = workspace.base.program(HYPOTENSION)
    assert before is not None
    for kind, (old, new) in RENAMED.items():
        edits = rename(workspace, *at_definition(workspace, kind, old), new)
        assert len(edits) > 1, kind
        edited(workspace, edits)
    base = Base(tmp_path)
    assert base.check()[0] == ()
    after, _ = base.program(HYPOTENSION)
    assert after is not None
    ran = [
        run_scenario(Guideline(after), scenario)
        for file in base.scenario_files(HYPOTENSION)
        for scenario in base.scenarios(file)[0]
    ]
    assert len(ran) > 200
    assert [result.scenario.id for result in ran if result.mismatches] == []

    def written(program: object, back: bool) -> str:
        text = re.sub(r'"[0-9a-f]{64}"', '"digest"', json.dumps(program, sort_keys=True))
        for old, new in RENAMED.values() if back else ():
            text = re.sub(rf"(?<![\w-]){re.escape(new)}(?![\w-])", old, text)
        return text

    # With the names put back, the two Programs are one: nothing else has changed, but for the order of names.
    first, second = written(program_to_json(before), False), written(program_to_json(after), True)
    assert sorted(re.findall(r"[\w.-]+", second)) == sorted(re.findall(r"[\w.-]+", first))


SHARED = {
    "definition": ("  news2_pulse:", "news2_pulse", "early_pulse"),
    "statement": ("  L01:", "L01", "L91"),
    "interpretation": ("  LA01:", "LA01", "LA91"),
}


def test_what_the_library_defines_is_renamed_in_every_protocol_that_uses_it(tmp_path: Path) -> None:
    folder = copied(tmp_path, "early-warning") / "protocols"
    workspace = Workspace(tmp_path)
    before, _ = workspace.base.program("early-warning")
    assert before is not None
    library = folder / "library" / "definitions.yaml"

    def place(path: Path, within: str, word: str) -> tuple[Path, int, int]:
        row = next(number for number, line in enumerate(workspace.lines(path)) if line.startswith(within))
        return path, row, workspace.lines(path)[row].index(word) + 1

    for within, old, new in SHARED.values():
        edits = rename(workspace, *place(library, within, old), new)
        assert len(edits) > 1
        edited(workspace, edits)
        assert old not in re.findall(r"[\w-]+", library.read_text(encoding="utf-8"))
    own = folder / "early-warning" / "0.1.0.yaml"
    edits = rename(workspace, *place(own, "      - value: news2", "news2"), "early_score")  # from where it is used
    assert {edit.path.name for edit in edits} >= {"definitions.yaml", "0.1.0.yaml"}
    edited(workspace, edits)
    base = Base(tmp_path)
    assert [one for one in base.check()[0] if one.severity is Severity.ERROR] == []
    after, _ = base.program("early-warning")
    assert after is not None
    names = [(new, old) for _, old, new in SHARED.values()] + [("early_score", "news2")]
    first, second = (json.dumps(program_to_json(one), sort_keys=True) for one in (before, after))
    for new, old in names:
        second = re.sub(rf"(?<![\w-]){new}(?![\w-])", old, second)
    digest = re.compile(r'"[0-9a-f]{64}"')
    words = [Counter(re.findall(r"[\w.-]+", digest.sub("", text))) for text in (first, second)]
    assert words[0] - words[1] == words[1] - words[0] == Counter()
    for new, reason in (("L91", "write lower-case words"), ("respiratory_rate", "`respiratory_rate` is the name of")):
        with pytest.raises(RenameError, match=reason):
            rename(workspace, *place(library, "  early_score:", "early_score"), new)
    text = own.read_text(encoding="utf-8")
    title = "  taken_here:\n    title: Taken\n    value: pulse_rate\n"
    own.write_text(re.sub(r"(?m)^define:\n", "define:\n" + title, text), encoding="utf-8")
    workspace.release(own)
    with pytest.raises(RenameError, match=r"`taken_here` is the name of a definition in early-warning@0\.1\.0 already"):
        rename(workspace, *place(library, "  early_score:", "early_score"), "taken_here")


REFUSED = {
    "taken": ("step", "dobutamine", "arrest", "`arrest` is the name of a step already"),
    "not kebab-case": ("step", "dobutamine", "Dobutamine Step", "name: write lower-case words joined with `-`"),
    "snake for a step": ("step", "dobutamine", "dobutamine_step", "cannot be a name"),
    "kebab for a definition": ("define", "hypotensive", "low-pressure", "lower-case words joined with `_`"),
    "a definition named as data": ("define", "hypotensive", "lactate", "`lactate` is the name of data already"),
    "a word of the language": ("define", "hypotensive", "and", "`and` is a word of conditions"),
    "data": ("data", "map", "mean_pressure", "charts outside this base use the name"),
    "a drug": ("drug", "vasopressin", "argipressin", "charts and orders outside this base use the name"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_rename_that_would_break_something_is_refused_with_the_reason(workspace: Workspace, name: str) -> None:
    kind, old, new, reason = REFUSED[name]
    with pytest.raises(RenameError, match=re.escape(reason)):
        rename(workspace, *at_definition(workspace, kind, old), new)


def test_a_released_version_never_changes(tmp_path: Path) -> None:
    folder = copied(tmp_path, *PROTOCOLS) / "protocols" / HYPOTENSION
    old = folder / "1.0.0.yaml"
    text = old.read_text(encoding="utf-8")
    (folder / "1.1.0.yaml").write_text(text.replace('version: "1.0.0"', 'version: "1.1.0"'), encoding="utf-8")
    workspace = Workspace(tmp_path)
    row = text.splitlines().index("  arrest:")
    with pytest.raises(RenameError, match=r"1\.0\.0 is not the newest version"):
        renameable(workspace, old, row, 3)
    with pytest.raises(RenameError, match=r"version 1\.0\.0 uses `S05` too; a released version never changes"):
        rename(workspace, *at_definition(workspace, "statement", "S05"), "S95")
    for path in (folder / "scenarios").glob("*.yaml"):  # those of the new version are its own
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('versions: ["1.0.0", "1.1.0"]', 'versions: ["1.1.0"]'), encoding="utf-8")
    edits = rename(workspace, folder / "1.1.0.yaml", row, 3, "no-pulse")
    assert old not in {edit.path for edit in edits}


def test_a_scenario_that_a_released_version_runs_keeps_its_names(workspace: Workspace) -> None:
    with pytest.raises(RenameError, match=r"version 1\.0\.0 runs the scenario `[\w-]+` too"):
        rename(workspace, *at_definition(workspace, "step", "dobutamine"), "raise-contractility")


# What stands in the newest version of the first protocol, and what its name leads to.
LED_TO = {
    "a step that a property speaks of": ("always: highest_dose(vasopressin)", "vasopressin", "step", "infuse:"),
    "a definition in a property": ("implies (hypoperfusion and not hypotensive)", "hypoperfusion", "define", "is "),
    "what a property rests on": ("    cites: [S44]", "S44", "statement", "R"),
    "a matter left out": ("  B03: Stopping", "B03", "matter", "general knowledge"),
}


@pytest.mark.parametrize("name", LED_TO)
def test_names_in_properties_and_in_what_is_left_out_are_known(workspace: Workspace, name: str) -> None:
    within, word, kind, told = LED_TO[name]
    path = protocol(workspace)
    row = next(number for number, line in enumerate(workspace.lines(path)) if within in line)
    found = workspace.at(path, row, workspace.lines(path)[row].index(word) + 1)
    assert found is not None
    assert found.definition is not None
    assert (found.name, found.definition.kind) == (word, kind)
    file = workspace.index(path)
    assert file is not None
    assert told in hover(workspace, found.definition, file)


def test_versions_and_codes_are_names_too(whole: Workspace) -> None:
    folder = whole.base.protocols_path / HYPOTENSION
    for path, text, name, kind in (
        (folder / "scenarios" / "orders.yaml", "versions: [", "1.0.0", "version"),
        (folder / "scenarios" / "orders.yaml", '  "1.1.0":', "1.1.0", "version"),
        (folder / "statements.yaml", "    from_version:", "1.1.0", "version"),
    ):
        row = next(number for number, line in enumerate(whole.lines(path)) if line.startswith(text))
        found = whole.at(path, row, whole.lines(path)[row].index(name) + 1)
        assert found is not None
        assert found.definition is not None, (path, name)
        assert (found.definition.kind, Path(found.definition.span.file).name) == (kind, f"{name}.yaml")
        with pytest.raises(RenameError, match="keeps its name: its file, its reviews and its scenarios have it"):
            renameable(whole, path, row, whole.lines(path)[row].index(name) + 1)
    file = whole.index(folder / "1.1.0.yaml")
    assert file is not None
    code = whole.look_up(("code",), "KB462", file)
    assert code is not None
    assert Path(code.span.file).name == "KB462.md"
    assert "What to do" in hover(whole, code, file)


def test_definitions_of_the_library_are_found_and_counted(whole: Workspace) -> None:
    file = whole.protocol("early-warning")
    assert file is not None
    shared = whole.look_up(("define",), "news2", file)
    assert shared is not None
    assert Path(shared.span.file).name == "definitions.yaml"
    assert "L10: The points of the seven parts" in hover(whole, shared, file)
    assert count(whole, shared, whole.usage())["step"] >= 1
    deeper = whole.look_up(("define",), "news2_pulse", file)
    assert deeper is not None
    assert count(whole, deeper, whole.usage())["step"] >= 1


def test_the_edits_count_in_utf_16() -> None:
    from kb.editor.places import Range

    edit = Edit(Path("x"), Range(Position(0, 5), Position(0, 8)), "new")
    assert applied("𝛼é: old, old", [edit]) == "𝛼é: new, old"


# ---------------------------------------------------------------- diagnostics and their repair


@pytest.mark.parametrize(("page", "kind", "text"), sampled(EXAMPLES, one_in=9))
def test_unsaved_text_is_told_what_kb_check_says_of_a_file(page: str, kind: str, text: str, tmp_path: Path) -> None:
    base, own = base_with(text, tmp_path)
    expected = [one for one in base.check()[0] if one.span.file == str(own)]
    own.write_text("format: 1\n", encoding="utf-8")  # on the disk stands something else
    workspace = Workspace(tmp_path)
    workspace.check(own)
    workspace.hold(own, text)
    assert workspace.check(own)[own] == expected


@pytest.mark.parametrize("one_in", sampled([5, 1], one_in=2))
def test_the_nearest_spelling_repairs_what_the_help_names(one_in: int, tmp_path: Path) -> None:
    """A bad example whose help asks "did you mean" is without that fault once the word is exchanged."""
    repaired = 0
    for number, example in enumerate([one for one in EXAMPLES if one.values[1] == "bad"][::one_in]):
        page, _, text = example.values
        folder = tmp_path / str(number)
        folder.mkdir()
        base, own = base_with(str(text), folder)
        for one in base.check()[0]:
            fix = fix_of(one, str(text).splitlines())
            if one.span.file != str(own) or fix is None:
                continue
            better = applied(str(text), [Edit(own, fix.range, fix.text)])
            own.write_text(better, encoding="utf-8")
            left = Base(folder).check()[0]
            assert one not in left, (page, one, fix)
            own.write_text(str(text), encoding="utf-8")
            repaired += 1
    assert repaired >= 8 // one_in


# ---------------------------------------------------------------- schemas and hostile text


def test_every_value_that_looks_like_a_name_says_of_what() -> None:
    """A new key of a schema is completed and renamed like the others, or stands in this list with its reason."""
    plain = {"id", "version", "weight", "basis", "route", "routes", "salt", "intent", "line", "options", "updated",
             "vignette", "now", "complete_from", "opened", "ago", "at", "recorded", "replaces", "retracts", "checked",
             "approved_on", "care_area", "synonyms", "display_units",
             "date", "until", "valid_until", "after", "logic", "text", "key", "signature",
             "review_due",
             "who", "role", "roles"}  # words, times, digests and ids that nothing else defines  # fmt: skip

    def unmarked(node: object, kind: str) -> list[str]:
        found = []
        if isinstance(node, dict):
            for key, inner in (node.get("properties") or {}).items():
                if isinstance(inner, dict):
                    item = inner["items"] if isinstance(inner.get("items"), dict) else inner
                    if "pattern" in item and "x-names" not in item and key not in plain:
                        found.append(f"{kind}: {key}")
            for inner in node.values():
                found += unmarked(inner, kind)
        elif isinstance(node, list):
            for inner in node:
                found += unmarked(inner, kind)
        return found

    for kind in file_kinds():
        assert unmarked(schema_document(kind), kind) == []


LINES = st.lists(st.text(st.sampled_from(list("ab-: [{}]\"'#,&*!|>%@`é𝛼0.\t")), max_size=20), max_size=8)


@given(LINES, st.integers(0, 8), st.integers(0, 24), st.sampled_from(["protocol", "scenario", "statements", "drugs"]))
@settings(max_examples=300)
def test_no_text_is_too_strange_to_stand_in(lines: list[str], row: int, column: int, kind: str) -> None:
    cursor = cursor_at(lines, min(row, max(len(lines) - 1, 0)), column)
    shape_at(kind, cursor)
    index_text("\n".join(lines), Path("x.yaml"), kind)


@pytest.mark.parametrize(
    "text",
    ["", "\x00", "a: " * 5000, "[" * 20_000, "? [a]\n: b\n", "x" * (MAX_BYTES + 1), "steps:\n  a: &a [*a]\n", "\ud800"],
    ids=["empty", "zero", "colons", "deep", "odd key", "too long", "itself", "half a character"],
)
def test_hostile_text_is_told_what_is_wrong_and_breaks_nothing(workspace: Workspace, text: str) -> None:
    path = protocol(workspace)
    workspace.hold(path, text)
    assert workspace.check(path)[path]
    assert complete(workspace, path, 0, 3) == []
    assert workspace.at(path, 0, 0) is None
    lenses(workspace, path)
