"""The installed plugins, as every verb finds them."""

from __future__ import annotations

from pathlib import Path

from harness.discovery.registry import Plugins
from harness.planning.installed_plugins import installed_plugins
from harness.progress.patience import patience


def found_plugins(prompts: Path | None = None, *, fresh: bool = False) -> Plugins:
    """See :func:`harness.planning.installed_plugins.installed_plugins`; a plugin that takes its
    time is named on stderr."""
    with patience("describing") as busy:
        return installed_plugins(prompts, fresh=fresh, busy=busy)
