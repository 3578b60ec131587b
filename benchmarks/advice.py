"""Full advice on one patient, beside the bare decision on the same row."""

from __future__ import annotations

import json
import timeit
from pathlib import Path

import kb
from kb.reading import parse_chart

PATIENT = json.loads((Path(__file__).parent / "patient.json").read_text())


def microseconds(call: object, number: int = 2000, repeat: int = 7) -> float:
    """The best of some rounds, in microseconds a call."""
    return min(timeit.repeat(call, number=number, repeat=repeat)) / number * 1e6  # type: ignore[arg-type]


def main() -> None:
    guideline = kb.load("refractory-hypotension")
    row = guideline.row(PATIENT)
    read = parse_chart(guideline.program, PATIENT)
    advice = guideline.advise(PATIENT)
    decision = microseconds(lambda: guideline.decide(list(row)))
    figures = {
        "decision from a ready row": decision,
        "advice from a chart read beforehand": microseconds(lambda: guideline.advise(read)),
        "advice from the mapping": microseconds(lambda: guideline.advise(PATIENT)),
        "advice from the mapping, as JSON": microseconds(lambda: guideline.advise(PATIENT).to_json(), 500),
    }
    print(f"{guideline}: {len(advice.recommended)} recommended, {len(advice.asks)} asks")
    for name, value in figures.items():
        print(f"{name:38}{value:10.1f} µs{value / decision:8.1f} x")


if __name__ == "__main__":
    main()
