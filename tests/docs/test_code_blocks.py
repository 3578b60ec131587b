"""Every code block of the documentation runs, in the order in which a reader would type it.

A page is played top to bottom in a copy of the knowledge base. YAML that begins with `# file: PATH` is
written there, `# in: PATH` takes the place of the part with the same name or is put at the end, other YAML must
at least be read without complaint; `kb` and `mkdocs` commands run and exit with 0, or
with the code their comment `# exits N` names; Python runs, all blocks of a page in one name space; JavaScript runs
in Node.js, each block by itself.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import pytest

from kb.site.reports import FOLDER as REPORTS
from kb.source import read_text
from tests.runner.node import node
from tests.shell import Answer, kb
from tests.site.declared import declare

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "site" / "docs").rglob("*.md"))]
KNOWN = {"sh", "python", "yaml", "text", "json", "js"}
#: Pages that check, form or build a whole base: what they show is the same in one with these protocols alone.
SMALL = ("anaphylaxis", "adult-cardiac-arrest", "local-anaesthetic-toxicity")
FEW = dict.fromkeys(("ci.md", "formatting.md", "site.md"), SMALL) | {
    "README.md": ("refractory-hypotension", "adult-cardiac-arrest", "local-anaesthetic-toxicity")
}


class Block(NamedTuple):
    language: str
    line: int
    text: str


def blocks(page: Path) -> list[Block]:
    found = []
    for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        line = page.read_text("utf-8")[: match.start()].count("\n") + 1
        found.append(Block(match[1].strip(), line, match[2]))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = blocks(page)
    if not found:
        return
    for name in ("schema", "site"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for folder in (ROOT / "protocols").iterdir():
        if page.name not in FEW or folder.name in ("library", *FEW[page.name]):
            shutil.copytree(folder, tmp_path / "protocols" / folder.name)
        else:
            without_links_to(f"protocols/{folder.name}/", tmp_path / "site" / "docs")
    if (ROOT / REPORTS).is_dir():  # of an earlier build: each counts only for what it was worked out of
        shutil.copytree(ROOT / REPORTS, tmp_path / REPORTS)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path
    names: dict[str, object] = {"__name__": "page"}
    for block in found:
        place = f"{page.name}:{block.line}"
        assert block.language in KNOWN, f"{place}: a block of `{block.language}`"
        if block.language == "yaml":
            play_yaml(block, folder, place)
        elif block.language == "sh":
            for line in block.text.splitlines():
                folder = play_command(line, folder, place)
        elif block.language == "text" and block.text.startswith("$ kb "):
            play_transcript(block, folder, place)
        elif block.language == "js":
            play_script(block, folder, place)
        elif block.language == "python":
            exec(compile("\n" * block.line + block.text, str(page), "exec"), names)


def without_links_to(left_out: str, docs: Path) -> None:
    """Lead the links of a site to what is left out of its base to its first page: a dead one stops the build."""
    for page in docs.rglob("*.md"):
        text = page.read_text("utf-8")
        page.write_text(re.sub(rf"\]\(((?:\.\./)*){left_out}[^)]*\)", r"](\1index.md)", text), "utf-8")


def play_yaml(block: Block, folder: Path, place: str) -> None:
    read = read_text(block.text, place)
    assert read.root is not None, place
    assert not read.diagnostics, f"{place}: {read.diagnostics}"
    first = block.text.splitlines()[0]
    if first.startswith("# file: "):
        path = folder / first.removeprefix("# file: ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text.partition("\n")[2], encoding="utf-8")
    elif first.startswith("# in: "):
        path = folder / first.removeprefix("# in: ")
        path.write_text(with_part(path.read_text("utf-8"), block.text.partition("\n")[2]), encoding="utf-8")


def with_part(text: str, part: str) -> str:
    """`text` with `part` where the entry with the name and the indent of its first line is; else at the end."""
    key = part.splitlines()[0]
    deeper = " " * (len(key) - len(key.lstrip()) + 1)
    lines = text.splitlines()
    if key not in lines:
        return f"{text}{part}" if key.startswith(" ") else f"{text}\n{part}"
    start = end = lines.index(key)
    end += 1
    while end < len(lines) and lines[end].startswith(deeper):
        end += 1
    return "\n".join([*lines[:start], *part.splitlines(), *lines[end:], ""])


def play_command(line: str, folder: Path, place: str) -> Path:
    """Run one line in `folder`; the folder in which the next one runs."""
    command, _, comment = line.partition("  #")
    words = shlex.split(command)
    if not words or words[0].startswith("#"):
        return folder
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        assert set(words[1:]) <= set(targets), f"{place}: no such target: {line}"
        return folder
    if words[:2] == ["pip", "install"]:
        assert re.fullmatch(r"guideline-kb(\[[a-z,]+\])?", words[2]), place
        return folder
    if words[0] == "cd":
        assert (folder / words[1]).is_dir(), f"{place}: {line}"
        return folder / words[1]
    assert words[0] in ("kb", "mkdocs"), f"{place}: a command nobody tests: {line}"
    wanted = re.search(r"exits (\d)", comment)
    done = kb(*words[1:], folder=folder) if words[0] == "kb" else mkdocs(words[1:], folder)
    assert done.code == (int(wanted[1]) if wanted else 0), f"{place}: {line}\n{done.out}{done.err}"
    assert "Traceback" not in done.err
    assert done.out.strip() or done.err.strip(), f"{place}: {line} said nothing"
    return folder


def mkdocs(words: list[str], folder: Path) -> Answer:
    """Run `mkdocs` in `folder`, where the plugin is as if installed."""
    installed = declare(Path(tempfile.mkdtemp(dir=folder.parent)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(installed), str(ROOT)))}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout, done.stderr)


def play_script(block: Block, folder: Path, place: str) -> None:
    """Run one block of JavaScript in `folder`, by itself."""
    script = folder / "block.mjs"
    script.write_text(block.text, encoding="utf-8")
    done = subprocess.run([node(), script.name], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{place}\n{done.stderr}"


def play_transcript(block: Block, folder: Path, place: str) -> None:
    """A conversation: the command (`# exits N` as above), what is typed after `> `, and all that is shown.

    A line that ends in `…` may go on.
    """
    command, _, shown = block.text.partition("\n")
    command, _, comment = command.partition("  # exits ")
    typed = "".join(f"{line[2:]}\n" for line in shown.splitlines() if line.startswith("> "))
    done = kb(*shlex.split(command)[2:], folder=folder, stdin=typed)
    assert done.code == int(comment or 0), f"{place}\n{done.out}{done.err}"
    lines = shown.splitlines()
    told = [
        line if line.endswith("…") and said.startswith(line[:-1]) else said
        for line, said in zip_longest(lines, done.out.splitlines(), fillvalue="")
    ]
    assert told == lines, f"{place}: something else is shown:\n{done.out}"


def test_the_pages_name_files_that_exist() -> None:
    for page in PAGES[:2]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
