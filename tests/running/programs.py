"""Small Programs made straight from records, and random ones, for the tests of the running side."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from kb.program import (
    FALSE,
    SCALE,
    SCHEMA,
    TRUE,
    Absolute,
    Action,
    Add,
    All,
    Any_,
    AtLeast,
    Case,
    Cases,
    Compare,
    Const,
    Divide,
    Expr,
    Get,
    Greatest,
    Known,
    Least,
    Member,
    Multiply,
    Not,
    Program,
    Row,
    Slot,
    Source,
    Step,
    Subtract,
    Sure,
    Value,
)

OPTIONS = ("present", "doubtful", "absent")
STATUSES = ("due", "waiting", "satisfied", "declined", "withheld")


def number(value: int) -> Const:
    """The constant `value`, scaled."""
    return Const(value * SCALE)


def make_program(slots: Iterable[Slot], steps: Iterable[Step], starts: tuple[int, ...] = (0,)) -> Program:
    """A Program with nothing but a graph."""
    return Program(
        schema=SCHEMA,
        id="small",
        version="1.0.0",
        title="Small",
        question="What now?",
        purpose="educational",
        updated="2026-01-27",
        population="Nobody",
        state="draft",
        withdrawn="",
        logic_digest="",
        text_digest="",
        slots=tuple(slots),
        steps=tuple(steps),
        starts=starts,
        applies=TRUE,
        applies_text="",
        enter=TRUE,
        enter_text="",
        weight=None,
        rules=(),
        caps=(),
        goals=(),
        alerts=(),
        elements=(),
        drugs=(),
        units=(),
        parameters=(),
        interpretations=(),
        statements=(),
        not_encoded=(),
        references=(),
        source=Source(),
    )


def element(name: str, kind: str = "boolean") -> Slot:
    return Slot(name, "element", kind, name, options=OPTIONS if kind == "choice" else ())


def define(name: str, expr: Expr, kind: str = "boolean") -> Slot:
    return Slot(name, "define", kind, name, expr=expr, options=OPTIONS if kind == "choice" else ())


def decide(id: str, *cases: tuple[Expr, tuple[int, ...]], if_unknown: int | None = None) -> Step:
    return Step(id, "decide", f"{id}?", cases=tuple(Case(when, to) for when, to in cases), if_unknown=if_unknown)


def do(
    id: str,
    with_: tuple[int, ...] = (),
    then: tuple[int, ...] = (),
    satisfied: Expr = FALSE,
    status: Expr = Const("due"),  # noqa: B008  records never change
) -> Step:
    action = Action("perform", of=id)
    return Step(id, "do", id, with_=with_, then=then, satisfied=satisfied, status=status, action=action)


def end(id: str) -> Step:
    return Step(id, "end", id)


# ---------------------------------------------------------------- random expressions

INPUTS = (
    *(element(f"b{index}") for index in range(4)),
    *(element(f"n{index}", "number") for index in range(4)),
    *(element(f"c{index}", "choice") for index in range(2)),
)

VALUES: dict[str, st.SearchStrategy[Value]] = {
    "boolean": st.booleans(),
    "number": st.sampled_from([-3, -1, 0, 1, 2, 3, 7]),
    "choice": st.sampled_from(OPTIONS),
}


@st.composite
def exprs(draw: st.DrawFn, kind: str, slots: tuple[Slot, ...] = INPUTS, depth: int = 4, monotone: bool = False) -> Expr:
    """A well-typed expression over `slots`; a monotone one has neither `Known` nor `Sure`."""
    leaf = depth == 0 or draw(st.integers(0, 5)) == 0

    def sub(of: str) -> Expr:
        return draw(exprs(of, slots, depth - 1, monotone))

    def subs(of: str, least: int) -> tuple[Expr, ...]:
        return tuple(sub(of) for _ in range(draw(st.integers(least, 3))))

    if leaf:
        here = [index for index, slot in enumerate(slots) if slot.type == kind]
        if draw(st.integers(0, 4)) > 0 and here:
            return Get(draw(st.sampled_from(here)))
        constant = draw(VALUES[kind])
        assert constant is not None
        return Const(constant)
    if draw(st.integers(0, 5)) == 0:
        whens = subs("boolean", 0)
        return Cases((*((when, sub(kind)) for when in whens), (TRUE, sub(kind))))
    if kind == "choice":
        return sub("choice")
    if kind == "number":
        match draw(st.integers(0, 6)):
            case 0:
                return Add(sub("number"), sub("number"))
            case 1:
                return Subtract(sub("number"), sub("number"))
            case 2:
                return Multiply(sub("number"), sub("number"))
            case 3:
                return Divide(sub("number"), sub("number"))
            case 4:
                return Absolute(sub("number"))
            case 5:
                return Least(subs("number", 1))
            case _:
                return Greatest(subs("number", 1))
    match draw(st.integers(0, 9 if monotone else 11)):
        case 0 | 1:
            return All(subs("boolean", 0))
        case 2 | 3:
            return Any_(subs("boolean", 0))
        case 4:
            return Not(sub("boolean"))
        case 5:
            return AtLeast(draw(st.integers(0, 3)), subs("boolean", 0))
        case 6 | 7:
            op = draw(st.sampled_from(["<", "<=", ">", ">=", "=", "!="]))
            return Compare(op, sub("number"), sub("number"))
        case 8:
            of = draw(st.sampled_from(["boolean", "choice"]))
            return Compare(draw(st.sampled_from(["=", "!="])), sub(of), sub(of))
        case 9:
            return Member(sub("choice"), tuple(draw(st.lists(st.sampled_from(OPTIONS), max_size=2))))
        case 10:
            return Known(sub(draw(st.sampled_from(["boolean", "number", "choice"]))))
        case _:
            return Sure(sub("boolean"))


@st.composite
def rows(draw: st.DrawFn, slots: tuple[Slot, ...] = INPUTS) -> Row:
    """A row for `slots`: inputs known or not, made slots empty."""
    return [draw(st.none() | VALUES[slot.type]) if slot.expr is None else None for slot in slots]


@st.composite
def slot_tables(draw: st.DrawFn, monotone: bool = False) -> tuple[Slot, ...]:
    """The inputs and a few definitions on top of them."""
    slots = INPUTS
    for index in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["boolean", "number", "choice"]))
        slots = (*slots, define(f"d{index}", draw(exprs(kind, slots, 2, monotone)), kind))
    return slots


# ---------------------------------------------------------------- random graphs


@st.composite
def programs(draw: st.DrawFn, monotone: bool = False, assumptions: bool = True) -> Program:
    """A small acyclic graph of every kind of step over random conditions."""
    slots = draw(slot_tables(monotone))
    size = draw(st.integers(1, 9))
    conditions = exprs("boolean", slots, 1, monotone)
    steps: list[Step] = []
    for index in range(size):
        later: list[int] = list(range(index + 1, size))
        targets = st.lists(st.sampled_from(later), max_size=2).map(tuple) if later else st.just(())
        match draw(st.integers(0, 5)):
            case 0:
                steps.append(end(f"s{index}"))
            case 1 | 2:
                satisfied, status = draw(conditions), draw(exprs("choice", slots, 1, monotone))
                steps.append(do(f"s{index}", draw(targets), draw(targets), satisfied, status))
            case _:
                cases = [(draw(conditions), draw(targets)) for _ in range(draw(st.integers(1, 3)))]
                if draw(st.booleans()):
                    cases.append((TRUE, draw(targets)))
                fallback = None
                if assumptions and index + 1 < size and draw(st.integers(0, 2)) == 0:
                    fallback = draw(st.integers(index + 1, size - 1))
                steps.append(decide(f"s{index}", *cases, if_unknown=fallback))
    starts = (0, draw(st.integers(0, size - 1))) if draw(st.integers(0, 3)) == 0 else (0,)
    return make_program(slots, steps, tuple(sorted(set(starts))))
