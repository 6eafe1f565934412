"""A network that somebody else has trained, and a new head: what all families have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

import harness
from harness_families import lora
from harness_families.blocks import blocks, frozen_names
from harness_families.cut import Part, agrees, cut
from harness_families.strategies import Strategy, named

Names = Callable[[nn.Module], Collection[str]]


class Transfer(harness.TorchMethod):
    """Training of a pretrained network by one of :mod:`harness_families.strategies`.

    Args:
        problem: what to predict.
        strategy: name of the strategy.
        mean: of images scaled to [0, 1], per channel.
        std: likewise.
        interpolation: how images are resized.
        probe_lr_scale: factor of the learning rate while ``lpft`` trains the head alone.
        rank: of the updates of ``lora``.
    """

    divisible = True
    """Whether one tensor is all that passes between what is frozen and what is not."""

    def __init__(
        self,
        problem: harness.Problem,
        *,
        strategy: str,
        mean: Iterable[float],
        std: Iterable[float],
        interpolation: Literal["bilinear", "bicubic"],
        probe_lr_scale: float = 1.0,
        rank: int = 0,
    ) -> None:
        super().__init__(problem)
        self._strategy = named(strategy)
        self._mean, self._std = tuple(mean), tuple(std)
        self._interpolation = interpolation
        self._rank = rank
        self._cuts: dict[str, bool] = {}
        self.stages = _stages(self._strategy, self.head, probe_lr_scale)

    @property
    def input(self) -> harness.InputSpec:
        """The weights' preprocessing, at the size nearest to the protocol's that it takes."""
        return harness.InputSpec(
            size=self.size,
            mean=self._mean,
            std=self._std,
            interpolation=self._interpolation,
        )

    @property
    @abstractmethod
    def size(self) -> int:
        """Pixels per side of its images."""

    @abstractmethod
    def network(self) -> nn.Module:
        """The network with its initial weights and a new head."""

    @abstractmethod
    def head(self, module: nn.Module) -> tuple[str, ...]:
        """Names of the modules that are new."""

    def build(self) -> nn.Module:
        network = self.network()
        if self._strategy.frozen_blocks > (count := len(blocks(network, self.head(network)))):
            raise harness.HarnessError(f"{self._strategy.name}: the network has {count} blocks")
        if self._strategy.name == "lora":
            network = lora.with_updates(network, self.head(network), self._images(), self._rank)
        self._cuts = {
            stage.name: self._can_be_cut(network, stage)
            for stage in self.stages
            if stage.trainable is not None
        }
        return network

    def split(
        self, module: nn.Module, stage: harness.Stage
    ) -> tuple[nn.Module, Callable[..., Any]] | None:
        parts = self._parts(module, stage) if self._cuts.get(stage.name) else None
        if parts is None:
            return None
        prefix, suffix = parts
        return prefix, lambda features: self.outputs(suffix(features))

    def outputs(self, logits: Tensor) -> Mapping[str, Tensor]:
        """What the network returns, by target."""
        return {"label": logits}

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return self.outputs(module(images))

    def _parts(self, module: nn.Module, stage: harness.Stage) -> tuple[Part, Part] | None:
        if stage.trainable is None:
            return None
        trained = frozenset(stage.trainable(module))
        frozen = {name for name, _ in module.named_parameters() if name not in trained}
        return cut(module, frozen, self.head(module))

    def _can_be_cut(self, network: nn.Module, stage: harness.Stage) -> bool:
        if self._strategy.name == "lora" or not self.divisible:
            return False  # Every layer has something that trains, or there is no such place.
        parts = self._parts(network, stage)
        if parts is not None and agrees(network, parts, self._images()):
            return True
        print(f"stage {stage.name}: what is frozen is computed anew in every step")
        return False

    def _images(self) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(2, len(self._mean), self.size, self.size, generator=generator)


def _stages(
    strategy: Strategy, head: Callable[[nn.Module], tuple[str, ...]], probe_lr_scale: float
) -> tuple[harness.Stage, ...]:
    probe = partial(_of_head, head=head)
    if strategy.name == "lpft":
        return (
            harness.Stage(
                name="linear", share_of_epochs=0.5, trainable=probe, lr_scale=probe_lr_scale
            ),
            harness.Stage(name="finetune", share_of_epochs=0.5),
        )
    if strategy.name == "linear":
        return (harness.Stage(name="linear", trainable=probe),)
    if strategy.name == "lora":
        return (harness.Stage(name="lora", trainable=partial(_of_updates, head=head)),)
    if strategy.frozen_blocks:
        return (
            harness.Stage(
                trainable=partial(_behind, frozen_blocks=strategy.frozen_blocks, head=head),
            ),
        )
    return (harness.Stage(),)


def _of_head(module: nn.Module, *, head: Callable[[nn.Module], tuple[str, ...]]) -> list[str]:
    own = tuple(f"{name}." for name in head(module))
    return [name for name, _ in module.named_parameters() if name.startswith(own)]


def _of_updates(module: nn.Module, *, head: Callable[[nn.Module], tuple[str, ...]]) -> list[str]:
    updates = [name for name, _ in module.named_parameters() if lora.MARK in name]
    return [*updates, *_of_head(module, head=head)]


def _behind(
    module: nn.Module, *, frozen_blocks: int, head: Callable[[nn.Module], tuple[str, ...]]
) -> list[str]:
    frozen = frozen_names(module, frozen_blocks, head(module))
    return [name for name, _ in module.named_parameters() if name not in frozen]
