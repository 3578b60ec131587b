"""A protocol as its editor wrote it, made into the record of `kb.model`, with the `statements.yaml` beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kb import model
from kb.diagnostics import Diagnostic, Related, Span, has_errors
from kb.loader.data import read_element
from kb.loader.definitions import read_define, read_interpretation
from kb.loader.evidence import load_evidence
from kb.loader.reader import Reader, done
from kb.loader.rules import read_alert, read_cap, read_goal, read_never, read_property
from kb.loader.steps import read_step
from kb.shared import with_shared
from kb.source import Entry, Mapping, Reading, read_source, read_text
from kb.validator import nearest


def load_protocol(
    path: str | Path, library: model.Library | None = None, read: Reading = read_source
) -> tuple[model.Protocol | None, list[Diagnostic]]:
    """The protocol at `path`, with the `statements.yaml` beside it.

    With a `library`, names the protocol gives to its own parameters and definitions are compared with it.
    """
    path = Path(path)
    reader = Reader(read(path), "protocol")
    evidence: model.Evidence | None = None
    evidence_problems: list[Diagnostic] = []
    beside = path.parent / "statements.yaml"
    if beside.is_file():
        evidence, evidence_problems = load_evidence(beside, read)
    protocol = _protocol(reader, path, library, evidence) if reader.root is not None else None
    if protocol is not None and library is not None:
        protocol = with_shared(protocol, library)
    return done(reader, protocol, evidence_problems)


def load_protocol_text(
    text: str, file: str, library: model.Library | None = None, evidence: model.Evidence | None = None
) -> tuple[model.Protocol | None, list[Diagnostic]]:
    """The same for text that is not (yet) in a file; nothing is compared with folder or file name."""
    reader = Reader(read_text(text, file), "protocol")
    protocol = _protocol(reader, None, library, evidence) if reader.root is not None else None
    if protocol is not None and library is not None:
        protocol = with_shared(protocol, library)
    return done(reader, protocol)


def _protocol(
    reader: Reader, path: Path | None, library: model.Library | None, evidence: model.Evidence | None
) -> model.Protocol | None:
    root = reader.root
    assert root is not None
    if path is not None:
        _belongs_here(reader, path, root)
    get = root.get
    protocol = model.Protocol(
        id=reader.word(get("id")),
        version=reader.word(get("version")),
        title=reader.needed(get("title"), root),
        question=reader.needed(get("question"), root),
        purpose=reader.word(get("purpose")),
        updated=reader.date(get("updated")),
        span=next(iter(root.entries.values())).key.span if root.entries else root.span,
        start=reader.refs(get("start")),
        population=reader.text(get("population")),
        withdrawn=reader.text(get("withdrawn")),
        applies=reader.condition(get("applies")),
        enter=reader.condition(get("enter")),
        weight=reader.label(get("weight")),
        not_encoded=reader.prose_by_name(get("not_encoded")),
        renamed={name: reader.some_ref(entry.value, root) for name, entry in reader.entries(get("renamed"))},
        parameters=reader.each(get("parameters"), _parameter),
        elements=reader.each(get("data"), read_element),
        defines=reader.each(get("define"), read_define),
        steps=reader.each(get("steps"), read_step),
        never=reader.each(get("never"), read_never),
        caps=reader.each(get("caps"), read_cap),
        goals=reader.each(get("goals"), read_goal),
        alerts=reader.each(get("alerts"), read_alert),
        interpretations=reader.each(get("interpretations"), read_interpretation),
        prove=reader.each(get("prove"), read_property),
        not_proved=reader.prose_by_name(get("not_proved")),
        evidence=None if evidence is None else _of_version(evidence, reader.word(get("version"))),
        allowances=reader.allowances(),
        texts=(),
    )
    reader.names_no_words(get("parameters"), get("data"), get("define"))
    _names_once(reader, protocol, library)
    if has_errors(reader.diagnostics):
        return None
    return replace(protocol, texts=tuple(reader.texts))


def _belongs_here(reader: Reader, path: Path, root: Mapping) -> None:
    """In a folder under `protocols/`, the id is the folder's name and the version the file's."""
    whole = path.absolute()
    if len(whole.parts) < 3 or whole.parent.parent.name != "protocols":
        return
    identifier, version = reader.scalar(root.get("id")), reader.scalar(root.get("version"))
    if identifier is not None and identifier.text != whole.parent.name:
        reader.report(
            "KB211",
            identifier.span,
            f"the id is `{identifier.text}`, but the folder is `{whole.parent.name}`",
            "give both the same name",
        )
    if version is not None and version.text != whole.stem:
        reader.report(
            "KB212",
            version.span,
            f"the version is `{version.text}`, but the file is `{whole.name}`",
            f"name the file `{version.text}.yaml`, or correct the version",
        )


def _names_once(reader: Reader, protocol: model.Protocol, library: model.Library | None) -> None:
    """Parameters, data and definitions share one name space."""
    seen: dict[str, Span] = {}
    own: list[tuple[str, model.ParameterDef | model.ElementDef | model.Define]] = [
        *protocol.parameters.items(),
        *protocol.elements.items(),
        *protocol.defines.items(),
    ]
    for name, record in own:
        if name in seen:
            related = (Related(seen[name], f"`{name}` stands here first"),)
            reader.report(
                "KB219",
                record.span,
                f"the name `{name}` is taken already",
                "give one of the two another name",
                related,
            )
        elif (
            library is not None
            and not isinstance(record, model.ElementDef)
            and (name in library.elements or name in library.drugs)
        ):
            what = "data" if name in library.elements else "a drug"
            reader.report(
                "KB219", record.span, f"`{name}` is the name of {what} in the library", "give it a name of its own"
            )
        elif library is not None and name in library.shared.defines:
            reader.report(
                "KB219",
                record.span,
                f"`{name}` is the name of a definition in the library",
                "use that one and remove this, or give this a name of its own",
                (Related(library.shared.defines[name].span, "the library defines it here"),),
            )
        seen.setdefault(name, record.span)


def _parameter(reader: Reader, name: str, entry: Entry, body: Mapping) -> model.ParameterDef:
    options = reader.names(body.get("options"))
    default: model.Amount | model.Ref | None
    if "options" in body.entries:
        default = reader.ref(body.get("default"))
        if default is not None and options and default.id not in options:
            near = nearest(default.id, options)
            help = (
                f"did you mean `{near}`?" if near else "the options are " + ", ".join(f"`{word}`" for word in options)
            )
            reader.report("KB206", default.span, f"`default` is `{default.id}`, which is not one of the options", help)
        for key in ("unit", "range"):
            if key in body.entries:
                reader.report(
                    "KB223",
                    body.entries[key].key.span,
                    f"a parameter with options has no `{key}`",
                    f"remove `{key}`",
                )
    else:
        default = reader.amount(body.get("default"))
        if "unit" not in body.entries and body not in reader.checked.faulty:
            help = 'write its unit, `unit: "1"` for a plain number, or the words to choose from under `options:`'
            reader.report("KB223", entry.key.span, f"the parameter `{name}` has neither `unit` nor `options`", help)
    return model.ParameterDef(
        id=name,
        title=reader.needed(body.get("title"), body),
        span=entry.key.span,
        type="choice" if "options" in body.entries else "number",
        unit=reader.word(body.get("unit")),
        options=options,
        range=reader.amount(body.get("range")),
        default=default,
        backing=reader.backing(body),
    )


def _of_version(evidence: model.Evidence, version: str) -> model.Evidence:
    """What belongs to one version of the protocol; what came later would change a version that is released."""

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(".") if part.isdigit()]

    ours = numbers(version)
    return replace(
        evidence,
        statements={id: item for id, item in evidence.statements.items() if numbers(item.from_version) <= ours},
        references={id: item for id, item in evidence.references.items() if numbers(item.from_version) <= ours},
        elsewhere={id: item for id, item in evidence.elsewhere.items() if numbers(item.from_version) <= ours},
    )
