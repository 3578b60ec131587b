"""What `kb check` says of a protocol with a fault in it, and does not say of the protocol as it stands."""

from __future__ import annotations

from collections.abc import Iterable

from kb.compiler import compile_unchecked
from kb.diagnostics import Diagnostic, Severity, has_errors
from kb.inspector import inspect_program
from kb.linter import allowances, lint_protocol
from kb.mutation.sites import Written
from kb.program import Program


class Check:
    """The rules over a protocol, and those over all its patients."""

    def __init__(self, written: Written, program: Program) -> None:
        self._written, self._program = written, program
        self._linted: frozenset[_Key] | None = None
        self._inspected: frozenset[_Key] | None = None

    def compiled(self, made: Written) -> Program | str:
        """The Program of `made`, or what is wrong with it where that leaves nothing to compile."""
        try:
            return compile_unchecked(*made)
        except Exception:
            found = lint_protocol(*made)  # what is wrong is said there, so nobody ever compiles it
            if has_errors(found):
                return _said(item for item in found if item.severity is Severity.ERROR)
            raise

    def new_in(self, made: Written, program: Program | None = None) -> str:
        """What is new, the first of it; notes do not count. All patients are looked at where there is a `program`."""
        if self._linted is None:
            self._linted = frozenset(map(_key, lint_protocol(*self._written)))
        found = lint_protocol(*made)
        said = _said(item for item in found if _counts(item) and _key(item) not in self._linted)
        if said or program is None or has_errors(found):
            return said
        if self._inspected is None:
            self._inspected = frozenset(map(_key, self._inspect(self._written, self._program)))
        return _said(
            item for item in self._inspect(made, program) if _counts(item) and _key(item) not in self._inspected
        )

    def _inspect(self, made: Written, program: Program) -> list[Diagnostic]:
        protocol, library = made
        evidence = protocol.evidence.allowances if protocol.evidence is not None else ()
        given = (*protocol.allowances, *evidence, *library.allowances)
        return allowances.settle(inspect_program(protocol, program, library.elements), given)


_Key = tuple[str, str, int, str]


def _key(item: Diagnostic) -> _Key:
    return item.code, item.span.file, item.span.line, item.message


def _counts(item: Diagnostic) -> bool:
    return item.severity is not Severity.NOTE and item.allowed is None


def _said(found: Iterable[Diagnostic]) -> str:
    return next((f"{item.code}: {item.message}" for item in found), "")
