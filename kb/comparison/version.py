"""The number of a version: which step up a change demands, and which was made.

major: somebody is told otherwise, or nobody can tell whether; minor: only additions; patch: wording and evidence. Below
1.0.0, where the first number stands still, the second takes the place of the first and the third that of the second.
"""

from __future__ import annotations

from kb.comparison.behaviour import LEVELS, MAJOR, MINOR, PATCH

NONE, DOWN = "none", "down"


def made(before: str, after: str) -> str:
    """The step from one version number to another: major, minor, patch, none, or down."""
    old, new = _parts(before), _parts(after)
    if new == old:
        return NONE
    if new < old:
        return DOWN
    changed = next(place for place in range(3) if old[place] != new[place])
    if old[0] == new[0] == 0:
        changed -= 1
    return (MAJOR, MINOR, PATCH)[max(changed, 0)]


def suffices(step: str, demanded: str) -> bool:
    """Whether the step up that was made is as large as the one demanded; nothing demanded is always met."""
    if demanded == NONE:
        return True
    return step in LEVELS and LEVELS.index(step) >= LEVELS.index(demanded)


def at_least(before: str, demanded: str) -> str:
    """The lowest number that makes the step demanded."""
    parts = list(_parts(before))
    place = (MAJOR, MINOR, PATCH).index(demanded) + (parts[0] == 0)
    place = min(place, 2)
    parts[place] += 1
    return ".".join(str(part if number <= place else 0) for number, part in enumerate(parts))


def _parts(version: str) -> tuple[int, int, int]:
    numbers = [int(part) if part.isdigit() else 0 for part in version.split(".")]
    return (*numbers, 0, 0, 0)[:3]  # type: ignore[return-value]
