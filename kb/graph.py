"""Questions about the ways through a protocol: what leads where, what nothing leads to, what leads to itself.

The one module that uses `networkx`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

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


def ways_on(protocol: model.Protocol, *, as_written: bool = False) -> dict[str, tuple[str, ...]]:
    """For each step, the steps that it leads to.

    A target that does not exist counts as the step it was probably meant for, so that one slip of the pen
    is one finding; without a near miss, or `as_written`, it is left out.
    """
    return {
        step.id: tuple(
            meant
            for ref in leads_to(step)
            if not as_written or ref.id in protocol.steps
            for meant in _meant(ref.id, protocol)
        )
        for step in protocol.steps.values()
    }


def _meant(id: str, protocol: model.Protocol) -> list[str]:
    return [id] if id in protocol.steps else get_close_matches(id, protocol.steps, n=1)


def reachable_steps(protocol: model.Protocol) -> frozenset[str]:
    """Ids of the steps that some way from the start leads to."""
    starts = [meant for ref in protocol.start for meant in _meant(ref.id, protocol)]
    return frozenset(reading_order(starts, ways_on(protocol)))


def descendants(protocol: model.Protocol, step: str) -> list[str]:
    """Ids of the steps that some way from `step` leads to, in the order of the file."""
    ways = ways_on(protocol)
    found = set(reading_order(ways[step], ways)) - {step}
    return [id for id in protocol.steps if id in found]


def cycles(protocol: model.Protocol) -> list[list[str]]:
    """One shortest cycle for each group of steps that lead to one another, each beginning at its first id."""
    ways = ways_on(protocol, as_written=True)
    try:
        TopologicalSorter(ways).prepare()
    except CycleError:
        return list(_shortest_cycles(ways))
    return []


def _shortest_cycles(ways: dict[str, tuple[str, ...]]) -> Iterator[list[str]]:
    import networkx as nx  # takes longer to import than the check of a protocol that has no cycle

    graph: nx.DiGraph[str] = nx.DiGraph([(step, target) for step, targets in ways.items() for target in targets])
    for component in sorted(nx.strongly_connected_components(graph), key=min):
        first = min(component)
        if len(component) == 1 and not graph.has_edge(first, first):
            continue
        inner = graph.subgraph(component)
        ways_back = (
            [first, *nx.shortest_path(inner, successor, first)] for successor in sorted(inner.successors(first))
        )
        yield min(ways_back, key=len)


def reading_order(starts: Iterable[str], targets: dict[str, tuple[str, ...]]) -> list[str]:
    """Ids in an order in which each stands after all that lead to it and, within that, in the order they are named.

    It depends on the ways alone, never on where a step stands in the file. Where `targets` have a cycle, the ids are
    the same and their order says nothing.
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
