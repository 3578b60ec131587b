"""Whether a built site has what it must: every page of every protocol, its state, version and digests, no dead link.

Reads HTML alone, so it does not matter which program built it.
"""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from selectolax.lexbor import LexborHTMLParser

from kb.generator.wording import short_digest
from kb.site.emit import MANIFEST
from kb.site.search import addresses

NOTHING = (
    "{manifest} is not in {folder}: no page of a protocol was built here. Is it the folder that was built into? Where"
    " `mkdocs.yml` names the plugin `guideline-kb`, what built this did not run it, as successors of MkDocs do in"
    " silence: build with MkDocs 1.6 (pip install 'guideline-kb[authoring,site]'), or write the pages with `kb emit`"
    " and build those"
)


class _Page:
    """What one page says of itself, where it leads, and the places on it."""

    def __init__(self, html: str) -> None:
        page = LexborHTMLParser(html)
        banner = page.css_first("[data-kb-page]")
        self.banner = {name: value or "" for name, value in banner.attributes.items()} if banner is not None else {}
        self.text = banner.text() if banner is not None else ""
        counts = Counter(node.attributes["id"] or "" for node in page.css("[id]"))
        self.places = set(counts)
        self.twice = {place for place, count in counts.items() if count > 1}
        self.links = [
            node.attributes[name] or ""
            for node in page.css("a")
            for name in ("href", "xlink:href")
            if name in node.attributes
        ]
        self.loaded = [node.attributes["src"] or "" for node in page.css("script[src], img[src], iframe[src]")]
        for node in page.css("link[href]"):
            if node.attributes.get("rel") in ("stylesheet", "icon", "preload", "modulepreload"):
                self.loaded.append(node.attributes["href"] or "")


def verify_site(folder: Path) -> tuple[str, ...]:
    """What is missing from the built site in `folder`, a line each; nothing where it is whole."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        protocols = manifest["protocols"]
    except (OSError, ValueError, KeyError, TypeError):
        return (NOTHING.format(manifest=MANIFEST, folder=folder),)
    own = f"{manifest['folder']}/" if manifest.get("folder") else ""  # in a site of somebody else only that is ours
    pages = {
        file.relative_to(folder).as_posix(): _Page(file.read_text("utf-8")) for file in sorted(folder.rglob("*.html"))
    }
    found = _not_found(folder, str(manifest["search"]), pages) if manifest.get("search") else ()
    foreign = () if own else _foreign(pages)
    return (*_protocols(protocols, pages, own), *_dead_links(folder, pages, own), *foreign, *found)


def _protocols(protocols: list[dict[str, object]], pages: dict[str, _Page], own: str) -> Iterator[str]:
    for each in protocols:
        wanted = {
            "data-protocol": each["id"],
            "data-version": each["version"],
            "data-state": each["state"],
            "data-logic": short_digest(str(each["logic_digest"])),
            "data-text": short_digest(str(each["text_digest"])),
        }
        listed = each["pages"]
        for name in listed if isinstance(listed, list) else ():
            path = f"{own}protocols/{str(name).removesuffix('.md')}.html"
            page = pages.get(path) or pages.get(path.removesuffix(".html") + "/index.html")
            if page is None:
                yield f"{path} is missing: the page of {each['id']}@{each['version']} was not built"
                continue
            differ = [key.removeprefix("data-") for key, value in wanted.items() if page.banner.get(key) != value]
            if not page.banner:
                yield f"{path} has no banner: its reader cannot see that it is {each['state']}"
            elif differ:
                yield f"{path} does not tell the right {', '.join(differ)} of {each['id']}@{each['version']}"
            elif " ".join(str(each["banner"]).split()) not in " ".join(page.text.split()):
                yield f"{path} does not show the banner: {each['banner']}"


def _dead_links(folder: Path, pages: dict[str, _Page], own: str) -> Iterator[str]:
    there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}

    def meant(folder_of: str, path: str) -> str:
        named = posixpath.normpath(posixpath.join(folder_of, unquote(path)))
        return named if named in there else posixpath.normpath(f"{named}/index.html")

    for path, page in pages.items():
        if not path.startswith(own):
            continue
        for place in sorted(page.twice) if not own else ():
            yield f"{path} has two places called {place}: a link may lead to the wrong one"
        above = posixpath.dirname(path)
        known: dict[str, str] = {"": path}  # most links of a page lead to a few others
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            if parts.path.startswith("/"):
                yield f"{path} leads to {target}: an address that begins at the root of a server breaks elsewhere"
                continue
            if parts.path not in known:
                known[parts.path] = meant(above, parts.path)
            named = known[parts.path]
            if named not in there:
                yield f"{path} leads to {target}, which is not there"
                continue
            fragment = unquote(parts.fragment)
            if fragment and named in pages and "=" not in fragment and fragment not in pages[named].places:
                yield f"{path} leads to {target}: there is no such place on that page"


def _not_found(folder: Path, name: str, pages: dict[str, _Page]) -> Iterator[str]:
    """What the search leads to and is not there. Places on pages that somebody wrote are left to who built them."""
    try:
        led = addresses((folder / name).read_text("utf-8"))
    except (OSError, ValueError):
        yield f"{name} is missing or damaged: nothing can be searched"
        return
    for address in sorted(set(led)):
        path, _, place = address.partition("#")
        if path not in pages:
            told = "leave nothing in site/docs that is not to be built"
            yield f"the search leads to {address}, which is not there: {told}"
        elif place and path.startswith("protocols/") and place not in pages[path].places:
            yield f"the search leads to {address}: there is no such place on that page"


def _foreign(pages: dict[str, _Page]) -> Iterator[str]:
    for path, page in pages.items():
        for source in page.loaded:
            if urlsplit(source).netloc:
                yield f"{path} loads {source} from elsewhere"
