"""A new knowledge base: library, protocols, local settings, schemas, site, checks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import kb
from kb.base import Base
from kb.editor.schemas import kinds, schema_path, settings
from kb.folders import default_base
from kb.program import Parameter, Program
from kb.scaffold.placing import ScaffoldError, add_files, exists, filled, place_folder, read_template
from kb.scaffold.protocols import check_title, protocol_files, scalar

EXAMPLE = "first-protocol"

# What a folder often has before it becomes a base, and a base can do with as it is.
KEPT = frozenset({"README.md", ".gitignore", ".editorconfig", ".vscode/settings.json", ".vscode/extensions.json"})


class NewBase(NamedTuple):
    """What was made: the files by their path, those left as they were, and the protocols."""

    written: tuple[str, ...]
    kept: tuple[str, ...]
    protocols: tuple[str, ...]
    brought: tuple[str, ...]  # protocols nobody asked for, to which those asked for hand over


def new_base(
    folder: Path,
    today: date,
    title: str | None = None,
    protocols: Sequence[str] = (),
    empty_library: bool = False,
    here: bool = False,
) -> NewBase:
    """Make a knowledge base in `folder`.

    Args:
        folder: where; new, or empty but for hidden files of version control, unless `here`.
        today: the date of the example protocol.
        title: what the base is called; by default the name of the folder.
        protocols: ids of shipped protocols to take over, as they are.
        empty_library: begin with an empty library instead of the shipped one.
        here: write beside what is in the folder.

    Raises:
        ScaffoldError: the folder holds something, an id is not shipped, or the disk refuses; nothing was written.

    """
    title = default_title(folder) if title is None else title
    check_title(title)
    if empty_library and protocols:
        raise ScaffoldError("shipped protocols need the shipped library: leave out --empty-library or --with")
    shipped = Base(default_base())
    taken = with_hand_overs(shipped, protocols)
    files = base_files(title, today, shipped, taken, empty_library)
    held = sorted(path.name for path in folder.iterdir() if path.name != ".git") if folder.is_dir() else []
    if exists(folder) and not folder.is_dir():
        raise ScaffoldError(f"{folder} is a file; name a folder")
    if held and not here:
        raise ScaffoldError(
            f"{folder} is not empty: {_listed(held)}\n"
            "    name a new folder, or add --here to write beside what is there; nothing is ever written over"
        )
    kept = tuple(name for name in files if name in KEPT and exists(folder / name))
    wanted = {name: text for name, text in files.items() if name not in kept}
    taken_places = [name for name in wanted if exists(folder / name)]
    if taken_places:
        raise ScaffoldError(
            f"{folder} holds files that `kb init` would write: {_listed(taken_places)}\n"
            "    move them away, or name another folder; nothing was written"
        )
    try:
        if exists(folder):
            add_files(folder, wanted)
        else:
            place_folder(folder, wanted)
    except OSError as failed:
        raise ScaffoldError(
            f"cannot write {failed.filename or folder}: {failed.strerror}; nothing was written"
        ) from failed
    brought = tuple(id for id in taken if id not in protocols)
    return NewBase(tuple(wanted), kept, (EXAMPLE, *taken), brought)


def base_files(
    title: str, today: date, shipped: Base, protocols: Sequence[str] = (), empty_library: bool = False
) -> dict[str, str]:
    """The files of a new base, by their path in it."""
    values = {
        "KB-VERSION": kb.__version__,
        "LOCAL-PARAMETERS": "\n".join(_parameter_lines(shipped, protocols)),
        "PROTOCOLS-HELD": _held(protocols),
    }
    # The title comes last: whatever stands in it is the user's own text.
    names = {"BASE-TITLE": scalar(title), "BASE-HEADING": as_markdown(title)}
    files = {name: filled(filled(text, values), names) for name, text in read_template("base").items()}
    files[".vscode/settings.json"] = json.dumps(settings(), indent=2) + "\n"
    files |= {f"schema/{kind}.schema.json": schema_path(kind).read_text("utf-8") for kind in kinds()}
    library = {
        path.name: path.read_text("utf-8") for path in sorted((shipped.protocols_path / "library").glob("*.yaml"))
    }
    if empty_library:  # units are physics and the safety pack has no numbers; all else is somebody's clinical judgement
        library = {name: library[name] for name in ("units.yaml", "safety.yaml")} | read_template("library")
    files |= {f"protocols/library/{name}": text for name, text in library.items()}
    files |= {f"protocols/{EXAMPLE}/{name}": text for name, text in protocol_files(EXAMPLE, today).items()}
    for id in protocols:
        folder = shipped.protocols_path / id
        for path in sorted(folder.rglob("*.yaml")):
            files[f"protocols/{id}/{path.relative_to(folder).as_posix()}"] = path.read_text("utf-8")
    return files


def with_hand_overs(shipped: Base, ids: Iterable[str]) -> tuple[str, ...]:
    """`ids`, each with the protocols it hands over to: a base that lacks one does not pass its check."""
    wanted, known = list(dict.fromkeys(ids)), shipped.protocols()
    for id in wanted:
        if id not in known:
            near = get_close_matches(id, known, n=1)
            told = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}"
            raise ScaffoldError(f"no protocol `{id}` ships with this version; {told}")
        for program in _programs(shipped, id):
            for step in program.steps:
                target = step.hand_over.partition("@")[0]
                if target and target not in wanted:
                    wanted.append(target)
    return tuple(wanted)


def _programs(shipped: Base, id: str) -> Iterable[Program]:
    for version in shipped.protocols()[id]:
        program, _ = shipped.program(id, version)
        if program is not None:
            yield program


def default_title(folder: Path) -> str:
    """`icu-protocols` is titled `Icu protocols` until somebody says better."""
    words = re.sub(r"[-_\s]+", " ", folder.resolve().name).strip()
    return words[:1].upper() + words[1:] or "Protocols"


_MARKDOWN = re.compile(r"[\\`*_\[\]<>#&|~$]")


def as_markdown(text: str) -> str:
    """`text` as Markdown that shows exactly it."""
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", text)


def _parameter_lines(shipped: Base, ids: Sequence[str]) -> Iterable[str]:
    """Comments for the parameters that the protocols leave to each hospital, without any value."""
    told: set[str] = set()
    for id in ids:
        for program in _programs(shipped, id):
            for parameter in program.parameters:
                if parameter.default is None and parameter.id not in told:
                    told.add(parameter.id)
                    yield f"#  {parameter.id}:     # {_about(parameter)}; for {id}"
    if not told:
        yield "#  name_of_a_parameter:     # the protocol that needs it says which values it may have"


def _about(parameter: Parameter) -> str:
    if parameter.options:
        return f"{parameter.title}: {' or '.join(parameter.options)}"
    return f"{parameter.title}, in {parameter.unit}" if parameter.unit else parameter.title


def _held(ids: Sequence[str]) -> str:
    if not ids:
        return ""
    names = "\n".join(f"- `{id}`" for id in ids)
    return (
        "## Taken over\n\n"
        f"From guideline-kb {kb.__version__}, unchanged, so that their digests are the shipped ones:\n\n{names}\n\n"
        "Edit none of them: `kb new ID@VERSION` makes a version of your own.\n\n"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
