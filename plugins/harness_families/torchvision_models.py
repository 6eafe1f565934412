"""A classifier of torchvision with a new last layer."""

from __future__ import annotations

import re
from collections import OrderedDict

from torch import nn
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from harness_families.classifier import Classifier, State
from harness_families.torchvision_names import AUXILIARY, create

OLD_NAME = re.compile(r"(?<=\.)(norm|conv)\.(?=[12]\.)")
"""In files of DenseNets: ``norm.1`` is called ``norm1`` today."""


class TorchvisionClassifier(Classifier):
    """The checkpoint is one of torchvision's."""

    def create(self) -> nn.Module:
        return create(self.model, self.size, len(self.problem.classes), sized=self.sized)

    def loaded(self, state: State, network: nn.Module) -> State:
        auxiliary = AUXILIARY.get(self.model, ())
        found = {name: value for name, value in state.items() if not name.startswith(auxiliary)}
        if len(found) < len(state):
            print(f"left out: {len(state) - len(found)} entries of auxiliary classifiers")
        if self.model.startswith("densenet"):
            found = {OLD_NAME.sub(r"\1", name): value for name, value in found.items()}
        if isinstance(network, VisionTransformer):
            sizes = network.image_size, network.patch_size
            found = dict(interpolate_embeddings(*sizes, OrderedDict(found)))
        return found
