"""Whether a tree of nodes has the shape its schema asks for: one root cause, one diagnostic.

The schemas in `schema/` are the contract, and `jsonschema` is its reference reading (`reference_errors`).
`check_shape` walks the same schemas over the nodes, several times as fast, and says what an editor did: it
decides which kind of step is meant before it looks at the keys, so a misspelt verb is a misspelt verb.
Scalars are read as what the schema expects in their place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from collections.abc import Mapping as Named
from dataclasses import dataclass, field, replace
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Final

from kb.codes import found
from kb.diagnostics import Diagnostic, Related, Span
from kb.source import MAX_DIAGNOSTICS, Entry, Mapping, Node, Scalar, Sequence, cut_text, look_alike, printable

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?")
_NUMBER_LIKE = re.compile(r"(?i)[-+]?[.\d][\d_.,]*(?:e[-+]?\d+)?|[-+]?\.?inf(?:inity)?|\.?nan|0x[\da-f]+|0o[0-7]+")
# A plain item of a one-line list that begins like this is the second half of a sentence cut at its comma.
_GOES_ON = re.compile(
    r"(?:and|or|but|then|so|since|because|as|although|though|while|unless|nor|yet|which|who|whose|where|when|if)\b"
)
_LONGEST_NAME: Final = 120
_NULLS = ("", "~", "null", "Null", "NULL")
_YES, _NO = ("yes", "on", "y", "true"), ("no", "off", "n", "false")
_WORDS_OF_TYPES: Final = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "`true` or `false`",
    "array": "a list",
    "object": "a group of keys",
}
_WORDS_OF_PATTERNS: Final = {
    "^[a-z][a-z0-9]*(-[a-z0-9]+)*$": "lower-case words joined with `-`",
    "^[a-z][a-z0-9]*(_[a-z0-9]+)*$": "lower-case words joined with `_`",
    "^[a-z][a-z0-9_]*(-[a-z0-9_]+)*$": "lower-case words joined with `-` or `_`",
    "^S[0-9]{2,3}[a-z]?$": "`S` and two or three digits, perhaps a letter",
    "^S[0-9]{2,3}$": "`S` and two or three digits",
    "^A[0-9]{2,3}[a-z]?$": "`A` and two or three digits, perhaps a letter",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "year, month and day",
}


# ---------------------------------------------------------------- schemas


def schema_folder() -> Path:
    """Where the schemas are: inside the installed package, or at the top of the repository."""
    inside = Path(__file__).parent / "schema"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "schema"


@cache
def schema_document(kind: str) -> dict[str, Any]:
    """The JSON Schema for files of `kind`: protocol, statements, scenario, data, drugs, units, local …"""
    document: dict[str, Any] = json.loads((schema_folder() / f"{kind}.schema.json").read_text(encoding="utf-8"))
    return document


class Shape:
    """A schema made ready for walking. Built once per schema; nothing changes it afterwards."""

    __slots__ = (
        "about",
        "apart",
        "boolean_ok",
        "case",
        "closed",
        "code",
        "defines",
        "dependencies",
        "enum",
        "example",
        "expression",
        "extra",
        "items",
        "keys",
        "kinds",
        "least",
        "least_items",
        "least_keys",
        "line",
        "longest",
        "most",
        "names",
        "number_ok",
        "one_of",
        "over",
        "pattern",
        "pattern_text",
        "patterns",
        "properties",
        "prose",
        "required",
        "title",
        "types",
        "unique",
        "window",
    )

    def __init__(self) -> None:
        self.types: tuple[str, ...] = ()
        self.title = ""
        self.about = ""
        self.code = ""
        self.example = ""
        self.prose = self.closed = self.unique = self.case = self.expression = self.window = False
        # For editors: what kinds of thing a value or a key names, and what kind the keys of a group define.
        self.names: tuple[str, ...] = ()
        self.keys: tuple[str, ...] = ()
        self.defines = ""
        self.line = self.apart = False  # how it is laid out: on one line if it fits; blank lines between its parts
        self.number_ok = self.boolean_ok = False
        self.properties: dict[str, Shape] = {}
        self.patterns: list[tuple[re.Pattern[str], str, Shape]] = []
        self.extra: Shape | None = None
        self.items: Shape | None = None
        self.required: tuple[str, ...] = ()
        self.enum: tuple[object, ...] = ()
        self.pattern: re.Pattern[str] | None = None
        self.pattern_text = ""
        self.longest: int | None = None
        self.least: float | None = None
        self.over: float | None = None
        self.most: float | None = None
        self.least_items = self.least_keys = 0
        self.one_of: list[tuple[tuple[str, ...], str]] = []
        self.kinds: dict[str, Shape] = {}
        self.dependencies: dict[str, Any] = {}

    def meant(self, keys: Collection[str]) -> Shape | None:
        """Which of several kinds is meant by `keys`; itself where there are no kinds, None where it cannot be told."""
        if not self.kinds:
            return self
        present = [kind for kind in self.kinds if kind in keys]
        return self.kinds[present[0]] if len(present) == 1 else None

    def under(self, key: str) -> Shape | None:
        """The shape of the value under `key`; None where the schema has no place for it."""
        inner = self.properties.get(key)
        if inner is None:
            for pattern, _, candidate in self.patterns:
                if pattern.match(key) and len(key) <= _LONGEST_NAME:
                    return candidate
            return self.extra
        return inner

    def reads_otherwise(self, text: str) -> bool:
        """Whether unquoted `text` is read here as something other than the same text in quotes."""
        if "string" not in self.types or text in _NULLS:
            return True
        if self.boolean_ok and text in ("true", "false"):
            return True
        return self.number_ok and _like_a_number(text)


def _like_a_number(text: str) -> bool:
    return text[0] in "-+.0123456789nNiI" and _NUMBER_LIKE.fullmatch(text) is not None


@cache
def file_kinds() -> tuple[str, ...]:
    """The kinds of YAML file there are: the schemas that begin with `format`."""
    names = sorted(path.name.removesuffix(".schema.json") for path in schema_folder().glob("*.schema.json"))
    return tuple(name for name in names if "format" in schema_document(name).get("properties", {}))


@cache
def shape_of(kind: str) -> Shape:
    """The shape of files of `kind`."""
    document = schema_document(kind)
    made: dict[str, Shape] = {}

    def by_reference(reference: str) -> Shape:
        if reference not in made:
            made[reference] = Shape()
            fill(made[reference], document["definitions"][reference.rsplit("/", 1)[-1]])
        return made[reference]

    def make(schema: dict[str, Any]) -> Shape:
        if "$ref" in schema:
            return by_reference(schema["$ref"])
        parts = schema.get("allOf", [])
        if len(parts) == 1 and "$ref" in parts[0] and "type" not in schema:
            return by_reference(parts[0]["$ref"])
        shape = Shape()
        fill(shape, schema)
        return shape

    def fill(shape: Shape, schema: dict[str, Any]) -> None:
        types = schema.get("type", ())
        shape.types = (types,) if isinstance(types, str) else tuple(types)
        shape.title = schema.get("title", "")
        shape.about = schema.get("description", "")
        shape.code = schema.get("x-code", "")
        shape.example = schema.get("x-example", "")
        shape.prose = bool(schema.get("x-prose"))
        shape.case = bool(schema.get("x-case"))
        shape.expression, shape.window = bool(schema.get("x-expression")), bool(schema.get("x-window"))
        shape.names, shape.keys = tuple(schema.get("x-names", ())), tuple(schema.get("x-keys", ()))
        shape.defines = schema.get("x-defines", "")
        shape.line, shape.apart = bool(schema.get("x-line")), bool(schema.get("x-apart"))
        shape.unique = bool(schema.get("uniqueItems"))
        shape.number_ok = "number" in shape.types or "integer" in shape.types
        shape.boolean_ok = "boolean" in shape.types
        shape.required = tuple(schema.get("required", ()))
        shape.enum = tuple(schema.get("enum", ()))
        if "pattern" in schema:
            shape.pattern, shape.pattern_text = re.compile(schema["pattern"]), schema["pattern"]
        shape.longest = schema.get("maxLength")
        shape.least, shape.most = schema.get("minimum"), schema.get("maximum")
        shape.over = schema.get("exclusiveMinimum")
        shape.least_items, shape.least_keys = schema.get("minItems", 0), schema.get("minProperties", 0)
        shape.dependencies = schema.get("dependencies", {})
        for part in schema.get("allOf", []):
            if "x-one-of" in part:
                shape.one_of.append((tuple(part["x-one-of"]), part["x-code"]))
        shape.kinds = {key: by_reference(name) for key, name in schema.get("x-kinds", {}).items()}
        shape.properties = {key: make(value) for key, value in schema.get("properties", {}).items()}
        shape.patterns = [
            (re.compile(pattern), pattern, make(value))
            for pattern, value in schema.get("patternProperties", {}).items()
        ]
        extra = schema.get("additionalProperties", True)
        shape.closed = extra is False
        shape.extra = make(extra) if isinstance(extra, dict) else None
        shape.items = make(schema["items"]) if isinstance(schema.get("items"), dict) else None

    return make(document)


# ---------------------------------------------------------------- the walk


class _EnoughError(Exception):
    """More is wrong than anybody reads at once."""


@dataclass(slots=True)
class Checked:
    """What the walk found. `faulty` holds the nodes that have a diagnostic; `values` scalars that are not text.

    The walk stops after `MAX_DIAGNOSTICS`; it is then not `complete`, and the last diagnostic says so.
    """

    diagnostics: list[Diagnostic] = field(default_factory=list)
    faulty: set[Node] = field(default_factory=set)
    values: dict[Node, object] = field(default_factory=dict)
    complete: bool = True

    def blame(self, node: Node | None, diagnostic: Diagnostic) -> None:
        if len(self.diagnostics) >= MAX_DIAGNOSTICS:
            raise _EnoughError
        self.diagnostics.append(diagnostic)
        if node is not None:
            self.faulty.add(node)


def check_shape(root: Mapping, kind: str) -> Checked:
    """Compare the tree with the schema for files of `kind`."""
    checked = Checked()
    start = Span(root.span.file, root.span.line, root.span.column, root.span.line, root.span.column + 1)
    try:
        _walk(root, shape_of(kind), "", start, checked)
    except _EnoughError:
        last = checked.diagnostics[-1]
        checked.diagnostics[-1] = replace(last, message=f"{last.message}; more is wrong below, not listed")
        checked.complete = False
    return checked


def _walk(
    node: Node, shape: Shape, name: str, anchor: Span, out: Checked, beside: Named[str, Shape] | None = None
) -> None:
    """`beside` are the shapes of the other verbs, where the node is what one verb does."""
    if node.faulty:
        out.faulty.add(node)
    elif isinstance(node, Scalar):
        _scalar(node, shape, name, anchor, out)
    elif isinstance(node, Mapping):
        if "object" in shape.types:
            _mapping(node, shape, name, anchor, out, beside or {})
        elif shape.types:
            _wrong_shape(node, shape, name, anchor, out)
    elif "array" in shape.types:
        _sequence(node, shape, name, anchor, out)
    elif shape.types:
        _wrong_shape(node, shape, name, anchor, out)


def _called(name: str) -> str:
    return f"`{printable(name)}`" if name else "this"


# What people write for the last case, which holds where none before it does.
_ELSE = frozenset({"otherwise", "default", "Else", "ELSE", "if_none", "others"})


# What is written in other files than the protocol, and where.
_ELSEWHERE: Final = {
    "drugs": "protocols/library/drugs.yaml",
    "drug": "protocols/library/drugs.yaml",
    "classes": "protocols/library/drugs.yaml",
    "units": "protocols/library/units.yaml",
    "statements": "statements.yaml beside it",
    "references": "statements.yaml beside it",
    "source": "statements.yaml beside it",
    "scenarios": "a file of its own in scenarios/ beside it",
}


_NOTHING = frozenset({"none", "nothing", "no", "nobody", "nil", "null", "empty", "~", "-", "n/a"})


def _wrong_shape(node: Node, shape: Shape, name: str, anchor: Span, out: Checked) -> None:
    expected = [_WORDS_OF_TYPES[kind] for kind in shape.types if not (kind == "number" and "string" in shape.types)]
    is_what = "text" if isinstance(node, Scalar) else "a list" if isinstance(node, Sequence) else "a group of keys"
    place = node.span if isinstance(node, Scalar) else anchor
    help = None
    if isinstance(node, Sequence) and "string" in shape.types:
        help = f"write one text behind `{printable(name)}:`" if name else "write one text"
        help += "; a second action is a step of its own" if name == "do" else ""
    elif isinstance(node, Mapping) and node.flow and "string" in shape.types:
        help = "if the brackets belong to the text, put it in quotes"
    elif isinstance(node, Mapping) and shape.types == ("array",) and node.entries:
        first = printable(next(iter(node.entries))[:30])
        help = f"write it as a list: `- {first}: …`, the other keys below its first, also where there is one item only"
    elif isinstance(node, Scalar) and shape.types == ("array",) and shape.items and shape.items.properties:
        help = "write it as a list, each item after `- ` with its keys: " + _listed(shape.items.properties)
    elif isinstance(node, Scalar) and shape.types == ("array",) and node.text.lower() in _NOTHING:
        help = "write `[]` for none" if not shape.least_items else "leave the line out"
    elif isinstance(node, Scalar) and shape.types == ("array",):
        help = f"write `[{node.text.strip('()[]{} ')[:30]}]`, or one item on a line, each after `- `"
    elif isinstance(node, Scalar | Sequence) and shape.title:
        keys = list(shape.kinds or shape.properties)
        help = "its keys are " + _listed(keys) if keys else "write keys with their values, indented, on the lines below"
    out.blame(
        node, found("KB203", place, f"{_called(name)} is {is_what}, but {' or '.join(expected)} is expected", help)
    )


def _listed(names: Iterable[str], most: int = 12) -> str:
    names = list(names)
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return shown + (" …" if len(names) > most else "")


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name most like `word`, if one is like it."""
    lowered = {name.lower(): name for name in names}
    match = get_close_matches(word.lower().replace(" ", "_"), lowered, 1, 0.6)
    return lowered[match[0]] if match else None


