"""How long one decision takes, from a row that is ready: ours, plain Python written by hand, and ZEN.

    python benchmarks/decision.py

All three read the same ladder of a dozen steps. The hand-written function is what a careful programmer
would write for this one protocol who keeps what is not known apart from what is false; like ours it tells
which steps are reached, possible or assumed and the status of each action. ZEN (zen-engine, in Rust) gets a
decision graph made beforehand, as a mapping or as JSON, whichever is faster, and `inside` is the time it reports of
itself; it has no unknowns, so it runs on complete rows only. `+trace` adds state, deciding case and status of
every step; `walker` is what ours does in its first calls. Times are the best of several runs, in microseconds.
"""

from __future__ import annotations

import contextlib
import json
import sys
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from kb.codegen import Decision, make_decider
from kb.evaluate import evaluate
from kb.program import FALSE, TRUE, Any_, Cases, Compare, Const, Expr, Get, Member, Multiply, Program, Row, Slot, Sure
from tests.running.programs import decide, define, do, element, end, make_program

S = 10**8
NAMES = [
    "map",
    "map_unobtainable",
    "pulse",
    "chronic_hypertension",
    "weight",
    "crystalloid",
    "norepinephrine",
    "vasopressin",
    "epinephrine",
    "dobutamine",
    "persists",
    "cardiac_dysfunction",
    "hydrocortisone_done",
    "allergy",
]
BOOLEANS = {
    "map_unobtainable",
    "chronic_hypertension",
    "persists",
    "cardiac_dysfunction",
    "hydrocortisone_done",
    "allergy",
}


def get(name: str) -> Get:
    return Get([*NAMES, "map_target", "hypotensive", "filled"].index(name))


def at_least(name: str, value: int) -> Expr:
    return Compare(">=", get(name), Const(value))


def status(satisfied: Expr) -> Expr:
    return Cases(
        ((Sure(get("allergy")), Const("withheld")), (satisfied, Const("satisfied")), (TRUE, Const("due"))),
    )


