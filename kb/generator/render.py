"""A flowchart as SVG: laid out in process, or by a system `dot`, then given its look, its names and its order.

The layout engine measures text and places lines. Afterwards lines come first and steps after them in the order in
which they are read; each is named by kind, text and ways on, and may be a link; clocks and the slips of paper that
mark interpretations are drawn. Colours are those of `flowchart.css`; a picture that stands alone has it within, one
in a page has no style of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple
from xml.etree import ElementTree

from kb import program as ir
from kb.generator.diagram import (
    SLIP,
    Arc,
    Bar,
    Flowchart,
    Line,
    Node,
    Shape,
    captions,
    draw,
    drawn,
    node_id,
    plan_flowchart,
)
from kb.generator.sheets import split_flowchart
from kb.local import NO_LOCAL, Local

Engine = Literal["in-process", "system"]

STYLE = Path(__file__).with_name("flowchart.css")

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"

# A sheet is printed on one page of A4 with margins of 7 mm. Its doses and titles, 12 px as drawn, are then 6 pt or
# more: below that nobody reads them at a bedside, so the chart is split instead.
_PAGE = (740.0, 1069.0)  # px within the margins
_LEAST_SCALE = 2 / 3
_SHAPES: tuple[Shape, ...] = ("plain", "narrow", "sideways")


class RenderingError(RuntimeError):
    """The picture could not be made; the text says what to install or what the engine said."""


def layout(dot: str, engine: Engine = "in-process") -> str:
    """SVG of `dot` as the layout engine makes it."""
    return _system_layout(dot) if engine == "system" else _layout(dot)


@lru_cache(maxsize=64)  # the picture of a protocol and its sheets begin with the same chart, drawn one after the other
def _layout(dot: str) -> str:
    try:
        from kb.generator.engine import WasiGraphvizError, svg_of
    except ImportError as missing:
        raise RenderingError("flowcharts need the authoring extra: pip install 'guideline-kb[authoring]'") from missing
    try:
        return svg_of(dot)
    except WasiGraphvizError as failed:
        raise RenderingError(f"the flowchart could not be laid out: {failed}") from failed


def _system_layout(dot: str) -> str:
    program = shutil.which("dot")
    if program is None:
        raise RenderingError("no `dot` program found: install Graphviz, or leave out `--engine system`")
    done = subprocess.run([program, "-Tsvg"], input=dot.encode(), capture_output=True, timeout=120, check=False)
    if done.returncode:
        raise RenderingError(f"`dot` failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode("utf-8")


class Picture(NamedTuple):
    """One drawn sheet: an SVG element for a page, or a document of its own. `steps` are those that stand on it."""

    sheet: str
    caption: str
    svg: str
    width: float
    height: float
    steps: tuple[str, ...]

    @property
    def landscape(self) -> bool:
        """Whether it is larger on a page that lies on its side."""
        wide, high = _PAGE
        return min(high / self.width, wide / self.height) > min(wide / self.width, high / self.height)

    @property
    def scale(self) -> float:
        """How large it is on one printed page, 1 for as drawn."""
        wide, high = _PAGE
        upright = min(wide / self.width, high / self.height)
        return min(1.0, max(upright, min(high / self.width, wide / self.height)))


def render_svg(program: ir.Program, engine: Engine = "in-process", local: Local = NO_LOCAL) -> str:
    """The whole flowchart of `program` as an SVG document, the same for the same Program, settings and engine."""
    chart = plan_flowchart(program, local)
    return finish_svg(layout(draw(chart), engine), chart)


def render_sheets(
    program: ir.Program, local: Local = NO_LOCAL, links: Callable[[Node], str] | None = None, alone: bool = False
) -> tuple[Picture, ...]:
    """The flowchart as it is read and printed: one picture, or an overview and the sheets that it is split into.

    `links` gives the address that a node leads to; without it there are none. `alone`: each is a document of its own.
    """
    laid_out: dict[Flowchart, str] = {}

    def picture(chart: Flowchart) -> str:
        if chart not in laid_out:
            laid_out[chart] = lay_out(chart)
        return laid_out[chart]

    def fits(chart: Flowchart) -> bool:
        return readable(picture(chart), chart)

    made = []
    for chart in split_flowchart(plan_flowchart(program, local), fits):
        svg = finish_svg(picture(chart), chart, links, alone)
        steps = tuple(node.id for node in chart.nodes if node.is_step)
        made.append(Picture(chart.sheet, chart.caption, svg, *size_of(svg), steps))
    return tuple(made)


def readable(svg: str, chart: Flowchart) -> bool:
    """Whether a picture just laid out can be read on one printed page."""
    return _scale(svg, chart) >= _LEAST_SCALE


def lay_out(chart: Flowchart) -> str:
    """The first way of laying it out that can be read on one page; else the one that can best."""
    made: list[str] = []
    tried: set[str] = set()
    for shape in _SHAPES:
        dot = draw(chart, shape)
        if dot in tried:
            continue
        tried.add(dot)
        made.append(layout(dot))
        if readable(made[-1], chart):
            return made[-1]
    return max(made, key=lambda svg: _scale(svg, chart))


def _scale(svg: str, chart: Flowchart) -> float:
    """How large a picture just laid out will be on one printed page."""
    width, height = size_of(svg)
    below = _legend(width)[-1].below if chart.sheet in ("", "overview") else 0
    return Picture("", "", "", width, height + below, ()).scale


def size_of(svg: str) -> tuple[float, float]:
    """Width and height of a picture in px."""
    box = svg.partition('viewBox="')[2].partition('"')[0].split()
    return float(box[2]), float(box[3])


def finish_svg(svg: str, chart: Flowchart, links: Callable[[Node], str] | None = None, alone: bool = True) -> str:
    """The laid-out picture in its order, with names, signs, title and description; `alone`: with its style."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(svg)
    for size in ("width", "height"):
        root.set(size, root.get(size, "").removesuffix("pt"))
    named = f"flowchart{f'-{chart.sheet}' if chart.sheet else ''}"
    root.set("class", "kb-flowchart")
    root.set("role", "group")  # `img` would hide the links in it
    root.set("aria-labelledby", f"{named}-title")
    root.set("aria-describedby", f"{named}-description")
    graph = next(group for group in root.iter(f"{{{_SVG}}}g") if group.get("class") == "graph")
    groups = {group.get("id", ""): group for group in graph if group.tag == f"{{{_SVG}}}g"}
    for group in groups.values():
        for child in [child for child in group if child.tag == f"{{{_SVG}}}title"]:
            group.remove(child)  # the engine titles everything by its name
        for text in group.iter(f"{{{_SVG}}}text"):
            for name in ("font-family", "font-size", "{http://www.w3.org/XML/1998/namespace}space"):
                text.attrib.pop(name, None)
    _finish_ground(graph, chart)
    bars, arcs = drawn(chart)
    lines = _group("ways", [_finish_bar(groups[f"bar-{place}"], bar) for place, bar in enumerate(bars)])
    lines[:0] = [_finish_arc(groups[arc.id], arc) for arc in arcs]
    lines.set("aria-hidden", "true")  # what they say is in the names of the steps
    steps = []
    if "start" in groups:
        steps.append(groups["start"])
        del steps[0].attrib["id"]
        steps[0].set("class", "start")
        steps[0].set("aria-hidden", "true")
    for node in chart.nodes:
        steps.append(_finish_node(groups[node_id(node)], node, links(node) if links is not None else ""))
        if node.clock:
            steps.append(_finish_clock(groups[f"clock-{node.id}"], node))
    for group in groups.values():
        graph.remove(group)
    graph.attrib.pop("id", None)
    graph.extend([lines, _group("steps", steps)])
    if chart.sheet in ("", "overview"):
        _draw_legend(root)
    title = ElementTree.Element(f"{{{_SVG}}}title", id=f"{named}-title")
    title.text = f"Flowchart: {chart.title}{f'. {chart.caption}' if chart.caption else ''}"
    description = ElementTree.Element(f"{{{_SVG}}}desc", id=f"{named}-description")
    description.text = " ".join(
        [chart.question, chart.banner, *(f"{node.about}." for node in chart.nodes if node.about)]
    )
    first = [title, description]
    if alone:
        style = ElementTree.Element(f"{{{_SVG}}}style")
        style.text = _style()
        first.append(style)
    root[:0] = first
    return ElementTree.tostring(root, encoding="unicode") + "\n"