def _sequence(node: Sequence, shape: Shape, name: str, anchor: Span, out: Checked) -> None:
    if len(node.items) < shape.least_items:
        out.blame(node, found("KB210", anchor, f"the list {_called(name)} is empty", "fill it, or remove the key"))
        return
    item_shape = shape.items
    if item_shape is None:
        return
    if node.flow and item_shape.prose and len(node.items) > 1:
        split = [
            item for item in node.items if isinstance(item, Scalar) and not item.style and _GOES_ON.match(item.text)
        ]
        if split:
            out.blame(
                node,
                found(
                    "KB116",
                    split[0].span,
                    "inside `[ ]` a comma ends the item, so one sentence may have become two",
                    "write one item on a line, each after `- `, or put each in quotes",
                ),
            )
            return
    if shape.unique:
        seen: dict[str, Scalar] = {}
        for item in node.items:
            if isinstance(item, Scalar):
                if item.text in seen:
                    out.blame(
                        item,
                        found(
                            "KB224",
                            item.span,
                            f"`{item.text[:60]}` stands twice in {_called(name)}",
                            "remove one of the two",
                            related=(Related(seen[item.text].span, "it stands here first"),),
                        ),
                    )
                seen.setdefault(item.text, item)
    for item in node.items:
        place = item.span
        if not isinstance(item, Scalar):
            place = Span(place.file, place.line, place.column, place.line, place.column + 1)
            if isinstance(item, Mapping) and item.entries:
                place = next(iter(item.entries.values())).key.span
        _walk(item, item_shape, name, place, out)


