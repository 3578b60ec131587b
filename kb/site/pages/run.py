"""The conversation over one patient: the compiled Program and the local settings as data, and the script that runs it.

Nothing of it is fetched or sent: the page holds all it needs. Without the script it says what else there is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kb.codec import program_file
from kb.generator.markdown import quoted
from kb.program import Program
from kb.site.dossier import Dossier
from kb.site.joined import joined
from kb.site.pages.frame import PLACES

RUNNER = Path(__file__).parents[2] / "runner"
FOLDER = "runner"  # in the site: where the script and the look of the runner stand
ENTRY = "page.js"
# Chromium compiles the functions while the page is still read, and not one by one as each is first called.
EAGERLY = "//# allFunctionsCalledOnLoad\n"
NOTE = "The runner of guideline-kb, Apache-2.0. Made by kb/site/joined.py from the readable modules in kb/runner."


def body(dossier: Dossier) -> str:
    """The page without its head."""
    id, version = quoted(dossier.program.id), quoted(dossier.program.version)
    up = f"../../../{FOLDER}"
    made = [
        "<div>",
        # Asked for before the long data below is here; a module runs only when the whole page is.
        f'<link rel="stylesheet" href="{up}/page.css"><script type="module" src="{up}/{ENTRY}"></script>',
        '<p class="kb-run-private">What you enter stays on this page: it is neither stored nor sent. It is forgotten'
        " when the page is closed; to keep it, download the chart. Where another protocol takes over and you go on with"
        " it, its page is given the chart.</p>",
        '<div id="kb-run" class="kb-run">',
        '<p id="kb-run-asleep" class="kb-run-asleep">The conversation has not started. It needs JavaScript, and a web'
        " server: it does not run in a page that was opened from the disk. <code>kb serve</code> serves the site;"
        f' <a href="list.html">the steps as a list</a> need no script, and <code>kb run {id}@{version}</code> asks the'
        " same in a terminal.</p>",
        (RUNNER / "page.html").read_text("utf-8").strip(),
        "</div>",
        _data("kb-program", program_file(_run(dossier.program))),
        _data("kb-local", dossier.settings)
        if dossier.settings
        else '<script type="application/json" id="kb-local"></script>',
        _data(
            "kb-site",
            {
                "places": PLACES,
                "review": _review(dossier),
                "runners": {to: f"{folder}/run.html" for to, folder in dossier.taking_over.items()},
            },
        ),
        "</div>",
    ]
    return "\n".join(made)


def _run(program: Program) -> Program:
    """Without the texts that no conversation shows: other pages have them, and `program.json` has all."""
    readings = tuple(each._replace(rejected=(), because="") for each in program.interpretations)
    return program._replace(statements=(), not_encoded=(), interpretations=readings)


def _data(id: str, content: object) -> str:
    """JSON that no page can take for markup."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, default=str)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script type="application/json" id="{id}">{text}</script>'


def _review(dossier: Dossier) -> Mapping[str, Any]:
    """What the review records say, which no file of a Program can claim."""
    standing = dossier.program.standing
    return {
        "state": dossier.program.state or "draft",
        "standing": {
            "signed": [each._asdict() for each in standing.signed],
            "missing": standing.missing,
            "validUntil": standing.valid_until,
            "reason": standing.reason,
        },
    }


@cache
def runner_files() -> Mapping[str, bytes]:
    """The script of the runner, which is all of its modules in one, and its look, by their names in the site."""
    return {
        ENTRY: (EAGERLY + joined(RUNNER, [ENTRY], NOTE)).encode(),
        "page.css": (RUNNER / "page.css").read_bytes(),
    }
