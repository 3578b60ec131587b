"""The pages about a base as a whole: nothing of any protocol is missing from them."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import markdown
import pytest

from kb.base import Base
from kb.generator.markdown import anchor
from kb.registry import registry
from kb.site.base_pages import Whole, base_pages
from kb.site.emit import dossiers_of
from tests.cli.test_cli import kb as kb

BASE = Base(Path(__file__).parents[2])
CHECK: dict[str, Any] = {
    "files": 3,
    "found": [
        {"code": "KB510", "severity": "warning", "file": "a.yaml", "line": 7, "message": "`2 L` <b>", "help": "cite"},
    ],
    "allowed": [
        {
            "code": "KB462", "severity": "warning", "file": "b.yaml", "line": 9, "message": "no limit", "help": "",
            "because": "nobody gives one", "by": "editor", "until": "2027-06-30",
        }
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> Whole:
    return Whole(BASE, tuple(dossiers_of(BASE, {})), CHECK)


@pytest.fixture(scope="module")
def pages(whole: Whole) -> dict[str, str]:
    made = base_pages(whole)
    return {path: unescape(str(markdown.markdown(text, extensions=["tables", "toc"]))) for path, text in made.items()}


def test_every_protocol_is_listed_with_its_newest_version_and_state(whole: Whole, pages: dict[str, str]) -> None:
    told = pages["protocols/index.md"]
    assert {each.program.id for each in whole.newest} == set(BASE.protocols())
    for each in whole.newest:
        assert f'href="{each.program.id}/{each.latest}/index.md"' in told
        assert each.told.question in " ".join(told.split())
    assert told.count("<strong>draft</strong>") == len(whole.newest)


def test_every_drug_stands_with_the_protocols_and_steps_that_order_it(whole: Whole, pages: dict[str, str]) -> None:
    told = pages["protocols/drugs.md"]
    for each in whole.newest:
        home = f"{each.program.id}/{each.latest}"
        for drug in each.program.drugs:
            assert f'id="drug-{drug.id}"' in told
            assert f'href="{home}/doses.html#drug-{drug.id}"' in told
        for step in each.program.steps:
            if step.action is not None and step.action.drug and not step.part_of:
                assert f'href="{home}/list.md#step-{step.id}"' in told, step.id


def test_everything_measured_leads_to_the_protocols_that_use_it(whole: Whole, pages: dict[str, str]) -> None:
    for each in whole.newest:
        for element in each.program.elements:
            place = anchor("element", element.id)
            assert f'href="{each.program.id}/{each.latest}/doses.html#{place}"' in pages["protocols/data.md"]


def test_a_synonym_leads_to_the_name_that_is_used(pages: dict[str, str]) -> None:
    told = pages["protocols/glossary.md"]
    assert "<strong>adrenaline</strong> = Epinephrine" in told
    assert re.search(r"<strong>Epinephrine</strong> = adrenaline", told)
    assert "<strong>MAP</strong> = Mean arterial pressure" in told


def test_every_clash_is_told_with_all_its_numbers(pages: dict[str, str]) -> None:
    told = pages["protocols/numbers.md"]
    clashes = [each for each in registry(BASE) if each.verdict == "clash"]
    assert f"Clash ({len(clashes)})" in told
    for each in clashes:
        item = told.split(f"<strong>{each.label}: {each.role}</strong>")[1]
        assert all(f"<strong>{number.value}</strong>" in item for number in each.numbers)


def test_what_the_check_found_and_what_is_allowed_until_when_is_told(pages: dict[str, str]) -> None:
    told = pages["protocols/checks.md"]
    assert "looked at 3 files: 1 finding" in told
    assert 'href="../diagnostics/KB510.md"' in told
    assert "<code>2 L</code>" in told
    assert "Allowed until 2027-06-30 by editor: nobody gives one" in told


def test_where_nobody_has_checked_there_is_no_page_of_it(whole: Whole) -> None:
    assert "protocols/checks.md" not in base_pages(Whole(BASE, whole.newest))


def test_a_base_without_protocols_says_so() -> None:
    assert set(base_pages(Whole(BASE, ()))) == {"protocols/index.md", "protocols/glossary.md", "protocols/numbers.md"}
    assert "There is no protocol yet" in base_pages(Whole(BASE, ()))["protocols/index.md"]
