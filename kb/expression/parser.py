"""Text of an expression to its tree, or to the one diagnostic that says what to write instead.

Reading is in two halves: the grammar makes a bare parse that knows offsets only and is remembered by text;
then nodes are made, each with its place in the file. Nothing here raises on any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final, NamedTuple, TypeAlias, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from kb.codes import found
from kb.diagnostics import Diagnostic, Span
from kb.expression import tree
from kb.letters import foreign_letter

MAX_LENGTH = 2_000
MAX_BRACKETS = 200
MAX_DEPTH = 50
MAX_DIGITS = 60

Place: TypeAlias = "Callable[[int], Span] | Span"
"""Where a text stands: the place of each offset, or of the first character of a text on one line."""

_WINDOWED = ("count", "total", "change", "done", "declined")
_FEATURES = ("since", "previous", *_WINDOWED)
FUNCTIONS: dict[str, tuple[int, int]] = {
    "least": (2, 20),
    "greatest": (2, 20),
    "abs": (1, 1),
    "round": (2, 2),
    "ln": (1, 1),
    "exp": (1, 1),
    "sqrt": (1, 1),
    "power": (2, 2),
    "known": (1, 1),
    "ordered": (1, 1),
}
"""Functions of values, and the smallest and largest number of arguments."""

OF_STEP: Final = ("recommends", "reached", "satisfied", "withheld", "dose", "lowest_dose", "highest_dose")
"""What a property may ask of the advice on one step."""

OF_ADVICE: Final = ("applies", "entered")
"""Names that stand for the protocol's own `applies:` and `enter:` in a property."""

RESERVED: Final = frozenset(
    ("and", "or", "not", "is", "to", "between", "after", "since", "in", "the", "episode", "last", "true", "false",
     "implies", "local", "order", "this", "any", "double", "unobtainable", "done", "declined", "count", "total",
     "previous", "change", "persists", "something", "recommended", *OF_ADVICE, *FUNCTIONS)
)  # fmt: skip
"""Words of conditions, which a reader would not take for names; none has a `_` or `-`."""


def parse_expression(text: str, at: Place) -> tree.Expr | Diagnostic:
    """The tree of a condition or value; a range is refused."""
    made = _parse(text, at, "start")
    if isinstance(made, tree.Range):
        return found("KB336", made.span, "a range stands where one value is needed", "give one value, or use `between`")
    return cast("tree.Expr | Diagnostic", made)


def parse_amount(text: str, at: Place) -> tree.Expr | tree.Range | Diagnostic:
    """The tree of a value or of a range such as `0.03 to 0.04 units/min`, whose unit counts for both ends."""
    return cast("tree.Expr | tree.Range | Diagnostic", _parse(text, at, "start"))


def parse_window(text: str, at: Place) -> tree.Window | Diagnostic:
    """The window of a cap or repeat: `episode`, `the last 24 h`, `since rhythm`; a leading `in` is allowed."""
    return cast("tree.Window | Diagnostic", _parse(text, at, "window"))


# ---------------------------------------------------------------- the bare parse


class _Raw(NamedTuple):
    """A node that knows its offsets in the text only."""

    kind: str
    start: int
    end: int
    depth: int
    parts: tuple[Any, ...]


