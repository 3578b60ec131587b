"""Letters that look like plain ones and are not: Greek, Cyrillic, and those of another width."""

from __future__ import annotations

import unicodedata
from typing import Final

_FOREIGN: Final = "аеорсухіјѕԁһԛԝкмтвнАВЕКМНОРСТУХІЈЅαοινρτκυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"
_PLAIN: Final = "aeopcyxijsdhqwkmtbhABEKMHOPCTYXIJSaoivptkuxABEZHIKMNOPTYX"
_LIKE: Final = dict(zip(_FOREIGN, _PLAIN, strict=True))
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def plain_letter(char: str) -> str:
    """The plain letter that `char` looks like, else `char`."""
    return _LIKE.get(char) or unicodedata.normalize("NFKC", char)


def foreign_letter(text: str) -> tuple[int, str, str] | None:
    """Offset, message and help for the first letter of `text` that is Greek, Cyrillic or of another width."""
    for offset, char in enumerate(text):
        name = unicodedata.name(char, "")
        kind = name.split(" ")[0].capitalize()
        if char.isascii() or kind not in ("Greek", "Cyrillic", "Fullwidth"):
            continue
        where = f"the {_ORDINALS[offset]} character" if offset < len(_ORDINALS) else f"character {offset + 1}"
        whole = "".join(map(plain_letter, text))
        message = f"{where} of `{text[:60]}` is {kind}: `{char}`, U+{ord(char):04X} {name.lower()}"
        help = "delete it and type a plain letter; names are written with a to z, digits and signs"
        if whole.isascii():
            help = f"delete it and type a plain `{plain_letter(char)}`, so that `{whole[:60]}` stands there"
        return offset, message, help
    return None
