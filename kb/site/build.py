"""The site of a knowledge base as HTML: the tree is written, MkDocs builds it, and the result is held against it."""

from __future__ import annotations

import logging
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort, ConfigurationError, MkDocsException

from kb.site.emit import TREE, Tree, uncollected
from kb.site.verify import verify_site

MARK = ".kb-site"  # in every folder that a build made: such a folder may be emptied for the next build


class SiteError(Exception):
    """The site was not built; each line says why."""


@uncollected()
def build_site(base: Path, tree: Tree, out: Path | None = None) -> Path:
    """Write `tree` and build it as `site/mkdocs.yml` of the folder `base` says, into `out` (by default where it says).

    Raises:
        EmitError: the folder of the tree holds something else.
        SiteError: MkDocs has a complaint, the folder holds what no build made, or pages are missing from the result.

    """
    if out is not None:
        guard(out)
    tree.write(base / TREE)
    folder, complaints = _built(base, out, only_changed=False)
    missing = complaints or verify_site(folder)
    if missing:
        raise SiteError("\n".join(f"  {each}" for each in missing))
    return folder


def preview_site(base: Path, tree: Tree, out: Path) -> tuple[str, ...]:
    """As `build_site`, but only pages are built whose text has changed since the last preview, and what MkDocs
    complains of is returned: a page with a dead link is still a page to look at.
    """
    gone = [path for path in tree.write(base / TREE) if path not in tree.files]
    _, complaints = _built(base, out, only_changed=(out / MARK).exists())
    for path in gone:  # a page that is no longer made would stay, and tell what was
        made = out / path.partition("/")[2]
        (made.with_suffix(".html") if made.suffix == ".md" else made).unlink(missing_ok=True)
    return complaints


def _built(base: Path, out: Path | None, *, only_changed: bool) -> tuple[Path, tuple[str, ...]]:
    """The folder and what MkDocs complains of; what is not readable at all raises."""
    said = _Said()
    logger = logging.getLogger("mkdocs")
    logger.addHandler(said)
    logger.propagate = False
    try:
        config = _config(base, out)
        folder = Path(config.site_dir)
        guard(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text("Made by kb build: the next build empties this folder.\n", "utf-8")
        config.plugins.on_startup(command="build", dirty=only_changed)
        try:
            build(config, dirty=only_changed)
        finally:
            config.plugins.on_shutdown()
    except (Abort, MkDocsException, ConfigurationError) as failed:
        raise SiteError("\n".join(f"  {line}" for line in said.lines or [str(failed)])) from failed
    finally:
        logger.removeHandler(said)
        logger.propagate = True
    return folder, tuple(line for line in said.lines if not line.startswith("A 'dirty' build"))


def _config(base: Path, out: Path | None) -> MkDocsConfig:
    file = base / "site" / "mkdocs.yml"
    settings: dict[str, object] = {"strict": False}  # complaints are collected, and are errors where it counts
    if out is not None:
        settings["site_dir"] = str(out.resolve())
    config = load_config(str(file), **settings)  # type: ignore[arg-type]
    wanted = (base / TREE / "docs").resolve()
    if Path(config.docs_dir).resolve() != wanted:
        raise SiteError(f"  {file} takes its pages from {config.docs_dir}\n  write there: `docs_dir: ../out/tree/docs`")
    return config


class _Said(logging.Handler):
    """Keeps what MkDocs warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def guard(folder: Path) -> None:
    """Refuse a folder that something else is in: MkDocs empties the folder it builds into."""
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
