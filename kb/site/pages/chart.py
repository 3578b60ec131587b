"""The flowchart, with how to read it."""

from __future__ import annotations

from kb.site.dossier import Dossier

SHAPES = (
    ("question", "hexagon", "a question; the words on each way out are its answer"),
    ("action", "box", "an action; drug and dose in blue; a thick red border and NOW where it cannot wait"),
    ("hand-over", "arrow", "another protocol takes over"),
    ("outcome", "double border", "an outcome: this way ends here"),
    ("bar", "black bar", "everything that hangs from it starts together; none waits for another"),
    ("clock", "clock", "when to look again, and at what; the walk then starts anew from the top"),
    ("slip", "slip of paper", "an editor's reading of the source, told below under its number"),
)


def body(dossier: Dossier) -> str:
    """The page without its head."""
    return "\n\n".join(
        [
            f'<div class="kb-figure{" kb-stale" if dossier.broken else ""}">{dossier.picture}</div>',
            "[The picture alone](flowchart.svg) · [the steps as a list](list.md)",
            "How to read it:",
            "\n".join(f"- **{shape}**: {meaning}" for _, shape, meaning in SHAPES),
        ]
    )
