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
    yield harness.ExecutorSpec(
        name="ray",
        factory="harness_clusters.ray_cells:Ray",
        slots="harness_clusters.ray_slots:slots",
        summary="Tasks of a Ray cluster, or of Ray on this machine",
        params={"address": "", "num_cpus": 1, "num_gpus": 0},
        requires=("ray>=2.40",),
        install="cxr-harness[ray]",
    )
