"""What is lowered to integers means exactly what the tree says, in fractions: at limits, by zero, with data missing."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kb.evaluate import evaluate
from kb.expression import tree
from kb.expression.checks import check_condition
from kb.expression.lower import Lowering
from kb.program import SCALE

from .world import HERE, fill, make_scope

SCOPE = make_scope()
PRESSURES, PLAIN = ("map", "systolic"), ("score",)
Value = Any


def number(value: Any, unit: str | None) -> tree.Number:
    return tree.Number(value, unit, HERE)


DECIMALS = st.decimals(0, 200, places=2, allow_nan=False)
PRESSURE_LEAVES = st.one_of(
    st.sampled_from(PRESSURES).map(lambda id: tree.Name(id, HERE)),
    st.builds(number, DECIMALS, st.sampled_from(["mmHg", "kPa", "cmH2O"])),
)
PLAIN_LEAVES = st.one_of(
    st.sampled_from(PLAIN).map(lambda id: tree.Name(id, HERE)),
    st.builds(number, DECIMALS, st.sampled_from([None, "%"])),
)


def sums(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(tree.Arithmetic, st.sampled_from("+-"), inner, inner, st.just(HERE)),
        st.builds(tree.Negate, inner, st.just(HERE)),
        st.builds(
            tree.Call,
            st.sampled_from(["least", "greatest"]),
            st.lists(inner, min_size=2, max_size=3).map(tuple),
            st.just(HERE),
        ),
        st.builds(tree.Call, st.just("abs"), inner.map(lambda item: (item,)), st.just(HERE)),
    )


PLAIN_NUMBERS = st.recursive(
    st.one_of(PLAIN_LEAVES, st.builds(tree.Arithmetic, st.just("/"), PRESSURE_LEAVES, PRESSURE_LEAVES, st.just(HERE))),
    lambda inner: st.one_of(
        sums(inner), st.builds(tree.Arithmetic, st.sampled_from("*/"), inner, inner, st.just(HERE))
    ),
    max_leaves=5,
)
PRESSURE_NUMBERS = st.recursive(
    PRESSURE_LEAVES,
    lambda inner: st.one_of(
        sums(inner),
        st.builds(tree.Arithmetic, st.sampled_from("*/"), inner, PLAIN_NUMBERS, st.just(HERE)),
    ),
    max_leaves=5,
)
COMPARISONS = st.one_of(
    *(
        st.builds(tree.Compare, st.sampled_from(["<", "<=", "=", "!=", ">=", ">"]), side, side, st.just(HERE))
        for side in (PRESSURE_NUMBERS, PLAIN_NUMBERS)
    )
)
MAYBE = st.one_of(st.none(), st.sampled_from([0, 1, 65, -3]), st.decimals(-100, 200, places=2, allow_nan=False))


def exact(expr: tree.Expr, inputs: dict[str, Any]) -> Fraction | None:
    """The value in base units by plain fractions; None where it is not known."""
    match expr:
        case tree.Number(value, unit):
            return Fraction(value) * SCOPE.units.parse(unit or "").factor
        case tree.Name(id):
            unit = SCOPE.elements[id].unit
            return None if inputs[id] is None else Fraction(inputs[id]) * SCOPE.units.parse(unit).factor
        case tree.Negate(item):
            inner = exact(item, inputs)
            return None if inner is None else -inner
        case tree.Call(function, arguments):
            values = [exact(argument, inputs) for argument in arguments]
            known = [value for value in values if value is not None]
            if len(known) < len(values):
                return None
            return abs(known[0]) if function == "abs" else min(known) if function == "least" else max(known)
        case tree.Arithmetic(op, left, right):
            a, b = exact(left, inputs), exact(right, inputs)
            if a is None or b is None:
                return None
            if op == "/":
                return None if b == 0 else a / b
            return a + b if op == "+" else a - b if op == "-" else a * b
    raise AssertionError(expr)


@settings(max_examples=600, deadline=None)
@given(COMPARISONS, st.tuples(MAYBE, MAYBE, MAYBE))
def test_a_comparison_is_exact(expr: tree.Compare, values: tuple[Any, ...]) -> None:
    if check_condition(SCOPE, expr):
        return  # a literal zero as divisor
    inputs = dict(zip((*PRESSURES, *PLAIN), values, strict=True))
    lowering = Lowering(SCOPE)
    lowered = lowering.condition(expr)
    texts = {
        slot.name: None if inputs[slot.name] is None else f"{inputs[slot.name]} {slot.unit}" for slot in lowering.slots
    }
    left, right = exact(expr.left, inputs), exact(expr.right, inputs)
    expected = None
    if left is not None and right is not None:
        expected = {
            "<": left < right, "<=": left <= right, "=": left == right,
            "!=": left != right, ">=": left >= right, ">": left > right,
        }[expr.op]  # fmt: skip
    assert evaluate(lowered, fill(lowering, texts)) is expected


@settings(max_examples=300, deadline=None)
@given(PRESSURE_NUMBERS, st.tuples(MAYBE, MAYBE, MAYBE))
def test_a_value_is_rounded_half_even_once(expr: tree.Expr, values: tuple[Any, ...]) -> None:
    if check_condition(SCOPE, tree.Compare("=", expr, expr, HERE)):
        return
    inputs = dict(zip((*PRESSURES, *PLAIN), values, strict=True))
    lowering = Lowering(SCOPE)
    lowered = lowering.amount(expr, "mmHg")
    texts = {
        slot.name: None if inputs[slot.name] is None else f"{inputs[slot.name]} {slot.unit}" for slot in lowering.slots
    }
    value = exact(expr, inputs)
    expected = None if value is None else round(value / SCOPE.units.parse("mmHg").factor * SCALE)
    assert evaluate(lowered, fill(lowering, texts)) == expected