@cache
def _style() -> str:
    return STYLE.read_text("utf-8")


def _group(name: str, held: list[ElementTree.Element]) -> ElementTree.Element:
    group = ElementTree.Element(f"{{{_SVG}}}g", {"class": name})
    group[:] = held
    return group


def _finish_ground(graph: ElementTree.Element, chart: Flowchart) -> None:
    told = captions(chart)
    lines = [child for child in graph if child.tag == f"{{{_SVG}}}text"]
    for line, (kind, _) in zip(lines, told, strict=True):
        line.set("class", kind)
        for name in ("font-family", "font-size"):
            line.attrib.pop(name, None)
    for child in graph:
        if child.tag == f"{{{_SVG}}}polygon":
            child.set("class", "ground")


def _finish_arc(group: ElementTree.Element, arc: Arc) -> ElementTree.Element:
    del group.attrib["id"]
    kind = "clock" if arc.way is None else arc.way.kind
    group.set("class", f"way {kind}")
    if arc.way is None or arc.way.kind in ("start", "join"):
        group.set("data-to", " ".join(arc.to))
    elif arc.way.kind != "entry" and not arc.way.tail.startswith("sheet "):  # there several ways are one line
        group.set("data-from", arc.way.tail)
        group.set("data-way", str(arc.way.place))
        group.set("data-to", " ".join(arc.to))
    for line in group.iter(f"{{{_SVG}}}polygon"):
        line.set("class", "arrow")
    return group


