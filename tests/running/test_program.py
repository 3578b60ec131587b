"""A Program as JSON, what is refused as one, and its two digests."""

from __future__ import annotations

import contextlib
import copy
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb import program as records
from kb.codec import DEEPEST, ProgramError, expr_to_json, fields_of, program_from_json, program_to_json
from kb.digest import FIELDS, digests, with_digests
from kb.program import (
    SCALE,
    TRUE,
    Action,
    AlertRule,
    All,
    Any_,
    AtLeast,
    Avoid,
    Cap,
    Case,
    Cases,
    Compare,
    Const,
    Delivery,
    Divide,
    Dose,
    Drug,
    Element,
    Elsewhere,
    Event,
    Expr,
    Feature,
    Function,
    Get,
    Goal,
    Interpretation,
    Known,
    Least,
    Limit,
    Member,
    Not,
    Option,
    Parameter,
    Program,
    Reference,
    Repeat,
    Review,
    Rule,
    Signed,
    Slot,
    Source,
    Standing,
    Statement,
    Step,
    Sure,
    Unit,
    Window,
)
from tests.running.programs import decide, do, element, end, make_program, number, programs
from tests.sampling import examples

EPISODE = Window("episode")
SINCE_DRUG = Feature("since", of=Event("drug", "vasopressin"))


def full_program() -> Program:
    """A Program in which every record, and every field of every record, has a value of its own."""
    cites, interprets = ("S01",), ("A01",)
    persists = Feature(
        "persists",
        of=Event("drug", "vasopressin"),
        window=Window("last", Event("step", "ask"), number(60)),
        condition=Get(0),
        clear=Not(Get(0)),
        duration=number(900),
        after=Event("drug", "vasopressin"),
    )
    slots = (
        element("low"),
        Slot("pulse", "element", "choice", "pulse", "", "Pulse", None, None, ("present", "absent"), cites, interprets),
        Slot("weight", "element", "number", "weight", "kg"),
        Slot("since(vasopressin)", "feature", "number", "vasopressin", "s", feature=SINCE_DRUG),
        Slot("count(vasopressin)", "feature", "number", "vasopressin", "1", feature=SINCE_DRUG),
        Slot("persists(low)", "feature", "boolean", "vasopressin", feature=persists),
        Slot("half", "define", "number", "half", "kg", expr=Divide(Get(2), number(2))),
        Slot("root", "computed", "number", "root", "1", expr=Function("sqrt", (Get(2),))),
    )
    avoid = Avoid(Get(0), "low", "it is low", "done", cites, interprets)
    dose = Dose(number(3), number(4), number(5), "units/min", "3 to 4 units/min", 2)
    action = Action(
        verb="infuse",
        drug="vasopressin",
        of="vasopressin",
        dose=dose,
        each=number(1),
        each_text="1 unit",
        over="10 min",
        route="iv",
        salt="base",
        concentration="1 units/mL",
        intent="salvage",
        line="second",
        subject=("low",),
        options=(
            Option("other", "Another", Action("perform", of="x"), Get(0), (avoid,), (avoid, avoid), cites, interprets),
        ),
        ladder=(1 * SCALE, 2 * SCALE),
    )
    repeat = Repeat(number(180), number(300), number(3), EPISODE, 3, 4, "every 3 to 5 min")
    steps = (
        Step(
            "ask",
            "decide",
            "Low?",
            (Case(Get(0), (1,), "low", "Yes", cites, interprets), Case(TRUE, (2,))),
            if_unknown=2,
            note="A note",
            priority="stat",
            strength="strong",
            certainty="high",
            decide_by="senior",
            cites=cites,
            interprets=interprets,
        ),
        Step(
            "act",
            "do",
            "Infuse",
            with_=(2,),
            then=(2,),
            satisfied=Get(0),
            status=Cases(((Get(0), Const("satisfied")), (TRUE, Const("due")))),
            action=action,
            avoid=(avoid,),
            review=Review(number(900), ("low",), "15 min"),
            repeat=repeat,
            part_of="other",
        ),
        Step("done", "hand_over", "Over", hand_over="arrest@0"),
    )
    return make_program(slots, steps)._replace(
        state="draft",
        standing=Standing(
            (Signed("ada-king", "Ada King", "pharmacist", "2026-02-01", "unsigned"),), ("lead",), "2027-02-01", "new"
        ),
        withdrawn="an error",
        logic_digest="x",
        text_digest="y",
        applies=Get(0),
        applies_text="low",
        enter=Get(0),
        enter_text="low",
        weight=2,
        rules=(Rule("r", ("vasopressin",), Get(0), "low", "because", "drug", "act", cites, interprets),),
        caps=(Cap("c", ("vasopressin",), number(1), "units", 4, EPISODE, "1 unit", cites, interprets),),
        goals=(Goal("g", "Goal", Get(0), "low", cites, interprets),),
        alerts=(AlertRule("a", "warning", Get(0), "low", "Low", cites, interprets),),
        elements=(
            Element(
                "low", "Low", "number", "kg", ("x",), -1, 2 * SCALE, 3 * SCALE, "Low?", True, "180.16 g/mol", 1,
                "actual", (("loinc", "1"),), "source", "pharmacist",
            ),
        ),
        drugs=(
            Drug(
                "vasopressin", "Vasopressin", ("AVP",), ("vasopressor",), "units/min", "units", (("base", "1/1"),),
                SCALE, True, (Limit("rate", "iv", 1, 2, 3, 4, "s", "c"),), (Delivery("rate", 1, "down", "s", "c"),),
                "10", ("iv",), (("atc", "H01BA01"),), "source", "pharmacist",
            ),
        ),
        units=(Unit("mcg", "ug", "1/1000000", (("mass", 1),), "273.15"),),
        parameters=(Parameter("p", "P", "choice", "min", ("us", "uk"), 1, 2, "uk", cites, interprets),),
        interpretations=(Interpretation("A01", cites, "reading", ("rejected",), "because", "pharmacist", "disputed"),),
        statements=(Statement("S01", "says", "act", ("R1",), "direct", "wording", "label"),),
        not_encoded=(("S02", "why"),),
        references=(Reference("R1", "T", "guideline", "P", "2020", "primary", "doi", "2026"),),
        source=Source("T", "P", "2020", "B", ("C",), "D"),
        elsewhere=(
            Elsewhere(
                "N01", ("R1",), "topic", "vasopressin", "rate", "0.01 units/min", "says", cites, "agrees", "because",
                False, True, ("act",), ("r",), ("g",),
            ),
        ),
    )  # fmt: skip


