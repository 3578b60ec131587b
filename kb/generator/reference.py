"""Reference pages: the format from the schemas, the diagnostics from their explanations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kb.generator.markdown import anchor, coded, quoted

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
        parts += [f"## {coded(title[:1].upper() + title[1:])}", f'<a id="{anchor("file", name)}"></a>']
        parts.append(f"{coded(str(schema.get('description', '')))} Schema: `schema/{name}.schema.json`.")
        parts += _keys(schema, name)
        for key, shape in schema.get("definitions", {}).items():
            heading = str(shape.get("title", key)).replace("_", " ")
            parts += [f"### {coded(heading)}", f'<a id="{_place(name, key)}"></a>']
            if shape.get("description"):
                parts.append(coded(str(shape["description"])))
            kinds = shape.get("x-kinds", {})
            if kinds:
                parts.append(", ".join(f"[`{kind}`](#{_place(name, target)})" for kind, target in kinds.items()))
            parts += _keys(shape, name)
    return "\n\n".join(parts) + "\n"


def _place(name: str, key: str) -> str:
    """The place of a definition of a file kind: no heading is ever called so."""
    return anchor(f"in-{name}", key)


def _keys(shape: Mapping[str, Any], name: str) -> list[str]:
    properties = shape.get("properties", {})
    if not properties or shape.get("x-kinds"):
        return []
    required = set(shape.get("required", ()))
    rows = ["| key | must it stand | what it may be | what it says |", "|---|---|---|---|"]
    for key, value in properties.items():
        must = "required" if key in required else ""
        rows.append(f"| `{key}` | {must} | {_kind(value, name)} | {coded(str(value.get('description', '')))} |")
    return ["\n".join(rows)]


def _kind(value: Mapping[str, Any], name: str) -> str:
    """What a key may hold, in words; a link where it has a section of its own."""
    for part in (value, *value.get("allOf", ())):
        if "$ref" in part:
            target = str(part["$ref"]).rsplit("/", 1)[-1]
            return f"[{quoted(target.replace('_', ' '))}](#{_place(name, target)})"
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
    rows = ["| code | severity | rule | name |", "|---|---|---|---|"]
    for code, entry in sorted(codes.items()):
        link = f"[{code}]({code}.md)" if code in pages else code
        rows.append(f"| {link} | {entry.severity.value} | {coded(entry.title)} | `{entry.name}` |")
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
