"""What the interpreter answers: immutable records, JSON by `schema/advice.schema.json`.

Every record is a named tuple; `to_json` gives plain data in which numbers are decimal strings.
"""

from __future__ import annotations

from kb.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any


class Fact(NamedTuple):
    """One value that made a condition true or false: its name, the value as text, when it was charted.

    Where the hospital shows it in a unit of its own, `value` has that first and the protocol's in brackets.
    """

    name: str
    value: str
    at: str | None = None


class Reason(NamedTuple):
    """One condition on the way to a step. `case` is its wording; `holds` true, false or None (not known)."""

    step: str
    question: str
    case: str
    holds: bool | None
    facts: tuple[Fact, ...] = ()
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class DoseAdvice(NamedTuple):
    """A dose: `exact` before and `rounded` after rounding to what can be delivered, both in `unit`.

    `low` and `high` are the ends of the range to choose from (rounded), `high` None for a single dose.
    Values are decimal strings; None where not known yet, and then `asks` says what is missing.
    """

    drug: str
    text: str
    unit: str
    rule: str
    exact: str | None = None
    rounded: str | None = None
    low: str | None = None
    high: str | None = None
    each: str | None = None
    volume: str | None = None
    pump_rate: str | None = None
    working: str | None = None
    route: str = ""
    salt: str = ""
    over: str = ""
    asks: tuple[str, ...] = ()


class OptionAdvice(NamedTuple):
    """One option of a `choose`, in rank order."""

    id: str
    title: str
    dose: DoseAdvice | None
    eligible: bool | None
    in_favour: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


class SaidElsewhere(NamedTuple):
    """What another source says on the same matter; nothing of it is executed.

    `number` says what it is of (`rate 0.01 to 0.07 units/min`) and is empty where there is none. `verdict`: agrees,
    differs, conflicts, absent here, context, or empty where nobody has judged. `stored` is false for general
    knowledge that nobody has verified.
    """

    id: str
    topic: str
    number: str
    says: str
    sources: tuple[str, ...]
    about: tuple[str, ...] = ()
    verdict: str = ""
    because: str = ""
    stored: bool = True
    superseded: bool = False


class Item(NamedTuple):
    """One reached action or hand-over. `status`: due, overdue, waiting, held, satisfied, declined,
    withheld, not known. `assumed`: reached only under an assumption.
    """

    step: str
    kind: str
    status: str
    title: str
    verb: str = ""
    dose: DoseAdvice | None = None
    priority: str = ""
    strength: str = ""
    certainty: str = ""
    decide_by: str = ""
    assumed: bool = False
    reasons: tuple[Reason, ...] = ()
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()
    note: str = ""
    withheld_by: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    options: tuple[OptionAdvice, ...] = ()
    review: str = ""
    hand_over: str = ""
    elsewhere: tuple[SaidElsewhere, ...] = ()


class Ask(NamedTuple):
    """One question. `now`: a reached step needs it; otherwise it may be needed later.

    `decides`: the steps that wait for it; none where it tells whether the protocol is for the patient at all.
    `overdue_by`: minutes and so on since a review was due, as text. `cause`: why it is not known.
    """

    name: str
    question: str
    type: str
    unit: str = ""
    options: tuple[str, ...] = ()
    decides: tuple[str, ...] = ()
    now: bool = True
    cause: str = ""
    overdue_by: str = ""


class Alert(NamedTuple):
    """Something to be told. `code`: gap, rule, cap, declined, off-ladder, or the id of the protocol's alert."""

    id: str
    severity: str
    say: str
    step: str = ""
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class GoalState(NamedTuple):
    id: str
    title: str
    state: str
    text: str
    facts: tuple[Fact, ...] = ()
    cites: tuple[str, ...] = ()


class Outcome(NamedTuple):
    step: str
    title: str
    cites: tuple[str, ...] = ()
    assumed: bool = False


class HandOverAdvice(NamedTuple):
    step: str
    protocol: str
    title: str
    assumed: bool = False


class Running(NamedTuple):
    """A running therapy that nothing advises to change; `pump_rate` in mL/h where it can be told."""

    drug: str
    rate: str
    at: str | None = None
    pump_rate: str = ""


class ReviewState(NamedTuple):
    """When to look again after an action, and at what. `overdue_by` is empty until it is due."""

    step: str
    due: str
    measure: tuple[str, ...]
    missing: tuple[str, ...]
    overdue_by: str = ""


class Policy(NamedTuple):
    """A parameter without a value: the source gives none, so each hospital sets it."""

    parameter: str
    title: str
    unit: str = ""
    decides: tuple[str, ...] = ()


class Unavailable(NamedTuple):
    name: str
    why: str


class CaseState(NamedTuple):
    """`holds`: true, false, None (not known), or `not asked` because an earlier case had won."""

    text: str
    holds: bool | str | None
    targets: tuple[str, ...]


class StepState(NamedTuple):
    """`state`: reached, assumed, not known yet, not reached."""

    step: str
    state: str
    kind: str
    cases: tuple[CaseState, ...] = ()


class OrderVerdict(NamedTuple):
    """`verdict`: allowed, challenged, refused, cannot tell. `rules`: what refuses or challenges, by id.

    `notes` say where a limit of the hospital allows what the library's would not; `understood` what a dose comes to
    that was ordered in another unit, by volume or as a salt; `questions` put `asks` into words, one each.
    """

    drug: str
    order: str
    verdict: str
    rules: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()
    stop_by: str = ""
    notes: tuple[str, ...] = ()
    understood: str = ""
    questions: tuple[Ask, ...] = ()


class LocalSetting(NamedTuple):
    """One setting of a hospital that is in force. `kind`: parameter, concentration, limit, display unit, binding
    or care area.

    `default` is what would count without it: the parameter's default, the library's limit, the protocol's unit;
    empty where there is none. `by` and `on` say who signed it and when, `area` the care area that it is for.
    """

    kind: str
    name: str
    value: str
    default: str = ""
    because: str = ""
    by: str = ""
    on: str = ""
    area: str = ""


class Explanation(NamedTuple):
    """Why a step is in the state it is in: `reasons` in the order of the walk, `text` a line each."""

    step: str
    state: str
    status: str
    reasons: tuple[Reason, ...]
    text: tuple[str, ...]
    elsewhere: tuple[SaidElsewhere, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.text)


def elsewhere_line(said: SaidElsewhere) -> str:
    """`N02 conflicts: vasopressin dose: rate 0.01 to 0.07 units/min, septic shock (US label); why`."""
    what = f"{said.topic}: {', '.join(filter(None, (said.number, said.says)))}"
    notes = [
        note
        for note, holds in (("superseded", said.superseded), ("not read, general knowledge", not said.stored))
        if holds
    ]
    source = f" ({'; '.join((*said.sources, *notes))})"
    because = f"; {said.because}" if said.because else ""
    return f"{said.id} {said.verdict or 'not judged'}: {what}{source}{because}"


def to_json(record: Any) -> Any:
    """Plain data of a record: named tuples as objects, tuples as arrays."""
    fields = getattr(record, "_fields", None)
    if fields is not None:
        return {name: to_json(getattr(record, name)) for name in fields if name != "walk"}
    if isinstance(record, tuple | list):
        return [to_json(item) for item in record]
    return record
