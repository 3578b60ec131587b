"""Two digests of a Program: of what decides, and of what is said about it.

The *logic digest* covers everything that can change a state, a status, a dose, an ask, a refusal, an
order of recommendations or a verdict on an order. The *text digest* covers wording and evidence. Both
are SHA-256 over canonical JSON of the resolved Program, library entries included.
"""

from __future__ import annotations

from typing import Any

from kb.codec import encoded_fields
from kb.program import Program

# INVARIANT: every field of every record stands in exactly one of these (a test holds it). Expressions
# are logic as a whole. A record inside another record is read by its own row, so a field that holds
# records is `logic` if any of their fields is.
FIELDS: dict[str, dict[str, str]] = {
    "Event": {"logic": "kind id"},
    "Window": {"logic": "kind event duration"},
    "Feature": {"logic": "function of window condition clear duration after"},
    "Slot": {"logic": "name kind type of unit feature expr options", "text": "title cites interprets"},
    "Unit": {"logic": "spelling ucum factor dimension offset"},
    "Element": {
        "logic": "id type unit options low high valid_for can_be_unobtainable molar_mass valence basis codes",
        "text": "label question source confirm",
    },
    "Limit": {"logic": "of route soft_low soft_high hard_low hard_high", "text": "source confirm"},
    "Delivery": {"logic": "of step towards", "text": "source confirm"},
    "Drug": {
        "logic": "id synonyms classes rate_unit amount_unit salts valid_for absent_is_zero limits delivery"
        " largest_step routes codes",
        "text": "label source confirm",
    },
    "Parameter": {"logic": "id type unit options low high default", "text": "title cites interprets"},
    "Case": {"logic": "when targets", "text": "text title cites interprets"},
    "Dose": {"logic": "low high most unit weight", "text": "text"},
    "Avoid": {"logic": "when instead", "text": "text because cites interprets"},
    "Review": {"logic": "after measure", "text": "text"},
    "Repeat": {"logic": "earliest latest at_most window since count", "text": "text"},
    "Action": {
        "logic": "verb drug of dose each over route salt concentration intent line subject options ladder",
        "text": "each_text",
    },
    "Option": {"logic": "id action satisfied for_ against", "text": "title cites interprets"},
    "Step": {
        "logic": "id kind cases if_unknown with_ then satisfied status action avoid review repeat priority decide_by"
        " hand_over part_of",
        "text": "title strength certainty note cites interprets",
    },
    "Rule": {"logic": "id drugs when instead made_by", "text": "text because cites interprets"},
    "Cap": {"logic": "id drugs amount unit total window", "text": "text cites interprets"},
    "Goal": {"logic": "id target", "text": "title text cites interprets"},
    "AlertRule": {"logic": "id severity when", "text": "text say cites interprets"},
    "Interpretation": {"text": "id about reading rejected because confirm status"},
    "Statement": {"text": "id says kind cites support wording grade"},
    "Elsewhere": {
        "text": "id cites topic of what value says about verdict because stored superseded steps rules goals",
    },
    "Reference": {"text": "key title kind publisher year tier identifier checked superseded_by"},
    "Source": {"text": "title publisher updated banner claims disclaimer"},
    "Signed": {"neither": "who name role date signature"},
    "Standing": {"neither": "signed missing valid_until reason"},
    "Program": {
        "logic": "id withdrawn slots steps starts applies enter weight rules caps goals alerts elements drugs units"
        " parameters",
        "text": "version title question purpose updated population applies_text enter_text interpretations statements"
        " not_encoded references source elsewhere",
        # The form of the file, the digests themselves, and what reviewers decided about them.
        "neither": "schema state logic_digest text_digest standing",
    },
}

# Entries found by their id: where a file happens to list them says nothing.
_UNORDERED = {
    "rules": "id",
    "caps": "id",
    "goals": "id",
    "alerts": "id",
    "elements": "id",
    "drugs": "id",
    "units": "spelling",
    "parameters": "id",
    "interpretations": "id",
    "statements": "id",
    "references": "key",
    "elsewhere": "id",
}


def digests(program: Program) -> tuple[str, str]:
    """The logic digest and the text digest, each 64 hexadecimal digits."""
    return _sha256(logic_content(program)), _sha256(text_content(program))


def with_digests(program: Program) -> Program:
    """`program` with both digests filled in."""
    logic, text = digests(program)
    return program._replace(logic_digest=logic, text_digest=text)


def logic_content(program: Program) -> Any:
    """What the logic digest is taken of, as plain data; two of these can be compared to say what changed."""
    return _part(program, "logic")


def text_content(program: Program) -> Any:
    """What the text digest is taken of, as plain data."""
    return _part(program, "text")


def _sha256(content: Any) -> str:
    # Imported here: whoever only runs a Program needs neither.
    import hashlib
    import json

    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _part(record: Any, side: str) -> dict[str, Any]:
    """The fields of `record` on `side`, and of the records in it, however deep."""
    rows = FIELDS[type(record).__name__]
    wanted, unread = rows.get(side, "").split(), rows.get("neither", "").split()
    content: dict[str, Any] = {}
    for name, value, encode in encoded_fields(record):
        if name in unread:
            continue
        if type(value).__name__ in FIELDS:
            part: Any = _part(value, side)
        elif isinstance(value, tuple) and value and type(value[0]).__name__ in FIELDS:
            key = _UNORDERED.get(name) if isinstance(record, Program) else None
            items = sorted(value, key=lambda item: getattr(item, key)) if key else value
            part = [_part(item, side) for item in items]
        else:
            part = encode(value) if name in wanted else None
        if part or name in wanted:
            content[name] = part
    return content