def _mapping(node: Mapping, shape: Shape, name: str, anchor: Span, out: Checked, beside: Named[str, Shape]) -> None:
    if shape.kinds:
        siblings: Named[str, Shape] = shape.kinds
        meant = shape.meant(node.entries)
        if meant is None:
            present = [key for key in siblings if key in node.entries]
            _kind_of_step(node, shape, name, anchor, present, out)
            return
        shape = meant
    else:
        siblings = beside
    verbs = {key: shape.properties[key] for keys, code in shape.one_of if code == "KB209" for key in keys}
    entries = node.entries
    misspelt: set[str] = set()
    unknown = False
    for key, entry in entries.items():
        inner = shape.under(key)
        if inner is None and shape.closed:
            unknown = True
            misspelt |= _unknown_key(entry, node, shape, siblings, name, out)
        elif inner is not None:
            odd = None if key.isascii() else look_alike(entry.key)
            if odd is not None:
                out.blame(node, odd)
            _walk(entry.value, inner, key, entry.key.span, out, verbs if key in verbs else None)
    if len(entries) < shape.least_keys and not unknown:
        if shape.code:
            out.blame(
                node, found(shape.code, anchor, "this condition is empty", "write a sentence such as `map < 65 mmHg`")
            )
        else:
            out.blame(node, found("KB210", anchor, f"{_called(name)} is empty", "fill it, or remove the key"))
        return
    missing = [key for key in shape.required if key not in entries and key not in misspelt]
    if missing:
        what = (
            f"{_a(shape.title)} needs" if shape.title and name != shape.title.strip("`") else f"{_called(name)} needs"
        )
        out.blame(
            node,
            found("KB202", anchor, f"{what} {_listed(missing)}, which is missing", _first_words(shape, missing[0])),
        )
    if unknown:
        out.faulty.add(node)
        return
    for keys, code in shape.one_of:
        _exactly_one(node, keys, code, shape, anchor, out)
    if shape.case:
        _case(node, anchor, out)
    if shape.dependencies:
        _dependencies(node, shape, anchor, out)


