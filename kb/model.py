"""A protocol and its library as their editors wrote them: typed records with places, nothing resolved.

`Text` keeps wording with its place, `Name` an identifier with its place. Expressions are trees of
`kb.expression.tree`. The loader makes these records; the linter and the compiler read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from functools import cache, cached_property
from operator import attrgetter
from typing import Any, TypeVar

from kb.diagnostics import Allowance, Span
from kb.expression import tree

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Ref:
    """A name of something else: a step, a statement, an element, a drug …"""

    id: str
    span: Span


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition and its wording; `text` of a list is its items joined as an editor would say it."""

    expr: tree.Expr
    text: str
    span: Span
    cites: tuple[Ref, ...] = ()
    interprets: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True)
class Amount:
    """A dose, interval or quantity: one expression or a range; `text` as written."""

    value: tree.Expr | tree.Range
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Backing:
    """What a thing rests on."""

    cites: tuple[Ref, ...] = ()
    interprets: tuple[Ref, ...] = ()


# ---------------------------------------------------------------- library


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a library entry's numbers come from: a source, or an editor's reading and who must confirm it."""

    source: str = ""
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class ElementDef:
    """Data dictionary entry. `valid_for` None with `permanent` False is a mistake the loader reports."""

    id: str
    label: str
    type: str
    span: Span
    unit: str = ""
    options: tuple[str, ...] = ()
    plausible: tuple[Decimal, Decimal] | None = None
    resolution: Decimal | None = None  # in `unit`; 120 and 121 are next to each other where it is 1
    worse: str = ""  # higher or lower: where a patient is always sicker
    valid_for: Amount | None = None
    permanent: bool = False
    question: str = ""
    can_be_unobtainable: bool = False
    molar_mass: str = ""
    valence: int = 0
    basis: str = ""
    codes: tuple[tuple[str, str], ...] = ()
    origin: Origin = field(default=Origin())


@dataclass(frozen=True, slots=True)
class LimitDef:
    """`soft` and `hard` are ranges or single ends as written: (low, high) quantities, None where absent."""

    of: str
    span: Span
    route: str = ""
    soft_low: Amount | None = None
    soft_high: Amount | None = None
    hard_low: Amount | None = None
    hard_high: Amount | None = None
    origin: Origin = field(default=Origin())


@dataclass(frozen=True, slots=True)
class DeliveryDef:
    of: str
    step: Amount
    towards: str
    span: Span
    origin: Origin = field(default=Origin())


@dataclass(frozen=True, slots=True)
class DrugDef:
    id: str
    label: str
    span: Span
    synonyms: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    rate_unit: str = ""
    amount_unit: str = ""
    salts: tuple[tuple[str, Decimal], ...] = ()
    valid_for: Amount | None = None
    absent_is_zero: bool = False
    limits: tuple[LimitDef, ...] = ()
    delivery: tuple[DeliveryDef, ...] = ()
    largest_step: str = ""
    routes: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()
    origin: Origin = field(default=Origin())


@dataclass(frozen=True, slots=True)
class UnitDef:
    spelling: str
    ucum: str
    factor: str
    dimension: tuple[tuple[str, int], ...]
    span: Span
    offset: str = "0"


# ---------------------------------------------------------------- evidence


@dataclass(frozen=True, slots=True)
class GradeDef:
    """How a source grades its own statement; `by` is the system, or good practice, label, consensus, not stated …"""

    by: str
    strength: str = ""
    certainty: str = ""
    class_: str = ""
    level: str = ""

    @property
    def text(self) -> str:
        """`GRADE: weak, certainty not stated`."""
        if self.by == "GRADE":
            return f"GRADE: {self.strength or 'strength not stated'}, certainty {self.certainty or 'not stated'}"
        if self.by == "ESC":
            return f"ESC: class {self.class_ or 'not stated'}, level {self.level or 'not stated'}"
        return self.by


@dataclass(frozen=True, slots=True)
class StatementDef:
    """One atom of what the source says; `parent` is set for a lettered atom (S12a of S12).

    `from_version`: the first version of the protocol that it belongs to; empty for all. So too in a reference.
    """

    id: str
    says: Text
    kind: str
    cites: tuple[Ref, ...]
    span: Span
    support: str = ""
    wording: str = ""
    parent: str = ""
    grade: GradeDef | None = None
    from_version: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceDef:
    key: str
    title: str
    kind: str
    span: Span
    publisher: str = ""
    year: str = ""
    tier: str = ""
    identifier: str = ""
    checked: str = ""
    review_due: str = ""
    superseded_by: Ref | None = None
    from_version: str = ""


@dataclass(frozen=True, slots=True)
class ElsewhereDef:
    """What another source says on the same matter: a number of a drug or an element, or words. Never executed.

    `of`, `what` and `value` stand together or not at all. `stored` is false for what nobody has read.
    """

    id: str
    span: Span
    of: Ref | None
    what: str
    value: Text | None
    cites: tuple[Ref, ...]
    route: str = ""
    topic: str = ""
    says: str = ""
    superseded: bool = False
    stored: bool = True
    verdict: str = ""
    because: str = ""
    about: tuple[Ref, ...] = ()
    from_version: str = ""


@dataclass(frozen=True, slots=True)
class SourceDef:
    title: str = ""
    publisher: str = ""
    updated: str = ""
    banner: str = ""
    claims: tuple[str, ...] = ()
    disclaimer: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`statements.yaml`."""

    source: SourceDef
    statements: dict[str, StatementDef]
    references: dict[str, ReferenceDef]
    file: str
    elsewhere: dict[str, ElsewhereDef] = field(default_factory=dict)
    allowances: tuple[Allowance, ...] = ()


