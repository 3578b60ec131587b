"""What names mean in one protocol: its own parameters, definitions and data, then the library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kb.diagnostics import Span
from kb.expression import tree
from kb.values import UnitTable

if TYPE_CHECKING:
    from kb import program
    from kb.values import UnitLike

    class WrittenUnit(UnitLike, Protocol):
        """A unit of the library's own file."""

        @property
        def span(self) -> Span: ...


ORDER_ATTRIBUTES = ("rate", "amount", "route", "intent", "line", "weight", "salt")
COMPUTED = frozenset(("round", "ln", "exp", "sqrt", "power"))
"""Functions that are worked out when the row is built, so allowed in definitions only."""


# ---------------------------------------------------------------- what is needed of the records of `kb.model`


class ElementLike(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def span(self) -> Span: ...
    @property
    def unit(self) -> str: ...
    @property
    def options(self) -> tuple[str, ...]: ...
    @property
    def plausible(self) -> tuple[Decimal, Decimal] | None: ...
    @property
    def valid_for(self) -> Any: ...
    @property
    def question(self) -> str: ...
    @property
    def can_be_unobtainable(self) -> bool: ...
    @property
    def molar_mass(self) -> str: ...
    @property
    def valence(self) -> int: ...
    @property
    def basis(self) -> str: ...
    @property
    def codes(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def origin(self) -> Any: ...


class DrugLike(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def span(self) -> Span: ...
    @property
    def synonyms(self) -> tuple[str, ...]: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def rate_unit(self) -> str: ...
    @property
    def amount_unit(self) -> str: ...
    @property
    def salts(self) -> tuple[tuple[str, Decimal], ...]: ...
    @property
    def valid_for(self) -> Any: ...
    @property
    def absent_is_zero(self) -> bool: ...
    @property
    def limits(self) -> tuple[Any, ...]: ...
    @property
    def delivery(self) -> tuple[Any, ...]: ...
    @property
    def largest_step(self) -> str: ...
    @property
    def routes(self) -> tuple[str, ...]: ...
    @property
    def codes(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def origin(self) -> Any: ...


class LibraryLike(Protocol):
    @property
    def units(self) -> Mapping[str, WrittenUnit]: ...
    @property
    def elements(self) -> Mapping[str, ElementLike]: ...
    @property
    def drugs(self) -> Mapping[str, DrugLike]: ...
    @property
    def classes(self) -> Mapping[str, Any]: ...
    @property
    def shared(self) -> Any: ...


class ProtocolLike(Protocol):
    @property
    def weight(self) -> Any: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def elements(self) -> Mapping[str, ElementLike]: ...
    @property
    def defines(self) -> Mapping[str, Any]: ...
    @property
    def steps(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Definition:
    """A `define`, its parts as trees. `cases` pairs a condition (None: always) with a value."""

    id: str
    span: Span
    title: str
    unit: str
    condition: tree.Expr | None
    cases: tuple[tuple[tree.Expr | None, tree.Expr | tree.Range], ...]
    value: tree.Expr | tree.Range | None
    latch: tuple[tree.Expr, tree.Expr] | None
    options: tuple[str, ...]
    cites: tuple[str, ...]
    interprets: tuple[str, ...]

    @property
    def parts(self) -> Iterator[tree.Expr]:
        """Every expression of it."""
        if self.condition is not None:
            yield self.condition
        for when, value in self.cases:
            if when is not None:
                yield when
            yield from ends_of(value)
        if self.value is not None:
            yield from ends_of(self.value)
        if self.latch is not None:
            yield from self.latch


def ends_of(value: tree.Expr | tree.Range) -> tuple[tree.Expr, ...]:
    """The two ends of a range, or the one value."""
    return (value.low, value.high) if isinstance(value, tree.Range) else (value,)


def _definition(record: Any) -> Definition:
    return Definition(
        id=record.id,
        span=record.span,
        title="" if record.title is None else record.title.value,
        unit=record.unit,
        condition=None if record.condition is None else record.condition.expr,
        cases=tuple((None if case.when is None else case.when.expr, value_of(case.value)) for case in record.cases),
        value=None if record.value is None else record.value.value,
        latch=None
        if record.latch_set is None or record.latch_clear is None
        else (record.latch_set.expr, record.latch_clear.expr),
        options=tuple(getattr(record, "options", ())),
        cites=tuple(ref.id for ref in record.backing.cites),
        interprets=tuple(ref.id for ref in record.backing.interprets),
    )


def value_of(amount_or_ref: Any) -> tree.Expr | tree.Range:
    """The tree of a `model.Amount`, or the name of a `model.Ref`."""
    if hasattr(amount_or_ref, "value"):
        value: tree.Expr | tree.Range = amount_or_ref.value
        return value
    return tree.Name(amount_or_ref.id, amount_or_ref.span)


# ---------------------------------------------------------------- steps


class StepShape(NamedTuple):
    """What a property may ask of a step. `kind`: decide, do, hand_over or end; where it recommends a dose, its `drug`,
    `of` (rate or amount), the `dose` and the `weight` that it names.
    """

    kind: str
    drug: str = ""
    of: str = ""
    dose: tree.Expr | tree.Range | None = None
    weight: str | None = None

    @property
    def ranged(self) -> bool:
        """Whether the dose has a low and a high end."""
        return isinstance(self.dose, tree.Range)


def _shape(record: Any) -> StepShape:
    if not hasattr(record, "verb"):
        return StepShape(
            "decide" if hasattr(record, "cases") else "hand_over" if hasattr(record, "protocol") else "end"
        )
    verb = record.verb
    of = "amount" if hasattr(verb, "amount") else "rate"
    dose = getattr(verb, of, None) or getattr(verb, "to", None)
    if dose is None:
        return StepShape("do")
    weight = getattr(verb, "weight", None)
    return StepShape("do", verb.drug.id, of, dose.value, None if weight is None else str(weight.value))


# ---------------------------------------------------------------- names


@dataclass(frozen=True, eq=False)
class Scope:
    """Every name an expression of one protocol may use. Made by `Scope.of`."""

    units: UnitTable
    elements: Mapping[str, ElementLike]
    drugs: Mapping[str, DrugLike]
    classes: Mapping[str, tuple[str, ...]]
    parameters: Mapping[str, Any]
    defines: Mapping[str, Definition]
    steps: Mapping[str, StepShape]
    basis: str
    synonyms: Mapping[str, str]
    shared: tuple[str, ...] = ()
    """Definitions of the library, also those not used here: names that may have been meant."""
    memory: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, protocol: ProtocolLike, library: LibraryLike) -> Scope:
        """The names of `protocol` (a `model.Protocol`) over those of `library` (a `model.Library`)."""
        return replace(
            cls.over(library),
            elements={**library.elements, **protocol.elements},
            parameters=protocol.parameters,
            defines={id: _definition(record) for id, record in protocol.defines.items()},
            steps={id: _shape(record) for id, record in protocol.steps.items()},
            basis="" if protocol.weight is None else str(protocol.weight.value),
            memory={},
        )

    @classmethod
    def over(cls, library: LibraryLike) -> Scope:
        """The names of a library alone."""
        classes: dict[str, list[str]] = {name: [] for name in library.classes}
        for id, drug in sorted(library.drugs.items()):
            for name in drug.classes:
                classes.setdefault(name, []).append(id)
        return cls(
            units=UnitTable(library.units.values()),
            elements=library.elements,
            drugs=library.drugs,
            classes={name: tuple(drugs) for name, drugs in classes.items()},
            parameters={},
            defines={id: _definition(record) for id, record in library.shared.defines.items()},
            steps={},
            basis="",
            synonyms={
                synonym.strip().lower().replace(" ", "-"): id
                for id, drug in sorted(library.drugs.items())
                for synonym in drug.synonyms
            },
            shared=tuple(library.shared.defines),
        )

    def for_properties(self, library: LibraryLike) -> Scope:
        """The same with every definition of the library: a property may use one that the protocol does not."""
        return replace(self, defines={**Scope.over(library).defines, **self.defines}, memory={})

    def kind_of(self, name: str) -> str:
        """parameter, define, element, drug, class, step, or empty: what a name means where a value is needed."""
        for kind, names in (
            ("parameter", self.parameters),
            ("define", self.defines),
            ("element", self.elements),
            ("drug", self.drugs),
            ("class", self.classes),
        ):
            if name in names:
                return kind
        return "step" if name in self.steps else ""

    def event_of(self, name: str) -> str:
        """drug, class, element, step, or empty: what a name means where something that happened is needed."""
        if name in self.elements:
            return "element"
        if name in self.drugs:
            return "drug"
        if name in self.classes:
            return "class"
        return "step" if name in self.steps else ""

    def members(self, id: str) -> tuple[str, ...]:
        """The drugs that a drug, a class, or `any` stands for, in alphabetical order."""
        if id == "any":
            return tuple(sorted(self.drugs))
        if id in self.drugs:
            return (id,)
        return self.classes.get(id, ())

    # -------- weights

    @property
    def weight_element(self) -> ElementLike | None:
        """The data that `per kg` of this protocol means."""
        return self.weighing(self.basis)

    def weighing(self, basis: str | None) -> ElementLike | None:
        """The data with this weight basis; of several, the one named `weight` or the first by name."""
        wanted = basis or self.basis
        found = [element for _, element in sorted(self.elements.items()) if wanted and element.basis == wanted]
        return next((element for element in found if element.id == "weight"), found[0] if found else None)

    # -------- definitions

    @cached_property
    def uses(self) -> Mapping[str, tuple[str, ...]]:
        """The definitions that each definition names."""
        return {
            id: tuple(dict.fromkeys(name for part in made.parts for name in self.defines_in(part)))
            for id, made in self.defines.items()
        }

    def defines_in(self, expr: tree.Expr) -> Iterator[str]:
        """The definitions an expression names itself, in order of mention."""
        for node in nodes(expr):
            if isinstance(node, tree.Name) and node.id in self.defines and node.id not in self.parameters:
                yield node.id

    @cached_property
    def order(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The definitions, each after those it uses; and those that are part of a circle."""
        done: dict[str, int] = {}
        placed: list[str] = []
        circular: list[str] = []
        for root in self.defines:
            stack: list[tuple[str, Iterator[str]]] = []
            if root not in done:
                stack.append((root, iter(self.uses[root])))
                done[root] = 1
            while stack:
                id, rest = stack[-1]
                following = next(rest, None)
                if following is None:
                    stack.pop()
                    done[id] = 2
                    placed.append(id)
                elif following not in done:
                    done[following] = 1
                    stack.append((following, iter(self.uses[following])))
                elif done[following] == 1:
                    names = [entry[0] for entry in stack]
                    circular += names[names.index(following) :]
        return tuple(placed), tuple(dict.fromkeys(circular))

    @cached_property
    def computed(self) -> frozenset[str]:
        """Definitions that use `round`, `ln`, `exp`, `sqrt` or `power` themselves."""
        return frozenset(
            id
            for id, made in self.defines.items()
            if any(isinstance(node, tree.Call) and node.function in COMPUTED for p in made.parts for node in nodes(p))
        )

    @cached_property
    def with_history(self) -> frozenset[str]:
        """Definitions that use a time feature or a latch, themselves or through others."""
        found: set[str] = set()
        for id in self.order[0]:
            made = self.defines[id]
            own = made.latch is not None or any(
                isinstance(node, tree.TimeFeature | tree.Persists) for part in made.parts for node in nodes(part)
            )
            if own or any(name in found for name in self.uses[id]):
                found.add(id)
        return frozenset(found)

    @cached_property
    def extent(self) -> Mapping[str, tuple[int, int]]:
        """Size and depth of each definition with the definitions it uses written out."""
        found: dict[str, tuple[int, int]] = {}
        for id in self.order[0]:
            found[id] = self._extent(self.defines[id].parts, found)
        return found

    def _extent(self, parts: Iterable[tree.Expr], known: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
        size, depth = 0, 0
        for part in parts:
            for node, level in nodes_and_levels(part):
                more = known.get(node.id, (1, 1)) if isinstance(node, tree.Name) and node.id in self.defines else (1, 1)
                size, depth = min(size + more[0], 10**9), max(depth, level + more[1])
        return size, depth

    def extent_of(self, expr: tree.Expr) -> tuple[int, int]:
        return self._extent((expr,), self.extent)

    # -------- what expressions speak of

    def elements_of(self, expr: tree.Expr) -> tuple[str, ...]:
        """The data an expression depends on, definitions followed, in order of mention."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting: list[tree.Expr] = [expr]
        while waiting:
            for node in nodes(waiting.pop(0)):
                if not isinstance(node, tree.Name):
                    continue
                kind = self.kind_of(node.id)
                if kind == "element":
                    found[node.id] = None
                elif kind == "define" and node.id not in seen:
                    seen.add(node.id)
                    waiting += self.defines[node.id].parts
        return tuple(found)

    # -------- compiled records

    def element_record(self, id: str) -> program.Element:
        from kb.expression import records

        return records.element_record(self, self.elements[id])

    def drug_record(self, id: str) -> program.Drug:
        from kb.expression import records

        return records.drug_record(self, self.drugs[id])

    def parameter_record(self, parameter: Any) -> program.Parameter:
        from kb.expression import records

        return records.parameter_record(self, parameter)


# ---------------------------------------------------------------- walking a tree


def children(node: tree.Expr) -> tuple[tree.Expr, ...]:
    """The direct parts of a node, those of its window included; names of events are parts too."""
    match node:
        case tree.Truth() | tree.Number() | tree.Name():
            return ()
        case tree.Compare(_, left, right) | tree.Implies(left, right) | tree.Arithmetic(_, left, right):
            return (left, right)
        case tree.Between(value, low, high):
            return (value, low, high)
        case tree.Is(value):
            return (value,)
        case tree.And(items) | tree.Or(items) | tree.AtLeast(_, items):
            return items
        case tree.Not(item) | tree.Negate(item):
            return (item,)
        case tree.Call(_, arguments):
            return arguments
        case tree.TimeFeature(_, of, window):
            return (of, *window_parts(window))
        case tree.Persists(condition, duration, after):
            return (condition, duration, after)
        case tree.OfAdvice():
            return ()  # its step is no value


def window_parts(window: tree.Window | None) -> tuple[tree.Expr, ...]:
    match window:
        case tree.SinceEvent(event):
            return (event,)
        case tree.InLast(duration):
            return (duration,)
        case _:
            return ()


def nodes(expr: tree.Expr) -> Iterator[tree.Expr]:
    """`expr` and every part of it, from left to right."""
    waiting = [expr]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children(node)))


def nodes_and_levels(expr: tree.Expr) -> Iterator[tuple[tree.Expr, int]]:
    waiting = [(expr, 0)]
    while waiting:
        node, level = waiting.pop()
        yield node, level
        waiting.extend((child, level + 1) for child in children(node))
