"""Programs as JSON and back, by `schema/program.schema.json`.

Records are objects with their fields, defaults left out; expressions are arrays `["and", …]`; scaled integers are
decimal strings. What is read is hostile until it is checked: every problem names its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kb import program as records
from kb.program import (
    FALSE,
    SCHEMA,
    Absolute,
    Add,
    All,
    Any_,
    AtLeast,
    Cases,
    Compare,
    Const,
    Divide,
    Expr,
    Function,
    Get,
    Greatest,
    Known,
    Least,
    Member,
    Multiply,
    Not,
    Program,
    Slot,
    Step,
    Subtract,
    Sure,
    Value,
)
from kb.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any, TypeAlias


# ---------------------------------------------------------------- JSON

_OPERATORS: dict[type, str] = {
    Const: "const",
    Get: "get",
    Known: "known",
    Sure: "sure",
    All: "and",
    Any_: "or",
    Not: "not",
    AtLeast: "at_least",
    Compare: "compare",
    Member: "member",
    Cases: "cases",
    Add: "add",
    Subtract: "subtract",
    Multiply: "multiply",
    Least: "least",
    Greatest: "greatest",
    Absolute: "absolute",
    Divide: "divide",
    Function: "function",
}

MAJOR = SCHEMA.partition(".")[0]
DEEPEST = 200
"""How deep expressions and records may nest; everything that walks them recurses."""

_LONGEST = 100
_REQUIRED: Any = ("required",)

_CLASSES: dict[str, type] = {name: kind for kind, name in _OPERATORS.items()}
_KINDS_OF_SLOT = frozenset(
    ("element", "unobtainable", "rate", "parameter", "feature", "now", "computed", "define", "order")
)
_KINDS_OF_STEP = frozenset(("decide", "do", "hand_over", "end"))
_TYPES = {"boolean": "boolean", "number": "number", "choice": "choice", "date-time": "number"}
_ORDERINGS = frozenset(("<", "<=", ">=", ">"))
_COMPARISONS = _ORDERINGS | {"=", "!="}
_FUNCTIONS = {"round": 2, "power": 2, "ln": 1, "exp": 1, "sqrt": 1}

# What an integer field holds where it is not a scaled number: a slot, a step, or a plain count.
_INTEGERS: dict[str, str] = {
    "Dose.weight": "slot",
    "Repeat.since": "slot",
    "Repeat.count": "slot",
    "Cap.total": "slot",
    "Program.weight": "slot",
    "Step.if_unknown": "step",
    "Step.with_": "step",
    "Step.then": "step",
    "Case.targets": "step",
    "Program.starts": "step",
    "Element.valence": "plain",
    "Unit.dimension": "plain",
}
# The type an expression field must have; all others are numbers.
_EXPECTED = dict.fromkeys(("when", "satisfied", "condition", "clear", "applies", "enter", "target"), "boolean") | {
    "status": "status",
    "expr": "any",
}


class ProgramError(ValueError):
    """JSON that is not a Program. `place` is the way to the fault, `problem` says what it is."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.problem, self.place = problem, place

    def within(self, key: str | int) -> ProgramError:
        """The same problem, seen from one level further out."""
        part = f"[{key}]" if isinstance(key, int) else key
        dot = "." if self.place and not self.place.startswith("[") else ""
        return ProgramError(self.problem, f"{part}{dot}{self.place}")


class _Reading:
    """What has been read so far: the type of each slot; and how many steps there are to be."""

    __slots__ = ("depth", "found", "slots", "steps")

    def __init__(self, steps: int) -> None:
        self.slots: list[str] = []
        self.steps = steps
        self.depth = 0
        self.found = ""  # the type of the expression read last


_Decode: TypeAlias = "Callable[[Any, _Reading], Any]"
_Encode: TypeAlias = "Callable[[Any], Any]"


class _Field(NamedTuple):
    name: str
    key: str
    default: Any
    encode: _Encode
    decode: _Decode


_layouts: dict[type, tuple[_Field, ...]] = {}


def program_to_json(program: Program) -> dict[str, Any]:
    """Plain data for `json.dumps`: records are objects without the fields that have their default."""
    return _encode_record(program)


def program_file(program: Program) -> dict[str, Any]:
    """What a file of `kb compile` holds: the Program and a checksum over it. It claims no review: it is a draft."""
    data = program_to_json(program._replace(state="draft", standing=records.Standing()))
    return {**data, "checksum": checksum(data)}