def as_json(program: Program) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(program_to_json(program)))
    return made


def test_a_program_survives_the_way_through_json() -> None:
    data = as_json(full_program())
    assert as_json(program_from_json(data)) == data
    assert repr(program_from_json(data)) == repr(full_program())


@settings(max_examples=examples(100, one_in=3), deadline=None)
@given(programs())
def test_random_programs_survive_the_way_through_json(program: Program) -> None:
    assert repr(program_from_json(as_json(program))) == repr(program)


@pytest.mark.parametrize(
    ("expr", "data"),
    [
        (Const(True), ["const", True]),
        (Const(6500000000), ["const", "6500000000"]),
        (Const("present"), ["option", "present"]),
        (Member(Get(1), ("present",)), ["member", ["get", 1], [["option", "present"]]]),
        (Member(Get(2), (-1,)), ["member", ["get", 2], ["-1"]]),
        (All((Get(0), Not(Get(0)))), ["and", ["get", 0], ["not", ["get", 0]]]),
        (Any_(()), ["or"]),
        (AtLeast(2, (Get(0),)), ["at_least", 2, ["get", 0]]),
        (Compare("!=", Get(2), Const(0)), ["compare", "!=", ["get", 2], ["const", "0"]]),
        (Cases(((TRUE, Get(2)),)), ["cases", [["const", True], ["get", 2]]]),
        (Known(Sure(Get(0))), ["known", ["sure", ["get", 0]]]),
        (Least((Get(2), Const(1))), ["least", ["get", 2], ["const", "1"]]),
        (Function("round", (Get(2), Const(1))), ["function", "round", ["get", 2], ["const", "1"]]),
    ],
)
def test_expressions_are_lists(expr: Expr, data: list[Any]) -> None:
    assert expr_to_json(expr) == data


