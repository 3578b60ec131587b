"""A patient whom the prover found, written down as a scenario that an editor corrects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kb.formatter import format_text
from kb.prover.patient import NOW, Patient

if TYPE_CHECKING:
    from kb.prover.verdict import Proofs


class ScenarioExistsError(Exception):
    """A file of that name is there already; nothing is written over."""


def scenario_text(protocol: str, version: str, id: str, title: str, patient: Patient) -> str:
    """A scenario file with this one patient, expecting what is advised now."""
    lines = [
        "# yaml-language-server: $schema=../../../schema/scenario.schema.json",
        f"# Found by `kb prove {protocol} --property {id}`. It expects what is advised now: correct what is wrong.",
        "format: 1",
        f"protocol: {protocol}",
        f"version: {_scalar(version)}",
        "scenarios:",
        f"  {id}:",
        f"    title: {_scalar(title)}",
    ]
    if patient.now != NOW:
        lines.append(f"    now: {_scalar(patient.now.isoformat())}")
    if patient.local:
        lines.append("    local:")
        lines += _mapping(patient.local, 6)
    lines.append("    chart:" + ("" if patient.chart else " {}"))
    lines += _mapping(patient.chart, 6)
    advice = patient.advice
    lines.append("    expect:")
    if advice.applies is not True:
        lines.append(f"      applies: {'false' if advice.applies is False else 'unknown'}")
    recommended = ", ".join(item.step for item in advice.recommended)
    lines.append(f"      recommended: [{recommended}]")
    return format_text("\n".join(lines) + "\n", kind="scenario").text


def save_scenario(folder: Path, proofs: Proofs, id: str, patient: Patient) -> Path:
    """Write the patient to `scenarios/proved-ID.yaml` of the protocol in `folder`.

    Raises:
        ScenarioExistsError: there is such a file.

    """
    path = folder / "scenarios" / f"proved-{id}.yaml"
    title = next(verdict.property.title for verdict in proofs.verdicts if verdict.property.id == id)
    text = scenario_text(proofs.protocol, proofs.version, id, f"A patient against {title}", patient)
    path.parent.mkdir(exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise ScenarioExistsError(f"{path} is there already; nothing is written over it") from None
    return path


def _mapping(values: dict[str, Any], indent: int) -> list[str]:
    lines = []
    for name, value in values.items():
        key = name if name.replace("_", "").replace("-", "").isalnum() else _scalar(name)
        if isinstance(value, dict):
            lines += [" " * indent + f"{key}:", *_mapping(value, indent + 2)]
        else:
            lines.append(" " * indent + f"{key}: {_scalar(value)}")
    return lines


def _scalar(value: object) -> str:
    """Quoted where YAML could read it as something else: JSON's strings are YAML's."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    plain = text.replace(" ", "").replace("/", "").replace("-", "").replace("_", "").replace(".", "").replace("%", "")
    safe = plain.isalnum() and text[0].isalnum() and not text.replace(".", "").isdigit()
    return (
        text if safe and text.lower() not in ("yes", "no", "true", "false", "null", "on", "off") else json.dumps(text)
    )
