"""Rows of the tables in this folder: an expression, what is known, and its value, or what is said against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .world import answer, check, make_scope

TABLES = sorted(Path(__file__).parent.glob("*.yaml"))


def rows() -> Iterator[Any]:
    for table in TABLES:
        document: dict[str, Any] = yaml.safe_load(table.read_text(encoding="utf-8"))
        for row in document["rows"]:
            settings = {key: {**document.get(key, {}), **row.get(key, {})} for key in ("define", "parameters")}
            yield pytest.param({**row, **settings}, id=f"{table.stem}-{row['name']}".replace(" ", "-"))


@pytest.mark.parametrize("row", list(rows()))
def test_row(row: dict[str, Any]) -> None:
    scope = make_scope(row["define"], row["parameters"], row.get("weight", "actual"))
    order = tuple(row["order"]) if "order" in row else None
    found = check(scope, row["expr"], order, row.get("this_step", False)) if not row.get("number") else []
    if "error" in row:
        wanted = row["error"] if isinstance(row["error"], list) else [row["error"]]
        assert [item.code for item in found] == wanted, found
        text = " | ".join(f"{item.message}; {item.help}; {item.why}" for item in found)
        for words in row.get("says", ()):
            assert words in text, text
        return
    assert found == []
    if "unknown" in row:
        assert row["unknown"] is True
        assert answer(scope, row["expr"], row.get("inputs", {}), order) is None
    elif "value" in row:
        assert answer(scope, row["expr"], row.get("inputs", {}), order) == row["value"]
    else:
        assert row["accepted"] is True


def test_the_tables_are_there_and_their_names_are_unique() -> None:
    names = [parameter.id for parameter in rows()]
    assert len(names) == len(set(names))
    assert len(names) > 100
