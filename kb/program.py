"""The compiled form of a protocol: plain, typed, JSON-able data that every reading shares.

A Program sees one flat *row*: a list with one value per slot. Unknown is `None`. A number is an
integer, the quantity in the slot's unit times `SCALE`; a date-time is seconds since 1970-01-01 UTC
times `SCALE`; a choice is its option's name. Expressions over the row are the small integer
language below: division appears only where a definition rounds, so every comparison is exact.

Records are named tuples: importing them costs an embedding program little, and they cannot change.
"""

from __future__ import annotations

from kb.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias

SCALE = 10**8
SCHEMA = "1.1.0"

Value: TypeAlias = "bool | int | str | None"
Row: TypeAlias = "list[Value]"


# ---------------------------------------------------------------- expressions over a row


class Const(NamedTuple):
    """A truth value, a scaled integer, or the name of an option."""

    value: bool | int | str


class Get(NamedTuple):
    """The value in slot `slot`."""

    slot: int


class Known(NamedTuple):
    """Whether `item` has a value; never unknown itself."""

    item: Expr


class Sure(NamedTuple):
    """True where `item` is true, false where it is false or unknown; never unknown itself."""

    item: Expr


class All(NamedTuple):
    """Kleene and."""

    items: tuple[Expr, ...]


class Any_(NamedTuple):  # noqa: N801  `Any` is taken by typing
    """Kleene or."""

    items: tuple[Expr, ...]


class Not(NamedTuple):
    item: Expr


class AtLeast(NamedTuple):
    """True when `count` items are true, false when so many cannot become true."""

    count: int  # type: ignore[assignment]  # hides a method of tuples that nobody needs here
    items: tuple[Expr, ...]


class Compare(NamedTuple):
    """`left op right` on integers, truth values or option names (the last two: `=` and `!=` only)."""

    op: str
    left: Expr
    right: Expr


class Member(NamedTuple):
    """Whether `item` is one of `options`."""

    item: Expr
    options: tuple[bool | int | str, ...]


class Cases(NamedTuple):
    """The value of the possible cases where they agree (design rule 4); the last `when` is `Const(True)`."""

    cases: tuple[tuple[Expr, Expr], ...]


class Add(NamedTuple):
    left: Expr
    right: Expr


class Subtract(NamedTuple):
    left: Expr
    right: Expr


class Multiply(NamedTuple):
    left: Expr
    right: Expr


class Least(NamedTuple):
    items: tuple[Expr, ...]


class Greatest(NamedTuple):
    items: tuple[Expr, ...]


class Absolute(NamedTuple):
    item: Expr


class Divide(NamedTuple):
    """Quotient rounded half-even to an integer; unknown where the divisor is zero."""

    left: Expr
    right: Expr


class Function(NamedTuple):
    """round, ln, exp, sqrt or power of scaled numbers, correctly rounded; unknown outside the domain.

    `round` rounds its first argument half-even to a multiple of the second.
    Found in `computed` slots only.
    """

    name: str
    arguments: tuple[Expr, ...]


Expr: TypeAlias = (
    "Const | Get | Known | Sure | All | Any_ | Not | AtLeast | Compare | Member | Cases | Add | Subtract"
    " | Multiply | Least | Greatest | Absolute | Divide | Function"
)

TRUE, FALSE = Const(True), Const(False)


def is_constant(expr: Expr, value: bool) -> bool:
    """Whether `expr` is the constant `value`.

    Never compare nodes with `==`: named tuples of different kinds are equal where their fields are.
    """
    return type(expr) is Const and expr.value is value


# ---------------------------------------------------------------- what the row holds


class Event(NamedTuple):
    """Something charted: `kind` is drug, class, element, step, or given (a drug given as an amount)."""

    kind: str
    id: str


class Window(NamedTuple):
    """`kind` is episode, since or last. `duration` is an expression in scaled seconds."""

    kind: str
    event: Event | None = None
    duration: Expr | None = None


class Feature(NamedTuple):
    """One fold over the chart (design rule 8).

    `function` is since, count, total, previous, change, done, declined, persists, latch or
    decline_stands. `condition` is that of persists, or `set` of a latch; `clear` its other half.
    `duration` and `after` are those of persists.
    """

    function: str
    of: Event | None = None
    window: Window | None = None
    condition: Expr | None = None
    clear: Expr | None = None
    duration: Expr | None = None
    after: Event | None = None


