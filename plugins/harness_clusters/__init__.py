"""Bundled plugin: cells on the machines of a SLURM or a Ray cluster.

submitit and Ray are imported only by runs that name their executor.
"""

from __future__ import annotations

from collections.abc import Iterator

import harness

HARNESS_API = 1


@harness.hookimpl
def harness_executors() -> Iterator[harness.ExecutorSpec]:
    yield harness.ExecutorSpec(
        name="slurm",
        factory="harness_clusters.slurm:Slurm",
        slots="harness_clusters.slurm_slots:slots",
        summary="Jobs of a SLURM cluster, one array per study",
        params={
            "partition": "",
            "gres": "",
            "time": "",
            "mem": "",
            "account": "",
            "cpus_per_task": 1,
            "array_parallelism": 0,
            "array_size": 1000,
            "setup": [],
            "python": "",
            "sbatch": {},
        },
        requires=("submitit>=1.5",),
        install="cxr-harness[slurm]",
    )
