"""One name for each thing, with the others it goes by; and the words of these pages."""

from __future__ import annotations

from kb import program as ir
from kb.generator.markdown import anchor, quoted
from kb.generator.wording import listed
from kb.site.base_pages.protocols import link
from kb.site.base_pages.whole import Whole
from kb.site.dossier import Dossier
from kb.site.pages.frame import link_of, place

WORDS = (
    (
        "NOW, soon, urgent",
        "how soon a step is to be done once it is reached: at once, as soon as possible, before routine work",
    ),
    ("strong, conditional", "strength of a recommendation: for nearly all patients, or for many of them"),
    (
        "certainty",
        "how sure the evidence behind a recommendation is, as its source grades it; not graded where it does not",
    ),
    ("statement", "one thing that a source says, in our words; steps cite statements by their numbers"),
    ("reading", "how an editor read an unclear passage of the source, and who must confirm that"),
    ("worked patient", "a patient made up for testing: given this chart, expect this advice"),
    (
        "not known yet",
        "neither true nor false, because something is not charted; what is missing is asked, never guessed",
    ),
    (
        "draft, submitted, under review, approved",
        "how far people have reviewed a version; any change of it makes it a draft again",
    ),
    ("set by each hospital", "a number that the source leaves open; without it, what depends on it stays unknown"),
    ("logic, text", "two checksums of a version: of what decides, and of the wording; a review is about both"),
)


def abbreviation(dossier: Dossier, element: ir.Element) -> str:
    """The short name that an element goes by, `MAP`; empty where it has none but the words of its id."""
    short = dossier.say.data(element.id)
    return short if short.isupper() and short != element.label else ""


def body(whole: Whole) -> str:
    """The page without its head."""
    names: dict[str, str] = {}
    for dossier in whole.newest:
        for drug in dossier.program.drugs:
            told = f"{place('word', drug.id)}**{quoted(drug.label)}**"
            if drug.synonyms:
                told += f" = {quoted(listed(drug.synonyms, 'or'))}"
            ordered = link_of(f"drugs.html#{anchor('drug', drug.id)}", "where it is ordered", drug.label)
            names[drug.label] = f"- {told} ({ordered})"
            for other in drug.synonyms:
                names[other] = f"- **{quoted(other)}** = {quoted(drug.label)}"
        for element in dossier.program.elements:
            short = abbreviation(dossier, element)
            if short:
                names[short] = f"- **{quoted(short)}** = {quoted(element.label)}"
                names[element.label] = f"- **{quoted(element.label)}** = {quoted(short)}"
            else:
                used = link_of(f"data.html#{anchor('element', element.id)}", "where it is used", element.label)
                names[element.label] = f"- **{quoted(element.label)}** ({used})"
    parts = ["## Words of these pages", "\n".join(f"- **{quoted(word)}**: {quoted(told)}" for word, told in WORDS)]
    if names:
        parts += ["## Drugs and data", "\n".join(names[name] for name in sorted(names, key=str.casefold))]
    for dossier in sorted(whole.newest, key=lambda each: each.told.title.casefold()):
        if dossier.told.definitions:
            parts += [f"## {link(dossier, 'doses.md', dossier.told.title)}"]
            parts += ["\n".join(f"- **{quoted(each.id)}** {quoted(each.says)}" for each in dossier.told.definitions)]
    return "\n\n".join(parts)