class Slot(NamedTuple):
    """One place in the row.

    `kind`: element (value of data), unobtainable (whether the reading of data is `unobtainable`),
    rate (running rate of a drug), parameter, feature, now, computed (filled when the row is built,
    from earlier slots), define (worked out by the Program, from earlier slots), order (an attribute of
    an order that is being checked; unknown outside `check_orders`).
    `type`: boolean, number, choice or date-time. `of`: the element, drug, parameter or definition.
    `name` is the key of a one-moment chart and the name in every message.
    """

    name: str
    kind: str
    type: str
    of: str
    unit: str = ""
    title: str = ""
    feature: Feature | None = None
    expr: Expr | None = None
    options: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class Unit(NamedTuple):
    """A spelling and its meaning: `factor` (a fraction as `n/d`) base units; `dimension` maps base to power.

    `offset` is added after the factor (temperatures only).
    """

    spelling: str
    ucum: str
    factor: str
    dimension: tuple[tuple[str, int], ...]
    offset: str = "0"


class Element(NamedTuple):
    """An entry of the data dictionary. Range ends are scaled; `valid_for` is scaled seconds, None: for good."""

    id: str
    label: str
    type: str
    unit: str = ""
    options: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    valid_for: int | None = None
    question: str = ""
    can_be_unobtainable: bool = False
    molar_mass: str = ""
    valence: int = 0
    basis: str = ""
    codes: tuple[tuple[str, str], ...] = ()
    source: str = ""
    confirm: str = ""


class Limit(NamedTuple):
    """Limits of a rate or an amount, scaled in the drug's rate or amount unit; None where there is none."""

    of: str
    route: str = ""
    soft_low: int | None = None
    soft_high: int | None = None
    hard_low: int | None = None
    hard_high: int | None = None
    source: str = ""
    confirm: str = ""


class Delivery(NamedTuple):
    """The smallest step that can be delivered of a rate or amount, scaled, and the safer side: down, up, nearest."""

    of: str
    step: int
    towards: str
    source: str = ""
    confirm: str = ""


class Drug(NamedTuple):
    """An entry of the drug library. `salts` maps a salt form to the fraction of base in it, `n/d`."""

    id: str
    label: str
    synonyms: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    rate_unit: str = ""
    amount_unit: str = ""
    salts: tuple[tuple[str, str], ...] = ()
    valid_for: int | None = None
    absent_is_zero: bool = False
    limits: tuple[Limit, ...] = ()
    delivery: tuple[Delivery, ...] = ()
    largest_step: str = ""
    routes: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()
    source: str = ""
    confirm: str = ""


class Parameter(NamedTuple):
    """A number or choice that is settled once, not at the bedside. `default` None: needs local policy."""

    id: str
    title: str
    type: str
    unit: str = ""
    options: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    default: Value = None
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


# ---------------------------------------------------------------- steps


class Case(NamedTuple):
    """`text` is the condition as the editor wrote it; `targets` are indexes of steps."""

    when: Expr
    targets: tuple[int, ...]
    text: str = ""
    title: str = ""
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class Dose(NamedTuple):
    """A dose in `unit`: from `low` to `high` (None: exactly `low`), never above `most`.

    Values are scaled in `unit`, the drug's rate or amount unit, after any multiplication by weight.
    `text` is the rule as written; `weight` is the slot it was multiplied by, or None.
    `factor` is the weight basis of a rate `per kg`, for the working.
    """

    low: Expr
    high: Expr | None
    most: Expr | None
    unit: str
    text: str
    weight: int | None = None


class Avoid(NamedTuple):
    """A reason to withhold, and the step that shows the alternative."""

    when: Expr
    text: str
    because: str = ""
    instead: str = ""
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class Review(NamedTuple):
    """Look again `after` (scaled seconds) at `measure` (element ids)."""

    after: Expr
    measure: tuple[str, ...]
    text: str = ""


class Repeat(NamedTuple):
    """Again after `earliest` to `latest` (scaled seconds), `at_most` times in `window` (scaled count)."""

    earliest: Expr
    latest: Expr
    at_most: Expr | None
    window: Window
    since: int
    count: int  # type: ignore[assignment]  # hides a method of tuples that nobody needs here
    text: str = ""


class Action(NamedTuple):
    """What a `do` step does. `verb`: give infuse change stop perform measure exclude call choose
    keep wait hold ceiling (the last four are made by `titrate`).
    """

    verb: str
    drug: str = ""
    of: str = ""
    dose: Dose | None = None
    each: Expr | None = None
    each_text: str = ""
    over: str = ""
    route: str = ""
    salt: str = ""
    concentration: str = ""
    intent: str = ""
    line: str = ""
    subject: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    ladder: tuple[int, ...] = ()


