"""Markdown pages: a protocol, the format reference from the schemas, the diagnostics from their explanations.

All text of a knowledge base is quoted, so a hostile title stays a title: `quoted` turns every character
that Markdown or HTML could obey into an entity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kb import program as ir
from kb.generator.readaloud import Entry, ReadAloud, Said, WayOn, read_aloud
from kb.generator.wording import clean
from kb.local import NO_LOCAL, Local
from kb.plan import all_said_elsewhere

_OBEYED = re.compile(r"[&<>\"'\\`*_{}\[\]()#+!|~^$=:@-]")

FLOWCHART_MARK = '<div class="kb-flowchart-place" data-protocol="{id}"></div>'

SHAPES = (
    ("question", "hexagon", "a question; the words on each way out are its answer"),
    ("action", "box", "an action; drug and dose in blue; a thick red border and NOW where it cannot wait"),
    ("hand-over", "arrow", "another protocol takes over"),
    ("outcome", "double border", "an outcome: this way ends here"),
    ("bar", "black bar", "everything that hangs from it starts together; none waits for another"),
    ("clock", "clock", "when to look again, and at what; the walk then starts anew from the top"),
    ("slip", "slip of paper", "an editor's reading of the source, told below under its number"),
)


def quoted(text: str) -> str:
    """`text` as Markdown that shows exactly it, on one line."""
    return _OBEYED.sub(lambda found: f"&#{ord(found.group())};", clean(text))


def _coded(text: str) -> str:
    """`quoted`, with what stands between backticks shown as code."""
    return re.sub(r"&#96;(.+?)&#96;", r"<code>\1</code>", quoted(text))


def _anchor(kind: str, id: str) -> str:
    return f"{kind}-{re.sub(r'[^A-Za-z0-9.-]', '-', id)}"


def flowchart_id(program: ir.Program) -> str:
    """The name under which the page of a protocol keeps a place for its flowchart."""
    return _anchor("flowchart", program.id)


def _link(kind: str, id: str) -> str:
    return f"[{quoted(id)}](#{_anchor(kind, id)})"


# ---------------------------------------------------------------- a protocol


def protocol_page(program: ir.Program, local: Local = NO_LOCAL) -> str:
    """The page of one protocol version; `FLOWCHART_MARK` stands where the picture goes.

    `local`: what the hospital has settled is told beside each default.
    """
    told = read_aloud(program, local)
    parts = [
        f"# {quoted(told.title)}",
        f'<p class="kb-banner">{quoted(told.banner)}</p>',
        f"**{quoted(told.question)}**",
        *_scope(told),
        f'<p class="kb-identity">{quoted(program.id)} · {quoted(told.identity)}</p>',
        "## Flowchart",
        FLOWCHART_MARK.format(id=flowchart_id(program)),
        f"[The picture alone]({_file(program)}.svg) · [the steps as a list](#steps)",
        "How to read it:",
        "\n".join(f"- **{shape}**: {meaning}" for _, shape, meaning in SHAPES),
        "## Steps",
        *(_entry(entry, told) for entry in told.entries),
    ]
    for heading, kind, items in (
        ("Never", "never", told.never),
        ("Caps", "cap", told.caps),
        ("Goals", "goal", told.goals),
        ("Alerts", "alert", told.alerts),
        ("Set by each hospital", "setting", told.settings),
        ("Also set by this hospital", "local", told.local),
        ("Words used", "define", told.definitions),
    ):
        if items:
            parts += [f"## {heading}", "\n".join(_said(item, kind) for item in items)]
    if told.readings:
        parts += ["## Readings of the source", *(_said(item, "reading", "about ") for item in told.readings)]
    parts += _evidence(program)
    return "\n\n".join(parts) + "\n"


def _file(program: ir.Program) -> str:
    return _anchor("", program.id).lstrip("-")


def _scope(told: ReadAloud) -> list[str]:
    lines = []
    if told.population:
        lines.append(f"- For: {quoted(told.population)}")
    if told.applies:
        lines.append(f"- Applies if {quoted(told.applies)}")
    if told.enter:
        lines.append(f"- Open it if {quoted(told.enter)}")
    return ["\n".join(lines)] if lines else []


def _entry(entry: Entry, told: ReadAloud) -> str:
    urgency = {"stat": "NOW", "asap": "soon", "urgent": "urgent"}.get(entry.priority, "")
    badge = f' <span class="kb-priority kb-{quoted(entry.priority)}">{urgency}</span>' if urgency else ""
    lines = [
        f'<a id="{_anchor("entry", entry.step)}"></a>',
        f"### {entry.number}. {quoted(entry.says)}{badge}",
        "",
        f'<p class="kb-kind">{entry.kind} · <code>{quoted(entry.step)}</code></p>',
        "",
    ]
    dosed = entry.kind == "action" and entry.lines
    lines += [
        f"- **{quoted(line)}**" if dosed and number == 0 else f"- {quoted(line)}"
        for number, line in enumerate(entry.lines)
    ]
    if entry.review:
        lines.append(f"- Clock: {quoted(entry.review)}")
    lines += [f"- {_way(way, told)}" for way in entry.ways]
    if entry.note:
        lines.append(f"- Note: {quoted(entry.note)}")
    grade = [f"{entry.strength} recommendation"] if entry.strength else []
    grade += [f"certainty {entry.certainty}"] if entry.certainty and entry.strength else []
    basis = _basis(entry.cites, entry.interprets)
    if grade or basis:
        lines.append(f"- {quoted(', '.join(grade))}{' · ' if grade and basis else ''}{basis}")
    lines += _elsewhere(entry.elsewhere)
    return "\n".join(lines)


def _elsewhere(lines: Iterable[str], indent: str = "") -> list[str]:
    """What other sources say, each linked to its row in the table of all."""
    return [
        f"{indent}- Elsewhere {_link('elsewhere', id)} {quoted(rest)}"
        for id, _, rest in (line.partition(" ") for line in lines)
    ]


def _way(way: WayOn, told: ReadAloud) -> str:
    steps = {entry.number: entry for entry in told.entries}
    to = ", ".join(
        f"[{number}](#{_anchor('entry', steps[number].step)}) {quoted(steps[number].says)}" for number in way.to
    )
    verb = "assume" if way.assumed else "start together" if len(way.to) > 1 else "go to"
    return f"{quoted(way.when) or 'at once'}: {verb} {to}"


def _basis(cites: Iterable[str], interprets: Iterable[str]) -> str:
    parts = [" ".join(_link("statement", id) for id in cites)]
    readings = " ".join(_link("reading", id) for id in interprets)
    parts.append(f"reading {readings}" if readings else "")
    return " · ".join(part for part in parts if part)


def _said(item: Said, kind: str, lead: str = "") -> str:
    basis = _basis(item.cites, item.interprets)
    behind = f" ({lead}{basis})" if basis else ""
    said = f'- <a id="{_anchor(kind, item.id)}"></a>**{quoted(item.id)}** {quoted(item.says)}{behind}'
    return "\n".join((said, *_elsewhere(item.elsewhere, "    ")))


def _evidence(program: ir.Program) -> list[str]:
    parts = []
    if program.statements:
        rows = ["| | what the source says, in our words | kind | from |", "|---|---|---|---|"]
        rows += [
            f'| <a id="{_anchor("statement", item.id)}"></a>{quoted(item.id)} | {quoted(item.says)} '
            f"| {quoted(item.kind)}{f', {quoted(item.grade)}' if item.grade else ''} "
            f"| {' '.join(_link('reference', key) for key in item.cites)} |"
            for item in program.statements
        ]
        parts += ["## Statements", "\n".join(rows)]
    if program.not_encoded:
        stated = {item.id for item in program.statements}
        stated |= {id[:-1] for id in stated}  # of lettered atoms
        rows = [
            f"- {_link('statement', id) if id in stated else quoted(id)}: {quoted(why)}"
            for id, why in program.not_encoded
        ]
        parts += ["## Not in the steps, and why", "\n".join(rows)]
    if program.elsewhere:
        rows = ["| | on | here | elsewhere | from | verdict |", "|---|---|---|---|---|---|"]
        for other, item in zip(all_said_elsewhere(program), program.elsewhere, strict=True):
            judged = ": ".join(filter(None, (other.verdict, other.because)))
            told = ", ".join(filter(None, (other.number, other.says)))
            marks = "" if other.stored else " (general knowledge: nobody has read it)"
            marks += " (superseded)" if other.superseded else ""
            rows.append(
                f'| <a id="{_anchor("elsewhere", other.id)}"></a>{quoted(other.id)} | {quoted(other.topic)} '
                f"| {' '.join(_link('statement', id) for id in other.about)} | {quoted(told)} "
                f"| {' '.join(_link('reference', key) for key in item.cites)}{quoted(marks)} | {quoted(judged)} |"
            )
        parts += ["## What other sources say", "Shown beside the steps it concerns. Nothing of it is carried out."]
        parts += ["\n".join(rows)]
    if program.references:
        rows = [f'- <a id="{_anchor("reference", item.key)}"></a>{_reference(item)}' for item in program.references]
        parts += ["## References", "\n".join(rows)]
    source = program.source
    said = [text for text in (source.banner, *source.claims, source.disclaimer) if text]
    if source.title:
        known = ", ".join(text for text in (source.title, source.publisher, source.updated) if text)
        parts += ["## The source", quoted(known), "\n".join(f"- It says of itself: {quoted(text)}" for text in said)]
    return [part for part in parts if part]


def _reference(item: ir.Reference) -> str:
    known = [item.title, item.publisher, item.year, item.kind, item.tier, item.identifier]
    told = ", ".join(text for text in known if text)
    notes = f" (checked {quoted(item.checked)})" if item.checked else ""
    notes += f" (superseded by {quoted(item.superseded_by)})" if item.superseded_by else ""
    return f"**{quoted(item.key)}** {quoted(told)}{notes}"


# ---------------------------------------------------------------- the format, from the schemas


def format_page(schemas: Mapping[str, Mapping[str, Any]], with_guide: bool = True) -> str:
    """The format reference: every file kind, every key, as the schemas describe them; `with_guide`: with links to
    the editor's guide and to the page on meaning.
    """
    elsewhere = (
        " What the words mean for a patient stands in [Meaning](meaning.md); how to begin, in the"
        " [editor's guide](editors-guide.md)."
    )
    parts = [
        "# The file format",
        "Every key of every file, from the schemas in `schema/`. An editor with a YAML language server shows the same"
        f" text while you type.{elsewhere if with_guide else ''}",
    ]
    for name, schema in schemas.items():
        title = str(schema.get("title", name))
        parts += [f"## {quoted(title[:1].upper() + title[1:])}", f'<a id="{_anchor("file", name)}"></a>']
        parts.append(f"{_coded(str(schema.get('description', '')))} Schema: `schema/{name}.schema.json`.")
        parts += _keys(schema, name)
        for key, shape in schema.get("definitions", {}).items():
            heading = str(shape.get("title", key)).replace("_", " ")
            parts += [f"### {quoted(heading)}", f'<a id="{_anchor(name, key)}"></a>']
            if shape.get("description"):
                parts.append(_coded(str(shape["description"])))
            kinds = shape.get("x-kinds", {})
            if kinds:
                parts.append(", ".join(f"[`{kind}`](#{_anchor(name, target)})" for kind, target in kinds.items()))
            parts += _keys(shape, name)
    return "\n\n".join(parts) + "\n"


def _keys(shape: Mapping[str, Any], name: str) -> list[str]:
    properties = shape.get("properties", {})
    if not properties or shape.get("x-kinds"):
        return []
    required = set(shape.get("required", ()))
    rows = ["| key | | what it may be | what it says |", "|---|---|---|---|"]
    for key, value in properties.items():
        must = "required" if key in required else ""
        rows.append(f"| `{key}` | {must} | {_kind(value, name)} | {_coded(str(value.get('description', '')))} |")
    return ["\n".join(rows)]


def _kind(value: Mapping[str, Any], name: str) -> str:
    """What a key may hold, in words; a link where it has a section of its own."""
    for part in (value, *value.get("allOf", ())):
        if "$ref" in part:
            target = str(part["$ref"]).rsplit("/", 1)[-1]
            return f"[{quoted(target.replace('_', ' '))}](#{_anchor(name, target)})"
    if "enum" in value:
        return quoted(" or ".join(str(option) for option in value["enum"]))
    if "patternProperties" in value:
        inner = next(iter(value["patternProperties"].values()))
        return f"names, each with: {_kind(inner, name)}"
    types = value.get("type", [])
    names = [types] if isinstance(types, str) else list(types)
    words = {"string": "text", "array": "list", "object": "keys", "boolean": "true or false", "integer": "whole number"}
    told = " or ".join(words.get(str(type_), str(type_)) for type_ in names) or "any"
    if "array" in names and isinstance(value.get("items"), Mapping) and "$ref" in value["items"]:
        told += f" of {_kind(value['items'], name)}"
    example = value.get("x-example")
    return f"{told}, as `{example}`" if isinstance(example, str) and "`" not in example else told


# ---------------------------------------------------------------- diagnostics


def diagnostics_page(codes: Mapping[str, Any], explained: Iterable[str]) -> str:
    """The table of all codes; `explained` are those that have a page of their own."""
    pages = set(explained)
    rows = ["| code | | rule | name |", "|---|---|---|---|"]
    for code, entry in sorted(codes.items()):
        link = f"[{code}]({code}.md)" if code in pages else code
        rows.append(f"| {link} | {entry.severity.value} | {_coded(entry.title)} | `{entry.name}` |")
    return (
        "\n\n".join(
            [
                "# Diagnostics",
                "What `kb check` may say. A code never changes its meaning and is never used again for another;"
                " `kb explain CODE` shows the same page in a terminal.",
                "\n".join(rows),
            ]
        )
        + "\n"
    )


def explanation_page(text: str) -> str:
    """The page of one code; its examples, marked `yaml bad` and `yaml good` for the tests, get a heading each."""
    return re.sub(
        r"^```yaml (bad|good)$",
        lambda found: f"**{'Wrong' if found[1] == 'bad' else 'Right'}**\n\n```yaml",
        text,
        flags=re.MULTILINE,
    )


def protocols_page(programs: Iterable[ir.Program]) -> str:
    """The list of protocols, each with its review state."""
    rows = ["| protocol | question | version | state |", "|---|---|---|---|"]
    for program in programs:
        link = f"[{quoted(program.title)}]({_file(program)}.md)"
        rows.append(
            f"| {link} | {quoted(program.question)} | {quoted(program.version)} | {quoted(program.state or 'draft')} |"
        )
    return "# Protocols\n\n" + "\n".join(rows) + "\n"
