"""What a stage makes of images: the inputs of its trainable layers, and logits from these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.protocol import Protocol as TrainingProtocol
from harness.results.record import ActivationsRecord
from harness.training.batches import Batches, Part
from harness.training.clock import Clock
from harness.training.frozen.activations import Boundary
from harness.training.frozen.freeze import trainable_names
from harness.training.frozen.placement import Sharing
from harness.training.method import InputSpec, Stage, TorchMethod
from harness.training.promises.agreement import check_split
from harness.training.rows import Budget

Forward = Callable[[Tensor], Mapping[str, Tensor]]
Watch = Callable[[Tensor, Tensor, Mapping[str, Tensor]], None]
"""Shown a chunk: its rows, what the network was given of them, and the logits per target."""


class Logits(Protocol):
    """From chunks of rows, int64 [B] each on the CPU, to the logits per target of one by one."""

    def __call__(
        self, chunks: Sequence[Tensor], watch: Watch | None = None
    ) -> Iterator[Mapping[str, Tensor]]: ...


class Inputs(Protocol):
    """Inputs of a stage's layers, for the rows of one part."""

    def __call__(self, rows: Tensor, flipped: Tensor | None = None) -> Tensor: ...

    def announce(self, chunks: Sequence[tuple[Tensor, Tensor | None]]) -> None:
        """What will be asked for next, in this order."""
        ...


@dataclass(frozen=True, kw_only=True)
class View:
    """One stage's way from rows to logits."""

    forward: Forward
    """Inputs -> logits per target."""
    boundary: Boundary | None
    """Where the frozen prefix ends; None where the whole network is run."""
    budget: Budget
    autocast: Callable[[], AbstractContextManager[object]]
    """Opens the precision of a forward pass."""
    check: Callable[[], object] = lambda: None
    """Holds the boundary to what the method promised of it."""

    def inputs(self, batches: Batches, *, flips: bool = False) -> Inputs:
        if self.boundary is None:
            return _Images(batches)
        return self.boundary.of(batches, self.budget, flips=flips)

    def logits(self, batches: Batches) -> Logits:
        """The layers' inputs for a part, read ahead where they are not in memory."""
        inputs = self.inputs(batches)

        def chunk_by_chunk(
            chunks: Sequence[Tensor], watch: Watch | None = None
        ) -> Iterator[Mapping[str, Tensor]]:
            inputs.announce([(rows, None) for rows in chunks])
            for rows in chunks:
                given = inputs(rows)
                with self.autocast():
                    outputs = self.forward(given)
                if watch is not None:
                    watch(rows, given, outputs)
                yield outputs

        return chunk_by_chunk

    def note(self, activations: dict[str, ActivationsRecord], stage: Stage) -> None:
        """Record what happened to the activations at the stage's boundary, if it has one."""
        if self.boundary is not None:
            activations[stage.name] = self.boundary.kept.to_json()


@dataclass(frozen=True)
class _Images:
    batches: Batches

    def __call__(self, rows: Tensor, flipped: Tensor | None = None) -> Tensor:
        return self.batches.images(rows, flipped)

    def announce(self, chunks: Sequence[tuple[Tensor, Tensor | None]]) -> None:
        self.batches.announce([rows for rows, _ in chunks])


@dataclass(kw_only=True)
class Views:
    """Makes the view of every stage, and keeps that of the last one that was asked for.

    ``images`` holds every image that any part uses, whatever the train fraction: that is what
    activations are computed for.
    """

    method: TorchMethod
    module: nn.Module
    images: Part
    channels_last: bool
    protocol: TrainingProtocol
    autocast: Callable[[], AbstractContextManager[object]]
    budget: Budget
    clock: Clock
    sharing: Sharing
    _last: tuple[Stage, View] | None = None

    def of(self, stage: Stage) -> View:
        """The stage's view; computes the activations at its boundary where they are missing.

        Raises:
            HarnessError: the method's prefix holds a parameter that the stage trains.
        """
        if self._last is not None and self._last[0] is stage:
            return self._last[1]
        self._last = None
        view = self._make(stage)
        self._last = stage, view
        return view

    def _make(self, stage: Stage) -> View:
        method, module = self.method, self.module
        parts = method.split(module, stage)
        if parts is None:

            def forward(images: Tensor) -> Mapping[str, Tensor]:
                return method.forward(module, images)

            return self._view(forward, None)
        prefix, suffix = parts
        if moving := _moving(module, prefix, trainable_names(module, stage)):
            raise HarnessError(
                f"stage {stage.name!r} trains {moving[:3]}, which split() put into the frozen "
                "prefix"
            )
        with self.clock.bucket("frozen_prefix"):
            spec = method.input
            images = self._batches(spec)

            batch_size = self.protocol.micro_batch or self.protocol.batch_size

            def held(inner: Tensor | None = None, *, checked: bool = False) -> Tensor:
                first = images.images(torch.arange(min(batch_size, len(images))))
                return check_split(
                    method, module, stage, parts, first, inner=inner, checked=checked
                )

            passed: list[Tensor] = []
            module.eval()
            boundary = Boundary(
                prefix,
                images,
                spec,
                autocast=self.autocast,
                half=self.protocol.half_activations,
                flips=self.protocol.flip,
                batch_size=batch_size,
                sharing=self.sharing,
                check=lambda inner: passed.append(held(inner)),
            )
            synchronise(self.budget.device)
        # Where nothing is kept, training and predictions run the prefix themselves.
        known = None if boundary.kept.array is None else passed[0]
        return replace(
            self._view(suffix, boundary), check=lambda: held(known, checked=known is not None)
        )

    def _view(self, forward: Forward, boundary: Boundary | None) -> View:
        return View(forward=forward, boundary=boundary, budget=self.budget, autocast=self.autocast)

    def _batches(self, spec: InputSpec) -> Batches:
        # Every image is read once: there is no use in keeping all of them on the device.
        budget = Budget(self.budget.device, 0)
        return Batches(self.images, spec, {}, budget, channels_last=self.channels_last)


def _moving(module: nn.Module, prefix: nn.Module, trained: set[str]) -> list[str]:
    """Parameters of the prefix that the stage trains, by their names in the whole module."""
    inside = {id(parameter) for parameter in prefix.parameters()}
    return [
        name
        for name, parameter in module.named_parameters()
        if id(parameter) in inside and name in trained
    ]


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