def _finish_bar(group: ElementTree.Element, bar: Bar) -> ElementTree.Element:
    del group.attrib["id"]
    group.set("class", bar.kind)
    return group


def _finish_node(group: ElementTree.Element, node: Node, link: str) -> ElementTree.Element:
    texts = [child for child in group if child.tag == f"{{{_SVG}}}text"]
    for text, line in zip(texts, node.lines, strict=True):
        text.text = line.text
        text.set("class", line.role)
        text.set("font-size", "12")
        if line.role == "slips":
            _draw_slips(group, text, line)
    if not node.is_step:
        del group.attrib["id"]
    if node.shape == "entry":
        return group
    group.set("data-steps", " ".join(node.steps))
    about = ElementTree.Element(f"{{{_SVG}}}title")
    about.text = f"{node.number}. {node.about}" if node.is_step else node.about
    group.insert(0, about)
    if link:
        leads = ElementTree.Element(f"{{{_SVG}}}a", {"href": link, "aria-label": node.name})
        leads[:] = group[:]
        group[:] = [leads]
    else:
        group.set("role", "img")
        group.set("aria-label", node.name)
    return group


def _finish_clock(group: ElementTree.Element, node: Node) -> ElementTree.Element:
    del group.attrib["id"]
    group.set("class", "look-again")
    group.set("data-steps", " ".join(node.steps))
    group.set("aria-hidden", "true")  # the name of the step says it
    _draw_clock(group, [child for child in group if child.tag == f"{{{_SVG}}}text"], node.clock)
    return group


def _draw_slips(group: ElementTree.Element, text: ElementTree.Element, line: Line) -> None:
    """Statement numbers as plain text, interpretations on slips of paper with a folded corner."""
    tags = line.text.split()
    widths = [_width(tag.removeprefix(SLIP), 10) + (9 if tag.startswith(SLIP) else 0) for tag in tags]
    x = float(text.get("x", "0")) - (sum(widths) + 5 * (len(tags) - 1)) / 2
    y = float(text.get("y", "0"))
    at = list(group).index(text)
    group.remove(text)
    for tag, width in zip(tags, widths, strict=True):
        if tag.startswith(SLIP):
            top, bottom, right = y - 9.5, y + 2.5, x + width
            fold = f"M{x:.1f},{top:.1f}H{right - 4:.1f}L{right:.1f},{top + 4:.1f}V{bottom:.1f}H{x:.1f}Z"
            fold += f"M{right - 4:.1f},{top:.1f}V{top + 4:.1f}H{right:.1f}"
            paper = {"class": "slip-paper", "d": fold, "fill": "#fff3b0", "stroke": "#8a6d00"}
            group.insert(at, ElementTree.Element(f"{{{_SVG}}}path", paper))
            at += 1
        place = {"class": "slip" if tag.startswith(SLIP) else "cite", "text-anchor": "middle"}
        place |= {"x": f"{x + width / 2 - (1.5 if tag.startswith(SLIP) else 0):.1f}", "y": f"{y:.1f}"}
        mark = ElementTree.Element(f"{{{_SVG}}}text", place)
        mark.text = tag.removeprefix(SLIP)
        group.insert(at, mark)
        at += 1
        x += width + 5


