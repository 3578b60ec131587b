"""Worked patients: given this chart, expect this advice. Runs them and says exactly where they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from kb.advice import DoseAdvice, OrderVerdict
from kb.chart import RECORD, ChartError
from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Span
from kb.interpreter import Advice, Guideline
from kb.loader.scenarios import ExpectDef, ScenarioDef, ScenarioFile, load_scenarios
from kb.local import CARE_AREA
from kb.program import Program
from kb.reading import dictionary_of, parse_chart
from kb.values import BadValue, UnitTable, parse_decimal, parse_quantity

NOW = datetime(2026, 1, 27, 12, tzinfo=UTC)


class Scenario(NamedTuple):
    """One patient of one version (the latest, where that is empty); a patient of several versions is several of these.

    `chart` is a mapping of now, or entries; `expect` as in `schema/scenario.schema.json`.
    """

    id: str
    title: str
    span: Span
    version: str
    vignette: str
    now: datetime
    chart: Mapping[str, Any]
    local: Mapping[str, Any]
    orders: tuple[Mapping[str, Any], ...]
    expect: Mapping[str, Any]
    lenient: bool = False


class Mismatch(NamedTuple):
    """One expectation that was not met."""

    what: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, got {self.actual}"


class Result(NamedTuple):
    """What came of one scenario; `advice` is None where the chart was refused."""

    scenario: Scenario
    mismatches: tuple[Mismatch, ...]
    advice: Advice | None
    verdicts: tuple[OrderVerdict, ...]

    @property
    def passed(self) -> bool:
        return not self.mismatches


Loading = Callable[[Path], tuple[ScenarioFile | None, list[Diagnostic]]]  # as `load_scenarios`


def load_scenario_files(
    files: Iterable[Path], load: Loading = load_scenarios
) -> tuple[tuple[Scenario, ...], tuple[Diagnostic, ...]]:
    """The scenarios of some files, and everything wrong with the files."""
    scenarios: list[Scenario] = []
    diagnostics: list[Diagnostic] = []
    for file in files:
        loaded, problems = load(file)
        diagnostics += problems
        for item in loaded.scenarios.values() if loaded is not None else ():
            assert loaded is not None
            try:
                scenarios += [_scenario(item, loaded, version) for version in _versions(item, loaded)]
            except (BadValue, ValueError) as error:
                diagnostics.append(found("KB731", item.span, f"scenario `{item.id}`: {error}"))
    return tuple(scenarios), tuple(diagnostics)


def _versions(item: ScenarioDef, file: ScenarioFile) -> tuple[str, ...]:
    return item.versions or file.versions or ("",)


def _scenario(item: ScenarioDef, file: ScenarioFile, version: str) -> Scenario:
    now = _instant(item.now) if item.now else NOW
    also = file.also_charted[version].values if version in file.also_charted else {}
    chart: dict[str, Any] = {**also, **(item.moment or {})}
    if item.entries is not None:
        protocol = file.protocol.id
        entries = [_entry(entry.values, number, now) for number, entry in enumerate(item.entries, start=1)]
        for entry in entries:
            if entry["kind"] == "step":
                entry.setdefault("protocol", protocol)
        charted = {entry.get("element") for entry in entries}
        entries += [
            {"id": f"also-{name}", "at": now.isoformat(), "kind": "observation", "element": name, "value": value}
            for name, value in also.items()
            if name not in charted
        ]
        if item.opened:
            at = _ago(item.opened, now).isoformat()
            opened = {"id": "opened", "at": at, "kind": "protocol", "event": "opened", "protocol": protocol}
            entries.insert(0, opened)
        chart = {"schema": "1.0.0", "entries": entries}
        if item.complete_from:
            chart["complete_from"] = _ago(item.complete_from, now).isoformat()
    return Scenario(
        id=item.id,
        title=item.title.value,
        span=item.span,
        version=version,
        vignette=item.vignette,
        now=now,
        chart=chart,
        local=item.local.settings,
        orders=tuple(order.values for order in item.orders),
        expect=_expected(item.expect),
        lenient=item.lenient,
    )


def _expected(expect: ExpectDef) -> dict[str, Any]:
    made: dict[str, Any] = {key: [ref.id for ref in refs] for key, refs in expect.names.items()}
    made |= {key: {name: text.value for name, text in texts.items()} for key, texts in expect.words.items()}
    if expect.options:
        made["options"] = {step: [ref.id for ref in refs] for step, refs in expect.options.items()}
    if expect.applies is not None:
        made["applies"] = expect.applies
    if expect.entered is not None:
        made["entered"] = expect.entered
    if expect.orders is not None:
        made["orders"] = [
            {"verdict": verdict.verdict}
            | ({} if verdict.rules is None else {"rules": [ref.id for ref in verdict.rules]})
            | ({} if verdict.asks is None else {"asks": [ref.id for ref in verdict.asks]})
            for verdict in expect.orders
        ]
    return made


_SHORT = {
    "started": ("therapy", "drug"),
    "changed": ("therapy", "drug"),
    "stopped": ("therapy", "drug"),
    "given": ("therapy", "drug"),
    "running": ("therapy", "drug"),
    "done": ("step", "step"),
    "declined": ("step", "step"),
    "opened": ("protocol", "protocol"),
    "closed": ("protocol", "protocol"),
}


def _entry(entry: Mapping[str, Any], number: int, now: datetime) -> dict[str, Any]:
    """A chart entry from a scenario's short form, `{ago: 5 min, given: DRUG, amount: 500 mL}`."""
    made: dict[str, Any] = {key: value for key, value in entry.items() if key not in ("ago", "at", *_SHORT)}
    made.setdefault("id", f"e{number}")
    made["at"] = (_instant(entry["at"]) if "at" in entry else _ago(entry.get("ago", "0 min"), now)).isoformat()
    for event, (kind, name) in _SHORT.items():
        if event in entry:
            made |= {"kind": kind, "event": event, name: entry[event]}
    made.setdefault("kind", "observation")
    return made


