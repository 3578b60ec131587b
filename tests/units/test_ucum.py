"""Every unit editors may write has a valid UCUM code, and our factor is UCUM's."""

from __future__ import annotations

import warnings
from fractions import Fraction

import pytest

from kb.program import Unit

from .test_values import TABLE, read_units

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ucumvert import PintUcumRegistry, get_ucum_parser

    REGISTRY = PintUcumRegistry()
    PARSER = get_ucum_parser()

# Base units of ours in SI; the dimensions that pint keeps apart as we do.
BASE = {"mass": ("gram", 1), "body_mass": ("kilogram", 1), "volume": ("liter", 1), "time": ("second", 1),
        "length": ("meter", 1), "pressure": ("pascal", 1), "amount": ("mole", 1), "charge": ("mole", 1),
        "energy": ("joule", 1), "temperature": ("kelvin", 1)}  # fmt: skip
# Annotations, counts and arbitrary units have no size in UCUM that pint could tell.
SIZELESS = {"arbitrary"}


@pytest.mark.parametrize("unit", read_units(), ids=lambda unit: unit.spelling)
def test_the_ucum_code_is_valid(unit: Unit) -> None:
    PARSER.parse(unit.ucum)


@pytest.mark.parametrize(
    "unit",
    [unit for unit in read_units() if unit.dimension and not {base for base, _ in unit.dimension} & SIZELESS],
    ids=lambda unit: unit.spelling,
)
def test_the_factor_is_that_of_ucum(unit: Unit) -> None:
    ((base, power),) = unit.dimension
    quantity = REGISTRY.from_ucum(unit.ucum)
    if base == "temperature":
        found = REGISTRY.Quantity(10, quantity.units).to("kelvin").magnitude
        expected = 10 * Fraction(unit.factor) + Fraction(unit.offset)
    else:
        found = quantity.to(REGISTRY.Quantity(1, BASE[base][0]).units ** power).magnitude
        expected = Fraction(unit.factor)
    # pint's mm[Hg] and cm[H2O] carry more digits than UCUM's table (133.322, 98.0665).
    assert found == pytest.approx(float(expected), rel=5e-6)


@pytest.mark.parametrize(
    ("unit", "ucum"),
    [("mcg/kg/min", "ug/kg/min"), ("/min", "/min"), ("1/min", "/min"), ("units/min", "[iU]/min"), ("mmol/L", "mmol/L"),
     ("kg/m2", "kg/m2"), ("", "1"), ("%", "%"), ("billion/L", "10*9/L")],
)  # fmt: skip
def test_compounds_have_ucum_codes(unit: str, ucum: str) -> None:
    assert TABLE.ucum(unit) == ucum
    PARSER.parse(ucum)
