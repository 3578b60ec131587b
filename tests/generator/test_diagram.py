"""The flowchart: what stands on it, and in which shape."""

from __future__ import annotations

import shutil
from xml.etree import ElementTree

import pytest

from kb.generator.diagram import Flowchart, Node, dot_source, plan_flowchart
from kb.generator.render import RenderingError, layout, render_svg
from tests.generator.example import STEPS, build

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def chart() -> Flowchart:
    return plan_flowchart(build())


@pytest.fixture(scope="module")
def picture() -> ElementTree.Element:
    return ElementTree.fromstring(render_svg(build()))


def node(chart: Flowchart, id: str) -> Node:
    return next(node for node in chart.nodes if node.id == id)


def texts(node: Node, role: str) -> str:
    return " ".join(line.text for line in node.lines if line.role == role)


def test_every_step_has_one_node_and_a_titration_is_one_action(chart: Flowchart) -> None:
    assert [node.id for node in chart.nodes] == [step["id"] for step in STEPS if "part_of" not in step]
    titration = node(chart, "dobutamine")
    assert titration.shape == "action"
    assert texts(titration, "dose") == "dobutamine 2.5 → 5 → 10 → 20 mcg/kg/min"
    assert "hold if excessive tachycardia" in texts(titration, "detail")
    ends = {way.label: way.heads for way in chart.ways if way.tail == "dobutamine"}
    assert ends == {("on hold",): ("dobutamine-limit",), ("at the ceiling",): ("support",)}


def test_shape_tells_the_kind_of_step(chart: Flowchart) -> None:
    assert node(chart, "pulse").shape == "question"
    assert node(chart, "vasopressin").shape == "action"
    assert node(chart, "arrest").shape == "hand-over"
    assert node(chart, "watch").shape == "outcome"
    dot = dot_source(build())
    for shape in ("hexagon", "cds", "box", "record"):
        assert f"shape={shape}" in dot


def test_a_dose_stands_with_drug_unit_and_route(chart: Flowchart) -> None:
    assert texts(node(chart, "vasopressin"), "dose") == "vasopressin 0.03 to 0.04 units/min IV"


def test_what_cannot_wait_says_so_in_words_and_in_its_border(chart: Flowchart) -> None:
    assert node(chart, "vasopressin").stat
    assert texts(node(chart, "vasopressin"), "priority") == "NOW"
    assert not node(chart, "epinephrine").stat


def test_cases_stand_on_the_ways_out_and_streams_start_together(chart: Flowchart) -> None:
    ways = [way for way in chart.ways if way.tail == "pulse"]
    assert [(" ".join(way.label), len(way.heads)) for way in ways] == [("No definite pulse", 1), ("otherwise", 6)]
    pressure = [" ".join(way.label) for way in chart.ways if way.tail == "pressure"]
    assert pressure[1] == "hypotensive and norepinephrine ≥ 0.25 mcg/kg/min"


def test_an_assumption_is_a_way_of_its_own(chart: Flowchart) -> None:
    assumed = [way for way in chart.ways if way.kind == "assumed"]
    assert [(way.tail, way.heads) for way in assumed] == [("still-low", ("perfused",))]


def test_the_caption_names_title_review_state_version_and_digest(picture: ElementTree.Element) -> None:
    words = " ".join("".join(text.itertext()) for text in picture.iter(f"{SVG}text"))
    for part in ("Refractory hypotension on norepinephrine", "DRAFT", "version 1.0.0", "logic 1f2e3d4c5b6a"):
        assert part in words


def test_a_picture_has_title_description_and_the_ids_of_its_steps(picture: ElementTree.Element) -> None:
    assert picture[0].tag == f"{SVG}title"
    assert picture[1].tag == f"{SVG}desc"
    ids = {element.get("id") for element in picture.iter()}
    assert {"step-vasopressin", "step-pulse", "step-watch"} <= ids


def test_clock_and_slips_are_drawn(picture: ElementTree.Element) -> None:
    step = next(group for group in picture.iter(f"{SVG}g") if group.get("id") == "step-vasopressin")
    classes = [element.get("class") for element in step]
    assert classes.count("clock") == 1
    assert classes.count("slip-paper") == 2
    assert {"A03", "A05"} <= {element.text for element in step if element.get("class") == "slip"}


def test_the_same_program_gives_the_same_picture() -> None:
    assert render_svg(build()) == render_svg(build())


def test_a_broken_layout_is_a_named_error() -> None:
    with pytest.raises(RenderingError, match="could not be laid out"):
        layout("digraph {")


@pytest.mark.skipif(
    shutil.which("dot") is not None, reason="`dot` is installed: what is said without it is tried where it is missing"
)
def test_without_a_system_graphviz_the_error_says_what_to_do() -> None:
    with pytest.raises(RenderingError, match="install Graphviz"):
        render_svg(build(), "system")


@pytest.mark.skipif(
    shutil.which("dot") is None,
    reason="`dot` is missing: the in-process layout is tried, and not compared with the system's",
)
def test_a_system_graphviz_draws_the_same_steps(picture: ElementTree.Element) -> None:
    other = ElementTree.fromstring(render_svg(build(), "system"))
    assert {group.get("id") for group in other.iter(f"{SVG}g")} >= {"step-vasopressin", "step-pulse"}
