"""The grammar of ``--plugins`` and ``--exclude``.

A pattern is ``all``, ``none``, a method's id, a glob on ids (``ssl/*``), a plugin's name, or
``task:…``, ``family:…``, ``tag:…``. It is never a substring and never a path.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache

from harness.discovery.registry import MethodEntry, PluginRecord, Plugins
from harness.errors import HarnessError, about, did_you_mean

KEYS = ("task", "family", "tag")
UNNAMED = "?"
"""The name of a plugin whose metadata cannot be read."""


def select(patterns: Sequence[str], exclude: Sequence[str], plugins: Plugins) -> tuple[str, ...]:
    """Ids of the methods that match any of ``patterns`` and none of ``exclude``, sorted.

    Each item may hold several patterns, separated by commas.

    Raises:
        HarnessError: a pattern that matches no method, or that names a plugin which did not load.
    """
    chosen: set[str] = set()
    with about("plugins"):
        for pattern in _split(patterns):
            found = _matches(pattern, plugins)
            if not found and pattern != "none":
                raise HarnessError(_refused(pattern, plugins) or _unmatched(pattern, plugins))
            chosen |= found
    with about("exclude"):
        for pattern in _split(exclude):
            found = _matches(pattern, plugins)
            # A user who leaves out a broken plugin gets what they asked for.
            if not found and pattern != "none" and not _refused(pattern, plugins):
                raise HarnessError(_unmatched(pattern, plugins))
            chosen -= found
    return tuple(sorted(chosen))


def meant(
    patterns: Sequence[str], exclude: Sequence[str], plugins: Plugins
) -> tuple[PluginRecord, ...]:
    """The broken plugins that ``patterns`` could have meant, had they loaded: all of them for
    ``all``, ``task:…``, ``family:…`` and ``tag:…``, and those that a glob could match. One that
    ``exclude`` names is left out on purpose."""
    asked, left_out = _split(patterns), _split(exclude)
    return tuple(
        record
        for record in plugins.broken
        if any(_may_mean(pattern, record.name) for pattern in asked)
        and not any(_names_whole(pattern, record.name) for pattern in left_out)
    )


def _may_mean(pattern: str, plugin: str) -> bool:
    if pattern in ("all", plugin) or pattern.partition(":")[0] in KEYS:
        return True
    if not re.search(r"[*?[]", pattern):
        return pattern.startswith(f"{plugin}/")
    # Metadata that cannot be read does not say what the plugin is called.
    return plugin == UNNAMED or _may_begin(pattern, f"{plugin}/")


def _names_whole(pattern: str, plugin: str) -> bool:
    return pattern in ("all", plugin, f"{plugin}/*")


@cache
def _may_begin(pattern: str, prefix: str) -> bool:
    """Whether the glob matches anything that begins with ``prefix`` and has no slash behind it."""
    if not prefix:
        return "/" not in pattern
    if not pattern:
        return False
    if pattern[0] == "*":
        return _may_begin(pattern[1:], prefix) or _may_begin(pattern, prefix[1:])
    found = re.match(r"\[!?\]?[^\]]*\]|.", pattern)
    token = pattern[0] if found is None else found.group()
    return fnmatchcase(prefix[0], token) and _may_begin(pattern[len(token) :], prefix[1:])


def _split(items: Sequence[str]) -> list[str]:
    patterns = [pattern.strip() for item in items for pattern in item.split(",")]
    if "" in patterns:
        raise HarnessError(f"an empty pattern in {','.join(items)!r}; say 'all', 'none' or a name")
    return patterns


def _matches(pattern: str, plugins: Plugins) -> set[str]:
    key, colon, value = pattern.partition(":")
    if colon and key not in KEYS:
        raise HarnessError(
            f"pattern {pattern!r}: {key!r} is not a key{did_you_mean(key, KEYS)}; "
            f"keys: {', '.join(f'{k}:' for k in KEYS)}"
        )
    return {
        entry.id
        for entry in plugins.methods.values()
        if (value in _values(entry, key) if colon else _names(pattern, entry))
    }


def _names(pattern: str, entry: MethodEntry) -> bool:
    return pattern in ("all", entry.plugin) or fnmatchcase(entry.id, pattern)


def _values(entry: MethodEntry, key: str) -> Iterable[str]:
    """What the method has under a key."""
    if key == "tag":
        return entry.spec.tags
    return (entry.spec.task if key == "task" else entry.spec.family,)


def _refused(pattern: str, plugins: Plugins) -> str | None:
    """Why a plugin that the pattern names outright has no methods."""
    named = pattern.partition("/")[0]
    for record in plugins.records:
        if record.name == named and record.status != "ok":
            return f"pattern {pattern!r}: plugin {named!r} is {record.status}: {record.reason}"
    return None


def _unmatched(pattern: str, plugins: Plugins) -> str:
    if any(record.name == pattern for record in plugins.records):
        return f"pattern {pattern!r}: this plugin offers no method"
    words = _vocabulary(plugins)
    near = difflib.get_close_matches(pattern.lower(), words, n=1)
    meant = f" (did you mean {words[near[0]]!r}?)" if near else ""
    return f"pattern {pattern!r} matches no method{meant}; 'harness plugins' lists them"


def _vocabulary(plugins: Plugins) -> dict[str, str]:
    """What a user may have typed -> the pattern that they may have meant."""
    words: dict[str, str] = {}
    for entry in plugins.methods.values():
        words.setdefault(entry.plugin, entry.plugin)
        words.setdefault(f"{entry.plugin}/*", f"{entry.plugin}/*")
        words.setdefault(entry.id, entry.id)
    for entry in plugins.methods.values():
        for key in KEYS:
            for value in sorted(_values(entry, key)):
                words.setdefault(f"{key}:{value}", f"{key}:{value}")
                words.setdefault(value, f"{key}:{value}")
        words.setdefault(entry.spec.name, entry.id)
        words.setdefault(entry.spec.name.partition("@")[0], entry.id)
    return words
