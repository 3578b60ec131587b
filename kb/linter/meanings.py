"""In the library and beside it, one code has one meaning and one drug one entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Span
from kb.linter.context import LintContext


def check(context: LintContext) -> Iterator[Diagnostic]:
    """The data of a protocol, against one another and the library's."""
    own = context.protocol.elements
    library = [element for id, element in context.library.elements.items() if id not in own]
    yield from _codes([*library, *own.values()], {element.span for element in own.values()})


def in_library(library: model.Library) -> Iterator[Diagnostic]:
    yield from _codes(list(library.elements.values()), {element.span for element in library.elements.values()})
    yield from _codes(list(library.drugs.values()), {drug.span for drug in library.drugs.values()})
    yield from _synonyms(library.drugs.values())


def _codes(records: list[model.ElementDef] | list[model.DrugDef], own: set[Span]) -> Iterator[Diagnostic]:
    first: dict[tuple[str, str], model.ElementDef | model.DrugDef] = {}
    for record in records:
        for system, code in record.codes:
            before = first.setdefault((system, code), record)
            if before is not record and record.span in own:
                yield found(
                    "KB522",
                    record.span,
                    f"`{record.id}` and `{before.id}` have one code: {system} {code}",
                    "look the code up and correct one of them, or join the two entries",
                    "what another system sends under this code could be read as either",
                    (Related(before.span, f"`{before.id}` stands here"),),
                )


def _synonyms(drugs: Iterable[model.DrugDef]) -> Iterator[Diagnostic]:
    """Entries that go by one name; that a synonym is taken is told where the library is read."""
    first: dict[str, model.DrugDef] = {}
    for drug in drugs:
        for name in {drug.label, drug.id, drug.id.replace("-", " "), *drug.synonyms}:
            before = first.setdefault(_plain(name), drug)
            if before is not drug:
                yield found(
                    "KB523",
                    drug.span,
                    f"`{drug.id}` and `{before.id}` are one drug by their names: both are called `{name}`",
                    "join the two entries, with the other names under `synonyms:`",
                    "a dose charted under one name would not be counted under the other, and be given twice",
                    (Related(before.span, f"`{before.id}` stands here"),),
                )
                break


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("-", " ").split())