class Option(NamedTuple):
    """One of the ranked options of a `choose`."""

    id: str
    title: str
    action: Action
    satisfied: Expr
    for_: tuple[Avoid, ...] = ()
    against: tuple[Avoid, ...] = ()
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class Step(NamedTuple):
    """One step. `kind`: decide, do, hand_over or end.

    A decide has `cases` and perhaps `if_unknown`. A do has `action`, `satisfied` and `status`, an
    expression whose value is due, overdue, waiting, held, satisfied, declined or withheld; it leads on
    at once to `with_`, and to `then` once satisfied. `part_of` names the `titrate` that made it.
    """

    id: str
    kind: str
    title: str
    cases: tuple[Case, ...] = ()
    if_unknown: int | None = None
    with_: tuple[int, ...] = ()
    then: tuple[int, ...] = ()
    satisfied: Expr = FALSE
    status: Expr = FALSE
    action: Action | None = None
    avoid: tuple[Avoid, ...] = ()
    review: Review | None = None
    repeat: Repeat | None = None
    priority: str = ""
    strength: str = ""
    certainty: str = ""
    decide_by: str = ""
    note: str = ""
    hand_over: str = ""
    part_of: str = ""
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class Rule(NamedTuple):
    """A `never`: an order of one of `drugs` is refused where `when` is true."""

    id: str
    drugs: tuple[str, ...]
    when: Expr
    text: str
    because: str
    instead: str = ""
    made_by: str = ""
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class Cap(NamedTuple):
    """All of `drugs` together never more than `amount` (scaled `unit`) in `window`; slot `total` holds the sum."""

    id: str
    drugs: tuple[str, ...]
    amount: Expr
    unit: str
    total: int
    window: Window
    text: str
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class Goal(NamedTuple):
    id: str
    title: str
    target: Expr
    text: str
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class AlertRule(NamedTuple):
    """Something to be told whenever `when` is true. `severity`: information, warning or critical."""

    id: str
    severity: str
    when: Expr
    text: str
    say: str
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()


class Interpretation(NamedTuple):
    """A reading an editor chose. `status`: chosen or disputed (carried as text, not executed)."""

    id: str
    about: tuple[str, ...]
    reading: str
    rejected: tuple[str, ...]
    because: str
    confirm: str
    status: str = "chosen"


class Statement(NamedTuple):
    id: str
    says: str
    kind: str
    cites: tuple[str, ...]
    support: str = ""
    wording: str = ""
    grade: str = ""


class Elsewhere(NamedTuple):
    """What another source says on the same matter; shown beside ours, never executed.

    `verdict`: agrees, differs, conflicts, absent here, context, or empty. `steps`, `rules` and `goals` are those it
    concerns. `stored` is false for general knowledge that nobody has verified.
    """

    id: str
    cites: tuple[str, ...]
    topic: str = ""
    of: str = ""
    what: str = ""
    value: str = ""
    says: str = ""
    about: tuple[str, ...] = ()
    verdict: str = ""
    because: str = ""
    stored: bool = True
    superseded: bool = False
    steps: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()


class Reference(NamedTuple):
    key: str
    title: str
    kind: str
    publisher: str = ""
    year: str = ""
    tier: str = ""
    identifier: str = ""
    checked: str = ""
    superseded_by: str = ""


class Source(NamedTuple):
    """The document the statements come from, and what it says of itself."""

    title: str = ""
    publisher: str = ""
    updated: str = ""
    banner: str = ""
    claims: tuple[str, ...] = ()
    disclaimer: str = ""


class Signed(NamedTuple):
    """An approval: by whom, in which role, on which day. `signature`: verified, unsigned, or not checked."""

    who: str
    name: str
    role: str
    date: str
    signature: str


class Standing(NamedTuple):
    """What is behind a review state: who approved, the roles that have not, the last day, and why there is no more."""

    signed: tuple[Signed, ...] = ()
    missing: tuple[str, ...] = ()
    valid_until: str = ""
    reason: str = ""


class Program(NamedTuple):
    """A protocol ready to run: everything it needs is inside, resolved.

    `steps` are in an order in which every step stands after all that lead to it; `starts` index it.
    `applies` and `enter` are conditions (design rule 12). `logic_digest` and `text_digest` are SHA-256
    over the content that decides, and over the wording (see `kb.digest`). `state` and `standing` are worked out
    from review records (see `kb.review`); no file of a Program can claim them.
    """

    schema: str
    id: str
    version: str
    title: str
    question: str
    purpose: str
    updated: str
    population: str
    state: str
    withdrawn: str
    logic_digest: str
    text_digest: str
    slots: tuple[Slot, ...]
    steps: tuple[Step, ...]
    starts: tuple[int, ...]
    applies: Expr
    applies_text: str
    enter: Expr
    enter_text: str
    weight: int | None
    rules: tuple[Rule, ...]
    caps: tuple[Cap, ...]
    goals: tuple[Goal, ...]
    alerts: tuple[AlertRule, ...]
    elements: tuple[Element, ...]
    drugs: tuple[Drug, ...]
    units: tuple[Unit, ...]
    parameters: tuple[Parameter, ...]
    interpretations: tuple[Interpretation, ...]
    statements: tuple[Statement, ...]
    not_encoded: tuple[tuple[str, str], ...]
    references: tuple[Reference, ...]
    source: Source
    standing: Standing = Standing()
    elsewhere: tuple[Elsewhere, ...] = ()
