"""The site of a knowledge base, built with MkDocs.

`site/hooks.py` of a base imports the three hooks, so that `mkdocs build` and `mkdocs serve` make the same pages as
`kb build`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort, ConfigurationError, MkDocsException, PluginError
from mkdocs.structure.files import File, Files

from kb.base import Base
from kb.editor.schemas import kinds
from kb.generator.site import site_files
from kb.validator import schema_document

MARK = ".kb-site"  # in every folder that a build made: such a folder may be emptied for the next build

_pictures: dict[str, str] = {}


class SiteError(Exception):
    """The site was not built; each line says why."""


def build_site(config_file: Path, out: Path | None = None) -> Path:
    """Build the site that `config_file` describes into `out` (by default where it says); the folder.

    Raises:
        SiteError: MkDocs has a complaint, or the folder holds what no build made.

    """
    said = _Said()
    logger = logging.getLogger("mkdocs")
    logger.addHandler(said)
    logger.propagate = False
    try:
        settings: dict[str, Any] = {"strict": True}
        if out is not None:
            _guard(out)
            settings["site_dir"] = str(out.resolve())
        config = load_config(str(config_file), **settings)
        folder = Path(config.site_dir)
        _guard(folder)
        config.plugins.on_startup(command="build", dirty=False)
        try:
            build(config)
        finally:
            config.plugins.on_shutdown()
    except (Abort, MkDocsException, ConfigurationError) as failed:
        told = said.lines or [str(failed)]
        raise SiteError("\n".join(f"  {line}" for line in told)) from failed
    finally:
        logger.removeHandler(said)
        logger.propagate = True
    return folder


class _Said(logging.Handler):
    """Keeps what MkDocs warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _guard(folder: Path) -> None:
    """MkDocs empties the folder it builds into; refuse one that something else is in."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise SiteError(f"  {folder} is a file; name a folder")
    held = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if held and not (folder / MARK).exists():
        more = f" and {len(held) - 3} more" if len(held) > 3 else ""
        raise SiteError(
            f"  {folder} holds what no build of this site made: {', '.join(held[:3])}{more}\n"
            "  name an empty or a new folder; a build empties the one it writes to"
        )


# ---------------------------------------------------------------- hooks


def base_of_site(config: MkDocsConfig) -> Base:
    """The knowledge base that the site belongs to: the first folder at or above its mkdocs.yml with protocols/."""
    file = Path(config.config_file_path).resolve()
    for folder in file.parents:
        if (folder / "protocols").is_dir():
            return Base(folder)
    raise PluginError(f"{file} belongs to no knowledge base: there is no folder protocols/ above it")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages, pictures and styles; a file of the same name in docs/ stays, and is used instead."""
    base = base_of_site(config)
    programs = []
    for id in base.protocols():
        program, found = base.program(id)
        if program is None:
            told = "; ".join(f"{item.span.file}:{item.span.line}: {item.message}" for item in found)
            raise PluginError(f"protocol {id} has errors: {told}")
        programs.append(program)
    schemas = {kind: schema_document(kind) for kind in kinds()}
    settled, _ = base.local()
    local = {"format": 1, **settled} if settled else None
    guide = _has(files, "editors-guide.md") and _has(files, "meaning.md")
    made = site_files(programs, schemas, with_guide=guide, local=local)
    _pictures.clear()
    _pictures.update(made.pictures)
    for path, content in made.files.items():
        if not _has(files, path):
            files.append(File.generated(config, path, content=content))
    return files


def _has(files: Files, path: str) -> bool:
    return files.get_file_from_path(path) is not None


def on_page_content(html: str, **_: Any) -> str:
    """Put the flowchart where its page has left a place: inline, so its words can be found and read aloud."""

    def picture(place: re.Match[str]) -> str:
        return f'<div class="kb-figure">{_pictures[place[1]]}</div>'

    return re.sub(r'<div class="kb-flowchart-place" data-protocol="([A-Za-z0-9.-]+)"></div>', picture, html)


def on_post_build(config: Mapping[str, Any]) -> None:
    """Mark the folder as made by a build."""
    Path(config["site_dir"], MARK).write_text("Made by kb build: the next build empties this folder.\n", "utf-8")
