"""A network of segmentation-models-pytorch with one mask as its output."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

import harness
from harness_families import smp_names, timm_names
from harness_families.fitted import size_near
from harness_families.transfer import Transfer

State = dict[str, Tensor]
_NUMBERED = re.compile(r"_(?=[0-9]+\.)")
"""timm calls ``stages.0`` ``stages_0`` in networks that return features."""


class Segmenter(Transfer):
    """An encoder that somebody has trained before and a new decoder, trained by a strategy.

    Args:
        problem: what to predict.
        architecture: the decoder's name.
        encoder: the encoder's name.
        sizes: the images that it takes, as :func:`harness_families.fitted.facts` has them.
        convolutional: whether most of its parameters are those of convolutions.
        options: those of :class:`harness_families.transfer.Transfer`.
    """

    # Maps of several sizes pass to the decoder, of more values than an image has pixels: to read
    # them would take longer than to compute them.
    divisible = False

    def __init__(
        self,
        problem: harness.Problem,
        *,
        architecture: str,
        encoder: str,
        sizes: Mapping[str, int],
        convolutional: bool,
        **options: Any,
    ) -> None:
        if smp_names.CONFIG in problem.weights_files:
            options |= _prepared(problem)
        super().__init__(problem, **options)
        self._architecture = architecture
        self._encoder = encoder
        self._sizes = dict(sizes)
        self.convolutional = convolutional

    @property
    def size(self) -> int:
        return size_near(self._sizes, self.problem.image_size)

    def head(self, module: nn.Module) -> tuple[str, ...]:
        return smp_names.HEAD

    def outputs(self, logits: Tensor) -> Mapping[str, Tensor]:
        return {"mask": logits}

    def network(self) -> nn.Module:
        network = smp_names.create(self._architecture, self._encoder, 1)
        if self.problem.weights == "pretrained":
            encoder = network.get_submodule("encoder")
            path = self.problem.weights_files[smp_names.CHECKPOINT]
            if self._encoder.startswith(smp_names.TIMM):
                harness.load_checkpoint(encoder, path, lambda state: self._of_timm(encoder, state))
            else:
                # The encoder itself drops the classifier, where the file has one.
                harness.load_checkpoint(encoder, path)
        return network

    def _of_timm(self, encoder: nn.Module, state: State) -> State:
        """The encoder's part of a checkpoint that timm reads as a whole."""
        model = self._encoder.removeprefix(smp_names.TIMM)
        cfg = timm_names.config_of(model)
        size = max(cfg.input_size[1:])
        whole = timm_names.created_from(model, size, state, sized=cfg.fixed_input_size)
        values = whole.state_dict()
        names = {own: _in_timm(own) for own in encoder.state_dict()}
        print(f"{model}: {len(values)} entries in the checkpoint, {len(names)} in the encoder")
        return {own: values[name] for own, name in names.items()}


def _in_timm(name: str) -> str:
    return _NUMBERED.sub(".", name.removeprefix("model.").removeprefix("model."))


def _prepared(problem: harness.Problem) -> dict[str, Any]:
    """How the weights' own configuration prepares images.

    Raises:
        HarnessError: the file does not say.
    """
    path = problem.weights_files[smp_names.CONFIG]
    try:
        config = json.loads(path.read_bytes())
        high = float(config.get("input_range", (0, 1))[1])
        return {
            "mean": [float(value) / high for value in config["mean"]],
            "std": [float(value) / high for value in config["std"]],
        }
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise harness.HarnessError(
            f"{path}: says not how images are prepared ({error}); fetch it again"
        ) from error
