"""The grammar of ``--plugins`` and ``--exclude``.

A pattern is ``all``, ``none``, a method's id, a glob on ids (``ssl/*``), a plugin's name,
``task:…``, ``family:…``, ``tag:…``, or the name of the only method that is called so, as ``swin_b``
for ``supervised/swin_b``. It is never a substring and never a path. What a name of a family's
member means, as ``timm/resnet18``, is in :attr:`harness.discovery.registry.Plugins.aliases`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from itertools import takewhile

from harness.discovery.registry import MethodEntry, PluginRecord, Plugins
from harness.errors import HarnessError, about, did_you_mean
from harness.values.bare_names import ids_called, plain_name

KEYS = ("task", "family", "tag")
UNNAMED = "?"
"""The name of a plugin whose metadata cannot be read."""
_SHOWN = 8
"""Methods that an error lists."""


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
                if refused := _refused(pattern, plugins):
                    raise HarnessError(refused)
                found = _called(pattern, plugins)
            chosen |= found
    with about("exclude"):
        for pattern in _split(exclude):
            found = _matches(pattern, plugins)
            # A user who leaves out a broken plugin gets what they asked for.
            if not found and pattern != "none" and not _refused(pattern, plugins):
                found = _called(pattern, plugins)
            chosen -= found
    return tuple(sorted(chosen))


def in_full(items: Sequence[str], plugins: Plugins) -> tuple[str, ...]:
    """The items with the ids of methods in place of their bare names; others as they are.

    Raises:
        HarnessError: as :func:`select`.
    """
    return tuple(",".join(_in_full(pattern, plugins) for pattern in _split([i])) for i in items)


def taken(items: Sequence[str], plugins: Plugins) -> dict[str, str]:
    """Bare name of a method among the patterns -> the id that it is taken for."""
    pairs = ((pattern, _in_full(pattern, plugins)) for pattern in _split(items))
    return {pattern: full for pattern, full in pairs if pattern != full}


def _in_full(pattern: str, plugins: Plugins) -> str:
    if pattern in plugins.aliases:
        return plugins.aliases[pattern]
    if pattern == "none" or _matches(pattern, plugins) or _refused(pattern, plugins):
        return pattern
    return next(iter(_called(pattern, plugins)))


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
    if pattern in plugins.aliases:
        return {plugins.aliases[pattern]}
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
            state = "did not load" if record.status == "failed" else f"is {record.status}"
            return f"pattern {pattern!r}: plugin {named!r} {state}: {record.reason}"
    return None


def _called(pattern: str, plugins: Plugins) -> set[str]:
    """The one method whose name the pattern is.

    Raises:
        HarnessError: there is none, or there are several; names them.
    """
    exact = ids_called(pattern, plugins.methods)
    if len(exact) == 1:
        return set(exact)
    plain, names = plain_name(pattern), {i: i.partition("/")[2] for i in plugins.methods}
    begun = [i for i, name in names.items() if plain_name(name).startswith(plain)]
    globbed = [i for i, name in names.items() if fnmatchcase(name, pattern)]
    if len(found := exact or begun or globbed) < 2:
        raise HarnessError(_unmatched(pattern, plugins))
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise HarnessError(
        f"pattern {pattern!r} matches no method alone; it may mean {', '.join(found[:_SHOWN])}"
        f"{more}; {_glob_of(found, plugins)!r} takes them all"
    )


def _glob_of(found: Sequence[str], plugins: Plugins) -> str:
    """A pattern that takes these methods and no other; the shortest one that is found."""
    homes = {i.partition("/")[0] for i in found}
    names = [i.partition("/")[2] for i in found]
    columns = zip(*names, strict=False)
    begin = "".join(letters[0] for letters in takewhile(lambda it: len(set(it)) == 1, columns))
    home = homes.pop() if len(homes) == 1 else "*"
    globs = [f"{home}/{begin.rstrip('@')}*", f"{home}/{begin}*"]
    if len(bases := {name.partition("@")[0] for name in names}) == 1:
        globs.insert(0, f"{home}/{bases.pop()}@*")
    fitting = (glob for glob in globs if _matches(glob, plugins) == set(found))
    return next(fitting, ",".join(found))


def _unmatched(pattern: str, plugins: Plugins) -> str:
    if any(record.name == pattern for record in plugins.records):
        return f"pattern {pattern!r}: this plugin offers no method"
    words = _vocabulary(plugins)
    near = difflib.get_close_matches(pattern.lower(), words, n=1)
    meant = f" (did you mean {words[near[0]]!r}?)" if near else ""
    lists = "'harness plugins' lists them, and with --search networks by name"
    return f"pattern {pattern!r} matches no method{meant}; {lists}"


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
