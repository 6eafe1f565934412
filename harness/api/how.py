"""How the cells of a run are run."""

from __future__ import annotations

from dataclasses import dataclass

from harness.discovery.registry import Plugins
from harness.errors import HarnessError
from harness.execution.devices import check_threads
from harness.execution.executor import check_executor
from harness.execution.loggers import check_loggers
from harness.planning.units import number_of_bytes

KEPT = ("none", "best", "all")
"""Checkpoints of a cell that is ok: none, the best epoch's, or the last epoch's as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How cells are run; none of it changes a result."""

    executor: str = "process"
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
        check_executor(self.executor, plugins)
        check_loggers(self.log, plugins)
        for name, least in (("jobs", 1), ("threads", 1)):
            if (value := getattr(self, name)) is not None and value < least:
                raise HarnessError(
                    f"--{name} {value}: give a whole number from {least}", about=name
                )
        if self.timeout is not None and self.timeout <= 0:
            raise HarnessError(
                f"--timeout {self.timeout:g}: give seconds, more than 0", about="timeout"
            )
        check_threads(self.threads)
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
