"""Every code has a page, and the examples on the pages from KB3xx on (but for proofs) give what they are marked with.

Each example is checked as an editor would check it: as a file of a small knowledge base, with `Base.examine`, on
one day that never changes.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import kb
from kb.base import Base
from kb.codes import CODES

PAGES = Path(kb.__file__).parent / "explain"
DAY = "2026-06-30"
LIBRARY = Path(kb.__file__).parents[1] / "protocols" / "library"
BLOCK = re.compile(r"^```yaml (bad|good)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

PROTOCOL = """\
format: 1
id: example
version: "1.0.0"
title: Low pressure
question: What next?
purpose: educational
updated: 2026-01-27
start: call
steps:
  call:
    do: Call for help
    call: senior clinician
    priority: stat
    strength: strong
    cites: [S01]
"""
STATEMENTS = """\
format: 1
protocol: example
source:
  title: A page about low pressure
references:
  R1:
    title: A page about low pressure
    kind: guideline
statements:
"""
POLICY = """\
format: 1
approval:
  roles: [clinical-lead, pharmacist]
  signatures: required
people:
  ada-king:
    name: Ada King
    roles: [author, pharmacist]
  ben-lee:
    name: Ben Lee
    roles: [clinical-lead]
    keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMSSAHcccCCmepmyFEVp0YCEEFv/ONaASfDrIMpowebq]
"""
STATEMENT = "  {id}:\n    says: {says}\n    kind: {kind}\n    cites: [R1]\n"
BEYOND = re.compile(r"KB(4[678]|51)\d")
"""Rules that look at a whole protocol. The short examples of other pages are not held to them."""


EXAMPLES = [
    pytest.param(page.stem, kind, text, id=f"{page.stem}-{kind}")
    for page in sorted(PAGES.glob("KB[3-8]*.md"))
    if not page.stem.startswith("KB81")  # `kb prove` says these: tests/prover/test_properties.py
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8"))
]


def base_with(text: str, folder: Path) -> tuple[Base, Path]:
    """A knowledge base around one example; and the file that the example is."""
    named = re.match(r"# file: (\S+)\n", text)
    shutil.copytree(LIBRARY, folder / "protocols" / "library")
    home = folder / "protocols" / "example"
    home.mkdir()
    id = re.search(r"^id: (\S+)", text, re.MULTILINE)
    if id is not None and id[1] != "example":
        home.rename(home := home.parent / id[1])
    told = dict(re.findall(r"^# (S\d+) says: (.+)$", text, re.MULTILINE))
    cited = {"S01", *told} | ({"S02"} if "S02" in text else set())
    made = [
        STATEMENT.format(id=each, says=told.get(each, "What the page says"), kind="dose" if each in told else "act")
        for each in sorted(cited)
    ]
    files = {
        home / "1.0.0.yaml": PROTOCOL,
        home / "statements.yaml": (STATEMENTS + "".join(made)).replace("protocol: example", f"protocol: {home.name}"),
    }
    own = home / "1.0.0.yaml"
    if named is not None:
        name = Path(named[1]).name
        own = {
            "data.yaml": folder / "protocols" / "library" / name,
            "drugs.yaml": folder / "protocols" / "library" / name,
            "local.yaml": folder / name,
            "policy.yaml": folder / "protocols" / name,
        }.get(name, home / ("scenarios/" + name if "scenario" in named[1] else name))
        if "/reviews/" in named[1]:
            own = home / "reviews" / name
            files[folder / "protocols" / "policy.yaml"] = POLICY
    files[own] = text
    stub = home.parent / "adult-cardiac-arrest"
    stub.mkdir()
    adults = PROTOCOL.replace("start:", "applies: age >= 18 years\nstart:")
    files[stub / "0.1.0.yaml"] = adults.replace("id: example", "id: adult-cardiac-arrest").replace("1.0.0", "0.1.0")
    files[stub / "statements.yaml"] = STATEMENTS.replace("example", "adult-cardiac-arrest") + STATEMENT.format(
        id="S01", says="What the page says", kind="act"
    )
    for path, content in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return Base(folder), own


@pytest.mark.parametrize(("page", "kind", "text"), EXAMPLES)
def test_an_example_gives_exactly_what_it_is_marked_with(page: str, kind: str, text: str, tmp_path: Path) -> None:
    base, own = base_with(text, tmp_path)
    found = [item for item in base.examine(at=DAY).diagnostics if item.span.file == str(own)]
    if page != "KB732":  # nearly every local number is to be read twice; only its own page is about that
        found = [item for item in found if item.code != "KB732"]
    expected = {
        (number, code)
        for number, line in enumerate(text.splitlines(), start=1)
        for code in re.findall(r"# expect: (KB\d+)", line)
    }
    if not BEYOND.fullmatch(page):
        found = [item for item in found if not BEYOND.fullmatch(item.code)]
    assert {(item.span.line, item.code) for item in found} == expected, found
    assert (page in {code for _, code in expected}) == (kind == "bad")


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_page_that_says_what_why_and_what_to_do(code: str) -> None:
    text = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {code} {CODES[code].name}\n")
    assert "**Why it matters.**" in text
    assert "**What to do.**" in text


def test_every_page_is_about_a_code() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == set(CODES)


@pytest.mark.parametrize("code", sorted(code for code in CODES if code[2] in "45"))
def test_every_rule_of_the_linter_has_a_bad_and_a_good_example(code: str) -> None:
    kinds = [kind for kind, _ in BLOCK.findall((PAGES / f"{code}.md").read_text(encoding="utf-8"))]
    assert sorted(set(kinds)) == ["bad", "good"]
