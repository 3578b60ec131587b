"""What is installed, what is missing, what it is for and how to get it. Needs the standard library only.

Packages and their ranges are read from the distribution's own metadata (in a checkout, from pyproject.toml): there is
no second list.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import kb
from kb.folders import find_base, protocols_in

DISTRIBUTION = "guideline-kb"
PURPOSE = {  # what an extra is for; which there are is in the metadata
    "authoring": "the command `kb`: reading YAML, checking, compiling, drawing",
    "site": "building the documentation site",
    "signing": "signed reviews: `kb review --sign`, and checking signatures",
    "editor": "the language server `kb lsp`",
    "prove": "`kb prove`: properties for all patients, with the solver Z3",
    "dev": "the checks of this repository (make test)",
    "bench": "the benchmarks",
}
PROGRAMS = {  # programs of the system, none of them needed
    "dot": "kb show --format svg --engine system (Graphviz); without it kb draws in process",
    "git": "kb try --once and --since: comparing with what was committed",
    "node": "the tests of the editor's language server",
}


class Row(NamedTuple):
    """One thing looked at. `state`: fine, missing, wrong (needed and not right), note. `get`: how to get it."""

    group: str
    name: str
    state: str
    told: str
    get: str = ""


def examine(base: Path | None = None) -> tuple[Row, ...]:
    """Everything, in the order in which it is told; `base` as for `--base`."""
    return (*_itself(), *_extras(), *_programs(), *_base(base), *_surroundings())


def healthy(rows: Iterable[Row]) -> bool:
    """Whether all that is needed for what is installed is there and in its range."""
    return not any(row.state == "wrong" for row in rows)


def as_text(rows: Iterable[Row]) -> str:
    """A line for each row, under its group; what to do stands below what is not right."""
    marks = {"fine": "ok   ", "missing": "-    ", "wrong": "WRONG", "note": "note "}
    lines: list[str] = []
    group = ""
    for row in rows:
        if row.group != group:
            lines += ["", row.group] if lines else [row.group]
            group = row.group
        lines.append(f"  {marks[row.state]}  {row.name}: {row.told}")
        if row.get and (row.name == "all of it" or not row.group.startswith("extra ")):
            lines.append(f"           {row.get}")
    return "\n".join(lines) + "\n"


def as_json(rows: Iterable[Row]) -> dict[str, object]:
    """Plain data: `healthy`, and the rows by the names of their fields."""
    rows = tuple(rows)
    return {"healthy": healthy(rows), "rows": [row._asdict() for row in rows]}


# ---------------------------------------------------------------- packages


class Requirement(NamedTuple):
    """`name>=low,<high` of one extra; empty `extra`: always needed."""

    extra: str
    name: str
    range: str


_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)""")


def requirements() -> tuple[str, tuple[Requirement, ...]]:
    """Where the ranges come from, and what is required."""
    checkout = Path(__file__).parent.parent / "pyproject.toml"
    project = tomllib.loads(checkout.read_text(encoding="utf-8")).get("project", {}) if checkout.is_file() else {}
    if project.get("name") == DISTRIBUTION:
        listed = [("", each) for each in project["dependencies"]]
        listed += [(extra, each) for extra, every in project["optional-dependencies"].items() for each in every]
        return "this checkout", tuple(_requirement(each, extra) for extra, each in listed)
    try:
        return "the installed package", tuple(_requirement(each) for each in metadata.requires(DISTRIBUTION) or ())
    except metadata.PackageNotFoundError:
        return "", ()


def _requirement(text: str, extra: str = "") -> Requirement:
    match = _REQUIREMENT.match(text)
    assert match is not None, text
    named = _EXTRA.search(match[3] or "")
    return Requirement(named[1] if named else extra, match[1], match[2].replace(" ", ""))


def within(version: str, range: str) -> bool | None:
    """Whether `version` is in `>=1.2,<2`; None where that cannot be told."""
    verdict: bool | None = True
    for part in filter(None, range.split(",")):
        match = re.fullmatch(r"(>=|<=|<|>|==)([\d.]+)", part)
        digits = re.match(r"\d+(?:\.\d+)*", version)
        if match is None or digits is None:
            verdict = None
            continue
        have, want = ([int(number) for number in text.strip(".").split(".")] for text in (digits[0], match[2]))
        width = max(len(have), len(want))
        have, want = have + [0] * (width - len(have)), want + [0] * (width - len(want))
        held = {">=": have >= want, "<=": have <= want, "<": have < want, ">": have > want, "==": have == want}[
            match[1]
        ]
        if not held:
            return False
    return verdict


