"""The pages of a protocol version: one module, one kind of page. A new kind is a new module and a line in `KINDS`."""

from __future__ import annotations

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


def pages_of(dossier: Dossier) -> dict[str, str]:
    """Every page there is something to show on, by its path in the site."""
    made = [(kind, kind.make(dossier)) for kind in KINDS]
    shown = [kind for kind, body in made if body is not None]
    return {
        f"{dossier.folder}/{kind.id}.md": framed(dossier, kind, body, shown) for kind, body in made if body is not None
    }
