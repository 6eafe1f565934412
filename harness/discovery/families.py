"""Methods by the names that libraries give their networks: whose family a name is of, and what
its members are.

Only a name that is written in full is ever resolved: neither ``all`` nor a glob expands a family.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType

from harness.discovery.family_answers import Asked, resolved, searched
from harness.discovery.registry import Entry, MethodEntry, Plugins, method_entry
from harness.discovery.requirements import missing_requirements
from harness.errors import HarnessError, about, did_you_mean
from harness.specs import FamilySpec
from harness.values.wording import counted

_GLOB = re.compile(r"[*?[]")

Busy = Callable[[str], None]
"""Is told whose names are resolved or listed, where that takes its time."""


@dataclass(frozen=True, slots=True)
class Member:
    """A network that a family has."""

    id: str
    """``<plugin>/<name>``, without a strategy."""
    summary: str
    strategies: tuple[str, ...]


def with_members(
    asked: Sequence[str],
    exclude: Sequence[str],
    plugins: Plugins,
    *,
    prompts: str = "",
    busy: Busy | None = None,
) -> Plugins:
    """The plugins, with a method for every name of a family's member among the patterns.

    Args:
        asked: patterns of methods, each item maybe several with commas between them.
        exclude: patterns of methods to leave out, where a glob is no mistake.
        prompts: a strategy that a file adds to methods which take prompts; a member that is asked
            for with it is resolved without.

    Raises:
        HarnessError: a glob within a family, or a name that a family does not have.
    """
    members: dict[str, MethodEntry] = {}
    for key, items in (("plugins", asked), ("exclude", exclude)):
        with about(key):
            patterns = list(dict.fromkeys(p.strip() for item in items for p in item.split(",")))
            if key == "plugins":
                _refuse_globs(patterns, plugins, busy)
            members |= _members(patterns, plugins, prompts, busy)
    methods = {**plugins.methods, **{entry.id: entry for entry in members.values()}}
    called = {text: entry.id for text, entry in members.items() if not _has(text, prompts)}
    return replace(
        plugins,
        methods=MappingProxyType(dict(sorted(methods.items()))),
        aliases=MappingProxyType({**plugins.aliases, **called}),
    )


def member(text: str, plugins: Plugins, busy: Busy | None = None) -> MethodEntry | None:
    """The method that a family resolves a name to; None where it is no family's.

    Raises:
        HarnessError: the family does not have it.
    """
    return _members([text], plugins, "", busy).get(text)


def search(pattern: str, plugins: Plugins, busy: Busy | None = None) -> list[Member]:
    """Methods, and members of families, that the pattern matches: a glob on ids, or a part of one.

    Raises:
        HarnessError: a family that may have such members cannot say which it has.
    """
    glob = pattern.partition("@")[0].lower()
    if not _GLOB.search(glob) and "/" not in glob:
        glob = f"*{glob}*"
    own = [
        Member(entry.id, entry.spec.summary, ())
        for entry in plugins.methods.values()
        if fnmatchcase(entry.id.lower(), glob) or fnmatchcase(entry.id.partition("@")[0], glob)
    ]
    return own + [
        one
        for family in plugins.families
        if "/" not in glob or fnmatchcase(family.plugin, glob.partition("/")[0])
        for one in _all(family, plugins, busy)
        if fnmatchcase(one.id.lower(), glob)
    ]


def family_strategies(entry: MethodEntry, plugins: Plugins) -> tuple[str, ...]:
    """Those of the family that has resolved the method; none for a method of another kind."""
    families = [family for family in plugins.families if family.plugin == entry.plugin]
    base = entry.spec.name.partition("@")[0]
    fitting = (f for f in families if re.fullmatch(_shape(f.spec), base))
    return next((family.spec.strategies for family in fitting), ())


def form(family: Entry[FamilySpec]) -> str:
    """How its members' ids read: ``timm/<model>[@strategy]``."""
    return f"{family.plugin}/{family.spec.pattern}[@strategy]"


