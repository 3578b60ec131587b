"""What is to hold of every patient, as one condition over a row: the properties of a protocol and the safety pack.

A property is *violated* where a sentence is false, or where what stands before `implies` (or `when:`) is true and what
stands after it is not: not known is no excuse there. So `holds` is true or false on every row, and never unknown.

A row here is that of the Program with slots behind it: ordinary ones that only a property reads, then those of kind
`walk`, which hold what the advice says (`recommends(step)` and the like; see `kb.prover.advised`).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from kb import model
from kb import program as ir
from kb.compiler import with_slots
from kb.diagnostics import Span
from kb.expression import tree
from kb.expression.lower import Lowering, Num
from kb.expression.scope import Scope, nodes
from kb.expression.text import to_text
from kb.prover.advised import Advised
from kb.prover.safety import violated_by


class Premise(NamedTuple):
    """What some patient must meet, or the property is about nobody."""

    text: str
    met: ir.Expr


class Part(NamedTuple):
    """One of the things that a property of the pack forbids."""

    text: str
    violated: ir.Expr


class Property(NamedTuple):
    """`holds` is true or false on every row. `open` is true where the property is told neither way (None: nowhere)."""

    id: str
    title: str
    text: str
    span: Span
    holds: ir.Expr
    premises: tuple[Premise, ...] = ()
    open: ir.Expr | None = None
    cites: tuple[str, ...] = ()
    interprets: tuple[str, ...] = ()
    because: str = ""
    shared: bool = False  # of the safety pack
    parts: tuple[Part, ...] = ()


class Properties(NamedTuple):
    """All that is to be proved of one protocol.

    `program` is the Program, with slots of its own behind it where a property reads what the protocol does not; its
    digests are those of the Program. `extra` stands after its slots. `left_out` are those of the pack that the
    protocol leaves out, each with the reason.
    """

    program: ir.Program
    extra: tuple[ir.Slot, ...]
    properties: tuple[Property, ...]
    left_out: tuple[tuple[model.SafetyDef, str], ...]


def compile_properties(protocol: model.Protocol, library: model.Library, program: ir.Program) -> Properties:
    """What is to be proved of `protocol`, which has no errors and compiles to `program`."""
    scope = Scope.of(protocol, library).for_properties(library)
    advised = Advised(program)
    lowering = _Lowering(scope, program, advised)
    for made in protocol.prove.values():  # first the slots that are not of the advice, so that these come last
        _conditions(lowering, made)
    for element in program.elements:  # whether a reading is unobtainable, where the protocol does not ask
        if element.can_be_unobtainable and any(slot.name == element.id for slot in program.slots):
            lowering.unobtainable(element.id)
    wider = with_slots(program, protocol, library, lowering)
    advised.begin_after(len(wider.slots))
    own = [_property(lowering, made) for made in protocol.prove.values()]
    pack = [_of_pack(wider, advised, made) for id, made in library.safety.items() if id not in protocol.not_proved]
    left_out = tuple(
        (library.safety[id], reason.value) for id, reason in protocol.not_proved.items() if id in library.safety
    )
    return Properties(wider, advised.slots, (*own, *(made for made in pack if made is not None)), left_out)


def _conditions(lowering: _Lowering, made: model.PropertyDef) -> tuple[ir.Expr | None, ir.Expr]:
    when = None if made.when is None else lowering.condition(made.when.expr)
    return when, lowering.condition(made.always.expr)


def _property(lowering: _Lowering, made: model.PropertyDef) -> Property:
    violated, premises, open_ = _demand(lowering, made.always.expr, strict=made.when is not None)
    text = made.always.text
    if made.when is not None:
        guard = ir.Sure(lowering.condition(made.when.expr))
        violated = ir.All((guard, violated))
        premises = [Premise(premise.text, ir.All((guard, premise.met))) for premise in premises]
        premises.insert(0, Premise(made.when.text, guard))
        open_ = []
        text = f"{text} — when {made.when.text}"
    cites = (*made.backing.cites, *made.always.cites, *(made.when.cites if made.when else ()))
    reads = (*made.backing.interprets, *made.always.interprets, *(made.when.interprets if made.when else ()))
    return Property(
        id=made.id,
        title=made.title.value if made.title is not None else text,
        text=text,
        span=made.span,
        holds=ir.Not(violated),
        premises=tuple(premises),
        open=ir.Any_(tuple(open_)) if open_ else None,
        cites=tuple(dict.fromkeys(ref.id for ref in cites)),
        interprets=tuple(dict.fromkeys(ref.id for ref in reads)),
    )


def _demand(lowering: _Lowering, expr: tree.Expr, strict: bool) -> tuple[ir.Expr, list[Premise], list[ir.Expr]]:
    """Where a sentence is violated, the premises in it, and where it is told neither way.

    `strict`: a premise before it is true, so it must be true as well; else it is only not to be false.
    """
    match expr:
        case tree.Implies(left, right):
            premise = ir.Sure(lowering.condition(left))
            violated, inner, _ = _demand(lowering, right, strict=True)
            premises = [Premise(to_text(left), premise)]
            premises += [Premise(item.text, ir.All((premise, item.met))) for item in inner]
            return ir.All((premise, violated)), premises, []
        case tree.And(items):
            parts = [_demand(lowering, item, strict) for item in items]
            return (
                ir.Any_(tuple(part[0] for part in parts)),
                [premise for part in parts for premise in part[1]],
                [open_ for part in parts for open_ in part[2]],
            )
    made = lowering.condition(expr)
    if strict:
        return ir.Not(ir.Sure(made)), [], []
    told = Premise(f"`{to_text(expr)}` can be told", ir.Known(made))
    # A dose that is not recommended is not known, which says nothing: only one that is counts as open.
    doses = [lowering.recommended(node) for node in nodes(expr) if isinstance(node, tree.OfAdvice) and node.step]
    return ir.Sure(ir.Not(made)), [told], [ir.All((ir.Not(ir.Known(made)), *doses))]


def _of_pack(program: ir.Program, advised: Advised, made: model.SafetyDef) -> Property | None:
    forbidden = tuple(violated_by(made.check, made.limits, program, advised))
    if not forbidden:  # there is nothing in this protocol that it could be about
        return None
    violated = ir.Any_(tuple(each.where for each in forbidden))
    parts = tuple(Part(*part) for each in forbidden for part in each.finer or ((each.text, each.where),))
    return Property(
        id=made.id,
        title=made.title.value,
        text=made.check,
        span=made.span,
        holds=ir.Not(violated),
        because="" if made.because is None else made.because.value,
        shared=True,
        parts=parts,
    )


class _Lowering(Lowering):
    """Lowers the sentences of properties; what they ask of the advice becomes slots of `advised`."""

    def __init__(self, scope: Scope, program: ir.Program, advised: Advised) -> None:
        super().__init__(scope, program.slots)
        self.advised = advised

    def _of_advice(self, expr: tree.OfAdvice) -> ir.Expr:
        if expr.function == "something recommended":
            return ir.Any_(tuple(self.advised.get("recommends", id) for id in self.advised.actions))
        if expr.step is None:
            return self.advised.program.applies if expr.function == "applies" else self.advised.program.enter
        if expr.function == "reached":
            return self.advised.get("reached", expr.step.id)
        return _any(self.advised.get(expr.function, id) for id in self.advised.parts(expr.step.id))

    def recommended(self, expr: tree.OfAdvice) -> ir.Expr:
        assert expr.step is not None
        return _any(self.advised.get("recommends", id) for id in self.advised.parts(expr.step.id))

    def _dose_advised(self, expr: tree.OfAdvice) -> Num:
        assert expr.step is not None
        word = "highest_dose" if expr.function == "highest_dose" else "dose"
        parts = self.advised.dosed(expr.step.id)
        action = self.advised.action(parts[0])
        drug = self.scope.drugs[action.drug]
        measure = self.scope.units.parse(drug.rate_unit if action.of == "rate" else drug.amount_unit)
        salts = dict(self.scope.drug_record(action.drug).salts)
        held: ir.Expr = self.advised.get(word, parts[-1])
        if len(parts) > 1:
            first = tuple((self.advised.get("recommends", id), self.advised.get(word, id)) for id in parts[:-1])
            held = ir.Cases((*first, (ir.TRUE, held)))
        share = Fraction(salts.get(action.salt, "1"))  # conditions speak of the base
        return Num(held, measure.factor / ir.SCALE * share)


def _any(items: Iterable[ir.Expr]) -> ir.Expr:
    found = tuple(items)
    return found[0] if len(found) == 1 else ir.Any_(found)
