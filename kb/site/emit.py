"""`emit`: the site as a plain tree of Markdown, SVG and JSON, which MkDocs or anything else turns into HTML.

The tree is complete: hand-written pages, made pages, pictures, the theme and `kb-site.json`, which lists what there
must be. No plugin has to run for any of it; `verify` holds what was built against `kb-site.json`.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kb.base import Base
from kb.codes import CODES
from kb.diagnostics import Diagnostic
from kb.editor.schemas import kinds
from kb.generator.markdown import quoted
from kb.generator.reference import diagnostics_page, explanation_page, format_page
from kb.generator.render import STYLE
from kb.site import search
from kb.site.base_pages import Whole, base_pages
from kb.site.dossier import Dossier, Reports
from kb.site.pages import pages_of, run
from kb.site.settings import SettingError, report_address
from kb.store import latest
from kb.validator import schema_document

HERE = Path(__file__).parent
EXPLAINED = HERE.parent / "explain"
TREE = Path("out", "tree")  # in a base: where the tree is written, and where `site/mkdocs.yml` takes its pages from
MANIFEST = "kb-site.json"
MARK = ".kb-tree"  # in a folder that `emit` made: files of it that are no longer wanted may be removed


class EmitError(ValueError):
    """No tree was written; the text says why."""

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class Tree(NamedTuple):
    """A site before it is HTML: the content of each file by its path; `docs/` are the pages, `theme/` their look."""

    files: Mapping[str, bytes]

    def write(self, folder: Path) -> tuple[str, ...]:
        """Write what differs from what is there, remove what is no longer wanted; the paths that changed.

        Raises:
            EmitError: `folder` holds what `emit` has not made.

        """
        if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARK).exists())):
            raise EmitError(f"{folder} holds what `kb emit` did not write; name an empty or a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text("Made by kb emit: what stands here is written over.\n", "utf-8")
        there, folders = _held(folder)
        made: set[str] = set()
        changed = []
        for path, content in self.files.items():
            file = folder / path
            if path in there and file.read_bytes() == content:
                continue
            above = path.rpartition("/")[0]
            if above not in made:
                file.parent.mkdir(parents=True, exist_ok=True)
                made.add(above)
            file.write_bytes(content)
            changed.append(path)
        for path in sorted(there - self.files.keys() - {MARK}, reverse=True):
            (folder / path).unlink()
            changed.append(path)
        for path in folders:
            if not any((folder / path).iterdir()):
                (folder / path).rmdir()
        return tuple(changed)


def _held(folder: Path) -> tuple[set[str], list[str]]:
    """The files in a folder, and the folders, innermost first, by their paths: the disk is asked once, not for each."""
    files: set[str] = set()
    folders: list[str] = []
    for above, _, names in os.walk(folder, topdown=False):
        own = Path(above).relative_to(folder).as_posix()
        lead = "" if own == "." else f"{own}/"
        files.update(lead + name for name in names)
        folders += [own] if lead else []
    return files, folders


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the search for what only holds itself: all that a site is made from stays until it is made, and Python
    would go through it again and again. A hundred protocols take a fifth less time, and 50 MB more memory.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@uncollected()
def site_tree(
    base: Base,
    reports: Mapping[tuple[str, str], Reports] | None = None,
    told: Callable[[list[str]], Iterable[str]] = iter,
    check: Mapping[str, Any] | None = None,
) -> Tree:
    """The tree of the site of `base`; a hand-written page in `site/docs` stands instead of a made one of its name.

    Args:
        reports: proofs and changes worked out beforehand, by id and version (see `kb.site.reports`).
        told: is given what is made and yields each as its turn comes.
        check: what `kb check` found.

    Raises:
        EmitError: a protocol has errors, or the address for reports is none.

    """
    return tree_of(base, list(dossiers_of(base, reports or {}, told)), check)


def tree_of(base: Base, dossiers: Sequence[Dossier], check: Mapping[str, Any] | None = None) -> Tree:
    """The tree with the pages of `dossiers`, and those about the base as a whole."""
    written = {
        f"docs/{file.relative_to(base.path / 'site' / 'docs').as_posix()}": file.read_bytes()
        for file in sorted((base.path / "site" / "docs").rglob("*"))
        if file.is_file()
    }
    pages: dict[str, str] = {}
    own: dict[str, list[str]] = {}
    for dossier in dossiers:
        made = pages_of(dossier)
        own[dossier.folder] = list(made)
        pages |= made
        pages[f"{dossier.folder}/flowchart.svg"] = dossier.picture
        pages[f"{dossier.folder}/program.json"] = json.dumps(dossier.file, ensure_ascii=False) + "\n"
        if dossier.program.version == dossier.latest:
            pages |= _latest(dossier, made)
    guide = {"docs/editors-guide.md", "docs/meaning.md"} <= set(written)
    whole = Whole(base, dossiers, check)
    pages |= base_pages(whole)
    pages["format.md"] = format_page({kind: schema_document(kind) for kind in kinds()}, with_guide=guide)
    explained = sorted(EXPLAINED.glob("KB*.md"))
    pages |= {f"diagnostics/{page.name}": explanation_page(page.read_text("utf-8")) for page in explained}
    pages["diagnostics/index.md"] = diagnostics_page(CODES, [page.stem for page in explained])
    own_pages = {
        path.removeprefix("docs/"): content.decode("utf-8", "replace")
        for path, content in written.items()
        if path.endswith(".md")
    }
    pages[search.INDEX] = search.search_index(whole, _markdown(pages), own_pages)
    pages[MANIFEST] = json.dumps(_manifest(dossiers, own), indent=1) + "\n"
    files = {f"docs/{path}": text.encode() for path, text in pages.items()} | written
    files["theme/flowchart.css"] = STYLE.read_bytes()
    files |= {f"docs/{run.FOLDER}/{name}": content for name, content in run.runner_files().items()}
    for file in sorted((HERE / "theme").rglob("*")):
        if file.is_file():
            files[f"theme/{file.relative_to(HERE / 'theme').as_posix()}"] = file.read_bytes()
    return Tree(files)


def dossiers_of(
    base: Base,
    reports: Mapping[tuple[str, str], Reports],
    told: Callable[[list[str]], Iterable[str]] = iter,
    before: Mapping[tuple[str, str], Dossier] | None = None,
) -> Iterator[Dossier]:
    """What there is of each version of each protocol.

    `before`: what there was the last time. What has not changed is taken from there, and where a file has errors now,
    the dossier holds the Program it had then, and what is wrong.

    Raises:
        EmitError: a protocol has errors, and there was none before; or the address for reports is none.

    """
    try:
        report_to = report_address(base)
    except SettingError as wrong:
        raise EmitError(str(wrong)) from wrong
    settled, _ = base.local()
    settings = {"format": 1, **settled} if settled else None
    for id in told(list(base.protocols())):
        versions = base.protocols()[id]
        held = [each for file in base.scenario_files(id) for each in base.scenarios(file)[0]]
        for version in versions:
            program, found = base.program(id, version)
            last = (before or {}).get((id, version))
            if program is None and last is None:
                raise EmitError(f"protocol {id}@{version} has errors", found)
            of_version = tuple(each for each in held if (each.version or latest(versions)) == version)
            made = Dossier(
                program or last.program,  # type: ignore[union-attr]  # one of them is there
                versions,
                of_version,
                settings,
                reports.get((id, version), Reports()),
                [] if program is not None else found,
                report_to,
                base.ledger.history(id, version),
                base.protocols(),
            )
            yield last if last is not None and last.same_as(made) else made


def _markdown(pages: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in pages.items() if path.endswith(".md")}


def _latest(dossier: Dossier, pages: Iterable[str]) -> dict[str, str]:
    """Pages that lead on to those of the newest version, so that an address without a version stays true."""
    id, version = dossier.program.id, dossier.program.version
    made = {}
    for path in pages:
        name = path.rpartition("/")[2].removesuffix(".md")
        made[f"protocols/{id}/latest/{name}.md"] = (
            f"# {quoted(dossier.program.title)}: newest version\n\n"
            f'<p class="kb-onward"><a href="../{version}/{name}.html">Version {quoted(version)}</a></p>\n'
        )
    return made


def _manifest(dossiers: Iterable[Dossier], pages: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """What must be found in the built site."""
    return {
        "schema": "1.0.0",
        "search": search.INDEX,
        "protocols": [
            {
                "id": each.program.id,
                "version": each.program.version,
                "latest": each.program.version == each.latest,
                "state": each.program.state or "draft",
                "banner": each.told.banner,
                "logic_digest": each.program.logic_digest,
                "text_digest": each.program.text_digest,
                "pages": sorted(path.removeprefix("protocols/") for path in pages[each.folder]),
            }
            for each in dossiers
        ],
    }