def _a(title: str) -> str:
    return f"an {title}" if title.lstrip("`")[:1] in "aeiou" else f"a {title}"


def _first_words(shape: Shape, key: str) -> str:
    inner = shape.properties.get(key)
    if inner is not None and inner.enum:
        return f"write `{key}:` and one of {_listed(str(word) for word in inner.enum)}"
    if inner is not None and inner.example:
        return f"write it like `{key}: {inner.example}`"
    if inner is not None and inner.about:
        about = inner.about.removesuffix(".")
        return f"add `{key}:` ({about if about[:2].isupper() else about[:1].lower() + about[1:]})"
    return f"add `{key}:`"


def _unknown_key(
    entry: Entry, node: Mapping, shape: Shape, siblings: Named[str, Shape], name: str, out: Checked
) -> set[str]:
    """Report a key that has no place here; the keys it was probably meant to be."""
    key = entry.key.text
    out.faulty.add(entry.value)
    odd = look_alike(entry.key)
    if odd is not None:
        out.blame(node, odd)
        return set(shape.required)
    where = f" in {_a(shape.title)}" if shape.title else ""
    if shape.patterns:
        rule = _WORDS_OF_PATTERNS.get(shape.patterns[0][1], "")
        help = f"write {rule}" if rule else "write it"
        if rule.startswith("lower-case") and key[:1].isdigit():
            help += ", the first of which begins with a letter"
        help += f", like `{shape.example}`" if shape.example else ""
        out.blame(node, found("KB207", entry.key.span, f"`{printable(key)[:60]}` cannot be a name{where}", help))
        return set()
    near = nearest(key, [name for name in shape.properties if name not in node.entries]) or nearest(
        key, shape.properties
    )
    home = [kind for kind, other in siblings.items() if other is not shape and key in other.properties]
    verb = next((kind for kind in home if all(given in siblings[kind].properties for given in node.entries)), None)
    if verb is not None and name in siblings:
        help = f"`{key}` belongs to `{verb}:`; write that instead of `{name}:`, or name what `{name}` needs"
        out.blame(node, found("KB201", entry.key.span, f"unknown key `{key}`{where}", help))
        return set(shape.required)
    if key in ("all", "any", "none", "at_least", "of") and "when" in shape.properties:
        help = f"put it under `when:`, with `{key}:` indented on the next line"
        out.blame(node, found("KB201", entry.key.span, f"unknown key `{key}`{where}", help))
        return {"when"}
    if key in _ELSE and "else" in shape.properties:
        out.blame(node, found("KB201", entry.key.span, f"unknown key `{key}`{where}", "write `else:`"))
        return {"else"}
    lacking = [one for one in shape.required if one not in node.entries]
    if len(lacking) == 1 and (home or not near) and isinstance(entry.value, Scalar):
        here = shape.properties.get(lacking[0])
        if here is not None and "string" in here.types and not here.enum:
            out.blame(
                node,
                found(
                    "KB201",
                    entry.key.span,
                    f"unknown key `{printable(key)[:60]}`{where}, and `{lacking[0]}` is missing",
                    f"write `{lacking[0]}:` if that is meant; the keys here are {_listed(shape.properties)}",
                ),
            )
            return {lacking[0]}
    if home and not (near and near[:3] == key[:3]):
        help = f"`{key}` belongs to {_a('`' + home[0] + '` step')}"
    elif shape.title == "protocol" and key in _ELSEWHERE:
        help = f"write `{key}:` in {_ELSEWHERE[key]}; a protocol uses what stands there by its name"
        near = None
    elif near:
        help = f"did you mean `{near}`?"
    else:
        help = "the keys here are " + _listed(shape.properties)
    out.blame(node, found("KB201", entry.key.span, f"unknown key `{printable(key)[:60]}`{where}", help))
    return {near} if near else set()


