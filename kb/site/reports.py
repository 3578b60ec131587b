"""What takes too long for every build: proofs, what a version changes, the check. Worked out once and kept.

A report is kept with a digest of everything it rests on: files of the base, the compiled Programs, and the sources of
this package. One that rests on something else than what is there now is passed over, never shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kb.base import Base, Examined
from kb.comparison.report import as_json
from kb.diagnostics import Diagnostic
from kb.prover.solver import HINT, SolverMissingError
from kb.site.dossier import Reports

FOLDER = Path("out", "reports")  # in a base
CHECK = "check"
Version = tuple[str, str]
Telling = Callable[[list[str]], Iterable[str]]


class ReportStore:
    """The reports of one base. Reading never works anything out; `work_out` does, and keeps it."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.folder = base.path / FOLDER

    def kept(self) -> dict[Version, Reports]:
        """For each version of each protocol the reports that are about it as it is now."""
        return {
            version: Reports(self._read("proofs", *version), self._read("changes", *version))
            for version in self._versions()
        }

    def check(self) -> Mapping[str, Any] | None:
        """What `kb check` said of the base as it is now; None where nobody has asked it."""
        return _report(self.folder / f"{CHECK}.json", self._check_key())

    def keep_check(self, examined: Examined) -> None:
        """Keep what a check has just found."""
        report = {
            "files": len(examined.files),
            "found": [self._told(item) for item in examined.diagnostics],
            "allowed": [self._told(item) for item in examined.allowed],
        }
        self._write(f"{CHECK}.json", self._check_key(), report)

    def work_out(self, told: Telling = iter) -> dict[Version, Reports]:
        """As `kept`, with what is missing worked out first; `told` is given what that is, and yields each in its turn.

        Raises:
            SolverMissingError: something is missing, and the solver is not installed.

        """
        missing = {
            f"{id}@{version} {kind}": (kind, id, version)
            for id, version in self._versions()
            for kind in ("proofs", "changes")
            if self._key(kind, id, version) and self._read(kind, id, version) is None
        }
        for name in told(list(missing)) if missing else ():
            kind, id, version = missing[name]
            made = self._proofs(id, version) if kind == "proofs" else self._changes(id, version)
            self._write(f"{id}@{version}.{kind}.json", self._key(kind, id, version), made)
        return self.kept()

    # ------------------------------------------------------------ one report

    def _proofs(self, id: str, version: str) -> Mapping[str, Any]:
        return next(iter(self.base.prove([f"{id}@{version}"]))).to_json()

    def _changes(self, id: str, version: str) -> Mapping[str, Any]:
        found = self.base.diff(f"{id}@{self._before(id, version)}", f"{id}@{version}")
        if found.behaviour is None:
            raise SolverMissingError(HINT)
        return as_json(found)

    def _before(self, id: str, version: str) -> str:
        """The version before; empty for the first."""
        versions = self.base.protocols()[id]
        place = versions.index(version)
        return versions[place - 1] if place else ""

    def _told(self, item: Diagnostic) -> dict[str, Any]:
        file = Path(item.span.file)
        if file.is_relative_to(self.base.path):
            file = file.relative_to(self.base.path)
        made = {
            "code": item.code,
            "severity": item.severity.value,
            "file": file.as_posix(),
            "line": item.span.line,
            "message": item.message,
            "help": item.help or "",
        }
        if item.allowed is not None:
            made |= {"because": item.allowed.because, "by": item.allowed.by, "until": item.allowed.until}
        return made

    # ------------------------------------------------------------ what a report rests on

    def _versions(self) -> Iterable[Version]:
        return ((id, version) for id, versions in self.base.protocols().items() for version in versions)

    def _key(self, kind: str, id: str, version: str) -> str:
        """Of all that a report rests on; empty where there is nothing to report."""
        wanted = [version] if kind == "proofs" else [self._before(id, version), version]
        if not all(wanted):
            return ""
        parts = [kind.encode(), _sources()]
        for each in wanted:
            program = self.base.program(id, each)[0]
            if program is None:
                return ""
            parts += [program.logic_digest.encode(), program.text_digest.encode()]
            parts.append((self.base.protocols_path / id / f"{each}.yaml").read_bytes())
        files = sorted((self.base.protocols_path / "library").glob("*.yaml"))
        files += self.base.scenario_files(id) if kind == "changes" else []
        return _digest([*parts, *(file.read_bytes() for file in files)])

    def _check_key(self) -> str:
        files = [*sorted(self.base.protocols_path.rglob("*.*")), self.base.path / "local.yaml"]
        parts = [_sources()]
        for file in files:
            if file.is_file():
                parts += [file.relative_to(self.base.path).as_posix().encode(), file.read_bytes()]
        return _digest(parts)

    def _read(self, kind: str, id: str, version: str) -> Mapping[str, Any] | None:
        file = self.folder / f"{id}@{version}.{kind}.json"
        if not file.is_file():
            return None
        key = self._key(kind, id, version)
        return _report(file, key) if key else None

    def _write(self, name: str, key: str, report: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"rests_on": key, "report": report}, ensure_ascii=False, indent=1)
        (self.folder / name).write_text(text + "\n", "utf-8")


def _report(file: Path, key: str) -> Mapping[str, Any] | None:
    try:
        held = json.loads(file.read_bytes())
        report = held["report"] if held["rests_on"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return report if isinstance(report, dict) else None


def _digest(parts: Iterable[bytes]) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(b"%d:" % len(part) + part)
    return made.hexdigest()


@cache
def _sources() -> bytes:
    """Of what works reports out: this package without its faces."""
    package = Path(__file__).parents[1]
    faces = {"cli", "editor", "scaffold", "site", "templates"}
    files = [file for file in sorted(package.rglob("*.py")) if file.relative_to(package).parts[0] not in faces]
    return _digest(file.read_bytes() for file in files).encode()
