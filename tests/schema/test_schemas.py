"""The schemas are closed, described, and read alike by `jsonschema` and by our own walk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kb.codec import program_to_json
from kb.compiler import compile_protocol
from kb.interpreter import advise
from kb.loader.protocol import load_protocol
from kb.source import read_source, read_text
from kb.validator import check_shape, reference_errors, schema_document, schema_folder, to_data
from tests.reading.files import BLOCK, PAGES, ROOT, kind_of, library
from tests.reading.test_loader import ROOT_CAUSES

SCHEMAS = sorted(path.name.removesuffix(".schema.json") for path in schema_folder().glob("*.schema.json"))
KINDS = {
    "chart",
    "order",
    "advice",
    "program",
    "diagnostic",
    "refusal",
    "diff",
}  # exchanged as JSON, not written by editors


def objects(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of an object in a document, with its place; not those that only refuse keys beside others."""
    if isinstance(schema, dict):
        keys = schema.get("properties")
        if isinstance(keys, dict) and "if" not in place and any(inner is not False for inner in keys.values()):
            yield place, schema
        for key, value in schema.items():
            yield from objects(value, f"{place}/{key}")
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from objects(value, f"{place}/{number}")


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_valid_and_every_property_is_described(kind: str) -> None:
    document = schema_document(kind)
    jsonschema.Draft7Validator.check_schema(document)
    for place, schema in objects(document):
        for name, inner in schema["properties"].items():
            assert len(inner.get("description", "")) > 4 or "const" in inner, f"{place}/{name}"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_object_is_closed(kind: str) -> None:
    for place, schema in objects(schema_document(kind)):
        if place.endswith(("/if", "/then", "/else")) and "title" not in schema:
            continue
        assert schema.get("additionalProperties") is not None, place


@pytest.mark.parametrize("kind", SCHEMAS)
def test_what_is_asked_of_an_object_without_unknown_keys_is_asked_beside_each_known_one(kind: str) -> None:
    """`if: propertyNames` lists every key, also `allow:`; one left out would switch off what stands in `then`."""

    def walk(node: object) -> None:
        if isinstance(node, dict):
            for part in node.get("allOf", ()):
                names = part.get("if", {}).get("propertyNames", {})
                if "enum" in names:
                    assert set(names["enum"]) == set(node["properties"]), node.get("title")
            for inner in node.values():
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    walk(schema_document(kind))


def test_all_kinds_of_files_have_a_schema() -> None:
    editors = {
        "protocol",
        "statements",
        "scenario",
        "data",
        "drugs",
        "units",
        "definitions",
        "safety",
        "local",
        "policy",
        "review",
    }
    assert set(SCHEMAS) >= editors | KINDS


def test_data_of_a_protocol_and_of_the_library_have_one_shape() -> None:
    assert schema_document("protocol")["definitions"]["element"] == schema_document("data")["definitions"]["element"]


def test_a_refusal_carries_diagnostics_of_the_one_shape() -> None:
    assert schema_document("refusal")["definitions"] == schema_document("diagnostic")["definitions"]


FILES = [
    *((path, "protocol") for path in ROOT.glob("protocols/*/[0-9]*.yaml")),
    *((path, "statements") for path in ROOT.glob("protocols/*/statements.yaml")),
    *((path, "scenario") for path in ROOT.glob("protocols/*/scenarios/*.yaml")),
    *((path, path.stem) for path in (ROOT / "protocols" / "library").glob("*.yaml")),
]


@pytest.mark.parametrize(("path", "kind"), FILES, ids=lambda value: value.name if isinstance(value, Path) else value)
def test_both_readings_accept_every_shipped_file(path: Path, kind: str) -> None:
    source = read_source(path)
    assert source.root is not None, source.diagnostics
    checked = check_shape(source.root, kind)
    assert not checked.diagnostics
    assert reference_errors(to_data(source.root, checked.values), kind) == []


def test_there_are_shipped_files() -> None:
    assert len(FILES) > 8


def kind_named(text: str) -> str:
    """The kind of file an example of a page is."""
    named = re.match(r"# file: (\S+)", text)
    return kind_of(named.group(1)) if named else "protocol"


BLOCKS = [
    pytest.param(kind_named(text), text, id=f"{page.stem}-{mark}")
    for page in PAGES
    for mark, text in BLOCK.findall(page.read_text(encoding="utf-8"))
] + [pytest.param("protocol", case[1], id=case[0]) for case in ROOT_CAUSES]


def is_read(text: str) -> bool:
    """Whether there is a tree for a schema to judge."""
    source = read_text(text, "x.yaml")
    return source.root is not None and not source.diagnostics


@pytest.mark.parametrize(("kind", "text"), [block for block in BLOCKS if is_read(str(block.values[1]))])
def test_both_readings_agree_whether_a_file_has_its_shape(kind: str, text: str) -> None:
    source = read_text(text, "x.yaml")
    assert source.root is not None
    checked = check_shape(source.root, kind)
    ours = [
        one for one in checked.diagnostics if one.code not in ("KB114", "KB116")
    ]  # those are seen in the text alone
    theirs = reference_errors(to_data(source.root, checked.values), kind)
    assert bool(ours) == bool(theirs), (ours, theirs)


def test_the_reference_names_a_misspelt_verb_and_nothing_else() -> None:
    data = {"do": "Start", "infus": {"drug": "x", "rate": "1 mg"}}
    document = schema_document("protocol")
    schema = {**document["definitions"]["step"], "definitions": document["definitions"]}
    (error,) = jsonschema.Draft7Validator(schema).iter_errors(data)
    assert "infus" in error.message
    assert "decide" not in error.message


@pytest.mark.parametrize(
    "path", [path for path, kind in FILES if kind == "protocol"], ids=lambda path: path.parent.name
)
def test_programs_and_advice_follow_their_schemas(path: Path) -> None:
    protocol, problems = load_protocol(path, library())
    assert protocol is not None, problems
    program, found = compile_protocol(protocol, library())
    assert program is not None, found
    assert reference_errors(json.loads(json.dumps(program_to_json(program))), "program") == []
    for chart in ({}, {"therapy_record": "complete"}):
        advice = advise(program, chart)
        assert reference_errors(json.loads(json.dumps(advice.to_json())), "advice") == []
