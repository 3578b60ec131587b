"""Pages that are made while the site is built: protocols, the format reference, diagnostics."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from kb.base import Base
from kb.codes import CODES
from kb.generator.pages import diagnostics_page, explanation_page, format_page, protocol_page, protocols_page
from kb.generator.render import render_svg

REPOSITORY = Path(__file__).resolve().parent.parent
KINDS = (
    "protocol",
    "statements",
    "scenario",
    "data",
    "drugs",
    "units",
    "local",
    "chart",
    "order",
    "advice",
    "diagnostic",
    "refusal",
    "program",
)

_pictures: dict[str, str] = {}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages."""

    def add(path: str, content: str) -> None:
        files.append(File.generated(config, path, content=content))

    base = Base(REPOSITORY)
    programs = []
    for id in base.protocols():
        program, found = base.program(id)
        if program is None:
            raise PluginError(f"protocol {id} has errors: {[item.message for item in found]}")
        programs.append(program)
        _pictures[f"flowchart-{id}"] = render_svg(program)
        add(f"protocols/{id}.md", protocol_page(program))
        add(f"protocols/{id}.svg", _pictures[f"flowchart-{id}"])
    add("protocols/index.md", protocols_page(programs))
    schemas = {kind: REPOSITORY / "schema" / f"{kind}.schema.json" for kind in KINDS}
    add("format.md", format_page({kind: json.loads(path.read_text("utf-8")) for kind, path in schemas.items()}))
    explained = sorted((REPOSITORY / "kb" / "explain").glob("KB*.md"))
    for page in explained:
        add(f"diagnostics/{page.name}", explanation_page(page.read_text("utf-8")))
    add("diagnostics/index.md", diagnostics_page(CODES, [page.stem for page in explained]))
    return files


def on_page_content(html: str, **_: Any) -> str:
    """Put the flowchart where its page has left a place: inline, so its words can be found and read aloud."""

    def picture(place: re.Match[str]) -> str:
        return f'<div class="kb-figure">{_pictures[place[1]]}</div>'

    return re.sub(r'<div class="kb-flowchart-place" data-protocol="([A-Za-z0-9.-]+)"></div>', picture, html)
