"""Definitions that protocols share: what a protocol uses of the library becomes its own, with its sources.

A protocol that uses a shared definition carries it: compiler, digests and every renderer see one more definition of
the protocol, and need not know where it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic
from kb.expression import tree


def with_shared(protocol: model.Protocol, library: model.Library) -> model.Protocol:
    """`protocol` with the shared definitions that it uses, directly or through one another."""
    shared = library.shared
    own = protocol.parameters.keys() | protocol.elements.keys() | protocol.defines.keys()
    used: set[str] = set()
    todo: list[object] = [replace(protocol, prove={})]  # a property changes nothing of what runs
    while todo:
        names = {name.id for name in model.every(todo.pop(), tree.Name)}
        fresh = (names & shared.defines.keys()) - own - used
        used |= fresh
        todo += [shared.defines[id] for id in fresh]
    if not used:
        return protocol
    defines = {id: define for id, define in shared.defines.items() if id in used}
    read = _ids(_interpreted(defines))
    readings = {id: item for id, item in shared.interpretations.items() if id in read}
    cited = _ids(_cited(defines))
    cited |= _ids(ref for item in readings.values() for ref in item.about)
    parents = {item.parent for item in shared.statements.values() if item.id in cited}
    statements = {
        id: item
        for id, item in shared.statements.items()
        if id in cited or item.parent in cited or (item.parent and item.parent in parents) or id in parents
    }
    cited_references = _ids(ref for item in statements.values() for ref in item.cites)
    references = {id: item for id, item in shared.references.items() if id in cited_references}
    evidence = protocol.evidence or model.Evidence(model.SourceDef(), {}, {}, protocol.span.file)
    return replace(
        protocol,
        defines={**protocol.defines, **defines},
        interpretations={**protocol.interpretations, **readings},
        evidence=replace(
            evidence,
            statements={**evidence.statements, **statements},
            references={**evidence.references, **references},
        ),
    )


def _cited(root: object) -> Iterator[model.Ref]:
    yield from (ref for backing in model.every(root, model.Backing) for ref in backing.cites)
    yield from (ref for condition in model.every(root, model.Condition) for ref in condition.cites)


def _interpreted(root: object) -> Iterator[model.Ref]:
    yield from (ref for backing in model.every(root, model.Backing) for ref in backing.interprets)
    yield from (ref for condition in model.every(root, model.Condition) for ref in condition.interprets)


def _ids(refs: Iterable[model.Ref]) -> set[str]:
    return {ref.id for ref in refs}


def check_shared(library: model.Library) -> Iterator[Diagnostic]:
    """What is wrong with the shared definitions beside their formulas: names, statements, references, readings."""
    shared = library.shared
    for id, define in shared.defines.items():
        if id in library.elements or id in library.drugs:
            what = "data" if id in library.elements else "a drug"
            message = f"`{id}` is the name of {what} in the library"
            yield found("KB219", define.span, message, "give it a name of its own")
    known = shared.statements.keys()
    about = [ref for item in shared.interpretations.values() for ref in item.about]
    for ref in (*_cited(shared.defines), *about):
        if ref.id not in known:
            help = "write it under `statements:` of this file, or cite one that is there"
            yield found("KB502", ref.span, f"there is no statement `{ref.id}`", help)
    for ref in _interpreted(shared.defines):
        if ref.id not in shared.interpretations:
            help = "write it under `interpretations:` of this file, or name one that is there"
            yield found("KB503", ref.span, f"there is no interpretation `{ref.id}`", help)
    for ref in (ref for item in shared.statements.values() for ref in item.cites):
        if ref.id not in shared.references:
            help = "write it under `references:` of this file, or cite one that is there"
            yield found("KB506", ref.span, f"there is no reference `{ref.id}`", help)
