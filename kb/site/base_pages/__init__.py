"""The pages about a base as a whole: one module, one page. A new one is a new module and a line in `PAGES`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kb.generator.markdown import quoted
from kb.site.base_pages import checks, data, drugs, glossary, numbers, protocols
from kb.site.base_pages.whole import Whole


class BasePage(NamedTuple):
    """One page, `protocols/ID.md`. `make` gives its Markdown without the head, None where there is nothing to show."""

    id: str
    title: str
    make: Callable[[Whole], str | None]


PAGES = (
    BasePage("index", "Protocols", protocols.body),
    BasePage("drugs", "By drug", drugs.body),
    BasePage("data", "By what is measured", data.body),
    BasePage("numbers", "Numbers that disagree", numbers.body),
    BasePage("glossary", "Glossary", glossary.body),
    BasePage("checks", "What the check found", checks.body),
)


def base_pages(whole: Whole) -> dict[str, str]:
    """Every page there is something to show on, by its path in the site."""
    made = [(page, page.make(whole)) for page in PAGES]
    shown = [page for page, body in made if body is not None]
    return {f"protocols/{page.id}.md": _framed(page, body, shown) for page, body in made if body is not None}


def _framed(page: BasePage, body: str, shown: list[BasePage]) -> str:
    sisters = "".join(
        f'<li><a href="{each.id}.html"{" aria-current=page" if each == page else ""}>{quoted(each.title)}</a></li>'
        for each in shown
    )
    nav = f'<nav class="kb-pages" aria-label="All protocols"><ul>{sisters}</ul></nav>'
    return "\n\n".join([f"# {quoted(page.title)}", nav, body]) + "\n"


__all__ = ["PAGES", "BasePage", "Whole", "base_pages"]