def _instant(value: Any) -> datetime:
    made = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return made if made.tzinfo is not None else made.replace(tzinfo=UTC)


KINDS = dict(_SHORT.values())
"""What an event of this kind of entry is about: a drug, a step, a protocol."""

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


@lru_cache(maxsize=1024)  # the same few ages stand in all patients of a file
def _age(text: str) -> timedelta | None:
    """The age that `text` says; None where it says none."""
    words = text.removesuffix(" ago").split()
    if not words or words[-1] not in _SECONDS or len(words) % 2:
        return None
    seconds = Fraction(0)
    for number, unit in zip(words[::2], words[1::2], strict=True):
        if unit not in _SECONDS:
            raise ValueError(f"`{text}` is not a time: write `20 min ago`, `4 min 59 s ago` or a date and time")
        seconds += Fraction(parse_quantity(f"{number} {unit}")[0]) * _SECONDS[unit]
    return timedelta(microseconds=round(seconds * 1_000_000))


def _ago(value: Any, now: datetime) -> datetime:
    """`20 min`, `4 min 59 s`, `6 h ago`, or an instant."""
    age = _age(str(value))
    if age is not None:
        return now - age
    try:
        return _instant(value)
    except ValueError:
        raise ValueError(f"`{value}` is not a time: write `20 min ago`, `4 min 59 s ago` or a date and time") from None


def run_scenario(guideline: Guideline, scenario: Scenario) -> Result:
    """Advise on the scenario's chart, check its orders, and compare with what it expects."""
    expect = scenario.expect
    lenient = scenario.lenient or "refused" in expect
    try:
        advice = guideline.advise(scenario.chart, scenario.now, scenario.local, lenient=lenient)
        verdicts = _verdicts(guideline, scenario, lenient)
    except ChartError as error:
        return Result(scenario, (Mismatch("chart", "a chart that can be read", str(error)),), None, ())
    units = dictionary_of(guideline.program).units
    return Result(scenario, tuple(_compare(advice, verdicts, expect, units)), advice, verdicts)


def _verdicts(guideline: Guideline, scenario: Scenario, lenient: bool) -> tuple[OrderVerdict, ...]:
    """A verdict on each order: those of one drug are alternatives, those of other drugs stand beside it."""
    if not scenario.orders:
        return ()
    if len({order.get("drug") for order in scenario.orders}) == len(scenario.orders):
        sets = [scenario.orders]
    else:
        sets = [
            (order, *(other for other in scenario.orders if other.get("drug") != order.get("drug")))
            for order in scenario.orders
        ]
    found = [
        guideline.check_orders(scenario.chart, orders, scenario.now, scenario.local, lenient=lenient) for orders in sets
    ]
    return found[0] if len(sets) == 1 else tuple(verdicts[0] for verdicts in found)


