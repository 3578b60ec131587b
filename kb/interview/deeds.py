"""What was done: a step carried out or declined, a drug given, started, changed or stopped."""

from __future__ import annotations

from typing import Any

from kb import dictation
from kb import program as ir
from kb.advice import Item
from kb.chart import nearest, quoted
from kb.generator.wording import clean
from kb.interview.charting import check_form, rate_said, step_entry, write
from kb.interview.handing_over import switch
from kb.interview.talk import Question, Talk
from kb.interview.understanding import drug_and_rest, step_and_rest
from kb.reading import dictionary_of
from kb.values import BadValue


def done(talk: Talk, rest: str) -> None:
    step, said = step_and_rest(talk, rest)
    if step.kind == "hand_over":
        return switch(talk, "")
    if step.kind != "do" or step.action is None:
        raise BadValue(
            "KB602", f"`{step.id}` is a question or an end, nothing that is done", "`advice` shows the actions"
        )
    return carried_out(talk, step, said)


def carried_out(talk: Talk, step: ir.Step, said: str, action: ir.Action | None = None) -> None:
    """Chart that a step was carried out: its drug with the dose stated, or advised where that is one number."""
    chosen, action = action, action or step.action
    assert action is not None
    if action.verb == "choose":
        if not said:
            options = tuple(option.id for option in action.options)
            text = f"Which was it: {talk.say.prose(step.title)}?"
            talk.pending = Question("option", step.id, text, "", options, (*options, "back"), step=step.id)
            return
        option_chosen(talk, Question("option", step.id, "", step=step.id), said)
        return
    if action.verb in ("measure", "exclude"):
        talk.queue = [name for name in action.subject if not talk.charted_now(name)]
        talk.aside.clear()
        talk.remark("what was found counts once it is charted:", "quiet")
        return
    drug = dictionary_of(talk.record.program).drugs.get(action.drug)
    told = dictation.said(said, talk.now)
    at = told.at or talk.now
    made: list[dict[str, Any]] = []
    if drug is not None and action.verb in ("give", "infuse", "change", "stop"):
        entry: dict[str, Any] = {"kind": "therapy", "drug": drug.id, "at": at}
        if action.route:
            entry["route"] = action.route
        if action.verb == "stop":
            made.append({**entry, "event": "stopped"})
        else:
            of, unit = ("amount", drug.amount_unit) if action.verb == "give" else ("rate", drug.rate_unit)
            stated = told.text or _advised_dose(talk, step, chosen)
            if not stated:
                talk.pending = _how_much(talk, step, drug, of, unit, chosen)
                return
            if dictation.bare(stated) and talk.unit(drug.id, unit) != unit:
                help = f"write {stated} {unit}, or {stated} {talk.unit(drug.id, unit)}"
                raise BadValue("KB604", f"{quoted(stated)} does not say in which unit", help)
            event = "given" if of == "amount" else "changed" if talk.runs_now(drug) else "started"
            dose = (
                {"amount": dictation.quantity(stated, unit)}
                if of == "amount"
                else rate_said(talk, drug, stated, unit, at)
            )
            if action.salt and drug.salts and " as " not in stated:
                dose["salt"] = action.salt
            made.append({**entry, "event": event, **dose})
    made.append(step_entry(talk, step.id, "done", at))
    _warn(talk, made[0])
    write(talk, None, made, exact=told.at is not None)


def _item(talk: Talk, step: str) -> Item | None:
    return next((item for item in talk.advice.actions if item.step == step), None)


def _advised_dose(talk: Talk, step: ir.Step, option: ir.Action | None) -> str:
    """The dose that is advised, where it is one number that is given at once; else nothing."""
    item = _item(talk, step.id)
    dose = None if item is None or option is not None else item.dose
    if dose is None or dose.rounded is None or dose.each or dose.high not in (None, dose.rounded):
        return ""
    return f"{dose.rounded} {dose.unit}"


def _how_much(talk: Talk, step: ir.Step, drug: ir.Drug, of: str, unit: str, option: ir.Action | None) -> Question:
    item = _item(talk, step.id)
    doses = [item.dose] if item is not None and item.dose is not None and option is None else []
    note = (
        ", each ".join(talk.say.dose_beside(drug.id, clean(text)) for text in (doses[0].text, doses[0].each) if text)
        if doses
        else ""
    )
    note = f"advised: {note}" if note else ""
    text = (
        f"How much {talk.say.drug(drug.id)} was given?"
        if of == "amount"
        else f"To what rate was {talk.say.drug(drug.id)} set?"
    )
    name = drug.id if option is None else f"{drug.id} "
    return Question("dose", name, text, unit, (), (unit, "… at 11:40", "back"), note, step=step.id)


