"""What the tests of this folder share: a small complete protocol, and ways to load what a test writes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from kb import model
from kb.diagnostics import Diagnostic
from kb.loader.evidence import load_evidence
from kb.loader.library import load_library
from kb.loader.plain import load_local
from kb.loader.protocol import load_protocol, load_protocol_text
from kb.loader.scenarios import load_scenarios
from kb.source import read_text
from kb.validator import check_shape

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "protocols" / "library"
PAGES = sorted((ROOT / "kb" / "explain").glob("KB[12]*.md"))
BLOCK = re.compile(r"^```yaml (bad|good)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SMALL = """\
format: 1
id: example
version: "1.0.0"
title: Low pressure
question: What next?
purpose: educational
updated: 2026-01-27
start: pressure
steps:
  pressure:
    decide: Is the pressure low?
    cases:
      - when: map < 65 mmHg
        go: call
      - else: watch
  call:
    do: Call for help
    call: senior clinician
    priority: stat
    cites: [S01]
  watch:
    end: The pressure is where it should be
"""


@cache
def library() -> model.Library:
    found, problems = load_library(LIBRARY)
    assert found is not None, problems
    return found


def load(text: str) -> tuple[model.Protocol | None, list[Diagnostic]]:
    return load_protocol_text(text, "example.yaml", library())


def loaded(text: str) -> model.Protocol:
    protocol, problems = load(text)
    assert protocol is not None, problems
    return protocol


def changed(old: str, new: str, text: str = SMALL) -> str:
    assert old in text
    return text.replace(old, new, 1)


def told(text: str) -> list[tuple[str, int, str, str]]:
    """Code, line, message and help of everything found in `text`."""
    return [(one.code, one.span.line, one.message, one.help or "") for one in load(text)[1]]


def kind_of(file: str) -> str:
    """The kind of file by its name, as in `# file: data.yaml`."""
    name = Path(file).name
    kinds = {"data.yaml": "data", "drugs.yaml": "drugs", "units.yaml": "units", "statements.yaml": "statements"}
    return kinds.get(name, "scenario" if "scenario" in file else "local" if name == "local.yaml" else "protocol")


def check_file(path: Path, kind: str) -> list[Diagnostic]:
    """Everything the loader finds in one file; a library file is loaded among the shipped ones."""
    match kind:
        case "protocol":
            return load_protocol(path, library())[1]
        case "statements":
            return load_evidence(path)[1]
        case "scenario":
            return load_scenarios(path)[1]
        case "local":
            return load_local(path)[1]
    for name in ("units.yaml", "data.yaml", "drugs.yaml"):
        if name != path.name:
            (path.parent / name).write_bytes((LIBRARY / name).read_bytes())
    return load_library(path.parent)[1]


def is_accepted(text: str, kind: str) -> bool:
    source = read_text(text, "file.yaml")
    return source.root is not None and not source.diagnostics and not check_shape(source.root, kind).diagnostics
