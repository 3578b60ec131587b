"""`statements.yaml`: what the sources of a protocol say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kb import model
from kb.diagnostics import Diagnostic
from kb.loader.reader import Reader, done
from kb.source import Entry, Mapping, Node, Reading, read_source


def load_evidence(path: str | Path, read: Reading = read_source) -> tuple[model.Evidence | None, list[Diagnostic]]:
    """`statements.yaml`: what the sources of a protocol say."""
    reader = Reader(read(Path(path)), "statements")
    return done(reader, _evidence(reader, Path(path)) if reader.root is not None else None)


def _evidence(reader: Reader, path: Path) -> model.Evidence:
    root = reader.root
    assert root is not None
    reader.of_this_folder(path.absolute().parent, root)
    source = reader.mapping(root.get("source"))
    return model.Evidence(
        source=_source(reader, source) if source is not None else model.SourceDef(),
        statements=read_statements(reader, root.get("statements")),
        references=reader.each(root.get("references"), read_reference),
        file=reader.file,
        elsewhere=reader.each(root.get("elsewhere"), _elsewhere),
        allowances=reader.allowances(),
    )


def _source(reader: Reader, body: Mapping) -> model.SourceDef:
    claims = (reader.text(item) for item in reader.items(body.get("claims")))
    return model.SourceDef(
        title=reader.word(body.get("title")).strip(),
        publisher=reader.word(body.get("publisher")).strip(),
        updated=reader.word(body.get("updated")),
        banner=reader.word(body.get("banner")).strip(),
        claims=tuple(text.value for text in claims if text is not None),
        disclaimer=reader.word(body.get("disclaimer")).strip(),
        url=reader.word(body.get("url")),
    )


def read_statements(reader: Reader, node: Node | None) -> dict[str, model.StatementDef]:
    made: dict[str, model.StatementDef] = {}
    for name, entry in reader.entries(node):
        body = reader.mapping(entry.value)
        if body is not None:
            _statement(reader, name, entry, body, made)
    return made


def _statement(reader: Reader, name: str, entry: Entry, body: Mapping, made: dict[str, model.StatementDef]) -> None:
    """The statement, followed by its lettered atoms."""
    whole = model.StatementDef(
        id=name,
        says=reader.needed(body.get("says"), body),
        kind=reader.word(body.get("kind")),
        cites=reader.refs(body.get("cites")),
        span=entry.key.span,
        support=reader.word(body.get("support")),
        wording=reader.word(body.get("wording")),
        grade=_grade(reader, body.get("grade")),
        from_version=reader.word(body.get("from_version")),
    )
    made[name] = whole
    for letter, atom in reader.entries(body.get("atoms")):
        says = reader.text(atom.value)
        if says is not None:
            made[name + letter] = replace(whole, id=name + letter, says=says, span=atom.key.span, parent=name)


def _grade(reader: Reader, node: Node | None) -> model.GradeDef | None:
    body = reader.mapping(node)
    if body is None:
        return None
    keys = ("by", "strength", "certainty", "class", "level")
    return model.GradeDef(*(reader.word(body.get(key)) for key in keys))


def _elsewhere(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.ElsewhereDef:
    get = body.get
    return model.ElsewhereDef(
        id=name,
        span=entry.key.span,
        of=None if get("of") is None else reader.some_ref(get("of"), body),
        what=reader.word(get("what")),
        value=None if get("value") is None else reader.needed(get("value"), body),
        cites=reader.refs(get("cites")),
        route=reader.word(get("route")),
        topic=reader.word(get("topic")).strip(),
        says=reader.word(get("says")).strip(),
        superseded=reader.word(get("superseded")) == "true",
        stored=reader.word(get("stored"), "true") == "true",
        verdict=reader.word(get("verdict")),
        because=reader.word(get("because")).strip(),
        about=reader.refs(get("about")),
        from_version=reader.word(get("from_version")),
    )


def read_reference(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.ReferenceDef:
    get = body.get
    if "checked" in body.entries:
        reader.date(get("checked"))
    return model.ReferenceDef(
        key=name,
        title=reader.word(get("title")).strip(),
        kind=reader.word(get("kind")),
        span=entry.key.span,
        publisher=reader.word(get("publisher")).strip(),
        year=reader.word(get("year")),
        tier=reader.word(get("tier")),
        identifier=reader.word(get("identifier")),
        checked=reader.word(get("checked")),
        review_due=reader.date(get("review_due")),
        superseded_by=next(iter(reader.refs(get("superseded_by"))), None),
        from_version=reader.word(get("from_version")),
    )