class _Problem(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, code: str, start: int, end: int, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.fault = _Fault(code, start, end, message, help)


class _Fault(NamedTuple):
    code: str
    start: int
    end: int
    message: str
    help: str | None = None


def _raw(kind: str, start: int, end: int, *parts: Any) -> _Raw:
    depth = 1 + max((part.depth for part in parts if type(part) is _Raw), default=0)
    if depth > MAX_DEPTH:
        raise _Problem(
            "KB308",
            start,
            end,
            f"this expression is nested more than {MAX_DEPTH} levels deep",
            "give parts of it a name",
        )
    return _Raw(kind, start, end, depth, parts)


def _begin(token: Token) -> int:
    return cast(int, token.start_pos)


def _finish(token: Token) -> int:
    return cast(int, token.end_pos)


class _Builder(Transformer[Token, _Raw]):
    """One method per rule of the grammar, called as soon as the rule is complete."""

    def start(self, parts: list[_Raw]) -> _Raw:
        return parts[0]

    def _join(self, kind: str, parts: list[_Raw]) -> _Raw:
        return _raw(kind, parts[0].start, parts[-1].end, *parts)

    def implies(self, parts: list[_Raw]) -> _Raw:
        return self._join("implies", parts)

    def and_(self, parts: list[_Raw]) -> _Raw:
        return self._join("and", parts)

    def or_(self, parts: list[_Raw]) -> _Raw:
        """`x is a or b` reads as options of one choice: a bare word after an `is` joins it."""
        items: list[_Raw] = []
        for part in parts:
            joins = part.kind in ("name", "truth") and len(part.parts) == 1  # in brackets it has two
            if joins and items and items[-1].kind in ("is", "is_not") and items[-1].parts[-1] != "":
                before = items.pop()
                if before.kind == "is_not":
                    word = part.parts[0]
                    raise _Problem(
                        "KB302",
                        before.start,
                        part.end,
                        f"`is not … or {word}` can be read in two ways",
                        f"write `not (… is … or {word})` where neither is meant",
                    )
                option = _raw("option", part.start, part.end, part.parts[0])
                items.append(_raw("is", before.start, part.end, *before.parts, option))
            else:
                items.append(part)
        return items[0] if len(items) == 1 else _raw("or", items[0].start, items[-1].end, *items)

    def not_(self, parts: list[Any]) -> _Raw:
        return _raw("not", _begin(parts[0]), parts[1].end, parts[1])

    def compare(self, parts: list[Any]) -> _Raw:
        return _raw("compare", parts[0].start, parts[2].end, str(parts[1]), parts[0], parts[2])

    def between(self, parts: list[_Raw]) -> _Raw:
        return self._join("between", parts)

    def is_(self, parts: list[_Raw]) -> _Raw:
        return self._join("is", parts)

    def is_not(self, parts: list[Any]) -> _Raw:
        return _raw("is_not", parts[0].start, parts[2].end, parts[0], parts[2])

    def option(self, parts: list[Token]) -> _Raw:
        return _raw("option", _begin(parts[0]), _finish(parts[0]), str(parts[0]))

    def range(self, parts: list[_Raw]) -> _Raw:
        return self._join("range", parts)

    def after(self, parts: list[Any]) -> _Raw:
        name = self.name(parts[1:])
        return _raw("after", parts[0].start, name.end, parts[0], name)

    def windowed_since(self, parts: list[Token]) -> _Raw:
        name = self.name(parts[:1])
        return _raw("windowed", name.start, _finish(parts[1]), name, self._since(name.end, parts[1]))

    def windowed_episode(self, parts: list[Token]) -> _Raw:
        name = self.name(parts[:1])
        return _raw("windowed", name.start, _finish(parts[1]), name, _raw("episode", name.end + 1, _finish(parts[1])))

    def windowed_last(self, parts: list[Any]) -> _Raw:
        name = self.name(parts[:1])
        return _raw("windowed", name.start, parts[2].end, name, _raw("last", name.end + 1, parts[2].end, parts[2]))

    def _since(self, start: int, token: Token) -> _Raw:
        return _raw("since", start + 1, _finish(token), self.name([token]))

    def in_episode(self, parts: list[Token]) -> _Raw:
        return _raw("episode", _begin(parts[0]), _finish(parts[0]))

    def since_event(self, parts: list[Token]) -> _Raw:
        return self._since(max(0, _begin(parts[0]) - 7), parts[0])

    def in_last(self, parts: list[Any]) -> _Raw:
        return _raw("last", _begin(parts[0]), parts[1].end, parts[1])

    def arithmetic(self, parts: list[Any]) -> _Raw:
        return _raw("arithmetic", parts[0].start, parts[2].end, str(parts[1]), parts[0], parts[2])

    def negate(self, parts: list[Any]) -> _Raw:
        return _raw("negate", _begin(parts[0]), parts[1].end, parts[1])

    def quantity(self, parts: list[Token]) -> _Raw:
        token = parts[0]
        start, end = _begin(token), _finish(token)
        number, *unit = str(token).split(None, 1)
        if len(number.replace(".", "").lstrip("0")) > MAX_DIGITS:
            raise _Problem("KB309", start, end, f"this number has more than {MAX_DIGITS} digits", "write a shorter one")
        return _raw("quantity", start, end, Decimal(number), unit[0] if unit else None)

    def name(self, parts: list[Token]) -> _Raw:
        return _raw("name", _begin(parts[0]), _finish(parts[0]), str(parts[0]))

    def truth(self, parts: list[Token]) -> _Raw:
        return _raw("truth", _begin(parts[0]), _finish(parts[0]), str(parts[0]))

    def something(self, parts: list[Token]) -> _Raw:
        return _raw("something", _begin(parts[0]), _finish(parts[1]))

    def brackets(self, parts: list[Any]) -> _Raw:
        inner = cast(_Raw, parts[1])
        # Bracketed, a word or comparison no longer joins its neighbours in `x is a or b`.
        return (
            inner if inner.kind not in ("is", "is_not", "name", "truth") else inner._replace(parts=(*inner.parts, ""))
        )

    def call(self, parts: list[Any]) -> _Raw:
        name, arguments, right = parts[0], parts[2:-1], parts[-1]
        return _raw("call", _begin(name), _finish(right), str(name), _finish(name), *arguments)


@cache
def _reader() -> Lark:
    grammar = files("kb.expression").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", start=["start", "window"], maybe_placeholders=False, transformer=_Builder())


@lru_cache(maxsize=20_000)
def _read(text: str, start: str) -> _Raw | _Fault:
    fault = _foresee(text)
    if fault is not None:
        return fault
    try:
        return cast(_Raw, _reader().parse(text, start=start))
    except _Problem as problem:
        return problem.fault
    except UnexpectedInput as error:
        return _explain(text, error, start)


# ---------------------------------------------------------------- nodes


def _parse(text: str, at: Place, start: str) -> tree.Expr | tree.Range | tree.Window | Diagnostic:
    raw = _read(text, start)
    place = _place(at)
    try:
        if isinstance(raw, _Raw):
            return _Maker(place).window(raw) if start == "window" else _Maker(place).top(raw)
    except _Problem as problem:
        raw = problem.fault
    assert isinstance(raw, _Fault)
    return found(raw.code, place(raw.start, raw.end), raw.message, raw.help)


def _place(at: Place) -> Callable[[int, int], Span]:
    if isinstance(at, Span):
        file, line, column = at.file, at.line, at.column
        return lambda start, end: Span(file, line, column + start, line, column + end)
    locate = at

    def between(start: int, end: int) -> Span:
        first, last = locate(start), locate(end)
        return Span(first.file, first.line, first.column, last.line, last.column)

    return between


class _Maker:
    """Makes the nodes of `kb.expression.tree` from a bare parse."""

    def __init__(self, place: Callable[[int, int], Span]) -> None:
        self.place = place

    def top(self, raw: _Raw) -> tree.Expr | tree.Range:
        if raw.kind != "range":
            return self.expr(raw)
        low, high = self._ends(raw.parts[0], raw.parts[1])
        return tree.Range(low, high, self.place(raw.start, raw.end))

    def _ends(self, low: _Raw, high: _Raw) -> tuple[tree.Expr, tree.Expr]:
        """The unit of `0.03 to 0.04 units/min` counts for both numbers."""
        first, last = self.expr(low), self.expr(high)
        if isinstance(first, tree.Number) and first.unit is None and isinstance(last, tree.Number):
            first = tree.Number(first.value, last.unit, first.span)
        return first, last

    def expr(self, raw: _Raw) -> tree.Expr:
        span, parts = self.place(raw.start, raw.end), raw.parts
        match raw.kind:
            case "quantity":
                return tree.Number(parts[0], parts[1], span)
            case "name":
                return tree.OfAdvice(parts[0], None, span) if parts[0] in OF_ADVICE else tree.Name(parts[0], span)
            case "something":
                return tree.OfAdvice("something recommended", None, span)
            case "truth":
                return tree.Truth(parts[0] == "true", span)
            case "compare":
                return tree.Compare(parts[0], self.expr(parts[1]), self.expr(parts[2]), span)
            case "and":
                return tree.And(tuple([self.expr(part) for part in parts]), span)
            case "or":
                return tree.Or(tuple([self.expr(part) for part in parts]), span)
            case "not":
                return tree.Not(self.expr(parts[0]), span)
            case "implies":
                return tree.Implies(self.expr(parts[0]), self.expr(parts[1]), span)
            case "is" | "is_not":
                options = [part for part in parts[1:] if part]
                names = tuple([tree.Name(option.parts[0], self.place(option.start, option.end)) for option in options])
                return tree.Is(self.expr(parts[0]), names, raw.kind == "is_not", span)
            case "between":
                low, high = self._ends(parts[1], parts[2])
                return tree.Between(self.expr(parts[0]), low, high, span)
            case "arithmetic":
                return tree.Arithmetic(parts[0], self.expr(parts[1]), self.expr(parts[2]), span)
            case "negate":
                return tree.Negate(self.expr(parts[0]), span)
            case "call":
                return self.call(raw, span)
            case "windowed":
                return self.this_step(raw, span)
            case "range":
                raise _Problem(
                    "KB336",
                    raw.start,
                    raw.end,
                    "a range stands where one value is needed",
                    "to test a range write `map between 65 mmHg and 75 mmHg`",
                )
            case _:
                raise _Problem(
                    "KB301",
                    raw.start,
                    raw.end,
                    "`after` belongs into `persists(…)`",
                    "write `persists(hypotensive, 15 min after vasopressin)`",
                )

    def this_step(self, raw: _Raw, span: Span) -> tree.Expr:
        """`done since rhythm` without brackets: this very step."""
        name = raw.parts[0].parts[0]
        if name not in ("done", "declined"):
            raise _Problem(
                "KB301",
                raw.start,
                raw.end,
                f"a window cannot follow `{name}` here",
                f"write what is counted: `count({name} …)` or `done({name} …)`",
            )
        this = tree.Name("this", self.place(raw.parts[0].start, raw.parts[0].end))
        return tree.TimeFeature(name, this, self.window(raw.parts[1]), span)

    def window(self, raw: _Raw) -> tree.Window:
        span = self.place(raw.start, raw.end)
        if raw.kind == "episode":
            return tree.InEpisode(span)
        part = raw.parts[0]
        if raw.kind == "since":
            return tree.SinceEvent(tree.Name(part.parts[0], self.place(part.start, part.end)), span)
        return tree.InLast(self.expr(part), span)

    def call(self, raw: _Raw, span: Span) -> tree.Expr:
        function, name_end, *arguments = raw.parts
        if function == "persists":
            return self.persists(raw, span, arguments)
        if function in _FEATURES:
            return self.feature(raw, span, function, arguments)
        if function in OF_STEP:
            if len(arguments) != 1 or arguments[0].kind != "name":
                raise _Problem("KB335", raw.start, raw.end, f"`{function}` takes one step", _USAGE[function])
            step = arguments[0]
            return tree.OfAdvice(function, tree.Name(step.parts[0], self.place(step.start, step.end)), span)
        if function not in FUNCTIONS:
            raise _Problem("KB335", raw.start, name_end, f"there is no function `{function}`", _offer(function))
        least, most = FUNCTIONS[function]
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"{least} or more"
            raise _Problem(
                "KB335",
                raw.start,
                raw.end,
                f"`{function}` takes {wanted} value{'' if wanted == '1' else 's'}, not {len(arguments)}",
                _USAGE[function],
            )
        return tree.Call(function, tuple([self.expr(argument) for argument in arguments]), span)

    def feature(self, raw: _Raw, span: Span, function: str, arguments: list[_Raw]) -> tree.Expr:
        fits = len(arguments) == 1 and arguments[0].kind in ("name", "windowed")
        if not fits:
            raise _Problem("KB335", raw.start, raw.end, f"`{function}` takes one name", _USAGE[function])
        argument = arguments[0]
        name = argument.parts[0] if argument.kind == "windowed" else argument
        of = tree.Name(name.parts[0], self.place(name.start, name.end))
        window = self.window(argument.parts[1]) if argument.kind == "windowed" else None
        return tree.TimeFeature(cast(Any, function), of, window, span)

    def persists(self, raw: _Raw, span: Span, arguments: list[_Raw]) -> tree.Expr:
        if len(arguments) != 2 or arguments[1].kind != "after":
            raise _Problem(
                "KB335",
                raw.start,
                raw.end,
                "`persists` takes a condition and a time after an event",
                _USAGE["persists"],
            )
        duration, event = arguments[1].parts
        after = tree.Name(event.parts[0], self.place(event.start, event.end))
        return tree.Persists(self.expr(arguments[0]), self.expr(duration), after, span)


_USAGE: dict[str, str] = {
    "least": "write `least(a, b)`",
    "greatest": "write `greatest(a, b)`",
    "abs": "write `abs(a)`",
    "round": "write `round(value, step)`",
    "ln": "write `ln(a)`",
    "exp": "write `exp(a)`",
    "sqrt": "write `sqrt(a)`",
    "power": "write `power(base, exponent)`",
    "known": "write `known(lactate)`",
    "ordered": "write `ordered(dopamine)`",
    "since": "write `since(epinephrine)`",
    "previous": "write `previous(lactate)`",
    "count": "write `count(epinephrine in the episode)`",
    "total": "write `total(balanced-crystalloid in the last 24 h)`",
    "change": "write `change(lactate in the last 2 h)`",
    "done": "write `done(arterial-line in the episode)`",
    "declined": "write `declined(arterial-line in the episode)`",
    "persists": "write `persists(hypotensive, 15 min after vasopressin)`",
    "recommends": "write `recommends(add-epinephrine)`",
    "reached": "write `reached(add-epinephrine)`",
    "satisfied": "write `satisfied(give-crystalloid)`",
    "withheld": "write `withheld(vasopressin-bolus)`",
    "dose": "write `dose(add-epinephrine) <= 0.5 mcg/kg/min`",
    "lowest_dose": "write `lowest_dose(add-epinephrine) > 0 mcg/kg/min`",
    "highest_dose": "write `highest_dose(add-epinephrine) <= 0.5 mcg/kg/min`",
}


def _offer(function: str) -> str:
    from difflib import get_close_matches

    foreign = {"min": "least", "max": "greatest", "log": "ln", "pow": "power", "sum": "total", "unknown": "known"}
    foreign |= {
        "recommended": "recommends",
        "recommend": "recommends",
        "least_dose": "lowest_dose",
        "not_reached": "reached",
    }
    close = [foreign[function]] if function in foreign else get_close_matches(function, list(_USAGE), 1, 0.6)
    return f"did you mean `{close[0]}`?" if close else "the functions are " + ", ".join(f"`{name}`" for name in _USAGE)


# ---------------------------------------------------------------- what is wrong with a text

_FOREIGN: dict[str, tuple[str, str]] = {
    "==": ("KB303", "="),
    "===": ("KB303", "="),
    "<>": ("KB303", "!="),
    "=!": ("KB303", "!="),
    "=>": ("KB303", ">="),
    "=<": ("KB303", "<="),
    "≥": ("KB303", ">="),
    "≤": ("KB303", "<="),
    "≠": ("KB303", "!="),
    "⩾": ("KB303", ">="),
    "⩽": ("KB303", "<="),
    "&&": ("KB303", "and"),
    "&": ("KB303", "and"),
    "||": ("KB303", "or"),
    "|": ("KB303", "or"),
    "∧": ("KB303", "and"),
    "∨": ("KB303", "or"),
    "¬": ("KB303", "not"),
    "!": ("KB303", "not"),
    "→": ("KB303", "implies"),
    "×": ("KB303", "*"),
    "·": ("KB303", "*"),
    "÷": ("KB303", "/"),
    "**": ("KB303", "power(a, b)"),
    "^": ("KB303", "power(a, b)"),
    "−": ("KB305", " - "),
    "–": ("KB305", " - "),
    "—": ("KB305", " - "),
    "%%": ("KB303", "%"),
}
_FORESEEN = re.compile(
    r"(?P<comma>\d,\d)"
    r"|(?P<dash>(?<=[0-9A-Za-z%])[ \u00a0\u202f]*[–—‒‑][ \u00a0\u202f]*(?=\d))"
    r"|(?P<symbol>===?|<>|=[!><]|&&?|\|\|?|\*\*|!(?!=)|[≥≤≠⩾⩽∧∨¬→×·÷^−–—‒‑])"
    r"|(?P<quote>[\"'“”„‘’`´«»])"
    r"|(?P<square>[\[\]{}])"
    r"|(?P<control>[^ \t\r\n\u00a0\u202f\u0021-\u007eµμ°²–—A-Za-z])"
)
_FRACTION = re.compile(
    r"(?<![\w.,/*)] )(?<![\w.,/*)])(?:(?P<whole>[0-9]{1,6}) *(?P<glyph>[¼½¾])|(?P<alone>[¼½¾])"
    r"|(?:(?P<mixed>[0-9]{1,6}) +)?(?P<top>[0-9]{1,4})/(?P<bottom>[0-9]{1,4})(?= *[A-Za-zµμ%]))"
)
_GLYPHS = {"¼": (1, 4), "½": (1, 2), "¾": (3, 4)}


def _written_out(match: re.Match[str]) -> _Fault:
    """`2 1/2 mg` and `1/4 mg/kg`: read as a sum, the unit would stand below the line."""
    top, bottom = _GLYPHS.get(match["glyph"] or match["alone"]) or (int(match["top"]), int(match["bottom"]))
    whole = int(match["whole"] or match["mixed"] or 0)
    help = "write the number with a decimal point"
    rest = bottom
    for prime in (2, 5):
        while rest and rest % prime == 0:
            rest //= prime
    if rest == 1:
        value = Decimal(whole) + Decimal(top) / Decimal(bottom)
        help = f"write `{value.normalize():f}`"
    message = f"`{match.group().strip()}` is a fraction; an amount is written with a decimal point"
    return _Fault("KB309", match.start(), match.end(), message, help)


_GLUED = re.compile(r"(\d)([A-Za-zµμ°%][A-Za-z0-9µμ°²%/.]*|/[A-Za-z])")
_POWER_OF_TEN = re.compile(r"[0-9.]*[0-9][eE][+-]?[0-9]+")


def _foresee(text: str) -> _Fault | None:
    """What the grammar would stumble over with a worse message; looked for before it runs."""
    if len(text) > MAX_LENGTH:
        return _Fault(
            "KB308",
            0,
            len(text),
            f"this expression is longer than {MAX_LENGTH} characters",
            "give parts of it a name under `define`",
        )
    if not text.strip():
        return _Fault("KB307", 0, len(text), "an expression is missing", "write a condition or a value")
    fraction = _FRACTION.search(text)
    if fraction is not None:
        return _written_out(fraction)
    match = _FORESEEN.search(text)
    if match is not None:
        return _foreseen(text, match)
    if text.count("(") > MAX_BRACKETS:
        depth = 0
        for place, letter in enumerate(text):
            depth += (letter == "(") - (letter == ")")
            if depth > MAX_BRACKETS:
                return _Fault(
                    "KB308",
                    place,
                    place + 1,
                    f"more than {MAX_BRACKETS} brackets are open here",
                    "give parts of it a name under `define`",
                )
    return None


def _uncommaed(whole: str) -> str:
    """What to write in place of a number with a comma; where the comma may group thousands, neither is guessed."""
    decimal = whole.replace(",", ".", 1)
    if re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?", whole):
        grouped = whole.replace(",", "")
        if whole.count(",") > 1 or "." in whole:
            return f"write `{grouped}`, without commas"
        return (
            f"write `{grouped}` if the comma groups thousands, `{decimal}` if it is a decimal comma: a factor of 1000"
        )
    return f"write `{decimal}`, or a space after a comma that separates two values"


def _foreseen(text: str, match: re.Match[str]) -> _Fault:
    start, end, kind = match.start(), match.end(), match.lastgroup
    written = match.group()
    if kind == "comma":
        while start and (text[start - 1].isdigit() or text[start - 1] in ".,"):
            start -= 1
        while end < len(text) and (text[end].isdigit() or text[end] in ".,"):
            end += 1
        end -= len(text[start:end]) - len(text[start:end].rstrip(",."))
        whole = text[start:end]
        return _Fault(
            "KB306",
            start,
            end,
            f"`{whole}` has a comma inside a number",
            _uncommaed(whole),
        )
    if kind == "dash":
        return _Fault(
            "KB305",
            start,
            end,
            f"a dash `{written.strip()}` stands between two numbers",
            "write `65 to 70 mmHg` for a range, and ` - ` for minus",
        )
    if kind == "quote":
        return _Fault("KB305", start, end, f"`{written}` is a quotation mark", "write names and options without quotes")
    if kind == "square":
        return _Fault("KB303", start, end, f"`{written}` is not used in expressions", "write round brackets")
    if kind == "control":
        first, last = start, end
        while first and (text[first - 1].isalnum() or text[first - 1] in "_-"):
            first -= 1
        while last < len(text) and (text[last].isalnum() or text[last] in "_-"):
            last += 1
        letter = foreign_letter(text[first:last])
        if letter is not None:
            return _Fault("KB305", first + letter[0], first + letter[0] + 1, letter[1], letter[2])
        name = f"`{written}`" if written.isprintable() else f"the invisible character U+{ord(written):04X}"
        return _Fault("KB305", start, end, f"{name} cannot be read here", "write plain letters, digits and signs")
    code, instead = _FOREIGN.get(written, ("KB305", " - "))
    return _Fault(code, start, end, f"`{written}` is not a sign of this language", f"write `{instead}`")


def _explain(text: str, error: UnexpectedInput, start: str) -> _Fault:
    place = error.pos_in_stream if error.pos_in_stream is not None else 0
    if isinstance(error, UnexpectedToken):
        token = error.token
        if token.type == "$END":
            return _too_early(text, start)
        place = token.start_pos if token.start_pos is not None else place
        if start == "window":
            return _bad_window(text)
        expected = set(error.accepts or error.expected)
        return _unexpected(text, token.type, str(token), place, expected)
    if start == "window":
        return _bad_window(text)
    assert isinstance(error, UnexpectedCharacters) or place >= 0
    return _unexpected(text, "", text[place : place + 1], place, set())


def _bad_window(text: str) -> _Fault:
    return _Fault(
        "KB325",
        0,
        len(text),
        f"`{text.strip()}` is not a window of time",
        "write `episode`, `the last 24 h`, or `since rhythm`",
    )


def _too_early(text: str, start: str) -> _Fault:
    if start == "window":
        return _bad_window(text)
    end = len(text.rstrip())
    if text.count("(") > text.count(")"):
        place = text.rindex("(") if text.count(")") == 0 else text.index("(")
        return _Fault("KB301", place, place + 1, "this bracket is never closed", "add `)`")
    words = text.split()
    return _Fault(
        "KB301",
        max(0, end - len(words[-1])),
        end,
        f"the expression ends after `{words[-1]}`",
        "say what comes next, or remove it",
    )


def _unexpected(text: str, kind: str, written: str, place: int, expected: set[str]) -> _Fault:
    word = re.match(r"[^\s()<>=!+*,]+", text[place:])
    end = place + (len(word.group()) if word else max(1, len(written)))
    whole = text[place:end]
    before = text[:place].rstrip()
    glued = _GLUED.search(text, max(0, place - 1)) if place else None
    if glued is not None and glued.start(2) == place:
        return _not_spaced(text, place)
    if whole[:1] == "." and whole[1:2].isdigit():
        return _Fault("KB309", place, end, f"`{whole}` begins with a point", f"write `0{whole}`")
    if whole[:1] == "." and before[-1:].isdigit():
        return _Fault("KB309", place, end, "a number ends with a point", "leave the point out")
    if kind in ("_AND", "_OR"):
        other = "or" if kind == "_AND" else "and"
        if re.search(rf"\b{other}\b", before):
            return _Fault(
                "KB302",
                place,
                end,
                f"`{written}` and `{other}` stand side by side",
                "put brackets around what belongs together, or use an `all:` / `any:` list",
            )
    if kind == "_IMPLIES":
        return _Fault("KB302", place, end, "`implies` stands twice", "put brackets around what belongs together")
    if kind == "COMPARISON" and re.search(r"[<>=]|\b(between|is)\b", before):
        return _Fault(
            "KB301",
            place,
            end,
            f"a second comparison, `{written}`, follows the first",
            "write `map between 65 mmHg and 75 mmHg`, or join two comparisons by `and`",
        )
    if whole[:1].isupper() and whole.lower() in ("and", "or", "not", "is", "between", "implies", "true", "false"):
        return _Fault("KB301", place, end, f"`{whole}` is written in capitals", f"write `{whole.lower()}`")
    quantity = re.search(r"\d\s+([A-Za-zµμ°%/.0-9]+)$", before)
    if whole[:1].isalpha() and quantity is not None and quantity[1] == "per":
        unit = _UNIT_WORDS.get(whole.lower(), whole)
        start = quantity.start(1)
        return _Fault("KB301", start, end, f"`per {whole}` is no unit", f"write `/{unit}`")
    if whole[:1].isalpha() and quantity is not None:
        return _Fault(
            "KB301",
            place,
            end,
            f"`{whole}` is left over after the unit `{quantity[1]}`",
            "a unit is one word without spaces, such as `mmHg` or `mcg/kg/min`",
        )
    if whole[:1].isupper():
        return _Fault("KB301", place, end, f"`{whole}` is written in capitals", f"names are small: `{whole.lower()}`")
    if kind == "RIGHT" and text[: place + 1].count(")") > text[:place].count("("):
        return _Fault("KB301", place, place + 1, "this bracket was never opened", "remove it, or add `(`")
    if re.fullmatch(r"\.(?:rate|dose|amount)", whole) and (drug := re.search(r"[a-z][a-z0-9-]*$", before)):
        help = f"the name alone is the running rate: `{drug[0]}`; in a `never` rule `order{whole}` is what is ordered"
        return _Fault("KB301", drug.start(), end, f"`{drug[0]}{whole}` cannot be read here", help)
    if whole[:1] == "_" or kind == "":
        return _Fault("KB301", place, end, f"`{whole}` cannot be read here", "names are small letters, digits and `_`")
    if kind == "RIGHT" and before.endswith("("):
        return _Fault("KB307", len(before) - 1, place + 1, "these brackets are empty", "remove them, or fill them")
    if kind == "RIGHT":
        return _Fault("KB301", place, place + 1, "something is missing before `)`", "say what comes next, or remove it")
    length = re.search(rf"(\d+(?:\.\d+)?)\s+({_TIME_WORDS})$", before)
    rest = re.match(rf"(\d+(?:\.\d+)?)\s*({_TIME_WORDS})(?![\w/])", text[place:])
    if length is not None and rest is not None:
        total = sum((Fraction(part[1]) * _SECONDS[part[2].rstrip("s") or "s"] for part in (length, rest)), Fraction(0))
        unit = rest[2].rstrip("s") or "s"
        number = total / _SECONDS[unit]
        written = str(number) if number.denominator == 1 else str(float(number))
        return _Fault(
            "KB301",
            length.start(),
            place + rest.end(),
            f"`{length[0]} {rest[0]}` is a length of time in two units",
            f"write it in one: `{written} {rest[2]}`",
        )
    if kind in ("NAME", "QUANTITY", "TRUE", "FALSE", "NOT", "LEFT") and before and before[-1] not in "(<>=+-*/,":
        help = "join two conditions by `and` or `or`; a comment needs ` #`"
        sign = _SIGN_WORDS.get(whole.lower())
        if sign is not None:
            help = f"write `{sign}`"
        elif whole == "than" or re.search(r"\bis (less|greater|more|above|below)$", before + " " + whole):
            help = "write `<`, `<=`, `=`, `>=` or `>`"
        elif before in ("if", "when", "If", "When"):
            help = f"leave `{before}` out: a condition begins with what is compared"
        elif kind == "QUANTITY" and _ALONE.search(before):
            help = f"write a sign between them, such as `>=` or `<`: `{_last_word(before)} >= {written}`"
        elif kind == "NAME" and (alone := _ALONE.search(before)) and not {alone[1], whole} & _NO_NAMES:
            help += f"; a name has no spaces: `{alone[1]}_{whole}`"
        return _Fault("KB301", place, end, f"`{whole}` is left over after `{_last_word(before)}`", help)
    return _Fault("KB301", place, end, f"`{whole}` does not fit here", "a value or a name is expected")


# A name that nothing is compared with yet.
_ALONE = re.compile(r"(?:^|[(,]|\b(?:and|or|not|implies)\s)\s*([a-z][a-z0-9_]*)$")
_NO_NAMES = frozenset(
    ("for", "with", "still", "has", "have", "at", "of", "by", "on", "over", "under", "than", "if", "when", "then", "no",
     "without", "while", "any", "all")
)  # fmt: skip
_UNIT_WORDS = {"minute": "min", "hour": "h", "day": "day", "second": "s", "kilogram": "kg", "kilo": "kg"}
_SECONDS = {"s": 1, "min": 60, "h": 3600, "hour": 3600, "day": 86400, "week": 604800}
_TIME_WORDS = "s|min|h|hours?|days?|weeks?"

# What people write where a sign belongs.
_SIGN_WORDS = {
    "below": "<",
    "under": "<",
    "less": "<",
    "lower": "<",
    "above": ">",
    "over": ">",
    "more": ">",
    "greater": ">",
    "higher": ">",
    "exceeds": ">",
    "equals": "=",
    "equal": "=",
    "atleast": ">=",
    "minimum": ">=",
    "maximum": "<=",
}


def _last_word(text: str) -> str:
    return text.split()[-1][-40:]


def _not_spaced(text: str, place: int) -> _Fault:
    start = place
    while start and (text[start - 1].isdigit() or text[start - 1] == "."):
        start -= 1
    power = _POWER_OF_TEN.match(text, start)
    if power is not None:
        return _Fault("KB309", start, power.end(), f"`{power.group()}` is written as a power of ten", "write it out")
    unit = re.compile(r"[A-Za-zµμ°%0-9/.²]+").match(text, place)
    end = unit.end() if unit else place + 1
    return _Fault(
        "KB304",
        start,
        end,
        f"a space is missing in `{text[start:end]}`",
        f"write `{text[start:place]} {text[place:end]}`",
    )
