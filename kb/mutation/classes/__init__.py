"""The classes of fault, each a module: `NAME`, `ABOUT` (one line) and `faults(site)`, which yields changes.

A new class is a new module and its place in `CLASSES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol as Shape
from typing import cast

from kb import model
from kb.mutation.classes import branches, citations, currency, doses, guards, operators, thresholds, times, unknowns
from kb.mutation.sites import Change, Site


class Class(Shape):
    NAME: str
    ABOUT: str

    def faults(self, site: Site, protocol: model.Protocol) -> Iterator[Change]: ...


CLASSES: dict[str, Class] = {
    each.NAME: cast(Class, each)
    for each in (thresholds, operators, doses, times, currency, branches, guards, unknowns, citations)
}
