"""The machine that figures belong to, and a timer that waits for its accelerator."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

import torch

from harness.cell.environment import describe_environment
from harness.machine import Resources

VARIABLES = ("OMP_NUM_THREADS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "CUDA_VISIBLE_DEVICES")
DRIVER = ("nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,power.limit", "--format=csv")


def synchronised() -> float:
    """Seconds, once the GPU has done what it was given; a timer for blocks of work."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def facts(device: str) -> dict[str, Any]:
    """What figures depend on and what stays the same from run to run: processor, threads, packages,
    and the GPU with its driver where ``device`` is one."""
    resources = Resources(device=device, threads=torch.get_num_threads(), concurrent=False)
    found = describe_environment(resources)
    found["variables"] = {name: os.environ.get(name) for name in VARIABLES}
    if device.startswith("cuda"):
        found["gpu_driver"] = _driver()
    return found


def _driver() -> list[str] | None:
    """Driver, highest clock and power limit of each GPU; None where nobody can be asked."""
    try:
        answer = subprocess.run(DRIVER, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.splitlines()[1:]
