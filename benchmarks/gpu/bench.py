"""What all measurements share: settings, the device, random images, and how a method is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.blocks import Stopwatch
from benchmarks.gpu.catalogue import Entry
from benchmarks.gpu.energy import meter
from benchmarks.gpu.store import RandomStore
from benchmarks.gpu.subject import Subject
from benchmarks.noise import CLASSES
from harness import Problem, TorchMethod
from harness.protocol import PAPER, Protocol, effective, resolve_precision
from harness.runtime.resolve import resolve
from harness.training.batches import Part
from harness.training.clock import Clock
from harness.training.fit.runner import Setting
from harness.training.frozen.placement import Sharing
from harness.training.memory_format import channels_last


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line asks for."""

    images: int
    """Of the whole store."""
    size: int
    """Pixels per side that the protocol asks for."""
    batch: int
    """Images per step."""
    tiny: bool
    """Small members instead of the full networks."""
    blocks: int
    """Per contestant."""
    seconds_per_method: float
    """After them, two blocks are enough."""
    compile: bool
    """Whether one method is trained through ``torch.compile`` as well."""


class Bench:
    """Makes subjects under one protocol, on one device.

    Args:
        settings: of the command line.
        device: where everything runs.
        folder: for activations and checkpoints; the caller removes it.
    """

    def __init__(self, settings: Settings, device: torch.device, folder: Path) -> None:
        self.settings = settings
        self.device = device
        self.folder = folder
        self.precision = resolve_precision("auto", device.type)
        self.protocol = replace(
            PAPER,
            weights="random",
            image_size=settings.size,
            batch_size=settings.batch,
            tiny=settings.tiny,
        )
        self.store = RandomStore(settings.images)
        self.stopwatch = Stopwatch(device=device, meter=meter(device), blocks=settings.blocks)
        self._numbers = count()

    def subject(
        self,
        entry: Entry,
        *,
        other_layout: bool = False,
        device_budget: int | None = None,
    ) -> Subject:
        """The method, its network built.

        Args:
            entry: which.
            other_layout: whether channels are first in memory where they would be last, and last
                where they would be first.
            device_budget: bytes of device memory for images and activations; None: half of what is
                free.
        """
        folder = self.folder / f"subject-{next(self._numbers)}"
        protocol = effective(self.protocol, entry.id, entry.spec.protocol)
        problem = self._problem(entry, protocol, folder)
        arguments = {**entry.spec.params, **(entry.spec.tiny if protocol.tiny else {})}
        method = resolve(entry.spec.factory)(problem, **arguments)
        assert isinstance(method, TorchMethod)
        if other_layout:
            usual = channels_last(method, protocol, str(self.device), self.precision)
            protocol = replace(protocol, channels_last=not usual)
        subject = Subject(method, self._setting(problem, protocol, folder, device_budget))
        subject.build()
        return subject

    def part(self, subject: Subject, count: int | None = None) -> Part:
        """The first ``count`` images of the store (all by default) as the subject takes them."""
        kinds = {target.kind for target in subject.setting.problem.targets.values()}
        return self.store.part(subject.input.size, masks="binary-mask" in kinds, count=count)

    def _problem(self, entry: Entry, protocol: Protocol, folder: Path) -> Problem:
        files: Mapping[str, Path] = {}
        if "pretrained" in entry.spec.needs:
            # It imports transformers, which takes seconds and nobody else needs.
            from benchmarks.clip_checkpoint import write_clip

            with self.device:
                files = write_clip(folder / "weights", full=not protocol.tiny)
        return Problem.of_task(
            entry.task, CLASSES, image_size=protocol.image_size, seed=0, weights_files=files
        )

    def _setting(
        self, problem: Problem, protocol: Protocol, folder: Path, device_budget: int | None
    ) -> Setting:
        settings: dict[str, Any] = {
            "problem": problem,
            "protocol": protocol,
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "precision": self.precision,
            "seed": 0,
            "directory": folder,
            "clock": Clock(),
            "report": lambda line: None,
            "mask_grid": protocol.image_size,
            "sharing": Sharing(cache=folder, facts={}),
            "device_budget": device_budget,
        }
        return Setting(**settings)