def _compare(
    advice: Advice, verdicts: tuple[OrderVerdict, ...], expect: Mapping[str, Any], units: UnitTable
) -> Iterator[Mismatch]:
    recommended = [item.step for item in advice.recommended]
    asks = [ask.name for ask in advice.asks]
    alerts = [alert.id for alert in advice.alerts]
    lists: dict[str, tuple[list[str], bool]] = {
        "recommended": (recommended, True),
        "asks": (asks, False),
        "alerts": (alerts, False),
        "outcomes": ([item.step for item in advice.outcomes], False),
        "hand_overs": ([item.protocol for item in advice.hand_overs], False),
        "needs_policy": ([item.parameter for item in advice.needs_policy], False),
        "unavailable": ([item.name for item in advice.unavailable], False),
        "running": ([item.drug for item in advice.running], False),
    }
    for key, (actual, ordered) in lists.items():
        if key in expect:
            wanted = _strings(expect[key])
            same = actual == wanted if ordered else sorted(set(actual)) == sorted(set(wanted))
            if not same:
                yield Mismatch(key, _list(wanted), _list(actual))
        also = [name for name in _strings(expect.get(f"{key}_also", ())) if name not in actual]
        if also:
            yield Mismatch(f"{key}_also", _list(also), _list(actual))
    for key, actual in (("not_recommended", recommended), ("not_asked", asks)):
        wrong = [name for name in _strings(expect.get(key, ())) if name in actual]
        if wrong:
            yield Mismatch(key, f"none of {_list(wrong)}", _list(actual))
    yield from _names(advice, expect)
    yield from _states(advice, expect)
    for step, wanted_dose in expect.get("doses", {}).items():
        yield from _dose(advice, step, str(wanted_dose), units)
    yield from _told(advice, expect)
    for step, options in expect.get("options", {}).items():
        item = next((item for item in advice.actions if item.step == step), None)
        if item is None or not item.options:
            yield Mismatch(f"options of {step}", _list(options), "no choice")
            continue
        offered = [option.id for option in item.options if option.eligible is not False]
        if offered != options:
            yield Mismatch(f"options of {step}", _list(options), _list(offered))
    for goal, state in expect.get("goals", {}).items():
        actual_state = next((item.state for item in advice.goals if item.id == goal), "no such goal")
        if actual_state != str(state):
            yield Mismatch(f"goal {goal}", str(state), actual_state)
    for key, texts in (("assumptions", advice.assumptions), ("refused", advice.refused)):
        if key in expect:
            wanted = _strings(expect[key])
            unmet = [text for text in wanted if not any(text in actual for actual in texts)]
            extra = [text for text in texts if not any(name in text for name in wanted)]
            if unmet or extra:
                yield Mismatch(key, _list(wanted), _list(list(texts)))
    for key, value in (("applies", advice.applies), ("entered", advice.entered)):
        if key in expect:
            word = {True: "true", False: "false", None: "unknown"}[value]
            if str(expect[key]).lower() != word:
                yield Mismatch(key, str(expect[key]).lower(), word)
    for number, (wanted_verdict, verdict) in enumerate(zip(expect.get("orders", ()), verdicts, strict=False), start=1):
        yield from _verdict(number, wanted_verdict, verdict)
    if "orders" in expect and len(expect["orders"]) != len(verdicts):
        yield Mismatch("orders", f"{len(expect['orders'])} verdicts", f"{len(verdicts)}")


def _names(advice: Advice, expect: Mapping[str, Any]) -> Iterator[Mismatch]:
    """Names that the protocol does not have: an expectation about them would always, or never, be met."""
    known = _known_names(advice.walk.program)
    for key in [key for key in known if key in expect]:
        names = known[key]
        for name in _strings(expect[key]):
            if name not in names:
                close = get_close_matches(name, names, n=1)
                yield Mismatch(key, name, f"nothing of that name{f'; did you mean {close[0]}?' if close else ''}")


_KNOWN: dict[int, tuple[Program, dict[str, set[str]]]] = {}


def _known_names(program: Program) -> dict[str, set[str]]:
    """As `known_names`, made once for all worked patients of a Program."""
    found = _KNOWN.get(id(program))
    if found is None or found[0] is not program:
        _KNOWN.clear()
        found = _KNOWN[id(program)] = program, known_names(program)
    return found[1]


