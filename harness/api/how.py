"""How the cells of a run are run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.execution.loggers import check_loggers
from harness.execution.placement import Placement, find_executor, placement
from harness.planning.params import with_executor_params
from harness.planning.study_files.study_file import table_of
from harness.planning.units import number_of_bytes

OnInterrupt = Literal["keep", "cancel"]
KEPT = ("none", "best", "all")
"""Checkpoints of a cell that is ok: none, the best epoch's, or the last epoch's as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How cells are run; none of it changes a result."""

    executor: str = "process"
    executor_params: tuple[str, ...] = ()
    """Changes to the executor's parameters, ``NAME=VALUE``."""
    retries: int = 2
    """How often a cell is submitted again after its machine was lost."""
    detach: bool = False
    """Whether to end when all cells are submitted."""
    on_interrupt: OnInterrupt | None = None
    """Of cells on other machines, when the run is interrupted; None: ask on a terminal, else
    keep."""
    data_root_there: Path | None = None
    """Where the machines that cells run on find the dataset, where that is elsewhere than here."""
    jobs: int | None = None
    """Cells at a time; None: one per core or GPU."""
    threads: int | None = None
    """Per cell; None: one on a CPU."""
    timeout: float | None = None
    """Seconds per cell."""
    rerun: bool = False
    """Whether finished cells run again."""
    device_memory: str | None = None
    """Of a GPU, for images and activations: ``8GB``."""
    activation_space: str | None = None
    """On disk, for the activations of one frozen prefix."""
    keep_checkpoints: str = "best"
    log: tuple[str, ...] = ()
    """Names of loggers, also several in one text with commas between them."""
    strict: bool = False
    """Whether any plugin that did not load counts as a failure."""

    def limits(self, plugins: Plugins) -> dict[str, int | str | None]:
        """``device_bytes``, ``activation_bytes`` and ``keep_checkpoints``, as a session takes them.

        Raises:
            HarnessError: any of the fields is invalid.
        """
        check_loggers(self.log, plugins)
        for name, least in (("jobs", 1), ("threads", 1), ("retries", 0)):
            if (value := getattr(self, name)) is not None and value < least:
                raise HarnessError(
                    f"--{name} {value}: give a whole number from {least}", about=name
                )
        if self.timeout is not None and self.timeout <= 0:
            raise HarnessError(
                f"--timeout {self.timeout:g}: give seconds, more than 0", about="timeout"
            )
        if self.keep_checkpoints not in KEPT:
            raise HarnessError(
                f"--keep-checkpoints {self.keep_checkpoints!r}: use one of {', '.join(KEPT)}",
                about="keep_checkpoints",
            )
        return {
            "device_bytes": number_of_bytes("--device-memory", self.device_memory),
            "activation_bytes": number_of_bytes("--activation-space", self.activation_space),
            "keep_checkpoints": self.keep_checkpoints,
        }

    def executor_keys(self) -> dict[str, Any]:
        """What a study file says of the executor, where that is more than its name."""
        if not self.executor_params:
            return {}
        return {"executor": {"name": self.executor, **table_of(self.executor_params)}}

    def placed(self, plugins: Plugins, device: str) -> Placement:
        """Where cells run.

        Args:
            device: as asked.

        Raises:
            HarnessError: there is no such executor, or what is asked of it cannot be had.
        """
        entry = find_executor(self.executor, plugins)
        found = placement(
            self.executor,
            plugins,
            with_executor_params(entry.spec, self.executor_params),
            device=device,
            jobs=self.jobs,
            threads=self.threads,
        )
        if not found.elsewhere:
            for name, given in (("detach", self.detach), ("on_interrupt", self.on_interrupt)):
                if given:
                    raise HarnessError(
                        f"--{name.replace('_', '-')}: cells of executor {self.executor!r} end with "
                        "this command; it is for executors whose cells run on other machines",
                        about=name,
                    )
        return found
