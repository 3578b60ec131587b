"""What stands on the pages of a protocol, held against the Program, its worked patients and its review records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import markdown
import pytest

from kb.base import Base
from kb.diagnostics import Span
from kb.generator.markdown import anchor
from kb.program import Signed, Standing
from kb.review import History, Person, Policy, Record
from kb.site.dossier import Dossier
from kb.site.emit import dossiers_of
from kb.site.pages import pages_of
from kb.site.pages.scenarios import LIGHT, ranges
from tests.cli.test_cli import Kb
from tests.cli.test_cli import kb as kb
from tests.generator.example import build

BASE = Base(Path(__file__).parents[2])
ID = "hyperkalaemia"


def only(*ids: str) -> Iterator[Dossier]:
    return dossiers_of(BASE, {}, told=lambda _: iter(ids))


@pytest.fixture(scope="module")
def dossier() -> Dossier:
    return next(only(ID))


@pytest.fixture(scope="module")
def pages(dossier: Dossier) -> dict[str, str]:
    return html_of(dossier)


def html_of(dossier: Dossier) -> dict[str, str]:
    made = pages_of(dossier)
    return {path.rpartition("/")[2]: str(markdown.markdown(made[path], extensions=["tables", "toc"])) for path in made}


def item(page: str, place: str) -> str:
    """The text from a place to the next place of the same kind."""
    kind = place.partition("-")[0]
    return page.split(f'id="{place}"')[1].split(f'id="{kind}-')[0]


# ---------------------------------------------------------------- evidence


def test_a_statement_names_the_steps_that_cite_it_and_each_of_them_the_statement(
    dossier: Dossier, pages: dict[str, str]
) -> None:
    assert dossier.steps_of_statement
    for statement, steps in dossier.steps_of_statement.items():
        told = item(pages["evidence.md"], f"statement-{statement}")
        for step in steps:
            assert f"list.md#step-{step}" in told, (statement, step)
            assert f"#statement-{statement}" in item(pages["list.md"], f"step-{step}")
            assert f"#statement-{statement}" in item(pages["evidence.md"], f"by-step-{step}")


def test_how_many_worked_patients_reach_a_step_is_told_beside_it(dossier: Dossier, pages: dict[str, str]) -> None:
    reached: dict[str, set[str]] = {}
    for result in dossier.results:
        assert result.advice is not None
        for state in result.advice.trace:
            if state.state in ("reached", "assumed"):
                reached.setdefault(dossier.whole[state.step], set()).add(result.scenario.id)
    for step in dossier.titles:
        number = len(reached.get(step, ()))
        told = f"{number} worked patient{'' if number == 1 else 's'}"
        assert told in item(pages["list.md"], f"step-{step}")
        assert told in item(pages["evidence.md"], f"by-step-{step}")


def test_coverage_has_the_numbers_of_kb_test(pages: dict[str, str], kb: Kb) -> None:
    _, told, _ = kb("test", ID, "--coverage")
    counted = re.findall(r"^ {2}([a-z]+) +(\d+) of (\d+)", told, re.MULTILINE)
    shown = re.findall(r"<td>(\d+)</td>\s*<td>(\d+)</td>", pages["evidence.md"].split('id="tried"')[1])
    assert len(counted) == 5
    assert [(number, of) for _, number, of in counted] == shown


# ---------------------------------------------------------------- worked patients


def test_each_worked_patient_is_told_with_what_is_advised_and_its_way(dossier: Dossier, pages: dict[str, str]) -> None:
    for each in dossier.worked:
        scenario, advice = each.result.scenario, each.result.advice
        told = pages["scenarios.md"].split(f'id="scenario-{scenario.id}"')[1].split("</details>")[0]
        assert scenario.title in unescape(told)
        assert (f'"chart.html#scenario={scenario.id}"' in told) is bool(each.reached)
        assert advice is not None
        for item in advice.recommended:
            assert f"list.html#step-{dossier.whole[item.step]}" in told


def test_a_patient_who_is_advised_otherwise_than_expected_is_told_first() -> None:
    made = next(only("adult-bradycardia"))
    first = made.scenarios[0]
    wrong = first._replace(expect={"alerts": ["no-such-alert"]})
    page = pages_of(Dossier(made.program, scenarios=(wrong, *made.scenarios[1:])))[f"{made.folder}/scenarios.md"]
    assert page.index("Not as expected") < page.index("<details")
    assert "expected no-such-alert" in page


def test_patients_of_two_files_with_one_name_are_told_apart(dossier: Dossier) -> None:
    one, two = dossier.scenarios[0], next(each for each in dossier.worked if each.reached != dossier.worked[0].reached)
    twin = two.result.scenario._replace(id=one.id, span=Span("protocols/x/scenarios/other.yaml"))
    made = Dossier(dossier.program, scenarios=(one, twin))
    names = [each.id for each in made.scenarios]
    assert names == [f"{Path(one.span.file).stem}.{one.id}", f"other.{one.id}"]
    assert [made.ways[name].title for name in names] == [one.title, twin.title]
    page = html_of(made)["scenarios.md"]
    for name in names:
        assert page.count(f'id="scenario-{name}"') == 1
        assert f"chart.html#scenario={name}" in page


def test_too_many_patients_for_one_page_have_a_page_for_each_of_their_files() -> None:
    made = next(only("refractory-hypotension"))
    pages = pages_of(made)
    files = {Path(each.span.file).stem for each in made.scenarios}
    for file in files:
        assert len(pages[f"{made.folder}/scenarios-{file}.md"]) < LIGHT
    index = pages[f"{made.folder}/scenarios.md"]
    for each in made.scenarios:
        assert f'<li id="scenario-{each.id}">' in index
        assert f'<details id="scenario-{each.id}">' in pages[f"{made.folder}/scenarios-{Path(each.span.file).stem}.md"]


def test_without_worked_patients_there_is_no_page_of_them() -> None:
    assert not any("scenarios" in path for path in pages_of(Dossier(build())))
    assert "untested" in pages_of(Dossier(build()))["protocols/refractory-hypotension/1.0.0/index.md"]


@pytest.mark.parametrize(("numbers", "told"), [([], ""), ([3], "3"), ([1, 2], "1–2"), ([9, 1, 2, 3, 7], "1–3, 7, 9")])
def test_runs_of_steps_are_told_by_their_ends(numbers: list[int], told: str) -> None:
    assert ranges(numbers) == told


# ---------------------------------------------------------------- steps, doses, pitfalls, readings


def test_every_step_has_an_address_for_good_and_its_place_on_the_chart(dossier: Dossier, pages: dict[str, str]) -> None:
    for step in dossier.titles:
        told = unescape(item(pages["list.md"], f"step-{step}"))
        assert f'<a href="list.html#step-{step}">{step}@{dossier.program.version}</a>' in told
        assert f'href="chart.html#step-{step}"' in told


def test_problems_are_reported_only_where_there_is_an_address() -> None:
    def told(address: str) -> str:
        return unescape(html_of(Dossier(build(), report_to=address))["list.md"])

    assert "report a problem" not in told("")
    subject = "refractory-hypotension%401.0.0%20arrest%3A%20"
    assert f'href="mailto:kb@example.org?subject={subject}"' in told("mailto:kb@example.org")
    assert f'href="https://example.org/new?title={subject}"' in told("https://example.org/new")
    assert f'href="https://example.org/new?kind=step&title={subject}"' in told("https://example.org/new?kind=step")


def test_every_drug_and_element_stands_with_what_is_known_of_it(dossier: Dossier, pages: dict[str, str]) -> None:
    for drug in dossier.program.drugs:
        told = unescape(item(pages["doses.md"], f"drug-{drug.id}"))
        assert drug.label in told
        assert all(name in told for name in (*drug.synonyms, drug.source, drug.confirm))
        assert all(limit.source in told for limit in drug.limits)
    for element in dossier.program.elements:
        told = unescape(item(pages["doses.md"], anchor("element", element.id)))
        assert all(
            text in told for text in (element.label, element.unit if element.unit != "1" else "", element.question)
        )


def test_every_rule_cap_goal_and_alert_has_its_place(dossier: Dossier, pages: dict[str, str]) -> None:
    program = dossier.program
    for kind, items in (
        ("never", program.rules), ("cap", program.caps), ("goal", program.goals), ("alert", program.alerts),
    ):  # fmt: skip
        for each in items:
            assert f'id="{kind}-{each.id}"' in pages["pitfalls.md"]
    for step in program.steps:
        for avoid in step.avoid:
            assert unescape(dossier.say.avoid(avoid)) in unescape(pages["pitfalls.md"])


def test_every_reading_tells_what_was_rejected_and_who_must_confirm_it(dossier: Dossier, pages: dict[str, str]) -> None:
    for reading in dossier.program.interpretations:
        told = unescape(item(pages["readings.md"], f"reading-{reading.id}"))
        assert all(text in told for text in (*reading.rejected, reading.because, reading.confirm))


# ---------------------------------------------------------------- review

POLICY = Policy(("physician",), (Person("ada", "Ada King", ("physician",)),))


@pytest.mark.parametrize("state", ["draft", "submitted", "under review", "approved", "retired", "withdrawn"])
def test_the_overview_tells_where_the_review_is(state: str) -> None:
    signed = Signed("ada", "Ada King", "physician", "2026-01-27", "unsigned")
    standing = Standing((signed,), ("pharmacist",), "2027-01-27", "because of a reason")
    page = html_of(Dossier(build()._replace(state=state, standing=standing)))["index.md"]
    assert re.findall(r'aria-current="step"><strong>([a-z ]+)</strong>', page) == [state]
    told = unescape(page)
    for text in ("Ada King (physician, 2026-01-27, unsigned)", "pharmacist", "2027-01-27", "because of a reason"):
        assert text in told


def test_the_overview_tells_who_decided_what_and_of_which_content() -> None:
    program = build()._replace(logic_digest="sha256:1", text_digest="sha256:2")
    records = (
        Record("1", "submit", "ada", "physician", "2026-01-26", logic="sha256:0", text="sha256:2"),
        Record(
            "2", "approve", "ada", "physician", "2026-01-27", logic="sha256:1", text="sha256:2", comment="well read"
        ),
    )
    history = History(program.id, program.version, records, POLICY, ("unsigned", "verified"), ())
    told = unescape(html_of(Dossier(program, history=history))["index.md"])
    assert "2026-01-26 Ada King (physician) submitted it [unsigned; of other content than this]" in told
    assert "2026-01-27 Ada King (physician) approved it: well read [signature verified]" in told
    assert "Nobody has reviewed it" in html_of(Dossier(program))["index.md"]
