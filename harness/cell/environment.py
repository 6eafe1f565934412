"""What machine and software a cell ran on, and how much memory it took."""

from __future__ import annotations

import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any, Literal

import torch

from harness.machine import Resources, cpu_name
from harness.provenance import version

PACKAGES = (
    "cxr-harness",
    "torch",
    "torchvision",
    "timm",
    "segmentation-models-pytorch",
    "transformers",
    "torchmetrics",
    "numpy",
    "scikit-learn",
    "pillow",
    "kornia-rs",
)


def describe_environment(resources: Resources) -> dict[str, Any]:
    """Packages, python, processor, threads, and the GPU where one is used."""
    facts: dict[str, Any] = {
        "packages": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cpu_count": os.cpu_count(),
        "threads": resources.threads,
        "device": resources.device,
    }
    if resources.device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(torch.device(resources.device))
        facts |= {
            "gpu": properties.name,
            "gpu_memory_bytes": properties.total_memory,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
        }
    return facts


def reset_peak_memory() -> None:
    """Start the peak anew: a forked process would otherwise report its parent's (Linux)."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: str) -> tuple[int, Literal["rss", "cuda"]]:
    """Bytes at the peak: allocated on the GPU, or resident in this process for a CPU."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(torch.device(device)), "cuda"
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024, "rss"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak if sys.platform == "darwin" else peak * 1024), "rss"
