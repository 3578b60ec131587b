"""The one door to Z3: terms over truth values and integers, and a search with a bounded effort.

A term is a plain `bool` or `int` where its value is settled, else a Z3 expression. Every function here works
out what it can by itself, so terms over settled values need no solver at all and Z3 is loaded only when a
term is made that is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from types import ModuleType
from typing import Any, TypeAlias

Term: TypeAlias = Any  # bool | int | z3.BoolRef | z3.ArithRef

HINT = "proofs need the solver: pip install 'guideline-kb[prove]'"


class SolverMissingError(ImportError):
    """Z3 is not installed. `code` is stable."""

    code = "KB819"


class Undecided(Exception):  # noqa: N818 - an answer, not a fault
    """The search stopped at its limit; `reason` is in the solver's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@cache
def z3() -> ModuleType:
    """The solver.

    Raises:
        SolverMissingError: it is not installed.

    """
    try:
        import z3 as module  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise SolverMissingError(HINT) from error
    return module  # type: ignore[no-any-return,unused-ignore]


def is_open(term: Term) -> bool:
    """Whether a term still depends on variables."""
    return not isinstance(term, bool | int)


def identity(term: Term) -> tuple[bool, int]:
    """Equal for terms that are the same, as long as both are kept."""
    return (True, term.get_id()) if is_open(term) else (False, int(term))


def is_same(one: Term, other: Term) -> bool:
    """Whether two terms are written the same; two that are not may still always be equal."""
    return identity(one) == identity(other)


class Variables:
    """What the terms of one search are made of, apart from those of every other search in the process.

    Z3 goes on from what earlier questions left in its memory (its context). With one for each search, what is found
    within an effort depends on that search alone. Terms over the variables of two cannot be put together.
    """

    def __init__(self) -> None:
        self.options: dict[str, int] = {}  # the numbers that stand for names of options

    @cached_property
    def context(self) -> Any:
        return z3().Context()

    def boolean(self, name: str) -> Term:
        return z3().Bool(name, self.context)

    def integer(self, name: str) -> Term:
        return z3().Int(name, self.context)

    def option(self, name: str) -> int:
        """The number that stands for an option's name."""
        return self.options.setdefault(name, len(self.options))


# ---------------------------------------------------------------- truth


def not_(term: Term) -> Term:
    if term is True or term is False:
        return not term
    return term.arg(0) if z3().is_not(term) else z3().Not(term)


def and_(*terms: Term) -> Term:
    return _joined(terms, False)


def or_(*terms: Term) -> Term:
    return _joined(terms, True)


def all_of(terms: Iterable[Term]) -> Term:
    return _joined(terms, False)


def any_of(terms: Iterable[Term]) -> Term:
    return _joined(terms, True)


def _joined(terms: Iterable[Term], closing: bool) -> Term:
    open_: dict[int, Term] = {}
    for term in terms:
        if term is closing:
            return closing
        if term is not (not closing):
            open_.setdefault(term.get_id(), term)
    if not open_:
        return not closing
    if len(open_) == 1:
        return next(iter(open_.values()))
    return (z3().Or if closing else z3().And)(list(open_.values()))


def implies(premise: Term, conclusion: Term) -> Term:
    return or_(not_(premise), conclusion)


def iff(one: Term, other: Term) -> Term:
    if one is True or other is False:
        return other if one is True else not_(one)
    if one is False or other is True:
        return not_(other) if one is False else one
    return one == other


def choose(when: Term, then: Term, otherwise: Term) -> Term:
    """`then` where `when` holds, else `otherwise`; both truth values or both integers."""
    if when is True or when is False:
        return then if when else otherwise
    if then is otherwise or (not is_open(then) and not is_open(otherwise) and then == otherwise):
        return then
    if isinstance(then, bool) or isinstance(otherwise, bool):
        return or_(and_(when, then), and_(not_(when), otherwise))
    return z3().If(when, then, otherwise)


# ---------------------------------------------------------------- integers


def equal(left: Term, right: Term) -> Term:
    return left == right


def less(left: Term, right: Term) -> Term:
    return left < right


def at_most(left: Term, right: Term) -> Term:
    return left <= right


def add(left: Term, right: Term) -> Term:
    return right if _is(left, 0) else left if _is(right, 0) else left + right


def subtract(left: Term, right: Term) -> Term:
    return left if _is(right, 0) else left - right


def multiply(left: Term, right: Term) -> Term:
    if _is(left, 0) or _is(right, 0):
        return 0
    return right if _is(left, 1) else left if _is(right, 1) else left * right


def floor(left: Term, divisor: int) -> Term:
    """`left` divided by a whole number above zero, towards minus infinity."""
    return left // divisor if not is_open(left) else left if divisor == 1 else left / divisor


