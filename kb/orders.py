"""Orders held against a protocol: its `never` rules, its caps and the drug library's limits (design rule 19)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction

from kb import program as ir
from kb.doses import amount_per_second
from kb.evaluate import evaluate, undecided
from kb.reading import Order
from kb.records import TYPE_CHECKING, NamedTuple
from kb.values import format_duration, format_scaled

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
    program = walk.program
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
            refused.append((rule.id, rule.because))
            instead.update(dict.fromkeys(filter(None, (rule.instead,))))
            cites.update(dict.fromkeys(rule.cites))
            interprets.update(dict.fromkeys(rule.interprets))
        elif broken is None:
            unknown |= undecided(rule.when, row, program)
    unstated: list[str] = []
    for limit in drug.limits:
        if limit.route and order.route is None:
            beyond: list[tuple[str, str]] = []
            _hold_against_limit(limit, order._replace(route=limit.route), drug, beyond, beyond)
            unstated += ["order.route"] if beyond else []
        _hold_against_limit(limit, order, drug, refused, challenged)
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
                        f"{float(times):.4g} times the step from {format_scaled(running, drug.rate_unit)} to "
                        f"{format_scaled(order.rate, drug.rate_unit)}: the commonest pump error is a factor of ten",
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
        if left == 0 or (order.amount or 0) > left:
            refused.append((cap.id, f"at most {cap.text}; {format_scaled(left, cap.unit)} is left"))
        elif order.amount and order.amount + rest > left:
            together = format_scaled(order.amount + rest, cap.unit)
            why = f"at most {cap.text}; {format_scaled(left, cap.unit)} is left, and {together} is ordered in all"
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
        tuple(dict.fromkeys([*(program.slots[i].name.partition(" ")[0] for i in sorted(order_slots)), *unstated])),
        tuple(instead),
        tuple(cites),
        tuple(interprets),
        stop_after,
    )


def _hold_against_limit(
    limit: ir.Limit,
    order: Order,
    drug: ir.Drug,
    refused: list[tuple[str, str]],
    challenged: list[tuple[str, str]],
) -> None:
    value = order.rate if limit.of == "rate" else order.amount
    route = "iv" if order.route == "io" else order.route  # what goes into the marrow is at once in the vein
    if not value or (limit.route and limit.route not in (route, order.route)):
        return
    unit = drug.rate_unit if limit.of == "rate" else drug.amount_unit
    where = limit.source or (f"to be confirmed by {limit.confirm}" if limit.confirm else "")
    for kind, low, high, into in (
        ("hard-limit", limit.hard_low, limit.hard_high, refused),
        ("soft-limit", limit.soft_low, limit.soft_high, challenged),
    ):
        edge = high if high is not None and value > high else low if low is not None and value < low else None
        if edge is None:
            continue
        side = "above" if edge == high and value > edge else "below"
        into.append(
            (
                kind,
                f"{format_scaled(value, unit)} is {side} the library's {kind.replace('-', ' ')} of "
                f"{format_scaled(edge, unit)} for {drug.label}" + (f" ({where})" if where else ""),
            )
        )
        if kind == "hard-limit":
            return


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