def checksum(data: Mapping[str, Any]) -> str:
    """CRC-32 over the canonical JSON of a Program, its own checksum left out.

    It tells that a file was changed; it is no signature, and whoever changes a file on purpose can renew it.
    """
    import json
    from zlib import crc32

    kept = {key: value for key, value in data.items() if key != "checksum"}
    return f"{crc32(json.dumps(kept, sort_keys=True, separators=(',', ':')).encode('ascii')):08x}"


def program_from_json(data: object) -> Program:
    """The Program in `data`, as `json.loads` gives it.

    Raises:
        ProgramError: `data` is not a Program of this schema. Nothing is ignored: a field this
            version does not know may change what the Program means.

    """
    if type(data) is not dict:
        raise ProgramError("a Program is an object")
    schema = data.get("schema")
    if type(schema) is not str or schema.partition(".")[0] != MAJOR:
        raise ProgramError(f"schema {_shown(schema)} cannot be read; this version reads {MAJOR}.x", "schema")
    steps = data.get("steps")
    program: Program = _decode_record(Program, data, _Reading(len(steps) if type(steps) is list else 0))
    _check_graph(program)
    return program


# -------- values


def value_to_json(value: Value) -> Any:
    """Truth values as they are, integers as decimal strings, options as `["option", name]`."""
    if value is None or isinstance(value, bool):
        return value
    return str(value) if isinstance(value, int) else ["option", value]


def _value(raw: Any, reading: _Reading) -> bool | int | str:
    if raw is True or raw is False:
        return bool(raw)
    if type(raw) is list and len(raw) == 2 and raw[0] == "option" and type(raw[1]) is str:
        return raw[1]
    return _scaled(raw, reading)


def _scaled(raw: Any, reading: _Reading) -> int:
    if (
        type(raw) is str
        and len(raw) <= _LONGEST
        and raw.isascii()
        and (raw.isdigit() or (raw[:1] == "-" and raw[1:].isdigit()))
    ):
        number = int(raw)
        if str(number) == raw:
            return number
    raise ProgramError(f"{_shown(raw)} is not an integer in a string")


def _plain(raw: Any, reading: _Reading) -> int:
    if type(raw) is int and abs(raw) < 10**6:
        return raw
    raise ProgramError(f"{_shown(raw)} is not a small integer")


def _slot(raw: Any, reading: _Reading) -> int:
    if type(raw) is int and 0 <= raw < len(reading.slots):
        return raw
    raise ProgramError(f"{_shown(raw)} is not an earlier slot; there are {len(reading.slots)}")


def _step(raw: Any, reading: _Reading) -> int:
    if type(raw) is int and 0 <= raw < reading.steps:
        return raw
    raise ProgramError(f"{_shown(raw)} is not a step; there are {reading.steps}")


def _text(raw: Any, reading: _Reading) -> str:
    if type(raw) is str:
        return raw
    raise ProgramError(f"{_shown(raw)} is not a string")


def _flag(raw: Any, reading: _Reading) -> bool:
    if type(raw) is bool:
        return raw
    raise ProgramError(f"{_shown(raw)} is not true or false")


def _shown(raw: object) -> str:
    if raw is None:
        return "nothing"
    if isinstance(raw, (list, dict)):
        return "a list" if isinstance(raw, list) else "an object"
    if isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) >= 10**40:
        return "a very large number"
    text = repr(raw)
    return f"`{text[:40]}…`" if len(text) > 41 else f"`{text}`"


# -------- expressions


def expr_to_json(expr: Expr) -> list[Any]:
    """An expression as a list: the operator, then its parts."""
    match expr:
        case Const(value):
            return ["const", value_to_json(value)] if isinstance(value, (bool, int)) else ["option", value]
        case Get(slot):
            return ["get", slot]
        case AtLeast(count, items):
            return ["at_least", count, *map(expr_to_json, items)]
        case All(items) | Any_(items) | Least(items) | Greatest(items):
            return [_OPERATORS[type(expr)], *map(expr_to_json, items)]
        case Compare(op, left, right):
            return ["compare", op, expr_to_json(left), expr_to_json(right)]
        case Member(item, options):
            return ["member", expr_to_json(item), [value_to_json(option) for option in options]]
        case Cases(cases):
            return ["cases", *([expr_to_json(when), expr_to_json(value)] for when, value in cases)]
        case Function(name, arguments):
            return ["function", name, *map(expr_to_json, arguments)]
        case Known(item) | Sure(item) | Not(item) | Absolute(item):
            return [_OPERATORS[type(expr)], expr_to_json(item)]
        case Add(left, right) | Subtract(left, right) | Multiply(left, right) | Divide(left, right):
            return [_OPERATORS[type(expr)], expr_to_json(left), expr_to_json(right)]


