"""File names as text that can be written and printed."""

from __future__ import annotations

from harness.values.plain_text import escaped


def is_utf8(name: str) -> bool:
    """Whether the name is text: bytes of a file system that are not UTF-8 come as surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(name: str) -> str:
    """The name, with bytes that are not UTF-8 as ``\\xNN``: what records and tables can hold."""
    if is_utf8(name):
        return name
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode()


def on_one_line(name: str) -> str:
    """The name as a line or a table can show it: characters that control a terminal or the
    direction of writing are escaped, too, and blanks at its ends, ``\\x20``."""
    text = escaped(as_text(name))
    inner = text.strip(" ")
    if inner == text:
        return text
    start = text.index(inner)
    return "\\x20" * start + inner + "\\x20" * (len(text) - start - len(inner))
