"""Names in a fixed order, and names that a reader would take for one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal

from harness.errors import HarnessError

OrderKey = tuple[tuple[tuple[str, int, str], ...], str]

_PIECES = re.compile(r"(\D*)(\d*)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?")
# Three digits behind a comma are thousands, unless a zero or nothing is before it.
_DECIMAL_COMMA = re.compile(r"([+-]?\d*),(\d{1,2}|\d{4,})|([+-]?0*),(\d{3})")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
_SEPARATORS = re.compile(r"(?<=\w)[\s_\-]+(?=\w)|[\s_]+")
_FULL_STOP = re.compile(r"\.(?!\d)|(?<=[^\W\d])\.")
"""One that is in no number."""
_LEADING_ZEROS = re.compile(r"(?<!\d)(?<!\d[.,])0+(?=\d)")
_SAME = str.maketrans(
    {
        **dict.fromkeys("\N{MINUS SIGN}\N{HYPHEN BULLET}", "-"),
        **dict.fromkeys("\u2018\u2019`\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d", '"'),
    }
)

ALIKE = (
    "upper and lower case, blanks, underscores, hyphens, full stops, invisible characters, leading "
    "zeros or the way a number is written"
)
"""What names that are spelled alike may differ in."""
_SHOWN = 3


def name_order(text: str) -> OrderKey:
    """Sort key: ``image-2`` before ``image-10``, upper and lower case together.

    No two texts share a key, so that the order depends on nothing but the texts: what ties is
    ordered by code points.
    """
    # Of two numbers the one with more digits is larger: no number is too long to be compared.
    natural = tuple(
        (word.casefold(), len(digits.lstrip("0")) if digits else -1, digits.lstrip("0"))
        for word, digits in _PIECES.findall(text)
        if word or digits
    )
    return natural, text


def plain_spelling(text: str) -> str:
    """A key that is the same for all spellings of a name: see :data:`ALIKE`. Compatible forms of a
    character are the same, too (Unicode's NFKC): composed and decomposed, full-width, ligatures.
    So are all dashes, and all quotes."""
    text = _folded(text)
    comma = _DECIMAL_COMMA.fullmatch(text)
    if comma or _THOUSANDS.fullmatch(text):
        number = text.replace(",", "." if comma else "")
    else:
        number = text
    if _NUMBER.fullmatch(number):
        value = Decimal(number)
        return str(value.normalize()) if value else "0"
    joined = _SEPARATORS.sub(_separator, _FULL_STOP.sub("", text))
    return _LEADING_ZEROS.sub("", joined)


def _folded(text: str) -> str:
    text = text.translate(_SAME)  # Before NFKC, which makes a blank of some accents.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    seen = []
    for character in text:
        kind = unicodedata.category(character)
        if kind == "Cf" or "\ufe00" <= character <= "\ufe0f":
            continue  # Has no width: joiners, byte order marks, soft hyphens, variants.
        seen.append("-" if kind == "Pd" else character)
    return "".join(seen).translate(_SAME).strip()


def _separator(found: re.Match[str]) -> str:
    """Between two numbers a separator says something, elsewhere nothing; but behind a blank, a
    hyphen before a number is its sign."""
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    if after.isdecimal() and re.search(r"[\s_]-$", found[0]):
        return " -"
    return " " if before.isdecimal() and after.isdecimal() else ""


def spelled_alike(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The names that a reader would take for one, two or more at a time; each in
    :func:`name_order`."""
    spellings: dict[str, set[str]] = {}
    for name in names:
        spellings.setdefault(plain_spelling(name), set()).add(name)
    alike = [tuple(sorted(found, key=name_order)) for found in spellings.values() if len(found) > 1]
    return tuple(sorted(alike, key=lambda found: name_order(found[0])))


def refuse_alike(what: str, places: Mapping[str, str]) -> None:
    """Raise HarnessError where names are spelled alike, with both spellings and where they stand.

    Args:
        what: they are, in the singular: ``class``.
        places: name -> where it stands, for the message.
    """
    alike = spelled_alike(places)
    if not alike:
        return
    both = "; ".join(
        " and ".join(f"{name!r} ({places[name]})" for name in names) for names in alike[:_SHOWN]
    )
    more = f"; and {len(alike) - _SHOWN} more" if len(alike) > _SHOWN else ""
    raise HarnessError(
        f"two names of one {what}? {both}{more}. They differ only in {ALIKE}: write one {what} in "
        "one way, or give two of them names that differ in more"
    )
