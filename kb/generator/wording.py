"""Pieces of a Program in the words of the ward, for every renderer.

All results are plain text: whoever puts them into HTML, Markdown or DOT escapes them there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kb import interpreter
from kb import program as ir
from kb.advice import LocalSetting, SaidElsewhere, elsewhere_line
from kb.evaluate import parts_of, slots_of
from kb.local import (
    NO_LOCAL,
    Local,
    dose_beside,
    number_in_local_unit,
    prose_beside,
    range_beside,
    settings_in_force,
)
from kb.reading import dictionary_of

_SIGNS = {">=": "≥", "<=": "≤", "!=": "≠", " * ": " × "}
_PERSISTS = re.compile(r"persists\(([^,()]+), ([^()]+?) after ([^()]+)\)")
_COUNT = re.compile(r"count\(([^()]+?) ((?:in|since) [^()]+)\)(?: (>=|<=|=|>|<) (\d+)(?![\w.]| [*/+-]))?")
_TIMES_TOLD = {
    ">=": ("at least once", "{} times or more"),
    "<=": ("once at most", "{} times at most"),
    "=": ("once", "{} times"),
    ">": ("more than once", "more than {} times"),
    "<": ("less than once", "fewer than {} times"),
}
_ORDERED = (
    (re.compile(r"known\(order\.(rate|amount)\) and (?=.*\border\.\1\b)"), ""),  # what is compared is known
    (re.compile(r"\bnot ordered\(([^()]+)\)"), r"\1 is not ordered with it"),
    (re.compile(r"\bordered\(([^()]+)\)"), r"\1 is ordered with it"),
    (re.compile(r"\border\.([a-z]+)"), r"the ordered \1"),
)
_FEATURES = [
    (re.compile(pattern), words)
    for pattern, words in (
        (r"not known\(([^()]+)\)", r"\1 not known"),
        (r"known\(([^()]+)\)", r"\1 known"),
        (r"since\(([^()]+)\)", r"time since \1"),
        (r"total\(([^()]+?) ((?:in|since) [^()]+)\)", r"total \1 \2"),
        (r"change\(([^()]+?) (in [^()]+)\)", r"change of \1 \2"),
        (r"least\(([^,()]+), ([^,()]+)\)", r"\1, at most \2"),
        (r"greatest\(([^,()]+), ([^,()]+)\)", r"\1, at least \2"),
        (r"previous\(([^()]+)\)", r"previous \1"),
        (r"(?<![\w.])now - ([a-z][a-z0-9_]*)", r"time since \1"),
        (r"not known\(([^()]+)\)", r"\1 not known"),  # of what was said above
        (r"known\(([^()]+)\)", r"\1 known"),
        (r"not done\(([^()]+?) ((?:in|since) [^()]+)\)", r"\1 not done \2"),
        (r"done\(([^()]+?) ((?:in|since) [^()]+)\)", r"\1 done \2"),
        (r"declined\(([^()]+?) ((?:in|since) [^()]+)\)", r"\1 declined \2"),
    )
]
_QUANTITY = r"\d+(?:\.\d+)?"
# `change of x in the last 1 h < 3 mmol/L`, `map >= 65 mmHg`, `order.rate > 0.04 units/min`, `x between 5 cm and 6 cm`
_COMPARED = re.compile(
    r"(?<![\w.-])(?P<over>(?:change of|fall of|total) )?(?P<name>[a-z][a-z0-9_-]*(?:\.(?:rate|amount))?)"
    r"(?P<window>(?(over) (?:in|since) [\w -]+?))? "
    rf"(?:(?:[<>]=?|!?=)|between (?P<low>{_QUANTITY}) (?P<unit_low>[^\s(),]+) and) "
    rf"(?P<number>{_QUANTITY}) (?P<unit>[^\s(),]+)(?![^\s),])"
)
# No number is written with a sign, so that a fall is `change(x in W) + 3 mmol/L > 0 mmol/L`: said as it is meant.
_FALL = re.compile(
    rf"change\((?P<what>[^()]+?) (?P<window>in [^()]+)\) \+ (?P<number>{_QUANTITY}) (?P<unit>[^\s(),]+)"
    r" (?P<op>[<>]=?|!?=) 0 (?P=unit)(?![^\s),])"
)
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*")


def clean(text: str) -> str:
    """`text` without control characters, which no page may carry; runs of white space become one space."""
    return " ".join(_CONTROL.sub(" ", text).split())


def harmless(text: str) -> str:
    """`text` without characters that a terminal would act on, its spaces kept."""
    return _CONTROL.sub(" ", text).replace("\n", " ").replace("\t", " ")


def elsewhere_words(said: SaidElsewhere) -> str:
    """What another source says, on one line."""
    return clean(elsewhere_line(said))


def banner(program: ir.Program) -> str:
    """What a reader must know first: withdrawn, or the review state in the words of every advice."""
    if program.withdrawn:
        return f"WITHDRAWN: {clean(program.withdrawn)}"
    return clean(interpreter.banner(program))


def short_digest(digest: str) -> str:
    """The part of a digest that people compare."""
    return digest.removeprefix("sha256:")[:12]


def setting_basis(setting: LocalSetting) -> str:
    """Why a hospital has settled something so, and who signed it when."""
    signed = f"signed by {clean(setting.by)}" if setting.by else "nobody has signed it"
    signed += f" on {clean(setting.on)}" if setting.on else ""
    return "; ".join(text for text in (clean(setting.because), signed) if text)


def setting_line(setting: LocalSetting) -> str:
    """What a hospital has settled, beside what would count without it, and why."""
    area = f" in {clean(setting.area)}" if setting.area else ""
    beside = {"limit": f"library: {clean(setting.default) or 'none'}", "display unit": f"protocol: {setting.default}"}
    told = f" ({beside[setting.kind]})" if setting.kind in beside else ""
    return f"{setting.kind}{area}: {clean(setting.value)}{told}; {setting_basis(setting)}"


def _default(setting: LocalSetting) -> str:
    return f"default {clean(setting.default)}" if setting.default else "no default"


def identity(program: ir.Program) -> str:
    """Version and digests in one line."""
    parts = [f"version {program.version}"]
    if program.updated:
        parts.append(f"updated {clean(program.updated)}")
    if program.logic_digest:
        parts.append(f"logic {short_digest(program.logic_digest)}")
    if program.text_digest:
        parts.append(f"text {short_digest(program.text_digest)}")
    return " · ".join(parts)


class Speaker:
    """Says names, conditions and doses of one Program as its readers would."""

    def __init__(self, program: ir.Program, local: Local = NO_LOCAL) -> None:
        self.program = program
        self._settled = local
        self._local = {item.name: item for item in settings_in_force(program, local) if item.kind == "parameter"}
        self._names = {element.id: _element_words(element) for element in program.elements}
        self._names |= {drug.id: clean(drug.label) for drug in program.drugs}
        self._names |= {parameter.id: parameter.id.replace("_", " ") for parameter in program.parameters}
        self._steps = {step.id for step in program.steps} - {drug.id for drug in program.drugs}
        self._titles = {slot.of or slot.name: clean(slot.title) for slot in program.slots if slot.kind == "define"}
        self._parameters = {parameter.id: parameter for parameter in program.parameters}
        self._drugs = {drug.id: drug for drug in program.drugs}
        self._elements = {element.id: element for element in program.elements}

    def drug(self, id: str) -> str:
        """A drug in running text: its label without what stands in brackets."""
        if id not in self._drugs:
            return id.replace("-", " ")
        label = clean(self._drugs[id].label).partition(" (")[0]
        return label[:1].lower() + label[1:]

    def data(self, id: str) -> str:
        """An element by the short name people say."""
        return self._names.get(id, id.replace("_", " "))

    def label(self, id: str) -> str:
        """An element by its full label."""
        return clean(self._elements[id].label) if id in self._elements else self.data(id)

    def condition(self, text: str, ordered: Iterable[str] = ()) -> str:
        """A condition as written, with the signs and names of print: `map >= 65 mmHg` as `MAP ≥ 65 mmHg`.

        `ordered`: the drugs whose order it speaks of as `order.rate`.
        """
        if ordered:
            text = _ORDERED[0][0].sub("", text)
        text = _PERSISTS.sub(self._persists, _FALL.sub(_fall, clean(text)))
        text = _COUNT.sub(self._count, text)
        for pattern, words in _FEATURES:
            text = pattern.sub(words, text)
        text = self._with_local_units(text, tuple(ordered))
        text = re.sub(r"(?<=\d) Cel\b", " °C", text)
        for pattern, words in _ORDERED[1:]:
            text = pattern.sub(words, text)
        for written, sign in _SIGNS.items():
            text = text.replace(written, sign)
        return _NAME.sub(self._say_name, text)

    def _with_local_units(self, text: str, ordered: tuple[str, ...]) -> str:
        """A condition as written; where the hospital has its own unit, in that too: `map < 65 mmHg (8.666 kPa)`."""

        def beside(found: re.Match[str]) -> str:
            names = ordered if found["name"] in ("order.rate", "order.amount") else (found["name"],)
            low = found["low"] if found["unit_low"] == found["unit"] else None
            first, last = (low, found["number"]) if low else (found["number"], "")
            told = {
                range_beside(self._settled, dictionary_of(self.program), name, first, last, found["unit"])
                for name in names
            }
            own = told.pop() if len(told) == 1 else ""
            return f"{found.group()} ({own})" if own else found.group()

        return _COMPARED.sub(beside, text) if self._settled.units else text

    def range_beside(self, name: str, low: str, high: str, unit: str) -> str:
        """Two numbers of data or of a drug's dose in the hospital's unit; empty where it has none."""
        return range_beside(self._settled, dictionary_of(self.program), name, low, high, unit)

    def in_local_unit(self, name: str, number: str, unit: str) -> str:
        """A number of data or of a drug's dose in the hospital's unit; empty where it has none."""
        return number_in_local_unit(self._settled, dictionary_of(self.program), name, unit, number)

    def dose_beside(self, drug: str, text: str) -> str:
        """A dose or rate; where the hospital shows this drug in a unit of its own, in that too."""
        return dose_beside(self._settled, dictionary_of(self.program), drug, text)

    def cap(self, cap: ir.Cap) -> str:
        """The most that may be given of a drug, or of several together."""
        told = {self.dose_beside(drug, self.condition(cap.text)) for drug in cap.drugs}
        return told.pop() if len(told) == 1 else self.condition(cap.text)

    def prose(self, text: str) -> str:
        """A title, note or other text of the protocol; where a number in it has a unit of the hospital's, that too."""
        return prose_beside(self._settled, dictionary_of(self.program), clean(text))

    def _persists(self, found: re.Match[str]) -> str:
        what, long, event = found.groups()
        if long in self._parameters:
            long = self._here(long) if long in self._local else "the local interval"
        what = re.sub(r"^still[ _]", "", what)
        wait = "" if re.match(r"0 ", long) else f"{long} or more "
        return f"still {what} when measured again {wait}after {event} was started or raised"

    def _count(self, found: re.Match[str]) -> str:
        """How often something was charted; what is neither data nor a step is a drug, or a class of drugs."""
        what, window, op, number = found.groups()
        done = "charted" if what in self._elements else "done" if what in self._steps else "given"
        if op is None:
            what = f"values of {what}" if done == "charted" else f"times {what} was {done}"
            return f"number of {what} {window}"
        if (op, number) in (("=", "0"), ("<", "1"), ("<=", "0")):
            return f"{what} was not {done} {window}"
        if (op, number) == (">", "0"):
            op, number = ">=", "1"
        once, often = _TIMES_TOLD[op]
        return f"{what} was {done} {once if number == '1' else often.format(number)} {window}"

    def _say_name(self, found: re.Match[str]) -> str:
        name = found.group()
        if name in self._elements:
            return self._names[name]
        if name in self._drugs:
            return self.drug(name)
        return self._own_value(name)

    def _own_value(self, name: str) -> str:
        """A name of the protocol; of what this hospital has set, with its value beside the default."""
        setting = self._local.get(name)
        beside = "" if setting is None else f" (here {clean(setting.value)}; {_default(setting)})"
        return f"{name.replace('_', ' ')}{beside}"

    def action_lines(self, action: ir.Action) -> list[str]:
        """What is to be done, the dose first: drug with dose and route, then how."""
        match action.verb:
            case "give" | "infuse" | "change" | "stop" | "start" | "raise":
                return self._drug_lines(action)
            case "measure":
                return [", ".join(self.data(id) for id in action.subject)]
            case "exclude":
                return [", ".join(self.data(id) for id in action.subject)]
            case "call" | "perform":
                return [clean(text) for text in action.subject]
            case "choose":
                return [self.option(option) for option in action.options]
            case _:
                return []

    def option(self, option: ir.Option) -> str:
        """An option of a choice: its title, then the dose with its limits or what is done, unless the title says it."""
        title = self.prose(option.title)
        lines = [line for line in self.action_lines(option.action) if line != title]
        return ": ".join([title, *([", ".join(lines)] if lines else [])])

    def _drug_lines(self, action: ir.Action) -> list[str]:
        name = self.drug(action.drug)
        if action.dose is not None:
            to = "to " if action.verb == "change" else ""
            dose = self.dose_beside(action.drug, self._dose(action.dose.text))
            named = dose.startswith(f"{name} ") and action.verb != "change"  # `midazolam_dose` names its drug itself
            first = dose if named else f"{name} {to}{dose}"
        elif action.verb == "stop":
            first = f"stop {name}"
        elif action.verb == "change":
            verb = {"up": "raise", "down": "lower"}.get("".join(action.subject), "change")
            first = f"{verb} {name}"
        else:
            first = name
        lines = [f"{first} {route_words(action.route)}".strip()]
        how = []
        if action.salt and action.salt != "base":
            how.append(f"as {clean(action.salt)}")
        if action.each_text:
            how.append(f"each {self.local(action.each_text)}")
        if action.over:
            how.append(f"over {self.local(action.over)}")
        if action.dose is not None and action.dose.most is not None:
            most = self._most(action.dose.most, action.dose.unit)
            how.append(f"never above {self.dose_beside(action.drug, most)}")
        if action.concentration:
            how.append(f"at {clean(action.concentration)}")
        lines.append(", ".join(text for text in how if text))
        return [line for line in lines if line]

    def _dose(self, text: str) -> str:
        """A dose as written; where it is a local setting, what it is without one."""
        local = self._parameters.get(text)
        if local is None:
            return self.condition(text) if not set(_NAME.findall(text)) & set(self._titles) else self._titled(text)
        return self._set_here_or_default(local) or f"{text.replace('_', ' ')} (local policy sets it)"

    def _set_here_or_default(self, parameter: ir.Parameter) -> str:
        """What this hospital has set beside the default, else the default and that it is one; empty without either."""
        if parameter.id in self._local:
            return self._here(parameter.id)
        if isinstance(parameter.default, int) and not isinstance(parameter.default, bool):
            return f"{decimal_text(parameter.default)} {parameter.unit} (unless set otherwise locally)"
        return ""

    def _titled(self, text: str) -> str:
        """A dose that is worked out: its definitions by their titles, which `Words used` explains."""
        ends = [f"({title[:1].lower()}{title[1:]})" if (title := self._titles.get(end)) else self.condition(end)
                for end in text.split(" to ")]  # fmt: skip
        return " to ".join(ends)

    def _most(self, expr: ir.Expr, unit: str) -> str:
        """The largest dose; where each hospital sets it, what it is without a local setting."""
        slot = self.program.slots[expr.slot] if isinstance(expr, ir.Get) else None
        local = self._parameters.get(slot.of) if slot is not None and slot.kind == "parameter" else None
        if local is not None and (told := self._set_here_or_default(local)):
            return told
        return self.expression(expr, unit) if self.can_say(expr) else "a dose worked out for the patient"

    def _constant(self, expr: ir.Expr, unit: str) -> str:
        if isinstance(expr, ir.Const) and isinstance(expr.value, int) and not isinstance(expr.value, bool):
            return f"{decimal_text(expr.value)} {unit}".strip()
        return ""

    def review(self, review: ir.Review) -> str:
        """When to look again, and at what."""
        what = ", ".join(self.data(id) for id in review.measure)
        when = self._review_time(review)
        return f"{when}: {what}" if what else when

    def _review_time(self, review: ir.Review) -> str:
        local = self._parameters.get(review.text.removeprefix("local ").strip())
        if local is None:
            return f"again in {self.condition(review.text)}" if review.text else "again at the set time"
        if told := self._set_here_or_default(local):
            return f"again in {told}"
        return f"again after an interval that local policy must set ({local.id})"

    def local(self, text: str) -> str:
        """A quantity as written; where it is a local setting, its name and that it is one."""
        name = text.removeprefix("local ").strip()
        if name in self._local:
            return f"{name.replace('_', ' ')}, {self._here(name)}"
        if name in self._parameters:
            default = self._set_here_or_default(self._parameters[name])
            return f"{name.replace('_', ' ')}, {default or 'which local policy sets'}"
        return self.condition(text)

    def _here(self, name: str) -> str:
        """What this hospital has set, beside the default."""
        setting = self._local[name]
        return f"{clean(setting.value)} (set locally; {_default(setting)})"

    def repeat(self, repeat: ir.Repeat) -> str:
        """How often, and how many times at most."""
        most = self._constant(repeat.at_most, "") if repeat.at_most is not None else ""
        times = f", at most {most} times" if most else ""
        return f"repeat every {self.local(repeat.text)}{times}"

    def when_done(self, step: ir.Step) -> str:
        """When what follows a `do` begins: once the step is satisfied, which a repeat is not after its first time."""
        verb = step.action.verb if step.action is not None else ""
        if ir.is_constant(step.satisfied, False):
            return "never, because it has no end"
        if step.repeat is not None and step.repeat.at_most is not None:
            most = self._constant(step.repeat.at_most, "")
            given = "given" if verb == "give" else "done"
            counted = f"once {given} {most} times" if most else f"once {given} as often as it may be"
            return f"{counted}, or {self.expression(other)}" if (other := self._until(step)) is not None else counted
        if (until := self._until(step)) is not None:
            return f"once {self.expression(until)}"
        return {
            "give": "once all of it is given",
            "infuse": "once running at that rate or more",
            "measure": "once measured",
            "exclude": "once answered",
            "call": "once called",
            "choose": "once one of them is done",
        }.get(verb, "once done")

    def _until(self, step: ir.Step) -> ir.Expr | None:
        """The condition under `until:`, where it can be said; an end that the verb or the repeat makes is none."""
        found = step.satisfied
        if step.repeat is not None and isinstance(found, ir.Any_) and len(found.items) == 2:
            found = found.items[0]
        elif step.repeat is not None and step.repeat.at_most is not None:
            return None
        match found:
            case ir.Compare(">=", ir.Get(slot), _) if step.action is not None:
                place = self.program.slots[slot]
                of = place.of or (place.feature.of.id if place.feature is not None and place.feature.of else "")
                total = place.kind == "rate" or (place.feature is not None and place.feature.function == "total")
                if total and of == step.action.drug:
                    return None
            case _ if step.action is not None and step.action.verb not in ("give", "infuse"):
                return None
        return found if self.can_say(found) else None

    def titration(self, action: ir.Action | None) -> str:
        """Drug, rungs and unit: `dobutamine 2.5 → 5 → 10 → 20 mcg/kg/min`."""
        if action is None or action.dose is None:
            return ""
        if action.ladder:
            rungs = " → ".join(decimal_text(rung) for rung in action.ladder)
            own = [self.in_local_unit(action.drug, decimal_text(rung), action.dose.unit) for rung in action.ladder]
            beside = (
                f" ({' → '.join(text.partition(' ')[0] for text in own)} {own[-1].partition(' ')[2]})"
                if all(own)
                else ""
            )
            return f"{self.drug(action.drug)} {rungs} {action.dose.unit}{beside}"
        return f"{self.drug(action.drug)} from {self.condition(action.dose.text)}"

    def range_of(self, parameter: ir.Parameter) -> str:
        """What a local setting may be: its options, its range, or at least its unit."""
        if parameter.options:
            return f"one of {listed(parameter.options, 'or')}"
        if parameter.low is not None and parameter.high is not None:
            return f"{decimal_text(parameter.low)} to {decimal_text(parameter.high)} {parameter.unit}".strip()
        return f"in {parameter.unit}" if parameter.unit else ""

    def setting(self, parameter: ir.Parameter) -> str:
        """A local setting: its title, what it may be, and its default or that there is none."""
        may = self.range_of(parameter)
        if isinstance(parameter.default, int) and not isinstance(parameter.default, bool):
            default = f"{decimal_text(parameter.default)} {parameter.unit}".strip()
        else:
            default = "" if parameter.default is None else str(parameter.default)
        told = f"default {default}" if default else "no default: needs local policy"
        if parameter.id in self._local:
            setting = self._local[parameter.id]
            told = f"here {clean(setting.value)} ({setting_basis(setting)}), {_default(setting)}"
        return ", ".join(text for text in (clean(parameter.title), may, told) if text)

    def case(self, step: ir.Step, case: ir.Case) -> str:
        """What stands on the way out of a question."""
        if case.title:
            return self.prose(case.title)
        if case.text and case.text != "else":
            return self.condition(case.text)
        return "otherwise" if len(step.cases) > 1 else ""

    def case_in_full(self, step: ir.Step, case: ir.Case) -> str:
        """The words on the way out of a question, and the condition behind them."""
        words = self.case(step, case)
        condition = "" if case.text in {"", "else"} else self.condition(case.text)
        return f"{words} ({condition})" if condition and condition != words else words

    def avoid(self, avoid: ir.Avoid) -> str:
        words = self.condition(avoid.text)
        return f"{words} ({self.prose(avoid.because)})" if avoid.because else words

    # -------------------------------------------------------- compiled expressions

    def slot(self, index: int) -> str:
        """The name of a place in the row, as people say it."""
        slot = self.program.slots[index]
        match slot.kind:
            case "element":
                return self.data(slot.of)
            case "unobtainable":
                return f"{self.data(slot.of)} is unobtainable"
            case "rate":
                return self.drug(slot.of)
            case "feature":
                return self.condition(slot.name)
            case _:
                return self._own_value(slot.of or slot.name)

    def expression(self, expr: ir.Expr, unit: str = "", inner: bool = False) -> str:
        """A compiled expression in words; numbers in `unit`. `inner`: it stands inside another."""
        match expr:
            case ir.Const(value):
                if isinstance(value, bool):
                    return "yes" if value else "no"
                if isinstance(value, int):
                    unit = {"1": "", "Cel": "°C", "points": "point" if value == ir.SCALE else "points"}.get(unit, unit)
                    return f"{decimal_text(value)} {unit}".strip()
                return value.replace("_", " ")
            case ir.Get(slot):
                return self.slot(slot)
            case ir.Known(item):
                return f"{self.expression(item, inner=True)} is known"
            case ir.Sure(item):
                return f"{self.expression(item, inner=True)} for sure"
            case ir.Not(item):
                return f"not {self.expression(item, inner=True)}"
            case ir.All(items):
                return _bracketed(" and ".join(self.expression(item, inner=True) for item in items), inner)
            case ir.Any_(items):
                return _bracketed(" or ".join(self.expression(item, inner=True) for item in items), inner)
            case ir.AtLeast(count, items):
                return f"at least {count} of: {'; '.join(self.expression(item) for item in items)}"
            case ir.Member(item, options):
                names = [str(option).replace("_", " ") for option in options]
                words = f"{self.expression(item, inner=True)} is {listed(names, 'or')}"
                return _bracketed(words, inner and len(names) > 1)
            case ir.Compare(op, left, right):
                unit = self._unit(left) or self._unit(right)
                if isinstance(left, ir.Get) and isinstance(right, ir.Const) and unit in ("", "1"):
                    counted = self.program.slots[left.slot].name
                    if counted.startswith("count(") and isinstance(right.value, int):
                        return self.condition(f"{counted} {op} {decimal_text(right.value)}")
                sides = self.expression(left, unit, inner=True), self.expression(right, unit, inner=True)
                if any(isinstance(side, ir.Const) and isinstance(side.value, str) for side in (left, right)):
                    op = {"=": "is", "!=": "is not"}.get(op, op)
                words = f"{sides[0]} {_SIGNS.get(op, op)} {sides[1]}"
                if isinstance(left, ir.Get) and isinstance(right, ir.Const) and isinstance(right.value, int):
                    own = self.in_local_unit(self._measured(left.slot), decimal_text(right.value), unit)
                    return f"{words} ({own})" if own else words
                return words
            case ir.Cases(cases):
                told = []
                for when, result in cases:
                    words = self.expression(result, unit) if self.can_say(result) else "worked out for the patient"
                    told.append(
                        f"otherwise {words}" if ir.is_constant(when, True) else f"{words} if {self.expression(when)}"
                    )
                return "; ".join(told)
            case ir.Add(left, right):
                first = self.expression(left, unit, not isinstance(left, ir.Add))  # a sum of sums needs no brackets
                return _bracketed(f"{first} + {self.expression(right, unit, True)}", inner)
            case ir.Subtract(left, right):
                return _bracketed(f"{self.expression(left, unit, True)} - {self.expression(right, unit, True)}", inner)
            case ir.Multiply(left, right) | ir.Divide(left, right) if _converts_units(right):
                return self.expression(left, unit, inner)
            case ir.Multiply(left, right):
                return f"{self.expression(left, '', True)} × {self.expression(right, '', True)}"
            case ir.Divide(left, right):
                return f"{self.expression(left, '', True)} / {self.expression(right, '', True)}"
            case ir.Least(items):
                return f"the least of {listed(self.expression(item, unit) for item in items)}"
            case ir.Greatest(items):
                return f"the greatest of {listed(self.expression(item, unit) for item in items)}"
            case ir.Absolute(item):
                return f"the size of {self.expression(item, unit, True)}"
            case ir.Function(name, arguments):
                return f"{name}({', '.join(self.expression(item) for item in arguments)})"
        raise AssertionError(f"no words for {expr!r}")

    def can_say(self, expr: ir.Expr) -> bool:
        """Whether `expression` says what was written.

        A Program holds integers, and a factor in it may be the editor's (`30 mL/kg * weight`) or only take one unit
        to another. Only between times is it surely the second; anything else is left to the title.
        """
        match expr:
            case ir.Function():
                return False
            case ir.Cases(cases):
                return all(self.can_say(when) for when, _ in cases)  # a value of its own that cannot be said, says so
            case ir.Multiply(left, right) | ir.Divide(left, right):
                units = {self.program.slots[index].unit for index in slots_of(left)}
                return _converts_units(right) and units <= _TIMES
        return all(self.can_say(part) for part in parts_of(expr))

    def _measured(self, index: int) -> str:
        """The data or drug whose amount, change or sum a place in the row holds; empty where it holds another."""
        place = self.program.slots[index]
        feature = place.feature
        if feature is not None and feature.function in ("change", "previous", "total") and feature.of is not None:
            return feature.of.id
        return place.of if place.kind in ("element", "rate") else ""

    def _unit(self, expr: ir.Expr) -> str:
        return self.program.slots[expr.slot].unit if isinstance(expr, ir.Get) else ""


