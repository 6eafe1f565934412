"""A network that was made for other classes, with a new classifier."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

import harness
from harness_families.fitted import size_near
from harness_families.transfer import Transfer

State = dict[str, Tensor]


class Classifier(Transfer):
    """A network of a library, trained by a strategy.

    Args:
        problem: what to predict.
        model: its name there, maybe with that of its weights.
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
        self.model = model
        self.sized = sized
        self._sizes = dict(sizes)
        self._head = tuple(head)
        self.convolutional = convolutional

    @property
    def size(self) -> int:
        return size_near(self._sizes, self.problem.image_size)

    def head(self, module: nn.Module) -> tuple[str, ...]:
        return self._head

    @abstractmethod
    def create(self) -> nn.Module:
        """The network with random weights, for the problem's classes and :attr:`size`."""

    @abstractmethod
    def loaded(self, state: State, network: nn.Module) -> State:
        """A checkpoint with the network's names and shapes, but for the classifier's."""

    def network(self) -> nn.Module:
        network = self.create()
        if self.problem.weights == "pretrained":
            (path,) = self.problem.weights_files.values()
            harness.load_checkpoint(network, path, partial(self._adapted, network))
        return network

    def _adapted(self, network: nn.Module, state: State) -> State:
        """Everything but the classifier from the checkpoint; that stays as it was built."""
        count = len(state)
        found = self.loaded(state, network)
        own = tuple(f"{name}." for name in self._head)
        dropped = [name for name in found if name.startswith(own)]
        print(f"{self.model}: {count} entries in the checkpoint, {len(found)} by the library's")
        print(f"names; left out for a new classifier: {', '.join(dropped) or 'none'}")
        head = {name: v for name, v in network.state_dict().items() if name.startswith(own)}
        return {name: v for name, v in found.items() if not name.startswith(own)} | head
