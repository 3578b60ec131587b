"""What `kb check` found in the base, and what is allowed, by whom, why and until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kb.generator.markdown import coded, quoted
from kb.site.base_pages.whole import Whole
from kb.site.pages.frame import counted


def body(whole: Whole) -> str | None:
    """The page without its head."""
    check = whole.check
    if check is None:
        return None
    found, allowed = check["found"], check["allowed"]
    told = counted(len(found), "finding") if found else "nothing to tell"
    parts = [f"`kb check` looked at {counted(check['files'], 'file')}: {told}."]
    if found:
        parts += ["## Found", "\n".join(_found(each) for each in found)]
    if allowed:
        lead = "Somebody accepts these for now. After the day named, the check tells them again."
        parts += [f"## Allowed ({len(allowed)})", lead, "\n".join(_found(each) for each in allowed)]
    return "\n\n".join(parts)


def _found(each: Mapping[str, Any]) -> str:
    lines = [f"- [{quoted(each['code'])}](../diagnostics/{quoted(each['code'])}.md) {quoted(each['severity'])}: "
             f"{coded(each['message'])} (<code>{quoted(each['file'])}</code>, line {each['line']})"]  # fmt: skip
    if each.get("because"):
        lines.append(f"    - Allowed until {quoted(each['until'])} by {quoted(each['by'])}: {quoted(each['because'])}")
    elif each["help"]:
        lines.append(f"    - {coded(each['help'])}")
    return "\n".join(lines)