_TIMES = {"", "s", "min", "h", "day", "days", "weeks", "months", "years"}


def _converts_units(factor: ir.Expr) -> bool:
    """Whether a factor only takes one unit to another, as 60 takes minutes to seconds: it is never said.

    Factors that an editor wrote are scaled, so they are far larger.
    """
    return isinstance(factor, ir.Const) and isinstance(factor.value, int) and 0 < factor.value * 1000 < ir.SCALE


def _fall(found: re.Match[str]) -> str:
    """`change(glucose in W) + 3 mmol/L > 0 mmol/L` as `fall of glucose in W < 3 mmol/L`."""
    op = _TURNED.get(found["op"], found["op"])
    return f"fall of {found['what']} {found['window']} {op} {found['number']} {found['unit']}"


def _bracketed(text: str, inner: bool) -> str:
    return f"({text})" if inner else text


def _element_words(element: ir.Element) -> str:
    """The name people say: `MAP` where the id is the initials of the label, else the id's words."""
    initials = "".join(word[0] for word in re.findall(r"[A-Za-z0-9]+", element.label)).lower()
    if element.id == initials and len(initials) > 1:
        return element.id.upper()
    words = element.id.replace("_", " ")
    label = clean(element.label)
    return label if label.casefold() == words and label[1:] != words[1:] else words  # `pH`, `SpO2`, but not `Weight`


def route_words(route: str) -> str:
    return {"iv": "IV", "im": "IM", "io": "IO", "sc": "SC", "po": "by mouth"}.get(route, clean(route))


def decimal_text(scaled: int) -> str:
    """The shortest decimal of a scaled integer."""
    whole, digits = divmod(abs(scaled), ir.SCALE)
    tail = f"{digits:08d}".rstrip("0")
    sign = "-" if scaled < 0 else ""
    return f"{sign}{whole}.{tail}" if tail else f"{sign}{whole}"


def question_mark(title: str) -> str:
    """A question ends in a question mark, whatever its editor wrote."""
    title = clean(title)
    return title if title.endswith("?") else f"{title}?"


def listed(items: Iterable[str], word: str = "and") -> str:
    """`a, b and c`."""
    names = list(items)
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {word} {names[-1]}"
