"""`kb check` of 1, 100 and 1,000 protocols, each in a fresh process on files it has never seen."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
LIBRARY = HERE.parent / "protocols" / "library"

PROTOCOL = """\
format: 1
id: {id}
version: "1.0.0"
title: Generated protocol {number}
question: What next?
purpose: educational
updated: 2026-01-27
applies: age >= 18 years
weight: actual
define:
  low:
    title: Pressure below {limit} mmHg
    any:
      - map is unobtainable
      - map < {limit} mmHg
start: pulse
steps:
  pulse:
    decide: Is there a pulse?
    cases:
      - when: pulse is absent or doubtful
        go: call-for-help
      - else: [pressure, fluid]
    cites: [S01]
{ladder}
  fluid:
    do: Give fluid
    give:
      drug: balanced-crystalloid
      amount: {limit} mL
      route: iv
    priority: urgent
    strength: strong
    cites: [S01]
  call-for-help:
    do: Call for help
    call: senior clinician
    priority: stat
    strength: strong
    cites: [S01]
  done:
    end: The pressure is where it should be
goals:
  pressure:
    title: Pressure
    target: map >= {limit} mmHg
    cites: [S01]
"""
RUNG = """\
  {name}:
    decide: Still low at {rate} mcg/kg/min?
    cases:
      - when: low and norepinephrine < {rate} mcg/kg/min
        go: raise-{step}
      - when: low
        go: {following}
      - else: done
    cites: [S01]
  raise-{step}:
    do: Run norepinephrine at {rate} mcg/kg/min
    infuse:
      drug: norepinephrine
      rate: {rate} mcg/kg/min
    review:
      after: 5 min
      measure: [map]
    priority: asap
    strength: conditional
    cites: [S01]
"""
STATEMENTS = """\
format: 1
protocol: {id}
source:
  title: Generated
references:
  R1:
    title: Generated
    kind: consensus
statements:
  S01:
    says: Everything in this generated protocol
    kind: act
    cites: [R1]
"""


def write_base(folder: Path, count: int, rungs: int = 4) -> None:
    """A knowledge base of `count` generated protocols of 2 * `rungs` + 5 steps, no two alike."""
    shutil.copytree(LIBRARY, folder / "protocols" / "library")
    for number in range(count):
        id = f"generated-{number}"
        (folder / "protocols" / id).mkdir()
        rates = [f"0.{number % 7 + 1}{step}" for step in range(1, rungs + 1)]
        names = ["pressure", *(f"rung-{step}" for step in range(2, rungs + 1)), "call-for-help"]
        ladder = "".join(
            RUNG.format(name=names[step], step=step + 1, rate=rate, following=names[step + 1])
            for step, rate in enumerate(rates)
        )
        text = PROTOCOL.format(id=id, number=number, limit=55 + number % 30, ladder=ladder)
        (folder / "protocols" / id / "1.0.0.yaml").write_text(text)
        (folder / "protocols" / id / "statements.yaml").write_text(STATEMENTS.format(id=id))


def main() -> None:
    print(f"{'protocols':>10}{'lines':>10}{'kb check':>12}{'a protocol':>12}{'reading the bytes':>20}")
    for count in (1, 100, 1000):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_base(folder, count)
            files = sorted((folder / "protocols").rglob("*.yaml"))
            start = time.perf_counter()
            lines = sum(file.read_bytes().count(b"\n") for file in files)
            reading = time.perf_counter() - start
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "kb", "--base", name, "check"], check=True, stdout=subprocess.DEVNULL)
            took = time.perf_counter() - start
            print(f"{count:10}{lines:10}{took:10.2f} s{took / count * 1000:9.1f} ms{reading * 1000:17.1f} ms")
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "kb", "--base", str(HERE.parent), "check", "refractory-hypotension"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    print(f"refractory-hypotension alone, with its scenarios: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