def option_chosen(talk: Talk, question: Question, text: str) -> None:
    step = talk.step(question.step)
    assert step.action is not None
    word = text.lower()
    for option in sorted(step.action.options, key=lambda option: -len(option.id)):
        if word == option.id.lower() or word.startswith(f"{option.id.lower()} ") or word == clean(option.title).lower():
            talk.settle(question if question.text else talk.pending or question)
            said = text[len(option.id) :].strip() if word.startswith(option.id.lower()) else ""
            drug = dictionary_of(talk.record.program).drugs.get(option.action.drug)
            if drug is not None and option.action.verb in ("give", "infuse") and not said:
                verb = "give" if option.action.verb == "give" else "start"
                talk.remark(f"chart how much: `{verb} {drug.id} …`", "warn")
                return
            carried_out(talk, step, said, option.action)
            return
    options = [option.id for option in step.action.options]
    raise BadValue(
        "KB603",
        f"{quoted(text)} is not one of the options",
        nearest(word, options) or f"write one of {', '.join(options)}",
    )


def give(talk: Talk, rest: str) -> None:
    _therapy(talk, "given", rest)


def start(talk: Talk, rest: str) -> None:
    _therapy(talk, "started", rest)


def change(talk: Talk, rest: str) -> None:
    _therapy(talk, "changed", rest)


def stop(talk: Talk, rest: str) -> None:
    _therapy(talk, "stopped", rest)


def _therapy(talk: Talk, event: str, rest: str) -> None:
    told = dictation.said(rest, talk.now)
    drug, dose = drug_and_rest(talk, told.text)
    entry: dict[str, Any] = {"kind": "therapy", "event": event, "drug": drug.id, "at": told.at or talk.now}
    words = dose.split()
    if words and words[-1].lower() in drug.routes:
        entry["route"] = words.pop().lower()
        dose = " ".join(words)
    if event == "stopped" and dose:
        raise BadValue(
            "KB606", f"{quoted(dose)} has no place here", f"write `stop {drug.id}`, or `change {drug.id} {dose}`"
        )
    if event == "given":
        entry["amount"] = dictation.quantity(dose, "")
    elif event != "stopped" and dose:
        entry |= rate_said(talk, drug, dose, "", entry["at"])
    if event != "stopped" and not dose:
        of = drug.amount_unit if event == "given" else drug.rate_unit
        raise BadValue("KB604", "it does not say how much", f"write the dose with its unit: … {of}".rstrip())
    _warn(talk, entry)
    write(talk, None, [entry], exact=told.at is not None)


def _warn(talk: Talk, entry: dict[str, Any]) -> None:
    """Say where the protocol stands against what was done; it is charted all the same, because it is so."""
    check_form(talk, entry)
    if entry.get("event") not in ("given", "started", "changed"):
        return
    order = {key: entry[key] for key in ("drug", "rate", "amount", "route", "salt", "concentration") if entry.get(key)}
    (verdict,) = talk.record.guideline.check_orders(talk.record.chart, [order], talk.now, talk.local)
    if verdict.verdict == "refused" and "order-not-read" not in verdict.rules:
        because = "; ".join(talk.say.prose(text) for text in verdict.because)
        talk.remark(f"charted as done, but an order of it would be refused: {because}", "now")


def decline(talk: Talk, rest: str) -> None:
    step, said = step_and_rest(talk, rest)
    if step.kind != "do":
        raise BadValue("KB602", f"`{step.id}` is nothing that is done", "`advice` shows the actions")
    reason = said.removeprefix("because").strip()
    if reason:
        declined(talk, step, reason)
    else:
        talk.pending = Question(
            "reason",
            step.id,
            f"Why is it declined: {talk.say.prose(step.title)}?",
            step=step.id,
            hints=("in your words", "back"),
        )


def declined(talk: Talk, step: ir.Step, reason: str) -> None:
    talk.pending = None
    write(talk, None, [{**step_entry(talk, step.id, "declined", talk.now), "reason": reason}])
