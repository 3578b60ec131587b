"""The flowchart of a Program as DOT: one node per step, the shape carries the meaning.

Question: hexagon. Action: box, with a thick border where it is for now. Hand-over: right arrow.
Outcome: rounded box with a double border. Steps that start together hang from a black bar; where such
streams meet again they meet at an open bar. A review is a dashed edge to a clock. Statements and
interpretations stand inside the step they belong to.

What is drawn is `arcs` and `bars` of a `Flowchart`; `kb.generator.render` gives them their look.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import graphviz

from kb import program as ir
from kb.generator.wording import Speaker, banner, clean, identity, listed, question_mark
from kb.local import NO_LOCAL, Local

CLOCK = "◷"
SLIP = "⚑"
FONT = "Helvetica,Arial,sans-serif"
START = "the start"
# The colours are those of the light `flowchart.css`, for viewers that do not read it.
_SHAPES = {
    "question": {"shape": "hexagon", "fillcolor": "#fff6da", "color": "#7a5b00", "margin": "0.06,0.04"},
    "action": {"shape": "box", "fillcolor": "#ffffff", "color": "#333333", "margin": "0.14,0.07"},
    "choice": {"shape": "box", "fillcolor": "#ffffff", "color": "#333333", "margin": "0.14,0.07"},
    "hand-over": {"shape": "cds", "fillcolor": "#ece6f7", "color": "#4b2e83", "margin": "0.3,0.12"},
    "outcome": {
        "shape": "box",
        "style": "rounded,filled",
        "peripheries": "2",
        "fillcolor": "#e6f3ea",
        "color": "#1c5e37",
        "margin": "0.16,0.07",
    },
    "sheet": {"shape": "box", "fillcolor": "#eef2f6", "color": "#333333", "margin": "0.2,0.1"},
    "onward": {"shape": "invhouse", "fillcolor": "#eef2f6", "color": "#333333", "margin": "0.02,0.0"},
    "entry": {"shape": "plaintext", "style": "", "margin": "0.05,0.02"},
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line inside a node. `role`: priority, title, dose, detail, basis, review, slips."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Node:
    """What stands for one step; or, where its shape is `sheet`, `onward` or `entry`, for steps of another sheet.

    `number` is that of the step in the read-aloud list. `stat`: it is for now. `clock`: when to look again, and at
    what. `about` is the step told in one sentence, `name` the same with dose, clock and ways on, which no two nodes
    share. `steps`: those that the node stands for. `goes_to`: the sheet, or the protocol that takes over.
    """

    id: str
    shape: str
    lines: tuple[Line, ...]
    number: int = 0
    stat: bool = False
    clock: tuple[Line, ...] = ()
    about: str = ""
    name: str = ""
    steps: tuple[str, ...] = ()
    goes_to: str = ""

    @property
    def is_step(self) -> bool:
        return self.shape not in ("sheet", "onward", "entry")


@dataclass(frozen=True, slots=True)
class Way:
    """From one node to one or several others, which then start together.

    `place` counts the ways on from the step, from 0, in its editor's order; `to` are the steps behind each head,
    which are others where a head stands for another sheet.
    """

    tail: str
    heads: tuple[str, ...]
    label: tuple[str, ...] = ()
    kind: str = "case"
    place: int = 0
    to: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Flowchart:
    """Nodes and ways of a protocol, or of one sheet of it, before any drawing.

    `sheet` is empty for the whole chart, `overview`, or a number from 1; `caption` says in words which it is.
    """

    title: str
    question: str
    banner: str
    identity: str
    nodes: tuple[Node, ...]
    ways: tuple[Way, ...]
    starts: tuple[str, ...] = ()
    sheet: str = ""
    caption: str = ""


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
        counted: dict[str, int] = {}
        for place, way in enumerate(ways):
            ways[place] = replace(way, place=counted.get(way.tail, 0), to=tuple((head,) for head in way.heads))
            counted[way.tail] = counted.get(way.tail, 0) + 1
        return Flowchart(
            title=clean(program.title),
            question=clean(program.question),
            banner=banner(program),
            identity=f"{program.id} · {identity(program)}",
            nodes=tuple(_numbered(nodes, ways)),
            ways=tuple(ways),
            starts=self._ids(program.starts),
        )

    # -------------------------------------------------------- nodes

    def _node(self, step: ir.Step) -> Node:
        match step.kind:
            case "decide":
                lines = [*_wrapped("title", question_mark(self.say.prose(step.title)), 23), *self._slips(step)]
                return Node(
                    step.id, "question", tuple(lines), about=f"Question: {question_mark(self.say.prose(step.title))}"
                )
            case "hand_over":
                title = self.say.prose(step.title) or f"Go to {step.hand_over}"
                lines = [*_wrapped("title", title, 22)]
                if step.hand_over not in title:
                    lines.append(Line("detail", step.hand_over))
                lines += self._slips(step)
                about = f"Hand over to protocol {step.hand_over}: {clean(title)}"
                to = step.hand_over.partition("@")[0]
                return Node(step.id, "hand-over", tuple(lines), stat=step.priority == "stat", about=about, goes_to=to)
            case "end":
                lines = [*_wrapped("title", self.say.prose(step.title), 24), *self._slips(step)]
                return Node(step.id, "outcome", tuple(lines), about=f"Outcome: {self.say.prose(step.title)}")
            case _:
                return self._action(step)

    def _action(self, step: ir.Step) -> Node:
        action = step.action
        lines: list[Line] = []
        if step.priority == "stat":
            lines.append(Line("priority", "NOW"))
        lines += _wrapped("title", self.say.prose(step.title), 26)
        if action is not None:
            role = "dose" if action.dose is not None or action.drug else "detail"
            for number, text in enumerate(self.say.action_lines(action)):
                if clean(text).lower() != clean(step.title).lower():
                    wanted = role if number == 0 or action.verb == "choose" else "detail"
                    lines += _wrapped("dose" if wanted == "dose" else "detail", text, 27 if wanted == "dose" else 31)
        if step.decide_by:
            lines += _wrapped("detail", f"decided by: {step.decide_by}", 31)
        lines += self._avoid(step)
        lines += self._basis(step)
        lines += self._slips(step)
        shape = "choice" if action is not None and action.verb == "choose" else "action"
        return Node(
            step.id,
            shape,
            tuple(lines),
            stat=step.priority == "stat",
            clock=self._clock(step),
            about=f"Action: {self.say.prose(step.title)}",
        )

    def _avoid(self, step: ir.Step) -> list[Line]:
        lines = []
        titles = {other.id: self.say.prose(other.title) for other in self.program.steps}
        for avoid in step.avoid:
            instead = f"; instead: {titles[avoid.instead]}" if avoid.instead in titles else ""
            lines += _wrapped("detail", f"not if {self.say.condition(avoid.text)}{instead}", 31)
        return lines

    def _basis(self, step: ir.Step) -> list[Line]:
        words = [step.priority if step.priority not in {"", "stat", "routine"} else "", step.strength]
        return _wrapped("basis", " · ".join(word for word in words if word), 31)

    def _clock(self, step: ir.Step) -> tuple[Line, ...]:
        said = [self.say.repeat(step.repeat)] if step.repeat is not None else []
        said += [self.say.review(step.review)] if step.review is not None else []
        return tuple(line for text in said for line in _wrapped("review", text, 30))

    def _slips(self, step: ir.Step) -> list[Line]:
        """Source statements of the step, and interpretations of it and of its cases, without repeats."""
        interprets = dict.fromkeys(step.interprets)
        for case in step.cases:
            interprets |= dict.fromkeys(case.interprets)
        tags = [*dict.fromkeys(step.cites), *(f"{SLIP}{id}" for id in interprets)]
        return [Line("slips", "  ".join(tags[at : at + 5])) for at in range(0, len(tags), 5)]

    def _titrate_node(self, step: ir.Step) -> Node:
        parts = self.titrated[step.id]
        lead = parts.get(f"{step.id}.start", step)
        lines: list[Line] = []
        if lead.priority == "stat":
            lines.append(Line("priority", "NOW"))
        lines += _wrapped("title", self.say.prose(step.title), 26)
        lines += _wrapped("dose", self.say.titration(lead.action), 27)
        for case in step.cases:
            if any(self.program.steps[index].id == f"{step.id}.hold" for index in case.targets):
                lines += _wrapped("detail", f"hold if {self.say.condition(case.text)}", 31)
        lines += self._avoid(lead)
        lines += self._basis(lead)
        lines += self._slips(lead)
        return Node(
            step.id,
            "action",
            tuple(lines),
            stat=lead.priority == "stat",
            clock=self._clock(lead),
            about=f"Action: {self.say.prose(step.title)}",
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


def _numbered(nodes: list[Node], ways: list[Way]) -> Iterator[Node]:
    """Each node with its number in the read-aloud list, on it and in the names of those that lead to it."""
    numbers = {node.id: number for number, node in enumerate(nodes, start=1)}
    for node in nodes:
        number = numbers[node.id]
        at = next((place for place, line in enumerate(node.lines) if line.role == "title"), None)
        lines = list(node.lines)
        if at is not None:
            lines[at] = Line("title", f"{number}. {lines[at].text}")
        said = [f"{number}. {node.about}{', now' if node.stat else ''}"]
        said.append(" ".join(line.text for line in node.lines if line.role == "dose"))
        said.append(f"look {text}" if (text := " ".join(line.text for line in node.clock)) else "")
        for way in ways:
            if way.tail == node.id:
                words = " ".join(way.label) or "at once"
                together = "start together " if len(way.heads) > 1 else "go to "
                said.append(f"{words}: {together}{listed(str(numbers[head]) for head in way.heads)}")
        yield replace(node, number=number, lines=tuple(lines), name="; ".join(filter(None, said)), steps=(node.id,))


# ---------------------------------------------------------------- what is drawn


class Bar(NamedTuple):
    """A bar: streams start at it together (`fork`, with so many ports), or meet at it again (`join`)."""

    id: str
    kind: str
    ports: int
    way: Way | None = None


class Arc(NamedTuple):
    """One drawn line. `way` is the way it is part of, None for the edge to a clock; `to` are the steps one comes to
    along it.
    """

    id: str
    tail: str
    head: str
    way: Way | None
    to: tuple[str, ...]
    label: tuple[str, ...] = ()
    arrow: bool = True


def drawn(chart: Flowchart) -> tuple[tuple[Bar, ...], tuple[Arc, ...]]:
    """The bars and lines of a flowchart, in the order in which they are drawn."""
    bars: list[Bar] = []
    arcs: list[Arc] = []
    joins = _joins(chart)
    starts = Way(START, chart.starts, kind="start", to=tuple((head,) for head in chart.starts))
    first = (starts,) if chart.starts else ()
    for node in chart.nodes:
        if node.id in joins:
            bars.append(Bar(f"join {node.id}", "join", joins[node.id]))
            arcs.append(
                Arc(f"arc-{len(arcs)}", f"join {node.id}", node.id, Way("", (node.id,), kind="join"), node.steps)
            )
    for number, way in enumerate((*first, *chart.ways)):
        ends = [f"join {head}" if head in joins else head for head in way.heads]
        arrows = [head not in joins for head in way.heads]
        reached = tuple(step for steps in way.to for step in steps)
        if len(ends) == 1:
            arcs.append(Arc(f"arc-{len(arcs)}", way.tail, ends[0], way, reached, way.label, arrows[0]))
            continue
        bar = Bar(f"bar {number}", "fork", len(ends), way)
        bars.append(bar)
        arcs.append(Arc(f"arc-{len(arcs)}", way.tail, bar.id, way, reached, way.label, arrow=False))
        for place, (end, arrow, steps) in enumerate(zip(ends, arrows, way.to, strict=True)):
            # A record has one port for each stream, so they hang from the bar side by side in their editor's order.
            arcs.append(Arc(f"arc-{len(arcs)}", f"{bar.id}:p{place}:s", end, way, steps, (), arrow))
    arcs += [
        Arc(f"arc-{len(arcs) + place}", node.id, f"clock {node.id}", None, node.steps)
        for place, node in enumerate(node for node in chart.nodes if node.clock)
    ]
    return tuple(bars), tuple(arcs)


def _joins(chart: Flowchart) -> dict[str, int]:
    """The nodes at which streams that started together meet again, and how many ways lead into each.

    They do where the last place that every way into a node passes is a bar; where it is a question, only one of the
    ways is gone.
    """
    if chart.sheet == "overview":
        return {}  # sheets lead to each other in both directions
    above: dict[str, str] = {}  # the last step or way that everything into a step passes
    depth = {"": 0}
    into: dict[str, list[str]] = {}
    forks: set[str] = set()
    leads: dict[str, list[tuple[int, Way]]] = {}
    for number, way in enumerate(chart.ways):
        leads.setdefault(way.tail, []).append((number, way))

    def common(one: str, other: str) -> str:
        while one != other:
            if depth[one] < depth[other]:
                one, other = other, one
            one = above[one]
        return one

    if len(chart.starts) > 1:
        forks.add("")
    for head in chart.starts:
        into.setdefault(head, []).append("")
    for node in chart.nodes:
        from_ = into.get(node.id, [""])
        meet = from_[0]
        for other in from_[1:]:
            meet = common(meet, other)
        above[node.id], depth[node.id] = meet, depth[meet] + 1
        for number, way in leads.get(node.id, ()):
            name = f"way {number}"
            above[name], depth[name] = node.id, depth[node.id] + 1
            if len(way.heads) > 1:
                forks.add(name)
            for head in way.heads:
                into.setdefault(head, []).append(name)
    return {
        node.id: len(set(into.get(node.id, ())))
        for node in chart.nodes
        if node.is_step and len(set(into.get(node.id, ()))) > 1 and above[node.id] in forks
    }


# ---------------------------------------------------------------- DOT


def _literal(lines: list[str], end: str = "n") -> graphviz.quoting.NoHtml:
    """A label that shows `lines` as they are: no escape sequence, entity or markup in them is obeyed."""
    safe = [line.replace("&", "&amp;").replace("\\", "\\\\") for line in lines]
    return graphviz.nohtml("".join(f"{line}\\{end}" for line in safe) if len(safe) > 1 else "".join(safe))


Shape = Literal["plain", "narrow", "sideways"]


def draw(chart: Flowchart, shape: Shape = "plain") -> str:
    """A flowchart in the DOT language.

    `narrow`: every other step that hangs alone from a bar hangs lower; `sideways`: from left to right, for a question
    with more ways on than a page is wide.
    """
    sideways = shape == "sideways"
    graph = graphviz.Digraph("protocol")
    graph.attr(
        "graph",
        rankdir="LR" if sideways else "TB",
        nodesep="0.16",
        ranksep="0.24",
        fontname=FONT,
        fontsize="13",
        labelloc="t",
        pad="0.15",
        bgcolor="white",
        label=_literal([text for _, text in captions(chart)]),
    )
    graph.attr("node", fontname=FONT, fontsize="12", style="filled", penwidth="1.1", height="0.3")
    graph.attr("edge", fontname=FONT, fontsize="11", arrowsize="0.7", color="#444444", penwidth="1.1")
    bars, arcs = drawn(chart)
    if any(arc.tail == START for arc in arcs):
        graph.node(START, "", shape="circle", width="0.13", fixedsize="true", fillcolor="#222222", id="start")
    for node in chart.nodes:
        style = dict(_SHAPES[node.shape])
        if node.stat:
            style |= {"penwidth": "3", "color": "#8c1010"}
        style["class"] = f"{'step ' if node.is_step else ''}{node.shape}{' stat' if node.stat else ''}"
        # The engine measures all text as regular; what is shown bold gets room for it.
        lines = [f"  {line.text}  " if line.role in ("title", "dose") else line.text for line in node.lines]
        graph.node(node.id, _literal(lines), id=node_id(node), **style)
        if node.clock:
            words = [f"{CLOCK} {line.text}" if place == 0 else line.text for place, line in enumerate(node.clock)]
            graph.node(
                f"clock {node.id}", _literal(words), shape="box", style="rounded", margin="0.1,0.03",
                color="#ffffff", fontsize="11", id=f"clock-{node.id}",
            )  # fmt: skip
    for place, bar in enumerate(bars):
        fork = bar.kind == "fork"
        length = f"{(0.5 if sideways or not fork else 0.9) * bar.ports:.1f}"
        graph.node(
            bar.id,
            graphviz.nohtml("|".join(f"<p{port}>" for port in range(bar.ports)) if fork else ""),
            shape="record" if fork else "box",
            **dict(zip(("height", "width") if sideways else ("width", "height"), (length, "0.07"), strict=True)),
            fixedsize="true",
            fillcolor="#000000" if fork else "#ffffff",
            color="#000000",
            fontsize="1",
            id=f"bar-{place}",
        )
    leading = {way.tail for way in chart.ways}
    lower: dict[str, int] = {}  # of each bar, how many of its streams are one step
    for arc in arcs:
        stroke = "dashed" if arc.way is None or arc.way.kind == "assumed" else "solid"
        label = _literal([f" {line} " for line in arc.label]) if arc.label else ""
        head = "normal" if arc.arrow else "none"
        from_bar = arc.tail.partition(":")[0]
        longer = {}
        of_bar = from_bar != arc.tail
        alone = of_bar and arc.head not in leading
        if shape == "narrow" and alone and arc.way is not None and len(arc.way.heads) > 3:
            lower[from_bar] = lower.get(from_bar, 0) + 1
            longer = {} if lower[from_bar] % 2 else {"minlen": "2"}
        tail = arc.tail.removesuffix(":s") + ":e" if sideways and of_bar else arc.tail
        graph.edge(tail, arc.head, label=label, style=stroke, arrowhead=head, id=arc.id, **longer)
    return str(graph.source)


def node_id(node: Node) -> str:
    """The id of what stands for a node in the picture."""
    return f"step-{node.id}" if node.is_step else node.id.replace(" ", "-")


def captions(chart: Flowchart) -> list[tuple[str, str]]:
    """What stands above the chart, each line with its class: title, sheet, review state, version and digests."""
    lines = [("head", chart.title)]
    lines += [("sheet-name", text) for text in textwrap.wrap(chart.caption, 90)]
    lines += [("draft", text) for text in textwrap.wrap(chart.banner, 90)]
    return [*lines, ("identity", chart.identity)]
