"""How unclear passages of the source were read and who must confirm it; what other sources say on the same matter."""

from __future__ import annotations

from kb import program as ir
from kb.advice import SaidElsewhere
from kb.generator.markdown import quoted
from kb.plan import all_said_elsewhere
from kb.site.dossier import Dossier
from kb.site.pages.frame import link, links, place

HERE = "readings"
VERDICTS = (
    ("conflicts", "They cannot both be right"),
    ("differs", "They differ"),
    ("absent here", "Said elsewhere, and not in this protocol"),
    ("context", "For context"),
    ("agrees", "They agree"),
    ("", "Not judged yet"),
)


def body(dossier: Dossier) -> str | None:
    """The page without its head."""
    program, parts = dossier.program, []
    if program.interpretations:
        parts += [
            "## Readings of the source",
            "Where the source is unclear or silent, an editor chose how to read it. Each reading is to be confirmed by"
            " the person named; until then it is a proposal.",
            "\n".join(_reading(dossier, item) for item in program.interpretations),
        ]
    if program.elsewhere:
        parts += ["## What other sources say", "Shown beside the steps it concerns. Nothing of it is carried out."]
        said = list(zip(program.elsewhere, all_said_elsewhere(program), strict=True))
        for verdict, heading in VERDICTS:
            rows = [_other(item, told) for item, told in said if item.verdict == verdict]
            if rows:
                parts += [f"### {heading}", "\n".join(rows)]
    return "\n\n".join(parts) or None


def _reading(dossier: Dossier, item: ir.Interpretation) -> str:
    about = links(HERE, "statement", item.about, 99)
    disputed = " **disputed: not carried out**" if item.status == "disputed" else ""
    used = links(HERE, "step", dossier.steps_of_reading.get(item.id, ()), 8)
    lines = [f"- {place('reading', item.id)}**{quoted(item.id)}**{disputed}{f' on {about}' if about else ''}"]
    lines.append(f"    - Read as: {quoted(dossier.say.prose(item.reading))}")
    lines += [f"    - Not as: {quoted(text)}" for text in item.rejected]
    lines.append(f"    - Because {quoted(item.because)}")
    lines.append(f"    - To be confirmed by: {quoted(item.confirm)}")
    lines += [f"    - Used in: {used}"] if used else []
    return "\n".join(lines)


def _other(item: ir.Elsewhere, said: SaidElsewhere) -> str:
    told = ": ".join(filter(None, (said.topic, ", ".join(filter(None, (said.number, said.says))))))
    notes = " (superseded)" if said.superseded else ""
    notes += "" if said.stored else " (general knowledge: nobody has read it)"
    lines = [f"- {place('elsewhere', item.id)}**{quoted(item.id)}** {quoted(told + notes)}"]
    lines += [f"    - From {links(HERE, 'reference', item.cites, 99)}"] if item.cites else []
    about = " · ".join(
        filter(None, (links(HERE, "statement", item.about, 99), *(_concerned(kind, ids) for kind, ids in _all(item))))
    )
    lines += [f"    - Here {about}"] if about else []
    lines += [f"    - {quoted(said.because)}"] if said.because else []
    return "\n".join(lines)


def _all(item: ir.Elsewhere) -> tuple[tuple[str, tuple[str, ...]], ...]:
    steps = tuple(dict.fromkeys(id.partition(".")[0] for id in item.steps))
    return (("step", steps), ("never", item.rules), ("goal", item.goals))


def _concerned(kind: str, ids: tuple[str, ...]) -> str:
    return " ".join(link(HERE, kind, id, id if kind == "step" else f"{kind} {id}") for id in ids)
