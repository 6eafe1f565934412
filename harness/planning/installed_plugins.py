"""The installed plugins, without those that the user disables."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.discovery.families import with_members
from harness.discovery.find import DISABLE, ONLY
from harness.discovery.registry import Plugins, discover
from harness.errors import HarnessError, did_you_mean
from harness.planning.prompt_variants import with_prompts


def installed_plugins(
    prompts: Path | None = None,
    *,
    asked: Sequence[str] = (),
    exclude: Sequence[str] = (),
    fresh: bool = False,
    busy: Callable[[str], None] | None = None,
) -> Plugins:
    """Every plugin but those that ``CXR_HARNESS_DISABLE`` names, and of third parties' only those
    that ``CXR_HARNESS_ONLY`` names, where it is set.

    Args:
        prompts: adds the methods that
            :func:`harness.planning.prompt_variants.with_prompts` makes of this file.
        asked: patterns of methods; members of families that they name are among the methods.
        exclude: patterns of methods to leave out.
        fresh: whether to describe again what is remembered from earlier commands.
        busy: is told the plugin that is described, where that takes its time.

    Raises:
        HarnessError: a variable names a plugin that is not installed, a pattern a member that a
            family does not have, or the file is invalid.
    """
    disabled, only = _names(DISABLE), _names(ONLY)
    plugins = discover(disabled=disabled or (), only=only, fresh=fresh, busy=busy)
    known = {record.name for record in plugins.records}
    for variable, names in ((DISABLE, disabled), (ONLY, only)):
        for name in names or ():
            if name not in known:
                raise HarnessError(
                    f"{variable} names {name!r}, which is not an installed plugin"
                    f"{did_you_mean(name, known)}"
                )
    if plugins.families and (asked or exclude):
        stem = "" if prompts is None else prompts.stem
        plugins = with_members(asked, exclude, plugins, prompts=stem, busy=busy)
    return plugins if prompts is None else with_prompts(plugins, prompts)


def _names(variable: str) -> tuple[str, ...] | None:
    """None where the variable is not set, or empty."""
    names = tuple(n.strip() for n in os.environ.get(variable, "").split(",") if n.strip())
    return names or None