def _typed(raw: Any, reading: _Reading, expected: str) -> Expr:
    """The expression in `raw`, which must have the type `expected` (or any)."""
    expr, found = _expr(raw, reading)
    reading.found = found
    if found != expected and expected != "any":
        raise ProgramError(f"this is a {found} where a {expected} is needed")
    return expr


def _expr(raw: Any, reading: _Reading) -> tuple[Expr, str]:
    """The expression in `raw` and its type: boolean, number or choice."""
    if type(raw) is not list or not raw or type(raw[0]) is not str:
        raise ProgramError(f"{_shown(raw)} is not an expression")
    op, size = raw[0], len(raw)
    if op == "get":
        _has(size == 2)
        slot = _slot(raw[1], reading)
        return Get(slot), reading.slots[slot]
    if op == "const" or op == "option":
        _has(size == 2)
        value = _text(raw[1], reading) if op == "option" else _value(raw[1], reading)
        if type(value) is str:
            _has(op == "option")
            return Const(value), "choice"
        return Const(value), "boolean" if type(value) is bool else "number"
    reading.depth += 1
    if reading.depth > DEEPEST:
        raise ProgramError(f"nested deeper than {DEEPEST}")
    made = _operator(op, raw, size, reading)
    reading.depth -= 1
    return made


def _operator(op: str, raw: list[Any], size: int, reading: _Reading) -> tuple[Expr, str]:
    if op == "compare":
        _has(size == 4 and type(raw[1]) is str and raw[1] in _COMPARISONS)
        left, type_left = _part(raw, 2, reading)
        right, type_right = _part(raw, 3, reading)
        if type_left != type_right or (raw[1] in _ORDERINGS and type_left != "number"):
            raise ProgramError(f"a {type_left} and a {type_right} cannot be compared by `{raw[1]}`")
        return Compare(raw[1], left, right), "boolean"
    if op == "and":
        return All(_parts(raw, 1, reading, "boolean")), "boolean"
    if op == "or":
        return Any_(_parts(raw, 1, reading, "boolean")), "boolean"
    if op == "not":
        _has(size == 2)
        return Not(_of(raw, 1, reading, "boolean")), "boolean"
    if op == "known":
        _has(size == 2)
        return Known(_part(raw, 1, reading)[0]), "boolean"
    if op == "sure":
        _has(size == 2)
        return Sure(_of(raw, 1, reading, "boolean")), "boolean"
    if op == "member":
        _has(size == 3 and type(raw[2]) is list)
        item, found = _part(raw, 1, reading)
        options = tuple([_value(option, reading) for option in raw[2]])
        if any(_type_of(option) != found for option in options):
            raise ProgramError(f"not every option is a {found}", "[2]")
        return Member(item, options), "boolean"
    if op == "cases":
        return _cases(raw, reading)
    if op == "at_least":
        _has(size >= 2)
        return AtLeast(_plain(raw[1], reading), _parts(raw, 2, reading, "boolean")), "boolean"
    if op in ("add", "subtract", "multiply", "divide"):
        _has(size == 3)
        return _CLASSES[op](_of(raw, 1, reading, "number"), _of(raw, 2, reading, "number")), "number"
    if op in ("least", "greatest"):
        _has(size >= 2)
        return _CLASSES[op](_parts(raw, 1, reading, "number")), "number"
    if op == "absolute":
        _has(size == 2)
        return Absolute(_of(raw, 1, reading, "number")), "number"
    if op == "function":
        _has(size >= 2 and type(raw[1]) is str and size == 2 + _FUNCTIONS.get(raw[1], -1))
        return Function(raw[1], _parts(raw, 2, reading, "number")), "number"
    raise ProgramError(f"unknown operator {_shown(op)}")


def _cases(raw: list[Any], reading: _Reading) -> tuple[Expr, str]:
    made, kinds = [], set()
    for index in range(1, len(raw)):
        pair = raw[index]
        try:
            _has(type(pair) is list and len(pair) == 2)
            when = _of(pair, 0, reading, "boolean")
            value, found = _part(pair, 1, reading)
        except ProgramError as error:
            raise error.within(index) from None
        made.append((when, value))
        kinds.add(found)
    if len(kinds) != 1:
        raise ProgramError("the values of cases are of one type, and there is at least one")
    last = made[-1][0]
    if type(last) is not Const or last.value is not True:
        raise ProgramError("the last case always holds")
    return Cases(tuple(made)), kinds.pop()


