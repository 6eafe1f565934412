"""Trainings of small networks on a CPU, without a cell around them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from harness import Problem, TargetSpec, TorchMethod
from harness.protocol import Protocol
from harness.training.batches import Batches, Part, union
from harness.training.clock import Clock
from harness.training.fit.checkpoint import Checkpoints
from harness.training.fit.loop import Training, Validate
from harness.training.fit.stage_inputs import Views
from harness.training.frozen.placement import Sharing
from harness.training.rows import Budget

CPU = torch.device("cpu")
LABEL = TargetSpec(
    name="label",
    kind="classes",
    names=("dark", "bright"),
    loss="harness.tasks.losses:cross_entropy",
    activation="softmax",
)
PROBLEM = Problem(
    task="classification",
    targets={"label": LABEL},
    image_size=32,
    weights="random",
    weights_files={},
    seed=0,
)
"""Two classes at 32 px, for networks that a test makes."""


def make_part(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    masks: NDArray[np.bool_] | None = None,
    has_mask: NDArray[np.bool_] | None = None,
) -> Part:
    """All images of the arrays [N, size, size] and [N]."""
    count = len(pixels)
    bits = None if masks is None else np.packbits(masks.reshape(count, -1), axis=1)
    return Part(
        indices=np.arange(count),
        ids=tuple(f"image-{i}" for i in range(count)),
        images=pixels,
        labels=labels.astype(np.int64),
        mask_bits=bits,
        has_mask=np.full(count, masks is not None) if has_mask is None else has_mask,
    )


def some(part: Part, rows: slice) -> Part:
    """A part of the part, on the same images."""
    return replace(
        part,
        indices=part.indices[rows],
        ids=part.ids[rows],
        labels=part.labels[rows],
        has_mask=part.has_mask[rows],
    )


def make_training(
    method: TorchMethod,
    module: nn.Module,
    train: Part,
    val: Part,
    directory: Path,
    protocol: Protocol,
    validate: Validate,
    *,
    sharing: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Training:
    """A training on both parts; ``sharing`` and ``changes`` replace fields of these records."""
    budget, clock = Budget(CPU, 0), Clock()
    views = Views(
        method=method,
        module=module,
        images=union([train, val]),
        channels_last=False,
        protocol=protocol,
        autocast=nullcontext,
        budget=budget,
        clock=clock,
        sharing=Sharing(**{"cache": directory / "cache", "facts": {}, **(sharing or {})}),
    )
    targets = method.problem.targets
    return Training(
        **{
            "method": method,
            "module": module,
            "protocol": protocol,
            "train": Batches(train, method.input, targets, budget),
            "val": Batches(val, method.input, targets, budget),
            "validate": validate,
            "checkpoints": Checkpoints(directory),
            "clock": clock,
            "report": lambda line: None,
            "seed": 0,
            "device": CPU,
            "precision": "fp32",
            "views": views,
            **changes,
        }
    )
