"""A plugin of MkDocs: the pages of a knowledge base in somebody else's site, in the theme of that site.

It adds to their pages what `kb emit` writes, and decides nothing. What was built is held against the same list as our
own site; that list is written by the plugin alone, so that `kb verify-site` notices where the plugin did not run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from mkdocs.config.base import Config
from mkdocs.config.config_options import Type
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin, event_priority
from mkdocs.structure.files import File, Files, InclusionLevel

from kb.base import Base
from kb.site.emit import MANIFEST, EmitError, site_tree
from kb.site.reports import ReportStore
from kb.site.verify import verify_site
from kb.watching import Seen, changed, snapshot

NAME = "guideline-kb"  # in `mkdocs.yml`, under `plugins:`
FIRST = "protocols/index.md"
# What is taken from the tree: all that a page of a protocol leads to. The hand-written pages are the base's own.
PAGES = ("docs/protocols/", "docs/diagnostics/", "docs/runner/")
LOOK = ("flowchart.css", "parts.css", "elsewhere.css")
SCRIPTS = ("kb.js",)
ASKED_FOR = ("way.js",)  # by the pages themselves
UNSEARCHED = b"---\nsearch:\n  exclude: true\n---\n\n"  # a search that knows this leaves a page out


class Settings(Config):  # type: ignore[no-untyped-call]  # MkDocs tells no type there
    """`base`: the folder of the knowledge base, seen from that of `mkdocs.yml`. `folder`: where its pages stand."""

    base = Type(str, default=".")
    folder = Type(str, default="guidelines")


class ProtocolPages(BasePlugin[Settings]):  # type: ignore[no-untyped-call]
    """The pages of one knowledge base."""

    def __init__(self) -> None:
        self._seen: Seen | None = None
        self._made: Mapping[str, bytes] = {}

    def on_startup(self, *, command: Literal["build", "gh-deploy", "serve"], dirty: bool) -> None:
        """Nothing: that there is one keeps what was made from one build of `mkdocs serve` to the next."""

    def on_config(self, config: MkDocsConfig) -> MkDocsConfig:
        """Their look and scripts; and `mkdocs serve` follows the knowledge base."""
        folder = self.config.folder.strip("/")
        if not folder or any(part in ("", ".", "..") for part in folder.split("/")):
            raise PluginError(f"{NAME}: `folder: {self.config.folder}` is no folder of the site; write `guidelines`")
        self.config.folder = folder
        config.extra_css += [f"{folder}/{name}" for name in LOOK]
        config.extra_javascript += [f"{folder}/{name}" for name in SCRIPTS]
        config.watch.append(str(self._base(config).protocols_path))
        return config

    def on_files(self, files: Files, *, config: MkDocsConfig) -> Files:
        """The pages, beside those of the site. Only the first stands in a navigation that is made by itself."""
        for path, content in self._contents(config).items():
            if files.get_file_from_path(path) is not None:
                raise PluginError(f"{NAME}: {path} is there already; name another `folder:` than {self.config.folder}")
            first = path == f"{self.config.folder}/{FIRST}"
            level = InclusionLevel.UNDEFINED if first else InclusionLevel.NOT_IN_NAV
            made = File.generated(config, path, content=content, inclusion=level)
            made.use_directory_urls = False  # pages lead to one another by their names
            files.append(made)
        return files

    @event_priority(-100)  # after whatever else changes what was built
    def on_post_build(self, *, config: MkDocsConfig) -> None:
        """Hold what was built against the list of what there must be."""
        missing = verify_site(Path(config.site_dir))
        if missing:
            told = "\n".join(f"  {line}" for line in missing[:20])
            more = f"\n  and {len(missing) - 20} more" if len(missing) > 20 else ""
            raise PluginError(
                f"{NAME}: the theme, or another plugin, lost what a reader must see:\n{told}{more}\n"
                "  a theme has to show the whole content of a page; leave out plugins that change pages one by one"
            )

    # ------------------------------------------------------------ what is added

    def _base(self, config: MkDocsConfig) -> Base:
        folder = Path(config.config_file_path).parent / self.config.base
        base = Base(folder.resolve())
        if not base.protocols_path.is_dir():
            raise PluginError(
                f"{NAME}: {folder} is no knowledge base: it has no folder protocols/; name one with `base:`"
            )
        return base

    def _contents(self, config: MkDocsConfig) -> Mapping[str, bytes]:
        """The files by their path in the site; made anew where the base has changed."""
        base = self._base(config)
        now = snapshot(_files(base))
        if self._seen is None or changed(self._seen, now):
            self._made = dict(self._from_tree(base))
            self._seen = now
        return self._made

    def _from_tree(self, base: Base) -> Iterator[tuple[str, bytes]]:
        reports = ReportStore(base)
        try:
            tree = site_tree(base, reports.kept(), check=reports.check())
        except EmitError as refused:
            told = [f"{item.span.file}:{item.span.line}: {item.code} {item.message}" for item in refused.diagnostics]
            raise PluginError("\n  ".join([f"{NAME}: {refused}", *told])) from refused
        folder, listed = self.config.folder, json.loads(tree.files[f"docs/{MANIFEST}"])
        newest = tuple(
            f"docs/protocols/{each['id']}/{each['version']}/" for each in listed["protocols"] if each["latest"]
        )
        for path, content in tree.files.items():
            if path.startswith(PAGES):
                older = path.endswith(".md") and path.count("/") > 2 and not path.startswith(newest)
                yield f"{folder}/{path.removeprefix('docs/')}", (UNSEARCHED if older else b"") + content
        for name in (*LOOK, *SCRIPTS, *ASKED_FOR):
            yield f"{folder}/{name}", tree.files[f"theme/{name}"]
        del listed["search"]  # the site has its own
        yield MANIFEST, (json.dumps({**listed, "folder": folder}, indent=1) + "\n").encode()


def _files(base: Base) -> Iterator[Path]:
    """Everything that the pages are made from."""
    yield base.path / "local.yaml"
    for folder in (base.protocols_path, base.path / "site", ReportStore(base).folder):
        yield from (path for path in folder.rglob("*") if path.is_file())
