"""What a new version changes in its words and parts, and what each of those changes demands of its number.

Where patients are told otherwise is for `kb.comparison.behaviour` to say. Changes that its rows do not cover (how a
chart is read, how an order is judged) carry a level of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from kb import program as ir
from kb.comparison.behaviour import MAJOR, MINOR, PATCH, form_of
from kb.comparison.pairing import Names
from kb.comparison.trial import PartChange
from kb.generator.wording import Speaker, clean, decimal_text, listed


class Change(NamedTuple):
    """One thing that was changed. `kind` says what: a step, a condition, where a case leads, a dose, the wording …

    `level` is what it demands by itself: a patch where only a proof can say more.
    """

    kind: str
    about: str
    text: str
    level: str = PATCH


def changes(names: Names, parts: Sequence[PartChange]) -> tuple[Change, ...]:
    """All changes, steps first. `parts`: what is said beside the steps (`kb.comparison.trial`)."""
    work = _Structure(names)
    beside = (change for change in parts if change.name.startswith("("))
    return tuple(dict.fromkeys((*work.steps(), *work.beside(), *work.read_otherwise(), *map(_part, beside))))


def _part(change: PartChange) -> Change:
    kind, _, name = change.name.partition(") ")
    kind = kind.strip("()")
    word = {"+": "new", "-": "gone", "~": ""}[change.mark]
    if word:
        return Change(kind, name, f"{word}: {change.head}")
    return Change(kind, name or "the protocol", "; ".join(f"{_MARKS[line.mark]}{line.text}" for line in change.lines))


_MARKS = {"+": "now: ", "-": "no longer: ", "~": ""}


class _Structure:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.before, self.after = names.before, names.after
        self.old, self.new = Speaker(names.before), Speaker(names.after)

    # ------------------------------------------------------------ steps

    def steps(self) -> Iterator[Change]:
        renamed = {new: old for old, new in self.names.renamed.items()}
        for pair in self.names.steps:
            if pair.after is None:
                assert pair.before is not None
                title = clean(self.before.steps[pair.before].title)
                yield Change("step gone", pair.id, title, MAJOR)
            elif pair.before is None:
                yield Change("step new", pair.id, clean(self.after.steps[pair.after].title), MINOR)
            else:
                if pair.id in renamed:
                    yield Change("step renamed", pair.id, f"was `{renamed[pair.id]}`", MAJOR)
                yield from self._step(self.before.steps[pair.before], self.after.steps[pair.after])

    def _step(self, old: ir.Step, new: ir.Step) -> Iterator[Change]:
        id = new.id
        if clean(old.title) != clean(new.title):
            yield Change("wording", id, f"“{clean(old.title)}” becomes “{clean(new.title)}”")
        if clean(old.note) != clean(new.note):
            yield Change("wording", id, _becomes("note", clean(old.note), clean(new.note)))
        yield from self._cases(old, new)
        for kind, was, now in (
            ("leads at once to", self._ids(self.before, old.with_), self._ids(self.after, new.with_)),
            ("then leads to", self._ids(self.before, old.then), self._ids(self.after, new.then)),
            ("where it is not known", self._unknown(self.before, old), self._unknown(self.after, new)),
        ):
            if was != now:
                yield Change("way", id, _becomes(kind, was, now))
        before, after = form_of(old, self.names), form_of(new, None)
        for name in dict.fromkeys((*before, *after)):
            if before.get(name, "") != after.get(name, ""):
                kind = "priority" if name == "priority" else "action"
                yield Change(kind, id, _becomes(name, before.get(name, ""), after.get(name, "")))
        for name in ("strength", "certainty"):
            if getattr(old, name) != getattr(new, name):
                yield Change(name, id, _becomes(name, getattr(old, name), getattr(new, name)), MINOR)
        yield from self._action(old, new)
        yield from self._basis(id, old, new)
        for case in new.cases:
            for other in old.cases:
                if case.text == other.text:
                    if clean(case.title) != clean(other.title):
                        yield Change("wording", id, f"“{clean(other.title)}” becomes “{clean(case.title)}”")
                    yield from self._basis(id, other, case, f"{self.new.condition(case.text)}: ")

    def _cases(self, old: ir.Step, new: ir.Step) -> Iterator[Change]:
        was = [(self.names.key(self.before, case.when), case) for case in old.cases]
        now = [(self.names.key(self.after, case.when), case) for case in new.cases]
        gone = [case for key, case in was if key not in [other for other, _ in now]]
        fresh = [case for key, case in now if key not in [other for other, _ in was]]
        for one, other in zip(gone, fresh, strict=False):
            told = self._case(self.old, one), self._case(self.new, other)
            if told[0] == told[1]:
                yield Change("condition", new.id, f"“{told[0]}” reads as before and means something else")
            else:
                yield Change("condition", new.id, f"“{told[0]}” becomes “{told[1]}”")
        yield from (
            Change("condition", new.id, f"no case “{self._case(self.old, case)}”") for case in gone[len(fresh) :]
        )
        yield from (
            Change("condition", new.id, f"new case “{self._case(self.new, case)}”") for case in fresh[len(gone) :]
        )
        pairs = [(one, other) for key, one in was for match, other in now if key == match]
        for one, other in (*pairs, *zip(gone, fresh, strict=False)):
            leads = self._ids(self.before, one.targets), self._ids(self.after, other.targets)
            if leads[0] != leads[1]:
                yield Change(
                    "way", new.id, f"“{self._case(self.new, other)}” leads to {leads[1]} instead of {leads[0]}"
                )
        if [key for key, _ in was] != [key for key, _ in now] and not gone and not fresh:
            yield Change("condition", new.id, "its cases stand in another order")

    def _case(self, speaker: Speaker, case: ir.Case) -> str:
        return speaker.condition(case.text) if case.text not in ("", "else") else "otherwise"

    def _ids(self, program: ir.Program, targets: tuple[int, ...]) -> str:
        ids = (program.steps[target].id for target in targets)
        told = sorted(self.names.now_called(id) if program is self.before else id for id in ids)
        return listed(f"`{id}`" for id in told) or "nothing"

    def _unknown(self, program: ir.Program, step: ir.Step) -> str:
        return "" if step.if_unknown is None else self._ids(program, (step.if_unknown,))

    def _action(self, old: ir.Step, new: ir.Step) -> Iterator[Change]:
        before, after = old.action, new.action
        if before is not None and after is not None:
            texts = [("" if action.dose is None else action.dose.text) for action in (before, after)]
            if texts[0] != texts[1]:
                yield Change("dose", new.id, _becomes("dose", *texts))
            if before.each_text != after.each_text:
                yield Change("dose", new.id, _becomes("each", before.each_text, after.each_text))
            titles = {option.id: option for option in before.options}
            for option in after.options:
                was = titles.get(option.id)
                if was is not None:
                    words = self.old.option(was), self.new.option(option)
                    if words[0] != words[1]:
                        yield Change("option", new.id, f"“{words[0]}” becomes “{words[1]}”")
        if (
            not _same(self.names, self.before, old.satisfied, self.after, new.satisfied)
            and old.kind == new.kind == "do"
        ):
            yield Change("status", new.id, _becomes("done", self.old.when_done(old), self.new.when_done(new)))
        for name in ("review", "repeat"):
            told = [(getattr(step, name).text if getattr(step, name) is not None else "") for step in (old, new)]
            if told[0] != told[1]:
                yield Change("time", new.id, _becomes(name, *told))
        was_avoided, now_avoided = ([speaker.avoid(item) for item in step.avoid] for speaker, step in
                                    ((self.old, old), (self.new, new)))  # fmt: skip
        yield from (
            Change("withheld", new.id, f"no longer withheld: {text}") for text in _less(was_avoided, now_avoided)
        )
        yield from (Change("withheld", new.id, f"now withheld: {text}") for text in _less(now_avoided, was_avoided))

    def _basis(self, id: str, old: Any, new: Any, where: str = "") -> Iterator[Change]:
        for name, words in (("cites", "citation"), ("interprets", "reading")):
            more, less = _less(getattr(new, name), getattr(old, name)), _less(getattr(old, name), getattr(new, name))
            if more:
                yield Change(words, id, f"{where}now {name} {listed(more)}")
            if less:
                yield Change(words, id, f"{where}no longer {name} {listed(less)}")

    # ------------------------------------------------------------ what stands beside the steps

    def beside(self) -> Iterator[Change]:
        """Rules, caps, goals, alerts and settings that come, go or judge otherwise."""
        old_drugs = {drug.id for drug in self.before.drugs}
        for kind, was, now in (
            ("never", self.before.rules, self.after.rules),
            ("cap", self.before.caps, self.after.caps),
        ):
            mine = {item.id: item for item in was}
            for item in now:
                other = mine.pop(item.id, None)
                if other is None:
                    fresh = not set(item.drugs) & old_drugs
                    level = MINOR if fresh else MAJOR
                    yield Change(kind, item.id, f"new: orders are held against it ({clean(item.text)})", level)
                elif self._judges(self.before, other) != self._judges(self.after, item):
                    yield Change(kind, item.id, f"judges orders otherwise ({clean(item.text)})", MAJOR)
            yield from (Change(kind, id, "gone: orders are no longer held against it", MAJOR) for id in mine)
        for kind, olds, news in (
            ("goal", self.before.goals, self.after.goals),
            ("alert", self.before.alerts, self.after.alerts),
        ):
            ids = [item.id for item in olds], [item.id for item in news]
            yield from (Change(kind, id, "new", MINOR) for id in _less(ids[1], ids[0]))
            yield from (Change(kind, id, "gone", MAJOR) for id in _less(ids[0], ids[1]))
        severities = {alert.id: alert.severity for alert in self.before.alerts}
        for alert in self.after.alerts:
            if severities.get(alert.id, alert.severity) != alert.severity:
                yield Change("alert", alert.id, _becomes("severity", severities[alert.id], alert.severity), MAJOR)
        if self.before.withdrawn != self.after.withdrawn:
            yield Change(
                "protocol", self.after.id, _becomes("withdrawn", self.before.withdrawn, self.after.withdrawn), MAJOR
            )

    def _judges(self, program: ir.Program, item: ir.Rule | ir.Cap) -> object:
        if isinstance(item, ir.Rule):
            return (sorted(item.drugs), self.names.key(program, item.when), item.instead)
        window = item.window.kind, item.window.event
        return (sorted(item.drugs), self.names.key(program, item.amount), item.unit, window)

    # ------------------------------------------------------------ how a chart is read

    def read_otherwise(self) -> Iterator[Change]:
        """What makes another row of the same chart, or refuses it: no comparison of rows covers that."""
        yield from self._elements()
        drugs = {drug.id: drug for drug in self.before.drugs}
        for drug in self.after.drugs:
            other = drugs.get(drug.id)
            if other is None:
                continue
            told = [name for name in _DRUG if getattr(other, name) != getattr(drug, name)]
            if told:
                words = listed(_DRUG[name] for name in told)
                yield Change("drug", drug.id, f"{words} changed in the library", MAJOR)
        yield from self._parameters()
        yield from self._inputs()
        units = {unit.spelling: (unit.factor, unit.dimension, unit.offset) for unit in self.before.units}
        for unit in self.after.units:
            if units.get(unit.spelling, (unit.factor, unit.dimension, unit.offset)) != (
                unit.factor, unit.dimension, unit.offset
            ):  # fmt: skip
                yield Change("unit", unit.spelling, "means something else", MAJOR)

    def _elements(self) -> Iterator[Change]:
        elements = {element.id: element for element in self.before.elements}
        for element in self.after.elements:
            was = elements.get(element.id)
            if was is None:
                continue
            told = [words for name, words in _ELEMENT.items() if getattr(was, name) != getattr(element, name)]
            if told:
                yield Change("data", element.id, f"{listed(told)} changed: the same chart is read otherwise", MAJOR)
            if (was.low, was.high) != (element.low, element.high):
                wider = _reaches(was.low, element.low, low=True) and _reaches(was.high, element.high, low=False)
                told_range = _becomes(
                    "plausible", _range(was.low, was.high, was.unit), _range(element.low, element.high, element.unit)
                )
                yield Change("data", element.id, told_range, MINOR if wider else MAJOR)
            gone, fresh = _less(was.options, element.options), _less(element.options, was.options)
            if gone:
                yield Change("data", element.id, f"no longer the option {listed(gone)}", MAJOR)
            if fresh:
                yield Change("data", element.id, f"also the option {listed(fresh)}", MINOR)

    def _parameters(self) -> Iterator[Change]:
        parameters = {item.id: item for item in self.before.parameters}
        for item in self.after.parameters:
            was = parameters.pop(item.id, None)
            if was is None:
                yield Change("local setting", item.id, "new", MINOR)
                continue
            if (was.type, was.unit) != (item.type, item.unit):
                yield Change("local setting", item.id, _becomes("unit", was.unit, item.unit), MAJOR)
            if (was.low, was.high) != (item.low, item.high):
                wider = _reaches(was.low, item.low, low=True) and _reaches(was.high, item.high, low=False)
                told = _becomes("range", _range(was.low, was.high, was.unit), _range(item.low, item.high, item.unit))
                yield Change("local setting", item.id, told, MINOR if wider else MAJOR)
            if set(was.options) - set(item.options):
                yield Change("local setting", item.id, "has fewer options", MAJOR)
        yield from (
            Change("local setting", id, "gone: a `local.yaml` that sets it is refused", MAJOR) for id in parameters
        )

    def _inputs(self) -> Iterator[Change]:
        olds = {self.names.slot_name(slot): slot for slot in self.before.slots}
        for slot in self.after.slots:
            was = olds.get(slot.name)
            if was is None or slot.kind in ("define", "computed", "order"):
                continue
            if (was.kind, was.type, was.unit) != (slot.kind, slot.type, slot.unit):
                yield Change("data", slot.name, _becomes("unit", was.unit, slot.unit), MAJOR)
            elif slot.feature is not None and self._fold(self.before, was) != self._fold(self.after, slot):
                words = "is worked out otherwise from what is charted over time"
                yield Change("time", slot.name, words, MAJOR)

    def _fold(self, program: ir.Program, slot: ir.Slot) -> object:
        feature = slot.feature
        assert feature is not None
        exprs = (feature.condition, feature.clear, feature.duration, feature.window and feature.window.duration)
        return (feature.function, *(None if expr is None else self.names.key(program, expr) for expr in exprs))


_ELEMENT = {
    "type": "type",
    "unit": "unit",
    "valid_for": "how long a value counts as current",
    "can_be_unobtainable": "whether it can be unobtainable",
    "molar_mass": "molar mass",
    "valence": "valence",
    "basis": "basis",
}
_DRUG = {
    "classes": "classes",
    "rate_unit": "unit of rates",
    "amount_unit": "unit of amounts",
    "salts": "salt forms",
    "valid_for": "how long a rate counts as current",
    "absent_is_zero": "what absence means",
    "limits": "limits",
    "delivery": "steps that can be delivered",
    "largest_step": "largest step",
    "routes": "routes",
}


def _same(names: Names, before: ir.Program, old: ir.Expr, after: ir.Program, new: ir.Expr) -> bool:
    return names.key(before, old) == names.key(after, new)


def _less(items: Sequence[str], others: Sequence[str]) -> list[str]:
    return [item for item in items if item not in others]


def _becomes(what: str, old: str, new: str) -> str:
    if not old:
        return f"{what}: now {new}"
    return f"{what}: no longer {old}" if not new else f"{what}: {old} becomes {new}"


def _reaches(old: int | None, new: int | None, *, low: bool) -> bool:
    """Whether the end `new` leaves in all that `old` did."""
    if new is None or old is None:
        return new is None
    return new <= old if low else new >= old


def _range(low: int | None, high: int | None, unit: str) -> str:
    ends = ["…" if end is None else decimal_text(end) for end in (low, high)]
    return f"{ends[0]} to {ends[1]} {unit}".rstrip()
