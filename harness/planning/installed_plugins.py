"""The installed plugins, without those that the user disables."""

from __future__ import annotations

import os
from pathlib import Path

from harness.discovery.registry import Plugins, discover
from harness.errors import HarnessError, did_you_mean
from harness.planning.prompt_variants import with_prompts

DISABLE = "CXR_HARNESS_DISABLE"
"""Environment variable: names of plugins that are not to be loaded, separated by commas."""


def installed_plugins(prompts: Path | None = None) -> Plugins:
    """Every plugin but those that ``CXR_HARNESS_DISABLE`` names.

    Args:
        prompts: adds the methods that
            :func:`harness.planning.prompt_variants.with_prompts` makes of this file.

    Raises:
        HarnessError: the variable names a plugin that is not installed, or the file is invalid.
    """
    names = [name.strip() for name in os.environ.get(DISABLE, "").split(",") if name.strip()]
    plugins = discover(disabled=tuple(names))
    known = {record.name for record in plugins.records}
    for name in names:
        if name not in known:
            raise HarnessError(
                f"{DISABLE} names {name!r}, which is not an installed plugin"
                f"{did_you_mean(name, known)}"
            )
    return plugins if prompts is None else with_prompts(plugins, prompts)
