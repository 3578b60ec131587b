"""The checker of expressions: the type of every node, by its kind, and all that is wrong with it.

It gives every finding of an expression, one per root cause: what depends on a part that is already wrong is not
reported again. What names, time features and questions about advice mean is worked out beside it, by functions that
take the checker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import assert_never

from kb.codes import found
from kb.diagnostics import Diagnostic, Span
from kb.expression import tree
from kb.expression.definitions import define_types
from kb.expression.features import feature_type, persists
from kb.expression.names import name_type, unknown
from kb.expression.of_advice import advice_type
from kb.expression.scope import COMPUTED, ElementLike, Scope
from kb.expression.text import to_text
from kb.expression.types import (
    ANYWHERE,
    BOOLEAN,
    DATE_TIME,
    ERROR,
    PLAIN,
    SECONDS,
    Context,
    Type,
    agree,
    described,
    dimension_of,
    element_type,
    in_words,
    literal_value,
    loose,
    meet,
    product,
)
from kb.values import BadValue

_NAMES = ("KB310", "KB311", "KB304")


class Checker:
    """Types of the nodes of expressions, and what is wrong with them.

    `types` keeps the type of every node visited, by identity: the lowering reads it.
    """

    def __init__(self, scope: Scope, context: Context = ANYWHERE) -> None:
        self.scope = scope
        self.context = context
        self.found: list[Diagnostic] = []
        self.types: dict[int, Type] = {}

    def another(self, context: Context = ANYWHERE) -> Checker:
        """One with no findings yet, for an expression that stands elsewhere in the same scope."""
        return Checker(self.scope, context)

    @property
    def definitions(self) -> Mapping[str, Type]:
        return define_types(self)[0]

    def report(self, code: str, span: Span, message: str, help: str | None = None, why: str | None = None) -> Type:
        self.found.append(found(code, span, message, help, why))
        return ERROR

    # -------- expectations

    def boolean(self, expr: tree.Expr) -> None:
        """Report `expr` unless it is a condition."""
        made = self.type_of(expr)
        if made.kind in ("boolean", "error"):
            return
        text = to_text(expr)
        if made.kind == "choice":
            first = made.options[0] if made.options else "…"
            self.report("KB313", expr.span, f"`{text}` is a choice, not a condition", f"write `{text} is {first}`")
        elif made.kind == "number":
            example = f"{text} > 0 {made.unit}".strip()
            self.report("KB313", expr.span, f"`{text}` is a number, not a condition", f"compare it: `{example}`")
        elif made.kind == "text":
            self.report("KB320", expr.span, f"`{text}` is free text, which is shown but never compared")
        else:
            self.report("KB313", expr.span, f"`{text}` is a date-time, not a condition", f"write `now - {text} > 1 h`")

    def numeric(self, expr: tree.Expr) -> Type:
        """The type of `expr`, reported and ERROR unless it is a number."""
        made = self.type_of(expr)
        if made.kind in ("number", "error"):
            return made
        what = {"boolean": "a condition", "choice": "a choice", "date-time": "a date-time", "text": "free text"}
        code = "KB320" if made.kind == "text" else "KB313"
        return self.report(code, expr.span, f"`{to_text(expr)}` is {what[made.kind]}, and a number is needed here")

    def duration(self, expr: tree.Expr) -> None:
        made = self.numeric(expr)
        if made.number:
            self.same(SECONDS, made, expr, "a duration is needed", "min")

    def same(self, left: Type, right: Type, at: tree.Expr, what: str, unit: str) -> bool:
        """Whether `right` fits `left`; if not, reported at `at` with what is needed there."""
        problem = meet(left, right)
        if not isinstance(problem, str):
            return True
        text = to_text(at)
        if problem == "KB315":
            self.report("KB315", at.span, f"`{text}` has no unit: {what}", f"write `{text} {unit}`")
        else:
            self.report(problem, at.span, f"`{text}` is {described(right)}: {what}", f"write it in `{unit}`")
        return False

    # -------- nodes

    def type_of(self, expr: tree.Expr) -> Type:
        made = self._type_of(expr)
        self.types[id(expr)] = made
        return made

    def _type_of(self, expr: tree.Expr) -> Type:
        match expr:
            case tree.Truth():
                return BOOLEAN
            case tree.Number():
                return self._literal(expr)
            case tree.Name():
                return name_type(self, expr)
            case tree.Compare():
                return self._compare(expr)
            case tree.Between(value, low, high):
                made = self.numeric_or_date(value)
                self._fits(expr, value, made, low, self.numeric_or_date(low))
                self._fits(expr, value, made, high, self.numeric_or_date(high))
                self.ascending(expr.span, low, high)
                return BOOLEAN
            case tree.Is():
                return self._is(expr)
            case tree.And(items) | tree.Or(items) | tree.AtLeast(_, items):
                for item in items:
                    self.boolean(item)
                return BOOLEAN
            case tree.Not(item):
                self.boolean(item)
                return BOOLEAN
            case tree.Implies(left, right):
                self.boolean(left)
                self.boolean(right)
                return BOOLEAN
            case tree.Arithmetic():
                return self._arithmetic(expr)
            case tree.Negate(item):
                made = self.numeric(item)
                if made.dimension == (("temperature", 1),) and not made.literal:
                    return self.report("KB314", expr.span, f"`{to_text(item)}` is a temperature and has no opposite")
                return made
            case tree.Call():
                return self._call(expr)
            case tree.TimeFeature():
                return feature_type(self, expr)
            case tree.Persists():
                return persists(self, expr)
            case tree.OfAdvice():
                return advice_type(self, expr)
            case _:
                assert_never(expr)

    def numeric_or_date(self, expr: tree.Expr) -> Type:
        made = self.type_of(expr)
        return made if made.kind == "date-time" else self._again_numeric(expr, made)

    def _again_numeric(self, expr: tree.Expr, made: Type) -> Type:
        if made.kind in ("number", "error"):
            return made
        what = {"boolean": "a condition", "choice": "a choice", "text": "free text"}[made.kind]
        code = {"text": "KB320", "choice": "KB319", "boolean": "KB321"}[made.kind]
        help = None
        if made.kind == "choice":
            help = f"write `{to_text(expr)} is {made.options[0] if made.options else '…'}`"
        if made.kind == "boolean":
            help = f"write `{to_text(expr)}` alone, or `not {to_text(expr)}`"
        return self.report(code, expr.span, f"`{to_text(expr)}` is {what} and is not compared by size", help)

    def _literal(self, expr: tree.Number) -> Type:
        if expr.unit is None:
            return Type("number", literal=True)
        try:
            measure = self.scope.units.parse(expr.unit)
        except BadValue as bad:
            help = bad.help
            if "/" in expr.unit and any(self.scope.kind_of(part) for part in expr.unit.split("/")):
                help = "to divide by a name, put spaces around the `/`"
            return self.report(bad.code, expr.span, bad.message, help)
        unit = "1" if not measure.dimension and expr.unit == "1" else expr.unit
        return Type("number", dimension_of(measure.dimension), unit, literal=True)

    # -------- comparisons

    def _compare(self, expr: tree.Compare) -> Type:
        left, right = self.type_of(expr.left), self.type_of(expr.right)
        for side, made, other in ((expr.left, left, expr.right), (expr.right, right, expr.left)):
            if made.kind == "choice" and self._is_word(other, made):
                self._not_by_sign(expr, side, made, other)
                return BOOLEAN
        if "error" in (left.kind, right.kind):
            return BOOLEAN
        for side, made, other in ((expr.left, left, expr.right), (expr.right, right, expr.left)):
            if made.kind == "text":
                self.report(
                    "KB320",
                    side.span,
                    f"`{to_text(side)}` is free text, which is shown but never compared",
                    "chart it as a choice with options, and test it with `is`",
                )
                return BOOLEAN
            if made.kind == "choice":
                self._not_by_sign(expr, side, made, other)
                return BOOLEAN
        if left.kind == "boolean" or right.kind == "boolean":
            self._truth_by_sign(expr)
        elif left.kind != right.kind:
            self.report(
                "KB313",
                expr.span,
                f"`{to_text(expr.left)}` is {in_words(left)} and `{to_text(expr.right)}` is {in_words(right)}",
                "compare two values of one kind",
            )
        else:
            self._fits(expr, expr.left, left, expr.right, right)
        return BOOLEAN

    def _is_word(self, expr: tree.Expr, made: Type) -> bool:
        """Whether a name was reported as unknown though it is a word of the choice beside it."""
        if isinstance(expr, tree.Name) and not self.scope.kind_of(expr.id) and not expr.id.startswith("order."):
            self.found = [item for item in self.found if not (item.span == expr.span and item.code in _NAMES)]
            return True
        return False

    def _not_by_sign(self, expr: tree.Compare, side: tree.Expr, made: Type, other: tree.Expr) -> None:
        word = to_text(other) if isinstance(other, tree.Name) else made.options[0] if made.options else "…"
        negation = "not " if expr.op == "!=" else ""
        self.report(
            "KB319",
            expr.span,
            f"`{to_text(side)}` is a choice and is not compared by `{expr.op}`",
            f"write `{to_text(side)} is {negation}{word}`",
        )

    def _truth_by_sign(self, expr: tree.Compare) -> None:
        left, right = expr.left, expr.right
        value, other = (right, left) if isinstance(left, tree.Truth) else (left, right)
        text = to_text(value)
        positive = not isinstance(other, tree.Truth) or (other.value == (expr.op == "="))
        bare = text if positive else f"not {text}"
        self.report(
            "KB321",
            expr.span,
            f"`{to_text(expr)}` compares a truth value by `{expr.op}`",
            f"write `{bare}`, or `{text} is {'true' if positive else 'false'}`",
        )

    def _fits(self, expr: tree.Expr, left: tree.Expr, one: Type, right: tree.Expr, other: Type) -> None:
        """Two sides of a comparison, a sum, or the ends of `between`."""
        if "error" in (one.kind, other.kind):
            return
        if one.kind != other.kind:
            self.report(
                "KB313",
                expr.span,
                f"`{to_text(left)}` is {in_words(one)} and `{to_text(right)}` is {in_words(other)}",
                "compare two values of one kind",
            )
            return
        problem = meet(one, other)
        if isinstance(problem, str):
            self._mismatch(problem, expr, (left, one), (right, other))

    def _mismatch(
        self, code: str, expr: tree.Expr, left: tuple[tree.Expr, Type], right: tuple[tree.Expr, Type]
    ) -> None:
        if code == "KB315":
            (bare, _), (named, made) = (left, right) if left[1].literal and not left[1].unit else (right, left)
            help = f"write `{to_text(bare)} {made.unit}`"
            if re.fullmatch(r"[\d.]+ - [\d.]+ \S+", to_text(expr)):
                help = f"`-` is minus; a range is written `{to_text(expr).replace(' - ', ' to ')}`"
            self.report(
                "KB315",
                bare.span,
                f"`{to_text(bare)}` has no unit, and `{to_text(named)}` is {described(made)}",
                help,
            )
            return
        text = f"`{to_text(left[0])}` is {described(left[1])}, `{to_text(right[0])}` is {described(right[1])}"
        help, why = "compare quantities of one kind", None
        known, written = (right, left) if left[1].literal else (left, right)
        if written[1].literal:
            help = f"write it in `{known[1].unit or '1'}`"
        one, other = (loose(dict(made.dimension)) for made in (left[1], right[1]))
        differing = {base for base, _ in set(one) ^ set(other)}
        if code == "KB323":
            help = "one expression uses one weight; `weight:` of the protocol or dose says which"
            why = "a dose per kg of ideal weight is not the same dose per kg of actual weight"
        elif code == "KB324":
            help = "units are defined by an assay of each substance and do not convert"
        elif differing == {"body_mass"}:
            if written[1].literal and dict(written[1].dimension).get("body_mass"):
                help += f", or multiply it by the weight: `{to_text(written[0])} * weight`"
            why = "per kg and not per kg differ by the patient's weight, some seventy-fold"
        elif differing == {"mass", "amount"}:
            help += "; mass and mol convert once the data has its `molar_mass`"
        elif differing == {"charge", "amount"}:
            help += "; mEq and mmol convert once the data has its `valence`"
        elif differing == {"mass", "body_mass"}:
            help += "; `kg` is always body weight, g and mg are always of a substance"
        self.report(code, expr.span, text, help, why)

    def ascending(self, at: Span, low: tree.Expr, high: tree.Expr) -> None:
        """Report two literal ends of one kind that stand in the wrong order."""
        one, other = literal_value(self.scope, low), literal_value(self.scope, high)
        alike = self.types.get(id(low), PLAIN).dimension == self.types.get(id(high), PLAIN).dimension
        if alike and one is not None and other is not None and one > other:
            self.report("KB336", at, f"`{to_text(low)}` is more than `{to_text(high)}`", "write the lower end first")

    def _is(self, expr: tree.Is) -> Type:
        value, words = expr.value, [option.id for option in expr.options]
        text = to_text(value)
        element = self._element_of(value)
        known = words
        if "unobtainable" in words and not (element is not None and "unobtainable" in element.options):
            if element is None:
                self.type_of(value)
                if self.types[id(value)].kind != "error":
                    self.report(
                        "KB322",
                        expr.span,
                        f"`{text}` is not data, and only data are charted `unobtainable`",
                        f"write `not known({text})`",
                    )
                return BOOLEAN
            self.types[id(value)] = element_type(self.scope, element)
            if not element.can_be_unobtainable:
                self.report(
                    "KB322",
                    expr.span,
                    f"`{text}` cannot be charted as unobtainable",
                    f"write `not known({text})`, or add `unobtainable: true` to `{text}` in the data",
                )
                return BOOLEAN
            known = [word for word in words if word != "unobtainable"]
            if not known:
                return BOOLEAN
        made = self.type_of(value)
        if made.kind == "boolean":
            for option in expr.options:
                if option.id not in ("true", "false", "unobtainable"):
                    self.report(
                        "KB318",
                        option.span,
                        f"`{text}` is true or false, never `{option.id}`",
                        f"write `{text}` or `not {text}`",
                    )
        elif made.kind == "choice":
            for option in expr.options:
                if option.id in known and option.id not in made.options and not made.open:
                    self.bad_option(option, text, made)
        elif made.kind == "text":
            self.report(
                "KB320",
                expr.span,
                f"`{text}` is free text, which is shown but never compared",
                "chart it as a choice with options",
            )
        elif made.kind in ("number", "date-time"):
            self.report(
                "KB313",
                expr.span,
                f"`{text}` is {in_words(made)} and has no options",
                "compare it: `" + f"{text} > 0 {made.unit}".strip() + "`" if made.number else None,
            )
        return BOOLEAN

    def bad_option(self, option: tree.Name, text: str, made: Type) -> None:
        close = get_close_matches(option.id, made.options, 1, 0.6)
        offers = ", ".join(f"`{name}`" for name in made.options)
        help = f"did you mean `{close[0]}`?" if close else f"the options are {offers}"
        if not close and self.scope.kind_of(option.id):
            help = f"for a condition of its own write it first, or in brackets: `({text} is …) or {option.id}`"
        self.report("KB318", option.span, f"`{text}` has no option `{option.id}`", help)

    def _element_of(self, expr: tree.Expr) -> ElementLike | None:
        if isinstance(expr, tree.Name) and self.scope.kind_of(expr.id) == "element":
            return self.scope.elements[expr.id]
        return None

    # -------- arithmetic

    def _arithmetic(self, expr: tree.Arithmetic) -> Type:
        left, right = self.type_of(expr.left), self.type_of(expr.right)
        if "error" in (left.kind, right.kind):
            return ERROR
        if expr.op in "+-" and "date-time" in (left.kind, right.kind):
            return self._dates(expr, left, right)
        for side, made in ((expr.left, left), (expr.right, right)):
            if not made.number:
                code = "KB320" if made.kind == "text" else "KB313"
                return self.report(
                    code, side.span, f"`{to_text(side)}` is {in_words(made)}, and `{expr.op}` needs a number"
                )
        degrees = (("temperature", 1),)
        if expr.op in "+-":
            if left.dimension == degrees and right.dimension == degrees:
                if expr.op == "+" or left.literal or right.literal:
                    return self.report(
                        "KB314",
                        expr.span,
                        "temperatures are not added, nor degrees taken from them",
                        "compare the temperature itself, or `change(temperature in the last 1 h)`",
                    )
                return Type("number", (("temperature_difference", 1),), left.unit)
            problem = meet(left, right)
            if isinstance(problem, str):
                self._mismatch(problem, expr, (expr.left, left), (expr.right, right))
                return ERROR
            return agree(left, right)
        if expr.op == "/" and literal_value(self.scope, expr.right) == 0:
            return self.report(
                "KB333", expr.right.span, f"`{to_text(expr.right)}` is zero, and nothing is divided by zero"
            )
        if degrees in (left.dimension, right.dimension):
            return self.report(
                "KB314",
                expr.span,
                f"a temperature takes no part in `{expr.op}`",
                "degrees have an arbitrary zero; compare them instead",
            )
        made = product(self.scope, expr.op, left, right)
        for bare, code in (("body_mass", "KB323"), ("arbitrary", "KB324")):
            names = [base for base, _ in made.dimension if base.startswith(bare + "[")]
            if len(names) > 1:
                self._mismatch(code, expr, (expr.left, left), (expr.right, right))
                return ERROR
        return made

    def _dates(self, expr: tree.Arithmetic, left: Type, right: Type) -> Type:
        if left.kind == right.kind == "date-time":
            if expr.op == "-":
                return SECONDS
            return self.report("KB313", expr.span, "two date-times are not added", "subtract them, or add a duration")
        date_first = left.kind == "date-time"
        side, made = (expr.right, right) if date_first else (expr.left, left)
        if not made.number or (expr.op == "-" and not date_first):
            return self.report(
                "KB313",
                expr.span,
                f"`{to_text(side)}` is {in_words(made)}: a date-time takes a duration after it",
                "write `now - admission_time`, or `admission_time + 6 h`",
            )
        ok = self.same(SECONDS, made, side, "a date-time takes a duration", "h")
        return DATE_TIME if ok else ERROR

    # -------- functions

    def _call(self, expr: tree.Call) -> Type:
        function, arguments = expr.function, expr.arguments
        if function == "ordered":
            return self._ordered(expr)
        if function == "known":
            made = self.type_of(arguments[0])
            if made.kind == "text":
                self.report("KB320", expr.span, f"`{to_text(arguments[0])}` is free text, which no condition reads")
            return BOOLEAN
        if function in COMPUTED and not self.context.in_define:
            for argument in arguments:
                self.type_of(argument)
            return self.report(
                "KB328",
                expr.span,
                f"`{function}` stands outside a definition",
                "give the value a name under `define` and use the name here",
            )
        types = [self.numeric(argument) for argument in arguments]
        if any(made.kind == "error" for made in types):
            return ERROR
        if function in ("least", "greatest", "round"):
            joined = types[0]
            for argument, made in zip(arguments[1:], types[1:], strict=True):
                problem = meet(joined, made)
                if isinstance(problem, str):
                    self._mismatch(problem, expr, (arguments[0], joined), (argument, made))
                    return ERROR
                joined = agree(joined, made) if function != "round" else replace(joined, literal=False)
            step = literal_value(self.scope, arguments[1]) if function == "round" else None
            if step is not None and step <= 0:
                return self.report(
                    "KB333",
                    arguments[1].span,
                    f"`{to_text(arguments[1])}` is no step to round to",
                    "round to a step above zero, such as `1` or `0.1 mL`",
                )
            return joined
        if function == "abs":
            return replace(types[0], literal=False)
        for argument, made in zip(arguments, types, strict=True):
            if made.dimension:
                return self.report(
                    "KB314",
                    argument.span,
                    f"`{to_text(argument)}` is {described(made)}, and `{function}` takes a plain number",
                    f"divide by the unit first: `{to_text(argument)} / 1 {made.unit}`",
                )
        return PLAIN

    def _ordered(self, expr: tree.Call) -> Type:
        argument = expr.arguments[0]
        if self.context.order is None:
            self.report(
                "KB329",
                expr.span,
                "`ordered` stands outside a `never` rule",
                "only a rule about orders sees the other orders",
            )
        elif not isinstance(argument, tree.Name) or self.scope.event_of(argument.id) not in ("drug", "class"):
            name = argument if isinstance(argument, tree.Name) else tree.Name(to_text(argument), argument.span)
            if self.scope.kind_of(name.id):
                self.report("KB312", argument.span, f"`{name.id}` is not a drug or class", "write `ordered(dopamine)`")
            else:
                unknown(self, name, (*self.scope.drugs, *self.scope.classes), "drug")
        return BOOLEAN