def _kind_of_step(node: Mapping, shape: Shape, name: str, anchor: Span, present: list[str], out: Checked) -> None:
    kinds = list(shape.kinds)
    for entry in node.entries.values():
        out.faulty.add(entry.value)
    if present:
        present.sort(key=lambda kind: node.entries[kind].key.span)
        second = node.entries[present[1]].key.span
        message = f"{_called(name)} is both `{present[0]}` and `{present[1]}`"
        out.blame(node, found("KB208", second, message, "make two steps of it, each saying one thing"))
        return
    for key, entry in node.entries.items():
        near = nearest(key, kinds) if not any(key in other.properties for other in shape.kinds.values()) else None
        if near:
            out.blame(
                node,
                found(
                    "KB201", entry.key.span, f"unknown key `{printable(key)[:60]}` in a step", f"did you mean `{near}`?"
                ),
            )
            return
    fits = {kind: sum(key in other.properties for key in node.entries) for kind, other in shape.kinds.items()}
    best = [kind for kind in kinds if fits[kind] == max(fits.values())]
    help = f"begin it with one of {_listed(kinds)}"
    if len(best) == 1:
        help = f"add `{best[0]}:` with its text as the first key"
    out.blame(node, found("KB208", anchor, f"{_called(name)} does not say what kind of step it is", help))