def ladder() -> Program:
    """The ladder, straight from records."""
    slots: list[Slot] = [
        element(name, "choice" if name == "pulse" else "boolean" if name in BOOLEANS else "number") for name in NAMES
    ]
    slots += [
        define("map_target", Cases(((get("chronic_hypertension"), Const(70 * S)), (TRUE, Const(65 * S)))), "number"),
        define("hypotensive", Any_((get("map_unobtainable"), Compare("<", get("map"), get("map_target"))))),
        define("filled", Compare(">=", get("crystalloid"), Multiply(Const(30), get("weight")))),
    ]
    running = {name: at_least(name, 3 * S // 100) for name in ("vasopressin", "epinephrine", "dobutamine")}
    done = get("hydrocortisone_done")
    steps = [
        decide("pulse", (Member(get("pulse"), ("absent", "doubtful")), (1,)), (TRUE, (2, 4))),
        end("arrest"),
        decide("volume", (get("filled"), ()), (TRUE, (3,))),
        do("crystalloid", satisfied=get("filled"), status=status(get("filled"))),
        decide("pressure", (get("hypotensive"), (6,)), (TRUE, (5,))),
        end("hold"),
        decide("dose", (Compare("<", get("norepinephrine"), Const(S // 4)), (7,)), (TRUE, (8,)), if_unknown=7),
        do("raise-norepinephrine"),
        do("vasopressin", then=(9,), satisfied=running["vasopressin"], status=status(running["vasopressin"])),
        decide("still-low", (get("persists"), (10, 11)), (TRUE, ())),
        do("epinephrine", satisfied=running["epinephrine"], status=status(running["epinephrine"])),
        decide("failing-heart", (get("cardiac_dysfunction"), (12,)), (TRUE, (13,))),
        do("dobutamine", satisfied=running["dobutamine"], status=status(running["dobutamine"])),
        do("hydrocortisone", satisfied=done, status=status(done)),
    ]
    assert all(step.satisfied is not FALSE or step.kind != "do" or not step.then for step in steps)
    return make_program(slots, steps)


def by_hand(row: list[Any]) -> Any:
    """The ladder as a careful programmer would write it, for this protocol alone."""
    (
        mean, unobtainable, pulse, chronic, weight, crystalloid, norepinephrine, vasopressin, epinephrine,
        dobutamine, persists, dysfunction, hydrocortisone, allergy, _, _, _,
    ) = row  # fmt: skip
    target = None if chronic is None else 70 * S if chronic else 65 * S
    low = None if mean is None or target is None else mean < target
    hypotensive = True if unobtainable or low else None if unobtainable is None or low is None else False
    filled = None if crystalloid is None or weight is None else crystalloid >= 30 * weight
    row[14], row[15], row[16] = target, hypotensive, filled
    reached, possible = {"pulse"}, {"pulse"}
    assumed: set[str] = set()
    statuses: dict[str, str | None] = {}

    def act(step: str, satisfied: bool | None, sure: bool) -> None:
        possible.add(step)
        if sure:
            reached.add(step)
            value = "satisfied" if satisfied else None if satisfied is None else "due"
            statuses[step] = "withheld" if allergy else value

    lost = None if pulse is None else pulse in ("absent", "doubtful")
    if lost is not False:
        possible.add("arrest")
        if lost:
            reached.add("arrest")
            return reached, possible, assumed, statuses
    alive = lost is False
    possible.add("volume")
    possible.add("pressure")
    if alive:
        reached.add("volume")
        reached.add("pressure")
    if filled is not True:
        act("crystalloid", filled, alive and filled is False)
    if hypotensive is not True:
        possible.add("hold")
        if alive and hypotensive is False:
            reached.add("hold")
    if hypotensive is not False:
        possible.add("dose")
        sure = alive and hypotensive is True
        if sure:
            reached.add("dose")
        small = None if norepinephrine is None else norepinephrine < S // 4
        if small is not False:
            possible.add("raise-norepinephrine")
            if sure and small:
                reached.add("raise-norepinephrine")
                statuses["raise-norepinephrine"] = "due"
            elif sure:
                assumed.add("raise-norepinephrine")
                statuses["raise-norepinephrine"] = "due"
        if small is not True:
            sure = sure and small is False
            running = None if vasopressin is None else vasopressin >= 3 * S // 100
            act("vasopressin", running, sure)
            if running is not False:
                possible.add("still-low")
                sure = sure and running is True
                if sure:
                    reached.add("still-low")
                if persists is not False:
                    sure = sure and persists is True
                    act("epinephrine", None if epinephrine is None else epinephrine >= 3 * S // 100, sure)
                    possible.add("failing-heart")
                    if sure:
                        reached.add("failing-heart")
                    if dysfunction is not False:
                        running = None if dobutamine is None else dobutamine >= 3 * S // 100
                        act("dobutamine", running, sure and dysfunction is True)
                    if dysfunction is not True:
                        act("hydrocortisone", hydrocortisone, sure and dysfunction is False)
    return reached, possible, assumed, statuses


def zen_graph() -> dict[str, Any]:
    """The ladder as a JDM graph: one node of expressions, then a switch or an output for each step."""
    nodes: list[dict[str, Any]] = [
        {"id": "in", "name": "in", "type": "inputNode"},
        {"id": "out", "name": "out", "type": "outputNode"},
    ]
    edges: list[dict[str, Any]] = []

    def edge(source: str, target: str, handle: str | None = None) -> None:
        made = {"id": f"e{len(edges)}", "type": "edge", "sourceId": source, "targetId": target}
        edges.append(made | ({"sourceHandle": handle} if handle else {}))

    def expressions(name: str, **values: str) -> None:
        lines = [{"id": f"{name}{key}", "key": key, "value": value} for key, value in values.items()]
        content = {"expressions": lines, "passThrough": name == "defines", "inputField": None, "outputPath": None}
        nodes.append({"id": name, "name": name, "type": "expressionNode", "content": content})

    def act(name: str, satisfied: str) -> None:
        expressions(name, **{f"s_{name}": f"allergy ? 'withheld' : {satisfied} ? 'satisfied' : 'due'"})
        edge(name, "out")

    def switch(name: str, condition: str) -> None:
        statements = [
            {"id": f"{name}_yes", "condition": condition, "isDefault": False},
            {"id": f"{name}_no", "condition": "", "isDefault": True},
        ]
        content = {"hitPolicy": "first", "statements": statements}
        nodes.append({"id": name, "name": name, "type": "switchNode", "content": content})

    expressions(
        "defines",
        map_target="chronic_hypertension ? 70 : 65",
        hypotensive="map_unobtainable or map < (chronic_hypertension ? 70 : 65)",
        filled="crystalloid >= 30 * weight",
    )
    edge("in", "defines")
    edge("defines", "pulse")
    switch("pulse", "pulse in ['absent', 'doubtful']")
    switch("volume", "filled")
    switch("pressure", "hypotensive")
    switch("dose", "norepinephrine < 0.25")
    switch("still_low", "persists")
    switch("failing_heart", "cardiac_dysfunction")
    for name in ("arrest", "hold"):
        expressions(name, **{f"s_{name}": "true"})
        edge(name, "out")
    act("crystalloid_act", "filled")
    act("raise_norepinephrine", "false")
    act("vasopressin_act", "vasopressin >= 0.03")
    act("epinephrine_act", "epinephrine >= 0.03")
    act("dobutamine_act", "dobutamine >= 0.03")
    act("hydrocortisone_act", "hydrocortisone_done")
    edge("pulse", "arrest", "pulse_yes")
    edge("pulse", "volume", "pulse_no")
    edge("pulse", "pressure", "pulse_no")
    edge("volume", "crystalloid_act", "volume_no")
    edge("pressure", "dose", "pressure_yes")
    edge("pressure", "hold", "pressure_no")
    edge("dose", "raise_norepinephrine", "dose_yes")
    edge("dose", "vasopressin_act", "dose_no")
    edge("dose", "running", "dose_no")
    switch("running", "vasopressin >= 0.03")
    edge("running", "still_low", "running_yes")
    edge("still_low", "epinephrine_act", "still_low_yes")
    edge("still_low", "failing_heart", "still_low_yes")
    edge("failing_heart", "dobutamine_act", "failing_heart_yes")
    edge("failing_heart", "hydrocortisone_act", "failing_heart_no")
    return {"contentType": "application/vnd.gorules.decision", "nodes": nodes, "edges": edges}


COMPLETE: dict[str, Any] = {
    "map": 55,
    "map_unobtainable": False,
    "pulse": "present",
    "chronic_hypertension": False,
    "weight": 70,
    "crystalloid": 1500,
    "norepinephrine": 0.4,
    "vasopressin": 0.04,
    "epinephrine": 0,
    "dobutamine": 0,
    "persists": True,
    "cardiac_dysfunction": True,
    "hydrocortisone_done": False,
    "allergy": False,
}
ROWS: dict[str, dict[str, Any]] = {
    "complete, whole ladder": COMPLETE,
    "complete, no pulse": COMPLETE | {"pulse": "absent"},
    "volume and perfusion unknown": COMPLETE | {"crystalloid": None, "cardiac_dysfunction": None},
    "dose unknown, assumed low": COMPLETE | {"norepinephrine": None},
    "only a pulse": dict.fromkeys(NAMES) | {"pulse": "present"},
}


def row_of(values: dict[str, Any]) -> Row:
    scaled = [value if isinstance(value, (bool, str, type(None))) else round(value * S) for value in values.values()]
    return [*scaled, None, None, None]


def names_of(program: Program, mask: int) -> set[str]:
    return {step.id for index, step in enumerate(program.steps) if mask >> index & 1}


def with_trace(program: Program, decider: Callable[[Row], Decision], row: Row) -> list[tuple[str, str, str | None]]:
    """State, status and deciding cases of every step, as the trace of an advice lists them."""
    decision = decider(row)
    reached, possible, assumed, statuses, outcomes = decision
    trace = []
    for index, step in enumerate(program.steps):
        bit = 1 << index
        if reached & bit:
            state = "reached"
        elif assumed & bit:
            state = "assumed"
        else:
            state = "not known yet" if possible & bit else "not reached"
        outcome = outcomes.get(index)
        case = ""
        if outcome is not None and step.cases and not outcome & (outcome - 1):
            number = outcome.bit_length() - 1
            case = step.cases[number].text if number < len(step.cases) else "gap"
        trace.append((state, case, statuses.get(index)))
    return trace


def best(function: Callable[[], object]) -> float:
    number = 2000
    return min(timeit.repeat(function, number=number, repeat=9)) / number * 1e6


def main() -> None:
    """Check that all agree, then print times and ratios."""
    program = ladder()
    decider = make_decider(program, compile_after=0)
    for values in ROWS.values():
        decision, hand = decider(row_of(values)), by_hand(row_of(values))
        ours = tuple(names_of(program, mask) for mask in decision[:3])
        assert (*ours[:2], ours[2]) == hand[:3], (ours, hand)
        assert {program.steps[index].id: value for index, value in decision.statuses.items()} == hand[3]
    walker = make_decider(program, compile_after=10**9)
    zen_decision: Any = None
    with contextlib.suppress(ImportError):
        import zen

        zen_decision = zen.ZenEngine().create_decision(json.dumps(zen_graph()))
    heads = ["by hand", "ours", "ratio", "+trace", "ratio", "walker", "ZEN", "inside", "ZEN/ours"]
    print(f"{'row':30}" + "".join(f"{head:>9}" for head in heads))
    for name, values in ROWS.items():
        row = row_of(values)
        hand_time, our_time = best(partial(by_hand, row)), best(partial(decider, row))
        trace_time = best(partial(with_trace, program, decider, row))
        walk_time = best(partial(walker, row))
        line = (
            f"{name:30}{hand_time:9.2f}{our_time:9.2f}{our_time / hand_time:9.2f}"
            f"{trace_time:9.2f}{trace_time / hand_time:9.2f}{walk_time:9.1f}"
        )
        if zen_decision and None not in values.values():
            result = zen_decision.evaluate(values)["result"]
            found = {key: value for key, value in result.items() if key.startswith("s_")}
            count = bin(decider(row).reached & sum(1 << i for i, s in enumerate(program.steps) if s.kind != "decide"))
            assert len(found) == count.count("1"), (found, count)
            text = json.dumps(values).encode()
            zen_time = min(best(partial(zen_decision.evaluate, form)) for form in (values, text))
            reports = [zen_decision.evaluate(values)["performance"] for _ in range(2000)]
            inside = min(float(report[:-2]) for report in reports if report.endswith("µs"))
            line += f"{zen_time:9.1f}{inside:9.1f}{zen_time / our_time:9.1f}"
        print(line)
    assert evaluate(program.slots[14].expr or FALSE, row_of(COMPLETE)) == 65 * S


if __name__ == "__main__":
    main()