def test_fields_that_have_their_default_are_left_out_and_names_are_plain() -> None:
    step = as_json(make_program([element("a")], [do("x", with_=(1,)), end("y")]))["steps"]
    assert step[0] == {
        "id": "x",
        "kind": "do",
        "title": "x",
        "with": [1],
        "status": ["option", "due"],
        "action": {"verb": "perform", "of": "x"},
    }
    assert step[1] == {"id": "y", "kind": "end", "title": "y"}


def test_tuples_that_only_look_like_a_default_are_kept() -> None:
    step = do("x", satisfied=Get(0))
    assert step.satisfied == Const(False)  # a named tuple equals any tuple of equal parts
    assert as_json(make_program([element("a")], [step]))["steps"][0]["satisfied"] == ["get", 0]


# ---------------------------------------------------------------- refused


def at(*way: str | int) -> Callable[[Any, Any], None]:
    """Put a value at the end of `way` into the JSON."""

    def put(data: Any, value: Any) -> None:
        for key in way[:-1]:
            data = data[key]
        data[way[-1]] = value

    return put


WHEN = at("steps", 0, "cases", 0, "when")
PLACE = "steps[0].cases[0].when"


BROKEN: list[tuple[Callable[[Any, Any], None], Any, str, str]] = [
    (at("schema"), "2.0.0", "schema", "cannot be read"),
    (at("schema"), None, "schema", "cannot be read"),
    (at("schema"), 1, "schema", "cannot be read"),
    (at("surprise"), 1, "", "unknown field `'surprise'`"),
    (at("title"), 3, "title", "is not a string"),
    (at("slots"), {}, "slots", "an object is not a list"),
    (at("slots", 0, "kind"), "magic", "slots[0].kind", "unknown kind"),
    (at("slots", 0, "type"), "text", "slots[0].type", "unknown type"),
    (at("slots", 0, "name"), "pulse", "slots[1]", "stands twice"),
    (at("slots", 6, "expr"), ["get", 6], "slots[6].expr", "is not an earlier slot"),
    (at("slots", 6, "expr"), ["get", 7], "slots[6].expr", "is not an earlier slot"),
    (at("slots", 6, "expr"), ["get", 0], "slots[6].expr", "is not a number"),
    (at("slots", 0, "expr"), ["get", 0], "slots[0].expr", "not an earlier slot"),
    (at("slots", 2, "feature"), {"function": "since"}, "slots[2].feature", "others have none"),
    (at("slots", 5, "feature", "condition"), ["get", 9], "slots[5].feature.condition", "not an earlier slot"),
    (WHEN, ["get", 8], PLACE, "not an earlier slot; there are 8"),
    (WHEN, ["get", -1], PLACE, "not an earlier slot"),
    (WHEN, ["get", True], PLACE, "not an earlier slot"),
    (WHEN, ["get", 0.0], PLACE, "not an earlier slot"),
    (WHEN, ["get"], PLACE, "parts of this operator"),
    (WHEN, ["get", 2], PLACE, "a number where a boolean is needed"),
    (WHEN, ["eval", "1"], PLACE, "unknown operator `'eval'`"),
    (WHEN, "low", PLACE, "is not an expression"),
    (WHEN, [], PLACE, "is not an expression"),
    (WHEN, [["get", 0]], PLACE, "is not an expression"),
    (WHEN, ["not", ["and", ["get", 0], ["get", 99]]], PLACE + "[1][2]", "not an earlier slot"),
    (WHEN, ["compare", "<", ["get", 1], ["option", "x"]], PLACE, "cannot be compared"),
    (WHEN, ["compare", "=", ["get", 1], ["const", "1"]], PLACE, "a choice and a number cannot be compared"),
    (WHEN, ["compare", "~", ["get", 2], ["const", "1"]], PLACE, "parts of this operator"),
    (WHEN, ["compare", ["<"], ["get", 2], ["const", "1"]], PLACE, "parts of this operator"),
    (WHEN, ["compare", "<", ["get", 2], ["const", 1]], PLACE + "[3]", "is not an integer in a string"),
    (WHEN, ["compare", "<", ["get", 2], ["const", "1.0"]], PLACE + "[3]", "is not an integer in a string"),
    (WHEN, ["compare", "<", ["get", 2], ["const", "01"]], PLACE + "[3]", "is not an integer in a string"),
    (WHEN, ["compare", "<", ["get", 2], ["const", "-0"]], PLACE + "[3]", "is not an integer in a string"),
    (WHEN, ["compare", "<", ["get", 2], ["const", "x1"]], PLACE + "[3]", "is not an integer in a string"),
    (WHEN, ["compare", "<", ["get", 2], ["const", ""]], PLACE + "[3]", "is not an integer in a string"),
    (WHEN, ["compare", "<", ["get", 2], ["const", "-"]], PLACE + "[3]", "is not an integer in a string"),
    (WHEN, ["compare", "<", ["get", 2], ["const", "٣"]], PLACE + "[3]", "is not an integer in a string"),
    (WHEN, ["compare", "<", ["get", 2], ["const", "9" * 5000]], PLACE + "[3]", "is not an integer in a string"),
    (WHEN, ["compare", "<", ["get", 2], ["const", None]], PLACE + "[3]", "is not an integer in a string"),
    (WHEN, ["member", ["get", 1], ["1"]], PLACE + "[2]", "not every option is a choice"),
    (WHEN, ["cases"], PLACE, "there is at least one"),
    (WHEN, ["cases", [["get", 0], ["get", 0]]], PLACE, "the last case always holds"),
    (WHEN, ["cases", [["const", True]]], PLACE + "[1]", "parts of this operator"),
    (WHEN, ["cases", [["get", 0], ["get", 2]], [["const", True], ["get", 0]]], PLACE, "of one type"),
    (WHEN, ["at_least", -1.5, ["get", 0]], PLACE, "not a small integer"),
    (WHEN, ["known", ["function", "exec", ["get", 2]]], PLACE + "[1]", "parts of this operator"),
    (WHEN, ["known", ["function", "ln"]], PLACE + "[1]", "parts of this operator"),
    (WHEN, ["known", ["least"]], PLACE + "[1]", "parts of this operator"),
    (at("starts"), [], "starts", "there is none"),
    (at("starts"), [3], "starts[0]", "is not a step; there are 3"),
    (at("steps", 0, "cases", 0, "targets"), [0], "steps[0]", "which does not stand after it"),
    (at("steps", 0, "cases", 0, "targets"), [7], "steps[0].cases[0].targets[0]", "is not a step"),
    (at("steps", 0, "if_unknown"), 0, "steps[0]", "does not stand after it"),
    (at("steps", 1, "then"), [1], "steps[1]", "does not stand after it"),
    (at("steps", 1, "with"), [0], "steps[1]", "does not stand after it"),
    (at("steps", 1, "id"), "ask", "steps[1]", "stands twice"),
    (at("steps", 1, "kind"), "dance", "steps[1].kind", "unknown kind"),
    (at("steps", 0, "kind"), "end", "steps[0]", "a decide has cases"),
    (at("steps", 2, "kind"), "do", "steps[2]", "a do has an action"),
    (at("steps", 1, "status"), ["get", 0], "steps[1].status", "a status is a choice"),
    (at("steps", 1, "status"), ["const", False], "steps[1]", "a do has a status"),
    (at("steps", 1, "action", "dose", "weight"), 8, "steps[1].action.dose.weight", "not an earlier slot"),
    (at("steps", 1, "action", "ladder"), [1], "steps[1].action.ladder[0]", "not an integer in a string"),
    (at("steps", 1, "repeat", "since"), "3", "steps[1].repeat.since", "not an earlier slot"),
    (at("elements", 0, "can_be_unobtainable"), 1, "elements[0].can_be_unobtainable", "not true or false"),
    (at("elements", 0, "codes"), [["loinc"]], "elements[0].codes[0]", "is not a pair"),
    (at("units", 0, "dimension"), [["mass", 10**9]], "units[0].dimension[0]", "not a small integer"),
    (at("parameters", 0, "default"), ["option", 1], "parameters[0].default", "not an integer in a string"),
    (at("source"), [], "source", "a list is not an object"),
]