def _exactly_one(node: Mapping, keys: tuple[str, ...], code: str, shape: Shape, anchor: Span, out: Checked) -> None:
    present = [key for key in keys if key in node.entries]
    if len(present) == 1:
        return
    if present:
        place = node.entries[present[1]].key.span
        out.blame(
            node,
            found(
                code,
                place,
                f"{_a(shape.title)} has `{present[0]}` or `{present[1]}`, not both",
                "keep one; a second action is a step of its own" if code == "KB209" else "keep one of the two",
                related=(Related(node.entries[present[0]].key.span, f"`{present[0]}` stands here"),),
            ),
        )
    else:
        what = "has no verb" if code == "KB209" else "is incomplete"
        out.blame(node, found(code, anchor, f"this {shape.title} {what}", f"add one of {_listed(keys)}"))


def _case(node: Mapping, anchor: Span, out: Checked) -> None:
    entries = node.entries
    if "else" in entries:
        for key in ("when", "go"):
            if key in entries:
                place = entries[key].key.span
                out.blame(node, found("KB215", place, f"a case with `else` has no `{key}`", "make two cases of it"))
                return
        return
    missing = [key for key in ("when", "go") if key not in entries]
    if missing:
        help = (
            "write `else: STEP` for the case that takes the rest"
            if missing == ["when"]
            else "name the step it leads to in `go:`"
        )
        out.blame(node, found("KB202", anchor, f"a case needs {_listed(missing)}, which is missing", help))


def _dependencies(node: Mapping, shape: Shape, anchor: Span, out: Checked) -> None:
    for key, rule in shape.dependencies.items():
        if key not in node.entries:
            continue
        place = node.entries[key].key.span
        code = shape.code or "KB216"
        if isinstance(rule, list):
            lacking = [other for other in rule if other not in node.entries]
            if lacking:
                out.blame(node, found(code, place, f"`{key}` needs `{lacking[0]}` beside it", f"add `{lacking[0]}:`"))
                return
        elif ("maxProperties" in rule and len(node.entries) > rule["maxProperties"]) or (
            "propertyNames" in rule and set(node.entries) - set(rule["propertyNames"]["enum"])
        ):
            others = [other for other in node.entries if other not in (key, "cites", "interprets")] or ["cites"]
            message = f"a condition cannot have `{key}` and `{others[0]}` side by side"
            out.blame(
                node,
                found(
                    code,
                    place,
                    message,
                    f"put one inside the other: `all:` with the items `{key}: …` and `{others[0]}: …`",
                ),
            )
            return


