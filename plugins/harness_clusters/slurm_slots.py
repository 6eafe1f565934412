"""What a cell gets in a SLURM cluster, and whether there is one to ask."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import harness
from harness_clusters.slurm_commands import partitions

_NEEDED = ("sbatch", "squeue", "scancel", "sinfo")
_OWN = frozenset(("array", "error", "output", "parsable", "quiet", "test-only", "wait", "wrap"))


def slots(asked: harness.SlotsRequest) -> harness.Slots:
    """One job per cell; ``--jobs`` limits how many of them run at a time.

    Raises:
        HarnessError: there is no SLURM here, no such partition, or no GPU is asked of it.
    """
    params = asked.params
    absent = [name for name in _NEEDED if shutil.which(name) is None]
    if absent:
        raise harness.HarnessError(
            f"--executor slurm: {', '.join(absent)} not found on this machine; run the command on "
            "a login node of the cluster",
            about="executor",
        )
    known = partitions()
    asked_for = params["partition"].split(",") if params["partition"] else []
    if unknown := [name for name in asked_for if name not in known]:
        raise harness.HarnessError(
            f"--executor-param partition={unknown[0]}: no such partition; partitions of "
            f"this cluster: {', '.join(known) or 'none'}",
            about="executor_param.partition",
        )
    for name, least in (("cpus_per_task", 1), ("array_size", 1), ("array_parallelism", 0)):
        if params[name] < least:
            raise harness.HarnessError(
                f"--executor-param {name}={params[name]}: give a whole number from {least}",
                about=f"executor_param.{name}",
            )
    if not all(isinstance(line, str) for line in params["setup"]):
        raise harness.HarnessError(
            f"--executor-param setup={params['setup']}: give a list of texts, a shell line each",
            about="executor_param.setup",
        )
    for name in params["sbatch"]:
        if name.replace("_", "-") in _OWN:
            raise harness.HarnessError(
                f"--executor-param sbatch.{name}: by this option the harness knows its jobs; "
                "leave it out",
                about=f"executor_param.sbatch.{name}",
            )
    gpus = asks_for_gpus(params)
    if asked.device.startswith("cuda") and not gpus:
        raise harness.HarnessError(
            f"--device {asked.device}: a job gets no GPU; add --executor-param gres=gpu:1",
            about="device",
        )
    device = asked.device.partition(":")[0]
    return harness.Slots(
        device="cuda" if device == "cuda" or (device == "auto" and gpus) else "cpu",
        threads=asked.threads or params["cpus_per_task"],
    )


def asks_for_gpus(params: Mapping[str, Any]) -> bool:
    """Whether a job gets a GPU."""
    return "gpu" in params["gres"] or any(name.startswith("gpu") for name in params["sbatch"])
