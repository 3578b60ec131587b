"""What every report format is made from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kb.codes import CODES
from kb.diagnostics import Diagnostic, Severity, in_reading_order
from kb.source import MAX_BYTES


class Lines:
    """Lines of files, each file read once; `sources` is the text of files already at hand."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.files = {file: _split(text) for file, text in sources.items()}

    def line(self, file: str, number: int) -> str | None:
        """The line counted from 1, or None where there is none."""
        if file not in self.files:
            text = ""
            try:
                if Path(file).is_file():  # opening a pipe would wait for ever
                    with Path(file).open("rb") as stream:
                        text = stream.read(MAX_BYTES).decode("utf-8", "replace")
            except (OSError, ValueError):
                pass
            self.files[file] = _split(text)
        lines = self.files[file]
        return lines[number - 1] if 0 < number <= len(lines) and lines != [""] else None


def _split(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command could not run. `code` where there is a stable one."""

    message: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was tried: a file that was checked, a scenario that was run. `failures`: what went wrong."""

    group: str
    name: str
    file: str
    line: int = 1
    failures: tuple[str, ...] = ()
    details: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one run found. `diagnostics` are in reading order; `files` were checked; `root`: see `path_below`.

    `cases` is what a scenario run tried; a check has none, its cases are its files. `allowed` are warnings that the
    files accept; they are no part of `diagnostics`.
    """

    diagnostics: tuple[Diagnostic, ...] = ()
    files: tuple[str, ...] = ()
    refusal: Refusal | None = None
    cases: tuple[Case, ...] = ()
    root: Path = Path()
    lines: Lines = field(default_factory=lambda: Lines({}))
    allowed: tuple[Diagnostic, ...] = ()

    @property
    def errors(self) -> int:
        return sum(one.severity is Severity.ERROR for one in self.diagnostics)

    @property
    def warnings(self) -> int:
        return sum(one.severity is Severity.WARNING for one in self.diagnostics)

    @property
    def notes(self) -> int:
        return len(self.diagnostics) - self.errors - self.warnings


Renderer = Callable[[Report], str]


def report_of(
    diagnostics: Iterable[Diagnostic],
    files: Iterable[Path] = (),
    refusal: Refusal | None = None,
    cases: Iterable[Case] = (),
    allowed: Iterable[Diagnostic] = (),
) -> Report:
    """A report for the repository that the reader stands in: places are told from its top."""
    found = in_reading_order(diagnostics)
    root = repository_of(Path.cwd())
    named = tuple(str(file) for file in files)
    return Report(found, named, refusal, tuple(cases), root, allowed=in_reading_order(allowed))


def repository_of(folder: Path) -> Path:
    """The top of the git repository around `folder`, else `folder`: what CI services name files from."""
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)


def path_below(root: Path, file: str) -> tuple[str, bool]:
    """`file` from `root` with forward slashes, and whether it stands below it; else its absolute path."""
    whole = Path(file).absolute()
    parts: list[str] = []
    for part in whole.parts:  # `..` is taken away by its name alone: a link inside the repository keeps its place
        if part == "..":
            parts[-1:] = parts[-1:] if len(parts) == 1 else []
        else:
            parts.append(part)
    whole = Path(*parts)
    if whole.is_relative_to(root):
        return whole.relative_to(root).as_posix(), True
    return whole.as_posix(), False


def name_of(code: str) -> str:
    """`KB301 not-understood`."""
    return f"{code} {CODES[code].name}" if code in CODES else code


def in_full(one: Diagnostic) -> str:
    """Message, help and reason, each on its line."""
    parts = [one.message, f"help: {one.help}" if one.help else "", f"why: {one.why}" if one.why else ""]
    return "\n".join(part for part in parts if part)


def counted(number: int, word: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {word}" + ("" if number == 1 else "s")


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def storable(text: str) -> str:
    """`text` with what neither XML nor UTF-8 can hold shown as U+FFFD."""
    return _NO_XML.sub("\ufffd", text)
