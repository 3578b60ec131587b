"""What is ordered and what it rests on: pitfalls, caps, goals, alerts, what a hospital sets, words used."""

from __future__ import annotations

from kb.site.dossier import Dossier
from kb.site.pages.said import said_lines

HERE = "doses"


def body(dossier: Dossier) -> str | None:
    """The page without its head."""
    told = dossier.told
    parts = []
    for heading, kind, items in (
        ("Never", "never", told.never),
        ("Caps", "cap", told.caps),
        ("Goals", "goal", told.goals),
        ("Alerts", "alert", told.alerts),
        ("Set by each hospital", "setting", told.settings),
        ("Also set by this hospital", "local", told.local),
        ("Words used", "define", told.definitions),
    ):
        if items:
            parts += [f"## {heading}", said_lines(HERE, kind, items)]
    return "\n\n".join(parts) or None
