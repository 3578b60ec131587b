"""Questions about the ways through a protocol: what leads where, what nothing leads to, what leads to itself.

The one module that uses `networkx`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

import networkx as nx

from kb import model


def targets_of(step: model.Step) -> Iterator[model.Ref]:
    """The steps that `step` names, in the order in which it names them."""
    match step:
        case model.Decide():
            for case in step.cases:
                yield from case.go
            if step.if_unknown is not None:
                yield step.if_unknown
        case model.Do():
            yield from step.with_
            yield from step.then
            if isinstance(step.verb, model.Titrate):
                yield from step.verb.on_hold
                yield from step.verb.at_ceiling
            for reason in step.avoid_if:
                if reason.instead is not None:
                    yield reason.instead
        case model.HandOver() | model.End():
            return


def leads_to(step: model.Step) -> Iterator[model.Ref]:
    """The steps a reader goes on to from `step`; an `instead:` is shown, not gone to."""
    shown = {
        id(reason.instead)
        for reason in (step.avoid_if if isinstance(step, model.Do) else ())
        if reason.instead is not None
    }
    return (ref for ref in targets_of(step) if id(ref) not in shown)


def step_graph(protocol: model.Protocol, *, as_written: bool = False) -> nx.DiGraph[str]:
    """Steps as nodes, an edge for each way on.

    A target that does not exist counts as the step it was probably meant for, so that one slip of the pen
    is one finding; without a near miss, or `as_written`, it is left out.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(protocol.steps)
    for step in protocol.steps.values():
        for ref in leads_to(step):
            if not as_written or ref.id in protocol.steps:
                graph.add_edges_from((step.id, meant) for meant in _meant(ref.id, protocol))
    return graph


def _meant(id: str, protocol: model.Protocol) -> list[str]:
    return [id] if id in protocol.steps else get_close_matches(id, protocol.steps, n=1)


def reachable_steps(protocol: model.Protocol) -> frozenset[str]:
    """Ids of the steps that some way from the start leads to."""
    graph = step_graph(protocol)
    starts = [meant for ref in protocol.start for meant in _meant(ref.id, protocol)]
    return frozenset(starts).union(*(nx.descendants(graph, start) for start in starts))


def descendants(protocol: model.Protocol, step: str) -> list[str]:
    """Ids of the steps that some way from `step` leads to, in the order of the file."""
    found = nx.descendants(step_graph(protocol), step)
    return [id for id in protocol.steps if id in found]


def cycles(protocol: model.Protocol) -> list[list[str]]:
    """One shortest cycle for each group of steps that lead to one another, each beginning at its first id."""
    found: list[list[str]] = []
    graph = step_graph(protocol, as_written=True)
    for component in sorted(nx.strongly_connected_components(graph), key=min):
        first = min(component)
        if len(component) == 1 and not graph.has_edge(first, first):
            continue
        inner = graph.subgraph(component)
        ways = ([first, *nx.shortest_path(inner, successor, first)] for successor in sorted(inner.successors(first)))
        found.append(min(ways, key=len))
    return found


def reading_order(starts: Iterable[str], targets: dict[str, tuple[str, ...]]) -> list[str]:
    """Ids in an order in which each stands after all that lead to it and, within that, in the order they are named.

    It depends on the ways alone, never on where a step stands in the file. `targets` has no cycle.
    """
    order: list[str] = []
    seen: set[str] = set()
    for start in reversed(list(starts)):
        stack: list[tuple[str, Iterator[str]]] = []
        if start not in seen:
            seen.add(start)
            stack.append((start, iter(reversed(targets[start]))))
        while stack:
            current, rest = stack[-1]
            for following in rest:
                if following not in seen:
                    seen.add(following)
                    stack.append((following, iter(reversed(targets[following]))))
                    break
            else:
                order.append(current)
                stack.pop()
    order.reverse()
    return order
