"""The plugins that a verb uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.discovery.registry import Plugins
from harness.planning.installed_plugins import Choice, installed_plugins
from harness.progress.patience import patience


def found_plugins(
    prompts: Path | None = None,
    *,
    asked: Sequence[str] = (),
    exclude: Sequence[str] = (),
    plugin: tuple[Path, ...] = (),
    disable_plugins: tuple[str, ...] = (),
    only_plugins: tuple[str, ...] = (),
    fresh: bool = False,
) -> Plugins:
    """See :func:`harness.planning.installed_plugins.installed_plugins`; a plugin that takes its
    time is named on stderr."""
    choice = Choice(disabled=disable_plugins, only=only_plugins, local=plugin)
    with patience("describing") as busy:
        return installed_plugins(
            prompts, choice, asked=asked, exclude=exclude, fresh=fresh, busy=busy
        )
