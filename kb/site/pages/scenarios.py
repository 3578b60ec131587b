"""The worked patients: what is charted of each, what is advised, the way it takes, and whether that is as expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from kb.generator.markdown import anchor, escaped, file_name, quoted
from kb.generator.wording import clean
from kb.interpreter import Advice
from kb.scenarios import Scenario
from kb.site.dossier import Dossier, Worked
from kb.site.pages.frame import counted, html_link, link_of

HERE = "scenarios"
LIGHT = 250_000  # characters: all patients stand on one page up to this, else on one page for each of their files


def body(dossier: Dossier) -> str | None:
    """The page without its head: the patients, or where there are too many for one page, where each is told."""
    if not dossier.worked:
        return None
    broken = [each for each in dossier.worked if not each.result.passed]
    fine = len(dossier.worked) - len(broken)
    parts = [
        f"{counted(len(dossier.worked), 'patient')}, {fine} of them advised as expected."
        " The way is told by the numbers of the [steps](list.md)."
    ]
    if broken:
        names = ", ".join(html_link(HERE, "scenario", each.result.scenario.id) for each in broken)
        parts.append(f"**Not as expected:** {names}")
    told = _told(dossier)
    for file, patients in _by_file(dossier).items():
        parts.append(f"## {quoted(_words(file))}")
        parts.append(_listed(dossier, file, patients) if _too_many(told) else told[file])
    return "\n\n".join(parts)


def more(dossier: Dossier) -> dict[str, tuple[str, str]]:
    """Where the patients are too many for one page: title and body of a page for each of their files, by its id."""
    told = _told(dossier)
    if not _too_many(told):
        return {}
    return {
        _page(file): (_words(file), f"[All worked patients](scenarios.md)\n\n{text}") for file, text in told.items()
    }


def _by_file(dossier: Dossier) -> dict[str, list[Worked]]:
    found: dict[str, list[Worked]] = {}
    for each in dossier.worked:
        found.setdefault(PurePath(each.result.scenario.span.file).stem, []).append(each)
    return found


def _page(file: str) -> str:
    return f"{HERE}-{file_name(file)}"


def _words(file: str) -> str:
    return file.replace("-", " ").capitalize()


def _too_many(told: Mapping[str, str]) -> bool:
    return sum(map(len, told.values())) > LIGHT


@lru_cache(maxsize=1)  # asked for twice, for the page and for those beside it
def _told(dossier: Dossier) -> Mapping[str, str]:
    """The patients of each file in words."""
    numbers = {entry.step: entry.number for entry in dossier.told.entries}
    return {
        file: f'<div class="kb-patients">{"".join(_patient(dossier, each, numbers) for each in patients)}</div>'
        for file, patients in _by_file(dossier).items()
    }


def _listed(dossier: Dossier, file: str, patients: Iterable[Worked]) -> str:
    lines = []
    for each in patients:
        scenario, mark = each.result.scenario, "" if each.result.passed else "<strong>not as expected</strong> "
        place, title = anchor("scenario", scenario.id), escaped(dossier.called[scenario.id])
        lines.append(f'<li id="{place}">{mark}<a href="{_page(file)}.html#{place}">{title}</a></li>')
    return f"<ul>{''.join(lines)}</ul>"


def _patient(dossier: Dossier, each: Worked, numbers: Mapping[str, int]) -> str:
    scenario, advice = each.result.scenario, each.result.advice
    mark = "" if each.result.passed else "<strong>not as expected</strong> "
    rows = [("", escaped(scenario.vignette))] if scenario.vignette else []
    rows += [("Charted", text) for text in _charted(dossier, scenario)]
    rows += [("Set locally", escaped("; ".join(_settings(scenario.local))))] if scenario.local else []
    rows += list(_advised(dossier, advice)) if advice is not None else []
    for order, verdict in zip(scenario.orders, each.result.verdicts, strict=False):
        because = f": {'; '.join(verdict.because)}" if verdict.because else ""
        rows.append(("Order", escaped(f"{verdict.order or order.get('drug', '')} {verdict.verdict}{because}")))
    if each.reached:
        lit = link_of(f"chart.html#scenario={quote(scenario.id)}", "on the flowchart", dossier.called[scenario.id])
        rows.append(("Way", f"{ranges(numbers[step] for step in each.reached if step in numbers)} ({lit})"))
    rows += [("Expected otherwise", escaped(str(each))) for each in each.result.mismatches]
    told = "".join(f"<li>{f'<b>{label}</b> ' if label else ''}{text}</li>" for label, text in rows)
    place, title = anchor("scenario", scenario.id), escaped(dossier.called[scenario.id])
    return f'<details id="{place}"><summary>{mark}{title}</summary><ul>{told}</ul></details>'


def ranges(numbers: Iterable[int]) -> str:
    """`1, 2, 5–8`: runs of numbers as their ends."""
    told: list[list[int]] = []
    for number in sorted(numbers):
        if told and number == told[-1][-1] + 1:
            told[-1].append(number)
        else:
            told.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in told)


# ---------------------------------------------------------------- what is charted


def _charted(dossier: Dossier, scenario: Scenario) -> Iterator[str]:
    """The chart in words: of one moment, or what was charted when, oldest first."""
    entries = scenario.chart.get("entries")
    if isinstance(entries, list):
        moments: dict[str, list[str]] = {}
        told_of: dict[str, list[str]] = {}  # by the time as it is written: most times of a chart are written often
        for entry in sorted(entries, key=lambda entry: str(entry.get("at", ""))):
            at = str(entry.get("at", ""))
            if at not in told_of:
                told_of[at] = moments.setdefault(_ago(at, scenario), [])
            told_of[at].append(_entry(dossier, entry))
        for ago, told in moments.items():
            yield f"{escaped(ago)}: {escaped('; '.join(told))}"
        return
    yes, no, rest = [], [], []
    for name, value in scenario.chart.items():
        words = dossier.named(name)
        if value is True:
            yes.append(words)
        elif value is False:
            no.append(words)
        else:
            rest.append(f"{words} {_value(value)}")
    for lead, told in (("", rest), ("yes: ", yes), ("no: ", no)):
        if told:
            yield escaped(f"{lead}{', '.join(told)}")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(each)}" for key, each in value.items())
    return clean(str(value)).replace("_", " ")


def _entry(dossier: Dossier, entry: Mapping[str, Any]) -> str:
    if entry.get("retracts"):
        return f"{entry['retracts']} taken back"
    if entry["kind"] == "observation":
        what = f"{dossier.named(str(entry.get('element', '')))} {_value(entry.get('value', entry.get('state', '')))}"
    elif entry["kind"] == "protocol":
        return f"protocol {entry.get('event', '')}"
    else:
        of = str(entry.get("drug") or entry.get("step") or "")
        what = f"{dossier.named(of) if entry.get('drug') else dossier.titles.get(of, of)} {entry.get('event', '')}"
    more = [_value(entry[key]) for key in ("rate", "amount") if key in entry]
    more += [f"as {entry['salt']}"] if entry.get("salt") else []
    more += [str(entry["reason"])] if entry.get("reason") else []
    return " ".join([what, ", ".join(more)]).strip()


def _ago(at: str, scenario: Scenario) -> str:
    seconds = round((scenario.now - datetime.fromisoformat(at)).total_seconds())
    if seconds == 0:
        return "now"
    words = "ago" if seconds > 0 else "from now"
    told = []
    rest = abs(seconds)
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, size)
        told += [f"{number} {unit}"] if number else []
    return f"{' '.join(told[:2])} {words}"


def _settings(local: Mapping[str, Any]) -> Iterator[str]:
    for key, value in local.items():
        if isinstance(value, Mapping):
            for name, each in value.items():
                yield f"{name.replace('_', ' ')} {_value(each)}"
        else:
            yield f"{key.replace('_', ' ')} {_value(value)}"


# ---------------------------------------------------------------- what is advised


def _advised(dossier: Dossier, advice: Advice) -> Iterator[tuple[str, str]]:
    if advice.applies is False:
        yield "Advised", "nothing: the protocol does not apply"
        return
    for item in advice.recommended:
        dose = f": {item.dose.text}" if item.dose is not None and item.dose.text else ""
        late = " (overdue)" if item.status == "overdue" else ""
        step = dossier.whole[item.step]
        yield "Advised", f"{html_link(HERE, 'step', step, item.title or step)}{escaped(f'{dose}{late}')}"
    for label, texts in (
        ("Asked", [ask.name.replace("_", " ") for ask in advice.asks]),
        ("Alert", [alert.say for alert in advice.alerts]),
        ("Outcome", [outcome.title for outcome in advice.outcomes]),
        ("Hand over to", [item.protocol for item in advice.hand_overs]),
        ("Assumed", advice.assumptions),
        ("Not set here", [item.title for item in advice.needs_policy]),
    ):
        if texts:
            yield label, escaped("; ".join(texts))
