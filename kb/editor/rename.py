"""A name changed everywhere it stands: in its file, the files beside it, and the scenarios; or the reason why not."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from kb.diagnostics import Severity
from kb.editor.hover import WORDS
from kb.editor.index import VALUES, Definition
from kb.editor.places import Range, range_of
from kb.editor.workspace import Mention, Workspace
from kb.expression.parser import RESERVED
from kb.source import Mapping, Scalar, Sequence

_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
FORMS: Final = {
    "step": (_KEBAB, "lower-case words joined with `-`"),
    "never": (_KEBAB, "lower-case words joined with `-`"),
    "cap": (_KEBAB, "lower-case words joined with `-`"),
    "goal": (_KEBAB, "lower-case words joined with `-`"),
    "alert": (_KEBAB, "lower-case words joined with `-`"),
    "property": (_KEBAB, "lower-case words joined with `-`"),
    "define": (_SNAKE, "lower-case words joined with `_`"),
    "parameter": (_SNAKE, "lower-case words joined with `_`"),
    "interpretation": (re.compile(r"A[0-9]{2,3}[a-z]?"), "`A` and two or three digits"),
    "statement": (re.compile(r"S[0-9]{2,3}"), "`S` and two or three digits"),
}
SHARED: Final = {  # in the library, so that they never meet those of a protocol
    "interpretation": (re.compile(r"LA[0-9]{2,3}[a-z]?"), "`LA` and two or three digits"),
    "statement": (re.compile(r"L[0-9]{2,3}"), "`L` and two or three digits"),
}
ARTICLES: Final = {"data": "", "interpretation": "an ", "alert": "an "}
_FIXED: Final = {
    "data": "charts outside this base use the name",
    "drug": "charts and orders outside this base use the name",
    "class": "rules of other protocols may use the name",
    "unit": "charts outside this base use the spelling",
    "version": "its file, its reviews and its scenarios have it",
    "code": "codes never change",
    "matter": "nothing else uses it",
    "safety": "every protocol may leave it out by this name",
    "protocol": "its folder, its charts and its reviews have the name",
}


class RenameError(Exception):
    """The name cannot be changed; the text says why, in an editor's words."""


class Edit(NamedTuple):
    """Put `text` in place of `range` of `path`."""

    path: Path
    range: Range
    text: str


def renameable(workspace: Workspace, path: Path, line: int, character: int) -> tuple[Range, Definition]:
    """The range of the name at a place, and what it names.

    Raises:
        RenameError: nothing at the place can be renamed.

    """
    found = workspace.at(path, line, character)
    if found is None:
        raise RenameError("there is no name here")
    if found.definition is None:
        raise RenameError(f"nothing defines `{found.name}`")
    definition = found.definition
    if definition.kind not in FORMS or (definition.kind == "statement" and definition.name[-1].isalpha()):
        what = WORDS.get(definition.kind, definition.kind)
        why = _FIXED.get(definition.kind, "its name is a part of another")
        raise RenameError(f"the {what} `{definition.name}` keeps its name: {why}")
    _not_released(workspace, definition)
    return range_of(found.span, workspace.lines(path)), definition


def _not_released(workspace: Workspace, definition: Definition) -> None:
    """Only the newest version of a protocol may change: what was released before stays as it was read."""
    home = Path(definition.span.file)
    if workspace.kind(home) == "protocol" and home != workspace.base.file(home.parent.name):
        raise RenameError(
            f"{home.stem} is not the newest version of `{home.parent.name}`; a released version never changes"
        )


