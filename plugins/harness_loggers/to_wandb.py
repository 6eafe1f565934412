"""Weights & Biases, offline: a folder for each run, as ``wandb sync`` takes it.

The variables of the library are respected where they are set, ``WANDB_MODE=online`` among them. The
study is a project unless ``WANDB_PROJECT`` names another, and a cell's hash the id of its run.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from harness_loggers.logged import Run
from harness_loggers.marks import mark, marked

_LIMIT = 60.0
"""Seconds for a server to answer, and to take what is left at the end of a run."""


def open_tracker(folder: Path) -> WandB:
    # The library adds a folder ``wandb``.
    return WandB(Path(os.environ.get("WANDB_DIR") or folder.parent))


class WandB:
    """See :class:`harness_loggers.tracker.Tracker`."""

    def __init__(self, folder: Path) -> None:
        # Where it is missing, the library takes the folder for temporary files.
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def holds(self, run: Run) -> bool:
        return any(marked(folder, run) for folder in self._written(run))

    def begin(self, run: Run) -> Logged:
        for folder in self._written(run):
            shutil.rmtree(folder)
        return Logged(self._folder, run)

    def _written(self, run: Run) -> list[Path]:
        """Folders with runs of the cell."""
        return sorted(self._folder.glob(f"*wandb/*run-*-{run.hash}*"))


class Logged:
    """See :class:`harness_loggers.tracker.OpenRun`."""

    def __init__(self, folder: Path, run: Run) -> None:
        online = os.environ["WANDB_MODE"] == "online"
        self._run: Any = wandb.init(
            dir=str(folder),
            project=os.environ.get("WANDB_PROJECT") or re.sub(r"[/\\#?%:]", "-", run.study),
            id=run.hash,
            name=run.name,
            group=run.study,
            config=dict(run.parameters),
            reinit="create_new",
            resume="allow" if online else None,
            settings=_settings(),
        )
        self._next = self._run.step if online else 0
        """The first epoch that a server lacks."""

    def epoch(self, number: int, values: Mapping[str, float]) -> None:
        if number >= self._next:
            self._run.log(dict(values), step=number)

    def end(self, run: Run) -> None:
        self._run.summary.update({**run.results, "status": run.status, "reason": run.reason})
        folder = Path(self._run.settings.sync_dir)
        self._run.finish(exit_code=0 if run.status == "ok" else 1)
        if not self._run.disabled:
            mark(folder, run)

    def abandon(self) -> None:
        self._run.finish(exit_code=1)


def _settings() -> wandb.Settings:
    """Nothing of the process or the machine: it is not the one that trains."""
    limit = {} if "WANDB_FINISH_TIMEOUT" in os.environ else {"finish_timeout": _LIMIT}
    return wandb.Settings(
        console="off",
        disable_git=True,
        save_code=False,
        init_timeout=_LIMIT,
        symlink=False,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
        **limit,
    )
