"""The card: one page of paper to take to the bedside, that a black-and-white printer can print."""

from __future__ import annotations

from kb.generator.card import WEIGHTS, Card, DoseRow, card_of
from kb.generator.markdown import quoted
from kb.site.dossier import Dossier


def body(dossier: Dossier) -> str | None:
    """The page without its head; none where there is no dose, or the protocol was withdrawn."""
    card = card_of(dossier.program, dossier.settings)
    if card is None:
        return None
    return "\n\n".join(
        [
            '<p class="kb-screen">One page of A4 to print. The doses are worked out as the advice works them out, with '
            "caps and rounding to what can be delivered, for a patient who has been given nothing yet.</p>",
            f'<div class="kb-card">{_head(card)}{_now(card)}{_doses(card)}{_foot(card)}</div>',
        ]
    )


def _head(card: Card) -> str:
    state = "" if card.may_be_used else f'<p class="kb-card-state">{quoted(card.state.upper())}: NOT FOR CARE</p>'
    return (
        f'<p class="kb-card-title">{quoted(card.title)}</p><p>{quoted(card.question)}</p>{state}'
        f'<p class="kb-card-banner">{quoted(card.banner)}</p>'
    )


def _now(card: Card) -> str:
    steps = "".join(f"<li><b>{number}.</b> {quoted(title)}</li>" for number, title in card.now)
    return f'<p class="kb-card-part">Cannot wait, where its step is reached</p><ul>{steps}</ul>' if steps else ""


def _doses(card: Card) -> str:
    weights = "".join(f'<th scope="col">{weight} kg</th>' for weight in WEIGHTS)
    rows = "".join(_row(row) for row in card.rows)
    return (
        '<p class="kb-card-part">Doses, by the number of the step</p><div class="kb-card-scroll" role="region"'
        ' tabindex="0" aria-label="Doses by body weight"><table><thead><tr><th scope="col">Step</th>'
        f'<th scope="col">Dose</th>{weights}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _row(row: DoseRow) -> str:
    if row.cells:
        cells = "".join(f"<td>{'<br>= '.join(quoted(part) for part in cell.split(' = '))}</td>" for cell in row.cells)
    else:
        per_kg = "per kg, so the same number for each" if "/kg" in row.dose else "the same for each"
        told = row.needs or f"{per_kg} of these weights"
        cells = f'<td class="kb-card-same" colspan="{len(WEIGHTS)}">{quoted(told)}</td>'
    how = f"<br>{quoted(row.how)}" if row.how else ""
    head = f'<th scope="row">{row.number}. {quoted(row.title)}</th>'
    return f"<tr>{head}<td><b>{quoted(row.dose)}</b>{how}</td>{cells}</tr>"


def _foot(card: Card) -> str:
    caps = "".join(f"<li>{quoted(cap)}</li>" for cap in card.caps)
    told = f'<p class="kb-card-part">In all</p><ul>{caps}</ul>' if caps else ""
    local = "With the settings of this hospital." if card.local else "No hospital&#39;s settings; each sets its own."
    until = quoted(card.until or f"{card.state.capitalize()}: no approval, so no day until which it is valid.")
    return (
        f"{told}<p>For a patient who has been given nothing of it yet; a dose for a weight between two is that of the "
        "protocol, not of this card. Look the patient up in the protocol: what is not to be given to whom stands there."
        f'</p><p class="kb-card-foot"><b>{until}</b> {local} {quoted(card.identity)}</p>'
    )
