"""The hooks of a plugin.

A whole plugin is a light module with one hook and an entry point of group ``cxr_harness``::

    import harness

    HARNESS_API = 1

    @harness.hookimpl
    def harness_methods():
        yield harness.MethodSpec(
            name="my_net",
            factory="my_package.model:MyNet",
            task="classification",
            family="supervised",
            summary="My network",
        )

Registration hooks run when plugins are described: they return specs and import nothing heavy (a
plugin that pulls in torch, timm, transformers or segmentation-models-pytorch there is quarantined).
Session hooks run in the process of ``harness run``, never in a cell's. Their arguments are copies,
and what they change of the process's environment, working directory, umask and signal handlers is
put back. The clock is not handed to any of them, and what they cost counts as no training time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from harness.specs import (
        DatasetSpec,
        ExecutorSpec,
        FamilySpec,
        LoggerSpec,
        MethodSpec,
        MetricSpec,
        TaskSpec,
    )
    from harness.study import Cell

PROJECT_NAME = "cxr_harness"
"""Group of the entry points, and pluggy's project name."""

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)
"""Decorator of a plugin's hooks; ``tryfirst`` and ``trylast`` say when, beside other plugins'."""


@hookspec
def harness_methods() -> Iterable[MethodSpec]:  # type: ignore[empty-body]
    """Offer methods. Their ids become ``<entry point name>/<spec name>``."""


@hookspec
def harness_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Offer datasets, selected by ``--dataset NAME``."""


@hookspec
def harness_tasks() -> Iterable[TaskSpec]:  # type: ignore[empty-body]
    """Offer tasks: sets of targets with their losses and the metric to select by."""


@hookspec
def harness_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Offer metrics: pure functions of stored predictions, each for one kind of target."""


@hookspec
def harness_executors() -> Iterable[ExecutorSpec]:  # type: ignore[empty-body]
    """Offer ways to run a cell, selected by ``--executor NAME``."""


@hookspec
def harness_loggers() -> Iterable[LoggerSpec]:  # type: ignore[empty-body]
    """Offer loggers, selected by ``--log NAME``: objects with hooks of their own, which are called
    in runs that name them only."""


@hookspec
def harness_families() -> Iterable[FamilySpec]:  # type: ignore[empty-body]
    """Offer families: methods by the names that a library gives its networks, each described when
    it is asked for. Nothing expands them, neither ``all`` nor a glob."""


@hookspec
def harness_select_cells(cells: tuple[Cell, ...]) -> Iterable[Cell] | None:
    """Return the cells to keep, or None for no opinion. Cells cannot be added or changed; those
    that are left out are counted. Called by ``harness plan``, too."""


@hookspec
def harness_session_start(directory: Path, cells: tuple[Cell, ...]) -> None:
    """Called once, before the first cell starts. ``directory`` is the study's."""


@hookspec
def harness_session_finish(directory: Path, exit_code: int) -> None:
    """Called once, after the last cell, also after an interrupt."""


@hookspec
def harness_environment() -> Mapping[str, Any] | None:
    """Return facts about this machine, as plain JSON values; ``environment.json`` of every cell
    that runs keeps them under the plugin's name."""


@hookspec
def harness_cell_start(cell: Cell) -> None:
    """Called when a cell has been handed to its process."""


@hookspec
def harness_cell_progress(cell: Cell, event: Mapping[str, Any]) -> None:
    """Called for every line that the cell adds to its history (see ``docs/results-schema.md``); and
    once with an event ``unreadable`` where it has added something else."""


@hookspec
def harness_cell_finish(cell: Cell, status: Mapping[str, Any]) -> None:
    """Called when a cell has its final status, also when it was found finished."""