@pytest.mark.parametrize(("put", "value", "place", "problem"), BROKEN)
def test_what_is_not_a_program_is_refused_by_place(
    put: Callable[[Any, Any], None], value: Any, place: str, problem: str
) -> None:
    data = as_json(full_program())
    put(data, value)
    with pytest.raises(ProgramError) as refusal:
        program_from_json(data)
    assert refusal.value.place == place
    assert problem in refusal.value.problem


@pytest.mark.parametrize("data", [None, [], "x", 3, True])
def test_only_an_object_is_a_program(data: object) -> None:
    with pytest.raises(ProgramError, match="a Program is an object"):
        program_from_json(data)


def test_a_missing_field_is_named() -> None:
    data = as_json(full_program())
    del data["steps"][1]["title"]
    with pytest.raises(ProgramError, match=r"^steps\[1\]: `title` is missing$"):
        program_from_json(data)


def test_depth_is_bounded() -> None:
    data = as_json(full_program())
    expr: Any = ["get", 0]
    for _ in range(DEEPEST - 10):
        expr = ["not", expr]
    WHEN(data, expr)
    program_from_json(copy.copy(data))
    WHEN(data, ["and", *([["not", expr]] * 2), ["not", ["not", ["not", ["not", ["not", ["not", ["not", expr]]]]]]]])
    with pytest.raises(ProgramError, match="nested deeper"):
        program_from_json(data)


