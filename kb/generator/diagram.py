"""The flowchart of a Program as DOT: one node per step, the shape carries the meaning.

Question: hexagon. Action: box, with a thick border where it is for now. Hand-over: right arrow.
Outcome: rounded box with a double border. Steps that start together hang from a black bar. The
review clock and the interpretations stand inside the step they belong to: as glyphs here, as drawn
clock and slip of paper once `kb.generator.render` has made a picture of it.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

import graphviz

from kb import program as ir
from kb.generator.wording import Speaker, banner, clean, identity, question_mark
from kb.local import NO_LOCAL, Local

CLOCK = "◷"
SLIP = "⚑"
FONT = "Helvetica,Arial,sans-serif"
_SHAPES = {
    "question": {"shape": "hexagon", "fillcolor": "#fff6da", "color": "#7a5b00", "margin": "0.06,0.04"},
    "action": {"shape": "box", "fillcolor": "#ffffff", "color": "#333333", "margin": "0.24,0.09"},
    "choice": {"shape": "box", "fillcolor": "#ffffff", "color": "#333333", "margin": "0.24,0.09"},
    "hand-over": {"shape": "cds", "fillcolor": "#ece6f7", "color": "#4b2e83", "margin": "0.3,0.12"},
    "outcome": {
        "shape": "box",
        "style": "rounded,filled",
        "peripheries": "2",
        "fillcolor": "#e6f3ea",
        "color": "#1c5e37",
        "margin": "0.28,0.1",
    },
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line inside a node. `role`: priority, title, dose, detail, basis, review, slips."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Node:
    """What stands for one step. `stat`: it is for now. `about` is the step told in one sentence."""

    id: str
    shape: str
    lines: tuple[Line, ...]
    stat: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """From one node to one or several others, which then start together."""

    tail: str
    heads: tuple[str, ...]
    label: tuple[str, ...] = ()
    kind: str = "case"


@dataclass(frozen=True, slots=True)
class Flowchart:
    """Nodes and ways of a protocol, before any drawing."""

    title: str
    question: str
    banner: str
    identity: str
    nodes: tuple[Node, ...]
    ways: tuple[Way, ...]
    starts: tuple[str, ...] = field(default=())


def plan_flowchart(program: ir.Program, local: Local = NO_LOCAL) -> Flowchart:
    """The nodes and ways of `program`; the steps a `titrate` expands to are drawn as one action again.

    `local`: what the hospital has settled is told beside each default.
    """
    return _Planner(program, local).plan()


def dot_source(program: ir.Program, local: Local = NO_LOCAL) -> str:
    """The flowchart of `program` in the DOT language."""
    return draw(plan_flowchart(program, local))


class _Planner:
    def __init__(self, program: ir.Program, local: Local) -> None:
        self.program = program
        self.say = Speaker(program, local)
        self.titrated: dict[str, dict[str, ir.Step]] = {}
        for step in program.steps:
            if step.part_of:
                self.titrated.setdefault(step.part_of, {})[step.id] = step

    def plan(self) -> Flowchart:
        program = self.program
        nodes: list[Node] = []
        ways: list[Way] = []
        for step in program.steps:
            if step.id in self.titrated:
                nodes.append(self._titrate_node(step))
                ways += self._titrate_ways(step)
            elif not step.part_of:
                nodes.append(self._node(step))
                ways += self._ways(step)
        return Flowchart(
            title=clean(program.title),
            question=clean(program.question),
            banner=banner(program),
            identity=f"{program.id} · {identity(program)}",
            nodes=tuple(nodes),
            ways=tuple(ways),
            starts=self._ids(program.starts),
        )

    # -------------------------------------------------------- nodes

    def _node(self, step: ir.Step) -> Node:
        match step.kind:
            case "decide":
                lines = [*_wrapped("title", question_mark(self.say.prose(step.title)), 24), *self._slips(step)]
                return Node(
                    step.id, "question", tuple(lines), about=f"Question: {question_mark(self.say.prose(step.title))}"
                )
            case "hand_over":
                title = self.say.prose(step.title) or f"Go to {step.hand_over}"
                lines = [*_wrapped("title", title, 26)]
                if step.hand_over not in title:
                    lines.append(Line("detail", step.hand_over))
                lines += self._slips(step)
                about = f"Hand over to protocol {step.hand_over}: {clean(title)}"
                return Node(step.id, "hand-over", tuple(lines), stat=step.priority == "stat", about=about)
            case "end":
                lines = [*_wrapped("title", self.say.prose(step.title), 28), *self._slips(step)]
                return Node(step.id, "outcome", tuple(lines), about=f"Outcome: {self.say.prose(step.title)}")
            case _:
                return self._action(step)

    def _action(self, step: ir.Step) -> Node:
        action = step.action
        lines: list[Line] = []
        if step.priority == "stat":
            lines.append(Line("priority", "NOW"))
        lines += _wrapped("title", self.say.prose(step.title), 30)
        if action is not None:
            role = "dose" if action.dose is not None or action.drug else "detail"
            for number, text in enumerate(self.say.action_lines(action)):
                if clean(text).lower() != clean(step.title).lower():
                    wanted = role if number == 0 or action.verb == "choose" else "detail"
                    lines += _wrapped("dose" if wanted == "dose" else "detail", text, 32 if wanted == "dose" else 36)
        if step.decide_by:
            lines += _wrapped("detail", f"decided by: {step.decide_by}", 36)
        lines += self._avoid(step)
        lines += self._basis(step)
        lines += self._review(step)
        lines += self._slips(step)
        shape = "choice" if action is not None and action.verb == "choose" else "action"
        return Node(
            step.id, shape, tuple(lines), stat=step.priority == "stat", about=f"Action: {self.say.prose(step.title)}"
        )

    def _avoid(self, step: ir.Step) -> list[Line]:
        lines = []
        titles = {other.id: self.say.prose(other.title) for other in self.program.steps}
        for avoid in step.avoid:
            instead = f"; instead: {titles[avoid.instead]}" if avoid.instead in titles else ""
            lines += _wrapped("detail", f"not if {self.say.condition(avoid.text)}{instead}", 36)
        return lines

    def _basis(self, step: ir.Step) -> list[Line]:
        words = [step.priority if step.priority not in {"", "stat", "routine"} else "", step.strength]
        return _wrapped("basis", " · ".join(word for word in words if word), 36)

    def _review(self, step: ir.Step) -> list[Line]:
        lines: list[Line] = []
        if step.repeat is not None:
            lines += _wrapped("review", f"{CLOCK} {self.say.repeat(step.repeat)}", 34)
        if step.review is not None:
            lines += _wrapped("review", f"{CLOCK} {self.say.review(step.review)}", 34)
        return lines

    def _slips(self, step: ir.Step) -> list[Line]:
        """Source statements of the step, and interpretations of it and of its cases, without repeats."""
        interprets = dict.fromkeys(step.interprets)
        for case in step.cases:
            interprets |= dict.fromkeys(case.interprets)
        tags = [*dict.fromkeys(step.cites), *(f"{SLIP}{id}" for id in interprets)]
        return [Line("slips", "  ".join(tags[at : at + 6])) for at in range(0, len(tags), 6)]

    def _titrate_node(self, step: ir.Step) -> Node:
        parts = self.titrated[step.id]
        lead = parts.get(f"{step.id}.start", step)
        lines: list[Line] = []
        if lead.priority == "stat":
            lines.append(Line("priority", "NOW"))
        lines += _wrapped("title", self.say.prose(step.title), 30)
        lines += _wrapped("dose", self.say.titration(lead.action), 32)
        for case in step.cases:
            if any(self.program.steps[index].id == f"{step.id}.hold" for index in case.targets):
                lines += _wrapped("detail", f"hold if {self.say.condition(case.text)}", 36)
        lines += self._avoid(lead)
        lines += self._basis(lead)
        lines += self._review(lead)
        lines += self._slips(lead)
        return Node(
            step.id, "action", tuple(lines), stat=lead.priority == "stat", about=f"Action: {self.say.prose(step.title)}"
        )

    # -------------------------------------------------------- ways

    def _ways(self, step: ir.Step) -> list[Way]:
        if step.kind == "decide":
            ways = []
            for case in step.cases:
                label = textwrap.wrap(self.say.case(step, case), 22)
                ways.append(Way(step.id, self._ids(case.targets), tuple(label)))
            if step.if_unknown is not None:
                ways.append(Way(step.id, self._ids((step.if_unknown,)), ("assumed while", "not known"), "assumed"))
            return [way for way in ways if way.heads]
        ways = []
        if step.with_:
            ways.append(Way(step.id, self._ids(step.with_), (), "with"))
        if step.then:
            ways.append(Way(step.id, self._ids(step.then), (self.say.when_done(step),), "then"))
        return ways

    def _titrate_ways(self, step: ir.Step) -> list[Way]:
        ways = []
        for part in self.titrated[step.id].values():
            heads = tuple(id for id in self._ids((*part.with_, *part.then)) if id != step.id)
            if heads:
                label = {"hold": "on hold", "ceiling": "at the ceiling"}.get(part.id.rsplit(".", 1)[-1], "")
                ways.append(Way(step.id, heads, (label,) if label else (), "then"))
        return ways

    def _ids(self, indexes: tuple[int, ...]) -> tuple[str, ...]:
        """Ids of the nodes that stand for these steps."""
        ids = []
        for index in indexes:
            step = self.program.steps[index]
            ids.append(step.part_of or step.id)
        return tuple(dict.fromkeys(ids))


def _wrapped(role: str, text: str, width: int) -> list[Line]:
    return [Line(role, part) for part in textwrap.wrap(clean(text), width, break_on_hyphens=False)]


# ---------------------------------------------------------------- DOT


def _literal(lines: list[str], end: str = "n") -> graphviz.quoting.NoHtml:
    """A label that shows `lines` as they are: no escape sequence, entity or markup in them is obeyed."""
    safe = [line.replace("&", "&amp;").replace("\\", "\\\\") for line in lines]
    return graphviz.nohtml("".join(f"{line}\\{end}" for line in safe) if len(safe) > 1 else "".join(safe))


def draw(chart: Flowchart) -> str:
    """A flowchart in the DOT language."""
    graph = graphviz.Digraph("protocol")
    graph.attr(
        "graph",
        rankdir="TB",
        nodesep="0.22",
        ranksep="0.34",
        fontname=FONT,
        fontsize="13",
        labelloc="t",
        pad="0.15",
        bgcolor="white",
        label=_literal([chart.title, *textwrap.wrap(chart.banner, 120), chart.identity]),
    )
    graph.attr("node", fontname=FONT, fontsize="12", style="filled", penwidth="1.1", height="0.3")
    graph.attr("edge", fontname=FONT, fontsize="11", arrowsize="0.7", color="#444444", penwidth="1.1")
    graph.node("the start", "", shape="circle", width="0.13", fixedsize="true", fillcolor="#222222", id="start")
    _draw_way(graph, Way("the start", chart.starts), 0)
    for node in chart.nodes:
        style = dict(_SHAPES[node.shape])
        if node.stat:
            style |= {"penwidth": "3", "color": "#8c1010"}
        style["class"] = f"step {node.shape}{' stat' if node.stat else ''}"
        graph.node(node.id, _literal([line.text for line in node.lines]), id=f"step-{node.id}", **style)
    for number, way in enumerate(chart.ways, start=1):
        _draw_way(graph, way, number)
    return str(graph.source)


def _draw_way(graph: graphviz.Digraph, way: Way, number: int) -> None:
    style = "dashed" if way.kind == "assumed" else "solid"
    label = _literal([f" {line} " for line in way.label]) if way.label else ""
    if len(way.heads) == 1:
        graph.edge(way.tail, way.heads[0], label=label, style=style)
        return
    bar = f"bar {number}"
    # A record has one port for each stream, so they hang from the bar side by side in their editor's order.
    ports = "|".join(f"<p{place}>" for place in range(len(way.heads)))
    graph.node(
        bar,
        graphviz.nohtml(ports),
        shape="record",
        width=f"{0.9 * len(way.heads):.1f}",
        height="0.07",
        fixedsize="true",
        fillcolor="black",
        fontsize="1",
        id=f"bar-{number}",
    )
    graph.edge(way.tail, bar, label=label, style=style, arrowhead="none")
    for place, head in enumerate(way.heads):
        graph.edge(f"{bar}:p{place}:s", head, style=style)