def _has(shape: bool) -> None:
    if not shape:
        raise ProgramError("the parts of this operator are not as they must be")


def _part(raw: list[Any], index: int, reading: _Reading) -> tuple[Expr, str]:
    try:
        return _expr(raw[index], reading)
    except ProgramError as error:
        raise error.within(index) from None


def _of(raw: list[Any], index: int, reading: _Reading, expected: str) -> Expr:
    expr, found = _part(raw, index, reading)
    if found != expected:
        raise ProgramError(f"this is a {found} where a {expected} is needed", f"[{index}]")
    return expr


def _parts(raw: list[Any], start: int, reading: _Reading, expected: str) -> tuple[Expr, ...]:
    return tuple([_of(raw, index, reading, expected) for index in range(start, len(raw))])


def _type_of(value: bool | int | str) -> str:
    return "boolean" if type(value) is bool else "number" if type(value) is int else "choice"


# -------- records


def fields_of(record: type) -> tuple[tuple[str, str], ...]:
    """Names and declared types of a record's fields, types as they are spelt in this file."""
    return tuple((name, str(getattr(kind, "__forward_arg__", kind))) for name, kind in record.__annotations__.items())


def encoded_fields(record: Any) -> list[tuple[str, Any, Callable[[Any], Any]]]:
    """Name, value and JSON encoder of each field that has not its default."""
    return [
        (field.name, value, field.encode)
        for field, value in zip(_layout(type(record)), record, strict=True)
        if not _same(value, field.default)
    ]


def _encode_record(record: Any) -> dict[str, Any]:
    return {name.rstrip("_"): encode(value) for name, value, encode in encoded_fields(record)}


def _same(value: Any, default: Any) -> bool:
    """Equal and of equal types: as tuples `Get(0)`, `Const(0)` and `Const(False)` are all equal."""
    return type(value) is type(default) and value == default and (type(value) is not Const or value[0] is default[0])


def _decode_record(record: type, raw: Any, reading: _Reading) -> Any:
    if type(raw) is not dict:
        raise ProgramError(f"{_shown(raw)} is not an object")
    values: list[Any] = []
    found = 0
    reading.depth += 1
    if reading.depth > DEEPEST:
        raise ProgramError(f"nested deeper than {DEEPEST}")
    layout = _layouts.get(record) or _layout(record)
    for _, key, default, _, decode in layout:
        if key in raw:
            found += 1
            try:
                values.append(decode(raw[key], reading))
            except ProgramError as error:
                raise error.within(key) from None
        elif default is _REQUIRED:
            raise ProgramError(f"`{key}` is missing")
        else:
            values.append(default)
    if found != len(raw):
        known = {field.key for field in layout}
        raise ProgramError(f"unknown field {_shown(next(key for key in raw if key not in known))}")
    reading.depth -= 1
    return tuple.__new__(record, values)


def _decode_slot(raw: Any, reading: _Reading) -> Slot:
    """A slot; what it needs must stand before it, and it counts from here on."""
    slot: Slot = _decode_record(Slot, raw, reading)
    if slot.type not in _TYPES:
        raise ProgramError(f"unknown type {_shown(slot.type)}", "type")
    if slot.kind not in _KINDS_OF_SLOT:
        raise ProgramError(f"unknown kind {_shown(slot.kind)}", "kind")
    if (slot.expr is not None) != (slot.kind in ("define", "computed")):
        raise ProgramError("a define or computed slot has an expression, others have none", "expr")
    if (slot.feature is not None) != (slot.kind == "feature"):
        raise ProgramError("a feature slot says which, others have none", "feature")
    if slot.expr is not None and reading.found != _TYPES[slot.type]:
        raise ProgramError(f"its expression is not a {slot.type}", "expr")
    reading.slots.append(_TYPES[slot.type])
    return slot


def _layout(record: type) -> tuple[_Field, ...]:
    layout = _layouts.get(record)
    if layout is None:
        defaults = record._field_defaults  # type: ignore[attr-defined]
        layout = _layouts[record] = tuple(
            _Field(
                name,
                name.rstrip("_"),
                defaults.get(name, None if kind.endswith(" | None") else _REQUIRED),
                *_codec(record.__name__, name, kind),
            )
            for name, kind in fields_of(record)
        )
    return layout


