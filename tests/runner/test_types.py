"""The runner's types hold together, and its records are those of `kb.program`."""

from __future__ import annotations

import re
import subprocess

import pytest

from kb import codec, program
from tests.runner.node import RUNNER, run, type_checker

RECORDS = [
    made
    for made in vars(program).values()
    if isinstance(made, type) and hasattr(made, "_fields") and made not in codec._OPERATORS
]


def test_the_type_checker_finds_nothing() -> None:
    done = subprocess.run(
        [*type_checker(), "--project", str(RUNNER / "jsconfig.json")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout


def kind_of(record: str, name: str, kind: str) -> str:
    """A field's type as `LAYOUTS` of codec.js spells it."""
    if kind.endswith(" | None"):
        return kind_of(record, name, kind.removesuffix(" | None")) + "?"
    if kind.startswith("tuple[") and kind.endswith(", ...]"):
        return kind_of(record, name, kind[6:-6]) + "[]"
    if kind == "int":
        return codec._INTEGERS.get(f"{record}.{name}", "int")
    return {"tuple[str, str]": "pair", "tuple[str, int]": "power"}.get(kind, kind)


def default_of(record: type, name: str) -> str:
    defaults = record._field_defaults  # type: ignore[attr-defined]
    if name not in defaults:
        return ""
    value = defaults[name]
    if value is None:
        return "" if "| None" in str(record.__annotations__[name]) else "=null"
    if value is program.FALSE:
        return "=FALSE"
    if isinstance(value, program.Standing):
        return "={}"
    return "=[]" if value == () else f"={str(value).lower() if isinstance(value, bool) else value}"


def layout_of(record: type) -> str:
    fields = [
        f"{name.rstrip('_')}:{kind_of(record.__name__, name, kind)}{default_of(record, name)}"
        for name, kind in codec.fields_of(record)
    ]
    return " ".join([record.__name__, *fields])


def test_the_layouts_of_records_are_those_of_python() -> None:
    assert run("layouts.mjs", None) == [layout_of(record) for record in RECORDS]


def typescript_of(record: str, name: str, kind: str) -> str:
    if kind.endswith(" | None"):
        return typescript_of(record, name, kind.removesuffix(" | None")) + " | null"
    if kind.startswith("tuple[") and kind.endswith(", ...]"):
        inner = typescript_of(record, name, kind[6:-6])
        return f"readonly ({inner})[]" if " " in inner else f"readonly {inner}[]"
    if kind == "int":
        return "number" if f"{record}.{name}" in codec._INTEGERS else "bigint"
    pairs = {"tuple[str, str]": "readonly [string, string]", "tuple[str, int]": "readonly [string, number]"}
    return pairs.get(kind) or {"str": "string", "bool": "boolean"}.get(kind, kind)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_the_declared_fields_are_those_of_python(record: type) -> None:
    declared = (RUNNER / "program.d.ts").read_text(encoding="utf-8")
    found = re.search(rf"export interface {record.__name__} {{\n(.*?)\n}}", declared, re.DOTALL)
    assert found, record.__name__
    wanted = []
    for name, kind in codec.fields_of(record):
        first, *rest = name.rstrip("_").split("_")
        camel = first + "".join(word.title() for word in rest)
        wanted.append(f"  readonly {camel}: {typescript_of(record.__name__, name, kind)};")
    assert found[1].splitlines() == wanted
