"""What keeps a patient from harm is not there: a reason to withhold, a rule, a ceiling, a limit of repeats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kb import model
from kb.mutation.sites import DROP, Change, Site

NAME = "guards"
ABOUT = "an `avoid_if`, `never`, `hold_if`, cap, `most`, limit of repeats, `until`, alert or reason against is missing"


def faults(site: Site, protocol: model.Protocol) -> Iterator[Change]:
    node = site.node
    match node:
        case model.Do():
            for place, reason in enumerate(node.avoid_if):
                left = node.avoid_if[:place] + node.avoid_if[place + 1 :]
                told = f"`avoid_if {reason.when.text}` is missing"
                yield Change(replace(node, avoid_if=left), told, reason.when.span)
            if node.until is not None:
                yield Change(replace(node, until=None), f"`until {node.until.text}` is missing", node.until.span)
            if node.repeat is not None:
                yield Change(replace(node, repeat=None), "`repeat` is missing", node.repeat.span)
        case model.RepeatDef(at_most=most) if most is not None:
            yield Change(replace(node, at_most=None), f"`at_most {most.text}` is missing", most.span)
        case model.Titrate(hold_if=holds):
            for place, hold in enumerate(holds):
                left_holds = holds[:place] + holds[place + 1 :]
                yield Change(replace(node, hold_if=left_holds), f"`hold_if {hold.text}` is missing", hold.span)
        case model.Never():
            yield Change(DROP, f"the rule `{node.id}` is missing")
            if node.when is not None:
                told = f"the rule `{node.id}` refuses always, not only when {node.when.text}"
                yield Change(replace(node, when=None), told, node.when.span)
        case model.CapDef():
            yield Change(DROP, f"the cap `{node.id}` is missing")
        case model.AlertDef():
            yield Change(DROP, f"the alert `{node.id}` is missing")
        case model.Give(most=most) | model.Infuse(most=most) if most is not None:
            yield Change(replace(node, most=None), f"`most {most.text}` is missing", most.span)
        case model.OptionDef(against=reasons):
            for place, reason in enumerate(reasons):
                told = f"`against {reason.when.text}` is missing"
                left = reasons[:place] + reasons[place + 1 :]
                yield Change(replace(node, against=left), told, reason.when.span)