@settings(max_examples=examples(200, one_in=3), deadline=None)
@given(st.data())
def test_json_with_anything_put_anywhere_is_read_or_refused_by_name(data: st.DataObject) -> None:
    tree: Any = as_json(full_program())
    here = tree
    way: list[tuple[Any, Any]] = []
    while isinstance(here, (dict, list)) and here and (not way or data.draw(st.integers(0, 3))):
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        way.append((here, key))
        here = here[key]
    holder, key = way[-1]
    holder[key] = data.draw(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=5)
            | st.sampled_from(["1", "get"]),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=5,
        )
    )
    with contextlib.suppress(ProgramError):
        assert is_but_for_what_is_empty(as_json(program_from_json(tree)), tree)


def is_but_for_what_is_empty(written: Any, read: Any) -> bool:
    """Whether it is what was read, where a field that was read with nothing in it may be left out."""
    if isinstance(written, dict) and isinstance(read, dict):
        return written.keys() <= read.keys() and all(
            is_but_for_what_is_empty(written[key], read[key])
            if key in written
            else read[key] in ([], {}, "", None, False)
            for key in read
        )
    if isinstance(written, list) and isinstance(read, list):
        return len(written) == len(read) and all(map(is_but_for_what_is_empty, written, read))
    return type(written) is type(read) and bool(written == read)


# ---------------------------------------------------------------- digests


def all_records() -> list[type]:
    """Every record that a Program is made of, found by the declared types of its fields."""
    found: list[type] = []
    rest: list[type] = [Program]
    while rest:
        record = rest.pop()
        if record in found:
            continue
        found.append(record)
        for _, kind in fields_of(record):
            name = kind.removesuffix(" | None").removeprefix("tuple[").removesuffix(", ...]")
            made = getattr(records, name, None)
            if isinstance(made, type) and hasattr(made, "_fields"):
                rest.append(made)
    return found