# ---------------------------------------------------------------- scalars


def _scalar(node: Scalar, shape: Shape, name: str, anchor: Span, out: Checked) -> None:
    types, text = shape.types, node.text
    if not types:
        return
    if (not node.style and text in _NULLS) or not text.strip():
        place = anchor if not node.text else node.span
        empty = "[]" if "array" in types and not shape.least_items else ""
        help = f"write `{name}: {empty}` for none" if empty else "write one, or remove the key"
        if not node.text and node.commented:
            help = "what stands behind `#` is a comment and is not read: put the whole text in quotes, or take `#` away"
        out.values[node] = None
        out.blame(node, found("KB210", place, f"{_called(name)} has no value", help))
        return
    if "string" in types:
        if not node.style:
            if shape.boolean_ok and text in ("true", "false"):
                out.values[node] = text == "true"
            elif shape.number_ok and _NUMBER.fullmatch(text):
                out.values[node] = Decimal(text)
            elif shape.number_ok and _like_a_number(text):
                _bad_number(node, name, out)
                return
        if shape.enum:
            value = out.values.get(node, text)
            if not any(value == word and isinstance(value, bool) == isinstance(word, bool) for word in shape.enum):
                _not_an_option(node, shape, name, out)
        elif shape.pattern is not None and shape.pattern.fullmatch(text) is None:
            _bad_name(node, shape, name, out)
        elif shape.longest is not None and len(text) > shape.longest:
            message = f"{_called(name)} is longer than {shape.longest} characters"
            out.blame(node, found("KB207", node.span, message, "shorten it"))
        elif shape.prose and node.cut:
            out.blame(node, cut_text(node))
        return
    if "boolean" in types:
        if not node.style and text in ("true", "false"):
            out.values[node] = text == "true"
            return
        word = "true" if text.lower() in _YES else "false" if text.lower() in _NO else None
        help = f"write `{word}`, without quotes" if word else "write `true` or `false`, without quotes"
        out.blame(
            node, found("KB205", node.span, f"{_called(name)} is `true` or `false`, not `{printable(text)[:40]}`", help)
        )
        return
    if shape.number_ok:
        _number(node, shape, name, out)
        return
    _wrong_shape(node, shape, name, anchor, out)


def _number(node: Scalar, shape: Shape, name: str, out: Checked) -> None:
    form = _NUMBER if "number" in shape.types else _INTEGER
    if node.style or form.fullmatch(node.text) is None:
        _bad_number(node, name, out, whole=form is _INTEGER)
        return
    value = Decimal(node.text)
    out.values[node] = value
    if shape.enum:
        if value not in shape.enum:
            if name == "format":
                message, help = f"this version of kb reads format 1, not {node.text}", "write `format: 1`"
                out.blame(node, found("KB213", node.span, message, help))
            else:
                _not_an_option(node, shape, name, out)
        return
    low, over, high = shape.least, shape.over, shape.most
    if (
        (low is not None and value < low)
        or (over is not None and value <= Decimal(str(over)))
        or (high is not None and value > high)
    ):
        bounds = [f"at least {low}" if low is not None else f"more than {over}" if over is not None else ""]
        bounds.append(f"at most {high}" if high is not None else "")
        message = f"{_called(name)} must be {' and '.join(filter(None, bounds))}, not {node.text}"
        out.blame(node, found("KB204", node.span, message))


def _bad_number(node: Scalar, name: str, out: Checked, whole: bool = False) -> None:
    text = printable(node.text)
    shown = text if len(text) <= 40 else f"{text[:20]}… ({len(text)} characters)"
    unquoted = node.style and (_INTEGER if whole else _NUMBER).fullmatch(node.text)
    digits = node.text.lstrip("+-")
    if unquoted:
        help = f"write `{shown}` without quotes"
    elif not _NUMBER_LIKE.fullmatch(node.text):
        help = "write digits only" if whole else "write digits, with a full stop before decimals"
    elif digits.startswith("0") and digits[1:2].isdigit():
        help = "write it without the leading zero"
    elif "," in digits or "_" in digits:
        help = "write a full stop before decimals, and nothing between thousands"
    elif "e" in digits.lower() and digits[0].isdigit() and not digits.lower().startswith("0x"):
        help = "write the number out, without an exponent"
    elif digits.startswith(".") and digits[1:].isdigit():
        help = f"write a zero before the point: `0{shown.lstrip('+-')}`"
    elif len(digits) > 18:
        help = "nobody measures with so many digits"
    else:
        help = "write a whole number" if whole else "write digits, with a full stop before decimals"
    kind = "a whole number" if whole else "a number"
    out.blame(node, found("KB204", node.span, f"{_called(name)} is {kind}, and `{shown}` is not written as one", help))