def rename(workspace: Workspace, path: Path, line: int, character: int, name: str) -> list[Edit]:
    """The edits that give the name at a place another one, wherever it stands.

    Raises:
        RenameError: the new name is taken or not in its form, or a version that never changes would change,
            or the base would no longer pass `kb check`.

    """
    _, definition = renameable(workspace, path, line, character)
    shared = workspace.kind(Path(definition.span.file)) == "definitions"
    form, words = SHARED.get(definition.kind, FORMS[definition.kind]) if shared else FORMS[definition.kind]
    if form.fullmatch(name) is None:
        raise RenameError(f"`{name[:60]}` cannot be a name: write {words}")
    file = workspace.index(Path(definition.span.file))
    assert file is not None
    if name == definition.name:
        return []
    if definition.kind in VALUES and name in RESERVED:
        raise RenameError(f"`{name}` is a word of conditions; a reader would not take it for a name")
    kinds = VALUES if definition.kind in VALUES else (definition.kind,)
    reached = [workspace.index(path) for path in workspace.paths() if shared and workspace.kind(path) == "protocol"]
    for one in (file, *reached):  # a name of the library is one of every version of every protocol
        taken = None if one is None else workspace.look_up(kinds, name, one)
        if taken is not None:
            where = f" in {one.protocol}@{one.version}" if one is not None and one is not file else ""
            what = f"{ARTICLES.get(taken.kind, 'a ')}{WORDS[taken.kind]}"
            raise RenameError(f"`{name}` is the name of {what}{where} already")
    places = {(Path(definition.span.file), definition.span)}
    for mention in workspace.uses_of(definition):
        places.add((mention.file.path, mention.use.span))
        if mention.file.kind == "protocol" and mention.file.path != workspace.base.file(mention.file.path.parent.name):
            version = mention.file.path.stem
            raise RenameError(f"version {version} uses `{definition.name}` too; a released version never changes")
        _not_run_by_older(workspace, definition, mention)
        others = workspace.look_up((definition.kind,), definition.name, mention.file)
        assert others == definition
    if definition.kind == "parameter":
        _not_shared(workspace, definition)
    edits = [Edit(file, range_of(span, workspace.lines(file)), name) for file, span in sorted(places)]
    _still_checks(workspace, edits)
    return edits


def _not_run_by_older(workspace: Workspace, definition: Definition, mention: Mention) -> None:
    """A scenario that an older version runs as well has to go on with the name that the older version has."""
    if mention.file.kind != "scenario":
        return
    scenario = mention.file.definition("scenario", mention.use.owner[1])
    own = scenario.body.get("versions") if scenario is not None and isinstance(scenario.body, Mapping) else None
    listed = own if own is not None else mention.file.root.get("versions")
    for version in listed.items if isinstance(listed, Sequence) else ():
        path = (
            workspace.base.file(mention.file.path.parent.parent.name, version.text)
            if isinstance(version, Scalar)
            else None
        )
        older = None if path is None or str(path) == definition.span.file else workspace.index(path)
        if older is not None and older.definition(definition.kind, definition.name) is not None:
            raise RenameError(
                f"version {older.version} runs the scenario `{mention.use.owner[1]}` too, and a released version never "
                f"changes; give the new version a scenario of its own, with `versions:`"
            )


def _not_shared(workspace: Workspace, definition: Definition) -> None:
    """`local.yaml` settles parameters by name, for all protocols alike."""
    for id in workspace.base.protocols():
        other = workspace.protocol(id)
        if other is not None and str(other.path) != definition.span.file:
            local = workspace.index(workspace.root / "local.yaml")
            settled = local is not None and any(use.name == definition.name for use in local.uses)
            if settled and other.definition("parameter", definition.name) is not None:
                raise RenameError(f"`{id}` has a parameter `{definition.name}` too, and `local.yaml` settles both")


def applied(text: str, edits: list[Edit]) -> str:
    """`text` after the edits, which all are of one file and do not overlap."""
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda one: one.range.start, reverse=True):
        line = lines[edit.range.start.line]
        raw = line.encode("utf-16-le")
        start, end = edit.range.start.character * 2, edit.range.end.character * 2
        lines[edit.range.start.line] = (raw[:start] + edit.text.encode("utf-16-le") + raw[end:]).decode("utf-16-le")
    return "\n".join(lines)


def _still_checks(workspace: Workspace, edits: list[Edit]) -> None:
    """What was without fault must be so afterwards: a rename that catches another name is refused."""
    trial = Workspace(workspace.root)
    for path in workspace.paths():
        text = workspace.text(path)
        mine = [edit for edit in edits if edit.path == path]
        if text is not None and (mine or workspace.is_held(path)):
            trial.hold(path, applied(text, mine) if mine else text)
    folders = {workspace.folder_of(edit.path) for edit in edits}
    if None in folders:  # the library's names reach every protocol, also one that has a name of its own for the new one
        folders |= set(workspace.base.protocols())
    for folder in sorted(name for name in folders if name is not None):
        file = workspace.base.file(folder)
        if file is None:
            continue
        known = Counter(one.code for one in workspace.base.compile(file)[1] if one.severity is Severity.ERROR)
        for one in trial.base.compile(file)[1]:
            if one.severity is Severity.ERROR:
                known[one.code] -= 1
                if known[one.code] < 0:
                    raise RenameError(f"`kb check` would then say: {one.message}")
