"""The front page of a protocol: what it answers, for whom, who has approved it, and what stands behind it."""

from __future__ import annotations

from collections.abc import Iterator

from kb.generator.markdown import quoted
from kb.generator.readaloud import ReadAloud
from kb.interpreter import signature_line
from kb.review import APPROVED, DRAFT, RETIRED, SUBMITTED, UNDER_REVIEW, WITHDRAWN
from kb.site.dossier import Dossier
from kb.site.pages.frame import counted, permalink

WAY = (DRAFT, SUBMITTED, UNDER_REVIEW, APPROVED)
_DECIDED = {
    "submit": "submitted it",
    "start": "began the review",
    "approve": "approved it",
    "request-changes": "asked for changes",
    "retire": "retired it",
    "withdraw": "withdrew it",
}
_SIGNED = {"verified": "signature verified", "unsigned": "unsigned", "not checked": "signature not checked"}


def body(dossier: Dossier) -> str:
    """The page without its head."""
    told = dossier.told
    parts = [f"**{quoted(told.question)}**", *_scope(told), "## Review", _stepper(dossier)]
    for heading, lines in (
        ("", _review(dossier)),
        ("How far it has been tried", _tried(dossier)),
        ("Where it comes from", _sources(dossier)),
        ("Versions", _versions(dossier)),
    ):
        made = "\n".join(f"- {line}" for line in lines)
        if made:
            parts += [f"## {heading}", made] if heading else [made]
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


def state_of(dossier: Dossier) -> str:
    """The review state; what its own file withdraws is withdrawn."""
    return WITHDRAWN if dossier.program.withdrawn else dossier.program.state or DRAFT


def _stepper(dossier: Dossier) -> str:
    """Draft, submitted, under review, approved: where this version is; retired and withdrawn stand behind."""
    state = state_of(dossier)
    way = WAY if state in WAY else (*WAY, state)
    here = way.index(state)
    items = []
    for number, each in enumerate(way):
        if number == here:
            items.append(f'<li aria-current="step"><strong>{quoted(each)}</strong></li>')
        else:
            passed = ' class="kb-passed"' if number < here and state not in (RETIRED, WITHDRAWN) else ""
            items.append(f"<li{passed}>{quoted(each)}</li>")
    return f'<ol class="kb-review" aria-label="Review">{"".join(items)}</ol>'


def _review(dossier: Dossier) -> Iterator[str]:
    program, standing = dossier.program, dossier.program.standing
    if program.withdrawn or standing.reason:
        yield quoted(program.withdrawn or standing.reason)
    for item in standing.signed:
        yield f"Approved by {quoted(signature_line(item))}"
    if standing.missing:
        yield f"Still to approve: {quoted(', '.join(standing.missing))}"
    if standing.valid_until:
        yield f"Valid until {quoted(standing.valid_until)}"
    history = dossier.history
    if history is None or not history.records:
        yield "Nobody has reviewed it: there are no records of a review."
        return
    people = {person.id: person.name for person in history.policy.people} if history.policy is not None else {}
    digests = program.logic_digest, program.text_digest
    for record, signature in zip(history.records, history.signatures, strict=False):
        name = people.get(record.who) or record.who
        notes = [_SIGNED.get(signature, f"signature {signature}")]
        if record.logic and (record.logic, record.text) != digests:
            notes.append("of other content than this")
        comment = f": {record.comment}" if record.comment else ""
        what = _DECIDED.get(record.decision, record.decision)
        yield quoted(f"{record.date} {name} ({record.role}) {what}{comment} [{'; '.join(notes)}]")


def _tried(dossier: Dossier) -> Iterator[str]:
    if dossier.results:
        fine = sum(result.passed for result in dossier.results)
        yield (
            f"[{counted(len(dossier.results), 'worked patient')}](scenarios.md), {fine} of them advised as expected;"
            " [what they have shown](evidence.md#tried)"
        )
    else:
        yield "No worked patients: it is untested."
    proofs = dossier.reports.proofs
    if proofs is not None:
        outcomes = [str(each["outcome"]) for each in proofs["properties"]]
        told = ", ".join(f"{outcomes.count(each)} {each}" for each in dict.fromkeys(outcomes))
        yield f"[For all patients](proofs.md): {quoted(told)}" if told else "Nothing is stated of all patients."
    readings = dossier.program.interpretations
    if readings:
        told = counted(len(readings), "reading")
        yield f"[{told} of the source](readings.md), each to be confirmed by a person named there"


def _sources(dossier: Dossier) -> Iterator[str]:
    program = dossier.program
    source = program.source
    if source.title:
        yield quoted(", ".join(filter(None, (source.title, source.publisher, source.updated))))
    if source.banner:
        yield f"It says of itself: {quoted(source.banner)}"
    if program.statements or program.references:
        told = [counted(len(program.statements), "statement"), counted(len(program.references), "reference")]
        yield f"[{' and '.join(told)}](evidence.md)"
    if program.updated:
        yield f"This version is of {quoted(program.updated)}"
    yield quoted(f"{program.id} {dossier.told.identity}")


def _versions(dossier: Dossier) -> Iterator[str]:
    program = dossier.program
    yield f"This version for good: {permalink(dossier)}"
    for version in reversed(dossier.versions):
        if version != program.version:
            newer = " (newest)" if version == dossier.latest else ""
            yield f"[{quoted(version)}](../{version}/index.md){newer}"
    yield '<a href="../latest/index.html">An address that leads to the newest version</a>'