def _itself() -> Iterator[Row]:
    python = platform.python_version()
    new = sys.version_info >= (3, 11)
    get = "" if new else "install Python 3.11 or newer"
    yield Row("kb", "Python", "fine" if new else "wrong", f"{python} at {sys.executable}", get)
    yield Row("kb", "kb", "fine", f"{kb.__version__} in {Path(__file__).parent}")


def _extras() -> Iterator[Row]:
    source, wanted = requirements()
    if not source:
        yield Row("kb", "packages", "note", "kb is not installed as a package: what it needs cannot be read")
    for extra in dict.fromkeys(each.extra for each in wanted):
        members = [each for each in wanted if each.extra == extra]
        versions = {each.name: _version(each.name) for each in members}
        there = sum(version is not None for version in versions.values())
        # pip does not record extras: one is there when all its packages are. Half of what `kb` itself needs is a fault.
        needed = there == len(members) or not extra or (extra == "authoring" and there > 0)
        get = f"pip install '{DISTRIBUTION}{f'[{extra}]' if extra else ''}'"
        group = f"extra {extra}" if extra else "needed always"
        state = "fine" if there == len(members) else "wrong" if needed else "missing"
        told = f"{PURPOSE.get(extra, '')} ({there} of {len(members)} packages)"
        yield Row(group, "all of it", state, told, "" if state == "fine" else get)
        for each in members:
            version = versions[each.name]
            if version is None:
                yield Row(group, each.name, "wrong" if needed else "missing", f"needs {each.range}", get)
            elif within(version, each.range) is False:
                state = "wrong" if needed else "missing"
                yield Row(
                    group,
                    each.name,
                    state,
                    f"{version} is outside {each.range}",
                    f"pip install '{each.name}{each.range}'",
                )
            else:
                yield Row(group, each.name, "fine", f"{version} ({each.range})")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _programs() -> Iterator[Row]:
    for name, purpose in PROGRAMS.items():
        path = shutil.which(name)
        yield Row("system", name, "fine" if path else "missing", f"{path or 'not found'}: {purpose}")


# ---------------------------------------------------------------- the base, and what is around


def _base(given: Path | None) -> Iterator[Row]:
    found = find_base(given)
    folder = found.path / "protocols"
    protocols = protocols_in(folder)
    if not folder.is_dir():
        told = f"{found.path} has no folder protocols/ ({found.why})"
        yield Row("base", "folder", "wrong" if given else "missing", told, "kb init DIR makes a base")
        return
    yield Row("base", "folder", "fine", f"{found.path.resolve()}: {found.why}; {len(protocols)} protocols")
    unread = [file for file in sorted((folder / "library").glob("*.yaml")) if not os.access(file, os.R_OK)]
    library = (folder / "library").is_dir() and not unread
    told = "can be read" if library else f"cannot be read: {', '.join(map(str, unread)) or folder / 'library'}"
    yield Row("base", "library", "fine" if library else "wrong", told, "" if library else "kb init DIR makes one")
    local = found.path / "local.yaml"
    if local.is_file():
        readable = os.access(local, os.R_OK)
        yield Row("base", "local.yaml", "fine" if readable else "wrong", str(local) if readable else "cannot be read")
    else:
        yield Row("base", "local.yaml", "note", "none: what each hospital sets itself is told as `needs local policy`")
    writable = os.access(folder, os.W_OK)
    yield Row("base", "writing", "fine" if writable else "note", "allowed" if writable else "not allowed: read only")


def _surroundings() -> Iterator[Row]:
    encoding = sys.stdout.encoding or "unknown"
    try:
        "≥ → é".encode(encoding)
        shown = True
    except (LookupError, UnicodeEncodeError):
        shown = False
    told = encoding if shown else f"{encoding} cannot show `≥` or `→`; a question mark stands for them"
    yield Row("here", "terminal", "fine" if shown else "note", told, "" if shown else "set PYTHONIOENCODING=utf-8")
    yield _locks()
    if _version("pyyaml") is not None:
        fast = importlib.util.find_spec("yaml._yaml") is not None
        told = "the C parser reads YAML" if fast else "PyYAML was built without its C parser, which kb reads YAML with"
        yield Row(
            "here", "YAML", "fine" if fast else "wrong", told, "" if fast else "pip install --force-reinstall pyyaml"
        )


def _locks() -> Row:
    """Whether one writer can keep others off a journal, in the folder for temporary files."""
    try:
        import fcntl
    except ImportError:
        return Row("here", "file locks", "note", "this system has no POSIX file locks: sessions are refused here")
    try:
        with tempfile.TemporaryFile() as one:
            fcntl.flock(one.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as failed:
        return Row("here", "file locks", "note", f"do not work here ({failed.strerror}): sessions would be refused")
    return Row("here", "file locks", "fine", "work: a session has one writer")
