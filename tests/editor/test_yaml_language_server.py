"""What npm's yaml-language-server, the one behind VS Code, Neovim and Helix, makes of the schemas.

Each case is a text with the cursor as `¦`; the server runs over stdio as an editor runs it.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kb.base import Base
from kb.editor.schemas import settings
from kb.source import read_text
from kb.validator import check_shape
from tests.editor.client import Client
from tests.editor.servers import yaml_language_server

ROOT = Path(__file__).parents[2]
HEAD = """\
format: 1
id: example
version: "1.0.0"
title: Low pressure
question: What next?
purpose: educational
updated: 2026-01-27
start: first
"""
STEP = HEAD + "steps:\n  first:\n"
VERBS = ("give", "infuse", "change", "stop", "titrate", "perform", "measure", "exclude", "call", "choose")
NUMBER = itertools.count()
SERVER = yaml_language_server()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("base")
    shutil.copytree(ROOT / "schema", folder / "schema")
    told = {"yaml": {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}}
    with Client(SERVER, settings=told, cwd=folder) as client:
        client.initialize(folder)
        client.folder = folder
        yield client


class Place(NamedTuple):
    uri: str
    line: int
    character: int


def opened(server: Client, text: str, kind: str = "protocol") -> Place:
    """Open `text` in a new file that names its schema, and say where its `¦` is."""
    whole = f"# yaml-language-server: $schema=schema/{kind}.schema.json\n{text}"
    before = whole.partition("¦")[0]
    uri = server.open(server.folder / f"{next(NUMBER)}.yaml", whole.replace("¦", ""))
    return Place(uri, before.count("\n"), len(before) - before.rfind("\n") - 1)


def completed(server: Client, text: str, kind: str = "protocol") -> dict[str, dict[str, Any]]:
    answer = server.at("completion", *opened(server, text, kind))
    return {item["label"]: item for item in (answer["items"] if isinstance(answer, dict) else answer)}


def told(server: Client, text: str, kind: str = "protocol") -> list[tuple[int, str]]:
    """Line and message of each diagnostic; the first line of `text` is 1."""
    return [
        (one["range"]["start"]["line"], one["message"])
        for one in server.diagnostics(opened(server, text + "¦", kind).uri)
    ]


# ---------------------------------------------------------------- keys and values


def test_a_do_step_completes_its_verbs_and_no_key_of_another_kind(server: Client) -> None:
    items = completed(server, STEP + "    do: Start it\n    ¦\n")
    assert items.keys() >= {"give", "infuse", "titrate", "choose", "review", "priority", "cites", "until", "then"}
    assert not items.keys() & {"cases", "if_unknown", "hand_over", "end", "decide", "do"}


def test_a_verb_brings_the_keys_it_needs(server: Client) -> None:
    item = completed(server, STEP + "    do: Start it\n    ¦\n")["infuse"]
    assert item["insertText"] == "infuse:\n  drug: ${1:drug-name}\n  rate: ${2:starting_rate}"


def test_every_offered_key_says_what_it_is(server: Client) -> None:
    places = [
        STEP + "    do: Start it\n    ¦\n",
        STEP + "    decide: Is it so?\n    ¦\n",
        STEP + "    do: Start it\n    titrate:\n      drug: dobutamine\n      ¦\n",
        HEAD + "define:\n  low:\n    title: Low\n    ¦\n",
        HEAD + "¦\n",
    ]
    for text in places:
        items = completed(server, text)
        assert items
        for label, item in items.items():
            assert item.get("documentation"), label


def test_the_words_of_a_choice_are_completed(server: Client) -> None:
    assert completed(server, STEP + "    do: Start it\n    priority: ¦\n").keys() == {
        "stat", "asap", "urgent", "routine",
    }  # fmt: skip


# ---------------------------------------------------------------- hover


def hovered(server: Client, text: str) -> str:
    contents = server.at("hover", *opened(server, text))["contents"]
    return str(contents["value"]).replace("\\", "")


def test_hover_on_a_key_tells_its_meaning_and_its_words(server: Client) -> None:
    text = hovered(server, STEP + "    do: Start it\n    perform: x\n    prio¦rity: stat\n")
    assert "How soon" in text
    assert "`urgent`" in text


def test_hover_on_the_name_of_a_step_tells_the_four_kinds(server: Client) -> None:
    assert "Exactly one of `decide`, `do`, `hand_over`, `end`" in hovered(server, STEP.replace("first:", "fi¦rst:"))


# ---------------------------------------------------------------- diagnostics

MISTAKES = {
    "a misspelt verb": (
        "    do: Start it\n    infus:\n      drug: x\n",
        (12, "Property infus is not allowed."),
    ),
    "a misspelt key": (
        "    do: Start it\n    priorty: stat\n    perform: x\n",
        (12, "Property priorty is not allowed."),
    ),
    "a word that is not one of the words": (
        "    do: Start it\n    priority: now\n    perform: x\n",
        (12, 'Value is not accepted. Valid values: "stat", "asap", "urgent", "routine".'),
    ),
    "a missing key": (
        "    do: Start it\n    infuse:\n      drug: x\n",
        (12, 'Missing property "rate".'),
    ),
    "no verb": (
        "    do: Start it\n    priority: stat\n",
        (10, f"one of these keys is needed: {', '.join(VERBS)}"),
    ),
    "two verbs": (
        "    do: Start it\n    perform: x\n    measure: [map]\n",
        (13, "this step already has `perform`: a second action is a step of its own"),
    ),
    "no drug": (
        "    do: Start it\n    infuse:\n      rate: x\n",
        (12, "one of these keys is needed: drug, fluid"),
    ),
    "an incomplete case": (
        "    decide: Is it so?\n    cases:\n      - when: x\n",
        (13, 'Missing property "go".'),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_is_one_diagnostic_that_names_it(server: Client, name: str) -> None:
    text, (line, message) = MISTAKES[name]
    assert told(server, STEP + text) == [(line, message)]


@pytest.mark.parametrize("path", sorted(ROOT.glob("protocols/*/*.yaml")), ids=lambda path: "/".join(path.parts[-2:]))
def test_the_shipped_files_are_without_fault(server: Client, path: Path) -> None:
    kind = "protocol" if path.stem[0].isdigit() else path.stem
    assert told(server, path.read_text(encoding="utf-8").partition("\n")[2], kind) == []


def test_the_settings_give_a_file_without_modeline_its_schema(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "schema", tmp_path / "schema")
    named = {str(tmp_path / name): files for name, files in settings()["yaml.schemas"].items()}
    with Client(SERVER, settings={"yaml": {"validate": True, "schemas": named}}, cwd=tmp_path) as client:
        client.initialize(tmp_path)
        for file, wrong in (
            ("protocols/example/1.0.0.yaml", STEP + "    end: Done\n    colour: red\n"),
            ("protocols/example/scenarios/first.yaml", "format: 1\nprotocol: example\nscenarios: {}\ncolour: red\n"),
            ("protocols/library/drugs.yaml", "format: 1\ndrugs: {}\ncolour: red\n"),
        ):
            uri = client.open(tmp_path / file, wrong)
            messages = [one["message"] for one in client.diagnostics(uri, until=bool)]
            assert "Property colour is not allowed." in messages, file


# ---------------------------------------------------------------- snippets

# A knowledge base in which a snippet makes sense: `NEW` is where it is put, and every name the rest needs is there.
PROTOCOL = (
    HEAD
    + """\