def _not_an_option(node: Scalar, shape: Shape, name: str, out: Checked) -> None:
    odd = look_alike(node)
    if odd:
        out.blame(node, odd)
        return
    words = [str(word).lower() if isinstance(word, bool) else str(word) for word in shape.enum]
    near = nearest(node.text, words)
    help = f"did you mean `{near}`?" if near else ""
    help = f"{help} it is one of {_listed(words)}".strip() if not near or len(words) <= 6 else help
    message = f"{_called(name)} cannot be `{printable(node.text)[:60]}`"
    out.blame(node, found("KB206", node.span, message, help))


def _bad_name(node: Scalar, shape: Shape, name: str, out: Checked) -> None:
    odd = look_alike(node)
    if odd:
        out.blame(node, odd)
        return
    if re.match(r"-\w", node.text):  # the first item lost its space, and those below were read as more of it
        item = node.text.partition(" - ")[0][1:]
        message = f"{_called(name)} is one text here, and not a list: a space is missing behind the first dash"
        out.blame(node, found("KB207", node.span, message, f"write `- {printable(item)[:60]}`"))
        return
    dosed = re.fullmatch(r"([a-z][a-z0-9-]*) +(\d[\d.]* ?\S+)", node.text)
    if dosed is not None and name in ("given", "started", "changed", "running"):
        of = "amount" if name == "given" else "rate"
        message = f"`{printable(node.text)[:60]}` is not in the form {_called(name)} takes"
        out.blame(node, found("KB207", node.span, message, f"write `{name}: {dosed[1]}`, and `{of}: {dosed[2]}`"))
        return
    names = re.split(r"\s*[,;]\s*|\s+(?:and|or)\s+", node.text.strip("()[] "))
    if len(names) > 1 and shape.pattern is not None and all(shape.pattern.fullmatch(each) for each in names if each):
        names = [each for each in names if each]
        listed = f"[{', '.join(names)}]" if len(names) > 1 else names[0]
        message = f"{_called(name)} is one text here, `{printable(node.text)[:60]}`, and not a list of names"
        help = f"write `{listed}`" if len(names) > 1 else f"write `{listed}`, without the comma"
        if "array" not in shape.types and len(names) > 1:
            help = f"write one name; where a list may stand, `{listed}` is one"
        out.blame(node, found("KB207", node.span, message, help))
        return
    message = f"`{printable(node.text)[:60]}` is not in the form {_called(name)} takes"
    small = node.text.lower()
    if small != node.text and shape.pattern is not None and shape.pattern.fullmatch(small):
        out.blame(node, found("KB207", node.span, message, f"names are written small: `{small}`"))
        return
    rule = _WORDS_OF_PATTERNS.get(shape.pattern_text, "")
    help = ", ".join(
        filter(None, [f"write {rule}" if rule else "", f"like `{shape.example}`" if shape.example else ""])
    )
    out.blame(node, found("KB207", node.span, message, help or None))


# ---------------------------------------------------------------- the reference


def to_data(node: Node, values: Named[Node, object]) -> Any:
    """The tree as plain data: `values` for scalars that are not text, everything else as it is written."""
    if isinstance(node, Scalar):
        value = values.get(node, node.text)
        return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value
    if isinstance(node, Sequence):
        return [to_data(item, values) for item in node.items]
    return {key: to_data(entry.value, values) for key, entry in node.entries.items()}


def reference_errors(data: Any, kind: str) -> list[str]:
    """What `jsonschema` finds in plain data: where, and in its words."""
    import jsonschema

    def is_number(_: object, value: object) -> bool:
        return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)

    checker = jsonschema.Draft7Validator.TYPE_CHECKER.redefine("number", is_number)
    extend: Any = jsonschema.validators.extend
    validator = extend(jsonschema.Draft7Validator, type_checker=checker)(schema_document(kind))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]
