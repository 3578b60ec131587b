"""Times, numbers, units, near names and messages are the same in the runner, refusals word for word."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction
from hashlib import sha256
from typing import Any

import pytest

from kb import program as ir
from kb.chart import nearest, parse_time, quoted, scaled_time, text_of
from kb.program import SCALE
from kb.values import (
    REFUSED,
    BadValue,
    UnitTable,
    format_decimal,
    format_duration,
    parse_quantity,
)
from tests.engine import PROTOCOLS, library
from tests.runner.node import run

CHANCE = random.Random("words")
UNITS = [
    ir.Unit(unit.spelling, unit.ucum, unit.factor, tuple(unit.dimension), unit.offset)
    for unit in library(PROTOCOLS / "library").units.values()
]
TABLE = UnitTable(UNITS)


def time(text: str) -> list[str]:
    moment = parse_time(text)
    return [moment.isoformat(), str(scaled_time(moment)), moment.date().isoformat()]


def fraction(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def quantity(text: str) -> list[str]:
    value, unit = parse_quantity(text)
    return [fraction(value), unit]


def unit(text: str) -> list[Any]:
    made = TABLE.parse(text)
    return [
        fraction(made.factor),
        [list(item) for item in made.dimension.items()],
        fraction(made.offset),
        TABLE.ucum(text),
    ]


def read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


PYTHON: dict[str, Callable[..., Any]] = {
    "time": time,
    "timestamp": lambda value: datetime.fromtimestamp(int(value) / SCALE, UTC).isoformat(),
    "quantity": quantity,
    "unit": unit,
    "convert": lambda value, own, to: str(TABLE.to_scaled(Fraction(value), own, to)),
    "decimal": lambda value: format_decimal(int(value)),
    "duration": lambda value: format_duration(Fraction(value)),
    "text": lambda text: text_of(read(text)),
    "quoted": lambda text: quoted(read(text)),
    "casefold": str.casefold,
    "nearest": nearest,
    "closest": lambda word, names, cutoff: next(iter(get_close_matches(word, names, 1, cutoff)), None),
    "sha256": lambda text: sha256(text.encode()).hexdigest(),
    "refused": lambda: {spelling: [told, why.removeprefix("`{0}` ")] for spelling, (told, why) in REFUSED.items()},
}


def strewn(text: str, letters: str) -> str:
    """`text` with a letter or two otherwise."""
    made = list(text)
    for _ in range(CHANCE.choice((0, 0, 1, 1, 2))):
        place = CHANCE.randrange(len(made) + 1)
        made[place : place + CHANCE.choice((0, 1))] = CHANCE.choice(letters) if CHANCE.random() < 0.7 else ""
    return "".join(made)


@dataclass(frozen=True)
class Calls:
    name: str
    made: list[tuple[Any, ...]]


TIMES = [
    "2026-01-27T11:40:00+00:00", "2026-01-27 11:40Z", "20260127T114000.123456789+0530", "2026-01-27T11",
    "1799-12-31T00:00Z", "2026-02-29T10:00Z", "2024-02-29T23:59:59,5-11:30", "3000-01-01T00:00Z",
    "0000-01-01T00:00Z", "2026-01-27T24:00Z", "2026-01-27t11:40:00z", "2026-01-27T11:40:00+01:00:30", "2026-01-27",
]  # fmt: skip
QUANTITIES = [
    "58 mmHg",
    "0.03 units/min",
    "-3",
    "1e-05 mg",
    "5mg",
    "1,5 mg",
    "1.234,5",
    "nan",
    "+5.0 mcg/kg/min",
    "5\u00a0mL",
]
COMPOUNDS = [
    "mcg/kg/min",
    "mmol/L",
    "/min",
    "units/h",
    "mg.min/L",
    "1/min",
    "Cel",
    "mL/kg",
    "mmHG",
    "U/min",
    "µg/kg/min",
]
NUMBERS = [
    "58",
    "58.10",
    "-0",
    "0.1",
    "1e5",
    "1.5E-7",
    "12345678901234567890",
    "1" * 31,
    "1e400",
    "0.000001",
    "1.0e0",
    "5e-1",
]
VALUES = ["true", "null", '"a `b` c"', "[1, 2.50, \"x\"]", '{"rate": "5 mg", "b": [true, null]}', '"it\'s"',
          '["it\'s \\n"]', '"' + "long " * 20 + '"', '"\\u00a0 x \\u2028 y"', '["\\"", "é\\u200b"]']  # fmt: skip
NAMES = [
    "norepinephrine",
    "noradrenaline",
    "epinephrine",
    "vasopressin",
    "mean arterial pressure",
    "map",
    "lactate",
    "urine_output",
]


def cases() -> list[Calls]:
    times = [strewn(CHANCE.choice(TIMES), "0123456789:-+.TZW ") for _ in range(3000)]
    lengths = [Fraction(CHANCE.randrange(-100, 10**6), CHANCE.choice((1, 1, 10))) for _ in range(500)]
    numbers = [str(CHANCE.choice((1, -1)) * CHANCE.randrange(10 ** CHANCE.randrange(1, 30))) for _ in range(200)]
    words = [strewn(CHANCE.choice(NAMES), "aeinorst_ ") for _ in range(300)]
    spellings = [unit.spelling for unit in UNITS]
    pairs = [(CHANCE.choice(spellings), CHANCE.choice(spellings)) for _ in range(300)]
    return [
        Calls("time", [(text,) for text in (*TIMES, *times)]),
        Calls("timestamp", [(str(CHANCE.randrange(4 * 10**17)),) for _ in range(300)]),
        Calls("quantity", [(strewn(CHANCE.choice(QUANTITIES), "0123456789.,eE+- mgµ/"),) for _ in range(1500)]),
        Calls("unit", [(strewn(CHANCE.choice(COMPOUNDS + spellings), "kgmLU/.µ1"),) for _ in range(1500)]),
        Calls("unit", [(spelling,) for spelling in (*REFUSED, *spellings)]),
        Calls("convert", [(fraction(Fraction(int(CHANCE.choice(numbers)), SCALE)), *pair) for pair in pairs]),
        Calls("decimal", [(number,) for number in numbers]),
        Calls("duration", [(fraction(length),) for length in lengths]),
        Calls("text", [(number,) for number in (*NUMBERS, *VALUES)]),
        Calls("quoted", [(text,) for text in (*VALUES, *NUMBERS)]),
        Calls("casefold", [(text,) for text in ("Straße", "ÅSA", "İstanbul", "ΑΣ", "ﬁ", *NAMES)]),
        Calls("nearest", [(word, NAMES) for word in (*words, "mpa", "amp", "pma")]),
        Calls("closest", [(word, NAMES, CHANCE.choice((0.5, 0.6, 0.8))) for word in words]),
        Calls("sha256", [("é" * size,) for size in range(70)]),
        Calls("refused", [()]),
    ]  # fmt: skip


@pytest.mark.parametrize("calls", cases(), ids=lambda calls: calls.name)
def test_python_and_the_runner_say_the_same(calls: Calls) -> None:
    def answer(*values: Any) -> Any:
        try:
            return PYTHON[calls.name](*values)
        except BadValue as bad:
            return {"refused": [bad.code, bad.message, bad.help]}

    units = [{**unit._asdict(), "dimension": [list(item) for item in unit.dimension]} for unit in UNITS]
    found = run("words.mjs", {"units": units, "calls": [[calls.name, *values] for values in calls.made]})
    wrong = [
        (values, ours, wanted)
        for values, ours in zip(calls.made, found, strict=True)
        if ours != (wanted := answer(*values))
    ]
    assert not wrong
