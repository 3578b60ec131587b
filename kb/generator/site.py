"""The files of a site that are made from a knowledge base: its protocols, and the reference its editors need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kb import program as ir
from kb.codes import CODES
from kb.generator.pages import (
    diagnostics_page,
    explanation_page,
    flowchart_id,
    format_page,
    protocol_page,
    protocols_page,
)
from kb.generator.render import render_svg
from kb.local import read_local

ASSETS = Path(__file__).parent / "assets"
EXPLAINED = Path(__file__).parents[1] / "explain"


class SiteFiles(NamedTuple):
    """`files` by their path in the site, Markdown pages among them; `pictures` by the place a page keeps for each."""

    files: Mapping[str, str]
    pictures: Mapping[str, str]


def site_files(
    programs: Sequence[ir.Program],
    schemas: Mapping[str, Mapping[str, Any]],
    with_guide: bool,
    local: Mapping[str, Any] | None = None,
) -> SiteFiles:
    """Everything made for one site.

    `local`: what the hospital has settled, shown beside each default.
    `with_guide`: the site also has the editor's guide and the pages on meaning, so that the reference can link there.
    """
    pictures = {flowchart_id(program): render_svg(program, local=read_local(program, local)) for program in programs}
    files = {f"protocols/{program.id}.svg": pictures[flowchart_id(program)] for program in programs}
    files |= {f"protocols/{program.id}.md": protocol_page(program, read_local(program, local)) for program in programs}
    files["protocols/index.md"] = protocols_page(programs)
    files["format.md"] = format_page(schemas, with_guide=with_guide)
    explained = sorted(EXPLAINED.glob("KB*.md"))
    files |= {f"diagnostics/{page.name}": explanation_page(page.read_text("utf-8")) for page in explained}
    files["diagnostics/index.md"] = diagnostics_page(CODES, [page.stem for page in explained])
    files |= {path.name: path.read_text("utf-8") for path in sorted(ASSETS.iterdir())}
    return SiteFiles(files, pictures)
