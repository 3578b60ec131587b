"""The card: the doses of the advice, for each weight, on one page of paper."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from kb import program as ir
from kb.base import Base
from kb.generator.card import WEIGHTS, Card, DoseRow, card_of
from kb.interpreter import Guideline
from kb.site.dossier import Dossier
from kb.site.pages import card as page
from tests.chromium import printed

BASE = Base(Path(__file__).parents[2])
THEME = Path(page.__file__).parents[1] / "theme"
LOOK = "".join((THEME / name).read_text("utf-8") for name in ("kb.css", "parts.css"))


def program(id: str) -> ir.Program:
    found, _ = BASE.program(id, BASE.protocols()[id][-1])
    assert found is not None
    return found


def card(id: str, settings: dict[str, Any] | None = None) -> Card:
    made = card_of(program(id), settings)
    assert made is not None
    return made


def row(made: Card, title: str) -> DoseRow:
    return next(row for row in made.rows if title in row.title)


def test_a_dose_by_weight_stands_for_each_weight_with_its_cap() -> None:
    cells = row(card("status-epilepticus"), "Fosphenytoin").cells
    assert len(cells) == len(WEIGHTS) == 9
    assert cells[0] == "800 mg"
    assert set(cells[WEIGHTS.index(80) :]) == {"1500 mg"}


def test_a_rate_by_weight_stands_with_what_the_pump_shows() -> None:
    assert row(card("local-anaesthetic-toxicity"), "Run lipid emulsion").cells[3] == "1050 mL/h"
    assert row(card("diabetic-ketoacidosis"), "Run insulin at the fixed rate").cells[3] == "7 units/h"


def test_the_cells_are_the_doses_of_the_advice() -> None:
    found = program("local-anaesthetic-toxicity")
    guideline = Guideline(found)
    made = row(card("local-anaesthetic-toxicity"), "Give the first bolus of lipid")
    known: dict[str, Any] = {}
    for scenario in (each for file in BASE.scenario_files(found.id) for each in BASE.scenarios(file)[0]):
        advice = guideline.advise(scenario.chart, scenario.now, scenario.local, lenient=True)
        reached = [item for item in advice.actions if item.step == made.step and item.dose is not None]
        if reached and "entries" not in scenario.chart:
            known = dict(scenario.chart)
            break
    assert known
    for weight, cell in zip(WEIGHTS, made.cells, strict=True):
        advice = guideline.advise({**known, "weight": f"{weight} kg"}, lenient=True)
        (item,) = (item for item in advice.actions if item.step == made.step)
        assert item.dose is not None
        assert item.dose.text == cell


def test_what_a_weight_alone_does_not_tell_says_what_it_needs() -> None:
    made = row(card("anaphylaxis"), "Give adrenaline")
    assert made.cells == ()
    assert made.needs.startswith("needs age")


def test_the_pump_rate_of_a_range_is_said_to_be_its_low_end() -> None:
    settings = {"format": 1, "concentrations": {"epinephrine": "20 mcg/mL"}}
    made = row(card("refractory-hypotension", settings), "Consider epinephrine")
    assert made.dose.startswith("epinephrine 0.1 to 0.5 mcg/kg/min")
    assert made.cells[3] == "from 21 mL/h"


def test_a_dose_that_is_the_same_for_all_is_told_once() -> None:
    made = row(card("adult-cardiac-arrest"), "Give adrenaline")
    assert made.cells == ()
    assert made.dose == "epinephrine 1 mg IV"


def test_local_settings_hold_on_the_card() -> None:
    settings = {"format": 1, "parameters": {"insulin_ceiling": "6 units/h"}}
    cells = row(card("diabetic-ketoacidosis", settings), "Run insulin at the fixed rate").cells
    assert cells[-1] == "6 units/h"
    assert card("diabetic-ketoacidosis", settings).local


def test_a_draft_says_that_it_is_not_for_care_and_a_withdrawn_protocol_has_no_card() -> None:
    found = program("status-epilepticus")
    text = unescape(page.body(Dossier(found)) or "")
    assert "DRAFT: NOT FOR CARE" in text
    assert found.logic_digest.removeprefix("sha256:")[:12] in text
    standing = ir.Standing((ir.Signed("ada", "Ada", "consultant", "2026-01-01", "verified"),), (), "2027-01-01")
    approved = unescape(page.body(Dossier(found._replace(state="approved", standing=standing))) or "")
    assert "NOT FOR CARE" not in approved
    assert "Valid until 2027-01-01" in approved
    assert page.body(Dossier(found._replace(state="withdrawn", withdrawn="unsafe"))) is None


def test_a_protocol_without_doses_has_no_card() -> None:
    assert card_of(program("early-warning")) is None


def test_every_card_is_one_page_of_a4(browser: Browser, tmp_path: Path) -> None:
    bodies = {id: page.body(Dossier(program(id))) for id in BASE.protocols()}
    cards = {id: text for id, text in bodies.items() if text is not None}
    assert len(cards) > 5
    papers = "".join(f'<div class="paper">{text}</div>' for text in cards.values())
    file = tmp_path / "cards.html"
    style = f"{LOOK}\n.paper + .paper {{ break-before: page; }}"
    file.write_text(f"<!DOCTYPE html><meta charset=utf-8><style>{style}</style><main>{papers}</main>", "utf-8")
    sheets = printed(browser, file.as_uri())
    assert len(sheets) == len(cards)
    for id, sheet in zip(cards, sheets, strict=True):
        text = sheet.extract_text()
        assert program(id).title in " ".join(text.split())
        assert "NOT FOR CARE" in text
        assert [round(float(side)) for side in sheet.mediabox[2:]] == [595, 842]


@pytest.mark.parametrize("id", ["status-epilepticus", "refractory-hypotension"])
def test_the_card_is_black_and_white(id: str) -> None:
    rules = re.findall(r"\.kb-card[^{]*\{([^}]*)\}", LOOK)
    colours = {found for rule in rules for found in re.findall(r"#[0-9a-f]{3,6}|var\([^)]*\)", rule)}
    assert colours <= {"#000", "#fff"}
    assert "style=" not in (page.body(Dossier(program(id))) or "")
