"""ES modules of ours joined into one, without comments and with short names: one file for a page to load.

What is read, typed and tried in Node are the modules as they are written. Joined, each of them is a function that runs
once, after those that it imports, and gives what it exports: its names are its own, as before. What that cannot be is
refused: a cycle of imports, an export that changes later, an import of what is not exported, or of another kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

_FILE = re.compile(r"[a-z]\w*\.js", re.ASCII)
_IMPORT = re.compile(r'^import \{([^{}]*)\} from "\./([^"/]+)";$', re.MULTILINE)
_DECLARED = re.compile(r"^export ((?:async )?function\*? |const |class )(\w+)", re.MULTILINE)
_LISTED = re.compile(r"^export \{([^{}]*)\};$", re.MULTILINE)
_ELSE = re.compile(r"^[ \t]*(?:import|export)\b.*$", re.MULTILINE)
_AT_RUN_TIME = re.compile(r"\bimport\s*[.(]")


class JoinError(ValueError):
    """These modules cannot be joined; the text says why."""


class _Module(NamedTuple):
    text: str  # without `import` and `export`
    imports: Mapping[str, tuple[str, ...]]  # by file: names as exported there
    exports: tuple[str, ...]


def joined(folder: Path, entries: Iterable[str], note: str = "") -> str:
    """One module of the modules `entries` of `folder` and all that they import. It exports what each of them exports,
    as an object by the name of its file: `import { kb } from "./joined.js"`.

    Args:
        note: a comment that stands at the top.

    Raises:
        JoinError: a module has what is not understood here.

    """
    import minify  # of the extra `site`, which reading a site that was built does without

    modules: dict[str, _Module] = {}
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name not in modules:
            modules[name] = _read(folder, name)
            waiting += modules[name].imports
    for name, module in modules.items():
        for file, wanted in module.imports.items():
            if missing := set(wanted) - set(modules[file].exports):
                raise JoinError(f"{name} imports {', '.join(sorted(missing))}, which {file} does not export")
    try:
        order = list(TopologicalSorter({name: list(module.imports) for name, module in modules.items()}).static_order())
    except CycleError as cycle:
        raise JoinError(f"modules import one another in a circle: {' → '.join(cycle.args[1])}") from cycle
    whole = [f"export const {{ {', '.join(map(_stem, sorted(order)))} }} = (() => {{"]
    for name in order:
        text, exports = modules[name].text, ", ".join(modules[name].exports)
        whole.append(f"const {_scope(name)} = (() => {{\n{text}\nreturn {{ {exports} }};\n}})();")
    whole.append(f"return {{ {', '.join(f'{_stem(name)}: {_scope(name)}' for name in sorted(order))} }};\n}})();")
    try:
        made = minify.string("text/javascript", "\n".join(whole))
    except ValueError as fault:
        raise JoinError(f"the modules joined are no JavaScript: {fault}") from fault
    if found := _AT_RUN_TIME.search(made):
        raise JoinError(f"a module is asked for at run time: {made[found.start() - 30 : found.end() + 30]}")
    return f"/* {note} */\n{made}\n" if note else f"{made}\n"


def _stem(name: str) -> str:
    return name.removesuffix(".js")


def _scope(name: str) -> str:
    """The name of what a module exports, within the one that they are joined to."""
    return f"$_{_stem(name)}"


def _read(folder: Path, name: str) -> _Module:
    if not _FILE.fullmatch(name):
        raise JoinError(f"{name}: the name of a module must be a word, as it is a name in the joined one")
    text = (folder / name).read_text("utf-8")
    if "$_" in text:
        raise JoinError(f"{name} uses a name with `$_`, as those of the joined module have")
    imports: dict[str, tuple[str, ...]] = {}
    exports: list[str] = []

    def taken(found: re.Match[str]) -> str:
        names = [each.split(" as ") for each in _names(found[1])]
        imports[found[2]] = (*imports.get(found[2], ()), *(each[0] for each in names))
        return f"const {{ {', '.join(': '.join(each) for each in names)} }} = {_scope(found[2])};"

    def declared(found: re.Match[str]) -> str:
        exports.append(found[2])
        return found[1] + found[2]

    def listed(found: re.Match[str]) -> str:
        exports.extend(_names(found[1]))
        return ""

    text = _IMPORT.sub(taken, text)
    text = _LISTED.sub(listed, _DECLARED.sub(declared, text))
    if found := _ELSE.search(text):
        raise JoinError(f"{name}: `{found[0].strip()}` is of no kind that can be joined")
    if odd := [each for each in exports if not each.isidentifier()]:
        raise JoinError(f"{name} exports `{odd[0]}`, which is no plain name")
    return _Module(text, imports, tuple(exports))


def _names(listed: str) -> list[str]:
    return [each.strip() for each in listed.split(",") if each.strip()]
