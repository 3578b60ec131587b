"""What a person types, read: clock times, spans of time, yes and no, quantities. Nothing is guessed.

Raises `BadValue` with words for the person where something can be read in more than one way, or in none.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from fractions import Fraction

from kb.chart import parse_time, quoted
from kb.records import NamedTuple
from kb.values import BadValue, parse_decimal

_SECONDS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "min": 60, "mins": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
}  # fmt: skip
_CLOCK = re.compile(r"(?:(\d{4}-\d{2}-\d{2})[ T])?(\d{1,2}):(\d{2})(?::(\d{2}))?")
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?\s*[a-z]+\s*)+")
_AT = re.compile(r"(?:^|\s+)(?:at|@)\s*(\S+(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?)$", re.IGNORECASE)
_UNITS = [r"(?:d|days?)", r"(?:h|hr|hours?)", r"(?:min|mins|minutes?)", r"(?:s|sec|seconds?)"]
# Each unit once, the longest first: `10 min 5 min ago` is a value and its age.
_AGO = re.compile(
    r"(?:^|\s+)(?=\d)(" + "".join(rf"(?:\d+(?:\.\d+)?\s*{unit}\s+)?" for unit in _UNITS) + r")ago$", re.IGNORECASE
)
_BARE = re.compile(r"[+-]?\d+(?:\.\d+)?|[+-]?\.\d+")
_HALF_A_DAY = timedelta(hours=12)

YES, NO = frozenset({"y", "yes", "true"}), frozenset({"n", "no", "false"})
NOT_AVAILABLE = frozenset(
    {"not available", "na", "n/a", "unknown", "don't know", "dont know", "not known", "unavailable"}
)
UNOBTAINABLE = frozenset({"unobtainable", "u", "not obtainable", "cannot be obtained", "unrecordable"})


class Said(NamedTuple):
    """What was said, and of which time; None: of now."""

    text: str
    at: datetime | None = None


def plain(text: str) -> str:
    """One line without control characters; white space is one space."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def span(text: str) -> timedelta:
    """`15 min`, `1 h 30 min`, `90s`. A number alone is refused."""
    words = text.strip().lower()
    if _SPAN.fullmatch(words):
        seconds = Fraction(0)
        for number, unit in re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]+)", words):
            if unit not in _SECONDS:
                raise BadValue("KB608", f"{quoted(unit)} is not a unit of time", "write s, min, h or d")
            seconds += parse_decimal(number) * _SECONDS[unit]
        if seconds <= 366 * 86400:
            return timedelta(microseconds=round(seconds * 1_000_000))
    raise BadValue("KB608", f"{quoted(text)} is not a length of time", "write it as `15 min` or `1 h 30 min`")


def moment(text: str, now: datetime) -> datetime:
    """`11:40`, `2026-01-27 11:40`, an ISO time, or `20 min ago`; never later than `now`.

    A time of day is its last occurrence; one that lies more than half a day back needs its date.
    """
    words = text.strip()
    found = _CLOCK.fullmatch(words)
    if words.lower() == "now":
        return now
    if words.lower().endswith(" ago"):
        return now - span(words[:-4])
    if found is None:
        made = parse_time(words)
    else:
        made = _on_the_clock(found, now)
        if not found[1]:
            made -= timedelta(days=1) if made > now else timedelta()
            if now - made > _HALF_A_DAY:
                raise BadValue(
                    "KB608", f"{quoted(words)} is later than now ({now:%H:%M})", "for another day write its date too"
                )
    if made > now:
        raise BadValue("KB608", f"{quoted(words)} is later than now ({now:%Y-%m-%d %H:%M})", "write when it was")
    return made


def later(text: str, now: datetime) -> datetime:
    """The next time to which the clock is set: `14:05`, with its date if that is not today."""
    words = text.strip()
    found = _CLOCK.fullmatch(words)
    made = parse_time(words) if found is None else _on_the_clock(found, now)
    if made < now:
        help = "the clock only goes forward; for another day write its date too"
        raise BadValue("KB608", f"{quoted(words)} is before now ({now:%Y-%m-%d %H:%M})", help)
    return made


def _on_the_clock(found: re.Match[str], now: datetime) -> datetime:
    date, hour, minute, second = found.groups()
    try:
        day = now if date is None else now.combine(datetime.fromisoformat(date).date(), now.timetz())
        return day.replace(hour=int(hour), minute=int(minute), second=int(second or 0), microsecond=0)
    except ValueError:
        raise BadValue("KB608", f"{quoted(found[0])} is not a time", "write it as `14:05`") from None


def said(text: str, now: datetime) -> Said:
    """`58 mmHg at 11:40` or `58 mmHg 20 min ago` taken apart; without a time it is of now."""
    found = _AGO.search(text)
    if found is not None:
        return Said(text[: found.start()].strip(), moment(f"{found[1]} ago", now))
    found = _AT.search(text)
    if found is not None:
        return Said(text[: found.start()].strip(), moment(found[1], now))
    return Said(text.strip())


def bare(text: str) -> bool:
    """Whether a text is a number without a unit."""
    return _BARE.fullmatch(text) is not None


def quantity(text: str, unit: str) -> str:
    """`text` with `unit` where it is a bare number, and with a space before its own unit."""
    spaced = re.sub(r"^([+-]?\d*\.?\d+)(?=[^\d\s.,eE+-])", r"\1 ", text)
    return f"{spaced} {unit}" if bare(spaced) and unit not in ("", "1") else spaced


def is_rate(text: str) -> bool:
    """Whether a dose is a rate: its unit ends in a time."""
    return re.search(r"/\s*(s|min|h|hr|hour|hours|day|d)\b", text) is not None
