"""What a definition says, as an editor would tell it to a colleague: one line, or the whole in Markdown.

Read from the file as it stands, so that a file with faults elsewhere still explains its names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kb.codes import CODES, explanation
from kb.editor.index import Definition, FileIndex, Use
from kb.editor.workspace import Workspace
from kb.source import Mapping, Node, Scalar, Sequence

WORDS: dict[str, str] = {
    "data": "data", "drug": "drug", "class": "class of drugs", "unit": "unit", "step": "step", "define": "definition",
    "parameter": "parameter", "statement": "statement", "reference": "reference", "interpretation": "interpretation",
    "never": "rule", "cap": "cap", "goal": "goal", "alert": "alert", "protocol": "protocol", "scenario": "scenario",
    "property": "property", "safety": "property of the safety pack", "version": "version", "code": "code of the check",
    "matter": "matter left out",
}  # fmt: skip
"""The kinds of name, as one says them."""

_VERBS = ("give", "infuse", "change", "stop", "titrate", "perform", "measure", "exclude", "call", "choose")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def escaped(text: str) -> str:
    """Text of a knowledge base for Markdown: nothing in it is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Text as it stands in the file, in backticks of its own."""
    text = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence} {text} {fence}" if len(fence) > 1 else f"`{text}`"


def said(node: Node | None) -> str:
    """A value as words: text, a list joined with commas, a group as `key: value`."""
    match node:
        case None:
            return ""
        case Scalar():
            return node.text
        case Sequence():
            return ", ".join(said(item) for item in node.items)
        case Mapping():
            return ", ".join(f"{key}: {said(entry.value)}" for key, entry in node.entries.items())


def get(definition: Definition, key: str) -> str:
    """What stands under `key` of a definition, in words."""
    return said(definition.body.get(key)) if isinstance(definition.body, Mapping) else ""


def verb_of(definition: Definition) -> str:
    body = definition.body
    return next((verb for verb in _VERBS if isinstance(body, Mapping) and verb in body.entries), "")


def brief(definition: Definition) -> str:
    """The definition in one line, as beside its name in a list."""
    match definition.kind:
        case "data":
            shown = get(definition, "unit") or get(definition, "options") or get(definition, "type")
            return f"{get(definition, 'label')} ({shown})" if shown else get(definition, "label")
        case "drug":
            shown = ", ".join(filter(None, [get(definition, "rate"), get(definition, "amount")]))
            return f"{get(definition, 'label')} ({shown})" if shown else get(definition, "label")
        case "step":
            return next((get(definition, key) for key in ("decide", "do", "end") if get(definition, key)), "") or (
                get(definition, "title") or f"hand over to {get(definition, 'hand_over')}"
            )
        case "statement":
            return get(definition, "says") or said(definition.body)
        case "interpretation":
            return get(definition, "reading")
        case "never":
            return get(definition, "because")
        case "cap":
            return f"{get(definition, 'drug')}: at most {get(definition, 'amount')}"
        case "alert":
            return get(definition, "say")
        case "class":
            return said(definition.body)
        case "unit":
            return get(definition, "ucum")
        case "code":
            return CODES[definition.name].title
        case "matter":
            return said(definition.body)
        case _:
            return get(definition, "title") or get(definition, "condition") or get(definition, "value")


def hover(workspace: Workspace, definition: Definition, file: FileIndex) -> str:
    """Markdown about a definition, as seen from `file`."""
    title = f"**{escaped(brief(definition) or definition.name)}**"
    head = f"{title}\n\n{WORDS[definition.kind]} {_code(definition.name)}"
    lines = [line for line in _about(workspace, definition, file) if line]
    return head + ("\n\n" + "\n".join(f"- {line}" for line in lines) if lines else "")


def _rows(definition: Definition, *keys: tuple[str, str]) -> Iterator[str]:
    for key, words in keys:
        text = get(definition, key)
        if text:
            yield f"{words}: {escaped(text)}"


def _about(workspace: Workspace, definition: Definition, file: FileIndex) -> Iterator[str]:
    match definition.kind:
        case "data":
            yield from _rows(
                definition, ("type", "type"), ("unit", "unit"), ("options", "one of"), ("plausible", "plausible"),
                ("valid_for", "stays current for"), ("question", "asked as"), ("basis", "weight basis"),
            )  # fmt: skip
            if get(definition, "unobtainable") == "true":
                yield "may be charted as `unobtainable`"
            yield from _rows(definition, ("codes", "codes"), *_ORIGIN)
        case "drug":
            yield from _rows(
                definition, ("synonyms", "also called"), ("classes", "class"), ("rate", "rate in"),
                ("amount", "amount in"), ("salts", "salts, as the share of base"), ("routes", "routes"),
            )  # fmt: skip
            yield from _limits(definition)
            if get(definition, "largest_step"):
                yield f"an order of {escaped(get(definition, 'largest_step'))} times the running rate is challenged"
            yield from _rows(definition, ("valid_for", "a rate stays current for"), ("codes", "codes"), *_ORIGIN)
        case "statement":
            whole = workspace.statements(file)
            parent = (
                whole.definition("statement", definition.name[:-1])
                if whole and definition.name[-1:].isalpha()
                else None
            )
            shown = parent if parent is not None and isinstance(definition.body, Scalar) else definition
            yield from _rows(shown, ("kind", "kind"), ("wording", "wording"), ("support", "support"))
            for use in _names(shown.body, "cites"):
                reference = whole.definition("reference", use) if whole is not None else None
                yield f"{escaped(use)}: {_reference(reference)}" if reference is not None else escaped(use)
            if shown is not definition:
                yield f"part of {escaped(shown.name)}: {escaped(brief(shown))}"
        case "reference":
            yield _reference(definition)
        case "interpretation":
            yield from _rows(definition, ("about", "about"), ("rejected", "rejected"), ("because", "because"))
            yield from _rows(definition, ("confirm", "to be confirmed by"), ("status", "status"))
            for name in _names(definition.body, "about"):
                yield from _statement(workspace, name, file)
        case "parameter":
            yield from _rows(definition, ("unit", "unit"), ("options", "one of"), ("range", "range"))
            default = get(definition, "default")
            yield f"default: {escaped(default)}" if default else "no default: each hospital sets it"
            settled = _settled(workspace, definition.name)
            if settled:
                yield f"settled in `local.yaml`: {escaped(settled)}"
            yield from _backing(workspace, definition, file)
        case "define":
            yield from _rows(definition, ("unit", "unit"))
            yield from _formula(definition)
            yield from _resolved(workspace, definition, file)
            yield from _backing(workspace, definition, file)
        case "step":
            yield from _step(workspace, definition, file)
        case "never":
            yield from _rows(definition, ("order", "orders of"), ("when", "refused when"), ("instead", "instead"))
            yield from _backing(workspace, definition, file)
        case "cap" | "goal" | "alert":
            yield from _rows(definition, ("in", "in"), ("weight", "weight"), ("target", "target"), ("when", "when"))
            yield from _backing(workspace, definition, file)
        case "property":
            yield from _rows(definition, ("when", "in whom"))
            always = definition.body.get("always") if isinstance(definition.body, Mapping) else None
            yield f"always: {_code(_condition(always))}"
            yield from _backing(workspace, definition, file)
        case "safety":
            yield from _rows(definition, ("because", "because"))
        case "code":
            page = explanation(definition.name).partition("\n```")[0].replace("**", "")
            yield from (escaped(part) for part in page.split("\n\n")[1:] if part.strip())
        case "protocol" | "version":
            yield from _rows(definition, ("version", "version"), ("question", "question"), ("updated", "updated"))
            yield from _rows(
                definition, ("applies", "applies to"), ("enter", "opened when"), ("withdrawn", "withdrawn")
            )


_ORIGIN = (("source", "source"), ("confirm", "to be confirmed by"))


def _names(body: Node, key: str) -> list[str]:
    node = body.get(key) if isinstance(body, Mapping) else None
    items: Iterable[Node] = node.items if isinstance(node, Sequence) else [node] if node is not None else []
    return [item.text for item in items if isinstance(item, Scalar)]


def _limits(definition: Definition) -> Iterator[str]:
    body = definition.body
    for key, words in (("limits", "limit"), ("deliver", "delivered")):
        node = body.get(key) if isinstance(body, Mapping) else None
        for item in node.items if isinstance(node, Sequence) else ():
            if not isinstance(item, Mapping):
                continue
            of = " ".join(filter(None, [said(item.get("of")), said(item.get("route"))]))
            rest = [
                f"{shown} {escaped(said(item.get(part)))}"
                for part, shown in (("soft", "soft"), ("hard", "hard"), ("step", "in steps of"), ("towards", "towards"))
                if item.get(part) is not None
            ]
            source = said(item.get("source")) or said(item.get("confirm"))
            yield f"{words} ({escaped(of)}): {', '.join(rest)}" + (f"; {escaped(source)}" if source else "")


def _reference(definition: Definition) -> str:
    parts = [get(definition, key) for key in ("title", "publisher", "year", "tier", "identifier")]
    return escaped(", ".join(filter(None, parts)))


def _statement(workspace: Workspace, name: str, file: FileIndex) -> Iterator[str]:
    found = workspace.look_up(("statement",), name, file)
    yield f"{escaped(name)}: {escaped(brief(found))}" if found is not None else f"{escaped(name)}: no such statement"


def _backing(workspace: Workspace, definition: Definition, file: FileIndex) -> Iterator[str]:
    """What a thing rests on: statements with their text, and readings that somebody must still confirm."""
    for name in _names(definition.body, "cites"):
        yield from _statement(workspace, name, file)
    for name in _names(definition.body, "interprets"):
        found = workspace.look_up(("interpretation",), name, file)
        if found is None:
            yield f"{escaped(name)}: no such interpretation"
            continue
        status = "disputed" if get(found, "status") == "disputed" else f"to be confirmed by {get(found, 'confirm')}"
        yield f"{escaped(name)}, our reading ({escaped(status)}): {escaped(brief(found))}"


def _settled(workspace: Workspace, name: str) -> str:
    local = workspace.index(workspace.root / "local.yaml")
    parameters = local.root.get("parameters") if local is not None else None
    return said(parameters.get(name)) if isinstance(parameters, Mapping) else ""


def _condition(node: Node | None) -> str:
    """A condition on one line."""
    if not isinstance(node, Mapping):
        return said(node)
    for key, word in (("all", " and "), ("any", " or ")):
        items = node.get(key)
        if isinstance(items, Sequence):
            return word.join(_bracketed(item) for item in items.items)
    if isinstance(items := node.get("none"), Sequence):
        return f"none of: {'; '.join(_condition(item) for item in items.items)}"
    if isinstance(items := node.get("of"), Sequence):
        return f"at least {said(node.get('at_least'))} of: {'; '.join(_condition(item) for item in items.items)}"
    return _condition(node.get("when")) if "when" in node.entries else said(node)


def _bracketed(node: Node) -> str:
    text = _condition(node)
    return f"({text})" if " and " in text or " or " in text else text


def _formula(definition: Definition) -> Iterator[str]:
    body = definition.body
    if not isinstance(body, Mapping):
        return
    cases = body.get("cases")
    for case in cases.items if isinstance(cases, Sequence) else ():
        if isinstance(case, Mapping):
            when = case.get("when")
            told = f"when {_code(_condition(when))}" if when is not None else "otherwise"
            yield f"{_code(said(case.get('value')))} {told}"
    latch = body.get("latch")
    if isinstance(latch, Mapping):
        yield f"set by {_code(_condition(latch.get('set')))}, cleared by {_code(_condition(latch.get('clear')))}"
    for key in ("value", "condition"):
        if key in body.entries:
            yield f"is {_code(_condition(body.get(key)))}"
    if body.entries.keys() & {"all", "any", "none", "of"}:
        yield f"is {_code(_condition(body))}"


def _resolved(workspace: Workspace, definition: Definition, file: FileIndex) -> Iterator[str]:
    """The definitions that a definition rests on, each with what it says."""
    seen = {definition.name}
    waiting = [definition]
    while waiting and len(seen) < 12:
        owner = waiting.pop(0)
        for use in _uses_inside(file, owner):
            found = workspace.look_up(use.kinds, use.name, file)
            if found is None or found.kind != "define" or found.name in seen:
                continue
            seen.add(found.name)
            waiting.append(found)
            yield f"{_code(found.name)}: " + "; ".join(_formula(found))


def _uses_inside(file: FileIndex, owner: Definition) -> list[Use]:
    return [use for use in file.uses if use.owner == (owner.kind, owner.name)]


def _step(workspace: Workspace, definition: Definition, file: FileIndex) -> Iterator[str]:
    body = definition.body
    if not isinstance(body, Mapping):
        return
    cases = body.get("cases")
    for case in cases.items if isinstance(cases, Sequence) else ():
        if isinstance(case, Mapping):
            if "else" in case.entries:
                yield f"otherwise: {escaped(said(case.get('else')))}"
            else:
                yield f"when {_code(_condition(case.get('when')))}: {escaped(said(case.get('go')))}"
    verb = verb_of(definition)
    if verb:
        yield f"{verb}: {escaped(said(body.get(verb)))}"
    yield from _rows(
        definition, ("until", "until"), ("priority", "priority"), ("strength", "strength"), ("certainty", "certainty"),
        ("with", "opens at once"), ("then", "opens when done"), ("decide_by", "decided by"), ("note", "note"),
    )  # fmt: skip
    yield from _backing(workspace, definition, file)
    if not _names(body, "cites") and not _names(body, "interprets"):
        yield "rests on nothing: it has no `cites:` and no `interprets:`"
