"""Patients and stretches of numbers in the words of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kb import program as ir
from kb.diagnostics import Example
from kb.values import format_decimal, format_scaled

if TYPE_CHECKING:
    from kb.prover.patient import Patient


class Stretch(NamedTuple):
    """Numbers of one input from `low` to `high`, scaled; None: no end. `with_low`, `with_high`: the end is in it."""

    slot: ir.Slot
    low: int | None
    with_low: bool
    high: int | None
    with_high: bool

    def __str__(self) -> str:
        name, unit = f"`{self.slot.name}`", "" if self.slot.unit in ("", "1") else f" {self.slot.unit}"
        if self.low is not None and self.low == self.high:
            return f"{name} exactly {format_scaled(self.low, self.slot.unit)}"
        low = "" if self.low is None else f"{'from' if self.with_low else 'above'} {format_decimal(self.low)}"
        high = "" if self.high is None else f"{'up to' if self.with_high else 'below'} {format_decimal(self.high)}"
        both = " and ".join(part for part in (low, high) if part)
        if self.low is not None and self.high is not None:
            both = f"{low} to {'' if self.with_high else 'below '}{format_decimal(self.high)}"
            if not self.with_low and not self.with_high:
                both = f"between {format_decimal(self.low)} and {format_decimal(self.high)}"
        return f"{name} {both}{unit}" if both else f"any {name}"


def written_grain(*numbers: int) -> int:
    """One in the last place in which numbers are written: of 65 and 66 it is 1, of 7.3 and 7.35 it is 0.01; scaled."""
    grain = ir.SCALE
    while grain > 1 and any(number % grain for number in numbers):
        grain //= 10
    return grain


def told(patient: Patient, most: int = 8) -> str:
    """The patient on one line; of too much, how much more there is."""
    given = [*patient.chart.items()]
    words = [f"{name} {_plain(value)}" for name, value in given]
    words += [f"{name} {_plain(value)} (set locally)" for name, value in patient.local.get("parameters", {}).items()]
    if len(words) > most:
        words = [*words[: most - 1], f"and {len(words) - most + 1} more"]
    return ", ".join(words) or "of whom nothing is charted"


def example(code: str, where: str, file: str, patient: Patient) -> Example:
    """What a diagnostic keeps of a patient."""
    return Example(
        f"{code}:{where}",
        file,
        tuple(patient.chart.items()),
        tuple(patient.local.get("parameters", {}).items()),
        patient.now.isoformat(),
    )


def _plain(value: object) -> str:
    return "yes" if value is True else "no" if value is False else str(value)
