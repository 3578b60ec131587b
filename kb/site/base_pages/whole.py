"""Everything the pages about a whole base are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from kb.base import Base
from kb.registry import Quantity, UncheckedError, registry
from kb.site.dossier import Dossier


class Whole:
    """A base. `newest`: the latest version of each protocol. `check`: what `kb check` found, None: nobody asked it."""

    def __init__(self, base: Base, dossiers: Sequence[Dossier], check: Mapping[str, Any] | None = None) -> None:
        self.base = base
        self.newest = tuple(each for each in dossiers if each.program.version == each.latest)
        self.check = check

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """The numbers of all protocols side by side; none while a protocol has errors, for its own would be missing."""
        try:
            return registry(self.base)
        except UncheckedError:
            return ()
