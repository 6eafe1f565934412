"""A torchvision network with a new head, every layer trained."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn

import harness
from harness_supervised.families import FAMILIES


class Classifier(harness.TorchMethod):
    """A member of a torchvision family, fine-tuned as a whole.

    Args:
        problem: what to predict.
        family: a name in :data:`harness_supervised.families.FAMILIES`.
        arguments: those of the family's ``build``.
        head: ``"replace"`` puts one linear layer instead of the 1,000-way one; ``"study"``
            keeps that and adds ReLU and a linear layer behind it, as the original study did.

        preprocessing: ``"weights"`` prepares images as the weights were trained; ``"imagenet"`` by
            ImageNet's mean and deviation and bilinear resizing, as the original study did for every
            network.

    Raises:
        HarnessError: there is no such family, head or preprocessing.
    """

    def __init__(
        self,
        problem: harness.Problem,
        *,
        family: str,
        arguments: Mapping[str, Any],
        head: Literal["replace", "study"] = "replace",
        preprocessing: Literal["weights", "imagenet"] = "weights",
    ) -> None:
        super().__init__(problem)
        if family not in FAMILIES:
            raise harness.HarnessError(f"no family {family!r}; families: {', '.join(FAMILIES)}")
        if head not in ("replace", "study"):
            raise harness.HarnessError(f"head {head!r}: use 'replace' or 'study'")
        if preprocessing not in ("weights", "imagenet"):
            raise harness.HarnessError(
                f"preprocessing {preprocessing!r}: use 'weights' or 'imagenet'"
            )
        self._family = FAMILIES[family]
        self._arguments = arguments
        self._head = head
        self._preprocessing = preprocessing
        self.convolutional = self._family.convolutional

    @property
    def input(self) -> harness.InputSpec:
        """The preprocessing at the protocol's size; where patches have positions, at the
        multiple of the patch nearest to it."""
        size = self.problem.image_size
        if self._family.positions:
            patch = self._arguments["patch"]
            size = max(1, round(size / patch)) * patch
        if self._preprocessing == "imagenet":
            return harness.InputSpec(
                size=size, mean=harness.IMAGENET_MEAN, std=harness.IMAGENET_STD
            )
        card = self._family.card
        return harness.InputSpec(
            size=size, mean=card.mean, std=card.std, interpolation=card.interpolation
        )

    def build(self) -> nn.Module:
        size = {"size": self.input.size} if self._family.positions else {}
        network = self._family.build(**self._arguments, **size)
        if self.problem.weights == "pretrained":
            (path,) = self.problem.weights_files.values()
            harness.load_checkpoint(network, path, partial(self._adapted, network))
        old = network.get_submodule(self._family.head)
        assert isinstance(old, nn.Linear)
        classes = len(self.problem.classes)
        if self._head == "study":
            return nn.Sequential(network, nn.ReLU(), nn.Linear(old.out_features, classes))
        network.set_submodule(self._family.head, nn.Linear(old.in_features, classes))
        return network

    def _adapted(self, network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The state as the network has it. A file may have everything but the last layer, as small
        weights do: that is then as it was built, be it replaced or kept (``head``)."""
        state = self._family.adapt(state, network)
        head = network.get_submodule(self._family.head).state_dict(prefix=f"{self._family.head}.")
        return state if head.keys() & state.keys() else {**state, **head}

    def forward(self, module: nn.Module, images: Tensor) -> Mapping[str, Tensor]:
        return {"label": module(images)}
