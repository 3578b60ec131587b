"""The flowchart, whole or in sheets with an overview, on which a patient's way can be lit."""

from __future__ import annotations

import json

from kb.generator.markdown import quoted
from kb.generator.render import Picture
from kb.site.dossier import Dossier

SHAPES = (
    ("hexagon", "a question; the words on each way out are its answer"),
    ("box", "an action; drug and dose in blue; a thick red border and NOW where it cannot wait"),
    ("arrow", "another protocol takes over; it leads there"),
    ("double border", "an outcome: this way ends here"),
    ("black bar", "everything that hangs from it starts together; none waits for another"),
    ("open bar", "streams that started together lead to the same step; it does not wait for all of them"),
    ("dashed line to a clock", "when to look again, and at what; the walk then starts anew from the top"),
    ("slip of paper", "an editor's reading of the source"),
    ("number", "the place of the step in the list, to which the step leads"),
)
SHEETS = ("pointer", "the way goes on on that sheet, at the step named")


def body(dossier: Dossier) -> str:
    """The page without its head."""
    pictures = dossier.sheets
    several = len(pictures) > 1
    shapes = (*SHAPES, SHEETS) if several else SHAPES
    told = "".join(f"<li><b>{shape}</b>: {meaning}</li>" for shape, meaning in shapes)
    back = '<a href="#sheet-overview">To the overview</a> · ' if several else ""
    return "\n\n".join(
        [
            '<p class="kb-list-leads"><a href="list.html">The steps as a list</a>: easier to follow on a small screen '
            "and with a screen reader. Each step of the chart leads to its place there.</p>",
            '<div id="kb-way" class="kb-way"></div>',
            *(_figure(picture, several, bool(dossier.broken)) for picture in pictures),
            f'<div class="kb-screen"><p>{back}<a href="flowchart.svg">The whole chart as one picture</a></p>'
            f"<p>How to read it:</p><ul>{told}</ul></div>",
            f'<script type="application/json" id="kb-ways">{_ways(dossier)}</script>',
            '<script src="../../../way.js" defer></script>',
        ]
    )


def _figure(picture: Picture, several: bool, stale: bool) -> str:
    name = picture.caption or "Flowchart"
    classes = ["kb-figure", "kb-landscape" if picture.landscape else "kb-portrait"] + (["kb-stale"] if stale else [])
    heading = f'<h2 class="kb-screen" id="sheet-{picture.sheet}">{quoted(name)}</h2>' if several else ""
    # It scrolls at natural size, so it must be reached with the keyboard, and then have a name.
    return (
        f'<div class="kb-sheet">{heading}<div class="{" ".join(classes)}" role="region" tabindex="0"'
        f' aria-label="{quoted(name)}">{picture.svg}</div></div>'
    )


def _ways(dossier: Dossier) -> str:
    """Of each worked patient its title and way, as JSON that no page can take for markup."""
    made = {way.scenario: {"title": way.title, "steps": way.steps, "cases": way.cases} for way in dossier.ways.values()}
    text = json.dumps(made, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