def known_names(program: Program) -> dict[str, set[str]]:
    """For each part of an expectation, the names that can stand there."""
    steps = {step.id for step in program.steps}
    options = {
        f"{step.id}.{option.id}" for step in program.steps if step.action is not None for option in step.action.options
    }
    charted = {slot.name for slot in program.slots} | {slot.of for slot in program.slots}
    charted |= {element.id for element in program.elements} | {f"{drug.id}.salt" for drug in program.drugs}
    charted |= {RECORD, CARE_AREA}
    built_in = {"gap", "rule", "running", "cap", "declined", "off-ladder", "local-limit"}
    alerts = {alert.id for alert in program.alerts} | built_in
    return {
        "recommended": steps,
        "recommended_also": steps,
        "not_recommended": steps,
        "outcomes": steps,
        "states": steps,
        "statuses": steps,
        "doses": steps | options,
        "each": steps,
        "over": steps,
        "reviews": steps,
        "asks": charted,
        "asks_also": charted,
        "not_asked": charted,
        "alerts": alerts,
        "alerts_also": alerts,
        "goals": {goal.id for goal in program.goals},
        "needs_policy": {parameter.id for parameter in program.parameters},
    }


def check_scenario_files(
    files: Iterable[Path], programs: Mapping[str, Program], load: Loading = load_scenarios
) -> tuple[Diagnostic, ...]:
    """Everything wrong with scenarios before they are run: their shape, the names they expect, their charts.

    `programs` holds the versions that could be compiled, the latest also under the empty name; a scenario of a version
    that is not among them is checked for its shape alone.
    """
    diagnostics: list[Diagnostic] = []
    first: dict[str, ScenarioDef] = {}
    known = {version: known_names(program) for version, program in programs.items()}
    for path in files:
        loaded, problems = load(path)
        diagnostics += problems
        if loaded is None:
            continue
        for item in loaded.scenarios.values():
            if first.setdefault(item.id, item) is not item:
                diagnostics.append(_named_twice(item, first[item.id]))
            try:
                each = [_scenario(item, loaded, version) for version in _versions(item, loaded)]
            except (BadValue, ValueError) as error:
                diagnostics.append(found("KB731", item.span, f"scenario `{item.id}`: {error}"))
                continue
            for scenario in each:
                program = programs.get(scenario.version)
                if program is not None:
                    diagnostics += _unknown_expectations(program, known[scenario.version], item.expect)
                    diagnostics += _refused_chart(program, item, loaded, scenario)
    return tuple(dict.fromkeys(diagnostics))


def _named_twice(item: ScenarioDef, first: ScenarioDef) -> Diagnostic:
    twice = found(
        "KB735",
        item.span,
        f"another file has a scenario `{item.id}` already",
        "give this one an id of its own",
        "what is told of a scenario names it by its id alone",
    )
    return replace(twice, related=(Related(first.span, "the other one"),))


def _unknown_expectations(program: Program, known: Mapping[str, set[str]], expect: ExpectDef) -> Iterator[Diagnostic]:
    for key in dict.fromkeys((*expect.names, *expect.words)):
        names = known.get(key)
        if names is None:
            continue
        refs = [(ref.id, ref.span) for ref in expect.names.get(key, ())]
        refs += [(name, text.span) for name, text in expect.words.get(key, {}).items()]
        for name, span in refs:
            if name not in names:
                close = get_close_matches(name, names, n=1)
                help = f"did you mean `{close[0]}`?" if close else "correct the name, or take the expectation out"
                yield found(
                    "KB730",
                    span,
                    f"`{key}` expects `{name}`, and `{program.id}` has nothing of that name",
                    help,
                    "the expectation could never fail, or never be met",
                )


def _refused_chart(program: Program, item: ScenarioDef, file: ScenarioFile, scenario: Scenario) -> Iterator[Diagnostic]:
    """What the interpreter would refuse, at its place; a scenario may be about just that."""
    if item.lenient or "refused" in item.expect.names:
        return
    also = file.also_charted[scenario.version].spans if scenario.version in file.also_charted else {}
    spans = {**also, **item.spans}
    moments = {entry["id"]: number for number, entry in enumerate(scenario.chart.get("entries", ()))}
    offset = 1 if item.opened else 0
    try:
        refused = parse_chart(program, scenario.chart, scenario.now, lenient=True).refused
    except ChartError as error:
        refused = error.refusals
    for refusal in refused:
        span = spans.get(refusal.name, spans.get(refusal.entry.removeprefix("also-"), item.span))
        number = moments.get(refusal.entry, -1) - offset
        if item.entries is not None and 0 <= number < len(item.entries):
            span = item.entries[number].span
        yield found(refusal.code, span, refusal.message, refusal.help or None)


