"""A network of timm with a new classifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

import harness
from harness_families.fitted import size_near
from harness_families.timm_names import create, created_from
from harness_families.transfer import Transfer


class Classifier(Transfer):
    """A network of timm, trained by a strategy.

    Args:
        problem: what to predict.
        model: its name in timm, maybe with a tag.
        sizes: the images that it takes, as :func:`harness_families.fitted.facts` has them.
        sized: whether it is built for one size of images.
        head: names of the modules of its classifier.
        convolutional: whether most of its parameters are those of convolutions.
        options: those of :class:`harness_families.transfer.Transfer`.
    """

    def __init__(
        self,
        problem: harness.Problem,
        *,
        model: str,
        sizes: Mapping[str, int],
        sized: bool,
        head: Iterable[str],
        convolutional: bool,
        **options: Any,
    ) -> None:
        super().__init__(problem, **options)
        self._model = model
        self._sizes = dict(sizes)
        self._sized = sized
        self._head = tuple(head)
        self.convolutional = convolutional

    @property
    def size(self) -> int:
        return size_near(self._sizes, self.problem.image_size)

    def head(self, module: nn.Module) -> tuple[str, ...]:
        return self._head

    def network(self) -> nn.Module:
        network = create(self._model, self.size, len(self.problem.classes), sized=self._sized)
        if self.problem.weights == "pretrained":
            (path,) = self.problem.weights_files.values()
            harness.load_checkpoint(network, path, partial(self._adapted, network))
        return network

    def _adapted(self, network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Everything but the classifier from the checkpoint; that stays as it was built."""
        count = len(state)
        found, classes = created_from(self._model, self.size, state, sized=self._sized)
        own = tuple(f"{name}." for name in self._head)
        loaded, built = found.state_dict(), network.state_dict()
        left_out = [name for name in loaded if name.startswith(own)]
        print(f"{self._model}: {count} entries of the checkpoint read by timm, {len(loaded)} made")
        if left_out:
            print(f"left out: {', '.join(left_out)}, a classifier of {classes} classes")
        head = {name: value for name, value in built.items() if name.startswith(own)}
        return {n: v for n, v in loaded.items() if n not in left_out} | head
