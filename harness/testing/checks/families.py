"""Checks of a family: methods by the names that a library gives its networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from harness.discovery.families import member, search, with_members
from harness.discovery.registry import Plugins
from harness.discovery.requirements import missing_requirements
from harness.errors import HarnessError
from harness.specs import FamilySpec
from harness.testing.checks.check import BrokenPromiseError, Check, NotCheckedError, Promise

NONSENSE = "no-such-strategy"

LISTS = Promise(
    name="lists",
    group="contract",
    contract="search() returns pairs of a name, as pattern has it and once each, and a summary",
    fix="return the names without plugin and strategy, as pairs of texts",
)
RESOLVES = Promise(
    name="resolves",
    group="contract",
    contract="resolve() makes a MethodSpec of a listed name, alone and with every strategy, of a "
    "task that some plugin offers",
    fix="return a MethodSpec whose name is the name asked for, with a strategy behind it",
    after=("lists",),
)
REFUSES = Promise(
    name="refuses",
    group="contract",
    contract="resolve() raises harness.HarnessError for a strategy that there is not",
    fix="raise harness.HarnessError with the strategies that there are",
    after=("lists",),
)


def family_checks(spec: FamilySpec, plugin: str, plugins: Plugins) -> Iterator[Check]:
    """Every check of a family."""
    functions: tuple[tuple[Promise, Callable[[], None]], ...] = (
        (LISTS, partial(_lists, spec, plugin, plugins)),
        (RESOLVES, partial(_resolves, spec, plugin, plugins)),
        (REFUSES, partial(_refuses, spec, plugin, plugins)),
    )
    for promise, function in functions:
        yield Check(subject=f"{plugin}/{spec.pattern}", promise=promise, function=function)


def _names(spec: FamilySpec, plugin: str, plugins: Plugins) -> list[str]:
    """Ids of all that the family lists."""
    if missing := missing_requirements(spec):
        wanted = " ".join(f"'{requirement}'" for requirement in missing)
        raise NotCheckedError(f"packages are not installed: pip install {wanted}")
    slashes = spec.pattern.count("/") + 1
    listed = [one.id for one in search(f"{plugin}/*", plugins)]
    return [name for name in listed if name.count("/") == slashes]


def _lists(spec: FamilySpec, plugin: str, plugins: Plugins) -> None:
    names = _names(spec, plugin, plugins)
    if not names:
        raise BrokenPromiseError(f"search() lists no name of the form {spec.pattern}")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BrokenPromiseError(f"search() lists {twice!r} twice")


def _resolves(spec: FamilySpec, plugin: str, plugins: Plugins) -> None:
    names = _names(spec, plugin, plugins)
    first, last = names[0], names[-1]
    # A capital stands for a number.
    words = [strategy for strategy in spec.strategies if strategy.islower()]
    texts = list(dict.fromkeys((first, *(f"{first}@{word}" for word in words), last)))
    known = with_members(texts, (), plugins)
    for text in texts:
        method = known.aliases.get(text, text)
        base, _, strategy = text.partition("@")
        if method not in known.methods:
            raise BrokenPromiseError(f"{text!r} is listed and not of the form {spec.pattern}")
        if method.partition("@")[0] != base or (strategy and method != text):
            raise BrokenPromiseError(f"{text!r} is resolved to {method!r}")
        if (task := known.methods[method].spec.task) not in plugins.tasks:
            raise BrokenPromiseError(f"{text!r} is of the task {task!r}, which no plugin offers")


def _refuses(spec: FamilySpec, plugin: str, plugins: Plugins) -> None:
    text = f"{_names(spec, plugin, plugins)[0]}@{NONSENSE}"
    try:
        found = member(text, plugins)
    except HarnessError:
        return
    raise BrokenPromiseError(f"it makes {'nothing' if found is None else found.id} of {text!r}")
