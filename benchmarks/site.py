"""The site of 1, 10 and 100 protocols: `emit`, then MkDocs; beside MkDocs alone on the same pages. Then a save
in the preview, and page weights.

Protocols are copies of a shipped one with its worked patients under other ids. Processor time, not the clock, so that
other work on the machine counts little. Reports are left out: they are worked out once and kept.
"""

from __future__ import annotations

import gc
import gzip
import logging
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config

from kb.base import Base
from kb.site import site_tree
from kb.site.build import build_site
from kb.site.dossier import Dossier
from kb.site.emit import TREE, dossiers_of, tree_of, uncollected
from kb.site.preview import Preview
from kb.site.search import INDEX

ROOT = Path(__file__).parents[1]
COPIED = "adult-bradycardia"
HEAVIEST = "refractory-hypotension"
LOOK = ("kb.css", "parts.css", "flowchart.css", "kb.js", "search.js")


def base_of(folder: Path, number: int, copied: str = COPIED) -> Path:
    """A base with `number` copies of a protocol."""
    shutil.copytree(ROOT / "protocols" / "library", folder / "protocols" / "library")
    (folder / "site" / "docs").mkdir(parents=True)
    (folder / "site" / "docs" / "index.md").write_text("# Home\n", "utf-8")
    shutil.copy(ROOT / "kb" / "templates" / "base" / "site" / "mkdocs.yml", folder / "site" / "mkdocs.yml")
    for copy in range(number):
        id = f"{copied}-{copy}" if number > 1 else copied
        to = folder / "protocols" / id
        shutil.copytree(ROOT / "protocols" / copied, to)
        for file in to.rglob("*.yaml"):
            text = re.sub(rf"^(id|protocol): {copied}$", rf"\1: {id}", file.read_text("utf-8"), flags=re.MULTILINE)
            file.write_text(
                re.sub(r"^( *hand_over): .*$", r"\1: adult-cardiac-arrest@0", text, flags=re.MULTILINE), "utf-8"
            )
    return folder


def spent(work: Callable[[], object]) -> float:
    gc.collect()  # what went before is no load of this
    start = time.process_time()
    work()
    return time.process_time() - start


def of_emit(base: Base) -> tuple[float, float, float]:
    """Seconds to read and compile; to run the worked patients; to make the tree from that."""
    held: list[Dossier] = []
    with uncollected():  # as `site_tree` does
        read = spent(lambda: held.extend(dossiers_of(base, {})))
        run = spent(lambda: [each.results for each in held])
        return read, run, spent(lambda: tree_of(base, held).write(base.path / TREE))


def whole_site(folder: Path) -> None:
    build_site(folder, site_tree(Base(folder)))


def mkdocs_alone(folder: Path) -> float:
    """The same tree once more, through MkDocs and nothing else."""
    return spent(lambda: build(load_config(str(folder / "site" / "mkdocs.yml"), site_dir=str(folder / "alone"))))


def of_save(base: Path, id: str) -> float:
    """Seconds from a save of the newest version, its title changed, until its pages stand again."""
    preview = Preview(Base(base), base / "out" / "preview")
    preview.look()
    file = sorted((base / "protocols" / id).glob("[0-9]*.yaml"))[-1]
    file.write_text(
        re.sub(r"^(title: .*)$", r"\1 again", file.read_text("utf-8"), count=1, flags=re.MULTILINE), "utf-8"
    )
    return spent(preview.look)


def main() -> None:
    logging.getLogger("mkdocs").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as work:
        warm = Base(base_of(Path(work) / "warm", 1))
        build_site(warm.path, site_tree(warm))  # imports, and the program that draws
        heads = ("protocols", "read", "patients", "tree", "a protocol", "all", "MkDocs", "factor")
        print(" ".join(f"{head:>10}" for head in heads))
        for number in (1, 10, 100):
            if len(sys.argv) > 1 and number > int(sys.argv[1]):
                continue
            folder = base_of(Path(work) / str(number), number)
            read, run, made = of_emit(Base(folder))
            whole = spent(partial(whole_site, folder))
            alone = mkdocs_alone(folder)
            each = (run + made) / number
            told = [f"{seconds:.2f} s" for seconds in (read, run, made)]
            told += [f"{each * 1000:.0f} ms", f"{whole:.2f} s", f"{alone:.2f} s", f"{whole / alone:.2f}"]
            print(" ".join(f"{text:>10}" for text in (str(number), *told)), flush=True)
        print()
        heavy = base_of(Path(work) / "heavy", 1, HEAVIEST)
        _, run, made = of_emit(Base(heavy))
        print(f"{HEAVIEST}, two versions: worked patients {run:.2f} s, tree {made:.2f} s")
        site = build_site(heavy, site_tree(Base(heavy)))
        for id in (COPIED, HEAVIEST):
            print(f"a save of {id}: {of_save(base_of(Path(work) / f'save-{id}', 1, id), id):.2f} s")
        newest = sorted((site / "protocols" / HEAVIEST).glob("[0-9]*"))[-1]
        shared = sum((site / name).stat().st_size for name in LOOK)
        print(f"\npages of {HEAVIEST} {newest.name}, KB with what they load ({shared / 1000:.0f} KB), and compressed")
        for page in sorted(newest.glob("*.html"), key=lambda file: -file.stat().st_size):
            content = page.read_bytes()
            print(f"{page.name:>36} {(len(content) + shared) / 1000:>7.0f} {len(gzip.compress(content)) / 1000:>7.0f}")
        index = (site / INDEX).read_bytes()
        packed = len(gzip.compress(index)) / 1000
        print(f"{'search index, when asked for':>36} {len(index) / 1000:>7.0f} {packed:>7.0f}")


if __name__ == "__main__":
    main()
