"""What a base says of its site in `site/mkdocs.yml`, under `extra: kb:`."""

from __future__ import annotations

import re

from kb.base import Base
from kb.source import Mapping, Node, Scalar, printable

_ADDRESS = re.compile(r"mailto:[^\s@?<>\"']+@[^\s@?<>\"']+|https://[^\s<>\"'/]+(/[^\s<>\"'#]*)?")


class SettingError(ValueError):
    """A setting cannot be used; the text says what to write."""


def report_address(base: Base) -> str:
    """Where readers report a problem, `report_to`: `mailto:NAME@HOST` or `https://…`; empty where none is set.

    Raises:
        SettingError: it is no such address.

    """
    file = base.path / "site" / "mkdocs.yml"
    if not file.is_file() or b"report_to" not in file.read_bytes():
        return ""
    found: Node | None = base.read(file).root
    if found is None:
        raise SettingError(f"`report_to` in {file} cannot be read: it stands among what is no plain YAML")
    for key in ("extra", "kb", "report_to"):
        found = found.get(key) if isinstance(found, Mapping) else None
    if found is None:
        return ""
    text = found.text.strip() if isinstance(found, Scalar) else ""
    if not _ADDRESS.fullmatch(text):
        told = f"`{printable(text)}` is no address for reports"
        raise SettingError(f"{file}: {told}; write `report_to: mailto:NAME@HOST` or `report_to: https://…`")
    return text
