"""The flowchart on its page: sheets that can be read, links in reading order, a patient's way lit on it, print."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser

import kb
from kb.base import Base
from kb.generator.diagram import Flowchart, Line, Node, Way, draw, plan_flowchart
from kb.generator.render import lay_out, layout, readable, render_sheets
from kb.generator.sheets import letter, split_flowchart
from kb.site.dossier import Dossier
from kb.site.emit import dossiers_of
from tests.chromium import Site, opened, printed

BASE = Base(Path(__file__).parents[2])
SVG = "{http://www.w3.org/2000/svg}"
LATEST = [(id, versions[-1]) for id, versions in BASE.protocols().items()]


def program(id: str) -> kb.program.Program:
    found, _ = BASE.program(id, dict(LATEST)[id])
    assert found is not None
    return found


@pytest.mark.parametrize("id", [id for id, _ in LATEST])
def test_every_step_and_way_is_drawn_once_and_every_sheet_can_be_read_on_one_page(id: str) -> None:
    whole = plan_flowchart(program(id))
    pictures = render_sheets(program(id), links=lambda node: f"#{node.id}")
    drawn = [step for picture in pictures for step in picture.steps]
    assert sorted(drawn) == sorted(node.id for node in whole.nodes)
    ways = set()
    for picture in pictures:
        if picture.sheet != "overview":
            for group in ElementTree.fromstring(picture.svg).iter(f"{SVG}g"):
                if "data-from" in group.attrib:
                    ways |= {
                        (group.attrib["data-from"], int(group.attrib["data-way"]), to)
                        for to in group.attrib["data-to"].split()
                    }
        assert picture.scale * 12 * 0.75 >= 6, f"{picture.sheet}: type of {picture.scale * 9:.1f} pt"
    assert ways == {(way.tail, way.place, head) for way in whole.ways for head in way.heads}


def large(steps: int) -> Flowchart:
    """A protocol of so many steps: streams of 23 questions that start together."""
    ids = [f"step-{number}" for number in range(steps)]
    nodes = []
    for number, id in enumerate(ids, start=1):
        title = f"{number}. Is it so?"
        nodes.append(Node(id, "question", (Line("title", title),), number, about=title, name=title, steps=(id,)))
    heads = tuple(ids[1::23])
    ways = [Way(ids[0], heads, ("Start",), to=tuple((head,) for head in heads))]
    ways += [Way(tail, (head,), ("Yes",), to=((head,),)) for tail, head in pairwise(ids) if head not in heads]
    return Flowchart("Large", "?", "DRAFT", "large", tuple(nodes), tuple(ways), (ids[0],))


@pytest.mark.parametrize("steps", [40, 300])
def test_a_large_protocol_is_split_by_stream_with_an_overview(steps: int) -> None:
    chart = large(steps)
    overview, *sheets = split_flowchart(chart, lambda part: readable(lay_out(part), part))
    assert overview.sheet == "overview"
    assert [node.goes_to for node in overview.nodes] == [sheet.sheet for sheet in sheets]
    placed = [node.id for sheet in sheets for node in sheet.nodes if node.is_step]
    assert sorted(placed) == sorted(node.id for node in chart.nodes)
    for sheet in (overview, *sheets):
        assert readable(lay_out(sheet), sheet), sheet.caption
    for sheet in sheets:
        pointers = {node.goes_to for node in sheet.nodes if node.shape == "onward"}
        assert pointers <= {other.sheet for other in sheets} - {sheet.sheet}


def test_a_question_with_more_ways_on_than_a_page_is_wide_is_drawn_sideways() -> None:
    ids = [f"step-{number}" for number in range(20)]
    nodes = tuple(Node(id, "outcome", (Line("title", f"This is the way of {id}"),), steps=(id,)) for id in ids)
    ways = tuple(Way(ids[0], (id,), ("Yes",), to=((id,),)) for id in ids[1:])
    chart = Flowchart("Wide", "?", "DRAFT", "wide", nodes, ways, (ids[0],))
    assert not readable(layout(draw(chart)), chart)
    assert readable(lay_out(chart), chart)


def test_sheets_have_letters() -> None:
    assert [letter(place) for place in (0, 25, 26, 27, 52)] == ["A", "Z", "AA", "AB", "BA"]


def test_the_same_program_gives_the_same_sheets() -> None:
    assert render_sheets(program("hyperkalaemia")) == render_sheets(program("hyperkalaemia"))


# ---------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def dossier() -> Dossier:
    wanted = ("refractory-hypotension", "1.1.0")
    return next(each for each in dossiers_of(BASE, {}) if (each.program.id, each.program.version) == wanted)


def test_a_hand_over_leads_to_the_other_protocol_where_that_is_in_the_base(dossier: Dossier) -> None:
    drawn = "".join(picture.svg for picture in dossier.sheets)
    assert 'href="../../adult-cardiac-arrest/latest/index.html"' in drawn
    alone = Dossier(dossier.program, dossier.versions)
    assert "adult-cardiac-arrest/latest" not in "".join(picture.svg for picture in alone.sheets)


def test_the_way_of_each_patient_is_what_its_advice_says(dossier: Dossier) -> None:
    for result in dossier.results:
        if result.advice is None:
            continue
        way = dossier.ways[result.scenario.id]
        reached = [state.step for state in result.advice.trace if state.state in ("reached", "assumed")]
        assert set(way.steps) == {step.partition(".")[0] for step in reached}
        heads = {
            (each.tail, each.place): each.heads
            for each in plan_flowchart(dossier.program).ways
            if each.tail in way.cases
        }
        for step, places in way.cases.items():
            for place in places:
                if (step, place) in heads:
                    assert set(heads[step, place]) <= set(way.steps), (result.scenario.id, step)


def test_local_settings_hold_in_the_sheets(dossier: Dossier) -> None:
    settings = {"format": 1, "display_units": {"vasopressin": "units/h"}}
    here = Dossier(dossier.program, dossier.versions, settings=settings)
    assert "1.8 to 2.4 units/h" in "".join(picture.svg for picture in here.sheets)
    assert "1.8 to 2.4 units/h" not in "".join(picture.svg for picture in dossier.sheets)


def page(site: Site, id: str) -> Path:
    return site.folder / site.page(id, "chart")


def test_a_chart_that_scrolls_can_be_reached_with_the_keyboard_and_has_a_name(site: Site) -> None:
    for id in ("anaphylaxis", "adult-cardiac-arrest"):
        text = page(site, id).read_text("utf-8")
        figures = re.findall(r'<div class="kb-figure[^>]*>', text)
        assert figures
        assert all('role="region"' in figure and 'tabindex="0"' in figure for figure in figures)
        names = re.findall(r'role="region" tabindex="0" aria-label="([^"]+)"', text)
        assert len(set(names)) == len(figures)
        assert text.index("The steps as a list") < text.index("<svg")
        ids = re.findall(r' id="([^"]+)"', text)
        assert len(set(ids)) == len(ids)
        assert not re.search(r"\sstyle=|<style", text)


def test_a_flowchart_is_printed_on_one_page_of_a4_and_each_sheet_on_its_own(site: Site, browser: Browser) -> None:
    (only,) = printed(browser, page(site, "anaphylaxis").as_uri())
    assert sorted(round(float(side)) for side in only.mediabox[2:]) == [595, 842]
    sheets = printed(browser, page(site, "adult-cardiac-arrest").as_uri())
    text = page(site, "adult-cardiac-arrest").read_text("utf-8")
    assert len(sheets) == text.count("<svg") > 2
    for paper in (only, *sheets):
        assert "DRAFT" in paper.extract_text()


def test_the_way_of_a_patient_is_lit_and_listed(site: Site, browser: Browser) -> None:
    chart = page(site, "anaphylaxis")
    ways = json.loads(re.search(r'id="kb-ways">(.*?)</script>', chart.read_text("utf-8"))[1])  # type: ignore[index]
    name, way = next(iter(ways.items()))

    def dom(fragment: str = "") -> str:
        with opened(browser) as shown:  # anew each time, as by a link from another page
            shown.goto(f"{chart.as_uri()}{fragment}", wait_until="load")
            return shown.content()

    made = dom(f"#scenario={name}")
    lit = set(re.findall(r'<g id="step-([^"]+)" class="node [^"]*kb-lit', made)) or set(
        re.findall(r'<g id="step-([^"]+)" class="[^"]*kb-lit', made)
    )
    assert lit == set(way["steps"])
    listed = re.search(r'<div id="kb-way".*?</ol>', made, re.DOTALL)
    assert listed is not None
    assert re.findall(r'href="list.html#step-([^"]+)"', listed[0]) == way["steps"]
    assert "kb-lit" not in dom()
    two = dom(f"#way={','.join(way['steps'][:2])}")
    assert len(re.findall(r'<g id="step-[^"]+" class="[^"]*kb-lit', two)) == 2
    assert "There is no worked patient of that name" in dom("#scenario=nobody-here")
