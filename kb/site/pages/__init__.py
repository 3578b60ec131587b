"""The pages of a protocol version: one module, one kind of page. A new kind is a new module and a line in `KINDS`."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from kb.site.dossier import Dossier
from kb.site.pages import chart, doses, evidence, overview, steps
from kb.site.pages.frame import PageKind, framed

KINDS: tuple[PageKind, ...] = (
    PageKind("index", "Overview", overview.body),
    PageKind("list", "Steps", steps.body),
    PageKind("chart", "Flowchart", chart.body),
    PageKind("doses", "Doses and data", doses.body),
    PageKind("evidence", "Evidence", evidence.body),
)


_made: WeakKeyDictionary[Dossier, dict[str, str]] = WeakKeyDictionary()


def pages_of(dossier: Dossier) -> dict[str, str]:
    """Every page there is something to show on, by its path in the site; worked out once for each dossier."""
    if dossier not in _made:
        _made[dossier] = _pages(dossier)
    return _made[dossier]


def _pages(dossier: Dossier) -> dict[str, str]:
    made = [(kind, kind.make(dossier)) for kind in KINDS]
    shown = [kind for kind, body in made if body is not None]
    return {
        f"{dossier.folder}/{kind.id}.md": framed(dossier, kind, body, shown) for kind, body in made if body is not None
    }
