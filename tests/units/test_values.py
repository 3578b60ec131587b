"""Numbers and units: exact, and refused where they could be misread."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kb.program import SCALE, Unit
from kb.values import (
    REFUSED,
    BadValue,
    UnitTable,
    compute,
    describe_dimension,
    format_duration,
    format_scaled,
    parse_decimal,
    parse_quantity,
    round_half_even,
    scale,
)

FILE = Path(__file__).parents[2] / "protocols" / "library" / "units.yaml"


def read_units() -> list[Unit]:
    document: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return [
        Unit(
            spelling,
            entry["ucum"],
            str(entry["factor"]),
            tuple(sorted(entry["of"].items())),
            str(entry.get("offset", "0")),
        )
        for spelling, entry in document["units"].items()
    ]


TABLE = UnitTable(read_units())


@pytest.mark.parametrize(
    ("text", "to", "expected"),
    [
        ("8.66593 kPa", "mmHg", "65 mmHg"),
        ("3.6 units/h", "units/min", "0.06 units/min"),
        ("0.25 mcg/kg/min", "mcg/kg/h", "15 mcg/kg/h"),
        ("2 mg/min", "mcg/min", "2000 mcg/min"),
        ("37 Cel", "K", "310.15 K"),
        ("98.6 degF", "Cel", "37 Cel"),
        ("-40 Cel", "degF", "-40 degF"),
        ("1 L/min", "mL/s", "16.66666667 mL/s"),
        ("30 %", "1", "0.3"),
        ("60 beats/min", "/min", "60 /min"),
        ("60 1/min", "/min", "60 /min"),
        ("1.5 h", "min", "90 min"),
        ("18 years", "days", "6574.5 days"),
    ],
)
def test_conversion_is_exact(text: str, to: str, expected: str) -> None:
    value, unit = parse_quantity(text)
    assert format_scaled(TABLE.to_scaled(value, unit, to), to) == expected


def test_six_doses_of_a_hundredth_are_six_hundredths() -> None:
    dose = scale(parse_decimal("0.01"))
    assert 6 * dose == scale(parse_decimal("0.06"))


@pytest.mark.parametrize(
    ("value", "unit", "to", "molar_mass", "valence", "expected"),
    [
        ("90", "mg/dL", "mmol/L", "180.16", 0, "4.99555950"),
        ("5", "mmol/L", "mg/dL", "180.16", 0, "90.08"),
        ("4", "mEq/L", "mmol/L", None, 2, "2"),
        ("2", "mmol/L", "mEq/L", None, -2, "4"),
        ("10", "mg/dL", "mEq/L", "40.08", 2, "4.99001996"),
    ],
)
def test_mass_amount_and_equivalents_of_one_substance(
    value: str, unit: str, to: str, molar_mass: str | None, valence: int, expected: str
) -> None:
    mass = None if molar_mass is None else Fraction(molar_mass)
    assert TABLE.to_scaled(Fraction(value), unit, to, mass, valence) == scale(Fraction(expected))


@pytest.mark.parametrize(
    ("unit", "to", "words"),
    [
        ("mcg/kg/min", "/min", "mass per body weight per time"),
        ("mmHg", "mL", "pressure"),
        ("units/kg/min", "units/min", "not per kg"),
        ("mg/dL", "mmol/L", "molar mass"),
        ("mEq/L", "mmol/L", "valence"),
        ("", "mmHg", "has no unit"),
    ],
)
def test_different_things_do_not_convert(unit: str, to: str, words: str) -> None:
    with pytest.raises(BadValue) as caught:
        TABLE.convert(Fraction(5), unit, to)
    assert words.replace("not per kg", "per") in str(caught.value)
    assert caught.value.code in ("KB314", "KB315")


@pytest.mark.parametrize("unit", sorted(REFUSED))
def test_what_is_misread_is_refused_and_the_right_spelling_is_offered(unit: str) -> None:
    with pytest.raises(BadValue) as caught:
        TABLE.parse(unit)
    assert caught.value.code == "KB317"
    assert f"write `{REFUSED[unit][0]}`" in str(caught.value)
    assert REFUSED[unit][0] in TABLE


@pytest.mark.parametrize(
    ("unit", "offer"),
    [("mcg/Kg/min", "mcg/kg/min"), ("U/min", "units/min"), ("µg/kg/min", "mcg/kg/min"), ("mmHgg", "mmHg")],
)
def test_a_wrong_part_is_put_right_in_the_whole(unit: str, offer: str) -> None:
    with pytest.raises(BadValue, match=offer):
        TABLE.parse(unit)


@pytest.mark.parametrize("unit", ["mg//kg", "mg/", "/", "mg..kg", "a" * 500, "mg / kg", " mg", "mg\n", "Cel/min"])
def test_a_broken_unit_is_refused(unit: str) -> None:
    with pytest.raises(BadValue):
        TABLE.parse(unit)


@pytest.mark.parametrize(
    "text",
    ["NaN", "inf", "-Infinity", "1e400", "1e-400", "9" * 5000, "0." + "1" * 5000, "1_000", "٣", "", "-", ".", "5.",
     ".5", "1,000", "0x10", "1e", "--5", "+-5", "½", "1e1e1", "1 000"],
)  # fmt: skip
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.25", "1/4"), ("-3", "-3"), ("+3", "3"), ("1e-05", "1/100000"), ("1.5e3", "1500"), ("007", "7")],
)
def test_a_plain_decimal_is_read_exactly(text: str, value: str) -> None:
    assert parse_decimal(text) == Fraction(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("58 mmHg", ("58", "mmHg")), ("130 /min", ("130", "/min")), (" 4 ", ("4", "")), ("-2 mmol/L", ("-2", "mmol/L"))],
)
def test_a_quantity_is_a_number_and_a_unit(text: str, expected: tuple[str, str]) -> None:
    assert parse_quantity(text) == (Fraction(expected[0]), expected[1])


def test_a_quantity_without_a_space_is_refused() -> None:
    with pytest.raises(BadValue, match="write `58 mmHg`"):
        parse_quantity("58mmHg")


@pytest.mark.parametrize(
    ("scaled", "unit", "text"),
    [
        (3_000_000, "units/min", "0.03 units/min"),
        (-SCALE, "mmol/L", "-1 mmol/L"),
        (SCALE, "1", "1"),
        (1, "", "0.00000001"),
    ],
)
def test_format_scaled(scaled: int, unit: str, text: str) -> None:
    assert format_scaled(scaled, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (90, "1 min 30 s"), (2400, "40 min"), (7500, "2 h 5 min"),
     (86400, "24 h"), (259200, "3 days"), (262800, "3 days 1 h"), (-60, "-1 min"), (3601, "1 h")],
)  # fmt: skip
def test_format_duration(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(-(10**30), 10**30))
def test_a_scaled_integer_survives_its_text(value: int) -> None:
    number, unit = parse_quantity(format_scaled(value, "mmHg"))
    assert (scale(number), unit) == (value, "mmHg")


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_round_half_even_agrees_with_fraction(numerator: int, denominator: int) -> None:
    assert round_half_even(numerator, denominator) == round(Fraction(numerator, denominator))
    assert round_half_even(-numerator, -denominator) == round(Fraction(numerator, denominator))


SIMPLE = [unit.spelling for unit in read_units()]


@given(st.sampled_from(SIMPLE), st.sampled_from(SIMPLE), st.fractions(-1000, 1000, max_denominator=10**6))
def test_conversion_there_and_back_is_the_identity(one: str, other: str, value: Fraction) -> None:
    if TABLE.parse(one).dimension == TABLE.parse(other).dimension:
        assert TABLE.convert(TABLE.convert(value, one, other), other, one) == value


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("round", ("2.5", "1"), "2"),
        ("round", ("3.5", "1"), "4"),
        ("round", ("0.034", "0.01"), "0.03"),
        ("round", ("7", "0"), None),
        ("round", ("7", "-1"), None),
        ("sqrt", ("2",), "1.41421356"),
        ("sqrt", ("4",), "2"),
        ("sqrt", ("-1",), None),
        ("sqrt", ("0",), "0"),
        ("ln", ("1",), "0"),
        ("ln", ("10",), "2.30258509"),
        ("ln", ("0",), None),
        ("ln", ("-1",), None),
        ("exp", ("0",), "1"),
        ("exp", ("1",), "2.71828183"),
        ("exp", ("-100",), "0"),
        ("exp", ("1000",), None),
        ("power", ("2", "10"), "1024"),
        ("power", ("4", "0.5"), "2"),
        ("power", ("0.00390625", "0.125"), "0.5"),
        ("power", ("2", "-1"), "0.5"),
        ("power", ("-2", "3"), "-8"),
        ("power", ("1.00000001", "1000"), "1.00001"),
        ("power", ("-2", "0.5"), None),
        ("power", ("0", "0"), "1"),
        ("power", ("0", "-1"), None),
        ("power", ("1.212", "0.3"), "1.0593776"),
        ("power", ("10", "1000"), None),
        ("power", ("10", "-1000"), "0"),
        ("power", ("1.00000001", "0.00000001"), "1"),
        ("power", ("0.5", "99999999.5"), "0"),
    ],
)
def test_functions_round_correctly(name: str, arguments: tuple[str, ...], expected: str | None) -> None:
    scaled = tuple(scale(Fraction(argument)) for argument in arguments)
    assert compute(name, scaled) == (None if expected is None else scale(Fraction(expected)))


@given(st.integers(1, 10**20))
def test_ln_and_exp_enclose_each_other(value: int) -> None:
    from decimal import Context, Decimal

    exact = Context(prec=60).ln(Decimal(value) / SCALE) * SCALE
    assert compute("ln", (value,)) == round(exact)


@given(st.integers(0, 10**20))
def test_square_root_is_the_nearest(value: int) -> None:
    root = compute("sqrt", (value,))
    assert root is not None
    assert (2 * root - 1) ** 2 <= 4 * value * SCALE <= (2 * root + 1) ** 2 or root == 0


def test_dimensions_are_named_in_words() -> None:
    assert describe_dimension(TABLE.parse("mcg/kg/min").dimension) == "mass per body weight per time"
    assert describe_dimension({"arbitrary[insulin]": 1, "time": -1}) == "units of insulin per time"
    assert describe_dimension({}) == "a plain number"
