"""The conversation over one patient: the compiled Program and the local settings as data, and the script that runs it.

Nothing of it is fetched or sent: the page holds all it needs. Without the script it says what else there is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kb.codec import program_file
from kb.generator.markdown import quoted
from kb.site.dossier import Dossier
from kb.site.pages.frame import PLACES

RUNNER = Path(__file__).parents[2] / "runner"
FOLDER = "runner"  # in the site: where the modules of the runner stand
ENTRY = "page.js"
_COMMENT = re.compile(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*\n", re.MULTILINE | re.DOTALL)


def body(dossier: Dossier) -> str:
    """The page without its head."""
    id, version = quoted(dossier.program.id), quoted(dossier.program.version)
    up = f"../../../{FOLDER}"
    # The modules are asked for at once, not one after the other as each names the next.
    preloads = "".join(f'<link rel="modulepreload" href="{up}/{name}">' for name in modules() if name.endswith(".js"))
    made = [
        "<div>",
        f'<link rel="stylesheet" href="{up}/page.css">{preloads}',
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
        _data("kb-program", program_file(dossier.program)),
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
        f'<script type="module" src="{up}/{ENTRY}"></script>',
        "</div>",
    ]
    return "\n".join(made)


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
def modules() -> Mapping[str, bytes]:
    """The files of the runner, by name, as the site serves them: without the comments that describe types."""
    return {
        file.name: _COMMENT.sub("", file.read_text("utf-8")).encode()
        for file in sorted(RUNNER.iterdir())
        if file.suffix in (".js", ".css")
    }
