"""Text of other people's, made harmless for a terminal and for a page."""

from __future__ import annotations

import unicodedata

TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that are not seen and change the direction of what follows."""
LONGEST = 300
"""Characters of one such text on a screen."""


def escaped(text: str, kept: str = "") -> str:
    """The text with characters that control a terminal, end a line or change the direction of
    writing as Python escapes them: ``\\x1b``, ``\\u202e``.

    Args:
        kept: characters that stay, such as ``"\\n"``.
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if character not in kept
        and (unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") or character in TURNING)
        else character
        for character in text
    )


def on_screen(text: str) -> str:
    """The text escaped, on one line, and cut at 300 characters."""
    line = escaped(" ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
