"""Orders held against a protocol: its `never` rules, its caps and the drug library's limits (design rule 19)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from kb import program as ir
from kb.doses import amount_per_second
from kb.evaluate import evaluate, undecided
from kb.limits import Held, Tell, hold
from kb.local import CARE_AREA, dose_beside, prose_beside, shown_beside
from kb.reading import Order, dictionary_of
from kb.records import TYPE_CHECKING, NamedTuple
from kb.values import format_duration

if TYPE_CHECKING:
    from kb.plan import Walk
    from kb.values import UnitTable


class Judgement(NamedTuple):
    """What stands against an order. `unknown` are slots, `unstated` order attributes that would tell."""

    refused: tuple[tuple[str, str], ...] = ()
    challenged: tuple[tuple[str, str], ...] = ()
    unknown: frozenset[int] = frozenset()
    unstated: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()
    stop_after: Fraction | None = None  # seconds until a cap is reached at this rate
    notes: tuple[str, ...] = ()  # where the dose lies in what the hospital has widened


def remaining(walk: Walk, cap: ir.Cap) -> tuple[int | None, frozenset[int]]:
    """What a cap still leaves, scaled; None and the slots that would tell where that is not known.

    A total with a gap is a lower bound: once that alone reaches the cap, nothing is left.
    """
    amount, total = evaluate(cap.amount, walk.row), walk.row[cap.total]
    if isinstance(amount, int) and total is None:
        bound = walk.reading.lower_bounds.get(cap.total)
        if bound is not None and bound >= amount:
            return 0, frozenset()
    if not isinstance(amount, int) or not isinstance(total, int):
        return None, walk.undecided(cap.amount) | (frozenset((cap.total,)) if total is None else frozenset())
    return max(0, amount - total), frozenset()


def _order_row(walk: Walk, order: Order, drug: ir.Drug, others: Iterable[Order]) -> ir.Row:
    """The patient's row with this order's attributes filled in.

    A rate taken for zero only because nothing was charted is unknown here: it never allows an order.
    """
    row = list(walk.row)
    for index in walk.reading.assumed_slots:
        row[index] = None
    units = {"rate": drug.rate_unit, "amount": drug.amount_unit}
    ordered = {other.drug for other in others if 0 not in (other.rate, other.amount)}  # an order of nothing is a stop
    classes = {item.id: item.classes for item in walk.program.drugs}
    for index in walk.plan.orders:
        slot = walk.program.slots[index]
        attribute = slot.name.removeprefix("order.").partition(" ")[0]
        if slot.name.startswith("ordered("):
            row[index] = any(other == slot.of or slot.of in classes.get(other, ()) for other in ordered)
        elif attribute in units:
            row[index] = getattr(order, attribute) if slot.unit == units[attribute] else None
        else:
            row[index] = getattr(order, attribute)
    return row


def judge(walk: Walk, order: Order, others: Iterable[Order], units: UnitTable, own: str = "") -> Judgement:
    """Everything that stands against `order`; `others` are the rest of the same set of orders.

    `own` is the step whose action this is: such an order is not held against the rule that the step's
    own `repeat` makes, nor against a relative step (its status already says the one, its author the other).
    """
    program, tell = walk.program, _teller(walk, order.drug)
    drug = walk.plan.drugs[order.drug]
    if not order.route and len(drug.routes) == 1:
        order = order._replace(route=drug.routes[0])  # there is no other way to give it
    beside = [other for other in others if other.drug == order.drug]
    row = _order_row(walk, order, drug, others)
    refused: list[tuple[str, str]] = []
    challenged: list[tuple[str, str]] = []
    unknown: set[int] = set()
    instead: dict[str, None] = {}
    cites: dict[str, None] = {}
    interprets: dict[str, None] = {}
    for rule in program.rules:
        if order.drug not in rule.drugs or (own and rule.made_by == own):
            continue
        broken = evaluate(rule.when, row)
        if broken is True:
            refused.append((rule.id, prose_beside(walk.reading.local, dictionary_of(program), rule.because)))
            instead.update(dict.fromkeys(filter(None, (rule.instead,))))
            cites.update(dict.fromkeys(rule.cites))
            interprets.update(dict.fromkeys(rule.interprets))
        elif broken is None:
            unknown |= undecided(rule.when, row, program)
    limits = _limits(walk, order, drug)
    refused += limits.refused
    challenged += limits.challenged
    if not own and drug.largest_step and order.rate:
        rate_slot = walk.plan.rates.get(drug.id)
        running = None if rate_slot is None else row[rate_slot]
        if isinstance(running, int):
            step = Fraction(drug.largest_step)
            if running and (order.rate >= step * running or running >= step * order.rate):
                times = Fraction(max(order.rate, running), min(order.rate, running))
                challenged.append(
                    (
                        "largest-step",
                        f"{float(times):.4g} times the step from {tell(drug.rate_unit, running)} to "
                        f"{tell(drug.rate_unit, order.rate)}: the commonest pump error is a factor of ten",
                    )
                )
        elif rate_slot is not None:
            unknown.add(rate_slot)
    if order.rate and any(other.rate for other in beside):
        challenged.append(("two-rates", f"two rates of {drug.label} are ordered at once"))
    stop_after = None
    for cap in program.caps:
        if order.drug not in cap.drugs or not (order.rate or order.amount):
            continue
        left, needs = remaining(walk, cap)
        unknown |= needs
        if left is None:
            continue
        cites.update(dict.fromkeys(cap.cites))
        interprets.update(dict.fromkeys(cap.interprets))
        rest = sum(other.amount or 0 for other in others if other.drug in cap.drugs)
        most = dose_beside(walk.reading.local, dictionary_of(program), order.drug, cap.text)
        if left == 0 or (order.amount or 0) > left:
            refused.append((cap.id, f"at most {most}; {tell(cap.unit, left)} is left"))
        elif order.amount and order.amount + rest > left:
            together = tell(cap.unit, order.amount + rest)
            why = f"at most {most}; {tell(cap.unit, left)} is left, and {together} is ordered in all"
            refused.append((cap.id, why))
        elif order.rate:
            weight = None if program.weight is None else row[program.weight]
            per_second = amount_per_second(order.rate, drug.rate_unit, weight, units)
            if per_second is None:
                unknown |= frozenset(() if program.weight is None else (program.weight,))
            else:
                left_base = Fraction(left, ir.SCALE) * units.parse(cap.unit).factor
                after = left_base / per_second
                stop_after = after if stop_after is None else min(after, stop_after)
    order_slots = {i for i in unknown if program.slots[i].kind == "order"}
    return Judgement(
        tuple(refused),
        tuple(challenged),
        frozenset(unknown - order_slots),
        tuple(
            dict.fromkeys([*(program.slots[i].name.partition(" ")[0] for i in sorted(order_slots)), *limits.unstated])
        ),
        tuple(instead),
        tuple(cites),
        tuple(interprets),
        stop_after,
        limits.notes,
    )


def _teller(walk: Walk, drug: str) -> Tell:
    """Says quantities of a drug in the protocol's unit, and in the hospital's where it has its own."""
    local, names = walk.reading.local, dictionary_of(walk.program)
    return lambda unit, value: shown_beside(local, names, drug, unit, value)


def _limits(walk: Walk, order: Order, drug: ir.Drug) -> Limits:
    """The order against the limits of the library and of the hospital (`kb.limits`).

    Where no care area is named, or no route stated, counts what all that are possible agree on; where they do not
    agree, it cannot be told.
    """
    local, rated = walk.reading.local, (("rate", order.rate), ("amount", order.amount))
    own = local.limits.get(drug.id, ())
    if not drug.limits and not own:
        return Limits((), (), (), ())
    areas = local.possible_areas(drug.id)
    tell = _teller(walk, drug.id)
    routes: tuple[str, ...] = (order.route or "",)
    if order.route is None:
        named = {limit.route for limit in drug.limits} | {item.limit.route for item in own}
        routes = ("", *sorted(route for route in named if route))

    def held(area: str, route: str) -> Held:
        return _joined([hold(drug, of, value, route, own, area, tell) for of, value in rated if value])

    unstated: dict[str, None] = {}
    agreed: Held | None = None
    for area in areas:
        here = [held(area, route) for route in routes]
        if any(_against(one) != _against(here[0]) for one in here):
            unstated["order.route"] = None
        common = _common(here)
        if agreed is not None and _against(agreed) != _against(common):
            unstated[CARE_AREA] = None
        agreed = common if agreed is None else _common((agreed, common))
    assert agreed is not None
    return Limits(agreed.refused, agreed.challenged, agreed.notes, tuple(unstated))


class Limits(NamedTuple):
    """What limits have against an order, as in `Held`; `unstated` would tell whether there is more."""

    refused: tuple[tuple[str, str], ...]
    challenged: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    unstated: tuple[str, ...]


def _against(held: Held) -> tuple[int, int]:
    """What decides the verdict: whether it is refused, else whether it is challenged."""
    return (1, 0) if held.refused else (0, min(1, len(held.challenged)))


def _common(found: Sequence[Held]) -> Held:
    """What all say; where all refuse or all challenge, in the words of each."""
    if len({_against(one) for one in found}) == 1:
        return _joined(found)
    first, rest = found[0], found[1:]
    return Held(
        tuple(item for item in first.refused if all(item in one.refused for one in rest)),
        tuple(item for item in first.challenged if all(item in one.challenged for one in rest)),
        tuple(item for item in first.notes if all(item in one.notes for one in rest)),
    )


def _joined(found: Sequence[Held]) -> Held:
    return Held(
        tuple(dict.fromkeys(item for one in found for item in one.refused)),
        tuple(dict.fromkeys(item for one in found for item in one.challenged)),
        tuple(dict.fromkeys(item for one in found for item in one.notes)),
    )


def stop_by_text(after: Fraction | None, now: datetime | None = None) -> str:
    """`stop by 12:30 (in 30 min)` for a rate that will reach its cap; without a time of the advice only in how long."""
    if after is None:
        return ""
    try:
        at = None if now is None else now + timedelta(seconds=int(after))  # never later than the cap is reached
    except OverflowError:  # a rate next to nothing reaches it after the end of the calendar
        at = None
    if at is None:
        return f"stop after {format_duration(after)}"
    return f"stop by {at.isoformat(timespec='seconds')} (after {format_duration(after)})"


def own_order(action: ir.Action, rate: int | None, amount: int | None) -> Order:
    """An action of the protocol as an order: what its author left out is stated to be nothing."""
    return Order(action.drug, rate, amount, action.route, action.intent, action.line, "", action.salt)
