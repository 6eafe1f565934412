"""The conformance kit: does a plugin do what its contract says?

``harness check NAME`` prints what :func:`check_plugin` finds; a plugin's own tests take the same
checks from :func:`parametrize`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.testing.outcome import Outcome, Report

if TYPE_CHECKING:
    import pytest

    from harness.planning.installed_plugins import Choice

__all__ = ["TIME_LIMIT", "Outcome", "Report", "check_plugin", "parametrize"]

TIME_LIMIT = 120.0
"""Seconds that one check may take, unless another limit is given."""


def check_plugin(
    name: str,
    *,
    plugin: str | Path | Sequence[str | Path] = (),
    data_roots: Mapping[str, str | Path] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    timeout: float = TIME_LIMIT,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Check a plugin, in a process of its own: one that hangs or dies fails the check
    that it was at, and the others are made all the same.

    Args:
        name: the plugin's name; or the id of one of its methods, to check that alone.
        plugin: files and folders of plugins that are not installed.
        data_roots: dataset -> the folder (or file) that it is checked with; ``""`` stands for all
            that are not named. A dataset that needs one and has none is skipped.
        expected_failures: id of a check -> why it fails. One that passes all the same has failed.
        timeout: seconds that one check may take.
        progress: told how many checks of how many are done.

    Raises:
        HarnessError: there is no such plugin, or an expected failure names no check.
    """
    from harness.testing.run import checked

    return checked(
        name,
        choice=_choice(plugin),
        roots=_paths(data_roots),
        expected=dict(expected_failures or {}),
        limit=timeout,
        progress=progress,
    )


def parametrize(
    name: str,
    *,
    plugin: str | Path | Sequence[str | Path] = (),
    data_roots: Mapping[str, str | Path] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> pytest.MarkDecorator:
    """A decorator that makes a test of every check, which it is handed as ``check``::

        @harness.testing.parametrize("my_plugin")
        def test_my_plugin(check):
            check()

    They are made in the process of pytest. Arguments and errors are those of
    :func:`check_plugin`; an expected failure is a strict ``xfail``.
    """
    from harness.testing.pytest_face import parametrized

    return parametrized(name, _choice(plugin), _paths(data_roots), dict(expected_failures or {}))


def _choice(plugin: str | Path | Sequence[str | Path]) -> Choice:
    from harness.planning.installed_plugins import Choice

    paths = [plugin] if isinstance(plugin, str | Path) else plugin
    return Choice(local=tuple(map(Path, paths)))


def _paths(roots: Mapping[str, str | Path] | None) -> dict[str, Path]:
    return {name: Path(root) for name, root in (roots or {}).items()}
