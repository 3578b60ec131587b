"""How much rests on a name: "used by 3 steps, 12 scenarios"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from kb.editor.index import Definition
from kb.editor.places import Range, range_of
from kb.editor.workspace import Usage, Workspace
from kb.interpreter import Guideline
from kb.scenarios import Scenario, run_scenario

KINDS: Final = (
    "step",
    "define",
    "parameter",
    "interpretation",
    "data",
    "drug",
    "statement",
    "never",
    "cap",
    "goal",
    "alert",
)
_MANY: Final = {"property": "properties"}
_RULES: Final = ("never", "cap", "goal", "alert")

Reach = Mapping[str, int]
"""How many scenarios come to each step."""


class Lens(NamedTuple):
    range: Range
    text: str


def lenses(workspace: Workspace, path: Path, reach: Reach | None = None) -> list[Lens]:
    """One line above each definition of a file. A step counts the scenarios that come to it, once `reach` is there."""
    file = workspace.index(path)
    if file is None:
        return []
    lines = workspace.lines(path)
    usage = workspace.usage()
    found = []
    for definition in file.definitions:
        if definition.kind in KINDS and definition.span.line <= len(lines):
            counted = count(workspace, definition, usage, reach)
            found.append(Lens(range_of(definition.span, lines), told(counted)))
    return found


def count(workspace: Workspace, definition: Definition, usage: Usage, reach: Reach | None = None) -> dict[str, int]:
    """How many steps, rules, properties and scenarios use a name, also through a definition; not in older versions."""
    kinds = ("step", "definition", "rule", "property", "scenario")
    users: dict[str, set[tuple[str, str]]] = {kind: set() for kind in kinds}
    latest = {workspace.base.file(id) for id in workspace.base.protocols()}
    latest.add(workspace.base.protocols_path / "library" / "definitions.yaml")
    seen = {definition}
    waiting = [definition]
    while waiting:
        for file, use in usage.get(waiting.pop(), ()):
            kind, name = use.owner
            if file.kind == "scenario":
                users["scenario"].add((str(file.path), name))
            elif file.path in latest:
                owner = file.definition(kind, name)
                if owner == definition:
                    continue
                if kind == "step":
                    users["step"].add((str(file.path), name))
                elif kind == "property":
                    users["property"].add((str(file.path), name))
                elif kind in _RULES:
                    users["rule"].add((str(file.path), name))
                elif kind == "define" and owner is not None:
                    users["definition"].add((str(file.path), name))
                    if owner not in seen:
                        seen.add(owner)
                        waiting.append(owner)
    counted = {kind: len(names) for kind, names in users.items()}
    if users["step"]:
        counted["definition"] = 0  # the steps behind it count
    if definition.kind == "step":  # to be named is not to be come to: "not reached" names it as well
        counted["scenario"] = 0 if reach is None else reach.get(definition.name, 0)
    return counted


def told(counted: Mapping[str, int]) -> str:
    parts = [
        f"{number} {kind if number == 1 else _MANY.get(kind, kind + 's')}" for kind, number in counted.items() if number
    ]
    return "used by " + ", ".join(parts) if parts else "not used"


def reached(guideline: Guideline, scenario: Scenario) -> frozenset[str]:
    """Run a scenario, and say which steps it comes to."""
    advice = run_scenario(guideline, scenario).advice
    if advice is None:
        return frozenset()
    come_to = advice.walk.decision.reached | advice.walk.decision.assumed
    steps = guideline.program.steps
    return frozenset(step.id.partition(".")[0] for index, step in enumerate(steps) if come_to >> index & 1)