# ---------------------------------------------------------------- protocol


@dataclass(frozen=True, slots=True)
class ParameterDef:
    id: str
    title: Text
    span: Span
    type: str = "number"
    unit: str = ""
    options: tuple[str, ...] = ()
    range: Amount | None = None
    default: Amount | Ref | None = None
    backing: Backing = field(default=Backing())


@dataclass(frozen=True, slots=True)
class ValueCase:
    """A case of a definition; `when` None is the last, which always holds."""

    when: Condition | None
    value: Amount | Ref
    span: Span


@dataclass(frozen=True, slots=True)
class Define:
    """A name for a condition, a value over cases, an expression, or a latch: exactly one is set."""

    id: str
    span: Span
    title: Text | None = None
    unit: str = ""
    condition: Condition | None = None
    cases: tuple[ValueCase, ...] = ()
    value: Amount | None = None
    latch_set: Condition | None = None
    latch_clear: Condition | None = None
    backing: Backing = field(default=Backing())
    options: tuple[str, ...] = ()  # of a choice: its cases are then names
    exclusive: bool = False  # no two cases hold for one patient: for the check alone


@dataclass(frozen=True, slots=True)
class GoCase:
    """A case of a decide; `when` None is `else`."""

    when: Condition | None
    go: tuple[Ref, ...]
    span: Span
    title: Text | None = None
    backing: Backing = field(default=Backing())


@dataclass(frozen=True, slots=True)
class Decide:
    id: str
    span: Span
    title: Text
    cases: tuple[GoCase, ...]
    if_unknown: Ref | None = None
    note: Text | None = None
    backing: Backing = field(default=Backing())
    exclusive: bool = False  # no two cases hold for one patient: for the check alone


@dataclass(frozen=True, slots=True)
class Reason:
    """An `avoid_if`, `for` or `against` entry."""

    when: Condition
    because: Text | None = None
    instead: Ref | None = None


@dataclass(frozen=True, slots=True)
class Give:
    """A measured amount: a bolus, a tablet, a bag."""

    drug: Ref
    amount: Amount
    span: Span
    each: Amount | Ref | None = None  # Ref: `local NAME`
    over: Amount | Ref | None = None
    most: Amount | None = None
    route: Text | None = None
    salt: Text | None = None
    concentration: Text | None = None
    weight: Text | None = None
    intent: Text | None = None
    line: Text | None = None


