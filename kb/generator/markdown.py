"""Text of a knowledge base as Markdown and HTML that show exactly it: nothing in it is obeyed."""

from __future__ import annotations

import re
from html import escape

from kb.generator.wording import clean

_OBEYED = re.compile(r"[&<>\"'\\`*_{}\[\]()#+!|~^$=:@-]")


def quoted(text: str) -> str:
    """`text` as Markdown, or as HTML, that shows exactly it, on one line: every character that either could obey
    becomes an entity.
    """
    return _OBEYED.sub(lambda found: f"&#{ord(found.group())};", clean(text))


def escaped(text: str) -> str:
    """`text` inside an HTML block, which Markdown leaves as it is: shorter than `quoted`."""
    return escape(clean(text))


def coded(text: str) -> str:
    """`quoted`, with what stands between backticks shown as code."""
    return re.sub(r"&#96;(.+?)&#96;", r"<code>\1</code>", quoted(text))


def anchor(kind: str, id: str) -> str:
    """The id of a place on a page."""
    return f"{kind}-{re.sub(r'[^A-Za-z0-9.-]', '-', id)}"


def file_name(id: str) -> str:
    """`id` as the name of a file or folder."""
    return anchor("", id).lstrip("-.")
