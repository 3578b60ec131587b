"""Text of a knowledge base stays text, in every renderer."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from kb import program as ir
from kb.generator.diagram import dot_source, plan_flowchart
from kb.generator.readaloud import read_aloud_text
from kb.generator.render import render_sheets, render_svg
from tests.generator.example import build

ATTACKS = [
    "<script>alert(1)</script>",
    '"]; evil [label="x"]; "',
    r"\N \G \l \" \\",
    "&lt;b&gt;&amp;#60;i&#62;",
    "[x](javascript:alert(1)) ![y](http://evil.example/p.png)",
    "<img src=x onerror=alert(1)>",
    "]]> --> <!-- </style></svg><svg onload=alert(1)>",
    "\x1b[31mred\x07 \u202eevil\u2066",
    "| a | b |\n|---|---|\n# heading\n- item\n> quote\n    code",
    "`code` **bold** __bold__ <http://evil.example> {: onclick=alert(1) }",
    "<b>",
    "<<b>>",
]

# Names and closed words: the schemas allow letters, digits and hyphens there, so no attack can stand in them.
STRUCTURE = {
    "id", "of", "name", "kind", "type", "verb", "drug", "unit", "schema", "version", "function", "op", "part_of",
    "spelling", "ucum", "factor", "offset", "severity", "key", "logic_digest", "text_digest", "hand_over", "priority",
    "rate_unit", "amount_unit", "instead", "status", "route", "salt", "cites", "interprets", "drugs", "measure",
    "molar_mass", "largest_step", "concentration", "made_by", "basis", "towards", "routes",
    "about", "options", "codes", "salts", "dimension", "classes", "not_encoded", "state", "purpose",
}  # fmt: skip


def attacked(record: Any, attack: str, field: str = "", verb: str = "") -> Any:
    """A copy of `record` in which every free text is `attack`."""
    if isinstance(record, str):
        return record if field in STRUCTURE or not record else attack
    fields = getattr(record, "_fields", None)
    if fields is not None:
        verb = getattr(record, "verb", verb)
        kept = {"subject"} if verb in {"measure", "exclude", "change"} else set()
        if isinstance(record, ir.Action) and record.verb == "choose":
            kept = set()
        else:
            kept |= {"options"}
        made = {
            name: getattr(record, name) if name in kept else attacked(getattr(record, name), attack, name, verb)
            for name in fields
        }
        return type(record)(**made)
    if isinstance(record, tuple):
        return tuple(
            attacked(item, attack, "" if field == "options" and verb == "choose" else field, verb) for item in record
        )
    return record


def plain(attack: str) -> str:
    """The attack as a reader should see it."""
    return " ".join(re.sub(r"[\x00-\x1f\u202e\u2066]", " ", attack).split())


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_picture_shows_hostile_text_as_text(attack: str) -> None:
    program = attacked(build(), attack)
    svg = render_svg(program)
    root = ElementTree.fromstring(svg)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "title", "desc", "style", "text", "path", "polygon", "polyline", "ellipse"}
    assert not {name for element in root.iter() for name in element.attrib if re.match(r"on|style|.*href", name)}
    for sheet in render_sheets(program, links=lambda node: f"#{node.id}"):
        part = ElementTree.fromstring(sheet.svg)
        assert {element.tag.rpartition("}")[2] for element in part.iter()} <= (tags | {"a"}) - {"style"}
        assert not {name for element in part.iter() for name in element.attrib if re.match(r"on|style|xlink", name)}
        assert all(
            re.fullmatch(r"#[A-Za-z0-9 -]+", link.get("href", "")) for link in part.iter() if link.tag.endswith("}a")
        )
    steps = {element.get("id") for element in root.iter() if "step" in (element.get("class") or "").split()}
    assert steps == {f"step-{node.id}" for node in plan_flowchart(program).nodes}
    shown = " ".join("".join(element.itertext()) for element in root.iter() if element.tag.endswith("title"))
    assert plain(attack) in " ".join(shown.split())


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_renderers_let_no_control_character_through(attack: str) -> None:
    program = attacked(build(), attack)
    for text in (read_aloud_text(program), dot_source(program)):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
        assert len(text.splitlines()) == len(text.split("\n")) - 1