@pytest.mark.parametrize("record", all_records(), ids=lambda record: record.__name__)
def test_every_field_is_in_exactly_one_digest(record: type) -> None:
    placed = [name for names in FIELDS[record.__name__].values() for name in names.split()]
    assert sorted(placed) == sorted(name for name, _ in fields_of(record))


def other(value: Any) -> Any:
    """A value of the same type that differs from `value`."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return value + "!"
        case Const(constant):
            return Const(other(constant))
        case tuple() if hasattr(value, "_fields"):
            return Const(12345)
        case tuple() if value and isinstance(value[0], tuple) and not hasattr(value[0], "_fields"):
            return ((other(value[0][0]), value[0][1]), *value[1:])
        case tuple() if value and not isinstance(value[0], tuple):
            return (other(value[0]), *value[1:])
    raise AssertionError(f"give the full Program a value here: {value!r}")


def changes(value: Any, seen: set[tuple[str, str]]) -> list[tuple[str, str, Any]]:
    """Record, field and a copy of `value` with that field changed, for each field not in `seen`."""
    made: list[tuple[str, str, Any]] = []
    if not isinstance(value, tuple):
        return made
    if type(value).__name__ not in FIELDS:
        for index, item in enumerate(value):
            for record, field, changed in changes(item, seen):
                made.append((record, field, (*value[:index], changed, *value[index + 1 :])))
        return made
    record = type(value).__name__
    for field in value._fields:  # type: ignore[attr-defined]
        held = getattr(value, field)
        inner = changes(held, seen)
        made += [(*names, value._replace(**{field: changed})) for *names, changed in inner]  # type: ignore[attr-defined]
        holds_records = type(held).__name__ in FIELDS or (
            isinstance(held, tuple) and held and type(held[0]).__name__ in FIELDS
        )
        if not holds_records and held not in (None, ()) and (record, field) not in seen:
            seen.add((record, field))
            made.append((record, field, value._replace(**{field: other(held)})))  # type: ignore[attr-defined]
    return made


def test_a_change_of_any_field_changes_its_digest_and_no_other() -> None:
    program = full_program()
    before = digests(program)
    seen: set[tuple[str, str]] = set()
    for record, field, changed in changes(program, seen):
        after = digests(changed)
        side = next(side for side, names in FIELDS[record].items() if field in names.split())
        differing = {name for name, old, new in zip(("logic", "text"), before, after, strict=True) if old != new}
        assert differing == ({side} - {"neither"}), (record, field)
    # Fields that hold records were changed from inside; that all others were is checked here.
    holders = {
        (record.__name__, name)
        for record in all_records()
        for name, kind in fields_of(record)
        if kind.removesuffix(" | None").removeprefix("tuple[").removesuffix(", ...]") in FIELDS
    }
    every = {(record.__name__, name) for record in all_records() for name, _ in fields_of(record)}
    assert every - holders == seen


def test_digests_are_the_same_in_every_process_and_do_not_cover_themselves() -> None:
    program = with_digests(full_program())
    assert (program.logic_digest, program.text_digest) == digests(program)
    assert with_digests(program) == program
    code = "from tests.running.test_program import full_program, digests; print(*digests(full_program()))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert tuple(shown.stdout.split()) == digests(program)


def test_the_order_of_entries_that_have_an_id_says_nothing() -> None:
    program = full_program()
    two = program._replace(
        goals=(*program.goals, program.goals[0]._replace(id="h", title="H")),
        references=(*program.references, program.references[0]._replace(key="R2", title="U")),
    )
    assert digests(two) == digests(two._replace(goals=two.goals[::-1], references=two.references[::-1]))
    assert digests(two) != digests(program)


def test_true_and_one_are_not_the_same_in_a_digest() -> None:
    first = make_program([element("n", "number")], [decide("x", (Known(Const(1)), ()))])
    second = make_program([element("n", "number")], [decide("x", (Known(Const(True)), ()))])
    assert digests(first)[0] != digests(second)[0]
