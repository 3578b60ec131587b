"""A protocol of three steps in a base of its own, to be given scenarios that show much or little of it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from kb.base import Base
from tests.engine import LIBRARY_FOLDER

PROTOCOL = """\
format: 1
id: weak
version: "1.0.0"
title: Low pressure
question: What next?
purpose: educational
updated: 2026-01-27
population: Anybody
start: pressure
steps:
  pressure:
    decide: Is the pressure low?
    cases:
      - when: map < 65 mmHg
        go: fluid
      - else: fine
    cites: [S01]
  fluid:
    do: Give fluid
    give:
      fluid: saline
      amount: 500 mL
      route: iv
    avoid_if:
      - when: allergy
        because: it was not borne before
    priority: urgent
    strength: conditional
    cites: [S01]
  fine:
    end: No fluid
"""

STATEMENTS = """\
format: 1
protocol: weak
source: {title: An example, publisher: Nobody, updated: 2026-01-27, disclaimer: Not medicine}
references:
  R1: {title: An example, kind: guideline, publisher: Nobody, year: 2026, tier: self, checked: 2026-01-27}
statements:
  S01:
    says: Give 500 mL below 64 mmHg or 65 mmHg or 59 mmHg or 61 mmHg or 54 mmHg or 60 mmHg for 10 min or 11 min
    kind: act
    cites: [R1]
    support: direct
"""


CLAIM = """\
prove:
  no-fluid-with-allergy:
    title: Nobody with an allergy is advised fluid
    always: allergy implies not recommends(fluid)
    cites: [S01]
"""


def make_base(folder: Path, scenarios: Mapping[str, object], condition: str = "map < 65 mmHg", claim: str = "") -> Base:
    """A base with this protocol; `condition` in the place of its own, and `claim` behind it."""
    shutil.copytree(LIBRARY_FOLDER, folder / "protocols" / "library")
    here = folder / "protocols" / "weak"
    (here / "scenarios").mkdir(parents=True)
    (here / "1.0.0.yaml").write_text(PROTOCOL.replace("map < 65 mmHg", condition) + claim, encoding="utf-8")
    (here / "statements.yaml").write_text(STATEMENTS, encoding="utf-8")
    held = {"format": 1, "protocol": "weak", "scenarios": dict(scenarios)}
    (here / "scenarios" / "patients.yaml").write_text(yaml.safe_dump(held, sort_keys=False), encoding="utf-8")
    return Base(folder)
