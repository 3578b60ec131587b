"""A knowledge base: a folder with `protocols/`, its library, statements and scenarios.

protocols/library/{units,data,drugs}.yaml
protocols/<id>/<version>.yaml, statements.yaml, scenarios/*.yaml, reviews/<version>.yaml, approved/<version>.json
protocols/policy.yaml, approved.lock
local.yaml
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kb import model
from kb.codes import OF_PROGRAMS, found
from kb.compiler import compile_protocol
from kb.diagnostics import Diagnostic, Span, has_errors, in_reading_order
from kb.expression.library import check_library
from kb.folders import VERSION, default_base, protocols_in
from kb.ledger import Ledger
from kb.linter import allowances, lint_dates, lint_library
from kb.loader.evidence import load_evidence
from kb.loader.library import load_library
from kb.loader.plain import load_local
from kb.loader.protocol import load_protocol, load_protocol_text
from kb.loader.scenarios import ScenarioFile, load_scenarios
from kb.local_check import check_local
from kb.lock import NAME, POLICY
from kb.program import Program
from kb.shared import check_shared
from kb.source import Reading, read_source
from kb.store import latest

if TYPE_CHECKING:
    from kb.comparison import Comparison
    from kb.interpreter import Guideline
    from kb.mutation.report import Strength
    from kb.prover.verdict import Proofs
    from kb.scenarios import Scenario


class DiffError(ValueError):
    """Two versions cannot be compared; the message says why. `code` is stable, `found` what is wrong in the files."""

    def __init__(self, message: str, found: tuple[Diagnostic, ...] = (), code: str = "") -> None:
        super().__init__(message)
        self.found = found
        self.code = code


class _State(NamedTuple):
    """One side of a comparison. `worked`: the scenarios of this version; `known`: the ids of those of any version;
    `renamed`: the steps that it says had another id before.
    """

    program: Program
    guideline: Guideline
    worked: dict[str, Scenario]
    known: frozenset[str]
    renamed: dict[str, str]


class Examined(NamedTuple):
    """What a check found, the files it looked at, and the warnings that are allowed in place."""

    diagnostics: tuple[Diagnostic, ...]
    files: tuple[Path, ...]
    allowed: tuple[Diagnostic, ...] = ()


class Base:
    """One folder. Nothing is read until it is asked for; what was read is kept until `forget`.

    `read` reads a file: from the disk, or what an editor holds of it and has not saved.
    """

    def __init__(self, path: str | Path, read: Reading = read_source) -> None:
        self.path = Path(path)
        self.read = read
        self.protocols_path = self.path / "protocols"
        self._compiled: dict[Path, tuple[Program | None, tuple[Diagnostic, ...]]] = {}
        self._inspected: dict[Path, tuple[Diagnostic, ...]] = {}
        self._allowed: dict[Path, tuple[Diagnostic, ...]] = {}
        self._read: dict[Path, model.Protocol | None] = {}
        self._scenario_files: dict[Path, tuple[ScenarioFile | None, list[Diagnostic]]] = {}
        self._scenarios: dict[Path, tuple[tuple[Scenario, ...], tuple[Diagnostic, ...]]] = {}
        self.ledger = Ledger(self.protocols_path, read)

    def __repr__(self) -> str:
        return f"Base({str(self.path)!r})"

    @cached_property
    def _library(self) -> tuple[model.Library, tuple[Diagnostic, ...]]:
        library, diagnostics = load_library(self.protocols_path / "library", self.read)
        if library is None:
            return model.Library({}, {}, {}, {}), tuple(diagnostics)
        linted = lint_library(library)
        self._allowed[self.protocols_path / "library"] = tuple(item for item in linted if item.allowed is not None)
        told = (item for item in linted if item.allowed is None)
        return library, (*diagnostics, *check_library(library), *check_shared(library), *told)

    def forget(self, file: Path) -> None:
        """Read anew what rests on `file`, because it has changed: everything, if it is of the library."""
        for name in ("_protocols", "_held"):
            self.__dict__.pop(name, None)
        self._scenario_files.pop(file, None)
        self._scenarios.pop(file, None)
        self.ledger.forget()
        if file.name == POLICY or file.parent.name == "reviews":
            self._compiled.clear()
        if file.parent == self.protocols_path / "library":
            self.__dict__.pop("_library", None)
            self._compiled.clear()
            self._inspected.clear()
        # A version rests on its own file and on what all versions share, never on the file of another version.
        alone = VERSION.fullmatch(file.stem) is not None
        for known in [
            known for known in self._compiled if known == file or (known.parent == file.parent and not alone)
        ]:
            del self._compiled[known]
            self._inspected.pop(known, None)
        for known in [known for known in self._inspected if self._hands_over_to(known, file.parent.name)]:
            del self._inspected[known]

    def _hands_over_to(self, file: Path, id: str) -> bool:
        program = self._compiled[file][0] if file in self._compiled else None
        return program is not None and any(step.hand_over.partition("@")[0] == id for step in program.steps)

    @property
    def library(self) -> model.Library:
        return self._library[0]

    def protocols(self) -> dict[str, list[str]]:
        """Ids and, for each, its versions, lowest first."""
        return self._protocols

    @cached_property
    def _protocols(self) -> dict[str, list[str]]:
        return protocols_in(self.protocols_path)

    def file(self, id: str, version: str | None = None) -> Path | None:
        """The file of a protocol version (the latest by default), or None where there is none."""
        versions = self.protocols().get(id)
        if not versions or (version is not None and version not in versions):
            return None
        return self.protocols_path / id / f"{version or latest(versions)}.yaml"

    def named(self, name: str) -> list[str]:
        """What `name` asks for: itself, or where it is a file of this base, the protocols that the file is about.

        A protocol file is about its version, statements and scenarios about every version; the library, the review
        policy, the lock and `local.yaml` about all protocols.
        """
        path = Path(name)
        if name.partition("@")[0] in self.protocols() or not path.exists():
            return [name]
        try:
            parts = path.resolve().relative_to(self.path.resolve()).parts
        except ValueError:
            return [name]
        everything = ((), ("protocols",), ("local.yaml",), ("protocols", POLICY), ("protocols", NAME))
        if parts in everything or parts[:2] == ("protocols", "library"):
            return list(self.protocols())
        if parts[0] != "protocols":
            return [name]
        versioned = len(parts) == 3 and VERSION.fullmatch(path.stem)
        return [f"{parts[1]}@{path.stem}" if versioned else parts[1]]

    def scenario_files(self, id: str) -> list[Path]:
        return sorted((self.protocols_path / id / "scenarios").glob("*.yaml"))

    def scenario_files_of(self, file: Path) -> list[Path]:
        """The scenario files of a protocol file: they stand in `scenarios/` beside it."""
        return sorted((file.parent / "scenarios").glob("*.yaml"))

    def findings(self, file: Path) -> tuple[Diagnostic, ...]:
        """Everything wrong with one protocol file, its scenarios and review records, the library and `local.yaml`."""
        diagnostics = [*self._library[1], *self.local()[1], *self.compile(file)[1]]
        diagnostics += (item for item in self.inspect(file) if item.allowed is None)
        if self.ledger.file(file.parent.name, file.stem).exists():
            diagnostics += self.ledger.check_version(file.parent.name, file.stem, self.compile(file)[0])
        for each in self.scenario_files_of(file):
            diagnostics += self.scenarios(each)[1]
        return in_reading_order((*diagnostics, *self._hand_overs_of(file)))

    def scenarios(self, file: Path) -> tuple[tuple[Scenario, ...], tuple[Diagnostic, ...]]:
        """The worked patients of one file, and everything wrong with the file."""
        if file not in self._scenarios:
            from kb.scenarios import load_scenario_files

            self._scenarios[file] = load_scenario_files([file], self._scenario_file)
        return self._scenarios[file]

    def _scenario_file(self, file: Path) -> tuple[ScenarioFile | None, list[Diagnostic]]:
        """One file of worked patients as it stands: what checks it and what runs it read it once."""
        if file not in self._scenario_files:
            self._scenario_files[file] = load_scenarios(file, self.read)
        return self._scenario_files[file]

    def compile(self, file: Path) -> tuple[Program | None, tuple[Diagnostic, ...]]:
        """The Program of a protocol file of this base with its review state, and all that is found but not allowed."""
        if file not in self._compiled:
            protocol, diagnostics = load_protocol(file, self.library, self.read)
            self._read[file] = protocol
            program: Program | None = None
            linted: tuple[Diagnostic, ...] = ()
            if protocol is not None and not has_errors(self._library[1]):
                program, linted = compile_protocol(protocol, self.library)
            if program is not None and self.protocols_path / program.id / f"{program.version}.yaml" == file:
                program = self.ledger.reviewed(program)
            found = in_reading_order((*diagnostics, *linted))
            self._compiled[file] = program, tuple(item for item in found if item.allowed is None)
            self._allowed[file] = tuple(item for item in found if item.allowed is not None)
        return self._compiled[file]

    def inspect(self, file: Path) -> tuple[Diagnostic, ...]:
        """What is found by looking at all patients of a protocol file, what is allowed in place among it; nothing
        where it does not compile.
        """
        program, protocol = self.compile(file)[0], self._read[file]
        if program is None or protocol is None:
            return ()
        if file not in self._inspected:
            from kb.inspector import inspect_program

            evidence = protocol.evidence.allowances if protocol.evidence is not None else ()
            given = (*protocol.allowances, *evidence, *self.library.allowances)
            made = allowances.settle(
                inspect_program(protocol, program, self.library.elements, self._targets(program)), given
            )
            own = [item for item in protocol.allowances if item.code in OF_PROGRAMS]
            self._inspected[file] = in_reading_order((*made, *allowances.unused(own, made, dated=False)))
        return self._inspected[file]

    def digests(self, file: Path, text: str) -> tuple[str, str] | None:
        """Logic and text digest of the Program that `text` makes if it stands in `file`; None where it makes none."""
        beside = file.parent / "statements.yaml"
        evidence = load_evidence(beside)[0] if beside.is_file() else None
        protocol, _ = load_protocol_text(text, str(file), self.library, evidence)
        program = None if protocol is None else compile_protocol(protocol, self.library)[0]
        return None if program is None else (program.logic_digest, program.text_digest)

    def program(self, id: str, version: str | None = None) -> tuple[Program | None, tuple[Diagnostic, ...]]:
        """The Program of a protocol, or None and the diagnostics that say why not."""
        file = self.file(id, version)
        if file is None:
            return None, (self._no_such_protocol(id, version),)
        program, diagnostics = self.compile(file)
        return program, in_reading_order((*self._library[1], *diagnostics))

    def prove(
        self,
        ids: Iterable[str] = (),
        properties: Iterable[str] = (),
        seconds: float | None = None,
        told: Callable[[list[str]], Iterable[str]] = iter,
        moments: int = 3,
    ) -> Iterator[Proofs]:
        """What `kb prove` says of the protocols `ids` (the latest version of all by default), one after the other.

        Args:
            properties: ids of the properties wanted; all, if left out.
            seconds: how long one question may take; by default its work is bounded, the same on every machine.
            told: is given what is to be proved and yields each as its turn comes.
            moments: over how many looks the claims over time are proved; 0: none of them.

        Raises:
            ValueError: there is no such protocol, or it has errors.
            SolverMissingError: the solver is not installed.

        """
        from kb.prover.verdict import prove

        wanted = list(properties)
        for id in list(ids) or list(self.protocols()):
            name, _, version = id.partition("@")
            program, diagnostics = self.program(name, version or None)
            protocol = self.protocol(name, version or None) if program is not None else None
            if program is None or protocol is None:
                raise ValueError("; ".join(item.message for item in diagnostics) or f"{id} cannot be compiled")
            yield prove(protocol, self.library, program, wanted, seconds, told, moments)

    def protocol(self, id: str, version: str | None = None) -> model.Protocol | None:
        """The protocol as its editors wrote it, or None where it cannot be read."""
        file = self.file(id, version)
        if file is None:
            return None
        self.compile(file)
        return self._read[file]

    def mutate(
        self,
        id: str,
        version: str | None = None,
        classes: Iterable[str] = (),
        sample: int | None = None,
        seed: int = 0,
        jobs: int = 1,
        told: Callable[[list[str]], Iterable[str]] = iter,
    ) -> Strength:
        """What notices small faults in a protocol without errors: see `kb.mutation.run.mutate`.

        Raises:
            KeyError: there is no such protocol, or it has errors.

        """
        from kb.mutation.run import mutate

        protocol = self.protocol(id, version)
        if protocol is None or self.program(id, version)[0] is None:
            raise KeyError(id)
        newest = latest(self.protocols()[id])
        held = [item for file in self.scenario_files(id) for item in self.scenarios(file)[0]]
        scenarios = [item for item in held if (item.version or newest) == protocol.version]
        return mutate(protocol, self.library, scenarios, classes, sample, seed, jobs, told)

    def local(self) -> tuple[dict[str, Any], tuple[Diagnostic, ...]]:
        """The content of `local.yaml`, empty where there is none, and what is wrong with its form."""
        path = self.path / "local.yaml"
        if not path.exists():
            return {}, ()
        local, diagnostics = load_local(path, self.read)
        return {} if local is None else local.settings, tuple(diagnostics)

    def diff(
        self, before: str, after: str | None = None, *, rev: str | None = None, renamed: Mapping[str, str] | None = None
    ) -> Comparison:
        """What `after` changes against `before`: its words, its worked patients, and who is told otherwise.

        Args:
            before: a version, `id@version`, or a protocol file, or `git:REVISION:FILE`.
            after: the newer one; left out where `rev` says that it is `before` itself.
            rev: compare with what this git revision has of the file.
            renamed: ids of steps of the older version that have another one in the newer, beside those that its own
                `renamed:` lists.

        Raises:
            DiffError: one of them is not there or has errors, or they are two protocols.

        """
        from kb.comparison import compare_versions
        from kb.comparison.trial import trial_of
        from kb.scenarios import run_scenario

        if rev is not None:
            file = self._file_of(before)
            told = os.path.relpath(file.resolve(), self.path.resolve())
            before, after = f"git:{rev}:{Path(told).as_posix()}", before
        old, new = self._state(before), self._state(after or before)
        if old.program.id != new.program.id:
            what = f"`{old.program.id}` and `{new.program.id}` are two protocols"
            raise DiffError(f"{what}; only versions of one protocol are compared", code="KB820")
        known = [step.id for step in old.program.steps], [step.id for step in new.program.steps]
        for mine, theirs in (renamed or {}).items():
            if mine not in known[0] or theirs not in known[1]:
                raise DiffError(
                    f"no step is renamed from `{mine}` to `{theirs}`: one of them is not there", code="KB823"
                )
        listed = {mine: theirs for mine, theirs in new.renamed.items() if mine in known[0]} | dict(renamed or {})
        runs = []
        for own, other in ((old, new), (new, old)):
            results = [run_scenario(own.guideline, each) for each in own.worked.values()]
            for id, each in other.worked.items():  # of a version of its own: run, and nothing is expected of it here
                if id not in own.worked and id in own.known:
                    results.append(run_scenario(own.guideline, each)._replace(mismatches=()))
            runs.append(trial_of(own.program, results))
        return compare_versions(runs[0], runs[1], listed)

    def _file_of(self, name: str) -> Path:
        if name.endswith((".yaml", ".yml")):
            return Path(name)
        id, _, version = name.partition("@")
        file = self.file(id, version or None)
        if file is None:
            raise DiffError(f"there is no protocol `{name}`", (self._no_such_protocol(id, version or None),), "KB703")
        return file

    def _state(self, name: str) -> _State:
        """A version, a file or the file of a git revision, with what its scenarios give."""
        if name.startswith("git:"):
            revision, _, inside = name.removeprefix("git:").partition(":")
            return self._committed(revision, Path(inside), name)
        file = self._file_of(name)
        return (base_around(file) if name.endswith((".yaml", ".yml")) else self)._trial(file, name)

    def _committed(self, revision: str, inside: Path, name: str) -> _State:
        from kb.comparison.revision import unpack

        with tempfile.TemporaryDirectory(prefix="kb-diff-") as folder:
            wrong = unpack(self.path, revision, [Path("protocols/library"), inside.parent], Path(folder))
            if wrong:
                raise DiffError(f"`{name}` cannot be read from git: {wrong}", code="KB824")
            base, file = Base(folder), Path(folder) / inside
            if not file.is_file():
                raise DiffError(f"{revision} has no file {inside.as_posix()}", code="KB824")
            return base._trial(file, name)

    def _trial(self, file: Path, name: str) -> _State:
        from kb.interpreter import Guideline

        if not file.is_file():
            raise DiffError(f"there is no file {file}", code="KB703")
        program, diagnostics = self.compile(file)
        if program is None:
            wrong = in_reading_order((*self._library[1], *diagnostics))
            raise DiffError(f"`{name}` cannot be compared until this is put right", wrong, "KB705")
        worked = [each for beside in self.scenario_files_of(file) for each in self.scenarios(beside)[0]]
        held = {each.id: each for each in worked if each.version in ("", program.version)}
        protocol = self._read[file]
        renamed = {} if protocol is None else {old: ref.id for old, ref in protocol.renamed.items()}
        return _State(program, Guideline(program), held, frozenset(each.id for each in worked), renamed)

    def check_local(self, path: Path | None = None) -> tuple[Diagnostic, ...]:
        """Everything wrong with `local.yaml` (or the file `path`), held against the library and every protocol."""
        if path is None and not (self.path / "local.yaml").exists():
            return ()
        local, diagnostics = load_local(path or self.path / "local.yaml", self.read)
        if local is None or has_errors(self._library[1]):
            return tuple(diagnostics)
        files = [self.file(id, version) for id, versions in self.protocols().items() for version in versions]
        programs = [program for file in files if file is not None and (program := self.compile(file)[0]) is not None]
        held = tuple(check_local(local, self.library, programs))
        if len(programs) < len(files):  # a protocol that cannot be read may have the names that seem to be missing
            held = tuple(item for item in held if item.code != "KB710")
        return in_reading_order((*diagnostics, *held))

    def check(
        self, ids: Iterable[str] = (), told: Callable[[list[str]], Iterable[str]] = iter
    ) -> tuple[tuple[Diagnostic, ...], tuple[Path, ...]]:
        """Everything wrong with the library, `local.yaml` and the protocols `ids` (all by default), scenarios
        among it; and the files checked. What is allowed in place is left out; dates are not looked at.
        """
        return self.examine(ids, told)[:2]

    def examine(
        self, ids: Iterable[str] = (), told: Callable[[list[str]], Iterable[str]] = iter, at: str = ""
    ) -> Examined:
        """As `check`, with what is allowed in place; where a day `at` (year-month-day) is given, with what is no
        longer so on that day. `told` is given the ids and yields each as its turn comes, so that a face can say
        how far it is.
        """
        from kb.scenarios import check_scenario_files

        wanted = list(ids) or list(self.protocols())
        diagnostics: list[Diagnostic] = [*self._library[1], *self.check_local()]
        diagnostics += self._allowed.get(self.protocols_path / "library", ())
        checked: list[Path] = []
        read: list[model.Protocol] = []
        compiled: dict[tuple[str, str], Program | None] = {}
        for id in told(wanted):
            name, _, version = id.partition("@")
            versions = self.protocols().get(name, [])
            if not versions or (version and version not in versions):
                diagnostics.append(self._no_such_protocol(name, version or None))
                continue
            for each in [version] if version else versions:
                file = self.protocols_path / name / f"{each}.yaml"
                diagnostics += self.compile(file)[1]
                diagnostics += self._allowed[file]
                diagnostics += self.inspect(file)
                checked.append(file)
                protocol = self._read[file]
                if protocol is not None:
                    read.append(protocol)
                    diagnostics += lint_dates(protocol, self.library, at) if at else ()
            made = {each: self.compile(self.protocols_path / name / f"{each}.yaml")[0] for each in versions}
            compiled |= {(name, each): made[each] for each in ([version] if version else versions)}
            programs = {each: program for each, program in made.items() if program is not None}
            if versions[-1] in programs:
                programs[""] = programs[versions[-1]]
            diagnostics += check_scenario_files(self.scenario_files(name), programs, self._scenario_file)
            checked += self.scenario_files(name)
        diagnostics += self._hand_overs(wanted)
        diagnostics += self._unused_allowances(read, diagnostics, set(wanted), bool(at))
        everything = sum(len(versions) for versions in self.protocols().values()) == len(compiled)
        reviewed, files = self.ledger.check(compiled, whole=everything)
        found = in_reading_order((*diagnostics, *reviewed))
        return Examined(
            tuple(item for item in found if item.allowed is None),
            (*checked, *files),
            tuple(item for item in found if item.allowed is not None),
        )

    def _unused_allowances(
        self, read: list[model.Protocol], diagnostics: list[Diagnostic], wanted: set[str], dated: bool
    ) -> Iterable[Diagnostic]:
        """Allowances that nothing needs, of files that several protocols or versions read.

        They are judged only where all of those have been checked and none has an error.
        """
        if has_errors(diagnostics):
            return
        if wanted >= set(self.protocols()):
            of_library = [item for item in self.library.allowances if item.code in allowances.IN_LIBRARY]
            yield from allowances.unused(of_library, diagnostics, dated)
        for protocol in read:
            if dated:
                of_dates = [item for item in protocol.allowances if item.code in allowances.DATED]
                yield from allowances.unused(of_dates, diagnostics, dated)
            if protocol.evidence is not None and protocol.id in wanted:
                yield from allowances.unused(protocol.evidence.allowances, diagnostics, dated)

    @cached_property
    def _held(self) -> frozenset[str]:
        """What can be handed over to: `id@major`."""
        listed = self.protocols().items()
        return frozenset(f"{id}@{version.partition('.')[0]}" for id, versions in listed for version in versions)

    def _targets(self, program: Program) -> dict[str, Program]:
        """What a protocol hands over to, the latest version that fits, as far as it compiles."""
        made = {}
        for name in {step.hand_over for step in program.steps if step.kind == "hand_over"}:
            id, _, major = name.partition("@")
            fitting = [each for each in self.protocols().get(id, ()) if each.partition(".")[0] == major]
            target = self.compile(self.protocols_path / id / f"{fitting[-1]}.yaml")[0] if fitting else None
            if target is not None:
                made[name] = target
        return made

    def _hand_overs(self, ids: Iterable[str]) -> Iterable[Diagnostic]:
        for id in ids:
            file = self.file(*id.partition("@")[::2]) if "@" in id else self.file(id)
            if file is not None:
                yield from self._hand_overs_of(file)

    def _hand_overs_of(self, file: Path) -> Iterable[Diagnostic]:
        """Hand-overs to protocols that this base does not hold."""
        from difflib import get_close_matches

        program = self.compile(file)[0]
        for step in program.steps if program is not None else ():
            if step.kind == "hand_over" and step.hand_over not in self._held:
                id, read = step.hand_over.partition("@")[0], self._read[file]
                written = None if read is None else read.steps.get(step.id)
                others = sorted(name for name in self._held if name.partition("@")[0] == id)
                close = get_close_matches(step.hand_over, sorted(self._held), 1, 0.7)
                near = others[-1:] or close
                yield found(
                    "KB707",
                    written.protocol.span if isinstance(written, model.HandOver) else Span(str(file)),
                    f"`{step.id}` hands over to `{step.hand_over}`, which this base does not hold",
                    f"did you mean `{near[0]}`?"
                    if near
                    else "add that protocol to the base, or name one that is there",
                    "a reader sent there would find nothing",
                )

    def _no_such_protocol(self, id: str, version: str | None) -> Diagnostic:
        from difflib import get_close_matches

        known = self.protocols()
        what = f"`{id}` has no version {version}" if id in known else f"there is no protocol `{id}`"
        close = get_close_matches(id, known, n=1)
        listed = ", ".join(known.get(id, known)) or "none"
        help = f"did you mean `{close[0]}`?" if close and id not in known else f"there are: {listed}"
        return found("KB703", Span(str(self.protocols_path)), what, help)


def base_around(path: Path) -> Base:
    """The knowledge base that a file stands in, else the shipped one."""
    for folder in path.resolve().parents:
        if (folder / "protocols" / "library").is_dir():
            return Base(folder)
    return Base(default_base())


def compile_file(path: Path) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    """The Program of a YAML file, with the library of the base that the file stands in (else the shipped one)."""
    base = base_around(path)
    program, diagnostics = base.compile(path)
    return program, in_reading_order((*base._library[1], *diagnostics))