def _codec(record: str, name: str, kind: str) -> tuple[_Encode, _Decode]:
    """How to write and read a field, by its declared type."""
    if kind.endswith(" | None"):  # None is always left out
        kind = kind[: -len(" | None")]
    if kind.startswith("tuple[") and kind.endswith(", ...]"):
        return _codec_of_list(*_codec(record, name, kind[6:-6]))
    if kind in ("tuple[str, str]", "tuple[str, int]"):
        return list, _codec_of_pair(_text, _text if kind == "tuple[str, str]" else _plain)
    if kind == "str":
        return _itself, _text
    if kind == "bool":
        return _itself, _flag
    if kind == "int":
        held = _INTEGERS.get(f"{record}.{name}")
        return (_itself, {"slot": _slot, "step": _step, "plain": _plain}[held]) if held else (str, _scaled)
    if kind == "Value":
        return value_to_json, _value
    if kind == "Expr":
        return expr_to_json, _codec_of_expr(_EXPECTED.get(name, "number"))
    made: type = getattr(records, kind)
    if made is Slot:
        return _encode_record, _decode_slot
    return _encode_record, lambda raw, reading: _decode_record(made, raw, reading)


def _itself(value: Any) -> Any:
    return value


def _codec_of_list(encode: _Encode, decode: _Decode) -> tuple[_Encode, _Decode]:
    def decode_all(raw: Any, reading: _Reading) -> tuple[Any, ...]:
        if type(raw) is not list:
            raise ProgramError(f"{_shown(raw)} is not a list")
        values: list[Any] = []
        try:
            for item in raw:
                values.append(decode(item, reading))  # not a comprehension: the index of a fault is this length
        except ProgramError as error:
            raise error.within(len(values)) from None
        return tuple(values)

    return (lambda values: [encode(value) for value in values]), decode_all


def _codec_of_pair(first: _Decode, second: _Decode) -> _Decode:
    def decode_pair(raw: Any, reading: _Reading) -> tuple[Any, Any]:
        if type(raw) is not list or len(raw) != 2:
            raise ProgramError(f"{_shown(raw)} is not a pair")
        return first(raw[0], reading), second(raw[1], reading)

    return decode_pair


def _codec_of_expr(expected: str) -> _Decode:
    def decode_expr(raw: Any, reading: _Reading) -> Expr:
        return _typed(raw, reading, expected)

    def decode_status(raw: Any, reading: _Reading) -> Expr:
        expr, found = _expr(raw, reading)
        if found != "choice" and not _same(expr, FALSE):
            raise ProgramError("a status is a choice")
        return expr

    return decode_status if expected == "status" else decode_expr


def targets_of(step: Step) -> tuple[int, ...]:
    """Every step that `step` can lead to."""
    found = [target for case in step.cases for target in case.targets]
    found += step.with_
    found += step.then
    if step.if_unknown is not None:
        found.append(step.if_unknown)
    return tuple(found)


def _check_graph(program: Program) -> None:
    """What single records cannot see: names are unique, and every step stands after those that lead to it."""
    if not program.starts:
        raise ProgramError("there is none", "starts")
    for name, names in (
        ("slots", [slot.name for slot in program.slots]),
        ("steps", [step.id for step in program.steps]),
    ):
        if len(set(names)) != len(names):
            again = next(index for index, item in enumerate(names) if item in names[:index])
            raise ProgramError(f"{_shown(names[again])} stands twice", f"{name}[{again}]")
    for index, step in enumerate(program.steps):
        place = f"steps[{index}]"
        if step.kind not in _KINDS_OF_STEP:
            raise ProgramError(f"unknown kind {_shown(step.kind)}", f"{place}.kind")
        if (step.kind == "decide") != bool(step.cases) or (step.kind != "decide" and step.if_unknown is not None):
            raise ProgramError("a decide has cases, others have none", place)
        if (step.kind == "do") != (step.action is not None) or (step.kind != "do" and (step.with_ or step.then)):
            raise ProgramError("a do has an action, others lead on by cases or not at all", place)
        if step.kind == "do" and type(step.status) is Const and type(step.status.value) is bool:
            raise ProgramError("a do has a status", place)
        for target in targets_of(step):
            if target <= index:
                raise ProgramError(f"leads to steps[{target}], which does not stand after it", place)
