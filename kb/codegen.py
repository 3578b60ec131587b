"""A Program made into Python: which steps are reached, in one pass over a row.

The source is generated from the typed tree alone: names are indexes, strings are written by `repr`.
Steps are taken in their order, so each is settled before those it leads to. A step's mark is 3 when it
is reached, 2 when it is possible, 1 when it is possible only by an assumption, and 0 when no way leads
to it; steps marked 0 are not evaluated. Where a reached decide stays undecided, a second look works out what
follows all the same because every possible way leads there (design rule 9).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kb.codec import targets_of
from kb.evaluate import apply, divide, evaluate, fill_defines, parts_of, possible_cases, slots_of
from kb.program import (
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
    Row,
    Step,
    Subtract,
    Sure,
    Value,
    is_constant,
)
from kb.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any, TypeAlias


class Decision(NamedTuple):
    """What a walk over one row found; bit i of a mask is step i.

    `possible` includes `reached`; `assumed` does not. `statuses` has the status of every do step that is
    reached or assumed, None where it is not known. `outcomes` has, for every step that was looked at, a
    mask: of a decide, its possible cases (bit i is case i, the bit after the last: no case holds); of a do
    that leads on once satisfied, 1 satisfied, 2 not, 3 not known.
    """

    reached: int
    possible: int
    assumed: int
    statuses: dict[int, str | None]
    outcomes: dict[int, int]


Decider: TypeAlias = "Callable[[Row], Decision]"

# Text nested deeper than this goes through a variable; Python's own parser has limits.
_DEEP = 12
# Expressions nested deeper than this are left to the tree walker.
_DEEPEST = 60
# Python allows twenty nested loops; one belongs to the decide around.
_LOOPS = 12


_Settle: TypeAlias = "Callable[[int, int, int, dict[int, str | None], dict[int, int]], Decision]"


def make_decider(program: Program, compile_after: int = 12) -> Decider:
    """The function that walks `program` over a row; it fills in the definitions of the row it is given.

    Making Python of a large Program takes as long as some fifty walks over its trees, so that is done
    only for who decides more than `compile_after` times; the Decisions are the same.
    """
    if compile_after <= 0:
        return _compiled(program)
    decider = _walker(program, _settler(program))
    calls = 0

    def decide(row: Row) -> Decision:
        nonlocal calls, decider
        if calls < compile_after:
            calls += 1
            if calls == compile_after:
                decider = _compiled(program)
        return decider(row)

    return decide


def _compiled(program: Program) -> Decider:
    writer = _Writer(program)
    _write_decider(writer, program)
    decide: Decider = writer.compiled("decide", {"_Decision": Decision})
    return decide


def make_evaluator(program: Program, expressions: Sequence[Expr]) -> Callable[[Row], tuple[Value, ...]]:
    """A function that evaluates all `expressions` over a row whose definitions are filled in."""
    writer = _Writer(program)
    writer.line("def evaluate_all(row):")
    writer.indent += 1
    used = sorted({slot for expr in expressions for slot in slots_of(expr)})
    for slot in used:
        writer.line(f"r{slot} = row[{slot}]")
    results = []
    for index, expr in enumerate(expressions):
        writer.line(f"e{index} = {writer.text(expr)}")
        results.append(f"e{index}, ")
    writer.line(f"return ({''.join(results)})")
    evaluate_all: Callable[[Row], tuple[Value, ...]] = writer.compiled("evaluate_all", {})
    return evaluate_all


# ---------------------------------------------------------------- the walk


def _write_decider(writer: _Writer, program: Program) -> None:
    line = writer.line
    ways: dict[int, int] = dict.fromkeys(program.starts, 2)  # how many edges lead to a step; a start is never written
    for step in program.steps:
        for target in targets_of(step):
            ways[target] = ways.get(target, 0) + 1
    writer.ways = ways
    line("def decide(row):")
    writer.indent += 1
    if program.slots:
        line(f"{''.join(f'r{index}, ' for index in range(len(program.slots)))}= row")
    for index, slot in enumerate(program.slots):
        if slot.kind == "define" and slot.expr is not None:
            line(f"row[{index}] = r{index} = {writer.text(slot.expr)}")
    marked = [index for index in range(len(program.steps)) if index not in program.starts]
    for start in range(0, len(marked), 40):
        line(f"{''.join(f's{index} = ' for index in marked[start : start + 40])}0")
    for index in program.starts:
        line(f"s{index} = 3")
    line(f"reached = {hex(sum(1 << index for index in set(program.starts)))}")
    line("possible = supposed = 0")
    line("statuses = {}")
    line("outcomes = {}")
    for index, step in enumerate(program.steps):
        if ways.get(index):
            _write_step(writer, index, step, index in program.starts)
    _write_settling(writer, program, ways)
    line("return new(_Decision, (reached, reached, 0, statuses, outcomes))")


def _write_step(writer: _Writer, index: int, step: Step, start: bool) -> None:
    line = writer.line
    bit = hex(1 << index)
    status = step.kind == "do"
    if start:
        if status:
            line(f"statuses[{index}] = {writer.text(step.status)}")
    else:
        line(f"if s{index}:")
        writer.indent += 1
        line(f"if s{index} == 3:")
        writer.indent += 1
        line(f"reached |= {bit}")
        if status:
            line(f"statuses[{index}] = {writer.text(step.status)}")
        writer.indent -= 1
        line(f"elif s{index} == 2: possible |= {bit}")
        line(f"else: supposed |= {bit}")
    if step.kind == "decide":
        _write_decide(writer, index, step)
    elif step.kind == "do":
        _write_do(writer, index, step)
    if not start:
        writer.indent -= 1


def _write_do(writer: _Writer, index: int, step: Step) -> None:
    line = writer.line
    for target in step.with_:
        writer.mark(target, f"s{index}")
    if step.then:
        satisfied, _ = writer.atom(step.satisfied)
        line(f"outcomes[{index}] = o{index} = 1 if {satisfied} else 2 if {satisfied} is False else 3")
        line(f"if o{index} == 1:")
        writer.marks(step.then, f"s{index}")
        line(f"elif o{index} == 3:")
        writer.marks(step.then, f"s{index} if s{index} < 3 else 2")


def _write_decide(writer: _Writer, index: int, step: Step) -> None:
    line = writer.line
    cases, gap = step.cases, 1 << len(step.cases)
    whens = [case.when for case in cases]
    name = f"o{index}"
    if _is_two_way(whens):
        when, may_be_unknown = writer.atom(whens[0])
        line(f"{name} = 1 if {when} else 2" + (f" if {when} is False else 3" if may_be_unknown else ""))
    else:
        _write_possible(writer, whens, name)
    line(f"outcomes[{index}] = {name}")
    word = "if"
    for number, case in enumerate(cases):
        line(f"{word} {name} == {1 << number}:")
        writer.marks(case.targets, f"s{index}")
        word = "elif"
    line(f"elif {name} != {gap}:")
    writer.indent += 1
    line(f"m = s{index} if s{index} < 3 else 2")
    for number, case in enumerate(cases):
        if case.targets:
            line(f"if {name} & {1 << number}:")
            writer.marks(case.targets, "m")
    if step.if_unknown is not None:
        line(f"if not s{step.if_unknown}: s{step.if_unknown} = 1")
    writer.indent -= 1


def _is_two_way(whens: Sequence[Expr]) -> bool:
    """One condition and its else, or one condition and the gap: the outcome has two bits either way."""
    return len(whens) == 1 or (len(whens) == 2 and is_constant(whens[1], True))


def _write_settling(writer: _Writer, program: Program, ways: dict[int, int]) -> None:
    """The second look, from the last step to the first: `_settler` says what it finds."""
    line = writer.line
    line("if possible or supposed:")
    writer.indent += 1
    live = [index for index in range(len(program.steps)) if ways.get(index)]
    for start in range(0, len(live), 40):
        line(f"{''.join(f'a{index} = ' for index in live[start : start + 40])}0")
    line("found = reached")
    for index in reversed(live):
        step, bit = program.steps[index], hex(1 << index)
        if step.kind == "decide":
            line(f"if s{index}:")
            writer.indent += 1
            _write_common(writer, f"o{index}", step)
            line(f"if s{index} < 3: a{index} = {bit} | x")
            line("else: found |= x")
            writer.indent -= 1
            continue
        line(f"if 0 < s{index} < 3:")
        line(f"    a{index} = {_union(step.with_, bit)}")
        if step.then:
            line(f"    if o{index} == 1: a{index} |= {_union(step.then)}")
    line("assumed = 0")
    for index in live:
        step = program.steps[index]
        if step.if_unknown is not None:
            unsettled = f"s{index} and o{index} & (o{index} - 1)"
            line(f"if {unsettled} and (found | assumed) & {hex(1 << index)}: assumed |= a{step.if_unknown}")
    line("shown = found | assumed")
    line("if shown != reached:")
    writer.indent += 1
    for index in live:
        if program.steps[index].kind == "do":
            line(f"if 0 < s{index} < 3 and shown & {hex(1 << index)}:")
            writer.indent += 1
            line(f"statuses[{index}] = {writer.text(program.steps[index].status)}")
            writer.indent -= 1
    line("pass")
    writer.indent -= 1
    line("return new(_Decision, (found, reached | possible, assumed & ~found, statuses, outcomes))")
    writer.indent -= 1


def _write_common(writer: _Writer, name: str, step: Step) -> None:
    """Set `x` to the steps that must follow in every case that is possible by the outcome `name`."""
    line = writer.line
    unions = [_union(case.targets) for case in step.cases]
    word = "if"
    for number, union in enumerate(unions):
        line(f"{word} {name} == {1 << number}: x = {union}")
        word = "elif"
    if _is_two_way([case.when for case in step.cases]):
        line(f"else: x = {f'({unions[0]}) & ({unions[1]})' if len(unions) == 2 else '0'}")
        return
    line(f"elif {name} & {1 << len(unions)}: x = 0")
    line("else:")
    writer.indent += 1
    line("x = -1")
    for number, union in enumerate(unions):
        line(f"if {name} & {1 << number}: x &= {union}")
    writer.indent -= 1


def _union(targets: Sequence[int], *more: str) -> str:
    return " | ".join([*more, *(f"a{target}" for target in targets)]) or "0"


def _write_possible(writer: _Writer, whens: list[Expr], name: str) -> None:
    """Set `name` to the mask of the conditions that are possible: not false, up to the first that is true."""
    line = writer.line
    line(f"{name} = 0")
    line("while True:")
    writer.indent += 1
    writer.loops += 1
    for number, when in enumerate(whens):
        if is_constant(when, True):
            line(f"{name} |= {1 << number}")
            break
        text, may_be_unknown = writer.nullable_text(when)
        if may_be_unknown:
            line(f"c = {text}")
            line("if c is not False:")
        else:
            line(f"if {text}:")
        line(f"    {name} |= {1 << number}")
        line("    if c: break" if may_be_unknown else "    break")
    else:
        line(f"{name} |= {1 << len(whens)}")
    line("break")
    writer.indent -= 1
    writer.loops -= 1


def _walker(program: Program, settle: _Settle) -> Decider:
    """The same walk over the trees, for who decides a few times only."""

    def decide(row: Row) -> Decision:
        fill_defines(program, row)
        marks = [0] * len(program.steps)
        for start in program.starts:
            marks[start] = 3
        masks = [0, 0, 0, 0]
        statuses: dict[int, str | None] = {}
        outcomes: dict[int, int] = {}

        def lead(targets: Sequence[int], mark: int) -> None:
            for target in targets:
                marks[target] = max(marks[target], mark)

        for index, step in enumerate(program.steps):
            mark = marks[index]
            if not mark:
                continue
            masks[mark] |= 1 << index
            if step.kind == "decide":
                numbers, gap = possible_cases(step, row)
                sure = len(numbers) + gap == 1
                for number in numbers:
                    lead(step.cases[number].targets, mark if sure else min(mark, 2))
                if step.if_unknown is not None and not sure:
                    lead((step.if_unknown,), 1)
                outcomes[index] = sum(1 << number for number in numbers) + (gap << len(step.cases))
            elif step.kind == "do":
                lead(step.with_, mark)
                if step.then:
                    satisfied = evaluate(step.satisfied, row)
                    if satisfied is not False:
                        lead(step.then, mark if satisfied else min(mark, 2))
                    outcomes[index] = 1 if satisfied else 2 if satisfied is False else 3
                statuses[index] = evaluate(step.status, row)  # type: ignore[assignment]
        if masks[2] or masks[1]:
            return settle(masks[3], masks[2], masks[1], statuses, outcomes)
        return Decision(masks[3], masks[3], 0, statuses, outcomes)

    return decide


def _settler(program: Program) -> _Settle:
    """What to do when some ways stay open: find the steps that every open way leads to, and the assumed ones."""
    cases = [tuple(case.targets for case in step.cases) for step in program.steps]
    with_ = [step.with_ for step in program.steps]
    then = [step.then for step in program.steps]
    fallbacks = [(index, step.if_unknown) for index, step in enumerate(program.steps) if step.if_unknown is not None]

    def settle(
        reached: int, possible: int, supposed: int, statuses: dict[int, str | None], outcomes: dict[int, int]
    ) -> Decision:
        # after[s]: the steps that must follow s, s included, but for those that are reached anyway. Steps
        # already reached need no entry: what must follow them is reached too, by themselves.
        after: dict[int, int] = {}

        def must(index: int) -> int:
            if not cases[index]:
                found = 0
                for target in with_[index]:
                    found |= after.get(target, 0)
                if outcomes.get(index) == 1:
                    for target in then[index]:
                        found |= after.get(target, 0)
                return found
            common = -1
            outcome = outcomes[index]
            for targets in cases[index]:
                if outcome & 1:
                    found = 0
                    for target in targets:
                        found |= after.get(target, 0)
                    common &= found
                    if not common:
                        return 0
                outcome >>= 1
            return 0 if outcome else common

        left = possible | supposed
        while left:
            index = left.bit_length() - 1
            left ^= 1 << index
            after[index] = 1 << index | must(index)
        found = reached
        for index, outcome in outcomes.items():
            if outcome & (outcome - 1) and reached >> index & 1 and cases[index]:
                found |= must(index)
        assumed = 0
        for index, target in fallbacks:
            outcome = outcomes.get(index, 0)
            if outcome & (outcome - 1) and (found | assumed) >> index & 1:
                assumed |= after.get(target, 0)
        shown = found | assumed
        return Decision(
            found,
            reached | possible,
            assumed & ~found,
            {index: status for index, status in statuses.items() if shown >> index & 1},
            outcomes,
        )

    return settle


# ---------------------------------------------------------------- expressions


_PYTHON = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


class _Writer:
    """Lines of Python. Slots are variables `r<slot>`; `t<n>` are temporary."""

    def __init__(self, program: Program) -> None:
        self.lines: list[str] = []
        self.indent = 0
        self.loops = 0
        self.ways: dict[int, int] = {}
        self._count = 0
        self._left: list[Expr] = []
        # Whether a slot may be unknown: only a definition can be surely known.
        self._sure_slots: set[int] = set()
        for index, slot in enumerate(program.slots):
            if slot.kind == "define" and slot.expr is not None and not self._may_be_unknown(slot.expr, 0):
                self._sure_slots.add(index)

    def compiled(self, name: str, names: dict[str, Any]) -> Any:
        space = names | {
            "__builtins__": {"min": min, "max": max, "abs": abs},
            "new": tuple.__new__,
            "_divide": divide,
            "_function": _function,
            "_at_least": _at_least,
            "_evaluate": evaluate,
            "_left": self._left,
            "_nothing": _NOTHING,
        }
        exec(compile("\n".join(self.lines), "<program>", "exec"), space)
        return space[name]

    def line(self, text: str) -> None:
        self.lines.append(" " * self.indent + text)

    def mark(self, target: int, mark: str) -> None:
        """Give step `target` at least the mark in the variable `mark`."""
        if self.ways[target] == 1:
            self.line(f"s{target} = {mark}")
        else:
            if not mark.isidentifier():
                self.line(f"m = {mark}")
                mark = "m"
            self.line(f"if s{target} < {mark}: s{target} = {mark}")

    def marks(self, targets: Sequence[int], mark: str) -> None:
        """The body of an `if` that marks `targets`."""
        self.indent += 1
        if len(targets) > 1 and not mark.isidentifier():
            self.line(f"m = {mark}")
            mark = "m"
        for target in targets:
            self.mark(target, mark)
        if not targets:
            self.line("pass")
        self.indent -= 1

    def temporary(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def text(self, expr: Expr, level: int = 0) -> str:
        return self._write(expr, level)[0]

    def nullable_text(self, expr: Expr) -> tuple[str, bool]:
        """Python for `expr`, and whether it may be None. What it needs beforehand is already written."""
        text, _, unknown = self._write(expr, 0)
        return text, unknown

    def atom(self, expr: Expr, level: int = 0) -> tuple[str, bool]:
        """The same as a variable or a constant."""
        text, _, unknown = self._write(expr, level)
        return self._held(text), unknown

    def _held(self, text: str) -> str:
        if text.isidentifier() or text.isdigit():
            return text
        name = self.temporary()
        self.line(f"{name} = {text}")
        return name

    def _may_be_unknown(self, expr: Expr, level: int) -> bool:
        match expr:
            case Const() | Known() | Sure():
                return False
            case Get(slot):
                return slot not in self._sure_slots
            case Divide() | Function():
                return True
        return level > _DEEPEST or any(self._may_be_unknown(part, level + 1) for part in parts_of(expr))

    def _write(self, expr: Expr, level: int) -> tuple[str, int, bool]:
        """Python text in brackets where needed, how deep it nests, and whether it may be None."""
        if level > _DEEPEST:
            self._left.append(expr)
            return f"_evaluate(_left[{len(self._left) - 1}], row)", 1, True
        match expr:
            case Const(value):
                return _literal(value), 1, False
            case Get(slot):
                return f"r{slot}", 0, slot not in self._sure_slots
            case Known(item):
                text, deep, unknown = self._write(item, level + 1)
                return (f"({text} is not None)", deep + 1, False) if unknown else ("True", 0, False)
            case Sure(item):
                text, deep, unknown = self._write(item, level + 1)
                return (f"({text} is True)", deep + 1, False) if unknown else (text, deep, False)
            case All(items):
                return self._write_all(items, level)
            case Any_(items):
                return self._write_any(items, level)
            case AtLeast(count, items):
                texts, deep = self._arguments(items, level)
                return f"_at_least({count}, {texts})", deep, True
            case Function(name, items):
                texts, deep = self._arguments(items, level)
                return f"_function({name!r}, {texts})", deep, True
            case Cases(cases):
                return self._write_cases(cases, level)
            case Divide(left, right) if not _is_divisor(right):
                guards: list[str] = []
                dividend, deep = self._strict_part(left, guards, level)
                divisor, deeper = self._strict_part(right, guards, level)
                text = f"_divide({dividend}, {divisor})"
                if guards:
                    text = f"(None if {' or '.join(guards)} else {text})"
                return text, max(deep, deeper) + 2, True
        guards = []
        text, deep = self._strict(expr, guards, level)
        if not guards:
            return text, deep, False
        return f"(None if {' or '.join(guards)} else {text})", deep + 1, True

    def _inline(self, expr: Expr, level: int) -> tuple[str, int, bool]:
        """As `_write`, but through a variable where the text nests deep."""
        text, deep, unknown = self._write(expr, level + 1)
        return (self._held(text), 0, unknown) if deep > _DEEP else (text, deep, unknown)

    def _arguments(self, items: tuple[Expr, ...], level: int) -> tuple[str, int]:
        deepest, texts = 0, ""
        for item in items:
            text, deep, _ = self._inline(item, level)
            deepest, texts = max(deepest, deep), texts + text + ", "
        return f"({texts})", deepest + 2

    def _strict(self, expr: Expr, guards: list[str], level: int) -> tuple[str, int]:
        """Text that is right where none of `guards` holds; these say that some part is None."""
        if level <= _DEEPEST:
            signs = {Add: "+", Subtract: "-", Multiply: "*"}
            match expr:
                case Get(slot) if slot not in self._sure_slots:
                    if f"r{slot} is None" not in guards:
                        guards.append(f"r{slot} is None")
                    return f"r{slot}", 0
                case Add(left, right) | Subtract(left, right) | Multiply(left, right):
                    return self._strict_pair(signs[type(expr)], left, right, guards, level)
                case Compare(op, left, right):
                    return self._strict_pair(_PYTHON[op], left, right, guards, level)
                case Divide(left, right) if _is_divisor(right):
                    text, deep = self._strict_part(left, guards, level)
                    return f"_divide({text}, {self.text(right)})", deep + 1
                case Least(items) | Greatest(items):
                    parts = [self._strict_part(item, guards, level) for item in items]
                    name = "min" if type(expr) is Least else "max"
                    return f"{name}(({''.join(text + ', ' for text, _ in parts)}))", max(deep for _, deep in parts) + 2
                case Absolute(item):
                    text, deep = self._strict_part(item, guards, level)
                    return f"abs({text})", deep + 1
                case Not(item):
                    text, deep = self._strict_part(item, guards, level)
                    return f"(not {text})", deep + 1
                case Member(item, options):
                    text, deep = self._strict_part(item, guards, level)
                    return f"({text} in ({''.join(_literal(option) + ', ' for option in options)}))", deep + 1
        text, deep, unknown = self._write(expr, level)
        if not unknown:
            return text, deep
        if text.isidentifier():
            guards.append(f"{text} is None")
            return text, 0
        name = self.temporary()
        guards.append(f"({name} := {text}) is None")
        return name, deep + 2

    def _strict_part(self, expr: Expr, guards: list[str], level: int) -> tuple[str, int]:
        inner: list[str] = []
        text, deep = self._strict(expr, inner, level + 1)
        if deep > _DEEP:
            name = self.temporary()
            self.line(f"{name} = " + (f"None if {' or '.join(inner)} else {text}" if inner else text))
            inner, text, deep = ([f"{name} is None"] if inner else []), name, 0
        guards += [guard for guard in inner if guard not in guards]
        return text, deep

    def _strict_pair(self, sign: str, left: Expr, right: Expr, guards: list[str], level: int) -> tuple[str, int]:
        first, deep = self._strict_part(left, guards, level)
        second, deeper = self._strict_part(right, guards, level)
        return f"({first} {sign} {second})", max(deep, deeper) + 1

    def _write_all(self, items: tuple[Expr, ...], level: int) -> tuple[str, int, bool]:
        sure, unsure, deep = self._split(items, True, level)
        if sure is None:
            return "False", 0, False
        if len(unsure) <= 1:
            texts = [*sure, *unsure]
            return (f"({' and '.join(texts)})" if len(texts) > 1 else texts[0] if texts else "True"), deep, bool(unsure)
        tests = [f"not {text}" for text in sure]
        names = []
        for text in unsure:
            name = text if text.isidentifier() else self.temporary()
            tests.append(f"{text if name == text else f'({name} := {text})'} is False")
            names.append(name)
        return f"(False if {' or '.join(tests)} else {' and '.join(names)})", deep + 1, True

    def _write_any(self, items: tuple[Expr, ...], level: int) -> tuple[str, int, bool]:
        sure, unsure, deep = self._split(items, False, level)
        if sure is None:
            return "True", 0, False
        if len(unsure) <= 1:
            texts = [*sure, *unsure]
            return (f"({' or '.join(texts)})" if len(texts) > 1 else texts[0] if texts else "False"), deep, bool(unsure)
        tests = list(sure)
        names = []
        for text in unsure:
            name = text if text.isidentifier() else self.temporary()
            tests.append(text if name == text else f"({name} := {text})")
            names.append(name)
        unknown = " or ".join(f"{name} is None" for name in names)
        return f"({' or '.join(tests)} or (None if {unknown} else False))", deep + 2, True

    def _split(self, items: tuple[Expr, ...], idle: bool, level: int) -> tuple[list[str] | None, list[str], int]:
        """Texts of items that are surely known, and of the others; None where one alone settles the whole."""
        sure: list[str] = []
        unsure: list[str] = []
        deepest = 0
        for item in items:
            if is_constant(item, idle):
                continue
            if is_constant(item, not idle):
                return None, [], 0
            text, deep, unknown = self._inline(item, level)
            (unsure if unknown else sure).append(text)
            deepest = max(deepest, deep)
        return sure, unsure, deepest + 1

    def _write_cases(self, cases: tuple[tuple[Expr, Expr], ...], level: int) -> tuple[str, int, bool]:
        live = []
        for when, value in cases:
            if not is_constant(when, False):
                live.append((when, value))
            if is_constant(when, True):
                break
        if len(live) == 1:
            return self._write(live[0][1], level + 1)
        values = [value.value for _, value in live if type(value) is Const]
        if len(live) <= 8 and len(set(values)) == len(live):
            return self._write_constants(live, level)
        if self.loops >= _LOOPS:
            self._left.append(Cases(cases))
            return f"_evaluate(_left[{len(self._left) - 1}], row)", 1, True
        return self._write_agreement(live, level), 0, True

    def _write_constants(self, cases: list[tuple[Expr, Expr]], level: int) -> tuple[str, int, bool]:
        """Cases whose values all differ: unknown at the first condition that is."""
        texts = ""
        deepest, unknown = 0, False
        for when, value in cases[:-1]:
            text, deep, unsure = self._inline(when, level)
            deepest = max(deepest, deep)
            if unsure:
                name = text if text.isidentifier() else self.temporary()
                test = text if name == text else f"({name} := {text})"
                texts += f"{self.text(value)} if {test} else None if {name} is None else "
                unknown = True
            else:
                texts += f"{self.text(value)} if {text} else "
        return f"({texts}{self.text(cases[-1][1])})", deepest + 2, unknown

    def _write_agreement(self, cases: list[tuple[Expr, Expr]], level: int) -> str:
        """Lines that leave in a variable the value on which all possible cases agree."""
        agreed = self.temporary()
        self.line(f"{agreed} = _nothing")
        self.line("while True:")
        self.indent += 1
        self.loops += 1
        for number, (when, value) in enumerate(cases):
            last = number == len(cases) - 1
            if not last:
                test, unsure = self.atom(when, level + 1)
                self.line(f"if {test} is not False:" if unsure else f"if {test}:")
                self.indent += 1
            text = self.text(value, level + 1)
            if number == 0:
                self.line(f"{agreed} = {text}")
            else:
                name = self._held(text)
                self.line(f"if {agreed} is _nothing: {agreed} = {name}")
                self.line(f"elif {agreed} != {name}: {agreed} = None")
            if not last:
                self.line(f"if {test} or {agreed} is None: break" if unsure else "break")
                self.indent -= 1
        self.line("break")
        self.indent -= 1
        self.loops -= 1
        return agreed


class _Nothing:
    """No case was possible yet."""


_NOTHING = _Nothing()


def _literal(value: bool | int | str) -> str:
    return f"({value})" if type(value) is int and value < 0 else repr(value)


def _is_divisor(expr: Expr) -> bool:
    return type(expr) is Const and expr.value != 0


def _function(name: str, arguments: tuple[Any, ...]) -> int | None:
    return None if None in arguments else apply(name, arguments)


def _at_least(count: int, values: tuple[Any, ...]) -> bool | None:
    true = values.count(True)
    return True if true >= count else None if true + values.count(None) >= count else False
