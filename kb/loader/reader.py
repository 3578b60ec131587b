"""One file being read: its nodes asked for what should be there, as words, names, amounts and conditions, with places.

A part whose shape is already known to be wrong is passed over, so one mistake is told once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias, TypeVar

from kb import model
from kb.codes import found
from kb.diagnostics import Allowance, Diagnostic, Related, Span, has_errors, in_reading_order
from kb.expression import parser, tree
from kb.mending import told_as_a_slip
from kb.source import Entry, Mapping, Node, Scalar, Sequence, Source
from kb.validator import Checked, check_shape

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*")
_LOCAL = re.compile(r"local +([a-z][a-z0-9_]*)")
_DASHED = re.compile(r"(?<=[0-9]) ?[\u2012\u2013\u2014] ?(?=[0-9])")

Place: TypeAlias = Callable[[int], Span]
T = TypeVar("T")

Plain: TypeAlias = "str | bool | int | Decimal"

_NO_BACKING = model.Backing()


class Reader:
    """One file being made into records. Asks for what should be there, and goes on where it is not."""

    def __init__(self, source: Source, kind: str) -> None:
        self.file = source.file
        self.root = source.root
        self.diagnostics: list[Diagnostic] = list(source.diagnostics)
        self.texts: list[model.Text] = []
        self.checked = Checked()
        if self.root is not None:
            self.checked = check_shape(self.root, kind)
            self.diagnostics += self.checked.diagnostics
            if not self.checked.complete:
                self.root = None
        slip = told_as_a_slip(source, kind, self.diagnostics)
        if slip is not None:
            self.diagnostics, self.root = list(slip), None
        self.top = Span(self.file)

    def report(
        self, code: str, span: Span, message: str, help: str | None = None, related: tuple[Related, ...] = ()
    ) -> None:
        self.diagnostics.append(found(code, span, message, help, related=related))

    # -- what a node is

    def scalar(self, node: Node | None) -> Scalar | None:
        return node if isinstance(node, Scalar) and node not in self.checked.faulty else None

    def mapping(self, node: Node | None) -> Mapping | None:
        return node if isinstance(node, Mapping) and not node.faulty else None

    def entries(self, node: Node | None) -> Iterable[tuple[str, Entry]]:
        mapping = self.mapping(node)
        return mapping.entries.items() if mapping is not None else ()

    def items(self, node: Node | None) -> tuple[Node, ...]:
        return node.items if isinstance(node, Sequence) and not node.faulty else ()

    def each(self, node: Node | None, make: Callable[[Reader, str, Entry, Mapping], T | None]) -> dict[str, T]:
        """Records by name, of a mapping whose values are mappings."""
        made: dict[str, T] = {}
        for name, entry in self.entries(node):
            inner = self.mapping(entry.value)
            record = make(self, name, entry, inner) if inner is not None else None
            if record is not None:
                made[name] = record
        return made

    # -- words

    def word(self, node: Node | None, default: str = "") -> str:
        """An id, an option or other text that is not prose."""
        scalar = self.scalar(node)
        return default if scalar is None else scalar.text

    def text(self, node: Node | None) -> model.Text | None:
        """Prose, kept for the checks over prose."""
        scalar = self.scalar(node)
        if scalar is None:
            return None
        text = model.Text(scalar.text.strip(), scalar.span)
        self.texts.append(text)
        return text

    def label(self, node: Node | None) -> model.Text | None:
        """A word with its place, not prose."""
        scalar = self.scalar(node)
        return None if scalar is None else model.Text(scalar.text, scalar.span)

    def needed(self, node: Node | None, parent: Mapping) -> model.Text:
        return self.text(node) or model.Text("", parent.span)

    def ref(self, node: Node | None) -> model.Ref | None:
        scalar = self.scalar(node)
        return None if scalar is None else model.Ref(scalar.text, scalar.span)

    def some_ref(self, node: Node | None, parent: Mapping) -> model.Ref:
        return self.ref(node) or model.Ref("", parent.span)

    def refs(self, node: Node | None) -> tuple[model.Ref, ...]:
        """A name or a list of names."""
        if isinstance(node, Scalar):
            one = self.ref(node)
            return () if one is None else (one,)
        return tuple(found for found in map(self.ref, self.items(node)) if found is not None)

    def names(self, node: Node | None) -> tuple[str, ...]:
        return tuple(ref.id for ref in self.refs(node))

    def backing(self, mapping: Mapping) -> model.Backing:
        cites, interprets = mapping.get("cites"), mapping.get("interprets")
        if cites is None and interprets is None:
            return _NO_BACKING
        return model.Backing(self.refs(cites), self.refs(interprets))

    def date(self, node: Node | None) -> str:
        scalar = self.scalar(node)
        if scalar is None:
            return ""
        try:
            date.fromisoformat(scalar.text)
        except ValueError:
            self.report(
                "KB217",
                scalar.span,
                f"there is no date `{scalar.text[:40]}`",
                "write year-month-day, like `2026-01-27`",
            )
        return scalar.text

    def prose_by_name(self, node: Node | None) -> dict[str, model.Text]:
        texts = ((name, self.text(entry.value)) for name, entry in self.entries(node))
        return {name: text for name, text in texts if text is not None}

    def plain(self, node: Node | None) -> Plain | None:
        """A charted value: `true` and numbers as such, everything else as text."""
        scalar = self.scalar(node)
        if scalar is None:
            return None
        value = self.checked.values.get(scalar, scalar.text)
        if isinstance(value, Decimal):
            return int(value) if value == value.to_integral_value() and "." not in scalar.text else value
        return value if isinstance(value, bool) else scalar.text

    def plain_by_name(self, node: Node | None) -> tuple[dict[str, Plain], dict[str, Span]]:
        values: dict[str, Plain] = {}
        spans: dict[str, Span] = {}
        for name, entry in self.entries(node):
            value = self.plain(entry.value)
            if value is not None:
                values[name], spans[name] = value, entry.value.span
        return values, spans

    # -- expressions

    def amount(self, node: Node | None) -> model.Amount | None:
        scalar = self.scalar(node)
        if scalar is None:
            return None
        text, at = undashed(scalar.text, scalar.at)
        value = parser.parse_amount(text, at)
        if isinstance(value, Diagnostic):
            if value.code == "KB301" and "is left over after" in value.message and not re.search(r"[<>=()]", text):
                value = replace(value, help="write a number and its unit and nothing else, such as `30 mL` or `10 min`")
            self.diagnostics.append(value)
            return None
        return model.Amount(value, scalar.text, scalar.span)

    def some_amount(self, node: Node | None, parent: Mapping) -> model.Amount:
        return self.amount(node) or nothing(parent.span)

    def amount_or_ref(self, node: Node | None) -> model.Amount | model.Ref | None:
        """A quantity, `local NAME`, or the bare name of a parameter."""
        scalar = self.scalar(node)
        if scalar is None:
            return None
        local = _LOCAL.fullmatch(scalar.text)
        if local:
            return model.Ref(local.group(1), scalar.place(local.start(1), local.end(1)))
        if _NAME.fullmatch(scalar.text):
            return model.Ref(scalar.text, scalar.span)
        return self.amount(node)

    def window(self, node: Node | None, parent: Mapping) -> tuple[tree.Window, str]:
        """`episode`, `the last 24 h` or `since X`, as after `in:`."""
        scalar = self.scalar(node)
        if scalar is None:
            return tree.InEpisode(parent.span), ""
        window = parser.parse_window(scalar.text, scalar.at)
        if isinstance(window, Diagnostic):
            self.diagnostics.append(window)
            return tree.InEpisode(scalar.span), ""
        return window, scalar.text

    def condition(self, node: Node | None) -> model.Condition | None:
        """A sentence, or a list of them under `all`, `any`, `none` or `at_least` with `of`."""
        if node is None or node in self.checked.faulty:
            return None
        if isinstance(node, Scalar):
            sentence = parser.parse_expression(node.text, node.at)
            if isinstance(sentence, Diagnostic):
                self.diagnostics.append(sentence)
                return None
            return model.Condition(sentence, node.text, node.span)
        mapping = self.mapping(node)
        return None if mapping is None else self.condition_of(mapping)

    def condition_of(self, mapping: Mapping) -> model.Condition | None:
        """The condition in a mapping that has, perhaps among other keys, one of the list words."""
        kind = next((key for key in ("all", "any", "none", "of", "when", "condition") if key in mapping.entries), None)
        if kind is None:
            return None
        if kind in ("when", "condition"):
            inner = self.condition(mapping.get(kind))
            if inner is None or kind == "condition":
                return inner
            backing = self.backing(mapping)
            cites, interprets = (*inner.cites, *backing.cites), (*inner.interprets, *backing.interprets)
            return model.Condition(inner.expr, inner.text, inner.span, cites, interprets)
        found = [self.condition(item) for item in self.items(mapping.get(kind))]
        items = [item for item in found if item is not None]
        if not items or len(items) != len(found):
            return None
        entry = mapping.entries[kind]
        last = items[-1].span
        span = Span(self.file, entry.key.span.line, entry.key.span.column, last.end_line, last.end_column)
        expressions = tuple(item.expr for item in items)
        expr: tree.Expr
        texts = [item.text for item in items]
        if kind == "all":
            expr = expressions[0] if len(items) == 1 else tree.And(expressions, span)
            text = " and ".join(_bracketed(items))
        elif kind == "any":
            expr = expressions[0] if len(items) == 1 else tree.Or(expressions, span)
            text = " or ".join(_bracketed(items))
        elif kind == "none":
            expr = tree.Not(expressions[0] if len(items) == 1 else tree.Or(expressions, span), span)
            text = f"not ({' or '.join(_bracketed(items))})" if len(items) > 1 else f"not ({texts[0]})"
        else:
            count = int(self.word(mapping.get("at_least")) or 1)
            if count > len(items):
                place = mapping.entries["at_least"].value.span
                self.report(
                    "KB214", place, f"{count} of {len(items)} can never be true", "lower the number or add items"
                )
                return None
            expr = tree.AtLeast(count, expressions, span)
            text = f"at least {count} of: {'; '.join(texts)}"
        cites = tuple(ref for item in items for ref in item.cites)
        interprets = tuple(ref for item in items for ref in item.interprets)
        return model.Condition(expr, text, span, cites, interprets)

    def some_condition(self, node: Node | None, parent: Mapping) -> model.Condition:
        return self.condition(node) or model.Condition(tree.Truth(False, parent.span), "", parent.span)

    def conditions(self, node: Node | None) -> tuple[model.Condition, ...]:
        return tuple(item for item in map(self.condition, self.items(node)) if item is not None)

    # -- what every file has

    def allowances(self) -> tuple[Allowance, ...]:
        """What the file accepts of its own warnings: each `allow:` holds for the record that it stands in."""
        assert self.root is not None
        end = Span(self.file, 10**9)
        made: list[Allowance] = []
        stack: list[tuple[Node, Span]] = [(self.root, Span(self.file, 1, 1, end.line, 1))]
        while stack:
            node, extent = stack.pop()
            if isinstance(node, Sequence):
                stack += [(item, item.span) for item in node.items]
            for key, entry in self.entries(node):
                begins, ends = entry.key.span, entry.value.span
                if key == "allow" and entry.value not in self.checked.faulty and self.is_allowing(entry.value):
                    made += self.each(
                        entry.value,
                        lambda reader, code, entry, body, extent=extent: Allowance(  # type: ignore[misc]
                            code,
                            reader.word(body.get("because")),
                            reader.word(body.get("by")),
                            reader.date(body.get("until")),
                            entry.key.span,
                            extent,
                        ),
                    ).values()
                else:
                    inner = Span(self.file, begins.line, begins.column, ends.end_line, ends.end_column)
                    stack.append((entry.value, inner))
        return tuple(sorted(made, key=lambda item: item.span))

    def is_allowing(self, node: Node) -> bool:
        """Whether the keys are codes: a step, drug or definition may be called `allow`."""
        return all(re.fullmatch("KB[0-9]{3}", code) for code, _ in self.entries(node))

    def of_this_folder(self, folder: Path, root: Mapping) -> None:
        name = self.scalar(root.get("protocol"))
        if name is not None and folder.parent.name == "protocols" and name.text != folder.name:
            self.report(
                "KB218",
                name.span,
                f"this file is about `{name.text}`, but the folder is `{folder.name}`",
                "give both the same name",
            )

    def names_no_words(self, *groups: Node | None) -> None:
        """What a condition can name is not called like a word of conditions."""
        for name, entry in (each for group in groups for each in self.entries(group)):
            if name in parser.RESERVED:
                self.report(
                    "KB135",
                    entry.key.span,
                    f"`{name}` is a word of conditions and cannot be a name",
                    "give it a name that says more; two words are never taken for one of the language",
                )


def done(reader: Reader, product: T | None, more: Iterable[Diagnostic] = ()) -> tuple[T | None, list[Diagnostic]]:
    problems = list(in_reading_order([*reader.diagnostics, *more]))
    return (None if has_errors(problems) else product), problems


def nothing(span: Span) -> model.Amount:
    """Stands where an amount could not be read; never leaves the loader, because there is an error then."""
    return model.Amount(tree.Number(Decimal(0), None, span), "", span)


def _bracketed(items: list[model.Condition]) -> list[str]:
    """The wording of each item, in brackets where it holds an `and` or `or` of its own."""
    many = len(items) > 1
    joined = (tree.And, tree.Or, tree.AtLeast, tree.Implies)
    return [f"({item.text})" if many and isinstance(item.expr, joined) else item.text for item in items]


def undashed(text: str, at: Place) -> tuple[str, Place]:
    """`30–40` as `30 to 40`, with the places of the text as it was."""
    if text.isascii():
        return text, at
    pieces: list[str] = []
    offsets: list[int] = []
    last = 0
    for match in _DASHED.finditer(text):
        pieces += [text[last : match.start()], " to "]
        offsets += [*range(last, match.start()), *([match.start()] * 4)]
        last = match.end()
    if not pieces:
        return text, at
    pieces.append(text[last:])
    offsets += [*range(last, len(text)), len(text)]
    return "".join(pieces), lambda offset: at(offsets[min(offset, len(offsets) - 1)])
