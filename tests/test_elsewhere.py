"""What other sources say is shown beside the steps, rules and goals it concerns, and decides nothing."""

from __future__ import annotations

import json
from pathlib import Path

from kb import program as ir
from kb.generator.readaloud import read_aloud, read_aloud_text
from kb.interpreter import Guideline
from kb.site.dossier import Dossier
from kb.site.pages import pages_of
from kb.store import load
from tests.cli.test_cli import Kb
from tests.cli.test_cli import kb as kb

SHOCK = load("refractory-hypotension@1.0.0", base=Path(__file__).parents[1])
FLAT = {"age": "64 years", "weight": "70 kg", "pulse": "present", "map": "unobtainable", "therapy_record": "complete"}


def beside(step: str) -> set[str]:
    return {item.id for item in SHOCK.program.elsewhere if step in item.steps}


def test_how_much_of_a_drug_is_given_stands_only_where_it_is_given() -> None:
    label = next(item for item in SHOCK.program.elsewhere if item.value == "0.01 to 0.07 units/min")
    assert label.steps == ("vasopressin",)
    assert set(label.rules) == {"vasopressin-above-ceiling", "vasopressin-with-allergy"}
    assert label.id not in beside("pressure")


def test_words_stand_beside_every_step_that_rests_on_the_statement() -> None:
    pumps = [item for item in SHOCK.program.elsewhere if item.topic == "balloon pump"]
    pump = next(item for item in pumps if item.verdict == "conflicts")
    assert {"mechanical-support", "maximal", "senior-help"} <= set(pump.steps)


def test_every_entry_is_shown_somewhere() -> None:
    hidden = [item.id for item in SHOCK.program.elsewhere if not (item.steps or item.rules or item.goals)]
    assert not hidden


def test_a_statement_that_is_only_read_is_shown_beside_what_uses_the_reading() -> None:
    rule = next(item for item in SHOCK.program.elsewhere if item.topic == "systolic rule")
    assert rule.about == ("S27",)
    assert "pressure" in rule.steps


def readings_page() -> str:
    pages = pages_of(Dossier(SHOCK.program))
    return next(page for path, page in pages.items() if path.endswith("/readings.md"))


def test_every_row_has_a_topic_and_a_verdict() -> None:
    for item in SHOCK.program.elsewhere:
        assert all((item.topic, item.verdict, item.about)), item.id


def test_what_nobody_has_read_says_so_everywhere() -> None:
    unread = [item for item in SHOCK.program.elsewhere if not item.stored]
    assert unread
    text, page = read_aloud_text(SHOCK.program), readings_page()
    for item in unread:
        line = next(line for line in text.splitlines() if f"Elsewhere {item.id} " in line)
        assert "not read, general knowledge" in line
    assert "general knowledge&#58; nobody has read it" in page


def test_the_list_the_page_and_the_advice_say_the_same() -> None:
    entry = next(entry for entry in read_aloud(SHOCK.program).entries if entry.step == "vasopressin")
    item = next(item for item in SHOCK.advise(FLAT).recommended if item.step == "vasopressin")
    assert [line.partition(" ")[0] for line in entry.elsewhere] == [said.id for said in item.elsewhere]
    assert {said.id for said in item.elsewhere} == beside("vasopressin")
    page = readings_page()
    assert all(f'id="elsewhere-{said.id}"' in page for said in item.elsewhere)


def test_it_changes_nothing_but_the_text() -> None:
    without = ir.Program(*SHOCK.program)._replace(elsewhere=())
    made = Guideline(without).advise(FLAT).to_json()
    ours = SHOCK.advise(FLAT).to_json()
    for record in (made, ours):
        for item in (*record["recommended"], *record["actions"]):
            item["elsewhere"] = []
    assert made == ours


def test_the_command_shows_conflicts_and_tells_the_rest_on_request(kb: Kb) -> None:
    chart = "site/examples/flat-trace.json"
    at = ("--chart", chart, "--at", "2026-01-27T12:00:00+00:00")
    code, out, _ = kb("advise", "refractory-hypotension@1.0.0", *at)
    assert code == 0
    assert "conflicts: vasopressin dose: rate 0.01 to 0.07 units/min" in " ".join(out.split())
    assert "agrees: vasopressin dose" not in " ".join(out.split())
    code, out, _ = kb("advise", "refractory-hypotension@1.0.0", *at, "--why", "vasopressin")
    assert "agrees: vasopressin dose: rate 0.03 units/min" in out
    code, out, _ = kb("advise", "refractory-hypotension@1.0.0", *at, "--why", "vasopressin", "--format", "json")
    assert {one["verdict"] for one in json.loads(out)["elsewhere"]} >= {"agrees", "conflicts"}
