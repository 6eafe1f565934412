"""Which ids a name without its plugin means: ``swin_b`` is that of ``supervised/swin_b``."""

from __future__ import annotations

from collections.abc import Iterable


def ids_called(text: str, ids: Iterable[str]) -> list[str]:
    """The ids ``<plugin>/<name>`` with this name; where there are none, those with this name before
    their ``@``. Upper and lower case, ``-`` and ``_`` do not matter."""
    wanted = plain_name(text)
    names = {one: plain_name(one.partition("/")[2]) for one in dict.fromkeys(ids)}
    whole = [one for one, name in names.items() if name == wanted]
    return whole or [one for one, name in names.items() if name.partition("@")[0] == wanted]


def plain_name(name: str) -> str:
    """The name without what does not matter."""
    return name.lower().replace("-", "_")