def rest(left: Term, divisor: int) -> Term:
    """What is left of `left` after `floor`: from 0 to under `divisor`."""
    return left % divisor


def least(terms: Sequence[Term]) -> Term:
    found = terms[0]
    for term in terms[1:]:
        found = choose(less(term, found), term, found)
    return found


def greatest(terms: Sequence[Term]) -> Term:
    found = terms[0]
    for term in terms[1:]:
        found = choose(less(found, term), term, found)
    return found


def _is(term: Term, number: int) -> bool:
    return isinstance(term, int) and term == number


# ---------------------------------------------------------------- the search


class Model:
    """One way to make all that was asked true."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def truth(self, term: Term) -> bool:
        if not is_open(term):
            return bool(term)
        return bool(z3().is_true(self._found.eval(term, model_completion=True)))

    def number(self, term: Term) -> int:
        if not is_open(term):
            return int(term)
        return int(self._found.eval(term, model_completion=True).as_long())


LONG = 200  # steps


class Search:
    """Facts over some variables that always hold, and questions about what can hold beside them.

    The effort of one question is bounded by Z3's own count of work (`rlimit`), not by the clock, so the same
    questions get the same answers on every machine.

    A question goes to a solver that keeps what it learned of the questions before. Most are settled by that at once,
    but some, with products in them, never: then one that has learned nothing is asked, with what is settled put in
    first. For a `long` protocol the first solver of all has loaded whole numbers and nothing else; when it gives up,
    the usual one takes over for good, which is better at products. But that of Z3 5.4 looks for sets, for which it
    walks all facts at each question: seconds, for a protocol of 500 steps.
    """

    EFFORT = 40_000_000

    def __init__(
        self,
        variables: Variables,
        facts: Iterable[Term] = (),
        effort: int = EFFORT,
        seconds: float | None = None,
        long: bool = False,
    ) -> None:
        """With `seconds`, the clock bounds each question and nothing else does."""
        self._variables = variables
        self._impossible = False
        self._effort, self._seconds = effort, seconds
        self._facts: list[Term] = []
        self._solver: Any = None
        self._usual = not long
        for fact in facts:
            self.require(fact)

    def require(self, fact: Term) -> None:
        if fact is False:
            self._impossible = True
        elif fact is not True:
            self._facts.append(fact)
            if self._solver is not None:
                self._solver.add(fact)

    def find(self, *terms: Term) -> Model | None:
        """A way to make all `terms` true with the facts; None where there is none.

        Raises:
            Undecided: the effort was used up, or the terms are beyond the solver.

        """
        if self._impossible or any(term is False for term in terms):
            return None
        open_ = [term for term in terms if term is not True]
        if self._solver is None:
            self._begin()
        try:
            return self._ask_on(open_)
        except Undecided:
            if not self._usual:
                self._usual = True
                self._begin()
        return self._ask_anew(open_)

    def _begin(self) -> None:
        context = self._variables.context
        self._solver = z3().Solver(ctx=context) if self._usual else z3().SolverFor("QF_UFLIA", ctx=context)
        self._bound(self._solver, 1)
        self._solver.add(*self._facts)

    def _bound(self, solver: Any, quarters: int) -> None:
        """Let a solver do some quarters of the work for one question."""
        solver.set("random_seed", 0)
        if self._seconds is None:
            solver.set("rlimit", max(1, self._effort * quarters // 4))
        else:
            solver.set("timeout", max(1, int(self._seconds * 250 * quarters)))

    def _ask_on(self, terms: list[Term]) -> Model | None:
        self._solver.push()
        try:
            return self._answer(self._solver, terms)
        finally:
            self._solver.pop()

    def _ask_anew(self, terms: list[Term]) -> Model | None:
        ways = z3().Then("simplify", "propagate-values", "solve-eqs", "smt", ctx=self._variables.context)
        solver = ways.solver()
        self._bound(solver, 3)
        solver.add(*self._facts)
        return self._answer(solver, terms)

    def _answer(self, solver: Any, terms: list[Term]) -> Model | None:
        solver.add(*terms)
        answer = solver.check()
        if answer == z3().unsat:
            return None
        if answer == z3().sat:
            return Model(solver.model())
        raise Undecided(self._why(solver.reason_unknown()))

    def _why(self, reason: str) -> str:
        """Why nothing was found out, in words."""
        if not any(word in reason for word in ("cancel", "resource", "timeout")):
            return f"this is beyond the solver: {reason}"
        if self._seconds is not None:
            return f"neither a proof nor a patient was found in {self._seconds:g} s"
        return f"neither a proof nor a patient was found in {self._effort:,} steps of the solver"
