"""The front page of a protocol: what it answers, for whom, what stands behind it, and where everything is."""

from __future__ import annotations

from kb.generator.markdown import quoted
from kb.generator.readaloud import ReadAloud
from kb.site.dossier import Dossier


def body(dossier: Dossier) -> str:
    """The page without its head."""
    program, told = dossier.program, dossier.told
    parts = [
        f"**{quoted(told.question)}**",
        *_scope(told),
        f'<p class="kb-identity">{quoted(program.id)} · {quoted(told.identity)}</p>',
    ]
    return "\n\n".join(parts)


def _scope(told: ReadAloud) -> list[str]:
    lines = []
    if told.population:
        lines.append(f"- For: {quoted(told.population)}")
    if told.applies:
        lines.append(f"- Applies if {quoted(told.applies)}")
    if told.enter:
        lines.append(f"- Open it if {quoted(told.enter)}")
    return ["\n".join(lines)] if lines else []
