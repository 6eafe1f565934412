"""A network of timm with a new classifier."""

from __future__ import annotations

from torch import nn

from harness_families import timm_names
from harness_families.classifier import Classifier, State


class TimmClassifier(Classifier):
    """The checkpoint is read as timm does."""

    def create(self) -> nn.Module:
        classes = len(self.problem.classes)
        return timm_names.create(self.model, self.size, classes, sized=self.sized)

    def loaded(self, state: State, network: nn.Module) -> State:
        found = timm_names.created_from(self.model, self.size, state, sized=self.sized)
        return found.state_dict()
