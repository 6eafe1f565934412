"""From the record of a cell to a method that is ready to run, in a process that suits it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.cell.environment import PACKAGES
from harness.data.dataset import Samples
from harness.errors import HarnessError, Skip, text_of
from harness.machine import Resources
from harness.metrics.scoring import primary_direction
from harness.protocol import Protocol
from harness.provenance import version
from harness.results.rundir import CellDirectory
from harness.runtime.resolve import resolve
from harness.seeds import derive_seed
from harness.specs import MetricSpec, TaskSpec, card_from_json
from harness.storage.cache import cache_directory
from harness.storage.lock import machine_lock
from harness.training.clock import Clock
from harness.training.fit.plain_runner import PlainRunner
from harness.training.fit.runner import Runner, Setting
from harness.training.fit.torch_runner import TorchRunner
from harness.training.frozen.placement import Sharing
from harness.training.method import Method, Problem, TorchMethod
from harness.weights.locate import locate


class LoadFailedError(HarnessError):
    """The method's code could not be imported or constructed."""


def first_line(error: BaseException) -> str:
    """What the error says, as the reason of a status."""
    lines = text_of(error).strip().splitlines()
    if isinstance(error, HarnessError) and lines:
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def prepare_process(resources: Resources, protocol: Protocol, seed: int) -> None:
    """Threads, device and arithmetic of this process.

    A GPU is locked for as long as the process lives: two cells never share one.

    Raises:
        HarnessError: the installed torch does not see the device.
    """
    torch.set_num_threads(resources.threads)
    if protocol.deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True)
    if resources.device.startswith("cuda"):
        if not torch.cuda.is_available():
            raise HarnessError(
                f"device {resources.device} was asked for, but the installed torch "
                f"({torch.__version__}) finds no CUDA device; use --device cpu"
            )
        torch.cuda.set_device(torch.device(resources.device))
        torch.backends.cudnn.benchmark = not protocol.deterministic
        torch.backends.cudnn.allow_tf32 = protocol.tf32
        torch.set_float32_matmul_precision("high" if protocol.tf32 else "highest")
        _FOR_LIFE.enter_context(machine_lock(gpu_name(resources.device)))
    np.random.seed(derive_seed("numpy", seed) % 2**32)


def gpu_name(device: str) -> str:
    """What a GPU is called on its machine, whatever number a process sees it under: of two jobs of
    a cluster, each may see another one as ``cuda:0``."""
    card = getattr(torch.cuda.get_device_properties(torch.device(device)), "uuid", None)
    # Builds of torch that do not tell: by the number, as the process sees it.
    return device.replace(":", "-") if card is None else f"gpu-{card}"


_FOR_LIFE = ExitStack()
"""Closed by the end of the process."""


def make_runner(
    record: Mapping[str, Any],
    samples: Samples,
    task: TaskSpec,
    metrics: tuple[MetricSpec, ...],
    *,
    cell: CellDirectory,
    resources: Resources,
    clock: Clock,
    progress: Callable[[int, int], None],
) -> Runner:
    """The method of the record, constructed, with what drives it.

    Raises:
        LoadFailedError: the method's code could not be imported or constructed.
        Skip: the method does not want to run here.
    """
    protocol = Protocol(**record["protocol"])
    problem = Problem.of_task(
        task,
        samples.classes,
        image_size=protocol.image_size,
        seed=record["seed"],
        weights_files=_weights_files(record),
    )
    limits = record.get("limits", {})
    setting = Setting(
        problem=problem,
        protocol=protocol,
        device=resources.device,
        threads=resources.threads,
        precision=record["precision"],
        seed=record["seed"],
        directory=cell.path,
        clock=clock,
        report=cell.append_history,
        mask_grid=samples.mask_size,
        higher_is_better=primary_direction(metrics, task.primary),
        sharing=Sharing(
            cache=cache_directory(),
            facts=_facts(record, resources),
            disk_budget=limits.get("activation_bytes"),
            progress=progress,
        ),
        device_budget=limits.get("device_bytes"),
        keep_checkpoints=limits.get("keep_checkpoints", "best"),
    )
    method = _construct(record, problem)
    if reason := method.skip():
        raise Skip(reason)
    if isinstance(method, TorchMethod):
        return TorchRunner(method, setting)
    return PlainRunner(method, setting)


def _weights_files(record: Mapping[str, Any]) -> Mapping[str, Path]:
    kind = record["weights"]["kind"]
    if kind == "random":
        return {}
    card = card_from_json(record["method"]["weights"])
    folder = record["weights_directory"]
    return locate(card, kind if folder is None else Path(folder), record["id"])


def _construct(record: Mapping[str, Any], problem: Problem) -> TorchMethod | Method:
    spec = record["method"]
    try:
        method = resolve(spec["factory"])(problem, **spec["params"])
    except (Skip, MemoryError):
        raise
    except Exception as error:
        raise LoadFailedError(first_line(error)) from error
    if not isinstance(method, TorchMethod | Method):
        raise LoadFailedError(
            f"{spec['factory']} returned {type(method).__name__}, which is neither a "
            "TorchMethod nor has fit, predict, save, load and skip"
        )
    return method


def _facts(record: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """What decides activations besides the network and the store: code and arithmetic."""
    made_by = record["provenance"]
    protocol = record["protocol"]
    return {
        **{name: made_by.get(name) for name in ("source", "harness_source", "results_version")},
        "packages": {name: version(name) for name in PACKAGES},
        "dataset": record["dataset"]["fingerprint"],
        # Older records do not have it.
        "rows": record["identity"].get("rows"),
        "device": resources.device.partition(":")[0],
        "threads": resources.threads,
        "precision": record["precision"],
        "arithmetic": [protocol[name] for name in ("tf32", "deterministic")],
    }
