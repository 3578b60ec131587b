"""A flowchart that is too large to be read on one sheet, as several and an overview of them.

A sheet is a stream: a step and what only it leads to, so that there is mostly one way onto each sheet. Each step
stands on one sheet. Where a way leads to another sheet it ends in a pointer to it, and begins there with where it came
from; nothing is left out. Sheets have letters, because numbers are those of the steps.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from kb.generator.diagram import Flowchart, Line, Node, Way
from kb.generator.wording import listed

_FEW = 4  # steps of a sheet that is put on one that leads to it, where both are then readable
_MOST = 30  # steps on a sheet; more have never been readable on one page, so that is not tried


def split_flowchart(chart: Flowchart, fits: Callable[[Flowchart], bool]) -> tuple[Flowchart, ...]:
    """`chart` alone where it `fits` on one sheet; else an overview of its sheets, then each of them."""
    whole = [node.id for node in chart.nodes]
    if len(whole) <= _MOST and fits(chart):
        return (chart,)
    parts = _joined(chart, _parts(chart, whole, fits), fits)
    return (_overview(chart, parts), *_sheets(chart, parts)) if len(parts) > 1 else (chart,)


def _parts(chart: Flowchart, whole: list[str], fits: Callable[[Flowchart], bool]) -> list[list[str]]:
    """The steps of each sheet, divided until each can be read or cannot be divided."""
    streams = _streams(chart)
    parts, settled = [whole], set[tuple[str, ...]]()
    while True:
        sheets = _sheets(chart, parts)
        for place, part in enumerate(parts):
            if tuple(part) in settled:
                continue
            if len(parts) > 1 and len(part) <= _MOST and fits(sheets[place]):
                settled.add(tuple(part))
                continue
            smaller = _divided(part, streams, max(2, len(part) * 2 // 3))
            if len(smaller) > 1:
                parts = _ordered([*parts[:place], *smaller, *parts[place + 1 :]], whole)
                break
            settled.add(tuple(part))
        else:
            return parts


def _joined(chart: Flowchart, parts: list[list[str]], fits: Callable[[Flowchart], bool]) -> list[list[str]]:
    """Sheets of a few steps put on one that leads to them, as long as that can still be read."""
    whole = [node.id for node in chart.nodes]
    tried: set[tuple[str, ...]] = set()
    while True:
        on = {id: place for place, part in enumerate(parts) for id in part}
        leading = [dict.fromkeys(on[way.tail] for way in chart.ways if set(way.heads) & set(part)) for part in parts]
        for place, part in enumerate(parts):
            if len(part) > _FEW:
                continue
            beside = [other for other in leading[place] if other != place]
            if not beside:  # it begins the protocol
                beside = [other for other, from_ in enumerate(leading) if place in from_ and other != place]
            for other in beside:
                (both,) = _ordered([parts[other] + part], whole)
                if tuple(both) in tried or len(both) > _MOST:
                    continue
                tried.add(tuple(both))
                merged = _ordered([each for at, each in enumerate(parts) if at not in (place, other)] + [both], whole)
                if fits(_sheets(chart, merged)[merged.index(both)]):
                    parts = merged
                    break
            else:
                continue
            break
        else:
            return parts


def _ordered(parts: Iterable[list[str]], whole: list[str]) -> list[list[str]]:
    place = {id: number for number, id in enumerate(whole)}
    return sorted((sorted(part, key=place.__getitem__) for part in parts), key=lambda part: place[part[0]])


def letter(place: int) -> str:
    """The name of a sheet: A to Z, then AA."""
    return (letter(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)


def _streams(chart: Flowchart) -> dict[str, str]:
    """For each step the last one that every way to it passes; empty where there is none."""
    above = {"": ""}
    depth = {"": 0}
    into: dict[str, list[str]] = {head: [""] for head in chart.starts}
    for way in chart.ways:
        for head in way.heads:
            into.setdefault(head, []).append(way.tail)
    for node in chart.nodes:  # after all that lead to it
        meet, *others = into.get(node.id, [""])
        for other in others:
            while meet != other:
                if depth[meet] < depth[other]:
                    meet, other = other, meet
                meet = above[meet]
        above[node.id], depth[node.id] = meet, depth[meet] + 1
    return above


def _divided(part: Sequence[str], above: dict[str, str], limit: int) -> list[list[str]]:
    """The steps of a sheet as several of at most `limit`: the largest streams leave, small ones share a sheet."""
    kept = {id: [id] for id in part}
    leads: dict[str, list[str]] = {id: [] for id in part}
    for id in part:
        if above[id] in leads:
            leads[above[id]].append(id)
    away: list[list[str]] = []
    for id in reversed(part):
        streams = leads[id]
        size = 1 + sum(len(kept[each]) for each in streams)
        leaving = set()
        for stream in sorted(streams, key=lambda each: -len(kept[each])):
            if size > limit:
                leaving.add(stream)
                size -= len(kept[stream])
        for group in _packed([kept[each] for each in streams if each in leaving], limit):
            if len(group) == 1:
                kept[id] += group  # a pointer to one step takes as much room as the step
            else:
                away.append(group)
        kept[id] += [step for each in streams if each not in leaving for step in kept[each]]
    away += _packed([kept[id] for id in part if above[id] not in leads], limit)
    place = {id: number for number, id in enumerate(part)}
    return [sorted(group, key=place.__getitem__) for group in away]


def _packed(streams: Iterable[list[str]], limit: int) -> list[list[str]]:
    packed: list[list[str]] = []
    for stream in streams:
        if packed and len(packed[-1]) + len(stream) <= limit:
            packed[-1] = packed[-1] + stream
        else:
            packed.append(list(stream))
    return packed


# ---------------------------------------------------------------- sheets as flowcharts


def _title(node: Node) -> str:
    """Number and title of a step."""
    return " ".join(line.text for line in node.lines if line.role == "title")


def _heads(chart: Flowchart, part: Sequence[str]) -> list[str]:
    """The steps of a sheet that are come to from elsewhere."""
    here = set(part)
    from_elsewhere = {head for way in chart.ways if way.tail not in here for head in way.heads}
    return [id for id in part if id in from_elsewhere or id in chart.starts]


def _sheets(chart: Flowchart, parts: Sequence[Sequence[str]]) -> list[Flowchart]:
    nodes = {node.id: node for node in chart.nodes}
    on = {id: place for place, part in enumerate(parts) for id in part}
    made = []
    for place, part in enumerate(parts):
        shown: list[Node] = []
        ways: list[Way] = []
        known: set[str] = set()
        for id in part:
            came = [(way, nodes[way.tail]) for way in chart.ways if id in way.heads and on[way.tail] != place]
            if came:
                entry = _entry(id, [(letter(on[tail.id]), tail, " ".join(way.label)) for way, tail in came])
                shown.append(entry)
                ways.append(Way(entry.id, (id,), kind="entry", to=((id,),)))
            shown.append(nodes[id])
            for way in chart.ways:
                if way.tail != id:
                    continue
                groups: dict[int, list[str]] = {}
                heads: list[str] = []
                to: dict[str, tuple[str, ...]] = {}
                for head in way.heads:
                    groups.setdefault(on[head], []).append(head)
                for head in way.heads:
                    steps = (head,) if on[head] == place else tuple(groups[on[head]])
                    name = head if on[head] == place else f"onward {letter(on[head])} {' '.join(steps)}"
                    if name not in to:
                        heads.append(name)
                        to[name] = steps
                    if name != head and name not in known:
                        known.add(name)
                        shown.append(_pointer(name, letter(place), letter(on[head]), [nodes[step] for step in steps]))
                ways.append(replace(way, heads=tuple(heads), to=tuple(to[name] for name in heads)))
        made.append(
            replace(
                chart,
                nodes=tuple(shown),
                ways=tuple(ways),
                starts=tuple(id for id in chart.starts if on[id] == place),
                sheet=letter(place),
                caption=f"Sheet {letter(place)} of {len(parts)}: {_what(chart, part)}",
            )
        )
    return made


def _what(chart: Flowchart, part: Sequence[str]) -> str:
    """The steps that a sheet begins with, in words."""
    nodes = {node.id: node for node in chart.nodes}
    heads = [nodes[id] for id in part if id in set(_heads(chart, part))] or [nodes[part[0]]]
    if len(heads) == 1:
        return _title(heads[0])
    return f"from steps {listed(str(node.number) for node in heads)}"


def _entry(id: str, came: Sequence[tuple[str, Node, str]]) -> Node:
    told = dict.fromkeys(
        f"from {tail.number}, sheet {sheet}{f': {label}' if label else ''}" for sheet, tail, label in came
    )
    lines = list(told)[:4] if len(told) <= 4 else [*list(told)[:3], f"and {len(told) - 3} more ways"]
    wrapped = tuple(Line("detail", part) for line in lines for part in textwrap.wrap(line, 34))
    return Node(f"entry {id}", "entry", wrapped)


def _pointer(name: str, here: str, sheet: str, steps: Sequence[Node]) -> Node:
    lines = [Line("title", f"Sheet {sheet}")]
    if len(steps) == 1:
        lines += [Line("detail", part) for part in textwrap.wrap(_title(steps[0]), 20)]
    else:
        lines += [Line("detail", part) for part in textwrap.wrap(listed(str(node.number) for node in steps), 20)]
    said = "; ".join(_title(node) for node in steps)
    return Node(
        name,
        "onward",
        tuple(lines),
        about=f"Goes on there: {said}",
        name=f"From sheet {here} to sheet {sheet}: {said}",
        steps=tuple(node.id for node in steps),
        goes_to=sheet,
    )


def _overview(chart: Flowchart, parts: Sequence[Sequence[str]]) -> Flowchart:
    nodes = {node.id: node for node in chart.nodes}
    on = {id: place for place, part in enumerate(parts) for id in part}
    boxes = []
    for place, part in enumerate(parts):
        heads = [nodes[id] for id in _heads(chart, part)] or [nodes[part[0]]]
        told = [_title(node) for node in heads[:4]] + ([f"and {len(heads) - 4} more"] if len(heads) > 4 else [])
        count = f"{len(part)} steps" if len(part) > 1 else "1 step"
        urgent = [str(nodes[id].number) for id in part if nodes[id].stat]
        lines = [Line("title", f"Sheet {letter(place)}")]
        lines += [Line("detail", text) for each in told for text in textwrap.wrap(each, 30)]
        lines += [Line("basis", count)]
        lines += [Line("now", text) for text in textwrap.wrap(f"NOW: {', '.join(urgent)}" if urgent else "", 30)]
        name = f"Sheet {letter(place)}: {'; '.join(_title(node) for node in heads)}; {count}"
        boxes.append(
            Node(
                f"sheet {place}", "sheet", tuple(lines), about=name, name=name, steps=tuple(part), goes_to=letter(place)
            )
        )
    between: dict[tuple[str, tuple[str, ...]], list[Way]] = {}
    for way in chart.ways:
        others = tuple(dict.fromkeys(f"sheet {on[head]}" for head in way.heads if on[head] != on[way.tail]))
        if others:
            between.setdefault((f"sheet {on[way.tail]}", others), []).append(way)
    ways = []
    for (tail, sheets), held in between.items():
        label = held[0].label if len(held) == 1 else (f"{len(held)} ways",)
        to = tuple(
            tuple(dict.fromkeys(id for way in held for id in way.heads if f"sheet {on[id]}" == sheet))
            for sheet in sheets
        )
        kind = "assumed" if all(way.kind == "assumed" for way in held) else "case"
        ways.append(Way(tail, sheets, label, kind, to=to))
    return replace(
        chart,
        nodes=tuple(boxes),
        ways=tuple(ways),
        starts=tuple(dict.fromkeys(f"sheet {on[id]}" for id in chart.starts)),
        sheet="overview",
        caption=f"Overview of {len(parts)} sheets",
    )
