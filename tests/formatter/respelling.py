"""The same content of a file spelled in another way: brackets or lines, quotes, order of keys, indents, comments."""

from __future__ import annotations

import json
from random import Random

from kb.source import Mapping, Node, Scalar, Sequence
from kb.validator import Shape


class Respelling:
    """Writes a tree anew, each choice of form drawn. `comments` lists the comments it put in.

    It knows nothing of `kb.formatter`: only what YAML allows, and where the schema reads quotes as a difference.
    """

    def __init__(self, random: Random, with_comments: bool) -> None:
        self.random = random
        self.with_comments = with_comments
        self.comments: list[str] = []
        self.lines: list[str] = []
        self.ceiling = 99  # behind a block of text, a comment deeper than this would be text

    def text(self, root: Mapping, shape: Shape) -> str:
        if self.chance(0.3):
            self.lines.append("---" + self.side())
        self.comment(0, 0.5)
        self.mapping(root, shape, 0)
        self.comment(self.random.randrange(9), 0.5)
        end = self.random.choice(["\n", "", "\n\n\n"])
        return "\n".join(self.lines) + end

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def note(self) -> str:
        self.comments.append(
            f"# note {len(self.comments)}" + self.random.choice(["", ": a, b", " - [x]", ' "quoted', "'"])
        )
        return self.comments[-1]

    def comment(self, indent: int, share: float = 0.15) -> None:
        """Blank lines, and perhaps a comment on a line of its own."""
        if self.chance(share):
            self.lines += [""] * self.random.randrange(3)
        while self.with_comments and self.chance(share):
            column = max(0, min(indent + self.random.choice([0, 0, 0, -2, 2]), self.ceiling))
            self.lines.append(" " * column + self.note())
            if self.chance(0.3):
                self.lines.append("   ")

    def side(self) -> str:
        return "  " + self.note() if self.with_comments and self.chance(0.15) else " " * self.random.choice([0, 0, 1])

    # -- collections

    def in_some_order(self, node: Mapping, shape: Shape | None) -> list[str]:
        names = list(node.entries)
        if shape is not None and shape.closed and not shape.patterns and self.chance(0.7):
            self.random.shuffle(names)
        return names

    def mapping(self, node: Mapping, shape: Shape | None, indent: int, lead: str = "") -> None:
        """The keys from column `indent` on; `lead` stands before the first, as in `- `."""
        shape = None if shape is None else shape.meant(node.entries)
        for number, name in enumerate(self.in_some_order(node, shape)):
            if number or not lead:
                self.comment(indent)
            self.ceiling = 99
            entry = node.entries[name]
            head = (lead if not number and lead else " " * indent) + self.key(name) + ":"
            self.value(entry.value, None if shape is None else shape.under(name), head, indent)

    def sequence(self, node: Sequence, shape: Shape | None, indent: int) -> None:
        inner = None if shape is None else shape.items
        for item in node.items:
            self.comment(indent)
            self.ceiling = 99
            lead = " " * indent + "-"
            if isinstance(item, Mapping) and item.entries and self.chance(0.7):
                gap = self.random.choice([1, 1, 3])
                self.mapping(item, inner, indent + 1 + gap, lead + " " * gap)
            else:
                self.value(item, inner, lead, indent)

    def value(self, node: Node, shape: Shape | None, head: str, indent: int) -> None:
        """What stands behind `head`, a key with its colon or a dash at column `indent`."""
        below = indent + self.random.choice([1, 2, 2, 4])
        if isinstance(node, Scalar):
            self.scalar(node, shape, head, below)
        elif not _size(node) or (self.chance(0.3) and _size(node) < 40):
            self.flow(node, shape, head + " ", below)
        else:
            self.lines.append(head + self.side())
            if isinstance(node, Mapping):
                self.mapping(node, shape, below)
            else:
                is_key = head.endswith(":")
                self.sequence(node, shape, indent if is_key and self.chance(0.3) else below)

    def flow(self, node: Node, shape: Shape | None, head: str, indent: int) -> None:
        """In brackets, on one line or on several with comments between."""
        several = self.chance(0.4)
        out = head
        closers: list[str] = []

        def wrapped() -> None:
            nonlocal out
            if several and self.chance(0.5):
                self.lines.append((out + self.side()).rstrip() if out.strip() else "")
                self.comment(indent)
                out = " " * indent

        def put(node: Node, shape: Shape | None) -> None:
            nonlocal out
            if isinstance(node, Scalar):
                out += self.inline(node, shape, flow=True)
                return
            out += "[" if isinstance(node, Sequence) else "{"
            closers.append("]" if isinstance(node, Sequence) else "}")
            wrapped()
            if isinstance(node, Sequence):
                for number, item in enumerate(node.items):
                    if number:
                        out += ", "
                        wrapped()
                    put(item, None if shape is None else shape.items)
            else:
                meant = None if shape is None else shape.meant(node.entries)
                for number, name in enumerate(self.in_some_order(node, meant)):
                    if number:
                        out += ", "
                        wrapped()
                    out += self.key(name, flow=True) + ": "
                    put(node.entries[name].value, None if meant is None else meant.under(name))
            if self.chance(0.3):
                out += ","  # YAML allows one more
            if not _size(node):
                out = out.rstrip(",")
            wrapped()
            out += closers.pop()

        put(node, shape)
        self.lines.append(out + self.side())

    # -- scalars

    def key(self, name: str, flow: bool = False) -> str:
        plain = all(char.isalnum() or char in "_- ." for char in name) and name[0].isalpha()
        return name if plain and self.chance(0.8) else json.dumps(name, ensure_ascii=False)

    def inline(self, node: Scalar, shape: Shape | None, flow: bool = False) -> str:
        text = node.text
        if shape is None or shape.reads_otherwise(text):
            return json.dumps(text) if node.style else text
        choices = [json.dumps(text, ensure_ascii=False), "'" + text.replace("'", "''") + "'"]
        if not node.style and not (flow and set(",[]{}:()") & set(text)):
            choices += [text, text]
        return self.random.choice(choices)

    def scalar(self, node: Scalar, shape: Shape | None, head: str, indent: int) -> None:
        text = node.text
        free = shape is not None and not shape.reads_otherwise(text)
        words = text.split(" ")
        if free and len(words) > 2 and all(words) and self.chance(0.3):
            folds = self.folds(words)
            pad = " " * indent
            match self.random.choice(["block", "double", "plain", "below"]):
                case "block":
                    self.lines.append(f"{head} >-" + self.side())
                    self.lines += [pad + line for line in folds]
                    self.ceiling = indent - 1
                    return
                case "double" if "\\" not in text and '"' not in text:
                    self.lines += [f'{head} "{folds[0]}', *(pad + line for line in folds[1:])]
                    self.lines[-1] += '"' + self.side()
                    return
                case "plain" if not node.style and not any(line[0] in "-?#" for line in folds):
                    self.lines += [f"{head} {folds[0]}", *(pad + line for line in folds[1:])]
                    self.lines[-1] += self.side()
                    return
                case "below":
                    self.lines.append(head + self.side())
                    self.comment(indent)
                    head = " " * (indent - 1)
        self.lines.append(head + self.random.choice([" ", "   "]) + self.inline(node, shape) + self.side())

    def folds(self, words: list[str]) -> list[str]:
        lines = [words[0]]
        for word in words[1:]:
            if self.chance(0.3):
                lines.append(word)
            else:
                lines[-1] += " " + word
        return lines


def _size(node: Node) -> int:
    if isinstance(node, Scalar):
        return 1
    if isinstance(node, Sequence):
        return sum(map(_size, node.items))
    return sum(_size(entry.value) for entry in node.entries.values())


def pruned(node: Node, shape: Shape | None, random: Random, most: int) -> Node:
    """The tree with at most so many of the things that the editor named in one place, and of the items of a list."""
    if isinstance(node, Scalar):
        return node
    if isinstance(node, Sequence):
        inner = None if shape is None else shape.items
        items = node.items if len(node.items) <= most else tuple(random.sample(node.items, most))
        return Sequence(tuple(pruned(item, inner, random, most) for item in items), node.span, node.flow)
    shape = None if shape is None else shape.meant(node.entries)
    names = list(node.entries)
    if shape is not None and (shape.patterns or not shape.closed) and len(names) > most:
        names = sorted(random.sample(names, most), key=names.index)
    entries = {
        name: type(entry)(entry.key, pruned(entry.value, None if shape is None else shape.under(name), random, most))
        for name, entry in node.entries.items()
        if name in names
    }
    return Mapping(entries, node.span, node.flow)
