"""The pages of a protocol version: one module, one kind of page. A new kind is a new module and a line in `KINDS`."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from kb.site.dossier import Dossier
from kb.site.pages import (
    card,
    chart,
    doses,
    evidence,
    history,
    overview,
    pitfalls,
    proofs,
    readings,
    run,
    scenarios,
    steps,
)
from kb.site.pages.frame import PageKind, framed

KINDS: tuple[PageKind, ...] = (
    PageKind("index", "Overview", overview.body),
    PageKind("list", "Steps", steps.body, "every step in plain sentences, in the order in which they are taken"),
    PageKind("chart", "Flowchart", chart.body, "the same steps drawn, with how to read the picture"),
    PageKind("card", "Card", card.body, "one page to print: what cannot wait, and doses for body weights"),
    PageKind("run", "Run", run.body, "one question at a time about one patient, with the advice as it forms"),
    PageKind("doses", "Doses and data", doses.body, "drugs with their limits, what is measured, what a hospital sets"),
    PageKind(
        "pitfalls", "Pitfalls and goals", pitfalls.body, "what is never ordered, what to aim for, what raises an alert"
    ),
    PageKind(
        "readings", "Readings and conflicts", readings.body, "how the source was read, and where other sources differ"
    ),
    PageKind(
        "evidence",
        "Evidence",
        evidence.body,
        "what the source says, the steps that rest on it, and how they were tried",
    ),
    PageKind(
        "scenarios",
        "Worked patients",
        scenarios.body,
        "patients with what is charted of them and what is advised",
        scenarios.more,
    ),
    PageKind("proofs", "Proofs", proofs.body, "what holds for all patients at once, and what does not"),
    PageKind("history", "History", history.body, "the versions, and who is told otherwise since the one before"),
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
    pages = {}
    for kind, body in made:
        if body is None:
            continue
        pages[f"{dossier.folder}/{kind.id}.md"] = framed(dossier, kind, body, shown)
        for id, (title, text) in (kind.more(dossier) if kind.more is not None else {}).items():
            part = kind._replace(id=id, title=title)
            pages[f"{dossier.folder}/{id}.md"] = framed(dossier, part, text, shown)
    return pages