def _draw_clock(group: ElementTree.Element, texts: list[ElementTree.Element], lines: Sequence[Line]) -> None:
    left = float(texts[0].get("x", "0")) - (max(_width(line.text, 11) for line in lines) + 16) / 2
    y = float(texts[0].get("y", "0")) - 4
    face = f"M{left:.1f},{y:.1f}a5.5,5.5 0 1 0 11,0a5.5,5.5 0 1 0 -11,0M{left + 5.5:.1f},{y - 3.6:.1f}v3.6h2.8"
    clock = ElementTree.Element(f"{{{_SVG}}}path", {"class": "clock", "d": face, "fill": "none", "stroke": "#1b1b1b"})
    group.insert(list(group).index(texts[0]), clock)
    for text, line in zip(texts, lines, strict=True):
        text.text = line.text
        text.set("class", "review")
        text.set("font-size", "11")
        text.set("text-anchor", "start")
        text.set("x", f"{left + 16:.1f}")


_LEGEND = (
    # The class of what it stands for, the drawn sign, 40 wide and 20 high from the origin, its fill, what it means.
    ("question", "M0,10L10,0H30L40,10L30,20H10Z", "#fff6da", "question"),
    ("action", "M0,0H40V20H0Z", "#ffffff", "action"),
    ("action stat", "M1,1H39V19H1Z", "#ffffff", "action, now"),
    ("hand-over", "M0,2H32L40,10L32,18H0Z", "#ece6f7", "hand-over"),
    (
        "outcome",
        "M5,0H35Q40,0 40,5V15Q40,20 35,20H5Q0,20 0,15V5Q0,0 5,0Z"
        "M6,3H34Q37,3 37,6V14Q37,17 34,17H6Q3,17 3,14V6Q3,3 6,3Z",
        "#e6f3ea",
        "outcome",
    ),
    ("fork", "M0,8H40V12H0Z", "#000000", "start together"),
    ("join", "M0,8H40V12H0Z", "#ffffff", "meet, none waits"),
    ("clock", "M12,10a8,8 0 1 0 16,0a8,8 0 1 0 -16,0M20,5v5h4", "#ffffff", "look again"),
    ("slip-paper", "M6,3H30L34,7V17H6ZM30,3V7H34", "#fff3b0", "editor's reading"),
)


class _Sign(NamedTuple):
    """Where an entry of the legend stands, and how much room all entries up to it take."""

    x: float
    y: float
    below: float


def _legend(width: float) -> list[_Sign]:
    """The places of the entries of the legend in rows below a chart of that width."""
    places = []
    x, y = 10.0, 8.0
    for *_, meaning in _LEGEND:
        room = 48 + _width(meaning, 12) + 14
        if x > 10 and x + room > width:
            x, y = 10.0, y + 26
        places.append(_Sign(x, y, y + 30))
        x += room
    return places


def _draw_legend(root: ElementTree.Element) -> None:
    """What the shapes mean, below the chart."""
    left, top, width, height = (float(number) for number in root.get("viewBox", "0 0 0 0").split())
    legend = ElementTree.SubElement(root, f"{{{_SVG}}}g", {"class": "legend"})
    places = _legend(width)
    for sign, (kind, path, fill, meaning) in zip(places, _LEGEND, strict=True):
        place = f"translate({left + sign.x:.1f},{top + height + sign.y:.1f})"
        item = ElementTree.SubElement(legend, f"{{{_SVG}}}g", {"transform": place})
        ElementTree.SubElement(item, f"{{{_SVG}}}path", {"class": kind, "d": path, "fill": fill, "stroke": "#333333"})
        text = ElementTree.SubElement(item, f"{{{_SVG}}}text", {"x": "48", "y": "14", "font-size": "12"})
        text.text = meaning
    below = places[-1].below
    height += below
    root.set("viewBox", f"{left:.2f} {top:.2f} {width:.2f} {height:.2f}")
    root.set("height", f"{height:.0f}")
    for ground in root.iter(f"{{{_SVG}}}polygon"):
        if ground.get("class") == "ground":
            ground.set("points", _lowered(ground.get("points", ""), below))


def _lowered(points: str, by: float) -> str:
    """A rectangle with its lower side further down."""
    found = [tuple(float(number) for number in point.split(",")) for point in points.split()]
    lowest = max(y for _, y in found)
    return " ".join(f"{x:.2f},{y + by if y == lowest else y:.2f}" for x, y in found)


def _width(text: str, size: float) -> float:
    """Roughly how wide `text` is in a sans-serif face of that size."""
    narrow = sum(character in "iljtfr.,:;|'()[] " for character in text)
    wide = sum(character in "mwMW%@" for character in text)
    return size * (0.58 * len(text) - 0.25 * narrow + 0.27 * wide)
