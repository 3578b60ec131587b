"""A new protocol from a template, and the next version of one that is there."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from kb.base import Base
from kb.formatter import format_text
from kb.scaffold.placing import TEMPLATES, ScaffoldError, exists, filled, place_file, place_folder, read_template
from kb.source import Scalar, named_character, printable, read_bytes
from kb.store import latest

ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_ID = 120
VERSION = re.compile(r"(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){2}")
FIRST_VERSION = "0.1.0"
DEFAULT_TEMPLATE = "question"


class NewVersion(NamedTuple):
    """The file of a next version, what it is a copy of, and whether it still says `withdrawn:`."""

    path: Path
    copied: str
    withdrawn: bool


def templates() -> tuple[str, ...]:
    """Names of the protocol templates that ship."""
    return tuple(sorted(path.name for path in (TEMPLATES / "protocol").iterdir()))


def protocol_files(id: str, today: date, title: str | None = None, template: str = DEFAULT_TEMPLATE) -> dict[str, str]:
    """The files of a new protocol, by their path in its folder.

    Raises:
        ScaffoldError: an id, a title or a template that cannot be.

    """
    check_id(id)
    if template not in templates():
        raise ScaffoldError(f"there is no template `{template}`; {_offer(template, templates())}")
    title = default_title(id) if title is None else title
    check_title(title)
    values = {"PROTOCOL-ID": id, "TODAY": today.isoformat()}
    files = {name: filled(text, values) for name, text in read_template(f"protocol/{template}").items()}
    # The title comes last: whatever stands in it is the user's own text.
    files = {name: text.replace("PROTOCOL-TITLE", scalar(title)) for name, text in files.items()}
    # A long id or title may need another form than the template's own words: `kb fmt` has nothing left to do.
    files = {name: format_text(text, name).text for name, text in files.items()}
    files[f"{FIRST_VERSION}.yaml"] = files.pop("protocol.yaml")
    return dict(sorted(files.items()))


def new_protocol(
    base: Base, id: str, today: date, title: str | None = None, template: str = DEFAULT_TEMPLATE
) -> list[Path]:
    """Write a new protocol into `base`: the files written, first the protocol's own.

    Raises:
        ScaffoldError: the id is taken, or something given cannot be.

    """
    files = protocol_files(id, today, title, template)
    versions = base.protocols().get(id)
    if versions:
        last = latest(versions)
        raise ScaffoldError(
            f"there is a protocol `{id}` already, version {last}; choose another id, or make its next version with"
            f" `kb new {id}@{_next_minor(last)}`"
        )
    folder = base.protocols_path / id
    if exists(folder):
        raise ScaffoldError(f"{folder} exists already and holds no protocol; choose another id, or move it away")
    try:
        place_folder(folder, files)
    except OSError as failed:
        raise ScaffoldError(f"cannot write {folder}: {failed.strerror}; nothing was written") from failed
    return [folder / name for name in files]


def new_version(base: Base, id: str, version: str, today: date) -> NewVersion:
    """Write the next version of a protocol: a copy of the latest with its own `version` and `updated`.

    Everything else, comments too, stays as it is.

    Raises:
        ScaffoldError: no such protocol, a version that is not higher, a latest version that cannot be read.

    """
    versions = base.protocols().get(id)
    if not versions:
        known = base.protocols()
        near = get_close_matches(id, known, n=1)
        told = f"did you mean `{near[0]}`?" if near else f"`kb new {id}` begins one, at {FIRST_VERSION}"
        raise ScaffoldError(f"there is no protocol `{id}` to make a next version of; {told}")
    last = latest(versions)
    if not VERSION.fullmatch(version):
        raise ScaffoldError(f"`{version}` is no version; write three numbers, such as {_next_minor(last)}")
    if _numbers(version) <= _numbers(last):
        raise ScaffoldError(
            f"`{id}` is at version {last} already and a released version is never edited; a next one is higher:"
            f" {', '.join(_next_versions(last))}"
        )
    old, new = base.protocols_path / id / f"{last}.yaml", base.protocols_path / id / f"{version}.yaml"
    content = old.read_bytes()
    read = read_bytes(content, str(old))
    root = read.root
    places = [] if root is None else [(root.get("version"), json.dumps(version)), (root.get("updated"), str(today))]
    lines = content.decode("utf-8", "replace").split("\n")
    for node, text in places:
        if not isinstance(node, Scalar) or node.span.line != node.span.end_line:
            places = []
            break
        line = lines[node.span.line - 1]
        start, end = node.span.column - 1, node.span.end_column - 1
        lines[node.span.line - 1] = line[:start] + text + line[end:]
    if root is None or not places or read.diagnostics:
        raise ScaffoldError(f"{old} cannot be copied as it is; `kb check {id}@{last}` says what to put right first")
    try:
        place_file(new, "\n".join(lines).encode("utf-8"))
    except FileExistsError:
        raise ScaffoldError(f"{new} exists already") from None
    except OSError as failed:
        raise ScaffoldError(f"cannot write {new}: {failed.strerror}; nothing was written") from failed
    return NewVersion(new, last, root.get("withdrawn") is not None)


def check_id(id: str) -> None:
    """Refuse what cannot be the id of a protocol, with the nearest spelling that can."""
    if ID.fullmatch(id) and len(id) <= LONGEST_ID and id != "library":
        return
    near = nearest_id(id)
    offer = f"; `{near}` would do" if near else ""
    if id == "library":
        raise ScaffoldError(f"`library` is the folder of data and drugs and cannot be a protocol{offer}")
    if ID.fullmatch(id):
        raise ScaffoldError(f"this id has {len(id)} characters; {LONGEST_ID} are allowed")
    raise ScaffoldError(
        f"`{printable(id)}` cannot be an id: small letters, digits and single hyphens, beginning with a letter{offer}"
    )


def nearest_id(text: str) -> str:
    """`text` as an id, or nothing where no letter is left: `Post-op Fever` is `post-op-fever`."""
    if text == "library":
        return "library-protocol"
    folded = text.casefold().translate({ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("æ"): "ae", ord("ø"): "oe"})
    plain = unicodedata.normalize("NFKD", folded)
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.findall(r"[a-z0-9]+", plain)
    made = "-".join(words)[:LONGEST_ID].strip("-")
    if made and not made[0].isalpha():
        made = f"protocol-{made}"
    return made if ID.fullmatch(made) and any(char.isalpha() for word in words for char in word) else ""


def default_title(id: str) -> str:
    """`post-op-fever` is titled `Post op fever` until somebody writes a better one."""
    words = id.replace("-", " ")
    return words[:1].upper() + words[1:]


def check_title(title: str) -> None:
    """Refuse a title that is empty, longer than a line, or holds a character that cannot be seen."""
    if not title.strip():
        raise ScaffoldError("the title is empty; say in a few words what the protocol is about")
    if len(title) > 200:
        raise ScaffoldError(f"the title has {len(title)} characters; 200 are enough for a line")
    for char in title:
        if char in "\t\n" or printable(char) != char:
            raise ScaffoldError(f"the title holds {named_character(char)}, which cannot be seen; leave it out")


_PLAIN = re.compile(r"[A-Za-z][\w ,.()/+%-]*[\w.)%]|[A-Za-z]")
_NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def scalar(text: str) -> str:
    """`text` as a YAML value: bare where nothing in it could be read as anything else, otherwise in quotes."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _NOT_TEXT:
        return text
    return json.dumps(text, ensure_ascii=False)


def _offer(word: str, names: Iterable[str]) -> str:
    near = get_close_matches(word, list(names), n=1)
    return f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(names)}"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _next_versions(version: str) -> list[str]:
    major, minor, patch = _numbers(version)
    return [f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}.0", f"{major + 1}.0.0"]


def _next_minor(version: str) -> str:
    return _next_versions(version)[1]
