"""A step speaks as strongly as its source, by wording and by grade; a reading has somebody who must confirm it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from kb import model
from kb.codes import found
from kb.diagnostics import Diagnostic, Related
from kb.linter.context import LintContext

_WEAK = re.compile(r"\b(?:may|might|consider|considered|suggest|suggested|option|optional|can be)\b", re.IGNORECASE)
_FIRM = re.compile(r"\b(?:must|always|never|strongly)\b", re.IGNORECASE)
_NOBODY = re.compile(r"\W*(?:nobody|no ?one|none|tbd|tba|to be (?:named|decided)|unknown|n/?a|\?|-)?\W*", re.IGNORECASE)


def check(context: LintContext) -> Iterator[Diagnostic]:
    protocol, evidence = context.protocol, context.protocol.evidence
    for reading in protocol.interpretations.values():
        if _NOBODY.fullmatch(reading.confirm.value):
            yield found(
                "KB513",
                reading.confirm.span,
                f"nobody is named who must confirm `{reading.id}`",
                "write the role under `confirm:`, such as `critical-care pharmacist`",
                "a reading of the editor's would be carried out and never looked at",
            )
    yield from _unconfirmed(protocol.elements.values())
    for step in protocol.steps.values():
        if not isinstance(step, model.Do):
            continue
        title = _FIRM.search(step.title.value)
        if title is not None and step.strength == "conditional" and title[0].lower() != "never":
            yield found(
                "KB512",
                step.title.span,
                f"the title says `{title[0]}`, and the recommendation is conditional",
                "word the title as the source does, or correct `strength:`",
                "a reader would take an offer for a demand",
            )
        worded = evidence is not None and list(_against_the_grade(evidence, step))
        if worded:
            yield from worded
            continue
        if step.strength != "strong" or evidence is None:
            continue
        weak = _WEAK.match(step.title.value)
        if weak is not None:
            yield found(
                "KB512",
                step.title.span,
                f"the title says `{weak[0]}`, and the recommendation is strong",
                "word the title as the source does, or write `strength: conditional`",
                "a reader would take a demand for an offer",
            )
            continue
        cited = [evidence.statements[ref.id] for ref in step.backing.cites if ref.id in evidence.statements]
        acts = [item for item in cited if item.kind not in ("rationale", "threshold", "target", "assess")]
        if acts and not step.backing.interprets and all(_WEAK.search(statement.wording) for statement in acts):
            yield found(
                "KB512",
                step.span,
                f"`{step.id}` is strong, and its source only says `{acts[0].wording}`",
                "write `strength: conditional`, or name the interpretation that makes it strong",
                "the protocol would demand what its source only offers",
                (Related(acts[0].span, f"`{acts[0].id}` stands here"),),
            )


def in_library(library: model.Library) -> Iterator[Diagnostic]:
    yield from _unconfirmed((*library.elements.values(), *library.drugs.values()))


def _unconfirmed(records: Iterable[model.ElementDef | model.DrugDef]) -> Iterator[Diagnostic]:
    """Numbers of the editors' own, for which `confirm:` names nobody."""
    for record in records:
        origins = [record.origin, *(each.origin for each in model.every(record, model.LimitDef))]
        if any(origin.confirm and _NOBODY.fullmatch(origin.confirm) for origin in origins):
            yield found(
                "KB513",
                record.span,
                f"nobody is named who must confirm the numbers of `{record.id}`",
                "write the role under `confirm:`, such as `critical-care pharmacist`, or the document under `source:`",
                "numbers of the editor's own would be relied on and never looked at",
            )


def _against_the_grade(evidence: model.Evidence, step: model.Do) -> Iterator[Diagnostic]:
    """Where all that a step cites and that is graded is graded otherwise, and no reading says why."""
    cited = [evidence.statements[ref.id] for ref in step.backing.cites if ref.id in evidence.statements]
    graded = [(item, item.grade) for item in cited if item.grade is not None and _strength_of(item.grade)]
    if not graded or step.backing.interprets or any(_strength_of(grade) == step.strength for _, grade in graded):
        return
    statement, grade = graded[0]
    strong = step.strength == "strong"
    yield found(
        "KB512",
        step.span,
        f"`{step.id}` is {step.strength}, and its source is graded {'lower' if strong else 'higher'}: "
        f"`{statement.id}` has {grade.text}",
        f"write `strength: {_strength_of(grade)}`, or name the interpretation that makes it {step.strength}",
        "the protocol would demand what its source only offers"
        if strong
        else "the protocol would only offer what its source demands",
        (Related(statement.span, f"`{statement.id}` stands here"),),
    )


def _strength_of(grade: model.GradeDef) -> str:
    """The strength of a recommendation with this grade; empty where the grade says nothing of it."""
    if grade.by == "GRADE":
        return {"strong": "strong", "weak": "conditional", "conditional": "conditional"}.get(grade.strength, "")
    if grade.by == "ESC":
        return {"I": "strong", "IIa": "conditional", "IIb": "conditional"}.get(grade.class_, "")
    return ""