def _members(
    patterns: Iterable[str], plugins: Plugins, prompts: str, busy: Busy | None
) -> dict[str, MethodEntry]:
    """Each pattern that is the name of a family's member, and what it is resolved to."""
    wanted: dict[str, Entry[FamilySpec]] = {}
    for text in patterns:
        if text not in plugins.methods and not _GLOB.search(text):
            family = _family_of(text, plugins)
            if family is not None:
                wanted[text] = family
    found: dict[str, MethodEntry] = {}
    for family in dict.fromkeys(wanted.values()):
        texts = [text for text, own in wanted.items() if own is family]
        names = [text.partition("@")[0] if _has(text, prompts) else text.strip() for text in texts]
        record = plugins.record(family.plugin)
        inner = [name.partition("/")[2] for name in names]
        answers = resolved(_asked(family, plugins), inner, busy)
        for text, name, answer in zip(texts, inner, answers, strict=True):
            if isinstance(answer, str):
                raise HarnessError(f"{text!r}: {answer}{_near(name, family, plugins, busy)}")
            found[text] = method_entry(record, answer)
    return found


def _has(text: str, prompts: str) -> bool:
    return bool(prompts) and text.partition("@")[2] == prompts


def _family_of(text: str, plugins: Plugins) -> Entry[FamilySpec] | None:
    """The family whose member the text names.

    Raises:
        HarnessError: the plugin has nothing but families, and none has names of this form.
    """
    plugin, slash, name = text.partition("/")
    families = [family for family in plugins.families if family.plugin == plugin]
    if not families:
        return None
    base = name.partition("@")[0]
    for family in families:
        if slash and re.fullmatch(_shape(family.spec), base):
            return family
    if any(entry.plugin == plugin for entry in plugins.methods.values()):
        return None
    forms = " or ".join(form(family) for family in families)
    raise HarnessError(
        f"{text!r}: the methods of plugin {plugin!r} are called {forms}; "
        f"harness plugins --search '{plugin}/*' lists them"
    )


def _shape(spec: FamilySpec) -> str:
    """A regular expression of its members' names."""
    return re.sub(r"<[^>]*>", lambda _: r"[A-Za-z0-9][A-Za-z0-9_.\-]*", spec.pattern)


def _refuse_globs(patterns: Iterable[str], plugins: Plugins, busy: Busy | None) -> None:
    for pattern in patterns:
        families = [f for f in plugins.families if pattern.startswith(f"{f.plugin}/")]
        if not families or not _GLOB.search(pattern):
            continue
        if any(fnmatchcase(name, pattern) for name in plugins.methods):
            continue
        count = len(search(pattern, plugins, busy))
        raise HarnessError(
            f"pattern {pattern!r}: no glob expands a family; write names in full. "
            f"harness plugins --search {pattern.partition('@')[0]!r} lists {counted(count, 'name')}"
        )


def _all(family: Entry[FamilySpec], plugins: Plugins, busy: Busy | None) -> list[Member]:
    listed = searched(_asked(family, plugins), busy)
    return [
        Member(f"{family.plugin}/{name}", summary, family.spec.strategies)
        for name, summary in listed
    ]


def _near(name: str, family: Entry[FamilySpec], plugins: Plugins, busy: Busy | None) -> str:
    """What may have been meant, where the family lists names and this is none of them."""
    base = name.partition("@")[0]
    names = [one.id.partition("/")[2] for one in _all(family, plugins, busy)]
    return "" if base in names else did_you_mean(base, names)


def _asked(family: Entry[FamilySpec], plugins: Plugins) -> Asked:
    if absent := missing_requirements(family.spec):
        quoted = " ".join(f"'{requirement}'" for requirement in absent)
        raise HarnessError(f"the methods {form(family)} need more: pip install {quoted}")
    record = plugins.record(family.plugin)
    return Asked(family.plugin, record.dist, record.version, family.spec)