parameters:
  pause:
    title: How long to wait
    unit: min
    default: 5
    interprets: [A01]
{parameters}\
define:
  low:
    title: Low pressure
    condition: map < 65 mmHg
  high:
    title: High pressure
    condition: map > 90 mmHg
{define}\
steps:
  first:
    decide: Is the pressure low?
    cases:
      - when: low
        go: one
      - else: [two, three]
  one:
    end: One
    cites: [S01]
  two:
    end: Two
{steps}\
{more}\
interpretations:
  A01:
    about: [S01]
    reading: As it stands
    because: Nothing else is said
    confirm: senior clinician
{interpretations}"""
)
STATEMENTS = """\
format: 1
protocol: example
source:
  title: A page
references:
  R2:
    title: A page
    kind: guideline
statements:
  S01:
    says: What the page says
    kind: act
    cites: [R2]
"""
THREE = "  three:\n    end: Three\n"

# What an editor types over the placeholders of a snippet.
TYPED = {
    "drug-name": "dobutamine", "starting_rate": "2.5 mcg/kg/min", "wanted_rate": "2.5 mcg/kg/min",
    "rate_step": "double", "ceiling_rate": "20 mcg/kg/min", "time_between_steps": "pause", "time_between": "pause",
    "time_to_review": "pause", "still_needed": "low", "reason_to_hold": "high",
    "step-when-held": "one", "step-at-ceiling": "two",
    "data_name": "map", "yes_or_no_data": "pregnant", "condition_name": "low", "other_condition": "high",
    "step-if-so": "one", "step-if-not": "two", "protocol-name@1": "adult-cardiac-arrest@0", "S00": "S01", "A00": "A02",
    "step-name": "three", "parameter_name": "added", "definition_name": "added", "value_if_so": "1 min",
    "value_if_not": "2 min", "unit": "min", "episode": "episode",
}  # fmt: skip
GIVEN = TYPED | {"drug-name": "epinephrine", "amount_to_give": "1 mg", "largest_amount": "3 mg"}

SNIPPETS = {
    "steps": HEAD + "steps:\n  ¦\n",
    "step": HEAD + "steps:\n  three:\n    ¦\n",
    "parameters": HEAD + "parameters:\n  ¦\n",
    "define": HEAD + "define:\n  ¦\n",
    "never": HEAD + "never:\n  ¦\n",
    "caps": HEAD + "caps:\n  ¦\n",
    "goals": HEAD + "goals:\n  ¦\n",
    "alerts": HEAD + "alerts:\n  ¦\n",
    "interpretations": HEAD + "interpretations:\n  ¦\n",
}
EXPECTED = {
    "steps": {"new step, decide", "new step, hand_over", "new step, end", *(f"new step, do: {verb}" for verb in VERBS)},
    "step": {"step, decide", "step, hand_over", "step, end", *(f"step, do: {verb}" for verb in VERBS)},
    "parameters": {"new parameter, a number", "new parameter, a choice"},
    "define": {
        f"new definition, {kind}" for kind in ("a condition", "any of", "all of", "value over cases", "latch")
    },
    "never": {"new `never` rule"},
    "caps": {"new cap"},
    "goals": {"new goal"},
    "alerts": {"new alert"},
    "interpretations": {"new interpretation"},
}  # fmt: skip


def filled(snippet: str, typed: dict[str, str], column: int) -> str:
    """A snippet as it stands in the text once every placeholder was typed over or left as it is."""
    text = re.sub(r"\$\{\d+\|([^,|]*)[^}]*\|\}", r"\1", snippet)
    text = re.sub(r"\$\{\d+:([^}]*)\}", lambda match: typed.get(match[1], match[1]), text)
    return " " * column + text.rstrip().replace("\n", "\n" + " " * column) + "\n"


def base_with(folder: Path, place: str, text: str) -> Base:
    """A knowledge base with `text` at a place of its protocol."""
    parts = dict.fromkeys(("parameters", "define", "steps", "more", "interpretations"), "")
    parts["steps"] = THREE
    if place == "steps":
        parts["steps"] = text
    elif place == "step":
        parts["steps"] = "  three:\n" + text
    elif place in parts:
        parts[place] = text
    else:
        parts["more"] = f"{place}:\n{text}"
    library = folder / "protocols" / "library"
    if not library.exists():
        shutil.copytree(ROOT / "protocols" / "library", library)
        shutil.copytree(ROOT / "protocols" / "adult-cardiac-arrest", folder / "protocols" / "adult-cardiac-arrest")
        (folder / "protocols" / "example").mkdir()
        (folder / "protocols" / "example" / "statements.yaml").write_text(STATEMENTS, encoding="utf-8")
    (folder / "protocols" / "example" / "1.0.0.yaml").write_text(PROTOCOL.format(**parts), encoding="utf-8")
    return Base(folder)


@pytest.mark.parametrize("place", SNIPPETS)
def test_a_snippet_with_its_names_filled_in_passes_kb_check(server: Client, place: str, tmp_path: Path) -> None:
    items = completed(server, SNIPPETS[place])
    offered = {label: item["insertText"] for label, item in items.items() if label in EXPECTED[place]}
    assert offered.keys() == EXPECTED[place]
    for label, snippet in offered.items():
        typed = GIVEN if label.endswith(("give", "cap")) else TYPED
        text = filled(snippet, typed, 4 if place == "step" else 2)
        found = [one for one in base_with(tmp_path, place, text).check(["example"])[0] if one.severity.value == "error"]
        assert not found, (label, text, found)


@pytest.mark.parametrize("place", SNIPPETS)
def test_a_snippet_left_as_it_is_breaks_nothing_but_the_names_to_be_filled_in(
    server: Client, place: str, tmp_path: Path
) -> None:
    """No snippet brings a number, a drug or a statement that somebody could forget to replace."""
    items = completed(server, SNIPPETS[place])
    for label in EXPECTED[place]:
        snippet = items[label]["insertText"]
        assert not re.search(r"\d+(\.\d+)? (mg|mcg|mL|min|units|h|mmHg)\b", snippet), label
        left = base_with(tmp_path, place, filled(snippet, {"step-name": "three"}, 4 if place == "step" else 2))
        names = set(re.findall(r"\$\{\d+:([^}]*)\}", snippet))
        for one in left.check(["example"])[0]:
            if one.severity.value == "error":
                assert any(name in one.message for name in names), (label, one)


OTHER_FILES = {
    "scenario": ("protocol: example\nscenarios:\n  ¦\n", {"new scenario, one moment", "new scenario, over time"}),
    "statements": ("protocol: example\nstatements:\n  ¦\n", {"new statement"}),
    "data": ("data:\n  ¦\n", {"new data, a quantity", "new data, yes or no", "new data, a choice"}),
    "drugs": ("drugs:\n  ¦\n", {"new drug, infused", "new drug, given"}),
}


@pytest.mark.parametrize("kind", OTHER_FILES)
def test_the_other_files_have_snippets_of_the_right_shape(server: Client, kind: str) -> None:
    text, labels = OTHER_FILES[kind]
    items = completed(server, f"format: 1\n{text}", kind)
    assert items.keys() >= labels
    for label in labels:
        typed = {"how_long_current": "15 min", "R1": "R1"}
        whole = "format: 1\n" + text.replace("  ¦\n", filled(items[label]["insertText"], typed, 2))
        source = read_text(whole, "x.yaml")
        assert source.root is not None
        missing = [one.message for one in check_shape(source.root, kind).diagnostics if "file needs" not in one.message]
        assert not [message for message in missing if "`source`" not in message], (label, missing)
