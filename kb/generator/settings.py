"""What a protocol asks each hospital to settle, beside what this hospital has settled and what is missing."""

from __future__ import annotations

from typing import NamedTuple

from kb import program as ir
from kb.advice import LocalSetting
from kb.generator.wording import Speaker, clean, listed, setting_basis
from kb.local import Local, settings_in_force, show_parameter


class Asked(NamedTuple):
    """One setting. `may` is its range or options; `basis` what the source says of it, or that it is silent.

    `needed`: there is no default, so what depends on it stays unknown until it is set.
    """

    kind: str
    name: str
    title: str
    may: str
    default: str
    basis: str
    needed: bool
    here: LocalSetting | None

    @property
    def missing(self) -> bool:
        return self.needed and self.here is None


class Settings(NamedTuple):
    """Everything to be settled for one protocol; `more` is what the hospital has set beside that."""

    protocol: str
    version: str
    title: str
    asked: tuple[Asked, ...]
    more: tuple[LocalSetting, ...]


def settings_asked(program: ir.Program, local: Local) -> Settings:
    """The settings `program` has a place for, those without a default first among their kind."""
    say = Speaker(program)
    here = settings_in_force(program, local)
    by_name = {(setting.kind, setting.name): setting for setting in here}
    asked = [
        Asked(
            "parameter",
            parameter.id,
            clean(parameter.title),
            say.range_of(parameter),
            show_parameter(parameter, parameter.default),
            _basis(parameter),
            parameter.default is None,
            by_name.get(("parameter", parameter.id)),
        )
        for parameter in program.parameters
    ]
    asked.sort(key=lambda item: not item.needed)
    infused = {
        action.drug
        for step in program.steps
        if step.action is not None
        for action in (step.action, *(option.action for option in step.action.options))
        if action.of == "rate" and action.dose is not None and not action.concentration
    }
    drugs = {drug.id: drug for drug in program.drugs}
    asked += [
        Asked(
            "concentration",
            id,
            f"Concentration of {clean(drugs[id].label)}, for the rate in mL/h",
            f"an amount per volume{_forms(drugs[id])}",
            "",
            "for the pump; the advice is the same without it",
            False,
            by_name.get(("concentration", id)),
        )
        for id in sorted(infused)
        if "mL" not in drugs[id].rate_unit
    ]
    told = {(item.kind, item.name) for item in asked}
    more = tuple(setting for setting in here if (setting.kind, setting.name) not in told)
    return Settings(program.id, program.version, clean(program.title), tuple(asked), more)


def _basis(parameter: ir.Parameter) -> str:
    reading = f"reading {' '.join(parameter.interprets)}" if parameter.interprets else ""
    if parameter.default is None:
        source = (
            f"the source gives no number ({' '.join(parameter.cites)})" if parameter.cites else "the source gives none"
        )
    else:
        source = " ".join(parameter.cites)
    return "; ".join(text for text in (source, reading) if text)


def _forms(drug: ir.Drug) -> str:
    forms = [name for name, _ in drug.salts]
    return f", as {listed(forms, 'or')}" if len(forms) > 1 else ""


def setting_words(setting: LocalSetting) -> str:
    """`10 min (because …; signed by … on …)`."""
    return f"{clean(setting.value)} ({setting_basis(setting)})"