@dataclass(frozen=True, slots=True)
class Infuse:
    drug: Ref
    rate: Amount
    span: Span
    most: Amount | None = None
    route: Text | None = None
    salt: Text | None = None
    weight: Text | None = None
    intent: Text | None = None
    line: Text | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A new rate. Without `to` (no number in the source) the step names who decides it; `direction` up or down."""

    drug: Ref
    span: Span
    to: Amount | None = None
    direction: Text | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    drug: Ref
    span: Span


@dataclass(frozen=True, slots=True)
class Titrate:
    drug: Ref
    span: Span
    start: Amount
    by: Amount | None  # None: double
    every: Amount | Ref
    to: Amount
    while_: Condition
    hold_if: tuple[Condition, ...]
    on_hold: tuple[Ref, ...]
    at_ceiling: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Perform:
    what: Text
    span: Span


@dataclass(frozen=True, slots=True)
class Measure:
    data: tuple[Ref, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Exclude:
    """Conditions to look for now: each is boolean data."""

    data: tuple[Ref, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class CallFor:
    who: Text
    span: Span


@dataclass(frozen=True, slots=True)
class OptionDef:
    id: str
    title: Text
    verb: Give | Infuse | Change | Stop | Perform
    span: Span
    for_: tuple[Reason, ...] = ()
    against: tuple[Reason, ...] = ()
    until: Condition | None = None
    backing: Backing = field(default=Backing())


@dataclass(frozen=True, slots=True)
class Choose:
    one_of: tuple[OptionDef, ...]
    span: Span


Verb = Give | Infuse | Change | Stop | Titrate | Perform | Measure | Exclude | CallFor | Choose


@dataclass(frozen=True, slots=True)
class ReviewDef:
    after: Amount | Ref
    measure: tuple[Ref, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class RepeatDef:
    every: Amount | Ref
    at_most: Amount | None
    window: tree.Window
    window_text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Do:
    id: str
    span: Span
    title: Text
    verb: Verb
    until: Condition | None = None
    repeat: RepeatDef | None = None
    review: ReviewDef | None = None
    avoid_if: tuple[Reason, ...] = ()
    with_: tuple[Ref, ...] = ()
    then: tuple[Ref, ...] = ()
    priority: str = ""
    strength: str = ""
    certainty: str = "not graded"
    decide_by: Text | None = None
    note: Text | None = None
    backing: Backing = field(default=Backing())


@dataclass(frozen=True, slots=True)
class HandOver:
    id: str
    span: Span
    protocol: Ref  # id@major
    title: Text | None = None
    priority: str = "stat"
    note: Text | None = None
    backing: Backing = field(default=Backing())


@dataclass(frozen=True, slots=True)
class End:
    id: str
    span: Span
    title: Text
    note: Text | None = None
    backing: Backing = field(default=Backing())


Step = Decide | Do | HandOver | End


@dataclass(frozen=True, slots=True)
class Never:
    id: str
    span: Span
    order: Ref  # drug, class or `any`
    when: Condition | None
    because: Text
    instead: Text | None = None
    backing: Backing = field(default=Backing())


@dataclass(frozen=True, slots=True)
class CapDef:
    id: str
    span: Span
    drug: Ref  # drug or class
    amount: Amount
    window: tree.Window
    window_text: str
    weight: Text | None = None
    backing: Backing = field(default=Backing())


@dataclass(frozen=True, slots=True)
class GoalDef:
    id: str
    span: Span
    title: Text
    target: Condition
    backing: Backing = field(default=Backing())


@dataclass(frozen=True, slots=True)
class AlertDef:
    id: str
    span: Span
    when: Condition
    say: Text
    severity: str = "warning"
    backing: Backing = field(default=Backing())


@dataclass(frozen=True, slots=True)
class PropertyDef:
    """What must hold for every patient: `always`, in those for whom `when` is true (None: in all)."""

    id: str
    span: Span
    always: Condition
    when: Condition | None = None
    title: Text | None = None
    backing: Backing = field(default=Backing())


@dataclass(frozen=True, slots=True)
class SafetyDef:
    """An entry of the shared safety pack: `check` is one of a closed set of kinds, `limits` which limits it means."""

    id: str
    span: Span
    title: Text
    check: str
    limits: str = "hard"
    because: Text | None = None


@dataclass(frozen=True, slots=True)
class InterpretationDef:
    id: str
    span: Span
    about: tuple[Ref, ...]
    reading: Text
    rejected: tuple[Text, ...]
    because: Text
    confirm: Text
    status: str = "chosen"


@dataclass(frozen=True, slots=True)
class Shared:
    """`definitions.yaml` of the library: definitions that any protocol may use, and what they rest on."""

    defines: dict[str, Define] = field(default_factory=dict)
    statements: dict[str, StatementDef] = field(default_factory=dict)
    references: dict[str, ReferenceDef] = field(default_factory=dict)
    interpretations: dict[str, InterpretationDef] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Library:
    """Everything shared between protocols, by name."""

    units: dict[str, UnitDef]
    elements: dict[str, ElementDef]
    drugs: dict[str, DrugDef]
    classes: dict[str, tuple[str, ...]]
    shared: Shared = field(default_factory=Shared)
    allowances: tuple[Allowance, ...] = ()
    safety: dict[str, SafetyDef] = field(default_factory=dict)


@dataclass(frozen=True)  # no slots: it keeps what is inside it
class Protocol:
    id: str
    version: str
    title: Text
    question: Text
    purpose: str
    updated: str
    span: Span
    start: tuple[Ref, ...]
    steps: dict[str, Step]
    population: Text | None = None
    withdrawn: Text | None = None
    applies: Condition | None = None
    enter: Condition | None = None
    weight: Text | None = None
    parameters: dict[str, ParameterDef] = field(default_factory=dict)
    elements: dict[str, ElementDef] = field(default_factory=dict)
    defines: dict[str, Define] = field(default_factory=dict)
    never: dict[str, Never] = field(default_factory=dict)
    caps: dict[str, CapDef] = field(default_factory=dict)
    goals: dict[str, GoalDef] = field(default_factory=dict)
    alerts: dict[str, AlertDef] = field(default_factory=dict)
    interpretations: dict[str, InterpretationDef] = field(default_factory=dict)
    not_encoded: dict[str, Text] = field(default_factory=dict)
    renamed: dict[str, Ref] = field(
        default_factory=dict
    )  # ids of steps in earlier versions, and the steps they are now
    prove: dict[str, PropertyDef] = field(default_factory=dict)
    not_proved: dict[str, Text] = field(default_factory=dict)
    evidence: Evidence | None = None
    allowances: tuple[Allowance, ...] = ()
    texts: tuple[Text, ...] = ()  # every piece of prose, for the checks over prose

    @cached_property
    def inside(self) -> tuple[object, ...]:
        """Every record inside, outermost first: rules ask a protocol for its records of a kind a dozen times."""
        return tuple(_walked(self))


# ---------------------------------------------------------------- what is inside a record


def every(root: object, kind: type[_T]) -> Iterator[_T]:
    """All records of one kind inside `root`, outermost first."""
    inside = root.inside if isinstance(root, Protocol) else _walked(root)
    return (record for record in inside if isinstance(record, kind))


def _walked(root: object) -> Iterator[object]:
    """`root` and every record inside it, outermost first."""
    stack: list[Any] = [root]
    while stack:
        current = stack.pop()
        kind = current.__class__
        if isinstance(current, dict):
            stack.extend([item for item in reversed(current.values()) if item.__class__ not in _PLAIN])
        elif isinstance(current, tuple | list):
            stack.extend([item for item in reversed(current) if item.__class__ not in _PLAIN])
        elif (held := _held(kind)) is not None:
            yield current
            stack.extend([item for item in held(current) if item.__class__ not in _PLAIN])


_PLAIN = frozenset({str, int, bool, Decimal, type(None), Span})
"""What holds no record, and is most of what records hold."""


@cache
def _held(kind: Any) -> Callable[[Any], tuple[Any, ...]] | None:
    """What reads the fields of a kind of record, last first; None for what is no record."""
    if not is_dataclass(kind):
        return None
    names = [field.name for field in reversed(fields(kind))]
    return attrgetter(*names) if len(names) > 1 else lambda record: tuple(getattr(record, name) for name in names)