def _states(advice: Advice, expect: Mapping[str, Any]) -> Iterator[Mismatch]:
    steps = {step.id: index for index, step in enumerate(advice.walk.program.steps)}
    for step, state in expect.get("states", {}).items():
        actual = advice.walk.state(steps[step]) if step in steps else "no such step"
        if actual != str(state):
            yield Mismatch(f"state of {step}", str(state), actual)
    for step, status in expect.get("statuses", {}).items():
        actual = advice.status(step) if step in steps else "no such step"
        if actual != str(status):
            yield Mismatch(f"status of {step}", str(status), actual)


def _told(advice: Advice, expect: Mapping[str, Any]) -> Iterator[Mismatch]:
    """What an action says beside its dose: the size of a portion, and when to look again."""
    actions = {item.step: item for item in advice.actions}
    steps = {step.id: step for step in advice.walk.program.steps}
    for key in ("each", "over"):
        for step, wanted in expect.get(key, {}).items():
            dose = actions[step].dose if step in actions else None
            actual = (None if dose is None else dose.each if key == "each" else dose.over) or "nothing"
            if actual != str(wanted):
                yield Mismatch(f"{key} of {step}", str(wanted), actual)
    for step, wanted in expect.get("reviews", {}).items():
        review = steps[step].review if step in steps and step in actions else None
        actual = "none" if review is None else review.text
        if actual != str(wanted):
            yield Mismatch(f"review of {step}", str(wanted), actual)


def _dose(advice: Advice, step: str, wanted: str, units: UnitTable) -> Iterator[Mismatch]:
    item = next((item for item in advice.actions if item.step == step), None)
    dose = None if item is None else item.dose
    if item is None and "." in step:  # `second-drug.levetiracetam`: an option of a choose
        whole, _, part = step.rpartition(".")
        options = (option for other in advice.actions if other.step == whole for option in other.options)
        dose = next((option.dose for option in options if option.id == part), None)
    if dose is None:
        yield Mismatch(f"dose of {step}", wanted, "no dose")
        return
    if not _as_shown(dose, wanted, units):
        shown = dose.text if dose.rounded is None or " = " in wanted else dose_said(dose)
        one_number = dose.rounded is not None and dose.high not in (None, dose.rounded) and " to " not in wanted
        yield Mismatch(f"dose of {step}", wanted, f"{shown} (a range: expect both ends)" if one_number else shown)


def dose_said(dose: DoseAdvice) -> str:
    """A dose as a scenario expects it: `0.5 mg`, both ends of a range, with its salt form; or `not known`."""
    if dose.rounded is None:
        return "not known"
    ends = dose.rounded if dose.high in (None, dose.rounded) else f"{dose.rounded} to {dose.high}"
    return f"{ends} {dose.unit}{f' as {dose.salt}' if dose.salt else ''}"


def _as_shown(dose: DoseAdvice, wanted: str, units: UnitTable) -> bool:
    """Whether this is the whole dose that is shown, in any unit that fits; the mL beside it may be left out."""
    if dose.rounded is None:
        return wanted == "not known"
    if wanted == dose.text:
        return True
    said, _, salt = wanted.partition(" as ")
    low, to, high = said.partition(" to ")
    ends = [dose.rounded] if dose.high in (None, dose.rounded) else [dose.rounded, dose.high or ""]
    try:
        number, unit = parse_quantity(high if to else said)
        numbers = [parse_decimal(low), number] if to else [number]
        same = [units.convert(each, unit, dose.unit) for each in numbers] == [Fraction(end) for end in ends]
    except BadValue:
        return False
    return same and salt == dose.salt


def _verdict(number: int, wanted: Mapping[str, Any], verdict: OrderVerdict) -> Iterator[Mismatch]:
    what = f"order {number} ({verdict.order})"
    if "verdict" in wanted and str(wanted["verdict"]) != verdict.verdict:
        because = "; ".join((*verdict.because, *(f"asks {name}" for name in verdict.asks)))
        yield Mismatch(what, str(wanted["verdict"]), f"{verdict.verdict} ({because})")
    for key, actual in (("rules", verdict.rules), ("asks", verdict.asks)):
        if key in wanted and sorted(set(_strings(wanted[key]))) != sorted(set(actual)):
            yield Mismatch(f"{what}: {key}", _list(_strings(wanted[key])), _list(list(actual)))


def _strings(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(item) for item in value]


def _list(items: list[str]) -> str:
    return f"[{', '.join(items)}]"
