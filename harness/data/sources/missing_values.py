"""Table cells that mark a missing value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_SHOWN = 5
_MARKS = frozenset(
    (
        *("nan", "-nan", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
        *("na", "n/a", "n.a.", "<na>", "#na", "#n/a", "#n/a n/a", "nat", "null"),
    )
)
"""How pandas, R, spreadsheets and databases write a missing value: no name."""
_WORDS = frozenset(
    (
        *("none", "nil", "unknown", "unk", "unspecified", "undefined", "missing", "not available"),
        *("not applicable", "not known", "anonymous", "anonymised", "anonymized"),
        *("-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", "?", "??", ".", "*"),
    )
)
"""How people write it. It may also be the name of a class."""


def is_missing_mark(text: str) -> bool:
    """Whether programs write a missing value so, in any case: ``nan``, ``N/A``, ``NULL``. An empty
    text is none."""
    return text.strip().casefold() in _MARKS


def says_missing(text: str) -> bool:
    """Whether a text says that a value is missing, as programs or as people write it: ``nan``,
    ``none``, ``unknown``, ``-``. An empty text is none."""
    return is_missing_mark(text) or text.strip().casefold() in _WORDS


def counted_spellings(texts: Iterable[str]) -> str:
    """Every text and how often it occurs, the most frequent first: ``"'nan' 3, '-' 1"``."""
    counts = Counter(texts).most_common()
    shown = [f"{text!r} {count}" for text, count in counts[:_SHOWN]]
    rest = sum(count for _, count in counts[_SHOWN:])
    return ", ".join([*shown, *([f"others {rest}"] if rest else [])])
