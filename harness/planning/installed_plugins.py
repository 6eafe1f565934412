"""The plugins of a command: what is installed, without what its user leaves out, and what its user
adds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.discovery.families import with_members
from harness.discovery.find import DISABLE, ONLY
from harness.discovery.registry import Plugins, discover
from harness.errors import HarnessError, did_you_mean
from harness.planning.prompt_variants import with_prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which plugins a command uses. Names may hold several, separated by commas."""

    disabled: tuple[str, ...] = ()
    """Names of plugins that are not loaded, besides those of ``CXR_HARNESS_DISABLE``."""
    only: tuple[str, ...] = ()
    """Names of the third parties' plugins that are loaded; empty for those of
    ``CXR_HARNESS_ONLY``, or all."""
    local: tuple[Path, ...] = ()
    """Files and folders of plugins that are not installed."""


def installed_plugins(
    prompts: Path | None = None,
    choice: Choice | None = None,
    *,
    asked: Sequence[str] = (),
    exclude: Sequence[str] = (),
    fresh: bool = False,
    busy: Callable[[str], None] | None = None,
) -> Plugins:
    """Every plugin that the choice and the environment leave.

    Args:
        prompts: adds the methods that
            :func:`harness.planning.prompt_variants.with_prompts` makes of this file.
        choice: None for what the environment says.
        asked: patterns of methods; members of families that they name are among the methods.
        exclude: patterns of methods to leave out.
        fresh: whether to describe again what is remembered from earlier commands.
        busy: is told the plugin that is described, where that takes its time.

    Raises:
        HarnessError: a name is that of no plugin, a path holds none, a pattern names a member that
            a family does not have, or the prompts are invalid.
    """
    choice = Choice() if choice is None else choice
    variables = {name: _names([os.environ.get(name, "")]) for name in (DISABLE, ONLY)}
    disabled, only = _names(choice.disabled), _names(choice.only)
    plugins = discover(
        disabled=(*variables[DISABLE], *disabled),
        only=only or variables[ONLY] or None,
        fresh=fresh,
        local=choice.local,
        busy=busy,
    )
    known = {record.name for record in plugins.records}
    for where, names, about in (
        (DISABLE, variables[DISABLE], None),
        (ONLY, variables[ONLY], None),
        ("--disable-plugins", disabled, "disable_plugins"),
        ("--only-plugins", only, "only_plugins"),
    ):
        for name in names:
            if name not in known:
                raise HarnessError(
                    f"{where} names {name!r}, which is not an installed plugin"
                    f"{did_you_mean(name, known)}",
                    about=about,
                )
    if plugins.families and (asked or exclude):
        stem = "" if prompts is None else prompts.stem
        plugins = with_members(asked, exclude, plugins, prompts=stem, busy=busy)
    return plugins if prompts is None else with_prompts(plugins, prompts)


def _names(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())
