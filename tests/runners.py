"""Bundled and other methods driven as a cell drives them, on a few made-up images and a CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness import MethodSpec, TorchMethod
from harness.discovery.registry import discover
from harness.protocol import QUICK, override
from harness.runtime.resolve import resolve
from harness.training.batches import union
from harness.training.clock import Clock
from harness.training.fit.runner import Outputs, Parts, Setting
from harness.training.fit.torch_runner import TorchRunner
from harness.training.frozen.placement import Sharing
from tests.checkpoints import make_problem, tiny_params
from tests.trainings import make_part, some

TRAINED: Mapping[str, MethodSpec] = {
    entry.id: entry.spec
    for entry in discover().methods.values()
    if entry.spec.family in ("supervised", "ssl", "segmentation", "multitask")
}
"""All bundled methods that the harness trains."""
GRID = 16
"""Pixels per side of the grid that masks end on."""


def bundled(name: str) -> TorchMethod:
    """The small member of a bundled method, at 64 px."""
    spec = TRAINED[name]
    method: TorchMethod = resolve(spec.factory)(make_problem(spec.task, 64), **tiny_params(spec))
    return method


def parts_for(method: TorchMethod, *, train: int = 12, val: int = 8) -> Parts:
    """Noise with labels of all classes and masks, which some multitask images lack."""
    size, random, count = method.input.size, np.random.default_rng(0), train + val
    pixels = random.integers(0, 256, (count, size, size), dtype=np.uint8)
    targets = method.problem.targets
    masks = random.random((count, size, size)) < 0.5 if "mask" in targets else None
    has_mask = None if len(targets) == 1 else np.arange(count) % 3 > 0
    labels = np.arange(count) % max(2, len(method.problem.classes))
    images = make_part(pixels, labels, masks, has_mask)
    first, last = some(images, slice(0, train)), some(images, slice(train, count))
    return Parts(train=first, val=last, every=union([first, last]))


def runner_of(
    method: TorchMethod,
    folder: Path,
    *settings: str,
    report: Callable[[Mapping[str, Any]], None] = lambda line: None,
    sharing: Mapping[str, Any] | None = None,
) -> TorchRunner:
    """What drives the method in the cell ``folder``, its network built from seed 0.

    Args:
        settings: of the protocol, over ``quick`` with batches of 4.
        sharing: fields of :class:`Sharing`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    setting = Setting(
        problem=method.problem,
        protocol=override(QUICK, ("batch_size=4", *settings)),
        device="cpu",
        threads=1,
        precision="fp32",
        seed=0,
        directory=folder,
        clock=Clock(),
        report=report,
        mask_grid=GRID,
        sharing=Sharing(**{"cache": folder.parent / "cache", "facts": {}, **(sharing or {})}),
    )
    runner = TorchRunner(method, setting)
    runner.build()
    return runner


def contents(outputs: Outputs) -> tuple[bytes, bytes, float | None]:
    """All bytes of the probabilities and of the masks, and the loss."""
    found = (outputs.probabilities, outputs.mask_bits)
    first, second = (b"" if values is None else values.tobytes() for values in found)
    return first, second, outputs.loss
